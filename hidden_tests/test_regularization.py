"""Checks of the topic regularization.

Random draws must never fail a right answer. Of 90,000 normal ones the std is off by 2.5 % with a
probability below 1e-13, of 45,000 by 5 % below 1e-30 (Chernoff's bound for χ²); the mean by 5 % of
it below 1e-30, the share beyond 1 sigma by 0.03 below 1e-70 (Hoeffding); none is beyond 3.2: 1e-53.
A mean of 300 products is beyond 0.6 with 1e-20, and there are 600,000. If 20 sizes have a std below
0.01, 19 are within 0.09 of the first: each below 0.8 · 0.18, all below 0.15^19 = 2e-16. Each of 25
offsets, and differences of two, comes Bin(5000, 1/25) times: by Chernoff 100 times or less below
exp(−200 · (½ ln ½ + ½)) = 5e-14, 320 or more below exp(−200 · (1.6 ln 1.6 − 0.6)) = 6e-14; their χ²
is below 1 with 5e-13. Of 2,000 draws with 0.947 each 1,780 or fewer: exp(−50), all: exp(−109).
"""

import torch
from torch import Tensor
from torch.nn import functional

from gradus.checks import call, check_raises, check_result, double, kind, points, public, require

BY_HAND, ALPHA = [1, -2, 0, 2], 6


@torch.enable_grad()
def with_gradient(f, w: Tensor) -> tuple[Tensor, Tensor]:
    """f(w) and its gradient, by autograd."""
    own = w.detach().clone().requires_grad_()
    value = f(own)
    return value.detach(), torch.autograd.grad(value, own)[0]


def l1(w, alpha):
    return with_gradient(lambda w: alpha * torch.linalg.vector_norm(w, 1), w)


def l2(w, alpha):
    return with_gradient(lambda w: alpha / 2 * functional.mse_loss(w, 0 * w, reduction="sum"), w)


def norm(w, p):
    return with_gradient(lambda w: torch.linalg.vector_norm(w, p), w)


def penalised(loss, grads, params, l1=0.0, l2=0.0):
    """The penalties and their gradients, of all weights, by autograd."""
    total, grads = loss, list(grads)
    for k, (w, _) in enumerate(params):
        value, slope = with_gradient(lambda w: l1 * w.abs().sum() + l2 / 2 * (w * w).sum(), w)
        total, grads[k] = total + value, (grads[k][0] + slope, grads[k][1])
    return total, grads


def shifted(x, dy, dx):
    """Each image cut from one with a wide border of zeros."""
    (h, w), moved = x.shape[1:], []
    padded = functional.pad(x, (w, w, h, h))
    for image, down, right in zip(padded, dy.tolist(), dx.tolist(), strict=True):
        top, left = h - max(-h, min(h, down)), w - max(-w, min(w, right))
        moved.append(image[top : top + h, left : left + w])
    return torch.stack(moved)


STAND_INS = {"l1_penalty": l1, "l2_penalty": l2, "add_penalty": penalised, "shift_images": shifted}


def check_penalty(student, rng, function, by_hand, expected):
    names = ("penalty", "gradient")
    check_result(student, function, dict(w=double(BY_HAND), alpha=ALPHA), by_hand, names)
    large, some, few = 1000 * rng.normal(2, 3, 4), rng.normal(3, 5), rng.normal(4)
    for alpha, w in ((0.3, some), (7.0, large), (0.0, few)):
        check_result(student, function, dict(w=w, alpha=alpha), expected(w, alpha), names)


@public
@points(2, of="l2_penalty")
def test_l2_penalty(student, rng):
    """alpha / 2 times the sum of the squares, and its gradient; first of the example on paper."""
    check_penalty(student, rng, "l2_penalty", (double(27), double([6, -12, 0, 12])), l2)


@public
@points(2, of="l1_penalty")
def test_l1_penalty(student, rng):
    """alpha times the sum of the absolute values, and its gradient, which is 0 at 0."""
    check_penalty(student, rng, "l1_penalty", (double(30), double([6, -6, 0, 6])), l1)


@public
@points(2, of="lp_norm")
def test_lp_norm(student, rng):
    """The norm of (1, −2, 0, 2) is 5 for p = 1 and 3 for p = 2; other p, other shapes."""
    w, names = double(BY_HAND), ("norm", "gradient")
    check_result(student, "lp_norm", dict(w=w, p=2), (double(3), w / 3), names)
    check_result(student, "lp_norm", dict(w=w, p=1), (double(5), double([1, -1, 0, 1])), names)
    for more, p in ((rng.normal(3, 5), 3), (1000 * rng.normal(2, 3, 4), 1.5), (rng.normal(1), 4)):
        check_result(student, "lp_norm", dict(w=more, p=p), norm(more, p), names)
    for p in (1 - 1e-6, 0):
        check_raises(student, "lp_norm", w, p, when=f"p is {p}")


@points(1, of="lp_norm")
def test_lp_norm_extreme(student, rng):
    """A large p does not overflow, nor vanish, and the norm of zeros is 0, with the gradient 0."""
    names = ("norm", "gradient")
    for size, p in ((1.0, 3), (1000.0, 200), (1e-3, 200), (1e30, 12), (1e-20, 3)):
        w = rng.uniform(3, 4, low=-1)
        value, gradient = norm(w, p)
        right = size * value, gradient  # a norm's gradient does not depend on the length of w
        check_result(student, "lp_norm", dict(w=size * w, p=p), right, names)
    two = double([2, -2])  # their sum is 0, and both are the largest
    check_result(student, "lp_norm", dict(w=two, p=1000), norm(two, 1000), names)
    for p in (1, 2.5):
        zeros = torch.zeros(2, 3).double()
        check_result(student, "lp_norm", dict(w=zeros, p=p), (double(0), zeros), names)


def layers(rng, *sizes):
    """Pairs (w, b) of random numbers."""
    return [(rng.normal(n, m), rng.normal(m)) for n, m in zip(sizes, sizes[1:], strict=False)]


@public
@points(3, of="add_penalty")
def test_add_penalty(student, rng):
    """The penalties are in the loss and in the gradients of the weights; biases are left alone."""
    params, zero = [(double([BY_HAND]), double([5, 6, 7, 8]))], double([[0] * 4])
    right = double(37), [(double([[6, -12, 0, 12]]), double([1] * 4))]
    inputs = dict(loss=double(10), grads=[(zero, zero[0] + 1)], params=params, l1=0, l2=ALPHA)
    check_result(student, "add_penalty", inputs, right, ("loss", "grads"))
    both, one, two = dict(l1=0.3, l2=0.7), dict(l1=0.4), dict(l2=1.3)
    for sizes, given in (((4, 3, 2), both), ((5, 1), one), ((3, 5, 4, 2, 6), two), ((3, 1), {})):
        inputs = dict(loss=rng.uniform(), grads=layers(rng, *sizes), params=layers(rng, *sizes))
        right = penalised(**inputs, **given)
        check_result(student, "add_penalty", inputs, right, ("loss", "grads"), options=given)


@public
@points(2, of="smooth_labels")
def test_smooth_labels(student, rng):
    """A share eps is spread over all classes, and each row sums to 1."""
    cases = [(dict(y=torch.tensor([3]), classes=5, eps=0.4), double([3 * [0.08] + [0.68, 0.08]]))]
    for n, classes, eps in ((7, 5, 0.1), (4, 3, 0.0), (3, 6, 1.0), (1, 10, 0.35)):
        y = rng.integers(n, high=classes)
        right = torch.lerp(functional.one_hot(y, classes).double(), double(1 / classes), eps)
        cases += [(dict(y=y, classes=classes, eps=eps), right)]
    for inputs, right in cases:
        check_result(student, "smooth_labels", inputs, right.float(), "targets", same_dtype=True)
    for eps in (-1e-6, 1 + 1e-6):
        check_raises(student, "smooth_labels", torch.tensor([0]), 2, eps, when=f"eps is {eps}")


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
def test_add_noise_none(student, rng):
    """With std = 0 the inputs stay as they are."""
    for x in (rng.normal(3, 5), 1000 * rng.normal(1, 2, 4)):
        check_result(student, "add_noise", dict(x=x, std=0.0, seed=rng.seed()), x, "out")


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
def test_shift_images(student, rng):
    """Each image moves by its own offsets, and nothing comes back in on the other side."""
    inputs = dict(x=double([[[1, 2, 3], [4, 5, 6]]]), dy=torch.tensor([1]), dx=torch.tensor([-1]))
    check_result(student, "shift_images", inputs, double([[[0, 0, 0], [2, 3, 0]]]), "out")
    # Each offset comes up once, 0 among them; some rows leave altogether, then some columns.
    for (n, h, w), reach in (((5, 3, 4), 2), ((11, 3, 4), 5), ((9, 5, 3), 4)):
        dy, dx = (rng.permutation(2 * reach + 1)[:n] - reach for _ in range(2))
        inputs = dict(x=rng.normal(n, h, w), dy=dy, dx=dx)
        check_result(student, "shift_images", inputs, shifted(**inputs), "out")


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


@points(1, of="jitter")
def test_jitter_seed(student, rng):
    """Equal seeds give equal shifts, different seeds different ones; reach = 0 moves nothing."""
    for seed in (rng.seed(), rng.seed()):
        check_seed(lambda s: torch.stack(offsets(student, 60, 4, s)), seed)
    x = rng.normal(4, 3, 5)
    check_result(student, "jitter", dict(x=x, reach=0, seed=rng.seed()), x, "out")
    gone = drawn(student, "jitter", torch.ones(2000, 2, 2), 6, rng.seed()).flatten(1).sum(1) == 0
    text = f"with reach = 6 about 1890 of 2000 images of 2 × 2 leave, here {int(gone.sum())} do"
    require(1780 < int(gone.sum()) < 2000, text, diagnosis="reach")


def trained(x, y, x_val, y_val, params, lr, steps, patience, l1=0.0, l2=0.0):
    """All steps, by autograd; then where patience ends is looked up in the losses."""

    def loss(x, y, w, b):
        return functional.mse_loss(torch.addmm(b, x, w), y, reduction="sum") / (2 * len(x))

    path = [params[0]]
    for _ in range(steps):
        w, b = (t.detach().clone().requires_grad_() for t in path[-1])
        total = loss(x, y, w, b) + l1 * w.abs().sum() + l2 / 2 * w.square().sum()
        dw, db = torch.autograd.grad(total, (w, b))
        path.append((w.detach() - lr * dw, b.detach() - lr * db))
    losses = [loss(x_val, y_val, *pair) for pair in path]
    best = [min(range(t + 1), key=losses.__getitem__) for t in range(steps + 1)]
    end = next((t for t in range(steps) if t - best[t] == patience), steps)
    return [path[best[end]]], losses[: end + 1]


def even(rng, n, d):
    """Inputs whose columns are orthogonal, with mean 0 and mean square 1: all curvatures are 1."""
    x = rng.normal(n, d)
    return torch.linalg.qr(x - x.mean(0))[0] * n**0.5


@public
@points(1, of="train")
def test_train_stops(student, rng):
    """Training stops when patience is at its end, and the best params come back, not the last."""
    # Each step takes all distances to the goal times −0.5 (lr = 1.5) or −1.5. The goal of x_val is
    # 1.05 or 0.8 times as far; from there it is 1.05, 0.45, 0.3, 0.075, 0.1125, 0.0188, 0.0656,
    # 0.0422, 0.0539, …; 0.8, 0.7, 0.05, 0.325, 0.1375, …; or 1.05, 1.45, 2.3, … Last it is ±2.
    cases = [(1.5, 1, 9), (1.5, 2, 20), (1.5, 4, 20), (1.5, 3, 20), (1e-4, 1, 3), (1.5, 2, 0)]
    x, x_val = even(rng, 7, 3), even(rng, 9, 3)
    for lr, patience, steps in [(2.5, 2, 9), *cases]:
        goal, size = {3: (0.8, 1e-4), 4: (1.05, 1e4)}.get(patience, (1.05, 1))  # any size
        (w, v), (b, c) = ((t, t.flip(0)) for t in (size * rng.normal(3, 2), size * rng.normal(2)))
        data = dict(x=x, y=x @ (w + v) + b + c, x_val=x_val, y_val=x_val @ (w + goal * v))
        data["y_val"] += b + goal * c
        inputs = data | dict(params=[(w, b)], lr=lr, steps=steps, patience=patience)
        check_result(student, "train", inputs, trained(**inputs), ("params", "losses"))
    x, y, start = double([[1], [-1]]), double([[1], [-1]]), [(double([[3]]), double([0]))]
    data = dict(x=x, y=y, x_val=x, y_val=y, params=start, lr=2.0, steps=9, patience=3)
    check_result(student, "train", data, trained(**data), ("params", "losses"))


@public
@points(1, of="train")
def test_train_penalties(student, rng):
    """The steps follow the penalties; the validation loss has none; the last step may be best."""
    cases = ((7, 6, dict(l1=0.2, l2=0.3)), (1, 6, dict(l2=0.4)), (6, 6, {}), (6, 1, {}))
    for n, patience, options in cases:
        x = x_val = rng.uniform(1, 3, low=0.5, high=1.5)
        if n > 1:
            x, x_val = even(rng, n, 3), even(rng, 5, 3)
        w, b = rng.away_from_zero(3, 2, gap=0.5), rng.normal(2)
        goal = 1 if patience == 6 else 3.8  # the nearest of 4, 3.85, 3.7075, … is the second
        data = dict(x=x, y=x @ w + b, x_val=x_val, y_val=goal * (x_val @ w + b))
        inputs = data | dict(params=[(4 * w, 4 * b)], lr=0.05, steps=6, patience=patience)
        right = trained(**inputs, **options)
        check_result(student, "train", inputs, right, ("params", "losses"), options=options)
