"""The scripted upstream: a DNS server over UDP and TCP that does what the labels of the asked name say.

  servfail refused notimp formerr nxdomain yxdomain notauth rcode-N   answer with that rcode
  ttl-N        records of that TTL (else 300)
  delay-N      answer after N milliseconds
  drop         never answer
  once         answer the first time only; later behave as drop
  tc           over UDP: an empty truncated answer
  close        over TCP: close the connection instead of answering
  wrongq       answer another question
Everything it saw, and what it did about it, stands in `log`.
"""
import asyncio, socket, struct, threading, time
from dataclasses import replace

import message

PORT = 53


def numbered(labels, prefix):
    """N of the first label `prefix-N`, or None."""
    for label in labels:
        head, dash, tail = label.rpartition("-")
        if dash and head == prefix and tail.isdigit():
            return int(tail)
    return None


def rcode_of(labels):
    for label in labels:
        if label.upper() in message.RCODES:
            return message.RCODES[label.upper()]
    return numbered(labels, "rcode") or 0


class Upstream:
    """answering: addresses that follow the script; silent: addresses that take everything and say nothing."""

    def __init__(self, network, host, answering, silent):
        self.network, self.host = network, host
        self.answering, self.silent = answering, silent
        self.log, self.known = [], set()
        self.loop = asyncio.new_event_loop()
        self.sockets = [(address, *self.open_sockets(address)) for address in answering + silent]
        started = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def open_sockets(self, address):
        with self.network.inside(self.host):
            udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)        # CoreDNS's storms must not fill it
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (udp, tcp):
            sock.setblocking(False)
            sock.bind((address, PORT))
        tcp.listen(512)
        return udp, tcp

    def serve(self, started):
        asyncio.set_event_loop(self.loop)
        for address, udp, tcp in self.sockets:
            self.loop.run_until_complete(self.loop.create_datagram_endpoint(lambda a=address: UdpServer(self, a), sock=udp))
            handler = lambda reader, writer, a=address: self.serve_tcp(a, reader, writer)
            self.loop.run_until_complete(asyncio.start_server(handler, sock=tcp))
        started.set()
        self.loop.run_forever()

    async def serve_tcp(self, address, reader, writer):
        try:
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                wire = await reader.readexactly(size)
                if self.take(address, "TCP", wire, lambda reply: writer.write(struct.pack("!H", len(reply)) + reply)) == "close":
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def take(self, address, protocol, wire, reply):
        """Act on one query; what was done is logged and returned."""
        try:
            question = message.read_question(wire)
        except ValueError:
            return self.note(address, protocol, None, "malformed")
        action, answer = ("silent", None) if address in self.silent else self.decide(question, protocol)
        if answer is not None:
            delay = numbered(question.labels, "delay") or 0
            # A reply may be due when the client has hung up: that is nobody's fault.
            self.loop.call_later(delay / 1000, reply, answer) if delay else reply(answer)
        return self.note(address, protocol, question, action)

    def decide(self, question, protocol):
        """-> (word for the log, wire of the answer or None)"""
        labels = question.labels
        if "close" in labels and protocol == "TCP":
            return "close", None
        if "drop" in labels or ("once" in labels and not self.first_time(question)):
            return "drop", None
        if "tc" in labels and protocol == "UDP":
            return "tc", message.pack_answer(question, truncated=True)
        asked = replace(question, name="another." + question.name) if "wrongq" in labels else question
        ttl = numbered(labels, "ttl")
        rcode = rcode_of(labels)
        return f"rcode {rcode}", message.pack_answer(asked, rcode, 300 if ttl is None else ttl)

    def first_time(self, question):
        key = (question.name.lower(), question.qtype)
        new = key not in self.known
        self.known.add(key)
        return new

    def note(self, address, protocol, question, action):
        self.log.append({"time": time.time(), "address": address, "protocol": protocol, "did": action,
                         "name": question and question.name, "type": question and question.qtype})
        return action

    def close(self):
        self.loop.call_soon_threadsafe(self.stop)
        self.thread.join(5)

    def stop(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)


class UdpServer(asyncio.DatagramProtocol):
    def __init__(self, upstream, address):
        self.upstream, self.address = upstream, address

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, wire, peer):
        self.upstream.take(self.address, "UDP", wire, lambda reply: self.transport.sendto(reply, peer))
