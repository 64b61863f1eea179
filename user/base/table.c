#include "table.h"

#include <errno.h>
#include <stdlib.h>

int table_init(struct table *t, size_t expected)
{
	size_t buckets = 16;

	while (buckets < expected)
		buckets *= 2;
	t->buckets = calloc(buckets, sizeof(struct table_node *));
	t->mask = buckets - 1;
	return t->buckets ? 0 : -ENOMEM;
}

void table_release(struct table *t)
{
	free(t->buckets);
	t->buckets = NULL;
}
