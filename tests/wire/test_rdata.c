#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/rdata.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	A = 1,
	NS = 2,
	CNAME = 5,
	SOA = 6,
	PTR = 12,
	MX = 15,
	TXT = 16,
	AAAA = 28,
	SRV = 33,
	NAPTR = 35,
	DNAME = 39,
	DS = 43,
	DNSKEY = 48,
	SVCB = 64,
	HTTPS = 65,
	SPF = 99,
	CAA = 257,
};

/* What stands before the data, for names to point at: the header, and `example.com.` at 12. */
static const uint8_t before[] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0,
};

struct row {
	uint16_t type;
	struct slice data;
	const char *text; /* NULL: the data cannot be read */
};

/* clang-format off */
#define ROW(type, text, ...) \
	{ type, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, text }
#define EMPTY(type, text) { type, { NULL, 0 }, text }
#define ROOT 0
#define EXAMPLE 0xc0, 12
#define LONE_A 1, 'a', 0

static const struct row rows[] = {
	ROW(A, "192.0.2.1", 192, 0, 2, 1),
	ROW(A, "0.0.0.0", 0, 0, 0, 0),
	ROW(A, "255.255.255.255", 255, 255, 255, 255),
	ROW(A, NULL, 192, 0, 2),
	ROW(A, NULL, 192, 0, 2, 1, 0),
	EMPTY(A, NULL),
	ROW(AAAA, "2001:db8::1", 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
	ROW(AAAA, "::", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	ROW(AAAA, "::ffff:192.0.2.1", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1),
	ROW(AAAA, NULL, 0x20, 1, 0xd, 0xb8),
	ROW(CNAME, "example.com.", EXAMPLE),
	ROW(CNAME, "www.example.com.", 3, 'w', 'w', 'w', EXAMPLE),
	ROW(CNAME, ".", ROOT),
	ROW(CNAME, "a\\\"b\\.c.", 5, 'a', '"', 'b', '.', 'c', 0),
	ROW(CNAME, NULL, 0xc0, 25),		    /* to itself */
	ROW(CNAME, NULL, 1, 'a', 0xc0, 25),	    /* to its own labels */
	ROW(CNAME, NULL, 1, 'a'),		    /* runs out of the data */
	ROW(CNAME, NULL, EXAMPLE, 0),
	EMPTY(CNAME, NULL),
	ROW(NS, "a.", LONE_A),
	ROW(PTR, "a.", LONE_A),
	ROW(DNAME, "a.", LONE_A),
	ROW(SOA, "a. example.com. 1 2 3 4 4294967295", LONE_A, EXAMPLE, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4,
	    255, 255, 255, 255),
	ROW(SOA, NULL, LONE_A, EXAMPLE, 0, 0, 0, 1),
	ROW(MX, "10 a.example.com.", 0, 10, 1, 'a', EXAMPLE),
	ROW(MX, "65535 .", 255, 255, ROOT),
	ROW(MX, NULL, 0, 10),
	ROW(MX, NULL, 0, 10, ROOT, ROOT),
	ROW(SRV, "1 2 5060 a.", 0, 1, 0, 2, 0x13, 0xc4, LONE_A),
	ROW(SRV, NULL, 0, 1, 0, 2, 0x13),
	ROW(TXT, "\"v=spf1 -all\"", 11, 'v', '=', 's', 'p', 'f', '1', ' ', '-', 'a', 'l', 'l'),
	ROW(TXT, "\"a\" \"\" \"b\"", 1, 'a', 0, 1, 'b'),
	ROW(TXT, "\"\\\"\\\\;\\000\\010\\127\\195\\169\"", 8, '"', '\\', ';', 0, '\n', 127, 0xc3, 0xa9),
	ROW(TXT, "\"\"", 0),
	ROW(TXT, NULL, 2, 'a'),
	EMPTY(TXT, NULL),
	ROW(SPF, "\"x\"", 1, 'x'),
	ROW(CAA, "0 issue \"ca.example\"", 0, 5, 'i', 's', 's', 'u', 'e', 'c', 'a', '.', 'e', 'x', 'a', 'm', 'p', 'l',
	    'e'),
	ROW(CAA, "128 iodef \"\"", 128, 5, 'i', 'o', 'd', 'e', 'f'),
	ROW(CAA, NULL, 0, 0, 'x'),		    /* no tag */
	ROW(CAA, NULL, 0, 3, 'a', ' ', 'b', 'x'),   /* no word */
	ROW(CAA, NULL, 0, 5, 'i', 's'),
	ROW(DS, "60485 5 1 2BB183AF", 0xec, 0x45, 5, 1, 0x2b, 0xb1, 0x83, 0xaf),
	ROW(DS, NULL, 0xec, 0x45, 5, 1),
	ROW(DNSKEY, "257 3 13 AP8Q", 1, 1, 3, 13, 0, 255, 16),
	ROW(DNSKEY, "256 3 8 AQ==", 1, 0, 3, 8, 1),
	ROW(DNSKEY, "256 3 8 +/8=", 1, 0, 3, 8, 0xfb, 0xff),
	ROW(DNSKEY, NULL, 1, 0, 3, 8),
	ROW(NAPTR, "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:\\\\1!\" .", 0, 100, 0, 10, 1, 'u', 7, 'E', '2', 'U', '+', 's',
	    'i', 'p', 13, '!', '^', '.', '*', '$', '!', 's', 'i', 'p', ':', '\\', '1', '!', ROOT),
	ROW(NAPTR, NULL, 0, 100, 0, 10, 1, 'u', 7, 'E'),
	ROW(HTTPS, "1 .", 0, 1, ROOT),
	ROW(HTTPS, "0 a.example.com.", 0, 0, 1, 'a', EXAMPLE),
	ROW(HTTPS, "1 . alpn=\"h2,h3\" port=443", 0, 1, ROOT, 0, 1, 0, 6, 2, 'h', '2', 2, 'h', '3', 0, 3, 0, 2, 1,
	    0xbb),
	ROW(HTTPS, "1 . mandatory=alpn,key667 no-default-alpn", 0, 1, ROOT, 0, 0, 0, 4, 0, 1, 2, 155, 0, 2, 0, 0),
	ROW(HTTPS, "1 . ipv4hint=192.0.2.1,192.0.2.2 ech=AP8Q", 0, 1, ROOT, 0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2, 0,
	    5, 0, 3, 0, 255, 16),
	ROW(SVCB, "1 . ipv6hint=::1 dohpath=\"/q{?dns}\" ohttp", 0, 1, ROOT, 0, 6, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 1, 0, 7, 0, 8, '/', 'q', '{', '?', 'd', 'n', 's', '}', 0, 8, 0, 0),
	ROW(SVCB, "1 . key667=\"a\\\"\\255\" key668", 0, 1, ROOT, 2, 155, 0, 3, 'a', '"', 255, 2, 156, 0, 0),
	ROW(SVCB, "1 . alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", 0, 1, ROOT, 0, 1, 0, 12, 8, 'f', '\\', 'o', 'o', ',', 'b', 'a',
	    'r', 2, 'h', '2'), /* RFC 9460, appendix D.2, figure 10 */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 1, 0, 0),	      /* alpn without a value */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 1, 0, 1, 0),	      /* empty protocol name */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 2, 0, 1, 0),	      /* no-default-alpn with a value */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 3, 0, 1, 0),	      /* short port */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 3, 0, 4, 0, 1, 0, 2), /* two ports */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 4, 0, 3, 1, 2, 3),     /* short address */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 5, 0, 0),	      /* ech without a value */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 5, 0, 9, 1),	      /* value runs out of the data */
	ROW(SVCB, NULL, 0, 1, ROOT, 0, 5, 0),		      /* cut off */
};
/* clang-format on */

/* `before`, then the first `len` bytes of the data, and nothing behind: on the heap, for the sanitizer. */
static enum dns_error print_data(const struct row *row, size_t len, struct buf *out)
{
	size_t total = sizeof(before) + len;
	uint8_t *message = malloc(total);
	struct dns_record record = {
		.rdata_at = sizeof(before), .type = row->type, .class = 1, .rdlength = (uint16_t)len
	};
	enum dns_error error;

	memcpy(message, before, sizeof(before));
	if (len)
		memcpy(message + sizeof(before), row->data.data, len);
	error = rdata_text(slice_of(message, total), &record, out);
	free(message);
	return error;
}

static void test_presentation_forms(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		enum dns_error error;

		print_message("row %zu: type %u %s\n", i, row->type, row->text ? row->text : "-");
		buf_reset(&out);
		buf_add_lit(&out, "x");
		error = print_data(row, row->data.len, &out);
		assert_int_equal(error == DNS_OK, row->text != NULL);
		buf_add_byte(&out, 0);
		assert_string_equal(out.data + 1, row->text ? row->text : "");
	}
	buf_release(&out);
}

/* A prefix is an error, or the text of shorter data; on error the buffer is as before. */
static void test_every_prefix(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t len = 0; len < rows[i].data.len; len++) {
			enum dns_error error;

			buf_reset(&out);
			error = print_data(&rows[i], len, &out);
			assert_true(error <= DNS_TRAILING_BYTES);
			assert_int_equal(out.len == 0, error != DNS_OK);
		}
	}
	buf_release(&out);
}

static void test_every_bit_flipped(void **state)
{
	uint8_t copy[64];
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct row row = rows[i];

		assert_true(row.data.len <= sizeof(copy));
		row.data.data = copy;
		for (size_t bit = 0; bit < row.data.len * 8; bit++) {
			memcpy(copy, rows[i].data.data, row.data.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			buf_reset(&out);
			if (print_data(&row, row.data.len, &out) != DNS_OK)
				assert_int_equal(out.len, 0);
		}
	}
	buf_release(&out);
}

/* The text is printable ASCII, whatever the bytes: the writer of JSON counts on it. */
static void test_text_is_printable(void **state)
{
	uint8_t data[40];
	struct buf out;

	(void)state;
	srandom(1);
	buf_init(&out, 4096);
	for (int round = 0; round < 20000; round++) {
		struct row row = { .data = { data, sizeof(data) } };

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(random() % 4 ? random() % 5 : random());
		for (uint16_t type = 0; type < 300; type++) {
			row.type = type;
			if (!rdata_member(type))
				continue;
			buf_reset(&out);
			print_data(&row, (size_t)random() % sizeof(data), &out);
			for (size_t i = 0; i < out.len; i++)
				assert_in_range(out.data[i], ' ', '~');
		}
	}
	buf_release(&out);
}

static void test_members(void **state)
{
	static const struct {
		uint16_t type;
		const char *member;
	} table[] = {
		{ A, "rdataA" },	 { AAAA, "rdataAAAA" },	  { CNAME, "rdataCNAME" }, { PTR, "rdataPTR" },
		{ NS, "rdataNS" },	 { MX, "rdataMX" },	  { SRV, "rdataSRV" },	   { TXT, "rdataTXT" },
		{ SOA, "rdataSOA" },	 { CAA, "rdataCAA" },	  { DS, "rdataDS" },	   { DNSKEY, "rdataDNSKEY" },
		{ NAPTR, "rdataNAPTR" }, { HTTPS, "rdataHTTPS" }, { SVCB, "rdataSVCB" },   { DNAME, "rdataDNAME" },
		{ SPF, "rdataSPF" },
	};
	static const uint16_t none[] = { 0, 3, 41, 46, 255, 258, 32769, 65535 };

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_string_equal(rdata_member(table[i].type), table[i].member);
	for (size_t i = 0; i < COUNT(none); i++)
		assert_null(rdata_member(none[i]));
}

/* A record that says more than the message holds, as a caller's mistake would. */
static void test_record_outside_of_message(void **state)
{
	struct dns_record record = { .rdata_at = 24, .rdlength = 2, .type = A };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(rdata_text(slice_of(before, sizeof(before)), &record, &out), DNS_SHORT_RDATA);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presentation_forms),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_bit_flipped),
		cmocka_unit_test(test_text_is_printable),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_record_outside_of_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
