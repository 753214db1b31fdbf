"""nbgrader's autograde step: a notebook is graded in Gradus's sandbox, and no kernel is started."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Unicode

from gradus.course import COURSE_FILE, load_course
from gradus.grading.one_by_one import OneByOne
from gradus.grading.store import Store
from gradus.rendering import report
from gradus.results import Result

RESULTS = "results"  # beside autograded/, not in it: nbgrader copies what is there to feedback/

_graders: dict[str, OneByOne] = {}  # by topic; they stay warm for the whole class


class Sandbox(NbGraderPreprocessor):  # type: ignore[misc]
    """In the place of Execute: writes into each test cell what running it would have shown."""

    course = Unicode(help="The folder of course.yaml and hidden_tests/").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Grade the notebook, and keep the whole result in results/TOPIC/STUDENT.json."""
        topic = resources["nbgrader"]["notebook"]
        grader = _graders.get(topic) or self._start(topic)
        _add_missing(nb, resources["nbgrader"])
        source = nbformat.writes(nb).encode(errors="backslashreplace")  # type: ignore[no-untyped-call]
        result = grader.grade_source(source, f"{topic}.ipynb", resources["nbgrader"]["student"])
        for cell in nb.cells:
            if is_grade(cell) and cell.cell_type == "code":
                cell.outputs = _outputs(cell, result)
        Store(Path(self.course) / RESULTS / topic).save(result)
        return nb, resources

    def _start(self, topic: str) -> OneByOne:
        root = Path(self.course)
        course = load_course(root / COURSE_FILE)
        tests = course.test_file(course.topic(topic))
        grader = OneByOne(course, course.topic(topic), tests, forbid_read=[root])
        atexit.register(grader.close)
        _graders[topic] = grader
        return grader


def _outputs(cell: Any, result: Result) -> list[Any]:
    """The report, and the points as the number that nbgrader takes for partial credit."""
    meta = cell.metadata.nbgrader
    checks = [check for check in result.checks if check.function == meta["grade_id"]]
    possible = sum(check.max_points for check in checks)
    share = sum(check.points for check in checks) / possible if possible else 0.0
    points = str(round(float(meta["points"]) * share, 6))
    text = "\n".join([report(checks), *(f"note: {note}" for note in result.notes)]) + "\n"
    new = nbformat.v4.new_output
    return [
        new("stream", name="stdout", text=text),  # type: ignore[no-untyped-call]
        new("execute_result", {"text/plain": points}, execution_count=1),  # type: ignore[no-untyped-call]
    ]


def _add_missing(nb: Any, about: Any) -> None:
    """Put the test cells back that a student deleted: the points do not depend on their place."""
    there = {cell.metadata.nbgrader["grade_id"] for cell in nb.cells if is_grade(cell)}
    with Gradebook(about["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(about["notebook"], about["assignment"])
        sources = {cell.name: cell for cell in notebook.source_cells}
        for cell in notebook.grade_cells:
            if cell.name in there:
                continue
            source = sources[cell.name]
            metadata = {
                "schema_version": 3,
                "grade_id": cell.name,
                "grade": True,
                "locked": True,
                "solution": False,
                "task": False,
                "points": cell.max_score,
                "cell_type": "code",
                "checksum": source.checksum,
            }
            nb.cells.append(
                nbformat.v4.new_code_cell(source.source, metadata={"nbgrader": metadata})  # type: ignore[no-untyped-call]
            )
