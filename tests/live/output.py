"""Where sessions go: readers that stall, die or come back, files that are rotated, disks that are full."""
import fcntl
import functools
import json
import os
import select
import signal
import subprocess
import time

from lab import DRAIN, PATIENCE, check, check_equal, counts_of, check_sums, wait_for
import tap

COPIES = 200            # of some 60 KB of output each: far more than the smallest queue and a pipe hold
QUEUE = ("--output-queue", "1MiB")


@functools.lru_cache(maxsize=None)
def bulk():
    """Many sessions, nearly all Succeeded, some Failed: recordings again and again, in the order of time."""
    frames = []
    for copy in range(COPIES):
        scenario = "upstream-rcodes" if copy % 20 == 0 else "external-noerror"
        frames += [tap.rewrite(frame, shift_s=-(COPIES - copy) * 30) for frame in tap.recording(scenario)]
    return frames


class Pipe:
    """stdout of a daemon, read when the test wants it."""

    def __init__(self, lab, *options, listen=("unix",)):
        self.read_fd, write_fd = os.pipe()
        lab.closing.append(self.close)
        self.daemon = lab.daemon(*options, listen=listen, stdout=write_fd)
        os.close(write_fd)

    def read(self, size=-1):
        got = []
        while size:
            check(select.select([self.read_fd], [], [], PATIENCE)[0], "nothing more came out of the daemon's stdout")
            piece = os.read(self.read_fd, min(size, 1 << 20) if size > 0 else 1 << 20)
            if not piece:
                break
            got.append(piece)
            size -= len(piece) if size > 0 else 0
        return b"".join(got)

    def close(self):
        if self.read_fd is not None:
            os.close(self.read_fd)
        self.read_fd = None


def send_all(lab, daemon, frames):
    """Returns how long it took until FINISH came: the frames have been read by then."""
    began = time.monotonic()
    lab.connect(daemon.address).whole(frames)
    return time.monotonic() - began


def is_part_of(lines, whole):
    """Whether `lines` is `whole` with some left out: the order is kept."""
    rest = iter(whole)
    return all(line in rest for line in lines)


def failed(lines):
    return [line for line in lines if json.loads(line)["Status"] == "Failed"]


def stalled_reader(lab):
    """dnstap is read on; Succeeded gives way, Failed does not; what was taken comes out whole when the reader is back."""
    frames = bulk()
    expected = lab.replay(frames).lines
    fast = send_all(lab, lab.daemon(*QUEUE), frames)
    pipe = Pipe(lab, *QUEUE)
    took = send_all(lab, pipe.daemon, frames)
    check(took < 2 * fast + 3, f"{took:.1f} s to take the frames with a stalled reader, {fast:.1f} s with a fast one")
    pipe.daemon.send_signal(signal.SIGTERM)
    lines = pipe.read().splitlines(keepends=True)
    check_equal(pipe.daemon.wait(), 0, "exit status")
    counts = counts_of(pipe.daemon.log())
    check_sums(counts, len(frames))
    check_equal(len(lines), counts["lines"], "lines that came out")
    check(counts["lines_dropped"] > len(expected) // 2, f"a queue of 1 MiB held it all: {counts}")
    check_equal(counts["lines"] + counts["lines_dropped"], len(expected), f"lines in {counts}")
    check_equal(counts["lines_abandoned"], 0, "lines abandoned")
    check(is_part_of(lines, expected), "a line is torn, or out of order")
    check_equal(len(failed(lines)), len(failed(expected)), "failed sessions, which are dropped last")


def reader_that_comes_back(lab):
    """After a stall everything is printed again, as soon as there is room."""
    frames = bulk()[:len(bulk()) // 2]
    later = [tap.rewrite(frame, identity=b"later") for frame in tap.recording("external-noerror")]
    pipe = Pipe(lab, *QUEUE)
    send_all(lab, pipe.daemon, frames)
    got = pipe.read(1 << 19)
    send_all(lab, pipe.daemon, later)
    pipe.daemon.send_signal(signal.SIGTERM)
    lines = (got + pipe.read()).splitlines(keepends=True)
    check_equal(pipe.daemon.wait(), 0, "exit status")
    check_equal(lines[-len(lab.replay(later).lines):], lab.replay(later).lines, "sessions after the stall")


def stuck_reader_at_the_end(lab):
    """It gets the drain limit; then the lines that it did not take are counted, and the exit status says so."""
    frames = bulk()[:len(bulk()) // 4]
    pipe = Pipe(lab, *QUEUE)
    send_all(lab, pipe.daemon, frames)
    began = time.monotonic()
    pipe.daemon.send_signal(signal.SIGTERM)
    check_equal(pipe.daemon.wait(DRAIN + 5), 1, "exit status")
    check(time.monotonic() - began < DRAIN + 3, f"the end took {time.monotonic() - began:.1f} s")
    counts = counts_of(pipe.daemon.log())
    check_sums(counts, len(frames))
    lines = pipe.read().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    check(len(lines) - len(whole) <= 1, "lines torn in the middle")
    check(counts["lines_abandoned"] > 0, f"nothing abandoned: {counts}")
    check(counts["lines"] - counts["lines_abandoned"] <= len(whole), f"{len(whole)} lines came out: {counts}")
    check(is_part_of(whole, lab.replay(frames).lines), "a line is torn, or out of order")


def reader_dies(lab):
    """Nobody reads the sessions any more: the daemon ends, says why, and the books balance."""
    frames = bulk()[:2000]
    for stalled_first in False, True:
        pipe = Pipe(lab, *QUEUE)
        if stalled_first:
            send_all(lab, pipe.daemon, frames)
        pipe.close()
        if not stalled_first:
            send_all(lab, pipe.daemon, frames)
        check_equal(pipe.daemon.wait(5), 1, "exit status")
        log = pipe.daemon.log()
        check('level=error msg="output\'s reader has gone" output=stdout' in log, lambda: f"not said: {log[-500:]}")
        check_equal(log.count("reader has gone"), 1, "times that it is said")
        check_sums(counts_of(log), len(frames))
        check(not os.path.exists(pipe.daemon.place / "socket"), "the unix socket is left behind")


def reader_dies_in_the_drain(lab):
    pipe = Pipe(lab, *QUEUE)
    send_all(lab, pipe.daemon, bulk()[:2000])
    pipe.daemon.send_signal(signal.SIGTERM)
    pipe.daemon.wait_logged("stopping")
    time.sleep(0.3)
    pipe.close()
    check_equal(pipe.daemon.wait(2), 1, "exit status")
    check_sums(counts_of(pipe.daemon.log()))


def non_blocking_stdout(lab):
    """A pipe that somebody else made non-blocking: a full one is no error."""
    frames = bulk()[:4000]
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETFL, fcntl.fcntl(write_fd, fcntl.F_GETFL) | os.O_NONBLOCK)
    daemon = lab.daemon(stdout=write_fd)
    os.close(write_fd)
    send_all(lab, daemon, frames)
    began = daemon.cpu_seconds()
    time.sleep(1)
    check(daemon.cpu_seconds() - began < 0.3, "the daemon spins while its reader does not read")
    daemon.send_signal(signal.SIGTERM)
    got = b""
    while piece := os.read(read_fd, 1 << 20):
        got += piece
    os.close(read_fd)
    check_equal(daemon.wait(), 0, "exit status")
    check_equal(got.splitlines(keepends=True), lab.replay(frames).lines, "sessions")


def rotation(lab):
    """Rename and SIGHUP while frames come in: each line stands whole in one of the files, in order."""
    frames = bulk()[:6000]
    path = lab.place / "sessions"
    daemon = lab.daemon("--output", path)
    peer = lab.connect(daemon.address).handshake()
    step = len(frames) // 6
    for number in range(6):
        peer.send_frames(frames[number * step:(number + 1) * step])
        wait_for(lambda: path.exists() and path.stat().st_size, "the output file")
        path.rename(lab.place / f"sessions.{number}")
        daemon.send_signal(signal.SIGHUP)
        wait_for(path.exists, "the file to be opened anew", 3)
    peer.send_frames(frames[6 * step:])
    peer.finish()
    daemon.stop()
    files = [lab.place / f"sessions.{number}" for number in range(6)] + [path]
    lines = []
    for file in files:
        octets = file.read_bytes()
        check(not octets or octets.endswith(b"\n"), f"a line is torn at the end of {file.name}")
        lines += octets.splitlines(keepends=True)
    check_equal(lines, lab.replay(frames).lines, "sessions of all files")
    check_equal(daemon.log().count('msg="output reopened"'), 6, "times reopened")
    check_equal(daemon.lines(), [], "sessions on stdout")


def hangup_for_stdout(lab):
    """SIGHUP does nothing to stdout, and ends nobody."""
    frames = tap.recording("external-noerror")
    daemon = lab.daemon()
    for _ in range(3):
        daemon.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    send_all(lab, daemon, frames)
    daemon.stop()
    check_equal(daemon.lines(), lab.replay(frames).lines, "sessions")


def output_appends(lab):
    frames = tap.recording("local-answer")
    path = lab.place / "sessions"
    for _ in range(2):
        daemon = lab.daemon("--output", path)
        send_all(lab, daemon, frames)
        daemon.stop()
    check_equal(path.read_bytes().splitlines(keepends=True), 2 * lab.replay(frames).lines, "sessions of two runs")


def full_disk(lab):
    """dnstap is read on; at the end the lines are counted as abandoned."""
    frames = bulk()[:2000]
    daemons = [lab.daemon("--output", "/dev/full")]
    with open("/dev/full", "wb") as full:
        daemons.append(lab.daemon(stdout=full))
    for daemon in daemons:
        send_all(lab, daemon, frames)
        daemon.wait_logged("No space left on device")
        daemon.send_signal(signal.SIGTERM)
    for daemon in daemons:
        check_equal(daemon.wait(DRAIN + 5), 1, "exit status")
        counts = counts_of(daemon.log())
        check_sums(counts, len(frames))
        check_equal(counts["lines_abandoned"], counts["lines"], f"lines in {counts}")
        check_equal(daemon.log().count("No space left"), 1, "times that it is said")


def full_disk_is_left_by_rotation(lab):
    """The operator's way out of a full disk: another file, and SIGHUP. Nothing of what was queued is lost."""
    frames = tap.recording("external-noerror")
    path = lab.place / "sessions"
    path.symlink_to("/dev/full")
    daemon = lab.daemon("--output", path)
    send_all(lab, daemon, frames)
    daemon.wait_logged("No space left on device")
    path.unlink()
    daemon.send_signal(signal.SIGHUP)
    wait_for(path.exists, "the file to be opened anew", 3)
    daemon.stop()
    check_equal(path.read_bytes().splitlines(keepends=True), lab.replay(frames).lines, "sessions")


def replay_to_a_full_disk(lab):
    """A replay has nobody who would empty the disk while it waits: it fails, as any command does."""
    frames = tap.recording("local-answer")
    path = lab.file(tap.stream(frames))
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([lab.analyser, "replay", path], stdout=full, stderr=subprocess.PIPE)
    lab.closing.append(lambda: (process.kill(), process.wait(), process.stderr.close()))
    try:
        process.wait(DRAIN + 5)
    except subprocess.TimeoutExpired:
        check(False, f"replay > /dev/full has not ended after {DRAIN + 5} s")
    check_equal(process.returncode, 1, "exit status")


def output_that_cannot_be_opened(lab):
    for path in lab.place, "/nonexistent/folder/file", "":
        daemon = lab.start("--output", path)
        check_equal(daemon.wait(), 2, f"exit status with --output {path!r}")
        check('msg="cannot open output"' in daemon.log(), lambda: f"not said: {daemon.log()}")
        replay = lab.run("replay", lab.file(tap.stream([])), "--output", path)
        check_equal(replay.status, 2, f"exit status of replay with --output {path!r}")
