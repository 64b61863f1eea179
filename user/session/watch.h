/*
 * watch - packets in, DNS messages out: a UDP payload is one, of a TCP connection each direction is put together as far
 * as is needed to see where messages begin (RFC 7766: two bytes of length before each), their header and their
 * question. A message is told once. What a message is to CoreDNS, a client's query or one to an upstream, is not
 * decided here.
 *
 * Bounds: connections at once (the one silent for longest is forgotten), bytes kept for each direction (a header, a
 * question and what has come out of order). After a gap, bytes that were never seen, the reader goes on where a segment
 * begins with what looks like a message; until then the connection is `torn`.
 */
#pragma once

#include "base/hash.h"
#include "wire/dns.h"
#include "wire/packet.h"

enum {
	WATCH_CONNECTIONS_MAX_DEFAULT = 4096,
	WATCH_OUT_OF_ORDER_MAX = 16384, /* bytes of one direction waiting for what stands before them */
};

/* A DNS message on the wire, or (is_drop, is_icmp) what became of one. */
struct dns_sighting {
	const struct packet *packet;	/* the packet that completed it: time, kind, direction, interface, reason */
	struct addr querier, responder; /* who asks and who is asked: source and destination of a query, the reverse of
					   a response */
	bool is_response;
	bool has_header;   /* id and flags could be read; an ICMP error may quote the ports alone */
	bool has_question; /* it was captured and could be read */
	bool is_cut;	   /* its end was not captured: what is there need not be all */
	bool is_whole;	   /* all its bytes were seen: rcode has its extended bits */
	uint8_t protocol;  /* TAP_UDP, TAP_TCP */
	uint16_t id;
	uint16_t flags; /* bytes 2 and 3 of the header */
	uint32_t len;	/* of the message */
	int32_t rcode;	/* of a response; twelve bits where is_whole, else those in the header */
	uint16_t qtype, qclass;
	struct slice qname;	/* wire form; borrows, valid during the call */
	uint64_t question_hash; /* event_question_hash(), 0 without a question */
};

struct watch_callbacks {
	/* A message was seen; or the packet that carries its header was dropped, or quoted by an ICMP error (see
	 * packet->kind). */
	void (*on_message)(void *arg, const struct dns_sighting *m);
	/*
	 * TCP: a segment that was sent before has been seen again, so a message that was dropped is on its way again;
	 * or a connection was reset (by whom: packet->src). querier and responder are set, no message; may be NULL.
	 */
	void (*on_retransmission)(void *arg, const struct dns_sighting *m);
	void (*on_reset)(void *arg, const struct packet *p, const struct addr *querier, const struct addr *responder);
	void *arg;
};

struct watch_stats {
	uint64_t nr_packets;
	uint64_t nr_messages;
	uint64_t nr_not_dns;	 /* shorter than a header, or it does not look like DNS */
	uint64_t nr_gaps;	 /* bytes of a connection that were never seen */
	uint64_t nr_forgotten;	 /* connections that had to go for others */
	uint64_t nr_connections; /* known now */
};

struct watch;

/* `key` is copied; it must be the engine's, as its question hashes are compared. NULL without memory. */
struct watch *watch_new(size_t connections_max, const struct hash_key *key, const struct watch_callbacks *callbacks);
void watch_free(struct watch *w);

/* One packet, in the order in which they were seen. `place` tells connections of different places apart. */
void watch_packet(struct watch *w, uint32_t place, const struct packet *p);

/* Whether this TCP connection is known from its start or a safe point on, without a gap since: what was not seen in it
 * was not there. */
bool watch_is_whole(const struct watch *w, uint32_t place, const struct addr *querier, const struct addr *responder);

/* Forgets the connections of that place. */
void watch_forget_place(struct watch *w, uint32_t place);

/* What so many connections may cost at most, in bytes. */
uint64_t watch_memory_bound(size_t connections_max);

const struct watch_stats *watch_stats(const struct watch *w);
