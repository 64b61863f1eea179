/*
 * sink - where finished sessions go: stdout or a file. Lines are queued in a ring and written by a thread of the sink's
 * own, so that neither a slow reader of stdout nor a slow disk ever holds up the reading of dnstap. The thread writes
 * when SINK_WRITE_SIZE bytes have gathered or SINK_FLUSH_MS have passed.
 *
 * When the ring fills up, what matters least goes first: Succeeded is dropped from half full on, SampleLoss from three
 * quarters, Failed when there is no room at all; each is counted. A lossless sink (replay) waits instead.
 *
 * A write that fails is tried again (a full disk may be emptied) and nothing is torn; only a reader that has gone is
 * final.
 */
#pragma once

#include "session/cause.h"

enum {
	SINK_WRITE_SIZE = 256 * 1024,
	SINK_FLUSH_MS = 100,
	SINK_RETRY_MS = 500,
	SINK_DRAIN_S = 5, /* what a live sink has at the end, then the rest is dropped */
};

#define SINK_QUEUE_MAX_DEFAULT (64ULL << 20)

struct sink_stats {
	uint64_t nr_lines, nr_bytes; /* accepted */
	uint64_t nr_written_bytes;
	uint64_t nr_dropped[STATUSES];
	uint64_t nr_abandoned; /* accepted lines that could not be written in the end */
	uint64_t nr_write_errors;
	uint64_t queued_bytes;
	bool is_broken; /* the reader has gone */
};

struct sink;

/* `path` NULL or "-": stdout. NULL with errno set and the reason logged. */
struct sink *sink_open(const char *path, size_t queue_max, bool is_lossless);

/* Queues one line (with its newline), which is copied, or drops it by the policy above. False when it was dropped. */
bool sink_line(struct sink *s, enum status status, struct slice line);

/* Opens the file anew when what is queued has been written, as after its rotation. Nothing for stdout. */
void sink_reopen(struct sink *s);

void sink_stats(struct sink *s, struct sink_stats *out);

/*
 * Writes what is queued, waiting for a live sink's reader no longer than SINK_DRAIN_S, and frees the sink. *out, if not
 * NULL, gets the final counts. Returns 0, -EPIPE when the reader had gone, or -EIO when lines were abandoned.
 */
int sink_close(struct sink *s, struct sink_stats *out);
