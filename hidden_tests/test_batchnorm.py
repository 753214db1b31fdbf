"""Checks of the topic batchnorm."""

from functools import partial
from itertools import product

import torch
from torch.nn.functional import batch_norm, cross_entropy
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_accuracy,
    check_gradients,
    check_raises,
    check_values,
    forward,
    forward_backward,
    kind,
    points,
    public,
    require,
)
from gradus.checks.data import digits
from gradus.checks.record import current
from gradus.checks.tolerance import agree

EPS = 1e-5
SIZES = [6, 5, 4, 3]
DIGITS = dict(sizes=[64, 32, 16, 10], epochs=5, lr=0.5, batch_size=64)


def batchnorm(x, gamma, beta, running, training, retention=0.9, eps=EPS):
    """(out, running) from torch's own operator, for (N, D) and (N, C, H, W)."""
    mean, var = (r.detach().clone() for r in running)
    out = batch_norm(x, mean, var, gamma, beta, training, 1 - retention, eps)
    return out, (mean, var)


def statistics(x):
    """Mean and biased variance of the features of (N, D) or (N, C, H, W)."""
    rows = x.movedim(1, -1).flatten(0, -2)
    return rows.mean(0), rows.var(0, correction=0)


def statistics_or_error(x):
    if len(x) < 2:
        raise ValueError("a batch needs at least two rows")
    return statistics(x)


def moved(running, batch, n, retention=0.9):
    """The running statistics after a batch with these (mean, biased var) of n values."""
    mean, var = batch
    pairs = zip(running, (mean, n / (n - 1) * var), strict=True)
    return tuple(retention * r + (1 - retention) * s for r, s in pairs)


def network(x, params, running, training):
    """(logits, running), from torch's own operators."""
    after = []
    for (w, gamma, beta), statistics in zip(params[:-1], running, strict=True):
        x, new = batchnorm(x @ w, gamma, beta, statistics, training)
        after.append(new)
        x = x.relu()
    w, b = params[-1]
    return x @ w + b, after


# What checks use for functions that have failed their own check.
STAND_INS = {
    "init_running": lambda gamma: (torch.zeros_like(gamma), torch.ones_like(gamma)),
    "batch_statistics": statistics_or_error,
    "update_running": moved,
    **forward_backward("batchnorm", batchnorm, wrt=range(3)),
    "predict": lambda x, params, running: network(x, params, running, False)[0].argmax(1),
}


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


@points(1, of="batch_statistics")
def test_batch_statistics_at_the_edges(student, rng):
    """A large mean costs the variance no digits; a single row is refused."""
    x = (1024 * rng.normal(64, 3)).round().float() / 1024  # x + 1000 is exact in float32
    near, far = (call(student, "batch_statistics", rows) for rows in (x, x + 1000))
    for pair in (near, far):
        two = isinstance(pair, (tuple, list)) and len(pair) == 2
        require(
            two and isinstance(pair[1], torch.Tensor),
            f"batch_statistics must return (mean, var), got {kind(pair)}",
            diagnosis="structure",
        )
    not_centred = Wrong(
        "variance:no mean",
        "the mean is not subtracted before squaring",
        (x + 1000).square().mean(0),
    )
    cancelled = Wrong(
        "cancellation",
        "1000 was added to x (float32), and the variance is not what it was. Are two large, nearly "
        "equal numbers subtracted? Take the mean away before squaring",
        far[1],
    )
    check_values(
        far[1], near[1], "variance of x + 1000", clues=Clues(wrong=(not_centred, cancelled))
    )
    one_row = "the batch is a single row, (N, D) = (1, 3): it has no spread"
    check_raises(student, "batch_statistics", x[:1], when=one_row)


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


@points(2, of="batchnorm_forward")
def test_batchnorm_forward_at_inference(student, rng):
    """Inference uses the running statistics and leaves them; one row is enough."""
    inputs = layer(rng, 6, 3)
    x, (mean, var) = inputs["x"], inputs["running"]
    for rows, running, eps in (
        (x, (mean, var), None),
        (x[:1], (mean, var), None),
        (1000 * x, (mean, 1e-6 * var), None),
        (x, (mean, var), 0.3),
    ):
        case = {**inputs, "x": rows, "running": running}
        check_out(student, "batchnorm", case, False, running, eps)
    check_untouched(student, "batchnorm", inputs)


def check_untouched(student, name, inputs):
    """Inference returns the running statistics as they came."""
    _, _, running = forward(student, name, *inputs.values(), False, also=["running"])
    why = "the running statistics move at inference: test data must not change the model"
    clues = {
        f"running[{i}]": Clues(wrong=(Wrong("updated at inference", why, value),))
        for i, value in enumerate(batchnorm(*inputs.values(), True)[1])
    }
    check_values(running, inputs["running"], "running", clues=clues)


@public
@points(3, of="batchnorm_backward")
def test_batchnorm_backward_in_training(student, rng):
    """The gradients of x, gamma and beta, with the statistics as functions of x."""
    for n, d, size, options in ((6, 4, 1, {}), (3, 2, 1000, {}), (5, 3, 1, {"eps": 0.3})):
        inputs = layer(rng, n, d)
        inputs["x"] = size * inputs["x"]
        check_backward(student, inputs, True, rng.normal(n, d), **options)


@points(1, of="batchnorm_backward")
def test_batchnorm_backward_at_inference(student, rng):
    """At inference the statistics are constants."""
    for n, options in ((5, {}), (1, {}), (4, {"eps": 0.3})):
        check_backward(student, layer(rng, n, 3), False, rng.normal(n, 3), **options)


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


@points(2, of="batchnorm2d_forward")
def test_batchnorm2d_forward(student, rng):
    """Each channel of images is normalised over the batch and all positions."""
    for n, c, h, w in ((2, 3, 4, 5), (1, 3, 2, 4)):
        inputs = layer(rng, n, c, h, w)
        x = inputs["x"]
        batch = statistics(x)
        images = Wrong(
            "count:images",
            "n/(n − 1) with the number of images: the statistics are over n = N·H·W values",
            lambda i=inputs, b=batch: moved(i["running"], b, len(i["x"]))[1],
        )
        check_out(student, "batchnorm2d", inputs, True, batch, wrong=wrong_images(inputs))
        check_out(student, "batchnorm2d", inputs, True, batch, 0.3, wrong_images(inputs, eps=0.3))
        check_running(student, "batchnorm2d", inputs, batch, x.numel() // c, (images,))
        check_running(
            student, "batchnorm2d", inputs, batch, x.numel() // c, (images,), retention=0.6
        )
        check_out(student, "batchnorm2d", inputs, False, inputs["running"])
        check_untouched(student, "batchnorm2d", inputs)


def wrong_images(inputs, eps=EPS):
    x, gamma, beta, running = inputs.values()
    for ident, dims, what in (
        ("axis:batch", [0], "every pixel has statistics of its own, over the batch"),
        ("axis:image", [2, 3], "every image is normalised by itself (that is instance norm)"),
        ("axis:example", [1, 2, 3], "each example is normalised over all its channels"),
        ("axis:all", [0, 1, 2, 3], "all channels share one mean and variance"),
    ):
        mean, var = x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)
        x_hat = (x - mean) / (var + eps).sqrt()
        value = gamma.reshape(-1, 1, 1) * x_hat + beta.reshape(-1, 1, 1)
        why = f"{what}: a channel's statistics are over N, H and W"
        yield Wrong(ident, why, value)
    flat = partial(batchnorm, gamma=gamma, beta=beta, running=running, training=True, eps=eps)
    scrambled = flat(x.reshape(-1, x.shape[1]))[0]
    yield Wrong("axes:not moved", NOT_MOVED, scrambled.reshape(x.shape))
    last = x.movedim(1, -1)
    yield Wrong("axes:not moved", NOT_MOVED, scrambled.reshape(last.shape).movedim(-1, 1))
    rows = last.reshape(-1, x.shape[1])
    yield Wrong("axes:not moved back", NOT_MOVED_BACK, flat(rows)[0].reshape(x.shape))


NOT_MOVED = (
    "reshape does not move axes: in memory the values of one channel are not every C-th ones. "
    "Bring the channels to the end first"
)
NOT_MOVED_BACK = (
    "normalised rightly, then put back into (N, C, H, W) by a reshape: the rows are in the order "
    "N, H, W, with the channels last"
)


@points(1, of="batchnorm2d_backward")
def test_batchnorm2d_backward(student, rng):
    """The gradients of images, and of each channel's gamma and beta."""
    for n, training, options in ((2, True, {"eps": 0.3}), (1, True, {}), (2, False, {})):
        inputs, dout = layer(rng, n, 3, 4, 5), rng.normal(n, 3, 4, 5)
        wrong = wrong_image_gradients(inputs, training, dout, **options)
        used = statistics(inputs["x"]) if training else inputs["running"]
        check_gradients(
            student,
            "batchnorm2d",
            {**inputs, "training": training},
            batchnorm,
            wrt=["x", "gamma", "beta"],
            options=options,
            also=["running"],
            dout=dout,
            clues={name: Clues(wrong=tuple(values)) for name, values in wrong.items()},
            forward_clues=Clues(
                wrong=(
                    *wrong_images(inputs, **options),
                    *wrong_outputs(inputs, training, *used, **options),
                )
            ),
        )


def wrong_image_gradients(inputs, training, dout, eps=EPS):
    x, gamma, beta, running = inputs.values()
    c = x.shape[1]
    last = (x.movedim(1, -1), dout.movedim(1, -1))
    rows, right = (t.reshape(-1, c) for t in last)

    def gradients(upstream):
        leaves = [t.clone().requires_grad_() for t in (rows, gamma, beta)]
        out, _ = batchnorm(*leaves, running, training, eps=eps)
        return torch.autograd.grad(out, leaves, upstream)

    scrambled = gradients(dout.reshape(-1, c))
    back = scrambled[0].reshape(last[0].shape).movedim(-1, 1)
    return {
        "x": (
            Wrong("axes:not moved", NOT_MOVED, back),
            Wrong("axes:not moved", NOT_MOVED, scrambled[0].reshape(x.shape)),
            Wrong("axes:not moved back", NOT_MOVED_BACK, gradients(right)[0].reshape(x.shape)),
        ),
        "gamma": (Wrong("axes:not moved", NOT_MOVED, scrambled[1]),),
        "beta": (Wrong("axes:not moved", NOT_MOVED, scrambled[2]),),
    }


def model(rng, sizes=SIZES):
    """(params, running) of a network, with statistics far from those of normal inputs."""
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    hidden = [(rng.normal(d, m), rng.normal(m, mean=1.0), rng.normal(m)) for d, m in pairs[:-1]]
    running = [(rng.normal(m, std=2.0), rng.uniform(m, low=0.1, high=9.0)) for m in sizes[1:-1]]
    return [*hidden, (rng.normal(*pairs[-1]), rng.normal(sizes[-1]))], running


@points(1, of="predict")
def test_predict(student, rng):
    """Labels come from the running statistics: alone, a row gets the label it gets in company."""
    x, differ = rng.normal(40, 6), 0
    while differ < 4:  # some models answer alike in both modes
        params, running = model(rng)
        with_batch, logits = (network(x, params, running, mode)[0] for mode in (True, False))
        labels = logits.argmax(1)
        differ = int((labels != with_batch.argmax(1)).sum())
    wrong = (
        Wrong(
            "statistics:batch",
            "these are the labels of training mode: a prediction must not depend on the other rows",
            with_batch.argmax(1),
        ),
        Wrong("logits", "these are the logits: the label is the place of the largest", logits),
        Wrong("axis:features", "the largest logit is sought over the rows", logits.argmax(0)),
    )
    for rows in (x, x[:1]):
        clues = Clues(wrong=tuple(Wrong(w.id, w.explanation, w.value[: len(rows)]) for w in wrong))
        check_values(
            call(student, "predict", rows, params, running),
            labels[: len(rows)],
            "labels",
            clues=clues,
        )


@points(1, of="train")
def test_train_steps(student, rng):
    """Parameters descend, running statistics are collected, and each epoch has its own order."""
    x, y, lr, seed = rng.normal(12, 6), rng.integers(12, high=3), 0.3, rng.seed()
    params = tree_map(torch.Tensor.double, student.init_params(SIZES, seed))
    start = params, [(torch.zeros(m).double(), torch.ones(m).double()) for m in SIZES[1:-1]]

    def follow(epochs, batch_size, first=start, order=lambda epoch: seed + epoch, training=True):
        state = first
        for epoch in range(epochs):
            for rows, labels in student.minibatches(x, y, batch_size, order(epoch)):
                state = descend(rows, labels, *state, lr, training)
        return state

    for epochs, size in ((1, 12), (2, 12), (2, 5)):
        params_after, running_after = trained(student, x, y, SIZES, epochs, lr, size, seed)
        right = follow(epochs, size)
        anew = follow(1, size, order=lambda epoch, last=epochs - 1: seed + last)
        late = follow(1, 12, (follow(epochs - 1, size)[0], start[1]))
        mistakes = [
            ("untrained", "it is what it was before the first step", start),
            ("restarted", "only the last epoch counts: is it set anew in each?", anew),
            ("restarted", "only the last epoch counts: is it set anew in each?", late),
            (
                "inference mode",
                "trained with the running statistics: that is the layer at inference",
                follow(epochs, size, training=False),
            ),
            (
                "same order",
                "all epochs see one order: give each a seed of its own, seed + epoch",
                follow(epochs, size, order=lambda epoch: seed),
            ),
            (
                "seeds from 1",
                "the seeds begin at seed + 1: the first epoch is e = 0",
                follow(epochs, size, order=lambda epoch: seed + epoch + 1),
            ),
        ]
        for name, value, k in (("params", params_after, 0), ("running", running_after, 1)):
            clues = leaf_clues(name, [(ident, text, both[k]) for ident, text, both in mistakes])
            check_values(value, right[k], name, clues=clues)


def trained(student, *args, **kwargs):
    """What train returns: (params, running)."""
    value = call(student, "train", *args, **kwargs)
    require(
        isinstance(value, (tuple, list)) and len(value) == 2,
        f"train must return (params, running), got {kind(value)}",
        diagnosis="structure",
    )
    return value


def descend(x, y, params, running, lr, training=True):
    """One step on the mean cross-entropy, with autograd's gradients: (params, running)."""
    flat, spec = tree_flatten(params)
    leaves = [t.clone().requires_grad_() for t in flat]
    logits, running = network(x, tree_unflatten(leaves, spec), running, training)
    grads = torch.autograd.grad(cross_entropy(logits, y), leaves)
    pairs = zip(flat, grads, strict=True)
    return tree_unflatten([p - lr * g for p, g in pairs], spec), running


def leaf_clues(name, mistakes):
    """Clues for each tensor of a list of tuples, from mistakes (id, text, such a list)."""
    clues = {}
    for i, layer in enumerate(mistakes[0][2]):
        for j in range(len(layer)):
            wrong = tuple(Wrong(ident, text, value[i][j]) for ident, text, value in mistakes)
            clues[f"{name}[{i}][{j}]"] = Clues(wrong=wrong)
    return clues


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained network reads handwritten digits that it has not seen."""
    data = digits(rng)
    params, running = trained(student, data.x_train, data.y_train, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, params, running)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
