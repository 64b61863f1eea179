#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cursor.h"

static const uint8_t bytes[] = {
	0x01,			/* u8 */
	0x82, 0x03,		/* u16 */
	0x84, 0x05, 0x06, 0x87, /* u32 */
	'a',  'b',  'c',	/* bytes */
};

static void test_cursor__reads_in_network_order(void **state)
{
	struct cursor c = cursor_of(slice_of(bytes, sizeof(bytes)));

	(void)state;
	assert_int_equal(cursor_left(&c), 10);
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x8203);
	assert_int_equal(cursor_u32(&c), 0x84050687);
	assert_int_equal(cursor_left(&c), 3);
	assert_true(slice_eq(cursor_bytes(&c, 3), slice_from_str("abc")));
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.failed);
}

/* Of every prefix exactly as many fields are read as lie in it. */
static void test_cursor__every_prefix(void **state)
{
	static const size_t ends[] = { 1, 3, 7, 10 };

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct cursor c = cursor_of(slice_of(copy, len));

		memcpy(copy, bytes, len);
		assert_int_equal(cursor_u8(&c), len >= ends[0] ? 0x01 : 0);
		assert_int_equal(cursor_u16(&c), len >= ends[1] ? 0x8203 : 0);
		assert_int_equal(cursor_u32(&c), len >= ends[2] ? 0x84050687 : 0);
		assert_int_equal(cursor_bytes(&c, 3).len, 0);
		assert_true(c.failed);
		assert_int_equal(cursor_left(&c), 0);
		free(copy);
	}
}

static void test_cursor__failure_sticks(void **state)
{
	struct cursor c = cursor_of(slice_of(bytes, 3));

	(void)state;
	cursor_u8(&c);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.failed);
	/* What would have fitted is not read any more, and the position stays. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_u16(&c), 0);
	assert_null(cursor_bytes(&c, 0).data);
	assert_int_equal(c.pos, 1);
}

static void test_cursor__lengths_that_overflow(void **state)
{
	static const size_t lengths[] = { 4, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2, SIZE_MAX / 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct cursor c = cursor_of(slice_of(bytes, 5));

		cursor_u16(&c);
		assert_int_equal(cursor_bytes(&c, lengths[i]).len, 0);
		assert_true(c.failed);
		assert_int_equal(c.pos, 2);
	}
}

static void test_cursor__nothing(void **state)
{
	struct cursor c = cursor_of(slice_of(NULL, 0));

	(void)state;
	assert_int_equal(cursor_bytes(&c, 0).len, 0);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);
}

static void test_cursor__slices_borrow(void **state)
{
	struct cursor c = cursor_of(slice_of(bytes, sizeof(bytes)));
	struct slice s;

	(void)state;
	cursor_bytes(&c, 7);
	s = cursor_bytes(&c, 2);
	assert_ptr_equal(s.data, bytes + 7);
	assert_int_equal(c.pos, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor__reads_in_network_order),
		cmocka_unit_test(test_cursor__every_prefix),
		cmocka_unit_test(test_cursor__failure_sticks),
		cmocka_unit_test(test_cursor__lengths_that_overflow),
		cmocka_unit_test(test_cursor__nothing),
		cmocka_unit_test(test_cursor__slices_borrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
