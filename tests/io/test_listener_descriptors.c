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

/* Lets this process open as many descriptors more. Returns the limit before. */
static rlim_t limit_descriptors(unsigned more)
{
	struct rlimit limit;
	rlim_t before;
	int next = dup(STDERR_FILENO);

	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)next + more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static void restore_descriptors(rlim_t before)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = before;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void run_for_ms(struct fixture *f, unsigned ms)
{
	uint64_t began_ns = clock_monotonic_ns();

	while (clock_monotonic_ns() - began_ns < ms * 1000000ULL) {
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
}

/* More connections than descriptors: those that wait are taken when others have ended, and nothing spins meanwhile. */
static void test_out_of_descriptors(void **state)
{
	enum { CLIENTS = DESCRIPTORS_LEFT + 4 };
	struct fixture *f = *state;
	struct listener *l;
	int fds[CLIENTS];
	rlim_t before;
	char text[64];

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	l = listen_on(f, text, 0660);
	assert_non_null(l);
	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i] = connect_to(text);
	before = limit_descriptors(DESCRIPTORS_LEFT);
	wait_for_producers(f, DESCRIPTORS_LEFT);
	run_for_ms(f, 500);
	assert_int_equal(producers_count(f->producers), DESCRIPTORS_LEFT);
	for (unsigned i = 0; i < 2; i++)
		close(fds[i]);
	/* Each that ends here gives two descriptors back: the client's end and the listener's. */
	wait_for_producers(f, CLIENTS - 2);
	restore_descriptors(before);
	for (unsigned i = 2; i < CLIENTS; i++)
		close(fds[i]);
	wait_for_producers(f, 0);
	listener_free(l);
}

static void test_freed_while_it_waits_for_descriptors(void **state)
{
	struct fixture *f = *state;
	struct listener *l;
	rlim_t before;
	char text[64];
	int fd;

	snprintf(text, sizeof(text), "unix://%s/socket", f->folder);
	l = listen_on(f, text, 0660);
	assert_non_null(l);
	fd = connect_to(text);
	before = limit_descriptors(0);
	run_for_ms(f, 50);
	assert_int_equal(producers_count(f->producers), 0);
	listener_free(l);
	restore_descriptors(before);
	run_for_ms(f, 300);
	assert_int_equal(producers_count(f->producers), 0);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_out_of_descriptors),
		TEST(test_freed_while_it_waits_for_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
