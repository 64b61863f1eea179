#!/usr/bin/env python3
"""run.py [--update] [--analyser PATH]: replays every recorded run in tests/data/captures.

For each run, once with the frames alone and once with the packets beside them (--pcap): every query has one session with the right verdict, no session too many, and the accounting adds up. Where the run has
expected.jsonl and expected.txt (kernel.jsonl with packets), the whole output is compared. --update writes these files anew for the runs that have them.
"""
import argparse
import difflib
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import oracle

HERE = Path(__file__).resolve().parent
CAPTURES = HERE.parent / "data" / "captures"


def replay(analyser, run, *options, packets=None):
    argv = [analyser, "replay", str(run / "frames.fstrm.gz"), "--log-level", "info", *options]
    done = subprocess.run(argv, capture_output=True, timeout=120, input=packets)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_accounting(log, nr_lines):
    line = next((x for x in log.splitlines() if 'msg="accounting"' in x), "")
    n = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)\b", line)}
    if not n:
        return ["no accounting in the log"]
    complaints = []
    if n["frames"] != n["joined"] + n["late"] + n["duplicate"] + n["foreign"] + n["malformed"]:
        complaints.append(f"frames do not add up: {line}")
    if n["sessions_opened"] != n["sessions_closed"] + n["sessions_open"] or n["sessions_open"]:
        complaints.append(f"sessions do not add up: {line}")
    if n["malformed"] or n["foreign"] or n["duplicate"]:
        complaints.append(f"frames of CoreDNS not joined: {line}")
    if n["lines"] != nr_lines or n["sessions_closed"] != nr_lines:
        complaints.append(f"{nr_lines} lines came: {line}")
    return complaints


def compare(path, got, update):
    if not path.exists():
        return []
    if update:
        path.write_text(got)
    want = path.read_text()
    if want == got:
        return []
    diff = difflib.unified_diff(want.splitlines(), got.splitlines(), str(path.name), "got", lineterm="", n=0)
    return [f"differs from {path.name}:"] + [line[:400] for line in list(diff)[:8]]


def check(analyser, run, update):
    status, text, log = replay(analyser, run)
    if status:
        return [f"exit status {status}: {log[-300:]}"]
    sessions = [json.loads(line) for line in text.splitlines()]
    complaints = check_accounting(log, len(sessions))
    complaints += oracle.judge(sessions, oracle.load(run / "truth.jsonl.gz"))
    complaints += compare(run / "expected.jsonl", text, update)
    if (run / "expected.txt").exists():
        complaints += compare(run / "expected.txt", replay(analyser, run, "--format", "text")[1], update)
    return complaints


def check_kernel(analyser, run, update):
    """With packets: what dnstap does not show is there, and every record says what the kernel saw."""
    packets = gzip.decompress((run / "wire.pcap.gz").read_bytes())
    status, text, log = replay(analyser, run, "--pcap", "-", packets=packets)
    if status:
        return [f"exit status {status}: {log[-300:]}"]
    sessions = [json.loads(line) for line in text.splitlines()]
    complaints = check_accounting(log, len(sessions))
    complaints += oracle.judge(sessions, oracle.load(run / "truth.jsonl.gz", "expect_kernel"))
    complaints += [f"no Kernel in {line[:200]}" for line in text.splitlines() if '"Kernel":{"State":' not in line]
    return complaints + compare(run / "kernel.jsonl", text, update)


def reads_packets(analyser):
    done = subprocess.run([analyser, "replay", "/dev/null", "--pcap", "/dev/null"], capture_output=True, text=True)
    return "PCAP=0" not in done.stderr


def main():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--update", action="store_true")
    top.add_argument("--analyser", default=str(HERE.parent.parent / "build" / "dnstap-analyser"))
    a = top.parse_args()
    passed = failed = 0
    has_packets = reads_packets(a.analyser)
    if not has_packets:
        print("skip packets: this build reads no captures (PCAP=0)")
    for run in sorted(p.parent for p in CAPTURES.glob("*/*/frames.fstrm.gz")):
        for what, complaints in (("frames", check(a.analyser, run, a.update)),
                                 ("packets", check_kernel(a.analyser, run, a.update) if has_packets else [])):
            passed += not complaints
            failed += bool(complaints)
            if complaints:
                print(f"FAIL {run.parent.name}/{run.name}, {what}")
                print("\n".join(f"    {c}" for c in complaints[:10]))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
