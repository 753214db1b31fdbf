# %% [markdown]
# # Convolution
#
# A layer whose units look at a small window of the image and share their weights: the filter that
# finds an edge in one corner finds it in every other. You write it twice, first as the definition
# says, then as one matrix product, and you derive its gradients by hand.
#
# **Conventions.** Images are $(N, C, H, W)$: examples, channels, rows, columns. Filters are
# $(K, C, F_H, F_W)$: $K$ filters that each look at all $C$ channels. Stride and padding are the
# same for rows and columns. A forward function returns `(out, cache)`; a backward function receives
# `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the inputs in
# the order of the forward's arguments. Nothing is modified in place; dtypes follow the inputs.

# %%
import torch

# %% [markdown]
# ## The definition
#
# Let $\tilde x$ be the image with $P$ zeros on each of its four sides, and $S$ the stride. Then
#
# $$y_{nkij} = b_k + \sum_{c=0}^{C-1} \sum_{u=0}^{F_H-1} \sum_{v=0}^{F_W-1}
#   w_{kcuv}\; \tilde x_{n,\,c,\,Si+u,\,Sj+v} .$$
#
# Mathematicians call this a *cross-correlation*; their convolution has $Si-u$ and $Sj-v$, which
# turns the filter upside down and left to right. Deep learning says convolution and computes the
# formula above: the weights are learnt, so a network does not care which way round they are stored.
# Numbers do care. Here the filter is never flipped.
#
# **An edge, by hand.** The filter below subtracts the column on the left from the column on the
# right. With $S = 1$, $P = 0$, $b = 0$:
#
# $$\begin{pmatrix} 0 & 0 & 0 & 9 & 9 \\ 0 & 0 & 0 & 9 & 9 \\ 0 & 0 & 0 & 9 & 9 \\
#   0 & 0 & 0 & 9 & 9 \end{pmatrix} \star
#   \begin{pmatrix} -1 & 0 & 1 \\ -1 & 0 & 1 \\ -1 & 0 & 1 \end{pmatrix} =
#   \begin{pmatrix} 0 & 27 & 27 \\ 0 & 27 & 27 \end{pmatrix}$$
#
# Both windows that straddle the edge answer, with a plus because it is brighter on the right. A
# flipped filter would answer $-27$.
#
# ## How large is the output?
#
# Along one axis there are $W + 2P$ pixels, and the window number $i$ covers the pixels
# $Si, \dots, Si + F - 1$. It fits as long as $Si + F \le W + 2P$. Solve for the largest $i$, and
# count from zero:
#
# $$W_2 = \left\lfloor \frac{W - F + 2P}{S} \right\rfloor + 1 .$$
#
# You will read that a convolution "shrinks the image by $F - 1$". That is this formula for $S = 1$
# and $P = 0$, and for nothing else: a $5$-pixel filter turns $32$ pixels into $28$, with $P = 2$
# into $32$, and with $S = 2$ into $14$. The floor matters: where $S$ does not divide, the last
# pixels are under no window. When the filter is larger than the padded image there is no output at
# all, and the formula's answer, zero or less, is no size: say so at once.


# %%
def conv_output_size(size, field, stride=1, padding=0):
    """Positions of a filter along one axis: floor((size − field + 2 · padding) / stride) + 1.

    size, field: pixels of the image and of the filter along that axis, ≥ 1; stride ≥ 1; padding:
    zeros on each of the two sides, ≥ 0. Returns an int ≥ 1. Raises ValueError when the filter does
    not fit: field > size + 2 · padding.
    """
    # BEGIN SOLUTION
    room = size + 2 * padding - field
    if room < 0:
        raise ValueError(f"a filter of {field} does not fit {size} pixels with padding {padding}")
    return room // stride + 1
    # END SOLUTION


# %% [markdown]
# ## How many parameters?
#
# Count them in the definition: $w$ has the indices $k, c, u, v$ and $b$ has $k$. No index runs over
# positions, so the size of the image does not enter: that is what sharing weights buys. The bias
# belongs to the filter, not to each of its channels. A linear layer from $3 \times 32 \times 32$
# pixels to $32 \times 28 \times 28$ units has 77 million weights; $32$ filters of $5 \times 5$
# need 2,432 parameters for the same output.


# %%
def conv_parameters(channels, filters, fh, fw):
    """Number of learnt parameters of a layer, weights and biases.

    channels: C of the input, filters: K, fh × fw: pixels of a filter; all ≥ 1. Returns an int.
    """
    # BEGIN SOLUTION
    return filters * (channels * fh * fw + 1)
    # END SOLUTION


# %% [markdown]
# ## How much does one unit see?
#
# The *receptive field* of a unit is the stretch of input pixels, along one axis, that can change
# it. One unit of a layer sees $F$ of the layer's inputs. How many do $r$ units see that stand
# next to each other? The first sees $F$, and every further one reaches $S$ inputs beyond its
# neighbour. Now think of a stack: begin with one unit at the top, ask how many units of the layer
# below it needs, then how many of the layer below that, down to the image. Pooling layers count
# like any other: they have a field and a stride. Padding adds zeros, not reach.
#
# Write it out for two layers and you see which stride counts for what: a layer's stride spreads
# what the layers *above* it see; its own field is counted in the steps of the layers *below*.


# %%
def receptive_field(layers):
    """Input pixels along one axis that one unit of the last layer depends on (padding aside).

    layers: list of (field, stride), the layer next to the image first. Returns an int: 1 for no
    layers, for a unit is then a pixel.
    """
    # BEGIN SOLUTION
    seen = 1
    for field, stride in reversed(layers):
        seen = (seen - 1) * stride + field
    return seen
    # END SOLUTION


# %% [markdown]
# ## Zeros around the image
#
# $\tilde x_{n,c,h,w} = x_{n,\,c,\,h-P,\,w-P}$ where those indices are inside the image, and $0$
# elsewhere. Examples and channels are not padded.


# %%
def zero_pad(x, padding):
    """The images with `padding` rows or columns of zeros on each of the four sides.

    x: (N, C, H, W), padding ≥ 0. Returns (N, C, H + 2 · padding, W + 2 · padding).
    """
    # BEGIN SOLUTION
    n, c, height, width = x.shape
    padded = x.new_zeros(n, c, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    return padded
    # END SOLUTION


# %% [markdown]
# ## Convolution by definition
#
# For every output position, cut out the window and take its inner product with each filter. Loop
# over positions as the definition does. This version is slow and easy to trust: compare the fast
# one with it.


# %%
def conv2d_naive_forward(x, w, b, stride=1, padding=0):
    """Cross-correlation (no filter is flipped), position by position, as in the definition.

    x: (N, C, H, W), w: (K, C, FH, FW), b: (K,), stride ≥ 1, padding ≥ 0. Returns (out, cache),
    out: (N, K, OH, OW) with OH and OW from conv_output_size. No backward follows: cache may be
    None. Raises ValueError when the filter does not fit.
    """
    # BEGIN SOLUTION
    n, _, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    out = torch.empty(n, k, out_h, out_w, dtype=x.dtype, device=x.device)
    for i in range(out_h):
        for j in range(out_w):
            top, left = i * stride, j * stride
            pixels = x[:, :, top : top + fh, left : left + fw]
            out[:, :, i, j] = pixels.flatten(1) @ w.flatten(1).T + b
    return out, None
    # END SOLUTION


# %% [markdown]
# ## Convolution as a matrix product
#
# The triple sum is an inner product of two vectors of length $D = C F_H F_W$: a filter and a
# window. Write every window of an example as a column. With the row index
# $d = (c F_H + u) F_W + v$ and the column index $\ell = i\, O_W + j$,
#
# $$X^{\text{col}}_{n, d, \ell} = \tilde x_{n,\,c,\,Si+u,\,Sj+v} .$$
#
# A pixel that lies under several windows appears in several columns: the matrix is up to $F_H F_W$
# times larger than the image. Memory is what the speed costs.
#
# To build it without a loop over positions, hold $(c, u, v)$ still and let $(i, j)$ run. Which
# pixels does one *row* of the matrix hold? They form a regular grid in the padded image: it starts
# at $(u, v)$ and has the spacing $S$.
#
# The name in the literature is *im2col* (Chellapilla, Puri and Simard, 2006).


# %%
def im2col(x, fh, fw, stride=1, padding=0):
    """Every window of each image as a column.

    x: (N, C, H, W); the window is fh × fw. Returns (N, C · fh · fw, OH · OW): row
    (c · fh + u) · fw + v holds channel c at offset (u, v) of the window, column i · OW + j is the
    window at output position (i, j). Raises ValueError when the window does not fit.
    """
    # BEGIN SOLUTION
    n, c, height, width = x.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    x = zero_pad(x, padding)
    cols = x.new_empty(n, c, fh, fw, out_h, out_w)
    for u in range(fh):
        for v in range(fw):
            rows, columns = u + stride * out_h, v + stride * out_w
            cols[:, :, u, v] = x[:, :, u:rows:stride, v:columns:stride]
    return cols.reshape(n, c * fh * fw, out_h * out_w)
    # END SOLUTION


# %% [markdown]
# ## The way back from columns to images
#
# `im2col` is linear: it copies. Suppose that the loss depends on $X^{\text{col}}$ with gradient
# $G$. A pixel that was copied to several places changes the loss through each of them, so its
# gradient is the *sum* over all its copies; a copy that went to the padding has no pixel to go back
# to, and a pixel under no window gets $0$. That map is `col2im`, the adjoint of `im2col`:
#
# $$\langle\, \text{im2col}(x),\; G \,\rangle = \langle\, x,\; \text{col2im}(G) \,\rangle
#   \quad \text{for all } x \text{ and } G .$$
#
# It is not the inverse: `col2im(im2col(x))` multiplies every pixel by the number of windows that it
# lies under.


# %%
def col2im(cols, x_shape, fh, fw, stride=1, padding=0):
    """The adjoint of im2col: adds every entry to the pixel that im2col had copied it from.

    cols: (N, C · fh · fw, OH · OW), laid out as im2col does; x_shape: the (N, C, H, W) that went
    into im2col with the same fh, fw, stride and padding. Returns a tensor of that shape.
    """
    # BEGIN SOLUTION
    _, c, height, width = x_shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = cols.unflatten(1, (c, fh, fw)).unflatten(4, (out_h, out_w))
    x = zero_pad(cols.new_zeros(x_shape), padding)
    for u in range(fh):
        for v in range(fw):
            rows, columns = u + stride * out_h, v + stride * out_w
            x[:, :, u:rows:stride, v:columns:stride] += cols[:, :, u, v]
    bottom, right = padding + height, padding + width
    return x[:, :, padding:bottom, padding:right]
    # END SOLUTION


# %% [markdown]
# ## Forward and backward
#
# Let $W^{\text{row}}$ be the $K \times D$ matrix whose row $k$ is the filter $k$, read in the same
# order as a column of $X^{\text{col}}$. For each example,
#
# $$Y_n = W^{\text{row}} X^{\text{col}}_n + b\, \mathbf 1^\top, \qquad Y_n \in
#   \mathbb{R}^{K \times L}, \quad L = O_H O_W ,$$
#
# and $Y_n$, read row by row, is already the image $(K, O_H, O_W)$. This is a linear layer that is
# applied to every window; only the layout is new. So are its gradients. Every weight is used at
# every position of every example, and so is the bias: sum over *all* of them. With $\bar Y$ for
# what arrives from above,
#
# $$\bar W^{\text{row}} = \sum_n \bar Y_n \bigl(X^{\text{col}}_n\bigr)^\top, \qquad
#   \bar b_k = \sum_{n, \ell} \bar y_{n k \ell}, \qquad
#   \bar X^{\text{col}}_n = \bigl(W^{\text{row}}\bigr)^\top \bar Y_n ,$$
#
# and from $\bar X^{\text{col}}$ to $\bar x$ you know the way. Many texts write $\bar x$ as a
# convolution of $\bar Y$ with the flipped filter. Put $S = 1$ into the sum over paths and you find
# that form: pixel $h$ is seen at offset $u$ by the window $i = h - u$, hence the flip. For $S > 1$
# it needs $S - 1$ zeros between the entries of $\bar Y$, and more zeros at the end where $S$ does
# not divide. `col2im` needs none of that: no case distinction, and no flip that can be forgotten.


# %%
def conv2d_forward(x, w, b, stride=1, padding=0):
    """Cross-correlation (no filter is flipped) by im2col and a matrix product.

    x: (N, C, H, W), w: (K, C, FH, FW), b: (K,), stride ≥ 1, padding ≥ 0. Returns (out, cache),
    out: (N, K, OH, OW) with OH and OW from conv_output_size. Raises ValueError when the filter does
    not fit.
    """
    # BEGIN SOLUTION
    n, _, height, width = x.shape
    k, _, fh, fw = w.shape
    out_h = conv_output_size(height, fh, stride, padding)
    out_w = conv_output_size(width, fw, stride, padding)
    cols = im2col(x, fh, fw, stride, padding)
    out = w.flatten(1) @ cols + b[:, None]
    out = out.reshape(n, k, out_h, out_w)
    return out, (cols, x.shape, w, stride, padding)
    # END SOLUTION


def conv2d_backward(dout, cache):
    """Gradients of a convolution, for any stride and padding.

    dout: (N, K, OH, OW). Returns (dx, dw, db) of shapes (N, C, H, W), (K, C, FH, FW), (K,).
    """
    # BEGIN SOLUTION
    cols, x_shape, w, stride, padding = cache
    db = dout.sum((0, 2, 3))
    dout = dout.flatten(2)
    dw = (dout @ cols.mT).sum(0).reshape(w.shape)
    dx = col2im(w.flatten(1).T @ dout, x_shape, *w.shape[2:], stride, padding)
    return dx, dw, db
    # END SOLUTION
