"""What every kind of archive is read for, and within which bounds: names, files, no surprises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SUFFIXES = (".py", ".ipynb")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
ARCHIVES = (".zip", *TARS, ".7z")
ABOUT = ("timestamp.txt", "submission_metadata.yml")  # what else of an archive is ever read
MAX_MEMBERS = 50_000
MAX_RAW_BYTES = 128_000_000  # of an archive in another, and of a notebook with its outputs
MAX_UNPACKED = 2_000_000_000  # of all in a class's: 300 notebooks with pictures
MAX_OWN_UNPACKED = 256_000_000  # of all in all of a student's own
MAX_OWN = 10  # archives of one student that are opened
LINK = "a symbolic link, which is not followed: hand in the file itself"
ENCRYPTED = "encrypted: hand it in without a password"
NOT_REGULAR = "not a regular file"


class Refused(Exception):
    """An archive, or a file in one, that is not read; the message is one line."""


@dataclass(frozen=True)
class Member:
    """A file in an archive; `problem` says why it is not read."""

    name: str
    time: float = 0.0  # seconds since 1970, in a zip in the time zone of whoever made it
    problem: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names that lead to it; in one from where on they would lead out of the archive."""
        parts = _split(self.name)
        if not leads_out(self.name):
            return tuple(part for part in parts if part not in ("", "."))
        out = parts.index("..") if ".." in parts and parts[0] and parts[0][-1:] != ":" else 0
        inner = [part for part in parts[:out] if part not in ("", ".")]
        return (*inner, "/".join(parts[out:])) if inner else (self.name,)


class Archive(Protocol):
    """An archive that was opened: its files, of each name the last, and their bytes."""

    members: list[Member]

    def read(self, name: str) -> bytes:
        """The bytes of a file; raises Refused, also for more than MAX_RAW_BYTES."""

    def close(self) -> None:
        """Let go of the file."""


class Room:
    """How many bytes archives may unpack to, all that share it together."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size

    @property
    def spent(self) -> bool:
        return self._left < 0

    def take(self, size: int) -> None:
        """Raises Refused where there is not so much left."""
        self._left -= size
        if self.spent:
            raise Refused(f"a bomb, or too large: more than {megabytes(self._size)} unpacked")


def leads_out(name: str) -> str:
    """Why a file of this name is not read, or ""."""
    parts = _split(name)
    out = ".." in parts or not parts[0] or parts[0].endswith(":") or set(parts) <= {"", "."}
    return "its name leads out of the archive" if out else ""


def archive_suffix(name: str) -> str:
    """ ".tar.gz" of "Ada.TAR.GZ", "" of what is no archive."""
    fitting = [suffix for suffix in ARCHIVES if name.lower().endswith(suffix)]
    return max(fitting, key=len, default="")


def stem(name: str) -> str:
    """A file's name without the suffix of code or of an archive: "ada" of "ada.tar.gz"."""
    code = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name.removesuffix(name[len(name) - len(code or archive_suffix(name)) :])


def megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB" if size < 1e9 else f"{size / 1e9:.3g} GB"


def too_large() -> Refused:
    return Refused(f"larger than {megabytes(MAX_RAW_BYTES)}")


def _split(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")
