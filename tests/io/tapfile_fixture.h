/* For the tests of tapfile: packs, writes and reads a file. */
#pragma once

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

static inline int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static inline int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static inline void write_file(struct slice bytes)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

/* Half of it can be packed well, half cannot. */
static inline struct slice content(size_t len)
{
	static uint8_t bytes[BIG];
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = i / 1000 % 2 ? 'a' : (uint8_t)(x >> 24);
	}
	return slice_of(bytes, len);
}

static inline void add_gzip(struct buf *out, struct slice bytes)
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

static inline void add_zstd(struct buf *out, struct slice bytes)
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

static inline void add_plain(struct buf *out, struct slice bytes)
{
	buf_add(out, bytes.data, bytes.len);
}

typedef void (*add_fn)(struct buf *out, struct slice bytes);

static const struct packing {
	const char *name;
	add_fn add;
} packings[] = { { "plain", add_plain }, { "gzip", add_gzip }, { "zstd", add_zstd } };

/* Reads to the end in pieces of `size`; returns the last result of tapfile_read(). */
static inline long read_all(const char *from, size_t size, struct buf *out)
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

static inline void assert_slice(const struct buf *got, struct slice expected)
{
	assert_int_equal(got->len, expected.len);
	if (expected.len)
		assert_memory_equal(got->data, expected.data, expected.len);
}
