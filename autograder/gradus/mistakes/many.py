"""Of each backward a call with so many numbers that differences of its forward do not end.

What a check gives is repeated along one axis, that of the rows where they do not matter to each
other. Of what the solution returns for it only a sketch is kept.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks import record
from gradus.checks.comparison import Comparison
from gradus.checks.conventions import leaves_of
from gradus.checks.judging import judged, lend
from gradus.checks.local import LocalStudent
from gradus.checks.many import are_nearly_right, repeated, sketch
from gradus.checks.rng import derive_seed
from gradus.checks.tolerance import agree
from gradus.mistakes.edges import SECONDS, alternatives_of, asks_back, right_call
from gradus.mistakes.reference import Reference
from gradus.mistakes.runs import Run
from gradus.student import Student

DIFFERENCES = 12.0  # seconds, by a rough count, that they should take
FEWEST = 4.5  # that they take at least; else there is no such call
LONGEST = 6.0  # that formulas and loops may take, and two thirds of what differences take
ROWS = 8192  # at most: a matrix of rows by rows still fits into the memory of a submission


def many_calls(runs: Sequence[Run], reference: Reference) -> dict[str, list[Comparison]]:
    """One call of each check of a backward that has one, by the check's name."""
    record.start(0)  # whatever the solution does here is no part of a check
    solution = LocalStudent(reference.namespace({}), seconds=SECONDS)
    others = alternatives_of(runs, reference)
    found = {}
    for run in runs:
        comparisons = [
            c
            for c in run.on_reference.comparisons
            if c.kind == "gradients" and judged(c) == run.function and not asks_back(c)
        ]
        seed = derive_seed(run.salt, run.sources.topic.id, run.name)
        calls = (
            call
            for call in _calls(comparisons, solution, seed)
            if all(_can(other, call, seed) for other in others)
        )
        found[run.name] = list(itertools.islice(calls, 1))
    return {name: calls for name, calls in found.items() if calls}


def _calls(
    comparisons: Sequence[Comparison], solution: LocalStudent, seed: int
) -> Iterator[Comparison]:
    """The best first: many rows that are independent; then along another axis."""
    for c in comparisons:
        rows = next(iter(_sizes(c)), 1)
        if rows > 1 and _is_independent(c, rows, solution):
            yield from _call(c, rows, solution, ROWS, seed)
    fewest = sorted(comparisons, key=_numbers)  # rows, so that loops over them end
    for independent in (True, False):
        for c in fewest:
            for size in _sizes(c):
                if size > 1 and independent == _is_independent(c, size, solution):
                    yield from _call(c, size, solution, 2 * ROWS, seed)


def _call(
    c: Comparison, size: int, solution: LocalStudent, rows: int, seed: int
) -> Iterator[Comparison]:
    """The call, with as many rows as it takes to make differences slow, if so many are allowed."""
    growing = [x for x in _tensors(c.expected) if size in x.shape]
    numbers = sum(x.numel() for x in growing)
    if all(x.ndim == 1 for x in growing) or _each_by_itself(c, solution):
        rows = 32 * ROWS  # nobody makes a matrix of them
    times, seconds, call = 1, 0.0, None
    with contextlib.suppress(Exception):  # numbers that the solution refuses
        while numbers and seconds < DIFFERENCES and size * 2 * times <= rows:
            times *= 2
            many = repeated(replace(c, repeat=(size, times)), seed)
            seconds = times * numbers * _seconds(many, solution)
        if seconds < FEWEST:
            return
        many = replace(many, seconds=min(LONGEST, seconds / 1.5))
        own = cast(Student, solution)
        out, _ = lend(own, many, list(many.inputs.values()), many.options)
        values = [*(leaf.mine for leaf in leaves_of(own, many)), out]
        sketches = [sketch(value, seed) for value in values]
        if all(map(math.isfinite, itertools.chain(*sketches))):
            when = f"{size * times} in place of {size}"
            about: dict[str, Any] = dict(sketches=sketches, when=when, seconds=many.seconds)
            call = replace(c, out=None, repeat=(size, times), **about)
    if call is not None:
        yield call


def _seconds(c: Comparison, solution: LocalStudent) -> float:
    """Of one forward, and what it takes to change a number and to look at the output: counted, and
    not measured, so that the same is recorded everywhere."""
    inputs, options = tree_map(_copy, (dict(c.inputs), dict(c.options)))
    with _Work() as work:
        solution.names[f"{c.function}_forward"](*inputs.values(), **options)
    return float(25e-6 + 3e-6 * work.operators + 1e-9 * work.numbers)


class _Work(TorchDispatchMode):
    """Counts the operators that are called, and the numbers that they read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators: int = 0
        self.numbers: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        self.operators += 1
        self.numbers += sum(x.numel() for x in _tensors([args, value]))
        return value


def _each_by_itself(c: Comparison, solution: LocalStudent) -> bool:
    """Whether each number of the output depends on one number of an input."""
    leaves = _tensors(c.expected)
    alike = all(c.dout is not None and x.shape == c.dout.shape for x in leaves)
    return alike and all(_is_independent(c, d, solution) for x in leaves for d in x.shape)


def _is_independent(c: Comparison, size: int, solution: LocalStudent) -> bool:
    """Whether a row's gradients stay what they are beside other rows, along axes of this size."""
    others = {d for x in _tensors([dict(c.inputs), c.dout]) for d in x.shape}
    times = next(n for n in (2, 3, 5, 7, 11) if n * size not in others)

    def changed(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        for axis, d in enumerate(x.shape):
            if d == times * size:
                shape = [d if n == axis else 1 for n in range(x.ndim)]
                x = x + (torch.arange(d) >= size).reshape(shape) / 2
        return x

    many = repeated(replace(c, repeat=(size, times)), 0)
    inputs, dout = tree_map(changed, (dict(many.inputs), many.dout))
    one = right_call(solution, many)
    two = right_call(solution, replace(many, inputs=inputs, dout=dout))
    if one is None or two is None:
        return False
    first, second = (
        [_part(x, size, size * times) for x in _tensors(c.expected) if size * times in x.shape]
        for c in (one, two)
    )
    return bool(first) and _agree(first, second)


def _part(x: Any, size: int, of: int) -> Any:
    """The first rows of a tensor, so many, along the axes that have `of` of them."""
    if not isinstance(x, Tensor):
        return x
    return x[tuple(slice(size) if d == of else slice(None) for d in x.shape)].clone()


def _copy(x: Any) -> Any:
    return x.clone() if isinstance(x, Tensor) else x


def _can(other: LocalStudent, c: Comparison, seed: int) -> bool:
    """Whether an answer that is right in another way makes the call in a quarter of the time."""
    try:
        with other.apart(c.seconds / 4), contextlib.redirect_stdout(io.StringIO()):
            return are_nearly_right(leaves_of(cast(Student, other), repeated(c, seed)), c, seed)
    except Exception:
        return False


def _agree(some: Any, others: Any) -> bool:
    pairs = zip(_tensors(some), _tensors(others), strict=True)
    return all(bool(b.isfinite().all()) and agree(a, b) for a, b in pairs)


def _sizes(c: Comparison) -> list[int]:
    """The lengths of the inputs' axes, each once."""
    return list(dict.fromkeys(d for x in _tensors(dict(c.inputs)) for d in x.shape))


def _numbers(c: Comparison) -> int:
    return sum(x.numel() for x in _tensors(dict(c.inputs)))


def _tensors(values: Any) -> list[Tensor]:
    return [x for x in tree_flatten(values)[0] if isinstance(x, Tensor)]
