"""Servers and namespaces that die, come back, come and go, or are several."""
import time
from dataclasses import replace

from client import SHORT_PATIENCE
from evidence import Proven, query_dropped, response_dropped, seen
from firewall import QUERIES, RESPONSES, dropping
from healthy import all_kinds, scenario
from lab import GOOD, VOID
from scenarios import CLUSTER, SERVICE, forward, same_port
from verdicts import CQ, local, upstream

NAMES = ("coredns-a", "coredns-b", "coredns-c")
NETFILTER = "NETFILTER_DROP"


def unanswered(*ends):
    """Nobody answers these any more. Their CQ may have died with the server."""
    return [replace(end, bitmap=bitmap) for end in ends for bitmap in (CQ, 0)]


GONE = Proven("Failed", 0, "no_response", None, "timeout")
ENDED = Proven("SampleLoss", 0, "stream_ended", None, "timeout", states=("partial",))


def kill_and_return(lab, waiting, to_the_dead):
    """CoreDNS is killed while clients wait; more ask in vain; it comes back. The verdicts that are right for both."""
    block = lab.block(*CLUSTER, forward(VOID, options="force_tcp"))
    lab.lossy = True                                            # what it had not flushed dies with it
    lab.start(block)
    talks = [lab.converse() for _ in range(3)]
    for n, talk in enumerate(talks):
        talk.send(f"during{n}.lab.", "A", *waiting)
    lab.pause(1.5)                                              # a flush
    lab.servers["coredns-a"].kill()
    for n in range(3):
        lab.ask(f"dead{n}.lab.", "A", *to_the_dead)
    for talk in talks:
        talk.receive(SHORT_PATIENCE)
        talk.socket.close()
    lab.start(block)
    for _ in range(3):
        lab.ask(SERVICE, "A", seen(local()))


@scenario("CoreDNS is killed while queries wait; queries to the dead port; it comes back", exact=False)
def killed(lab):
    kill_and_return(lab, unanswered(GONE), [query_dropped("NO_SOCKET")])


@scenario("the same, found by its name: nothing need be known of queries while there is no process", watch="process", exact=False)
def killed_process(lab):
    dropped = query_dropped("NO_SOCKET")
    kill_and_return(lab, unanswered(GONE, replace(GONE, states=("partial",)), ENDED), [dropped, replace(dropped, states=("partial",)), None])


@scenario("several CoreDNS, asked the same by one socket with one id", servers=NAMES)
def several(lab):
    for name in NAMES:
        lab.start(lab.block(*CLUSTER, forward(GOOD)), server=name)
    for qname, verdict in (("same.delay-200.lab.", upstream()), (SERVICE, local()), ("bad.delay-100.servfail.lab.", upstream("SERVFAIL"))):
        talks = same_port(lab, NAMES)
        for talk in talks:
            talk.send(qname, "A", seen(verdict), id=99)
        for talk in talks:
            talk.receive()
            talk.socket.close()
    lab.touch()


@scenario("several CoreDNS, and packets of one are dropped: it alone tells of it", servers=NAMES, relay="")
def several_dropped(lab):
    for name in NAMES:
        lab.start(lab.block(*CLUSTER, forward(GOOD)), server=name)
    with dropping(lab, "coredns-b", "inet input", QUERIES, packets=1), \
            dropping(lab, "hub", "netdev ingress", RESPONSES, packets=1, device=lab.network.ports["coredns-c"]):
        talks = same_port(lab, NAMES)
        for talk, verdict in zip(talks, (seen(local()), query_dropped(NETFILTER), response_dropped(local(), NETFILTER))):
            talk.send(SERVICE, "A", verdict, id=99)
        for talk in talks:
            talk.receive(SHORT_PATIENCE)
            talk.socket.close()
    for name in NAMES:
        lab.ask("after.lab.", "A", seen(upstream()), server=name)


@scenario("a namespace goes while the analyser watches it: it is let go, and the other is watched on", servers=NAMES[:2])
def namespace_removed(lab):
    for name in NAMES[:2]:
        lab.start(lab.block(*CLUSTER, forward(GOOD)), server=name)
        lab.ask(SERVICE, "A", seen(local()), server=name)
    lab.pause(1.5)
    remove(lab, "coredns-b")
    all_kinds(lab)


def remove(lab, server):
    lab.servers[server].stop()
    port = lab.network.ports[server]
    lab.network.remove_host(server)
    if not lab.laboratory_only:
        lab.require(lab.netns_gone(port), f"the namespace of {server} is still held")
    del lab.servers[server]


@scenario("CoreDNS come and go, each in a new namespace", watch="process")
def come_and_go(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    for name in ("coredns-b", "coredns-c", "coredns-b"):
        lab.start(lab.block(*CLUSTER, forward(GOOD)), server=name)
        all_kinds(lab, server=name)
        lab.ask(SERVICE, "A", seen(local()))
        lab.pause(2.0)
        remove(lab, name)
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("the analyser starts in the midst of a server's life: nothing is made up of what it did not see", watch="pid", exact=False)
def late_start(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)), settled=False)
    talks = [lab.converse() for _ in range(4)]
    for n, talk in enumerate(talks):                            # asked before, answered after
        talk.send(f"over{n}.delay-{1300 + 100 * n}.lab.", "A", *half_seen())
    time.sleep(0.3)
    lab.lossy = True
    lab.start_analyser()
    for talk in talks:
        talk.receive()
        talk.socket.close()
    lab.await_tapped()
    lab.ask("after.lab.", "A", seen(upstream()))


def half_seen():
    """Some of its frames came, or none; some of its packets, or none: it is not judged lost, nor failed."""
    partial = seen(upstream()).partly()
    ended = replace(partial, status="SampleLoss", cause="stream_started")
    return (partial, None, *(replace(ended, bitmap=b, rcode=r) for b in (0, 2, 8, 10, 12, 14) for r in (None, "NOERROR")))
