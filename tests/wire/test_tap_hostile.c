#include "tap_check.h"

#define BYTES(...) slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* The required type of the envelope stands last, so that no prefix is a frame. */
static void test_tap__every_prefix(void **state)
{
	struct tap t;

	(void)state;
	for (size_t i = 0; i < COUNT(tap_samples); i++)
		for (size_t len = 0; len < tap_samples[i].frame.len; len++)
			assert_int_equal(decode(slice_of(tap_samples[i].frame.data, len), &t), TAP_BAD_PROTOBUF);
}

static void test_tap__every_bit_flipped(void **state)
{
	uint8_t copy[256];
	struct tap t;

	(void)state;
	for (size_t i = 0; i < COUNT(tap_samples); i++) {
		struct slice frame = slice_of(copy, tap_samples[i].frame.len);

		assert_true(frame.len <= sizeof(copy));
		memcpy(copy, tap_samples[i].frame.data, frame.len);
		for (size_t bit = 0; bit < frame.len * 8; bit++) {
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_in_range(decode(frame, &t), TAP_OK, TAP_BAD_TIME);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* An arena too small is told from a frame that is no protobuf; what fits is the same. */
static void test_tap__every_arena_size(void **state)
{
	bool has_fitted = false;
	struct arena small;
	struct tap t;

	(void)state;
	for (size_t size = 1; size < 2048; size += 7) {
		enum tap_error error;

		assert_int_equal(arena_init(&small, size), 0);
		error = tap_decode(tap_samples[0].frame, &small, &t);
		assert_int_equal(error, has_fitted || error == TAP_OK ? TAP_OK : TAP_TOO_COMPLEX);
		assert_int_equal(small.exhausted, error != TAP_OK);
		if (error == TAP_OK) {
			assert_sane(&small, &t);
			assert_described(&t, tap_samples[0].text);
			has_fitted = true;
		}
		arena_release(&small);
	}
	assert_true(has_fitted);
}

static const struct {
	const char *name;
	struct slice tail;
	enum tap_error error;
} tails[] = {
#define TAIL(name, error, ...)                                                                              \
	{                                                                                                   \
		name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, error \
	}
	TAIL("unknown varint", TAP_OK, 0x98, 0x06, 0x05),
	TAIL("unknown fixed64", TAP_OK, 0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8),
	TAIL("unknown bytes", TAP_OK, 0x9a, 0x06, 3, 'a', 'b', 'c'),
	TAIL("unknown empty bytes", TAP_OK, 0x9a, 0x06, 0),
	TAIL("unknown fixed32", TAP_OK, 0x9d, 0x06, 1, 2, 3, 4),
	TAIL("the highest field number", TAP_OK, 0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01),
	TAIL("group", TAP_BAD_PROTOBUF, 0x9b, 0x06, 0x9c, 0x06),
	TAIL("wire type 6", TAP_BAD_PROTOBUF, 0x9e, 0x06, 0),
	TAIL("wire type 7", TAP_BAD_PROTOBUF, 0x9f, 0x06, 0),
	TAIL("field number 0", TAP_BAD_PROTOBUF, 0x00, 0x00),
	TAIL("key without value", TAP_BAD_PROTOBUF, 0x98, 0x06),
	TAIL("varint without end", TAP_BAD_PROTOBUF, 0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	     0xff, 0xff),
	TAIL("bytes cut off", TAP_BAD_PROTOBUF, 0x9a, 0x06, 4, 'a', 'b', 'c'),
	TAIL("bytes of 2^31 - 1", TAP_BAD_PROTOBUF, 0x9a, 0x06, 0xff, 0xff, 0xff, 0xff, 0x07, 'a'),
	TAIL("bytes of 2^32 - 1", TAP_BAD_PROTOBUF, 0x9a, 0x06, 0xff, 0xff, 0xff, 0xff, 0x0f, 'a'),
	TAIL("fixed32 cut off", TAP_BAD_PROTOBUF, 0x9d, 0x06, 1, 2, 3),
	TAIL("known field of another wire type", TAP_BAD_PROTOBUF, 0x0d, 1, 2, 3, 4),
};

/* Behind the envelope's fields, and behind the message's. */
static void test_tap__tails(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		struct tap_spec in_message = { .type = 5, .query_ns = 7, .message_tail = tails[i].tail };
		struct tap_spec in_envelope = { .type = 5, .query_ns = 7, .envelope_tail = tails[i].tail };
		struct tap t;

		print_message("%s\n", tails[i].name);
		assert_int_equal(decode_spec(&in_message, &t), tails[i].error);
		if (!tails[i].error)
			assert_described(&t, "type=5 protocol=0 query_ns=7");
		assert_int_equal(decode_spec(&in_envelope, &t), tails[i].error);
		if (!tails[i].error)
			assert_described(&t, "type=5 protocol=0 query_ns=7");
	}
}

/* As protobuf says: the last of a repeated field counts, and messages are merged. */
static void test_tap__repeated_fields(void **state)
{
	struct tap_spec spec = { .type = 5, .identity = "first", .query_port = 1, .response_port = 2 };
	struct tap t;

	(void)state;
	/* identity "second"; a message with type 6 and query_port 3 */
	spec.envelope_tail = BYTES(0x0a, 6, 's', 'e', 'c', 'o', 'n', 'd', 0x72, 4, 0x08, 6, 0x30, 3);
	assert_int_equal(decode_spec(&spec, &t), TAP_OK);
	assert_described(&t, "type=6 protocol=0 identity=second query=:3 response=:2");
}

/* Two messages of the largest size in one frame still fit. */
static void test_tap__largest_messages(void **state)
{
	static uint8_t message[65535];
	struct tap_spec spec = { .identity = "i",
				 .type = 6,
				 .query_message = slice_of(message, sizeof(message)),
				 .response_message = slice_of(message, sizeof(message)) };
	struct tap t;

	(void)state;
	memset(message, 0xab, sizeof(message));
	assert_int_equal(decode_spec(&spec, &t), TAP_OK);
	assert_true(slice_eq(t.query_message, spec.query_message));
	assert_true(slice_eq(t.response_message, spec.response_message));
}

static const struct {
	const char *name;
	struct slice piece;
	unsigned nr;
	bool in_message;
} bombs[] = {
#define BOMB(name, nr, in_message, ...)                                                                              \
	{                                                                                                            \
		name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, nr, in_message \
	}
	BOMB("unknown fields in the envelope", 43000, false, 0x98, 0x06, 0),
	BOMB("unknown fields in the message", 43000, true, 0x98, 0x06, 0),
	BOMB("unknown empty bytes", 43000, false, 0x9a, 0x06, 0),
	BOMB("messages", 32000, false, 0x72, 2, 0x08, 5),
	BOMB("messages that grow", 13000, false, 0x72, 7, 0x08, 5, 0x52, 3, 'a', 'b', 'c'),
	BOMB("identities", 43000, false, 0x0a, 1, 'x'),
	BOMB("known fields of the message", 65000, true, 0x08, 5),
};

/* Small on the wire, large when decoded: they end at the arena's end, and the next frame is read as if nothing had
 * been. */
static void test_tap__bombs(void **state)
{
	struct buf pieces;
	struct tap t;

	(void)state;
	buf_init(&pieces, FRAME_MAX);
	for (size_t i = 0; i < COUNT(bombs); i++) {
		struct tap_spec spec = { .type = 5 };

		print_message("%s\n", bombs[i].name);
		buf_reset(&pieces);
		for (unsigned k = 0; k < bombs[i].nr; k++)
			buf_add(&pieces, bombs[i].piece.data, bombs[i].piece.len);
		assert_false(pieces.failed);
		*(bombs[i].in_message ? &spec.message_tail : &spec.envelope_tail) = buf_slice(&pieces);
		assert_int_equal(decode_spec(&spec, &t), TAP_TOO_COMPLEX);
		assert_int_equal(decode(tap_samples[0].frame, &t), TAP_OK);
		assert_described(&t, tap_samples[0].text);
	}
	buf_release(&pieces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tap__every_prefix),
		cmocka_unit_test(test_tap__every_bit_flipped),
		cmocka_unit_test(test_tap__every_arena_size),
		cmocka_unit_test(test_tap__tails),
		cmocka_unit_test(test_tap__repeated_fields),
		cmocka_unit_test(test_tap__largest_messages),
		cmocka_unit_test(test_tap__bombs),
	};

	return cmocka_run_group_tests(tests, tap_check_setup, tap_check_teardown);
}
