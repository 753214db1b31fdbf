"""One submission's file, opened safely, wherever it lies: in a folder or in archives."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import BinaryIO

from gradus.inbox.archives import (
    MAX_OWN_UNPACKED,
    MAX_RAW_BYTES,
    TARS,
    Archive,
    Refused,
    Room,
    archive_suffix,
)
from gradus.inbox.outputs import without_outputs
from gradus.results import HandedIn

MAX_BYTES = 10_000_000
LONGEST_NAME = 200  # of a file, where it is shown


class Unreadable(Exception):
    """A submission whose file cannot be taken; the message is one line, for student and staff."""


@dataclass(frozen=True)
class Found:
    """One submission: `folder` is as the instructor typed it, `parts` lead from there to the file.

    Links in `folder` are the instructor's own; among `parts`, which students chose, none is
    followed. Where the file is an archive, `members` lead on: a name in it, a name in that one, ….
    """

    name: str
    folder: Path
    parts: tuple[str, ...]
    note: str = ""  # what is to be said of it beside the score
    members: tuple[str, ...] = ()
    handed_in: HandedIn = field(default_factory=HandedIn)
    problem: str = ""  # why it cannot be read, where that is known already
    archive: Archive | None = field(default=None, compare=False, repr=False)  # `file`, held open

    @property
    def file(self) -> Path:
        """The file on disk: the submission's own, or the outermost archive."""
        return self.folder.joinpath(*self.parts)

    @property
    def path(self) -> Path:
        """Where it is, for people and to tell submissions apart; members as if in a folder."""
        return self.file.joinpath(*self.members)

    @property
    def filename(self) -> str:
        """The file's own name, as messages show it: "mlp.py"."""
        name = printable([*self.parts, *self.members][-1].rpartition("/")[2])
        return name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME:]}"  # with its suffix

    def read(self) -> bytes:
        """The file's text, a large notebook's without its outputs.

        Raises Unreadable for anything but a regular file, more than 10 MB, what is no text, and a
        notebook of too many parts.
        """
        source = self.read_raw()
        if len(source) > MAX_BYTES and self.filename.lower().endswith(".ipynb"):
            try:
                source = without_outputs(source)
            except ValueError as error:
                raise Unreadable(f"{self.filename}: {error}") from None
        if len(source) > MAX_BYTES:
            limit = MAX_BYTES // 1_000_000
            raise Unreadable(f"{self.filename}: larger than {limit} MB: was data pasted into it?")
        if not source.strip():
            raise Unreadable(f"{self.filename}: the file is empty")
        if b"\0" in source:
            raise Unreadable(f"{self.filename}: not text")
        return source

    def read_raw(self) -> bytes:
        """The file's bytes, whatever they are; raises Unreadable, also for more than 128 MB."""
        if self.problem:
            raise Unreadable(self.problem)
        if self.members:
            around = replace(self, members=self.members[:-1])
            if not around.members and self.archive:
                return self._read_from(self.archive)
            with closing(around.open_archive(Room(MAX_OWN_UNPACKED))) as archive:
                return self._read_from(archive)
        with self.open_file() as file:
            data = file.read(MAX_RAW_BYTES + 1)
        if len(data) > MAX_RAW_BYTES:
            raise Unreadable(f"{self.filename}: larger than {MAX_RAW_BYTES // 1_000_000} MB")
        return data

    def open_archive(self, room: Room) -> Archive:
        """The archive that the file is, to be closed; raises Unreadable, without its name, also
        where unpacking it, as all but zips are, makes more than there is `room` for."""
        stream: BinaryIO = io.BytesIO(self.read_raw()) if self.members else self.open_file()
        try:
            return _opened(stream, self.filename, room)
        except Refused as error:
            stream.close()
            raise Unreadable(str(error)) from None

    def _read_from(self, archive: Archive) -> bytes:
        try:
            return archive.read(self.members[-1])
        except Refused as error:
            raise Unreadable(f"{self.filename}: {error}") from None
        except KeyError:
            raise Unreadable(f"{self.filename}: no longer in the archive") from None

    def open_file(self) -> BinaryIO:
        """The file on disk, opened for reading; raises Unreadable unless it is a regular file."""
        name = printable(self.parts[-1])
        try:
            descriptor = self._open()
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            if self.file.is_symlink():
                reason = "a symbolic link, which is not followed: hand in the file itself"
            raise Unreadable(f"{name}: {reason}") from None
        mode = os.fstat(descriptor).st_mode  # of what was opened, whatever the name stands for now
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            kind = "a folder, not a file" if stat.S_ISDIR(mode) else "not a regular file"
            raise Unreadable(f"{name}: {kind}")
        return os.fdopen(descriptor, "rb")

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


def distinct(found: Sequence[Found]) -> list[Found]:
    """By name, one each: of those with one name the first keeps it, others get a number and a note.

    A number is never the name that somebody else has.
    """
    taken: dict[str, Found] = {}
    others = [item for item in found if taken.setdefault(item.name, item) is not item]
    for item in others:
        name = next(n for i in count(2) if (n := f"{item.name} ({i})") not in taken)
        note = f"{printable(str(taken[item.name].path))} goes by the same name"
        taken[name] = replace(item, name=name, note="; ".join(filter(None, (item.note, note))))
    return [taken[name] for name in sorted(taken)]


def _opened(stream: BinaryIO, name: str, room: Room) -> Archive:
    # Each brings modules that a student's own check has no use for.
    suffix = archive_suffix(name)
    if suffix in TARS:
        from gradus.inbox.tars import open_tar

        return open_tar(stream, room)
    if suffix == ".7z":
        from gradus.inbox.sevens import open_7z

        return open_7z(stream, room)
    from gradus.inbox.zips import Zip

    return Zip(stream)


def printable(name: str) -> str:
    """`name` with everything that a terminal might obey, and broken Unicode, written as escapes;
    an é is one character, however a Mac writes it."""
    whole = unicodedata.normalize("NFC", name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)
