"""A folder or an archive that no system made: each name at its top is a student.

What a submission is called depends on that name alone, neither on who else is there nor on what the
student's folder holds: or the same student would have one result today and another tomorrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradus.inbox.archives import SUFFIXES, archive_suffix, stem
from gradus.inbox.pieces import File, Piece, few

_CLASS = re.compile(r"(.+[-_ ])?submissions|submitted")
# What stands behind the name of a second download: "class (1)", "class-20261120T0800Z-001".
_AGAIN = re.compile(r"[-_ ]*\(?\d.*| - copy.*|_copy.*")


def plain(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """The pieces of a plain folder called `top`, or none where there is nothing to grade.

    Folders in it that are called like it, like the topic, or "submissions" are no students: what
    is in them counts as if it lay beside them.
    """
    pieces = loose([replace(f, names=_below(f.names, top, topic)) for f in files], top, topic)
    return pieces if any(_matters(p) for p in pieces) else []


def loose(files: Sequence[File], top: str, topic: str) -> list[Piece]:
    """A piece for each file: named after its folder, or after itself where it has none; one that is
    called like the topic after the `top`."""
    pieces = []
    clones = {file.names[0] for file in files if file.names[1:] == (".git",)}
    for file in files:
        name, *inner = file.names
        own = stem(name)
        order = (0.0, 0.0 if name in clones else file.time)  # git keeps no times
        if inner:
            pieces.append(Piece(name, tuple(inner), file, order))
        elif name != f"test_{topic}.py" and (own != name or file.where.problem):
            pieces.append(Piece(top if own == topic else own, file.names, file, order))
    return pieces


def readings(files: Sequence[File], pieces: Sequence[Piece], top: str, topic: str) -> Iterator[str]:
    """Where a folder could be a student's or hold several students: which it is taken for."""
    wrappers = {f.names[0] for f in files if _below(f.names, top, topic) != f.names}
    if wrappers:
        yield f"{few(sorted(wrappers))}: taken for the class, what is in it for the students"
    alone = len({piece.student for piece in pieces}) == 1
    direct = {p.student for p in pieces if len(p.names) == 1 and _is_code(p)}
    inner: dict[str, set[str]] = {}
    for piece in pieces:
        is_folder = piece.file is not None and len(piece.file.names) > 1
        if is_folder and piece.student not in direct and (_is_named(piece, topic) or alone):
            inner.setdefault(piece.student, set()).add(piece.names[0])
    several = sorted(student for student, names in inner.items() if alone or len(names) > 1)
    if several:
        yield (
            f"{few(several)}: taken for one student{' each' if len(several) > 1 else ''}; a folder "
            "that holds several students has to be given itself"
        )


def is_class(name: str, top: str, topic: str) -> bool:
    """Whether a folder `name` in one called `top` holds the class, by their names alone."""
    name, top = name.casefold(), top.casefold()
    if name in (top, topic) or _CLASS.fullmatch(name):
        return True
    return top.startswith(name) and bool(_AGAIN.fullmatch(top.removeprefix(name)))


def _below(names: tuple[str, ...], top: str, topic: str) -> tuple[str, ...]:
    """The names from the student's on."""
    while len(names) > 1 and is_class(names[0], top, topic):
        names = names[1:]
    return names


def _is_code(piece: Piece) -> bool:
    return piece.names[-1].lower().endswith(SUFFIXES)


def _is_named(piece: Piece, topic: str) -> bool:
    """Whether students hand in such: an archive, or a file that is called after the topic."""
    name = piece.names[-1]
    return bool(archive_suffix(name)) or (_is_code(piece) and stem(name) == topic)


def _matters(piece: Piece) -> bool:
    """Whether it is code, or may hold some, or why it cannot be read is known."""
    problem = piece.file is not None and bool(piece.file.where.problem)
    return _is_code(piece) or bool(archive_suffix(piece.names[-1])) or problem
