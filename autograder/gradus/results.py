"""The one record that every engine yields and every report reads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Isolation = Literal["namespaces", "user", "process"]
Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]


class Status(StrEnum):
    """What became of one check."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    NOT_IMPLEMENTED = "not_implemented"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    ERROR = "error"
    TIMEOUT = "timeout"
    KILLED = "killed"


class SubmissionStatus(StrEnum):
    """What became of a submission as a whole."""

    GRADED = "graded"
    UNREADABLE = "unreadable"
    CRASHED = "crashed"
    TIMEOUT = "timeout"


class CheckResult(BaseModel):
    """One check of one submission; `points` lies in [0, max_points]."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    name: str
    title: str
    function: str
    points: float
    max_points: float
    status: Status
    visibility: Visibility = "visible"
    public: bool = False
    message: str = ""
    diagnosis: str | None = None
    location: str | None = None  # "mlp.py:41" or "mlp.ipynb cell 3:5"
    follows: bool = Field(
        default=False, exclude_if=lambda it: not it
    )  # another function's mistake may be why
    metrics: dict[str, float] = Field(default_factory=dict)  # for example {"accuracy": 0.95}
    output: str = ""  # what the submission printed, for the instructor
    calls: str = Field(
        default="", exclude_if=lambda text: not text
    )  # for `gradus check T FUNCTION`
    seconds: float = 0.0

    @property
    def shown_output(self) -> str:
        """What the student may read of `output`: elsewhere it could show the hidden inputs."""
        return self.output if self.public else ""


class Person(BaseModel):
    """One who handed in, as the download names them; what it does not say is empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    email: str = ""
    sid: str = ""  # the student number
    id: str = ""  # what the download's source itself calls the person: a number, a user name


class HandedIn(BaseModel):
    """How a submission was handed in, as far as the download says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = ""  # the kind of download: "canvas", "moodle", …
    people: list[Person] = Field(default_factory=list)
    at: str = ""  # ISO 8601, with its offset from UTC
    late: bool = False
    others: list[str] = Field(default_factory=list)  # files that do not count
    looks_like: str = ""  # the id of another topic, whose functions it defines


class Adjusted(BaseModel):
    """That a score was set by hand, in adjusted.csv beside the results."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    graded: float  # the score that the checks give
    reason: str


class Result(BaseModel):
    """One graded submission, as `results/TOPIC/SUBMISSION.json` holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    submission: str
    topic: str
    status: SubmissionStatus
    score: float
    max_score: float
    isolation: Isolation
    device: str
    seconds: float
    sha256: str
    tests: str = ""  # version of the tests: a digest of test file, course entry and salt
    conditions: dict[str, str] = Field(default_factory=dict)  # a digest of each, by its name
    environment: dict[str, str] = Field(default_factory=dict)
    message: str = ""  # why it is unreadable, crashed or timed out
    notes: list[str] = Field(
        default_factory=list
    )  # what was passed over, for example a cell that raised
    hints: dict[str, int] = Field(
        default_factory=dict, exclude_if=lambda it: not it
    )  # of each function, as the submission itself says
    handed_in: HandedIn = HandedIn()
    checks: list[CheckResult] = Field(default_factory=list)
    alone: bool = False  # graded a second time, alone: a signal or a limit ended the first
    adjusted: Adjusted | None = None  # only where adjusted.csv was read, never in a file
    withdrawn: bool = False  # no longer where it was; only where results are read, as well
    digest: str = ""  # of the rest of its file, so that it shows who edits that

    @property
    def graded(self) -> float:
        """The score that the checks give, whatever was set by hand."""
        return self.adjusted.graded if self.adjusted else self.score

    @property
    def by_hand(self) -> str:
        """What is to be said of a score set by hand, or the empty string."""
        if self.adjusted is None:
            return ""
        return f"set by hand, graded {self.adjusted.graded:g}: {self.adjusted.reason}"

    @property
    def lost(self) -> list[CheckResult]:
        """The checks that took points."""
        return [check for check in self.checks if check.points < check.max_points]

    def main_diagnosis(self) -> str:
        """What explains most of the lost points, in one line: a cause before what follows from it,
        what was seen in a call before a threshold, and what has a name before what has none."""
        if self.handed_in.looks_like:
            return f"this looks like {self.handed_in.looks_like}, not {self.topic}"
        if self.status is not SubmissionStatus.GRADED:
            return first_line(self.message)
        lost = self.lost
        if not lost:
            return ""
        unsolved = (Status.NOT_IMPLEMENTED, Status.MISSING)
        if all(c.status in unsolved for c in lost):
            functions = dict.fromkeys(c.function for c in lost)
            return "not implemented yet: " + ", ".join(functions)
        worst = max(
            (c for c in lost if c.status not in unsolved),
            key=lambda c: (
                not c.follows,
                not c.metrics,
                c.diagnosis is not None,
                c.max_points - c.points,
            ),
        )
        return f"{worst.function}: {first_line(worst.message)}"


def write_result(result: Result) -> tuple[Result, bytes]:
    """The result with its digest, and its file."""
    bare = result.model_copy(update={"digest": ""}).model_dump_json().encode()
    result = result.model_copy(update={"digest": _digest(bare)})
    return result, (result.model_dump_json(indent=1) + "\n").encode()


def read_result(data: bytes) -> tuple[Result, str]:
    """The result in a file, and what shows that somebody has edited it, or the empty string.

    Raises ValueError where it is no result. A digest tells an edit, not a forger.
    """
    result = Result.model_validate_json(data)
    total = math.fsum(check.points for check in result.checks)
    for check in result.checks:
        if not 0 <= check.points <= check.max_points:
            return result, f"gives {check.points:g} of {check.max_points:g} in {check.name}"
    if not math.isclose(result.graded, total, abs_tol=1e-4):
        return result, f"gives {result.graded:g} points, but its checks add up to {total:g}"
    if result.adjusted or (result.digest and result.digest != _digest(data)):
        return result, "was edited by hand"
    return result, ""


def _digest(data: bytes) -> str:
    """Of what a file says, however it is laid out."""
    content = {key: value for key, value in json.loads(data).items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def by_function(checks: Iterable[CheckResult]) -> dict[str, tuple[float, float]]:
    """Points and possible points of each function that checks judge, in the checks' order."""
    found: dict[str, tuple[float, float]] = {}
    for check in checks:
        points, possible = found.get(check.function, (0.0, 0.0))
        found[check.function] = points + check.points, possible + check.max_points
    return found


def first_line(text: str) -> str:
    """The first line of `text`, or the empty string."""
    return text.strip().split("\n", 1)[0]
