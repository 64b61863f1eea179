/*
 * packet - reads a packet from its IP header on, as far as the transport's payload. Pure: pkt_load() is the only way to
 * the bytes, so the same code runs on an skb, on what a dropped skb's pointers lead to, and in the host's unit tests.
 */
#pragma once

#include <stdbool.h>

#ifdef __bpf__
#define PKT_INLINE static __always_inline
#else
#include <linux/types.h>
#include <string.h>
#define PKT_INLINE static inline
#endif

enum {
	PKT_IPV4 = 0x0800,
	PKT_IPV6 = 0x86dd,
	PKT_VLAN = 0x8100,
	PKT_QINQ = 0x88a8,
	PKT_ICMP = 1,
	PKT_TCP = 6,
	PKT_UDP = 17,
	PKT_ICMPV6 = 58,
	PKT_EXTENSIONS =
		6, /* IPv6: hop-by-hop, destination, routing, fragment, authentication, destination (RFC 8200, 4.1) */
};

struct pkt {
	void *skb; /* an skb to load from; NULL: `bytes` in kernel memory (host: in memory) */
	const void *bytes;
	__u32 len; /* of what can be read */
};

enum pkt_result { PKT_OK, PKT_OTHER, PKT_FRAGMENT, PKT_SHORT };

struct pkt_flow {
	__u8 family, protocol;
	__u8 tcp_flags;
	bool is_icmp; /* the rest is what the error quotes */
	__u16 icmp;   /* type << 8 | code */
	__u16 sport, dport;
	__u32 tcp_seq;
	__u32 payload_at, payload_len; /* len as the headers say */
	__u8 saddr[16], daddr[16];
};

#ifdef __bpf__
PKT_INLINE bool pkt_load(const struct pkt *p, __u32 at, void *to, __u32 len)
{
	if (p->skb)
		return bpf_skb_load_bytes(p->skb, at, to, len) == 0;
	return at <= p->len && len <= p->len - at && bpf_probe_read_kernel(to, len, p->bytes + at) == 0;
}
#else
PKT_INLINE bool pkt_load(const struct pkt *p, __u32 at, void *to, __u32 len)
{
	if (at > p->len || len > p->len - at)
		return false;
	memcpy(to, (const __u8 *)p->bytes + at, len);
	return true;
}
#endif

PKT_INLINE __u16 pkt_u16(const __u8 *b)
{
	__u16 v;

	__builtin_memcpy(&v, b, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(v) : v;
}

PKT_INLINE __u32 pkt_u32(const __u8 *b)
{
	__u32 v;

	__builtin_memcpy(&v, b, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v;
}

/* What stands behind the IP header. */
struct pkt_ip {
	__u8 protocol;
	bool is_later_fragment;
	__u32 at, len;
};

PKT_INLINE enum pkt_result pkt_ipv4(const struct pkt *p, __u32 at, struct pkt_flow *f, struct pkt_ip *ip)
{
	__u8 h[20] __attribute__((aligned(8)));
	__u32 header, total;

	if (!pkt_load(p, at, h, sizeof(h)))
		return PKT_SHORT;
	header = (h[0] & 15) * 4;
	total = pkt_u16(h + 2);
	/* 0: for the network card to cut, longer than the field can say. */
	if (!total)
		total = p->len - at;
	if (header < sizeof(h) || total < header)
		return PKT_SHORT;
	f->family = 4;
	__builtin_memset(f->saddr, 0, sizeof(f->saddr));
	__builtin_memset(f->daddr, 0, sizeof(f->daddr));
	__builtin_memcpy(f->saddr, h + 12, 4);
	__builtin_memcpy(f->daddr, h + 16, 4);
	ip->protocol = h[9];
	ip->is_later_fragment = (pkt_u16(h + 6) & 0x1fff) != 0;
	ip->at = at + header;
	ip->len = total - header;
	return PKT_OK;
}

PKT_INLINE bool pkt_is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60;
}

PKT_INLINE enum pkt_result pkt_ipv6(const struct pkt *p, __u32 at, struct pkt_flow *f, struct pkt_ip *ip)
{
	__u8 h[40] __attribute__((aligned(8)));

	if (!pkt_load(p, at, h, sizeof(h)))
		return PKT_SHORT;
	f->family = 6;
	__builtin_memcpy(f->saddr, h + 8, 16);
	__builtin_memcpy(f->daddr, h + 24, 16);
	ip->protocol = h[6];
	ip->is_later_fragment = false;
	ip->at = at + 40;
	ip->len = pkt_u16(h + 4);
	if (!ip->len)
		ip->len = p->len - ip->at;
	for (int i = 0; i < PKT_EXTENSIONS && pkt_is_extension(ip->protocol); i++) {
		__u8 x[4] __attribute__((aligned(4)));
		__u32 len;

		if (!pkt_load(p, ip->at, x, sizeof(x)))
			return PKT_SHORT;
		len = ip->protocol == 44 ? 8 : ip->protocol == 51 ? (x[1] + 2U) * 4 : (x[1] + 1U) * 8;
		if (ip->protocol == 44)
			ip->is_later_fragment = (pkt_u16(x + 2) & 0xfff8) != 0;
		if (len > ip->len)
			return PKT_SHORT;
		ip->protocol = x[0];
		ip->at += len;
		ip->len -= len;
		if (ip->is_later_fragment)
			break;
	}
	return PKT_OK;
}

PKT_INLINE enum pkt_result pkt_ip_header(const struct pkt *p, __u32 at, __u16 ethertype, struct pkt_flow *f,
					 struct pkt_ip *ip)
{
	if (ethertype == PKT_IPV4)
		return pkt_ipv4(p, at, f, ip);
	return ethertype == PKT_IPV6 ? pkt_ipv6(p, at, f, ip) : PKT_OTHER;
}

/* Ports of UDP or TCP, which stand in the same place. */
PKT_INLINE enum pkt_result pkt_ports(const struct pkt *p, const struct pkt_ip *ip, struct pkt_flow *f)
{
	__u8 h[8] __attribute__((aligned(8)));

	if (ip->is_later_fragment)
		return PKT_FRAGMENT;
	if (ip->protocol != PKT_UDP && ip->protocol != PKT_TCP)
		return PKT_OTHER;
	if (ip->len < sizeof(h) || !pkt_load(p, ip->at, h, sizeof(h)))
		return PKT_SHORT;
	f->protocol = ip->protocol;
	f->sport = pkt_u16(h);
	f->dport = pkt_u16(h + 2);
	f->tcp_seq = pkt_u32(h + 4);
	return PKT_OK;
}

/*
 * The usual packet, UDP or TCP behind an IPv4 header without options or an IPv6 header without extensions, with a
 * single load into h, as each costs as much as all the rest: its ports, and by pkt_plain_rest() what else it has.
 * PKT_OTHER: it is not so plain, or too short; pkt_flow_of() knows.
 */
PKT_INLINE enum pkt_result pkt_plain(const struct pkt *p, __u16 ethertype, __u8 h[48], struct pkt_flow *f)
{
	const __u8 *ports;

	if (ethertype == PKT_IPV4) {
		if (!pkt_load(p, 0, h, 28) || h[0] != 0x45 || pkt_u16(h + 6) & 0x3fff)
			return PKT_OTHER;
		ports = h + 20;
		f->protocol = h[9];
	} else if (ethertype == PKT_IPV6) {
		if (!pkt_load(p, 0, h, 48))
			return PKT_OTHER;
		ports = h + 40;
		f->protocol = h[6];
	} else {
		return PKT_OTHER;
	}
	if (f->protocol != PKT_UDP && f->protocol != PKT_TCP)
		return PKT_OTHER;
	f->sport = pkt_u16(ports);
	f->dport = pkt_u16(ports + 2);
	return PKT_OK;
}

PKT_INLINE void pkt_plain_rest(const struct pkt *p, __u16 ethertype, const __u8 h[48], struct pkt_flow *f,
			       struct pkt_ip *ip)
{
	f->is_icmp = false;
	f->icmp = 0;
	ip->protocol = f->protocol;
	ip->is_later_fragment = false;
	if (ethertype == PKT_IPV4) {
		f->family = 4;
		__builtin_memset(f->saddr, 0, sizeof(f->saddr));
		__builtin_memset(f->daddr, 0, sizeof(f->daddr));
		__builtin_memcpy(f->saddr, h + 12, 4);
		__builtin_memcpy(f->daddr, h + 16, 4);
		f->tcp_seq = pkt_u32(h + 24);
		ip->at = 20;
		ip->len = pkt_u16(h + 2);
		/* 0: for the network card to cut. */
		ip->len = ip->len ? ip->len - 20 : p->len - 20;
	} else {
		f->family = 6;
		__builtin_memcpy(f->saddr, h + 8, 16);
		__builtin_memcpy(f->daddr, h + 24, 16);
		f->tcp_seq = pkt_u32(h + 44);
		ip->at = 40;
		ip->len = pkt_u16(h + 4);
		ip->len = ip->len ? ip->len : p->len - 40;
	}
}

/* The rest of UDP or TCP, for packets that are wanted. */
PKT_INLINE enum pkt_result pkt_transport(const struct pkt *p, const struct pkt_ip *ip, struct pkt_flow *f)
{
	__u32 header = 8, len = ip->len;
	__u8 h[2] __attribute__((aligned(2)));

	f->tcp_flags = 0;
	if (f->protocol == PKT_UDP) {
		__u32 says = f->tcp_seq >> 16; /* the length stands there */

		/* Of a fragmented datagram this packet has the first part only. */
		if (says)
			len = says;
		f->tcp_seq = 0;
	} else if (!f->is_icmp) {
		if (!pkt_load(p, ip->at + 12, h, sizeof(h)))
			return PKT_SHORT;
		header = (h[0] >> 4) * 4;
		f->tcp_flags = h[1];
		if (header < 20)
			return PKT_SHORT;
	}
	if (len < header)
		return PKT_SHORT;
	f->payload_at = ip->at + header;
	f->payload_len = len - header;
	return PKT_OK;
}

PKT_INLINE bool pkt_is_icmp_error(__u8 protocol, __u8 type)
{
	return protocol == PKT_ICMPV6 ? type >= 1 && type <= 4 : type == 3 || type == 4 || type == 11 || type == 12;
}

/*
 * Ethertype and the offset of the IP header in, ports out: enough to tell whether the packet is wanted. An ICMP error
 * is read through to the packet that it quotes. *ip is for pkt_transport().
 */
PKT_INLINE enum pkt_result pkt_flow_of(const struct pkt *p, __u32 at, __u16 ethertype, struct pkt_flow *f,
				       struct pkt_ip *ip)
{
	enum pkt_result result = pkt_ip_header(p, at, ethertype, f, ip);
	__u8 h[2] __attribute__((aligned(2)));

	f->is_icmp = false;
	f->icmp = 0;
	if (result != PKT_OK)
		return result;
	if (ip->protocol != PKT_ICMP && ip->protocol != PKT_ICMPV6)
		return pkt_ports(p, ip, f);
	if (ip->is_later_fragment)
		return PKT_FRAGMENT;
	if (!pkt_load(p, ip->at, h, sizeof(h)))
		return PKT_SHORT;
	if (!pkt_is_icmp_error(ip->protocol, h[0]))
		return PKT_OTHER;
	f->is_icmp = true;
	f->icmp = pkt_u16(h);
	result = pkt_ip_header(p, ip->at + 8, ip->protocol == PKT_ICMP ? PKT_IPV4 : PKT_IPV6, f, ip);
	return result == PKT_OK ? pkt_ports(p, ip, f) : result;
}
