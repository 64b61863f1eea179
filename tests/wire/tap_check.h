/*
 * tap_check - decoding with the checks that hold for every frame, and a decoded frame in words. For the tests of tap.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tap_builder.h"
#include "tap_frames.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { FRAME_MAX = 4 << 20 };

static struct arena arena;

static inline int tap_check_setup(void **state)
{
	(void)state;
	return arena_init(&arena, TAP_ARENA_SIZE);
}

static inline int tap_check_teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static inline void assert_in_arena(const struct arena *a, struct slice s)
{
	if (s.len)
		assert_true(s.data >= a->block && s.len <= a->used && s.data + s.len <= a->block + a->used);
}

/* What holds for everything that was decoded. */
static inline void assert_sane(const struct arena *a, const struct tap *t)
{
	assert_in_arena(a, t->identity);
	assert_in_arena(a, t->version);
	assert_in_arena(a, t->extra);
	assert_in_arena(a, t->query_message);
	assert_in_arena(a, t->response_message);
	assert_true(t->query.len == 0 || t->query.len == 4 || t->query.len == 16);
	assert_true(t->response.len == 0 || t->response.len == 4 || t->response.len == 16);
	assert_in_range(t->protocol, 0, 7);
	assert_in_range(t->query_ns, 0, INT64_MAX);
	assert_in_range(t->response_ns, 0, INT64_MAX);
}

/* From memory of exact size, which is gone before the result is looked at. */
static inline enum tap_error decode(struct slice frame, struct tap *out)
{
	uint8_t *copy = malloc(frame.len ? frame.len : 1);
	enum tap_error error;

	if (frame.len)
		memcpy(copy, frame.data, frame.len);
	error = tap_decode(slice_of(copy, frame.len), &arena, out);
	free(copy);
	assert_true(arena.used <= arena.size);
	if (error == TAP_OK)
		assert_sane(&arena, out);
	return error;
}

static inline enum tap_error decode_spec(const struct tap_spec *spec, struct tap *out)
{
	enum tap_error error;
	struct buf frame;

	buf_init(&frame, FRAME_MAX);
	tap_build(spec, &frame);
	assert_false(frame.failed);
	error = decode(buf_slice(&frame), out);
	buf_release(&frame);
	return error;
}

static inline void describe_text(const char *name, struct slice s, struct buf *out)
{
	if (s.len)
		buf_addf(out, " %s=%.*s", name, (int)s.len, (const char *)s.data);
}

static inline void describe_address(const char *name, const struct addr *a, bool has_address, struct buf *out)
{
	if (!has_address && !a->port)
		return;
	buf_addf(out, " %s=", name);
	addr_print_port(a, out);
}

/* All of it in words; messages by their length. */
static inline void describe(const struct tap *t, struct buf *out)
{
	buf_addf(out, "type=%u protocol=%u", t->type, t->protocol);
	describe_text("identity", t->identity, out);
	describe_text("version", t->version, out);
	describe_text("extra", t->extra, out);
	describe_address("query", &t->query, t->has_query_address, out);
	describe_address("response", &t->response, t->has_response_address, out);
	if (t->has_query_port && !t->query.port)
		buf_add_lit(out, " query_port=0");
	if (t->query_ns)
		buf_addf(out, " query_ns=%llu", (unsigned long long)t->query_ns);
	if (t->response_ns)
		buf_addf(out, " response_ns=%llu", (unsigned long long)t->response_ns);
	if (t->query_message.len)
		buf_addf(out, " query_message=%zu", t->query_message.len);
	if (t->response_message.len)
		buf_addf(out, " response_message=%zu", t->response_message.len);
	if (t->has_foreign_fields)
		buf_add_lit(out, " foreign");
	buf_add_byte(out, 0);
	assert_false(out->failed);
}

static inline void assert_described(const struct tap *t, const char *text)
{
	struct buf out;

	buf_init(&out, 65536);
	describe(t, &out);
	assert_string_equal(out.data, text);
	buf_release(&out);
}

/* Real frames, and what they say. */
static const struct tap_sample {
	const char *name;
	struct slice frame;
	const char *text;
} tap_samples[] = {
#define SAMPLE(frame, text)                            \
	{                                              \
#frame, { frame, sizeof(frame) }, text \
	}
	SAMPLE(cq_1_14_7, "type=5 protocol=1 identity=vm version=CoreDNS-1.14.7 query=10.53.1.2:37693 "
			  "query_ns=1795416016066753433 query_message=24"),
	SAMPLE(cr_1_14_7, "type=6 protocol=1 identity=vm version=CoreDNS-1.14.7 query=10.53.1.2:39839 "
			  "query_ns=1795414360057810554 response_ns=1795414360058819274 response_message=29"),
	SAMPLE(fq_no_route_1_14_7, "type=7 protocol=1 identity=vm version=CoreDNS-1.14.7 response=10.53.3.1:53 "
				   "query_ns=1795415984698571756 query_message=24"),
	SAMPLE(fr_tcp_1_15_0, "type=8 protocol=2 identity=vm version=CoreDNS-1.15.0 query=10.53.2.1:53538 "
			      "response=10.53.2.2:53 query_ns=1795414434203043510 response_ns=1795414434203339280 "
			      "response_message=33"),
	SAMPLE(cq_ipv6_1_15_0, "type=5 protocol=1 identity=vm version=CoreDNS-1.15.0 query=[fd53:1::2]:50626 "
			       "query_ns=1795414440043397809 query_message=25"),
	SAMPLE(fr_mapped_bare_1_11_3, "type=8 protocol=1 identity=vm version=CoreDNS-1.11.3 query=10.53.1.2:35578 "
				      "response=10.53.2.2:53 query_ns=1795416286249529754 "
				      "response_ns=1795416286250021545"),
	SAMPLE(fq_refresh_1_14_4, "type=7 protocol=2 identity=vm version=CoreDNS-1.14.4 response=10.53.2.2:53 "
				  "query_port=0 query_ns=1795416231633394447 query_message=31"),
	SAMPLE(cr_extra_bare_1_14_7, "type=6 protocol=1 identity=vm version=CoreDNS-1.14.7 "
				     "extra=10.53.1.2 37132 7645 A c4.delay-380.lab. query=10.53.1.2:37132 "
				     "query_ns=1795414378438802373 response_ns=1795414378820781400"),
	SAMPLE(cr_bare_1_8_6, "type=6 protocol=1 query=10.53.1.2:40399 query_ns=1795416083837144406 "
			      "response_ns=1795416083837455538"),
};
