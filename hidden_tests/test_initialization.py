"""Checks of the topic initialization.

A check of random draws must never fail a right answer. With n = 60,000 independent draws of mean 0
and standard deviation 1 (those of N(0, 1) or U(−√3, √3)), these bounds hold for this very n:
- the std is off by 2.5 % or more: below 1e-14 (normal: Chernoff's bound for χ², 2 exp(−37);
  uniform: Hoeffding's for squares in [0, 3], 2 exp(−33));
- the mean is off by 5 % of the std or more: below 1e-10 (Hoeffding: 2 exp(−25); normal: 12 sigmas);
- no uniform draw comes within 0.1 % of the bound: 0.999ⁿ = 9e-27; no normal one is beyond 3.2
  sigmas: 0.9986ⁿ = 1e-36.
"""

import math
from itertools import combinations, product

import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_accuracy,
    check_raises,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.data import digits
from gradus.checks.failure import kind

FANS = (200, 300)  # 60,000 weights
DIGITS = dict(sizes=[64, 64, 64, 64, 64, 10], scheme="he", steps=100, lr=0.15)


def scaled(x: Tensor, like: Tensor) -> Tensor:
    """x standardised with the statistics of `like`, by scikit-learn."""
    return torch.from_numpy(StandardScaler().fit(like.numpy()).transform(x.numpy())).to(x.dtype)


def statistics(x):
    scaler = StandardScaler().fit(x.numpy())
    return tuple(torch.from_numpy(s).to(x.dtype) for s in (scaler.mean_, scaler.scale_))


def std_of(scheme, n, m):
    small = {"zeros": 0, "small": 0.01}
    return (
        small[scheme] if scheme in small else {"he": n / 2, "glorot": (n + m) / 2}[scheme] ** -0.5
    )


def drawn(n, m, std, distribution, seed):
    fill = {"normal": torch.nn.init.xavier_normal_, "uniform": torch.nn.init.xavier_uniform_}
    gain, generator = std / std_of("glorot", n, m), torch.Generator().manual_seed(seed)
    return fill[distribution](torch.empty(n, m), gain, generator)


def start_of(sizes, scheme, distribution, seed):
    params = []
    for k, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        same = scheme == "identical"
        std = 0 if same else std_of(scheme, n, m)
        params.append((drawn(n, m, std, distribution, 1000 * seed + k) + same / n, torch.zeros(m)))
    return params


# What checks of later functions use for functions that have failed their own check.
STAND_INS = {
    "fit_standardiser": statistics,
    "standardise_split": lambda train, test: (scaled(train, train), scaled(test, train)),
    "init_std": std_of,
    "draw_weights": drawn,
    "init_params": start_of,
}


def known(*wrong) -> Clues:
    """Clues from triples (diagnosis, what to say, value)."""
    return Clues(wrong=tuple(Wrong(*w) for w in wrong))


def unpack(function: str, value, *names: str):
    """The values that `function` returned: as many as there are names."""
    right = isinstance(value, (tuple, list)) and len(value) == len(names)
    got = f"{len(value)} values" if isinstance(value, (tuple, list)) else kind(value)
    text = f"{function} must return ({', '.join(names)}), got {got}"
    require(right, text, diagnosis="structure")
    return value


def require_tensor(value, shape, name: str, dtype=None) -> None:
    """`value` is a tensor of this shape, and of this dtype where one is given."""
    shape, got = tuple(shape), tuple(getattr(value, "shape", ()))
    transposed = got == shape[::-1] != shape
    found = "transposed" if transposed else "shape"
    hint = "Weights are (fan_in, fan_out) here, as in x @ w." if transposed else ""
    text = f"{name} must be a tensor of shape {shape}, got {kind(value)}"
    require(isinstance(value, Tensor) and got == shape, text, hint, diagnosis=found)
    text = f"{name} is {value.dtype}, expected {dtype}"
    require(dtype in (None, value.dtype), text, diagnosis="dtype")


@public
@points(2, of="rescale")
def test_rescale(student, rng):
    """The ends of the source range go to the ends of the target, for bytes as well."""
    by_hand, share = torch.tensor([51, 127.5, 178.5]).double(), rng.uniform(4, 3, low=-1, high=2)
    camera = torch.cat([torch.tensor([3, 250]), rng.integers(9, high=256)]).to(torch.uint8)
    bytes_ = "bytes count modulo 256 (10 − 16 is 250): make them floats before you calculate"
    stretched = "this batch's own minimum and maximum are used: the range is given, in source"
    for x, (low, high), (a, b), out in (
        (by_hand, (0, 255), (0, 1), torch.tensor([0.2, 0.5, 0.7]).double()),
        (by_hand, (0, 255), (-1, 1), torch.tensor([-0.6, 0.0, 0.4]).double()),
        (40 * share - 10, (-10, 30), (2.0, -1.5), 2 - 3.5 * share),
        ((40 * share - 10).float(), (-10, 30), (0.0, 1.0), share.float()),
        (camera, (16, 235), (-1, 1), (camera.float() - 16) / 109.5 - 1),
        (camera[:1], (16, 235), (0, 1), (camera[:1].float() - 16) / 219),
    ):
        own, width = x.double(), high - low
        to_own = (own - own.min()) / (own.max() - own.min())
        clues = known(
            ("own range", stretched, a + (b - a) * to_own),
            ("uint8", bytes_, (a + (b - a) * (x - low) / width).double()),
            ("uint8", bytes_, (a + (b - a) * ((x - low) / width)).double()),
            ("no shift", "the target begins at a: it is left out", out - a),
            ("half range", "the range is 1 wide, not b − a", (own - (low + high) / 2) / width),
            ("source low", "the source begins at l, not at 0", a + (b - a) * own / high),
            ("clamped", "values outside source land outside target", out.clamp(a, b)),
        )
        mine = call(student, "rescale", x, (low, high), (a, b))
        check_values(mine, out, f"{low, high} to {a, b}: out", clues=clues)
        require_tensor(mine, x.shape, "the result", out.dtype)
    for source in ((3, 3), (255, 0)):
        check_raises(student, "rescale", by_hand, source, (0, 1), when=f"source is {source}")


@public
@points(2, of="fit_standardiser")
def test_fit_standardiser(student, rng):
    """Mean and standard deviation of each feature: 1, 3, 5 has mean 3 and variance 8/3."""
    by_hand = torch.tensor([[1.0], [3.0], [5.0]]).double()
    for x in (by_hand, rng.normal(7, 4) * rng.uniform(4, low=0.1, high=1000) + rng.normal(4)):
        value = call(student, "fit_standardiser", x)
        mean, std = unpack("fit_standardiser", value, "mean", "std")
        means, stds = (torch.from_numpy(getattr(x.numpy(), f)(0)) for f in ("mean", "std"))
        each = "one number for all features: each has a mean and a spread of its own"
        mad = (x - x.mean(0)).abs().mean(0)
        n1 = "divided by N − 1: here it is N, so that the set itself gets the variance 1"
        of_std = known(
            ("variance", "this is the variance: the root is missing", stds.square()),
            ("unbiased", n1, x.std(0)),
            ("global", each, x.std(correction=0).expand(stds.shape)),
            ("global", each, x.std(correction=0)),
            ("mean deviation", "the mean of |x − mean|: take the root of its mean square", mad),
            ("not centred", "the squares are of x, not of x − mean", x.square().mean(0).sqrt()),
        )
        axis = "one number for each example: a feature's mean is over the examples (axis 0)"
        of_mean = known(("global", each, x.mean()), ("axis", axis, x.mean(1)))
        check_values(mean, means, "mean", clues=of_mean)
        check_values(std, stds, "std", clues=of_std)


@points(1, of="fit_standardiser")
def test_fit_standardiser_constant(student, rng):
    """A feature whose values are all equal has std 1, and one that hardly varies keeps its own."""
    tiny = 1e-9 * rng.normal(49)
    x = torch.cat([rng.uniform(1, 20).expand(49, 20), torch.full((49, 1), 3), tiny[:, None]], 1)
    for rows, constant in ((x, 21), (x.float(), 21), (x[:1], 22)):
        value = call(student, "fit_standardiser", rows)
        _, std = unpack("fit_standardiser", value, "mean", "std")
        require_tensor(std, rows.shape[1:], "std")
        equal, dtype = std[:constant].double(), str(rows.dtype).removeprefix("torch.")
        worst = float(equal[(equal - 1).abs().nan_to_num(nan=9).argmax()])
        found, why = "small", "Divided by it, a speck in a test image becomes millions."
        if math.isnan(worst):
            found, why = "nan", "With one example N − 1 is 0: divide by N."
        elif worst == 0:
            found, why = "zero", "Divided by it, the feature is 0/0, which is NaN."
        elif bool((equal == 1).any()):
            text = "The mean of equal values is rounded, so their std need not be exactly 0"
            found, why = "rounding", f"{text}: ask whether the values themselves are equal."
        text = f"the std of a feature with {len(rows)} equal values ({dtype}) is {worst:.3g}, not 1"
        require(bool((equal == 1).all()), text, why, diagnosis=f"constant:{found}")
        if constant == 21:
            ratio = float(std[21]) / float(tiny.std(correction=0))
            text = f"a feature that varies by 1e-9 has a std {ratio:.4g} times what it is"
            why = "Small is not constant: the unit may be kilometres. (And nothing is added to it.)"
            require(ratio < 2, text, why, diagnosis="constant:tiny")


@public
@points(2, of="standardise_split")
def test_standardise_split(student, rng):
    """Both sets are standardised with the mean and std of the training set alone."""
    train, test = (
        rng.normal(n, 4) * rng.uniform(4, low=0.5, high=20) + rng.normal(4, std=5) for n in (9, 6)
    )
    train[:, 2] = 3.0  # constant here, and not in the test set
    mean, std = statistics(train)
    for x_test in (test, test[:1]):
        value = call(student, "standardise_split", train, x_test)
        out = unpack("standardise_split", value, "x_train", "x_test")
        for x, name, mine in ((train, "x_train", out[0]), (x_test, "x_test", out[1])):
            both, peek = torch.cat([train, x_test]), "{}: use the training set's for both sets"
            own = peek.format("the test set has its own statistics")
            clues = known(
                ("leak:both", peek.format("statistics of both sets together"), scaled(x, both)),
                ("leak:own", own, scaled(x, x)),
                ("leak:own", own, (x - x.mean(0)) / x.std(0)),
                ("leak:own", peek.format("the test set's own mean"), (x - x.mean(0)) / std),
                ("leak:test", peek.format("statistics of the test set"), scaled(x, x_test)),
                ("unscaled", "it comes back as it went in", x),
                ("no std", "the mean is subtracted and that is all", x - mean),
                ("no mean", "divided by the std, but the mean is still there", x / std),
                ("variance", "divided by the variance", (x - mean) / std.square()),
            )
            check_values(mine, scaled(x, train), name, clues=clues)


@public
@points(2, of="init_std")
def test_init_std(student, rng):
    """He is ½ and Glorot ¼ for 8 inputs and 24 units; zeros are 0 and small is 0.01."""
    random = [int(n) for n in rng.permutation(700)[:2] + 20]
    for scheme, (fan_in, fan_out), std in (
        ("he", (8, 24), 0.5),
        ("glorot", (8, 24), 0.25),
        ("glorot", (2, 4), 1 / math.sqrt(3)),
        *((s, random, std_of(s, *random)) for s in ("he", "glorot", "small", "zeros")),
    ):
        swap = f"fan_in and fan_out are swapped: a unit reads {fan_in} numbers"
        no_relu = "ReLU keeps half of the mean square: the 2 that makes up for it is missing"
        wrong = [
            ("variance", "this is the variance: the root is missing", std**2),
            ("bound", "that is the bound of a uniform distribution", std * math.sqrt(3)),
            ("swapped", swap, (fan_out / 2) ** -0.5),
            ("one way", "fan_in alone: Glorot adds fan_out", fan_in**-0.5),
            ("no 2", "the numerator is 2, not 1", std / math.sqrt(2)),
            ("bracket", "2 / fan_in + fan_out lacks a bracket", (2 / fan_in + fan_out) ** 0.5),
        ]
        if scheme == "he":
            wrong[3] = ("no relu", no_relu, fan_in**-0.5)
        clues = known(*((id, text, torch.tensor(v).double()) for id, text, v in wrong))
        mine = call(student, "init_std", scheme, fan_in, fan_out)
        check_values(mine, float(std), f'init_std("{scheme}", {fan_in}, {fan_out})', clues=clues)
    for scheme in ("kaiming", ""):
        check_raises(student, "init_std", scheme, 8, 24, when=f"scheme is {scheme!r}")


def check_spread(w: Tensor, std: float, distribution: str, name: str, wrong=()) -> None:
    """At least 60,000 weights have the mean 0, the std and the distribution that they should."""
    w, normal = w.double(), distribution == "normal"
    mean, spread, largest = (float(t) for t in (w.mean(), w.square().mean().sqrt(), w.abs().max()))
    text = f"{name}: all rows, or all columns, are alike"
    alike = bool((w == w[:, :1]).all() or (w == w[:1]).all())
    require(not alike, text, "Every weight is a draw of its own.", diagnosis="repeated")
    text = f"{name} has the mean {mean:.4g}, expected 0 (its std should be {std:.4g})"
    why = "" if normal else "torch.rand draws from [0, 1): which interval do you make of it?"
    require(abs(mean) < 0.05 * max(std, spread), text, why, diagnosis="mean")
    near = (w[:2] for w in wrong if abs(spread / w[2] - 1) < 0.025)
    found, why = next(near, (None, "I know no pattern that leads to this."))
    text = f"{name} has the standard deviation {spread:.4g}, expected {std:.4g}"
    require(abs(spread / std - 1) < 0.025, text, why, diagnosis=found)
    text = f"{name}: the largest of {w.numel()} weights is {largest / std:.4g} standard deviations"
    why = "N(0, σ²) has tails: one draw in 700 lies beyond 3.2 σ."
    ends = "A uniform distribution ends at its bound, and comes as close to it as you like."
    flat = 0.999 < largest / (math.sqrt(3) * std) < 1 + 1e-6
    good = largest > 3.2 * std if normal else flat
    require(good, text, why if normal else ends, diagnosis=f"not {distribution}")


def check_draws(student, rng, distribution: str, *wrong) -> None:
    """Draws with two stds; `wrong` are (diagnosis, what to say, factor, power) of the std."""
    for std in (0.3, 2.0):
        w = call(student, "draw_weights", *FANS, std, distribution, rng.seed())
        require_tensor(w, FANS, "the result", torch.float32)
        others = [(id, why, factor * std**power) for id, why, factor, power in wrong]
        check_spread(w, std, distribution, f"{distribution}, std = {std}", others)


@public
@points(1, of="draw_weights")
def test_draw_weights_normal(student, rng):
    """Normal weights have the mean 0 and the standard deviation that is asked for."""
    fourth = "N(0, 1) times σ² has the variance σ⁴: scale it by σ itself"
    already = "std is taken for a variance: it is the root already"
    wrong = ("variance", fourth, 1, 2), ("variance", already, 1, 0.5)
    check_draws(student, rng, "normal", *wrong, ("no std", "the std is not used", 1, 0))


@points(2, of="draw_weights")
def test_draw_weights_uniform(student, rng):
    """Uniform weights have the same standard deviation, for a bound that you have derived."""
    root_3, taken = "the interval ends at std: U(−c, c) has the variance c²/3", "std is no variance"
    wrong = (
        ("no root 3", root_3, 3**-0.5, 1),
        ("bound:3", "the bound is 3 · std: mind the root in √(c²/3)", 3**0.5, 1),
        ("bound:width", "c is the distance from 0 to the end, not the width", 0.5, 1),
        ("bound:width", "[−c, c] is 2c wide: your c is the whole width", 2, 1),
        ("variance", taken, 1, 2),
        ("variance", taken, 1, 0.5),
    )
    check_draws(student, rng, "uniform", *wrong)
    for other in ("gaussian", "xavier"):
        when = f"distribution is {other!r}"
        check_raises(student, "draw_weights", 3, 5, 0.3, other, 1, when=when)


@points(1, of="draw_weights")
def test_draw_weights_seed(student, rng):
    """Equal seeds give equal weights, and different seeds different ones."""
    for distribution in ("normal", "uniform"):
        seed = rng.seed()
        seeds = (seed, seed, seed + 1, 0)
        fixed = 40, 40, 0.3, distribution
        first, again, *others = (call(student, "draw_weights", *fixed, s) for s in seeds)
        require_tensor(first, (40, 40), "the result")
        text = f"{distribution}: two calls with seed = {seed} give different weights"
        why = "Seed a generator of your own in each call, and draw from that."
        require(torch.equal(first, again), text, why, diagnosis="not repeatable")
        text = f"{distribution}: different seeds give the same weights"
        for a, b in combinations([first, *others], 2):
            require(float((a == b).double().mean()) < 0.1, text, diagnosis="seed ignored")


def weights_of(student, sizes, scheme, distribution, seed) -> list[tuple[Tensor, Tensor]]:
    """The pairs that init_params returns, of the right shapes and dtypes."""
    params = call(student, "init_params", sizes, scheme, distribution, seed)
    layers = [f"(w, b) of layer {k}" for k in range(len(sizes) - 1)]
    for k, pair in enumerate(unpack("init_params", params, *layers)):
        w, b = unpack("each layer of init_params", pair, "w", "b")
        require_tensor(w, sizes[k : k + 2], f"w of layer {k}", torch.float32)
        require_tensor(b, sizes[k + 1 : k + 2], f"b of layer {k}", torch.float32)
    return params


@points(2, of="init_params")
def test_init_params(student, rng):
    """Every layer has the shape and the spread of its own fans, and biases that are 0."""
    sizes = [400, 150, 500, 120]  # 60,000 weights or more in each layer
    own = "that is the spread of another layer: each has fans of its own"
    for scheme, distribution in (("he", "normal"), ("glorot", "uniform"), ("small", "normal")):
        for k, (w, b) in enumerate(weights_of(student, sizes, scheme, distribution, rng.seed())):
            text, why = f"{scheme}: b of layer {k} is not 0", "Random weights break the symmetry."
            require(not b.any(), text, why, diagnosis="biases")
            std, (n, m) = std_of(scheme, *w.shape), w.shape
            swap = "fan_in and fan_out are swapped: w is (fan_in, fan_out)"
            wrong = [("swapped", swap, std_of(scheme, m, n))]
            wrong += [("other layer", own, std_of(scheme, *f)) for f in combinations(sizes, 2)]
            for other in ("he", "glorot"):
                wrong += [("scheme ignored", f"that is the spread of {other}", std_of(other, n, m))]
            check_spread(w, std, distribution, f"{scheme}, {distribution}: layer {k}", wrong)
    per_unit = "1 / fan_out: a unit takes the mean of its *inputs*"
    total = "a unit takes the mean of its inputs: this is their sum"
    columns = "only the columns are alike: units that are read differently part at once"
    for k, (w, _) in enumerate(weights_of(student, [5, 4, 3], "zeros", "normal", rng.seed())):
        check_values(w, torch.zeros(w.shape), f"zeros: layer {k}")
    for k, (w, _) in enumerate(weights_of(student, [5, 4, 3], "identical", "normal", rng.seed())):
        copied = w[:, :1].expand(w.shape) if w[:, 0].std() > 0 else None
        ones = torch.ones(w.shape)
        swapped, summed = ("swapped", per_unit, ones / len(w.T)), ("sum", total, ones)
        clues = known(swapped, summed, ("columns", columns, copied))
        check_values(w, ones / len(w), f"identical: layer {k}", clues=clues)


@points(1, of="init_params")
def test_init_params_seeds(student, rng):
    """No two layers share their draws, nor do networks with neighbouring seeds."""
    for distribution in ("normal", "uniform"):
        seed, fixed = rng.seed(), ([30, 30, 30, 30], "he", distribution)
        seeds = (seed, seed, seed + 1)
        first, again, other = ([w for w, _ in weights_of(student, *fixed, s)] for s in seeds)
        text = "two calls with the same seed give different weights"
        require(all(map(torch.equal, first, again)), text, diagnosis="not repeatable")
        text, why = "two layers of a network have the same weights", "Each needs its own seed."
        alone = not any(torch.equal(a, b) for a, b in combinations(first, 2))
        require(alone, text, why, diagnosis="one seed")
        for k, j in product(range(3), range(3)):
            text = f"layer {k} with seed = s is layer {j} with seed = s + 1"
            found = "seed ignored" if k == j else "shared seeds"
            require(not torch.equal(first[k], other[j]), text, diagnosis=found)


@public
@points(1, of="init_params")
def test_init_params_keeps_the_variance(student, rng):
    """Twenty layers neither quench nor inflate a signal: He with ReLU, Glorot with tanh."""
    # With He each layer multiplies the mean square by an independent 2/256 · χ²_K, K ~ Bin(256, ½).
    # Chernoff: one of 16 inputs leaves [1/300, 300] with probability 16 · (10^−14.8 + 10^−21.6).
    # With Glorot the logarithm has mean −0.37 and std 0.11 (150 networks): [1/10, 2] is 18 and 10
    # of them away. A std that is off by √2 leads to 10^±6 (ReLU), 10^−6 and 31 (tanh).
    for scheme, distribution, phi, size, low, high in (
        ("he", "normal", torch.relu, 1.0, 1 / 300, 300),
        ("glorot", "uniform", torch.tanh, 0.1, 1 / 10, 2),
    ):
        h = size * rng.normal(16, 256).float()
        before = float(h.square().mean())
        for w, _ in weights_of(student, [256] * 21, scheme, distribution, rng.seed()):
            h = phi(h @ w)
        kept = float(h.square().mean()) / before
        text = f"{scheme}, {phi.__name__}: 20 layers multiply the mean square by {kept:.2g}"
        why = f"That is a factor of {kept ** (1 / 20):.3g} a layer; it should be about 1."
        found = "vanishes" if kept < low else "explodes"
        require(low < kept < high, text, why, diagnosis=found)


def descend(x, y, params, steps, lr):
    """Gradient descent on the mean cross-entropy: the parameters at the end, and the losses."""
    losses = []
    for _ in range(steps):
        leaves = [t.clone().requires_grad_() for pair in params for t in pair]
        pairs = list(zip(leaves[::2], leaves[1::2], strict=True))
        losses.append(torch.nn.functional.cross_entropy(network(x, pairs), y))
        grads = iter(torch.autograd.grad(losses[-1], leaves))
        params = [tuple(p - lr * next(grads) for p in pair) for pair in params]
    return params, losses


def network(x, params):
    for w, b in params[:-1]:
        x = torch.addmm(b, x, w).relu()
    return torch.addmm(params[-1][1], x, params[-1][0])


@points(2, of="train")
def test_train_steps(student, rng):
    """Zeros move only the last bias, identical units stay alike; He's start moves everything."""
    x, x_test, y = rng.normal(12, 8, mean=3, std=2), rng.normal(40, 8), rng.integers(12, high=3)
    sizes, lr, steps, seed, inputs = [8, 4, 3], 0.3, 4, rng.seed(), scaled(x, x)

    def trained(scheme, distribution="normal", seed=seed, data=inputs, steps=steps, lr=lr):
        start = weights_of(student, sizes, scheme, distribution, seed)
        return descend(data, y, [(w.double(), b.double()) for w, b in start], steps, lr)

    mistakes = (
        ("untrained", "the parameters are those of the start", dict(steps=0)),
        ("raw data", "trained on data that are not standardised", dict(data=x)),
        ("start", "normal draws are asked for, not uniform", dict(distribution="uniform")),
        ("start", "the seed does not reach init_params", dict(seed=0)),
        ("scheme ignored", "the start is He's, whatever scheme says", dict(scheme="he")),
        ("restarted", "only one step counts: is the start set anew?", dict(steps=1)),
        ("uphill", "the steps go uphill", dict(lr=-lr)),
        ("1/N", "1/N once too often: the loss is a mean already", dict(lr=lr / len(x))),
    )
    for scheme in ("zeros", "identical", "he"):
        value = call(student, "train", x, y, x_test, sizes, scheme, steps, lr, seed)
        params, mine, predictions = unpack("train", value, "params", "losses", "predictions")
        end, losses = trained(scheme)
        clues = {
            f"{scheme}: params[{k}][{j}]": known(
                *(
                    (id, why, lambda k=k, j=j, how=how: trained(**how)[0][k][j])
                    for id, why, other in mistakes
                    for how in [{"scheme": scheme, **other}]
                )
            )
            for k, j in product(range(2), range(2))
        }
        check_values(params, end, f"{scheme}: params", clues=clues)
        require_tensor(params[0][0], sizes[:2], "w of layer 0", torch.float64)
        late = "this is the loss after the step: losses[0] is that of the start"
        clues = {f"losses[{k}]": known(("late", late, losses[k + 1])) for k in range(steps - 1)}
        mine = list(mine) if isinstance(mine, Tensor) and mine.ndim == 1 else mine
        check_values(mine, losses, "losses", clues=clues)
    # Of He's network: the labels of the others are ties.
    tests = (scaled(x_test, x), x_test, scaled(x_test, x_test))
    right, raw, own = (network(t, end).argmax(1) for t in tests)
    of_own = "the test set is standardised with its own statistics"
    clues = known(("raw test", "the test set is not standardised", raw), ("leak:own", of_own, own))
    check_values(predictions, right, "predictions", clues=clues)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """From He's start a network of five layers reads digits that it has not seen."""
    data = digits(rng)
    arguments = data.x_train, data.y_train, data.x_test
    value = call(student, "train", *arguments, seed=rng.seed(), **DIGITS)
    predictions = unpack("train", value, "params", "losses", "predictions")[2]
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
