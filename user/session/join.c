#include "join.h"

#include "link.h"
#include "witness.h"

void join_evict(struct engine *e)
{
	join_close(e, container_of(e->open.lru.next, struct session, lru), SESSION_EVICTED);
}

struct session *join_new(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s;

	while (!(s = open_new(&e->open, source->server, source->stream)) && e->open.count)
		join_evict(e);
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

struct message *join_keep(struct engine *e, const struct session *s, struct slice bytes, uint64_t time_ns)
{
	struct message *m;

	while (!(m = open_keep_message(&e->open, bytes, time_ns)) && e->open.lru.next != &s->lru)
		join_evict(e);
	if (!m)
		e->stats.nr_message_dropped++;
	return m;
}

static void count_received(struct server *server, enum kind kind)
{
	server->nr_received[kind]++;
	if (server->nr_vantages)
		server->kernel_expected[kind]++;
}

void join_count(struct engine *e, struct session *s, struct source *source, const struct event *event)
{
	s->bitmap |= (uint8_t)(1 << event->kind);
	s->given_by[event->kind] = source->stream->number;
	s->nr_messages++;
	if (event->extra.len && !s->extra)
		s->extra = join_keep(e, s, event->extra, 0);
	count_received(source->server, event->kind);
	e->stats.nr_joined++;
}

void join_count_late(struct engine *e, struct source *source, const struct event *event, uint16_t given_by)
{
	if (source->stream->is_live && given_by && given_by != (uint16_t)source->stream->number) {
		e->stats.nr_duplicate++;
		return;
	}
	count_received(source->server, event->kind);
	e->stats.nr_late++;
}

bool join_is_duplicate(const struct session *s, const struct source *source, enum kind kind)
{
	return source->stream->is_live && (s->bitmap & 1 << kind) && s->given_by[kind] != source->stream->number;
}

struct closed_entry *join_find_closed(const struct engine *e, const struct source *source, enum closed_kind kind,
				      uint64_t key, const struct event *event)
{
	uint64_t keep_ns = kind == CLOSED_CALL ? JOIN_LATE_CALL_NS : e->limits.session_timeout_ns;
	struct closed_entry *entry = closed_find(&e->closed, kind, key);

	while (entry && entry->frames.has_id && event->has_id && entry->frames.id != event->id)
		entry = closed_next(&e->closed, entry);
	return entry && source->stream->time_ns <= entry->time_ns + keep_ns ? entry : NULL;
}

/* Several connections of one CoreDNS may bring copies; also of one that has just ended. */
static bool has_other_streams(const struct source *source)
{
	const struct server *server = source->server;

	return server->sources.next->next != &server->sources || source->stream->time_ns < server->others_until_ns;
}

uint32_t join_socket_tag(const struct engine *e, const struct server *server, const struct addr *client,
			 uint8_t protocol)
{
	return (uint32_t)open_client_key(&e->open, server, client) ^ protocol;
}

static const struct closed_entry *closed_need(const struct engine *e, const struct source *source,
					      const struct event *event)
{
	uint64_t key = open_question_key(source->server, event->id, event->question_hash);
	uint32_t client = join_socket_tag(e, source->server, &event->client, event->protocol);
	const struct closed_entry *entry = closed_find(&e->closed, CLOSED_NEED, key);

	while (entry && entry->need.client != client)
		entry = closed_next(&e->closed, entry);
	return entry;
}

uint16_t join_needs_before(const struct engine *e, const struct server *server, const struct sighting *q)
{
	uint64_t key = open_question_key(server, q->id, q->question_hash);
	uint32_t client = join_socket_tag(e, server, &q->querier, q->protocol);
	const struct closed_entry *entry = closed_find(&e->closed, CLOSED_NEED, key);

	while (entry && (entry->need.client != client || entry->time_ns >= q->time_ns))
		entry = closed_next(&e->closed, entry);
	return entry && q->time_ns <= entry->time_ns + e->limits.session_timeout_ns ? entry->need.count : 0;
}

/* n for the n-th session of one need: same socket, id and question within the timeout of the one before. */
static uint16_t retransmit_number(const struct engine *e, const struct source *source, const struct event *event)
{
	const struct session *open = link_need(&e->open, source->server, event);
	const struct closed_entry *closed = closed_need(e, source, event);
	uint64_t before_ns = 0;
	unsigned n = 0;

	if (closed) {
		before_ns = closed->time_ns;
		n = closed->need.count;
	}
	if (open && open->query_ns > before_ns) {
		before_ns = open->query_ns;
		n = open->retransmit ? open->retransmit : 1;
	}
	if (n == 0 || event->query_ns > before_ns + e->limits.session_timeout_ns)
		return 0;
	return n < UINT16_MAX ? (uint16_t)(n + 1) : UINT16_MAX;
}

static bool is_copy(const struct source *source, const struct event *event, uint64_t query_ns, uint16_t given_by)
{
	uint64_t apart_ns = event->query_ns > query_ns ? event->query_ns - query_ns : query_ns - event->query_ns;

	return given_by && given_by != (uint16_t)source->stream->number && apart_ns <= JOIN_COPY_NS;
}

/*
 * Two `dnstap` lines in one server block tap every CQ and CR twice, each with a time of its own: the open session of
 * which this is the other connection's copy.
 */
static struct session *open_original(const struct engine *e, const struct source *source, const struct event *event)
{
	struct session *s;

	if (!source->stream->is_live || !has_other_streams(source) || !event->has_id || !event->has_question)
		return NULL;
	s = link_need(&e->open, source->server, event);
	return s && is_copy(source, event, s->query_ns, (uint16_t)s->given_by[KIND_CLIENT_QUERY]) ? s : NULL;
}

static const struct closed_entry *closed_original(const struct engine *e, const struct source *source,
						  const struct event *event)
{
	uint32_t client = join_socket_tag(e, source->server, &event->client, event->protocol);
	const struct closed_entry *entry;

	if (!source->stream->is_live || !has_other_streams(source) || !event->has_id || !event->has_question)
		return NULL;
	/* An id may be used again for the same question: not always is it the newest one. */
	entry = closed_need(e, source, event);
	while (entry && !(entry->need.client == client && is_copy(source, event, entry->time_ns, entry->need.given_by)))
		entry = closed_next(&e->closed, entry);
	return entry;
}

/* The CQ of a session that is there, from another connection. Without ids two queries of one key may be two sessions.
 */
static bool is_known_query(struct engine *e, struct source *source, const struct event *event)
{
	const struct closed_entry *entry;
	const struct session *s;

	if (!source->stream->is_live || !has_other_streams(source))
		return false;
	if (open_original(e, source, event) || closed_original(e, source, event))
		return true;
	s = link_query(&e->open, source->server, event);
	if (s && (s->bitmap & BIT_CQ) && s->has_question == event->has_question &&
	    s->question_hash == event->question_hash)
		return join_is_duplicate(s, source, KIND_CLIENT_QUERY);
	entry = join_find_closed(e, source, CLOSED_QUERY, open_query_key(&e->open, source->server, event), event);
	return entry && entry->frames.given_by[0] != (uint16_t)source->stream->number;
}

/* The groups of FQ/FR whose CQ was lost, or comes behind them, in one session, in their order; NULL if there is none.
 */
static struct session *collect_groups(struct engine *e, struct source *source, const struct event *event)
{
	struct session *groups[LINK_GROUPS_MAX], *s;
	unsigned nr = link_groups(&e->open, source->server, event, groups);

	if (nr == 0)
		return NULL;
	s = groups[--nr];
	while (nr > 0) {
		struct session *other = groups[--nr];

		open_move_attempts(&e->open, other, s);
		s->bitmap |= other->bitmap;
		s->nr_messages += other->nr_messages;
		s->nr_unanswered += other->nr_unanswered;
		s->nr_unsent += other->nr_unsent;
		s->nr_unasked += other->nr_unasked;
		s->nr_unshown += other->nr_unshown;
		s->fr_rcodes |= other->fr_rcodes;
		s->last_fr_rcode = other->bitmap & BIT_FR ? other->last_fr_rcode : s->last_fr_rcode;
		s->is_approximate |= other->is_approximate;
		open_free(&e->open, other);
		e->stats.nr_opened--;
	}
	return s;
}

/* Of two connections one may have lost the CQ: it then comes from the other, behind the first one's FQ and FR. */
static struct session *collect_from_other(struct engine *e, struct source *source, const struct event *event)
{
	struct session *groups[LINK_GROUPS_MAX];

	if (!source->stream->is_live || !has_other_streams(source) || !event->has_question ||
	    !link_groups(&e->open, source->server, event, groups))
		return NULL;
	if (!groups[0]->has_question || groups[0]->question_hash != event->question_hash ||
	    groups[0]->given_by[KIND_FORWARDER_QUERY] == source->stream->number ||
	    groups[0]->given_by[KIND_FORWARDER_RESPONSE] == source->stream->number)
		return NULL;
	return collect_groups(e, source, event);
}

/* Before 1.8.2 FQ and FR stand before their CQ, which up to 1.7.1 has the time of the response. */
static struct session *collect_earlier(struct engine *e, struct source *source, const struct event *event)
{
	struct event since = *event;

	since.query_ns -= since.query_ns > e->limits.session_timeout_ns ? e->limits.session_timeout_ns : since.query_ns;
	return collect_groups(e, source, &since);
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
	if (!source->server->first_cq_ns || event->query_ns < source->server->first_cq_ns)
		source->server->first_cq_ns = event->query_ns;
	source->last_cq_ns = event->query_ns;
	if (source->forwards_first)
		s = collect_earlier(e, source, event);
	else
		s = collect_from_other(e, source, event);
	if (!s)
		s = join_new(e, source, event);
	if (!s) {
		e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
		return;
	}
	open_touch(&e->open, s, source->stream);
	set_client(s, source, event);
	join_count(e, s, source, event);
	if (event->has_id && event->has_question)
		s->retransmit = retransmit_number(e, source, event);
	open_index_query(&e->open, s);
	s->query = join_keep(e, s, event->message, event->query_ns);
	if (!s->server->nr_vantages && !list_empty(&e->evidence.vantages))
		witness_recognise(e, source, event);
	if (s->server->nr_vantages)
		witness_query(e, s, event);
}

/* A further CR, as transfers have, or a copy of one: counted. */
static bool is_late_response(struct engine *e, struct source *source, const struct event *event)
{
	uint64_t key = open_query_key(&e->open, source->server, event);
	struct closed_entry *answered = join_find_closed(e, source, CLOSED_QUERY, key, event);
	const struct closed_entry *entry;

	if (answered) {
		/* A long transfer goes on. */
		if (source->stream->time_ns > answered->time_ns)
			answered->time_ns = source->stream->time_ns;
		join_count_late(e, source, event, answered->frames.given_by[1]);
		return true;
	}
	entry = closed_original(e, source, event);
	if (entry)
		join_count_late(e, source, event, entry->need.window_us ? entry->need.given_by : 0);
	return entry;
}

static void join_response(struct engine *e, struct source *source, const struct event *event)
{
	struct session *s = link_query(&e->open, source->server, event);

	if (!s)
		s = open_original(e, source, event);
	if (!s && is_late_response(e, source, event))
		return;
	if (!s)
		s = collect_groups(e, source, event);
	if (!s)
		s = join_new(e, source, event);
	if (!s) {
		e->stats.nr_malformed[MALFORMED_NO_MEMORY]++;
		return;
	}
	if (!(s->bitmap & BIT_CQ))
		set_client(s, source, event);
	open_touch(&e->open, s, source->stream);
	s->rcode = event->rcode;
	s->ttl_max = event->ttl_max;
	s->records = event->records;
	s->response_ns = event->response_ns;
	join_count(e, s, source, event);
	s->response = join_keep(e, s, event->message, event->response_ns);
	join_close(e, s, SESSION_RESPONDED);
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
