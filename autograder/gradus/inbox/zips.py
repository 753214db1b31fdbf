"""Zips are read in memory, within bounds: nothing is ever unpacked to disk."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

MAX_MEMBERS = 50_000
MAX_INDEX_BYTES = 16_000_000  # Python's zipfile makes an object of every 46 bytes or so
BOMB_RATIO = 100  # text packs to a tenth; what packs to less than a hundredth is made for it


class Refused(Exception):
    """A zip, or a file in one, that is not read; the message is one line."""


@dataclass(frozen=True)
class Member:
    """A file in a zip; `problem` says why it is not read."""

    name: str
    time: float  # seconds since 1970 in the time zone of whoever made the zip
    problem: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.replace("\\", "/").split("/"))


def members(zip_file: BinaryIO) -> list[Member]:
    """The files in a zip, raises Refused if it is none."""
    with _opened(zip_file) as archive:
        files = [info for info in archive.infolist() if info.filename[-1:] != "/"]
        if len(files) > MAX_MEMBERS:
            raise Refused(f"a zip of more than {MAX_MEMBERS} files")
        return [Member(info.filename, _time(info), _problem(info)) for info in files]


def read_member(zip_file: BinaryIO, name: str, limit: int) -> bytes:
    """The bytes of a file in a zip; raises Refused, also for more than `limit` bytes."""
    with _opened(zip_file) as archive:
        try:
            info = archive.getinfo(name)
        except KeyError:
            raise Refused("no longer in the zip") from None
        if problem := _problem(info):
            raise Refused(problem)
        if info.file_size > limit:
            if info.file_size > BOMB_RATIO * info.compress_size:
                packed, size = _megabytes(info.compress_size), _megabytes(info.file_size)
                raise Refused(f"a zip bomb: {packed} that unpack to {size}")
            raise Refused(f"larger than {_megabytes(limit)}")
        with archive.open(info) as file:
            data = file.read(limit + 1)  # a size in the zip's index may be a lie
        if len(data) > limit:
            raise Refused(f"larger than {_megabytes(limit)}")
        return data


@contextmanager
def _opened(zip_file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    try:
        _check_index(zip_file)
        with zipfile.ZipFile(zip_file) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
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
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0].endswith(":"):
        return "its name leads out of the zip"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link, which is not followed: hand in the file itself"
    if info.flag_bits & 1:
        return "encrypted: hand it in without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in an unusual way: make the zip with your system's own tool"
    return ""


def _time(info: zipfile.ZipInfo) -> float:
    try:
        return (datetime(*info.date_time) - datetime(1970, 1, 1)).total_seconds()
    except ValueError:
        return 0.0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB" if size < 1e9 else f"{size / 1e9:.3g} GB"
