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
    check_at_least,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    forward,
    forward_backward,
    points,
    public,
    require,
)
from gradus.checks.data import digits
from gradus.checks.failure import kind

EXTREME = torch.tensor([1000.0, -1000.0, 90.0, -90.0, 1.5, -1.5]).double()
SELU = (1.6732632423543772, 1.0507009873554805)  # Klambauer et al., 2017
AT_ZERO = "at x = 0 the slope is that of the left side"
FROM_DOUT = "the mask is taken from dout: it is x that decides"
SIZES, DIGITS = [64, 24, 10], dict(steps=100, lr=0.7)


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


def bru(x: Tensor, r: float = 2.0) -> Tensor:
    right = torch.pow(1 + r * r * x.clamp(min=0), 1 / r)
    return torch.where(x < 0, torch.exp(r * x.clamp(max=0)), right) - 1 / r


def shares(slopes: Tensor, tol: float = 0.0) -> tuple[float, float]:
    flat = [[abs(s) <= tol for s in unit] for unit in slopes.T.tolist()]
    return sum(map(all, flat)) / len(flat), sum(map(sum, flat)) / slopes.numel()


# What checks of train use for functions that have failed their own check.
STAND_INS = {
    **forward_backward("sigmoid", torch.sigmoid),
    **forward_backward("tanh", torch.tanh),
    **forward_backward("leaky_relu", lambda x, slope=0.01: leaky(x, slope), wrt=[0]),
    **forward_backward("elu", elu, wrt=[0]),
    **forward_backward("gated", gated, wrt=[0]),
    **forward_backward("bru", bru, wrt=[0]),
    "selu_constants": lambda: SELU,
}


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


@points(1, of="tanh_backward")
def test_tanh_backward(student, rng):
    """The slope is that of tanh: 0.64 where the output is 0.6."""
    wrong = x_for_y(torch.tanh, tanh_slope, sigmoid_slope)
    check_slope(student, rng, "tanh", torch.tanh, wrong)


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


@points(2, of="elu_backward")
def test_elu_backward(student, rng):
    """The slopes are those of ELU and SELU, at ±1000 and at 0 too."""

    def wrong(x, y, dout, alpha, scale):
        on, e = (x > 0).double(), x.clamp(max=0).exp()
        off = 1 - on
        of_y = "by way of the output: y has the scale in it already, what must be added to it?"
        yield "no αeˣ", "left of 0 the slope is not that of x", scale + 0 * x
        yield "no eˣ", "left of 0 the factor exp(x) is missing", scale * (on + off * alpha)
        yield "no α", "left of 0 the factor alpha is missing", scale * (on + off * e)
        yield "relu", "nothing passes left of 0: ELU is not a ReLU", scale * on
        yield (
            "−1 kept",
            "−1 is a constant: its derivative is 0",
            scale * (on + off * alpha * (e - 1)),
        )
        yield "no scale", "the scale is missing", on + off * alpha * e
        yield "no scale", "the scale is missing for x > 0", on + off * scale * alpha * e
        yield "no scale", "the scale is missing for x ≤ 0", scale * on + off * alpha * e
        yield "output", of_y, scale * on + off * (y + alpha)
        yield "mask:dout", FROM_DOUT, scale * torch.where(dout > 0, 1, alpha * e)
        yield "at zero", AT_ZERO, scale * torch.where(x >= 0, 1, alpha * e)

    for alpha, scale in ((0.4, 1.0), SELU):
        check_slope(student, rng, "elu", elu, wrong, alpha=alpha, scale=scale)


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


def wrong_gate_slope(x, y, dout, gate):
    for other, id, text in mixed_up(gate):
        yield id, text, slope_of(gated, x, gate=other)
    rule = "product rule: x·g(x) has two factors that depend on x, which makes two terms"
    chain = "the chain rule goes through u: its derivative is missing or incomplete"
    g = torch.where(x == 0, 0.5, y / x)
    term = slope_of(gated, x, gate=gate) - g
    yield "product rule", rule, g
    yield "product rule", rule, term
    if gate == "gelu":
        of_sigmoid = "g (1 − g) is the slope of the sigmoid: this gate is Φ"
        yield "sigmoid's slope", of_sigmoid, g + x * g * (1 - g)
        yield "density", "φ has the factor 1/√(2π)", g + term * math.sqrt(2 * math.pi)
    if gate == "gelu_tanh":
        root, square = math.sqrt(2 / math.pi), 1 + 3 * 0.044715 * x * x
        for missing in (root, square, root * square, 2 * root * square):
            yield "chain rule", chain, g + term / missing


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


@points(1, of="gated_backward")
def test_gelu_backward(student, rng):
    """The slopes are those of GELU's two forms, each its own."""
    for gate in ("gelu", "gelu_tanh"):
        check_slope(student, rng, "gated", gated, wrong_gate_slope, gate=gate)


@points(1, of="gated_backward")
def test_swish_backward(student, rng):
    """The slope is that of Swish, by the product rule, at ±1000 too."""
    check_slope(student, rng, "gated", gated, wrong_gate_slope, gate="swish")


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


@points(1, of="bru_forward")
def test_bru_forward(student, rng):
    """With r = 2, the inputs 0, 2 and 6 give 0.5, 2.5 and 4.5; r must be positive."""

    def wrong(x, r=2.0):
        shift = "1/r is taken from both sides, outside the root and outside the exponential"
        odd = "this is the odd variant (ORU), and the exponential one (ERU) is wanted"
        for missing in (x < 0, x >= 0, 1):
            yield "shift", shift, bru(x, r) + missing / r
        brackets = "the power 1/r needs brackets: a ** 1 / r is a divided by r"
        yield "brackets", brackets, torch.where(x < 0, bru(x, r), r * x)
        yield "odd variant", odd, x.sign() * ((r * r * x.abs() + 1) ** (1 / r) - 1)

    by_hand = torch.tensor([0.0, 2.0, 6.0, -1000.0]).double()
    right = torch.tensor([0.5, 2.5, 4.5, -0.5]).double()
    known = Clues(wrong=tuple(Wrong(*w) for w in wrong(by_hand)))
    check_forward(student, "bru", dict(x=by_hand), right, clues=known)
    for r in (3.5, 0.5, 1):
        check_curve(student, rng, "bru", bru, wrong, r=r)
    for r in (0, -2.0):
        check_raises(student, "bru_forward", by_hand, r, when=f"r = {r}")


@points(1, of="bru_backward")
def test_bru_backward(student, rng):
    """The slope is that of the bionodal root unit, at ±1000 too."""

    def wrong(x, y, dout, r):
        slope, on = slope_of(bru, x, r=r), x >= 0
        chain = "differentiate the insides too: r²x + 1 and r·x each bring a factor"
        less = "the power goes down by one: from 1/r to 1/r − 1"
        for right, left in ((r * r, r), (r * r, 1), (1, r), (r, r)):
            yield "chain rule", chain, slope / torch.where(on, right, left)
        yield "power", less, slope * torch.where(on, r * r * x + 1, 1)

    for r in (2.0, 3.5, 0.5):
        check_slope(student, rng, "bru", bru, wrong, r=r)


@points(1, of="dead_and_saturated")
def test_dead_and_saturated(student, rng):
    """Dead units have no slope for any example; saturated entries are counted one by one."""
    slopes = 0.5 + rng.uniform(6, 5)
    slopes[:, 1], slopes[2:, 3], slopes[0, 4], slopes[3, 2] = 0.0, 0.25, 0.0, -0.75
    slopes[:, 0] = torch.tensor([0.5, -0.5, 0.75, -0.75, 1.0, -1.0])
    for s, tol in ((slopes, 0.25), (slopes, 0.0), (slopes[:1], 0.25), (-slopes, 0.125)):
        flat = (s.abs() <= tol).double()
        some = "a unit that is flat for one example is not dead: it must be for all"
        rows = "this counts examples for which all units are flat: dead is what *units* are"
        of_dead = [
            Wrong("any", some, flat.amax(0).mean()),
            Wrong("axis", rows, flat.amin(1).mean()),
        ]
        count = "shares are wanted, not counts"
        of_dead.append(Wrong("count", count, flat.amin(0).sum()))
        of_flat = [Wrong("count", count, flat.sum())]
        for id, text, wrong in (
            ("sign", "a negative slope is not flat: take its size", s <= tol),
            ("strict", "a slope of exactly tol counts as flat", s.abs() < tol),
        ):
            of_dead.append(Wrong(id, text, wrong.double().amin(0).mean()))
            of_flat.append(Wrong(id, text, wrong.double().mean()))
        clues = {"shares[0]": Clues(wrong=tuple(of_dead)), "shares[1]": Clues(wrong=tuple(of_flat))}
        mine = call(student, "dead_and_saturated", s, tol)
        check_values(mine, shares(s, tol), "shares", clues=clues)
    for bad in (slopes[0], slopes[None]):
        when = f"slopes has the shape {tuple(bad.shape)}"
        check_raises(student, "dead_and_saturated", bad, when=when)


CURVES = {"relu": torch.relu, "swish": F.silu, "selu": F.selu, "tanh": torch.tanh}


def gradients(x, y, params, name, down=None, straight=False):
    """The loss and its gradients; they go down through the weights `down` instead of w2 where
    given, and pass the activation unchanged where `straight`."""
    own = [p.clone().requires_grad_() for p in params]
    w1, b1, w2, b2 = own
    with torch.enable_grad():
        z = torch.addmm(b1, x, w1)
        h = CURVES[name](z)
        h = z + (h - z).detach() if straight else h
        logits = h.detach() @ w2 + (h - h.detach()) @ (w2 if down is None else down).detach() + b2
        loss = F.cross_entropy(logits, y)
    return loss.detach(), torch.autograd.grad(loss, own)


@points(1, of="train")
def test_train_steps(student, rng):
    """Each step descends the gradient of all four tensors; losses are those before it."""
    x, y, lr = rng.normal(7, 6), rng.integers(7, high=3), 0.6
    start = [rng.normal(6, 5), rng.normal(5), rng.normal(5, 3), rng.normal(3)]
    for name, steps in (("tanh", 1), ("relu", 1), ("swish", 3), ("selu", 2)):
        params, losses = start, []
        for _ in range(steps + 1):
            last, (loss, grads) = params, gradients(x, y, params, name)
            losses.append(loss)
            params = [p - lr * g for p, g in zip(params, grads, strict=True)]
        result = call(student, "train", x, y, tuple(start), name, steps, lr)
        mine, my_losses = trained(result, [6, 5, 3])
        if steps == 1:  # the step is easier to explain than where it leads
            _, right = gradients(x, y, start, name)
            _, early = gradients(x, y, start, name, down=last[2])
            _, no_slope = gradients(x, y, start, name, straight=True)
            first = "w2 is changed before the gradient has gone down through it"
            known = {
                f"(old − new) / lr of params[{k}]": Clues(
                    sizes={"batch size": len(x)},
                    wrong=(
                        Wrong("untrained", "the parameters stay where they are", 0 * right[k]),
                        Wrong("updated weights", first, early[k]),
                        Wrong("no f′", "f′ is left out on the way down", no_slope[k]),
                    ),
                )
                for k in range(4)
            }
            for k, path in enumerate(known):
                check_values((start[k] - mine[k]) / lr, right[k], path, clues=known[path])
        check_values(mine, last, "params")
        after = "this is the loss after the step: losses[0] is that of the start"
        late = [Clues(wrong=(Wrong("after the step", after, loss),)) for loss in losses[1:]]
        listed = list(my_losses) if isinstance(my_losses, Tensor) else my_losses
        known = {f"losses[{k}]": clues for k, clues in enumerate(late)}
        check_values(listed, losses[:-1], "losses", clues=known)


def trained(result, sizes):
    """What train returned, if it is (params, losses) with params of a network of these sizes."""
    d, m, c = sizes
    pair = isinstance(result, tuple | list) and len(result) == 2
    parts = result[0] if pair and isinstance(result[0], tuple | list) else [result]
    must = "train must return ((w1, b1, w2, b2), losses), the weights in their shapes"
    right = [tuple(getattr(p, "shape", ())) for p in parts] == [(d, m), (m,), (m, c), (c,)]
    listed = isinstance(result, tuple | list)
    got = (
        f"{len(result)} values" if listed and not pair else "other shapes" if pair else kind(result)
    )
    require(right, f"{must}; got {got}", diagnosis="structure")
    return result


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """Networks of ReLU and of Swish units read digits that they have not seen."""
    data, seed, shares_read = digits(rng, test=600), rng.seed(), []
    for name in ("relu", "swish"):
        start = call(student, "start", SIZES, seed)
        result = call(student, "train", data.x_train, data.y_train, start, name, **DIGITS)
        w1, b1, w2, b2 = trained(result, SIZES)[0]
        answers = (CURVES[name](data.x_test @ w1 + b1) @ w2 + b2).argmax(1)
        shares_read.append(float((answers == data.y_test).double().mean()))
    check_at_least(min(shares_read), topic.thresholds["digits"]["accuracy"], "accuracy")
