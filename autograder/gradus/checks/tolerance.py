"""When two tensors count as equal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gradus.checks.record import current

# Relative tolerance by the precision that the student computed in: above what the course's own
# solutions lose there (in float32 at most 9e-5 in nearly all runs of checks; docs/decisions.md),
# of which a check may allow a part that was recorded for it; below the smallest mistake that a
# check is about (an eps on the wrong side of a root is about 1e-5, in float64).
RELATIVE = {torch.float64: 1e-7, torch.float32: 2e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
HALVES = (torch.bfloat16, torch.float16)
# And relative to the largest magnitude, for entries near zero: a sum that cancels rounds like its
# terms.
OF_THE_LARGEST = {torch.float32: 1e-5}


def closeness(actual: Tensor, expected: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Elementwise: is `actual` equal to `expected` at the tolerance of `dtype`?

    The floor under the relative error is a small part of the largest expected magnitude, so that
    near-zero entries of a gradient are judged on the gradient's own scale. NaN equals nothing,
    infinities equal themselves. Both are compared in float64. What is answered in less than
    float32, where more was given, is judged as float32.
    """
    dtype = dtype or actual.dtype
    if dtype in HALVES and expected.dtype not in HALVES:
        dtype = torch.float32
    relative = RELATIVE.get(dtype, 1e-7)
    of_largest = OF_THE_LARGEST.get(dtype, 1e-3 * relative)
    if dtype is torch.float32:
        part = current().float32
        relative, of_largest = part * relative, part * of_largest
    a, e = actual.double(), expected.double()
    size = e.abs()
    largest = _largest(size)
    tolerance = size.mul_(relative).add_(of_largest * largest + 1e-12)
    return (a == e) | ((a - e).abs_() < tolerance)  # of an infinity that is one, too


def largest_magnitude(values: Tensor) -> float:
    """Of those that are finite; 0 where there are none."""
    return _largest(values.abs())


def _largest(sizes: Tensor) -> float:
    largest = float(sizes.max()) if sizes.numel() else 0.0
    if math.isfinite(largest):
        return largest
    finite = sizes[sizes.isfinite()]
    return float(finite.max()) if finite.numel() else 0.0


def agree(actual: Tensor, expected: Tensor, dtype: torch.dtype | None = None) -> bool:
    """Are shapes equal and all elements close?"""
    if actual.shape != expected.shape:
        return False
    if actual.dtype == expected.dtype and torch.equal(actual, expected):
        return True
    return bool(closeness(actual, expected, dtype).all())
