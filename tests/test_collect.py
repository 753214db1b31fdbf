"""Files and folders -> submissions, whatever a class may hand in."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradus.course import UsageError
from gradus.inbox.collect import collect
from gradus.inbox.found import MAX_BYTES, Found, Unreadable

CODE = "def relu_forward(x): ...\n"


def tree(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CODE)
    return root


def names(*paths: Path) -> dict[str, str]:
    return {item.name: "/".join(item.parts) for item in collect(paths, "mlp")}


def test_a_class_as_teachers_keep_it(tmp_path):
    tree(
        tmp_path,
        "ada.py",
        "emmy.ipynb",
        "grades.csv",
        ".hidden.py",
        "__pycache__/ada.py",
        "carl/mlp.py",  # a student's whole folder: the topic's file counts
        "carl/scratch.py",
        "carl/test_mlp.py",
        "carl/notes.txt",
        "kurt/solution.py",  # two of one name: named by their folders
        "max/solution.py",
        "felix/felix_klein.py",
    )
    assert names(tmp_path) == {
        "ada": "ada.py",
        "emmy": "emmy.ipynb",
        "carl": "carl/mlp.py",
        "kurt": "kurt/solution.py",
        "max": "max/solution.py",
        "felix_klein": "felix/felix_klein.py",
    }


def test_files_and_folders_together_each_once(tmp_path):
    tree(tmp_path, "ada.py", "emmy.py", "carl/mlp.py")
    given = [tmp_path / "ada.py", tmp_path, tmp_path / "carl" / "mlp.py"]
    assert names(*given) == {"ada": "ada.py", "emmy": "emmy.py", "carl": "carl/mlp.py"}


def test_of_a_script_and_a_notebook_the_newer_one_counts(tmp_path):
    tree(tmp_path, "ada.py", "ada.ipynb", "carl/mlp.py", "carl/mlp.ipynb", "carl/mlp (1).ipynb")
    os.utime(tmp_path / "ada.py", (1, 1))
    os.utime(tmp_path / "carl/mlp.ipynb", (1, 1))
    ada, carl = collect([tmp_path], "mlp")
    assert (ada.filename, ada.note) == ("ada.ipynb", "ada.py was not graded: ada.ipynb is newer")
    assert (carl.filename, carl.name) == ("mlp.py", "carl")
    assert carl.note == "mlp.ipynb was not graded: mlp.py is newer; not graded: mlp (1).ipynb"


@pytest.mark.parametrize(
    ("files", "given", "told"),
    [
        (["notes.txt", "a/b/deep.py"], ["."], ["no submissions", "*.ipynb", "2 other entries"]),
        (["notes.txt"], ["notes.txt"], ["notes.txt is neither .py"]),
        ([], ["class"], ["cannot read", "class", "No such file"]),
    ],
)
def test_wrong_usage_says_what_is_wrong(tmp_path, monkeypatch, files, given, told):
    tree(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        collect([Path(name) for name in given], "mlp")
    assert "\n" not in str(caught.value)
    for words in told:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("files", "given"),
    [(["a/ada.py", "b/ada.py"], ["a", "b"]), (["ada.py", "ada/mlp.py"], ["."])],
)
def test_two_of_one_name_are_told_apart(tmp_path, monkeypatch, files, given):
    tree(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    first, second = collect([Path(name) for name in given], "mlp")
    assert (first.name, str(first.path), first.note) == ("ada", files[0], "")
    assert (second.name, str(second.path)) == ("ada (2)", files[1])
    assert second.note == f"{files[0]} goes by the same name"


def unreadable(found: Found) -> str:
    with pytest.raises(Unreadable) as caught:
        found.read()
    return str(caught.value)


def test_names_that_print_alike_have_a_row_each(tmp_path):
    """Linux takes an é for one character or for two, and both names look the same."""
    tree(tmp_path, "Ren\u00e9.py", "Rene\u0301.py")
    assert sorted(names(tmp_path)) == ["Ren\u00e9", "Ren\u00e9 (2)"]


def test_nothing_but_a_plain_file_of_text_is_read(tmp_path):
    secret = tmp_path / "hidden_tests.py"
    secret.write_text("SECRET = 1\n")
    folder = tmp_path / "class"
    (folder / "dir.py").mkdir(parents=True)
    (folder / "secrets").mkdir()
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

    found = {item.name: item for item in collect([folder], "mlp")}
    assert found.pop("secrets").read() == CODE.encode()
    reasons = {name: unreadable(item) for name, item in found.items()}
    expected = {
        "link": "symbolic link",
        "shadow": "symbolic link",
        "dangling": "symbolic link",
        "linked": "symbolic link",
        "dir": "a folder",
        "fifo": "not a regular file",
        "socket": "no such device",
        "empty": "empty",
        "binary": "not text",
        "huge": f"larger than {MAX_BYTES // 1_000_000} MB",
    }
    assert reasons.keys() == expected.keys()
    for name, words in expected.items():
        assert words in reasons[name], name
    assert "symbolic link" in unreadable(collect([folder / "link.py"], "mlp")[0])


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path):
    tree(tmp_path, "class/eve/mlp.py", "secret/mlp.py")
    (eve,) = collect([tmp_path / "class"], "mlp")
    (tmp_path / "class/eve/mlp.py").unlink()
    (tmp_path / "class/eve").rmdir()
    (tmp_path / "class/eve").symlink_to(tmp_path / "secret")
    assert "eve" in unreadable(eve) or "mlp.py" in unreadable(eve)


def test_a_file_without_permission_is_a_result_not_a_stop():
    """In a process without root's rights, which may read everything."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from gradus.inbox.collect import collect; from gradus.inbox.found import Unreadable\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "for item in collect([Path(sys.argv[1])], 'mlp'):\n"
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
    found = collect([tmp_path], "mlp")
    assert sorted(item.name for item in found) == ["Zoë 李", "\\x1b[2J\\n\\u202e", "caf\\udce9"]
    assert all(item.read() == CODE.encode() for item in found)
