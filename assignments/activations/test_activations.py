"""Checks of the topic activations."""

import math
import re
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    forward,
    points,
    public,
    require,
)
from gradus.checks.failure import kind

EXTREME = torch.tensor([1000.0, -1000.0, 90.0, -90.0, 1.5, -1.5]).double()
SELU = (1.6732632423543772, 1.0507009873554805)  # Klambauer et al., 2017
AT_ZERO = "at x = 0 the slope is that of the left side"
FROM_DOUT = "the mask is taken from dout: it is x that decides"


def leaky(x: Tensor, slope: float) -> Tensor:
    return F.leaky_relu(x, slope)


def elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0) -> Tensor:
    return scale * F.elu(x, alpha)


def gated(x: Tensor, gate: str) -> Tensor:
    if gate == "swish":
        return F.silu(x)
    return F.gelu(x, approximate="tanh" if gate == "gelu_tanh" else "none")


def largest(x: Tensor) -> Tensor:
    return x.max(-1).values


def slope_of(reference, x: Tensor, **options) -> Tensor:
    """f′ at each x, from autograd."""
    own = x.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(reference(own, **options).sum(), own)[0]


@contextmanager
def shown(options, **tensors):
    """A failure also says what went into the element that it shows."""
    try:
        yield
    except CheckFailed as failed:
        lines = [failed.summary, *failed.details]
        found = re.search(r"\[([\d, ]+)\]: yours", "\n".join(lines))
        place = tuple(map(int, found[1].split(","))) if found else None
        given = [f"{name} = {t[place]:.5g}" for name, t in tensors.items() if place]
        given += [f"{name} = {value}" for name, value in options.items()]
        lines += [f"there {', '.join(given)}"] if given else []
        raise CheckFailed(*lines, diagnosis=failed.diagnosis) from None


def check_curve(student, rng, name, reference, wrong=lambda x: (), **options) -> None:
    """`{name}_forward` agrees, and follows the dtype; wrong(x, …) gives (id, text, values)."""
    for x in (rng.normal(5, 3), rng.normal(1), EXTREME):
        clues = Clues(wrong=tuple(Wrong(*w) for w in wrong(x, **options)))
        right = reference(x, **options)
        with shown(options, x=x):
            check_forward(student, name, dict(x=x), right, options=options, clues=clues)
    out, _ = forward(student, name, EXTREME.float(), **options)
    check_values(out, reference(EXTREME.float(), **options), "out for float32")
    require(out.dtype == torch.float32, f"out is {out.dtype} for float32", diagnosis="dtype")


def check_slope(student, rng, name, reference, wrong, **options) -> None:
    """`{name}_backward` agrees; wrong(x, y, dout, …) gives (id, text, slopes)."""
    near = torch.tensor([0.0, math.log(2), math.log(4), -0.25]).double()
    for x in (rng.away_from_zero(4, 5), rng.away_from_zero(1), EXTREME, near):
        dout, y = rng.normal(*x.shape), reference(x, **options)
        known = [Wrong(id, text, dout * w) for id, text, w in wrong(x, y, dout, **options)]
        known.append(Wrong("values", "dout is multiplied by f(x): it should be by f′(x)", dout * y))
        slope = slope_of(reference, x, **options)
        known.append(Wrong("no dout", "this is f′(x) alone: dout is not used", slope))
        more = dict(options=options, dout=dout, clues=Clues(wrong=tuple(known)))
        with shown(options, x=x, dout=dout):
            check_gradients(student, name, dict(x=x), reference, wrt=["x"], **more)


@public
@points(1, of="sigmoid_forward")
def test_sigmoid_forward(student, rng):
    """ln 4 gives 0.8, and ±1000 give 1 and 0."""
    by_hand = torch.tensor([0.0, math.log(4), -math.log(9)]).double()
    check_forward(student, "sigmoid", dict(x=by_hand), torch.tensor([0.5, 0.8, 0.1]).double())
    check_curve(student, rng, "sigmoid", torch.sigmoid)


def sigmoid_slope(y):
    return 0.25 - (y - 0.5).square()


def tanh_slope(y):
    return 1 - y * y


def x_for_y(reference, formula, other):
    """What comes of mixing up input and output; `formula` is f′ in y, `other` the other one's."""
    of_x = "your formula for the slope needs the output y, and gets x: what is in the cache?"
    again = "the function is applied to its own output: what you take from the cache is y already"

    def wrong(x, y, dout):
        yield "pre-activation", of_x, formula(x)
        yield "applied twice", again, slope_of(reference, y)
        yield "other's", "y (1 − y) is the slope of the sigmoid, 1 − y² that of tanh", other(y)

    return wrong


@public
@points(1, of="sigmoid_backward")
def test_sigmoid_backward(student, rng):
    """The slope is that of the sigmoid: 0.16 where the output is 0.8."""
    wrong = x_for_y(torch.sigmoid, sigmoid_slope, tanh_slope)
    check_slope(student, rng, "sigmoid", torch.sigmoid, wrong)


@public
@points(2, of="leaky_relu_backward")
def test_leaky_relu_backward(student, rng):
    """The gradient passes where x > 0, and is multiplied by the slope elsewhere, 0 included."""

    def wrong(x, y, dout, slope):
        none = "nothing leaks where x < 0: is the slope lost in a mask of integers or booleans?"
        yield "mask:dout", FROM_DOUT, slope_of(leaky, dout, slope=slope)
        yield "mask:integer", none, (x > 0).double()
        yield "at zero", AT_ZERO, slope_of(leaky, x + 1e-9, slope=slope)
        yield "slope", "the slope is the one that the forward got", slope_of(leaky, x, slope=0.01)

    for slope in (0.3, 0.0, 0.01):
        check_slope(student, rng, "leaky_relu", leaky, wrong, slope=slope)


@public
@points(1, of="selu_constants")
def test_selu_constants(student):
    """Alpha is about 1.6733 and the scale about 1.0507, to more digits than that."""
    mine = call(student, "selu_constants")
    pair = isinstance(mine, tuple | list) and len(mine) == 2
    require(pair, f"two numbers must come back, got {kind(mine)}", diagnosis="structure")
    rounded = "these are rounded: four or five decimals are too few to compute with"
    root = "the mean of f² is λ² times something: did the root get lost, or is it upside down?"
    alpha, scale = (torch.tensor(c).double() for c in SELU)
    known = {
        "constants[0]": [Wrong("rounded", rounded, alpha.round(decimals=d)) for d in (2, 3, 4, 5)],
        "constants[1]": [Wrong("root", root, scale**power) for power in (2, -2, -1)],
    }
    clues = {path: Clues(wrong=tuple(wrong)) for path, wrong in known.items()}
    check_values(list(mine), [alpha, scale], "constants", clues=clues)
    exact = all(abs(float(c) - right) < 1e-7 for c, right in zip(mine, SELU, strict=True))
    require(exact, rounded, diagnosis="rounded")


@public
@points(1, of="elu_forward")
def test_elu_forward(student, rng):
    """Values agree with ELU's and SELU's, at ±1000 too."""

    def wrong(x, alpha=1.0, scale=1.0):
        left, right = (x <= 0) * elu(x, alpha), x.relu()
        yield "scale on one side", "the scale multiplies both sides of 0", right + scale * left
        yield "scale on one side", "the scale multiplies both sides of 0", scale * right + left
        yield "no scale", "the scale is missing", right + left
        yield "no alpha", "alpha is missing", elu(x, 1.0, scale)
        yield "relu", "negative inputs are cut off: ELU is not a ReLU", scale * right

    check_curve(student, rng, "elu", elu, wrong)
    for alpha, scale in (SELU, (0.4, 2.5)):
        check_curve(student, rng, "elu", elu, wrong, alpha=alpha, scale=scale)


def mixed_up(gate: str):
    """The gates that are not `gate`, and what to say when they come instead."""
    names = {"gelu": "the exact GELU", "gelu_tanh": "GELU's tanh form", "swish": "Swish"}
    for other in names.keys() - {gate}:
        yield other, f"mixed up:{other}", f"this is {names[other]}, and {names[gate]} is wanted"


def wrong_gate(x, gate):
    for other, id, text in mixed_up(gate):
        yield id, text, gated(x, other)
    yield "gate alone", "this is the gate, not x times the gate", gated(x, gate) / x
    of_erf = "Φ(x) is ½ [1 + erf(x / √2)]: the √2 is missing"
    yield "no √2", of_erf, gated(x * math.sqrt(2), "gelu") / math.sqrt(2)


@public
@points(1, of="gated_forward")
def test_gelu_forward(student, rng):
    """GELU and its tanh form agree with torch's, each with its own; other gates are refused."""
    for gate in ("gelu", "gelu_tanh"):
        check_curve(student, rng, "gated", gated, wrong_gate, gate=gate)
    check_raises(student, "gated_forward", rng.normal(2), "elu", when='the gate is "elu"')


@public
@points(1, of="gated_forward")
def test_swish_forward(student, rng):
    """Swish is x times the sigmoid, at ±1000 too."""
    check_curve(student, rng, "gated", gated, wrong_gate, gate="swish")


@public
@points(2, of="maxout_backward")
def test_maxout_backward(student, rng):
    """Only the largest piece gets the gradient; of equal ones, the first."""
    ties = torch.tensor([[[3.0, 5, 5, 1], [2, 2, 2, 2], [-7, -9, -8, -7]]]).double()
    for x in (rng.distinct(5, 3, 4), rng.distinct(1, 2, 6), 1000 * rng.distinct(2, 3, 1), ties):
        dout, top = rng.normal(*x.shape[:2]), (x == x.amax(-1, keepdim=True)).double()
        mask = "pieces get the gradient that are not the largest: only the largest made the output"
        tie = "at a tie the first of the largest pieces gets all of the gradient, and here "
        wrong = (
            ("all pieces", mask, torch.ones_like(x)),
            ("all pieces", mask, torch.ones_like(x) / x.shape[-1]),
            ("tie", tie + "each of them gets all of it", top),
            ("tie", tie + "they share it", top / top.sum(-1, keepdim=True)),
            ("tie", tie + "the last one does", top * (top.flip(-1).cumsum(-1).flip(-1) == 1)),
            ("values", "dout is multiplied by the piece, whose slope is 1", top * x),
        )
        known = Clues(wrong=tuple(Wrong(id, text, dout[..., None] * s) for id, text, s in wrong))
        check_gradients(student, "maxout", dict(x=x), largest, dout=dout, clues=known)
