"""The real otter, on what `gradus build` makes for it."""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packaging.utils import canonicalize_name
from tiny import SOLUTION, bundle, cells, job, make_course, notebook

from gradus.course import Course
from gradus.tools.otter.bundle import otter_files
from gradus.tools.otter.grade import otter_runs


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def otter(course: Course) -> dict[str, bytes]:
    return bundle(course, otter_files)


def test_otter_hands_out_stubs_and_public_tests_only(otter: dict[str, bytes]) -> None:
    student = {n: d for n, d in otter.items() if n.startswith("tiny/student/")}
    cells = nbformat.reads(student["tiny/student/tiny.ipynb"].decode(), 4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert [c for c in code if "def times" in c] == [
        'def times(x):\n    """Seven times x, of any shape."""\n    raise NotImplementedError'
    ]
    assert 'grader.check("times")' in code
    given = b"\n".join(student.values())
    assert b"secretly" not in given
    assert b"(x * y).sum()" not in given
    assert b"def factor" in given  # code that is no solution is theirs
    assert b"2 more points are given by hidden checks" in given  # who passes is told what is left


def test_otter_installs_this_package(otter: dict[str, bytes]) -> None:
    """pip refuses a wheel under another name than its own."""
    with zipfile.ZipFile(io.BytesIO(otter["tiny.zip"])) as archive:
        text = archive.read("environment.yml").decode()
        ((name, file),) = re.findall(r"- (\S+) @ file:///autograder/source/(\S+)", text)
        assert canonicalize_name(file.rpartition("/")[2].partition("-")[0]) == name
        assert file in archive.namelist()


def test_stock_otter_gives_an_honest_submission_its_score(course: Course) -> None:
    odd = "\\u200b" * 78 + ".ipynb"  # as the name of a file is written that may have 78 of them
    of_cells = replace(job("cells", notebook(*cells(SOLUTION))), filename=odd)
    stock = bundle(course, otter_files, plugin=False)["tiny.zip"]
    given = {j.submission: outcome[0] for j, outcome in otter_runs(stock, [of_cells], 2)}
    assert {name: sum(scores.values()) for name, scores in given.items()} == {"cells": 10}


class Opens:
    """A pickle of it leaves a file where it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_otter_reads_nothing_that_lies_beside_the_notebook(
    otter: dict[str, bytes], tmp_path: Path
) -> None:
    """A zip is unpacked where otter's kernel starts: its json.py would come before Python's."""
    witness = tmp_path / "imported"
    with zipfile.ZipFile(tmp_path / "handed_in.zip", "w") as archive:
        archive.writestr("tiny.ipynb", notebook("def times(x):\n    return 7 * x"))
        for name in ("dill", "otter", "ipykernel_launcher", "IPython/__init__", "nest/__init__"):
            archive.writestr(f"{name}.py", f"open({str(witness)!r}, 'w').close()")
        archive.writestr("hidden_tests/test_tiny.py", "")
        archive.writestr(".OTTER_LOG", pickle.dumps(Opens(str(witness))))
    (tmp_path / "autograder.zip").write_bytes(otter["tiny.zip"])
    command = [sys.executable, "-m", "otter", "run", "-a", "autograder.zip", "handed_in.zip"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    given = json.loads((tmp_path / "results.json").read_text())
    scores = {test["name"]: test["score"] for test in given["tests"] if "score" in test}
    assert scores == {"times": 5, "dot": 0}
    assert not witness.exists()
