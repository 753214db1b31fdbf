"""A judge as its parent sees it: a process, two pipes, and the job that it works on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

import msgpack

from gradus.grading.judge import pack
from gradus.jobs import Job

_COMMAND = (sys.executable, "-P", "-m", "gradus.grading.judge")  # -P: no module of the class's


@dataclass(frozen=True)
class Task:
    """A job, and whether a judge was lost over it already."""

    job: Job
    retry: bool = False


class JudgeProcess:
    """Starts one (`python -m gradus.grading.judge`) with its `setup`, which goes to it first."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 (end() closes it)
        # One thread, so that sums come out the same however many judges there are. The salt
        # travels through the pipe: other programs may read an environment.
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        env.pop("GRADUS_SALT", None)
        self.process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env=env,
            cwd="/",
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us alone to handle
        )
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        os.set_blocking(self.input.fileno(), False)
        self.unpacker = msgpack.Unpacker()
        self.pending = pack(setup)
        self.task: Task | None = None
        self.deadline = 0.0

    def take(self, task: Task, deadline: float) -> None:
        self.task, self.deadline = task, deadline
        message = asdict(task.job)
        message["checks"] = None if task.job.checks is None else sorted(task.job.checks)
        self.pending += pack(message)

    def send(self) -> bool:
        """Write what the pipe takes now; True where something is left."""
        try:
            while self.pending:
                self.pending = self.pending[os.write(self.input.fileno(), self.pending) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self.pending = b""  # its end of output tells the rest
        return False

    def finish(self) -> Job:
        assert self.task
        job, self.task = self.task.job, None
        return job

    def dismiss(self) -> None:
        """No more jobs: it ends by itself when idle, and is ended when not."""
        self.input.close()
        if self.task:
            self._kill()

    def end(self, why: str | None = None) -> str:
        """Wait for its end, or end it; returns how it ended and the last lines of its stderr."""
        self.input.close()
        if why:
            self._kill()
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self.process.wait()
        self.output.close()
        ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        with self.stderr:
            self.stderr.seek(max(0, self.stderr.seek(0, os.SEEK_END) - 4000))
            tail = self.stderr.read().decode(errors="replace").strip()
        return f"{why or ended}\n{tail}".strip()

    def _kill(self) -> None:
        """End it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
