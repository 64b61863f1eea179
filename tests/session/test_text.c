/* The text form of the record: one line for a person's eye. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "sample.h"
#include "session/text.h"

#define DOTS "\xc2\xb7\xc2\xb7"
#define TIME "2026-11-23T05:24:11.123456789Z "

static void check(struct sample *sample, const char *expected)
{
	struct rfc3339 time = { 0 };
	struct buf out;

	buf_init(&out, 4096);
	text_write(&time, &sample->session, &sample->verdict, &out);
	if (!slice_eq(buf_slice(&out), slice_from_str(expected)))
		fail_msg("\n--- expected\n%s--- got\n%.*s", expected, (int)out.len, (const char *)out.data);
	buf_release(&out);
	sample_release(sample);
}

static void test_whole(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	check(&sample,
	      TIME "Succeeded  CQCRFQFR upstream_answer       10.0.3.7:40123/UDP        api.example.com. A       "
		   "        NOERROR  2003.264ms coredns-7d56l 10.0.0.53:53=timeout "
		   "[fd00::54]:53=NOERROR/2002.190ms\n");
}

static void test_nothing_known(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.query_ns = SAMPLE_NS;
	sample.session.bitmap = BIT_FQ;
	sample.verdict = (struct verdict){ .status = STATUS_SAMPLE_LOSS, .cause = CAUSE_DNSTAP_LOST };
	sample_attempt(&sample, "10.0.0.53")->is_unsent = true;
	sample_answered(sample_attempt(&sample, "10.0.0.54"), RCODE_UNKNOWN, 1000000);
	sample_answered(sample_attempt(&sample, "10.0.0.55"), 23, 1000000);
	check(&sample,
	      TIME "SampleLoss " DOTS DOTS "FQ" DOTS
		   " dnstap_lost           -                         -                                -        "
		   "-          coredns-7d56l 10.0.0.53:53=unreachable 10.0.0.54:53=answered/1.000ms "
		   "10.0.0.55:53=BADCOOKIE/1.000ms\n");
}

/* No value is cut; four attempts are shown. */
static void test_long(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.query_ns = SAMPLE_NS;
	sample.session.bitmap = BIT_CQ | BIT_CR | BIT_FQ;
	sample.session.has_client = true;
	sample.session.client = sample_addr("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	sample.session.protocol = TAP_TCP;
	sample.session.rcode = 3841;
	sample.session.response_ns = SAMPLE_NS + 12345678900000000;
	sample.session.retransmit = 3;
	sample.session.query =
		sample_dns(&sample, false,
			   (struct dns_spec){ .qname = "a-name-that-is.longer.than.its.column.test.", .qtype = 65280 });
	for (unsigned i = 0; i < 5; i++)
		sample_attempt(&sample, "10.0.0.53");
	sample.session.nr_attempts = 50000;
	sample.verdict = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_UPSTREAM_UNREACHABLE };
	check(&sample,
	      TIME "Failed     CQCRFQ" DOTS " upstream_unreachable  [2001:db8:1111:2222:3333:4444:5555:6666]:65535/TCP "
		   "a-name-that-is.longer.than.its.column.test. TYPE65280 RCODE3841 12345678900.000ms coredns-7d56l "
		   "10.0.0.53:53=timeout 10.0.0.53:53=timeout 10.0.0.53:53=timeout 10.0.0.53:53=timeout "
		   "(50000 attempts) retransmit=3\n");
}

/* Nothing that a terminal would obey, and no second line. */
static void test_hostile(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample_server(&sample, "a b\x1b[31m\n\x7f\xff", "");
	sample.session.query_ns = SAMPLE_NS;
	sample.session.bitmap = BIT_CQ;
	sample.session.query =
		sample_dns(&sample, false, (struct dns_spec){ .qname = "\\027[31m\\010\\000\\255\\032.test." });
	sample.verdict = (struct verdict){ .status = STATUS_FAILED, .cause = CAUSE_NO_RESPONSE };
	check(&sample, TIME "Failed     CQ" DOTS DOTS DOTS " no_response           -                         "
			    "\\027[31m\\010\\000\\255\\032.test. A -        -          a?b?[31m???\n");
}

static void test_no_identity(void **state)
{
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample_server(&sample, "10.1.1.1", "");
	sample.server.has_identity = false;
	sample.session.query_ns = SAMPLE_NS;
	sample.session.bitmap = BIT_CQ | BIT_CR;
	sample.session.has_client = true;
	sample.session.protocol = TAP_PROTOCOL_NONE;
	sample.session.client = sample_addr("10.0.3.7", 1);
	sample.verdict.cause = CAUSE_LOCAL_ANSWER;
	check(&sample, TIME "Succeeded  CQCR" DOTS DOTS " local_answer          10.0.3.7:1/?              "
			    "-                                -        -          -\n");
}

static void test_bitmaps(void **state)
{
	static const char *const expected[16] = {
		DOTS DOTS DOTS DOTS, "CQ" DOTS DOTS DOTS, DOTS "CR" DOTS DOTS, "CQCR" DOTS DOTS,
		DOTS DOTS "FQ" DOTS, "CQ" DOTS "FQ" DOTS, DOTS "CRFQ" DOTS,    "CQCRFQ" DOTS,
		DOTS DOTS DOTS "FR", "CQ" DOTS DOTS "FR", DOTS "CR" DOTS "FR", "CQCR" DOTS "FR",
		DOTS DOTS "FQFR",    "CQ" DOTS "FQFR",	  DOTS "CRFQFR",       "CQCRFQFR",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (unsigned i = 0; i < 16; i++) {
		buf_reset(&out);
		text_bitmap((uint8_t)i, &out);
		assert_true(slice_eq(buf_slice(&out), slice_from_str(expected[i])));
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	cmocka_unit_test(test_nothing_known), cmocka_unit_test(test_long),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_no_identity),   cmocka_unit_test(test_bitmaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
