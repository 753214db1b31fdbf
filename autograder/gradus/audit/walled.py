"""Grades behind the walls, as students' work is, in processes that have imported torch already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from gradus.audit.trusted import begin
from gradus.checks.session import run_session
from gradus.course import Topic
from gradus.jobs import Job
from gradus.mistakes.perform import one_thread, processes
from gradus.results import Isolation, Result
from gradus.sandbox.launcher import Launcher


def walled_processes(count: int) -> ProcessPoolExecutor:
    """Where `grade_walled` may run."""
    return processes(count, begin)


def grade_walled(
    executor: ProcessPoolExecutor,
    topic: Topic,
    test_file: Path,
    jobs: Sequence[Job],
    level: Isolation,
    salt: str,
    parts: int = 1,
) -> Iterator[tuple[Job, Result]]:
    """Grade jobs, in so many processes at a time; yields each part as it is finished.

    Raises BrokenProcessPool where a judge ends, and OSError where the level is not to be had.
    """
    shares = [share for n in range(parts) if (share := jobs[n::parts])]
    futures = {
        executor.submit(_graded, topic, test_file, share, level, salt): share for share in shares
    }
    for future in as_completed(futures):
        yield from zip(futures[future], future.result(), strict=True)


def _graded(
    topic: Topic, test_file: Path, jobs: Sequence[Job], level: Isolation, salt: str
) -> list[Result]:
    results: list[Result] = []
    closed = [test_file.parent]
    with (
        one_thread(),
        Launcher(level, topic.limits, "cpu", closed, forbid=topic.forbid) as launcher,
    ):

        def keep(_: Job, result: Result) -> None:
            results.append(result)

        run_session(test_file, topic, jobs, keep, launcher=launcher, salt=salt)
    return results
