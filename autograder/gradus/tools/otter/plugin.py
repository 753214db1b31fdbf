"""otter-grader's plugin: a submission is graded in Gradus's sandbox, not in otter's kernel."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
from otter.plugins import AbstractOtterPlugin
from otter.test_files import GradingResults

from gradus.course import COURSE_FILE, load_course
from gradus.grading.one_by_one import OneByOne
from gradus.rendering import report
from gradus.results import Result, by_function
from gradus.tools.otter.bundle import PLUGIN


class Sandbox(AbstractOtterPlugin):  # type: ignore[misc]
    """Grades before otter reads anything, and leaves a notebook that holds only the result."""

    result: Result | None = None

    def before_grading(self, otter_config: Any) -> None:
        """Grade, and leave nothing of the submission: otter would unpickle its log, and its kernel
        would import a json.py from its folder. This is the first of otter's hooks."""
        path = Path(self.submission_path)
        source = path.parent.parent / "source"
        course = load_course(source / "files" / COURSE_FILE)
        (topic,) = course.topics
        tests = source / "files" / "hidden_tests" / f"test_{topic.id}.py"
        closed = [source, path.parent]
        with closing(OneByOne(course, topic, tests, forbid_read=closed)) as grader:
            self.result = grader.grade(path)
        for entry in path.parent.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        shutil.copytree(source / "tests", path.parent / "tests")
        # Otter reads it, whatever its suffix.
        path.write_text(nbformat.writes(self._taking()), encoding="utf-8")  # type: ignore[no-untyped-call]

    def before_execution(self, submission: Any) -> Any:
        """The notebook that otter runs in place of the submission."""
        return self._taking()

    def _taking(self) -> Any:
        """A notebook that holds only the result."""
        assert self.result
        take = f"from gradus.notebook import take\n\ntake({self.result.model_dump_json()!r})"
        notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        notebook.cells.append(nbformat.v4.new_code_cell(take))  # type: ignore[no-untyped-call]
        return notebook

    def after_grading(self, results: GradingResults) -> None:
        """Partial credit, which otter's tests cannot give, and the whole result for Gradus."""
        assert self.result
        for function, (points, _) in by_function(self.result.checks).items():
            results.update_score(function, points)
        results.set_plugin_data(PLUGIN, self.result.model_dump(mode="json"))
        if self.result.message or self.result.notes:
            results.set_output("\n".join([self.result.message, *self.result.notes]).strip())

    def generate_report(self) -> str:
        """What every check said, for instructors."""
        assert self.result
        return "\n".join([self.result.message, report(self.result.checks)]).strip()
