#include "trace.h"

#include <stdlib.h>

#include "evidence.h"
#include "witness.h"

struct trace {
	struct evidence evidence;
	struct watch *watch;
	struct vantage *vantage; /* of the packet in hand */
	uint64_t timeout_ns;
	struct trace_callbacks callbacks;
};

static void set_question(struct trace_event *t, const struct sighting *s)
{
	const uint8_t *tail = s->question + s->question_len - 4;

	t->has_question = s->question_len > 4;
	if (!t->has_question)
		return;
	t->qname = slice_of(s->question, s->question_len - 4U);
	t->qtype = (uint16_t)(tail[0] << 8 | tail[1]);
	t->qclass = (uint16_t)(tail[2] << 8 | tail[3]);
}

static void tell(struct trace *t, struct sighting *query, const struct dns_sighting *response)
{
	struct trace_event event = {
		.kind = query->role == ROLE_CLIENT ? TRACE_CLIENT : TRACE_UPSTREAM,
		.time_ns = query->time_ns,
		.protocol = query->protocol,
		.id = query->id,
		.rcode = RCODE_UNKNOWN,
		.reason = query->reason,
		.icmp = query->icmp,
		.querier = query->querier,
		.responder = query->responder,
		.server = query->vantage->hostname,
	};

	set_question(&event, query);
	if (response) {
		event.is_answered = true;
		event.rcode = response->rcode;
		event.duration_ns = response->packet->time_ns - query->time_ns;
	}
	t->callbacks.on_event(t->callbacks.arg, &event);
	evidence_remove(&t->evidence, query);
}

static struct wanted query_of(const struct trace *t, const struct dns_sighting *m)
{
	return (struct wanted){
		.vantage = t->vantage,
		.querier = m->querier,
		.question_hash = m->has_question ? m->question_hash : 0,
		.to_ns = m->packet->time_ns,
		.id = m->id,
		.has_id = m->has_header,
		.protocol = m->protocol,
	};
}

static void see(struct trace *t, const struct dns_sighting *m)
{
	struct wanted w = query_of(t, m);
	enum sighting_role role;
	struct sighting *query;

	if (!sight_role(t->vantage, m, &role))
		return;
	if (!m->is_response) {
		evidence_add(&t->evidence, t->vantage, m, role);
		return;
	}
	/* What was dropped was not answered. */
	for (query = NULL; (query = evidence_find(&t->evidence, &w, query));)
		if (query->role == role && !query->reason)
			break;
	if (query)
		tell(t, query, m);
}

static void drop(struct trace *t, const struct dns_sighting *m)
{
	struct wanted w = query_of(t, m);
	struct sighting *query = m->is_response ? NULL : evidence_find(&t->evidence, &w, NULL);
	struct trace_event event = {
		.kind = TRACE_DROP,
		.time_ns = m->packet->time_ns,
		.protocol = m->protocol,
		.is_response = m->is_response,
		.id = m->id,
		.rcode = m->is_response ? m->rcode : RCODE_UNKNOWN,
		.reason = m->packet->reason,
		.querier = m->querier,
		.responder = m->responder,
		.has_question = m->has_question,
		.qname = m->qname,
		.qtype = m->qtype,
		.qclass = m->qclass,
		.server = t->vantage->hostname,
	};

	if (query)
		query->reason = m->packet->reason;
	t->callbacks.on_event(t->callbacks.arg, &event);
}

static void on_message(void *arg, const struct dns_sighting *m)
{
	struct trace *t = arg;
	struct wanted w = query_of(t, m);
	struct sighting *query;

	switch (m->packet->kind) {
	case PACKET_SEEN:
		see(t, m);
		break;
	case PACKET_DROP:
		drop(t, m);
		break;
	case PACKET_ICMP:
		query = evidence_find(&t->evidence, &w, NULL);
		if (query)
			query->icmp = sight_icmp_name(m->packet);
		break;
	}
}

struct trace *trace_new(const struct engine_limits *limits, const struct trace_callbacks *callbacks)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct watch_callbacks watch = { .on_message = on_message, .arg = t };
	struct hash_key key;

	if (!t)
		return NULL;
	t->callbacks = *callbacks;
	t->timeout_ns = limits->session_timeout_ns;
	if (hash_key_random(&key) == 0 && evidence_init(&t->evidence, limits->sightings_max, &key) == 0)
		t->watch = watch_new(limits->tcp_connections_max, &key, &watch);
	if (t->watch)
		return t;
	trace_free(t);
	return NULL;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	if (t->evidence.vantages.next)
		evidence_release(&t->evidence);
	watch_free(t->watch);
	free(t);
}

struct vantage *trace_vantage_new(struct trace *t, const struct vantage_config *config)
{
	return vantage_new(&t->evidence, config);
}

static void expire(struct trace *t, struct vantage *v, uint64_t before_ns)
{
	while (!list_empty(&v->sightings)) {
		struct sighting *s = container_of(v->sightings.next, struct sighting, in_time);

		if (s->time_ns > before_ns)
			break;
		tell(t, s, NULL);
	}
}

void trace_vantage_end(struct trace *t, struct vantage *v)
{
	expire(t, v, UINT64_MAX);
	watch_forget_place(t->watch, v->number);
	vantage_free(&t->evidence, v);
}

void trace_packet(struct trace *t, struct vantage *v, const struct packet *p)
{
	t->vantage = v;
	watch_packet(t->watch, v->number, p);
}

void trace_expire(struct trace *t, uint64_t now_ns)
{
	uint64_t before_ns = now_ns == UINT64_MAX ? now_ns : now_ns > t->timeout_ns ? now_ns - t->timeout_ns : 0;

	for (struct list *l = t->evidence.vantages.next; l != &t->evidence.vantages; l = l->next)
		expire(t, container_of(l, struct vantage, on_engine), before_ns);
}

bool trace_is_wanted(const struct trace_event *t, const struct selection *sel)
{
	return (selection_client(sel, &t->querier) || selection_client(sel, &t->responder)) &&
	       selection_rcode(sel, t->rcode) && selection_qname(sel, t->has_question ? &t->qname : NULL);
}
