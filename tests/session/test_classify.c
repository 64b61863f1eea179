/* The contract's BitMap and Status tables (sections 2 and 3), row by row. */
#include "scenario.h"

#define WHO "10.0.0.1:1000 1 a.test."

/* Every BitMap, on a stream that had begun before, over UDP; CoreDNS 1.14.7 with `full`. */
static const struct scenario bitmaps[] = {
	{ .name = "1",
	  .steps = { PASS(-1000), CQ(0), PASS(10001) },
	  .sessions = { "@0 Failed 1 no_response " WHO " -" } },
	{ .name = "2",
	  .steps = { PASS(-1000), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 2 dnstap_lost " WHO " NOERROR lost=CQ" } },
	{ .name = "3",
	  .steps = { PASS(-1000), CQ(0), CR(0, 6) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "4",
	  .steps = { PASS(-1000), FQ(1), PASS(10002) },
	  .sessions = { "@1 SampleLoss 4 dnstap_lost - 1 a.test. - 53=- lost=CQ" } },
	{ .name = "5",
	  .steps = { PASS(-1000), CQ(0), FQ(1), PASS(10002) },
	  .sessions = { "@0 Failed 5 upstream_timeout " WHO " - 53=-" } },
	{ .name = "6, good answer of TTL > 0: the FR was lost as well",
	  .steps = { PASS(-1000), FQ(1), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 6 dnstap_lost " WHO " NOERROR 53=- lost=CQ,FR" } },
	{ .name = "6, stale answer",
	  .steps = { PASS(-1000), FQ(1), CR(0, 6, .ttl = ZERO) },
	  .sessions = { "@0 SampleLoss 6 dnstap_lost " WHO " NOERROR 53=- lost=CQ" } },
	{ .name = "7, good answer of TTL > 0",
	  .steps = { CQ(0), FQ(1), CR(0, 6, .ttl = 1) },
	  .sessions = { "@0 SampleLoss 7 dnstap_lost " WHO " NOERROR 53=- lost=FR" } },
	{ .name = "7, NXDOMAIN is a good answer",
	  .steps = { CQ(0), FQ(1), CR(0, 6, .rcode = 3, .ttl = 1) },
	  .sessions = { "@0 SampleLoss 7 dnstap_lost " WHO " NXDOMAIN 53=- lost=FR" } },
	/* keepttl, serve_stale with a TTL: a stale answer of TTL > 0 comes when the attempts have timed out (2 s each).
	 */
	{ .name = "7, TTL > 0, the attempt may have timed out",
	  .steps = { CQ(0), FQ(1), CR(0, 1981) },
	  .sessions = { "@0 Succeeded 7 stale_answer " WHO " NOERROR 53=-" } },
	{ .name = "7, TTL > 0, the attempt cannot have timed out",
	  .steps = { CQ(0), FQ(1), CR(0, 1980.999999) },
	  .sessions = { "@0 SampleLoss 7 dnstap_lost " WHO " NOERROR 53=- lost=FR" } },
	{ .name = "7, TTL > 0, two attempts may have timed out",
	  .steps = { CQ(0), FQ(1), FQ(1), CR(0, 3961) },
	  .sessions = { "@0 Succeeded 7 stale_answer " WHO " NOERROR 53=- 53=-" } },
	{ .name = "7, TTL > 0, two attempts cannot have timed out",
	  .steps = { CQ(0), FQ(1), FQ(1), CR(0, 3960.999999) },
	  .sessions = { "@0 SampleLoss 7 dnstap_lost " WHO " NOERROR 53=- 53=- lost=FR" } },
	{ .name = "7, TTL 0",
	  .steps = { CQ(0), FQ(1), CR(0, 6, .ttl = ZERO) },
	  .sessions = { "@0 Succeeded 7 stale_answer " WHO " NOERROR 53=-" } },
	{ .name = "7, no records",
	  .steps = { CQ(0), FQ(1), CR(0, 6, .is_empty = true) },
	  .sessions = { "@0 Succeeded 7 stale_answer " WHO " NOERROR 53=-" } },
	{ .name = "7, error",
	  .steps = { CQ(0), FQ(1), CR(0, 6, .rcode = 2, .ttl = 30) },
	  .sessions = { "@0 Failed 7 upstream_timeout " WHO " SERVFAIL 53=-" } },
	{ .name = "8",
	  .steps = { PASS(-1000), FR(1, 5), PASS(10006) },
	  .sessions = { "@1 SampleLoss 8 dnstap_lost - 1 a.test. - !53=NOERROR lost=CQ,FQ" } },
	{ .name = "9",
	  .steps = { CQ(0), FR(1, 5), PASS(10006) },
	  .sessions = { "@0 SampleLoss 9 dnstap_lost " WHO " - !53=NOERROR lost=FQ" } },
	{ .name = "10",
	  .steps = { PASS(-1000), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 10 dnstap_lost " WHO " NOERROR !53=NOERROR lost=CQ,FQ" } },
	{ .name = "11",
	  .steps = { CQ(0), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 11 dnstap_lost " WHO " NOERROR !53=NOERROR lost=FQ" } },
	{ .name = "12",
	  .steps = { PASS(-1000), FQ(1), FR(1, 5), PASS(10006) },
	  .sessions = { "@1 SampleLoss 12 dnstap_lost - 1 a.test. - 53=NOERROR lost=CQ" } },
	{ .name = "13",
	  .steps = { CQ(0), FQ(1), FR(1, 5), PASS(10006) },
	  .sessions = { "@0 SampleLoss 13 response_not_recorded " WHO " - 53=NOERROR" } },
	{ .name = "14",
	  .steps = { PASS(-1000), FQ(1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 14 dnstap_lost " WHO " NOERROR 53=NOERROR lost=CQ" } },
	{ .name = "15",
	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 Succeeded 15 upstream_answer " WHO " NOERROR 53=NOERROR" } },
	{ .name = "15, but one FR without its FQ",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .upstream = "10.0.0.54:53"), CR(0, 6) },
	  .sessions = { "@0 SampleLoss 15 dnstap_lost " WHO " NOERROR 53=- !54=NOERROR lost=FQ" } },
	{ .name = "15, but two FR for one FQ",
	  .steps = { CQ(0), FQ(1), FR(1, 5), FR(1, 6), CR(0, 7) },
	  .sessions = { "@0 SampleLoss 15 dnstap_lost " WHO " NOERROR 53=NOERROR !53=NOERROR lost=FQ" } },
};

static const struct scenario over_tcp[] = {
	{ .name = "4 over TCP",
	  .steps = { PASS(-1000), FQ(1, .tcp = true), PASS(10002) },
	  .sessions = { "@1 Failed 4 background_refresh - 1 a.test. - 53=-" } },
	{ .name = "8 over TCP: only the FQ is proven lost",
	  .steps = { PASS(-1000), FR(1, 5, .tcp = true), PASS(10006) },
	  .sessions = { "@1 SampleLoss 8 dnstap_lost - 1 a.test. - !53=NOERROR lost=FQ" } },
	{ .name = "12 over TCP",
	  .steps = { PASS(-1000), FQ(1, .tcp = true), FR(1, 5, .tcp = true), PASS(10006) },
	  .sessions = { "@1 Succeeded 12 background_refresh - 1 a.test. - 53=NOERROR" } },
	{ .name = "12 over TCP, NXDOMAIN",
	  .steps = { PASS(-1000), FQ(1, .tcp = true), FR(1, 5, .tcp = true, .rcode = 3), PASS(10006) },
	  .sessions = { "@1 Succeeded 12 background_refresh - 1 a.test. - 53=NXDOMAIN" } },
	{ .name = "12 over TCP, SERVFAIL",
	  .steps = { PASS(-1000), FQ(1, .tcp = true), FR(1, 5, .tcp = true, .rcode = 2), PASS(10006) },
	  .sessions = { "@1 Failed 12 background_refresh - 1 a.test. - 53=SERVFAIL" } },
	{ .name = "12 over TCP, client's address (1.13.1) is not printed",
	  .style = V1_13_1,
	  .steps = { PASS(-1000), FQ(1, .tcp = true), FR(1, 5, .tcp = true), PASS(10006) },
	  .sessions = { "@1 Succeeded 12 background_refresh - 1 a.test. - 53=NOERROR" } },
	{ .name = "12 over UDP, client's address (1.13.1) is printed",
	  .style = V1_13_1,
	  .steps = { PASS(-1000), FQ(1), FR(1, 5), PASS(10006) },
	  .sessions = { "@1 SampleLoss 12 dnstap_lost " WHO " - 53=NOERROR lost=CQ" } },
	{ .name = "13, last FR good, client on TCP",
	  .steps = { CQ(0, .tcp = true), FQ(1), FR(1, 5), PASS(10006) },
	  .sessions = { "@0 Failed 13 response_not_recorded 10.0.0.1:1000/TCP 1 a.test. - 53=NOERROR" } },
	{ .name = "15, client on TCP",
	  .steps = { CQ(0, .tcp = true), FQ(1), FR(1, 5), CR(0, 6, .tcp = true) },
	  .sessions = { "@0 Succeeded 15 upstream_answer 10.0.0.1:1000/TCP 1 a.test. NOERROR 53=NOERROR" } },
};

/* Rules 1, 5, 6 and 7: which cause. */
static const struct scenario causes[] = {
	{ .name = "error, an FR carried the same",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 2), FQ(1, .upstream = "10.0.0.54:53"),
		     FR(1, 6, .rcode = 5, .upstream = "10.0.0.54:53"), CR(0, 7, .rcode = 2) },
	  .sessions = { "@0 Failed 15 upstream_error " WHO " SERVFAIL 53=SERVFAIL 54=REFUSED" } },
	{ .name = "error, FR carried another",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 5), CR(0, 7, .rcode = 2) },
	  .sessions = { "@0 Failed 15 server_error " WHO " SERVFAIL 53=REFUSED" } },
	{ .name = "error, FR was good",
	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 7, .rcode = 1) },
	  .sessions = { "@0 Failed 15 server_error " WHO " FORMERR 53=NOERROR" } },
	{ .name = "error without attempts",
	  .steps = { CQ(0), CR(0, 7, .rcode = 5) },
	  .sessions = { "@0 Failed 3 server_error " WHO " REFUSED" } },
	{ .name = "error of twelve bits",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 16), CR(0, 7, .rcode = 16) },
	  .sessions = { "@0 Failed 15 upstream_error " WHO " BADVERS 53=BADVERS" } },
	{ .name = "error, unassigned",
	  .steps = { CQ(0), CR(0, 7, .rcode = 15) },
	  .sessions = { "@0 Failed 3 server_error " WHO " RCODE15" } },
	{ .name = "error, no attempt could be sent",
	  .steps = { CQ(0), FQ(1, .address = ""), FQ(1, .address = ""), CR(0, 7, .rcode = 2) },
	  .sessions = { "@0 Failed 7 upstream_unreachable " WHO " SERVFAIL 53=unsent 53=unsent" } },
	{ .name = "error, one attempt was sent",
	  .steps = { CQ(0), FQ(1, .address = ""), FQ(1), CR(0, 7, .rcode = 2) },
	  .sessions = { "@0 Failed 7 upstream_timeout " WHO " SERVFAIL 53=unsent 53=-" } },
	{ .name = "5, no attempt could be sent",
	  .steps = { CQ(0), FQ(1, .address = "", .tcp = true), FQ(1, .address = ""), PASS(10002) },
	  .sessions = { "@0 Failed 5 upstream_unreachable " WHO " - 53=unsent 53=unsent" } },
	{ .name = "5, one attempt was sent",
	  .steps = { CQ(0), FQ(1), FQ(1, .address = ""), PASS(10002) },
	  .sessions = { "@0 Failed 5 upstream_timeout " WHO " - 53=- 53=unsent" } },
	{ .name = "13, last FR with an error",
	  .steps = { CQ(0), FQ(1), FR(1, 5), FQ(1), FR(1, 6, .rcode = 2), PASS(10007) },
	  .sessions = { "@0 Failed 13 upstream_error " WHO " - 53=NOERROR 53=SERVFAIL" } },
	{ .name = "13, last FR with an error, client on TCP",
	  .steps = { CQ(0, .tcp = true), FQ(1), FR(1, 5, .rcode = 5), PASS(10006) },
	  .sessions = { "@0 Failed 13 upstream_error 10.0.0.1:1000/TCP 1 a.test. - 53=REFUSED" } },
	{ .name = "13, last FR good, one before with an error",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 2), FQ(1), FR(1, 6), PASS(10007) },
	  .sessions = { "@0 SampleLoss 13 response_not_recorded " WHO " - 53=SERVFAIL 53=NOERROR" } },
	{ .name = "NXDOMAIN of the cluster's own records",
	  .steps = { CQ(0), CR(0, 6, .rcode = 3) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NXDOMAIN" } },
	{ .name = "NXDOMAIN from upstream",
	  .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 3), CR(0, 6, .rcode = 3) },
	  .sessions = { "@0 Succeeded 15 upstream_answer " WHO " NXDOMAIN 53=NXDOMAIN" } },
	{ .name = "one attempt unanswered, the next answered",
	  .steps = { CQ(0), FQ(1), FQ(1, .upstream = "10.0.0.54:53"), FR(1, 5, .upstream = "10.0.0.54:53"), CR(0, 6) },
	  .sessions = { "@0 Succeeded 15 upstream_answer " WHO " NOERROR 53=- 54=NOERROR" } },
	{ .name = "1.15.0 taps its own errors: a dead upstream is 7",
	  .style = V1_15_0,
	  .steps = { CQ(0), FQ(1), FQ(1), CR(0, 4001, .rcode = 2) },
	  .sessions = { "@0 Failed 7 upstream_timeout " WHO " SERVFAIL 53=- 53=-" } },
	{ .name = "1.15.0: 3 with an error from the cache",
	  .style = V1_15_0,
	  .steps = { CQ(0), CR(0, 1, .rcode = 2) },
	  .sessions = { "@0 Failed 3 server_error " WHO " SERVFAIL" } },
};

/* A failure is never hidden behind SampleLoss; what is proven lost is said all the same. */
static const struct scenario failures_with_loss[] = {
	{ .name = "2 with an error",
	  .steps = { PASS(-1000), CR(0, 6, .rcode = 2) },
	  .sessions = { "@0 Failed 2 server_error " WHO " SERVFAIL lost=CQ" } },
	{ .name = "6 with an error",
	  .steps = { PASS(-1000), FQ(1), CR(0, 6, .rcode = 2) },
	  .sessions = { "@0 Failed 6 upstream_timeout " WHO " SERVFAIL 53=- lost=CQ" } },
	{ .name = "10 with an error",
	  .steps = { PASS(-1000), FR(1, 5, .rcode = 5), CR(0, 6, .rcode = 5) },
	  .sessions = { "@0 Failed 10 upstream_error " WHO " REFUSED !53=REFUSED lost=CQ,FQ" } },
	{ .name = "11 with an error",
	  .steps = { CQ(0), FR(1, 5, .rcode = 2), CR(0, 6, .rcode = 2) },
	  .sessions = { "@0 Failed 11 upstream_error " WHO " SERVFAIL !53=SERVFAIL lost=FQ" } },
	{ .name = "14 with an error",
	  .steps = { PASS(-1000), FQ(1), FR(1, 5), CR(0, 6, .rcode = 2) },
	  .sessions = { "@0 Failed 14 server_error " WHO " SERVFAIL 53=NOERROR lost=CQ" } },
};

/* Rule 2 comes behind 1 and before 3. */
static const struct scenario evictions[] = {
	{ .name = "a limit ended the session",
	  .sessions_max = 1,
	  .steps = { CQ(0), FQ(1), CQ(2, .id = 2), CR(2, 3, .id = 2) },
	  .sessions = { "@0 SampleLoss 5 analyser_overload " WHO " - 53=-",
			"@2 Succeeded 3 local_answer 10.0.0.1:1000 2 a.test. NOERROR" },
	  .counts = "evicted=1" },
	{ .name = "proven loss behind an eviction",
	  .sessions_max = 1,
	  .steps = { PASS(-1000), FQ(1), CQ(2, .id = 2), CR(2, 3, .id = 2) },
	  .sessions = { "@1 SampleLoss 4 analyser_overload - 1 a.test. - 53=- lost=CQ",
			"@2 Succeeded 3 local_answer 10.0.0.1:1000 2 a.test. NOERROR" },
	  .counts = "evicted=1" },
};

/* Without `full`: no rcode anywhere. */
static const struct scenario without_full[] = {
	{ .name = "3",
	  .is_bare = true,
	  .steps = { CQ(0), CR(0, 6) },
	  .sessions = { "@0 Succeeded 3 local_answer 10.0.0.1:1000 - - -" } },
	{ .name = "15",
	  .style = V1_13_1,
	  .is_bare = true,
	  .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6) },
	  .sessions = { "@0 Succeeded 15 upstream_answer 10.0.0.1:1000 - - - 53=? approximate" } },
	{ .name = "7 before 1.15.0",
	  .is_bare = true,
	  .steps = { CQ(0), FQ(1), CR(0, 6) },
	  .sessions = { "@0 Succeeded 7 stale_answer 10.0.0.1:1000 - - - 53=- approximate" } },
	{ .name = "7 from 1.15.0 on",
	  .style = V1_15_0,
	  .is_bare = true,
	  .steps = { CQ(0), FQ(1), CR(0, 6) },
	  .sessions = { "@0 Failed 7 upstream_timeout 10.0.0.1:1000 - - - 53=- approximate" } },
	{ .name = "7 of an unknown release",
	  .style = V_TEXT_SOCKET,
	  .is_bare = true,
	  .steps = { CQ(0), FQ(1), CR(0, 6) },
	  .sessions = { "@0 Succeeded 7 stale_answer 10.0.0.1:1000 - - - 53=- approximate" } },
	{ .name = "3 and 15 from 1.15.0 on",
	  .style = V1_15_0,
	  .is_bare = true,
	  .steps = { CQ(0), CR(0, 1), CQ(10), FQ(11), FR(11, 15), CR(10, 16) },
	  .sessions = { "@0 Succeeded 3 local_answer 10.0.0.1:1000 - - -",
			"@10 Succeeded 15 upstream_answer 10.0.0.1:1000 - - - 53=? approximate" } },
	{ .name = "13",
	  .style = V1_13_1,
	  .is_bare = true,
	  .steps = { CQ(0), FQ(1), FR(1, 5), PASS(10006) },
	  .sessions = { "@0 SampleLoss 13 response_not_recorded 10.0.0.1:1000 - - - 53=? approximate" } },
	{ .name = "12 over TCP",
	  .style = V1_13_1,
	  .is_bare = true,
	  .steps = { PASS(-1000), FQ(1, .tcp = true, .client = "10.0.0.2:1"),
		     FR(1, 5, .tcp = true, .client = "10.0.0.2:1"), PASS(10006) },
	  .sessions = { "@1 Succeeded 12 background_refresh - - - - 53=?" } },
};

/* What classify_rule() calls the rules. */
static const struct {
	const char *rule;
	struct scenario scenario;
} rules[] = {
	{ "error_response", { .steps = { CQ(0), CR(0, 6, .rcode = 2) } } },
	{ "evicted", { .sessions_max = 1, .steps = { CQ(0), PASS(1) } } },
	{ "proven_loss", { .steps = { CQ(0), FR(1, 5), CR(0, 6) } } },
	{ "stream_cut", { .steps = { CQ(0) } } },
	{ "unknown_response_after_timeout",
	  { .style = V1_15_0, .is_bare = true, .steps = { CQ(0), FQ(1), CR(0, 6) } } },
	{ "answered", { .steps = { CQ(0), CR(0, 6) } } },
	{ "background_refresh", { .steps = { FQ(1, .tcp = true), FR(1, 5, .tcp = true) } } },
	{ "upstream_silent", { .steps = { CQ(0), FQ(1), PASS(10002) } } },
	{ "upstream_failed", { .steps = { CQ(0), FQ(1), FR(1, 5, .rcode = 2), PASS(10006) } } },
	{ "response_not_recorded", { .steps = { CQ(0), FQ(1), FR(1, 5), PASS(10006) } } },
	{ "no_response", { .steps = { CQ(0), PASS(10001) } } },
};

static void on_first_session(void *arg, const struct session *s, const struct verdict *v)
{
	const char **rule = arg;
	struct verdict again = classify(s);

	assert_int_equal(again.status, v->status);
	assert_int_equal(again.cause, v->cause);
	assert_int_equal(again.lost, v->lost);
	if (!*rule && s->id != 65535)
		*rule = classify_rule(s);
}

static void test_rules(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(rules); i++) {
		struct engine_limits limits = engine_limits_default();
		struct run run = { .scenario = &rules[i].scenario };
		const char *rule = NULL;
		struct engine_callbacks callbacks = { .on_session = on_first_session, .arg = &rule };

		if (rules[i].scenario.sessions_max)
			limits.sessions_max = rules[i].scenario.sessions_max;
		run.engine = engine_new(&limits, &callbacks);
		for (unsigned k = 0; k < SCENARIO_STEPS; k++)
			run_step(&run, &rules[i].scenario.steps[k]);
		run_close(&run, 0, 0);
		engine_drain(run.engine);
		assert_non_null(rule);
		assert_string_equal(rule, rules[i].rule);
		engine_free(run.engine);
	}
}

SCENARIO_TEST(bitmaps)
SCENARIO_TEST(over_tcp)
SCENARIO_TEST(causes)
SCENARIO_TEST(failures_with_loss)
SCENARIO_TEST(evictions)
SCENARIO_TEST(without_full)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitmaps),	  cmocka_unit_test(test_over_tcp),
		cmocka_unit_test(test_causes),	  cmocka_unit_test(test_failures_with_loss),
		cmocka_unit_test(test_evictions), cmocka_unit_test(test_without_full),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
