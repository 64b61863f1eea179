#include "witness.h"

static void claim_exchange(struct engine *e, struct vantage *v, struct attempt_view *k, struct sighting *q)
{
	struct wanted w = {
		.vantage = v,
		.querier = q->querier,
		.question_hash = q->question_hash,
		.id = q->id,
		.has_id = true,
		.from_ns = q->time_ns,
		.to_ns = UINT64_MAX,
		.is_response = true,
		.protocol = q->protocol,
	};
	struct sighting *r = evidence_find_oldest(&e->evidence, &w);

	k->is_watched = true;
	k->has_query = q->was_seen;
	k->icmp = q->icmp;
	k->reason = q->reason;
	if (r) {
		k->has_response = true;
		k->rcode = r->rcode;
		k->proves_response =
			r->is_wellformed && r->was_seen && !r->reason && r->time_ns - q->time_ns < WITNESS_ATTEMPT_NS;
		if (r->reason)
			k->reason = r->reason;
		evidence_remove(&e->evidence, r);
	}
	vantage_learn_own(v, &q->querier);
	evidence_remove(&e->evidence, q);
}

/* The oldest query to that upstream since the forward call began. */
static struct sighting *find_exchange(const struct engine *e, const struct vantage *v, const struct attempt *a)
{
	const struct attempt_view *k = a->kernel;
	struct wanted w = {
		.vantage = v,
		.querier = k->socket,
		.responder = a->upstream,
		.question_hash = k->question_hash,
		.from_ns = a->query_ns > WITNESS_MARGIN_NS ? a->query_ns - WITNESS_MARGIN_NS : 0,
		.to_ns = UINT64_MAX,
		.protocol = addr_known(&k->socket) ? a->protocol : TAP_PROTOCOL_NONE,
	};
	struct sighting *s = NULL, *oldest = NULL;

	while ((s = evidence_find(&e->evidence, &w, s)))
		if (s->role != ROLE_CLIENT)
			oldest = s;
	return oldest;
}

static void claim_attempt(struct engine *e, const struct server *server, struct attempt *a)
{
	if (!a->kernel->question_hash && !addr_known(&a->kernel->socket))
		return;
	for (unsigned i = 0; i < server->nr_vantages && !a->kernel->has_query; i++) {
		struct sighting *q = find_exchange(e, server->vantages[i], a);

		if (q)
			claim_exchange(e, server->vantages[i], a->kernel, q);
	}
}

void witness_attempt(struct engine *e, struct session *s, struct attempt *a, const struct event *event)
{
	struct server *server = s->server;

	a->kernel = pool_alloc(&e->open.pool, sizeof(*a->kernel));
	if (!a->kernel)
		return;
	*a->kernel = (struct attempt_view){
		.socket = event->socket,
		.question_hash = event->has_question ? event->question_hash : 0,
		.rcode = RCODE_UNKNOWN,
	};
	if (!event->has_question && !addr_known(&event->socket))
		server->is_upstream_untold |= !event->is_unsent;
	claim_attempt(e, server, a);
}

/*
 * In a replay an FQ, which tells the start of its forward call alone, may come before the packets of a later attempt. A
 * query that nobody saw did not leave, if queries of that socket's address are seen at all: over TLS they are not.
 */
void witness_attempts(struct engine *e, struct session *s)
{
	const struct server *server = s->server;

	for (struct attempt *a = s->attempts; a; a = a->next) {
		if (!a->kernel || a->kernel->has_query)
			continue;
		claim_attempt(e, server, a);
		for (unsigned i = 0; i < server->nr_vantages && !a->kernel->is_watched; i++) {
			const struct vantage *v = server->vantages[i];

			a->kernel->is_watched = a->protocol == TAP_UDP && !v->hides_upstreams &&
						vantage_is_own(v, &a->kernel->socket) &&
						vantage_covers(v, a->query_ns, v->time_ns);
		}
	}
}
