#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "probe_watch.h"
#include "../../bpf/probe_event.h"
#include "probe.skel.h"

enum { SCAN_MS = 1000 };

struct probe {
	const struct probe_options *options;
	struct probe_sink sink;
	struct probe_bpf *bpf; /* the ring, the counters, `drop`; NULL: not available */
	struct bpf_link *drops;
	struct ring_buffer *ring;
	struct event *on_ring, *on_scan;
	struct kernel_facts kernel;
	struct list watches;
	struct places places; /* of the last scan */
	enum probe_level level;
	char why[160];
	uint32_t last_number;
	uint64_t home_netns, host_netns; /* inodes: our own, and that of the first process */
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t measured_ns;	/* when, monotonic */
	uint64_t polled_ns;	/* wall clock */
	uint64_t nr_full;	/* of the watches that have ended, too */
	struct probe_stats stats;
};

static const char *const level_names[] = {
	[PROBE_LEVEL_OFF] = "off",
	[PROBE_LEVEL_UNAVAILABLE] = "unavailable",
	[PROBE_LEVEL_PACKETS] = "packets",
	[PROBE_LEVEL_DROPS] = "drops",
};

const char *probe_level_name(enum probe_level level)
{
	return level_names[level];
}

/* --- time */

/* Of three readings the one that took shortest; the kernel's clock is set and slewed while we run. */
static void measure_clock(struct probe *p)
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

/* --- records */

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
static struct probe_watch *owner_of_drop(const struct probe *p, const struct probe_event *e, const struct packet *packet)
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
		.direction = e->direction == PROBE_IN ? PACKET_IN : e->direction == PROBE_OUT ? PACKET_OUT : PACKET_UNTOLD,
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

static int on_record(void *arg, void *data, size_t size)
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
		measure_clock(p);
	now_ns = wall_of(p, clock_monotonic_ns());
	ring_buffer__consume(p->ring);
	full = ring_full(p);
	if (full != p->stats.nr_events_lost) {
		p->sink.on_lost(p->sink.arg, p->polled_ns, now_ns, full - p->stats.nr_events_lost);
		p->stats.nr_events_lost = full;
	}
	p->polled_ns = now_ns;
}

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	probe_poll(arg);
}

/* --- watches */

static void update_ports(struct probe *p)
{
	memset(p->bpf->bss->port_bits, 0, sizeof(p->bpf->bss->port_bits));
	for (struct list *l = p->watches.next; l != &p->watches; l = l->next) {
		const struct probe_watch *w = container_of(l, struct probe_watch, on_probe);
		uint16_t ports[PROBE_PORTS];
		unsigned nr = probe_watch_ports(&w->place, p->options, ports, PROBE_PORTS);

		for (unsigned i = 0; i < nr; i++)
			p->bpf->bss->port_bits[ports[i] / 64] |= UINT64_C(1) << ports[i] % 64;
	}
}

static struct vantage *begin_vantage(struct probe *p, const struct probe_watch *w)
{
	struct addr listens[PROBE_PORTS];
	struct vantage_config config = {
		.hostname = slice_from_str(w->inside.hostname),
		.listens = w->place.listens,
		.nr_listens = w->place.nr_listens,
		.addresses = w->inside.addresses,
		.nr_addresses = w->inside.nr_addresses,
		.hides_upstreams = w->place.is_shared,
		.began_ns = clock_wall_ns(),
	};

	/* In a namespace of its own CoreDNS is asked at any address; its port may not be open yet. */
	if (!w->place.is_shared) {
		uint16_t ports[PROBE_PORTS];

		config.nr_listens = probe_watch_ports(&w->place, p->options, ports, PROBE_PORTS);
		for (unsigned i = 0; i < config.nr_listens; i++)
			listens[i] = (struct addr){ .port = ports[i] };
		config.listens = listens;
	}
	return p->sink.on_begin(p->sink.arg, &config);
}

static void end_watch(struct probe *p, struct probe_watch *w)
{
	log_info("watch ends", F_UINT("netns", w->place.netns), F_UINT("pid", (uint64_t)w->place.pid));
	probe_poll(p);
	p->nr_full += w->bpf->bss->nr_ring_full;
	p->sink.on_end(p->sink.arg, w->vantage, clock_wall_ns());
	p->stats.nr_watches--;
	probe_watch_free(w);
	update_ports(p);
}

static int begin_watch(struct probe *p, const struct place *place)
{
	struct probe_watch *w;

	if (p->stats.nr_watches >= p->options->watches_max) {
		p->stats.nr_watches_refused++;
		return 0;
	}
	w = probe_watch_new(place, ++p->last_number, p->bpf, p->options);
	if (!w) {
		/* A process that has just ended is no failure. */
		if (errno != ENOENT && errno != ESRCH)
			return log_errno(errno, "cannot watch", place->path ? place->path : "a CoreDNS process");
		return -ENOENT;
	}
	list_append(&p->watches, &w->on_probe);
	w->vantage = begin_vantage(p, w);
	if (!w->vantage) {
		p->stats.nr_watches_refused++;
		p->nr_full += w->bpf->bss->nr_ring_full;
		probe_watch_free(w);
		return 0;
	}
	p->stats.nr_watches++;
	p->stats.nr_watches_begun++;
	update_ports(p);
	log_info("watching", F_UINT("netns", place->netns), F_UINT("pid", (uint64_t)place->pid),
		 F_STR("hostname", w->inside.hostname), F_UINT("addresses", w->inside.nr_addresses));
	return 0;
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->netns == b->netns && (!a->is_shared || a->pid == b->pid);
}

static const struct place *place_of(const struct probe *p, const struct probe_watch *w)
{
	for (unsigned i = 0; i < p->places.nr; i++)
		if (same_place(&p->places.list[i], &w->place))
			return &p->places.list[i];
	return NULL;
}

/* CoreDNS opens its ports a moment after it began, or on a reload. */
static bool has_other_ports(const struct probe *p, const struct place *now, const struct place *before)
{
	uint16_t a[PROBE_PORTS] = { 0 }, b[PROBE_PORTS] = { 0 };
	unsigned nr = probe_watch_ports(now, p->options, a, PROBE_PORTS);

	if (now->nr_listens == 0)
		return false;
	return nr != probe_watch_ports(before, p->options, b, PROBE_PORTS) || memcmp(a, b, sizeof(a)) != 0;
}

/*
 * A namespace stays watched while CoreDNS is away, as long as it is there: queries that nobody answers matter most. In the
 * host's the process alone counts.
 */
static bool is_over(const struct probe *p, const struct probe_watch *w)
{
	const struct place *now = place_of(p, w);

	if (now)
		return has_other_ports(p, now, &w->place);
	return w->place.is_shared || !place_is_inhabited(w->place.netns);
}

static void scan(struct probe *p)
{
	struct list *l = p->watches.next;

	places_find(p->options, &p->places);
	while (l != &p->watches) {
		struct probe_watch *w = container_of(l, struct probe_watch, on_probe);

		l = l->next;
		if (is_over(p, w))
			end_watch(p, w);
	}
	p->stats.nr_watches_refused = 0;
	for (unsigned i = 0; i < p->places.nr; i++) {
		bool is_watched = false;

		for (l = p->watches.next; l != &p->watches; l = l->next)
			is_watched |= same_place(&container_of(l, struct probe_watch, on_probe)->place,
						 &p->places.list[i]);
		if (!is_watched && (!p->places.list[i].is_shared || p->places.list[i].nr_listens))
			begin_watch(p, &p->places.list[i]);
	}
}

static void on_scan(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	scan(arg);
}

/* --- life */

static int on_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[1024];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = 0;
	log_debug("libbpf", F_STR("said", text));
	return 0;
}

static int fail(struct probe *p, int err, const char *what)
{
	if (err == -EPERM || err == -EACCES)
		snprintf(p->why, sizeof(p->why), "%s: not permitted: needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_RAW, "
						 "CAP_SYS_ADMIN and CAP_SYS_PTRACE", what);
	else
		snprintf(p->why, sizeof(p->why), "%s: %s", what, strerror(-err));
	return err;
}

static uint32_t power_of_two(uint64_t size)
{
	uint32_t n = 1 << 16;

	while (n < size && n < 1U << 30)
		n *= 2;
	return n;
}

static int load(struct probe *p)
{
	int err;

	p->bpf = probe_bpf__open();
	if (!p->bpf)
		return fail(p, -errno, "BPF object");
	bpf_map__set_max_entries(p->bpf->maps.ring, power_of_two(p->options->ring_size));
	memcpy((void *)p->bpf->rodata->cfg_ignored, p->kernel.ignored, sizeof(p->kernel.ignored));
	memcpy((void *)p->bpf->rodata->cfg_taps, p->kernel.taps, sizeof(p->kernel.taps));
	bpf_program__set_autoload(p->bpf->progs.drop, p->kernel.tells_reasons && !p->kernel.tells_socket);
	bpf_program__set_autoload(p->bpf->progs.drop_of_socket, p->kernel.tells_socket);
	err = probe_bpf__load(p->bpf);
	/* The verifier says EACCES, too; lack of privilege is EPERM here. */
	return err ? fail(p, err == -EACCES ? -EINVAL : err, "BPF programs") : 0;
}

static int attach(struct probe *p)
{
	struct bpf_program *drop = p->kernel.tells_socket ? p->bpf->progs.drop_of_socket : p->bpf->progs.drop;

	p->ring = ring_buffer__new(bpf_map__fd(p->bpf->maps.ring), on_record, p, NULL);
	if (!p->ring)
		return fail(p, -errno, "ring buffer");
	p->level = PROBE_LEVEL_PACKETS;
	if (!p->kernel.tells_reasons) {
		snprintf(p->why, sizeof(p->why), "packets without drops: this kernel tells no reasons (5.17 and later do)");
		return 0;
	}
	p->drops = bpf_program__attach(drop);
	if (!p->drops)
		return fail(p, -errno, "kfree_skb");
	p->level = PROBE_LEVEL_DROPS;
	return 0;
}

/* Nobody may enter namespaces without privilege; better known now than when a pod comes. */
static int try_namespace(struct probe *p)
{
	struct place self = { .pid = getpid() };
	struct place_inside inside;
	int err = place_enter(&self, bpf_program__fd(p->bpf->progs.watch), &inside);

	if (err)
		return fail(p, err, "network namespaces");
	close(inside.socket);
	return 0;
}

static int start(struct probe *p, struct event_base *base)
{
	struct timeval pause = { .tv_sec = SCAN_MS / 1000, .tv_usec = SCAN_MS % 1000 * 1000 };
	int err;

	libbpf_set_print(on_libbpf);
	kernel_facts_read(&p->kernel);
	if (!p->kernel.has_btf)
		return fail(p, -ENOENT, "kernel BTF (/sys/kernel/btf/vmlinux)");
	err = load(p);
	if (!err)
		err = try_namespace(p);
	if (!err)
		err = attach(p);
	if (err)
		return err;
	measure_clock(p);
	p->home_netns = place_netns_of(getpid());
	p->host_netns = place_netns_of(1);
	p->polled_ns = clock_wall_ns();
	p->on_ring = event_new(base, ring_buffer__epoll_fd(p->ring), EV_READ | EV_PERSIST, on_ring, p);
	p->on_scan = event_new(base, -1, EV_PERSIST, on_scan, p);
	if (!p->on_ring || !p->on_scan || event_add(p->on_ring, NULL) < 0 || event_add(p->on_scan, &pause) < 0)
		return fail(p, -ENOMEM, "event loop");
	scan(p);
	return 0;
}

static void stop(struct probe *p)
{
	while (!list_empty(&p->watches)) {
		struct probe_watch *w = container_of(p->watches.next, struct probe_watch, on_probe);

		probe_watch_free(w);
	}
	if (p->on_ring)
		event_free(p->on_ring);
	if (p->on_scan)
		event_free(p->on_scan);
	p->on_ring = p->on_scan = NULL;
	bpf_link__destroy(p->drops);
	p->drops = NULL;
	ring_buffer__free(p->ring);
	p->ring = NULL;
	probe_bpf__destroy(p->bpf);
	p->bpf = NULL;
	kernel_facts_release(&p->kernel);
	p->kernel = (struct kernel_facts){ 0 };
}

struct probe *probe_new(struct event_base *base, const struct probe_options *options, const struct probe_sink *sink)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->options = options;
	p->sink = *sink;
	list_init(&p->watches);
	if (options->mode == PROBE_OFF) {
		p->level = PROBE_LEVEL_OFF;
		return p;
	}
	p->level = PROBE_LEVEL_UNAVAILABLE;
	if (start(p, base) == 0) {
		log_info("probe", F_STR("level", probe_level_name(p->level)), F_STR("reason", p->why),
			 F_UINT("watches", p->stats.nr_watches));
		return p;
	}
	p->level = PROBE_LEVEL_UNAVAILABLE;
	stop(p);
	if (options->mode == PROBE_REQUIRE) {
		log_error("no probe", F_STR("reason", p->why));
		probe_free(p);
		return NULL;
	}
	log_info("no probe: dnstap alone", F_STR("level", probe_level_name(p->level)), F_STR("reason", p->why));
	return p;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	stop(p);
	free(p);
}

/* --- counts */

static uint64_t sum(int map, uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	uint64_t total = 0;

	if (values && bpf_map_lookup_elem(map, &key, values) == 0)
		for (int i = 0; i < cpus; i++)
			total += values[i];
	free(values);
	return total;
}

void probe_stats(struct probe *p, struct probe_stats *out)
{
	static const struct {
		enum probe_counter counter;
		size_t at;
	} counters[] = {
		{ PROBE_COUNT_UDP, offsetof(struct probe_stats, nr_udp) },
		{ PROBE_COUNT_TCP, offsetof(struct probe_stats, nr_tcp) },
		{ PROBE_COUNT_TCP_EMPTY, offsetof(struct probe_stats, nr_tcp_empty) },
		{ PROBE_COUNT_ICMP, offsetof(struct probe_stats, nr_icmp) },
		{ PROBE_COUNT_FRAGMENT, offsetof(struct probe_stats, nr_fragments) },
		{ PROBE_COUNT_DROP, offsetof(struct probe_stats, nr_drops) },
		{ PROBE_COUNT_OTHER, offsetof(struct probe_stats, nr_others) },
		{ PROBE_COUNT_MALFORMED, offsetof(struct probe_stats, nr_malformed) },
		{ PROBE_COUNT_CUT, offsetof(struct probe_stats, nr_cut) },
	};

	*out = p->stats;
	out->level = p->level;
	if (!p->bpf)
		return;
	for (unsigned i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		uint64_t n = sum(bpf_map__fd(p->bpf->maps.counters), counters[i].counter);

		memcpy((char *)out + counters[i].at, &n, sizeof(n));
	}
}

const char *probe_why(const struct probe *p)
{
	return p->why;
}

const char *probe_reason_name(const struct probe *p, unsigned reason)
{
	return reason < KERNEL_REASONS ? (p->kernel.names[reason] ? p->kernel.names[reason] : "") : NULL;
}

uint64_t probe_reason_count(const struct probe *p, unsigned reason)
{
	return p->bpf ? sum(bpf_map__fd(p->bpf->maps.reasons), reason) : 0;
}
