"""A topic's figure and its experiment, made by a student's own functions.

Both are given functions at the end of `solutions/T.py`: `figure(quick=False)` returns a figure of
matplotlib's, `experiment(quick=False)` rows of a table, the first of which is its head. Either may
also take `digits`, training and test images with their labels, x in [0, 1]; or `text`, a novel.
"""

from __future__ import annotations

import ast
import html
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from gradus.course import Topic, UsageError
from gradus.distribution import require
from gradus.errors import NotImplementedYet, SubmissionError
from gradus.sandbox.launcher import Launcher
from gradus.student import Student

VIEWS = ("figure", "experiment")
# A student's own machine and a student's own time: enough for MNIST, and no more than a limit.
_LIMITS = dict(check_seconds=3600.0, submission_seconds=3600.0, memory_mb=8192, message_mb=512)


@dataclass(frozen=True)
class Drawn:
    """A picture (PNG), or the rows of a table; and what was printed."""

    picture: bytes = b""
    rows: Sequence[Sequence[object]] = ()
    output: str = ""


def draw(
    topic: Topic,
    filename: str,
    source: bytes,
    view: str,
    data: str = "digits",
    fork: bool = True,
    quick: bool = False,
) -> Drawn:
    """Call a file's `view` ("figure" or "experiment") in a process of its own, forked or not.

    Raises UsageError, with what to do, where matplotlib or the data is not there, where the file
    has no such function, or it does not end well.
    """
    import_matplotlib()
    options: dict[str, Any] = {"quick": True} if quick else {}
    options |= data_for(_parameters(filename, source, view), data)
    limits = topic.limits.model_copy(update=_LIMITS)
    with Launcher("process", limits, fork=fork) as launcher:
        student = Student(launcher, filename, source)
        try:
            student.begin("show")
            value = student.call(view, **options)
            return _drawn(view, value, student.end().output)
        except NotImplementedYet as error:
            raise UsageError(
                f"{error.message}, and the {view} is made by your functions: "
                f"`gradus check {topic.id}` first"
            ) from None
        except SubmissionError as error:
            where = f" ({error.location})" if error.location else ""
            raise UsageError(f"no {view} from {filename}: {error.message}{where}") from None
        finally:
            student.close()


def _drawn(view: str, value: Any, output: str) -> Drawn:
    if view == "figure" and isinstance(value, bytes):
        return Drawn(picture=value, output=output)
    rows = isinstance(value, list) and all(isinstance(row, tuple | list) for row in value)
    if view == "experiment" and rows and value:
        return Drawn(rows=value, output=output)
    due = "a figure of matplotlib's" if view == "figure" else "a list of rows"
    raise UsageError(f"{view}() has returned a {type(value).__name__}: it must return {due}")


def views_in(cell: str) -> list[str]:
    """The views that a cell's code defines, in its order."""
    functions = [node.name for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name in VIEWS]


def _parameters(filename: str, source: bytes, view: str) -> set[str]:
    """Of the function of that name, in a .py file or a notebook."""
    from gradus.inside.loading import Unreadable, read

    try:
        cells = read(filename, source).cells
    except Unreadable as error:
        raise UsageError(f"{error.location or filename}: {error.message}") from None
    return {
        parameter.arg
        for cell in cells
        for node in cell.tree.body
        if isinstance(node, ast.FunctionDef) and node.name == view
        for parameter in node.args.args
    }


def data_for(parameters: Collection[str], data: str = "digits") -> dict[str, Any]:
    """What a view with these parameters is given. Raises UsageError where it cannot be had."""
    from gradus.checks.data import alice

    given: dict[str, Any] = {"digits": _split(data)} if "digits" in parameters else {}
    return given | ({"text": alice()} if "text" in parameters else {})


def _split(data: str) -> tuple[Any, ...]:
    from gradus.checks.data import digits, mnist
    from gradus.checks.rng import Rng

    try:
        split = mnist() if data == "mnist" else digits(Rng(0))
    except RuntimeError as error:
        raise UsageError(str(error)) from None
    return split.x_train, split.y_train, split.x_test, split.y_test


def import_matplotlib() -> None:
    """Before a process is forked, which then need not read its list of fonts again.

    Raises UsageError where it is not installed.
    """
    require("student")
    import matplotlib

    os.environ.setdefault("MPLCONFIGDIR", matplotlib.get_configdir())
    matplotlib.use("agg")
    import matplotlib.pyplot


def html_table(rows: Sequence[Sequence[object]]) -> str:
    """An experiment's rows as HTML, in which nothing is markup."""
    head, *body = [[html.escape(text) for text in row] for row in cells_of(rows)]
    lines = ["".join(f"<th>{text}</th>" for text in head)]
    lines += ["".join(f"<td>{text}</td>" for text in row) for row in body]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def cells_of(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """The rows of an experiment as text, numbers with four digits that mean something."""
    return [[_text(value) for value in row] for row in rows]


def _text(value: object) -> str:
    import torch

    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
