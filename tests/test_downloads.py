"""What instructors download -> submissions, laid out as those systems lay it out; hostile zips."""

import io
import json
import os
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.course import UsageError
from gradus.inbox.downloads import gather
from gradus.inbox.found import MAX_BYTES, Found, Unreadable
from gradus.inbox.outputs import without_outputs
from gradus.inside.notebook import code_cells

CODE = "def relu_forward(x): ...\n"


def tree(root: Path, files: dict[str, str | bytes]) -> Path:
    for age, (name, text) in enumerate(files.items()):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(file, (1_700_000_000 + 60 * age,) * 2)  # the later in the list, the newer
    return root


def packed(files: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for minute, (name, text) in enumerate(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 12, minute % 60, 0)), text)
    return data.getvalue()


def both(tmp_path: Path, files: dict[str, str | bytes], **options) -> dict[str, Found]:
    """The submissions of a download that was unpacked; its zip must hold the same ones."""
    folder = tree(tmp_path / "unpacked", files)
    (tmp_path / "download.zip").write_bytes(packed(files))
    found = gather([folder], "mlp", **options)
    zipped = gather([tmp_path / "download.zip"], "mlp", **options)
    assert [summary(item) for item in zipped] == [summary(item) for item in found]
    return {item.name: item for item in found}


def summary(item: Found) -> tuple[object, ...]:
    try:
        source: object = item.read()
    except Unreadable as error:
        source = str(error)
    return item.name, item.filename, item.note, item.handed_in, source


def text(item: Found) -> str:
    return item.read().decode()


def why(item: Found) -> str:
    with pytest.raises(Unreadable) as caught:
        item.read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


METADATA = """---
submission_101:
  :submitters:
  - :name: Ada Lovelace
    :sid: '3031'
    :email: ada@uni.edu
  :created_at: 2026-11-21 03:05:00.567160000 Z
  :score: 0.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests:
    - name: "test: one\n\n        :submitters:"
      output: |
        :created_at: not this one

        submission_102:
    stdout_visibility: visible
  :history:
  - :id: 99
    :created_at: 2026-11-20 09:00:00.000000000 Z
submission_102:
  :submitters:
  - :name: Carl Gauss
    :sid:
    :email: carl@uni.edu
  - :name: Emmy Noether
    :sid: '3033'
    :email: emmy@uni.edu
  :created_at: 2026-11-20 12:00:00.000000000 +01:00
submission_103:
  :submitters:
  - :name: Kurt Gödel
    :sid: '3034'
  :created_at: 2026-11-20 12:00:00 Z
submission_104:
  :submitters:
  - :name: Ada Lovelace
    :sid: '3031'
    :email: ada@uni.edu
  :created_at: 2026-11-20 08:00:00 Z
"""


@pytest.mark.parametrize("top", ["", "assignment_4711_export/"])
def test_a_gradescope_export(tmp_path, top):
    files = {
        "submission_metadata.yml": METADATA,
        "submission_101/mlp.py": CODE,
        "submission_101/scratch.py": "1 / 0\n",
        "submission_102/work/mlp.ipynb": "{}",
        "submission_103/essay.docx": b"PK\0",
        "submission_104/mlp.py": "# the older one\n",
        "submission_999/mlp.py": "# nobody knows whose\n",
    }
    due = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
    found = both(tmp_path, {top + name: data for name, data in files.items()}, due=due)
    assert list(found) == ["3034", "ada@uni.edu", "carl@uni.edu + emmy@uni.edu", "submission_999"]
    ada = found["ada@uni.edu"]
    assert text(ada) == CODE
    assert ada.note == "late by 3 h 5 min; mlp.py counts; not graded: scratch.py, mlp.py"
    assert ada.handed_in.late
    assert ada.handed_in.at == "2026-11-21T03:05:00+00:00"
    assert [(p.name, p.sid) for p in ada.handed_in.people] == [("Ada Lovelace", "3031")]
    team = found["carl@uni.edu + emmy@uni.edu"]
    assert (team.note, team.handed_in.at) == ("", "2026-11-20T11:00:00+00:00")
    assert [(p.email, p.sid) for p in team.handed_in.people] == [
        ("carl@uni.edu", ""),
        ("emmy@uni.edu", "3033"),
    ]
    assert why(found["3034"]) == "no .py or .ipynb was handed in, but: essay.docx"


def test_gradescope_metadata_that_is_broken_is_said_before_anything_is_graded(tmp_path):
    tree(tmp_path, {"submission_metadata.yml": "a: [", "submission_1/mlp.py": CODE})
    with pytest.raises(UsageError, match=r"cannot read .*submission_metadata.yml"):
        gather([tmp_path], "mlp")
    (tmp_path / "submission_metadata.yml").write_text("a: !!python/object/apply:os.getcwd []\n")
    assert [item.name for item in gather([tmp_path], "mlp")] == ["submission_1", "a"][::-1]


def test_a_canvas_download(tmp_path):
    found = both(
        tmp_path,
        {
            "lovelaceada_LATE_1234_90003_mlp-2.py": CODE,
            "lovelaceada_LATE_1234_90001_mlp.py": "# first\n",
            "lovelaceada_LATE_1234_90002_mlp-1.py": "# second\n",
            "gausscarl_1235_90010_solution.py": CODE,
            "noetheremmy_1236_90012_mlp_3_old.py": "# not the topic's name\n",
            "noetheremmy_1236_90011_mlp.ipynb": "{}",
            "godelkurt_1237_text.html": "<p>see my email</p>",
            "anon_x1Y2z_90020_mlp.py": CODE,
            "LATE_anon_q9Q9q_90021_mlp.py": CODE,
            "turingalan_1238_90030_mlp.zip": packed({"work/mlp.py": CODE, "work/data.csv": "1"}),
        },
    )
    ada = found["lovelaceada_1234"]
    assert text(ada) == CODE
    assert ada.note == "late; mlp-2.py counts, the newest of 3; not graded: mlp.py, mlp-1.py"
    assert ada.handed_in.late
    assert ada.handed_in.people[0].id == "1234"
    assert (text(found["gausscarl_1235"]), found["gausscarl_1235"].note) == (CODE, "")
    emmy = found["noetheremmy_1236"]
    assert emmy.note == "mlp.ipynb counts; not graded: mlp_3_old.py"
    assert "no .py or .ipynb" in why(found["godelkurt_1237"])
    assert text(found["anon_x1Y2z"]) == text(found["turingalan_1238"]) == CODE
    assert found["anon_q9Q9q"].handed_in.late
    assert len(found) == 7


def test_a_later_download_replaces_an_earlier_one(tmp_path):
    tree(tmp_path / "monday", {"lovelaceada_1234_1_mlp.py": "# monday\n"})
    tree(tmp_path / "friday", {"lovelaceada_1234_2_mlp-1.py": CODE})
    (ada,) = gather([tmp_path / "friday", tmp_path / "monday"], "mlp")
    assert text(ada) == CODE
    assert ada.note == "mlp-1.py counts, the newest of 2; not graded: mlp.py"


def test_a_moodle_download(tmp_path):
    found = both(
        tmp_path,
        {
            "Ada Lovelace_501_assignsubmission_file_/mlp.py": CODE,
            "Zoë 李_502_assignsubmission_file_/deep/er/mlp.ipynb": "{}",
            "Zoë 李_502_assignsubmission_onlinetext_/onlinetext.html": "<p>hi</p>",
            "Carl Gauss_503_assignsubmission_onlinetext_/onlinetext.html": "<p>none</p>",
            "Kurt Gödel_504_assignsubmission_file_/mlp.py": "# older\n",
            "Kurt Gödel_504_assignsubmission_file_/mlp.ipynb": "{}",
            "Alan Turing_505_assignsubmission_file_mlp.py": CODE,  # folders switched off
        },
    )
    assert text(found["Ada Lovelace_501"]) == text(found["Alan Turing_505"]) == CODE
    assert found["Zoë 李_502"].filename == "mlp.ipynb"
    assert why(found["Carl Gauss_503"]) == "no .py or .ipynb was handed in, but: onlinetext.html"
    kurt = found["Kurt Gödel_504"]
    assert kurt.note == "mlp.ipynb counts, the newest of 2; not graded: mlp.py"
    assert kurt.handed_in.people[0].name == "Kurt Gödel"
    assert len(found) == 5


MOODLE, CANVAS = "Zoë_1_assignsubmission_file_/mlp.py", "zoe_1_2_mlp.py"


@pytest.mark.parametrize("known", ["submission_1/mlp.py", MOODLE, CANVAS, "hw-zoe/mlp.py"])
def test_what_somebody_put_beside_a_download_is_not_lost(tmp_path, known):
    files = {known: CODE, "ada.py": CODE, "carl.zip": packed({"mlp.py": CODE}), "notes.txt": "-"}
    if known.startswith("hw-"):
        files |= {"hw-zoe/.git/HEAD": "", "hw-max/mlp.py": CODE, "hw-max/.git/HEAD": ""}
    elif known.startswith("submission"):
        files["submission_metadata.yml"] = "submission_1: {':submitters': [{':sid': '7'}]}"
    elif known == MOODLE:
        files |= {MOODLE.replace("Zoë_1", f"Max_{n}"): CODE for n in range(2, 6)}
    elif known == CANVAS:
        files |= {"max_2_3_mlp.py": CODE, "eve_3_4_mlp.py": CODE, "kurt_4_5_mlp.py": CODE}
    found = gather([tree(tmp_path, {**files, "emmy/mlp.py": CODE})], "mlp")
    by_download = [item for item in found if item.handed_in.people]
    assert {item.name for item in found if item not in by_download} == {"ada", "carl", "emmy"}
    assert {text(item) for item in found} == {CODE}
    assert by_download


def test_an_nbgrader_tree(tmp_path):
    files = {
        "ada/mlp/mlp.ipynb": "{}",
        "ada/mlp/timestamp.txt": "2026-11-20 15:00:00.000000 America/New_York",
        "ada/mlp/.ipynb_checkpoints/mlp-checkpoint.ipynb": "{}",
        "carl/week3/mlp.ipynb": "{}",  # an assignment of several topics
        "carl/week3/adam.ipynb": "{}",
        "emmy/adam/adam.ipynb": "{}",  # has not handed in this topic
        "kurt/mlp/notes.txt": "",
    }
    due = datetime(2026, 11, 19, 18, 0, tzinfo=UTC)
    found = both(tmp_path, {f"submitted/{name}": data for name, data in files.items()}, due=due)
    assert list(found) == ["ada", "carl", "kurt"]
    assert found["ada"].note == "late by 1 d 2 h"
    assert found["ada"].handed_in.at == "2026-11-20T20:00:00+00:00"
    assert found["carl"].filename == "mlp.ipynb"
    assert "notes.txt" in why(found["kurt"])
    assert gather([tmp_path / "unpacked/submitted"], "mlp", due=due)[0].note == "late by 1 d 2 h"


def test_no_student_chooses_the_layout_of_the_class(tmp_path):
    files = {f"{name}/mlp.py": CODE for name in ("ada", "carl", "emmy")}
    files["emmy/mlp/timestamp.txt"] = "2026-11-20 15:00:00.000000 UTC"
    found = gather([tree(tmp_path, files)], "mlp")
    assert [(item.name, text(item)) for item in found] == [
        ("ada", CODE),
        ("carl", CODE),
        ("emmy", CODE),
    ]


def test_no_student_takes_anothers_place_by_a_files_name(tmp_path):
    files = {
        "Ada Lovelace_501_assignsubmission_file_mlp.py": CODE,
        "Carl Gauss_502_assignsubmission_file_x_501_assignsubmission_file_mlp.py": "# hers\n",
    }
    found = both(tmp_path, files)  # two numbers in one name: nobody's
    own = "Carl Gauss_502_assignsubmission_file_x_501_assignsubmission_file_mlp"
    assert list(found) == ["Ada Lovelace_501", own]
    assert text(found["Ada Lovelace_501"]) == CODE
    assert not found[own].handed_in.people


def test_repositories_as_github_classroom_makes_them(tmp_path):
    git = {".git/HEAD": "ref: refs/heads/main\n", ".git/mlp.py": "# no\n"}
    repositories = {
        "hw-1-ada": {"mlp.py": CODE, "utils.py": "", **git},
        "hw-1-jo-b": {"assignments/mlp/mlp.ipynb": "{}", "assignments/adam/adam.py": "", **git},
        "hw-1-kurt": {"README.md": "", **git},
        "hw-1-emmy": {"a.py": "", "b.py": "", **git},
    }
    tree(
        tmp_path / "hw-1-submissions",
        {
            f"{repo}/{name}": text
            for repo, own in repositories.items()
            for name, text in own.items()
        },
    )
    found = {item.name: item for item in gather([tmp_path / "hw-1-submissions"], "mlp")}
    assert list(found) == ["ada", "emmy", "jo-b", "kurt"]
    assert text(found["ada"]) == CODE
    assert found["jo-b"].filename == "mlp.ipynb"
    assert why(found["kurt"]) == "no .py or .ipynb was handed in, but: README.md"
    assert "which one counts: a.py, b.py? none is called mlp.py" in why(found["emmy"])


def test_the_file_that_is_still_as_handed_out_does_not_count(tmp_path):
    stub = "def f(x):\n    raise NotImplementedError\n"

    def notebook(source: str) -> str:
        cell = {"cell_type": "code", "source": [source], "outputs": [], "metadata": {}}
        return json.dumps({"nbformat": 4, "cells": [cell], "metadata": {"saved": len(source)}})

    tree(tmp_path / "out", {"mlp.py": stub, "mlp.ipynb": notebook(stub)})
    tree(
        tmp_path / "class",
        {
            "hw-ada/mlp.ipynb": notebook("def f(x): return x"),
            "hw-ada/mlp.py": stub.replace("\n", "\r\n"),
            "hw-ada/.git/HEAD": "",
            "hw-carl/mlp.py": CODE,
            "hw-carl/mlp.ipynb": notebook(stub),
            "hw-carl/.git/HEAD": "",
        },
    )
    found = gather([tmp_path / "class"], "mlp", handed_out=tmp_path / "out")
    assert [item.filename for item in found] == ["mlp.ipynb", "mlp.py"]


def test_any_zip_and_zips_of_students(tmp_path):
    mine = packed({"mlp.py": CODE})
    tree(
        tmp_path,
        {
            "class.zip": packed({"ada.py": CODE, "carl/mlp.py": CODE, "emmy.zip": mine}),
            "folder/kurt.zip": packed({"kurt/mlp.py": CODE, "__MACOSX/kurt/._mlp.py": b"\0"}),
            "folder/max/all.zip": mine,
            "folder/alan.py": CODE,
            "grace.zip": mine,
        },
    )
    found = gather([tmp_path / n for n in ("class.zip", "folder", "grace.zip")], "mlp")
    assert [item.name for item in found] == ["ada", "alan", "carl", "emmy", "grace", "kurt", "max"]
    assert {text(item) for item in found} == {CODE}


def hostile(name: str, data: bytes = CODE.encode(), mode: int = 0, level: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = level
        archive.writestr(info, data)
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(hostile("mlp.py"))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def long_index(big: bool = False) -> bytes:
    """A million files of no bytes: 46 bytes each in the index, hundreds in memory."""
    data = hostile("m.py", b"")
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    index = data[start:end] * 1_000_000
    size = len(index).to_bytes(4, "little")
    if not big:
        return data[:start] + index + data[end : end + 12] + size + data[end + 16 :]
    record = b"PK\6\6" + bytes(36) + size + bytes(12)
    locator = b"PK\6\7" + bytes(4) + (start + len(index)).to_bytes(8, "little") + b"\1\0\0\0"
    return data[:start] + index + record + locator + data[end : end + 12] + b"\xff" * 8 + b"\0\0"


HOSTILE = {  # what takes long to make is made when it is wanted
    "index": (long_index, "its index alone would fill the memory"),
    "index64": (lambda: long_index(big=True), "its index alone would fill the memory"),
    "up": (hostile("../mlp.py"), "../mlp.py: its name leads out of the archive"),
    "windows": (hostile("..\\..\\mlp.py"), "leads out of the archive"),
    "absolute": (hostile("/etc/mlp.py"), "leads out of the archive"),
    "drive": (hostile("C:\\mlp.py"), "leads out of the archive"),
    "device": (hostile("mlp.py", mode=stat.S_IFCHR | 0o666), "not a regular file"),
    "link": (hostile("mlp.py", b"/etc/shadow", stat.S_IFLNK | 0o777), "symbolic link"),
    "bomb": (
        lambda: hostile("mlp.py", b"\0" * 200_000_000, level=zipfile.ZIP_DEFLATED),
        "a zip bomb: 0.194 MB that unpack to 200 MB",
    ),
    "odd": (hostile("mlp.py", level=zipfile.ZIP_LZMA), "packed in an unusual way"),
    "locked": (encrypted(), "without a password"),
    "cut": (hostile("mlp.py")[:-10], "not a zip that can be read"),
    "none": (b"this is no zip", "not a zip that can be read"),
    "empty": (packed({}), "no .py or .ipynb was handed in, but: nothing"),
    "deep": (packed({"a.zip": packed({"mlp.py": CODE})}), "but: a.zip"),
    "flipped": (hostile("mlp.py").replace(CODE.encode(), CODE.upper().encode()), "Bad CRC-32"),
}


def test_hostile_zips_are_results_and_stop_nobody(tmp_path):
    made = {name: data() if callable(data) else data for name, (data, _) in HOSTILE.items()}
    files = {f"{name}_1_{n}_mlp.zip": data for n, (name, data) in enumerate(made.items())}
    found = both(tmp_path, {**files, "ada_1_99_mlp.py": CODE})
    assert text(found.pop("ada_1")) == CODE
    told = {name.removesuffix("_1"): why(item) for name, item in found.items()}
    assert told.keys() == HOSTILE.keys()
    for name, (_, words) in HOSTILE.items():
        assert words in told[name], (name, told[name])
    assert sorted(p.name for p in tmp_path.rglob("mlp.py")) == []  # nothing was unpacked


def test_a_bad_name_beside_a_good_file_costs_nothing(tmp_path):
    data = packed({"../mlp.py": "# evil\n", "mlp.py": CODE})
    tree(tmp_path, {"ada_1_2_mlp.zip": data})
    (ada,) = gather([tmp_path], "mlp")
    assert text(ada) == CODE
    assert ada.note == "mlp.py counts; not graded: ../mlp.py"


def test_a_class_zip_that_is_broken_is_said_in_one_line(tmp_path):
    (tmp_path / "class.zip").write_bytes(b"PK\3\4 half a downl")
    with pytest.raises(UsageError, match=r"cannot read .*class.zip: .*not a zip"):
        gather([tmp_path / "class.zip"], "mlp")


def test_a_notebook_with_50_mb_of_outputs_is_read_for_its_code(tmp_path):
    printed = ('loss 0.1 "}]\\' * 10 + "\n") * 10
    cells = [
        {
            "cell_type": "code",
            "source": [CODE, '# "outputs": [\n'],
            "metadata": {"outputs": "no list"},
            "outputs": [{"output_type": "stream", "text": [printed] * 42_000}],
        },
        {
            "cell_type": "markdown",
            "source": "x",
            "attachments": {"a.png": {"image/png": "A" * 999}},
        },
        {"cell_type": "code", "source": "y = 1", "outputs": [], "metadata": {}},
    ]
    data = json.dumps({"nbformat": 4, "cells": cells}).encode()
    assert len(data) > 50_000_000
    tree(tmp_path, {"ada.ipynb": data, "class.zip": packed({"carl/mlp.ipynb": data})})
    for item in (*gather([tmp_path / "class.zip"], "mlp"), Found("", tmp_path, ("ada.ipynb",))):
        source = item.read()
        assert len(source) < 2000
        assert list(code_cells(source)) == [f'{CODE}# "outputs": [\n', "y = 1"]
    with open(tmp_path / "ada.py", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert "larger than 10 MB" in why(Found("", tmp_path, ("ada.py",)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("outputs"), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values, st.sampled_from([None, 1]), st.booleans())
def test_what_is_left_of_any_json_without_outputs(value, indent, ascii_only):
    def without(value):
        if isinstance(value, list):
            return [without(item) for item in value]
        if not isinstance(value, dict):
            return value
        bulky = {k for k, v in value.items() if k == "outputs" and isinstance(v, list | dict)}
        return {k: None if k in bulky else without(v) for k, v in value.items()}

    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(without_outputs(text.encode(errors="surrogatepass"))) == without(value)


words = st.text(st.characters(exclude_characters="/\\", exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(words | st.sampled_from(["..", "mlp.py", ""]), min_size=1, max_size=4)),
    st.binary(max_size=30),
)
def test_whatever_names_a_zip_holds_the_others_are_found(tmp_path_factory, names, data):
    folder = tmp_path_factory.mktemp("zip")
    files = {"/".join(parts): data for parts in names}
    tree(folder, {"class.zip": packed({**files, "Ada/mlp.py": CODE, "Carl.py": CODE})})
    found = gather([folder / "class.zip"], "mlp")
    for item in found:
        summary(item)  # reads it, or says why not
    assert {"Ada", "Carl"} <= {item.name for item in found}
    assert len(found) == len({item.name for item in found})


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=900)))
@settings(deadline=None, max_examples=20)
def test_how_late_is_said_in_days_hours_and_minutes(tmp_path_factory, late):
    folder = tmp_path_factory.mktemp("late")
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    stamp = at.strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    tree(folder, {"submitted/ada/mlp/mlp.py": CODE, "submitted/ada/mlp/timestamp.txt": stamp})
    (ada,) = gather([folder], "mlp", due=at - late)
    units = {"d": 1440, "h": 60, "min": 1}
    numbers = ada.note.removeprefix("late by ").split()
    minutes = sum(int(n) * units[u] for n, u in zip(numbers[::2], numbers[1::2], strict=True))
    whole = int(late.total_seconds() // 60)
    assert 0 <= whole - minutes < (60 if "d" in numbers else 1)
    assert not gather([folder], "mlp", due=at)[0].note


def test_names_that_print_alike_have_a_row_each_and_nobodys_files_are_listed(tmp_path):
    """No student's choice of a name takes another's place, or ends the class's grading."""
    odd = ["x\x1b[31m.py", "x\\x1b[31m.py", "ada.py", "ada/mlp.py", f"{'a' * 184}.py"]
    deep = ["emmy/week 1/mlp.py", "emmy/week 1/node_modules/x.py", "\x1b/b/c.ipynb"]
    said: list[str] = []
    found = gather([tree(tmp_path, dict.fromkeys([*odd, *deep], CODE))], "mlp", say=said.append)
    names = ["a" * 184, "ada", "ada (2)", "emmy", "x\\x1b[31m", "x\\x1b[31m (2)"]
    assert [item.name for item in found] == ["\\x1b", *names]
    paths = {item.path.relative_to(tmp_path).as_posix() for item in found}
    assert paths == {*odd, "emmy/week 1/mlp.py", "\x1b/b/c.ipynb"}
    assert [item.name for item in found if item.note] == ["ada (2)", "x\\x1b[31m (2)"]
    assert said == []


def test_a_file_in_the_wrong_place_of_a_download_is_listed(tmp_path):
    said: list[str] = []
    files = {
        "submitted/ada/mlp/mlp.ipynb": "{}",
        "submitted/ada/adam/adam.ipynb": "{}",
        "submitted/ada/old.ipynb": "{}",
    }
    (ada,) = gather([tree(tmp_path, files)], "mlp", say=said.append)
    assert (ada.name, said[1:]) == ("ada", ["nobody's, not graded: submitted/ada/old.ipynb"])
    assert said[0].endswith(": taken for a download from nbgrader (students: 1)")


def test_what_carries_no_time_is_counted_where_lateness_is_asked_for(tmp_path):
    files = {"zoe_1_2_mlp.py": CODE, "max_LATE_2_3_mlp.py": CODE, "eve_3_4_mlp.py": CODE}
    due = datetime(2026, 11, 20, tzinfo=UTC)
    said: list[str] = []
    gather([tree(tmp_path, files)], "mlp", due=due, say=said.append)
    assert said[1:] == ["--due: whether 2 of 3 are late is unknown: they carry no time"]
    gather([tmp_path], "mlp", say=said.append)
    assert len(said) == 3
