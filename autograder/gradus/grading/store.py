"""results/TOPIC/SUBMISSION.json: written whole or not at all, and read back by the next run.

What a result replaces is kept in .history/SUBMISSION/ beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gradus.course import UsageError, shown
from gradus.files import write_whole
from gradus.results import Result, read_result, write_result

HISTORY = ".history"
ADJUSTED = "adjusted.csv"  # the instructor's own: report/load.py reads it, nothing writes it
IN_ADJUSTED = f"a score is set by hand in {ADJUSTED} beside it: submission,score,reason"
_PATHS = ".paths"  # JSON; a name that is not taken for a result
_KEPT = "[0-9]" * 6 + "-*.json"
_MAX_STEM = 200  # bytes: file systems allow 255, and ".json.bad" and temporary names need room


class Store:
    """The results of one topic; `folder` is made when the first one is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, submission: str) -> Path:
        """The file of a submission's result."""
        return self.folder / f"{file_stem(submission)}.json"

    def open(self) -> None:
        """Make the folder; UsageError where it cannot be made, or nothing written there."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # grades: not for everyone
        except OSError as error:
            reason = f"cannot make the folder {shown(self.folder)}: {error.strerror}"
            raise UsageError(f"{reason}: name another with --out") from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise UsageError(f"cannot write into {shown(self.folder)}: name another with --out")

    def load(self, submission: str) -> Result | None:
        """The saved result, or None; raises ValueError where the file holds something else."""
        return self.read(submission)[0]

    def read(self, submission: str) -> tuple[Result | None, str]:
        """As `load`, and what shows that somebody has edited the file, or the empty string."""
        path = self.path(submission)
        try:
            result, edited = read_result(path.read_bytes())
        except FileNotFoundError:
            return None, ""
        except ValueError as error:
            raise ValueError(f"{shown(path)} is not a result") from error
        if result.submission != submission:
            raise ValueError(f"{shown(path)} is the result of '{result.submission}'")
        return result, edited

    def set_aside(self, submission: str) -> Path:
        """Rename a file that is not a result to *.json.bad, which nothing reads; its new path."""
        path = self.path(submission)
        return path.rename(path.with_name(path.name + ".bad"))

    def save(self, result: Result) -> Result:
        """Write a result whole or not at all, once the one that it replaces is kept.

        Returns it as it is in the file. Raises UsageError where it cannot be written.
        """
        self.open()
        result, data = write_result(result)
        path = self.path(result.submission)
        self._keep(path, result)
        write_whole(path, data)
        return result

    def note(self, found: Iterable[tuple[str, Path]], paths: Sequence[Path]) -> list[str]:
        """Remember at which of the `paths` that were graded each submission's file lies.

        Returns the names of those that lay at one of them before and do so no longer.
        """
        tops = [os.path.abspath(path) for path in paths]
        here = {}
        for name, file in found:
            place = os.path.abspath(file)
            here[name] = next(
                t for t in tops if place == t or place.startswith(f"{t.rstrip('/')}/")
            )
        before = self._paths()
        gone = [name for name, path in before.items() if path in tops and name not in here]
        now = before | here | dict.fromkeys(gone, "")
        if now != before:
            write_whole(self.folder / _PATHS, json.dumps(now, indent=1, sort_keys=True).encode())
        return sorted(gone)

    def withdrawn(self) -> set[str]:
        """The submissions that were no longer where they had been, when that was graded again."""
        return {name for name, path in self._paths().items() if not path}

    def _paths(self) -> dict[str, str]:
        try:
            found = json.loads((self.folder / _PATHS).read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(name): str(path) for name, path in found.items()} if found else {}

    def _keep(self, path: Path, new: Result) -> None:
        """The bytes of the old result, unless it says what the new one says."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        try:
            if _timeless(read_result(data)[0]) == _timeless(new):
                return
        except ValueError:
            pass  # of whatever kind: it is kept
        folder = path.parent / HISTORY / path.stem
        newest = max((file.name for file in folder.glob(_KEPT)), default="0")
        number = int(newest.partition("-")[0]) + 1  # a clock may be set back
        write_whole(folder / f"{number:06}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json", data)


def replaced_by(path: Path) -> Path | None:
    """The file of the result that the one at `path` replaced last, if it replaced any."""
    return max((path.parent / HISTORY / path.stem).glob(_KEPT), default=None)


def _timeless(result: Result) -> Result:
    """Without how long anything took."""
    checks = [check.model_copy(update={"seconds": 0.0}) for check in result.checks]
    return result.model_copy(update={"seconds": 0.0, "digest": "", "checks": checks})


def file_stem(submission: str) -> str:
    """A file name for a submission, unlike that of every other submission.

    Letters of any alphabet stay; separators, control characters, a leading dot and what other
    systems refuse are percent-encoded; a long name ends in its digest.
    """
    stem = "".join(c if c.isalnum() or c in " -_.+@()," else _percent(c) for c in submission)
    if not stem or stem[0] in ". ":
        stem = _percent(stem[:1]) + stem[1:]
    if len(stem.encode()) > _MAX_STEM:
        digest = hashlib.sha256(submission.encode(errors="surrogatepass")).hexdigest()
        head = stem.encode()[: _MAX_STEM - 65].decode(errors="ignore")
        return f"{head}~{digest}"  # a "~" of the name's own is encoded
    return stem


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass")) or "%"
