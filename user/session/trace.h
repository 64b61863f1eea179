/*
 * trace - packets alone, without dnstap: each DNS exchange with its time, and each drop with its reason. A query waits
 * for its response as long as the session timeout; what nobody answers is told then. Uses the same watch and the same
 * evidence as the engine, so it sees what the verdicts are made of.
 */
#pragma once

#include "engine.h"
#include "selection.h"
#include "rfc3339.h"

enum trace_kind {
	TRACE_CLIENT,	/* a client asked CoreDNS */
	TRACE_UPSTREAM, /* CoreDNS asked an upstream */
	TRACE_DROP,	/* a packet of either was dropped */
};

/* One line. What is borrowed is valid during the callback. */
struct trace_event {
	enum trace_kind kind;
	uint64_t time_ns; /* of the query; of the drop */
	uint64_t duration_ns;
	bool is_answered;
	bool is_response; /* TRACE_DROP: it was one */
	uint8_t protocol;
	uint16_t id;
	int32_t rcode;	    /* RCODE_UNKNOWN without a response */
	const char *reason; /* TRACE_DROP: the kernel's; else of the query's drop, or NULL */
	const char *icmp;   /* the ICMP error that came back; NULL: none */
	struct addr querier, responder;
	bool has_question;
	uint16_t qtype, qclass;
	struct slice qname;
	struct slice server; /* hostname of the CoreDNS; len 0: not known */
};

struct trace_callbacks {
	void (*on_event)(void *arg, const struct trace_event *t);
	void *arg;
};

struct trace;

/* NULL without memory or randomness. Of the limits those on packets count, and the session timeout. */
struct trace *trace_new(const struct engine_limits *limits, const struct trace_callbacks *callbacks);
void trace_free(struct trace *t);

struct vantage *trace_vantage_new(struct trace *t, const struct vantage_config *config);
void trace_vantage_end(struct trace *t, struct vantage *v);
void trace_packet(struct trace *t, struct vantage *v, const struct packet *p);

/* Tells the queries that have waited long enough; with UINT64_MAX all. */
void trace_expire(struct trace *t, uint64_t now_ns);

/* By the filters --client (either end), --qname, --rcode. */
bool trace_is_wanted(const struct trace_event *t, const struct selection *sel);

/* A line, with its newline: JSON, or text for the eye. */
void trace_write_json(struct rfc3339 *time, const struct trace_event *t, struct buf *out);
void trace_write_text(struct rfc3339 *time, const struct trace_event *t, struct buf *out);
