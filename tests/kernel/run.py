#!/usr/bin/env python3
"""run.py: the analyser with its kernel probe against real CoreDNS in network namespaces. Every verdict, every drop reason and
every number of lost dnstap messages is held against what client, upstream, firewall and relay did.

Needs root with the right to load BPF programs, nft, iproute2, setpriv and Go 1.21 or newer. Prints a line per scenario, and
closes with `N passed, N failed`; exits 1 unless nothing failed. Skips only where BPF is not permitted or no CoreDNS can be built.
"""
import argparse, sys
from pathlib import Path

sys.dont_write_bytecode = True          # a test leaves nothing behind in the source tree
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "coredns"))

import bpf
import dropped, hygiene, lifetimes, lost, node, overrun, paths, streams    # noqa: F401  register their scenarios
from apart import SuiteApart
from healthy import TABLE
from probe_lab import ProbeLab

RELEASES = ["1.11.3", "1.14.7", "1.15.0"]
OPTIONS = ("--ui", "off")


def add_arguments(top):
    top.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    top.add_argument("--laboratory", action="store_true", help="check the laboratory alone: what clients saw, what was dropped; no verdicts")


def why_not(options):
    ProbeLab.laboratory_only = options.laboratory
    return None if options.laboratory else bpf.why_not()


if __name__ == "__main__":
    suite = SuiteApart(__doc__, TABLE, ProbeLab, RELEASES, RELEASES[1:], OPTIONS, jobs=6, add_arguments=add_arguments, why_not=why_not)
    sys.exit(suite.main())
