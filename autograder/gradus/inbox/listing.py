"""A path of the command line -> the files at it, alike for a folder, an archive and a file."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.inbox.archives import (
    LINK,
    MAX_UNPACKED,
    NOT_REGULAR,
    SUFFIXES,
    Archive,
    Room,
    archive_suffix,
    leads_out,
    stem,
)
from gradus.inbox.found import Found, Unreadable
from gradus.inbox.pieces import File
from gradus.inbox.sevens import NO_PROGRAM, TO_INSTALL

NOISE = ("__pycache__", "__MACOSX", "node_modules", "site-packages", "venv", "env")
_MAX_DEPTH = 32


def listing(path: Path) -> tuple[list[File], str]:
    """The files at `path`, without those of tools, and the name of the whole.

    Raises UsageError for what is not there, cannot be read, or is something else.
    """
    try:
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode) and path.suffix not in SUFFIXES:
            return list(_walk(Found("", path, ()))), path.resolve().name
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {os.strerror(error.errno or 0)}") from None
    alone = Found("", path.parent, (path.name,))
    if archive_suffix(path.name) and path.is_file():
        return _archived(alone), stem(path.name)
    if path.suffix in SUFFIXES or stat.S_ISLNK(info.st_mode):
        folder = path.parent.name
        return [_file(alone, info)], path.stem if folder in ("", "..") else folder
    kinds = ".py, nor .ipynb, nor a folder or an archive of them"
    raise UsageError(f"{shown(path)} is neither {kinds}")


def members(where: Found, room: Room) -> list[File]:
    """The files in an archive, opened for this only; raises Unreadable."""
    with closing(where.open_archive(room)) as archive:
        return _files(where, archive)


def _archived(where: Found) -> list[File]:
    """The files in an archive that stays open, for each of them will be read from it."""
    try:
        archive = where.open_archive(Room(MAX_UNPACKED))
    except Unreadable as error:
        what = f"; {TO_INSTALL}" if NO_PROGRAM in str(error) else ""
        raise UsageError(f"cannot read {shown(where.path)}: {error}{what}") from None
    return _files(replace(where, archive=archive), archive)


def _files(where: Found, archive: Archive) -> list[File]:
    found = {}
    for member in archive.members:
        name, names, problem = member.name, member.parts, member.problem
        if ".git" in names:  # as in a folder, where nobody looks into it
            names, problem = names[: names.index(".git") + 1], ""
            name = "/".join(names)
        if leads_out(name) or _matters(names):
            inner = replace(where, members=(*where.members, name), problem=problem)
            found[name] = File(names, inner, _even(member.time))
    return list(found.values())


def _walk(top: Found) -> Iterator[File]:
    """The files below a folder; a link is a file, whatever it leads to. Raises OSError."""
    with os.scandir(top.file) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        here = replace(top, parts=(*top.parts, entry.name))
        if not _matters(here.parts):
            continue
        if entry.name == ".git" or not entry.is_dir(follow_symlinks=False):
            yield _file(here, entry.stat(follow_symlinks=False))
            continue
        try:
            yield from _walk(here)
        except OSError as error:
            problem = os.strerror(error.errno or 0).lower()
            yield File(here.parts, replace(here, problem=problem))


def _file(where: Found, info: os.stat_result) -> File:
    """A file on disk, or a .git, which may be a folder."""
    kind = stat.S_IFMT(info.st_mode)
    problem = ""
    if kind != stat.S_IFREG and where.parts[-1] != ".git":
        problem = LINK if kind == stat.S_IFLNK else NOT_REGULAR
    return File(where.parts, replace(where, problem=problem), _even(info.st_mtime))


def _matters(names: tuple[str, ...]) -> bool:
    """Not what is hidden or comes with tools; that there is a .git tells where it comes from."""
    tools = any(name in NOISE or (name[0] == "." and name != ".git") for name in names)
    return not tools and len(names) <= _MAX_DEPTH


def _even(time: float) -> float:
    """In the steps of two seconds that zips have, so that all archives of a class are alike."""
    return time // 2 * 2 if math.isfinite(time) else 0.0
