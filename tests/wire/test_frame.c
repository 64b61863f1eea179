#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "frame_bytes.h"
#include "wire/frame.h"

/* The limit on data frames in these tests. */
enum { LIMIT = 16, STORY_MAX = 1 << 20 };

/*
 * What the parser says of a stream, a word for each result: accept, start, data=..., stop, bad=why (with the length
 * that it names, if any), and more where the beginning of a frame is left over.
 */
static const struct sample {
	const char *name;
	struct slice bytes;
	const char *story;
} samples[] = {
#define SAMPLE(name, story, ...)                                                                            \
	{                                                                                                   \
		name, { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }, story \
	}
	SAMPLE("bidirectional", " accept start data=abc data=x stop", READY, START, ABC, U32(1), 'x', STOP),
	SAMPLE("unidirectional", " start data=abc stop", START, ABC, STOP),
	SAMPLE("no data", " start stop", START, STOP),
	SAMPLE("START after STOP", " start data=abc stop start data=abc stop", START, ABC, STOP, START, ABC, STOP),
	SAMPLE("START after STOP, bidirectional", " accept start stop start data=abc", READY, START, STOP, START, ABC),

	SAMPLE("no content type", " accept start data=abc", CONTROL(4, 4), CONTROL(4, 2), ABC),
	SAMPLE("several content types, ours first", " accept start", CONTROL(45, 4), OURS, OTHER, START),
	SAMPLE("several content types, ours last", " accept start", CONTROL(45, 4), OTHER, OURS, START),
	SAMPLE("several content types, not ours", " bad=wrong_content_type", CONTROL(26, 4), OTHER, OTHER),
	SAMPLE("START with several content types", " bad=bad_control_frame:45", CONTROL(45, 2), OURS, OTHER),
	SAMPLE("START with ours twice", " bad=bad_control_frame:64", CONTROL(64, 2), OURS, OURS),
	SAMPLE("wrong content type", " bad=wrong_content_type", CONTROL(15, 2), OTHER),
	SAMPLE("wrong content type in READY", " bad=wrong_content_type", CONTROL(15, 4), OTHER),
	SAMPLE("prefix of our content type", " bad=wrong_content_type", CONTROL(20, 2), TYPE(8, PROTOBUF)),
	SAMPLE("one byte less", " bad=wrong_content_type", CONTROL(33, 2),
	       TYPE(21, PROTOBUF, ':', DNSTAP, '.', 'D', 'n', 's', 't', 'a')),
	SAMPLE("one byte more", " bad=wrong_content_type", CONTROL(35, 2),
	       TYPE(23, PROTOBUF, ':', DNSTAP, '.', 'D', 'n', 's', 't', 'a', 'p', 0)),
	SAMPLE("another case", " bad=wrong_content_type", CONTROL(34, 2),
	       TYPE(22, PROTOBUF, ':', DNSTAP, '.', 'd', 'n', 's', 't', 'a', 'p')),
	SAMPLE("empty content type", " bad=wrong_content_type", CONTROL(12, 2), U32(1), U32(0)),

	SAMPLE("data before START", " bad=frame_out_of_order:3", ABC),
	SAMPLE("data before START, too long", " bad=frame_out_of_order:17", U32(17)),
	SAMPLE("data behind READY", " accept bad=frame_out_of_order:3", READY, ABC),
	SAMPLE("data behind STOP", " start stop bad=frame_out_of_order:3", START, STOP, ABC),
	SAMPLE("READY twice", " accept bad=frame_out_of_order", READY, READY),
	SAMPLE("READY behind START", " start bad=frame_out_of_order", START, READY),
	SAMPLE("READY behind STOP", " start stop bad=frame_out_of_order", START, STOP, READY),
	SAMPLE("START twice", " start bad=frame_out_of_order", START, START),
	SAMPLE("STOP before START", " bad=frame_out_of_order", STOP),
	SAMPLE("STOP behind READY", " accept bad=frame_out_of_order", READY, STOP),
	SAMPLE("STOP twice", " start stop bad=frame_out_of_order", START, STOP, STOP),
	SAMPLE("ACCEPT", " bad=frame_out_of_order", CONTROL(34, 1), OURS),
	SAMPLE("FINISH", " start bad=frame_out_of_order", START, CONTROL(4, 5)),

	SAMPLE("data of one byte", " start data=x", START, U32(1), 'x'),
	SAMPLE("data at the limit", " start data=0123456789abcdef", START, U32(16), '0', '1', '2', '3', '4', '5', '6',
	       '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'),
	SAMPLE("data above the limit", " start bad=frame_too_large:17", START, U32(17), '0', '1', '2'),
	SAMPLE("data of 2^31", " start bad=frame_too_large:2147483648", START, U32(0x80000000U)),
	SAMPLE("data of 2^32 - 4", " start bad=frame_too_large:4294967292", START, U32(0xfffffffcU), 'a'),
	SAMPLE("data of 2^32 - 1", " start bad=frame_too_large:4294967295", START, U32(0xffffffffU), 'a'),

	SAMPLE("control frame of no bytes", " bad=bad_control_frame", U32(0), U32(0)),
	SAMPLE("control frame of three bytes", " bad=bad_control_frame:3", U32(0), U32(3), 0, 0, 0),
	SAMPLE("control frame above the limit", " bad=bad_control_frame:513", U32(0), U32(513), U32(4)),
	SAMPLE("control frame of 2^32 - 4", " bad=bad_control_frame:4294967292", U32(0), U32(0xfffffffcU)),
	SAMPLE("control frame of 2^32 - 1", " bad=bad_control_frame:4294967295", U32(0), U32(0xffffffffU)),
	SAMPLE("control frame of type 0", " bad=bad_control_frame:4", CONTROL(4, 0)),
	SAMPLE("control frame of type 6", " bad=bad_control_frame:4", CONTROL(4, 6)),
	SAMPLE("control frame of type 2^32 - 1", " bad=bad_control_frame:4", CONTROL(4, 0xffffffffU)),
	SAMPLE("STOP with content type", " start bad=bad_control_frame:34", START, CONTROL(34, 3), OURS),
	SAMPLE("unknown field", " bad=bad_control_frame:15", CONTROL(15, 4), U32(2), U32(3), 'x', 'y', 'z'),
	SAMPLE("field cut off", " bad=bad_control_frame:8", CONTROL(8, 4), U32(1)),
	SAMPLE("field longer than its frame", " bad=bad_control_frame:15", CONTROL(15, 4), U32(1), U32(4), 'x', 'y',
	       'z'),
	SAMPLE("field of 2^32 - 1", " bad=bad_control_frame:15", CONTROL(15, 4), U32(1), U32(0xffffffffU), 'x', 'y',
	       'z'),
	SAMPLE("trailing byte in a control frame", " bad=bad_control_frame:5", CONTROL(5, 3), 0),

	SAMPLE("length cut off", " start more", START, 0, 0, 0),
	SAMPLE("data cut off", " start data=abc more", START, ABC, U32(3), 'a', 'b'),
	SAMPLE("control frame cut off", " start data=abc more", START, ABC, U32(0), U32(4), 0, 0),
};

struct telling {
	struct frame_parser parser;
	struct buf story;
	bool is_over;
};

static void telling_begin(struct telling *t, uint32_t limit)
{
	t->is_over = false;
	frame_parser_init(&t->parser, limit);
	buf_init(&t->story, STORY_MAX);
}

static void tell_bad(struct telling *t)
{
	assert_int_not_equal(t->parser.error, FRAME_OK);
	buf_addf(&t->story, " bad=%s", frame_error_text(t->parser.error));
	if (t->parser.bad_length)
		buf_addf(&t->story, ":%u", t->parser.bad_length);
	t->is_over = true;
}

static void tell_data(struct telling *t, struct slice before, struct slice data)
{
	assert_ptr_equal(data.data, before.data + FRAME_HEADER_SIZE);
	buf_add_lit(&t->story, " data=");
	buf_add(&t->story, data.data, data.len);
}

/* Takes what it can off *input. */
static void tell(struct telling *t, struct slice *input)
{
	static const char *const words[] = {
		[FRAME_SEND_ACCEPT] = " accept", [FRAME_STARTED] = " start", [FRAME_STOPPED] = " stop"
	};

	while (!t->is_over) {
		struct slice before = *input, data;
		enum frame_result result = frame_next(&t->parser, input, &data);

		if (result == FRAME_NEED_MORE) {
			assert_ptr_equal(input->data, before.data);
			assert_int_equal(input->len, before.len);
			return;
		}
		if (result == FRAME_BAD)
			tell_bad(t);
		else if (result == FRAME_DATA)
			tell_data(t, before, data);
		else
			buf_add_str(&t->story, words[result]);
		assert_ptr_equal(input->data + input->len, before.data + before.len);
	}
}

static void telling_end(struct telling *t, size_t left)
{
	if (left && !t->is_over)
		buf_add_lit(&t->story, " more");
	buf_add_byte(&t->story, 0);
	assert_false(t->story.failed);
}

/* All at once, from memory of exact size. */
static void tell_at_once(struct telling *t, struct slice bytes, uint32_t limit)
{
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
	struct slice input = slice_of(copy, bytes.len);

	memcpy(copy, bytes.data, bytes.len);
	telling_begin(t, limit);
	tell(t, &input);
	telling_end(t, input.len);
	free(copy);
}

/* The same bytes one at a time: what is left over is handed in again. */
static void tell_bytewise(struct telling *t, struct slice bytes, uint32_t limit)
{
	size_t from = 0;

	telling_begin(t, limit);
	for (size_t len = 1; len <= bytes.len && !t->is_over; len++) {
		uint8_t *copy = malloc(len - from);
		struct slice input = slice_of(copy, len - from);

		memcpy(copy, bytes.data + from, len - from);
		tell(t, &input);
		from = len - input.len;
		free(copy);
	}
	telling_end(t, bytes.len - from);
}

/* However the bytes come. */
static void test_frame__stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct telling at_once, bytewise;

		print_message("%s\n", samples[i].name);
		tell_at_once(&at_once, samples[i].bytes, LIMIT);
		tell_bytewise(&bytewise, samples[i].bytes, LIMIT);
		assert_string_equal(at_once.story.data, samples[i].story);
		assert_string_equal(bytewise.story.data, samples[i].story);
		buf_release(&at_once.story);
		buf_release(&bytewise.story);
	}
}

/* The story of a prefix is a prefix of the story. */
static void test_frame__every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		for (size_t len = 0; len < samples[i].bytes.len; len++) {
			struct telling t;
			size_t told;

			tell_at_once(&t, slice_of(samples[i].bytes.data, len), LIMIT);
			told = t.story.len - 1;
			if (told >= 5 && memcmp(t.story.data + told - 5, " more", 5) == 0)
				told -= 5;
			assert_true(told <= strlen(samples[i].story));
			assert_memory_equal(t.story.data, samples[i].story, told);
			buf_release(&t.story);
		}
	}
}

/* Nothing certain can be said of what comes out but that it does not depend on how the bytes came in. */
static void test_frame__every_bit_flipped(void **state)
{
	uint8_t copy[256];

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct slice bytes = slice_of(copy, samples[i].bytes.len);

		assert_true(bytes.len <= sizeof(copy));
		memcpy(copy, samples[i].bytes.data, bytes.len);
		for (size_t bit = 0; bit < bytes.len * 8; bit++) {
			struct telling at_once, bytewise;

			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			tell_at_once(&at_once, bytes, LIMIT);
			tell_bytewise(&bytewise, bytes, LIMIT);
			assert_string_equal(at_once.story.data, bytewise.story.data);
			buf_release(&at_once.story);
			buf_release(&bytewise.story);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* A length near 2^32 within the limit waits for its bytes; header and length are never added in 32 bits. */
static void test_frame__no_limit(void **state)
{
	static const uint8_t stream[] = { START, U32(0xfffffffcU), 'a' };
	struct telling t;

	(void)state;
	tell_at_once(&t, slice_of(stream, sizeof(stream)), UINT32_MAX);
	assert_string_equal(t.story.data, " start more");
	buf_release(&t.story);
}

static void test_frame__bad_is_the_last_word(void **state)
{
	static const uint8_t start[] = { START };
	static const uint8_t early[] = { ABC };
	struct slice input = slice_of(early, sizeof(early)), data;
	struct frame_parser p;

	(void)state;
	frame_parser_init(&p, LIMIT);
	assert_int_equal(frame_next(&p, &input, &data), FRAME_BAD);
	for (unsigned i = 0; i < 3; i++) {
		input = slice_of(start, sizeof(start));
		assert_int_equal(frame_next(&p, &input, &data), FRAME_BAD);
		assert_int_equal(p.error, FRAME_OUT_OF_ORDER);
		assert_int_equal(p.bad_length, 3);
	}
	input = slice_of(NULL, 0);
	assert_int_equal(frame_next(&p, &input, &data), FRAME_BAD);
}

/* An endless stream of control frames costs no memory: the parser has none. */
static void test_frame__control_frames_without_end(void **state)
{
	static const uint8_t round[] = { START, STOP };
	struct frame_parser p;
	struct slice data;

	(void)state;
	frame_parser_init(&p, LIMIT);
	for (unsigned i = 0; i < 20000; i++) {
		struct slice input = slice_of(round, sizeof(round));

		assert_int_equal(frame_next(&p, &input, &data), FRAME_STARTED);
		assert_int_equal(frame_next(&p, &input, &data), FRAME_STOPPED);
		assert_int_equal(frame_next(&p, &input, &data), FRAME_NEED_MORE);
		assert_int_equal(input.len, 0);
	}
}

static void test_frame__error_texts_differ(void **state)
{
	(void)state;
	for (int a = FRAME_OK; a <= FRAME_OUT_OF_ORDER; a++)
		for (int b = FRAME_OK; b < a; b++)
			assert_string_not_equal(frame_error_text((enum frame_error)a),
						frame_error_text((enum frame_error)b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame__stories),
		cmocka_unit_test(test_frame__every_prefix),
		cmocka_unit_test(test_frame__every_bit_flipped),
		cmocka_unit_test(test_frame__no_limit),
		cmocka_unit_test(test_frame__bad_is_the_last_word),
		cmocka_unit_test(test_frame__control_frames_without_end),
		cmocka_unit_test(test_frame__error_texts_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
