"""Start, signals, the end: what was sent is in, sockets are cleaned up and taken over."""
import os
import signal
import socket
import stat
import threading
import time
from pathlib import Path

from lab import PATIENCE, check, check_equal, check_sums, counts_of, wait_for
import output
import tap


def fill(peer, octets):
    """Sends as much as the socket takes without waiting; returns how many bytes that were."""
    peer.sock.setblocking(False)
    sent = 0
    try:
        while sent < len(octets):
            sent += peer.sock.send(octets[sent:sent + 65536])
    except BlockingIOError:
        pass
    peer.sock.settimeout(PATIENCE)
    return sent


def whole_frames(frames, size):
    """How many of the frames lie within the first `size` bytes of their stream."""
    for number, frame in enumerate(frames):
        size -= 4 + len(frame)
        if size < 0:
            return number
    return len(frames)


def drain(lab, kind, signal_number, frames, connections, *options):
    """The daemon stands still while producers send; the signal reaches it before their frames do."""
    daemon = lab.daemon(*options, listen=[kind])
    peers = [lab.connect(daemon.address).handshake() for _ in range(connections)]
    daemon.wait_logged("producer started", connections)
    daemon.send_signal(signal.SIGSTOP)
    named = [[tap.rewrite(frame, identity=b"pod-%d" % number) for frame in frames] for number in range(connections)]
    sent = [whole_frames(mine, fill(peer, b"".join(map(tap.data, mine)))) for peer, mine in zip(peers, named)]
    daemon.send_signal(signal_number)
    daemon.send_signal(signal.SIGCONT)
    began = time.monotonic()
    check_equal(daemon.wait(), 0, "exit status")
    check(time.monotonic() - began < 3, f"the end took {time.monotonic() - began:.1f} s")
    counts = counts_of(daemon.log())
    check_sums(counts)
    check(sum(sent) > connections, f"{sum(sent)} frames sent")
    check(counts["frames"] >= sum(sent), f"{counts['frames']} frames are in, {sum(sent)} had been sent over {kind}")


def drain_reads_what_was_sent(lab):
    frames = output.bulk()[:3000]
    for signal_number in signal.SIGTERM, signal.SIGINT:
        for kind in "unix", "tcp4", "tcp6":
            drain(lab, kind, signal_number, frames, 1)


def drain_of_many(lab):
    """More connections than one turn of the event loop hands out."""
    drain(lab, "unix", signal.SIGTERM, tap.recording("external-noerror"), 150)


def drain_of_large_frames(lab):
    """Frames longer than one read: nothing of them reaches the engine in the first turns of the drain."""
    large = tap.write_fields([(tap.IDENTITY, 2, b"x"), (100, 2, bytes(900000))])
    drain(lab, "tcp4", signal.SIGTERM, [large] * 3, 1, "--max-frame-size", "2MiB")


def ends_at_once(lab):
    """Idle or with idle producers, by either signal, also if it comes twice; and the status is 0."""
    for signal_number in signal.SIGTERM, signal.SIGINT:
        for producers in 0, 3:
            daemon = lab.daemon(listen=["unix", "tcp4"])
            for _ in range(producers):
                lab.connect(daemon.address).handshake()
            began = time.monotonic()
            daemon.send_signal(signal_number)
            daemon.send_signal(signal_number)
            check_equal(daemon.wait(), 0, "exit status")
            check(time.monotonic() - began < 1.5, f"the end took {time.monotonic() - began:.1f} s")
            check_sums(counts_of(daemon.log()), 0)


def drain_is_bounded(lab):
    """A producer that never stops sending does not keep the daemon from ending."""
    octets = b"".join(map(tap.data, output.bulk()))
    daemon = lab.daemon("--output", "/dev/null")
    peer = lab.connect(daemon.address).handshake()

    def send_for_ever():
        try:
            while True:
                peer.send(octets)
        except OSError:
            pass

    thread = threading.Thread(target=send_for_ever, daemon=True)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    counts = daemon.stop()
    check(time.monotonic() - began < 4, f"the end took {time.monotonic() - began:.1f} s")
    check(counts["frames"] > 0, "no frame came in")
    thread.join(PATIENCE)


def killed_and_started_again(lab):
    """The socket that a killed daemon leaves behind is taken over."""
    frames = tap.recording("external-noerror")
    address = f"unix://{lab.place}/socket"
    killed = lab.daemon(listen=[address])
    peer = lab.connect(address).handshake()
    peer.send_frames(frames[:10])
    killed.process.kill()
    killed.wait()
    check(os.path.exists(lab.place / "socket"), "a killed daemon has removed its socket")
    again = lab.daemon(listen=[address])
    lab.connect(address).whole(frames)
    again.stop()
    check_equal(again.lines(), lab.replay(frames).lines, "sessions")
    check(not os.path.exists(lab.place / "socket"), "the socket is left behind")


def second_daemon_on_the_same_address(lab):
    """It fails with 2 and one reason, and the first one does not notice."""
    frames = tap.recording("external-noerror")
    for kind in "unix", "tcp4", "tcp6":
        first = lab.daemon(listen=[kind])
        peer = lab.connect(first.address).handshake()
        peer.send_frames(frames[:10])
        second = lab.start(listen=[first.address])
        check_equal(second.wait(), 2, "exit status of the second daemon")
        check_equal(second.log().count("cannot listen"), 1, "reasons given")
        check("Address already in use" in second.log(), lambda: f"not said: {second.log()}")
        peer.send_frames(frames[10:])
        peer.finish()
        lab.connect(first.address).whole([])        # it is still reached
        first.stop()
        check_equal(first.lines(), lab.replay(frames).lines, "sessions of the first daemon")


def where_it_cannot_listen(lab):
    """One address of several is enough to fail: half a service is none."""
    place = lab.place / "place"
    place.write_text("a file")
    for bad in f"unix://{place}", "unix:///nonexistent/folder/socket", "tcp://192.0.2.1:6000", "tcp://localhost:6000":
        daemon = lab.start(listen=["unix", bad])
        check_equal(daemon.wait(), 2, f"exit status with {bad}")
        check(not os.path.exists(daemon.place / "socket"), "the other socket is left behind")
    check_equal(place.read_text(), "a file", "a file where a socket was wanted")


def socket_mode(lab):
    for mode in "0600", "666", "0":
        daemon = lab.daemon("--socket-mode", mode)
        got = stat.S_IMODE(os.stat(daemon.place / "socket").st_mode)
        check_equal(got, int(mode, 8), f"permissions with --socket-mode {mode}")
        daemon.stop()
    daemon = lab.daemon()
    check_equal(stat.S_IMODE(os.stat(daemon.place / "socket").st_mode), 0o660, "permissions by default")
    daemon.stop()


def listens_everywhere_at_once(lab):
    """Several sockets, with one port for both families: all reach the same engine."""
    frames = tap.recording("local-answer")
    tcp4 = lab.address("tcp4", lab.place)
    port = tcp4.rsplit(":", 1)[1]
    daemon = lab.daemon(listen=["unix", f"unix://{lab.place}/two", f"tcp://0.0.0.0:{port}", f"tcp://[::]:{port}"])
    addresses = [daemon.addresses[0], daemon.addresses[1], tcp4, f"tcp://[::1]:{port}"]
    for number, address in enumerate(addresses):
        lab.connect(address).whole([tap.rewrite(frame, identity=b"%d" % number) for frame in frames])
    counts = daemon.stop()
    check_equal(counts["joined"], len(addresses) * len(frames), f"joined in {counts}")


def says_what_it_does(lab):
    """The log: one line for the start, one for each producer's begin and end, one for the end; all in one form."""
    daemon = lab.daemon(listen=["tcp4"])
    lab.connect(daemon.address).whole(tap.recording("local-answer"))
    daemon.stop()
    log = daemon.log()
    for text in ('msg="listening" address=tcp://127.0.0.1:', 'msg="ready" max_sessions=100000 memory_bound_bytes=',
                 'msg="producer started" peer=127.0.0.1:', 'handshake=bidirectional', 'msg="producer ended" peer=127.0.0.1:',
                 "reason=finished frames=10", 'msg="stopping" signal=Terminated'):
        check_equal(log.count(text), 1, f"{text!r} in the log")
    for line in log.splitlines():
        check(line.startswith("time=20") and " level=" in line and ' msg="' in line, f"a line of another form: {line!r}")


def log_cannot_be_forged(lab):
    """What strangers send never reaches the log as it is."""
    daemon = lab.daemon(listen=["unix", "tcp4"])
    for address in daemon.addresses:
        peer = lab.connect(address)
        peer.send(tap.control(tap.READY, b"x\ntime=2026 level=error msg=\"forged\""))
        wait_for(peer.is_closed, "the end of a connection")
    foreign = tap.rewrite(tap.recording("local-answer")[0], identity=b'a"\nlevel=error msg="forged" \x1b[31m\xff',
                          message={1: 1})
    lab.connect(daemon.address).whole([foreign])
    counts = daemon.stop()
    check_equal(counts["foreign"], 1, f"foreign in {counts}")
    lines = daemon.log().splitlines()
    check(all(line.startswith("time=") for line in lines), "a line was forged")
    check("\x1b" not in daemon.log(), "an escape sequence is in the log")


def leaves_nothing_open(lab):
    """After a thousand connections of all kinds the daemon holds as many descriptors as before."""
    daemon = lab.daemon(listen=["unix", "tcp4"])

    def descriptors():
        return len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))

    before = descriptors()
    frames = tap.recording("local-answer")[:2]
    for number in range(300):
        lab.connect(daemon.addresses[number % 2]).whole(frames)
        peer = lab.connect(daemon.addresses[number % 2])
        peer.send(b"GET / HTTP/1.0\r\n\r\n")
        peer.close()
        peer = lab.connect(daemon.addresses[number % 2]).handshake()
        peer.sock.shutdown(socket.SHUT_WR)
        peer.expect_end()
    wait_for(lambda: descriptors() == before, lambda: f"{before} open descriptors, there are {descriptors()}", 3)
    daemon.stop()
