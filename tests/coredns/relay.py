"""A relay between CoreDNS and the analyser that keeps every frame in one Frame Streams file, in order of arrival.

The file replays with `dnstap-analyser replay`. Bytes pass unchanged in both directions, so handshakes are the real ones;
only a sieve, where there is one, keeps frames from passing: these are in no file either.
"""
import contextlib, socket, struct, threading

TYPE = b"protobuf:dnstap.Dnstap"
START = struct.pack("!5I", 0, 12 + len(TYPE), 2, 1, len(TYPE)) + TYPE
BUFFER = 64 << 10                       # what a relay that holds takes nevertheless
STOP = struct.pack("!3I", 0, 4, 3)


class Recording:
    """The file; frames of all connections of a run go into it."""

    def __init__(self, path):
        self.file, self.lock = open(path, "wb"), threading.Lock()
        self.file.write(START)

    def add(self, frame):
        with self.lock:
            if not self.file.closed:
                self.file.write(struct.pack("!I", len(frame)) + frame)

    def close(self):
        with self.lock:
            if not self.file.closed:
                self.file.write(STOP)
                self.file.close()


class Splitter:
    """Bytes of one writer in, and out again without the frames that the sieve takes away."""

    def __init__(self, recording=None, sieve=None):
        self.recording, self.sieve, self.buffer = recording, sieve, b""

    def feed(self, data):
        """-> the bytes to pass on: whole frames."""
        self.buffer += data
        at, passed = 0, []
        while size := self.size_at(at):
            piece = self.buffer[at:at + size]
            if self.passes(piece):
                passed.append(piece)
            at += size
        self.buffer = self.buffer[at:]
        return b"".join(passed)

    def size_at(self, at):
        """Of the frame that begins there, its length included; 0 if it is not all there."""
        left = len(self.buffer) - at
        size = 4 + struct.unpack_from("!I", self.buffer, at)[0] if left >= 4 else 0
        if size == 4:                                           # escape: a control frame with a length of its own
            size = 8 + struct.unpack_from("!I", self.buffer, at + 4)[0] if left >= 8 else 0
        return size if size <= left else 0

    def passes(self, piece):
        if piece[:4] == b"\0\0\0\0":
            return True
        if self.sieve and not self.sieve(piece[4:]):
            return False
        if self.recording:
            self.recording.add(piece[4:])
        return True


class Relay:
    """
    listen, target: socket addresses, (host, port) or a path. writer_connects: CoreDNS is the side that connects.
    sieve: a function of a frame, false for those that are to be lost.
    """

    def __init__(self, network, listen_host, listen, target_host, target, recording, writer_connects=True, sieve=None):
        self.network, self.target_host, self.target = network, target_host, target
        self.recording, self.writer_connects, self.connections = recording, writer_connects, 0
        self.sieve, self.same_host = sieve, listen_host != "hub"
        self.flowing, self.sockets = threading.Event(), []
        self.flowing.set()
        self.listener = self.open(listen_host, listen)
        if isinstance(listen, tuple):
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.listener.bind(listen)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def open(self, host, address):
        with self.network.inside(host):
            return socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)

    def accept(self):
        with contextlib.suppress(OSError):                      # the listener was closed
            while True:
                self.couple(*self.listener.accept())

    def couple(self, near, peer):
        far = self.open(self.target_host, self.target)
        try:
            if self.writer_connects and isinstance(peer, tuple) and not self.same_host:
                # One source address for each server: up to 1.9.x that is all that tells servers apart.
                far.bind(("127.0.0." + peer[0].rpartition(".")[2], 0))
            far.connect(self.target)
        except OSError:
            near.close()
            return
        self.connections += 1
        self.sockets += near, far
        writer, reader = (near, far) if self.writer_connects else (far, near)
        threading.Thread(target=self.copy, args=(writer, reader, Splitter(self.recording, self.sieve)), daemon=True).start()
        threading.Thread(target=self.copy, args=(reader, writer, None), daemon=True).start()

    def copy(self, source, sink, splitter):
        with contextlib.suppress(OSError):
            while self.flowing.wait() and (data := source.recv(65536)):
                sink.sendall(splitter.feed(data) if splitter else data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def hold(self):
        """Read nothing until resume(): frames pile up in CoreDNS."""
        self.flowing.clear()

    def resume(self):
        self.flowing.set()

    def close(self):
        self.flowing.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def cut(self):
        """Close, and break the connections that there are."""
        self.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
