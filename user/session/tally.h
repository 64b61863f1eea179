/*
 * tally - a bounded table of counts by text key, for the summary: how often, how many failed, how long. New keys beyond
 * the limit are counted together under "others".
 */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "base/table.h"

struct tally_row {
	struct table_node node;
	uint64_t nr; /* sessions, or attempts for upstreams */
	uint64_t nr_failed;
	uint64_t nr_timed; /* of those with a duration */
	uint64_t sum_ns, max_ns;
	size_t len;
	uint8_t key[];
};

struct tally {
	struct table table;
	struct tally_row **rows;
	size_t count, max;
	uint64_t nr_others;
	struct hash_key hash_key;
};

/* Returns 0 or -ENOMEM. */
int tally_init(struct tally *t, size_t max, const struct hash_key *key);
void tally_release(struct tally *t);

/* duration_ns 0: none is known. */
void tally_add(struct tally *t, struct slice key, bool is_failed, uint64_t duration_ns);

enum tally_order { TALLY_BY_COUNT, TALLY_BY_FAILED, TALLY_BY_MEAN };

/*
 * The first `nr` rows in falling order, without those that count nothing in that order; equal ones in the order of
 * their keys. Returns how many there are. The rows stay the tally's.
 */
size_t tally_top(const struct tally *t, enum tally_order order, const struct tally_row **rows, size_t nr);
