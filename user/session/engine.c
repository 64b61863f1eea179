#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "closed.h"
#include "witness.h"

static const char *const malformed_names[MALFORMED_REASONS] = {
	[MALFORMED_BAD_PROTOBUF] = "bad_protobuf", [MALFORMED_TOO_COMPLEX] = "too_complex",
	[MALFORMED_NO_MESSAGE] = "no_message",	   [MALFORMED_BAD_TIME] = "bad_time",
	[MALFORMED_NO_TIME] = "no_time",	   [MALFORMED_NO_MEMORY] = "no_memory",
};

const char *malformed_reason_name(enum malformed_reason reason)
{
	return malformed_names[reason];
}

struct engine_limits engine_limits_default(void)
{
	return (struct engine_limits){
		.sessions_max = ENGINE_SESSIONS_MAX_DEFAULT,
		.memory_max = ENGINE_MEMORY_MAX_DEFAULT,
		.closed_max = ENGINE_CLOSED_MAX_DEFAULT,
		.servers_max = ENGINE_SERVERS_MAX_DEFAULT,
		.sightings_max = ENGINE_SIGHTINGS_MAX_DEFAULT,
		.tcp_connections_max = WATCH_CONNECTIONS_MAX_DEFAULT,
		.vantages_max = ENGINE_VANTAGES_MAX_DEFAULT,
		.session_timeout_ns = ENGINE_SESSION_TIMEOUT_NS_DEFAULT,
		.idle_timeout_ns = ENGINE_IDLE_TIMEOUT_NS_DEFAULT,
	};
}

uint64_t engine_memory_bound(const struct engine_limits *l)
{
	uint64_t entries = (uint64_t)l->closed_max * CLOSED_ENTRIES_PER_SESSION;

	/* Five indexes of up to twice as many buckets as sessions; entries and up to twice as many buckets of four
	 * bytes. */
	return l->memory_max + 5 * 2 * sizeof(void *) * (uint64_t)l->sessions_max +
	       entries * (sizeof(struct closed_entry) + 2 * sizeof(uint32_t)) +
	       l->servers_max * (uint64_t)(sizeof(struct server) + sizeof(struct source)) + TAP_ARENA_SIZE;
}

uint64_t engine_packet_memory_bound(const struct engine_limits *l)
{
	/* Three indexes of up to twice as many buckets as sightings. */
	uint64_t sighting = sizeof(struct sighting) + DNS_NAME_MAX + 4 + POOL_GRAIN + 3 * 2 * sizeof(void *);

	return l->sightings_max * sighting + watch_memory_bound(l->tcp_connections_max) +
	       l->vantages_max * (uint64_t)sizeof(struct vantage);
}

static int init(struct engine *e)
{
	const struct engine_limits *l = &e->limits;
	struct hash_key key;
	int err;

	err = hash_key_random(&key);
	if (!err)
		err = arena_init(&e->arena, TAP_ARENA_SIZE);
	if (!err)
		err = open_init(&e->open, l->sessions_max, l->memory_max, &key);
	if (!err)
		err = closed_init(&e->closed, l->closed_max, JOIN_LATE_CALL_NS);
	if (!err)
		err = servers_init(&e->servers, l->servers_max, &key);
	if (!err)
		err = witness_init(e);
	return err;
}

struct engine *engine_new(const struct engine_limits *limits, const struct engine_callbacks *callbacks)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return NULL;
	e->limits = *limits;
	e->callbacks = *callbacks;
	list_init(&e->streams);
	err = init(e);
	if (err) {
		engine_free(e);
		errno = -err;
		return NULL;
	}
	return e;
}

static void stream_free(struct stream *stream)
{
	while (!list_empty(&stream->sources))
		source_free(container_of(stream->sources.next, struct source, on_stream));
	list_remove(&stream->on_engine);
	free(stream);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	while (!list_empty(&e->streams))
		stream_free(container_of(e->streams.next, struct stream, on_engine));
	witness_release(e);
	open_release(&e->open);
	closed_release(&e->closed);
	servers_release(&e->servers);
	arena_release(&e->arena);
	free(e);
}

struct stream *engine_stream_new(struct engine *e, const struct addr *peer, bool is_live)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->number = ++e->last_stream;
	stream->is_live = is_live;
	stream->clock_ns = 1; /* 0 means never */
	if (peer)
		stream->peer = *peer;
	list_init(&stream->sessions);
	list_init(&stream->sources);
	list_init(&stream->on_engine);
	list_append(&e->streams, &stream->on_engine);
	return stream;
}

static void malformed(struct engine *e, enum malformed_reason reason)
{
	e->stats.nr_malformed[reason]++;
}

static enum malformed_reason reason_of(enum tap_error error)
{
	switch (error) {
	case TAP_TOO_COMPLEX:
		return MALFORMED_TOO_COMPLEX;
	case TAP_NO_MESSAGE:
		return MALFORMED_NO_MESSAGE;
	case TAP_BAD_TIME:
		return MALFORMED_BAD_TIME;
	case TAP_OK:
	case TAP_BAD_PROTOBUF:
		break;
	}
	return MALFORMED_BAD_PROTOBUF;
}

/*
 * CoreDNS before 1.8.2 has no version. 1.8.0 and 1.8.1 name no upstream in FORWARDER_*, older ones no client; and these
 * write the CQ, when the query has been answered, with the time of the CR, which has no query_time.
 */
static bool is_old_release(const struct tap *tap, const struct source *source)
{
	if (tap->version.len || tap->has_foreign_fields)
		return false;
	if (tap->type == TAP_FORWARDER_QUERY || tap->type == TAP_FORWARDER_RESPONSE)
		return tap->has_query_address != tap->has_response_address;
	return tap->type == TAP_CLIENT_RESPONSE && !tap->query_ns && tap->response_ns &&
	       tap->response_ns == source->last_cq_ns;
}

/*
 * CoreDNS emits the types 5 to 8 only, its CLIENT_* never tell at which address it was asked, it never writes some
 * fields, and from 1.8.0 on a query_time into every frame.
 */
static bool is_foreign(const struct tap *tap, const struct source *source)
{
	return tap->type < TAP_CLIENT_QUERY || tap->type > TAP_FORWARDER_RESPONSE || tap->has_foreign_fields ||
	       (tap->type <= TAP_CLIENT_RESPONSE && tap->has_response_address) ||
	       (tap->query_ns == 0 && !source->forwards_first &&
		(tap->type == TAP_CLIENT_RESPONSE || tap->type == TAP_FORWARDER_RESPONSE));
}

static void notify(struct engine *e, enum engine_notice notice, const struct source *source)
{
	if (e->callbacks.on_notice)
		e->callbacks.on_notice(e->callbacks.arg, notice, source);
}

static void on_foreign(struct engine *e, struct source *source)
{
	struct stream *stream = source->stream;
	struct list *l = stream->sessions.next;

	source->is_foreign = true;
	e->stats.nr_foreign_streams++;
	while (l != &stream->sessions) {
		struct session *s = container_of(l, struct session, by_activity);

		l = l->next;
		if (s->server == source->server)
			join_discard(e, s);
	}
	notify(e, ENGINE_NOTICE_FOREIGN, source);
}

static void on_old_release(struct engine *e, struct source *source)
{
	source->forwards_first = true;
	e->stats.nr_old_streams++;
	notify(e, ENGINE_NOTICE_OLD_RELEASE, source);
}

/* A leap of an hour ends all that is open, as a longer one would: so no sequence of leaps overflows the clock in a
 * lifetime. */
static int64_t clock_step(uint64_t step_ns)
{
	return step_ns < STREAM_LEAP_MAX_NS ? (int64_t)step_ns : (int64_t)STREAM_LEAP_MAX_NS;
}

/* Moves stream time. In a file no arrival is known and no clock is doubted. */
static void advance(struct engine *e, struct stream *stream, uint64_t time_ns, uint64_t arrived_ns)
{
	uint64_t timeout_ns = e->limits.session_timeout_ns;
	bool is_behind = time_ns + timeout_ns < stream->time_ns;

	if (stream->is_live && arrived_ns && time_ns > arrived_ns + timeout_ns) {
		e->stats.nr_clock_ahead++;
		stream->nr_behind = 0;
		return;
	}
	if (!stream->first_ns)
		stream->first_ns = time_ns;
	if (time_ns > stream->time_ns) {
		if (stream->time_ns)
			stream->clock_ns += clock_step(time_ns - stream->time_ns);
		stream->time_ns = time_ns;
	} else if (stream->is_live && is_behind && stream->nr_behind + 1 >= STREAM_BEHIND_MAX) {
		e->stats.nr_clock_restarted++;
		stream->time_ns = time_ns;
		is_behind = false;
	}
	stream->nr_behind = is_behind ? stream->nr_behind + 1 : 0;
}

static void expire(struct engine *e, struct stream *stream)
{
	int64_t timeout_ns = (int64_t)e->limits.session_timeout_ns;

	while (!list_empty(&stream->sessions)) {
		struct session *s = container_of(stream->sessions.next, struct session, by_activity);

		if (stream->clock_ns - s->active_ns <= timeout_ns)
			break;
		join_close(e, s, SESSION_EXPIRED);
	}
}

static void take_frame(struct engine *e, struct source *source, const struct tap *tap, uint64_t arrived_ns)
{
	struct event event;

	if (!source->forwards_first && !source->is_foreign && is_old_release(tap, source))
		on_old_release(e, source);
	if (source->is_foreign || is_foreign(tap, source)) {
		if (!source->is_foreign)
			on_foreign(e, source);
		e->stats.nr_foreign++;
		return;
	}
	if (!event_from_tap(tap, source->server->release, &e->open.key, &event)) {
		malformed(e, MALFORMED_NO_MESSAGE);
		return;
	}
	if (event.query_ns == 0 && source->forwards_first)
		join_find_time(e, source, &event);
	if (event.query_ns == 0) {
		malformed(e, MALFORMED_NO_TIME);
		return;
	}
	witness_want(e, event_time_ns(&event));
	advance(e, source->stream, event_time_ns(&event), arrived_ns);
	if (!list_empty(&source->server->orphans))
		join_adopt_orphans(e, source);
	join_event(e, source, &event);
	expire(e, source->stream);
	if (!list_empty(&e->evidence.vantages))
		witness_settle(e, arrived_ns);
}

void engine_frame(struct engine *e, struct stream *stream, struct slice frame, uint64_t arrived_ns)
{
	struct source *source;
	enum tap_error error;
	struct tap tap;
	bool is_new;

	e->stats.nr_frames++;
	e->stats.nr_bytes += frame.len;
	stream->arrived_ns = arrived_ns;
	error = tap_decode(frame, &e->arena, &tap);
	if (error) {
		malformed(e, reason_of(error));
		return;
	}
	source = servers_source(&e->servers, stream, tap.identity, tap.version, &is_new);
	if (is_new)
		witness_attach(e, source);
	if (source)
		take_frame(e, source, &tap, arrived_ns);
	else
		malformed(e, MALFORMED_NO_MEMORY);
}

void engine_stream_end(struct engine *e, struct stream *stream, uint64_t now_ns)
{
	for (struct list *l = stream->sources.next; l != &stream->sources; l = l->next)
		container_of(l, struct source, on_stream)->server->ended_ns = stream->time_ns;
	join_hand_over(e, stream, now_ns);
	stream_free(stream);
}

uint64_t engine_silence_ns(const struct engine *e, const struct stream *stream)
{
	const struct server *server = stream->last ? stream->last->server : NULL;

	if (server && release_flushes_each_second(server->release))
		return e->limits.session_timeout_ns + STREAM_FLUSH_MARGIN_NS;
	return e->limits.idle_timeout_ns > e->limits.session_timeout_ns ? e->limits.idle_timeout_ns
									: e->limits.session_timeout_ns;
}

static void close_all(struct engine *e, struct list *sessions, enum session_end end)
{
	while (!list_empty(sessions))
		join_close(e, container_of(sessions->next, struct session, by_activity), end);
}

void engine_tick(struct engine *e, uint64_t now_ns)
{
	for (struct list *l = e->streams.next; l != &e->streams; l = l->next) {
		struct stream *stream = container_of(l, struct stream, on_engine);

		if (stream->arrived_ns && now_ns > stream->arrived_ns + engine_silence_ns(e, stream))
			close_all(e, &stream->sessions, SESSION_EXPIRED);
	}
	for (struct list *l = e->servers.lru.next; l != &e->servers.lru; l = l->next) {
		struct server *server = container_of(l, struct server, lru);

		if (now_ns >= server->orphans_until_ns)
			close_all(e, &server->orphans, SESSION_STREAM_ENDED);
	}
	witness_settle(e, now_ns);
}

void engine_drain(struct engine *e)
{
	struct list *l = e->open.lru.next;

	while (l != &e->open.lru) {
		struct session *s = container_of(l, struct session, lru);

		l = l->next;
		if (!s->is_held)
			join_close(e, s, SESSION_STREAM_ENDED);
	}
	witness_drain(e);
}

const struct engine_stats *engine_stats(struct engine *e)
{
	e->stats.nr_open = e->open.count;
	e->stats.nr_forgotten = e->closed.nr_forgotten;
	e->stats.nr_sightings = e->evidence.count;
	e->stats.nr_sightings_forgotten = e->evidence.nr_forgotten;
	e->stats.nr_silent_servers = vantages_silent(e);
	e->stats.nr_tcp_forgotten = watch_stats(e->watch)->nr_forgotten;
	e->stats.nr_tcp_gaps = watch_stats(e->watch)->nr_gaps;
	e->stats.nr_server_overflow = e->servers.nr_overflow;
	return &e->stats;
}

const struct server *engine_next_server(const struct engine *e, const struct server *before)
{
	return servers_next(&e->servers, before);
}
