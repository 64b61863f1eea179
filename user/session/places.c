#include <errno.h>

#include "witness.h"

static bool has_address(const struct vantage *v, const struct addr *peer)
{
	for (unsigned i = 0; i < v->nr_addresses; i++)
		if (addr_eq_ip(&v->addresses[i], peer))
			return true;
	return false;
}

static bool is_attached(const struct server *server, const struct vantage *v)
{
	for (unsigned i = 0; i < server->nr_vantages; i++)
		if (server->vantages[i] == v)
			return true;
	return false;
}

static void attach(struct server *server, struct vantage *v)
{
	if (is_attached(server, v) || server->nr_vantages == SERVER_VANTAGES_MAX)
		return;
	if (v->nr_servers == EVIDENCE_SERVERS) {
		/* A capture of very many: the first one stays without. */
		return;
	}
	server->vantages[server->nr_vantages++] = v;
	if (!server->kernel_since_ns)
		server->kernel_since_ns = v->began_ns ? v->began_ns : 1;
	v->servers[v->nr_servers++] = server;
	/* What was lost before it spoke may have been its own. */
	server->kernel_events_lost += v->nr_lost;
	v->nr_lost = 0;
}

static void detach(struct server *server, struct vantage *v)
{
	for (unsigned i = 0; i < server->nr_vantages; i++) {
		if (server->vantages[i] != v)
			continue;
		server->vantages[i] = server->vantages[--server->nr_vantages];
		return;
	}
}

/* How surely the source speaks from there: 0 not at all. */
static unsigned likeness(const struct vantage *v, const struct source *source)
{
	const struct stream *stream = source->stream;

	if (v->ended_ns && !v->is_capture)
		return 0;
	if (!stream->is_live)
		return v->is_capture ? 2 : 0;
	if (v->is_capture)
		return 0;
	if (addr_known(&stream->peer) && has_address(v, &stream->peer))
		return 2;
	return v->hostname.len && source->server->has_identity && slice_eq(server_name(source->server), v->hostname);
}

void witness_attach(struct engine *e, struct source *source)
{
	struct list *vantages = &e->evidence.vantages;
	unsigned best = 1;

	for (struct list *l = vantages->next; l != vantages; l = l->next) {
		unsigned n = likeness(container_of(l, struct vantage, on_engine), source);

		best = n > best ? n : best;
	}
	/* Many processes may have one hostname; their addresses differ. */
	for (struct list *l = vantages->next; l != vantages; l = l->next) {
		struct vantage *v = container_of(l, struct vantage, on_engine);

		if (likeness(v, source) == best)
			attach(source->server, v);
	}
}

/*
 * Neither address nor name tells where the server is: dnstap comes by way of something else, and up to 1.9.3 without
 * identity, or with one of the Corefile's. The packet of a query that it has shown does: same client, port, id and
 * question, just before.
 */
void witness_recognise(struct engine *e, struct source *source, const struct event *event)
{
	struct wanted w = {
		.querier = event->client,
		.question_hash = event->question_hash,
		.from_ns = event->query_ns > NS_PER_S ? event->query_ns - NS_PER_S : 0,
		.to_ns = event->query_ns,
		.id = event->id,
		.has_id = true,
		.protocol = event->protocol,
	};
	struct vantage *only = NULL;
	unsigned nr = 0;

	if (!source->stream->is_live || !event->has_id || !event->has_question || !addr_known(&event->client))
		return;
	for (struct list *l = e->evidence.vantages.next; l != &e->evidence.vantages; l = l->next) {
		struct vantage *v = container_of(l, struct vantage, on_engine);

		w.vantage = v;
		if (v->is_capture || v->ended_ns || !evidence_find(&e->evidence, &w, NULL))
			continue;
		only = v;
		nr++;
	}
	if (nr == 1)
		attach(source->server, only);
}

struct vantage *engine_vantage_new(struct engine *e, const struct vantage_config *config)
{
	struct vantage *v = e->stats.nr_vantages < e->limits.vantages_max ? vantage_new(&e->evidence, config) : NULL;

	if (!v) {
		e->stats.nr_vantages_refused++;
		errno = e->stats.nr_vantages < e->limits.vantages_max ? ENOMEM : ENOSPC;
		return NULL;
	}
	e->stats.nr_vantages++;
	for (struct server *server = servers_next(&e->servers, NULL); server;
	     server = servers_next(&e->servers, server))
		for (struct list *l = server->sources.next; l != &server->sources; l = l->next)
			witness_attach(e, container_of(l, struct source, on_server));
	return v;
}

static void end(struct engine *e, struct vantage *v)
{
	unseen_judge(e, v, UINT64_MAX);
	for (unsigned i = 0; i < v->nr_servers; i++)
		detach(v->servers[i], v);
	watch_forget_place(e->watch, v->number);
	vantage_free(&e->evidence, v);
	e->stats.nr_vantages--;
}

void engine_vantage_end(struct engine *e, struct vantage *v, uint64_t now_ns)
{
	(void)e;
	v->ended_ns = v->is_capture || !now_ns ? v->time_ns : now_ns;
}

void engine_packets_lost(struct engine *e, uint64_t from_ns, uint64_t to_ns, uint64_t nr)
{
	for (struct list *l = e->evidence.vantages.next; l != &e->evidence.vantages; l = l->next) {
		struct vantage *v = container_of(l, struct vantage, on_engine);

		vantage_add_gap(v, from_ns, to_ns);
		v->nr_lost += v->nr_servers ? 0 : nr;
		for (unsigned i = 0; i < v->nr_servers; i++)
			v->servers[i]->kernel_events_lost += nr;
	}
}

/* Up to that time every frame of this stream has come. */
static uint64_t stream_ripe_ns(const struct engine *e, const struct stream *stream)
{
	uint64_t timeout_ns = e->limits.session_timeout_ns, silence_ns = engine_silence_ns(e, stream);
	uint64_t ripe_ns = stream->time_ns > timeout_ns ? stream->time_ns - timeout_ns : 0;

	if (e->now_ns > silence_ns && stream->arrived_ns <= e->now_ns - silence_ns && e->now_ns - silence_ns > ripe_ns)
		ripe_ns = e->now_ns - silence_ns;
	return ripe_ns;
}

/* By the same rules as sessions close, so that a frame that is still to come makes no double. */
static uint64_t vantage_ripe_ns(const struct engine *e, const struct vantage *v)
{
	uint64_t orphans_ns = UINT64_MAX, wait_ns = e->limits.session_timeout_ns + STREAM_FLUSH_MARGIN_NS;
	uint64_t ripe_ns = UINT64_MAX;

	for (unsigned i = 0; i < v->nr_servers; i++) {
		const struct server *server = v->servers[i];

		for (const struct list *l = server->sources.next; l != &server->sources; l = l->next) {
			const struct source *source = container_of(l, const struct source, on_server);
			uint64_t n = stream_ripe_ns(e, source->stream);

			ripe_ns = n < ripe_ns ? n : ripe_ns;
		}
		/* Sessions that wait for a successor of their stream will ask, too. */
		if (!list_empty(&server->orphans) &&
		    server->orphans_time_ns - 2 * e->limits.session_timeout_ns < orphans_ns)
			orphans_ns = server->orphans_time_ns - 2 * e->limits.session_timeout_ns;
	}
	/* No stream: one that is to come would have come by now. In a replay the end of all files is waited for. */
	if (ripe_ns == UINT64_MAX)
		ripe_ns = e->now_ns > wait_ns ? e->now_ns - wait_ns : 0;
	return ripe_ns < orphans_ns ? ripe_ns : orphans_ns;
}

static bool is_over(const struct engine *e, const struct vantage *v)
{
	return !v->is_capture && v->ended_ns && e->now_ns > v->ended_ns + JOIN_LATE_CALL_NS;
}

void vantages_judge(struct engine *e)
{
	struct list *l = e->evidence.vantages.next;

	while (l != &e->evidence.vantages) {
		struct vantage *v = container_of(l, struct vantage, on_engine);

		l = l->next;
		unseen_judge(e, v, vantage_ripe_ns(e, v));
		if (is_over(e, v))
			end(e, v);
	}
}

uint64_t vantages_silent(const struct engine *e)
{
	uint64_t nr = 0;

	for (const struct list *l = e->evidence.vantages.next; l != &e->evidence.vantages; l = l->next)
		nr += container_of(l, const struct vantage, on_engine)->nr_servers == 0;
	return nr;
}
