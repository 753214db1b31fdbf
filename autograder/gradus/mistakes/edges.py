"""Calls that no check needs to write: with a number that is 0, which `x or default` forgets.

They are made of the calls that a check compares; what is right for them is what the solution
returns. Where it refuses, or returns something else for a number that is nearly 0, there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

import torch
from torch.utils._pytree import tree_flatten

from gradus.checks import record
from gradus.checks.calls import call, forward
from gradus.checks.comparison import Comparison
from gradus.checks.conventions import NEARLY_0, with_number
from gradus.checks.gradients import unpack_gradients
from gradus.checks.judging import judged, lend
from gradus.checks.local import LocalStudent
from gradus.checks.tolerance import agree
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run
from gradus.student import Student

SECONDS = 60.0  # that all calls here may compute


def edges_of(runs: Iterable[Run], reference: Reference) -> dict[str, list[Comparison]]:
    """The calls of each check's function with one of its numbers 0, by the check's name; each
    number of a function in one check."""
    record.start(0)  # whatever the solution does here is no part of a check
    solution, asked = LocalStudent(reference.namespace({}), seconds=SECONDS), set[str]()
    found = {
        run.name: list(_zero_calls(run.on_reference.comparisons, run.function, asked, solution))
        for run in runs
    }
    return {name: calls for name, calls in found.items() if calls}


def _zero_calls(
    comparisons: Iterable[Comparison], function: str, asked: set[str], solution: LocalStudent
) -> Iterator[Comparison]:
    for c in comparisons:
        if judged(c) != function or c.kind == "raises" or asks_back(c):
            continue
        for name, value in {**c.inputs, **c.options}.items():
            key = f"{function}: {name}"
            if type(value) is not float or value == 0 or key in asked:
                continue
            right = right_call(solution, with_number(c, name, 0.0))
            near = right_call(solution, with_number(c, name, NEARLY_0))
            if right is None or near is None or not _agree(right, near):
                continue
            if not _agree(right, c):  # else another number does the same here
                asked.add(key)
                yield replace(right, when=f"{name} = 0")


def right_call(solution: LocalStudent, c: Comparison) -> Comparison | None:
    """The comparison with what the solution returns; None where it refuses the numbers."""
    try:
        return _returned(cast(Student, solution), c)
    except Exception:
        return None


def _agree(one: Comparison, other: Comparison) -> bool:
    """Whether the same is expected, to all digits that count, and it is finite."""
    values, others = (tree_flatten([c.expected, dict(c.also)])[0] for c in (one, other))
    return len(values) == len(others) and all(
        bool(torch.as_tensor(a).isfinite().all()) and agree(torch.as_tensor(a), torch.as_tensor(b))
        for a, b in zip(values, others, strict=True)
        if a is not None and b is not None
    )


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


def asks_back(c: Comparison) -> bool:
    """Whether it hands over a function, which is no data."""
    return any(map(callable, tree_flatten([*c.inputs.values(), *c.options.values()])[0]))
