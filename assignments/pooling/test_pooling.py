"""The public checks of *Pooling*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, forward, kind, points, public, require


def check_sum(student, name, rng):
    """The gradient sums to what arrives, for random images and for images of equal pixels."""
    for x in (rng.normal(2, 3, 5, 8), rng.normal(1, 2, 1, 1).expand(1, 2, 7, 4).clone()):
        out, cache = forward(student, name, x, 2, 2, 1)
        dout = torch.zeros_like(x[:, :, 1:, 1:])  # but for windows that do not overlap
        dout[:, :, ::2, ::2] = arrives = rng.normal(*dout[:, :, ::2, ::2].shape)
        right = isinstance(out, Tensor) and out.shape == dout.shape
        require(right, f"out must be a tensor (N, C, H − 1, W − 1), got {kind(out)}")
        dx = call(student, f"{name}_backward", dout, cache)
        right = isinstance(dx, Tensor) and dx.shape == x.shape
        require(right, f"dx must be a tensor of shape {tuple(x.shape)}, got {kind(dx)}")
        sums = dx.double().unfold(2, 2, 2).unfold(3, 2, 2).sum((4, 5))
        text = "the gradient of a window does not sum to its number of dout"
        why = "Each number of dout goes to pixels of its own window: whole to one, or in shares."
        near = torch.allclose(sums, arrives, atol=1e-4)
        require(near, text, why, diagnosis="sum of the gradient")


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
