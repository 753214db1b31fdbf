"""Checks of the topic logistic_regression."""

import math
from functools import partial

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
    check_update,
    descend,
    double,
    forward_backward,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

N, D = 7, 4
DIGITS = dict(steps=300, lr=1.0)


def bce(z: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy, torch's own."""
    return F.binary_cross_entropy_with_logits(z, y.to(z.dtype))


def logits(x, params):
    return torch.addmv(params[1].expand(len(x)), x, params[0])


def gradients(x, y, params):
    """autograd's gradients of w and b."""
    own = [p.detach().clone().requires_grad_() for p in params]
    with torch.enable_grad():
        loss = bce(logits(x, own), y)
    return torch.autograd.grad(loss, own)


def step(params, grads, state, lr):
    return tuple(p - lr * g for p, g in zip(params, grads, strict=True)), state


STAND_INS = {
    "sigmoid": torch.sigmoid,
    **forward_backward("bce_with_logits", bce, wrt=[0]),
    "logistic_gradients": gradients,
    "gd_update": step,
}


def model(rng, d=D):
    return rng.normal(d), rng.normal()


def labels(rng, n=N) -> Tensor:
    """Labels 0 and 1, both among them where there is room."""
    y = rng.integers(n, high=2)
    y[0], y[-1] = 0, 1
    return y[rng.permutation(n)]


@public
@points(1, of="sigmoid")
def test_sigmoid(student, rng):
    """Log-odds become probabilities, first those of the example on paper; ln 3 becomes 3/4."""
    on_paper = double([0.1192029220, 0.2689414214, 0.5, 0.7310585786])
    check_result(student, "sigmoid", dict(z=double([-2, -1, 0, 1])), on_paper, "a")
    by_hand = double([0.0, math.log(3), -math.log(3), math.log(4), -math.log(9)])
    check_result(student, "sigmoid", dict(z=by_hand), double([0.5, 0.75, 0.25, 0.8, 0.1]), "a")
    for z in (rng.normal(5, 3), double([-20.5])):  # the last is 1e-9, and not 0
        check_result(student, "sigmoid", dict(z=z), torch.sigmoid(z), "a")


@public
@points(2, of="sigmoid")
def test_sigmoid_extreme(student, rng):
    """Logits of ±1000 give 1 and 0, in float32 as well."""
    z = torch.tensor([1000.0, -1000.0, 710.0, -750.0, 90.0, -105.0, 0.0, 20.0, -20.0])
    for dtype in (torch.float64, torch.float32):
        own = z[rng.permutation(len(z))].to(dtype)
        check_result(student, "sigmoid", dict(z=own), torch.sigmoid(own), "a", same_dtype=True)


@public
@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward(student, rng):
    """The loss is the mean of both terms of the bracket, over the batch."""
    z, y, soft = rng.normal(N, std=2), labels(rng), rng.uniform(N)
    for targets in (y.double(), y, soft):
        check_forward(student, "bce_with_logits", dict(z=z, y=targets), bce(z, targets))
    for odds, target, by_hand in ((3, 1.0, 4 / 3), (3, 0.0, 4), (1e-5, 1.0, 1 + 1e5)):
        inputs = dict(z=double([odds]).log(), y=double([target]))
        check_forward(student, "bce_with_logits", inputs, math.log(by_hand))


@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward_extreme(student):
    """Logits of ±1000 and ±40 have a finite loss: a sure wrong answer at −1000 costs 1000."""
    for z, y in (
        (double([1000, -900, 0.5]), double([1, 0, 1])),
        (double([-1000]), double([1])),
        (double([1000]), double([0])),
        (double([40, -40, 0.5]), double([0, 1, 1])),
        (double([800, -800, 0.5]), double([0.25, 0.75, 1])),
    ):
        check_forward(student, "bce_with_logits", dict(z=z, y=y), bce(z, y))


@public
@points(1, of="bce_with_logits_forward")
def test_bce_with_logits_raises(student, rng):
    """A column beside a vector, and labels outside [0, 1], are refused."""
    z, y = torch.linspace(-1, 0.9, N, dtype=torch.float64), labels(rng).double()
    for bad_z, bad_y, when in (
        (z[:, None], y, "z is (N, 1) and y (N,)"),
        (z, y[:, None], "z is (N,) and y (N, 1)"),
        (z, 2 * y - 1, "labels are −1 and 1"),
        (z, y + 1, "labels are 1 and 2"),
        (z, y - 1e-6, "labels are −0.000001 and 0.999999"),
        (z, 1.000001 * y, "labels are 0 and 1.000001"),
    ):
        check_raises(student, "bce_with_logits_forward", bad_z, bad_y, when=when)
    check_forward(student, "bce_with_logits", dict(z=z, y=y), bce(z, y))


@public
@points(3, of="bce_with_logits_backward")
def test_bce_with_logits_backward(student, rng):
    """The gradient of the logits agrees with finite differences, at ±1000 too."""
    scores, of_class, dout = rng.normal(N, std=2), labels(rng).double(), rng.normal()
    for z, y in (
        (scores, of_class),
        (scores, rng.uniform(N)),
        (scores[:1], of_class[:1]),
        (double([1000, -1000, 1000, -1000, 40, -40, 0.3]), double([1, 1, 0, 0, 0, 1, 1])),
    ):
        check_gradients(student, "bce_with_logits", dict(z=z, y=y), bce, wrt=["z"], dout=dout)
        dout = -dout


@public
@points(3, of="logistic_gradients")
def test_logistic_gradients(student, rng):
    """The gradients of w and b are those of the mean loss."""
    x, y, params = rng.normal(N, D), labels(rng), model(rng)
    for rows, targets, theta in (
        (x, y, params),
        (x.repeat(2, 1), rng.uniform(2 * N), params),  # every row twice
        (x[:1], y[:1], params),
        (1000 * x, y.double(), params),
        (rng.normal(3, 1), y[:3], model(rng, 1)),
    ):
        inputs, right = dict(x=rows, y=targets, params=theta), gradients(rows, targets, theta)
        sizes = {"number of features": rows.shape[1]}
        check_result(student, "logistic_gradients", inputs, right, ("dw", "db"), sizes=sizes)


@public
@points(1, of="gd_update")
def test_gd_update(student, rng):
    """Each parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params, (dw, db) = model(rng), model(rng)
    for lr, size, state in ((0.37, 1, None), (2.5, 1000, [rng.normal(2)]), (1000, 1e-6, None)):
        grads = size * dw, size * db
        expected = step(params, grads, state, lr)
        check_update(student, "gd_update", params, grads, state, expected, options=dict(lr=lr))


@public
@points(2, of="predict")
def test_predict(student, rng):
    """1 where the probability is at least 0.5, and 0 elsewhere; a tie counts as 1."""
    w, b = double([0.5, -0.25]), double(0.75)
    z = double([0.0, -(2**-21), 0.125, 0.375, -0.125, -0.375, 0.625, -0.625, 3, -3, 1000, -1000])
    z = z[rng.permutation(len(z))]
    second = rng.integers(len(z), low=-2, high=3).double()
    x = torch.stack([2 * (z - b + 0.25 * second), second], 1)  # exact, so that a tie is one
    more, params = rng.normal(20, D), model(rng)
    for rows, theta, scores in (
        (x, (w, b), z),
        (x[:1], (w, b), z[:1]),
        (more, params, logits(more, params)),
    ):
        inputs = dict(x=rows, params=theta)
        check_result(student, "predict", inputs, (scores >= 0).long(), "labels")


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """From zeros, each step descends the gradient over all examples; losses are those before it."""
    data, y = rng.normal(9, D), labels(rng, 9)
    data[1], y[1] = data[0], 1 - y[0]  # nothing separates these, and the loss may rise
    zeros = torch.zeros(D).double(), double(0.0)
    for size, steps, lr in ((1, 1, 1e-12), (1, 1, 0.7), (1, 3, 0.7), (1, 3, 1e-5), (10, 3, 5.0)):
        name = "params after one step with lr = 1e-12" if lr == 1e-12 else "params"
        x, update = size * data, partial(step, lr=lr)
        batches = [(x, y)] * steps
        expected = descend(lambda params, x, y: bce(logits(x, params), y), zeros, batches, update)
        inputs = dict(x=x, y=y, steps=steps, lr=lr)
        check_result(student, "train", inputs, expected, (name, "losses"), same_dtype=True)


@points(2, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained unit tells nines from other digits that it has not seen."""
    data = digits(rng, test=700)  # seventy nines: fewer make the accuracy swing
    result = call(student, "train", data.x_train, (data.y_train == 9).long(), **DIGITS)
    params, _ = unpack("train", result, "params", "losses")
    w, b = unpack("train", params, "w", "b")
    fits = getattr(w, "shape", None) == (64,) and torch.as_tensor(b).numel() == 1
    text = "train must return params (w, b) of shapes (64,) and ()"
    require(fits, text, diagnosis="structure")
    answers, nine = data.x_test.double() @ w.double() + b >= 0, data.y_test == 9
    recognised = [float((answers == nine)[group].double().mean()) for group in (nine, ~nine)]
    threshold = topic.thresholds["digits"]["balanced accuracy"]
    check_at_least(sum(recognised) / 2, threshold, "balanced accuracy")
