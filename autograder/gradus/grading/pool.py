"""Many jobs over a few judges, each a process of its own that stays warm."""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, repeat
from pathlib import Path

from gradus.clock import ON_THE_WALL
from gradus.course import Topic
from gradus.grading.judge_process import JudgeProcess, Task
from gradus.jobs import Job
from gradus.results import Isolation, Result

_START_SECONDS = 120.0


@dataclass(frozen=True)
class NoResult:
    """Two judges ended before they had graded a job: a fault of the grader's or the machine's."""

    reason: str  # how the second one ended, and the last that it wrote to stderr


_HOPELESS = 2  # jobs lost before the first result: perhaps no judge works here
_HARMLESS = Job("", "harmless.py", b"x = 1")  # where this one is lost too, the rest is not tried


def run_jobs(
    topic: Topic,
    test_file: Path,
    jobs: Iterable[Job],
    *,
    judges: int,
    level: Isolation,
    device: str = "cpu",
    salt: str,
    forbid_read: Sequence[Path] = (),
) -> Generator[tuple[Job, Result | NoResult], None, None]:
    """Grade every job on at most `judges` judges at a time; yields each as it is finished.

    No submission may read the folder of the tests, nor what else is in `forbid_read`.
    `jobs` is read as judges become free. A judge that dies, or does not answer for far longer than
    the topic's limits allow, is replaced and its job tried once more. When several jobs are lost
    and nothing is graded yet, the others are not tried. Closing the generator ends all judges; they
    also end by themselves when this process is killed.
    """
    pool = Pool(
        topic,
        test_file,
        judges=judges,
        level=level,
        device=device,
        salt=salt,
        forbid_read=forbid_read,
    )
    with contextlib.closing(pool):
        yield from pool.run(jobs)


def _cores(judges: int) -> Iterator[int | None]:
    """One for each judge and what it starts, so that a submission of many busy processes takes
    nothing from its neighbours; any, where there is only one judge."""
    if judges == 1 or not hasattr(os, "sched_getaffinity"):
        return repeat(None)
    cores = list(os.sched_getaffinity(0))
    random.shuffle(cores)  # another pool may begin at the same time
    return cycle(cores)


class Pool:
    """Judges that stay warm from one `run` to the next, until `close`."""

    def __init__(
        self,
        topic: Topic,
        test_file: Path,
        *,
        judges: int,
        level: Isolation,
        device: str = "cpu",
        salt: str,
        forbid_read: Sequence[Path] = (),
        fork: bool = False,
    ) -> None:
        """As `run_jobs`; `fork` is the Launcher's."""
        self.setup = {
            "topic": topic.model_dump(mode="json"),
            "test_file": str(test_file.resolve()),
            "level": level,
            "device": device,
            "salt": salt,
            "forbid_read": [str(path.resolve()) for path in (test_file.parent, *forbid_read)],
            "fork": fork,
        }
        self.most = judges
        self.patience = _START_SECONDS + 2 * ON_THE_WALL * topic.limits.submission_seconds
        self.selector = selectors.DefaultSelector()
        self.judges: list[JudgeProcess] = []
        self.retries: deque[Task] = deque()
        self.graded = False
        self.cores = _cores(judges)
        self.lost: list[NoResult] = []
        self.tried = False  # a harmless job, since judges were lost

    def run(self, submissions: Iterable[Job]) -> Iterator[tuple[Job, Result | NoResult]]:
        """As `run_jobs`."""
        jobs = iter(submissions)
        while True:
            self._hand_out(jobs)
            busy = [judge for judge in self.judges if judge.task]
            if not busy:
                yield from ((job, self.lost[-1]) for job in jobs)  # none, unless it is hopeless
                return
            timeout = max(0.0, min(judge.deadline for judge in busy) - time.monotonic())
            finished: list[tuple[Job, Result | NoResult]] = []
            for key, _ in self.selector.select(timeout):
                judge: JudgeProcess = key.data
                if judge in self.judges:  # not ended by an event before this one
                    finished += self._attend(judge, reading=key.fileobj is judge.output)
            for judge in busy:
                if judge.task and judge in self.judges and time.monotonic() > judge.deadline:
                    finished += self._replace(judge, f"no answer within {self.patience:.0f} s")
            self._hand_out(jobs)  # before the caller takes its time
            yield from (one for one in finished if one[0] is not _HARMLESS)

    def run_one(self, job: Job) -> Result:
        """The result of one job; RuntimeError where there is none."""
        ((_, result),) = self.run([job])
        if isinstance(result, NoResult):
            raise RuntimeError(f"{job.filename} could not be graded: {result.reason}")
        return result

    def close(self) -> None:
        """End all judges, those at work in the middle of it."""
        for judge in self.judges:
            judge.dismiss()
        for judge in self.judges:
            judge.end()
        self.judges.clear()
        self.selector.close()

    def _hand_out(self, jobs: Iterator[Job]) -> None:
        while True:
            idle = next((judge for judge in self.judges if not judge.task), None)
            if idle is None and len(self.judges) >= self.most:
                return
            task = self.retries.popleft() if self.retries else None
            if task is None:
                doubtful = len(self.lost) >= _HOPELESS and not self.graded
                if doubtful and self.tried:
                    return
                self.tried = doubtful
                job = _HARMLESS if doubtful else next(jobs, None)
                if job is None:
                    return
                task = Task(job)
            if idle is None:
                idle = JudgeProcess({**self.setup, "core": next(self.cores)})
                self.judges.append(idle)
                self.selector.register(idle.output, selectors.EVENT_READ, idle)
            idle.take(task, time.monotonic() + self.patience)
            self._write(idle)

    def _attend(self, judge: JudgeProcess, *, reading: bool) -> list[tuple[Job, Result | NoResult]]:
        if not reading:
            self._write(judge)
            return []
        data = os.read(judge.output.fileno(), 1 << 20)
        if not data:
            return self._replace(judge, None)
        judge.unpacker.feed(data)
        self.graded = True
        return [(judge.finish(), Result.model_validate(message)) for message in judge.unpacker]

    def _write(self, judge: JudgeProcess) -> None:
        """Send what the pipe takes, and come back for the rest."""
        registered = judge.input in self.selector.get_map()
        if judge.send() and not registered:
            self.selector.register(judge.input, selectors.EVENT_WRITE, judge)
        elif not judge.pending and registered:
            self.selector.unregister(judge.input)

    def _replace(self, judge: JudgeProcess, why: str | None) -> list[tuple[Job, Result | NoResult]]:
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
        self.retries.append(Task(task.job, retry=True))
        return []
