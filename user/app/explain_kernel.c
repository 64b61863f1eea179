#include "explain_texts.h"

/* What only the packets tell. */
const struct explanation explain_kernel[] = {
	{
		.name = "query_dropped",
		.summary = "The kernel dropped the query before CoreDNS could read it.",
		.meaning = "Failed, BitMap 0: dnstap shows nothing of it. `Kernel.Drops` has the kernel's own reason. "
			   "`Kernel.Query` says whether the packet had reached CoreDNS's network namespace.",
		.causes = CAUSES_ARE(
			"SOCKET_RCVBUFF: the receive buffer of CoreDNS's socket was full: it does not read fast "
			"enough (CPU limit, too few pods, stopped).",
			"NETFILTER_DROP: a firewall rule, a network policy, or conntrack could not take the entry "
			"(table full; two packets of one socket at once: the 5 s delays).",
			"NO_SOCKET: nothing listens on that port: CoreDNS is down or restarting.",
			"UDP_CSUM: the packet was damaged, or an offload is broken."),
		.steps = STEPS_ARE(RUN("Which reasons, for whom?",
				       "jq -r 'select(.Cause==\"query_dropped\") |\n"
				       "  [.Kernel.Drops[0].Reason,.Client.Address] | @tsv' sessions.jsonl |\n"
				       "  sort | uniq -c | sort -rn | head"),
				   RUN("SOCKET_RCVBUFF: is CoreDNS throttled? Raise its CPU limit, or add pods.",
				       POD_METRICS("process_cpu_seconds_total")),
				   RUN("NETFILTER_DROP: rules and conntrack, on the node:",
				       "nft list ruleset | grep -n drop\n"
				       "conntrack -S | grep -v 'insert_failed=0 '")),
	},
	{
		.name = "response_dropped",
		.summary = "CoreDNS answered, and the kernel dropped the response.",
		.meaning =
			"Failed, whatever dnstap shows: the client has got nothing. `Kernel.Drops` has the kernel's "
			"own reason. Drops are seen on this node only: in CoreDNS's namespace, the node's, and those "
			"of other pods on it.",
		.causes = CAUSES_ARE(
			"NETFILTER_DROP: a firewall rule or network policy on the way back.",
			"NO_SOCKET: the client had closed its socket: it had given up before the answer came.",
			"SOCKET_RCVBUFF: the client's receive buffer was full.",
			"NEIGH_FAILED: nobody answers for the client's address: its pod has gone."),
		.steps = STEPS_ARE(
			RUN("Which reasons, for whom?",
			    "jq -r 'select(.Cause==\"response_dropped\") |\n"
			    "  [.Kernel.Drops[0].Reason,.Client.Address] | @tsv' sessions.jsonl |\n"
			    "  sort | uniq -c | sort -rn | head"),
			LOOK("NO_SOCKET with a long `DurationMs`: not the network, the answer was slow; look at "
			     "`Upstreams`.")),
	},
	{
		.name = "response_not_sent",
		.summary = "A response should have left, and the kernel saw none.",
		.meaning = "Failed. CoreDNS recorded a response (BitMap 3, 7, 15), or had the upstream's answer (13), "
			   "and no packet of it left its network namespace, though all packets were watched "
			   "(`Kernel.State` is complete).",
		.causes = CAUSES_ARE("The client had closed its TCP connection (`Kernel.Reset`).",
				     "The write failed: a rule in CoreDNS's own namespace, no route to the client.",
				     "A plugin that taps a response and does not send it (`shed`)."),
		.steps = STEPS_ARE(RUN("CoreDNS's own words:", POD_LOG("write|sendmsg|plugin/errors")),
				   RUN("Routes and rules in its namespace:", POD_RUN("ip route"))),
	},
	{
		.name = "not_tapped",
		.summary = "Answered by a server block without `dnstap`.",
		.meaning =
			"Succeeded, BitMap 0. No frame of this zone has ever come, several of its names were "
			"answered, and queries of other zones were shown at the same time: no loss, the block is not "
			"tapped.",
		.causes = CAUSES_ARE("The Corefile has a server block for this zone without a `dnstap` line."),
		.steps = STEPS_ARE(RUN("Each server block needs its own line:", COREFILE)),
	},
	{
		.name = "Kernel",
		.summary = "What the packets say of this session.",
		.meaning = "From the probe on the node, or from a capture (`replay --pcap`). `Query`: it reached "
			   "CoreDNS's network namespace. `Response`: the code of the response that CoreDNS sent, null "
			   "where none was seen. `Drops`: what the kernel dropped, and why. `ICMP`, `Reset`: what came "
			   "back. `State`: complete, all was watched and what was not seen was not there; partial, "
			   "events were lost or watching began or ended in between: what was seen counts, no more; "
			   "none, the session has no packet of its own (a refresh of the cache, a nested lookup, a "
			   "client over TLS or HTTPS). Without the key nobody watched.\n"
			   "In `Upstreams`, `Kernel` says whether the attempt's query left and what came back.",
		.causes = NULL,
		.steps = STEPS_ARE(RUN("Drops by reason:", "jq -r '.Kernel.Drops[]? | [.Packet,.Reason] | @tsv' \\\n"
							   "  sessions.jsonl | sort | uniq -c | sort -rn"),
				   LOOK("docs/probe.md says what the probe sees and what it cannot.")),
	},
	{
		.name = "Untapped",
		.summary = "A message that was, and that this release of CoreDNS never shows.",
		.meaning = "The kernel saw the response leave; up to 1.14.7 CoreDNS writes its own errors (SERVFAIL, "
			   "REFUSED, FORMERR) past dnstap, and in every release those for a zone that it does not "
			   "serve. It is not lost. `Rcode` is then the packet's.",
		.causes = NULL,
		.steps = STEPS_ARE(LOOK("CoreDNS 1.15.0 and later tap the errors that they write.")),
	},
	{ 0 },
};
