/*
 * producer - connections that send dnstap. Each is a Frame Streams handshake and then one stream of the engine. What a
 * producer sends is read as fast as it comes, in pieces of PRODUCER_READ_SIZE, and never waits for output.
 *
 * Bounds: connections (further ones are closed at once), the size of a frame, the time for the handshake. Silence after
 * START is allowed; a dead peer is found by TCP keepalive.
 */
#pragma once

#include <event2/event.h>

#include "session/engine.h"
#include "wire/frame.h"

enum {
	PRODUCERS_MAX_DEFAULT = 1024,
	PRODUCER_READ_SIZE = 256 * 1024,
	PRODUCER_HANDSHAKE_S = 10,
	PRODUCER_KEEPALIVE_S = 60,
};

/* Why a connection ended: the word in the log. */
enum producer_end {
	PRODUCER_FINISHED,   /* STOP came; FINISH was sent where it is due */
	PRODUCER_CLOSED,     /* the peer closed without STOP */
	PRODUCER_READ_ERROR, /* reset, keepalive, ... */
	PRODUCER_BAD_FRAME,  /* not Frame Streams, wrong content type, a frame too large */
	PRODUCER_HANDSHAKE_TIMEOUT,
	PRODUCER_REFUSED,  /* the limit on connections was reached */
	PRODUCER_SHUTDOWN, /* we end */
	PRODUCER_ENDS,
};

const char *producer_end_name(enum producer_end end);

struct producers_stats {
	uint64_t nr_opened; /* handshakes begun */
	uint64_t nr_ended[PRODUCER_ENDS];
	uint64_t nr_bad_frames[FRAME_OUT_OF_ORDER + 1]; /* by enum frame_error */
	uint64_t nr_torn_bytes;				/* of frames whose end never came */
};

struct producers;

/* `base` and `engine` are the caller's and must outlive this. NULL with errno set without memory. */
struct producers *producers_new(struct event_base *base, struct engine *engine, unsigned max, uint32_t frame_max);

/* Ends all connections and their streams. */
void producers_free(struct producers *ps);

/* Called when a producer that the owner dialled has ended. has_started: its handshake was finished. */
typedef void (*producer_end_fn)(void *arg, enum producer_end end, bool has_started);

/*
 * Takes over a connected non-blocking socket: closes it also on failure. `peer`: its address, NULL for a unix socket;
 * `name`: for the log, copied. on_end may be NULL. False when it was refused.
 */
bool producers_add(struct producers *ps, int fd, const struct addr *peer, const char *name, producer_end_fn on_end,
		   void *arg);

unsigned producers_count(const struct producers *ps);
const struct producers_stats *producers_stats(const struct producers *ps);
