#include "packet.h"

#include "base/cursor.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,
	IP_ICMP = 1,
	IP_TCP = 6,
	IP_UDP = 17,
	IP_ICMPV6 = 58,
	TAGS_MAX = 4,	    /* VLAN tags on top of each other; two are usual at most */
	EXTENSIONS_MAX = 8, /* IPv6 extension headers; RFC 8200 has six kinds, each once */
};

bool packet_link_known(int link)
{
	switch (link) {
	case PACKET_LINK_NULL:
	case PACKET_LINK_ETHERNET:
	case PACKET_LINK_RAW:
	case PACKET_LINK_SLL:
	case PACKET_LINK_IPV4:
	case PACKET_LINK_IPV6:
	case PACKET_LINK_SLL2:
		return true;
	default:
		return false;
	}
}

/* linux/if_packet.h: to us, broadcast, multicast, to another host, outgoing. */
static enum packet_direction direction_of(unsigned packet_type)
{
	if (packet_type == 4)
		return PACKET_OUT;
	return packet_type <= 2 ? PACKET_IN : PACKET_UNTOLD;
}

static uint16_t skip_tags(struct cursor *c, uint16_t ethertype)
{
	for (unsigned i = 0; i < TAGS_MAX && (ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ); i++) {
		cursor_u16(c);
		ethertype = cursor_u16(c);
	}
	return ethertype;
}

/* By the first four bits of the IP header, where no ethertype tells. */
static uint16_t ethertype_of(const struct cursor *c)
{
	if (cursor_left(c) == 0)
		return 0;
	switch (c->data[c->pos] >> 4) {
	case 4:
		return ETHERTYPE_IPV4;
	case 6:
		return ETHERTYPE_IPV6;
	default:
		return 0;
	}
}

/* Moves behind the link layer's header; what it says of the packet goes into *out. */
static uint16_t read_link(enum packet_link link, struct cursor *c, struct packet *out)
{
	uint16_t ethertype;

	switch (link) {
	case PACKET_LINK_ETHERNET:
		cursor_bytes(c, 12);
		return skip_tags(c, cursor_u16(c));
	case PACKET_LINK_SLL:
		out->direction = direction_of(cursor_u16(c));
		cursor_bytes(c, 12);
		return skip_tags(c, cursor_u16(c));
	case PACKET_LINK_SLL2:
		ethertype = cursor_u16(c);
		cursor_u16(c);
		out->interface = cursor_u32(c);
		cursor_u16(c);
		out->direction = direction_of(cursor_u8(c));
		cursor_bytes(c, 9);
		return skip_tags(c, ethertype);
	case PACKET_LINK_NULL:
		cursor_bytes(c, 4); /* the family's number differs by system and byte order */
		return ethertype_of(c);
	case PACKET_LINK_RAW:
	case PACKET_LINK_IPV4:
	case PACKET_LINK_IPV6:
		break;
	}
	return ethertype_of(c);
}

/* What follows an IP header. */
struct transport {
	uint8_t protocol;
	bool is_later_fragment;
	size_t len; /* of what follows, as the header says; may be more than was captured */
};

static enum packet_result read_ipv4(struct cursor *c, struct packet *out, struct transport *t)
{
	size_t at = c->pos, whole = cursor_left(c), header, total;
	uint16_t fragment;

	header = (size_t)(cursor_u8(c) & 15) * 4;
	cursor_u8(c);
	total = cursor_u16(c);
	cursor_u16(c);
	fragment = cursor_u16(c);
	cursor_u8(c);
	t->protocol = cursor_u8(c);
	cursor_u16(c);
	out->src = addr_from_bytes(cursor_bytes(c, 4), 0);
	out->dst = addr_from_bytes(cursor_bytes(c, 4), 0);
	if (header < 20)
		return PACKET_MALFORMED;
	cursor_bytes(c, header - 20);
	/* 0: a segment for the network card to cut, longer than the field can say. */
	if (total == 0)
		total = whole;
	if (c->failed || total < header)
		return PACKET_MALFORMED;
	t->len = total - (c->pos - at);
	t->is_later_fragment = (fragment & 0x1fff) != 0;
	return PACKET_OK;
}

static bool is_extension(uint8_t next)
{
	/* hop-by-hop, routing, fragment, authentication, destination options */
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60;
}

static enum packet_result skip_extensions(struct cursor *c, struct transport *t)
{
	for (unsigned i = 0; is_extension(t->protocol); i++) {
		size_t at = c->pos, len;
		uint8_t kind = t->protocol;

		if (i == EXTENSIONS_MAX)
			return PACKET_MALFORMED;
		t->protocol = cursor_u8(c);
		len = cursor_u8(c);
		if (kind == 44) {
			t->is_later_fragment |= (cursor_u16(c) & 0xfff8) != 0;
			len = 8;
		} else {
			len = kind == 51 ? (len + 2) * 4 : (len + 1) * 8;
		}
		if (!c->failed && len > c->pos - at)
			cursor_bytes(c, len - (c->pos - at));
		if (c->failed || t->len < len)
			return PACKET_MALFORMED;
		t->len -= len;
		/* What stands behind is in the middle of something. */
		if (t->is_later_fragment)
			break;
	}
	return PACKET_OK;
}

static enum packet_result read_ipv6(struct cursor *c, struct packet *out, struct transport *t)
{
	size_t len;

	cursor_u32(c);
	len = cursor_u16(c);
	t->protocol = cursor_u8(c);
	cursor_u8(c);
	out->src = addr_from_bytes(cursor_bytes(c, 16), 0);
	out->dst = addr_from_bytes(cursor_bytes(c, 16), 0);
	if (c->failed)
		return PACKET_MALFORMED;
	t->len = len ? len : cursor_left(c);
	return skip_extensions(c, t);
}

static void set_payload(struct cursor *c, size_t len, struct packet *out)
{
	size_t left = cursor_left(c);

	out->payload_len = (uint32_t)len;
	out->payload = cursor_bytes(c, left < len ? left : len);
}

static enum packet_result read_udp(struct cursor *c, const struct transport *t, struct packet *out)
{
	size_t len;

	out->protocol = TAP_UDP;
	out->src.port = cursor_u16(c);
	out->dst.port = cursor_u16(c);
	len = cursor_u16(c);
	cursor_u16(c);
	/* 0: a jumbogram, or one for the network card to cut. */
	if (len == 0)
		len = t->len;
	if (c->failed || len < 8 || t->len < 8)
		return PACKET_MALFORMED;
	set_payload(c, (len < t->len ? len : t->len) - 8, out);
	/* Of a fragmented datagram the first packet has less than the whole. */
	out->payload_len = (uint32_t)(len - 8);
	return PACKET_OK;
}

static enum packet_result read_tcp(struct cursor *c, const struct transport *t, struct packet *out)
{
	size_t header;

	out->protocol = TAP_TCP;
	out->src.port = cursor_u16(c);
	out->dst.port = cursor_u16(c);
	out->tcp_seq = cursor_u32(c);
	/* An ICMP error may quote no more (RFC 792: eight bytes). */
	if (out->kind == PACKET_ICMP)
		return c->failed ? PACKET_MALFORMED : PACKET_OK;
	cursor_u32(c);
	header = (size_t)(cursor_u8(c) >> 4) * 4;
	out->tcp_flags = cursor_u8(c);
	cursor_bytes(c, 6);
	if (c->failed || header < 20 || t->len < header)
		return PACKET_MALFORMED;
	cursor_bytes(c, header - 20);
	if (c->failed)
		return PACKET_MALFORMED;
	set_payload(c, t->len - header, out);
	return PACKET_OK;
}

static enum packet_result read_ip(struct cursor *c, uint16_t ethertype, struct packet *out);

/* Destination unreachable, packet too big, time exceeded, parameter problem, source quench: they quote the packet. */
static bool is_icmp_error(uint8_t type, bool is_v6)
{
	return is_v6 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 11 || type == 12;
}

static enum packet_result read_icmp(struct cursor *c, bool is_v6, struct packet *out)
{
	uint8_t type = cursor_u8(c), code = cursor_u8(c);

	cursor_bytes(c, 6);
	if (c->failed)
		return PACKET_MALFORMED;
	/* No error about an error (RFC 1122, 3.2.2): no deeper than this. */
	if (!is_icmp_error(type, is_v6) || out->kind == PACKET_ICMP)
		return PACKET_OTHER;
	out->kind = PACKET_ICMP;
	out->icmp_type = type;
	out->icmp_code = code;
	out->is_icmpv6 = is_v6;
	return read_ip(c, ethertype_of(c), out);
}

static enum packet_result read_ip(struct cursor *c, uint16_t ethertype, struct packet *out)
{
	struct transport t = { 0 };
	enum packet_result result;

	if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6)
		return PACKET_OTHER;
	result = ethertype == ETHERTYPE_IPV4 ? read_ipv4(c, out, &t) : read_ipv6(c, out, &t);
	if (result != PACKET_OK)
		return result;
	if (t.is_later_fragment)
		return PACKET_FRAGMENT;
	switch (t.protocol) {
	case IP_UDP:
		return read_udp(c, &t, out);
	case IP_TCP:
		return read_tcp(c, &t, out);
	case IP_ICMP:
		return read_icmp(c, false, out);
	case IP_ICMPV6:
		return read_icmp(c, true, out);
	default:
		return PACKET_OTHER;
	}
}

enum packet_result packet_parse(enum packet_link link, struct slice bytes, struct packet *out)
{
	struct cursor c = cursor_of(bytes);
	uint16_t ethertype;

	*out = (struct packet){ .kind = PACKET_SEEN };
	ethertype = read_link(link, &c, out);
	return c.failed ? PACKET_MALFORMED : read_ip(&c, ethertype, out);
}
