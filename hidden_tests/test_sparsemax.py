"""Checks of the topic sparsemax.

No torch operator computes sparsemax. What is right comes from the definition, the nearest point of
the simplex, by its optimality conditions: p is right if and only if p ≥ 0 sums to 1 and there is a
τ with p = z − τ where p > 0, and z ≤ τ where p = 0. `planted` makes z from p and τ, and so knows
both; `project` tries every support, and keeps the one for which the conditions hold.
"""

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    double,
    forward,
    forward_backward,
    kind,
    points,
    public,
    require,
)

# The worked example of the text, in quarters and as it is.
QUARTERS = [[5, 0, 3, -4], [5, 6, 5, 3]]
SCORES = [[1.25, 0, 0.75, -1], [1.25, 1.5, 1.25, 0.75]]
OUT = [[0.75, 0, 0.25, 0], [0.25, 0.5, 0.25, 0]]
DOUT = [[4, 7, 2, 9], [3, 0, 6, 5]]
LABELS = [2, 1]
# Scores that are exactly at the threshold, and equal ones: the sizes, the thresholds, the points.
TIED = [[2, 1, 0], [0, 1, 1], [0.5, 0, 1], [3, 3, 3], [0.25, 1.25, 0.25]]
TIED_SIZE, TIED_TAU = [1, 2, 2, 3, 1], [[1], [0.5], [0.25], [3 - 1 / 3], [0.25]]

# Rows far from 0: exact in float64, but τ and the loss are not, unless the offset goes first.
NEAR = [[0, -0.125, -0.5, -2], [-3, 0, 0, 0], [0.5, 0, -1, 0.25], [0, 2, 0.5, 0.25]]
FAR = [[2.0**46], [-(2.0**46)], [1000], [0]]
NEAR_OUT = [[13, 10, 1, 0], [0, 8, 8, 8], [14, 2, 0, 8], [0, 24, 0, 0]]  # times 24


# Scores 2⁻²⁰ and less above or below the threshold, and a row of a large spread: sizes and τ.
STEP = 2.0**-20
CLOSE = [[0.5, STEP - 0.5, -1, -2], [0.5 - STEP, STEP, STEP, 0.5 - STEP]]
CLOSE += [[1, -STEP, -1, -3], [0, -17 / 32, -(2.0**52), -2]]
CLOSE_SIZE, CLOSE_TAU = [2, 4, 1, 2], [[STEP / 2 - 0.5], [0], [0], [-49 / 64]]


def project(z: Tensor, total: float = 1.0) -> Tensor:
    """The projection of each row, by autograd's standards: of all supports the one that meets the
    optimality conditions; the smallest of several, where a score is exactly at the threshold."""
    c = z.shape[1]
    masks = sorted((f"{i:0{c}b}" for i in range(1, 2**c)), key=lambda mask: mask.count("1"))
    inside = torch.tensor([[int(bit) for bit in mask] for mask in masks]).to(z)
    shifted = z - z.detach().amax(1, keepdim=True)
    tau = (shifted @ inside.T - total) / inside.sum(1)
    excess = shifted[:, None, :] - tau[:, :, None]
    violation = torch.where(inside == 1, -excess, excess).amax(2).clamp(min=0)
    return (inside * excess)[torch.arange(len(z)), violation.argmin(1)]


def size_of(z: Tensor, total: float = 1.0) -> Tensor:
    """How many entries of the projection are not 0."""
    return (project(z, total) > 0).sum(1)


def tau_of(z: Tensor, total: float = 1.0) -> Tensor:
    """The projection is z − τ where it is largest."""
    best = z.argmax(1, keepdim=True)
    return (z - project(z, total)).gather(1, best)


def loss(z: Tensor, y: Tensor) -> Tensor:
    """By how much the right answer is farther from z than the nearest point, in half squares."""
    z = z - z.detach().amax(1, keepdim=True)
    right, nearest = torch.eye(z.shape[1]).to(z)[y], project(z)
    return ((z - right).square() - (z - nearest).square()).sum(1).mean() / 2


STAND_INS = {
    "support_size": size_of,
    "threshold": tau_of,
    **forward_backward("sparsemax", project),
    **forward_backward("sparsemax_loss", loss, wrt=[0]),
}


def planted(rng, sizes, c) -> tuple[Tensor, Tensor, Tensor]:
    """Scores whose projection is known by the optimality conditions: (z, τ, p).

    Row n has sizes[n] classes in its support. p and τ are multiples of 1/64, so that z is exact.
    """
    p, below = torch.zeros(len(sizes), c).double(), rng.integers(len(sizes), c, low=1, high=150)
    for row, k in zip(p, sizes, strict=True):
        cuts = (1 + rng.permutation(63)[: k - 1]).sort().values
        ends = torch.cat([torch.tensor([0]), cuts, torch.tensor([64])])
        row[rng.permutation(c)[:k]] = ends.diff().double() / 64
    tau = rng.integers(len(sizes), 1, low=-96, high=96) / 64.0
    return tau.double() + torch.where(p > 0, p, -below / 64), tau.double(), p


def ordinary(rng) -> list[Tensor]:
    """A batch with supports of all sizes, one row, rows that are wide apart, and a single class."""
    return [
        rng.normal(5, 4) * double([[0.1], [0.3], [0.6], [1], [3]]),
        rng.normal(1, 3),
        rng.normal(2, 6, std=20),
    ]


def labels(rng, n, c) -> Tensor:
    """Random labels, the last and the first class among them; neither where there is one."""
    y = rng.integers(n, high=c)
    y[-1], y[0] = 0, c - 1 if n > 1 else c // 2
    return y[rng.permutation(n)]


@public
@points(2, of="support_size")
def test_support_size(student, rng):
    """The size of the support, first of the example on paper."""
    inputs, k = dict(z=double(QUARTERS)), torch.tensor([2, 3])
    check_result(student, "support_size", inputs, k, "k", options=dict(total=4.0), same_dtype=True)
    for sizes, c in (((1, 4, 2, 3, 6), 6), ((3,), 5), ((7, 12, 5), 12)):
        z, _, _ = planted(rng, sizes, c)
        k = torch.tensor(sizes)
        check_result(student, "support_size", dict(z=z), k, "k", same_dtype=True)


@public
@points(1, of="support_size")
def test_support_size_ties(student):
    """A score exactly at the threshold does not count, equal scores do together; a small step."""
    for z, k in ((TIED, TIED_SIZE), (CLOSE, CLOSE_SIZE)):
        right = torch.tensor(k)
        check_result(student, "support_size", dict(z=double(z)), right, "k", same_dtype=True)


@public
@points(2, of="threshold")
def test_threshold(student, rng):
    """The threshold of each row, first of the example on paper."""
    inputs, tau = dict(z=double(QUARTERS)), double([[2], [4]])
    check_result(student, "threshold", inputs, tau, "tau", options=dict(total=4.0))
    for sizes, c in (((1, 4, 2, 3, 6), 6), ((3,), 5), ((7, 12, 5), 12)):
        z, tau, _ = planted(rng, sizes, c)
        check_result(student, "threshold", dict(z=z), tau, "tau")


@public
@points(1, of="threshold")
def test_threshold_extreme(student, rng):
    """The threshold of scores near ±1000, of rows that are wide apart, and of tied ones."""
    z, tau, _ = planted(rng, (2, 3, 1), 5)
    far = double([[1000], [-1000], [0]])
    check_result(student, "threshold", dict(z=z + far), tau + far, "tau")
    wide = [[1000, -1000, 0, 999.5]], [[999.25]]
    for z, tau in (wide, (TIED, TIED_TAU), (CLOSE, CLOSE_TAU)):
        check_result(student, "threshold", dict(z=double(z)), double(tau), "tau")


@public
@points(2, of="sparsemax_forward")
def test_sparsemax_forward(student, rng):
    """The probabilities, first of the example on paper, then of rows of all kinds."""
    check_forward(student, "sparsemax", dict(z=double(SCORES)), double(OUT))
    for sizes, c in (((1, 4, 2, 3, 6), 6), ((3,), 5)):
        z, _, p = planted(rng, sizes, c)
        check_forward(student, "sparsemax", dict(z=z), p)
    z = rng.normal(3, 5, std=300)
    check_forward(student, "sparsemax", dict(z=z), project(z))


@public
@points(2, of="sparsemax_forward")
def test_sparsemax_is_the_nearest(student, rng):
    """The definition itself: out is in the simplex, and no point of the simplex is nearer to z."""
    for z in (rng.normal(3, 5), rng.normal(1, 7, std=0.2), rng.normal(2, 9, std=3)):
        out, _ = forward(student, "sparsemax", z)
        right = isinstance(out, Tensor) and out.shape == z.shape
        require(right, f"out must be a tensor of shape {tuple(z.shape)}, got {kind(out)}")
        out = out.double()
        require(
            bool((out >= 0).all()) and bool(((out.sum(1) - 1).abs() < 1e-5).all()),
            "an entry of out is negative, or a row does not sum to 1",
            "Below the threshold out is 0; above it, the excesses sum to 1.",
            diagnosis="not in the simplex",
        )
        # p is nearest if and only if (z − p) · (q − p) ≤ 0 for every q of the simplex. That is
        # linear in q, so the corners decide: no entry of z − p is above their mean weighted by p.
        away = z - out
        require(
            bool((away - (away * out).sum(1, keepdim=True) < 1e-5).all()),
            "a point of the simplex is nearer to z than out is",
            "From out towards one of the corners the distance falls. Inside the support, out is z "
            "minus one number for the whole row; outside, z is not above that number.",
            diagnosis="not the nearest point",
        )


@points(1, of="sparsemax_forward")
def test_sparsemax_forward_offset(student, rng):
    """What the scores of a row have in common costs no digits, and one that is far below none."""
    order = rng.permutation(4)
    z, p = double(NEAR)[:, order], double(NEAR_OUT)[:, order] / 24
    check_forward(student, "sparsemax", dict(z=z + double(FAR)), p)
    p = (double(CLOSE) - double(CLOSE_TAU)).clamp(min=0)
    check_forward(student, "sparsemax", dict(z=double(CLOSE)), p)


@public
@points(2, of="sparsemax_backward")
def test_sparsemax_backward(student, rng):
    """The gradient, first of the example on paper, for supports of all sizes and one row."""
    inputs = dict(z=double(SCORES))
    check_gradients(student, "sparsemax", inputs, project, dout=double(DOUT))
    for z in (*ordinary(rng), double([[1, 0.125, -2]])):  # of the last a p is 1/16
        check_gradients(student, "sparsemax", dict(z=z), project)


@points(1, of="sparsemax_backward")
def test_sparsemax_backward_ties(student, rng):
    """A score exactly at the threshold counts as outside; one that is just above it, as inside."""
    check_gradients(student, "sparsemax", dict(z=double(TIED)), project, dout=rng.normal(5, 3))
    check_gradients(student, "sparsemax", dict(z=double(CLOSE)), project)


@public
@points(2, of="sparsemax_loss_forward")
def test_sparsemax_loss_forward(student, rng):
    """The loss, first of the example on paper, then of rows of all kinds and of a sure one."""
    inputs = dict(z=double(SCORES), y=torch.tensor(LABELS))
    check_forward(student, "sparsemax_loss", inputs, double(0.375))
    for z in (*ordinary(rng), double([[0, 2.5, -1]])):
        inputs = dict(z=z, y=labels(rng, *z.shape) if len(z) > 2 else z.argmin(1))
        check_forward(student, "sparsemax_loss", inputs, loss(**inputs))
    # By hand: the first has p = (¾, ¼, 0) and costs 17/16, the second nothing, the third 3/16.
    sure = double([[1, 0.5, 0], [0, 2.5, -1], [1.25, 1.5, 1.25]])
    inputs = dict(z=sure, y=torch.tensor([2, 1, 1]))
    check_forward(student, "sparsemax_loss", inputs, double(1.25 / 3))


@points(1, of="sparsemax_loss_forward")
def test_sparsemax_loss_forward_offset(student, rng):
    """What the scores of a row have in common costs no digits, and ±1000 is finite."""
    order = rng.permutation(4)
    z, y = double(NEAR)[:, order], order.argsort()[torch.tensor([3, 1, 0, 2])]  # none is sure
    check_forward(student, "sparsemax_loss", dict(z=z + double(FAR), y=y), loss(z, y))
    z, y = double([[1000, -1000, 0]]), torch.tensor([1])
    check_forward(student, "sparsemax_loss", dict(z=z, y=y), double(2000))


@points(1, of="sparsemax_loss_forward")
def test_sparsemax_loss_forward_labels(student, rng):
    """A label outside 0 … C−1 raises ValueError, −1 included."""
    z, y = rng.normal(5, 4), labels(rng, 5, 4)
    call(student, "sparsemax_loss_forward", z, y)  # what is in range is taken
    for bad in (-1, 4, 7, -4):
        some = y.clone()
        some[2] = bad
        when = f"a label is {bad}: with 4 classes, labels are 0 … 3"
        check_raises(student, "sparsemax_loss_forward", z, some, when=when)


@public
@points(2, of="sparsemax_loss_backward")
def test_sparsemax_loss_backward(student, rng):
    """The gradient is that of the mean loss, for any upstream gradient."""
    for z in ordinary(rng):
        inputs, dout = dict(z=z, y=labels(rng, *z.shape)), rng.uniform(low=1.3, high=1.9)
        check_gradients(student, "sparsemax_loss", inputs, loss, wrt=["z"], dout=dout)
