#include "arena.h"

#include <errno.h>
#include <stdlib.h>

int arena_init(struct arena *a, size_t size)
{
	*a = (struct arena){ .block = malloc(size), .size = size };
	return a->block ? 0 : -ENOMEM;
}

void arena_release(struct arena *a)
{
	free(a->block);
	*a = (struct arena){ 0 };
}
