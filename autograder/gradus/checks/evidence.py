"""The place at which an output is most off, in words."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gradus.checks.failure import Leaf


def evidence(leaf: Leaf) -> str:
    """One element, the one furthest off: "b[0]: yours 4.8129, expected 0.1504"; or the shapes."""
    mine, right = leaf.mine, leaf.right
    if mine.shape != right.shape:
        return shapes(leaf)
    if mine.numel() == 0:
        return ""
    index = _furthest_off(mine, right)
    a, b = float(mine[index]) + 0.0, float(right[index]) + 0.0  # never -0
    where = f"{leaf.path}[{', '.join(map(str, index))}]" if index else leaf.path
    where += f" {leaf.call}" if leaf.call else ""
    digits = next((d for d in (5, 8, 12) if f"{a:.{d}g}" != f"{b:.{d}g}"), 17)
    return f"{where}: yours {a:.{digits}g}, expected {b:.{digits}g}"


def shapes(leaf: Leaf) -> str:
    """Two shapes that differ, and of which call: "shape (3,), expected (4,) with n=4"."""
    call = f" {leaf.call}" if leaf.call else ""
    return f"shape {tuple(leaf.mine.shape)}, expected {tuple(leaf.right.shape)}{call}"


def _furthest_off(mine: Tensor, right: Tensor) -> tuple[int, ...]:
    gap = (mine.double() - right.double()).abs().nan_to_num(nan=torch.inf)
    # Not torch.unravel_index: its first call imports sympy, which takes seconds.
    return tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
