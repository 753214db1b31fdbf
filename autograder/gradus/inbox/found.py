"""One submission's file, opened safely, wherever it lies: in a folder, a zip, a zip in a zip."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from gradus.inbox.outputs import without_outputs
from gradus.inbox.zips import Refused, read_member
from gradus.results import HandedIn

SUFFIXES = (".py", ".ipynb")
MAX_BYTES = 10_000_000
MAX_RAW_BYTES = 128_000_000  # of a zip, and of a notebook with its outputs


class Unreadable(Exception):
    """A submission whose file cannot be taken; the message is one line, for student and staff."""


@dataclass(frozen=True)
class Found:
    """One submission: `folder` is as the instructor typed it, `parts` lead from there to the file.

    Links in `folder` are the instructor's own; among `parts`, which students chose, none is
    followed. Where the file is a zip, `members` lead on: a name in it, a name in that zip, ….
    """

    name: str
    folder: Path
    parts: tuple[str, ...]
    note: str = ""  # what is to be said of it beside the score
    members: tuple[str, ...] = ()
    handed_in: HandedIn = field(default_factory=HandedIn)
    problem: str = ""  # why it cannot be read, where that is known already

    @property
    def file(self) -> Path:
        """The file on disk: the submission's own, or the outermost zip."""
        return self.folder.joinpath(*self.parts)

    @property
    def path(self) -> Path:
        """Where it is, for people and to tell submissions apart; members as if in a folder."""
        return self.file.joinpath(*self.members)

    @property
    def filename(self) -> str:
        """The file's own name, as messages show it: "mlp.py"."""
        return printable([*self.parts, *self.members][-1].rpartition("/")[2])

    def read(self) -> bytes:
        """The file's text, a large notebook's without its outputs.

        Raises Unreadable for anything but a regular file, more than 10 MB, and what is no text.
        """
        source = self.read_raw()
        if len(source) > MAX_BYTES and self.filename.lower().endswith(".ipynb"):
            source = without_outputs(source)
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
        with self.open_file() as file:
            stream: BinaryIO = file
            for member in self.members:
                try:
                    stream = io.BytesIO(read_member(stream, member, MAX_RAW_BYTES))
                except Refused as error:
                    raise Unreadable(f"{printable(member)}: {error}") from None
            data = stream.read(MAX_RAW_BYTES + 1)
        if len(data) > MAX_RAW_BYTES:
            raise Unreadable(f"{self.filename}: larger than {MAX_RAW_BYTES // 1_000_000} MB")
        return data

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


def distinct(found: Iterable[Found]) -> list[Found]:
    """One name each, in order: who would go by the name of another gets a number, and a note."""
    taken: dict[str, Found] = {}
    for item in sorted(found, key=lambda item: (item.name, str(item.path))):
        name, number = item.name, 1
        while name in taken:
            number += 1
            name = f"{item.name} ({number})"
        if number > 1:
            note = f"{printable(str(taken[item.name].path))} goes by the same name"
            item = replace(item, name=name, note="; ".join(filter(None, (item.note, note))))
        taken[name] = item
    return list(taken.values())


def printable(name: str) -> str:
    """`name` with everything that a terminal might obey, and broken Unicode, written as escapes;
    an é is one character, however a Mac writes it."""
    whole = unicodedata.normalize("NFC", name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)
