#include "trace_run.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>

#include "base/clock.h"
#include "io/sink.h"
#include "session/trace.h"

enum { LINE_MAX_BYTES = 8192 };

struct tracing {
	const struct options *o;
	struct event_base *base;
	struct trace *trace;
	struct probe *probe;
	struct sink *sink;
	struct rfc3339 time;
	struct buf line;
	struct event *tick, *on_term, *on_int;
	uint64_t nr_lost;
};

static void on_event(void *arg, const struct trace_event *t)
{
	struct tracing *r = arg;
	bool is_bad = t->kind == TRACE_DROP || !t->is_answered;

	if (!trace_is_wanted(t, &r->o->selection))
		return;
	buf_reset(&r->line);
	if (r->o->format == FORMAT_JSON)
		trace_write_json(&r->time, t, &r->line);
	else
		trace_write_text(&r->time, t, &r->line);
	if (!r->line.failed)
		sink_line(r->sink, is_bad ? STATUS_FAILED : STATUS_SUCCEEDED, buf_slice(&r->line));
}

static struct vantage *on_watch(void *arg, const struct vantage_config *config)
{
	return trace_vantage_new(((struct tracing *)arg)->trace, config);
}

static void on_packet(void *arg, struct vantage *v, const struct packet *p)
{
	trace_packet(((struct tracing *)arg)->trace, v, p);
}

static void on_lost(void *arg, uint64_t from_ns, uint64_t to_ns, uint64_t nr)
{
	struct tracing *r = arg;

	(void)from_ns;
	(void)to_ns;
	r->nr_lost += nr;
	log_warn("packets lost: what has no response here may have had one", F_UINT("lost", nr),
		 F_UINT("in_all", r->nr_lost));
}

static void on_watch_end(void *arg, struct vantage *v, uint64_t now_ns)
{
	(void)now_ns;
	trace_vantage_end(((struct tracing *)arg)->trace, v);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct tracing *r = arg;
	struct sink_stats st;

	(void)fd;
	(void)what;
	probe_poll(r->probe);
	trace_expire(r->trace, clock_wall_ns());
	sink_stats(r->sink, &st);
	if (st.is_broken)
		event_base_loopbreak(r->base);
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number;
	(void)what;
	event_base_loopbreak(((struct tracing *)arg)->base);
}

static bool set_events(struct tracing *r)
{
	struct timeval second = { .tv_sec = 1 };

	signal(SIGPIPE, SIG_IGN);
	r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
	r->on_term = evsignal_new(r->base, SIGTERM, on_stop, r);
	r->on_int = evsignal_new(r->base, SIGINT, on_stop, r);
	return r->tick && r->on_term && r->on_int && event_add(r->tick, &second) == 0 &&
	       evsignal_add(r->on_term, NULL) == 0 && evsignal_add(r->on_int, NULL) == 0;
}

static bool open_probe(struct tracing *r, struct probe_options *options)
{
	struct probe_sink sink = { on_watch, on_packet, on_lost, on_watch_end, r };

	/* Without packets there is nothing to trace. */
	options->mode = PROBE_REQUIRE;
	r->probe = probe_new(r->base, options, &sink);
	return r->probe;
}

static void release(struct tracing *r)
{
	struct event *events[] = { r->tick, r->on_term, r->on_int };

	probe_free(r->probe);
	trace_free(r->trace);
	for (unsigned i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i])
			event_free(events[i]);
	if (r->base)
		event_base_free(r->base);
	buf_release(&r->line);
}

int trace_run(const struct options *o)
{
	struct probe_options probe = o->probe;
	struct tracing r = { .o = o };
	struct trace_callbacks callbacks = { on_event, &r };
	int status = 2;

	buf_init(&r.line, LINE_MAX_BYTES);
	r.sink = sink_open(o->output, o->output_queue_max, false);
	if (!r.sink)
		goto out;
	r.base = event_base_new();
	r.trace = trace_new(&o->limits, &callbacks);
	if (!r.base || !r.trace || !set_events(&r)) {
		log_errno(errno, "cannot start", "trace");
		status = 1;
	} else if (open_probe(&r, &probe)) {
		event_base_dispatch(r.base);
		probe_poll(r.probe);
		trace_expire(r.trace, UINT64_MAX);
		status = 0;
	}
	if (sink_close(r.sink, NULL) < 0)
		status = 1;
out:
	release(&r);
	return status;
}
