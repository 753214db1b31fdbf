"""What float32 may cost in each check: some times what it costs answers that are right."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks import record
from gradus.checks.comparison import Comparison
from gradus.checks.conventions import in_float32, leaves_of
from gradus.checks.local import LocalStudent
from gradus.checks.tolerance import OF_THE_LARGEST, RELATIVE, largest_magnitude
from gradus.mistakes.edges import SECONDS, alternatives_of, asks_back
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run
from gradus.student import Student

TIMES = 8  # what the written right answers lose: another may lose more
LEAST = 2e-5  # some 160 roundings; of whole numbers nothing is lost
_FLOAT32 = torch.float32


def float32_costs(runs: Sequence[Run], reference: Reference) -> dict[str, float]:
    """The part of float32's tolerance that each check allows, by its name; none for checks that are
    more than comparisons, give float32, or where the solution fails in float32."""
    record.start(0)  # whatever the solution does here is no part of a check
    solution = LocalStudent(reference.namespace({}), seconds=SECONDS)
    others = alternatives_of(runs, reference)
    costs = {}
    for run in runs:
        if run.on_reference.properties:
            continue
        compared = [c for c in run.on_reference.comparisons if c.kind != "raises"]
        if any(map(_is_single, tree_flatten([dict(c.inputs) for c in compared])[0])):
            continue  # what is lost from given numbers is a matter of luck
        lost = [_lost(c, solution) for c in compared]
        if lost and None not in lost:
            lost += [_lost(c, other) for c in compared for other in others]
            cost = max(LEAST, TIMES * max(part for part in lost if part is not None))
            costs[run.name] = round(min(cost / RELATIVE[_FLOAT32], 1.0), 2)
    return costs


def _is_single(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == _FLOAT32


def _lost(c: Comparison, student: LocalStudent) -> float | None:
    """The largest relative error of a call in float32; None where it cannot be had."""
    if asks_back(c):
        return None
    inputs, options, dout = tree_map(in_float32, (dict(c.inputs), dict(c.options), c.dout))
    small = replace(c, inputs=inputs, options=options, dout=dout, same_dtype=False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            leaves = leaves_of(cast(Student, student), small)
    except Exception:
        return None
    lost = 0.0
    for leaf in leaves:
        mine, right = leaf.mine.double(), leaf.right.double()
        of_largest = OF_THE_LARGEST[_FLOAT32] / RELATIVE[_FLOAT32]
        size = right.abs() + of_largest * largest_magnitude(right)
        errors = ((mine - right).abs() / size)[(mine != right) & size.isfinite()]
        if mine.shape != right.shape or bool(errors.isnan().any()):
            return None
        lost = max(lost, float(errors.max()) if len(errors) else 0.0)
    return lost
