#include "pool.h"

#include <stdlib.h>

struct pool_slab {
	struct pool_slab *next;
	_Alignas(POOL_GRAIN) uint8_t bytes[POOL_SLAB];
};

/* An object of its own, known to the pool so that it can be freed with it. */
struct pool_large {
	struct pool_large *next, **link;
	_Alignas(16) uint8_t bytes[];
};

struct pool_free {
	struct pool_free *next;
};

void pool_init(struct pool *p, size_t cap)
{
	*p = (struct pool){ .cap = cap };
}

static void *large_alloc(struct pool *p, size_t size)
{
	struct pool_large *large = malloc(sizeof(*large) + size);

	if (!large)
		return NULL;
	large->next = p->large;
	large->link = &p->large;
	if (large->next)
		large->next->link = &large->next;
	p->large = large;
	return large->bytes;
}

static void large_free(struct pool_large *large)
{
	*large->link = large->next;
	if (large->next)
		large->next->link = large->link;
	free(large);
}

void pool_release(struct pool *p)
{
	while (p->slabs) {
		struct pool_slab *next = p->slabs->next;

		free(p->slabs);
		p->slabs = next;
	}
	while (p->large)
		large_free(p->large);
	pool_init(p, p->cap);
}

static size_t rounded(size_t size)
{
	return size ? (size + POOL_GRAIN - 1) / POOL_GRAIN * POOL_GRAIN : POOL_GRAIN;
}

static void *cut(struct pool *p, size_t size)
{
	struct pool_slab *slab = p->slabs;

	if (p->slab_left < size) {
		/* The rest of the old slab is given up: at most 2 KiB of 64. */
		slab = aligned_alloc(POOL_GRAIN, sizeof(*slab));
		if (!slab)
			return NULL;
		slab->next = p->slabs;
		p->slabs = slab;
		p->slab_left = POOL_SLAB;
	}
	p->slab_left -= size;
	return slab->bytes + p->slab_left;
}

void *pool_alloc(struct pool *p, size_t size)
{
	size_t n = rounded(size), class = n / POOL_GRAIN - 1;
	void *object;

	if (size > SIZE_MAX / 2 || n > p->cap - p->used)
		return NULL;
	if (class >= POOL_CLASSES) {
		object = large_alloc(p, n);
	} else if (p->free[class]) {
		object = p->free[class];
		p->free[class] = p->free[class]->next;
	} else {
		object = cut(p, n);
	}
	if (object)
		p->used += n;
	return object;
}

void pool_free(struct pool *p, void *object, size_t size)
{
	size_t n = rounded(size), class = n / POOL_GRAIN - 1;
	struct pool_free *node = object;

	if (!object)
		return;
	p->used -= n;
	if (class >= POOL_CLASSES) {
		large_free((struct pool_large *)(void *)((uint8_t *)object - offsetof(struct pool_large, bytes)));
		return;
	}
	node->next = p->free[class];
	p->free[class] = node;
}
