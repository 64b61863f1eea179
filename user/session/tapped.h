/*
 * tapped - for which zones, and when, a server has shown queries by dnstap: so that a query of which no frame came is
 * told apart into a lost one and one to a server block without `dnstap`. A zone is a name without its first label.
 */
#pragma once

#include "base/hash.h"

enum {
	TAPPED_ZONES = 4096,  /* when they are used up, every zone counts as shown */
	TAPPED_SLICES = 1024, /* of TAPPED_SLICE_NS: what is older is forgotten */
};

#define TAPPED_SLICE_NS 100000000ULL

struct tapped {
	uint64_t zones[TAPPED_ZONES]; /* keyed hashes, open addressing; 0: free */
	unsigned nr_zones;
	struct {
		uint64_t number; /* time / TAPPED_SLICE_NS */
		uint64_t first_ns, last_ns;
	} slices[TAPPED_SLICES];
};

/* qname in wire form; never 0. */
uint64_t tapped_zone(const struct hash_key *key, struct slice qname);

/* A CLIENT_QUERY came. */
void tapped_add(struct tapped *t, uint64_t zone, uint64_t query_ns);

bool tapped_has_zone(const struct tapped *t, uint64_t zone);

/* There was a CLIENT_QUERY within `margin_ns` before, and one after that time. */
bool tapped_around(const struct tapped *t, uint64_t time_ns, uint64_t margin_ns);
