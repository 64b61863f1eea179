#include "json.h"

/* Length of the well-formed UTF-8 sequence at s (RFC 3629, section 4), 0 if there is none. */
static size_t utf8_len(const uint8_t *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies above U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void add_escape(struct buf *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		buf_add_byte(out, '\\');
		buf_add_byte(out, c);
	} else {
		buf_add_lit(out, "\\u00");
		buf_add_byte(out, (uint8_t)digits[c >> 4]);
		buf_add_byte(out, (uint8_t)digits[c & 15]);
	}
}

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

void json_text(struct json *j, struct slice bytes)
{
	const uint8_t *s = bytes.data, *end = s + bytes.len;

	json_separate(j);
	buf_add_byte(j->out, '"');
	while (s < end) {
		const uint8_t *run = s;
		size_t n;

		while (s < end && is_plain(*s))
			s++;
		buf_add(j->out, run, (size_t)(s - run));
		if (s == end)
			break;
		n = utf8_len(s, (size_t)(end - s));
		if (n == 0)
			buf_add_lit(j->out, "\xef\xbf\xbd");
		else if (n == 1)
			add_escape(j->out, *s);
		else
			buf_add(j->out, s, n);
		s += n ? n : 1;
	}
	buf_add_byte(j->out, '"');
}

void json_hex(struct json *j, struct slice bytes)
{
	json_separate(j);
	buf_add_byte(j->out, '"');
	buf_add_hex(j->out, bytes);
	buf_add_byte(j->out, '"');
}
