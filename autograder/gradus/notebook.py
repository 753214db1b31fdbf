"""In a notebook: `check("mlp", "linear_forward", points=3)` judges what the cells so far define.

The same cell serves a student, with the public checks that lie beside the notebook, and the stock
kernels of nbgrader and otter, with all checks, from hidden_tests/ in a folder above. What the cells
hold is judged in a process of its own, as everywhere; but whoever runs code in the same kernel can
replace `check` itself, so a class is better graded by the tools' Gradus plugins.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gradus.course import (
    COURSE_FILE,
    Course,
    UsageError,
    find_course,
    load_course,
    read_salt,
    shown,
)
from gradus.drawing import draw, html_table
from gradus.grading.pool import Pool
from gradus.jobs import Job
from gradus.progress import hints_line, read_hints_used
from gradus.rendering import cell_points, more_points, report
from gradus.results import CheckResult, Result, by_function

_pools: dict[str, Pool] = {}  # by topic
_latest: tuple[object, Result] | None = None  # of the same cells a result is asked for again
_given: Result | None = None


def check(topic: str, function: str, points: float | None = None) -> float | None:
    """Print how `function` does in the checks, and return its share of `points`, where given.

    None where this notebook is itself being graded, and where nothing but hidden checks is left
    to judge the function. When the topic's tests are not to be found that is printed; with
    `points`, which somebody may count, it raises UsageError.
    """
    try:
        checks = judged(topic, function)
        hidden = (points or _worth(topic, function)) - sum(check.max_points for check in checks)
    except UsageError as error:
        if points is not None:
            raise
        print(error)
        return None
    if not checks:
        print(f"{function} is judged by hidden checks only")
        return None
    lines = [report(checks), *_hints(topic)]
    ((earned, possible),) = by_function(checks).values()
    if hidden > 0:
        lines.append(f"  {earned:g}/{possible:g} of the visible checks; {more_points(hidden)}")
    print("\n".join(lines))
    if points is None or (hidden > 0 and earned == possible):
        return None
    return cell_points(checks, points - hidden if hidden > 0 else points)


def show(topic: str, view: str = "figure") -> None:
    """Show the topic's figure, or its "experiment", made by what the cells so far define; where
    it cannot be made, what to do.
    """
    cells = _cells()
    if cells is None:
        return
    from IPython.display import HTML, Image, display

    try:
        chosen = load_course(find_course()).topic(topic)
        drawn = draw(chosen, f"{topic}.ipynb", cells, view, fork=False)  # a kernel has threads
    except UsageError as error:
        print(error)
        return
    if drawn.output:
        print(drawn.output.rstrip())
    made: Any = Image(drawn.picture) if drawn.picture else HTML(html_table(drawn.rows))  # type: ignore[no-untyped-call]
    display(made)  # type: ignore[no-untyped-call]


def require(topic: str, function: str, name: str) -> None:
    """Raise AssertionError with its message unless the check `name` of `function` passes."""
    found = {check.name: check for check in judged(topic, function)}
    if name not in found:
        raise AssertionError(f"{name} was not run: is this the topic's own notebook?")
    if found[name].points < found[name].max_points:
        raise AssertionError(found[name].message)


def take(result: str) -> None:
    """Use this result (JSON), which was graded outside of the kernel, for all that follows."""
    global _given
    _given = Result.model_validate_json(result)


def judged(topic: str, function: str) -> Sequence[CheckResult]:
    """The results of the function's checks; none outside of a notebook's kernel."""
    global _latest
    if _given is not None:
        return [check for check in _given.checks if check.function == function]
    cells = _cells()
    if cells is None:
        return []
    key = (topic, function, cells)
    if _latest is None or _latest[0] != key:
        _latest = (key, _grade(topic, function, cells))
    return [check for check in _latest[1].checks if check.function == function]


def _hints(topic: str) -> Iterator[str]:
    """A line about those that were used, so that a saved notebook says it."""
    try:
        course = load_course(find_course())
        used = read_hints_used(course).get(topic)
    except UsageError:  # a damaged file says nothing
        return
    if used and course.hints and not course.solution(course.topic(topic)).is_file():
        yield hints_line(topic, used)


def _worth(topic: str, function: str) -> float:
    """All points of a function, where the course's file says them; else 0."""
    return load_course(find_course()).topic(topic).worth.get(function, 0.0)


def _cells() -> bytes | None:
    """The cells that were run, as a notebook's JSON; None where there is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return None
    cells = [{"cell_type": "code", "source": text} for text in shell.history_manager.input_hist_raw]
    return json.dumps({"cells": cells[1:]}).encode()  # the history's first entry is no cell


def _grade(topic: str, function: str, cells: bytes) -> Result:
    if topic not in _pools:
        _pools[topic] = _pool(topic)
        atexit.register(_pools[topic].close)
    return _pools[topic].run_one(Job(topic, f"{topic}.ipynb", cells, up_to=function))


def _pool(topic: str) -> Pool:
    """A judge with all checks where they are to be found, else with the public ones."""
    from gradus.checks.plugin import PUBLIC_SALT
    from gradus.sandbox.levels import best_level

    here = Path.cwd()
    near = [here, *here.parents]
    # Hidden tests from the outside in: no folder that was handed in may come first.
    for folder in near[::-1]:
        tests = folder / "hidden_tests" / f"test_{topic}.py"
        if tests.is_file():
            course = load_course(folder / COURSE_FILE)
            level, salt = best_level(), read_salt(course)
            return Pool(course.topic(topic), tests, judges=1, level=level, salt=salt)
    grading = os.environ.get("NBGRADER_EXECUTION") == "autograde"
    found = None if grading else next(_public(topic, near), None)  # public checks are no grade
    if found is not None:
        tests, course = found
        chosen = course.topic(topic)
        return Pool(chosen, tests, judges=1, level="process", salt=PUBLIC_SALT, fork=True)
    raise UsageError(
        f"no test_{topic}.py (to grade: hidden_tests/) in {shown(here)} or above it: keep the "
        "files of the assignment together, and start Jupyter in their folder"
    )


def _public(topic: str, folders: Sequence[Path]) -> Iterator[tuple[Path, Course]]:
    """The public checks, as otter and nbgrader hand them out and as `gradus build` does."""
    for folder in folders:
        tests = folder / "public_tests" / f"test_{topic}.py"
        if tests.is_file():
            yield tests, load_course(folder / COURSE_FILE)
    for folder in folders:
        if (folder / COURSE_FILE).is_file():
            course = load_course(folder / COURSE_FILE)
            tests = course.public_test_file(course.topic(topic))
            if tests.is_file():
                yield tests, course
