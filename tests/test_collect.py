"""Files and folders -> submissions, whatever a class may hand in."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradus.course import UsageError
from gradus.inbox.downloads import gather
from gradus.inbox.found import MAX_BYTES, Found, Unreadable

CODE = "def relu_forward(x): ...\n"


def tree(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CODE)
    return root


def gathered(*paths: Path) -> list[Found]:
    return gather(paths, "mlp")


def names(*paths: Path) -> dict[str, str]:
    return {item.name: "/".join(item.parts) for item in gathered(*paths)}


def test_a_class_as_teachers_keep_it(tmp_path):
    tree(
        tmp_path,
        "ada.py",
        "emmy.ipynb",
        "grades.csv",
        ".hidden.py",
        ".venv/lib/a.py",
        "__pycache__/ada.py",
        "carl/mlp.py",  # a student's whole folder: the topic's file counts
        "carl/scratch.py",
        "carl/test_mlp.py",
        "carl/notes.txt",
        "kurt/solution.py",
        "felix/felix_klein.py",
        "max/hw5/week 1/mlp.ipynb",
    )
    assert names(tmp_path) == {
        "ada": "ada.py",
        "emmy": "emmy.ipynb",
        "carl": "carl/mlp.py",
        "kurt": "kurt/solution.py",
        "felix": "felix/felix_klein.py",
        "max": "max/hw5/week 1/mlp.ipynb",
    }


HOMEWORK = [
    ("mlp.py",),
    ("mlp.ipynb", "mlp.py"),
    ("old/mlp.py", "mlp.py"),
    ("old/mlp.py", "new/mlp.py"),
    ("hw5/mlp.py",),
    ("hw5/hw5.py",),
    ("week/1/mlp.py", "week/1/.git/HEAD"),
    ("hw5/.git/HEAD", "hw5/mlp.py"),
    (".git/HEAD", "mlp.py"),
    ("a.py", "b.py"),
    ("mlp/mlp.py", "adam/adam.py"),
    ("submitted/x/mlp/mlp.py",),
    ("x_1_2_mlp.py", "x_1_3_utils.py"),
    ("x/mlp/mlp.py", "x/mlp/timestamp.txt"),
    ("anna/anna.py",),
    ("mlp.py", "__MACOSX/._mlp.py", ".DS_Store"),
]


@pytest.mark.parametrize("own", HOMEWORK, ids=" ".join)
@pytest.mark.parametrize("others", [(), ("ben.py",), ("ben/mlp.py", "carl/x/y/mlp.ipynb")])
def test_a_students_folder_names_the_student(tmp_path, own, others):
    """Whoever else is in the class, and whatever is in it."""
    tree(tmp_path / "class", *(f"anna/{name}" for name in own), *others)
    found = gathered(tmp_path / "class")
    assert {item.name for item in found} == {"anna", *("ben", "carl")[: len(others)]}


def test_two_files_of_one_student_are_one_submission(tmp_path):
    tree(tmp_path, "anna/a.py", "anna/b.py", "ben/hw.py", "ben/hw-1.py", "carl/x/a.py", "carl/a.py")
    for file in ("anna/a.py", "ben/hw.py"):
        os.utime(tmp_path / file, (1, 1))  # when they were saved says nothing of which one counts
    anna, ben, carl = gathered(tmp_path)
    assert unreadable(anna) == "which one counts: a.py, b.py? none is called mlp.py or mlp.ipynb"
    assert "x/a.py" in unreadable(carl)
    assert (ben.filename, ben.note) == (
        "hw-1.py",
        "hw-1.py counts, the newest of 2; not graded: hw.py",
    )


def said(path: Path) -> list[str]:
    lines: list[str] = []
    gather([path], "mlp", say=lines.append)
    return lines


def test_which_reading_of_a_folder_was_chosen_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree(Path("class"), "class/anna/mlp.py", "submissions/ben/hw/mlp.py", "mlp/carl/mlp.py", "d.py")
    assert list(names(Path("class"))) == ["anna", "ben", "carl", "d"]
    assert said(Path("class")) == [
        "class: class, mlp, submissions: taken for the class, what is in it for the students"
    ]
    tree(Path("groups"), "a/anna/mlp.py", "a/ben/mlp.py", "b/carl/mlp.py", "c/mlp.py", "c/o/mlp.py")
    assert list(names(Path("groups"))) == ["a", "b", "c"]
    given = "; a folder that holds several students has to be given itself"
    assert said(Path("groups")) == [f"groups: a: taken for one student{given}"]
    tree(Path("one"), "ss26/anna/mlp.py")
    assert said(Path("one")) == [f"one: ss26: taken for one student{given}"]
    tree(Path("plain"), "anna/mlp.py", "ben/hw5/mlp.py", "carl/a/x.py", "carl/b/y.py")
    assert said(Path("plain")) == []


def test_files_and_folders_together_each_once(tmp_path):
    tree(tmp_path, "ada.py", "emmy.py", "carl/mlp.py")
    given = [tmp_path / "ada.py", tmp_path, tmp_path / "carl" / "mlp.py"]
    assert names(*given) == {"ada": "ada.py", "emmy": "emmy.py", "carl": "carl/mlp.py"}


def test_of_a_script_and_a_notebook_the_newer_one_counts(tmp_path, monkeypatch):
    tree(tmp_path, "ada.py", "ada.ipynb", "carl/mlp.py", "carl/mlp.ipynb", "carl/mlp (1).ipynb")
    for file in ("ada.py", "carl/mlp.ipynb", "carl/mlp (1).ipynb"):
        os.utime(tmp_path / file, (1, 1))
    ada, carl = gathered(tmp_path)
    assert gathered(tmp_path / "ada.py", tmp_path / "ada.ipynb") == [ada]
    monkeypatch.chdir(tmp_path)
    assert gathered(Path("ada.ipynb"), Path("ada.py"))[0].note == ada.note
    assert (ada.name, ada.filename) == ("ada", "ada.ipynb")
    assert ada.note == "ada.ipynb counts, the newest of 2; not graded: ada.py"
    assert (carl.filename, carl.name) == ("mlp.py", "carl")
    assert carl.note == "mlp.py counts, the newest of 3; not graded: mlp (1).ipynb, mlp.ipynb"


@pytest.mark.parametrize(
    ("files", "given", "told"),
    [
        (["notes.txt", "a/b/data.csv"], ["."], ["no submissions", "*.ipynb", "2 other files"]),
        (["notes.txt"], ["notes.txt"], ["notes.txt is neither .py"]),
        ([], ["class"], ["cannot read", "class", "No such file"]),
    ],
)
def test_wrong_usage_says_what_is_wrong(tmp_path, monkeypatch, files, given, told):
    tree(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        gathered(*map(Path, given))
    assert "\n" not in str(caught.value)
    for words in told:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("files", "given"),
    [(["b/ada.py", "a/ada.py"], ["b", "a"]), (["ada.py", "ada/mlp.py"], ["."])],
)
def test_two_of_one_name_are_told_apart(tmp_path, monkeypatch, files, given):
    """The one that was given first keeps the name: it had it when it was given alone."""
    tree(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    first, second = gathered(*map(Path, given))
    assert (first.name, str(first.path), first.note) == ("ada", files[0], "")
    assert (second.name, str(second.path)) == ("ada (2)", files[1])
    assert second.note == f"{files[0]} goes by the same name"


def test_nobody_loses_a_name_to_anothers_number(tmp_path, monkeypatch):
    tree(tmp_path, "a/ada.py", "a/ada (2).py", "b/ada.py")
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    found = gather([Path("b"), Path("a")], "mlp", say=lines.append)
    names = {item.name: str(item.path) for item in found}
    assert names == {"ada": "b/ada.py", "ada (2)": "a/ada (2).py", "ada (3)": "a/ada.py"}
    assert lines[0].startswith("several of one name, told apart by a number: ada; ")


def unreadable(found: Found) -> str:
    with pytest.raises(Unreadable) as caught:
        found.read()
    return str(caught.value)


def test_names_that_print_alike_have_a_row_each(tmp_path):
    """Linux takes an é for one character or for two, and both names look the same."""
    tree(tmp_path, "Ren\u00e9.py", "Rene\u0301.py")
    assert sorted(names(tmp_path)) == ["Ren\u00e9", "Ren\u00e9 (2)"]


@pytest.mark.parametrize(
    ("plain", "twin"),
    [
        ("Ren\u00e9", "Rene\u0301"),  # sorted before the other
        ("\u1e69", "s\u0323\u0307"),
        ("\u1e69", "s\u0307\u0323"),
        ("x\\x1b", "x\x1b"),
    ],
)
def test_a_name_is_not_taken_by_one_that_is_shown_alike(tmp_path, plain, twin):
    (tmp_path / "alone").mkdir()
    for order in ([plain, twin], [twin, plain]):
        folders = [tree(tmp_path / name / "class", f"{name}.py") for name in order]
        mine = {f"{plain}": f"{plain}.py", f"{plain} (2)": f"{twin}.py"}
        assert (
            names(*folders) == names(tree(tmp_path / "alone", *(f"{n}.py" for n in order))) == mine
        )


def test_nothing_but_a_plain_file_of_text_is_read(tmp_path):
    secret = tmp_path / "hidden_tests.py"
    secret.write_text("SECRET = 1\n")
    folder = tmp_path / "class"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets/mlp.py").write_text(CODE)
    (folder / "link.py").symlink_to(secret)
    (folder / "shadow.ipynb").symlink_to("/etc/shadow")
    (folder / "dangling.py").symlink_to("nowhere")
    (folder / "linked").symlink_to("secrets")
    os.mkfifo(folder / "fifo.py")
    (folder / "empty.py").write_text(" \n")
    (folder / "binary.py").write_bytes(b"\x7fELF\0\0")
    with open(folder / "huge.py", "wb") as huge:
        huge.truncate(100_000_000)
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(folder / "socket.py"))
    server.close()

    found = {item.name: item for item in gathered(folder)}
    assert found.pop("secrets").read() == CODE.encode()
    reasons = {name: unreadable(item) for name, item in found.items()}
    expected = {
        "link": "symbolic link",
        "shadow": "symbolic link",
        "dangling": "symbolic link",
        "linked": "symbolic link",
        "fifo": "not a regular file",
        "socket": "not a regular file",
        "empty": "empty",
        "binary": "not text",
        "huge": f"larger than {MAX_BYTES // 1_000_000} MB",
    }
    assert reasons.keys() == expected.keys()
    for name, words in expected.items():
        assert words in reasons[name], name
    assert "symbolic link" in unreadable(gathered(folder / "link.py")[0])


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path):
    tree(tmp_path, "class/eve/mlp.py", "secret/mlp.py")
    (eve,) = gathered(tmp_path / "class")
    (tmp_path / "class/eve/mlp.py").unlink()
    (tmp_path / "class/eve").rmdir()
    (tmp_path / "class/eve").symlink_to(tmp_path / "secret")
    assert "eve" in unreadable(eve) or "mlp.py" in unreadable(eve)


def test_a_file_without_permission_is_a_result_not_a_stop():
    """In a process without root's rights, which may read everything."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from gradus.inbox.downloads import gather; from gradus.inbox.found import Unreadable\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "for item in gather([Path(sys.argv[1])], 'mlp'):\n"
        "    try: print(item.name, len(item.read()))\n"
        "    except Unreadable as error: print(item.name, error)\n"
    )
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        tree(Path(root), "ada.py", "eve.py", "mallory/mlp.py")
        os.chmod(Path(root) / "eve.py", 0)
        os.chmod(Path(root) / "mallory", 0)
        command = [sys.executable, "-c", script, root]
        done = subprocess.run(command, capture_output=True, text=True)
        os.chmod(Path(root) / "mallory", 0o755)
    assert done.stdout.splitlines() == [
        f"ada {len(CODE)}",
        "eve eve.py: permission denied",
        "mallory mallory: permission denied",
    ], done.stderr


def test_names_cannot_give_orders_to_a_terminal(tmp_path):
    tree(tmp_path, "Zoë 李.py", "\x1b[2J\n\u202e.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_text(CODE)
    found = gathered(tmp_path)
    assert sorted(item.name for item in found) == ["Zoë 李", "\\x1b[2J\\n\\u202e", "caf\\udce9"]
    assert all(item.read() == CODE.encode() for item in found)
