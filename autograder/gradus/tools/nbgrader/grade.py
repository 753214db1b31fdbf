"""`gradus grade --engine nbgrader`: jobs -> results, by one `nbgrader autograde`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat

from gradus.course import UsageError
from gradus.files import write_tree
from gradus.grading.pool import NoResult
from gradus.grading.store import Store
from gradus.jobs import Job
from gradus.results import Result
from gradus.tools.nbgrader.gradebook import environment
from gradus.tools.notebook import write_notebook

_STUDENT = re.compile(r"\[AutogradeApp \| INFO\] Creating/updating student with ID '(\d+)'")
MAX_STATEMENTS = 1000  # of a .py, each a cell


def run_nbgrader(
    topic: str, files: Mapping[str, bytes], jobs: Iterable[Job]
) -> Iterator[tuple[Job, Result | NoResult]]:
    """Grade every job in a course of its own, made of `files`, those of dist/nbgrader.

    The score is the gradebook's; the rest of the result is what Gradus's step kept. A .py becomes a
    notebook with a cell for each statement.
    """
    for job, score, result in nbgrader_runs(topic, files, jobs):
        if result is None or score is None:
            yield job, NoResult("nbgrader could not process it")
        else:
            update = {"submission": job.submission, "score": round(score, 6)}
            yield job, result.model_copy(update=update)


def nbgrader_runs(
    topic: str, files: Mapping[str, bytes], jobs: Iterable[Job]
) -> Iterator[tuple[Job, float | None, Result | None]]:
    """The gradebook's score of each job, and what Gradus's step kept, each None if there is none.

    In the order they are finished.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_tree(root, files)
        _run(root, "generate_assignment", topic)
        tests = _test_cells(root / "release" / topic / f"{topic}.ipynb")
        numbered = {str(number): job for number, job in enumerate(jobs)}
        for number, job in numbered.items():
            submitted = root / "submitted" / number / topic / f"{topic}.ipynb"
            submitted.parent.mkdir(parents=True)
            submitted.write_bytes(_as_notebook(job, tests))
        store = Store(root / "results" / topic)
        for number in _autograde(root, topic):
            score, result = _score(root, topic, number), store.load(number)
            # A line of the log may be a submission's own: then there is nothing yet.
            if score is not None and result is not None and number in numbered:
                yield numbered.pop(number), score, result
        for number, job in numbered.items():
            yield job, _score(root, topic, number), store.load(number)


def _as_notebook(job: Job, tests: Iterable[Any]) -> bytes:
    """A submission as a notebook, a .py statement by statement: one may raise and the next not."""
    if job.filename.lower().endswith(".ipynb"):
        return job.source
    text = job.source.decode("utf-8-sig", errors="replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
    try:
        ends = [node.end_lineno or 0 for node in ast.parse(text).body]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        ends = []
    ends = ends if len(ends) <= MAX_STATEMENTS else []
    parts = ["\n".join(lines[a:b]) for a, b in pairwise([0, *ends])] or [text]
    cells: list[tuple[str, str, dict[str, Any]]] = [
        ("code", part.strip("\n"), {}) for part in parts
    ]
    cells += [("code", cell.source, cell.metadata) for cell in tests]
    return write_notebook(cells).encode()


def _test_cells(release: Path) -> list[Any]:
    from nbgrader.utils import is_grade

    notebook = nbformat.read(release, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook.cells if is_grade(cell)]


def _score(root: Path, topic: str, student: str) -> float | None:
    """The score in the gradebook, None where the submission is not in it."""
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        try:
            return float(gradebook.find_submission(topic, student).score)
        except MissingEntry:
            return None


def _autograde(root: Path, topic: str) -> Iterator[str]:
    """Each student as soon as nbgrader has gone on to the next."""
    command = [sys.executable, "-m", "nbgrader", "autograde", topic]
    current: str | None = None
    last: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command, cwd=root, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for line in process.stderr:
            last.append(line.rstrip())
            if found := _STUDENT.match(line):
                if current is not None:
                    yield current
                current = found[1]
    if current is not None:
        yield current
    elif process.returncode:
        raise UsageError("nbgrader autograde failed: " + "\n".join(last))


def _run(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ran = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True)
    if ran.returncode:
        raise UsageError(f"nbgrader {arguments[0]} failed: {ran.stderr.strip()[-500:]}")
