#include "histogram.h"

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

/* Values below SUB microseconds have a bucket each; above, the position of the top bit and the three bits behind it. */
static unsigned bucket_of(uint64_t duration_us)
{
	unsigned power, bucket;

	if (duration_us < SUB)
		return (unsigned)duration_us;
	power = 63 - (unsigned)__builtin_clzll(duration_us);
	bucket = (power - HISTOGRAM_SUB_BITS + 1) * SUB + (unsigned)(duration_us >> (power - HISTOGRAM_SUB_BITS)) % SUB;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t upper_bound_us(unsigned bucket)
{
	unsigned power;

	if (bucket < SUB)
		return bucket + 1;
	power = bucket / SUB + HISTOGRAM_SUB_BITS - 1;
	return (SUB + bucket % SUB + 1ULL) << (power - HISTOGRAM_SUB_BITS);
}

void histogram_add(struct histogram *h, uint64_t duration_ns)
{
	h->counts[bucket_of(duration_ns / 1000)]++;
	h->total++;
	h->sum_ns += duration_ns;
	if (duration_ns > h->max_ns)
		h->max_ns = duration_ns;
}

uint64_t histogram_quantile_ns(const struct histogram *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->total + 0.999999), seen = 0;

	if (rank == 0)
		rank = 1;
	if (rank > h->total)
		rank = h->total;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && rank; i++) {
		seen += h->counts[i];
		if (seen >= rank) {
			uint64_t bound_ns = upper_bound_us(i) * 1000;

			return bound_ns < h->max_ns ? bound_ns : h->max_ns;
		}
	}
	return 0;
}
