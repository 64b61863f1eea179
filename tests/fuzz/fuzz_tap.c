/*
 * Any bytes as a dnstap frame: decoding ends, needs no more memory than its arena has, and what it gives lies inside
 * that arena and inside the ranges that tap.h promises.
 */
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>

#include "wire/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SMALL_ARENA = 1024 };

static void check_slice(const struct arena *arena, struct slice s)
{
	if (s.len == 0)
		return;
	assert(s.data >= arena->block && s.data < arena->block + arena->used);
	assert(s.len <= (size_t)(arena->block + arena->used - s.data));
}

static void check_address(const struct addr *a)
{
	static const uint8_t zeros[16];

	assert(a->len == 0 || a->len == 4 || a->len == 16);
	assert(memcmp(a->ip + a->len, zeros, sizeof(a->ip) - a->len) == 0);
	/* No v4-mapped address passes. */
	assert(a->len != 16 || memcmp(a->ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) != 0);
}

static void check_tap(const struct arena *arena, const struct tap *t)
{
	const struct slice *slices[] = { &t->identity, &t->version, &t->extra, &t->query_message,
					 &t->response_message };

	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++)
		check_slice(arena, *slices[i]);
	check_address(&t->query);
	check_address(&t->response);
	assert(!addr_known(&t->query) || t->has_query_address);
	assert(!addr_known(&t->response) || t->has_response_address);
	assert(t->query.port == 0 || t->has_query_port);
	assert(t->protocol <= 7);
	assert(t->query_ns <= INT64_MAX && t->response_ns <= INT64_MAX);
}

static bool same(const struct tap *a, const struct tap *b)
{
	return slice_eq(a->identity, b->identity) && slice_eq(a->version, b->version) && slice_eq(a->extra, b->extra) &&
	       slice_eq(a->query_message, b->query_message) && slice_eq(a->response_message, b->response_message) &&
	       a->type == b->type && a->protocol == b->protocol && a->query_ns == b->query_ns &&
	       a->response_ns == b->response_ns && addr_eq(&a->query, &b->query) && addr_eq(&a->response, &b->response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena, small;
	struct tap tap, again;
	enum tap_error error, error_small;

	assert(arena_init(&arena, TAP_ARENA_SIZE) == 0);
	assert(arena_init(&small, SMALL_ARENA) == 0);
	error = tap_decode(slice_of(data, size), &arena, &tap);
	assert(arena.used <= arena.size);
	assert(strlen(tap_error_text(error)) > 0);
	assert(error != TAP_TOO_COMPLEX || arena.exhausted);
	if (error == TAP_OK)
		check_tap(&arena, &tap);
	/* With less memory: the same, or not at all. */
	error_small = tap_decode(slice_of(data, size), &small, &again);
	assert(error_small == error || error_small == TAP_TOO_COMPLEX);
	if (error_small == TAP_OK) {
		check_tap(&small, &again);
		assert(same(&tap, &again));
	}
	arena_release(&arena);
	arena_release(&small);
	return 0;
}
