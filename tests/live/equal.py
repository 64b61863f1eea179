"""A live run and a replay of the same frames print the same sessions, byte for byte."""
from lab import check_equal
import tap

# Of every kind: complete, failed and lost sessions, background refreshes, several CR, no messages, `extra`.
MIXED = ["external-noerror", "upstream-silent", "loss-fq+fr", "prefetch", "bare", "upstream-rcodes", "loss-cq+cr", "extra-bare",
         "stale-immediate", "erratic-drop", "glibc-pair", "loss-cr"]
PIECES = {"whole": None, "in pieces of 4096": 4096, "byte by byte": 1}


def compare(lab, frames, what, kind="unix", piece=None, bidirectional=True):
    expected = lab.replay(frames)
    daemon = lab.daemon(listen=[kind])
    lab.connect(daemon.address).whole(frames, piece, bidirectional)
    counts = daemon.stop()
    check_equal(daemon.lines(), expected.lines, what)
    check_equal(counts, expected.counts, f"accounting, {what}")
    check_equal(counts["frames"], len(frames), f"frames, {what}")


def every_recording(release):
    def test(lab):
        for scenario, path in tap.recordings()[release].items():
            compare(lab, tap.frames_of(path), scenario)
    test.__name__ = f"live_equals_replay_{release}"
    return test


def transport(kind):
    """Each way of sending over one transport; every release and recording gets its turn."""
    def test(lab):
        turn = 0
        for release in tap.releases():
            for name, piece in PIECES.items():
                for bidirectional in True, False:
                    present = [scenario for scenario in MIXED if scenario in tap.recordings()[release]]
                    scenario = present[turn % len(present)]
                    turn += 1
                    what = f"{release} {scenario} {name}, {'bi' if bidirectional else 'uni'}directional over {kind}"
                    compare(lab, tap.recording(scenario, release), what, kind, piece, bidirectional)
    test.__name__ = f"live_equals_replay_over_{kind}"
    return test


def tests():
    try:
        yield from map(every_recording, tap.releases())
    except tap.Missing as missing:
        reason = str(missing)

        def live_equals_replay(lab):
            raise tap.Missing(reason)
        yield live_equals_replay
    yield from map(transport, ["unix", "tcp4", "tcp6"])
