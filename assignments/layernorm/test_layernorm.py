"""The public checks of *Layer normalisation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import forward, kind, points, public, require


def layer(rng, *shape, axes=1, scale=1.0, shift=0.0):
    """Random inputs of a layer over the last axes: x, gamma, beta."""
    x, last = scale * rng.normal(*shape) + shift, shape[-axes:]
    return dict(x=x, gamma=rng.normal(*last), beta=rng.normal(*last))


@public
@points(1, of="layernorm_forward")
def test_layernorm_by_hand(recorded):
    """The worked example comes out: two rows, each with a mean and a variance of its own."""
    recorded()


@public
@points(2, of="layernorm_forward")
def test_layernorm_forward(recorded):
    """Every row is normalised over its features, in a batch and alone."""
    recorded()


@public
@points(1, of="layernorm_forward")
def test_layernorm_any_axes(recorded):
    """The last axis is normalised, whatever stands in front of it: (N, T, D), and nothing."""
    recorded()


@public
@points(2, of="layernorm_forward")
def test_layernorm_small_variance(recorded):
    """Where a row hardly varies, or not at all, eps inside the root decides."""
    recorded()


@public
@points(1, of="layernorm_forward")
def test_layernorm_rows_are_independent(student, rng):
    """A row's output is the same whatever the other rows are, and at every call."""
    x, gamma, beta = layer(rng, 4, 5).values()
    outs = []
    for rows in (x, torch.cat([x[:1], rng.normal(6, 5) + 3]), x[:1]):
        out, _ = forward(student, "layernorm", rows, gamma, beta)
        right = isinstance(out, Tensor) and out.shape == rows.shape
        require(right, f"out must be a tensor of shape {tuple(rows.shape)}, got {kind(out)}")
        outs.append(out[0].double())
    require(
        torch.allclose(outs[0], outs[1]) and torch.allclose(outs[0], outs[2]),
        "a row's output changes when the other rows of the batch do",
        "Its mean and variance are those of its own features; nothing is kept from call to call.",
        diagnosis="depends on the batch",
    )


@public
@points(1, of="layernorm_backward")
def test_layernorm_backward_by_hand(recorded):
    """The gradients of the worked example come out."""
    recorded()


@public
@points(3, of="layernorm_backward")
def test_layernorm_backward(recorded):
    """The gradients of x, gamma and beta, for a batch and for one row."""
    recorded()


@public
@points(1, of="layernorm_backward")
def test_layernorm_backward_any_axes(recorded):
    """The gradients for (N, T, D), and for a single row without a batch axis."""
    recorded()


@public
@points(2, of="layernorm2d_forward")
def test_layernorm2d_forward(recorded):
    """One mean and one variance for all T·D values of an example, and eps as given."""
    recorded()


@public
@points(1, of="layernorm2d_forward")
def test_layernorm2d_any_axes(recorded):
    """The last two axes are normalised, whatever stands in front: two axes more, and none."""
    recorded()


@public
@points(2, of="layernorm2d_backward")
def test_layernorm2d_backward(recorded):
    """The gradients of x, gamma and beta in their shapes."""
    recorded()


@public
@points(1, of="layernorm2d_backward")
def test_layernorm2d_backward_any_axes(recorded):
    """The gradients with two axes in front, and with none."""
    recorded()
