"""Many servers, many connections: whose frames they are, twice sent ones, and streams that follow each other."""
import random

from lab import check, check_equal, wait_for
import tap

PRODUCERS = 50
FORGED = 5000
SERVERS_MAX = 1024


def by_server(lines):
    servers = {}
    for line in lines:
        begin = line.index(b'"Server":') + len(b'"Server":')
        servers.setdefault(line[begin:line.index(b",", begin)], []).append(line)
    return servers


def with_identity(release_min=(1, 10)):
    """Recordings in which frames have an identity, of moderate length."""
    for release in tap.releases():
        if tuple(map(int, release.split(".")))[:2] >= release_min:
            for scenario in tap.recordings()[release]:
                frames = tap.recording(scenario, release)
                if len(frames) < 100:
                    yield release, scenario, frames


def fifty_producers(lab):
    """At once, interleaved in pieces that end anywhere: each server's sessions are those of its frames alone."""
    chosen = list(with_identity())
    chaos = random.Random(50)
    producers, expected = {}, {}
    daemon = lab.daemon(listen=["unix", "tcp4", "tcp6"])
    total = 0
    for number in range(PRODUCERS):
        _, _, frames = chosen[number * 7 % len(chosen)]
        name = f"pod-{number}"
        frames = [tap.rewrite(frame, identity=name.encode()) for frame in frames]
        total += len(frames)
        expected[f'"{name}"'.encode()] = lab.replay(frames).lines
        peer = lab.connect(daemon.addresses[number % 3]).handshake()
        producers[peer] = b"".join(map(tap.data, frames))
    while producers:
        peer = chaos.choice(list(producers))
        size = chaos.choice([1, 3, 50, 700, 5000])
        peer.send(producers[peer][:size])
        producers[peer] = producers[peer][size:]
        if not producers[peer]:
            del producers[peer]
            peer.finish()
    counts = daemon.stop()
    check_equal(counts["frames"], total, "frames")
    got = by_server(daemon.lines())
    check_equal(sorted(got), sorted(name for name, lines in expected.items() if lines), "servers")
    for name, lines in expected.items():
        check_equal(got.get(name, []), lines, f"sessions of {name.decode()}")


def forged_identities(lab):
    """A stream that names another server in each frame costs no more than --max-servers, and stays accounted."""
    query = tap.recording("local-answer")[0]
    forged = [tap.rewrite(query, identity=b"forged-%d-" % number + b"x" * 300) for number in range(FORGED)]
    for options, limit in ((), SERVERS_MAX), (("--max-servers", 10), 10):
        daemon = lab.daemon(*options)
        lab.connect(daemon.address).whole(forged)
        peak = daemon.memory_peak()
        counts = daemon.stop()
        check_equal(counts["frames"], FORGED, "frames")
        check_equal(counts["joined"] + counts["duplicate"], FORGED, f"frames by kind in {counts}")
        names = set(by_server(daemon.lines()))
        check(limit <= len(names) <= limit + 1, f"{len(names)} servers told apart, the limit is {limit}")
        check(peak < 200 << 20, f"{peak >> 20} MiB of memory")


def servers_that_have_gone_make_room(lab):
    """With one connection for each of them, forged or not, the limit holds nobody out for ever."""
    frames = tap.recording("local-answer")
    daemon = lab.daemon("--max-servers", 2)
    for number in range(20):
        lab.connect(daemon.address).whole([tap.rewrite(frame, identity=b"pod-%d" % number) for frame in frames])
    daemon.stop()
    check_equal(len(by_server(daemon.lines())), 20, "servers told apart one after the other")


def later(frame, nanoseconds=7000):
    """As the second `dnstap` line of a server block has it: it sees the client's query a little later."""
    message = tap.message_of(frame)
    if message[1] in (tap.FORWARDER_QUERY, tap.FORWARDER_RESPONSE):
        return frame
    moved = min(int.from_bytes(message[tap.QUERY_NSEC], "little") + nanoseconds, 999999999)
    return tap.rewrite(frame, message={tap.QUERY_NSEC: moved.to_bytes(4, "little")})


def send_twice(lab, frames, order, second=lambda frame: frame):
    """[(connection, frames)] on two connections, each read before the next is sent; returns the daemon and its numbers."""
    daemon = lab.daemon()
    peers = [lab.connect(daemon.address).handshake() for _ in range(2)]
    for number, some in order:
        peers[number].send_frames(map(second, some) if number else some)
        peers[number].wait_read()
    counts = daemon.stop()
    check_equal(counts["frames"], 2 * len(frames), "frames")
    return daemon, counts


def in_turn(frames):
    return [(number, frames[at:at + 1]) for at in range(len(frames)) for number in (0, 1)]


def one_behind_the_other(frames):
    return [(0, frames), (1, frames)]


def one_overtakes(frames):
    half = len(frames) // 2
    return [(0, frames[:half]), (1, frames), (0, frames[half:])]


def two_dnstap_lines(lab):
    """One CoreDNS says everything on two connections: each session is printed once, the rest is counted."""
    for release, scenario, frames in [*with_identity()][::3]:
        expected = sorted(lab.replay(frames).lines)
        for order in in_turn, one_behind_the_other:
            what = f"{release} {scenario}, {order.__name__}"
            daemon, counts = send_twice(lab, frames, order(frames))
            check_equal(sorted(daemon.lines()), expected, what)
            check_equal(counts["duplicate"], len(frames), f"duplicates of {what} in {counts}")


def two_dnstap_lines_with_times_of_their_own(lab):
    """The same where the copies of CLIENT_QUERY and CLIENT_RESPONSE differ in their time, which takes ids to know them by."""
    for release, scenario, frames in [*with_identity()][1::3]:
        if "bare" in scenario or scenario.startswith("loss"):       # without ids; without the CLIENT_QUERY on both
            continue
        expected = sorted(lab.replay(frames).lines)
        for order in in_turn, one_behind_the_other:
            what = f"{release} {scenario}, {order.__name__}"
            daemon, counts = send_twice(lab, frames, order(frames), later)
            check_equal(sorted(daemon.lines()), expected, what)
            check_equal(counts["duplicate"], len(frames), f"duplicates of {what} in {counts}")


def two_dnstap_lines_one_overtakes(lab):
    """CoreDNS flushes each connection by a clock of its own. In the middle of a session the second overtakes the first."""
    for release, scenario, frames in with_identity():
        what = f"{release} {scenario}"
        daemon, counts = send_twice(lab, frames, one_overtakes(frames))
        check_equal(sorted(map(verdict, daemon.records())), sorted(map(verdict, lab.replay(frames).records())), what)
        check(counts["duplicate"] + counts["late"] >= len(frames), f"frames of {what} were taken twice: {counts}")


def verdict(record):
    return record["Time"], record["Status"], record["BitMap"], record["Cause"], record.get("Lost", [])


def two_dnstap_lines_that_stop(lab):
    """As CoreDNS ends: the last frames and STOP on one connection are read before the last frames of the other."""
    for release, scenario, frames in with_identity():
        if scenario == "sigkill":       # it lived for two seconds: what began so shortly before may be a successor
            continue
        what = f"{release} {scenario}"
        daemon = lab.daemon()
        peers = [lab.connect(daemon.address).handshake() for _ in range(2)]
        for peer in peers:
            peer.send_frames(frames[:2])
            peer.wait_read()
        for peer in peers:
            peer.send_frames(frames[2:])
            peer.finish()
        counts = daemon.stop()
        check_equal(sorted(daemon.lines()), sorted(lab.replay(frames).lines), what)
        check_equal(counts["duplicate"], len(frames), f"duplicates of {what} in {counts}")


def cut_at(lab, frames, cuts, overlaps, stops, what):
    """The frames on several connections, one behind the other; `overlaps`: the next begins before the last has ended."""
    expected = lab.replay(frames)
    daemon = lab.daemon()
    last = None
    for begin, end in zip([0, *cuts], [*cuts, len(frames)]):
        peer = lab.connect(daemon.address).handshake() if overlaps else None
        if last:
            if stops:
                last.finish()
            else:
                last.close()
                daemon.wait_logged("producer ended", cuts.index(begin) + 1)
        last = peer or lab.connect(daemon.address).handshake()
        last.send_frames(frames[begin:end])
    last.finish()
    counts = daemon.stop()
    check_equal(counts["frames"], len(frames), f"frames, {what}")
    check_equal(sorted(daemon.lines()), sorted(expected.lines), what)


def reload_under_load(lab):
    """A recorded reload, on two connections as it was: STOP with open sessions, the successor brings their answers."""
    for release in tap.releases():
        frames = tap.recording("reload", release)
        times = [tap.message_of(frame) for frame in frames]
        # The second instance's first frame is where the identity's stream goes on: any cut near it will do.
        for cut in 400, 474, 475, 476, 600:
            cut_at(lab, frames, [cut], overlaps=True, stops=True, what=f"{release} cut at {cut} of {len(times)}")


def connection_continued(lab):
    """Cut between any two frames, with STOP or without, and continued on a new connection: no session notices."""
    frames = tap.recording("external-noerror")
    for cut in range(1, 13):
        for stops in True, False:
            cut_at(lab, frames, [cut], overlaps=cut % 2 == 0, stops=stops, what=f"cut at {cut}, STOP: {stops}")
    cut_at(lab, frames, list(range(5, len(frames), 5)), overlaps=False, stops=False, what="cut every five frames")


def connection_cut_in_a_frame(lab):
    """The half frame is lost, and its session says so where that is proven; the others are whole."""
    frames = tap.recording("external-noerror")
    for at in range(1, 13):
        daemon = lab.daemon()
        peer = lab.connect(daemon.address).handshake()
        peer.send(b"".join(map(tap.data, frames[:at])) + tap.data(frames[at])[:20])
        peer.close()
        lab.connect(daemon.address).whole(frames[at + 1:])
        counts = daemon.stop()
        check_equal(counts["frames"], len(frames) - 1, f"frames, cut in {at}")
        expected = lab.replay(frames[:at] + frames[at + 1:])
        got, other = daemon.lines(), expected.lines
        check_equal(len(got), len(other), f"sessions, cut in {at}")
        unlike = [line for line in got if line not in other]
        check(len(unlike) <= 1, lambda: f"cut in {at}: {len(unlike)} sessions are not as in a replay: {unlike[:3]}")


def sessions_of_a_stream_that_ended(lab):
    """Without a successor they end by the wall clock, and not before the session timeout."""
    frames = tap.recording("local-answer")
    daemon = lab.daemon("--session-timeout", "1s")
    peer = lab.connect(daemon.address).handshake()
    peer.send_frames([frames[0]])
    peer.finish()
    wait_for(daemon.lines, "the session of a stream that ended", 5)
    record, = daemon.records()
    check_equal((record["Status"], record["BitMap"]), ("SampleLoss", 1), "session of a stream that ended")
    check_equal(record["Cause"] in ("stream_ended", "stream_started"), True, f"Cause {record['Cause']}")
    counts = daemon.stop()
    check_equal(counts["sessions_closed"], 1, "sessions")


def silent_stream(lab):
    """A stream that stays open and says nothing more: its sessions end two seconds behind the timeout."""
    frames = tap.recording("local-answer")
    daemon = lab.daemon("--session-timeout", "1s")
    peer = lab.connect(daemon.address).handshake()
    peer.send_frames([frames[0]])
    wait_for(daemon.lines, "the session of a silent stream", 8)
    check_equal(daemon.records()[0]["BitMap"], 1, "BitMap")
    # Its answer comes after all: counted as late, nothing is printed twice.
    peer.send_frames(frames[1:])
    peer.finish()
    counts = daemon.stop()
    check_equal(len(daemon.lines()), len(frames) // 2, "sessions")
    check_equal(counts["late"], 1, f"late frames in {counts}")
