"""What judging is about: a submission to judge, and what a check says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradus.results import CheckResult, Status, Visibility


@dataclass(frozen=True)
class Job:
    """One submission to judge.

    `salt` replaces the session's own; `checks` restricts the run to the named ones; `up_to` leaves
    out what comes after the last check of that function. Of a `function` alone the calls are shown,
    too.
    """

    submission: str
    filename: str
    source: bytes
    salt: str | None = None
    checks: frozenset[str] | None = None
    up_to: str | None = None
    function: str | None = None


@dataclass(frozen=True)
class CheckInfo:
    """What a check says of itself. `threshold`: it ends in a comparison with one."""

    name: str
    title: str
    function: str
    points: float
    public: bool
    visibility: Visibility
    threshold: bool = False

    def result(self, status: Status, points: float, **rest: Any) -> CheckResult:
        """A result of this check; `rest` are CheckResult's other fields."""
        return CheckResult(
            name=self.name,
            title=self.title,
            function=self.function,
            points=points,
            max_points=self.points,
            status=status,
            visibility=self.visibility,
            public=self.public,
            **rest,
        )


def points_by_function(checks: Iterable[CheckInfo]) -> dict[str, float]:
    """What each function's checks are worth together, in their order."""
    points: dict[str, float] = {}
    for check in checks:
        points[check.function] = points.get(check.function, 0.0) + check.points
    return points
