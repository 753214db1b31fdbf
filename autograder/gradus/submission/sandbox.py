"""Where a submission's process runs: the levels of isolation, and how it is started and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from gradus.results import Isolation
from gradus.submission.wire import Channel

LEVELS: tuple[Isolation, ...] = ("process", "user", "namespaces")


class Bounds(Protocol):
    """What of course.Limits containment needs."""

    check_seconds: float
    submission_seconds: float
    memory_mb: int
    processes: int
    disk_mb: int
    output_kb: int
    message_mb: int


class Output:
    """The file that stdout and stderr of a submission's process go to."""

    def __init__(self, limit_kb: int) -> None:
        self.limit = limit_kb << 10
        descriptor, path = tempfile.mkstemp(prefix="gradus-output-")
        self._writer = os.fdopen(descriptor, "ab")
        self._reader = open(path, "r+b", buffering=0)  # noqa: SIM115 (lives with the process)
        self._path: str | None = path
        self._mark = 0
        if sys.platform != "win32":
            import fcntl

            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
            os.unlink(path)
            self._path = None

    def fileno(self) -> int:
        return self._writer.fileno()

    def restart(self) -> None:
        """Forgets what was written so far."""
        if sys.platform != "win32":  # there the child writes at its own offset, and is not moved
            self._reader.truncate(0)
        self._mark = os.fstat(self._reader.fileno()).st_size

    def text(self) -> str:
        """What was written since `restart`, cut to the limit."""
        self._reader.seek(self._mark)
        data = self._reader.read(self.limit + 1)
        text = data[: self.limit].decode("utf-8", "replace").replace("\0", "")
        return text + "\n… (cut here)" if len(data) > self.limit else text

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        if self._path is not None:
            Path(self._path).unlink(missing_ok=True)


class Worker(Protocol):
    """A fresh contained process and the judge's end of its socket."""

    channel: Channel
    output: Output

    def kill(self) -> str:
        """Ends it and all that it started; says how it had ended before that, or ""."""


def explain_exit(code: int | None, memory_mb: int) -> str:
    """How a process ended, in a student's words; `code` is a Popen.returncode."""
    if code is None:
        return ""
    if code >= 0:
        return f"the process exited (status {code})"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return {
        "SIGSEGV": "segmentation fault",
        "SIGABRT": f"the process aborted (out of memory? limit {memory_mb} MB)",
        "SIGKILL": f"the process was killed (out of memory? limit {memory_mb} MB)",
        "SIGXCPU": "out of processor time",
    }.get(name, f"the process was ended by {name}")


def child_environment(home: str) -> dict[str, str]:
    """The whole environment of a process that runs foreign code; no secret is in it."""
    kept = ("SYSTEMROOT", "PATHEXT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    return environment | {
        "PATH": os.defpath,
        "HOME": home,
        "TMPDIR": home,
        "TEMP": home,
        "TMP": home,
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


class ProcessWorker:
    """Level `process`: a plain child, in an empty directory, with limits where there are any."""

    def __init__(self, limits: Bounds) -> None:
        self._limits = limits
        self._home = tempfile.mkdtemp(prefix="gradus-")
        self.output = Output(limits.output_kb)
        ours, theirs = socket.socketpair()
        size = str(limits.message_mb << 20)
        options: dict[str, Any] = {"stdin": subprocess.PIPE}
        number = "-"
        if sys.platform != "win32":
            options = {"stdin": subprocess.DEVNULL, "start_new_session": True}
            options["pass_fds"] = [theirs.fileno()]
            number = str(theirs.fileno())
        command = [sys.executable, "-P", "-m", "gradus.submission.worker", number, size]
        command += [str(limits.memory_mb), str(limits.disk_mb)]
        self._process = subprocess.Popen(
            command,
            cwd=self._home,
            env=child_environment(self._home),
            stdout=self.output.fileno(),
            stderr=self.output.fileno(),
            **options,
        )
        if sys.platform == "win32":
            shared = theirs.share(self._process.pid)
            assert self._process.stdin is not None
            self._process.stdin.write(len(shared).to_bytes(4, "little") + shared)
            self._process.stdin.close()
        theirs.close()
        self.channel = Channel(ours, limits.message_mb << 20)

    def kill(self) -> str:
        self.channel.close()
        try:
            # a process that crashed is still on its way out when its socket closes
            code = self._process.wait(0.2 if self._process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            code = None
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self.output.close()
        shutil.rmtree(self._home, ignore_errors=True)
        return explain_exit(code, self._limits.memory_mb)


class Launcher:
    """Starts contained processes at one level; a context manager.

    `forbid_read` are paths that no submission may read. Raises OSError when the level is not to
    be had on this machine.
    """

    def __init__(
        self,
        level: Isolation,
        limits: Bounds,
        device: str = "cpu",
        forbid_read: Sequence[Path] = (),
    ) -> None:
        self.level = level
        self.limits = limits
        self.device = device
        self.forbid_read = tuple(forbid_read)
        self._ready: list[Worker] = []

    def prestart(self) -> None:
        """Begins to start a process now, so that it imports torch while the judge does."""
        if not self._ready:
            self._ready.append(self._start())

    def start(self) -> Worker:
        """A fresh process that no submission has run in."""
        return self._ready.pop() if self._ready else self._start()

    def close(self) -> None:
        while self._ready:
            self._ready.pop().kill()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> Worker:
        return ProcessWorker(self.limits)


def available_levels() -> dict[Isolation, str]:
    """Every level, with the reason why this machine does not have it, or ""."""
    return {"process": "", "user": "not built yet", "namespaces": "not built yet"}


def best_level() -> Isolation:
    """The strongest level of this machine."""
    return [level for level, reason in available_levels().items() if not reason][-1]
