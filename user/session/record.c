#include "record.h"

#include "server.h"
#include "session_view.h"
#include "wire/dns_json.h"
#include "wire/iana.h"

/* A JSON string from text that is written straight into the buffer and needs no escapes. */
static void quote(struct json *j)
{
	buf_add_byte(j->out, '"');
}

static void write_time(struct record_writer *w, struct json *j, uint64_t time_ns)
{
	json_separate(j);
	quote(j);
	rfc3339_write(&w->time, time_ns, j->out);
	quote(j);
}

static void write_time_or_null(struct record_writer *w, struct json *j, uint64_t time_ns)
{
	if (time_ns)
		write_time(w, j, time_ns);
	else
		json_nothing(j);
}

static void write_address(struct json *j, const struct addr *a)
{
	if (!addr_known(a)) {
		json_nothing(j);
		return;
	}
	json_separate(j);
	quote(j);
	addr_print(a, j->out);
	quote(j);
}

static void write_endpoint(struct json *j, const struct addr *a, uint8_t protocol)
{
	const char *name = protocol_name(protocol);

	json_key(j, "Address");
	write_address(j, a);
	json_key(j, "Port");
	json_uint(j, a->port);
	json_key(j, "Protocol");
	if (name)
		json_plain(j, slice_from_str(name));
	else
		json_nothing(j);
}

static void write_rcode(struct json *j, int32_t rcode)
{
	if (rcode == RCODE_UNKNOWN) {
		json_nothing(j);
		return;
	}
	json_separate(j);
	quote(j);
	iana_rcode_text((uint16_t)rcode, j->out);
	quote(j);
}

static void write_duration(struct json *j, bool is_known, uint64_t duration_ns)
{
	if (!is_known) {
		json_nothing(j);
		return;
	}
	json_separate(j);
	milliseconds_write(duration_ns, j->out);
}

static void write_name(struct json *j, struct slice qname)
{
	uint8_t text[DNS_NAME_TEXT_MAX];
	struct buf name = { .data = text, .size = sizeof(text), .cap = sizeof(text) };

	if (dns_qname_text(qname, &name) == DNS_OK)
		json_text(j, buf_slice(&name));
	else
		json_nothing(j);
}

static void write_question(struct json *j, const struct session *s)
{
	struct session_question q;
	bool is_known = session_question(s, &q);

	json_key(j, "Question");
	if (!is_known && !s->has_id) {
		json_nothing(j);
		return;
	}
	json_object_begin(j);
	json_key(j, "ID");
	if (s->has_id)
		json_uint(j, s->id);
	else
		json_nothing(j);
	json_key(j, "Name");
	if (is_known)
		write_name(j, q.qname);
	else
		json_nothing(j);
	json_key(j, "Type");
	json_separate(j);
	if (is_known) {
		quote(j);
		iana_type_text(q.qtype, j->out);
		quote(j);
	} else {
		buf_add_lit(j->out, "null");
	}
	json_key(j, "Class");
	json_separate(j);
	if (is_known) {
		quote(j);
		iana_class_text(q.qclass, j->out);
		quote(j);
	} else {
		buf_add_lit(j->out, "null");
	}
	json_object_end(j);
}

static void write_name_or_null(struct json *j, bool is_known, struct slice name)
{
	if (is_known)
		json_text(j, name);
	else
		json_nothing(j);
}

static void write_who(struct record_writer *w, struct json *j, const struct session *s)
{
	const struct addr *client = session_client(s);
	uint64_t duration_ns = 0;
	bool has_duration = session_duration_ns(s, &duration_ns);

	json_key(j, "Time");
	write_time_or_null(w, j, s->query_ns);
	json_key(j, "DurationMs");
	write_duration(j, has_duration, duration_ns);
	json_key(j, "Server");
	write_name_or_null(j, s->server->has_identity, server_name(s->server));
	json_key(j, "Version");
	write_name_or_null(j, s->server->version_len > 0, server_version(s->server));
	json_key(j, "Client");
	if (client) {
		json_object_begin(j);
		write_endpoint(j, client, s->protocol);
		json_object_end(j);
	} else {
		json_nothing(j);
	}
	write_question(j, s);
	json_key(j, "Rcode");
	write_rcode(j, session_rcode(s));
}

static void write_attempt_view(struct json *j, const struct attempt_view *k)
{
	if (!k || !k->is_watched)
		return;
	json_key(j, "Kernel");
	json_object_begin(j);
	json_key(j, "Query");
	json_bool(j, k->has_query);
	json_key(j, "Response");
	write_rcode(j, k->rcode);
	if (k->icmp) {
		json_key(j, "ICMP");
		json_str(j, k->icmp);
	}
	if (k->reason) {
		json_key(j, "Dropped");
		json_str(j, k->reason);
	}
	json_object_end(j);
}

static void write_upstreams(struct json *j, const struct session *s)
{
	json_key(j, "Upstreams");
	json_array_begin(j);
	for (const struct attempt *a = s->attempts; a; a = a->next) {
		uint64_t duration_ns = 0;
		bool has_duration = attempt_duration_ns(a, &duration_ns);

		json_object_begin(j);
		write_endpoint(j, &a->upstream, a->protocol);
		json_key(j, "Rcode");
		write_rcode(j, a->rcode);
		json_key(j, "DurationMs");
		write_duration(j, has_duration, duration_ns);
		write_attempt_view(j, a->kernel);
		json_object_end(j);
	}
	json_array_end(j);
	if (s->nr_attempts > ATTEMPTS_KEPT_FIRST + ATTEMPTS_KEPT_LAST) {
		json_key(j, "Attempts");
		json_uint(j, s->nr_attempts);
	}
}

static void write_kinds(struct json *j, uint8_t bits)
{
	json_array_begin(j);
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (bits >> kind & 1)
			json_plain(j, slice_from_str(kind_name((enum kind)kind)));
	json_array_end(j);
}

/* The keys that stand only where they say something. */
static void write_remarks(struct json *j, const struct session *s, const struct verdict *v)
{
	if (v->lost) {
		json_key(j, "Lost");
		write_kinds(j, v->lost);
	}
	if (v->untapped) {
		json_key(j, "Untapped");
		write_kinds(j, v->untapped);
	}
	if (v->loss_suspected) {
		json_key(j, "LossSuspected");
		json_bool(j, true);
	}
	if (s->is_approximate) {
		json_key(j, "Linked");
		json_plain(j, slice_from_str("approximate"));
	}
	if (s->retransmit > 1) {
		json_key(j, "Retransmit");
		json_uint(j, s->retransmit);
	}
	if (s->extra) {
		json_key(j, "Extra");
		json_text(j, slice_of(s->extra->bytes, s->extra->len));
	}
}

static void write_drops(struct record_writer *w, struct json *j, const struct kernel_view *k)
{
	json_array_begin(j);
	for (unsigned i = 0; i < k->nr_drops; i++) {
		json_object_begin(j);
		json_key(j, "Packet");
		if (k->drops[i].is_response)
			json_str(j, "response");
		else
			json_str(j, "query");
		json_key(j, "Reason");
		json_str(j, k->drops[i].reason);
		json_key(j, "Time");
		write_time(w, j, k->drops[i].time_ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_kernel(struct record_writer *w, struct json *j, const struct kernel_view *k)
{
	static const char *const states[] = {
		[KERNEL_COMPLETE] = "complete", [KERNEL_PARTIAL] = "partial", [KERNEL_NONE] = "none"
	};

	if (!k)
		return;
	json_key(j, "Kernel");
	json_object_begin(j);
	json_key(j, "State");
	json_str(j, states[k->state]);
	json_key(j, "Query");
	json_bool(j, k->has_query);
	json_key(j, "Response");
	write_rcode(j, k->rcode);
	json_key(j, "DurationMs");
	write_duration(j, k->query_ns && k->has_response && k->response_ns >= k->query_ns,
		       k->response_ns - k->query_ns);
	json_key(j, "Drops");
	write_drops(w, j, k);
	if (k->icmp) {
		json_key(j, "ICMP");
		json_str(j, k->icmp);
	}
	if (k->is_reset) {
		json_key(j, "Reset");
		json_str(j, k->reset_by_client ? "client" : "server");
	}
	json_object_end(j);
}

static void write_message(struct record_writer *w, struct json *j, enum kind kind, const struct message *m,
			  uint64_t time_ns)
{
	json_object_begin(j);
	json_key(j, "Type");
	json_plain(j, slice_from_str(kind_name(kind)));
	json_key(j, "Time");
	write_time_or_null(w, j, time_ns);
	json_key(j, "Message");
	if (m && m->len)
		dns_json(j, slice_of(m->bytes, m->len));
	else
		json_nothing(j);
	json_object_end(j);
}

static void write_messages(struct record_writer *w, struct json *j, const struct session *s)
{
	json_key(j, "Messages");
	json_array_begin(j);
	if (s->bitmap & BIT_CQ)
		write_message(w, j, KIND_CLIENT_QUERY, s->query, s->query_ns);
	for (const struct attempt *a = s->attempts; a; a = a->next) {
		if (a->has_query)
			write_message(w, j, KIND_FORWARDER_QUERY, a->query, a->query_ns);
		if (a->has_response)
			write_message(w, j, KIND_FORWARDER_RESPONSE, a->response, a->response_ns);
	}
	if (s->bitmap & BIT_CR)
		write_message(w, j, KIND_CLIENT_RESPONSE, s->response, s->response_ns);
	json_array_end(j);
}

void record_write(struct record_writer *w, const struct session *s, const struct verdict *v, struct buf *out)
{
	struct json j = json_of(out);

	json_object_begin(&j);
	json_key(&j, "Status");
	json_plain(&j, slice_from_str(status_name(v->status)));
	json_key(&j, "BitMap");
	json_uint(&j, s->bitmap);
	json_key(&j, "Cause");
	json_plain(&j, slice_from_str(cause_name(v->cause)));
	write_who(w, &j, s);
	write_upstreams(&j, s);
	write_remarks(&j, s, v);
	write_kernel(w, &j, s->kernel);
	if (!w->no_messages)
		write_messages(w, &j, s);
	json_object_end(&j);
	buf_add_byte(out, '\n');
}
