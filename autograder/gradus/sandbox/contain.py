"""System calls with which a forked process gives up its rights. Linux only, nothing but ctypes.

Each function raises OSError when the kernel refuses. `python -P -m gradus.sandbox.contain`
tries what level `namespaces` needs and prints what is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable

NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x04000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 4096
MS_REC, MS_PRIVATE, MS_RDONLY = 16384, 1 << 18, 1
CAP_DAC_READ_SEARCH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(option, *padded), f"prctl {option}")


def set_dumpable(value: bool) -> None:
    """Whether processes of the same user may trace this one and read its /proc entry."""
    prctl(4, int(value))


def die_with_parent() -> None:
    """SIGKILL when the parent ends; foreign code can undo this, so it is only a backstop."""
    prctl(1, signal.SIGKILL)


def adopt_orphans() -> None:
    """Descendants whose parent ended become children of this process."""
    prctl(36, 1)


def no_new_privileges() -> None:
    prctl(38, 1)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags))
    _checked(_libc.mount(*arguments, options.encode()), f"mount {target}")


def enter_namespaces() -> None:
    """Own user, mount, PID (for the children), IPC, network and UTS namespaces."""
    uid, gid = os.getuid(), os.getgid()
    set_dumpable(True)  # else /proc/self belongs to root
    _checked(_libc.unshare(NEW_NAMESPACES), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def empty_file_system(disk_mb: int, hide_proc: bool) -> None:
    """A fresh, bounded /tmp (also seen as /dev/shm), nothing in /proc and in this folder."""
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    flags = MS_NOSUID | MS_NODEV
    mount("tmpfs", "/tmp", "tmpfs", flags, f"size={disk_mb}m,nr_inodes=10k,mode=0700")
    mount("/tmp", "/dev/shm", "none", MS_BIND)
    empty = [os.path.dirname(os.path.abspath(__file__)), *(["/proc"] if hide_proc else [])]
    for folder in empty:
        mount("tmpfs", folder, "tmpfs", flags | MS_NOEXEC | MS_RDONLY, "size=4k,nr_inodes=2")


def limit_resources(
    memory_mb: int, disk_mb: int, processes: int | None = None, cpu_seconds: int | None = None
) -> None:
    """Address space (0: unlimited), file size, processes, descriptors, processor time."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: disk_mb << 20,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_CPU: cpu_seconds,
    }
    if memory_mb:
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        limits[resource.RLIMIT_AS] = used + (memory_mb << 20)
    for name, value in limits.items():
        if value is not None:
            resource.setrlimit(name, (value, value))


def drop_capabilities(keep: Iterable[int] = ()) -> None:
    """No capability is left, save those in `keep` (until the process executes another)."""
    mask = sum(1 << capability for capability in keep)
    header = struct.pack("=Ii", 0x20080522, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    _checked(_libc.capset(header, data), "capset")


def become(uid: int, keep: Iterable[int] = ()) -> None:
    """Root becomes `uid`, with no group but its own, for good."""
    keep = tuple(keep)
    if keep:
        prctl(8, 1)  # keep the permitted set across the change of user
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop_capabilities(keep)


# numbers of the system calls that no submission needs: x86_64, aarch64
_REFUSED = {
    "socket": (41, 198),  # socketpair stays; so no network, no daemon of the machine's
    "bind": (49, 200),  # a pair has no use for a name, which may be a lock of the judge's
    "connect": (42, 203),
    "listen": (50, 201),
    "execve": (59, 221),  # another Python would have no guard
    "execveat": (322, 281),
    "memfd_create": (319, 279),  # memory that no limit counts
    "memfd_secret": (447, 447),
    "flock": (73, 32),  # a lock on one of Python's files is a message to a neighbour
    "setsid": (112, 157),  # all that it starts stays in its group, and ends with it
    "setpgid": (109, 154),
    "utime": (132, 88),  # the times of /dev/null are a message, too
    "utimes": (235, 88),
    "futimesat": (261, 88),
    "utimensat": (280, 88),
    "inotify_init": (253, 26),  # what others read and write is not told
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "setsockopt": (54, 208),  # how much a socket holds, which is memory that no limit counts
    "sched_setaffinity": (203, 122),  # it computes on its judge's core
    "ptrace": (101, 117),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "setns": (308, 268),
    "shmget": (29, 194),  # System V memory, semaphores and queues outlive their process
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
}
_MACHINES = {"x86_64": (0, 0xC000003E, 56), "aarch64": (1, 0xC00000B7, 220)}
_CLONE3 = 435
_SOCKETPAIR = (53, 199)
_STREAM = 1  # the kind of pair that can be sent to its other end only
_FCNTL = (72, 25)
# fcntl's: locks of a process and of an open file, as flock; F_NOTIFY, F_SETPIPE_SZ
_FCNTLS = (5, 6, 7, 36, 37, 38, 1026, 1031)
_SIGACTION = (13, 134)
_SIGCHLD = 17


def knows_machine() -> bool:
    """Whether the numbers of its system calls are known here, so that some can be refused."""
    return platform.machine() in _MACHINES


def refuse_system_calls() -> None:
    """Installs a seccomp filter for this process and its descendants, on a known machine."""
    if not knows_machine():
        return
    column, architecture, clone = _MACHINES[platform.machine()]
    load, equal, at_least, any_bit, bits, give = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050001, 0x00050000 | 38, 0x80000000
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (give, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, 0, 1, 0x40000000),  # the x32 interface
        (give, 0, 0, refuse),
    ]
    for numbers in _REFUSED.values():
        program += [(equal, 0, 1, numbers[column]), (give, 0, 0, refuse)]
    program += [
        (equal, 0, len(_FCNTLS) + 3, _FCNTL[column]),
        (load, 0, 0, 24),
        *((equal, len(_FCNTLS) - n, 0, command) for n, command in enumerate(_FCNTLS)),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
        (equal, 0, 4, _SIGACTION[column]),  # children that nobody waits for would not be counted
        (load, 0, 0, 16),
        (equal, 0, 1, _SIGCHLD),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
        (equal, 0, 5, _SOCKETPAIR[column]),
        (load, 0, 0, 24),
        (bits, 0, 0, 0xF),
        (equal, 1, 0, _STREAM),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
        (equal, 0, 1, _CLONE3),  # its flags cannot be seen from here: libc falls back to clone
        (give, 0, 0, unknown),
        (equal, 0, 3, clone),
        (load, 0, 0, 16),
        (any_bit, 0, 1, 0x10000000),  # a new user namespace
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    address = ctypes.create_string_buffer(filter_, len(filter_))
    prctl(22, 2, ctypes.addressof(address))


def landlock_version() -> int:
    """The kernel's Landlock interface version; 0 when it has none."""
    return max(0, int(_libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def landlock(read: Iterable[str], names: Iterable[str], write: Iterable[str]) -> None:
    """From now on only `read` can be read and executed, `names` listed, `write` written."""
    version = landlock_version()
    files = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 4: 1 << 15}.get(version, 1 << 16) - 1
    network, scoped = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("=3Q", files, network, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _checked(
        _libc.syscall(444, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "Landlock"
    )
    execute, write_file, read_file, read_dir, truncate = 1, 2, 4, 8, 1 << 14
    for paths, rights in (
        (names, read_dir),
        (read, execute | read_file | read_dir),
        (write, files & ~execute),
    ):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
                of_file = execute | write_file | read_file | truncate
                allowed = rights & files & (-1 if os.path.isdir(path) else of_file)
                rule = struct.pack("=Qi", allowed, descriptor)
                number = ctypes.c_int(rules)
                _checked(_libc.syscall(445, number, 1, rule, ctypes.c_uint(0)), "Landlock rule")
                os.close(descriptor)
    no_new_privileges()
    _checked(_libc.syscall(446, ctypes.c_int(rules), ctypes.c_uint(0)), "Landlock")
    os.close(rules)


def close_descriptors(keep: Iterable[int]) -> None:
    """Closes every descriptor but 0, 1, 2 and `keep`."""
    last = 2
    for descriptor in sorted(keep):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, 1 << 20)


def main() -> None:
    """Tries what level `namespaces` needs, in the place of a zygote."""
    if len(sys.argv) > 1:
        become(int(sys.argv[1]))
    enter_namespaces()
    pid = os.fork()
    if not pid:
        empty_file_system(1, hide_proc=True)
        drop_capabilities()
        no_new_privileges()
        refuse_system_calls()
        os._exit(0 if os.getpid() == 1 and not os.listdir("/proc") else 1)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
