"""dnstap that is not set up, breaks off, or does not keep up: what the kernel says of queries without frames."""
import time
from dataclasses import replace

import message
import metrics
from evidence import Proven, lost, query_dropped, seen
from firewall import QUERIES, dropping
from healthy import scenario
from lab import GOOD
from scenarios import CLUSTER, SERVICE, forward
from verdicts import CQ, CR, local, upstream

NETFILTER = "NETFILTER_DROP"
CROWD, ROUND = 16000, 100               # more frames than CoreDNS's queue (10,000) and the buffers behind it hold


@scenario("a CoreDNS without a dnstap line: it is counted and no sessions are made of it")
def silent_server(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD), taps=[]), settled=False)
    if lab.sees_kernel:
        lab.require(lab.watched_soon(), "it is not watched")
    lab.ask(SERVICE, "A")
    lab.ask("www.lab.", "A")
    with dropping(lab, "coredns-a", "inet input", QUERIES, packets=1):
        lab.ask_unjudged(SERVICE, patience=1.0)
    lab.pause(12.5)
    if lab.sees_kernel:
        lab.finish_checks.append(lambda: [] if metrics.total(lab.samples, metrics.SILENT) == 1 else ["the silent server is not counted"])
        lab.finish_checks.append(lambda: [] if "frame" in lab.ready or "dnstap" in lab.ready else [f"/readyz says nothing of it: {lab.ready!r}"])


def unstreamed():
    """Answered while there was no stream: it had ended, or the frames are lost; those of the edges may have got through."""
    gap = Proven("SampleLoss", 0, "stream_ended", "NOERROR", responses=("NOERROR",))
    ended = [replace(gap, bitmap=bitmap, cause=cause) for bitmap in (0, 1) for cause in ("stream_ended", "stream_started")]
    return [*ended, lost(0, CQ, CR), lost(CQ, CR), seen(local())]


@scenario("the stream breaks off for some seconds: what was answered meanwhile is no failure, what was dropped is one", relay="coredns-a", exact=False)
def stream_gap(lab):
    lab.lossy = True
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask("before.lab.", "A", seen(upstream()))
    lab.pause(1.5)                                              # a flush
    lab.relay.cut()
    lab.pause(0.5)
    for n in range(3):
        lab.ask(f"gap{n}.pods.lab.", "A", *unstreamed())
    with dropping(lab, "coredns-a", "inet input", QUERIES, packets=1):
        lab.ask(SERVICE, "A", query_dropped(NETFILTER))
    lab.start_sieve()
    lab.await_tapped()
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("CoreDNS's dnstap queue overflows: the loss told is what did not come", relay="coredns-a", alone=True, slow=True, exact=False)
def queue_overflow(lab):
    lab.lossy = lab.must_wait = True
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask(SERVICE, "A", seen(local()))
    lab.relay.hold()
    answered = raw_crowd(lab)
    lab.relay.resume()
    lab.require(answered == CROWD, f"SCENARIO: {answered} of {CROWD} queries were answered")
    lab.pause(1.0)
    lab.ask(SERVICE, "A", seen(local()))
    if lab.sees_kernel:
        lab.finish_checks.append(lambda: loss_of_crowd(lab))


def raw_crowd(lab):
    """Local answers as fast as they come, noted nowhere: their number alone is judged. -> answers"""
    answered = 0
    with lab.converse(sent=[]) as talk:
        lab.ignored.add(talk.client)
        for start in range(0, CROWD, ROUND):
            for n in range(start, start + ROUND):
                talk.socket.send(message.pack_query(message.Question(n, f"closing{n}.pods.lab.", "A")))
            deadline = time.monotonic() + 2.0
            for _ in range(ROUND):
                answered += talk.next_wire(deadline) is not None
    return answered


def loss_of_crowd(lab):
    """Each query has its CQ and its CR; what did not come by the relay had found no room in CoreDNS's queue."""
    asked = CROWD + len(lab.ignored) - 1 + len(lab.queries)     # the crowd is one client
    truth = 2 * asked - sum(lab.sieve.passed.values())
    told = metrics.loss(lab.samples, "coredns-a")
    wrong = [] if truth > 0 else ["SCENARIO: nothing was lost"]
    return wrong + ([] if told == (truth, truth) else [f"CoreDNS dropped {truth} messages, told is {told}"])
