"""Two steps of nbgrader's autograde: one tidies a notebook, one grades it in Gradus's sandbox."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
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
from gradus.rendering import block, cell_points, report
from gradus.results import Result
from gradus.tools.nbgrader.handed_in import remove_others

RESULTS = "results"  # beside autograded/, not in it: nbgrader copies what is there to feedback/

_graders: dict[str, OneByOne] = {}  # by topic; they stay warm for the whole class


class Tidy(NbGraderPreprocessor):  # type: ignore[misc]
    """The first step: every nbgrader cell is there once, with the metadata that it was given.

    nbgrader 0.9 itself ends the whole class's run over one student's doubled or edited cell, and
    gives nothing for a test cell that was deleted.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Restore the metadata from the gradebook; test cells that are missing come last.

        What is not code is shown as it was typed: nbgrader's pages would run the scripts in it.
        The course's own text is put back by OverwriteCells.
        """
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            notebook = gradebook.find_notebook(about["notebook"], about["assignment"])
            given = {cell.name: _metadata(cell, notebook) for cell in notebook.source_cells}
            sources = {cell.name: cell.source for cell in notebook.source_cells}
        for cell in nb.cells:
            if cell.cell_type != "code":
                cell.cell_type, cell.source = "markdown", block(cell.source)
        missing = dict(given)
        for cell in nb.cells[::-1]:  # of two, the lower one, as nbgrader has it
            meta = cell.metadata.pop("nbgrader", None)
            name = meta.get("grade_id") if isinstance(meta, dict) else None
            if isinstance(name, str) and name in missing:
                cell.metadata["nbgrader"] = missing.pop(name)
        for name, meta in missing.items():
            if meta["grade"]:
                new = nbformat.v4.new_code_cell  # the points do not depend on their place
                nb.cells.append(new(sources[name], metadata={"nbgrader": meta}))  # type: ignore[no-untyped-call]
        return nb, resources


class Sandbox(NbGraderPreprocessor):  # type: ignore[misc]
    """In the place of Execute: writes into each test cell what running it would have shown."""

    course = Unicode(help="The folder of course.yaml and hidden_tests/").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Grade the notebook, and keep the whole result in results/TOPIC/STUDENT.json."""
        topic = resources["nbgrader"]["notebook"]
        grader = _graders.get(topic) or self._start(topic)
        source = nbformat.writes(nb).encode(errors="backslashreplace")  # type: ignore[no-untyped-call]
        result = grader.grade_source(source, f"{topic}.ipynb", resources["nbgrader"]["student"])
        graded = [cell for cell in nb.cells if is_grade(cell) and cell.cell_type == "code"]
        for cell in graded:
            cell.outputs = _outputs(cell, result, result.notes if cell is graded[0] else ())
        Store(Path(self.course) / RESULTS / topic).save(result)
        assignment = resources["nbgrader"]["assignment"]
        handed_in = Path(resources["metadata"]["path"])
        remove_others(handed_in, given=Path(self.course) / "source" / assignment)
        return nb, resources

    def _start(self, topic: str) -> OneByOne:
        root = Path(self.course)
        course = load_course(root / COURSE_FILE)
        tests = course.test_file(course.topic(topic))
        grader = OneByOne(course, course.topic(topic), tests, forbid_read=[root])
        atexit.register(grader.close)
        _graders[topic] = grader
        return grader


def _outputs(cell: Any, result: Result, notes: Sequence[str]) -> list[Any]:
    """The report, and the points as the number that nbgrader takes for partial credit."""
    meta = cell.metadata.nbgrader
    checks = [check for check in result.checks if check.function == meta["grade_id"]]
    points = str(cell_points(checks, float(meta["points"])))
    text = "\n".join([report(checks), *(f"note: {note}" for note in notes)]) + "\n"
    new = nbformat.v4.new_output
    return [
        new("stream", name="stdout", text=text),  # type: ignore[no-untyped-call]
        new("execute_result", {"text/plain": points}, execution_count=1),  # type: ignore[no-untyped-call]
    ]


def _metadata(source: Any, notebook: Any) -> dict[str, Any]:
    """The nbgrader metadata (schema 3) of a cell in the gradebook."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    metadata = {
        "schema_version": 3,
        "grade_id": source.name,
        "grade": source.name in points,
        "solution": source.name in {cell.name for cell in notebook.solution_cells},
        "locked": source.locked,
        "task": False,
        "cell_type": source.cell_type,
        "checksum": source.checksum,
    }
    return metadata | ({"points": points[source.name]} if source.name in points else {})
