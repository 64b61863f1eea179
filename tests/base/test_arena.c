#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"

static void test_arena__alignment(void **state)
{
	struct arena a;

	(void)state;
	assert_int_equal(arena_init(&a, 4096), 0);
	for (size_t size = 0; size <= 40; size++) {
		uint8_t *p = arena_alloc(&a, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0xaa, size);
	}
	arena_release(&a);
}

static void test_arena__objects_do_not_overlap(void **state)
{
	uint8_t *objects[20];
	struct arena a;

	(void)state;
	assert_int_equal(arena_init(&a, 1024), 0);
	for (uint8_t i = 0; i < 20; i++) {
		objects[i] = arena_alloc(&a, 1U + i);
		assert_non_null(objects[i]);
		memset(objects[i], i, 1U + i);
	}
	for (uint8_t i = 0; i < 20; i++)
		for (unsigned k = 0; k <= i; k++)
			assert_int_equal(objects[i][k], i);
	arena_release(&a);
}

static const struct {
	const char *name;
	size_t size;
	size_t first, second; /* SIZE_MAX: not asked for */
	bool first_fits, second_fits;
} samples[] = {
	{ "the whole", 64, 64, SIZE_MAX, true, true },
	{ "one byte more", 64, 65, SIZE_MAX, false, true },
	{ "half and half", 64, 32, 32, true, true },
	{ "half and more", 64, 32, 33, true, false },
	{ "rounded up to the end", 64, 49, 1, true, false },
	{ "rounded up beyond the end", 60, 49, 1, true, false },
	{ "odd size, last bytes", 60, 48, 12, true, true },
	{ "nothing behind the last byte", 64, 64, 0, true, true },
	{ "the largest size", 64, SIZE_MAX - 1, SIZE_MAX, false, true },
	{ "the largest size that rounds to zero", 64, SIZE_MAX - 14, SIZE_MAX, false, true },
	{ "the largest size, later", 64, 16, SIZE_MAX - 15, true, false },
};

static void test_arena__limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct arena a;

		print_message("%s\n", samples[i].name);
		assert_int_equal(arena_init(&a, samples[i].size), 0);
		assert_int_equal(arena_alloc(&a, samples[i].first) != NULL, samples[i].first_fits);
		if (samples[i].second != SIZE_MAX)
			assert_int_equal(arena_alloc(&a, samples[i].second) != NULL, samples[i].second_fits);
		assert_int_equal(a.exhausted, !samples[i].first_fits || !samples[i].second_fits);
		assert_true(a.used <= a.size);
		arena_release(&a);
	}
}

/* A refused object leaves room for a smaller one, but the mark stays: the frame has failed. */
static void test_arena__exhausted_until_reset(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	assert_int_equal(arena_init(&a, 64), 0);
	first = arena_alloc(&a, 16);
	assert_null(arena_alloc(&a, 64));
	assert_non_null(arena_alloc(&a, 16));
	assert_true(a.exhausted);
	arena_reset(&a);
	assert_false(a.exhausted);
	assert_ptr_equal(arena_alloc(&a, 64), first);
	arena_release(&a);
}

static void test_arena__release(void **state)
{
	struct arena a;

	(void)state;
	assert_int_equal(arena_init(&a, 64), 0);
	arena_release(&a);
	assert_null(a.block);
	assert_null(arena_alloc(&a, 1));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena__alignment), cmocka_unit_test(test_arena__objects_do_not_overlap),
		cmocka_unit_test(test_arena__limits),	 cmocka_unit_test(test_arena__exhausted_until_reset),
		cmocka_unit_test(test_arena__release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
