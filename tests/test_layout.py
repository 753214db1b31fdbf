"""Imports run downwards only, those inside functions and for type checkers included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gradus

PACKAGE = Path(gradus.__file__).parent
ROOT = Path(__file__).resolve().parent.parent
# From the top down. What stands on one line is one part, separated by | are parts that do not know
# each other. A part imports itself, what is below it, and the nouns.
ORDER = """
    cli __main__
    commands
    report | audit | release
    notebook | tools.engine
    tools.gradescope | tools.otter | tools.nbgrader
    tools
    grading | drawing
    inbox
    mistakes
    checks
    student link clock errors uses
    sandbox
    inside
    wire
"""
NOUNS = [
    "course",
    "digests",
    "distribution",
    "solution",
    "results",
    "jobs",
    "files",
    "rendering",
    "terminal",
    "progress",
    "__init__",
]
WITHOUT_NOUNS = ("inside", "wire")  # run within the wall, where only they are to be seen
LINES = [[part.split() for part in line.split("|")] for line in ORDER.strip().splitlines()]
HEIGHT = {name: -n for n, line in enumerate(LINES) for part in line for name in part}
PARTS = {name: part[0] for line in LINES for part in line for name in part}


def part(module: str) -> str:
    """The longest name in ORDER or NOUNS that `module` ("tools.otter.bundle") lies in."""
    names = module.split(".")
    for end in range(len(names), 0, -1):
        if (name := ".".join(names[:end])) in {*HEIGHT, *NOUNS}:
            return name
    raise LookupError(f"{module} has no place in the order of tests/test_layout.py")


def modules() -> Iterator[tuple[str, Path]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        names = file.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(names[:-1] if names[-1] == "__init__" and names[1:] else names), file


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and name within the package of everything of ours that `file` imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "gradus":
                inner = name.removeprefix("gradus").removeprefix(".")
                yield node.lineno, inner if inner and inner[0] != "_" else "__init__"


def allowed(importer: str, other: str) -> bool:
    mine, theirs = part(importer), part(other)
    if theirs in NOUNS:
        return mine not in WITHOUT_NOUNS
    if mine in NOUNS:
        return False
    return PARTS[mine] == PARTS[theirs] or HEIGHT[theirs] < HEIGHT[mine]


@pytest.mark.parametrize(("module", "file"), list(modules()), ids=lambda value: str(value))
def test_imports_run_downwards(module: str, file: Path) -> None:
    upwards = [f"line {n}: {name}" for n, name in imported(file) if not allowed(module, name)]
    assert not upwards


def test_inside_imports_nothing_of_ours_but_wire() -> None:
    for module, file in modules():
        if part(module) in WITHOUT_NOUNS:
            assert {part(name) for _, name in imported(file)} <= {"inside", "wire"}, module


def test_the_order_names_nothing_that_is_gone() -> None:
    assert {part(module) for module, _ in modules()} == {*HEIGHT, *NOUNS}


def test_an_upward_import_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("def f():\n    from gradus.tools.engine import engine\n")
    assert list(imported(file)) == [(2, "tools.engine.engine")]
    assert not allowed("grading.grade", "tools.engine.engine")
    assert not allowed("tools.otter.grade", "tools.nbgrader.gradebook")
    assert not allowed("inside.worker", "course")
    assert not allowed("course", "grading")
    assert allowed("commands.grade", "tools.engine.engine")


def test_nothing_sends_people_to_somebody_elses_package():
    """On the public index `gradus` is not this one."""
    kinds = {".py", ".md", ".j2", ".sh", ".toml", ".ipynb", ".yaml"}
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for folder in ("autograder", "docs", "assignments", ".")
        for path in (ROOT / folder).glob("*" if folder == "." else "**/*")
        if path.suffix in kinds
    }
    assert len(texts) > 100
    for name, text in texts.items():
        assert not re.search(r"pip install [^\n]*?\bgradus\b(?!-autograder)", text), name
        assert not re.search(r"\bgradus(\[\w+\])? ?(@|[=~]=)", text), name  # as a requirement
