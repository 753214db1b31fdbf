"""Zips are read in memory, within bounds: nothing is ever unpacked to disk."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

from gradus.inbox.archives import (
    ENCRYPTED,
    LINK,
    MAX_MEMBERS,
    MAX_RAW_BYTES,
    NOT_REGULAR,
    Member,
    Refused,
    leads_out,
    megabytes,
    too_large,
)

MAX_INDEX_BYTES = 16_000_000  # Python's zipfile makes an object of every 46 bytes or so
BOMB_RATIO = 100  # text packs to a tenth; what packs to less than a hundredth is made for it


class Zip:
    """A zip, of which each file is unpacked when it is asked for; raises Refused if it is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        with _refusing():
            _check_index(stream)
            self._zip = zipfile.ZipFile(stream)
        files = [info for info in self._zip.infolist() if info.filename[-1:] != "/"]
        if len(files) > MAX_MEMBERS:
            raise Refused(f"a zip of more than {MAX_MEMBERS} files")
        last = {info.filename: info for info in files}
        self.members = [Member(name, _time(i), _problem(i)) for name, i in last.items()]

    def read(self, name: str) -> bytes:
        """The bytes of a file; raises Refused, also for more than MAX_RAW_BYTES."""
        info = self._zip.getinfo(name)
        if problem := _problem(info):
            raise Refused(problem)
        if info.file_size > MAX_RAW_BYTES:
            if info.file_size > BOMB_RATIO * info.compress_size:
                packed, size = megabytes(info.compress_size), megabytes(info.file_size)
                raise Refused(f"a zip bomb: {packed} that unpack to {size}")
            raise too_large()
        with _refusing(), self._zip.open(info) as file:
            data = file.read(MAX_RAW_BYTES + 1)  # a size in the zip's index may be a lie
        if len(data) > MAX_RAW_BYTES:
            raise too_large()
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()
        self._stream.close()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Refused:
        raise
    except Exception as error:  # zipfile raises all kinds of errors at what is no zip
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Refused(f"not a zip that can be read ({reason})") from None


def _check_index(zip_file: BinaryIO) -> None:
    """Refuse an index that would fill the memory, by the size that the end of the zip states.

    Looks where zipfile looks: what is stored in the zip may hold ends of other zips.
    """
    zip_file.seek(max(0, zip_file.seek(0, io.SEEK_END) - (1 << 16) - 200))
    tail = zip_file.read()
    plain = tail[-22:-18] == b"PK\x05\x06" and tail[-2:] == b"\0\0"
    end = len(tail) - 22 if plain else tail.rfind(b"PK\x05\x06", -(1 << 16) - 22)
    sizes = [int.from_bytes(tail[end + 12 : end + 16], "little")]
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\x06\x07":  # of more than 4 GB: its own end
        zip_file.seek(min(int.from_bytes(tail[end - 12 : end - 4], "little"), 1 << 62))
        for record in (tail[end - 76 : end - 20], zip_file.read(56)):
            sizes.append(int.from_bytes(record[40:48], "little"))
        sizes = [size for size in sizes if size != 0xFFFFFFFF]
    if end >= 0 and max(sizes, default=0) > MAX_INDEX_BYTES:
        raise Refused("a zip bomb: its index alone would fill the memory")


def _problem(info: zipfile.ZipInfo) -> str:
    if out := leads_out(info.filename):
        return out
    if kind := stat.S_IFMT(info.external_attr >> 16):
        if kind == stat.S_IFLNK:
            return LINK
        if kind != stat.S_IFREG:
            return NOT_REGULAR
    if info.flag_bits & 1:
        return ENCRYPTED
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in an unusual way: make the zip with your system's own tool"
    return ""


def _time(info: zipfile.ZipInfo) -> float:
    try:
        return (datetime(*info.date_time) - datetime(1970, 1, 1)).total_seconds()
    except ValueError:
        return 0.0
