"""Throughput of the engines, side by side: `python benchmarks/engines.py [TOPIC]`

The same notebooks (the solution and mistakes of a topic, as nbgrader hands them out) are graded by
the commands that an instructor types: `gradus grade`, `otter run` (one submission at a time, as it
works), `nbgrader autograde` stock and with Gradus's step. A class is these notebooks over and over;
the slow engines get a smaller one. Wall-clock seconds a submission, and how many times the
throughput of the stock tool that is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table

from gradus.checks.session import list_checks
from gradus.course import find_course, load_course
from gradus.files import write_tree
from gradus.mistakes.prepare import sources_of
from gradus.mistakes.reference import Reference
from gradus.release.student import student_files
from gradus.solution import Solution
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.nbgrader.gradebook import environment
from gradus.tools.otter.bundle import otter_files
from gradus.tools.questions import question_cells

BIN = Path(sys.executable).parent
DISTINCT = 5  # notebooks
LARGE = 120  # a class for the fast engines


def run(*command: object, cwd: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment(), capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode()[-2000:])
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", nargs="?", default="mlp")
    course = load_course(find_course())
    topic = course.topic(parser.parse_args().topic)
    checks = list_checks(course.test_file(topic))
    given = student_files(course, topic, checks)
    sources = sources_of(course, topic)
    solution, reference = sources.solution, Reference(sources.solution)
    mistakes = sources.mistakes.mistakes
    step = max(1, len(mistakes) // (DISTINCT - 1))
    texts = [solution, *(reference.composed(reference.parts(m)) for m in mistakes[::step])][
        :DISTINCT
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, sandbox in (("stock", False), ("step", True)):
            files = nbgrader_files(course, topic, checks, given, sandbox=sandbox)
            write_tree(root / name, files)
            run(BIN / "nbgrader", "generate_assignment", topic.id, cwd=root / name)
        release = nbformat.read(root / "stock/release" / topic.id / f"{topic.id}.ipynb", 4)
        notebooks = [filled(release, text) for text in texts]
        rows = []

        def hand_in(base: Path, number: int, inner: str) -> None:
            for n in range(number):
                file = base / f"s{n:03}{inner}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(notebooks[n % DISTINCT])

        hand_in(root / "class", LARGE, ".ipynb")
        for workers in (1, len(os.sched_getaffinity(0))):
            shutil.rmtree(root / "results", ignore_errors=True)
            command = [BIN / "gradus", "grade", topic.id, root / "class", "--out", root / "results"]
            spent = run(*command, "--workers", workers, cwd=course.root)
            rows.append((f"gradus grade --workers {workers}", LARGE, spent))
        inner = f"/{topic.id}/{topic.id}.ipynb"
        hand_in(root / "step/submitted", LARGE, inner)
        spent = run(BIN / "nbgrader", "autograde", topic.id, cwd=root / "step")
        rows.append(("nbgrader autograde, Gradus's step", LARGE, spent))
        hand_in(root / "stock/submitted", 2 * DISTINCT, inner)
        stock = run(BIN / "nbgrader", "autograde", topic.id, cwd=root / "stock")
        rows.append(("nbgrader autograde, stock", 2 * DISTINCT, stock))
        spent = {}
        for name, plugin in (("Gradus's plugin", True), ("stock", False)):
            archive = otter_files(course, topic, checks, given, plugin=plugin)[f"{topic.id}.zip"]
            (root / "autograder.zip").write_bytes(archive)
            spent[name] = 0.0
            for n in range(DISTINCT):
                command = [BIN / "otter", "run", "-a", "autograder.zip", f"class/s{n:03}.ipynb"]
                spent[name] += run(*command, cwd=root)
            rows.append((f"otter run, {name}", DISTINCT, spent[name]))
        otter, nbgrader = spent["stock"] / DISTINCT, stock / (2 * DISTINCT)
        table = Table("engine", "submissions", "s each", "× otter run", "× nbgrader", box=None)
        for name, number, seconds in rows:
            each = seconds / number
            ratios = (f"{stock_tool / each:.1f}" for stock_tool in (otter, nbgrader))
            table.add_row(name, str(number), f"{each:.2f}", *ratios)
        Console(width=100).print(topic.id, table)


def filled(release: nbformat.NotebookNode, text: str) -> str:
    """nbgrader's student notebook with the functions of a submission written into it."""
    made = nbformat.from_dict(release)
    written = question_cells(Solution(text, "submission"), ())
    code = [cell.source for cell in written if cell.kind == "code"]
    (first, *_) = [c for c in made.cells if c.metadata.get("nbgrader", {}).get("solution")]
    for cell in made.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = ""
    first.source = "\n\n".join(code)
    return nbformat.writes(made)


if __name__ == "__main__":
    main()
