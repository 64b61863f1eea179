#!/usr/bin/env python3
"""run.py: the analyser against real CoreDNS. Builds the releases, plays the scenarios, judges every session.

Needs root (network namespaces), nft, iproute2 and Go 1.21 or newer. Prints a line per scenario, and closes with
`N passed, N failed`; exits 1 unless nothing failed.
"""
import sys

sys.dont_write_bytecode = True          # a test leaves nothing behind in the source tree

import faults                           # noqa: F401  registers its scenarios
from lab import Lab
from scenarios import TABLE
from suite import Suite

RELEASES = ["1.8.6", "1.9.3", "1.11.3", "1.13.1", "1.14.4", "1.14.7", "1.15.0"]
DNSTAP_ONLY = ("--probe", "off", "--http", "off", "--ui", "off")

if __name__ == "__main__":
    sys.exit(Suite(__doc__, TABLE, Lab, RELEASES, ["1.11.3", "1.15.0"], DNSTAP_ONLY).main())
