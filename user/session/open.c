#include "open.h"

#include <errno.h>

int open_init(struct open_sessions *o, size_t max, size_t memory_max, const struct hash_key *key)
{
	*o = (struct open_sessions){ .max = max, .key = *key };
	list_init(&o->lru);
	pool_init(&o->pool, memory_max);
	o->secret = hash_bytes(key, "order", 5);
	if (table_init(&o->by_query, max) || table_init(&o->by_question, max) || table_init(&o->by_id, max) ||
	    table_init(&o->by_client, max) || table_init(&o->calls, max))
		return -ENOMEM;
	return 0;
}

void open_release(struct open_sessions *o)
{
	pool_release(&o->pool);
	table_release(&o->by_query);
	table_release(&o->by_question);
	table_release(&o->by_id);
	table_release(&o->by_client);
	table_release(&o->calls);
}

uint64_t open_query_key(const struct open_sessions *o, const struct server *server, const struct event *e)
{
	struct {
		uint64_t query_ns;
		uint32_t server;
		uint16_t port;
		uint8_t protocol, address_len;
		uint8_t ip[16];
	} k = { .query_ns = e->query_ns,
		.server = server->number,
		.port = e->client.port,
		.protocol = e->protocol,
		.address_len = e->client.len };

	memcpy(k.ip, e->client.ip, sizeof(k.ip));
	return hash_bytes(&o->key, &k, sizeof(k));
}

uint64_t open_question_key(const struct server *server, uint16_t id, uint64_t question_hash)
{
	return open_spread(question_hash ^ ((uint64_t)server->number << 16 | id));
}

uint64_t open_id_key(const struct open_sessions *o, const struct server *server, uint16_t id)
{
	return open_spread(o->secret ^ ((uint64_t)server->number << 16 | id));
}

uint64_t open_client_key(const struct open_sessions *o, const struct server *server, const struct addr *client)
{
	struct {
		uint32_t server;
		uint16_t port;
		uint16_t address_len;
		uint8_t ip[16];
	} k = { .server = server->number, .port = client->port, .address_len = client->len };

	memcpy(k.ip, client->ip, sizeof(k.ip));
	return hash_bytes(&o->key, &k, sizeof(k));
}

uint64_t open_call_key(const struct open_sessions *o, const struct server *server, uint64_t query_ns)
{
	return open_spread(open_spread(o->secret ^ query_ns) ^ server->number);
}

struct session *open_new(struct open_sessions *o, struct server *server, struct stream *stream)
{
	struct session *s = o->count < o->max ? pool_alloc(&o->pool, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	*s = (struct session){
		.server = server,
		.stream = stream,
		.active_ns = stream ? stream->clock_ns : 0,
		.rcode = RCODE_UNKNOWN,
		.last_fr_rcode = RCODE_UNKNOWN,
	};
	list_init(&s->by_activity);
	list_init(&s->lru);
	if (stream)
		list_append(&stream->sessions, &s->by_activity);
	list_append(&o->lru, &s->lru);
	server->nr_open++;
	o->count++;
	return s;
}

void open_drop_message(struct open_sessions *o, struct message *message)
{
	if (message)
		pool_free(&o->pool, message, sizeof(*message) + message->len);
}

static void free_attempt(struct open_sessions *o, struct attempt *a)
{
	open_drop_message(o, a->query);
	open_drop_message(o, a->response);
	if (a->kernel)
		pool_free(&o->pool, a->kernel, sizeof(*a->kernel));
	pool_free(&o->pool, a, sizeof(*a));
}

void open_unindex(struct open_sessions *o, struct session *s)
{
	table_remove(&s->by_query);
	table_remove(&s->by_question);
	table_remove(&s->by_id);
	table_remove(&s->by_client);
	list_remove(&s->by_activity);
	while (s->calls) {
		struct call *call = s->calls;

		s->calls = call->next;
		table_remove(&call->node);
		pool_free(&o->pool, call, sizeof(*call));
	}
}

void open_free(struct open_sessions *o, struct session *s)
{
	open_unindex(o, s);
	list_remove(&s->lru);
	while (s->attempts) {
		struct attempt *a = s->attempts;

		s->attempts = a->next;
		free_attempt(o, a);
	}
	open_drop_message(o, s->query);
	open_drop_message(o, s->response);
	open_drop_message(o, s->extra);
	if (s->kernel) {
		open_drop_message(o, s->kernel->question);
		pool_free(&o->pool, s->kernel, sizeof(*s->kernel));
	}
	s->server->nr_open--;
	o->count--;
	pool_free(&o->pool, s, sizeof(*s));
}

void open_index_query(struct open_sessions *o, struct session *s)
{
	struct event key = { .query_ns = s->query_ns, .client = s->client, .protocol = s->protocol };

	/* It may stand in one of these as a group already. */
	table_remove(&s->by_id);
	table_remove(&s->by_client);
	table_insert(&o->by_query, &s->by_query, open_query_key(o, s->server, &key));
	if (s->has_id)
		table_insert(&o->by_id, &s->by_id, open_id_key(o, s->server, s->id));
	else
		table_insert(&o->by_client, &s->by_client, open_client_key(o, s->server, &s->client));
	if (s->has_id && s->has_question)
		table_insert(&o->by_question, &s->by_question, open_question_key(s->server, s->id, s->question_hash));
}

void open_index_group(struct open_sessions *o, struct session *s)
{
	if (s->has_id)
		table_insert(&o->by_id, &s->by_id, open_id_key(o, s->server, s->id));
	else
		table_insert(&o->by_client, &s->by_client, open_client_key(o, s->server, &s->client));
}

void open_touch(struct open_sessions *o, struct session *s, struct stream *stream)
{
	s->stream = stream;
	s->active_ns = stream->clock_ns;
	list_move_to_end(&stream->sessions, &s->by_activity);
	list_move_to_end(&o->lru, &s->lru);
}

bool open_add_call(struct open_sessions *o, struct session *s, uint64_t query_ns)
{
	struct call *call;

	if (s->nr_calls >= CALLS_PER_SESSION_MAX)
		return false;
	call = pool_alloc(&o->pool, sizeof(*call));
	if (!call)
		return false;
	*call = (struct call){ .session = s, .next = s->calls, .query_ns = query_ns };
	s->calls = call;
	s->nr_calls++;
	table_insert(&o->calls, &call->node, open_call_key(o, s->server, query_ns));
	return true;
}

struct message *open_keep_message(struct open_sessions *o, struct slice bytes, uint64_t time_ns)
{
	struct message *m = pool_alloc(&o->pool, sizeof(*m) + bytes.len);

	if (!m)
		return NULL;
	m->time_ns = time_ns;
	m->len = (uint32_t)bytes.len;
	if (bytes.len)
		memcpy(m->bytes, bytes.data, bytes.len);
	return m;
}

/* Links a at the end; the ninth and later ones push the oldest of the last eight out of the middle. */
static void append_attempt(struct open_sessions *o, struct session *s, struct attempt *a)
{
	struct attempt *middle;

	a->next = NULL;
	if (s->attempts_last)
		s->attempts_last->next = a;
	else
		s->attempts = a;
	s->attempts_last = a;
	if (++s->nr_attempts == ATTEMPTS_KEPT_FIRST)
		s->attempts_eighth = a;
	if (s->nr_attempts > ATTEMPTS_KEPT_FIRST + ATTEMPTS_KEPT_LAST) {
		middle = s->attempts_eighth->next;
		s->attempts_eighth->next = middle->next;
		free_attempt(o, middle);
	}
}

struct attempt *open_add_attempt(struct open_sessions *o, struct session *s)
{
	struct attempt *a = pool_alloc(&o->pool, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct attempt){ .rcode = RCODE_UNKNOWN };
	append_attempt(o, s, a);
	return a;
}

void open_move_attempts(struct open_sessions *o, struct session *from, struct session *to)
{
	uint32_t dropped = from->nr_attempts;

	while (from->attempts) {
		struct attempt *a = from->attempts;

		from->attempts = a->next;
		append_attempt(o, to, a);
		dropped--;
	}
	to->nr_attempts += dropped;
	from->attempts_eighth = from->attempts_last = NULL;
	from->nr_attempts = 0;
	while (from->calls) {
		struct call *call = from->calls;

		from->calls = call->next;
		call->session = to;
		call->next = to->calls;
		to->calls = call;
		to->nr_calls++;
	}
	from->nr_calls = 0;
}
