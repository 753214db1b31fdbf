"""What ships to students: the solution passes it, and nothing in it earns points."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gradus.checks.comparison import Comparison
from gradus.checks.judging import compare_all
from gradus.checks.recorded import load_recording
from gradus.checks.session import collect
from gradus.course import Course, Topic
from gradus.files import read_text
from gradus.mistakes.perform import Sources, given, one_thread, perform
from gradus.mistakes.reference import Reference
from gradus.results import first_line
from gradus.solution import Solution
from gradus.student import Student


def answers_by_name(page: Path, functions: Collection[str]) -> list[str]:
    """The functions that students write and that the page defines, as a helper of its own."""
    return [name for name in _helpers(read_text(page))[0] if name in functions]


def pasted(course: Course, topic: Topic, solution: Solution) -> Iterator[tuple[str, str, str]]:
    """A function, the helper of the public checks that takes its place, and the submission."""
    path = course.public_test_file(topic)
    if not path.is_file():
        return
    helpers, code = _helpers(read_text(path))
    for function in solution.parts():
        for helper in helpers:
            value = f"{helper}(*args, **kwargs)"
            if function.endswith("_forward"):
                value = f"({value}, args)"
            text = f"def {function}(*args, **kwargs):\n    return {value}"
            yield function, helper, solution.replaced({function: text}, above=[code])


def failing_page(
    page: Path, sources: Sources, salt: str, answers: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """The checks of a student's page that right answers fail, with what they say: the solution, and
    `answers` in those that are recorded, with the calls at an edge that are made at home. What they
    print goes where the process prints."""
    failing: list[str] = []
    reference, recording = Reference(sources.solution), load_recording(page, salt)
    if recording is None:
        return []

    def loop(items: Sequence[pytest.Item]) -> None:
        for who, parts in {"the solution": {}, **answers}.items():
            names = reference.namespace(parts)
            for item in items:
                check = item.obj  # type: ignore[attr-defined]
                if item.name in recording.comparisons:
                    check = partial(_replayed, recording.comparisons[item.name])
                elif parts:
                    continue
                about: dict[str, Any] = {
                    "edges": recording.edges.get(item.name, ()),
                    "float32": recording.float32.get(item.name, 1.0),
                }
                run = (item.name, given(check), names, sources, salt, 60.0)
                _, error = perform(*run, stop=True, **about)
                if error is not None:
                    failing.append(f"{who} fails {item.name}: {first_line(str(error))}")

    with one_thread():
        collect(page, loop)
    return failing


def _replayed(calls: Sequence[Comparison], student: Student) -> None:
    compare_all(student, calls)


def _helpers(page: str) -> tuple[list[str], str]:
    """The functions and classes of a file of tests that are no checks, and the code to paste."""
    kept, names = [], []
    for node in ast.parse(page).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name.startswith("test_"):
                continue
            names.append(node.name)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradus"):
            continue
        kept.append(ast.unparse(node))
    return names, "\n\n\n".join(kept)
