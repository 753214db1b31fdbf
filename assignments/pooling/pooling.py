# %% [markdown]
# # Pooling
#
# A layer without a single parameter: it looks through a window at each feature map, and keeps the
# largest value there, or the mean. The maps get smaller, and where exactly something was matters
# less. You write both kinds for windows that overlap and images that are padded, and derive where
# the gradient goes: to the winner alone, or to all in equal shares.
#
# **Afterwards you can** write max and average pooling forward and backward for every window, stride
# and padding, say where each bit of the gradient goes, and say what pooling does and does not do
# about a shift of the image.
#
# Before: *Convolution*, whose windows, stride and padding are used here. After: *A convolutional
# network*, built of both; and *Attention and the transformer block*, which takes a mean, too, but with
# weights that depend on the input.
#
# **Conventions.** Images are $(N, C, H, W)$: examples, channels, rows, columns. A window is
# $F_H \times F_W$; stride and padding are the same for rows and columns. A forward function returns
# `(out, cache)`; a backward function receives `dout`, the gradient of the loss with respect to
# `out`, and returns the gradient of `x`, the only input that has one. Nothing is modified in place;
# dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# One image of $3 \times 4$ pixels, a window of $2 \times 2$, stride 1. There are six windows, and
# they overlap: the 7 lies under four of them.
#
# $$x = \begin{pmatrix} 1 & 3 & 3 & 1 \\ 5 & 3 & 7 & 1 \\ 5 & 3 & 3 & 1 \end{pmatrix}$$
#
# | rows, columns | the window, row by row | maximum | where it is | sum | mean |
# |---|---|---|---|---|---|
# | 0–1, 0–1 | $1, 3, 5, 3$ | $5$ | row 1, column 0 | $12$ | $3$ |
# | 0–1, 1–2 | $3, 3, 3, 7$ | $7$ | row 1, column 2 | $16$ | $4$ |
# | 0–1, 2–3 | $3, 1, 7, 1$ | $7$ | row 1, column 2 | $12$ | $3$ |
# | 1–2, 0–1 | $5, 3, 5, 3$ | $5$ | row 1, column 0: the first of two | $16$ | $4$ |
# | 1–2, 1–2 | $3, 7, 3, 3$ | $7$ | row 1, column 2 | $16$ | $4$ |
# | 1–2, 2–3 | $7, 1, 3, 1$ | $7$ | row 1, column 2 | $12$ | $3$ |
#
# $$y_{\max} = \begin{pmatrix} 5 & 7 & 7 \\ 5 & 7 & 7 \end{pmatrix}, \qquad
#   y_{\text{mean}} = \begin{pmatrix} 3 & 4 & 3 \\ 4 & 4 & 3 \end{pmatrix}$$
#
# Now backward. Let the upstream gradient be
# $\bar y = \begin{pmatrix} 4 & 8 & 12 \\ 16 & 20 & 24 \end{pmatrix}$. The maximum sends each number
# to one pixel, its winner; the mean sends a quarter of it, $1, 2, 3, 4, 5, 6$, to each of four
# pixels. What arrives at a pixel from several windows adds up:
#
# $$\bar x_{\max} = \begin{pmatrix} 0 & 0 & 0 & 0 \\ 20 & 0 & 64 & 0 \\ 0 & 0 & 0 & 0 \end{pmatrix},
#   \qquad
#   \bar x_{\text{mean}} = \begin{pmatrix} 1 & 3 & 5 & 3 \\ 5 & 12 & 16 & 9 \\ 4 & 9 & 11 & 6
#   \end{pmatrix}$$
#
# Here $20 = 4 + 16$ and $64 = 8 + 12 + 20 + 24$; the 12 in the middle is $1 + 2 + 4 + 5$. All three
# gradients sum to 84: nothing of $\bar y$ is lost.
#
# Last, put one row or column of padding on each of the four sides, and let the window move by 2.
# The window in the corner now covers three pixels that do not exist and one that does, the 1 at the
# top left. Its maximum is 1, and its mean is $1 / 1$, not $1 / 4$:
#
# $$y_{\max} = \begin{pmatrix} 1 & 3 & 1 \\ 5 & 7 & 1 \end{pmatrix}, \qquad
#   y_{\text{mean}} = \begin{pmatrix} 1 & 3 & 1 \\ 5 & 4 & 1 \end{pmatrix}$$

# %%
import math

import torch

# %% [markdown]
# ## Windows
#
# As in a convolution, window $(i, j)$ begins at row $Si - P$ and column $Sj - P$ of the image, and
# there are
#
# $$O_H = \left\lfloor \frac{H + 2P - F_H}{S} \right\rfloor + 1, \qquad
#   O_W = \left\lfloor \frac{W + 2P - F_W}{S} \right\rfloor + 1$$
#
# of them along the two axes. If $S < F$ they overlap; if $S > F$, or where $S$ does not divide, some
# pixels are under no window. Two things differ from a convolution:
#
# - **Every channel is on its own.** No sum runs over the channels: $C$ maps go in, $C$ maps come out.
# - **Padding is not a pixel.** A convolution pads with zeros, because a zero adds nothing to a sum. It
#   is not that harmless here: among negative values a zero would be the maximum, and in a mean it
#   would count. So the caller says what the padding is filled with: the value that cannot make a
#   difference.
#
# A window that lay in the padding altogether would have no pixel to choose from. Window 0 covers the
# pixels up to $F - P - 1$, so it has one if $P < F$; by symmetry so has the last window. Hence the
# padding must be smaller than the window, in both directions.
#
# Let $\tilde x$ be the padded image. The $F_H F_W$ values of a window become the last axis, row by row:
#
# $$X_{n,c,i,j,\ell} = \tilde x_{n,\,c,\,Si+u,\,Sj+v} \qquad \text{with } \ell = u\, F_W + v .$$


# %%
def pool_windows(x, fh, fw, stride, padding=0, fill=0.0):
    """The values in every window of every channel, row by row: entry u · fw + v is at offset (u, v).

    x: (N, C, H, W); the window is fh × fw, stride ≥ 1; fill: the value of the padding, of which there
    are `padding` ≥ 0 rows or columns on each of the four sides. Returns (N, C, OH, OW, fh · fw).
    Raises ValueError when the window does not fit the padded image, and when it could lie in the
    padding altogether: padding ≥ fh or padding ≥ fw.
    """
    raise NotImplementedError


# %% [markdown]
# ## The maximum
#
# $$y_{ncij} = \max_\ell X_{ncij\ell}$$
#
# What must the padding be filled with, so that it never wins? A large negative number is a bet on
# what the layer will see. $0$ loses that bet at once.
#
# Backward we need to know *who* won. Where several values are the maximum there is a choice; here the
# **first** one wins, in the order of $\ell$. Such ties are no rarity: behind a ReLU many windows hold
# nothing but zeros.


# %%
def maxpool_forward(x, fh, fw, stride, padding=0):
    """The largest value in each window. Padding never wins; of equal values the first one does.

    x: (N, C, H, W), finite; the window is fh × fw, stride ≥ 1, 0 ≤ padding < fh, fw. Returns (out,
    cache), out: (N, C, OH, OW). Raises ValueError as pool_windows does. "First" is row by row in the
    window; it matters to the gradient alone.
    """
    raise NotImplementedError


# %% [markdown]
# ## The gradient of the maximum
#
# Move a value that has not won by a little: the maximum stays as it is. Move the winner: the maximum
# moves by as much. So
#
# $$\frac{\partial y_{ncij}}{\partial x_{nchw}} = \begin{cases} 1 & \text{if } (h, w) \text{ is the
#   winner of window } (i, j) \\ 0 & \text{otherwise} \end{cases}, \qquad
#   \bar x_{nchw} = \sum_{(i, j) \text{ won by } (h, w)} \bar y_{ncij} .$$
#
# Every window has one winner, so every $\bar y_{ncij}$ goes to one place: in each channel
# $\sum \bar x = \sum \bar y$. Where windows overlap one pixel can win several of them, and then the
# sum has several terms.
#
# Where two pixels tie there is no derivative: moving one of them up moves the maximum by as much, and
# moving it down does not move it at all. Two slopes that sum to 1, the whole to one or half to each,
# are what lies between; the whole to *both* is not, for when both move up, the maximum does not move
# twice as far. The whole to the first is what PyTorch does, too.
#
# What is left is arithmetic of addresses. The winner $\ell = u\, F_W + v$ is an address *in the
# window*. Which $u$ and $v$ is it? Which row and column of the image is that, given where window
# $(i, j)$ begins? And which place does it have in the image's rows laid end to end? Can that place
# ever lie in the padding?


# %%
def maxpool_backward(dout, cache):
    """The gradient of maxpool_forward: each number of dout goes to the winner of its window.

    dout: (N, C, OH, OW). Returns dx: (N, C, H, W).
    """
    raise NotImplementedError


# %% [markdown]
# ## The mean
#
# Let $k_{ij}$ be the number of pixels of the image in window $(i, j)$, which is $F_H F_W$ inside and
# less at the border. Then
#
# $$y_{ncij} = \frac{1}{k_{ij}} \sum_\ell X_{ncij\ell}$$
#
# with zeros in the padding, which change no sum. Dividing by $F_H F_W$ everywhere would darken the
# border: an even image would not stay even. (Libraries offer both; PyTorch counts the padding unless
# told not to.) How many pixels are in each window you could work out with minima and maxima. Or ask
# your own function about an image in which every pixel is a 1.
#
# One window as large as the image is *global average pooling*: one number a channel, whatever the size
# of the image. Lin, Chen and Yan (2013) put it in the place of the last linear layers.


# %%
def avgpool_forward(x, fh, fw, stride, padding=0):
    """The mean of the pixels in each window; what is padding does not count.

    x: (N, C, H, W); the window is fh × fw, stride ≥ 1, 0 ≤ padding < fh, fw. Returns (out, cache),
    out: (N, C, OH, OW): the sum over the window, divided by how many of its pixels are in the image.
    Raises ValueError as pool_windows does.
    """
    raise NotImplementedError


# %% [markdown]
# ## The gradient of the mean
#
# $y_{ij}$ depends on each of its $k_{ij}$ pixels with slope $1 / k_{ij}$, whatever their values are:
#
# $$\bar x_{nchw} = \sum_{(i, j) \text{ over } (h, w)} \frac{\bar y_{ncij}}{k_{ij}} .$$
#
# A window hands out $k_{ij}$ shares of $1 / k_{ij}$, so $\sum \bar x = \sum \bar y$ holds again. Note
# which number divides: how many pixels the *window* has, and not how many windows the *pixel* has.
#
# The sum needs no loop over windows. As in `col2im`, hold the offset $(u, v)$ still and let $(i, j)$
# run: which pixels of the padded image are at that offset of some window?


# %%
def avgpool_backward(dout, cache):
    """The gradient of avgpool_forward: each number of dout in equal shares to its window's pixels.

    dout: (N, C, OH, OW). Returns dx: (N, C, H, W).
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: what stays the same when the image moves?
#
# "Pooling makes a network invariant to small shifts." Let us see. Each digit is put on a wide black
# canvas, pooled, moved to the right, and pooled again. How far the two results are apart is measured
# in two ways, each as a part of the result's own size (its root sum of squares):
#
# - **in place**: the two as they are. 0 would mean *invariant*: nobody can see that the digit moved.
# - **moved back**: the first result may be moved to the right by any whole number of columns before
#   they are compared, and the best is taken. 0 would mean *equivariant*: the result has moved along.
#
# Write down before you run it: with max pooling of $2 \times 2$ and stride 2, **is the change in
# place, for a shift of one pixel, closer to 0 % or to 50 %? And moved back: does it get to 0 for a
# shift of one pixel, or for a shift of two?** Which rows will have a 0 in place?


# %%
LAYERS = (  # name (window / stride), window or None for the whole image, stride, kind
    ("no pooling", 1, 1, "max"),
    ("max 2×2 / 2", 2, 2, "max"),
    ("mean 2×2 / 2", 2, 2, "mean"),
    ("max 2×2 / 1", 2, 1, "max"),
    ("max 4×4 / 4", 4, 4, "max"),
    ("max of everything", None, 1, "max"),
    ("mean of everything", None, 1, "mean"),
)


def canvas(x, shift=0, border=6):
    """The images on a black ground, so wide that nothing leaves it. x: (N, D) of square images.

    Returns (N, 1, side, side + 2 · border), the image shifted to the right by `shift` ≤ border.
    """
    side = math.isqrt(x.shape[1])
    images = x.reshape(-1, 1, side, side)
    return torch.constant_pad_nd(images, [border + shift, border - shift, 0, 0])


def pool(x, field, stride, kind):
    """Max or average pooling without padding; field None: one window, as large as the image."""
    fh, fw = x.shape[2:] if field is None else (field, field)
    return (maxpool_forward if kind == "max" else avgpool_forward)(x, fh, fw, stride)[0]


def change(moved, before):
    """How far `moved` is from `before`, as a part of the size of `before`, on average."""
    distance = (moved - before).flatten(1).norm(dim=1)
    return (distance / before.flatten(1).norm(dim=1)).mean().item()


def experiment(digits, quick=False):
    """How much the pooled digits change when the digits move to the right by one and by two pixels.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    Averaged over where the digit is at first: four places next to each other.
    """
    x = digits[0][: 50 if quick else 1000]
    rows = [("layer", "1: in place", "1: moved back", "2: in place", "2: moved back")]
    for name, *layer in LAYERS:
        pooled = [pool(canvas(x, shift), *layer) for shift in range(6)]
        measured = []
        for shift in (1, 2):
            pairs = [(pooled[start + shift], pooled[start]) for start in range(4)]
            by = [
                sum(change(after, before.roll(k, dims=3)) for after, before in pairs) / 4
                for k in range(shift + 1)
            ]
            measured += [by[0], min(by)]
        rows.append((name, *measured))
    return rows


# %% [markdown]
# A shift by one pixel changes the result of max pooling with stride 2 by 57 % of its size, where the
# unpooled digit changes by 82 %. That is less, and far from nothing: pooling is not invariant. Nor has
# the result moved along: whichever way it is moved back, 57 % are left. The windows stand where they
# stood, so columns that shared a window before are now in two, and the result is a map that the digit
# did not have before.
#
# For a shift of two the windows hold what their neighbours held before: $S$ divides the shift, and the
# result moves by shift $/ S$, exactly. The windows of $4 \times 4$ would need a shift of four. With
# stride 1 the result moves along whatever the shift, and in place changes by as much as with stride 2
# (57 %): what little stays in place is the window's work; that it no longer moves along is the stride's.
#
# Invariant are only the two rows whose window is the whole image: what is largest, or the sum, does not
# ask where. A layer of small windows does not make a network invariant. If it is so in the end, the
# reason lies elsewhere: in a last layer over everything, or in having seen digits in many places.

# %% [markdown]
# ## Show: a feature map, and the map moved by one pixel
#
# On the left a digit, and the feature map of its left edges: right pixel minus left pixel, and nothing
# where that is negative. Then the map pooled in three ways. In the second row the digit has moved to
# the right by one pixel; in the third is what that has changed, red for more and blue for less.
#
# The last row is your backward pass: the gradient of the sum of all outputs, so every output hands out
# a 1. Under max pooling with stride 2 each window marks one pixel, its winner; in the dark, where all
# are 0, that is the first, at the top left. With windows of $3 \times 3$ that overlap a strong pixel
# wins up to nine times. The mean gives every pixel a quarter, whatever the picture.


# %%
def figure(digits, quick=False):
    """A digit's left edges, pooled in three ways, before and after a shift, and the gradients.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    layers = {
        "max 2×2, stride 2": (maxpool_forward, maxpool_backward, (2, 2, 2)),
        "max 3×3, stride 1": (maxpool_forward, maxpool_backward, (3, 3, 1, 1)),
        "mean 2×2, stride 2": (avgpool_forward, avgpool_backward, (2, 2, 2)),
    }
    columns = {name: [] for name in ("a digit", "its left edges", *layers)}
    for shift in (0, 1):
        image = canvas(digits[0][:1], shift, border=3)
        edges = (image[..., 2:] - image[..., :-2]).clamp(min=0)
        columns["a digit"].append(image[0, 0])
        columns["its left edges"].append(edges[0, 0])
        for name, (pool_forward, pool_backward, layer) in layers.items():
            out, cache = pool_forward(edges, *layer)
            columns[name].append(out[0, 0])
            if shift == 1:
                columns[name].append(pool_backward(torch.ones_like(out), cache)[0, 0])

    drawn, panels = plt.subplots(4, 5, figsize=(13, 7.6), layout="constrained")
    for (name, (before, after, *gradient)), column in zip(columns.items(), panels.T, strict=True):
        for axes, values in zip(column, (before, after), strict=False):
            axes.imshow(values, cmap="gray", vmin=0, vmax=before.max())
        column[2].imshow(after - before, cmap="RdBu_r", vmin=-1, vmax=1)
        column[0].set_title(name)
        if gradient:
            counts = gradient[0]
            column[3].imshow(counts, cmap="Greens", vmin=0, vmax=9)
            if counts.numel() < 200:
                for (i, j), value in zip(
                    counts.nonzero().tolist(), counts[counts > 0], strict=True
                ):
                    colour = "white" if value > 5 else "black"
                    column[3].text(
                        j,
                        i,
                        f"{value:.2g}".lstrip("0"),
                        ha="center",
                        va="center",
                        fontsize=6,
                        color=colour,
                    )
        else:
            column[3].axis("off")
        for axes in column:
            axes.set(xticks=[], yticks=[])
    for axes, name in zip(
        panels[:, 0], ("as it is", "moved by one pixel", "the change"), strict=False
    ):
        axes.set_ylabel(name)
    panels[3, 1].text(1, 0.5, "gradient of the sum\nof all outputs:", ha="right", va="center")
    return drawn


# %% [markdown]
# ## ★ Extension: a maximum that moves along
#
# No points. The experiment says where the harm is done: the maximum with stride 1 moves along with the
# image, and leaving out every second of its values does not. Zhang (2019) puts a blur between the two,
# so that neighbouring values are nearly alike before half of them go. With your own functions: max
# pooling of $2 \times 2$ with stride 1, and then average pooling of $2 \times 2$ with stride 2.
#
# Predict first whether the change "moved back", for a shift of one, gets to 0, or only smaller. Then add a
# kind of layer to `pool` and a row to `LAYERS`, and look. What happens with a mean over $3 \times 3$?
# Under how many of the first windows is a pixel, and to how many pixels can one upstream number now go
# back? Chain your two backward passes and draw it.
#
# The other end: write the mean with a power, $\left(\frac1k \sum_\ell X_\ell^p\right)^{1/p}$ for values
# that are not negative. For $p = 1$ it is the mean. What is it for $p \to \infty$, and what becomes of
# its gradient where two values tie?

# %% [markdown]
# ## Read on
#
# - K. Fukushima: Neocognitron: a self-organizing neural network model for a mechanism of pattern
#   recognition unaffected by shift in position, *Biological Cybernetics*, 1980, doi:10.1007/BF00344251:
#   cells that collect from their neighbours, so that a little shift does not matter.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document
#   recognition, *Proceedings of the IEEE*, 1998, doi:10.1109/5.726791: average pooling, with a factor
#   and a bias that are learnt.
# - M. Riesenhuber, T. Poggio: Hierarchical models of object recognition in cortex, *Nature
#   Neuroscience*, 1999, doi:10.1038/14819: why the maximum, and not the sum, where other things are in
#   the window, too.
# - D. Scherer, A. Müller, S. Behnke: Evaluation of pooling operations in convolutional architectures for
#   object recognition, 2010, doi:10.1007/978-3-642-15825-4_10: the kinds compared, by experiment.
# - M. Lin, Q. Chen, S. Yan: Network in network, 2013, arXiv:1312.4400: the mean over the whole map.
# - J. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: Striving for simplicity: the all
#   convolutional net, 2014, arXiv:1412.6806: a convolution with stride 2 in the place of pooling.
# - A. Azulay, Y. Weiss: Why do deep convolutional networks generalize so poorly to small image
#   transformations?, 2018, arXiv:1805.12177: the experiment, in networks for photographs.
# - R. Zhang: Making convolutional networks shift-invariant again, 2019, arXiv:1904.11486: the extension.
