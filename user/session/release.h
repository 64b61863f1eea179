/*
 * release - what follows from the release of CoreDNS that speaks (docs/coredns.md lists the changes and their sources).
 */
#pragma once

#include "base/slice.h"

enum release_kind {
	RELEASE_NONE,  /* no version in the stream: 1.9.3 or older */
	RELEASE_KNOWN, /* "CoreDNS-1.14.7" */
	RELEASE_OTHER, /* the Corefile's `version` option hides it: 1.9.4 or newer */
};

struct release {
	enum release_kind kind;
	uint32_t number; /* major, minor, patch in 10 bits each; 0 unless known */
};

#define RELEASE(major, minor, patch) ((uint32_t)(major) << 20 | (uint32_t)(minor) << 10 | (uint32_t)(patch))

/* Reads dnstap's `version`; what stands behind the third number is ignored. */
struct release release_parse(struct slice version);

enum forwarder_address {
	FORWARDER_ADDRESS_CLIENT, /* FORWARDER_* carry the client's address: up to 1.14.4 */
	FORWARDER_ADDRESS_SOCKET, /* CoreDNS's own socket towards the upstream: 1.14.5 and later */
	FORWARDER_ADDRESS_UNTOLD, /* to be tried */
};

enum forwarder_address release_forwarder_address(struct release r);

/* Flushes its dnstap buffer every second. 1.9.1 to 1.13.1 hold frames back until 4 KiB have gathered. */
bool release_flushes_each_second(struct release r);

/* Taps the error responses that the server itself writes: 1.15.0 and later. */
bool release_taps_own_errors(struct release r);

/* Writes an empty client into `extra` for a background refresh: 1.14.3 and later. */
bool release_marks_refresh(struct release r);
