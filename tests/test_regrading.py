"""A class graded again: what is kept of before, what is told, and what the machine did."""

import hashlib
import json
import os
import subprocess
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from test_grading import DOUBLE, GRADUS, TESTS, TOTAL, course, hand_in, run, saved, timeless

from gradus.course import Course, Topic, UsageError
from gradus.digests import mistakes_digest
from gradus.grading.grade import Conditions, grade_class
from gradus.grading.pool import run_jobs
from gradus.grading.store import Store
from gradus.inbox.downloads import gather
from gradus.results import Result, read_result

__all__ = ["course"]  # the fixture

CONDITIONS = ["tests", "course.yaml", "limits", "salt", "mistakes"]
KILLED = DOUBLE + "def total(x):\n    import os\n    os.kill(os.getpid(), 9)\n"
LEAVES = "import os\nos._exit(3)\n" + DOUBLE


def once(folder: Path, what: str) -> str:
    """A submission that `what` happens to the first time, as a machine might have done it."""
    return DOUBLE + (
        "def total(x):\n"
        "    import os, pathlib, time\n"
        f"    first = pathlib.Path({str(folder / 'once')!r})\n"
        "    if not first.exists():\n"
        f"        first.touch(); {what}\n"
        "    return x.sum()\n"
    )


def of_the_class(course: Course) -> dict[str, tuple[str, float, bool, list[str]]]:
    return {
        name: (result.status.value, result.score, result.alone, result.notes)
        for name, result in saved(course).items()
    }


def test_what_a_signal_or_a_limit_ended_is_graded_once_more_and_says_so(course, capfd):
    """The others not: a loop that does not end is the submission's own."""
    hand_in(
        course,
        ada=DOUBLE + TOTAL,
        always=KILLED,
        hangs=DOUBLE + "def total(x):\n    while True: pass\n",
        leaves=LEAVES,
        once=once(course.root, "os.kill(os.getpid(), 9)"),
        syntax="def double_forward(x:\n",
    )
    (course.root / "class" / "syntax.py").write_bytes(b"\0")
    assert run(course, isolation="process", judges=2) == 0
    killed = "total: the process was killed (out of memory? limit 1024 MB)"
    left = "the process exited (status 3) while it was loaded"
    first = f"graded twice, the second time alone; what ended the first: {killed}"
    expected = {
        "ada": ("graded", 6, False, []),
        "always": ("graded", 2, True, [f"ended twice, the second time alone: {killed}"]),
        "hangs": ("graded", 2, False, []),
        "leaves": ("crashed", 0, True, [f"ended twice, the second time alone: {left}"]),
        "once": ("graded", 6, True, [first]),
        "syntax": ("unreadable", 0, False, []),
    }
    assert of_the_class(course) == expected
    told = capfd.readouterr()
    assert "graded once more, alone, for a signal or a limit ended it: " in told.err
    summary = "6 graded · mean 2.7 of 6 · 1 crashed · 1 unreadable · 2 ended twice · 3 noted · iso"
    assert summary in told.out
    assert run(course, isolation="process") == 0
    assert "6 graded (5 as before)" in capfd.readouterr().out  # a file that is none is soon read
    assert of_the_class(course) == expected
    file = course.root / "results" / "tiny" / "always.json"
    kept = json.loads(file.read_bytes())  # as a version before has kept it
    for name in ("alone", "adjusted", "digest", "conditions"):
        del kept[name]
    file.write_text(json.dumps({**kept, "notes": []}))
    assert run(course, course.root / "class" / "always.py", isolation="process") == 0
    assert of_the_class(course) == expected


def test_what_waited_too_long_is_graded_once_more(course):
    """As on a machine that stood still; and so is what used up all its time."""
    waits = once(course.root, "time.sleep(1000)")
    hand_in(course, waits=waits, total="import time\nwhile True: pass\n" + DOUBLE)
    assert run(course, isolation="process", timeout=0.2) == 0
    notes = {name: result.notes for name, result in saved(course).items()}
    assert notes["waits"] == [
        "graded twice, the second time alone; what ended the first: total: "
        "took longer than 2 s and computed in little of it: does it wait for something?"
    ]
    assert notes["total"][0].startswith("ended twice, the second time alone: while it was loaded")
    assert saved(course)["waits"].score == 6


def test_interrupted_before_the_second_grading_nothing_is_kept_of_the_first(course):
    hand_in(course, a=KILLED, b=DOUBLE)
    topic, test_file = course.topic("tiny"), course.test_file(course.topic("tiny"))
    jobs = partial(run_jobs, topic, test_file, judges=1, level="process", salt="s")
    store = Store(course.root / "results" / "tiny")
    conditions = Conditions(topic, test_file, [], "s", "process")
    with closing(
        grade_class(gather([course.root / "class"], "tiny"), conditions, store, jobs, jobs)
    ) as outcomes:
        assert next(outcomes).name == "b"
    assert saved(course).keys() == {"b"}


def test_a_regrading_says_who_changes_and_keeps_what_was_there(course, capfd):
    hand_in(course, ada=DOUBLE + TOTAL, carl=DOUBLE, emmy=DOUBLE + TOTAL)
    assert run(course) == 0
    before = (course.root / "results/tiny/ada.json").read_bytes()
    assert "changed since" not in capfd.readouterr().out
    assert list(saved(course)["ada"].conditions) == CONDITIONS
    assert run(course, force=True) == 0  # the same again
    assert "change" not in capfd.readouterr().out
    assert not list((course.root / "results").rglob(".history/*/*"))
    test_file = course.test_file(course.topic("tiny"))
    test_file.write_text(TESTS.replace("x.sum()", "2 * x.sum()"))
    hand_in(course, carl=DOUBLE + TOTAL.replace("x.sum", "2 * x.sum"))
    assert run(course, jsonl=True) == 0
    told = capfd.readouterr()
    printed = [Result.model_validate_json(line) for line in told.out.splitlines()]
    assert {result.submission: result for result in printed} == saved(course)
    lines = [" ".join(line.split()) for line in told.err.splitlines()]
    start = lines.index("changed since the results that were here before:")
    assert lines[start + 2 : start + 6] == [
        "ada 6 → 2 −4 total 4 → 0 tests",
        "carl 2 → 6 +4 total 0 → 4 submission, tests",
        "emmy 6 → 2 −4 total 4 → 0 tests",
        "3 of 3 change · mean 4.7 → 3.3",
    ]
    (kept,) = (course.root / "results/tiny/.history/ada").iterdir()
    assert read_result(kept.read_bytes())[0].score == 6
    assert json.loads(kept.read_bytes()).keys() == json.loads(before).keys()
    assert run(course) == 0
    assert "changed since" not in capfd.readouterr().out


def test_what_decides_a_result_is_known_apart_and_tells_no_secret(course):
    topic, test_file = course.topic("tiny"), course.test_file(course.topic("tiny"))

    def digests(topic: Topic = topic, salt: str = "secret") -> dict[str, str]:
        named = mistakes_digest(course, topic)
        return Conditions(topic, test_file, [], salt, "process", mistakes=named).digests

    def changed(now: dict[str, str]) -> list[str]:
        return [name for name, digest in now.items() if digest != before[name]]

    before = digests()
    assert list(before) == CONDITIONS
    assert changed(digests()) == []
    assert changed(digests(topic.model_copy(update={"points": 7}))) == ["course.yaml"]
    assert changed(digests(topic.model_copy(update={"minutes": 7}))) == []
    limits = topic.limits.model_copy(update={"memory_mb": 7})
    assert changed(digests(topic.model_copy(update={"limits": limits}))) == ["limits"]
    assert changed(digests(salt="other")) == ["salt"]
    assert hashlib.sha256(b"secret").hexdigest()[:16] not in before.values()
    test_file.write_text(TESTS + "# a word\n")
    assert changed(digests()) == ["tests"]
    test_file.write_text(TESTS)
    (test_file.parent / "mistakes").mkdir()
    course.mistakes(topic).write_text("# none")
    assert changed(digests()) == ["mistakes"]


def test_an_edited_result_is_told_kept_and_graded_again(course, capfd):
    hand_in(course, ada=DOUBLE, carl=DOUBLE, emmy=DOUBLE)
    assert run(course) == 0
    whole = timeless(saved(course))
    for name, changes in {"ada": {"score": 6.0}, "carl": {"message": "a word"}}.items():
        file = course.root / "results" / "tiny" / f"{name}.json"
        file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}))
    capfd.readouterr()
    assert run(course) == 0
    told = capfd.readouterr()
    error = " ".join(told.err.split())
    adjusted = "graded again; a score is set by hand in adjusted.csv beside it: submission,score,r"
    assert f"ada.json gives 6 points, but its checks add up to 2: {adjusted}" in error
    assert f"carl.json was edited by hand: {adjusted}" in error
    assert "emmy" not in error
    assert "ada 6 → 2 −4 edited by hand" in " ".join(told.out.split())
    assert timeless(saved(course)) == whole
    (kept,) = (course.root / "results/tiny/.history/ada").iterdir()
    assert json.loads(kept.read_bytes())["score"] == 6
    file.write_text(file.read_text().replace('"tiny"', '"adam"'))
    assert run(course, course.root / "class" / "carl.py") == 0
    assert "carl.json is a result of the topic 'adam': kept as" in capfd.readouterr().err


def test_a_score_set_by_hand_is_shown_and_its_file_is_not_touched(course, capfd):
    hand_in(course, ada=DOUBLE + TOTAL, carl=DOUBLE)
    assert run(course) == 0
    file = course.root / "results" / "tiny" / "adjusted.csv"
    file.write_text("submission,score,reason\nada,3,not her own\ncarl,4.5,the text was wrong\n")
    written = file.stat().st_mtime_ns
    capfd.readouterr()
    assert run(course, course.root / "class" / "carl.py") == 0
    told = capfd.readouterr().out
    assert "4.5/6" in told
    assert "set by hand, graded 2: the text was wrong · not implemented" in told
    assert " · mean 4.5 of 6 · 1 set by hand · " in told
    assert run(course, jsonl=True, force=True) == 0
    printed = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {one["submission"]: (one["score"], one["adjusted"]["graded"]) for one in printed} == {
        "ada": (3, 6),
        "carl": (4.5, 2),
    }
    assert {name: result.score for name, result in saved(course).items()} == {"ada": 6, "carl": 2}
    assert file.stat().st_mtime_ns == written
    file.write_text("submission,score,reason\nada,3,\neve,1,x\n")
    with pytest.raises(UsageError, match=r"csv:2: the reason .*\n.*csv:3: no submission .* 'eve'"):
        run(course, force=True)


def told_in_a_line(course: Course, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [*GRADUS, "grade", "tiny", "class", "--workers", "1", *options],
        cwd=course.root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_folder_or_a_salt_that_cannot_be_used_is_told_in_a_line(course):
    hand_in(course, ada=DOUBLE)
    assert "cannot make the folder course.yaml/tiny: Not a dir" in told_in_a_line(
        course, "--out", "course.yaml"
    )
    assert "GRADUS_SALT is empty" in told_in_a_line(course, GRADUS_SALT=" ")
    salt = course.root / "hidden_tests" / ".salt"
    salt.write_bytes(b"\xff\xfe\xfd" * 9)
    assert ".salt is not text" in told_in_a_line(course)
    salt.write_text("\n")
    assert ".salt is empty" in told_in_a_line(course)
    assert not list((course.root / "results").rglob("*.json"))


def test_a_salt_that_can_be_guessed_is_told(course, capfd):
    hand_in(course, ada=DOUBLE)
    (course.root / "hidden_tests" / ".salt").write_text("abc\n")
    assert run(course) == 0
    assert "the salt has 3 characters and can be guessed" in capfd.readouterr().err


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_in_a_line_and_what_was_there_stays(course, small_disk):
    hand_in(course, ada=DOUBLE + TOTAL, carl=DOUBLE)
    out = small_disk / "results"
    assert run(course, out=out) == 0
    before = (out / "tiny" / "ada.json").read_bytes()
    with open(small_disk / "filler", "wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)) == 4096:
            pass
    hand_in(course, ada=DOUBLE)
    told = told_in_a_line(course, "--out", str(out))
    assert ": No space left on device; " in told
    assert "of 2 results are in" in told
    assert (out / "tiny" / "ada.json").read_bytes() == before
    there = {file.name for file in (out / "tiny").iterdir()}
    assert there <= {"ada.json", "carl.json", ".history", ".paths"}  # and no draft
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert "cannot write into " in told_in_a_line(course, "--out", str(out))
