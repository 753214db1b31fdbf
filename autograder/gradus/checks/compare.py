"""Comparing what a student's function returned with the trusted value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gradus.checks.diagnose import Clues, diagnose, known_mistake
from gradus.checks.failure import CheckFailed, kind
from gradus.checks.record import current
from gradus.checks.tolerance import agree, closeness

NO_CLUES = Clues()


def check_values(
    actual: Any,
    expected: Any,
    name: str = "output",
    *,
    clues: Clues | Mapping[str, Clues] = NO_CLUES,
) -> None:
    """Compare `actual` with `expected`, leaf by leaf.

    `expected` is a tensor, a number, or lists, tuples and dicts of them; a list passes for a
    tuple. The message names each leaf by its path below `name`: "grads[1]['w']". `clues` may be
    given for each leaf by that path.

    Raises CheckFailed at the first leaf that differs, with a diagnosis where one explains it.
    """
    check_leaves(pair_leaves(actual, expected, name), clues)


Leaf = tuple[str, Any, Tensor]  # path, the student's value, the trusted value


def check_leaves(leaves: Sequence[Leaf], clues: Clues | Mapping[str, Clues] = NO_CLUES) -> None:
    """Raise CheckFailed at the first leaf that differs; `clues` may be given by path."""
    for path, mine, right in leaves:
        of_leaf = clues if isinstance(clues, Clues) else clues.get(path, NO_CLUES)
        tensor = _as_tensor(mine, right, path)
        if not agree(tensor, right) and not _right_in_float32(tensor, right):
            siblings = {p: r for p, _, r in leaves if p != path}
            raise _explain(tensor, right, path, of_leaf, siblings)
        _remark_on_precision(tensor, right)


def pair_leaves(actual: Any, expected: Any, path: str) -> list[Leaf]:
    """The leaves of two equal structures, side by side; raises CheckFailed when they differ."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping) or set(actual) != set(expected):
            got = f"keys {list(actual)}" if isinstance(actual, Mapping) else kind(actual)
            raise CheckFailed(
                f"{path} must be a dict with keys {list(expected)}, got {got}",
                diagnosis="structure",
            )
        return [
            leaf
            for key in expected
            for leaf in pair_leaves(actual[key], expected[key], f"{path}[{key!r}]")
        ]
    if isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)) or len(actual) != len(expected):
            got = f"{len(actual)}" if isinstance(actual, (list, tuple)) else kind(actual)
            values = "1 value" if len(expected) == 1 else f"{len(expected)} values"
            raise CheckFailed(f"{path} must hold {values}, got {got}", diagnosis="structure")
        return [
            leaf
            for i, right in enumerate(expected)
            for leaf in pair_leaves(actual[i], right, f"{path}[{i}]")
        ]
    if expected is None:
        if actual is not None:
            raise CheckFailed(f"{path} must be None, got {kind(actual)}", diagnosis="structure")
        return []
    right = expected.detach() if isinstance(expected, Tensor) else torch.tensor(expected)
    return [(path, actual, right)]


def _as_tensor(value: Any, expected: Tensor, path: str) -> Tensor:
    if isinstance(value, (bool, int, float)):
        dtype = torch.float64 if isinstance(value, float) else None
        value = torch.tensor(value, dtype=dtype)
    if not isinstance(value, Tensor):
        must = f"a tensor of shape {tuple(expected.shape)}" if expected.ndim else "a number"
        more = isinstance(value, (list, tuple)) and path.endswith("]")
        raise CheckFailed(
            f"{path} must be {must}, got {kind(value)}",
            "Is more returned than is asked for, or in one bracket too many?" if more else "",
            diagnosis="structure",
        )
    if value.is_complex():
        raise CheckFailed(f"{path} is complex, expected real numbers", diagnosis="complex")
    return value


def _right_in_float32(actual: Tensor, expected: Tensor) -> bool:
    """Are the differences those of float32's rounding somewhere inside a float64 result?"""
    if actual.shape != expected.shape or actual.numel() == 0:
        return False
    gap, size = (actual.double() - expected.double()).abs(), expected.double().abs()
    return bool((gap <= 5e-7 * size.max() + 1e-6 * size).all())


def _remark_on_precision(actual: Tensor, expected: Tensor) -> None:
    if expected.dtype != torch.float64 or not actual.is_floating_point():
        return
    if actual.dtype != torch.float64:
        short = str(actual.dtype).removeprefix("torch.")
        what = f"computed in {short}, and judged at its precision,"
    elif agree(actual, expected):
        return
    else:  # by a cast on the way, or by another mistake of that size
        what = "right to float32's precision only,"
    current().remark(f"{what} although the inputs are float64")


def _explain(
    actual: Tensor, expected: Tensor, path: str, clues: Clues, siblings: Mapping[str, Tensor]
) -> CheckFailed:
    evidence = _evidence(actual, expected, path)
    found = known_mistake(actual, expected, clues)
    for other, value in siblings.items():
        same = bool(actual.any()) and agree(actual, value)  # zeros are no evidence
        if found is None and same and not agree(value, expected):
            return CheckFailed(
                f"{path} holds the value of {other}: are the two swapped?",
                evidence,
                diagnosis="swapped",
            )
    found = found or diagnose(actual, expected, clues)
    if found is not None:
        more = "" if evidence == found.summary else evidence
        return CheckFailed(f"{path}: {found.summary}", found.explanation, more, diagnosis=found.id)
    if actual.shape != expected.shape:
        return CheckFailed(f"{path}: {evidence}", diagnosis="shape")
    wrong = int((~closeness(actual, expected)).sum())
    how_many = "wrong" if wrong == expected.numel() else f"wrong in {wrong} of {expected.numel()}"
    return CheckFailed(f"{path}: {how_many}, by no pattern that I know", evidence)


def _evidence(actual: Tensor, expected: Tensor, path: str) -> str:
    """One element, the one furthest off: "b[0]: yours 4.8129, expected 0.1504"; or the shapes."""
    if actual.shape != expected.shape:
        return f"shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    if actual.numel() == 0:
        return ""
    gap = (actual.double() - expected.double()).abs().nan_to_num(nan=torch.inf)
    index = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    mine, right = float(actual[index]) + 0.0, float(expected[index]) + 0.0  # never -0
    where = f"{path}[{', '.join(map(str, index))}]" if index else path
    digits = next((d for d in (5, 8, 12) if f"{mine:.{d}g}" != f"{right:.{d}g}"), 17)
    return f"{where}: yours {mine:.{digits}g}, expected {right:.{digits}g}"
