"""Tars are unpacked once, from front to back and within bounds, into one file without a name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import tempfile
from collections.abc import Iterator
from typing import IO, BinaryIO, Protocol, cast

from gradus.inbox.archives import (
    ABOUT,
    ARCHIVES,
    LINK,
    MAX_MEMBERS,
    MAX_RAW_BYTES,
    NOT_REGULAR,
    SUFFIXES,
    Member,
    Refused,
    Room,
    leads_out,
    too_large,
)

MAX_HEADER = 1_000_000  # of what tarfile reads to learn of one file; it keeps that in memory
IN_MEMORY = 16_000_000  # of what is kept; beyond that it goes to the disk
_XZ_MEMORY = 256_000_000  # xz -9 takes 65 MB; a file may ask for 4 GB
_CHUNK = 1 << 18
_END = bytes(tarfile.BLOCKSIZE)


class Source(Protocol):
    """What tars come out of: a file, a decompressor, a pipe."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, and none at its end."""


class Tar:
    """The files of a tar, for all of which there must be `room`; raises Refused. Links and devices
    are not read."""

    def __init__(self, source: Source, room: Room) -> None:
        spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (until close)
        self._kept = cast(IO[bytes], spool)
        self._places: dict[str, tuple[int, int]] = {}  # offset and size
        members: dict[str, Member] = {}
        try:
            for number, (info, file) in enumerate(_files(_Tape(source, room))):
                name = info.name
                members[name] = Member(name, info.mtime, leads_out(name) or _problem(info))
                self._places.pop(name, None)
                if number >= MAX_MEMBERS:
                    raise Refused(f"an archive of more than {MAX_MEMBERS} files")
                if file and name.lower().endswith((*SUFFIXES, *ARCHIVES, *ABOUT)):
                    self._keep(name, info.size, file)
        except BaseException as error:
            self.close()
            # tarfile raises all kinds of errors at what is no tar
            if isinstance(error, Refused) or not isinstance(error, Exception):
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Refused(f"not an archive that can be read ({reason})") from None
        self.members = list(members.values())

    def _keep(self, name: str, size: int, file: IO[bytes]) -> None:
        start = self._kept.tell()
        self._places[name] = start, size
        while size <= MAX_RAW_BYTES and (data := file.read(_CHUNK)):
            self._kept.write(data)

    def read(self, name: str) -> bytes:
        """The bytes of a file; raises Refused, also for more than MAX_RAW_BYTES."""
        start, size = self._places[name]
        if size > MAX_RAW_BYTES:
            raise too_large()
        self._kept.seek(start)
        return self._kept.read(size)

    def close(self) -> None:
        """Let go of the file."""
        self._kept.close()


def open_tar(stream: BinaryIO, room: Room) -> Tar:
    """A tar, whatever it is packed with; raises Refused."""
    with stream:
        head = stream.read(6)
        stream.seek(0)
        if head[:2] == b"\x1f\x8b":
            return Tar(gzip.GzipFile(fileobj=stream), room)
        if head[:3] == b"BZh":
            return Tar(bz2.BZ2File(stream), room)
        return Tar(_Xz(stream) if head == b"\xfd7zXZ\0" else stream, room)


def _files(tape: _Tape) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each file with its bytes, which are there until the next one is asked for."""
    tar = tarfile.TarFile(fileobj=cast(IO[bytes], tape), errorlevel=2)
    while info := tar.next():
        tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
        if not info.isdir():
            tape.allowed = info.size + _CHUNK
            yield info, tar.extractfile(info) if info.isreg() else None
        tape.allowed = MAX_HEADER
    if tape.latest != _END:
        raise Refused("not an archive that can be read (it ends too early, or is damaged)")
    tape.finish()


def _problem(info: tarfile.TarInfo) -> str:
    if info.issym():
        return LINK
    if info.islnk():
        return "a hard link, which is not followed: hand in the file itself"
    return "" if info.isreg() else NOT_REGULAR


class _Tape:
    """A tar as tarfile reads it: front to back, and at most what is `allowed` until that is set
    anew, for a header may announce gigabytes or send the reader round in circles."""

    def __init__(self, source: Source, room: Room) -> None:
        self._source = source
        self._room = room
        self._at = 0
        self.allowed = MAX_HEADER
        self.latest = b""

    def tell(self) -> int:
        return self._at

    def seek(self, to: int) -> int:
        if to < self._at:
            raise tarfile.ReadError("it leads backwards")
        while self._at < to and self._take(min(to - self._at, _CHUNK)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        self.allowed -= size
        if size < 0 or self.allowed < 0:
            raise Refused("a bomb: its index alone would fill the memory")
        self.latest = self._take(size)
        return self.latest

    def finish(self) -> None:
        """Read what is behind the end: only then are checksums compared."""
        while self._take(_CHUNK):
            pass

    def _take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and (more := self._source.read(size - len(data))):
            data += more
        self._at += len(data)
        self._room.take(len(data))
        return bytes(data)


class _Xz:
    """What `lzma.open` reads, of one stream, without the memory that a file may ask for."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._decoder = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        while not self._decoder.eof:
            data = self._packed.read(_CHUNK) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not data:
                raise EOFError("it ends too early")
            if out := self._decoder.decompress(data, size):
                return out
        return b""
