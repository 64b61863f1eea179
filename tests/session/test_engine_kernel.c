/* What packets add to a verdict: the contract's table "With kernel evidence", on a node that is watched. */
#include "scenario.h"

#define C1 "10.0.0.1:1000"
#define C2 "10.0.0.2:2000"
#define WHO C1 " 1 a.test."
#define OK15 "Succeeded 15 upstream_answer " WHO " NOERROR 53=NOERROR"

/* Another query before and after, so that the stream is known to have begun and has not ended. */
#define BEFORE CQ(-900, .id = 77, .name = "b.test."), CR(-900, -899, .id = 77, .name = "b.test.")
#define BEFORE_PACKETS PQ(-901, .id = 77, .name = "b.test."), PR(-899.5, .id = 77, .name = "b.test.")
#define BEFORE_LINE "@-900 Succeeded 3 local_answer " C1 " 77 b.test. NOERROR kernel=complete:QR"

static const struct scenario agreement[] = {
	{ .name = "packets agree with dnstap",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1.1, .id = 9), UR(4, .id = 9), PR(5), CQ(1), FQ(1), FR(1, 5), CR(1, 6) },
	  .sessions = { "@1 " OK15 " kernel=complete:QR" } },
	{ .name = "the response leaves behind its CR, as in 1.15.0",
	  .style = V1_15_0,
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), CR(1, 2), PR(40), PASS(50) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR kernel=complete:QR" } },
	{ .name = "a CR whose response never leaves",
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), CR(1, 2), PQ(1500, .client = C2, .id = 2), PASS(1501) },
	  .sessions = { "@1 Failed 3 response_not_sent " WHO " NOERROR kernel=complete:Q",
			"@1500 Failed 0 no_response " C2 " 2 a.test. - kernel=complete:Q" } },
	{ .name = "the same with a gap proves nothing",
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), CR(1, 2), GAP(1, 3), PASS(1501) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR kernel=partial:Q" } },
	{ .name = "a nested lookup has no packet of its own",
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), CQ(2, .name = "target."), CR(2, 3, .name = "target."), PR(3.5), CR(1, 4) },
	  .sessions = { "@2 Succeeded 3 local_answer " C1 " 1 target. NOERROR kernel=none:",
			"@1 Succeeded 3 local_answer " WHO " NOERROR kernel=complete:QR" } },
	{ .name = "without `full` the packets give id, question and rcode",
	  .is_bare = true,
	  .is_probed = true,
	  .steps = { PQ(0), PR(5, .rcode = 2), CQ(1), CR(1, 6) },
	  .sessions = { "@1 Failed 3 server_error " WHO " SERVFAIL kernel=complete:QR" } },
	{ .name = "of two queries of one key each has its own",
	  .is_probed = true,
	  .steps = { PQ(0), PQ(5000), CQ(1), CQ(5001), PR(5002), CR(5001, 5003), PASS(10002), PASS(20000) },
	  .sessions = { "@1 Failed 1 no_response " WHO " - kernel=complete:Q",
			"@5001 Succeeded 3 local_answer " WHO " NOERROR retransmit=2 kernel=complete:QR" } },
};

static const struct scenario loss[] = {
	{ .name = "CR lost: the response left",
	  .is_probed = true,
	  .steps = { PQ(0), PR(5), CQ(1), PASS(10002) },
	  .sessions = { "@1 SampleLoss 1 dnstap_lost " WHO " NOERROR lost=CR kernel=complete:QR" } },
	{ .name = "all lost: BitMap 0",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), PR(5), PASS(10006) },
	  .sessions = { BEFORE_LINE, "@0 SampleLoss 0 dnstap_lost " WHO " NOERROR lost=CQ,CR kernel=complete:QR" } },
	{ .name = "before the first CQ: the stream had not begun",
	  .is_probed = true,
	  .steps = { PQ(0), PR(5), PASS(1000), PASS(10006) },
	  .sessions = { "@0 SampleLoss 0 stream_started " WHO " NOERROR kernel=complete:QR" } },
	{ .name = "FQ and FR alone, over UDP: CQ lost, and CR as the response left",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), UQ(1, .id = 9), UR(4, .id = 9), PR(5), FQ(1), FR(1, 4),
		     PASS(10006) },
	  .sessions = { BEFORE_LINE,
			"@1 SampleLoss 12 dnstap_lost " WHO " NOERROR 53=NOERROR lost=CQ,CR kernel=complete:QR" } },
	{ .name = "over TCP they are no refresh, as a client waited",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), PR(5), FQ(1, .tcp = true), FR(1, 4, .tcp = true), PASS(10006) },
	  .sessions = { BEFORE_LINE,
			"@1 SampleLoss 12 dnstap_lost " WHO " NOERROR 53=NOERROR lost=CQ,CR kernel=complete:QR" } },
	{ .name = "FQ and FR lost: CoreDNS asked an upstream while it served the client",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1.1, .id = 9), UR(4, .id = 9), PR(5), CQ(1), CR(1, 6), PASS(10007) },
	  .sessions = { "@1 SampleLoss 3 dnstap_lost " WHO " NOERROR lost=FQ,FR kernel=complete:QR" } },
	{ .name = "but not if that was a refresh",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1.1, .id = 9), UR(4, .id = 9), PR(5), CQ(1), CR(1, 6), FQ(1, .tcp = false, .client = ""),
		     FR(1, 4, .client = ""), PASS(100), PASS(10007), PASS(20000) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR kernel=complete:QR",
			"@1 Succeeded 12 background_refresh - 1 a.test. - 53=NOERROR kernel=none:" } },
	{ .name = "FR lost: the upstream's response came in time",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1.1, .id = 9), UR(4, .id = 9), PR(5), CQ(1), FQ(1), CR(1, 6, .ttl = ZERO) },
	  .sessions = { "@1 SampleLoss 7 dnstap_lost " WHO " NOERROR 53=- lost=FR kernel=complete:QR" } },
};

static const struct scenario errors[] = {
	{ .name = "up to 1.14.7 the server's own SERVFAIL is not tapped",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1, .id = 9), CQ(1), FQ(1), PR(4000, .rcode = 2), PASS(14001) },
	  .sessions = { "@1 Failed 5 upstream_timeout " WHO " SERVFAIL 53=- untapped=CR kernel=complete:QR" } },
	{ .name = "from 1.15.0 on it is: lost",
	  .style = V1_15_0,
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), FQ(1), PR(4000, .rcode = 2), PASS(14001) },
	  .sessions = { "@1 Failed 5 upstream_timeout " WHO " SERVFAIL 53=- lost=CR kernel=complete:QR" } },
	{ .name = "a zone that is not served",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), PR(1, .rcode = 5), PASS(10002) },
	  .sessions = { BEFORE_LINE, "@0 Failed 0 server_error " WHO " REFUSED untapped=CR kernel=complete:QR" } },
	{ .name = "the upstream answered, nothing left",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1, .id = 9), UR(4, .id = 9), CQ(1), FQ(1), FR(1, 4), PASS(10006) },
	  .sessions = { "@1 Failed 13 response_not_sent " WHO " - 53=NOERROR kernel=complete:Q" } },
	{ .name = "read, and never answered",
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), PASS(10006) },
	  .sessions = { "@1 Failed 1 no_response " WHO " - kernel=complete:Q" } },
};

static const struct scenario drops[] = {
	{ .name = "a query that was dropped",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), DROP_Q(0.01, .reason = "SOCKET_RCVBUFF"), PASS(10006) },
	  .sessions = { BEFORE_LINE,
			"@0 Failed 0 query_dropped " WHO " - kernel=complete:Q dropped_q=SOCKET_RCVBUFF" } },
	{ .name = "and came again 5 s later",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), DROP_Q(0.01), PQ(5000), CQ(5001), PR(5002), CR(5001, 5003),
		     PASS(15006) },
	  .sessions = { BEFORE_LINE, "@5001 Succeeded 3 local_answer " WHO " NOERROR retransmit=2 kernel=complete:QR",
			"@0 Failed 0 query_dropped " WHO " - kernel=complete:Q dropped_q=NETFILTER_DROP" } },
	{ .name = "a query that was dropped before it reached CoreDNS",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, DROP_Q(0), PASS(10006) },
	  .sessions = { BEFORE_LINE,
			"@0 Failed 0 query_dropped " WHO " - kernel=complete: dropped_q=NETFILTER_DROP" } },
	{ .name = "a response that was dropped behind CoreDNS's namespace",
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), PR(2), DROP_R(2.01), CR(1, 3) },
	  .sessions = { "@1 Failed 3 response_dropped " WHO " NOERROR kernel=complete:QR dropped_r=NETFILTER_DROP" } },
	{ .name = "a response that did not leave it",
	  .is_probed = true,
	  .steps = { PQ(0), UQ(1, .id = 9), UR(4, .id = 9), CQ(1), FQ(1), FR(1, 4), DROP_R(5), PASS(10006) },
	  .sessions = { "@1 Failed 13 response_dropped " WHO
			" NOERROR 53=NOERROR kernel=complete:QR dropped_r=NETFILTER_DROP" } },
	{ .name = "a drop that comes while the session waits for it",
	  .is_live = true,
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1), PR(2), CR(1, 3), DROP_R(4, .reason = "NO_SOCKET"), PASS(100) },
	  .sessions = { "@1 Failed 3 response_dropped " WHO " NOERROR kernel=complete:QR dropped_r=NO_SOCKET" } },
	{ .name = "nothing listens",
	  .is_probed = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), DROP_Q(0.01, .reason = "NO_SOCKET"), ICMP(0.02), PASS(10006) },
	  .sessions = { BEFORE_LINE, "@0 Failed 0 query_dropped " WHO
				     " - kernel=complete:Q dropped_q=NO_SOCKET icmp=port_unreachable" } },
};

static const struct scenario zones[] = {
	{ .name = "a server block without dnstap",
	  .is_probed = true,
	  .steps = { PASS(-500), PASS(200), PQ(0, .name = "x.other."), PR(1, .name = "x.other."),
		     PQ(100, .id = 2, .name = "y.other."), PR(101, .id = 2, .name = "y.other."), PASS(700),
		     PASS(10200) },
	  .sessions = { "@0 Succeeded 0 not_tapped " C1 " 1 x.other. NOERROR kernel=complete:QR",
			"@100 Succeeded 0 not_tapped " C1 " 2 y.other. NOERROR kernel=complete:QR" } },
	{ .name = "one name of a zone may be a loss",
	  .is_probed = true,
	  .steps = { PASS(-500), PASS(200), PQ(0, .name = "x.other."), PR(1, .name = "x.other."), PASS(700),
		     PASS(10200) },
	  .sessions = { "@0 SampleLoss 0 dnstap_lost " C1 " 1 x.other. NOERROR lost=CQ,CR kernel=complete:QR" } },
	{ .name = "a server that never sent a frame has no lines", .is_probed = true, .steps = { PQ(0), PR(1) } },
};

static const struct scenario places[] = {
	{ .name = "a server without a name, by way of another address: known by its queries",
	  .style = V1_8_6,
	  .is_probed = true,
	  .steps = { PQ(0), CQ(1, .on = 2), PR(2), CR(1, 3, .on = 2), PASS(100, .on = 2) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR kernel=complete:QR" } },
	{ .name = "whose queries are not seen there is elsewhere",
	  .style = V1_8_6,
	  .is_probed = true,
	  .steps = { PQ(0, .id = 2), CQ(1, .on = 2), CR(1, 3, .on = 2), PASS(100, .on = 2) },
	  .sessions = { "@1 Succeeded 3 local_answer " WHO " NOERROR" } },
};

static const struct scenario captures[] = {
	{ .name = "a capture: who claims a packet says what it was",
	  .is_captured = true,
	  .steps = { BEFORE_PACKETS, BEFORE, PQ(0), UQ(1.1, .id = 9), UR(4, .id = 9), PR(5), CQ(1), FQ(1), FR(1, 5),
		     CR(1, 6), PQ(7, .id = 3), UQ(8, .id = 4, .name = "z."), PASS(20000) },
	  .sessions = { BEFORE_LINE, "@1 " OK15 " kernel=complete:QR",
			"@7 Failed 0 no_response " C1 " 3 a.test. - kernel=complete:Q" } },
};

SCENARIO_TEST(agreement)
SCENARIO_TEST(loss)
SCENARIO_TEST(errors)
SCENARIO_TEST(drops)
SCENARIO_TEST(zones)
SCENARIO_TEST(places)
SCENARIO_TEST(captures)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement), cmocka_unit_test(test_loss),	cmocka_unit_test(test_errors),
		cmocka_unit_test(test_drops),	  cmocka_unit_test(test_zones), cmocka_unit_test(test_places),
		cmocka_unit_test(test_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
