/* The record of sessions whose bytes come from strangers: valid JSON of valid UTF-8 in one line, and nothing dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>

#include "sample.h"
#include "session/record.h"

#define FFFD "\xef\xbf\xbd"

static void write_record(const struct sample *sample, struct buf *out)
{
	struct record_writer writer = { 0 };

	buf_init(out, 1 << 22);
	record_write(&writer, &sample->session, &sample->verdict, out);
	assert_false(out->failed);
}

/* True if the line holds the text; else it is printed. */
static bool holds(const struct buf *line, const char *name, const char *text)
{
	if (memmem(line->data, line->len, text, strlen(text)))
		return true;
	print_error("%s\n--- expected\n%s\n--- in\n%.*s\n", name, text, (int)line->len, (const char *)line->data);
	return false;
}

static void check(struct sample *sample, const char *name, const char *text)
{
	struct buf line;
	bool ok;

	write_record(sample, &line);
	ok = holds(&line, name, text);
	buf_release(&line);
	sample_release(sample);
	assert_true(ok);
}

/* Identity, version and extra: any bytes. */
static const struct {
	struct slice bytes;
	const char *json;
} texts[] = {
	{ { (const uint8_t *)"a\"b\\c", 5 }, "\"a\\\"b\\\\c\"" },
	{ { (const uint8_t *)"\0\n\x1f\x7f", 4 }, "\"\\u0000\\u000a\\u001f\\u007f\"" },
	{ { (const uint8_t *)"\xc3\xa9\xe2\x82\xac", 5 }, "\"\xc3\xa9\xe2\x82\xac\"" },
	{ { (const uint8_t *)"\xff\xc0\xaf\xed\xa0\x80", 6 }, "\"" FFFD FFFD FFFD FFFD FFFD FFFD "\"" },
	{ { (const uint8_t *)"x\xe2\x82", 3 }, "\"x" FFFD FFFD "\"" },
};

static void test_texts(void **state)
{
	char expected[600];

	(void)state;
	for (unsigned i = 0; i < COUNT(texts); i++) {
		struct sample sample;

		sample_init_bare(&sample);
		memcpy(sample.server.name, texts[i].bytes.data, texts[i].bytes.len);
		sample.server.name_len = (uint8_t)texts[i].bytes.len;
		memcpy(sample.server.version, texts[i].bytes.data, texts[i].bytes.len);
		sample.server.version_len = (uint8_t)texts[i].bytes.len;
		sample.session.extra = sample_message(&sample, texts[i].bytes);
		snprintf(expected, sizeof(expected),
			 "\"Server\":%s,\"Version\":%s,\"Client\":null,\"Question\":null,\"Rcode\":null,"
			 "\"Upstreams\":[],\"Extra\":%s,\"Messages\":[]}\n",
			 texts[i].json, texts[i].json, texts[i].json);
		check(&sample, texts[i].json, expected);
	}
}

/* Names are escaped as in master files, so that any byte is printable; then as JSON. */
static const struct {
	const char *text, *json;
} names[] = {
	{ "a\\.b.test.", "a\\\\.b.test." },
	{ "\\\"\\\\.test.", "\\\\\\\"\\\\\\\\.test." },
	{ "\\000\\010\\032\\255.test.", "\\\\000\\\\010\\\\032\\\\255.test." },
	{ "\\;\\(\\)\\@\\$.test.", "\\\\;\\\\(\\\\)\\\\@\\\\$.test." },
	{ "CaSe.Test.", "CaSe.Test." },
	{ ".", "." },
};

static void test_names(void **state)
{
	char expected[400];

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		struct sample sample;

		sample_init_bare(&sample);
		sample.session.has_id = true;
		sample.session.id = 7;
		sample.session.query = sample_dns(&sample, false, (struct dns_spec){ .id = 7, .qname = names[i].text });
		snprintf(expected, sizeof(expected),
			 "\"Question\":{\"ID\":7,\"Name\":\"%s\",\"Type\":\"A\",\"Class\":\"IN\"}", names[i].json);
		check(&sample, names[i].text, expected);
	}
}

/* Messages that do not parse are kept as they are. */
static const struct {
	struct slice bytes;
	const char *json;
} messages[] = {
	{ { (const uint8_t *)"\xab", 1 }, "{\"messageOctetsHEX\":\"AB\",\"Error\":\"short header\"}" },
	{ { (const uint8_t *)"\0\x07\0\0\0\x01\0\0\0\0\0\0\x03"
			     "ab",
	    15 },
	  "{\"messageOctetsHEX\":\"000700000001000000000000036162\",\"Error\":\"name runs past the end\"}" },
	{ { (const uint8_t *)"\0\x07\0\0\0\0\0\0\0\0\0\0\xff", 13 },
	  "\"QDCOUNT\":0,\"ANCOUNT\":0,\"NSCOUNT\":0,\"ARCOUNT\":0,\"Error\":\"trailing bytes\"}" },
};

static void test_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(messages); i++) {
		struct sample sample;

		sample_init_bare(&sample);
		sample.session.bitmap = BIT_CQ;
		sample.session.query = sample_message(&sample, messages[i].bytes);
		check(&sample, messages[i].json, messages[i].json);
	}
}

/* What is not in the IANA registry, and times that cannot be. */
static void test_odd_values(void **state)
{
	struct sample sample;
	struct attempt *a;

	(void)state;
	sample_init_bare(&sample);
	sample.session.bitmap = BIT_CR;
	sample.session.rcode = 3841;
	sample.session.query_ns = SAMPLE_NS;
	sample.session.response_ns = SAMPLE_NS - 1;
	a = sample_attempt(&sample, "10.0.0.53");
	sample_answered(a, 23, 0);
	a->response_ns = a->query_ns - 1;
	check(&sample, "odd values",
	      "\"Time\":\"2026-11-23T05:24:11.123456789Z\",\"DurationMs\":null,\"Server\":\"coredns-7d56l\","
	      "\"Version\":\"CoreDNS-1.14.7\",\"Client\":null,\"Question\":null,\"Rcode\":\"RCODE3841\",\"Upstreams\":["
	      "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":\"BADCOOKIE\","
	      "\"DurationMs\":null}],");
}

static void test_unknown_type_and_class(void **state)
{
	static const uint8_t query[] = { 0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 0xff, 0x00, 0x10, 0x00 };
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.has_id = true;
	sample.session.query = sample_message(&sample, slice_of(query, sizeof(query)));
	check(&sample, "type and class",
	      "\"Question\":{\"ID\":0,\"Name\":\"x.\",\"Type\":\"TYPE65280\",\"Class\":\"CLASS4096\"}");
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static struct message *random_message(struct sample *sample, uint32_t *seed)
{
	uint8_t bytes[200];
	size_t len = next_random(seed) % sizeof(bytes);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i > 3 && i < 12 ? next_random(seed) % 3 : next_random(seed) >> 7);
	return sample_message(sample, slice_of(bytes, len));
}

static void fill_at_random(struct sample *sample, uint32_t *seed)
{
	struct session *s = &sample->session;
	struct attempt *a;

	sample_init_bare(sample);
	for (unsigned i = 0; i < sizeof(sample->server.name); i++)
		sample->server.name[i] = (uint8_t)next_random(seed);
	sample->server.name_len = (uint8_t)next_random(seed);
	s->bitmap = 15;
	s->query = random_message(sample, seed);
	s->response = random_message(sample, seed);
	s->extra = random_message(sample, seed);
	a = sample_attempt(sample, "10.0.0.53");
	a->query = random_message(sample, seed);
	sample_answered(a, (int32_t)(next_random(seed) % 4096), next_random(seed));
	a->response = random_message(sample, seed);
}

/* Whatever the bytes are: one line, JSON, UTF-8, and all the keys. */
static void test_anything(void **state)
{
	uint32_t seed = 2463534242;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct sample sample;
		json_error_t error;
		struct buf line;
		json_t *root;

		fill_at_random(&sample, &seed);
		write_record(&sample, &line);
		assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
		root = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
		if (!root)
			print_error("%u: %s\n%.*s\n", i, error.text, (int)line.len, (const char *)line.data);
		assert_non_null(root);
		assert_int_equal(json_array_size(json_object_get(root, "Messages")), 4);
		json_decref(root);
		buf_release(&line);
		sample_release(&sample);
	}
}

/* A buffer that is full fails, and writes no half line that passes for a whole one. */
static void test_full_buffer(void **state)
{
	struct record_writer writer = { 0 };
	struct sample sample;
	struct buf line;

	(void)state;
	sample_init(&sample);
	for (size_t cap = 0; cap < 600; cap += 7) {
		buf_init(&line, cap);
		record_write(&writer, &sample.session, &sample.verdict, &line);
		assert_true(line.failed);
		assert_true(line.len <= cap);
		buf_release(&line);
	}
	sample_release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_odd_values),
		cmocka_unit_test(test_unknown_type_and_class),
		cmocka_unit_test(test_anything),
		cmocka_unit_test(test_full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
