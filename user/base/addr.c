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

static void print_v4(const uint8_t *ip, struct buf *out)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			buf_add_byte(out, '.');
		buf_add_uint(out, ip[i]);
	}
}

void addr_print(const struct addr *a, struct buf *out)
{
	char s[INET6_ADDRSTRLEN];

	if (a->len == 4)
		print_v4(a->ip, out);
	else if (a->len == 16 && inet_ntop(AF_INET6, a->ip, s, sizeof(s)))
		buf_add_str(out, s);
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
