"""Packets dropped by nftables in a namespace, for a while; the rule's counter says how many: that is the truth to hold drops against."""
import contextlib, json

TABLE = "lab"
QUERIES, RESPONSES = "udp dport 53", "udp sport 53"


class Drop:
    """One rule; `count` is current while it stands, and final afterwards."""

    def __init__(self, network, host, hook, rule, device=None):
        self.network, self.host, self.family, self.total = network, host, hook.split()[0], None
        where = hook.split()[1] + (f" device {device}" if device else "")
        chain = f"chain {TABLE} {{ type filter hook {where} priority 0; {rule} counter drop; }};"
        network.run(host, "nft", f"table {self.family} {TABLE} {{ {chain} }}")

    @property
    def count(self):
        if self.total is not None:
            return self.total
        listed = json.loads(self.network.run(self.host, "nft", "-j", f"list table {self.family} {TABLE}"))
        rules = [item["rule"] for item in listed["nftables"] if "rule" in item]
        return sum(part["counter"]["packets"] for rule in rules for part in rule["expr"] if "counter" in part)

    def lift(self):
        self.total = self.count
        self.network.run(self.host, "nft", f"delete table {self.family} {TABLE}")


@contextlib.contextmanager
def dropping(lab, host, hook, rule, packets=None, device=None):
    """hook: "inet input"; packets: so many must have been dropped, or the scenario is at fault."""
    drop = Drop(lab.network, host, hook, rule, device)
    try:
        yield drop
    finally:
        drop.lift()
    lab.require(packets is None or drop.count == packets, f"SCENARIO: {hook} in {host} dropped {drop.count} packets, not {packets}")


def udp_counters(network, host):
    """The kernel's own: InDatagrams, NoPorts, RcvbufErrors and the like of that namespace."""
    names, values = [line.split()[1:] for line in network.run(host, "cat", "/proc/net/snmp").splitlines() if line.startswith("Udp:")]
    return dict(zip(names, map(int, values)))
