/*
 * histogram - counts of durations in logarithmic buckets, eight to each power of two, so that a quantile is right
 * within 1/8. Covers 1 us to over an hour; what lies outside falls into the first or the last bucket.
 */
#pragma once

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 3,
	HISTOGRAM_POWERS = 33,
	HISTOGRAM_BUCKETS = HISTOGRAM_POWERS << HISTOGRAM_SUB_BITS,
};

/* All zero is an empty histogram. */
struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t sum_ns;
	uint64_t max_ns;
};

void histogram_add(struct histogram *h, uint64_t duration_ns);

/* Upper bound of the bucket in which the q-quantile lies (0 < q <= 1), never above the largest value seen; 0 if empty.
 */
uint64_t histogram_quantile_ns(const struct histogram *h, double q);
