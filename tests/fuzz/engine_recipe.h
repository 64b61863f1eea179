/*
 * engine_recipe - eight bytes into a dnstap frame that fits others made so: few clients, ids, names and servers, so
 * that a fuzzer explores how frames are joined and not only how they are read. For fuzz_engine.
 */
#pragma once

#include <assert.h>
#include <stdio.h>

#include "base/cursor.h"
#include "session/engine.h"
#include "tap_builder.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* How much time a step may take. */
static const uint64_t steps_ns[] = {
	0,
	1,
	1000,
	NS_PER_MS,
	50 * NS_PER_MS,
	NS_PER_S,
	2 * NS_PER_S,
	5 * NS_PER_S,
	9 * NS_PER_S,
	10 * NS_PER_S,
	11 * NS_PER_S,
	30 * NS_PER_S,
	46 * NS_PER_S,
	61 * NS_PER_S,
};

static inline uint64_t step_ns(uint8_t choice)
{
	return steps_ns[choice % COUNT(steps_ns)];
}

static const char *const clients[] = { "10.0.0.1", "10.0.0.2", "fd00::1", NULL };
static const char *const upstreams[] = { "10.9.9.1", "10.9.9.2", "fd00::9", NULL };
static const char *const names[] = { "a.example.",
				     "A.Example.",
				     "b.example.",
				     "xn--\\000\\255.example.",
				     ".",
				     "a",
				     "very.long.name.with.many.labels.example.org.",
				     NULL };
/* Longer than what is kept of an identity and of a version. */
#define FIFTY "12345678901234567890123456789012345678901234567890"

static const char *const identities[] = { NULL, "pod-1", "pod-2-" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY,
					  "pod-\n3\x1b[0m" };
static const char *const versions[] = {
	NULL, "CoreDNS-1.9.4", "CoreDNS-1.14.3", "CoreDNS-1.14.5", "CoreDNS-1.15.0", "x" FIFTY FIFTY
};
static const uint16_t rcodes[] = { 0, 0, 0, 2, 3, 5, 23, 4095 };

/* The eight bytes of FRAME. */
struct recipe {
	unsigned type;
	bool is_full, has_extra, is_foreign;
	bool is_old;	  /* before 1.8.2: names no upstream */
	bool is_timeless; /* before 1.8.0: a response without query_time */
	unsigned client, protocol, upstream;
	unsigned id, name, identity, version;
	unsigned time; /* index into times_ns */
	bool is_new_time;
	uint64_t took_ns;
	uint16_t rcode;
	unsigned nr_answers;
	uint32_t ttl;
};

static inline struct recipe recipe_read(struct cursor *c)
{
	uint8_t b[8] = { 0 };
	struct slice bytes = cursor_bytes(c, sizeof(b));

	if (bytes.len)
		memcpy(b, bytes.data, sizeof(b));
	return (struct recipe){
		.type = TAP_CLIENT_QUERY + (b[0] & 3),
		.is_full = b[0] & 4,
		.has_extra = b[0] & 8,
		.is_foreign = b[0] >> 4 == 15,
		.is_old = b[0] >> 4 == 14 || b[0] >> 4 == 13,
		.is_timeless = b[0] >> 4 == 13 || b[0] >> 4 == 12,
		.client = b[1] & 3,
		.protocol = b[1] >> 2 & 3,
		.upstream = b[1] >> 4 & 3,
		.id = b[2] & 3,
		.name = b[2] >> 2 & 7,
		.identity = b[2] >> 5 & 3,
		.version = b[3] % COUNT(versions),
		.time = b[4] & 15,
		.is_new_time = b[4] & 0x10,
		.took_ns = step_ns(b[5]),
		.rcode = rcodes[b[6] & 7],
		.nr_answers = b[6] >> 3 & 3,
		.ttl = b[7],
	};
}

static inline void make_message(const struct recipe *r, bool is_response, struct buf *out)
{
	struct dns_spec spec = {
		.id = (uint16_t)(r->id + 1000),
		.qname = names[r->name],
		.rcode = r->rcode,
		.ttl = r->ttl,
		.nr_answers = r->nr_answers,
		.with_edns = r->ttl & 1,
	};

	if (is_response)
		dns_build_response(&spec, out);
	else
		dns_build_query(&spec, out);
}

/* A background refresh has no client in `extra`. */
static inline void print_extra(const struct recipe *r, char *out, size_t size)
{
	const char *client = clients[r->client], *name = names[r->name];

	snprintf(out, size, "%s %u %u A %s", client ? client : "", client ? 4000U : 0U, r->id + 1000, name ? name : "");
}

/* The frame is left in `frame`, its DNS message in `message`; both are reset before. */
static inline void recipe_frame(const struct recipe *r, uint64_t query_ns, struct buf *message, struct buf *frame)
{
	bool is_forwarder = r->type >= TAP_FORWARDER_QUERY, is_response = !(r->type & 1);
	char extra[128];
	struct tap_spec spec = {
		.identity = identities[r->identity],
		.version = versions[r->version],
		.extra = r->has_extra ? extra : NULL,
		.type = r->type,
		.protocol = r->protocol,
		.query_address = clients[r->client],
		.mapped = r->version < 3,
		.query_port = clients[r->client] ? 4000 : 0,
		.query_port_zero = r->id & 1,
		.query_ns = r->is_timeless ? 0 : query_ns,
		.response_ns = is_response ? query_ns + r->took_ns : 0,
		.query_zone = r->is_foreign ? "zone" : NULL,
	};

	print_extra(r, extra, sizeof(extra));
	if (is_forwarder) {
		spec.response_address = r->is_old ? NULL : upstreams[r->upstream];
		spec.response_port = upstreams[r->upstream] ? 53 : 0;
	}
	buf_reset(message);
	if (r->is_full) {
		make_message(r, is_response, message);
		*(is_response ? &spec.response_message : &spec.query_message) = buf_slice(message);
	}
	buf_reset(frame);
	tap_build(&spec, frame);
	assert(!frame->failed && !message->failed);
}

/*
 * The same as a packet at CoreDNS, which is 10.1.1.1; over TCP the message has its length before it, and everything
 * else of the recipe makes sequence numbers and flags.
 */
static inline void recipe_packet(const struct recipe *r, uint64_t time_ns, struct buf *message, struct packet *out)
{
	bool is_upstream = r->type >= TAP_FORWARDER_QUERY, is_response = !(r->type & 1),
	     is_tcp = r->protocol == TAP_TCP;
	const char *client = clients[r->client] ? clients[r->client] : "10.0.0.1";
	const char *upstream = upstreams[r->upstream] ? upstreams[r->upstream] : "10.9.9.1";
	struct addr querier = { 0 }, responder = { 0 };

	addr_parse(slice_from_str(is_upstream ? "10.1.1.1" : client), &querier);
	addr_parse(slice_from_str(is_upstream ? upstream : "10.1.1.1"), &responder);
	querier.port = 4000;
	responder.port = 53;
	buf_reset(message);
	if (is_tcp)
		buf_add(message, "\0", 2);
	if (r->is_full)
		make_message(r, is_response, message);
	if (is_tcp && message->len > 2) {
		message->data[0] = (uint8_t)((message->len - 2) >> 8);
		message->data[1] = (uint8_t)(message->len - 2);
	}
	*out = (struct packet){
		.time_ns = time_ns,
		.src = is_response ? responder : querier,
		.dst = is_response ? querier : responder,
		.direction = r->is_old			  ? PACKET_UNTOLD
			     : is_upstream == is_response ? PACKET_IN
							  : PACKET_OUT,
		.protocol = is_tcp ? TAP_TCP : TAP_UDP,
		.tcp_flags = is_tcp ? r->version : 0,
		.tcp_seq = is_tcp ? r->time * 20U : 0,
		.interface = r->identity,
		.payload = buf_slice(message),
		.payload_len = (uint32_t)message->len + r->nr_answers % 2,
		.is_elsewhere = r->is_foreign,
	};
}
