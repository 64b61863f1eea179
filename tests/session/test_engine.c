/* The life of a session: when it ends, what repeats it, what makes its failure doubtful, and what is lost by server. */
#include "scenario.h"

#define C1 "10.0.0.1:1000"
#define C2 "10.0.0.2:2000"
#define WHO C1 " 1 a.test."

/* Stream time passes the last activity by the session timeout. */
static const struct scenario expiry[] = {
	{ .name = "exactly at the timeout it is open",
	  .steps = { CQ(0), PASS(10000), CR(0, 9) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "a nanosecond later it is closed",
	  .steps = { CQ(0), PASS(10000.000001), CR(0, 9) },
	  .sessions = { "@0 Failed 1 no_response " WHO " -" },
	  .counts = "late=1" },
	{ .name = "the timeout is an option",
	  .timeout = 2000,
	  .steps = { CQ(0), CQ(1, .id = 2), PASS(2000.000001), CR(1, 9, .id = 2) },
	  .sessions = { "@0 Failed 1 no_response " WHO " -", "@1 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR" } },
	{ .name = "each message is activity, at stream time, not at its own",
	  .steps = { CQ(0), PASS(8000), FQ(1), PASS(17000), FR(1, 5), PASS(27000), CR(0, 9) },
	  .sessions = { "@0 Succeeded 15 upstream_answer " WHO " NOERROR 53=NOERROR" } },
	{ .name = "the activity of others is not its own",
	  .steps = { CQ(0), CQ(5000, .id = 2), FQ(5001, .id = 2), FR(5001, 9000, .id = 2), PASS(10001),
		     CR(5000, 10002, .id = 2) },
	  .sessions = { "@0 Failed 1 no_response " WHO " -",
			"@5000 Succeeded 15 upstream_answer " C1 " 2 a.test. NOERROR 53=NOERROR" } },
	{ .name = "a frame joins first, then others expire",
	  .steps = { CQ(0), CQ(1, .id = 2), CR(0, 30000) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR", "@1 Failed 1 no_response " C1 " 2 a.test. -" } },
	{ .name = "the oldest activity expires first",
	  .steps = { CQ(0), CQ(1, .id = 2), FQ(2), PASS(30000) },
	  .sessions = { "@1 Failed 1 no_response " C1 " 2 a.test. -", "@0 Failed 5 upstream_timeout " WHO " - 53=-" } },
	{ .name = "stream time does not go back",
	  .steps = { PASS(9000), CQ(0), PASS(500), PASS(19000), CR(0, 9) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "a response_time is stream time as well",
	  .steps = { CQ(0), CQ(1, .id = 2), CR(1, 10001, .id = 2), CR(0, 9) },
	  .sessions = { "@1 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR", "@0 Failed 1 no_response " WHO " -" },
	  .counts = "late=1" },
	{ .name = "the end of the file",
	  .steps = { CQ(0), FQ(1), CQ(2, .id = 2), CQ(3, .id = 3), FQ(4, .id = 3), FR(4, 5, .id = 3),
		     FQ(6, .id = 4, .tcp = true), FQ(7, .id = 5, .tcp = true), FR(7, 8, .id = 5, .tcp = true) },
	  .sessions = { "@0 SampleLoss 5 stream_ended " WHO " - 53=-",
			"@2 SampleLoss 1 stream_ended " C1 " 2 a.test. -",
			"@3 SampleLoss 13 stream_ended " C1 " 3 a.test. - 53=NOERROR",
			"@6 SampleLoss 4 stream_ended - 4 a.test. - 53=-",
			"@7 Succeeded 12 background_refresh - 5 a.test. - 53=NOERROR" } },
};

/* Retransmit: n on the n-th session of one need. */
static const struct scenario retransmits[] = {
	{ .name = "while the first is open",
	  .steps = { CQ(0), CQ(4000), CQ(8000), CR(8000, 8001), CR(4000, 8002), CR(0, 8003) },
	  .sessions = { "@8000 Succeeded 3 local_answer " WHO " NOERROR retransmit=3",
			"@4000 Succeeded 3 local_answer " WHO " NOERROR retransmit=2",
			"@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "when the first is closed",
	  .steps = { CQ(0), CR(0, 1), CQ(5000), CR(5000, 5001), CQ(10000), CR(10000, 10001) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR",
			"@5000 Succeeded 3 local_answer " WHO " NOERROR retransmit=2",
			"@10000 Succeeded 3 local_answer " WHO " NOERROR retransmit=3" } },
	{ .name = "the first is open, the second closed",
	  .steps = { CQ(0), CQ(1), CR(1, 2), CQ(3), CR(3, 4), CR(0, 5) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR retransmit=2",
			"@3 Succeeded 3 local_answer " WHO " NOERROR retransmit=3",
			"@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "within the timeout of the one before, to the nanosecond",
	  .steps = { CQ(0), CR(0, 1), CQ(10000), CR(10000, 10001), CQ(20000.000001), CR(20000.000001, 20001) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR",
			"@10000 Succeeded 3 local_answer " WHO " NOERROR retransmit=2",
			"@20000.000001 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "the first expired",
	  .steps = { CQ(0), PASS(5000), CQ(6000), PASS(12000), CR(6000, 12001) },
	  .sessions = { "@0 Failed 1 no_response " WHO " -",
			"@6000 Succeeded 3 local_answer " WHO " NOERROR retransmit=2" } },
	{ .name = "another socket, id, name, type or server is another need",
	  .steps = { CQ(0), CR(0, 1), CQ(2, .client = "10.0.0.1:1001"), CR(2, 3, .client = "10.0.0.1:1001"),
		     CQ(4, .client = "10.0.0.2:1000"), CR(4, 5, .client = "10.0.0.2:1000"), CQ(6, .id = 2),
		     CR(6, 7, .id = 2), CQ(8, .name = "b.test."), CR(8, 9, .name = "b.test."), CQ(10, .qtype = 28),
		     CR(10, 11, .qtype = 28), CQ(12, .identity = "coredns-2"), CR(12, 13, .identity = "coredns-2") },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR",
			"@2 Succeeded 3 local_answer 10.0.0.1:1001 1 a.test. NOERROR",
			"@4 Succeeded 3 local_answer 10.0.0.2:1000 1 a.test. NOERROR",
			"@6 Succeeded 3 local_answer " C1 " 2 a.test. NOERROR",
			"@8 Succeeded 3 local_answer " C1 " 1 b.test. NOERROR",
			"@10 Succeeded 3 local_answer " C1 " 1 a.test./AAAA NOERROR",
			"@12 Succeeded 3 local_answer " WHO " NOERROR server=coredns-2" } },
	{ .name = "TCP is another socket, the first still open",
	  .steps = { CQ(0), CQ(1, .tcp = true), CR(1, 2, .tcp = true), CR(0, 3) },
	  .sessions = { "@1 Succeeded 3 local_answer " C1 "/TCP 1 a.test. NOERROR",
			"@0 Succeeded 3 local_answer " WHO " NOERROR" } },
	{ .name = "TCP is another socket, the first closed",
	  .steps = { CQ(0), CR(0, 1), CQ(2, .tcp = true), CR(2, 3, .tcp = true) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " NOERROR",
			"@2 Succeeded 3 local_answer " C1 "/TCP 1 a.test. NOERROR" } },
	{ .name = "without full extra tells",
	  .is_bare = true,
	  .has_extra = true,
	  .steps = { CQ(0), CR(0, 1), CQ(2), CR(2, 3) },
	  .sessions = { "@0 Succeeded 3 local_answer " WHO " -",
			"@2 Succeeded 3 local_answer " WHO " - retransmit=2" } },
	{ .name = "without full and extra nothing tells",
	  .is_bare = true,
	  .steps = { CQ(0), CR(0, 1), CQ(2), CR(2, 3) },
	  .sessions = { "@0 Succeeded 3 local_answer " C1 " - - -", "@2 Succeeded 3 local_answer " C1 " - - -" } },
};

/* LossSuspected: the CR of another client without its CQ is the loss. */
#define LOSS(at_ms) CR((at_ms)-1, (at_ms), .client = C2, .id = 9)
#define LOST(at) "@" at " SampleLoss 2 dnstap_lost " C2 " 9 a.test. NOERROR lost=CQ"

static const struct scenario suspicions[] = {
	{ .name = "no_response, loss 5 s before the close",
	  .steps = { PASS(-1000), CQ(0), LOSS(5001), PASS(10001) },
	  .sessions = { LOST("5000"), "@0 Failed 1 no_response " WHO " - suspected" } },
	{ .name = "no_response, loss earlier",
	  .steps = { PASS(-1000), CQ(0), LOSS(5001), PASS(10001.000001) },
	  .sessions = { LOST("5000"), "@0 Failed 1 no_response " WHO " -" } },
	{ .name = "the last loss counts",
	  .steps = { PASS(-1000), LOSS(-500), CQ(0), LOSS(6001), PASS(10001) },
	  .sessions = { LOST("-501"), LOST("6000"), "@0 Failed 1 no_response " WHO " - suspected" } },
	{ .name = "upstream_timeout",
	  .steps = { PASS(-1000), CQ(0), FQ(1), LOSS(6001), PASS(10002) },
	  .sessions = { LOST("6000"), "@0 Failed 5 upstream_timeout " WHO " - 53=- suspected" } },
	{ .name = "upstream_timeout with an error response",
	  .steps = { PASS(-1000), CQ(0), LOSS(500), FQ(1), CR(0, 4001, .rcode = 2) },
	  .sessions = { LOST("499"), "@0 Failed 7 upstream_timeout " WHO " SERVFAIL 53=- suspected" } },
	{ .name = "loss in the first instant of the stream",
	  .steps = { CQ(10), FR(10, 10), CR(10, 10), CQ(11, .id = 2), FQ(12, .id = 2),
		     CR(11, 13, .id = 2, .rcode = 2) },
	  .sessions = { "@10 SampleLoss 11 dnstap_lost " WHO " NOERROR !53=NOERROR lost=FQ",
			"@11 Failed 7 upstream_timeout " C1 " 2 a.test. SERVFAIL 53=- suspected" } },
	{ .name = "on the stream that took the session over",
	  .steps = { CQ(0), CLOSE(0, 1), PASS(5000, .on = 1), CR(5001, 6001, .client = C2, .id = 9, .on = 1),
		     PASS(10001, .on = 1) },
	  .sessions = { "@5001 SampleLoss 2 dnstap_lost " C2 " 9 a.test. NOERROR lost=CQ",
			"@0 Failed 1 no_response " WHO " - suspected" } },
	{ .name = "no other cause",
	  .steps = { PASS(-1000), LOSS(1), CQ(2), FQ(3, .address = ""), CR(2, 4, .rcode = 2), CQ(5, .id = 2),
		     FQ(6, .id = 2), FR(6, 7, .id = 2, .rcode = 2), CR(5, 8, .id = 2, .rcode = 2), CQ(9, .id = 3),
		     CR(9, 10, .id = 3, .rcode = 2), CQ(11, .id = 4), CR(11, 12, .id = 4) },
	  .sessions = { LOST("0"), "@2 Failed 7 upstream_unreachable " WHO " SERVFAIL 53=unsent",
			"@5 Failed 15 upstream_error " C1 " 2 a.test. SERVFAIL 53=SERVFAIL",
			"@9 Failed 3 server_error " C1 " 3 a.test. SERVFAIL",
			"@11 Succeeded 3 local_answer " C1 " 4 a.test. NOERROR" } },
	{ .name = "not what it shows itself",
	  .steps = { PASS(-1000), FQ(1), CR(0, 6, .rcode = 2) },
	  .sessions = { "@0 Failed 6 upstream_timeout " WHO " SERVFAIL 53=- lost=CQ" } },
	{ .name = "loss that was not proven",
	  .steps = { CR(-1, 0, .client = C2, .id = 9), CQ(0), PASS(10001) },
	  .sessions = { "@-1 SampleLoss 2 stream_started " C2 " 9 a.test. NOERROR",
			"@0 Failed 1 no_response " WHO " -" } },
	{ .name = "another server's loss in the same file",
	  .steps = { PASS(-1000), PASS(-1000, .identity = "coredns-2"), CQ(0),
		     CR(6000, 6001, .client = C2, .id = 9, .identity = "coredns-2"), PASS(10001) },
	  .sessions = { LOST("6000") " server=coredns-2", "@0 Failed 1 no_response " WHO " -" } },
};

SCENARIO_TEST(expiry)
SCENARIO_TEST(retransmits)
SCENARIO_TEST(suspicions)

/* Loss per server: frames received and messages proven lost, by kind. */
static const struct {
	struct scenario scenario;
	const char *expected;
} losses[] = {
	{ { .name = "clean", .steps = { CQ(0), FQ(1), FR(1, 5), CR(0, 6) } }, "coredns-1 1/0 1/0 1/0 1/0" },
	{ { .name = "every kind, of two servers",
	    .steps = { PASS(-1000), PASS(-1000, .identity = "coredns-2"), CQ(0), FR(1, 5), CR(0, 6), CR(10, 16),
		       CQ(20, .identity = "coredns-2"), FQ(21, .identity = "coredns-2"),
		       CR(20, 26, .identity = "coredns-2") } },
	  "coredns-1 2/1 3/0 0/1 1/0, coredns-2 2/0 2/0 1/0 0/1" },
	{ { .name = "each FR without FQ is a lost FQ",
	    .steps = { CQ(0), FR(1, 5), FR(1, 6, .upstream = "10.0.0.54:53"), FR(1, 7, .upstream = "10.0.0.55:53"),
		       CR(0, 8) } },
	  "coredns-1 1/0 1/0 0/3 3/0" },
	{ { .name = "late frames were received as well",
	    .steps = { CQ(0), FQ(1), FR(1, 2), CR(0, 6), FQ(1), FR(1, 8), CR(0, 9) } },
	  "coredns-1 1/0 2/0 2/0 2/0" },
	{ { .name = "what proves nothing",
	    .steps = { CR(-10, -9), FQ(1), CQ(2, .id = 2), FQ(3, .id = 2), FR(3, 4, .id = 2) } },
	  "coredns-1 1/0 1/0 2/0 1/0" },
};

static void add_losses(const struct engine *engine, struct buf *out)
{
	for (const struct server *s = engine_next_server(engine, NULL); s; s = engine_next_server(engine, s)) {
		buf_add_str(out, out->len ? ", " : "");
		buf_add(out, s->name, s->name_len);
		for (unsigned kind = 0; kind < KINDS; kind++)
			buf_addf(out, " %u/%u", (unsigned)s->nr_received[kind], (unsigned)s->nr_lost[kind]);
	}
}

static void test_losses(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(losses); i++) {
		struct run run;

		run_begin(&run, &losses[i].scenario);
		for (unsigned k = 0; k < SCENARIO_STEPS; k++)
			run_step(&run, &losses[i].scenario.steps[k]);
		run_drain(&run);
		buf_reset(&run.lines);
		add_losses(run.engine, &run.lines);
		if (!slice_eq(buf_slice(&run.lines), slice_from_str(losses[i].expected))) {
			print_error("%s\n--- expected\n%s\n--- got\n%.*s\n", losses[i].scenario.name,
				    losses[i].expected, (int)run.lines.len, (const char *)run.lines.data);
			failed++;
		}
		run_end(&run);
	}
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_retransmits),
		cmocka_unit_test(test_suspicions),
		cmocka_unit_test(test_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
