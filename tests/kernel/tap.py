"""As much of dnstap's protobuf as it takes to lose chosen frames: the kind of message, and the name that it asks for."""
import threading
from collections import Counter

import message

KINDS = {5: "CLIENT_QUERY", 6: "CLIENT_RESPONSE", 7: "FORWARDER_QUERY", 8: "FORWARDER_RESPONSE"}
SHORT = {"cq": "CLIENT_QUERY", "cr": "CLIENT_RESPONSE", "fq": "FORWARDER_QUERY", "fr": "FORWARDER_RESPONSE"}
IDENTITY, MESSAGE = 1, 14               # fields of Dnstap
TYPE, QUERY, RESPONSE = 1, 10, 14       # fields of Message


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def read_fields(data):
    """-> {number: value}: bytes, or an int; the last of each number."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            found[number], at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            found[number], at = data[at:at + size], at + size
        else:                                                   # 1: eight bytes; 5: four
            size = 8 if wire == 1 else 4
            found[number], at = data[at:at + size], at + size
    return found


def read_frame(frame):
    """-> (server, kind, name in lower case or None)"""
    top = read_fields(frame)
    inner = read_fields(top[MESSAGE])
    wire = inner.get(QUERY) or inner.get(RESPONSE)
    try:
        name = message.read_question(wire).name.lower() if wire else None
    except ValueError:
        name = None
    return top.get(IDENTITY, b"").decode(), KINDS.get(inner.get(TYPE)), name


class Sieve:
    """
    Loses the frames that a label of the name asked for lists: lose-cq-cr.lab. loses CQ and CR, lose-all.lab. every frame; a
    number may follow, to make names. What passed and what was lost is counted.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.lost, self.passed = Counter(), Counter()           # (server, kind) -> frames

    def __call__(self, frame):
        server, kind, name = read_frame(frame)
        passes = kind not in doomed(name)
        with self.lock:
            (self.passed if passes else self.lost)[server, kind] += 1
        return passes

    def nr_lost(self, server):
        return sum(n for (where, _), n in self.lost.items() if where == server)


def doomed(name):
    """The kinds that the name says are to be lost."""
    for label in (name or "").split("."):
        word, *kinds = label.split("-")
        if word == "lose":
            return set(SHORT.values()) if "all" in kinds else {SHORT[k] for k in kinds if k in SHORT}
    return set()
