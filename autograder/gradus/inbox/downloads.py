"""Paths on the command line -> submissions, downloads of every kind among them; one a student."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.inbox.archives import SUFFIXES
from gradus.inbox.choose import Chooser
from gradus.inbox.found import Found, distinct, printable
from gradus.inbox.layouts import recognise
from gradus.inbox.listing import listing
from gradus.inbox.pieces import File, Piece, few
from gradus.inbox.plain import plain, readings
from gradus.inbox.sevens import NO_PROGRAM, TO_INSTALL

_SYSTEMS = dict(nbgrader="nbgrader", github="GitHub Classroom")  # as they write themselves


def gather(
    paths: Sequence[Path],
    topic: str,
    *,
    due: datetime | None = None,
    handed_out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Found]:
    """The submissions at `paths`, by name: files, folders, archives and downloads of an LMS.

    Of what one student handed in the newest counts; the note says so, and how late it was after
    `due`. A file that is still as in `handed_out`, the assignment's folder, counts only where
    there is no other. `say` hears, in a line each, what the paths are taken for and what is not
    known. Raises UsageError for a path that cannot be read and when there is no submission.
    """
    others = 0
    seen: set[str] = set()
    students: dict[tuple[object, ...], list[Piece]] = {}
    for index, path in enumerate(paths):
        files, top = listing(path)
        try:
            pieces = recognise(files, top, topic)
        except UsageError as error:
            if len(paths) == 1:
                raise
            say(str(error))  # of one of many, which may be a student's own
            pieces = []
        lines: Iterable[str]
        if pieces:
            lines = _recognised(path, files, pieces, topic)
        else:
            pieces = plain(files, top, topic)
            lines = (f"{shown(path)}: {line}" for line in readings(files, pieces, top, topic))
        for line in lines:
            say(line)
        alone = path.suffix in SUFFIXES  # of two files of one folder, ada.py and ada.ipynb
        place = os.path.abspath(path.parent) if alone else index
        others += 0 if pieces else len(files)
        for piece in sorted(pieces, key=_place):
            # Whom a download identifies may be in several; else one name in two places may be two.
            is_folder = piece.file is not None and len(piece.file.names) > 1
            key = (piece.student,) if piece.people else (place, piece.student, is_folder)
            if _place(piece) not in seen:
                students.setdefault(key, []).append(piece)
        seen.update(_place(piece) for piece in pieces if piece.file)
    if not students:
        where = ", ".join(shown(path) for path in paths)
        ignored = f" ({others} other files were ignored)" if others else ""
        raise UsageError(
            f"no submissions in {where}: looked for *.py, *.ipynb, and folders and archives "
            f"with them{ignored}"
        )
    chooser = Chooser(topic, due, handed_out)
    # Who is called so comes before who is shown so: with an é of two characters, or by escapes.
    by_name = sorted(students.values(), key=lambda own: own[0].student != printable(own[0].student))
    found = [chooser.choose(printable(own[0].student), own) for own in by_name]
    for line in _remarks(found, paths, due):
        say(line)
    return distinct(found)


def _place(piece: Piece) -> str:
    return os.path.abspath(piece.file.where.path) if piece.file else ""


def _recognised(
    path: Path, files: Sequence[File], pieces: Sequence[Piece], topic: str
) -> Iterator[str]:
    count, source = len({piece.student for piece in pieces}), pieces[0].source
    system = _SYSTEMS.get(source, source.capitalize())
    yield f"{shown(path)}: taken for a download from {system} (students: {count})"
    yield from _nobodys(files, pieces, topic)


def _nobodys(files: Sequence[File], known: Sequence[Piece], topic: str) -> Iterator[str]:
    """The code of a download that no student's piece is. nbgrader's submitted/ holds other
    assignments, which are none of ours."""
    if known[0].source == "nbgrader":
        files = [f for f in files if len(f.names) <= 2 + (f.names[0] == "submitted")]
    taken = {piece.file.where.path for piece in known if piece.file}
    left = [
        "/".join(file.names)
        for file in files
        if file.where.path not in taken
        and file.names[-1].lower().endswith(SUFFIXES)
        and file.names[-1] != f"test_{topic}.py"
    ]
    if left:
        yield f"nobody's, not graded: {few(left)}"


def _remarks(found: Sequence[Found], paths: Sequence[Path], due: datetime | None) -> Iterator[str]:
    """What is not known or cannot be done, for how many."""
    names = [item.name for item in found]
    alike = sorted({name for name in names if names.count(name) > 1})
    if alike and len(paths) > 1:
        yield (
            f"several of one name, told apart by a number: {few(alike)}; in one folder that holds "
            "a folder for each student, each is called after its own"
        )
    unknown = sum(not (item.handed_in.at or item.handed_in.late) for item in found)
    if due and unknown:
        yield f"--due: whether {unknown} of {len(found)} are late is unknown: they carry no time"
    if closed := sum(NO_PROGRAM in item.problem for item in found):
        yield f"{closed} cannot be opened here: {TO_INSTALL}"
