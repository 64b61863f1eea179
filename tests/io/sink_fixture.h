/* For the tests of the sink: a folder, numbered lines, and a pipe whose reader stalls. */
#pragma once

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
static inline const char *path_of(const char *name)
{
	static char paths[128][64];
	static unsigned nr;
	char *path = paths[nr++];

	assert_true(nr <= sizeof(paths) / sizeof(*paths));
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* The number, filled up with letters to `len` bytes with the newline. */
static inline struct slice line_of(unsigned number, size_t len)
{
	static uint8_t line[2 * QUEUE];
	char head[16];

	memset(line, 'a' + (int)(number % 26), len);
	snprintf(head, sizeof(head), "%08u ", number);
	memcpy(line, head, 9);
	line[len - 1] = '\n';
	return slice_of(line, len);
}

static inline struct sink_stats stats_of(struct sink *s)
{
	struct sink_stats st;

	sink_stats(s, &st);
	return st;
}

static inline void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static inline void wait_until_written(struct sink *s)
{
	uint64_t began_ns = clock_monotonic_ns();

	while (stats_of(s).queued_bytes && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL)
		sleep_ms(5);
	assert_int_equal(stats_of(s).queued_bytes, 0);
}

static inline struct buf read_file(const char *path)
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
static inline void assert_lines(struct slice got, unsigned from, unsigned to, size_t (*len_of)(unsigned))
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

static inline size_t same_len(unsigned number)
{
	(void)number;
	return LINE;
}

static inline size_t half_len(unsigned number)
{
	(void)number;
	return LINE / 2;
}

static inline size_t mixed_len(unsigned number)
{
	return 10 + number * 7919 % 3000;
}

/* --- a reader that stalls */

struct pipe_end {
	int read_fd, write_fd;
	char path[32]; /* opens the other end anew */
};

static inline struct pipe_end pipe_new(void)
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
static inline struct sink *sink_on(struct pipe_end *p, bool is_lossless)
{
	struct sink *s = sink_open(p->path, QUEUE, is_lossless);

	assert_non_null(s);
	close(p->write_fd);
	return s;
}

/* The sink's thread hangs in writing line 0 when this returns; the line is longer than the pipe. */
static inline void plug(struct sink *s)
{
	assert_true(sink_line(s, STATUS_FAILED, line_of(0, PLUG)));
	sleep_ms(4 * SINK_FLUSH_MS);
	assert_int_equal(stats_of(s).queued_bytes, PLUG);
}

static inline size_t plug_len(unsigned number)
{
	return number == 0 ? PLUG : LINE;
}

/* Queues lines of one status until one is dropped; returns how many were taken. */
static inline unsigned fill(struct sink *s, enum status status, unsigned *number)
{
	unsigned before = *number;

	while (sink_line(s, status, line_of(*number, LINE)))
		++*number;
	return *number - before;
}

static inline struct buf read_bytes(int fd, size_t nr)
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

struct slow_reader {
	int fd;
	struct buf got;
};

static inline void *read_slowly(void *arg)
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

static inline int make_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}
