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

import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from gradus.checks import Clues, Wrong, call, check_raises, check_values, points, public, require
from gradus.checks.failure import kind

FANS = (200, 300)  # 60,000 weights


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


def weights_of(student, sizes, scheme, distribution, seed) -> list[tuple[Tensor, Tensor]]:
    """The pairs that init_params returns, of the right shapes and dtypes."""
    params = call(student, "init_params", sizes, scheme, distribution, seed)
    layers = [f"(w, b) of layer {k}" for k in range(len(sizes) - 1)]
    for k, pair in enumerate(unpack("init_params", params, *layers)):
        w, b = unpack("each layer of init_params", pair, "w", "b")
        require_tensor(w, sizes[k : k + 2], f"w of layer {k}", torch.float32)
        require_tensor(b, sizes[k + 1 : k + 2], f"b of layer {k}", torch.float32)
    return params


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
