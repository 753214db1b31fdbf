"""Checks of one step of an optimiser: `{name}_update(params, grads, state, ...)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradus.checks.calls import call
from gradus.checks.compare import check_values, pair_leaves
from gradus.checks.diagnose import Clues, Wrong
from gradus.checks.failure import CheckFailed, kind, require

if TYPE_CHECKING:
    from gradus.student import Student

Update = tuple[Sequence[Tensor], Any]  # the parameters after it and the state after it


@dataclass(frozen=True)
class WrongUpdate:
    """A mistake that the check knows: what to say of it, and the result that it would produce."""

    id: str
    explanation: str
    result: Update


def check_update(
    student: Student,
    function: str,
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    state: Any,
    expected: Update,
    *,
    options: Mapping[str, Any] | None = None,
    wrong: Callable[[], Iterable[WrongUpdate]] = tuple,
) -> tuple[list[Tensor], Any]:
    """`{function}(params, grads, state, **options)` returns `expected`, a pair (params, state).

    The state is compared first: where it is wrong, so is the step, and the state says more. Wrong
    parameters are explained by the steps, after − before, of which a diagnosis sees the factor.
    `wrong` is called when something is wrong. Returns the student's (params, state).
    """
    options = dict(options or {})
    result = call(student, function, params, grads, state, **options)
    is_list = isinstance(result, (tuple, list))
    got = f"{kind(result)} of {len(result)}" if is_list else kind(result)
    if is_list and any(isinstance(x, Tensor) for x in result):
        got += ", the new params without the state?"
    require(
        is_list and len(result) == 2 and not isinstance(result[0], Tensor),
        f"{function} must return (params, state), got {got}",
        diagnosis="structure",
    )
    after, new_state = result
    try:
        check_values(new_state, expected[1], "state")
        check_values(after, expected[0], "params")
    except CheckFailed:
        require(
            not _are(expected, (new_state, after)),
            f"{function} returns (state, params): (params, state) is asked for",
            diagnosis="swapped",
        )
        known = list(wrong())
        clues = _clues(expected[1], "state", known, [w.result[1] for w in known])
        check_values(new_state, expected[1], "state", clues=clues)
        if _have_shapes_of(params, after):
            right = steps(params, expected[0])
            known += _steps_for_params(right, expected[1])
            moves = [steps(params, w.result[0]) for w in known]
            sizes = {"learning rate": options["lr"]} if "lr" in options else {}
            clues = _clues(right, "step of params", known, moves, sizes)
            check_values(steps(params, after), right, "step of params", clues=clues)
        raise
    return list(after), new_state


def steps(before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    """How far each parameter moved, in the precision of `after`."""
    pairs = zip(before, after, strict=True)
    return [(q.double() - p.double()).to(q.dtype) for p, q in pairs]


def _are(expected: Update, values: tuple[Any, Any]) -> bool:
    try:
        check_values(values, expected)
    except CheckFailed:
        return False
    return True


def _steps_for_params(right: Sequence[Tensor], state: Any) -> list[WrongUpdate]:
    text = "the step is returned: the parameter after the step is asked for"
    both = ([sign * x for x in right] for sign in (1, -1))
    return [WrongUpdate("step for params", text, (values, state)) for values in both]


def _have_shapes_of(params: Sequence[Tensor], after: Any) -> bool:
    if not isinstance(after, (list, tuple)) or len(after) != len(params):
        return False
    pairs = zip(params, after, strict=True)
    return all(isinstance(q, Tensor) and q.shape == p.shape for p, q in pairs)


def _clues(
    expected: Any,
    name: str,
    known: Sequence[WrongUpdate],
    values: Sequence[Any],
    sizes: Mapping[str, float] | None = None,
) -> dict[str, Clues]:
    """Clues for each leaf of `expected`; `values` are structures like it, one for each mistake."""
    leaves = [pair_leaves(value, expected, name) for value in values]
    return {
        path: Clues(
            sizes=sizes or {},
            wrong=tuple(
                Wrong(w.id, w.explanation, torch.as_tensor(of_wrong[at][1]))
                for w, of_wrong in zip(known, leaves, strict=True)
            ),
        )
        for at, (path, _, _) in enumerate(pair_leaves(expected, expected, name))
    }
