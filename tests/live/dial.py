"""--connect: the analyser dials a CoreDNS that has `dnstap listen`."""
import time

from lab import check, check_equal, free_port, has_ipv6, wait_for
from sender import Receivable
import tap


def speak(frames, stop=True):
    """What CoreDNS does with a connection: it speaks first, as when it dials itself."""
    def serve(peer, number):
        peer.handshake()
        peer.send_frames(frames)
        if stop:
            peer.finish()
        else:
            peer.sock.recv(1)           # until the analyser goes
    return serve


def start(lab, serve, **settings):
    served = Receivable(serve, **settings)
    lab.closing.append(served.close)
    return served


def dial(lab, *addresses, options=()):
    return lab.daemon(*[word for address in addresses for word in ("--connect", address)], *options, listen=[])


def check_times(served, expected, what):
    """Seconds from the first connection to each of the next."""
    got = [time - served.times[0] for time in served.times]
    check(len(got) >= len(expected), f"{what}: {len(got)} connections, expected {len(expected)}")
    for a, b in zip(got, expected):
        check(b - 0.3 < a < b + 0.9, f"{what}: connections after {[round(a, 1) for a in got]} s, expected {expected}")


def dialled_equals_replay(lab):
    frames = tap.recording("external-noerror")
    hosts = ["127.0.0.1", "localhost"] + (["::1"] if has_ipv6() else [])
    for host in hosts:
        served = start(lab, speak(frames, stop=False), address=("::1" if host == "::1" else "127.0.0.1", 0))
        daemon = dial(lab, f"tcp://[{host}]:{served.port}" if ":" in host else f"tcp://{host}:{served.port}")
        wait_for(lambda: len(daemon.lines()) >= len(frames) // 6, f"sessions from {host}")
        counts = daemon.stop()
        expected = lab.replay(frames)
        check_equal(served.failures, [], "CoreDNS's side")
        check_equal(daemon.lines(), expected.lines, f"sessions from {host}")
        check_equal(counts, expected.counts, f"accounting of {host}")


def unix_and_tcp_and_listening_together(lab):
    path = str(lab.place / "coredns")
    frames = tap.recording("local-answer")
    named = [[tap.rewrite(frame, identity=name) for frame in frames] for name in (b"unix", b"tcp", b"dialling")]
    start(lab, speak(named[0], stop=False), address=path)
    served = start(lab, speak(named[1], stop=False))
    daemon = lab.daemon("--connect", f"unix://{path}", "--connect", f"tcp://127.0.0.1:{served.port}")
    lab.connect(daemon.address).whole(named[2])
    wait_for(lambda: len(daemon.lines()) == 3 * len(frames) // 2, "sessions from three sides")
    counts = daemon.stop()
    check_equal(counts["joined"], 3 * len(frames), f"joined in {counts}")


def dialled_again_after_stop(lab):
    """A second after each end; sessions that were open go on, on the next connection."""
    frames = tap.recording("external-noerror")
    half = len(frames) // 2 + 1

    def serve(peer, number):
        if number == 0:
            speak(frames[:half])(peer, number)
        elif number == 1:
            speak(frames[half:])(peer, number)
        else:
            peer.sock.recv(1)

    served = start(lab, serve)
    daemon = dial(lab, f"tcp://127.0.0.1:{served.port}")
    wait_for(lambda: len(served.times) == 3, "the third connection")
    check_times(served, [0, 1, 2], "CoreDNS that stops")
    daemon.stop()
    check_equal(served.failures, [], "CoreDNS's side")
    check_equal(sorted(daemon.lines()), sorted(lab.replay(frames).lines), "sessions over two connections")


def dialled_again_after_reset(lab):
    """A CoreDNS that was killed resets its connections: they had worked, so the next is tried a second later, each time."""
    frames = tap.recording("local-answer")

    def serve(peer, number):
        peer.handshake()
        peer.send_frames([tap.rewrite(frame, shift_s=number) for frame in frames])
        time.sleep(0.2)                 # a reset throws away what has not been read
        peer.reset()

    served = start(lab, serve)
    daemon = dial(lab, f"tcp://127.0.0.1:{served.port}")
    time.sleep(6)
    counts = daemon.stop()
    check(len(served.times) >= 5, f"{len(served.times)} connections within 6 s of a CoreDNS that works for 0.2 s each time")
    check_equal(counts["frames"] % len(frames), 0, f"frames of whole connections in {counts}")


def refused_then_there(lab):
    """Nobody listens at first: tried again after 1, 2, 4 seconds."""
    frames = tap.recording("local-answer")
    port = free_port()
    daemon = dial(lab, f"tcp://127.0.0.1:{port}")
    daemon.wait_logged('msg="cannot connect"', 2)
    served = start(lab, speak(frames), address=("127.0.0.1", port))
    wait_for(lambda: len(daemon.lines()) == len(frames) // 2, "sessions of a CoreDNS that came later", 6)
    daemon.wait_logged("next_try_s=1", 1)
    daemon.wait_logged("next_try_s=2", 1)
    wait_for(lambda: len(served.times) >= 2, "the next connection", 5)
    check_times(served, [0, 1], "a CoreDNS that came later")
    daemon.stop()


def other_protocol(lab):
    """Who does not speak Frame Streams is asked less and less often."""
    served = start(lab, lambda peer, number: (peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), peer.expect_end()))
    silent = start(lab, lambda peer, number: peer.sock.recv(1))
    daemon = dial(lab, f"tcp://127.0.0.1:{served.port}", f"tcp://127.0.0.1:{silent.port}")
    time.sleep(4)
    daemon.stop()
    check_equal(len(served.times), 3, "connections within 4 s")
    check_times(served, [0, 1, 3], "another protocol")
    check_equal(len(silent.times), 1, "connections to who says nothing")


def ends_at_once_while_it_dials(lab):
    """SIGTERM while nobody is there: in the pause before the next try."""
    daemon = dial(lab, f"tcp://127.0.0.1:{free_port()}", f"unix://{lab.place}/nobody")
    daemon.wait_logged('msg="cannot connect"', 2)
    began = time.monotonic()
    daemon.stop()
    check(time.monotonic() - began < 2, f"the end took {time.monotonic() - began:.1f} s")
