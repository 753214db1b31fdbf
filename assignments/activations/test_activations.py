"""The public checks of *Activation functions*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    descend,
    points,
    public,
)

EXTREME = torch.tensor([1000.0, -1000.0, 90.0, -90.0, 1.5, -1.5]).double()
NEAR = torch.tensor([0.0, math.log(2), math.log(4), -0.25]).double()
SELU = (1.6732632423543772, 1.0507009873554805)  # Klambauer et al., 2017


def leaky(x: Tensor, slope: float = 0.01) -> Tensor:
    return F.leaky_relu(x, slope)


def elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0) -> Tensor:
    return scale * F.elu(x, alpha)


def bru(x: Tensor, r: float = 2.0) -> Tensor:
    right = torch.pow(1 + r * r * x.clamp(min=0), 1 / r)
    return torch.where(x < 0, torch.exp(r * x.clamp(max=0)), right) - 1 / r


def shares(slopes: Tensor, tol: float = 0.0) -> tuple[float, float]:
    flat = [[abs(s) <= tol for s in unit] for unit in slopes.T.tolist()]
    return sum(map(all, flat)) / len(flat), sum(map(sum, flat)) / slopes.numel()


def check_curve(student, rng, name, reference, **options) -> None:
    """`{name}_forward` agrees, at ±1000 too, and follows the dtype."""
    for x in (rng.normal(5, 3), rng.normal(1), EXTREME):
        check_forward(student, name, dict(x=x), reference(x, **options), options=options)
    x = EXTREME.float()
    out = reference(x, **options)
    check_forward(student, name, dict(x=x), out, options=options, same_dtype=True)


def check_slope(student, rng, name, reference, **options) -> None:
    """`{name}_backward` agrees, at ±1000 and at 0 too."""
    for x in (rng.away_from_zero(4, 5), rng.away_from_zero(1), EXTREME, NEAR):
        more = dict(wrt=["x"], options=options, dout=rng.normal(*x.shape))
        check_gradients(student, name, dict(x=x), reference, **more)


@public
@points(1, of="sigmoid_forward")
def test_sigmoid_forward(recorded):
    """ln 4 gives 0.8, and ±1000 give 1 and 0."""
    recorded()


@public
@points(1, of="sigmoid_backward")
def test_sigmoid_backward(recorded):
    """The slope is that of the sigmoid: 0.16 where the output is 0.8."""
    recorded()


@public
@points(1, of="tanh_backward")
def test_tanh_backward(recorded):
    """The slope is that of tanh: 0.64 where the output is 0.6."""
    recorded()


@public
@points(2, of="leaky_relu_backward")
def test_leaky_relu_backward(student, rng):
    """The gradient passes where x > 0, and is multiplied by the slope elsewhere, 0 included."""
    for slope in (0.3, 0.0, 0.01):
        check_slope(student, rng, "leaky_relu", leaky, slope=slope)


@public
@points(0.5, of="selu_constants")
def test_selu_constants(recorded):
    """Alpha is about 1.6733 and the scale about 1.0507, to more digits than that."""
    recorded()


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
def test_gelu_forward(recorded):
    """GELU and its tanh form agree with torch's, each with its own; other gates are refused."""
    recorded()


@public
@points(1, of="gated_forward")
def test_swish_forward(recorded):
    """Swish is x times the sigmoid, at ±1000 too."""
    recorded()


@public
@points(1, of="gated_backward")
def test_gelu_backward(recorded):
    """The slopes are those of GELU's two forms, each its own."""
    recorded()


@public
@points(1, of="gated_backward")
def test_swish_backward(recorded):
    """The slope is that of Swish, by the product rule, at ±1000 too."""
    recorded()


@public
@points(2, of="maxout_backward")
def test_maxout_backward(recorded):
    """Only the largest piece gets the gradient; of equal ones, the first."""
    recorded()


@public
@points(1, of="bru_forward")
def test_bru_forward(student, rng):
    """With r = 2, the inputs 0, 2 and 6 give 0.5, 2.5 and 4.5; r must be positive."""
    by_hand = torch.tensor([0.0, 2.0, 6.0, -1000.0]).double()
    right = torch.tensor([0.5, 2.5, 4.5, -0.5]).double()
    check_forward(student, "bru", dict(x=by_hand), right)
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
    slopes = 0.5 + rng.uniform(6, 5)
    slopes[:, 1], slopes[2:, 3], slopes[0, 4], slopes[3, 2] = 0.0, 0.25, 0.0, -0.75
    slopes[:, 0] = torch.tensor([0.5, -0.5, 0.75, -0.75, 1.0, -1.0])
    for s, tol in ((slopes, 0.25), (slopes, 0.0), (slopes[:1], 0.25), (-slopes, 0.125)):
        inputs = dict(slopes=s, tol=tol)
        check_result(student, "dead_and_saturated", inputs, shares(s, tol), ("dead", "saturated"))
    for bad in (slopes[0], slopes[None]):
        when = f"slopes has the shape {tuple(bad.shape)}"
        check_raises(student, "dead_and_saturated", bad, when=when)


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
