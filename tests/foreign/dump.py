#!/usr/bin/env python3
"""Show what a Frame Streams file of dnstap holds: dump.py [--frames] FILE...

Without --frames: for each file the frames by type, for each type how many of its frames carry each field (a field
without a number stands in all of them), and the marks that tell it from CoreDNS, with the first frame that bears one.
"""
import collections
import ipaddress
import struct
import sys

TYPES = ("?", "AUTH_QUERY", "AUTH_RESPONSE", "RESOLVER_QUERY", "RESOLVER_RESPONSE", "CLIENT_QUERY", "CLIENT_RESPONSE",
         "FORWARDER_QUERY", "FORWARDER_RESPONSE", "STUB_QUERY", "STUB_RESPONSE", "TOOL_QUERY", "TOOL_RESPONSE",
         "UPDATE_QUERY", "UPDATE_RESPONSE")
CLIENT = TYPES[5:7]
FORWARDER = TYPES[7:9]
# What no frame of CoreDNS 1.8.2 to 1.15.0 shows.
MARKS = {
    "type outside 5..8": lambda m: m["type"] not in CLIENT + FORWARDER,
    "CLIENT_* with response_address": lambda m: m["type"] in CLIENT and "response_address" in m,
    "query_zone": lambda m: "query_zone" in m,
    "policy or http_protocol": lambda m: "policy" in m or "http_protocol" in m,
    "protocol not UDP or TCP": lambda m: m.get("socket_protocol", 1) not in (1, 2),
    "response without query_time": lambda m: m["type"].endswith("RESPONSE") and "query_time_sec" not in m,
    "query in a response": lambda m: m["type"].endswith("RESPONSE") and "query_message" in m,
    "response in a query": lambda m: m["type"].endswith("QUERY") and "response_message" in m,
    "FORWARDER_* without response_address": lambda m: m["type"] in FORWARDER and "response_address" not in m,
    "query_address 0.0.0.0 or ::": lambda m: "query_address" in m and not any(m["query_address"]),
}
ENVELOPE = {1: "identity", 2: "version", 3: "extra", 14: "message", 15: "type"}
MESSAGE = {1: "type", 2: "socket_family", 3: "socket_protocol", 4: "query_address", 5: "response_address",
           6: "query_port", 7: "response_port", 8: "query_time_sec", 9: "query_time_nsec", 10: "query_message",
           11: "query_zone", 12: "response_time_sec", 13: "response_time_nsec", 14: "response_message",
           15: "policy", 16: "http_protocol"}


def frames(path):
    """The data frames of a Frame Streams file; control frames are skipped."""
    with open(path, "rb") as file:
        while head := file.read(4):
            length = struct.unpack(">I", head)[0]
            if length:
                yield file.read(length)
            else:
                file.read(struct.unpack(">I", file.read(4))[0])


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data, names):
    """Protobuf to {name: value}; fields without a name here keep their number."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        name = names.get(key >> 3, str(key >> 3))
        if key & 7 == 0:
            found[name], at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, at = varint(data, at)
            found[name], at = data[at:at + size], at + size
            if key & 7 == 5:
                found[name] = struct.unpack("<I", found[name])[0]
    return found


def decode(frame):
    """(envelope, message), message["type"] as its name."""
    envelope = fields(frame, ENVELOPE)
    message = fields(envelope.pop("message", b""), MESSAGE)
    kind = message.get("type", 0)
    message["type"] = TYPES[kind] if kind < len(TYPES) else str(kind)
    return envelope, message


def show(name, value):
    if name.endswith("_address"):
        return str(ipaddress.ip_address(value)) if len(value) in (4, 16) else value.hex()
    if name.endswith("_message"):
        return f"{len(value)} bytes"
    return str(value)


def print_frames(path):
    for number, (envelope, message) in enumerate(map(decode, frames(path)), 1):
        kind = message.pop("type")
        print(f"{number} {kind}", *(f"{n}={show(n, v)}" for n, v in {**envelope, **message}.items()))


def print_summary(path):
    kinds, present, senders, marks = collections.Counter(), collections.defaultdict(collections.Counter), {}, {}
    for number, (envelope, message) in enumerate(map(decode, frames(path)), 1):
        kind = message["type"]
        kinds[kind] += 1
        senders[envelope.get("identity", b"").decode(), envelope.get("version", b"").decode()] = True
        present[kind].update(n for n in {**envelope, **message} if n != "type" and not n.endswith("_nsec"))
        for name, bears in MARKS.items():
            if bears(message):
                marks.setdefault(name, number)
    print(f"{path}: {sum(kinds.values())} frames of", *(f"{i!r} {v!r}" for i, v in senders))
    for kind, count in sorted(kinds.items()):
        print(f"  {kind} {count}:", *(n if c == count else f"{n}({c})" for n, c in sorted(present[kind].items())))
    print("  marks:", "; ".join(f"{name} ({number})" for name, number in marks.items()) or "none")


def main():
    paths = sys.argv[1:]
    output = print_summary
    if paths[:1] == ["--frames"]:
        paths, output = paths[1:], print_frames
    if not paths:
        sys.exit(__doc__)
    for path in paths:
        output(path)


if __name__ == "__main__":
    main()
