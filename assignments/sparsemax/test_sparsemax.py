"""The public checks of *Sparsemax*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from torch import Tensor

from gradus.checks import forward, kind, points, public, require


@public
@points(2, of="support_size")
def test_support_size(recorded):
    """The size of the support, first of the example on paper."""
    recorded()


@public
@points(1, of="support_size")
def test_support_size_ties(recorded):
    """A score exactly at the threshold does not count, equal scores do together; a small step."""
    recorded()


@public
@points(2, of="threshold")
def test_threshold(recorded):
    """The threshold of each row, first of the example on paper."""
    recorded()


@public
@points(1, of="threshold")
def test_threshold_extreme(recorded):
    """The threshold of scores near ±1000, of rows that are wide apart, and of tied ones."""
    recorded()


@public
@points(2, of="sparsemax_forward")
def test_sparsemax_forward(recorded):
    """The probabilities, first of the example on paper, then of rows of all kinds."""
    recorded()


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


@public
@points(2, of="sparsemax_backward")
def test_sparsemax_backward(recorded):
    """The gradient, first of the example on paper, for supports of all sizes and one row."""
    recorded()


@public
@points(2, of="sparsemax_loss_forward")
def test_sparsemax_loss_forward(recorded):
    """The loss, first of the example on paper, then of rows of all kinds and of a sure one."""
    recorded()


@public
@points(2, of="sparsemax_loss_backward")
def test_sparsemax_loss_backward(recorded):
    """The gradient is that of the mean loss, for any upstream gradient."""
    recorded()
