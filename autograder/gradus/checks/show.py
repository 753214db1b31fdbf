"""One call of a check as text: what went in, what came out, and what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
from torch import Tensor

from gradus.checks.comparison import Comparison
from gradus.checks.failure import Leaf
from gradus.checks.leaves import is_right

WRONG = 2  # outputs that are shown, at most
MOST = 80  # numbers of a tensor that are shown
MANY = 120  # numbers of all that goes in, of which only the shapes are shown

Shown = tuple[Comparison, Sequence[Leaf] | None]  # leaves: None where there was no value


def show_calls(calls: Sequence[Shown], head: str = "") -> str:
    """The smallest call that went wrong, under a heading, or the smallest of all."""
    wrong = [call for call in calls if not _is_right(call)]
    if not calls:
        return ""
    comparison, leaves = min(wrong or calls, key=lambda call: _size(call[0]))
    above = [head] if head and wrong else []
    return "\n".join([*above, *_call(comparison), *_outcome(comparison, leaves)])


def _is_right(call: Shown) -> bool:
    _, leaves = call
    return leaves is not None and all(is_right(leaf.mine, leaf.right) for leaf in leaves)


def _size(c: Comparison) -> int:
    return sum(value.numel() for _, value in _flat("", dict(c.inputs)) if isinstance(value, Tensor))


def _call(c: Comparison) -> Iterator[str]:
    names = ", ".join([*c.inputs, *(f"{name}={value!r}" for name, value in c.options.items())])
    match c.kind:
        case "gradients":
            yield f"{c.function}_backward(dout, cache), the cache of {c.function}_forward({names}):"
        case "forward":
            yield f"{c.function}_forward({names}):"
        case _:
            yield f"{c.function}({names}):"
    given: dict[str, Any] = dict(c.inputs)
    if c.dout is not None:
        given["dout"] = c.dout
    leaves = [pair for name, value in given.items() for pair in _flat(name, value)]
    many = sum(leaf.numel() for _, leaf in leaves if isinstance(leaf, Tensor)) > MANY
    for path, leaf in leaves:
        if many and isinstance(leaf, Tensor) and leaf.ndim > 0:
            yield f"  {path}: {tuple(leaf.shape)}"
        else:
            yield from _value(path, leaf)


def _outcome(c: Comparison, leaves: Sequence[Leaf] | None) -> Iterator[str]:
    if c.kind == "raises":
        yield f"  expected: a ValueError, for {c.when}"
        return
    if leaves is None:
        yield "  yours: no value, for the reason above"
    wrong = [leaf for leaf in leaves or () if not is_right(leaf.mine, leaf.right)]
    for leaf in wrong[:WRONG] if wrong else leaves or ():
        if wrong:
            yield from _value(f"{leaf.path}, yours", leaf.mine)
            yield from _value(f"{leaf.path}, expected", leaf.right)
        else:
            yield from _value(f"{leaf.path}, yours and expected", leaf.right)
    if len(wrong) > WRONG:
        yield f"  and {len(wrong) - WRONG} more outputs are wrong"


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{path}[{key!r}]" if path else str(key), item)
    elif isinstance(value, list | tuple) and any(
        isinstance(v, Tensor | list | tuple | dict) for v in value
    ):
        for at, item in enumerate(value):
            yield from _flat(f"{path}[{at}]", item)
    else:
        yield path, value


def _number(value: float) -> str:
    """Four digits that mean something; no zero has a sign."""
    return f"{value + 0.0:.4g}" if isinstance(value, float) else str(value)


def _has_parts(value: Any) -> bool:
    return isinstance(value, Tensor | list | tuple | Mapping)


def _value(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, Tensor):
        yield f"  {name} = {value!r}"
        return
    if value.ndim == 0:
        yield f"  {name} = {value.item():.6g}"
        return
    numbers = value.detach().cpu()
    texts = [_number(v) for v in numbers.flatten()[:MOST].tolist()]
    width = max(map(len, texts), default=0)
    formatter: Any = {"all": lambda v: f"{_number(v.item()):>{width}}"}
    text = numpy.array2string(
        (numbers.double() if numbers.is_floating_point() else numbers).numpy(),
        max_line_width=72,
        threshold=MOST,
        edgeitems=2,
        formatter=formatter,
    )
    lines = text.splitlines()
    if len(lines) == 1:
        yield f"  {name} = {lines[0]}"
        return
    yield f"  {name} ="
    yield from (f"    {line.rstrip()}" for line in lines)
