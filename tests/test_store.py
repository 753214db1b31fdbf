"""Result files: what the next run, and a crash in the middle, find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradus.grading.store import Store, file_stem
from gradus.results import CheckResult, Result, Status, SubmissionStatus


def result(name: str, **changes: object) -> Result:
    check = CheckResult(
        name="test_linear",
        title="values",
        function="linear_forward",
        points=0,
        max_points=2,
        status=Status.FAILED,
        message="off by ∞",
        metrics={"loss": float("inf")},
    )
    fields = {
        "submission": name,
        "topic": "mlp",
        "status": SubmissionStatus.GRADED,
        "score": 0,
        "max_score": 2,
        "isolation": "process",
        "device": "cpu",
        "seconds": 0.1,
        "sha256": "0" * 64,
        "checks": [check],
    }
    return Result(**{**fields, **changes})


def test_what_is_saved_is_read_back(tmp_path):
    store = Store(tmp_path / "results" / "mlp")
    assert store.load("ada") is None
    for name in ("ada", "../../etc/cron", "Zoë 李", "x" * 250):
        store.save(result(name))
        assert store.load(name) == result(name)
    store.save(result("ada", score=1))
    assert store.load("ada") == result("ada", score=1)
    assert len(os.listdir(store.folder)) == 4  # no temporary file stays


@pytest.mark.parametrize("damage", ['{"submission": "ada", "sc', "[]", "\xff\0", "", "{}"])
def test_a_damaged_file_is_told_and_kept_aside(tmp_path, damage):
    store = Store(tmp_path)
    store.path("ada").write_text(damage)
    with pytest.raises(ValueError, match=r"ada\.json is not a result"):
        store.load("ada")
    assert store.set_aside("ada").read_text() == damage
    assert store.load("ada") is None


def test_the_result_of_somebody_else_is_not_taken(tmp_path):
    store = Store(tmp_path)
    store.save(result("ada"))
    store.path("ada").rename(store.path("emmy"))
    with pytest.raises(ValueError, match="the result of 'ada'"):
        store.load("emmy")


def test_killed_in_the_middle_of_writing_leaves_a_whole_file(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_store import *\n"
        "os.fsync = lambda fd: os.kill(os.getpid(), 9)\n"
        "Store(Path(sys.argv[1])).save(result('ada', score=2))\n"
    )
    Store(tmp_path).save(result("ada"))
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), here])
    assert done.returncode == -9
    assert Store(tmp_path).load("ada") == result("ada")


@given(st.text(), st.text())
@example("a/b", "a%2Fb")
@example("~", "%7E")
@example("", "%")
@example("x" * 300, "x" * 299)
@example("x" * 300, file_stem("x" * 300))
def test_file_names_are_safe_and_differ(one, other):
    for name in (one, other):
        stem = file_stem(name)
        assert os.path.basename(stem) == stem
        assert stem[0] != "."
        assert stem.isprintable()
        assert len(stem.encode()) <= 200
        assert file_stem(name) == stem
    assert (file_stem(one) == file_stem(other)) == (one == other)
