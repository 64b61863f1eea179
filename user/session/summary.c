#include "summary.h"

#include <errno.h>
#include <stdlib.h>

#include "rfc3339.h"
#include "session_view.h"
#include "tally.h"
#include "text.h"
#include "wire/iana.h"

enum {
	RCODES = 32,	/* counted one by one; larger ones together in the last place */
	KEY_MAX = 1200, /* a name of 255 escaped bytes */
};

struct summary {
	uint64_t nr;
	uint64_t by_status[STATUSES], by_bitmap[16], by_cause[CAUSES], by_rcode[RCODES];
	uint64_t nr_without_rcode;
	uint64_t nr_approximate, nr_retransmits, nr_loss_suspected;
	uint64_t first_ns, last_ns;
	struct histogram duration, upstream;
	struct tally names, clients, upstreams;
	struct buf key;
	struct rfc3339 time;
};

struct summary *summary_new(void)
{
	struct summary *sum = calloc(1, sizeof(*sum));
	struct hash_key key;
	int err;

	if (!sum)
		return NULL;
	buf_init(&sum->key, KEY_MAX);
	err = hash_key_random(&key);
	if (!err)
		err = tally_init(&sum->names, SUMMARY_KEYS_MAX, &key);
	if (!err)
		err = tally_init(&sum->clients, SUMMARY_KEYS_MAX, &key);
	if (!err)
		err = tally_init(&sum->upstreams, SUMMARY_KEYS_MAX, &key);
	if (!err)
		return sum;
	summary_free(sum);
	errno = -err;
	return NULL;
}

void summary_free(struct summary *sum)
{
	if (!sum)
		return;
	tally_release(&sum->names);
	tally_release(&sum->clients);
	tally_release(&sum->upstreams);
	buf_release(&sum->key);
	free(sum);
}

static void add_upstreams(struct summary *sum, const struct session *s)
{
	for (const struct attempt *a = s->attempts; a; a = a->next) {
		uint64_t duration_ns = 0;
		bool is_bad = !a->has_response || (a->rcode != RCODE_UNKNOWN && a->rcode != DNS_RCODE_NOERROR &&
						   a->rcode != DNS_RCODE_NXDOMAIN);

		if (attempt_duration_ns(a, &duration_ns))
			histogram_add(&sum->upstream, duration_ns);
		buf_reset(&sum->key);
		addr_print_port(&a->upstream, &sum->key);
		tally_add(&sum->upstreams, buf_slice(&sum->key), is_bad, duration_ns);
	}
}

static void add_keys(struct summary *sum, const struct session *s, bool is_failed, uint64_t duration_ns)
{
	const struct addr *client = session_client(s);
	struct session_question q;

	if (client) {
		buf_reset(&sum->key);
		addr_print(client, &sum->key);
		tally_add(&sum->clients, buf_slice(&sum->key), is_failed, duration_ns);
	}
	if (!session_question(s, &q))
		return;
	buf_reset(&sum->key);
	if (dns_qname_text(q.qname, &sum->key) != DNS_OK)
		return;
	buf_add_byte(&sum->key, ' ');
	iana_type_text(q.qtype, &sum->key);
	tally_add(&sum->names, buf_slice(&sum->key), is_failed, duration_ns);
}

void summary_add(struct summary *sum, const struct session *s, const struct verdict *v)
{
	uint64_t duration_ns = 0;

	sum->nr++;
	sum->by_status[v->status]++;
	sum->by_bitmap[s->bitmap]++;
	sum->by_cause[v->cause]++;
	if (session_rcode(s) == RCODE_UNKNOWN)
		sum->nr_without_rcode++;
	else
		sum->by_rcode[session_rcode(s) < RCODES - 1 ? session_rcode(s) : RCODES - 1]++;
	sum->nr_approximate += s->is_approximate;
	sum->nr_retransmits += s->retransmit > 1;
	sum->nr_loss_suspected += v->loss_suspected;
	if (s->query_ns && (!sum->first_ns || s->query_ns < sum->first_ns))
		sum->first_ns = s->query_ns;
	if (s->query_ns > sum->last_ns)
		sum->last_ns = s->query_ns;
	if (session_duration_ns(s, &duration_ns))
		histogram_add(&sum->duration, duration_ns);
	add_upstreams(sum, s);
	add_keys(sum, s, v->status == STATUS_FAILED, duration_ns);
}

static void percent(uint64_t part, uint64_t whole, struct buf *out)
{
	uint64_t hundredths = whole ? (part * 10000 + whole / 2) / whole : 0;

	buf_addf(out, "%3llu.%02llu %%", (unsigned long long)(hundredths / 100),
		 (unsigned long long)(hundredths % 100));
}

static void count_row(const char *name, uint64_t n, uint64_t whole, struct buf *out)
{
	if (!n)
		return;
	buf_addf(out, "  %-22s %12llu  ", name, (unsigned long long)n);
	percent(n, whole, out);
	buf_add_byte(out, '\n');
}

static void print_bitmaps(const struct summary *sum, struct buf *out)
{
	buf_add_lit(out, "\nBitMap\n");
	for (unsigned i = 0; i < 16; i++) {
		if (!sum->by_bitmap[i])
			continue;
		buf_addf(out, "  %2u ", i);
		text_bitmap((uint8_t)i, out);
		buf_addf(out, "            %12llu  ", (unsigned long long)sum->by_bitmap[i]);
		percent(sum->by_bitmap[i], sum->nr, out);
		buf_add_byte(out, '\n');
	}
}

static void print_rcodes(const struct summary *sum, struct buf *out)
{
	struct buf name;

	buf_add_lit(out, "\nRcode of the response to the client\n");
	buf_init(&name, 64);
	for (unsigned i = 0; i < RCODES; i++) {
		buf_reset(&name);
		if (i == RCODES - 1)
			buf_add_lit(&name, "others");
		else
			iana_rcode_text((uint16_t)i, &name);
		buf_add_byte(&name, 0);
		if (!name.failed)
			count_row((const char *)name.data, sum->by_rcode[i], sum->nr, out);
	}
	buf_release(&name);
	count_row("none recorded", sum->nr_without_rcode, sum->nr, out);
}

static void print_latency(const char *what, const struct histogram *h, struct buf *out)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 } };

	if (!h->total)
		return;
	buf_addf(out, "  %-22s", what);
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		buf_addf(out, "  %s ", quantiles[i].name);
		milliseconds_write(histogram_quantile_ns(h, quantiles[i].q), out);
	}
	buf_add_lit(out, "  max ");
	milliseconds_write(h->max_ns, out);
	buf_add_byte(out, '\n');
}

static void print_top(const char *title, const struct tally *t, enum tally_order order, struct buf *out)
{
	const struct tally_row *rows[SUMMARY_ROWS];
	size_t nr = tally_top(t, order, rows, SUMMARY_ROWS);

	if (nr == 0)
		return;
	buf_addf(out, "\n%s\n  %8s %8s %12s %12s\n", title, "count", "failed", "mean ms", "max ms");
	for (size_t i = 0; i < nr; i++) {
		const struct tally_row *r = rows[i];
		uint64_t mean_us = r->nr_timed ? r->sum_ns / r->nr_timed / 1000 : 0;

		buf_addf(out, "  %8llu %8llu", (unsigned long long)r->nr, (unsigned long long)r->nr_failed);
		if (r->nr_timed)
			buf_addf(out, " %8llu.%03llu %8llu.%03llu  ", (unsigned long long)(mean_us / 1000),
				 (unsigned long long)(mean_us % 1000), (unsigned long long)(r->max_ns / NS_PER_MS),
				 (unsigned long long)(r->max_ns / 1000 % 1000));
		else
			buf_addf(out, " %12s %12s  ", "-", "-");
		buf_add(out, r->key, r->len);
		buf_add_byte(out, '\n');
	}
	if (t->nr_others)
		buf_addf(out, "  %8llu of others: more than %zu different ones\n", (unsigned long long)t->nr_others,
			 t->max);
}

static void print_server(const struct server *server, struct buf *out)
{
	uint64_t received = 0, lost = 0;
	struct slice name = server_name(server);

	for (unsigned kind = 0; kind < KINDS; kind++) {
		received += server->nr_received[kind];
		lost += server->nr_lost[kind];
	}
	if (!received)
		return;
	buf_add_lit(out, "  ");
	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(out, name.data[i] > ' ' && name.data[i] < 0x7f ? name.data[i] : '?');
	if (!name.len)
		buf_add_lit(out, "(no identity)");
	buf_addf(out, "  received %llu, proven lost %llu of %llu:", (unsigned long long)received,
		 (unsigned long long)lost, (unsigned long long)(received + lost));
	percent(lost, received + lost, out);
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (server->nr_lost[kind])
			buf_addf(out, "  %s %llu", kind_name((enum kind)kind),
				 (unsigned long long)server->nr_lost[kind]);
	buf_add_byte(out, '\n');
}

/* By what the kernel saw: exact where no event was lost, else between two bounds. */
static void print_kernel_loss(const struct server *server, struct buf *out)
{
	uint64_t expected = server->kernel_events_lost, lost = 0;

	if (!server->kernel_since_ns)
		return;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		expected += server->kernel_expected[kind];
		lost += server->kernel_lost[kind];
	}
	buf_addf(out, "    by packets: lost %llu of %llu:", (unsigned long long)lost, (unsigned long long)expected);
	percent(lost, expected, out);
	if (server->kernel_events_lost) {
		buf_addf(out, " at least, at most ");
		percent(lost + server->kernel_events_lost, expected, out);
	}
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (server->kernel_lost[kind])
			buf_addf(out, "  %s %llu", kind_name((enum kind)kind),
				 (unsigned long long)server->kernel_lost[kind]);
	buf_add_byte(out, '\n');
}

static void print_frames(struct engine *engine, struct buf *out)
{
	const struct engine_stats *st = engine_stats(engine);
	uint64_t malformed = 0;

	for (unsigned i = 0; i < MALFORMED_REASONS; i++)
		malformed += st->nr_malformed[i];
	buf_addf(out,
		 "\nFrames\n  received %llu = joined %llu + late %llu + duplicate %llu + foreign %llu + malformed "
		 "%llu\n",
		 (unsigned long long)st->nr_frames, (unsigned long long)st->nr_joined, (unsigned long long)st->nr_late,
		 (unsigned long long)st->nr_duplicate, (unsigned long long)st->nr_foreign,
		 (unsigned long long)malformed);
}

static void print_counts(const struct summary *sum, struct buf *out)
{
	buf_add_lit(out, "\nStatus\n");
	for (unsigned i = 0; i < STATUSES; i++)
		count_row(status_name((enum status)i), sum->by_status[i], sum->nr, out);
	buf_add_lit(out, "\nCause\n");
	for (unsigned i = 0; i < CAUSES; i++)
		count_row(cause_name((enum cause)i), sum->by_cause[i], sum->nr, out);
	print_bitmaps(sum, out);
	print_rcodes(sum, out);
	if (sum->nr_retransmits || sum->nr_approximate || sum->nr_loss_suspected)
		buf_add_lit(out, "\nRemarks\n");
	count_row("Retransmit", sum->nr_retransmits, sum->nr, out);
	count_row("Linked approximate", sum->nr_approximate, sum->nr, out);
	count_row("LossSuspected", sum->nr_loss_suspected, sum->nr, out);
}

void summary_print(const struct summary *sum, struct engine *engine, struct buf *out)
{
	struct rfc3339 time = sum->time;

	buf_addf(out, "%llu sessions", (unsigned long long)sum->nr);
	if (sum->nr) {
		buf_add_lit(out, ", ");
		rfc3339_write(&time, sum->first_ns, out);
		buf_add_lit(out, " to ");
		rfc3339_write(&time, sum->last_ns, out);
	}
	buf_add_byte(out, '\n');
	print_counts(sum, out);
	buf_add_lit(out, "\nLatency (ms)\n");
	print_latency("query to response", &sum->duration, out);
	print_latency("upstream", &sum->upstream, out);
	print_top("Names that fail most", &sum->names, TALLY_BY_FAILED, out);
	print_top("Slowest names", &sum->names, TALLY_BY_MEAN, out);
	print_top("Clients that see most failures", &sum->clients, TALLY_BY_FAILED, out);
	print_top("Slowest clients", &sum->clients, TALLY_BY_MEAN, out);
	print_top("Upstreams that fail most (attempts)", &sum->upstreams, TALLY_BY_FAILED, out);
	print_top("Slowest upstreams (attempts)", &sum->upstreams, TALLY_BY_MEAN, out);
	buf_add_lit(out, "\ndnstap loss by server\n");
	for (const struct server *s = engine_next_server(engine, NULL); s; s = engine_next_server(engine, s)) {
		print_server(s, out);
		print_kernel_loss(s, out);
	}
	print_frames(engine, out);
}
