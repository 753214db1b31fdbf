"""Two gradings of a class: who changes, by how much, in which check, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradus.course import UsageError, shown
from gradus.grading.store import replaced_by
from gradus.inbox.found import printable
from gradus.report.load import load_result, load_results, with_adjustment
from gradus.results import CheckResult, Result

UNKNOWN = "unknown: file, tests and machine are the same"


@dataclass(frozen=True)
class Pair:
    """Two results of one submission; `edited`: a file of theirs was, by hand."""

    before: Result
    after: Result
    edited: bool = False
    when: str = ""  # the day, in UTC, on which the first was replaced

    @property
    def is_change(self) -> bool:
        """Whether the score differs, that which counts or that of the checks."""
        before, after = ((r.score, r.graded, r.max_score) for r in (self.before, self.after))
        return before != after

    @property
    def is_other(self) -> bool:
        """Whether a check gives other points or says something else."""
        before, after = (
            [r.message, *((c.name, c.points, c.message) for c in r.checks)]
            for r in (self.before, self.after)
        )
        return before != after

    @property
    def checks(self) -> list[str]:
        """What each check gave and gives, where that differs."""
        before, after = (
            {check.name: check for check in result.checks} for result in (self.before, self.after)
        )
        told = []
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if not (old and new and old.points == new.points):
                of = not (old and new and old.max_points == new.max_points)
                told.append(f"{name.removeprefix('test_')} {_points(old, of)} → {_points(new, of)}")
        return told

    @property
    def why(self) -> list[str]:
        """What differs besides the points, as far as results carry it."""
        before, after = self.before, self.after
        told = ["submission"] if before.sha256 != after.sha256 else []
        if before.conditions and after.conditions:
            pairs = ((n, before.conditions.get(n), now) for n, now in after.conditions.items())
            told += [name for name, old, now in pairs if old != now]
        elif before.tests != after.tests:
            told.append("tests, salt or limits")
        old, new = (
            {**r.environment, "isolation": r.isolation, "device": r.device} for r in (before, after)
        )
        for name in ("isolation", "device", "engine", "gradus", "torch", "python"):
            if name in old and name in new and old[name] != new[name]:
                told.append(f"{name} {old[name]} → {new[name]}")
        if self.edited:
            told.append("edited by hand")
        if not told and before.graded != after.graded:
            ended = after.alone and not before.alone
            told.append("a signal or a limit ended it" if ended else UNKNOWN)
        if after.by_hand or before.by_hand:
            told.append(after.by_hand or "no longer set by hand")
        return told


def pairs_of(old: Path, new: Path) -> tuple[list[Pair], list[str]]:
    """The results that are in both folders, and lines about the others; raises UsageError."""
    before, after = (
        {one.result.submission: one for one in load_results(path)} for path in (old, new)
    )
    topics = {one.result.topic for one in (*before.values(), *after.values())}
    if len(topics) > 1:
        raise UsageError(f"{shown(old)} and {shown(new)} are of two topics: {', '.join(topics)}")
    lines = [
        f"only in {shown(path)}: {', '.join(sorted(names))}"
        for path, names in (
            (old, before.keys() - after.keys()),
            (new, after.keys() - before.keys()),
        )
        if names
    ]
    both = [(before[name], after[name]) for name in after if name in before]
    return [Pair(a.result, b.result, bool(a.edited or b.edited)) for a, b in both], lines


def pairs_in(path: Path) -> list[Pair]:
    """Each result in a folder that has replaced another, and the last that it replaced; raises
    UsageError."""
    pairs = []
    for one in load_results(path):
        if file := replaced_by(one.file):
            old = load_result(file)
            date = file.stem.partition("-")[2]
            when = f"{date[:4]}-{date[4:6]}-{date[6:8]}"
            before = as_adjusted(old.result, one.result)
            pairs.append(Pair(before, one.result, bool(old.edited or one.edited), when))
    return pairs


def as_adjusted(before: Result, after: Result) -> Result:
    """`before` with the score that is set by hand for `after`, if one is: it counted for both."""
    if after.adjusted is None:
        return before
    return with_adjustment(before, {before.submission: (after.score, after.adjusted.reason)})


def comparison(pairs: Sequence[Pair]) -> RenderableType | None:
    """Who changes, as a table with a line below it; None where nobody does."""
    changes = [pair for pair in pairs if pair.is_change]
    if not changes:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", overflow="fold")
    table.add_column("score", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("checks", overflow="fold")
    table.add_column("why", overflow="fold")
    dates = {pair.when for pair in changes}
    if len(dates) > 1:
        table.add_column("replaced", no_wrap=True)
    for pair in changes:
        by = round(pair.after.score - pair.before.score, 6)
        table.add_row(
            Text(printable(pair.after.submission)),
            _scores(pair),
            f"{by:+g}".replace("-", "−") if by else "",
            Text("\n".join(map(printable, pair.checks))),
            Text(printable(", ".join(pair.why))),
            *([pair.when] if len(dates) > 1 else []),
        )
    before, after = (
        sum(result.score for result in results) / len(pairs)
        for results in zip(*((pair.before, pair.after) for pair in pairs), strict=True)
    )
    line = f"{len(changes)} of {len(pairs)} change · mean {before:.1f} → {after:.1f}"
    if others := sum(pair.is_other for pair in pairs if not pair.is_change):
        line += f" · {others} with the same score are told something else"
    if len(dates) == 1 and (date := dates.pop()):
        line += f" · replaced on {date}"
    return Group(table, Text(line))


def _points(check: CheckResult | None, of: bool) -> str:
    if check is None:
        return "no check"
    return f"{check.points:g}/{check.max_points:g}" if of else f"{check.points:g}"


def _scores(pair: Pair) -> str:
    of = pair.before.max_score != pair.after.max_score
    both = (
        f"{r.score:g}/{r.max_score:g}" if of else f"{r.score:g}" for r in (pair.before, pair.after)
    )
    return " → ".join(both)
