/*
 * probe - the kernel's word: watches the packets of each CoreDNS on this node with BPF (bpf/probe.bpf.c) and hands them
 * to the engine. It finds CoreDNS processes (by the name of their executable, or as told), opens an AF_PACKET socket
 * with the socket filter inside the network namespace of each, from a helper thread (nobody else's namespace ever
 * changes), and follows processes that come and go. Drops come from tp_btf/kfree_skb, once for all namespaces. Nothing
 * is pinned and nothing outlives the process: programs, maps and sockets end with their descriptors, also after
 * SIGKILL.
 *
 * A watch is one CoreDNS process in its namespace: in a namespace of its own (a pod) all packets on its ports count, in
 * the host's (hostNetwork, NodeLocal DNSCache) only those to and from addresses and ports on which that process
 * listens, and those of its own sockets towards upstreams.
 *
 * Built with BPF=0 it is probe_stub.c: never available, and it says so.
 */
#pragma once

#include <event2/event.h>

#include "session/engine.h"

enum probe_mode { PROBE_AUTO, PROBE_REQUIRE, PROBE_OFF };

/* How far it got: in the log, in /readyz, and as a metric. */
enum probe_level {
	PROBE_LEVEL_OFF,	 /* --probe off */
	PROBE_LEVEL_UNAVAILABLE, /* no privilege, no kernel BTF, ...: dnstap alone; probe_why() says it */
	PROBE_LEVEL_PACKETS,	 /* packets, but no drops: the kernel tells no reasons (before 5.17) */
	PROBE_LEVEL_DROPS,	 /* packets and drops */
};

const char *probe_level_name(enum probe_level level);

#define PROBE_RING_DEFAULT (8ULL << 20)

enum { PROBE_PORTS_MAX = 8, PROBE_NETNS_MAX = 16, PROBE_PIDS_MAX = 16, PROBE_WATCHES_MAX_DEFAULT = 64 };

struct probe_options {
	enum probe_mode mode;
	const char *process;		    /* name of the executable; NULL: "coredns", if nothing else is named */
	const char *netns[PROBE_NETNS_MAX]; /* --probe-netns PATH: watched whether or not a process is found in them */
	unsigned nr_netns;
	uint64_t pids[PROBE_PIDS_MAX]; /* --probe-pid */
	unsigned nr_pids;
	uint16_t ports[PROBE_PORTS_MAX]; /* --probe-port: further ones of clients and upstreams; 53 and the ports on
					    which CoreDNS listens are always among them */
	unsigned nr_ports;
	uint64_t ring_size;   /* bytes; when full records are lost and counted */
	uint64_t watches_max; /* processes watched at once; further ones are counted and not watched */
};

struct probe_stats {
	enum probe_level level;
	unsigned nr_watches; /* now */
	uint64_t nr_watches_begun, nr_watches_refused;
	uint64_t nr_events;	     /* records read */
	uint64_t nr_events_lost;     /* records for which the ring had no room */
	uint64_t nr_unmatched_drops; /* drops of packets of no watched server */
	uint64_t nr_udp, nr_tcp, nr_tcp_empty, nr_icmp, nr_fragments, nr_drops, nr_others,
		nr_malformed; /* the kernel's own
				 counts */
	uint64_t nr_cut;      /* segments too long for the ring's records */
};

struct probe;

/* What the packets are handed to. Called from probe_poll() and from the event loop, never from another thread. */
struct probe_sink {
	/* A CoreDNS has been found: NULL to refuse it. `config` is valid during the call. */
	struct vantage *(*on_begin)(void *arg, const struct vantage_config *config);
	void (*on_packet)(void *arg, struct vantage *v, const struct packet *p);
	/* Records of unknown content were lost between these times: nr may concern any vantage. */
	void (*on_lost)(void *arg, uint64_t from_ns, uint64_t to_ns, uint64_t nr);
	void (*on_end)(void *arg, struct vantage *v, uint64_t now_ns);
	void *arg;
};

/*
 * Loads, attaches, finds what is there, and puts its timers on `base`. With PROBE_REQUIRE NULL (the reason is logged)
 * where it is not to be had; else never NULL but for want of memory: without privilege it is an object that does
 * nothing and says why.
 */
struct probe *probe_new(struct event_base *base, const struct probe_options *options, const struct probe_sink *sink);
void probe_free(struct probe *p);

/* Hands over what the ring holds now. Cheap when it is empty: call before each piece of dnstap. */
void probe_poll(struct probe *p);

void probe_stats(struct probe *p, struct probe_stats *out);

/* Why the level is what it is: "kernel without BTF". "" where nothing is wrong. Valid as long as the probe. */
const char *probe_why(const struct probe *p);

/* The drop reasons that the running kernel knows, by number: NULL behind the last; for counters by reason. */
const char *probe_reason_name(const struct probe *p, unsigned reason);
/* How many packets of watched flows were dropped for that reason. */
uint64_t probe_reason_count(const struct probe *p, unsigned reason);
