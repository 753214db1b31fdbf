"""The public checks of *Initialization*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import math
from itertools import pairwise

import numpy
import torch
from torch import Tensor

from gradus.checks import call, kind, points, public, require


@public
@points(2, of="rescale")
def test_rescale(recorded):
    """The source range becomes the target, for bytes as well; first in the example on paper."""
    recorded()


@public
@points(2, of="fit_standardiser")
def test_fit_standardiser(recorded):
    """Mean and standard deviation of each feature: 1, 3, 5 has mean 3 and variance 8/3."""
    recorded()


@public
@points(1, of="fit_standardiser")
def test_fit_standardiser_constant(recorded):
    """A feature whose values are all equal has std 1, and one that hardly varies keeps its own."""
    recorded()


@public
@points(2, of="standardise_split")
def test_standardise_split(recorded):
    """Both sets are standardised with the mean and std of the training set alone."""
    recorded()


@public
@points(2, of="init_std")
def test_init_std(recorded):
    """He is ½ and Glorot ¼ for 8 inputs and 24 units; zeros are 0 and small is 0.01."""
    recorded()


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


def weights(student, distribution: str, std: float, seed: int, fans=(200, 300)) -> Tensor:
    """What draw_weights returns, of the right shape and dtype."""
    w = call(student, "draw_weights", *fans, std, distribution, seed)
    right = isinstance(w, Tensor) and (w.shape, w.dtype) == (fans, torch.float32)
    got = f"{w.dtype} of shape {tuple(w.shape)}" if isinstance(w, Tensor) else kind(w)
    text = f"draw_weights must return torch.float32 of shape {fans}, got {got}"
    require(right, text, diagnosis="structure")
    return w


@public
@points(1, of="draw_weights")
def test_draw_weights_normal(student, rng):
    """Normal weights have the mean 0 and the standard deviation that is asked for."""
    for std in (0.3, 2.0):
        check_draws(weights(student, "normal", std, rng.seed()), std, f"normal, std = {std}")


@public
@points(1, of="init_params")
def test_init_params_without_chance(recorded):
    """Zeros are 0, identical weights are 1 / fan_in, and biases are 0."""
    recorded()


def weights_of(student, sizes, scheme, distribution, seed) -> list[tuple[Tensor, Tensor]]:
    """The pairs that init_params returns, of the right shapes and dtypes."""
    params = call(student, "init_params", sizes, scheme, distribution, seed)
    pairs = [p for p in params if type(p) in (list, tuple)] if type(params) in (list, tuple) else []
    got = [[(getattr(t, "shape", 0), getattr(t, "dtype", 0)) for t in pair] for pair in pairs]
    right = [[((n, m), torch.float32), ((m,), torch.float32)] for n, m in pairwise(sizes)]
    text = "init_params must return pairs (w, b) of float32, w: (fan_in, fan_out), b: (fan_out,)"
    require(got == right, text, diagnosis="structure")
    return params


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


@public
@points(1, of="train")
def test_train_steps(recorded):
    """Zeros move only the last bias, and identical units stay alike."""
    recorded()
