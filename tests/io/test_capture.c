/* Capture files: both byte orders, both precisions, damaged ones, and a link layer that is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/capture.h"

#define PACKET                                                                                                         \
	"\x45\x00\x00\x1f\x00\x00\x00\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x00\x35\x00\x0b\x00" \
	"\x00"                                                                                                         \
	"abc"

struct file {
	char path[64];
	FILE *f;
	bool is_swapped;
};

static void put32(struct file *file, uint32_t n)
{
	uint8_t b[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

	if (file->is_swapped)
		for (int i = 3; i >= 0; i--)
			fputc(b[i], file->f);
	else
		fwrite(b, 1, 4, file->f);
}

static void put16(struct file *file, uint16_t n)
{
	fputc(file->is_swapped ? n >> 8 : n & 255, file->f);
	fputc(file->is_swapped ? n & 255 : n >> 8, file->f);
}

static void begin(struct file *file, uint32_t magic, uint32_t link, bool is_swapped)
{
	snprintf(file->path, sizeof(file->path), "/tmp/test_capture_%d", (int)getpid());
	file->f = fopen(file->path, "wb");
	file->is_swapped = is_swapped;
	assert_non_null(file->f);
	put32(file, magic);
	put16(file, 2);
	put16(file, 4);
	put32(file, 0);
	put32(file, 0);
	put32(file, 262144);
	put32(file, link);
}

static void add(struct file *file, uint32_t fraction, const char *bytes, uint32_t len, uint32_t captured)
{
	put32(file, 1795411440);
	put32(file, fraction);
	put32(file, captured);
	put32(file, len);
	fwrite(bytes, 1, captured, file->f);
}

static struct capture *finish(struct file *file)
{
	const char *why;
	struct capture *c;

	fclose(file->f);
	c = capture_open(file->path, &why);
	unlink(file->path);
	if (!c)
		print_message("%s\n", why);
	return c;
}

static void check_packets(uint32_t magic, uint32_t fraction, bool is_swapped)
{
	struct file file;
	struct capture *c;
	struct packet p;

	begin(&file, magic, PACKET_LINK_RAW, is_swapped);
	add(&file, fraction, PACKET, sizeof(PACKET) - 1, sizeof(PACKET) - 1);
	add(&file, fraction, "\x55", 1, 1);
	add(&file, fraction, PACKET, sizeof(PACKET) - 1, 29);
	c = finish(&file);
	assert_non_null(c);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.time_ns, 1795411440123456000ULL);
	assert_true(p.payload_len == 3 && slice_eq(p.payload, slice_from_str("abc")));
	assert_int_equal(capture_next(c, &p), 1);
	assert_true(p.payload_len == 3 && p.payload.len == 1);
	assert_int_equal(capture_next(c, &p), 0);
	assert_int_equal(capture_stats(c)->nr_packets, 3);
	assert_int_equal(capture_stats(c)->nr_other, 1);
	assert_int_equal(capture_stats(c)->nr_cut, 1);
	capture_close(c);
}

static void test_forms(void **state)
{
	(void)state;
	check_packets(0xa1b2c3d4, 123456, false);
	check_packets(0xa1b2c3d4, 123456, true);
	check_packets(0xa1b23c4d, 123456000, false);
	check_packets(0xa1b23c4d, 123456000, true);
}

static void test_cut_off(void **state)
{
	struct file file;
	struct capture *c;
	struct packet p;

	(void)state;
	begin(&file, 0xa1b2c3d4, PACKET_LINK_RAW, false);
	add(&file, 1, PACKET, sizeof(PACKET) - 1, sizeof(PACKET) - 1);
	put32(&file, 1795411440);
	c = finish(&file);
	assert_non_null(c);
	assert_int_equal(capture_next(c, &p), 1);
	assert_true(capture_next(c, &p) < 0);
	assert_true(strlen(capture_error(c)) > 0);
	capture_close(c);
}

static void test_refused(void **state)
{
	const char *why = NULL;
	struct file file;

	(void)state;
	begin(&file, 0xa1b2c3d4, 105, false);
	assert_null(finish(&file));
	begin(&file, 0x12345678, PACKET_LINK_RAW, false);
	assert_null(finish(&file));
	assert_null(capture_open("/nonexistent", &why));
	assert_non_null(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
