"""A small DNS client, and what it asks of each kind of server."""
import socket
import struct

PORT = 20153
ADDRESS = "127.0.0.1"
ADDRESS6 = "::1"

UPDATE = 5
TYPE = {"A": 1, "SOA": 6, "TXT": 16, "AAAA": 28, "AXFR": 252}


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def query_message(name, kind, rd=True):
    """An EDNS query as a resolver sends it."""
    header = struct.pack(">6H", 0x1234 + len(name), 0x0100 if rd else 0, 1, 0, 0, 1)
    return header + labels(name) + struct.pack(">2H", TYPE[kind], 1) + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


def update_message():
    """Add new.local.example A 192.0.2.4."""
    header = struct.pack(">6H", 0x7777, UPDATE << 11, 1, 0, 1, 0)
    zone = labels("local.example") + struct.pack(">2H", TYPE["SOA"], 1)
    record = labels("new.local.example") + struct.pack(">2HIH", TYPE["A"], 1, 300, 4) + socket.inet_aton("192.0.2.4")
    return header + zone + record


def receive(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("closed early")
        data += part
    return data


def ask(message, address=ADDRESS, tcp=False, seconds=10):
    """The rcode of the answer, None where there is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.connect((address, PORT))
        try:
            if not tcp:
                sock.send(message)
                return sock.recv(65535)[3] & 15
            sock.sendall(struct.pack(">H", len(message)) + message)
            return receive(sock, struct.unpack(">H", receive(sock, 2))[0])[3] & 15
        except (TimeoutError, ConnectionError):
            return None


def ask_resolver():
    """NOERROR local, forwarded, recursed, cached, truncated; NXDOMAIN; SERVFAIL of the upstream; a dead upstream."""
    names = [("www.local.example", "A"), ("www.forwarded.example", "A"), ("www.forwarded.example", "A"),
             ("www.recursed.example", "A"), ("missing.forwarded.example", "A"), ("www.dead.example", "A"),
             ("big.forwarded.example", "TXT")]
    rcodes = [ask(query_message(*name)) for name in names]
    rcodes += [ask(query_message(*name), tcp=True) for name in names]
    rcodes.append(ask(query_message("www.forwarded.example", "AAAA"), ADDRESS6))
    rcodes.append(ask(query_message("www.silent.example", "A"), seconds=5))
    return rcodes


def ask_bind():
    """BIND is an authoritative server too; without RD it says AUTH_QUERY."""
    rcodes = ask_resolver()
    rcodes += [ask(query_message("www.local.example", "A", rd=False), tcp=tcp) for tcp in (False, True)]
    return rcodes + [ask(update_message())]


def ask_authoritative():
    names = [("www.local.example", "A"), ("missing.local.example", "A"), ("www.dead.example", "A"),
             ("www.other.example", "A")]
    rcodes = [ask(query_message(*name, rd=False), tcp=tcp) for tcp in (False, True) for name in names]
    rcodes.append(ask(query_message("local.example", "AXFR", rd=False), tcp=True))
    rcodes.append(ask(update_message()))
    rcodes.append(ask(query_message("www.local.example", "A"), ADDRESS6))
    return rcodes
