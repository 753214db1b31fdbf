"""The public checks of *Pooling*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, forward, kind, points, public, require


def check_sum(student, name, rng):
    """The gradient sums to what arrives, for random images and for images of equal pixels."""

    def gradient(dout, cache, x):
        dx = call(student, f"{name}_backward", dout, cache)
        right = isinstance(dx, Tensor) and dx.shape == x.shape
        require(right, f"dx must be a tensor of shape {tuple(x.shape)}, got {kind(dx)}")
        return dx.double()

    for x in (rng.normal(2, 3, 5, 8), rng.normal(1, 2, 1, 1).expand(1, 2, 7, 4).clone()):
        out, cache = forward(student, name, x, 2, 2, 1)
        n, c, height, width = x.shape
        right = isinstance(out, Tensor) and out.shape == (n, c, height - 1, width - 1)
        require(right, f"out must be a tensor (N, C, H − 1, W − 1), got {kind(out)}")
        dout = rng.normal(*out.shape)
        dx = gradient(dout, cache, x)
        require(
            torch.allclose(dx.sum((2, 3)), dout.sum((2, 3)), atol=1e-4),
            "the gradient of a channel does not sum to what dout sums to there",
            "Each number of dout goes to pixels of its own window: whole to one, or in shares.",
            diagnosis="sum of the gradient",
        )
        alone = torch.zeros_like(dout)
        alone[:, :, 1, 2] = dout[:, :, 1, 2]
        dx = gradient(alone, cache, x)
        dx[:, :, 1:3, 2:4] = 0
        text = "what arrives at one window reaches pixels outside of it"
        require(not bool(dx.any()), text, diagnosis="outside of the window")


@public
@points(1, of="pool_windows")
def test_windows_by_hand(recorded):
    """The six windows of the worked example come out, row by row."""
    recorded()


@public
@points(2, of="pool_windows")
def test_windows(recorded):
    """Windows with stride and padding, whatever the padding is filled with."""
    recorded()


@public
@points(1, of="maxpool_forward")
def test_max_by_hand(recorded):
    """The maxima of the worked example come out, without and with padding."""
    recorded()


@public
@points(1, of="maxpool_forward")
def test_max(recorded):
    """The maxima of windows that overlap, and of windows that do not."""
    recorded()


@public
@points(1, of="maxpool_forward")
def test_max_padded(recorded):
    """Padding never wins, not even where all values are negative."""
    recorded()


@public
@points(1, of="maxpool_backward")
def test_max_backward_by_hand(recorded):
    """The gradient of the worked example comes out: the first of the two 5s has it all."""
    recorded()


@public
@points(1, of="maxpool_backward")
def test_max_backward(recorded):
    """The gradient without padding, where windows overlap and where they do not."""
    recorded()


@public
@points(1, of="maxpool_backward")
def test_max_backward_sum(student, rng):
    """The gradient sums to what arrives from above, though all values of an image tie."""
    check_sum(student, "maxpool", rng)


@public
@points(1, of="avgpool_forward")
def test_mean_by_hand(recorded):
    """The means of the worked example come out, and with padding those of its half."""
    recorded()


@public
@points(1, of="avgpool_forward")
def test_mean(recorded):
    """The means of windows that overlap and of others, with values up to ±1000."""
    recorded()


@public
@points(1, of="avgpool_backward")
def test_mean_backward_by_hand(recorded):
    """The gradient of the worked example comes out."""
    recorded()


@public
@points(1, of="avgpool_backward")
def test_mean_backward(recorded):
    """The gradient without padding, where windows overlap and where they do not."""
    recorded()


@public
@points(1, of="avgpool_backward")
def test_mean_backward_sum(student, rng):
    """The gradient sums to what arrives from above."""
    check_sum(student, "avgpool", rng)
