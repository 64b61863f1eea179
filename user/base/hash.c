#include "hash.h"

#include <errno.h>
#include <sodium/crypto_shorthash.h>
#include <sys/random.h>

_Static_assert(HASH_KEY_SIZE == crypto_shorthash_KEYBYTES, "key of SipHash");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "value of SipHash");

int hash_key_random(struct hash_key *key)
{
	ssize_t n = getrandom(key->bytes, sizeof(key->bytes), 0);

	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(key->bytes) ? 0 : -EIO;
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	uint64_t value;

	crypto_shorthash((unsigned char *)&value, data, len, key->bytes);
	return value;
}
