#include "watch_flow.h"

#include <stdlib.h>

static uint64_t flow_hash(const struct watch *w, uint32_t place, const struct addr ends[2])
{
	struct {
		uint32_t place;
		uint16_t ports[2];
		uint8_t ips[2][16];
	} k = { .place = place, .ports = { ends[0].port, ends[1].port } };

	memcpy(k.ips[0], ends[0].ip, 16);
	memcpy(k.ips[1], ends[1].ip, 16);
	return hash_bytes(&w->key, &k, sizeof(k));
}

static bool is_lower(const struct addr *a, const struct addr *b)
{
	int n = memcmp(a->ip, b->ip, sizeof(a->ip));

	return n < 0 || (n == 0 && a->port < b->port);
}

static struct flow *find(const struct watch *w, uint32_t place, const struct addr ends[2], uint64_t hash)
{
	for (struct table_node *n = table_find(&w->table, hash); n; n = table_next(n)) {
		struct flow *flow = container_of(n, struct flow, node);

		if (flow->place == place && addr_eq(&flow->ends[0], &ends[0]) && addr_eq(&flow->ends[1], &ends[1]))
			return flow;
	}
	return NULL;
}

static void drop_waiting(struct watch *w, struct side *side)
{
	while (side->waiting) {
		struct waiting *first = side->waiting;

		side->waiting = first->next;
		free(first);
	}
	w->waiting_bytes -= side->waiting_bytes;
	side->waiting_bytes = 0;
}

void flow_free(struct watch *w, struct flow *flow)
{
	drop_waiting(w, &flow->sides[0]);
	drop_waiting(w, &flow->sides[1]);
	table_remove(&flow->node);
	list_remove(&flow->lru);
	w->stats.nr_connections--;
	free(flow);
}

static struct flow *flow_of(struct watch *w, uint32_t place, const struct packet *p, bool *src_is_second)
{
	struct addr ends[2] = { p->src, p->dst };
	struct flow *flow;
	uint64_t hash;

	*src_is_second = is_lower(&p->dst, &p->src);
	if (*src_is_second) {
		ends[0] = p->dst;
		ends[1] = p->src;
	}
	hash = flow_hash(w, place, ends);
	flow = find(w, place, ends, hash);
	if (!flow) {
		if (w->stats.nr_connections >= w->max && !list_empty(&w->flows)) {
			w->stats.nr_forgotten++;
			flow_free(w, container_of(w->flows.next, struct flow, lru));
		}
		flow = calloc(1, sizeof(*flow));
		if (!flow)
			return NULL;
		flow->place = place;
		flow->ends[0] = ends[0];
		flow->ends[1] = ends[1];
		flow->querier = -1;
		list_init(&flow->lru);
		list_append(&w->flows, &flow->lru);
		table_insert(&w->table, &flow->node, hash);
		w->stats.nr_connections++;
	}
	list_move_to_end(&w->flows, &flow->lru);
	return flow;
}

bool flow_begins_message(struct slice bytes)
{
	struct dns_scan scan;
	size_t len;

	if (bytes.len < FLOW_LENGTH + DNS_HEADER_SIZE)
		return false;
	len = (size_t)bytes.data[0] << 8 | bytes.data[1];
	if (len < DNS_HEADER_SIZE)
		return false;
	bytes = slice_of(bytes.data + 2, bytes.len - 2 < len ? bytes.len - 2 : len);
	if (dns_scan(bytes, &scan) == DNS_SHORT_HEADER || scan.header.qdcount > 1 || dns_opcode(&scan.header) > 6)
		return false;
	return scan.has_question || scan.header.qdcount == 0 || bytes.len < len;
}

/* Bytes were never seen: go on where a segment begins with a message. */
static void tear(struct watch *w, struct side *side)
{
	w->stats.nr_gaps++;
	side->is_torn = true;
	side->is_known = false;
	side->skip = side->head_len = 0;
	drop_waiting(w, side);
}

static uint32_t message_len(const struct side *side)
{
	return (uint32_t)side->head[0] << 8 | side->head[1];
}

static void tell_head(struct watch *w, struct side *side, const struct packet *p)
{
	uint32_t len = message_len(side), seen = side->head_len - FLOW_LENGTH;

	side->skip = len - seen;
	side->head_len = 0;
	watch_tell(w, p, slice_of(side->head + FLOW_LENGTH, seen), len);
}

/* Takes bytes into the head; what is left stays in *bytes. */
static void fill_head(struct watch *w, struct side *side, struct slice *bytes, const struct packet *p)
{
	uint32_t want = FLOW_LENGTH;
	size_t n;

	if (side->head_len >= FLOW_LENGTH) {
		want = FLOW_LENGTH + message_len(side);
		want = want < FLOW_HEAD ? want : FLOW_HEAD;
	}
	n = want - side->head_len < bytes->len ? want - side->head_len : bytes->len;
	memcpy(side->head + side->head_len, bytes->data, n);
	side->head_len += (uint32_t)n;
	*bytes = slice_of(bytes->data + n, bytes->len - n);
	if (side->head_len < FLOW_LENGTH)
		return;
	want = FLOW_LENGTH + message_len(side);
	if (want < FLOW_LENGTH + DNS_HEADER_SIZE) {
		w->stats.nr_not_dns++;
		tear(w, side);
	} else if (side->head_len >= (want < FLOW_HEAD ? want : FLOW_HEAD)) {
		tell_head(w, side, p);
	}
}

/* `hidden` bytes stand behind those that were captured. */
static void hide(struct watch *w, struct side *side, uint32_t hidden, const struct packet *p)
{
	if (side->head_len >= FLOW_LENGTH + DNS_HEADER_SIZE)
		tell_head(w, side, p);
	if (side->head_len || hidden > side->skip) {
		tear(w, side);
		return;
	}
	side->skip -= hidden;
	side->next_seq += hidden;
}

/* The bytes that come next. */
static void consume(struct watch *w, struct side *side, struct slice bytes, uint32_t len, const struct packet *p)
{
	uint32_t hidden = len - (uint32_t)bytes.len;

	side->next_seq += (uint32_t)bytes.len;
	while (bytes.len && side->is_known) {
		size_t n = side->skip < bytes.len ? side->skip : bytes.len;

		bytes = slice_of(bytes.data + n, bytes.len - n);
		side->skip -= (uint32_t)n;
		if (bytes.len)
			fill_head(w, side, &bytes, p);
	}
	if (hidden && side->is_known)
		hide(w, side, hidden, p);
}

static bool keep_waiting(struct watch *w, struct side *side, uint32_t seq, struct slice bytes, uint32_t len)
{
	struct waiting **at = &side->waiting, *new;

	while (*at && (int32_t)((*at)->seq - seq) < 0)
		at = &(*at)->next;
	if (*at && (*at)->seq == seq && (*at)->len >= len)
		return true;
	if (side->waiting_bytes + bytes.len > WATCH_OUT_OF_ORDER_MAX || w->waiting_bytes + bytes.len > FLOW_WAITING_MAX)
		return false;
	new = malloc(sizeof(*new) + bytes.len);
	if (!new)
		return false;
	*new = (struct waiting){ .next = *at, .seq = seq, .len = len, .captured = (uint32_t)bytes.len };
	if (bytes.len)
		memcpy(new->bytes, bytes.data, bytes.len);
	*at = new;
	side->waiting_bytes += (uint32_t)bytes.len;
	w->waiting_bytes += bytes.len;
	return true;
}

/* Takes what was consumed before off the front. False: nothing is left. */
static bool trim(const struct side *side, uint32_t *seq, struct slice *bytes, uint32_t *len)
{
	uint32_t old = side->next_seq - *seq;

	if ((int32_t)old <= 0)
		return *len > 0;
	if (old >= *len)
		return false;
	*seq += old;
	*len -= old;
	*bytes = old < bytes->len ? slice_of(bytes->data + old, bytes->len - old) : slice_of(NULL, 0);
	return true;
}

/* What waited may have its turn now. */
static void take_waiting(struct watch *w, struct side *side, const struct packet *p)
{
	while (side->is_known && side->waiting && (int32_t)(side->waiting->seq - side->next_seq) <= 0) {
		struct waiting *first = side->waiting;
		struct slice bytes = slice_of(first->bytes, first->captured);
		uint32_t seq = first->seq, len = first->len;

		side->waiting = first->next;
		side->waiting_bytes -= first->captured;
		w->waiting_bytes -= first->captured;
		if (trim(side, &seq, &bytes, &len))
			consume(w, side, bytes, len, p);
		free(first);
	}
}

static void retransmitted(struct watch *w, const struct packet *p, struct slice bytes)
{
	struct dns_sighting m;
	uint32_t len;

	if (!w->callbacks.on_retransmission || !flow_begins_message(bytes))
		return;
	len = (uint32_t)bytes.data[0] << 8 | bytes.data[1];
	bytes = slice_of(bytes.data + 2, bytes.len - 2 < len ? bytes.len - 2 : len);
	if (watch_read(w, p, bytes, len, &m))
		w->callbacks.on_retransmission(w->callbacks.arg, &m);
}

static void payload(struct watch *w, struct side *side, uint32_t seq, const struct packet *p)
{
	struct slice bytes = p->payload;
	uint32_t len = p->payload_len;

	if (!side->is_known) {
		if (!flow_begins_message(bytes)) {
			side->is_torn = true;
			w->stats.nr_not_dns++;
			return;
		}
		side->is_known = true;
		side->next_seq = seq;
	}
	if ((int32_t)(seq - side->next_seq) < 0)
		retransmitted(w, p, bytes);
	if (!trim(side, &seq, &bytes, &len))
		return;
	if (seq != side->next_seq && seq - side->next_seq <= side->skip) {
		/* What is missing is body. */
		side->skip -= seq - side->next_seq;
		side->next_seq = seq;
	}
	if (seq == side->next_seq) {
		consume(w, side, bytes, len, p);
		take_waiting(w, side, p);
	} else if (!keep_waiting(w, side, seq, bytes, len)) {
		tear(w, side);
		payload(w, side, seq,
			&(struct packet){ .time_ns = p->time_ns,
					  .src = p->src,
					  .dst = p->dst,
					  .direction = p->direction,
					  .interface = p->interface,
					  .protocol = p->protocol,
					  .payload = bytes,
					  .payload_len = len });
	}
}

static void restart(struct watch *w, struct side *side, uint32_t next_seq)
{
	drop_waiting(w, side);
	side->is_known = true;
	side->is_torn = false;
	side->next_seq = next_seq;
	side->skip = side->head_len = 0;
}

void flow_segment(struct watch *w, uint32_t place, const struct packet *p)
{
	bool second;
	struct flow *flow = flow_of(w, place, p, &second);
	struct side *side;
	uint32_t seq = p->tcp_seq;

	if (!flow)
		return;
	side = &flow->sides[second];
	if (p->tcp_flags & PACKET_SYN) {
		seq++;
		/* One that is sent again does not begin anew. */
		if (!side->is_known || side->next_seq != seq)
			restart(w, side, seq);
		if (!(p->tcp_flags & PACKET_ACK))
			flow->querier = second;
	}
	if (p->payload_len)
		payload(w, side, seq, p);
	if ((p->tcp_flags & PACKET_RST) && flow->querier >= 0 && w->callbacks.on_reset)
		w->callbacks.on_reset(w->callbacks.arg, p, &flow->ends[flow->querier], &flow->ends[!flow->querier]);
}

bool flow_ends(const struct watch *w, uint32_t place, const struct packet *p, struct addr *querier,
	       struct addr *responder)
{
	bool second = is_lower(&p->dst, &p->src);
	struct addr ends[2] = { second ? p->dst : p->src, second ? p->src : p->dst };
	const struct flow *flow = find(w, place, ends, flow_hash(w, place, ends));

	if (!flow || flow->querier < 0)
		return false;
	*querier = flow->ends[flow->querier];
	*responder = flow->ends[!flow->querier];
	return true;
}

bool watch_is_whole(const struct watch *w, uint32_t place, const struct addr *querier, const struct addr *responder)
{
	bool second = is_lower(responder, querier);
	struct addr ends[2] = { second ? *responder : *querier, second ? *querier : *responder };
	const struct flow *flow = find(w, place, ends, flow_hash(w, place, ends));

	return flow && !flow->sides[0].is_torn && !flow->sides[1].is_torn && !flow->sides[0].waiting &&
	       !flow->sides[1].waiting;
}

void watch_forget_place(struct watch *w, uint32_t place)
{
	struct list *l = w->flows.next;

	while (l != &w->flows) {
		struct flow *flow = container_of(l, struct flow, lru);

		l = l->next;
		if (flow->place == place)
			flow_free(w, flow);
	}
}
