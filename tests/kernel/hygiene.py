"""What the analyser leaves behind, and what it does where it may not look into the kernel."""
import subprocess

import bpf
from evidence import seen
from healthy import all_kinds, scenario
from lab import GOOD, wait_until
from scenarios import CLUSTER, SERVICE, forward, mixed_queries
from verdicts import local

NO_PRIVILEGE = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
UNTIL_FREED = 10.0                      # seconds: the kernel frees after grace periods


def objects(lab):
    """The BPF objects of the running analyser; and all that are in the kernel, its own among them."""
    if not lab.sees_kernel:
        return set()
    held = bpf.held(lab.analyser.popen.pid)
    lab.require({kind for kind, _ in held} >= {"prog_id", "map_id"}, f"the analyser holds {held or 'no BPF objects'}")
    return held


def require_gone(lab, held, before):
    gone = wait_until(lambda: not any(bpf.exists(*item) for item in held), UNTIL_FREED)
    lab.require(gone, f"left behind: {[item for item in held if bpf.exists(*item)]}")
    # Others may load and free theirs meanwhile: what somebody holds is his.
    nobodys = lambda: bpf.everything() - before - bpf.held_by_all()
    lab.require(wait_until(lambda: not nobodys(), UNTIL_FREED), f"BPF objects that were not there before, and nobody's: {nobodys()}")


def namespaces_free(lab):
    """Once the analyser is gone nothing of it keeps a namespace alive."""
    lab.servers["coredns-a"].kill()
    port = lab.network.ports["coredns-a"]
    lab.network.remove_host("coredns-a")
    lab.require(lab.netns_gone(port), "the namespace is still held")
    del lab.servers["coredns-a"]


def restart_analyser(lab):
    """A new one, which has to find what the other watched; sessions of the old one are not judged."""
    lab.queries.clear()
    lab.path("sessions.jsonl").unlink(missing_ok=True)
    lab.path("analyser.log").unlink()
    lab.start_analyser()
    lab.await_tapped()
    lab.settle()


def leave_nothing(lab, end):
    before = bpf.everything() - objects(lab)                    # the laboratory has started the analyser
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    all_kinds(lab)
    held = objects(lab)
    end()
    require_gone(lab, held, before)


@scenario("after SIGTERM nothing is left: no program, no map, no namespace held; and a second run is as the first", alone=True)
def clean_sigterm(lab):
    leave_nothing(lab, lambda: lab.require(lab.analyser.stop() == 0, "the analyser did not end with 0"))
    restart_analyser(lab)
    all_kinds(lab)


@scenario("after SIGKILL nothing is left; and a second run is as the first", alone=True)
def clean_sigkill(lab):
    leave_nothing(lab, lab.analyser.kill)
    restart_analyser(lab)
    all_kinds(lab)


@scenario("after SIGKILL the namespace that was watched can go", alone=True)
def clean_namespace(lab):
    leave_nothing(lab, lab.analyser.kill)
    lab.queries.clear()
    lab.path("sessions.jsonl").unlink(missing_ok=True)
    lab.path("analyser.log").unlink()
    namespaces_free(lab)
    lab.start_analyser()
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.ask(SERVICE, "A", seen(local()))


@scenario("`--probe auto` without privilege: dnstap alone, and it says why", probe="auto", privileged=False, prefix=NO_PRIVILEGE)
def unprivileged_auto(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    mixed_queries(lab)
    if lab.has_probe:
        said = [line for line in lab.analyser.text().splitlines() if "probe" in line and ("level=warn" in line or "level=info" in line)]
        lab.require(any("ermi" in line or "privilege" in line for line in said), f"the log does not say why: {said}")
        lab.finish_checks.append(lambda: [] if "probe" in lab.ready else [f"/readyz says nothing of the probe: {lab.ready!r}"])


@scenario("`--probe require` without privilege: it ends with 2, and says why", probe="auto", privileged=False, prefix=NO_PRIVILEGE)
def unprivileged_require(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    if lab.has_probe:
        line = [word.replace(":6000", ":6009").replace(":9166", ":9169") for word in lab.analyser_line(probe="require")]
        with lab.network.inside("hub"):
            done = subprocess.run(line, capture_output=True, text=True, timeout=20)
        lab.require(done.returncode == 2, f"exit {done.returncode}, not 2: {done.stderr[-300:]}")
        lab.require("probe" in done.stderr, f"it does not say why: {done.stderr[-300:]}")
    mixed_queries(lab)
