"""Network namespaces: made, wired to one bridge, entered by a thread, and always taken away again."""
import contextlib, ctypes, os, signal, subprocess
from pathlib import Path

PREFIX = "dta-cd-"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class NamespaceError(Exception):
    pass


def ip(*argv, check=True, text=None):
    done = subprocess.run(["ip", *argv], input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise NamespaceError(f"ip {' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(name):
    """The calling thread alone works in that namespace: sockets it opens and processes it starts stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(there)
        os.close(home)


def enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise NamespaceError("setns: " + os.strerror(ctypes.get_errno()))


class Network:
    """Some hosts, each a namespace, on one flat network. The host `hub` holds the bridge."""

    def __init__(self, number):
        self.stem = f"{PREFIX}{os.getpid()}-{number}-"
        self.hosts, self.ports = [], {}                         # ports: each host's on the bridge
        self.add_namespace("hub")
        # Without an address of its own the bridge changes it with its ports, and connections through it hang.
        self.batch("hub", ["link add br0 address 02:00:00:00:00:01 type bridge", "link set br0 up"])

    def name(self, host):
        return self.stem + host

    def inside(self, host):
        return inside(self.name(host))

    def add_namespace(self, host):
        ip("netns", "add", self.name(host))
        self.hosts.append(host)
        self.batch(host, ["link set lo up"])

    def batch(self, host, commands):
        ip("-n", self.name(host), "-batch", "-", text="\n".join(commands) + "\n")

    def add_host(self, host, addresses):
        """addresses: with their prefix length. No default route: what is not on this network cannot be reached."""
        self.add_namespace(host)
        port = self.ports[host] = f"p{len(self.ports)}"
        # The same address as the last time that there was such a host: neighbours remember it.
        number = int(addresses[0].partition("/")[0].rpartition(".")[2])
        self.batch("hub", [f"link add {port} type veth peer name eth0 address 02:00:00:00:01:{number:02x} netns {self.name(host)}",
                           f"link set {port} master br0 up"])
        self.batch(host, ["link set eth0 up"] + [f"addr add {a} dev eth0" + (" nodad" if ":" in a else "") for a in addresses])

    def add_hub_address(self, address):
        self.batch("hub", [f"addr add {address} dev br0"])

    def swallow(self, host, address):
        """Packets from that host to that address leave, and reach nobody: no answer, no ICMP, no failing ARP."""
        self.batch(host, [f"neigh replace {address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent"])

    def run(self, host, *argv):
        """Run a command in a host; -> what it printed."""
        with self.inside(host):
            done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            raise NamespaceError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def remove_host(self, host):
        """With all that runs in it; its name may be used again."""
        self.hosts.remove(host)
        remove(self.name(host))

    def close(self):
        for host in reversed(self.hosts):
            remove(self.name(host))
        self.hosts = []


def remove(name):
    """Take a namespace away, with whatever still runs in it."""
    for pid in ip("netns", "pids", name, check=False).split():
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    ip("netns", "del", name, check=False)


def owner(name):
    """Process id of the run that made a namespace of ours, else None."""
    pid = name[len(PREFIX):].partition("-")[0] if name.startswith(PREFIX) else ""
    return int(pid) if pid.isdigit() else None


def sweep(own=False):
    """Remove what runs that were killed outright left behind; own: what this run still has, too."""
    folder = Path("/run/netns")
    for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
        pid = owner(name)
        if pid and (pid == os.getpid() if own else not Path(f"/proc/{pid}").exists()):
            remove(name)


def why_not():
    """The reason why namespaces cannot be used here, or None."""
    trial = f"{PREFIX}{os.getpid()}-trial"
    try:
        ip("netns", "add", trial)
        with inside(trial):
            pass
        ip("-n", trial, "link", "add", "br0", "type", "bridge")
        return None
    except (NamespaceError, OSError) as e:
        return str(e)
    finally:
        with contextlib.suppress(OSError):
            remove(trial)
