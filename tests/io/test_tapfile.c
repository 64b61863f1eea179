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

#include "base/buf.h"
#include "io/tapfile.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { BIG = 700 * 1000, SMALL = 300, CAP = 4 << 20 };

static char path[] = "/tmp/test_tapfile.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(struct slice bytes)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

/* Half of it can be packed well, half cannot. */
static struct slice content(size_t len)
{
	static uint8_t bytes[BIG];
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = i / 1000 % 2 ? 'a' : (uint8_t)(x >> 24);
	}
	return slice_of(bytes, len);
}

static void add_gzip(struct buf *out, struct slice bytes)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_true(buf_reserve(out, deflateBound(&z, bytes.len) + 64));
	z.next_in = (uint8_t *)(uintptr_t)bytes.data;
	z.avail_in = (unsigned)bytes.len;
	z.next_out = out->data + out->len;
	z.avail_out = (unsigned)(out->size - out->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = out->size - z.avail_out;
	deflateEnd(&z);
}

static void add_zstd(struct buf *out, struct slice bytes)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	assert_true(buf_reserve(out, ZSTD_compressBound(bytes.len)));
	n = ZSTD_compress2(ctx, out->data + out->len, out->size - out->len, bytes.data, bytes.len);
	assert_false(ZSTD_isError(n));
	out->len += n;
	ZSTD_freeCCtx(ctx);
}

static void add_plain(struct buf *out, struct slice bytes)
{
	buf_add(out, bytes.data, bytes.len);
}

typedef void (*add_fn)(struct buf *out, struct slice bytes);

static const struct packing {
	const char *name;
	add_fn add;
} packings[] = { { "plain", add_plain }, { "gzip", add_gzip }, { "zstd", add_zstd } };

/* Reads to the end in pieces of `size`; returns the last result of tapfile_read(). */
static long read_all(const char *from, size_t size, struct buf *out)
{
	struct tapfile *f = tapfile_open(from);
	uint8_t *piece = malloc(size);
	uint64_t before = 0;
	long n;

	assert_non_null(f);
	assert_non_null(piece);
	buf_reset(out);
	while ((n = tapfile_read(f, piece, size)) > 0) {
		assert_true((size_t)n <= size);
		buf_add(out, piece, (size_t)n);
		assert_true(tapfile_position(f) >= before);
		before = tapfile_position(f);
		assert_true(!tapfile_size(f) || before <= tapfile_size(f));
	}
	if (n == 0) {
		assert_int_equal(tapfile_read(f, piece, size), 0); /* and stays there */
		assert_true(!tapfile_size(f) || tapfile_position(f) == tapfile_size(f));
	}
	free(piece);
	tapfile_close(f);
	assert_false(out->failed);
	return n;
}

static void assert_slice(const struct buf *got, struct slice expected)
{
	assert_int_equal(got->len, expected.len);
	if (expected.len)
		assert_memory_equal(got->data, expected.data, expected.len);
}

static void test_unpacks_in_pieces_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, 7, 4096, 128 * 1024, 1 << 20 };
	struct slice bytes = content(BIG);
	struct buf packed, out;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	for (size_t i = 0; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, bytes);
		write_file(buf_slice(&packed));
		for (size_t k = 0; k < COUNT(sizes); k++) {
			assert_int_equal(read_all(path, sizes[k], &out), 0);
			assert_slice(&out, bytes);
		}
	}
	buf_release(&packed);
	buf_release(&out);
}

static void test_size_and_position_are_the_files(void **state)
{
	struct buf packed;
	struct tapfile *f;
	uint8_t byte;

	(void)state;
	buf_init(&packed, CAP);
	for (size_t i = 0; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, content(BIG));
		write_file(buf_slice(&packed));
		f = tapfile_open(path);
		assert_non_null(f);
		assert_int_equal(tapfile_size(f), packed.len);
		assert_int_equal(tapfile_position(f), 0);
		assert_int_equal(tapfile_read(f, &byte, 1), 1);
		assert_true(tapfile_position(f) > 0 && tapfile_position(f) <= packed.len);
		tapfile_close(f);
	}
	buf_release(&packed);
}

/* Files that were written one behind the other; members may be empty. */
static void test_members_behind_each_other(void **state)
{
	struct slice half = content(SMALL);
	struct buf packed, out, expected;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	buf_init(&expected, CAP);
	for (unsigned n = 0; n < 5; n++)
		add_plain(&expected, half);
	for (size_t i = 0; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, slice_of("", 0));
		for (unsigned n = 0; n < 5; n++)
			packings[i].add(&packed, half);
		packings[i].add(&packed, slice_of("", 0));
		write_file(buf_slice(&packed));
		for (size_t size = 1; size <= SMALL + 1; size += SMALL / 3) {
			assert_int_equal(read_all(path, size, &out), 0);
			assert_slice(&out, buf_slice(&expected));
		}
	}
	buf_release(&packed);
	buf_release(&out);
	buf_release(&expected);
}

/* What is there comes out, and then an error: but for the beginnings too short to be told from a plain file. */
static void test_every_prefix(void **state)
{
	static const size_t too_short[] = { CAP, 2, 4 };
	struct slice bytes = content(SMALL);
	struct buf packed, out;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	for (size_t i = 0; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, bytes);
		for (size_t len = 0; len < packed.len; len++) {
			bool is_plain = len < too_short[i];

			write_file(slice_of(packed.data, len));
			assert_int_equal(read_all(path, 64, &out), is_plain ? 0 : -EBADMSG);
			assert_true(out.len <= bytes.len);
			assert_slice(&out, is_plain ? slice_of(packed.data, len) : slice_of(bytes.data, out.len));
		}
	}
	buf_release(&packed);
	buf_release(&out);
}

/* A member cut off behind a whole one: the whole one comes out. */
static void test_second_member_cut_off(void **state)
{
	struct slice bytes = content(SMALL);
	struct buf packed, out;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	for (size_t i = 1; i < COUNT(packings); i++) {
		size_t whole;

		buf_reset(&packed);
		packings[i].add(&packed, bytes);
		whole = packed.len;
		packings[i].add(&packed, bytes);
		for (size_t len = whole + 1; len < packed.len; len += 5) {
			write_file(slice_of(packed.data, len));
			assert_int_equal(read_all(path, 64, &out), -EBADMSG);
			assert_true(out.len >= bytes.len && out.len <= bytes.len * 2);
			assert_memory_equal(out.data, bytes.data, bytes.len);
		}
	}
	buf_release(&packed);
	buf_release(&out);
}

/* Both carry checksums: no damage passes for content. Bytes of the header that say nothing of it may differ. */
static void test_every_byte_flipped(void **state)
{
	struct slice bytes = content(SMALL);
	struct buf packed, out;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	for (size_t i = 1; i < COUNT(packings); i++) {
		buf_reset(&packed);
		packings[i].add(&packed, bytes);
		for (size_t at = 4; at < packed.len; at++) {
			packed.data[at] ^= 0x55;
			write_file(buf_slice(&packed));
			if (read_all(path, 64, &out) == 0)
				assert_slice(&out, bytes);
			packed.data[at] ^= 0x55;
		}
	}
	buf_release(&packed);
	buf_release(&out);
}

static void test_what_follows_a_member_must_be_one(void **state)
{
	struct buf packed, out;

	(void)state;
	buf_init(&packed, CAP);
	buf_init(&out, CAP);
	for (size_t i = 1; i < COUNT(packings); i++) {
		for (size_t k = 0; k < COUNT(packings); k++) {
			if (k == i)
				continue;
			buf_reset(&packed);
			packings[i].add(&packed, content(SMALL));
			packings[k].add(&packed, content(SMALL));
			write_file(buf_slice(&packed));
			assert_int_equal(read_all(path, 64, &out), -EBADMSG);
			assert_slice(&out, content(SMALL));
		}
	}
	buf_release(&packed);
	buf_release(&out);
}

static void test_empty_and_one_byte(void **state)
{
	static const uint8_t firsts[] = { 0, 'x', 0x1f, 0x28 };
	struct buf out;

	(void)state;
	buf_init(&out, CAP);
	write_file(slice_of("", 0));
	assert_int_equal(read_all(path, 64, &out), 0);
	assert_int_equal(out.len, 0);
	for (size_t i = 0; i < COUNT(firsts); i++) {
		write_file(slice_of(&firsts[i], 1));
		assert_int_equal(read_all(path, 64, &out), 0);
		assert_slice(&out, slice_of(&firsts[i], 1));
	}
	buf_release(&out);
}

static void test_what_cannot_be_read(void **state)
{
	(void)state;
	assert_null(tapfile_open("/nonexistent/file"));
	assert_int_equal(errno, ENOENT);
	assert_null(tapfile_open("/"));
	assert_int_equal(errno, EISDIR);
	assert_null(tapfile_open(""));
	assert_int_equal(errno, ENOENT);
	tapfile_close(NULL);
}

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
		cmocka_unit_test(test_unpacks_in_pieces_of_any_size),
		cmocka_unit_test(test_size_and_position_are_the_files),
		cmocka_unit_test(test_members_behind_each_other),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_second_member_cut_off),
		cmocka_unit_test(test_every_byte_flipped),
		cmocka_unit_test(test_what_follows_a_member_must_be_one),
		cmocka_unit_test(test_empty_and_one_byte),
		cmocka_unit_test(test_what_cannot_be_read),
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_stdin_whose_first_bytes_come_one_by_one),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
