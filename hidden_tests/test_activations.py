"""Checks of the topic activations."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    call,
    check_at_least,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    descend,
    double,
    forward_backward,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

EXTREME = double([1000.0, -1000.0, 90.0, -90.0, 1.5, -1.5])
RANGE = double([16.0, 8, 5, 3.5, 2.2, -2.2, -3.5, -5, -8, -16])
NEAR = double([0.0, math.log(2), math.log(4), -0.25])
SELU = (1.6732632423543772, 1.0507009873554805)  # Klambauer et al., 2017


def leaky(x: Tensor, slope: float = 0.01) -> Tensor:
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


STAND_INS = {
    **forward_backward("sigmoid", torch.sigmoid),
    **forward_backward("tanh", torch.tanh),
    **forward_backward("leaky_relu", leaky, wrt=[0]),
    **forward_backward("elu", elu, wrt=[0]),
    **forward_backward("gated", gated, wrt=[0]),
    **forward_backward("bru", bru, wrt=[0]),
    "selu_constants": lambda: SELU,
}


def check_curve(student, rng, name, reference, **options) -> None:
    """`{name}_forward` agrees, at ±1000 too, and follows the dtype."""
    for x in (rng.normal(5, 3), rng.normal(1), RANGE, EXTREME):
        check_forward(student, name, dict(x=x), reference(x, **options), options=options)
    x = EXTREME.float()
    out = reference(x, **options)
    check_forward(student, name, dict(x=x), out, options=options, same_dtype=True)


def check_slope(student, rng, name, reference, **options) -> None:
    """`{name}_backward` agrees, at ±1000 and at 0 too."""
    for x in (rng.away_from_zero(4, 5), rng.away_from_zero(1), RANGE, EXTREME, NEAR):
        size = 1000 if x is RANGE else 1
        more = dict(wrt=["x"], options=options, dout=size * rng.normal(*x.shape))
        check_gradients(student, name, dict(x=x), reference, **more)


@public
@points(2, of="leaky_relu_backward")
def test_leaky_relu_backward(student, rng):
    """The gradient passes where x > 0, elsewhere times the slope; first in the example on paper."""
    x, dout = double([[-2.0, 0, 1, 2, 5], [3, -4, 5, -6, 7]])
    passed = double([0.0, 0, 5, -6, 7])
    by_hand = dict(dout=dout, cache=(x, 0.0))
    check_result(student, "leaky_relu_backward", by_hand, passed, "gradient of x")
    for slope in (0.3, 0.0, 0.01):
        check_slope(student, rng, "leaky_relu", leaky, slope=slope)


@public
@points(1, of="sigmoid_forward")
def test_sigmoid_forward(student, rng):
    """ln 4 gives 0.8, and ±1000 give 1 and 0."""
    by_hand = double([0.0, math.log(4), -math.log(9)])
    check_forward(student, "sigmoid", dict(x=by_hand), double([0.5, 0.8, 0.1]))
    check_curve(student, rng, "sigmoid", torch.sigmoid)


@public
@points(1, of="sigmoid_backward")
def test_sigmoid_backward(student, rng):
    """The slope is that of the sigmoid: 0.16 where the output is 0.8."""
    check_slope(student, rng, "sigmoid", torch.sigmoid)


@public
@points(1, of="tanh_backward")
def test_tanh_backward(student, rng):
    """The slope is that of tanh: 0.64 where the output is 0.6."""
    check_slope(student, rng, "tanh", torch.tanh)


@public
@points(0.5, of="selu_constants")
def test_selu_constants(student):
    """Alpha is about 1.6733 and the scale about 1.0507, to more digits than that."""
    check_result(student, "selu_constants", {}, SELU, ("alpha", "scale"))


@points(0.5, of="selu_constants")
def test_selu_constants_to_seven_decimals(student):
    """Alpha and the scale are right to seven decimals."""
    mine = check_result(student, "selu_constants", {}, SELU, ("alpha", "scale"))
    off = max(abs(float(c) - right) for c, right in zip(mine, SELU, strict=True))
    text = f"the constants are off by {off:.1g}: they must be right to seven decimals"
    require(off < 1e-7, text, diagnosis="rounded")


@public
@points(1, of="elu_forward")
def test_elu_forward(student, rng):
    """Values agree with ELU's and SELU's, at ±1000 too."""
    check_curve(student, rng, "elu", elu)
    for alpha, scale in (SELU, (0.4, 2.5)):
        check_curve(student, rng, "elu", elu, alpha=alpha, scale=scale)


@public
@points(2, of="elu_backward")
def test_elu_backward(student, rng):
    """The slopes are those of ELU and SELU, at ±1000 and at 0 too."""
    for alpha, scale in ((0.4, 1.0), SELU):
        check_slope(student, rng, "elu", elu, alpha=alpha, scale=scale)


@public
@points(1, of="gated_forward")
def test_gelu_forward(student, rng):
    """GELU and its tanh form agree with torch's, each with its own; other gates are refused."""
    for gate in ("gelu", "gelu_tanh"):
        check_curve(student, rng, "gated", gated, gate=gate)
    check_raises(student, "gated_forward", rng.normal(2), "elu", when='the gate is "elu"')


@public
@points(1, of="gated_forward")
def test_swish_forward(student, rng):
    """Swish is x times the sigmoid, at ±1000 too."""
    check_curve(student, rng, "gated", gated, gate="swish")


@public
@points(1, of="gated_backward")
def test_gelu_backward(student, rng):
    """The slopes are those of GELU's two forms, each its own."""
    for gate in ("gelu", "gelu_tanh"):
        check_slope(student, rng, "gated", gated, gate=gate)


@public
@points(1, of="gated_backward")
def test_swish_backward(student, rng):
    """The slope is that of Swish, by the product rule, at ±1000 too."""
    check_slope(student, rng, "gated", gated, gate="swish")


@public
@points(2, of="maxout_backward")
def test_maxout_backward(student, rng):
    """Only the largest piece gets the gradient; of equal ones, the first."""
    ties = double([[[3.0, 5, 5, 1], [2, 2, 2, 2], [-7, -9, -8, -7]]])
    for x in (rng.distinct(5, 3, 4), rng.distinct(1, 2, 6), 1000 * rng.distinct(2, 3, 1), ties):
        check_gradients(student, "maxout", dict(x=x), largest, dout=rng.normal(*x.shape[:2]))


@public
@points(1, of="bru_forward")
def test_bru_forward(student, rng):
    """With r = 2, the inputs 0, 2 and 6 give 0.5, 2.5 and 4.5; r must be positive."""
    by_hand = double([0.0, 2.0, 6.0, -1000.0])
    check_forward(student, "bru", dict(x=by_hand), double([0.5, 2.5, 4.5, -0.5]))
    for r in (3.5, 0.5, 1):
        check_curve(student, rng, "bru", bru, r=r)
    for r in (0, -2.0):
        check_raises(student, "bru_forward", by_hand, r, when=f"r = {r}")


@public
@points(1, of="bru_backward")
def test_bru_backward(student, rng):
    """The slope is that of the bionodal root unit, at ±1000 too."""
    for r in (2.0, 3.5, 0.5):
        check_slope(student, rng, "bru", bru, r=r)


@public
@points(1, of="dead_and_saturated")
def test_dead_and_saturated(student, rng):
    """Dead units have no slope for any example; saturated entries are counted one by one."""
    slopes = 0.5 + rng.uniform(6, 7)
    slopes[:, 1], slopes[2:, 3], slopes[0, 4], slopes[3, 2] = 0.0, 0.25, 0.0, -0.75
    # Dead at some tol only; flat on the average, and alive for one example.
    slopes[:, 5], slopes[:, 6], slopes[4, 6] = 0.25, 0.0, 0.5
    slopes[:, 0] = torch.tensor([0.5, -0.5, 0.75, -0.75, 1.0, -1.0])
    for s, tol in ((slopes, 0.25), (slopes, 0.0), (slopes[:1], 0.25), (-slopes, 0.125)):
        inputs = dict(slopes=s, tol=tol)
        check_result(student, "dead_and_saturated", inputs, shares(s, tol), ("dead", "saturated"))
    for bad in (slopes[0], slopes[None]):
        check_raises(student, "dead_and_saturated", bad, when=f"slopes is {tuple(bad.shape)}")


CURVES = {"relu": torch.relu, "swish": F.silu, "selu": F.selu, "tanh": torch.tanh}


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """Each step descends the gradient of all four tensors; losses are those before it."""
    x, y, lr = rng.normal(7, 6), rng.integers(7, high=3), 0.6
    start = (rng.normal(6, 5), rng.normal(5), rng.normal(5, 3), rng.normal(3))

    def step(params, grads, state):
        return tuple(p - lr * g for p, g in zip(params, grads, strict=True)), state

    for name, steps in (("tanh", 1), ("relu", 1), ("swish", 3), ("selu", 2)):

        def loss(params, x, y, curve=CURVES[name]):
            w1, b1, w2, b2 = params
            return F.cross_entropy(torch.addmm(b2, curve(torch.addmm(b1, x, w1)), w2), y)

        trained = descend(loss, start, [(x, y)] * steps, step)
        inputs = dict(x=x, y=y, params=start, name=name, steps=steps, lr=lr)
        check_result(student, "train", inputs, trained, ("params", "losses"))


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """Networks of ReLU and of Swish units read digits that they have not seen."""
    data, seed, shares_read = digits(rng, test=600), rng.seed(), []
    for name in ("relu", "swish"):
        start = call(student, "start", [64, 24, 10], seed)
        given = data.x_train, data.y_train, start, name
        result = call(student, "train", *given, steps=100, lr=0.7)
        params, _ = unpack("train", result, "(w1, b1, w2, b2)", "losses")
        w1, b1, w2, b2 = unpack("train", params, "w1", "b1", "w2", "b2")
        shapes = [getattr(p, "shape", None) for p in (w1, b1, w2, b2)]
        text = "train must return the weights in the shapes in which they were given"
        require(shapes == [p.shape for p in start], text, diagnosis="structure")
        answers = (CURVES[name](data.x_test @ w1 + b1) @ w2 + b2).argmax(1)
        shares_read.append(float((answers == data.y_test).double().mean()))
    check_at_least(min(shares_read), topic.thresholds["digits"]["accuracy"], "accuracy")
