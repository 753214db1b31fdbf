"""A topic's checks as they may be run on many wrong answers, in this process."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gradus.checks import record
from gradus.checks.explain import conclude
from gradus.checks.judging import compare_all
from gradus.checks.session import describe
from gradus.course import UsageError
from gradus.mistakes.perform import Sources, given, perform
from gradus.mistakes.reference import Reference
from gradus.results import first_line

SLOW = 0.5  # seconds of a check in which only written mistakes are tried, one by one
QUICK = 0.01  # of a check that needs no second run to know what it costs
_FIXTURES = {"student", "rng", "device", "topic"}


@dataclass(frozen=True)
class Run:
    """One check, and what it notes about the reference."""

    name: str
    function: str
    check: Callable[..., Any]
    sources: Sources
    salt: str
    on_reference: record.Record
    cost: float  # seconds that the reference computes

    def again(self, **fixtures: Any) -> None:
        """The check; of one that only compares, the same comparisons."""
        if self.on_reference.properties:
            given(self.check)(**fixtures)
        else:
            compare_all(fixtures["student"], self.on_reference.comparisons)

    @property
    def gradients(self) -> tuple[int, ...]:
        """The positions of the inputs whose gradients the check compares, of a backward."""
        for c in self.on_reference.comparisons:
            if c.wrt:
                return tuple(list(c.inputs).index(name) for name in c.wrt)
        return ()


def runs_of(
    items: Sequence[pytest.Item],
    sources: Sources,
    reference: Reference,
    salt: str,
    *,
    public_only: bool = False,
    timed_twice: bool = True,
) -> list[Run]:
    """The checks whose values can be recorded: not those that end in an accuracy.

    What a check costs is the less of two runs where it counts: the first may be slow for what torch
    does when first called.
    """
    names = reference.namespace({})
    runs = []
    for item in items:
        if public_only and item.get_closest_marker("public") is None:
            continue
        info, check = describe(item), item.obj  # type: ignore[attr-defined]
        if not set(inspect.signature(check).parameters) <= _FIXTURES:
            raise UsageError(f"{item.name}: a check takes {', '.join(sorted(_FIXTURES))} only")
        if info.threshold:  # which values lead to it does not matter
            continue
        cost = SLOW
        for _ in range(1 + timed_twice):
            if cost < QUICK:
                break
            started = time.process_time()
            notes, error = perform(info.name, given(check), names, sources, salt, 60.0, keep=True)
            cost = min(cost, time.process_time() - started)
        failure = conclude(error, notes)
        if failure is not None:
            raise UsageError(f"the solution fails {info.name}: {first_line(str(failure))}")
        runs.append(Run(info.name, info.function, check, sources, salt, notes, cost))
    return runs
