/* The summary of many sessions, as it is printed. */
#include "scenario.h"
#include "session/summary.h"

static void add_to_summary(void *arg, const struct session *s, const struct verdict *v)
{
	summary_add(arg, s, v);
}

/* All the sessions of the scenario in one summary, printed. */
static void summarize(const struct scenario *scenario, struct buf *out)
{
	struct engine_limits limits = engine_limits_default();
	struct summary *sum = summary_new();
	struct engine_callbacks callbacks = { .on_session = add_to_summary, .arg = sum };
	struct run run = { .scenario = scenario };

	assert_non_null(sum);
	run.engine = engine_new(&limits, &callbacks);
	for (unsigned i = 0; i < SCENARIO_STEPS; i++)
		run_step(&run, &scenario->steps[i]);
	for (unsigned i = 0; i < SCENARIO_STREAMS; i++)
		run_close(&run, i, 0);
	engine_drain(run.engine);
	buf_init(out, 1 << 16);
	summary_print(sum, run.engine, out);
	assert_false(out->failed);
	engine_free(run.engine);
	summary_free(sum);
}

static void check(const struct scenario *scenario, const char *expected)
{
	struct buf out;
	bool is_equal;

	summarize(scenario, &out);
	is_equal = slice_eq(buf_slice(&out), slice_from_str(expected));
	if (!is_equal)
		print_error("--- expected\n%s--- got\n%.*s", expected, (int)out.len, (const char *)out.data);
	buf_release(&out);
	assert_true(is_equal);
}

static void test_nothing(void **state)
{
	static const struct scenario nothing = { .name = "nothing" };

	(void)state;
	check(&nothing, "0 sessions\n"
			"\nStatus\n"
			"\nCause\n"
			"\nBitMap\n"
			"\nRcode of the response to the client\n"
			"\nLatency (ms)\n"
			"\ndnstap loss by server\n"
			"\nFrames\n"
			"  received 0 = joined 0 + late 0 + duplicate 0 + foreign 0 + malformed 0\n");
}

/* One of each Status; a retransmission; an attempt that timed out, one that was answered. */
static const struct scenario mixed = {
	.steps = { CQ(0), CR(0, 2), CQ(100), FQ(101), FQ(101, .upstream = "10.0.0.54:53"),
		   FR(101, 109, .upstream = "10.0.0.54:53"), CR(100, 110), CQ(200, .id = 2, .client = "10.0.0.2:1"),
		   CR(200, 204, .id = 2, .client = "10.0.0.2:1", .rcode = 2), CR(300, 301, .id = 3), CQ(400, .id = 4),
		   FQ(401, .id = 4, .name = "b.test."), CR(0, 405), CQ(402, .id = 5, .type = 1, .identity = "x") },
};

static void test_mixed(void **state)
{
	(void)state;
	check(&mixed, "5 sessions, 2026-11-23T05:24:00.000000000Z to 2026-11-23T05:24:00.400000000Z\n"
		      "\nStatus\n"
		      "  Succeeded                         2   40.00 %\n"
		      "  Failed                            1   20.00 %\n"
		      "  SampleLoss                        2   40.00 %\n"
		      "\nCause\n"
		      "  local_answer                      1   20.00 %\n"
		      "  upstream_answer                   1   20.00 %\n"
		      "  server_error                      1   20.00 %\n"
		      "  dnstap_lost                       1   20.00 %\n"
		      "  stream_ended                      1   20.00 %\n"
		      "\nBitMap\n"
		      "   2 \xc2\xb7\xc2\xb7"
		      "CR\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7                       1   20.00 %\n"
		      "   3 CQCR\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7                       2   40.00 %\n"
		      "   5 CQ\xc2\xb7\xc2\xb7"
		      "FQ\xc2\xb7\xc2\xb7                       1   20.00 %\n"
		      "  15 CQCRFQFR                       1   20.00 %\n"
		      "\nRcode of the response to the client\n"
		      "  NOERROR                           3   60.00 %\n"
		      "  SERVFAIL                          1   20.00 %\n"
		      "  none recorded                     1   20.00 %\n"
		      "\nRemarks\n"
		      "  Retransmit                        1   20.00 %\n"
		      "  Linked approximate                1   20.00 %\n"
		      "\nLatency (ms)\n"
		      "  query to response       p50 2.048  p90 10.000  p99 10.000  p99.9 10.000  max 10.000\n"
		      "  upstream                p50 8.000  p90 8.000  p99 8.000  p99.9 8.000  max 8.000\n"
		      "\nNames that fail most\n"
		      "     count   failed      mean ms       max ms\n"
		      "         5        1        4.250       10.000  a.test. A\n"
		      "\nSlowest names\n"
		      "     count   failed      mean ms       max ms\n"
		      "         5        1        4.250       10.000  a.test. A\n"
		      "\nClients that see most failures\n"
		      "     count   failed      mean ms       max ms\n"
		      "         1        1        4.000        4.000  10.0.0.2\n"
		      "\nSlowest clients\n"
		      "     count   failed      mean ms       max ms\n"
		      "         4        0        4.333       10.000  10.0.0.1\n"
		      "         1        1        4.000        4.000  10.0.0.2\n"
		      "\nUpstreams that fail most (attempts)\n"
		      "     count   failed      mean ms       max ms\n"
		      "         2        2            -            -  10.0.0.53:53\n"
		      "\nSlowest upstreams (attempts)\n"
		      "     count   failed      mean ms       max ms\n"
		      "         1        0        8.000        8.000  10.0.0.54:53\n"
		      "\ndnstap loss by server\n"
		      "  coredns-1  received 13, proven lost 1 of 14:  7.14 %  CLIENT_QUERY 1\n"
		      "\nFrames\n"
		      "  received 14 = joined 12 + late 1 + duplicate 0 + foreign 1 + malformed 0\n");
}

/* Identities come from strangers. */
static void test_hostile_identity(void **state)
{
	static const struct scenario hostile = {
		.steps = { CQ(0, .identity = "a b\x1b[31m\n"), CR(0, 2, .identity = "a b\x1b[31m\n") },
	};
	struct buf out;

	(void)state;
	summarize(&hostile, &out);
	assert_non_null(memmem(out.data, out.len, "  a?b?[31m?  received 2, proven lost 0 of 2:  0.00 %\n", 52));
	assert_null(memchr(out.data, 0x1b, out.len));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_hostile_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
