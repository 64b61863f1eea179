"""Plays each scenario in a process and a network of its own: a dropped packet is seen wherever in the kernel it is dropped, so two
laboratories with the same addresses would tell each other's drops."""
import concurrent.futures, os, re, subprocess, sys

from suite import Suite


def net_of(number):
    """10.64.0 to 10.127.255"""
    return f"10.{64 + number // 256 % 64}.{number % 256}"


class SuiteApart(Suite):
    def play_some(self, jobs, options, at_once):
        if options.here:
            return super().play_some(jobs, options, at_once)
        self.children = set()
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            futures = [pool.submit(self.play_apart, options, *job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(futures):
                    self.take(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in list(self.children):
                    child.terminate()                           # each takes its own namespaces away
                raise

    def play_apart(self, options, number, release, binary, scenario, scratch):
        """-> what the process of that scenario printed"""
        argv = [sys.executable, os.path.abspath(sys.argv[0]), "--here", "--release", release, "--scenario", scenario.name,
                "--analyser", options.analyser, "--record", str(scratch)] + ["--laboratory"] * options.laboratory
        net = net_of(os.getpid() * 97 + number)
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ, DTA_LAB_NET=net))
        self.children.add(child)
        out, _ = child.communicate()
        self.children.discard(child)
        return out

    def take(self, out):
        said, _, closing = out.rstrip("\n").rpartition("\n")
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", closing)
        print(said if counts else out + "FAIL: it ended without a count", flush=True)
        passed, failed, skipped = (int(n or 0) for n in counts.groups()) if counts else (0, 1, 0)
        self.tally.passed, self.tally.failed, self.tally.skipped = (self.tally.passed + passed, self.tally.failed + failed,
                                                                    self.tally.skipped + skipped)
