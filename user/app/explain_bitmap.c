#include "explain_texts.h"

#define LOSS_CAUSES                                                                                         \
	"CoreDNS's dnstap queue (10,000 messages) was full: a burst, or a receiver that was too "           \
	"slow.",                                                                                            \
		"The connection was made anew: 1 to 2 s of messages are lost; from 1.9.1 to 1.13.1 nearly " \
		"all that a quiet server says around it.",                                                  \
		"The Corefile was reloaded: what the old instance still answers is not tapped."

#define LOSS_STEPS                                                                                      \
	RUN("Did CoreDNS drop any? From 1.9.1 to 1.13.1 a busy CoreDNS does not say so.",               \
	    POD_LOG("Dropped dnstap messages")),                                                        \
		RUN("Raise the queue, from CoreDNS 1.11.4 on: the last number counts 10,000 messages.", \
		    "dnstap tcp://ADDRESS:6000 full 1 4"),                                              \
		LOOK("`explain dnstap_lost` has the rest.")

const struct explanation explain_bitmaps[] = {
	{
		.name = "BitMap 0",
		.summary = "No message at all: dnstap alone never shows this.",
		.meaning = "A query for which CoreDNS emitted nothing leaves no session, so there is no line. The "
			   "value stands for queries that only the packets themselves can show.",
		.causes = CAUSES_ARE(
			"The query did not reach CoreDNS: it was lost or dropped on the way.",
			"No server block serves the name (CoreDNS says REFUSED), or its block has no `dnstap` "
			"line.",
			"The query is malformed, or of an opcode that CoreDNS does not take.",
			"The connection for dnstap is gone: a failed reload of the Corefile kills it until "
			"CoreDNS is restarted."),
		.steps = STEPS_ARE(
			RUN("Is there a `dnstap` line in every server block?", COREFILE),
			RUN("Ask CoreDNS and see whether a line appears:",
			    "kubectl run dig --rm -it --restart=Never --image=nicolaka/netshoot -- \\\n"
			    "  dig NAME TYPE"),
			RUN("What CoreDNS refused before any plugin saw it:", POD_METRICS("zone=\"dropped\""))),
	},
	{
		.name = "BitMap 1",
		.alias = "CQ",
		.summary = ("Query received, no response recorded."),
		.meaning = "CoreDNS read the query and nothing followed. Up to CoreDNS 1.14.7 this does not mean "
			   "that the client heard nothing: an error that the server itself writes passes dnstap "
			   "by. From 1.15.0 on such errors are BitMap 3.",
		.causes = CAUSES_ARE(
			"Up to 1.14.7: the server itself said SERVFAIL or REFUSED without asking an upstream: "
			"`max_concurrent` of forward is reached, no plugin answered, a plugin failed.",
			"A plugin dropped the query on purpose: `acl` with `drop`, `erratic`.",
			"The response could not be sent: the client had closed its TCP connection, or a "
			"firewall rule forbade it.",
			"CoreDNS was killed while it waited for the upstream: FORWARDER_QUERY is emitted only "
			"after the attempt.",
			"The attempt took longer than the session timeout: connecting over TCP or TLS may take "
			"30 s.",
			"The messages that should follow were lost (see `LossSuspected`), or could not be "
			"assigned (from 1.14.5 on without `full` and without `extra`)."),
		.steps = STEPS_ARE(
			RUN("What CoreDNS says of the name:", POD_LOG("plugin/errors.*NAME")),
			RUN("Errors written by the server itself have an empty `plugin`:",
			    POD_METRICS("^coredns_dns_responses_total.*plugin=\"\"")),
			RUN("Was the limit of forward reached?", POD_METRICS("max_concurrent_rejects")),
			RUN("Was CoreDNS restarted or killed?", "kubectl -n kube-system get pods -l k8s-app=kube-dns")),
	},
	{
		.name = "BitMap 2",
		.alias = "CR",
		.summary = "A response without its query: CLIENT_QUERY was lost.",
		.meaning = "CoreDNS emits CLIENT_QUERY before it does anything else. If the session began before "
			   "the first query seen on the stream, this is only the start of the stream "
			   "(`stream_started`).",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 3",
		.alias = "CQ CR",
		.summary = "CoreDNS answered by itself: from its cache or the cluster's own records.",
		.meaning = "No upstream was asked. With NOERROR or NXDOMAIN the session is Succeeded "
			   "(`local_answer`), with any other code Failed (`server_error`).",
		.causes = CAUSES_ARE(
			"The cache, `kubernetes`, `hosts`, `file` or `template` answered.",
			"With an error, from 1.15.0 on: the server itself wrote it, or the cache repeats the "
			"SERVFAIL of an upstream that was silent within the last 5 s.",
			"With an error, any release: `acl` with `block` (REFUSED), a SERVFAIL from the cache, "
			"an alias whose target could not be looked up.",
			"The upstream was asked by a plugin that is not tapped: `grpc`.",
			"From 1.14.5 on without `full` and without `extra`: a forwarded query whose upstream "
			"messages could not be assigned."),
		.steps =
			STEPS_ARE(RUN("The names with errors:", "jq -r 'select(.BitMap==3 and .Status==\"Failed\") |\n"
								"  [.Rcode,.Question.Name] | @tsv' sessions.jsonl |\n"
								"  sort | uniq -c | sort -rn | head"),
				  LOOK("An error from the cache: look for the session that put it there, with the same "
				       "name, up to 5 s before (or as long as `cache` has for `servfail`).")),
	},
	{
		.name = "BitMap 4",
		.alias = "FQ",
		.summary = "A refresh of the cache that got no answer; over UDP: lost messages.",
		.meaning = "Over TCP it is `prefetch` or `serve_stale` of the cache: no client waits for it, and "
			   "the entry may still be served. Over UDP it is one too where it follows a query for the "
			   "same name that the cache answered; else a client's query must have been there: "
			   "CLIENT_QUERY was lost, and the response was lost or never tapped.",
		.causes =
			CAUSES_ARE("The upstream does not answer over TCP: port 53/TCP is blocked, or nobody listens.",
				   "The upstream is down: clients' sessions show `upstream_timeout` as well.",
				   "Over UDP: lost dnstap messages.",
				   ("Over UDP, `background_refresh`: a refresh where forward has `prefer_udp`, or a "
				    "verification of `serve_stale` that outlasted its limit.")),
		.steps = STEPS_ARE(
			RUN("Does the upstream answer over TCP?", POD_RUN("dig @UPSTREAM NAME +tcp +tries=1")),
			RUN("What of the cache is refreshed?", COREFILE)),
	},
	{
		.name = "BitMap 5",
		.alias = "CQ FQ",
		.summary = "Forwarded; the upstream gave nothing; no response recorded.",
		.meaning = "Up to CoreDNS 1.14.7 this is the picture of a dead upstream. The client was told "
			   "SERVFAIL by the server itself, after 2 to 6 s, and the server's own errors are not "
			   "tapped. Many clients have given up by then.\n"
			   "From 1.15.0 on a dead upstream is BitMap 7 with SERVFAIL. 5 then means that the "
			   "response could not be sent, that CoreDNS ended, or that CLIENT_RESPONSE was lost.",
		.causes = CAUSES_ARE(
			"The upstream is down, overloaded, or drops what comes from this node.",
			("Packets between CoreDNS and the upstream are lost: security group, network policy, "
			 "full conntrack table, ports of the NAT used up, a cloud's limit on DNS packets."),
			"The upstream needs more than 2 s: recursion to slow or dead servers.",
			"Cause `upstream_unreachable`: nothing could be sent at all.",
			"The upstream's answer cannot be parsed.",
			"FORWARDER_RESPONSE was lost (see `LossSuspected`)."),
		.steps = STEPS_ARE(
			RUN("Which upstream? One of them, or all?",
			    "jq -r 'select(.BitMap==5) | .Upstreams[].Address' sessions.jsonl |\n"
			    "  sort | uniq -c"),
			RUN("Ask it from CoreDNS's own network:", POD_RUN("dig @UPSTREAM NAME TYPE +tries=1")),
			LOOK("`explain upstream_timeout` has the rest.")),
	},
	{
		.name = "BitMap 6",
		.alias = "CR FQ",
		.summary = "As 7, but CLIENT_QUERY was lost.",
		.meaning = "The upstream was asked and gave nothing, the client was answered, and the first message "
			   "is missing. With an error code the session is Failed, and `Lost` names the message.",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 7",
		.alias = "CQ CR FQ",
		.summary = "The upstream gave nothing, and the client was answered all the same.",
		.meaning = "The response code decides. An error: Failed (`upstream_timeout`, "
			   "`upstream_unreachable`). A good answer with TTL 0: a stale entry of the cache, "
			   "Succeeded (`stale_answer`). A good answer with a TTL above 0 that came sooner than all "
			   "attempts could time out: it must have come from an upstream, so FORWARDER_RESPONSE was "
			   "lost (SampleLoss).\n"
			   "Without `full` there is no response code: Failed from 1.15.0 on, else Succeeded.",
		.causes = CAUSES_ARE(
			"From 1.15.0 on, with SERVFAIL: the normal picture of a dead upstream.",
			"Earlier, with SERVFAIL: the same, where a `rewrite` rule or `tsig` matched: these "
			"write the error themselves.",
			"TTL 0: `serve_stale` answered while the upstream is dead.",
			"TTL above 0, SampleLoss: a lost message; or a stale answer after all, where cache has "
			"`keepttl` or a response TTL for `serve_stale`, and the upstream refuses at once."),
		.steps = STEPS_ARE(RUN("Ask the upstream from CoreDNS's own network:",
				       POD_RUN("dig @UPSTREAM NAME TYPE +tries=1")),
				   LOOK("Then `explain upstream_timeout`, or `explain dnstap_lost` for SampleLoss.")),
	},
	{
		.name = "BitMap 8",
		.alias = "FR",
		.summary = "An upstream's answer alone: FORWARDER_QUERY was lost.",
		.meaning = "FORWARDER_QUERY and FORWARDER_RESPONSE are emitted together, in this order. Over UDP "
			   "CLIENT_QUERY was lost too. Over TCP it may be a refresh of the cache, which has none.",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 9",
		.alias = "CQ FR",
		.summary = ("Query and upstream's answer: FORWARDER_QUERY was lost."),
		.meaning = "The response to the client is missing too: lost, or not tapped, or not sent.",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 10",
		.alias = "CR FR",
		.summary = "Both answers without their queries: CLIENT_QUERY and FORWARDER_QUERY were lost.",
		.meaning = "If the session began before the first query seen on the stream, this is only the start "
			   "of the stream (`stream_started`).",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 11",
		.alias = "CQ CR FR",
		.summary = "As 15, but FORWARDER_QUERY was lost.",
		.meaning = "The query was resolved by the upstream and the client was answered. With an error code "
			   "the session is Failed, and `Lost` names the message.",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 12",
		.alias = "FQ FR",
		.summary = "A refresh of the cache; over UDP: lost messages.",
		.meaning = "Over TCP it is `prefetch` or `serve_stale` of the cache: normal, no client waits for "
			   "it. Over UDP it is one too where it follows a query for the same name that the cache "
			   "answered; else a client's query must have been there: CLIENT_QUERY was lost, and the "
			   "response was lost or never tapped.",
		.causes = CAUSES_ARE(
			"Over TCP: `prefetch` or `serve_stale` in the Corefile.",
			"Over TCP: a truncated answer that was asked for again, where forward has `prefer_udp`.",
			"Over UDP: lost dnstap messages.",
			("Over UDP, `background_refresh`: a refresh where forward has `prefer_udp`, or a "
			 "verification of `serve_stale` that outlasted its limit."),
			("From 1.14.5 on without `full` and without `extra`: the upstream's part of a client's "
			 "session that could not be assigned.")),
		.steps = STEPS_ARE(
			RUN("What of the cache is refreshed?", COREFILE),
			RUN("CoreDNS's own count of refreshes:", POD_METRICS("^coredns_cache_prefetch_total"))),
	},
	{
		.name = "BitMap 13",
		.alias = "CQ FQ FR",
		.summary = "The upstream answered; no response to the client recorded.",
		.meaning = "If the last upstream answered with an error: Failed (`upstream_error`). If it answered "
			   "well: over UDP SampleLoss, since a lost message is likelier than a failed write; over "
			   "TCP Failed, since the client has usually gone (`response_not_recorded`).",
		.causes =
			CAUSES_ARE("Over UDP: CLIENT_RESPONSE was lost.",
				   "Over TCP: the client closed its connection before the answer came.",
				   ("Last answer an error, up to 1.14.6: `failover` or `next` of forward found no good "
				    "upstream, and the server's own SERVFAIL is not tapped."),
				   "The response could not be sent: a firewall rule in the way out.",
				   "Up to 1.14.4: the upstream's reply could not be parsed."),
		.steps = STEPS_ARE(RUN("How long did the upstream take? Clients give up after 2 to 5 s.",
				       "jq -r 'select(.BitMap==13) | [.Client.Protocol,.Question.Name,\n"
				       "  (.Upstreams[-1]|.Address,.DurationMs)] | @tsv' sessions.jsonl"),
				   RUN("Did CoreDNS drop dnstap messages?", POD_LOG("Dropped dnstap messages"))),
	},
	{
		.name = "BitMap 14",
		.alias = "CR FQ FR",
		.summary = "As 15, but CLIENT_QUERY was lost.",
		.meaning = "The query was resolved by the upstream and the client was answered. If the session "
			   "began before the first query seen on the stream, this is only the start of the stream "
			   "(`stream_started`). With an error code the session is Failed.",
		.causes = CAUSES_ARE(LOSS_CAUSES),
		.steps = STEPS_ARE(LOSS_STEPS),
	},
	{
		.name = "BitMap 15",
		.alias = "CQ CR FQ FR",
		.summary = "Full external resolution: forwarded, answered, passed on.",
		.meaning = "The response code decides: NOERROR and NXDOMAIN are Succeeded (`upstream_answer`), "
			   "anything else is Failed. `Upstreams` has every attempt: 15 may hide timeouts before "
			   "the attempt that was answered.",
		.causes = CAUSES_ARE("Failed, and the upstream sent the same code: `upstream_error`.",
				     "Failed with FORMERR: the upstream answered another question than the one asked "
				     "(`server_error`)."),
		.steps = STEPS_ARE(RUN("Answered, but only after an attempt that failed:",
				       "jq -c 'select(.BitMap==15 and (.Upstreams|length)>1) |\n"
				       "  [.DurationMs,.Question.Name,.Upstreams]' sessions.jsonl"),
				   RUN("Time that each upstream takes, as CoreDNS measures it:",
				       POD_METRICS("^coredns_proxy_request_duration_seconds"))),
	},
	{ 0 },
};
