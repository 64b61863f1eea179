#!/usr/bin/env python3
"""run.py: the analyser against real CoreDNS. Builds the releases, plays the scenarios, judges every session.

Needs root (network namespaces), nft, iproute2 and Go 1.21 or newer. Prints a line per scenario, and closes with
`N passed, N failed`; exits 1 unless nothing failed.
"""
import argparse, concurrent.futures, contextlib, json, os, runpy, shutil, signal, subprocess, sys, tempfile, time, traceback
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True          # a test leaves nothing behind in the source tree

import faults                           # noqa: F401  registers its scenarios
import namespaces
from lab import Lab
from scenarios import TABLE

HERE = Path(__file__).resolve().parent
RELEASES = ["1.8.6", "1.9.3", "1.11.3", "1.13.1", "1.14.4", "1.14.7", "1.15.0"]
QUICK_RELEASES = ["1.11.3", "1.15.0"]
DNSTAP_ONLY = ("--probe", "off", "--http", "off", "--ui", "off")
BUILDER = runpy.run_path(str(HERE / "build-coredns"))


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def print_line(self, word, release, name, seconds=None, details=()):
        took = f" {seconds:5.1f} s" if seconds is not None else ""
        print(f"{word:4} {release:7} {name:20}{took}", *details, sep="\n     " if details else " ", flush=True)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""), flush=True)
        return 1 if self.failed else 0


def arguments():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--release", nargs="+", help=f"CoreDNS releases; default {' '.join(RELEASES)}; 1.8.1 and 1.7.1 work, too")
    top.add_argument("--scenario", nargs="+", help="names, see --list")
    top.add_argument("--analyser", default=str(HERE.parent.parent / "build" / "dnstap-analyser"))
    top.add_argument("--quick", action="store_true", help="two releases, the quick scenarios")
    top.add_argument("--jobs", type=int, default=12, help="laboratories side by side; they mostly wait")
    top.add_argument("--record", metavar="DIR", help="keep frames, sessions, logs and mismatches of each run there")
    top.add_argument("--list", action="store_true")
    options = top.parse_args()
    for name in set(options.scenario or []) - set(TABLE):
        top.error(f"no scenario {name}; see --list")
    return options


def analyser_command(path, options=()):
    """The analyser with those of the options that this build of it knows."""
    text = subprocess.run([path, "--help"], capture_output=True, text=True).stdout
    pairs = zip(options[::2], options[1::2])
    return [path] + [word for option, value in pairs if option in text for word in (option, value)]


def build(releases, tally):
    """-> {release: binary}; what cannot be built is skipped with its reason."""
    binaries = {}
    for release in releases:
        try:
            binaries[release] = BUILDER["build"](release)
        except (BUILDER["BuildError"], OSError) as e:
            tally.skipped += 1
            tally.print_line("skip", release, "", details=[f"cannot be built: {e}"])
    return binaries


def chosen(options, releases):
    for release in releases:
        for scenario in TABLE.values():
            if scenario.name not in (options.scenario or TABLE) or (options.quick and scenario.slow and not options.scenario):
                continue
            if scenario.fits(BUILDER["numbers"](release)):
                yield release, scenario


def play(number, release, scenario, binary, analyser, folder, record):
    """One scenario in one laboratory -> list of mismatches."""
    shutil.rmtree(folder, ignore_errors=True)                   # an earlier run's logs would be taken for this one's
    folder.mkdir(parents=True)
    try:
        frames = folder / "frames.fstrm" if record else None
        with Lab(number, BUILDER["numbers"](release), binary, analyser, folder, scenario.sink, frames) as lab:
            scenario.drive(lab)
            wrong = lab.finish()
    except Exception as e:
        wrong = [f"{type(e).__name__}: {e}", traceback.format_exc(limit=-3)]
    if record:
        keep_notes(folder, lab if "lab" in locals() else None, wrong)
    return wrong


def keep_notes(folder, lab, wrong):
    (folder / "mismatches.txt").write_text("".join(f"{w}\n" for w in wrong))
    if lab:
        (folder / "upstream.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lab.upstream_log))
        (folder / "expected.txt").write_text("".join(f"{q}: client {q.outcome}; {' or '.join(map(str, q.expect))}\n" for q in lab.queries))


def play_all(options, binaries, tally):
    with contextlib.ExitStack() as exits:
        scratch = Path(options.record or exits.enter_context(tempfile.TemporaryDirectory(prefix="dta-cd-")))
        pool = exits.enter_context(concurrent.futures.ThreadPoolExecutor(options.jobs))
        futures = {}
        for number, (release, scenario) in enumerate(chosen(options, binaries)):
            analyser = analyser_command(options.analyser, DNSTAP_ONLY + scenario.options)
            job = timed(play, number, release, scenario, binaries[release], analyser, scratch / release / scenario.name, options.record)
            futures[pool.submit(job)] = release, scenario.name
        try:
            for future in concurrent.futures.as_completed(futures):
                note(tally, *futures[future], *future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            namespaces.sweep(own=True)                          # the laboratories' processes die, and their threads end
            raise


def timed(function, *args):
    def job():
        began = time.monotonic()
        wrong = function(*args)
        return time.monotonic() - began, wrong
    return job


def note(tally, release, name, seconds, wrong):
    if wrong:
        tally.failed += 1
    else:
        tally.passed += 1
    tally.print_line("FAIL" if wrong else "ok", release, name, seconds, wrong[:12] + ([f"... {len(wrong)} in all"] if len(wrong) > 12 else []))


def why_not(options):
    """The reason why nothing can be tested here, or None."""
    if not os.access(options.analyser, os.X_OK):
        return f"no analyser at {options.analyser}"
    if os.geteuid() != 0:
        return "not root: no network namespaces"
    for program in ("ip", "nft", "unshare"):
        if not shutil.which(program):
            return f"no {program}"
    return namespaces.why_not()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    options, tally = arguments(), Tally()
    if options.list:
        for s in TABLE.values():
            print(f"{s.name:20} {s.about}")
        return 0
    if reason := why_not(options):
        tally.skipped += 1
        tally.print_line("skip", "", "everything", details=[reason])
        return tally.close()
    signal.signal(signal.SIGTERM, interrupt)
    namespaces.sweep()
    try:
        binaries = build(options.release or (QUICK_RELEASES if options.quick else RELEASES), tally)
        play_all(options, binaries, tally)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        return 130
    finally:
        namespaces.sweep(own=True)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
