"""One laboratory: client, CoreDNS, scripted upstream and analyser, each in its namespace, and all gone afterwards."""
import contextlib, json, os, re, signal, subprocess, threading, time
from pathlib import Path

from client import PATIENCE, SHORT_PATIENCE, Conversation, Query
from judge import TELLS_LOSS, client_of, judge_accounting, judge_sessions
from message import Question
from namespaces import Network
from relay import Recording, Relay
from upstream import Upstream

NET = os.environ.get("DTA_LAB_NET", "10.53.1")      # of laboratories side by side that must not be taken for each other
NET6 = "fd53:" + ":".join(f"{int(part):x}" for part in NET.split("."))
HUB, CLIENT, CLIENT6 = f"{NET}.9", f"{NET}.2", f"{NET6}::2"
SERVERS = {f"coredns-{letter}": (f"{NET}.{11 + n}", f"{NET6}::{11 + n}") for n, letter in enumerate("abc")}
SERVERS["hub"] = (HUB, f"{NET6}::9")    # one in the node's own namespace
GOOD, SECOND, SILENT = f"{NET}.51", f"{NET}.52", f"{NET}.53"
CLOSED = f"{NET}.54"                    # the host is there, nothing listens on port 53
VOID = f"{NET}.60"                      # packets to it vanish
NO_ROUTE = "10.99.0.1"
UPSTREAMS = [GOOD, SECOND, SILENT, CLOSED, VOID, NO_ROUTE]

SINK_PORT, RELAY_PORT, LISTEN_PORT = 6000, 6001, 6002
SESSION_TIMEOUT = 10.0                  # the analyser's default, in seconds of stream time
EXTRA = '{remote} {port} {>id} {type} {name}'


class LabError(Exception):
    pass


class Process:
    """A program in a namespace, its output in a file."""

    def __init__(self, network, host, argv, log, cwd=None):
        self.log = log
        with open(log, "ab") as out, network.inside(host):
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd)

    def text(self):
        return Path(self.log).read_text(errors="replace")

    def await_text(self, wanted, times=1, patience=20.0):
        def seen():
            if self.popen.poll() is not None:
                raise LabError(f"{Path(self.log).name}: ended with {self.popen.returncode}: {self.text()[-300:]}")
            return self.text().count(wanted) >= times
        if not wait_until(seen, patience):
            raise LabError(f"{Path(self.log).name}: no {wanted!r}: {self.text()[-300:]}")

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, patience=20.0):
        """SIGTERM; -> exit code, or None where only SIGKILL helped."""
        self.popen.terminate()
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


def wait_until(condition, patience):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Lab:
    """What a scenario works with. Its queries are noted as they are sent, and judged by finish()."""

    def __init__(self, number, release, binary, analyser, folder, scenario, record=None):
        self.release, self.binary, self.analyser_argv = release, str(binary), analyser
        self.folder, self.sink, self.record = Path(folder), scenario.sink, record
        self.queries, self.backgrounds, self.ignored, self.complaints = [], [], set(), []
        self.lossy = False              # frames may be missing
        self.copies = 1                 # of each frame, by so many dnstap lines
        self.late = 0                   # frames that come behind the end of their session; None: any number
        self.version = None             # other than CoreDNS's own
        self.unexpected = TELLS_LOSS    # keys that no record has
        self.replayable = True          # nothing ends by wall-clock time
        self.upstreams, self.closers, self.quiet_since = UPSTREAMS, [], 0.0
        self.servers, self.analyser, self.relay, self.recording = {}, None, None, None
        self.exits = contextlib.ExitStack()
        self.network = Network(number)
        self.exits.callback(self.network.close)

    def __enter__(self):
        try:
            self.build_network()
            if self.record:
                self.recording = Recording(self.record)
                self.exits.callback(self.recording.close)
            if self.sink != "connect":
                self.start_analyser()
            return self
        except BaseException:
            self.exits.close()
            raise

    def __exit__(self, *_):
        self.exits.close()

    def build_network(self):
        self.network.add_hub_address(f"{HUB}/24")
        self.network.add_host("client", [f"{CLIENT}/24", f"{CLIENT6}/64"])
        self.network.add_host("upstream", [f"{a}/24" for a in (GOOD, SECOND, SILENT, CLOSED)])
        upstream = Upstream(self.network, "upstream", [GOOD, SECOND], [SILENT])
        self.upstream_log = upstream.log
        self.exits.callback(upstream.close)

    # The analyser

    def path(self, name):
        return self.folder / name

    def start_analyser(self):
        """Listens before CoreDNS starts; with sink `connect` it is the one that connects, and CoreDNS must be up."""
        argv = [*self.analyser_argv, *self.endpoint(), "--output", str(self.path("sessions.jsonl")), "--log-level", "debug"]
        self.analyser = Process(self.network, "hub", argv, self.path("analyser.log"))
        self.exits.callback(self.analyser.kill)
        if self.sink != "connect":
            self.analyser.await_text('msg="listening"')
            if self.record:
                self.start_relay()

    def endpoint(self):
        if self.sink == "tcp":
            return "--listen", f"tcp://{HUB}:{SINK_PORT}"
        if self.sink == "unix":
            return "--listen", f"unix://{self.path('sink.sock')}"
        if not self.record:
            return "--connect", f"tcp://{SERVERS['coredns-a'][0]}:{LISTEN_PORT}"
        self.start_relay()
        return "--connect", f"tcp://{HUB}:{RELAY_PORT}"

    def start_relay(self):
        if self.sink == "tcp":
            ends = ("hub", (HUB, RELAY_PORT), "hub", (HUB, SINK_PORT))
        elif self.sink == "unix":
            ends = ("hub", str(self.path("relay.sock")), "hub", str(self.path("sink.sock")))
        else:
            ends = ("hub", (HUB, RELAY_PORT), "hub", (SERVERS["coredns-a"][0], LISTEN_PORT))
        self.relay = Relay(self.network, *ends, self.recording, writer_connects=self.sink != "connect")
        self.exits.callback(self.relay.close)

    def tap(self, full=True, extra=False):
        """The dnstap line of a Corefile."""
        where = {"tcp": f"tcp://{HUB}:{RELAY_PORT if self.record else SINK_PORT}", "connect": f"listen tcp://0.0.0.0:{LISTEN_PORT}",
                 "unix": str(self.path("relay.sock" if self.record else "sink.sock"))}[self.sink]
        return f"dnstap {where}{' full' if full else ''}" + (f' {{\n        extra "{EXTRA}"\n    }}' if extra else "")

    # CoreDNS

    def block(self, *plugins, zone=".", taps=None):
        """A server block. Each answers `closing.<zone>` itself: that query moves stream time when all else is over."""
        closing = "closing.lab" if zone == "." else f"closing.{zone}"
        lines = [*([self.tap()] if taps is None else taps), "errors",
                 f'template IN A {closing} {{\n        answer "{{{{ .Name }}}} 30 IN A 10.53.9.9"\n    }}', *plugins]
        if taps != []:
            self.closers.append(closing + ".")
        return f"{zone}:53 {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"

    def start(self, *blocks, server="coredns-a"):
        """Start a CoreDNS and wait until it serves; its host name, and so its identity, is the server's name."""
        self.add_server(server)
        self.write_corefile(server, *blocks)
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', server]
        argv = [*named, self.binary, "-conf", str(self.path(f"Corefile.{server}"))]
        log = self.path(f"{server}.log")
        before = log.read_text().count("CoreDNS-") if log.exists() else 0
        self.servers[server] = Process(self.network, server, argv, log, cwd=self.folder)
        self.exits.callback(self.servers[server].kill)
        self.servers[server].await_text("CoreDNS-", before + 1)

    def add_server(self, server):
        """The host for a CoreDNS, if it is not there."""
        if server not in self.network.hosts:
            address, address6 = SERVERS[server]
            self.network.add_host(server, [f"{address}/24", f"{address6}/64"])
            self.network.swallow(server, VOID)

    def write_corefile(self, server, *blocks):
        self.path(f"Corefile.{server}").write_text("".join(blocks))

    # Queries

    def converse(self, tcp=False, server="coredns-a", family=4, port=0, shared=False, sent=None):
        address = SERVERS[server][0 if family == 4 else 1]
        return Conversation(self.network, server, address, tcp, self.queries if sent is None else sent, port, shared)

    def ask(self, name, qtype, *expect, edns=False, id=None, **how):
        """One query on a socket of its own; returns when it was answered, or timed out."""
        with self.converse(**how) as talk:
            query = talk.send(name, qtype, *expect, edns=edns, id=id)
            talk.receive(SHORT_PATIENCE if expect and expect[0].client == "timeout" else PATIENCE)
        self.touch()
        return query

    def at_once(self, *asks):
        """Several ask() side by side: each a tuple of its arguments."""
        threads = [threading.Thread(target=self.ask, args=arguments) for arguments in asks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def nested(self, query, name, qtype, *expect):
        """CoreDNS looks this up itself while it answers the query; the frames name the client and its id."""
        question = Question(query.question.id, name, qtype)
        self.queries.append(Query(question, query.client, query.protocol, query.server, expect, query.outcome, nested=True))

    def background(self, name, verdict, optional=False):
        """A session without client is to come of it."""
        self.backgrounds.append((name, verdict, optional))

    def require(self, held, complaint):
        self.complaints += [] if held else [complaint]

    def touch(self):
        self.quiet_since = time.monotonic()

    def pause(self, seconds):
        """Real time must pass: a TTL has to run down, CoreDNS to give up in the background."""
        time.sleep(seconds)
        self.touch()

    def ask_unjudged(self, name, patience=PATIENCE, server="coredns-a"):
        """A query of the laboratory's own, of which no verdict is expected."""
        with self.converse(server=server, sent=[]) as talk:
            query = talk.send(name, "A")
            talk.receive(patience)
            self.ignored.add(query.client)
        return query

    # What the analyser says

    def sessions(self):
        path = self.path("sessions.jsonl")
        if not path.exists():
            return []
        text = path.read_text(errors="replace")
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def await_session(self, query, patience=15.0):
        """Until the analyser printed it, every frame before it on its connection has been read, too."""
        return wait_until(lambda: any(client_of(s) == query.client for s in self.sessions()), patience)

    def await_analyser_connected(self):
        """The analyser connects to CoreDNS when it likes: ask until the answer shows up in its output."""
        for _ in range(50):
            if self.await_session(self.ask_unjudged("closing.lab."), 0.5):
                return
        raise LabError("the analyser did not connect to CoreDNS")

    def waits_for_timeout(self):
        """Is there a session that only its timeout ends?"""
        verdicts = [v for q in self.queries for v in q.expect] + [v for _, v, _ in self.backgrounds]
        return any(v is None or not v.has_response for v in verdicts)

    def close_sessions(self):
        """Let stream time pass the session timeout, on each connection, where sessions are open without a response."""
        alive = [server for server, process in self.servers.items() if process.popen.poll() is None]
        if alive and self.waits_for_timeout():
            time.sleep(max(0.0, self.quiet_since + SESSION_TIMEOUT + 0.5 - time.monotonic()))
        for server in alive:
            for query in [self.ask_unjudged(name, server=server) for name in dict.fromkeys(self.closers)]:
                self.await_session(query)

    def stop_servers(self):
        for server, process in self.servers.items():
            if process.popen.poll() is None and process.stop() != 0 and not self.lossy:
                raise LabError(f"{server}: exit {process.popen.returncode} at SIGTERM: {process.text()[-200:]}")

    def finish(self):
        """Close down in order; -> list of mismatches."""
        self.close_sessions()
        self.stop_servers()
        code = self.analyser.stop()
        if code != 0:
            return [f"the analyser ended with {code} at SIGTERM: {self.analyser.text()[-500:]}"]
        return self.judge()

    def judge(self):
        sessions, counts = self.sessions(), self.accounting()
        if counts is None:
            return [f"no accounting in the analyser's log: {self.analyser.text()[-300:]}"]
        return self.complaints + judge_sessions(self, sessions) + judge_accounting(self, counts, sessions) + self.judge_replay()

    def judge_replay(self):
        """A recording of one connection, replayed, gives what the live run gave, byte for byte."""
        if not self.record or not self.replayable or self.relay.connections != 1:
            return []
        self.recording.close()
        done = subprocess.run([self.analyser_argv[0], "replay", str(self.record)], capture_output=True)
        same = done.returncode == 0 and done.stdout == self.path("sessions.jsonl").read_bytes()
        return [] if same else ["the recording, replayed, gives other sessions than the live run"]

    def accounting(self):
        """The analyser's last words, as numbers; None if it said none."""
        lines = [line for line in self.analyser.text().splitlines() if 'msg="accounting"' in line or "msg=accounting" in line]
        return {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)(?=\s|$)", lines[-1])} if lines else None

    def reload(self, *blocks, server="coredns-a"):
        """SIGUSR1 with another Corefile, while queries go on."""
        process = self.servers[server]
        before = process.text().count("Reloading complete")
        self.write_corefile(server, *blocks)
        process.signal(signal.SIGUSR1)
        process.await_text("Reloading complete", before + 1)
