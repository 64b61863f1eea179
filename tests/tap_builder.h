/*
 * tap_builder - dnstap frames and DNS messages made by hand for tests and fuzzers: protobuf and RFC 1035 written
 * without the code under test (only buf, addr and dns_name_from_text are used). All functions append to the caller's
 * buf and keep nothing.
 *
 *	struct buf query, frame;
 *
 *	dns_build_query(&(struct dns_spec){ .id = 7, .qname = "example.org.", .qtype = 1 }, &query);
 *	tap_build(&(struct tap_spec){ .type = TAP_CLIENT_QUERY, .identity = "coredns-1", .version = "CoreDNS-1.14.7",
 *				      .protocol = TAP_UDP, .query_address = "10.0.0.5", .query_port = 4711,
 *				      .query_ns = 1700000000000000000, .query_message = buf_slice(&query) }, &frame);
 *
 * What a spec leaves out is absent from the frame, so `(struct tap_spec){ .type = 5 }` is the shortest valid one.
 */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "wire/dns.h"
#include "wire/tap.h"

struct tap_spec {
	/* The envelope; NULL: absent. "" is present and empty. */
	const char *identity, *version, *extra;

	unsigned type;	   /* Message.Type: TAP_CLIENT_QUERY ... or any other number, inside the schema or not */
	unsigned protocol; /* socket_protocol; 0: absent */

	/* Address as text, NULL: absent. socket_family follows the first one. */
	const char *query_address, *response_address;
	bool mapped; /* IPv4 in sixteen bytes (::ffff:a.b.c.d), as CoreDNS before 1.14.5 */
	/* Instead of the text: these bytes as they are, of any length; data NULL: not used. */
	struct slice query_ip, response_ip;
	unsigned query_port, response_port;	  /* 0: absent */
	bool query_port_zero, response_port_zero; /* write the port 0 */

	uint64_t query_ns, response_ns; /* 0: absent */

	struct slice query_message, response_message; /* data NULL: absent */

	/* What CoreDNS never writes. */
	const char *query_zone, *policy;
	unsigned http_protocol;

	/* Raw bytes behind the other fields of the envelope and of the message; and what may be left out. */
	struct slice envelope_tail, message_tail;
	bool without_envelope_type, without_message, without_message_type;
};

struct dns_spec {
	uint16_t id;
	const char *qname;   /* master-file form; NULL: no question */
	uint16_t qtype;	     /* 0: A */
	uint16_t rcode;	     /* of a response; above 15 an OPT record carries the upper bits */
	uint32_t ttl;	     /* of the answers */
	unsigned nr_answers; /* A records 192.0.2.1, .2, ... */
	bool with_edns;	     /* an OPT record also where the rcode needs none */
	bool is_truncated;
};

/* Appends one dnstap frame (without the Frame Streams length). */
static inline void tap_build(const struct tap_spec *spec, struct buf *out);

static inline void dns_build_query(const struct dns_spec *spec, struct buf *out);
static inline void dns_build_response(const struct dns_spec *spec, struct buf *out);

/* --- protobuf */

enum { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_GROUP = 3, PB_FIXED32 = 5 };

static inline void pb_add_varint(struct buf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_add_byte(out, (uint8_t)(value | 0x80));
	buf_add_byte(out, (uint8_t)value);
}

static inline void pb_add_key(struct buf *out, unsigned field, unsigned wire_type)
{
	pb_add_varint(out, (uint64_t)field << 3 | wire_type);
}

static inline void pb_add_uint(struct buf *out, unsigned field, uint64_t value)
{
	pb_add_key(out, field, PB_VARINT);
	pb_add_varint(out, value);
}

static inline void pb_add_fixed32(struct buf *out, unsigned field, uint32_t value)
{
	pb_add_key(out, field, PB_FIXED32);
	for (int i = 0; i < 4; i++)
		buf_add_byte(out, (uint8_t)(value >> (8 * i)));
}

static inline void pb_add_bytes(struct buf *out, unsigned field, struct slice bytes)
{
	pb_add_key(out, field, PB_BYTES);
	pb_add_varint(out, bytes.len);
	buf_add(out, bytes.data, bytes.len);
}

static inline void pb_add_text(struct buf *out, unsigned field, const char *text)
{
	if (text)
		pb_add_bytes(out, field, slice_from_str(text));
}

static inline void pb_add_port(struct buf *out, unsigned field, unsigned port, bool zero)
{
	if (port || zero)
		pb_add_uint(out, field, port);
}

static inline void pb_add_time(struct buf *out, unsigned seconds_field, uint64_t ns)
{
	if (!ns)
		return;
	pb_add_uint(out, seconds_field, ns / 1000000000);
	pb_add_fixed32(out, seconds_field + 1, (uint32_t)(ns % 1000000000));
}

/* --- dnstap */

/* Into `storage`; a text that is no address gives no bytes. */
static inline struct slice tap_ip(const char *text, struct slice raw, bool mapped, uint8_t storage[16])
{
	struct addr a = { 0 };

	if (raw.data || !text)
		return raw;
	addr_parse(slice_from_str(text), &a);
	if (a.len == 4 && mapped) {
		memcpy(storage, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		memcpy(storage + 12, a.ip, 4);
		return slice_of(storage, 16);
	}
	memcpy(storage, a.ip, a.len);
	return slice_of(storage, a.len);
}

static inline void tap_add_sockets(const struct tap_spec *spec, struct buf *m)
{
	uint8_t query_storage[16], response_storage[16];
	struct slice query = tap_ip(spec->query_address, spec->query_ip, spec->mapped, query_storage);
	struct slice response = tap_ip(spec->response_address, spec->response_ip, spec->mapped, response_storage);
	const char *first = spec->query_address ? spec->query_address : spec->response_address;

	if (first)
		pb_add_uint(m, 2, strchr(first, ':') ? 2 : 1);
	if (spec->protocol)
		pb_add_uint(m, 3, spec->protocol);
	if (query.data)
		pb_add_bytes(m, 4, query);
	if (response.data)
		pb_add_bytes(m, 5, response);
	pb_add_port(m, 6, spec->query_port, spec->query_port_zero);
	pb_add_port(m, 7, spec->response_port, spec->response_port_zero);
}

static inline void tap_build_message(const struct tap_spec *spec, struct buf *m)
{
	if (!spec->without_message_type)
		pb_add_uint(m, 1, spec->type);
	tap_add_sockets(spec, m);
	pb_add_time(m, 8, spec->query_ns);
	if (spec->query_message.data)
		pb_add_bytes(m, 10, spec->query_message);
	pb_add_text(m, 11, spec->query_zone);
	pb_add_time(m, 12, spec->response_ns);
	if (spec->response_message.data)
		pb_add_bytes(m, 14, spec->response_message);
	pb_add_text(m, 15, spec->policy);
	if (spec->http_protocol)
		pb_add_uint(m, 16, spec->http_protocol);
	buf_add(m, spec->message_tail.data, spec->message_tail.len);
}

static inline void tap_build(const struct tap_spec *spec, struct buf *out)
{
	struct buf m;

	pb_add_text(out, 1, spec->identity);
	pb_add_text(out, 2, spec->version);
	pb_add_text(out, 3, spec->extra);
	if (!spec->without_message) {
		buf_init(&m, out->cap);
		tap_build_message(spec, &m);
		pb_add_bytes(out, 14, buf_slice(&m));
		buf_release(&m);
	}
	if (!spec->without_envelope_type)
		pb_add_uint(out, 15, 1);
	buf_add(out, spec->envelope_tail.data, spec->envelope_tail.len);
}

/* --- DNS */

enum { DNS_BUILD_QR = 0x8000, DNS_BUILD_TC = 0x0200, DNS_BUILD_RD = 0x0100, DNS_BUILD_RA = 0x0080 };

static inline void dns_add_u16(struct buf *out, unsigned value)
{
	buf_add_byte(out, (uint8_t)(value >> 8));
	buf_add_byte(out, (uint8_t)value);
}

static inline void dns_add_header(const struct dns_spec *spec, unsigned flags, bool with_opt, struct buf *out)
{
	const unsigned fields[] = {
		spec->id, flags, spec->qname != NULL, flags & DNS_BUILD_QR ? spec->nr_answers : 0, 0, with_opt,
	};

	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		dns_add_u16(out, fields[i]);
}

static inline void dns_add_question(const struct dns_spec *spec, struct buf *out)
{
	uint8_t wire[DNS_NAME_MAX];

	if (!spec->qname)
		return;
	buf_add(out, wire, dns_name_from_text(slice_from_str(spec->qname), wire));
	dns_add_u16(out, spec->qtype ? spec->qtype : 1);
	dns_add_u16(out, 1);
}

static inline void dns_add_ttl(struct buf *out, uint32_t ttl)
{
	dns_add_u16(out, ttl >> 16);
	dns_add_u16(out, ttl & 0xffff);
}

/* The answer's name is a pointer to the question, or the root where there is none. */
static inline void dns_add_answer(const struct dns_spec *spec, unsigned number, struct buf *out)
{
	if (spec->qname)
		dns_add_u16(out, 0xc000 | DNS_HEADER_SIZE);
	else
		buf_add_byte(out, 0);
	dns_add_u16(out, 1);
	dns_add_u16(out, 1);
	dns_add_ttl(out, spec->ttl);
	dns_add_u16(out, 4);
	buf_add(out, "\xc0\x00\x02", 3);
	buf_add_byte(out, (uint8_t)number);
}

/* RFC 6891: root name, type 41, payload size, the rcode's upper eight bits, version and flags, no data. */
static inline void dns_add_opt(const struct dns_spec *spec, struct buf *out)
{
	buf_add_byte(out, 0);
	dns_add_u16(out, DNS_TYPE_OPT);
	dns_add_u16(out, 1232);
	dns_add_ttl(out, (uint32_t)(spec->rcode >> 4) << 24);
	dns_add_u16(out, 0);
}

static inline void dns_build_query(const struct dns_spec *spec, struct buf *out)
{
	struct dns_spec query = { .id = spec->id, .qname = spec->qname, .qtype = spec->qtype };

	dns_add_header(&query, DNS_BUILD_RD, spec->with_edns, out);
	dns_add_question(&query, out);
	if (spec->with_edns)
		dns_add_opt(&query, out);
}

static inline void dns_build_response(const struct dns_spec *spec, struct buf *out)
{
	unsigned flags = DNS_BUILD_QR | DNS_BUILD_RD | DNS_BUILD_RA | (spec->is_truncated ? DNS_BUILD_TC : 0u);
	bool with_opt = spec->with_edns || spec->rcode > 15;

	dns_add_header(spec, flags | (spec->rcode & 15), with_opt, out);
	dns_add_question(spec, out);
	for (unsigned i = 0; i < spec->nr_answers; i++)
		dns_add_answer(spec, i + 1, out);
	if (with_opt)
		dns_add_opt(spec, out);
}
