#include "server.h"

#include <errno.h>
#include <stdlib.h>

int servers_init(struct servers *ss, size_t max, const struct hash_key *key)
{
	*ss = (struct servers){ .max = max, .key = *key };
	list_init(&ss->lru);
	return table_init(&ss->table, max + 1);
}

static void server_free(struct servers *ss, struct server *server)
{
	table_remove(&server->node);
	list_remove(&server->lru);
	free(server);
	ss->count--;
}

void servers_release(struct servers *ss)
{
	if (!ss->table.buckets)
		return;
	while (!list_empty(&ss->lru))
		server_free(ss, container_of(ss->lru.next, struct server, lru));
	table_release(&ss->table);
}

static struct server *find(struct servers *ss, struct slice name, bool has_identity, uint64_t hash)
{
	for (struct table_node *n = table_find(&ss->table, hash); n; n = table_next(n)) {
		struct server *server = container_of(n, struct server, node);

		if (server->has_identity == has_identity && slice_eq(server_name(server), name))
			return server;
	}
	return NULL;
}

/* Forgets the server that was given a stream the longest ago and has neither stream nor session left. */
static bool make_room(struct servers *ss)
{
	for (struct list *l = ss->lru.next; l != &ss->lru; l = l->next) {
		struct server *server = container_of(l, struct server, lru);

		if (list_empty(&server->sources) && server->nr_open == 0 && server->name_len &&
		    server->nr_vantages == 0) {
			server_free(ss, server);
			return true;
		}
	}
	return false;
}

static struct server *server_new(struct servers *ss, struct slice name, bool has_identity, uint64_t hash)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->number = ++ss->last_number;
	server->has_identity = has_identity;
	server->name_len = (uint8_t)name.len;
	if (name.len)
		memcpy(server->name, name.data, name.len);
	list_init(&server->sources);
	list_init(&server->orphans);
	list_init(&server->lru);
	list_append(&ss->lru, &server->lru);
	table_insert(&ss->table, &server->node, hash);
	ss->count++;
	return server;
}

static struct server *server_get(struct servers *ss, struct slice name, bool has_identity)
{
	uint64_t hash = hash_bytes(&ss->key, name.data, name.len);
	struct server *server = find(ss, name, has_identity, hash);

	if (server)
		return server;
	if (ss->count >= ss->max && name.len && !make_room(ss)) {
		ss->nr_overflow++;
		return server_get(ss, slice_of("", 0), false);
	}
	return server_new(ss, name, has_identity, hash);
}

static void set_version(struct server *server, struct slice version)
{
	if (version.len > SERVER_VERSION_MAX)
		version.len = SERVER_VERSION_MAX;
	if (slice_eq(server_version(server), version))
		return;
	server->version_len = (uint8_t)version.len;
	if (version.len)
		memcpy(server->version, version.data, version.len);
	server->release = release_parse(version);
}

static struct source *source_new(struct server *server, struct stream *stream)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->server = server;
	source->stream = stream;
	list_init(&source->on_server);
	list_init(&source->on_stream);
	list_append(&server->sources, &source->on_server);
	list_append(&stream->sources, &source->on_stream);
	return source;
}

void source_free(struct source *source)
{
	if (source->stream->last == source)
		source->stream->last = NULL;
	list_remove(&source->on_server);
	list_remove(&source->on_stream);
	free(source);
}

static struct source *source_of(struct server *server, struct stream *stream)
{
	for (struct list *l = server->sources.prev; l != &server->sources; l = l->prev) {
		struct source *source = container_of(l, struct source, on_server);

		if (source->stream == stream)
			return source;
	}
	return NULL;
}

struct source *servers_source(struct servers *ss, struct stream *stream, struct slice identity, struct slice version,
			      bool *is_new)
{
	struct source *source = stream->last;
	struct server *server;
	struct buf peer;

	*is_new = false;
	if (identity.len > SERVER_NAME_MAX)
		identity.len = SERVER_NAME_MAX;
	/* On the nameless one frames are counted, and leave it when there is room for their server. */
	if (!source || source->server->has_identity != (identity.len > 0) ||
	    (addr_known(&stream->peer) && !source->server->name_len) ||
	    (identity.len && !slice_eq(server_name(source->server), identity))) {
		buf_init(&peer, ADDR_TEXT_MAX * 2);
		if (identity.len == 0)
			addr_print(&stream->peer, &peer);
		server = server_get(ss, identity.len ? identity : buf_slice(&peer), identity.len > 0);
		buf_release(&peer);
		source = server ? source_of(server, stream) : NULL;
		if (server && !source) {
			list_move_to_end(&ss->lru, &server->lru);
			source = source_new(server, stream);
			*is_new = source;
		}
		stream->last = source;
	}
	if (source)
		set_version(source->server, version);
	return source;
}

struct server *servers_next(const struct servers *ss, const struct server *before)
{
	const struct list *l = before ? before->lru.next : ss->lru.next;

	return l == &ss->lru ? NULL : container_of(l, struct server, lru);
}

bool server_asked_over_udp(struct server *server, const struct addr *upstream, uint8_t protocol)
{
	for (unsigned i = 0; i < server->nr_upstreams; i++)
		if (addr_eq(&server->upstreams_udp[i], upstream))
			return true;
	if (protocol != TAP_UDP)
		return false;
	server->upstreams_udp[server->next_upstream] = *upstream;
	server->next_upstream = (uint8_t)((server->next_upstream + 1) % SERVER_UPSTREAMS_MAX);
	if (server->nr_upstreams < SERVER_UPSTREAMS_MAX)
		server->nr_upstreams++;
	return false;
}
