/*
 * open - the open sessions: their memory, their indexes, and the orders in which they grow old. One index for each way
 * in which a frame may find its session (contract, section 1):
 *
 *   by_query     server, client, protocol, query_time   CR to CQ, and CQ seen twice
 *   calls        server, start of the forward call      FQ/FR to a session that has some of the same call
 *   by_question  server, id, question                   FQ/FR to CQ
 *   by_id        server, id                             the same where the name was changed; FQ/FR groups to a CR
 * without CQ by_client    server, client                         FQ/FR to CQ where there are no ids
 */
#pragma once

#include "base/pool.h"
#include "server.h"
#include "session.h"

struct open_sessions {
	struct table by_query, by_question, by_id, by_client, calls;
	struct list lru; /* oldest first */
	struct pool pool;
	size_t count, max;
	struct hash_key key;
	uint64_t secret; /* for keys made of few bits, which need no more than an unknown order */
};

/* Buckets for `max` sessions; memory_max bounds sessions, attempts and messages together. Returns 0 or -ENOMEM. */
int open_init(struct open_sessions *o, size_t max, size_t memory_max, const struct hash_key *key);
void open_release(struct open_sessions *o);

/*
 * A session of that server, last active now on that stream, which is NULL for one that no frame belongs to. NULL when
 * the limit on sessions or memory is reached: close one (the first of o->lru) and call again.
 */
struct session *open_new(struct open_sessions *o, struct server *server, struct stream *stream);

/* No frame finds it any more, and no stream: its calls are forgotten. It keeps its place in o->lru. */
void open_unindex(struct open_sessions *o, struct session *s);

/* Takes it out of all indexes and lists, and frees it with all that it keeps. */
void open_free(struct open_sessions *o, struct session *s);

/* Puts the session into the indexes that its CQ allows / that FQ/FR without CQ allow. Its fields must be set. */
void open_index_query(struct open_sessions *o, struct session *s);
void open_index_group(struct open_sessions *o, struct session *s);

/* Last active now, on this stream. */
void open_touch(struct open_sessions *o, struct session *s, struct stream *stream);

/* Spreads the bits of a value that nobody outside knows (Stafford's variant 13 of the murmur finaliser). */
static inline uint64_t open_spread(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* The keys. */
uint64_t open_query_key(const struct open_sessions *o, const struct server *server, const struct event *e);
uint64_t open_question_key(const struct server *server, uint16_t id, uint64_t question_hash);
uint64_t open_id_key(const struct open_sessions *o, const struct server *server, uint16_t id);
uint64_t open_client_key(const struct open_sessions *o, const struct server *server, const struct addr *client);
uint64_t open_call_key(const struct open_sessions *o, const struct server *server, uint64_t query_ns);

/* Remembers that the session has frames of this forward call. False: no memory, or too many calls; it is then not found
 * by it. */
bool open_add_call(struct open_sessions *o, struct session *s, uint64_t query_ns);

/* A copy of the bytes; NULL without memory. Freed with its session, or by open_drop_message(). */
struct message *open_keep_message(struct open_sessions *o, struct slice bytes, uint64_t time_ns);
void open_drop_message(struct open_sessions *o, struct message *message);

/* A new last attempt of s, cleared; beyond the first and the last eight the oldest in the middle goes. NULL without
 * memory. */
struct attempt *open_add_attempt(struct open_sessions *o, struct session *s);

/* Moves calls and attempts of `from` to the end of those of `to`; `from` is left without. */
void open_move_attempts(struct open_sessions *o, struct session *from, struct session *to);
