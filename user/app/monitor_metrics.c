#include "io/exposition.h"
#include "monitor.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

static struct slice text(const char *s)
{
	return slice_from_str(s);
}

static void frames(struct exposition *x, const struct engine_stats *st)
{
	exposition_family(x, "frames_total", EXPOSITION_COUNTER, "dnstap frames received, by what became of them.");
	exposition_sample(x, st->nr_joined, LABELS(LABEL("outcome", "joined")));
	exposition_sample(x, st->nr_late, LABELS(LABEL("outcome", "late")));
	exposition_sample(x, st->nr_duplicate, LABELS(LABEL("outcome", "duplicate")));
	exposition_sample(x, st->nr_foreign, LABELS(LABEL("outcome", "foreign")));
	exposition_family(x, "frames_malformed_total", EXPOSITION_COUNTER, "dnstap frames that could not be read.");
	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		exposition_sample(x, st->nr_malformed[i],
				  LABELS({ "reason", text(malformed_reason_name((enum malformed_reason)i)) }));
	exposition_family(x, "frame_bytes_total", EXPOSITION_COUNTER, "Bytes of dnstap frames received.");
	exposition_sample(x, st->nr_bytes, NO_LABELS);
}

static void sessions(struct exposition *x, const struct engine_stats *st)
{
	exposition_family(x, "sessions_total", EXPOSITION_COUNTER, "Sessions closed, by Status.");
	for (unsigned i = 0; i < STATUSES; i++)
		exposition_sample(x, st->by_status[i], LABELS({ "status", text(status_name((enum status)i)) }));
	exposition_family(x, "sessions_by_cause_total", EXPOSITION_COUNTER, "Sessions closed, by Cause.");
	for (unsigned i = 0; i < CAUSES; i++)
		exposition_sample(x, st->by_cause[i], LABELS({ "cause", text(cause_name((enum cause)i)) }));
	exposition_family(x, "sessions_by_bitmap_total", EXPOSITION_COUNTER, "Sessions closed, by BitMap.");
	for (unsigned i = 0; i < 16; i++) {
		char number[4] = { (char)(i < 10 ? '0' + i : '1'), (char)(i < 10 ? 0 : '0' + i - 10) };

		exposition_sample(x, st->by_bitmap[i], LABELS({ "bitmap", text(number) }));
	}
	exposition_family(x, "sessions_open", EXPOSITION_GAUGE, "Sessions open now.");
	exposition_sample(x, st->nr_open, NO_LABELS);
	exposition_family(x, "session_evictions_total", EXPOSITION_COUNTER, "Sessions closed early by a limit.");
	exposition_sample(x, st->nr_evicted, NO_LABELS);
}

static void connections(struct exposition *x, const struct monitor *s)
{
	const struct producers_stats *st = producers_stats(s->producers);

	exposition_family(x, "connections", EXPOSITION_GAUGE, "dnstap connections open now.");
	exposition_sample(x, producers_count(s->producers), NO_LABELS);
	exposition_family(x, "connections_ended_total", EXPOSITION_COUNTER,
			  "dnstap connections that ended, by reason.");
	for (unsigned i = 0; i < PRODUCER_ENDS; i++)
		exposition_sample(x, st->nr_ended[i],
				  LABELS({ "reason", text(producer_end_name((enum producer_end)i)) }));
}

static void output(struct exposition *x, const struct monitor *s)
{
	struct sink_stats st;

	sink_stats(s->sink, &st);
	exposition_family(x, "output_lines_total", EXPOSITION_COUNTER, "Lines accepted for output.");
	exposition_sample(x, st.nr_lines, NO_LABELS);
	exposition_family(x, "output_lines_dropped_total", EXPOSITION_COUNTER,
			  "Lines dropped as the output's reader was too slow, by Status.");
	for (unsigned i = 0; i < STATUSES; i++)
		exposition_sample(x, st.nr_dropped[i], LABELS({ "status", text(status_name((enum status)i)) }));
}

static void probe_level(struct exposition *x, const struct monitor *s, const struct probe_stats *st)
{
	exposition_family(x, "kernel_probe_info", EXPOSITION_GAUGE, "How far the probe got, and why not farther.");
	exposition_sample(
		x, 1, LABELS({ "level", text(probe_level_name(st->level)) }, { "reason", text(probe_why(s->probe)) }));
	exposition_family(x, "kernel_watches", EXPOSITION_GAUGE, "CoreDNS namespaces and processes watched now.");
	exposition_sample(x, st->nr_watches, NO_LABELS);
	exposition_family(x, "kernel_watches_refused", EXPOSITION_GAUGE,
			  "CoreDNS found and not watched for want of room.");
	exposition_sample(x, st->nr_watches_refused, NO_LABELS);
	exposition_family(x, "kernel_silent_servers", EXPOSITION_GAUGE,
			  "Watched servers that never sent a dnstap frame.");
	exposition_sample(x, engine_stats(s->engine)->nr_silent_servers, NO_LABELS);
}

static void packets(struct exposition *x, const struct probe_stats *st)
{
	const struct {
		const char *kind;
		uint64_t nr;
	} kinds[] = {
		{ "udp", st->nr_udp },
		{ "tcp", st->nr_tcp },
		{ "tcp_empty", st->nr_tcp_empty },
		{ "icmp", st->nr_icmp },
		{ "fragment", st->nr_fragments },
		{ "other", st->nr_others },
		{ "malformed", st->nr_malformed },
		{ "tcp_cut", st->nr_cut },
	};

	exposition_family(x, "kernel_packets_total", EXPOSITION_COUNTER, "Packets seen by the probe, by kind; exact.");
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		exposition_sample(x, kinds[i].nr, LABELS({ "kind", text(kinds[i].kind) }));
	exposition_family(x, "kernel_events_total", EXPOSITION_COUNTER, "Records read from the kernel's ring.");
	exposition_sample(x, st->nr_events, NO_LABELS);
	exposition_family(x, "kernel_events_lost_total", EXPOSITION_COUNTER, "Records for which the ring had no room.");
	exposition_sample(x, st->nr_events_lost, NO_LABELS);
}

/* What is known of packets on this side of the ring. */
static void evidence(struct exposition *x, const struct engine_stats *st)
{
	exposition_family(x, "packets_waiting", EXPOSITION_GAUGE, "DNS packets that wait for their session now.");
	exposition_sample(x, st->nr_sightings, NO_LABELS);
	exposition_family(x, "packets_forgotten_total", EXPOSITION_COUNTER,
			  "DNS packets forgotten because of --max-packets.");
	exposition_sample(x, st->nr_sightings_forgotten, NO_LABELS);
	exposition_family(x, "tcp_connections_forgotten_total", EXPOSITION_COUNTER,
			  "TCP connections forgotten because of --max-tcp-connections.");
	exposition_sample(x, st->nr_tcp_forgotten, NO_LABELS);
	exposition_family(x, "sessions_unseen_total", EXPOSITION_COUNTER,
			  "Sessions of which packets alone tell (BitMap 0).");
	exposition_sample(x, st->nr_unseen, NO_LABELS);
	exposition_family(
		x, "queries_unknown_total", EXPOSITION_COUNTER,
		"Queries of which too little is known, as events of the kernel were lost: they have no line.");
	exposition_sample(x, st->nr_unknown, NO_LABELS);
	exposition_family(x, "queries_silent_total", EXPOSITION_COUNTER,
			  "Queries to watched servers that never sent dnstap: they have no line.");
	exposition_sample(x, st->nr_silent, NO_LABELS);
}

static void drops(struct exposition *x, const struct monitor *s, const struct probe_stats *st)
{
	exposition_family(x, "kernel_drops_total", EXPOSITION_COUNTER,
			  "DNS packets dropped on this node, by the kernel's reason.");
	for (unsigned i = 0; probe_reason_name(s->probe, i); i++) {
		uint64_t nr = *probe_reason_name(s->probe, i) ? probe_reason_count(s->probe, i) : 0;

		if (nr)
			exposition_sample(x, nr, LABELS({ "reason", text(probe_reason_name(s->probe, i)) }));
	}
	exposition_family(x, "kernel_unmatched_drops_total", EXPOSITION_COUNTER,
			  "Drops of packets of no watched server.");
	exposition_sample(x, st->nr_unmatched_drops, NO_LABELS);
}

static uint64_t sum(const uint64_t *values)
{
	uint64_t total = 0;

	for (unsigned kind = 0; kind < KINDS; kind++)
		total += values[kind];
	return total;
}

typedef void (*server_fn)(struct exposition *x, const struct server *server);

static void each_server(struct exposition *x, const struct monitor *s, server_fn fn)
{
	for (const struct server *server = engine_next_server(s->engine, NULL); server;
	     server = engine_next_server(s->engine, server))
		fn(x, server);
}

static void by_kind(struct exposition *x, const struct server *server, const uint64_t *values, const char *evidence)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		exposition_sample(x, values[kind],
				  LABELS({ "server", server_name(server) },
					 { "type", text(kind_name((enum kind)kind)) },
					 { evidence ? "evidence" : NULL, text(evidence ? evidence : "") }));
}

static void received(struct exposition *x, const struct server *server)
{
	by_kind(x, server, server->nr_received, NULL);
}

static void lost(struct exposition *x, const struct server *server)
{
	by_kind(x, server, server->nr_lost, "structure");
	if (server->kernel_since_ns)
		by_kind(x, server, server->kernel_lost, "kernel");
}

static void lost_upper(struct exposition *x, const struct server *server)
{
	if (server->kernel_since_ns)
		exposition_sample(x, sum(server->kernel_lost) + server->kernel_events_lost,
				  LABELS({ "server", server_name(server) }, LABEL("evidence", "kernel")));
}

static void expected(struct exposition *x, const struct server *server)
{
	if (server->kernel_since_ns)
		by_kind(x, server, server->kernel_expected, "kernel");
}

static void ratio(struct exposition *x, const struct server *server)
{
	uint64_t whole = sum(server->kernel_expected) + server->kernel_events_lost, low = sum(server->kernel_lost);

	if (!server->kernel_since_ns)
		return;
	exposition_ratio(x, low, whole, LABELS({ "server", server_name(server) }, LABEL("bound", "low")));
	exposition_ratio(x, low + server->kernel_events_lost, whole,
			 LABELS({ "server", server_name(server) }, LABEL("bound", "high")));
}

static void loss(struct exposition *x, const struct monitor *s)
{
	exposition_family(x, "dnstap_messages_received_total", EXPOSITION_COUNTER,
			  "dnstap messages joined, by server and type.");
	each_server(x, s, received);
	exposition_family(
		x, "dnstap_messages_lost_total", EXPOSITION_COUNTER,
		"dnstap messages proven lost: by the structure of sessions alone, and by what the kernel saw.");
	each_server(x, s, lost);
	exposition_family(x, "dnstap_messages_lost_upper_total", EXPOSITION_COUNTER,
			  "The most that may have been lost, as events of the kernel were.");
	each_server(x, s, lost_upper);
	exposition_family(x, "dnstap_messages_expected_total", EXPOSITION_COUNTER,
			  "dnstap messages that must have existed, by what the kernel saw.");
	each_server(x, s, expected);
	exposition_family(x, "dnstap_loss_ratio", EXPOSITION_GAUGE,
			  "Lost of those that must have existed, since the start.");
	each_server(x, s, ratio);
}

void monitor_metrics(const struct monitor *s, struct buf *out)
{
	const struct engine_stats *st = engine_stats(s->engine);
	struct exposition x = { .out = out };
	struct probe_stats probe;

	probe_stats(s->probe, &probe);
	exposition_family(&x, "build_info", EXPOSITION_GAUGE, "The version that runs.");
	exposition_sample(&x, 1, LABELS(LABEL("version", VERSION)));
	frames(&x, st);
	sessions(&x, st);
	connections(&x, s);
	output(&x, s);
	loss(&x, s);
	probe_level(&x, s, &probe);
	packets(&x, &probe);
	evidence(&x, st);
	drops(&x, s, &probe);
}
