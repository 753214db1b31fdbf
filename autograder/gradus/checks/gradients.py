"""Trusted gradients, and those of a student's own forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gradus.checks.calls import unpack, unpack_forward
from gradus.checks.record import current
from gradus.checks.rng import Rng

if TYPE_CHECKING:
    from gradus.student import Student

STEP = 1e-5  # of the central differences, in float64
ELEMENTS = 120  # that finite differences look at, of all inputs together: each is two calls


def variables(tree: Any) -> Any:
    """`tree` with copies of its floating-point tensors that record gradients."""

    def variable(x: Any) -> Any:
        differentiable = isinstance(x, Tensor) and x.is_floating_point()
        return x.detach().clone().requires_grad_() if differentiable else x

    return tree_map(variable, tree)


def trusted_gradients(
    reference: Callable[..., Any],
    inputs: Mapping[str, Any],
    names: Sequence[str],
    options: Mapping[str, Any],
    dout: Tensor | None,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The trusted output, the upstream gradient (drawn where there is none), and the trusted
    gradients by the inputs' names."""
    own = {n: variables(x) if n in names else x for n, x in inputs.items()}
    with torch.enable_grad():
        out = reference(*own.values(), **options)
    out = out[0] if isinstance(out, tuple) else out
    if dout is None:
        dout = Rng(current().seed + 1).normal(*out.shape).to(out.dtype)
    leaves, spec = tree_flatten([own[n] for n in names])
    # Of a scalar: with grad_outputs, torch's first call imports sympy, which takes 0.3 s.
    scalar = (out * dout.to(out.dtype)).sum()
    gradients = torch.autograd.grad(scalar, leaves, allow_unused=True, materialize_grads=True)
    by_name = dict(zip(names, tree_unflatten(list(gradients), spec), strict=True))
    return out.detach(), dout, by_name


def unpack_gradients(
    gradients: Any, name: str, names: Sequence[str], trusted: Mapping[str, Any]
) -> Sequence[Any]:
    """The returned gradients in the order of `names`; a single one may come without a tuple."""
    if len(names) == 1:
        nested = isinstance(trusted[names[0]], (list, tuple, dict))
        wrapped = isinstance(gradients, (tuple, list)) and len(gradients) == 1
        if nested or not wrapped:
            return (gradients,)
    return unpack(f"{name}_backward", gradients, *(f"d{n}" for n in names))


def right_for_own_forward(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    names: Sequence[str],
    options: Mapping[str, Any],
    also: Sequence[str],
    dout: Tensor,
    gradients: Sequence[Any],
) -> bool:
    """Do the gradients, leaf by leaf, agree with differences of the student's own forward?"""
    variables, spec = tree_flatten(dict(inputs))
    differentiable = {id(x) for n in names for x in tree_flatten(inputs[n])[0]}
    chosen = [i for i, x in enumerate(variables) if id(x) in differentiable]
    each = max(4, min(40, ELEMENTS // max(1, len(chosen))))
    depends = False
    for i, gradient in zip(chosen, gradients, strict=True):
        x = variables[i]
        if not isinstance(gradient, Tensor) or gradient.shape != x.shape:
            return False
        generator = torch.Generator().manual_seed(0)
        picked = torch.randperm(x.numel(), generator=generator)[:each]
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
