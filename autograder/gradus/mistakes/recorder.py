"""Runs a topic's checks on wrong answers, in this process, and keeps what each check sees."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_flatten

from gradus.checks.comparison import Comparison
from gradus.checks.explain import noted
from gradus.checks.fingerprint import Transcript, transcript
from gradus.checks.known import Known, Recorded
from gradus.checks.session import collect
from gradus.errors import Raised, TimedOut
from gradus.mistakes.caches import caches_of
from gradus.mistakes.edges import edges_of
from gradus.mistakes.many import many_calls
from gradus.mistakes.perform import Sources, one_thread, perform, processes
from gradus.mistakes.precision import float32_costs
from gradus.mistakes.reference import Reference
from gradus.mistakes.rules import GRADIENTS
from gradus.mistakes.runs import SLOW, Run, runs_of
from gradus.mistakes.small import small_calls
from gradus.mistakes.variants import Variant, variants

SECONDS = 0.3  # that a check of a wrong answer may compute, at least
# Seconds of a check up to which it is asked about a kind of wrong answer.
LONGEST = {"mistake": math.inf, "slip": 0.05}
FEW = 3  # changes by rule, which may be a written mistake in other words
_AFTER = ("pair", "rule", "slip")  # what looks like something said before adds nothing
MANY = 200  # wrong answers, for which it pays to start processes


def record_mistakes(
    sources: Sources,
    salt: str,
    *,
    public_only: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Recorded, list[str]]:
    """What each check sees of each wrong answer, by the check's name; and the arguments that no
    check of their function notices, "minibatches: seed".

    Raises UsageError where a mistake does not fit the solution, or the solution fails a check.
    """
    todo = variants(Reference(sources.solution), sources.mistakes, sources.functions)
    seen: dict[int, list[Outcome]] = {}
    # The mistakes first: two of them look like one where the other is not seen.
    mistakes = [at for at, variant in enumerate(todo) if variant.kind == "mistake"]
    others = [at for at, variant in enumerate(todo) if variant.kind != "mistake"]
    visible: Visible = {}
    with _recorders(len(todo), sources, salt, public_only) as recorded:
        for chosen in (mistakes, others):
            for part in recorded(visible, chosen):
                for at, outcomes in part:
                    seen[at] = outcomes
                    advance(len(seen), len(todo))
            for at in mistakes:
                found = {o.check for o in seen.get(at, ()) if o.wrong}
                for says in todo[at].said:
                    visible.setdefault((todo[at].function, says), set()).update(found)
    return _merged(todo, seen)


@dataclass(frozen=True)
class Outcome:
    """What one check sees of one wrong answer, and whether it sees that something is wrong; None
    where the answer is none."""

    check: str
    seen: Transcript | None
    wrong: bool | None


Part = list[tuple[int, list[Outcome]]]  # by the number of the wrong answer
Visible = dict[tuple[str, str], set[str]]  # function and sentence: the checks that notice
Numbers = Sequence[int]  # of wrong answers


@contextlib.contextmanager
def _recorders(number: int, *about: Any) -> Iterator[Callable[[Visible, Numbers], Iterable[Part]]]:
    """What records wrong answers part by part, in as many processes as there are cores where
    their `number` makes it pay; `about` are a Recorder's arguments."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if cores == 1 or number < MANY:
        recorder = Recorder(*about)
        yield lambda visible, chosen: [recorder.record(visible, chosen)]
        return
    given = pickle.dumps(about)  # a key, too
    with processes(cores) as executor:

        def run(visible: Visible, chosen: Numbers) -> Iterator[Part]:
            shares = [chosen[n::cores] for n in range(cores)]
            futures = [executor.submit(_record, given, visible, share) for share in shares]
            for future in as_completed(futures):
                yield future.result()

        try:
            yield run
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _record(about: bytes, visible: Visible, chosen: Numbers) -> Part:
    return _recorder(about).record(visible, chosen)


@lru_cache(maxsize=1)
def _recorder(about: bytes) -> Recorder:
    """One for all parts that such a process records: the solution runs through its checks once."""
    return Recorder(*pickle.loads(about))


class Recorder:
    """Tries a topic's checks on its wrong answers. Raises UsageError as record_mistakes."""

    def __init__(self, sources: Sources, salt: str, public_only: bool) -> None:
        self.reference = Reference(sources.solution)
        self.todo = variants(self.reference, sources.mistakes, sources.functions)
        self.runs: list[Run] = []

        def loop(items: Sequence[pytest.Item]) -> None:
            self.runs = runs_of(items, sources, self.reference, salt, public_only=public_only)
            self.costs = float32_costs(self.runs, self.reference)

        with one_thread():
            collect(sources.test_file, loop)

    def record(self, visible: Visible, chosen: Numbers) -> Part:
        """What is seen of the wrong answers with these numbers."""
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about what wrong answers do
            return [(at, self._outcomes(self.todo[at], visible)) for at in chosen]

    def _outcomes(self, variant: Variant, visible: Visible) -> list[Outcome]:
        try:
            names = variant.names(self.reference)
        except Exception:  # a change that makes no module
            return []
        both = [visible.get((variant.function, says), set()) for says in variant.said]
        asked = set.intersection(*both) if len(both) > 1 and variant.kind == "pair" else None
        return [
            Outcome(run.name, *_seen(run, variant, names, self.costs.get(run.name, 1.0)))
            for run in self.runs
            if run.function == variant.function
            and (asked is None or run.name in asked)
            and run.cost < LONGEST.get(variant.kind, SLOW)
        ]


def _merged(
    todo: Sequence[Variant], seen: Mapping[int, list[Outcome]]
) -> tuple[Recorded, list[str]]:
    found: dict[str, list[tuple[Known, Transcript]]] = {}
    before: dict[tuple[str, str], list[Known]] = {}  # by check and pattern
    noticed: dict[str, bool] = {}
    words: dict[tuple[str, str], list[Variant]] = {}  # of whom a check says the same
    for at, outcomes in sorted(seen.items()):
        variant = todo[at]
        for o in outcomes:
            if variant.argument and o.wrong is not None:
                argument = f"{variant.function}: {variant.argument}"
                noticed[argument] = noticed.get(argument, False) or o.wrong
            if o.seen is None:
                continue
            whole, borrowed = o.seen.whole, variant.kind == "pair" and len(variant.said) == 1
            if not o.seen.has_values and (borrowed or variant.kind in ("forward rule", "slip")):
                continue  # what a property says of a caller need not come from this
            if not o.seen.has_values:
                words.setdefault((o.check, whole.pattern), []).append(variant)
            if not variant.said:
                continue
            alike = before.setdefault((o.check, whole.pattern), [])
            if variant.kind in _AFTER and any(k.whole.matches(whole) for k in alike):
                continue
            # Beside a forward that raises in some calls the values of the others tell.
            other = [path for path in o.seen.paths if not path.startswith("gradient of")]
            of_gradients = not other or (other == ["!raised"] and o.seen.has_values)
            if variant.kind.startswith("forward") and not of_gradients:
                continue
            paths = o.seen.paths if variant.kind == "mistake" else {}
            known = Known(variant.kind, variant.said, whole, paths)
            found.setdefault(o.check, []).append((known, o.seen))
            if not variant.kind.startswith("forward"):
                alike.append(known)

    def tells(name: str, known: Known, seen: Transcript) -> bool:
        """Words tell of a mistake that every written answer has of which they are said, unless
        many a change by rule leads to them, too."""
        others = words.get((name, known.whole.pattern), [])
        by_rule = sum(variant.kind == "rule" for variant in others)
        written = [set(variant.said) for variant in others if variant.kind != "rule"]
        in_all = all(set(known.said) <= said for said in written)
        return seen.has_values or (in_all and by_rule <= FEW)

    recorded = {
        name: [known for known, seen in all_known if tells(name, known, seen)]
        for name, all_known in found.items()
    }
    return recorded, [argument for argument, seen in noticed.items() if not seen]


Compared = dict[str, Sequence[Comparison]]  # by the check's name


@dataclass(frozen=True)
class Calls:
    """Of a Recording the fields of these names."""

    comparisons: Compared = field(default_factory=dict)
    edges: Compared = field(default_factory=dict)
    small: Compared = field(default_factory=dict)
    many: Compared = field(default_factory=dict)
    float32: dict[str, float] = field(default_factory=dict)
    caches: dict[str, list[list[torch.Tensor]]] = field(default_factory=dict)


def calls_of(sources: Sources, salt: str, *, public_only: bool = False) -> Calls:
    """What the solution returns in each check, and in calls that are made of the checks' own."""
    calls = Calls()

    def loop(items: Sequence[pytest.Item]) -> None:
        reference = Reference(sources.solution)
        runs = runs_of(items, sources, reference, salt, public_only=public_only)
        calls.edges.update(edges_of(runs, reference))
        calls.small.update(small_calls(runs, reference))
        calls.many.update(many_calls(runs, reference))
        calls.caches.update(caches_of(runs, reference))
        calls.float32.update(float32_costs(runs, reference))
        for run in runs:
            if not run.on_reference.properties:
                calls.comparisons[run.name] = run.on_reference.comparisons

    with one_thread():
        collect(sources.test_file, loop)
    return calls


def _seen(
    run: Run, variant: Variant, names: dict[str, Any], float32: float
) -> tuple[Transcript | None, bool | None]:
    """An Outcome's `seen` and `wrong`."""
    names[GRADIENTS] = run.gradients
    trivial = _watch(names, run.function) if variant.kind.startswith("forward") else None
    seconds = max(SECONDS, 5 * run.cost)
    given = (run.name, run.again, names, run.sources, run.salt, seconds)
    notes, error = perform(*given, float32=float32)
    if trivial is not None and trivial():
        return None, None  # who does nothing forward and nothing backward has earned nothing
    noted(error, notes)
    unchanged = [
        isinstance(e, Raised) and e.message.startswith("Unchanged") for e in notes.failures
    ]
    if any(unchanged):  # in some calls: what the others see explains no student's whole check
        return None, None if all(unchanged) else True
    if isinstance(error, TimedOut):
        return None, True
    if not notes.failures:
        return None, error is not None
    seen = transcript(notes.seen)
    return seen if seen.tells else None, True


def _watch(names: dict[str, Any], backward: str) -> Callable[[], bool]:
    """Whether all that the backward has returned is zeros, ones, or dout as it came."""
    original, plain = names[backward], []

    def watched(dout: Any, cache: Any) -> Any:
        gradients = original(dout, cache)
        for g in tree_flatten(gradients)[0]:
            if isinstance(g, torch.Tensor):
                same = g.shape == dout.shape and torch.equal(g.abs(), dout.abs())
                plain.append(same or bool((g == g.flatten()[:1]).all()))
        return gradients

    names[backward] = watched
    return lambda: all(plain)
