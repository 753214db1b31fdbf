"""Stories that numbers can tell: each turns the trusted value into the student's, or says nothing.

A hypothesis is given the student's value, the trusted one, and the Leaf with what else is known; it
yields the diagnoses with which *every* element is explained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

import torch
from torch import Tensor

from gradus.checks.evidence import shapes
from gradus.checks.failure import Leaf
from gradus.checks.tolerance import agree, closeness, largest_magnitude

TINY = 1e-9  # beside which the tolerance is no small part: any factor fits


@dataclass(frozen=True)
class Diagnosis:
    """A mistake's name (`kind:detail`), what it does to the value, and what to think about."""

    id: str
    summary: str
    explanation: str = ""


def shape(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape == expected.shape:
        return
    summary = shapes(clues)
    if actual.ndim == expected.ndim and sorted(actual.shape) == sorted(expected.shape):
        for dims in _permutations(expected.ndim):
            if agree(actual, expected.permute(dims)):
                yield Diagnosis(
                    "transpose", summary, "The values are right, with their axes in another order."
                )
        yield Diagnosis("transpose:shape", summary, "The axes are in another order.")
    if actual.numel() == expected.numel() and agree(actual.reshape(expected.shape), expected):
        yield Diagnosis("shape", summary, "The values are right: only the shape is not.")
    for axis in range(actual.ndim):
        reduced = actual.double()
        for how, value in (("sum", reduced.sum(axis)), ("mean", reduced.mean(axis))):
            if agree(value, expected, actual.dtype):
                text = f"Axis {axis} of yours is left over: the {how} along it is right."
                yield Diagnosis(f"unreduced:{axis}", summary, text)
    varied = bool((expected != expected.flatten()[:1]).any())  # a constant fits too many stories
    whole = expected.double()  # labels are integers and have no mean
    for axis in range(expected.ndim) if varied else ():
        for how, value in (("sum", whole.sum(axis)), ("mean", whole.mean(axis))):
            if agree(actual.squeeze(), value.squeeze(), actual.dtype):
                yield Diagnosis(
                    f"reduced:{axis}",
                    summary,
                    f"It is the {how} of the right values over their axis {axis}: one too many.",
                )
    if expected.ndim == 1 and actual.shape == 2 * expected.shape:
        yield Diagnosis(
            "broadcast",
            summary,
            "Have a column (N, 1) and a row (N,) met? Together they are (N, N).",
        )


def not_finite(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or bool((actual.isfinite() | ~expected.isfinite()).all()):
        return
    bad = ~actual.isfinite() & expected.isfinite()
    first = tuple(int(i) for i in bad.nonzero()[0])
    kind = "nan" if bool(actual[first].isnan()) else "inf"
    name = "NaN" if kind == "nan" else "infinity"
    where = f", first at {list(first)}" if first else ""
    yield Diagnosis(
        kind,
        f"{name} in {int(bad.sum())} of {bad.numel()} values{where}" if where else name,
        "Look for exp of a large number, log(0), 0/0, the root of a negative number or infinity "
        "minus infinity on the way there.",
    )


def zeros(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or actual.numel() <= 1:  # one number is one in a row of calls
        return
    if bool((actual == 0).all()):
        yield Diagnosis("zeros", "all zeros")


def constant(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or actual.numel() <= 2:
        return
    mostly_right = int(closeness(actual, expected).sum()) > actual.numel() // 2
    also_right = bool((expected == expected.flatten()[0]).all())  # which is no fault
    if bool((actual == actual.flatten()[0]).all()) and not mostly_right and not also_right:
        yield Diagnosis("constant", f"the same value {float(actual.flatten()[0]):.5g} everywhere")


def integer(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or actual.is_floating_point():
        return
    if agree(actual.double(), expected.trunc()):
        yield Diagnosis("integer", "integers where fractions were expected")


def scale(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A factor that has a name."""
    found = constant_ratio(actual, expected)
    a_count = expected.numel() == 1 and not expected.is_floating_point()  # any may be any's double
    if found is None or a_count:
        return
    lengths = {f"length of axis {n} of {name}": d for name, n, d in _lengths(clues)}
    for id, why in _names_of_ratio(found, clues.sizes, lengths):
        yield Diagnosis(id, times(found) + _everywhere(expected), why)


def step(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A step from where it was that goes the other way, or is too long or too short."""
    before = clues.tensors.get(clues.path)
    if before is None or not before.shape == actual.shape == expected.shape:
        return
    found = constant_ratio(actual.double() - before, expected.double() - before)
    if found is not None and _is_varied(expected.double() - before):
        for id, why in _names_of_ratio(found, clues.sizes, {}):
            what = "goes the other way" if _is_near(found, -1) else f"is {times(found)}"
            yield Diagnosis(f"step:{id}", f"its step {what}", why)


def by_number(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A factor that is one of the call's numbers, which several calls must show."""
    found = constant_ratio(actual, expected)
    if found is None:
        return
    for name, x in clues.numbers.items():
        if x not in (0, 1, -1) and (_is_near(found, x) or _is_near(found, 1 / x)):
            text = _lost("", "lost" if _is_near(found, x) else "twice")
            yield Diagnosis(f"scale:{name}", times(found), f"{x:g} is {name}: {text}")


def product(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A factor that two of the call's numbers make: 1 − lr · decay, 1 − beta^t."""
    found = constant_ratio(actual, expected)
    if found is None or found < 0:
        return
    for name, size in _made_of_two(clues.sizes):
        if (
            size > 0
            and size not in (1, 2, 0.5)
            and (_is_near(found, size) or _is_near(1 / found, size))
        ):
            text = _lost("", "lost" if _is_near(found, size) else "twice")
            what = times(found) + _everywhere(expected)
            yield Diagnosis(f"scale:{name}", what, f"{size:.5g} is {name}: {text}")


def _made_of_two(sizes: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for one, x in sizes.items():
        yield f"1 + {one}", 1 + x
        for other, y in sizes.items():
            if one == other or 0 in (x, y):
                continue
            yield f"{one} / {other}", x / y
            if one < other:
                yield f"{one} · {other}", x * y
                yield f"1 + {one} · {other}", 1 + x * y
                yield f"1 − {one} · {other}", 1 - x * y
            if 0 < x < 1 and y in range(2, 100):
                yield f"{one}^{other}", x**y
                yield f"1 − {one}^{other}", 1 - x**y


def by_length(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A factor that is the size of a tensor: some size is nearly every small number."""
    found = constant_ratio(actual, expected)
    if found is None:
        return
    sizes = {f"the length of axis {n} of {name}": d for name, n, d in _lengths(clues)}
    for name, tensor in {**clues.tensors, "the result": expected}.items():
        for depth in range(tensor.ndim if tensor.numel() else 0):
            at = f"[{', '.join('0' * depth)}]" if depth else ""
            sizes[f"the number of values in {name}{at}"] = tensor[(0,) * depth].numel()
    for name, size in sizes.items():
        if size > 1 and _is_near(abs(found), size):
            text = f"{size} is {name}: is a mean taken as a sum?"
            yield Diagnosis(f"scale:{name}", times(found) + _everywhere(expected), text)
        elif size > 1 and _is_near(abs(found), 1 / size):
            text = f"{size} is {name}: is it divided by once too often?"
            yield Diagnosis(f"scale:1/{name}", times(found) + _everywhere(expected), text)


def _lengths(clues: Leaf) -> Iterator[tuple[str, int, int]]:
    """The tensors' names, their axes and how long these are."""
    for name, tensor in clues.tensors.items():
        for axis, length in enumerate(tensor.shape):
            yield name, axis, length


def _everywhere(expected: Tensor) -> str:
    return ", everywhere" if expected.numel() > 1 else ""


def _is_near(value: float, other: float) -> bool:
    return other != 0 and abs(value / other - 1) < 1e-6


def ratio(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A factor without a name; of one or two values it says nothing."""
    found = constant_ratio(actual, expected)
    if found and int((expected.abs() > 1e-3 * expected.abs().max()).sum()) > 2:
        yield Diagnosis("scale", times(found) + ", everywhere")


def constant_ratio(actual: Tensor, expected: Tensor) -> float | None:
    """How many times too large every value is; None where they are off by different factors."""
    if actual.shape != expected.shape or largest_magnitude(expected.double()) < TINY:
        return None
    large = expected.abs() > 1e-3 * expected.abs().max()
    ratio = float((actual[large].double() / expected[large]).median())
    return ratio if ratio != 0 and agree(actual.double() / ratio, expected, actual.dtype) else None


def _names_of_ratio(
    ratio: float, sizes: Mapping[str, float], lengths: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    """What a factor may be called by and what is said of it; of all `lengths` only roots, for some
    length is nearly every small number."""
    if _is_near(ratio, -1):
        yield "sign", "The sign is the opposite."
        return
    rest = {f"1 − {name}": 1 - size for name, size in sizes.items() if 0 < size < 1}
    sign, prefix = (1, "") if ratio > 0 else (-1, "-")
    for name, size in {**sizes, **rest}.items():
        if size in (1, -1, 0):
            continue
        key = prefix + (name if name in rest else name.split()[0])
        if _is_near(sign * ratio, size):
            yield f"scale:{key}", f"{size:g} is {_the(name)}: {_lost(name, 'lost')}"
        elif _is_near(sign * ratio, 1 / size):
            yield f"scale:1/{key}", f"{size:g} is {_the(name)}: {_lost(name, 'twice')}"
        elif _is_near(sign * ratio, size * size) and name in sizes:
            yield f"scale:{key}^2", f"{size * size:g} is {_the(name)} squared."
    for name, size in {**sizes, **lengths}.items():
        root = math.sqrt(size) if size > 0 else 0.0
        if root % 1 and (_is_near(sign * ratio, root) or _is_near(sign * ratio, 1 / root)):
            text = f"{root:.4g} is the root of {size:g}, {_the(name)}."
            yield f"scale:{prefix}√{name}", text
    for factor in (2.0, 0.5):
        if _is_near(sign * ratio, factor):
            yield f"scale:{prefix}{factor:g}", ""


def _the(name: str) -> str:
    return name if name == "dout" or name.startswith("1 ") else f"the {name}"


def _lost(name: str, how: str) -> str:
    if name.startswith("batch"):
        if how == "lost":
            return "was a mean over the batch taken as a sum (the 1/N lost)?"
        return "was a sum over the batch taken as a mean (1/N once too often)?"
    return "one factor too many." if how == "lost" else "one factor is missing."


def times(ratio: float) -> str:
    if ratio == -1:
        return "the sign is wrong"
    sign = " and of the opposite sign" if ratio < 0 else ""
    size = abs(ratio)
    if abs(size - 1) < 1e-9:
        return "the sign is wrong"
    if size > 1:
        return f"{_number(size)} times too large{sign}"
    return f"{_number(1 / size)} times too small{sign}"


def _number(x: float) -> str:
    return f"{x:.1f}" if abs(x - round(x, 1)) < 1e-6 and x < 1e9 else f"{x:.5g}"


def transposed(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or expected.ndim < 2:
        return
    for dims in _permutations(expected.ndim):
        if agree(actual, expected.permute(dims)):
            yield Diagnosis("transpose", "right values with the axes in another order")


def moved(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """In reverse order along axes, or so many places further along one, the last ones first."""
    # Two values are the other way round for other reasons, too: y < 0 for y > 0.
    few = expected.ndim < 2 or len(set(expected.flatten().tolist())) <= 2
    if actual.shape != expected.shape or few or not _same_values(actual, expected):
        return
    long = [axis for axis, size in enumerate(expected.shape) if size > 1]
    for count in range(1, len(long) + 1):
        for axes in combinations(long, count):
            if agree(actual, expected.flip(axes)):
                along = ("axis " if count == 1 else "axes ") + " and ".join(map(str, axes))
                what = f"right values in reverse order along {along}"
                yield Diagnosis(f"flip:{','.join(map(str, axes))}", what)
    for axis in long:
        for by in range(1, expected.shape[axis]):
            if agree(actual, expected.roll(by, axis)):
                back = expected.shape[axis] - by
                places, too = (by, "far") if by <= back else (back, "early")
                many = f"{places} place{'s' * (places > 1)} too {too}"
                yield Diagnosis(f"roll:{axis}", f"right values, {many} along axis {axis}")


def swapped(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    others = {path: value for path, value in clues.outputs.items() if path != clues.path}
    for other, value in others.items():
        same = bool(actual.any()) and agree(actual, value)  # zeros are no evidence
        if _list_of(other) == _list_of(clues.path) and actual.numel() == 1:
            continue  # a number in a list that stands still
        if same and not agree(value, expected):
            yield Diagnosis(f"swapped:{other}", f"holds the value of {other}: are they swapped?")


def _list_of(path: str) -> str:
    """A path without its last index: "losses[1]" is in losses."""
    return path.rpartition("[")[0] or path


def term(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape:
        return
    if not bool(expected.any()):  # to nothing anything may have been added
        return
    gap = actual.double() - expected
    for name, tensor in clues.tensors.items():
        term = broadcast(tensor, expected)
        if term is None or not bool((term != 0).any()):
            continue
        if agree(gap, -term):
            yield Diagnosis(f"missing term:{name}", f"the term {name} is missing")
        if agree(gap, term):
            yield Diagnosis(f"extra term:{name}", f"{name} is added once too often")
        if agree(gap, -2 * term):
            yield Diagnosis(f"sign of term:{name}", f"the term {name} has the wrong sign")
        share = float((gap * term).sum() / term.square().sum())
        several = int((term != 0).sum()) > 3 and bool((term != term.flatten()[0]).any())
        a_factor = constant_ratio(actual, expected) is not None  # which says more
        if several and not a_factor and abs(share) > 1e-9 and agree(gap, share * term):
            what = f"yours is the right value and {share:.5g} · {name}"
            yield Diagnosis(f"term:{name}", what, f"Where does {name} come in, with that factor?")


def input_itself(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """An input as it came, or a multiple of it."""
    if actual.shape != expected.shape or constant_ratio(actual, expected) is not None:
        return
    for name, tensor in clues.tensors.items():
        values = tensor.double()
        if values.shape != actual.shape or not _is_varied(values):
            continue
        share = float((actual.double() * values).sum() / values.square().sum())
        if abs(share) > 1e-9 and agree(actual.double(), share * values, actual.dtype):
            factor = "" if _is_near(share, 1) else "−" if _is_near(share, -1) else f"{share:.5g} · "
            unchanged = name == clues.path and not factor  # what it was before has its name
            what = "it comes back as it was" if unchanged else f"it is {factor}{name}"
            yield Diagnosis(f"input:{name}", what)


def function_of_right(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """A function of the right values, element by element."""
    if actual.shape != expected.shape or not expected.is_floating_point():
        return
    right = expected.double()
    if not _is_varied(right):
        return
    for id, what, values in (
        ("square", "the squares of the right values", right.square()),
        ("root", "the roots of the right values", right.sqrt()),
        ("reciprocal", "1 / the right values", 1 / right),
        ("abs", "the right values without their signs", right.abs()),
        ("complement", "1 minus the right values", 1 - right),
        ("exp", "e to the power of the right values", right.exp()),
        ("log", "the logarithms of the right values", right.log()),
    ):
        if bool(values.isfinite().all()) and agree(actual.double(), values, actual.dtype):
            yield Diagnosis(f"function:{id}", f"you return {what}")


def _is_varied(values: Tensor) -> bool:
    """Whether there are so many different values that nothing fits them by chance."""
    return len(set(values.flatten().tolist())) > 3


def near(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """Right to three digits or more, everywhere."""
    largest = largest_magnitude(expected.double())
    if actual.shape != expected.shape or not largest:
        return
    off = float((actual.double() - expected).abs().max()) / largest
    if off < 1e-3:  # NaN is not
        yield Diagnosis(
            "near",
            f"nearly right: off by {off:.1g} of the largest value, at most",
            "Is something small added or left out (an eps, a rounding, an iteration that ends "
            "early, digits that a subtraction loses), or does it hardly show in this call?",
        )


def precision(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """float32 that came of float64, and has lost more than it may."""
    short = actual.dtype == torch.float32 and expected.dtype == torch.float64
    if short and any(near(actual, expected, clues)):
        why = "The inputs are float64: compute in their dtype, here it needs the digits."
        yield Diagnosis("precision", "right to float32's precision only", why)


def offset(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape:
        return
    flat = (actual.double() - expected).flatten()
    finite = bool(flat.isfinite().all())
    if finite and flat.numel() > 2 and agree(flat, flat.mean().expand_as(flat), torch.float64):
        yield Diagnosis("offset", f"off by {float(flat[0]):.5g} everywhere")


def factor(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape:
        return
    for name, tensor in clues.tensors.items():
        factor = broadcast(tensor, expected)
        if factor is None or agree(factor, torch.ones_like(factor)):
            continue
        if bool(((factor == 0) | (factor == 1)).all()):
            kept = factor == 1
            if bool(kept.any()) and agree(actual[kept], expected[kept]):
                wrong = ~closeness(actual, expected)
                if bool((expected[~kept] == 0).all()) and bool(wrong[~kept].any()):
                    yield Diagnosis(
                        f"missing factor:{name}",
                        f"the mask {name} is missing",
                        f"Values where {name} is 0 must be 0.",
                    )
            continue
        if agree(actual * factor, expected, actual.dtype):
            yield Diagnosis(f"missing factor:{name}", f"the factor {name} is missing")
        if agree(actual, expected * factor):
            yield Diagnosis(f"extra factor:{name}", f"there is a factor {name} too many")


def left_out(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """0 in some places, and in all others one factor that makes up for it."""
    if actual.shape != expected.shape or not expected.is_floating_point():
        return
    gone = (actual == 0) & (expected != 0)
    rest = (actual != 0) | (expected == 0)
    factor = constant_ratio(actual[rest], expected[rest]) if bool(rest.any()) else None
    several = int(gone.sum()) > 1 and int((expected[rest] != 0).sum()) > 3
    if several and factor is not None and not _is_near(factor, 1):
        what = f"0 in {int(gone.sum())} of {gone.numel()} places, and elsewhere {times(factor)}"
        yield Diagnosis("left out", what, "Is something left out that belongs there?")


def stand_in(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """One value in the place of all others."""
    mine, right = actual.flatten().double(), expected.flatten().double()
    if not bool((mine == mine[0]).all()):
        return
    instead = f"{float(mine[0]) + 0.0:.5g}"  # never -0
    if bool((right == right[0]).all()):
        yield Diagnosis(f"constant:{instead}", f"{instead} where {float(right[0]):.5g} is expected")
    else:
        yield Diagnosis(f"constant:{instead}", f"{instead} whatever is expected")


def scale_along_axis(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or expected.ndim < 2 or not expected.is_floating_point():
        return
    if agree(expected, expected.flatten()[:1].expand_as(expected)):  # which any value is a part of
        return
    for axis in range(expected.ndim):
        others = [d for d in range(expected.ndim) if d != axis]
        if expected[(0,) * axis].numel() == 0 or max(expected.shape[d] for d in others) < 3:
            continue
        ratio = (actual.double() * expected).sum(others, keepdim=True) / (
            expected.square().sum(others, keepdim=True) + 1e-300
        )
        many = (expected != 0).sum(others, keepdim=True) > 1  # else any value is a factor
        alike = agree(ratio, ratio.flatten()[:1].expand_as(ratio))  # then it is one factor's doing
        own = bool(((ratio != 0) & (many | (ratio == 1))).all()) and not alike
        if own and agree(actual, ratio * expected):
            yield Diagnosis(
                f"scale along:{axis}",
                f"each slice along axis {axis} is off by a factor of its own",
                "Look at what is summed, or divided by, for each of them.",
            )


def order(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    if actual.shape != expected.shape or expected.numel() < 4:
        return
    if _same_values(actual, expected):
        yield Diagnosis("order", "right values in the wrong places")


def _same_values(actual: Tensor, expected: Tensor) -> bool:
    return agree(actual.flatten().sort().values, expected.flatten().sort().values)


def region(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """Wrong exactly where a known tensor is negative, positive or zero, or two of them are."""
    yield from _region(actual, expected, clues, chance=False)


def region_by_chance(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """The same of so few values that it may be chance: it confirms what others show."""
    yield from _region(actual, expected, clues, chance=True)


def _region(actual: Tensor, expected: Tensor, clues: Leaf, *, chance: bool) -> Iterator[Diagnosis]:
    if actual.shape == expected.shape:
        wrong = ~closeness(actual, expected)
        for where in regions(wrong, clues.tensors, chance=chance):
            yield Diagnosis(f"where:{where}", f"wrong exactly where {where}")


def regions(wrong: Tensor, tensors: Mapping[str, Tensor], *, chance: bool = False) -> Iterator[str]:
    """Where it is that some values, not all, are wrong, and no others: "x is negative". With
    `chance` also where it need not be for that."""
    if not chance and (bool(wrong.all()) or int(wrong.sum()) < 2):
        return
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if broadcast(tensor, wrong) is None:
            continue
        for what, there in (
            ("negative", tensor < 0),
            ("positive", tensor > 0),
            ("zero", tensor == 0),
            ("not zero", tensor != 0),
        ):
            if chance or int(there.sum()) > 1:  # one entry of a vector may happen to be so
                found[f"{name} is {what}"] = there.expand(wrong.shape)
    for where, there in found.items():
        if bool((there == wrong).all()):
            yield where
    for (one, first), (other, second) in combinations(found.items(), 2):
        several = chance or int(wrong.sum()) > 2
        if several and bool(((first & second) == wrong).all()):
            yield f"{one} and {other}"


def cut(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """Right but for a greatest or a least value, which takes the place of all beyond it."""
    if actual.shape != expected.shape or expected.numel() < 4:
        return
    most, least = float(actual.max()), float(actual.min())
    right = expected.double()
    if most == least:
        return
    for what, limits, cut in (
        ("more", (most,), right.clamp(max=most)),
        ("less", (least,), right.clamp(min=least)),
        ("less, or more,", (least, most), right.clamp(least, most)),
    ):
        beyond = right[right != cut].tolist()
        # One value may happen to be the largest; but at 0 much is cut off.
        several = len(set(beyond)) > 1 or (len(beyond) > 1 and 0.0 in limits)
        if several and len(beyond) < right.numel() and agree(actual.double(), cut):
            there = " and ".join(f"{limit:.5g}" for limit in limits)
            yield Diagnosis(f"cut:{what}", f"{there} where {what} is expected: is it cut off?")


def not_zero(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """Wrong only where 0 is expected, and right in other places."""
    if actual.shape != expected.shape:
        return
    wrong = ~closeness(actual, expected)
    right = ~wrong & (expected != 0)
    if int(wrong.sum()) > 1 and int(right.sum()) > 1 and not bool(expected[wrong].any()):
        what = f"not 0 in {int(wrong.sum())} places where 0 is expected, and right elsewhere"
        yield Diagnosis("not zero", what, "Is a mask left out, or a place not set to 0?")


def slices(actual: Tensor, expected: Tensor, clues: Leaf) -> Iterator[Diagnosis]:
    """Whole slices are right, and of the others most is wrong."""
    if actual.shape != expected.shape or expected.ndim < 2:
        return
    wrong = ~closeness(actual, expected)
    telling = (actual != 0) | (expected != 0)  # that 0 is right may be no merit
    for axis, size in enumerate(expected.shape):
        rest = [d for d in range(expected.ndim) if d != axis]
        count = telling.double().sum(rest)
        share = wrong.double().sum(rest) / count
        bad = (share > 0).nonzero().flatten().tolist()
        few = wrong.numel() < 3 * size or bool((count == 0).any())
        if few or not 0 < len(bad) < size or bool((share[bad] < 0.6).any()):
            continue
        good = [n for n in range(size) if n not in bad]
        if len(good) == 1:
            where = f"right at {_index(good[0], size)} of axis {axis} only"
        elif len(bad) == 1:
            where = f"wrong at {_index(bad[0], size)} of axis {axis} only"
        else:
            continue
        yield Diagnosis(f"slices:{where}", where)


def _index(n: int, size: int) -> str:
    return "the last index" if n == size - 1 else f"index {n}"


def broadcast(tensor: Tensor, like: Tensor) -> Tensor | None:
    """`tensor` at the shape of `like`, or None when it does not broadcast to it."""
    try:
        return tensor.detach().double().expand(like.shape)
    except RuntimeError:
        return None


def _permutations(n: int) -> Iterator[tuple[int, ...]]:
    identity = tuple(range(n))
    return (p for p in permutations(identity) if p != identity)
