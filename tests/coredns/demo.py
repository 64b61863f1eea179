#!/usr/bin/env python3
"""demo.py --dnstap URI: builds a real CoreDNS from its Go module, lets it send dnstap there, and asks it questions of which some fail.

CoreDNS listens on loopback only; its upstreams are a port where nobody answers and one where nobody listens.
"""
import argparse
import itertools
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from message import Question, pack_query, read_rcode

HERE = Path(__file__).resolve().parent
RELEASE = "1.14.7"
SESSION_TIMEOUT = 10
COREFILE = """.:%(port)d {
    bind 127.0.0.1
    dnstap %(uri)s full {
        extra "{remote} {port} {>id} {type} {name}"
    }
    errors
    hosts {
        10.96.0.10 kube-dns.kube-system.svc.cluster.local
        fallthrough
    }
    template IN A search.cluster.local {
        rcode NXDOMAIN
    }
    forward silent.example 127.0.0.1:%(silent)d
    forward closed.example 127.0.0.1:%(closed)d {
        force_tcp
    }
}
"""
ASKED = ["kube-dns.kube-system.svc.cluster.local.", "redis.search.cluster.local.", "api.silent.example.",
         "api.closed.example."]


def build():
    try:
        done = subprocess.run([HERE / "build-coredns", RELEASE], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as e:
        raise SystemExit(f"demo: CoreDNS cannot be built here: {(e.stderr or e.stdout).strip().splitlines()[-1]}")
    return done.stdout.split()[-1]


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, number, name, seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.sendto(pack_query(Question(number, name, "A")), ("127.0.0.1", port))
        try:
            return f"rcode {read_rcode(s.recv(4096))}"
        except OSError:
            return "no answer"


def main():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--dnstap", required=True, metavar="URI")
    uri = top.parse_args().dnstap
    binary = build()
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, tempfile.TemporaryDirectory() as folder:
        silent.bind(("127.0.0.1", 0))
        corefile = Path(folder) / "Corefile"
        corefile.write_text(COREFILE % {"port": port, "uri": uri, "silent": silent.getsockname()[1], "closed": free_port()})
        print(f"(CoreDNS {RELEASE} with this Corefile)\n{corefile.read_text()}", flush=True)
        server = subprocess.Popen([binary, "-conf", corefile], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while ask(port, 1, ASKED[0], 0.2) == "no answer" and server.poll() is None:
                pass
            for number, name in zip(itertools.count(100), ASKED):
                print(f"{name:45} {ask(port, number, name, 12)}", flush=True)
            print("(waiting 11 s: a query without an answer in dnstap is judged after the session timeout)")
            time.sleep(SESSION_TIMEOUT + 1)
            ask(port, 200, ASKED[0], 1)             # stream time comes from frames
            time.sleep(1.5)                         # CoreDNS flushes its dnstap every second
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
