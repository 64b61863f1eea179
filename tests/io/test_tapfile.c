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
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
