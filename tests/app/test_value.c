#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "app/value.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *text;
	enum value_unit unit;
	uint64_t value;
} good[] = {
	{ "0", VALUE_UNIT_ONE, 0 },
	{ "1", VALUE_UNIT_ONE, 1 },
	{ "007", VALUE_UNIT_ONE, 7 },
	{ "18446744073709551615", VALUE_UNIT_ONE, UINT64_MAX },
	{ "0", VALUE_UNIT_OCTAL, 0 },
	{ "660", VALUE_UNIT_OCTAL, 0660 },
	{ "0660", VALUE_UNIT_OCTAL, 0660 },
	{ "7777", VALUE_UNIT_OCTAL, 07777 },
	{ "0ms", VALUE_UNIT_NS, 0 },
	{ "500ms", VALUE_UNIT_NS, 500000000 },
	{ "10s", VALUE_UNIT_NS, 10000000000 },
	{ "10S", VALUE_UNIT_NS, 10000000000 },
	{ "10m", VALUE_UNIT_NS, 600000000000 },
	{ "1h", VALUE_UNIT_NS, 3600000000000 },
	{ "18446744073s", VALUE_UNIT_NS, 18446744073000000000U },
	{ "0", VALUE_UNIT_BYTES, 0 },
	{ "512", VALUE_UNIT_BYTES, 512 },
	{ "1K", VALUE_UNIT_BYTES, 1024 },
	{ "1KiB", VALUE_UNIT_BYTES, 1024 },
	{ "1kib", VALUE_UNIT_BYTES, 1024 },
	{ "64MiB", VALUE_UNIT_BYTES, 64 << 20 },
	{ "64M", VALUE_UNIT_BYTES, 64 << 20 },
	{ "2GiB", VALUE_UNIT_BYTES, 2ULL << 30 },
	{ "2g", VALUE_UNIT_BYTES, 2ULL << 30 },
	{ "17179869183GiB", VALUE_UNIT_BYTES, 17179869183ULL << 30 },
};

static const struct {
	const char *text;
	enum value_unit unit;
} bad[] = {
	{ "", VALUE_UNIT_ONE },
	{ " 1", VALUE_UNIT_ONE },
	{ "1 ", VALUE_UNIT_ONE },
	{ "-1", VALUE_UNIT_ONE },
	{ "+1", VALUE_UNIT_ONE },
	{ "0x10", VALUE_UNIT_ONE },
	{ "1.5", VALUE_UNIT_ONE },
	{ "1,000", VALUE_UNIT_ONE },
	{ "1e3", VALUE_UNIT_ONE },
	{ "1K", VALUE_UNIT_ONE },
	{ "1s", VALUE_UNIT_ONE },
	{ "ten", VALUE_UNIT_ONE },
	{ "18446744073709551616", VALUE_UNIT_ONE },
	{ "99999999999999999999999999", VALUE_UNIT_ONE },
	{ "8", VALUE_UNIT_OCTAL },
	{ "0o660", VALUE_UNIT_OCTAL },
	{ "rw", VALUE_UNIT_OCTAL },
	{ "", VALUE_UNIT_NS },
	{ "s", VALUE_UNIT_NS },
	{ "10", VALUE_UNIT_NS }, /* of what? */
	{ "0", VALUE_UNIT_NS },
	{ "10 s", VALUE_UNIT_NS },
	{ "10sec", VALUE_UNIT_NS },
	{ "1.5s", VALUE_UNIT_NS },
	{ "1m30s", VALUE_UNIT_NS },
	{ "10us", VALUE_UNIT_NS },
	{ "-10s", VALUE_UNIT_NS },
	{ "10K", VALUE_UNIT_NS },
	{ "18446744074s", VALUE_UNIT_NS }, /* above 2^64 ns */
	{ "18446744073709551615h", VALUE_UNIT_NS },
	{ "64MB", VALUE_UNIT_BYTES }, /* 10^6 or 2^20? */
	{ "1KB", VALUE_UNIT_BYTES },
	{ "64 MiB", VALUE_UNIT_BYTES },
	{ "1T", VALUE_UNIT_BYTES },
	{ "10s", VALUE_UNIT_BYTES },
	{ "17179869184GiB", VALUE_UNIT_BYTES }, /* 2^64 */
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t n = 0;

		if (!value_parse(good[i].text, good[i].unit, &n))
			fail_msg("\"%s\" was refused", good[i].text);
		assert_int_equal(n, good[i].value);
	}
}

static void test_no_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t n = 4711;

		if (value_parse(bad[i].text, bad[i].unit, &n))
			fail_msg("\"%s\" was taken", bad[i].text);
		assert_int_equal(n, 4711);
	}
}

static const struct {
	enum value_unit unit;
	uint64_t min, max;
	const char *text;
} ranges[] = {
	{ VALUE_UNIT_ONE, 1, 65536, "expected a number from 1 to 65536" },
	{ VALUE_UNIT_ONE, 0, UINT64_MAX, "expected a number from 0 to 18446744073709551615" },
	{ VALUE_UNIT_NS, 1000000000, 600000000000, "expected a duration from 1s to 10m" },
	{ VALUE_UNIT_NS, 0, 1000000, "expected a duration from 0ms to 1ms" },
	{ VALUE_UNIT_NS, 1500000000, 7200000000000, "expected a duration from 1500ms to 2h" },
	{ VALUE_UNIT_BYTES, 512, 16 << 20, "expected a size from 512 to 16MiB" },
	{ VALUE_UNIT_BYTES, 0, 1024ULL << 30, "expected a size from 0 to 1024GiB" },
	{ VALUE_UNIT_BYTES, 1025, 1536, "expected a size from 1025 to 1536" },
	{ VALUE_UNIT_OCTAL, 0, 0777, "expected a mode from 00 to 0777" },
};

static void test_ranges(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(ranges); i++) {
		value_range_text(ranges[i].unit, ranges[i].min, ranges[i].max, text, sizeof(text));
		assert_string_equal(text, ranges[i].text);
	}
}

static void test_range_text_is_cut_off_where_it_does_not_fit(void **state)
{
	char text[16];

	(void)state;
	for (size_t size = 1; size <= sizeof(text); size++) {
		memset(text, '!', sizeof(text));
		value_range_text(VALUE_UNIT_ONE, 1, UINT64_MAX, text, size);
		assert_int_equal(strlen(text), size - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_values),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_range_text_is_cut_off_where_it_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
