#include "evidence.h"

#include <errno.h>
#include <stdlib.h>

int evidence_init(struct evidence *ev, size_t max, const struct hash_key *key)
{
	*ev = (struct evidence){ .max = max, .key = *key };
	list_init(&ev->vantages);
	ev->secret = hash_bytes(key, "evidence", 8);
	/* The count is the bound; each sighting is of a bounded size. */
	pool_init(&ev->pool, SIZE_MAX);
	return 0;
}

/* Tables cost memory: only where there is a vantage. */
static int tables_init(struct evidence *ev)
{
	if (ev->by_exchange.buckets)
		return 0;
	if (table_init(&ev->by_exchange, ev->max) || table_init(&ev->by_querier, ev->max) ||
	    table_init(&ev->by_question, ev->max))
		return -ENOMEM;
	return 0;
}

void evidence_release(struct evidence *ev)
{
	while (ev->vantages.next && !list_empty(&ev->vantages))
		vantage_free(ev, container_of(ev->vantages.next, struct vantage, on_engine));
	pool_release(&ev->pool);
	table_release(&ev->by_exchange);
	table_release(&ev->by_querier);
	table_release(&ev->by_question);
}

static uint64_t querier_key(const struct evidence *ev, const struct vantage *v, const struct addr *querier,
			    uint8_t protocol, bool is_response)
{
	struct {
		uint32_t vantage;
		uint16_t port;
		uint8_t protocol, is_response;
		uint8_t ip[16];
	} k = { .vantage = v->number, .port = querier->port, .protocol = protocol, .is_response = is_response };

	memcpy(k.ip, querier->ip, sizeof(k.ip));
	return hash_bytes(&ev->key, &k, sizeof(k));
}

static uint64_t exchange_key(uint64_t querier_key, uint16_t id)
{
	return open_spread(querier_key + id);
}

static uint64_t question_key(const struct evidence *ev, const struct vantage *v, uint64_t question_hash)
{
	return open_spread(ev->secret ^ question_hash ^ (uint64_t)v->number << 32);
}

struct vantage *vantage_new(struct evidence *ev, const struct vantage_config *config)
{
	struct vantage *v = tables_init(ev) ? NULL : calloc(1, sizeof(*v) + config->hostname.len);

	if (!v)
		return NULL;
	v->number = ++ev->last_vantage;
	v->is_capture = config->is_capture;
	v->hides_upstreams = config->hides_upstreams;
	v->began_ns = config->began_ns;
	list_init(&v->sightings);
	list_init(&v->on_engine);
	list_append(&ev->vantages, &v->on_engine);
	if (config->hostname.len) {
		memcpy(v + 1, config->hostname.data, config->hostname.len);
		v->hostname = slice_of(v + 1, config->hostname.len);
	}
	for (unsigned i = 0; i < config->nr_listens && i < VANTAGE_LISTENS_MAX; i++)
		v->listens[v->nr_listens++] = config->listens[i];
	for (unsigned i = 0; i < config->nr_addresses && i < VANTAGE_ADDRESSES_MAX; i++)
		v->addresses[v->nr_addresses++] = config->addresses[i];
	return v;
}

void vantage_free(struct evidence *ev, struct vantage *v)
{
	while (!list_empty(&v->sightings))
		evidence_remove(ev, container_of(v->sightings.next, struct sighting, in_time));
	list_remove(&v->on_engine);
	free(v);
}

bool vantage_listens_at(const struct vantage *v, const struct addr *at)
{
	for (unsigned i = 0; i < v->nr_listens; i++)
		if (v->listens[i].port == at->port && (!addr_known(&v->listens[i]) || addr_eq_ip(&v->listens[i], at)))
			return true;
	return false;
}

void vantage_learn_listen(struct vantage *v, const struct addr *at, struct server *server)
{
	if (!v->is_capture)
		return;
	for (unsigned i = 0; i < v->nr_listens; i++)
		if (addr_eq(&v->listens[i], at)) {
			v->listeners[i] = server;
			return;
		}
	if (v->nr_listens == VANTAGE_LISTENS_MAX)
		return;
	v->listeners[v->nr_listens] = server;
	v->listens[v->nr_listens++] = *at;
}

bool vantage_is_own(const struct vantage *v, const struct addr *at)
{
	for (unsigned i = 0; i < v->nr_own; i++)
		if (addr_eq_ip(&v->own[i], at))
			return true;
	for (unsigned i = 0; i < v->nr_addresses; i++)
		if (addr_eq_ip(&v->addresses[i], at))
			return true;
	return false;
}

void vantage_learn_own(struct vantage *v, const struct addr *at)
{
	if (v->nr_own < VANTAGE_LISTENS_MAX && !vantage_is_own(v, at))
		v->own[v->nr_own++] = *at;
}

void vantage_add_gap(struct vantage *v, uint64_t from_ns, uint64_t to_ns)
{
	struct gap *last = v->nr_gaps ? &v->gaps[v->nr_gaps - 1] : NULL;

	if (last && (from_ns <= last->to_ns || v->nr_gaps == EVIDENCE_GAPS)) {
		if (v->nr_gaps == EVIDENCE_GAPS && from_ns > last->to_ns) {
			/* The two oldest become one, with what lies between them. */
			v->gaps[1].from_ns = v->gaps[0].from_ns;
			memmove(v->gaps, v->gaps + 1, (EVIDENCE_GAPS - 1) * sizeof(*v->gaps));
			v->gaps[EVIDENCE_GAPS - 1] = (struct gap){ from_ns, to_ns };
			return;
		}
		if (to_ns > last->to_ns)
			last->to_ns = to_ns;
		return;
	}
	v->gaps[v->nr_gaps++] = (struct gap){ from_ns, to_ns };
}

bool vantage_covers(const struct vantage *v, uint64_t from_ns, uint64_t to_ns)
{
	if (from_ns < v->began_ns || (v->ended_ns && to_ns > v->ended_ns))
		return false;
	for (unsigned i = v->nr_gaps; i-- > 0;)
		if (v->gaps[i].from_ns <= to_ns && v->gaps[i].to_ns >= from_ns)
			return false;
	return true;
}

void evidence_remove(struct evidence *ev, struct sighting *s)
{
	struct kernel_view *k = s->claimant ? s->claimant->kernel : NULL;

	if (k && k->query == s)
		k->query = NULL;
	if (k && k->response == s)
		k->response = NULL;
	table_remove(&s->by_exchange);
	table_remove(&s->by_querier);
	table_remove(&s->by_question);
	list_remove(&s->in_time);
	ev->count--;
	pool_free(&ev->pool, s, sizeof(*s) + s->question_len);
}

/* The oldest of the vantage that has most; no client can push out another server's evidence alone. */
static void forget_oldest(struct evidence *ev)
{
	struct sighting *oldest = NULL;

	for (struct list *l = ev->vantages.next; l != &ev->vantages; l = l->next) {
		struct vantage *v = container_of(l, struct vantage, on_engine);
		struct sighting *s;

		if (list_empty(&v->sightings))
			continue;
		s = container_of(v->sightings.next, struct sighting, in_time);
		if (!oldest || s->time_ns < oldest->time_ns)
			oldest = s;
	}
	if (!oldest)
		return;
	vantage_add_gap(oldest->vantage, oldest->time_ns, oldest->time_ns);
	ev->nr_forgotten++;
	evidence_remove(ev, oldest);
}

static void set_question(struct sighting *s, const struct dns_sighting *m)
{
	uint8_t *tail = s->question + m->qname.len;

	memcpy(s->question, m->qname.data, m->qname.len);
	tail[0] = (uint8_t)(m->qtype >> 8);
	tail[1] = (uint8_t)m->qtype;
	tail[2] = (uint8_t)(m->qclass >> 8);
	tail[3] = (uint8_t)m->qclass;
}

struct sighting *evidence_add(struct evidence *ev, struct vantage *v, const struct dns_sighting *m,
			      enum sighting_role role)
{
	/* A response without a query that carries the question needs it as much. */
	size_t question_len = m->has_question ? m->qname.len + 4 : 0;
	struct sighting *s;
	uint64_t key;

	if (ev->count >= ev->max)
		forget_oldest(ev);
	s = pool_alloc(&ev->pool, sizeof(*s) + question_len);
	if (!s)
		return NULL;
	*s = (struct sighting){
		.vantage = v,
		.time_ns = m->packet->time_ns,
		.question_hash = m->has_question ? m->question_hash : 0,
		.querier = m->querier,
		.responder = m->responder,
		.interface = m->packet->interface,
		.direction = (uint8_t)m->packet->direction,
		.rcode = m->is_response ? m->rcode : RCODE_UNKNOWN,
		.id = m->id,
		.flags = m->flags,
		.protocol = m->protocol,
		.role = role,
		.is_response = m->is_response,
		.was_seen = m->packet->kind == PACKET_SEEN,
		.is_wellformed = (m->is_whole || m->is_cut) && m->has_question,
		.question_len = (uint16_t)question_len,
	};
	if (question_len)
		set_question(s, m);
	list_init(&s->in_time);
	list_append(&v->sightings, &s->in_time);
	key = querier_key(ev, v, &s->querier, s->protocol, s->is_response);
	table_insert(&ev->by_querier, &s->by_querier, key);
	table_insert(&ev->by_exchange, &s->by_exchange, exchange_key(key, s->id));
	if (!s->is_response && s->question_hash)
		table_insert(&ev->by_question, &s->by_question, question_key(ev, v, s->question_hash));
	ev->count++;
	return s;
}

static bool fits(const struct sighting *s, const struct wanted *w)
{
	return s->vantage == w->vantage && (!s->claimant || w->or_claimed) && s->is_response == w->is_response &&
	       s->time_ns >= w->from_ns && s->time_ns <= w->to_ns && (!w->has_id || s->id == w->id) &&
	       (!addr_known(&w->querier) || addr_eq(&s->querier, &w->querier)) &&
	       (!addr_known(&w->responder) || addr_eq(&s->responder, &w->responder)) &&
	       (w->protocol == TAP_PROTOCOL_NONE || s->protocol == w->protocol) &&
	       (!w->question_hash || !s->question_hash || s->question_hash == w->question_hash);
}

/* Which chain holds all that may fit, and where its node stands in a sighting. */
static struct table_node *chain(const struct evidence *ev, const struct wanted *w, size_t *node_at)
{
	uint64_t key;

	if (!ev->by_exchange.buckets)
		return NULL;
	if (!addr_known(&w->querier)) {
		*node_at = offsetof(struct sighting, by_question);
		return table_find(&ev->by_question, question_key(ev, w->vantage, w->question_hash));
	}
	key = querier_key(ev, w->vantage, &w->querier, w->protocol, w->is_response);
	if (!w->has_id) {
		*node_at = offsetof(struct sighting, by_querier);
		return table_find(&ev->by_querier, key);
	}
	*node_at = offsetof(struct sighting, by_exchange);
	return table_find(&ev->by_exchange, exchange_key(key, w->id));
}

struct sighting *evidence_find(const struct evidence *ev, const struct wanted *w, const struct sighting *at)
{
	size_t node_at = 0;
	struct table_node *n = chain(ev, w, &node_at);

	if (at)
		n = table_next((const struct table_node *)(const void *)((const char *)at + node_at));
	for (unsigned i = 0; n && i < EVIDENCE_STEPS_MAX; n = table_next(n), i++) {
		struct sighting *s = (struct sighting *)(void *)((char *)n - node_at);

		if (fits(s, w))
			return s;
	}
	return NULL;
}

struct sighting *evidence_find_oldest(const struct evidence *ev, const struct wanted *w)
{
	struct sighting *oldest = NULL, *s = NULL;

	for (unsigned i = 0; i < EVIDENCE_STEPS_MAX && (s = evidence_find(ev, w, s)); i++)
		oldest = s;
	return oldest;
}
