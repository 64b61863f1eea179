"""What is bounded stays within its bound, is counted, and lets the rest go on."""
import resource
import time

from lab import PATIENCE, check, check_equal, wait_for
import tap


def queries(number):
    """CLIENT_QUERYs of that many clients, a millisecond apart, never answered."""
    query = next(frame for frame in tap.recording("local-answer") if tap.kind_of(frame) == tap.CLIENT_QUERY)
    return [tap.rewrite(query, message={tap.QUERY_PORT: 1024 + n % 60000,
                                        tap.QUERY_NSEC: (n % 900 * 1000000 + n // 900).to_bytes(4, "little")})
            for n in range(number)]


def max_connections(lab):
    """The one too many is closed at once; a place that gets free is given to the next."""
    frames = tap.recording("local-answer")
    daemon = lab.daemon("--max-connections", 3, listen=["unix", "tcp4"])
    peers = [lab.connect(daemon.addresses[n % 2]).handshake() for n in range(3)]
    for number in range(5):
        refused = lab.connect(daemon.addresses[number % 2])
        wait_for(refused.is_closed, "the connection above the limit to be closed", 2)
    daemon.wait_logged("reason=too_many_connections limit=3", 5)
    for number, peer in enumerate(peers):
        peer.send_frames([tap.rewrite(frame, identity=b"%d" % number) for frame in frames])
    peers[0].finish()
    fourth = lab.connect(daemon.address).handshake()
    fourth.send_frames([tap.rewrite(frame, identity=b"fourth") for frame in frames])
    for peer in (*peers[1:], fourth):
        peer.finish()
    counts = daemon.stop()
    check_equal(counts["joined"], 4 * len(frames), f"joined in {counts}")


def max_sessions(lab):
    """Above the limit the oldest ends, as analyser_overload, in order; the last ones stay open until the end."""
    frames = queries(100)
    daemon = lab.daemon("--max-sessions", 10)
    lab.connect(daemon.address).whole(frames)
    counts = daemon.stop()
    check_equal(counts["evicted"], 90, f"evicted in {counts}")
    check_equal(counts["sessions_opened"], 100, f"sessions in {counts}")
    records = daemon.records()
    check_equal([record["Client"]["Port"] for record in records], [1024 + n for n in range(100)], "order of the sessions")
    check_equal({(record["Status"], record["Cause"]) for record in records[:90]}, {("SampleLoss", "analyser_overload")},
                "verdict of evicted sessions")
    check("analyser_overload" not in {record["Cause"] for record in records[90:]}, "an open session was evicted at the end")
    check_equal(daemon.lines(), lab.replay(frames, "--max-sessions", 10).lines, "the same limit in a replay")


def max_memory(lab):
    """A stream of unanswered queries takes no more than it may; what had to go is counted."""
    frames = queries(20000)
    daemon = lab.daemon("--max-memory", "1MiB", "--max-closed", 100)
    before = daemon.memory_peak()
    lab.connect(daemon.address).whole(frames)
    grown = daemon.memory_peak() - before
    counts = daemon.stop()
    check(counts["evicted"] > 10000, f"evicted in {counts}")
    check_equal(counts["sessions_closed"], len(frames), f"sessions in {counts}")
    check_equal(sum(b"analyser_overload" in line for line in daemon.lines()), counts["evicted"], "analyser_overload")
    check(grown < 40 << 20, f"{grown >> 20} MiB more memory than at the start")


def max_closed(lab):
    """Forgetting closed sessions early is counted; it prints nothing twice of what comes in order."""
    frames = tap.recording("external-noerror")
    daemon = lab.daemon("--max-closed", 1)
    lab.connect(daemon.address).whole(frames)
    counts = daemon.stop()
    check(counts["forgotten"] > 0, f"nothing forgotten: {counts}")
    check_equal(len(daemon.lines()), len(lab.replay(frames).lines), "sessions")


def max_frame_size(lab):
    """Exact, from the smallest to the largest that can be set; in a replay as well."""
    for text, size in ("512", 512), ("1KiB", 1024), ("16MiB", 16 << 20):
        daemon = lab.daemon("--max-frame-size", text)
        peer = lab.connect(daemon.address).handshake()
        peer.send_frames([bytes(size), bytes(size)])
        peer.finish()
        peer = lab.connect(daemon.address).handshake()
        peer.send_frames([b"x"])
        try:
            peer.send_frames([bytes(size + 1)])
        except OSError:
            pass                        # closed when it had read the length
        wait_for(peer.is_closed, "a connection with a frame that is too large to be closed", 3)
        counts = daemon.stop()
        check_equal(counts["frames"], 3, f"frames with --max-frame-size {text}")
        check_equal(lab.replay([bytes(size)], "--max-frame-size", text).counts["frames"], 1, "frames of a replay")
        lab.replay([b"x", bytes(size + 1)], "--max-frame-size", text, status=1)


def descriptors_run_out(lab):
    """Who cannot be accepted waits, and costs nothing; who is connected goes on; as places get free all are served."""
    frames = tap.recording("local-answer")
    daemon = lab.daemon(listen=["unix"])
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (30, 30))
    peers = [lab.connect(daemon.address) for _ in range(60)]
    for number, peer in enumerate(peers):
        peer.send(tap.stream([tap.rewrite(frame, identity=b"%d" % number) for frame in frames], stop=False))
    daemon.wait_logged("accept failed")
    before = daemon.cpu_seconds()
    time.sleep(1)
    check(daemon.cpu_seconds() - before < 0.3, "the daemon spins while it cannot accept")
    served = 0                          # they are accepted in the order in which they came
    until = time.monotonic() + PATIENCE
    while served < len(peers):
        check(time.monotonic() < until, f"only {served} of 60 connections were served")
        started = daemon.log().count("producer started")
        for peer in peers[served:started]:
            peer.finish()
        served = max(served, started)
        time.sleep(0.05)
    counts = daemon.stop()
    check_equal(counts["joined"], 60 * len(frames), f"joined in {counts}")


def idle_costs_nothing(lab):
    """A thousand silent streams: a second of them costs next to no CPU time."""
    daemon = lab.daemon("--max-connections", 1000)
    peers = [lab.connect(daemon.address).handshake() for _ in range(1000)]
    before = daemon.cpu_seconds()
    time.sleep(2)
    used = daemon.cpu_seconds() - before
    check(used < 0.2, f"{used:.2f} s of CPU time in 2 s of silence")
    lab.connect(daemon.address).sock.close()
    daemon.stop()
    check_equal(len(peers), 1000, "streams")
