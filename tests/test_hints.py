"""Hints from the student who asks for one to the instructor who reads how many did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

COURSE = """\
title: A course
isolation: process
topics:
  - {id: other, title: Another topic, points: 1}
"""
EVIL = "<script>alert(1)</script>"
HOSTILE = f"""
# hints used in tiny: {EVIL} 3, scale_forward 3
# hints used in tiny: scale_backward 2, scale_forward 1, nothing 3, scale_forward 9
# hints used in mlp: scale_backward 3
# hints used in tiny: {"a" * 100_000}
"""


def gradus(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "gradus", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with the topic that `gradus new` makes, and in home/ what its students unpack."""
    root = tmp_path_factory.mktemp("course")
    (root / "course.yaml").write_text(COURSE)
    gradus(root, "new", "tiny")
    gradus(root, "build", "tiny", "--target", "student")
    zipfile.ZipFile(root / "dist/student/tiny.zip").extractall(root / "home")
    return root


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_file_says_in_its_last_line_which_hints_were_used(course: Path, end: bytes) -> None:
    file, home = course / "home/tiny/tiny.py", course / "home"
    os.utime(home / "tiny/tiny.ipynb", (0, 0))
    (home / ".gradus/hints.json").unlink(missing_ok=True)
    written = file.read_bytes().split(b"# hints used")[0].replace(b"\r\n", b"\n")
    written = written.rstrip().replace(b"\n", end)
    file.write_bytes(written)
    for number in (b"1", b"2", b"3", b"3"):
        said = gradus(home, "hint", "tiny", "scale_forward")
        assert "the last line of tiny.py says which hints were used" in " ".join(said.split())
        line = b"# hints used in tiny: scale_forward " + number
        assert file.read_bytes() == written + end + line + end
    gradus(home, "hint", "tiny", "scale_backward", "--all")  # as a teacher reads them
    assert file.read_bytes() == written + end + line + end


def test_a_notebook_that_may_be_open_is_left_alone(course: Path) -> None:
    book, home = course / "home/tiny/tiny.ipynb", course / "home"
    os.utime(home / "tiny/tiny.py", (0, 0))
    os.utime(book)
    before = [path.read_bytes() for path in sorted(book.parent.glob("tiny.*"))]
    said = gradus(home, "hint", "tiny", "scale_backward")
    assert "the next check in tiny.ipynb says which hints were used" in " ".join(said.split())
    assert [path.read_bytes() for path in sorted(book.parent.glob("tiny.*"))] == before


def test_what_the_files_say_comes_to_the_instructor_as_numbers(course: Path) -> None:
    stub = (course / "assignments/tiny/tiny.py").read_text()
    line = "# hints used in tiny: scale_forward 1, scale_backward 2\n"
    output = {"output_type": "stream", "name": "stdout", "text": ["not yet\n", line]}
    cell = {"cell_type": "code", "source": stub, "metadata": {}, "outputs": [output]}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    handed_in = {"ada.py": stub + line, "emmy.ipynb": json.dumps(book), "eve.py": stub + HOSTILE}
    (course / "in").mkdir()
    for name, text in {**handed_in, "kurt.py": stub}.items():
        (course / "in" / name).write_text(text)
    gradus(course, "grade", "tiny", "in", "--workers", "1")
    results = {f.stem: json.loads(f.read_text()) for f in (course / "results/tiny").glob("*.json")}
    both = {"scale_forward": 1, "scale_backward": 2}
    found = {name: result.get("hints") for name, result in results.items()}
    assert found == {"ada": both, "emmy": both, "eve": both, "kurt": None}
    assert len({result["score"] for result in results.values()}) == 1
    gradus(course, "report", "results", "--html", "report")
    page = (course / "report/tiny.html").read_text()
    counts = ('<td class="n">3</td>' * 2) + '<td class="n">0</td>'
    assert f"<td><code>scale_backward</code></td>{counts}" in page
    page = (course / "report/students/eve.html").read_text()
    assert "as the file says: scale_backward 2 of 3, scale_forward 1 of 3" in page
    assert "script" not in page

    entry = (course / "course.yaml").read_text()
    (course / "course.yaml").write_text(entry + "hints: false\n")
    gradus(course, "grade", "tiny", "in", "--force", "--workers", "1")
    assert "hints" not in json.loads((course / "results/tiny/ada.json").read_text())
