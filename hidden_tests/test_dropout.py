"""Checks of the topic dropout.

Random draws must never fail a right answer. By Hoeffding's inequality the share of n independent
coins is off by t with a probability of at most 2 exp(−2 n t²):
60,000 coins by 0.014: 1.3e-10; 6,000 by 0.05: 2e-13. Two coins agree with the probability
p² + (1 − p)², and disjoint pairs do so independently: 30,000 of them by 0.022: 5e-13.
"""

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from gradus.checks import (
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    check_values,
    double,
    forward,
    kind,
    points,
    public,
    require,
    unpack,
)

SHAPE = (20, 50, 60)  # 60,000 coins


def coins(shape, drop, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) >= drop


def dropped(x, drop, seed, train=True):
    scale = 1 / (1 - drop) if drop < 1 else 0
    mask = scale * coins(x.shape, drop, seed) if train else 1
    return x * mask, mask


def gamma(drop, height, width, size):
    return drop / size**2 * (height / (height - size + 1)) * (width / (width - size + 1))


def blocks(x, corners, size):
    around = functional.pad(corners.to(x), 4 * (size - 1,))
    kept = 1 - functional.max_pool2d(around, size, 1)
    mask = kept * (kept[0].numel() / kept.sum((1, 2, 3), keepdim=True).clamp(min=1))
    return x * mask, mask


STAND_INS = {
    "keep_mask": coins,
    "dropout_forward": dropped,
    "dropout_backward": lambda dout, cache: dout * cache,
    "block_rate": gamma,
    "drop_blocks": blocks,
}


def linear_net(rng, *sizes):
    return [(rng.normal(n, m), rng.normal(m)) for n, m in zip(sizes, sizes[1:], strict=False)]


@public
@points(2, of="scale_weights")
def test_scale_weights(student, rng):
    """4 and 8 become 3 and 6, as on paper; each layer has its own probability, and biases stay."""
    params, right = [(double([[4], [8]]), double([1]))], [(double([[3], [6]]), double([1]))]
    check_result(student, "scale_weights", dict(params=params, drops=[0.25]), right, "params")
    for sizes, drops in (((5, 3, 4), [0.2, 0.7]), ((2, 3, 1, 4), [0.0, 1.0, 0.3])):
        params = linear_net(rng, *sizes)
        right = [(w - drop * w, b) for (w, b), drop in zip(params, drops, strict=True)]
        check_result(student, "scale_weights", dict(params=params, drops=drops), right, "params")


@points(1, of="scale_weights")
def test_scale_weights_is_exact(student, rng):
    """Of two linear layers one pass is the mean over all 128 pairs of masks."""
    (w, b), (v, c) = params = linear_net(rng, 4, 3, 2)
    x, drops, mean = rng.normal(5, 4), [0.2, 0.7], 0
    off = double(4 * [0.2] + 3 * [0.7])
    for mask in product((0.0, 1.0), repeat=7):
        m = double(mask)
        chance = torch.where(m > 0, 1 - off, off).prod()
        mean = mean + chance * ((((m[:4] * x) @ w + b) * m[4:]) @ v + c)
    scaled = call(student, "scale_weights", params, drops)
    layers = unpack("scale_weights", scaled, "layer 0", "layer 1")
    (w, b), (v, c) = (unpack("scale_weights", layer, "w", "b") for layer in layers)
    check_values((x @ w + b) @ v + c, mean, "output")


@public
@points(1, of="keep_mask")
def test_keep_mask_ends(student):
    """With drop = 0 everything is kept, with drop = 1 nothing; other numbers are refused."""
    for shape, seed in (((3, 4, 200), 5), ((1,), 0)):
        for drop, right in ((0.0, torch.ones), (1.0, torch.zeros)):
            inputs = dict(shape=shape, drop=drop, seed=seed)
            check_result(student, "keep_mask", inputs, right(shape).bool(), f"mask, drop = {drop}")
    for drop in (-0.1, 1.5):
        check_raises(student, "keep_mask", (2, 3), drop, 1, when=f"drop is {drop}")


def tensor(value, shape, name: str, dtype=None) -> Tensor:
    """A value, if it is a tensor of this shape, and of this dtype where one is given."""
    fits = isinstance(value, Tensor) and (value.shape, value.dtype) == (shape, dtype or value.dtype)
    got = f"{value.dtype}, {tuple(value.shape)}" if isinstance(value, Tensor) else kind(value)
    text = f"{name} must be a {dtype or 'tensor'} of shape {tuple(shape)}, got {got}"
    require(fits, text, diagnosis="structure")
    return value


def mask_of(student, shape, drop, seed) -> Tensor:
    return tensor(call(student, "keep_mask", shape, drop, seed), shape, "mask", torch.bool)


def check_share(kept: Tensor, share: float, t: float, name: str) -> None:
    seen = float(kept.double().mean())
    text = f"{name}: about {round(seen / 0.05) * 0.05:.2f} are kept, it should be {share:.3g}"
    require(abs(seen - share) < t, text, diagnosis="share")


def check_coins(masks, drop: float) -> None:
    """Masks from the seeds s, s and s + 1: neighbours agree no more often than two coins do."""
    first, again, other = masks
    require(torch.equal(first, again), "equal seeds give different masks", diagnosis="unrepeatable")
    own, seed = "Every number has a coin of its own.", "Does the seed reach the draw?"
    pairs = [(first, other, "the seeds s and s + 1 give masks that are alike", seed)]
    text = "example 1 with the seed s has the mask of example 0 with the seed s + 1"
    pairs += [(first[1:], other[:-1], text, "Draw all examples from one generator.")]
    for axis in range(first.ndim):
        rows = first.movedim(axis, 0)
        pairs += [(rows[0::2], rows[1::2], f"the mask is alike along axis {axis}", own)]
    for a, b, text, why in pairs:
        off = abs(float((a == b).double().mean()) - drop**2 - (1 - drop) ** 2)
        require(off < 0.022, text, why, diagnosis=text)


@public
@points(2, of="keep_mask")
def test_keep_mask_share(student, rng):
    """The share that is kept is 1 − drop, and it is not the same in every row."""
    for drop in (0.3, 0.8):
        mask = mask_of(student, (1, 1000, 60), drop, rng.seed())
        check_share(mask, 1 - drop, 0.014, f"drop = {drop}")
        # All 1000 rows alike: below 0.2 to the power of 999, for no count is more probable.
        text = "every row keeps equally many: each coin is thrown by itself"
        require(len(mask.sum(-1).unique()) > 1, text, diagnosis="exact count")


@public
@points(1, of="keep_mask")
def test_keep_mask_independent(student, rng):
    """Every entry has a coin of its own, and so has every seed."""
    for drop in (0.3, 0.8):
        seed = rng.seed()
        check_coins([mask_of(student, SHAPE, drop, s) for s in (seed, seed, seed + 1)], drop)


@public
@points(1, of="dropout_forward")
def test_dropout_without_chance(student, rng):
    """At inference out is x; with drop = 0 it is, too; with drop = 1 it is 0 and not NaN."""
    x = 1000 * rng.normal(4, 3, 5)
    for rows, (drop, train) in product((x, x[:1, 0]), ((0.3, False), (0.0, True), (1.0, True))):
        options, right = dict(drop=drop, seed=rng.seed(), train=train), (drop < 1) * rows
        check_forward(student, "dropout", dict(x=rows), right, options=options)


def ratio_of(student, name: str, x: Tensor, *args) -> Tensor:
    out, _ = forward(student, name, x, *args)
    return tensor(out, x.shape, "out").double() / x


@public
@points(2, of="dropout_forward")
def test_dropout_forward(student, rng):
    """What is kept is 1.25 or 4 times as large; every number and every seed has its own coin."""
    for drop, factor in ((0.2, 1.25), (0.75, 4.0)):
        x, seed = rng.away_from_zero(*SHAPE), rng.seed()
        ratios = [ratio_of(student, "dropout", x, drop, s) for s in (seed, seed, seed + 1)]
        kept = [ratio != 0 for ratio in ratios]
        check_share(kept[0], 1 - drop, 0.014, f"drop = {drop}")
        factors = ratios[0][kept[0]]
        seen = float(factors.median())
        text = f"drop = {drop}: what is kept is {seen:.2f} times as large, it should be {factor}"
        require(abs(seen / factor - 1) < 0.02, text, diagnosis="factor")
        text = f"drop = {drop}: what is kept is not {factor} times as large everywhere"
        even = float((factors / factor - 1).abs().max()) < 1e-5
        require(even, text, "The factor does not depend on the coins.", diagnosis="uneven")
        check_coins(kept, drop)


def certain(x, drop, seed, train):
    return 0 * x if train and drop == 1 else 1 * x


@public
@points(1, of="dropout_backward")
def test_dropout_backward_without_chance(student, rng):
    """At inference the gradient passes as it is; with drop = 1 nothing passes."""
    x = rng.normal(4, 3, 5)
    for rows, (drop, train) in product((x, x[:1, 0]), ((0.3, False), (0.0, True), (1.0, True))):
        options = dict(drop=drop, seed=rng.seed(), train=train)
        check_gradients(student, "dropout", dict(x=rows), certain, options=options)


@public
@points(1, of="dropout_backward")
def test_dropout_backward(student, rng):
    """The layer is linear while its mask stands: for dout = x the gradient is out."""
    for shape, drop in (((40, 50), 0.3), ((1, 300), 0.6)):
        x = rng.away_from_zero(*shape)
        out, cache = forward(student, "dropout", x, drop, rng.seed())
        dx = tensor(call(student, "dropout_backward", x, cache), shape, "dx")
        text = "the gradient does not pass exactly where the forward pass has let numbers through"
        why = "It needs the mask of the forward pass, not a new one."
        require(torch.equal(dx != 0, out != 0), text, why, diagnosis="another mask")
        seen = float((dx / out)[out != 0].median())
        text = f"what passes is {seen:.2f} times what it should be"
        require(torch.allclose(dx.double(), out.double(), rtol=1e-5), text, diagnosis="factor")


def relu_net(x, params):
    for w, b in params[:-1]:
        x = torch.addmm(b, x, w).relu()
    return torch.addmm(params[-1][1], x, params[-1][0])


@public
@points(1, of="monte_carlo")
def test_monte_carlo_without_chance(student, rng):
    """Without dropout the mean is the network's output and the spread is 0, for one pass, too."""
    for n, k, sizes in ((4, 3, (5, 6, 3)), (1, 1, (3, 2))):
        x, params = rng.normal(n, sizes[0]), linear_net(rng, *sizes)
        inputs = dict(x=x, params=params, drops=[0.0] * len(params), k=k, seed=rng.seed())
        right = relu_net(x, params)
        check_result(student, "monte_carlo", inputs, (right, 0 * right), ("mean", "std"))


def passes_of(student, k, seed) -> tuple[Tensor, Tensor]:
    """Mean and std of 600 hidden units that are 10 where they are kept, and k of them are seen."""
    # 7 / 0.7 − 4 = 6 where the input is kept, and max(−4, 0) = 0 where it is not.
    eye, zero = torch.eye(30).double(), torch.zeros(30).double()
    params, x = [(eye, zero - 4), (eye * 10 / 6, zero)], 7 * torch.ones(20, 30).double()
    value = call(student, "monte_carlo", x, params, [0.3, 0.0], k, seed)
    mean, std = unpack("monte_carlo", value, "mean", "std")
    return tensor(mean, (20, 30), "mean"), tensor(std, (20, 30), "std")


@public
@points(1, of="monte_carlo")
def test_monte_carlo(student, rng):
    """Every pass has masks of its own, in training mode: 0 or 10 is 7 in the mean."""
    seed = rng.seed()
    (mean, _), (again, _), (other, _) = (passes_of(student, 10, s) for s in (seed, seed, seed + 1))
    text = "the mean of ten passes that are 0 or 10 is no whole number: is it of the outputs?"
    require(float((mean - mean.round()).abs().max()) < 1e-6, text, diagnosis="not ten outputs")
    # A unit is kept ten times or never with the probability 0.03: 300 of 600 are, e^-265.
    several = float(((mean > 0.5) & (mean < 9.5)).double().mean())
    text = "most units are kept in all ten passes or in none: the passes have the same masks"
    require(several > 0.5, text, diagnosis="one mask")
    check_share(mean / 10, 0.7, 0.05, "ten passes, drop = 0.3")
    text = "equal seeds give different means"
    require(torch.equal(mean, again), text, diagnosis="not repeatable")
    # Two independent counts differ by at most 1 with the probability 0.55: 0.9 of 600 do, 1e-63.
    near = float(((mean - other).abs() < 1.5).double().mean())
    text = "the seeds s and s + 1 have nearly all passes in common"
    require(near < 0.9, text, "Each call needs k seeds of its own.", diagnosis="shared passes")


@points(1, of="monte_carlo")
def test_monte_carlo_spread(student, rng):
    """Of ten passes of which c are 10 and the others 0 the spread is √(c (10 − c))."""
    for _ in range(2):
        mean, std = passes_of(student, 10, rng.seed())
        check_values(std, (mean * (10 - mean)).clamp(min=0).sqrt(), "std")


@public
@points(1, of="block_rate")
def test_block_rate(student, rng):
    """γ is 0.125 in the example on paper; a block of one number is dropout, one of a map is p."""
    cases = ((0.3, 5, 4, 2, 0.125), (0.3, 5, 4, 1, 0.3), (0.4, 3, 3, 3, 0.4), (0.5, 7, 9, 3, 0.1))
    for *numbers, right in cases:
        inputs = dict(zip(("drop", "height", "width", "size"), numbers, strict=True))
        check_result(student, "block_rate", inputs, right, "rate")
    for height, width, size in ((5, 4, 5), (3, 6, 4), (3, 3, 0)):
        when = f"size is {size} in a map of {height} × {width}"
        check_raises(student, "block_rate", 0.3, height, width, size, when=when)


def maps(rng, n, c, height, width, size):
    corners = rng.uniform(n, c, height - size + 1, width - size + 1) < 0.2
    corners[0, 0], corners[0, 1, 0, 0], corners[-1, 0, 0, 0] = False, True, True
    return dict(x=rng.normal(n, c, height, width), corners=corners, size=size)


@public
@points(1, of="drop_blocks")
def test_drop_blocks(student, rng):
    """Blocks are left out and may overlap, and each example's mask has the mean 1."""
    for case in ((3, 2, 6, 5, 2), (1, 3, 4, 7, 3), (4, 2, 3, 5, 1)):
        inputs = maps(rng, *case)
        check_result(student, "drop_blocks", inputs, blocks(**inputs), ("out", "mask"))


@points(1, of="drop_blocks")
def test_drop_blocks_nothing_kept(student, rng):
    """Of examples one number is kept, or none: then all is 0. Neither disturbs the others."""
    for case in ((3, 2, 5, 4, 2), (1, 2, 3, 3, 3)):
        inputs = maps(rng, *case)
        corners = inputs["corners"]
        corners[0], corners[0, 0, 0, 0], corners[-1] = True, False, True
        check_result(student, "drop_blocks", inputs, blocks(**inputs), ("out", "mask"))


@public
@points(1, of="dropblock_forward")
def test_dropblock_without_chance(student, rng):
    """At inference and with drop = 0 out is x; with drop = 1 and one block a map it is 0."""
    x = rng.normal(4, 3, 4, 4)
    for size, drop, train in ((2, 0.3, False), (3, 0.0, True), (4, 1.0, True)):
        options = dict(drop=drop, size=size, seed=rng.seed(), train=train)
        for rows in (x, x[:1]):
            check_forward(student, "dropblock", dict(x=rows), (drop < 1) * rows, options=options)


@public
@points(1, of="dropblock_forward")
def test_dropblock_forward(student, rng):
    """Corners come with the probability γ, blocks go as a whole, and every mask has the mean 1."""
    # A map's corner pixel goes with the block at that corner only: with the probability γ.
    for shape, rate in (((40, 400, 5, 4), 0.125), ((60, 1000, 2, 2), 0.3)):
        x, seed = rng.away_from_zero(*shape), rng.seed()
        ratios = [ratio_of(student, "dropblock", x, 0.3, 2, s) for s in (seed, seed, seed + 1)]
        kept = [r[..., :: shape[2] - 1, :: shape[3] - 1] != 0 for r in ratios]
        if rate == 0.3:
            whole = torch.equal(kept[0].flatten(2).any(2), kept[0].flatten(2).all(2))
            require(whole, "a map that is one block is left out in part", diagnosis="in part")
            kept = [part[..., 0, 0] for part in kept]
        check_share(kept[0], 1 - rate, 0.014, f"corners of maps of {shape[2]} × {shape[3]}")
        off = float((ratios[0].mean((1, 2, 3)) - 1).abs().max())
        text = "the mask of an example does not have the mean 1"
        require(off < 1e-5, text, "Count what is kept of it.", diagnosis="not renormalised")
        check_coins(kept, rate)
