"""Nothing goes wrong: the packets agree with dnstap, nothing is lost, and the kernel adds what dnstap leaves out."""
import socket, time

import evidence
from client import Conversation
from evidence import bare, dead, not_served, own_error, seen
from lab import CLOSED, GOOD, NO_ROUTE, SECOND, SERVERS, SILENT
from probe_lab import ProbeScenario
from scenarios import CLUSTER, HIDES_CLIENT, SERVICE, forward, registrar
from verdicts import local, silence, upstream

TABLE = {}
scenario = registrar(TABLE, ProbeScenario)
LIMITS_ATTEMPTS = (1, 14, 7)
MANY = 8


def all_kinds(lab, **how):
    """One query of each kind, one after another."""
    lab.ask(SERVICE, "A", seen(local()), **how)
    lab.ask("gone.shop.svc.cluster.lab.", "A", seen(local("NXDOMAIN")), **how)
    for name, rcode in (("www.lab.", "NOERROR"), ("gone.nxdomain.lab.", "NXDOMAIN"), ("bad.servfail.lab.", "SERVFAIL"), ("no.refused.lab.", "REFUSED")):
        lab.ask(name, "A", seen(upstream(rcode)), **how)


@scenario("local answers, forwarded ones, errors of the upstream, from a client of IPv4")
def healthy(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab)
    lab.at_once(*[(f"s{n}.delay-{ms}.lab.", "A", seen(upstream())) for n, ms in enumerate((20, 300, 300, 900, 1500))])


@scenario("the same from a client of IPv6")
def healthy_ipv6(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab, family=6)


@scenario("the same over TCP, a connection for each query")
def healthy_tcp(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab, tcp=True)
    lab.ask("six.lab.", "A", seen(upstream()), tcp=True, family=6)


@scenario("from the cache, good and bad")
def cache(lab):
    lab.start(lab.block("cache 60", forward(GOOD)))
    for name, rcode in (("www.shop.lab.", "NOERROR"), ("gone.nxdomain.lab.", "NXDOMAIN"), ("bad.servfail.lab.", "SERVFAIL")):
        lab.ask(name, "A", seen(upstream(rcode)))
        lab.ask(name, "A", seen(local(rcode)))


@scenario("A and AAAA back to back from one socket, as glibc does")
def pair(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for name, verdict in (("both.lab.", upstream()), ("slow.delay-300.lab.", upstream()), ("none.nxdomain.lab.", upstream("NXDOMAIN")),
                          ("mysql.data.svc.cluster.lab.", local())):
        with lab.converse() as talk:
            talk.send(name, "A", seen(verdict))
            talk.send(name, "AAAA", seen(verdict))
            talk.receive()
    lab.touch()


@scenario("several queries at once on one TCP connection, answered out of order")
def tcp_pipeline(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with lab.converse(tcp=True) as talk:
        for n in range(MANY):
            talk.send(f"p{n}.delay-{400 - 40 * n}.lab.", "A", seen(upstream()))
        talk.receive()
        for _ in range(MANY):
            talk.send(SERVICE, "A", seen(local()))
        talk.receive()
    lab.touch()


class Dribble(Conversation):
    """Cuts what it sends into pieces, each a segment of its own."""

    cuts = (1, 7, 20)

    def transmit(self, data):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = 0
        for cut in (*self.cuts, len(data)):
            self.socket.sendall(data[at:cut])
            at = cut
            time.sleep(0.02)


@scenario("a query over TCP in pieces: within its length, its header and its name")
def tcp_pieces(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with Dribble(lab.network, "coredns-a", SERVERS["coredns-a"][0], tcp=True, sent=lab.queries) as talk:
        for name, verdict in (("www.pieces.lab.", upstream()), (SERVICE, local()), ("gone.nxdomain.lab.", upstream("NXDOMAIN"))):
            talk.send(name, "A", seen(verdict))
            talk.receive()
    lab.touch()


@scenario("a zone transfer: a response of many messages and segments")
def tcp_transfer(lab):
    head = ["$ORIGIN zone.lab.", "@ 60 IN SOA ns root 1 60 60 60 60", "@ 60 IN NS ns", "ns 60 IN A 10.96.0.53"]
    lab.path("zone.db").write_text("\n".join(head + [f"h{n} 60 IN A 10.{n // 250}.{n % 250}.1" for n in range(3000)]) + "\n")
    lab.start(lab.block("file zone.db", "transfer {\n        to *\n    }", zone="zone.lab"))
    transfer = lab.ask("zone.lab.", "AXFR", seen(local()), tcp=True)
    lab.late = len(transfer.wires) - 1                          # a CR for each message of the transfer
    lab.ask("h7.zone.lab.", "A", seen(local()))


@scenario("same id, same socket, same name again while the first is in flight")
def retransmit(lab):
    lab.start(lab.block(forward(GOOD)))
    with lab.converse() as talk:
        first = talk.send("r1.delay-1500.lab.", "A", seen(upstream()))
        lab.pause(0.5)
        talk.send("r1.delay-1500.lab.", "A", seen(upstream()).again(), id=first.question.id)
        talk.receive()
    lab.touch()


@scenario("dnstap without `full`: the packets give id, question and rcode")
def without_full(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(full=False)]))
    lab.ask(SERVICE, "A", bare(forwarded=False))
    lab.ask("www.lab.", "A", bare())
    lab.ask("gone.nxdomain.lab.", "A", bare("NXDOMAIN"))
    lab.ask("bad.servfail.lab.", "A", bare("SERVFAIL"))
    lab.ask("dead.drop.lab.", "A", dead(lab.release))


@scenario("dnstap full, with an extra that names the client", since=(1, 11, 1))
def extra(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(extra=True)]))
    all_kinds(lab)
    same_id(lab, 815)


@scenario("several clients use one id for one name at one time")
def shared_id(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(extra=lab.release >= HIDES_CLIENT)]))
    same_id(lab, 815)
    lab.ask(SERVICE, "A", seen(local()), id=815)


def same_id(lab, number):
    talks = [lab.converse(tcp=n % 2 == 1) for n in range(6)]
    for talk in talks:
        talk.send("same.delay-300.lab.", "A", seen(upstream()), id=number)
    for talk in talks:
        talk.receive()
        talk.socket.close()
    lab.touch()


@scenario("the upstream never answers: the server's own SERVFAIL, untapped up to 1.14.7")
def upstream_silent(lab):
    lab.start(lab.block(forward(SILENT)))
    lab.at_once(("s0.lab.", "A", dead(lab.release)), ("s1.lab.", "AAAA", dead(lab.release)))
    lab.ask("later.lab.", "A", dead(lab.release))


@scenario("nothing listens on the upstream's port, or it cannot be reached at all")
def upstream_closed(lab):
    lab.start(lab.block(forward(CLOSED)) + (lab.block(forward(NO_ROUTE), zone="far.lab") if lab.release >= LIMITS_ATTEMPTS else ""))
    lab.ask("c0.lab.", "A", dead(lab.release))
    if lab.release >= LIMITS_ATTEMPTS:                          # before: storms, which tests/coredns has
        lab.ask("c1.far.lab.", "A", dead(lab.release, unsent=True))


@scenario("the first upstream is dead, the second good")
def failover(lab):
    lab.start(lab.block(forward(SILENT, SECOND, options="policy sequential")))
    lab.ask("f0.lab.", "A", seen(upstream()).storm(2))


@scenario("the upstream says SERVFAIL: tapped by all releases")
def upstream_servfail(lab):
    lab.start(lab.block(forward(GOOD)))
    for n in range(3):
        lab.ask(f"w{n}.delay-{n * 50}.servfail.lab.", "A", seen(upstream("SERVFAIL")))
    lab.ask("tcp.servfail.lab.", "A", seen(upstream("SERVFAIL")), tcp=True)


@scenario("a zone that no block serves: REFUSED and no frame; a name that no plugin answers: the server's SERVFAIL")
def not_served_zone(lab):
    lab.start(lab.block("hosts {\n        10.96.0.10 known.lab\n    }", zone="lab"))
    lab.ask("known.lab.", "A", seen(local()))
    lab.ask("www.example.org.", "A", not_served())
    lab.ask("www.example.net.", "AAAA", not_served(), tcp=True)
    lab.ask("unknown.lab.", "A", own_error(lab.release))


@scenario("a block without dnstap between others: answered, and nothing of it tapped")
def untapped_block(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)), lab.block(forward(GOOD), zone="untapped.lab", taps=[]))
    verdict = evidence.Proven("Succeeded", 0, "not_tapped", "NOERROR", responses=("NOERROR",))
    for n in range(4):
        lab.ask(SERVICE, "A", seen(local()))
        lab.ask(f"w{n}.untapped.lab.", "A", verdict)
    lab.ask(SERVICE, "A", seen(local()))


@scenario("acl drops, erratic drops: the query was read, and nothing left", since=(1, 11, 0))
def plugin_drops(lab):
    lab.start(lab.block("acl dropped.lab {\n        drop\n    }", forward(GOOD)), lab.block("erratic {\n        drop 2\n    }", zone="erratic.lab"))
    lab.ask("h0.dropped.lab.", "A", seen(silence()))
    lab.ask("free.lab.", "A", seen(upstream()))
    for n in range(4):                                          # one in two
        lab.ask(f"e{n}.erratic.lab.", "A", seen(local() if n % 2 else silence()))


@scenario("the analyser finds CoreDNS by the name of its executable", watch="process")
def by_process(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab)


@scenario("... by its process id; and its start is not the server's", watch="pid")
def by_pid(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)), settled=False)
    lab.start_analyser()
    lab.await_tapped()
    all_kinds(lab)


@scenario("dnstap by way of the hub: the server is known by its host name, not by its address", watch="process", relay="hub")
def by_hostname(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab)


