#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

#include "tapfile_fixture.h"

struct feed {
	int fd;
	struct slice bytes;
	size_t piece; /* the first one; then a pause, then the rest */
};

static void *feed_pipe(void *arg)
{
	struct feed *feed = arg;
	size_t at = feed->piece;

	if (write(feed->fd, feed->bytes.data, feed->piece) != (ssize_t)feed->piece)
		abort();
	usleep(50 * 1000);
	while (at < feed->bytes.len) {
		ssize_t n = write(feed->fd, feed->bytes.data + at, feed->bytes.len - at);

		if (n < 0)
			abort();
		at += (size_t)n;
	}
	close(feed->fd);
	return NULL;
}

/* Reads `packed` from stdin, whose writer gives `piece` bytes first. */
static void check_stdin(struct slice packed, size_t piece, struct slice expected)
{
	int ends[2], before = dup(STDIN_FILENO);
	struct feed feed = { .bytes = packed, .piece = piece };
	pthread_t thread;
	struct buf out;
	long n;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	feed.fd = ends[1];
	assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
	buf_init(&out, CAP);
	n = read_all("-", 1000, &out);
	pthread_join(thread, NULL);
	if (before >= 0) {
		dup2(before, STDIN_FILENO);
		close(before);
	}
	assert_int_equal(n, 0);
	assert_slice(&out, expected);
	buf_release(&out);
}

static void test_stdin(void **state)
{
	struct slice bytes = content(BIG);
	struct buf packed;

	(void)state;
	buf_init(&packed, CAP);
	for (size_t i = 0; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, bytes);
		check_stdin(buf_slice(&packed), 100, bytes);
	}
	buf_release(&packed);
}

/* A pipe gives what its writer has written: the magic number may come in pieces. */
static void test_stdin_whose_first_bytes_come_one_by_one(void **state)
{
	struct slice bytes = content(SMALL);
	struct buf packed;

	(void)state;
	buf_init(&packed, CAP);
	for (size_t i = 0; i < COUNT(packings); i++) {
		for (size_t piece = 1; piece < 4; piece++) {
			buf_reset(&packed);
			packings[i].add(&packed, bytes);
			check_stdin(buf_slice(&packed), piece, bytes);
		}
	}
	buf_release(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_stdin_whose_first_bytes_come_one_by_one),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
