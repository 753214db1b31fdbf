"""What ships to students, pasted into a stub: it must earn nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradus.course import Course, Topic
from gradus.solution import Solution


def pasted(course: Course, topic: Topic, solution: Solution) -> Iterator[tuple[str, str, str]]:
    """A function, the helper of the public checks that takes its place, and the submission."""
    path = course.public_test_file(topic)
    if not path.is_file():
        return
    helpers, code = _helpers(path.read_text(encoding="utf-8"))
    for function in solution.parts():
        for helper in helpers:
            value = f"{helper}(*args, **kwargs)"
            if function.endswith("_forward"):
                value = f"({value}, args)"
            text = f"def {function}(*args, **kwargs):\n    return {value}"
            yield function, helper, solution.replaced({function: text}, above=[code])


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
