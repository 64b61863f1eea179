/* What a sink drops when its reader stalls, and what it waits for. */
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

static void test_what_matters_least_is_dropped_first(void **state)
{
	struct pipe_end p = pipe_new();
	struct sink *s = sink_on(&p, false);
	unsigned number = 1;
	struct sink_stats st;
	struct buf got;

	(void)state;
	plug(s);
	assert_int_equal(fill(s, STATUS_SUCCEEDED, &number), (QUEUE / 2 - PLUG) / LINE);
	assert_int_equal(stats_of(s).queued_bytes, QUEUE / 2);
	assert_int_equal(fill(s, STATUS_SAMPLE_LOSS, &number), QUEUE / 4 / LINE);
	assert_int_equal(stats_of(s).queued_bytes, QUEUE / 4 * 3);
	assert_false(sink_line(s, STATUS_SUCCEEDED, line_of(number, LINE)));
	assert_int_equal(fill(s, STATUS_FAILED, &number), QUEUE / 4 / LINE);
	assert_int_equal(stats_of(s).queued_bytes, QUEUE);
	for (unsigned i = 0; i < 10; i++)
		assert_false(sink_line(s, STATUS_SAMPLE_LOSS, line_of(number, LINE)));
	st = stats_of(s);
	assert_int_equal(st.nr_lines, number);
	assert_int_equal(st.nr_bytes, QUEUE);
	assert_int_equal(st.nr_dropped[STATUS_SUCCEEDED], 2);
	assert_int_equal(st.nr_dropped[STATUS_SAMPLE_LOSS], 11);
	assert_int_equal(st.nr_dropped[STATUS_FAILED], 1);

	/* The reader goes on: nothing that was taken is lost or torn, and there is room again. */
	got = read_bytes(p.read_fd, QUEUE);
	assert_lines(buf_slice(&got), 0, number, plug_len);
	buf_release(&got);
	wait_until_written(s);
	assert_true(sink_line(s, STATUS_SUCCEEDED, line_of(number, LINE)));
	assert_int_equal(sink_close(s, &st), 0);
	assert_int_equal(st.nr_lines, number + 1);
	assert_int_equal(st.nr_written_bytes, st.nr_bytes);
	got = read_bytes(p.read_fd, CAP);
	assert_lines(buf_slice(&got), number, number + 1, same_len);
	buf_release(&got);
	close(p.read_fd);
}

/* A line that alone is above the limit of its status is dropped, also by an empty sink. */
static void test_lines_longer_than_their_share(void **state)
{
	const char *path = path_of("long");
	struct sink *s = sink_open(path, QUEUE, false);
	struct sink_stats st;
	struct buf got;

	(void)state;
	assert_false(sink_line(s, STATUS_SUCCEEDED, line_of(1, QUEUE / 2 + 1)));
	assert_false(sink_line(s, STATUS_SAMPLE_LOSS, line_of(1, QUEUE / 4 * 3 + 1)));
	assert_false(sink_line(s, STATUS_FAILED, line_of(1, QUEUE + 1)));
	assert_true(sink_line(s, STATUS_FAILED, line_of(1, QUEUE)));
	assert_int_equal(sink_close(s, &st), 0);
	for (unsigned i = 0; i < STATUSES; i++)
		assert_int_equal(st.nr_dropped[i], 1);
	got = read_file(path);
	assert_int_equal(got.len, QUEUE);
	buf_release(&got);
}

static void test_lossless_waits_for_its_reader(void **state)
{
	enum { LINES = 8 * QUEUE / LINE };
	struct pipe_end p = pipe_new();
	struct slow_reader reader = { .fd = p.read_fd };
	struct sink *s = sink_on(&p, true);
	struct sink_stats st;
	pthread_t thread;

	(void)state;
	buf_init(&reader.got, CAP);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
	for (unsigned n = 0; n < LINES; n++) {
		assert_true(sink_line(s, (enum status)(n % STATUSES), line_of(n, LINE)));
		assert_true(stats_of(s).queued_bytes <= QUEUE);
	}
	/* What does not fit into an empty queue cannot be waited for. */
	assert_false(sink_line(s, STATUS_FAILED, line_of(LINES, QUEUE + 1)));
	assert_int_equal(sink_close(s, &st), 0);
	pthread_join(thread, NULL);
	assert_lines(buf_slice(&reader.got), 0, LINES, same_len);
	assert_int_equal(st.nr_lines, LINES);
	assert_int_equal(st.nr_dropped[STATUS_SUCCEEDED] + st.nr_dropped[STATUS_SAMPLE_LOSS], 0);
	assert_int_equal(st.nr_dropped[STATUS_FAILED], 1);
	buf_release(&reader.got);
	close(p.read_fd);
}

/* stdout may have been made non-blocking by those who share it. */
static void test_stdout_that_does_not_block(void **state)
{
	enum { LINES = 2 * QUEUE / LINE };
	struct pipe_end p = pipe_new();
	struct slow_reader reader = { .fd = p.read_fd };
	int before = dup(STDOUT_FILENO);
	struct sink *s;
	pthread_t thread;

	(void)state;
	fflush(stdout);
	assert_int_equal(fcntl(p.write_fd, F_SETFL, O_NONBLOCK), 0);
	dup2(p.write_fd, STDOUT_FILENO);
	s = sink_open("-", QUEUE, true);
	dup2(before, STDOUT_FILENO);
	close(before);
	close(p.write_fd);
	assert_non_null(s);
	buf_init(&reader.got, CAP);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
	for (unsigned n = 0; n < LINES; n++)
		assert_true(sink_line(s, STATUS_SUCCEEDED, line_of(n, LINE)));
	sink_reopen(s); /* nothing, for stdout */
	assert_int_equal(sink_close(s, NULL), 0);
	pthread_join(thread, NULL);
	assert_lines(buf_slice(&reader.got), 0, LINES, same_len);
	buf_release(&reader.got);
	close(p.read_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_matters_least_is_dropped_first),
		cmocka_unit_test(test_lines_longer_than_their_share),
		cmocka_unit_test(test_lossless_waits_for_its_reader),
		cmocka_unit_test(test_stdout_that_does_not_block),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
