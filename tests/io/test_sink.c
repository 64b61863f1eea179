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

static void test_lines_are_whole_and_in_order(void **state)
{
	const char *path = path_of("order");
	struct sink *s = sink_open(path, QUEUE, true);
	struct sink_stats st;
	struct buf got;

	(void)state;
	assert_non_null(s);
	for (unsigned n = 0; n < 20000; n++)
		assert_true(sink_line(s, (enum status)(n % STATUSES), line_of(n, mixed_len(n))));
	assert_int_equal(sink_close(s, &st), 0);
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 20000, mixed_len);
	assert_int_equal(st.nr_lines, 20000);
	assert_int_equal(st.nr_bytes, got.len);
	assert_int_equal(st.nr_written_bytes, got.len);
	assert_int_equal(st.nr_abandoned + st.nr_write_errors + st.queued_bytes, 0);
	assert_false(st.is_broken);
	buf_release(&got);
}

static void test_appends_to_what_is_there(void **state)
{
	const char *path = path_of("append");
	struct buf got;

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		struct sink *s = sink_open(path, QUEUE, false);

		assert_non_null(s);
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
		assert_int_equal(sink_close(s, NULL), 0);
	}
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 3, same_len);
	buf_release(&got);
}

static void test_one_line_is_flushed_soon(void **state)
{
	const char *path = path_of("flush");
	struct sink *s = sink_open(path, QUEUE, false);
	uint64_t began_ns = clock_monotonic_ns();
	struct buf got;

	(void)state;
	assert_true(sink_line(s, STATUS_SUCCEEDED, line_of(0, LINE)));
	while (stats_of(s).nr_written_bytes < LINE && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL)
		sleep_ms(5);
	assert_true(clock_monotonic_ns() - began_ns < 20 * SINK_FLUSH_MS * 1000000ULL);
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 1, same_len);
	buf_release(&got);
	assert_int_equal(sink_close(s, NULL), 0);
}

static void test_what_cannot_be_opened(void **state)
{
	(void)state;
	assert_null(sink_open(path_of("no/such/folder"), QUEUE, false));
	assert_int_equal(errno, ENOENT);
	assert_null(sink_open(folder, QUEUE, false));
	assert_int_equal(errno, EISDIR);
	assert_null(sink_open(path_of("huge"), (size_t)1 << 62, false));
	assert_int_equal(errno, ENOMEM);
}

static void wait_for_file(const char *path)
{
	uint64_t began_ns = clock_monotonic_ns();

	while (access(path, F_OK) != 0 && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL)
		sleep_ms(2);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_reopens_after_a_rename(void **state)
{
	enum { ROTATIONS = 5, LINES = 500 };
	const char *path = path_of("rotated");
	struct sink *s = sink_open(path, QUEUE, false);
	unsigned number = 0;

	(void)state;
	for (unsigned i = 0; i < ROTATIONS; i++) {
		const char *moved;
		char name[16];
		struct buf got;

		for (unsigned n = 0; n < LINES; n++)
			assert_true(sink_line(s, STATUS_SUCCEEDED, line_of(number++, LINE / 2)));
		wait_until_written(s);
		snprintf(name, sizeof(name), "rotated.%u", i);
		moved = path_of(name);
		assert_int_equal(rename(path, moved), 0);
		sink_reopen(s);
		wait_for_file(path);
		got = read_file(moved);
		assert_lines(buf_slice(&got), number - LINES, number, half_len);
		buf_release(&got);
	}
	assert_int_equal(sink_close(s, NULL), 0);
}

/* What was queued before sink_reopen() goes to the old file, here a pipe whose reader is slow. */
static void test_reopens_when_what_is_queued_has_been_written(void **state)
{
	const char *path = path_of("fifo"), *moved = path_of("fifo.1");
	unsigned number = 1, before;
	struct buf got, later;
	struct sink *s;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	s = sink_open(path, QUEUE, false);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	plug(s);
	before = fill(s, STATUS_SUCCEEDED, &number);
	assert_int_equal(rename(path, moved), 0);
	sink_reopen(s);
	for (unsigned n = 0; n < 10; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(number++, LINE)));
	got = read_bytes(fd, CAP);
	assert_int_equal(sink_close(s, NULL), 0);
	assert_true(got.len >= PLUG + (size_t)before * LINE);
	later = read_file(path);
	buf_add(&got, later.data, later.len);
	assert_lines(buf_slice(&got), 0, number, plug_len);
	buf_release(&got);
	buf_release(&later);
	close(fd);
}

static void test_rotation_under_load(void **state)
{
	enum { LINES = 30000 };
	const char *path = path_of("busy");
	struct sink *s = sink_open(path, QUEUE, true);
	unsigned rotations = 0;
	struct buf all, got;
	char name[32];

	(void)state;
	for (unsigned n = 0; n < LINES; n++) {
		assert_true(sink_line(s, STATUS_SUCCEEDED, line_of(n, mixed_len(n))));
		if (n % 3000 == 2999 && access(path, F_OK) == 0) {
			snprintf(name, sizeof(name), "busy.%u", rotations++);
			assert_int_equal(rename(path, path_of(name)), 0);
			sink_reopen(s);
		}
	}
	assert_int_equal(sink_close(s, NULL), 0);
	buf_init(&all, CAP);
	for (unsigned i = 0; i <= rotations; i++) {
		snprintf(name, sizeof(name), i < rotations ? "busy.%u" : "busy", i);
		if (i == rotations && access(path_of(name), F_OK) != 0)
			break; /* the last rotation came too late to be taken up */
		got = read_file(path_of(name));
		assert_true(got.len == 0 || got.data[got.len - 1] == '\n');
		buf_add(&all, got.data, got.len);
		buf_release(&got);
	}
	assert_lines(buf_slice(&all), 0, LINES, mixed_len);
	buf_release(&all);
}

static void test_reopen_that_fails_keeps_the_old_file(void **state)
{
	char path[160], moved[160];
	struct sink *s;
	struct buf got;

	(void)state;
	snprintf(path, sizeof(path), "%s/log", path_of("there"));
	snprintf(moved, sizeof(moved), "%s/log", path_of("moved"));
	assert_int_equal(mkdir(path_of("there"), 0700), 0);
	s = sink_open(path, QUEUE, false);
	assert_true(sink_line(s, STATUS_FAILED, line_of(0, LINE)));
	assert_int_equal(rename(path_of("there"), path_of("moved")), 0);
	sink_reopen(s);
	sleep_ms(3 * SINK_FLUSH_MS);
	assert_true(sink_line(s, STATUS_FAILED, line_of(1, LINE)));
	assert_int_equal(sink_close(s, NULL), 0);
	got = read_file(moved);
	assert_lines(buf_slice(&got), 0, 2, same_len);
	buf_release(&got);
}

/* SIGHUP is how an operator gets away from a full disk; waiting for the old file first would wait for ever. */
static void test_reopen_leaves_a_full_disk(void **state)
{
	const char *path = path_of("full");
	struct sink_stats st;
	struct sink *s;
	struct buf got;

	(void)state;
	assert_int_equal(symlink("/dev/full", path), 0);
	s = sink_open(path, QUEUE, false);
	for (unsigned n = 0; n < 10; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	while (stats_of(s).nr_write_errors == 0)
		sleep_ms(5);
	assert_int_equal(unlink(path), 0);
	sink_reopen(s);
	assert_int_equal(sink_close(s, &st), 0);
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 10, same_len);
	buf_release(&got);
	assert_int_equal(st.nr_abandoned, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_whole_and_in_order),
		cmocka_unit_test(test_appends_to_what_is_there),
		cmocka_unit_test(test_one_line_is_flushed_soon),
		cmocka_unit_test(test_what_cannot_be_opened),
		cmocka_unit_test(test_reopens_after_a_rename),
		cmocka_unit_test(test_reopens_when_what_is_queued_has_been_written),
		cmocka_unit_test(test_rotation_under_load),
		cmocka_unit_test(test_reopen_that_fails_keeps_the_old_file),
		cmocka_unit_test(test_reopen_leaves_a_full_disk),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
