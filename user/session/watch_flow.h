/*
 * watch_flow - the TCP connections of a watch. Internal to it. A flow has two sides; of each only what is needed of the
 * message at hand is kept, and what came ahead of its turn.
 */
#pragma once

#include "base/list.h"
#include "base/table.h"
#include "watch.h"

enum {
	FLOW_LENGTH = 2,	    /* before each message (RFC 1035, section 4.2.2) */
	FLOW_HEAD = 2 + 512,	    /* as much of a message as the probe shows of a UDP payload */
	FLOW_WAITING_MAX = 4 << 20, /* bytes ahead of their turn, of all flows */
};

/* A segment that came ahead of its turn. */
struct waiting {
	struct waiting *next; /* by seq */
	uint32_t seq, len;    /* len: on the wire */
	uint32_t captured;
	uint8_t bytes[];
};

struct side {
	bool is_known; /* next_seq is where a message, or its rest, goes on */
	bool is_torn;  /* bytes were never seen since the connection began */
	uint32_t next_seq;
	uint32_t skip;	   /* bytes of the message's body that nobody needs */
	uint32_t head_len; /* bytes of `head` so far: the length, then the message */
	uint32_t waiting_bytes;
	struct waiting *waiting;
	uint8_t head[FLOW_HEAD];
};

struct flow {
	struct table_node node;
	struct list lru;
	uint32_t place;
	struct addr ends[2];  /* the lower one first */
	struct side sides[2]; /* what that end sends */
	int8_t querier;	      /* which end asks; -1: not known yet */
};

struct watch {
	struct table table;
	struct list flows; /* the one silent for longest first */
	size_t max;
	size_t waiting_bytes;
	struct hash_key key;
	struct watch_callbacks callbacks;
	struct watch_stats stats;
};

/* watch.c: reads a message; false if there is not even a header. Tells it. */
bool watch_read(const struct watch *w, const struct packet *p, struct slice bytes, uint32_t len,
		struct dns_sighting *m);
void watch_tell(struct watch *w, const struct packet *p, struct slice bytes, uint32_t len);

/* A length, and behind it what looks like a DNS message. */
bool flow_begins_message(struct slice bytes);

/* Who asks and who is asked on the connection of that packet; false where it is not known. */
bool flow_ends(const struct watch *w, uint32_t place, const struct packet *p, struct addr *querier,
	       struct addr *responder);

void flow_segment(struct watch *w, uint32_t place, const struct packet *p);
void flow_free(struct watch *w, struct flow *flow);
