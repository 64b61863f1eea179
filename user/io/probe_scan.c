#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "probe_state.h"

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
	w = probe_watch_new(place, ++p->last_number, p->bpf, p->options, &p->kernel);
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
 * A namespace stays watched while CoreDNS is away, as long as it is there: queries that nobody answers matter most. In
 * the host's the process alone counts.
 */
static bool is_over(const struct probe *p, const struct probe_watch *w)
{
	const struct place *now = place_of(p, w);

	if (now)
		return has_other_ports(p, now, &w->place);
	return w->place.is_shared || !place_is_inhabited(w->place.netns);
}

void scan_places(struct probe *p)
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
			is_watched |=
				same_place(&container_of(l, struct probe_watch, on_probe)->place, &p->places.list[i]);
		if (!is_watched && (!p->places.list[i].is_shared || p->places.list[i].nr_listens))
			begin_watch(p, &p->places.list[i]);
	}
}
