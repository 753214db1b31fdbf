"""What inbox sorts: the files that were found, and who handed them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gradus.inbox.found import Found
from gradus.results import Person

MAX_LISTED = 10


@dataclass(frozen=True)
class File:
    """A file of a download: `names` lead to it from the top, `where` opens it."""

    names: tuple[str, ...]
    where: Found
    time: float = 0.0  # of its last change, comparable within one download


@dataclass(frozen=True)
class Piece:
    """A file that a student handed in: None where the download names a student and no file."""

    student: str  # what the submission is called
    names: tuple[str, ...]  # of the file as the student had it
    file: File | None
    order: tuple[float, float] = (0.0, 0.0)  # of the submission, and of the file in it: newer, more
    at: datetime | None = None
    late: bool = False
    people: tuple[Person, ...] = ()
    source: str = ""  # the layout's name


def few(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
