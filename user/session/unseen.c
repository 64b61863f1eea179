#include "witness.h"

#include "wire/dns.h"

#define UNSEEN_FORWARD_NS (7 * NS_PER_S) /* of a forward call that gets no answer: 5 s, and its last attempt */

enum { TYPE_NS = 2, FLAG_TC = 0x0200 };

/* The server whose query it was. */
static struct server *server_of(const struct vantage *v, const struct sighting *q)
{
	for (unsigned i = 0; i < v->nr_listens; i++)
		if (v->listeners[i] && addr_eq(&v->listens[i], &q->responder))
			return v->listeners[i];
	return v->nr_servers ? v->servers[v->nr_servers - 1] : NULL;
}

static struct sighting *response_to(const struct engine *e, const struct sighting *q)
{
	struct wanted w = {
		.vantage = q->vantage,
		.querier = q->querier,
		.question_hash = q->question_hash,
		.id = q->id,
		.has_id = true,
		.from_ns = q->time_ns,
		.to_ns = UINT64_MAX,
		.is_response = true,
		.protocol = q->protocol,
	};

	return evidence_find_oldest(&e->evidence, &w);
}

static bool is_good(int32_t rcode)
{
	return rcode == DNS_RCODE_NOERROR || rcode == DNS_RCODE_NXDOMAIN;
}

static uint64_t zone_of(const struct engine *e, const struct sighting *q)
{
	return tapped_zone(&e->open.key, slice_of(q->question, q->question_len > 4 ? q->question_len - 4U : 0));
}

static bool may_be_untapped(const struct engine *e, const struct sighting *q, uint64_t zone)
{
	const struct sighting *r = response_to(e, q);

	return r && is_good(r->rcode) && zone_of(e, q) == zone &&
	       tapped_around(&q->vantage->tapped, q->time_ns, WITNESS_TAPPED_NS);
}

/* Found to be so by another question than this one; 0: by any. */
static bool is_known_untapped(const struct vantage *v, uint64_t zone, uint64_t not_question)
{
	for (unsigned i = 0; i < EVIDENCE_UNTAPPED; i++)
		if (v->untapped[i].zone == zone && v->untapped[i].question != not_question)
			return true;
	return false;
}

/*
 * A server block without `dnstap`: no frame of the zone was ever seen, another name of it was answered too, and queries
 * of other zones were shown just before and after both.
 */
static bool is_not_tapped(const struct engine *e, struct vantage *v, const struct sighting *q)
{
	uint64_t zone = zone_of(e, q);
	unsigned steps = 0;

	if (!q->question_hash || tapped_has_zone(&v->tapped, zone) || !may_be_untapped(e, q, zone))
		return false;
	if (is_known_untapped(v, zone, q->question_hash))
		return true;
	for (struct list *l = v->sightings.next; l != &v->sightings && steps < EVIDENCE_STEPS_MAX;
	     l = l->next, steps++) {
		const struct sighting *other = container_of(l, struct sighting, in_time);

		if (other->is_response || other->role == ROLE_UPSTREAM || other->claimant || !other->question_hash ||
		    other->question_hash == q->question_hash || !may_be_untapped(e, other, zone))
			continue;
		v->untapped[v->next_untapped].zone = zone;
		v->untapped[v->next_untapped].question = q->question_hash;
		v->next_untapped = (v->next_untapped + 1) % EVIDENCE_UNTAPPED;
		return true;
	}
	return false;
}

static struct session *session_new(struct engine *e, struct server *server, const struct sighting *q)
{
	struct session *s;

	while (!(s = open_new(&e->open, server, NULL)) && e->open.count)
		join_evict(e);
	if (!s)
		return NULL;
	e->stats.nr_opened++;
	e->stats.nr_unseen++;
	s->query_ns = q->time_ns;
	s->protocol = q->protocol;
	s->client = q->querier;
	s->has_client = s->is_clients = true;
	s->id = q->id;
	s->has_id = true;
	s->has_question = q->question_hash != 0;
	s->question_hash = q->question_hash;
	s->end = SESSION_UNSEEN;
	s->is_held = true;
	return s;
}

/*
 * Neither answered nor dropped, as far as is known, and not all is known: its response may be among the events that
 * were lost, and its frames with it. Nothing can be said; the bound on the loss counts it.
 */
static bool is_unknown(const struct vantage *v, const struct sighting *q, const struct sighting *r)
{
	return !r && !q->reason && !vantage_covers(v, q->time_ns, v->time_ns > q->time_ns ? v->time_ns : q->time_ns);
}

static void forget(struct engine *e, struct vantage *v, struct sighting *q, struct sighting *r, struct server *server)
{
	if (server) {
		server->kernel_events_lost++;
		e->stats.nr_unknown++;
	} else {
		v->nr_silent++;
		e->stats.nr_silent++;
	}
	if (r)
		evidence_remove(&e->evidence, r);
	evidence_remove(&e->evidence, q);
}

/* A query of which no frame came: BitMap 0. */
static void judge_query(struct engine *e, struct vantage *v, struct sighting *q)
{
	struct server *server = server_of(v, q);
	struct sighting *r = response_to(e, q);
	struct session *s;
	struct kernel_view *k;

	if (!server || is_unknown(v, q, r)) {
		forget(e, v, q, r, server);
		return;
	}
	s = session_new(e, server, q);
	k = s ? witness_view(e, s) : NULL;
	if (!k) {
		forget(e, v, q, r, server);
		if (s)
			join_discard(e, s);
		return;
	}
	s->is_not_tapped = is_not_tapped(e, v, q);
	s->before_stream = !server->first_cq_ns || q->time_ns < server->first_cq_ns;
	if (list_empty(&server->sources) && q->time_ns > server->ended_ns)
		s->end = SESSION_STREAM_ENDED;
	s->retransmit = witness_retransmit(e, q, join_needs_before(e, server, q));
	witness_take_query(e, s, k, q);
	if (r)
		witness_take_response(e, s, k, r);
	k->state = witness_state(e, v, k, s, v->time_ns);
	join_remember_need(e, s);
	join_finish(e, s);
}

/* Health checks of forward ask for NS, and are not tapped. */
static bool is_health_check(const struct sighting *q)
{
	return q->question_len > 4 && q->question[q->question_len - 4] == 0 &&
	       q->question[q->question_len - 3] == TYPE_NS;
}

/* An address is known to be CoreDNS's own from attempts that were shown, or as the packet goes out where CoreDNS lives.
 */
static bool is_coredns_asking(const struct vantage *v, const struct sighting *q)
{
	return vantage_is_own(v, &q->querier) || (v->is_inside && q->direction == PACKET_OUT);
}

static void count_lost(struct server *server, enum kind kind)
{
	server->kernel_lost[kind]++;
	server->kernel_expected[kind]++;
}

/* CoreDNS ended while it waited: FQ comes behind the attempt, and never was. */
static bool ended_during(const struct server *server, const struct sighting *q)
{
	return server->ended_ns >= q->time_ns && server->ended_ns - q->time_ns < UNSEEN_FORWARD_NS;
}

/*
 * CoreDNS asked an upstream, and no FQ told of it. Not everything is told: a UDP attempt that is repeated over TCP as
 * it was truncated, one on a connection that the upstream had closed, what a block without `dnstap` forwards.
 */
static void judge_exchange(struct engine *e, struct vantage *v, struct sighting *q)
{
	struct server *server = v->nr_servers ? v->servers[v->nr_servers - 1] : NULL;
	struct sighting *r = response_to(e, q);

	if (server && q->was_seen && is_coredns_asking(v, q) && !server->is_upstream_untold && server->first_cq_ns &&
	    q->time_ns >= server->first_cq_ns && !(list_empty(&server->sources) && q->time_ns > server->ended_ns) &&
	    q->question_hash && !is_health_check(q) && !is_known_untapped(v, zone_of(e, q), 0) &&
	    !(r && r->flags & FLAG_TC) && !(q->protocol == TAP_TCP && !r) && !(!r && ended_during(server, q))) {
		count_lost(server, KIND_FORWARDER_QUERY);
		if (r && r->is_wellformed && !r->reason && r->time_ns - q->time_ns < WITNESS_ATTEMPT_NS)
			count_lost(server, KIND_FORWARDER_RESPONSE);
	}
	if (r)
		evidence_remove(&e->evidence, r);
	evidence_remove(&e->evidence, q);
}

static void judge(struct engine *e, struct vantage *v, struct sighting *s)
{
	if (s->is_response)
		evidence_remove(&e->evidence, s);
	else if (s->role == ROLE_CLIENT || (s->role == ROLE_UNTOLD && vantage_listens_at(v, &s->responder)))
		judge_query(e, v, s);
	else
		judge_exchange(e, v, s);
}

void unseen_judge(struct engine *e, struct vantage *v, uint64_t ripe_ns)
{
	struct list *l = v->sightings.next;

	while (l != &v->sightings) {
		struct sighting *s = container_of(l, struct sighting, in_time);

		if (s->time_ns > ripe_ns)
			break;
		/* Judging may remove its response, or forget others: the list is gone through anew. */
		if (s->claimant) {
			l = l->next;
			continue;
		}
		judge(e, v, s);
		l = v->sightings.next;
	}
}
