/* From frames to the lines that are printed: nothing of a frame goes to the wrong place in the record. */
#include "scenario.h"
#include "session/record.h"

static void write_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct record_writer writer = { 0 };
	struct run *run = arg;

	if (s->id != 65535)
		record_write(&writer, s, v, &run->lines);
}

static void check(const struct scenario *scenario, const char *expected)
{
	struct engine_limits limits = engine_limits_default();
	struct run run = { .scenario = scenario };
	struct engine_callbacks callbacks = { .on_session = write_session, .arg = &run };
	bool is_equal;

	buf_init(&run.lines, 1 << 20);
	run.engine = engine_new(&limits, &callbacks);
	for (unsigned i = 0; i < SCENARIO_STEPS; i++)
		run_step(&run, &scenario->steps[i]);
	run_close(&run, 0, 0);
	engine_drain(run.engine);
	is_equal = slice_eq(buf_slice(&run.lines), slice_from_str(expected));
	if (!is_equal)
		print_error("%s\n--- expected\n%s--- got\n%.*s", scenario->name, expected, (int)run.lines.len,
			    (const char *)run.lines.data);
	run_end(&run);
	assert_true(is_equal);
}

#define SERVER "\"Server\":\"coredns-1\",\"Version\":\"CoreDNS-1.14.7\","
#define CLIENT "\"Client\":{\"Address\":\"10.0.0.1\",\"Port\":1000,\"Protocol\":\"UDP\"},"
#define QUESTION "\"Question\":{\"ID\":1,\"Name\":\"a.test.\",\"Type\":\"A\",\"Class\":\"IN\"},"
#define FLAGS(qr, ra, rcode, answers)                                                                      \
	"{\"ID\":1,\"QR\":" qr ",\"Opcode\":0,\"AA\":0,\"TC\":0,\"RD\":1,\"RA\":" ra                       \
	",\"AD\":0,\"CD\":0,\"RCODE\":" rcode ",\"QDCOUNT\":1,\"ANCOUNT\":" answers                        \
	",\"NSCOUNT\":0,\"ARCOUNT\":0,\"QNAME\":\"a.test.\",\"QTYPE\":1,\"QTYPEname\":\"A\",\"QCLASS\":1," \
	"\"QCLASSname\":\"IN\""
#define DNS_QUERY FLAGS("0", "0", "0", "0") "}"
#define DNS_SERVFAIL FLAGS("1", "1", "2", "0") "}"
#define DNS_ANSWER(ttl)                                                                                         \
	FLAGS("1", "1", "0", "1")                                                                               \
	",\"answerRRs\":[{\"NAME\":\"a.test.\",\"TYPE\":1,\"TYPEname\":\"A\",\"CLASS\":1,\"CLASSname\":\"IN\"," \
	"\"TTL\":" ttl ",\"RDLENGTH\":4,\"rdataA\":\"192.0.2.1\"}]}"
#define MESSAGE(kind, at, message) \
	"{\"Type\":\"" kind "\",\"Time\":\"2026-11-23T05:24:0" at "Z\",\"Message\":" message "}"

#define CLIENT_ASKS MESSAGE("CLIENT_QUERY", "0.000000000", DNS_QUERY)
#define FORWARDS MESSAGE("FORWARDER_QUERY", "0.001000000", DNS_QUERY)

/* A dial over TCP that failed, an error, an answer; each with its time, its protocol and its message. */
#define UNSENT "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"TCP\",\"Rcode\":null,\"DurationMs\":null}"
#define SERVFAILED \
	"{\"Address\":\"10.0.0.54\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":\"SERVFAIL\",\"DurationMs\":4.000}"
#define ANSWERED \
	"{\"Address\":\"fd00::55\",\"Port\":5353,\"Protocol\":\"TCP\",\"Rcode\":\"NOERROR\",\"DurationMs\":5.500}"
#define SERVFAILS MESSAGE("FORWARDER_RESPONSE", "0.005000000", DNS_SERVFAIL)
#define ANSWERS MESSAGE("FORWARDER_RESPONSE", "0.006500000", DNS_ANSWER("60"))
#define RESPONDS MESSAGE("CLIENT_RESPONSE", "0.007000000", DNS_ANSWER("59"))

static void test_attempts(void **state)
{
	static const struct scenario scenario = {
		.name = "three attempts",
		.steps = { CQ(0), FQ(1, .address = "", .tcp = true), FQ(1, .upstream = "10.0.0.54:53"),
			   FR(1, 5, .upstream = "10.0.0.54:53", .rcode = 2),
			   FQ(1, .upstream = "[fd00::55]:5353", .tcp = true),
			   FR(1, 6.5, .upstream = "[fd00::55]:5353", .tcp = true, .ttl = 60), CR(0, 7, .ttl = 59) },
	};

	(void)state;
	check(&scenario, "{\"Status\":\"Succeeded\",\"BitMap\":15,\"Cause\":\"upstream_answer\","
			 "\"Time\":\"2026-11-23T05:24:00.000000000Z\",\"DurationMs\":7.000," SERVER CLIENT QUESTION
			 "\"Rcode\":\"NOERROR\","
			 "\"Upstreams\":[" UNSENT "," SERVFAILED "," ANSWERED "],"
			 "\"Messages\":[" CLIENT_ASKS "," FORWARDS "," FORWARDS "," SERVFAILS "," FORWARDS "," ANSWERS
			 "," RESPONDS "]}\n");
}

/* CoreDNS's socket is not printed as the client. */
#define REFRESHED \
	"{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"TCP\",\"Rcode\":\"NOERROR\",\"DurationMs\":2.000}"
#define REFRESHES MESSAGE("FORWARDER_RESPONSE", "0.003000000", DNS_ANSWER("30"))

static void test_refresh(void **state)
{
	static const struct scenario scenario = {
		.name = "refresh",
		.steps = { FQ(1, .tcp = true), FR(1, 3, .tcp = true) },
	};

	(void)state;
	check(&scenario, "{\"Status\":\"Succeeded\",\"BitMap\":12,\"Cause\":\"background_refresh\","
			 "\"Time\":\"2026-11-23T05:24:00.001000000Z\",\"DurationMs\":null," SERVER
			 "\"Client\":null," QUESTION "\"Rcode\":null,\"Upstreams\":[" REFRESHED "],"
			 "\"Messages\":[" FORWARDS "," REFRESHES "]}\n");
}

/* The CQ is lost: time and client are those of the CR. What extra said first is kept, even if nobody can read it. */
#define LATER "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":\"NOERROR\",\"DurationMs\":4.000}"
#define ANSWERS_LATER MESSAGE("FORWARDER_RESPONSE", "0.005000000", DNS_ANSWER("30"))
#define RESPONDS_LATER MESSAGE("CLIENT_RESPONSE", "0.006000000", DNS_ANSWER("30"))

static void test_lost_query(void **state)
{
	static const struct scenario scenario = {
		.name = "lost query",
		.steps = { PASS(-1000), FQ(1, .extra = "trace=\"1\""), FR(1, 5, .extra = "trace=2"),
			   CR(0, 6, .extra = "trace=3") },
	};

	(void)state;
	check(&scenario, "{\"Status\":\"SampleLoss\",\"BitMap\":14,\"Cause\":\"dnstap_lost\","
			 "\"Time\":\"2026-11-23T05:24:00.000000000Z\",\"DurationMs\":6.000," SERVER CLIENT QUESTION
			 "\"Rcode\":\"NOERROR\",\"Upstreams\":[" LATER "],"
			 "\"Lost\":[\"CLIENT_QUERY\"],\"Extra\":\"trace=\\\"1\\\"\","
			 "\"Messages\":[" FORWARDS "," ANSWERS_LATER "," RESPONDS_LATER "]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_lost_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
