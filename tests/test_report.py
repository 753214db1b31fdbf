"""`gradus report`: a class in the terminal, as pages, and what each of it may see."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unicodedata import normalize
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.grading.store import Store
from gradus.report.roster import Roster
from gradus.results import CheckResult, HandedIn, Person, Result, Status, SubmissionStatus

GRADUS = [sys.executable, "-P", "-m", "gradus"]
COURSE = """\
title: A course
isolation: namespaces
topics:
  - {id: mlp, title: Perceptrons, points: 6}
  - {id: adam, title: Adam, points: 6}
"""
EVIL = "<script>alert(1)</script>"
WRONG = (
    "gradient of b: summed over the features: unit m collects dout[n, m]\nb[0]: yours 4, expected 1"
)


def check(name: str, points: float, **options) -> CheckResult:
    status = Status.PASSED if points else Status.FAILED
    given = dict(name=name, title=f"title of {name}", function=name, points=points, max_points=2)
    return CheckResult(**given | {"status": status} | options)


def result(name: str, *checks: CheckResult, topic: str = "mlp", **options) -> Result:
    given = dict(
        submission=name,
        topic=topic,
        status=SubmissionStatus.GRADED,
        score=sum(check.points for check in checks),
        max_score=6,
        isolation="namespaces",
        device="cpu",
        seconds=0.1,
        sha256="",
        checks=list(checks),
    )
    return Result(**given | options)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Twelve who handed in mlp: three with one mistake, one late, one who could not be read."""
    (tmp_path / "course.yaml").write_text(COURSE)
    store = Store(tmp_path / "results" / "mlp")
    wrong = dict(message=WRONG, diagnosis="summed over the features", location="mlp.py:7")
    for n in range(12):
        backward = check("backward", 2) if n > 2 else check("backward", 0, **wrong)
        secret = check("train", 2 * (n > 4), visibility="hidden", message=f"hidden {n}")
        hand = HandedIn(late=n == 1)
        store.save(result(f"s{n}", check("forward", 2), backward, secret, handed_in=hand))
    broken = dict(status=SubmissionStatus.UNREADABLE, message=EVIL, isolation="user")
    store.save(result(f"eve {EVIL}", **broken))
    Store(tmp_path / "results" / "adam").save(result("s1", check("step", 2), topic="adam"))
    return tmp_path


def run(course: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*GRADUS, "report", *words]
    return subprocess.run(command, cwd=course, capture_output=True, text=True)


def test_the_terminal_says_how_it_went_and_what_is_best_explained_again(course):
    done = run(course, "results/mlp")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "13 graded · mean 4.3 · median 6 · half of them between 2 and 6 · of 6" in text
    again = "3 of 13: backward: summed over the features (−6 points): s0, s1, s2"
    assert f"What is best explained again: {again}" in text
    assert re.search(r"forward 12/12 – .*backward 9/12 0\.\d\d 3 × summed", text)
    assert "1 late: s1" in text
    assert f"1 could not be read: eve {EVIL}" in text
    assert f"1 isolation below namespaces: eve {EVIL}" in text


def test_all_topics_are_reported_on(course):
    assert re.findall(r"^(\w+) · ", run(course, "results").stdout, re.M) == ["adam", "mlp"]


def pages(course: Path, *words: str) -> dict[str, str]:
    done = run(course, *words, "--html", "report")
    assert done.returncode == 0, done.stderr
    files = (course / "report").rglob("*.html")
    return {str(f.relative_to(course / "report")): f.read_text() for f in files}


def test_there_is_a_page_for_the_class_each_topic_and_everyone(course):
    found = pages(course, "results")
    assert {"index.html", "mlp.html", "adam.html", "students/s1.html"} <= set(found)
    assert len(found) == 3 + 13
    assert "<b>3 of 13</b> · <code>backward</code>: summed over the features" in found["mlp.html"]
    for page in ("index.html", "mlp.html"):
        for link in re.findall(r'<a href="([^"]+)"', found[page]):
            assert (course / "report" / unquote(link)).is_file()
    assert (course / "report").stat().st_mode & 0o077 == 0
    assert run(course, "results/adam", "--html", "report").returncode == 0
    assert not (course / "report" / "mlp.html").exists()  # nothing of an earlier report stays


def test_a_student_sees_what_the_checks_let_them_see_and_nothing_of_others(course):
    found = pages(course, "results")
    one = found["students/s1.html"]
    assert "Perceptrons · 2 of 6 points" in one
    assert "Adam · 2 of 6 points" in one
    assert "b[0]: yours 4, expected 1" in one
    assert "title of train" not in one
    assert "hidden 1" not in one
    assert "Checks that are not shown" in one
    assert not re.search(r"\bs(0|2|11)\b|href", one)


def test_a_score_set_by_hand_is_shown_with_its_reason(course):
    by_hand = "submission,score,reason\ns1,6,the text was wrong\n"
    (course / "results" / "mlp" / "adjusted.csv").write_text(by_hand)
    found = pages(course, "results/mlp")
    assert "Perceptrons · 6 of 6 points" in found["students/s1.html"]
    for page in ("students/s1.html", "mlp.html"):
        assert "set by hand, graded 2: the text was wrong" in found[page]


def test_output_is_shown_for_public_checks_only(course):
    store = Store(course / "results" / "mlp")
    public = check("a", 2, public=True, output="printed in public")
    store.save(result("s0", public, check("b", 2, output="printed in secret")))
    page = pages(course, "results/mlp")["students/s0.html"]
    assert "printed in public" in page
    assert "printed in secret" not in page


def test_what_a_student_writes_is_text_wherever_it_appears(course):
    store = Store(course / "results" / "mlp")
    person = Person(name=f"Eve {EVIL}", email='"><img src=x onerror=alert(1)>@x')
    hand = HandedIn(people=[person])
    evil = check("forward", 0, message=EVIL, diagnosis=EVIL, output=EVIL, public=True)
    for name in ("../../up", EVIL):
        store.save(result(name, evil, handed_in=hand, notes=[EVIL], message=EVIL))
    found = pages(course, "results")
    assert not [name for name, page in found.items() if "<script" in page or "<img" in page]
    assert not (course / "up.html").exists()
    store.save(result("s\x1b[31m", evil))
    assert "\x1b" not in run(course, "results/mlp").stdout


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize("width", [400, 1200])
def test_a_browser_shows_the_pages_without_a_network(course, width):
    pages(course, "results")
    page = (course / "report" / "mlp.html").as_uri()
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
    shot = course / "shot.png"
    done = subprocess.run(
        ["chromium", *options, f"--screenshot={shot}", "--dump-dom", page],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "What is best explained again" in done.stdout
    assert "median" in done.stdout[done.stdout.index("<svg") :]
    assert "ERR_" not in done.stderr


@pytest.mark.parametrize("there", ["notes.txt", "index.html", "a file"])
def test_what_is_no_report_is_not_written_over(course, there):
    place = course / "out"
    if there == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / there).write_text("mine")
    done = run(course, "results", "--html", "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds something else than a report" in done.stderr
    assert (place if there == "a file" else place / there).read_text() == "mine"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "no column that says who somebody is"),
        ("Section,Tutor\nA,B\n", "no column that says who somebody is"),
        ("Name\n\n", "names nobody"),
        ("sid,name\n7,Ada\n7,Emmy\n", "has several lines for 7"),
        ("name\n\udcff", "is not UTF-8"),
    ],
)
def test_a_class_list_that_is_none_is_said_to_be_so(course, table, said):
    (course / "class.csv").write_bytes(table.encode(errors="surrogateescape"))
    done = run(course, "results", "--roster", "class.csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_the_class_list_says_who_is_missing_and_who_is_not_in_it(course):
    people = "".join(f"Name {n},s{n}@uni.edu\n" for n in range(14))
    (course / "class.csv").write_text(f"Full name,E-Mail Address\n{people}")
    text = run(course, "results/mlp", "--roster", "class.csv").stdout
    assert "2 missing: Name 12, Name 13" in text
    assert "1 not in the class list: eve" in text
    found = pages(course, "results", "--roster", "class.csv")
    assert "<b>2 missing</b>: Name 12, Name 13" in found["mlp.html"]
    assert "Name 1" in found["students/s1@uni.edu.html"]


NAMES = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=6)


@given(
    st.lists(NAMES, min_size=1, max_size=6, unique_by=lambda n: normalize("NFC", n).casefold()),
    st.data(),
)
def test_whoever_is_in_the_list_is_found_or_missing(names, data):
    """By address, number, login, or the name of the file: each is one of the two, nobody both."""
    table = "name,email,sid\n" + "".join(f"Ms {n},{n}@x,n{n}\n" for n in names)
    with TemporaryDirectory() as folder:
        (Path(folder) / "class.csv").write_text(table)
        roster = Roster.read(Path(folder) / "class.csv")
    there = data.draw(st.lists(st.sampled_from(names), unique=True))
    ways = [
        lambda n: result("x", handed_in=HandedIn(people=[Person(email=f"{n}@x")])),
        lambda n: result("x", handed_in=HandedIn(people=[Person(name="?", sid=f"n{n}")])),
        lambda n: result(f"ms {n}"),
    ]
    results = [data.draw(st.sampled_from(ways))(name) for name in there]
    matched = roster.match(results)
    assert not matched.strangers
    assert [p.name for p in matched.missing] == [f"Ms {n}" for n in names if n not in there]
    assert [r.handed_in.people[0].name for r in matched.results] == [f"Ms {n}" for n in there]
