"""Right functions that stand in for a submission's own where those are missing or wrong.

A mistake costs its points once: when `linear_backward` has failed its own check, the checks of
functions that call it are run with a right one in its place. Stand-ins run in the judge; the
submission reaches them by calls over the wire, so it never sees how they are written.

A test file offers them as `STAND_INS`, a dict from function name to function.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from gradus.checks.failure import SHORT
from gradus.checks.gradients import variables
from gradus.checks.record import current
from gradus.results import CheckResult

# Kept at a time, so that a training loop does not fill the judge's memory.
GRAPHS, GRAPH_BYTES = 256, 1 << 28
tickets = itertools.count()


def forward_backward(
    name: str, reference: Callable[..., Any], wrt: Sequence[int] | None = None
) -> dict[str, Callable[..., Any]]:
    """`{name}_forward` and `{name}_backward` from a differentiable `reference(*inputs, **options)`.

    Where the reference returns a tuple `(out, *more)`, the forward returns `(out, cache, *more)`,
    and the gradients are those of `out`. The backward returns the gradients of the inputs at the
    positions `wrt` (default: all), a single one without a tuple.
    """

    def forward(*inputs: Any, **options: Any) -> tuple[Any, ...]:
        own = [variables(x) for x in inputs]
        with torch.enable_grad():
            value = reference(*own, **options)
        out, *more = value if isinstance(value, tuple) else (value,)
        record, ticket = current(), next(tickets)
        chosen = [own[i] for i in wrt] if wrt is not None else own
        size = sum(x.nbytes for x in tree_flatten([own, out])[0] if isinstance(x, Tensor))
        graphs = record.graphs
        graphs[ticket] = chosen, out, size
        record.graph_bytes += size
        while len(graphs) > 1 and (len(graphs) > GRAPHS or record.graph_bytes > GRAPH_BYTES):
            record.graph_bytes -= graphs.pop(next(iter(graphs)))[2]
        return out.detach(), ticket, *more

    def backward(dout: Tensor, cache: int) -> Any:
        if cache not in current().graphs:
            raise ValueError(f"pass on the cache that {name}_forward returned, not one of your own")
        inputs, out, _ = current().graphs[cache]
        leaves, spec = tree_flatten([x for x in inputs if _is_variable(x)])
        # Of a scalar: with grad_outputs, torch's first call imports sympy, which takes seconds.
        with torch.enable_grad():
            scalar = (out * torch.as_tensor(dout).to(out.dtype)).sum()  # a loss's may be 1.0
        gradients = torch.autograd.grad(
            scalar, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        tree = tree_unflatten(list(gradients), spec)
        return tree[0] if len(tree) == 1 else tuple(tree)

    forward.__name__, backward.__name__ = f"{name}_forward", f"{name}_backward"
    return {f"{name}_forward": forward, f"{name}_backward": backward}


def _is_variable(value: Any) -> bool:
    """An option may be passed by its position, too: it has no gradient."""
    return any(isinstance(x, Tensor) and x.requires_grad for x in tree_flatten(value)[0])


StandIns = dict[str, Callable[..., Any]]


def documented(stand_in: Callable[..., Any], parameters: Sequence[str]) -> Callable[..., Any]:
    """A stand-in that takes what the function it stands in for takes, and answers nothing else: a
    check's own function may know more."""

    @functools.wraps(stand_in)
    def called(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(parameters) or not kwargs.keys() <= set(parameters):
            raise TypeError(f"it takes ({', '.join(parameters)})")
        return stand_in(*args, **kwargs)

    return called


def usable(
    stand_ins: StandIns, function: str, uses: Mapping[str, Collection[str]]
) -> Mapping[str, Callable[..., Any]]:
    """Those that a submission may call while `function` is judged: of what it, its forward or its
    backward may be expected to use. Any other would be an oracle, for somebody who fails on
    purpose."""
    if function not in uses:
        return stand_ins
    both = [used for name, used in uses.items() if _stem(name) == _stem(function)]
    expected = {_stem(name) for used in both for name in used}
    return {name: f for name, f in stand_ins.items() if _stem(name) in expected}


def choices(
    stand_ins: Mapping[str, Callable[..., Any]],
    function: str,
    before: Collection[CheckResult],
    untried: Collection[str] = (),
) -> list[StandIns]:
    """The stand-ins to try a check of `function` with, after the checks in `before`; `untried` are
    functions whose checks all come later.

    Those of the functions that are wrong come first, or that pass at float32's precision only,
    which is more than who uses them may lose. Where there are any, two more choices follow:
    functions that pass each other a cache of their own are right together only, as stand-ins or as
    they are. One that no check has tried yet is lent to nobody. A forward and its backward are
    replaced together, for only they know their cache; neither is while one of the two is itself
    being judged.
    """
    wrong = {_stem(c.function) for c in before if c.points < c.max_points or SHORT in c.message}
    kept_back = {_stem(name) for name in (function, *untried)}
    others = {n: stand_in for n, stand_in in stand_ins.items() if _stem(n) not in kept_back}
    needed = {n: stand_in for n, stand_in in others.items() if _stem(n) in wrong}
    if not needed:
        return [{}]
    return [needed, {}] if len(needed) == len(others) else [needed, others, {}]


def _stem(function: str) -> str:
    return function.removesuffix("_forward").removesuffix("_backward")
