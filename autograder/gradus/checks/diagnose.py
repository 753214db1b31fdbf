"""Which mistake explains the numbers?

`diagnose` tries hypotheses in turn, from the most specific to the most general, and returns the
first that reproduces *every* element of the student's value. It never guesses: what nothing
explains stays unexplained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gradus.checks import hypotheses as h
from gradus.checks.failure import Leaf
from gradus.checks.hypotheses import Diagnosis
from gradus.checks.tolerance import closeness

FEW = 4  # wrong values, of which a factor or a term may be no chance

Hypothesis = Callable[[Tensor, Tensor, Leaf], Iterator[Diagnosis]]


def diagnose(leaf: Leaf, others: Sequence[Leaf] = (), *, vague: bool) -> Diagnosis | None:
    """The mistake that turns the trusted value into the student's, or None.

    Both are real tensors that do not agree; their shapes may differ. First, and without `vague`,
    come hypotheses that name a cause; then, with `vague`, those that say where or how the value
    is off. What may be a coincidence of the numbers must be so in all of `others`, too: the same
    output of other calls, where it is also wrong.
    """
    if not leaf.right.numel():  # of nothing no story can be told
        return None
    leaf, others = _in_numbers(leaf), [_in_numbers(o) for o in others if o.right.numel()]
    for hypothesis in _VAGUE if vague else _NAMED:
        elsewhere = [] if hypothesis in _PLAIN else [o for o in others if _shows(hypothesis, o)]
        again = h.region_by_chance if hypothesis is h.region else hypothesis
        fitting = [
            found
            for found in _tried(hypothesis, leaf)
            if all(any(d.id == found.id for d in _tried(again, o)) for o in elsewhere)
            and not (hypothesis is h.scale and found.explanation and _is_refuted(found, others))
        ]
        alike = (leaf, *elsewhere)
        if fitting and hypothesis is _in_part and not any(map(_is_partly_right, alike)):
            continue
        if hypothesis in (h.by_length, h.by_number) and len(set(map(_factor, alike))) < 2:
            continue
        if fitting:
            whys = dict.fromkeys(found.explanation for found in fitting if found.explanation)
            why = " Or: ".join(whys) if hypothesis is h.scale else fitting[0].explanation
            return replace(fitting[0], explanation=why)
    return None


def says_more(diagnosis: str) -> bool:
    """Whether a diagnosis, by its name, says how values are wrong that other calls get wrong too,
    where these are too few to show it."""
    return diagnosis.startswith(_TELLING)


def beside_others(found: Diagnosis, alike: Sequence[Leaf], some_right: bool) -> Diagnosis:
    """A factor without a cause, and what is known of other calls: the cause is what differs there.

    `alike` is the same output wherever it is wrong, `some_right` whether other calls are right.
    """
    if found.id not in _BARE:
        return found
    _, *rest = {_factor(one): one.call for one in alike}.items()
    what = "right" if some_right else ""
    for factor, call in rest:
        if factor:
            where = re.sub("^of ", "in ", call)
            what = f"another factor ({h.times(factor)} {where})" if call else "another factor"
    more = f"In other calls it is {what}: what is different there?"
    return replace(found, explanation=f"{found.explanation} {more}".strip()) if what else found


def _shows(hypothesis: Hypothesis, leaf: Leaf) -> bool:
    """Whether there is enough to show a hypothesis, or to refute it."""
    if hypothesis in (h.scale, h.product) and not any(_tried(hypothesis, leaf)):
        return h.constant_ratio(leaf.mine, leaf.right) is None  # else of what is not given
    if hypothesis is _in_part:
        return leaf.mine.shape != leaf.right.shape or int(_is_wrong(leaf).sum()) >= FEW
    return leaf.right.numel() >= _FEWEST.get(hypothesis, 0)


def _is_refuted(found: Diagnosis, others: Sequence[Leaf]) -> bool:
    """Whether another call, with one number, has a factor that is not so explained: of two numbers
    there is always one, which may happen to be something's."""
    single = [one for one in others if one.mine.numel() == one.right.numel() == 1]
    return any(all(d.id != found.id for d in h.scale(one.mine, one.right, one)) for one in single)


def _is_wrong(leaf: Leaf) -> Tensor:
    return ~closeness(leaf.mine, leaf.right)


def _is_partly_right(leaf: Leaf) -> bool:
    return not bool(_is_wrong(leaf).all())


def _in_numbers(leaf: Leaf) -> Leaf:
    """The leaf with 0 and 1 for truths, which have no abs and no trunc."""
    if leaf.right.dtype != torch.bool:
        return leaf
    return replace(leaf, mine=leaf.mine.double(), right=leaf.right.double())


def _tried(hypothesis: Hypothesis, leaf: Leaf) -> Iterator[Diagnosis]:
    return hypothesis(leaf.mine, leaf.right, leaf)


def _factor(leaf: Leaf) -> float:
    return round(h.constant_ratio(leaf.mine, leaf.right) or 0.0, 6)


def _in_part(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """One story for all that is wrong, where the rest, if any, is right."""
    if actual.shape != expected.shape:
        return
    wrong = ~closeness(actual, expected)
    count = int(wrong.sum())
    if count < FEW:
        return
    places = {n: h.broadcast(t, expected) for n, t in clues.tensors.items()}
    tensors = {name: values[wrong] for name, values in places.items() if values is not None}
    part = replace(clues, mine=actual[wrong], right=expected[wrong], tensors=tensors)
    where = _where(wrong, clues)
    for hypothesis in _OF_PART:
        # The sizes of a part are not those of a call's tensors.
        given = replace(part, tensors={}) if hypothesis is h.scale else part
        for found in _tried(hypothesis, given):
            what = found.summary.removesuffix(" everywhere").removesuffix(",")
            yield Diagnosis(f"part:{found.id}", f"{where}: {what}", found.explanation)


def _where(wrong: Tensor, clues: Leaf) -> str:
    for region in h.regions(wrong, clues.tensors):
        return f"wrong exactly where {region}"
    for found in h.slices(clues.mine, clues.right, clues):
        return f"{found.summary}; elsewhere" if "right" in found.summary else found.summary
    return f"wrong in {int(wrong.sum())} of {wrong.numel()} values"


_NAMED: tuple[Hypothesis, ...] = (
    *(
        h.shape,
        h.not_finite,
        h.zeros,
        h.integer,
        h.precision,
        h.scale,
        h.step,
        h.transposed,
        h.moved,
        h.swapped,
    ),
    *(h.term, h.factor, h.input_itself, h.function_of_right, h.product),
    *(h.by_number, h.left_out),
)
_VAGUE: tuple[Hypothesis, ...] = (
    *(h.cut, h.near, h.constant, h.by_length, h.ratio, h.offset, h.scale_along_axis, h.order),
    *(_in_part, h.region, h.slices, h.not_zero),
)
_OF_PART = (h.stand_in, h.scale, h.ratio, h.offset, h.term, h.factor, h.input_itself)
# Values, of which fewer say nothing.
_FEWEST: dict[Hypothesis, int] = {
    **{h.ratio: 3, h.product: 3, h.by_length: 3, h.offset: 3, h.cut: 4, h.function_of_right: 4},
    h.left_out: 12,
}
# What anyone can see, and what holds of one step and not of several.
_PLAIN = (h.shape, h.not_finite, h.integer, h.constant, h.precision, h.step, h.not_zero)
_BARE = ("sign", "scale", "scale:2", "scale:0.5", "scale:-2", "scale:-0.5")
_TELLING = ("scale", "sign", "offset", "missing ", "extra ", "term", "function:", "input:", "part:")
