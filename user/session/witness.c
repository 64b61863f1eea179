#include "witness.h"

void witness_want(struct engine *e, uint64_t until_ns)
{
	if (!list_empty(&e->evidence.vantages) && e->callbacks.on_want_packets)
		e->callbacks.on_want_packets(e->callbacks.arg, until_ns + WITNESS_MARGIN_NS);
}

struct kernel_view *witness_view(struct engine *e, struct session *s)
{
	if (s->kernel)
		return s->kernel;
	s->kernel = pool_alloc(&e->open.pool, sizeof(*s->kernel));
	if (s->kernel)
		*s->kernel = (struct kernel_view){ .state = KERNEL_NONE, .rcode = RCODE_UNKNOWN };
	return s->kernel;
}

static void take_drop(struct kernel_view *k, const struct sighting *s)
{
	if (!s->reason || k->nr_drops == KERNEL_DROPS_MAX)
		return;
	k->drops[k->nr_drops++] = (struct kernel_drop){ s->is_response, s->reason, s->dropped_ns };
	if (s->is_response)
		k->response_dropped = true;
	else
		k->query_dropped = true;
}

static void take_question(struct engine *e, struct session *s, struct kernel_view *k, const struct sighting *from)
{
	if (!k->question && from->question_len)
		k->question = open_keep_message(&e->open, slice_of(from->question, from->question_len), 0);
	if (s->has_id)
		return;
	s->has_id = true;
	s->id = from->id;
	s->has_question = from->question_hash != 0;
	s->question_hash = from->question_hash;
}

void witness_take_query(struct engine *e, struct session *s, struct kernel_view *k, struct sighting *q)
{
	q->claimant = s;
	k->query = q;
	k->vantage = q->vantage;
	k->has_query = q->was_seen;
	k->query_ns = q->time_ns;
	k->responder = q->responder;
	take_question(e, s, k, q);
}

void witness_take_response(struct engine *e, struct session *s, struct kernel_view *k, struct sighting *r)
{
	r->claimant = s;
	/* Elsewhere, on a node, they come in first. */
	if (r->direction == PACKET_OUT && r->vantage->is_capture)
		r->vantage->is_inside = true;
	k->response = r;
	k->vantage = r->vantage;
	k->has_response = true;
	k->response_left = r->was_seen;
	k->response_ns = r->time_ns;
	k->response_flags = r->flags;
	k->rcode = r->rcode;
	take_question(e, s, k, r);
}

void witness_finish(struct engine *e, struct session *s)
{
	struct kernel_view *k = s->kernel;

	if (!k)
		return;
	if (k->query) {
		take_drop(k, k->query);
		k->is_reset = k->query->is_reset;
		k->reset_by_client = k->query->reset_by_querier;
		k->icmp = k->query->icmp;
		evidence_remove(&e->evidence, k->query);
	}
	if (k->response) {
		take_drop(k, k->response);
		if (k->response->icmp)
			k->icmp = k->response->icmp;
		evidence_remove(&e->evidence, k->response);
	}
}

uint16_t witness_retransmit(const struct engine *e, const struct sighting *q, uint16_t before)
{
	struct wanted w = {
		.vantage = q->vantage,
		.querier = q->querier,
		.question_hash = q->question_hash,
		.from_ns = q->time_ns > e->limits.session_timeout_ns ? q->time_ns - e->limits.session_timeout_ns : 0,
		.to_ns = q->time_ns - 1,
		.id = q->id,
		.has_id = true,
		.protocol = q->protocol,
	};
	unsigned n = before;

	for (struct sighting *s = NULL; n < UINT16_MAX && (s = evidence_find(&e->evidence, &w, s));)
		n++;
	return n ? (uint16_t)(n < UINT16_MAX ? n + 1 : n) : 0;
}

enum kernel_state witness_state(const struct engine *e, const struct vantage *v, const struct kernel_view *k,
				const struct session *s, uint64_t until_ns)
{
	uint64_t from_ns = k->query_ns ? k->query_ns : s->query_ns;
	uint64_t to_ns = k->has_response ? k->response_ns : until_ns;

	if (!vantage_covers(v, from_ns, to_ns > from_ns ? to_ns : from_ns))
		return KERNEL_PARTIAL;
	if (!k->query_ns)
		return k->has_response ? KERNEL_PARTIAL : KERNEL_NONE;
	/* Bytes of a connection may be missing though no packet is known to be. */
	if (!k->has_response && s->protocol == TAP_TCP && !(k->query && k->query->is_reset) &&
	    !watch_is_whole(e->watch, v->number, &s->client, &k->responder))
		return KERNEL_PARTIAL;
	return KERNEL_COMPLETE;
}

static struct wanted of_client(const struct session *s, const struct vantage *v)
{
	return (struct wanted){
		.vantage = v,
		.querier = s->client,
		.question_hash = s->has_question ? s->question_hash : 0,
		.id = s->id,
		.has_id = s->has_id,
		.protocol = s->protocol,
		.to_ns = UINT64_MAX,
	};
}

/* With a CR: the newest up to it, else the first behind it. */
static struct sighting *find_response(const struct engine *e, const struct session *s, const struct wanted *query)
{
	struct wanted w = *query;
	struct sighting *r;

	w.is_response = true;
	w.from_ns = s->query_ns > WITNESS_MARGIN_NS ? s->query_ns - WITNESS_MARGIN_NS : 0;
	w.to_ns = UINT64_MAX;
	if (!(s->bitmap & BIT_CR))
		return evidence_find_oldest(&e->evidence, &w);
	w.to_ns = s->response_ns + WITNESS_MARGIN_NS;
	r = evidence_find(&e->evidence, &w, NULL);
	if (r)
		return r;
	w.from_ns = s->response_ns;
	w.to_ns = s->response_ns + WITNESS_HOLD_NS;
	return evidence_find_oldest(&e->evidence, &w);
}

/* CoreDNS read it: not one that was dropped, if there is another; and its packet was there before. */
static struct sighting *find_query(const struct engine *e, const struct session *s, struct wanted *w)
{
	struct sighting *q = NULL, *dropped = NULL;

	w->is_response = false;
	w->to_ns = s->query_ns;
	while ((q = evidence_find(&e->evidence, w, q))) {
		if (q->role == ROLE_UPSTREAM)
			continue;
		if (!q->reason)
			return q;
		if (!dropped)
			dropped = q;
	}
	return dropped;
}

static bool is_asked_by(const struct session *s, const struct addr *upstream)
{
	for (const struct attempt *a = s->attempts; a; a = a->next)
		if (addr_eq(&a->upstream, upstream))
			return true;
	return false;
}

/* FQ and FR alone: whose query caused them? One of that id and question that nobody has claimed. */
static struct sighting *find_cause(const struct engine *e, const struct session *s, const struct vantage *v)
{
	struct wanted w = {
		.vantage = v,
		.querier = s->client,
		.question_hash = s->question_hash,
		.id = s->id,
		.has_id = true,
		.from_ns = s->query_ns > e->limits.session_timeout_ns ? s->query_ns - e->limits.session_timeout_ns : 0,
		.to_ns = s->query_ns,
		.protocol = TAP_PROTOCOL_NONE,
	};
	struct sighting *q = NULL;

	if (s->is_refresh || !s->has_id || !s->has_question)
		return NULL;
	/* The chains by querier are by protocol, too. */
	w.querier = (struct addr){ 0 };
	while ((q = evidence_find(&e->evidence, &w, q)))
		if (q->role != ROLE_UPSTREAM && !q->reason && !is_asked_by(s, &q->responder) &&
		    (!addr_known(&s->client) || addr_eq(&s->client, &q->querier)))
			return q;
	return NULL;
}

static void adopt_client(struct session *s, const struct sighting *q)
{
	s->client = q->querier;
	s->protocol = q->protocol;
	s->is_clients = true;
	s->has_client = true;
}

static void claim_query(struct engine *e, struct session *s, struct vantage *v, struct kernel_view *k,
			struct sighting *q)
{
	uint16_t n = witness_retransmit(e, q, s->retransmit ? (uint16_t)(s->retransmit - 1) : 0);

	if (n > s->retransmit)
		s->retransmit = n;
	witness_take_query(e, s, k, q);
	vantage_learn_listen(v, &q->responder, s->server);
}

static void claim_response(struct engine *e, struct session *s, struct vantage *v, struct kernel_view *k)
{
	struct wanted w = of_client(s, v);
	struct sighting *r;

	/* Without id and question the time of the CR alone tells which it is. */
	if (k->has_response || (!s->has_id && !(s->bitmap & BIT_CR)))
		return;
	r = find_response(e, s, &w);
	if (r)
		witness_take_response(e, s, k, r);
}

static void claim_in(struct engine *e, struct session *s, struct vantage *v, struct kernel_view *k)
{
	struct sighting *q = NULL;
	struct wanted w;

	if (!k->query_ns && !(s->bitmap & (BIT_CQ | BIT_CR))) {
		q = find_cause(e, s, v);
		if (q)
			adopt_client(s, q);
	}
	if (!s->has_client || !addr_known(&s->client))
		return;
	claim_response(e, s, v, k);
	w = of_client(s, v);
	if (!q && !k->query_ns)
		q = find_query(e, s, &w);
	if (q)
		claim_query(e, s, v, k, q);
	claim_response(e, s, v, k);
}

void witness_query(struct engine *e, struct session *s, const struct event *event)
{
	const struct server *server = s->server;
	struct kernel_view *k = witness_view(e, s);
	struct slice qname = event->qname;
	struct extra extra;

	if (!qname.len && extra_parse(event->extra, &extra))
		qname = slice_of(extra.qname, extra.qname_len);
	for (unsigned i = 0; i < server->nr_vantages; i++) {
		struct vantage *v = server->vantages[i];
		struct wanted w = of_client(s, v);
		struct sighting *q = k && !k->query_ns && addr_known(&s->client) ? find_query(e, s, &w) : NULL;

		tapped_add(&v->tapped, tapped_zone(&e->open.key, qname), event->query_ns);
		if (q && !q->reason)
			claim_query(e, s, v, k, q);
	}
}

/* Up to when the packets of this session could have been seen. */
static uint64_t watched_until(const struct session *s, const struct vantage *v)
{
	uint64_t until_ns = s->bitmap & BIT_CR ? s->response_ns + WITNESS_MARGIN_NS : v->time_ns;

	if (s->is_held && s->bitmap & BIT_CR)
		until_ns = s->response_ns + WITNESS_HOLD_NS;
	return until_ns;
}

/* A namespace that has gone may still be remembered beside the one that is there now. */
static const struct vantage *latest(const struct server *server)
{
	const struct vantage *v = server->vantages[0];

	for (unsigned i = 1; i < server->nr_vantages; i++)
		if (!server->vantages[i]->ended_ns && (v->ended_ns || server->vantages[i]->number > v->number))
			v = server->vantages[i];
	return v;
}

void witness_claim(struct engine *e, struct session *s)
{
	const struct server *server = s->server;
	struct kernel_view *k = server->nr_vantages ? witness_view(e, s) : NULL;
	const struct vantage *v;

	if (!k)
		return;
	for (unsigned i = 0; i < server->nr_vantages && !(k->query_ns && k->has_response); i++)
		claim_in(e, s, server->vantages[i], k);
	v = k->vantage ? k->vantage : latest(server);
	k->state = witness_state(e, v, k, s, watched_until(s, v));
}
