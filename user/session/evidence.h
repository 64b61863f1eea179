/*
 * evidence - the DNS messages that were seen as packets and that no session has claimed yet, and the vantages where
 * they were seen. A store with an index for each way in which they are asked for; what a message proves is witness.c's
 * to say.
 *
 * Bounded: when it is full the oldest sighting is forgotten, and its vantage is from then to now without full evidence.
 */
#pragma once

#include "base/list.h"
#include "base/pool.h"
#include "base/table.h"
#include "open.h"
#include "tapped.h"
#include "vantage.h"
#include "watch.h"

enum {
	EVIDENCE_STEPS_MAX = 256, /* of a chain that is looked through */
	EVIDENCE_GAPS = 32,	  /* spans of lost events remembered for each vantage; older ones are run together */
	EVIDENCE_UNTAPPED = 16,	  /* zones without `dnstap` that are remembered */
	EVIDENCE_SERVERS = 8,	  /* of a vantage: more only in a capture of many */
};

/* Who sent a query, as far as the packet alone tells. */
enum sighting_role {
	ROLE_CLIENT,   /* to an address where CoreDNS listens */
	ROLE_UPSTREAM, /* by CoreDNS to one of its upstreams */
	ROLE_UNTOLD,   /* in a capture: who claims it says it */
};

struct sighting {
	struct table_node by_exchange; /* vantage, querier, protocol, id, query or response */
	struct table_node by_querier;  /* vantage, querier, protocol, query or response */
	struct table_node by_question; /* queries: vantage, question */
	struct list in_time;	       /* of its vantage, oldest first */
	struct vantage *vantage;
	struct session *claimant; /* it stays until that session is finished; NULL: unclaimed */
	uint64_t time_ns;
	uint64_t question_hash; /* 0: none, or not captured */
	struct addr querier, responder;
	uint32_t interface;
	int32_t rcode;
	uint16_t id, flags;
	uint8_t protocol, direction;
	enum sighting_role role;
	bool is_response;
	bool was_seen;	    /* on an interface; false: all that is known is that it was dropped */
	bool is_wellformed; /* what was captured of it could be read */
	bool is_reset;	    /* TCP: the querier, or CoreDNS, has reset the connection since */
	bool reset_by_querier;
	const char *icmp;   /* an ICMP error came back for it: its name; NULL: none */
	const char *reason; /* it was dropped; NULL: not that it is known */
	uint64_t dropped_ns;
	uint16_t question_len; /* qname, qtype, qclass */
	uint8_t question[];
};

struct gap {
	uint64_t from_ns, to_ns;
};

struct vantage {
	struct list on_engine;
	struct list sightings; /* oldest first */
	uint32_t number;       /* stands for it in keys; never used twice */
	bool is_capture, hides_upstreams;
	bool is_inside;		     /* a capture taken in CoreDNS's own namespace: its responses go out there */
	uint64_t began_ns, ended_ns; /* ended 0: still watching */
	uint64_t time_ns;	     /* of the newest packet */
	struct slice hostname;	     /* allocated */
	struct addr addresses[VANTAGE_ADDRESSES_MAX];
	unsigned nr_addresses;
	/* Where CoreDNS is asked: given, or in a capture learnt from what its sessions claim; and whose sessions did.
	 */
	struct addr listens[VANTAGE_LISTENS_MAX];
	struct server *listeners[VANTAGE_LISTENS_MAX];
	unsigned nr_listens;
	/* Addresses from which CoreDNS asks its upstreams, learnt. */
	struct addr own[VANTAGE_LISTENS_MAX];
	unsigned nr_own;
	struct server *servers[EVIDENCE_SERVERS]; /* that have spoken, the latest last */
	unsigned nr_servers;
	struct gap gaps[EVIDENCE_GAPS];
	unsigned nr_gaps;
	struct tapped tapped; /* by any of its servers */
	struct {
		uint64_t zone, question;
	} untapped[EVIDENCE_UNTAPPED]; /* the last zones found to be without `dnstap`, and a question of each */
	unsigned next_untapped;
	uint64_t nr_lost;   /* packets nobody knows of, before any server had spoken */
	uint64_t nr_silent; /* client queries judged while no server had spoken: no line was written */
};

struct evidence {
	struct table by_exchange, by_querier, by_question;
	struct pool pool;
	struct list vantages;
	size_t count, max;
	uint32_t last_vantage;
	uint64_t secret;
	struct hash_key key;
	uint64_t nr_forgotten;
};

/* Returns 0 or -ENOMEM. */
int evidence_init(struct evidence *ev, size_t max, const struct hash_key *key);
void evidence_release(struct evidence *ev);

/* NULL without memory. Freed, with its sightings, by vantage_free(). */
struct vantage *vantage_new(struct evidence *ev, const struct vantage_config *config);
void vantage_free(struct evidence *ev, struct vantage *v);

/* True where CoreDNS is known to be asked at that address. */
bool vantage_listens_at(const struct vantage *v, const struct addr *at);

/* Each is remembered once; beyond the bound it is not. */
void vantage_learn_listen(struct vantage *v, const struct addr *at, struct server *server);
void vantage_learn_own(struct vantage *v, const struct addr *at);
bool vantage_is_own(const struct vantage *v, const struct addr *at);

/* Nothing is proven for what overlaps this. */
void vantage_add_gap(struct vantage *v, uint64_t from_ns, uint64_t to_ns);

/* All packets between these times were seen. */
bool vantage_covers(const struct vantage *v, uint64_t from_ns, uint64_t to_ns);

/* A new sighting, the newest of its vantage; the oldest of all may go for it. NULL without memory. */
struct sighting *evidence_add(struct evidence *ev, struct vantage *v, const struct dns_sighting *m,
			      enum sighting_role role);

/* It has been judged. Its claimant's view points to it no longer. */
void evidence_remove(struct evidence *ev, struct sighting *s);

/*
 * What is asked for: queries or responses of that querier, with that id and question where they are known. Walk with
 * evidence_first(), evidence_next(): newest first, EVIDENCE_STEPS_MAX at most.
 */
struct wanted {
	const struct vantage *vantage;
	struct addr querier;	 /* len 0: any, by question alone (queries only) */
	struct addr responder;	 /* len 0: any */
	uint64_t question_hash;	 /* 0: any */
	uint64_t from_ns, to_ns; /* both included */
	uint16_t id;
	bool has_id;
	bool is_response;
	bool or_claimed;  /* else only what nobody has claimed */
	uint8_t protocol; /* TAP_PROTOCOL_NONE: any, by question alone */
};

/* A sighting with `at` NULL: the newest that fits; else the next older one that fits. */
struct sighting *evidence_find(const struct evidence *ev, const struct wanted *w, const struct sighting *at);

/* The oldest that fits. */
struct sighting *evidence_find_oldest(const struct evidence *ev, const struct wanted *w);
