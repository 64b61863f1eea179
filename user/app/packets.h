/*
 * packets - the capture of `replay --pcap`: hands its packets to the engine as the frames need them, so that both are
 * taken in the order of their times.
 */
#pragma once

#include "io/capture.h"
#include "session/engine.h"

struct packets {
	struct engine *engine;
	struct vantage *vantage;
	struct capture *capture;
	const char *path;
	struct packet next; /* read, and not yet handed over */
	bool has_next;
	bool has_failed; /* the file is damaged: what came before stands */
};

/* Returns 0, or -ENOENT with the reason logged. The engine must outlive it. */
int packets_open(struct packets *p, const char *path, struct engine *engine);

/* For engine_callbacks.on_want_packets, where arg leads to it: hands over all up to that time, included. */
void packets_until(struct packets *p, uint64_t until_ns);

/* Hands over the rest and ends the vantage. Returns 0, or -EIO where the file was damaged. */
int packets_finish(struct packets *p);

/* After the engine has been drained. */
void packets_close(struct packets *p);
