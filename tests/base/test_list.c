#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
	char name;
	struct list node;
};

/* The names in order; the same backwards. */
static void assert_order(const struct list *head, const char *names)
{
	size_t nr = strlen(names);

	assert_int_equal(list_empty(head), nr == 0);
	for (const struct list *l = head->next; l != head; l = l->next)
		assert_int_equal(container_of(l, struct item, node)->name, *names++);
	assert_int_equal(*names, 0);
	for (const struct list *l = head->prev; l != head; l = l->prev)
		assert_int_equal(container_of(l, struct item, node)->name, *--names);
}

static void test_list__append_and_remove(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list head;

	(void)state;
	list_init(&head);
	assert_order(&head, "");
	list_append(&head, &a.node);
	list_append(&head, &b.node);
	list_append(&head, &c.node);
	assert_order(&head, "abc");
	list_remove(&b.node);
	assert_order(&head, "ac");
	list_remove(&a.node);
	list_remove(&c.node);
	assert_order(&head, "");
}

static void test_list__removed_node_stands_alone(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' };
	struct list head;

	(void)state;
	list_init(&head);
	list_append(&head, &a.node);
	list_append(&head, &b.node);
	list_remove(&a.node);
	assert_true(list_empty(&a.node));
	list_remove(&a.node);
	assert_order(&head, "b");
	list_append(&head, &a.node);
	assert_order(&head, "ba");
}

static void test_list__insert_before(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list head;

	(void)state;
	list_init(&head);
	list_append(&head, &b.node);
	list_insert_before(&b.node, &a.node);
	list_insert_before(&head, &c.node);
	assert_order(&head, "abc");
}

static void test_list__move_to_end(void **state)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list head, other;

	(void)state;
	list_init(&head);
	list_init(&other);
	list_append(&head, &a.node);
	list_append(&head, &b.node);
	list_append(&head, &c.node);
	list_move_to_end(&head, &a.node);
	assert_order(&head, "bca");
	list_move_to_end(&head, &a.node);
	assert_order(&head, "bca");
	list_move_to_end(&other, &c.node);
	assert_order(&head, "ba");
	assert_order(&other, "c");
	/* A node that is in no list. */
	list_remove(&b.node);
	list_move_to_end(&other, &b.node);
	assert_order(&other, "cb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list__append_and_remove),
		cmocka_unit_test(test_list__removed_node_stands_alone),
		cmocka_unit_test(test_list__insert_before),
		cmocka_unit_test(test_list__move_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
