/*
 * monitor - what the daemon says of itself over HTTP: /metrics, /healthz, /readyz.
 */
#pragma once

#include "io/http.h"
#include "io/probe.h"
#include "io/producer.h"
#include "io/sink.h"

#define MONITOR_HTTP_DEFAULT "0.0.0.0:9166"

/* Whom it asks; all are the daemon's. */
struct monitor {
	struct engine *engine;
	struct producers *producers;
	struct probe *probe;
	struct sink *sink;
	unsigned nr_listening; /* sockets that wait for dnstap, and endpoints that are dialled */
};

/*
 * Serves at `at`; NULL: at the default, where a port in use is only a warning (*out is then NULL); "off": not at all.
 * `s` must outlive the server. Returns 0, or -EINVAL with the reason logged.
 */
int monitor_serve(struct event_base *base, const char *at, struct monitor *s, struct http **out);

/* The body of /metrics: Prometheus text format 0.0.4. */
void monitor_metrics(const struct monitor *s, struct buf *out);
