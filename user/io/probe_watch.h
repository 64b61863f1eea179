/*
 * probe_watch - one watch: the filter program with its own constants, the socket inside the namespace, the vantage.
 * Internal to the probe.
 */
#pragma once

#include "base/list.h"
#include "probe_kernel.h"
#include "probe_place.h"

struct probe_bpf;

struct probe_watch {
	struct list on_probe;
	struct place place;
	struct place_inside inside;
	struct probe_bpf *bpf; /* the filter */
	struct vantage *vantage;
	uint32_t number;
};

/*
 * Loads a filter for the place, whose ring and counters are those of `main`, and opens its socket. NULL with errno set:
 * -EPERM without privilege, or what the verifier says.
 */
struct probe_watch *probe_watch_new(const struct place *place, uint32_t number, struct probe_bpf *main,
				    const struct probe_options *options, const struct kernel_facts *kernel);
void probe_watch_free(struct probe_watch *w);

/* The ports of the place: those that it listens at, 53, and those of the options. Returns how many, `max` at most. */
unsigned probe_watch_ports(const struct place *place, const struct probe_options *options, uint16_t *ports,
			   unsigned max);

/* True if a packet that was dropped is of this place: by the namespace, or by an address of its own. */
bool probe_watch_owns(const struct probe_watch *w, uint64_t netns, const struct addr *src, const struct addr *dst);
