"""Calls that no check needs to write: at the edges of what a function takes.

A number that is 0, which `x or default` forgets; a whole number that is 1; an option left out; an
axis of size 1, which `squeeze()` and broadcasting forget. They are made of the calls that a check
compares; what is right for them is what the solution returns. Where it refuses, or a written
alternative returns something else, there is none: the course's text leaves it open.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks import record
from gradus.checks.calls import call, forward
from gradus.checks.comparison import Comparison
from gradus.checks.conventions import NEARLY_0, is_zero, leaves_of, with_number
from gradus.checks.gradients import unpack_gradients
from gradus.checks.judging import all_right, judged, lend
from gradus.checks.local import LocalStudent
from gradus.checks.tolerance import agree
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run
from gradus.student import Student

SECONDS = 60.0  # that all calls here may compute
FEW = 10  # numbers, of which some mistakes make the right ones
_PLAIN = ("result", "update")  # comparisons that name the function itself
OF_CHANCE = "seed"  # a number by which a stream of random numbers is chosen, which may be any

Edges = Iterator[tuple[str, Comparison]]  # what is at an edge, for each function once; the call


def edges_of(
    runs: Sequence[Run], reference: Reference, *, zeros_only: bool = False
) -> dict[str, list[Comparison]]:
    """The calls of each check's function at an edge, by the check's name; each edge of a function
    in one check, all but zeros in its last one, and none that some check visits."""
    record.start(0)  # whatever the solution does here is no part of a check
    names = reference.namespace({})
    solution = LocalStudent(names, seconds=SECONDS)
    last = {run.function: run.name for run in runs}
    others = alternatives_of(runs, reference)
    asked = {key for run in runs for c in run.on_reference.comparisons for key in _visited(c)}
    found: dict[str, list[Comparison]] = {}
    for run in runs:
        for c in sorted(run.on_reference.comparisons, key=_preference):
            if judged(c) != run.function or c.kind == "raises" or asks_back(c):
                continue
            edges = _zeros(c, solution, asked)
            if not zeros_only:
                more = _left_out(c, solution, asked, names), _ones(c, solution, asked)
                edges = itertools.chain(edges, *more)
            for key, edge in edges:
                if all(may_agree(other, edge) for other in others):
                    asked.add(key)
                    check = run.name if is_zero(edge) else last[run.function]
                    found.setdefault(check, []).append(edge)
    return found


def _preference(c: Comparison) -> tuple[bool, int]:
    """Which calls come first: small ones, for a recording holds their values, but those last that
    are too small to tell much."""
    tensors = [x for x in tree_flatten(dict(c.inputs))[0] if isinstance(x, Tensor)]
    numbers = sum(x.numel() for x in tensors)
    return numbers < FEW, numbers


def alternatives_of(runs: Sequence[Run], reference: Reference) -> list[LocalStudent]:
    """The written right answers."""
    written = runs[0].sources.mistakes.alternatives if runs else ()
    names = [reference.namespace(reference.parts(one)) for one in written]
    return [LocalStudent(of_one, seconds=SECONDS) for of_one in names]


def may_agree(other: LocalStudent, edge: Comparison) -> bool:
    """Whether a right answer returns the same, or nothing at all, which the audit would tell."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return all_right(leaves_of(cast(Student, other), edge))
    except Exception:
        return True


def _visited(c: Comparison) -> Iterator[str]:
    """The edges that a comparison is at."""
    name = judged(c)
    for argument, value in {**c.inputs, **c.options}.items():
        if type(value) is int:
            yield f"{name}: {argument} = {value}"
        if isinstance(value, Tensor):
            yield from (
                f"{name}: {argument}, axis {n}" for n, d in enumerate(value.shape) if d == 1
            )


def _zeros(c: Comparison, solution: LocalStudent, asked: Collection[str]) -> Edges:
    """A number that is 0, where that is the limit of numbers that are nearly 0."""
    for name, value in {**c.inputs, **c.options}.items():
        key = f"{judged(c)}: {name} = 0.0"
        if type(value) is not float or value == 0 or key in asked:
            continue
        right = right_call(solution, with_number(c, name, 0.0))
        if right is None or _agree(right, c):  # refused; or another number does the same here
            continue
        near = right_call(solution, with_number(c, name, NEARLY_0))
        if near is not None and _agree(right, near):
            yield key, replace(right, when=f"{name} = 0")


def _left_out(
    c: Comparison, solution: LocalStudent, asked: Collection[str], names: Mapping[str, Any]
) -> Edges:
    """An option that has its default, by being left out."""
    takes = inspect.signature(names[c.function if c.kind in _PLAIN else f"{c.function}_forward"])
    for name in c.options:
        key = f"{judged(c)}: {name} left out"
        default = takes.parameters[name].default if name in takes.parameters else None
        if type(default) not in (int, float, bool, str) or key in asked:
            continue
        given = right_call(solution, replace(c, options={**c.options, name: default}))
        rest = {key: value for key, value in c.options.items() if key != name}
        right = right_call(solution, replace(c, options=rest))
        if given and right and _agree(given, right) and not _agree(right, c):
            when = f"{name} left out, {default!r} by the stub"
            yield key, replace(right, when=when)


def _ones(c: Comparison, solution: LocalStudent, asked: Collection[str]) -> Edges:
    """A whole number that is 1, and each size that is 1."""
    for name, value in {**c.inputs, **c.options}.items():
        key = f"{judged(c)}: {name} = 1"
        if type(value) is int and value != 1 and name != OF_CHANCE and key not in asked:
            right = right_call(solution, with_number(c, name, 1))
            if right and _is_asked(right, solution):
                yield key, replace(right, when=f"{name} = 1")
    at_hand = {**c.inputs, **c.options, "dout": c.dout}
    tensors = {name: value for name, value in at_hand.items() if isinstance(value, Tensor)}
    sizes = {size: name for name in reversed(tensors) for size in tensors[name].shape if size > 1}
    for size, name in sizes.items():
        key = f"{judged(c)}: {name}, axis {tensors[name].shape.index(size)}"
        if key in asked:
            continue
        cut, longer = (_with_entries(c, size, which) for which in ([0], [*range(size), 0]))
        right = right_call(solution, with_fitting_dout(cut, solution))
        # A size that follows from others cannot be one more, and is 1 only by broadcasting.
        free = right_call(solution, with_fitting_dout(longer, solution))
        if right and free and _is_asked(right, solution):
            shapes = [
                f"{of} of shape {tuple(value.shape)}"
                for of, value in {**right.inputs, "dout": right.dout}.items()
                if isinstance(value, Tensor)
            ]
            yield key, replace(right, when=", ".join(shapes))


def _with_entries(c: Comparison, size: int, which: Sequence[int]) -> Comparison:
    """The call with these entries alone of each axis that has this size."""

    def taken(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        for axis in (axis for axis, d in enumerate(value.shape) if d == size):
            value = value.index_select(axis, torch.tensor(which))
        return value.clone()

    inputs, options, dout = tree_map(taken, (dict(c.inputs), dict(c.options), c.dout))
    return replace(c, inputs=inputs, options=options, dout=dout)


def with_fitting_dout(c: Comparison, solution: LocalStudent) -> Comparison:
    """The call with as much of its dout as what the solution's forward returns has room for."""
    if c.dout is None:
        return c
    with contextlib.suppress(Exception):  # the call may be none
        out, _ = lend(cast(Student, solution), c, list(c.inputs.values()), c.options)
        times = -(-out.numel() // c.dout.numel())
        above = c.dout.flatten().repeat(times)[: out.numel()]
        return replace(c, dout=above.reshape(out.shape))
    return c


def _is_asked(c: Comparison, solution: LocalStudent) -> bool:
    """Whether what is expected is finite, the same for another seed, and not empty."""
    values = [v for v in tree_flatten([c.expected, dict(c.also)])[0] if v is not None]
    tensors = [torch.as_tensor(v) for v in values]
    if not all(t.numel() and bool(t.isfinite().all()) for t in tensors):
        return False
    seed = {**c.inputs, **c.options}.get(OF_CHANCE)
    if type(seed) is not int:
        return True
    other = right_call(solution, with_number(c, OF_CHANCE, seed + 1))
    return other is not None and _agree(other, c)


def right_call(solution: LocalStudent, c: Comparison) -> Comparison | None:
    """The comparison with what the solution returns; None where it refuses the numbers.

    A whole number is an int where the check asks for one; that the solution returns one is its own
    way.
    """
    try:
        right = _returned(cast(Student, solution), c)
        return replace(right, expected=_as_asked(right.expected, c.expected))
    except Exception:
        return None


def _as_asked(value: Any, before: Any) -> Any:
    """`value` with a float for each int in whose place `before`, which is expected, has another."""
    if isinstance(value, (list, tuple)) and isinstance(before, (list, tuple)):
        if len(value) != len(before):
            return value
        return type(value)(map(_as_asked, value, before))
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        return {key: _as_asked(item, before.get(key)) for key, item in value.items()}
    if type(value) is int and before is not None and type(before) is not int:
        return float(value)
    return value


def _agree(one: Comparison, other: Comparison) -> bool:
    """Whether the same is expected, to all digits that count, and it is finite."""
    values, others = (tree_flatten([c.expected, dict(c.also)])[0] for c in (one, other))
    return len(values) == len(others) and all(
        bool(torch.as_tensor(a).isfinite().all()) and agree(torch.as_tensor(a), torch.as_tensor(b))
        for a, b in zip(values, others, strict=True)
        if a is not None and b is not None
    )


def _returned(student: Student, c: Comparison) -> Comparison:
    inputs = list(c.inputs.values())
    if c.kind == "forward":
        out, _, *more = forward(student, c.function, *inputs, also=list(c.also), **c.options)
        judged_too = zip(c.also.items(), more, strict=True)
        also = {name: None if before is None else value for (name, before), value in judged_too}
        return replace(c, expected=out, also=also)
    if c.kind == "gradients":
        out, cache = lend(student, c, inputs, c.options)
        if c.dout is None or out.shape != c.dout.shape:
            raise ValueError("dout is not of the shape of what the forward returns")
        gradients = call(student, judged(c), c.dout, cache)
        unpacked = unpack_gradients(gradients, c.function, c.wrt, c.expected)
        return replace(c, expected=dict(zip(c.wrt, unpacked, strict=True)), out=out)
    return replace(c, expected=call(student, c.function, *inputs, **c.options))


def asks_back(c: Comparison) -> bool:
    """Whether it hands over a function, which is no data."""
    return any(map(callable, tree_flatten([*c.inputs.values(), *c.options.values()])[0]))
