"""Calls that no check needs to write: with a number that is 0, which `x or default` forgets.

They are made of the calls that a check compares; what is right for them is what the solution
returns. Where it refuses, or its result is not finite, there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from torch import Tensor
from torch.utils._pytree import tree_flatten

from gradus.checks.calls import call, forward
from gradus.checks.comparison import Comparison
from gradus.checks.gradients import unpack_gradients
from gradus.checks.judging import judged, lend
from gradus.checks.local import LocalStudent
from gradus.student import Student


def zero_calls(
    comparisons: Iterable[Comparison], function: str, asked: set[str], solution: LocalStudent
) -> Iterator[Comparison]:
    """The calls of `function` among these, with each of its numbers 0 that is not in `asked`, to
    which it is added."""
    student = cast(Student, solution)
    for c in comparisons:
        if judged(c) != function or c.kind == "raises" or _asks_back(c):
            continue
        for place in ("inputs", "options"):
            given = getattr(c, place)
            for name, value in given.items():
                if type(value) is not float or value == 0 or f"{function}: {name}" in asked:
                    continue
                changed: dict[str, Any] = {place: {**given, name: 0.0}, "when": f"{name} = 0"}
                right = _right(student, replace(c, **changed))
                if right is not None:
                    asked.add(f"{function}: {name}")
                    yield right


def _right(student: Student, c: Comparison) -> Comparison | None:
    """The comparison with what the solution returns; None where that is nothing to compare."""
    try:
        found = _returned(student, c)
    except Exception:  # it refuses the 0
        return None
    values = tree_flatten([found.expected, dict(found.also)])[0]
    return found if all(map(_is_finite, values)) else None


def _returned(student: Student, c: Comparison) -> Comparison:
    inputs = list(c.inputs.values())
    if c.kind == "forward":
        out, _, *more = forward(student, c.function, *inputs, also=list(c.also), **c.options)
        return replace(c, expected=out, also=dict(zip(c.also, more, strict=True)))
    if c.kind == "gradients":
        out, cache = lend(student, c, inputs, c.options)
        gradients = call(student, judged(c), c.dout, cache)
        unpacked = unpack_gradients(gradients, c.function, c.wrt, c.expected)
        return replace(c, expected=dict(zip(c.wrt, unpacked, strict=True)), out=out)
    return replace(c, expected=call(student, c.function, *inputs, **c.options))


def _asks_back(c: Comparison) -> bool:
    """Whether it hands over a function, which is no data."""
    return any(map(callable, tree_flatten([*c.inputs.values(), *c.options.values()])[0]))


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(value.isfinite().all())
    return not isinstance(value, float) or math.isfinite(value)
