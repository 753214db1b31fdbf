"""Paths on the command line -> submissions; what cannot be read says why and stops nothing."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradus.course import UsageError, shown

SUFFIXES = (".py", ".ipynb")
MAX_BYTES = 10_000_000
_SKIPPED_FOLDERS = ("__pycache__", "__MACOSX")


class Unreadable(Exception):
    """A submission whose file cannot be taken; the message is one line, for student and staff."""


@dataclass(frozen=True)
class Found:
    """One submission: `folder` is as the instructor typed it, `parts` lead from there to the file.

    Links in `folder` are the instructor's own; among `parts`, which students chose, none is
    followed.
    """

    name: str
    folder: Path
    parts: tuple[str, ...]
    note: str = ""

    @property
    def path(self) -> Path:
        return self.folder.joinpath(*self.parts)

    @property
    def filename(self) -> str:
        """The file's own name, as messages show it: "mlp.py"."""
        return printable(self.parts[-1])

    def read(self) -> bytes:
        """The file's bytes; raises Unreadable for anything but a regular file of ≤ 10 MB text."""
        try:
            descriptor = self._open()
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            if self.path.is_symlink():
                reason = "a symbolic link, which is not followed: hand in the file itself"
            raise Unreadable(f"{self.filename}: {reason}") from None
        mode = os.fstat(descriptor).st_mode  # of what was opened, whatever the name stands for now
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            kind = "a folder, not a file" if stat.S_ISDIR(mode) else "not a regular file"
            raise Unreadable(f"{self.filename}: {kind}")
        with os.fdopen(descriptor, "rb") as file:
            source = file.read(MAX_BYTES + 1)
        if len(source) > MAX_BYTES:
            limit = MAX_BYTES // 1_000_000
            raise Unreadable(f"{self.filename}: larger than {limit} MB: was data pasted into it?")
        if not source.strip():
            raise Unreadable(f"{self.filename}: the file is empty")
        if b"\0" in source:
            raise Unreadable(f"{self.filename}: not text")
        return source

    def _open(self) -> int:
        """A descriptor of the file, reached without following a link below `folder`."""
        here = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        for part in self.parts:
            last = part is self.parts[-1]
            # O_NONBLOCK: opening a FIFO would otherwise wait for its other end.
            flags = os.O_NONBLOCK if last else os.O_DIRECTORY
            try:
                inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=here)
            finally:
                os.close(here)
            here = inner
        return here


def collect(paths: Sequence[Path], topic: str) -> list[Found]:
    """The submissions for a topic's id, by name, from files and folders (also one level down).

    A submission is named after its file; after its folder, where the file is named after the topic
    or has the same name in several folders. Raises UsageError for a path that is not there, for
    two submissions of one name, and when there is none.
    """
    found: dict[str, Found] = {}
    others = 0
    for path in paths:
        for item in _at(path, topic):
            if item is None:
                others += 1
            else:
                found.setdefault(os.path.abspath(item.path), item)
    if not found:
        where = ", ".join(shown(path) for path in paths)
        ignored = f" ({others} other entries were ignored)" if others else ""
        raise UsageError(
            f"no submissions in {where}: looked for *.py and *.ipynb, also one folder down{ignored}"
        )
    return _one_each(_named(list(found.values()), topic))


def printable(name: str) -> str:
    """`name` with everything that a terminal might obey, and broken Unicode, written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _at(path: Path, topic: str) -> Iterator[Found | None]:
    """What lies at one path of the command line; None for each file that is something else."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {os.strerror(error.errno or 0)}") from None
    if stat.S_ISDIR(mode) and path.suffix not in SUFFIXES:
        try:
            yield from _in_folder(path, topic)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UsageError(f"cannot read {shown(path)}: {reason}") from None
    elif path.suffix in SUFFIXES or stat.S_ISLNK(mode):
        yield Found(path.stem, path.parent, (path.name,))
    else:
        raise UsageError(f"{shown(path)} is neither .py, nor .ipynb, nor a folder of them")


def _in_folder(folder: Path, topic: str) -> Iterator[Found | None]:
    for entry in _entries(folder, topic):
        found = Found(Path(entry.name).stem, folder, (entry.name,))
        if found.path.suffix in SUFFIXES:
            yield found
        elif entry.is_symlink() and entry.is_dir():
            yield found  # a student's folder that is a link: not followed, but not silent either
        elif not entry.is_dir(follow_symlinks=False):
            yield None
        elif entry.name not in _SKIPPED_FOLDERS:
            yield from _in_students_folder(found, topic)


def _in_students_folder(student: Found, topic: str) -> Iterator[Found | None]:
    try:
        entries = _entries(student.path, topic)
    except OSError:
        yield student  # reading it will say why
        return
    names = [entry.name for entry in entries]
    yield from [None for name in names if not name.endswith(SUFFIXES)]
    names = [name for name in names if name.endswith(SUFFIXES)]
    # Who hands in a whole folder may have scratch files in it: the topic's own name decides.
    own = [name for name in names if Path(name).stem == topic]
    for name in own or names:
        yield Found(Path(name).stem, student.folder, (*student.parts, name))


def _entries(folder: Path, topic: str) -> list[os.DirEntry[str]]:
    """The entries that may matter: not hidden ones, nor the public checks that students have."""
    with os.scandir(folder) as entries:
        kept = [e for e in entries if e.name[0] != "." and e.name != f"test_{topic}.py"]
    return sorted(kept, key=lambda entry: entry.name)


def _named(found: list[Found], topic: str) -> list[Found]:
    nested = {item.path.parent / item.name for item in found if len(item.parts) > 1}
    folders_with = Counter(path.name for path in nested)
    named = []
    for item in found:
        ambiguous = len(item.parts) > 1 and folders_with[item.name] > 1
        folder = item.path.parent.name
        by_folder = (item.name == topic or ambiguous) and folder not in ("", "..")
        named.append(replace(item, name=printable(folder if by_folder else item.name)))
    return named


def _one_each(found: list[Found]) -> list[Found]:
    """One submission a name: of a student's .py and .ipynb, the newer one counts."""
    chosen: dict[str, Found] = {}
    for item in sorted(found, key=_freshness, reverse=True):
        first = chosen.setdefault(item.name, item)
        if first is item:
            continue
        if first.path.with_suffix("") != item.path.with_suffix(""):
            raise UsageError(
                f"two submissions are called '{item.name}': {shown(first.path)} and "
                f"{shown(item.path)}: rename one of them"
            )
        note = f"{item.filename} was not graded: {first.filename} is newer"
        chosen[item.name] = replace(first, note=note)
    return sorted(chosen.values(), key=lambda item: item.name)


def _freshness(item: Found) -> tuple[bool, int, bool]:
    """Regular files before anything else, then the newest; on a tie, the .py file."""
    try:
        info = item.path.lstat()
    except OSError:
        return False, 0, False
    return stat.S_ISREG(info.st_mode), info.st_mtime_ns, item.path.suffix == ".py"
