/*
 * vantage - a place where the packets of one CoreDNS are seen: its network namespace as the probe watches it, or a
 * capture file. Which servers' sessions its packets belong to is found out when dnstap comes: by the peer's address,
 * which is one of the namespace's, or by the identity, which by default is the process's hostname; a capture belongs to
 * every file.
 */
#pragma once

#include "base/addr.h"

enum {
	VANTAGE_LISTENS_MAX = 64,
	VANTAGE_ADDRESSES_MAX = 64,
};

struct vantage_config {
	struct slice hostname; /* of the process (its UTS namespace), len 0: not known */
	bool hides_upstreams;  /* what CoreDNS sends to its upstreams is not watched: the host's namespace */
	bool is_capture;       /* a file: directions and listening addresses may have to be learnt */
	const struct addr
		*listens;    /* where it is asked; an address of len 0 with a port: any address of the namespace */
	unsigned nr_listens; /* at most VANTAGE_LISTENS_MAX */
	const struct addr *addresses; /* of the namespace, no loopback: from there its dnstap connections come */
	unsigned nr_addresses;	      /* at most VANTAGE_ADDRESSES_MAX */
	uint64_t began_ns;	      /* wall clock: nothing was seen before; 0 in a capture: its first packet */
};

struct vantage;
