/*
 * session - one query that a client sent to CoreDNS, with every dnstap message that CoreDNS emitted because of it; or a
 * background refresh of the cache, which has no client. The structs are plain: open.c makes and frees them, link.c and
 * engine.c fill them in, classify.c, record.c and text.c read them.
 */
#pragma once

#include "base/list.h"
#include "base/table.h"
#include "event.h"

struct server;
struct sighting;
struct vantage;
struct stream;

enum kernel_state {
	KERNEL_COMPLETE, /* all its packets were watched, from before the query to the end */
	KERNEL_PARTIAL,	 /* not all: what was seen counts, what was not seen proves nothing */
	KERNEL_NONE,	 /* it has no packet of its own: a refresh of the cache, a nested lookup */
};

enum { KERNEL_DROPS_MAX = 4 };

struct kernel_drop {
	bool is_response;
	const char *reason; /* the kernel's name; a constant */
	uint64_t time_ns;
};

/* What the packets say of a session. From the session's pool. */
struct kernel_view {
	enum kernel_state state;
	bool has_query;	    /* it reached CoreDNS's network namespace */
	bool has_response;  /* CoreDNS has written one */
	bool response_left; /* and it left the namespace: a write that the kernel refuses is none for CoreDNS */
	bool query_dropped, response_dropped;
	bool is_reset, reset_by_client; /* TCP */
	uint8_t nr_drops;
	uint16_t response_flags; /* of the DNS header */
	int32_t rcode;		 /* RCODE_UNKNOWN without a response */
	uint64_t query_ns, response_ns;
	const char *icmp; /* the ICMP error that came back for the query, or for the response; a constant */
	struct kernel_drop drops[KERNEL_DROPS_MAX];
	struct message *question;      /* qname, qtype, qclass */
	struct addr responder;	       /* where the client asked */
	const struct vantage *vantage; /* where they were seen; NULL: none was */
	/* The messages themselves, until the session is finished: something may yet become of them. */
	struct sighting *query, *response;
};

/* What the packets say of an attempt, and by what they are known. From the session's pool. */
struct attempt_view {
	struct addr socket;	/* CoreDNS's own, len 0 where FQ does not tell it */
	uint64_t question_hash; /* 0: not told */
	bool is_watched;	/* else nothing is known */
	bool has_query, has_response;
	bool proves_response; /* a well-formed one, in time: a FORWARDER_RESPONSE must have followed */
	int32_t rcode;
	const char *icmp, *reason; /* what came of the query */
};

/* A dnstap message that is kept for the record: its time and the bytes of the DNS message. From the session's pool. */
struct message {
	uint64_t time_ns; /* query_time of a query, response_time of a response */
	uint32_t len;	  /* 0 without `full` */
	uint8_t bytes[];
};

/* One attempt of CoreDNS to get an answer from an upstream: FORWARDER_QUERY and FORWARDER_RESPONSE. */
struct attempt {
	struct attempt *next;
	struct message *query, *response; /* NULL: that frame has not come, or no memory was left for it */
	uint64_t query_ns;		  /* start of the forward call, the same for all its attempts */
	uint64_t response_ns;
	struct addr upstream;
	uint8_t protocol;
	bool has_query, has_response;
	bool is_unsent;		     /* the dial failed */
	int32_t rcode;		     /* of the response, RCODE_UNKNOWN without `full` */
	struct attempt_view *kernel; /* NULL: nobody watched */
};

enum {
	ATTEMPTS_KEPT_FIRST = 8,
	ATTEMPTS_KEPT_LAST = 8,
	CALLS_PER_SESSION_MAX = 64, /* autopath makes some six, a chain of `next` a few more */
};

/* A forward call by which later frames of the same call find the session. */
struct call {
	struct table_node node;
	struct session *session;
	struct call *next; /* of the same session */
	uint64_t query_ns;
};

enum session_end {
	SESSION_OPEN,
	SESSION_RESPONDED,    /* its CLIENT_RESPONSE came */
	SESSION_EXPIRED,      /* stream time passed its last activity by the session timeout */
	SESSION_STREAM_ENDED, /* its stream ended and none followed */
	SESSION_EVICTED,      /* a limit of ours */
	SESSION_UNSEEN,	      /* of the kernel alone: no frame has come */
};

struct session {
	struct table_node by_query;    /* server, client, protocol, query_time: for CR, and for duplicates of CQ */
	struct table_node by_question; /* server, id, question: for FQ/FR */
	struct table_node by_id;       /* server, id: for FQ/FR of another name, and for CR without CQ */
	struct table_node by_client;   /* server, client: for FQ/FR without id */
	struct list by_activity;       /* in its stream's list, or among its server's orphans */
	struct list lru;	       /* of all streams, by last message */

	struct server *server;
	struct stream *stream; /* that of its last message; NULL for an orphan */
	int64_t active_ns;     /* last activity: on the stream's clock; of an orphan: stream time */

	uint8_t bitmap;
	uint8_t protocol; /* of the client; of the first FQ/FR where there is no client */
	bool has_id, has_question;
	bool has_client;     /* a CQ or CR named it: `client` may be printed */
	bool is_refresh;     /* surely a background refresh */
	bool is_clients;     /* surely caused by a client, though its CQ has not come */
	bool is_approximate; /* how FQ/FR were linked */
	bool before_stream;  /* began before the first CQ seen on its stream */
	bool forwards_first; /* of a CoreDNS before 1.8.2, whose order of frames proves no loss */
	bool is_held;	     /* closed for dnstap, waiting for its packets */
	bool is_not_tapped;  /* of the kernel alone: its server block has no `dnstap` */
	enum session_end end;
	uint16_t id;
	uint16_t retransmit;	   /* n: it is the n-th of one need; 0 or 1: the first */
	int32_t rcode;		   /* of the CR, RCODE_UNKNOWN without `full` */
	uint32_t ttl_max, records; /* of the CR */
	struct addr client;
	uint64_t question_hash;
	uint64_t query_ns;	  /* of CQ and CR, else of the first FQ/FR */
	uint64_t response_ns;	  /* of the CR */
	uint64_t closed_ns;	  /* stream time when it was closed */
	uint32_t given_by[KINDS]; /* number of the stream that gave each kind */

	struct kernel_view *kernel; /* NULL: nobody watched */
	struct message *query, *response, *extra;
	struct call *calls;
	struct attempt *attempts, *attempts_eighth, *attempts_last;
	uint32_t nr_calls;
	uint32_t nr_attempts;	/* all, also those no longer kept */
	uint32_t nr_unanswered; /* FQ without FR */
	uint32_t nr_unsent;	/* of these, how many dials failed */
	uint32_t nr_unasked;	/* FR without FQ */
	uint32_t nr_unshown;	/* attempts that the packets prove, and of which neither FQ nor FR came */
	uint32_t nr_messages;	/* frames joined */
	int32_t last_fr_rcode;	/* of the last FR that came, RCODE_UNKNOWN without `full` */
	uint32_t fr_rcodes;	/* which rcodes FR carried, see rcode_bit() */
};

/* The few rcodes that matter have a bit each; all from 31 on share one. */
static inline uint32_t rcode_bit(int32_t rcode)
{
	return rcode < 0 ? 0 : rcode < 31 ? UINT32_C(1) << rcode : UINT32_C(1) << 31;
}

/* A refresh of the cache: nobody waits for it. TCP, because CoreDNS makes its refreshes over TCP in every release. */
static inline bool session_is_background(const struct session *s)
{
	return !(s->bitmap & (BIT_CQ | BIT_CR)) && (s->is_refresh || (s->protocol == TAP_TCP && !s->is_clients));
}
