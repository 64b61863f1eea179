#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "frame_bytes.h"
#include "wire/frame.h"

static const struct {
	const char *name;
	void (*write)(struct buf *out);
	struct slice bytes;
} writers[] = {
#define WRITES(name, write, ...)                                                                   \
	{                                                                                          \
		name, write,                                                                       \
		{                                                                                  \
			(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) \
		}                                                                                  \
	}
	WRITES("ACCEPT", frame_write_accept, CONTROL(34, 1), OURS),
	WRITES("FINISH", frame_write_finish, CONTROL(4, 5)),
	WRITES("READY", frame_write_ready, READY),
	WRITES("START", frame_write_start, START),
	WRITES("STOP", frame_write_stop, STOP),
};

static void test_frame__writers(void **state)
{
	struct buf out;

	(void)state;
	for (size_t i = 0; i < COUNT(writers); i++) {
		print_message("%s\n", writers[i].name);
		buf_init(&out, 256);
		buf_add_byte(&out, 'x');
		writers[i].write(&out);
		assert_false(out.failed);
		assert_int_equal(out.len, 1 + writers[i].bytes.len);
		assert_memory_equal(out.data + 1, writers[i].bytes.data, writers[i].bytes.len);
		buf_release(&out);

		buf_init(&out, writers[i].bytes.len - 1);
		writers[i].write(&out);
		assert_true(out.failed);
		buf_release(&out);
	}
}

static void test_frame__round_trip(void **state)
{
	static const size_t lengths[] = { 1, 2, 255, 256, 65535, 65536, FRAME_DATA_MAX_DEFAULT };
	static uint8_t payload[FRAME_DATA_MAX_DEFAULT];
	struct slice input, data;
	struct frame_parser p;
	struct buf out;

	(void)state;
	memset(payload, 0xa5, sizeof(payload));
	buf_init(&out, 1 << 20);
	frame_write_ready(&out);
	frame_write_start(&out);
	for (size_t i = 0; i < COUNT(lengths); i++)
		frame_write_data(slice_of(payload, lengths[i]), &out);
	frame_write_stop(&out);
	assert_false(out.failed);
	input = buf_slice(&out);
	frame_parser_init(&p, FRAME_DATA_MAX_DEFAULT);
	assert_int_equal(frame_next(&p, &input, &data), FRAME_SEND_ACCEPT);
	assert_int_equal(frame_next(&p, &input, &data), FRAME_STARTED);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		assert_int_equal(frame_next(&p, &input, &data), FRAME_DATA);
		assert_true(slice_eq(data, slice_of(payload, lengths[i])));
	}
	assert_int_equal(frame_next(&p, &input, &data), FRAME_STOPPED);
	assert_int_equal(input.len, 0);
	assert_true(p.bidirectional);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame__writers),
		cmocka_unit_test(test_frame__round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
