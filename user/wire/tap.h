/*
 * tap - one dnstap frame (protobuf, proto/dnstap.proto) as a plain struct. The only file that knows protobuf-c. Memory
 * for decoding comes from the caller's arena, so a frame costs no malloc and a protobuf bomb runs into the arena's end.
 */
#pragma once

#include "base/addr.h"
#include "base/arena.h"

/* Message.Type of the schema: the four that CoreDNS emits. Any other value may stand in tap.type. */
enum tap_type {
	TAP_CLIENT_QUERY = 5,
	TAP_CLIENT_RESPONSE = 6,
	TAP_FORWARDER_QUERY = 7,
	TAP_FORWARDER_RESPONSE = 8,
};

enum tap_protocol { TAP_PROTOCOL_NONE = 0, TAP_UDP = 1, TAP_TCP = 2 };

struct tap {
	struct slice identity, version, extra; /* len 0: absent */
	unsigned type;
	uint8_t protocol; /* socket_protocol; TAP_PROTOCOL_NONE when absent or out of the schema's range */
	bool has_query_port;
	bool has_response_address;
	bool has_query_address;
	bool has_foreign_fields;	/* query_zone, policy or http_protocol: CoreDNS writes none of them */
	struct addr query, response;	/* by the length of the bytes; len 0: absent */
	uint64_t query_ns, response_ns; /* since 1970; 0: absent */
	struct slice query_message, response_message;
};

enum tap_error {
	TAP_OK,
	TAP_BAD_PROTOBUF,
	TAP_TOO_COMPLEX, /* more fields than the arena holds */
	TAP_NO_MESSAGE,	 /* a Dnstap without Message */
	TAP_BAD_TIME,	 /* seconds behind 2262, or 10^9 nanoseconds and more */
};

const char *tap_error_text(enum tap_error error);

enum {
	/* What a frame may cost to decode: its bytes fields are copied, and the repeated ones of an unknown kind take
	   32 bytes each. */
	TAP_ARENA_SIZE = 4 * 131072,
};

/* The slices in *out point into the arena: valid until its next reset, which this function does first. */
enum tap_error tap_decode(struct slice frame, struct arena *arena, struct tap *out);
