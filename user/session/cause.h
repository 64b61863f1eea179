/*
 * cause - the words of a verdict: Status and Cause, as in the contract, and their spelling in records and options.
 */
#pragma once

#include "base/slice.h"

enum status { STATUS_SUCCEEDED, STATUS_FAILED, STATUS_SAMPLE_LOSS, STATUSES };

enum cause {
	CAUSE_LOCAL_ANSWER,
	CAUSE_STALE_ANSWER,
	CAUSE_UPSTREAM_ANSWER,
	CAUSE_BACKGROUND_REFRESH,
	CAUSE_UPSTREAM_ERROR,
	CAUSE_UPSTREAM_TIMEOUT,
	CAUSE_UPSTREAM_UNREACHABLE,
	CAUSE_SERVER_ERROR,
	CAUSE_NO_RESPONSE,
	CAUSE_RESPONSE_NOT_RECORDED,
	CAUSE_DNSTAP_LOST,
	CAUSE_STREAM_STARTED,
	CAUSE_STREAM_ENDED,
	CAUSE_ANALYSER_OVERLOAD,
	CAUSE_QUERY_DROPPED,
	CAUSE_RESPONSE_DROPPED,
	CAUSE_RESPONSE_NOT_SENT,
	CAUSE_NOT_TAPPED,
	CAUSES,
};

const char *status_name(enum status status);
const char *cause_name(enum cause cause);

/* The exact spelling, without regard to case; false for any other word. */
bool status_parse(const char *word, enum status *out);
bool cause_parse(const char *word, enum cause *out);
