"""A backward with many rows, or whatever else may be many: too many for differences.

Who changes one number after the other, and asks the own forward what becomes of it, calls that as
often as there are numbers. A formula takes a moment for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils._pytree import tree_map

from gradus.checks.failure import CheckFailed, Leaf
from gradus.checks.judging import judge_backward, judged, lend
from gradus.checks.record import current
from gradus.errors import Raised, TimedOut

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison
    from gradus.student import Student

SECONDS = 3.0  # that both calls may compute
FORMULA = (
    "A formula gives all of them at once. To change one number after the other, and to look what "
    "the forward makes of it, is how a gradient is tested, not how it is computed."
)


def repeated(c: Comparison) -> Comparison:
    """The call with each axis of one size repeated, by `c.repeat`: (size, times); what is expected
    is repeated, too."""
    size, times = c.repeat

    def repeat(value: Any) -> Any:
        if not isinstance(value, Tensor) or size not in value.shape:
            return value
        return value.repeat([times if d == size else 1 for d in value.shape])

    inputs, options, dout, expected = tree_map(
        repeat, (dict(c.inputs), dict(c.options), c.dout, dict(c.expected))
    )
    return replace(c, inputs=inputs, options=options, dout=dout, expected=expected)


def is_nearly_right(leaf: Leaf) -> bool:
    """Whether a gradient is what it must be, but for what a sum of thousands loses in float32."""
    if leaf.mine.shape != leaf.right.shape:
        return False
    off = (leaf.mine.double() - leaf.right.double()).norm()
    return bool(off <= 1e-3 * leaf.right.double().norm())


def judge_many(student: Student, c: Comparison) -> list[Leaf]:
    """Make the call `repeated`, after all others have passed.

    Raises CheckFailed with diagnosis `too slow` or, where values are wrong, `many`. Beside a wrong
    forward only the time is judged.
    """
    many, off = repeated(c), f"{c.function}_forward" in current().lost
    try:
        with student.apart(SECONDS):
            _, cache = lend(student, many, list(many.inputs.values()), many.options)
            leaves, _ = judge_backward(student, many, cache)
    except TimedOut:
        text = f"{judged(c)} computes for more than {SECONDS:g} s with an axis of {c.when}"
        raise CheckFailed(text, FORMULA, diagnosis="too slow") from None
    except (CheckFailed, Raised):
        if off:
            return []
        raise
    if off or all(map(is_nearly_right, leaves)):
        return []
    raise CheckFailed(f"{judged(c)} is wrong with an axis of {c.when}", diagnosis="many")
