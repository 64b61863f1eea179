/*
 * scenario - what CoreDNS says on its dnstap connections, a step in a line, and the sessions that the contract says
 *come of it, a session in a line. Header-only, for the tests of the engine:
 *
 *	{ .name = "answered from upstream",
 *	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6) },
 *	  .sessions = { "@0 Succeeded 15 upstream_answer 10.0.0.1:1000 1 a.test. NOERROR 53=NOERROR" } },
 *
 * Times are milliseconds after BASE_NS: query_time, then response_time. What a step leaves out is usual:
 *client 10.0.0.1:1000 over UDP, id 1, a.test. A, upstream 10.0.0.53:53 over UDP, NOERROR with one record of TTL 30,
 *CoreDNS 1.14.7 with `full`.
 */
#pragma once

#include <stdlib.h>

#include "session/engine.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define BASE_NS 1795411440000000000ULL /* 2026-11-23T05:24:00Z */

enum {
	SCENARIO_STEPS = 24,
	SCENARIO_SESSIONS = 8,
	SCENARIO_STREAMS = 4, /* 0 and 1 come from 10.1.1.1, 2 and 3 from 10.1.1.2 */
	ZERO = -1,	      /* for fields in which 0 means the usual value */
};

/* What a release writes into its frames; a text in place of the version comes from the Corefile. */
enum style {
	V1_14_7, /* FQ/FR: CoreDNS's own socket */
	V1_7_1, /* no identity, no version; FQ, FR, CQ, CR; FQ/FR without query_address; FR and CR without query_time */
	V1_8_1, /* the same order; FQ/FR: the upstream as query_address, no response_address */
	V1_8_6, /* from here on CQ comes first, and FQ/FR have the client's address; no identity, no version */
	V1_13_1,
	V1_14_4,
	V1_15_0, /* like V1_14_7 */
	V_TEXT_CLIENT,
	V_TEXT_SOCKET,
};

enum what {
	STEP_NONE,
	STEP_CQ,
	STEP_CR,
	STEP_FQ,
	STEP_FR,
	STEP_PASS,
	STEP_RAW,
	STEP_CLOSE,
	STEP_TICK,
	/* packets: of the client's query and its response, of one to an upstream and its response; dropped; an ICMP
	 * error that quotes the query; and packets that nobody knows of, between two times */
	STEP_PQ,
	STEP_PR,
	STEP_UQ,
	STEP_UR,
	STEP_DROP_Q,
	STEP_DROP_R,
	STEP_ICMP,
	STEP_GAP
};

struct step {
	enum what what;
	double query, response; /* ms */
	double arrives;		/* ms, live; 0: with its time */
	unsigned on;		/* stream; it begins with its first frame */
	unsigned times;		/* how often; 0: once */
	const char *client;	/* "10.0.0.1:1000"; "": none */
	const char *
		address; /* FQ/FR: query_address, if not what the style writes; "": none, ":0": none, with the port 0 */
	const char *upstream;
	bool tcp;
	int id, ttl; /* ZERO: 0 */
	const char *name;
	unsigned qtype, rcode;
	bool is_empty;	  /* no records */
	bool no_question; /* in a message that is there */
	bool is_bare;	  /* no message, as without `full` */
	const char *extra;
	const char *identity, *version;
	/* What CoreDNS never writes. */
	unsigned type;	    /* in place of the step's */
	const char *zone;   /* query_zone */
	const char *asked;  /* CQ/CR: response_address */
	bool is_untimed;    /* no query_time */
	const char *raw;    /* STEP_RAW: bytes that are the whole frame */
	const char *reason; /* STEP_DROP_*: the kernel's; NULL: NETFILTER_DROP */
};

#define CQ(query_ms, ...)                                           \
	{                                                           \
		.what = STEP_CQ, .query = (query_ms), ##__VA_ARGS__ \
	}
#define FQ(query_ms, ...)                                           \
	{                                                           \
		.what = STEP_FQ, .query = (query_ms), ##__VA_ARGS__ \
	}
#define CR(query_ms, response_ms, ...)                                                         \
	{                                                                                      \
		.what = STEP_CR, .query = (query_ms), .response = (response_ms), ##__VA_ARGS__ \
	}
#define FR(query_ms, response_ms, ...)                                                         \
	{                                                                                      \
		.what = STEP_FR, .query = (query_ms), .response = (response_ms), ##__VA_ARGS__ \
	}
/* Another client's CQ and CR, whose session is not shown: time passes, and the stream is known to have begun. */
#define PASS(at_ms, ...)                                                                \
	{                                                                               \
		.what = STEP_PASS, .query = (at_ms), .response = (at_ms), ##__VA_ARGS__ \
	}
#define RAW(bytes)                               \
	{                                        \
		.what = STEP_RAW, .raw = (bytes) \
	}
/* The stream ends / engine_tick(), at that wall clock. */
#define CLOSE(stream, at_ms)                                         \
	{                                                            \
		.what = STEP_CLOSE, .query = (at_ms), .on = (stream) \
	}
#define TICK(at_ms)                                 \
	{                                           \
		.what = STEP_TICK, .query = (at_ms) \
	}

/* Packets; their times are milliseconds, too. */
#define PACKET(what_, at_ms, ...)                                \
	{                                                        \
		.what = (what_), .query = (at_ms), ##__VA_ARGS__ \
	}
#define PQ(at_ms, ...) PACKET(STEP_PQ, at_ms, ##__VA_ARGS__)
#define PR(at_ms, ...) PACKET(STEP_PR, at_ms, ##__VA_ARGS__)
#define UQ(at_ms, ...) PACKET(STEP_UQ, at_ms, ##__VA_ARGS__)
#define UR(at_ms, ...) PACKET(STEP_UR, at_ms, ##__VA_ARGS__)
#define DROP_Q(at_ms, ...) PACKET(STEP_DROP_Q, at_ms, ##__VA_ARGS__)
#define DROP_R(at_ms, ...) PACKET(STEP_DROP_R, at_ms, ##__VA_ARGS__)
#define ICMP(at_ms, ...) PACKET(STEP_ICMP, at_ms, ##__VA_ARGS__)
#define GAP(from_ms, to_ms)                                               \
	{                                                                 \
		.what = STEP_GAP, .query = (from_ms), .response = (to_ms) \
	}

struct scenario {
	const char *name;
	enum style style;
	bool is_live;	  /* connections; else files */
	bool is_probed;	  /* a probe watches coredns-1 at 10.0.9.9:53, which speaks from 10.1.1.1 */
	bool is_captured; /* there is a capture file beside the frames */
	bool is_bare;	  /* without `full` */
	bool has_extra;	  /* `extra "{remote} {port} {>id} {type} {name}"` */
	size_t sessions_max, closed_max, servers_max, memory_max; /* 0: enough */
	double timeout, idle;					  /* ms; 0: the defaults */
	struct step steps[SCENARIO_STEPS];
	/* In the order in which they are closed; after the last step all streams end. */
	const char *sessions[SCENARIO_SESSIONS];
	/* Counters that are not 0: "late=1 duplicate=2". NULL: none. */
	const char *counts;
};

#include "scenario_build.h"
#include "scenario_packet.h"
#include "scenario_print.h"
#include "scenario_run.h"
