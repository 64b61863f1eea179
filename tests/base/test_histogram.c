#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/histogram.h"

#define US 1000ULL
#define HOUR_NS (3600 * 1000000000ULL)

static void test_histogram__empty(void **state)
{
	static const struct histogram h;

	(void)state;
	assert_int_equal(histogram_quantile_ns(&h, 0.5), 0);
	assert_int_equal(histogram_quantile_ns(&h, 1), 0);
}

static void test_histogram__one_value(void **state)
{
	static const double quantiles[] = { 1e-9, 0.01, 0.5, 0.99, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		struct histogram h = { 0 };

		print_message("%g\n", quantiles[i]);
		histogram_add(&h, 12345678);
		assert_int_equal(histogram_quantile_ns(&h, quantiles[i]), 12345678);
	}
}

static void test_histogram__totals(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	histogram_add(&h, 3);
	histogram_add(&h, 5000);
	histogram_add(&h, 4000);
	assert_int_equal(h.total, 3);
	assert_int_equal(h.sum_ns, 9003);
	assert_int_equal(h.max_ns, 5000);
}

/* The bound of the bucket of value_us: a larger value keeps the maximum out of the way. */
static uint64_t bound_us(uint64_t value_us)
{
	struct histogram h = { 0 };

	histogram_add(&h, value_us * US);
	histogram_add(&h, UINT64_MAX);
	return histogram_quantile_ns(&h, 0.5) / US;
}

/* From 1 us to an hour: above the value, by at most an eighth (and by 1 us below 8). */
static void test_histogram__right_within_an_eighth(void **state)
{
	(void)state;
	for (uint64_t us = 0; us * US <= HOUR_NS; us += us / 61 + 1) {
		uint64_t bound = bound_us(us);

		assert_in_range(bound, us + 1, us + (us < 8 ? 1 : us / 8));
	}
}

/* Neighbours of every power of two: buckets follow one another without gap or overlap. */
static void test_histogram__buckets_follow(void **state)
{
	(void)state;
	for (unsigned power = 3; power < 32; power++) {
		uint64_t us = 1ULL << power;

		assert_int_equal(bound_us(us - 1), us);
		assert_int_equal(bound_us(us), us + us / 8);
		assert_int_equal(bound_us(us + us / 8 - 1), us + us / 8);
		assert_int_equal(bound_us(us + us / 8), us + us / 4);
	}
}

static void test_histogram__outside(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 999);
	assert_int_equal(h.counts[0], 2);
	assert_int_equal(histogram_quantile_ns(&h, 1), 999);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.counts[HISTOGRAM_BUCKETS - 1], 1);
	assert_true(histogram_quantile_ns(&h, 1) > HOUR_NS);
}

static const struct {
	double q;
	unsigned value_ms;
} samples[] = {
	{ 0.001, 1 }, { 0.01, 1 }, { 0.011, 2 }, { 0.5, 50 }, { 0.501, 51 }, { 0.9, 90 }, { 0.99, 99 }, { 1, 100 },
};

/* 1 ms to 100 ms, once each: the q-quantile is the value of that rank. */
static void test_histogram__ranks(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	for (unsigned ms = 100; ms > 0; ms--)
		histogram_add(&h, ms * 1000 * US);
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		uint64_t value_ns = samples[i].value_ms * 1000 * US;

		print_message("%g\n", samples[i].q);
		assert_in_range(histogram_quantile_ns(&h, samples[i].q), value_ns, value_ns + value_ns / 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram__empty),
		cmocka_unit_test(test_histogram__one_value),
		cmocka_unit_test(test_histogram__totals),
		cmocka_unit_test(test_histogram__right_within_an_eighth),
		cmocka_unit_test(test_histogram__buckets_follow),
		cmocka_unit_test(test_histogram__outside),
		cmocka_unit_test(test_histogram__ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
