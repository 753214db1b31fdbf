"""What holds of every function: dtypes follow the inputs, no call changes what another gets, and a
number that is 0 is one like others."""

from __future__ import annotations

import ast
import contextlib
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks.calls import call
from gradus.checks.evidence import evidence
from gradus.checks.failure import MIXED_DTYPES, CheckFailed, Leaf
from gradus.checks.judging import JUDGES, all_right, judge_backward, judged, lend, note
from gradus.checks.leaves import is_right
from gradus.checks.many import judge_many
from gradus.checks.record import current
from gradus.errors import Raised

NEARLY_0 = 1e-30
ZERO = "0 is a number like others: `x or default` and `if x:` take it for a missing one."
_OF_AXES = re.compile("shape|IndexError|must match|unpack")  # what comes of an axis that is lost
ONE = "An axis of size 1 is one like others: squeeze() and broadcasting take it for none."

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison
    from gradus.student import Student


def call_again(student: Student) -> None:
    """At the end of a check that has passed, note what is wrong with the first call of each
    function in float32, or when it comes again after the others, with those at an edge, and with
    many rows."""
    notes = current()
    notes.inside = True
    for comparison, returned in notes.first.values():
        note(partial(_judge_again, student, comparison, returned))
    for comparison in notes.edges:
        if judged(comparison) not in notes.borrowed:
            note(partial(_judge_edge, student, comparison))
    for comparison in notes.many:
        note(partial(judge_many, student, comparison))


def _judge_again(student: Student, c: Comparison, returned: Any) -> list[Leaf]:
    if judged(c) not in current().told:
        _judge_in_float32(student, c, returned)
    if any(map(callable, tree_flatten(list(c.inputs.values()))[0])):  # which may count its calls
        return []
    if c.kind == "gradients":
        inputs = list(c.inputs.values())
        out, cache = lend(student, c, inputs, c.options)
        # Of a forward that is off, or changes its inputs, the cache may be mended once more.
        if not student.last_changed and f"{c.function}_forward" not in current().lost:
            with contextlib.suppress(CheckFailed, Raised):  # whatever comes of it
                lend(student, c, _halved(inputs), c.options)
        leaves, _ = judge_backward(student, c, cache, out)
    else:
        leaves, _ = JUDGES[c.kind](student, c)
    if not all_right(leaves):
        why = "The same call came again, after others: keep nothing from one call to the next."
        raise differs_from_call_to_call(c, why)
    return []


def differs_from_call_to_call(c: Comparison, why: str) -> CheckFailed:
    """The verdict on a function whose call came again and returned something else."""
    text = f"{judged(c)} returns something else the second time"
    return CheckFailed(text, why, diagnosis="second call")


def with_number(c: Comparison, name: str, value: float) -> Comparison:
    """The call with another value of one of its numbers."""
    if name in c.options:
        return replace(c, options={**c.options, name: value})
    return replace(c, inputs={**c.inputs, name: value})


def is_zero(c: Comparison) -> bool:
    """Whether a call at an edge is one with a number that is 0."""
    return c.when.endswith(" = 0")


def _judge_edge(student: Student, c: Comparison) -> list[Leaf]:
    """Make a call at an edge. Raises CheckFailed with diagnosis `edge` where it alone is wrong: a
    number is 0, and the result right for one that is nearly 0; an option is left out, and the
    result right where it is given; or all the function's checks have passed.
    """
    name, summary = c.when.partition(" ")[0], f"{judged(c)} is wrong for {c.when}"
    if is_zero(c):
        if _is_right(student, c) or not _is_right(student, with_number(c, name, NEARLY_0)):
            return []
        raise CheckFailed(f"{summary}, and right for {name} = {NEARLY_0:g}", ZERO, diagnosis="edge")
    lost = {judged(c), f"{c.function}_forward"} & current().lost
    wrong = "" if lost else _wrong(student, c)
    _, left_out, default = c.when.partition(" left out, ")
    if left_out:
        value = ast.literal_eval(default.removesuffix(" by the stub"))
        wrong = "" if _wrong(student, replace(c, options={**c.options, name: value})) else wrong
    if wrong:
        squeezed = "of shape" in c.when and _OF_AXES.search(wrong)
        raise CheckFailed(summary, wrong, ONE if squeezed else "", diagnosis="edge")
    return []


def _wrong(student: Student, c: Comparison) -> str:
    """What is wrong with what a call returns, "" if nothing is."""
    try:
        leaves = leaves_of(student, c)
    except Raised as raised:
        return f"It raises {raised.message}"
    except CheckFailed as failed:
        return failed.summary
    wrong = next((leaf for leaf in leaves if not is_right(leaf.mine, leaf.right)), None)
    if wrong is None:
        return ""
    path = "" if wrong.mine.shape == wrong.right.shape else f"{wrong.path}: "
    return path + evidence(wrong)


def _is_right(student: Student, c: Comparison) -> bool:
    """Whether the call returns what it must, or refuses: by an error, or by what is no number."""
    try:
        leaves = leaves_of(student, c)
    except Raised:
        return True
    finite = all(bool(leaf.mine.isfinite().all()) for leaf in leaves)
    return all_right(leaves) or not finite


def leaves_of(student: Student, c: Comparison) -> list[Leaf]:
    """What a call beside those of the check returns; raises what it raises."""
    if c.kind == "gradients":
        out, cache = lend(student, c, list(c.inputs.values()), c.options)
        return judge_backward(student, c, cache, out, mend=False)[0]
    return JUDGES[c.kind](student, c)[0]


def _judge_in_float32(student: Student, c: Comparison, returned: Any) -> None:
    """Make the call of a right comparison, which has `returned` this, again in float32.

    Values are not compared: what float32 loses is another question. Raises CheckFailed with
    diagnosis `dtype`.
    """
    inputs, options, dout = in_float32((list(c.inputs.values()), dict(c.options), c.dout))
    before = tree_flatten((list(c.inputs.values()), dict(c.options)))[0]
    if not any(map(_is_double, before)) or any(map(callable, before)):  # a function of float64's
        return
    arguments = inputs
    if c.kind == "gradients":  # the forward's own check judges the forward
        try:
            out, cache = lend(student, c, inputs, options)
        except Raised:
            return
        if _is_double(out):
            return
        arguments, options = [dout, cache], {}
    try:
        value = call(student, judged(c), *arguments, **options)
    except Raised as raised:
        if c.kind == "gradients" and f"{c.function}_forward" in current().lost:
            return  # with the cache as it is, the call that was right may fail as well
        text = f"{judged(c)} fails for float32 inputs: {raised.message}"
        raise CheckFailed(text, MIXED_DTYPES, diagnosis="dtype") from None
    for double, single in zip(tree_flatten(returned)[0], tree_flatten(value)[0], strict=False):
        if _is_double(double) and _is_double(single):
            text = f"{judged(c)} returns float64 for float32 inputs"
            raise CheckFailed(text, MIXED_DTYPES, diagnosis="dtype")


def in_float32(value: Any) -> Any:
    """Every float64 tensor in it as float32."""
    return tree_map(lambda x: x.float() if _is_double(x) else x, value)


def _is_double(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64


def _halved(value: Any) -> Any:
    """Every floating-point tensor in it at half its size."""
    return tree_map(
        lambda x: x / 2 if isinstance(x, Tensor) and x.is_floating_point() else x, value
    )
