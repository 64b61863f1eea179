/*
 * engine - dnstap frames in, finished and classified sessions out. The daemon, replay, the tests, the fuzzers and the
 * benchmark drive the same engine. It does no I/O and reads no clock: arrival times are parameters (wall clock, ns
 * since 1970). It has no globals: several engines may run side by side, each in one thread.
 *
 * Stream time, the largest timestamp seen on a stream, closes sessions; so a recording gives what the live run gave.
 * Only a stream that has fallen silent is closed by the wall clock, in engine_tick().
 */
#pragma once

#include "classify.h"
#include "server.h"
#include "vantage.h"
#include "wire/packet.h"

enum {
	ENGINE_SESSIONS_MAX_DEFAULT = 100000,
	ENGINE_CLOSED_MAX_DEFAULT = 262144,
	ENGINE_SERVERS_MAX_DEFAULT = 1024,
	ENGINE_SIGHTINGS_MAX_DEFAULT = 262144,
	ENGINE_VANTAGES_MAX_DEFAULT = 256,
};

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define ENGINE_MEMORY_MAX_DEFAULT (256ULL << 20)
#define ENGINE_SESSION_TIMEOUT_NS_DEFAULT (10 * NS_PER_S)
#define ENGINE_IDLE_TIMEOUT_NS_DEFAULT (60 * NS_PER_S)

struct engine_limits {
	size_t sessions_max;	     /* open at once; when full the one without a message for longest is closed:
					analyser_overload */
	size_t memory_max;	     /* bytes for open sessions and their messages; the same policy */
	size_t closed_max;	     /* closed sessions remembered for late frames; when full the oldest is forgotten */
	size_t sightings_max;	     /* DNS messages seen as packets that wait for their session; when full the oldest
					is forgotten */
	size_t tcp_connections_max;  /* TCP connections put together; when full the one silent for longest is forgotten
				      */
	size_t vantages_max;	     /* places where packets are seen; further ones are refused */
	size_t servers_max;	     /* servers told apart; when full see servers_source() */
	uint64_t session_timeout_ns; /* of stream time without a message */
	uint64_t idle_timeout_ns; /* wall clock: of a stream that may hold frames back (1.9.1 to 1.13.1, or no version)
				   */
};

/* All the defaults. */
struct engine_limits engine_limits_default(void);

enum malformed_reason {
	MALFORMED_BAD_PROTOBUF,
	MALFORMED_TOO_COMPLEX,
	MALFORMED_NO_MESSAGE,
	MALFORMED_BAD_TIME,
	MALFORMED_NO_TIME, /* a frame without the query_time that CoreDNS always writes */
	MALFORMED_NO_MEMORY,
	MALFORMED_REASONS,
};

const char *malformed_reason_name(enum malformed_reason reason);

/*
 * Exact at every moment between two calls:
 *   nr_frames = nr_joined + nr_late + nr_duplicate + nr_foreign + the sum of nr_malformed
 *   nr_opened = nr_closed + nr_open
 * Two groups of frames that turn out to be one session count as one opened session from then on; frames of a session
 * that is discarded because its stream turns out not to be CoreDNS's move from joined to foreign.
 */
struct engine_stats {
	uint64_t nr_frames, nr_bytes;
	uint64_t nr_joined, nr_late, nr_duplicate, nr_foreign;
	uint64_t nr_malformed[MALFORMED_REASONS];
	uint64_t nr_opened, nr_closed, nr_open;
	uint64_t nr_evicted;	     /* sessions closed early by a limit */
	uint64_t nr_forgotten;	     /* remembered closed sessions' entries forgotten early */
	uint64_t nr_message_dropped; /* DNS messages not kept for want of memory: their session says null */
	uint64_t nr_server_overflow; /* frames of servers beyond servers_max */
	uint64_t nr_clock_ahead;     /* frames too far ahead of their arrival: they did not move stream time */
	uint64_t nr_clock_restarted; /* times that stream time was set back */
	uint64_t nr_foreign_streams; /* sources found not to be CoreDNS */
	uint64_t nr_old_streams;     /* sources found to be CoreDNS before 1.8.2 */
	/* Packets, where there is a vantage. */
	uint64_t nr_packets;
	uint64_t nr_packets_repeated;	 /* the same one on another interface */
	uint64_t nr_packets_passing;	 /* of nobody watched: passed on, or to another server in the same namespace */
	uint64_t nr_packets_dropped;	 /* for want of memory */
	uint64_t nr_drops_unmatched;	 /* drops of packets that were no longer, or never, known */
	uint64_t nr_sightings;		 /* DNS messages that wait for their session now */
	uint64_t nr_sightings_forgotten; /* because of sightings_max */
	uint64_t nr_tcp_forgotten;	 /* connections that had to go because of tcp_connections_max */
	uint64_t nr_tcp_gaps;		 /* bytes of connections that were never seen */
	uint64_t nr_unseen;		 /* sessions of the kernel alone */
	uint64_t nr_unknown;		 /* client queries of which too little is known, as events were lost: no line */
	uint64_t nr_silent;		 /* client queries at servers that have never sent a frame: no line */
	uint64_t nr_vantages, nr_vantages_refused;
	uint64_t nr_silent_servers; /* vantages whose server has never sent a frame */
	uint64_t by_status[STATUSES];
	uint64_t by_bitmap[16];
	uint64_t by_cause[CAUSES];
};

enum engine_notice {
	ENGINE_NOTICE_FOREIGN,	   /* this stream's server is not CoreDNS: its frames are counted and ignored */
	ENGINE_NOTICE_OLD_RELEASE, /* CoreDNS before 1.8.2: no loss is concluded */
};

struct engine_callbacks {
	/* Once for each closed session. Session and verdict are valid during the call only. */
	void (*on_session)(void *arg, const struct session *s, const struct verdict *v);
	/* Once for each source and notice; may be NULL. */
	void (*on_notice)(void *arg, enum engine_notice notice, const struct source *source);
	/* Before a frame is joined, where there is a vantage: hand over the packets up to that time. May be NULL. */
	void (*on_want_packets)(void *arg, uint64_t until_ns);
	void *arg;
};

struct engine;

/* NULL with errno set when there is no memory or no randomness. Tables are allocated here, for the limits given. */
struct engine *engine_new(const struct engine_limits *limits, const struct engine_callbacks *callbacks);

/* Frees everything; open sessions are discarded without a word: call engine_drain() before. */
void engine_free(struct engine *e);

/*
 * A new stream. `peer` is the producer's address, which names servers without identity; NULL for none. `is_live`: a
 * connection; else a file, in which nothing is a duplicate and no clock is doubted. NULL without memory. Ended by
 * engine_stream_end().
 */
struct stream *engine_stream_new(struct engine *e, const struct addr *peer, bool is_live);

/* One dnstap frame of that stream. arrived_ns: wall clock, 0 in a replay. The bytes are not needed afterwards. */
void engine_frame(struct engine *e, struct stream *stream, struct slice frame, uint64_t arrived_ns);

/*
 * A place where packets are seen, from now on; configuration is copied. NULL without memory, or when there are
 * vantages_max of them. Ended by engine_vantage_end(), which frees it once its packets have been judged.
 */
struct vantage *engine_vantage_new(struct engine *e, const struct vantage_config *config);
void engine_vantage_end(struct engine *e, struct vantage *v, uint64_t now_ns);

/* One packet seen there, or dropped, in the order of their times. The bytes are not needed afterwards. */
void engine_packet(struct engine *e, struct vantage *v, const struct packet *p);

/* Between these times `nr` packets were seen that could not be handed over: what is missing there proves nothing. */
void engine_packets_lost(struct engine *e, uint64_t from_ns, uint64_t to_ns, uint64_t nr);

/* STOP, close or end of file: frees the stream. Its open sessions wait for a successor for the session timeout. */
void engine_stream_end(struct engine *e, struct stream *stream, uint64_t now_ns);

/* Closes sessions of silent streams, and those that waited for a successor in vain. Call about once a second, live
 * only. */
void engine_tick(struct engine *e, uint64_t now_ns);

/* Closes all open sessions, as their streams have ended. */
void engine_drain(struct engine *e);

const struct engine_stats *engine_stats(struct engine *e);

/* The servers seen, oldest first: call with NULL for the first. Valid until the next engine_frame(). */
const struct server *engine_next_server(const struct engine *e, const struct server *before);

/* What the limits may cost at most, in bytes: tables at once, the rest as it is needed. Without packets, and for these.
 */
uint64_t engine_memory_bound(const struct engine_limits *limits);
uint64_t engine_packet_memory_bound(const struct engine_limits *limits);
