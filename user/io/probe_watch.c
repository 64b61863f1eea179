#include "probe_watch.h"
#include "../../bpf/probe_event.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PORT_DNS = 53 };

static unsigned add_port(uint16_t *ports, unsigned nr, unsigned max, uint16_t port)
{
	for (unsigned i = 0; i < nr; i++)
		if (ports[i] == port)
			return nr;
	if (nr < max)
		ports[nr++] = port;
	return nr;
}

unsigned probe_watch_ports(const struct place *place, const struct probe_options *options, uint16_t *ports,
			   unsigned max)
{
	unsigned nr = add_port(ports, 0, max, PORT_DNS);

	for (unsigned i = 0; i < place->nr_listens; i++)
		nr = add_port(ports, nr, max, place->listens[i].port);
	for (unsigned i = 0; i < options->nr_ports; i++)
		nr = add_port(ports, nr, max, options->ports[i]);
	return nr;
}

/* In a namespace that others use only what the process listens at counts. */
static void set_addresses(struct probe_bpf *bpf, const struct place *place)
{
	bpf->rodata->cfg_filter_addresses = place->is_shared;
	for (unsigned i = 0; i < place->nr_listens && i < PROBE_ADDRESSES; i++) {
		const struct addr *a = &place->listens[i];

		memcpy(bpf->rodata->cfg_addresses[i].ip, a->ip, sizeof(a->ip));
		bpf->rodata->cfg_addresses[i].port = a->port;
		bpf->rodata->cfg_addresses[i].family = a->len == 4 ? 4 : a->len ? 6 : 0;
		bpf->rodata->cfg_nr_addresses = i + 1;
	}
}

static int load(struct probe_bpf *bpf, const struct probe_bpf *main)
{
	int err = bpf_map__reuse_fd(bpf->maps.ring, bpf_map__fd(main->maps.ring));

	if (!err)
		err = bpf_map__reuse_fd(bpf->maps.counters, bpf_map__fd(main->maps.counters));
	return err ? err : probe_bpf__load(bpf);
}

static struct probe_bpf *open_filter(const struct probe_watch *w, const struct probe_bpf *main,
				     const struct probe_options *options, bool is_direct)
{
	struct probe_bpf *bpf = probe_bpf__open();
	uint16_t ports[PROBE_PORTS] = { 0 };
	int err;

	if (!bpf)
		return NULL;
	bpf->rodata->cfg_watch = w->number;
	bpf->rodata->cfg_direct = is_direct;
	probe_watch_ports(&w->place, options, ports, PROBE_PORTS);
	for (unsigned i = 0; i < PROBE_PORTS; i++)
		bpf->rodata->cfg_ports[i] = ports[i];
	set_addresses(bpf, &w->place);
	err = load(bpf, main);
	if (!err)
		return bpf;
	probe_bpf__destroy(bpf);
	errno = -err;
	return NULL;
}

struct probe_watch *probe_watch_new(const struct place *place, uint32_t number, struct probe_bpf *main,
				    const struct probe_options *options, const struct kernel_facts *kernel)
{
	struct probe_watch *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return NULL;
	list_init(&w->on_probe);
	w->place = *place;
	w->number = number;
	w->inside.socket = -1;
	w->bpf = open_filter(w, main, options, kernel->has_casts);
	/* Having the functions is not yet being allowed to use them. */
	if (!w->bpf && kernel->has_casts)
		w->bpf = open_filter(w, main, options, false);
	err = w->bpf ? place_enter(place, bpf_program__fd(w->bpf->progs.watch), &w->inside) : -errno;
	if (!err)
		return w;
	probe_watch_free(w);
	errno = -err;
	return NULL;
}

void probe_watch_free(struct probe_watch *w)
{
	list_remove(&w->on_probe);
	if (w->inside.socket >= 0)
		close(w->inside.socket);
	probe_bpf__destroy(w->bpf);
	free(w);
}

static bool has_address(const struct probe_watch *w, const struct addr *a)
{
	for (unsigned i = 0; i < w->inside.nr_addresses; i++)
		if (addr_eq_ip(&w->inside.addresses[i], a))
			return true;
	return false;
}

static bool listens_at(const struct probe_watch *w, const struct addr *a)
{
	for (unsigned i = 0; i < w->place.nr_listens; i++) {
		const struct addr *at = &w->place.listens[i];

		if (at->port == a->port && (addr_known(at) ? addr_eq_ip(at, a) : has_address(w, a)))
			return true;
	}
	return false;
}

bool probe_watch_owns(const struct probe_watch *w, uint64_t netns, const struct addr *src, const struct addr *dst)
{
	if (w->place.is_shared)
		return listens_at(w, src) || listens_at(w, dst);
	return netns == w->place.netns || has_address(w, src) || has_address(w, dst);
}
