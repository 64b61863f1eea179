#include "watch_flow.h"

#include <stdlib.h>

#include "event.h"

struct watch *watch_new(size_t connections_max, const struct hash_key *key, const struct watch_callbacks *callbacks)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->max = connections_max;
	w->key = *key;
	w->callbacks = *callbacks;
	list_init(&w->flows);
	if (table_init(&w->table, connections_max)) {
		free(w);
		return NULL;
	}
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	while (!list_empty(&w->flows))
		flow_free(w, container_of(w->flows.next, struct flow, lru));
	table_release(&w->table);
	free(w);
}

/* Source and destination of a query, the reverse of a response. */
static void set_ends(struct dns_sighting *m)
{
	m->querier = m->is_response ? m->packet->dst : m->packet->src;
	m->responder = m->is_response ? m->packet->src : m->packet->dst;
}

bool watch_read(const struct watch *w, const struct packet *p, struct slice bytes, uint32_t len, struct dns_sighting *m)
{
	struct dns_scan scan;
	enum dns_error error = dns_scan(bytes, &scan);

	*m = (struct dns_sighting){ .packet = p, .protocol = p->protocol, .len = len, .rcode = RCODE_UNKNOWN };
	m->has_header = error != DNS_SHORT_HEADER;
	if (!m->has_header) {
		set_ends(m);
		return false;
	}
	m->is_response = dns_is_response(&scan.header);
	m->id = scan.header.id;
	m->flags = scan.header.flags;
	m->is_cut = bytes.len < len;
	m->is_whole = error == DNS_OK && bytes.len == len;
	if (m->is_response)
		m->rcode = m->is_whole ? scan.rcode : (int32_t)dns_header_rcode(&scan.header);
	m->has_question = scan.has_question;
	if (scan.has_question) {
		m->qname = scan.question.qname;
		m->qtype = scan.question.qtype;
		m->qclass = scan.question.qclass;
		m->question_hash = event_question_hash(&w->key, m->qname, m->qtype, m->qclass);
	}
	set_ends(m);
	return true;
}

void watch_tell(struct watch *w, const struct packet *p, struct slice bytes, uint32_t len)
{
	struct dns_sighting m;

	if (!watch_read(w, p, bytes, len, &m)) {
		w->stats.nr_not_dns++;
		return;
	}
	w->stats.nr_messages++;
	w->callbacks.on_message(w->callbacks.arg, &m);
}

/*
 * A segment of which only the headers could be read, as TCP keeps its payload elsewhere: the message is that of this
 * connection and direction that was seen last.
 */
static void tell_fate_of_segment(struct watch *w, uint32_t place, const struct packet *p)
{
	struct dns_sighting m = { .packet = p, .protocol = TAP_TCP, .rcode = RCODE_UNKNOWN };

	if (p->payload.len || !p->payload_len || !flow_ends(w, place, p, &m.querier, &m.responder)) {
		w->stats.nr_not_dns++;
		return;
	}
	m.is_response = addr_eq(&p->src, &m.responder);
	w->callbacks.on_message(w->callbacks.arg, &m);
}

/* What became of a packet that was sent: its message, as far as the kernel or the error quotes it. */
static void tell_fate(struct watch *w, uint32_t place, const struct packet *p)
{
	struct slice bytes = p->payload;
	uint32_t len = p->payload_len;
	struct dns_sighting m;

	if (p->protocol == TAP_TCP) {
		if (!flow_begins_message(bytes)) {
			tell_fate_of_segment(w, place, p);
			return;
		}
		len = (uint32_t)bytes.data[0] << 8 | bytes.data[1];
		bytes = slice_of(bytes.data + 2, bytes.len - 2);
		if (bytes.len > len)
			bytes.len = len;
	}
	watch_read(w, p, bytes, len, &m);
	w->callbacks.on_message(w->callbacks.arg, &m);
}

void watch_packet(struct watch *w, uint32_t place, const struct packet *p)
{
	w->stats.nr_packets++;
	if (p->kind != PACKET_SEEN)
		tell_fate(w, place, p);
	else if (p->protocol == TAP_TCP)
		flow_segment(w, place, p);
	else
		watch_tell(w, p, p->payload, p->payload_len);
}

uint64_t watch_memory_bound(size_t connections_max)
{
	return connections_max * (uint64_t)(sizeof(struct flow) + 2 * sizeof(void *)) + FLOW_WAITING_MAX;
}

const struct watch_stats *watch_stats(const struct watch *w)
{
	return &w->stats;
}
