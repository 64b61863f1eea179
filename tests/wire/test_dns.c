#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/dns.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define BYTES(...) slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* clang-format off */
/* Headers of twelve bytes: id 1234, the flags, and the four counts. */
#define HEADER(flags, qd, an, ns, ar) 0x12, 0x34, (flags) >> 8, (flags) & 255, 0, qd, 0, an, 0, ns, 0, ar
#define EXAMPLE_COM 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0
#define IN 0, 1
#define TTL(seconds) 0, 0, (seconds) >> 8, (seconds) & 255

static const uint8_t query[] = {
	HEADER(0x0100, 1, 0, 0, 0),
	EXAMPLE_COM, 0, 1, IN,
};

static const uint8_t query_edns[] = {
	HEADER(0x0120, 1, 0, 0, 1),
	EXAMPLE_COM, 0, 28, IN,
	0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0, /* OPT: 1232 bytes, DO */
};

static const uint8_t answer_chain[] = {
	HEADER(0x8180, 1, 3, 0, 1),
	EXAMPLE_COM, 0, 1, IN,					    /* at 12 */
	0xc0, 12, 0, 5, IN, TTL(300), 0, 6, 3, 'w', 'w', 'w', 0xc0, 12, /* CNAME, its data at 41 */
	0xc0, 41, 0, 1, IN, TTL(60), 0, 4, 192, 0, 2, 1,	    /* A */
	0xc0, 41, 0, 1, IN, TTL(61), 0, 4, 192, 0, 2, 2,	    /* A */
	0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0,			    /* OPT */
};

static const uint8_t badvers[] = {
	HEADER(0x8001, 1, 0, 0, 1), /* the header's four bits: 1 */
	EXAMPLE_COM, 0, 1, IN,
	0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0, /* the eight above them: 1 */
};

static const uint8_t top_bit_ttl[] = {
	HEADER(0x8180, 1, 2, 0, 0),
	EXAMPLE_COM, 0, 1, IN,
	0xc0, 12, 0, 1, IN, 0x80, 0, 0, 5, 0, 4, 192, 0, 2, 1,
	0xc0, 12, 0, 1, IN, 0, 0, 0, 5, 0, 4, 192, 0, 2, 1,
};

static const uint8_t truncated[] = {
	HEADER(0x8380, 1, 0, 0, 0),
	EXAMPLE_COM, 0, 1, IN,
};

static const uint8_t two_questions[] = {
	HEADER(0x8180, 2, 1, 0, 0),
	EXAMPLE_COM, 0, 1, IN,
	0xc0, 12, 0, 28, IN,
	0xc0, 12, 0, 1, IN, TTL(7), 0, 4, 192, 0, 2, 1,
};

static const uint8_t no_question[] = {
	HEADER(0x8185, 0, 0, 0, 0),
};

static const uint8_t record_only[] = {
	HEADER(0x8180, 0, 1, 0, 0),
	0, 0, 1, IN, TTL(9), 0, 4, 192, 0, 2, 1,
};
static const struct sample {
	const char *name;
	struct slice bytes;
	bool has_question;
	uint16_t qtype, rcode;
	uint32_t ttl_max, records;
	bool is_truncated;
} samples[] = {
#define SAMPLE(array, ...) { #array, { array, sizeof(array) }, __VA_ARGS__ }
	SAMPLE(query, true, 1, 0, 0, 0, false),
	SAMPLE(query_edns, true, 28, 0, 0, 0, false),
	SAMPLE(answer_chain, true, 1, 0, 300, 3, false),
	SAMPLE(badvers, true, 1, 17, 0, 0, false),
	SAMPLE(top_bit_ttl, true, 1, 0, 5, 2, false),
	SAMPLE(truncated, true, 1, 0, 0, 0, true),
	SAMPLE(two_questions, true, 1, 0, 7, 1, false),
	SAMPLE(no_question, false, 0, 5, 0, 0, false),
	SAMPLE(record_only, false, 0, 0, 9, 1, false),
};
/* clang-format on */

/* On the heap and of exact size, so that the sanitizer sees a read past the end. */
static enum dns_error scan_copy(struct slice bytes, struct dns_scan *out)
{
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
	enum dns_error error;

	memcpy(copy, bytes.data, bytes.len);
	error = dns_scan(slice_of(copy, bytes.len), out);
	/* The slice dies with the copy: only its length is looked at by the callers. */
	free(copy);
	return error;
}

static void test_scan_reads_samples(void **state)
{
	struct dns_scan scan;

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		const struct sample *s = &samples[i];

		print_message("%s\n", s->name);
		assert_int_equal(dns_scan(s->bytes, &scan), DNS_OK);
		assert_int_equal(scan.header.id, 0x1234);
		assert_int_equal(scan.has_question, s->has_question);
		assert_int_equal(scan.question.qtype, s->qtype);
		assert_int_equal(scan.rcode, s->rcode);
		assert_int_equal(scan.ttl_max, s->ttl_max);
		assert_int_equal(scan.records, s->records);
		assert_int_equal(scan.is_truncated, s->is_truncated);
		if (s->has_question) {
			assert_int_equal(scan.question.qclass, 1);
			assert_true(slice_eq(scan.question.qname, BYTES(EXAMPLE_COM)));
			assert_ptr_equal(scan.question.qname.data, s->bytes.data + 12);
		}
	}
}

static void test_header_fields(void **state)
{
	struct dns_scan scan;
	struct slice bytes = BYTES(0xab, 0xcd, 0xaf, 0xb3, 0, 0, 0, 0, 0, 0, 0, 0);

	(void)state;
	assert_int_equal(dns_scan(bytes, &scan), DNS_OK);
	assert_int_equal(scan.header.id, 0xabcd);
	assert_int_equal(scan.header.flags, 0xafb3);
	assert_true(dns_is_response(&scan.header));
	assert_int_equal(dns_opcode(&scan.header), 5);
	assert_int_equal(dns_header_rcode(&scan.header), 3);
}

static void test_scan_ignores_trailing_bytes(void **state)
{
	uint8_t longer[sizeof(answer_chain) + 3] = { 0 };
	struct dns_scan scan;

	(void)state;
	memcpy(longer, answer_chain, sizeof(answer_chain));
	assert_int_equal(scan_copy(slice_of(longer, sizeof(longer)), &scan), DNS_OK);
	assert_int_equal(scan.records, 3);
}

/* clang-format off */
#define QUESTION HEADER(0x8182, 1, 1, 0, 0), EXAMPLE_COM, 0, 1, IN
#define FIXED 0, 1, IN, TTL(1), 0, 0

static const struct {
	const char *name;
	struct slice bytes;
	enum dns_error error;
	bool has_question;
} bad[] = {
#define BAD(name, error, has_question, ...) \
	{ name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, error, has_question }
	BAD("eleven bytes", DNS_SHORT_HEADER, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	BAD("no question where one is counted", DNS_SHORT_NAME, false, HEADER(0, 1, 0, 0, 0)),
	BAD("name without root", DNS_SHORT_NAME, false, HEADER(0, 1, 0, 0, 0), 1, 'a'),
	BAD("label cut off", DNS_SHORT_NAME, false, HEADER(0, 1, 0, 0, 0), 5, 'a', 'b'),
	BAD("question cut off", DNS_SHORT_QUESTION, false, HEADER(0, 1, 0, 0, 0), 0, 0, 1, 0),
	BAD("label of 64", DNS_BAD_LABEL, false, HEADER(0, 1, 0, 0, 0), 64, 0, 0, 1, IN),
	BAD("label type 10", DNS_BAD_LABEL, false, HEADER(0, 1, 0, 0, 0), 0x80, 0, 0, 1, IN),
	BAD("question's pointer to itself", DNS_BAD_POINTER, false, HEADER(0, 1, 0, 0, 0), 0xc0, 12, 0, 1, IN),
	BAD("question's pointer into the header", DNS_BAD_POINTER, false, HEADER(0, 1, 0, 0, 0), 0xc0, 0, 0, 1, IN),
	BAD("question's pointer behind labels", DNS_BAD_POINTER, false, HEADER(0, 1, 0, 0, 0), 1, 'a', 0xc0, 12, 0,
	    1, IN),
	BAD("second question missing", DNS_SHORT_NAME, true, HEADER(0, 2, 1, 0, 0), EXAMPLE_COM, 0, 1, IN),
	BAD("second question cut off", DNS_SHORT_QUESTION, true, HEADER(0, 2, 1, 0, 0), EXAMPLE_COM, 0, 1, IN, 0, 0),
	BAD("record missing", DNS_SHORT_NAME, true, QUESTION),
	BAD("pointer cut off", DNS_SHORT_NAME, true, QUESTION, 0xc0),
	BAD("pointer to itself", DNS_BAD_POINTER, true, QUESTION, 0xc0, 29, FIXED),
	BAD("pointer forward", DNS_BAD_POINTER, true, QUESTION, 0xc0, 31, FIXED),
	BAD("pointer to its own labels", DNS_BAD_POINTER, true, QUESTION, 1, 'a', 0xc0, 29, FIXED),
	BAD("pointer into the header", DNS_BAD_POINTER, true, QUESTION, 0xc0, 11, FIXED),
	BAD("record cut off", DNS_SHORT_RECORD, true, QUESTION, 0xc0, 12, 0, 1, IN, TTL(1), 0),
	BAD("data cut off", DNS_SHORT_RDATA, true, QUESTION, 0xc0, 12, 0, 1, IN, TTL(1), 0, 4, 1, 2, 3),
	BAD("extended rcode before an error", DNS_SHORT_NAME, true, HEADER(0x8182, 1, 0, 0, 2), EXAMPLE_COM, 0, 1, IN,
	    0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0),
};
/* clang-format on */

static void test_scan_errors(void **state)
{
	struct dns_scan scan;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		print_message("%s\n", bad[i].name);
		assert_int_equal(scan_copy(bad[i].bytes, &scan), bad[i].error);
		assert_int_equal(scan.has_question, bad[i].has_question);
		assert_int_equal(scan.rcode, dns_header_rcode(&scan.header));
		assert_true(strlen(dns_error_text(bad[i].error)) > 0);
	}
}

static void test_every_prefix_fails(void **state)
{
	struct dns_scan scan;

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		for (size_t len = 0; len < samples[i].bytes.len; len++) {
			enum dns_error error = scan_copy(slice_of(samples[i].bytes.data, len), &scan);

			assert_int_not_equal(error, DNS_OK);
			assert_int_equal(error == DNS_SHORT_HEADER, len < DNS_HEADER_SIZE);
			assert_int_equal(scan.header.id, len < DNS_HEADER_SIZE ? 0 : 0x1234);
		}
	}
}

/* Every name of the message as text and back: the walk that the record's writer makes. */
static void walk_names(struct slice message)
{
	struct cursor c = cursor_of(message);
	struct dns_header h;
	struct dns_record r;
	struct dns_question q;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (dns_read_header(&c, &h) == DNS_OK && dns_read_question(&c, &q) == DNS_OK)
		assert_int_equal(dns_qname_text(q.qname, &out), DNS_OK);
	while (!c.failed && cursor_left(&c) && dns_read_record(&c, &r) == DNS_OK)
		assert_true(dns_name_text(message, &r.name_at, &out) <= DNS_TRAILING_BYTES);
	buf_release(&out);
}

static void test_every_bit_flipped(void **state)
{
	struct dns_scan scan;

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct slice bytes = samples[i].bytes;
		uint8_t *copy = malloc(bytes.len);

		for (size_t bit = 0; bit < bytes.len * 8; bit++) {
			memcpy(copy, bytes.data, bytes.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(dns_scan(slice_of(copy, bytes.len), &scan) <= DNS_TRAILING_BYTES);
			walk_names(slice_of(copy, bytes.len));
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan_reads_samples),	    cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_scan_ignores_trailing_bytes), cmocka_unit_test(test_scan_errors),
		cmocka_unit_test(test_every_prefix_fails),	    cmocka_unit_test(test_every_bit_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
