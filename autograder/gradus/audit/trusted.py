"""Grades the instructors' own wrong answers in processes of the audit's own, without the walls.

A process for each answer, and every value over the wire, would be most of an audit's time. Only
what the walls are tried with besides, and what may end its process, is graded as students' work is.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, cast

import pytest

from gradus.checks.local import LocalStudent
from gradus.checks.plugin import Subject
from gradus.checks.recorded import load_recording
from gradus.checks.session import collect, judge
from gradus.course import Topic
from gradus.errors import LoadError
from gradus.jobs import Job
from gradus.mistakes.perform import one_thread, processes
from gradus.results import Result, SubmissionStatus
from gradus.student import Student

SECONDS = 0.5  # that the calls of one check may compute, at least
SLOWER = 10  # times as long as the solution's they may take
AT_ONCE = 50  # answers, for which one process collects the tests
DISK_MB = 64


def trusted_processes(count: int, memory_mb: int) -> ProcessPoolExecutor:
    """Where `grade_trusted` may run; no answer takes more memory there."""
    return processes(count, begin, memory_mb)


def grade_trusted(
    executor: ProcessPoolExecutor,
    topic: Topic,
    test_file: Path,
    jobs: Sequence[Job],
    salt: str,
    solution: Result,
) -> Iterator[tuple[Job, Result]]:
    """Grade jobs, each with its salt or this one; yields them as they are finished.

    What students read is known for `salt` only. `solution` says how long each check takes it.
    Raises BrokenProcessPool where an answer ends its process.
    """
    limits = {check.name: SLOWER * check.seconds for check in solution.checks}
    parts = [jobs[at : at + AT_ONCE] for at in range(0, len(jobs), AT_ONCE)]
    futures = {
        executor.submit(_graded, topic, test_file, part, salt, limits): part for part in parts
    }
    try:
        for future in as_completed(futures):
            yield from zip(futures[future], future.result(), strict=True)
    finally:
        for future in futures:
            future.cancel()


def begin(memory_mb: int = 0) -> None:
    """Of a process, which says nothing and, where it is given, takes no more memory."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    if memory_mb and sys.platform == "linux":
        from gradus.sandbox.contain import limit_resources

        limit_resources(memory_mb, DISK_MB)


def _graded(
    topic: Topic, test_file: Path, jobs: Sequence[Job], salt: str, limits: Mapping[str, float]
) -> list[Result]:
    results: list[Result] = []
    recording = load_recording(test_file, salt)

    def loop(items: Sequence[pytest.Item]) -> None:
        for job in jobs:
            student = cast(Student, _Answer(job.source, limits))
            of_job = job.salt or salt
            subject = Subject(topic, "cpu", of_job, student)
            subject.know(recording if of_job == salt else None)
            results.append(judge(job, items, subject, "process", ""))

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about what wrong answers do
        collect(test_file, loop)
    return results


class _Answer(LocalStudent):
    """An answer that is loaded from its source, as a Student is."""

    def __init__(self, source: bytes, limits: Mapping[str, float]) -> None:
        super().__init__({"__name__": "answer"}, seconds=SECONDS)
        self._source = source
        self._limits = limits

    def begin(self, check: str, *rest: Any, **others: Any) -> None:
        """As Student.begin, with the check's own limit."""
        self._seconds = max(SECONDS, self._limits.get(check, 0.0))
        super().begin(check, *rest, **others)

    def load(self) -> None:
        """As Student.load."""
        try:
            exec(_compiled(self._source), self.names)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise LoadError(message, SubmissionStatus.CRASHED) from None


@lru_cache(maxsize=4)
def _compiled(source: bytes) -> CodeType:
    """One answer is tried with many salts, one after the other."""
    return compile(source, "<answer>", "exec")
