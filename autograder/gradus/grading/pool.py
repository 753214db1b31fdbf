"""Many jobs over a few judges, each a process of its own that stays warm."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack

from gradus.course import Topic
from gradus.grading.judge import pack
from gradus.results import Isolation, Result

if TYPE_CHECKING:
    from gradus.checks.session import Job

_COMMAND = (sys.executable, "-P", "-m", "gradus.grading.judge")  # -P: no module of the class's
_START_SECONDS = 120.0


@dataclass(frozen=True)
class NoResult:
    """Two judges ended before they had graded a job: a fault of the grader's or the machine's."""

    reason: str  # how the second one ended, and the last that it wrote to stderr


_HOPELESS = 2  # jobs lost before the first result: no judge works here, the rest is not tried


def run_jobs(
    topic: Topic,
    test_file: Path,
    jobs: Iterable[Job],
    *,
    workers: int,
    level: Isolation,
    device: str = "cpu",
    salt: str,
    forbid_read: Sequence[Path] = (),
) -> Generator[tuple[Job, Result | NoResult], None, None]:
    """Grade every job on at most `workers` judges; yields each as it is finished.

    No submission may read the folder of the tests, nor what else is in `forbid_read`.
    `jobs` is read as judges become free. A judge that dies, or does not answer for far longer than
    the topic's limits allow, is replaced and its job tried once more. When several jobs are lost
    and nothing is graded yet, the others are not tried. Closing the generator ends all judges; they
    also end by themselves when this process is killed.
    """
    setup = {
        "topic": topic.model_dump(mode="json"),
        "test_file": str(test_file.resolve()),
        "level": level,
        "device": device,
        "salt": salt,
        "forbid_read": [str(path.resolve()) for path in (test_file.parent, *forbid_read)],
    }
    patience = _START_SECONDS + 3 * topic.limits.submission_seconds
    with contextlib.closing(_Pool(setup, workers, patience)) as pool:
        yield from pool.run(iter(jobs))


@dataclass(frozen=True)
class _Task:
    job: Job
    retry: bool = False


class _Pool:
    def __init__(self, setup: dict[str, Any], workers: int, patience: float) -> None:
        self.setup = setup
        self.workers = workers
        self.patience = patience
        self.selector = selectors.DefaultSelector()
        self.judges: list[_Judge] = []
        self.retries: deque[_Task] = deque()
        self.graded = False
        self.lost: list[NoResult] = []

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Result | NoResult]]:
        while True:
            self._hand_out(jobs)
            busy = [judge for judge in self.judges if judge.task]
            if not busy:
                yield from ((job, self.lost[-1]) for job in jobs)  # none, unless it is hopeless
                return
            timeout = max(0.0, min(judge.deadline for judge in busy) - time.monotonic())
            finished: list[tuple[Job, Result | NoResult]] = []
            for key, _ in self.selector.select(timeout):
                judge: _Judge = key.data
                if judge in self.judges:  # not ended by an event before this one
                    finished += self._attend(judge, reading=key.fileobj is judge.output)
            for judge in busy:
                if judge.task and judge in self.judges and time.monotonic() > judge.deadline:
                    finished += self._replace(judge, f"no answer within {self.patience:.0f} s")
            self._hand_out(jobs)  # before the caller takes its time
            yield from finished

    def close(self) -> None:
        for judge in self.judges:
            judge.dismiss()
        for judge in self.judges:
            judge.end()
        self.judges.clear()
        self.selector.close()

    def _hand_out(self, jobs: Iterator[Job]) -> None:
        while True:
            idle = next((judge for judge in self.judges if not judge.task), None)
            if idle is None and len(self.judges) >= self.workers:
                return
            task = self.retries.popleft() if self.retries else None
            if task is None:
                if len(self.lost) >= _HOPELESS and not self.graded:
                    return
                job = next(jobs, None)
                if job is None:
                    return
                task = _Task(job)
            if idle is None:
                idle = _Judge(self.setup)
                self.judges.append(idle)
                self.selector.register(idle.output, selectors.EVENT_READ, idle)
            idle.take(task, time.monotonic() + self.patience)
            self._write(idle)

    def _attend(self, judge: _Judge, *, reading: bool) -> list[tuple[Job, Result | NoResult]]:
        if not reading:
            self._write(judge)
            return []
        data = os.read(judge.output.fileno(), 1 << 20)
        if not data:
            return self._replace(judge, None)
        judge.unpacker.feed(data)
        self.graded = True
        return [(judge.finish(), Result.model_validate(message)) for message in judge.unpacker]

    def _write(self, judge: _Judge) -> None:
        """Send what the pipe takes, and come back for the rest."""
        registered = judge.input in self.selector.get_map()
        if judge.send() and not registered:
            self.selector.register(judge.input, selectors.EVENT_WRITE, judge)
        elif not judge.pending and registered:
            self.selector.unregister(judge.input)

    def _replace(self, judge: _Judge, why: str | None) -> list[tuple[Job, Result | NoResult]]:
        """Drop a judge that is of no more use; its job is tried again, or has no result."""
        self.judges.remove(judge)
        for pipe in (judge.input, judge.output):
            if pipe in self.selector.get_map():
                self.selector.unregister(pipe)
        task, reason = judge.task, judge.end(why)
        if task is None:
            return []
        if task.retry:
            self.lost.append(NoResult(reason))
            return [(task.job, self.lost[-1])]
        self.retries.append(_Task(task.job, retry=True))
        return []


class _Judge:
    """One judge process, and the job that it works on."""

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
        self.task: _Task | None = None
        self.deadline = 0.0

    def take(self, task: _Task, deadline: float) -> None:
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
