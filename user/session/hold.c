#include "witness.h"

/*
 * Answered without an attempt, and yet CoreDNS asked an upstream the same question while it served the client, and was
 * answered: FQ and FR are lost, if no other session claims that exchange, such as a refresh of the cache.
 */
static struct sighting *find_suspect(const struct engine *e, const struct session *s, struct sighting **response)
{
	struct wanted w = {
		.question_hash = s->question_hash,
		.from_ns = s->query_ns,
		.to_ns = s->response_ns,
		.protocol = TAP_PROTOCOL_NONE,
	};

	if (s->bitmap != (BIT_CQ | BIT_CR) || !s->has_question || s->server->is_upstream_untold)
		return NULL;
	for (unsigned i = 0; i < s->server->nr_vantages; i++) {
		struct sighting *q = NULL;

		w.vantage = s->server->vantages[i];
		while ((q = evidence_find(&e->evidence, &w, q))) {
			struct wanted r = w;

			if (q->role == ROLE_CLIENT || !vantage_is_own(w.vantage, &q->querier) || q->reason)
				continue;
			r.querier = q->querier;
			r.protocol = q->protocol;
			r.id = q->id;
			r.has_id = true;
			r.is_response = true;
			r.from_ns = q->time_ns;
			*response = evidence_find(&e->evidence, &r, NULL);
			if (*response && (*response)->is_wellformed &&
			    (s->rcode == RCODE_UNKNOWN || (*response)->rcode == s->rcode))
				return q;
		}
	}
	return NULL;
}

static bool waits_for_response(const struct engine *e, const struct session *s)
{
	const struct kernel_view *k = s->kernel;
	uint64_t until_ns = s->response_ns + WITNESS_HOLD_NS;

	if (!(s->bitmap & BIT_CR) || !k || !k->query_ns)
		return false;
	/* On a node drops come in: a moment more. */
	if (k->has_response)
		until_ns = e->now_ns ? k->response_ns + WITNESS_SETTLE_NS : 0;
	for (unsigned i = 0; i < s->server->nr_vantages; i++) {
		const struct vantage *v = s->server->vantages[i];
		uint64_t time_ns = v->time_ns > e->now_ns ? v->time_ns : e->now_ns;

		if (!v->ended_ns && time_ns < until_ns)
			return true;
	}
	return false;
}

static void hold(struct session *s, struct list *where)
{
	s->is_held = true;
	list_remove(&s->by_activity);
	list_append(where, &s->by_activity);
}

bool witness_hold(struct engine *e, struct session *s)
{
	struct sighting *response;

	if (s->server->nr_vantages == 0)
		return false;
	witness_attempts(e, s);
	witness_claim(e, s);
	if (waits_for_response(e, s)) {
		open_unindex(&e->open, s);
		hold(s, &e->held);
		return true;
	}
	if (!find_suspect(e, s, &response))
		return false;
	open_unindex(&e->open, s);
	hold(s, &e->suspects);
	return true;
}

static void settle_held(struct engine *e)
{
	while (!list_empty(&e->held)) {
		struct session *s = container_of(e->held.next, struct session, by_activity);
		struct sighting *response;

		witness_claim(e, s);
		if (waits_for_response(e, s))
			return;
		if (find_suspect(e, s, &response))
			hold(s, &e->suspects);
		else
			join_finish(e, s);
	}
}

static bool is_ripe(const struct engine *e, const struct session *s)
{
	uint64_t ripe_ns = s->response_ns + e->limits.session_timeout_ns;

	for (unsigned i = 0; i < s->server->nr_vantages; i++)
		if (s->server->vantages[i]->time_ns < ripe_ns && e->now_ns < ripe_ns)
			return false;
	return true;
}

static void settle_suspect(struct engine *e, struct session *s)
{
	struct sighting *response = NULL, *q = find_suspect(e, s, &response);

	if (q) {
		s->nr_unshown++;
		evidence_remove(&e->evidence, response);
		evidence_remove(&e->evidence, q);
	}
	join_finish(e, s);
}

static void settle_suspects(struct engine *e, bool all)
{
	struct list *l = e->suspects.next;

	while (l != &e->suspects) {
		struct session *s = container_of(l, struct session, by_activity);
		struct sighting *response;

		l = l->next;
		if (all || is_ripe(e, s))
			settle_suspect(e, s);
		else if (!find_suspect(e, s, &response))
			join_finish(e, s);
	}
}

void witness_settle(struct engine *e, uint64_t now_ns)
{
	if (now_ns > e->now_ns)
		e->now_ns = now_ns;
	settle_held(e);
	settle_suspects(e, false);
	vantages_judge(e);
}

void witness_drain(struct engine *e)
{
	while (!list_empty(&e->held)) {
		struct session *s = container_of(e->held.next, struct session, by_activity);
		struct sighting *response;

		witness_claim(e, s);
		if (find_suspect(e, s, &response))
			hold(s, &e->suspects);
		else
			join_finish(e, s);
	}
	settle_suspects(e, true);
	for (struct list *l = e->evidence.vantages.next; l != &e->evidence.vantages; l = l->next)
		unseen_judge(e, container_of(l, struct vantage, on_engine), UINT64_MAX);
}
