"""Producers that break the rules: each is ended alone, and a producer beside it does not notice."""
import random
import struct
import time

from lab import check, check_equal, wait_for
import tap

FRAME_MAX = 131072                      # --max-frame-size
HANDSHAKE_S = 10
AT_ONCE = 2                             # seconds; a few milliseconds on an idle machine
READY_WITHOUT_TYPE, START_WITHOUT_TYPE = tap.control(tap.READY), tap.control(tap.START)


class Beside:
    """A good producer in the middle of its stream while others misbehave; at the end its sessions must be whole."""

    def __init__(self, lab, *options, listen=("unix",)):
        self.lab = lab
        self.frames = tap.recording("external-noerror")
        self.daemon = lab.daemon(*options, listen=listen)
        self.good = lab.connect(self.daemon.addresses[-1]).handshake()
        self.half = len(self.frames) // 2 + 1           # in the middle of a session
        self.good.send_frames(self.frames[:self.half])

    def connect(self, **settings):
        return self.lab.connect(self.daemon.address, **settings)

    def assert_closed(self, peer, what, seconds=AT_ONCE):
        wait_for(peer.is_closed, f"the end of a connection: {what}", seconds)
        peer.close()

    def end(self, other_frames=0, malformed=0):
        """`other_frames` were sent by the others, `malformed` of them are no dnstap. Returns the numbers."""
        self.good.send_frames(self.frames[self.half:])
        self.good.finish()
        counts = self.daemon.stop()
        expected = self.lab.replay(self.frames)
        check_equal(counts["frames"], len(self.frames) + other_frames, "frames")
        check_equal(counts["malformed"], malformed, "malformed frames")
        if other_frames == malformed:
            check_equal(self.daemon.lines(), expected.lines, "sessions of the good producer")
        return counts

    def assert_log(self, text, times):
        check_equal(self.daemon.log().count(text), times, f"{text!r} in the log")


def replies_come_at_once(lab):
    beside = Beside(lab)
    for text in tap.control(tap.READY, tap.CONTENT_TYPE), READY_WITHOUT_TYPE, \
            tap.control(tap.READY, b"protobuf:other", tap.CONTENT_TYPE), tap.control(tap.READY, tap.CONTENT_TYPE, b""):
        peer = beside.connect()
        began = time.monotonic()
        peer.send(text)
        check(tap.CONTENT_TYPE in peer.expect(tap.ACCEPT), "ACCEPT does not name the content type")
        peer.bidirectional = True
        peer.start()
        time.sleep(0.1)                 # an idle stream gets its FINISH as fast as a busy one
        peer.finish()
        check(time.monotonic() - began < AT_ONCE, f"handshake and end took {time.monotonic() - began:.1f} s")
    beside.end()
    beside.assert_log("reason=finished", 5)


def all_sent_before_any_reply(lab):
    """READY, START, frames and STOP in one piece, from a producer that reads nothing, and one that has closed."""
    frames = tap.recording("local-answer")
    frames = [tap.rewrite(frame, identity=b"other") for frame in frames]
    text = tap.control(tap.READY, tap.CONTENT_TYPE) + tap.stream(frames)
    beside = Beside(lab)
    silent = beside.connect(receive_buffer=1)
    silent.send(text)
    gone = beside.connect()
    gone.send(text)
    gone.close()
    beside.daemon.wait_logged("reason=finished", 2)
    # Their frames are the same: the second one's are duplicates, or new sessions where the first has already ended.
    counts = beside.end(2 * len(frames))
    check_equal(counts["joined"] + counts["duplicate"] + counts["late"], counts["frames"], f"frames in {counts}")
    silent.close()


def wrong_content_type(lab):
    beside = Beside(lab)
    kinds = [b"", b"protobuf:dnstap.Dnsta", b"protobuf:dnstap.Dnstap2", b"PROTOBUF:DNSTAP.DNSTAP", b"protobuf:dnstap.Dnstap\0",
             b"x" * 256]
    for kind in kinds:
        for text in tap.control(tap.READY, kind), tap.control(tap.START, kind), \
                READY_WITHOUT_TYPE + tap.control(tap.START, kind):
            peer = beside.connect()
            peer.send(text)
            beside.assert_closed(peer, f"content type {kind!r}")
    beside.end()
    beside.assert_log("reason=wrong_content_type", 3 * len(kinds))


def other_protocols(lab):
    random_octets = random.Random(1)
    texts = [b"GET / HTTP/1.1\r\nHost: dnstap-analyser:6000\r\nUser-Agent: curl/8\r\n\r\n",
             b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random_octets.randbytes(508),
             b"SSH-2.0-OpenSSH_9.6\r\n",
             b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01",
             b"\xff" * 65536, b"\x80" * 65536, b"x" * 1000000]
    texts += [b"\x01" + random_octets.randbytes(65536) for _ in range(20)]
    beside = Beside(lab)
    for number, text in enumerate(texts):
        peer = beside.connect()
        try:
            peer.send(text)
        except OSError:
            pass                        # closed before all was sent
        beside.assert_closed(peer, f"protocol {number}: {text[:20]!r}")
    beside.end()
    beside.assert_log('msg="bad frame"', len(texts))


def zeros(lab):
    """A length of 0 announces a control frame, and its length is 0 again."""
    beside = Beside(lab)
    for text in bytes(8), bytes(100000):
        peer = beside.connect()
        try:
            peer.send(text)
        except OSError:
            pass
        beside.assert_closed(peer, "zeros")
    beside.end()
    beside.assert_log("reason=bad_control_frame", 2)


def frame_size(lab):
    """The largest frame is taken, one byte more is not; nor is a length that would wrap around when four are added."""
    beside = Beside(lab)
    peer = beside.connect().handshake()
    peer.send(tap.data(bytes(FRAME_MAX)))
    peer.finish()
    for length in FRAME_MAX + 1, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF:
        peer = beside.connect().handshake()
        peer.send(struct.pack(">I", length))
        beside.assert_closed(peer, f"a frame of {length}")
    beside.end(1, 1)
    beside.assert_log("reason=frame_too_large", 6)


def endless_control_frames(lab):
    beside = Beside(lab)
    handshake = tap.control(tap.READY, tap.CONTENT_TYPE), tap.control(tap.START, tap.CONTENT_TYPE)
    long_frame = struct.pack(">II", 0, 513) + bytes(513)
    for text in (handshake[0], handshake[1], tap.control(tap.STOP), tap.control(tap.ACCEPT), tap.control(tap.FINISH),
                 tap.control(77), long_frame, struct.pack(">II", 0, 0xFFFFFFFF)):
        for before in b"", handshake[0], handshake[0] + handshake[1], handshake[1]:
            peer = beside.connect()
            try:
                peer.send(before)
                for _ in range(1000):
                    peer.send(text)
            except OSError:
                pass
            beside.assert_closed(peer, f"{text[:16]!r} for ever, behind {len(before)} bytes")
    beside.end()


def connections_that_come_and_go(lab):
    beside = Beside(lab, listen=["tcp4", "unix"])
    for number in range(1000):
        peer = beside.connect()
        if number % 3 == 1:
            peer.send(b"\0" * (number % 8))
        if number % 3 == 2:
            peer.reset()
        peer.close()
    wait_for(lambda: beside.daemon.log().count("producer ended") >= 900, "the ends of 1000 connections")
    beside.end()


def half_a_frame(lab):
    """Silence in the middle of a frame, a close there, a close without STOP, a reset: what was whole is in."""
    frames = [tap.rewrite(frame, identity=b"other") for frame in tap.recording("local-answer")]
    torn = tap.data(frames[-1])[:-7]
    beside = Beside(lab, listen=["tcp4", "unix"])
    peers = [beside.connect().handshake() for _ in range(4)]
    for number, peer in enumerate(peers):
        mine = [tap.rewrite(frame, identity=b"other-%d" % number) for frame in frames]
        peer.send_frames(mine[:-1])
        if number != 2:
            peer.send(torn)
    beside.daemon.wait_logged("producer started", 5)
    time.sleep(0.3)                     # so that a reset finds nothing unread
    peers[0].close()
    peers[1].reset()
    peers[2].close()
    beside.daemon.wait_logged("reason=closed_by_peer", 2)
    beside.daemon.wait_logged("reason=read_error", 1)
    counts = beside.end(4 * (len(frames) - 1))          # the last one is silent until the daemon ends
    beside.assert_log("reason=shutdown", 1)
    check_equal(counts["joined"], counts["frames"], f"joined in {counts}")
    servers = [record["Server"] for record in beside.daemon.records()]
    for number in range(4):
        check_equal(servers.count(f"other-{number}"), len(frames) // 2, f"sessions of other-{number}")


def producer_that_does_not_read(lab):
    """ACCEPT and FINISH fill nobody's buffer: whoever does not read them is served all the same."""
    beside = Beside(lab, listen=["tcp4", "unix"])
    peers = [beside.connect(receive_buffer=1) for _ in range(20)]
    for peer in peers:
        peer.send(tap.control(tap.READY, tap.CONTENT_TYPE) + tap.control(tap.START, tap.CONTENT_TYPE))
    for peer in peers:
        peer.send(tap.control(tap.STOP))
    beside.daemon.wait_logged("reason=finished", 20)
    beside.end()


def handshake_never_finished(lab):
    """Closed after the deadline, however the time was filled; who has finished in time may be silent for longer."""
    beside = Beside(lab)
    began = time.monotonic()
    peers = [beside.connect() for _ in range(5)]
    peers[1].send(tap.control(tap.READY, tap.CONTENT_TYPE))
    peers[2].send(tap.control(tap.READY, tap.CONTENT_TYPE)[:11])
    peers[3].send(b"\0")
    drip = iter(tap.control(tap.START, tap.CONTENT_TYPE, b"x" * 200))
    silent = beside.connect().handshake()
    while time.monotonic() - began < HANDSHAKE_S - 1:
        peers[4].send(bytes([next(drip)]))
        time.sleep(0.2)
        check(not any(peer.is_closed() for peer in peers), "closed before the deadline")
    for number, peer in enumerate(peers):
        wait_for(peer.is_closed, f"the deadline of connection {number}", 4)
    check(time.monotonic() - began > HANDSHAKE_S - 0.5, f"closed after {time.monotonic() - began:.1f} s")
    beside.assert_log("reason=handshake_timeout", 5)
    check(not silent.is_closed(), "a stream that has started was closed")
    silent.finish()
    # The good one was silent so long that a session may have been closed by the wall clock.
    beside.good.send_frames(beside.frames[beside.half:])
    beside.good.finish()
    counts = beside.daemon.stop()
    check_equal(counts["frames"], len(beside.frames), "frames")
    for peer in peers:
        peer.close()


def malformed_frames(lab):
    """Frames that are no dnstap are counted; the stream goes on."""
    random_octets = random.Random(2)
    good = tap.recording("local-answer")[0]
    bad = [b"\xff", b"x", bytes(100), random_octets.randbytes(1000), good[:-1], good[:len(good) // 2],
           tap.write_fields([(tap.IDENTITY, 2, b"x")]), tap.write_fields([(15, 0, 1)]),
           tap.rewrite(good, message={tap.QUERY_NSEC: b"\xff\xff\xff\xff"})]
    beside = Beside(lab)
    peer = beside.connect().handshake()
    peer.send_frames(bad)
    peer.finish()
    beside.end(len(bad), len(bad))


def nobody_listens_after_the_end(lab):
    """What comes in behind STOP is not read, and does not hurt."""
    beside = Beside(lab)
    peer = beside.connect().handshake()
    peer.send(tap.control(tap.STOP) + tap.stream(tap.recording("local-answer")))
    beside.daemon.wait_logged("reason=finished")
    beside.assert_closed(peer, "behind STOP")
    beside.end()
