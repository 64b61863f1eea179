/* The words are the contract: users parse and alert on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/cause.h"
#include "session/event.h"

static const char *const statuses[STATUSES] = {
	[STATUS_SUCCEEDED] = "Succeeded",
	[STATUS_FAILED] = "Failed",
	[STATUS_SAMPLE_LOSS] = "SampleLoss",
};

static const char *const causes[CAUSES] = {
	[CAUSE_LOCAL_ANSWER] = "local_answer",
	[CAUSE_STALE_ANSWER] = "stale_answer",
	[CAUSE_UPSTREAM_ANSWER] = "upstream_answer",
	[CAUSE_BACKGROUND_REFRESH] = "background_refresh",
	[CAUSE_UPSTREAM_ERROR] = "upstream_error",
	[CAUSE_UPSTREAM_TIMEOUT] = "upstream_timeout",
	[CAUSE_UPSTREAM_UNREACHABLE] = "upstream_unreachable",
	[CAUSE_SERVER_ERROR] = "server_error",
	[CAUSE_NO_RESPONSE] = "no_response",
	[CAUSE_RESPONSE_NOT_RECORDED] = "response_not_recorded",
	[CAUSE_DNSTAP_LOST] = "dnstap_lost",
	[CAUSE_STREAM_STARTED] = "stream_started",
	[CAUSE_STREAM_ENDED] = "stream_ended",
	[CAUSE_ANALYSER_OVERLOAD] = "analyser_overload",
	[CAUSE_QUERY_DROPPED] = "query_dropped",
	[CAUSE_RESPONSE_DROPPED] = "response_dropped",
	[CAUSE_RESPONSE_NOT_SENT] = "response_not_sent",
	[CAUSE_NOT_TAPPED] = "not_tapped",
};

static void test_statuses(void **state)
{
	enum status status = STATUS_FAILED;

	(void)state;
	for (unsigned i = 0; i < STATUSES; i++) {
		assert_string_equal(status_name((enum status)i), statuses[i]);
		assert_true(status_parse(statuses[i], &status));
		assert_int_equal(status, i);
	}
	assert_true(status_parse("sampleLOSS", &status));
	assert_int_equal(status, STATUS_SAMPLE_LOSS);
	status = STATUS_FAILED;
	assert_false(status_parse("Sample", &status));
	assert_false(status_parse("SampleLoss ", &status));
	assert_false(status_parse("", &status));
	assert_int_equal(status, STATUS_FAILED);
}

static void test_causes(void **state)
{
	enum cause cause = CAUSE_NO_RESPONSE;

	(void)state;
	for (unsigned i = 0; i < CAUSES; i++) {
		assert_string_equal(cause_name((enum cause)i), causes[i]);
		assert_true(cause_parse(causes[i], &cause));
		assert_int_equal(cause, i);
	}
	assert_true(cause_parse("UPSTREAM_TIMEOUT", &cause));
	assert_int_equal(cause, CAUSE_UPSTREAM_TIMEOUT);
	assert_false(cause_parse("upstream", &cause));
	assert_false(cause_parse("upstream_timeouts", &cause));
	assert_int_equal(cause, CAUSE_UPSTREAM_TIMEOUT);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_string_equal(kind_name(KIND_CLIENT_QUERY), "CLIENT_QUERY");
	assert_string_equal(kind_name(KIND_CLIENT_RESPONSE), "CLIENT_RESPONSE");
	assert_string_equal(kind_name(KIND_FORWARDER_QUERY), "FORWARDER_QUERY");
	assert_string_equal(kind_name(KIND_FORWARDER_RESPONSE), "FORWARDER_RESPONSE");
	assert_int_equal(BIT_CQ, 1);
	assert_int_equal(BIT_CR, 2);
	assert_int_equal(BIT_FQ, 4);
	assert_int_equal(BIT_FR, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
