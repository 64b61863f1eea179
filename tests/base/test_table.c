#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/table.h"

struct item {
	char name;
	struct table_node node;
};

/* The names of all nodes of that hash, newest first. */
static void assert_chain(const struct table *t, uint64_t hash, const char *names)
{
	for (struct table_node *n = table_find(t, hash); n; n = table_next(n)) {
		assert_int_equal(n->hash, hash);
		assert_int_equal(container_of(n, struct item, node)->name, *names++);
	}
	assert_int_equal(*names, 0);
}

static const struct {
	size_t expected, buckets;
} sizes[] = {
	{ 0, 16 }, { 1, 16 }, { 16, 16 }, { 17, 32 }, { 32, 32 }, { 33, 64 }, { 100000, 131072 },
};

static void test_table__buckets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct table t;

		assert_int_equal(table_init(&t, sizes[i].expected), 0);
		assert_int_equal(t.mask, sizes[i].buckets - 1);
		for (uint64_t hash = 0; hash <= t.mask; hash++)
			assert_null(table_find(&t, hash));
		table_release(&t);
		assert_null(t.buckets);
		table_release(&t);
	}
}

static void test_table__newest_first(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, 16), 0);
	table_insert(&t, &a.node, 7);
	assert_chain(&t, 7, "a");
	table_insert(&t, &b.node, 7);
	table_insert(&t, &c.node, 7);
	assert_chain(&t, 7, "cba");
	table_release(&t);
}

/* Hashes that share a bucket, those that differ in the upper half only, and those of the last bucket. */
static void test_table__same_bucket(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' }, d = { .name = 'd' };
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, 16), 0);
	table_insert(&t, &a.node, 7);
	table_insert(&t, &b.node, 7 + 16);
	table_insert(&t, &c.node, 7 + (UINT64_C(1) << 63));
	table_insert(&t, &d.node, 7);
	assert_chain(&t, 7, "da");
	assert_chain(&t, 7 + 16, "b");
	assert_chain(&t, 7 + (UINT64_C(1) << 63), "c");
	assert_chain(&t, 7 + 32, "");
	table_insert(&t, &(struct item){ .name = 'e' }.node, UINT64_MAX);
	assert_chain(&t, UINT64_MAX, "e");
	table_release(&t);
}

/* Each place in a chain: first, middle, last, only. */
static void test_table__remove(void **state)
{
	static const struct {
		unsigned which;
		const char *left;
	} removals[] = { { 1, "dca" }, { 0, "dc" }, { 3, "c" }, { 2, "" } };
	struct item items[] = { { .name = 'a' }, { .name = 'b' }, { .name = 'c' }, { .name = 'd' } };
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, 16), 0);
	for (unsigned i = 0; i < 4; i++)
		table_insert(&t, &items[i].node, 3);
	for (unsigned i = 0; i < 4; i++) {
		struct table_node *node = &items[removals[i].which].node;

		table_remove(node);
		assert_null(node->link);
		assert_chain(&t, 3, removals[i].left);
		table_remove(node);
		assert_chain(&t, 3, removals[i].left);
	}
	table_release(&t);
}

static void test_table__node_that_was_never_in(void **state)
{
	struct item a = { .name = 'a' };

	(void)state;
	table_remove(&a.node);
	assert_null(a.node.link);
}

static void test_table__insert_again(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' };
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, 16), 0);
	table_insert(&t, &a.node, 1);
	table_insert(&t, &b.node, 1);
	table_remove(&a.node);
	table_insert(&t, &a.node, 2);
	assert_chain(&t, 1, "b");
	assert_chain(&t, 2, "a");
	table_remove(&a.node);
	table_insert(&t, &a.node, 1);
	assert_chain(&t, 1, "ab");
	assert_chain(&t, 2, "");
	table_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table__buckets),
		cmocka_unit_test(test_table__newest_first),
		cmocka_unit_test(test_table__same_bucket),
		cmocka_unit_test(test_table__remove),
		cmocka_unit_test(test_table__node_that_was_never_in),
		cmocka_unit_test(test_table__insert_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
