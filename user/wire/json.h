/*
 * json - streaming JSON writer (RFC 8259) over a buf: the order of calls is the order of keys, no tree is built. The
 * writer puts commas; the caller pairs begin and end, and gives each value in an object a key. Failure is the buf's:
 * test buf.failed once, at the end.
 */
#pragma once

#include "base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* a value stands before the next one in this object or array */
};

static inline struct json json_of(struct buf *out)
{
	return (struct json){ .out = out };
}

static inline void json_separate(struct json *j)
{
	if (j->comma)
		buf_add_byte(j->out, ',');
	j->comma = true;
}

static inline void json_open(struct json *j, uint8_t bracket)
{
	json_separate(j);
	buf_add_byte(j->out, bracket);
	j->comma = false;
}

static inline void json_close(struct json *j, uint8_t bracket)
{
	buf_add_byte(j->out, bracket);
	j->comma = true;
}

static inline void json_object_begin(struct json *j)
{
	json_open(j, '{');
}

static inline void json_object_end(struct json *j)
{
	json_close(j, '}');
}

static inline void json_array_begin(struct json *j)
{
	json_open(j, '[');
}

static inline void json_array_end(struct json *j)
{
	json_close(j, ']');
}

/* A key that is a string literal and needs no escapes. */
#define json_key(j, literal)                               \
	do {                                               \
		json_separate(j);                          \
		buf_add_lit((j)->out, "\"" literal "\":"); \
		(j)->comma = false;                        \
	} while (0)

static inline void json_uint(struct json *j, uint64_t value)
{
	json_separate(j);
	buf_add_uint(j->out, value);
}

static inline void json_bool(struct json *j, bool value)
{
	json_separate(j);
	if (value)
		buf_add_lit(j->out, "true");
	else
		buf_add_lit(j->out, "false");
}

static inline void json_nothing(struct json *j)
{
	json_separate(j);
	buf_add_lit(j->out, "null");
}

/*
 * Any bytes become a valid JSON string of valid UTF-8: quotes, backslashes and control characters are escaped, and a
 * byte that is not part of well-formed UTF-8 (RFC 3629) becomes U+FFFD.
 */
void json_text(struct json *j, struct slice bytes);

static inline void json_str(struct json *j, const char *s)
{
	json_text(j, slice_from_str(s));
}

/* Bytes known to need no escapes: digits, names from tables. */
static inline void json_plain(struct json *j, struct slice ascii)
{
	json_separate(j);
	buf_add_byte(j->out, '"');
	buf_add(j->out, ascii.data, ascii.len);
	buf_add_byte(j->out, '"');
}

/* Upper-case hexadecimal, as RFC 8427 writes octets. */
void json_hex(struct json *j, struct slice bytes);
