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
SIDE = "the windows stand side by side: the next begins S pixels on, wherever this one ends"
LAST = "only the last column of windows counts: does a line stand after the loop over j?"
TURNED = "the window is fw × fh: fh is its height"
AXIS = "the stride is used along one axis only: windows are S apart along both"
ONE_SIDE = "the padding is put on one side of an axis only: it is P on each side"
FEWER = "the last row or column of windows is missing: it still fits"

pool_windows = mistakes(
    change("rows = -> stride = 1\n    rows =", "the windows are one pixel apart: S are asked for"),
    change("(2, fh, stride) -> (2, fh, fh)", SIDE, also="(3, fw, stride) -> (3, fw, fw)"),
    change("rows = -> stride = min(stride, fh)\n    rows =", STEP),
    change("rows = -> stride = min(stride, fw)\n    rows =", STEP),
    change("(2, fh, stride) -> (2, fh, 1)[:, :, : (padded.shape[2] - fh) // stride + 1]", AXIS),
    change("(3, fw, stride) -> (3, fw, 1)[:, :, :, : (rows.shape[3] - fw) // stride + 1]", AXIS),
    change("rows = -> fh, fw = fw, fh\n    rows =", TURNED),
    change(
        "return r -> return torch.stack([padded[:, :, u : u + padded.shape[2] - fh + 1 : stride, v:"
        "v + padded.shape[3] - fw + 1 : stride] for u in range(fw) for v in range(fh)], -1)\n    r",
        TURNED,
    ),
    change("[padding] * 4 -> [0] * 4", "the padding is left out: it is on all four sides"),
    change(("[padding] * 4 -> [padding, 0] * 2", "[0, padding] * 2"), ONE_SIDE),
    change(("[padding] * 4 -> [2 * padding, 0] * 2", "[0, 2 * padding] * 2"), ONE_SIDE),
    change("4, fill) -> 4)", "the padding is filled with zeros: its value is the caller's choice"),
    change("rows = -> padded[:] = padded.sum(1, keepdim=True)\n    rows =", CHANNELS),
    change("rows = -> padded[:] = padded[:, :1].clone()\n    rows =", CHANNELS),
    change(".flatten(-2) -> .mT.flatten(-2)", "column by column: the values come row by row"),
    change((").flatten -> )[:, :, :-1].flatten", ")[:, :, :, :-1].flatten"), FEWER),
    change("[padding] * 4 -> [padding, padding + stride - 1] * 2", "rounded up: round down"),
    change("padding >= min(fh, fw) -> False"),
    change("padding >= min(fh, fw) -> padding > min(fh, fw)"),
    change("fh > height + 2 * padding -> fh > height"),
)

SIGN = "the sign is lost: the largest value is asked for, not the largest distance from 0"
FAR = "the value farthest from 0 is taken: the largest is asked for"
LARGER = "parts.max(-1) -> 0, ((parts > parts[..., :1]) * torch.arange(fh * fw)).amax(-1)"
PARTLY = "a window is looked at in part: it has fh · fw values"
GATHER = "return out, -> out = parts.gather(-1, winner[..., None])[..., 0]\n    return out,"

maxpool_forward = mistakes(
    change("-math.inf -> 0.0", "the padding wins over negative values: 0 is larger than they are"),
    change(("-math.inf -> -1e3", "-1e6", "-1e9"), "padding beats small values: what is least?"),
    change("= parts.max(-1) -> = parts.min(-1)", "the smallest value is taken: it is the largest"),
    change("pool_windows(x, -> pool_windows(x.abs(),", SIGN),
    change("parts.max -> parts.abs().max", SIGN),
    change("parts.max(-1) -> 0, parts.abs().argmax(-1)", FAR, also=GATHER),
    change(LARGER, "each value is compared with the first: take the largest so far", also=GATHER),
    change("parts.max -> parts[..., :-1].max", "the last value of a window is never looked at"),
    change(("parts.max -> parts[..., : fh * fh].max", "parts[..., : fw * fw].max"), PARTLY),
    change("return out, -> return winner.to(x.dtype),", "where the largest is: how large is asked"),
    change("return out, -> return out.clamp(min=0),", "negative maxima become 0: there is no ReLU"),
    change("return out, -> return out.amax(1, keepdim=True).expand_as(out),", CHANNELS),
    change("x, fh, fw -> x, fw, fh", "the window is fw × fh: its height comes first"),
    change("x, fh, fw -> x, fh, fh", "the window is fh × fh: its width is fw"),
    change("x, fh, fw -> x, fw, fw", "the window is fw × fw: its height is fh"),
    change("stride, padding, fill -> 1, padding, fill", "the stride is not handed on"),
    change("stride, padding, fill -> stride, 0, fill", "the padding is not handed on"),
    change(
        "pool_windows(x, fh, fw, stride, padding, fill=-math.inf) -> torch.constant_pad_nd(x, "
        "[padding] * 4, -math.inf).unfold(2, fh, stride).unfold(3, fw, stride).flatten(-2)"
    ),
)

UV = "u and v are exchanged: in a window, ℓ = u · fw + v"
EXAMPLE = "the winners of the first example are used for all: each example has its own"
WHOLE = "divided by the size of the window: the winner has the whole, for its slope is 1"
P_AXIS = "the padding is not subtracted along one axis: it is along both"

maxpool_backward = mistakes(
    change("dx.scatter_add( -> dx.scatter(", OVERLAP),
    change(
        "dx = dx.scatter_add( -> order = winner.flatten(2).argsort(2)\n    dx = dx.scatter(",
        OVERLAP,
        also="(2), dout.flatten(2) -> (2).gather(2, order), dout.flatten(2).gather(2, order)",
    ),
    change(("= cache -> = cache\n    stride = 1", "stride * i -> i", "stride * j -> j"), STRIDE),
    change("i - padding -> i", also="j - padding -> j"),
    change("place = -> row = (row + padding).clamp(max=height - 1)\n    place =", P_AXIS),
    change("place = -> column = (column + padding).clamp(max=width - 1)\n    place =", P_AXIS),
    change("// fw -> % fw", UV, also="j - padding + winner % fw -> j - padding + winner // fw"),
    change("(_, fw) -> (fw, _)", "ℓ is taken apart by the window's height: ℓ = u · fw + v"),
    change("= cache -> = cache\n    winner = winner.sub(1).clamp(0)", "winners are one too small"),
    change("row * width -> row * height", "rows are counted as H long: they have W pixels"),
    change("row * width + column -> winner", "a place in the window is taken for one in the image"),
    change("= cache -> = cache\n    dout = 0 * dout + 1", "dout is not used: winners get it"),
    change("dout.flatten(2)) -> dout.flatten(2).clamp(min=0))", "negative gradients are cut off"),
    change("= cache -> = cache\n    winner = winner[:, :1].expand_as(winner)", CHANNELS),
    change("return dx -> dx[:, 0], dx[:, 1:] = dx.sum(1), 0\n    return dx", CHANNELS),
    change("= cache -> = cache\n    winner = winner[:1].expand_as(winner)", EXAMPLE),
    change("place = -> dout = dout * (j == j[-1])\n    place =", LAST),
    change(
        "return dx -> wins = torch.zeros_like(dx).scatter_add(2, place.flatten(2), "
        "torch.ones_like(dout).flatten(2))\n    dx = dx / wins.clamp(min=1)\n    return dx",
        "a pixel that wins several windows gets the mean: what arrives from them adds up",
    ),
    change("place = -> dout = dout / (winner.amax() + 1)\n    place =", WHOLE),
    change(
        "dx.r -> torch.constant_pad_nd(dx.view(x_shape), [padding, 0] * 2)[..., :height, :width].r",
        CROPPED,
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
        place = pool_windows(place, fh, fw, stride, padding)
        return parts.amax(-1), (parts == parts.amax(-1, keepdim=True), place.flatten(2), x.shape)

    def maxpool_backward(dout, cache):
        won, place, shape = cache
        dx, share = dout.new_zeros(shape).flatten(2), dout / won.sum(-1)
        return dx.scatter_add(2, place, (won * share[..., None]).flatten(2)).reshape(shape)


@mistake("each of equal values gets the whole gradient: only the first does", of="maxpool_backward")
class TiesDuplicate:
    def maxpool_forward(x, fh, fw, stride, padding=0):
        parts = pool_windows(x, fh, fw, stride, padding, fill=-math.inf)
        place = torch.arange(x[0, 0].numel()).reshape(x.shape[2:]).expand(x.shape)
        place = pool_windows(place, fh, fw, stride, padding)
        return parts.amax(-1), (parts == parts.amax(-1, keepdim=True), place.flatten(2), x.shape)

    def maxpool_backward(dout, cache):
        won, place, shape = cache
        dx = dout.new_zeros(shape).flatten(2)
        return dx.scatter_add(2, place, (won * dout[..., None]).flatten(2)).reshape(shape)


RIGHT = "the padding on the right or below counts as pixels: it does on no side"
CUT = "inside.sum(-1) -> inside.sum(-1)[:, :, : parts.shape[2], : parts.shape[3]]"
OTHERS = "the pixels of one window are counted for others: each has a number of its own"
ZERO = "pixels that are 0 are not counted: they are pixels like any other"

avgpool_forward = mistakes(
    change(("parts.sum(-1) / count -> parts.mean(-1)", "= inside.sum(-1) -> = fh * fw"), COUNTED),
    change("like(x) -> like(torch.constant_pad_nd(x, [0, padding] * 2))", RIGHT, also=CUT),
    change("like(x) -> like(torch.constant_pad_nd(x, [0, padding]))", RIGHT, also=CUT),
    change("like(x) -> like(torch.constant_pad_nd(x, [0, 0, 0, padding]))", RIGHT, also=CUT),
    change("ones_like(x) -> sign(x).abs()", ZERO, also="/ count -> / count.clamp(min=1)"),
    change(
        "inside.sum(-1)\n    out = parts.sum(-1) / count -> inside.unflatten(-1, (fh, fw))\n"
        "    count = count.amax(-1).sum(-1) + count.amax(-2).sum(-1)\n"
        "    out = parts.sum(-1).div(count)",
        "k is rows plus columns: it is rows times columns",
    ),
    change("padding)\n    inside -> padding, 1)\n    inside", "padding is filled with 1, not 0"),
    change("parts.sum(-1) / count -> parts.sum(-1) // count", "the mean is rounded down: use /"),
    change("parts.sum(-1) / count -> parts.sum(-1)", "the sum is returned: a mean is divided by k"),
    change("parts.sum(-1) / count -> parts.median(-1).values", "the median: the mean is asked for"),
    change("= inside.sum(-1) -> = fh * fh", "divided by fh²: the window is fh × fw"),
    change("return out, -> return out.mean(1, keepdim=True).expand_as(out),", CHANNELS),
    change(("/ count -> / count[0, 0, 0, 0]", "/ count.amax(3, True)", "/ count.amax()"), OTHERS),
)

PASS = "only the last column of a window gets a share: does a line stand after the loop?"
EMPTY = "nothing is left when the padding is 0: the slice p:-p is then 0:0"
TOP = "all goes to the top left pixel of a window: every pixel of it has its share"

avgpool_backward = mistakes(
    change("+= share -> = share", OVERLAP),
    change("range(fw) -> range(fh)", "columns are counted by the window's height: they are fw"),
    change("range(fh) -> range(fw)", "rows are counted by the window's width: they are fh"),
    change("u in range(fh) -> u in range(fw)", TURNED, also="v in range(fw) -> v in range(fh)"),
    change("range(fw) -> range(fw - 1, fw)", PASS),
    change("dout / count -> dout", "not divided: each pixel has a share in the mean, 1 / k of it"),
    change("dout / count -> dout / (fh * fw)", COUNTED),
    change("dout / count -> dout / count.amax()", OTHERS),
    change("dout / count -> (dout / count).sum(1, keepdim=True)", CHANNELS),
    change("dout / count -> dout / count**2", "divided by k twice: the slope of a mean is 1 / k"),
    change("dout / count -> dout * count", "multiplied by k: the slope of a mean is 1 / k"),
    change("dout / count -> dout / count * torch.eye(dout.shape[3])[-1]", LAST),
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
    change("u + bottom : stride -> u + dout.shape[2]", STRIDE),
    change("v + right : stride -> v + dout.shape[3]", STRIDE),
    change("return -> return dx[:, :, padding:-padding, padding:-padding]\n    return", EMPTY),
    change("return -> return dx[:, :, :height, :width]\n    return", CROPPED),
    change("return -> return dx[:, :, padding : padding + height, :width]\n    return", CROPPED),
    change("return -> return dx[:, :, 2 * padding :, 2 * padding :]\n    return", CROPPED),
    change("return -> return dx\n    return", CROPPED),
    change("return -> return dx[:, :, padding:, padding:]\n    return", CROPPED),
    change("range(fh) -> range(1)", TOP, also="range(fw) -> range(1)"),
)


@mistake("a window that begins in the padding reaches too far: it ends at S·i − P + F, cut or not")
def avgpool_backward(dout, cache):
    x_shape, count, fh, fw, stride, padding = cache
    dx, share = dout.new_zeros(x_shape), dout / count
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            top, left = max(stride * i - padding, 0), max(stride * j - padding, 0)
            dx[:, :, top : top + fh, left : left + fw] += share[:, :, i, j, None, None]
    return dx


@alternative("a grid of pixels for each offset; sizes by minima and maxima, sums window by window")
class Borders:
    def pool_windows(x, fh, fw, stride, padding=0, fill=0.0):
        x = torch.nn.functional.pad(x, [padding] * 4, value=fill)
        down, across = x.shape[2] - fh + 1, x.shape[3] - fw + 1
        if min(down, across) < 1 or padding >= min(fh, fw):
            raise ValueError("no such window")
        rows = [x[:, :, u : u + down : stride] for u in range(fh)]
        return torch.stack([r[..., v : v + across : stride] for r in rows for v in range(fw)], -1)

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
