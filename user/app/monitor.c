#include "monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

static int answer_metrics(void *arg, struct buf *body)
{
	monitor_metrics(arg, body);
	return 200;
}

/* That it is answered at all says that the loop turns. */
static int answer_health(void *arg, struct buf *body)
{
	(void)arg;
	buf_add_lit(body, "ok\n");
	return 200;
}

static bool check(struct buf *body, bool is_good, const char *what, const char *why)
{
	buf_addf(body, "%s %s%s%s\n", is_good ? "ok" : "FAIL", what, *why ? ": " : "", why);
	return is_good;
}

/* A probe that was asked for is there, or the daemon would have ended; one that was not is a note. */
static void note_probe(const struct monitor *s, struct buf *body)
{
	struct probe_stats st;

	probe_stats(s->probe, &st);
	buf_addf(body, "note probe: %s", probe_level_name(st.level));
	if (*probe_why(s->probe))
		buf_addf(body, ": %s", probe_why(s->probe));
	buf_addf(body, "; %u watched", st.nr_watches);
	if (st.nr_watches_refused)
		buf_addf(body, ", %" PRIu64 " more are not (--max-watches)", st.nr_watches_refused);
	buf_add_byte(body, '\n');
}

static int answer_ready(void *arg, struct buf *body)
{
	const struct monitor *s = arg;
	struct sink_stats sink;
	uint64_t silent = engine_stats(s->engine)->nr_silent_servers;
	bool is_ready = true;

	sink_stats(s->sink, &sink);
	is_ready &= check(body, s->nr_listening > 0, "listening", "");
	is_ready &= check(body, !sink.is_broken, "output", sink.is_broken ? "its reader has gone" : "");
	note_probe(s, body);
	if (silent)
		buf_addf(body,
			 "note %" PRIu64 " of the watched servers have never sent dnstap: it is not set up there yet\n",
			 silent);
	return is_ready ? 200 : 503;
}

static const struct http_path paths[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", answer_metrics },
	{ "/healthz", "text/plain; charset=utf-8", answer_health },
	{ "/readyz", "text/plain; charset=utf-8", answer_ready },
	{ 0 },
};

int monitor_serve(struct event_base *base, const char *at, struct monitor *s, struct http **out)
{
	const char *where = at ? at : MONITOR_HTTP_DEFAULT, *why;

	*out = NULL;
	if (strcmp(where, "off") == 0)
		return 0;
	*out = http_new(base, where, paths, s, &why);
	if (*out) {
		log_info("serving metrics", F_STR("address", where));
		return 0;
	}
	if (at) {
		log_error("cannot serve metrics", F_STR("address", where), F_STR("error", why));
		return -EINVAL;
	}
	log_warn("no metrics", F_STR("address", where), F_STR("error", why));
	return 0;
}
