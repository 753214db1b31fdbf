"""A worker, as the judge sees it: one process that runs a submission."""

from __future__ import annotations

import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from gradus.wire.channel import Channel


class Bounds(Protocol):
    """What containment needs of course.Limits."""

    @property
    def check_seconds(self) -> float: ...
    @property
    def submission_seconds(self) -> float: ...
    @property
    def memory_mb(self) -> int: ...
    @property
    def processes(self) -> int: ...
    @property
    def disk_mb(self) -> int: ...
    @property
    def output_kb(self) -> int: ...
    @property
    def message_mb(self) -> int: ...


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
        text = data[: self.limit].decode("utf-8", "replace")
        text = "".join(c for c in text if c.isprintable() or c in "\n\t")  # no terminal's orders
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

    def cpu_seconds(self) -> float:
        """What it and all that it started have computed."""

    def kill(self, grace: float = 0.0) -> str:
        """Ends it and all that it started.

        Says how it had ended by itself within `grace` seconds from now, or "".
        """


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


def remove_tree(path: str) -> None:
    """Removes what a submission left, however much it is: on POSIX in the background."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        if sys.platform == "win32":
            shutil.rmtree(path, ignore_errors=True)
        else:
            command = ["sh", "-c", 'rm -rf -- "$1" 2>/dev/null &', "sh", path]
            subprocess.run(command, check=False)


def child_environment(home: str) -> dict[str, str]:
    """The whole environment of a process that runs foreign code; no secret is in it."""
    kept = (
        *("SYSTEMROOT", "PATHEXT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
        "MPLCONFIGDIR",  # where matplotlib keeps its list of fonts
    )
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    return environment | {
        "PATH": os.environ["PATH"] if sys.platform == "win32" else os.defpath,
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
        "MPLBACKEND": "agg",  # draws into memory, whatever screen there is
    }
