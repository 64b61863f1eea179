#include "explain_texts.h"

const struct explanation explain_causes[] = {
	{
		.name = "local_answer",
		.summary = "CoreDNS answered from its cache or the cluster's own records.",
		.meaning = "Succeeded, BitMap 3. No upstream was asked. Whether it was the cache or a plugin such "
			   "as `kubernetes` or `hosts`, dnstap does not say.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("Names of the search list that nobody meant (`ndots`): many NXDOMAIN here.",
				       "jq -r 'select(.Cause==\"local_answer\" and .Rcode==\"NXDOMAIN\") |\n"
				       "  .Question.Name' sessions.jsonl | sort | uniq -c | sort -rn | head")),
	},
	{
		.name = "stale_answer",
		.summary = "The upstream gave nothing; the cache answered with an old entry.",
		.meaning = "Succeeded, BitMap 7. The client has an answer from the cache; the upstream has a problem. "
			   "Without `full` it is assumed up to 1.14.7, since the response code is not known.",
		.causes = CAUSES_ARE(
			"`serve_stale` is set, and the upstream is down or slow.",
			"An answer without any record whose FORWARDER_RESPONSE was lost: it has no TTL to tell."),
		.steps = STEPS_ARE(
			LOOK("Treat the upstream as for `explain upstream_timeout`. When the entry is too old to "
			     "be served (`serve_stale`, 1 h by default), clients will get SERVFAIL."),
			RUN("How many:", POD_METRICS("^coredns_cache_served_stale_total"))),
	},
	{
		.name = "upstream_answer",
		.summary = "An upstream answered, and CoreDNS passed it on.",
		.meaning = "Succeeded, BitMap 15. `Upstreams` has the attempts in order. The `DurationMs` of an "
			   "attempt counts from the start of forwarding: attempts that failed before are in it.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("The slowest ones:",
				       "jq -r 'select(.Cause==\"upstream_answer\") | [.DurationMs,\n"
				       "  .Upstreams[-1].Address,.Question.Name] | @tsv' sessions.jsonl |\n"
				       "  sort -rn | head")),
	},
	{
		.name = "background_refresh",
		.summary = "CoreDNS refreshed an entry of its cache; no client waited.",
		.meaning = "BitMap 12, or 4 where the upstream did not answer; over TCP, `Client` null. Succeeded "
			   "or Failed by what the upstream said. The query that triggered it has a line of its own.",
		.causes = CAUSES_ARE("`prefetch` or `serve_stale` in the Corefile.",
				     "Failed: the upstream does not answer over TCP, or is down."),
		.steps = STEPS_ARE(RUN("Failed ones only: does the upstream answer over TCP?",
				       POD_RUN("dig @UPSTREAM NAME +tcp +tries=1"))),
	},
	{
		.name = "upstream_error",
		.summary = "The upstream answered with an error.",
		.meaning = "Failed. The upstream's answer carries the code that the client got (BitMap 15), or the "
			   "last answer was an error and no response was recorded (BitMap 13). CoreDNS works; look "
			   "at the upstream. Without `full` the code is not known.",
		.causes = CAUSES_ARE(
			"SERVFAIL: the upstream could not resolve the name: its authoritative servers are dead "
			"or slow, or DNSSEC validation failed.",
			"REFUSED: the upstream does not serve this client: its access list, or the name is not "
			"of a zone it serves and recursion is off.",
			"NOTIMP, FORMERR: the upstream or a middlebox does not take the query's type or EDNS."),
		.steps = STEPS_ARE(RUN("Which names, codes and upstreams?",
				       "jq -r 'select(.Cause==\"upstream_error\") | .Question.Name as $n |\n"
				       "  .Upstreams[] | [.Address,.Rcode,$n] | @tsv' sessions.jsonl |\n"
				       "  sort | uniq -c | sort -rn | head"),
				   RUN("Ask the upstream yourself; if `+cd` helps, DNSSEC validation is the reason:",
				       POD_RUN("dig @UPSTREAM NAME TYPE +cd")),
				   RUN("Since when, by upstream and code:",
				       POD_METRICS("^coredns_proxy_request_duration_seconds_count"))),
	},
	{
		.name = "upstream_timeout",
		.summary = "CoreDNS asked upstreams, and none of them answered.",
		.meaning = "Failed, BitMap 5 up to CoreDNS 1.14.7, 7 from 1.15.0 on. CoreDNS waits 2 s for each "
			   "attempt and begins no new one after 5 s. The client was told SERVFAIL by the server "
			   "itself, if it still listened. With `LossSuspected` it may have been answered: messages "
			   "were being lost at that time.\n"
			   "Up to 1.14.4 attempts that could not be sent are here too.",
		.causes = CAUSES_ARE(
			"The upstream is down or overloaded.",
			"Packets are lost between CoreDNS and it: security group, network policy, full "
			"conntrack table, ports of the NAT used up, a cloud's limit on DNS packets per node.",
			"The upstream needs longer than 2 s for this name.",
			"The upstream closes the connection, or (from 1.14.5 on) sends replies that cannot be parsed. "
			"Up to "
			"1.14.6 it is asked again at once: see `Attempts`.",
			"FORWARDER_RESPONSE and CLIENT_RESPONSE were lost."),
		.steps = STEPS_ARE(RUN("One upstream or all? One CoreDNS pod (node) or all?",
				       "jq -r 'select(.Cause==\"upstream_timeout\") |\n"
				       "  [.Server,.Upstreams[0].Address] | @tsv' sessions.jsonl |\n"
				       "  sort | uniq -c | sort -rn"),
				   RUN("Ask the upstream from CoreDNS's own network; with `+tcp` too:",
				       POD_RUN("dig @UPSTREAM NAME TYPE +tries=1 +time=2")),
				   RUN("The reason in CoreDNS's words:", POD_LOG("plugin/errors.*NAME")),
				   RUN("Does CoreDNS take the upstream for dead?",
				       POD_METRICS("healthcheck_failures_total|healthcheck_broken_total")),
				   RUN("On the node: is its conntrack table full?",
				       "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"),
				   LOOK("Slow upstream, CoreDNS 1.14.5 and later: `read_timeout` of forward.")),
	},
	{
		.name = "upstream_unreachable",
		.summary = "No attempt to ask an upstream could even be sent.",
		.meaning = "Failed, BitMap 5 or 7. From CoreDNS 1.14.5 on FORWARDER_QUERY tells the socket used; "
			   "here no attempt that failed had one. Earlier releases do not tell, and show "
			   "`upstream_timeout`.",
		.causes = CAUSES_ARE("TCP or TLS: the connection was refused or not answered, or the handshake failed.",
				     "No route to the upstream from the pod, for instance IPv6 in an IPv4 cluster.",
				     "CoreDNS has no more file descriptors or local ports."),
		.steps =
			STEPS_ARE(RUN("The reason in CoreDNS's words:", POD_LOG("plugin/errors.*NAME")),
				  RUN("Is there a route?", POD_RUN("ip route get UPSTREAM")),
				  RUN("Does the port answer (53, or 853 for TLS)?", POD_RUN("nc -vz -w 2 UPSTREAM 53")),
				  RUN("What does forward point to?", COREFILE)),
	},
	{
		.name = "server_error",
		.summary = "CoreDNS itself answered with an error.",
		.meaning = "Failed. The response carries an error code that no upstream sent. Up to 1.14.7 only "
			   "errors that a plugin writes are seen here; those of the server itself pass dnstap by "
			   "(`no_response`, BitMap 1).",
		.causes =
			CAUSES_ARE("SERVFAIL from the cache: the upstream failed a moment before (5 s by default).",
				   "REFUSED: `acl` with `block`; from 1.15.0 on also `max_concurrent` of forward.",
				   ("SERVFAIL, from 1.15.0 on: no plugin answered, all upstreams are marked down "
				    "(`failfast_all_unhealthy_upstreams`), a zone is not loaded."),
				   "FORMERR with BitMap 15: the upstream answered another question than the one asked.",
				   "SERVFAIL with an alias in the answer: its target could not be looked up.",
				   "With `Lost`: the upstream's messages were lost, and the error may be its own."),
		.steps = STEPS_ARE(
			RUN("Which names and codes?", "jq -r 'select(.Cause==\"server_error\") |\n"
						      "  [.Rcode,.BitMap,.Question.Name] | @tsv' sessions.jsonl |\n"
						      "  sort | uniq -c | sort -rn | head"),
			RUN("The reason in CoreDNS's words:", POD_LOG("plugin/errors.*NAME")),
			RUN("REFUSED: which of the two?", POD_METRICS("max_concurrent_rejects|acl_blocked"))),
	},
	{
		.name = "no_response",
		.summary = "CoreDNS read the query, and nothing else was recorded.",
		.meaning = "Failed, BitMap 1. Up to 1.14.7 the client may have been told SERVFAIL or REFUSED by "
			   "the server itself, which is not tapped. `LossSuspected` says that messages were being "
			   "lost at that time.",
		.causes = CAUSES_ARE("Up to 1.14.7: the server itself wrote an error without asking an upstream.",
				     "A plugin dropped the query: `acl` with `drop`, `erratic`.",
				     "The response could not be sent.",
				     "CoreDNS was killed while it waited for an upstream.",
				     "The attempt took longer than the session timeout (TCP, TLS)."),
		.steps = STEPS_ARE(LOOK("`explain 1` has the causes by release, and commands."),
				   RUN("Is it one kind of client or name?",
				       "jq -r 'select(.Cause==\"no_response\") |\n"
				       "  [.Server,.Client.Protocol,.Question.Name] | @tsv' sessions.jsonl |\n"
				       "  sort | uniq -c | sort -rn | head"),
				   RUN("Dropped on purpose?", POD_METRICS("acl_dropped_requests_total")),
				   RUN("Killed?", "kubectl -n kube-system logs POD --previous | tail")),
	},
	{
		.name = "response_not_recorded",
		.summary = "The upstream answered well, but no response to the client was recorded.",
		.meaning = "BitMap 13. CoreDNS passes on what an upstream answers, so either the message about it "
			   "was lost (likelier over UDP: SampleLoss) or the response could not be sent (likelier "
			   "over TCP: Failed). dnstap alone cannot tell.",
		.causes = CAUSES_ARE("UDP: CLIENT_RESPONSE was lost.",
				     "TCP: the client had closed its connection, mostly because the upstream was slow.",
				     "A firewall rule forbids the response."),
		.steps = STEPS_ARE(LOOK("`explain 13` shows how to find out how long the upstream took."),
				   LOOK("UDP, and other sessions of that time say `dnstap_lost`: see there.")),
	},
	{
		.name = "dnstap_lost",
		.summary = "dnstap messages were lost: proven by the order in which CoreDNS emits them.",
		.meaning = "SampleLoss. CoreDNS always emits CLIENT_QUERY first and FORWARDER_QUERY before "
			   "FORWARDER_RESPONSE; one that is missing was lost. `Lost` names it. It says nothing "
			   "about how the client fared.",
		.causes = CAUSES_ARE(
			"CoreDNS's queue (10,000 messages by default) was full: a burst, or a slow receiver.",
			"The connection broke and was made anew; whatever lay in buffers is gone.",
			"The Corefile was reloaded: what the old instance still answers is not tapped.",
			"With `dnstap listen`: a receiver that was too slow is cut off.",
			("No loss at all, but a stale answer with a TTL above 0 whose upstream refused at once "
			 "(`explain 7`).")),
		.steps = STEPS_ARE(
			RUN("CoreDNS logs what it dropped; from 1.9.1 to 1.13.1 not while it is busy:",
			    POD_LOG("Dropped dnstap messages|Reloading")),
			RUN("Raise the queue, from CoreDNS 1.11.4 on: the last number counts 10,000 messages.",
			    "dnstap tcp://ADDRESS:6000 full 1 4"),
			LOOK("Is the analyser short of CPU? It must read without pause; CoreDNS gives up a "
			     "connection on which it could not write for 4 s."),
			LOOK("Fewer messages: `full` only where it is needed, more cache, more CoreDNS pods.")),
	},
	{
		.name = "stream_started",
		.summary = "The session began before the stream did.",
		.meaning = "SampleLoss, but nothing was lost: the analyser (or the connection) started in the "
			   "middle of the session. A few of these after each start are normal.",
		.causes = CAUSES_ARE("The analyser was started.",
				     "CoreDNS connected anew, after a reload or a broken connection.",
				     "A recording begins in the middle of the traffic."),
		.steps = STEPS_ARE(LOOK("Nothing to do, unless they keep coming: then the connection breaks "
					"again and again. The analyser's log has each connection.")),
	},
	{
		.name = "stream_ended",
		.summary = "The stream ended before the session did.",
		.meaning = "SampleLoss. The connection was closed, or the recording ended, and no new one followed "
			   "within the session timeout.",
		.causes = CAUSES_ARE(
			"CoreDNS was stopped, or its pod replaced.",
			"A reload of the Corefile failed: CoreDNS runs on, but its dnstap is dead until it is "
			"restarted.",
			"A recording ends in the middle of the traffic."),
		.steps = STEPS_ARE(RUN("Does the pod still run, and did a reload fail?",
				       POD_LOG("Reloading|ERROR.*Corefile|PANIC")),
				   RUN("Pod alive, metrics grow, no lines from it: restart CoreDNS.",
				       "kubectl -n kube-system rollout restart deployment/coredns")),
	},
	{
		.name = "analyser_overload",
		.summary = "A limit of the analyser closed the session early.",
		.meaning = "SampleLoss. The number of open sessions, or the memory for them, reached its limit; the "
			   "session without a message for longest was closed. CoreDNS is not to blame.",
		.causes = CAUSES_ARE("A flood of queries that get no answer: each stays open for the session timeout.",
				     "More traffic than the limits are made for."),
		.steps = STEPS_ARE(
			RUN("Who sends them?", "jq -r 'select(.Cause==\"analyser_overload\").Client.Address' \\\n"
					       "  sessions.jsonl | sort | uniq -c | sort -rn | head"),
			LOOK("Raise the limits on sessions and memory (`dnstap-analyser --help`), or run more "
			     "analysers.")),
	},
	{ 0 },
};
