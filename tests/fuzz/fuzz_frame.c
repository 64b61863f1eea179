/*
 * Any bytes as a Frame Streams connection: what comes out does not depend on how they were cut into reads, every frame
 * lies where its header says, and the first error is the last word.
 *
 * Input: the limit on data frames (one byte), the number n of chunk sizes (one byte), n chunk sizes, the stream.
 */
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 1 << 20, CONTROL_HEADER = 2 * FRAME_HEADER_SIZE };

/* What the parser said, in order. Data frames are noted with their bytes. */
struct story {
	struct frame_parser parser;
	struct buf said;
	bool has_ended; /* FRAME_BAD */
};

static void story_begin(struct story *s, uint32_t data_max)
{
	s->has_ended = false;
	frame_parser_init(&s->parser, data_max);
	buf_init(&s->said, OUTPUT_MAX);
}

static void note_uint(struct story *s, uint32_t value)
{
	buf_add(&s->said, &value, sizeof(value));
}

static void check_data(const struct story *s, struct slice before, struct slice after, struct slice data)
{
	assert(s->parser.state == FRAME_STATE_DATA);
	assert(data.len > 0 && data.len <= s->parser.data_max);
	assert(data.data == before.data + FRAME_HEADER_SIZE);
	assert(before.len - after.len == FRAME_HEADER_SIZE + data.len);
}

/* Pending bytes are the beginning of one frame: there is a bound to what a caller must keep. */
static void check_pending(const struct story *s, struct slice before, struct slice after)
{
	size_t most = s->parser.data_max > FRAME_CONTROL_MAX ? s->parser.data_max : FRAME_CONTROL_MAX;

	assert(after.data == before.data && after.len == before.len);
	assert(after.len < CONTROL_HEADER + most);
}

static void check_bad(struct story *s, struct slice *input)
{
	struct slice data;

	assert(s->parser.error != FRAME_OK);
	assert(strlen(frame_error_text(s->parser.error)) > 0);
	assert(frame_next(&s->parser, input, &data) == FRAME_BAD);
	note_uint(s, (uint32_t)s->parser.error);
	note_uint(s, s->parser.bad_length);
	s->has_ended = true;
}

/* Takes whole frames off *input until there is none left. */
static void story_feed(struct story *s, struct slice *input)
{
	enum frame_result result = FRAME_STARTED;

	while (result != FRAME_NEED_MORE && !s->has_ended) {
		struct slice before = *input, data = { 0 };

		result = frame_next(&s->parser, input, &data);
		assert(input->len <= before.len);
		assert(input->data == before.data + (before.len - input->len));
		if (result == FRAME_NEED_MORE) {
			check_pending(s, before, *input);
			continue;
		}
		assert(result == FRAME_BAD || input->len < before.len);
		note_uint(s, (uint32_t)result);
		if (result == FRAME_DATA) {
			check_data(s, before, *input, data);
			note_uint(s, (uint32_t)data.len);
			buf_add(&s->said, data.data, data.len);
		}
		if (result == FRAME_BAD)
			check_bad(s, input);
	}
}

/* A buffer of exact size for each read, so that the sanitizer sees a look past what has come. */
static void story_feed_chunk(struct story *s, struct slice *pending, struct slice chunk)
{
	size_t len = pending->len + chunk.len;
	uint8_t *bytes = malloc(len ? len : 1), *rest;
	struct slice input = slice_of(bytes, len);

	if (pending->len)
		memcpy(bytes, pending->data, pending->len);
	if (chunk.len)
		memcpy(bytes + pending->len, chunk.data, chunk.len);
	free((void *)pending->data);
	story_feed(s, &input);
	rest = malloc(input.len ? input.len : 1);
	memcpy(rest, input.data, input.len);
	*pending = slice_of(rest, input.len);
	free(bytes);
}

static void feed_chunks(struct story *s, struct slice sizes, struct slice stream)
{
	struct slice pending = { 0 };
	size_t i = 0;

	while (stream.len && !s->has_ended) {
		size_t n = sizes.len ? sizes.data[i++ % sizes.len] + 1U : 1;

		if (n > stream.len)
			n = stream.len;
		story_feed_chunk(s, &pending, slice_of(stream.data, n));
		stream = slice_of(stream.data + n, stream.len - n);
	}
	free((void *)pending.data);
}

/* What our writer writes, our reader reads. */
static void check_round_trip(struct slice payload)
{
	struct frame_parser p;
	struct slice input, data;
	struct buf stream;

	buf_init(&stream, OUTPUT_MAX);
	frame_write_ready(&stream);
	frame_write_start(&stream);
	frame_write_data(payload, &stream);
	frame_write_stop(&stream);
	assert(!stream.failed);
	input = buf_slice(&stream);
	frame_parser_init(&p, (uint32_t)payload.len);
	assert(frame_next(&p, &input, &data) == FRAME_SEND_ACCEPT);
	assert(frame_next(&p, &input, &data) == FRAME_STARTED);
	assert(frame_next(&p, &input, &data) == FRAME_DATA && slice_eq(data, payload));
	assert(frame_next(&p, &input, &data) == FRAME_STOPPED);
	assert(input.len == 0 && p.bidirectional);
	buf_release(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t limits[] = { 1, 16, 64, 512, FRAME_DATA_MAX_DEFAULT, UINT32_MAX };
	struct cursor c = cursor_of(slice_of(data, size));
	uint32_t limit = limits[cursor_u8(&c) % (sizeof(limits) / sizeof(*limits))];
	struct slice sizes = cursor_bytes(&c, cursor_u8(&c)), stream = cursor_bytes(&c, cursor_left(&c));
	struct slice input = stream;
	struct story whole, cut;

	if (c.failed || stream.len > OUTPUT_MAX / 8)
		return 0;
	story_begin(&whole, limit);
	story_begin(&cut, limit);
	story_feed(&whole, &input);
	feed_chunks(&cut, sizes, stream);
	assert(!whole.said.failed && slice_eq(buf_slice(&whole.said), buf_slice(&cut.said)));
	assert(whole.parser.state == cut.parser.state && whole.parser.bidirectional == cut.parser.bidirectional);
	if (stream.len)
		check_round_trip(stream);
	buf_release(&whole.said);
	buf_release(&cut.said);
	return 0;
}
