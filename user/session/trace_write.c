#include "session_view.h"
#include "text.h"
#include "trace.h"
#include "wire/iana.h"
#include "wire/json.h"

static const char *const kind_names[] = {
	[TRACE_CLIENT] = "client",
	[TRACE_UPSTREAM] = "upstream",
	[TRACE_DROP] = "drop",
};

static void quoted(struct json *j, void (*write)(uint16_t value, struct buf *out), uint16_t value)
{
	json_separate(j);
	buf_add_byte(j->out, '"');
	write(value, j->out);
	buf_add_byte(j->out, '"');
}

static void end(struct json *j, const struct addr *a)
{
	json_object_begin(j);
	json_key(j, "Address");
	json_separate(j);
	buf_add_byte(j->out, '"');
	addr_print(a, j->out);
	buf_add_byte(j->out, '"');
	json_key(j, "Port");
	json_uint(j, a->port);
	json_object_end(j);
}

static void question(struct json *j, const struct trace_event *t)
{
	uint8_t text[DNS_NAME_TEXT_MAX];
	struct buf name = { .data = text, .size = sizeof(text), .cap = sizeof(text) };

	if (!t->has_question || dns_qname_text(t->qname, &name) != DNS_OK) {
		json_nothing(j);
		return;
	}
	json_object_begin(j);
	json_key(j, "ID");
	json_uint(j, t->id);
	json_key(j, "Name");
	json_text(j, buf_slice(&name));
	json_key(j, "Type");
	quoted(j, iana_type_text, t->qtype);
	json_key(j, "Class");
	quoted(j, iana_class_text, t->qclass);
	json_object_end(j);
}

static void outcome(struct json *j, const struct trace_event *t)
{
	json_key(j, "Rcode");
	if (t->rcode == RCODE_UNKNOWN)
		json_nothing(j);
	else
		quoted(j, iana_rcode_text, (uint16_t)t->rcode);
	if (t->kind == TRACE_DROP) {
		json_key(j, "Packet");
		json_str(j, t->is_response ? "response" : "query");
	}
	if (t->reason) {
		json_key(j, "Reason");
		json_str(j, t->reason);
	}
	if (t->icmp) {
		json_key(j, "ICMP");
		json_str(j, t->icmp);
	}
}

static void times(struct rfc3339 *time, struct json *j, const struct trace_event *t)
{
	json_key(j, "Time");
	json_separate(j);
	buf_add_byte(j->out, '"');
	rfc3339_write(time, t->time_ns, j->out);
	buf_add_byte(j->out, '"');
	json_key(j, "DurationMs");
	if (t->is_answered) {
		json_separate(j);
		milliseconds_write(t->duration_ns, j->out);
	} else {
		json_nothing(j);
	}
}

void trace_write_json(struct rfc3339 *time, const struct trace_event *t, struct buf *out)
{
	struct json j = json_of(out);
	const char *protocol = protocol_name(t->protocol);

	json_object_begin(&j);
	json_key(&j, "Kind");
	json_str(&j, kind_names[t->kind]);
	times(time, &j, t);
	json_key(&j, "Server");
	if (t->server.len)
		json_text(&j, t->server);
	else
		json_nothing(&j);
	json_key(&j, "Protocol");
	json_str(&j, protocol ? protocol : "");
	json_key(&j, "Querier");
	end(&j, &t->querier);
	json_key(&j, "Responder");
	end(&j, &t->responder);
	json_key(&j, "Question");
	question(&j, t);
	outcome(&j, t);
	json_object_end(&j);
	buf_add_byte(out, '\n');
}

static void pad(struct buf *out, size_t from, size_t width)
{
	for (size_t n = out->len - from; n < width; n++)
		buf_add_byte(out, ' ');
	buf_add_byte(out, ' ');
}

static void ends_text(const struct trace_event *t, struct buf *out)
{
	const char *protocol = protocol_name(t->protocol);
	size_t from = out->len;

	addr_print_port(&t->querier, out);
	buf_addf(out, "/%s", protocol ? protocol : "?");
	pad(out, from, 25);
	buf_add_lit(out, "> ");
	from = out->len;
	addr_print_port(&t->responder, out);
	pad(out, from, 20);
}

void trace_write_text(struct rfc3339 *time, const struct trace_event *t, struct buf *out)
{
	size_t from;

	rfc3339_write(time, t->time_ns, out);
	buf_addf(out, " %-8s ", kind_names[t->kind]);
	ends_text(t, out);
	from = out->len;
	if (t->has_question && dns_qname_text(t->qname, out) == DNS_OK) {
		buf_add_byte(out, ' ');
		iana_type_text(t->qtype, out);
	} else {
		buf_add_byte(out, '-');
	}
	pad(out, from, 32);
	from = out->len;
	if (t->rcode != RCODE_UNKNOWN)
		iana_rcode_text((uint16_t)t->rcode, out);
	else
		buf_add_byte(out, '-');
	pad(out, from, 8);
	if (t->kind == TRACE_DROP)
		buf_addf(out, "%s dropped: %s", t->is_response ? "response" : "query", t->reason);
	else if (t->is_answered)
		milliseconds_write(t->duration_ns, out), buf_add_lit(out, "ms");
	else
		buf_addf(out, "no response%s%s", t->reason ? ", dropped: " : "", t->reason ? t->reason : "");
	if (t->icmp)
		buf_addf(out, " icmp=%s", t->icmp);
	if (t->server.len) {
		buf_add_byte(out, ' ');
		text_printable(out, t->server);
	}
	buf_add_byte(out, '\n');
}
