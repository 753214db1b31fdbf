"""Checks of the topic pooling."""

import torch
import torch.nn.functional as F
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

# The worked example of the text.
IMAGE = [[[[1, 3, 3, 1], [5, 3, 7, 1], [5, 3, 3, 1]]]]
WINDOWS = [[[1, 3, 5, 3], [3, 3, 3, 7], [3, 1, 7, 1]], [[5, 3, 5, 3], [3, 7, 3, 3], [7, 1, 3, 1]]]
MAXIMA, MEANS = [[[[5, 7, 7], [5, 7, 7]]]], [[[[3, 4, 3], [4, 4, 3]]]]
PADDED_MAXIMA, PADDED_MEANS = [[[[1, 3, 1], [5, 7, 1]]]], [[[[1, 3, 1], [5, 4, 1]]]]
DOUT = [[[[4, 8, 12], [16, 20, 24]]]]

# Shape of x, window, stride, padding. Windows that overlap or leave pixels out; OH < OW, OH > OW.
PLAIN = (((2, 3, 6, 7), (3, 4), 2, 0), ((1, 2, 5, 8), (2, 6), 1, 0), ((3, 1, 7, 10), (2, 3), 4, 0))
# With padding: neither axis divides; more than half of a window; images lower than their window.
PADDED = (((2, 3, 6, 7), (3, 4), 2, 1), ((1, 2, 5, 9), (4, 3), 1, 2), ((2, 1, 2, 7), (5, 4), 3, 3))


def maxpool(x: Tensor, fh: int, fw: int, stride: int, padding: int = 0) -> Tensor:
    return F.max_pool2d(F.pad(x, [padding] * 4, value=-torch.inf), (fh, fw), stride)


def avgpool(x: Tensor, fh: int, fw: int, stride: int, padding: int = 0) -> Tensor:
    padded, inside = (F.pad(t, [padding] * 4) for t in (x, torch.ones_like(x)))
    return F.avg_pool2d(padded, (fh, fw), stride) / F.avg_pool2d(inside, (fh, fw), stride)


def pool_windows(x, fh, fw, stride, padding=0, fill=0.0):
    padded = F.pad(x, [padding] * 4, value=fill)
    if min(fh, fw) <= padding or fh > padded.shape[2] or fw > padded.shape[3]:
        raise ValueError("this window is not allowed")
    cols = F.unfold(padded, (fh, fw), stride=stride).unflatten(1, (x.shape[1], fh * fw))
    return cols.mT.unflatten(2, (-1, (padded.shape[3] - fw) // stride + 1))


STAND_INS = {
    "pool_windows": pool_windows,
    **forward_backward("maxpool", maxpool),
    **forward_backward("avgpool", avgpool),
}


def layer(x, window, stride, padding=0):
    return dict(x=x, fh=window[0], fw=window[1], stride=stride, padding=padding)


def check_values(student, name, reference, draw, layers, scale=1.0, shift=0.0):
    for shape, *geometry in layers:
        inputs = layer(scale * draw(*shape) + shift, *geometry)
        check_forward(student, name, inputs, reference(**inputs))


def check_refused(student, function, x):
    """Windows that do not fit an image of 3 × 4, and such that could be all padding."""
    too_large = ((4, 2, 0), (2, 5, 0), (6, 2, 1), (2, 7, 1))
    for fh, fw, padding in (*too_large, (1, 3, 1), (3, 2, 2), (2, 3, 3)):
        when = f"a window of {fh} × {fw} does not suit an image of 3 × 4 with padding {padding}"
        for stride in (1, 2):
            check_raises(student, function, x, fh, fw, stride, padding, when=when)


def check_dx(student, name, reference, draw, layers):
    for shape, window, *steps in layers:
        inputs = layer(draw(*shape), window, *steps)
        sizes = {"size of the window": window[0] * window[1]}
        check_gradients(student, name, inputs, reference, wrt=["x"], sizes=sizes)


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
def test_windows_by_hand(student):
    """The six windows of the worked example come out, row by row."""
    inputs, expected = dict(x=double(IMAGE), fh=2, fw=2, stride=1), double(WINDOWS)[None, None]
    check_result(student, "pool_windows", inputs, expected, "windows", same_dtype=True)


@public
@points(2, of="pool_windows")
def test_windows(student, rng):
    """Windows with stride and padding, whatever the padding is filled with."""
    for i, (shape, *geometry) in enumerate(PLAIN + PADDED):
        fill = 0.5 * i if i < 5 else -torch.inf
        inputs = {**layer(rng.normal(*shape), *geometry), "fill": fill}
        check_result(student, "pool_windows", inputs, pool_windows(**inputs), "windows")


@points(1, of="pool_windows")
def test_windows_refused(student, rng):
    """A window that does not fit raises ValueError, and so does one that is all padding."""
    x = rng.normal(1, 2, 3, 4)
    check_refused(student, "pool_windows", x)
    for window, padding in (((3, 4), 0), ((5, 6), 1), ((2, 2), 1)):
        inputs = layer(x, window, 1, padding)
        check_result(student, "pool_windows", inputs, pool_windows(**inputs), "windows")


@public
@points(1, of="maxpool_forward")
def test_max_by_hand(student):
    """The maxima of the worked example come out, without and with padding."""
    x = double(IMAGE)
    check_forward(student, "maxpool", layer(x, (2, 2), 1), double(MAXIMA))
    check_forward(student, "maxpool", layer(x, (2, 2), 2, 1), double(PADDED_MAXIMA))


@public
@points(1, of="maxpool_forward")
def test_max(student, rng):
    """The maxima of windows that overlap, and of windows that do not."""
    for shift, layers in ((0.0, PLAIN), (-50.0, PLAIN[:2])):
        check_values(student, "maxpool", maxpool, rng.distinct, layers, shift=shift)


@public
@points(1, of="maxpool_forward")
def test_max_padded(student, rng):
    """Padding never wins, not even where all values are negative."""
    check_values(student, "maxpool", maxpool, rng.distinct, PADDED, shift=-50.0)
    check_refused(student, "maxpool_forward", rng.normal(1, 2, 3, 4))


@points(1, of="maxpool_forward")
def test_max_extreme(student, rng):
    """Padding never wins where the values are as small as −1000, or as −10³⁵."""
    for shift in (-1e3, -1e35):
        check_values(student, "maxpool", maxpool, rng.distinct, PADDED, -shift / 100, shift)


@public
@points(1, of="maxpool_backward")
def test_max_backward_by_hand(student):
    """The gradient of the worked example comes out: the first of the two 5s has it all."""
    inputs = layer(double(IMAGE), (2, 2), 1)
    check_gradients(student, "maxpool", inputs, maxpool, wrt=["x"], dout=double(DOUT))


@public
@points(1, of="maxpool_backward")
def test_max_backward(student, rng):
    """The gradient without padding, where windows overlap and where they do not."""
    check_dx(student, "maxpool", maxpool, rng.distinct, PLAIN)


@points(1, of="maxpool_backward")
def test_max_backward_padded(student, rng):
    """The gradient with stride and padding."""
    check_dx(student, "maxpool", maxpool, rng.distinct, PADDED)


@points(1, of="maxpool_backward")
def test_max_backward_ties(student, rng):
    """Where values tie, the first of the window has the whole gradient."""
    for (shape, *geometry), values in zip(PLAIN + PADDED, (2, 3, 2, 2, 3, 1), strict=True):
        inputs = layer(rng.integers(*shape, high=values).double() + 1, *geometry)
        check_gradients(student, "maxpool", inputs, maxpool, wrt=["x"])


@public
@points(1, of="maxpool_backward")
def test_max_backward_sum(student, rng):
    """The gradient sums to what arrives from above, though all values of an image tie."""
    check_sum(student, "maxpool", rng)


@public
@points(1, of="avgpool_forward")
def test_mean_by_hand(student):
    """The means of the worked example come out, and with padding those of its half."""
    x = double(IMAGE)
    check_forward(student, "avgpool", layer(x, (2, 2), 1), double(MEANS))
    check_forward(student, "avgpool", layer(x / 2, (2, 2), 2, 1), double(PADDED_MEANS) / 2)


@public
@points(1, of="avgpool_forward")
def test_mean(student, rng):
    """The means of windows that overlap and of others, with values up to ±1000."""
    for scale, layers in ((1.0, PLAIN), (1024.0, PLAIN[:2])):
        check_values(student, "avgpool", avgpool, rng.normal, layers, scale)


@points(1, of="avgpool_forward")
def test_mean_padded(student, rng):
    """Padding does not count: the mean is over the pixels of the image."""
    check_values(student, "avgpool", avgpool, rng.normal, PADDED)
    for shape, *geometry in PADDED:  # a pixel that is 0 is a pixel
        inputs = layer(rng.integers(*shape, low=-1, high=2).double(), *geometry)
        check_forward(student, "avgpool", inputs, avgpool(**inputs))
    check_refused(student, "avgpool_forward", rng.normal(1, 2, 3, 4))


@public
@points(1, of="avgpool_backward")
def test_mean_backward_by_hand(student):
    """The gradient of the worked example comes out."""
    inputs = layer(double(IMAGE), (2, 2), 1)
    check_gradients(student, "avgpool", inputs, avgpool, wrt=["x"], dout=double(DOUT))


@public
@points(1, of="avgpool_backward")
def test_mean_backward(student, rng):
    """The gradient without padding, where windows overlap and where they do not."""
    check_dx(student, "avgpool", avgpool, rng.normal, PLAIN)


@points(1, of="avgpool_backward")
def test_mean_backward_padded(student, rng):
    """The gradient with stride and padding."""
    check_dx(student, "avgpool", avgpool, rng.normal, PADDED)


@public
@points(1, of="avgpool_backward")
def test_mean_backward_sum(student, rng):
    """The gradient sums to what arrives from above."""
    check_sum(student, "avgpool", rng)
