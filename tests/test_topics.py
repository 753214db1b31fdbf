"""What a topic is beside its stubs: its parts, and its page on the site."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gradus.audit.whole import SECTIONS, missing_of
from gradus.course import load_course
from gradus.release.student import student_zip
from gradus.solution import Solution

ROOT = Path(__file__).resolve().parent.parent
COURSE = load_course(ROOT / "course.yaml")
TEMPLATE = ROOT / "autograder/gradus/release/template/solution.py.txt"
IDS = [topic.id for topic in COURSE.topics]
# kB of a student's archive; these have more numbers, or more mistakes, than fit into 60
SMALL = 60
LARGER = dict(layernorm=62, regularization=63, adam=70, activations=72, batchnorm=76, conv2d=84)
LARGER |= dict(transformer=110, cnn=188)


@pytest.mark.parametrize("id", IDS)
def test_every_topic_is_whole_and_rated_by_the_rule(id: str) -> None:
    topic = COURSE.topic(id)
    solution = Solution.read(COURSE.solution(topic))
    assert [s for s in solution.sections() if s in SECTIONS] == list(SECTIONS)
    assert solution.hints()  # that the rest is there, and works, the audit asks
    amount = 15 + 4 * len(solution.functions()) + 0.8 * len(solution.marked_lines())
    assert topic.minutes == 5 * round(amount * (0.7 + 0.1 * topic.difficulty) / 5)


@pytest.mark.parametrize("id", IDS)
def test_what_a_student_downloads_is_small(id: str) -> None:
    topic = COURSE.topic(id)
    folder = COURSE.assignment(topic)
    files = {path.name: path.read_bytes() for path in folder.glob("[!_]*.*")}
    archive = student_zip(topic, files, (ROOT / COURSE.assignments / "course.yaml").read_bytes())
    assert len(archive) < 1000 * LARGER.get(id, SMALL)


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


class Links(HTMLParser):
    """What a page refers to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attributes if key in ("href", "src") and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    two = ("gradient_descent", "lr_schedules")
    (root / "solutions").mkdir()
    for name in two:
        shutil.copy(ROOT / "solutions" / f"{name}.py", root / "solutions")
    entries = "\n".join(f"  - {{id: {name}, title: {name}, points: 1}}" for name in two)
    (root / "course.yaml").write_text(f"title: A course\ntopics:\n{entries}\n")
    command = [sys.executable, "-m", "gradus", "site", "--quick"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / "dist/site"


def test_the_site_has_a_page_for_each_topic_and_needs_no_network(site: Path) -> None:
    for page in ("index.html", "gradient_descent.html", "lr_schedules.html"):
        links = Links()
        links.feed((site / page).read_text())
        inside = [link for link in links.found if not link.startswith(("#", "https://", "data:"))]
        for link in inside:
            assert (site / re.split(r"[?#]", link)[0]).is_file(), link
        text = (site / page).read_text()
        assert not re.search(r'(src|<link[^>]*href)="https?://', text)
        assert "BEGIN SOLUTION" not in text
    assert len(list((site / "_images").glob("*.png"))) == 2


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
def test_a_browser_draws_every_formula(site: Path) -> None:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=9000"]
    page = (site / "lr_schedules.html").as_uri()
    done = subprocess.run(
        ["chromium", *options, "--dump-dom", page], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.count("<mjx-container") > 100
    assert "<mjx-merror" not in done.stdout
