/*
 * witness - what the packets say of a session, asked when it ends: did the query reach CoreDNS, did a response leave,
 * was either dropped. Internal to the engine. Its parts:
 *
 *   sight.c    packets become evidence: what each message is to CoreDNS, drops, ICMP errors, resets
 *   witness.c  sessions claim theirs
 *   exchange.c attempts claim theirs: queries to upstreams and what came back
 *   hold.c     a session waits for a response that is still to come
 *   unseen.c   what nobody claims: queries of which no frame came, upstream exchanges that dnstap does not show
 *   places.c   vantages come and go; which server speaks from which
 */
#pragma once

#include "evidence.h"
#include "join.h"
#include "tapped.h"

#define WITNESS_MARGIN_NS (1 * NS_PER_MS)  /* between a packet's time and that of the frame that tells of it */
#define WITNESS_HOLD_NS (1 * NS_PER_S)	   /* for a response behind its CLIENT_RESPONSE: 1.15.0 taps before it sends */
#define WITNESS_SETTLE_NS (20 * NS_PER_MS) /* for a drop behind the response: it is made in the same moment */
#define WITNESS_ATTEMPT_NS (1900 * NS_PER_MS) /* a response sooner than that was in time for its attempt (2 s) */
#define WITNESS_TAPPED_NS (1 * NS_PER_S)

/* Returns 0 or -ENOMEM. */
int witness_init(struct engine *e);
void witness_release(struct engine *e);

/* A server has spoken on a stream it had not spoken on: which vantages are its own? */
void witness_attach(struct engine *e, struct source *source);

/* The same for a server of which that is not known, by a query that it shows. */
void witness_recognise(struct engine *e, struct source *source, const struct event *event);

/* A frame is about to be joined: the packets up to that time. */
void witness_want(struct engine *e, uint64_t until_ns);

/* A CLIENT_QUERY has been joined: claims its packet, so that what is unclaimed was shown by no frame. */
void witness_query(struct engine *e, struct session *s, const struct event *event);

/* An FQ, or an FR without FQ, has been joined: claims the packets of its attempt. */
void witness_attempt(struct engine *e, struct session *s, struct attempt *a, const struct event *event);

/* At the session's end: what its attempts have not found yet. */
void witness_attempts(struct engine *e, struct session *s);

/*
 * The session is over as far as dnstap goes: claims its packets. True if it must wait for more of them: it then is out
 * of all indexes, in the list of those that are held, and is finished by witness_settle().
 */
bool witness_hold(struct engine *e, struct session *s);

/* The session is about to be classified: what became of its messages meanwhile. They leave the evidence. */
void witness_finish(struct engine *e, struct session *s);

/* Finishes sessions that are held, judges evidence that nobody will claim. now_ns: wall clock, 0 in a replay. */
void witness_settle(struct engine *e, uint64_t now_ns);

/* The same for all that is left, as everything has ended. */
void witness_drain(struct engine *e);

/* --- between the parts */

/* witness.c: from the vantage that has most to say. May be called again while the session is held. */
void witness_claim(struct engine *e, struct session *s);

/* places.c: at how many of them no server has ever spoken. */
uint64_t vantages_silent(const struct engine *e);

/* places.c: judges what is so old that no frame of it will come, and frees vantages that have ended. */
void vantages_judge(struct engine *e);

/* unseen.c: judges what is older than ripe_ns, UINT64_MAX for everything. */
void unseen_judge(struct engine *e, struct vantage *v, uint64_t ripe_ns);

/* What a message is to CoreDNS; false: nothing, its packet only passes. */
bool sight_role(const struct vantage *v, const struct dns_sighting *m, enum sighting_role *role);

/* The name of an ICMP error, "port_unreachable"; a constant. */
const char *sight_icmp_name(const struct packet *p);

/* A session's view, made if it has none; NULL without memory. */
struct kernel_view *witness_view(struct engine *e, struct session *s);

/* Claims the message and puts what it says into the view. */
void witness_take_query(struct engine *e, struct session *s, struct kernel_view *k, struct sighting *q);
void witness_take_response(struct engine *e, struct session *s, struct kernel_view *k, struct sighting *r);

/* n for a query that repeats others that nobody has claimed; before: how many sessions of the need there were. */
uint16_t witness_retransmit(const struct engine *e, const struct sighting *q, uint16_t before);

/* Whether all of it was watched. */
enum kernel_state witness_state(const struct engine *e, const struct vantage *v, const struct kernel_view *k,
				const struct session *s, uint64_t until_ns);
