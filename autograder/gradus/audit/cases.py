"""Cases: wrong and right answers that the hidden tests of a topic are tried on.

A file of cases is read with `ast` and never imported by the tools; the decorators exist so that
linters and editors are content with it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from gradus.course import UsageError, shown
from gradus.solution import Definition, Solution, first_line

T = TypeVar("T")


def mistake(
    title: str, *, check: str | tuple[str, ...], diagnosis: str | None = None
) -> Callable[[T], T]:
    """Mark a wrong answer: every check named must take points, the first with this diagnosis.

    A diagnosis without a colon, for example "scale", accepts every diagnosis of that kind.
    """
    return lambda case: case


def alternative(title: str) -> Callable[[T], T]:
    """Mark a right answer, written differently from the reference: it must keep full points."""
    return lambda case: case


def equivalent(function: str, old: str, new: str, *, why: str) -> None:
    """Record that a mutant of the reference, line `old` turned into `new`, computes the same."""


class CaseError(UsageError):
    """A file of cases is wrong; the message is one line and begins with file:line."""


@dataclass(frozen=True)
class Case:
    """One answer; `parts` maps each function or class it defines to its source."""

    kind: Literal["mistake", "alternative"]
    title: str
    parts: dict[str, str]
    where: str  # "mlp.py:12"
    checks: tuple[str, ...] = ()
    diagnosis: str | None = None
    preamble: str = ""  # imports and constants in the body of a class

    def explains(self, diagnosis: str | None) -> bool:
        """Whether `diagnosis`, as a check gave it, is the one that this case asks for."""
        if self.diagnosis is None:
            return True
        if ":" in self.diagnosis or diagnosis is None:
            return diagnosis == self.diagnosis
        return diagnosis.partition(":")[0] == self.diagnosis


@dataclass(frozen=True)
class Equivalent:
    """A mutant that no test can catch, and why."""

    function: str
    old: str
    new: str
    why: str
    where: str


@dataclass(frozen=True)
class Cases:
    """All cases of one topic, in the order of the file."""

    mistakes: tuple[Case, ...] = ()
    alternatives: tuple[Case, ...] = ()
    equivalents: tuple[Equivalent, ...] = ()


def load_cases(path: Path) -> Cases:
    """Read a file of cases without running it; raises `CaseError` where it is wrong."""
    source = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise CaseError(f"{shown(path)}:{error.lineno}: {error.msg}") from None
    reader = _Reader(path, source.splitlines())
    for node in tree.body:
        reader.statement(node)
    cases = reader.cases
    return Cases(
        mistakes=tuple(c for c in cases if c.kind == "mistake"),
        alternatives=tuple(c for c in cases if c.kind == "alternative"),
        equivalents=tuple(reader.equivalents),
    )


def compose(solution: str, case: Case) -> str:
    """The submission that makes this case: the solution with the case's functions in place.

    Helpers that the solution does not have stand before the first function replaced. Raises
    `CaseError` when the case replaces nothing, or brings a helper that nothing uses.
    """
    source = Solution(solution)
    helpers = [name for name in case.parts if name not in source.spans]
    if len(helpers) == len(case.parts):
        unknown = ", ".join(repr(name) for name in helpers)
        raise CaseError(f"{case.where}: the solution has no function {unknown}")
    for name in helpers:
        others = [text for other, text in case.parts.items() if other != name]
        if not any(name in _names(text) for text in others):
            raise CaseError(
                f"{case.where}: {name!r} is neither in the solution nor used by this case"
            )
    above = [*filter(None, [case.preamble]), *(case.parts[name] for name in helpers)]
    return source.replaced(case.parts, above)


@dataclass
class _Reader:
    path: Path
    lines: list[str]
    cases: list[Case] = field(default_factory=list)
    equivalents: list[Equivalent] = field(default_factory=list)

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, Definition):
            self.cases.append(self.case(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.equivalents.append(self.equivalent(node.value))
        elif not isinstance(node, ast.Import | ast.ImportFrom) and not _is_string(node):
            raise self.error(node, "only imports, cases and equivalent(...) may stand here")

    def case(self, node: Definition) -> Case:
        marks = [d for d in node.decorator_list if _called(d) in ("mistake", "alternative")]
        if len(marks) != 1 or not isinstance(marks[0], ast.Call):
            raise self.error(node, f"{node.name!r} needs one of @mistake(...), @alternative(...)")
        mark = marks[0]
        if mark is not node.decorator_list[0]:
            raise self.error(node, f"@{_called(mark)}(...) must be the first decorator")
        parts: dict[str, str] = {}
        preamble: list[str] = []
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                if isinstance(child, Definition):
                    if child.name in parts:
                        raise self.error(child, f"{child.name!r} is defined twice in this case")
                    parts[child.name] = self.text(first_line(child), child.end_lineno)
                elif not _is_string(child) and not isinstance(child, ast.Pass):
                    preamble.append(self.text(child.lineno, child.end_lineno))
        else:
            after_mark = (mark.end_lineno or mark.lineno) + 1
            parts[node.name] = self.text(after_mark, node.end_lineno)
        if _called(mark) == "mistake":
            given = self.arguments(mark, mistake, {"title", "check", "diagnosis"}, {"diagnosis"})
            checks = given["check"]
            given["checks"] = (checks,) if isinstance(checks, str) else tuple(checks)
            if not given["checks"]:
                raise self.error(mark, "check= names no check")
        else:
            given = self.arguments(mark, alternative, {"title"}, set())
        title = given["title"]
        if any(other.title == title for other in self.cases):
            raise self.error(mark, f"there is another case called {title!r}")
        return Case(
            kind="mistake" if _called(mark) == "mistake" else "alternative",
            title=title,
            parts=parts,
            where=self.where(mark),
            checks=given.get("checks", ()),
            diagnosis=given.get("diagnosis"),
            preamble="\n".join(preamble),
        )

    def equivalent(self, call: ast.Call) -> Equivalent:
        if _called(call) != "equivalent":
            raise self.error(call, "only imports, cases and equivalent(...) may stand here")
        given = self.arguments(call, equivalent, {"function", "old", "new", "why"}, set())
        return Equivalent(**given, where=self.where(call))

    def arguments(
        self, call: ast.Call, of: Callable[..., Any], names: set[str], optional: set[str]
    ) -> dict[str, Any]:
        """The arguments of a call by name: literal strings, and for `check` also tuples of them."""
        positional = [n for n in of.__code__.co_varnames[: of.__code__.co_argcount] if n in names]
        pairs: list[tuple[str | None, ast.expr]] = [
            *zip(positional, call.args, strict=False),
            *((keyword.arg, keyword.value) for keyword in call.keywords),
        ]
        if len(call.args) > len(positional):
            raise self.error(call, f"{of.__name__}() takes {', '.join(positional)} by position")
        given: dict[str, Any] = {}
        for name, value in pairs:
            if name not in names:
                raise self.error(call, f"{of.__name__}() has no argument {name!r}")
            try:
                given[name] = ast.literal_eval(value)
            except ValueError:
                raise self.error(value, f"{name} must be a literal") from None
            strings = given[name] if name == "check" else [given[name]]
            strings = [strings] if isinstance(strings, str) else strings
            if not isinstance(strings, list | tuple) or not all(
                isinstance(s, str) and s.strip() for s in strings
            ):
                raise self.error(value, f"{name} must be a non-empty string")
        missing = names - optional - set(given)
        if missing:
            raise self.error(call, f"{of.__name__}() needs {', '.join(sorted(missing))}=")
        return given

    def text(self, first: int, last: int | None) -> str:
        return textwrap.dedent("\n".join(self.lines[first - 1 : last]))

    def where(self, node: ast.AST) -> str:
        return f"{shown(self.path)}:{getattr(node, 'lineno', 1)}"

    def error(self, node: ast.AST, text: str) -> CaseError:
        return CaseError(f"{self.where(node)}: {text}")


def _called(node: ast.expr) -> str:
    """The last name of what a call calls, "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
