"""Checks of the topic initialization.

Random draws must never fail a right answer. Of 60,000 that are right, with mean 0 and std 1,
- the std is off by 2.5 % with a probability below 1e-13 (normal: Chernoff's bound for χ²; uniform:
  Hoeffding's for squares in [0, 3]), the mean by 5 % below 1e-10 (12 sigmas; Hoeffding's);
- no uniform one comes within 0.1 % of the bound: 9e-27; no normal one is beyond 3.2 sigmas: 1e-36;
- one in ten has the size of another: no chance (of 2^23 sizes, 215 pairs are expected, not 6,000).
Six means or stds of six draws each are all within 0.001 of the right one: below 0.003^6 = 1e-15.
Of 2^40 seeds, drawn at random for the layers, two of those compared are equal: 750 / 2^40 = 7e-10.
"""

import math
from itertools import combinations, pairwise, product

import numpy
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from gradus.checks import (
    call,
    check_accuracy,
    check_raises,
    check_result,
    descend,
    double,
    kind,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

SIZES, NAMES = [8, 4, 3], ("params", "losses", "predictions")
DIGITS = dict(sizes=[64, 64, 64, 64, 64, 10], scheme="he", steps=100, lr=0.15)


def scaled(x: Tensor, like: Tensor) -> Tensor:
    mean, std = statistics(like)
    return (x - mean) / std


def statistics(x):
    return x.mean(0), x.std(0, correction=0).where(x.amax(0) > x.amin(0), 1.0)


def std_of(scheme, n, m):
    return dict(he=(2 / n) ** 0.5, glorot=(2 / (n + m)) ** 0.5, zeros=0.0, small=0.01)[scheme]


def drawn(n, m, std, distribution, seed):
    fill = {"normal": torch.nn.init.xavier_normal_, "uniform": torch.nn.init.xavier_uniform_}
    gain, generator = std / std_of("glorot", n, m), torch.Generator().manual_seed(seed)
    return fill[distribution](torch.empty(n, m), gain, generator)


def start_of(sizes, scheme, distribution, seed):
    params = []
    for k, (n, m) in enumerate(pairwise(sizes)):
        same = scheme == "identical"
        std = 0 if same else std_of(scheme, n, m)
        params.append((drawn(n, m, std, distribution, 1000 * seed + k) + same / n, torch.zeros(m)))
    return params


STAND_INS = {
    "fit_standardiser": statistics,
    "standardise_split": lambda train, test: (scaled(train, train), scaled(test, train)),
    "init_std": std_of,
    "draw_weights": drawn,
    "init_params": start_of,
}


@public
@points(2, of="rescale")
def test_rescale(student, rng):
    """The source range becomes the target, for bytes as well; first in the example on paper."""
    by_hand, share = double([8, 12, 16]), rng.uniform(4, 3, low=-1, high=2)
    camera = torch.cat([torch.tensor([3, 250]), rng.integers(9, high=256)]).to(torch.uint8)
    signed = torch.tensor([-100, 100, -25, 90], dtype=torch.int8)
    for x, source, target, out in (
        (by_hand, (0, 16), (-1, 1), double([0.0, 0.5, 1.0])),
        (12.75 * by_hand, (0, 255), (0, 1), double([0.4, 0.6, 0.8])),
        (40 * share - 10, (-10, 30), (2.0, -1.5), 2 - 3.5 * share),
        (0.5 * share + 0.2, (0.2, 0.7), (1.0, 4.0), 1 + 3 * share),
        ((40 * share - 10).float(), (-10, 30), (0.0, 1.0), share.float()),
        (camera, (16, 235), (-1, 1), (camera.float() - 16) / 109.5 - 1),
        (camera[:1], (16, 235), (0, 1), (camera[:1].float() - 16) / 219),
        (signed, (-100, 100), (0, 1), (signed.float() + 100) / 200),
    ):
        inputs = dict(x=x, source=source, target=target)
        check_result(student, "rescale", inputs, out, "out", same_dtype=True)
    for source in ((3, 3), (255, 0)):
        check_raises(student, "rescale", by_hand, source, (0, 1), when=f"source is {source}")


@public
@points(2, of="fit_standardiser")
def test_fit_standardiser(student, rng):
    """Mean and standard deviation of each feature: 1, 3, 5 has mean 3 and variance 8/3."""
    by_hand = double([[1.0], [3.0], [5.0]])
    far = torch.cat([rng.normal(5, 3), torch.zeros(3, 3)]).roll(1, 0) + 1e6
    for x in (by_hand, far, rng.normal(7, 4) * rng.uniform(4, low=0.1, high=1000)):
        check_result(student, "fit_standardiser", dict(x=x), statistics(x), ("mean", "std"))


@public
@points(1, of="fit_standardiser")
def test_fit_standardiser_constant(student, rng):
    """A feature whose values are all equal has std 1, and one that hardly varies keeps its own."""
    x = torch.cat([rng.uniform(20).expand(49, 20), torch.full((49, 1), 3), rng.normal(49, 3)], 1)
    tiny, one = 1e-14 * rng.normal(49, 2), double(1000 * [[0.1]])  # one's computed std is no 0
    for rows in (x, x.float(), x[:1], tiny, one):
        right = tuple(t.to(rows.dtype) for t in statistics(rows.double()))
        check_result(student, "fit_standardiser", dict(x=rows), right, ("mean", "std"))


@public
@points(2, of="standardise_split")
def test_standardise_split(student, rng):
    """Both sets are standardised with the mean and std of the training set alone."""
    units = double([0.5, 20, 5, 1e-4])
    train, test = (units * (rng.normal(n, 4) + rng.normal(4, std=2)) for n in (9, 6))
    train[:, 2] = 3.0  # constant here, and not in the test set
    for x_test in (test, test[:1]):
        right = scaled(train, train), scaled(x_test, train)
        inputs = dict(x_train=train, x_test=x_test)
        check_result(student, "standardise_split", inputs, right, ("x_train", "x_test"))


@public
@points(2, of="init_std")
def test_init_std(student, rng):
    """He is ½ and Glorot ¼ for 8 inputs and 24 units; zeros are 0 and small is 0.01."""
    random = [int(n) for n in rng.permutation(700)[:2] + 20]
    for fans, scheme in product(((8, 24), random), ("he", "glorot", "small", "zeros")):
        inputs = dict(scheme=scheme, fan_in=fans[0], fan_out=fans[1])
        check_result(student, "init_std", inputs, std_of(scheme, *fans), f'std of "{scheme}"')
    for scheme in ("kaiming", "He", ""):
        check_raises(student, "init_std", scheme, 8, 24, when=f"scheme is {scheme!r}")


def about(ratio: float) -> str:
    """A ratio to 5 %, so that other draws lead to the same words."""
    near = 1.05 ** round(math.log(size, 1.05)) if 0 < (size := abs(ratio)) < math.inf else size
    return f"{math.copysign(near, ratio):.2g}"


def check_draws(w: Tensor, std: float, name: str) -> None:
    """60,000 weights or more are no copies, and have mean, std and ends of their distribution."""
    sizes = len(numpy.unique(w.abs().numpy()))  # torch's takes four times as long
    w = w.double()
    mean, spread = float(w.mean()), float(w.square().mean().sqrt())
    text = f"{name}: {w.numel()} weights have only {sizes} different sizes"
    why = "Are rows or columns alike? Every weight is a draw of its own."
    require(sizes > 0.9 * w.numel(), text, why, diagnosis="repeated")
    text = f"{name}: the mean is about {about(mean / std)} standard deviations, it should be 0"
    require(abs(mean) < 0.05 * max(std, spread), text, diagnosis="mean")
    text = f"{name}: the std is about {about(spread / std)} times what it should be, {std:.4g}"
    most = f"the largest weight is about {about(largest := float(w.abs().max()) / std)} × {std:.4g}"
    require(abs(spread / std - 1) < 0.025, f"{text}; {most}", diagnosis="spread")
    low, high = (3.2, math.inf) if "normal" in name else (0.999 * 3**0.5, 1.000001 * 3**0.5)
    text = f"{name}: {most}, it should be {low:.4g} to {high:.4g}"
    require(low < largest < high, text, diagnosis="another distribution")


def shared(a: Tensor, b: Tensor) -> float:
    """The share of the weights of `a` that `b` has, too, in whatever place and with either sign."""
    return float(torch.isin(a.abs(), b.abs()).double().mean())


def weights(student, distribution: str, std: float, seed: int, fans=(200, 300)) -> Tensor:
    """What draw_weights returns, of the right shape and dtype."""
    w = call(student, "draw_weights", *fans, std, distribution, seed)
    right = isinstance(w, Tensor) and (w.shape, w.dtype) == (fans, torch.float32)
    got = f"{w.dtype} of shape {tuple(w.shape)}" if isinstance(w, Tensor) else kind(w)
    text = f"draw_weights must return torch.float32 of shape {fans}, got {got}"
    require(right, text, diagnosis="structure")
    return w


@points(1, of="draw_weights")
def test_draw_weights_seed(student, rng):
    """Equal seeds give equal weights, different seeds different ones, of different means."""
    for distribution in ("normal", "uniform"):
        seeds = (seed := rng.seed(), seed, seed + 1)
        first, again, other = (weights(student, distribution, 0.3, s, (40, 40)) for s in seeds)
        text = f"{distribution}: two calls with seed = {seed} differ"
        require(torch.equal(first, again), text, diagnosis="not repeatable")
        text = f"{distribution}: weights with seed = {seed} come with seed = {seed + 1}, too"
        require(shared(first, other) < 0.1, text, diagnosis="seed ignored")
        few = [weights(student, distribution, 1.0, s, (2, 3)).flatten() for s in range(6)]
        off = [(w.mean(), w.std() - 1, w.std(correction=0) - 1) for w in few]
        text = f"{distribution}: the mean or the std of six weights is exact, with every seed"
        require((torch.tensor(off).abs().amax(0) > 1e-3).all(), text, diagnosis="not independent")


@public
@points(1, of="draw_weights")
def test_draw_weights_normal(student, rng):
    """Normal weights have the mean 0 and the standard deviation that is asked for."""
    for std in (0.3, 2.0):
        check_draws(weights(student, "normal", std, rng.seed()), std, f"normal, std = {std}")


@points(2, of="draw_weights")
def test_draw_weights_uniform(student, rng):
    """Uniform weights have the same standard deviation, for a bound that you have derived."""
    for std in (0.3, 2.0):
        check_draws(weights(student, "uniform", std, rng.seed()), std, f"uniform, std = {std}")
    inputs = dict(fan_in=3, fan_out=5, std=0.0, distribution="uniform", seed=1)
    check_result(student, "draw_weights", inputs, torch.zeros(3, 5), "w")
    for other in ("gaussian", "xavier"):
        check_raises(student, "draw_weights", 3, 5, 0.3, other, 1, when=f"it is {other!r}")


@public
@points(1, of="init_params")
def test_init_params_without_chance(student, rng):
    """Zeros are 0, identical weights are 1 / fan_in, and biases are 0."""
    for sizes, scheme in product(([5, 4, 3], [2, 7]), ("zeros", "identical")):
        right = start_of(sizes, scheme, "normal", 0)
        inputs = dict(sizes=sizes, scheme=scheme, distribution="normal", seed=0)
        check_result(student, "init_params", inputs, right, "params", same_dtype=True)


def weights_of(student, sizes, scheme, distribution, seed) -> list[tuple[Tensor, Tensor]]:
    """The pairs that init_params returns, of the right shapes and dtypes."""
    params = call(student, "init_params", sizes, scheme, distribution, seed)
    pairs = [p for p in params if type(p) in (list, tuple)] if type(params) in (list, tuple) else []
    got = [[(getattr(t, "shape", 0), getattr(t, "dtype", 0)) for t in pair] for pair in pairs]
    right = [[((n, m), torch.float32), ((m,), torch.float32)] for n, m in pairwise(sizes)]
    text = "init_params must return pairs (w, b) of float32, w: (fan_in, fan_out), b: (fan_out,)"
    require(got == right, text, diagnosis="structure")
    return params


@points(1, of="init_params")
def test_init_params(student, rng):
    """Every layer has the shape and the spread of its own fans, and biases that are 0."""
    sizes = [400, 150, 500, 120]  # 60,000 weights or more in each layer
    for scheme, distribution in (("he", "normal"), ("glorot", "uniform"), ("small", "normal")):
        for k, (w, b) in enumerate(weights_of(student, sizes, scheme, distribution, rng.seed())):
            require(not b.any(), f"{scheme}: b of layer {k} is not 0", diagnosis="biases")
            check_draws(w, std_of(scheme, *w.shape), f"{scheme}, {distribution}: layer {k}")


@points(1, of="init_params")
def test_init_params_seeds(student, rng):
    """No two layers share their draws, nor do networks with neighbouring seeds."""
    for sizes, distribution in (4 * [30], "normal"), (2 * [9, 5], "uniform"), (120 * [6], "normal"):
        seeds = (seed := rng.seed(), seed, seed + 1)
        found = (weights_of(student, sizes, "he", distribution, s) for s in seeds)
        first, again, other = ([w for w, _ in params] for params in found)
        same = all(map(torch.equal, first, again))
        require(same, "two calls with the same seed differ", diagnosis="not repeatable")
        every = torch.cat([w.flatten() for w in (*first, *other[:3])]).abs()
        if len(every.unique()) == len(every):
            continue  # no draw comes twice
        for k, j in combinations(range(len(first[:21])), 2):
            text = f"layers {k} and {j} of the network with seed = {seed} share their draws"
            require(shared(first[k], first[j]) < 0.1, text, diagnosis="one seed")
        for k, j in product(range(len(first)), range(3)):
            text = f"layer {k} with seed = {seed} has draws of layer {j} with seed = {seed + 1}"
            require(shared(first[k], other[j]) < 0.1, text, diagnosis="shared seeds")


@public
@points(1, of="init_params")
def test_init_params_keeps_the_variance(student, rng):
    """Twenty layers neither quench nor inflate a signal: He with ReLU, Glorot with tanh."""
    # He: each layer multiplies the mean square by an independent 2/256 · χ²_K, K ~ Bin(256, ½), and
    # by Chernoff one of 16 inputs leaves [1/300, 300] with probability 2e-14. Glorot: the logarithm
    # has mean −0.37 and std 0.11: [1/10, 2] is 18 and 10 of them away. A std that is off by √2
    # leads to 10^±6 (ReLU), 10^−6 and 31 (tanh).
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
        require(low < kept < high, text, why, diagnosis="vanishes" if kept < low else "explodes")


def network(x, params):
    for w, b in params[:-1]:
        x = torch.addmm(b, x, w).relu()
    return torch.addmm(params[-1][1], x, params[-1][0])


def check_training(student, rng, scheme, seed, start, lr=0.7, sizes=SIZES):
    """`train` goes from `start` where gradient descent on the mean loss leads."""
    steps = 6
    x, x_test = (m + 2 * (rng.normal(n, 8) + rng.normal(n, 1)) for n, m in ((12, 3), (40, 5)))
    # Classes of different sizes, that can be told: no label is a tie.
    y = torch.tensor([0] * 6 + [1] * 4 + [2] * 2)[x.mean(1).argsort().argsort()]

    def loss(params, x, y):
        return torch.nn.functional.cross_entropy(network(x, params), y)

    def update(params, grads, state):
        return tree_map(lambda p, g: p - lr * g, params, grads), state

    start = [(w.double(), b.double()) for w, b in start]
    params, losses = descend(loss, start, [(scaled(x, x), y)] * steps, update)
    right = params, losses, network(scaled(x_test, x), params).argmax(1)
    inputs = dict(x_train=x, y_train=y, x_test=x_test, sizes=sizes, scheme=scheme)
    inputs |= dict(steps=steps, lr=lr, seed=seed)
    check_result(student, "train", inputs, right, NAMES, same_dtype=True)


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """Zeros move only the last bias, and identical units stay alike."""
    for scheme in ("zeros", "identical"):
        check_training(student, rng, scheme, 7, start_of(SIZES, scheme, "normal", 7))


@points(1, of="train")
def test_train_from_he(student, rng):
    """He's start is drawn from the normal distribution with the seed, and moves everything."""
    x, y, seed = rng.normal(6, 8), rng.integers(6, high=3), rng.seed() + 1
    value = call(student, "train", x, y, x, SIZES, "he", 1, 1e-99, seed)  # a step of 0
    start = tree_leaves(weights_of(student, SIZES, "he", "normal", seed))
    mine = [t.float() for t in tree_leaves(value) if isinstance(t, Tensor)]
    text = f'train starts from other params than init_params(sizes, scheme, "normal", {seed})'
    require(all(map(torch.equal, mine, start)), text, diagnosis="another start")
    for sizes, lr in ((SIZES, 0.7), (SIZES, 6.5), ([8, 6, 5, 3], 6.5)):  # 6.5: the loss rises
        start = weights_of(student, sizes, "he", "normal", 0)
        check_training(student, rng, "he", 0, start, lr, sizes)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """From He's start a network of five layers reads digits that it has not seen."""
    d = digits(rng)
    value = call(student, "train", d.x_train, d.y_train, d.x_test, seed=rng.seed(), **DIGITS)
    _, losses, predictions = unpack("train", value, *NAMES)
    many = isinstance(losses, list | tuple) or getattr(losses, "ndim", 0) == 1
    came = f"{len(losses)} losses" if many else kind(losses)
    require(many and len(losses) == 100, f"{came} came back after 100 steps", diagnosis="steps")
    check_accuracy(predictions, d.y_test, topic.thresholds["digits"]["accuracy"])
