#include "explain_texts.h"

const struct explanation explain_fields[] = {
	{
		.name = "BitMap",
		.summary = "Which dnstap messages of the session came, as a sum.",
		.meaning = "CLIENT_QUERY 1, CLIENT_RESPONSE 2, FORWARDER_QUERY 4, FORWARDER_RESPONSE 8. The text "
			   "line writes CQ, CR, FQ, FR, and two dots for each that is missing. With several "
			   "attempts a bit says that at least one such message came.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("How often each occurs:", "jq -r '[.BitMap,.Cause] | @tsv' sessions.jsonl |\n"
								 "  sort | uniq -c | sort -rn"),
				   LOOK("`explain 5` explains a value.")),
	},
	{
		.name = "Rcode",
		.summary = "The response code that CoreDNS gave to the client.",
		.meaning = "From CLIENT_RESPONSE, or from the response's packet where packets are watched. Else it is "
			   "null where that message is missing, and without `full`. It is not the upstream's code: "
			   "that stands in `Upstreams`.",
		.causes = CAUSES_ARE(
			"Null with BitMap 5 or 1, up to 1.14.7: the client probably got SERVFAIL, not tapped.",
			"Null with BitMap 3 or 15: there is no `full` in the Corefile."),
		.steps = STEPS_ARE(RUN("Look for `full` behind the address of `dnstap`:", COREFILE)),
	},
	{
		.name = "Upstreams",
		.summary = "The attempts of CoreDNS to get an answer, in order.",
		.meaning = "One entry for each FORWARDER_QUERY: address, port, protocol, the upstream's response "
			   "code and the time until its answer came; both null where none came. The time counts "
			   "from the start of forwarding, not of the attempt: 2,004 ms on the second entry may be "
			   "a timeout of 2 s at the first upstream and 4 ms at the second.\n"
			   "An attempt is no packet: a dial that failed counts too, and a query sent over UDP and "
			   "then over TCP (`prefer_udp`) is one.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("Answered and unanswered attempts, by upstream:",
				       "jq -r '.Upstreams[] | [.Address, if .DurationMs then \"answered\"\n"
				       "  else \"silent\" end] | @tsv' sessions.jsonl | sort | uniq -c")),
	},
	{
		.name = "Attempts",
		.summary = "The number of attempts, where `Upstreams` shows only the first and last 8.",
		.meaning = "Left out up to 16 attempts. Releases up to CoreDNS 1.14.6 ask again at once when an "
			   "attempt fails at once: up to 50,000 attempts in one session.",
		.causes = CAUSES_ARE("No route to the upstream.",
				     "The upstream closes TCP connections, or sends replies that cannot be parsed.",
				     "`failover` of forward, where every upstream answers with that code."),
		.steps = STEPS_ARE(
			LOOK("Upgrade CoreDNS: from 1.14.7 on there are two attempts for each upstream at most "
			     "(`max_connect_attempts`)."),
			LOOK("Such storms fill CoreDNS's dnstap queue: expect `dnstap_lost` beside them.")),
	},
	{
		.name = "Lost",
		.summary = "The dnstap messages of this session that are proven missing.",
		.meaning = "A list of kinds, whatever the Status: a Failed session may have lost messages too. It "
			   "is proof from structure (what CoreDNS always emits before something that came), or from "
			   "packets where they are watched. By structure alone a session that was lost whole leaves "
			   "no trace, so the true loss is higher.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("Which kinds, from which CoreDNS pods:",
				       "jq -r 'select(.Lost) | .Server as $s | .Lost[] | [$s,.] | @tsv' \\\n"
				       "  sessions.jsonl | sort | uniq -c"),
				   LOOK("`explain dnstap_lost` says why and what to do.")),
	},
	{
		.name = "LossSuspected",
		.summary = "The failure may be a lost message: others were lost just before.",
		.meaning = "True on a Failed session with Cause `no_response` or `upstream_timeout`, when the same "
			   "stream had shown proven loss in the 5 s before. The missing messages of this session "
			   "may have been lost too. Nothing is proven.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("Leave them out to see the failures that stand without doubt:",
				       "jq -c 'select(.Status==\"Failed\" and .LossSuspected!=true)' \\\n"
				       "  sessions.jsonl"),
				   LOOK("`explain dnstap_lost` says how to stop the loss.")),
	},
	{
		.name = "Linked",
		.summary = "\"approximate\": upstream messages were assigned by likelihood.",
		.meaning = "FORWARDER_QUERY and FORWARDER_RESPONSE carry no mark of their session. They are "
			   "assigned by DNS id, question and client address. Here several sessions fitted, or only "
			   "the id or the time did. BitMap and Upstreams may belong to a neighbour.",
		.causes = CAUSES_ARE(
			"No `full` in the Corefile, with 1.14.5 or later and no `extra`: only the time is left.",
			"Two clients used the same id for the same name at the same time (1.14.5 and later).",
			"The name was changed by `rewrite` or `autopath` (1.14.5 and later)."),
		.steps = STEPS_ARE(RUN("Name the client in every message, from CoreDNS 1.11.1 on (Corefile):",
				       "dnstap tcp://ADDRESS:6000 full {\n"
				       "    extra \"{remote} {port} {>id} {type} {name}\"\n"
				       "}")),
	},
	{
		.name = "Retransmit",
		.summary = "The client asked again: this is its n-th query of one need.",
		.meaning = "Same address, port, id and question as a query at most one session timeout before. 2 "
			   "is the first repetition. The client had not got the answer to the one before. Clients "
			   "that open a new socket for each try (Go, for one) are not recognised.",
		.causes = CAUSES_ARE(
			"The first session is slow or Failed: the client ran into its timeout (5 s with glibc, "
			"2.5 s with musl).",
			"The first session is Succeeded and fast: its answer was lost on the way to the client."),
		.steps = STEPS_ARE(RUN("All sessions of one need, in order:",
				       "jq -c 'select(.Client.Port==PORT and .Question.ID==ID) |\n"
				       "  [.Time,.Status,.BitMap,.DurationMs,.Retransmit]' sessions.jsonl"),
				   RUN("On the node: does conntrack fail to insert?",
				       "conntrack -S | grep -v 'insert_failed=0 '")),
	},
	{
		.name = "Extra",
		.summary = "The text that `extra` in the Corefile adds to each message.",
		.meaning = "Of the form \"{remote} {port} {>id} {type} {name}\" it names the client in every "
			   "message and is used to join them. Any other text is shown, and not used. An empty "
			   "address with port 0 marks a refresh of the cache.",
		.causes = NULL,
		.steps = STEPS_ARE(LOOK("CoreDNS 1.11.1 and later; older ones ignore the option without a word.")),
	},
	{ 0 },
};
