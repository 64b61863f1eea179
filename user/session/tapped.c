#include "tapped.h"

#include "wire/dns.h"

uint64_t tapped_zone(const struct hash_key *key, struct slice qname)
{
	uint8_t folded[DNS_NAME_MAX];
	size_t skip = qname.len && qname.data[0] ? qname.data[0] + 1U : 0, n = 0;

	/* Length bytes are below 'A': folding all bytes folds letters only (RFC 4343). */
	for (size_t i = skip; i < qname.len && n < sizeof(folded); i++) {
		uint8_t c = qname.data[i];

		folded[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	return hash_bytes(key, folded, n) | 1;
}

/* The place of the zone, or the free one where it would go. */
static unsigned place(const struct tapped *t, uint64_t zone)
{
	unsigned i = (unsigned)(zone >> 32) % TAPPED_ZONES;

	while (t->zones[i] && t->zones[i] != zone)
		i = (i + 1) % TAPPED_ZONES;
	return i;
}

void tapped_add(struct tapped *t, uint64_t zone, uint64_t query_ns)
{
	uint64_t number = query_ns / TAPPED_SLICE_NS;
	unsigned at = (unsigned)(number % TAPPED_SLICES);

	/* A quarter stays free, so that a search is short and ends. */
	if (t->nr_zones < TAPPED_ZONES - TAPPED_ZONES / 4) {
		unsigned i = place(t, zone);

		if (!t->zones[i])
			t->nr_zones++;
		t->zones[i] = zone;
	}
	if (t->slices[at].number > number)
		return;
	if (t->slices[at].number < number) {
		t->slices[at].number = number;
		t->slices[at].first_ns = t->slices[at].last_ns = query_ns;
	}
	if (query_ns < t->slices[at].first_ns)
		t->slices[at].first_ns = query_ns;
	if (query_ns > t->slices[at].last_ns)
		t->slices[at].last_ns = query_ns;
}

bool tapped_has_zone(const struct tapped *t, uint64_t zone)
{
	return t->nr_zones >= TAPPED_ZONES - TAPPED_ZONES / 4 || t->zones[place(t, zone)] == zone;
}

bool tapped_around(const struct tapped *t, uint64_t time_ns, uint64_t margin_ns)
{
	uint64_t from = (time_ns > margin_ns ? time_ns - margin_ns : 0) / TAPPED_SLICE_NS;
	uint64_t to = (time_ns + margin_ns) / TAPPED_SLICE_NS;
	bool before = false, after = false;

	for (uint64_t number = from; number <= to; number++) {
		unsigned at = (unsigned)(number % TAPPED_SLICES);

		if (t->slices[at].number != number)
			continue;
		before |= t->slices[at].first_ns <= time_ns && t->slices[at].first_ns + margin_ns >= time_ns;
		before |= t->slices[at].last_ns <= time_ns && t->slices[at].last_ns + margin_ns >= time_ns;
		after |= t->slices[at].last_ns > time_ns && t->slices[at].last_ns <= time_ns + margin_ns;
		after |= t->slices[at].first_ns > time_ns && t->slices[at].first_ns <= time_ns + margin_ns;
	}
	return before && after;
}
