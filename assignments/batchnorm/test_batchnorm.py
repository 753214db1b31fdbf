"""Checks of the topic batchnorm."""

from functools import partial
from itertools import product

import torch
from torch.nn.functional import batch_norm

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_gradients,
    check_raises,
    check_values,
    forward,
    points,
    public,
)
from gradus.checks.record import current
from gradus.checks.tolerance import agree

EPS = 1e-5


def batchnorm(x, gamma, beta, running, training, retention=0.9, eps=EPS):
    """(out, running) from torch's own operator, for (N, D) and (N, C, H, W)."""
    mean, var = (r.detach().clone() for r in running)
    out = batch_norm(x, mean, var, gamma, beta, training, 1 - retention, eps)
    return out, (mean, var)


def statistics(x):
    """Mean and biased variance of the features of (N, D) or (N, C, H, W)."""
    rows = x.movedim(1, -1).flatten(0, -2)
    return rows.mean(0), rows.var(0, correction=0)


def moved(running, batch, n, retention=0.9):
    """The running statistics after a batch with these (mean, biased var) of n values."""
    mean, var = batch
    pairs = zip(running, (mean, n / (n - 1) * var), strict=True)
    return tuple(retention * r + (1 - retention) * s for r, s in pairs)


def layer(rng, *shape):
    """x, gamma, beta and running for a batch of this shape; its second axis is the features'."""
    d = shape[1]
    return dict(
        x=rng.normal(*shape, mean=0.5, std=2.0),
        gamma=rng.away_from_zero(d, gap=0.3),
        beta=rng.normal(d),
        running=(rng.normal(d), rng.uniform(d, low=0.5, high=3.0)),
    )


@public
@points(1, of="init_running")
def test_init_running(student, rng):
    """The running mean starts at 0, the running variance at 1."""
    gamma = rng.normal(4)
    zeros = Wrong(
        "zero variance",
        "the running variance starts at 0: inference before training would divide by √eps alone",
        torch.zeros(4),
    )
    from_gamma = Wrong(
        "gamma", "gamma gives the shape and the dtype; its values have no part in this", gamma
    )
    check_values(
        call(student, "init_running", gamma),
        (torch.zeros_like(gamma), torch.ones_like(gamma)),
        "running",
        clues={
            "running[0]": Clues(wrong=(from_gamma,)),
            "running[1]": Clues(wrong=(zeros, from_gamma)),
        },
    )


@public
@points(1, of="batch_statistics")
def test_batch_statistics(student, rng):
    """Mean and biased variance of each column."""
    x = rng.normal(5, 3, mean=0.5)
    for rows in (x, x[:2], 1000 * x, 1e-3 * x):
        check_values(
            call(student, "batch_statistics", rows),
            statistics(rows),
            "statistics",
            clues={
                "statistics[0]": Clues(
                    sizes={"batch size": len(rows)},
                    wrong=(axis_features(rows.mean(1)), axis_all(rows.mean())),
                ),
                "statistics[1]": Clues(
                    sizes={"batch size": len(rows)}, wrong=wrong_variances(rows)
                ),
            },
        )


def axis_features(value):
    return Wrong(
        "axis:features",
        "taken over the features of each row (axis 1): each feature has its own, over the batch",
        value,
    )


def axis_all(value):
    return Wrong("axis:all", "one number for all of x: each feature has its own", value)


def wrong_variances(x):
    return (
        Wrong(
            "variance:N-1",
            "divided by N − 1: here it is the mean over all N values (torch.var has a "
            "default of its own, look it up)",
            x.var(0),
        ),
        Wrong("variance:root", "this is the standard deviation: no root yet", x.std(0, False)),
        Wrong("variance:root", "this is the standard deviation, over N − 1: no root yet", x.std(0)),
        Wrong("variance:no mean", "the mean is not subtracted before squaring", x.square().mean(0)),
        Wrong(
            "variance:square of the mean", "the differences are averaged first", x.mean(0).square()
        ),
        axis_features(x.var(1, correction=0)),
        axis_all(x.var(correction=0)),
        axis_all(x.var()),
    )


@public
@points(2, of="update_running")
def test_update_running(student, rng):
    """Several steps move the running mean and variance by 1 − retention towards the batch's."""
    d = 3
    for options in ({}, {"retention": 0.3}):
        running = (rng.normal(d), rng.uniform(d, low=0.5, high=2.0))
        for n in (5, 2, 7):
            batch = (rng.normal(d), rng.uniform(d, low=0.5, high=2.0))
            expected = moved(running, batch, n, **options)
            check_values(
                call(student, "update_running", running, batch, n, **options),
                expected,
                "running",
                clues=wrong_running(running, batch, n, **options),
            )
            running = expected


def wrong_running(running, batch, n, retention=0.9):
    """Clues for what the running statistics become after a batch of n values."""
    biased = batch[1]
    batch = (batch[0], n / (n - 1) * biased)

    def common(old, new):
        return (
            Wrong("unchanged", "it has not moved: the new value has to be returned", old),
            Wrong("overwritten", "the batch's value alone: what was collected is lost", new),
            Wrong(
                "retention:swapped",
                f"retention {retention:g} is the share of the *old* value that is kept; here it "
                "weighs the batch's",
                (1 - retention) * old + retention * new,
            ),
            Wrong(
                "retention:ignored",
                "it moves with the default retention, 0.9, not with the one that was passed",
                0.9 * old + 0.1 * new,
            ),
            Wrong(
                "weights:sum",
                "the two weights do not sum to 1: the old value is kept whole",
                old + (1 - retention) * new,
            ),
            Wrong(
                "weights:sum",
                "the two weights do not sum to 1: the batch's value is added whole",
                retention * old + new,
            ),
        )

    def of_variance(factor):
        return retention * running[1] + (1 - retention) * factor * biased

    variance = (
        Wrong(
            "variance:biased",
            "the batch's variance goes in as it is, over N: the running variance stands for the "
            "population, and takes the unbiased one",
            of_variance(1),
        ),
        Wrong(
            "variance:factor inverted",
            "multiplied by (n − 1)/n: the biased variance is too small, not too large",
            of_variance((n - 1) / n),
        ),
        Wrong(
            "variance:factor twice",
            "n/(n − 1) is in it twice: batch_statistics gives the biased variance, over N, and "
            "update_running corrects it",
            of_variance((n / (n - 1)) ** 2),
        ),
        Wrong(
            "variance:factor everywhere",
            "n/(n − 1) multiplies the old value too: it corrects the batch's variance only",
            n / (n - 1) * of_variance(1),
        ),
        Wrong(
            "retention:swapped",
            f"retention {retention:g} is the share of the *old* value that is kept; here it "
            "weighs the batch's (which also goes in without n/(n − 1))",
            (1 - retention) * running[1] + retention * biased,
        ),
    )
    return {
        "running[0]": Clues(wrong=common(running[0], batch[0])),
        "running[1]": Clues(wrong=(*common(running[1], batch[1]), *variance)),
    }


@public
@points(2, of="batchnorm_forward")
def test_batchnorm_forward_in_training(student, rng):
    """Training normalises with the batch's mean and biased variance, eps inside the root."""
    for n, d, size in ((5, 3, 1.0), (2, 4, 1.0), (6, 3, 1000.0), (6, 3, 1e-3)):
        inputs = layer(rng, n, d)
        inputs["x"] = size * inputs["x"]
        check_out(student, "batchnorm", inputs, True, statistics(inputs["x"]))
    check_out(student, "batchnorm", inputs, True, statistics(inputs["x"]), eps=0.3)


def check_out(student, name, inputs, training, used, eps=None, wrong=()):
    """`out` agrees; `used` are the mean and the variance that belong inside the formula."""
    options = {} if eps is None else {"eps": eps}
    out, *_ = forward(student, name, *inputs.values(), training, also=["running"], **options)
    expected, _ = batchnorm(*inputs.values(), training, **options)
    clues = Clues(wrong=(*wrong, *wrong_outputs(inputs, training, *used, **options)))
    check_values(out, expected, "out", clues=clues.with_tensors(inputs))


def wrong_outputs(inputs, training, mean, var, eps=EPS):
    x, gamma, beta, _ = inputs.values()

    def column(t):
        return t.reshape(1, -1, *(1,) * (x.ndim - 2))  # the features are axis 1

    gamma, beta = column(gamma), column(beta)
    for ident, text, centre, scale in wrong_scales(inputs, training, mean, var, eps):
        yield Wrong(ident, text, gamma * (x - column(centre)) * column(scale) + beta)
    scale = column((var + eps).rsqrt())
    x_hat = (x - column(mean)) * scale
    yield Wrong("mean:not subtracted", "the mean is not subtracted", gamma * x * scale + beta)
    yield Wrong("missing factor:gamma", "the scale gamma is missing", x_hat + beta)
    yield Wrong("missing factor:gamma", "gamma and beta are both missing", x_hat)
    yield Wrong(
        "swapped:gamma beta", "gamma and beta have each other's place", beta * x_hat + gamma
    )
    if x.ndim == 2:
        each = x - x.mean(1, keepdim=True)
        yield Wrong(
            "axis:features",
            "each row is normalised over its features (axis 1): each feature is, over the batch",
            gamma * each / (x.var(1, correction=0, keepdim=True) + eps).sqrt() + beta,
        )


def wrong_scales(inputs, training, mean, var, eps=EPS):
    """(id, text, what is subtracted, what is multiplied by) of normalisations gone wrong."""
    x, running = inputs["x"], inputs["running"]
    n = x.numel() // x.shape[1]
    if training:
        text = "normalised with the variance over N − 1: inside the layer it is over N"
        yield "variance:N-1", text, mean, (var * n / (n - 1) + eps).rsqrt()
        text = "normalised with the running statistics: in training it is the batch's own"
        yield "statistics:running", text, running[0], (running[1] + eps).rsqrt()
        text = "normalised with the updated running statistics: in training it is the batch's own"
        after = moved(running, (mean, var), n)
        yield "statistics:running", text, after[0], (after[1] + eps).rsqrt()
    else:
        own_mean, own_var = statistics(x)
        text = (
            "normalised with the batch's own statistics: at inference it is the running ones, or "
            "an answer would depend on its neighbours"
        )
        for own in (own_var, own_var * n / max(n - 1, 1)):
            yield "statistics:batch", text, own_mean, (own + eps).rsqrt()
    text = "eps is added to the standard deviation: it belongs to the variance, inside the root"
    yield "eps:outside the root", text, mean, 1 / (var.sqrt() + eps)
    yield "eps:missing", "eps is missing", mean, var.rsqrt()
    text = f"computed with eps = 1e-5, not with the eps that was passed, {eps:g}"
    yield "eps:default", text, mean, (var + EPS).rsqrt()
    text = "divided by the variance: take the root"
    yield "variance:no root", text, mean, 1 / (var + eps)
    yield "variance:no root", text, mean, 1 / var


@public
@points(1, of="batchnorm_forward")
def test_batchnorm_forward_collects(student, rng):
    """In training the running statistics move with every batch; a batch of one is refused."""
    for options in ({}, {"retention": 0.4}):
        inputs = layer(rng, 5, 3)
        for n in (5, 2, 7):
            inputs["x"] = rng.normal(n, 3, mean=1.0, std=2.0)
            check_running(student, "batchnorm", inputs, statistics(inputs["x"]), n, **options)
            inputs["running"] = batchnorm(*inputs.values(), True, **options)[1]
    inputs["x"] = inputs["x"][:1]
    one_row = "training gets a single row, (N, D) = (1, 3)"
    check_raises(student, "batchnorm_forward", *inputs.values(), True, when=one_row)


def check_running(student, name, inputs, batch, n, wrong_variance=(), **options):
    """The running statistics after a step of training on n values with these statistics."""
    _, _, running = forward(student, name, *inputs.values(), True, also=["running"], **options)
    clues = wrong_running(inputs["running"], batch, n, **options)
    clues["running[1]"] = Clues(wrong=(*wrong_variance, *clues["running[1]"].wrong))
    check_values(running, batchnorm(*inputs.values(), True, **options)[1], "running", clues=clues)


@public
@points(3, of="batchnorm_backward")
def test_batchnorm_backward_in_training(student, rng):
    """The gradients of x, gamma and beta, with the statistics as functions of x."""
    for n, d, size, options in ((6, 4, 1, {}), (3, 2, 1000, {}), (5, 3, 1, {"eps": 0.3})):
        inputs = layer(rng, n, d)
        inputs["x"] = size * inputs["x"]
        check_backward(student, inputs, True, rng.normal(n, d), **options)


def check_backward(student, inputs, training, dout, eps=EPS):
    x, gamma, beta, running = inputs.values()
    used = statistics(x) if training else running
    inv_std = (used[1] + eps).rsqrt()
    clues = {
        "x": wrong_dx(x, gamma, *used, dout, training, eps),
        "gamma": wrong_dgamma(x, gamma, beta, *used, dout, eps),
        "beta": (axis_features(dout.sum(1)),),
    }
    options = {} if eps == EPS else {"eps": eps}
    try:
        check_gradients(
            student,
            "batchnorm",
            {**inputs, "training": training},
            batchnorm,
            wrt=["x", "gamma", "beta"],
            options=options,
            also=["running"],
            dout=dout,
            clues={k: Clues(tensors={"1/std": inv_std}, wrong=tuple(w)) for k, w in clues.items()},
            forward_clues=Clues(wrong=tuple(wrong_outputs(inputs, training, *used, eps))),
        )
    except CheckFailed:
        what = right_on_its_cache(student, inputs, training, used, dout, eps, options)
        if what is None:
            raise
        current().remark(f"right, but for what batchnorm_forward puts into the cache: {what}")


def right_on_its_cache(student, inputs, training, used, dout, eps, options):
    """Is the backward right for a forward that normalises wrongly? Which mistake, or None.

    It then has the right formula and wrong numbers, which cost points in the forward's check.
    """
    x, gamma, beta, _ = inputs.values()
    out, cache, _ = forward(
        student, "batchnorm", *inputs.values(), training, also=["running"], **options
    )
    for _, text, mean, scale in wrong_scales(inputs, training, *used, eps):
        x_hat = (x - mean) * scale
        if not agrees(out, gamma * x_hat + beta):
            continue
        parts = paths(x, gamma, mean, scale, dout)
        dx = sum(parts) if training else parts[0]
        right = (dx, (dout * x_hat).sum(0), dout.sum(0))
        gradients = call(student, "batchnorm_backward", dout, cache)
        three = isinstance(gradients, (tuple, list)) and len(gradients) == 3
        if three and all(map(agrees, gradients, right)):
            return text
    return None


def agrees(actual, expected):
    return isinstance(actual, torch.Tensor) and agree(actual, expected)


def paths(x, gamma, mean, scale, dout):
    """The three parts of dx: by x itself, by the mean and by the variance.

    The mean and scale = 1/√(var + eps) may have wrong values; their derivatives are right.
    """
    own, of_mean, of_var = (x.clone().requires_grad_() for _ in range(3))
    centre = mean + of_mean.mean(0) - x.mean(0)
    spread = (of_var - mean).square().mean(0)
    root = (scale**-2 + spread - spread.detach()).sqrt()
    return torch.autograd.grad(gamma * (own - centre) / root, (own, of_mean, of_var), dout)


def wrong_dx(x, gamma, mean, var, dout, training, eps):
    s = (var + eps).rsqrt()
    own, through_mean, through_var = paths(x, gamma, mean, s, dout)
    if training:
        yield from wrong_paths(own, through_mean, through_var, s, gamma)
        constant = "gamma is missing, and the statistics are treated as constants"
        yield Wrong("missing factor:gamma", constant, own / gamma)
        right = own + through_mean + through_var
    else:
        own_mean, own_var = statistics(x)
        for m, v in ((mean, var), (own_mean, own_var)):
            yield Wrong(
                "training formula",
                "this is the gradient of training: at inference the statistics are constants, and "
                "x reaches the loss by one path only",
                sum(paths(x, gamma, m, (v + eps).rsqrt(), dout)),
            )
        right = own
    text = "divided by √var: eps belongs in here as in the forward"
    yield Wrong("eps:missing", text, right * var.rsqrt() / s)


def wrong_paths(own, through_mean, through_var, s, gamma):
    """Mistakes on the paths through the mean and the variance, one by one and both together."""
    n = len(own)
    hints = {
        "mean": "every x[n] moves the mean, which is subtracted from all rows",
        "variance": "every x[n] changes the variance, and with it all rows of its column",
    }
    kinds = {
        "missing": (0, "is missing"),
        "sign": (-1, "has the wrong sign"),
        "sum": (n, "is a sum over the batch, not a mean"),
        "N-1": (n / (n - 1), "is divided by N − 1: the statistics are over N"),
        "twice": (2, "counts twice"),
        "half": (0.5, "counts half: the square brings a 2, the root a 1/2"),
        "1/std missing": (1 / s, "lacks a factor 1/std"),
        "1/std extra": (s, "has a factor 1/std too many"),
        "gamma missing": (1 / gamma, "lacks the factor gamma"),
        "gamma extra": (gamma, "has a factor gamma too many"),
    }

    def dx(of_mean, of_variance):
        return own + of_mean * through_mean + of_variance * through_var

    yield Wrong(
        "statistics:constant",
        "the mean and the variance are treated as constants: x reaches the loss through them as "
        "well, by two more paths",
        dx(0, 0),
    )
    for fault, (factor, text) in kinds.items():
        for name, hint in hints.items():
            of = {"mean": 1, "variance": 1, name: factor}
            why = f"the path through the {name} {text}{f': {hint}' if fault == 'missing' else ''}"
            yield Wrong(f"{name} path:{fault}", why, dx(of["mean"], of["variance"]))
    for (kind_m, (m, text_m)), (kind_v, (v, text_v)) in product(kinds.items(), kinds.items()):
        why = f"the path through the mean {text_m}; the one through the variance {text_v}"
        yield Wrong(f"both paths:{kind_m}, {kind_v}", why, partial(dx, m, v))


def wrong_dgamma(x, gamma, beta, mean, var, dout, eps):
    x_hat = (x - mean) * (var + eps).rsqrt()
    yield Wrong(
        "x for x_hat",
        "dout is multiplied by x: what gamma multiplies is the normalised x",
        (dout * x).sum(0),
    )
    yield Wrong(
        "out for x_hat",
        "dout is multiplied by out: what gamma multiplies is x_hat, before scale and shift",
        (dout * (gamma * x_hat + beta)).sum(0),
    )
    yield axis_features((dout * x_hat).sum(1))
