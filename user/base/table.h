/*
 * table - intrusive chained hash table with a fixed number of buckets, sized once from the limit on what it will
 * hold. Nodes are embedded in the objects; the table owns its buckets only. Newest first in each chain: lookups
 * that prefer the newest find it at once. Removal is O(1).
 */
#pragma once

#include "list.h"
#include <stdint.h>

struct table_node {
	struct table_node *next;
	struct table_node **link; /* what points to this node; NULL: in no table */
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	uint64_t mask;
};

/* Buckets for `expected` nodes. Returns 0 or -ENOMEM. */
int table_init(struct table *t, size_t expected);

/* Frees the buckets; the nodes are the caller's. */
void table_release(struct table *t);

static inline void table_insert(struct table *t, struct table_node *node, uint64_t hash)
{
	struct table_node **bucket = &t->buckets[hash & t->mask];

	node->hash = hash;
	node->next = *bucket;
	node->link = bucket;
	if (node->next)
		node->next->link = &node->next;
	*bucket = node;
}

/* A node that is in no table is left alone. */
static inline void table_remove(struct table_node *node)
{
	if (!node->link)
		return;
	*node->link = node->next;
	if (node->next)
		node->next->link = node->link;
	node->link = NULL;
}

/* The newest node of that hash, NULL if there is none; table_next() gives the next older one. */
static inline struct table_node *table_skip(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct table_node *table_find(const struct table *t, uint64_t hash)
{
	return table_skip(t->buckets[hash & t->mask], hash);
}

static inline struct table_node *table_next(const struct table_node *node)
{
	return table_skip(node->next, node->hash);
}
