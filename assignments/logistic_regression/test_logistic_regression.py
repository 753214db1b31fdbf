"""Checks of the topic logistic_regression."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.failure import kind

N, D = 7, 4


def bce(z: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy, torch's own."""
    return F.binary_cross_entropy_with_logits(z, y.to(z.dtype))


def descend(params, grads, state, lr):
    return tuple(p - lr * g for p, g in zip(params, grads, strict=True)), state


def model(rng, d=D):
    return rng.normal(d), rng.normal()


def labels(rng, n=N) -> Tensor:
    """Labels 0 and 1, both among them where there is room."""
    y = rng.integers(n, high=2)
    y[0], y[-1] = 0, 1
    return y[rng.permutation(n)]


def pair(value, what: str):
    """`value` as a pair; `what` says of what."""
    require(
        isinstance(value, (tuple, list)) and len(value) == 2,
        f"{what}, got {f'{len(value)} values' if isinstance(value, list | tuple) else kind(value)}",
        diagnosis="structure",
    )
    return value


@public
@points(1, of="sigmoid")
def test_sigmoid(student, rng):
    """Log-odds become probabilities: ln 3 becomes 3/4."""
    by_hand = torch.tensor([0.0, math.log(3), -math.log(3), math.log(4), -math.log(9)]).double()
    by_hand_probabilities = torch.tensor([0.5, 0.75, 0.25, 0.8, 0.1]).double()
    for z, expected in (
        (by_hand, by_hand_probabilities),
        *((z, torch.sigmoid(z)) for z in (rng.normal(5, 3), rng.normal(1))),
    ):
        wrong = (
            Wrong("odds", "these are the odds, not the probability", z.exp()),
            Wrong("other class", "this is the probability of y = 0", torch.sigmoid(-z)),
        )
        clues = Clues(wrong=wrong, tensors={"z": z})
        check_values(call(student, "sigmoid", z), expected, "a", clues=clues)


@public
@points(2, of="sigmoid")
def test_sigmoid_extreme(student, rng):
    """Logits of ±1000 give 1 and 0, in float32 as well."""
    z = torch.tensor([1000.0, -1000.0, 710.0, -750.0, 90.0, -105.0, 0.0, 20.0, -20.0])
    for dtype in (torch.float64, torch.float32):
        own = z[rng.permutation(len(z))].to(dtype)
        a = call(student, "sigmoid", own)
        name = str(dtype).removeprefix("torch.")
        expected = torch.sigmoid(own)
        overflow = f"in {name} exp overflows, and ∞/∞ is NaN: write σ without positive exponents"
        nan = torch.where(own.exp().isinf(), torch.nan, expected)
        check_values(a, expected, "a", clues=Clues(wrong=(Wrong("overflow", overflow, nan),)))
        require(a.dtype == dtype, f"the result for {name} logits is {a.dtype}", diagnosis="dtype")


@public
@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward(student, rng):
    """The loss is the mean of both terms of the bracket, over the batch."""
    scores, of_class = rng.normal(N, std=2), labels(rng)
    ln3, one = torch.tensor([math.log(3)]).double(), torch.ones(1).double()
    for z, y, expected in (
        (scores, of_class.double(), bce(scores, of_class)),
        (scores, of_class, bce(scores, of_class)),
        (scores, soft := rng.uniform(N), bce(scores, soft)),
        (ln3, one, math.log(4 / 3)),
        (ln3, 0 * one, math.log(4)),
    ):
        clues = Clues(wrong=wrong_losses(z, y))
        check_forward(student, "bce_with_logits", dict(z=z, y=y), expected, clues=clues)


def wrong_losses(z: Tensor, y: Tensor) -> tuple[Wrong, ...]:
    of_1, of_0 = -y * F.logsigmoid(z), -(1 - y) * F.logsigmoid(-z)
    bracket = (
        "the mean reaches over the first term of the bracket only: it is over both, "
        "[y ln a + (1 − y) ln(1 − a)]"
    )
    return (
        Wrong("bracket", bracket, of_1.mean() + of_0),
        Wrong("bracket", bracket, of_1.mean() - of_0),
        Wrong("only y = 1", "the term of y = 0 is missing", of_1.mean()),
        Wrong("only y = 0", "the term of y = 1 is missing", of_0.mean()),
        Wrong("other class", "the labels 0 and 1 are mixed up", bce(-z, y)),
        Wrong("twice", "z goes through the sigmoid twice", bce(z.sigmoid(), y)),
        Wrong(
            "hard targets", "a target may lie between 0 and 1: it weighs both terms", bce(z, y == 1)
        ),
        Wrong("sign of yz", "the sign of y·z in ℓ is wrong", bce(z, y) + 2 * (y * z).mean()),
        Wrong("bits", "a loss in bits: ln is the natural logarithm", bce(z, y) / math.log(2)),
    )


@public
@points(1, of="bce_with_logits_forward")
def test_bce_with_logits_raises(student, rng):
    """A column beside a vector, and labels outside [0, 1], are refused."""
    z, y = rng.normal(N), labels(rng).double()
    for bad_z, bad_y, when in (
        (z[:, None], y, "z is (N, 1) and y (N,)"),
        (z, y[:, None], "z is (N,) and y (N, 1)"),
        (z, 2 * y - 1, "labels are −1 and 1"),
        (z, y + 1, "labels are 1 and 2"),
    ):
        check_raises(student, "bce_with_logits_forward", bad_z, bad_y, when=when)


@public
@points(3, of="bce_with_logits_backward")
def test_bce_with_logits_backward(student, rng):
    """The gradient of the logits agrees with finite differences, at ±1000 too."""
    scores, of_class, dout = rng.normal(N, std=2), labels(rng).double(), rng.normal()
    sure = torch.tensor([1000.0, -1000.0, 1000.0, -1000.0, 40.0, -40.0, 0.3]).double()
    answers = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]).double()
    for z, y in (
        (scores, of_class),
        (scores, rng.uniform(N)),
        (scores[:1], of_class[:1]),
        (sure, answers),
    ):
        a = torch.sigmoid(z)
        clues = Clues(sizes={"dout": float(dout)}, tensors={"σ′(z)": a * (1 - a)})
        known = dict(wrt=["z"], dout=dout, clues={"z": clues})
        check_gradients(student, "bce_with_logits", dict(z=z, y=y), bce, **known)


@public
@points(1, of="gd_update")
def test_gd_update(student, rng):
    """Each parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params, grads = model(rng), model(rng)
    for lr in (0.37, 2.5):
        result = call(student, "gd_update", params, grads, None, lr)
        after, state = pair(result, "gd_update must return (params, state)")
        pair(after, "the first value that gd_update returns must be params, a pair (w, b)")
        clues = {
            f"params[{j}]": Clues(
                wrong=(
                    Wrong("uphill", "the step goes uphill", p + lr * g),
                    Wrong("no lr", "the learning rate is missing from the step", p - g),
                    Wrong("unchanged", "the parameter is returned as it came", p),
                )
            )
            for j, (p, g) in enumerate(zip(params, grads, strict=True))
        }
        check_values(after, descend(params, grads, None, lr)[0], "params", clues=clues)
        require(state is None, "the state must be returned as it came", diagnosis="state")
