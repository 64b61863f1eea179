#include "tap_check.h"

/* CoreDNS writes the DNS message last but for the envelope's type, which takes two bytes. */
static struct slice last_field(struct slice frame, size_t len)
{
	return slice_of(frame.data + frame.len - 2 - len, len);
}

static void test_tap__real_frames(void **state)
{
	struct tap t;

	(void)state;
	for (size_t i = 0; i < COUNT(tap_samples); i++) {
		print_message("%s\n", tap_samples[i].name);
		assert_int_equal(decode(tap_samples[i].frame, &t), TAP_OK);
		assert_described(&t, tap_samples[i].text);
		if (t.query_message.len)
			assert_true(slice_eq(t.query_message, last_field(tap_samples[i].frame, t.query_message.len)));
		if (t.response_message.len)
			assert_true(
				slice_eq(t.response_message, last_field(tap_samples[i].frame, t.response_message.len)));
	}
}

static const struct {
	const char *name;
	struct tap_spec spec;
	enum tap_error error;
	const char *text;
} specs[] = {
	{ "type alone", { .type = 5 }, TAP_OK, "type=5 protocol=0" },
	{ "no message", { .identity = "a", .without_message = true }, TAP_NO_MESSAGE, NULL },
	{ "no type of the message", { .without_message_type = true }, TAP_BAD_PROTOBUF, NULL },
	{ "no type of the envelope", { .type = 5, .without_envelope_type = true }, TAP_BAD_PROTOBUF, NULL },
	{ "nothing", { .without_message = true, .without_envelope_type = true }, TAP_BAD_PROTOBUF, NULL },
	{ "empty texts", { .identity = "", .version = "", .extra = "", .type = 5 }, TAP_OK, "type=5 protocol=0" },
	{ "all fields CoreDNS writes",
	  { .identity = "i",
	    .version = "v",
	    .extra = "e",
	    .type = 8,
	    .protocol = 2,
	    .query_address = "10.0.0.1",
	    .response_address = "fd00::1",
	    .query_port = 65535,
	    .response_port = 1,
	    .query_ns = 1000000002,
	    .response_ns = 3,
	    .query_message = { (const uint8_t *)"q", 1 },
	    .response_message = { (const uint8_t *)"rs", 2 } },
	  TAP_OK,
	  "type=8 protocol=2 identity=i version=v extra=e query=10.0.0.1:65535 response=[fd00::1]:1 "
	  "query_ns=1000000002 response_ns=3 query_message=1 response_message=2" },
	{ "query_zone", { .type = 7, .query_zone = "" }, TAP_OK, "type=7 protocol=0 foreign" },
	{ "policy", { .type = 7, .policy = "" }, TAP_OK, "type=7 protocol=0 foreign" },
	{ "http_protocol", { .type = 7, .http_protocol = 1 }, TAP_OK, "type=7 protocol=0 foreign" },
	{ "type 0", { .type = 0 }, TAP_OK, "type=0 protocol=0" },
	{ "type 1", { .type = 1 }, TAP_OK, "type=1 protocol=0" },
	{ "type 14", { .type = 14 }, TAP_OK, "type=14 protocol=0" },
	{ "type 15", { .type = 15 }, TAP_OK, "type=15 protocol=0" },
	{ "type 2^32 - 1", { .type = UINT32_MAX }, TAP_OK, "type=4294967295 protocol=0" },
	{ "protocol 7", { .type = 5, .protocol = 7 }, TAP_OK, "type=5 protocol=7" },
	{ "protocol 8", { .type = 5, .protocol = 8 }, TAP_OK, "type=5 protocol=0" },
	{ "protocol 257", { .type = 5, .protocol = 257 }, TAP_OK, "type=5 protocol=0" },
	{ "protocol 2^32 - 1", { .type = 5, .protocol = UINT32_MAX }, TAP_OK, "type=5 protocol=0" },
	{ "port 0", { .type = 5, .query_port_zero = true }, TAP_OK, "type=5 protocol=0 query_port=0" },
};

static void test_tap__specs(void **state)
{
	struct tap t;

	(void)state;
	for (size_t i = 0; i < COUNT(specs); i++) {
		print_message("%s\n", specs[i].name);
		assert_int_equal(decode_spec(&specs[i].spec, &t), specs[i].error);
		if (specs[i].text)
			assert_described(&t, specs[i].text);
	}
	assert_int_equal(decode(slice_of(NULL, 0), &t), TAP_BAD_PROTOBUF);
}

static const struct {
	const char *name;
	struct slice ip;
	const char *text; /* NULL: no address */
} addresses[] = {
#define ADDRESS(name, text, ...)                                                                           \
	{                                                                                                  \
		name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, text \
	}
	{ "no bytes", { (const uint8_t *)"", 0 }, NULL },
	ADDRESS("three bytes", NULL, 10, 0, 0),
	ADDRESS("four", "10.0.0.1", 10, 0, 0, 1),
	ADDRESS("five", NULL, 10, 0, 0, 1, 2),
	ADDRESS("fifteen", NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0),
	ADDRESS("sixteen", "fd00::1", 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
	ADDRESS("sixteen, v4-mapped", "10.0.0.1", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1),
	ADDRESS("seventeen", NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1, 0),
};

/* By the length of the bytes, whatever else is said. */
static void test_tap__addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct tap_spec spec = { .type = 5, .query_ip = addresses[i].ip, .response_ip = addresses[i].ip };
		struct addr a = { 0 };
		struct tap t;

		print_message("%s\n", addresses[i].name);
		if (addresses[i].text)
			assert_true(addr_parse(slice_from_str(addresses[i].text), &a));
		assert_int_equal(decode_spec(&spec, &t), TAP_OK);
		assert_true(addr_eq(&t.query, &a) && addr_eq(&t.response, &a));
		assert_true(t.has_query_address && t.has_response_address);
	}
}

/* Field numbers; the nanoseconds follow the seconds. */
enum { QUERY_SEC = 8, RESPONSE_SEC = 12 };

static const struct {
	const char *name;
	bool has_seconds, has_nanoseconds;
	uint64_t seconds;
	uint32_t nanoseconds;
	bool is_good;
	uint64_t ns;
} times[] = {
	{ "zero", true, true, 0, 0, true, 0 },
	{ "one nanosecond", true, true, 0, 1, true, 1 },
	{ "seconds alone", true, false, 1700000000, 0, true, 1700000000000000000 },
	{ "nanoseconds alone", false, true, 0, 5, true, 0 },
	{ "last nanosecond of a second", true, true, 1, 999999999, true, 1999999999 },
	{ "10^9 nanoseconds", true, true, 1, 1000000000, false, 0 },
	{ "2^32 - 1 nanoseconds", true, true, 1, UINT32_MAX, false, 0 },
	{ "2^32 seconds", true, true, 4294967296, 0, true, 4294967296000000000 },
	{ "the last second", true, true, 9223372035, 999999999, true, 9223372035999999999 },
	{ "a second later", true, true, 9223372036, 0, false, 0 },
	{ "seconds that overflow to little", true, true, 18446744074, 0, false, 0 },
	{ "2^64 - 1 seconds", true, true, UINT64_MAX, 0, false, 0 },
};

/* In the fields of query_time and of response_time. */
static void test_tap__times(void **state)
{
	static const unsigned fields[] = { QUERY_SEC, RESPONSE_SEC };

	(void)state;
	for (size_t i = 0; i < COUNT(times) * COUNT(fields); i++) {
		size_t at = i / COUNT(fields);
		unsigned field = fields[i % COUNT(fields)];
		struct tap_spec spec = { .type = 6 };
		struct buf tail;
		struct tap t;

		print_message("%s, field %u\n", times[at].name, field);
		buf_init(&tail, 64);
		if (times[at].has_seconds)
			pb_add_uint(&tail, field, times[at].seconds);
		if (times[at].has_nanoseconds)
			pb_add_fixed32(&tail, field + 1, times[at].nanoseconds);
		spec.message_tail = buf_slice(&tail);
		assert_int_equal(decode_spec(&spec, &t), times[at].is_good ? TAP_OK : TAP_BAD_TIME);
		if (times[at].is_good) {
			assert_int_equal(field == QUERY_SEC ? t.query_ns : t.response_ns, times[at].ns);
			assert_int_equal(field == QUERY_SEC ? t.response_ns : t.query_ns, 0);
		}
		buf_release(&tail);
	}
}

static void test_tap__error_texts_differ(void **state)
{
	(void)state;
	for (int a = TAP_OK; a <= TAP_BAD_TIME; a++)
		for (int b = TAP_OK; b < a; b++)
			assert_string_not_equal(tap_error_text((enum tap_error)a), tap_error_text((enum tap_error)b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tap__real_frames),	cmocka_unit_test(test_tap__specs),
		cmocka_unit_test(test_tap__addresses),		cmocka_unit_test(test_tap__times),
		cmocka_unit_test(test_tap__error_texts_differ),
	};

	return cmocka_run_group_tests(tests, tap_check_setup, tap_check_teardown);
}
