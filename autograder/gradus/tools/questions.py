"""A topic's solution -> the cells and questions that otter's and nbgrader's notebooks share."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradus.course import UsageError
from gradus.jobs import CheckInfo
from gradus.solution import BEGIN, END, Solution, mark


@dataclass(frozen=True)
class Question:
    """One function that checks judge, with its checks in their order."""

    function: str
    checks: tuple[CheckInfo, ...]

    @property
    def points(self) -> float:
        return sum(check.points for check in self.checks)


@dataclass(frozen=True)
class Cell:
    """A cell of the solution; the questions are asked right after it."""

    kind: str  # "markdown" or "code"
    source: str
    questions: tuple[Question, ...] = ()

    @property
    def is_solution(self) -> bool:
        """Whether students have something to write in it."""
        return self.kind == "code" and any(map(mark, self.source.split("\n")))


def question_cells(solution: Solution, checks: Iterable[CheckInfo]) -> list[Cell]:
    """The solution's cells, code cut so that each judged function ends one.

    UsageError where a block to be written stands outside of every function: nbgrader would put
    the stub's `raise` there too, and nothing below it would be defined.
    """
    by_function: dict[str, list[CheckInfo]] = {}
    for check in checks:
        by_function.setdefault(check.function, []).append(check)
    cells: list[Cell] = []
    for kind, source in solution.cells():
        if kind != "code":
            cells.append(Cell("markdown", source))
            continue
        _check_blocks(source, solution.filename)
        for part, names in _cut(source, by_function):
            questions = tuple(Question(name, tuple(by_function.pop(name))) for name in names)
            cells.append(Cell("code", part, questions))
    if by_function:
        names = ", ".join(by_function)
        raise UsageError(f"{solution.filename}: no cell defines {names}, which checks judge")
    return cells


def _cut(source: str, judged: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The parts of a code cell, each up to the end of a judged function or class of such.

    What stands below the last one stays with it: its checks may need that too.
    """
    lines = source.split("\n")
    ends: list[tuple[int, Sequence[str]]] = []
    known = set(judged)
    for node in ast.parse(source).body:
        if names := [name for name in _defined(node) if name in known]:
            end = node.end_lineno or node.lineno
            while end < len(lines) and mark(lines[end]) == END:  # the mark may stand below
                end += 1
            ends.append((end, names))
    if not ends:
        yield source, ()
        return
    ends[-1] = (len(lines), ends[-1][1])
    start = 0
    for end, functions in ends:
        yield "\n".join(lines[start:end]).strip("\n"), functions
        start = end


def _defined(node: ast.AST, prefix: str = "") -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield prefix + node.name
    elif isinstance(node, ast.ClassDef):
        yield prefix + node.name
        for inner in node.body:
            yield from _defined(inner, f"{prefix}{node.name}.")


def _check_blocks(source: str, filename: str) -> None:
    for line in source.split("\n"):
        if mark(line) == BEGIN and not line[0].isspace():
            raise UsageError(
                f"{filename}: '{BEGIN}' outside of a function: otter and nbgrader need it in one"
            )
