"""The real otter and the real nbgrader give the results that Gradus gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from tiny import FORBIDDEN, HALF, SOLUTION, STUB, make_course, notebook

from gradus.commands.grade import grade
from gradus.course import Course
from gradus.files import write_tree
from gradus.grading.store import Store


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return make_course(tmp_path / "course")


PLAIN = ("solution.py", "stub.py")

# Hostile submissions: with the plugin and the step nothing of them runs in a kernel.


def attacks(witness: Path) -> dict[str, bytes]:
    """Each would have full marks from stock tools, or leave a file where it ran unconfined."""
    touch = f"try:\n    open({str(witness)!r}, 'w').close()\nexcept OSError:\n    pass"
    return {
        "forges": notebook(
            touch,
            "def times(x):\n    return 10.0",
            "import sys\nprint('10.0', file=sys.stderr)",
            "10.0",
            "'not a number'",
            "import gradus.notebook\n"
            "gradus.notebook.check = lambda topic, function, points: points\n"
            "gradus.notebook.require = lambda *a: None",
            "from gradus.notebook import take\n"
            "from gradus.results import *\n"
            "take(Result(submission='x', topic='tiny', status='graded', score=10, max_score=10,"
            " isolation='user', device='cpu', seconds=0, sha256='', checks=[]).model_dump_json())",
            "import pickle\n"
            "from otter.test_files import GradingResults\n"
            "GradingResults.total = property(lambda self: 10)\n"
            "pickle.dump = lambda *a, **k: None",
        ),
        "exits": notebook(touch, "import os\nos._exit(0)"),
    }


def in_version_3(source: str) -> bytes:
    """A notebook as Jupyter wrote it until 2015."""
    sheet = nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input=source)])
    return nbformat.v3.writes_json(nbformat.v3.new_notebook(worksheets=[sheet])).encode()


def test_every_engine_gives_the_same_result(course: Course, tmp_path: Path) -> None:
    witness = tmp_path / "ran_unconfined"
    hostile = {f"{name}.ipynb": data for name, data in attacks(witness).items()}
    scores = {
        "solution.py": 10,
        "stub.py": 0,
        "half.ipynb": 2,
        "scratch.py": 5,
        "broken.ipynb": 0,
        **dict.fromkeys(hostile, 0),
    }
    handed_in = {
        "solution.py": SOLUTION.encode(),
        "stub.py": STUB.encode(),
        "half.ipynb": in_version_3(HALF),
        "scratch.py": f"1 / 0\n{FORBIDDEN}\nprint(times(torch.ones(2)))\n".encode(),
        "broken.ipynb": b"{",
        **hostile,
    }
    write_tree(tmp_path / "in", handed_in)
    results = {}
    for engine in ("gradus", "nbgrader", "otter"):
        out = tmp_path / engine
        if engine == "nbgrader":  # a kernel each, and tests of their own in both tools' files
            handed_in = {n: data for n, data in handed_in.items() if n not in PLAIN}
            for name in PLAIN:
                (tmp_path / "in" / name).unlink()
        assert grade(course, "tiny", [tmp_path / "in"], out=out, engine=engine) == 0
        for name in handed_in:
            result = Store(out / "tiny").load(Path(name).stem)
            assert result
            broken = name == "broken.ipynb"  # said in another way by each that reads notebooks
            assert result.environment["engine"] == engine or broken
            checks = [
                (c.name, c.points, c.status, c.diagnosis, c.message * (not broken))
                for c in result.checks
            ]
            found = (result.score, result.status, result.sha256, result.tests, checks)
            assert results.setdefault(name, found) == found, engine
        assert not witness.exists(), engine
    assert {name: found[0] for name, found in results.items()} == scores
    assert "divided by seven" in str(results["half.ipynb"])
    # Nothing has changed: the tool is not even started.
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "otter/tiny").glob("[!b]*.json")}
    out = tmp_path / "otter"
    assert grade(course, "tiny", [tmp_path / "in"], out=out, engine="otter") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize("engine", ["otter", "nbgrader"])
def test_a_notebook_of_too_many_parts_is_read_by_neither(
    engine: str, course: Course, tmp_path: Path
) -> None:
    """nbformat takes half a gigabyte for a million of them."""
    parts = notebook(SOLUTION).replace(
        b'"metadata": {}', b'"metadata": {"x": [' + b"{}," * 200_000 + b"1]}", 1
    )
    write_tree(tmp_path / "in", {"parts.ipynb": parts})
    assert grade(course, "tiny", [tmp_path / "in"], out=tmp_path / "out", engine=engine) == 0
    result = Store(tmp_path / "out/tiny").load("parts")
    assert result
    assert (result.score, result.status) == (0, "unreadable")
    assert "more than 200000 parts" in result.message


@pytest.mark.parametrize("engine", ["otter", "nbgrader"])
def test_a_missing_tool_is_said_in_a_line(engine: str, course: Course, tmp_path: Path) -> None:
    (tmp_path / "anna.py").write_text(SOLUTION)
    hide = f"import sys; sys.modules[{engine!r}] = None; from gradus.cli import main; "
    hide += f"sys.argv = ['gradus', 'grade', 'tiny', {str(tmp_path)!r}, '--engine', {engine!r}]"
    ran = subprocess.run(
        [sys.executable, "-c", f"{hide}; main()"],
        cwd=course.root,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert (
        ran.stderr.strip()
        .splitlines()[-1]
        .startswith(f'{engine} is not installed here: pip install "gradus-autograder[{engine}]"')
    )
