"""Of each check a call with few digits, to be followed with a pencil when no mistake explains.

It is the smallest that the check compares, cut where that is large, with each number rounded; what
is right for it is what the solution returns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks import record
from gradus.checks.comparison import Comparison
from gradus.checks.local import LocalStudent
from gradus.mistakes.edges import (
    SECONDS,
    alternatives_of,
    asks_back,
    may_agree,
    right_call,
    with_fitting_dout,
)
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run

MOST = 40  # numbers in its inputs
LARGEST = 12.0


def small_calls(runs: Sequence[Run], reference: Reference) -> dict[str, list[Comparison]]:
    """A call of each check that has one, or two that are cut, by the check's name."""
    record.start(0)  # whatever the solution does here is no part of a check
    solution = LocalStudent(reference.namespace({}), seconds=SECONDS)
    others = alternatives_of(runs, reference)
    found: dict[str, list[Comparison]] = {}
    for run in runs:
        compared = [
            c for c in run.on_reference.comparisons if c.kind != "raises" and not asks_back(c)
        ]
        for number, calls in enumerate((_whole_calls, _cut_calls), 1):
            right = (
                call
                for call in calls(compared, solution)
                if all(may_agree(other, call) for other in others)
            )
            found[run.name] = found.get(run.name) or list(itertools.islice(right, number))
    return {name: calls for name, calls in found.items() if calls}


def _whole_calls(compared: Sequence[Comparison], solution: LocalStudent) -> Iterator[Comparison]:
    for c in sorted(compared, key=_size):
        if _size(c) <= MOST:
            yield from _rounded(c, solution)


def _cut_calls(compared: Sequence[Comparison], solution: LocalStudent) -> Iterator[Comparison]:
    """Of each tensor the first rows and columns, of lists of them the first one."""
    for c in sorted(compared, key=_size):
        for most in (2, 3):  # of two numbers some mistakes make the same
            call = _cut(c, most, solution)
            if _size(call) <= MOST:
                yield from itertools.islice(_rounded(call, solution), 1)


def _cut(c: Comparison, most: int, solution: LocalStudent) -> Comparison:
    """The call with no axis longer than `most`."""

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cut(part) for name, part in value.items()}
        if c.kind == "update" and isinstance(value, list):
            return [cut(part) for part in value[:1]]
        if isinstance(value, Tensor):
            return value[(slice(most),) * value.ndim].clone()
        return type(value)(map(cut, value)) if type(value) in (list, tuple) else value

    call = replace(c, inputs=cut(dict(c.inputs)), options=cut(dict(c.options)))
    return with_fitting_dout(call, solution)


def _rounded(c: Comparison, solution: LocalStudent) -> Iterator[Comparison]:
    """The call with small whole numbers, or with one digit each, where that tells."""
    for rounded in (_whole, _one_digit):
        inputs, dout = tree_map(rounded, (dict(c.inputs), c.dout))
        right = right_call(solution, replace(c, inputs=inputs, dout=dout))
        if right is not None and _tells(right):
            yield right


def _size(c: Comparison) -> int:
    return sum(x.numel() for x in tree_flatten([*c.inputs.values()])[0] if isinstance(x, Tensor))


def _whole(value: Any) -> Any:
    """Whole numbers, small ones for most of a normal distribution; those that are whole already
    stay, shares and the like, which lie between 0 and 1, keep a digit; large ones become small."""
    if not _is_float(value) or bool((value == value.round()).all()):
        return value
    if bool(((value >= 0) & (value <= 1)).all()):
        return _one_digit(value)
    largest = float(value[value.isfinite()].abs().max()) if bool(value.isfinite().any()) else 0.0
    scale = LARGEST / largest if largest > LARGEST else 2.0
    return torch.where(value.isfinite(), (scale * value).round() + 0.0, value)  # never -0


def _one_digit(value: Any) -> Any:
    """Every number with one digit that is not 0."""
    if not _is_float(value):
        return value
    power = 10.0 ** value.abs().log10().floor()
    rounded = (value / power).round() * power
    return torch.where(rounded.isfinite(), rounded, value)


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _tells(c: Comparison) -> bool:
    """Whether what is expected is finite, and not all zeros."""
    values = [x for x in tree_flatten([c.expected, dict(c.also)])[0] if x is not None]
    numbers = [torch.as_tensor(x) for x in values]
    finite = all(bool(x.isfinite().all()) for x in numbers)
    return finite and any(bool((x != 0).any()) for x in numbers)
