"""How a check says that a submission is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradus.checks.record import current
from gradus.errors import clip, one_line

if TYPE_CHECKING:
    from torch import Tensor

MAX_SUMMARY, MAX_DETAIL = 500, 3000  # characters: it may quote what was returned, of any size
MEND_FIRST = "mend that first."
MIXED_DTYPES = (
    "Give new tensors the dtype of the inputs (x.new_zeros, dtype=x.dtype): mixed ones do not "
    "compute with each other."
)

# What torch and Python say of common slips, and what to do about it.
_HINTS = (
    (
        "same dtype|dtypes match|expected scalar type|did not match",
        "Two dtypes meet: make new tensors with dtype=x.dtype, convert integers with .to(x.dtype).",
    ),
    (
        "Boolean value of Tensor",
        "if, and, or, not decide about one number: for each element use a mask or torch.where.",
    ),
    (
        "expanded size of the tensor \\(0\\)",
        "Nothing is left of a slice: x[p:-p] is empty when p is 0.",
    ),
    (
        "multiply sequence|operand type.*'(list|tuple|dict)'",
        "A list, tuple or dict does not compute like a tensor: go through its tensors one by one.",
    ),
    ("to str$", "A dict's items are its keys: take a value out of it, as in state['v']."),
    (
        "converted to Python scalars|converted to Scalar",
        "Python's math takes one number: for each element of a tensor use torch's functions.",
    ),
    ("linalg_lstsq", "lstsq returns more than the answer, which is its .solution."),
    ("return_types", "max or min along an axis is (values, indices): amax is the values."),
    (
        "must match the size of tensor",
        "Shapes are matched from the last axis on: look at both just before that line.",
    ),
    ("could not infer output dtype", "A mean needs floats: convert it first, with .double()."),
    ("name '.*' is not defined", "Is it written, under exactly this name, or imported?"),
    ("NoneType", "Something is None here: what a function returns, or a part of its cache?"),
    (
        "must be Tensor, not (int|float)",
        "torch's functions take tensors: for a plain number use Python's math.",
    ),
)


@dataclass(frozen=True)
class Leaf:
    """One output beside the trusted one, and what a diagnosis may know.

    sizes: numbers by the name that the student should read ("batch size": 4).
    tensors: tensors at hand (inputs, factors) by name.
    outputs: the trusted values of all outputs, by path.
    call: which call returned it, where that is short enough: "of f(t=3, lr=0.1)", "with lr=0.1".
    numbers: all numbers that the call was given, by name.
    """

    path: str
    mine: Tensor
    right: Tensor
    sizes: Mapping[str, float] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    call: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


class CheckFailed(AssertionError):
    """A check's verdict: what is wrong in one line, then why, then the evidence.

    `credit` in [0, 1] is the share of the check's points that is still earned; `values` are the
    numbers that came instead, by which mistakes are told apart.
    """

    def __init__(
        self,
        summary: str,
        *details: str,
        diagnosis: str | None = None,
        credit: float = 0.0,
        values: Tensor | None = None,
    ) -> None:
        self.values = values
        self.summary = clip(summary, MAX_SUMMARY)
        self.details = tuple(clip(detail, MAX_DETAIL) for detail in details if detail)
        self.diagnosis = diagnosis
        self.credit = credit
        super().__init__("\n".join((self.summary, *self.details)))


class WrongValue(CheckFailed):
    """A value that differs from the trusted one; why is looked for when the check is over."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        super().__init__(f"{leaf.path} is wrong")


def require(condition: bool, summary: str, *details: str, diagnosis: str | None = None) -> None:
    """Raise CheckFailed unless `condition` holds: the check of a property."""
    current().properties = True
    if not condition:
        raise CheckFailed(summary, *details, diagnosis=diagnosis)


SHORT = "although the inputs are float64"  # said of what passes at a lower precision


def kind(value: Any, *, whole: bool = False) -> str:
    """A value's type as a student would name it: "a tensor of shape (4, 3)", "a float". `whole`: it
    is all that was returned."""
    if value is None:
        return "None (is a return missing?)" if whole else "None"
    if hasattr(value, "shape"):
        return f"a tensor of shape {tuple(value.shape)}"
    name = one_line(getattr(value, "type_name", type(value).__name__), 100)
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def hint(error: str) -> str:
    """What to do about an error that a submission raised, or "" where nothing is known of it."""
    return next((text for pattern, text in _HINTS if re.search(pattern, error)), "")
