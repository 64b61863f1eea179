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

#include "base/log.h"
#include "io/producer.h"

enum {
	FRAME_MAX = 2000,
	CONNECTIONS_MAX = 64,
	CAP = 4 << 20,
	SPINS = 50,
};

/* Engine, event loop and producers; `ended` counts what on_end was told. */
struct fixture {
	struct event_base *base;
	struct engine *engine;
	struct producers *producers;
	unsigned nr_sessions;
	unsigned ended[PRODUCER_ENDS];
};

static void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct fixture *f = arg;

	(void)s;
	(void)v;
	f->nr_sessions++;
}

static void on_end(void *arg, enum producer_end end, bool has_started)
{
	struct fixture *f = arg;

	(void)has_started;
	f->ended[end]++;
}

static int set_up_with(void **state, unsigned max, uint32_t frame_max)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct engine_callbacks callbacks = { .on_session = on_session, .arg = f };
	struct engine_limits limits = engine_limits_default();

	limits.closed_max = 1000;
	f->base = event_base_new();
	f->engine = engine_new(&limits, &callbacks);
	f->producers = producers_new(f->base, f->engine, max, frame_max);
	*state = f;
	return f->base && f->engine && f->producers ? 0 : -1;
}

static int set_up(void **state)
{
	log_set_level(LOG_ERROR);
	return set_up_with(state, CONNECTIONS_MAX, FRAME_MAX);
}

static int set_up_large(void **state)
{
	return set_up_with(state, CONNECTIONS_MAX, 1 << 20);
}

static int set_up_two(void **state)
{
	return set_up_with(state, 2, FRAME_MAX);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	producers_free(f->producers);
	engine_free(f->engine);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void spin(struct fixture *f)
{
	for (unsigned i = 0; i < SPINS; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* A connection whose other end is returned. */
static int add(struct fixture *f)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(producers_add(f->producers, ends[0], NULL, "test", on_end, f));
	return ends[1];
}

static void send_bytes(struct fixture *f, int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			n = 0;
		}
		bytes = slice_of(bytes.data + n, bytes.len - (size_t)n);
		spin(f);
	}
}

/* Whether the end has been reached; what came before must be `expected`. */
static bool received(int fd, struct slice expected)
{
	uint8_t got[1024];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, got + len, sizeof(got) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	assert_int_equal(len, expected.len);
	if (len)
		assert_memory_equal(got, expected.data, len);
	return n == 0 || errno == ECONNRESET;
}

static struct slice none(void)
{
	return slice_of("", 0);
}

static struct buf bytes_of(void (*write_control)(struct buf *out))
{
	struct buf b;

	buf_init(&b, CAP);
	write_control(&b);
	return b;
}

/* --- frames: a CLIENT_QUERY or CLIENT_RESPONSE of 10.0.0.1:1000 at 2001-09-09 and `number` nanoseconds, without DNS
 * message */

static void add_fixed32(struct buf *b, uint8_t field, uint32_t value)
{
	buf_add_byte(b, (uint8_t)(field << 3 | 5));
	for (unsigned i = 0; i < 4; i++)
		buf_add_byte(b, (uint8_t)(value >> 8 * i));
}

static void add_time(struct buf *b, uint8_t sec_field, uint32_t nsec)
{
	/* 10^9 seconds as a varint */
	buf_add_byte(b, (uint8_t)(sec_field << 3));
	buf_add(b, "\x80\x94\xeb\xdc\x03", 5);
	add_fixed32(b, (uint8_t)(sec_field + 1), nsec);
}

static void add_message(struct buf *out, bool is_response, uint32_t number)
{
	static const uint8_t head[] = { 0x0a, 1, 'c' };		   /* identity */
	static const uint8_t tail[] = { 0x78, 1 };		   /* type: MESSAGE */
	static const uint8_t peer[] = { 0x10, 1,    0x18, 1,	   /* INET, UDP */
					0x22, 4,    10,	  0, 0, 1, /* query_address */
					0x30, 0xe8, 0x07 };	   /* query_port */
	struct buf m;

	buf_init(&m, FRAME_MAX);
	buf_add_byte(&m, 0x08);
	buf_add_byte(&m, is_response ? 6 : 5);
	buf_add(&m, peer, sizeof(peer));
	add_time(&m, 8, number);
	if (is_response)
		add_time(&m, 12, number + 1);
	buf_add(out, head, sizeof(head));
	buf_add_byte(out, 0x72);
	buf_add_byte(out, (uint8_t)m.len);
	buf_add(out, m.data, m.len);
	buf_add(out, tail, sizeof(tail));
	buf_release(&m);
}

static void add_frame(struct buf *out, bool is_response, uint32_t number)
{
	struct buf frame;

	buf_init(&frame, FRAME_MAX);
	add_message(&frame, is_response, number);
	frame_write_data(buf_slice(&frame), out);
	buf_release(&frame);
}

/* Handshake as wanted, sessions of two frames each, STOP. */
static struct buf conversation(bool is_bidirectional, unsigned sessions)
{
	struct buf b;

	buf_init(&b, CAP);
	if (is_bidirectional)
		frame_write_ready(&b);
	frame_write_start(&b);
	for (unsigned i = 0; i < sessions; i++) {
		add_frame(&b, false, i * 10);
		add_frame(&b, true, i * 10);
	}
	frame_write_stop(&b);
	assert_false(b.failed);
	return b;
}

static void assert_sessions(struct fixture *f, unsigned sessions)
{
	const struct engine_stats *st = engine_stats(f->engine);

	assert_int_equal(st->nr_frames, sessions * 2);
	assert_int_equal(st->nr_joined, sessions * 2);
	assert_int_equal(f->nr_sessions, sessions);
}

/* --- what goes well */

static void test_handshake_and_finish(void **state)
{
	struct buf ready = bytes_of(frame_write_ready), accept = bytes_of(frame_write_accept);
	struct buf start = bytes_of(frame_write_start), finish = bytes_of(frame_write_finish);
	struct buf stop = bytes_of(frame_write_stop), frames;
	struct fixture *f = *state;
	int fd = add(f);

	buf_init(&frames, CAP);
	add_frame(&frames, false, 0);
	add_frame(&frames, true, 0);
	assert_false(received(fd, none()));
	send_bytes(f, fd, buf_slice(&ready));
	assert_false(received(fd, buf_slice(&accept)));
	send_bytes(f, fd, buf_slice(&start));
	send_bytes(f, fd, buf_slice(&frames));
	assert_false(received(fd, none()));
	assert_sessions(f, 1);
	send_bytes(f, fd, buf_slice(&stop));
	assert_true(received(fd, buf_slice(&finish)));
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	assert_int_equal(producers_count(f->producers), 0);
	assert_int_equal(producers_stats(f->producers)->nr_opened, 1);
	assert_int_equal(producers_stats(f->producers)->nr_ended[PRODUCER_FINISHED], 1);
	assert_int_equal(producers_stats(f->producers)->nr_torn_bytes, 0);
	close(fd);
	buf_release(&ready);
	buf_release(&accept);
	buf_release(&start);
	buf_release(&finish);
	buf_release(&stop);
	buf_release(&frames);
}

static void test_unidirectional_gets_no_reply(void **state)
{
	struct buf all = conversation(false, 3);
	struct fixture *f = *state;
	int fd = add(f);

	send_bytes(f, fd, buf_slice(&all));
	assert_true(received(fd, none()));
	assert_sessions(f, 3);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	close(fd);
	buf_release(&all);
}

/* Cut in two at every byte, each half in a read of its own. */
static void test_every_split(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(true, 2);

	for (size_t at = 1; at < all.len; at++) {
		uint64_t before = engine_stats(f->engine)->nr_frames;
		int fd = add(f);

		send_bytes(f, fd, slice_of(all.data, at));
		send_bytes(f, fd, slice_of(all.data + at, all.len - at));
		assert_int_equal(engine_stats(f->engine)->nr_frames - before, 4);
		assert_int_equal(f->ended[PRODUCER_FINISHED], at);
		close(fd);
	}
	assert_int_equal(producers_stats(f->producers)->nr_torn_bytes, 0);
	buf_release(&all);
}

static void test_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(true, 20);
	int fd = add(f);

	for (size_t at = 0; at < all.len; at++)
		send_bytes(f, fd, slice_of(all.data + at, 1));
	assert_sessions(f, 20);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	close(fd);
	buf_release(&all);
}

/* Two connections, a frame of the one between the halves of a frame of the other. */
static void test_halves_of_two_producers_do_not_mix(void **state)
{
	struct fixture *f = *state;
	struct buf all = conversation(false, 5);
	int one = add(f), two = add(f);

	for (size_t at = 0; at < all.len; at += 7) {
		size_t n = all.len - at < 7 ? all.len - at : 7;

		send_bytes(f, one, slice_of(all.data + at, n));
		send_bytes(f, two, slice_of(all.data + at, n));
	}
	/* The second one says what the first one said: two `dnstap` lines. */
	assert_int_equal(engine_stats(f->engine)->nr_frames, 20);
	assert_int_equal(engine_stats(f->engine)->nr_joined, 10);
	assert_int_equal(engine_stats(f->engine)->nr_duplicate, 10);
	assert_int_equal(f->nr_sessions, 5);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 2);
	close(one);
	close(two);
	buf_release(&all);
}

/* Larger than what one read takes, and than a socket's buffer. */
static void test_frame_larger_than_a_read(void **state)
{
	enum { LEN = 1 << 20, FRAMES = 3 };
	struct fixture *f = *state;
	uint8_t *payload = calloc(1, LEN);
	struct buf all;
	int fd = add(f);

	buf_init(&all, CAP);
	frame_write_start(&all);
	for (unsigned i = 0; i < FRAMES; i++)
		frame_write_data(slice_of(payload, LEN), &all);
	frame_write_stop(&all);
	assert_false(all.failed);
	send_bytes(f, fd, buf_slice(&all));
	assert_int_equal(engine_stats(f->engine)->nr_frames, FRAMES);
	assert_int_equal(engine_stats(f->engine)->nr_bytes, (uint64_t)FRAMES * LEN);
	assert_int_equal(f->ended[PRODUCER_FINISHED], 1);
	close(fd);
	free(payload);
	buf_release(&all);
}

static void test_size_limit_is_exact(void **state)
{
	static const struct {
		size_t len;
		bool is_taken;
	} cases[] = { { 1, true }, { FRAME_MAX - 1, true }, { FRAME_MAX, true }, { FRAME_MAX + 1, false } };
	struct fixture *f = *state;
	uint8_t payload[FRAME_MAX + 1] = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t before = engine_stats(f->engine)->nr_frames;
		unsigned bad = f->ended[PRODUCER_BAD_FRAME];
		struct buf b = bytes_of(frame_write_start);
		int fd = add(f);

		frame_write_data(slice_of(payload, cases[i].len), &b);
		send_bytes(f, fd, buf_slice(&b));
		assert_int_equal(engine_stats(f->engine)->nr_frames - before, cases[i].is_taken);
		assert_int_equal(f->ended[PRODUCER_BAD_FRAME] - bad, !cases[i].is_taken);
		assert_int_equal(received(fd, none()), !cases[i].is_taken);
		close(fd);
		spin(f);
		buf_release(&b);
	}
	assert_int_equal(producers_stats(f->producers)->nr_bad_frames[FRAME_TOO_LARGE], 1);
}

/* --- what does not */

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
		TEST(test_handshake_and_finish, set_up),
		TEST(test_unidirectional_gets_no_reply, set_up),
		TEST(test_every_split, set_up),
		TEST(test_byte_by_byte, set_up),
		TEST(test_halves_of_two_producers_do_not_mix, set_up),
		TEST(test_frame_larger_than_a_read, set_up_large),
		TEST(test_size_limit_is_exact, set_up),
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
