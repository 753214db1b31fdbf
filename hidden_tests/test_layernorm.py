"""Checks of the topic layernorm."""

import torch
from torch import Tensor
from torch.nn import functional

from gradus.checks import (
    check_forward,
    check_gradients,
    double,
    forward,
    forward_backward,
    kind,
    points,
    public,
    require,
)

# The worked example of the text: two rows, and an eps that makes the roots come out even.
ROWS = [[1, 3, 5, 7], [0, 8, 8, 8]]
GAMMA, BETA, EPS = [3, 6, 3, 4], [2, 1, 0, -1], 4.0
OUT = [[-1, -1, 1, 3], [-2.5, 4, 1.5, 1]]
DOUT = [[-3, 0, 3, 6], [4, -2, -4, -1]]


def layernorm(x, gamma, beta, eps=1e-5):
    """Over as many of the last axes as gamma has, by torch's operator."""
    return functional.layer_norm(x, gamma.shape, gamma, beta, eps)


def over_the_last_axis(x, gamma, beta, eps=1e-5):
    """What stands in for `layernorm`: over two axes is another function's exercise."""
    if gamma.ndim != 1:
        raise ValueError(f"gamma is (D,), got {gamma.ndim} axes")
    return layernorm(x, gamma, beta, eps)


STAND_INS = {**forward_backward("layernorm", over_the_last_axis)}


def layer(rng, *shape, axes=1, scale=1.0, shift=0.0):
    """Random inputs of a layer over the last axes: x, gamma, beta."""
    x, last = scale * rng.normal(*shape) + shift, shape[-axes:]
    return dict(x=x, gamma=rng.normal(*last), beta=rng.normal(*last))


@public
@points(1, of="layernorm_forward")
def test_layernorm_by_hand(student):
    """The worked example comes out: two rows, each with a mean and a variance of its own."""
    x, gamma, beta, out = map(double, (ROWS, GAMMA, BETA, OUT))
    inputs = dict(x=x, gamma=gamma, beta=beta)
    check_forward(student, "layernorm", inputs, out, options=dict(eps=EPS))


@public
@points(2, of="layernorm_forward")
def test_layernorm_forward(student, rng):
    """Every row is normalised over its features, in a batch and alone."""
    for n, scale in ((4, 1.0), (1, 1.0), (4, 1000.0)):
        inputs = layer(rng, n, 5, scale=scale)
        check_forward(student, "layernorm", inputs, layernorm(**inputs))


@public
@points(1, of="layernorm_forward")
def test_layernorm_any_axes(student, rng):
    """The last axis is normalised, whatever stands in front of it: (N, T, D), and nothing."""
    for shape in ((2, 3, 5), (60,)):
        inputs = layer(rng, *shape)
        check_forward(student, "layernorm", inputs, layernorm(**inputs))


@public
@points(2, of="layernorm_forward")
def test_layernorm_small_variance(student, rng):
    """Where a row hardly varies, or not at all, eps inside the root decides."""
    for scale, eps in ((3e-4, 1e-5), (0.1, 0.02), (0.0, 1e-5)):
        inputs = layer(rng, 4, 5, scale=scale, shift=0.25)
        expected = layernorm(**inputs, eps=eps)
        check_forward(student, "layernorm", inputs, expected, options=dict(eps=eps))


@points(1, of="layernorm_forward")
def test_layernorm_large_mean(student, rng):
    """A mean that is a million times the spread costs no digits."""
    for n in (4, 1):
        inputs = layer(rng, n, 5, shift=1e6)
        check_forward(student, "layernorm", inputs, layernorm(**inputs))


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
def test_layernorm_backward_by_hand(student):
    """The gradients of the worked example come out."""
    x, gamma, beta, dout = map(double, (ROWS, GAMMA, BETA, DOUT))
    inputs = dict(x=x, gamma=gamma, beta=beta)
    check_gradients(student, "layernorm", inputs, layernorm, dout=dout, options=dict(eps=EPS))


@public
@points(3, of="layernorm_backward")
def test_layernorm_backward(student, rng):
    """The gradients of x, gamma and beta, for a batch and for one row."""
    for n in (4, 1):
        check_gradients(student, "layernorm", layer(rng, n, 5), layernorm)


@public
@points(1, of="layernorm_backward")
def test_layernorm_backward_any_axes(student, rng):
    """The gradients for (N, T, D), and for a single row without a batch axis."""
    for shape in ((2, 3, 5), (6,)):
        check_gradients(student, "layernorm", layer(rng, *shape), layernorm)


@points(1, of="layernorm_backward")
def test_layernorm_backward_small_variance(student, rng):
    """The gradients where eps counts as much as the variance."""
    for scale, eps in ((0.003, 1e-5), (0.1, 0.02)):
        inputs = layer(rng, 4, 5, scale=scale, shift=0.25)
        check_gradients(student, "layernorm", inputs, layernorm, options=dict(eps=eps))


@public
@points(2, of="layernorm2d_forward")
def test_layernorm2d_forward(student, rng):
    """One mean and one variance for all T·D values of an example, and eps as given."""
    for n, eps in ((4, 1e-5), (1, 0.3)):
        inputs = layer(rng, n, 3, 5, axes=2)
        expected = layernorm(**inputs, eps=eps)
        check_forward(student, "layernorm2d", inputs, expected, options=dict(eps=eps))


@public
@points(1, of="layernorm2d_forward")
def test_layernorm2d_any_axes(student, rng):
    """The last two axes are normalised, whatever stands in front: two axes more, and none."""
    for shape in ((2, 4, 3, 5), (3, 5)):
        inputs = layer(rng, *shape, axes=2)
        check_forward(student, "layernorm2d", inputs, layernorm(**inputs))


@public
@points(2, of="layernorm2d_backward")
def test_layernorm2d_backward(student, rng):
    """The gradients of x, gamma and beta in their shapes."""
    for n in (4, 1):
        check_gradients(student, "layernorm2d", layer(rng, n, 3, 5, axes=2), layernorm)


@public
@points(1, of="layernorm2d_backward")
def test_layernorm2d_backward_any_axes(student, rng):
    """The gradients with two axes in front, and with none."""
    for shape in ((2, 4, 3, 5), (3, 5)):
        check_gradients(student, "layernorm2d", layer(rng, *shape, axes=2), layernorm)
