/*
 * Any bytes as dnstap's `extra`, and around it any dnstap message as an event.
 *
 * Input: sixteen bytes that choose the fields of the message, the length of `extra` (one byte), `extra`, the DNS
 * message.
 */
#undef NDEBUG
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "session/event.h"
#include "wire/iana.h"

#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_key key = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

/* As it would have been written for these values. */
static void extra_print(const struct extra *x, struct buf *out)
{
	if (x->remote.len == 16)
		buf_add_byte(out, '[');
	addr_print(&x->remote, out);
	if (x->remote.len == 16)
		buf_add_byte(out, ']');
	buf_addf(out, " %u %u ", x->remote.port, x->id);
	if (x->has_question)
		iana_type_text(x->qtype, out);
	buf_add_byte(out, ' ');
	if (x->qname_len)
		assert(dns_qname_text(slice_of(x->qname, x->qname_len), out) == DNS_OK);
	assert(!out->failed);
}

static void check_extra(struct slice text)
{
	struct extra x, again;
	struct buf printed;

	if (!extra_parse(text, &x))
		return;
	buf_init(&printed, 4096);
	extra_print(&x, &printed);
	assert(extra_parse(buf_slice(&printed), &again));
	assert(addr_eq(&again.remote, &x.remote) && again.id == x.id && again.has_question == x.has_question);
	assert(again.qname_len == x.qname_len && memcmp(again.qname, x.qname, x.qname_len) == 0);
	assert(!x.has_question || again.qtype == x.qtype);
	buf_release(&printed);
}

static struct addr address(struct cursor *c)
{
	static const uint8_t bytes[16] = { 0xfd, 0, 0, 7 };
	static const uint8_t lengths[] = { 0, 4, 16 };
	uint8_t choice = cursor_u8(c);
	uint8_t length = lengths[choice % 3];

	return addr_from_bytes(slice_of(bytes, length), (uint16_t)(choice & 0x80 ? 0 : choice));
}

static struct tap tap_of(struct cursor *c)
{
	struct tap t = { .type = cursor_u8(c) % 10, .protocol = cursor_u8(c) % 8 };
	uint8_t present = cursor_u8(c);

	t.query = address(c);
	t.response = address(c);
	t.has_query_port = present & 1;
	t.has_query_address = addr_known(&t.query);
	t.has_response_address = addr_known(&t.response);
	t.query_ns = cursor_u32(c);
	t.response_ns = cursor_u32(c);
	t.extra = cursor_bytes(c, cursor_u8(c));
	/* Both, so that a reader of the wrong one would find something else. */
	if (t.type & 1) {
		t.query_message = cursor_bytes(c, cursor_left(c));
		t.response_message = t.extra;
	} else {
		t.response_message = cursor_bytes(c, cursor_left(c));
		t.query_message = t.extra;
	}
	return t;
}

static void check_event(const struct tap *t, const struct event *e)
{
	struct dns_scan scan;

	assert(e->kind < KINDS && strlen(kind_name(e->kind)) > 0);
	assert(e->rcode >= RCODE_UNKNOWN && e->rcode <= 0xfff);
	assert(slice_eq(e->message, t->type & 1 ? t->query_message : t->response_message));
	assert(event_time_ns(e) >= t->query_ns && event_time_ns(e) >= t->response_ns);
	assert(e->has_id || !e->has_question);
	assert(e->kind >= KIND_FORWARDER_QUERY || addr_eq(&e->client, &t->query));
	if (e->kind < KIND_FORWARDER_QUERY)
		assert(!e->marks_refresh && !e->marks_client && !e->is_unsent && !e->client_is_guess &&
		       !addr_known(&e->upstream));
	if (e->message.len && dns_scan(e->message, &scan) != DNS_SHORT_HEADER)
		assert(e->has_id && e->id == scan.header.id && e->rcode == scan.rcode &&
		       e->has_question == scan.has_question);
	else if (e->message.len)
		assert(!e->has_id && e->rcode == RCODE_UNKNOWN);
}

/* Names are the same without regard to case (RFC 4343). */
static void check_case(struct tap *t, struct release release, const struct event *e)
{
	uint8_t upper[256];
	struct extra x;
	struct event other;
	unsigned blanks = 0;

	if (e->message.len || !e->has_question || !extra_parse(t->extra, &x))
		return;
	for (size_t i = 0; i < t->extra.len; i++) {
		blanks += t->extra.data[i] == ' ';
		upper[i] = blanks >= 4 ? (uint8_t)toupper(t->extra.data[i]) : t->extra.data[i];
	}
	t->extra = slice_of(upper, t->extra.len);
	assert(event_from_tap(t, release, &key, &other));
	assert(other.has_question && other.question_hash == e->question_hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const versions[] = {
		"", "CoreDNS-1.11.1", "CoreDNS-1.14.3", "CoreDNS-1.14.5", "CoreDNS-1.15.0", "mine"
	};
	struct cursor c = cursor_of(slice_of(data, size));
	const char *version = versions[cursor_u8(&c) % (sizeof(versions) / sizeof(*versions))];
	struct release release = release_parse(slice_from_str(version));
	struct tap tap = tap_of(&c);
	struct event event;
	bool is_corednss;

	if (c.failed)
		return 0;
	check_extra(tap.extra);
	is_corednss = event_from_tap(&tap, release, &key, &event);
	assert(is_corednss == (tap.type >= TAP_CLIENT_QUERY && tap.type <= TAP_FORWARDER_RESPONSE));
	release_parse(tap.extra);
	if (!is_corednss)
		return 0;
	check_event(&tap, &event);
	tap.query_message = tap.type & 1 ? tap.query_message : slice_of(NULL, 0);
	check_case(&tap, release, &event);
	return 0;
}
