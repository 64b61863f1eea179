/*
 * hash - keyed hash for tables fed by strangers: SipHash-2-4 (libsodium's crypto_shorthash). Without the key
 * nobody can choose inputs that collide, so two equal 64-bit values are taken as equal inputs.
 */
#pragma once

#include "slice.h"

enum { HASH_KEY_SIZE = 16 };

struct hash_key {
	uint8_t bytes[HASH_KEY_SIZE];
};

/* A key from the kernel's random source. Returns 0, or -errno where there is none. */
int hash_key_random(struct hash_key *key);

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);
