"""Checks of the topic conv2d."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    kind,
    points,
    public,
    require,
)
from gradus.errors import Raised

# N, C, H, W, K, FH, FW. With stride 2 and padding 1 neither axis divides; the window of ONE is
# lower than its stride, so that some rows are under no window.
SIZES = (2, 5, 8, 11, 7, 3, 4)
ONE = (1, 2, 5, 9, 3, 1, 4)
PLAIN = ((SIZES, dict(stride=1, padding=0)),)
STRIDED = (
    (SIZES, dict(stride=2, padding=1)),
    (ONE, dict(stride=3, padding=2)),
    (ONE, dict(stride=1, padding=3)),
)

# What a student reads about each mistake.
WHY = {
    "no plus one": "one too few: the filter moves (W − F + 2P) / S times, but where does it stand "
    "before the first move?",
    "plus one inside": "the + 1 is inside the division: it counts a position, not a pixel",
    "rounded:up": "rounded up: a window that reaches beyond the image does not count",
    "rounded:nearest": "rounded to the nearest: a window that reaches beyond the image does not "
    "count",
    "padding once": "the padding is counted once: there are P zeros on each of the two sides",
    "no padding": "the padding is left out",
    "no stride": "the stride is ignored: window (i, j) starts at pixel (S·i, S·j)",
    "shrinks by F-1": "W − F + 1 holds for stride 1 and padding 0 only",
    "no bias": "the biases are missing: every filter has one",
    "bias per channel": "there is a bias for every channel of a filter: b has one index, the "
    "filter's",
    "one bias": "there is one bias for the whole layer: every filter has its own",
    "bias per input": "there is a bias for every input channel: biases belong to the filters",
    "no channels": "the input's channels are missing: a filter has weights for each of them",
    "square": "filters need not be square, and one of the two sizes is not used",
    "strides ignored": "the strides are left out: units that stand next to each other look at "
    "pixels that are S of the layer's inputs apart",
    "own stride": "a layer's own field is spread by its own stride: only the layers below it "
    "spread it",
    "other end": "the layers are taken in the wrong order: the first of the list is next to the "
    "image",
    "fields added": "the fields are added up: the windows of neighbouring units overlap",
    "fields multiplied": "the fields are multiplied: right only if windows did not overlap",
    "no minus one": "each layer adds F − 1 steps, not F: one of the F was there already",
    "first unit too": "the first of several neighbouring units takes no step: only each further "
    "one reaches S inputs on",
    "padding:one side": "the padding is put on, or cut off, on one side of an axis only: it is P "
    "on each side",
    "padding:one axis": "only one of rows and columns is padded: both are",
    "padding:other axes": "the zeros are around other axes: rows and columns are the last two",
    "padding:twice": "twice as many zeros as asked for: P on each side",
    "padding:edges": "the border repeats the image: it must be zero",
    "padding:kept": "the padding is still there: cut it off on all four sides",
    "padding:-0": "nothing is left when the padding is 0: the slice p:-p is then 0:0",
    "flip": "the filter is turned by 180°: offset (u, v) of the filter belongs to offset (u, v) of "
    "the window, as it is",
    "flip:rows": "the filter is upside down: offset u of the filter belongs to offset u of the "
    "window",
    "flip:columns": "the filter is mirrored left to right: offset v of the filter belongs to "
    "offset v of the window",
    "last window": "the last row or column of windows is missing: it still fits",
    "layout": "right numbers in the wrong places: reshape keeps the order in memory and moves no "
    "axes; which axes must be moved before they are joined or split?",
    "one channel": "only one channel counts: the sum runs over the channels as well",
    "filters mixed": "the answers of all filters are added up: each filter makes an output channel "
    "of its own; over which axes does the sum run?",
    "filters cut across": "reshape(-1, K) cuts across the filters: row k of the matrix is filter k",
    "mean": "the mean over the window is taken: the definition has a sum",
    "bias inside the sum": "the bias is added many times over: it stands outside the sums",
    "rows:channel last": "the rows are in the order (fh, fw, C): the channel comes first",
    "rows:transposed": "the rows are in the order (C, fw, fh): v runs fastest",
    "columns:transposed": "the columns are in the order j · OH + i: windows are read row by row",
    "examples joined": "all examples are in one matrix: each has its own, the result is (N, D, L)",
    "window:transposed": "the window is fw × fh: the first number is its height",
    "overlap": "where windows overlap, a pixel collects the sum over all its copies; yours keeps "
    "one of them, or their mean",
    "overlap:assigned": "where windows overlap, one entry overwrites another: the gradient of a "
    "pixel is the sum over all the places that it was copied to",
    "overlap:averaged": "the copies of a pixel are averaged: each of them changes the loss, so "
    "their gradients add up",
    "one example": "only one example counts: is it overwritten in a loop over the batch?",
    "axes:too few": "not summed over enough axes, or over the wrong ones: b[k] is used for every "
    "example at every position, row and column",
}


def known(mistakes, **rest) -> Clues:
    """Clues from the wrong values that each mistake in `mistakes` would produce."""
    wrong = [Wrong(name, WHY[name], v) for name, values in mistakes.items() for v in values]
    return Clues(wrong=tuple(wrong), **rest)


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


# What the checks of later functions use for helpers that have failed their own check.
STAND_INS = {
    "conv_output_size": output_size,
    "zero_pad": zero_pad,
    "im2col": im2col,
    "col2im": col2im,
}


# Counting


def check_numbers(student, function, rows, expected, mistakes):
    """One call for each row of arguments; a mistake is named when it explains all the results."""
    results, calls = [], [f"{function}({', '.join(map(str, row))})" for row in rows]
    for text, row, right in zip(calls, rows, expected, strict=True):
        try:
            results.append(call(student, function, *row))
        except Raised as raised:
            raised.message += f"\n{text}: expected {right}"
            raise
    for text, value in zip(calls, results, strict=True):
        require(
            isinstance(value, int),
            f"{function} must return an int, got {kind(value)}",
            f"{text}: pixels and parameters are counted.",
            diagnosis="not an int",
        )
    off = [i for i, value in enumerate(results) if value != expected[i]]
    if off:
        clues = known({name: [torch.tensor(values)] for name, values in mistakes.items()})
        try:
            check_values(torch.tensor(results), torch.tensor(expected), function, clues=clues)
        except CheckFailed as failure:
            i = min(off, key=lambda i: len(calls[i]))
            evidence = f"{calls[i]}: yours {results[i]}, expected {expected[i]}"
            said = (failure.summary, *failure.details[:-1], evidence)
            raise CheckFailed(*said, diagnosis=failure.diagnosis) from None


def wrong_sizes(rows):
    formulas = {
        "no plus one": lambda w, f, s=1, p=0: (w - f + 2 * p) // s,
        "plus one inside": lambda w, f, s=1, p=0: (w - f + 2 * p + 1) // s,
        "rounded:up": lambda w, f, s=1, p=0: -(-(w - f + 2 * p) // s) + 1,
        "rounded:nearest": lambda w, f, s=1, p=0: round((w - f + 2 * p) / s) + 1,
        "padding once": lambda w, f, s=1, p=0: (w - f + p) // s + 1,
        "no padding": lambda w, f, s=1, p=0: (w - f) // s + 1,
        "no stride": lambda w, f, s=1, p=0: w - f + 2 * p + 1,
        "shrinks by F-1": lambda w, f, s=1, p=0: w - f + 1,
    }
    return {name: [formula(*row) for row in rows] for name, formula in formulas.items()}


@public
@points(1, of="conv_output_size")
def test_conv_output_size(student):
    """Sizes agree with those worked out by hand."""
    sizes = {
        (5, 3): 3,
        (4, 4): 1,
        (7, 3, 2): 3,
        (8, 3, 2): 3,
        (6, 3, 3, 1): 2,
        (32, 5): 28,
        (32, 5, 1, 2): 32,
        (32, 5, 2): 14,
        (227, 11, 4): 55,
    }
    check_numbers(student, "conv_output_size", [*sizes], [*sizes.values()], wrong_sizes(sizes))


@points(1, of="conv_output_size")
def test_conv_output_size_everywhere(student):
    """Sizes agree with a real convolution's; a filter that does not fit is refused."""
    rows = list(product((4, 5, 9), (1, 2, 4, 5, 7), (1, 2, 3), (0, 1)))
    fits = [(w, f, s, p) for w, f, s, p in rows if f <= w + 2 * p]
    expected = [
        F.conv1d(torch.zeros(1, 1, w), torch.zeros(1, 1, f), stride=s, padding=p).shape[-1]
        for w, f, s, p in fits
    ]
    check_numbers(student, "conv_output_size", fits, expected, wrong_sizes(fits))
    for w, f, s, p in rows:
        if f > w + 2 * p:
            when = f"a filter of {f} does not fit {w} pixels with padding {p} (stride {s})"
            check_raises(student, "conv_output_size", w, f, s, p, when=when)


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
    mistakes = {
        "no bias": [150, 2400, 2400, 210, 72],
        "bias per channel": [156, 2496, 2496, 245, 84],
        "one bias": [151, 2401, 2401, 211, 73],
        "bias per input": [151, 2406, 2403, 215, 76],
        "no channels": [156, 416, 832, 49, 21],
        "square": [156, 2416, 2432, 322, 15],
    }
    check_numbers(student, "conv_parameters", [*counts], [*counts.values()], mistakes)


@public
@points(1, of="receptive_field")
def test_receptive_field(student):
    """Fields agree with those worked out by hand."""
    stacks = [
        [],
        [(7, 2)],
        [(3, 1), (3, 1), (3, 1)],
        [(3, 2), (3, 1)],
        [(3, 1), (3, 2)],
        [(5, 1), (2, 2), (5, 1), (2, 2)],
    ]
    mistakes = {
        "strides ignored": [1, 7, 7, 5, 5, 11],
        "own stride": [1, 13, 7, 9, 7, 19],
        "other end": [1, 7, 7, 5, 7, 28],
        "fields added": [0, 7, 9, 6, 6, 14],
        "fields multiplied": [1, 7, 27, 9, 9, 100],
        "no minus one": [1, 8, 10, 10, 7, 22],
        "first unit too": [1, 9, 10, 11, 8, 25],
    }
    rows = [(stack,) for stack in stacks]
    check_numbers(student, "receptive_field", rows, [1, 7, 7, 7, 5, 16], mistakes)


@points(1, of="receptive_field")
def test_receptive_field_of_a_real_stack(student, rng):
    """Fields agree with the pixels that receive a gradient."""

    def draw(low, high):
        return int(rng.integers(1, low=low, high=high))

    stacks = [[(draw(2, 5), draw(1, 4)) for _ in range(n)] for n in (1, 2, 2, 3, 3, 4)]
    rows, expected = [(stack,) for stack in stacks], [reach(stack) for stack in stacks]
    check_numbers(student, "receptive_field", rows, expected, {})


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


# Padding


def check_copied(actual, expected, name, clues):
    """The values are those expected, and of their dtype: what only copies need not round."""
    check_values(actual, expected, name, clues=clues)
    require(
        actual.dtype == expected.dtype,
        f"{name} is {actual.dtype} although x is {expected.dtype}",
        "Give new tensors the dtype of x (x.new_zeros, dtype=x.dtype): mixed ones do not multiply.",
        diagnosis="dtype",
    )


def one_side(padding):
    """Paddings (left, right, top, bottom) of one side of each axis only."""
    p, both = padding, 2 * padding
    return [(both, 0, both, 0), (0, both, 0, both), (p, 0, p, 0), (0, p, 0, p)]


def one_axis(padding):
    return [(padding, padding, 0, 0), (0, 0, padding, padding)]


@public
@points(1, of="zero_pad")
def test_zero_pad(student, rng):
    """P zeros on each of the four sides, and the image in the middle."""
    x = rng.normal(2, 3, 5, 4)
    for images, p in ((x, 2), (x[:1], 1), (x, 0)):
        mistakes = {
            "no padding": [images],
            "padding:one side": [F.pad(images, form) for form in one_side(p)],
            "padding:one axis": [F.pad(images, form) for form in one_axis(p)],
            "padding:other axes": [
                F.pad(images, form) for form in ((0, 0, 0, 0, p, p, p, p), [p] * 6, [p] * 8)
            ],
            "padding:twice": [F.pad(images, [2 * p] * 4)],
            "padding:edges": [F.pad(images, [p] * 4, mode="replicate")],
        }
        padded = call(student, "zero_pad", images, p)
        check_copied(padded, zero_pad(images, p), "padded", known(mistakes))


# Convolution by definition


def wrong_convolutions(x, w, b, stride=1, padding=0):
    """Clues for the output of a convolution."""
    right = convolution(x, w, b, stride, padding)
    every = convolution(x, w, b, 1, padding)
    across = w.reshape(-1, len(w)).T.reshape(w.shape)
    mistakes = {
        "flip": [convolution(x, w.flip(2, 3), b, stride, padding)],
        "flip:rows": [convolution(x, w.flip(2), b, stride, padding)],
        "flip:columns": [convolution(x, w.flip(3), b, stride, padding)],
        "no padding": [convolution(x, w, b, stride)],
        "padding:one side": [
            convolution(F.pad(x, form), w, b, stride) for form in one_side(padding)
        ],
        "padding:one axis": [
            convolution(F.pad(x, form), w, b, stride) for form in one_axis(padding)
        ],
        "filters cut across": [convolution(x, across, b, stride, padding)],
        "no stride": [every, every[:, :, : right.shape[2], : right.shape[3]]],
        "last window": [right[:, :, :-1, :-1], right[:, :, :-1], right[:, :, :, :-1]],
        "layout": [
            right.permute(axes).reshape(right.shape) for axes in ((0, 2, 3, 1), (1, 0, 2, 3))
        ],
        "one channel": [
            convolution(x[:, c], w[:, c], b, stride, padding) for c in (slice(1), slice(-1, None))
        ],
        "filters mixed": [right.sum(1, keepdim=True) - (b.sum() - b)[:, None, None]],
        "mean": [convolution(x, w / w[0].numel(), b, stride, padding)],
        "bias inside the sum": [
            right + (times - 1) * b[:, None, None] for times in (w.shape[1], w[0].numel())
        ],
    }
    return known(mistakes, tensors={"b": b[:, None, None]})


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
            clues = wrong_convolutions(**inputs, **options)
            check_forward(student, name, inputs, right, options=options, clues=clues)


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
    clues = wrong_convolutions(**inputs)
    check_forward(student, "conv2d_naive", inputs, expected, clues=clues)


@points(1, of="conv2d_naive_forward")
def test_naive_forward(student, rng):
    """Values agree for several strides and paddings; a filter that does not fit is refused."""
    check_convolution(student, "conv2d_naive", rng, PLAIN + STRIDED)
    check_refusal(student, "conv2d_naive_forward", rng)


# Columns


def wrong_columns(x, fh, fw, stride=1, padding=0):
    """Clues for the matrices of im2col."""
    n, c, height, width = x.shape
    right = im2col(x, fh, fw, stride, padding)
    out_h = output_size(height, fh, stride, padding)
    out_w = output_size(width, fw, stride, padding)
    split = right.reshape(n, c, fh, fw, out_h, out_w)
    every = im2col(x, fh, fw, 1, padding)
    one_apart = every.reshape(n, c * fh * fw, output_size(height, fh, 1, padding), -1)

    def order(*axes):
        return split.permute(axes).reshape(right.shape)

    mistakes = {
        "rows:channel last": [order(0, 2, 3, 1, 4, 5)],
        "rows:transposed": [order(0, 1, 3, 2, 4, 5)],
        "columns:transposed": [order(0, 1, 2, 3, 5, 4)],
        "layout": [order(0, 1, 4, 5, 2, 3), order(0, 4, 5, 1, 2, 3), order(1, 2, 3, 0, 4, 5)],
        "examples joined": [
            right.transpose(0, 1).flatten(1),
            right.permute(1, 2, 0).flatten(1),
            right.transpose(1, 2).flatten(0, 1),
        ],
        "no padding": [im2col(x, fh, fw, stride)],
        "no stride": [every, one_apart[:, :, :out_h, :out_w].flatten(2)],
        "padding:one side": [im2col(F.pad(x, form), fh, fw, stride) for form in one_side(padding)],
        "padding:one axis": [im2col(F.pad(x, form), fh, fw, stride) for form in one_axis(padding)],
        "window:transposed": [im2col(x, fw, fh, stride, padding)] if fw <= height else [],
    }
    return known(mistakes)


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
    cols = call(student, "im2col", x, 2, 3)
    check_copied(cols, expected, "cols", wrong_columns(x, 2, 3))


@points(2, of="im2col")
def test_im2col(student, rng):
    """Columns agree for several strides and paddings; a window that does not fit is refused."""
    for (n, c, height, width, _, fh, fw), options in PLAIN + STRIDED:
        x = rng.normal(n, c, height, width)
        cols = call(student, "im2col", x, fh, fw, **options)
        clues = wrong_columns(x, fh, fw, **options)
        check_copied(cols, im2col(x, fh, fw, **options), "cols", clues)
    check_refusal(student, "im2col", rng)


@public
@points(1, of="col2im")
def test_col2im_counts_windows(student):
    """Columns of ones come back as the number of windows over each pixel."""
    windows = [[1, 2, 3, 2, 1], [2, 4, 6, 4, 2], [2, 4, 6, 4, 2], [1, 2, 3, 2, 1]]
    expected = torch.tensor(windows).double().expand(2, 3, 4, 5)
    cols = torch.ones(2, 3 * 3 * 3, 2 * 3, dtype=torch.float64)
    image = call(student, "col2im", cols, (2, 3, 4, 5), 3, 3)
    mistakes = {"overlap": [torch.ones_like(expected)], "padding:-0": [expected[:, :, :0, :0]]}
    check_values(image, expected, "image", clues=known(mistakes))


@points(2, of="col2im")
def test_col2im(student, rng):
    """It is the adjoint of im2col, for several strides and paddings."""
    for (n, c, height, width, _, fh, fw), options in PLAIN + STRIDED:
        shape = (n, c, height, width)
        cols = rng.normal(*im2col(torch.zeros(shape), fh, fw, **options).shape)
        image = call(student, "col2im", cols, shape, fh, fw, **options)
        clues = wrong_images(cols, shape, fh, fw, **options)
        check_values(image, col2im(cols, shape, fh, fw, **options), "image", clues=clues)


def wrong_images(cols, x_shape, fh, fw, stride, padding):
    """Clues for the images of col2im."""
    n, c, height, width = x_shape
    p, size = padding, (height + 2 * padding, width + 2 * padding)
    padded = col2im(cols, (n, c, *size), fh, fw, stride)
    count = col2im(torch.ones_like(cols), (n, c, *size), fh, fw, stride).clamp(min=1)
    split = cols.reshape(n, c, fh, fw, -1)
    near = tuple((a - f) // stride + f for a, f in zip(size, (fh, fw), strict=True))
    one_apart = col2im(cols, (n, c, *near), fh, fw)

    def back(entries):
        return col2im(entries.reshape(cols.shape), x_shape, fh, fw, stride, p)

    def cut(image):
        return image[:, :, p : p + height, p : p + width]

    mistakes = {
        "overlap:assigned": [cut(image) for image in overwritten(split, size, stride)],
        "overlap:averaged": [cut(padded / count)],
        "no stride": [cut(F.pad(one_apart, (0, size[1] - near[1], 0, size[0] - near[0])))],
        "padding:kept": [padded],
        "padding:-0": [padded[:, :, p:-p, p:-p]],
        "padding:one side": [
            padded[:, :, :height, :width],
            padded[:, :, 2 * p :, 2 * p :],
            padded[:, :, p:, p:],
            padded[:, :, : p + height, : p + width],
        ],
        "rows:channel last": [back(cols.reshape(n, fh, fw, c, -1).permute(0, 3, 1, 2, 4))],
        "rows:transposed": [back(cols.reshape(n, c, fw, fh, -1).transpose(2, 3))],
        "flip": [back(split.flip(2, 3))],
        "flip:rows": [back(split.flip(2))],
        "flip:columns": [back(split.flip(3))],
    }
    return known(mistakes)


def overwritten(split, size, stride):
    """The padded images when the last copy of a pixel wins, and when the first one does."""
    n, c, fh, fw, _ = split.shape
    pixels = torch.arange(size[0] * size[1]).double().reshape(1, 1, *size)
    source = im2col(pixels, fh, fw, stride)[0].long()
    for offsets in (range(fh * fw), range(fh * fw - 1, -1, -1)):
        image = torch.zeros(n, c, size[0] * size[1], dtype=split.dtype)
        for offset in offsets:
            image[:, :, source[offset]] = split.flatten(2, 3)[:, :, offset]
        yield image.reshape(n, c, *size)


# The layer


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


def wrong_gradients(x, w, b, dout, stride=1, padding=0):
    """Clues for the gradients of x, w and b."""
    out_h, out_w = dout.shape[2:]

    def gradients(x=x, dout=dout, flip=(), stride=stride, padding=padding):
        leaves = [t.clone().requires_grad_() for t in (x, w, b)]
        with torch.enable_grad():
            out = convolution(leaves[0], leaves[1].flip(flip), leaves[2], stride, padding)
        return torch.autograd.grad(out[:, :, :out_h, :out_w], leaves, dout)

    _, dw, _ = gradients()
    mixed = dout.permute(1, 2, 3, 0).reshape(len(b), len(x), out_h, out_w).transpose(0, 1)
    ends = [gradients(x[i], dout[i]) for i in (slice(1), slice(-1, None))]
    flips = {"flip": (2, 3), "flip:rows": (2,), "flip:columns": (3,)}
    height, width = x.shape[2:]
    padded, *_ = gradients(zero_pad(x, padding), padding=0)
    of_x = {
        **{name: [gradients(flip=axes)[0]] for name, axes in flips.items()},
        "no stride": [gradients(stride=1)[0]],
        "padding:kept": [padded],
        "padding:one side": [padded[:, :, :height, :width]],
    }
    of_w = {
        **{name: [dw.flip(axes)] for name, axes in flips.items()},
        "no stride": [gradients(stride=1)[1]],
        "one example": [dw for _, dw, _ in ends],
        "layout": [
            gradients(dout=mixed)[1],
            *(dw.permute(axes).reshape(w.shape) for axes in ((1, 2, 3, 0), (0, 2, 3, 1))),
        ],
    }
    of_b = {
        "one example": [db for *_, db in ends],
        "axes:too few": [
            dout.sum(axes)
            for axes in ((0,), (2, 3), (0, 2), (0, 3), (2,), (3,), (1, 2), (1, 3), (0, 1, 2, 3))
        ],
    }
    sizes = {
        "position count": out_h * out_w,
        "output count of a filter": len(x) * out_h * out_w,
    }
    return {"x": known(of_x), "w": known(of_w, sizes=sizes), "b": known(of_b, sizes=sizes)}


def check_backward(student, rng, geometries):
    for sizes, options in geometries:
        inputs = layer(rng, sizes)
        dout = rng.normal(*convolution(**inputs, **options).shape)
        check_gradients(
            student,
            "conv2d",
            inputs,
            convolution,
            options=options,
            dout=dout,
            clues=wrong_gradients(**inputs, dout=dout, **options),
            forward_clues=wrong_convolutions(**inputs, **options),
        )


@public
@points(2, of="conv2d_backward")
def test_conv2d_backward(student, rng):
    """The gradients agree with finite differences for stride 1 without padding."""
    check_backward(student, rng, PLAIN)


@points(2, of="conv2d_backward")
def test_conv2d_backward_strided(student, rng):
    """The gradients agree with stride and padding, for one image too."""
    check_backward(student, rng, STRIDED)
