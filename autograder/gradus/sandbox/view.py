"""What a submission can see of the file system: Python, torch, our `inside` and `wire`, no more."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import gradus

SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
OURS = ("__init__.py", "inside", "wire")  # of this package, what a worker imports
HIDDEN_PACKAGES = ("sklearn", "torchvision")  # the labels of the digits; models to copy from

_PACKAGE = Path(gradus.__file__).resolve().parent


def readable_paths() -> list[Path]:
    """What Python itself, torch and a worker need."""
    found = [Path(sys.prefix), Path(sys.base_prefix), Path(sysconfig.get_path("purelib"))]
    found += [Path(sysconfig.get_path("platlib")), Path(sys.executable).resolve().parent.parent]
    if site.ENABLE_USER_SITE:
        found.append(Path(site.getusersitepackages()))
    found += [_PACKAGE / name for name in OURS]
    found += [Path(p) for p in (*SYSTEM, *SYSTEM_FILES)]
    return [path for path in dict.fromkeys(found) if path.exists()]


def packages(names: Iterable[str]) -> list[Path]:
    """Where the packages of these names lie; of a name within one, which may be needed, nowhere."""
    tops = sorted(name for name in names if "." not in name)
    found = (Path(p) / top for p in sys.path for top in tops)
    return [path.resolve() for path in found if path.is_dir()]


def hidden_paths(forbid_read: Iterable[Path]) -> list[Path]:
    """What lies within the readable paths and must not be read: `forbid_read`, data, models."""
    given = [Path(p).resolve() for p in forbid_read if Path(p).exists()]
    inside = [*packages(HIDDEN_PACKAGES), *given]
    readable = [p.resolve() for p in readable_paths()]
    return [p for p in dict.fromkeys(inside) if any(p.is_relative_to(r) for r in readable)]


def bubblewrap(forbid_read: Iterable[Path], device: str = "cpu") -> list[str]:
    """The command that starts a program in a read-only view with nothing of the course in it."""
    command = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net"]
    command += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user"]
    devices = [Path(p) for p in DEVICES]
    if device != "cpu":
        devices += sorted(Path("/dev").glob("nvidia*"))
    above = {
        p for path in (*readable_paths(), _PACKAGE / "sandbox", *devices) for p in path.parents
    }
    for path in sorted(above - {Path("/")}):
        command += ["--dir", str(path)]  # else bubblewrap makes them with mode 700
    for path in sorted(readable_paths()):
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        else:
            command += ["--ro-bind", str(path), str(path)]
    command += ["--tmpfs", str(_PACKAGE)]  # an installed package lies within a readable path
    for name in (*OURS, "sandbox"):  # the zygote's own code; contain.py covers it for a submission
        command += ["--ro-bind", str(_PACKAGE / name), str(_PACKAGE / name)]
    command += ["--remount-ro", str(_PACKAGE)]
    for path in hidden_paths(forbid_read):
        if path.is_dir():
            command += ["--tmpfs", str(path), "--remount-ro", str(path)]
        else:
            command += ["--ro-bind", "/dev/null", str(path)]
    for path in devices:
        command += ["--dev-bind", str(path), str(path)]
    command += ["--dir", "/dev/shm", "--tmpfs", "/tmp", "--proc", "/proc"]
    return [*command, "--remount-ro", "/", "--chdir", "/tmp"]


def landlock_rules(forbid_read: Iterable[Path]) -> dict[str, list[str]]:
    """The readable paths with the hidden ones left out; around those, directories to be listed."""
    hidden = {*hidden_paths(forbid_read), *(p for p in _PACKAGE.iterdir() if p.name not in OURS)}
    read: list[str] = []
    names: list[str] = []
    seen: set[Path] = set()

    def add(path: Path) -> None:
        if path in hidden or path in seen:
            return
        seen.add(path)
        if any(h.is_relative_to(path) for h in hidden):
            names.append(str(path))
            for entry in path.iterdir():
                add(entry.resolve())  # a link is what it points to, or it leads round the list
        else:
            read.append(str(path))

    for path in readable_paths():
        add(path.resolve())
    return {"read": [*dict.fromkeys([*read, *DEVICES])], "names": [*dict.fromkeys(names)]}
