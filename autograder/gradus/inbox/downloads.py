"""Paths on the command line -> submissions, downloads of every kind among them; one a student."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath

from gradus.course import UsageError, shown
from gradus.inbox.collect import collect
from gradus.inbox.found import SUFFIXES, Found, Unreadable, distinct, printable
from gradus.inbox.layouts import NOISE, File, Piece, folders, recognise
from gradus.inbox.zips import Refused, members
from gradus.inside.notebook import code_cells
from gradus.results import HandedIn

_MAX_DEPTH = 8
_MAX_LISTED = 10
_AGAIN = re.compile(r"-\d+| ?\(\d+\)| - Copy|_copy")  # what is put after the name of a second copy


def gather(
    paths: Sequence[Path],
    topic: str,
    *,
    due: datetime | None = None,
    handed_out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Found]:
    """The submissions at `paths`, by name: files, folders, zips and downloads of an LMS.

    Of what one student handed in the newest counts; the note says so, and how late it was after
    `due`. A file that is still as in `handed_out`, the assignment's folder, counts only where
    there is no other. `say` hears of files that are nobody's. Raises UsageError as `collect` does,
    and for a zip that cannot be read.
    """
    pieces: list[Piece] = []
    plain: list[Path] = []
    for path in paths:
        if path.suffix.lower() == ".zip" and path.is_file():
            files = _zipped(Found("", path.parent, (path.name,)))
            known = recognise(files, path.stem, topic) or folders(files, path.stem, topic)
            pieces += known
            _say_what_is_left(files, known, topic, say)
        elif _is_folder(path) and (files := list(_walk(Found("", path, ())))):
            top = path.resolve().name
            known = recognise(files, top, topic)
            pieces += known or _zips_of_students(files, topic)
            plain += [] if known else [path]
            _say_what_is_left(files, known, topic, say)
        else:
            plain.append(path)
    chooser = _Chooser(topic, due, handed_out)
    by_student: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_student.setdefault(piece.student, []).append(piece)
    found = [chooser.choose(printable(name), own) for name, own in by_student.items()]
    if plain or not found:
        found += collect(plain or paths, topic, none_is_wrong=not found)
    return distinct(found)


@dataclass(frozen=True)
class _Chooser:
    topic: str
    due: datetime | None
    handed_out: Path | None

    def choose(self, name: str, pieces: Sequence[Piece]) -> Found:
        """The one file of a student that counts, and what is to be said of it."""
        files = [p for piece in pieces for p in _opened(piece) if self._matters(p)]
        code = [p for p in files if p.names[-1].lower().endswith(SUFFIXES)]
        readable = [p for p in code if p.file and not p.file.where.problem]
        newest = max((p.order[0] for p in readable), default=0.0)
        latest = [p for p in readable if p.order[0] == newest]
        own = [p for p in latest if self._stem(p) == self.topic] or latest
        few = 1 < len(own) <= _MAX_LISTED
        worked_on = [p for p in own if not (few and self._as_handed_out(p))] or own
        if not worked_on:
            return self._nothing(name, pieces, files)
        best = max(worked_on, key=self._rank)
        assert best.file
        rivals = [p for p in worked_on if p.order == best.order and self._stem(p) != self.topic]
        if len(rivals) > 1:
            names = _listed(rivals)
            why = f"which one counts: {names}? none is called {self.topic}.py or {self.topic}.ipynb"
            return replace(best.file.where, name=name, problem=why, handed_in=_handed_in(best, ()))
        others = [p for p in code if p is not best]
        late = self._lateness(best)
        notes = [late, self._about(best, others)]
        return replace(
            best.file.where,
            name=name,
            note="; ".join(filter(None, notes)),
            handed_in=_handed_in(best, others, bool(late)),
        )

    def _matters(self, piece: Piece) -> bool:
        if piece.file and piece.file.where.problem:
            return True
        return _may_be_handed_in(piece.names, self.topic)

    def _stem(self, piece: Piece) -> str:
        stem = PurePath(piece.names[-1]).stem
        again = stem.removeprefix(self.topic)
        return self.topic if stem != again and _AGAIN.fullmatch(again) else stem

    def _rank(self, piece: Piece) -> tuple[float, int, int, bool, tuple[str, ...]]:
        again = re.search(r"-(\d{1,9})$", PurePath(piece.names[-1]).stem)
        number = int(again[1]) if again and self._stem(piece) == self.topic else 0
        is_script = piece.names[-1].lower().endswith(".py")
        return piece.order[1], number, -len(piece.names), is_script, piece.names

    def _as_handed_out(self, piece: Piece) -> bool:
        if self.handed_out is None or piece.file is None:
            return False
        suffix = PurePath(piece.names[-1]).suffix.lower()
        try:
            stub = (self.handed_out / f"{self.topic}{suffix}").read_bytes()
            return _code(piece.file.where.read(), suffix) == _code(stub, suffix)
        except (OSError, Unreadable, ValueError, LookupError, TypeError, AttributeError):
            return False

    def _lateness(self, piece: Piece) -> str:
        if self.due and piece.at:
            by = piece.at - self.due
            return f"late by {_duration(by)}" if by > timedelta(0) else ""
        return "late" if piece.late else ""

    def _about(self, best: Piece, others: Sequence[Piece]) -> str:
        if not others:
            return ""
        newest = all(p.file is not None and p.order < best.order for p in others)
        which = f", the newest of {len(others) + 1}" if newest else ""
        return f"{_shown(best)} counts{which}; not graded: {_listed(others)}"

    def _nothing(self, name: str, pieces: Sequence[Piece], files: Sequence[Piece]) -> Found:
        problems = [
            f"{_shown(p)}: {p.file.where.problem}" for p in files if p.file and p.file.where.problem
        ]
        there = _listed(files) or "nothing"
        problem = "; ".join(problems[:3]) or f"no .py or .ipynb was handed in, but: {there}"
        latest = max(pieces, key=lambda piece: piece.order)
        where = latest.file.where if latest.file else Found("", Path(), (name,))
        handed_in = _handed_in(latest, (), bool(self._lateness(latest)))
        return replace(where, name=name, problem=problem, handed_in=handed_in)


def _say_what_is_left(
    files: Sequence[File], known: Sequence[Piece], topic: str, say: Callable[[str], None]
) -> None:
    """Of a download, the code that no student's piece is; of a plain folder, what lies deeper than
    `collect` looks. nbgrader's submitted/ holds other assignments, which are none of ours."""
    if not known:
        files = [f for f in files if len(f.names) > 2]
    elif known[0].source == "nbgrader":
        files = [f for f in files if len(f.names) <= 2 + (f.names[0] == "submitted")]
    taken = {piece.file.where.path for piece in known if piece.file}
    left = [
        "/".join(file.names)
        for file in files
        if file.where.path not in taken
        and file.names[-1].lower().endswith(SUFFIXES)
        and _may_be_handed_in(file.names, topic)
    ]
    if left:
        say(f"nobody's, not graded: {_few(left)}")


def _may_be_handed_in(names: Sequence[str], topic: str) -> bool:
    """Not what is hidden, comes with tools, or was handed out."""
    hidden = any(name.startswith(".") or name in NOISE for name in names)
    return not hidden and tuple(names[-1:]) not in ((), (f"test_{topic}.py",))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and path.suffix not in SUFFIXES
    except OSError:
        return False  # `collect` says what is wrong


def _walk(top: Found) -> Iterator[File]:
    """The files below a folder; a link is a file, whatever it leads to."""
    try:
        with os.scandir(top.file) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        if top.parts:
            problem = os.strerror(error.errno or 0).lower()
            yield File(top.parts, replace(top, problem=problem))
        return
    for entry in entries:
        here = replace(top, parts=(*top.parts, entry.name))
        if entry.name == ".git" or not entry.is_dir(follow_symlinks=False):
            time = entry.stat(follow_symlinks=False).st_mtime
            yield File(here.parts, here, time)
        elif entry.name not in NOISE and len(here.parts) < _MAX_DEPTH:
            yield from _walk(here)


def _zipped(where: Found) -> list[File]:
    """The files in a zip; raises UsageError."""
    try:
        return list(_members(where))
    except Unreadable as error:
        raise UsageError(f"cannot read {shown(where.path)}: {error}") from None


def _members(where: Found) -> Iterator[File]:
    with io.BytesIO(where.read_raw()) if where.members else where.open_file() as stream:
        try:
            listing = members(stream)
        except Refused as error:
            raise Unreadable(f"{where.filename}: {error}") from None
    for member in listing:
        inner = replace(where, members=(*where.members, member.name), problem=member.problem)
        yield File(member.parts, inner, member.time)


def _opened(piece: Piece) -> Iterable[Piece]:
    """A student's own zip as the files in it; anything else as it is."""
    file = piece.file
    if file is None or file.where.problem or not piece.names[-1].lower().endswith(".zip"):
        return [piece]
    try:
        return [replace(piece, names=f.names, file=f) for f in _members(file.where)]
    except Unreadable as error:
        return [replace(piece, file=replace(file, where=replace(file.where, problem=str(error))))]


def _zips_of_students(files: Iterable[File], topic: str) -> list[Piece]:
    """In a plain folder: ada.zip, and carl/anything.zip where carl handed in nothing else."""
    files = [file for file in files if len(file.names) <= 2 and not file.names[0].startswith(".")]
    with_code = {file.names[0] for file in files if file.names[-1].endswith(SUFFIXES)}
    pieces = []
    for file in files:
        if file.names[-1].lower().endswith(".zip") and file.names[0] not in with_code:
            student = file.names[0] if len(file.names) > 1 else PurePath(file.names[0]).stem
            pieces.append(Piece(student, file.names[-1:], file, (0.0, file.time)))
    return pieces


def _handed_in(piece: Piece, others: Sequence[Piece], late: bool = False) -> HandedIn:
    at = piece.at.astimezone(UTC).isoformat(timespec="seconds") if piece.at else ""
    names = [_shown(other) for other in others[:_MAX_LISTED]]
    people = list(piece.people)
    return HandedIn(source=piece.source, people=people, at=at, late=late, others=names)


def _shown(piece: Piece) -> str:
    return printable("/".join(piece.names))


def _listed(pieces: Sequence[Piece]) -> str:
    return _few([_shown(piece) for piece in pieces])


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more


def _code(data: bytes, suffix: str) -> list[str]:
    """What a file says in Python, without what saving it again may change."""
    if suffix == ".ipynb":
        return [text.strip() for text in code_cells(data) if text.strip()]
    return [line.rstrip() for line in data.decode().strip().splitlines()]


def _duration(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
