#include "explain_texts.h"

#define COUNT_CAUSES(status)                                               \
	"jq -r 'select(.Status==\"" status "\").Cause' sessions.jsonl |\n" \
	"  sort | uniq -c | sort -rn"

const struct explanation explain_statuses[] = {
	{
		.name = "Succeeded",
		.summary = "CoreDNS answered NOERROR or NXDOMAIN.",
		.meaning = "NXDOMAIN counts as success: the name does not exist, and the client was told so. "
			   "`Cause` says where the answer came from: `local_answer`, `stale_answer` or "
			   "`upstream_answer`. A `background_refresh` that succeeded is here too; it has no client.\n"
			   "It proves that CoreDNS answered, not that the answer reached the client. Without `full` "
			   "in the Corefile there is no response code: `Rcode` is null, and an answer that was an "
			   "error counts as Succeeded.",
		.causes = CAUSES_ARE(
			"The application failed all the same because the answer came too late: see "
			"`DurationMs`.",
			"The answer was lost between CoreDNS and the client: conntrack, a network policy, a "
			"full receive buffer. The client then asks again, see `Retransmit`.",
			"The answer was NOERROR without any record of the type asked for (`ANCOUNT` is 0), or "
			"NXDOMAIN for a name that the search list made up.",
			"There is no `full` in the Corefile, and the answer was an error."),
		.steps = STEPS_ARE(RUN("The slowest answers:",
				       "jq -r 'select(.DurationMs!=null) |\n"
				       "  [.DurationMs,.Question.Name,.Cause] | @tsv' sessions.jsonl |\n"
				       "  sort -rn | head"),
				   RUN("Empty answers, by name:",
				       "jq -r 'select(.Rcode==\"NOERROR\") | .Question as $q | .Messages[] |\n"
				       "  select(.Type==\"CLIENT_RESPONSE\" and .Message.ANCOUNT==0) |\n"
				       "  [$q.Name,$q.Type] | @tsv' sessions.jsonl | sort | uniq -c | sort -rn")),
	},
	{
		.name = "Failed",
		.summary = "The client got an error, or nothing that dnstap could see.",
		.meaning = "Either the response carries an error code (anything but NOERROR and NXDOMAIN), or there "
			   "was no response and something other than lost dnstap messages explains that best. "
			   "`Cause` says which. A failure that was seen is never hidden behind SampleLoss.\n"
			   "Up to CoreDNS 1.14.7 the errors that the server itself writes (SERVFAIL, REFUSED, "
			   "FORMERR) pass dnstap by. So a Failed session without CLIENT_RESPONSE does not mean that "
			   "the client heard nothing: after an upstream timeout it got SERVFAIL.",
		.causes = CAUSES_ARE("`upstream_timeout`: the upstream did not answer.",
				     "`upstream_error`: the upstream answered with an error, which CoreDNS passed on.",
				     "`no_response`: CoreDNS read the query and then nothing was recorded.",
				     "`server_error`: CoreDNS itself made the error.",
				     "`upstream_unreachable`: nothing could be sent to the upstream.",
				     "`response_not_recorded`, over TCP: the client had usually gone.",
				     "`background_refresh`: a refresh of the cache failed; no client waited for it."),
		.steps = STEPS_ARE(RUN("Count the causes, then explain the first one:", COUNT_CAUSES("Failed")),
				   RUN("See which names, clients and CoreDNS pods are concerned:",
				       "jq -r 'select(.Status==\"Failed\") |\n"
				       "  [.Server,.Client.Address,.Question.Name] | @tsv' sessions.jsonl |\n"
				       "  sort | uniq -c | sort -rn | head")),
	},
	{
		.name = "SampleLoss",
		.summary = "dnstap messages are missing: the session cannot be judged.",
		.meaning = "It says nothing about DNS: most of these queries were answered. CoreDNS or the analyser "
			   "was overloaded, or the stream began or ended in the middle of the session. `Lost` "
			   "names the messages that are proven missing.",
		.causes =
			CAUSES_ARE("`dnstap_lost`: CoreDNS's dnstap queue was full, or a connection broke.",
				   ("`stream_started`, `stream_ended`: CoreDNS or the analyser was restarted, or the "
				    "Corefile was reloaded."),
				   "`response_not_recorded`, over UDP: the last message is missing, most likely lost.",
				   "`analyser_overload`: a limit of the analyser closed the session early."),
		.steps = STEPS_ARE(RUN("Count the causes, then explain the first one:", COUNT_CAUSES("SampleLoss")),
				   RUN("See whether one CoreDNS pod or all of them lose messages:",
				       "jq -r 'select(.Status==\"SampleLoss\").Server' sessions.jsonl |\n"
				       "  sort | uniq -c"),
				   RUN("Ask CoreDNS whether it dropped any:", POD_LOG("Dropped dnstap messages"))),
	},
	{ 0 },
};
