/*
 * server - the CoreDNS pods that speak, by identity, or by the peer's address where the stream has none (up to 1.9.3);
 * and the streams (connections, files) on which they do. A source is one server on one stream: whether that pair is
 * CoreDNS at all, and since when, is told for each alone, so that a stranger cannot spoil another's stream by using its
 * name.
 */
#pragma once

#include "base/list.h"
#include "base/pool.h"
#include "base/table.h"
#include "event.h"

enum {
	SERVER_NAME_MAX = 255, /* a longer identity is cut off */
	SERVER_VERSION_MAX = 63,
	SERVER_VANTAGES_MAX = 8,
	SERVER_UPSTREAMS_MAX = 64, /* upstreams remembered as asked over UDP; more than anyone configures */
};

struct vantage;

struct server {
	struct table_node node;
	struct list lru;	   /* of the engine's servers, by last new source */
	struct list sources;	   /* newest last */
	struct list orphans;	   /* sessions whose stream has ended, waiting for a successor */
	uint32_t orphans_stream;   /* the number of the stream that the last of them lost */
	uint64_t orphans_time_ns;  /* stream time at which the last of them lost its stream */
	uint64_t orphans_until_ns; /* arrival time at which waiting ends; 0 in a replay */
	struct release release;
	uint32_t number;  /* stands for the server in keys; never used twice */
	uint32_t nr_open; /* sessions */
	bool has_identity;
	uint8_t name_len, version_len, nr_upstreams, next_upstream;
	uint8_t name[SERVER_NAME_MAX]; /* identity, or the peer's address as text */
	uint8_t version[SERVER_VERSION_MAX];
	struct addr upstreams_udp[SERVER_UPSTREAMS_MAX];
	uint64_t others_until_ns; /* stream time until which frames of a stream that has ended may still come again */
	uint64_t lost_ns;	  /* stream time at which a loss was last proven; 0: never */
	uint64_t nr_received[KINDS]; /* frames joined, late ones too */
	uint64_t nr_lost[KINDS];     /* proven by the structure of its sessions */
	/* Where its packets are watched, since then: messages that must have existed, those of them that did not come,
	 * and how many packets nobody knows of. */
	uint64_t kernel_expected[KINDS], kernel_lost[KINDS];
	uint64_t kernel_events_lost;
	uint64_t kernel_since_ns; /* wall clock; 0: never watched */
	struct vantage *vantages[SERVER_VANTAGES_MAX];
	uint8_t nr_vantages;
	bool is_upstream_untold; /* its FQ name neither question nor socket: packets to upstreams cannot be told apart
				  */
	uint64_t first_cq_ns;	 /* of all its streams; 0: none yet */
	uint64_t ended_ns;	 /* stream time at which its last stream ended */
};

struct stream {
	struct list on_engine;
	struct list sessions; /* by last activity on this stream's clock */
	struct list sources;
	struct source *last; /* that of the last frame */
	struct addr peer;
	uint32_t number;     /* 1, 2, ... in the order of their opening */
	bool is_live;	     /* a connection; else a file */
	uint32_t nr_behind;  /* frames in a row far behind stream time */
	uint64_t time_ns;    /* the largest timestamp seen */
	uint64_t first_ns;   /* the first one */
	int64_t clock_ns;    /* time passed on this stream: like time_ns, but not thrown back by a clock that is set */
	uint64_t arrived_ns; /* wall clock of its last frame */
};

struct source {
	struct list on_server, on_stream;
	struct server *server;
	struct stream *stream;
	uint64_t first_cq_ns; /* query_time of the first CQ seen; 0: none yet */
	uint64_t last_cq_ns;  /* query_time of the last one */
	bool is_foreign;      /* not CoreDNS: no sessions are made */
	bool forwards_first;  /* CoreDNS before 1.8.2: FQ stands before CQ */
};

struct servers {
	struct table table;
	struct list lru;
	size_t count, max;
	uint32_t last_number;
	struct hash_key key;
	uint64_t nr_overflow; /* frames of servers for which there was no room: they share one without a name */
};

/* Returns 0 or -ENOMEM. */
int servers_init(struct servers *ss, size_t max, const struct hash_key *key);
void servers_release(struct servers *ss);

/*
 * The source for a frame with this identity and version on this stream, made if it is new; NULL when there is no
 * memory. When all places are taken, the server that has been without streams and sessions for longest is forgotten; if
 * there is none, the frame's server is one without a name that all such frames share. *is_new: it was made now.
 */
struct source *servers_source(struct servers *ss, struct stream *stream, struct slice identity, struct slice version,
			      bool *is_new);

/* The servers, oldest first: NULL for the first. */
struct server *servers_next(const struct servers *ss, const struct server *before);

/* Takes a source apart from its server and stream, and frees it. */
void source_free(struct source *source);

/* True if the server has asked this upstream over UDP before; remembers it if this is UDP. */
bool server_asked_over_udp(struct server *server, const struct addr *upstream, uint8_t protocol);

/* "coredns-7d56l", or the peer's address; len 0 for a nameless one. */
static inline struct slice server_name(const struct server *s)
{
	return slice_of(s->name, s->name_len);
}

static inline struct slice server_version(const struct server *s)
{
	return slice_of(s->version, s->version_len);
}
