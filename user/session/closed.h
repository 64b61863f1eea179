/*
 * closed - what is remembered of sessions that are closed, so that a late frame is not mistaken for a new session, and a repeated
 * query is known as one. A ring of small entries: when it is full the oldest is forgotten, which may split a session, never
 * misname one. A hash (keyed, 64 bit) stands for what it was made of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum closed_kind {
	CLOSED_QUERY,	   /* the key of CQ and CR */
	CLOSED_CALL,	   /* a forward call */
	CLOSED_NEED,	   /* client socket, id and question: for retransmissions */
	CLOSED_UNANSWERED, /* id and question of a query that expired: its first FQ may still come */
};

enum {
	CLOSED_ENTRIES_PER_SESSION = 3, /* query, need, and a call in some; measured 2.3 on the bench's mix */
};

struct closed_entry {
	uint64_t hash;
	uint64_t time_ns;	/* stream time of the close; CLOSED_NEED and CLOSED_UNANSWERED: query_time */
	uint32_t next_older;	/* index + 1 in the chain of its bucket */
	uint16_t id;
	uint16_t count;		/* CLOSED_NEED: how many sessions of this need there were */
	uint16_t given_by[2];	/* low bits of the numbers of the streams that gave query and response; 0: it did not come */
	uint8_t kind;
	bool has_id;
};

struct closed {
	struct closed_entry *entries;
	uint32_t *buckets; /* index + 1 of the newest entry, 0: none */
	size_t size;
	size_t mask;
	size_t next;   /* where the next entry goes */
	uint64_t nr_forgotten; /* entries that had to go while they could still have been asked for */
	uint64_t keep_ns;
};

/* Room for `sessions` sessions; an entry older than keep_ns is no loss. Returns 0 or -ENOMEM. */
int closed_init(struct closed *c, size_t sessions, uint64_t keep_ns);
void closed_release(struct closed *c);

/* Copies the entry in; its chain fields are set here. */
void closed_add(struct closed *c, const struct closed_entry *entry);

/*
 * The newest entry of that kind and hash whose id does not contradict (id < 0: unknown), NULL if there is none. Valid until
 * the next closed_add().
 */
const struct closed_entry *closed_find(const struct closed *c, enum closed_kind kind, uint64_t hash, int32_t id);
