#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

static const struct hash_key vector_key = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };

/* From the authors' reference implementation: the input is 0, 1, 2, ... of that length. */
static const struct {
	size_t len;
	uint8_t value[8];
} vectors[] = {
	{ 0, { 0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72 } },
	{ 1, { 0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74 } },
	{ 8, { 0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93 } },
	{ 15, { 0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1 } },
};

static void test_hash__is_siphash_2_4(void **state)
{
	uint8_t input[16];

	(void)state;
	for (uint8_t i = 0; i < sizeof(input); i++)
		input[i] = i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		uint64_t value = hash_bytes(&vector_key, input, vectors[i].len);

		print_message("%zu bytes\n", vectors[i].len);
		assert_memory_equal(&value, vectors[i].value, sizeof(value));
	}
}

static void test_hash__depends_on_key(void **state)
{
	struct hash_key other = vector_key;

	(void)state;
	other.bytes[15] ^= 1;
	assert_int_not_equal(hash_bytes(&vector_key, "abc", 3), hash_bytes(&other, "abc", 3));
}

static void test_hash__random_keys_differ(void **state)
{
	struct hash_key a = { { 0 } }, b = { { 0 } };

	(void)state;
	assert_int_equal(hash_key_random(&a), 0);
	assert_int_equal(hash_key_random(&b), 0);
	assert_memory_not_equal(a.bytes, b.bytes, sizeof(a.bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash__is_siphash_2_4),
		cmocka_unit_test(test_hash__depends_on_key),
		cmocka_unit_test(test_hash__random_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
