"""Checks of the topic conv2d."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.checks import (
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    double,
    points,
    public,
)

# N, C, H, W, K, FH, FW. With stride 2 and padding 1 neither axis divides; the window of ONE is
# lower than its stride, so that some rows are under no window. SQUARE is the image, not the filter.
SIZES = (2, 5, 6, 9, 7, 3, 4)
ONE = (1, 2, 5, 9, 3, 1, 4)
SQUARE = (1, 4, 10, 10, 5, 4, 2)
PLAIN = ((SIZES, dict(stride=1, padding=0)),)
STRIDED = (
    (SIZES, dict(stride=2, padding=1)),
    (ONE, dict(stride=3, padding=2)),
    (ONE, dict(stride=1, padding=3)),
    (SQUARE, dict(stride=3, padding=0)),  # the last row is under a window
)


def convolution(x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, w, b, stride, padding)


def output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("the filter does not fit")
    return len(range(0, size + 2 * padding - field + 1, stride))


def zero_pad(x, padding):
    return F.pad(x, [padding] * 4)


def im2col(x, fh, fw, stride=1, padding=0):
    return F.unfold(x, (fh, fw), stride=stride, padding=padding)


def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    return F.fold(cols, tuple(x_shape)[2:], (fh, fw), stride=stride, padding=padding)


STAND_INS = dict(conv_output_size=output_size, zero_pad=zero_pad, im2col=im2col, col2im=col2im)


def check_numbers(student, function, names, numbers):
    """`numbers`: what the function returns, by its arguments."""
    for row, expected in numbers.items():
        inputs = dict(zip(names.split(), row, strict=False))
        check_result(student, function, inputs, expected, function)


@public
@points(1, of="conv_output_size")
def test_conv_output_size(student):
    """Sizes agree with those worked out by hand, first with those of the example on paper."""
    small = {(5, 3): 3, (4, 3): 2, (4, 4): 1, (7, 3, 2): 3, (8, 3, 2): 3, (6, 3, 3, 1): 2}
    large = {(32, 5): 28, (32, 5, 1, 2): 32, (32, 5, 2): 14, (227, 11, 4): 55}
    check_numbers(student, "conv_output_size", "size field stride padding", {**small, **large})


@points(1, of="conv_output_size")
def test_conv_output_size_everywhere(student):
    """Sizes agree with a real convolution's; a filter that does not fit is refused."""
    for w, f, s, p in product((4, 5, 9), (1, 2, 4, 5, 7), (1, 2, 3), (0, 1)):
        if f > w + 2 * p:
            when = f"a filter of {f} does not fit {w} pixels with padding {p} (stride {s})"
            check_raises(student, "conv_output_size", w, f, s, p, when=when)
        else:
            size = F.conv1d(torch.zeros(1, 1, w), torch.zeros(1, 1, f), stride=s, padding=p)
            inputs = dict(size=w, field=f, stride=s, padding=p)
            check_result(student, "conv_output_size", inputs, size.shape[-1], "conv_output_size")


@public
@points(1, of="conv_parameters")
def test_conv_parameters(student):
    """Weights and biases are counted."""
    square = {(1, 6, 5, 5): 156, (6, 16, 5, 5): 2416, (3, 32, 5, 5): 2432}
    oblong = {(5, 7, 3, 2): 217, (4, 3, 1, 6): 75}
    check_numbers(student, "conv_parameters", "channels filters fh fw", {**square, **oblong})


@public
@points(1, of="receptive_field")
def test_receptive_field(student):
    """Fields agree with those worked out by hand."""
    for layers, seen in (
        ([], 1),
        ([(7, 2)], 7),
        ([(3, 1), (3, 1), (3, 1)], 7),
        ([(3, 2), (3, 1)], 7),
        ([(3, 1), (3, 2)], 5),
        ([(5, 1), (2, 2), (5, 1), (2, 2)], 16),
        ([(2, 3), (3, 1)], 8),
    ):
        check_result(student, "receptive_field", dict(layers=layers), seen, "field")


@points(1, of="receptive_field")
def test_receptive_field_of_a_real_stack(student, rng):
    """Fields agree with the pixels that receive a gradient."""
    for n in (1, 2, 2, 3, 3, 4):
        fields, strides = rng.integers(n, low=2, high=5), rng.integers(n, low=1, high=4)
        layers = [(2, 3), *zip(fields.tolist(), strides.tolist(), strict=True)]  # with gaps
        check_result(student, "receptive_field", dict(layers=layers), reach(layers), "field")


def reach(layers):
    """How many pixels a gradient comes to from one unit of a stack of 1-D convolutions."""
    gradient = torch.ones(1, 1, 1)
    for field, stride in reversed(layers):
        gradient = F.conv_transpose1d(gradient, torch.ones(1, 1, field), stride=stride)
    return gradient.shape[-1]


@public
@points(1, of="zero_pad")
def test_zero_pad(student, rng):
    """P zeros on each of the four sides, and the image in the middle."""
    x = rng.normal(2, 3, 5, 4)
    for images, p in ((x, 2), (x[:1], 1), (x, 0)):
        inputs, padded = dict(x=images, padding=p), zero_pad(images, p)
        check_result(student, "zero_pad", inputs, padded, "padded", same_dtype=True)


def layer(rng, sizes):
    """x, w and b of a convolution."""
    n, c, height, width, k, fh, fw = sizes
    return dict(x=rng.normal(n, c, height, width), w=rng.normal(k, c, fh, fw), b=rng.normal(k))


def check_convolution(student, name, rng, geometries):
    """`{name}_forward` on a random batch, and on one image with values near ±1000."""
    for sizes, options in geometries:
        batch = layer(rng, sizes)
        for inputs in (batch, {**batch, "x": 1024 * batch["x"][:1]}):
            check_forward(student, name, inputs, convolution(**inputs, **options), options=options)


def check_refusal(student, function, rng):
    """A filter that is too high or too wide for the padded image raises ValueError."""
    x = rng.normal(1, 2, 3, 4)
    for fh, fw, padding in ((5, 3, 0), (3, 5, 0), (6, 1, 1), (1, 7, 1)):
        arguments = (fh, fw) if function == "im2col" else (rng.normal(2, 2, fh, fw), rng.normal(2))
        when = f"a filter of {fh} × {fw} does not fit an image of 3 × 4 with padding {padding}"
        for stride in (1, 2):
            check_raises(student, function, x, *arguments, stride, padding, when=when)


@public
@points(1, of="conv2d_naive_forward")
def test_naive_edges_by_hand(student):
    """A filter for upright and one for level edges find those of a bright corner."""
    dark, half = [0, 0, 0, 0, 0], [0, 0, 0, 9, 9]
    image, upright = double([dark, half, half, half]), double([[-1, 0, 1]] * 3)
    w = torch.stack([upright, upright.T])[:, None]
    inputs = dict(x=image[None, None], w=w, b=double([0, 1]))
    expected = double([[[[0, 18, 18], [0, 27, 27]], [[1, 10, 19], [1, 1, 1]]]])
    check_forward(student, "conv2d_naive", inputs, expected)


@points(1, of="conv2d_naive_forward")
def test_naive_forward(student, rng):
    """Values agree for several strides and paddings; a filter that does not fit is refused."""
    check_convolution(student, "conv2d_naive", rng, PLAIN + STRIDED)
    check_refusal(student, "conv2d_naive_forward", rng)


@public
@points(1, of="im2col")
def test_im2col_by_hand(student):
    """The windows of a small image, written down by hand."""
    image = torch.arange(1, 13).double().reshape(3, 4)
    inputs = dict(x=torch.stack([image, image + 100])[None], fh=2, fw=3)
    windows = [[1, 2, 3, 5, 6, 7], [2, 3, 4, 6, 7, 8], [5, 6, 7, 9, 10, 11], [6, 7, 8, 10, 11, 12]]
    first = double(windows).T
    expected = torch.cat([first, first + 100])[None]
    check_result(student, "im2col", inputs, expected, "cols", same_dtype=True)


@points(2, of="im2col")
def test_im2col(student, rng):
    """Columns agree for several strides and paddings; a window that does not fit is refused."""
    for (n, c, height, width, _, fh, fw), options in PLAIN + STRIDED:
        inputs = dict(x=rng.normal(n, c, height, width), fh=fh, fw=fw)
        cols = im2col(**inputs, **options)
        check_result(student, "im2col", inputs, cols, "cols", options=options, same_dtype=True)
    check_refusal(student, "im2col", rng)


def check_image(student, cols, x_shape, fh, fw, **options):
    """`col2im` adds up what F.fold does."""
    inputs = dict(cols=cols, x_shape=x_shape, fh=fh, fw=fw)
    image = col2im(**inputs, **options)
    check_result(student, "col2im", inputs, image, "image", options=options)


@public
@points(1, of="col2im")
def test_col2im_counts_windows(student, rng):
    """Columns of ones come back as the number of windows over each pixel, others as sums."""
    windows = [[1, 2, 3, 2, 1], [2, 4, 6, 4, 2], [2, 4, 6, 4, 2], [1, 2, 3, 2, 1]]
    ones = torch.ones(2, 3 * 3 * 3, 2 * 3, dtype=torch.float64)
    inputs = dict(cols=ones, x_shape=(2, 3, 4, 5), fh=3, fw=3)
    check_result(student, "col2im", inputs, double(windows).expand(2, 3, 4, 5), "image")
    check_image(student, rng.normal(2, 3 * 2 * 3, 3 * 3), (2, 3, 4, 5), 2, 3)


@points(2, of="col2im")
def test_col2im(student, rng):
    """It is the adjoint of im2col, for several strides and paddings."""
    for (n, c, height, width, _, fh, fw), options in PLAIN + STRIDED:
        shape = (n, c, height, width)
        cols = rng.normal(*im2col(torch.zeros(shape), fh, fw, **options).shape)
        check_image(student, cols, shape, fh, fw, **options)


@public
@points(1, of="conv2d_forward")
def test_conv2d_forward(student, rng):
    """Values agree for stride 1 without padding."""
    check_convolution(student, "conv2d", rng, PLAIN)


@points(1, of="conv2d_forward")
def test_conv2d_forward_strided(student, rng):
    """Values agree with stride and padding; a filter that does not fit is refused."""
    check_convolution(student, "conv2d", rng, STRIDED)
    check_refusal(student, "conv2d_forward", rng)


def check_backward(student, rng, geometries):
    for sizes, options in geometries:
        inputs = layer(rng, sizes)
        positions = convolution(**inputs, **options)[0, 0].numel()
        named = {"position count": positions, "output count of a filter": sizes[0] * positions}
        check_gradients(student, "conv2d", inputs, convolution, options=options, sizes=named)


@public
@points(2, of="conv2d_backward")
def test_conv2d_backward(student, rng):
    """The gradients agree with autograd's for stride 1 without padding."""
    check_backward(student, rng, PLAIN)


@points(2, of="conv2d_backward")
def test_conv2d_backward_strided(student, rng):
    """The gradients agree with stride and padding, for one image too."""
    check_backward(student, rng, STRIDED)
