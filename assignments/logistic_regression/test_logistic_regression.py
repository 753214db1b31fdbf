"""The public checks of *Logistic regression*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import check_result, check_update, descend, points, public

N, D = 7, 4


def bce(z: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy, torch's own."""
    return F.binary_cross_entropy_with_logits(z, y.to(z.dtype))


def logits(x, params):
    return torch.addmv(params[1].expand(len(x)), x, params[0])


def step(params, grads, state, lr):
    return tuple(p - lr * g for p, g in zip(params, grads, strict=True)), state


def model(rng, d=D):
    return rng.normal(d), rng.normal()


def labels(rng, n=N) -> Tensor:
    """Labels 0 and 1, both among them where there is room."""
    y = rng.integers(n, high=2)
    y[0], y[-1] = 0, 1
    return y[rng.permutation(n)]


@public
@points(1, of="sigmoid")
def test_sigmoid(recorded):
    """Log-odds become probabilities: ln 3 becomes 3/4."""
    recorded()


@public
@points(2, of="sigmoid")
def test_sigmoid_extreme(recorded):
    """Logits of ±1000 give 1 and 0, in float32 as well."""
    recorded()


@public
@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward(recorded):
    """The loss is the mean of both terms of the bracket, over the batch."""
    recorded()


@public
@points(1, of="bce_with_logits_forward")
def test_bce_with_logits_raises(recorded):
    """A column beside a vector, and labels outside [0, 1], are refused."""
    recorded()


@public
@points(3, of="bce_with_logits_backward")
def test_bce_with_logits_backward(recorded):
    """The gradient of the logits agrees with finite differences, at ±1000 too."""
    recorded()


@public
@points(3, of="logistic_gradients")
def test_logistic_gradients(recorded):
    """The gradients of w and b are those of the mean loss."""
    recorded()


@public
@points(1, of="gd_update")
def test_gd_update(student, rng):
    """Each parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params, grads = model(rng), model(rng)
    for lr, state in ((0.37, None), (2.5, [rng.normal(2)])):
        expected = step(params, grads, state, lr)
        check_update(student, "gd_update", params, grads, state, expected, options=dict(lr=lr))


@public
@points(2, of="predict")
def test_predict(recorded):
    """1 where the probability is at least 0.5, and 0 elsewhere; a tie counts as 1."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """From zeros, each step descends the gradient over all examples; losses are those before it."""
    x, y = rng.normal(9, D), labels(rng, 9)
    zeros = torch.zeros(D).double(), torch.tensor(0.0).double()
    start = "params after one step with lr = 1e-12"
    for steps, lr, name in ((1, 1e-12, start), (1, 0.7, "params"), (3, 0.7, "params")):
        update, batches = partial(step, lr=lr), [()] * steps
        expected = descend(lambda params: bce(logits(x, params), y), zeros, batches, update)
        inputs = dict(x=x, y=y, steps=steps, lr=lr)
        check_result(student, "train", inputs, expected, (name, "losses"))
