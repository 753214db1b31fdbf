"""Tries answers without grading them: which checks notice them, and nothing else.

Of a check that only compares, the solution's calls and their values are kept for each salt, so
that no answer waits for them again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import pytest

from gradus.audit.trusted import SLOWER
from gradus.checks.comparison import Comparison
from gradus.checks.conventions import is_zero
from gradus.checks.session import collect
from gradus.course import UsageError
from gradus.errors import TimedOut
from gradus.mistakes.edges import edges_of
from gradus.mistakes.perform import Sources, one_thread, perform
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run, runs_of
from gradus.results import first_line

SALT = "audit"  # fixed, so that an audit can be repeated; the course's own is one of the salts
SOLUTION = "solution"  # the name of what is noticed of it, if anything
Noticed = dict[str, str]  # by the check's name: what it says, "" where it passes


@dataclass(frozen=True)
class Trial:
    """An answer: what it puts in place of the solution's functions, and the checks to run.

    The first check that notices it ends it where it is a `mutant`, whose function's own come first.
    """

    name: str
    parts: Mapping[str, str]
    checks: frozenset[str]
    seconds: float  # that its calls in one check may compute, at least, where that is not `endless`
    mutant: str = ""
    right: bool = False  # an answer that is called at all edges; wrong ones fail other checks
    endless: frozenset[str] = frozenset()  # checks in which it is known to take too long


def try_answers(
    executor: ProcessPoolExecutor,
    sources: Sources,
    todo: Iterable[tuple[str, Sequence[Trial]]],
    float32: Mapping[str, float],
) -> Iterator[tuple[str, dict[str, Noticed]]]:
    """What is noticed of each trial with its salt, by its name, part by part as they are finished;
    of the solution alone where it fails itself.

    `float32` is a recording's, for it is much the same with every salt.

    Raises BrokenProcessPool where an answer ends its process.
    """
    futures = {
        executor.submit(_tried, sources, trials, salt, float32): salt for salt, trials in todo
    }
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _tried(
    sources: Sources, trials: Sequence[Trial], salt: str, float32: Mapping[str, float]
) -> dict[str, Noticed]:
    found: dict[str, Noticed] = {}
    reference = Reference(sources.solution)

    def loop(items: Sequence[pytest.Item]) -> None:
        try:
            runs = runs_of(items, sources, reference, salt, timed_twice=False)
        except UsageError as error:  # the solution itself fails
            found[SOLUTION] = {"": str(error)}
            return
        some_right = any(trial.right for trial in trials)
        edges = edges_of(runs, reference, zeros_only=not some_right)
        for trial in trials:
            found[trial.name] = _noticed(runs, edges, float32, reference, trial)

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about what wrong answers do
        collect(sources.test_file, loop)
    return found


def _noticed(
    runs: Sequence[Run],
    edges: Mapping[str, Sequence[Comparison]],
    float32: Mapping[str, float],
    reference: Reference,
    trial: Trial,
) -> Noticed:
    chosen = [run for run in runs if run.name in trial.checks]
    chosen.sort(key=lambda run: bool(trial.mutant) and run.function != trial.mutant)
    try:
        names = reference.namespace(trial.parts)
    except Exception as failure:
        return {run.name: f"{type(failure).__name__}: {failure}" for run in chosen}
    found: Noticed = {}
    told: set[str] = set()
    for run in chosen:
        seconds = SLOWER * run.cost
        if run.name not in trial.endless:
            seconds = max(trial.seconds, seconds)
        given = (names, run.sources, run.salt, seconds)
        asked = edges.get(run.name, ())
        if not trial.right:
            asked = [edge for edge in asked if is_zero(edge)]
        about: dict[str, Any] = dict(told=frozenset(told), edges=asked)
        about["float32"] = float32.get(run.name, 1.0)
        _, error = perform(run.name, run.again, *given, stop=True, **about)
        if isinstance(error, TimedOut) and run.name not in trial.endless:
            # A machine that was stopped for a while counts that as computed.
            _, error = perform(run.name, run.again, *given, stop=True, **about)
        if getattr(error, "diagnosis", None) == "dtype":
            told.add(run.function)
        found[run.name] = "" if error is None else first_line(str(error)) or type(error).__name__
        if trial.mutant and error is not None:
            break
    return found
