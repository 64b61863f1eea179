"""The scripted client: sends queries from its own namespace and notes what became of each."""
import random, socket, struct, time
from dataclasses import dataclass, field

import message

PATIENCE = 9.0                          # CoreDNS gives up on its upstreams after six seconds
SHORT_PATIENCE = 1.0                    # where no answer is to come
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Query:
    """One query that a client sent, or (nested) one that CoreDNS asked itself in the client's name."""
    question: message.Question
    client: tuple                       # (address, port)
    protocol: str
    server: str
    expect: tuple                       # the verdicts that are right; empty: no session at all
    outcome: str = ""                   # rcode the client saw, or "timeout"
    nested: bool = False
    wires: list = field(default_factory=list)

    def __str__(self):
        q = self.question
        return f"{q.name} {q.qtype} id {q.id} from {self.client[0]} port {self.client[1]} {self.protocol}"

    @property
    def answered(self):
        return bool(self.outcome)

    def accept(self, wire):
        """Take a reply; a zone transfer is complete with the second SOA."""
        self.wires.append(wire)
        transfer = self.question.qtype == "AXFR" and message.read_rcode(wire) == "NOERROR"
        if not transfer or sum(message.count_soa(w) for w in self.wires) > 1:
            self.outcome = message.read_rcode(wire)


class Conversation:
    """One client socket and the queries sent over it. sent: where every query is noted."""

    def __init__(self, network, server, address, tcp=False, sent=None, port=0, shared=False):
        self.server, self.tcp, self.queries = server, tcp, []
        self.sent = sent if sent is not None else []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with network.inside("client"):
            self.socket = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        if shared:                                              # one port towards several servers
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(("::" if ":" in address else "0.0.0.0", port))
        self.socket.connect((address, 53))
        self.client = self.socket.getsockname()[:2]
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, name, qtype, *expect, id=None, edns=False):
        question = message.Question(random.randrange(1, 0x10000) if id is None else id, name, qtype)
        query = Query(question, self.client, "TCP" if self.tcp else "UDP", self.server, expect)
        wire = message.pack_query(question, edns)
        self.queries.append(query)
        self.sent.append(query)
        self.transmit(struct.pack("!H", len(wire)) + wire if self.tcp else wire)
        return query

    def transmit(self, data):
        self.socket.sendall(data)

    def receive(self, patience=PATIENCE):
        """Take replies until every query has its own, or patience ends: then it timed out."""
        deadline = time.monotonic() + patience
        while any(not q.answered for q in self.queries):
            wire = self.next_wire(deadline)
            if wire is None:
                break
            self.assign(wire)
        for query in self.queries:
            query.outcome = query.outcome or "timeout"

    def assign(self, wire):
        try:
            got = message.read_question(wire)
        except ValueError:
            return
        for query in self.queries:
            q = query.question
            if not query.answered and (got.id, got.name.lower(), got.qtype) == (q.id, q.name.lower(), q.qtype):
                query.accept(wire)
                return

    def next_wire(self, deadline):
        while True:
            if wire := self.cut():
                return wire
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65535)
            except ConnectionRefusedError:                      # ICMP: the server was killed
                continue
            except OSError:
                return None
            if not self.tcp:
                return data
            if not data:
                return None
            self.buffer += data

    def cut(self):
        if len(self.buffer) < 2 or len(self.buffer) < 2 + (size := struct.unpack_from("!H", self.buffer)[0]):
            return None
        wire, self.buffer = self.buffer[2:2 + size], self.buffer[2 + size:]
        return wire

    def reset(self):
        """Close at once with a TCP reset, so that CoreDNS cannot write its answer."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.socket.close()
        for query in self.queries:
            query.outcome = query.outcome or "timeout"
