#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/pool.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { CAP = 1 << 20, LARGE = POOL_GRAIN * POOL_CLASSES + 1 };

static const struct {
	size_t size, costs;
} sizes[] = {
	{ 0, 64 },	  { 1, 64 },	    { 63, 64 },	      { 64, 64 },     { 65, 128 },
	{ 128, 128 },	  { 1000, 1024 },   { 2047, 2048 },   { 2048, 2048 }, { 2049, 2112 },
	{ 65535, 65536 }, { 65536, 65536 }, { 70000, 70016 },
};

static void test_pool__counts_what_it_hands_out(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, CAP);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *object = pool_alloc(&p, sizes[i].size);

		print_message("%zu\n", sizes[i].size);
		assert_non_null(object);
		assert_int_equal((uintptr_t)object % 16, 0);
		assert_int_equal(p.used, sizes[i].costs);
		memset(object, 0xff, sizes[i].size);
		pool_free(&p, object, sizes[i].size);
		assert_int_equal(p.used, 0);
	}
	pool_free(&p, NULL, 100);
	assert_int_equal(p.used, 0);
	pool_release(&p);
}

static void test_pool__cap(void **state)
{
	struct pool p;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		void *first;

		print_message("%zu\n", sizes[i].size);
		pool_init(&p, sizes[i].costs - 1);
		assert_null(pool_alloc(&p, sizes[i].size));
		assert_int_equal(p.used, 0);
		pool_release(&p);

		pool_init(&p, 2 * sizes[i].costs - 1);
		first = pool_alloc(&p, sizes[i].size);
		assert_non_null(first);
		assert_null(pool_alloc(&p, sizes[i].size));
		assert_int_equal(p.used, sizes[i].costs);
		pool_free(&p, first, sizes[i].size);
		first = pool_alloc(&p, sizes[i].size);
		assert_non_null(first);
		pool_free(&p, first, sizes[i].size);
		pool_release(&p);
	}
}

static void test_pool__sizes_that_overflow(void **state)
{
	static const size_t huge[] = { SIZE_MAX,      SIZE_MAX - 1, SIZE_MAX - 62,   SIZE_MAX - 63,
				       SIZE_MAX - 64, SIZE_MAX / 2, SIZE_MAX / 2 + 1 };
	struct pool p;

	(void)state;
	pool_init(&p, CAP);
	for (size_t i = 0; i < COUNT(huge); i++)
		assert_null(pool_alloc(&p, huge[i]));
	assert_int_equal(p.used, 0);
	pool_release(&p);
}

/* Each object holds a byte of its own all over; none is touched by another. */
static void test_pool__objects_do_not_overlap(void **state)
{
	enum { NR = 250 };
	static uint8_t *objects[NR];
	struct pool p;

	(void)state;
	pool_init(&p, CAP);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < NR; i++) {
			objects[i] = pool_alloc(&p, 1 + i * 10);
			assert_non_null(objects[i]);
			memset(objects[i], (int)i, 1 + i * 10);
		}
		for (unsigned i = 0; i < NR; i++) {
			for (unsigned k = 0; k < 1 + i * 10; k++)
				assert_int_equal(objects[i][k], i);
			pool_free(&p, objects[i], 1 + i * 10);
		}
		assert_int_equal(p.used, 0);
	}
	pool_release(&p);
}

/* In the steady state no new slab is cut: the free lists serve. */
static void test_pool__reuses(void **state)
{
	struct pool_slab *slabs;
	struct pool p;
	void *a, *b;

	(void)state;
	pool_init(&p, CAP);
	a = pool_alloc(&p, 100);
	b = pool_alloc(&p, 100);
	assert_ptr_not_equal(a, b);
	slabs = p.slabs;
	for (unsigned i = 0; i < 10000; i++) {
		pool_free(&p, a, 100);
		pool_free(&p, b, 100);
		b = pool_alloc(&p, 128);
		a = pool_alloc(&p, 65);
	}
	assert_ptr_equal(p.slabs, slabs);
	assert_int_equal(p.used, 256);
	pool_release(&p);
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* All, also the objects that did not come from slabs. (Under the sanitizer its leak check is what fails.) */
static void test_pool__release_frees_everything(void **state)
{
	enum { ROUNDS = 50, NOISE = 16384 };
	static const size_t each[] = { 1, 64, 2048, LARGE, 65536, 300000 };

	(void)state;
	for (size_t i = 0; i < COUNT(each); i++) {
		size_t before;

		print_message("%zu\n", each[i]);
		before = allocated();
		for (unsigned round = 0; round < ROUNDS; round++) {
			struct pool p;

			pool_init(&p, CAP);
			assert_non_null(pool_alloc(&p, each[i]));
			assert_non_null(pool_alloc(&p, each[i]));
			pool_release(&p);
			assert_int_equal(p.used, 0);
			assert_int_equal(p.cap, CAP);
		}
		assert_in_range(allocated(), 0, before + NOISE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool__counts_what_it_hands_out),
		cmocka_unit_test(test_pool__cap),
		cmocka_unit_test(test_pool__sizes_that_overflow),
		cmocka_unit_test(test_pool__objects_do_not_overlap),
		cmocka_unit_test(test_pool__reuses),
		cmocka_unit_test(test_pool__release_frees_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
