/* Included by scenario.h: a session as the line that a scenario expects. */
#pragma once

#include "session/session_view.h"
#include "wire/iana.h"

static inline void add_upstream(const struct attempt *a, struct buf *out)
{
	buf_add_byte(out, ' ');
	if (!a->has_query)
		buf_add_byte(out, '!');
	if (a->upstream.len == 4 && a->upstream.port == 53)
		buf_add_uint(out, a->upstream.ip[3]);
	else
		addr_print_port(&a->upstream, out);
	buf_add_byte(out, '=');
	if (!a->has_response)
		buf_add_str(out, a->is_unsent ? "unsent" : "-");
	else if (a->rcode == RCODE_UNKNOWN)
		buf_add_byte(out, '?');
	else
		iana_rcode_text((uint16_t)a->rcode, out);
}

static inline void add_client(const struct session *s, struct buf *out)
{
	const struct addr *client = session_client(s);

	if (!client) {
		buf_add_byte(out, '-');
		return;
	}
	addr_print_port(client, out);
	if (s->protocol != TAP_UDP)
		buf_addf(out, "/%s", protocol_name(s->protocol));
}

static inline void add_question(const struct session *s, struct buf *out)
{
	struct session_question q;

	if (s->has_id)
		buf_addf(out, " %u ", s->id);
	else
		buf_add_lit(out, " - ");
	if (!session_question(s, &q)) {
		buf_add_byte(out, '-');
		return;
	}
	dns_qname_text(q.qname, out);
	if (q.qtype != 1)
		buf_addf(out, "/%s", iana_type_name(q.qtype));
}

static inline void add_kinds(const char *before, uint8_t bits, struct buf *out)
{
	static const char *const kinds[] = { "CQ", "CR", "FQ", "FR" };

	for (unsigned i = 0; i < COUNT(kinds); i++) {
		if (!(bits >> i & 1))
			continue;
		buf_add_str(out, before);
		buf_add_str(out, kinds[i]);
		before = ",";
	}
}

/* " kernel=complete:QR" and what was dropped: Q the query came, R a response left. */
static inline void add_kernel(const struct kernel_view *k, struct buf *out)
{
	static const char *const states[] = { "complete", "partial", "none" };

	if (!k)
		return;
	buf_addf(out, " kernel=%s:%s%s", states[k->state], k->has_query ? "Q" : "", k->has_response ? "R" : "");
	for (unsigned i = 0; i < k->nr_drops; i++)
		buf_addf(out, " %s=%s", k->drops[i].is_response ? "dropped_r" : "dropped_q", k->drops[i].reason);
	if (k->icmp)
		buf_addf(out, " icmp=%s", k->icmp);
}

static inline void add_remarks(const struct session *s, const struct verdict *v, struct buf *out)
{
	add_kinds(" lost=", v->lost, out);
	add_kinds(" untapped=", v->untapped, out);
	if (v->loss_suspected)
		buf_add_lit(out, " suspected");
	if (s->is_approximate)
		buf_add_lit(out, " approximate");
	if (s->retransmit > 1)
		buf_addf(out, " retransmit=%u", s->retransmit);
	if (s->server->has_identity && !slice_eq(server_name(s->server), slice_from_str("coredns-1")))
		buf_addf(out, " server=%.*s", (int)s->server->name_len, (const char *)s->server->name);
	add_kernel(s->kernel, out);
}

static inline void add_session(const struct session *s, const struct verdict *v, struct buf *out)
{
	if (s->query_ns)
		buf_addf(out, "@%.12g", (double)(int64_t)(s->query_ns - BASE_NS) / 1e6);
	else
		buf_add_lit(out, "@-");
	buf_addf(out, " %s %u %s ", status_name(v->status), s->bitmap, cause_name(v->cause));
	add_client(s, out);
	add_question(s, out);
	buf_add_byte(out, ' ');
	if (session_rcode(s) == RCODE_UNKNOWN)
		buf_add_byte(out, '-');
	else
		iana_rcode_text((uint16_t)session_rcode(s), out);
	for (const struct attempt *a = s->attempts; a; a = a->next)
		add_upstream(a, out);
	if (s->nr_attempts > ATTEMPTS_KEPT_FIRST + ATTEMPTS_KEPT_LAST)
		buf_addf(out, " attempts=%u", s->nr_attempts);
	add_remarks(s, v, out);
	buf_add_byte(out, '\n');
}
