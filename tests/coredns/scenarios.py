"""The scenarios: a Corefile, what is done to it, and for each query the verdict that is right. faults.py has the slow ones.

A scenario is a function of a Lab. `since` and `below` bound the releases it makes sense for.
"""
from dataclasses import dataclass
from typing import Callable

from lab import GOOD, SECOND
from verdicts import Verdict, dead_upstream, local, server_error, upstream, wrong_reply

TABLE = {}
HIDES_CLIENT = (1, 14, 5)               # from here on FQ and FR carry CoreDNS's own address
FIRST, NEVER = (1, 8, 2), (99, 0, 0)    # before 1.8.2 frames come in another order: one scenario of their own

HOSTS = """hosts {
        10.96.0.10 kube-dns.kube-system.svc.cluster.lab
        10.96.7.1 mysql.data.svc.cluster.lab
        fd53:96::1 mysql.data.svc.cluster.lab
        fallthrough
    }"""
NO_SUCH_SERVICE = """template ANY ANY shop.svc.cluster.lab {
        rcode NXDOMAIN
        authority "cluster.lab. 30 IN SOA ns.cluster.lab. root.cluster.lab. 1 60 60 60 30"
    }"""
PODS = """template IN A pods.lab {
        answer "{{ .Name }} 30 IN A 10.244.1.7"
    }"""
CLUSTER = (HOSTS, NO_SUCH_SERVICE, PODS)
SERVICE = "kube-dns.kube-system.svc.cluster.lab."


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    drive: Callable
    since: tuple = FIRST
    below: tuple = NEVER
    sink: str = "tcp"
    slow: bool = False                  # left out with --quick
    alone: bool = False                 # disturbs others, or is disturbed: played when all others are over
    options: tuple = ()                 # for the analyser

    def fits(self, release):
        return self.since <= release < self.below


def registrar(table, kind=Scenario):
    """-> the decorator that puts scenarios of that kind into that table."""
    def scenario(about, **options):
        def register(function):
            name = function.__name__.replace("_", "-")
            table[name] = kind(name, about, function, **options)
            return function
        return register
    return scenario


scenario = registrar(TABLE)


def forward(*addresses, options=""):
    return f"forward . {' '.join(addresses)}" + (f" {{\n        {options}\n    }}" if options else "")


def mixed_queries(lab, gap=0):
    """One query of each kind, one after another."""
    for name, verdict in ((SERVICE, local()), ("www.lab.", upstream()), ("gone.nxdomain.lab.", upstream("NXDOMAIN")),
                          ("bad.servfail.lab.", upstream("SERVFAIL"))):
        lab.ask(name, "A", verdict)
        lab.pause(gap)


@scenario("hosts and template answer: CQ CR")
def local_answer(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask(SERVICE, "A", local())
    lab.ask("mysql.data.svc.cluster.lab.", "AAAA", local())
    lab.ask("MySQL.Data.svc.cluster.lab.", "A", local())
    lab.ask("web-0.pods.lab.", "A", local())
    lab.ask("web-0.pods.lab.", "A", local(), tcp=True)


@scenario("the cluster's own NXDOMAIN")
def local_nxdomain(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for name in ("redis.shop.svc.cluster.lab.", "api.example.com.shop.svc.cluster.lab."):
        lab.ask(name, "A", local("NXDOMAIN"))
        lab.ask(name, "AAAA", local("NXDOMAIN"))


@scenario("first from the upstream, then from the cache, good and bad")
def cache_hit(lab):
    lab.start(lab.block("cache 60", forward(GOOD)))
    for name, rcode in (("www.shop.lab.", "NOERROR"), ("gone.nxdomain.lab.", "NXDOMAIN"), ("bad.servfail.lab.", "SERVFAIL")):
        lab.ask(name, "A", upstream(rcode))
        lab.ask(name, "A", local(rcode))
    lab.ask("www.shop.lab.", "A", local(), tcp=True)


@scenario("the upstream answers NOERROR, NXDOMAIN and every kind of error: all four messages")
def upstream_rcodes(lab):
    lab.start(lab.block(forward(GOOD)))
    for qtype in ("A", "AAAA", "TXT"):
        lab.ask("MiXeD.CaSe.lab.", qtype, upstream())
        lab.ask("typo.nxdomain.lab.", qtype, upstream("NXDOMAIN"))
    for rcode in ("SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "YXDOMAIN", "NOTAUTH"):
        lab.ask(f"www.{rcode.lower()}.lab.", "A", upstream(rcode))
    lab.ask("www.rcode-15.lab.", "A", upstream("RCODE15"))


@scenario("the upstream answers late, queries overlap")
def upstream_slow(lab):
    lab.start(lab.block(forward(GOOD)))
    lab.at_once(*[(f"s{n}.delay-{ms}.lab.", "A", upstream()) for n, ms in enumerate((20, 300, 300, 900, 1500))],
                ("s9.delay-600.nxdomain.lab.", "AAAA", upstream("NXDOMAIN")), ("s10.delay-600.servfail.lab.", "A", upstream("SERVFAIL")))


@scenario("the upstream answers another question: forward itself says FORMERR")
def upstream_wrong(lab):
    lab.start(lab.block(forward(GOOD)))
    lab.ask("w0.wrongq.lab.", "A", wrong_reply())
    lab.ask("fine.lab.", "A", upstream())


@scenario("the name is rewritten: FQ and FR ask for another name than CQ and CR")
def rewrite(lab):
    rule = "rewrite stop {\n        name regex (.*)\\.short\\.lab {1}.long.lab\n        answer name (.*)\\.long\\.lab {1}.short.lab\n    }"
    lab.start(lab.block(rule, forward(GOOD)))
    lab.ask("www.short.lab.", "A", upstream())
    lab.ask("gone.nxdomain.short.lab.", "A", upstream("NXDOMAIN"))
    lab.ask("bad.servfail.short.lab.", "A", upstream("SERVFAIL"))
    lab.ask("www.other.lab.", "A", upstream())
    lab.at_once(*[(f"s{n}.delay-200.short.lab.", "A", upstream()) for n in range(4)])


@scenario("acl block writes REFUSED, acl filter an empty NOERROR: CQ CR")
def acl_block(lab):
    lab.start(lab.block("acl blocked.lab {\n        block\n    }", "acl filtered.lab {\n        filter\n    }", forward(GOOD)))
    lab.ask("h.blocked.lab.", "A", local("REFUSED"))
    lab.ask("h.filtered.lab.", "A", local())
    lab.ask("free.lab.", "A", upstream())


@scenario("A and AAAA back to back from one socket, as glibc does")
def glibc_pair(lab):
    lab.start(lab.block(forward(GOOD)))
    for name, rcode in (("both.lab.", "NOERROR"), ("slow.delay-300.lab.", "NOERROR"), ("none.nxdomain.lab.", "NXDOMAIN"), ("bad.servfail.lab.", "SERVFAIL")):
        with lab.converse() as talk:
            talk.send(name, "A", upstream(rcode))
            talk.send(name, "AAAA", upstream(rcode))
            talk.receive()


@scenario("same id, same socket, same name again while the first is in flight: two sessions")
def retransmit(lab):
    lab.start(lab.block(forward(GOOD)))
    for name, rcode in (("r1.delay-1500.lab.", "NOERROR"), ("r2.delay-1500.nxdomain.lab.", "NXDOMAIN")):
        with lab.converse() as talk:
            first = talk.send(name, "A", upstream(rcode))
            lab.pause(0.5)
            talk.send(name, "A", upstream(rcode).again(), id=first.question.id)
            talk.receive()


@scenario("one socket uses one id again, for other names and for the same one")
def id_reuse(lab):
    lab.start(lab.block(forward(GOOD)))
    with lab.converse() as talk:
        for name, verdict in (("one.lab.", upstream()), ("two.nxdomain.lab.", upstream("NXDOMAIN")), ("one.lab.", upstream().again()),
                              ("bad.servfail.lab.", upstream("SERVFAIL"))):
            talk.send(name, "A", verdict, id=4711)
            talk.receive()


@scenario("several clients use one id for one name at one time")
def id_shared(lab):
    # Where FQ and FR do not name the client, only `extra` can tell these apart: the contract promises no more.
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(extra=lab.release >= HIDES_CLIENT)]))
    talks = [lab.converse(tcp=n % 2 == 1) for n in range(6)]
    for n, talk in enumerate(talks):
        talk.send("same.delay-300.lab.", "A", upstream(), id=815)
    for talk in talks:
        talk.receive()
        talk.socket.close()
    lab.ask(SERVICE, "A", local(), id=815)


@scenario("the client is on IPv6, the upstream on IPv4")
def ipv6_client(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask(SERVICE, "A", local(), family=6)
    lab.ask("six.lab.", "AAAA", upstream(), family=6)
    lab.ask("six.nxdomain.lab.", "A", upstream("NXDOMAIN"), family=6)
    lab.ask("six.servfail.lab.", "A", upstream("SERVFAIL"), family=6, tcp=True)
    lab.ask("four.lab.", "A", upstream())


@scenario("a client over TCP, several queries on one connection")
def tcp_client(lab):
    lab.start(lab.block(forward(GOOD)))
    lab.ask("single.lab.", "A", upstream(), tcp=True)
    with lab.converse(tcp=True) as talk:
        talk.send("p1.delay-300.lab.", "A", upstream())
        talk.send("p2.nxdomain.lab.", "A", upstream("NXDOMAIN"))
        talk.send("p3.lab.", "A", upstream())
        talk.receive()
        talk.send("p4.servfail.lab.", "A", upstream("SERVFAIL"))
        talk.receive()


@scenario("the answer is truncated over UDP, the client comes back over TCP: two sessions")
def truncated(lab):
    lab.start(lab.block(forward(GOOD)))
    for n in range(3):
        lab.ask(f"big{n}.tc.lab.", "TXT", upstream())
        lab.ask(f"big{n}.tc.lab.", "TXT", upstream(), tcp=True)


@scenario("an alias out of the zone: CoreDNS looks its target up itself, a session within a session")
def nested_lookup(lab):
    records = ["$ORIGIN zone.lab.", "@ 60 IN SOA ns root 1 60 60 60 60", "@ 60 IN NS ns", "ns 60 IN A 10.96.0.53",
               "alias 60 IN CNAME target.elsewhere.lab.", "gone 60 IN CNAME no.nxdomain.lab."]
    lab.path("zone.db").write_text("\n".join(records) + "\n")
    lab.start(lab.block("file zone.db zone.lab", forward(GOOD)))
    lab.nested(lab.ask("alias.zone.lab.", "A", local()), "target.elsewhere.lab.", "A", upstream())
    lab.ask("ns.zone.lab.", "A", local())


@scenario("two server blocks, two connections; a third block without dnstap says nothing")
def two_blocks(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)), lab.block(forward(SECOND), zone="other.lab"), lab.block(forward(GOOD), zone="untapped.lab", taps=[]))
    for n in range(3):
        lab.ask(SERVICE, "A", local())
        lab.ask(f"w{n}.lab.", "A", upstream())
        lab.ask(f"w{n}.other.lab.", "A", upstream())
        lab.ask(f"w{n}.untapped.lab.", "A")
    lab.at_once(*[(f"s{n}.delay-200.{zone}", "A", upstream()) for n in range(3) for zone in ("lab.", "other.lab.")])


@scenario("two dnstap lines to one analyser in one block: every frame comes twice", since=(1, 10, 1))
def two_taps(lab):
    lab.copies = 2
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(), lab.tap()]))
    mixed_queries(lab)
    lab.at_once(*[(f"s{n}.delay-200.lab.", "A", upstream()) for n in range(4)])
    lab.ask("h.delay-50.servfail.lab.", "A", upstream("SERVFAIL"), tcp=True)


@scenario("several CoreDNS into one analyser, asked the same by one socket with one id")
def several_coredns(lab):
    names = ("coredns-a", "coredns-b", "coredns-c")
    for name in names:
        lab.start(lab.block(*CLUSTER, forward(GOOD)), server=name)
    for qname, verdict in (("same.delay-200.lab.", upstream()), (SERVICE, local()), ("bad.delay-100.servfail.lab.", upstream("SERVFAIL"))):
        talks = same_port(lab, names)
        for talk in talks:
            talk.send(qname, "A", verdict, id=99)
        for talk in talks:
            talk.receive()
            talk.socket.close()


def same_port(lab, names):
    """One conversation with each server, all from one local port."""
    first = lab.converse(server=names[0], shared=True)
    return [first] + [lab.converse(server=name, port=first.client[1], shared=True) for name in names[1:]]


@scenario("dnstap full, with an extra that names the client", since=(1, 11, 1))
def extra_full(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(extra=True)]))
    mixed_queries(lab)
    overlapping_pairs(lab, upstream())


@scenario("no `full`, but an extra that names the client: overlapping queries can be told apart", since=(1, 11, 1))
def extra_bare(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(full=False, extra=True)]))
    lab.ask(SERVICE, "A", local().bare())
    overlapping_pairs(lab, upstream().bare())
    lab.ask("six.lab.", "A", upstream().bare(), family=6)


def overlapping_pairs(lab, verdict):
    talks = [lab.converse() for _ in range(5)]
    for n, talk in enumerate(talks):
        for qtype in ("A", "AAAA"):
            talk.send(f"c{n}.delay-{100 + 70 * n}.lab.", qtype, verdict)
    for talk in talks:
        talk.receive()
        talk.socket.close()


@scenario("dnstap without `full`, one query at a time")
def bare(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[lab.tap(full=False)]))
    lab.ask(SERVICE, "A", local().bare())
    lab.ask("www.lab.", "A", upstream().bare())
    lab.ask("gone.nxdomain.lab.", "A", Verdict("Succeeded", 15, "upstream_answer", None, "NXDOMAIN"))
    lab.ask("bad.servfail.lab.", "A", Verdict("Succeeded", 15, "upstream_answer", None, "SERVFAIL"))
    lab.ask("dead.drop.lab.", "A", dead_upstream(lab.release).bare())


@scenario("a `version` of the user's own: the release is unknown", since=(1, 9, 4))
def own_version(lab):
    lab.version = "kube-dns 7"
    tap = lab.tap() + f' {{\n        version "{lab.version}"\n    }}'
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[tap]))
    mixed_queries(lab)
    overlapping_pairs(lab, upstream())


@scenario("frames over a unix socket", sink="unix")
def unix_socket(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    mixed_queries(lab)
    lab.at_once(*[(f"s{n}.delay-200.lab.", "A", upstream()) for n in range(4)])


@scenario("CoreDNS listens, the analyser connects", since=(1, 14, 4), sink="connect")
def dnstap_listen(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.start_analyser()
    lab.await_analyser_connected()
    # CoreDNS (1.14.4 to 1.15.0 at least) lets two requests write to this stream at once, and garbles it: leave gaps.
    mixed_queries(lab, gap=0.1)


@scenario("a zone not served gets REFUSED and no frame; a name nobody answers is the server's SERVFAIL")
def unknown_zone(lab):
    lab.start(lab.block("hosts {\n        10.96.0.10 known.lab\n    }", zone="lab"))
    lab.ask("known.lab.", "A", local())
    lab.ask("www.example.org.", "A")
    lab.ask("unknown.lab.", "A", server_error(lab.release))


@scenario("CoreDNS before 1.8.2: FQ and FR before CQ, and CQ only with a response", since=(1, 7, 0), below=FIRST)
def old_order(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    mixed_queries(lab)
