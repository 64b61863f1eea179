/*
 * arena - bump allocator in one block of fixed size, for memory that lives no longer than one frame. An allocation
 * that does not fit gives NULL and sets `exhausted`, so that a hostile message fails and nothing grows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *block;
	size_t size;
	size_t used;
	bool exhausted;
};

/* Returns 0 or -ENOMEM. */
int arena_init(struct arena *a, size_t size);
void arena_release(struct arena *a);

/* Gives all of it back at once: pointers from before are dead. */
static inline void arena_reset(struct arena *a)
{
	a->used = 0;
	a->exhausted = false;
}

/* Aligned for any type; valid until arena_reset(). */
static inline void *arena_alloc(struct arena *a, size_t size)
{
	size_t at = a->used;

	if (size > a->size - at) {
		a->exhausted = true;
		return NULL;
	}
	size = (size + 15) & ~(size_t)15;
	a->used = size > a->size - at ? a->size : at + size;
	return a->block + at;
}
