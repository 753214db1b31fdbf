"""A class graded for real: judges, contained submissions, results files, interruptions."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from gradus.commands.grade import grade
from gradus.course import Course, UsageError, load_course
from gradus.grading import pool
from gradus.grading.pool import NoResult, run_jobs
from gradus.jobs import Job
from gradus.results import Result
from gradus.sandbox.levels import best_level

GRADUS = [sys.executable, "-P", "-m", "gradus"]

COURSE = """
title: A small course
isolation: process
limits: {check_seconds: 3, submission_seconds: 20}
topics:
  - {id: tiny, title: Tiny, points: 6}
"""
TESTS = '''
from gradus.checks import call, check_values, points, public


@public
@points(2, of="double_forward")
def test_double(student, rng):
    """Twice x."""
    x = rng.normal(3, 2)
    check_values(call(student, "double_forward", x)[0], 2 * x, "out")


@points(4, of="total")
def test_total(student, rng):
    """The sum of x."""
    x = rng.normal(3, 2)
    check_values(call(student, "total", x), x.sum(), "total")
'''
DOUBLE = "def double_forward(x):\n    return 2 * x, None\n\n\n"
TOTAL = "def total(x):\n    return x.sum()\n"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    monkeypatch.delenv("GRADUS_SALT", raising=False)
    (tmp_path / "hidden_tests").mkdir()
    (tmp_path / "course.yaml").write_text(COURSE)
    (tmp_path / "hidden_tests" / "test_tiny.py").write_text(TESTS)
    (tmp_path / "class").mkdir()
    monkeypatch.chdir(tmp_path)
    return load_course(tmp_path / "course.yaml")


def hand_in(course: Course, **sources: str) -> Path:
    for name, source in sources.items():
        (course.root / "class" / f"{name}.py").write_text(source)
    return course.root / "class"


def run(course: Course, *paths: Path, **options: object) -> int:
    """`gradus grade`, as a rule with one judge: each takes seconds to start."""
    defaults = {"out": course.root / "results", "isolation": best_level(), "judges": 1}
    options = {**defaults, **options}
    return grade(course, "tiny", paths or [course.root / "class"], **options)


def saved(course: Course, folder: str = "results") -> dict[str, Result]:
    files = (course.root / folder / "tiny").glob("*.json")
    results = [Result.model_validate_json(file.read_bytes()) for file in files]
    return {result.submission: result for result in results}


def timeless(results: dict[str, Result]) -> dict[str, object]:
    """The results without how long anything took."""
    return {
        name: result.model_copy(
            update={
                "seconds": 0,
                "digest": "",
                "checks": [check.model_copy(update={"seconds": 0}) for check in result.checks],
            }
        )
        for name, result in results.items()
    }


def test_every_submission_of_a_wild_class_has_its_own_result(course, capfd):
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
            for source in ("%matplotlib inline\n" + DOUBLE, "1 / 0", TOTAL)
        ],
    }
    folder = hand_in(
        course,
        ada=DOUBLE + TOTAL,
        half=DOUBLE,
        wrong=DOUBLE + TOTAL.replace("sum", "mean"),
        hang=DOUBLE + "def total(x):\n    while True: pass\n",
        dies=DOUBLE + "def total(x):\n    import ctypes; ctypes.string_at(0)\n",
        leaves="import os\nos._exit(0)\n" + DOUBLE,
        syntax="def double_forward(x:\n",
        empty="",
        noisy="print('{\"score\": 6}')\n" + DOUBLE + TOTAL,
    )
    (folder / "emmy.ipynb").write_text(json.dumps(notebook))
    (folder / "thief.py").symlink_to(course.test_file(course.topic("tiny")))
    os.mkfifo(folder / "fifo.py")
    assert run(course, jsonl=True, judges=2) == 0
    results = saved(course)
    assert {name: (result.status.value, result.score) for name, result in results.items()} == {
        "ada": ("graded", 6),
        "half": ("graded", 2),
        "wrong": ("graded", 2),
        "hang": ("graded", 2),
        "dies": ("graded", 2),
        "leaves": ("crashed", 0),
        "syntax": ("unreadable", 0),
        "empty": ("unreadable", 0),
        "noisy": ("graded", 6),
        "emmy": ("graded", 6),
        "thief": ("unreadable", 0),
        "fifo": ("unreadable", 0),
    }
    printed = [Result.model_validate_json(line) for line in capfd.readouterr().out.splitlines()]
    assert {result.submission: result for result in printed} == results
    assert len(printed) == len(results)
    for result in results.values():
        assert result.max_score == 6
        assert [check.name for check in result.checks] == ["test_double", "test_total"]
        assert result.isolation == best_level()
        assert result.main_diagnosis() or result.score == 6
    by_total = {name: result.checks[1].status.value for name, result in results.items()}
    assert (by_total["hang"], by_total["dies"], by_total["half"]) == (
        "timeout",
        "killed",
        "missing",
    )


def test_a_long_name_takes_no_score_out_of_the_table(course, capfd):
    hand_in(course, bob=DOUBLE, **{"a" * 200: DOUBLE, "李" * 20: DOUBLE})
    assert run(course) == 0
    rows = [line.split(maxsplit=3) for line in capfd.readouterr().out.splitlines()[1:4]]
    assert [row[0] for row in rows] == ["a" * 63 + "…", "bob", "李" * 20]
    for _, score, status, rest in rows:
        assert (score, status) == ("2/6", "graded")
        assert rest.startswith("not implemented yet: total ")


def test_only_what_changed_is_graded_again(course, capfd):
    hand_in(course, ada=DOUBLE + TOTAL, carl=DOUBLE, emmy=DOUBLE + TOTAL)

    def again() -> tuple[set[str], str]:
        """The submissions that were graded anew, and what was said."""
        before = {name: file_time(course, name) for name in ("ada", "carl", "emmy")}
        assert run(course) == 0
        told = capfd.readouterr()
        anew = {name for name, written in before.items() if written != file_time(course, name)}
        return anew, told.out + told.err

    assert again()[0] == {"ada", "carl", "emmy"}
    anew, told = again()
    assert anew == set()
    assert "3 as before" in told
    assert "mean 4.7 of 6" in told
    hand_in(course, carl=DOUBLE + TOTAL)
    (course.root / "results/tiny/ada.json").write_text("{")
    anew, told = again()
    assert anew == {"ada", "carl"}
    assert "ada.json.bad" in told
    assert saved(course)["carl"].score == 6
    file = course.test_file(course.topic("tiny"))
    file.write_text(TESTS.replace("2 * x,", "3 * x,"))
    anew, told = again()
    assert anew == {"ada", "carl", "emmy"}
    assert "3 saved results were of other tests" in told
    assert saved(course)["ada"].score == 4


def file_time(course: Course, name: str) -> int:
    file = course.root / "results" / "tiny" / f"{name}.json"
    return file.stat().st_mtime_ns if file.exists() else 0


def tree(pid: int) -> set[tuple[int, str]]:
    """The process and all below it, each with its start time."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = (int(fields[1]), fields[19])
    found, todo = set(), [pid]
    while todo:
        one = todo.pop()
        if one in parents:
            found.add((one, parents[one][1]))
        todo += [child for child, (parent, _) in parents.items() if parent == one]
    return found


def alive(process: tuple[int, str]) -> bool:
    try:
        fields = Path(f"/proc/{process[0]}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == process[1] and fields[0] != "Z"


def until(condition, what: str) -> None:
    """Wait for something that must happen; how long it takes is the machine's affair."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def started(course: Course) -> subprocess.Popen[str]:
    """`gradus grade` on its own, once two results are saved."""
    command = [*GRADUS, "grade", "tiny", "class", "--workers", "2", "--isolation", best_level()]
    process = subprocess.Popen(
        command, cwd=course.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: len(saved(course)) >= 2 or process.poll() is not None, "no result appears")
    assert process.poll() is None, process.communicate()
    return process


SLOW = "import time\n" + DOUBLE + "def total(x):\n    time.sleep(1)\n    return x.sum()\n"


def test_killed_in_the_middle_it_goes_on_to_the_same_results(course):
    hand_in(course, **{f"s{n}": SLOW for n in range(4)}, u=DOUBLE, v="def total(x): return 0 * x")
    assert run(course, out=course.root / "undisturbed") == 0
    process = started(course)
    processes = tree(process.pid)
    assert len(processes) >= 3
    process.kill()
    process.communicate()
    until(lambda: not any(map(alive, processes)), "something lives on")
    before = saved(course)
    assert 2 <= len(before) < 6
    assert run(course) == 0
    assert {name: saved(course)[name] for name in before} == before
    assert timeless(saved(course)) == timeless(saved(course, "undisturbed"))


def test_ctrl_c_ends_everything_and_says_what_is_saved(course):
    hand_in(course, **{f"s{n}": SLOW for n in range(6)})
    process = started(course)
    processes = tree(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert f"{len(saved(course))} of 6 results are in results/tiny" in err
    assert "Traceback" not in err
    assert out == ""
    until(lambda: not any(map(alive, processes)), "something lives on")


def test_a_judge_that_dies_is_replaced_and_costs_no_other_submission(course):
    """The fault is in a check, as only the course's own code can kill a judge."""
    once = course.root / "once"
    kills = (
        "    if x.shape == y.shape and (y < 0).all() and (y == y[0]).all():\n"
        "        import pathlib\n"
        f"        first = pathlib.Path({str(once)!r})\n"
        "        if y.max() == -2 or not first.exists():\n"
        "            first.touch(); print('the judge fell ill'); import os; os._exit(7)\n"
    )
    test_file = course.test_file(course.topic("tiny"))
    test_file.write_text(
        TESTS.replace("    check_values(call", "    y = student.double_forward(x)[0]\n" + kills
                      + "    check_values(call", 1)
    )  # fmt: skip
    minus = "def double_forward(x):\n    return 0 * x - {}, None\n"
    jobs = [  # the first two of them are lost, and the rest graded nevertheless
        Job("always", "always.py", minus.format(2).encode()),
        Job("again", "again.py", minus.format(2).encode()),
        Job("fine", "fine.py", (DOUBLE + TOTAL).encode()),
        Job("once", "once.py", (minus.format(1) + TOTAL).encode()),
        Job("after", "after.py", DOUBLE.encode()),
    ]
    done = run_jobs(
        course.topic("tiny"), test_file, iter(jobs), judges=1, level=best_level(), salt="s"
    )
    results = {job.submission: result for job, result in done}
    for name in ("always", "again"):
        lost = results.pop(name)
        assert isinstance(lost, NoResult)
        assert "exit status 7" in lost.reason
        assert "the judge fell ill" in lost.reason
    assert {name: result.score for name, result in results.items()} == {
        "fine": 6,
        "once": 4,
        "after": 2,
    }


def test_a_judge_that_hangs_is_ended(course, monkeypatch):
    monkeypatch.setattr(pool, "_START_SECONDS", 0.0)
    test_file = course.test_file(course.topic("tiny"))
    test_file.write_text("import time\ntime.sleep(1000)\n" + TESTS)
    limits = course.topic("tiny").limits.model_copy(update={"submission_seconds": 0.1})
    topic = course.topic("tiny").model_copy(update={"limits": limits})
    jobs = [Job("ada", "ada.py", DOUBLE.encode())]
    ((_, lost),) = run_jobs(topic, test_file, jobs, judges=1, level="process", salt="s")
    assert isinstance(lost, NoResult)
    assert lost.reason.startswith("no answer within 2 s")


def test_a_submission_without_a_result_is_told_and_exits_1(course, capfd):
    """And where no judge works at all, not every submission has to wait for two of them."""
    course.test_file(course.topic("tiny")).write_text(
        TESTS.replace("    check_values(call", "    import os; os._exit(3)\n    check_values(call")
    )
    names = [f"s{n}" for n in range(5)]
    hand_in(course, **dict.fromkeys(names, DOUBLE))
    assert run(course) == 1
    told = capfd.readouterr()
    assert "0 graded" in told.out
    assert f"no result: {', '.join(names)}:\n    exit status 3" in told.err
    assert saved(course) == {}


def test_no_file_of_the_class_is_run_by_a_judge(course):
    """`gradus grade tiny .` inside the folder of submissions, which are named like modules."""
    trap = (
        "import sys\n"
        "if 'submission' not in ' '.join(sys.orig_argv):\n"
        f"    open({str(course.root / 'caught')!r}, 'a').write(' '.join(sys.orig_argv))\n"
    )
    names = ("torch", "numpy", "random", "gradus", "conftest", "sitecustomize", "msgpack")
    folder = hand_in(course, **dict.fromkeys(names, trap + DOUBLE))
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --definitely-not-an-option\n")
    command = [*GRADUS, "grade", "tiny", ".", "--out", "../results", "--workers", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name: result.score for name, result in saved(course).items()} == dict.fromkeys(names, 2)
    assert not (course.root / "caught").exists(), (course.root / "caught").read_text()


COMPUTES = """
import time
def total(x):
    until = time.process_time() + 2
    while time.process_time() < until:
        pass
    return x.sum()
"""


def test_a_submission_has_one_core_beside_others(course):
    """However many processes it starts, a neighbour's core is not theirs."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is no other core here")
    counts = (
        "def total(x):\n    import os\n    return x.sum() * (len(os.sched_getaffinity(0)) == {})\n"
    )
    hand_in(course, one=counts.format(1), all=counts.format(len(os.sched_getaffinity(0))))
    assert run(course, judges=2) == 0
    assert {name: result.score for name, result in saved(course).items()} == {"one": 4, "all": 0}
    assert run(course, judges=1, out=course.root / "alone") == 0
    alone = saved(course, "alone")
    assert {name: result.score for name, result in alone.items()} == {"one": 0, "all": 4}


def test_the_time_for_a_check_can_be_set(course):
    hand_in(course, slow=COMPUTES)
    assert run(course, timeout=0.5) == 0
    assert saved(course)["slow"].checks[1].status == "timeout"
    assert run(course, timeout=30) == 0  # another limit is another test
    assert saved(course)["slow"].score == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["grade", "tinny", "class"], "did you mean 'tiny'?"),
        (["grade", "tiny", "nowhere"], "nowhere: No such file"),
        (["grade", "tiny", "class"], "no submissions in class"),
        (["grade", "tiny", "class", "--timeout", "0"], "--timeout"),
        (["grade", "tiny"], "PATH"),
    ],
)
def test_wrong_usage_exits_2_with_one_line_and_no_results(course, arguments, told):
    done = subprocess.run([*GRADUS, *arguments], cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (course.root / "results").exists()


def test_broken_tests_are_told_before_anything_is_graded(course):
    hand_in(course, ada=DOUBLE)
    test_file = course.test_file(course.topic("tiny"))
    test_file.write_text(TESTS.replace("points(4", "points(5"))
    with pytest.raises(UsageError, match=r"points: 6, but the checks .* add up to 7"):
        run(course)
    test_file.write_text("import no_such_module\n" + TESTS)
    with pytest.raises(UsageError, match="no_such_module"):
        run(course)
    test_file.unlink()
    with pytest.raises(UsageError, match="has no tests"):
        run(course)


def test_a_download_is_graded_from_its_zip_and_says_what_counted(course, capfd):
    """nbformat 3 and 20 MB of outputs in one notebook; a bomb and a late file beside it."""
    cell = {"cell_type": "code", "language": "python", "input": DOUBLE + TOTAL, "collapsed": False}
    cell["outputs"] = [{"output_type": "stream", "text": ["epoch 1\n"] * 2_000_000}]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny.py", b"\0" * 150_000_000)
    with zipfile.ZipFile(course.root / "submissions.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lovelaceada_1_10_tiny.py", DOUBLE)
        archive.writestr("lovelaceada_LATE_1_11_tiny-1.py", DOUBLE + TOTAL)
        archive.writestr("noetheremmy_2_12_tiny.ipynb", json.dumps(old))
        archive.writestr("mallory_3_13_tiny.zip", bomb.getvalue())
    assert run(course, course.root / "submissions.zip") == 0
    results = saved(course)
    assert {name: (result.score, result.status.value) for name, result in results.items()} == {
        "lovelaceada_1": (6, "graded"),
        "mallory_3": (0, "unreadable"),
        "noetheremmy_2": (6, "graded"),
    }
    late = "late; tiny-1.py counts, the newest of 2; not graded: tiny.py"
    assert results["lovelaceada_1"].notes == [late]
    assert results["lovelaceada_1"].handed_in.people[0].id == "1"
    assert "a zip bomb" in results["mallory_3"].message
    assert run(course, course.root / "submissions.zip") == 0
    told = capfd.readouterr().out
    assert "3 graded (2 as before)" in told
    assert " · 1 late · " in told
