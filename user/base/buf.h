/*
 * buf - a growing byte buffer with a hard cap. An append that would pass the cap, or for which there is no
 * memory, writes nothing and sets `failed`; later appends do nothing until buf_reset(). So a whole document
 * is written and tested once. Integers in the text forms are decimal.
 */
#pragma once

#include "slice.h"

struct buf {
	uint8_t *data;
	size_t len;
	size_t size; /* bytes allocated */
	size_t cap;  /* never grows past this */
	bool failed;
};

/* Nothing is allocated until the first append. buf_release() frees; the struct is then as after buf_init(). */
void buf_init(struct buf *b, size_t cap);
void buf_release(struct buf *b);

/* Empties it and clears `failed`; keeps the memory. */
static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Makes room for n more bytes; false (and failed) when the cap or the memory does not allow it. */
bool buf_grow(struct buf *b, size_t n);

static inline bool buf_reserve(struct buf *b, size_t n)
{
	return (!b->failed && n <= b->size - b->len) || buf_grow(b, n);
}

static inline void buf_add(struct buf *b, const void *data, size_t n)
{
	if (n && buf_reserve(b, n)) {
		memcpy(b->data + b->len, data, n);
		b->len += n;
	}
}

static inline void buf_add_byte(struct buf *b, uint8_t byte)
{
	if (buf_reserve(b, 1))
		b->data[b->len++] = byte;
}

static inline void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

/* For string literals: the length is known when compiling. */
#define buf_add_lit(b, literal) buf_add((b), "" literal, sizeof(literal) - 1)

void buf_add_uint(struct buf *b, uint64_t value);

/* Right-aligned decimal of exactly `digits` digits, leading zeros kept, higher digits cut off. */
void buf_add_padded(struct buf *b, uint64_t value, unsigned digits);

void buf_add_hex(struct buf *b, struct slice bytes);

__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *format, ...);

static inline struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->data, b->len);
}
