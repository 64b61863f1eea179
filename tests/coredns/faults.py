"""The scenarios in which something fails, runs out or dies. Most must wait for the session timeout, so they are the slow ones."""
import threading, time
from dataclasses import replace

from client import SHORT_PATIENCE
from lab import CLOSED, GOOD, NO_ROUTE, SECOND, SILENT, VOID
from scenarios import CLUSTER, SERVICE, forward, mixed_queries, scenario
from verdicts import (CQ, FQ, FR, TAPS_ERRORS, Verdict, cut_off, dead_upstream, local, not_written, refresh, server_error,
                      silence, stale, upstream)

LIMITS_ATTEMPTS = (1, 14, 7)            # from here on at most two attempts for each upstream; before: storms
# What a session may look like whose end went into a dead queue: cut off after any of its messages, or not there at all.
LOSSES = (None, *(Verdict(status, bitmap, cause) for bitmap, lone in ((CQ, "no_response"), (CQ | FQ, "upstream_timeout"), (13, "response_not_recorded"))
                  for status, cause in (("Failed", lone), ("SampleLoss", lone), ("SampleLoss", "stream_ended"))))
GIVES_UP = 8.0                          # seconds after which CoreDNS has surely given up in the background
STALE = "cache 60 {\n        success 1000 60 1\n        serve_stale 1h%s\n    }"


@scenario("the only upstream never answers: SERVFAIL by the server after seconds")
def upstream_silent(lab):
    lab.start(lab.block(forward(SILENT)))
    dead = dead_upstream(lab.release)
    lab.at_once(("s0.lab.", "A", dead), ("s1.lab.", "AAAA", dead), ("s2.lab.", "A", dead))
    lab.ask("later.lab.", "A", dead)                            # the upstream is marked down by now


@scenario("some names get no answer from an upstream that is well", slow=True)
def upstream_drop(lab):
    lab.start(lab.block(forward(GOOD)))
    dead = dead_upstream(lab.release)
    lab.at_once(("x.drop.lab.", "A", dead), ("y.drop.lab.", "A", dead), ("slow.delay-900.lab.", "A", upstream()), ("fine.lab.", "A", upstream()))


@scenario("nothing listens on the upstream's port: ICMP")
def upstream_closed(lab):
    lab.start(lab.block(forward(CLOSED)))
    lab.ask("c0.lab.", "A", dead_upstream(lab.release))
    lab.ask("c1.lab.", "A", dead_upstream(lab.release))


@scenario("no route to the upstream: the attempt cannot even be sent; up to 1.14.4 a storm of attempts")
def upstream_no_route(lab):
    lab.start(lab.block(forward(NO_ROUTE)))
    dead = dead_upstream(lab.release, unsent=True)
    lab.ask("n1.lab.", "A", dead if lab.release >= LIMITS_ATTEMPTS else dead.storm(1000))


@scenario("the upstream closes the TCP connection instead of answering", slow=True)
def upstream_tcp_close(lab):
    lab.start(lab.block(forward(GOOD, options="force_tcp")))
    lab.ask("t1.lab.", "A", upstream())
    dead = dead_upstream(lab.release)
    lab.ask("t2.close.lab.", "A", dead if lab.release >= LIMITS_ATTEMPTS else dead.storm(100))
    lab.ask("t3.lab.", "A", upstream())


@scenario("the first upstream is dead, the second good")
def failover(lab):
    lab.start(lab.block(forward(SILENT, SECOND, options="policy sequential")))
    lab.ask("f0.lab.", "A", upstream().storm(2))
    lab.ask("f1.nxdomain.lab.", "A", upstream("NXDOMAIN"))


@scenario("`failover SERVFAIL`, and every upstream says SERVFAIL: a storm with answers up to 1.14.4", since=(1, 13, 0), slow=True)
def failover_rcode(lab):
    lab.start(lab.block(forward(GOOD, SECOND, options="failover SERVFAIL")))
    good = lab.release >= LIMITS_ATTEMPTS
    lab.ask("x.servfail.lab.", "A", upstream("SERVFAIL").storm(2) if good
            else Verdict("Failed", CQ | FQ | FR, "upstream_error", None, "SERVFAIL", attempts=1000))
    lab.ask("fine.lab.", "A", upstream())


@scenario("a failure in the cache: 1.15.0 keeps the SERVFAIL of a dead upstream for 5 s", slow=True)
def cache_failure(lab):
    lab.start(lab.block("cache 60", forward(SILENT)))
    lab.ask("x.lab.", "A", dead_upstream(lab.release))
    lab.ask("x.lab.", "A", local("SERVFAIL") if lab.release >= TAPS_ERRORS else dead_upstream(lab.release))


@scenario("rewrite writes the SERVFAIL of a dead upstream itself, from 1.9.0 on", slow=True)
def rewrite_silent(lab):
    rule = "rewrite stop {\n        name regex (.*)\\.short\\.lab {1}.drop.lab\n        answer name (.*)\\.drop\\.lab {1}.short.lab\n    }"
    lab.start(lab.block(rule, forward(GOOD)))
    writes = lab.release >= (1, 9, 0)
    dead = dead_upstream(lab.release, written=writes)
    # Before, the server answers with the rewritten question: no resolver takes that for its answer.
    lab.ask("www.short.lab.", "A", dead if writes else replace(dead, client="timeout"))
    lab.pause(0 if writes else GIVES_UP)
    lab.ask("www.other.lab.", "A", upstream())


@scenario("a cache hit triggers a prefetch: FQ FR of nobody", slow=True)
def prefetch(lab):
    prefetches(lab, forward(GOOD))


@scenario("prefetch behind `prefer_udp`: the refresh goes over UDP", slow=True)
def prefetch_udp(lab):
    prefetches(lab, forward(GOOD, options="prefer_udp"))


def prefetches(lab, forwarding):
    lab.start(lab.block("cache 60 {\n        prefetch 1 10s 90%\n    }", forwarding))
    # The delay lets the refresh come behind its trigger's CR, as it nearly always does where an upstream is a network away.
    names = ["pf1.ttl-10.delay-20.lab.", "pf2.ttl-10.delay-20.lab.", "pf3.ttl-10.delay-20.once.lab."]
    for name in names:
        lab.ask(name, "A", upstream())
    lab.pause(2.2)                                              # below 90 % of the TTL
    for name in names:
        lab.ask(name, "A", local())
        lab.background(name, refresh(good="once" not in name))
    lab.pause(GIVES_UP)


@scenario("serve_stale: the stale answer at once, the refresh in the background", slow=True)
def stale_immediate(lab):
    lab.start(lab.block(STALE % "", forward(GOOD)))
    for name in ("st1.ttl-1.lab.", "st2.ttl-1.once.lab."):
        lab.ask(name, "A", upstream())
    lab.pause(2.2)                                              # past the TTL
    for name in ("st1.ttl-1.lab.", "st2.ttl-1.once.lab."):
        lab.ask(name, "A", local())
        lab.background(name, refresh(good="once" not in name))
    lab.pause(GIVES_UP)


@scenario("serve_stale verify: the upstream is asked first; if it is dead the stale answer goes out", since=(1, 9, 2), slow=True)
def stale_verify(lab):
    lab.start(lab.block(STALE % " verify", forward(GOOD)))
    names = ("st1.ttl-1.lab.", "st2.ttl-1.once.lab.", "st3.ttl-1.once.lab.")
    for name in names:
        lab.ask(name, "A", upstream(), edns="st3" in name)
    lab.pause(2.2)
    for name in names:
        # An OPT record's TTL field holds flags: it does not make a stale answer a fresh one.
        lab.ask(name, "A", stale() if "once" in name else upstream(), edns="st3" in name)


@scenario("serve_stale verify with a time limit: the stale answer overtakes the attempt, which ends behind the CR", since=(1, 14, 4), slow=True)
def stale_verify_limit(lab):
    lab.start(lab.block(STALE % " verify 300ms", forward(GOOD)))
    name = "st.ttl-1.delay-800.lab."
    lab.ask(name, "A", upstream())
    lab.pause(2.2)
    lab.ask(name, "A", local())
    # Over UDP, with the client's id: late frames of its session, or a refresh of their own. Never loss: nothing was lost.
    lab.background(name, refresh(), optional=True)
    lab.late = None
    lab.pause(1.5)


@scenario("a stale answer that carries a TTL of its own is no sign of a lost FR", since=(1, 14, 7), slow=True)
def stale_response_ttl(lab):
    lab.start(lab.block(STALE % " verify 0 30s", forward(GOOD)))
    lab.ask("st.ttl-1.once.lab.", "A", upstream())
    lab.pause(2.2)
    lab.ask("st.ttl-1.once.lab.", "A", stale())


@scenario("acl drop: CQ only, and nothing for the client", since=(1, 11, 0))
def acl_drop(lab):
    lab.start(lab.block("acl dropped.lab {\n        drop\n    }", forward(GOOD)))
    lab.ask("h0.dropped.lab.", "A", silence())
    lab.ask("h1.dropped.lab.", "A", silence())
    lab.ask("free.lab.", "A", upstream())


@scenario("the erratic plugin drops every third query: CQ only", slow=True)
def erratic_drop(lab):
    lab.start(lab.block("erratic {\n        drop 3\n    }"))
    for n in range(6):
        lab.ask(f"e{n}.erratic.lab.", "A", silence() if n % 3 == 0 else local())


@scenario("after the last query all is silent: wall-clock time closes the session", slow=True, options=("--idle-timeout", "14s"))
def idle(lab):
    lab.start(lab.block("erratic {\n        drop 1\n    }"))
    query = lab.ask("e.erratic.lab.", "A", silence())
    lab.replayable = False                                      # in a recording nothing is ever idle
    lab.require(lab.await_session(query, patience=40.0), "the idle stream's session was not closed")


@scenario("a zone transfer: one CQ, many CR; refused over UDP")
def axfr(lab):
    head = ["$ORIGIN zone.lab.", "@ 60 IN SOA ns root 1 60 60 60 60", "@ 60 IN NS ns", "ns 60 IN A 10.96.0.53"]
    records = [f"h{n} 60 IN A 10.{n // 250}.{n % 250}.1" for n in range(3000)]
    lab.path("zone.db").write_text("\n".join(head + records) + "\n")
    lab.start(lab.block("file zone.db", "transfer {\n        to *\n    }", zone="zone.lab"))
    transfer = lab.ask("zone.lab.", "AXFR", local(), tcp=True)
    lab.late = len(transfer.wires) - 1                          # a CR for each message of the transfer
    lab.ask("h7.zone.lab.", "A", local())
    lab.ask("none.zone.lab.", "A", local("NXDOMAIN"))
    lab.ask("zone.lab.", "AXFR", server_error(lab.release, "REFUSED"))


@scenario("the client resets its TCP connection before the answer: it cannot be written", slow=True)
def tcp_client_gone(lab):
    lab.start(lab.block(forward(GOOD)))
    talk = lab.converse(tcp=True)
    talk.send("x.delay-700.lab.", "A", not_written(tcp=True))
    lab.pause(0.2)
    talk.reset()
    lab.ask("fine.delay-900.lab.", "A", upstream())


@scenario("a firewall forbids CoreDNS to send its answers: the write fails, no CR", slow=True)
def unwritable(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    mixed_queries(lab)
    lab.network.run("coredns-a", "nft", "add table inet lab; add chain inet lab out { type filter hook output priority 0; };"
                    " add rule inet lab out udp sport 53 drop")
    lab.ask(SERVICE, "A", silence())
    lab.ask("www.lab.", "A", not_written(tcp=False))
    lab.network.run("coredns-a", "nft", "delete table inet lab")
    lab.ask("after.lab.", "A", upstream())


@scenario("CoreDNS is reloaded under load: frames of the old instance are lost, its connection overlaps with the new one", slow=True)
def reload(lab):
    lab.lossy = True
    lab.start(lab.block(forward(GOOD)))
    stream(lab, "before", 60, upstream())
    # The server answers all of these; the old instance's frames go nowhere, so any part of a session may be missing.
    stream(lab, "during", 120, upstream(), *LOSSES, action=lambda: lab.reload(lab.block("cache 60", forward(GOOD))))
    stream(lab, "after", 60, upstream())
    lab.ask("after2.delay-20.lab.", "A", local())               # from the cache: the new configuration holds


def stream(lab, stem, count, *expect, action=None):
    """Some 150 queries a second that overlap; the action happens in their midst."""
    talks, acting = [lab.converse() for _ in range(count)], threading.Thread(target=action) if action else None
    for n, talk in enumerate(talks):
        talk.send(f"{stem}{n}.delay-{n % 4 * 10}.lab.", "A", *expect)
        if acting and n == count // 3:
            acting.start()
        time.sleep(0.006)
    for talk in talks:
        talk.receive()
        talk.socket.close()
    if acting:
        acting.join()
    lab.touch()


def wait_in_vain(lab, *expect):
    """Three clients wait for an upstream that is dialled for 30 s; returns when the analyser has their CQ."""
    talks = [lab.converse() for _ in range(3)]
    for n, talk in enumerate(talks):
        talk.send(f"during{n}.lab.", "A", *expect)
    lab.await_session(lab.ask(SERVICE, "A", local()))           # it stands behind them in the stream
    return talks


def give_up(talks):
    for talk in talks:
        talk.receive(SHORT_PATIENCE)
        talk.socket.close()


@scenario("CoreDNS is killed while clients wait")
def sigkill(lab):
    lab.start(lab.block(*CLUSTER, forward(VOID, options="force_tcp")))
    talks = wait_in_vain(lab, cut_off())
    lab.servers["coredns-a"].kill()
    give_up(talks)


@scenario("CoreDNS is killed while clients wait, and comes back at once", slow=True)
def sigkill_restart(lab):
    block = lab.block(*CLUSTER, forward(VOID, options="force_tcp"))
    lab.start(block)
    talks = wait_in_vain(lab, silence())
    lab.servers["coredns-a"].kill()
    lab.start(block)
    give_up(talks)
    lab.ask(SERVICE, "A", local())
