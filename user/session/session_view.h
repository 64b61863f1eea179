/*
 * session_view - what of a session may be shown, and in which words: the same for the JSON record, the text line,
 * filters and the summary.
 */
#pragma once

#include "session.h"

/* The client, NULL where there is none to show: a background refresh, or FQ/FR that name only CoreDNS's own socket. */
const struct addr *session_client(const struct session *s);

struct session_question {
	struct slice qname; /* wire form; borrows from the session or from `extra` below */
	uint16_t qtype, qclass;
	struct extra extra; /* storage where the question comes from there */
};

/* The client's question, else what CoreDNS asked for it; false where nobody said. */
bool session_question(const struct session *s, struct session_question *out);

/* The response code to the client: of the CR, else of the packet; RCODE_UNKNOWN where neither tells. */
int32_t session_rcode(const struct session *s);

/* False where there is no CR, or times that contradict. */
bool session_duration_ns(const struct session *s, uint64_t *out);
bool attempt_duration_ns(const struct attempt *a, uint64_t *out);

/* "UDP", "TCP", ...; NULL where the frame named none. */
const char *protocol_name(uint8_t protocol);
