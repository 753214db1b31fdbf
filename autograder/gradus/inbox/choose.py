"""What one student handed in -> the file that counts, and what is to be said of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath

from gradus.errors import clip
from gradus.inbox.archives import (
    MAX_OWN,
    MAX_OWN_UNPACKED,
    SUFFIXES,
    Room,
    archive_suffix,
    megabytes,
)
from gradus.inbox.found import LONGEST_NAME, Found, Unreadable, printable
from gradus.inbox.listing import members
from gradus.inbox.pieces import MAX_LISTED, Piece, few
from gradus.inside.notebook import code_cells
from gradus.results import HandedIn

_AGAIN = re.compile(r"-\d+| ?\(\d+\)| - Copy|_copy")  # what is put after the name of a second copy
_AGAIN_AT_END = re.compile(rf"(?:{_AGAIN.pattern})$")


@dataclass(frozen=True)
class Chooser:
    """Of one topic. What was handed in after `due` is late; a file that is still as in
    `handed_out`, the assignment's folder, counts only where there is no other."""

    topic: str
    due: datetime | None
    handed_out: Path | None

    def choose(self, name: str, pieces: Sequence[Piece]) -> Found:
        """The one file of a student that counts, and what is to be said of it."""
        opened, closed = _opened(pieces)
        files = [piece for piece in opened if self._matters(piece)]
        code = [p for p in files if p.names[-1].lower().endswith(SUFFIXES)]
        readable = [p for p in code if p.file and not p.file.where.problem]
        newest = max((p.order[0] for p in readable), default=0.0)
        latest = [p for p in readable if p.order[0] == newest]
        own = [p for p in latest if self._stem(p) == self.topic] or latest
        few = 1 < len(own) <= MAX_LISTED
        worked_on = [p for p in own if not (few and self._as_handed_out(p))] or own
        if not worked_on:
            return self._nothing(name, pieces, files)
        best = max(worked_on, key=self._rank)
        assert best.file
        stems = {PurePath(p.names[-1]).stem for p in worked_on}
        if (
            self._stem(best) != self.topic
            and len({_without_number(p, stems) for p in worked_on}) > 1
        ):
            names = _listed(worked_on)
            why = f"which one counts: {names}? none is called {self.topic}.py or {self.topic}.ipynb"
            told = replace(best.file.where, name=name, note=closed, problem=why)
            return replace(told, handed_in=_handed_in(best, ()))
        others = [p for p in code if p is not best]
        late = self._lateness(best)
        notes = [late, self._about(best, others), closed]
        return replace(
            best.file.where,
            name=name,
            note="; ".join(filter(None, notes)),
            handed_in=_handed_in(best, others, bool(late)),
        )

    def _matters(self, piece: Piece) -> bool:
        return ".git" not in piece.names and piece.names[-1:] not in (
            (),
            (f"test_{self.topic}.py",),
        )

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
        except Exception:  # a notebook may be anything, and nested as deeply as somebody likes
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
        latest = max(files or pieces, key=lambda piece: piece.order)  # a .git has many times
        where = latest.file.where if latest.file else Found("", Path(), (name,))
        handed_in = _handed_in(latest, (), bool(self._lateness(latest)))
        return replace(where, name=name, problem=problem, handed_in=handed_in)


def _opened(pieces: Sequence[Piece]) -> tuple[list[Piece], str]:
    """The files that a student handed in, archives as the files in them, and what is to be said of
    archives that are not opened: the newest are, while there is room for what is in them."""
    room = Room(MAX_OWN_UNPACKED)
    archives = [number for number, piece in enumerate(pieces) if _is_archive(piece)]
    archives.sort(key=lambda number: pieces[number].order, reverse=True)
    inner: dict[int, list[Piece]] = {}
    closed = 0
    why = f"of one student {MAX_OWN} archives are opened, to {megabytes(MAX_OWN_UNPACKED)} in all"
    for count, number in enumerate(archives):
        piece = pieces[number]
        assert piece.file
        try:
            if count >= MAX_OWN or room.spent:
                closed += 1
                raise Unreadable(why)
            files = members(piece.file.where, room)
            inner[number] = [replace(piece, names=file.names, file=file) for file in files]
        except Unreadable as error:
            where = replace(piece.file.where, problem=str(error))
            inner[number] = [replace(piece, file=replace(piece.file, where=where))]
    opened = [p for number, piece in enumerate(pieces) for p in inner.get(number, [piece])]
    return opened, f"{closed} of {len(archives)} archives not opened: {why}" if closed else ""


def _is_archive(piece: Piece) -> bool:
    file = piece.file
    return file is not None and not file.where.problem and bool(archive_suffix(piece.names[-1]))


def _without_number(piece: Piece, stems: Collection[str]) -> tuple[str, ...]:
    """The file's name without suffix, and without the number of a second copy of one of these."""
    *folders, name = piece.names
    stem = PurePath(name).stem
    while (first := _AGAIN_AT_END.sub("", stem)) != stem and first in stems:
        stem = first
    return (*folders, stem)


def _handed_in(piece: Piece, others: Sequence[Piece], late: bool = False) -> HandedIn:
    at = piece.at.astimezone(UTC).isoformat(timespec="seconds") if piece.at else ""
    names = [_shown(other) for other in others[:MAX_LISTED]]
    people = list(piece.people)
    return HandedIn(source=piece.source, people=people, at=at, late=late, others=names)


def _shown(piece: Piece) -> str:
    return clip(printable("/".join(piece.names)), LONGEST_NAME)


def _listed(pieces: Sequence[Piece]) -> str:
    return few([_shown(piece) for piece in pieces])


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
