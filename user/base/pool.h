/*
 * pool - memory for objects of many sizes under one cap, without a call to malloc in the steady state. Small sizes come
 * from free lists, one for each multiple of 64 bytes up to 2 KiB, cut from slabs of 64 KiB that are kept until the pool
 * is released; larger ones from malloc. `used` counts what is handed out, rounded as it was allocated, and never passes
 * `cap`: what to give up then is the caller's policy.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	POOL_GRAIN = 64,
	POOL_CLASSES = 32,
	POOL_SLAB = 64 * 1024,
};

struct pool_slab;
struct pool_free;
struct pool_large;

struct pool {
	struct pool_free *free[POOL_CLASSES];
	struct pool_slab *slabs;
	struct pool_large *large;
	size_t slab_left; /* bytes not yet cut from the newest slab */
	size_t used;
	size_t cap;
};

void pool_init(struct pool *p, size_t cap);

/* Frees all memory; what was allocated from it is dead. */
void pool_release(struct pool *p);

/* NULL when the cap is reached or memory has run out. Not cleared. Aligned to 16 bytes. */
void *pool_alloc(struct pool *p, size_t size);

/* `size` is what was asked for. NULL is allowed. */
void pool_free(struct pool *p, void *object, size_t size);
