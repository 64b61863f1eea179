#include "event.h"

#include "wire/iana.h"

static const char *const kind_names[KINDS] = { "CLIENT_QUERY", "CLIENT_RESPONSE", "FORWARDER_QUERY",
					       "FORWARDER_RESPONSE" };

const char *kind_name(enum kind kind)
{
	return kind_names[kind];
}

/* Takes what stands before the next blank off the front of *rest. */
static struct slice field(struct slice *rest)
{
	const uint8_t *blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
	size_t n = blank ? (size_t)(blank - rest->data) : rest->len;
	struct slice s = slice_of(rest->data, n);

	*rest = blank ? slice_of(blank + 1, rest->len - n - 1) : slice_of(NULL, 0);
	return s;
}

static bool number16(struct slice s, uint16_t *out)
{
	uint32_t n = 0;

	if (s.len == 0 || s.len > 5)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(s.data[i] - '0');
	}
	*out = (uint16_t)n;
	return n <= UINT16_MAX;
}

bool extra_parse(struct slice text, struct extra *out)
{
	struct slice remote = field(&text), port_text = field(&text), id = field(&text), type = field(&text);
	uint16_t port;

	/* The blank before the name must be there: five fields. */
	if (!text.data)
		return false;
	out->remote = (struct addr){ 0 };
	/* IPv6 stands in brackets. */
	if (remote.len && remote.data[0] != '[' && memchr(remote.data, ':', remote.len))
		return false;
	if (remote.len && !addr_parse(remote, &out->remote))
		return false;
	if (!number16(port_text, &port) || !number16(id, &out->id))
		return false;
	out->remote.port = port;
	out->qname_len = (uint8_t)dns_name_from_text(text, out->qname);
	out->has_question = out->qname_len && iana_type_parse(type, &out->qtype);
	return true;
}

uint64_t event_question_hash(const struct hash_key *key, struct slice qname, uint16_t qtype, uint16_t qclass)
{
	uint8_t folded[4 + DNS_NAME_MAX];

	folded[0] = (uint8_t)(qtype >> 8);
	folded[1] = (uint8_t)qtype;
	folded[2] = (uint8_t)(qclass >> 8);
	folded[3] = (uint8_t)qclass;
	/* Length bytes are at most 63, below 'A', so folding all bytes folds letters only (RFC 4343). */
	for (size_t i = 0; i < qname.len; i++) {
		uint8_t c = qname.data[i];

		folded[4 + i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	return hash_bytes(key, folded, 4 + qname.len) | 1;
}

static void read_message(struct event *e, const struct hash_key *key)
{
	struct dns_scan scan;
	enum dns_error error = dns_scan(e->message, &scan);

	if (error == DNS_SHORT_HEADER)
		return;
	e->has_id = true;
	e->id = scan.header.id;
	e->rcode = scan.rcode;
	e->ttl_max = scan.ttl_max;
	e->records = scan.records;
	e->has_question = scan.has_question;
	e->qname = scan.question.qname;
	if (scan.has_question)
		e->question_hash =
			event_question_hash(key, scan.question.qname, scan.question.qtype, scan.question.qclass);
}

static void read_extra(struct event *e, struct release release, const struct hash_key *key)
{
	bool is_forwarder = e->kind >= KIND_FORWARDER_QUERY;
	struct extra extra;

	if (!extra_parse(e->extra, &extra))
		return;
	if (is_forwarder && !addr_known(&extra.remote) && extra.remote.port == 0)
		e->marks_refresh = true;
	if (is_forwarder && addr_known(&extra.remote)) {
		e->client = extra.remote;
		e->client_is_guess = false;
		e->marks_client = release_marks_refresh(release);
	}
	if (e->message.len)
		return;
	e->has_id = true;
	e->id = extra.id;
	e->has_question = extra.has_question;
	if (extra.has_question)
		e->question_hash = event_question_hash(key, slice_of(extra.qname, extra.qname_len), extra.qtype, 1);
}

static void read_forwarder(struct event *e, const struct tap *tap, struct release release)
{
	enum forwarder_address whose = release_forwarder_address(release);

	e->upstream = tap->response;
	if (release.kind == RELEASE_NONE && !tap->has_response_address) {
		/* 1.8.0 and 1.8.1 write the upstream where others write the client. */
		e->upstream = tap->query;
		return;
	}
	e->is_unsent = whose != FORWARDER_ADDRESS_CLIENT && !addr_known(&tap->query);
	/* 1.14.3 and 1.14.4 write no address, but the port 0, for a refresh. */
	e->marks_refresh = !addr_known(&tap->query) && tap->has_query_port && tap->query.port == 0;
	if (whose == FORWARDER_ADDRESS_SOCKET)
		e->socket = tap->query;
	if (whose != FORWARDER_ADDRESS_SOCKET) {
		e->client = tap->query;
		e->client_is_guess = whose == FORWARDER_ADDRESS_UNTOLD;
	}
}

bool event_from_tap(const struct tap *tap, struct release release, const struct hash_key *key, struct event *out)
{
	if (tap->type < TAP_CLIENT_QUERY || tap->type > TAP_FORWARDER_RESPONSE)
		return false;
	*out = (struct event){
		.kind = (enum kind)(tap->type - TAP_CLIENT_QUERY),
		.protocol = tap->protocol,
		.rcode = RCODE_UNKNOWN,
		.query_ns = tap->query_ns,
		.response_ns = tap->response_ns,
		.extra = tap->extra,
	};
	if (out->kind >= KIND_FORWARDER_QUERY)
		read_forwarder(out, tap, release);
	else
		out->client = tap->query;
	out->message = tap->type & 1 ? tap->query_message : tap->response_message;
	if (out->message.len)
		read_message(out, key);
	if (out->extra.len)
		read_extra(out, release, key);
	return true;
}
