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

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/sink.h"

enum {
	QUEUE = 1 << 20,
	LINE = 1024,
	PLUG = QUEUE / 8, /* larger than a pipe: who writes it hangs until it is read */
	WAIT_MS = 5000,
	CAP = 64 << 20,
};

static char folder[] = "/tmp/test_sink.XXXXXX";

/* Lives until the end: a sink keeps the path that it is given. */
static const char *path_of(const char *name)
{
	static char paths[128][64];
	static unsigned nr;
	char *path = paths[nr++];

	assert_true(nr <= sizeof(paths) / sizeof(*paths));
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* The number, filled up with letters to `len` bytes with the newline. */
static struct slice line_of(unsigned number, size_t len)
{
	static uint8_t line[2 * QUEUE];
	char head[16];

	memset(line, 'a' + (int)(number % 26), len);
	snprintf(head, sizeof(head), "%08u ", number);
	memcpy(line, head, 9);
	line[len - 1] = '\n';
	return slice_of(line, len);
}

static struct sink_stats stats_of(struct sink *s)
{
	struct sink_stats st;

	sink_stats(s, &st);
	return st;
}

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static void wait_until_written(struct sink *s)
{
	uint64_t began_ns = clock_monotonic_ns();

	while (stats_of(s).queued_bytes && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL)
		sleep_ms(5);
	assert_int_equal(stats_of(s).queued_bytes, 0);
}

static struct buf read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	uint8_t piece[65536];
	struct buf out;
	size_t n;

	assert_non_null(f);
	buf_init(&out, CAP);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(&out, piece, n);
	fclose(f);
	assert_false(out.failed);
	return out;
}

/* Lines `from` to `to` of length len_of(number), whole and in order, and nothing else. */
static void assert_lines(struct slice got, unsigned from, unsigned to, size_t (*len_of)(unsigned))
{
	size_t at = 0;

	for (unsigned n = from; n < to; n++) {
		struct slice expected = line_of(n, len_of(n));

		assert_true(got.len - at >= expected.len);
		assert_memory_equal(got.data + at, expected.data, expected.len);
		at += expected.len;
	}
	assert_int_equal(got.len, at);
}

static size_t same_len(unsigned number)
{
	(void)number;
	return LINE;
}

static size_t half_len(unsigned number)
{
	(void)number;
	return LINE / 2;
}

static size_t mixed_len(unsigned number)
{
	return 10 + number * 7919 % 3000;
}

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

/* --- a reader that stalls */

struct pipe_end {
	int read_fd, write_fd;
	char path[32]; /* opens the other end anew */
};

static struct pipe_end pipe_new(void)
{
	struct pipe_end p;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p.read_fd = ends[0];
	p.write_fd = ends[1];
	snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d", p.write_fd);
	return p;
}

/* From now on only the sink holds the writing end. */
static struct sink *sink_on(struct pipe_end *p, bool is_lossless)
{
	struct sink *s = sink_open(p->path, QUEUE, is_lossless);

	assert_non_null(s);
	close(p->write_fd);
	return s;
}

/* The sink's thread hangs in writing line 0 when this returns; the line is longer than the pipe. */
static void plug(struct sink *s)
{
	assert_true(sink_line(s, STATUS_FAILED, line_of(0, PLUG)));
	sleep_ms(4 * SINK_FLUSH_MS);
	assert_int_equal(stats_of(s).queued_bytes, PLUG);
}

static size_t plug_len(unsigned number)
{
	return number == 0 ? PLUG : LINE;
}

/* Queues lines of one status until one is dropped; returns how many were taken. */
static unsigned fill(struct sink *s, enum status status, unsigned *number)
{
	unsigned before = *number;

	while (sink_line(s, status, line_of(*number, LINE)))
		++*number;
	return *number - before;
}

static struct buf read_bytes(int fd, size_t nr)
{
	uint8_t piece[65536];
	struct buf out;
	ssize_t n = 1;

	buf_init(&out, CAP);
	while (out.len < nr && n > 0) {
		size_t left = nr - out.len;

		n = read(fd, piece, left < sizeof(piece) ? left : sizeof(piece));
		if (n > 0)
			buf_add(&out, piece, (size_t)n);
	}
	assert_false(out.failed);
	return out;
}

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

struct slow_reader {
	int fd;
	struct buf got;
};

static void *read_slowly(void *arg)
{
	struct slow_reader *r = arg;
	uint8_t piece[60000];
	ssize_t n;

	while ((n = read(r->fd, piece, sizeof(piece))) > 0) {
		buf_add(&r->got, piece, (size_t)n);
		sleep_ms(2);
	}
	return NULL;
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

/* A file that may not grow fails in the middle of a line, as a full disk does; later it may grow again. */
static void test_disk_full_in_the_middle_of_a_line_tears_nothing(void **state)
{
	const char *path = path_of("limited");
	struct rlimit before, limit;
	struct sink_stats st;
	struct sink *s;
	struct buf got;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 10 * LINE + LINE / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	s = sink_open(path, QUEUE, false);
	for (unsigned n = 0; n < 100; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	while (stats_of(s).nr_write_errors < 2)
		sleep_ms(5);
	assert_int_equal(stats_of(s).nr_written_bytes, limit.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (unsigned n = 100; n < 200; n++)
		assert_true(sink_line(s, STATUS_FAILED, line_of(n, LINE)));
	assert_int_equal(sink_close(s, &st), 0);
	got = read_file(path);
	assert_lines(buf_slice(&got), 0, 200, same_len);
	buf_release(&got);
	assert_int_equal(st.nr_abandoned, 0);
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

static int make_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_whole_and_in_order),
		cmocka_unit_test(test_appends_to_what_is_there),
		cmocka_unit_test(test_one_line_is_flushed_soon),
		cmocka_unit_test(test_what_cannot_be_opened),
		cmocka_unit_test(test_what_matters_least_is_dropped_first),
		cmocka_unit_test(test_lines_longer_than_their_share),
		cmocka_unit_test(test_lossless_waits_for_its_reader),
		cmocka_unit_test(test_stdout_that_does_not_block),
		cmocka_unit_test(test_close_writes_what_is_queued),
		cmocka_unit_test(test_reader_has_gone),
		cmocka_unit_test(test_who_waits_for_room_learns_that_the_reader_has_gone),
		cmocka_unit_test(test_close_does_not_wait_for_ever),
		cmocka_unit_test(test_disk_full_in_the_middle_of_a_line_tears_nothing),
		cmocka_unit_test(test_reopens_after_a_rename),
		cmocka_unit_test(test_reopens_when_what_is_queued_has_been_written),
		cmocka_unit_test(test_rotation_under_load),
		cmocka_unit_test(test_reopen_that_fails_keeps_the_old_file),
		cmocka_unit_test(test_reopen_leaves_a_full_disk),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
