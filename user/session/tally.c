#include "tally.h"

#include <errno.h>
#include <stdlib.h>

int tally_init(struct tally *t, size_t max, const struct hash_key *key)
{
	*t = (struct tally){ .max = max, .hash_key = *key };
	t->rows = calloc(max, sizeof(struct tally_row *));
	return t->rows ? table_init(&t->table, max) : -ENOMEM;
}

void tally_release(struct tally *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->rows[i]);
	free(t->rows);
	table_release(&t->table);
	*t = (struct tally){ 0 };
}

static struct tally_row *find_or_make(struct tally *t, struct slice key)
{
	uint64_t hash = hash_bytes(&t->hash_key, key.data, key.len);
	struct tally_row *row;

	for (struct table_node *n = table_find(&t->table, hash); n; n = table_next(n)) {
		row = container_of(n, struct tally_row, node);
		if (slice_eq(slice_of(row->key, row->len), key))
			return row;
	}
	row = t->count < t->max ? calloc(1, sizeof(*row) + key.len) : NULL;
	if (!row)
		return NULL;
	row->len = key.len;
	if (key.len)
		memcpy(row->key, key.data, key.len);
	table_insert(&t->table, &row->node, hash);
	t->rows[t->count++] = row;
	return row;
}

void tally_add(struct tally *t, struct slice key, bool is_failed, uint64_t duration_ns)
{
	struct tally_row *row = find_or_make(t, key);

	if (!row) {
		t->nr_others++;
		return;
	}
	row->nr++;
	row->nr_failed += is_failed;
	if (duration_ns) {
		row->nr_timed++;
		row->sum_ns += duration_ns;
		if (duration_ns > row->max_ns)
			row->max_ns = duration_ns;
	}
}

static uint64_t measure(const struct tally_row *row, enum tally_order order)
{
	switch (order) {
	case TALLY_BY_COUNT:
		return row->nr;
	case TALLY_BY_FAILED:
		return row->nr_failed;
	case TALLY_BY_MEAN:
		return row->nr_timed ? row->sum_ns / row->nr_timed : 0;
	}
	return 0;
}

static bool comes_before(const struct tally_row *a, const struct tally_row *b, enum tally_order order)
{
	uint64_t x = measure(a, order), y = measure(b, order);
	size_t n = a->len < b->len ? a->len : b->len;
	int by_key;

	if (x != y)
		return x > y;
	by_key = memcmp(a->key, b->key, n);
	return by_key ? by_key < 0 : a->len < b->len;
}

size_t tally_top(const struct tally *t, enum tally_order order, const struct tally_row **rows, size_t nr)
{
	size_t found = 0;

	/* Insertion into a short list: nr is a handful. */
	for (size_t i = 0; i < t->count; i++) {
		const struct tally_row *row = t->rows[i];
		size_t at = found;

		if (!measure(row, order))
			continue;
		while (at > 0 && comes_before(row, rows[at - 1], order)) {
			if (at < nr)
				rows[at] = rows[at - 1];
			at--;
		}
		if (at < nr)
			rows[at] = row;
		if (at < nr && found < nr)
			found++;
	}
	return found;
}
