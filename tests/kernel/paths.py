"""Ways that packets take: fragments, a service's address that is translated on the way, queues that are full."""
import contextlib

from client import SHORT_PATIENCE, Conversation
from evidence import query_dropped, response_dropped, seen
from firewall import RESPONSES, dropping
from healthy import scenario
from lab import GOOD, NET, SERVERS
from scenarios import CLUSTER, SERVICE, forward
from verdicts import local, upstream

SERVICE_ADDRESS = f"{NET}.200"
POD = SERVERS["coredns-a"][0]
BIG = 'template IN TXT big.lab {\n        ' + "\n        ".join(f'answer "{{{{ .Name }}}} 30 IN TXT {n:02}{"x" * 198}"' for n in range(14)) + "\n    }"
NETFILTER = "NETFILTER_DROP"


@scenario("a response over UDP in fragments, another cut short and asked for again over TCP")
def fragments(lab):
    lab.start(lab.block(BIG, *CLUSTER, forward(GOOD)))
    for family in (4, 6):
        lab.ask("a.big.lab.", "TXT", seen(local()), edns=4096, family=family)
        lab.ask("b.big.lab.", "TXT", seen(local()), family=family)
        lab.ask("b.big.lab.", "TXT", seen(local()), tcp=True, family=family)
    lab.ask("after.lab.", "A", seen(upstream()))


@contextlib.contextmanager
def service_address(lab):
    """The client asks a service's address, which its node translates, as kube-proxy does."""
    lab.network.run("client", "ip", "route", "add", SERVICE_ADDRESS, "dev", "eth0")
    chain = f"chain out {{ type nat hook output priority -100; ip daddr {SERVICE_ADDRESS} udp dport 53 dnat to {POD}; }};"
    lab.network.run("client", "nft", f"table ip service {{ {chain} }}")
    yield
    lab.network.run("client", "nft", "delete table ip service")


def ask_service(lab, name, *expect):
    with Conversation(lab.network, "coredns-a", SERVICE_ADDRESS, sent=lab.queries) as talk:
        talk.send(name, "A", *expect)
        talk.receive(SHORT_PATIENCE)
    lab.touch()


@scenario("the client asks a service's address: what is dropped is told, translated back or not")
def translated(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    with service_address(lab):
        ask_service(lab, SERVICE, seen(local()))
        ask_service(lab, "www.lab.", seen(upstream()))
        with dropping(lab, "hub", "bridge forward", RESPONSES, packets=1):
            ask_service(lab, SERVICE, response_dropped(local(), NETFILTER))
        with dropping(lab, "client", "inet input", RESPONSES, packets=1):   # its source is the service's by now
            ask_service(lab, SERVICE, response_dropped(local(), NETFILTER))
        with dropping(lab, "coredns-a", "inet input", "udp dport 53", packets=1):
            ask_service(lab, SERVICE, query_dropped(NETFILTER))
    lab.ask("after.lab.", "A", seen(upstream()))


@scenario("responses find CoreDNS's interface's queue full: a token bucket drops them")
def full_queue(lab):
    lab.start(lab.block(*CLUSTER, forward(GOOD)))
    lab.network.run("coredns-a", "tc", "qdisc", "add", "dev", "eth0", "root", "pfifo", "limit", "0")
    for n in range(2):
        lab.ask(f"q{n}.pods.lab.", "A", *(response_dropped(local(), reason) for reason in ("QDISC_DROP", "QDISC_OVERLIMIT")))
    lab.network.run("coredns-a", "tc", "qdisc", "del", "dev", "eth0", "root")
    lab.ask("after.lab.", "A", seen(upstream()))
