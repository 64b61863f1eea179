"""The laboratory of tests/coredns with an analyser that watches the kernel: it runs on the `node` and sees into the servers' namespaces."""
import os, shutil, time
from dataclasses import dataclass
from pathlib import Path

import metrics
from judge import describe, judge_outcome
from lab import HUB, RELAY_PORT, SINK_PORT, Lab, LabError, Process, wait_until
from relay import Relay
from scenarios import Scenario
from suite import analyser_command, help_text
from tap import Sieve

SETTLE = 10.0                           # seconds in which a new CoreDNS is found
UNTIL_GONE = 20.0                       # ... and one that went is let go
HOLDS_BACK = ((1, 9, 1), (1, 14, 0))    # releases that hold frames back until 4 KiB have come together
STATES = {"complete", "partial", "none"}


@dataclass(frozen=True)
class ProbeScenario(Scenario):
    watch: str = "netns"                # how the analyser finds CoreDNS: by namespace, by process name, by pid
    relay: str = ""                     # the host of a relay that loses frames: a server's, or the hub
    servers: tuple = ("coredns-a",)     # whose namespaces are there from the start
    exact: bool = True                  # the loss told must be the loss made
    named: bool = True                  # ... and every lost message stands in a record's Lost
    probe: str = "require"
    prefix: tuple = ()                  # a command that runs the analyser
    privileged: bool = True


class ProbeLab(Lab):
    laboratory_only = False             # check what clients saw and what was dropped, and no verdicts

    def __init__(self, number, release, binary, analyser, folder, scenario, record=None):
        super().__init__(number, release, binary, analyser, folder, scenario, record)
        self.scenario, self.record = scenario, None             # frames without their packets: no replay gives the same
        self.unexpected = ("LossSuspected",)
        self.has_probe = "--probe-netns" in help_text(analyser[0]) and not self.laboratory_only
        self.sees_kernel = self.has_probe and scenario.privileged
        self.process_name = f"cdns{os.getpid() % 100000}-{number}"
        self.sieve, self.samples, self.ready = Sieve(), [], ""
        self.must_wait = False          # queries that are not noted need the timeout, too
        self.finish_checks = []                                 # functions that look at the samples: -> mismatches

    def build_network(self):
        if not self.has_probe and not self.laboratory_only:
            raise LabError("this analyser has no --probe-netns")
        super().build_network()
        for server in self.scenario.servers:
            self.add_server(server)
        if self.scenario.watch == "process":                    # a name of its own: other laboratories' are not to be found
            self.binary = str(copy(self.binary, self.path(self.process_name)))

    # The analyser

    def start_analyser(self):
        if self.scenario.watch == "pid" and not self.servers:   # the laboratory wants it at once: too early
            return
        argv = self.analyser_line()
        self.analyser = Process(self.network, "hub", argv, self.path("analyser.log"))
        self.exits.callback(self.analyser.kill)
        self.analyser.await_text('msg="listening"')
        if self.scenario.relay:
            self.start_sieve()

    def analyser_line(self, probe=None):
        options = ("--probe", probe or ("off" if self.laboratory_only else self.scenario.probe), *self.watch_options(), "--http", f"{HUB}:{metrics.HTTP_PORT}",
                   "--log-level", "debug", "--listen", f"tcp://{HUB}:{SINK_PORT}", "--output", str(self.path("sessions.jsonl")))
        return [*self.scenario.prefix, *self.analyser_argv, *analyser_command(self.analyser_argv[0], options)[1:]]

    def watch_options(self):
        """Only what is ours: others' laboratories have the same addresses, and servers of the same names."""
        ours = ["--probe-process", self.process_name]
        if self.scenario.watch == "pid":
            ours += [word for p in self.servers.values() for word in ("--probe-pid", str(p.popen.pid))]
        if self.scenario.watch == "netns":
            ours += [word for s in self.scenario.servers for word in ("--probe-netns", f"/run/netns/{self.network.name(s)}")]
        return ours

    def start_sieve(self):
        host = self.scenario.relay
        self.relay = Relay(self.network, host, (self.relay_address(), RELAY_PORT), host, (HUB, SINK_PORT), None, sieve=self.sieve)
        self.exits.callback(self.relay.close)

    def relay_address(self):
        return HUB if self.scenario.relay == "hub" else "127.0.0.1"

    def tap(self, full=True, extra=False):
        line = super().tap(full, extra)
        return line.replace(f"{HUB}:{SINK_PORT}", f"{self.relay_address()}:{RELAY_PORT}") if self.scenario.relay else line

    # CoreDNS

    def start(self, *blocks, server="coredns-a", settled=True):
        """settled: returns when the analyser watches it, and has had a frame of it where the release does not hold it back."""
        super().start(*blocks, server=server)
        if settled and self.analyser:
            self.settle(server)

    def settle(self, server="coredns-a"):
        """Before its first frame nothing is said of a server; before it is found, nothing is seen."""
        if self.sees_kernel:
            self.require(self.watched_soon(), f"{server} is not watched after {SETTLE} s")
        for name in dict.fromkeys(self.closers):
            query = self.ask_unjudged(name, server=server)
        if not self.holds_back():
            self.require(self.await_session(query), f"no session of the first query to {server}")

    def watched_soon(self):
        return wait_until(self.all_watched, SETTLE)

    def all_watched(self):
        alive = sum(process.popen.poll() is None for process in self.servers.values())
        return (metrics.total(metrics.samples(self.network, HUB), metrics.WATCHES) or 0) >= alive

    def await_tapped(self, server="coredns-a"):
        """CoreDNS was there before the analyser, and connects when it has been quiet: ask until an answer shows up."""
        for _ in range(15):
            time.sleep(1.2)                                     # the time after which it dials, or flushes
            for _ in range(20 if self.holds_back() else 1):
                query = self.ask_unjudged(self.closers[0], server=server)
            if self.await_session(query, 1.5):
                return
        raise LabError("CoreDNS did not connect to the analyser")

    def holds_back(self):
        return HOLDS_BACK[0] <= self.release < HOLDS_BACK[1]

    def netns_gone(self, port):
        """The namespace at that port of the bridge is really gone: nothing holds it."""
        return wait_until(lambda: port not in self.network.run("hub", "ip", "-o", "link", "show"), UNTIL_GONE)

    # The end

    def waits_for_timeout(self):
        """A verdict without response, or of a packet that never came, is final with the timeout."""
        return self.must_wait or any(v is None or not v.has_response or v.client == "timeout" for q in self.queries for v in q.expect)

    def finish(self):
        self.close_sessions()
        self.stop_servers()
        self.read_metrics()
        code = self.analyser.stop()
        if code != 0:
            return [f"the analyser ended with {code} at SIGTERM: {self.analyser.text()[-500:]}"]
        return self.judge()

    def read_metrics(self):
        if not self.has_probe:
            return
        time.sleep(1.5)                                         # the last frames are on their way, a tick is due
        text = metrics.get(self.network, HUB, "/metrics")[1]
        self.samples, self.ready = metrics.parse(text), metrics.get(self.network, HUB, "/readyz")[1]
        self.path("metrics.txt").write_text(text)
        self.path("readyz.txt").write_text(self.ready)

    def judge(self):
        if not self.has_probe:
            return self.complaints + [w for query in self.queries for w in judge_outcome(query)]
        return super().judge() + self.judge_kernel() + self.judge_loss() + [w for check in self.finish_checks for w in check()]

    def judge_kernel(self):
        """What holds for every record when a probe runs."""
        wanted, sessions = STATES if self.sees_kernel else {None}, self.sessions()
        wrong = [f"Kernel is {s.get('Kernel')}: {describe(s)}" for s in sessions if (s.get("Kernel") or {}).get("State") not in wanted]
        return wrong + [w for s in sessions for w in judge_attempts(s)]

    def judge_loss(self):
        """The number of lost dnstap messages of each server, as told by metrics and by records, against what the relay took away."""
        if not self.scenario.exact or not self.sees_kernel:
            return []
        wrong, sessions = [], self.sessions()
        for server in self.servers:
            truth = self.sieve.nr_lost(server)
            named = sum(len(s.get("Lost") or ()) for s in sessions if s.get("Server") == server)
            told = metrics.loss(self.samples, server)
            if (self.scenario.named and named != truth) or named > truth or (told or (0, 0)) != (truth, truth):
                wrong.append(f"{server}: {truth} frames were lost, records name {named}, metrics {told}: {dict(self.sieve.lost)}")
        return wrong


def judge_attempts(session):
    """Where all was seen, the packets from and to the upstream say what dnstap says."""
    complete = (session.get("Kernel") or {}).get("State") == "complete"
    return [f"dnstap and kernel differ over an attempt: {u}" for u in session.get("Upstreams") or () if complete and u.get("Kernel")
            and u["Rcode"] and u["Kernel"].get("Response") != u["Rcode"]]


def copy(binary, target):
    try:
        os.link(binary, target)
    except OSError:                                             # another file system
        shutil.copy2(binary, target)
    return Path(target)
