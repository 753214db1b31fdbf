"""Training: the trusted loop, and whether a trained model is good enough (the judge counts)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from gradus.checks.failure import CheckFailed, kind
from gradus.checks.record import current


def check_accuracy(
    predictions: Any, labels: Tensor, threshold: float, name: str = "accuracy"
) -> None:
    """The share of `predictions` (N integers) equal to `labels` is at least `threshold` in [0, 1].

    The share is recorded as the check's metric `name`.
    """
    values = torch.as_tensor(predictions) if isinstance(predictions, list) else predictions
    if not isinstance(values, Tensor) or values.shape != labels.shape:
        raise CheckFailed(
            f"predictions must be a tensor of {len(labels)} labels, got {kind(predictions)}",
            diagnosis="structure",
        )
    check_at_least(float((values == labels).double().mean()), threshold, name)


def check_at_least(value: float, threshold: float, name: str) -> None:
    """`value` is at least `threshold`; it is recorded as the check's metric `name`."""
    current().metrics[name] = value
    current().properties = True
    if not value >= threshold:
        raise CheckFailed(
            f"{name} {value:.4g}, needed {threshold:.4g}",
            "The parts may each be right and their use not: look at the order of the steps, at "
            "what is passed on, and at what changes from step to step.",
            diagnosis=f"below threshold:{name}",
        )


def descend(
    loss: Callable[..., Tensor],
    params: Any,
    batches: Iterable[tuple[Any, ...]],
    update: Callable[[Any, Any, Any], tuple[Any, Any]],
    state: Any = None,
) -> tuple[Any, list[float]]:
    """The trusted training loop: `update(params, grads, state)` for each batch, with autograd's
    gradients of `loss(params, *batch)`.

    params: lists, tuples and dicts of tensors. Returns the trained params and the loss before
    each update.
    """
    losses = []
    for batch in batches:
        leaves, spec = tree_flatten(params)
        own = [p.detach().clone().requires_grad_() for p in leaves]
        with torch.enable_grad():
            value = loss(tree_unflatten(own, spec), *batch)
        grads = torch.autograd.grad(value, own, allow_unused=True, materialize_grads=True)
        losses.append(value.item())
        params, state = update(params, tree_unflatten(list(grads), spec), state)
    return params, losses
