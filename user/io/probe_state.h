/*
 * probe_state - what the parts of the probe share. Internal to it:
 *
 *   probe.c        life: load, attach, levels, counts
 *   probe_ring.c   records out of the ring, times
 *   probe_scan.c   which namespaces and processes are watched
 *   probe_watch.c  one watch; probe_place.c, probe_listen.c what it is of; probe_kernel.c the kernel's own words
 */
#pragma once

#include "probe.h"
#include "probe_watch.h"
#include "../../bpf/probe_event.h"
#include "probe.skel.h"

enum { SCAN_MS = 1000 };

struct probe {
	const struct probe_options *options;
	struct probe_sink sink;
	struct probe_bpf *bpf; /* the ring, the counters, `drop`; NULL: not available */
	struct bpf_link *drops;
	struct ring_buffer *ring;
	struct event *on_ring, *on_scan;
	struct kernel_facts kernel;
	struct list watches;
	struct places places; /* of the last scan */
	enum probe_level level;
	char why[160];
	uint32_t last_number;
	uint64_t home_netns, host_netns; /* inodes: our own, and that of the first process */
	int64_t wall_offset_ns;		 /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t measured_ns;		 /* when, monotonic */
	uint64_t polled_ns;		 /* wall clock */
	uint64_t nr_full;		 /* of the watches that have ended, too */
	struct probe_stats stats;
};

/* probe_ring.c: measures the distance between the kernel's clock and the wall clock. */
void ring_measure_clock(struct probe *p);

/* For ring_buffer__new(): one record. */
int ring_record(void *arg, void *data, size_t size);

/* probe_scan.c: looks for what is to be watched now, and ends what has gone. */
void scan_places(struct probe *p);
