#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/closed.h"

static void add(struct closed *c, enum closed_kind kind, uint64_t hash, uint64_t time_ns)
{
	closed_add(c, kind, &(struct closed_entry){ .hash = hash, .time_ns = time_ns });
}

/* The times of all entries of that kind and hash, newest first. */
static void assert_found(const struct closed *c, enum closed_kind kind, uint64_t hash, unsigned nr,
			 const uint64_t *times_ns)
{
	const struct closed_entry *entry = closed_find(c, kind, hash);

	for (unsigned i = 0; i < nr; i++) {
		assert_non_null(entry);
		assert_int_equal(entry->time_ns, times_ns[i]);
		entry = closed_next(c, entry);
	}
	assert_null(entry);
}

static void test_find(void **state)
{
	struct closed c;

	(void)state;
	assert_int_equal(closed_init(&c, 10, 100), 0);
	assert_found(&c, CLOSED_QUERY, 0, 0, NULL);
	add(&c, CLOSED_QUERY, 5, 1);
	add(&c, CLOSED_CALL, 5, 2);
	add(&c, CLOSED_QUERY, 5, 3);
	add(&c, CLOSED_QUERY, 6, 4);
	add(&c, CLOSED_NEED, 5, 5);
	assert_found(&c, CLOSED_QUERY, 5, 2, (uint64_t[]){ 3, 1 });
	assert_found(&c, CLOSED_QUERY, 6, 1, (uint64_t[]){ 4 });
	assert_found(&c, CLOSED_CALL, 5, 1, (uint64_t[]){ 2 });
	assert_found(&c, CLOSED_NEED, 5, 1, (uint64_t[]){ 5 });
	assert_found(&c, CLOSED_CALL, 6, 0, NULL);
	assert_int_equal(c.nr_forgotten, 0);
	closed_release(&c);
}

/* When it is full the oldest is forgotten: in hashes that share a bucket (low bits), and of one hash. */
static void test_ring(void **state)
{
	struct closed c;

	(void)state;
	assert_int_equal(closed_init(&c, 2, 1000), 0);
	for (uint64_t i = 1; i <= 6; i++)
		add(&c, CLOSED_QUERY, i % 2 ? 1 : 1 + (1 << 20), i);
	assert_found(&c, CLOSED_QUERY, 1, 3, (uint64_t[]){ 5, 3, 1 });
	assert_found(&c, CLOSED_QUERY, 1 + (1 << 20), 3, (uint64_t[]){ 6, 4, 2 });
	assert_int_equal(c.nr_forgotten, 0);
	add(&c, CLOSED_QUERY, 1, 7);
	assert_found(&c, CLOSED_QUERY, 1, 3, (uint64_t[]){ 7, 5, 3 });
	assert_found(&c, CLOSED_QUERY, 1 + (1 << 20), 3, (uint64_t[]){ 6, 4, 2 });
	for (uint64_t i = 8; i <= 100; i++)
		add(&c, CLOSED_QUERY, i, i);
	assert_found(&c, CLOSED_QUERY, 1, 0, NULL);
	assert_found(&c, CLOSED_QUERY, 94, 0, NULL);
	for (uint64_t i = 95; i <= 100; i++)
		assert_found(&c, CLOSED_QUERY, i, 1, &i);
	assert_int_equal(c.nr_forgotten, 94);
	closed_release(&c);
}

/* What nobody can ask for any more is no loss. */
static void test_forgotten(void **state)
{
	struct closed c;

	(void)state;
	assert_int_equal(closed_init(&c, 1, 45), 0);
	for (unsigned i = 0; i < 3; i++)
		add(&c, CLOSED_QUERY, i + 1, 100);
	add(&c, CLOSED_QUERY, 4, 145);
	add(&c, CLOSED_QUERY, 5, 144);
	assert_int_equal(c.nr_forgotten, 1);
	add(&c, CLOSED_QUERY, 6, 10);
	assert_int_equal(c.nr_forgotten, 2);
	closed_release(&c);
}

static void test_no_room(void **state)
{
	struct closed c;

	(void)state;
	assert_int_equal(closed_init(&c, 0, 45), 0);
	add(&c, CLOSED_QUERY, 1, 1);
	assert_found(&c, CLOSED_QUERY, 1, 0, NULL);
	closed_release(&c);
	closed_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
