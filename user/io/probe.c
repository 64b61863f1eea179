#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "probe_state.h"

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

/* --- life */

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	probe_poll(arg);
}

static void on_scan(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	scan_places(arg);
}

__attribute__((format(printf, 2, 0))) static int on_libbpf(enum libbpf_print_level level, const char *format,
							   va_list args)
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
		snprintf(p->why, sizeof(p->why),
			 "%s: not permitted: needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_RAW, "
			 "CAP_SYS_ADMIN and CAP_SYS_PTRACE",
			 what);
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

	p->ring = ring_buffer__new(bpf_map__fd(p->bpf->maps.ring), ring_record, p, NULL);
	if (!p->ring)
		return fail(p, -errno, "ring buffer");
	p->level = PROBE_LEVEL_PACKETS;
	if (!p->kernel.tells_reasons) {
		snprintf(p->why, sizeof(p->why),
			 "packets without drops: this kernel tells no reasons (5.17 and later do)");
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
	ring_measure_clock(p);
	p->home_netns = place_netns_of(getpid());
	p->host_netns = place_netns_of(1);
	p->polled_ns = clock_wall_ns();
	p->on_ring = event_new(base, ring_buffer__epoll_fd(p->ring), EV_READ | EV_PERSIST, on_ring, p);
	p->on_scan = event_new(base, -1, EV_PERSIST, on_scan, p);
	if (!p->on_ring || !p->on_scan || event_add(p->on_ring, NULL) < 0 || event_add(p->on_scan, &pause) < 0)
		return fail(p, -ENOMEM, "event loop");
	scan_places(p);
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
