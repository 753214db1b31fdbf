"""hidden_tests/mistakes/T.py -> the mistakes, alternatives and equivalent mutants of a topic."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradus.course import UsageError, shown
from gradus.files import read_text

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Edit = tuple[str, str]


class MistakeError(UsageError):
    """A file of mistakes is wrong; the message is one line and begins with file:line."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: edits of one function, or whole functions and classes in `parts`.

    `function` is the one whose checks must notice, `says` what a student reads, "" where a
    general diagnosis is enough.
    """

    function: str
    says: str
    where: str  # "mlp.py:12"
    edits: tuple[Edit, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)
    preamble: str = ""  # imports and constants in the body of a class

    @property
    def name(self) -> str:
        """What is wrong, in short."""
        return self.says.partition(":")[0] or self.where

    @property
    def changes_only_its_function(self) -> bool:
        """Whether every other function stays as it is."""
        return bool(self.edits) or set(self.parts) == {self.function}


@dataclass(frozen=True)
class Alternative:
    """A right answer, written differently."""

    title: str
    parts: dict[str, str]
    where: str
    preamble: str = ""


@dataclass(frozen=True)
class Equivalent:
    """A mutant that no test can catch, and why."""

    function: str
    old: str
    new: str
    why: str
    where: str


@dataclass(frozen=True)
class Mistakes:
    """All of one topic, in the order of the file."""

    mistakes: tuple[Mistake, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    equivalents: tuple[Equivalent, ...] = ()


def read_mistakes(path: Path) -> Mistakes:
    """Read a file of mistakes without running it; raises `MistakeError` where it is wrong."""
    source = read_text(path)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise MistakeError(f"{shown(path)}:{error.lineno}: {error.msg}") from None
    reader = _Reader(path, source.splitlines())
    for node in tree.body:
        reader.statement(node)
    return Mistakes(tuple(reader.mistakes), tuple(reader.alternatives), tuple(reader.equivalents))


@dataclass
class _Reader:
    path: Path
    lines: list[str]
    mistakes: list[Mistake] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    equivalents: list[Equivalent] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # NAME = "a sentence of several functions"

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, Definition):
            self.answer(node)
        elif isinstance(node, ast.Assign) and isinstance(_literal(node.value, {}), str):
            self.texts |= {ast.unparse(name): _literal(node.value, {}) for name in node.targets}
        elif isinstance(node, ast.Assign) and _called(node.value) == "mistakes":
            self.mistakes += self.changes(node)
        elif isinstance(node, ast.Expr) and _called(node.value) == "equivalent":
            given = self.arguments(node.value, ("function", "edit", "why"))
            old, new = self.edit(node, given.pop("edit"))
            self.equivalents.append(Equivalent(**given, old=old, new=new, where=self.where(node)))
        elif not isinstance(node, ast.Import | ast.ImportFrom) and not _is_string(node):
            what = "f = mistakes(...), @mistake, @alternative, equivalent(...), a text or an import"
            raise self.error(node, f"only {what} may stand here")

    def changes(self, node: ast.Assign) -> Iterator[Mistake]:
        """`f = mistakes(...)`, or `f = g = mistakes(...)` where they have the lines in common."""
        assert isinstance(node.value, ast.Call)
        if not all(isinstance(target, ast.Name) for target in node.targets):
            raise self.error(node, "mistakes(...) is assigned to the function's name")
        for call in node.value.args:
            if _called(call) != "change":
                raise self.error(call, "mistakes(...) holds change(...) only")
            given = self.arguments(call, ("edit",), ("says", "also"))
            says, where = given.get("says", ""), self.where(call)
            also = self.edits(call, given.get("also", ()))
            for target in node.targets:
                for edit in self.edits(call, given["edit"]):
                    yield Mistake(ast.unparse(target), says, where, (edit, *also))

    def edits(self, node: ast.AST, texts: Any) -> tuple[Edit, ...]:
        """All edits; one without an arrow changes what the one before it changes."""
        found: list[Edit] = []
        for text in texts if isinstance(texts, tuple) else (texts,):
            if found and isinstance(text, str) and " -> " not in text:
                found.append((found[-1][0], text))
            else:
                found.append(self.edit(node, text))
        return tuple(found)

    def edit(self, node: ast.AST, text: Any) -> Edit:
        old, arrow, new = text.partition(" -> ") if isinstance(text, str) else ("", "", "")
        if not old or not arrow:
            raise self.error(node, f"'old -> new' is asked for, got {text!r}")
        return old, new

    def answer(self, node: Definition) -> None:
        mark = node.decorator_list[0] if node.decorator_list else None
        kind = _called(mark)
        if kind not in ("mistake", "alternative"):
            raise self.error(node, f"{node.name!r} needs @mistake(...) or @alternative(...) first")
        assert isinstance(mark, ast.Call)
        parts: dict[str, str] = {}
        preamble: list[str] = []
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                if isinstance(child, Definition):
                    parts[child.name] = self.text(_first_line(child), child.end_lineno)
                elif not _is_string(child) and not isinstance(child, ast.Pass):
                    preamble.append(self.text(child.lineno, child.end_lineno))
        else:
            parts[node.name] = self.text((mark.end_lineno or 0) + 1, node.end_lineno)
        if kind == "alternative":
            title = self.arguments(mark, ("title",))["title"]
            answer = Alternative(title, parts, self.where(mark), "\n".join(preamble))
            self.alternatives.append(answer)
            return
        given = self.arguments(mark, (), ("says", "of"))
        function = given.get("of") or next(iter(parts), "")
        says, where = given.get("says", ""), self.where(mark)
        self.mistakes.append(
            Mistake(function, says, where, parts=parts, preamble="\n".join(preamble))
        )

    def arguments(
        self, call: ast.expr, needed: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The arguments of a call by name; all are literals, or names of texts."""
        assert isinstance(call, ast.Call)
        names = (*needed, *optional)
        pairs = [
            *zip(names, call.args, strict=False),
            *((keyword.arg or "**", keyword.value) for keyword in call.keywords),
        ]
        if len(call.args) > len(names):
            raise self.error(call, f"{_called(call)}() takes {', '.join(names)}")
        given: dict[str, Any] = {}
        for name, value in pairs:
            if name not in names:
                raise self.error(call, f"{_called(call)}() has no argument {name!r}")
            given[name] = _literal(value, self.texts)
            if given[name] is None:
                raise self.error(value, f"{name} must be a literal")
        missing = set(needed) - set(given)
        if missing:
            raise self.error(call, f"{_called(call)}() needs {', '.join(sorted(missing))}")
        return given

    def text(self, first: int, last: int | None) -> str:
        return textwrap.dedent("\n".join(self.lines[first - 1 : last]))

    def where(self, node: ast.AST) -> str:
        return f"{shown(self.path)}:{getattr(node, 'lineno', 1)}"

    def error(self, node: ast.AST, text: str) -> MistakeError:
        return MistakeError(f"{self.where(node)}: {text}")


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _called(node: ast.expr | None) -> str:
    """The name of what a call calls, "" for anything else."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _literal(node: ast.expr, texts: dict[str, str]) -> Any:
    """The value of a literal or of a text's name; None for anything else."""
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
