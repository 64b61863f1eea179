#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/iana.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *name;
	uint16_t value;
} types[] = {
	{ "A", 1 },	     { "NS", 2 },	 { "CNAME", 5 },  { "SOA", 6 },	     { "NULL", 10 },
	{ "PTR", 12 },	     { "HINFO", 13 },	 { "MX", 15 },	  { "TXT", 16 },     { "NSAP-PTR", 23 },
	{ "AAAA", 28 },	     { "LOC", 29 },	 { "SRV", 33 },	  { "NAPTR", 35 },   { "DNAME", 39 },
	{ "OPT", 41 },	     { "DS", 43 },	 { "RRSIG", 46 }, { "NSEC", 47 },    { "DNSKEY", 48 },
	{ "NSEC3PARAM", 51 }, { "TLSA", 52 },	 { "HIP", 55 },	  { "OPENPGPKEY", 61 }, { "SVCB", 64 },
	{ "HTTPS", 65 },     { "DSYNC", 66 },	 { "SPF", 99 },	  { "EUI64", 109 },  { "NXNAME", 128 },
	{ "TKEY", 249 },     { "TSIG", 250 },	 { "IXFR", 251 }, { "AXFR", 252 },   { "ANY", 255 },
	{ "URI", 256 },	     { "CAA", 257 },	 { "AMTRELAY", 260 }, { "IPN", 264 }, { "TA", 32768 },
	{ "DLV", 32769 },
}, classes[] = {
	{ "IN", 1 }, { "CH", 3 }, { "HS", 4 }, { "NONE", 254 }, { "ANY", 255 },
}, rcodes[] = {
	{ "NOERROR", 0 },  { "FORMERR", 1 },  { "SERVFAIL", 2 }, { "NXDOMAIN", 3 },   { "NOTIMP", 4 },
	{ "REFUSED", 5 },  { "YXDOMAIN", 6 }, { "YXRRSET", 7 },	 { "NXRRSET", 8 },    { "NOTAUTH", 9 },
	{ "NOTZONE", 10 }, { "DSOTYPENI", 11 }, { "BADVERS", 16 }, { "BADKEY", 17 },  { "BADTIME", 18 },
	{ "BADMODE", 19 }, { "BADNAME", 20 }, { "BADALG", 21 },	 { "BADTRUNC", 22 },  { "BADCOOKIE", 23 },
};

static void test_names_of_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++)
		assert_string_equal(iana_type_name(types[i].value), types[i].name);
	for (size_t i = 0; i < COUNT(classes); i++)
		assert_string_equal(iana_class_name(classes[i].value), classes[i].name);
	for (size_t i = 0; i < COUNT(rcodes); i++)
		assert_string_equal(iana_rcode_name(rcodes[i].value), rcodes[i].name);
}

static void test_unassigned_values_have_no_name(void **state)
{
	static const uint16_t no_type[] = { 0, 54, 98, 110, 127, 129, 248, 265, 32767, 32770, 65280, 65535 };
	static const uint16_t no_class[] = { 0, 2, 5, 253, 256, 4096, 65535 };
	static const uint16_t no_rcode[] = { 12, 15, 24, 4095, 65535 };

	(void)state;
	for (size_t i = 0; i < COUNT(no_type); i++)
		assert_null(iana_type_name(no_type[i]));
	for (size_t i = 0; i < COUNT(no_class); i++)
		assert_null(iana_class_name(no_class[i]));
	for (size_t i = 0; i < COUNT(no_rcode); i++)
		assert_null(iana_rcode_name(no_rcode[i]));
}

static void check_text(void (*print)(uint16_t, struct buf *), uint16_t value, const char *expected)
{
	struct buf out;

	buf_init(&out, 64);
	print(value, &out);
	assert_true(slice_eq(buf_slice(&out), slice_from_str(expected)));
	buf_release(&out);
}

static void test_text_is_always_written(void **state)
{
	(void)state;
	check_text(iana_type_text, 28, "AAAA");
	check_text(iana_type_text, 0, "TYPE0");
	check_text(iana_type_text, 65280, "TYPE65280");
	check_text(iana_class_text, 1, "IN");
	check_text(iana_class_text, 4096, "CLASS4096");
	check_text(iana_rcode_text, 2, "SERVFAIL");
	check_text(iana_rcode_text, 12, "RCODE12");
	check_text(iana_rcode_text, 4095, "RCODE4095");
}

/* What is written for a value is read as that value: so no mnemonic stands twice in a table. */
static void check_round_trip(void (*print)(uint16_t, struct buf *), bool (*parse)(struct slice, uint16_t *))
{
	struct buf out;

	buf_init(&out, 64);
	for (uint32_t value = 0; value <= UINT16_MAX; value++) {
		uint16_t back = 0;

		buf_reset(&out);
		print((uint16_t)value, &out);
		assert_true(parse(buf_slice(&out), &back));
		assert_int_equal(back, value);
	}
	buf_release(&out);
}

static void test_every_value_there_and_back(void **state)
{
	(void)state;
	check_round_trip(iana_type_text, iana_type_parse);
	check_round_trip(iana_rcode_text, iana_rcode_parse);
}

static void test_parse(void **state)
{
	static const struct {
		bool (*parse)(struct slice, uint16_t *);
		const char *text;
		int value; /* -1: none */
	} table[] = {
		{ iana_type_parse, "aaaa", 28 },
		{ iana_type_parse, "Nsap-Ptr", 23 },
		{ iana_type_parse, "dlv", 32769 },
		{ iana_type_parse, "type28", 28 },
		{ iana_type_parse, "TYPE0", 0 },
		{ iana_type_parse, "65535", 65535 },
		{ iana_type_parse, "65536", -1 },
		{ iana_type_parse, "TYPE65536", -1 },
		{ iana_type_parse, "99999999999999999999", -1 },
		{ iana_type_parse, "", -1 },
		{ iana_type_parse, "TYPE", -1 },
		{ iana_type_parse, "TYPE-1", -1 },
		{ iana_type_parse, "AAAAA", -1 },
		{ iana_type_parse, "AAA", -1 },
		{ iana_type_parse, " A", -1 },
		{ iana_type_parse, "1x", -1 },
		{ iana_type_parse, "RCODE1", -1 },
		{ iana_rcode_parse, "servfail", 2 },
		{ iana_rcode_parse, "NXDomain", 3 },
		{ iana_rcode_parse, "rcode23", 23 },
		{ iana_rcode_parse, "16", 16 },
		{ iana_rcode_parse, "TYPE1", -1 },
		{ iana_rcode_parse, "NOTANRCODE", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		uint16_t value = 4711;
		bool good = table[i].value >= 0;

		print_message("%s\n", table[i].text);
		assert_int_equal(table[i].parse(slice_from_str(table[i].text), &value), good);
		assert_int_equal(value, good ? table[i].value : 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_values),
		cmocka_unit_test(test_unassigned_values_have_no_name),
		cmocka_unit_test(test_text_is_always_written),
		cmocka_unit_test(test_every_value_there_and_back),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
