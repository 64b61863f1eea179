"""More packets than the analyser's ring holds: what was not seen proves nothing, and what is told of loss are bounds."""
import signal, time
from dataclasses import replace

import metrics
from client import SHORT_PATIENCE
from evidence import COMPLETE, NONE, PARTIAL, Proven, lost, query_dropped, seen
from firewall import QUERIES, dropping
from healthy import scenario
from lab import GOOD
from scenarios import CLUSTER, SERVICE, forward
from verdicts import CQ, CR, local

SMALLEST = ("--probe-ring", "64KiB")
ROUND = 100                             # queries at once: no more than a socket's buffer takes
NETFILTER = "NETFILTER_DROP"


def crowd(lab, rounds, name, *expect):
    """Many local answers, a round after the other."""
    with lab.converse() as talk:
        for k in range(rounds):
            for n in range(ROUND):
                talk.send(name % (k * ROUND + n), "A", *expect)
            talk.receive()
        lab.require(all(q.outcome == "NOERROR" for q in talk.queries), "SCENARIO: not every query was answered")


def overrun(lab, work):
    """The analyser stands still meanwhile, so that its ring must run over; what is near in time may be in doubt, too."""
    lab.pause(1.0)
    lab.analyser.signal(signal.SIGSTOP)
    work()
    lab.analyser.signal(signal.SIGCONT)
    lab.pause(2.0)


def check_events_lost(lab):
    if lab.sees_kernel:
        lab.finish_checks.append(lambda: [] if metrics.total(lab.samples, metrics.EVENTS_LOST) else ["no event was lost: nothing was tested"])


@scenario("the ring runs over in the midst of good answers: none becomes a failure, none a loss", alone=True, options=SMALLEST,
          exact=False)
def ring_overrun(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    check_events_lost(lab)
    lab.finish_checks.append(lambda: bounds(lab))
    lab.ask(SERVICE, "A", seen(local()))
    overrun(lab, lambda: crowd(lab, 10, "w%d.pods.lab.", seen(local()).partly()))
    lab.ask(SERVICE, "A", seen(local()))


@scenario("the ring runs over while frames are lost and queries dropped: the truth lies within the bounds", alone=True, options=SMALLEST,
          relay="coredns-a", exact=False)
def ring_overrun_loss(lab):
    lab.lossy = True
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    check_events_lost(lab)
    lab.finish_checks.append(lambda: bounds(lab))
    overrun(lab, lambda: lossy_work(lab))
    lab.ask(SERVICE, "A", seen(local()))


def lossy_work(lab):
    """Seen, each is proven; not seen, it is as dnstap alone has it, or not there."""
    alone = Proven("Failed", CQ, "no_response", None, "NOERROR", states=(PARTIAL, NONE))
    crowd(lab, 2, "a%d.pods.lab.", seen(local()).partly())
    crowd(lab, 1, "lose-cr-%d.pods.lab.", lost(CQ, CR), replace(lost(CQ, CR), states=(PARTIAL,)), alone, replace(alone, queries=(True, False)))
    crowd(lab, 1, "lose-all-%d.pods.lab.", *answered_without_frames())
    with dropping(lab, "coredns-a", "inet input", QUERIES, packets=ROUND), lab.converse() as talk:
        for n in range(ROUND):
            talk.send(f"d{n}.pods.lab.", "A", replace(query_dropped(NETFILTER), states=(COMPLETE, PARTIAL)), None,
                      replace(alone, bitmap=0, states=(PARTIAL,), client="timeout"))
        talk.receive(SHORT_PATIENCE)
    crowd(lab, 2, "e%d.pods.lab.", seen(local()).partly())


def answered_without_frames():
    """All frames lost: proven where the response was seen, else anything but a failure, for there was none."""
    proven = replace(lost(0, CQ, CR), states=(COMPLETE, PARTIAL))
    doubt = Proven("SampleLoss", 0, "dnstap_lost", None, "NOERROR", states=(PARTIAL,))
    return proven, None, doubt, *(replace(doubt, lost=kinds) for kinds in (("CLIENT_QUERY",), ("CLIENT_QUERY", "CLIENT_RESPONSE")))


@scenario("the ring fills up between queries and responses of which every frame is lost: no failure is made up", alone=True, options=SMALLEST,
          relay="coredns-a", exact=False)
def ring_overrun_edge(lab):
    lab.lossy = lab.must_wait = True
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    check_events_lost(lab)
    lab.finish_checks.append(lambda: bounds(lab))
    overrun(lab, lambda: crowd(lab, 6, "lose-all-%d.pods.lab.", *answered_without_frames()))
    lab.ask(SERVICE, "A", seen(local()))


def bounds(lab):
    if not lab.sees_kernel:
        return []
    told, truth = metrics.loss(lab.samples, "coredns-a"), lab.sieve.nr_lost("coredns-a")
    return [] if told and told[0] <= truth <= told[1] else [f"{truth} frames were lost, told is {told}"]


@scenario("a flood at full speed through a small ring", alone=True, options=SMALLEST)
def flood(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    began = time.monotonic()
    crowd(lab, 60, "f%d.pods.lab.", seen(local()).partly())
    lab.touch()
    lab.path("flood.txt").write_text(f"{60 * ROUND} queries in {time.monotonic() - began:.2f} s\n")
