#!/usr/bin/env python3
"""The real daemon and replay from outside: producers good and bad, outputs fast, slow and dead, signals, limits.

Prints a line per test, closes with `N passed, N failed`; exits 1 when one failed. Tests run side by side; each has its own
daemons, sockets below a folder in /tmp, and ports of 127.0.0.1 and ::1 that were free.
"""
import argparse
import concurrent.futures
import importlib
import inspect
import os
import signal
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
import lab                              # noqa: E402
import tap                              # noqa: E402

HERE = Path(__file__).resolve().parent
MODULES = ["hostile", "dial", "output", "process", "limits", "equal", "servers", "offline", "usage", "monitor"]
SIDE_BY_SIDE = 6                        # most of them wait most of the time


def all_tests():
    """{name: function}, from each module's tests(), or its functions that take a lab."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        functions = module.tests() if hasattr(module, "tests") else [
            function for _, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == name and list(inspect.signature(function).parameters) == ["lab"]]
        for function in sorted(functions, key=lambda function: function.__code__.co_firstlineno):
            found[function.__name__] = function
    return found


def run(function, analyser):
    """(verdict, why, seconds)"""
    began = time.monotonic()
    try:
        with lab.Lab(analyser) as place:
            function(place)
        verdict, why = "ok", ""
    except tap.Missing as missing:
        verdict, why = "skip", str(missing)
    except lab.Failure as failure:
        verdict, why = "FAIL", str(failure)
    except Exception as error:
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        verdict, why = "FAIL", f"{error!r} at {' > '.join(where)}"
    return verdict, why, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--analyser", type=Path, default=HERE.parents[1] / "build" / "dnstap-analyser")
    parser.add_argument("--times", action="store_true", help="how long each test took")
    parser.add_argument("test", nargs="*", help="only tests whose name contains one of these")
    arguments = parser.parse_args()
    analyser = arguments.analyser.resolve()
    if not os.access(analyser, os.X_OK):
        parser.error(f"no analyser at {arguments.analyser}")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    chosen = {name: function for name, function in all_tests().items()
              if not arguments.test or any(word in name for word in arguments.test)}
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = {pool.submit(run, function, analyser): name for name, function in chosen.items()}
        for future in concurrent.futures.as_completed(running):
            verdict, why, seconds = future.result()
            counts[verdict] += 1
            print(f"{verdict} {running[future]}" + (f" ({seconds:.1f} s)" if arguments.times else "") +
                  (f": {why}" if why else ""), flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed" + (f", {counts['skip']} skipped" if counts["skip"] else ""))
    return 1 if counts["FAIL"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
