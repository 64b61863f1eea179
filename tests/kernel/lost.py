"""dnstap frames that get lost between CoreDNS and the analyser: the kernel proves which, and how many. Names say what is lost, see tap.Sieve."""
from dataclasses import replace

from evidence import NAMES, Proven, dead, lost, response_dropped, seen
from firewall import RESPONSES, dropping
from healthy import scenario
from lab import GOOD
from scenarios import CLUSTER, SERVICE, forward
from verdicts import CQ, CR, FQ, FR, local, upstream

ALL = CQ | CR | FQ | FR
PODS = "lose-%s.pods.lab."              # CoreDNS answers these itself; the first label says it, as zones that are never seen are not lost
NETFILTER = "NETFILTER_DROP"


def neighbours(lab):
    """Queries of which nothing is lost."""
    lab.ask(SERVICE, "A", seen(local()))
    lab.ask("whole.pods.lab.", "A", seen(local()))
    lab.ask("whole.lab.", "A", seen(upstream()))


@scenario("of local answers: CQ, CR, both", relay="coredns-a")
def loss_local(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for n in range(3):
        lab.ask(PODS % f"cq-{n}", "A", lost(CR, CQ))
        lab.ask(PODS % f"cr-{n}", "A", lost(CQ, CR))
        lab.ask(PODS % f"cq-cr-{n}", "A", lost(0, CQ, CR))
        neighbours(lab)


@scenario("of forwarded queries: each kind, and client's kinds together", relay="coredns-a")
def loss_forwarded(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for kinds, lacking in (("cq", (CQ,)), ("cr", (CR,)), ("fq", (FQ,)), ("fr", (FR,)), ("cq-cr", (CQ, CR)), ("cq-fq", (CQ, FQ))):
        lab.ask(f"lose-{kinds}.lab.", "A", lost(ALL - sum(lacking), *lacking))
        lab.ask(f"lose-{kinds}.nxdomain.lab.", "A", lost(ALL - sum(lacking), *lacking, rcode="NXDOMAIN"))
        neighbours(lab)


@scenario("over TCP, and from a client of IPv6", relay="coredns-a")
def loss_tcp(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for how in ({"tcp": True}, {"family": 6}, {"tcp": True, "family": 6}):
        lab.ask("lose-cr.lab.", "A", lost(ALL - CR, CR), **how)
        lab.ask(PODS % "cr", "A", lost(CQ, CR), **how)
        lab.ask(PODS % "cq-cr", "A", lost(0, CQ, CR), **how)
        neighbours(lab)


@scenario("every frame of a query: without the kernel there would be no trace", relay="coredns-a", named=False)
def loss_whole(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for n in range(3):
        lab.ask(PODS % f"all-{n}", "A", lost(0, CQ, CR))
        lab.ask(f"lose-all-{n}.lab.", "A", lost(0, CQ, CR, FQ, FR), lost(0, CQ, CR))
        neighbours(lab)


@scenario("what was between server and upstream: FQ and FR together, FR and CR together", relay="coredns-a")
def loss_upstream(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for n in range(3):
        lab.ask(f"lose-fq-fr-{n}.lab.", "A", lost(CQ | CR, FQ, FR))
        lab.ask(f"lose-cr-fr-{n}.lab.", "A", lost(CQ | FQ, CR, FR))
        neighbours(lab)


@scenario("of queries that were answered with an error: a failure stays one", relay="coredns-a", exact=False)
def loss_of_failures(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    error = Proven("Failed", 0, "upstream_error", "SERVFAIL", "SERVFAIL", responses=("SERVFAIL",))
    lab.ask("lose-cr.servfail.lab.", "A", *lost_or_untapped(replace(error, bitmap=ALL - CR)))
    lab.ask("lose-cq-cr.servfail.lab.", "A", *lost_or_untapped(replace(error, bitmap=FQ | FR), NAMES[CQ]))
    lab.ask("lose-cq.servfail.lab.", "A", replace(error, bitmap=ALL - CQ, lost=(NAMES[CQ],)))
    lab.ask("lose-all.servfail.lab.", "A", *lost_or_untapped(replace(error, cause="server_error")), lost(0, CQ, CR, rcode="SERVFAIL"))
    verdict = dead(lab.release)
    lab.ask("lose-cq.drop.lab.", "A", replace(verdict, bitmap=verdict.bitmap - CQ, lost=(NAMES[CQ],)))
    neighbours(lab)


def lost_or_untapped(verdict, *besides):
    """An error response without CR: whether the server tapped it is not always to be known."""
    return (replace(verdict, lost=(*besides, NAMES[CR])), replace(verdict, lost=besides, untapped=(NAMES[CR],)),
            replace(verdict, lost=(*besides, NAMES[CQ]), untapped=(NAMES[CR],)))


@scenario("the response is dropped and its CR is lost: a failure, and a loss", relay="coredns-a")
def loss_and_drop(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with dropping(lab, "client", "inet input", RESPONSES, packets=2):
        for name, verdict in ((PODS % "cr", local()), ("lose-cr.lab.", upstream())):
            lab.ask(name, "A", replace(response_dropped(verdict, NETFILTER), bitmap=verdict.bitmap - CR, lost=(NAMES[CR],)))
    neighbours(lab)


@scenario("the relay stands on the hub: the server is known by its host name", relay="hub", watch="process")
def loss_elsewhere(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask(PODS % "cr", "A", lost(CQ, CR))
    lab.ask(PODS % "cq-cr", "A", lost(0, CQ, CR))
    neighbours(lab)


@scenario("many queries side by side, one in five loses something", relay="coredns-a")
def loss_among_many(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    kinds = (("none", seen(upstream())),) * 4 + (("cr", lost(ALL - CR, CR)), ("none", seen(upstream())), ("cq", lost(ALL - CQ, CQ)))
    for _ in range(6):
        talks = [lab.converse() for _ in range(len(kinds))]
        for n, (talk, (word, verdict)) in enumerate(zip(talks, kinds)):
            label = "" if word == "none" else f"lose-{word}."
            talk.send(f"m{n}.delay-{20 * n}.{label}lab.", "A", verdict)
            talk.send(f"m{n}.delay-{20 * n}.lab.", "AAAA", seen(upstream()))
        for talk in talks:
            talk.receive()
            talk.socket.close()
    lab.touch()
