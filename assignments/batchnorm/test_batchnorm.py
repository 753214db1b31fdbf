"""The public checks of *Batch normalisation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, cross_entropy
from torch.utils._pytree import tree_map

from gradus.checks import (
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    descend,
    points,
    public,
)

SIZES = [6, 5, 4, 3]
WRT = dict(wrt=["x", "gamma", "beta"], also=["running"])


def batchnorm(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    """(out, running) from torch's own operator, for (N, D) and (N, C, H, W)."""
    mean, var = (r.detach().clone() for r in running)
    out = batch_norm(x, mean, var, gamma, beta, training, 1 - retention, eps)
    return out, (mean, var)


def moved(running, batch, n, retention=0.9):
    """The running statistics after a batch with these (mean, biased var) of n values."""
    unbiased = batch[0], n / (n - 1) * batch[1]
    return tuple(torch.lerp(s, r, retention) for r, s in zip(running, unbiased, strict=True))


def network(x, params, running, training):
    """(logits, running), from torch's own operators."""
    after = []
    for (w, gamma, beta), statistics in zip(params[:-1], running, strict=True):
        x, new = batchnorm(x @ w, gamma, beta, statistics, training)
        after.append(new)
        x = x.relu()
    w, b = params[-1]
    return x @ w + b, after


def layer(rng, *shape, size=1.0):
    """x, gamma, beta and running for a batch of this shape; its second axis is the features'."""
    d = shape[1]
    return dict(
        x=size * rng.normal(*shape, mean=0.5, std=2.0),
        gamma=rng.away_from_zero(d, gap=0.3),
        beta=rng.normal(d),
        running=(rng.normal(d), rng.uniform(d, low=0.5, high=3.0)),
    )


@public
@points(1, of="init_running")
def test_init_running(recorded):
    """The running mean starts at 0, the running variance at 1."""
    recorded()


@public
@points(1, of="batch_statistics")
def test_batch_statistics(recorded):
    """Mean and biased variance of each column."""
    recorded()


@public
@points(2, of="update_running")
def test_update_running(student, rng):
    """Several steps move the running mean and variance by 1 − retention towards the batch's."""
    for options in ({}, {"retention": 0.3}, {"retention": 0.0}):
        running = rng.normal(3), rng.uniform(3, low=0.5, high=2.0)
        for n in (5, 2, 7):
            batch = rng.normal(3), rng.uniform(3, low=0.5, high=2.0)
            inputs = dict(running=running, statistics=batch, n=n)
            running = moved(running, batch, n, **options)
            pair = ("mean", "var")
            check_result(student, "update_running", inputs, running, pair, options=options)


@public
@points(2, of="batchnorm_forward")
def test_batchnorm_forward_in_training(student, rng):
    """Training normalises with the batch's mean and biased variance, eps inside the root."""
    cases = (5, 3, 1.0, {}), (2, 4, 1.0, {}), (6, 3, 1000.0, {}), (6, 3, 1e-3, {})
    for n, d, size, options in (*cases, (6, 3, 1e-3, {"eps": 0.3})):
        inputs = dict(**layer(rng, n, d, size=size), training=True)
        out, _ = batchnorm(**inputs, **options)
        check_forward(student, "batchnorm", inputs, out, options=options, also={"running": None})


@public
@points(1, of="batchnorm_forward")
def test_batchnorm_forward_collects(student, rng):
    """In training the running statistics move with every batch; a batch of one is refused."""
    for options in ({}, {"retention": 0.4}):
        inputs = layer(rng, 5, 3)
        for n in (5, 2, 7):
            inputs = dict(inputs, x=rng.normal(n, 3, mean=1.0, std=2.0), training=True)
            after = batchnorm(**inputs, **options)[1]
            also = {"running": after}
            check_forward(student, "batchnorm", inputs, None, options=options, also=also)
            inputs = dict(inputs, running=after)
    inputs = dict(inputs, x=inputs["x"][:1])
    one_row = "training gets a single row, (N, D) = (1, 3)"
    check_raises(student, "batchnorm_forward", *inputs.values(), when=one_row)


@public
@points(3, of="batchnorm_backward")
def test_batchnorm_backward_in_training(student, rng):
    """The gradients of x, gamma and beta, with the statistics as functions of x."""
    for n, d, size, options in ((6, 4, 1, {}), (3, 2, 1000, {}), (5, 3, 1, {"eps": 0.3})):
        inputs, dout = dict(layer(rng, n, d, size=size), training=True), rng.normal(n, d)
        check_gradients(student, "batchnorm", inputs, batchnorm, dout=dout, options=options, **WRT)


def check_images(student, rng, n, c, h, w):
    """Training and inference on images of this shape, with the defaults and without."""
    inputs = layer(rng, n, c, h, w)
    of_training = {}, {"eps": 0.3}, {"retention": 0.6}
    for training, options in (*((True, options) for options in of_training), (False, {})):
        case = dict(inputs, training=training)
        out, running = batchnorm(**case, **options)
        also = {"running": running}
        check_forward(student, "batchnorm2d", case, out, options=options, also=also)


@public
@points(1, of="batchnorm2d_forward")
def test_batchnorm2d_forward(student, rng):
    """Each channel of images is normalised over the batch and all positions."""
    check_images(student, rng, 2, 3, 4, 5)


@public
@points(1, of="batchnorm2d_backward")
def test_batchnorm2d_backward(student, rng):
    """The gradients of images, and of each channel's gamma and beta."""
    for n, training, options in ((2, True, {"eps": 0.3}), (1, True, {}), (2, False, {})):
        inputs = dict(layer(rng, n, 3, 4, 5), training=training)
        known = dict(dout=rng.normal(n, 3, 4, 5), options=options, **WRT)
        check_gradients(student, "batchnorm2d", inputs, batchnorm, **known)


@public
@points(1, of="predict")
def test_predict(recorded):
    """Labels come from the running statistics: alone, a row gets the label it gets in company."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """Parameters descend, running statistics are collected, and each epoch has its own order."""
    x, y, lr, seed = rng.normal(12, 6), rng.integers(12, high=3), 0.3, rng.seed()
    start = tree_map(Tensor.double, student.init_params(SIZES, seed))
    for epochs, size in ((1, 12), (2, 12), (2, 5)):
        running = [(torch.zeros(m).double(), torch.ones(m).double()) for m in SIZES[1:-1]]

        def loss(params, rows, labels, running=running):
            logits, running[:] = network(rows, params, running, True)
            return cross_entropy(logits, labels)

        def step(params, grads, state):
            return tree_map(lambda p, g: p - lr * g, params, grads), state

        batches = [b for e in range(epochs) for b in student.minibatches(x, y, size, seed + e)]
        params, _ = descend(loss, start, batches, step)
        inputs = dict(x=x, y=y, sizes=SIZES, epochs=epochs, lr=lr, batch_size=size, seed=seed)
        check_result(student, "train", inputs, (params, running), ("params", "running"))
