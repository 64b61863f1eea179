#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "session/rfc3339.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* In this order with one cache: the same second, another one, back again. */
static const struct {
	uint64_t ns;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000000000Z" },
	{ 1, "1970-01-01T00:00:00.000000001Z" },
	{ 999999999, "1970-01-01T00:00:00.999999999Z" },
	{ 1000000000, "1970-01-01T00:00:01.000000000Z" },
	{ 1795411451123456789, "2026-11-23T05:24:11.123456789Z" },
	{ 1795411451000000000, "2026-11-23T05:24:11.000000000Z" },
	{ 1795411452000000099, "2026-11-23T05:24:12.000000099Z" },
	{ 1795411451999999999, "2026-11-23T05:24:11.999999999Z" },
	{ 951782399000000000, "2000-02-28T23:59:59.000000000Z" },
	{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
	{ 4102444800000000000, "2100-01-01T00:00:00.000000000Z" },
	{ 9223372035999999999, "2262-04-11T23:47:15.999999999Z" },
	{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
};

static void test_times(void **state)
{
	struct rfc3339 cache = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (unsigned i = 0; i < COUNT(times); i++) {
		buf_reset(&out);
		rfc3339_write(&cache, times[i].ns, &out);
		buf_add_byte(&out, 0);
		assert_string_equal((const char *)out.data, times[i].text);
	}
	buf_release(&out);
}

static const struct {
	uint64_t ns;
	const char *text;
} durations[] = {
	{ 0, "0.000" },
	{ 499, "0.000" },
	{ 500, "0.001" },
	{ 1499, "0.001" },
	{ 999499, "0.999" },
	{ 999500, "1.000" },
	{ 1000000, "1.000" },
	{ 4003418000, "4003.418" },
	{ 12345678901234, "12345678.901" },
	{ UINT64_MAX, "18446744073709.552" },
};

static void test_durations(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (unsigned i = 0; i < COUNT(durations); i++) {
		buf_reset(&out);
		milliseconds_write(durations[i].ns, &out);
		buf_add_byte(&out, 0);
		assert_string_equal((const char *)out.data, durations[i].text);
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
