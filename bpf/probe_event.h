/*
 * probe_event - what the programs in probe.bpf.c write into the ring, and user/io/probe_ring.c reads: one record for
 * each DNS packet seen, dropped, or quoted by an ICMP error. Both halves are built from this file. Integers are in host
 * order, addresses in network order.
 */
#pragma once

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

enum {
	PROBE_UDP_BYTES = 512,	/* of a UDP payload: header, question, and the whole of most messages, for OPT */
	PROBE_TCP_BYTES = 4096, /* of a TCP payload in one record; a longer segment has several */
	PROBE_TCP_RECORDS = 16, /* of one segment; what lies behind them is not seen, and a gap for the reader */
	PROBE_DROP_BYTES = 512, /* of the payload of a dropped packet */
	PROBE_PORTS = 16,
	PROBE_ADDRESSES = 32,
};

enum probe_kind {
	PROBE_PACKET = 1, /* seen on an interface of the watched namespace */
	PROBE_DROP,	  /* freed by the kernel with a reason, in whatever namespace */
	PROBE_ICMP,	  /* an ICMP error: addresses, ports and protocol are those of the packet that it quotes */
};

enum probe_direction { PROBE_IN = 1, PROBE_OUT };

struct probe_event {
	__u64 time_ns;	   /* CLOCK_MONOTONIC */
	__u32 watch;	   /* PACKET, ICMP: number of the filter that saw it (cfg_watch); DROP: 0 */
	__u32 netns;	   /* DROP: inode of the network namespace where it was dropped, 0: not told */
	__u32 ifindex;	   /* 0: not told */
	__u32 tcp_seq;	   /* of payload[0] */
	__u32 payload_len; /* of the packet from payload[0] on; more than `captured` when it was cut */
	__u16 captured;	   /* bytes in payload[] */
	__u16 reason;	   /* DROP: enum skb_drop_reason of the running kernel; ICMP: type << 8 | code */
	__u16 sport, dport;
	__u8 kind;	/* enum probe_kind */
	__u8 direction; /* enum probe_direction; DROP: 0 */
	__u8 family;	/* 4 or 6 */
	__u8 protocol;	/* IPPROTO_UDP, IPPROTO_TCP */
	__u8 tcp_flags; /* the byte of the TCP header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16 */
	__u8 pad[7];
	__u8 saddr[16], daddr[16]; /* IPv4 in the first four bytes, the rest zero */
	__u8 payload[];
};

_Static_assert(sizeof(struct probe_event) == 80, "no hidden padding: it leaves the kernel as it is");

/* An end of a flow that counts where others use the namespace, too. */
struct probe_address {
	__u8 ip[16];
	__u16 port;  /* 0: any */
	__u8 family; /* 4 or 6; 0: any address */
	__u8 pad;
};

/* Exact, for each CPU, whatever became of the ring. */
enum probe_counter {
	PROBE_COUNT_UDP,       /* DNS packets over UDP for which a record was due */
	PROBE_COUNT_TCP,       /* segments with payload, or SYN, FIN, RST */
	PROBE_COUNT_TCP_EMPTY, /* segments without: no record */
	PROBE_COUNT_ICMP,
	PROBE_COUNT_FRAGMENT,  /* later IP fragments: they have no ports, no record */
	PROBE_COUNT_DROP,      /* kfree_skb of a packet of these flows */
	PROBE_COUNT_OTHER,     /* all other packets */
	PROBE_COUNT_MALFORMED, /* too short for its own headers */
	PROBE_COUNT_RING_FULL, /* records that found no room */
	PROBE_COUNT_CUT,       /* segments longer than PROBE_TCP_RECORDS records */
	PROBE_COUNTERS,
};
