"""`gradus doctor`: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gradus.course import Course, UsageError, find_course, load_course, shown
from gradus.distribution import pip_install
from gradus.sandbox.levels import available_levels


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `ok` is None where neither answer is a fault."""

    subject: str
    ok: bool | None
    detail: str


def doctor() -> None:
    """Print what was found, as a table."""
    Console().print(report(examine(course_here())))


def examine(course: Course | None) -> Iterator[Finding]:
    """Look at everything that grading, releasing and checking may need."""
    yield Finding(
        "Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    yield from _torch()
    yield from _isolation(course)
    yield _package("notebooks", "jupytext", "nbformat", extra="instructor")
    bsdtar = shutil.which("bsdtar")
    missing = "bsdtar is not installed (apt install libarchive-tools)"
    yield Finding(".7z archives", True if bsdtar else None, bsdtar or missing)
    yield _package("figures", "matplotlib", extra="student")
    yield _package("mutants for gradus audit", "cosmic_ray", extra="instructor")
    yield _torchvision()
    yield _tool("otter", "otter-grader", extra="otter")
    yield _tool("nbgrader", "nbgrader", extra="nbgrader")
    if course is not None:
        yield _salt(course)


def report(findings: Iterator[Finding]) -> Table:
    """The findings as a table."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    marks = {True: "[green]✔[/]", False: "[red]✘[/]", None: "·"}
    for finding in findings:
        table.add_row(marks[finding.ok], finding.subject, escape(finding.detail))
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
        yield Finding("torch", False, f"{error}: pip install torch")
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


def _package(subject: str, *modules: str, extra: str) -> Finding:
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        return Finding(subject, False, f"{error}: {pip_install(extra)}")
    return Finding(subject, True, ", ".join(f"{m} {_version(m)}" for m in modules))


def _torchvision() -> Finding:
    from gradus.checks.data import torchvision_datasets

    try:
        torchvision_datasets()
    except (RuntimeError, ImportError) as error:
        return Finding("MNIST", None, str(error))
    data = os.environ.get("GRADUS_DATA")
    where = f"files from {data}" if data else "fetched when first asked for, or set GRADUS_DATA"
    return Finding("MNIST", True, f"torchvision {_version('torchvision')}; {where}")


def _tool(subject: str, package: str, extra: str) -> Finding:
    found = _version(package)
    detail = found or f"not installed: {pip_install(extra)}"
    return Finding(subject, True if found else None, detail)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _salt(course: Course) -> Finding:
    file = course.root / "hidden_tests" / ".salt"
    if os.environ.get("GRADUS_SALT"):
        return Finding("salt", True, "from GRADUS_SALT")
    if file.is_file():
        return Finding("salt", True, f"{shown(file)}: keep it, or scores cannot be repeated")
    if file.parent.is_dir():
        return Finding("salt", None, f"{shown(file)} is made when you first grade")
    return Finding("salt", None, "none, and none needed: this is a student's copy")
