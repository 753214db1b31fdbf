"""Files: texts read, and files written, whole or not at all, folders of them, and zips."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gradus.course import UsageError, shown

_TIME = (1980, 1, 1, 0, 0, 0)


class CannotWrite(UsageError):
    """A file that could not be written; `reason` is the system's."""

    def __init__(self, path: Path, reason: str | None) -> None:
        self.reason = reason or "it is not known why"
        super().__init__(f"cannot write {shown(path)}: {self.reason}")


def read_text(path: Path) -> str:
    """A file of the course's as UTF-8 text; UsageError says why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{shown(path)} is not UTF-8 text") from None


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash, sees the old file or the new one.

    Makes the folders above it. Raises CannotWrite, and leaves no draft behind.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(draft, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave an empty file under the name
            os.replace(draft, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # of its folder
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CannotWrite(path, error.strerror) from None
        raise


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files`, by their paths below `folder`, with the folders that these need."""
    for name, data in files.items():
        path = folder / name
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An OSError names `path`: that of a full disk would name nothing, another the draft."""
    try:
        yield
    except FileExistsError:  # where a folder above it should be
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def pack_zip(files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """A zip of `files`, by name, in their order, the same bytes whenever and wherever it is made.

    `modes` where they are not 0o644.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on whatever system it is built
            entry.external_attr = (0o100000 | (modes or {}).get(name, 0o644)) << 16
            archive.writestr(entry, data, compresslevel=9)
    return out.getvalue()
