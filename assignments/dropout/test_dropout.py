"""The public checks of *Dropout*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from itertools import product

import torch
from torch import Tensor

from gradus.checks import call, forward, kind, points, public, require, unpack

SHAPE = (20, 50, 60)  # 60,000 coins


@public
@points(3, of="scale_weights")
def test_scale_weights(recorded):
    """4 and 8 become 3 and 6, as on paper; each layer has its own probability, and biases stay."""
    recorded()


@public
@points(1, of="keep_mask")
def test_keep_mask_ends(recorded):
    """With drop = 0 everything is kept, with drop = 1 nothing; other numbers are refused."""
    recorded()


def tensor(value, shape, name: str, dtype=None) -> Tensor:
    """A value, if it is a tensor of this shape, and of this dtype where one is given."""
    fits = isinstance(value, Tensor) and (value.shape, value.dtype) == (shape, dtype or value.dtype)
    got = f"{value.dtype}, {tuple(value.shape)}" if isinstance(value, Tensor) else kind(value)
    text = f"{name} must be a {dtype or 'tensor'} of shape {tuple(shape)}, got {got}"
    require(fits, text, diagnosis="structure")
    return value


def check_share(kept: Tensor, share: float, name: str, *why: str) -> None:
    seen, far = float(kept.double().mean()), 8 * (share * (1 - share) / kept.numel()) ** 0.5
    text = f"{name}: {seen:.3f} are kept, it should be {share:.3g}"
    require(abs(seen - share) < far, text, *why, diagnosis="share")


def check_coins(masks, seed) -> None:
    """Masks from the seeds s, s and s + 1: no coin has to do with another one."""
    mask, again, other = masks
    require(torch.equal(mask, again), f"seed {seed}: two calls, two masks", diagnosis="new coins")
    one, two, pairs, found = mask.flatten(), other.flatten(), {}, []
    for axis in range(mask.ndim):
        rows = mask.movedim(axis, 0)
        pairs[f"neighbours along axis {axis}"] = rows[0::2], rows[1::2]
        pairs[f"the two halves along axis {axis}"] = rows.chunk(2)
    for n in (0, 1, mask[0].numel()):
        name = f"the masks of s{f', moved by {n},' if n else ''} and s + 1, two seeds"
        pairs[name] = one[n:], two[: len(two) - n]
    for name, (a, b) in pairs.items():
        share, its = a.double().mean(), b.double().mean()
        right = float(share * its + (1 - share) * (1 - its))
        found.append((float((a == b).double().mean()), right, name))
    agree, right, name = max(found, key=lambda pair: abs(pair[0] - pair[1]))
    text = f"{name}: {agree:.2f} of the coins agree, of independent ones about {right:.2f} do"
    why = "Every number has a coin of its own, and with every seed."
    require(abs(agree - right) < 0.024, text, why, diagnosis="not independent")


@public
@points(1, of="keep_mask")
def test_keep_mask_independent(student, rng):
    """Every entry has a coin of its own, and so has every seed."""
    for drop in (0.3, 0.8):
        seed = rng.seed()
        masks = [call(student, "keep_mask", SHAPE, drop, s) for s in (seed, seed, seed + 1)]
        check_coins([tensor(mask, SHAPE, "mask", torch.bool) for mask in masks], seed)


@public
@points(2, of="keep_mask")
def test_keep_mask_share(student, rng):
    """The share that is kept is 1 − drop, and not the same in every mask."""
    for drop in (0.3, 0.8, 0.004):
        mask = call(student, "keep_mask", (1, 1000, 60), drop, rng.seed())
        mask, why = tensor(mask, (1, 1000, 60), "mask", torch.bool), "Are numbers even on [0, 1)?"
        check_share(mask, 1 - drop, f"drop = {drop}", why)
    # 15 counts alike: below 0.12 to the power of 14 = 2e-13, for no count is more probable.
    few = [call(student, "keep_mask", (60,), 0.3, rng.seed()) for _ in range(15)]
    masks = {tuple(tensor(mask, (60,), "mask").tolist()) for mask in few}
    counts = set(map(sum, masks))
    text = f"{len(masks)} different masks of 60 coins keep {counts} each: a coin knows of no other"
    require(len(masks) == 1 or len(counts) > 1, text, diagnosis="exact count")


@public
@points(1, of="dropout_forward")
def test_dropout_without_chance(recorded):
    """At inference out is x; with drop = 0 it is, too; with drop = 1 it is 0 and not NaN."""
    recorded()


def ratios_of(student, name: str, x: Tensor, *args, seed: int) -> list[Tensor]:
    """out / x of a float32 x, with the seeds s, s and s + 1."""
    outs = [forward(student, name, x.float(), *args, s)[0] for s in (seed, seed, seed + 1)]
    return [tensor(out, x.shape, "out", torch.float32).double() / x.float() for out in outs]


@public
@points(2, of="dropout_forward")
def test_dropout_forward(student, rng):
    """What is kept is 1.25 or 20 times as large; every number and every seed has its own coin."""
    # Of eight in ten rows of four numbers nothing is kept with drop = 0.95: they are 0, too.
    for drop, shape in ((0.2, SHAPE), (0.95, (15000, 4)), (0.004, SHAPE)):
        x, seed = rng.away_from_zero(*shape), rng.seed()
        ratios = ratios_of(student, "dropout", x, drop, seed=seed)
        kept, factor = [ratio != 0 for ratio in ratios], 1 / (1 - drop)
        check_coins(kept, seed)
        check_share(kept[0], 1 - drop, f"dropout_forward(x, {drop}, seed), train not given")
        low, high = map(float, ratios[0][kept[0]].aminmax())
        text = f"drop = {drop}: the factor is {low:.4g} to {high:.4g}, it should be {factor:.4g}"
        near = (1 - 1e-5) * factor < low and high < (1 + 1e-5) * factor
        require(near, text, "It is 1 / (1 − drop), whatever the coins say.", diagnosis="factor")


@public
@points(1, of="dropout_backward")
def test_dropout_backward_without_chance(recorded):
    """At inference the gradient passes as it is; with drop = 1 nothing passes."""
    recorded()


@public
@points(1, of="dropout_backward")
def test_dropout_backward(student, rng):
    """The layer is linear while its mask stands: for dout = x the gradient is out."""
    for shape, drop in (((40, 50), 0.3), ((1, 300), 0.6)):
        x = rng.away_from_zero(*shape)
        lent = student.dropout_forward(x, drop, rng.seed())  # whose own checks judge it
        out, cache = unpack("dropout_forward", lent, "out", "cache")
        dx = tensor(call(student, "dropout_backward", x, cache), shape, "dx")
        text = "the gradient does not pass exactly where the forward pass has let numbers through"
        require(torch.equal(dx != 0, out != 0), text, "Is the mask its own?", diagnosis="new mask")
        seen = float((dx / out)[out != 0].median())
        text = f"what passes is {seen:.2f} times what it should be"
        require(torch.allclose(dx.double(), out.double(), rtol=1e-5), text, diagnosis="factor")


@public
@points(1, of="monte_carlo")
def test_monte_carlo_without_chance(recorded):
    """Without dropout the mean is the network's output and the spread is 0, for one pass, too."""
    recorded()


def passes_of(student, k, seed) -> tuple[Tensor, Tensor]:
    """Mean and std of 600 units that are 10 where they and their input are kept, and else 0."""
    # 6.3 / 0.7 − 3 = 6 where the input is kept, max(−3, 0) = 0 where it is not; and 6 / 0.6 = 10.
    eye, zero = torch.eye(30).double(), torch.zeros(30).double()
    params, x = [(eye, zero - 3), (eye, zero)], 6.3 * torch.ones(20, 30).double()
    value = call(student, "monte_carlo", x, params, [0.3, 0.4], k, seed)
    both = unpack("monte_carlo", value, "mean", "std")
    mean, std = (tensor(value, x.shape, "mean, std") for value in both)
    possible = (mean.double() * k / 10).round().clamp(0, k) * 10 / k
    off, means = (mean - possible).abs(), sorted(set(possible.flatten().tolist()))
    odd = float(mean.flatten()[off.argmax()])
    text = f"k = {k}: the mean of a unit whose passes should be 0 or 10 is {odd:.4g}"
    require(float(off.max()) < 1e-4, text, "Each layer has its own drop.", diagnosis="outputs")
    # 600 units have three counts of eleven with a probability below 165 · 0.75^600 = 1e-72, and
    # two of three, or one of two, below 3 · 0.83^600 = 1e-48.
    text = f"k = {k}, seed = {seed}: of 600 units the means are {means}, and nothing else"
    why = "A unit is 10 or 0 in a pass, and each pass has its own masks, whatever the seed is."
    require(len(means) > min(k, 3), text, why, diagnosis="few means")
    return mean, std


@public
@points(1, of="monte_carlo")
def test_monte_carlo(student, rng):
    """Every pass has masks of its own, of all layers; no other seed has the same."""
    passes_of(student, 1, rng.seed())
    seed = rng.seed()
    (mean, _), (again, _) = (passes_of(student, 10, seed) for _ in range(2))
    check_share(mean / 10, 0.42, "ten passes, drops = [0.3, 0.4]")
    require(torch.equal(mean, again), f"seed {seed}: two calls, two means", diagnosis="new coins")
    # Of the means of k bounded coins 600 pairs have a correlation of 0.4 with a probability below
    # 2 exp(−(0.4 · 0.8)² 600 / 2) = 1e-13 (Hoeffding; 0.8: a small standard deviation).
    for k, seed in ((2, rng.seed()), (250, 0)):
        means = [passes_of(student, k, seed + at)[0].flatten() for at in (0, 1)]
        alike = float(torch.corrcoef(torch.stack(means))[0, 1])
        text = f"k = {k}: what the seeds {seed} and {seed + 1} give is correlated by {alike:.2f}"
        require(abs(alike) < 0.4, text, "No pass may be in both.", diagnosis="shared passes")


@public
@points(1, of="block_rate")
def test_block_rate(recorded):
    """γ is 0.125 in the example on paper; a block of one number is dropout, one of a map is p."""
    recorded()


@public
@points(1, of="drop_blocks")
def test_drop_blocks(recorded):
    """Blocks are left out and may overlap, and each example's mask has the mean 1."""
    recorded()


@public
@points(1, of="dropblock_forward")
def test_dropblock_without_chance(recorded):
    """At inference and with drop = 0 out is x; with drop = 1 and one block a map it is 0."""
    recorded()


@public
@points(1, of="dropblock_forward")
def test_dropblock_forward(student, rng):
    """Corners come with the probability γ, blocks go as a whole, and every mask has the mean 1."""
    # A map's corner pixel goes with the block at that corner only: with the probability γ.
    for n, c, height, width, rate in ((40, 400, 3, 6, 0.135), (60, 1000, 2, 2, 0.3)):
        x, seed = rng.away_from_zero(n, c, height, width), rng.seed()
        ratios = ratios_of(student, "dropblock", x, 0.3, 2, seed=seed)
        kept = [r[..., :: height - 1, :: width - 1] != 0 for r in ratios]
        check_coins([part[..., 0, 0] for part in kept] if rate == 0.3 else kept, seed)
        for i, j in product((0, 1), (0, 1)):
            at = f"drop = 0.3, {height} × {width} maps, number {i * (height - 1), j * (width - 1)}"
            check_share(kept[0][..., i, j], 1 - rate, at, "Corners come with block_rate.")
        whole = rate < 0.3 or torch.equal(kept[0].flatten(2).any(2), kept[0].flatten(2).all(2))
        require(whole, "a map that is one block is left out in part", diagnosis="in part")
        off = float((ratios[0].mean((1, 2, 3)) - 1).abs().max())
        require(off < 1e-5, "the mask of an example does not have the mean 1", diagnosis="mean")
    x = rng.normal(3, 2, 4, 5)
    for train in (True, False):
        out, cache = forward(student, "dropblock", x, 0.3, 2, rng.seed(), train)
        dx = call(student, "dropout_backward", x, cache)  # None if that has failed its own checks
        dx = out if dx is None else tensor(dx, x.shape, "dx")
        right = any(torch.allclose(dx.double(), y.double()) for y in (out, out if train else x))
        require(right, f"train={train}: dropout_backward(x, cache) is not out", diagnosis="cache")
