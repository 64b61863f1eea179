/* What is full: sessions, memory, closed sessions, servers, attempts. Each limit has its policy and its counter. */
#include "scenario.h"
#include "session/join.h"

#define C1 "10.0.0.1:1000"
#define WHO C1 " 1 a.test."
#define LOCAL "@0 Succeeded 3 local_answer " WHO " NOERROR"

static const struct scenario sessions[] = {
	{ .name = "the one without a message for longest goes",
	  .sessions_max = 2,
	  .steps = { CQ(0), CQ(1, .id = 2), FQ(2), CQ(3, .id = 3), CR(3, 4, .id = 3), CR(0, 5, .rcode = 2) },
	  .sessions = { "@1 SampleLoss 1 analyser_overload " C1 " 2 a.test. -",
			"@3 Succeeded 3 local_answer " C1 " 3 a.test. NOERROR",
			"@0 Failed 7 upstream_timeout " WHO " SERVFAIL 53=-" },
	  .counts = "evicted=1" },
	{ .name = "for FQ and CR without CQ as well",
	  .sessions_max = 1,
	  .steps = { PASS(-1), CQ(0), FQ(1, .id = 2, .tcp = true), CR(2, 3, .id = 3) },
	  .sessions = { "@0 SampleLoss 1 analyser_overload " WHO " -",
			"@1 SampleLoss 4 analyser_overload - 2 a.test. - 53=-",
			"@2 SampleLoss 2 dnstap_lost " C1 " 3 a.test. NOERROR lost=CQ" },
	  .counts = "evicted=2" },
	{ .name = "of all streams and servers",
	  .sessions_max = 1,
	  .is_live = true,
	  .steps = { CQ(0), CQ(1, .on = 2, .identity = "coredns-2"), CR(1, 2, .on = 2, .identity = "coredns-2") },
	  .sessions = { "@0 SampleLoss 1 analyser_overload " WHO " -",
			"@1 Succeeded 3 local_answer " WHO " NOERROR server=coredns-2" },
	  .counts = "evicted=1" },
	{ .name = "one that waits for a successor",
	  .sessions_max = 1,
	  .is_live = true,
	  .steps = { CQ(0), CLOSE(0, 1), CQ(2, .id = 2, .on = 1), CR(2, 3, .id = 2, .on = 1) },
	  .sessions = { "@0 SampleLoss 1 analyser_overload " WHO " -",
			"@2 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" },
	  .counts = "evicted=1" },
};

/* Room for closed_max sessions; forgetting early may split a session, never misname one. */
static const struct scenario closed_sessions[] = {
	{ .name = "remembered",
	  .closed_max = 2,
	  .steps = { PASS(-1000), CQ(0), CR(0, 6), CQ(7, .id = 2), CR(7, 8, .id = 2), CR(0, 9), CR(7, 9, .id = 2) },
	  .sessions = { LOCAL, "@7 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" },
	  .counts = "late=2" },
	{ .name = "forgotten before the time",
	  .closed_max = 1,
	  .steps = { PASS(-1000), CQ(0), CR(0, 6), CQ(7, .id = 2), CR(7, 8, .id = 2), CR(0, 9), CR(7, 9, .id = 2) },
	  .sessions = { LOCAL, "@7 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR",
			"@0 SampleLoss 2 dnstap_lost " WHO " NOERROR lost=CQ",
			"@7 SampleLoss 2 dnstap_lost " C1 " 2 a.test. NOERROR lost=CQ" },
	  .counts = "forgotten=7" },
	{ .name = "forgotten when nobody could ask any more",
	  .closed_max = 1,
	  .steps = { CQ(0), CR(0, 6), CQ(60000), CR(60000, 60001), CR(60000, 60002) },
	  .sessions = { LOCAL, "@60000 Succeeded 3 local_answer " WHO " NOERROR" },
	  .counts = "late=1" },
};

static const struct scenario servers[] = {
	{ .name = "beyond the limit all share one without a name",
	  .servers_max = 1,
	  .steps = { CQ(0), CQ(1, .id = 2, .identity = "b"), CQ(2, .id = 3, .identity = "c"), CR(0, 6),
		     CR(1, 7, .id = 2, .identity = "b"), CR(2, 8, .id = 3, .identity = "c") },
	  .sessions = { LOCAL, "@1 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR",
			"@2 Succeeded 3 local_answer " C1 " 3 a.test. NOERROR" },
	  .counts = "overflow=4" },
	{ .name = "one without streams and sessions makes room",
	  .servers_max = 1,
	  .is_live = true,
	  .steps = { CQ(0), CR(0, 6), CLOSE(0, 7), CQ(8, .on = 1, .identity = "b"),
		     CR(8, 9, .on = 1, .identity = "b") },
	  .sessions = { LOCAL, "@8 Succeeded 3 local_answer " WHO " NOERROR server=b" } },
	{ .name = "one with a session does not",
	  .servers_max = 1,
	  .is_live = true,
	  .steps = { CQ(0), CLOSE(0, 7), CQ(8, .on = 1, .identity = "b"), CR(8, 9, .on = 1, .identity = "b"),
		     CR(0, 10, .on = 2) },
	  .sessions = { "@8 Succeeded 3 local_answer " WHO " NOERROR", LOCAL },
	  .counts = "overflow=2" },
};

SCENARIO_TEST(sessions)
SCENARIO_TEST(closed_sessions)
SCENARIO_TEST(servers)

static void send(struct run *run, const struct step *step)
{
	run_step(run, step);
	assert_false(run->accounts_fail);
}

static void assert_lines(const struct run *run, const char *expected)
{
	if (!slice_eq(buf_slice(&run->lines), slice_from_str(expected)))
		fail_msg("\n--- expected\n%s--- got\n%.*s", expected, (int)run->lines.len,
			 (const char *)run->lines.data);
}

/* 50,000 attempts: all counted, the first and the last eight kept, in 64 KiB. */
static void test_storm_of_queries(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1, .memory_max = 64 << 10 };
	struct step attempt = FQ(1);
	char upstream[32];
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	send(&run, &(struct step)CQ(0));
	for (unsigned i = 1; i <= 50000; i++) {
		snprintf(upstream, sizeof(upstream), "10.0.0.53:%u", 10000 + i);
		attempt.upstream = upstream;
		send(&run, &attempt);
	}
	send(&run, &(struct step)PASS(10002));
	run_drain(&run);
	assert_lines(&run, "@0 Failed 5 upstream_timeout " WHO " - 10.0.0.53:10001=- 10.0.0.53:10002=- "
			   "10.0.0.53:10003=- 10.0.0.53:10004=- 10.0.0.53:10005=- 10.0.0.53:10006=- "
			   "10.0.0.53:10007=- 10.0.0.53:10008=- 10.0.0.53:59993=- 10.0.0.53:59994=- "
			   "10.0.0.53:59995=- 10.0.0.53:59996=- 10.0.0.53:59997=- 10.0.0.53:59998=- "
			   "10.0.0.53:59999=- 10.0.0.53:60000=- attempts=50000\n");
	run_end(&run);
}

/* failover, up to 1.14.4: as many FR as FQ. */
static void test_storm_of_answers(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1, .memory_max = 64 << 10 };
	static const struct step query = FQ(1), answer = FR(1, 2, .rcode = 2);
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	send(&run, &(struct step)CQ(0));
	for (unsigned i = 0; i < 30000; i++) {
		send(&run, &query);
		send(&run, &answer);
	}
	send(&run, &(struct step)PASS(10003));
	run_drain(&run);
	assert_lines(&run, "@0 Failed 13 upstream_error " WHO " - 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL "
			   "53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL "
			   "53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL 53=SERVFAIL attempts=30000\n");
	run_end(&run);
}

static void send_attempts(struct run *run, unsigned nr, double at)
{
	char upstream[32];

	for (unsigned i = 1; i <= nr; i++) {
		snprintf(upstream, sizeof(upstream), "10.0.0.%u:53", i);
		send(run, &(struct step)FQ(at, .upstream = upstream));
	}
}

/* Sixteen are all kept, the seventeenth pushes out the ninth; also in groups that a CR takes together. */
static void test_sixteen_attempts(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1 };
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	for (unsigned nr = 16; nr <= 17; nr++) {
		send(&run, &(struct step)CQ(100.0 * nr));
		send_attempts(&run, nr, 100.0 * nr + 1);
		send(&run, &(struct step)CR(100.0 * nr, 100.0 * nr + 2, .rcode = 2));
	}
	send_attempts(&run, 10, 2001);
	send_attempts(&run, 10, 2002);
	send(&run, &(struct step)CR(2000, 2003, .rcode = 2));
	run_drain(&run);
	assert_lines(&run, "@1600 Failed 7 upstream_timeout " WHO " SERVFAIL 1=- 2=- 3=- 4=- 5=- 6=- 7=- 8=- 9=- 10=- "
			   "11=- 12=- 13=- 14=- 15=- 16=-\n"
			   "@1700 Failed 7 upstream_timeout " WHO " SERVFAIL 1=- 2=- 3=- 4=- 5=- 6=- 7=- 8=- 10=- 11=- "
			   "12=- 13=- 14=- 15=- 16=- 17=- attempts=17 retransmit=2\n"
			   "@2000 Failed 6 upstream_timeout " WHO " SERVFAIL 1=- 2=- 3=- 4=- 5=- 6=- 7=- 8=- 3=- 4=- "
			   "5=- 6=- 7=- 8=- 9=- 10=- attempts=20 lost=CQ\n");
	run_end(&run);
}

/* More forward calls than a session keeps: the others are joined by their question. */
static void test_many_calls(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1 };
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	send(&run, &(struct step)CQ(0));
	for (unsigned i = 1; i <= 100; i++) {
		send(&run, &(struct step)FQ(i));
		send(&run, &(struct step)FR(i, i + 0.5, .rcode = 3));
	}
	send(&run, &(struct step)CR(0, 101, .rcode = 3));
	run_drain(&run);
	assert_lines(&run, "@0 Succeeded 15 upstream_answer " WHO " NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN "
			   "53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN "
			   "53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN 53=NXDOMAIN attempts=100\n");
	run_end(&run);
}

/* Forward calls whose CQ was lost: as many as one CR takes; more do no harm. */
static void test_many_groups(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1 };
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	send(&run, &(struct step)PASS(-1));
	for (unsigned nr = 32; nr <= 40; nr += 8) {
		for (unsigned i = 1; i <= nr; i++)
			send(&run, &(struct step)FQ(1000 * nr + i));
		send(&run, &(struct step)CR(1000 * nr, 1000 * nr + 100, .rcode = 2));
		if (nr == 32)
			assert_lines(&run,
				     "@32000 Failed 6 upstream_timeout " WHO " SERVFAIL 53=- 53=- 53=- 53=- 53=- 53=- "
				     "53=- 53=- 53=- 53=- 53=- 53=- 53=- 53=- 53=- 53=- attempts=32 lost=CQ\n");
	}
	run_drain(&run);
	assert_false(run.accounts_fail);
	run_end(&run);
}

/* Memory: the same policy as for sessions. Every query is told, none twice, and the newest is never given up. */
static void test_memory(void **state)
{
	static const struct scenario scenario = { .memory_max = 32 << 10 };
	const struct engine_stats *st;
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	for (unsigned i = 1; i <= 500; i++) {
		send(&run, &(struct step)CQ(i, .id = (int)i));
		assert_in_range(run.engine->open.pool.used, 1, scenario.memory_max);
	}
	send(&run, &(struct step)CR(500, 501, .id = 500));
	st = engine_stats(run.engine);
	assert_int_equal(st->by_cause[CAUSE_LOCAL_ANSWER], 1);
	run_drain(&run);
	st = engine_stats(run.engine);
	assert_in_range(st->nr_evicted, 400, 499);
	assert_int_equal(st->by_cause[CAUSE_ANALYSER_OVERLOAD], st->nr_evicted);
	assert_int_equal(st->nr_closed, 500);
	assert_int_equal(st->nr_message_dropped, 0);
	run_end(&run);
}

/* Attempts make room as sessions do. */
static void test_memory_for_attempts(void **state)
{
	static const struct scenario scenario = { .style = V1_13_1, .memory_max = 8 << 10 };
	const struct engine_stats *st;
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	for (unsigned i = 1; i <= 10; i++)
		send(&run, &(struct step)CQ(i, .id = (int)i));
	for (unsigned i = 0; i < 16; i++) {
		send(&run, &(struct step)FQ(11, .id = 10));
		send(&run, &(struct step)FR(11, 12, .id = 10, .rcode = 2));
	}
	send(&run, &(struct step)CR(10, 13, .id = 10, .rcode = 2));
	st = engine_stats(run.engine);
	assert_in_range(st->nr_evicted, 1, 9);
	assert_int_equal(st->nr_message_dropped, 0);
	run_drain(&run);
	assert_non_null(memmem(run.lines.data, run.lines.len,
			       "@10 Failed 15 upstream_error 10.0.0.1:1000 10 a.test. SERVFAIL 53=SERVFAIL ", 75));
	run_end(&run);
}

/* A message that does not fit even alone is left out and counted; its session is judged as if it had been kept. */
static void test_message_without_room(void **state)
{
	static const struct scenario scenario = { .memory_max = 1600 };
	char name[249] = "";
	struct run run;

	(void)state;
	for (unsigned i = 0; i < 248; i += 4)
		memcpy(name + i, "abc.", 4);
	run_begin(&run, &scenario);
	for (unsigned i = 0; i < 3; i++)
		send(&run, &(struct step)CQ(i, .id = (int)i + 1, .name = name));
	send(&run, &(struct step)FQ(3, .id = 3, .name = name));
	send(&run, &(struct step)FR(3, 4, .id = 3, .name = name));
	send(&run, &(struct step)CR(2, 5, .id = 3, .name = name));
	assert_int_equal(engine_stats(run.engine)->by_cause[CAUSE_UPSTREAM_ANSWER], 1);
	assert_int_equal(engine_stats(run.engine)->nr_evicted, 2);
	assert_in_range(engine_stats(run.engine)->nr_message_dropped, 1, 3);
	run_end(&run);
}

/* Not even an empty table leaves memory for a session. */
static void test_no_memory(void **state)
{
	static const struct scenario scenario = { .memory_max = 64 };
	struct run run;

	(void)state;
	run_begin(&run, &scenario);
	send(&run, &(struct step)CQ(0));
	send(&run, &(struct step)FQ(1));
	send(&run, &(struct step)CR(0, 2));
	run_drain(&run);
	assert_lines(&run, "no_memory=3\n");
	run_end(&run);
}

/* What the limits may cost: each of them counts. */
static void test_memory_bound(void **state)
{
	const struct engine_limits limits = engine_limits_default();
	struct engine_limits more[] = { limits, limits, limits, limits };

	(void)state;
	more[0].sessions_max *= 2;
	more[1].memory_max *= 2;
	more[2].closed_max *= 2;
	more[3].servers_max *= 2;
	assert_true(engine_memory_bound(&limits) > limits.memory_max);
	for (unsigned i = 0; i < COUNT(more); i++)
		assert_true(engine_memory_bound(&more[i]) > engine_memory_bound(&limits));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_closed_sessions),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_storm_of_queries),
		cmocka_unit_test(test_storm_of_answers),
		cmocka_unit_test(test_sixteen_attempts),
		cmocka_unit_test(test_many_calls),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_for_attempts),
		cmocka_unit_test(test_message_without_room),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_memory_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
