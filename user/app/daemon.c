#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/dialer.h"
#include "io/listener.h"
#include "io/probe.h"
#include "output.h"
#include "monitor.h"

struct daemon {
	const struct options *o;
	struct event_base *base;
	struct engine *engine;
	struct producers *producers;
	struct sink *sink;
	struct probe *probe;
	struct http *http;
	struct monitor monitor;
	struct output output;
	struct listener *listeners[ENDPOINTS_MAX];
	struct dialer *dialers[ENDPOINTS_MAX];
	struct event *tick, *on_term, *on_int, *on_hup;
	int exit_status;
};

static void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct daemon *d = arg;

	output_session(&d->output, s, v);
}

static void on_want_packets(void *arg, uint64_t until_ns)
{
	struct daemon *d = arg;

	(void)until_ns; /* the kernel tells of each at once */
	if (d->probe)
		probe_poll(d->probe);
}

/* --- what the probe hands over */

static struct vantage *on_watch(void *arg, const struct vantage_config *config)
{
	struct daemon *d = arg;

	return engine_vantage_new(d->engine, config);
}

static void on_packet(void *arg, struct vantage *v, const struct packet *p)
{
	struct daemon *d = arg;

	engine_packet(d->engine, v, p);
}

static void on_packets_lost(void *arg, uint64_t from_ns, uint64_t to_ns, uint64_t nr)
{
	struct daemon *d = arg;

	engine_packets_lost(d->engine, from_ns, to_ns, nr);
}

static void on_watch_end(void *arg, struct vantage *v, uint64_t now_ns)
{
	struct daemon *d = arg;

	engine_vantage_end(d->engine, v, now_ns);
}

static bool open_probe(struct daemon *d)
{
	struct probe_sink sink = {
		.on_begin = on_watch,
		.on_packet = on_packet,
		.on_lost = on_packets_lost,
		.on_end = on_watch_end,
		.arg = d,
	};

	d->probe = probe_new(d->base, &d->o->probe, &sink);
	return d->probe;
}

static void on_notice(void *arg, enum engine_notice notice, const struct source *source)
{
	char name[SERVER_NAME_MAX + 1];
	struct slice server = server_name(source->server);

	(void)arg;
	memcpy(name, server.data, server.len);
	name[server.len] = 0;
	switch (notice) {
	case ENGINE_NOTICE_FOREIGN:
		log_warn("not CoreDNS: its frames are counted as foreign and ignored", F_STR("server", name));
		break;
	case ENGINE_NOTICE_OLD_RELEASE:
		log_warn("CoreDNS before 1.8.2: its order of frames proves no loss", F_STR("server", name));
		break;
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct sink_stats st;

	(void)fd;
	(void)what;
	if (d->probe)
		probe_poll(d->probe);
	engine_tick(d->engine, clock_wall_ns());
	sink_stats(d->sink, &st);
	if (st.is_broken) {
		d->exit_status = 1;
		event_base_loopbreak(d->base);
	}
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	log_info("stopping", F_STR("signal", strsignal(signal_number)));
	event_base_loopbreak(d->base);
}

static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)signal_number;
	(void)what;
	sink_reopen(d->sink);
}

static bool set_events(struct daemon *d)
{
	struct timeval second = { .tv_sec = 1 };

	signal(SIGPIPE, SIG_IGN);
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->on_term = evsignal_new(d->base, SIGTERM, on_stop, d);
	d->on_int = evsignal_new(d->base, SIGINT, on_stop, d);
	d->on_hup = evsignal_new(d->base, SIGHUP, on_hangup, d);
	return d->tick && d->on_term && d->on_int && d->on_hup && event_add(d->tick, &second) == 0 &&
	       evsignal_add(d->on_term, NULL) == 0 && evsignal_add(d->on_int, NULL) == 0 &&
	       evsignal_add(d->on_hup, NULL) == 0;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Without --listen and --connect: port 6000 on IPv4, and on IPv6 where the machine has it. */
static bool listen_default(struct daemon *d)
{
	struct endpoint v4, v6;
	const char *why;

	endpoint_parse("tcp://0.0.0.0:6000", &v4, &why);
	endpoint_parse("tcp://[::]:6000", &v6, &why);
	d->listeners[0] = listener_new(d->base, d->producers, &v4, 0);
	if (d->listeners[0] && has_ipv6())
		d->listeners[1] = listener_new(d->base, d->producers, &v6, 0);
	return d->listeners[0];
}

static bool open_endpoints(struct daemon *d)
{
	const struct options *o = d->o;

	if (o->listen.nr == 0 && o->connect.nr == 0)
		return listen_default(d);
	for (unsigned i = 0; i < o->listen.nr; i++) {
		d->listeners[i] = listener_new(d->base, d->producers, &o->listen.list[i], (unsigned)o->socket_mode);
		if (!d->listeners[i])
			return false;
	}
	for (unsigned i = 0; i < o->connect.nr; i++) {
		d->dialers[i] = dialer_new(d->base, d->producers, &o->connect.list[i]);
		if (!d->dialers[i])
			return false;
	}
	return true;
}

static void close_listeners(struct daemon *d)
{
	for (unsigned i = 0; i < ENDPOINTS_MAX; i++) {
		listener_free(d->listeners[i]);
		d->listeners[i] = NULL;
	}
}

/* What producers have sent before the signal lies in socket buffers: read until nothing is left, but no longer than a
 * second. */
static void drain_producers(struct daemon *d)
{
	uint64_t until_ns = clock_monotonic_ns() + NS_PER_S;
	uint64_t before;

	do {
		before = engine_stats(d->engine)->nr_bytes;
		event_base_loop(d->base, EVLOOP_NONBLOCK);
	} while (engine_stats(d->engine)->nr_bytes != before && clock_monotonic_ns() < until_ns);
}

static unsigned nr_endpoints(const struct daemon *d)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < ENDPOINTS_MAX; i++)
		nr += (d->listeners[i] != NULL) + (d->dialers[i] != NULL);
	return nr;
}

static bool open_monitor(struct daemon *d)
{
	d->monitor = (struct monitor){ d->engine, d->producers, d->probe, d->sink, nr_endpoints(d) };
	return monitor_serve(d->base, d->o->http, &d->monitor, &d->http) == 0;
}

static int finish(struct daemon *d)
{
	struct sink_stats st = { 0 };

	http_free(d->http);
	d->http = NULL;
	close_listeners(d);
	drain_producers(d);
	producers_free(d->producers);
	d->producers = NULL;
	probe_poll(d->probe);
	engine_drain(d->engine);
	if (sink_close(d->sink, &st) < 0)
		d->exit_status = 1;
	d->sink = NULL;
	output_log_accounting(&d->output, d->engine, &st);
	return d->exit_status;
}

static void release(struct daemon *d)
{
	struct event *events[] = { d->tick, d->on_term, d->on_int, d->on_hup };

	http_free(d->http);
	close_listeners(d);
	producers_free(d->producers);
	probe_free(d->probe);
	for (unsigned i = 0; i < ENDPOINTS_MAX; i++)
		dialer_free(d->dialers[i]);
	for (unsigned i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i])
			event_free(events[i]);
	if (d->sink)
		sink_close(d->sink, NULL);
	engine_free(d->engine);
	output_release(&d->output);
	if (d->base)
		event_base_free(d->base);
}

int daemon_run(const struct options *o)
{
	struct daemon d = { .o = o };
	struct engine_callbacks callbacks = {
		.on_session = on_session,
		.on_notice = on_notice,
		.on_want_packets = on_want_packets,
		.arg = &d,
	};
	int status = 2;

	d.sink = sink_open(o->output, o->output_queue_max, false);
	if (!d.sink)
		goto out;
	output_init(&d.output, o, d.sink, NULL);
	status = 1;
	d.base = event_base_new();
	d.engine = engine_new(&o->limits, &callbacks);
	if (!d.base || !d.engine) {
		log_errno(errno, "cannot start", "engine");
		goto out;
	}
	d.producers = producers_new(d.base, d.engine, (unsigned)o->connections_max, (uint32_t)o->frame_max);
	if (!d.producers || !set_events(&d)) {
		log_errno(ENOMEM, "cannot start", "event loop");
		goto out;
	}
	status = 2;
	/* Before the first frame can come, so that its packets are known. */
	if (!open_probe(&d) || !open_endpoints(&d) || !open_monitor(&d))
		goto out;
	log_info("ready", F_UINT("max_sessions", o->limits.sessions_max),
		 F_UINT("memory_bound_bytes", engine_memory_bound(&o->limits) + o->output_queue_max),
		 F_UINT("packet_memory_bound_bytes", engine_packet_memory_bound(&o->limits)));
	event_base_dispatch(d.base);
	status = finish(&d);
out:
	release(&d);
	return status;
}
