"""The real otter and the real nbgrader, on what `gradus build` makes for them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gradus.checks.session import list_checks
from gradus.commands.grade import grade
from gradus.course import Course, load_course
from gradus.files import write_tree
from gradus.grading.pool import NoResult
from gradus.grading.store import Store
from gradus.jobs import Job
from gradus.mistakes.prepare import sources_of
from gradus.mistakes.reference import Reference
from gradus.notebook import require
from gradus.release.student import student_files
from gradus.solution import Solution
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.nbgrader.grade import nbgrader_runs
from gradus.tools.nbgrader.gradebook import environment
from gradus.tools.otter.bundle import otter_files
from gradus.tools.otter.grade import otter_runs, run_otter

COURSE = """
title: Two functions
isolation: process
limits: {check_seconds: 4, submission_seconds: 20}
nbgrader: {roster: roster.csv}
topics:
  - {id: tiny, title: Tiny, points: 10, forbid: [torch.dot]}
"""
ROSTER = "id,first_name,last_name,email\nhonest,Ada,Lovelace,ada@example.org\n"
SOLUTION = '''# %% [markdown]
# # Two functions
#
# Seven times $x$, and the sum of products.

# %%
import torch


# %%
def times(x):
    """Seven times x, of any shape."""
    # BEGIN SOLUTION
    return factor() * x
    # END SOLUTION


def dot(x, y):
    """The sum of x · y, both (N,)."""
    # BEGIN SOLUTION
    return (x * y).sum()
    # END SOLUTION


def factor():
    return 7
'''
TESTS = '''
import pytest
import torch

from gradus.checks import CheckFailed, call, check_values, points


@pytest.mark.public
@points(3, of="times")
def test_times(student, rng):
    """The values agree."""
    x = rng.normal(3)
    check_values(call(student, "times", x), 7 * x, "out")


@pytest.mark.visibility("hidden")
@points(2, of="times")
def test_times_secretly(student, rng):
    """A title that no student should read."""
    x = rng.normal(2, 3)
    check_values(call(student, "times", x), 7 * x, "out")


@points(5, of="dot")
def test_dot(student, rng):
    """The sum, or two fifths for its opposite."""
    x, y = rng.normal(4), rng.normal(4)
    value = call(student, "dot", x, y)
    if torch.allclose(value, -(x @ y)):
        raise CheckFailed("the sign is wrong", diagnosis="sign", credit=0.4)
    check_values(value, x @ y, "out")
'''
STUB = Solution(SOLUTION).stub()
HALF = SOLUTION.replace("factor() * x", "6 * x").replace("(x * y).sum()", "-(x * y).sum()")
FORBIDDEN = SOLUTION.replace("(x * y).sum()", "torch.dot(x, y)")
SCRATCH = "1 / 0\n" + SOLUTION + "\nprint(times(torch.ones(2)))\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course")
    files = {
        "course.yaml": COURSE,
        "roster.csv": ROSTER,
        "solutions/tiny.py": SOLUTION,
        "hidden_tests/test_tiny.py": TESTS,
    }
    write_tree(root, {name: text.encode() for name, text in files.items()})
    return load_course(root / "course.yaml")


def bundle(course: Course, make, **options) -> dict[str, bytes]:
    topic = course.topics[0]
    checks = list_checks(course.test_file(topic))
    return make(course, topic, checks, student_files(course, topic, checks), **options)


@pytest.fixture(scope="module")
def otter(course: Course) -> dict[str, bytes]:
    return bundle(course, otter_files)


def notebook(*cells: str) -> bytes:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    return nbformat.writes(made).encode()


def job(name: str, source: str | bytes) -> Job:
    kind, data = ("py", source.encode()) if isinstance(source, str) else ("ipynb", source)
    return Job(name, f"{name}.{kind}", data)


def nbgrader(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


# What students find in otter's folder.


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


# The same scores.


def test_every_engine_gives_the_same_result(course: Course, tmp_path: Path) -> None:
    handed_in = {
        "solution.py": SOLUTION.encode(),
        "stub.py": STUB.encode(),
        "half.ipynb": notebook(HALF, "times(torch.ones(2))"),
        "forbidden.py": FORBIDDEN.encode(),
        "scratch.py": SCRATCH.encode(),
        "broken.ipynb": b"{",
        "old.ipynb": nbformat.v3.writes_json(  # as Jupyter wrote it until 2015
            nbformat.v3.new_notebook(
                worksheets=[
                    nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input=SOLUTION)])
                ]
            )
        ).encode(),
    }
    for name, data in handed_in.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    results = {}
    for engine in ("gradus", "nbgrader", "otter"):
        out = tmp_path / engine
        assert grade(course, "tiny", [tmp_path / "in"], out=out, engine=engine) == 0
        for name in handed_in:
            result = Store(out / "tiny").load(Path(name).stem)
            assert result
            assert result.environment["engine"] == engine or name == "broken.ipynb"
            checks = [(c.name, c.points, c.status, c.diagnosis) for c in result.checks]
            found = (result.score, result.status, result.sha256, result.tests, checks)
            assert results.setdefault(name, found) == found, engine
    # Nothing has changed: the tool is not even started.
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "otter/tiny").glob("[!b]*.json")}
    out = tmp_path / "otter"
    assert grade(course, "tiny", [tmp_path / "in"], out=out, engine="otter") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    scores = {name: found[0] for name, found in results.items()}
    assert scores == {
        "solution.py": 10,
        "stub.py": 0,
        "half.ipynb": 2,
        "forbidden.py": 5,
        "scratch.py": 10,
        "broken.ipynb": 0,
        "old.ipynb": 10,
    }


def test_stock_otter_and_stock_nbgrader_give_honest_submissions_their_score(course: Course) -> None:
    of_cells = job("cells", notebook(*cells(SOLUTION)))
    stock = bundle(course, otter_files, plugin=False)["tiny.zip"]
    given = {j.submission: outcome[0] for j, outcome in otter_runs(stock, [of_cells], 2)}
    assert {name: sum(scores.values()) for name, scores in given.items()} == {"cells": 10}
    files = bundle(course, nbgrader_files, sandbox=False)
    runs = nbgrader_runs("tiny", files, [job("solution", SOLUTION), job("forbidden", FORBIDDEN)])
    assert {j.submission: score for j, score, _ in runs} == {"solution": 10, "forbidden": 5}


def cells(text: str) -> list[str]:
    return text.split("# %%\n")[1:]


def test_a_topic_of_the_course_is_judged_alike() -> None:
    """The whole table, all topics and answers, is benchmarks/parity.py."""
    own = load_course(Path(__file__).parents[1] / "course.yaml")
    topic = own.topic("lr_schedules")
    sources = sources_of(own, topic)
    reference, written = Reference(sources.solution), sources.mistakes
    answers = {f"right{n}": a for n, a in enumerate(written.alternatives)}
    answers |= {f"wrong{n}": m for n, m in enumerate(written.mistakes[:6])}
    some = [job(n, reference.composed(reference.parts(a))) for n, a in answers.items()]
    checks = list_checks(own.test_file(topic))
    files = nbgrader_files(own, topic, checks, student_files(own, topic, checks))
    for graded, score, result in nbgrader_runs("lr_schedules", files, some):
        assert result
        assert result.score == score
        assert (score == topic.points) == graded.submission.startswith("right"), graded.submission


# Hostile submissions: with the plugin and the step nothing of them runs in a kernel.


def attacks(witness: Path) -> dict[str, bytes]:
    """Each would have full marks from stock tools, or leave a file where it ran unconfined."""
    touch = f"try:\n    open({str(witness)!r}, 'w').close()\nexcept OSError:\n    pass"
    return {
        "rebinds": notebook(
            touch,
            "import gradus.notebook\n"
            "gradus.notebook.check = lambda topic, function, points: points\n"
            "gradus.notebook.require = lambda *a: None",
        ),
        "takes": notebook(
            touch,
            "from gradus.notebook import take\n"
            "from gradus.results import *\n"
            "take(Result(submission='x', topic='tiny', status='graded', score=10, max_score=10,"
            " isolation='user', device='cpu', seconds=0, sha256='', checks=[]).model_dump_json())",
        ),
        "pickles": notebook(
            touch,
            "import pickle\n"
            "from otter.test_files import GradingResults\n"
            "GradingResults.total = property(lambda self: 10)\n"
            "pickle.dump = lambda *a, **k: None",
        ),
        "numbers": notebook(touch, "def times(x):\n    return 10.0", "10.0"),
        "stderr": notebook(touch, "import sys\nprint('10.0', file=sys.stderr)", "'not a number'"),
        "exits": notebook(touch, "import os\nos._exit(0)"),
    }


def test_hostile_submissions_score_nothing(
    course: Course, otter: dict[str, bytes], tmp_path: Path
) -> None:
    witness = tmp_path / "ran_unconfined"
    hostile = [job(name, data) for name, data in attacks(witness).items()]
    for graded, score, result in nbgrader_runs("tiny", bundle(course, nbgrader_files), hostile):
        assert result, graded.submission
        assert score == 0, graded.submission
    assert not witness.exists()
    for graded, outcome in run_otter(otter["tiny.zip"], hostile[:3], 2):
        assert not isinstance(outcome, NoResult), outcome
        assert outcome.score == 0, graded.submission
    assert not witness.exists()


def test_otter_does_not_import_what_lies_beside_the_notebook(
    otter: dict[str, bytes], tmp_path: Path
) -> None:
    """A zip is unpacked where otter's kernel starts: its json.py would come before Python's."""
    import zipfile

    witness = tmp_path / "imported"
    with zipfile.ZipFile(tmp_path / "handed_in.zip", "w") as archive:
        archive.writestr("tiny.ipynb", notebook("def times(x):\n    return 7 * x"))
        for name in ("dill", "otter", "ipykernel_launcher", "IPython/__init__", "nest/__init__"):
            archive.writestr(f"{name}.py", f"open({str(witness)!r}, 'w').close()")
        archive.writestr("hidden_tests/test_tiny.py", "")
    (tmp_path / "autograder.zip").write_bytes(otter["tiny.zip"])
    command = [sys.executable, "-m", "otter", "run", "-a", "autograder.zip", "handed_in.zip"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    given = json.loads((tmp_path / "results.json").read_text())
    scores = {test["name"]: test["score"] for test in given["tests"] if "score" in test}
    assert scores == {"times": 5, "dot": 0}
    assert not witness.exists()


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
        nbformat.write(done, file)

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

    for change in (half, deleted, doubled, reordered, bulky, edited):
        hand_in(change.__name__, change)
    hand_in("honest", lambda nb: None)
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
        "honest": 10,
    }
    assert (rows["honest"]["first_name"], rows["honest"]["max_score"]) == ("Ada", "10.0")
    nbgrader(tmp_path, "generate_feedback", "tiny")
    page = (tmp_path / "feedback/half/tiny/tiny.html").read_text()
    assert "the sign is wrong" in page
    assert page.count("was passed over") == 1  # said once, not below every function
    assert "no student should read" not in page
    names = {path.name for path in (tmp_path / "feedback/half/tiny").rglob("*") if path.is_file()}
    assert names == {"tiny.html", "README.md", "course.yaml", "test_tiny.py", "test_tiny.msgpack"}


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
    assert "1.167 times too small" in wrong[0].text
    assert wrong[1].data["text/plain"] == "0.0"
    assert right[1].data["text/plain"] == "5.0"  # of the public checks, all
    assert [o.text for o in hidden] == ["dot is judged by hidden checks only\n"]


def test_a_check_that_was_not_run_is_no_pass() -> None:
    with pytest.raises(AssertionError, match="was not run"):
        require("tiny", "times", "test_times")  # there is no kernel here, and so no cells


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
    assert ran.stderr.strip().splitlines()[-1].startswith(f"{engine} is not installed here: pip")
