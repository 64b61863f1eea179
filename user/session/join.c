#include "join.h"

#include "link.h"

static void evict_oldest(struct engine *e)
{
	join_close(e, container_of(e->open.lru.next, struct session, lru), SESSION_EVICTED);
}

/* NULL only when not even an empty table leaves memory for one. */
static struct session *session_new(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s;

	while (!(s = open_new(&e->open, source->server, source->stream)) && e->open.count)
		evict_oldest(e);
	if (!s)
		return NULL;
	e->stats.nr_opened++;
	s->query_ns = event->query_ns;
	s->protocol = event->protocol;
	if (!event->client_is_guess)
		s->client = event->client;
	s->has_id = event->has_id;
	s->id = event->id;
	s->has_question = event->has_question;
	s->question_hash = event->question_hash;
	s->before_stream = !source->first_cq_ns || event->query_ns <= source->first_cq_ns;
	s->forwards_first = source->forwards_first;
	return s;
}

/* Older sessions make room; the one that the message is for (last touched) stays. */
static struct message *keep(struct engine *e, const struct session *s, struct slice bytes, uint64_t time_ns)
{
	struct message *m;

	while (!(m = open_keep_message(&e->open, bytes, time_ns)) && e->open.lru.next != &s->lru)
		evict_oldest(e);
	if (!m)
		e->stats.nr_message_dropped++;
	return m;
}

/* Bookkeeping that every joined frame needs. */
static void joined(struct engine *e, struct session *s, struct source *source, const struct event *event)
{
	s->bitmap |= (uint8_t)(1 << event->kind);
	s->given_by[event->kind] = source->stream->number;
	s->nr_messages++;
	if (event->extra.len && !s->extra)
		s->extra = keep(e, s, event->extra, 0);
	source->server->nr_received[event->kind]++;
	e->stats.nr_joined++;
}

/* Of a closed session: late, or a duplicate where another connection gave that kind. A kind that it lacks is late. */
static void count_late(struct engine *e, struct source *source, const struct event *event,
		       const struct closed_entry *entry)
{
	uint16_t given_by = entry->given_by[event->kind & 1];

	if (source->stream->is_live && given_by && given_by != (uint16_t)source->stream->number) {
		e->stats.nr_duplicate++;
		return;
	}
	source->server->nr_received[event->kind]++;
	e->stats.nr_late++;
}

/* A kind that the session already has, from another connection: two `dnstap` lines point here. */
static bool is_duplicate(const struct session *s, const struct source *source, enum kind kind)
{
	return source->stream->is_live && (s->bitmap & 1 << kind) && s->given_by[kind] != source->stream->number;
}

static const struct closed_entry *closed_within(const struct source *source, const struct closed_entry *entry,
						uint64_t within_ns)
{
	return entry && source->stream->time_ns <= entry->time_ns + within_ns ? entry : NULL;
}

static int32_t id_of(const struct event *event)
{
	return event->has_id ? event->id : -1;
}

static bool has_other_streams(const struct server *server)
{
	return server->sources.next->next != &server->sources;
}

/* n for the n-th session of one need: same socket, id and question within the timeout of the one before. */
static uint16_t retransmit_number(struct engine *e, struct source *source, const struct event *event,
				  const struct session *key)
{
	const struct session *open = link_need(&e->open, source->server, event);
	const struct closed_entry *closed =
		closed_find(&e->closed, CLOSED_NEED, open_need_key(&e->open, source->server, key), event->id);
	uint64_t before_ns = 0;
	unsigned n = 0;

	if (closed) {
		before_ns = closed->time_ns;
		n = closed->count;
	}
	if (open && open->query_ns > before_ns) {
		before_ns = open->query_ns;
		n = open->retransmit ? open->retransmit : 1;
	}
	if (n == 0 || event->query_ns > before_ns + e->limits.session_timeout_ns)
		return 0;
	return n < UINT16_MAX ? (uint16_t)(n + 1) : UINT16_MAX;
}

static bool is_known_query(struct engine *e, struct source *source, const struct event *event)
{
	const struct closed_entry *entry;
	const struct session *s;

	if (!source->stream->is_live || !has_other_streams(source->server))
		return false;
	s = link_query(&e->open, source->server, event);
	if (s && (s->bitmap & BIT_CQ) && is_duplicate(s, source, KIND_CLIENT_QUERY))
		return true;
	entry = closed_find(&e->closed, CLOSED_QUERY, open_query_key(&e->open, source->server, event), id_of(event));
	/* Without ids two queries of one key may be two sessions, on one connection. */
	return entry && ((entry->has_id && event->has_id) || entry->given_by[0] != (uint16_t)source->stream->number);
}

/* The groups of FQ/FR whose CQ was lost, or comes behind them, in one session; NULL if there is none. */
static struct session *collect_groups(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_group(&e->open, source->server, event, NULL);
	struct session *other;

	while (s && (other = link_group(&e->open, source->server, event, s))) {
		open_move_attempts(&e->open, other, s);
		s->bitmap |= other->bitmap;
		s->nr_messages += other->nr_messages;
		s->nr_unanswered += other->nr_unanswered;
		s->nr_unsent += other->nr_unsent;
		s->nr_unasked += other->nr_unasked;
		s->fr_rcodes |= other->fr_rcodes;
		s->is_approximate |= other->is_approximate;
		open_free(&e->open, other);
		e->stats.nr_opened--;
	}
	return s;
}

static void set_client(struct session *s, struct source *source, const struct event *event)
{
	s->has_client = true;
	s->query_ns = event->query_ns;
	s->protocol = event->protocol;
	s->client = event->client;
	s->before_stream = !source->first_cq_ns || event->query_ns <= source->first_cq_ns;
}

static void join_query(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = NULL;

	if (is_known_query(e, source, event)) {
		e->stats.nr_duplicate++;
		return;
	}
	if (!source->first_cq_ns)
		source->first_cq_ns = event->query_ns;
	if (source->forwards_first)
		s = collect_groups(e, source, event);
	if (!s)
		s = session_new(e, source, event);
	if (!s) {
		e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
		return;
	}
	open_touch(&e->open, s, source->stream);
	set_client(s, source, event);
	joined(e, s, source, event);
	if (event->has_id && event->has_question)
		s->retransmit = retransmit_number(e, source, event, s);
	open_index_query(&e->open, s);
	s->query = keep(e, s, event->message, event->query_ns);
}

static void join_response(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_query(&e->open, source->server, event);
	const struct closed_entry *entry;

	if (!s) {
		entry = closed_find(&e->closed, CLOSED_QUERY, open_query_key(&e->open, source->server, event),
				    id_of(event));
		entry = closed_within(source, entry, e->limits.session_timeout_ns);
		if (entry) {
			count_late(e, source, event, entry);
			return;
		}
		s = collect_groups(e, source, event);
	}
	if (!s) {
		s = session_new(e, source, event);
		if (!s) {
			e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
			return;
		}
	}
	if (!(s->bitmap & BIT_CQ))
		set_client(s, source, event);
	open_touch(&e->open, s, source->stream);
	s->rcode = event->rcode;
	s->ttl_max = event->ttl_max;
	s->records = event->records;
	s->response_ns = event->response_ns;
	joined(e, s, source, event);
	s->response = keep(e, s, event->message, event->response_ns);
	join_close(e, s, SESSION_RESPONDED);
}

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
		evict_oldest(e);
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
	a->query = keep(e, s, event->message, event->query_ns);
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
	a->response = keep(e, s, event->message, event->response_ns);
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
	const struct closed_entry *entry = closed_find(&e->closed, CLOSED_CALL, key, id_of(event));

	entry = closed_within(source, entry, JOIN_LATE_CALL_NS);
	if (entry)
		count_late(e, source, event, entry);
	return entry;
}

/* The first FQ of a query that had expired: an attempt over TCP may take longer than the session timeout. */
static bool is_late_first_attempt(struct engine *e, struct source *source, const struct event *event)
{
	const struct closed_entry *entry;
	uint64_t key;

	if (event->marks_refresh || !event->has_id || !event->has_question)
		return false;
	key = open_question_key(source->server, event->id, event->question_hash);
	entry = closed_find(&e->closed, CLOSED_UNANSWERED, key, event->id);
	if (!entry || event->query_ns < entry->time_ns ||
	    event->query_ns - entry->time_ns > e->limits.session_timeout_ns ||
	    source->stream->time_ns > entry->time_ns + JOIN_LATE_CALL_NS)
		return false;
	count_late(e, source, event, entry);
	return true;
}

static void join_forwarder(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_call(&e->open, source->server, event);
	struct link link = { .session = s };

	if (!s) {
		if (is_late_forwarder(e, source, event))
			return;
		link = link_forwarder(&e->open, source->server, source->stream, event);
		s = link.session;
	}
	if (s && is_duplicate(s, source, event->kind)) {
		e->stats.nr_duplicate++;
		return;
	}
	if (!s) {
		if (is_late_first_attempt(e, source, event))
			return;
		s = session_new(e, source, event);
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
	joined(e, s, source, event);
	if (event->kind == KIND_FORWARDER_QUERY)
		add_forwarder_query(e, s, event);
	else
		add_forwarder_response(e, s, event);
}

void join_find_time(struct engine *e, const struct source *source, struct event *event)
{
	const struct session *s = link_timeless(&e->open, source->server, event);

	if (s)
		event->query_ns = event->kind == KIND_CLIENT_RESPONSE ? s->query_ns : s->attempts_last->query_ns;
}

void join_event(struct engine *e, struct source *source, const struct event *event)
{
	switch (event->kind) {
	case KIND_CLIENT_QUERY:
		join_query(e, source, event);
		break;
	case KIND_CLIENT_RESPONSE:
		join_response(e, source, event);
		break;
	case KIND_FORWARDER_QUERY:
	case KIND_FORWARDER_RESPONSE:
		join_forwarder(e, source, event);
		break;
	case KINDS:
		break;
	}
}
