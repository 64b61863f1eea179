/*
 * addr - an IP address with a port, and prefixes of addresses (RFC 4291, RFC 4632). IPv4 is kept in four bytes;
 * v4-mapped IPv6 (::ffff:0:0/96) is turned into IPv4 wherever an address enters, as CoreDNS before 1.14.5 writes
 * IPv4 in sixteen bytes.
 */
#pragma once

#include "buf.h"

enum {
	ADDR_TEXT_MAX = 46, /* INET6_ADDRSTRLEN */
};

struct addr {
	uint8_t ip[16]; /* network order; the bytes behind len are zero */
	uint16_t port;	/* host order */
	uint8_t len;	/* 0: no address, 4: IPv4, 16: IPv6 */
};

struct addr_prefix {
	struct addr base;
	uint8_t bits; /* of base.len * 8 */
};

/* By length, never by a family field: 4 or 16 bytes. Any other length gives no address (len 0). */
struct addr addr_from_bytes(struct slice ip, uint16_t port);

/* "10.0.0.1", "fd00::1"; IPv6 may stand in brackets. False when it is no address; *out is then untouched. */
bool addr_parse(struct slice text, struct addr *out);

/* "10.0.0.0/8", "fd00::/16", or an address alone (all its bits). Bits behind the prefix are ignored. */
bool addr_prefix_parse(const char *text, struct addr_prefix *out);

static inline bool addr_known(const struct addr *a)
{
	return a->len != 0;
}

static inline bool addr_eq_ip(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_eq_ip(a, b);
}

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *prefix);

/* The address without its port, in the form of RFC 5952. */
void addr_print(const struct addr *a, struct buf *out);

/* "10.0.0.1:53", "[fd00::1]:53". */
void addr_print_port(const struct addr *a, struct buf *out);
