"""What goes wrong in conv2d, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

NO_BIASES = "the biases are missing: every filter has one"
ONE_PIXEL_APART = "the windows are one pixel apart: window (i, j) starts at pixel (S·i, S·j)"
ONE_STRIDE = "the stride is used along one axis only: window (i, j) starts at pixel (S·i, S·j)"
CHANNEL_FIRST = "the rows have the order (fh, fw, C): the channel comes first"
STILL_PADDED = "the padding, or one side of it, is still there: cut it off on all four sides"
MOVES_NO_AXES = "right numbers in the wrong places: reshape moves no axes. Which have to be moved?"
LEFT = "only one of several counts: is it overwritten in a loop (examples, filters, positions)?"
TURNED = "the windows are turned or mirrored: row (c · fh + u) · fw + v belongs to offset (u, v)"

STRIDE_1 = "W − F + 1 is taken for the size: it holds for stride 1 and padding 0 only"
TWO_FLOORS = "two floors: W − F and 2P are added first, and divided together"
conv_output_size = mistakes(
    change("stride + 1 -> stride", "one too few: where does the filter stand before it moves?"),
    change("room // -> (room + 1) //", "the 1 is added before the division: it is no pixel"),
    change(
        ("room // stride -> -(-room // stride)", "round(room / stride)", "int(room / stride + .5)"),
        "rounded up, or to the nearest: a window that reaches beyond the image does not count",
    ),
    change("room // stride -> room", "the stride is ignored: the filter moves by S pixels"),
    change("2 * padding -> padding", "the padding is counted once: P zeros are on each side"),
    change("size + 2 * padding -> size", "the padding is left out: it makes the image larger"),
    change("room // stride + 1 -> size - field + 1", STRIDE_1),
    change("room // stride -> (size - field) // stride + 2 * padding // stride", TWO_FLOORS),
    change(("room < 0 -> False", "room / stride <= -1")),
)

OF_CHANNELS = "there is a bias for every channel of a filter: b has one index, the filter's"
OF_INPUTS = "there is a bias for every input channel: biases belong to the filters"
SQUARE = "one of the two sizes is not used: filters need not be square"
conv_parameters = mistakes(
    change("fw + 1) -> fw)", NO_BIASES),
    change("(channels * fh * fw + 1) -> channels * (fh * fw + 1)", OF_CHANNELS),
    change("fw + 1) -> fw) + 1", "there is one bias for the whole layer: every filter has its own"),
    change("fw + 1) -> fw) + channels", OF_INPUTS),
    change("channels * fh -> fh", "the channels are missing: a filter has weights for each"),
    change(("fh * fw -> fh * fh", "fw * fw"), SQUARE),
)

SPREAD = "a layer's own field is spread by its own stride: only the layers below it spread it"
ORDER = "the layers are taken in the wrong order: the first of the list is next to the image"
MULTIPLIED = "the fields are multiplied: right only if windows did not overlap"
receptive_field = mistakes(
    change(
        "(seen - 1) * stride -> (seen - 1)",
        "the strides are left out: units side by side look at windows that are S inputs apart",
    ),
    change(
        "return seen -> below = [1, *(s for _, s in layers)]\n"
        "    return 1 + sum((f - 1) * s for (f, _), s in zip(layers, below))",
        "only the stride of the layer just below is used: all strides below multiply",
    ),
    change("(seen - 1) * stride + field -> (seen + field - 2) * stride + 1", SPREAD),
    change("reversed(layers) -> layers", ORDER),
    change(
        "seen = 1 -> seen = 0",
        "the fields are added up: the windows of neighbouring units overlap",
        also="(seen - 1) * stride -> seen",
    ),
    change("(seen - 1) * stride + field -> seen * field", MULTIPLIED),
    change("+ field -> + field + 1", "each layer adds F steps: one of the F was there already"),
    change(
        ("(seen - 1) -> seen", "+ field -> + field + stride - 1"),
        "the first unit takes a step: only each further one does",
    ),
    change("* stride -> * min(stride, field)", "pixels that no window covers count, too"),
)

PADDED_BEFORE = ")).shape -> )).shape\n    padding = 0"
zero_pad = conv2d_naive_forward = im2col = mistakes(
    change("width = x.shape -> width = x.shape\n    padding = 0", "the padding is left out"),
    change(
        (
            "= x.shape -> = (x := torch.constant_pad_nd(x, [2 * padding, 0] * 2)).shape",
            "= (x := torch.constant_pad_nd(x, [0, 2 * padding] * 2)).shape",
            "= (x := torch.constant_pad_nd(x, [padding, 0] * 2)).shape",
            "= (x := torch.constant_pad_nd(x, [0, padding] * 2)).shape",
        ),
        "the padding is put on one side of an axis only: it is P on each side",
        also=PADDED_BEFORE,
    ),
    change(
        (
            "= x.shape -> = (x := torch.constant_pad_nd(x, [padding] * 2 + [0] * 2)).shape",
            "= (x := torch.constant_pad_nd(x, [0] * 2 + [padding] * 2)).shape",
        ),
        "only one of rows and columns is padded: both are",
        also=PADDED_BEFORE,
    ),
)

zero_pad = mistakes(
    change(
        (
            "return padded -> return ([0] * 4 + [padding] * 4)",
            "return ([padding] * 6)",
            "return ([padding] * 8)",
        ),
        "the zeros are around other axes: rows and columns are the last two",
        also="return -> return (lambda sides: torch.constant_pad_nd(x, sides))",
    ),
    change(
        "return padded -> return torch.ops.aten.replication_pad2d(x, [padding] * 4)",
        "the border repeats the image: it must be zero",
    ),
    change("= x.shape -> = x.shape\n    padding *= 2", "twice as many zeros: P on each side"),
    change("x.new_zeros -> torch.zeros"),
)

UPSIDE_DOWN = "the filter is upside down: offset u of the filter belongs to offset u of the window"
MIRRORED = "the filter is mirrored left to right: offset v belongs to offset v of the window"
conv2d_naive_forward = conv2d_forward = conv2d_backward = mistakes(
    change(
        "w.flatten(1) -> w.flip(2, 3).flatten(1)",
        "the filter is turned by 180°: offset (u, v) belongs to offset (u, v) of the window",
    ),
    change("w.flatten(1) -> w.flip(2).flatten(1)", UPSIDE_DOWN),
    change("w.flatten(1) -> w.flip(3).flatten(1)", MIRRORED),
    change("w.flatten(1) -> w.mT.flatten(1)", "each filter is transposed: it is used as it is"),
)

ONE_CHANNEL = "only one channel counts: the sum runs over the channels as well"
MEAN = "the mean over the window is taken: the definition has a sum"
FIRST_BIAS = "the first bias is added to the answers of all filters: filter k has b[k]"
BIAS_IN_SUM = "the bias is added many times over: it stands outside the sums"
conv2d_naive_forward = conv2d_forward = mistakes(
    change(
        "w.flatten(1) -> w.reshape(-1, k).T",
        "reshape(-1, K) cuts across the filters: row k of the matrix is filter k",
    ),
    change("fw = w.shape -> fw = w.shape\n    x, w = x[:, :1], w[:, :1]", ONE_CHANNEL),
    change("fw = w.shape -> fw = w.shape\n    x, w = x[:, -1:], w[:, -1:]", ONE_CHANNEL),
    change(
        "w.flatten(1) -> w.flatten(1).sum(0).expand(k, -1)",
        "the answers of all filters are added up: each filter makes an output channel of its own",
    ),
    change(("w.flatten(1) -> w.flatten(1).div(w[0].numel())", "w.flatten(1).div(fh * fw)"), MEAN),
    change("+ b -> + 0 * b", NO_BIASES),
    change("+ b -> + b[0] + 0 * b", FIRST_BIAS),
    change("+ b -> + b.sum() + 0 * b", "all biases are added to each answer: filter k has b[k]"),
    change(("+ b -> + w.shape[1] * b", "+ w[0].numel() * b"), BIAS_IN_SUM),
    change(
        (
            "return out, -> return out[:, :, :-1, :-1],",
            "return out[:, :, :-1],",
            "return out[..., :-1],",
            "out_w -= (width + 2 * padding - fw) % stride > 0\n    return out[..., :out_w],",
        ),
        "the last row or column of windows is missing: it still fits",
    ),
    change(
        (
            "return out, -> return out.permute(0, 2, 3, 1).reshape(out.shape),",
            "return out.transpose(0, 1).reshape(out.shape),",
        ),
        MOVES_NO_AXES,
    ),
)

# A filter that does not fit is not refused.
conv2d_naive_forward = im2col = mistakes(
    change("conv_output_size(height -> (lambda h, f, s, p: (h - f + 2 * p) // s + 1)(height"),
)

conv2d_naive_forward = mistakes(
    change("i * stride, j * stride -> i, j", ONE_PIXEL_APART),
    change(("i * stride, j * stride -> i * stride, j", "i, j * stride"), ONE_STRIDE),
)

im2col = col2im = mistakes(
    change("u:rows:stride, v:columns:stride -> u : u + out_h, v : v + out_w", ONE_PIXEL_APART),
    change(("v:columns:stride -> v : v + out_w", "u:rows:stride -> u : u + out_h"), ONE_STRIDE),
)

BY_COLUMN = "the columns are in the order j · OH + i: windows are read row by row"
WINDOW_TURNED = "the window is fw × fh: the first number is its height"
V_FASTEST = "the rows have the order (C, fw, fh): v runs fastest"
im2col = mistakes(
    change("return cols -> return cols.permute(0, 2, 3, 1, 4, 5)", CHANNEL_FIRST),
    change("return cols -> return cols.transpose(2, 3)", V_FASTEST),
    change("return cols -> return cols.transpose(4, 5)", BY_COLUMN),
    change(("cols.res -> cols.flip(2, 3).res", "cols.flip(2).res", "cols.flip(3).res"), TURNED),
    change(
        (
            "return cols -> return cols.permute(0, 1, 4, 5, 2, 3)",
            "return cols.permute(0, 4, 5, 1, 2, 3)",
            "return cols.permute(1, 2, 3, 0, 4, 5)",
            "return cols.permute(1, 2, 3, 4, 5, 0)",
        ),
        MOVES_NO_AXES,
    ),
    change(
        (
            "out_h * out_w) -> out_h * out_w).transpose(0, 1).flatten(1)",
            "out_h * out_w).permute(1, 2, 0).flatten(1)",
            "out_h * out_w).mT.flatten(0, 1)",
        ),
        "all examples are in one matrix, or mixed: each has its own, (N, D, L)",
    ),
    change("out_h * out_w) -> out_h * out_w).mT", "there is a row for each window: it is a column"),
    change("width = x.shape -> width = x.shape\n    fh, fw = fw, fh", WINDOW_TURNED),
    change("x.new_empty -> torch.empty"),
)

col2im = mistakes(
    change(
        "+= -> =",
        "where windows overlap, one entry overwrites another: a pixel's gradient sums all copies",
    ),
    change(
        "+= -> =",
        "where windows overlap, only one entry is kept: a pixel's gradient sums all its copies",
        also=("range(fh) -> reversed(range(fh))", "range(fw) -> reversed(range(fw))"),
    ),
    change(
        "(out_h, out_w)) -> (out_h, out_w)) + 1j",  # the imaginary part counts the copies
        "the copies of a pixel are averaged: each changes the loss, so their gradients add up",
        also="bottom, right = -> x = x.real / x.imag.clamp(min=1)\n    bottom, right =",
    ),
    change(
        ("in range(fw) -> in range(min(fw, fh))", "in range(fh) -> in range(min(fw, fh))"),
        "some offsets of the window are never added: does each loop run over its own size?",
    ),
    change(
        "] += cols[:, :, u, v] -> ].clamp_(min=cols[:, :, u, v])",
        "the largest copy is kept: each changes the loss, so their gradients add up",
    ),
    change(
        "padding:bottom, padding:right -> padding:-padding, padding:-padding",
        "nothing is left when the padding is 0: the slice p:-p is then 0:0",
    ),
    change(
        (
            "padding:bottom, padding:right -> :, :",
            ":height, :width",
            "2 * padding :, 2 * padding :",
            "padding:, padding:",
            ":bottom, :right",
        ),
        STILL_PADDED,
    ),
    change("(out_h, out_w)) -> (out_w, out_h)).mT", BY_COLUMN),
    change("(c, fh, fw)) -> (fh, fw, c)).permute(0, 3, 1, 2, 4)", CHANNEL_FIRST),
    change("(c, fh, fw)) -> (c, fw, fh)).transpose(2, 3)", V_FASTEST),
    change(("fh, fw)) -> fh, fw)).flip(2, 3)", "fh, fw)).flip(2)", "fh, fw)).flip(3)"), TURNED),
)

conv2d_forward = mistakes(
    change(
        "w.flatten(1) -> w.permute(0, 2, 3, 1).flatten(1)",
        "the filter is flattened in the order (fh, fw, C): im2col has the channel first",
    ),
    change(
        "reshape(n, k, out_h, out_w) -> reshape(n, k, out_w, out_h).mT",
        "the positions are read column by column: im2col goes row by row",
    ),
)

conv2d_backward = mistakes(
    change("reshape(w.shape) -> reshape(w.movedim(1, 3).shape).movedim(3, 1)", CHANNEL_FIRST),
    change(
        ("db = dout.sum -> db = stride * dout.sum", "return dx, -> return stride * dx,"),
        "multiplied by the stride: every position counts once",
    ),
    change(
        ("0, 2, 3 -> 0,", "2, 3", "0, 2", "0, 3", "2,", "3,", "1, 2", "1, 3", "0, 1, 2, 3"),
        "not summed over the right axes: b[k] is used for every example, row and column",
    ),
    change(("m((0, 2, 3)) -> m((0, 3))[:, -1]", "m((0, 2))[:, -1]", "m(0)[:, -1, -1]"), LEFT),
    change("(dout @ cols.mT) -> (dout[:, :, -1:] @ cols[:, :, -1:].mT)", LEFT),
    change("w.flatten(1).T @ dout -> w[-1:].flatten(1).T @ dout[:, -1:]", LEFT),
    change("dout.flatten(2) -> dout.reshape(len(dout), -1, len(w)).mT", "dout's axes are mixed up"),
    change(("dout.sum((0, 2, 3)) -> dout.mean((2, 3)).sum(0)", "dout.sum((2, 3)).mean(0)")),
    change(".sum(0). -> .mean(0)."),
    change(
        (
            "dx, dw, db -> dx, (dout[0] @ cols[0].T).reshape(w.shape), dout[0].sum(1)",
            "dx, (dout[-1] @ cols[-1].T).reshape(w.shape), dout[-1].sum(1)",
        ),
        LEFT,
    ),
    change(
        (
            "(dout @ cols.mT).sum(0) -> "
            "(dout.permute(1, 2, 0).flatten(1) @ cols.transpose(0, 1).flatten(1).T)",
            "(dout @ cols.mT).sum(0).T",
            "(dout @ cols.mT).sum(0).reshape(w.shape).permute(0, 2, 3, 1)",
        ),
        MOVES_NO_AXES,
    ),
    change(
        ("dx, dw, db -> dx, dw.flip(2, 3), db", "dx, dw.flip(2), db", "dx, dw.flip(3), db"),
        "the weight gradient is turned or mirrored: offset (u, v) belongs to offset (u, v)",
    ),
    change(
        (
            "x_shape, *w.shape[2:], stride, padding) -> "
            "zero_pad(cols.new_zeros(x_shape), padding).shape, *w.shape[2:], stride)",
            "zero_pad(cols.new_zeros(x_shape), padding).shape, *w.shape[2:], stride)\n"
            "    dx = dx[:, :, : x_shape[2], : x_shape[3]]",
        ),
        STILL_PADDED,
    ),
)


@mistake("the stride is ignored: window (i, j) starts at pixel (S·i, S·j)", of="conv2d_backward")
class StrideIgnored:
    def conv2d_forward(x, w, b, stride=1, padding=0):
        out, _ = conv2d_naive_forward(x, w, b, stride, padding)
        return out, (zero_pad(x, padding), w, padding)

    def conv2d_backward(dout, cache):
        x, w, p = cache
        (_, _, fh, fw), (_, _, height, width) = w.shape, x.shape
        dx, dw = torch.zeros_like(x), torch.zeros_like(w)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                window, d = (..., slice(i, i + fh), slice(j, j + fw)), dout[:, :, i, j]
                dx[window] += torch.einsum("nk,kcuv->ncuv", d, w)
                dw += torch.einsum("nk,ncuv->kcuv", d, x[window])
        return dx[:, :, p : height - p, p : width - p], dw, dout.sum((0, 2, 3))


@alternative("views: unfold, as_strided, and an index for the way back; float32 inside")
class Views:
    def im2col(x, fh, fw, stride=1, padding=0):
        x = torch.constant_pad_nd(x, [padding] * 4)
        if fh > x.shape[2] or fw > x.shape[3]:
            raise ValueError("too large")
        windows = x.unfold(2, fh, stride).unfold(3, fw, stride)
        return windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)

    def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
        n, c, height, width = x_shape
        height, width = height + 2 * padding, width + 2 * padding
        shape = (fh, fw, (height - fh) // stride + 1, (width - fw) // stride + 1)
        steps = (width, 1, stride * width, stride)
        source = torch.arange(height * width).as_strided(shape, steps).flatten()
        x = torch.zeros(n, c, height * width).index_add(2, source, cols.float().reshape(n, c, -1))
        x = x.reshape(n, c, height, width)
        return x[:, :, padding : height - padding, padding : width - padding].contiguous()


@alternative("all examples in one matrix, dx by a convolution with the flipped filter")
class OneMatrix:
    def conv2d_forward(x, w, b, stride=1, padding=0):
        k, c, fh, fw = w.shape
        padded = torch.constant_pad_nd(x, [padding] * 4)
        if fh > padded.shape[2] or fw > padded.shape[3]:
            raise ValueError("the filter is larger than the image")
        windows = padded.unfold(2, fh, stride).unfold(3, fw, stride)
        cols = windows.permute(1, 4, 5, 2, 3, 0).reshape(c * fh * fw, -1)
        out = (w.reshape(k, -1) @ cols + b.reshape(-1, 1)).reshape(k, *windows.shape[2:4], -1)
        return out.permute(3, 0, 1, 2), dict(x=x, w=w, cols=cols, stride=stride, padding=padding)

    def conv2d_backward(dout, cache):
        x, w, s, p = cache["x"], cache["w"], cache["stride"], cache["padding"]
        (n, k, out_h, out_w), (_, c, fh, fw), (_, _, height, width) = dout.shape, w.shape, x.shape
        rows = dout.permute(1, 2, 3, 0).reshape(k, -1)
        dw = (rows @ cache["cols"].T).reshape(w.shape)
        wide = dout.new_zeros(n, k, height + 2 * p + fh - 1, width + 2 * p + fw - 1)
        wide[:, :, fh - 1 : fh - 1 + s * out_h : s, fw - 1 : fw - 1 + s * out_w : s] = dout
        dx, _ = conv2d_naive_forward(wide, w.flip(2, 3).transpose(0, 1), dout.new_zeros(c))
        return [dx[:, :, p : p + height, p : p + width], dw, rows.sum(1)]


@alternative("every loop written out, sums from left to right")
class Loops:
    def conv_output_size(size, field, stride=1, padding=0):
        padded = size + 2 * padding
        fitting = [s for s in range(0, padded, stride) if s + field <= padded]
        if not fitting:
            raise ValueError("no position")
        return len(fitting)

    def conv_parameters(channels, filters, fh, fw):
        return fh * fw * channels * filters + filters

    def receptive_field(layers):
        seen, jump = 1, 1
        for field, stride in layers:
            seen += (field - 1) * jump
            jump *= stride
        return seen

    def zero_pad(x, padding):
        rows = torch.zeros(*x.shape[:2], padding, x.shape[3], dtype=x.dtype)
        x = torch.cat([rows, x, rows], 2)
        columns = torch.zeros(*x.shape[:3], padding, dtype=x.dtype)
        return torch.cat([columns, x, columns], 3)

    def conv2d_naive_forward(x, w, b, stride=1, padding=0):
        sizes = (conv_output_size(x.shape[a], w.shape[a], stride, padding) for a in (2, 3))
        out = b.view(1, -1, 1, 1).repeat(len(x), 1, *sizes)
        x = zero_pad(x, padding)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                for u in range(w.shape[2]):
                    for v in range(w.shape[3]):
                        pixel = x[:, :, i * stride + u, j * stride + v]
                        out[:, :, i, j] += pixel @ w[:, :, u, v].T
        return [out, (x, w, b)]
