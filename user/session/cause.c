#include "cause.h"

#include <strings.h>

static const char *const status_names[STATUSES] = {
	[STATUS_SUCCEEDED] = "Succeeded",
	[STATUS_FAILED] = "Failed",
	[STATUS_SAMPLE_LOSS] = "SampleLoss",
};

static const char *const cause_names[CAUSES] = {
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

const char *status_name(enum status status)
{
	return status_names[status];
}

const char *cause_name(enum cause cause)
{
	return cause_names[cause];
}

static bool find(const char *const *names, unsigned nr, const char *word, unsigned *out)
{
	for (unsigned i = 0; i < nr; i++) {
		if (strcasecmp(names[i], word) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool status_parse(const char *word, enum status *out)
{
	unsigned i;

	if (!find(status_names, STATUSES, word, &i))
		return false;
	*out = (enum status)i;
	return true;
}

bool cause_parse(const char *word, enum cause *out)
{
	unsigned i;

	if (!find(cause_names, CAUSES, word, &i))
		return false;
	*out = (enum cause)i;
	return true;
}
