/*
 * packet - an IP packet that may carry DNS, as a plain struct: from a capture file (packet_parse) or from the kernel's
 * probe (io/probe fills it in). Nothing is copied: the payload borrows from the caller's bytes.
 */
#pragma once

#include "base/addr.h"
#include "wire/tap.h"

enum packet_kind {
	PACKET_SEEN, /* on an interface */
	PACKET_DROP, /* the kernel dropped it, for `reason`: never in a capture file */
	PACKET_ICMP, /* an ICMP error quotes it: addresses, ports, protocol and payload are the quoted packet's */
};

enum packet_direction { PACKET_UNTOLD, PACKET_IN, PACKET_OUT }; /* from where it was captured */

enum { PACKET_FIN = 1, PACKET_SYN = 2, PACKET_RST = 4, PACKET_ACK = 16 }; /* tcp_flags, as in the TCP header */

struct packet {
	uint64_t time_ns; /* wall clock, since 1970 */
	struct addr src, dst;
	enum packet_kind kind;
	enum packet_direction direction;
	uint8_t protocol; /* TAP_UDP or TAP_TCP */
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code; /* PACKET_ICMP */
	bool is_icmpv6;
	uint32_t interface;   /* 0: not told */
	uint32_t tcp_seq;     /* of the payload's first byte; with SYN: of the SYN */
	uint32_t payload_len; /* of the packet on the wire; more than payload.len when it was cut */
	struct slice payload;
	bool is_elsewhere;  /* PACKET_DROP: in a namespace of which nothing is known but that an address is the same */
	const char *reason; /* PACKET_DROP: the kernel's name, "SOCKET_RCVBUFF"; a constant */
};

enum packet_result {
	PACKET_OK,
	PACKET_OTHER,	  /* neither UDP nor TCP nor an ICMP error that quotes one: ARP, ... */
	PACKET_FRAGMENT,  /* a later fragment: it has no ports */
	PACKET_MALFORMED, /* shorter than its own headers say */
};

/* The link layers that packet_parse knows, by the numbers of the LINKTYPE_ registry (tcpdump.org/linktypes.html). */
enum packet_link {
	PACKET_LINK_NULL = 0, /* BSD loopback */
	PACKET_LINK_ETHERNET = 1,
	PACKET_LINK_RAW = 101,
	PACKET_LINK_SLL = 113, /* Linux cooked v1 */
	PACKET_LINK_IPV4 = 228,
	PACKET_LINK_IPV6 = 229,
	PACKET_LINK_SLL2 = 276, /* Linux cooked v2 */
};

bool packet_link_known(int link);

/*
 * `bytes` are a packet as captured, from its link-layer header on; VLAN tags (802.1Q, 802.1ad), IPv6 extension headers
 * (RFC 8200) and IPv4 options are passed over. On PACKET_OK *out is filled in but for time_ns, which the caller sets.
 * The payload ends where the IP header says, or where the capture cut it.
 */
enum packet_result packet_parse(enum packet_link link, struct slice bytes, struct packet *out);
