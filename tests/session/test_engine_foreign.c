/* Streams of other servers than CoreDNS, of CoreDNS before 1.8.2, and frames that are none. */
#include "scenario.h"

#define C1 "10.0.0.1:1000"
#define WHO C1 " 1 a.test."
#define FULL "Succeeded 15 upstream_answer " WHO " NOERROR 53=NOERROR"

static const struct scenario foreign[] = {
	{ .name = "a type outside 5 to 8",
	  .steps = { CQ(0, .type = 1), CQ(1), CR(1, 2) },
	  .counts = "foreign=3 foreign_streams=1" },
	{ .name = "the types next to CoreDNS's",
	  .steps = { CQ(0, .type = 4), CQ(1, .type = 9, .identity = "coredns-2"), CQ(2, .type = 14, .identity = "c") },
	  .counts = "foreign=3 foreign_streams=3" },
	{ .name = "a CQ with response_address",
	  .steps = { CQ(0, .asked = "10.0.0.10:53"), CQ(1), CR(1, 2) },
	  .counts = "foreign=3 foreign_streams=1" },
	{ .name = "a CR with response_address",
	  .steps = { CR(0, 1, .asked = "10.0.0.10:53") },
	  .counts = "foreign=1 foreign_streams=1" },
	{ .name = "query_zone", .steps = { FQ(0, .zone = "test.") }, .counts = "foreign=1 foreign_streams=1" },
	{ .name = "sessions opened before are discarded",
	  .steps = { CQ(0), FQ(1), FR(1, 5), FQ(6, .id = 2), CQ(7, .type = 3), CR(0, 8) },
	  .counts = "foreign=6 foreign_streams=1" },
	{ .name = "sessions closed before have been told",
	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6), CQ(7), CQ(8, .type = 1), CR(7, 9) },
	  .sessions = { "@0 " FULL },
	  .counts = "foreign=3 foreign_streams=1" },
	{ .name = "a stranger does not spoil another server's frames in the same stream",
	  .steps = { CQ(0), FQ(1), CQ(2, .identity = "other"), CQ(3, .type = 1, .identity = "other"), FR(1, 5),
		     CR(0, 6) },
	  .sessions = { "@0 " FULL },
	  .counts = "foreign=2 foreign_streams=1" },
	{ .name = "a stranger does not spoil another stream of the name it uses",
	  .is_live = true,
	  .steps = { CQ(0), FQ(1), CQ(2, .on = 1, .id = 2), CQ(3, .on = 1, .type = 1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 " FULL },
	  .counts = "foreign=2 foreign_streams=1" },
	/* Measured on other servers (tests/foreign): no release from 1.8.0 on leaves the time out. */
	{ .name = "a CR without query_time",
	  .steps = { CQ(0), CR(0, 1, .is_untimed = true) },
	  .counts = "foreign=2 foreign_streams=1" },
	{ .name = "an FR without query_time",
	  .steps = { CQ(0), FR(0, 1, .is_untimed = true) },
	  .counts = "foreign=2 foreign_streams=1" },
};

/* FQ before CQ: BitMap still right, no loss concluded. Told by the addresses of FQ and FR. */
static const struct scenario before_1_8_2[] = {
	{ .name = "1.8.1: FQ, FR, CQ, CR",
	  .style = V1_8_1,
	  .steps = { FQ(1), FR(1, 5), CQ(0), CR(0, 6) },
	  .sessions = { "@0 " FULL },
	  .counts = "old_streams=1" },
	/* There the CQ has the time of the response. */
	{ .name = "1.7.1: FQ, FR, CQ, CR",
	  .style = V1_7_1,
	  .steps = { FQ(1), FR(1, 5), CQ(6), CR(0, 6) },
	  .sessions = { "@6 " FULL },
	  .counts = "old_streams=1" },
	{ .name = "1.8.1: two clients with one id",
	  .style = V1_8_1,
	  .steps = { FQ(1), FR(1, 5), CQ(0), CR(0, 6), FQ(7, .client = "10.0.0.2:1"),
		     FR(7, 9, .client = "10.0.0.2:1", .rcode = 3), CQ(6, .client = "10.0.0.2:1"),
		     CR(6, 10, .client = "10.0.0.2:1", .rcode = 3) },
	  .sessions = { "@0 " FULL, "@6 Succeeded 15 upstream_answer 10.0.0.2:1 1 a.test. NXDOMAIN 53=NXDOMAIN" },
	  .counts = "old_streams=1" },
	{ .name = "1.7.1: two queries at a time",
	  .style = V1_7_1,
	  .steps = { FQ(1), FQ(2, .id = 2, .name = "b.test."), FR(2, 4, .id = 2, .name = "b.test."), FR(1, 5),
		     CQ(6, .id = 2, .name = "b.test."), CR(0, 6, .id = 2, .name = "b.test."), CQ(7), CR(0, 7) },
	  .sessions = { "@6 Succeeded 15 upstream_answer " C1 " 2 b.test. NOERROR 53=NOERROR", "@7 " FULL },
	  .counts = "old_streams=1" },
	{ .name = "1.7.1: an FR is its upstream's and its id's, a CR its client's",
	  .style = V1_7_1,
	  .steps = { FQ(1), FQ(2, .upstream = "10.0.0.54:53"), FR(1, 5), FQ(3, .id = 2), CQ(6),
		     CQ(7, .client = "10.0.0.2:1"), CR(0, 6), CR(0, 7, .client = "10.0.0.2:1") },
	  .sessions = { "@6 Succeeded 15 upstream_answer " WHO " NOERROR 53=NOERROR 54=-",
			"@7 Succeeded 3 local_answer 10.0.0.2:1 1 a.test. NOERROR",
			"@3 Failed 4 upstream_timeout - 2 a.test. - 53=-" },
	  .counts = "old_streams=1" },
	{ .name = "1.8.1: a session made of several groups is discarded whole",
	  .style = V1_8_1,
	  .steps = { FQ(1, .name = "b.test."), FQ(2), FR(2, 5), CQ(0), CQ(6, .type = 1) },
	  .counts = "foreign=5 foreign_streams=1 old_streams=1" },
	{ .name = "1.8.1: from the cache",
	  .style = V1_8_1,
	  .steps = { FQ(1), FR(1, 5), CQ(0), CR(0, 6), CQ(10, .id = 2), CR(10, 11, .id = 2) },
	  .sessions = { "@0 " FULL, "@10 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" },
	  .counts = "old_streams=1" },
	{ .name = "1.7.1: from the cache",
	  .style = V1_7_1,
	  .steps = { FQ(1), FR(1, 5), CQ(6), CR(0, 6), CQ(10, .id = 2), CR(0, 10, .id = 2) },
	  .sessions = { "@6 " FULL, "@10 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" },
	  .counts = "old_streams=1" },
	{ .name = "1.7.1: nothing but the cache",
	  .style = V1_7_1,
	  .steps = { CQ(6), CR(0, 6), CQ(10, .id = 2), CR(0, 10, .id = 2) },
	  .sessions = { "@6 Succeeded 3 local_answer " WHO " NOERROR",
			"@10 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" },
	  .counts = "old_streams=1" },
	/* No CQ, as nothing was answered: normal there. */
	{ .name = "1.8.1: without an answer, during the stream and at its end",
	  .style = V1_8_1,
	  .steps = { FQ(1), FR(1, 5), CQ(0), CR(0, 6), FQ(10, .id = 2), FQ(11, .id = 3), FR(11, 12, .id = 3),
		     PASS(20020), FQ(30000, .id = 4), FR(30000, 30001, .id = 4) },
	  .sessions = { "@0 " FULL, "@10 Failed 4 upstream_timeout - 2 a.test. - 53=-",
			"@11 SampleLoss 12 response_not_recorded - 3 a.test. - 53=NOERROR",
			"@30000 SampleLoss 12 response_not_recorded - 4 a.test. - 53=NOERROR" },
	  .counts = "old_streams=1" },
	{ .name = "1.8.1: a CR alone, an FR alone",
	  .style = V1_8_1,
	  .steps = { FQ(1), FR(1, 5), CQ(0), CR(0, 6), CR(10, 11, .id = 2), FR(12, 13, .id = 3, .rcode = 2),
		     PASS(20020) },
	  .sessions = { "@0 " FULL, "@10 Succeeded 2 local_answer " C1 " 2 a.test. NOERROR",
			"@12 Failed 8 upstream_error - 3 a.test. - !53=SERVFAIL" },
	  .counts = "old_streams=1" },
	{ .name = "1.8.6 is not old",
	  .style = V1_8_6,
	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 " FULL } },
	{ .name = "a dial that failed is not old",
	  .steps = { CQ(0), FQ(1, .address = ""), FQ(1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 Succeeded 15 upstream_answer " WHO " NOERROR 53=unsent 53=NOERROR" } },
};

static const struct scenario malformed[] = {
	{ .name = "no protobuf, no type, no message",
	  .steps = { RAW(""), RAW("\xff\xff"), RAW("\x0a\x01x"), RAW("\x78\x01"), CQ(0), CR(0, 6) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR" },
	  .counts = "bad_protobuf=3 no_message=1" },
	{ .name = "nanoseconds beyond a second",
	  .steps = { RAW("\x72\x09\x08\x05\x40\x01\x4d\xff\xff\xff\x7f\x78\x01") },
	  .counts = "bad_time=1" },
	{ .name = "a CQ and an FQ without query_time",
	  .steps = { CQ(0), CQ(1, .is_untimed = true), FQ(1, .is_untimed = true), CR(0, 6) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR" },
	  .counts = "no_time=2" },
};

SCENARIO_TEST(foreign)
SCENARIO_TEST(before_1_8_2)
SCENARIO_TEST(malformed)

/* More fields of an unknown kind than the arena holds. */
static void test_protobuf_bomb(void **state)
{
	static const struct scenario scenario = { .name = "bomb" };
	struct buf tail, frame;
	struct run run;

	(void)state;
	buf_init(&tail, 1 << 20);
	buf_init(&frame, 1 << 20);
	for (unsigned i = 0; i < 30000; i++)
		pb_add_uint(&tail, 200, 1);
	tap_build(&(struct tap_spec){ .type = 5, .query_ns = BASE_NS, .envelope_tail = buf_slice(&tail) }, &frame);
	run_begin(&run, &scenario);
	run_frame(&run, &scenario.steps[0], buf_slice(&frame));
	run_drain(&run);
	assert_false(run.accounts_fail);
	assert_true(slice_eq(buf_slice(&run.lines), slice_from_str("too_complex=1\n")));
	run_end(&run);
	buf_release(&frame);
	buf_release(&tail);
}

static void count_notice(void *arg, enum engine_notice notice, const struct source *source)
{
	unsigned *counts = arg;

	assert_non_null(source);
	counts[notice]++;
}

static void ignore_session(void *arg, const struct session *s, const struct verdict *v)
{
	(void)arg;
	(void)s;
	(void)v;
}

/* "one warning per stream", whatever follows. */
static void test_notices(void **state)
{
	static const struct scenario scenario = { .style = V1_8_1 };
	static const struct step steps[] = { FQ(1), FR(1, 5), FQ(6), CQ(7, .type = 1), CQ(8, .type = 1), FQ(9) };
	struct engine_limits limits = engine_limits_default();
	unsigned counts[2] = { 0 };
	struct engine_callbacks callbacks = { .on_session = ignore_session, .on_notice = count_notice, .arg = counts };
	struct engine *engine = engine_new(&limits, &callbacks);
	struct buf frame;

	(void)state;
	buf_init(&frame, 4096);
	for (unsigned i = 0; i < 2; i++) {
		struct stream *stream = engine_stream_new(engine, NULL, false);

		for (unsigned k = 0; k < COUNT(steps); k++) {
			buf_reset(&frame);
			build_frame(&scenario, &steps[k], &frame);
			engine_frame(engine, stream, buf_slice(&frame), 0);
		}
		engine_stream_end(engine, stream, 0);
	}
	assert_int_equal(counts[ENGINE_NOTICE_FOREIGN], 2);
	assert_int_equal(counts[ENGINE_NOTICE_OLD_RELEASE], 2);
	engine_free(engine);
	buf_release(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign),	  cmocka_unit_test(test_before_1_8_2),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_protobuf_bomb),
		cmocka_unit_test(test_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
