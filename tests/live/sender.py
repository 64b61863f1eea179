"""Both ends of a dnstap connection as CoreDNS has them: it dials the analyser, or (`dnstap listen`) is dialled by it."""
import fcntl
import socket
import struct
import termios
import threading
import time

import tap

PATIENCE = 20


def open_socket(address, receive_buffer=None):
    kind, rest = address.split("://")
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        where = rest
    else:
        host, port = rest.rsplit(":", 1)
        sock = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET)
        where = host.strip("[]"), int(port)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(PATIENCE)
    try:
        sock.connect(where)
    except OSError:
        sock.close()
        raise
    if kind == "tcp":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Peer:
    """A connected socket with the words of Frame Streams."""

    def __init__(self, sock):
        self.sock = sock
        self.bidirectional = False

    def send(self, octets, piece=None):
        if piece is None:
            self.sock.sendall(octets)
            return
        for at in range(0, len(octets), piece):
            self.sock.sendall(octets[at:at + piece])

    def send_frames(self, frames, piece=None):
        self.send(b"".join(map(tap.data, frames)), piece)

    def wait_read(self):
        """Until the other side has read all that was sent (over a unix socket)."""
        until = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0]:
            if time.monotonic() > until:
                raise TimeoutError("what was sent is not read")
            time.sleep(0)

    def receive(self, size):
        got = b""
        while len(got) < size:
            more = self.sock.recv(size - len(got))
            if not more:
                raise EOFError(f"closed after {got!r}")
            got += more
        return got

    def receive_control(self):
        """(kind, the rest of the frame); EOFError where the connection ends instead."""
        escape, length = struct.unpack(">II", self.receive(8))
        if escape or length < 4 or length > 512:
            raise ValueError(f"no control frame: {escape} {length}")
        body = self.receive(length)
        return struct.unpack(">I", body[:4])[0], body[4:]

    def expect(self, kind):
        got, rest = self.receive_control()
        if got != kind:
            raise ValueError(f"control frame {got} where {kind} was expected")
        return rest

    def handshake(self, piece=None):
        self.bidirectional = True
        self.send(tap.control(tap.READY, tap.CONTENT_TYPE), piece)
        rest = self.expect(tap.ACCEPT)
        if tap.CONTENT_TYPE not in rest:
            raise ValueError(f"ACCEPT of {rest!r}")
        return self.start(piece)

    def start(self, piece=None):
        self.send(tap.control(tap.START, tap.CONTENT_TYPE), piece)
        return self

    def finish(self, piece=None):
        """STOP, and what is due then: FINISH where there was a handshake, and the end of the connection."""
        self.send(tap.control(tap.STOP), piece)
        if self.bidirectional:
            self.expect(tap.FINISH)
        self.expect_end()
        self.close()

    def expect_end(self):
        """Nothing more comes, and the connection is closed from the other side."""
        try:
            more = self.sock.recv(1)
        except ConnectionResetError:
            return
        if more:
            raise ValueError(f"{more!r} where the end was expected")

    def is_closed(self):
        """Whether the other side has closed it; what it said before is thrown away."""
        self.sock.setblocking(False)
        try:
            while self.sock.recv(4096):
                pass
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.sock.settimeout(PATIENCE)

    def reset(self):
        """Closes with RST in place of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.sock.close()


class Producer(Peer):
    """CoreDNS's connection to the analyser."""

    def __init__(self, address, receive_buffer=None):
        super().__init__(open_socket(address, receive_buffer))

    def whole(self, frames, piece=None, bidirectional=True):
        """All of it: from the handshake to the end."""
        if bidirectional:
            self.handshake(piece)
        else:
            self.start(piece)
        self.send_frames(frames, piece)
        self.finish(piece)


class Receivable:
    """CoreDNS with `dnstap listen`: each connection is given to serve(peer, number) in a thread of its own."""

    def __init__(self, serve, address=("127.0.0.1", 0)):
        self.serve = serve
        self.times = []         # when each connection came
        self.failures = []
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.listening = socket.socket(family)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind(address)
        self.listening.listen(8)
        self.port = None if family == socket.AF_UNIX else self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.accept_all, daemon=True)
        self.thread.start()

    def accept_all(self):
        while True:
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            self.times.append(time.monotonic())
            threading.Thread(target=self.serve_one, args=(Peer(sock), len(self.times) - 1), daemon=True).start()

    def serve_one(self, peer, number):
        try:
            self.serve(peer, number)
        except Exception as error:
            self.failures.append(f"connection {number}: {error!r}")
        finally:
            peer.close()

    def close(self):
        try:
            self.listening.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listening.close()
