"""What a topic is beside its stubs: text, hints, an experiment, a figure, its page on the site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gradus.audit.whole import SECTIONS, missing_of
from gradus.course import load_course
from gradus.report.site import make_site
from gradus.solution import HINTS, Solution, without_marks

ROOT = Path(__file__).resolve().parent.parent
COURSE = load_course(ROOT / "course.yaml")
TEMPLATE = ROOT / "autograder/gradus/release/template/solution.py.txt"
IDS = [topic.id for topic in COURSE.topics]


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


@pytest.mark.parametrize("id", IDS)
def test_every_topic_is_whole_and_rated_by_the_rule(id: str) -> None:
    topic = COURSE.topic(id)
    solution = Solution.read(COURSE.solution(topic))
    assert [s for s in solution.sections() if s in SECTIONS] == list(SECTIONS)
    assert solution.hints()  # that the rest is there, and works, the audit asks
    amount = 15 + 4 * len(solution.functions()) + 0.8 * len(solution.marked_lines())
    assert topic.minutes == 5 * round(amount * (0.7 + 0.1 * topic.difficulty) / 5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("**Afterwards you can**", "You can", "no paragraph begins with **Afterwards you can**"),
        ("# ## By hand", "# ## On paper", "no section '## By hand'"),
        ("# ## Read on", "# ## Read", "no section '## Read on'"),
        ("doi:10.1007/3-540-49430-8_2", "", "names no paper"),
        ("# 3. Multiply the two", "# Multiply the two", "2 hints for scale_forward, not 3"),
        ("torch repeats w", "`x * w.repeat(2)` repeats w", "shows code: `x * w.repeat(2)`"),
        ("# ## scale_backward\n", "# ## scale\n", "hints for scale, which students do not write"),
        ("def figure(", "def picture(", "figure(quick=True) raises LookupError"),
        ("    return drawn\n", "", "figure(quick=True) must return a figure"),
        ("    return rows\n", "    return rows[:1]\n", "must return a list of rows"),
        ("scale_forward(circle, torch.tensor(w))", "circle, None", "figure calls no function"),
        ("dw.max().item()", "dw.item()", "experiment(quick=True) raises RuntimeError"),
    ],
)
def test_what_a_topic_lacks_is_said(old: str, new: str, said: str) -> None:
    text = TEMPLATE.read_text()
    by_hand = "begins with no call with small whole numbers"
    assert [by_hand in line for line in missing_of(Solution(text), "T", None)] == [True]
    assert old in text
    found = list(missing_of(Solution(text.replace(old, new)), "T", None))
    assert any(said in line for line in found), found


def test_a_topic_with_nothing_of_it_is_left_alone() -> None:
    assert not list(missing_of(Solution("# %% [markdown]\n# # T\n\n# %%\nx = 1\n"), "T", None))


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
    assert "gradus check perceptron Perceptron, the next topic" in words


def test_the_notebook_checks_and_shows_in_a_kernel(folder: Path) -> None:
    """As a student runs it, from top to bottom, in the folder that was unpacked."""
    book = nbformat.read(folder / "lr_schedules/lr_schedules.ipynb", as_version=4)
    solution = Solution.read(ROOT / "solutions/lr_schedules.py")
    written = without_marks(solution.text.replace("quick=False", "quick=True"))
    stub = next(c for c in book.cells if "raise NotImplementedError" in c.source)
    stub.source = written
    resources = {"metadata": {"path": str(folder / "lr_schedules")}}
    NotebookClient(book, kernel_name="python3", timeout=120, resources=resources).execute()
    outputs = {c.source: c.outputs for c in book.cells if c.cell_type == "code"}
    functions = [function.name for function in solution.functions()]
    for function in functions:
        (said,) = outputs[f'check("lr_schedules", "{function}")']
        assert "✔" in said.text, said.text
    assert "image/png" in outputs['show("lr_schedules", "figure")'][-1].data
    assert "<table>" in outputs['show("lr_schedules", "experiment")'][-1].data["text/html"]


class Links(HTMLParser):
    """What a page refers to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attributes if key in ("href", "src") and value]


def test_the_site_has_a_page_for_each_topic_and_needs_no_network(tmp_path: Path) -> None:
    two = [COURSE.topic("gradient_descent"), COURSE.topic("lr_schedules")]
    course = COURSE.model_copy(update={"topics": [two[0].model_copy(update={"needs": []}), two[1]]})
    course._file = COURSE.file
    made: list[str] = []
    make_site(course, tmp_path, made.append, quick=True)
    assert made == [topic.title for topic in two]
    for page in ("index.html", "gradient_descent.html", "lr_schedules.html"):
        links = Links()
        links.feed((tmp_path / page).read_text())
        inside = [link for link in links.found if not link.startswith(("#", "https://", "data:"))]
        for link in inside:
            target = re.split(r"[?#]", link)[0]
            assert (tmp_path / target).is_file(), link
        text = (tmp_path / page).read_text()
        assert not re.search(r'(src|<link[^>]*href)="https?://', text)
        assert "BEGIN SOLUTION" not in text
    assert list((tmp_path / "_images").glob("*.png"))
