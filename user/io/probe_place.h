/*
 * probe_place - a CoreDNS process or a network namespace to be watched: who lives there, at which ports it listens,
 * which addresses it has. What has to be asked inside a namespace is asked by a thread that enters it and ends there:
 * the calling thread's own namespaces never change.
 */
#pragma once

#include <sys/types.h>

#include "base/addr.h"
#include "probe.h"

enum {
	PLACES_MAX = 256,
	PLACE_HOSTNAME_MAX = 256,
	PLACE_ADDRESSES_MAX = VANTAGE_ADDRESSES_MAX,
	PLACE_LISTENS_MAX = 16,
};

struct place {
	uint64_t netns;	     /* inode of the network namespace */
	pid_t pid;	     /* a process in it; 0: known by its path alone */
	const char *path;    /* of the namespace, of the options; NULL: known by its process */
	bool is_shared;	     /* the host's namespace: others use it, too */
	unsigned nr_listens; /* ports on which it is asked; address len 0: any address of the namespace */
	struct addr listens[PLACE_LISTENS_MAX];
};

struct places {
	unsigned nr;
	bool is_full; /* there are more than PLACES_MAX */
	struct place list[PLACES_MAX];
};

/* All that the options want to be watched and that is there now. */
void places_find(const struct probe_options *options, struct places *out);

/* The inode of the process's network namespace; 0: not to be told. */
uint64_t place_netns_of(pid_t pid);

/* Whether that namespace is still anybody's: it has a process, or a name in /run/netns. */
bool place_is_inhabited(uint64_t netns);

/* What was found inside. */
struct place_inside {
	int socket; /* AF_PACKET, with `filter` attached, seeing all interfaces; -errno where it failed */
	unsigned nr_addresses;
	struct addr addresses[PLACE_ADDRESSES_MAX]; /* no loopback, no link-local */
	char hostname[PLACE_HOSTNAME_MAX];	    /* "" where it is not known */
};

/* Enters the place's namespaces with a thread of its own. `filter` is a loaded socket filter. 0 or -errno. */
int place_enter(const struct place *place, int filter, struct place_inside *out);
