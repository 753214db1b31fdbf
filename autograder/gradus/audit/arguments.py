"""Ways to call one of torch's operators with what a function is given."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

AT_HAND = 8  # tensors of a call that are tried as arguments
CALLS = 100  # of one operator by chance, beside the likeliest

Given = Mapping[str, Any]  # a call's inputs, options and what else is at hand, by name


def arguments(given: Given, schema: Any) -> Iterator[dict[str, Any]]:
    """Ways to call an operator with what is given: the likeliest, those that differ from it in one
    argument, and others by chance; none where it takes what nobody has at hand."""
    names = [argument.name for argument in schema.arguments]
    before: Counter[str] = Counter()
    offered = []
    for argument in schema.arguments:
        kind = str(argument.type).removeprefix("Optional[").rstrip("]")
        offered.append(_candidates(given, argument, before[kind]))
        apart = any(word in argument.name for word in ("grad", "mean", "std", "max_"))
        before[kind] += not (apart and kind == "Tensor")
    if not all(offered) or any(argument.is_out for argument in schema.arguments):
        return
    likeliest = [candidates[0] for candidates in offered]
    yield dict(zip(names, likeliest, strict=True))
    for at, candidates in enumerate(offered):
        for other in candidates[1:]:
            changed = [*likeliest[:at], other, *likeliest[at + 1 :]]
            yield dict(zip(names, changed, strict=True))
    total = 1
    for candidates in offered:
        total *= len(candidates)
    rest: Iterator[Sequence[Any]] = itertools.product(*offered)
    if total > CALLS:
        random = Random(schema.name)
        rest = ([random.choice(candidates) for candidates in offered] for _ in range(CALLS))
    yield from (dict(zip(names, chosen, strict=True)) for chosen in rest)


def _candidates(given: Given, argument: Any, number: int) -> list[Any]:
    """What may be passed for an argument, the likeliest first: what has its name, or its place
    among those of its kind."""
    kind, name = str(argument.type), argument.name
    optional = kind.startswith("Optional[")
    kind = kind.removeprefix("Optional[").removesuffix("]") if optional else kind
    missing = argument.has_default_value() and argument.default_value is None
    found: list[Any] = []
    if "dtype" in name:  # an odd number for one ends the process
        found.append(torch.float64)
    elif "Tensor" in kind and "List" in kind:
        lists = _tensor_lists(given)
        found += [*lists, *([tensor] for tensor in tensors(given)[:AT_HAND])]
        if "max" in name:  # of AMSGrad
            return [[], *found]
        if "step" in name:
            return [[torch.tensor(1.0)] * len(lists[0])] if lists else []
    elif kind == "Tensor":
        found += tensors(given)[:AT_HAND]
    else:
        found += _numbers(kind, argument, given)
    if "Tensor" in kind:
        found = found[number:] + found[:number]
        found[:0] = _statistics(name, given) if kind == "Tensor" else []
    if kind == "Tensor" and name.startswith("grad") and "dout" in given:
        found.insert(0, given["dout"])
    if isinstance(given.get(name), Tensor):
        found.insert(0, given[name])
    if optional or missing:
        found.insert(0 if missing else len(found), None)
    return found[: 2 * AT_HAND]


def _numbers(kind: str, argument: Any, given: Given) -> list[Any]:
    name, default = argument.name, argument.default_value if argument.has_default_value() else None
    numbers = [v for v in tree_flatten(list(given.values()))[0] if type(v) in (int, float)]
    if type(given.get(name)) in (int, float):
        numbers.insert(0, given[name])
    elif kind in ("float", "number", "bool", "int", "str") and default is not None:
        numbers.insert(0, default)
    integers = [*(n for n in numbers if type(n) is int), 1, 0, -1]
    shapes = [list(tensor.shape) for tensor in tensors(given)[:3]]
    match kind:
        case "float" | "number":
            return [*map(float, numbers), 0.0, 1.0]
        case "int":
            return integers
        case "bool":
            return [*(n for n in numbers if type(n) is bool), False, True]
        case "str":
            return [default] if isinstance(default, str) else []
        case "List[bool]":
            return [[True] * (argument.N or 3)]
        case "List[int]":
            ends = [shape[-count:] for shape in shapes for count in (1, 2)]
            named = [[given[name]] * 2] if type(given.get(name)) is int else []
            usual = [[n] * 2 for n in ((0, 1) if name.endswith("padding") else (1, 0))]
            single = [[n] for n in integers]
            return [*named, *(ends if "shape" in name else []), *usual, *single, *ends, *shapes]
    return []


def _statistics(name: str, given: Given) -> list[Tensor]:
    """Of the first tensor, for an argument that asks for a mean or 1 / std."""
    x = next((t for t in tensors(given) if t.ndim > 1 and t.is_floating_point()), None)
    if x is None or not ("mean" in name or "std" in name):
        return []
    eps = next((v for v in given.values() if type(v) is float and 0 < v < 1e-2), 1e-5)
    found = []
    for axes in ((-1,), (0,), (0, 2, 3)[: x.ndim - 1] if x.ndim == 4 else (0,)):
        for keep in (True, False):
            mean = x.mean(axes, keepdim=keep)
            variance = x.var(axes, correction=0, keepdim=keep)
            found.append(mean if "mean" in name else (variance + eps).rsqrt())
    return found


def _tensor_lists(given: Given) -> list[list[Tensor]]:
    """The lists of tensors, those of a state included."""
    found: list[list[Tensor]] = []
    waiting: list[Any] = list(given.values())
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, list) and value and all(isinstance(v, Tensor) for v in value):
            found.append(value)
        elif isinstance(value, Mapping):
            waiting[:0] = value.values()
        elif isinstance(value, (list, tuple)):
            waiting[:0] = value
    return found


def tensors(given: Given) -> list[Tensor]:
    return [t for t in tree_flatten(list(given.values()))[0] if isinstance(t, Tensor)]
