"""Result files: what the next run, and a crash in the middle, find."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradus.course import UsageError
from gradus.grading.store import Store, file_stem, replaced_by
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
        saved = store.save(result(name))
        assert store.load(name) == saved
        assert bare(store.load(name)) == result(name)
    store.save(result("ada", seconds=1))
    assert bare(store.load("ada")) == result("ada", seconds=1)
    assert len(os.listdir(store.folder)) == 4  # no temporary file stays, and nothing has changed


def bare(saved: Result | None) -> Result:
    assert saved is not None
    assert saved.digest
    return saved.model_copy(update={"digest": ""})


@pytest.mark.parametrize("name", ["ada", "../../etc/cron", "Zoë 李", "x" * 250, "a.b", ""])
def test_what_a_result_replaces_is_kept_as_it_was(tmp_path, name):
    """However often, in order, whatever the clock says; and what says the same is not."""
    store = Store(tmp_path)
    versions = [result(name, message=f"version {n}", seconds=n) for n in range(12)]
    files = []
    for version in versions:
        store.save(version)
        files.append(store.path(name).read_bytes())
        store.save(version.model_copy(update={"seconds": 99}))
        store.path(name).write_bytes(files[-1])
    kept = sorted((tmp_path / ".history").rglob("*.json"))
    assert [file.read_bytes() for file in kept] == files[:-1]
    assert replaced_by(store.path(name)) == kept[-1]
    assert kept[-1].parent.name == store.path(name).stem
    assert os.listdir(tmp_path / ".history") == [kept[-1].parent.name]


def test_nothing_is_replaced_that_cannot_be_kept(tmp_path):
    store = Store(tmp_path)
    store.save(result("ada"))
    (tmp_path / ".history").write_text("in the way")
    before = store.path("ada").read_bytes()
    with pytest.raises(UsageError, match=r"^cannot write .*\.history/ada/.*: [A-Z]"):
        store.save(result("ada", message="new"))
    assert store.path("ada").read_bytes() == before


def test_an_edited_file_shows_it_and_one_laid_out_anew_does_not(tmp_path):
    store = Store(tmp_path)
    passed = result("ada").checks[0].model_copy(update={"points": 2, "status": Status.PASSED})
    store.save(result("ada"))
    assert store.read("ada")[1] == ""
    data = json.loads(store.path("ada").read_bytes())

    def edited(**changes: object) -> str:
        store.path("ada").write_text(json.dumps({**data, **changes}, indent=4, sort_keys=True))
        return store.read("ada")[1]

    check = passed.model_dump(mode="json")
    assert edited() == ""
    assert edited(score=2) == "gives 2 points, but its checks add up to 0"
    assert edited(score=2, checks=[check]) == "was edited by hand"
    assert edited(notes=["a word"]) == "was edited by hand"
    assert edited(score=9, checks=[{**check, "points": 9}]) == "gives 9 of 2 in test_linear"
    assert (
        edited(score="NaN", checks=[{**check, "points": "NaN"}]) == "gives nan of 2 in test_linear"
    )
    by_hand = {"graded": 0, "reason": "of a file of `gradus grade --jsonl`"}
    assert edited(score=2, adjusted=by_hand, digest="") == "was edited by hand"
    assert edited(score=2, digest="") == "gives 2 points, but its checks add up to 0"
    old = {key: value for key, value in data.items() if key not in ADDED}  # of a version before
    store.path("ada").write_text(json.dumps(old))
    assert store.read("ada") == (result("ada"), "")


ADDED = ("conditions", "alone", "adjusted", "digest")


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"^cannot make the folder .*mlp: Not a dir.*--out$"):
        Store(tmp_path / "file" / "mlp").open()
    with pytest.raises(UsageError, match=r"^cannot make the folder .*file: File exists.*--out$"):
        Store(tmp_path / "file").save(result("ada"))


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
    assert bare(Store(tmp_path).load("ada")) == result("ada")


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
