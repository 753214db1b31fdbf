"""A launcher of contained processes at one level of isolation."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from gradus.results import Isolation
from gradus.sandbox.plain import PlainForkedWorker, ProcessWorker
from gradus.sandbox.process import Bounds, Worker


class Launcher:
    """Starts contained processes at one level; a context manager.

    `forbid_read` are paths that no submission may read. With `fork`, level `process` forks this
    process where it can (Linux), which saves an import of torch but shares its memory: for a
    student's own machine. A zygote prepares once for the names that its submissions `forbid`.
    Raises OSError when the level is not to be had on this machine. Start
    and use it in one thread that lives as long as it does.
    """

    def __init__(
        self,
        level: Isolation,
        limits: Bounds,
        device: str = "cpu",
        forbid_read: Sequence[Path] = (),
        fork: bool = False,
        forbid: Collection[str] = (),
    ) -> None:
        self._plain = PlainForkedWorker if fork and sys.platform == "linux" else ProcessWorker
        self.level = level
        self.limits = limits
        self.device = device
        self._ready: list[Worker] = []
        self._zygote = None
        if level != "process":
            from gradus.sandbox.forking import ZygoteProcess

            self._zygote = ZygoteProcess(level, limits, device, forbid_read, forbid)

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
