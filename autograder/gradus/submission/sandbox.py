"""The levels of isolation, and a launcher of contained processes at one of them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gradus.course import UsageError
from gradus.results import Isolation
from gradus.submission.launch import Bounds, ForkedWorker, ProcessWorker, Worker

LEVELS: tuple[Isolation, ...] = ("process", "user", "namespaces")


class Launcher:
    """Starts contained processes at one level; a context manager.

    `forbid_read` are paths that no submission may read. With `fork`, level `process` forks this
    process where it can (Linux), which saves an import of torch but shares its memory: for a
    student's own machine. Raises OSError when the level is not to be had on this machine. Start
    and use it in one thread that lives as long as it does.
    """

    def __init__(
        self,
        level: Isolation,
        limits: Bounds,
        device: str = "cpu",
        forbid_read: Sequence[Path] = (),
        fork: bool = False,
    ) -> None:
        self._plain = ForkedWorker if fork and sys.platform == "linux" else ProcessWorker
        self.level = level
        self.limits = limits
        self.device = device
        self._ready: list[Worker] = []
        self._zygote = None
        if level != "process":
            from gradus.submission.forking import ZygoteProcess

            self._zygote = ZygoteProcess(level, limits, device, forbid_read)

    def prestart(self) -> None:
        """Begins to start a process now, so that it imports torch while the judge does."""
        if self._zygote is not None:
            self._zygote.start()
        elif not self._ready:
            self._ready.append(self._plain(self.limits))

    def start(self) -> Worker:
        """A fresh process that no submission has run in."""
        if self._zygote is not None:
            return self._zygote.fork()
        return self._ready.pop() if self._ready else self._plain(self.limits)

    def close(self) -> None:
        """Ends the processes that wait for a submission; each Worker ends by its own `kill`."""
        while self._ready:
            self._ready.pop().kill()
        if self._zygote is not None:
            self._zygote.close()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@functools.cache
def available_levels() -> dict[Isolation, str]:
    """Every level, weakest first, with the reason why this machine lacks it, or ""."""
    return {"process": "", "user": _user_reason(), "namespaces": _namespaces_reason()}


def best_level() -> Isolation:
    """The strongest level of this machine."""
    return [level for level, reason in available_levels().items() if not reason][-1]


def choose_level(least: Isolation, asked: str | None = None) -> Isolation:
    """The level asked for, else the strongest that this machine has; UsageError below `least`."""
    missing = available_levels()
    for level in LEVELS:
        if level == asked:
            if missing[level]:
                raise UsageError(f"isolation '{asked}' is not to be had here: {missing[level]}")
            return level
    best = [level for level in LEVELS if not missing[level]][-1]
    if LEVELS.index(best) < LEVELS.index(least):
        raise UsageError(
            f"the course asks for isolation '{least}' and this machine has only '{best}' "
            f"({missing[least]}): see `gradus doctor`, or accept it with --isolation {best}"
        )
    return best


def _user_reason() -> str:
    if sys.platform != "linux":
        return "needs Linux"
    return "" if os.geteuid() == 0 else "needs root, which can become another user"


def _namespaces_reason() -> str:
    if sys.platform != "linux":
        return "needs Linux"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (apt install bubblewrap)"
    if Path(sys.prefix).is_relative_to("/tmp"):
        return (
            f"Python lies in {sys.prefix}, and submissions see an empty /tmp: install it elsewhere"
        )
    from gradus.submission.forking import reserve_uid
    from gradus.submission.view import bubblewrap

    uid, reserved = reserve_uid()
    command = [*bubblewrap(()), sys.executable, "-P", "-m", "gradus.submission.contain"]
    if os.geteuid() == 0:
        command.append(str(uid))
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        reserved.close()
    reason = ran.stderr.strip().rpartition("\n")[2]
    return "" if ran.returncode == 0 else f"this machine does not allow it ({reason})"
