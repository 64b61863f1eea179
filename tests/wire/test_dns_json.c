#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <jansson.h>

#include "wire/dns_json.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* clang-format off */
/* Headers of twelve bytes: id 4660, the flags, and the four counts. */
#define HEADER(flags, qd, an, ns, ar) 0x12, 0x34, (flags) >> 8, (flags) & 255, 0, qd, 0, an, 0, ns, 0, ar
#define EXAMPLE_COM 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0
#define IN 0, 1
#define TTL(seconds) 0, 0, (seconds) >> 8, (seconds) & 255
#define OPT(...) 0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, __VA_ARGS__

#define FLAGS_0100 \
	"{\"ID\":4660,\"QR\":0,\"Opcode\":0,\"AA\":0,\"TC\":0,\"RD\":1,\"RA\":0,\"AD\":0,\"CD\":0,\"RCODE\":0,"
#define FLAGS_8180 \
	"{\"ID\":4660,\"QR\":1,\"Opcode\":0,\"AA\":0,\"TC\":0,\"RD\":1,\"RA\":1,\"AD\":0,\"CD\":0,\"RCODE\":0,"
#define COUNTS(qd, an, ns, ar) "\"QDCOUNT\":" qd ",\"ANCOUNT\":" an ",\"NSCOUNT\":" ns ",\"ARCOUNT\":" ar
#define QNAME(name) ",\"QNAME\":\"" name "\",\"QTYPE\":1,\"QTYPEname\":\"A\",\"QCLASS\":1,\"QCLASSname\":\"IN\""
#define RR_A(name, ttl, address)                                                           \
	"{\"NAME\":\"" name "\",\"TYPE\":1,\"TYPEname\":\"A\",\"CLASS\":1,\"CLASSname\":\"IN\"," \
	"\"TTL\":" ttl ",\"RDLENGTH\":4,\"rdataA\":\"" address "\"}"

static const struct row {
	const char *name;
	struct slice message;
	const char *json;
} rows[] = {
#define ROW(name, json, ...) \
	{ name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, json }
	{ "no bytes", { NULL, 0 }, "null" },
	ROW("query", FLAGS_0100 COUNTS("1", "0", "0", "0") QNAME("example.com.") "}", HEADER(0x0100, 1, 0, 0, 0),
	    EXAMPLE_COM, 0, 1, IN),
	ROW("all flags",
	    "{\"ID\":4660,\"QR\":1,\"Opcode\":15,\"AA\":1,\"TC\":1,\"RD\":1,\"RA\":1,\"AD\":1,\"CD\":1,\"RCODE\":15,"
	    COUNTS("0", "0", "0", "0") "}",
	    HEADER(0xffff, 0, 0, 0, 0)),
	ROW("unassigned type and class",
	    FLAGS_0100 COUNTS("1", "0", "0", "0") ",\"QNAME\":\".\",\"QTYPE\":65280,\"QTYPEname\":\"TYPE65280\","
	    "\"QCLASS\":65535,\"QCLASSname\":\"CLASS65535\"}",
	    HEADER(0x0100, 1, 0, 0, 0), 0, 255, 0, 255, 255),
	ROW("compressed answer, and OPT",
	    FLAGS_8180 COUNTS("1", "3", "0", "1") QNAME("example.com.")
	    ",\"answerRRs\":[{\"NAME\":\"example.com.\",\"TYPE\":5,\"TYPEname\":\"CNAME\",\"CLASS\":1,"
	    "\"CLASSname\":\"IN\",\"TTL\":300,\"RDLENGTH\":6,\"rdataCNAME\":\"www.example.com.\"},"
	    RR_A("www.example.com.", "60", "192.0.2.1") "," RR_A("www.example.com.", "61", "192.0.2.2") "],"
	    "\"additionalRRs\":[{\"NAME\":\".\",\"TYPE\":41,\"TYPEname\":\"OPT\",\"CLASS\":1232,\"TTL\":32768,"
	    "\"RDLENGTH\":0,\"RDATAHEX\":\"\"}]}",
	    HEADER(0x8180, 1, 3, 0, 1), EXAMPLE_COM, 0, 1, IN,
	    0xc0, 12, 0, 5, IN, TTL(300), 0, 6, 3, 'w', 'w', 'w', 0xc0, 12,
	    0xc0, 41, 0, 1, IN, TTL(60), 0, 4, 192, 0, 2, 1,
	    0xc0, 41, 0, 1, IN, TTL(61), 0, 4, 192, 0, 2, 2,
	    OPT(0)),
	ROW("uncompressed answer, as CoreDNS writes it",
	    FLAGS_8180 COUNTS("1", "3", "0", "0") QNAME("example.com.")
	    ",\"answerRRs\":[" RR_A("example.com.", "1", "192.0.2.1") "," RR_A("a.", "2", "192.0.2.2") ","
	    RR_A("a.", "3", "192.0.2.3") "]}",
	    HEADER(0x8180, 1, 3, 0, 0), EXAMPLE_COM, 0, 1, IN,
	    EXAMPLE_COM, 0, 1, IN, TTL(1), 0, 4, 192, 0, 2, 1,
	    1, 'a', 0, 0, 1, IN, TTL(2), 0, 4, 192, 0, 2, 2,
	    1, 'a', 0, 0, 1, IN, TTL(3), 0, 4, 192, 0, 2, 3),
	ROW("names that differ in case only",
	    FLAGS_8180 COUNTS("1", "1", "0", "0") QNAME("aB.") ",\"answerRRs\":[" RR_A("Ab.", "1", "1.2.3.4") "]}",
	    HEADER(0x8180, 1, 1, 0, 0), 2, 'a', 'B', 0, 0, 1, IN,
	    2, 'A', 'b', 0, 0, 1, IN, TTL(1), 0, 4, 1, 2, 3, 4),
	ROW("authority, and data that is not read",
	    FLAGS_8180 COUNTS("1", "0", "1", "1") QNAME("example.com.")
	    ",\"authorityRRs\":[{\"NAME\":\"example.com.\",\"TYPE\":6,\"TYPEname\":\"SOA\",\"CLASS\":1,"
	    "\"CLASSname\":\"IN\",\"TTL\":30,\"RDLENGTH\":26,"
	    "\"rdataSOA\":\"ns.example.com. . 1 2 3 4 5\"}],"
	    "\"additionalRRs\":[{\"NAME\":\"example.com.\",\"TYPE\":1,\"TYPEname\":\"A\",\"CLASS\":255,"
	    "\"CLASSname\":\"ANY\",\"TTL\":2147483648,\"RDLENGTH\":3,\"RDATAHEX\":\"0AFF00\"}]}",
	    HEADER(0x8180, 1, 0, 1, 1), EXAMPLE_COM, 0, 1, IN,
	    0xc0, 12, 0, 6, IN, TTL(30), 0, 26, 2, 'n', 's', 0xc0, 12, 0,
	    0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
	    0xc0, 12, 0, 1, 0, 255, 0x80, 0, 0, 0, 0, 3, 10, 255, 0),
	ROW("two questions",
	    FLAGS_8180 COUNTS("2", "2", "0", "0")
	    ",\"questionRRs\":[{\"NAME\":\"a.\",\"TYPE\":1,\"TYPEname\":\"A\",\"CLASS\":1,\"CLASSname\":\"IN\"},"
	    "{\"NAME\":\"b.a.\",\"TYPE\":28,\"TYPEname\":\"AAAA\",\"CLASS\":3,\"CLASSname\":\"CH\"}],"
	    "\"answerRRs\":[" RR_A("a.", "1", "1.2.3.4") "," RR_A("b.a.", "2", "1.2.3.4") "]}",
	    HEADER(0x8180, 2, 2, 0, 0), 1, 'a', 0, 0, 1, IN,
	    1, 'b', 0xc0, 12, 0, 28, 0, 3,
	    0xc0, 12, 0, 1, IN, TTL(1), 0, 4, 1, 2, 3, 4,
	    0xc0, 19, 0, 1, IN, TTL(2), 0, 4, 1, 2, 3, 4),
	ROW("answer without question",
	    FLAGS_8180 COUNTS("0", "1", "0", "0") ",\"answerRRs\":[" RR_A(".", "1", "1.2.3.4") "]}",
	    HEADER(0x8180, 0, 1, 0, 0), 0, 0, 1, IN, TTL(1), 0, 4, 1, 2, 3, 4),
	ROW("names and strings with escapes",
	    FLAGS_8180 COUNTS("1", "2", "0", "0") QNAME("a\\\\.b\\\\\\\"\\\\\\\\\\\\195\\\\000.")
	    ",\"answerRRs\":[" RR_A("a\\\\.b\\\\\\\"\\\\\\\\\\\\195\\\\000.", "1", "1.2.3.4")
	    ",{\"NAME\":\".\",\"TYPE\":16,\"TYPEname\":\"TXT\",\"CLASS\":1,\"CLASSname\":\"IN\",\"TTL\":1,"
	    "\"RDLENGTH\":4,\"rdataTXT\":\"\\\"\\\\\\\"\\\\\\\\\\\\255\\\"\"}]}",
	    HEADER(0x8180, 1, 2, 0, 0), 7, 'a', '.', 'b', '"', '\\', 195, 0, 0, 0, 1, IN,
	    0xc0, 12, 0, 1, IN, TTL(1), 0, 4, 1, 2, 3, 4,
	    0, 0, 16, IN, TTL(1), 0, 4, 3, '"', '\\', 255),
	ROW("type without text",
	    FLAGS_8180 COUNTS("0", "1", "0", "0") ",\"answerRRs\":[{\"NAME\":\".\",\"TYPE\":51,\"TYPEname\":"
	    "\"NSEC3PARAM\",\"CLASS\":4096,\"CLASSname\":\"CLASS4096\",\"TTL\":4294967295,\"RDLENGTH\":2,"
	    "\"RDATAHEX\":\"ABCD\"}]}",
	    HEADER(0x8180, 0, 1, 0, 0), 0, 0, 51, 16, 0, 255, 255, 255, 255, 0, 2, 0xab, 0xcd),
	ROW("OPT with data",
	    FLAGS_0100 COUNTS("0", "0", "0", "1") ",\"additionalRRs\":[{\"NAME\":\".\",\"TYPE\":41,"
	    "\"TYPEname\":\"OPT\",\"CLASS\":1232,\"TTL\":32768,\"RDLENGTH\":4,\"RDATAHEX\":\"000A0000\"}]}",
	    HEADER(0x0100, 0, 0, 0, 1), OPT(4), 0, 10, 0, 0),
	ROW("trailing bytes",
	    FLAGS_0100 COUNTS("1", "0", "0", "0") QNAME("a.") ",\"Error\":\"trailing bytes\"}",
	    HEADER(0x0100, 1, 0, 0, 0), 1, 'a', 0, 0, 1, IN, 0),
	ROW("short header", "{\"messageOctetsHEX\":\"12FF\",\"Error\":\"short header\"}", 0x12, 0xff),
	ROW("error in the middle",
	    "{\"messageOctetsHEX\":\"1234018000010001000000000161000001000100\",\"Error\":\"short record\"}",
	    HEADER(0x0180, 1, 1, 0, 0), 1, 'a', 0, 0, 1, IN, 0),
	ROW("question with a pointer",
	    "{\"messageOctetsHEX\":\"123401000001000000000000C00C00010001\",\"Error\":\"bad compression pointer\"}",
	    HEADER(0x0100, 1, 0, 0, 0), 0xc0, 12, 0, 1, IN),
	ROW("short question",
	    "{\"messageOctetsHEX\":\"12340100000100000000000000000100\",\"Error\":\"short question\"}",
	    HEADER(0x0100, 1, 0, 0, 0), 0, 0, 1, 0),
};
/* clang-format on */

static void print_to(struct buf *out, struct slice message)
{
	struct json j = json_of(out);

	buf_reset(out);
	dns_json(&j, message);
	assert_true(j.comma);
}

static void test_whole_values(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].name);
		print_to(&out, rows[i].message);
		buf_add_byte(&out, 0);
		assert_string_equal(out.data, rows[i].json);
	}
	buf_release(&out);
}

/* What stands before a value that is taken back stays, and the commas are right behind it. */
static void test_values_among_others(void **state)
{
	static const uint8_t good[] = { HEADER(0x0100, 0, 0, 0, 0) };
	static const uint8_t bad[] = { HEADER(0x0100, 1, 0, 0, 0), 1 };
	static const char expected[] =
		"[1," FLAGS_0100 COUNTS("0", "0", "0", "0") "},"
							    "{\"messageOctetsHEX\":\"12340100000100000000000001\","
							    "\"Error\":\"name runs past the end\"},null,2]";
	struct buf out;
	struct json j = json_of(&out);

	(void)state;
	buf_init(&out, 1 << 20);
	json_array_begin(&j);
	json_uint(&j, 1);
	dns_json(&j, slice_of(good, sizeof(good)));
	dns_json(&j, slice_of(bad, sizeof(bad)));
	dns_json(&j, slice_of(NULL, 0));
	json_uint(&j, 2);
	json_array_end(&j);
	buf_add_byte(&out, 0);
	assert_string_equal(out.data, expected);
	buf_release(&out);
}

/* The cap is kept to the byte, whatever is cut off, and the length never passes what was written. */
static void test_every_cap(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t need = strlen(rows[i].json);

		for (size_t cap = 0; cap <= need; cap++) {
			struct buf out;

			buf_init(&out, cap);
			print_to(&out, rows[i].message);
			assert_int_equal(out.failed, cap < need);
			assert_true(out.len <= cap);
			buf_release(&out);
		}
	}
}

/* Always one JSON object: of the message, or of its bytes with the error. */
static void check_object(struct buf *out, struct slice message)
{
	uint8_t *copy = malloc(message.len);
	json_t *value;

	memcpy(copy, message.data, message.len);
	print_to(out, slice_of(copy, message.len));
	free(copy);
	assert_false(out->failed);
	value = json_loadb((const char *)out->data, out->len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(value);
	assert_true(json_is_object(value));
	assert_int_equal(json_object_get(value, "ID") == NULL, json_object_get(value, "messageOctetsHEX") != NULL);
	json_decref(value);
}

static void test_every_prefix(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t len = 1; len < rows[i].message.len; len++)
			check_object(&out, slice_of(rows[i].message.data, len));
	buf_release(&out);
}

static void test_every_bit_flipped(void **state)
{
	uint8_t copy[256];
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice message = rows[i].message;

		assert_true(message.len <= sizeof(copy));
		for (size_t bit = 0; bit < message.len * 8; bit++) {
			memcpy(copy, message.data, message.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check_object(&out, slice_of(copy, message.len));
		}
	}
	buf_release(&out);
}

/* As many answers as 64 KiB can hold, each with the longest text that a name can have. */
static void test_largest_output(void **state)
{
	static uint8_t message[UINT16_MAX];
	static const uint8_t header[] = { HEADER(0x8180, 1, 0, 0, 0) };
	static const uint8_t record[] = { 0xc0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	size_t at = 12 + 255 + 4, nr = 0;
	struct buf out;

	(void)state;
	memcpy(message, header, sizeof(header));
	for (size_t i = 12; i < 12 + 254; i += 64)
		message[i] = i + 64 < 12 + 255 ? 63 : 61;
	for (; at + sizeof(record) <= sizeof(message); at += sizeof(record), nr++)
		memcpy(message + at, record, sizeof(record));
	message[6] = (uint8_t)(nr >> 8);
	message[7] = (uint8_t)nr;
	buf_init(&out, 16 << 20);
	check_object(&out, slice_of(message, at));
	print_message("%zu bytes of message, %zu of JSON\n", at, out.len);
	assert_true(out.len > (size_t)5 << 20);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_values),	  cmocka_unit_test(test_values_among_others),
		cmocka_unit_test(test_every_cap),	  cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_bit_flipped), cmocka_unit_test(test_largest_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
