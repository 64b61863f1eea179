/*
 * event - one dnstap message of CoreDNS in the terms of the join: who the client is (which depends on the release), DNS
 * id and question (from the message, or from `extra` where there is no message), response code and TTL. Slices borrow
 * from the frame's tap; an event lives no longer than it.
 */
#pragma once

#include "base/hash.h"
#include "release.h"
#include "wire/dns.h"
#include "wire/tap.h"

/* In the order of the BitMap: the bit of a kind is 1 << kind. */
enum kind { KIND_CLIENT_QUERY, KIND_CLIENT_RESPONSE, KIND_FORWARDER_QUERY, KIND_FORWARDER_RESPONSE, KINDS };

enum {
	BIT_CQ = 1 << KIND_CLIENT_QUERY,
	BIT_CR = 1 << KIND_CLIENT_RESPONSE,
	BIT_FQ = 1 << KIND_FORWARDER_QUERY,
	BIT_FR = 1 << KIND_FORWARDER_RESPONSE,
};

/* "CLIENT_QUERY" and so on, as in dnstap.pb. */
const char *kind_name(enum kind kind);

enum { RCODE_UNKNOWN = -1 };

struct event {
	enum kind kind;
	uint8_t protocol; /* enum tap_protocol */
	bool has_id;
	bool has_question;
	bool client_is_guess; /* FORWARDER_* of an untold release: `client` may be CoreDNS's own socket */
	bool marks_refresh;   /* surely a background refresh of the cache */
	bool marks_client;    /* surely caused by a client's query: never a refresh */
	bool is_unsent;	      /* FORWARDER_QUERY whose dial failed: no local address */
	uint16_t id;
	int32_t rcode; /* twelve bits, RCODE_UNKNOWN without a message */
	uint32_t ttl_max;
	uint32_t records;
	uint64_t question_hash;		/* keyed, over class, type and name without case */
	uint64_t query_ns, response_ns; /* 0: absent */
	struct addr client;		/* len 0: unknown */
	struct addr upstream;		/* FORWARDER_* */
	struct addr socket;		/* FORWARDER_*: CoreDNS's own towards the upstream, from 1.14.5 on */
	struct slice qname;		/* of the message, wire form; len 0 without `full` */
	struct slice message;		/* the DNS message, len 0 without `full` */
	struct slice extra;
};

/* `{remote} {port} {>id} {type} {name}`, the documented form of CoreDNS's `extra`. */
struct extra {
	struct addr remote; /* len 0: empty, which marks a refresh where the port is 0 as well */
	uint16_t id;
	bool has_question; /* type and name could be read */
	uint16_t qtype;
	uint8_t qname_len;
	uint8_t qname[DNS_NAME_MAX];
};

/* Over class, type and name without case: two messages with one question have one hash. Keyed, never 0. */
uint64_t event_question_hash(const struct hash_key *key, struct slice qname, uint16_t qtype, uint16_t qclass);

/* False: not of that form, to be printed but not used. */
bool extra_parse(struct slice text, struct extra *out);

/*
 * False if the frame cannot be placed: a type that CoreDNS does not emit. `release` is the one that the frame's server
 * has shown.
 */
bool event_from_tap(const struct tap *tap, struct release release, const struct hash_key *key, struct event *out);

/* The time at which the message was made: response_ns, else query_ns. */
static inline uint64_t event_time_ns(const struct event *e)
{
	return e->response_ns > e->query_ns ? e->response_ns : e->query_ns;
}
