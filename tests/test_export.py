"""Results -> the tables that gradebooks take."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.course import Course, UsageError, load_course
from gradus.grading.store import Store
from gradus.report.export import FORMATS, export_table
from gradus.results import CheckResult, HandedIn, Person, Result, Status, SubmissionStatus

GRADUS = [str(Path(sys.executable).parent / "gradus")]
COURSE = "title: Course\ntopics:\n  - {id: mlp, title: 'Perceptron, multi-layer', points: 6}\n"


def check(name: str, points: float) -> CheckResult:
    status = Status.PASSED if points else Status.FAILED
    return CheckResult(
        name=name,
        title=name,
        function="f",
        points=points,
        max_points=3,
        status=status,
        message="" if points else "3.0 times too large",
    )


def result(name: str, *points: float, people: list[Person] | None = None, **options) -> Result:
    handed_in = HandedIn(people=people or [], **options.pop("handed_in", {}))
    return Result(
        submission=name,
        topic=options.pop("topic", "mlp"),
        status=SubmissionStatus.GRADED if points else SubmissionStatus.UNREADABLE,
        score=sum(points),
        max_score=6,
        isolation="user",
        device="cpu",
        seconds=0.1,
        sha256="",
        message="" if points else "mlp.py: the file is empty",
        checks=[check(f"test_{n}", value) for n, value in enumerate(points)],
        handed_in=handed_in,
        **options,
    )


@pytest.fixture
def course(tmp_path: Path) -> Course:
    (tmp_path / "course.yaml").write_text(COURSE)
    return load_course(tmp_path / "course.yaml")


def table(course: Course, to: str, *results: Result) -> list[dict[str, str]]:
    store = Store(course.root / "results" / "mlp")
    for one in results:
        store.save(one)
    text = export_table(course, course.root / "results", to).decode()
    assert export_table(course, store.folder, to).decode() == text
    return list(csv.DictReader(io.StringIO(text, newline="")))


ADA = Person(name="lovelaceada", id="1234")
CANVAS = {"handed_in": {"source": "canvas", "late": True, "at": "2026-11-21T03:05:00+00:00"}}


def test_the_whole_table_has_a_row_a_submission_and_a_column_a_check(course):
    ada = result("ada", 3, 2.5, people=[ADA], notes=["late", "mlp.py counts"], **CANVAS)
    rows = table(course, "csv", ada, result("carl", 3, 0), result("=1+1"))
    assert [row["submission"] for row in rows] == ["'=1+1", "ada", "carl"]
    assert rows[1] == {
        "submission": "ada",
        "name": "lovelaceada",
        "email": "",
        "sid": "",
        "id": "1234",
        "score": "5.5",
        "max_score": "6",
        "status": "graded",
        "handed_in": "2026-11-21T03:05:00+00:00",
        "late": "late",
        "notes": "late; mlp.py counts",
        "message": "f: ",
        "test_0": "3",
        "test_1": "2.5",
    }
    assert (rows[2]["test_1"], rows[2]["message"]) == ("0", "f: 3.0 times too large")
    assert (rows[0]["status"], rows[0]["message"]) == ("unreadable", "mlp.py: the file is empty")
    assert (rows[0]["score"], rows[0]["test_0"]) == ("0", "")


def test_canvas_finds_its_students_by_its_own_numbers(course):
    """The header and the second row are those that Canvas's importer asks for."""
    emmy = Person(name="Emmy Noether", sid="3033", email="emmy@uni.edu")
    rows = table(
        course,
        "canvas",
        result("ada", 3, 2.5, people=[ADA], **CANVAS),
        result("carl", 3, 0),
        result("emmy + kurt", 0, 1, people=[emmy, Person(name="Kurt")]),
        result("moodle", 3, 3, people=[Person(name="Zoë 李", id="1234")]),
    )
    title = "Perceptron, multi-layer"
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]
    assert rows[0]["Student"].strip() == "Points Possible"
    assert [list(row.values()) for row in rows[1:]] == [
        ["lovelaceada", "1234", "", "", "", "5.5"],
        ["carl", "", "", "", "", "3"],
        ["Emmy Noether", "", "3033", "emmy@uni.edu", "", "1"],
        ["Kurt", "", "", "", "", "1"],
        ["Zoë 李", "", "", "", "", "6"],
    ]
    assert rows[0][title] == "6"


def test_gradescope_knows_its_students_by_mail_and_number(course):
    emmy = Person(name="Emmy Amalie Noether", sid="3033", email="emmy@uni.edu")
    rows = table(course, "gradescope", result("e", 3, 2, people=[emmy]), result("ada", 0, 0))
    assert [list(row.values()) for row in rows] == [
        ["ada", "", "", "", "0", "6", "Graded"],
        ["Emmy Amalie", "Noether", "3033", "emmy@uni.edu", "5", "6", "Graded"],
    ]


@given(st.text(), st.text(), st.sampled_from(sorted(FORMATS)))
def test_whatever_a_student_is_called_no_cell_is_a_formula_and_no_row_is_lost(name, note, to):
    topic = load_course_of_one()
    one = result(name or "x", 1, people=[Person(name=name, email=note)], notes=[note])
    out = io.StringIO(newline="")
    csv.writer(out).writerows(FORMATS[to]([one, one], topic))
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) == 3 + (to == "canvas")
    assert len({len(row) for row in rows}) == 1
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row)
    parts = [part for row in rows for cell in row for part in re.split("[;\t\r\n]", cell)]
    assert all(part[:1] not in ("=", "+", "-", "@") for part in parts)


def load_course_of_one():
    return Course.model_validate(
        {"title": "c", "topics": [{"id": "mlp", "title": "Perceptron", "points": 6}]}
    ).topics[0]


def test_what_cannot_be_exported_is_said_in_one_line(course):
    folder = course.root / "results"
    with pytest.raises(UsageError, match="no results in"):
        export_table(course, folder, "csv")
    Store(folder / "mlp").save(result("ada", 1))
    Store(folder / "adam").save(result("ada", 1, topic="adam"))
    with pytest.raises(UsageError, match=r"several topics: name one, .*adam or .*mlp"):
        export_table(course, folder, "csv")
    with pytest.raises(UsageError, match="no topic 'adam'"):
        export_table(course, folder / "adam", "csv")
    (folder / "mlp" / "eve.json").write_text("{}")
    with pytest.raises(UsageError, match=r"eve.json is not a result"):
        export_table(course, folder / "mlp", "csv")


def test_the_command_writes_what_it_is_asked_to(course):
    Store(course.root / "results" / "mlp").save(result("Zoë", 1, 2))
    command = [*GRADUS, "export", "results/mlp", "--to", "gradescope"]
    done = subprocess.run(command, cwd=course.root, capture_output=True, check=True)
    subprocess.run([*command, "--out", "out/scores.csv"], cwd=course.root, check=True)
    assert (course.root / "out" / "scores.csv").read_bytes() == done.stdout
    assert done.stdout == export_table(course, course.root / "results" / "mlp", "gradescope")
    assert "Zoë".encode() in done.stdout
