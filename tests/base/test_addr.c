#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/addr.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define BYTES(...) slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

#define FD00_1 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define MAPPED(a, b, c, d) 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d

/* What `text` prints as; "" for no address. */
static void assert_prints(const struct addr *a, const char *text, bool with_port)
{
	struct buf out;

	buf_init(&out, 256);
	if (with_port)
		addr_print_port(a, &out);
	else
		addr_print(a, &out);
	buf_add_byte(&out, 0);
	assert_false(out.failed);
	assert_string_equal(out.data, text);
	buf_release(&out);
}

static const struct {
	const char *name;
	struct slice bytes;
	uint8_t len;
	const char *text;
} samples_bytes[] = {
#define SAMPLE(name, len, text, ...)                                                                            \
	{                                                                                                       \
		name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, len, text \
	}
	{ "no bytes", { NULL, 0 }, 0, "" },
	SAMPLE("one byte", 0, "", 10),
	SAMPLE("three bytes", 0, "", 10, 0, 0),
	SAMPLE("IPv4", 4, "10.0.0.1", 10, 0, 0, 1),
	SAMPLE("IPv4 zero", 4, "0.0.0.0", 0, 0, 0, 0),
	SAMPLE("IPv4 broadcast", 4, "255.255.255.255", 255, 255, 255, 255),
	SAMPLE("five bytes", 0, "", 10, 0, 0, 1, 2),
	SAMPLE("fifteen bytes", 0, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0),
	SAMPLE("IPv6", 16, "fd00::1", FD00_1),
	SAMPLE("IPv6 zero", 16, "::", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	SAMPLE("IPv6 full", 16, "1:2:3:4:5:6:7:8", 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8),
	SAMPLE("longest run of zeros", 16, "2001:0:0:1::1", 0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1),
	SAMPLE("one zero is not shortened", 16, "2001:db8:0:1:1:1:1:1", 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0,
	       1, 0, 1),
	SAMPLE("v4-mapped", 4, "10.0.0.1", MAPPED(10, 0, 0, 1)),
	SAMPLE("v4-mapped zero", 4, "0.0.0.0", MAPPED(0, 0, 0, 0)),
	SAMPLE("almost v4-mapped", 16, "::fffe:a00:1", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 10, 0, 0, 1),
	SAMPLE("seventeen bytes", 0, "", FD00_1, 0),
};

static void test_addr__from_bytes(void **state)
{
	static const uint8_t zeros[16];

	(void)state;
	for (size_t i = 0; i < COUNT(samples_bytes); i++) {
		struct addr a = addr_from_bytes(samples_bytes[i].bytes, 5353);

		print_message("%s\n", samples_bytes[i].name);
		assert_int_equal(a.len, samples_bytes[i].len);
		assert_int_equal(a.port, 5353);
		assert_int_equal(addr_known(&a), samples_bytes[i].len != 0);
		assert_memory_equal(a.ip + a.len, zeros, sizeof(a.ip) - a.len);
		assert_prints(&a, samples_bytes[i].text, false);
	}
}

static const struct {
	const char *text;
	struct slice ip;
} samples_parse[] = {
#define PARSES(text, ...)                                                                          \
	{                                                                                          \
		text,                                                                              \
		{                                                                                  \
			(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) \
		}                                                                                  \
	}
	PARSES("10.0.0.1", 10, 0, 0, 1),
	PARSES("255.255.255.255", 255, 255, 255, 255),
	PARSES("fd00::1", FD00_1),
	PARSES("FD00::1", FD00_1),
	PARSES("fd00:0000:0000:0000:0000:0000:0000:0001", FD00_1),
	PARSES("fd00:0000:0000:0000:0000:0000:100.100.100.100", 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100, 100,
	       100), /* the longest text: 45 characters */
	PARSES("[fd00::1]", FD00_1),
	PARSES("::", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	PARSES("::ffff:10.0.0.1", 10, 0, 0, 1),
	PARSES("[::ffff:a00:1]", 10, 0, 0, 1),
	{ "", { NULL, 0 } },
	{ "[]", { NULL, 0 } },
	{ "[", { NULL, 0 } },
	{ "[fd00::1", { NULL, 0 } },
	{ "fd00::1]", { NULL, 0 } },
	{ "[[fd00::1]]", { NULL, 0 } },
	{ "10.0.0", { NULL, 0 } },
	{ "10.0.0.256", { NULL, 0 } },
	{ "10.0.0.1.2", { NULL, 0 } },
	{ "10.0.0.1 ", { NULL, 0 } },
	{ " 10.0.0.1", { NULL, 0 } },
	{ "10.0.0.1:53", { NULL, 0 } },
	{ "[fd00::1]:53", { NULL, 0 } },
	{ "fd00::1%eth0", { NULL, 0 } },
	{ "fd00:::1", { NULL, 0 } },
	{ "1:2:3:4:5:6:7:8:9", { NULL, 0 } },
	{ "00fd00:0000:0000:0000:0000:0000:100.100.100.100", { NULL, 0 } }, /* longer */
	{ "localhost", { NULL, 0 } },
};

static void test_addr__parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples_parse); i++) {
		struct addr a = { .len = 99, .port = 99 };
		bool parsed = addr_parse(slice_from_str(samples_parse[i].text), &a);

		print_message("\"%s\"\n", samples_parse[i].text);
		assert_int_equal(parsed, samples_parse[i].ip.len != 0);
		assert_int_equal(a.len, parsed ? samples_parse[i].ip.len : 99);
		assert_int_equal(a.port, parsed ? 0 : 99);
		if (parsed)
			assert_memory_equal(a.ip, samples_parse[i].ip.data, a.len);
	}
}

static void test_addr__parse_takes_no_zero_byte(void **state)
{
	struct addr a;

	(void)state;
	assert_false(addr_parse(slice_of("10.0.0.1\0", 9), &a));
	assert_false(addr_parse(slice_of("10.0.0.1\0.2", 11), &a));
	/* And no more than it was given. */
	assert_true(addr_parse(slice_of("10.0.0.12", 8), &a));
	assert_prints(&a, "10.0.0.1", false);
}

static const struct {
	const char *text;
	int bits; /* -1: no prefix */
} samples_prefix[] = {
	{ "10.0.0.0/8", 8 },
	{ "10.0.0.0/0", 0 },
	{ "10.0.0.0/32", 32 },
	{ "10.0.0.0", 32 },
	{ "fd00::/16", 16 },
	{ "fd00::/128", 128 },
	{ "fd00::", 128 },
	{ "10.0.0.0/33", -1 },
	{ "fd00::/129", -1 },
	{ "10.0.0.0/", -1 },
	{ "10.0.0.0/-1", -1 },
	{ "10.0.0.0/+8", -1 },
	{ "10.0.0.0/ 8", -1 },
	{ "10.0.0.0/8 ", -1 },
	{ "10.0.0.0/8/8", -1 },
	{ "10.0.0.0/0x8", -1 },
	{ "10.0.0.0/256", -1 },
	{ "10.0.0.0/4294967304", -1 },
	{ "10.0.0.0/99999999999999999999999", -1 },
	{ "/8", -1 },
	{ "", -1 },
	{ "10.0.0/8", -1 },
};

static void test_addr__prefix_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples_prefix); i++) {
		struct addr_prefix prefix = { .bits = 99 };
		bool parsed = addr_prefix_parse(samples_prefix[i].text, &prefix);

		print_message("\"%s\"\n", samples_prefix[i].text);
		assert_int_equal(parsed, samples_prefix[i].bits >= 0);
		assert_int_equal(prefix.bits, parsed ? samples_prefix[i].bits : 99);
	}
}

static const struct {
	const char *prefix, *address;
	bool is_in;
} samples_in[] = {
	{ "10.0.0.0/8", "10.255.255.255", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.99.99.99/8", "10.0.0.1", true }, /* what stands behind the prefix is ignored */
	{ "10.0.0.0/9", "10.127.0.0", true },
	{ "10.0.0.0/9", "10.128.0.0", false },
	{ "10.0.0.0/31", "10.0.0.1", true },
	{ "10.0.0.0/31", "10.0.0.2", false },
	{ "10.0.0.1", "10.0.0.1", true },
	{ "10.0.0.1", "10.0.0.0", false },
	{ "0.0.0.0/0", "255.1.2.3", true },
	{ "0.0.0.0/0", "fd00::1", false },
	{ "::/0", "fd00::1", true },
	{ "::/0", "10.0.0.1", false },
	{ "fd00::/12", "fd0f::1", true },
	{ "fd00::/12", "fd10::1", false },
	{ "fd00::/127", "fd00::1", true },
	{ "fd00::/127", "fd00::2", false },
	{ "fd00::1", "fd00::1", true },
	{ "10.0.0.0/8", "::ffff:10.0.0.1", true },
};

static void test_addr__in_prefix(void **state)
{
	struct addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(samples_in); i++) {
		struct addr_prefix prefix;
		struct addr a;

		print_message("%s in %s\n", samples_in[i].address, samples_in[i].prefix);
		assert_true(addr_prefix_parse(samples_in[i].prefix, &prefix));
		assert_true(addr_parse(slice_from_str(samples_in[i].address), &a));
		a.port = 53;
		assert_int_equal(addr_in_prefix(&a, &prefix), samples_in[i].is_in);
		assert_false(addr_in_prefix(&none, &prefix));
	}
}

static void test_addr__equality(void **state)
{
	struct addr a = addr_from_bytes(BYTES(10, 0, 0, 1), 53), b = addr_from_bytes(BYTES(MAPPED(10, 0, 0, 1)), 53);
	struct addr other_port = addr_from_bytes(BYTES(10, 0, 0, 1), 54);
	struct addr other_ip = addr_from_bytes(BYTES(10, 0, 0, 2), 53);
	/* The same four first bytes. */
	struct addr v6 = addr_from_bytes(BYTES(10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 53);

	(void)state;
	assert_true(addr_eq(&a, &b));
	assert_false(addr_eq(&a, &other_port));
	assert_true(addr_eq_ip(&a, &other_port));
	assert_false(addr_eq_ip(&a, &other_ip));
	assert_false(addr_eq_ip(&a, &v6));
}

static void test_addr__print_port(void **state)
{
	struct addr v4 = addr_from_bytes(BYTES(10, 0, 0, 1), 53), v6 = addr_from_bytes(BYTES(FD00_1), 65535);

	(void)state;
	assert_prints(&v4, "10.0.0.1:53", true);
	assert_prints(&v6, "[fd00::1]:65535", true);
}

/* Whatever is printed is read again. */
static void test_addr__round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples_bytes); i++) {
		struct addr a = addr_from_bytes(samples_bytes[i].bytes, 0), b;

		if (!addr_known(&a))
			continue;
		assert_true(addr_parse(slice_from_str(samples_bytes[i].text), &b));
		assert_true(addr_eq(&a, &b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr__from_bytes),
		cmocka_unit_test(test_addr__parse),
		cmocka_unit_test(test_addr__parse_takes_no_zero_byte),
		cmocka_unit_test(test_addr__prefix_parse),
		cmocka_unit_test(test_addr__in_prefix),
		cmocka_unit_test(test_addr__equality),
		cmocka_unit_test(test_addr__print_port),
		cmocka_unit_test(test_addr__round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
