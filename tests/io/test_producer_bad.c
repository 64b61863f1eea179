/* What does not go well, and how connections end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "producer_fixture.h"

#define BYTES(literal)                                          \
	{                                                       \
		(const uint8_t *)(literal), sizeof(literal) - 1 \
	}
#define START_OF_OTHER "\0\0\0\0\0\0\0\x0f\0\0\0\2\0\0\0\1\0\0\0\3foo"
#define READY_OF_OTHER "\0\0\0\0\0\0\0\x0f\0\0\0\4\0\0\0\1\0\0\0\3foo"
#define READY_OF_ANY "\0\0\0\0\0\0\0\4\0\0\0\4"
#define START_OF_ANY "\0\0\0\0\0\0\0\4\0\0\0\2"
#define STOP "\0\0\0\0\0\0\0\4\0\0\0\3"
#define ACCEPT_OF_ANY "\0\0\0\0\0\0\0\4\0\0\0\1"
#define FINISH "\0\0\0\0\0\0\0\4\0\0\0\5"

static const struct {
	const char *name;
	struct slice bytes;
	enum frame_error error;
} bad[] = {
	{ "HTTP", BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), FRAME_OUT_OF_ORDER },
	{ "TLS hello", BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), FRAME_OUT_OF_ORDER },
	{ "data at once", BYTES("\0\0\0\1x"), FRAME_OUT_OF_ORDER },
	{ "largest length at once", BYTES("\xff\xff\xff\xff"), FRAME_OUT_OF_ORDER },
	{ "data behind READY", BYTES(READY_OF_ANY "\0\0\0\1x"), FRAME_OUT_OF_ORDER },
	{ "READY twice", BYTES(READY_OF_ANY READY_OF_ANY), FRAME_OUT_OF_ORDER },
	{ "START twice", BYTES(START_OF_ANY START_OF_ANY), FRAME_OUT_OF_ORDER },
	{ "READY behind START", BYTES(START_OF_ANY READY_OF_ANY), FRAME_OUT_OF_ORDER },
	{ "STOP at once", BYTES(STOP), FRAME_OUT_OF_ORDER },
	{ "STOP behind READY", BYTES(READY_OF_ANY STOP), FRAME_OUT_OF_ORDER },
	{ "ACCEPT", BYTES(ACCEPT_OF_ANY), FRAME_OUT_OF_ORDER },
	{ "FINISH", BYTES(START_OF_ANY FINISH), FRAME_OUT_OF_ORDER },
	{ "other content in START", BYTES(START_OF_OTHER), FRAME_BAD_CONTENT_TYPE },
	{ "other content in READY", BYTES(READY_OF_OTHER), FRAME_BAD_CONTENT_TYPE },
	{ "unknown control frame", BYTES("\0\0\0\0\0\0\0\4\0\0\0\x09"), FRAME_BAD_CONTROL },
	{ "empty control frame", BYTES("\0\0\0\0\0\0\0\0"), FRAME_BAD_CONTROL },
	{ "long control frame", BYTES("\0\0\0\0\0\0\2\1"), FRAME_BAD_CONTROL },
	{ "endless control frame", BYTES("\0\0\0\0\xff\xff\xff\xff"), FRAME_BAD_CONTROL },
	{ "frame too large", BYTES(START_OF_ANY "\xff\xff\xff\xfc"), FRAME_TOO_LARGE },
	{ "frame too large, behind a good one", BYTES(START_OF_ANY "\0\0\0\1x\x7f\xff\xff\xff"), FRAME_TOO_LARGE },
};

/* Each is closed at once, also when it comes byte by byte; and a producer beside them does not notice. */
static void check_bad(struct fixture *f, size_t i, size_t piece)
{
	const struct producers_stats *st = producers_stats(f->producers);
	uint64_t before = st->nr_bad_frames[bad[i].error];
	uint8_t reply[256];
	int fd = add(f);

	for (size_t at = 0; at < bad[i].bytes.len && producers_count(f->producers) == 2; at += piece) {
		size_t left = bad[i].bytes.len - at;

		send_bytes(f, fd, slice_of(bad[i].bytes.data + at, left < piece ? left : piece));
	}
	if (producers_count(f->producers) != 1 || st->nr_bad_frames[bad[i].error] != before + 1)
		fail_msg("%s, in pieces of %zu: it goes on, or the reason is another", bad[i].name, piece);
	while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
		;
	close(fd);
}

static void test_bad_frames_end_their_connection_alone(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(true, 2 * sizeof(bad) / sizeof(*bad));
	size_t at = 0, step = all.len / (2 * sizeof(bad) / sizeof(*bad));
	unsigned number = 0;
	int good = add(f);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (unsigned k = 0; k < 2; k++, at += step, number++) {
			send_bytes(f, good, slice_of(all.data + at, step));
			check_bad(f, i, k ? 1 : 1000);
		}
	}
	send_bytes(f, good, slice_of(all.data + at, all.len - at));
	assert_int_equal(f->nr_sessions, number);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	assert_int_equal(f->ended[PRODUCER_BAD_FRAME], number);
	close(good);
	buf_release(&all);
}

static void test_what_follows_stop_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(true, 1), more = conversation(false, 1);
	int fd = add(f);

	buf_add(&all, more.data, more.len);
	send_bytes(f, fd, buf_slice(&all));
	assert_sessions(f, 1);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	close(fd);
	buf_release(&all);
	buf_release(&more);
}

static void test_closed_in_the_middle_of_a_frame(void **state)
{
	struct fixture *f = *state;
	struct buf b = bytes_of(frame_write_start);
	size_t begin;
	int fd = add(f);

	add_frame(&b, false, 0);
	add_frame(&b, true, 0);
	begin = b.len;
	add_frame(&b, false, 10);
	send_bytes(f, fd, slice_of(b.data, b.len - 5));
	close(fd);
	spin(f);
	assert_sessions(f, 1);
	assert_int_equal(f->ended[PRODUCER_CLOSED], 1);
	assert_int_equal(producers_stats(f->producers)->nr_torn_bytes, b.len - 5 - begin);
	buf_release(&b);
}

/* A pair of connected TCP sockets: socketpair() has no reset. */
static void tcp_pair(int ends[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sin);

	assert_int_equal(bind(listening, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&sin, &len), 0);
	ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ends[1], (struct sockaddr *)&sin, len), 0);
	ends[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ends[0] >= 0);
	close(listening);
}

static void test_reset(void **state)
{
	struct linger reset = { .l_onoff = 1 };
	struct fixture *f = *state;
	struct buf b = bytes_of(frame_write_start);
	int ends[2];

	tcp_pair(ends);
	assert_true(producers_add(f->producers, ends[0], NULL, "test", on_end, f));
	add_frame(&b, false, 0);
	add_frame(&b, true, 0);
	send_bytes(f, ends[1], buf_slice(&b));
	assert_sessions(f, 1);
	setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(ends[1]);
	spin(f);
	assert_int_equal(f->ended[PRODUCER_READ_ERROR], 1);
	assert_int_equal(producers_count(f->producers), 0);
	buf_release(&b);
}

/* All is sent before the first reply could be read, and then nobody is there to take it. */
static void test_producer_that_does_not_wait_for_replies(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(true, 3);
	int fd = add(f);

	assert_int_equal(send(fd, all.data, all.len, MSG_NOSIGNAL), all.len);
	close(fd);
	spin(f);
	assert_sessions(f, 3);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	buf_release(&all);
}

static void test_connections_are_bounded(void **state)
{
	struct fixture *f = *state;
	int one = add(f), two = add(f), ends[2];
	struct buf all = conversation(true, 2);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_false(producers_add(f->producers, ends[0], NULL, "third", on_end, f));
	assert_true(received(ends[1], none()));
	close(ends[1]);
	assert_int_equal(producers_count(f->producers), 2);
	assert_int_equal(producers_stats(f->producers)->nr_ended[PRODUCER_REFUSED], 1);
	assert_int_equal(producers_stats(f->producers)->nr_opened, 2);
	assert_int_equal(f->ended[PRODUCER_REFUSED], 0); /* its owner learns it from the result */
	close(one);
	spin(f);
	assert_int_equal(producers_count(f->producers), 1);
	one = add(f);
	send_bytes(f, one, buf_slice(&all));
	assert_sessions(f, 2);
	close(one);
	close(two);
	buf_release(&all);
}

static void test_shutdown_ends_all(void **state)
{
	struct fixture *f = *state;
	struct buf start = bytes_of(frame_write_start), half = bytes_of(frame_write_start);
	int fds[3] = { add(f), add(f), add(f) };

	add_frame(&half, false, 0);
	send_bytes(f, fds[1], buf_slice(&start));
	send_bytes(f, fds[2], slice_of(half.data, half.len - 1));
	producers_free(f->producers);
	f->producers = NULL;
	assert_int_equal(f->ended[PRODUCER_SHUTDOWN], 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(received(fds[i], none()));
		close(fds[i]);
	}
	producers_free(NULL);
	buf_release(&start);
	buf_release(&half);
}

static void test_every_end_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PRODUCER_ENDS; i++)
		assert_non_null(producer_end_name((enum producer_end)i));
}

int main(void)
{
#define TEST(name, set_up_) cmocka_unit_test_setup_teardown(name, set_up_, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_bad_frames_end_their_connection_alone, set_up),
		TEST(test_what_follows_stop_is_not_read, set_up),
		TEST(test_closed_in_the_middle_of_a_frame, set_up),
		TEST(test_reset, set_up),
		TEST(test_producer_that_does_not_wait_for_replies, set_up),
		TEST(test_connections_are_bounded, set_up_two),
		TEST(test_shutdown_ends_all, set_up),
		cmocka_unit_test(test_every_end_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
