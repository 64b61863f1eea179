/* The record, byte for byte (contract, section 4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "sample.h"
#include "session/record.h"

#define HEAD "{\"Status\":\"Succeeded\",\"BitMap\":15,\"Cause\":\"upstream_answer\","
#define TIME "\"Time\":\"2026-11-23T05:24:11.123456789Z\","
#define SERVER "\"Server\":\"coredns-7d56l\",\"Version\":\"CoreDNS-1.14.7\","
#define CLIENT "\"Client\":{\"Address\":\"10.0.3.7\",\"Port\":40123,\"Protocol\":\"UDP\"},"
#define QUESTION "\"Question\":{\"ID\":4660,\"Name\":\"api.example.com.\",\"Type\":\"A\",\"Class\":\"IN\"},"
#define SILENT "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":null,\"DurationMs\":null}"
#define ANSWERED \
	"{\"Address\":\"fd00::54\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":\"NOERROR\",\"DurationMs\":2002.190}"
#define UPSTREAMS "\"Upstreams\":[" SILENT "," ANSWERED "]"
#define NOTHING_KNOWN                                                                                                  \
	"\"Time\":null,\"DurationMs\":null," SERVER "\"Client\":null,\"Question\":null,\"Rcode\":null,\"Upstreams\":[" \
	"]"

static void check(const char *name, struct sample *sample, bool no_messages, const char *expected)
{
	struct record_writer writer = { .no_messages = no_messages };
	struct buf out;
	bool is_equal;

	buf_init(&out, 1 << 20);
	record_write(&writer, &sample->session, &sample->verdict, &out);
	is_equal = slice_eq(buf_slice(&out), slice_from_str(expected));
	if (!is_equal)
		print_error("%s\n--- expected\n%s--- got\n%.*s\n", name, expected, (int)out.len,
			    (const char *)out.data);
	buf_release(&out);
	sample_release(sample);
	assert_true(is_equal);
}

#define DNS_QUERY                                                                                               \
	"{\"ID\":4660,\"QR\":0,\"Opcode\":0,\"AA\":0,\"TC\":0,\"RD\":1,\"RA\":0,\"AD\":0,\"CD\":0,\"RCODE\":0," \
	"\"QDCOUNT\":1,\"ANCOUNT\":0,\"NSCOUNT\":0,\"ARCOUNT\":0,\"QNAME\":\"api.example.com.\",\"QTYPE\":1,"   \
	"\"QTYPEname\":\"A\",\"QCLASS\":1,\"QCLASSname\":\"IN\"}"
#define DNS_RESPONSE                                                                                            \
	"{\"ID\":4660,\"QR\":1,\"Opcode\":0,\"AA\":0,\"TC\":0,\"RD\":1,\"RA\":1,\"AD\":0,\"CD\":0,\"RCODE\":0," \
	"\"QDCOUNT\":1,\"ANCOUNT\":1,\"NSCOUNT\":0,\"ARCOUNT\":0,\"QNAME\":\"api.example.com.\",\"QTYPE\":1,"   \
	"\"QTYPEname\":\"A\",\"QCLASS\":1,\"QCLASSname\":\"IN\",\"answerRRs\":[{\"NAME\":\"api.example.com.\"," \
	"\"TYPE\":1,\"TYPEname\":\"A\",\"CLASS\":1,\"CLASSname\":\"IN\",\"TTL\":30,\"RDLENGTH\":4,"             \
	"\"rdataA\":\"192.0.2.1\"}]}"

static void test_whole(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	check("whole", &sample, false,
	      HEAD TIME
	      "\"DurationMs\":2003.264," SERVER CLIENT QUESTION "\"Rcode\":\"NOERROR\"," UPSTREAMS ",\"Messages\":["
	      "{\"Type\":\"CLIENT_QUERY\",\"Time\":\"2026-11-23T05:24:11.123456789Z\",\"Message\":" DNS_QUERY "},"
	      "{\"Type\":\"FORWARDER_QUERY\",\"Time\":\"2026-11-23T05:24:11.124456789Z\",\"Message\":" DNS_QUERY "},"
	      "{\"Type\":\"FORWARDER_QUERY\",\"Time\":\"2026-11-23T05:24:11.124456789Z\",\"Message\":" DNS_QUERY "},"
	      "{\"Type\":\"FORWARDER_RESPONSE\",\"Time\":\"2026-11-23T05:24:13.126646289Z\",\"Message\":" DNS_RESPONSE
	      "},"
	      "{\"Type\":\"CLIENT_RESPONSE\",\"Time\":\"2026-11-23T05:24:13.126721288Z\",\"Message\":" DNS_RESPONSE
	      "}]}\n");
}

static void test_without_messages(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	check("without messages", &sample, true,
	      HEAD TIME "\"DurationMs\":2003.264," SERVER CLIENT QUESTION "\"Rcode\":\"NOERROR\"," UPSTREAMS "}\n");
}

/* Absent facts are null where a reader would ask for them. */
static void test_nothing_known(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	check("nothing known", &sample, false,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\"," NOTHING_KNOWN
	      ",\"Messages\":[]}\n");
}

static void test_no_identity_no_version(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample_server(&sample, "10.1.1.1", "");
	sample.server.has_identity = false;
	check("no identity", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\",\"Time\":null,\"DurationMs\":null,"
	      "\"Server\":null,\"Version\":null,\"Client\":null,\"Question\":null,\"Rcode\":null,\"Upstreams\":[]}\n");
}

static void test_timeout(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	sample.session.bitmap = BIT_CQ | BIT_FQ;
	sample.session.rcode = RCODE_UNKNOWN;
	sample.attempts[0].next = NULL;
	sample.session.nr_attempts = 1;
	sample.verdict = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_UPSTREAM_TIMEOUT };
	check("timeout", &sample, true,
	      "{\"Status\":\"Failed\",\"BitMap\":5,\"Cause\":\"upstream_timeout\"," TIME
	      "\"DurationMs\":null," SERVER CLIENT QUESTION "\"Rcode\":null,\"Upstreams\":[" SILENT "]}\n");
}

/* Without `full` the messages are there, but say nothing. */
static void test_bare(void **state)
{
	struct sample sample;
	struct session *s = &sample.session;

	(void)state;
	sample_init(&sample);
	s->has_id = s->has_question = false;
	s->rcode = RCODE_UNKNOWN;
	s->query = s->response = NULL;
	s->attempts = s->attempts->next;
	s->nr_attempts = 1;
	s->attempts->query = s->attempts->response = NULL;
	s->attempts->rcode = RCODE_UNKNOWN;
	s->is_approximate = true;
	check("without full", &sample, false,
	      HEAD TIME
	      "\"DurationMs\":2003.264," SERVER CLIENT "\"Question\":null,\"Rcode\":null,\"Upstreams\":[{\"Address\":"
	      "\"fd00::54\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":null,\"DurationMs\":2002.190}],"
	      "\"Linked\":\"approximate\",\"Messages\":["
	      "{\"Type\":\"CLIENT_QUERY\",\"Time\":\"2026-11-23T05:24:11.123456789Z\",\"Message\":null},"
	      "{\"Type\":\"FORWARDER_QUERY\",\"Time\":\"2026-11-23T05:24:11.124456789Z\",\"Message\":null},"
	      "{\"Type\":\"FORWARDER_RESPONSE\",\"Time\":\"2026-11-23T05:24:13.126646289Z\",\"Message\":null},"
	      "{\"Type\":\"CLIENT_RESPONSE\",\"Time\":\"2026-11-23T05:24:13.126721288Z\",\"Message\":null}]}\n");
}

/* CoreDNS's own socket, or the client that an old release names, is never printed for a refresh. */
static void test_refresh(void **state)
{
	struct sample sample;
	struct session *s = &sample.session;

	(void)state;
	sample_init(&sample);
	s->bitmap = BIT_FQ | BIT_FR;
	s->has_client = false;
	s->protocol = TAP_TCP;
	s->rcode = RCODE_UNKNOWN;
	s->query = s->response = NULL;
	s->attempts = s->attempts->next;
	s->attempts->protocol = TAP_TCP;
	s->nr_attempts = 1;
	sample.verdict.cause = CAUSE_BACKGROUND_REFRESH;
	check("refresh", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":12,\"Cause\":\"background_refresh\"," TIME
	      "\"DurationMs\":null," SERVER "\"Client\":null," QUESTION "\"Rcode\":null,\"Upstreams\":[{\"Address\":"
	      "\"fd00::54\",\"Port\":53,\"Protocol\":\"TCP\",\"Rcode\":\"NOERROR\",\"DurationMs\":2002.190}]}\n");
}

/* Those keys that stand only where they say something, in their order. */
static void test_remarks(void **state)
{
	struct sample sample;
	struct session *s = &sample.session;

	(void)state;
	sample_init_bare(&sample);
	s->nr_attempts = 50000;
	s->is_approximate = true;
	s->retransmit = 2;
	s->extra = sample_text(&sample, "10.0.3.7 40123");
	sample.verdict.lost = 15;
	sample.verdict.loss_suspected = true;
	check("remarks", &sample, false,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\"," NOTHING_KNOWN
	      ",\"Attempts\":50000,\"Lost\":[\"CLIENT_QUERY\",\"CLIENT_RESPONSE\",\"FORWARDER_QUERY\","
	      "\"FORWARDER_RESPONSE\"],\"LossSuspected\":true,\"Linked\":\"approximate\",\"Retransmit\":2,"
	      "\"Extra\":\"10.0.3.7 40123\",\"Messages\":[]}\n");
}

static void test_nothing_to_remark(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.nr_attempts = 16;
	sample.session.retransmit = 1;
	sample.verdict.lost = BIT_FQ;
	check("nothing to remark", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\"," NOTHING_KNOWN
	      ",\"Lost\":[\"FORWARDER_QUERY\"]}\n");
}

static void test_id_without_question(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.has_id = true;
	sample.session.id = 65535;
	sample.session.has_client = true;
	sample.session.client = sample_addr("fd00::1", 0);
	sample.session.protocol = TAP_PROTOCOL_NONE;
	check("id alone", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\",\"Time\":null,\"DurationMs\":"
	      "null," SERVER
	      "\"Client\":{\"Address\":\"fd00::1\",\"Port\":0,\"Protocol\":null},\"Question\":{\"ID\":65535,"
	      "\"Name\":null,\"Type\":null,\"Class\":null},\"Rcode\":null,\"Upstreams\":[]}\n");
}

/* The question from `extra`, where no message has it. */
static void test_question_of_extra(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.has_id = sample.session.has_question = true;
	sample.session.id = 7;
	sample.session.extra = sample_text(&sample, "10.0.3.7 40123 7 TYPE65280 a\\.b.test.");
	check("extra", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\",\"Time\":null,\"DurationMs\":"
	      "null," SERVER "\"Client\":null,\"Question\":{\"ID\":7,\"Name\":\"a\\\\.b.test.\",\"Type\":\"TYPE65280\","
	      "\"Class\":\"IN\"},\"Rcode\":null,\"Upstreams\":[],"
	      "\"Extra\":\"10.0.3.7 40123 7 TYPE65280 a\\\\.b.test.\"}\n");
}

/* An answer in the same nanosecond took no time; without query_time nobody knows. */
static void test_durations(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.bitmap = BIT_CR;
	sample.session.query_ns = sample.session.response_ns = SAMPLE_NS;
	sample_answered(sample_attempt(&sample, "10.0.0.53"), DNS_RCODE_NXDOMAIN, 0);
	sample_answered(sample_attempt(&sample, "10.0.0.53"), DNS_RCODE_NXDOMAIN, 0);
	sample.attempts[1].query_ns = 0;
	sample.attempts[1].protocol = 8;
	check("durations", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":2,\"Cause\":\"upstream_answer\"," TIME
	      "\"DurationMs\":0.000," SERVER "\"Client\":null,\"Question\":null,\"Rcode\":null,\"Upstreams\":["
	      "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":\"UDP\",\"Rcode\":\"NXDOMAIN\",\"DurationMs\":0.000}"
	      ","
	      "{\"Address\":\"10.0.0.53\",\"Port\":53,\"Protocol\":null,\"Rcode\":\"NXDOMAIN\",\"DurationMs\":null}]}"
	      "\n");
}

static void test_response_without_time(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.bitmap = BIT_CR;
	sample.session.response_ns = SAMPLE_NS;
	check("no query_time", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":2,\"Cause\":\"upstream_answer\"," NOTHING_KNOWN "}\n");
}

/* The question stands in the first message that has one. */
static void test_question_of_another_message(void **state)
{
	struct sample sample;
	struct attempt *a;

	(void)state;
	sample_init_bare(&sample);
	sample.session.has_id = true;
	sample.session.id = 4660;
	sample.session.response = sample_dns(&sample, true, (struct dns_spec){ .id = 4660, .rcode = 1 });
	a = sample_attempt(&sample, "10.0.0.53");
	a->query = sample_dns(&sample, false, (struct dns_spec){ .id = 4660, .qname = "api.example.com." });
	check("another message", &sample, true,
	      "{\"Status\":\"Succeeded\",\"BitMap\":0,\"Cause\":\"upstream_answer\",\"Time\":null,\"DurationMs\":"
	      "null," SERVER "\"Client\":null," QUESTION "\"Rcode\":null,\"Upstreams\":[" SILENT "]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_without_messages),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_no_identity_no_version),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_nothing_to_remark),
		cmocka_unit_test(test_id_without_question),
		cmocka_unit_test(test_question_of_extra),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_response_without_time),
		cmocka_unit_test(test_question_of_another_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
