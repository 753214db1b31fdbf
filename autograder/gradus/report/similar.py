"""Which submissions are more alike than independent answers are.

Right answers of a few lines are alike, whoever writes them. So what two share is measured in two
ways, each against what is usual: how much of their code; and how much of what is rare, that is not
handed out, in none of the course's own right answers, and in no more than a few of the class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array

from gradus.report.answers import Answer, Task
from gradus.report.fingerprints import LENGTH, Key, weight

MIN_CLASS = 10  # submissions, from which on a class says what is usual in it
Couple = tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """Two submissions: how much of their code they share, from 0 to 1, and how much of what is
    rare, in tokens. One of the two is so many `times` what is usual, the other fewer."""

    one: Answer
    other: Answer
    alike: float
    rare: int
    times: float


@dataclass(frozen=True)
class Usual:
    """How much two independent submissions may well share, of their code and of what is rare; the
    `median` of all pairs."""

    alike: float
    rare: float
    median: float


@dataclass(frozen=True)
class Similarity:
    """A class compared: who is more alike than is usual, as groups, and the closest others; all are
    others where the class is too `small` to say what is usual.

    Of a group of n there are the n − 1 pairs that hold it together, the closest first. `rare` are
    the keys that are: at most `few` submissions have them.
    """

    task: Task
    answers: Sequence[Answer]
    groups: list[list[Pair]]
    others: list[Pair]
    usual: Usual
    rare: frozenset[Key]
    few: int

    @property
    def small(self) -> bool:
        return len(self.answers) < MIN_CLASS

    def same(self, pair: Pair, function: str) -> int:
        """How many submissions have the same code there, names aside; 0 where the two differ."""
        code = pair.one.code.get(function, ())
        return self._codes[function, code] if code == pair.other.code.get(function) else 0

    @cached_property
    def _codes(self) -> Counter[tuple[str, tuple[str, ...]]]:
        return Counter(item for answer in self.answers for item in answer.code.items())


def compare(task: Task, answers: Sequence[Answer], most: int = 10) -> Similarity:
    """Compare two submissions or more, each with all; at most so many `others`."""
    columns = {key: at for at, key in enumerate({key for a in answers for key in a.keys})}
    ends = np.cumsum([0, *(len(answer.keys) for answer in answers)])
    places = np.fromiter((columns[key] for a in answers for key in a.keys), np.int64, ends[-1])
    index = csr_array((np.ones(len(places)), places, ends), (len(answers), len(columns)))
    counts = dict(zip(columns, index.sum(0), strict=True))
    few = max(4, len(answers) // 20)
    common = frozenset(key for key, n in counts.items() if n > few)
    known = task.stub.union(*(answer.keys for answer in task.right))
    rare = frozenset(key for key, n in counts.items() if 1 < n <= few) - known

    def shared(weights: Sequence[int]) -> np.ndarray:
        return np.asarray((index.multiply(weights) @ index.T).toarray())

    own = shared([isinstance(key, int) and key not in task.stub for key in columns])
    # Who has written a single line has written what many others have.
    sizes = np.maximum(own.diagonal(), max(1.0, np.median(own.diagonal())))
    apart = _apart(answers)
    alike = apart * 2 * own / (sizes + sizes[:, None])
    beyond = apart * shared([weight(key) * (key in rare) for key in columns])
    usual = Usual(
        alike=min(1.0, max(0.5, _fence(alike))),
        rare=max(LENGTH, _fence(beyond), _rare_in_right(task, common)),
        median=float(np.median(alike[np.triu_indices(len(answers), 1)])),
    )
    times = np.maximum(alike / usual.alike, beyond / usual.rare)

    def pair(couple: Couple) -> Pair:
        one, other = (answers[n] for n in couple)
        return Pair(one, other, float(alike[couple]), int(beyond[couple]), float(times[couple]))

    couples = combinations(range(len(answers)), 2)
    ranked = sorted(couples, key=lambda couple: -times[couple])
    more = sum(times[couple] > 1 for couple in ranked) if len(answers) >= MIN_CLASS else 0
    groups = [list(map(pair, group)) for group in _groups(ranked[:more])]
    others = [pair(couple) for couple in ranked[more : more + most] if times[couple]]
    return Similarity(task, answers, groups, others, usual, rare, few)


def _apart(answers: Sequence[Answer]) -> np.ndarray:
    """0 for each two that are one, or that somebody has handed in both of, in a group or alone."""
    by: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, answer in enumerate(answers):
        for person in answer.people:
            for item in (("email", person.email), ("sid", person.sid), ("id", person.id)):
                by[item] += [number] if item[1] else []
    apart = 1 - np.eye(len(answers))
    for numbers in by.values():
        apart[np.ix_(numbers, numbers)] = 0
    return apart


def _fence(measure: np.ndarray) -> float:
    """What one may well share with the nearest of the class: more is an outlier (Tukey)."""
    low, high = np.percentile(measure.max(0), (25, 75))
    return float(high + 1.5 * (high - low))


def _groups(couples: Sequence[Couple]) -> list[list[Couple]]:
    """Of couples, the closest first, those that join what no closer ones have joined, by group."""
    groups: list[tuple[set[int], list[Couple]]] = []
    for couple in couples:
        touched = [group for group in groups if not group[0].isdisjoint(couple)]
        if not any(group[0].issuperset(couple) for group in touched):
            members = {*couple}.union(*(group[0] for group in touched))
            links = [link for group in touched for link in group[1]]
            at = groups.index(touched[0]) if touched else len(groups)
            groups[at:] = [(members, [*links, couple])] + [
                group for group in groups[at:] if group not in touched
            ]
    return [links for _, links in groups]


def _rare_in_right(task: Task, common: frozenset[Key]) -> int:
    """How much two of the course's right answers would share of what is rare in this class."""
    total = 0
    for function in task.functions:
        written = [answer.function(function) - task.stub - common for answer in task.right]
        seen = Counter(key for keys in written for key in keys)
        only = [sum(weight(k) for k in a & b if seen[k] == 2) for a, b in combinations(written, 2)]
        total += max(only, default=0)
    return total
