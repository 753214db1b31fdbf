"""Checks of a forward and of a backward function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gradus.checks.calls import call, forward, unpack_forward
from gradus.checks.compare import NO_CLUES, Leaf, check_leaves, pair_leaves
from gradus.checks.diagnose import Clues, diagnose
from gradus.checks.failure import MEND_FIRST, CheckFailed, kind
from gradus.checks.record import current
from gradus.checks.rng import Rng
from gradus.checks.tolerance import agree

if TYPE_CHECKING:
    from gradus.student import Student

STEP = 1e-5  # of the central differences, in float64
NOTHING: Mapping[str, Any] = {}
ELEMENTS = 40  # of each input that finite differences look at, at most


def check_forward(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    expected: Any,
    *,
    options: Mapping[str, Any] | None = None,
    also: Mapping[str, Any] = NOTHING,
    clues: Clues | Mapping[str, Clues] = NO_CLUES,
) -> None:
    """`{name}_forward(*inputs, **options)` returns `(out, cache)` with `out` as expected.

    `also` holds what it returns after the cache, by name. `clues` are for all values, or by path
    ("out", "running[0]"); the inputs and the batch size (the first input's first dimension) are
    added to them.
    """
    out, _, *more = forward(student, name, *inputs.values(), also=list(also), **(options or {}))
    leaves = pair_leaves(out, expected, "out")
    for value, (path, right) in zip(more, also.items(), strict=True):
        leaves += pair_leaves(value, right, path)
    of_leaf = {
        path: (clues if isinstance(clues, Clues) else clues.get(path, NO_CLUES))
        for path, *_ in leaves
    }
    check_leaves(leaves, {path: known.with_tensors(inputs) for path, known in of_leaf.items()})


def check_gradients(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    reference: Callable[..., Any],
    *,
    wrt: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    also: Sequence[str] = (),
    dout: Tensor | None = None,
    clues: Mapping[str, Clues] | Clues = NO_CLUES,
    forward_clues: Clues = NO_CLUES,
) -> None:
    """`{name}_backward(dout, cache)` returns the gradients of `wrt` (default: all inputs).

    The trusted gradient is autograd's through `reference(*inputs, **options)`, for a random
    upstream gradient `dout` of the output's shape (or the one given). A backward that disagrees
    is compared with finite differences of the student's own forward: when it is right for a
    forward that is off by a mistake that we can name, it keeps its points, for the forward's own
    check takes them. `clues` are for all gradients, or by input ("w", "params[0][1]"); the
    inputs and dout are added to them. Inputs may be lists, tuples and dicts of tensors. `also`
    names what the forward returns after the cache; `reference` may return that too.
    """
    options = dict(options or {})
    names = list(inputs if wrt is None else wrt)
    trusted_out, dout, trusted = _trusted(reference, inputs, names, options, dout)
    # The forward's own check judges the forward: here it only has to lend a cache.
    lent = getattr(student, f"{name}_forward")(*inputs.values(), **options)
    out, cache, *_ = unpack_forward(name, lent, also)
    gradients = call(student, f"{name}_backward", dout, cache)
    leaves: list[Leaf] = []
    of_leaf: dict[str, Clues] = {}
    for n, gradient in zip(names, _unpack(gradients, name, names, trusted), strict=True):
        for leaf in pair_leaves(gradient, trusted[n], f"gradient of {n}"):
            path = leaf[0].removeprefix("gradient of ")
            known = clues if isinstance(clues, Clues) else clues.get(path, NO_CLUES)
            of_leaf[leaf[0]] = known.with_tensors({**inputs, "dout": dout})
            leaves.append(leaf)
    try:
        check_leaves(leaves, of_leaf)
    except CheckFailed as failure:
        consistent = _right_for_own_forward(
            student, name, inputs, names, options, also, dout, leaves
        )
        why = _why_forward_is_off(out, trusted_out, forward_clues.with_tensors(inputs))
        if consistent and why is not None:
            remark = f"{name}_backward is right for your {name}_forward, which is off: {why}"
            current().remark(remark)
            return
        if consistent:
            hint = f"It is right for your own {name}_forward, which is off: {MEND_FIRST}"
        elif why is not None and failure.diagnosis is None:
            hint = f"Your {name}_forward, which makes the cache, is off as well: {MEND_FIRST}"
        else:
            raise
        raise CheckFailed(
            failure.summary, *failure.details, hint, diagnosis=failure.diagnosis
        ) from None


def variables(tree: Any) -> Any:
    """`tree` with copies of its floating-point tensors that record gradients."""

    def variable(x: Any) -> Any:
        differentiable = isinstance(x, Tensor) and x.is_floating_point()
        return x.detach().clone().requires_grad_() if differentiable else x

    return tree_map(variable, tree)


def _trusted(
    reference: Callable[..., Any],
    inputs: Mapping[str, Any],
    names: Sequence[str],
    options: Mapping[str, Any],
    dout: Tensor | None,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The trusted output, the upstream gradient, and the gradients by input name."""
    own = {n: variables(x) if n in names else x for n, x in inputs.items()}
    with torch.enable_grad():
        out = reference(*own.values(), **options)
    out = out[0] if isinstance(out, tuple) else out
    if dout is None:
        dout = Rng(current().seed).normal(*out.shape).to(out.dtype)
    leaves, spec = tree_flatten([own[n] for n in names])
    # Of a scalar: with grad_outputs, torch's first call imports sympy, which takes 0.3 s.
    scalar = (out * dout.to(out.dtype)).sum()
    gradients = torch.autograd.grad(scalar, leaves, allow_unused=True, materialize_grads=True)
    by_name = dict(zip(names, tree_unflatten(list(gradients), spec), strict=True))
    return out.detach(), dout, by_name


def _unpack(
    gradients: Any, name: str, names: Sequence[str], trusted: Mapping[str, Any]
) -> Sequence[Any]:
    """The returned gradients in the order of `names`; a single one may come without a tuple."""
    if len(names) == 1:
        nested = isinstance(trusted[names[0]], (list, tuple, dict))
        wrapped = isinstance(gradients, (tuple, list)) and len(gradients) == 1
        if nested or not wrapped:
            return (gradients,)
    if not isinstance(gradients, (tuple, list)) or len(gradients) != len(names):
        many = isinstance(gradients, (tuple, list))
        got = f"{len(gradients)} values" if many else kind(gradients)
        listed = ", ".join(f"d{n}" for n in names)
        raise CheckFailed(
            f"{name}_backward must return ({listed}), got {got}", diagnosis="structure"
        )
    return gradients


def _right_for_own_forward(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    names: Sequence[str],
    options: Mapping[str, Any],
    also: Sequence[str],
    dout: Tensor,
    leaves: Sequence[Leaf],
) -> bool:
    """Do the gradients agree with central differences of the student's own forward?"""
    variables, spec = tree_flatten(dict(inputs))
    differentiable = {id(x) for n in names for x in tree_flatten(inputs[n])[0]}
    chosen = [i for i, x in enumerate(variables) if id(x) in differentiable]
    depends = False
    for i, (_, gradient, _) in zip(chosen, leaves, strict=True):
        x = variables[i]
        if not isinstance(gradient, Tensor) or gradient.shape != x.shape:
            return False
        generator = torch.Generator().manual_seed(0)
        picked = torch.randperm(x.numel(), generator=generator)[:ELEMENTS]
        numeric = torch.empty(len(picked), dtype=torch.float64)
        for k, element in enumerate(picked):
            ends = []
            for step in (STEP, -STEP):
                moved = x.clone()
                moved.view(-1)[element] += step
                values = tree_unflatten([*variables[:i], moved, *variables[i + 1 :]], spec)
                lent = getattr(student, f"{name}_forward")(*values.values(), **options)
                out, *_ = unpack_forward(name, lent, also)
                if not isinstance(out, Tensor) or out.shape != dout.shape:
                    return False
                ends.append((out.double() * dout.double()).sum())
            numeric[k] = (ends[0] - ends[1]) / (2 * STEP)
        depends = depends or bool((numeric != 0).any())
        gap = (gradient.flatten()[picked].double() - numeric).abs()
        allowed = 1e-5 * numeric.abs() + 1e-6 * numeric.abs().max() + 1e-9
        if not bool((gap <= allowed).all()):  # NaN is no agreement
            return False
    return depends


def _why_forward_is_off(out: Any, trusted: Tensor, clues: Clues) -> str | None:
    if not isinstance(out, Tensor) or agree(out, trusted):
        return None
    found = diagnose(out, trusted, clues)
    return found.summary if found else None
