"""Why a call of a student's function gave no value: what checks catch and results report."""

from __future__ import annotations

from gradus.results import Status, SubmissionStatus

NOT_YET = " is not implemented yet"
NOT_READ = "Python could not read the file"


def clip(text: str, length: int) -> str:
    """Its first `length` characters, with an ellipsis where it has more."""
    return text if len(text) <= length else text[:length] + "…"


def one_line(text: str, length: int = 500) -> str:
    """Foreign text made harmless for a terminal, a page or a file: printable, one line, clipped."""
    return "".join(c if c.isprintable() else " " for c in clip(text, length)).strip()


class SubmissionError(Exception):
    """A call of the submission that yielded no value.

    `message` is one line for the student, `location` reads "mlp.py:41" or "mlp.ipynb cell 3:5".
    """

    status = Status.ERROR

    def __init__(
        self, message: str, *, function: str | None = None, location: str | None = None
    ) -> None:
        self.message = one_line(message, 600)
        super().__init__(self.message)
        self.function = function
        self.location = one_line(location, 200) if location else None


class NotImplementedYet(SubmissionError):
    """The function, or one that it calls, raised NotImplementedError."""

    status = Status.NOT_IMPLEMENTED


class Missing(SubmissionError):
    """The submission defines no such function."""

    status = Status.MISSING


class Forbidden(SubmissionError):
    """The function uses `name`, which the topic forbids."""

    status = Status.FORBIDDEN

    def __init__(
        self,
        message: str,
        *,
        name: str,
        function: str | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message, function=function, location=location)
        self.name = name


class Raised(SubmissionError):
    """The function raised; the message reads "ValueError: text"."""


class TimedOut(SubmissionError):
    """The function used up the time of its check, or of the whole submission."""

    status = Status.TIMEOUT


class Killed(SubmissionError):
    """The submission's process ended: out of memory, a segmentation fault, an exit."""

    status = Status.KILLED


class NotData(SubmissionError):
    """The function returned something that is not data, or too much of it."""


class LoadError(SubmissionError):
    """The submission as a whole cannot be used; every check of it fails for the same reason."""

    def __init__(
        self, message: str, submission_status: SubmissionStatus, *, location: str | None = None
    ) -> None:
        super().__init__(message, location=location)
        self.submission_status = submission_status
