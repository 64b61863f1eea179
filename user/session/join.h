/*
 * join - what the engine does with a frame: finds or makes its session, puts the frame in, closes the session when it
 * is complete. Internal to the engine: engine.c decides when, join.c how, link.c only where.
 */
#pragma once

#include "closed.h"
#include "evidence.h"
#include "engine.h"
#include "open.h"

enum {
	STREAM_BEHIND_MAX = 100, /* frames in a row that far behind mean that the sender's clock was set back */
};

#define JOIN_LATE_CALL_NS (45 * NS_PER_S) /* a TCP or DoT attempt may take 30 s and more */
#define JOIN_COPY_NS (5 * NS_PER_MS)	  /* between two taps of one message in one process; measured: microseconds */
#define JOIN_REFRESH_MARGIN_NS (100 * NS_PER_MS) /* behind the CR of the query that triggered it */
#define STREAM_LEAP_MAX_NS (3600 * NS_PER_S)
#define STREAM_FLUSH_MARGIN_NS (2 * NS_PER_S) /* on top of CoreDNS's flush every second */
#define JOIN_LOSS_SUSPECTED_NS (5 * NS_PER_S)
#define JOIN_OVERLAP_NS (1 * NS_PER_S) /* how long before its end a stream's successor may begin; measured: 3 ms */

struct engine {
	struct engine_limits limits;
	struct engine_callbacks callbacks;
	struct engine_stats stats;
	struct servers servers;
	struct open_sessions open;
	struct closed closed;
	struct arena arena;
	struct list streams;
	struct evidence evidence;
	struct watch *watch;
	struct vantage *packet_vantage; /* of the packet in hand */
	struct list held;		/* sessions waiting for their packets, oldest first */
	struct list suspects;		/* and those whose upstream exchange may turn out to be another's */
	uint64_t now_ns;		/* the latest arrival or tick; 0 in a replay */
	uint32_t last_stream;
};

/* Puts the frame where it belongs and counts it as joined, late, duplicate or malformed. */
void join_event(struct engine *e, struct source *source, const struct event *event);

/* CoreDNS up to 1.7.1: sets the query_ns that a response lacks from the query that it answers, if that is found. */
void join_find_time(struct engine *e, const struct source *source, struct event *event);

/* Classifies, counts, reports, remembers and frees the session. */
void join_close(struct engine *e, struct session *s, enum session_end end);

/* engine.c: how long a stream must be silent until what is open on it has nothing more to wait for. */
uint64_t engine_silence_ns(const struct engine *e, const struct stream *stream);

/* The second half of join_close(): for a session that was held. */
void join_finish(struct engine *e, struct session *s);

/* What is remembered of a query, so that its repetition is known as one. */
void join_remember_need(struct engine *e, const struct session *s);

/* How many sessions of that need there were before that time, within the session timeout: 0 for the first. */
uint16_t join_needs_before(const struct engine *e, const struct server *server, const struct sighting *q);

/* As if it had never been: its frames are foreign. */
void join_discard(struct engine *e, struct session *s);

/* The stream ends: its open sessions go to the server's next stream, or wait for one as orphans. */
void join_hand_over(struct engine *e, struct stream *stream, uint64_t now_ns);

/* A stream of the orphans' server has come: it takes them, or they are closed if it has come too late. */
void join_adopt_orphans(struct engine *e, struct source *source);

/* --- what join.c and forward.c share */

/* FQ or FR: forward.c. */
void join_forwarder(struct engine *e, struct source *source, const struct event *event);

/* Closes the session that has been without a message for longest. There must be one. */
void join_evict(struct engine *e);

/* A new session for that frame, older ones making room; NULL only when not even an empty table leaves memory for it. */
struct session *join_new(struct engine *e, struct source *source, const struct event *event);

/* A copy of the bytes for s, which must be the last touched: older sessions make room. NULL without memory, which is
 * counted. */
struct message *join_keep(struct engine *e, const struct session *s, struct slice bytes, uint64_t time_ns);

/* Bookkeeping that every joined frame needs. */
void join_count(struct engine *e, struct session *s, struct source *source, const struct event *event);

/*
 * A frame of a closed session: late, or a duplicate where another connection gave that kind (given_by, see closed.h). A
 * kind that the session lacks is late.
 */
void join_count_late(struct engine *e, struct source *source, const struct event *event, uint16_t given_by);

/* Stands for a client's socket in closed_entry.need. */
uint32_t join_socket_tag(const struct engine *e, const struct server *server, const struct addr *client,
			 uint8_t protocol);

/* A kind that the session already has, from another connection: two `dnstap` lines point here. */
bool join_is_duplicate(const struct session *s, const struct source *source, enum kind kind);

/* The closed session of that key (CLOSED_QUERY, CLOSED_CALL): none where ids contradict, or where it closed too long
 * ago. */
struct closed_entry *join_find_closed(const struct engine *e, const struct source *source, enum closed_kind kind,
				      uint64_t key, const struct event *event);
