#include <errno.h>

#include "witness.h"

static const char *icmpv4_name(const struct packet *p)
{
	if (p->icmp_type == 11)
		return "time_exceeded";
	if (p->icmp_type != 3)
		return "icmp_error";
	switch (p->icmp_code) {
	case 0:
		return "net_unreachable";
	case 1:
		return "host_unreachable";
	case 2:
		return "protocol_unreachable";
	case 3:
		return "port_unreachable";
	case 4:
		return "fragmentation_needed";
	case 9:
	case 10:
	case 13:
		return "prohibited";
	default:
		return "unreachable";
	}
}

/* RFC 792, RFC 1812 section 5.2.7.1; RFC 4443. */
const char *sight_icmp_name(const struct packet *p)
{
	if (!p->is_icmpv6)
		return icmpv4_name(p);
	if (p->icmp_type == 2)
		return "packet_too_big";
	if (p->icmp_type == 3)
		return "time_exceeded";
	if (p->icmp_type != 1)
		return "icmp_error";
	switch (p->icmp_code) {
	case 0:
		return "net_unreachable";
	case 1:
		return "prohibited";
	case 3:
		return "host_unreachable";
	case 4:
		return "port_unreachable";
	default:
		return "unreachable";
	}
}

static bool is_loopback(const struct addr *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return a->len == 4 ? a->ip[0] == 127 : a->len == 16 && memcmp(a->ip, v6, sizeof(v6)) == 0;
}

/* CoreDNS listens at any address of its namespace: is it one? */
static bool is_of_server(const struct vantage *v, const struct addr *a)
{
	return vantage_listens_at(v, a) && (vantage_is_own(v, a) || is_loopback(a));
}

/*
 * On a node the direction tells: what comes in to an address where CoreDNS listens is a client's query. A capture may
 * have been taken anywhere, and shows a packet that is passed on in both directions: who claims it says what it was.
 * False: none of this server's.
 */
bool sight_role(const struct vantage *v, const struct dns_sighting *m, enum sighting_role *role)
{
	enum packet_direction direction = m->packet->direction;

	*role = ROLE_UNTOLD;
	if (v->is_capture)
		return true;
	if (m->is_response ? direction == PACKET_OUT : direction == PACKET_IN) {
		*role = ROLE_CLIENT;
		return vantage_listens_at(v, &m->responder);
	}
	*role = ROLE_UPSTREAM;
	/* On loopback a response of CoreDNS's own comes in as well. */
	return !m->is_response || !is_of_server(v, &m->responder);
}

static struct wanted like(const struct vantage *v, const struct dns_sighting *m)
{
	return (struct wanted){
		.vantage = v,
		.querier = m->querier,
		.question_hash = m->has_question ? m->question_hash : 0,
		.to_ns = m->packet->time_ns + WITNESS_MARGIN_NS,
		.or_claimed = true,
		.id = m->id,
		.has_id = m->has_header,
		.is_response = m->is_response,
		.protocol = m->protocol,
	};
}

/* The same packet on another interface, or on its way out and in: on a node with bridges, or on loopback. */
static bool is_seen_again(struct engine *e, const struct vantage *v, const struct dns_sighting *m,
			  enum sighting_role role)
{
	struct wanted w = like(v, m);
	struct sighting *s;

	w.from_ns = m->packet->time_ns > WITNESS_MARGIN_NS ? m->packet->time_ns - WITNESS_MARGIN_NS : 0;
	s = evidence_find(&e->evidence, &w, NULL);
	if (!s || s->role != role || !s->was_seen ||
	    (s->interface == m->packet->interface && s->direction == m->packet->direction))
		return false;
	/* Behind a Service's translation stands the pod. */
	if (!m->is_response)
		s->responder = m->responder;
	e->stats.nr_packets_repeated++;
	return true;
}

static void see(struct engine *e, struct vantage *v, const struct dns_sighting *m)
{
	enum sighting_role role;

	if (!sight_role(v, m, &role)) {
		e->stats.nr_packets_passing++;
		return;
	}
	if (is_seen_again(e, v, m, role))
		return;
	if (!evidence_add(&e->evidence, v, m, role))
		e->stats.nr_packets_dropped++;
}

/* The message whose packet was dropped: the newest that was not dropped yet. */
static struct sighting *find_dropped(struct engine *e, const struct vantage *v, const struct dns_sighting *m)
{
	struct wanted w = like(v, m);
	struct sighting *s = NULL;

	while ((s = evidence_find(&e->evidence, &w, s)))
		if (!s->reason && (m->has_header || addr_eq(&s->responder, &m->responder)))
			return s;
	return NULL;
}

/*
 * Dropped before it was seen: a query that did not get as far as CoreDNS's namespace, a response that did not leave it
 * (netfilter's output hook stands before the tap of packets). A drop has no direction: the address must tell.
 */
static struct sighting *add_dropped(struct engine *e, struct vantage *v, const struct dns_sighting *m)
{
	bool to_server = is_of_server(v, &m->responder);

	if (!m->has_header || m->protocol != TAP_UDP || m->packet->is_elsewhere)
		return NULL;
	return evidence_add(&e->evidence, v, m, to_server ? ROLE_CLIENT : ROLE_UPSTREAM);
}

static void drop(struct engine *e, struct vantage *v, const struct dns_sighting *m)
{
	struct sighting *s = find_dropped(e, v, m);

	if (!s)
		s = add_dropped(e, v, m);
	if (!s) {
		e->stats.nr_drops_unmatched++;
		return;
	}
	s->reason = m->packet->reason;
	s->dropped_ns = m->packet->time_ns;
}

static void quote(struct engine *e, struct vantage *v, const struct dns_sighting *m)
{
	struct wanted w = like(v, m);
	struct sighting *s = evidence_find(&e->evidence, &w, NULL);

	/* An error may quote too little to tell a query from a response. */
	if (!s && !m->has_header) {
		w.is_response = true;
		w.querier = m->responder;
		s = evidence_find(&e->evidence, &w, NULL);
	}
	if (s)
		s->icmp = sight_icmp_name(m->packet);
}

/* What the watch hands on belongs to the vantage of the packet that engine_packet() was given. */
static void on_message(void *arg, const struct dns_sighting *m)
{
	struct engine *e = arg;

	switch (m->packet->kind) {
	case PACKET_SEEN:
		see(e, e->packet_vantage, m);
		break;
	case PACKET_DROP:
		drop(e, e->packet_vantage, m);
		break;
	case PACKET_ICMP:
		quote(e, e->packet_vantage, m);
		break;
	}
}

/* TCP sends again what was dropped. */
static void on_retransmission(void *arg, const struct dns_sighting *m)
{
	struct engine *e = arg;
	struct wanted w = like(e->packet_vantage, m);
	struct sighting *s = evidence_find(&e->evidence, &w, NULL);

	if (s && s->dropped_ns < m->packet->time_ns)
		s->reason = NULL;
}

static void on_reset(void *arg, const struct packet *p, const struct addr *querier, const struct addr *responder)
{
	struct engine *e = arg;
	struct wanted w = {
		.vantage = e->packet_vantage,
		.querier = *querier,
		.responder = *responder,
		.to_ns = p->time_ns,
		.or_claimed = true,
		.protocol = TAP_TCP,
	};

	for (struct sighting *s = NULL; (s = evidence_find(&e->evidence, &w, s));) {
		s->is_reset = true;
		s->reset_by_querier = addr_eq(&p->src, querier);
	}
}

int witness_init(struct engine *e)
{
	struct watch_callbacks callbacks = {
		.on_message = on_message,
		.on_retransmission = on_retransmission,
		.on_reset = on_reset,
		.arg = e,
	};

	list_init(&e->held);
	list_init(&e->suspects);
	e->watch = watch_new(e->limits.tcp_connections_max, &e->open.key, &callbacks);
	if (!e->watch)
		return -ENOMEM;
	return evidence_init(&e->evidence, e->limits.sightings_max, &e->open.key);
}

void witness_release(struct engine *e)
{
	evidence_release(&e->evidence);
	watch_free(e->watch);
}

void engine_packet(struct engine *e, struct vantage *v, const struct packet *p)
{
	if (!v->began_ns)
		v->began_ns = p->time_ns;
	if (p->time_ns > v->time_ns)
		v->time_ns = p->time_ns;
	e->stats.nr_packets++;
	e->packet_vantage = v;
	watch_packet(e->watch, v->number, p);
}
