"""Results of one topic -> what an instructor asks: how it went, check by check, and why."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradus.course import Topic
from gradus.report.people import name_of
from gradus.results import CheckResult, Isolation, Result, Status, SubmissionStatus, first_line
from gradus.sandbox.levels import LEVELS

_ENOUGH = 10  # results: of fewer a correlation says nothing
_UNDONE = (Status.NOT_IMPLEMENTED, Status.MISSING)
_MACHINE = (Status.TIMEOUT, Status.KILLED)


@dataclass(frozen=True)
class Reason:
    """Why points were lost, and by whom."""

    function: str
    text: str
    names: list[str]
    points: float  # that it cost, of all together

    @property
    def count(self) -> int:
        """How many it happened to."""
        return len(self.names)


@dataclass(frozen=True)
class CheckSummary:
    """How a class did in one check."""

    name: str
    title: str
    function: str
    visibility: str
    max_points: float
    passed: int  # with all points
    of: int
    # Correlation of its points with all others: near 0, it does not tell good from bad; None where
    # there are too few results, or all are alike.
    discrimination: float | None
    reasons: list[Reason]  # the most frequent first


@dataclass(frozen=True)
class Summary:
    """How a class did in one topic."""

    topic: Topic
    results: list[Result]
    max_score: float
    scores: list[float]
    mean: float
    quartiles: tuple[float, float, float]
    bins: list[tuple[float, int]]  # scores from here to the next, and how many have them
    checks: list[CheckSummary]
    again: list[Reason]  # what is best explained again: what cost the class most
    noteworthy: dict[str, list[str]]  # names of those that are late, crashed, …
    hints: dict[str, list[int]]  # of each function, how many used the first, the second, the third


def summarise(topic: Topic, results: Sequence[Result], accepted: Isolation) -> Summary:
    """Of one or more results; `accepted` is the least isolation that the course accepts."""
    results = sorted(results, key=lambda result: name_of(result).casefold())
    scores = [result.score for result in results]
    quartiles = statistics.quantiles(scores, method="inclusive") if len(scores) > 1 else scores * 3
    low, middle, high = quartiles
    checks = [_check(results, name) for name in _names(results)]
    return Summary(
        topic,
        results,
        max_score=results[0].max_score,
        scores=scores,
        mean=statistics.fmean(scores),
        quartiles=(low, middle, high),
        bins=_bins(scores, results[0].max_score),
        checks=checks,
        again=_again(results),
        noteworthy=_noteworthy(results, accepted),
        hints=_hints(results),
    )


def _names(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(check.name for result in results for check in result.checks))


def _check(results: Sequence[Result], name: str) -> CheckSummary:
    found = [(r, check) for r in results for check in r.checks if check.name == name]
    checks = [check for _, check in found]
    lost = [(r, check) for r, check in found if check.points < check.max_points]
    graded = [(r, c) for r, c in found if r.status is SubmissionStatus.GRADED]
    rest = [sum(c.points for c in r.checks if c.name != name) for r, _ in graded]
    return CheckSummary(
        name,
        checks[0].title,
        checks[0].function,
        checks[0].visibility,
        checks[0].max_points,
        passed=len(found) - len(lost),
        of=len(found),
        discrimination=_correlation([check.points for _, check in graded], rest),
        reasons=_reasons(lost),
    )


def _correlation(points: Sequence[float], rest: Sequence[float]) -> float | None:
    if len(points) < _ENOUGH or len(set(points)) == 1 or len(set(rest)) == 1:
        return None
    return statistics.correlation(points, rest)


def _reasons(lost: Iterable[tuple[Result, CheckResult]]) -> list[Reason]:
    """By what is said, the most frequent first; the text is that which most of them read."""
    groups: dict[tuple[str, str], list[tuple[Result, CheckResult]]] = {}
    for result, check in lost:
        groups.setdefault((check.function, _kind(check)), []).append((result, check))
    reasons = []
    for (function, kind), found in groups.items():
        text = Counter(_said(check, kind) for _, check in found).most_common(1)[0][0]
        names = list(dict.fromkeys(name_of(result) for result, _ in found))
        points = sum(check.max_points - check.points for _, check in found)
        reasons.append(Reason(function, text, names, points))
    return sorted(reasons, key=lambda reason: (-reason.count, -reason.points, reason.text))


def _kind(check: CheckResult) -> str:
    if check.status in _UNDONE:
        return "not implemented" if check.status is Status.NOT_IMPLEMENTED else "not defined"
    return check.diagnosis or first_line(check.message)


def _said(check: CheckResult, kind: str) -> str:
    """The sentence of a known mistake, without its place; else what stood first in the message."""
    known = (" " in kind and kind in check.message) or check.status in _UNDONE
    return kind if known else first_line(check.message)


def _again(results: Sequence[Result]) -> list[Reason]:
    lost = [
        (result, check)
        for result in results
        if result.status is SubmissionStatus.GRADED
        for check in result.lost
        if check.status not in (*_UNDONE, *_MACHINE)
    ]
    shared = [reason for reason in _reasons(lost) if reason.count > 1]
    return sorted(shared, key=lambda reason: -reason.points)[:5]


def _noteworthy(results: Iterable[Result], accepted: Isolation) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for result in results:
        statuses = {check.status for check in result.checks}
        what = {
            "late": result.handed_in.late,
            "could not be read": result.status is SubmissionStatus.UNREADABLE,
            "crashed on import": result.status is SubmissionStatus.CRASHED,
            "out of time": result.status is SubmissionStatus.TIMEOUT or Status.TIMEOUT in statuses,
            "ended by a signal": Status.KILLED in statuses,
            "used a forbidden name": Status.FORBIDDEN in statuses,
            f"isolation below {accepted}": LEVELS.index(result.isolation) < LEVELS.index(accepted),
            "of another topic": bool(result.handed_in.looks_like),
            "set by hand": result.adjusted is not None,
            "withdrawn": result.withdrawn,
            "noted": bool(result.notes),
        }
        for text, holds in what.items():
            if holds:
                found.setdefault(text, []).append(name_of(result))
    return found


def _hints(results: Sequence[Result]) -> dict[str, list[int]]:
    functions = dict.fromkeys(check.function for result in results for check in result.checks)
    used = {name: [result.hints.get(name, 0) for result in results] for name in functions}
    counts = {name: [sum(n >= at for n in all_) for at in (1, 2, 3)] for name, all_ in used.items()}
    return {name: count for name, count in counts.items() if count[0]}


def _bins(scores: Sequence[float], most: float) -> list[tuple[float, int]]:
    """Where each begins, and how many are in it: whole points where that makes no more than 25."""
    width = max(1, math.ceil(most / 25))
    bins = [0] * (math.floor(most / width) + 1)
    for score in scores:
        bins[min(len(bins) - 1, math.floor(score / width))] += 1
    return [(n * width, number) for n, number in enumerate(bins)]
