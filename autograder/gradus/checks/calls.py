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
    more = "" if value is None else "cache is what the backward needs, any object, or None."
    return unpack(f"{name}_forward", value, "out", "cache", *also, more=more)


def unpack(function: str, value: Any, *names: str, more: str = "") -> tuple[Any, ...]:
    """The values that `function` has returned: as many as there are names.

    Raises CheckFailed with diagnosis `structure`, and `more` after what is wrong, if it is not.
    """
    several = isinstance(value, (tuple, list))
    if several and len(value) == len(names):
        return tuple(value)
    got = f"{len(value)} values" if several else kind(value, whole=True)
    text = f"{function} must return ({', '.join(names)}), got {got}"
    raise CheckFailed(text, more, diagnosis="structure")
