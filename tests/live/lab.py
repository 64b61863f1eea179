"""The analyser as a process: the daemon, replay, and what must hold for both. A Lab is one test's: it ends all it began."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import sender
import tap

PATIENCE = 20           # seconds for what should come at once: machines may be busy
DRAIN = 5               # what the analyser gives a stuck reader of its output at the end


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text() if callable(text) else text)


def check_equal(got, expected, what):
    def text():
        name = what() if callable(what) else what
        return f"{name}: {shorten(got)}, expected {shorten(expected)}{difference(got, expected)}"

    check(got == expected, text)


def shorten(value, limit=200):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def difference(got, expected):
    """Where two lists part, as the lists themselves are too long to be read."""
    if not isinstance(got, list) or not isinstance(expected, list):
        return ""
    at = next((n for n, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    return (f"\n    {len(got)} and {len(expected)}; at {at}:\n    {shorten(got[at:at + 1], 400)}"
            f"\n    {shorten(expected[at:at + 1], 400)}")


def wait_for(condition, what, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, lambda: f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(0.01)


PORTS = set()
PORTS_LOCK = threading.Lock()


def free_port(host="127.0.0.1"):
    """A port that is free now and was given to no other test."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.bind((host, 0))
            port = sock.getsockname()[1]
        with PORTS_LOCK:
            if port not in PORTS:
                PORTS.add(port)
                return port


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def counts_of(log):
    """The numbers of the last accounting line."""
    lines = [line for line in log.splitlines() if 'msg="accounting"' in line]
    check(lines, lambda: f"no accounting; the log ends: {log[-500:]}")
    return {name: int(number) for name, number in re.findall(r"\b(\w+)=(\d+)\b", lines[-1])}


def check_sums(counts, frames=None):
    """The books balance: frames by what became of them, sessions by where they went."""
    check_equal(sum(counts[name] for name in ("joined", "late", "duplicate", "foreign", "malformed")), counts["frames"],
                f"frames by kind in {counts}")
    check_equal(counts["sessions_closed"] + counts["sessions_open"], counts["sessions_opened"], f"sessions in {counts}")
    check_equal(counts["sessions_open"], 0, "sessions open at the end")
    check_equal(sum(counts[name] for name in ("filtered", "sampled_out", "lines", "lines_dropped", "lines_oversized")),
                counts["sessions_closed"], f"sessions by where they went in {counts}")
    if frames is not None:
        check_equal(counts["frames"], frames, f"frames in {counts}")


class Analyser:
    """A running daemon. Its sessions go to the file `out` but where the test wants them elsewhere."""

    def __init__(self, lab, options, listen, stdout):
        self.place = Path(tempfile.mkdtemp(dir=lab.place))
        self.out, self.log_path = self.place / "out", self.place / "log"
        self.addresses = [lab.address(kind, self.place) for kind in listen]
        arguments = [lab.analyser, *lab.quiet()]
        for address in self.addresses:
            arguments += ["--listen", address]
        with open(self.log_path, "wb") as log, open(self.out, "wb") as out:
            self.process = subprocess.Popen([*map(str, arguments), *map(str, options)], stdin=subprocess.DEVNULL,
                                            stdout=out if stdout is None else stdout, stderr=log)

    @property
    def address(self):
        return self.addresses[0]

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_ready(self):
        wait_for(lambda: 'msg="ready"' in self.log() or self.process.poll() is not None, "the daemon to be ready")
        check(self.process.poll() is None, lambda: f"the daemon ended: {self.log()[-500:]}")
        return self

    def wait_logged(self, text, times=1):
        wait_for(lambda: self.log().count(text) >= times,
                 lambda: f"{times} times {text!r} in the log, which ends: {self.log()[-700:]}")

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the daemon did not end within {seconds} s; its log ends: {self.log()[-500:]}") from None

    def stop(self, number=signal.SIGTERM, status=0):
        """Ends it by a signal; returns the numbers of its accounting, which balance."""
        self.send_signal(number)
        check_equal(self.wait(), status, lambda: f"exit status; the log ends: {self.log()[-500:]}")
        counts = counts_of(self.log())
        check_sums(counts)
        return counts

    def lines(self):
        return self.out.read_bytes().splitlines(keepends=True)

    def records(self):
        return [json.loads(line) for line in self.lines()]

    def stat(self, number):
        """A field of /proc/PID/stat, numbered as in proc(5)."""
        return int(Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[number - 3])

    def cpu_seconds(self):
        return (self.stat(14) + self.stat(15)) / os.sysconf("SC_CLK_TCK")

    def memory_peak(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


class Replay:
    """A replay that has ended."""

    def __init__(self, done):
        self.status, self.out, self.log = done.returncode, done.stdout or b"", done.stderr.decode(errors="replace")
        self.lines = self.out.splitlines(keepends=True)

    @property
    def counts(self):
        return counts_of(self.log)

    def records(self):
        return [json.loads(line) for line in self.lines]


class Lab:
    def __init__(self, analyser):
        self.analyser = analyser
        self.directory = tempfile.TemporaryDirectory(prefix="dta-")
        self.place = Path(self.directory.name)
        self.closing = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for close in reversed(self.closing):
            close()
        self.directory.cleanup()

    def quiet(self):
        """Options that keep other parts of the daemon off ports that several daemons would share, as far as it has them."""
        if not hasattr(Lab, "quiet_options"):
            text = subprocess.run([self.analyser, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
            Lab.quiet_options = [word for name in ("http", "ui", "probe") if f"--{name} " in text
                                 for word in (f"--{name}", "off")]
        return Lab.quiet_options

    def address(self, kind, place):
        """Of the kind unix, tcp4 or tcp6; any other text is an address already."""
        if kind == "unix":
            return f"unix://{place}/socket"
        if kind == "tcp4":
            return f"tcp://127.0.0.1:{free_port()}"
        if kind == "tcp6":
            if not has_ipv6():
                raise tap.Missing("no ::1")
            return f"tcp://[::1]:{free_port('::1')}"
        return kind

    def start(self, *options, listen=("unix",), stdout=None):
        analyser = Analyser(self, options, listen, stdout)
        self.closing.append(lambda: (analyser.process.kill(), analyser.process.wait()))
        return analyser

    def daemon(self, *options, **settings):
        return self.start(*options, **settings).wait_ready()

    def connect(self, address, **settings):
        producer = sender.Producer(address, **settings)
        self.closing.append(producer.close)
        return producer

    def file(self, octets, name="frames.fstrm"):
        path = Path(tempfile.mkdtemp(dir=self.place)) / name
        path.write_bytes(octets)
        return path

    def run(self, *arguments, stdin=b"", **settings):
        settings.setdefault("stdout", subprocess.PIPE)
        try:
            return Replay(subprocess.run([str(self.analyser), *map(str, arguments)], input=stdin, stderr=subprocess.PIPE,
                                         timeout=PATIENCE, **settings))
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(map(str, arguments))}: not done after {PATIENCE} s") from None

    def replay(self, frames, *options, status=0):
        """Of frames, or of a file's path; its accounting balances."""
        path = frames if isinstance(frames, Path) else self.file(tap.stream(frames))
        done = self.run("replay", path, "--log-level", "info", *options)
        check_equal(done.status, status, f"exit status of replay, which says {done.log[-500:]}")
        check_sums(done.counts)
        return done
