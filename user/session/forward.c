#include "join.h"

#include "link.h"
#include "witness.h"

/* The last FQ of that call and upstream that has no FR, among those kept. */
static struct attempt *unanswered_attempt(const struct session *s, const struct event *event)
{
	struct attempt *last = NULL;

	for (struct attempt *a = s->attempts; a; a = a->next)
		if (a->has_query && !a->has_response && a->query_ns == event->query_ns &&
		    addr_eq(&a->upstream, &event->upstream))
			last = a;
	return last;
}

static struct attempt *attempt_new(struct engine *e, struct session *s, const struct event *event)
{
	struct attempt *a;

	while (!(a = open_add_attempt(&e->open, s)) && e->open.lru.next != &s->lru)
		join_evict(e);
	if (!a)
		return NULL;
	a->query_ns = event->query_ns;
	a->upstream = event->upstream;
	a->protocol = event->protocol;
	return a;
}

static void add_forwarder_query(struct engine *e, struct session *s, const struct event *event)
{
	struct attempt *a = attempt_new(e, s, event);

	s->nr_unanswered++;
	if (event->is_unsent)
		s->nr_unsent++;
	if (!a)
		return;
	a->has_query = true;
	a->is_unsent = event->is_unsent;
	a->query = join_keep(e, s, event->message, event->query_ns);
	if (s->server->nr_vantages)
		witness_attempt(e, s, a, event);
}

/* From another connection than the session's FQ: that one may be ahead, and its FQ have counted as a copy. No loss is
 * proven. */
static bool may_run_ahead(const struct session *s, const struct source *source)
{
	uint32_t asked_by = s->given_by[KIND_FORWARDER_QUERY];

	return source->stream->is_live && asked_by && asked_by != source->stream->number;
}

static void add_forwarder_response(struct engine *e, struct session *s, const struct source *source,
				   const struct event *event)
{
	struct attempt *a = unanswered_attempt(s, event);

	s->last_fr_rcode = event->rcode;
	s->fr_rcodes |= rcode_bit(event->rcode);
	if (a) {
		s->nr_unanswered--;
		if (a->is_unsent)
			s->nr_unsent--;
	} else {
		if (!may_run_ahead(s, source))
			s->nr_unasked++;
		a = attempt_new(e, s, event);
	}
	if (!a)
		return;
	a->has_response = true;
	a->response_ns = event->response_ns;
	a->rcode = event->rcode;
	a->response = join_keep(e, s, event->message, event->response_ns);
	if (s->server->nr_vantages && !a->has_query)
		witness_attempt(e, s, a, event);
}

static bool knows_call(const struct session *s, uint64_t query_ns)
{
	for (const struct call *c = s->calls; c; c = c->next)
		if (c->query_ns == query_ns)
			return true;
	return false;
}

/* Frames of a session that is closed: counted, nothing is printed twice, no phantom session is made. */
static bool is_late_forwarder(struct engine *e, struct source *source, const struct event *event)
{
	uint64_t key = open_call_key(&e->open, source->server, event->query_ns);
	const struct closed_entry *entry = join_find_closed(e, source, CLOSED_CALL, key, event);

	if (entry)
		join_count_late(e, source, event, entry->frames.given_by[event->kind == KIND_FORWARDER_RESPONSE]);
	return entry;
}

/* The closed session of this id and question during which, or just after which, the forward call began. */
static const struct closed_entry *closed_cause(const struct engine *e, const struct source *source,
					       const struct event *event)
{
	uint64_t key = open_question_key(source->server, event->id, event->question_hash);
	const struct closed_entry *entry;

	if (event->marks_refresh || !event->has_id || !event->has_question)
		return NULL;
	for (entry = closed_find(&e->closed, CLOSED_NEED, key); entry; entry = closed_next(&e->closed, entry)) {
		uint64_t window_ns =
			entry->need.window_us ? entry->need.window_us * 1000ULL : e->limits.session_timeout_ns;

		if (event->query_ns >= entry->time_ns && event->query_ns - entry->time_ns <= window_ns)
			return entry;
	}
	return NULL;
}

/* Of two connections that bring the same frames one may have lost these, and closed the session without them. */
static bool is_late_cause(const struct source *source, const struct closed_entry *cause)
{
	if (source->stream->is_live && cause->need.given_by != (uint16_t)source->stream->number)
		return true;
	return !cause->need.window_us && source->stream->time_ns <= cause->time_ns + JOIN_LATE_CALL_NS;
}

/*
 * FQ/FR for which no open session is there: the first of a query that expired, as an attempt over TCP may take longer
 * than the session timeout (late); a refresh of the cache, which prefer_udp, or serve_stale's verify with a timeout,
 * make over UDP; else a group whose CQ is lost, or still to come. NULL: counted as late, or without memory.
 */
static struct session *group_new(struct engine *e, struct source *source, const struct event *event)
{
	const struct closed_entry *cause = closed_cause(e, source, event);
	struct session *s;

	if (cause && is_late_cause(source, cause)) {
		join_count_late(e, source, event, 0);
		return NULL;
	}
	s = join_new(e, source, event);
	if (!s) {
		e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
		return NULL;
	}
	s->is_refresh = event->marks_refresh || (cause && cause->need.window_us);
	s->is_clients = event->marks_client && !s->is_refresh;
	open_index_group(&e->open, s);
	return s;
}

void join_forwarder(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_call(&e->open, source->server, event);
	struct link link = { .session = s };

	if (!s) {
		if (is_late_forwarder(e, source, event))
			return;
		link = link_forwarder(&e->open, source->server, event);
		s = link.session;
	}
	if (s && join_is_duplicate(s, source, event->kind)) {
		e->stats.nr_duplicate++;
		return;
	}
	if (!s) {
		s = group_new(e, source, event);
		if (!s)
			return;
	}
	open_touch(&e->open, s, source->stream);
	s->is_approximate |= link.is_approximate;
	if (!knows_call(s, event->query_ns))
		open_add_call(&e->open, s, event->query_ns);
	join_count(e, s, source, event);
	if (event->kind == KIND_FORWARDER_QUERY)
		add_forwarder_query(e, s, event);
	else
		add_forwarder_response(e, s, source, event);
}
