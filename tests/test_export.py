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
from gradus.report.load import read_topics
from gradus.results import CheckResult, HandedIn, Person, Result, Status, SubmissionStatus

GRADUS = [sys.executable, "-P", "-m", "gradus"]
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
    topics = read_topics(course.root / "results")
    assert read_topics(store.folder) == topics
    text = export_table(course, topics, to)[0].decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


ADA = Person(name="lovelaceada", id="1234")
CANVAS = {"handed_in": {"source": "canvas", "late": True, "at": "2026-11-21T03:05:00+00:00"}}


def test_the_whole_table_has_a_row_a_submission_and_a_column_a_check(course):
    ada = result("ada", 3, 2.5, people=[ADA], notes=["late", "mlp.py counts"], **CANVAS)
    rows = table(course, "csv", ada, result("carl", 3, 0), result("=1+1"), result("\uff1d1"))
    assert [row["submission"] for row in rows] == ["'=1+1", "ada", "carl", "'\uff1d1"]
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
    course = Course.model_validate(COURSE_OF_ONE)
    one = result(name or "x", 1, people=[Person(name=name, email=note)], notes=[note])
    out = io.StringIO(newline="")
    csv.writer(out).writerows(FORMATS[to]({"mlp": [one, one]}, course, []))
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) == 3 + (to == "canvas")
    assert len({len(row) for row in rows}) == 1
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for row in rows for cell in row)
    parts = [part for row in rows for cell in row for part in re.split("[;\t\r\n]", cell)]
    assert all(part[:1] not in ("=", "+", "-", "@") for part in parts)


COURSE_OF_ONE = {"title": "c", "topics": [{"id": "mlp", "title": "Perceptron", "points": 6}]}


def test_several_topics_are_a_row_a_student_and_a_column_each(two_topics):
    course, folder = two_topics
    emmy = Person(name="Emmy Noether", email="emmy@uni.edu")
    Store(folder / "mlp").save(result("emmy", 3, 2, people=[emmy]))
    Store(folder / "adam").save(result("e_1", 1, people=[emmy], topic="adam"))
    Store(folder / "adam").save(result("carl", 1.5, topic="adam"))
    text, empty = export_table(course, read_topics(folder), "csv")
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert [list(row.values()) for row in rows] == [
        ["carl", "", "", "", "1.5", "", "1.5"],
        ["Emmy Noether", "emmy@uni.edu", "", "", "1", "5", "6"],
    ]
    assert empty == ["sid", "id"]
    text, empty = export_table(course, read_topics(folder), "canvas")
    assert text.decode().splitlines()[2].endswith("carl,,,,,1.5,")
    with pytest.raises(UsageError, match="of one topic: name one of adam, mlp"):
        export_table(course, read_topics(folder), "gradescope")
    Store(folder / "mlp").save(result("emmy2", 3, people=[emmy]))
    with pytest.raises(UsageError, match="Emmy Noether has several results of mlp: emmy and emmy2"):
        export_table(course, read_topics(folder), "csv")


@pytest.fixture
def two_topics(tmp_path: Path) -> tuple[Course, Path]:
    text = COURSE + "  - {id: adam, title: Adam, points: 6}\n"
    (tmp_path / "course.yaml").write_text(text)
    return load_course(tmp_path / "course.yaml"), tmp_path / "results"


def test_what_cannot_be_exported_is_said_in_one_line(course):
    folder = course.root / "results"
    with pytest.raises(UsageError, match="no results in"):
        read_topics(folder)
    Store(folder / "adam").save(result("ada", 1, topic="adam"))
    with pytest.raises(UsageError, match="no topic 'adam'"):
        export_table(course, read_topics(folder), "csv")
    (folder / "adam" / "eve.json").write_text("{}")
    with pytest.raises(UsageError, match=r"eve.json is not a result"):
        read_topics(folder)


def export(course: Course, *words: str, ok: bool = True) -> tuple[str, str]:
    """What the command writes to its two outputs."""
    command = [*GRADUS, "export", *words]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert (done.returncode == 0) is ok
    return done.stdout, done.stderr


def test_the_command_writes_what_it_is_asked_to(course):
    Store(course.root / "results" / "mlp").save(result("Zoë", 1, 2))
    words = ["results/mlp", "--to", "gradescope"]
    out, err = export(course, *words)
    export(course, *words, "--out", "out/scores.csv")
    assert (course.root / "out" / "scores.csv").read_text() == out.replace("\r\n", "\n")
    assert "Zoë" in out
    assert err == "empty columns: Last Name, SID, Email\n"
    out, err = export(course, *words, "--out", "results", ok=False)
    assert (out, err) == ("", "cannot write results: Is a directory\n")


def test_results_by_different_tests_are_refused_unless_told(course):
    store = Store(course.root / "results" / "mlp")
    for name, tests in (("ada", "new"), ("carl", "new"), ("emmy", "old")):
        store.save(result(name, 1, tests=tests))
    out, err = export(course, "results", "--to", "csv", ok=False)
    assert "mlp: 1 of 3 results were made by other tests, salt or limits (emmy)" in err
    assert (out, err.count("\n")) == ("", 1)
    assert export(course, "results", "--to", "csv", "--mixed")[0].count("\n") == 4


def test_files_that_are_gone_are_refused_unless_told(course):
    store = Store(course.root / "results" / "mlp")
    both = [(name, course.root / "in" / f"{name}.py") for name in ("ada", "carl")]
    for name, _ in both:
        store.save(result(name, 1))
    assert store.note(both, [course.root / "in"]) == []
    assert store.note(both[:1], [course.root / "in" / "ada.py"]) == []  # not where carl was
    assert store.note(both[:1], [course.root / "in"]) == ["carl"]
    out, err = export(course, "results", "--to", "csv", ok=False)
    assert "files of 1 results are no longer where they were graded (carl)" in err
    assert (out, err.count("\n")) == ("", 1)
    assert export(course, "results", "--to", "csv", "--withdrawn")[0].count("\n") == 3
    assert store.note(both, [course.root / "in"]) == []  # there again
    assert export(course, "results", "--to", "csv")[0].count("\n") == 3


def test_scores_set_by_hand_count_and_are_said_to_be(course):
    store = Store(course.root / "results" / "mlp")
    store.save(result("ada", 1))
    (store.folder / "adjusted.csv").write_text("submission,score,reason\nada,5,was ill\n")
    (row,) = csv.DictReader(io.StringIO(export(course, "results", "--to", "csv")[0]))
    assert (row["score"], row["notes"]) == ("5", "set by hand, graded 1: was ill")


def test_names_come_from_the_class_list_and_the_missing_are_named(course):
    store = Store(course.root / "results" / "mlp")
    store.save(result("emmy", 3, 2))
    store.save(result("x_501", 3, people=[Person(name="hilbertdavid", id="501")], **CANVAS))
    store.save(result("eve\x1b", 3))
    (course.root / "class.csv").write_text(
        "\ufeffStudent;ID;SIS User ID;SIS Login ID\n    Points Possible;;;\n"
        '"Noether, Emmy";500;3033;emmy\n"Hilbert, David";501;3034;david\n'
        '"Klein, Felix";502;3035;felix\n'
    )
    out, err = export(course, "results", "--to", "csv", "--roster", "class.csv")
    rows = [row[1:5] + row[7:8] for row in list(csv.reader(io.StringIO(out)))[1:]]
    assert rows == [
        ["Emmy Noether", "", "3033", "emmy", "graded"],
        ["", "", "", "", "graded"],
        ["David Hilbert", "", "3034", "501", "graded"],
        ["Felix Klein", "", "3035", "felix", "missing"],
    ]
    assert "not in class.csv: eve\\x1b\n" in err
