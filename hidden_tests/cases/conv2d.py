"""What students hand in for conv2d: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("one position too few", check="test_conv_output_size", diagnosis="no plus one")
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return (size - field + 2 * padding) // stride


@mistake("one position too many", check="test_conv_output_size", diagnosis="rounded:up")
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return -((field - size - 2 * padding) // stride) + 1


@mistake("rounded to the nearest size", check="test_conv_output_size", diagnosis="rounded:nearest")
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return round((size - field + 2 * padding) / stride) + 1


@mistake("a size with a fraction", check="test_conv_output_size", diagnosis="not an int")
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return (size - field + 2 * padding) / stride + 1


@mistake("padding counted once", check="test_conv_output_size", diagnosis="padding once")
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return (size - field + padding) // stride + 1


@mistake(
    "the image shrinks by F − 1, whatever the stride",
    check="test_conv_output_size",
    diagnosis="shrinks by F-1",
)
def conv_output_size(size, field, stride=1, padding=0):
    if field > size + 2 * padding:
        raise ValueError("too large")
    return size - (field - 1)


@mistake(
    "a filter that does not fit gets a size below 1",
    check="test_conv_output_size_everywhere",
    diagnosis="no error:ValueError",
)
def conv_output_size(size, field, stride=1, padding=0):
    return (size - field + 2 * padding) // stride + 1


@mistake(
    "a filter that does not fit is found by a size below 1 rounded towards 0",
    check="test_conv_output_size_everywhere",
    diagnosis="no error:ValueError",
)
def conv_output_size(size, field, stride=1, padding=0):
    out = int((size - field + 2 * padding) / stride) + 1
    if out < 1:
        raise ValueError("too large")
    return out


@mistake("biases not counted", check="test_conv_parameters", diagnosis="no bias")
def conv_parameters(channels, filters, fh, fw):
    return fh * fw * channels * filters


@mistake("a bias for each channel", check="test_conv_parameters", diagnosis="bias per channel")
def conv_parameters(channels, filters, fh, fw):
    return (fh * fw + 1) * channels * filters


@mistake("field without strides", check="test_receptive_field", diagnosis="strides ignored")
def receptive_field(layers):
    return 1 + sum(field - 1 for field, _ in layers)


@mistake("field with its own stride", check="test_receptive_field", diagnosis="own stride")
def receptive_field(layers):
    seen, jump = 1, 1
    for field, stride in layers:
        jump *= stride
        seen += (field - 1) * jump
    return seen


@mistake("field from the wrong end", check="test_receptive_field", diagnosis="other end")
def receptive_field(layers):
    seen = 1
    for field, stride in layers:
        seen = (seen - 1) * stride + field
    return seen


@mistake(
    "the first unit of a layer takes a step as well",
    check="test_receptive_field",
    diagnosis="first unit too",
)
def receptive_field(layers):
    seen = 1
    for field, stride in reversed(layers):
        seen = seen * stride + field
    return seen


@mistake("zeros below and on the right only", check="test_zero_pad", diagnosis="padding:one side")
def zero_pad(x, padding):
    n, c, height, width = x.shape
    padded = x.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    padded[:, :, :height, :width] = x
    return padded


@mistake("as many zeros as one side needs", check="test_zero_pad", diagnosis="padding:one side")
def zero_pad(x, padding):
    n, c, height, width = x.shape
    padded = x.new_zeros(n, c, height + padding, width + padding)
    padded[:, :, padding:, padding:] = x
    return padded


@mistake("float32 zeros", check="test_zero_pad", diagnosis="dtype")
def zero_pad(x, padding):
    n, c, height, width = x.shape
    padded = torch.zeros(n, c, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    return padded


@mistake(
    "filter mirrored left to right",
    check=("test_naive_edges_by_hand", "test_naive_forward"),
    diagnosis="flip:columns",
)
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    n, _, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = x.new_empty(n, k, out_h, out_w)
    for i in range(out_h):
        for j in range(out_w):
            window = x[:, :, i * stride : i * stride + fh, j * stride : j * stride + fw]
            out[:, :, i, j] = torch.einsum("ncuv,kcuv->nk", window, w.flip(3)) + b
    return out, None


@mistake("windows one pixel apart", check="test_naive_forward", diagnosis="no stride")
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    n, _, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = x.new_empty(n, k, out_h, out_w)
    for i in range(out_h):
        for j in range(out_w):
            out[:, :, i, j] = torch.einsum("ncuv,kcuv->nk", x[:, :, i : i + fh, j : j + fw], w) + b
    return out, None


@mistake(
    "bias inside the loop over channels",
    check="test_naive_forward",
    diagnosis="bias inside the sum",
)
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    n, c, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = x.new_zeros(n, k, out_h, out_w)
    for i in range(out_h):
        for j in range(out_w):
            for channel in range(c):
                top, left = i * stride, j * stride
                window = x[:, channel, top : top + fh, left : left + fw]
                out[:, :, i, j] += torch.einsum("nuv,kuv->nk", window, w[:, channel]) + b
    return out, None


@mistake("channels overwritten, not summed", check="test_naive_forward", diagnosis="one channel")
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    n, c, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = x.new_zeros(n, k, out_h, out_w)
    for i in range(out_h):
        for j in range(out_w):
            for channel in range(c):
                top, left = i * stride, j * stride
                window = x[:, channel, top : top + fh, left : left + fw]
                out[:, :, i, j] = torch.einsum("nuv,kuv->nk", window, w[:, channel]) + b
    return out, None


@mistake("sum over everything", check="test_naive_edges_by_hand", diagnosis="filters mixed")
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    n, _, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = x.new_empty(n, k, out_h, out_w)
    for i in range(out_h):
        for j in range(out_w):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + fh, left : left + fw]
            out[:, :, i, j] = (window * w).sum() + b
    return out, None


@mistake("no bias", check="test_naive_forward", diagnosis="missing term:b")
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    return conv2d_forward(x, w, 0 * b, stride, padding)


@mistake("padding forgotten", check="test_naive_forward", diagnosis="no padding")
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    return conv2d_forward(x, w, b, stride)


@mistake("windows reshaped without moving axes", check="test_im2col", diagnosis="layout")
def im2col(x, fh, fw, stride=1, padding=0):
    x = zero_pad(x, padding)
    windows = x.unfold(2, fh, stride).unfold(3, fw, stride)
    n, c, out_h, out_w = windows.shape[:4]
    return windows.reshape(n, c * fh * fw, out_h * out_w)


@mistake("channel last in the rows", check="test_im2col", diagnosis="rows:channel last")
def im2col(x, fh, fw, stride=1, padding=0):
    windows = zero_pad(x, padding).unfold(2, fh, stride).unfold(3, fw, stride)
    return windows.permute(0, 4, 5, 1, 2, 3).flatten(1, 3).flatten(2)


@mistake("windows read column by column", check="test_im2col", diagnosis="columns:transposed")
def im2col(x, fh, fw, stride=1, padding=0):
    windows = zero_pad(x, padding).unfold(2, fh, stride).unfold(3, fw, stride)
    return windows.permute(0, 1, 4, 5, 3, 2).flatten(1, 3).flatten(2)


@mistake("one row for each window", check="test_im2col", diagnosis="transpose")
def im2col(x, fh, fw, stride=1, padding=0):
    windows = zero_pad(x, padding).unfold(2, fh, stride).unfold(3, fw, stride)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(1, 2).flatten(2)


@mistake("all examples in one matrix", check="test_im2col", diagnosis="examples joined")
def im2col(x, fh, fw, stride=1, padding=0):
    windows = zero_pad(x, padding).unfold(2, fh, stride).unfold(3, fw, stride)
    return windows.permute(1, 4, 5, 2, 3, 0).flatten(0, 2).flatten(1)


@mistake("columns without padding", check="test_im2col", diagnosis="no padding")
def im2col(x, fh, fw, stride=1, padding=0):
    if fh > x.shape[2] + 2 * padding or fw > x.shape[3] + 2 * padding:
        raise ValueError("too large")
    windows = x.unfold(2, fh, stride).unfold(3, fw, stride)
    return windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)


@mistake(
    "overlapping windows assigned",
    check=("test_col2im", "test_col2im_counts_windows"),
    diagnosis="overlap:assigned",
)
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.reshape(n, c, fh, fw, out_h, out_w)
    x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for i in range(out_h):
        for j in range(out_w):
            top, left = i * stride, j * stride
            x[:, :, top : top + fh, left : left + fw] = cols[..., i, j]
    return x[:, :, padding : padding + height, padding : padding + width]


@mistake(
    "overlapping windows accumulated by an index that repeats",
    check=("test_col2im_counts_windows", "test_col2im"),
    diagnosis="overlap",
)
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    pixels = torch.arange((height + 2 * padding) * (width + 2 * padding), dtype=cols.dtype)
    pixels = pixels.reshape(1, 1, height + 2 * padding, width + 2 * padding)
    source = im2col(pixels, fh, fw, stride)[0].flatten().long()
    x = cols.new_zeros(n, c, pixels.numel())
    x[:, :, source] += cols.reshape(n, c, -1)
    x = x.reshape(n, c, *pixels.shape[2:])
    return x[:, :, padding : padding + height, padding : padding + width]


@mistake("copies of a pixel averaged", check="test_col2im", diagnosis="overlap:averaged")
class Averaged:
    def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
        count = add_up(torch.ones_like(cols), x_shape, fh, fw, stride, padding)
        return add_up(cols, x_shape, fh, fw, stride, padding) / count.clamp(min=1)

    def add_up(cols, x_shape, fh, fw, stride, padding):
        n, c, height, width = x_shape
        out_h = conv_output_size(height, fh, stride, padding)
        out_w = conv_output_size(width, fw, stride, padding)
        cols = cols.reshape(n, c, fh, fw, out_h, out_w)
        x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
        for i in range(out_h):
            for j in range(out_w):
                top, left = i * stride, j * stride
                x[:, :, top : top + fh, left : left + fw] += cols[..., i, j]
        return x[:, :, padding : padding + height, padding : padding + width]


@mistake("columns put back one pixel apart", check="test_col2im", diagnosis="no stride")
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.reshape(n, c, fh, fw, out_h, out_w)
    x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for u in range(fh):
        for v in range(fw):
            x[:, :, u : u + out_h, v : v + out_w] += cols[:, :, u, v]
    return x[:, :, padding : padding + height, padding : padding + width]


@mistake("the padding is not cut off", check="test_col2im", diagnosis="padding:kept")
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.reshape(n, c, fh, fw, out_h, out_w)
    x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for u in range(fh):
        for v in range(fw):
            rows, columns = u + stride * out_h, v + stride * out_w
            x[:, :, u:rows:stride, v:columns:stride] += cols[:, :, u, v]
    return x


@mistake("padding cut off at the end only", check="test_col2im", diagnosis="padding:one side")
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.reshape(n, c, fh, fw, out_h, out_w)
    x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for u in range(fh):
        for v in range(fw):
            rows, columns = u + stride * out_h, v + stride * out_w
            x[:, :, u:rows:stride, v:columns:stride] += cols[:, :, u, v]
    return x[:, :, :height, :width]


@mistake("the padding cut off by a slice to −0", check="test_col2im", diagnosis="padding:-0")
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    n, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.reshape(n, c, fh, fw, out_h, out_w)
    x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for u in range(fh):
        for v in range(fw):
            rows, columns = u + stride * out_h, v + stride * out_w
            x[:, :, u:rows:stride, v:columns:stride] += cols[:, :, u, v]
    return x[:, :, padding:-padding, padding:-padding]


@mistake("filter turned by 180 degrees", check="test_conv2d_forward", diagnosis="flip")
def conv2d_forward(x, w, b, stride=1, padding=0):
    k, _, fh, fw = w.shape
    out_h = conv_output_size(x.shape[2], fh, stride, padding)
    cols = im2col(x, fh, fw, stride, padding)
    out = w.flip(2, 3).flatten(1) @ cols + b[:, None]
    return out.reshape(len(x), k, out_h, -1), (cols, x.shape, w, stride, padding)


@mistake("NHWC values in an NCHW shape", check="test_conv2d_forward", diagnosis="layout")
def conv2d_forward(x, w, b, stride=1, padding=0):
    k, _, fh, fw = w.shape
    out_h = conv_output_size(x.shape[2], fh, stride, padding)
    cols = im2col(x, fh, fw, stride, padding)
    out = cols.mT @ w.flatten(1).T + b
    return out.reshape(len(x), k, out_h, -1), (cols, x.shape, w, stride, padding)


@mistake("K and N in the wrong order", check="test_conv2d_forward", diagnosis="layout")
def conv2d_forward(x, w, b, stride=1, padding=0):
    k, _, fh, fw = w.shape
    out_h = conv_output_size(x.shape[2], fh, stride, padding)
    cols = im2col(x, fh, fw, stride, padding)
    out = w.flatten(1) @ cols.transpose(0, 1).flatten(1) + b[:, None]
    return out.reshape(len(x), k, out_h, -1), (cols, x.shape, w, stride, padding)


@mistake(
    "the last column of windows is lost when the stride does not divide",
    check="test_conv2d_forward_strided",
    diagnosis="last window",
)
def conv2d_forward(x, w, b, stride=1, padding=0):
    k, _, fh, fw = w.shape
    out_h = conv_output_size(x.shape[2], fh, stride, padding)
    cols = im2col(x, fh, fw, stride, padding)
    out = (w.flatten(1) @ cols + b[:, None]).reshape(len(x), k, out_h, -1)
    if (x.shape[3] + 2 * padding - fw) % stride:
        out = out[:, :, :, :-1]
    return out, (cols, x.shape, w, stride, padding)


@mistake(
    "bias gradient summed over the batch only",
    check="test_conv2d_backward",
    diagnosis="axes:too few",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    db = dout.sum(0)
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, db


@mistake(
    "bias gradient summed over one axis of the positions",
    check="test_conv2d_backward",
    diagnosis="axes:too few",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    db = dout.sum((0, 2))
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, db


@mistake(
    "bias gradient averaged over the positions",
    check="test_conv2d_backward",
    diagnosis="scale:1/position",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.mean(2).sum(0)


@mistake(
    "weight gradient averaged over the batch",
    check="test_conv2d_backward",
    diagnosis="scale:1/batch",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).mean(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.sum((0, 2))


@mistake(
    "weight gradient overwritten by each example",
    check="test_conv2d_backward",
    diagnosis="one example",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    dout = dout.flatten(2)
    for example in range(len(dout)):
        dw = (dout[example] @ cols[example].T).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.sum((0, 2))


@mistake("positions and examples in two orders", check="test_conv2d_backward", diagnosis="layout")
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    rows = dout.permute(1, 2, 3, 0).flatten(1)
    dw = (rows @ cols.transpose(0, 1).flatten(1).T).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout.flatten(2), x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.sum((0, 2, 3))


@mistake("the stride is ignored in dx", check="test_conv2d_backward_strided", diagnosis="no stride")
def conv2d_backward(dout, cache):
    cols, x_shape, w, _, padding = cache
    n, c, height, width = x_shape
    fh, fw = w.shape[2:]
    dx = dout.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dx[:, :, i : i + fh, j : j + fw] += torch.einsum("nk,kcuv->ncuv", dout[:, :, i, j], w)
    dx = dx[:, :, padding : padding + height, padding : padding + width]
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    return dx, dw, dout.sum((0, 2))


@mistake("the filter is mirrored in dx", check="test_conv2d_backward", diagnosis="flip:columns")
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flip(3).flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.sum((0, 2))


@mistake(
    "dx by a convolution with the filter as it is",
    check="test_conv2d_backward",
    diagnosis="flip",
)
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    _, c, height, width = x_shape
    fh, fw = w.shape[2:]
    out_h, out_w = dout.shape[2:]
    wide = dout.new_zeros(
        *dout.shape[:2], height + 2 * padding + fh - 1, width + 2 * padding + fw - 1
    )
    wide[:, :, fh - 1 : fh - 1 + stride * out_h : stride, fw - 1 :: stride][..., :out_w] = dout
    dx, _ = conv2d_naive_forward(wide, w.transpose(0, 1), dout.new_zeros(c))
    dx = dx[:, :, padding : padding + height, padding : padding + width]
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    return dx, dw, dout.sum((0, 2))


@alternative("dx by a convolution with the flipped filter, zeros between the gradients")
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    n, c, height, width = x_shape
    fh, fw = w.shape[2:]
    out_h, out_w = dout.shape[2:]
    wide = dout.new_zeros(n, len(w), height + 2 * padding + fh - 1, width + 2 * padding + fw - 1)
    rows = slice(fh - 1, fh - 1 + stride * out_h, stride)
    columns = slice(fw - 1, fw - 1 + stride * out_w, stride)
    wide[:, :, rows, columns] = dout
    flipped = w.flip(2, 3).transpose(0, 1)
    dx, _ = conv2d_naive_forward(wide, flipped, dout.new_zeros(c))
    dx = dx[:, :, padding : padding + height, padding : padding + width]
    dw = torch.einsum("nkl,ndl->kd", dout.flatten(2), cols).reshape(w.shape)
    return [dx, dw, dout.sum(dim=[0, 2, 3])]


@alternative("views: unfold, as_strided, and an index for the way back")
class Views:
    def im2col(x, fh, fw, stride=1, padding=0):
        out_h = conv_output_size(x.shape[2], fh, stride, padding)
        x = zero_pad(x, padding)
        if fw > x.shape[3]:
            raise ValueError("too wide")
        windows = x.unfold(2, fh, stride).unfold(3, fw, stride)
        assert windows.shape[2] == out_h
        return windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)

    def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
        n, c, height, width = x_shape
        height, width = height + 2 * padding, width + 2 * padding
        shape = (fh, fw, (height - fh) // stride + 1, (width - fw) // stride + 1)
        steps = (width, 1, stride * width, stride)
        source = torch.arange(height * width).as_strided(shape, steps).flatten()
        x = cols.new_zeros(n, c, height * width)
        x.index_add_(2, source, cols.reshape(n, c, -1))
        x = x.reshape(n, c, height, width)
        return x[:, :, padding : height - padding, padding : width - padding].contiguous()


@alternative("all examples in one matrix, without the helpers, and a cache with names")
class OneMatrix:
    def conv2d_forward(x, w, b, stride=1, padding=0):
        k, c, fh, fw = w.shape
        n, _, height, width = x.shape
        height, width = height + 2 * padding, width + 2 * padding
        if fh > height or fw > width:
            raise ValueError("the filter is larger than the image")
        padded = torch.zeros(n, c, height, width, dtype=x.dtype)
        padded[:, :, padding : height - padding, padding : width - padding] = x
        windows = padded.unfold(2, fh, stride).unfold(3, fw, stride)
        out_h, out_w = windows.shape[2:4]
        cols = windows.permute(1, 4, 5, 2, 3, 0).reshape(c * fh * fw, -1)
        out = (w.reshape(k, -1) @ cols + b.reshape(-1, 1)).reshape(k, out_h, out_w, n)
        return out.permute(3, 0, 1, 2), dict(x=x, w=w, cols=cols, stride=stride, padding=padding)

    def conv2d_backward(dout, cache):
        x, w, stride, p = cache["x"], cache["w"], cache["stride"], cache["padding"]
        k, c, fh, fw = w.shape
        n, _, height, width = x.shape
        rows = dout.permute(1, 2, 3, 0).reshape(k, -1)
        dw = (rows @ cache["cols"].T).reshape(w.shape)
        dx = torch.zeros(n, c, height + 2 * p, width + 2 * p, dtype=x.dtype)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                window = dx[:, :, i * stride : i * stride + fh, j * stride : j * stride + fw]
                window += (dout[:, :, i, j] @ w.reshape(k, -1)).reshape(n, c, fh, fw)
        return dx[:, :, p : p + height, p : p + width], dw, rows.sum(1)


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
        n, _, height, width = x.shape
        k, _, fh, fw = w.shape
        out_h = conv_output_size(height, fh, stride, padding)
        out_w = conv_output_size(width, fw, stride, padding)
        x = zero_pad(x, padding)
        out = torch.zeros(n, k, out_h, out_w, dtype=x.dtype)
        for i in range(out_h):
            for j in range(out_w):
                for u in range(fh):
                    for v in range(fw):
                        pixel = x[:, :, i * stride + u, j * stride + v]
                        out[:, :, i, j] += pixel @ w[:, :, u, v].T
        return [out + b.view(1, -1, 1, 1), (x, w, b)]


@alternative("float32 inside")
def conv2d_backward(dout, cache):
    cols, x_shape, w, stride, padding = cache
    dout, cols, w = dout.flatten(2).float(), cols.float(), w.float()
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, dout.sum((0, 2))


equivalent(
    "col2im",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)",
    "x = cols.new_zeros(n, c, height + 3 * padding, width + 2 * padding)",
    why="a larger buffer: what no window covers stays zero and is cut off",
)
equivalent(
    "col2im",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)",
    "x = cols.new_zeros(n, c, height + 2 ** padding, width + 2 * padding)",
    why="a larger buffer: what no window covers stays zero and is cut off",
)
equivalent(
    "col2im",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 3 * padding)",
    why="a larger buffer: what no window covers stays zero and is cut off",
)
equivalent(
    "col2im",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 2 * padding)",
    "x = cols.new_zeros(n, c, height + 2 * padding, width + 2 ** padding)",
    why="a larger buffer: what no window covers stays zero and is cut off",
)
