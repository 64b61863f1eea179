/* Closing, readers that have gone, disks that are full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "sink_fixture.h"

/* A reader that comes back while the sink closes gets everything. */
static void test_close_writes_what_is_queued(void **state)
{
	struct pipe_end p = pipe_new();
	struct slow_reader reader = { .fd = p.read_fd };
	struct sink *s = sink_on(&p, false);
	unsigned number = 1;
	struct sink_stats st;
	pthread_t thread;

	(void)state;
	plug(s);
	fill(s, STATUS_FAILED, &number);
	buf_init(&reader.got, CAP);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
	assert_int_equal(sink_close(s, &st), 0);
	pthread_join(thread, NULL);
	assert_lines(buf_slice(&reader.got), 0, number, plug_len);
	assert_int_equal(st.nr_abandoned, 0);
	buf_release(&reader.got);
	close(p.read_fd);
}

static void check_reader_gone(bool is_lossless)
{
	struct pipe_end p = pipe_new();
	struct sink *s = sink_on(&p, is_lossless);
	uint64_t began_ns = clock_monotonic_ns(), dropped = 0;
	struct sink_stats st;

	plug(s);
	assert_true(sink_line(s, STATUS_FAILED, line_of(1, LINE)));
	close(p.read_fd);
	while (!stats_of(s).is_broken && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL)
		sleep_ms(5);
	assert_true(stats_of(s).is_broken);
	/* Nobody waits for a reader that has gone, not even without loss. */
	for (unsigned i = 0; i < 2 * QUEUE / LINE; i++)
		dropped += !sink_line(s, STATUS_FAILED, line_of(i, LINE));
	assert_int_equal(dropped, 2 * QUEUE / LINE);
	assert_int_equal(sink_close(s, &st), -EPIPE);
	assert_int_equal(st.nr_lines, 2);
	assert_int_equal(st.nr_abandoned, 2);
	assert_int_equal(st.nr_dropped[STATUS_FAILED], dropped);
	assert_int_equal(st.nr_write_errors, 1);
}

static void test_reader_has_gone(void **state)
{
	(void)state;
	check_reader_gone(false);
	check_reader_gone(true);
}

struct waiting {
	struct sink *s;
	bool is_taken;
};

static void *wait_for_room(void *arg)
{
	struct waiting *w = arg;

	w->is_taken = sink_line(w->s, STATUS_SUCCEEDED, line_of(1, QUEUE));
	return NULL;
}

static void test_who_waits_for_room_learns_that_the_reader_has_gone(void **state)
{
	struct pipe_end p = pipe_new();
	struct waiting w = { .s = sink_on(&p, true), .is_taken = true };
	pthread_t thread;

	(void)state;
	plug(w.s);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_room, &w), 0);
	sleep_ms(100);
	close(p.read_fd);
	pthread_join(thread, NULL);
	assert_false(w.is_taken);
	assert_int_equal(sink_close(w.s, NULL), -EPIPE);
}

/* --- disks */

struct closing {
	struct sink *sink;
	struct sink_stats stats;
	uint64_t took_ns;
	int result;
};

static void *close_sink(void *arg)
{
	struct closing *c = arg;
	uint64_t began_ns = clock_monotonic_ns();

	c->result = sink_close(c->sink, &c->stats);
	c->took_ns = clock_monotonic_ns() - began_ns;
	return NULL;
}

/*
 * A reader that has stopped reading, and a disk that is full: both are closed within the limit, and their lines are
 * accounted. The first one's thread and what it holds are lost on purpose: the pipe stays open, so that it hangs until
 * this program ends.
 */
static void test_close_does_not_wait_for_ever(void **state)
{
	struct pipe_end p = pipe_new();
	struct closing stuck = { .sink = sink_on(&p, false) }, full = { .sink = sink_open("/dev/full", QUEUE, false) };
	struct closing *both[] = { &stuck, &full };
	pthread_t threads[2];
	unsigned number = 1;

	(void)state;
	for (unsigned n = 0; n < 10; n++)
		assert_true(sink_line(full.sink, STATUS_FAILED, line_of(n, LINE)));
	plug(stuck.sink);
	fill(stuck.sink, STATUS_FAILED, &number);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, close_sink, both[i]), 0);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(both[i]->result, -EIO);
		assert_in_range(both[i]->took_ns, (SINK_DRAIN_S * 1000 - 100) * 1000000ULL,
				(SINK_DRAIN_S * 1000 + 1000) * 1000000ULL);
		assert_int_equal(both[i]->stats.nr_abandoned, both[i]->stats.nr_lines);
		assert_int_equal(both[i]->stats.nr_written_bytes, 0);
		assert_false(both[i]->stats.is_broken);
	}
	assert_int_equal(stuck.stats.nr_lines, number);
	assert_int_equal(stuck.stats.nr_write_errors, 0);
	assert_int_equal(full.stats.nr_lines, 10);
	assert_in_range(full.stats.nr_write_errors, 5, SINK_DRAIN_S * 1000 / SINK_RETRY_MS + 3);
}

/* Files may not grow longer, which fails as a full disk does. Returns the limit before. */
static rlim_t limit_files(rlim_t size)
{
	struct rlimit limit;
	rlim_t before;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	before = limit.rlim_cur;
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	return before;
}

/* Full in the middle of a line; later there is room again. */
static void test_disk_full_in_the_middle_of_a_line_tears_nothing(void **state)
{
	enum { SIZE = 10 * LINE + LINE / 2 };
	const char *path = path_of("limited");
	rlim_t before = limit_files(SIZE);
	struct sink_stats st;
	struct sink *s;
	struct buf got;

	(void)state;
	s = sink_open(path, QUEUE, false);
	for (unsigned n = 0; n < 100; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	while (stats_of(s).nr_write_errors < 2)
		sleep_ms(5);
	assert_int_equal(stats_of(s).nr_written_bytes, SIZE);
	limit_files(before);
	for (unsigned n = 100; n < 200; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	assert_int_equal(sink_close(s, &st), 0);
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 200, same_len);
	buf_release(&got);
	assert_int_equal(st.nr_abandoned, 0);
}

/* Full in the middle of a line, then another file: the line is whole there, whatever the old one has of it. */
static void test_leaving_a_full_disk_tears_no_line(void **state)
{
	enum { FIT = 10, LINES = 18 };
	const char *path = path_of("torn"), *moved = path_of("torn.1");
	rlim_t before = limit_files(FIT * LINE + LINE / 2);
	struct sink_stats st;
	struct sink *s;
	struct buf got;

	(void)state;
	s = sink_open(path, QUEUE, false);
	for (unsigned n = 0; n < LINES; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	while (stats_of(s).nr_write_errors == 0)
		sleep_ms(5);
	assert_int_equal(rename(path, moved), 0);
	sink_reopen(s);
	assert_int_equal(sink_close(s, &st), 0);
	limit_files(before);
	assert_int_equal(st.nr_lines, LINES);
	assert_int_equal(st.nr_abandoned, 0);
	got = read_file(moved);
	assert_true(got.len >= FIT * LINE);
	assert_lines(slice_of(got.data, FIT * LINE), 0, FIT, same_len);
	buf_release(&got);
	got = read_file(path);
	assert_lines(buf_slice(&got), FIT, LINES, same_len);
	buf_release(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_writes_what_is_queued),
		cmocka_unit_test(test_reader_has_gone),
		cmocka_unit_test(test_who_waits_for_room_learns_that_the_reader_has_gone),
		cmocka_unit_test(test_close_does_not_wait_for_ever),
		cmocka_unit_test(test_disk_full_in_the_middle_of_a_line_tears_nothing),
		cmocka_unit_test(test_leaving_a_full_disk_tears_no_line),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
