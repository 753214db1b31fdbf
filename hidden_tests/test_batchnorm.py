"""Checks of the topic batchnorm."""

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, cross_entropy
from torch.utils._pytree import tree_map

from gradus.checks import (
    call,
    check_accuracy,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    descend,
    double,
    forward_backward,
    kind,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

SIZES = [6, 5, 4, 3]
DIGITS = dict(sizes=[64, 32, 16, 10], epochs=5, lr=0.5, batch_size=64)
WRT = dict(wrt=["x", "gamma", "beta"], also=["running"])


def batchnorm(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    """(out, running) from torch's own operator, for (N, D) and (N, C, H, W)."""
    mean, var = (r.detach().clone() for r in running)
    out = batch_norm(x, mean, var, gamma, beta, training, 1 - retention, eps)
    return out, (mean, var)


def batchnorm_of_rows(x, *rest, **options):
    """What stands in for `batchnorm_forward`: maps of images are another function's exercise."""
    if x.ndim != 2:
        raise ValueError(f"x is (N, D), got {x.ndim} axes")
    return batchnorm(x, *rest, **options)


def statistics(x):
    """Mean and biased variance of the columns; an error for a single row."""
    if len(x) < 2:
        raise ValueError("a batch needs at least two rows")
    return x.mean(0), x.var(0, correction=0)


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


STAND_INS = {
    "init_running": lambda gamma: (torch.zeros_like(gamma), torch.ones_like(gamma)),
    "batch_statistics": statistics,
    "update_running": moved,
    **forward_backward("batchnorm", batchnorm_of_rows, wrt=range(3)),
    "predict": lambda x, params, running: network(x, params, running, False)[0].argmax(1),
}


def layer(rng, *shape, size=1.0):
    """x, gamma, beta and running for a batch of this shape; its second axis is the features'."""
    d = shape[1]
    return dict(
        x=size * rng.normal(*shape, mean=0.5, std=2.0),
        gamma=rng.away_from_zero(d, gap=0.3),
        beta=rng.normal(d),
        running=(rng.normal(d), rng.uniform(d, low=0.5, high=3.0)),
    )


def check_layer(student, name, inputs, training, **options):
    """The output and the running statistics are those of torch's layer."""
    inputs = dict(inputs, training=training)
    out, running = batchnorm(**inputs, **options)
    check_forward(student, name, inputs, out, options=options, also={"running": running})


@public
@points(1, of="init_running")
def test_init_running(student, rng):
    """The running mean starts at 0, the running variance at 1."""
    for gamma in (double([2, 2]), double([0, -1, 3, 0.5])):
        start = torch.zeros_like(gamma), torch.ones_like(gamma)
        check_result(student, "init_running", dict(gamma=gamma), start, "running", same_dtype=True)


@public
@points(1, of="batch_statistics")
def test_batch_statistics(student, rng):
    """Mean and biased variance of each column, first of those of the example on paper."""
    x = double([[1, 0], [3, 10], [4, 10], [5, 10], [7, 10]])
    by_hand = tuple(double([[4, 8], [4, 16]]))
    check_result(student, "batch_statistics", dict(x=x), by_hand, ("mean", "var"))
    x = rng.normal(5, 3, mean=0.5)
    for rows in (x, x[:2], 1000 * x, 1e-3 * x, x * double([1, 0, 1])):
        check_result(student, "batch_statistics", dict(x=rows), statistics(rows), ("mean", "var"))


@points(1, of="batch_statistics")
def test_batch_statistics_at_the_edges(student, rng):
    """A large mean costs the variance no digits; a single row is refused."""
    x = (1024 * rng.normal(64, 3)).round().float() / 1024  # x + 1000 is exact in float32
    pairs = [call(student, "batch_statistics", rows) for rows in (x, x + 1000)]
    near, far = (unpack("batch_statistics", pair, "mean", "var")[1] for pair in pairs)
    tensors = isinstance(near, Tensor) and isinstance(far, Tensor)
    require(tensors, f"var must be a tensor, got {kind(near)}", diagnosis="structure")
    same = near.shape == far.shape and torch.allclose(near, far, rtol=1e-3)
    text = "1000 is added to x, in float32: the variance must stay what it was"
    why = "No two large, nearly equal numbers may be subtracted: first the mean, then the squares."
    require(same, text, why, diagnosis="cancellation")
    check_raises(student, "batch_statistics", x[:1], when="the batch is a single row, (1, 3)")


@public
@points(2, of="update_running")
def test_update_running(student, rng):
    """Several steps move the running mean and variance by 1 − retention towards the batch's."""
    for options in ({}, {"retention": 0.3}, {"retention": 0.0}, {"retention": 1.0}):
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
            also = {"running": batchnorm(**inputs, **options)[1]}
            check_forward(student, "batchnorm", inputs, None, options=options, also=also)
            inputs = inputs | also
    inputs = dict(inputs, x=inputs["x"][:1])
    one_row = "training gets a single row, (N, D) = (1, 3)"
    check_raises(student, "batchnorm_forward", *inputs.values(), when=one_row)


@public
@points(1, of="batchnorm_forward")
def test_batchnorm_forward_at_inference(student, rng):
    """Inference uses the running statistics and leaves them."""
    inputs = layer(rng, 12, 3)
    mean, var = inputs["running"]
    check_layer(student, "batchnorm", inputs, False)
    check_layer(student, "batchnorm", inputs, False, eps=0.3)
    inputs |= dict(x=1000 * inputs["x"], running=(mean, 1e-6 * var))
    check_layer(student, "batchnorm", inputs, False)


@points(1, of="batchnorm_forward")
def test_batchnorm_forward_of_one_row(student, rng):
    """At inference one row is enough."""
    check_layer(student, "batchnorm", layer(rng, 1, 3), False, eps=0.3)


@public
@points(3, of="batchnorm_backward")
def test_batchnorm_backward_in_training(student, rng):
    """The gradients of x, gamma and beta, with the statistics as functions of x."""
    for n, d, size, options in ((6, 4, 1, {}), (3, 2, 1000, {}), (5, 3, 1, {"eps": 0.3})):
        inputs = dict(layer(rng, n, d, size=size), training=True)
        check_gradients(student, "batchnorm", inputs, batchnorm, options=options, **WRT)


@points(1, of="batchnorm_backward")
def test_batchnorm_backward_at_inference(student, rng):
    """At inference the statistics are constants."""
    for n, options in ((5, {}), (1, {}), (4, {"eps": 0.3})):
        inputs = dict(layer(rng, n, 3), training=False)
        check_gradients(student, "batchnorm", inputs, batchnorm, options=options, **WRT)


def check_images(student, rng, *shape):
    """Training and inference on images of this shape, with the defaults and without."""
    for options in ({}, {"eps": 0.3}, {"retention": 0.6}):
        check_layer(student, "batchnorm2d", layer(rng, *shape), True, **options)
    check_layer(student, "batchnorm2d", layer(rng, *shape), False)


@public
@points(1, of="batchnorm2d_forward")
def test_batchnorm2d_forward(student, rng):
    """Each channel of images is normalised over the batch and all positions."""
    check_images(student, rng, 2, 3, 4, 5)


@points(1, of="batchnorm2d_forward")
def test_batchnorm2d_forward_of_one_image(student, rng):
    """One image of several pixels is enough for training, and so are several of one pixel."""
    check_images(student, rng, 1, 3, 2, 4)
    check_images(student, rng, 4, 3, 1, 1)
    one = dict(layer(rng, 1, 3, 1, 1), training=True).values()
    when = "training gets one value a channel, (N, C, H, W) = (1, 3, 1, 1)"
    check_raises(student, "batchnorm2d_forward", *one, when=when)


@public
@points(1, of="batchnorm2d_backward")
def test_batchnorm2d_backward(student, rng):
    """The gradients of images, and of each channel's gamma and beta."""
    for n, training, options in ((2, True, {"eps": 0.3}), (1, True, {}), (2, False, {})):
        inputs = dict(layer(rng, n, 3, 4, 5), training=training)
        check_gradients(student, "batchnorm2d", inputs, batchnorm, options=options, **WRT)


def model(rng):
    """(params, running) of a network, with statistics far from those of normal inputs."""
    *pairs, last = zip(SIZES[:-1], SIZES[1:], strict=True)
    hidden = [(rng.normal(d, m), rng.normal(m, mean=1.0), rng.normal(m)) for d, m in pairs]
    running = [(rng.normal(m, std=2.0), rng.uniform(m, low=0.1, high=9.0)) for _, m in pairs]
    return [*hidden, (rng.normal(*last), rng.normal(last[1]))], running


@public
@points(1, of="predict")
def test_predict(student, rng):
    """Labels come from the running statistics: alone, a row gets the label it gets in company."""
    x, differ, classes = rng.normal(40, 6), 0, 0
    while differ < 4 or classes < 2:  # some models answer alike in both modes, some all rows
        params, running = model(rng)
        with_batch, labels = (network(x, params, running, m)[0].argmax(1) for m in (True, False))
        differ, classes = int((labels != with_batch).sum()), len(labels[:3].unique())
    for rows in (slice(40), slice(1), slice(1, 2), slice(2, 3)):
        inputs = dict(x=x[rows], params=params, running=running)
        check_result(student, "predict", inputs, labels[rows], "labels")


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """Parameters descend, running statistics are collected, and each epoch has its own order."""
    x, y, lr = rng.normal(17, 6), rng.integers(17, high=3), 0.3
    for seed, epochs, size in ((rng.seed(), 1, 17), (rng.seed(), 2, 17), (rng.seed(), 2, 5)):
        start = tree_map(Tensor.double, student.init_params(SIZES, seed))
        running = [(torch.zeros(m).double(), torch.ones(m).double()) for m in SIZES[1:-1]]

        def loss(params, rows, labels, running=running):
            logits, running[:] = network(rows, params, running, True)
            return cross_entropy(logits, labels)

        def step(params, grads, state):
            return tree_map(lambda p, g: p - lr * g, params, grads), state

        batches = [b for e in range(epochs) for b in student.minibatches(x, y, size, seed + e)]
        params, _ = descend(loss, start, batches, step)
        inputs = dict(x=x, y=y, sizes=SIZES, epochs=epochs, lr=lr, batch_size=size, seed=seed)
        names = "params", "running"
        check_result(student, "train", inputs, (params, running), names, same_dtype=True)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained network reads handwritten digits that it has not seen."""
    data = digits(rng)
    trained = call(student, "train", data.x_train, data.y_train, seed=rng.seed(), **DIGITS)
    model = unpack("train", trained, "params", "running")
    predictions = call(student, "predict", data.x_test, *model)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
