"""Calling a function of the submission and holding it to the course's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradus.checks.failure import CheckFailed, kind
from gradus.checks.record import current

if TYPE_CHECKING:
    from gradus.student import Student


def call(student: Student, function: str, *args: Any, **kwargs: Any) -> Any:
    """Call `function` in the submission's process and return its value.

    Raises CheckFailed with diagnosis `inplace:ARGUMENT` when the function changed an input.
    """
    value = getattr(student, function)(*args, **kwargs)
    for note in student.last_notes:
        current().remark(note)
    if student.last_changed:
        name = student.last_changed[0]
        raise CheckFailed(
            f"{function} changes its input {name} in place",
            "The caller still needs it: write a new tensor (x = x - m, not x -= m)"
            f"{', into a new list or dict.' if '[' in name else '.'}",
            diagnosis=f"inplace:{name}",
        )
    return value


def forward(
    student: Student, name: str, *args: Any, also: Sequence[str] = (), **kwargs: Any
) -> tuple[Any, ...]:
    """Call `{name}_forward` and unpack its `(out, cache, *also)`."""
    return unpack_forward(name, call(student, f"{name}_forward", *args, **kwargs), also)


def unpack_forward(name: str, value: Any, also: Sequence[str] = ()) -> tuple[Any, ...]:
    """`value` as `(out, cache)`, and what else is returned after them by the names in `also`.

    Raises CheckFailed with diagnosis `structure` if it is not.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2 + len(also):
        got = f"{len(value)} values" if isinstance(value, (tuple, list)) else kind(value)
        raise CheckFailed(
            f"{name}_forward must return ({', '.join(('out', 'cache', *also))}), got {got}",
            "" if value is None else "cache is what the backward needs, any object, or None.",
            diagnosis="structure",
        )
    return tuple(value)
