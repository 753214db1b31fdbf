"""Paths on the command line -> submissions; what cannot be read says why and stops nothing."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.inbox.found import SUFFIXES, Found, distinct, printable

_SKIPPED_FOLDERS = ("__pycache__", "__MACOSX")


def collect(paths: Sequence[Path], topic: str, *, none_is_wrong: bool = True) -> list[Found]:
    """The submissions for a topic's id, by name, from files and folders (also one level down).

    A submission is named after its file; after its folder, where the file is named after the topic
    or has the same name in several folders. Raises UsageError for a path that is not there, and
    when there is no submission, unless `none_is_wrong` is false.
    """
    found: dict[str, Found] = {}
    others = 0
    for path in paths:
        for item in _at(path, topic):
            if item is None:
                others += 1
            else:
                found.setdefault(os.path.abspath(item.path), item)
    if not found and none_is_wrong:
        where = ", ".join(shown(path) for path in paths)
        ignored = f" ({others} other entries were ignored)" if others else ""
        raise UsageError(
            f"no submissions in {where}: looked for *.py and *.ipynb, also one folder down{ignored}"
        )
    return _one_each(_named(list(found.values()), topic))


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
    passed_over = ", ".join(printable(name) for name in names if own and name not in own)
    note = f"not graded: {passed_over}" if passed_over else ""
    for name in own or names:
        yield Found(Path(name).stem, student.folder, (*student.parts, name), note)


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
    """Of a student's .py and .ipynb, the newer one counts."""
    chosen: dict[Path, Found] = {}
    for item in sorted(found, key=_freshness, reverse=True):
        first = chosen.setdefault(item.path.with_suffix(""), item)
        if first is not item:
            note = f"{item.filename} was not graded: {first.filename} is newer"
            note = f"{note}; {first.note}" if first.note else note
            chosen[item.path.with_suffix("")] = replace(first, note=note)
    return distinct(chosen.values())


def _freshness(item: Found) -> tuple[bool, int, bool]:
    """Regular files before anything else, then the newest; on a tie, the .py file."""
    try:
        info = item.path.lstat()
    except OSError:
        return False, 0, False
    return stat.S_ISREG(info.st_mode), info.st_mtime_ns, item.path.suffix == ".py"
