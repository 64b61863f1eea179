/*
 * join - what the engine does with a frame: finds or makes its session, puts the frame in, closes the session when it is
 * complete. Internal to the engine: engine.c decides when, join.c how, link.c only where.
 */
#pragma once

#include "closed.h"
#include "engine.h"
#include "open.h"

enum {
	STREAM_BEHIND_MAX = 100, /* frames in a row that far behind mean that the sender's clock was set back */
};

#define JOIN_LATE_CALL_NS (45 * NS_PER_S)	/* a TCP or DoT attempt may take 30 s and more */
#define STREAM_FLUSH_MARGIN_NS (2 * NS_PER_S)	/* on top of CoreDNS's flush every second */
#define JOIN_LOSS_SUSPECTED_NS ((int64_t)(5 * NS_PER_S))

struct engine {
	struct engine_limits limits;
	struct engine_callbacks callbacks;
	struct engine_stats stats;
	struct servers servers;
	struct open_sessions open;
	struct closed closed;
	struct arena arena;
	struct list streams;
	uint32_t last_stream;
};

/* Puts the frame where it belongs and counts it as joined, late, duplicate or malformed. */
void join_event(struct engine *e, struct source *source, const struct event *event);

/* CoreDNS up to 1.7.1: sets the query_ns that a response lacks from the query that it answers, if that is found. */
void join_find_time(struct engine *e, const struct source *source, struct event *event);

/* Classifies, counts, reports, remembers and frees the session. */
void join_close(struct engine *e, struct session *s, enum session_end end);

/* As if it had never been: its frames are foreign. */
void join_discard(struct engine *e, struct session *s);

/* The stream ends: its open sessions go to the server's next stream, or wait for one as orphans. */
void join_hand_over(struct engine *e, struct stream *stream, uint64_t now_ns);

/* A stream of the orphans' server has come: it takes them, or they are closed if it has come too late. */
void join_adopt_orphans(struct engine *e, struct source *source);
