/* What goes well. */
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
