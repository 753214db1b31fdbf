"""How a check says that a submission is wrong."""

from __future__ import annotations

import re
from typing import Any

# What torch and Python say of common slips, and what to do about it.
_HINTS = (
    (
        "same dtype|dtypes match|expected scalar type|did not match",
        "Floats, doubles and integers do not mix here: make new tensors with dtype=x.dtype, and "
        "convert integers with .to(x.dtype).",
    ),
    (
        "Boolean value of Tensor",
        "if, and, or, not decide about one number: for each element use a mask or torch.where.",
    ),
    ("NoneType", "Something is None here: does a function end without return?"),
    (
        "must be Tensor, not (int|float)",
        "torch's functions take tensors: for a plain number use Python's math.",
    ),
)


class CheckFailed(AssertionError):
    """A check's verdict: what is wrong in one line, then why, then the evidence.

    `credit` in [0, 1] is the share of the check's points that is still earned.
    """

    def __init__(
        self, summary: str, *details: str, diagnosis: str | None = None, credit: float = 0.0
    ) -> None:
        self.summary = summary
        self.details = tuple(d for d in details if d)
        self.diagnosis = diagnosis
        self.credit = credit
        super().__init__("\n".join((summary, *self.details)))


def require(condition: bool, summary: str, *details: str, diagnosis: str | None = None) -> None:
    """Raise CheckFailed unless `condition` holds: the check of a property."""
    if not condition:
        raise CheckFailed(summary, *details, diagnosis=diagnosis)


def kind(value: Any) -> str:
    """A value's type as a student would name it: "a tensor of shape (4, 3)", "None", "a float"."""
    if value is None:
        return "None"
    if hasattr(value, "shape"):
        return f"a tensor of shape {tuple(value.shape)}"
    name = getattr(value, "type_name", type(value).__name__)
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def hint(error: str) -> str:
    """What to do about an error that a submission raised, or "" where nothing is known of it."""
    return next((text for pattern, text in _HINTS if re.search(pattern, error)), "")
