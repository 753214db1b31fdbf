"""The public checks of *Regularisation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, double, kind, points, public, require

BY_HAND, ALPHA = [1, -2, 0, 2], 6


@public
@points(2, of="l2_penalty")
def test_l2_penalty(recorded):
    """alpha / 2 times the sum of the squares, and its gradient; first of the example on paper."""
    recorded()


@public
@points(2, of="l1_penalty")
def test_l1_penalty(recorded):
    """alpha times the sum of the absolute values, and its gradient, which is 0 at 0."""
    recorded()


@public
@points(2, of="lp_norm")
def test_lp_norm(recorded):
    """The norm of (1, −2, 0, 2) is 5 for p = 1 and 3 for p = 2; other p, other shapes."""
    recorded()


@public
@points(3, of="add_penalty")
def test_add_penalty(recorded):
    """The penalties are in the loss and in the gradients of the weights; biases are left alone."""
    recorded()


@public
@points(2, of="smooth_labels")
def test_smooth_labels(recorded):
    """A share eps is spread over all classes, and each row sums to 1."""
    recorded()


def drawn(student, function, x, *args) -> Tensor:
    """What a function of random draws returns, which must be like x, or in float32."""
    out = call(student, function, x, *args)
    right = isinstance(out, Tensor) and out.shape == x.shape
    right = right and out.dtype in (x.dtype, torch.float32)
    got = f"{out.dtype} of shape {tuple(out.shape)}" if isinstance(out, Tensor) else kind(out)
    text = f"{function} must return {x.dtype} of shape {tuple(x.shape)}, got {got}"
    require(right, text, diagnosis="structure")
    return out


def check_seed(draw, seed):
    """Equal seeds give equal results, and different seeds different ones."""
    first, again, other = (draw(s) for s in (seed, seed, seed + 1))
    text = f"two calls with seed = {seed} give different results"
    require(torch.equal(first, again), text, diagnosis="not repeatable")
    text = "different seeds give the same result"
    require(not torch.equal(first, other), text, diagnosis="seed ignored")


@public
@points(0.5, of="add_noise")
def test_add_noise_none(recorded):
    """With std = 0 the inputs stay as they are."""
    recorded()


@public
@points(1.5, of="add_noise")
def test_add_noise(student, rng):
    """What is added is normal, with the std that is asked for, and is drawn for each entry."""
    for seed in (rng.seed(), rng.seed()):
        check_seed(lambda s: drawn(student, "add_noise", double([BY_HAND] * 9), 0.5, s), seed)
    for std, shape in ((0.3, (300, 310)), (2.0, (310, 15, 20))):
        x, seed = rng.uniform(*shape, low=0.5, high=5), rng.seed()
        x[shape[0] // 2 :] = 0
        both = torch.cat([drawn(student, "add_noise", x, std, s) - x for s in (seed, seed + 1)])
        both = both.flatten(1) / std
        noise = both[: len(x)]
        large, small = (float(part.square().mean().sqrt()) for part in noise.chunk(2))
        text = f"where x is 0 the noise varies {small:.2f} std, where it is not {large:.2f} std"
        require(0.9 < large / (small or 1e-9) < 1.2, text, diagnosis="depends on x")
        for rows in ((both - both.mean()) / both.std(), (noise.T - noise.mean()) / noise.std()):
            alike = (rows @ rows.T / rows.shape[1]).fill_diagonal_(0).abs().max()
            require(bool(alike < 0.6), "entries share their noise", diagnosis="shared")
        spread, mean, most = noise.square().mean().sqrt(), float(noise.mean()), noise.abs().max()
        text = f"the mean of the noise is {std * mean:.3f}, that of N(0, std²) is 0"
        require(abs(mean) < 0.05 * spread, text, diagnosis="mean")
        text = f"std = {std}: that of the noise is {std * spread:.2g}, that of x is {x.std():.2g}"
        require(abs(spread - 1) < 0.025, text, diagnosis="spread")
        text = "no noise is beyond 3.2 standard deviations, as one normal draw in 700 is"
        require(float(most) > 3.2, text, diagnosis="not normal")
        share = float((noise.abs() > 1).double().mean())
        text = f"{share:.2f} of the noise is beyond one standard deviation, of normal numbers 0.32"
        require(abs(share - 0.317) < 0.03, text, diagnosis="not normal")
    alone = [call(student, "add_noise", double([0]), 1.0, rng.seed()) for _ in range(20)]
    sizes = torch.cat(alone).abs()
    text = f"the noise of 20 single numbers is {sizes.min():.3f} to {sizes.max():.3f} in size"
    require(float(sizes.std()) > 0.01, text, diagnosis="standardised")


@public
@points(2, of="shift_images")
def test_shift_images(recorded):
    """Each image moves by its own offsets, and nothing comes back in on the other side."""
    recorded()


def offsets(student, n, reach, seed) -> tuple[Tensor, Tensor]:
    """Where jitter has moved the single bright pixel of n dark images, down and to the right."""
    x = torch.zeros(n, 9, 11)
    x[:, 4, 5] = 1
    flat = drawn(student, "jitter", x, reach, seed).reshape(n, -1)
    single = bool(((flat == 1).sum(1) == 1).all() and ((flat == 0).sum(1) == 98).all())
    text = f"with reach = {reach} one bright pixel of 9 × 11 is no single one afterwards"
    require(single, text, diagnosis="not moved")
    at = flat.argmax(1)
    return at // 11 - 4, at % 11 - 5


@public
@points(1, of="jitter")
def test_jitter(student, rng):
    """Every pair of offsets from −reach … reach comes up about equally often."""
    dy, dx = offsets(student, 5000, 2, rng.seed())
    text = f"all of 5000 images move by {int(dy[0]), int(dx[0])}: each has offsets of its own"
    require(len(dy.unique()) > 1 or len(dx.unique()) > 1, text, diagnosis="shared")
    for name, offset in (("rows", dy), ("columns", dx)):
        found = sorted(set(offset.tolist()))
        text = f"with reach = 2 the {name} move by {found}, they should by [-2, -1, 0, 1, 2]"
        require(found == [-2, -1, 0, 1, 2], text, diagnosis="range")
    text = "all images move as far down as to the right: draw for each direction"
    require(not torch.equal(dy, dx), text, diagnosis="one for both")
    pairs = (dy + 2) * 5 + dx + 2
    counts, steps = (torch.bincount(p % 25, minlength=25) for p in (pairs, pairs - pairs.roll(1)))
    at = int((counts - 200).abs().argmax())
    text = f"{int(counts[at])} of 5000 images move by {at // 5 - 2, at % 5 - 2}, not about 200"
    require(int(counts.min()) > 100 and int(counts.max()) < 320, text, diagnosis="uneven")
    text = "how an image moves depends on the one before it: each is drawn on its own"
    require(int(steps.min()) > 100 and int(steps.max()) < 320, text, diagnosis="dependent")
    text = "all offsets come up equally often: independent draws are not as even"
    require(int((counts - 200).square().sum()) > 200, text, diagnosis="too even")


@public
@points(1, of="train")
def test_train_stops(recorded):
    """Training stops when patience is at its end, and the best params come back, not the last."""
    recorded()


@public
@points(1, of="train")
def test_train_penalties(recorded):
    """The steps follow the penalties; the validation loss has none; the last step may be best."""
    recorded()
