#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/dns.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define BYTES(...) slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define TEXT(literal)                                           \
	{                                                       \
		(const uint8_t *)(literal), sizeof(literal) - 1 \
	}
#define WIRE(literal)                                       \
	{                                                   \
		(const uint8_t *)(literal), sizeof(literal) \
	} /* its own zero is the root */

/* The twelve bytes before the first name. */
#define HEADER 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static const struct {
	struct slice wire, text;
} names[] = {
	{ WIRE(""), TEXT(".") },
	{ WIRE("\1a"), TEXT("a.") },
	{ WIRE("\7example\3com"), TEXT("example.com.") },
	{ WIRE("\3WwW\2x-"), TEXT("WwW.x-.") },
	{ WIRE("\3a.b\1c"), TEXT("a\\.b.c.") },
	{ WIRE("\3a\\b"), TEXT("a\\\\b.") },
	{ WIRE("\5\"$();"), TEXT("\\\"\\$\\(\\)\\;.") },
	{ WIRE("\3@*_"), TEXT("\\@*_.") },
	{ WIRE("\3a b"), TEXT("a\\032b.") },
	{ WIRE("\4caf\xc3\2\xa9!"), TEXT("caf\\195.\\169!.") },
	{ WIRE("\3\0\177\377"), TEXT("\\000\\127\\255.") },
	{ WIRE("\003123"), TEXT("123.") },
};

static void test_name_text_and_back(void **state)
{
	uint8_t wire[DNS_NAME_MAX];
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t at = 0, len;

		buf_reset(&out);
		assert_int_equal(dns_qname_text(names[i].wire, &out), DNS_OK);
		assert_true(slice_eq(buf_slice(&out), names[i].text));
		buf_reset(&out);
		assert_int_equal(dns_name_text(names[i].wire, &at, &out), DNS_OK);
		assert_true(slice_eq(buf_slice(&out), names[i].text));
		assert_int_equal(at, names[i].wire.len);
		len = dns_name_from_text(names[i].text, wire);
		assert_true(slice_eq(slice_of(wire, len), names[i].wire));
		/* The final dot may be missing, but for the root's own. */
		if (len > 1)
			assert_int_equal(dns_name_from_text(slice_of(names[i].text.data, names[i].text.len - 1), wire),
					 len);
	}
	buf_release(&out);
}

/* Labels of `label` bytes each, of the value `fill`, up to `total` bytes with the root. */
static struct slice make_name(uint8_t *to, size_t total, size_t label, int fill)
{
	size_t at = 0;

	while (at + 1 < total) {
		size_t len = total - 1 - at - 1;

		len = len > label ? label : len;
		to[at] = (uint8_t)len;
		memset(to + at + 1, fill, len);
		at += 1 + len;
	}
	to[at] = 0;
	return slice_of(to, at + 1);
}

static void test_longest_names(void **state)
{
	uint8_t wire[300], back[DNS_NAME_MAX];
	struct buf out;

	(void)state;
	buf_init(&out, DNS_NAME_TEXT_MAX);
	for (int fill = 0; fill <= UINT8_MAX; fill++) {
		struct slice name = make_name(wire, DNS_NAME_MAX, 63, fill);
		size_t len;

		assert_int_equal(name.len, DNS_NAME_MAX);
		buf_reset(&out);
		assert_int_equal(dns_qname_text(name, &out), DNS_OK);
		len = dns_name_from_text(buf_slice(&out), back);
		assert_true(slice_eq(slice_of(back, len), name));
		buf_reset(&out);
		assert_int_equal(dns_qname_text(make_name(wire, DNS_NAME_MAX, 1, fill), &out), DNS_OK);
		assert_int_equal(dns_qname_text(make_name(wire, DNS_NAME_MAX + 1, 63, fill), &out), DNS_LONG_NAME);
		assert_int_equal(dns_qname_text(make_name(wire, DNS_NAME_MAX + 2, 1, fill), &out), DNS_LONG_NAME);
	}
	assert_false(out.failed);
	buf_release(&out);
}

static void test_qname_text_takes_no_pointers(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(dns_qname_text(BYTES(1, 'a', 0xc0, 0), &out), DNS_BAD_POINTER);
	assert_int_equal(dns_qname_text(BYTES(1, 'a', 0, 0), &out), DNS_TRAILING_BYTES);
	assert_int_equal(dns_qname_text(BYTES(1, 'a'), &out), DNS_SHORT_NAME);
	assert_int_equal(dns_qname_text(slice_of(NULL, 0), &out), DNS_SHORT_NAME);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

static void test_name_text_follows_pointers(void **state)
{
	/* clang-format off */
	struct slice message = BYTES(HEADER,
		3, 'c', 'o', 'm', 0,	/* at 12 */
		1, 'b', 0xc0, 12,	/* at 17 */
		1, 'a', 0xc0, 17,	/* at 21 */
		'x');
	/* clang-format on */
	size_t at = 21;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(dns_name_text(message, &at, &out), DNS_OK);
	assert_true(slice_eq(buf_slice(&out), slice_from_str("a.b.com.")));
	assert_int_equal(at, 25);
	buf_release(&out);
}

static void test_name_text_errors(void **state)
{
	const struct {
		struct slice message;
		size_t at;
		enum dns_error error;
	} table[] = {
	/* clang-format off */
#define AT(at, error, ...) \
	{ { (const uint8_t[]){ HEADER, __VA_ARGS__ }, \
	    sizeof((const uint8_t[]){ HEADER, __VA_ARGS__ }) }, at, error }
		AT(12, DNS_BAD_POINTER, 0xc0, 12),				   /* to itself */
		AT(12, DNS_BAD_POINTER, 1, 'a', 0xc0, 12),			   /* round */
		AT(14, DNS_BAD_POINTER, 0xc0, 14, 0xc0, 12),			   /* to and fro */
		AT(12, DNS_BAD_POINTER, 0xc0, 14, 0),				   /* forward */
		AT(12, DNS_BAD_POINTER, 0xc0, 3, 0),				   /* into the header */
		AT(12, DNS_BAD_POINTER, 0xff, 0xff),				   /* far away */
		AT(15, DNS_BAD_LABEL, 1, 'a', 0x40, 0xc0, 12),			   /* behind a pointer */
		AT(13, DNS_SHORT_NAME, 0xc0),					   /* begins at the end */
		AT(1000, DNS_SHORT_NAME, 0xc0),					   /* begins behind it */
		AT(14, DNS_SHORT_NAME, 0, 0, 0xc0),				   /* half a pointer */
		/* clang-format on */
	};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(table); i++) {
		size_t at = table[i].at;

		assert_int_equal(dns_name_text(table[i].message, &at, &out), table[i].error);
		assert_int_equal(at, table[i].at);
		assert_int_equal(out.len, 0);
	}
	buf_release(&out);
}

/* A chain of pointers, each to the one before: 127 are followed, more are not. */
static void test_number_of_jumps(void **state)
{
	uint8_t message[12 + 1 + 2 * 200] = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < 200; i++) {
		size_t target = i ? 13 + 2 * (i - 1) : 12, at = 13 + 2 * i;

		message[at] = (uint8_t)(0xc0 | target >> 8);
		message[at + 1] = (uint8_t)target;
		assert_int_equal(dns_name_text(slice_of(message, sizeof(message)), &at, &out),
				 i < 127 ? DNS_OK : DNS_BAD_POINTER);
	}
	buf_release(&out);
}

/* Three names of 100 bytes that lead to each other are short each, and too long together. */
static void test_long_name_by_pointers(void **state)
{
	uint8_t message[12 + 300] = { 0 };
	struct slice part;
	size_t at;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	part = make_name(message + 12, 100, 20, 'a');
	for (size_t i = 1; i < 3; i++) {
		size_t here = 12 + i * 100, target = here - 100;

		make_name(message + here, 99, 20, 'b');
		message[here + 98] = (uint8_t)(0xc0 | target >> 8);
		message[here + 99] = (uint8_t)target;
	}
	assert_int_equal(part.len, 100);
	at = 112;
	assert_int_equal(dns_name_text(slice_of(message, sizeof(message)), &at, &out), DNS_OK);
	at = 212;
	assert_int_equal(dns_name_text(slice_of(message, sizeof(message)), &at, &out), DNS_LONG_NAME);
	buf_release(&out);
}

static const struct {
	struct slice text, wire; /* no bytes: no name */
} texts[] = {
	{ TEXT(""), { 0 } },
	{ TEXT(".."), { 0 } },
	{ TEXT(".a"), { 0 } },
	{ TEXT("a..b"), { 0 } },
	{ TEXT("a.."), { 0 } },
	{ TEXT("a\\"), { 0 } },
	{ TEXT("a\\1"), { 0 } },
	{ TEXT("a\\12x"), { 0 } },
	{ TEXT("a\\256"), { 0 } },
	{ TEXT("a\\999"), { 0 } },
	{ TEXT("\\ a"), WIRE("\2 a") },
	{ TEXT("\\a\\b"), WIRE("\2ab") },
	{ TEXT("\\046."), WIRE("\1.") },
	{ TEXT("\\000\\255"), WIRE("\2\0\377") },
	{ TEXT("a b;(c)"), WIRE("\7a b;(c)") },
	{ TEXT("\xc3\xa9"), WIRE("\2\xc3\xa9") },
};

static void test_name_from_text(void **state)
{
	uint8_t wire[DNS_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = dns_name_from_text(texts[i].text, wire);

		assert_int_equal(len, texts[i].wire.len);
		assert_true(slice_eq(slice_of(wire, len), texts[i].wire));
	}
}

/* wire is of exact size on the heap: a byte too many is seen by the sanitizer. */
static void test_name_from_text_limits(void **state)
{
	uint8_t *wire = malloc(DNS_NAME_MAX);
	char text[600];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(dns_name_from_text(slice_of(text, 63), wire), 65);
	assert_int_equal(dns_name_from_text(slice_of(text, 64), wire), 0);
	text[63] = text[127] = text[191] = '.';
	assert_int_equal(dns_name_from_text(slice_of(text, 192 + 61), wire), DNS_NAME_MAX);
	assert_int_equal(dns_name_from_text(slice_of(text, 192 + 62), wire), 0);
	text[192 + 61] = '.';
	assert_int_equal(dns_name_from_text(slice_of(text, 192 + 62), wire), DNS_NAME_MAX);
	assert_int_equal(dns_name_from_text(slice_of(text, 192 + 63), wire), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '.' : 'a';
	assert_int_equal(dns_name_from_text(slice_of(text, 254), wire), DNS_NAME_MAX);
	assert_int_equal(dns_name_from_text(slice_of(text, 255), wire), 0);
	assert_int_equal(dns_name_from_text(slice_of(text, sizeof(text)), wire), 0);
	free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_text_and_back),
		cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_qname_text_takes_no_pointers),
		cmocka_unit_test(test_name_text_follows_pointers),
		cmocka_unit_test(test_name_text_errors),
		cmocka_unit_test(test_number_of_jumps),
		cmocka_unit_test(test_long_name_by_pointers),
		cmocka_unit_test(test_name_from_text),
		cmocka_unit_test(test_name_from_text_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
