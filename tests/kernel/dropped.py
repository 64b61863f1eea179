"""Packets that the kernel drops: of queries before CoreDNS reads them, of responses on their way; each with the kernel's reason."""
import signal, socket, time
from dataclasses import replace

from client import SHORT_PATIENCE
from evidence import Proven, not_sent, query_dropped, response_dropped, seen
from firewall import QUERIES, RESPONSES, dropping, udp_counters
from healthy import scenario
from lab import GOOD
from scenarios import CLUSTER, SERVICE, forward
from verdicts import CQ, FQ, FR, local, upstream

NETFILTER = "NETFILTER_DROP"
SO_RCVBUFFORCE = 33                     # socket(7); Python has no name for it
BURST = 600                             # more small datagrams than a socket's default buffer takes
RESOLVER_PATIENCE = 5.0                 # of glibc, before it asks again


def lose_queries(lab, host, hook, device=None):
    """Two queries that nftables drops there, between others that pass."""
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask("before.lab.", "A", seen(upstream()))
    with dropping(lab, host, hook, QUERIES, packets=2, device=device):
        lab.ask(SERVICE, "A", query_dropped(NETFILTER))
        lab.ask("gone.lab.", "AAAA", query_dropped(NETFILTER), family=6)
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("queries dropped by nftables in CoreDNS's namespace: input")
def query_input(lab):
    lose_queries(lab, "coredns-a", "inet input")


@scenario("queries dropped by nftables in CoreDNS's namespace: prerouting")
def query_prerouting(lab):
    lose_queries(lab, "coredns-a", "inet prerouting")


@scenario("queries dropped as they leave CoreDNS's interface: ingress")
def query_ingress(lab):
    lose_queries(lab, "coredns-a", "netdev ingress", device="eth0")


@scenario("queries dropped on the node's bridge, before they reach CoreDNS's namespace")
def query_bridge(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    unseen = replace(query_dropped(NETFILTER), queries=(False,))
    with dropping(lab, "hub", "bridge forward", QUERIES, packets=2):
        lab.ask(SERVICE, "A", unseen)
        lab.ask("gone.lab.", "A", unseen)
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("a dropped query is sent again after five seconds from the same socket, and answered")
def query_retransmitted(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for name, verdict in (("again.lab.", upstream()), (SERVICE, local())):
        with lab.converse() as talk:
            with dropping(lab, "coredns-a", "inet input", QUERIES, packets=1):
                first = talk.send(name, "A", query_dropped(NETFILTER))
                talk.receive(RESOLVER_PATIENCE)
            talk.send(name, "A", seen(verdict).again(), id=first.question.id)
            talk.receive()
    lab.touch()


@scenario("A passes, AAAA is dropped: one socket, one name")
def query_half_pair(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with lab.converse() as talk:
        talk.send("half.delay-300.lab.", "A", seen(upstream()))
        time.sleep(0.1)
        with dropping(lab, "coredns-a", "inet input", QUERIES, packets=1):
            talk.send("half.delay-300.lab.", "AAAA", query_dropped(NETFILTER))
            talk.receive(SHORT_PATIENCE)
    lab.touch()


@scenario("CoreDNS stands still, its receive buffer overflows: what found no room is lost, the rest is answered late")
def receive_buffer(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    before = udp_counters(lab.network, "coredns-a")
    with lab.converse() as talk:
        talk.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)         # all answers come at once
        lab.servers["coredns-a"].signal(signal.SIGSTOP)
        for n in range(BURST):
            talk.send(f"b{n}.pods.lab.", "A", None)
        time.sleep(0.5)
        lab.servers["coredns-a"].signal(signal.SIGCONT)
        talk.receive(2.0)
    for query in talk.queries:                                  # which ones the client knows best
        query.expect = (query_dropped("SOCKET_RCVBUFF"),) if query.outcome == "timeout" else (seen(local()),)
    lost = sum(query.outcome == "timeout" for query in talk.queries)
    counted = udp_counters(lab.network, "coredns-a")["RcvbufErrors"] - before["RcvbufErrors"]
    lab.require(0 < lost == counted, f"SCENARIO: {lost} queries without answer, {counted} receive buffer errors")
    lab.touch()


def lose_responses(lab, host, hook, local_verdict, upstream_verdict, device=None):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask("before.lab.", "A", seen(upstream()))
    with dropping(lab, host, hook, RESPONSES, packets=2, device=device):
        # At once: the upstream's responses, which have the same source port, must pass.
        lab.ask(SERVICE, "A", local_verdict)
        lab.ask("gone.shop.svc.cluster.lab.", "A", upstream_verdict)
    lab.ask("after.lab.", "A", seen(upstream()))


def away(verdict, **changes):
    return response_dropped(verdict, NETFILTER, **changes)


@scenario("responses dropped by nftables in CoreDNS's namespace: output; the write fails, so there is no CR to lose")
def response_output(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask("before.lab.", "A", seen(upstream()))
    unwritten = Proven("Failed", CQ, "response_dropped", None, "timeout", drops=(("response", NETFILTER),))
    with dropping(lab, "coredns-a", "inet output", RESPONSES, packets=3):
        for name, bitmap, rcode in ((SERVICE, CQ, "NOERROR"), ("gone.shop.svc.cluster.lab.", CQ, "NXDOMAIN"), ("www.lab.", CQ | FQ | FR, "NOERROR")):
            lab.ask(name, "A", replace(unwritten, bitmap=bitmap, rcode=rcode, responses=(rcode,)))
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("responses dropped behind CoreDNS's socket, in front of its interface: egress")
def response_egress(lab):
    lose_responses(lab, "coredns-a", "netdev egress", away(local()), away(local("NXDOMAIN")), device="eth0")


@scenario("responses dropped on the node's bridge")
def response_bridge(lab):
    lose_responses(lab, "hub", "bridge forward", away(local()), away(local("NXDOMAIN")))


@scenario("responses dropped where they enter the node's bridge: ingress")
def response_ingress(lab):
    lose_responses(lab, "hub", "netdev ingress", away(local()), away(local("NXDOMAIN")), device=lab.network.ports["coredns-a"])


@scenario("responses dropped in the client's namespace: input")
def response_client(lab):
    lose_responses(lab, "client", "inet input", away(local()), away(local("NXDOMAIN")))


@scenario("forwarded answers and errors dropped on their way to the client")
def response_forwarded(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with dropping(lab, "client", "inet input", RESPONSES, packets=4):
        for name, rcode in (("www.lab.", "NOERROR"), ("gone.nxdomain.lab.", "NXDOMAIN")):
            lab.ask(name, "A", away(upstream(rcode)))
        # What failed by itself stays the failure that it is, or becomes a dropped response: both are true.
        for name, rcode in (("bad.servfail.lab.", "SERVFAIL"), ("no.refused.lab.", "REFUSED")):
            lab.ask(name, "A", away(upstream(rcode)), replace(away(upstream(rcode)), cause="upstream_error"))
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("the client closed its socket before the answer came")
def client_gone(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    before = udp_counters(lab.network, "client")
    for n, family in enumerate((4, 4, 6)):
        with lab.converse(family=family) as talk:
            query = talk.send(f"x{n}.delay-400.lab.", "A", response_dropped(upstream(), "NO_SOCKET"))
            query.outcome = "timeout"
    lab.pause(1.0)
    counted = udp_counters(lab.network, "client")["NoPorts"] - before["NoPorts"]
    lab.require(counted == 2, f"SCENARIO: {counted} responses over IPv4 found no socket, not 2")
    lab.ask("fine.lab.", "A", seen(upstream()))


@scenario("the client resets its TCP connection before the answer: there is nobody to write it to")
def client_reset(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    talk = lab.converse(tcp=True)
    talk.send("x.delay-700.lab.", "A", not_sent(CQ | FQ | FR))
    lab.pause(0.2)
    talk.reset()
    lab.ask("fine.delay-900.lab.", "A", seen(upstream()))


@scenario("over TCP a dropped segment is sent again: nothing has failed")
def tcp_segment_dropped(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with lab.converse(tcp=True) as talk:
        talk.send(SERVICE, "A", seen(local()))
        talk.receive()
        with dropping(lab, "coredns-a", "inet input", "tcp dport 53") as drop:
            talk.send("again.lab.", "A", replace(seen(upstream()), drops=(("query", NETFILTER),)), seen(upstream()))
            time.sleep(0.15)
        lab.require(drop.count > 0, "SCENARIO: no segment was dropped")
        talk.receive()
    lab.touch()


@scenario("a query over TCP whose segments are all dropped never arrives")
def tcp_query_dropped(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with lab.converse(tcp=True) as talk:
        talk.send(SERVICE, "A", seen(local()))
        talk.receive()
        with dropping(lab, "coredns-a", "inet input", "tcp dport 53"):
            talk.send("never.lab.", "A", query_dropped(NETFILTER))
            talk.receive(SHORT_PATIENCE)
            talk.reset()
    lab.touch()


@scenario("a query is dropped, and then all is silent: wall-clock time tells of it", since=(1, 14, 0))
def query_idle(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with dropping(lab, "coredns-a", "inet input", QUERIES, packets=1):
        query = lab.ask(SERVICE, "A", query_dropped(NETFILTER))
    if lab.sees_kernel:
        lab.require(lab.await_session(query, 20.0), "nothing was told of a dropped query while the server was silent")
