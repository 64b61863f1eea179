"""Servers that are not CoreDNS, from Debian packages: how to start each one with dnstap on, and the queries to ask it.

Every server is started on 127.0.0.1 and ::1, its upstream (a Knot DNS without dnstap) on 127.0.0.2, all on one port:
BIND asks every server on the port it listens on itself, and listens on addresses of interfaces only. Programs are
copied to the scratch folder before they run, since an AppArmor profile of their installed path would keep them from
reading and writing there.
"""
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing

from queries import ADDRESS, ADDRESS6, PORT, ask_authoritative, ask_bind, ask_resolver

CLOSED_PORT = 20199
UPSTREAM = "127.0.0.2"

ROOT_ZONE = """$TTL 300
. SOA ns.example. admin.example. 1 3600 600 86400 300
. NS ns.example.
ns.example. A 127.0.0.2
recursed.example. NS ns.example.
"""
UPSTREAM_ZONE = """$TTL 300
@ SOA ns.example. admin.example. 1 3600 600 86400 300
@ NS ns.example.
www A 192.0.2.1
big TXT {big}
"""
LOCAL_ZONE = """$TTL 300
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.3
"""
BIG = " ".join(['"' + "x" * 250 + '"'] * 6)     # above 1232 bytes: answered with TC over UDP


# Unbound of Debian 11 is unpacked here, not installed: the last one whose CLIENT_* messages have no response_address.
BULLSEYE = pathlib.Path(tempfile.gettempdir()) / "dta-foreign-bullseye"


def find(program, root=pathlib.Path("/")):
    """The path of an installed program, None where there is none."""
    return shutil.which(program, path=f"{root}/usr/sbin:{root}/usr/bin")


def start(argv, place, log="server.log", root=pathlib.Path("/")):
    """Run a program in the scratch folder, its output in a log there."""
    program = pathlib.Path(find(argv[0], root))
    copy = place / "bin" / program.name
    copy.parent.mkdir(exist_ok=True)
    if not copy.exists():
        shutil.copy2(program, copy)
    libraries = {"LD_LIBRARY_PATH": ":".join(map(str, root.glob("usr/lib/*-linux-gnu")))} if root != root.parent else {}
    with open(place / log, "ab") as out:
        return subprocess.Popen([copy, *argv[1:]], cwd=place, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True, env={**os.environ, **libraries})


def stop(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"timed out: {what}")
        time.sleep(0.05)


def accepts_tcp(address):
    try:
        socket.create_connection((address, PORT), 1).close()
        return True
    except OSError:
        return False


# Configurations. Each writes its files into `place`, taps to the unix socket `tap`, and returns the command to run.

def knot_config(place, name, address, zones, rest=""):
    (place / f"{name}.conf").write_text(f"""
server:
    rundir: {place}
    listen: {address}
    pidfile: {name}.pid
database:
    storage: {place}/{name}.db
log:
  - target: stderr
    any: info
{rest}
zone:
{zones}""")
    return ["knotd", "-c", f"{place}/{name}.conf", "-s", f"{place}/{name}.sock"]


def upstream(place):
    """Answers all that is asked of it; dead.example has no data and gives SERVFAIL."""
    (place / "root.zone").write_text(ROOT_ZONE)
    (place / "upstream.zone").write_text(UPSTREAM_ZONE.format(big=BIG))
    return knot_config(place, "upstream", f"{UPSTREAM}@{PORT}", f"""
  - domain: .
    file: {place}/root.zone
  - domain: forwarded.example.
    file: {place}/upstream.zone
  - domain: recursed.example.
    file: {place}/upstream.zone
  - domain: dead.example.
    file: {place}/missing.zone
""")


def knot(place, tap, log):
    (place / "local.zone").write_text(LOCAL_ZONE)
    settings = "".join(f"    {line}\n" for line in log)
    return knot_config(place, "knot", f"[{ADDRESS}@{PORT}, {ADDRESS6}@{PORT}]", f"""
  - domain: local.example.
    file: {place}/local.zone
  - domain: dead.example.
    file: {place}/missing.zone
""", f"""
mod-dnstap:
  - id: tap
    sink: unix:{tap}
{settings}
acl:
  - id: anyone
    address: 127.0.0.0/8
    action: [transfer, update]
template:
  - id: default
    storage: {place}
    global-module: mod-dnstap/tap
    acl: anyone
""")


def nsd(place, tap, log):
    (place / "local.zone").write_text(LOCAL_ZONE)
    settings = "".join(f"    {line}\n" for line in log)
    (place / "nsd.conf").write_text(f"""
server:
    ip-address: {ADDRESS}@{PORT}
    ip-address: {ADDRESS6}@{PORT}
    username: ""
    database: ""
    zonesdir: {place}
    pidfile: {place}/nsd.pid
    zonelistfile: {place}/zone.list
    xfrdfile: {place}/xfrd.state
    xfrdir: {place}
remote-control:
    control-enable: no
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: {tap}
{settings}
zone:
    name: local.example
    zonefile: local.zone
    provide-xfr: 127.0.0.0/8 NOKEY
zone:
    name: dead.example
    zonefile: missing.zone
""")
    return ["nsd", "-d", "-c", f"{place}/nsd.conf"]


def unbound(place, tap, log, identity=False):
    """dnstap-send-identity and -version are off in Unbound's defaults."""
    on = "yes" if identity else "no"
    settings = "".join(f"    dnstap-log-{kind}-messages: yes\n" for kind in log)
    (place / "unbound.conf").write_text(f"""
server:
    interface: {ADDRESS}
    interface: {ADDRESS6}
    port: {PORT}
    access-control: ::0/0 allow
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: {place}
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "local.example." static
    local-data: "www.local.example. A 192.0.2.3"
remote-control:
    control-enable: no
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: {tap}
    dnstap-send-identity: {on}
    dnstap-send-version: {on}
{settings}
stub-zone:
    name: "recursed.example."
    stub-addr: {UPSTREAM}@{PORT}
forward-zone:
    name: "silent.example."
    forward-addr: {UPSTREAM}@{CLOSED_PORT}
forward-zone:
    name: "."
    forward-addr: {UPSTREAM}@{PORT}
""")
    return ["unbound", "-d", "-p", "-c", f"{place}/unbound.conf"]


def bind(place, tap, log, identity=True):
    """Identity (host name) and version are on in BIND's defaults."""
    none = "" if identity else "dnstap-identity none; dnstap-version none;"
    (place / "local.zone").write_text(LOCAL_ZONE)
    (place / "root.hints").write_text(""". 3600000 NS ns.example.
ns.example. 3600000 A 127.0.0.2
""")
    (place / "named.conf").write_text(f"""
options {{
    directory "{place}";
    pid-file none;
    session-keyfile none;
    port {PORT};
    listen-on {{ {ADDRESS}; }};
    listen-on-v6 {{ {ADDRESS6}; }};
    recursion yes;
    dnssec-validation no;
    dnstap {{ {log} }};
    dnstap-output unix "{tap}";
    {none}
}};
controls {{ }};
zone "." {{ type hint; file "root.hints"; }};
zone "local.example" {{ type primary; file "local.zone"; allow-update {{ any; }}; allow-transfer {{ any; }}; }};
zone "forwarded.example" {{ type forward; forward only; forwarders {{ {UPSTREAM}; }}; }};
zone "dead.example" {{ type forward; forward only; forwarders {{ {UPSTREAM}; }}; }};
zone "silent.example" {{ type forward; forward only; forwarders {{ {UPSTREAM} port {CLOSED_PORT}; }}; }};
""")
    return ["named", "-g", "-c", f"{place}/named.conf"]


def recursor(place, tap, log, forward="forward-zones"):
    (place / "dnstap.lua").write_text(f"""dnstapFrameStreamServer({{"{tap}"}}, {{{log}}})\n""")
    (place / "recursor.conf").write_text(f"""
local-address={ADDRESS}, {ADDRESS6}
local-port={PORT}
allow-from=127.0.0.0/8, ::1
config-dir={place}
socket-dir={place}
lua-config-file={place}/dnstap.lua
dont-query=
dnssec=off
daemon=no
write-pid=no
threads=2
security-poll-suffix=
export-etc-hosts=off
hint-file=no
{forward}=.={UPSTREAM}:{PORT}, silent.example={UPSTREAM}:{CLOSED_PORT}
auth-zones=local.example={place}/local.zone
""")
    (place / "local.zone").write_text("$ORIGIN local.example.\n" + LOCAL_ZONE)
    return ["pdns_recursor", f"--config-dir={place}", "--config-name="]


def dnsdist(place, tap, log):
    actions = {
        "query": """addAction(AllRule(), DnstapLogAction("dnsdist", logger))""",
        "response": """addResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", logger))
addCacheHitResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", logger))
addSelfAnsweredResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", logger))""",
    }
    chosen = "\n".join(actions[kind] for kind in log)
    (place / "dnsdist.conf").write_text(f"""
setSecurityPollSuffix("")
setACL({{"127.0.0.0/8", "::1/128"}})
addLocal("{ADDRESS}:{PORT}")
addLocal("[{ADDRESS6}]:{PORT}")
newServer({{address="{UPSTREAM}:{PORT}", healthCheckMode="up"}})
getPool(""):setCache(newPacketCache(100))
logger = newFrameStreamUnixLogger("{tap}")
{chosen}
addAction(QNameRule("www.local.example."), SpoofAction("192.0.2.3"))
""")
    return ["dnsdist", "--supervised", "--disable-syslog", "-C", f"{place}/dnsdist.conf"]


def kresd(place, tap, log):
    settings = ", ".join(f"log_{kind} = true" for kind in log)
    (place / "kresd.conf").write_text(f"""
net.listen("{ADDRESS}", {PORT}, {{ kind = "dns" }})
net.listen("{ADDRESS6}", {PORT}, {{ kind = "dns" }})
cache.open(10 * MB, "lmdb://{place}/cache")
trust_anchors.remove(".")
modules.unload("priming")
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.load("hints")
hints["www.local.example"] = "192.0.2.3"
modules = {{ dnstap = {{
    socket_path = "{tap}", identity = "kresd", version = package_version(), client = {{ {settings} }} }} }}
policy.add(policy.suffix(policy.FORWARD("{UPSTREAM}@{CLOSED_PORT}"), policy.todnames({{ "silent.example" }})))
policy.add(policy.all(policy.FORWARD("{UPSTREAM}@{PORT}")))
""")
    return ["kresd", "-n", "-c", f"{place}/kresd.conf", str(place)]


@dataclasses.dataclass(frozen=True)
class Setup:
    """One server in one configuration: one recording."""
    name: str
    package: str
    program: str
    configure: typing.Callable          # (place, tap) -> command
    ask: typing.Callable
    root: pathlib.Path = pathlib.Path("/")

    def installed(self):
        return find(self.program, self.root) is not None


def setup(name, package, program, configure, ask=ask_resolver, root=pathlib.Path("/"), **options):
    return Setup(name, package, program, lambda place, tap: configure(place, tap, **options), ask, root)


UNBOUND = ("unbound", "unbound", unbound)
KNOT = ("knot-module-dnstap", "knotd", knot, ask_authoritative)
NSD = ("nsd", "nsd", nsd, ask_authoritative)
BIND = ("bind9", "named", bind, ask_bind)
RECURSOR = ("pdns-recursor", "pdns_recursor", recursor)
DNSDIST = ("dnsdist", "dnsdist", dnsdist)
KRESD = ("knot-resolver", "kresd", kresd)

CLIENT = ("client-query", "client-response")
RESOLVER = ("resolver-query", "resolver-response")
FORWARDER = ("forwarder-query", "forwarder-response")
BOTH = "logQueries=true, logResponses=true"

SETUPS = [
    setup("unbound", *UNBOUND, log=CLIENT + RESOLVER + FORWARDER, identity=True),
    setup("unbound-client", *UNBOUND, log=CLIENT),
    setup("unbound-forwarder", *UNBOUND, log=FORWARDER),
    setup("unbound-forwarder-identity", *UNBOUND, log=FORWARDER, identity=True),
    setup("unbound-forwarder-query", *UNBOUND, log=FORWARDER[:1]),
    setup("unbound-forwarder-response", *UNBOUND, log=FORWARDER[1:]),
    setup("unbound-resolver", *UNBOUND, log=RESOLVER),
    setup("unbound-1.13", *UNBOUND, root=BULLSEYE, log=CLIENT + RESOLVER + FORWARDER, identity=True),
    setup("unbound-1.13-client", *UNBOUND, root=BULLSEYE, log=CLIENT),
    setup("unbound-1.13-client-query", *UNBOUND, root=BULLSEYE, log=CLIENT[:1]),
    setup("unbound-1.13-client-forwarder", *UNBOUND, root=BULLSEYE, log=CLIENT + FORWARDER),
    setup("unbound-1.13-forwarder", *UNBOUND, root=BULLSEYE, log=FORWARDER),
    setup("knot", *KNOT, log=("log-queries: on", "log-responses: on", "responses-with-queries: on")),
    setup("knot-responses", *KNOT, log=("log-queries: off", "log-responses: on")),
    setup("nsd", *NSD, log=("dnstap-log-auth-query-messages: yes", "dnstap-log-auth-response-messages: yes",
                            "dnstap-send-identity: yes", "dnstap-send-version: yes")),
    setup("bind", *BIND, log="all;"),
    setup("bind-client", *BIND, log="client;"),
    setup("bind-client-response", *BIND, log="client response;", identity=False),
    setup("bind-resolver", *BIND, log="resolver;"),
    setup("recursor", *RECURSOR, log=BOTH),
    setup("recursor-forward", *RECURSOR, log=BOTH, forward="forward-zones-recurse"),
    setup("dnsdist", *DNSDIST, log=("query", "response")),
    setup("dnsdist-query", *DNSDIST, log=("query",)),
    setup("dnsdist-response", *DNSDIST, log=("response",)),
    setup("kresd", *KRESD, log=("queries", "responses")),
    setup("kresd-bare", *KRESD, log=()),
]


def drive(chosen, place, tap):
    """Start the server and its upstream, ask, stop both; `tap` is being listened on already. The rcodes."""
    if accepts_tcp(ADDRESS) or accepts_tcp(UPSTREAM):
        raise RuntimeError(f"port {PORT} is taken")
    processes = []
    try:
        processes.append(start(upstream(place), place, "upstream.log"))
        wait_for(lambda: accepts_tcp(UPSTREAM), "upstream to start")
        processes.append(start(chosen.configure(place, tap), place, root=chosen.root))
        wait_for(lambda: accepts_tcp(ADDRESS), f"{chosen.name} to start")
        time.sleep(1.5)                 # the dnstap connection
        rcodes = chosen.ask()
        time.sleep(2)                   # dnstap is flushed once a second
        return rcodes
    finally:
        for process in reversed(processes):
            stop(process)
