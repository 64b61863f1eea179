#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "session/tally.h"

static const struct hash_key hash_key = { { 1, 2, 3 } };

static void add(struct tally *t, const char *key, bool is_failed, uint64_t duration_ns)
{
	tally_add(t, slice_from_str(key), is_failed, duration_ns);
}

/* "a 2/1 b 1/0": key, count, failed, of the first `nr` rows. */
static void assert_top(const struct tally *t, enum tally_order order, size_t nr, const char *expected)
{
	const struct tally_row *rows[8];
	char text[200] = "";
	size_t found = tally_top(t, order, rows, nr), len = 0;

	for (size_t i = 0; i < found; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s %u/%u", i ? " " : "", (int)rows[i]->len,
					(const char *)rows[i]->key, (unsigned)rows[i]->nr,
					(unsigned)rows[i]->nr_failed);
	assert_string_equal(text, expected);
}

static void test_orders(void **state)
{
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 100, &hash_key), 0);
	assert_top(&t, TALLY_BY_COUNT, 5, "");
	add(&t, "b", true, 100);
	add(&t, "a", false, 5000);
	add(&t, "a", true, 0);
	add(&t, "a", true, 3000);
	add(&t, "c", false, 0);
	add(&t, "d", false, 300);
	add(&t, "d", true, 300);
	assert_top(&t, TALLY_BY_COUNT, 5, "a 3/2 d 2/1 b 1/1 c 1/0");
	assert_top(&t, TALLY_BY_COUNT, 2, "a 3/2 d 2/1");
	assert_top(&t, TALLY_BY_COUNT, 1, "a 3/2");
	assert_top(&t, TALLY_BY_FAILED, 5, "a 3/2 b 1/1 d 2/1");
	assert_top(&t, TALLY_BY_MEAN, 5, "a 3/2 d 2/1 b 1/1");
	tally_release(&t);
}

static void test_equal_ones_by_key(void **state)
{
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 100, &hash_key), 0);
	add(&t, "ab", false, 0);
	add(&t, "b", false, 0);
	add(&t, "", false, 0);
	add(&t, "a", false, 0);
	assert_top(&t, TALLY_BY_COUNT, 8, " 1/0 a 1/0 ab 1/0 b 1/0");
	assert_top(&t, TALLY_BY_COUNT, 3, " 1/0 a 1/0 ab 1/0");
	tally_release(&t);
}

static void test_durations(void **state)
{
	const struct tally_row *row;
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 100, &hash_key), 0);
	add(&t, "a", false, 5000);
	add(&t, "a", false, 1000);
	add(&t, "a", false, 0);
	assert_int_equal(tally_top(&t, TALLY_BY_MEAN, &row, 1), 1);
	assert_int_equal(row->nr, 3);
	assert_int_equal(row->nr_timed, 2);
	assert_int_equal(row->sum_ns, 6000);
	assert_int_equal(row->max_ns, 5000);
	tally_release(&t);
}

/* Keys beyond the limit are counted together; known ones go on. */
static void test_limit(void **state)
{
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 2, &hash_key), 0);
	add(&t, "a", false, 0);
	add(&t, "b", false, 0);
	add(&t, "c", true, 0);
	add(&t, "d", true, 0);
	add(&t, "b", true, 0);
	assert_top(&t, TALLY_BY_COUNT, 5, "b 2/1 a 1/0");
	assert_int_equal(t.nr_others, 2);
	tally_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_equal_ones_by_key),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
