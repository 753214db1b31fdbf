"""results/TOPIC/SUBMISSION.json: written whole or not at all, and read back by the next run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from gradus.files import write_whole
from gradus.results import Result

_MAX_STEM = 200  # bytes: file systems allow 255, and ".json.bad" and temporary names need room


class Store:
    """The results of one topic; `folder` is made when the first one is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, submission: str) -> Path:
        """The file of a submission's result."""
        return self.folder / f"{file_stem(submission)}.json"

    def load(self, submission: str) -> Result | None:
        """The saved result, or None; raises ValueError where the file holds something else."""
        try:
            text = self.path(submission).read_bytes()
        except FileNotFoundError:
            return None
        try:
            result = Result.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(f"{self.path(submission)} is not a result") from error
        if result.submission != submission:
            raise ValueError(f"{self.path(submission)} is the result of '{result.submission}'")
        return result

    def set_aside(self, submission: str) -> Path:
        """Rename a file that is not a result to *.json.bad, which nothing reads; its new path."""
        path = self.path(submission)
        return path.rename(path.with_name(path.name + ".bad"))

    def save(self, result: Result) -> None:
        """Write a result whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # grades are not for everyone
        text = result.model_dump_json(indent=1) + "\n"
        write_whole(self.path(result.submission), text.encode())


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
