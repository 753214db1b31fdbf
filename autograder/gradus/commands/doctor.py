"""`gradus doctor`: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradus.course import Course, UsageError, find_course, load_course, shown
from gradus.distribution import MODULES, lacking
from gradus.errors import one_line
from gradus.sandbox.levels import available_levels

NARROW = 72  # columns of a terminal, below which details have a line of their own


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `ok` is None where neither answer is a fault."""

    subject: str
    ok: bool | None
    detail: str


def doctor() -> None:
    """Print what was found, as a table."""
    course = course_here()
    with Console(stderr=True).status("looking at everything"):
        findings = list(examine(course))
    console = Console(highlight=False)
    console.print(report(findings, console.width))


def examine(course: Course | None) -> Iterator[Finding]:
    """Look at everything that grading, releasing and checking may need."""
    yield Finding(
        "Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    yield from _torch()
    yield from _isolation(course)
    bsdtar = shutil.which("bsdtar")
    missing = "bsdtar is not installed (apt install libarchive-tools)"
    yield Finding(".7z archives", True if bsdtar else None, bsdtar or missing)
    yield _extra("figures", "student")
    yield _extra("building, auditing", "instructor", "gradus.audit.operators")
    yield _extra("web site", "site")
    yield _torchvision()
    yield _extra("otter", "otter", "gradus.tools.otter.plugin")
    yield _nbgrader()
    if course is not None:
        yield _salt(course)


def report(findings: Iterable[Finding], width: int) -> Table:
    """The findings as a table; where it would be too narrow, details stand below their subjects."""
    table = Table.grid(padding=(0, 1))
    marks = {True: Text("✔", "green"), False: Text("✘", "red"), None: Text("·")}
    for finding in findings:
        detail = finding.detail.replace(": pip install", ":\npip install")  # to copy in one piece
        if width < NARROW:
            table.add_row(marks[finding.ok], Text(f"{finding.subject}\n{detail}"))
        else:
            table.add_row(marks[finding.ok], Text(finding.subject, no_wrap=True), Text(detail))
    return table


def course_here() -> Course | None:
    """The course of the working directory, or None outside of one; UsageError if it is wrong."""
    try:
        file = find_course()
    except UsageError:
        return None
    return load_course(file)


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except ImportError as error:
        yield Finding("torch", False, f"{one_line(str(error))}: install Gradus again")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("torch", True, f"{torch.__version__}, {cores} CPU cores")
    if torch.cuda.is_available():
        yield Finding("GPU", True, torch.cuda.get_device_name())
    else:
        yield Finding("GPU", None, "none that torch can use: everything runs on the CPU")


def _isolation(course: Course | None) -> Iterator[Finding]:
    levels = available_levels()
    for level, reason in levels.items():
        yield Finding(f"isolation: {level}", None if reason else True, reason or "available")
    if course is None:
        return
    order = list(levels)
    enough = [
        level
        for level, reason in levels.items()
        if not reason and order.index(level) >= order.index(course.isolation)
    ]
    yield Finding(
        "grading",
        bool(enough),
        f"at level {enough[-1]}; the course accepts {course.isolation} or stronger"
        if enough
        else f"the course accepts {course.isolation} or stronger, which this machine has not",
    )


def _extra(subject: str, extra: str, *ours: str) -> Finding:
    """Whether all that `extra` brings, and then our own modules for it, can be imported."""
    first, *_ = modules = MODULES[extra]
    if find_spec(first) is None:
        return Finding(subject, None, lacking(extra))
    if why := lacking(extra):
        return Finding(subject, False, why)
    for module in (*modules, *ours):
        try:
            importlib.import_module(module)
        except Exception as error:  # of whatever kind: it is anybody's package
            why = f"{module} cannot be imported: {type(error).__name__}: {one_line(str(error))}"
            return Finding(subject, False, why)
    number = getattr(importlib.import_module(first), "__version__", "")
    return Finding(subject, True, f"{first} {number}".rstrip())


def _nbgrader() -> Finding:
    found = _extra("nbgrader", "nbgrader", "gradus.tools.nbgrader.step")
    if not found.ok or shutil.which("alembic"):
        return found
    return replace(found, detail=f"{found.detail}; activate this environment before you call it")


def _torchvision() -> Finding:
    from gradus.checks.data import torchvision_datasets

    try:
        torchvision_datasets()
    except (RuntimeError, ImportError) as error:
        return Finding("MNIST", None, str(error))
    data = os.environ.get("GRADUS_DATA")
    where = f"files from {data}" if data else "fetched when first asked for, or set GRADUS_DATA"
    return Finding("MNIST", True, f"torchvision {version('torchvision')}; {where}")


def _salt(course: Course) -> Finding:
    file = course.root / "hidden_tests" / ".salt"
    if os.environ.get("GRADUS_SALT"):
        return Finding("salt", True, "from GRADUS_SALT")
    if file.is_file():
        return Finding("salt", True, f"{shown(file)}: keep it, or scores cannot be repeated")
    if file.parent.is_dir():
        return Finding("salt", None, f"{shown(file)} is made when you first grade")
    return Finding("salt", None, "none, and none needed: this is a student's copy")
