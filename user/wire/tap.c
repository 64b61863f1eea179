#include "tap.h"

#include "dnstap.pb-c.h"

#define NS_PER_S 1000000000ULL
/* The last second whose nanoseconds fit into 63 bits lies in 2262. */
#define SECONDS_MAX 9223372035ULL

const char *tap_error_text(enum tap_error error)
{
	switch (error) {
	case TAP_OK:
		return "none";
	case TAP_BAD_PROTOBUF:
		return "bad_protobuf";
	case TAP_TOO_COMPLEX:
		return "too_complex";
	case TAP_NO_MESSAGE:
		return "no_message";
	case TAP_BAD_TIME:
		return "bad_time";
	}
	return "unknown";
}

static void *arena_alloc_for_protobuf(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void arena_free_for_protobuf(void *arena, void *object)
{
	/* Freed all at once by the next arena_reset(). */
	(void)arena;
	(void)object;
}

static struct slice bytes_of(protobuf_c_boolean has, ProtobufCBinaryData field)
{
	return has ? slice_of(field.data, field.len) : slice_of(NULL, 0);
}

static bool time_of(protobuf_c_boolean has, uint64_t seconds, uint32_t nanoseconds, uint64_t *out_ns)
{
	*out_ns = 0;
	if (!has)
		return true;
	if (seconds > SECONDS_MAX || nanoseconds >= NS_PER_S)
		return false;
	*out_ns = seconds * NS_PER_S + nanoseconds;
	return true;
}

static enum tap_error convert(const Dnstap__Dnstap *envelope, struct tap *out)
{
	const Dnstap__Message *m = envelope->message;

	if (!m)
		return TAP_NO_MESSAGE;
	*out = (struct tap){
		.identity = bytes_of(envelope->has_identity, envelope->identity),
		.version = bytes_of(envelope->has_version, envelope->version),
		.extra = bytes_of(envelope->has_extra, envelope->extra),
		.type = (unsigned)m->type,
		.has_query_port = m->has_query_port && m->query_port <= UINT16_MAX,
		.has_query_address = m->has_query_address,
		.has_response_address = m->has_response_address,
		.has_foreign_fields = m->has_query_zone || m->has_policy || m->has_http_protocol,
		.query = addr_from_bytes(bytes_of(m->has_query_address, m->query_address), (uint16_t)m->query_port),
		.response = addr_from_bytes(bytes_of(m->has_response_address, m->response_address),
					    (uint16_t)m->response_port),
		.query_message = bytes_of(m->has_query_message, m->query_message),
		.response_message = bytes_of(m->has_response_message, m->response_message),
	};
	if (m->has_socket_protocol && m->socket_protocol >= 1 && m->socket_protocol <= 7)
		out->protocol = (uint8_t)m->socket_protocol;
	if (!time_of(m->has_query_time_sec, m->query_time_sec, m->query_time_nsec, &out->query_ns) ||
	    !time_of(m->has_response_time_sec, m->response_time_sec, m->response_time_nsec, &out->response_ns))
		return TAP_BAD_TIME;
	return TAP_OK;
}

enum tap_error tap_decode(struct slice frame, struct arena *arena, struct tap *out)
{
	ProtobufCAllocator allocator = {
		.alloc = arena_alloc_for_protobuf,
		.free = arena_free_for_protobuf,
		.allocator_data = arena,
	};
	Dnstap__Dnstap *envelope;

	arena_reset(arena);
	envelope = dnstap__dnstap__unpack(&allocator, frame.len, frame.data);
	if (!envelope)
		return arena->exhausted ? TAP_TOO_COMPLEX : TAP_BAD_PROTOBUF;
	return convert(envelope, out);
}
