#include "link.h"

static bool same_id(const struct session *s, const struct event *e)
{
	return !s->has_id || !e->has_id || s->id == e->id;
}

static bool same_question(const struct session *s, const struct event *e)
{
	return !s->has_question || !e->has_question || s->question_hash == e->question_hash;
}

static bool same_client(const struct session *s, const struct event *e)
{
	return addr_eq(&s->client, &e->client);
}

static bool client_may_be(const struct session *s, const struct event *e)
{
	return !addr_known(&e->client) || e->client_is_guess || !addr_known(&s->client) || same_client(s, e);
}

struct session *link_query(const struct open_sessions *o, const struct server *server, const struct event *e)
{
	struct table_node *n = table_find(&o->by_query, open_query_key(o, server, e));
	struct session *best = NULL;

	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX; n = table_next(n), i++) {
		struct session *s = container_of(n, struct session, by_query);

		if (!same_id(s, e) || s->server != server)
			continue;
		/* Chains run from new to old: without a better sign the last one wins. */
		if (!best || same_question(s, e) || !same_question(best, e))
			best = s;
	}
	return best;
}

struct session *link_call(const struct open_sessions *o, const struct server *server, const struct event *e)
{
	struct table_node *n = table_find(&o->calls, open_call_key(o, server, e->query_ns));

	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX; n = table_next(n), i++) {
		struct call *call = container_of(n, struct call, node);
		struct session *s = call->session;

		if (call->query_ns == e->query_ns && s->server == server && same_id(s, e) && client_may_be(s, e))
			return s;
	}
	return NULL;
}

/*
 * CoreDNS refreshes its cache over TCP. Where it asks that upstream over UDP for its clients, an FQ/FR over TCP is no
 * part of a UDP client's session.
 */
static bool is_refresh_for(const struct session *s, const struct event *e, bool asked_over_udp)
{
	return asked_over_udp && e->protocol == TAP_TCP && s->protocol == TAP_UDP && !e->marks_client;
}

struct search {
	const struct event *e;
	bool asked_over_udp;
	struct session *best;
	unsigned nr; /* candidates that fit */
};

/* Where the client is unknown the protocol may tell: CoreDNS asks as it was asked, if it is not told otherwise. */
static bool speaks_alike(const struct search *search, const struct session *s)
{
	return addr_known(&search->e->client) || s->protocol == search->e->protocol;
}

static bool is_better(const struct search *search, const struct session *s, const struct session *best)
{
	if (speaks_alike(search, s) != speaks_alike(search, best))
		return speaks_alike(search, s);
	if (!s->nr_attempts != !best->nr_attempts)
		return !s->nr_attempts;
	return s->query_ns > best->query_ns;
}

/* Sessions without an attempt first, then the one that started last. */
static void consider(struct search *search, struct session *s)
{
	const struct event *e = search->e;

	if (!(s->bitmap & BIT_CQ) || (s->bitmap & BIT_CR) || s->query_ns > e->query_ns ||
	    is_refresh_for(s, e, search->asked_over_udp))
		return;
	search->nr++;
	if (!search->best || is_better(search, s, search->best))
		search->best = s;
}

static struct link found(const struct search *search, bool is_approximate)
{
	return (struct link){ .session = search->best,
			      .is_approximate = search->best && (is_approximate || search->nr > 1) };
}

typedef bool (*match_fn)(const struct session *s, const struct event *e);

static bool of_same_client(const struct session *s, const struct event *e)
{
	return addr_known(&e->client) && same_client(s, e);
}

/* The offset of the index node in struct session tells which index the chain belongs to. */
static void search_chain(struct search *search, struct table_node *n, size_t node_at, match_fn match)
{
	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX; n = table_next(n), i++) {
		struct session *s = (struct session *)(void *)((char *)n - node_at);

		if (match(s, search->e))
			consider(search, s);
	}
}

/* b, c: id and question. */
static struct link by_question(const struct open_sessions *o, const struct server *server, struct search *search)
{
	const struct event *e = search->e;
	struct table_node *chain = table_find(&o->by_question, open_question_key(server, e->id, e->question_hash));

	search_chain(search, chain, offsetof(struct session, by_question), of_same_client);
	if (!search->best)
		search_chain(search, chain, offsetof(struct session, by_question), client_may_be);
	return found(search, false);
}

/* d: id, and another name, by rewrite or autopath. Without the client only where nobody else has that id. */
static struct link by_id(const struct open_sessions *o, const struct server *server, struct search *search)
{
	struct table_node *chain = table_find(&o->by_id, open_id_key(o, server, search->e->id));

	search_chain(search, chain, offsetof(struct session, by_id), of_same_client);
	if (search->best)
		return found(search, false);
	search_chain(search, chain, offsetof(struct session, by_id), client_may_be);
	if (search->nr == 1)
		return found(search, true);
	return (struct link){ 0 };
}

/* e: without ids: client and time, else time alone. */
static struct link by_time(const struct open_sessions *o, const struct server *server, struct search *search)
{
	const struct event *e = search->e;
	const struct list *l = o->lru.prev;

	if (addr_known(&e->client))
		search_chain(search, table_find(&o->by_client, open_client_key(o, server, &e->client)),
			     offsetof(struct session, by_client), of_same_client);
	if (search->best || (addr_known(&e->client) && !e->client_is_guess))
		return found(search, true);
	for (unsigned i = 0; l != &o->lru && i < LINK_TIME_ALONE_MAX; l = l->prev, i++) {
		struct session *s = container_of(l, struct session, lru);

		if (s->server == server)
			consider(search, s);
	}
	return found(search, true);
}

struct link link_forwarder(const struct open_sessions *o, struct server *server, const struct event *e)
{
	struct search search = {
		.e = e,
		/* Of a dial that failed the protocol is that which was wished for. */
		.asked_over_udp =
			server_asked_over_udp(server, &e->upstream, e->is_unsent ? TAP_PROTOCOL_NONE : e->protocol),
	};
	struct link link = { 0 };

	if (e->marks_refresh)
		return link;
	if (!e->has_id)
		return by_time(o, server, &search);
	if (e->has_question)
		link = by_question(o, server, &search);
	if (!link.session)
		link = by_id(o, server, &search);
	return link;
}

/* FQ/FR without CQ that may belong to the client's query of e. */
static bool is_group_of(const struct session *s, struct server *server, const struct event *e)
{
	uint64_t until_ns = e->response_ns ? e->response_ns : UINT64_MAX;

	if (s->server != server || s->bitmap & (BIT_CQ | BIT_CR) || s->is_refresh || s->query_ns < e->query_ns ||
	    s->query_ns > until_ns || !client_may_be(s, e))
		return false;
	return !(s->protocol == TAP_TCP && e->protocol == TAP_UDP && !s->is_clients && s->attempts &&
		 server_asked_over_udp(server, &s->attempts->upstream, TAP_TCP));
}

unsigned link_groups(const struct open_sessions *o, struct server *server, const struct event *e,
		     struct session *groups[LINK_GROUPS_MAX])
{
	size_t node_at = e->has_id ? offsetof(struct session, by_id) : offsetof(struct session, by_client);
	struct table_node *n = e->has_id ? table_find(&o->by_id, open_id_key(o, server, e->id))
					 : table_find(&o->by_client, open_client_key(o, server, &e->client));
	unsigned nr = 0;

	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX && nr < LINK_GROUPS_MAX; n = table_next(n), i++) {
		struct session *s = (struct session *)(void *)((char *)n - node_at);

		if (is_group_of(s, server, e))
			groups[nr++] = s;
	}
	return nr;
}

struct session *link_need(const struct open_sessions *o, const struct server *server, const struct event *e)
{
	struct table_node *n = table_find(&o->by_question, open_question_key(server, e->id, e->question_hash));

	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX; n = table_next(n), i++) {
		struct session *s = container_of(n, struct session, by_question);

		if (s->server == server && same_client(s, e) && s->protocol == e->protocol)
			return s;
	}
	return NULL;
}

struct session *link_timeless(const struct open_sessions *o, const struct server *server, const struct event *e)
{
	struct table_node *n = e->has_id ? table_find(&o->by_id, open_id_key(o, server, e->id)) : NULL;

	for (unsigned i = 0; n && i < LINK_CANDIDATES_MAX; n = table_next(n), i++) {
		struct session *s = container_of(n, struct session, by_id);

		if (s->server != server)
			continue;
		if (e->kind == KIND_CLIENT_RESPONSE && (s->bitmap & BIT_CQ) && same_client(s, e))
			return s;
		if (e->kind == KIND_FORWARDER_RESPONSE && s->nr_unanswered && s->attempts_last &&
		    addr_eq(&s->attempts_last->upstream, &e->upstream))
			return s;
	}
	return NULL;
}
