#include "session_view.h"

const struct addr *session_client(const struct session *s)
{
	if (!addr_known(&s->client) || (!s->has_client && session_is_background(s)))
		return NULL;
	return &s->client;
}

static bool question_of(const struct message *m, struct session_question *out)
{
	struct dns_scan scan;

	if (!m || !m->len)
		return false;
	dns_scan(slice_of(m->bytes, m->len), &scan);
	if (!scan.has_question)
		return false;
	out->qname = scan.question.qname;
	out->qtype = scan.question.qtype;
	out->qclass = scan.question.qclass;
	return true;
}

int32_t session_rcode(const struct session *s)
{
	return s->rcode == RCODE_UNKNOWN && s->kernel ? s->kernel->rcode : s->rcode;
}

static bool question_of_packet(const struct session *s, struct session_question *out)
{
	const struct message *m = s->kernel ? s->kernel->question : NULL;
	const uint8_t *tail = m ? m->bytes + m->len - 4 : NULL;

	if (!m)
		return false;
	out->qname = slice_of(m->bytes, m->len - 4);
	out->qtype = (uint16_t)(tail[0] << 8 | tail[1]);
	out->qclass = (uint16_t)(tail[2] << 8 | tail[3]);
	return true;
}

bool session_question(const struct session *s, struct session_question *out)
{
	if (question_of(s->query, out) || question_of(s->response, out) || question_of_packet(s, out))
		return true;
	for (const struct attempt *a = s->attempts; a; a = a->next)
		if (question_of(a->query, out) || question_of(a->response, out))
			return true;
	if (!s->extra || !extra_parse(slice_of(s->extra->bytes, s->extra->len), &out->extra) ||
	    !out->extra.has_question)
		return false;
	out->qname = slice_of(out->extra.qname, out->extra.qname_len);
	out->qtype = out->extra.qtype;
	out->qclass = 1;
	return true;
}

bool session_duration_ns(const struct session *s, uint64_t *out)
{
	if (!(s->bitmap & BIT_CR) || !s->query_ns || s->response_ns < s->query_ns)
		return false;
	*out = s->response_ns - s->query_ns;
	return true;
}

bool attempt_duration_ns(const struct attempt *a, uint64_t *out)
{
	if (!a->has_response || !a->query_ns || a->response_ns < a->query_ns)
		return false;
	*out = a->response_ns - a->query_ns;
	return true;
}

const char *protocol_name(uint8_t protocol)
{
	static const char *const names[] = { NULL, "UDP", "TCP", "DOT", "DOH", "DNSCryptUDP", "DNSCryptTCP", "DOQ" };

	return protocol < sizeof(names) / sizeof(*names) ? names[protocol] : NULL;
}
