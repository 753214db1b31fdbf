"""Checks of one step of an optimiser: `{name}_update(params, grads, state, ...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradus.checks.calls import call
from gradus.checks.compare import check_values, pair_leaves
from gradus.checks.diagnose import Clues, Wrong
from gradus.checks.failure import CheckFailed, kind, require

if TYPE_CHECKING:
    from gradus.submission.student import Student

Update = tuple[Sequence[Tensor], Any]  # the parameters after it and the state after it


@dataclass(frozen=True)
class WrongUpdate:
    """A mistake that the check knows: the (params, state) that it would produce, and its text.

    `result` is called when something is wrong; one that raises makes no claim.
    """

    id: str
    explanation: str
    result: Callable[[], Update]


def check_update(
    student: Student,
    function: str,
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    state: Any,
    expected: Update,
    *,
    options: Mapping[str, Any] | None = None,
    wrong: Sequence[WrongUpdate] = (),
) -> tuple[list[Tensor], Any]:
    """`{function}(params, grads, state, **options)` returns `expected`, a pair (params, state).

    The state is compared first: where it is wrong, so is the step, and the state says more. Wrong
    parameters are explained by the steps, after − before, of which a diagnosis sees the factor.
    Returns the student's (params, state), for the next call.
    """
    options = dict(options or {})
    result = call(student, function, params, grads, state, **options)
    require(
        isinstance(result, (tuple, list)) and len(result) == 2,
        f"{function} must return (params, state), got {kind(result)}",
        diagnosis="structure",
    )
    after, new_state = result
    of_wrong = [(w, cache(w.result)) for w in wrong]
    states = [(w, partial(_item, result, 1)) for w, result in of_wrong]
    check_values(new_state, expected[1], "state", clues=_clues(expected[1], "state", states))
    try:
        check_values(after, expected[0], "params")
    except CheckFailed:
        if _have_shapes_of(params, after):
            right = steps(params, expected[0])
            moved = [(w, partial(_steps_of, params, result)) for w, result in of_wrong]
            sizes = {"learning rate": options["lr"]} if "lr" in options else {}
            clues = _clues(right, "step of params", moved, sizes)
            check_values(steps(params, after), right, "step of params", clues=clues)
        raise
    return list(after), new_state


def steps(before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    """How far each parameter moved, in the precision of `after`."""
    pairs = zip(before, after, strict=True)
    return [(q.double() - p.double()).to(q.dtype) for p, q in pairs]


def _item(result: Callable[[], Update], at: int) -> Any:
    return result()[at]


def _steps_of(before: Sequence[Tensor], result: Callable[[], Update]) -> list[Tensor]:
    return steps(before, result()[0])


def _have_shapes_of(params: Sequence[Tensor], after: Any) -> bool:
    if not isinstance(after, (list, tuple)) or len(after) != len(params):
        return False
    pairs = zip(params, after, strict=True)
    return all(isinstance(q, Tensor) and q.shape == p.shape for p, q in pairs)


def _clues(
    expected: Any,
    name: str,
    wrong: Sequence[tuple[WrongUpdate, Callable[[], Any]]],
    sizes: Mapping[str, float] | None = None,
) -> dict[str, Clues]:
    """Clues for each leaf of `expected`, from mistakes whose values are structures like it."""

    def leaf(value: Callable[[], Any], at: int) -> Tensor:
        return torch.as_tensor(pair_leaves(value(), expected, name)[at][1])

    return {
        path: Clues(
            sizes=sizes or {},
            wrong=tuple(Wrong(w.id, w.explanation, partial(leaf, v, at)) for w, v in wrong),
        )
        for at, (path, _, _) in enumerate(pair_leaves(expected, expected, name))
    }
