#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "listener_fixture.h"

/* A port that was free a moment ago, for both families. */
static unsigned free_port(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t len = sizeof(sin6);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin6, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin6, &len), 0);
	close(fd);
	return ntohs(sin6.sin6_port);
}

static void test_both_families_on_one_port(void **state)
{
	struct fixture *f = *state;
	unsigned port = free_port();
	struct listener *v4, *v6;
	char text[64];
	int fds[2];

	snprintf(text, sizeof(text), "tcp://0.0.0.0:%u", port);
	v4 = listen_on(f, text, 0);
	assert_non_null(v4);
	snprintf(text, sizeof(text), "tcp://[::]:%u", port);
	v6 = listen_on(f, text, 0);
	assert_non_null(v6);
	snprintf(text, sizeof(text), "tcp://127.0.0.1:%u", port);
	fds[0] = connect_to(text);
	wait_for_producers(f, 1);
	snprintf(text, sizeof(text), "tcp://[::1]:%u", port);
	fds[1] = connect_to(text);
	wait_for_producers(f, 2);

	/* An IPv6 socket takes IPv6 only. */
	listener_free(v4);
	snprintf(text, sizeof(text), "tcp://127.0.0.1:%u", port);
	assert_int_equal(connect_to(text), -1);
	listener_free(v6);
	assert_int_equal(producers_count(f->producers), 2); /* what was accepted stays */
	close(fds[0]);
	close(fds[1]);
	wait_for_producers(f, 0);
}

/* Connections that linger in TIME_WAIT do not keep a daemon from starting again. */
static void test_port_can_be_taken_again_at_once(void **state)
{
	struct fixture *f = *state;
	char text[64];

	snprintf(text, sizeof(text), "tcp://127.0.0.1:%u", free_port());
	for (unsigned i = 0; i < 3; i++) {
		struct listener *l = listen_on(f, text, 0);
		int fd;

		assert_non_null(l);
		fd = connect_to(text);
		assert_true(fd >= 0);
		wait_for_producers(f, 1);
		assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
		wait_for_producers(f, 0); /* closed by this side first */
		close(fd);
		listener_free(l);
	}
}

static void test_port_in_use(void **state)
{
	struct fixture *f = *state;
	struct listener *l;
	char text[64];

	snprintf(text, sizeof(text), "tcp://127.0.0.1:%u", free_port());
	l = listen_on(f, text, 0);
	assert_non_null(l);
	assert_null(listen_on(f, text, 0));
	assert_int_equal(errno, EADDRINUSE);
	listener_free(l);
}

static void test_where_one_cannot_listen(void **state)
{
	struct fixture *f = *state;
	char text[128];

	assert_null(listen_on(f, "tcp://localhost:6000", 0));
	assert_int_equal(errno, ENOENT);
	assert_null(listen_on(f, "tcp://192.0.2.1:6000", 0)); /* of no machine: RFC 5737 */
	assert_int_equal(errno, EADDRNOTAVAIL);
	snprintf(text, sizeof(text), "unix://%s/no/such/folder", f->folder);
	assert_null(listen_on(f, text, 0660));
	assert_int_equal(errno, ENOENT);
	listener_free(NULL);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static void test_unix_socket(void **state)
{
	static const unsigned modes[] = { 0, 0600, 0660, 0666, 0777 };
	struct fixture *f = *state;
	char text[64];

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct listener *l = listen_on(f, text, modes[i]);
		int fd;

		assert_non_null(l);
		assert_int_equal(mode_of(text + 7), S_IFSOCK | modes[i]);
		fd = getuid() == 0 || modes[i] & 0200 ? connect_to(text) : -1;
		if (fd >= 0) {
			wait_for_producers(f, 1);
			close(fd);
			wait_for_producers(f, 0);
		}
		listener_free(l);
		assert_int_equal(mode_of(text + 7), 0); /* the file is gone */
	}
}

/* As a process leaves it that was killed. */
static void leave_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void test_stale_unix_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct listener *l;
	char text[64];
	int fd;

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	leave_socket(text + 7);
	l = listen_on(f, text, 0660);
	assert_non_null(l);
	fd = connect_to(text);
	assert_true(fd >= 0);
	wait_for_producers(f, 1);
	close(fd);
	listener_free(l);
}

static void test_live_unix_socket_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct listener *l;
	char text[64];
	int fd;

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	l = listen_on(f, text, 0660);
	assert_non_null(l);
	assert_null(listen_on(f, text, 0660));
	assert_int_equal(errno, EADDRINUSE);
	fd = connect_to(text);
	assert_true(fd >= 0);
	close(fd);
	listener_free(l);
}

/* Only a socket is ever removed: a typing error costs nobody a file. */
static void test_other_files_are_left_alone(void **state)
{
	struct fixture *f = *state;
	char text[64], aim[64], *path = text + 7;
	int fd;

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	snprintf(aim, sizeof(aim), "%s/aim", f->folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(listen_on(f, text, 0660));
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	assert_int_equal(unlink(path), 0);

	leave_socket(aim);
	assert_int_equal(symlink(aim, path), 0);
	assert_null(listen_on(f, text, 0660));
	assert_int_equal(mode_of(path) & S_IFMT, S_IFLNK);
	assert_int_equal(mode_of(aim) & S_IFMT, S_IFSOCK);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(listen_on(f, text, 0660));
	assert_int_equal(mode_of(path), S_IFDIR | 0700);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_both_families_on_one_port),
		TEST(test_port_can_be_taken_again_at_once),
		TEST(test_port_in_use),
		TEST(test_where_one_cannot_listen),
		TEST(test_unix_socket),
		TEST(test_stale_unix_socket_is_replaced),
		TEST(test_live_unix_socket_is_left_alone),
		TEST(test_other_files_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
