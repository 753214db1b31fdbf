"""`gradus grade --engine otter|nbgrader`: the tool is given what `gradus build` makes for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from gradus.course import Course
from gradus.grading.grade import Conditions, unreadable
from gradus.grading.pool import NoResult
from gradus.inbox.found import Found
from gradus.jobs import Job
from gradus.results import Result, first_line

MAX_PARTS = 200_000  # brackets in a notebook; nbformat takes half a kilobyte for each

Outcomes = Iterator[tuple[Job, Result | NoResult]]


def engine(
    course: Course,
    conditions: Conditions,
    processes: int,
    student_files: Callable[[], Mapping[str, bytes]],
) -> Callable[[Iterable[Job]], Outcomes]:
    """What grades jobs with otter or nbgrader; nbgrader uses one process, whatever `processes` is.

    `student_files` makes the files of assignments/T, which both tools are given.
    """
    name, topic, checks = conditions.engine, conditions.topic, conditions.checks

    def run(jobs: Iterable[Job]) -> Outcomes:
        broken: deque[tuple[Job, Result]] = deque()
        waiting = _readable(jobs, broken, conditions)
        first = next(waiting, None)
        yield from broken
        broken.clear()
        if first is None:  # nothing has changed: the tool need not start
            return
        given = student_files()
        todo = chain([first], waiting)
        if name == "otter":
            from gradus.tools.otter.bundle import otter_files
            from gradus.tools.otter.grade import run_otter

            archive = otter_files(course, topic, checks, given)[f"{topic.id}.zip"]
            yield from run_otter(archive, todo, processes)
        else:
            from gradus.tools.nbgrader.bundle import nbgrader_files
            from gradus.tools.nbgrader.grade import run_nbgrader

            own = course.model_copy(update={"topics": [topic]})  # with the limits asked for
            yield from run_nbgrader(topic.id, nbgrader_files(own, topic, checks, given), todo)
        yield from broken

    return run


def _readable(
    jobs: Iterable[Job], broken: deque[tuple[Job, Result]], conditions: Conditions
) -> Iterator[Job]:
    """The jobs that can be opened; neither tool says more of a broken notebook than a traceback."""
    import nbformat

    for job in jobs:
        try:
            if job.filename.lower().endswith(".ipynb"):
                if job.source.count(b"{") + job.source.count(b"[") > MAX_PARTS:
                    raise ValueError(f"it has more than {MAX_PARTS} parts")
                nbformat.reads(job.source.decode(), as_version=4)  # type: ignore[no-untyped-call]
        except Exception as error:  # of whatever kind: it is any text
            why = f"the notebook is broken: {type(error).__name__}: {first_line(str(error))[:200]}"
            found = Found(job.submission, Path(), (job.filename,))
            broken.append((job, unreadable(found, why, conditions, conditions.version)))
        else:
            yield job
