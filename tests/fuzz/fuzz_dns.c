/*
 * Any bytes as a DNS message: reading them ends, what is written for them is one JSON object, and
 * names come back from their text as they were.
 */
#include <stdlib.h>

#include <jansson.h>

#include "wire/dns_json.h"

enum { OUTPUT_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_round_trip(struct slice qname)
{
	uint8_t wire[DNS_NAME_MAX];
	struct buf text;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	check(dns_qname_text(qname, &text) == DNS_OK);
	check(slice_eq(slice_of(wire, dns_name_from_text(buf_slice(&text), wire)), qname));
	buf_release(&text);
}

/* As a name: what is accepted has a text, and the text of that is the same name. */
static void check_as_text(struct slice text)
{
	uint8_t wire[DNS_NAME_MAX];
	size_t len = dns_name_from_text(text, wire);

	check(len <= sizeof(wire));
	if (len)
		check_round_trip(slice_of(wire, len));
}

/* The JSON writer copies the text of names that it knows: each must be what the reader says. */
static void check_owners(struct slice message, struct cursor *c, const json_t *records)
{
	struct buf text;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *name = json_object_get(json_array_get(records, i), "NAME");
		struct dns_record r;

		buf_reset(&text);
		check(dns_read_record(c, &r) == DNS_OK);
		check(dns_name_text(message, &r.name_at, &text) == DNS_OK);
		check(slice_eq(buf_slice(&text), slice_from_str(json_string_value(name))));
	}
	buf_release(&text);
}

static void check_object(struct slice message, const json_t *object)
{
	struct cursor c = cursor_of(message);
	struct dns_header h;
	struct dns_scan scan;

	if (json_object_get(object, "messageOctetsHEX")) {
		check(json_object_size(object) == 2);
		return;
	}
	check(dns_scan(message, &scan) == DNS_OK);
	check(dns_read_header(&c, &h) == DNS_OK);
	for (unsigned i = 0; i < h.qdcount; i++) {
		check(dns_skip_name(&c) == DNS_OK);
		cursor_bytes(&c, 4);
	}
	check_owners(message, &c, json_object_get(object, "answerRRs"));
	check_owners(message, &c, json_object_get(object, "authorityRRs"));
	check_owners(message, &c, json_object_get(object, "additionalRRs"));
	check((json_object_get(object, "Error") != NULL) == (cursor_left(&c) > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = slice_of(data, size);
	struct buf out;
	struct json j = json_of(&out);
	struct dns_scan scan;
	json_t *value;

	check(dns_scan(message, &scan) <= DNS_TRAILING_BYTES);
	if (scan.has_question)
		check_round_trip(scan.question.qname);
	check_as_text(message);
	buf_init(&out, OUTPUT_MAX);
	dns_json(&j, message);
	check(!out.failed);
	value = json_loadb((const char *)out.data, out.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	check(value && (size ? json_is_object(value) : json_is_null(value)));
	if (size)
		check_object(message, value);
	json_decref(value);
	buf_release(&out);
	return 0;
}
