#include "text.h"

#include "server.h"
#include "session_view.h"
#include "wire/iana.h"

enum { ATTEMPTS_SHOWN = 4 };

void text_bitmap(uint8_t bitmap, struct buf *out)
{
	static const char *const mnemonics[KINDS] = { "CQ", "CR", "FQ", "FR" };

	for (unsigned kind = 0; kind < KINDS; kind++)
		buf_add_str(out, bitmap >> kind & 1 ? mnemonics[kind] : "\xc2\xb7\xc2\xb7");
}

/* Columns keep their width, but no value is cut. */
static void pad(struct buf *out, size_t from, size_t width)
{
	for (size_t n = out->len - from; n < width; n++)
		buf_add_byte(out, ' ');
	buf_add_byte(out, ' ');
}

static void column(struct buf *out, const char *s, size_t width)
{
	size_t from = out->len;

	buf_add_str(out, s);
	pad(out, from, width);
}

void text_printable(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_add_byte(out, s.data[i] > ' ' && s.data[i] < 0x7f ? s.data[i] : '?');
}

static void write_client(const struct session *s, struct buf *out)
{
	const struct addr *client = session_client(s);
	const char *protocol = protocol_name(s->protocol);
	size_t from = out->len;

	if (client) {
		addr_print_port(client, out);
		buf_add_byte(out, '/');
		buf_add_str(out, protocol ? protocol : "?");
	} else {
		buf_add_byte(out, '-');
	}
	pad(out, from, 25);
}

static void write_question(const struct session *s, struct buf *out)
{
	struct session_question q;
	size_t from = out->len;

	if (!session_question(s, &q) || dns_qname_text(q.qname, out) != DNS_OK) {
		buf_add_byte(out, '-');
	} else {
		buf_add_byte(out, ' ');
		iana_type_text(q.qtype, out);
	}
	pad(out, from, 32);
}

static void write_outcome(const struct session *s, struct buf *out)
{
	uint64_t duration_ns;
	size_t from = out->len;

	if (session_rcode(s) == RCODE_UNKNOWN)
		buf_add_byte(out, '-');
	else
		iana_rcode_text((uint16_t)session_rcode(s), out);
	pad(out, from, 8);
	from = out->len;
	if (session_duration_ns(s, &duration_ns)) {
		milliseconds_write(duration_ns, out);
		buf_add_lit(out, "ms");
	} else {
		buf_add_byte(out, '-');
	}
	pad(out, from, 10);
}

static void write_attempt(const struct attempt *a, struct buf *out)
{
	uint64_t duration_ns;

	buf_add_byte(out, ' ');
	addr_print_port(&a->upstream, out);
	buf_add_byte(out, '=');
	if (!a->has_response)
		buf_add_str(out, a->is_unsent ? "unreachable" : "timeout");
	else if (a->rcode == RCODE_UNKNOWN)
		buf_add_lit(out, "answered");
	else
		iana_rcode_text((uint16_t)a->rcode, out);
	if (attempt_duration_ns(a, &duration_ns)) {
		buf_add_byte(out, '/');
		milliseconds_write(duration_ns, out);
		buf_add_lit(out, "ms");
	}
}

/* Only what the other columns do not say. */
static void write_kernel(const struct kernel_view *k, struct buf *out)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->nr_drops; i++)
		buf_addf(out, " %s_dropped=%s", k->drops[i].is_response ? "response" : "query", k->drops[i].reason);
	if (k->icmp)
		buf_addf(out, " icmp=%s", k->icmp);
	if (k->is_reset)
		buf_addf(out, " reset_by=%s", k->reset_by_client ? "client" : "server");
	if (k->state == KERNEL_PARTIAL)
		buf_add_lit(out, " kernel=partial");
}

void text_write(struct rfc3339 *time, const struct session *s, const struct verdict *v, struct buf *out)
{
	const struct attempt *a = s->attempts;
	unsigned shown = 0;

	rfc3339_write(time, s->query_ns, out);
	buf_add_byte(out, ' ');
	column(out, status_name(v->status), 10);
	text_bitmap(s->bitmap, out);
	buf_add_byte(out, ' ');
	column(out, cause_name(v->cause), 21);
	write_client(s, out);
	write_question(s, out);
	write_outcome(s, out);
	if (s->server->has_identity)
		text_printable(out, server_name(s->server));
	else
		buf_add_byte(out, '-');
	for (; a && shown < ATTEMPTS_SHOWN; a = a->next, shown++)
		write_attempt(a, out);
	if (s->nr_attempts > shown)
		buf_addf(out, " (%u attempts)", s->nr_attempts);
	if (s->retransmit > 1)
		buf_addf(out, " retransmit=%u", s->retransmit);
	write_kernel(s->kernel, out);
	buf_add_byte(out, '\n');
}
