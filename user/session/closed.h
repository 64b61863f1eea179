/*
 * closed - what is remembered of sessions that are closed, so that a late frame is not mistaken for a new session, and
 * a repeated query is known as one. A ring of small entries: when it is full the oldest is forgotten, which may split a
 * session, never misname one. A hash (keyed, 64 bit) stands for what it was made of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum closed_kind {
	CLOSED_QUERY = 1, /* the key of CQ and CR */
	CLOSED_CALL,	  /* a forward call */
	CLOSED_NEED,	  /* id and question: for retransmissions, and for a first FQ that comes behind its CR */
};

enum {
	CLOSED_ENTRIES_PER_SESSION = 3, /* query, need, and a call in some; 2.3 on the bench's mix */
};

struct closed_entry {
	uint64_t hash;	     /* keyed; the kind is mixed in */
	uint64_t time_ns;    /* QUERY, CALL: stream time of the close. NEED: query_time */
	uint32_t next_older; /* index + 1 in the chain of its bucket */
	union {
		struct {
			bool has_id;
			uint16_t id;
			uint16_t given_by[2]; /* low bits of the numbers of the streams that gave query and response; 0:
						 none */
		} frames;		      /* QUERY, CALL */
		struct {
			uint32_t client;    /* a hash of address and port */
			uint32_t window_us; /* after query_time, in which a first FQ may begin; 0: it had no response */
			uint16_t count;	    /* how many sessions of this need there were */
			uint16_t given_by;
		} need;
	};
};

_Static_assert(sizeof(struct closed_entry) == 32, "two to a cache line");

struct closed {
	struct closed_entry *entries;
	uint32_t *buckets; /* index + 1 of the newest entry, 0: none */
	size_t size;
	size_t mask;
	size_t next;	       /* where the next entry goes */
	uint64_t nr_forgotten; /* entries that had to go while they could still have been asked for */
	uint64_t keep_ns;
};

/* Room for `sessions` sessions; an entry older than keep_ns is no loss. Returns 0 or -ENOMEM. */
int closed_init(struct closed *c, size_t sessions, uint64_t keep_ns);
void closed_release(struct closed *c);

/* Copies the entry in; its chain fields are set here. */
void closed_add(struct closed *c, enum closed_kind kind, const struct closed_entry *entry);

/*
 * The newest entry of that kind and hash, and with closed_next() the one before it; NULL if there is none. Valid until
 * the next closed_add().
 */
struct closed_entry *closed_find(const struct closed *c, enum closed_kind kind, uint64_t hash);
struct closed_entry *closed_next(const struct closed *c, const struct closed_entry *entry);
