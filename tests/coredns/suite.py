"""Plays a table of scenarios against CoreDNS releases: builds them, one laboratory each, a line a scenario, counts at the end."""
import argparse, concurrent.futures, contextlib, functools, json, os, runpy, shutil, signal, subprocess, tempfile, time, traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import namespaces

HERE = Path(__file__).resolve().parent
BUILDER = runpy.run_path(str(HERE / "build-coredns"))


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def print_line(self, word, release, name, seconds=None, details=()):
        took = f" {seconds:5.1f} s" if seconds is not None else ""
        print(f"{word:4} {release:7} {name:20}{took}", *details, sep="\n     " if details else " ", flush=True)

    def note(self, release, name, seconds, wrong):
        if wrong:
            self.failed += 1
        else:
            self.passed += 1
        shown = wrong[:12] + ([f"... {len(wrong)} in all"] if len(wrong) > 12 else [])
        self.print_line("FAIL" if wrong else "ok", release, name, seconds, shown)

    def skip(self, release, name, reason):
        self.skipped += 1
        self.print_line("skip", release, name, details=[reason])

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""), flush=True)
        return 1 if self.failed else 0


@dataclass
class Suite:
    about: str                          # for --help
    table: dict                         # name -> Scenario
    lab: Callable                       # the class of laboratories
    releases: list
    quick_releases: list
    options: tuple = ()                 # of the analyser, in pairs, before the scenario's
    jobs: int = 12
    add_arguments: Callable = lambda top: None
    why_not: Callable = lambda options: None    # reasons of its own to skip everything
    tally: Tally = field(default_factory=Tally)

    def arguments(self):
        top = argparse.ArgumentParser(description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter)
        top.add_argument("--release", nargs="+", help=f"CoreDNS releases; default {' '.join(self.releases)}; others work, too")
        top.add_argument("--scenario", nargs="+", help="names, see --list")
        top.add_argument("--analyser", default=str(HERE.parent.parent / "build" / "dnstap-analyser"))
        top.add_argument("--quick", action="store_true", help="two releases, the quick scenarios")
        top.add_argument("--jobs", type=int, default=self.jobs, help="laboratories side by side; they mostly wait")
        top.add_argument("--record", metavar="DIR", help="keep frames, sessions, logs and mismatches of each run there")
        top.add_argument("--list", action="store_true")
        self.add_arguments(top)
        options = top.parse_args()
        for name in set(options.scenario or []) - set(self.table):
            top.error(f"no scenario {name}; see --list")
        return options

    def main(self):
        options = self.arguments()
        if options.list:
            for s in self.table.values():
                print(f"{s.name:20} {s.about}")
            return 0
        if reason := why_not(options) or self.why_not(options):
            self.tally.skip("", "everything", reason)
            return self.tally.close()
        signal.signal(signal.SIGTERM, interrupt)
        namespaces.sweep()
        try:
            releases = options.release or (self.quick_releases if options.quick else self.releases)
            self.play_all(options, build(releases, self.tally))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            return 130
        finally:
            namespaces.sweep(own=True)
        return self.tally.close()

    def chosen(self, options, releases):
        for release in releases:
            for scenario in self.table.values():
                if scenario.name not in (options.scenario or self.table) or (options.quick and scenario.slow and not options.scenario):
                    continue
                if scenario.fits(BUILDER["numbers"](release)):
                    yield release, scenario

    def play_all(self, options, binaries):
        with contextlib.ExitStack() as exits:
            scratch = Path(options.record or exits.enter_context(tempfile.TemporaryDirectory(prefix="dta-cd-")))
            jobs = [(number, release, binaries[release], scenario, scratch)
                    for number, (release, scenario) in enumerate(self.chosen(options, binaries))]
            self.play_some([job for job in jobs if not job[3].alone], options, options.jobs)
            self.play_some([job for job in jobs if job[3].alone], options, 1)

    def play_some(self, jobs, options, at_once):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            futures = {pool.submit(self.play, options, *job): job for job in jobs}
            try:
                for future in concurrent.futures.as_completed(futures):
                    _, release, _, scenario, _ = futures[future]
                    self.tally.note(release, scenario.name, *future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                namespaces.sweep(own=True)                      # the laboratories' processes die, and their threads end
                raise

    def play(self, options, number, release, binary, scenario, scratch):
        """One scenario in one laboratory -> (seconds, list of mismatches)."""
        began, folder = time.monotonic(), scratch / release / scenario.name
        shutil.rmtree(folder, ignore_errors=True)               # an earlier run's logs would be taken for this one's
        folder.mkdir(parents=True)
        analyser = analyser_command(options.analyser, self.options + scenario.options)
        try:
            frames = folder / "frames.fstrm" if options.record else None
            with self.lab(number, BUILDER["numbers"](release), binary, analyser, folder, scenario, frames) as lab:
                scenario.drive(lab)
                wrong = lab.finish()
        except Exception as e:
            wrong = [f"{type(e).__name__}: {e}", traceback.format_exc(limit=-3)]
        if options.record:
            keep_notes(folder, lab if "lab" in locals() else None, wrong)
        return time.monotonic() - began, wrong


@functools.cache
def help_text(analyser):
    return subprocess.run([analyser, "--help"], capture_output=True, text=True).stdout


def analyser_command(path, options=()):
    """The analyser with those of the options that this build of it knows."""
    pairs = zip(options[::2], options[1::2])
    return [path] + [word for option, value in pairs if option in help_text(path) for word in (option, value)]


def build(releases, tally):
    """-> {release: binary}; what cannot be built is skipped with its reason."""
    binaries = {}
    for release in releases:
        try:
            binaries[release] = BUILDER["build"](release)
        except (BUILDER["BuildError"], OSError) as e:
            tally.skip(release, "", f"cannot be built: {e}")
    return binaries


def keep_notes(folder, lab, wrong):
    (folder / "mismatches.txt").write_text("".join(f"{w}\n" for w in wrong))
    if lab:
        (folder / "upstream.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lab.upstream_log))
        (folder / "expected.txt").write_text("".join(f"{q}: client {q.outcome}; {' or '.join(map(str, q.expect))}\n" for q in lab.queries))


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
