"""What one student calls and packs files costs nobody else a result, a name, or an hour."""

import cProfile
import io
import json
import tarfile

import pytest
from test_downloads import CODE, packed, text, tree, why

from gradus.inbox.downloads import gather
from gradus.inbox.found import LONGEST_NAME, Found

MOODLE = "_assignsubmission_file_"


def names(found: list[Found]) -> list[str]:
    return [item.name for item in found]


def far_offset() -> bytes:
    """A zip whose index says that its file begins at byte 2⁶³."""
    data = bytearray(packed({"mlp.py": CODE}))
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    data[at + 42 : at + 46] = b"\xff" * 4
    data[at + 30 : at + 32] = (12).to_bytes(2, "little")
    extra = (1).to_bytes(2, "little") + (8).to_bytes(2, "little") + (1 << 63).to_bytes(8, "little")
    data[end:end] = extra
    data[-10:-6] = (end - at + 12).to_bytes(4, "little")  # how long the index is
    return bytes(data)


def in_tar(files: list[str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name in files:
            archive.addfile(tarfile.TarInfo(name))
    return data.getvalue()


@pytest.mark.parametrize(
    ("hers", "reason"),
    [
        ({"eve.zip": packed({"a/mlp.ipynb": "[" * 3000, "b/mlp.ipynb": "{}"})}, ""),
        ({"eve.zip": far_offset()}, "not a zip that can be read"),
    ],
    ids=["nested", "far away"],
)
def test_what_one_hands_in_ends_nobody_elses_grading(tmp_path, hers, reason):
    stub = tree(tmp_path / "handed_out", {"mlp.ipynb": "{}", "mlp.py": CODE})
    files = {"ada/mlp.py": CODE, **hers}
    (tmp_path / "class.zip").write_bytes(packed(files))
    for path in (tree(tmp_path / "class", files), tmp_path / "class.zip"):
        ada, eve = gather([path], "mlp", handed_out=stub)
        assert (ada.name, text(ada), eve.name) == ("ada", CODE, "eve")
        if reason:
            assert reason in why(eve)


def test_twice_as_many_files_are_twice_the_work(tmp_path):
    def calls(number: int) -> int:
        hers = {"eve.tar.xz": in_tar([f"{n}.py" for n in range(number)])}
        profile = cProfile.Profile()
        (eve,) = profile.runcall(gather, [tree(tmp_path / "class", hers)], "mlp")
        assert "which one counts: " in why(eve)
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(1000) < 3 * calls(500)


def test_no_day_is_too_early_or_too_late(tmp_path):
    days = dict(ada="0001-01-01 00:00:00 Asia/Tokyo")
    days |= dict(eve="9999-12-31 23:59:59 America/Los_Angeles")
    for student, day in days.items():
        files = {"mlp.ipynb": "{}", "timestamp.txt": day}
        tree(tmp_path / "submitted" / student / "mlp", files)
    assert names(gather([tmp_path / "submitted"], "mlp")) == ["ada", "eve"]


def test_a_notebook_of_millions_of_pieces_is_refused_and_one_of_pictures_is_not(tmp_path):
    cell = {"cell_type": "code", "source": [CODE], "outputs": [], "metadata": {}}
    book = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    files = {
        "ada.ipynb": book.replace("[]", '[{"data": {"image/png": "' + "A" * 12_000_000 + '"}}]', 1),
        "eve.ipynb": book.replace("[]", "[" + "[]," * 4_000_000 + "[]]", 1),
        "max.ipynb": '{"outputs":[]' + ',"outputs":[]' * 1_500_000 + "}",
    }
    ada, eve, other = gather([tree(tmp_path, files)], "mlp")
    assert CODE.strip() in text(ada)
    for item in (eve, other):
        assert why(item).endswith("more than 4000000 strings and brackets: clear the outputs")


def test_a_files_name_does_not_make_a_download_another_systems(tmp_path):
    files = {
        "lovelaceada_1_11_mlp.py": "# older\n",
        "lovelaceada_LATE_1_12_mlp-1.py": CODE,
        "gausscarl_2_21_mlp.py": CODE,
        **{f"eve_4_4{n}_x{n}_1{MOODLE}mlp.py": CODE for n in range(9)},
    }
    found = {item.name: item for item in gather([tree(tmp_path, files)], "mlp")}
    assert list(found) == ["eve_4", "gausscarl_2", "lovelaceada_1"]
    assert text(found["lovelaceada_1"]) == CODE
    assert found["lovelaceada_1"].handed_in.late


def test_a_name_in_moodle_takes_nobody_elses_place(tmp_path):
    ada, eve = f"Ada Lovelace_501{MOODLE}", f"Ada Lovelace_501{MOODLE[:-1]}_777{MOODLE}"
    files = {
        f"{ada}/mlp.py": CODE,
        f"{eve}/mlp.py": "# newer\n",
        f"Carl Gauss_502{MOODLE}/mlp.py": CODE,
    }
    found = {item.name: item for item in gather([tree(tmp_path, files)], "mlp")}
    assert list(found) == ["Ada Lovelace_501", eve, "Carl Gauss_502"]
    assert text(found["Ada Lovelace_501"]) == CODE
    assert not found[eve].handed_in.people


METADATA = "submission_1: {':submitters': [{':email': 'ada@x'}], ':created_at': 2030-01-01}"
DOWNLOADS = [
    {"submission_metadata.yml": METADATA, "submission_1/mlp.py": CODE},
    {f"Ada Lovelace_501{MOODLE}/mlp.py": CODE, f"Carl_502{MOODLE}/mlp.py": CODE},
    {"lovelaceada_1_11_mlp.py": CODE, "carl_2_21_mlp.py": CODE},
    {"submitted/ada/mlp/mlp.py": CODE, "submitted/carl/mlp/mlp.py": CODE},
]


@pytest.mark.parametrize("inside", DOWNLOADS, ids=["gradescope", "moodle", "canvas", "nbgrader"])
def test_the_only_student_of_a_folder_is_nobody_else(tmp_path, inside):
    found = gather([tree(tmp_path / "late", {f"eve/{n}": t for n, t in inside.items()})], "mlp")
    assert names(found) == ["eve"]
    assert not found[0].handed_in.people
    said: list[str] = []
    gather([tmp_path / "late/eve"], "mlp", say=said.append)  # given itself: nothing can tell
    assert "taken for a download from " in said[0]


def test_one_of_many_that_looks_like_a_download_and_is_none_ends_nothing(tmp_path):
    (tmp_path / "ada.zip").write_bytes(packed({"mlp.py": CODE}))
    (tmp_path / "eve.zip").write_bytes(packed({"submission_metadata.yml": "- x", "mlp.py": CODE}))
    said: list[str] = []
    found = gather([tmp_path / "ada.zip", tmp_path / "eve.zip"], "mlp", say=said.append)
    assert names(found) == ["ada", "eve"]
    assert "submission_metadata.yml is not Gradescope's" in said[0]


def test_a_name_that_leads_out_is_its_students_and_costs_the_layout_nothing(tmp_path):
    files = {f"mlp-submissions/mlp-{who}/.git/HEAD": "" for who in ("ada", "eve")}
    files |= {f"mlp-submissions/mlp-{who}/mlp.py": CODE for who in ("ada", "eve")}
    files["mlp-submissions/mlp-eve/..\\x.txt"] = ""
    (tmp_path / "mlp-submissions.zip").write_bytes(packed(files))
    assert names(gather([tmp_path / "mlp-submissions.zip"], "mlp")) == ["ada", "eve"]


def test_what_is_said_of_long_names_is_short(tmp_path):
    files = {f"{n}{chr(0xE0041) * 6000}.py": CODE for n in range(12)}
    (tmp_path / "class").mkdir()
    (tmp_path / "class/eve.zip").write_bytes(packed(files))
    (eve,) = gather([tmp_path / "class"], "mlp")
    assert len(why(eve)) < 20 * LONGEST_NAME
    (tmp_path / "class/eve.zip").write_bytes(packed({"x" * 60_000 + ".py": CODE}))
    (eve,) = gather([tmp_path / "class"], "mlp")
    assert (len(eve.filename), eve.filename[-3:]) == (LONGEST_NAME + 1, ".py")
