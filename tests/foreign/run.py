#!/usr/bin/env python3
"""Check that the dnstap of servers that are not CoreDNS is counted as foreign and makes no session.

Every recording in data/ is replayed. With --live, every server of servers.py that is installed is started as well and
sends to a running analyser. Each must leave the output empty and account for all its frames as foreign.
"""
import argparse
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import dump
import servers

HERE = pathlib.Path(__file__).resolve().parent
ANALYSER = HERE.parents[1] / "build" / "dnstap-analyser"
LIVE_OPTIONS = ("--log-level", "info")
# Not held against the analyser: nothing in these frames is unlike CoreDNS.
ALIKE = {"unbound-1.13-client-query": "bears no mark that CoreDNS could not bear"}


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def accounting(log):
    """The counters of the last accounting line."""
    lines = [line for line in log.splitlines() if 'msg="accounting"' in line]
    check(lines, f"no accounting line; the log ends: {log[-500:]}")
    return {name: int(count) for name, count in re.findall(r"\b(\w+)=(\d+)\b", lines[-1])}


def check_foreign(output, log, frames=None):
    """`frames` is how many the analyser must have seen; None: at least one."""
    counts = accounting(log)
    check(counts.get("frames", 0) > 0 if frames is None else counts.get("frames") == frames,
          f"{frames or 'some'} frames sent: {counts}")
    check(counts.get("foreign") == counts["frames"], f"not all frames are foreign: {counts}")
    check(counts.get("joined") == 0 and counts.get("sessions_opened") == 0, f"frames became sessions: {counts}")
    check(output == "", f"{len(output.splitlines())} lines of output, first: {output[:200]}")


def replay(analyser, path):
    done = subprocess.run([analyser, "replay", path, "--log-level", "info"], text=True, capture_output=True, timeout=60)
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-500:]}")
    check_foreign(done.stdout, done.stderr, sum(1 for _ in dump.frames(path)))


def live(analyser, setup):
    with tempfile.TemporaryDirectory(prefix="dta-foreign-") as place:
        place = pathlib.Path(place)
        tap, output, log = place / "tap", place / "output.jsonl", place / "analyser.log"
        with open(log, "wb") as err:
            process = subprocess.Popen([analyser, "--listen", f"unix://{tap}", "--output", output, *LIVE_OPTIONS],
                                       stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        try:
            servers.wait_for(lambda: tap.exists() or process.poll() is not None, "the analyser to listen")
            check(process.poll() is None, f"the analyser ended early: {log.read_text()[-500:]}")
            servers.drive(setup, place, tap)
        finally:
            servers.stop(process)
        check(process.returncode == 0, f"exit {process.returncode} after SIGTERM: {log.read_text()[-500:]}")
        check_foreign(output.read_text() if output.exists() else "", log.read_text())


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind((servers.ADDRESS6, 0))
        return True
    except OSError:
        return False


def cases(analyser, with_live):
    """(name, reason to skip or None, what to run)."""
    for path in sorted((HERE / "data").glob("*.fstrm")):
        yield f"replay {path.stem}", ALIKE.get(path.stem), lambda path=path: replay(analyser, path)
    if not with_live:
        return
    lacking = None if has_ipv6() else "no ::1"
    lacking = lacking or (None if servers.find("knotd") else "the upstream, knotd, is not installed")
    for setup in servers.SETUPS:
        reason = lacking or (None if setup.installed() else "not installed") or ALIKE.get(setup.name)
        yield f"live {setup.name}", reason, lambda setup=setup: live(analyser, setup)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--analyser", type=pathlib.Path, default=ANALYSER)
    arguments = parser.parse_args()
    analyser = arguments.analyser.resolve()
    if not analyser.is_file():
        parser.error(f"no analyser at {arguments.analyser}")
    passed = failed = skipped = 0
    for name, reason, run in cases(analyser, arguments.live):
        if reason:
            skipped += 1
            print(f"skip {name}: {reason}")
            continue
        try:
            run()
            passed += 1
            print(f"ok {name}")
        except (Failure, OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAIL {name}: {error}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
