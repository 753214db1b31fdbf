"""The processor's time that a submission's processes have used."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import psutil


def cpu_seconds(pid: int) -> float:
    """Of a process and what it started.

    What ended and was waited for counts where the system says so (Linux). 0.0 where none is left.
    """
    seconds = 0.0
    for process in _of_session(pid):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _of_session(pid: int) -> Iterator[psutil.Process]:
    """The process, what descends from it, and what has lost its parent: a submission's process
    leads a session of its own, also when it has ended."""
    known: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        known = {child.pid: child for child in (process, *process.children(recursive=True))}
        yield from known.values()
    for other in psutil.pids() if sys.platform != "win32" else ():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(other) == pid and other not in known:
                yield psutil.Process(other)
