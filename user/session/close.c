#include "witness.h"

static uint64_t stream_time_ns(const struct session *s)
{
	return s->stream ? s->stream->time_ns : s->server->orphans_time_ns;
}

/*
 * Answered without an attempt: from the cache, which may refresh the entry behind the client's back. That refresh
 * begins while the client is served, or at once after.
 */
static uint32_t refresh_window_us(const struct session *s)
{
	uint64_t served_ns = s->response_ns > s->query_ns ? s->response_ns - s->query_ns : 0;
	uint64_t window_us = (served_ns + JOIN_REFRESH_MARGIN_NS) / 1000;

	if (!(s->bitmap & BIT_CR))
		return 0;
	if (s->nr_attempts)
		return 1;
	return window_us < UINT32_MAX ? (uint32_t)window_us : UINT32_MAX;
}

void join_remember_need(struct engine *e, const struct session *s)
{
	struct closed_entry entry = {
		.hash = open_question_key(s->server, s->id, s->question_hash),
		.time_ns = s->query_ns,
		.need = {
			.client = join_socket_tag(e, s->server, &s->client, s->protocol),
			.window_us = refresh_window_us(s),
			.count = s->retransmit ? s->retransmit : 1,
			.given_by = (uint16_t)s->given_by[s->bitmap & BIT_CQ ? KIND_CLIENT_QUERY : KIND_CLIENT_RESPONSE],
		},
	};

	closed_add(&e->closed, CLOSED_NEED, &entry);
}

static void remember(struct engine *e, const struct session *s)
{
	struct event key = { .query_ns = s->query_ns, .client = s->client, .protocol = s->protocol };
	struct closed_entry entry = {
		.time_ns = stream_time_ns(s),
		.frames = { .id = s->id, .has_id = s->has_id },
	};

	if (s->has_client) {
		entry.hash = open_query_key(&e->open, s->server, &key);
		entry.frames.given_by[0] = (uint16_t)s->given_by[KIND_CLIENT_QUERY];
		entry.frames.given_by[1] = (uint16_t)s->given_by[KIND_CLIENT_RESPONSE];
		closed_add(&e->closed, CLOSED_QUERY, &entry);
	}
	entry.frames.given_by[0] = (uint16_t)s->given_by[KIND_FORWARDER_QUERY];
	entry.frames.given_by[1] = (uint16_t)s->given_by[KIND_FORWARDER_RESPONSE];
	for (const struct call *call = s->calls; call; call = call->next) {
		entry.hash = open_call_key(&e->open, s->server, call->query_ns);
		closed_add(&e->closed, CLOSED_CALL, &entry);
	}
	if (s->has_client && s->has_id && s->has_question)
		join_remember_need(e, s);
}

/* A failure that a lost frame could explain, where frames have been lost just before. */
static bool is_loss_suspected(const struct session *s, const struct verdict *v)
{
	uint64_t lost_ns = s->server->lost_ns;

	return v->status == STATUS_FAILED && (v->cause == CAUSE_NO_RESPONSE || v->cause == CAUSE_UPSTREAM_TIMEOUT) &&
	       s->end != SESSION_STREAM_ENDED && lost_ns && lost_ns <= s->closed_ns &&
	       s->closed_ns - lost_ns <= JOIN_LOSS_SUSPECTED_NS && !(s->kernel && s->kernel->state == KERNEL_COMPLETE);
}

static void count_lost(const struct session *s, const struct verdict *v)
{
	struct server *server = s->server;
	uint64_t lost[KINDS];

	for (unsigned kind = 0; kind < KINDS; kind++) {
		server->nr_lost[kind] += v->lost_by_structure >> kind & 1;
		lost[kind] = v->lost >> kind & 1;
	}
	/* Each FR without FQ is one FQ lost. */
	if (v->lost_by_structure & BIT_FQ) {
		server->nr_lost[KIND_FORWARDER_QUERY] += s->nr_unasked - 1;
		lost[KIND_FORWARDER_QUERY] += s->nr_unasked - 1;
	}
	if (!server->nr_vantages)
		return;
	if (s->nr_unshown) {
		lost[KIND_FORWARDER_QUERY] = s->nr_unasked + s->nr_unshown;
		lost[KIND_FORWARDER_RESPONSE] = s->nr_unshown;
	}
	for (unsigned kind = 0; kind < KINDS; kind++) {
		server->kernel_lost[kind] += lost[kind];
		server->kernel_expected[kind] += lost[kind];
	}
}

static void count(struct engine *e, const struct session *s, const struct verdict *v)
{
	e->stats.nr_closed++;
	e->stats.by_status[v->status]++;
	e->stats.by_bitmap[s->bitmap]++;
	e->stats.by_cause[v->cause]++;
	count_lost(s, v);
	if (v->lost && s->end != SESSION_UNSEEN)
		s->server->lost_ns = s->closed_ns;
}

void join_finish(struct engine *e, struct session *s)
{
	struct verdict v;

	witness_finish(e, s);
	v = classify(s);
	v.loss_suspected = is_loss_suspected(s, &v);
	count(e, s, &v);
	e->callbacks.on_session(e->callbacks.arg, s, &v);
	open_free(&e->open, s);
}

void join_close(struct engine *e, struct session *s, enum session_end end)
{
	if (end == SESSION_EVICTED)
		e->stats.nr_evicted++;
	if (s->is_held) {
		join_finish(e, s);
		return;
	}
	s->end = end;
	s->closed_ns = stream_time_ns(s);
	remember(e, s);
	if (end == SESSION_EVICTED || !witness_hold(e, s))
		join_finish(e, s);
}

void join_discard(struct engine *e, struct session *s)
{
	e->stats.nr_opened--;
	e->stats.nr_joined -= s->nr_messages;
	e->stats.nr_foreign += s->nr_messages;
	open_free(&e->open, s);
}

/* Inserts by last activity; the lists of both are sorted, so the place is near where the one before went. */
static void insert_by_activity(struct list *sessions, struct session *s)
{
	struct list *at = sessions;

	while (at->prev != sessions && container_of(at->prev, struct session, by_activity)->active_ns > s->active_ns)
		at = at->prev;
	list_remove(&s->by_activity);
	list_insert_before(at, &s->by_activity);
}

/* An orphan's last activity is stream time; on a stream it is that stream's clock. */
static void adopt(struct session *s, struct stream *stream)
{
	int64_t age_ns = (int64_t)stream->time_ns - s->active_ns;

	s->stream = stream;
	s->active_ns = stream->clock_ns - (age_ns > 0 ? age_ns : 0);
	/* What follows on the successor continues what came before, and is no copy of it. */
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (s->given_by[kind])
			s->given_by[kind] = stream->number;
	insert_by_activity(&stream->sessions, s);
}

/*
 * A stream continues another if it began when that ended: a reloading CoreDNS has the new one open before the old one
 * ends. One that was there all along belongs to another server block.
 */
static bool continues(const struct stream *stream, uint64_t ended_ns)
{
	return stream->first_ns + JOIN_OVERLAP_NS >= ended_ns;
}

static struct stream *successor(const struct server *server, const struct stream *stream)
{
	for (struct list *l = server->sources.prev; l != &server->sources; l = l->prev) {
		struct source *source = container_of(l, struct source, on_server);

		if (source->stream->number > stream->number && continues(source->stream, stream->time_ns))
			return source->stream;
	}
	return NULL;
}

void join_hand_over(struct engine *e, struct stream *stream, uint64_t now_ns)
{
	struct list *l;

	for (l = stream->sources.next; l != &stream->sources; l = l->next)
		container_of(l, struct source, on_stream)->server->others_until_ns =
			stream->time_ns + JOIN_LATE_CALL_NS;
	l = stream->sessions.next;
	while (l != &stream->sessions) {
		struct session *s = container_of(l, struct session, by_activity);
		struct stream *next = successor(s->server, stream);

		l = l->next;
		s->active_ns = (int64_t)stream->time_ns - (stream->clock_ns - s->active_ns);
		if (next) {
			adopt(s, next);
			continue;
		}
		s->stream = NULL;
		s->server->orphans_stream = stream->number;
		s->server->orphans_time_ns = stream->time_ns;
		s->server->orphans_until_ns = now_ns ? now_ns + e->limits.session_timeout_ns : 0;
		insert_by_activity(&s->server->orphans, s);
	}
}

void join_adopt_orphans(struct engine *e, struct source *source)
{
	struct server *server = source->server;
	bool is_too_late = source->stream->time_ns > server->orphans_time_ns + e->limits.session_timeout_ns;

	if (source->stream->number <= server->orphans_stream ||
	    (!is_too_late && !continues(source->stream, server->orphans_time_ns)))
		return;
	while (!list_empty(&server->orphans)) {
		struct session *s = container_of(server->orphans.next, struct session, by_activity);

		if (is_too_late)
			join_close(e, s, SESSION_STREAM_ENDED);
		else
			adopt(s, source->stream);
	}
}
