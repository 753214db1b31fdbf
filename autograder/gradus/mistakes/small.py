"""Of each check a call with few digits, to be followed with a pencil when no mistake explains.

It is the smallest that the check compares, with each number rounded; what is right for it is what
the solution returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks import record
from gradus.checks.comparison import Comparison
from gradus.checks.local import LocalStudent
from gradus.mistakes.edges import SECONDS, asks_back, right_call
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run

MOST = 40  # numbers in its inputs


def small_calls(runs: Iterable[Run], reference: Reference) -> dict[str, list[Comparison]]:
    """One call of each check that has one, by the check's name."""
    record.start(0)  # whatever the solution does here is no part of a check
    solution = LocalStudent(reference.namespace({}), seconds=SECONDS)
    found = {run.name: _small_call(run.on_reference.comparisons, solution) for run in runs}
    return {name: [call] for name, call in found.items() if call is not None}


def _small_call(comparisons: Iterable[Comparison], solution: LocalStudent) -> Comparison | None:
    for c in sorted(comparisons, key=_size):
        if _size(c) > MOST or c.kind == "raises" or asks_back(c):
            continue
        for rounded in (_whole, _one_digit):
            inputs, dout = tree_map(rounded, (dict(c.inputs), c.dout))
            right = right_call(solution, replace(c, inputs=inputs, dout=dout))
            if right is not None and _tells(right):
                return right
    return None


def _size(c: Comparison) -> int:
    return sum(x.numel() for x in tree_flatten([*c.inputs.values()])[0] if isinstance(x, Tensor))


def _whole(value: Any) -> Any:
    """Whole numbers, small ones for most of a normal distribution; those that are whole already
    stay, shares and the like, which lie between 0 and 1, keep a digit."""
    if not _is_float(value) or bool((value == value.round()).all()):
        return value
    if bool(((value >= 0) & (value <= 1)).all()):
        return _one_digit(value)
    return torch.where(value.isfinite(), (2 * value).round() + 0.0, value)  # never -0


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
