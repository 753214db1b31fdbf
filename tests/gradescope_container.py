"""Gradescope's container, as far as its documentation tells, in bubblewrap.

/autograder lies in a private root without network, where root has the rights that it usually has
in a container.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY_MB = 768  # what a container has by default, beside half a core
_CAPABILITIES = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP SYS_CHROOT MKNOD"
_SITE = Path(sysconfig.get_path("purelib"))
_NOT_THERE = ("gradus", "__editable__", "torchvision", "sklearn")


@dataclass(frozen=True)
class Ran:
    """What a run of a script left: `results` is what results.json holds, or None."""

    code: int
    stdout: str
    results: Any
    limited: bool  # whether this machine could bound its memory and its processor time


class Image:
    """What Gradescope makes of an uploaded zip: its files, and what setup.sh installed."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.installed, self.source = folder / "installed", folder / "source"
        with zipfile.ZipFile(bundle) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, self.source))
                path.chmod(entry.external_attr >> 16 & 0o777)
        # Packages that pip would fetch are there already, as links; sklearn to be closed.
        site = self.installed / _SITE.relative_to(sys.prefix)
        site.mkdir(parents=True)
        for entry in _SITE.iterdir():
            if not entry.name.lower().startswith(_NOT_THERE) or entry.name.startswith("sklearn."):
                (site / entry.name).symlink_to(f"/opt/deps/{entry.name}")
        shutil.copytree(_SITE / "sklearn", site / "sklearn")

    def run(
        self, script: str, autograder: Path, memory_mb: int | None = None, landlock: bool = False
    ) -> Ran:
        """Runs a script of the zip as root in /autograder, as Gradescope does.

        With `memory_mb`, all its processes together have that much memory and half a core. Without
        `landlock`, the kernel says that it has none, as an older one would.
        """
        shutil.copytree(self.source, autograder / "source", dirs_exist_ok=True)
        shutil.copy(self.source / "run_autograder", autograder)
        groups = _groups(memory_mb) if memory_mb else []
        join = "".join(f"echo $$ > {group}/cgroup.procs && " for group in groups)
        with tempfile.TemporaryFile() as program:
            program.write(_filter(landlock))
            program.seek(0)
            descriptor = program.fileno()
            command = [
                *self._root(autograder),
                "--seccomp",
                str(descriptor),
                f"/autograder/{script}",
            ]
            done = subprocess.run(
                ["sh", "-c", f'{join}exec "$@"', "sh", *command],
                capture_output=True,
                text=True,
                timeout=240,
                pass_fds=[descriptor],
            )
        file = autograder / "results" / "results.json"
        results = json.loads(file.read_bytes()) if file.exists() else None
        _leave(groups)
        return Ran(done.returncode, done.stdout + done.stderr, results, bool(groups))

    def _root(self, autograder: Path) -> list[str]:
        command = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net"]
        command += ["--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
        for name in _CAPABILITIES.split():
            command += ["--cap-add", f"CAP_{name}"]
        command += ["--ro-bind", "/usr", "/usr", "--dir", "/etc", "--dir", "/opt", "--dir", "/run"]
        for name in ("bin", "sbin", "lib", "lib64"):
            if Path("/", name).is_symlink():
                command += ["--symlink", f"usr/{name}", f"/{name}"]
            elif Path("/", name).exists():
                command += ["--ro-bind", f"/{name}", f"/{name}"]
        for name in ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/alternatives"):
            command += ["--ro-bind-try", name, name]
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            for folder in reversed(Path(sys.base_prefix).parents[:-1]):
                command += ["--dir", str(folder)]  # else they would be closed to other users
            command += ["--ro-bind", sys.base_prefix, sys.base_prefix]
        command += ["--ro-bind", str(_SITE), "/opt/deps", "--tmpfs", "/opt/deps/sklearn"]
        command += ["--bind", str(self.installed), "/opt/gradus"]
        command += ["--bind", str(autograder), "/autograder"]
        command += ["--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"]
        command += ["--clearenv", "--setenv", "PATH", f"{sys.base_prefix}/bin:/usr/bin:/bin"]
        return [*command, "--chdir", "/autograder"]


def _filter(landlock: bool) -> bytes:
    """A seccomp program that allows all system calls, or all but `landlock_create_ruleset`."""
    load, equal, give, allow = 0x20, 0x15, 0x06, 0x7FFF0000
    program = [
        (load, 0, 0, 0),
        (equal, 0, 1, 444),
        (give, 0, 0, allow if landlock else 0x00050000 | 38),
    ]
    program.append((give, 0, 0, allow))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _groups(memory_mb: int) -> list[Path]:
    """Control groups of this size and half a core; none where this machine does not allow it."""
    top = Path("/sys/fs/cgroup")
    name = f"gradus-test-{os.getpid()}-{os.urandom(4).hex()}"
    if (top / "cgroup.controllers").exists():
        limits = {top / name: {"memory.max": str(memory_mb << 20), "cpu.max": "50000 100000"}}
    else:
        limits = {
            top / "memory" / name: {"memory.limit_in_bytes": str(memory_mb << 20)},
            top / "cpu" / name: {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
        }
    groups: list[Path] = []
    try:
        for group, values in limits.items():
            group.mkdir()
            groups.append(group)
            for file, value in values.items():
                (group / file).write_text(value)
    except OSError:
        _leave(groups)
        return []
    return groups


def _leave(groups: list[Path]) -> None:
    for group in groups:
        for _ in range(100):  # a process that was killed may take a moment to be gone
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)
