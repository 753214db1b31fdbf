"""What the results of an audit's jobs say about a topic's hidden tests.

Every problem is one line that says what is wrong and where to put it right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from gradus.audit.mutants import Mutant
from gradus.course import Topic
from gradus.mistakes.read import Equivalent, Mistake, Mistakes
from gradus.results import CheckResult, Result, Status, SubmissionStatus, first_line

ENOUGH_SEEDS = 20  # fewer say too little about how far seeds differ
SAFE_DEVIATIONS = 4.0  # of a normal distribution three in 100,000 lie farther below
CAUGHT_SHARE = 0.9
NAMED_SHARE = 0.9


@dataclass(frozen=True)
class Accuracy:
    """How far the values of many seeds stand above a threshold, all in the metric's own unit."""

    check: str
    metric: str
    threshold: float
    values: Sequence[float]  # one for each seed

    @property
    def worst(self) -> float:
        return min(self.values)

    @property
    def deviations(self) -> float:
        """How many standard deviations lie between the mean and the threshold.

        The worst of 20 seeds says much less: 20 others may have one far below it.
        """
        above = mean(self.values) - self.threshold
        deviation = stdev(self.values) if len(self.values) > 1 else 0.0
        return above / deviation if deviation else math.copysign(math.inf, above)

    @property
    def is_safe(self) -> bool:
        """Whether a new seed may be expected to pass."""
        enough = len(self.values) < ENOUGH_SEEDS or self.deviations >= SAFE_DEVIATIONS
        return self.worst > self.threshold and enough


def judge_stub(stub: Result) -> Iterator[str]:
    """The stub loads, and scores nothing."""
    if stub.status is not SubmissionStatus.GRADED:
        yield f"the stub is {stub.status}: {first_line(stub.message)}"
    for check in stub.checks:
        if check.points > 0:
            yield f"{check.name} gives the stub {check.points:g} of {check.max_points:g} points"


def judge_right(answer: str, result: Result) -> Iterator[str]:
    """A right answer, called `answer` in messages, has full points."""
    if result.status is not SubmissionStatus.GRADED:
        yield f"{answer} is {result.status}: {first_line(result.message)}"
        return
    for check in result.lost:
        yield f"{answer} loses points in {_described(check)}"


def judge_mistake(
    mistake: Mistake, result: Result, dependent: frozenset[str] | None
) -> Iterator[str]:
    """A mistake costs points in a check of its function, where its sentence is said, and in no
    other function's.

    `dependent` names the checks that call a function which the mistake changes; None: all may.
    A mistake without a sentence must get a diagnosis of whatever kind.
    """
    answer = f"{mistake.where}: mistake '{mistake.name}'"
    if result.status is not SubmissionStatus.GRADED:
        yield f"{answer} is {result.status}: {first_line(result.message)}"
        return
    lost = result.lost
    own = [check for check in lost if check.function == mistake.function]
    if not own:
        yield f"{answer} passes every check of {mistake.function}"
    for check in own[:1]:
        if mistake.says and check.diagnosis != mistake.name:
            gave = f"'{check.diagnosis}'" if check.diagnosis else "no diagnosis"
            yield f"{answer}: {gave} is said instead ({_described(check)})"
        forbidden = check.status is Status.FORBIDDEN  # which says what it is by itself
        if not (mistake.says or check.diagnosis or forbidden):
            yield f"{answer} has no sentence and gets no diagnosis ({_described(check)})"
    for check in lost:
        if _is_broken(check):
            yield f"{answer} breaks {_described(check)}"
        elif check.function == mistake.function:
            continue
        elif dependent is not None and check.name not in dependent:
            yield f"{answer} also loses points in {_described(check)}"
        elif mistake.says and mistake.changes_only_its_function:
            yield f"{answer} takes points from a right {check.function}, too: {_described(check)}"


def judge_luck(
    mistake: Mistake, result: Result, of_salts: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """A check of the mistake's function notices it with every salt, or with none.

    `of_salts`: what each check says with the other salts, "" where it passes.
    """
    for check in result.checks:
        others = [bool(noticed[check.name]) for noticed in of_salts if check.name in noticed]
        seen = [check.points < check.max_points, *others]
        if check.function == mistake.function and others and len(set(seen)) > 1:
            yield (
                f"{mistake.where}: {check.name} notices the mistake '{mistake.name}' with "
                f"{sum(seen)} of {len(seen)} salts: choose inputs that depend less on luck"
            )


def judge_raising(function: str, result: Result) -> Iterator[str]:
    """A function that refuses everything earns nothing."""
    for check in result.checks:
        if check.function == function and check.points > 0:
            yield (
                f"a {function} that always raises ValueError earns {check.points:g} points in "
                f"{check.name}: let it also be called with what it must accept"
            )


def judge_written(written: Mistakes, functions: Iterable[str]) -> Iterator[str]:
    """Every function has mistakes and an answer that is right in another way."""
    wrong = {mistake.function for mistake in written.mistakes}
    right = {name for alternative in written.alternatives for name in alternative.parts}
    for name in functions:
        if name not in wrong:
            yield f"{name} has no mistake"
        if name not in right:
            yield f"{name} has no alternative: write it differently, once"


def is_pair_named(function: str, said: Sequence[str], result: Result) -> bool:
    """Whether a student with two mistakes in one function reads of one of them at least, and of
    the other where it has an effect beside the first."""
    for check in result.lost:
        if check.function == function:
            return any(sentence in check.message for sentence in said)
    return False


def judge_pasted(function: str, helper: str, result: Result) -> Iterator[str]:
    """A helper that ships with the public checks is no answer."""
    for check in result.checks:
        if check.function == function and check.points > 0:
            yield (
                f"'{helper}', which ships to students, earns {check.points:g} points in place of "
                f"{function}, in {check.name}: let a check of its own that is not public use it"
            )


def judge_pairs(pairs: tuple[int, int]) -> Iterator[str]:
    """Nearly every two mistakes in one function are named."""
    named, total = pairs
    if named < NAMED_SHARE * total:
        yield f"only {named} of {total} pairs of mistakes in one function are named"


def judge_without(function: str, result: Result) -> Iterator[str]:
    """A function that is not written yet leaves every check an ordinary ending."""
    for check in result.lost:
        if _is_broken(check) or check.status in (Status.TIMEOUT, Status.KILLED):
            yield f"a student without {function} cannot pass {_described(check)}"


def judge_salts(
    results: Mapping[str, Result], failing: Mapping[str, str], total: int
) -> Iterator[str]:
    """The solution has full points with all salts, so many; one line for each check that fails.

    `failing`: what was said with each salt with which it was only tried, and fails.
    """
    failed: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for salt, result in results.items():
        for check in result.lost:
            failed[check.name].append((salt, f", in {_described(check)}"))
    if failing and not failed:
        failed[""] = [(salt, f": {text}") for salt, text in failing.items()]
    for losses in failed.values():
        salt, what = losses[0]
        share = f"{len(losses)} of {total} salts, for example {salt!r}"
        yield f"the solution loses points with {share}{what}"


def judge_accuracies(accuracies: Iterable[Accuracy]) -> Iterator[str]:
    """Every seed stands clear of the threshold."""
    for a in accuracies:
        if not a.is_safe:
            yield (
                f"{a.check}: the threshold {a.threshold:g} is too close to what {len(a.values)} "
                f"seeds reach: at worst a {a.metric} of {a.worst:.4g}, on average "
                f"{a.deviations:.1f} standard deviations above it, not {SAFE_DEVIATIONS:g}"
            )


def judge_mutants(caught: int, survivors: Sequence[Mutant]) -> Iterator[str]:
    """Nine of ten mutants are caught, and each survivor is recorded as equivalent."""
    total = caught + len(survivors)
    if total and caught / total < CAUGHT_SHARE:
        yield f"only {caught} of {total} mutants are caught, {caught / total:.0%}"
    for mutant in survivors:
        yield f"survives: {described(mutant)}: catch it, or record why it is equivalent"


def judge_equivalents(
    equivalents: Iterable[Equivalent], mutants: Sequence[Mutant], alive: Sequence[Mutant]
) -> Iterator[str]:
    """Every recorded equivalent still describes a mutant that no test catches."""
    for e in equivalents:
        described = {m.old for m in mutants if m.is_described_by(e.function, e.old, e.new)}
        if not described:
            yield f"{e.where}: no mutant of {e.function} turns '{e.old}' into '{e.new}'"
        elif len(described) > 1:
            yield f"{e.where}: '{e.old}' stands in several lines: give more of the one"
        elif not any(m.is_described_by(e.function, e.old, e.new) for m in alive):
            yield f"{e.where}: '{e.old}' -> '{e.new}' is not equivalent: the tests catch it"


def accuracies(topic: Topic, results: Iterable[Result]) -> list[Accuracy]:
    """Every metric with a threshold, over all runs of the solution."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for result in results:
        for check in result.checks:
            for metric, value in check.metrics.items():
                values[check.name, metric].append(value)
    found = []
    for (name, metric), seen in values.items():
        threshold = _threshold(topic, name, metric)
        if threshold is not None:
            found.append(Accuracy(name, metric, threshold, seen))
    return found


def described(mutant: Mutant) -> str:
    """A mutant in one line."""
    return f"{mutant.function}, line {mutant.line}: '{mutant.old}' -> '{mutant.new}'"


def _threshold(topic: Topic, check: str, metric: str) -> float | None:
    """The threshold of a metric: of the data set that the check's name names, or the only one."""
    having = {data: limits for data, limits in topic.thresholds.items() if metric in limits}
    named = [data for data in having if data in check] or list(having)[: len(having) == 1]
    return having[named[0]][metric] if named else None


def _is_broken(check: CheckResult) -> bool:
    """Whether the check itself raised; what a student's function raises has a diagnosis."""
    return check.status is Status.ERROR and check.diagnosis is None


def _described(check: CheckResult) -> str:
    return f"{check.name} ({check.status}: {first_line(check.message)})"
