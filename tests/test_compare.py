"""Regrading with a memory: who changes and why, and scores that are set by hand."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.course import UsageError
from gradus.grading.store import Store
from gradus.report.compare import UNKNOWN, pairs_in, pairs_of
from gradus.report.load import read_topics
from gradus.results import CheckResult, Result, Status, SubmissionStatus


def read_results(path: Path) -> list[Result]:
    (results,) = read_topics(path).values()
    return results


GRADUS = [sys.executable, "-m", "gradus"]
CONDITIONS = {"tests": "a", "course.yaml": "b", "limits": "c", "salt": "d", "mistakes": "e"}


def check(name: str, points: float, most: float = 3, message: str = "") -> CheckResult:
    status = Status.PASSED if points == most else Status.FAILED
    about = {"status": status, "message": message, "points": points, "max_points": most}
    return CheckResult(name=f"test_{name}", title=name, function=name, **about)


def result(name: str, *checks: CheckResult, **changes: object) -> Result:
    fields = {
        "submission": name,
        "topic": "mlp",
        "status": SubmissionStatus.GRADED,
        "score": sum(check.points for check in checks),
        "max_score": sum(check.max_points for check in checks),
        "isolation": "user",
        "device": "cpu",
        "seconds": 0.1,
        "sha256": name,
        "tests": "t",
        "conditions": CONDITIONS,
        "environment": {"torch": "2.13.0", "engine": "gradus"},
        "checks": list(checks),
    }
    return Result(**{**fields, **changes})


def save(folder: Path, *results: Result) -> Store:
    store = Store(folder)
    for one in results:
        store.save(one)
    return store


def compared(*paths: Path | str, cwd: Path | None = None) -> list[str]:
    """The lines that the command prints, their blanks made one."""
    done = subprocess.run(
        [*GRADUS, "compare", *map(str, paths)], capture_output=True, text=True, cwd=cwd
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_who_changes_by_how_much_in_which_check_and_why(tmp_path):
    ada, emmy = (result(n, check("f", 3), check("g", 1)) for n in ("ada", "emmy"))
    carl, gone = (result(n, check("f", 3), check("g", 1)) for n in ("carl", "gone"))
    save(tmp_path / "old", ada, emmy, carl, gone)
    tests = {"conditions": {**CONDITIONS, "tests": "other"}}
    save(
        tmp_path / "new",
        result("ada", check("f", 3), check("g", 0), check("h", 0, 1), **tests),
        result("emmy", check("f", 3), check("g", 1, message="other words")),
        carl,
        result("new", check("f", 0)),
    )
    assert compared(tmp_path / "old", tmp_path / "new") == [
        "submission score checks why",
        "ada 4/6 → 3/7 −1 g 1 → 0 tests",
        "h no check → 0/1",
        "1 of 3 change · mean 4.0 → 3.7 · 1 with the same score are told something else",
        f"only in {tmp_path / 'old'}: gone",
        f"only in {tmp_path / 'new'}: new",
    ]
    assert compared(tmp_path / "old", tmp_path / "old") == ["none of 4 changes"]
    of_two = compared(tmp_path / "old" / "ada.json", tmp_path / "new")
    assert of_two[1] == "ada 4/6 → 3/7 −1 g 1 → 0 tests"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        *(({"conditions": {**CONDITIONS, name: "other"}}, [name]) for name in CONDITIONS),
        ({"sha256": "other"}, ["submission"]),
        ({"sha256": "", "environment": {}}, ["submission"]),  # it cannot be read
        ({"tests": "other"}, [UNKNOWN]),  # its parts are the same
        ({"tests": "other", "conditions": {}}, ["tests, salt or limits"]),  # of an old version
        ({"isolation": "namespaces"}, ["isolation user → namespaces"]),
        ({"device": "cuda"}, ["device cpu → cuda"]),
        ({"environment": {"torch": "2.14.0", "engine": "otter"}},
         ["engine gradus → otter", "torch 2.13.0 → 2.14.0"]),
        ({"alone": True}, ["a signal or a limit ended it"]),
        ({"sha256": "x", "conditions": {**CONDITIONS, "salt": "y", "limits": "z"}},
         ["submission", "limits", "salt"]),
    ],
)  # fmt: skip
def test_why_is_what_results_carry(tmp_path, changes, why):
    store = save(tmp_path, result("ada", check("f", 3)), result("ada", check("f", 1), **changes))
    (pair,) = pairs_in(store.folder)
    assert (pair.before.score, pair.after.score) == (3, 1)
    assert pair.why == why


def test_each_result_is_compared_with_the_one_that_it_replaced_last(tmp_path):
    save(tmp_path, *(result("ada", check("f", points)) for points in (0, 1, 3)))
    save(tmp_path, result("new", check("f", 0)))
    lines = compared(tmp_path)
    assert lines[1] == f"ada 1 → 3 +2 f 1 → 3 {UNKNOWN}"
    assert lines[2].startswith("1 of 1 change · mean 1.0 → 3.0 · replaced on 2")
    shutil.rmtree(tmp_path / ".history")
    assert compared(tmp_path) == ["no result has replaced another here"]


def test_the_longest_names_and_reasons_fit_a_terminal(tmp_path):
    """And nothing of a student's is obeyed by it."""
    name = "lovelace_ada_\x1b[31m" + 60 * "x"
    first = result(name, *(check(f"a_rather_long_name_{n}", 3) for n in range(3)))
    last = result(name, *(check(f"a_rather_long_name_{n}", 1) for n in range(3)), sha256="x")
    store = save(tmp_path, first, last)
    (store.folder / "adjusted.csv").write_text(
        f"submission,score,reason\n{name},5,{'because ' * 30}\x1b[2J\n"
    )
    done = subprocess.run(
        ["script", "-qc", f"stty cols 80; {' '.join(GRADUS)} compare {tmp_path}", "/dev/null"],
        capture_output=True,
        text=True,
    )
    assert "\x1b[31m" not in done.stdout
    assert "\x1b[2J" not in done.stdout
    assert "a_rather_long_name_2" in done.stdout.replace("\r\n", "")


def test_what_cannot_be_compared_is_told_in_a_line(tmp_path):
    save(tmp_path / "mlp", result("ada", check("f", 3)))
    save(tmp_path / "adam", result("ada", check("f", 3), topic="adam"))
    with pytest.raises(UsageError, match=r"mlp and .*adam are of two topics"):
        pairs_of(tmp_path / "mlp", tmp_path / "adam")
    with pytest.raises(UsageError, match="no results in"):
        pairs_of(tmp_path / "mlp", tmp_path / "nowhere")
    with pytest.raises(UsageError, match="several topics"):
        pairs_in(tmp_path)
    (tmp_path / "mlp" / "carl.json").write_text("{}")
    done = subprocess.run([*GRADUS, "compare", tmp_path / "mlp"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("carl.json is not a result: move it elsewhere\n")
    assert done.stderr.count("\n") == 1


def by_hand(folder: Path, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    (folder / "adjusted.csv").write_bytes(data)


HEAD = "submission,score,reason\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'ada,5.5,"late, with a note"\n',
        HEAD + '\n\nada, 5.5 ,"late,\nwith  a note"',
        "\ufeff" + HEAD.replace(",", ";") + "ada;5.5;late, with a note\r\n;;\r\n",
    ],
)
def test_a_score_set_by_hand_counts_and_says_so(tmp_path, text):
    store = save(
        tmp_path, result("ada", check("f", 3), check("g", 3)), result("carl", check("f", 3, 6))
    )
    saved = store.path("ada").read_bytes()
    by_hand(tmp_path, text)
    ada, carl = read_results(tmp_path)
    assert (ada.score, ada.graded, carl.score) == (5.5, 6, 3)
    assert ada.adjusted.reason == "late, with a note"
    assert ada.by_hand == "set by hand, graded 6: late, with a note"
    assert (carl.adjusted, carl.by_hand) == (None, "")
    assert read_results(store.path("carl")) == [carl]
    assert store.path("ada").read_bytes() == saved


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("ada,5,", "2: the reason for 'ada' is missing"),
        ("ada,5,  ", "2: the reason for 'ada' is missing"),
        ("eve,5,x", "2: no submission is called 'eve' here"),
        ("../../ada,5,x", "2: no submission is called '../../ada' here"),
        ("ada,five,x", "2: 'five' is not a number"),
        ("ada,,x", "2: '' is not a number"),
        ("ada,nan,x", "2: nan is not between 0 and the 6 points that can be had"),
        ("ada,1e999,x", "2: 1e999 is not between 0 and the 6 points that can be had"),
        ("ada,6.5,x", "2: 6.5 is not between 0 and the 6 points that can be had"),
        ("ada,-1,x", "2: -1 is not between 0 and the 6 points that can be had"),
        ("ada,1,x\nada,1,x", "3: 'ada' has a row already"),
        ("ada,1", "2: 2 cells instead of 3: quote a reason that has a comma in it"),
        ("ada,1,x,y", "2: 4 cells instead of 3: quote a reason that has a comma in it"),
        ("a\x1b[31m,1,x", r"2: no submission is called 'a\x1b[31m' here"),
    ],
)
def test_what_is_wrong_in_a_score_set_by_hand_is_told_with_its_line(tmp_path, row, told):
    save(tmp_path, result("ada", check("f", 3), check("g", 3)))
    by_hand(tmp_path, f"{HEAD}{row}\n")
    with pytest.raises(UsageError) as error:
        read_results(tmp_path)
    assert str(error.value) == f"{tmp_path}/adjusted.csv:{told}"


def test_every_row_that_is_wrong_is_told_at_once(tmp_path):
    save(tmp_path, result("ada", check("f", 3)))
    by_hand(tmp_path, HEAD + "eve,1,x\nada,1,x\nada,2,\n")
    with pytest.raises(UsageError) as error:
        read_results(tmp_path)
    assert [line.rpartition(".csv")[2][:2] for line in str(error.value).splitlines()] == [
        ":2",
        ":4",
    ]
    for text in ("", "name,score\n", "ada,5,x\n", '"' + HEAD, b"\xff\xfe\0", b"\0" + HEAD.encode()):
        by_hand(tmp_path, text)
        with pytest.raises(UsageError, match=r"adjusted\.csv"):
            read_results(tmp_path)


def test_an_edited_result_is_not_taken_and_compared_as_such(tmp_path):
    store = save(tmp_path / "old", result("ada", check("f", 1)))
    data = json.loads(store.path("ada").read_bytes())
    data["score"] = 3.0
    store.path("ada").write_text(json.dumps(data))
    with pytest.raises(
        UsageError, match=r"ada.json gives 3 points, but .* add up to 1: .*adjusted"
    ):
        read_results(store.folder)
    data["checks"][0]["points"] = 3.0
    store.path("ada").write_text(json.dumps(data))
    with pytest.raises(UsageError, match=r"ada.json was edited by hand: .*adjusted.csv"):
        read_results(store.folder)
    new = save(tmp_path / "new", result("ada", check("f", 1)))
    ((pair,), _) = pairs_of(store.folder, new.folder)
    assert pair.why == ["edited by hand"]


def test_a_score_set_by_hand_is_no_change_of_a_regrading(tmp_path):
    store = save(
        tmp_path / "a", result("ada", check("f", 1)), result("ada", check("f", 3), sha256="")
    )
    by_hand(store.folder, HEAD + "ada,2,a word\n")
    (pair,) = pairs_in(store.folder)
    assert (pair.before.score, pair.after.score) == (2, 2)
    assert pair.why == ["submission", "set by hand, graded 3: a word"]
    other = save(tmp_path / "b", result("ada", check("f", 3), sha256=""))
    assert compared(other.folder, store.folder)[1] == "ada 3 → 2 −1 set by hand, graded 3: a word"
    assert compared(store.folder, other.folder)[1] == "ada 2 → 3 +1 no longer set by hand"


def test_the_gradebook_has_the_score_that_counts(tmp_path):
    api = pytest.importorskip("nbgrader.api")
    from gradus.course import Topic
    from gradus.tools.nbgrader.gradebook import export_gradebook

    store = save(tmp_path, result("ada", check("f", 3), check("g", 3)))
    topic, database = Topic(id="mlp", title="Perceptron", points=6), tmp_path / "gradebook.db"

    def score() -> float:
        export_gradebook(read_results(store.folder), topic, str(database))
        with api.Gradebook(f"sqlite:///{database}") as gradebook:
            return gradebook.find_submission("mlp", "ada").score

    by_hand(tmp_path, HEAD + "ada,1.5,a word\n")
    assert score() == 1.5
    (tmp_path / "adjusted.csv").unlink()
    assert score() == 6
