"""What goes wrong in pooling, and right answers written differently."""

import math

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

OVERLAP = "one number overwrites another: what a pixel gets from several windows adds up"
COUNTED = "the padding counts as pixels: a window at the border has fewer, and is divided by fewer"
CROPPED = "the padding, or one side of it, is still there: cut it off on all four sides"
STEP = "a stride longer than the window is cut to it: windows may leave pixels out"
STRIDE = "the stride is ignored: window (i, j) begins at row S·i − P and column S·j − P"
CHANNELS = "the channels are mixed: each channel is on its own"

pool_windows = mistakes(
    change("rows = -> stride = 1\n    rows =", "the windows are one pixel apart: S are asked for"),
    change(
        "padded.unfold(2, fh, stride) -> padded.unfold(2, fh, fh)",
        "the windows stand side by side: the next begins S pixels on, wherever this one ends",
        also="unfold(3, fw, stride) -> unfold(3, fw, fw)",
    ),
    change("rows = -> stride = min(stride, fh)\n    rows =", STEP),
    change("rows = -> stride = min(stride, fw)\n    rows =", STEP),
    change(
        "rows = -> fh, fw = fw, fh\n    rows =", "the window is fw × fh: its height comes first"
    ),
    change("[padding] * 4 -> [0] * 4", "the padding is left out: it is on all four sides"),
    change(
        (
            "[padding] * 4 -> [padding, 0] * 2",
            "[0, padding] * 2",
            "[2 * padding, 0] * 2",
            "[0, 2 * padding] * 2",
        ),
        "the padding is put on one side of an axis only: it is P on each side",
    ),
    change("4, fill) -> 4)", "the padding is filled with zeros: its value is the caller's choice"),
    change(".flatten(-2) -> .mT.flatten(-2)", "column by column: the values come row by row"),
    change(
        (").flatten -> )[:, :, :-1].flatten", ")[:, :, :, :-1].flatten"),
        "the last row or column of windows is missing: it still fits",
    ),
    change("[padding] * 4 -> [padding, padding + stride - 1] * 2", "rounded up: round down"),
    change(".flatten(-2) -> "),
    change("padding >= min(fh, fw) -> False"),
    change("padding >= min(fh, fw) -> padding > min(fh, fw)"),
    change("fh > height + 2 * padding -> fh > height"),
)

maxpool_forward = mistakes(
    change(
        "-math.inf -> 0.0", "the padding wins over negative values: a zero is larger than they are"
    ),
    change(
        ("-math.inf -> -1e3", "-1e6", "-1e9"),
        "the padding wins over very small values: what number is smaller than every value?",
    ),
    change("= parts.max(-1) -> = parts.min(-1)", "the smallest value is taken: it is the largest"),
    change(
        "parts.max(-1) -> parts.nan_to_num(neginf=0).abs().max(-1)",
        "the sign is lost: the largest value is asked for, not the largest distance from 0",
    ),
    change(
        "return out, -> winner = parts.nan_to_num(neginf=0).abs().argmax(-1)\n"
        "    out = parts.gather(-1, winner[..., None])[..., 0]\n    return out,",
        "the value farthest from 0 is taken: the largest is asked for",
    ),
    change("return out, -> return out.clamp(min=0),", "negative maxima become 0: there is no ReLU"),
    change("return out, -> return out.amax(1, keepdim=True).expand_as(out),", CHANNELS),
    change("x, fh, fw -> x, fw, fh", "the window is fw × fh: its height comes first"),
    change("x, fh, fw -> x, fh, fh", "the window is fh × fh: its width is fw"),
    change("stride, padding, fill -> 1, padding, fill", "the stride is not handed on"),
    change("stride, padding, fill -> stride, 0, fill", "the padding is not handed on"),
    change(
        "pool_windows(x, fh, fw, stride, padding, fill=-math.inf) -> torch.constant_pad_nd(x, "
        "[padding] * 4, -math.inf).unfold(2, fh, stride).unfold(3, fw, stride).flatten(-2)"
    ),
)

maxpool_backward = mistakes(
    change("dx.scatter_add( -> dx.scatter(", OVERLAP),
    change(("= cache -> = cache\n    stride = 1", "stride * i -> i", "stride * j -> j"), STRIDE),
    change("i - padding -> i", also="j - padding -> j"),
    change(
        "winner // fw -> winner % fw",
        "u and v are exchanged: in a window, ℓ = u · fw + v",
        also="j - padding + winner % fw -> j - padding + winner // fw",
    ),
    change("(_, fw) -> (fw, _)", "ℓ is taken apart by the window's height: ℓ = u · fw + v"),
    change("row * width -> row * height", "rows are counted as H long: they have W pixels"),
    change("row * width + column -> winner", "a place in the window is taken for one in the image"),
    change("= cache -> = cache\n    dout = 0 * dout + 1", "dout is not used: winners get it"),
    change("dout.flatten(2)) -> dout.flatten(2).clamp(min=0))", "negative gradients are cut off"),
    change(
        "= cache -> = cache\n    winner = winner[:, :1].expand_as(winner)",
        "the winners of the first channel are used for all: each channel has its own",
    ),
    change(
        "= cache -> = cache\n    winner = winner[:1].expand_as(winner)",
        "the winners of the first example are used for all: each example has its own",
    ),
    change(
        "return dx -> wins = torch.zeros_like(dx).scatter_add(2, place.flatten(2), "
        "torch.ones_like(dout).flatten(2))\n    dx = dx / wins.clamp(min=1)\n    return dx",
        "a pixel that wins several windows gets the mean: what arrives from them adds up",
    ),
    change(
        "place = -> dout = dout / (winner.amax() + 1)\n    place =",
        "divided by the size of the window: the winner has the whole, for its slope is 1",
    ),
    change("dx.reshape(x_shape) -> dx.reshape(n, c, width, height).mT"),
    change("dx.reshape(x_shape) -> dx"),
)


@mistake(OVERLAP)
def maxpool_backward(dout, cache):
    (*_, height, width), winner, (fh, fw), stride, padding = cache
    dx = torch.constant_pad_nd(dout.new_zeros(cache[0]), [padding] * 4)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            won = winner[:, :, i, j, None] == torch.arange(fh * fw)
            part = dx[:, :, stride * i : stride * i + fh, stride * j : stride * j + fw]
            part[:] = (won * dout[:, :, i, j, None]).reshape(part.shape)
    return dx[:, :, padding : padding + height, padding : padding + width]


@mistake("the last of equal values gets the gradient: the first does", of="maxpool_backward")
class LastWins:
    def maxpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, fill=-math.inf)
        out, from_end = parts.flip(-1).max(-1)
        return out, (x.shape, fh * fw - 1 - from_end, (fh, fw), stride, padding)


@mistake("equal values share the gradient: the first has the whole", of="maxpool_backward")
class TiesShare:
    def maxpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, fill=-math.inf)
        place = torch.arange(x[0, 0].numel()).reshape(x.shape[2:]).expand(x.shape)
        won = (parts == parts.amax(-1, keepdim=True)).to(x.dtype)
        place = pool_windows(place, fh, fw, stride, padding)
        return parts.amax(-1), (won / won.sum(-1, keepdim=True), place.flatten(2), x.shape)

    def maxpool_backward(dout, cache):
        won, place, shape = cache
        dx = dout.new_zeros(shape).flatten(2)
        return dx.scatter_add(2, place, (won * dout[..., None]).flatten(2)).reshape(shape)


@mistake("each of equal values gets the whole gradient: only the first does", of="maxpool_backward")
class TiesDuplicate:
    def maxpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, fill=-math.inf)
        place = torch.arange(x[0, 0].numel()).reshape(x.shape[2:]).expand(x.shape)
        won = (parts == parts.amax(-1, keepdim=True)).to(x.dtype)
        place = pool_windows(place, fh, fw, stride, padding)
        return parts.amax(-1), (won, place.flatten(2), x.shape)

    def maxpool_backward(dout, cache):
        won, place, shape = cache
        dx = dout.new_zeros(shape).flatten(2)
        return dx.scatter_add(2, place, (won * dout[..., None]).flatten(2)).reshape(shape)


avgpool_forward = mistakes(
    change(
        ("parts.sum(-1) / count -> parts.mean(-1)", "count = inside.sum(-1) -> count = fh * fw"),
        COUNTED,
    ),
    change(
        "torch.ones_like(x), fh, fw, stride, padding) -> "
        "torch.constant_pad_nd(torch.ones_like(x), [0, padding] * 2, 1), fh, fw, stride, padding)"
        "[:, :, : parts.shape[2], : parts.shape[3]]",
        "the padding on the right and below counts as pixels: it does on no side",
    ),
    change(
        "torch.ones_like(x) -> (x != 0).to(x.dtype)",
        "pixels that are 0 are not counted: they are pixels like any other",
        also="parts.sum(-1) / count -> parts.sum(-1) / count.clamp(min=1)",
    ),
    change("parts.sum(-1) / count -> parts.sum(-1) // count", "the mean is rounded down: use /"),
    change("parts.sum(-1) / count -> parts.sum(-1)", "the sum is returned: a mean is divided by k"),
    change("parts.sum(-1) / count -> parts.median(-1).values", "the median: the mean is asked for"),
    change("= inside.sum(-1) -> = fh * fh", "divided by fh²: the window is fh × fw"),
    change("return out, -> return out.mean(1, keepdim=True).expand_as(out),", CHANNELS),
    change(
        ("/ count -> / count[0, 0, 0, 0]", "/ count.amax(3, keepdim=True)", "/ count.amax()"),
        "the pixels of one window are counted for others: each has a number of its own",
    ),
)

avgpool_backward = mistakes(
    change("+= share -> = share", OVERLAP),
    change("range(fw) -> range(fh)", "columns are counted by the window's height: they are fw"),
    change("range(fh) -> range(fw)", "rows are counted by the window's width: they are fh"),
    change("dout / count -> dout", "not divided: each pixel has a share in the mean, 1 / k of it"),
    change("dout / count -> dout / (fh * fw)", COUNTED),
    change("dout / count -> dout / count**2", "divided by k twice: the slope of a mean is 1 / k"),
    change("dout / count -> dout * count", "multiplied by k: the slope of a mean is 1 / k"),
    change(
        ("dout / count -> dout", "dout.div(count)"),
        "divided by how many windows a pixel is under: divide by how many pixels the window has",
        also=(
            "bottom, right = -> windows = torch.zeros_like(dx)\n    bottom, right =",
            "+= share -> += share\n"
            "            windows[:, :, u : u + bottom : stride, v : v + right : stride] += 1",
            "return dx -> dx = dx / windows.clamp(min=1)\n    return dx",
        ),
    ),
    change("= cache -> = cache\n    stride = 1", STRIDE),
    change(
        "padding : padding + height, padding : padding + width -> "
        "padding:-padding, padding:-padding",
        "nothing is left when the padding is 0: the slice p:-p is then 0:0",
    ),
    change(
        (
            "padding : padding + height, padding : padding + width -> :, :",
            ":height, :width",
            "2 * padding :, 2 * padding :",
            "padding:, padding:",
        ),
        CROPPED,
    ),
    change(
        "range(fh) -> range(1)",
        "all goes to the top left pixel of a window: every pixel of it has its share",
        also="range(fw) -> range(1)",
    ),
)


@alternative("a grid of pixels for each offset in the window, as im2col has it")
class Offsets:
    def pool_windows(x, fh, fw, stride, padding=0, fill=0.0):
        x = torch.nn.functional.pad(x, [padding] * 4, value=fill)
        down, across = x.shape[2] - fh + 1, x.shape[3] - fw + 1
        if min(down, across) < 1 or padding >= min(fh, fw):
            raise ValueError("no such window")
        offsets = [(u, v) for u in range(fh) for v in range(fw)]
        return torch.stack(
            [x[:, :, u : u + down : stride, v : v + across : stride] for u, v in offsets], -1
        )


@alternative("sizes by minima and maxima, sums window by window")
class Borders:
    def avgpool_forward(x, fh, fw, stride, padding=0):
        pool_windows(x[:1, :1], fh, fw, stride, padding)  # refuses what is not allowed
        spans = []
        for size, field in zip(x.shape[2:], (fh, fw), strict=True):
            starts = range(-padding, size + padding - field + 1, stride)
            spans.append([slice(max(s, 0), min(s + field, size)) for s in starts])
        rows = [[x[:, :, r, k].mean((2, 3)) for k in spans[1]] for r in spans[0]]
        return torch.stack([torch.stack(row, 2) for row in rows], 2), (x, spans)

    def avgpool_backward(dout, cache):
        x, spans = cache
        dx = torch.zeros_like(x)
        for i, rows in enumerate(spans[0]):
            for j, columns in enumerate(spans[1]):
                part = dx[:, :, rows, columns]
                part += dout[:, :, i, j, None, None] / part[0, 0].numel()
        return dx


@alternative("windows of an image of addresses, for the way back")
class Addresses:
    def maxpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, -math.inf)
        image = torch.arange(x[0, 0].numel()).reshape(1, 1, *x.shape[2:])
        place = pool_windows(image, fh, fw, stride, padding).expand(parts.shape)
        out, winner = parts.amax(-1), parts.argmax(-1, keepdim=True)
        return out, (place.gather(-1, winner), x.shape)

    def maxpool_backward(dout, cache):
        place, shape = cache
        dx = dout.new_zeros(shape).flatten(2)
        return dx.scatter_add(2, place.flatten(2), dout.flatten(2)).unflatten(2, shape[2:])

    def avgpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, math.nan)
        image = torch.arange(x[0, 0].numel()).reshape(1, 1, *x.shape[2:])
        place = pool_windows(image, fh, fw, stride, padding)
        return parts.nanmean(-1), (place, ~parts[:1, :1].isnan(), x.shape)

    def avgpool_backward(dout, cache):
        place, inside, shape = cache
        shares = (dout / inside.sum(-1))[..., None] * inside
        dx = dout.new_zeros(shape).flatten(2)
        return dx.index_add(2, place.flatten(), shares.flatten(2)).reshape(shape)
