"""At a student's desk: hints, the figure, the notebook. Runs on Windows and macOS, too."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gradus.solution import HINTS, Solution, without_marks

ROOT = Path(__file__).resolve().parent.parent


def gradus(folder: Path, *arguments: str):
    return subprocess.run(
        [sys.executable, "-m", "gradus", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80", "BROWSER": "true"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a student has."""
    shutil.copytree(ROOT / "assignments", tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_hints_come_one_at_a_time_and_are_remembered(folder: Path) -> None:
    first = gradus(folder, "hint", "mlp", "relu_backward")
    assert first.returncode == 0, first.stderr
    assert (HINTS[0] in first.stdout, HINTS[1] in first.stdout) == (True, False)
    second = gradus(folder, "hint", "mlp", "relu_backward").stdout
    assert HINTS[0] in second
    assert HINTS[1] in second
    used = json.loads((folder / ".gradus/hints.json").read_text())
    assert used == {"mlp": {"relu_backward": 2}}
    assert "relu_backward: 2 of 3" in gradus(folder, "hint", "mlp").stdout
    assert "no hints for 'relu'" in gradus(folder, "hint", "mlp", "relu").stderr
    given = folder / "course.yaml"
    given.write_text(given.read_text().replace("assignments: .", "assignments: .\nhints: false"))
    off = gradus(folder, "hint", "mlp", "relu_backward")
    assert (off.returncode, "gives no hints" in off.stderr) == (2, True)


def test_the_figure_is_drawn_by_what_is_written(folder: Path) -> None:
    (folder / "mlp/mlp.ipynb").unlink()
    early = gradus(folder, "show", "mlp")
    assert early.returncode == 2
    assert "not implemented yet" in early.stderr
    assert "`gradus check mlp` first" in early.stderr
    text = (ROOT / "solutions/mlp.py").read_text().replace("quick=False", "quick=True")
    (folder / "mlp/mlp.py").write_text(text)
    page = folder / "mlp.html"
    done = gradus(folder, "show", "mlp", "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert 'src="data:image/png;base64,' in page.read_text()
    assert "http" not in re.sub(r"base64,[^\"]*", "", page.read_text())
    table = gradus(folder, "show", "mlp", "experiment")
    assert "batch size" in table.stdout, table.stderr
    wrong = gradus(folder, "show", "mlp", "picture")
    assert wrong.returncode == 2


def test_who_passes_everything_reads_what_comes_next(folder: Path) -> None:
    (folder / "lr_schedules/lr_schedules.py").write_text(
        (ROOT / "solutions/lr_schedules.py").read_text()
    )
    (folder / "lr_schedules/lr_schedules.ipynb").unlink()
    done = gradus(folder, "check", "lr_schedules")
    assert done.returncode == 0, done.stdout
    words = " ".join(done.stdout.split())
    assert "You can now " in words
    assert "gradus show lr_schedules" in words
    assert "gradus check svd_embeddings Word vectors by counting, the next topic" in words


def test_the_notebook_checks_and_shows_in_a_kernel(folder: Path) -> None:
    """As a student runs it, from top to bottom, in the folder that was unpacked."""
    book = nbformat.read(folder / "lr_schedules/lr_schedules.ipynb", as_version=4)
    solution = Solution.read(ROOT / "solutions/lr_schedules.py")
    written = without_marks(solution.text.replace("quick=False", "quick=True"))
    first, *others = [c for c in book.cells if "raise NotImplementedError" in c.source]
    first.source = written
    used = solution.functions()[0].name
    gradus(folder, "hint", "lr_schedules", used)
    for cell in others:
        cell.source = "pass"
    resources = {"metadata": {"path": str(folder / "lr_schedules")}}
    NotebookClient(book, kernel_name="python3", timeout=120, resources=resources).execute()
    outputs = {c.source: c.outputs for c in book.cells if c.cell_type == "code"}
    functions, hidden = [function.name for function in solution.functions()], []
    for function in functions:
        (said,) = outputs[f'check("lr_schedules", "{function}")']
        assert "✔" in said.text, said.text
        assert f"# hints used in lr_schedules: {used} 1\n" in said.text
        hidden += re.findall(
            r"of the visible checks; (\d) more points? (?:is|are) given", said.text
        )
    assert sum(map(int, hidden)) == 2  # as `gradus check` says it of the whole topic
    assert "image/png" in outputs['show("lr_schedules", "figure")'][-1].data
    assert "<table>" in outputs['show("lr_schedules", "experiment")'][-1].data["text/html"]


def test_a_slip_in_the_syntax_costs_its_function_only(folder: Path) -> None:
    (folder / "mlp/mlp.ipynb").unlink()
    text = (ROOT / "solutions/mlp.py").read_text()
    line = 1 + text[: text.index("return dout * cache")].count("\n")
    (folder / "mlp/mlp.py").write_text(text.replace("return dout * cache", "return (dout * cache"))
    done = gradus(folder, "check", "mlp")
    words = " ".join(done.stdout.split())
    assert "✔ linear_backward" in words
    assert "✘ relu_backward SyntaxError: '(' was never closed (column 12)" in words
    assert f"mlp.py:{line}" in words
    (folder / "mlp/mlp.py").write_text("def f(:\n    pass\n")
    done = gradus(folder, "check", "mlp")
    assert "mlp.py: SyntaxError: invalid syntax (column 7): def f(:" in done.stdout
