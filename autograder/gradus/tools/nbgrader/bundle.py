"""dist/nbgrader: the course as `nbgrader generate_assignment` takes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gradus.course import COURSE_FILE, Course, Topic, UsageError, shown
from gradus.jobs import CheckInfo
from gradus.solution import Solution
from gradus.tools.course_yaml import tool_course
from gradus.tools.hidden import hidden_files
from gradus.tools.notebook import write_notebook
from gradus.tools.questions import Cell, question_cells

_CONFIG = """\
# Made by `gradus build`. Run nbgrader in this folder.
from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(Path(__file__).parent.resolve())
{database}c.ClearSolutions.code_stub = {{"python": "raise NotImplementedError"}}
c.Execute.timeout = 300  # seconds a cell, where nbgrader's own kernels grade
"""

_SANDBOX = """
# Gradus's sandbox in the place of nbgrader's Execute: no kernel runs what students wrote.
from nbconvert.preprocessors import ClearMetadataPreprocessor  # noqa: E402
from nbgrader.preprocessors import (  # noqa: E402
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from gradus.tools.nbgrader.step import Sandbox, Tidy  # noqa: E402

c.Sandbox.course = c.CourseDirectory.root
c.Autograde.pre_convert_hook = "gradus.tools.nbgrader.handed_in.remove_links"
c.Autograde.exporter_class = "gradus.tools.nbgrader.handed_in.HandedIn"
c.Autograde.sanitize_preprocessors = [
    Tidy,
    ClearOutput,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    Sandbox,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.GenerateFeedback.exporter_class = "gradus.tools.nbgrader.feedback.Feedback"
"""

_TEST = """\
from gradus.notebook import check
check("{topic}", "{function}", points={points:g})"""


def nbgrader_files(
    course: Course,
    topic: Topic,
    checks: Iterable[CheckInfo],
    student: Mapping[str, bytes],
    *,
    sandbox: bool = True,
) -> dict[str, bytes]:
    """The files of dist/nbgrader: source/T, and what all topics share.

    `student` are the files of assignments/T. Without `sandbox` stock nbgrader runs what students
    wrote in its own kernel. Raises UsageError.
    """
    id = topic.id
    files = {
        "nbgrader_config.py": (_config(course) + (_SANDBOX if sandbox else "")).encode(),
        COURSE_FILE: tool_course(course, course.topics),
        **hidden_files(course, topic),
        f"source/{id}/{id}.ipynb": _notebook(course, topic, checks).encode(),
        f"source/{id}/README.md": student["README.md"],
        f"source/{id}/{COURSE_FILE}": tool_course(course, [topic]),
        f"source/{id}/public_tests/test_{id}.py": student[f"test_{id}.py"],
        f"source/{id}/public_tests/test_{id}.msgpack": student[f"test_{id}.msgpack"],
    }
    if course.nbgrader.roster:
        roster = course.root / course.nbgrader.roster
        try:
            files["students.csv"] = roster.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read the roster {shown(roster)}: {error.strerror}") from None
    return files


def _config(course: Course) -> str:
    url = course.nbgrader.database
    return _CONFIG.format(database=f"c.CourseDirectory.db_url = {url!r}\n" if url else "")


def _notebook(course: Course, topic: Topic, checks: Iterable[CheckInfo]) -> str:
    cells = question_cells(Solution.read(course.solution(topic)), checks)
    return write_notebook(_cells(topic.id, cells))


def _cells(topic: str, cells: Iterable[Cell]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Text is read-only, what is to be written a solution cell, a function's checks a test cell.

    Given code stays free: students may add an import to it.
    """
    for number, cell in enumerate(cells, 1):
        metadata = {}
        if cell.is_solution:
            metadata = _nbgrader(f"cell{number}", solution=True)
        elif cell.kind == "markdown":
            metadata = _nbgrader(f"text{number}", locked=True)
        yield cell.kind, cell.source, metadata
        for question in cell.questions:
            test = _TEST.format(topic=topic, function=question.function, points=question.points)
            graded = _nbgrader(question.function, locked=True, grade=True, points=question.points)
            yield "code", test, graded


def _nbgrader(id: str, **flags: Any) -> dict[str, Any]:
    """A cell's metadata in nbgrader's schema 3."""
    default = {"grade": False, "locked": False, "solution": False, "task": False}
    return {"nbgrader": {"schema_version": 3, "grade_id": id, **default, **flags}}
