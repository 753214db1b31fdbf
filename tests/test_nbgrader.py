"""The real nbgrader, on what `gradus build` makes for it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from tiny import FORBIDDEN, SOLUTION, bundle, job, make_course, notebook

from gradus.course import Course
from gradus.files import write_tree
from gradus.jobs import Job
from gradus.notebook import require
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.nbgrader.grade import nbgrader_runs
from gradus.tools.nbgrader.gradebook import environment

GIVEN = ("README.md", "course.yaml", "test_tiny.py", "test_tiny.msgpack")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("course"))


def nbgrader(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def test_stock_nbgrader_gives_honest_submissions_their_score(course: Course) -> None:
    files = bundle(course, nbgrader_files, sandbox=False)
    runs = nbgrader_runs("tiny", files, [job("solution", SOLUTION), job("forbidden", FORBIDDEN)])
    assert {j.submission: score for j, score, _ in runs} == {"solution": 10, "forbidden": 5}


# nbgrader as its users type it.


def test_nbgrader_from_build_to_feedback(course: Course, tmp_path: Path) -> None:
    write_tree(tmp_path, bundle(course, nbgrader_files))
    nbgrader(tmp_path, "db", "student", "import", "students.csv")
    nbgrader(tmp_path, "generate_assignment", "tiny")
    release = nbformat.read(tmp_path / "release/tiny/tiny.ipynb", 4)
    assert [c.source for c in release.cells if "def times" in c.source] == [
        'def times(x):\n    """Seven times x, of any shape."""\n    raise NotImplementedError'
    ]
    tests = [c for c in release.cells if c.metadata.get("nbgrader", {}).get("grade")]
    text = [c for c in release.cells if c.cell_type == "markdown"]
    assert [c.metadata.nbgrader.points for c in tests] == [5, 5]
    assert all(c.metadata.nbgrader.locked for c in [*tests, *text])
    assert not list((tmp_path / "release").rglob("*secret*"))

    def hand_in(student: str, change) -> None:
        done = nbformat.read(tmp_path / "release/tiny/tiny.ipynb", 4)
        for cell in done.cells:
            for name in ("times", "dot"):
                if f"def {name}(" in cell.source:
                    cell.source = next(c for c in cut if f"def {name}(" in c)
        change(done)
        file = tmp_path / "submitted" / student / "tiny/tiny.ipynb"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(done))

    source = nbformat.read(tmp_path / "source/tiny/tiny.ipynb", 4)
    cut = [c.source for c in source.cells if c.metadata.get("nbgrader", {}).get("solution")]

    def half(nb) -> None:
        nb.cells.append(nbformat.v4.new_code_cell("scratch / 2"))
        for cell in nb.cells:
            cell.source = cell.source.replace("(x * y).sum()", "-(x * y).sum()")
            cell.source = cell.source.replace("factor() *", "3 *")

    def deleted(nb) -> None:
        nb.cells = [c for c in nb.cells if "check(" not in c.source and c.cell_type == "code"]

    def doubled(nb) -> None:
        nb.cells = [c for cell in nb.cells for c in (cell, cell)]

    def reordered(nb) -> None:
        nb.cells.reverse()

    def bulky(nb) -> None:
        nb.cells[1].outputs = [nbformat.v4.new_output("stream", text="x" * 50_000_000)]

    def edited(nb) -> None:
        for cell in nb.cells:
            if "check(" in cell.source:
                cell.source, cell.metadata.nbgrader["points"] = "500.0", 500

    def scripts(nb) -> None:
        """Each would run in the page that an instructor opens, or cost minutes."""
        script = "<script>steal()</script>"
        lexer = {"name": "python", "pygments_lexer": f'"></div>{script}'}
        nb.metadata = {"language_info": lexer, "title": script}
        raw = {"raw_mimetype": "text/html", "title": script}
        nb.cells += [
            nbformat.v4.new_markdown_cell(f"# mine\n\n{script} <img src=x onerror=steal()>"),
            nbformat.v4.new_markdown_cell(f"[mine](javascript:steal())\n\n$$\n{script}\n$$"),
            nbformat.v4.new_markdown_cell(f"```\n{script}\n```\n{script}"),
            nbformat.v4.new_raw_cell(script, metadata=raw),
            nbformat.v4.new_code_cell(f"print('{script}')", metadata={"tags": [script]}),
        ]
        nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text="") for _ in range(16_000)]
        nb.cells[1].outputs = [
            nbformat.v4.new_output("display_data", {"text/html": script}),
        ]

    def blank(nb) -> None:
        """What colours a page takes the square of such lines, at least."""
        nb.cells.append(nbformat.v4.new_code_cell(" \n" * 60_000 + "x = '\ud800'"))

    for change in (half, deleted, doubled, reordered, bulky, edited, scripts, blank):
        hand_in(change.__name__, change)
    hand_in("honest", lambda nb: None)
    # Links to what their owner may not read: a secret, a folder of them, and another's work.
    hand_in("links", lambda nb: None)
    secret = tmp_path / "hidden_tests/.salt"
    secret.write_text("the course's salt")
    mine = tmp_path / "submitted/links/tiny"
    (mine / "salt.txt").symlink_to(secret)
    (mine / "tests").symlink_to(secret.parent)
    (mine / "endless").symlink_to("/dev/zero")
    os.mkfifo(mine / "waits")
    (mine / "collected.txt").write_text(secret.read_text())  # a copy that followed a link
    copied = tmp_path / "submitted/copies/tiny/tiny.ipynb"
    copied.parent.mkdir(parents=True)
    copied.symlink_to(tmp_path / "submitted/honest/tiny/tiny.ipynb")
    # The same by a folder: the solution, and all of another's.
    (tmp_path / "submitted/whole").mkdir()
    (tmp_path / "submitted/whole/tiny").symlink_to(tmp_path / "source/tiny")
    (tmp_path / "submitted/borrows").symlink_to(tmp_path / "submitted/honest")
    for name in ("sub/timestamp.txt", "[x]/leak.ipynb"):  # what nbgrader keeps wherever it lies
        (mine / name).parent.mkdir()
        (mine / name).write_text(secret.read_text())
    nbgrader(tmp_path, "autograde", "tiny")
    nbgrader(tmp_path, "export")
    with open(tmp_path / "grades.csv") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {
        "half": 2,
        "deleted": 10,
        "doubled": 10,
        "reordered": 10,
        "bulky": 10,
        "edited": 10,
        "scripts": 10,
        "honest": 10,
        "links": 10,
        "copies": 0,
        "whole": 0,
        "borrows": 0,
        "blank": 10,
    }
    assert (tmp_path / "submitted/honest/tiny/tiny.ipynb").is_file()
    assert (rows["honest"]["first_name"], rows["honest"]["max_score"]) == ("Ada", "10.0")
    nbgrader(tmp_path, "generate_feedback", "tiny")
    page = (tmp_path / "feedback/half/tiny/tiny.html").read_text()
    assert "the sign is wrong" in page
    contents = page[page.index('id="toc"') : page.index("</ol>")]
    scores = re.findall(r"<code>(\w+)</code></a> \(Score: ([\d.]+ / [\d.]+)\)", contents)
    assert scores == [("times", "0.0 / 5.0"), ("dot", "2.0 / 5.0")]
    assert "Test cell" not in contents
    assert page.count("2 more points are given by hidden checks") == 1
    assert page.count("was passed over") == 1  # said once, not below every function
    assert "no student should read" not in page
    for student in ("half", "links", "copies", "whole", "borrows"):
        files = [path for path in (tmp_path / "feedback" / student).rglob("*") if path.is_file()]
        assert {path.name for path in files} == {"tiny.html", *GIVEN}
        assert not any(b"the course's salt" in path.read_bytes() for path in files)
    for student in ("copies", "whole", "borrows"):
        page = (tmp_path / "feedback" / student / "tiny/tiny.html").read_text()
        assert "could not be read" in page
        assert "def times" not in page
    page = (tmp_path / "feedback/scripts/tiny/tiny.html").read_text()
    assert "# mine" in page
    assert not re.search("<script>steal|<img[^>]*onerror|href=.javascript:", page)


def test_no_submission_ends_the_run(course: Course) -> None:
    """By a line that looks like nbgrader's own, by what Python's parser has no room for, by parts
    that nbformat has none for."""
    key = "[AutogradeApp | INFO] Creating/updating student with ID '9'"
    forged = json.loads(notebook(SOLUTION))
    forged["cells"][0] |= {key: 1, f"x\n{key}": 1}
    forged["cells"][0]["source"] += f"\nimport sys\nprint({key!r}, file=sys.stderr)"
    jobs = [
        Job("forged", "tiny.ipynb", json.dumps(forged).encode()),
        job("deep", "-" * 100_000 + "1"),
        job("long", "1\n" * 100_000),
        job("solution", SOLUTION.replace("\n\n", "\n\f\n")),
    ]
    runs = nbgrader_runs("tiny", bundle(course, nbgrader_files), jobs)
    assert {j.submission: score for j, score, _ in runs} == {
        "forged": 10,
        "deep": 0,
        "long": 0,
        "solution": 10,
    }


def test_a_gradebook_elsewhere_is_passed_through(course: Course) -> None:
    url = "postgresql://nbgrader:secret@db.example.org/gradebook"
    other = course.model_copy(
        update={"nbgrader": course.nbgrader.model_copy(update={"database": url})}
    )
    other._file = course.file
    assert f"db_url = {url!r}" in bundle(other, nbgrader_files)["nbgrader_config.py"].decode()


# The student's own notebook.


def test_check_in_a_kernel_judges_what_the_cells_define(course: Course, tmp_path: Path) -> None:
    from nbclient import NotebookClient

    made = bundle(course, nbgrader_files).items()
    given = {n.removeprefix("source/tiny/"): d for n, d in made if n.startswith("source/tiny/")}
    write_tree(tmp_path, given)
    check = 'from gradus.notebook import check\ncheck("tiny", "times", points=5)'
    nb = nbformat.reads(
        notebook(
            "import torch\ndef times(x):\n    return 6 * x",
            check,
            "def times(x):\n    return 7 * x",
            check,
            'check("tiny", "dot", points=5)',
        ).decode(),
        4,
    )
    NotebookClient(
        nb, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3"
    ).execute()
    wrong, right, hidden = (nb.cells[i].outputs for i in (1, 3, 4))
    assert [o.output_type for o in wrong] == ["stream", "execute_result"]
    assert wrong[0].name == "stdout"
    assert "1.1667 times too small" in wrong[0].text
    assert wrong[1].data["text/plain"] == "0.0"
    # No full marks while hidden checks are open; nor fewer, or `nbgrader validate` would complain.
    assert [o.output_type for o in right] == ["stream"]
    more = "3/3 of the visible checks; 2 more points are given by hidden checks"
    assert more in right[0].text
    assert "".join(o.text for o in hidden) == "dot is judged by hidden checks only\n"


def test_a_check_that_was_not_run_is_no_pass() -> None:
    with pytest.raises(AssertionError, match="was not run"):
        require("tiny", "times", "test_times")  # there is no kernel here, and so no cells
