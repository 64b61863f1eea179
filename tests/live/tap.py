"""Recordings of real CoreDNS, Frame Streams, and as much protobuf as it takes to change a recorded frame."""
import functools
import struct
import time
import zlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURES = REPOSITORY / "tests" / "data" / "captures"        # <release>/<scenario>/frames.fstrm.gz

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5

CLIENT_QUERY, CLIENT_RESPONSE, FORWARDER_QUERY, FORWARDER_RESPONSE = 5, 6, 7, 8


class Missing(Exception):
    """A test cannot run here: it is skipped."""


# --- Frame Streams

def control(kind, *content_types):
    body = struct.pack(">I", kind) + b"".join(struct.pack(">II", 1, len(text)) + text for text in content_types)
    return struct.pack(">II", 0, len(body)) + body


def data(frame):
    return struct.pack(">I", len(frame)) + frame


def stream(frames, stop=True):
    """A unidirectional stream, which is also what a file holds."""
    return control(START, CONTENT_TYPE) + b"".join(map(data, frames)) + (control(STOP) if stop else b"")


def read_stream(octets):
    """The data frames of a file of one or several streams."""
    frames, at = [], 0
    while at < len(octets):
        length, = struct.unpack_from(">I", octets, at)
        at += 4
        if length:
            frames.append(octets[at:at + length])
        else:
            length, = struct.unpack_from(">I", octets, at)
            at += 4
        at += length
    return frames


def zstd(octets):
    """A zstd frame of blocks that are stored as they are (RFC 8878, section 3.1.1): it needs no library."""
    blocks = [octets[at:at + 65536] for at in range(0, len(octets), 65536)] or [b""]
    packed = b"\x28\xb5\x2f\xfd\x00\x38"            # magic; no checksum, no size; a window of 128 KiB
    for number, block in enumerate(blocks):
        header = len(block) << 3 | (number == len(blocks) - 1)
        packed += header.to_bytes(3, "little") + block
    return packed


def gzip(octets):
    packer = zlib.compressobj(wbits=31)
    return packer.compress(octets) + packer.flush()


# --- protobuf

def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(octets, at):
    number = shift = 0
    while True:
        byte = octets[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def read_fields(octets):
    """[(number, wire type, value)]: value is an int for varints, bytes for all else."""
    fields, at = [], 0
    while at < len(octets):
        key, at = read_varint(octets, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = read_varint(octets, at)
        else:
            if kind == 2:
                length, at = read_varint(octets, at)
            else:
                length = {1: 8, 5: 4}[kind]
            value = octets[at:at + length]
            at += length
        fields.append((number, kind, value))
    return fields


def write_fields(fields):
    out = bytearray()
    for number, kind, value in fields:
        out += varint(number << 3 | kind)
        if kind == 0:
            out += varint(value)
        else:
            out += (varint(len(value)) if kind == 2 else b"") + value
    return bytes(out)


IDENTITY, VERSION, EXTRA, MESSAGE = 1, 2, 3, 14
QUERY_PORT, QUERY_SEC, QUERY_NSEC, RESPONSE_SEC = 6, 8, 9, 12


def rewrite(frame, identity=None, shift_s=0, message=None):
    """The frame with another identity (b"": none), its times moved, and fields of its message set: {number: value}."""
    fields = read_fields(frame)
    if identity is not None:
        fields = [field for field in fields if field[0] != IDENTITY]
        if identity:
            fields.insert(0, (IDENTITY, 2, identity))
    changes = message or {}

    def change(field):
        number, kind, value = field
        if number in (QUERY_SEC, RESPONSE_SEC):
            value += shift_s
        return number, kind, changes.get(number, value)

    if shift_s or changes:
        fields = [(number, kind, write_fields(map(change, read_fields(value))) if number == MESSAGE else value)
                  for number, kind, value in fields]
    return write_fields(fields)


def message_of(frame):
    """The fields of a frame's message: {number: value}."""
    inner = next(value for number, _, value in read_fields(frame) if number == MESSAGE)
    return {number: value for number, _, value in read_fields(inner)}


def kind_of(frame):
    return message_of(frame)[1]


def last_second(frames):
    return max(max(m.get(QUERY_SEC, 0), m.get(RESPONSE_SEC, 0)) for m in map(message_of, frames))


# --- recordings

@functools.lru_cache(maxsize=None)
def recordings():
    """{release: {scenario: path}}, releases in order."""
    found = {}
    for path in sorted(CAPTURES.glob("*/*/frames.fstrm.gz")):
        found.setdefault(path.parts[-3], {})[path.parts[-2]] = path
    if not found:
        raise Missing(f"no recordings in {CAPTURES}")
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def releases():
    return list(recordings())


@functools.lru_cache(maxsize=None)
def frames_of(path):
    """
    The frames of a recording. A recording that lies ahead of this machine's clock is moved into the past by whole seconds:
    the daemon doubts a clock that is ahead of its own, a replay does not.
    """
    frames = read_stream(zlib.decompress(path.read_bytes(), wbits=31))
    ahead = last_second(frames) + 1 - int(time.time())
    return [rewrite(frame, shift_s=-ahead) for frame in frames] if ahead > 0 else frames


def recording(scenario, release=None):
    """The frames of a scenario, of the newest release that has it where none is named."""
    for name in [release] if release else reversed(releases()):
        if scenario in recordings().get(name, {}):
            return frames_of(recordings()[name][scenario])
    raise Missing(f"no recording of {scenario}")


def sessions_of(scenario, release=None):
    """The frames of a recording by session, each from its CLIENT_QUERY to its CLIENT_RESPONSE, where none overlap."""
    groups, group = [], []
    for frame in recording(scenario, release):
        group.append(frame)
        if kind_of(frame) == CLIENT_RESPONSE:
            groups.append(group)
            group = []
    return groups
