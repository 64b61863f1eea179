"""DNS messages, as far as the scripted client and upstream need them."""
import struct
from dataclasses import dataclass

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "OPT": 41, "AXFR": 252}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "NOTAUTH": 9}
RCODE_NAMES = {number: name for name, number in RCODES.items()}

QR, TC, RD, RA = 0x8000, 0x0200, 0x0100, 0x0080
DO = 0x8000                             # DNSSEC OK, in the OPT record's TTL field
UDP_SIZE = 1232


@dataclass(frozen=True)
class Question:
    id: int
    name: str                           # with its final dot, case as sent
    qtype: str

    @property
    def labels(self):
        return self.name.lower().rstrip(".").split(".")


def pack_name(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def pack_question(question):
    return pack_name(question.name) + struct.pack("!HH", TYPES[question.qtype], 1)


def pack_query(question, edns=False):
    """A client's query; edns: with an OPT record that has DO set, and says how much UDP may bring where it is a number."""
    head = struct.pack("!6H", question.id, RD, 1, 0, 0, 1 if edns else 0)
    opt = b"\0" + struct.pack("!HHIH", TYPES["OPT"], UDP_SIZE if edns is True else edns, DO, 0) if edns else b""
    return head + pack_question(question) + opt


def read_question(wire):
    """The first question of a message; ValueError where there is none."""
    if len(wire) < 12 or struct.unpack_from("!H", wire, 4)[0] < 1:
        raise ValueError("no question")
    labels, at = [], 12
    while True:
        if at >= len(wire):
            raise ValueError("name runs past the end")
        size, at = wire[at], at + 1
        if size == 0:
            break
        if size > 63 or at + size > len(wire):
            raise ValueError("bad label")
        labels.append(wire[at:at + size].decode("latin-1"))
        at += size
    if at + 4 > len(wire):
        raise ValueError("question cut off")
    qtype = struct.unpack_from("!H", wire, at)[0]
    return Question(struct.unpack_from("!H", wire)[0], ".".join(labels) + ".", TYPE_NAMES.get(qtype, f"TYPE{qtype}"))


def read_rcode(wire):
    number = wire[3] & 15
    return RCODE_NAMES.get(number, f"RCODE{number}")


def is_truncated(wire):
    return bool(struct.unpack_from("!H", wire, 2)[0] & TC)


def count_soa(wire):
    """How many of the answers are SOA records, by name-compressed or plain owner: two end a zone transfer."""
    questions, answers = struct.unpack_from("!HH", wire, 4)
    at, found = 12, 0
    for _ in range(questions):
        at = skip_name(wire, at) + 4
    for _ in range(answers):
        at = skip_name(wire, at)
        rtype, _, _, length = struct.unpack_from("!HHIH", wire, at)
        found += rtype == TYPES["SOA"]
        at += 10 + length
    return found


def skip_name(wire, at):
    while wire[at]:
        if wire[at] >= 0xc0:
            return at + 2
        at += 1 + wire[at]
    return at + 1


def rdata(qtype, name):
    """Some data for a type, or None if the scripted zone has none of it."""
    if qtype == "A":
        return bytes([192, 0, 2, 1 + sum(name.lower().encode()) % 250])
    if qtype == "AAAA":
        return bytes.fromhex("20010db8") + bytes(11) + bytes([1 + sum(name.lower().encode()) % 250])
    if qtype == "TXT":
        return b"\x08scripted"
    if qtype == "NS":
        return pack_name("ns.lab.")
    return None


def record(owner, qtype, ttl, data):
    return owner + struct.pack("!HHIH", TYPES[qtype], 1, ttl, len(data)) + data


def soa(ttl):
    return record(pack_name("lab."), "SOA", ttl, pack_name("ns.lab.") + pack_name("root.lab.") + struct.pack("!5I", 1, 60, 60, 60, ttl))


def pack_answer(question, rcode=0, ttl=300, truncated=False):
    """The upstream's answer: data for NOERROR, an SOA for what does not exist, nothing with an error."""
    data = rdata(question.qtype, question.name) if rcode == 0 and not truncated else None
    negative = not truncated and (rcode == RCODES["NXDOMAIN"] or (rcode == 0 and data is None))
    flags = QR | RD | RA | rcode | (TC if truncated else 0)
    head = struct.pack("!6H", question.id, flags, 1, int(data is not None), int(negative), 0)
    owner = b"\xc0\x0c"                 # points at the question's name
    return (head + pack_question(question) + (record(owner, question.qtype, ttl, data) if data is not None else b"")
            + (soa(ttl) if negative else b""))
