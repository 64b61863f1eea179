#include "addr.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct addr addr_from_bytes(struct slice ip, uint16_t port)
{
	struct addr a = { .port = port };

	if (ip.len == 16 && memcmp(ip.data, v4_mapped, sizeof(v4_mapped)) == 0)
		ip = slice_of(ip.data + 12, 4);
	if (ip.len == 4 || ip.len == 16) {
		memcpy(a.ip, ip.data, ip.len);
		a.len = (uint8_t)ip.len;
	}
	return a;
}

bool addr_parse(struct slice text, struct addr *out)
{
	char s[ADDR_TEXT_MAX];
	uint8_t ip[16];

	if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
		text = slice_of(text.data + 1, text.len - 2);
	if (text.len == 0 || text.len >= sizeof(s) || memchr(text.data, 0, text.len))
		return false;
	memcpy(s, text.data, text.len);
	s[text.len] = 0;
	if (inet_pton(AF_INET, s, ip) == 1)
		*out = addr_from_bytes(slice_of(ip, 4), 0);
	else if (inet_pton(AF_INET6, s, ip) == 1)
		*out = addr_from_bytes(slice_of(ip, 16), 0);
	else
		return false;
	return true;
}

bool addr_prefix_parse(const char *text, struct addr_prefix *out)
{
	const char *slash = strchr(text, '/');
	struct addr base;
	char *end;
	long bits;

	if (!addr_parse(slice_of(text, slash ? (size_t)(slash - text) : strlen(text)), &base))
		return false;
	bits = base.len * 8;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtol(slash + 1, &end, 10);
		if (*end || bits > base.len * 8)
			return false;
	}
	*out = (struct addr_prefix){ .base = base, .bits = (uint8_t)bits };
	return true;
}

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *prefix)
{
	unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;

	if (a->len != prefix->base.len || memcmp(a->ip, prefix->base.ip, whole) != 0)
		return false;
	return rest == 0 || (a->ip[whole] ^ prefix->base.ip[whole]) >> (8 - rest) == 0;
}

static char *put_octet(char *to, uint8_t value)
{
	if (value >= 100)
		*to++ = (char)('0' + value / 100);
	if (value >= 10)
		*to++ = (char)('0' + value / 10 % 10);
	*to++ = (char)('0' + value % 10);
	return to;
}

static char *put_v4(char *to, const uint8_t *ip)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*to++ = '.';
		to = put_octet(to, ip[i]);
	}
	return to;
}

static char *put_group(char *to, unsigned group)
{
	static const char digits[] = "0123456789abcdef";
	int shift = group >= 0x1000 ? 12 : group >= 0x100 ? 8 : group >= 0x10 ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*to++ = digits[group >> shift & 15];
	return to;
}

struct run {
	int at, len;
};

/* The longest run of zero groups, the first of equal ones, two at least (RFC 5952, section 4.2). */
static struct run longest_zeros(const unsigned *groups)
{
	struct run best = { .at = 8, .len = 0 }, now = { 0 };

	for (int i = 0; i < 8; i++) {
		now = groups[i] ? (struct run){ .at = i + 1 } : (struct run){ now.at, now.len + 1 };
		if (now.len > best.len && now.len > 1)
			best = now;
	}
	return best;
}

static char *put_v6(char *to, const uint8_t *ip)
{
	unsigned groups[8];
	struct run zeros;

	if (memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0) {
		memcpy(to, "::ffff:", 7);
		return put_v4(to + 7, ip + 12);
	}
	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
	zeros = longest_zeros(groups);
	for (int i = 0; i < 8; i++) {
		if (i == zeros.at) {
			*to++ = ':';
			i += zeros.len - 1;
			if (i == 7)
				*to++ = ':';
			continue;
		}
		if (i)
			*to++ = ':';
		to = put_group(to, groups[i]);
	}
	return to;
}

void addr_print(const struct addr *a, struct buf *out)
{
	char text[ADDR_TEXT_MAX], *to = text;

	if (a->len == 4)
		to = put_v4(to, a->ip);
	else if (a->len == 16)
		to = put_v6(to, a->ip);
	buf_add(out, text, (size_t)(to - text));
}

void addr_print_port(const struct addr *a, struct buf *out)
{
	if (a->len == 16)
		buf_add_byte(out, '[');
	addr_print(a, out);
	if (a->len == 16)
		buf_add_byte(out, ']');
	buf_add_byte(out, ':');
	buf_add_uint(out, a->port);
}
