# %% [markdown]
# # Convolution
#
# A layer whose units look at a small window of the image and share their weights: the filter that
# finds an edge in one corner finds it in every other. You write it twice, first as the definition
# says, then as one matrix product, and you derive its gradients by hand.
#
# **Afterwards you can** compute the size, the parameters and the receptive field of any stack of
# convolutions, write the layer as one matrix product, and derive its gradients for every stride and
# padding.
#
# Before: of all earlier topics only *Multi-layer perceptron* is needed, whose linear layer is applied to
# every window here. After: *Pooling*, which keeps one number of each window; and *Attention and the
# transformer block*, where a unit chooses by itself which inputs it looks at, instead of a fixed window.
#
# **Conventions.** Images are $(N, C, H, W)$: examples, channels, rows, columns. Filters are
# $(K, C, F_H, F_W)$: $K$ filters that each look at all $C$ channels. Stride and padding are the
# same for rows and columns. A forward function returns `(out, cache)`; a backward function receives
# `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the inputs in
# the order of the forward's arguments. Nothing is modified in place; dtypes follow the inputs.

# %% [markdown]
# ## By hand
#
# A bright corner on a dark ground, and two filters. The first subtracts the column on the left of
# its window from the column on the right, the second the row at the top from the row at the bottom.
# Their biases are $b_1 = 0$ and $b_2 = 1$.
#
# $$x = \begin{pmatrix} 0 & 0 & 0 & 0 & 0 \\ 0 & 0 & 0 & 9 & 9 \\ 0 & 0 & 0 & 9 & 9 \\
#   0 & 0 & 0 & 9 & 9 \end{pmatrix}, \qquad
#   w_1 = \begin{pmatrix} -1 & 0 & 1 \\ -1 & 0 & 1 \\ -1 & 0 & 1 \end{pmatrix}, \qquad
#   w_2 = \begin{pmatrix} -1 & -1 & -1 \\ 0 & 0 & 0 \\ 1 & 1 & 1 \end{pmatrix}$$
#
# How often does a filter fit? It has 3 columns and the image 5: it starts in column 0, 1 or 2, at
# **3** places. Of the 4 rows it needs 3: it starts in row 0 or 1, at **2** places. So there are six
# windows, and each filter answers in each of them:
#
# | rows, columns of the window | right − left | $y_1$ | bottom − top | $y_2$, with its bias |
# |---|---|---|---|---|
# | 0–2, 0–2 | $0 - 0$ | $0$ | $0 - 0$ | $1$ |
# | 0–2, 1–3 | $(0 + 9 + 9) - 0$ | $18$ | $(0 + 0 + 9) - 0$ | $10$ |
# | 0–2, 2–4 | $(0 + 9 + 9) - 0$ | $18$ | $(0 + 9 + 9) - 0$ | $19$ |
# | 1–3, 0–2 | $0 - 0$ | $0$ | $0 - 0$ | $1$ |
# | 1–3, 1–3 | $(9 + 9 + 9) - 0$ | $27$ | $9 - 9$ | $1$ |
# | 1–3, 2–4 | $(9 + 9 + 9) - 0$ | $27$ | $18 - 18$ | $1$ |
#
# $$y_1 = \begin{pmatrix} 0 & 18 & 18 \\ 0 & 27 & 27 \end{pmatrix}, \qquad
#   y_2 = \begin{pmatrix} 1 & 10 & 19 \\ 1 & 1 & 1 \end{pmatrix}$$
#
# The first filter answers along the upright edge and is blind to the level one, the second the other
# way round; both answer at the corner. Both windows that straddle an edge answer, with a plus
# because it is brighter on the right, or below. On even ground, dark or bright, only the bias is
# left. Nine weights and a bias did this at six places: 20 parameters for both maps, where a linear
# layer from these 20 pixels to the 12 answers has 252. The number of columns, 3, is the first that
# `gradus check` asks of you; the two maps are the first of `conv2d_naive_forward`.

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
# Numbers do care. Here the filter is never flipped: flipped, the first filter of the example would
# answer $-27$ where it answers $27$.
#
# ## What a filter asks
#
# A filter asks one question of every window. Two kinds can be made by hand.
#
# - A **smoothing** filter has weights that are not negative and sum to $1$. An even area stays as it
#   is. Independent noise of variance $\sigma^2$ in every pixel leaves with variance
#   $\sigma^2 \sum w^2$: the mean over $3 \times 3$ pixels divides it by $9$. An edge is blurred, too.
# - An **edge** filter has weights of both signs that sum to $0$. An even area gives $0$, however
#   bright it is, and so does a lamp that makes every pixel brighter by the same amount. If the weights
#   differ from left to right it answers upright edges; from top to bottom, level ones; from the centre
#   to the surround, spots, corners and edges of every direction.
#
# One filter gives one map, so one filter can tell one thing. A layer has $K$ of them, and the maps
# become the channels of the next layer. A filter of that layer looks at all $K$ maps in its window:
# *an upright edge and a level one* is a corner, which neither map can tell by itself. In a network
# nobody makes the filters: they start at random, and the gradient derived below shapes them. Those
# next to the image may well come out as edge filters again: Krizhevsky, Sutskever and Hinton (2012)
# print 96 that were learnt from photographs, edges in many directions and spots of colour.
#
# The eye was there first. A ganglion cell in the cat's retina compares the centre of a small spot
# with its surround (Kuffler, 1953). Hubel and Wiesel (1959, 1962) found the next steps in the visual
# cortex: *simple* cells, each of which answers a bar or an edge of one direction at one place, and
# *complex* cells, which answer that direction anywhere in a larger field, as if they collected from
# simple ones. Small fields, the same question asked everywhere, larger fields further up: Fukushima
# (1980) built a network that way, and LeCun and others (1998) trained such networks by their
# gradient. One thing the cortex does not do: every cell has connections of its own, none are shared.
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
    """The stretch of input pixels along one axis that one unit of the last layer depends on.

    layers: list of (field, stride), the layer next to the image first; padding aside. Returns an
    int, from the first pixel to the last, with those between that no window covers where a stride
    is larger than its field; 1 for no layers, for a unit is then a pixel.
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


# %% [markdown]
# ## Why: whom does one pixel reach?
#
# In a linear layer every output depends on every pixel. Here an image of $8 \times 8$ pixels goes
# through one filter, once for every pixel, with that pixel a little brighter. The table counts the
# outputs that change. Write down before you run it, for a $3 \times 3$ filter without padding: **how
# many outputs does a pixel in the middle, (3, 3), change with stride 1, how many with stride 2? How
# many does its neighbour (4, 4)? Is there a pixel that changes none?**


# %%
def experiment(quick=False):
    """How many outputs change when one pixel of an 8 × 8 image does.

    Returns the rows of a table, the first its head: filter, stride, padding, the number of outputs,
    how many of them change with the pixel "row,column", and how many of the 64 pixels change none.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 64, generator=generator)
    images = torch.cat([image, image + torch.eye(64)]).reshape(65, 1, 8, 8)
    pixels = ((0, 0), (3, 3), (3, 4), (4, 4), (7, 7))
    layers = ((3, 1, 0), (3, 1, 1), (3, 2, 0), (3, 2, 1), (4, 2, 1), (1, 2, 0), (8, 1, 0))
    rows = [("filter", "stride", "padding", "outputs", *(f"{r},{c}" for r, c in pixels), "unseen")]
    for field, stride, padding in layers[:4] if quick else layers:
        w = torch.randn(1, 1, field, field, generator=generator)
        out, _ = conv2d_forward(images, w, torch.zeros(1), stride, padding)
        moved = (out[1:] - out[0]).abs() > 1e-6
        changed = moved.flatten(1).sum(1).reshape(8, 8)
        at = [changed[pixel].item() for pixel in pixels]
        unseen = (changed == 0).sum().item()
        rows.append((f"{field}×{field}", stride, padding, out[0].numel(), *at, unseen))
    return rows


# %% [markdown]
# A pixel reaches the windows that it lies under, and no other output. Along one axis, pixel $h$ lies
# under the windows $i$ with $Si \le h + P \le Si + F - 1$. Away from the border there are
# $\lfloor F/S \rfloor$ or $\lceil F/S \rceil$ of them; with rows and columns together, the product.
#
# - Stride 1: always $F^2$ in the middle, 9 for $F = 3$. The corner changes a single output without
#   padding and 4 with $P = 1$: padding gives the border more say.
# - $F = 3$, $S = 2$: one window or two along each axis, so 1, 2 or 4 outputs, and neighbours differ:
#   1 at (3, 3), 2 at (3, 4), 4 at (4, 4). Without padding the last row and column are under no window:
#   pixel (7, 7) changes nothing, and no gradient will ever reach it. With $P = 1$ the parts are
#   exchanged: 4, 2 and 1.
# - $F = 4$, $S = 2$: the stride divides the filter, and all three of them change 4.
# - $F = 1$, $S = 2$: three pixels in four change nothing.
# - A filter as large as the image is a linear layer: every pixel changes its only output.
#
# The gradient travels the same ways back: with a gradient of ones at every output and weights of
# one, `col2im` gives each pixel exactly its number in this table. Where neighbours have 1, 2 and 4,
# a gradient carries a chessboard, and so does an image that a network generates with such a stride
# (Odena, Dumoulin and Olah, 2016).

# %% [markdown]
# ## Show: four filters, and a field that grows
#
# A photograph of Grace Hopper (it comes with matplotlib), made grey and five times smaller by one
# convolution with stride 5, whose filter takes the mean of $5 \times 5$ pixels and weighs the three
# colours. Then four filters of $5 \times 5$ in one call of your `conv2d_forward`: one that smooths,
# two for edges, and one that compares the centre with its surround, as the retina does. Red is
# positive, blue negative: watch the sign change between the two sides of the collar. The lines
# along the frame are edges, too: the zeros of the padding are a black border.
#
# Below, what one unit sees. On the left and in the middle your `receptive_field`, with dots where
# your `conv2d_backward` brought a gradient to a pixel: three layers of stride 2 see as far as seven
# of stride 1. On the right the number of ways from each pixel to one unit: after four layers there
# are 361 from the pixel in the middle, and one from a corner. A unit sees its whole field, but not
# evenly.


# %%
def figure(quick=False):
    """Four filters on a photograph; the receptive field of a unit, layer by layer."""
    import matplotlib.cbook
    import matplotlib.pyplot as plt

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        photograph = torch.tensor(plt.imread(file, format="jpg")).permute(2, 0, 1)[None] / 255
    step = 20 if quick else 5
    grey = torch.tensor([0.30, 0.59, 0.11]).reshape(1, 3, 1, 1).expand(1, 3, step, step) / step**2
    image, _ = conv2d_forward(photograph, grey, torch.zeros(1), stride=step)

    smooth = torch.tensor([1, 4, 6, 4, 1]) / 16
    change = torch.tensor([-1, -2, 0, 2, 1]) / 3  # a step from 0 to 1 gives 1
    spot = torch.zeros(5, 5)
    spot[2, 2] = 1
    blur = smooth.outer(smooth)
    filters = torch.stack([blur, smooth.outer(change), change.outer(smooth), spot - blur])
    answers, _ = conv2d_forward(image, filters[:, None], torch.zeros(4), padding=2)

    drawn = plt.figure(figsize=(11, 8.2), layout="constrained")
    drawn.get_layout_engine().set(hspace=0, wspace=0.04)
    top, bottom = drawn.subfigures(2, 1, height_ratios=(1.15, 1))
    panels = top.subplots(2, 5, height_ratios=(3, 1))
    names = ("smoothing", "upright edges", "level edges", "centre − surround")
    look = dict(xticks=[], yticks=[])
    panels[0, 0].imshow(image[0, 0], cmap="gray")
    panels[0, 0].set(title="the image", **look)
    panels[1, 0].axis("off")
    panels[1, 0].text(0.5, 0.5, "the filters:\nred +, blue −", ha="center", va="center")
    for name, answer, weights, pair in zip(names, answers[0], filters, panels.T[1:], strict=True):
        if name == "smoothing":
            pair[0].imshow(answer, cmap="gray")
        else:
            pair[0].imshow(answer, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
        largest = weights.abs().max()
        pair[1].imshow(weights, cmap="RdBu_r", vmin=-largest, vmax=largest)
        pair[0].set(title=name, **look)
        pair[1].set(xlabel=f"sum of weights: {weights.sum().abs():.0f}", **look)

    depths = range(1, 4 if quick else 6)
    on_image, growth, spread = bottom.subplots(1, 3)
    on_image.imshow(image[0, 0], cmap="gray")
    for depth in depths:
        side = receptive_field([(3, 2)] * depth)
        corner = (60 - side / 2, 44 - side / 2)
        square = plt.Rectangle(corner, side, side, fill=False, color=f"C{depth}", linewidth=2)
        on_image.add_patch(square)
        square.set_label(f"{depth}: {side}")
    on_image.set(title="3 × 3 filters, stride 2", **look)
    legend = dict(title="layers: pixels", loc="center left", bbox_to_anchor=(1, 0.5))
    on_image.legend(handlelength=1, **legend)

    for at, (field, stride) in enumerate(((3, 2), (5, 1), (3, 1))):
        stacks = [[(field, stride)] * depth for depth in depths]
        label = f"{field} × {field}, stride {stride}"
        growth.plot(depths, [receptive_field(stack) for stack in stacks], f"C{at}", label=label)
        reached = [(ways(stack) > 0).any(0).sum() for stack in stacks]
        growth.plot(depths, reached, f"C{at}o")
    growth.set(title="how far one unit sees", xlabel="layers", ylabel="pixels along one axis")
    growth.legend(title="dots: by the gradient")

    shown = spread.imshow(ways([(3, 1)] * 4), cmap="Greys")
    bottom.colorbar(shown, ax=spread, label="ways from the pixel to the unit")
    spread.set(title="4 layers of 3 × 3, stride 1", xlabel="column (pixels)", ylabel="row (pixels)")
    spread.set(xticks=range(0, 13, 2), yticks=range(0, 13, 2))
    return drawn


def ways(layers):
    """The gradient that one unit on top sends to the pixels, where all weights are 1."""
    size = receptive_field(layers) + 4
    x, caches = torch.ones(1, 1, size, size), []
    for field, stride in layers:
        x, cache = conv2d_forward(x, torch.ones(1, 1, field, field), torch.zeros(1), stride)
        caches.append(cache)
    back = torch.zeros_like(x)
    back[0, 0, x.shape[2] // 2, x.shape[3] // 2] = 1
    for cache in reversed(caches):
        back, _, _ = conv2d_backward(back, cache)
    return back[0, 0]


# %% [markdown]
# ## ★ Extension
#
# A *dilated* filter leaves $d - 1$ pixels out between its columns and rows (no points): the window
# reaches over $(F - 1)\,d + 1$ pixels with the same $F^2$ weights. Give your functions a parameter
# $d$: only the sizes, and the rows that `im2col` and `col2im` copy, change. Then stack four layers
# of $3 \times 3$ with $d = 1, 2, 4, 8$ and stride 1. How far does a unit see, and how many outputs
# does it cost? Compare with the figure's four layers of stride 2.
#
# ## Read on
#
# - D. Hubel, T. Wiesel: Receptive fields, binocular interaction and functional architecture in the
#   cat's visual cortex, *Journal of Physiology* 160, 1962, doi:10.1113/jphysiol.1962.sp006837. Simple
#   and complex cells. Before it: Receptive fields of single neurones in the cat's striate cortex,
#   1959, doi:10.1113/jphysiol.1959.sp006308.
# - S. Kuffler: Discharge patterns and functional organization of mammalian retina, *Journal of
#   Neurophysiology* 16, 1953, doi:10.1152/jn.1953.16.1.37. Centre and surround.
# - K. Fukushima: Neocognitron, *Biological Cybernetics* 36, 1980, doi:10.1007/BF00344251. The first
#   stack of such layers, without a gradient.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document
#   recognition, *Proceedings of the IEEE* 86, 1998, doi:10.1109/5.726791. LeNet.
# - A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet classification with deep convolutional neural
#   networks, 2012, again in *Communications of the ACM* 60, 2017, doi:10.1145/3065386. Learnt filters.
# - K. Chellapilla, S. Puri, P. Simard: High performance convolutional neural networks for document
#   processing, IWFHR 2006. Convolution as a matrix product.
# - V. Dumoulin, F. Visin: A guide to convolution arithmetic for deep learning, 2016,
#   arXiv:1603.07285. Sizes, strides and paddings, drawn.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel: Understanding the effective receptive field in deep
#   convolutional neural networks, 2016, arXiv:1701.04128. The last panel of the figure.
# - A. Odena, V. Dumoulin, C. Olah: Deconvolution and checkerboard artifacts, *Distill*, 2016,
#   doi:10.23915/distill.00003. The experiment, seen in generated images.

# %% [markdown] tags=["hints"]
# ## conv_output_size
# 1. Size and field are pixels along one axis; the result is a number of places, at least 1.
# 2. The largest $i$ with $Si + F \le W + 2P$, plus 1 because the count begins at 0:
#    $\lfloor (W + 2P - F)/S \rfloor + 1$.
# 3. Work out the pixels that are left when the filter stands at the first place. Less than 0 of
#    them: it does not fit, say so. Otherwise, how many whole strides fit into them? One place more
#    than that.
#
# ## conv_parameters
# 1. The weights have the shape (K, C, FH, FW), the bias (K,): there is no axis for the position.
# 2. $K\,(C F_H F_W + 1)$.
# 3. Count the weights of one filter, over all channels, add its one bias, and multiply by the number
#    of filters.
#
# ## receptive_field
# 1. A list of pairs goes in, one number of pixels comes out; an empty list leaves the one pixel.
# 2. $r$ units next to each other see $(r - 1)\,S + F$ of their layer's inputs.
# 3. Begin with one unit at the top. Go through the layers from the last to the first, and replace
#    the number of units by the number of inputs that they see.
#
# ## zero_pad
# 1. Rows and columns grow by twice the padding, examples and channels not at all.
# 2. $\tilde x_{n,c,h,w} = x_{n,\,c,\,h-P,\,w-P}$ inside, $0$ elsewhere.
# 3. Make a tensor of zeros of the larger size, with the dtype of x, and write the images into its
#    middle: P rows from the top, P columns from the left.
#
# ## conv2d_naive_forward
# 1. A window of all examples is (N, C, FH, FW), the filters are (K, C, FH, FW), and the answers of
#    one position (N, K): with the last three axes flattened this is one product of matrices.
# 2. $y_{nkij} = b_k + \sum_{c,u,v} w_{kcuv}\, \tilde x_{n,\,c,\,Si+u,\,Sj+v}$.
# 3. Work out both sizes of the output, pad, and make an empty output. For every position cut out the
#    window that begins at S times its row and S times its column, multiply it with every filter, add
#    the biases, and store the answers.
#
# ## im2col
# 1. A tensor (N, C, FH, FW, OH, OW) has all entries in their order; the result is the same with
#    three axes taken together, then two.
# 2. $X^{\text{col}}_{n, d, \ell} = \tilde x_{n,\,c,\,Si+u,\,Sj+v}$ with $d = (c F_H + u) F_W + v$
#    and $\ell = i\, O_W + j$.
# 3. Pad. For each offset (u, v) of the window take every S-th row from u on and every S-th column
#    from v on, as many as there are positions, and store them for all channels and positions at
#    once. In the end take the axes together.
#
# ## col2im
# 1. cols has the entries of (N, C, FH, FW, OH, OW); the result has the shape of the images, without
#    the padding.
# 2. $\bar x_{n,c,h,w} = \sum G_{n, d, \ell}$ over all $(d, \ell)$ with $Si + u = h + P$ and
#    $Sj + v = w + P$.
# 3. Give cols its six axes again, and start from a padded image of zeros. For each offset (u, v)
#    *add* the entries to the pixels from which im2col copies them. In the end cut off the padding.
#
# ## conv2d_forward
# 1. Filters as rows are (K, D), the columns of an example (D, L): the product is (K, L), and L is
#    the number of positions, row by row.
# 2. $Y_n = W^{\text{row}} X^{\text{col}}_n + b\, \mathbf 1^\top$.
# 3. Make the columns, flatten every filter, multiply, add each filter's bias to its row, and give
#    the positions their two axes back. Keep the columns, the weights, the shape of x, stride and
#    padding.
#
# ## conv2d_backward
# 1. With dout as (N, K, L): dw is (K, D) and comes from (K, L) and (L, D), db is (K,), and the
#    gradient of the columns (N, D, L) comes from (D, K) and (K, L).
# 2. $\bar W^{\text{row}} = \sum_n \bar Y_n (X^{\text{col}}_n)^\top$,
#    $\bar b_k = \sum_{n,\ell} \bar y_{nk\ell}$,
#    $\bar X^{\text{col}}_n = (W^{\text{row}})^\top \bar Y_n$.
# 3. Sum dout over examples and positions for db. Multiply dout with the transposed columns and sum
#    over the examples for dw, then give it the shape of w. Multiply the transposed filters with
#    dout, and bring these columns back to the image with col2im for dx.
