"""Programs and maps in the kernel, by the bpf(2) call and /proc: whether any may be loaded here, whose there are, whether they are gone."""
import contextlib, ctypes, errno, os, re, struct
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
BPF_CALL = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine, 321)
PROG_LOAD, PROG_BY_ID, MAP_BY_ID, LINK_BY_ID = 5, 13, 14, 30
NEXT_ID = {"prog_id": 11, "map_id": 12, "link_id": 31}
BY_ID = {"prog_id": PROG_BY_ID, "map_id": MAP_BY_ID, "link_id": LINK_BY_ID}
RETURN_0 = struct.pack("=BBhiBBhi", 0xb7, 0, 0, 0, 0x95, 0, 0, 0)   # r0 = 0; exit


def bpf(command, attributes):
    """-> a descriptor, or OSError."""
    data = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    found = LIBC.syscall(BPF_CALL, command, data, 128)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def why_not():
    """The reason why this process may load nothing, or None."""
    program, gpl = ctypes.create_string_buffer(RETURN_0), ctypes.create_string_buffer(b"GPL")
    try:
        os.close(bpf(PROG_LOAD, struct.pack("=IIQQ", 1, 2, ctypes.addressof(program), ctypes.addressof(gpl))))
        return None
    except OSError as e:
        return f"bpf(BPF_PROG_LOAD): {e.strerror}" if e.errno == errno.EPERM else None


def held(pid):
    """What a process has descriptors of: {("prog_id", 7), ...}"""
    found = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            found |= {(kind, int(number)) for kind, number in re.findall(r"^(prog_id|map_id|link_id):\s+(\d+)$", info.read_text(), re.M)}
        except FileNotFoundError:                               # closed meanwhile
            pass
    return found


def exists(kind, number):
    try:
        os.close(bpf(BY_ID[kind], struct.pack("=I", number)))
        return True
    except OSError as e:
        if e.errno == errno.ENOENT:
            return False
        raise


def held_by_all():
    """... what all processes have."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):                  # it has ended, or is not to be looked into
                found |= held(folder.name)
    return found


def everything():
    """All there are in the kernel."""
    return {(kind, number) for kind in BY_ID for number in all_ids(kind)}


def all_ids(kind):
    """Of everything of that kind in the kernel."""
    found, at = set(), 0
    while True:
        data = ctypes.create_string_buffer(struct.pack("=II", at, 0).ljust(128, b"\0"), 128)
        if LIBC.syscall(BPF_CALL, NEXT_ID[kind], data, 128) < 0:
            return found
        at = struct.unpack_from("=I", data.raw, 4)[0]
        found.add(at)
