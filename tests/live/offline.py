"""replay: filters, forms of output, and files of every kind and condition."""
import functools
import ipaddress
import json
import re
import shutil
import struct
import subprocess

from lab import check, check_equal, check_sums
import tap

SCENARIOS = ["external-noerror", "upstream-rcodes", "loss-fq+fr", "upstream-silent", "prefetch", "ipv6-client", "glibc-pair",
             "external-nxdomain", "loss-cr"]


@functools.lru_cache(maxsize=None)
def mixed():
    """Sessions of every Status and many causes, from several servers, one recording behind the other in time."""
    frames = []
    for number, scenario in enumerate(SCENARIOS):
        some = tap.recording(scenario)
        shift = -(tap.last_second(some) - tap.last_second(tap.recording(SCENARIOS[0]))) - (len(SCENARIOS) - number) * 60
        frames += [tap.rewrite(frame, identity=b"pod-%d" % number, shift_s=shift) for frame in some]
    return frames


def in_prefix(record, prefix):
    client = record["Client"]
    return client is not None and ipaddress.ip_address(client["Address"]) in ipaddress.ip_network(prefix, strict=False)


def ends_in(record, suffix):
    question = record["Question"]
    if not question or not question["Name"]:
        return False
    name, suffix = question["Name"].lower(), suffix.lower().strip(".") + "."
    return name == suffix or name.endswith("." + suffix)


def filters(lab):
    """What is printed is what the filter wants, as it stands in the whole; the rest is counted, to the session."""
    whole = lab.replay(mixed())
    records = whole.records()
    pairs = list(zip(whole.lines, records))
    check_equal({record["Status"] for record in records}, {"Succeeded", "Failed", "SampleLoss"}, "kinds of Status")

    def expect(options, wants):
        got = lab.replay(mixed(), *options)
        expected = [line for line, record in pairs if wants(record)]
        check_equal(got.lines, expected, " ".join(options))
        check_equal(got.counts["filtered"], len(pairs) - len(expected), f"filtered by {' '.join(options)}")
        check_equal(got.counts["sessions_closed"], len(pairs), f"sessions with {' '.join(options)}")
        return len(expected)

    for field, option in ("Status", "--status"), ("Cause", "--cause"), ("BitMap", "--bitmap"), ("Rcode", "--rcode"):
        for value in {record[field] for record in records} - {None}:
            check(expect([option, str(value)], lambda record: record[field] == value), f"no session with {option} {value}")
    check_equal(expect(["--bitmap", "10"], lambda record: record["BitMap"] == 10), 0, "sessions with BitMap 10")
    expect(["--status", "failed", "--status=SampleLoss"], lambda record: record["Status"] != "Succeeded")
    expect(["--rcode", "2", "--rcode", "NXDOMAIN"], lambda record: record["Rcode"] in ("SERVFAIL", "NXDOMAIN"))
    for prefix in "10.53.1.2", "10.0.0.0/8", "10.53.1.0/31", "10.53.1.2/31", "fd53:1::/64", "fd00::/8", "::/0", "0.0.0.0/0":
        expect(["--client", prefix], lambda record: in_prefix(record, prefix))
    names = sorted({record["Question"]["Name"] for record in records if record["Question"]})
    for suffix in "lab", "LAB.", "example.lab", "ample.lab", names[0], names[-1], names[len(names) // 2].upper(), "invalid":
        expect(["--qname", suffix], lambda record: ends_in(record, suffix))
    expect(["--status", "Failed", "--rcode", "SERVFAIL", "--client", "10.53.1.2", "--qname", "lab"],
           lambda record: record["Status"] == "Failed" and record["Rcode"] == "SERVFAIL" and
           in_prefix(record, "10.53.1.2") and ends_in(record, "lab"))


def succeeded_sample(lab):
    """Every n-th of Succeeded, and all the rest."""
    whole = lab.replay(mixed())
    statuses = [record["Status"] for record in whole.records()]
    for every in 1, 2, 7, 4294967295:
        seen, expected = 0, []
        for line, status in zip(whole.lines, statuses):
            if status != "Succeeded" or seen % every == 0:
                expected.append(line)
            seen += status == "Succeeded"
        got = lab.replay(mixed(), "--succeeded-sample", every)
        check_equal(got.lines, expected, f"--succeeded-sample {every}")
        check_equal(got.counts["sampled_out"], len(whole.lines) - len(expected), "sampled out")
    got = lab.replay(mixed(), "--succeeded-sample", 3, "--status", "Succeeded")
    check_equal(len(got.lines), -(-statuses.count("Succeeded") // 3), "one in three of Succeeded alone")


def no_messages(lab):
    got, whole = lab.replay(mixed(), "--no-messages").records(), lab.replay(mixed()).records()
    for record in whole:
        del record["Messages"]
    check_equal(got, whole, "--no-messages")


def text_format(lab):
    """One line for each session, of printable characters, with what a person looks for."""
    got, records = lab.replay(mixed(), "--format", "text"), lab.replay(mixed()).records()
    check_equal(len(got.lines), len(records), "lines")
    for line, record in zip(got.out.decode().splitlines(), records):
        check(line.isprintable(), f"not printable: {line!r}")
        words = [record["Status"], record["Cause"], record["Time"][:19]]
        words += [record["Client"]["Address"]] if record["Client"] else []
        words += [record["Question"]["Name"]] if record["Question"] and record["Question"]["Name"] else []
        words += [record["Rcode"]] if record["Rcode"] else []
        for word in words:
            check(word in line, f"{word} is missing in {line!r}")
    live = lab.daemon("--format", "text")
    lab.connect(live.address).whole(mixed())
    live.stop()
    check_equal(sorted(live.lines()), sorted(got.lines), "text of a live run")


def summary(lab):
    """Counts of all sessions, whatever is printed; sessions only to --output."""
    whole = lab.replay(mixed())
    records = whole.records()
    path = lab.place / "sessions"
    alone = lab.run("replay", lab.file(tap.stream(mixed())), "--summary", "--log-level", "info")
    both = lab.run("replay", lab.file(tap.stream(mixed())), "--summary", "--output", path)
    check_equal((alone.status, both.status), (0, 0), "exit status")
    check_equal(both.out, alone.out, "the summary beside --output")
    check_equal(path.read_bytes().splitlines(keepends=True), whole.lines, "sessions beside the summary")
    text = alone.out.decode()
    check(text.startswith(f"{len(records)} sessions, "), f"it begins {text[:60]!r}")
    for field in "Status", "Cause":
        for value in {record[field] for record in records}:
            number = sum(record[field] == value for record in records)
            check(re.search(rf"^  {value} +{number}  ", text, re.M), f"{value} {number} is missing in the summary:\n{text}")
    counts = alone.counts
    check(f"received {counts['frames']} = joined {counts['joined']} + late {counts['late']}" in text, "frames are missing")


def several_files(lab):
    """One behind the other, as one stream in several files and as several servers."""
    frames = tap.recording("external-noerror")
    for cut in 1, 2, 5, len(frames) // 2, len(frames) - 1:
        files = [lab.file(tap.stream(part)) for part in (frames[:cut], frames[cut:])]
        done = lab.run("replay", *files, "--log-level", "info")
        check_equal(done.status, 0, "exit status")
        check_sums(done.counts, len(frames))
        check_equal(sorted(done.lines), sorted(lab.replay(frames).lines), f"one stream in two files, cut at {cut}")
    parts, expected = [], []
    for number in range(5):
        parts.append([tap.rewrite(frame, identity=b"pod-%d" % number) for frame in tap.recording(SCENARIOS[number])])
        expected += lab.replay(parts[-1]).lines
    done = lab.run("replay", *[lab.file(tap.stream(part)) for part in parts], "--log-level", "info")
    check_sums(done.counts, sum(map(len, parts)))
    check_equal(sorted(done.lines), sorted(expected), "five servers in five files")
    one = lab.file(tap.stream(frames[:9]) + tap.stream(frames[9:]))
    check_equal(lab.run("replay", one).lines, lab.replay(frames).lines, "two streams in one file")


def packed_and_piped(lab):
    """gzip, zstd, several members, stdin: the same sessions."""
    octets = tap.stream(mixed())
    expected = lab.replay(mixed()).out
    half = len(octets) // 2
    forms = {"plain": octets, "gzip": tap.gzip(octets), "zstd": tap.zstd(octets),
             "gzip members": tap.gzip(octets[:half]) + tap.gzip(octets[half:]),
             "zstd frames": tap.zstd(octets[:half]) + tap.zstd(octets[half:])}
    if shutil.which("zstd"):
        forms["zstd -19"] = subprocess.run(["zstd", "-19", "-c"], input=octets, stdout=subprocess.PIPE, check=True).stdout
    for name, packed in forms.items():
        done = lab.run("replay", lab.file(packed))
        check_equal((done.status, done.out == expected, done.log), (0, True, ""), f"{name} from a file")
        done = lab.run("replay", "-", stdin=packed)
        check_equal((done.status, done.out == expected, done.log), (0, True, ""), f"{name} from stdin")
    check_equal(lab.run("replay", lab.file(octets, "frames.gz")).out, expected, "a file whose name says another thing")


def stdin_that_comes_slowly(lab):
    """A pipe whose writer begins with one byte is unpacked as well."""
    frames = tap.recording("local-answer")
    expected = lab.replay(frames).out
    for packed in tap.stream(frames), tap.gzip(tap.stream(frames)), tap.zstd(tap.stream(frames)):
        process = subprocess.Popen([lab.analyser, "replay", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(packed[:1])
        process.stdin.flush()
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            pass
        out, log = process.communicate(packed[1:], timeout=10)
        check_equal((process.returncode, out, log.decode()), (0, expected, ""), f"replay of {packed[:4]}")


def truncated(lab):
    """What is whole is printed, the rest is said, and the exit status is 1."""
    frames = tap.recording("external-noerror")
    octets = tap.stream(frames)
    ends = [len(tap.control(tap.START, tap.CONTENT_TYPE))]
    for frame in frames:
        ends.append(ends[-1] + 4 + len(frame))
    for size in [*range(0, ends[2]), *range(ends[2], len(octets), 97)]:
        whole = sum(end <= size for end in ends) - 1
        is_cut = size not in (0, len(octets)) and size not in ends
        done = lab.run("replay", lab.file(octets[:size]), "--log-level", "info")
        check_equal(done.status, int(is_cut), f"exit status of {size} bytes, which says {done.log}")
        check_equal('msg="cut off"' in done.log, is_cut, f"a word about the end after {size} bytes")
        check_sums(done.counts, max(whole, 0))
    for size in ends[20], ends[20] + 1, ends[40] + 50:
        whole = sum(end <= size for end in ends) - 1
        done = lab.run("replay", lab.file(octets[:size]))
        check_equal(done.lines, lab.replay(frames[:whole]).lines, f"sessions of {size} bytes")


def truncated_while_packed(lab):
    frames = mixed()
    octets = tap.stream(frames)
    for name, packed in ("gzip", tap.gzip(octets)), ("zstd", tap.zstd(octets)):
        for part in 2, 3, 10:
            done = lab.run("replay", lab.file(packed[:-(len(packed) // part)]), "--log-level", "info")
            check_equal(done.status, 1, f"exit status of a cut {name}")
            check('msg="cannot read"' in done.log, lambda: f"not said: {done.log[-300:]}")
            counts = done.counts
            check_sums(counts)
            check(0 < counts["frames"] < len(frames), f"frames in {counts}")
            check_equal(done.lines, lab.replay(frames[:counts["frames"]]).lines, f"sessions of a cut {name}")


def damaged(lab):
    """Not Frame Streams at all, or no longer: said, 1, and what came before is printed."""
    frames = tap.recording("local-answer")
    start = tap.control(tap.START, tap.CONTENT_TYPE)
    for octets in b"x", b"not a recording\n", b"\xff" * 1000, start + b"\xff\xff\xff\xff", tap.control(tap.STOP), \
            tap.control(tap.START, b"protobuf:other"), start + start, tap.gzip(b"no frames"):
        done = lab.run("replay", lab.file(octets), "--log-level", "info")
        check_equal((done.status, done.out), (1, b""), f"exit status and output of {octets[:20]!r}, which says {done.log}")
        check_equal(done.log.count("level=error"), 1, f"errors said of {octets[:20]!r}: {done.log}")
    whole = tap.stream(frames, stop=False)
    done = lab.run("replay", lab.file(whole + struct.pack(">I", 1 << 30) + bytes(100)))
    check_equal((done.status, done.lines), (1, lab.replay(frames).lines), "sessions in front of the damage")


def missing_files(lab):
    """The others are read all the same: 1; none could be read: 2."""
    frames = tap.recording("local-answer")
    good, expected = lab.file(tap.stream(frames)), lab.replay(frames).lines
    for files in ("/nonexistent", good), (good, "/nonexistent"), (good, lab.place), ("/nonexistent", good, "/nonexistent"):
        done = lab.run("replay", *files)
        check_equal((done.status, done.lines), (1, expected), f"exit status and sessions of {files}")
        check_equal(done.log.count('msg="cannot open"'), len(files) - 1, f"said of {files}: {done.log}")
    for files in ("/nonexistent",), (lab.place,), ("", "/nonexistent"):
        done = lab.run("replay", *files)
        check_equal((done.status, done.out), (2, b""), f"exit status and output of {files}")


def empty_file(lab):
    for octets in b"", tap.stream([]), tap.stream([], stop=False):
        done = lab.run("replay", lab.file(octets), "--log-level", "info")
        check_equal((done.status, done.out), (0, b""), f"exit status and output of {len(octets)} bytes")
        check_sums(done.counts, 0)


def reader_that_has_seen_enough(lab):
    """`replay | head -1` ends, with 0 and without a word."""
    path = lab.file(tap.stream(mixed() * 30))
    for options in ([], ["--format", "text"]):
        process = subprocess.Popen([lab.analyser, "replay", path, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lab.closing.append(process.kill)
        line = process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read().decode()
        process.stderr.close()
        check_equal((process.wait(10), log), (0, ""), "exit status and log")
        check(line.endswith(b"\n"), "no whole line")
    piped = subprocess.run(f'"{lab.analyser}" replay {path} | head -1', shell=True, capture_output=True, timeout=20)
    check_equal((piped.stdout.count(b"\n"), piped.stderr), (1, b""), "lines and log of `replay | head -1`")


def explains_itself(lab):
    """Every Status and Cause that is printed is explained."""
    records = lab.replay(mixed()).records()
    for word in sorted({record["Status"] for record in records} | {record["Cause"] for record in records}):
        done = lab.run("explain", word)
        check_equal(done.status, 0, f"exit status of explain {word}")
        check(word in done.out.decode(), f"explain {word} does not name it")


def records_are_json(lab):
    """Each line of every recording is one object with the keys of the contract in their order."""
    order = ["Status", "BitMap", "Cause", "Time", "DurationMs", "Server", "Version", "Client", "Question", "Rcode", "Upstreams",
             "Attempts", "Lost", "Untapped", "LossSuspected", "Linked", "Retransmit", "Extra", "Kernel", "Messages"]
    for release in tap.releases():
        for scenario in tap.recordings()[release]:
            for line in lab.replay(tap.recording(scenario, release)).lines:
                keys = list(json.loads(line))
                check_equal(keys, [key for key in order if key in keys], f"keys in {release} {scenario}")
