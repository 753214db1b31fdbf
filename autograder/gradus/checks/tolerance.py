"""When two tensors count as equal."""

from __future__ import annotations

import torch
from torch import Tensor

# Relative tolerance by the precision that the student computed in: far above rounding, far below
# the smallest mistake that a check is about (an eps on the wrong side of a root is about 1e-5).
RELATIVE = {torch.float64: 1e-7, torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 1e-2}


def closeness(actual: Tensor, expected: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Elementwise: is `actual` equal to `expected` at the tolerance of `dtype`?

    The floor under the relative error is 1e-3 of the largest expected magnitude, so that
    near-zero entries of a gradient are judged on the gradient's own scale. NaN equals nothing,
    infinities equal themselves. Both are compared in float64.
    """
    relative = RELATIVE.get(dtype or actual.dtype, 1e-7)
    a, e = actual.double(), expected.double()
    finite = e[e.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    tolerance = relative * e.abs() + relative * (1e-3 * largest) + 1e-12
    return (a == e) | ((a - e).abs() <= tolerance)


def agree(actual: Tensor, expected: Tensor, dtype: torch.dtype | None = None) -> bool:
    """Are shapes equal and all elements close?"""
    return actual.shape == expected.shape and bool(closeness(actual, expected, dtype).all())
