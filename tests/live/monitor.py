"""What the daemon says of itself over HTTP: held against the sessions that it prints, and against the format's rules."""
import collections
import contextlib
import http.client
import re
import socket

from lab import check, check_equal, free_port, wait_for
import tap

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{NAME}=\"(?:[^\"\\\n]|\\[\\n\"])*\"(?:,|(?=\}})))*)\}})? (-?[0-9.e+-]+)")


def get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def parse(text):
    """The Prometheus text format 0.0.4, strictly. -> {(name, labels): value}; raises ValueError."""
    samples, types, helped, current = {}, {}, set(), None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in helped or len(line.split(" ", 3)) < 4:
                raise ValueError(f"line {number}: HELP of {current}")
            helped.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or name in types or kind not in ("counter", "gauge"):
                raise ValueError(f"line {number}: TYPE of {name}")
            types[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            if not found or found[1] != current or current not in types:
                raise ValueError(f"line {number}: {line!r}")
            if types[current] == "counter" and not current.endswith("_total"):
                raise ValueError(f"line {number}: a counter without _total")
            key = (found[1], found[2] or "")
            if key in samples:
                raise ValueError(f"line {number}: twice: {key}")
            samples[key] = float(found[3])
    if not text.endswith("\n"):
        raise ValueError("no newline at the end")
    return samples


def value(samples, name, labels=""):
    return samples.get((f"dnstap_analyser_{name}", labels))


def metrics_equal_the_sessions(lab):
    """Each counter is what the output says."""
    port = free_port()
    daemon = lab.daemon("--http", f"127.0.0.1:{port}", listen=("unix",))
    lab.connect(daemon.address).whole(tap.recording("upstream-rcodes") + tap.recording("local-answer"))
    wait_for(lambda: value(parse(get(port, "/metrics")[2]), "sessions_open") == 0, "the last session to close")
    status, kind, text = get(port, "/metrics")
    check_equal((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"), "status and type")
    samples = parse(text)
    counts = daemon.stop()
    records = daemon.records()
    for key, name, label in (("Status", "sessions_total", "status"), ("Cause", "sessions_by_cause_total", "cause"),
                             ("BitMap", "sessions_by_bitmap_total", "bitmap")):
        for word, number in collections.Counter(r[key] for r in records).items():
            check_equal(value(samples, name, f'{label}="{word}"'), number, f"{name} of {word}")
        check_equal(sum(v for (n, _), v in samples.items() if n == f"dnstap_analyser_{name}"), len(records), f"sum of {name}")
    for word in ("joined", "late", "duplicate", "foreign"):
        check_equal(value(samples, "frames_total", f'outcome="{word}"'), counts[word], f"frames {word}")
    check_equal(value(samples, "output_lines_total"), len(records), "lines")


def health_and_readiness(lab):
    port = free_port()
    daemon = lab.daemon("--http", f"127.0.0.1:{port}", "--probe", "off")
    check_equal(get(port, "/healthz")[::2], (200, "ok\n"), "/healthz")
    status, _, text = get(port, "/readyz")
    check_equal(status, 200, "status of /readyz")
    check("ok listening\nok output\n" in text and "note probe: off" in text, f"/readyz says {text!r}")
    check_equal(get(port, "/nothing")[0], 404, "status of what is not there")
    check(get(port, "/metrics", "POST")[0] in (405, 501), "POST is taken")
    check_equal(get(port, "/metrics", "HEAD")[::2], (200, ""), "HEAD")
    daemon.stop()


def the_probe_says_why_not(lab):
    """Whatever this machine allows: the level is in the log, in /readyz and a metric, and where there is none, why."""
    port = free_port()
    daemon = lab.daemon("--http", f"127.0.0.1:{port}", "--probe", "auto", "--probe-process", "no-such-coredns")
    level = re.search(r"level=(drops|packets|unavailable) reason=", daemon.log())
    check(level, f"no level in the log: {daemon.log()}")
    text = get(port, "/readyz")[2]
    check(f"note probe: {level[1]}" in text, f"/readyz says {text!r}")
    found = [labels for name, labels in parse(get(port, "/metrics")[2]) if name == "dnstap_analyser_kernel_probe_info"]
    check(found and f'level="{level[1]}"' in found[0], f"the metric says {found}")
    check(level[1] != "unavailable" or 'reason=""' not in found[0], "unavailable, and no reason given")
    daemon.stop()


def hostile_requests(lab):
    """Half requests, long ones, many at once: the daemon lives, and answers others."""
    port = free_port()
    daemon = lab.daemon("--http", f"127.0.0.1:{port}")
    held = []
    for octets in [b"GET /metr", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000, b"\0" * 100, b"GET /%00%ff?\x80 HTTP/1.1\r\n\r\n"] * 20:
        sock = socket.create_connection(("127.0.0.1", port), 5)
        with contextlib.suppress(OSError):
            sock.sendall(octets)
        held.append(sock)
    check_equal(get(port, "/healthz")[0], 200, "/healthz meanwhile")
    for sock in held:
        sock.close()
    daemon.stop()


def an_address_that_cannot_be_had(lab):
    """Asked for and not to be had ends the daemon with 2; the default address is only missed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for at in (f"127.0.0.1:{port}", "127.0.0.1", "localhost:80", "127.0.0.1:0", "127.0.0.1:65536"):
            daemon = lab.start("--http", at)
            check_equal(daemon.wait(), 2, f"exit status with --http {at}")
            check("cannot serve metrics" in daemon.log(), f"the log says {daemon.log()!r}")
