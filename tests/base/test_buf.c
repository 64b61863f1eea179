#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void assert_holds(const struct buf *b, const char *text)
{
	assert_int_equal(b->len, strlen(text));
	if (b->len)
		assert_memory_equal(b->data, text, b->len);
}

static void test_buf__empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 16);
	assert_null(b.data);
	buf_add(&b, NULL, 0);
	buf_add_str(&b, "");
	buf_add_hex(&b, slice_of(NULL, 0));
	assert_int_equal(buf_slice(&b).len, 0);
	assert_false(b.failed);
	buf_release(&b);
}

static void test_buf__appends_in_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add(&b, "ab", 2);
	buf_add_byte(&b, 'c');
	buf_add_str(&b, "de");
	buf_add_lit(&b, "fg");
	buf_addf(&b, "%s=%d", "h", -1);
	buf_add_hex(&b, slice_of("\x00\xaf\xff", 3));
	assert_holds(&b, "abcdefgh=-100AFFF");
	assert_false(b.failed);
	buf_release(&b);
}

static const struct {
	uint64_t value;
	const char *text;
} samples_uint[] = {
	{ 0, "0" },
	{ 9, "9" },
	{ 10, "10" },
	{ 99, "99" },
	{ 100, "100" },
	{ 101, "101" },
	{ 999, "999" },
	{ 1000, "1000" },
	{ 12345, "12345" },
	{ 4294967295, "4294967295" },
	{ 10000000000000000000ULL, "10000000000000000000" },
	{ UINT64_MAX, "18446744073709551615" },
};

static void test_buf__add_uint(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	for (size_t i = 0; i < COUNT(samples_uint); i++) {
		buf_reset(&b);
		buf_add_uint(&b, samples_uint[i].value);
		assert_holds(&b, samples_uint[i].text);
	}
	buf_release(&b);
}

static const struct {
	uint64_t value;
	unsigned digits;
	const char *text;
} samples_padded[] = {
	{ 0, 0, "" },	    { 0, 1, "0" },
	{ 7, 3, "007" },    { 123, 3, "123" },
	{ 1234, 3, "234" }, { 999999999, 9, "999999999" },
	{ 5, 0, "" },	    { UINT64_MAX, 22, "0018446744073709551615" },
};

static void test_buf__add_padded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	for (size_t i = 0; i < COUNT(samples_padded); i++) {
		print_message("%s\n", samples_padded[i].text);
		buf_reset(&b);
		buf_add_padded(&b, samples_padded[i].value, samples_padded[i].digits);
		assert_holds(&b, samples_padded[i].text);
	}
	buf_release(&b);
}

static void add_bytes(struct buf *b)
{
	buf_add(b, "0123456789", 10);
}

static void add_uint(struct buf *b)
{
	buf_add_uint(b, 1234567890);
}

static void add_padded(struct buf *b)
{
	buf_add_padded(b, 1, 10);
}

static void add_hex(struct buf *b)
{
	buf_add_hex(b, slice_of("01234", 5));
}

static void add_format(struct buf *b)
{
	buf_addf(b, "%010d", 1);
}

/* Ten bytes each; a formatted text needs room for its zero byte as well. */
static const struct {
	const char *name;
	void (*add)(struct buf *b);
	size_t needs;
} appends[] = {
	{ "bytes", add_bytes, 10 }, { "uint", add_uint, 10 },	  { "padded", add_padded, 10 },
	{ "hex", add_hex, 10 },	    { "format", add_format, 11 },
};

/* At every cap: either the whole append or nothing of it, and then nothing more. */
static void test_buf__cap(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(appends); i++) {
		for (size_t cap = 0; cap <= 14; cap++) {
			struct buf b;

			print_message("%s, %zu\n", appends[i].name, cap);
			buf_init(&b, cap);
			appends[i].add(&b);
			assert_int_equal(b.failed, cap < appends[i].needs);
			assert_int_equal(b.len, cap < appends[i].needs ? 0 : 10);
			assert_true(b.size <= cap);
			if (b.failed)
				buf_add_byte(&b, '.');
			assert_int_equal(b.len, b.failed ? 0 : 10);
			buf_release(&b);
		}
	}
}

static void test_buf__reset_clears_failure(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	buf_add_str(&b, "ab");
	buf_add_str(&b, "cd");
	assert_true(b.failed);
	assert_holds(&b, "ab");
	buf_add(&b, "", 0);
	assert_true(b.failed);
	buf_reset(&b);
	buf_add_str(&b, "cde");
	assert_holds(&b, "cde");
	assert_false(b.failed);
	buf_release(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 3);
	buf_add_str(&b, "fgh");
	assert_holds(&b, "fgh");
	buf_release(&b);
}

static void test_buf__sizes_that_overflow(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add_str(&b, "ab");
	assert_false(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_reset(&b);
	buf_add_str(&b, "ab");
	assert_false(buf_grow(&b, SIZE_MAX - 1));
	assert_false(buf_grow(&b, 1));
	buf_release(&b);
}

static void test_buf__grows_up_to_cap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (unsigned i = 0; i < 1000; i++)
		buf_add_byte(&b, (uint8_t)i);
	assert_false(b.failed);
	assert_int_equal(b.len, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	buf_add_byte(&b, 0);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buf_release(&b);
}

/* A buf over memory of the caller's never grows, and so never frees. */
static void test_buf__over_foreign_memory(void **state)
{
	uint8_t memory[4];
	struct buf b = { .data = memory, .size = sizeof(memory), .cap = sizeof(memory) };

	(void)state;
	buf_add_str(&b, "abcd");
	assert_false(b.failed);
	buf_add_byte(&b, 'e');
	assert_true(b.failed);
	assert_ptr_equal(b.data, memory);
	assert_holds(&b, "abcd");
}

static void test_slice__equality(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_of(NULL, 0), slice_of("x", 0)));
	assert_true(slice_eq(slice_from_str("ab"), slice_of("abc", 2)));
	assert_false(slice_eq(slice_from_str("ab"), slice_from_str("abc")));
	assert_false(slice_eq(slice_from_str("ab"), slice_from_str("ac")));
	assert_false(slice_eq(slice_of("a\0b", 3), slice_of("a\0c", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf__empty),
		cmocka_unit_test(test_buf__appends_in_order),
		cmocka_unit_test(test_buf__add_uint),
		cmocka_unit_test(test_buf__add_padded),
		cmocka_unit_test(test_buf__cap),
		cmocka_unit_test(test_buf__reset_clears_failure),
		cmocka_unit_test(test_buf__sizes_that_overflow),
		cmocka_unit_test(test_buf__grows_up_to_cap),
		cmocka_unit_test(test_buf__over_foreign_memory),
		cmocka_unit_test(test_slice__equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
