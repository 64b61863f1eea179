"""CoreDNS in the node's own network namespace (hostNetwork, NodeLocal DNSCache), where others have their packets, too."""
import socket
from dataclasses import replace

from client import SHORT_PATIENCE, Conversation
from evidence import query_dropped, response_dropped, seen
from firewall import QUERIES, RESPONSES, dropping
from healthy import all_kinds, scenario
from lab import GOOD, HUB, NET, SECOND
from scenarios import CLUSTER, SERVICE, forward
from verdicts import local, upstream

NETFILTER = "NETFILTER_DROP"
STRANGER = f"{NET}.10"                  # another DNS server's address on the node
# The first process is what tells the analyser which namespace is the node's.
AS_NODE = ("unshare", "--mount", "sh", "-c", 'mount --bind /proc/$$ /proc/1 && exec "$0" "$@"')


def start_on_node(lab):
    lab.start(lab.block(f"bind {HUB}", *CLUSTER, forward(GOOD)), server="hub")


def ask_stranger(lab, name):
    """A query to a server on the node that is not CoreDNS: nobody answers, and nothing is to be told of it."""
    with Conversation(lab.network, "hub", STRANGER, sent=lab.queries) as talk:
        talk.send(name, "A")
        talk.receive(SHORT_PATIENCE)


@scenario("a server on the node, another in a pod, a third that is not CoreDNS: each query belongs to whom it was sent",
          watch="process", prefix=AS_NODE, servers=())
def host_network(lab):
    lab.network.add_hub_address(f"{STRANGER}/24")
    with lab.network.inside("hub"), socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 53))
        start_on_node(lab)
        lab.start(lab.block(*CLUSTER, forward(SECOND)))
        all_kinds(lab, server="hub")
        all_kinds(lab)
        all_kinds(lab, server="hub", tcp=True)
        ask_stranger(lab, SERVICE)
        ask_stranger(lab, "www.lab.")


@scenario("packets of the server on the node are dropped, and others' on their way through", watch="process", prefix=AS_NODE, servers=())
def host_network_dropped(lab):
    start_on_node(lab)
    lab.start(lab.block(*CLUSTER, forward(SECOND)))
    with dropping(lab, "hub", "inet input", QUERIES, packets=1):
        lab.ask(SERVICE, "A", query_dropped(NETFILTER), server="hub")
        lab.ask("other.lab.", "A", seen(upstream()))
    with dropping(lab, "client", "inet input", RESPONSES, packets=2):
        lab.ask(SERVICE, "A", response_dropped(local(), NETFILTER), server="hub")
        lab.ask(SERVICE, "A", response_dropped(local(), NETFILTER))
    with dropping(lab, "hub", "bridge forward", QUERIES + f" ip daddr {NET}.11", packets=1):
        lab.ask(SERVICE, "A", replace(query_dropped(NETFILTER), queries=(False,)))
        lab.ask("other.lab.", "A", seen(upstream()), server="hub")
