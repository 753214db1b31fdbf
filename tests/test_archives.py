"""A class in an archive of any kind is the class in its folder; hostile archives of each kind."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradus.course import UsageError
from gradus.inbox.archives import Room
from gradus.inbox.downloads import gather
from gradus.inbox.found import Found, Unreadable
from gradus.sandbox.levels import available_levels

CODE = "def relu_forward(x): ...\n"
Files = dict[str, str]
needs_7z = pytest.mark.skipif(not shutil.which("bsdtar"), reason="needs bsdtar")


def tree(root: Path, files: Files) -> Path:
    for age, (name, text) in enumerate(files.items()):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1_700_000_000 + 0.7 * age,) * 2)  # zips have every other second
    return root


def as_zip(folder: Path, out: Path, top: str) -> None:
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, top + file.relative_to(folder).as_posix())


def as_tar(folder: Path, out: Path, top: str) -> None:
    packed = {".tar": "w", ".gz": "w:gz", ".TGZ": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}
    with tarfile.open(out, packed[out.suffix]) as tar:
        tar.add(folder, top or ".")


def as_7z(folder: Path, out: Path, top: str) -> None:
    with tempfile.TemporaryDirectory() as around:
        shutil.copytree(folder, Path(around) / top, symlinks=True, dirs_exist_ok=True)
        made = [
            "bsdtar",
            "--format",
            "7zip",
            "--options",
            "compression=deflate",
            "-cf",
            out,
            "-C",
            around,
            *os.listdir(around),
        ]
        subprocess.run(made, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})


KINDS: dict[str, Callable[[Path, Path, str], None]] = {
    ".zip": as_zip,
    ".tar": as_tar,
    ".tar.gz": as_tar,
    ".TGZ": as_tar,
    ".tar.xz": as_tar,
    ".tar.bz2": as_tar,
}
ALL = [*KINDS, pytest.param(".7z", marks=needs_7z)]


def pack(kind: str, folder: Path, out: Path, top: str = "") -> Path:
    KINDS.get(kind, as_7z)(folder, out, top)
    return out


def summary(item: Found) -> tuple[object, ...]:
    try:
        source: object = item.read()
    except Unreadable as error:
        source = str(error)
    return item.name, item.filename, item.note, item.handed_in, source


def same(*paths: Path) -> list[tuple[object, ...]]:
    """What is found in each of the paths, which must be the same."""
    first, *others = [[summary(item) for item in gather([path], "mlp")] for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        assert other == first, path
    return first


CLASS = {
    "ada.py": CODE,
    "emmy.ipynb": "{}",
    "emmy.py": "# newer\n",
    "anna/hw5/mlp.py": CODE,
    "ben/mlp.py": "# ben\n",
    "ben/mlp.ipynb": "{}",
    "zoë 李/a.py": CODE,
    "zoë 李/b.py": CODE,
    "carl/essay.txt": "-",
    "kurt/.git/HEAD": "-",
    "kurt/mlp.py": "# kurt\n",
    "grades.csv": "-",
    "__MACOSX/anna/._mlp.py": "-",
    "anna/.DS_Store": "-",
    "max/node_modules/x.py": CODE,
    "max/mlp.py": "# max\n",
}


@pytest.mark.parametrize("top", ["", "class/", "class/submissions/"])
@pytest.mark.parametrize("kind", ALL)
def test_a_class_in_any_archive_is_the_class_in_its_folder(tmp_path, kind, top):
    folder = tree(tmp_path / "class", CLASS)
    packed = pack(kind, folder, tmp_path / f"class{kind}", top)
    again = pack(kind, folder, tmp_path / f"class (1){kind}", top)
    found = same(folder, packed, again)
    names = ["ada", "anna", "ben", "carl", "emmy", "kurt", "max", "zoë 李"]
    assert [name for name, *_ in found] == names


@pytest.mark.parametrize("kind", ALL)
def test_students_own_archives(tmp_path, kind):
    homework = tree(tmp_path / "homework", {"work/mlp.py": CODE, "work/data.csv": "1"})
    folder = tmp_path / "class"
    (folder / "ben").mkdir(parents=True)
    pack(kind, homework, folder / f"anna{kind}")
    pack(kind, homework, folder / f"ben/my homework{kind}")
    moodle = tmp_path / "moodle" / "Ada Lovelace_501_assignsubmission_file_"
    moodle.mkdir(parents=True)
    pack(kind, homework, moodle / f"mlp{kind}")
    packed = pack(kind, folder, tmp_path / f"class{kind}")
    found = same(folder, packed)
    assert [(name, file, source) for name, file, *_, source in found] == [
        ("anna", "mlp.py", CODE.encode()),
        ("ben", "mlp.py", CODE.encode()),
    ]
    (ada,) = gather([moodle.parent], "mlp")
    assert (ada.name, ada.read()) == ("Ada Lovelace_501", CODE.encode())


names = st.sampled_from(["anna", "ben", "carl", "zoë 李", "a.b", "x y", "emmy-1", "hw5"])
inner = st.sampled_from(["mlp.py", "mlp.ipynb", "hw5.py", "mlp (1).py", "notes.txt", "mlp-2.py"])
folders = st.lists(st.sampled_from(["hw5", "old", "mlp", "class", "week 1", ".git"]), max_size=2)
paths = st.tuples(folders, inner).map(lambda pair: "/".join((*pair[0], pair[1])))
own = st.sampled_from([".py", ".ipynb"]) | st.lists(paths, min_size=1, max_size=4, unique=True)
classes = st.dictionaries(names, own, min_size=1, max_size=5)


def has_code(files: Files) -> bool:
    return any(name.endswith((".py", ".ipynb")) and ".git/" not in name for name in files)


def laid_out(students: dict[str, str | list[str]]) -> Files:
    files = {}
    for name, own in students.items():
        for path in [own] if isinstance(own, str) else own:
            files[name + path if isinstance(own, str) else f"{name}/{path}"] = f"# {name} {path}\n"
    return files


@given(classes, st.sampled_from(["", "class/", "submissions/"]))
@settings(deadline=None, max_examples=40)
def test_a_name_depends_on_nobody_else_and_on_no_kind_of_archive(tmp_path_factory, students, top):
    around = tmp_path_factory.mktemp("any")
    files = laid_out(students)
    assume(has_code(files))
    folder = tree(around / "day/class", files)
    packed = [pack(kind, folder, around / f"class{kind}", top) for kind in (".zip", ".tar.gz")]
    found = {name: (file, source) for name, file, *_, source in same(folder, *packed)}
    assert found.keys() == students.keys()
    for name in students:
        files = laid_out({name: students[name]})
        if has_code(files):
            alone = tree(around / f"alone-{name}/class", files)
            for file in files:
                shutil.copystat(folder / file, alone / file)
            for item in gather([alone], "mlp"):
                assert item.name == name
                assert summary(item)[-1] == found[name][1]


def test_a_git_folder_is_never_what_was_handed_in(tmp_path):
    folder = tree(
        tmp_path / "day/class",
        {"anna/notes.txt": "-", "anna/old/.git/mlp.py": CODE, "ben/mlp.py": CODE},
    )
    os.utime(folder / "anna/notes.txt", (1e9, 1e9))
    packed = [pack(kind, folder, tmp_path / f"class{kind}") for kind in (".zip", ".tar.gz")]
    (name, file, *_, source), _ = same(folder, *packed)
    assert (name, file) == ("anna", "notes.txt")
    assert source == "no .py or .ipynb was handed in, but: notes.txt"


def tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name: str = "mlp.py", kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def one(name: str = "mlp.py", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    return tar((entry(name, kind, **more), CODE.encode()))


def raw(kind: bytes, size: int, data: bytes = b"") -> bytes:
    """A header that announces `size` bytes, then `data`, and a good file; not packed."""
    info = entry("x", kind)
    info.size = size
    good = tar((entry(), CODE.encode()), mode="w")
    return info.tobuf(tarfile.GNU_FORMAT) + data + good


def squeezed(data: bytes, of_zeros: int) -> bytes:
    """`data` and gigabytes of nothing, as gzip packs them."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="w", compresslevel=1) as file:
        file.write(data)
        for _ in range(of_zeros // 10_000_000):
            file.write(bytes(10_000_000))
    return out.getvalue()


def huge_file() -> bytes:
    info = entry()
    info.size = 1 << 40
    return squeezed(info.tobuf(), 300_000_000)


def backwards() -> bytes:
    info = bytearray(entry("x").tobuf(tarfile.GNU_FORMAT))
    info[124:136] = b"\xff" * 10 + b"\xf8\x00"  # a size of -2048
    info[148:156] = b" " * 8
    info[148:156] = b"%06o\0 " % sum(info)
    return bytes(info) + tar((entry(), CODE.encode()), mode="w")


def sparse_map() -> bytes:
    """A map of where its data is that would be gigabytes in memory."""
    head = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    info = entry("x", pax_headers={**head, "GNU.sparse.name": "x"})
    info.size = 200_000_000
    start = info.tobuf(tarfile.PAX_FORMAT)
    return start + b"99999999\n" + b"1\n" * 5_000_000


def many_files() -> bytes:
    header = entry("a").tobuf()
    return squeezed(header * 60_000, 0)


HOSTILE = {  # what takes long to make is made when it is wanted
    "up": (one("../mlp.py"), "../mlp.py: its name leads out of the archive"),
    "deep": (one("a/../../mlp.py"), "leads out of the archive"),
    "windows": (one("..\\mlp.py"), "leads out of the archive"),
    "absolute": (one("/etc/mlp.py"), "leads out of the archive"),
    "drive": (one("C:/mlp.py"), "leads out of the archive"),
    "link": (one(kind=tarfile.SYMTYPE, linkname="/etc/shadow"), "symbolic link"),
    "hard": (one(kind=tarfile.LNKTYPE, linkname="../ada/mlp.py"), "a hard link"),
    "device": (one(kind=tarfile.CHRTYPE), "not a regular file"),
    "fifo": (one(kind=tarfile.FIFOTYPE), "not a regular file"),
    "bomb": (huge_file, "a bomb, or too large: more than 256 MB"),
    "zeros": (lambda: squeezed(b"", 300_000_000), "more than 256 MB"),
    "files": (many_files, "more than 50000 files"),
    "name": (raw(tarfile.GNUTYPE_LONGNAME, 1 << 33), "its index alone would fill the memory"),
    "pax": (raw(tarfile.XHDTYPE, 1 << 33), "its index alone would fill the memory"),
    "global": (raw(tarfile.XGLTYPE, 1 << 33), "its index alone would fill the memory"),
    "sparse": (sparse_map, "its index alone would fill the memory"),
    "chain": (entry(kind=tarfile.XHDTYPE).tobuf() * 2000, "not an archive that can be read"),
    "back": (backwards(), "it leads backwards"),
    "nan": (one(pax_headers={"mtime": "nan"}), ""),
    "cut": (one()[:-30], "not an archive that can be read"),
    "short": (tar((entry(), CODE.encode()), mode="w")[:1024], "it ends too early"),
    "flipped": (one()[:-8] + bytes(8), "not an archive that can be read"),
    "none": (b"this is no tar", "not an archive that can be read"),
    "empty": (b"", "not an archive that can be read"),
    "nothing": (tar(), "no .py or .ipynb was handed in, but: nothing"),
    "again": (tar((entry("a.tar.gz"), one())), "but: a.tar.gz"),
    "xz": (b"\xfd7zXZ\0" + bytes(100), "not an archive that can be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tars_are_results_and_stop_nobody(tmp_path, name):
    data, words = HOSTILE[name]
    (tmp_path / "eve.tar.gz").write_bytes(data() if callable(data) else data)
    (tmp_path / "ada.py").write_text(CODE)
    ada, eve = gather([tmp_path], "mlp")
    assert ada.read() == CODE.encode()
    if not words:
        assert eve.read() == CODE.encode()
        return
    with pytest.raises(Unreadable) as caught:
        eve.read()
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["ada.py", "eve.tar.gz"]


def test_a_students_archives_have_one_budget_together(tmp_path, monkeypatch):
    """Of any number as small as these, each of which is a second's work, most stay closed."""
    opened = []
    take = Room.take
    monkeypatch.setattr(Room, "take", lambda room, n: (opened.append(n), take(room, n))[1])
    bomb = squeezed(entry("x").tobuf() + bytes(512), 190_000_000)
    tree(tmp_path, {"eve/mlp.py": CODE})
    for number in range(30):
        (tmp_path / f"eve/{number}.tar.gz").write_bytes(bomb)
    (eve,) = gather([tmp_path], "mlp")
    assert eve.read() == CODE.encode()
    why = "of one student 10 archives are opened, to 256 MB in all"
    assert eve.note == f"28 of 30 archives not opened: {why}"
    assert sum(opened) < 257_000_000


def test_of_many_archives_the_newest_are_opened(tmp_path):
    folder = tree(tmp_path / "in", {"ada/x.txt": ""})
    for number in range(30):
        file = folder / f"ada/{(number * 7) % 30:02}.tar.gz"
        file.write_bytes(tar((entry("mlp.py"), f"# {number}\n".encode())))
        os.utime(file, (1_700_000_000 + 60 * number,) * 2)
    (ada,) = gather([folder], "mlp")
    assert ada.read() == b"# 29\n"
    assert "20 of 30 archives not opened" in ada.note


def test_what_is_bad_in_a_tar_costs_the_others_nothing(tmp_path):
    data = tar(
        (entry("../mlp.py"), b"# evil\n"),
        (entry("eve/mlp.py", tarfile.SYMTYPE, linkname="../ada/mlp.py"), b""),
        (entry("mia/mlp.py", tarfile.LNKTYPE, linkname="ada/mlp.py"), b""),
        (entry("ada/mlp.py"), b"# older\n"),
        (entry("caf\udce9/mlp.py"), CODE.encode()),
        (entry("ada/mlp.py"), CODE.encode()),  # what `tar -r` appends takes the first one's place
    )
    (tmp_path / "class.tar.gz").write_bytes(data)
    found = {item.name: item for item in gather([tmp_path / "class.tar.gz"], "mlp")}
    assert list(found) == ["../mlp", "ada", "caf\\udce9", "eve", "mia"]
    assert (found["ada"].read(), found["ada"].note) == (CODE.encode(), "")
    assert found["caf\\udce9"].read() == CODE.encode()
    assert "symbolic link" in found["eve"].problem
    assert "hard link" in found["mia"].problem


def test_a_class_that_is_broken_is_said_in_one_line(tmp_path):
    (tmp_path / "class.tar.gz").write_bytes(one("ada.py")[:-20])
    with pytest.raises(UsageError, match=r"cannot read .*class.tar.gz: not an archive"):
        gather([tmp_path / "class.tar.gz"], "mlp")


@given(st.binary(max_size=600), st.integers(0, 2000), st.sampled_from(["w", "w:gz", "w:xz"]))
@settings(deadline=None, max_examples=200)
def test_a_tar_with_anything_in_it_is_read_or_refused(tmp_path_factory, noise, at, mode):
    data = bytearray(tar((entry("mlp.py", pax_headers={"a": "b" * 99}), CODE.encode()), mode=mode))
    data[at % len(data) : at % len(data) + len(noise)] = noise
    folder = tmp_path_factory.mktemp("noise")
    (folder / "eve.tar").write_bytes(data)
    (eve,) = gather([folder], "mlp")
    assert summary(eve)


CONTAINED = [level for level in ("", "no") if level or not available_levels()["namespaces"]]


@needs_7z
@pytest.mark.parametrize("without", CONTAINED)
def test_hostile_7zs(tmp_path, monkeypatch, without):
    """With bubblewrap, and under limits alone."""
    monkeypatch.setattr("gradus.inbox.sevens.available_levels", lambda: {"namespaces": without})
    good = tree(tmp_path / "good", {"mlp.py": CODE})
    data = pack(".7z", good, tmp_path / "good.7z").read_bytes()
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "mlp.py").symlink_to("/etc/passwd")
    zeros = tmp_path / "zeros"
    zeros.mkdir()
    with open(zeros / "mlp.py", "wb") as file:
        file.truncate(300_000_000)
    files = {
        "good": (data, ""),
        "cut": (data[:-5], "not a .7z that can be read"),
        "none": (b"no archive", "not a .7z"),
        "mtree": (b"#mtree\nmlp.py type=file contents=/etc/passwd\n", "not a .7z"),
        "link": (pack(".7z", linked, tmp_path / "linked.7z").read_bytes(), "symbolic link"),
        "zeros": (pack(".7z", zeros, tmp_path / "zeros.7z").read_bytes(), "more than 256 MB"),
    }
    folder = tmp_path / "class"
    folder.mkdir()
    for name, (content, _) in files.items():
        (folder / f"{name}.7z").write_bytes(content)
    for item in gather([folder], "mlp"):
        assert files[item.name][1] in str(summary(item)[-1]), item.name


def test_where_no_program_opens_a_7z_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "eve.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(30))
    (tmp_path / "ada.py").write_text(CODE)
    said: list[str] = []
    _, eve = gather([tmp_path], "mlp", say=said.append)
    assert eve.problem == "eve.7z: a .7z, for which bsdtar is not installed here"
    assert said == [
        "1 cannot be opened here: install bsdtar (Debian, Ubuntu: apt install libarchive-tools) "
        "and grade again"
    ]
    with pytest.raises(UsageError, match=r"eve.7z: .*libarchive-tools"):
        gather([tmp_path / "eve.7z"], "mlp")


def test_an_xz_that_asks_for_4_gb_of_memory(tmp_path):
    data = bytearray(one_xz := tar((entry(), CODE.encode()), mode="w:xz"))
    size = (data[12] + 1) * 4  # of the header of its block, at whose end stands a checksum
    at = data.index(b"\x21\x01", 12) + 2  # the filter's number, the length of its options
    data[at] = 40
    data[12 + size - 4 : 12 + size] = zlib.crc32(data[12 : 12 + size - 4]).to_bytes(4, "little")
    (tmp_path / "ada.tar.xz").write_bytes(one_xz)
    (tmp_path / "eve.tar.xz").write_bytes(data)
    ada, eve = gather([tmp_path], "mlp")
    assert ada.read() == CODE.encode()
    assert "Memory usage limit" in eve.problem
