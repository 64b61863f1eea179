#include "join.h"

#include "link.h"

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
}

static void add_forwarder_response(struct engine *e, struct session *s, const struct event *event)
{
	struct attempt *a = unanswered_attempt(s, event);

	s->last_fr_rcode = event->rcode;
	s->fr_rcodes |= rcode_bit(event->rcode);
	if (a) {
		s->nr_unanswered--;
		if (a->is_unsent)
			s->nr_unsent--;
	} else {
		s->nr_unasked++;
		a = attempt_new(e, s, event);
	}
	if (!a)
		return;
	a->has_response = true;
	a->response_ns = event->response_ns;
	a->rcode = event->rcode;
	a->response = join_keep(e, s, event->message, event->response_ns);
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

/*
 * The first FQ of a session that is closed already: its attempt over TCP took longer than the session timeout; or it
 * began while the client's stale answer was being verified (serve_stale verify with a timeout, 1.14.4 and later, on the
 * client's protocol).
 */
static bool is_first_attempt_of(const struct engine *e, const struct closed_entry *entry, const struct event *event)
{
	uint64_t since_ns = event->query_ns - entry->time_ns;

	if (event->query_ns < entry->time_ns)
		return false;
	if (entry->need.duration_us)
		return event->protocol != TAP_TCP && since_ns <= entry->need.duration_us * 1000ULL;
	return since_ns <= e->limits.session_timeout_ns;
}

static bool is_late_first_attempt(struct engine *e, struct source *source, const struct event *event)
{
	const struct closed_entry *entry;

	if (event->marks_refresh || !event->has_id || !event->has_question)
		return false;
	entry = closed_find(&e->closed, CLOSED_NEED,
			    open_question_key(source->server, event->id, event->question_hash));
	while (entry && !is_first_attempt_of(e, entry, event))
		entry = closed_next(&e->closed, entry);
	if (!entry || source->stream->time_ns > entry->time_ns + JOIN_LATE_CALL_NS)
		return false;
	join_count_late(e, source, event, entry->need.given_by);
	return true;
}

void join_forwarder(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_call(&e->open, source->server, event);
	struct link link = { .session = s };

	if (!s) {
		if (is_late_forwarder(e, source, event))
			return;
		link = link_forwarder(&e->open, source->server, source->stream, event);
		s = link.session;
	}
	if (s && join_is_duplicate(s, source, event->kind)) {
		e->stats.nr_duplicate++;
		return;
	}
	if (!s) {
		if (is_late_first_attempt(e, source, event))
			return;
		s = join_new(e, source, event);
		if (!s) {
			e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
			return;
		}
		open_index_group(&e->open, s);
	}
	open_touch(&e->open, s, source->stream);
	s->is_approximate |= link.is_approximate;
	s->is_refresh |= event->marks_refresh;
	s->is_clients |= event->marks_client;
	if (!knows_call(s, event->query_ns))
		open_add_call(&e->open, s, event->query_ns);
	join_count(e, s, source, event);
	if (event->kind == KIND_FORWARDER_QUERY)
		add_forwarder_query(e, s, event);
	else
		add_forwarder_response(e, s, event);
}
