"""A backward with many rows, or whatever else may be many: too many for differences.

Who changes one number after the other, and asks the own forward what becomes of it, calls that as
often as there are numbers. A formula takes a moment for all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from gradus.checks.failure import CheckFailed, Leaf
from gradus.checks.judging import caches_to_borrow, judge_backward, judged, lend
from gradus.checks.record import current
from gradus.errors import Raised, TimedOut

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison
    from gradus.student import Student

VECTORS = 3  # with which a gradient is multiplied
FORMULA = (
    "Sums and products over whole axes give all of them at once. (To change one number after the "
    "other, and to look what the forward makes of it, is how a gradient is tested, not computed.)"
)


def repeated(c: Comparison, seed: int) -> Comparison:
    """The call with each axis of one size repeated, by `c.repeat`: (size, times).

    What is repeated is made smaller, each number by a factor of its own in [½, 1), so that no two
    rows are alike; but for zeros and ones, which may be labels. Of what is expected the shapes are
    right. Equal seeds give equal numbers, with any version of torch.
    """
    size, times = c.repeat
    random = np.random.RandomState(seed % 2**32)  # whose numbers never change

    def repeat(value: Any) -> Any:
        if not isinstance(value, Tensor) or size not in value.shape:
            return value
        many = value.repeat([times if d == size else 1 for d in value.shape])
        if not value.is_floating_point() or bool(((value == 0) | (value == 1)).all()):
            return many
        factors = torch.from_numpy(0.5 + 0.5 * random.random_sample(many.shape))
        return many * factors.to(many.dtype)

    inputs, options, dout, expected = tree_map(
        repeat, (dict(c.inputs), dict(c.options), c.dout, dict(c.expected))
    )
    return replace(c, inputs=inputs, options=options, dout=dout, expected=expected)


def sketch(gradient: Tensor, seed: int) -> list[float]:
    """The norm of a gradient, and its products with a few random vectors of signs: what two large
    ones have in common when they are equal."""
    random = np.random.RandomState(seed % 2**32)
    flat = gradient.detach().double().flatten()
    count = VECTORS * len(flat)
    bits = np.unpackbits(np.frombuffer(random.bytes(count // 8 + 1), np.uint8))[:count]
    signs = 2 * torch.from_numpy(bits).double().reshape(VECTORS, len(flat)) - 1
    return [float(flat.norm()), *(signs @ flat).tolist()]


def are_nearly_right(leaves: Sequence[Leaf], c: Comparison, seed: int) -> bool:
    """Whether gradients are those of the call's sketches, the last of which is of out, but for what
    sums of thousands lose in float32: a difference is as long as its product with random signs, on
    average."""
    longest = max(known[0] for known in c.sketches[:-1])
    for leaf, known in zip(leaves, c.sketches[:-1], strict=True):
        close = 1e-3 * max(known[0], longest / 100)
        if leaf.mine.shape != leaf.right.shape or not _has_sketch(leaf.mine, known, close, seed):
            return False
    return True


def _has_sketch(value: Tensor, known: Sequence[float], close: float, seed: int) -> bool:
    pairs = zip(sketch(value, seed), known, strict=True)
    return all(abs(a - b) <= close for a, b in pairs)


def judge_many(student: Student, c: Comparison) -> list[Leaf]:
    """Make the call `repeated`, after all others have passed.

    Raises CheckFailed with diagnosis `too slow` or, where values are wrong, `many`. Where the
    forward is off, here too, only the time is judged.
    """
    notes = current()
    many, off = repeated(c, notes.seed), f"{c.function}_forward" in notes.lost
    seconds = 2 * c.seconds if off else c.seconds  # a wrong forward may take long, too
    try:
        with student.apart(seconds):
            out, leaves = _outcome(student, many, off)
    except TimedOut:
        text = f"{judged(c)} computes for more than {seconds:.1g} s with an axis of {c.when}"
        raise CheckFailed(text, FORMULA, diagnosis="too slow") from None
    except (CheckFailed, Raised):
        if off:
            return []
        raise
    known = c.sketches[-1]
    shape = many.dout.shape if many.dout is not None else None
    if off and not (
        isinstance(out, Tensor)
        and out.shape == shape
        and _has_sketch(out, known, 1e-7 * known[0], notes.seed)
    ):
        return []
    if are_nearly_right(leaves, c, notes.seed):
        return []
    raise CheckFailed(f"{judged(c)} is wrong with an axis of {c.when}", diagnosis="many")


def _outcome(student: Student, many: Comparison, off: bool) -> tuple[Any, list[Leaf]]:
    """What the forward returns, and the gradients with its cache; of one that is `off` and returns
    none, None, and those with what the backward takes in its place."""
    try:
        out, cache = lend(student, many, list(many.inputs.values()), many.options)
    except (CheckFailed, Raised):
        for cache in caches_to_borrow(student, many) if off else ():
            with contextlib.suppress(CheckFailed, Raised):
                return None, judge_backward(student, many, cache, mend=False)[0]
        raise
    return out, judge_backward(student, many, cache, out, mend=False)[0]
