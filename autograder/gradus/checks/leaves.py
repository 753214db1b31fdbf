"""Taking a student's value and the trusted one apart, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gradus.checks.calls import unpack
from gradus.checks.failure import SHORT, CheckFailed, kind
from gradus.checks.record import current
from gradus.checks.tolerance import agree

ENOUGH = 6  # errors, of which one may say that they are one-sided
LARGER, MANY = 10, 10_000  # times as many numbers as expected, and more, that are looked at
# The types with which torch computes; with others it does next to nothing.
COMPUTING = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
}

Pair = tuple[str, Any, Tensor]  # path, the student's value, the trusted value


def pair_leaves(actual: Any, expected: Any, path: str) -> list[Pair]:
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
        if isinstance(actual, Tensor) and actual.ndim == 1 and _are_numbers(expected):
            actual = list(actual)  # a vector passes for a list of numbers
        if not isinstance(actual, (list, tuple)) or len(actual) != len(expected):
            got = f"{len(actual)}" if isinstance(actual, (list, tuple)) else kind(actual)
            values = "1 value" if len(expected) == 1 else f"{len(expected)} values"
            must = f"{path} must hold {values}, got {got}"
            if not isinstance(actual, (list, tuple)) or not _are_numbers([*actual, *expected]):
                raise CheckFailed(must, diagnosis="structure")
            how_far = _how_far(actual, expected, path)
            raise CheckFailed(must, how_far, diagnosis="structure", values=_numbers(actual))
        return [
            leaf
            for i, right in enumerate(expected)
            for leaf in pair_leaves(actual[i], right, f"{path}[{i}]")
        ]
    if expected is None:
        if actual is not None:
            raise CheckFailed(f"{path} must be None, got {kind(actual)}", diagnosis="structure")
        return []
    if type(expected) is int and not _is_integer(actual):
        raise CheckFailed(f"{path} must be an int, got {kind(actual)}", diagnosis="not an int")
    if isinstance(expected, float):
        expected = torch.tensor(expected, dtype=torch.float64)
    right = expected.detach() if isinstance(expected, Tensor) else torch.tensor(expected)
    return [(path, actual, right)]


def pair_named(actual: Any, expected: Any, name: str | Sequence[str], function: str) -> list[Pair]:
    """`pair_leaves` where a tuple is returned whose parts have names: ("params", "losses")."""
    if isinstance(name, str):
        if actual is None and expected is not None:
            returned = kind(actual, whole=True)
            raise CheckFailed(f"{name}: {function} returns {returned}", diagnosis="structure")
        return pair_leaves(actual, expected, name)
    triples = zip(unpack(function, actual, *name), expected, name, strict=True)
    return [leaf for mine, right, part in triples for leaf in pair_leaves(mine, right, part)]


def _are_numbers(values: Any) -> bool:
    return all(
        isinstance(v, (int, float)) or (isinstance(v, Tensor) and v.ndim == 0) for v in values
    )


def _numbers(values: Sequence[Any]) -> Tensor:
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


def _how_far(actual: Sequence[Any], expected: Sequence[Any], path: str) -> str:
    """Up to where a list of another length is right."""
    both = min(len(actual), len(expected))
    mine, right = _numbers(actual), _numbers(expected)
    for n in range(both):
        if not is_right(mine[n], right[n]):
            return f"{path}[{n}] is off already: yours {mine[n]:.6g}, expected {right[n]:.6g}"
    return f"The first {both} are right." if both > 1 else ""


def _is_integer(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.ndim == 0 and not value.is_floating_point() and value.dtype != torch.bool
    return isinstance(value, int) and not isinstance(value, bool)


def as_tensor(value: Any, expected: Tensor, path: str) -> Tensor:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise CheckFailed(
            f"{path} is an integer of {value.bit_length()} bits", diagnosis="structure"
        )
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
    if value.numel() > LARGER * expected.numel() + MANY:
        shapes = f"shape {tuple(value.shape)}, expected {tuple(expected.shape)}"
        raise CheckFailed(f"{path}: {shapes}", diagnosis="shape")
    if value.dtype in COMPUTING:
        return value
    try:
        return value.to(torch.float64 if value.is_floating_point() else torch.int64)
    except RuntimeError:
        raise CheckFailed(f"{path} is of {value.dtype}", diagnosis="structure") from None


def is_right(actual: Tensor, expected: Tensor) -> bool:
    """Whether they agree, or differ by float32's rounding only."""
    return agree(actual, expected) or _right_in_float32(actual, expected)


def _right_in_float32(actual: Tensor, expected: Tensor) -> bool:
    """Are the differences those of float32's rounding somewhere inside a float64 result?

    Rounding goes both ways, here more and there less: what is off to one side by much the same
    part everywhere, and by more than a rounding or two, is a mistake of that size, such as an eps
    where none belongs.
    """
    if actual.shape != expected.shape or actual.numel() == 0:
        return False
    errors, size = actual.double() - expected.double(), expected.double().abs()
    largest = float(size.max())
    off = errors.abs()
    if float(off.max()) > 1.5e-6 * largest or not bool((off < 5e-7 * largest + 1e-6 * size).all()):
        return False
    parts = (errors * expected.sign() / size)[size > 1e-2 * largest]
    least, most = parts.abs().aminmax() if len(parts) else (0.0, 0.0)
    one_sided = len(parts) >= ENOUGH and abs(float(parts.sign().sum())) == len(parts)
    return not (one_sided and most > 2e-7 and least > 0.2 * most)


def remark_on_precision(actual: Tensor, expected: Tensor) -> None:
    if expected.dtype != torch.float64 or not actual.is_floating_point():
        return
    if actual.dtype != torch.float64:
        short = str(actual.dtype).removeprefix("torch.")
        what = f"computed in {short}, and judged at its precision,"
    elif agree(actual, expected):
        return
    else:  # by a cast on the way, or by another mistake of that size
        what = "right to float32's precision only,"
    current().remark(f"{what} {SHORT}")
