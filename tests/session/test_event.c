/* A dnstap message in the terms of the join; and `extra` in its documented form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "session/event.h"
#include "tap_builder.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct hash_key hash_key = { { 1, 2, 3 } };

/* "{remote} {port} {>id} {type} {name}": NULL where it is of another form. */
static const struct {
	const char *text, *parsed;
} extras[] = {
	{ "10.0.0.1 1000 7 A a.test.", "10.0.0.1:1000 7 1 a.test." },
	{ "[fd00::1] 1000 7 AAAA a.test.", "[fd00::1]:1000 7 28 a.test." },
	{ " 0 7 A a.test.", "-:0 7 1 a.test." },
	{ " 1000 7 A a.test.", "-:1000 7 1 a.test." },
	{ "10.0.0.1 0 0 A .", "10.0.0.1:0 0 1 ." },
	{ "10.0.0.1 65535 65535 A a.test.", "10.0.0.1:65535 65535 1 a.test." },
	{ "10.0.0.1 1000 7 TYPE65280 a\\032b.test.", "10.0.0.1:1000 7 65280 a\\032b.test." },
	{ "10.0.0.1 1000 7 A A.Test.", "10.0.0.1:1000 7 1 A.Test." },
	/* Port and id are numbers, so it is used; type or name cannot be read. */
	{ "10.0.0.1 1000 7 - a.test.", "10.0.0.1:1000 7 -" },
	{ "10.0.0.1 1000 7 A ", "10.0.0.1:1000 7 -" },
	{ "10.0.0.1 1000 7 A a..test.", "10.0.0.1:1000 7 -" },
	/* The name is the rest. */
	{ "10.0.0.1 1000 7 A a.test. b", "10.0.0.1:1000 7 1 a.test.\\032b." },
	/* All of it is ignored. */
	{ "", NULL },
	{ "10.0.0.1", NULL },
	{ "10.0.0.1 1000 7 A", NULL },
	{ "10.0.0.1 1000 7", NULL },
	{ "10.0.0.1  1000 7 A a.test.", NULL },
	{ "- 1000 7 A a.test.", NULL },
	{ "10.0.0 1000 7 A a.test.", NULL },
	{ "10.0.0.1 - 7 A a.test.", NULL },
	{ "10.0.0.1 1000 - A a.test.", NULL },
	{ "10.0.0.1 1000  A a.test.", NULL },
	{ "10.0.0.1 65536 7 A a.test.", NULL },
	{ "10.0.0.1 1000 65536 A a.test.", NULL },
	{ "10.0.0.1 100000 7 A a.test.", NULL },
	{ "10.0.0.1 +1 7 A a.test.", NULL },
	{ "10.0.0.1 1000 7x A a.test.", NULL },
	{ "fd00::1 1000 7 A a.test.", NULL },
	{ "[fd00::1 1000 7 A a.test.", NULL },
	{ "{remote} {port} {>id} {type} {name}", NULL },
};

static void print_extra(const struct extra *x, struct buf *out)
{
	if (x->remote.len)
		addr_print_port(&x->remote, out);
	else
		buf_addf(out, "-:%u", x->remote.port);
	buf_addf(out, " %u ", x->id);
	if (x->has_question) {
		buf_addf(out, "%u ", x->qtype);
		dns_qname_text(slice_of(x->qname, x->qname_len), out);
	} else {
		buf_add_byte(out, '-');
	}
}

static void test_extra(void **state)
{
	unsigned failed = 0;
	struct extra extra;
	struct buf out;

	(void)state;
	buf_init(&out, 2000);
	for (unsigned i = 0; i < COUNT(extras); i++) {
		bool ok = extra_parse(slice_from_str(extras[i].text), &extra);

		buf_reset(&out);
		if (ok)
			print_extra(&extra, &out);
		if (ok == (extras[i].parsed != NULL) &&
		    (!ok || slice_eq(buf_slice(&out), slice_from_str(extras[i].parsed))))
			continue;
		print_error("\"%s\"\n--- expected %s\n--- got %.*s\n", extras[i].text,
			    extras[i].parsed ? extras[i].parsed : "nothing", (int)out.len, (const char *)out.data);
		failed++;
	}
	buf_release(&out);
	assert_int_equal(failed, 0);
}

/* What an FQ says of its client, by release. */
static const struct {
	const char *name, *version, *query, *extra; /* query: address, "" none, ":0" the port 0 alone */
	const char *response;			    /* NULL: 10.0.0.53 */
	bool full;
	const char *expected;
} queries[] = {
	{ "1.8.6", "", "10.0.0.1", NULL, NULL, true, "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7" },
	{ "1.14.4", "CoreDNS-1.14.4", "10.0.0.1", NULL, NULL, true, "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7" },
	{ "1.14.4 without full", "CoreDNS-1.14.4", "10.0.0.1", NULL, NULL, false,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53" },
	{ "1.14.4, refresh", "CoreDNS-1.14.4", ":0", NULL, NULL, true, "upstream=10.0.0.53:53 id=7 refresh" },
	{ "1.14.7", "CoreDNS-1.14.7", "10.0.9.9", NULL, NULL, true, "upstream=10.0.0.53:53 id=7" },
	{ "1.14.7, dial failed", "CoreDNS-1.14.7", "", NULL, NULL, true, "upstream=10.0.0.53:53 id=7 unsent" },
	{ "1.14.4, no address", "CoreDNS-1.14.4", "", NULL, NULL, true, "upstream=10.0.0.53:53 id=7" },
	{ "1.14.7, extra", "CoreDNS-1.14.7", "10.0.9.9", "10.0.0.1 1000 7 A a.test.", NULL, true,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7 client's" },
	{ "1.14.7, extra without full", "CoreDNS-1.14.7", "10.0.9.9", "10.0.0.1 1000 8 A a.test.", NULL, false,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=8 client's" },
	{ "1.14.7, the message's id counts", "CoreDNS-1.14.7", "10.0.9.9", "10.0.0.1 1000 8 A a.test.", NULL, true,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7 client's" },
	{ "1.14.7, extra of a refresh", "CoreDNS-1.14.7", "10.0.9.9", " 0 7 A a.test.", NULL, true,
	  "upstream=10.0.0.53:53 id=7 refresh" },
	{ "1.14.7, extra of another form", "CoreDNS-1.14.7", "10.0.9.9", "10.0.0.1", NULL, false,
	  "upstream=10.0.0.53:53" },
	{ "1.14.2, extra proves no client", "CoreDNS-1.14.2", "10.0.0.1", "10.0.0.1 1000 7 A a.test.", NULL, true,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7" },
	{ "a version of the Corefile", "our build", "10.0.9.9", NULL, NULL, true,
	  "client=10.0.9.9:1000? upstream=10.0.0.53:53 id=7" },
	{ "a version of the Corefile, dial failed", "our build", "", NULL, NULL, true,
	  "upstream=10.0.0.53:53 id=7 unsent" },
	{ "a version of the Corefile, extra", "our build", "10.0.9.9", "10.0.0.1 1000 7 A a.test.", NULL, true,
	  "client=10.0.0.1:1000 upstream=10.0.0.53:53 id=7" },
	{ "1.8.1: the upstream in the wrong place", "", "10.0.0.53", NULL, "", true, "upstream=10.0.0.53:1000 id=7" },
};

static void print_event(const struct event *e, struct buf *out)
{
	if (addr_known(&e->client)) {
		buf_add_lit(out, "client=");
		addr_print_port(&e->client, out);
		buf_add_str(out, e->client_is_guess ? "? " : " ");
	}
	buf_add_lit(out, "upstream=");
	addr_print_port(&e->upstream, out);
	if (e->has_id)
		buf_addf(out, " id=%u", e->id);
	buf_add_str(out, e->is_unsent ? " unsent" : "");
	buf_add_str(out, e->marks_refresh ? " refresh" : "");
	buf_add_str(out, e->marks_client ? " client's" : "");
}

static struct tap tap_of_query(unsigned i, struct buf *message)
{
	struct tap tap = { .type = TAP_FORWARDER_QUERY, .protocol = TAP_UDP, .query_ns = 1, .has_query_port = true };
	const char *response = queries[i].response ? queries[i].response : "10.0.0.53";

	buf_reset(message);
	dns_build_query(&(struct dns_spec){ .id = 7, .qname = "a.test." }, message);
	tap.query.port = 1000;
	if (queries[i].query[0] != ':' && addr_parse(slice_from_str(queries[i].query), &tap.query))
		tap.has_query_address = true;
	tap.query.port = queries[i].query[0] == ':' ? 0 : 1000;
	tap.has_query_port = queries[i].query[0] != 0;
	tap.has_response_address = addr_parse(slice_from_str(response), &tap.response);
	tap.response.port = 53;
	if (queries[i].extra)
		tap.extra = slice_from_str(queries[i].extra);
	if (queries[i].full)
		tap.query_message = buf_slice(message);
	return tap;
}

static void test_forwarder_queries(void **state)
{
	unsigned failed = 0;
	struct buf message, out;
	struct event event;

	(void)state;
	buf_init(&message, 500);
	buf_init(&out, 500);
	for (unsigned i = 0; i < COUNT(queries); i++) {
		struct tap tap = tap_of_query(i, &message);

		assert_true(event_from_tap(&tap, release_parse(slice_from_str(queries[i].version)), &hash_key, &event));
		buf_reset(&out);
		print_event(&event, &out);
		if (slice_eq(buf_slice(&out), slice_from_str(queries[i].expected)))
			continue;
		print_error("%s\n--- expected %s\n--- got      %.*s\n", queries[i].name, queries[i].expected,
			    (int)out.len, (const char *)out.data);
		failed++;
	}
	buf_release(&message);
	buf_release(&out);
	assert_int_equal(failed, 0);
}

static struct event event_of_message(unsigned type, struct slice message)
{
	struct tap tap = { .type = type, .query_ns = 5, .response_ns = 9, .query.port = 1000, .query.len = 4 };
	struct event event;

	if (type & 1)
		tap.query_message = message;
	else
		tap.response_message = message;
	assert_true(event_from_tap(&tap, release_parse(slice_from_str("CoreDNS-1.14.7")), &hash_key, &event));
	return event;
}

static uint64_t hash_of(const char *name, uint16_t type)
{
	struct event event;
	struct buf message;

	buf_init(&message, 500);
	dns_build_query(&(struct dns_spec){ .id = 7, .qname = name, .qtype = type }, &message);
	event = event_of_message(TAP_CLIENT_QUERY, buf_slice(&message));
	assert_true(event.has_question);
	buf_release(&message);
	return event.question_hash;
}

/* Class, type and name, compared without case. */
static void test_question_hash(void **state)
{
	(void)state;
	assert_true(hash_of("a.test.", 1) == hash_of("a.test.", 1));
	assert_true(hash_of("a-0_z.test.", 1) == hash_of("A-0_Z.TeSt.", 1));
	assert_true(hash_of("a.test.", 1) != hash_of("a.test.", 28));
	assert_true(hash_of("a.test.", 1) != hash_of("b.test.", 1));
	assert_true(hash_of("[.test.", 1) != hash_of("{.test.", 1));
	assert_true(hash_of("\\064.test.", 1) != hash_of("`.test.", 1));
	assert_true(hash_of("a.b.test.", 1) != hash_of("a\\.b.test.", 1));
}

static void test_response(void **state)
{
	struct dns_spec spec = { .id = 7, .qname = "a.test.", .rcode = 3841, .ttl = 300, .nr_answers = 2 };
	struct event event;
	struct buf message;

	(void)state;
	buf_init(&message, 500);
	dns_build_response(&spec, &message);
	event = event_of_message(TAP_CLIENT_RESPONSE, buf_slice(&message));
	assert_int_equal(event.kind, KIND_CLIENT_RESPONSE);
	assert_int_equal(event.rcode, 3841);
	assert_int_equal(event.ttl_max, 300);
	assert_int_equal(event.records, 2);
	assert_true(event.has_id && event.has_question);
	assert_int_equal(event.client.port, 1000);
	assert_int_equal(event_time_ns(&event), 9);
	buf_release(&message);
}

/* A message is used as far as it can be read: the id from a header alone. */
static void test_broken_messages(void **state)
{
	static const uint8_t header[] = { 0x12, 0x34, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0, 63 };
	struct event event = event_of_message(TAP_FORWARDER_RESPONSE, slice_of(header, sizeof(header)));

	(void)state;
	assert_true(event.has_id && !event.has_question);
	assert_int_equal(event.id, 0x1234);
	assert_int_equal(event.rcode, 2);
	event = event_of_message(TAP_FORWARDER_RESPONSE, slice_of(header, 11));
	assert_false(event.has_id || event.has_question);
	assert_int_equal(event.rcode, RCODE_UNKNOWN);
	assert_int_equal(event.message.len, 11);
	event = event_of_message(TAP_FORWARDER_RESPONSE, slice_of(NULL, 0));
	assert_false(event.has_id || event.has_question);
	assert_int_equal(event.rcode, RCODE_UNKNOWN);
}

static void test_types(void **state)
{
	struct tap tap = { .query_ns = 5 };
	struct event event;

	(void)state;
	for (tap.type = 0; tap.type < 20; tap.type++) {
		bool is_ours = tap.type >= 5 && tap.type <= 8;

		assert_int_equal(event_from_tap(&tap, release_parse(slice_of(NULL, 0)), &hash_key, &event), is_ours);
		if (is_ours)
			assert_int_equal(event.kind, tap.type - 5);
	}
	assert_int_equal(event_time_ns(&event), 5);
}

/* `extra` of CQ and CR: the client stands in the message; an empty remote marks nothing there. */
static void test_extra_of_client_messages(void **state)
{
	struct tap tap = { .type = TAP_CLIENT_QUERY, .query_ns = 5, .extra = slice_from_str(" 0 9 A a.test.") };
	struct event event;

	(void)state;
	tap.query.len = 4;
	assert_true(event_from_tap(&tap, release_parse(slice_from_str("CoreDNS-1.14.7")), &hash_key, &event));
	assert_true(event.has_id && event.has_question && !event.marks_refresh && !event.marks_client);
	assert_int_equal(event.id, 9);
	assert_int_equal(event.client.len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_forwarder_queries),
		cmocka_unit_test(test_question_hash),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_broken_messages),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_extra_of_client_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
