#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "wire/json.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define TEXT(literal)                                           \
	{                                                       \
		(const uint8_t *)(literal), sizeof(literal) - 1 \
	}

#define FFFD "\xef\xbf\xbd"

static const struct {
	struct slice bytes, json;
} strings[] = {
	{ TEXT(""), TEXT("\"\"") },
	{ TEXT("plain"), TEXT("\"plain\"") },
	{ TEXT("a\"b\\c/d"), TEXT("\"a\\\"b\\\\c/d\"") },
	{ TEXT("\n\r\t\b"), TEXT("\"\\u000a\\u000d\\u0009\\u0008\"") },
	{ TEXT("a\0b"), TEXT("\"a\\u0000b\"") },
	{ TEXT("\x1f\x7f"), TEXT("\"\\u001f\\u007f\"") },
	{ TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d"), TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d\"") },
	{ TEXT("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), TEXT("\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"") },
	{ TEXT("\x80"), TEXT("\"" FFFD "\"") },				   /* no first byte */
	{ TEXT("\xff\xfe"), TEXT("\"" FFFD FFFD "\"") },		   /* never in UTF-8 */
	{ TEXT("\xc3"), TEXT("\"" FFFD "\"") },				   /* cut off */
	{ TEXT("\xe2\x82"), TEXT("\"" FFFD FFFD "\"") },		   /* cut off */
	{ TEXT("\xe2\x82x"), TEXT("\"" FFFD FFFD "x\"") },		   /* broken off */
	{ TEXT("\xc0\xaf"), TEXT("\"" FFFD FFFD "\"") },		   /* overlong / */
	{ TEXT("\xe0\x80\xaf"), TEXT("\"" FFFD FFFD FFFD "\"") },	   /* overlong / */
	{ TEXT("\xf0\x80\x80\xaf"), TEXT("\"" FFFD FFFD FFFD FFFD "\"") }, /* overlong / */
	{ TEXT("\xed\xa0\x80"), TEXT("\"" FFFD FFFD FFFD "\"") },	   /* surrogate */
	{ TEXT("\xf4\x90\x80\x80"), TEXT("\"" FFFD FFFD FFFD FFFD "\"") }, /* above U+10FFFF */
	{ TEXT("\xf5\x80\x80\x80"), TEXT("\"" FFFD FFFD FFFD FFFD "\"") }, /* above U+10FFFF */
};

static void check_string(struct slice bytes, struct slice expected)
{
	struct buf out;
	struct json j = json_of(&out);

	buf_init(&out, 256);
	json_text(&j, bytes);
	assert_false(out.failed);
	assert_int_equal(out.len, expected.len);
	assert_memory_equal(out.data, expected.data, expected.len);
	buf_release(&out);
}

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strings); i++)
		check_string(strings[i].bytes, strings[i].json);
}

/* jansson refuses invalid UTF-8 and unescaped control characters: all that it takes is well-formed. */
static void check_valid(struct buf *out, struct slice bytes)
{
	struct json j = json_of(out);
	json_t *value;

	buf_reset(out);
	json_text(&j, bytes);
	value = json_loadb((const char *)out->data, out->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(value);
	assert_true(json_is_string(value));
	json_decref(value);
}

static void test_every_two_bytes_give_valid_json(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (unsigned pair = 0; pair <= UINT16_MAX; pair++) {
		uint8_t bytes[] = { (uint8_t)(pair >> 8), (uint8_t)pair, 'x', 0xbf };

		check_valid(&out, slice_of(bytes, 1));
		check_valid(&out, slice_of(bytes, 2));
		check_valid(&out, slice_of(bytes, 3));
		bytes[2] = 0x80;
		check_valid(&out, slice_of(bytes, 3));
		check_valid(&out, slice_of(bytes, 4));
	}
	buf_release(&out);
}

static void test_nesting_and_commas(void **state)
{
	static const char expected[] = "{\"none\":{},\"list\":[1,[],[2,3],{\"a\":null},\"s\"],\"yes\":true,"
				       "\"no\":false,\"hex\":\"00FFA5\",\"plain\":\"IN\",\"big\":18446744073709551615}";
	struct buf out;
	struct json j = json_of(&out);

	(void)state;
	buf_init(&out, 4096);
	json_object_begin(&j);
	json_key(&j, "none");
	json_object_begin(&j);
	json_object_end(&j);
	json_key(&j, "list");
	json_array_begin(&j);
	json_uint(&j, 1);
	json_array_begin(&j);
	json_array_end(&j);
	json_array_begin(&j);
	json_uint(&j, 2);
	json_uint(&j, 3);
	json_array_end(&j);
	json_object_begin(&j);
	json_key(&j, "a");
	json_nothing(&j);
	json_object_end(&j);
	json_str(&j, "s");
	json_array_end(&j);
	json_key(&j, "yes");
	json_bool(&j, true);
	json_key(&j, "no");
	json_bool(&j, false);
	json_key(&j, "hex");
	json_hex(&j, slice_of("\0\xff\xa5", 3));
	json_key(&j, "plain");
	json_plain(&j, slice_from_str("IN"));
	json_key(&j, "big");
	json_uint(&j, UINT64_MAX);
	json_object_end(&j);
	buf_add_byte(&out, 0);
	assert_string_equal(out.data, expected);
	buf_release(&out);
}

static void test_numbers(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} table[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "10" },
		{ 99, "99" },
		{ 100, "100" },
		{ 65535, "65535" },
		{ 4294967295, "4294967295" },
		{ 1000000000000, "1000000000000" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct json j = json_of(&out);

		buf_reset(&out);
		json_uint(&j, table[i].value);
		assert_true(slice_eq(buf_slice(&out), slice_from_str(table[i].text)));
	}
	buf_release(&out);
}

/* A document that does not fit sets `failed`, and nothing stands behind the cap. */
static void test_cap(void **state)
{
	for (size_t cap = 0; cap < 20; cap++) {
		struct buf out;
		struct json j = json_of(&out);

		buf_init(&out, cap);
		json_array_begin(&j);
		json_str(&j, "a\"\xff\x01");
		json_uint(&j, 10);
		json_array_end(&j);
		assert_int_equal(out.failed, cap < sizeof("['a\\\"xxx\\u0001',10]") - 1);
		assert_true(out.len <= cap);
		buf_release(&out);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_two_bytes_give_valid_json),
		cmocka_unit_test(test_nesting_and_commas),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
