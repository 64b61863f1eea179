/*
 * cursor - the only way in which input bytes are read. A read past the end sets `failed`, returns zero (or an
 * empty slice) and leaves the position; every later read then does the same. So a caller reads a whole
 * structure and tests once. All integers are big-endian (network byte order) on the wire, host order here.
 */
#pragma once

#include "slice.h"

struct cursor {
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool failed;
};

static inline struct cursor cursor_of(struct slice s)
{
	return (struct cursor){ .data = s.data, .len = s.len };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->len - c->pos;
}

/* Moves over n bytes; the slice borrows from the cursor's data. */
static inline struct slice cursor_bytes(struct cursor *c, size_t n)
{
	struct slice s = { 0 };

	if (c->failed || n > c->len - c->pos) {
		c->failed = true;
		return s;
	}
	s = slice_of(c->data + c->pos, n);
	c->pos += n;
	return s;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	struct slice s = cursor_bytes(c, 1);

	return s.len ? s.data[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	struct slice s = cursor_bytes(c, 2);

	return s.len ? (uint16_t)(s.data[0] << 8 | s.data[1]) : 0;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	struct slice s = cursor_bytes(c, 4);

	return s.len ? (uint32_t)s.data[0] << 24 | (uint32_t)s.data[1] << 16 | (uint32_t)s.data[2] << 8 | s.data[3] : 0;
}
