#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){ .cap = cap };
}

void buf_release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->cap);
}

bool buf_grow(struct buf *b, size_t n)
{
	size_t size = b->size ? b->size : BUF_FIRST;
	uint8_t *data;

	if (b->failed || n > b->cap - b->len)
		goto fail;
	while (size < b->len + n)
		size *= 2;
	if (size > b->cap)
		size = b->cap;
	data = realloc(b->data, size);
	if (!data)
		goto fail;
	b->data = data;
	b->size = size;
	return true;
fail:
	b->failed = true;
	return false;
}

static const char digit_pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
				  "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
				  "828384858687888990919293949596979899";

void buf_add_uint(struct buf *b, uint64_t value)
{
	uint8_t text[20];
	size_t at = sizeof(text);

	while (value >= 100) {
		at -= 2;
		memcpy(text + at, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(text + at, digit_pairs + value * 2, 2);
	} else {
		text[--at] = (uint8_t)('0' + value);
	}
	buf_add(b, text + at, sizeof(text) - at);
}

void buf_add_padded(struct buf *b, uint64_t value, unsigned digits)
{
	if (!buf_reserve(b, digits))
		return;
	for (unsigned i = digits; i-- > 0; value /= 10)
		b->data[b->len + i] = (uint8_t)('0' + value % 10);
	b->len += digits;
}

void buf_add_hex(struct buf *b, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";

	if (!buf_reserve(b, bytes.len * 2))
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		b->data[b->len++] = (uint8_t)digits[bytes.data[i] >> 4];
		b->data[b->len++] = (uint8_t)digits[bytes.data[i] & 15];
	}
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* One byte more: vsnprintf always writes its terminating zero. */
	if (n < 0 || !buf_reserve(b, (size_t)n + 1))
		return;
	va_start(args, format);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, args);
	va_end(args);
	b->len += (size_t)n;
}
