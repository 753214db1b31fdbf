"""What holds of every function: dtypes follow the inputs, and no call changes what another gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks.calls import call, unpack_forward
from gradus.checks.failure import CheckFailed
from gradus.errors import Raised

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison
    from gradus.student import Student

ADVICE = (  # where dtypes are mixed
    "Give new tensors the dtype of the inputs (x.new_zeros, dtype=x.dtype): mixed ones do not "
    "compute with each other."
)


def check_dtypes(student: Student, c: Comparison, returned: Any) -> None:
    """Make the call of a right comparison, which has `returned` this, again in float32.

    Values are not compared: what float32 loses is another question. Raises CheckFailed with
    diagnosis `dtype`.
    """
    inputs, options, dout = _in_float32((list(c.inputs.values()), dict(c.options), c.dout))
    before = tree_flatten((list(c.inputs.values()), dict(c.options)))[0]
    if not any(map(_is_double, before)) or any(map(callable, before)):  # a function of float64's
        return
    function = c.function if c.kind in ("result", "update") else f"{c.function}_forward"
    try:
        if c.kind == "gradients":  # the forward's own check judges the forward
            lent = getattr(student, function)(*inputs, **options)
            out, cache, *_ = unpack_forward(c.function, lent, list(c.also))
            if _is_double(out):
                return
            function = f"{c.function}_backward"
            value = call(student, function, dout, cache)
        else:
            value = call(student, function, *inputs, **options)
    except Raised as raised:
        text = f"{function} fails for float32 inputs: {raised.message}"
        raise CheckFailed(text, ADVICE, diagnosis="dtype") from None
    for double, single in zip(tree_flatten(returned)[0], tree_flatten(value)[0], strict=False):
        if _is_double(double) and _is_double(single):
            text = f"{function} returns float64 for float32 inputs"
            raise CheckFailed(text, ADVICE, diagnosis="dtype")


def _in_float32(value: Any) -> Any:
    """Every float64 tensor in it as float32."""
    return tree_map(lambda x: x.float() if _is_double(x) else x, value)


def _is_double(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64


def halved(value: Any) -> Any:
    """Every floating-point tensor in it at half its size."""
    return tree_map(
        lambda x: x / 2 if isinstance(x, Tensor) and x.is_floating_point() else x, value
    )
