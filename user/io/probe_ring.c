#include <bpf/libbpf.h>

#include "base/clock.h"
#include "probe_state.h"

/* Of three readings the one that took shortest; the kernel's clock is set and slewed while we run. */
void ring_measure_clock(struct probe *p)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = clock_monotonic_ns(), wall = clock_wall_ns(), after = clock_monotonic_ns();

		if (after - before >= best)
			continue;
		best = after - before;
		p->wall_offset_ns = (int64_t)(wall - (before + best / 2));
		p->measured_ns = after;
	}
}

static uint64_t wall_of(const struct probe *p, uint64_t monotonic_ns)
{
	return monotonic_ns + (uint64_t)p->wall_offset_ns;
}

static struct addr address_of(const __u8 ip[16], uint8_t family, uint16_t port)
{
	return addr_from_bytes(slice_of(ip, family == 4 ? 4 : 16), port);
}

static struct probe_watch *find_watch(const struct probe *p, uint32_t number)
{
	for (struct list *l = p->watches.next; l != &p->watches; l = l->next) {
		struct probe_watch *w = container_of(l, struct probe_watch, on_probe);

		if (w->number == number)
			return w;
	}
	return NULL;
}

/* Namespaces first: in two of them the same addresses may be used. */
static struct probe_watch *owner_of_drop(const struct probe *p, const struct probe_event *e,
					 const struct packet *packet)
{
	struct probe_watch *by_address = NULL;

	for (struct list *l = p->watches.next; l != &p->watches; l = l->next) {
		struct probe_watch *w = container_of(l, struct probe_watch, on_probe);

		if (!probe_watch_owns(w, e->netns, &packet->src, &packet->dst))
			continue;
		if (e->netns == w->place.netns)
			return w;
		by_address = w;
	}
	return by_address;
}

static const char *reason_name(const struct probe *p, unsigned reason)
{
	const char *name = reason < KERNEL_REASONS ? p->kernel.names[reason] : NULL;

	return name ? name : "UNKNOWN";
}

static bool read_record(const struct probe *p, const struct probe_event *e, size_t size, struct packet *out)
{
	if (size < sizeof(*e) || e->captured > size - sizeof(*e) || (e->family != 4 && e->family != 6))
		return false;
	*out = (struct packet){
		.time_ns = wall_of(p, e->time_ns),
		.src = address_of(e->saddr, e->family, e->sport),
		.dst = address_of(e->daddr, e->family, e->dport),
		.protocol = e->protocol == IPPROTO_UDP ? TAP_UDP : TAP_TCP,
		.direction = e->direction == PROBE_IN	 ? PACKET_IN
			     : e->direction == PROBE_OUT ? PACKET_OUT
							 : PACKET_UNTOLD,
		.tcp_flags = e->tcp_flags,
		.tcp_seq = e->tcp_seq,
		.interface = e->ifindex,
		.payload = slice_of(e->payload, e->captured),
		.payload_len = e->payload_len,
	};
	if (e->kind == PROBE_DROP) {
		out->kind = PACKET_DROP;
		out->reason = reason_name(p, e->reason);
	} else if (e->kind == PROBE_ICMP) {
		out->kind = PACKET_ICMP;
		out->icmp_type = (uint8_t)(e->reason >> 8);
		out->icmp_code = (uint8_t)e->reason;
		out->is_icmpv6 = e->family == 6;
	}
	return true;
}

int ring_record(void *arg, void *data, size_t size)
{
	struct probe *p = arg;
	const struct probe_event *e = data;
	struct probe_watch *w;
	struct packet packet;

	p->stats.nr_events++;
	if (!read_record(p, e, size, &packet))
		return 0;
	w = e->kind == PROBE_DROP ? owner_of_drop(p, e, &packet) : find_watch(p, e->watch);
	packet.is_elsewhere = w && e->kind == PROBE_DROP && e->netns != w->place.netns && e->netns != p->home_netns &&
			      e->netns != p->host_netns;
	if (w)
		p->sink.on_packet(p->sink.arg, w->vantage, &packet);
	else if (e->kind == PROBE_DROP)
		p->stats.nr_unmatched_drops++;
	return 0;
}

static uint64_t ring_full(const struct probe *p)
{
	uint64_t nr = p->nr_full + p->bpf->bss->nr_ring_full;

	for (struct list *l = p->watches.next; l != &p->watches; l = l->next)
		nr += container_of(l, struct probe_watch, on_probe)->bpf->bss->nr_ring_full;
	return nr;
}

void probe_poll(struct probe *p)
{
	uint64_t now_ns, full;

	if (!p->ring)
		return;
	if (clock_monotonic_ns() > p->measured_ns + 1000000000ULL)
		ring_measure_clock(p);
	now_ns = wall_of(p, clock_monotonic_ns());
	ring_buffer__consume(p->ring);
	full = ring_full(p);
	if (full != p->stats.nr_events_lost) {
		p->sink.on_lost(p->sink.arg, p->polled_ns, now_ns, full - p->stats.nr_events_lost);
		p->stats.nr_events_lost = full;
	}
	p->polled_ns = now_ns;
}
