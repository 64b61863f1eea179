#include "closed.h"

#include <errno.h>
#include <stdlib.h>

int closed_init(struct closed *c, size_t sessions, uint64_t keep_ns)
{
	size_t buckets = 16;

	*c = (struct closed){ .size = sessions * CLOSED_ENTRIES_PER_SESSION, .keep_ns = keep_ns };
	while (buckets < c->size)
		buckets *= 2;
	c->mask = buckets - 1;
	c->entries = calloc(c->size ? c->size : 1, sizeof(*c->entries));
	c->buckets = calloc(buckets, sizeof(*c->buckets));
	return c->entries && c->buckets ? 0 : -ENOMEM;
}

void closed_release(struct closed *c)
{
	free(c->entries);
	free(c->buckets);
	*c = (struct closed){ 0 };
}

static bool in_use(const struct closed_entry *e)
{
	return e->hash != 0 || e->time_ns != 0;
}

/* The oldest entry of all is the last of its chain. */
static void forget(struct closed *c, struct closed_entry *oldest)
{
	uint32_t number = (uint32_t)(oldest - c->entries) + 1;
	uint32_t *link = &c->buckets[oldest->hash & c->mask];

	while (*link && *link != number)
		link = &c->entries[*link - 1].next_older;
	*link = 0;
}

/* An odd factor, so that kinds never meet on one key. */
static uint64_t hash_of(enum closed_kind kind, uint64_t hash)
{
	return hash ^ (uint64_t)kind * 0x9e3779b97f4a7c15ULL;
}

void closed_add(struct closed *c, enum closed_kind kind, const struct closed_entry *entry)
{
	struct closed_entry *slot;
	uint32_t *bucket;

	if (c->size == 0)
		return;
	slot = &c->entries[c->next];
	if (in_use(slot)) {
		if (entry->time_ns < slot->time_ns + c->keep_ns)
			c->nr_forgotten++;
		forget(c, slot);
	}
	*slot = *entry;
	slot->hash = hash_of(kind, entry->hash);
	bucket = &c->buckets[slot->hash & c->mask];
	slot->next_older = *bucket;
	*bucket = (uint32_t)c->next + 1;
	c->next = c->next + 1 == c->size ? 0 : c->next + 1;
}

static struct closed_entry *skip(const struct closed *c, uint32_t number, uint64_t hash)
{
	while (number && c->entries[number - 1].hash != hash)
		number = c->entries[number - 1].next_older;
	return number ? &c->entries[number - 1] : NULL;
}

struct closed_entry *closed_find(const struct closed *c, enum closed_kind kind, uint64_t hash)
{
	hash = hash_of(kind, hash);
	return skip(c, c->buckets[hash & c->mask], hash);
}

struct closed_entry *closed_next(const struct closed *c, const struct closed_entry *entry)
{
	return skip(c, entry->next_older, entry->hash);
}
