"""`gradus grade --engine otter`: jobs -> results, each by an `otter run` of its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from gradus.grading.pool import NoResult
from gradus.jobs import Job
from gradus.results import Result
from gradus.tools.otter.bundle import PLUGIN

Scores = dict[str, float]
LONGEST_NAME = 200  # bytes


def run_otter(
    archive: bytes, jobs: Iterable[Job], processes: int
) -> Iterator[tuple[Job, Result | NoResult]]:
    """Grade every job with `archive`, a zip of dist/otter with the plugin, on so many processes.

    The score is the one that otter reports; the rest of the result is what its plugin kept.
    """
    for job, outcome in otter_runs(archive, jobs, processes):
        if isinstance(outcome, str):
            yield job, NoResult(outcome)
            continue
        scores, data = outcome
        if data is None:
            yield job, NoResult("otter ran without Gradus's plugin")
            continue
        result = Result.model_validate(data)
        update = {"submission": job.submission, "score": round(sum(scores.values()), 6)}
        yield job, result.model_copy(update=update)


def otter_runs(
    archive: bytes, jobs: Iterable[Job], processes: int
) -> Iterator[tuple[Job, tuple[Scores, Any] | str]]:
    """What otter says of each job: each question's points and the plugin's data, or why not."""
    os.environ["PYTHONUTF8"] = "1"  # otter reads files in the locale's encoding: its processes'
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "autograder.zip").write_bytes(archive)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, context, _silence) as executor:
            waiting: dict[Future[tuple[Scores, Any]], tuple[Job, Path]] = {}
            lost: list[tuple[Job, Path]] = []
            for number, job in enumerate(jobs):
                file = root / str(number) / _short(job.filename)
                file.parent.mkdir()
                file.write_bytes(job.source)
                try:
                    future = executor.submit(_otter_run, root / "autograder.zip", file)
                    waiting[future] = job, file
                except BrokenProcessPool:  # by one before it
                    lost.append((job, file))
            try:
                for future in as_completed(waiting):
                    job, file = waiting[future]
                    if isinstance(future.exception(), BrokenProcessPool):
                        lost.append((job, file))
                    else:
                        yield job, _said(future)
            finally:
                executor.shutdown(cancel_futures=True)
        for job, file in lost:  # one has ended a process of all: each has one of its own
            with ProcessPoolExecutor(1, context, _silence) as executor:
                yield job, _said(executor.submit(_otter_run, root / "autograder.zip", file))


def _said(future: Future[tuple[Scores, Any]]) -> tuple[Scores, Any] | str:
    error = future.exception()
    return f"{type(error).__name__}: {error}" if error else future.result()


def _short(name: str) -> str:
    """A file's name that the disk takes: one with odd characters has become longer."""
    return name if len(os.fsencode(name)) <= LONGEST_NAME else f"submission{Path(name).suffix}"


def _silence() -> None:
    """Every kernel that otter starts has warnings to give; what goes wrong comes as exceptions."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _otter_run(archive: Path, submission: Path) -> tuple[Scores, Any]:
    """`otter run` without its command line: that would import otter anew for each submission.

    Tried twice: Jupyter chooses a kernel's ports before it binds them, and two kernels that start
    at the same time may choose the same.
    """
    try:
        return _run_once(archive, submission)
    except Exception:
        return _run_once(archive, submission)


def _run_once(archive: Path, submission: Path) -> tuple[Scores, Any]:
    from otter.api import grade_submission

    results = grade_submission(str(submission), str(archive), quiet=True)
    if results.has_catastrophic_failure():
        raise RuntimeError(f"otter has no results of its kernel: {results.catastrophic_error}")
    scores = {name: results.get_score(name) for name in results.test_files}
    return scores, results.get_plugin_data(PLUGIN)
