"""The command line: what is wrong is said in one line, with status 2, before anything is done."""
from lab import check, check_equal
import tap

WRONG = [
    ["--no-such-option"], ["-x"], ["--"], ["nonsense"], ["-"], ["--listen"], ["--listen", "6000"],
    ["--listen", "tcp://127.0.0.1:0"], ["--listen", "tcp://127.0.0.1:65536"], ["--listen", "unix://relative"],
    ["--listen", "unix:///" + "x" * 200], ["--connect", ""],
    ["--format", "xml"], ["--log-level", "loud"], ["--status", "Fine"], ["--bitmap", "16"], ["--cause", "bad luck"],
    ["--rcode", "NOPE"], ["--client", "10.0.0.0/33"], ["--qname", "a..b"], ["--succeeded-sample", "0"],
    ["--session-timeout", "10"], ["--session-timeout", "999ms"], ["--session-timeout", "601s"], ["--max-sessions", "0"],
    ["--max-sessions", "16777217"], ["--max-frame-size", "511"], ["--max-frame-size", "16777217"], ["--max-connections", "-1"],
    ["--max-memory", "1"], ["--output-queue", "1MB"], ["--socket-mode", "888"], ["--socket-mode", "1000"], ["--no-messages=1"],
    ["--summary"], ["--markdown"], ["replay"], ["replay", "--summary"], ["replay", "x", "--listen", "tcp://127.0.0.1:1"],
    ["replay", "x", "--max-connections", "3"], ["replay", "x", "--idle-timeout", "3s"], ["explain", "--format", "json"],
    ["--max-sessions="], ["--max-sessions", " 5"], ["--max-sessions", "5\nforged"],
]


def wrong_usage(lab):
    for arguments in WRONG:
        done = lab.run(*arguments)
        check_equal((done.status, done.out), (2, b""), f"exit status and output of {arguments}, which says {done.log}")
        check(done.log.startswith("dnstap-analyser: ") and done.log.endswith("\n"), f"{arguments} says {done.log!r}")
        if "\n" not in arguments[-1]:
            check_equal(done.log.count("\n"), 1, f"lines that {arguments} says: {done.log}")


def help_and_version(lab):
    for arguments in ["--help"], ["-h"], ["help"], ["replay", "--help"], ["explain", "--help"], ["--format=text", "-h"]:
        done = lab.run(*arguments)
        check_equal((done.status, done.log), (0, ""), f"exit status and log of {arguments}")
        check(b"--listen URI" in done.out and b"Exit status" in done.out, f"no help from {arguments}")
    for arguments in ["--version"], ["version"]:
        done = lab.run(*arguments)
        check_equal((done.status, done.log), (0, ""), f"exit status and log of {arguments}")
        check(done.out.startswith(b"dnstap-analyser ") and done.out.count(b"\n") == 1, f"version is {done.out!r}")


def options_have_two_forms(lab):
    frames = tap.recording("local-answer")
    path = lab.file(tap.stream(frames))
    got = [lab.run(*arguments).out for arguments in (["replay", "--format", "text", path], ["replay", path, "--format=text"])]
    check_equal(got[0], got[1], "--format text and --format=text")
    check_equal(len(got[0].splitlines()), len(frames) // 2, "lines")


def help_into_a_full_disk(lab):
    """What cannot be printed is no success."""
    for arguments in ["--help"], ["--version"], ["explain", "Failed"], ["explain", "--markdown"]:
        with open("/dev/full", "wb") as full:
            done = lab.run(*arguments, stdout=full)
        check_equal(done.status, 1, f"exit status of {arguments} > /dev/full")
