"""Checks of the topic conv2d."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.checks import check_forward, check_gradients, check_raises, check_result, points, public

# N, C, H, W, K, FH, FW. With stride 2 and padding 1 neither axis divides; the window of ONE is
# lower than its stride, so that some rows are under no window. SQUARE is the image, not the filter.
SIZES = (2, 5, 8, 11, 7, 3, 4)
ONE = (1, 2, 5, 9, 3, 1, 4)
SQUARE = (1, 4, 10, 10, 5, 7, 2)
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


def check_number(student, function, names, arguments, expected):
    inputs = dict(zip(names.split(), arguments, strict=False))
    check_result(student, function, inputs, expected, function)


@public
@points(1, of="conv_output_size")
def test_conv_output_size(student):
    """Sizes agree with those worked out by hand, first with those of the example on paper."""
    sizes = {
        (5, 3): 3,
        (4, 3): 2,
        (4, 4): 1,
        (7, 3, 2): 3,
        (8, 3, 2): 3,
        (6, 3, 3, 1): 2,
        (32, 5): 28,
        (32, 5, 1, 2): 32,
        (32, 5, 2): 14,
        (227, 11, 4): 55,
    }
    for row, size in sizes.items():
        check_number(student, "conv_output_size", "size field stride padding", row, size)


@points(1, of="conv_output_size")
def test_conv_output_size_everywhere(student):
    """Sizes agree with a real convolution's; a filter that does not fit is refused."""
    for row in product((4, 5, 9), (1, 2, 4, 5, 7), (1, 2, 3), (0, 1)):
        w, f, s, p = row
        if f > w + 2 * p:
            when = f"a filter of {f} does not fit {w} pixels with padding {p} (stride {s})"
            check_raises(student, "conv_output_size", *row, when=when)
        else:
            size = F.conv1d(torch.zeros(1, 1, w), torch.zeros(1, 1, f), stride=s, padding=p)
            inputs = dict(size=w, field=f, stride=s, padding=p)
            check_result(student, "conv_output_size", inputs, size.shape[-1], "conv_output_size")


@public
@points(1, of="conv_parameters")
def test_conv_parameters(student):
    """Weights and biases are counted."""
    counts = {
        (1, 6, 5, 5): 156,
        (6, 16, 5, 5): 2416,
        (3, 32, 5, 5): 2432,
        (5, 7, 3, 2): 217,
        (4, 3, 1, 6): 75,
    }
    for row, count in counts.items():
        check_number(student, "conv_parameters", "channels filters fh fw", row, count)


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
        layers = list(zip(fields.tolist(), strides.tolist(), strict=True))
        check_result(student, "receptive_field", dict(layers=layers), reach(layers), "field")


def reach(layers):
    """First to last pixel that unit 0 of a stack of 1-D convolutions depends on, by autograd."""
    x = torch.zeros(1, 1, 200, requires_grad=True)
    with torch.enable_grad():
        out = x
        for field, stride in layers:
            out = F.conv1d(out, torch.ones(1, 1, field), stride=stride)
        (gradient,) = torch.autograd.grad(out[0, 0, 0], x)
    seen = gradient[0, 0].nonzero()
    return int(seen.max() - seen.min()) + 1


@public
@points(1, of="zero_pad")
def test_zero_pad(student, rng):
    """P zeros on each of the four sides, and the image in the middle."""
    x = rng.normal(2, 3, 5, 4)
    for images, p in ((x, 2), (x[:1], 1), (x, 0)):
        inputs = dict(x=images, padding=p)
        padded = zero_pad(images, p)
        check_result(student, "zero_pad", inputs, padded, "padded", same_dtype=True)


def layer(rng, sizes):
    """x, w and b of a convolution."""
    n, c, height, width, k, fh, fw = sizes
    return dict(x=rng.normal(n, c, height, width), w=rng.normal(k, c, fh, fw), b=rng.normal(k))


def check_convolution(student, name, rng, geometries):
    """`{name}_forward` on a random batch, and on one image with values near ±1000."""
    for sizes, options in geometries:
        batch = layer(rng, sizes)
        for inputs in (batch, {**batch, "x": 1000 * batch["x"][:1]}):
            right = convolution(**inputs, **options)
            check_forward(student, name, inputs, right, options=options)


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
    dark, half = [0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 9.0, 9.0]
    image = torch.tensor([dark, half, half, half], dtype=torch.float64)
    upright = torch.tensor([[-1.0, 0.0, 1.0]] * 3, dtype=torch.float64)
    b = torch.tensor([0.0, 1.0], dtype=torch.float64)
    inputs = dict(x=image[None, None], w=torch.stack([upright, upright.T])[:, None], b=b)
    expected = torch.tensor([[[[0, 18, 18], [0, 27, 27]], [[1, 10, 19], [1, 1, 1]]]]).double()
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
    image = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(3, 4)
    x = torch.stack([image, image + 100])[None]
    windows = torch.tensor(
        [[1, 2, 3, 5, 6, 7], [2, 3, 4, 6, 7, 8], [5, 6, 7, 9, 10, 11], [6, 7, 8, 10, 11, 12]]
    )
    expected = torch.cat([windows.T, windows.T + 100])[None].double()
    inputs = dict(x=x, fh=2, fw=3)
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
    expected = col2im(**inputs, **options)
    check_result(student, "col2im", inputs, expected, "image", options=options)


@public
@points(1, of="col2im")
def test_col2im_counts_windows(student, rng):
    """Columns of ones come back as the number of windows over each pixel, others as sums."""
    windows = [[1, 2, 3, 2, 1], [2, 4, 6, 4, 2], [2, 4, 6, 4, 2], [1, 2, 3, 2, 1]]
    expected = torch.tensor(windows).double().expand(2, 3, 4, 5)
    cols = torch.ones(2, 3 * 3 * 3, 2 * 3, dtype=torch.float64)
    inputs = dict(cols=cols, x_shape=(2, 3, 4, 5), fh=3, fw=3)
    check_result(student, "col2im", inputs, expected, "image")
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
