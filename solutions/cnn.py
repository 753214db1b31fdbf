# %% [markdown]
# # A convolutional network
#
# Two stages of convolution, ReLU and pooling, then two linear layers: a small LeNet. No layer here is
# new. What is new is that there are nine of them in a row and a loss, and that the gradient has to find its way
# back through all of them to the filters next to the image. You chain the passes by hand, train the
# network on handwritten digits, and look at what it has learnt and at what it mistakes for what.
#
# **Afterwards you can** chain convolutions, pooling and linear layers into a network, bring its gradient
# back to the first filters and to the image by hand, train it, and say what in the data it relies on.
#
# Before: *Convolution* and *Pooling*, whose layers are given here, and *Multi-layer perceptron*, which
# is the second half of this network. After: *Attention and the transformer block*, which is chained in
# the same manner but has no window.
#
# **Conventions.** Images are $(N, C, H, W)$: examples, channels, rows, columns. Filters are
# $(K, C, F_H, F_W)$, weights of a linear layer $(D, M)$. Convolutions move by 1, pooling takes the maximum
# of $2 \times 2$ and moves by 2. A forward function returns `(out, cache)`; a backward function receives
# `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the forward's
# inputs in their order. Nothing is modified in place; dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# One image of $4 \times 5$ pixels and one stage with two filters. The first subtracts the left column of
# its window from the right one, the second the upper row from the lower one; the biases are $0$ and $-1$.
#
# $$x = \begin{pmatrix} 0 & 2 & 1 & 3 & 3 \\ 0 & 0 & 1 & 3 & 0 \\ 2 & 0 & 2 & 1 & 0 \\ 1 & 0 & 3 & 2 & 0
#   \end{pmatrix}, \qquad w_1 = \begin{pmatrix} -1 & 1 \\ -1 & 1 \end{pmatrix}, \qquad
#   w_2 = \begin{pmatrix} -1 & -1 \\ 1 & 1 \end{pmatrix}$$
#
# **Convolution** gives two maps of $3 \times 4$:
#
# $$z_1 = \begin{pmatrix} 2 & 0 & 4 & -3 \\ -2 & 3 & 1 & -4 \\ -3 & 5 & -2 & -3 \end{pmatrix}, \qquad
#   z_2 = \begin{pmatrix} -3 & -3 & -1 & -4 \\ 1 & 0 & -2 & -3 \\ -2 & 0 & 1 & 0 \end{pmatrix}$$
#
# **ReLU** makes all negative numbers 0. **Pooling** takes windows of $2 \times 2$: two fit side by side,
# but only one above the other. The last row of the maps is under no window, so the 5 is lost:
#
# $$\text{out}_1 = \begin{pmatrix} 3 & 4 \end{pmatrix}, \qquad \text{out}_2 = \begin{pmatrix} 1 & 0
#   \end{pmatrix}$$
#
# **The head** flattens this into one row, map after map, $(3, 4, 1, 0)$, and has two linear layers with
# a ReLU between them:
#
# $$W_1 = \begin{pmatrix} 2 & 0 \\ -1 & -1 \\ 1 & 1 \\ 3 & 1 \end{pmatrix},\ b_1 = (0, 1), \qquad
#   W_2 = \begin{pmatrix} 1 & 2 \\ 3 & 1 \end{pmatrix},\ b_2 = (1, 0)$$
#
# $(3, 4, 1, 0)\, W_1 + b_1 = (6 - 4 + 1,\ -4 + 1 + 1) = (3, -2)$; ReLU makes it $(3, 0)$; the logits are
# $(3 + 1,\ 6 + 0) = (4, 6)$.
#
# **Backward**, from $\partial L / \partial\,\text{logits} = (1, -1)$:
#
# | | gradient |
# |---|---|
# | of $W_2$, $b_2$ | $\begin{pmatrix} 3 & -3 \\ 0 & 0 \end{pmatrix}$, $(1, -1)$ |
# | of the hidden units | $(1 - 2,\ 3 - 1) = (-1, 2)$; the second is off: $(-1, 0)$ |
# | of $W_1$, $b_1$ | rows $(-3, 0)$, $(-4, 0)$, $(-1, 0)$, $(0, 0)$; $(-1, 0)$ |
# | of the flat row | $-1$ times the first column of $W_1$: $(-2, 1, -1, -3)$ |
# | of $\text{out}_1$, $\text{out}_2$ | the same numbers in their places: $(-2 \ \ 1)$ and $(-1 \ \ {-3})$ |
#
# Each of these four goes to the winner of its window. The $-2$ goes to the 3 in $z_1$, the $1$ to the 4,
# the $-1$ to the 1 in $z_2$. The $-3$ goes to one of four zeros, and ReLU stops it there:
#
# $$\bar z_1 = \begin{pmatrix} 0 & 0 & 1 & 0 \\ 0 & -2 & 0 & 0 \\ 0 & 0 & 0 & 0 \end{pmatrix}, \qquad
#   \bar z_2 = \begin{pmatrix} 0 & 0 & 0 & 0 \\ -1 & 0 & 0 & 0 \\ 0 & 0 & 0 & 0 \end{pmatrix}$$
#
# Of twelve places in a map, at most two still have a gradient. A filter's gradient is a sum of the
# windows at those places, each times its number; its bias's is the sum of the numbers; and back at the
# image every number paints its filter over its window:
#
# $$\bar w_1 = 1 \begin{pmatrix} 1 & 3 \\ 1 & 3 \end{pmatrix} - 2 \begin{pmatrix} 0 & 1 \\ 0 & 2
#   \end{pmatrix} = \begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix}, \qquad
#   \bar w_2 = -\begin{pmatrix} 0 & 0 \\ 2 & 0 \end{pmatrix}, \qquad \bar b = (-1, -1),$$
#
# $$\bar x = \begin{pmatrix} 0 & 0 & -1 & 1 & 0 \\ 1 & 3 & -3 & 1 & 0 \\ -1 & 1 & -2 & 0 & 0 \\
#   0 & 0 & 0 & 0 & 0 \end{pmatrix} .$$
#
# The numbers $3, 4, 1, 0$ are the first that `gradus check` asks of you.

# %%
import math

import torch

# %% [markdown]
# ## What is given
#
# The layers, in short and fast versions: a convolution with stride 1 as one product of matrices, pooling
# with windows that do not overlap, a linear layer, ReLU. If you have done those topics you know every
# line, and may put your own in their place. You need to know of each what goes in and what comes out.


# %%
def conv2d_forward(x, w, b, padding=0):
    """Cross-correlation with stride 1. x: (N, C, H, W), w: (K, C, FH, FW), b: (K,).

    Returns (out, cache), out: (N, K, H + 2 · padding − FH + 1, W + 2 · padding − FW + 1).
    """
    fh, fw = w.shape[2:]
    padded = torch.constant_pad_nd(x, [padding] * 4)
    windows = padded.unfold(2, fh, 1).unfold(3, fw, 1)  # (N, C, OH, OW, FH, FW)
    out_h, out_w = windows.shape[2:4]
    cols = windows.permute(0, 1, 4, 5, 2, 3).reshape(len(x), -1, out_h * out_w)
    out = w.flatten(1) @ cols + b[:, None]
    return out.unflatten(2, (out_h, out_w)), (cols, padded.shape, w, padding)


def conv2d_backward(dout, cache):
    """Gradients of a convolution. dout: (N, K, OH, OW). Returns (dx, dw, db)."""
    cols, shape, w, padding = cache
    fh, fw = w.shape[2:]
    out_h, out_w = dout.shape[2:]
    rows = dout.flatten(2)
    dw = (rows @ cols.mT).sum(0).reshape(w.shape)
    dcols = (w.flatten(1).T @ rows).reshape(len(dout), shape[1], fh, fw, out_h, out_w)
    dx = dout.new_zeros(shape)
    for u in range(fh):
        for v in range(fw):
            dx[:, :, u : u + out_h, v : v + out_w] += dcols[:, :, u, v]
    bottom, right = shape[2] - padding, shape[3] - padding
    return dx[:, :, padding:bottom, padding:right], dw, rows.sum((0, 2))


def maxpool_forward(x):
    """The largest of each 2 × 2 pixels, the first of equal ones. x: (N, C, H, W), H, W ≥ 2.

    Returns (out, cache), out: (N, C, H // 2, W // 2): a last odd row or column is left out.
    """
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    pixels = [x[:, :, u:height:2, v:width:2] for u in range(2) for v in range(2)]
    out, winner = torch.stack(pixels).max(0)
    return out, (x.shape, winner)


def maxpool_backward(dout, cache):
    """The gradient of maxpool_forward: each number of dout at its window's winner. Returns dx."""
    shape, winner = cache
    height, width = shape[2] // 2 * 2, shape[3] // 2 * 2
    dx = dout.new_zeros(shape)
    for offset in range(4):
        u, v = divmod(offset, 2)
        dx[:, :, u:height:2, v:width:2] = dout * (winner == offset)
    return dx


def relu_forward(x):
    """Elementwise max(x, 0). Returns (out, cache), out: the shape of x."""
    return x.clamp(min=0), x > 0


def relu_backward(dout, cache):
    """The gradient of relu_forward: dout where the input was positive, 0 elsewhere. Returns dx."""
    return dout * cache


def linear_forward(x, w, b):
    """Affine map of each row. x: (N, D), w: (D, M), b: (M,). Returns (out, cache), out: (N, M)."""
    return x @ w + b, (x, w)


def linear_backward(dout, cache):
    """Gradients of a linear layer. dout: (N, M). Returns (dx, dw, db)."""
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)


# %% [markdown]
# ## One stage
#
# $$x \ \xrightarrow{\ \text{convolution with } w,\, b\ }\ z \ \xrightarrow{\ \text{ReLU}\ }\ a
#   \ \xrightarrow{\ \text{max pooling}\ }\ y$$
#
# The chain rule runs through the same steps in the opposite order: what one layer's backward returns
# for its input is what the layer before it gets as `dout`. So the whole way back is
#
# $$\bar y \ \to\ \bar a \ \to\ \bar z \ \to\ \bar x, \bar w, \bar b ,$$
#
# and each step needs the cache of *its own* forward, from *this* batch. Which pixel won a window depends
# on the image: the winners of one batch say nothing about the next.
#
# How much gets through? Of the four values of a window at most one has a gradient, and none if none of
# them was positive. The others learn nothing in this step.
#
# Does it matter that ReLU comes before the pooling? Both only ever ask which number is larger. If
# $m = \max_\ell z_\ell$, then $\max_\ell \max(z_\ell, 0)$ is $\max(m, 0)$: the two may be exchanged, and
# the other order has a quarter of the work for ReLU. Would that hold for the mean?


# %%
def stage_forward(x, w, b, padding=0):
    """Convolution with stride 1, ReLU, and the maximum of each 2 × 2 pixels.

    x: (N, C, H, W), w: (K, C, FH, FW), b: (K,), padding ≥ 0: zeros on each side of the image.
    Returns (out, cache), out: (N, K, OH // 2, OW // 2) with OH = H + 2 · padding − FH + 1, OW alike.
    """
    # BEGIN SOLUTION
    z, conv_cache = conv2d_forward(x, w, b, padding)
    a, relu_cache = relu_forward(z)
    out, pool_cache = maxpool_forward(a)
    return out, (conv_cache, relu_cache, pool_cache)
    # END SOLUTION


def stage_backward(dout, cache):
    """Gradients of a stage.

    dout: the shape of the stage's out. Returns (dx, dw, db) of the shapes of x, w, b.
    """
    # BEGIN SOLUTION
    conv_cache, relu_cache, pool_cache = cache
    da = maxpool_backward(dout, pool_cache)
    dz = relu_backward(da, relu_cache)
    dx, dw, db = conv2d_backward(dz, conv_cache)
    return dx, dw, db
    # END SOLUTION


# %% [markdown]
# ## How many numbers are left?
#
# The linear layer behind the stages must know how many numbers come in. Along one axis a convolution
# with stride 1 turns $H$ pixels into $H + 2P - F + 1$, and pooling halves that, with the odd one left
# out:
#
# $$H' = \left\lfloor \frac{H + 2P - F + 1}{2} \right\rfloor$$
#
# and after the second stage $H''$ is the same formula of $H'$. With $K$ filters in the second stage,
# $K H'' W''$ numbers are left. LeNet-5 (LeCun and others, 1998) goes from $32 \times 32$ pixels with
# $F = 5$ over $28 \to 14 \to 10$ to $5$; it has 16 maps then, so $400$ numbers.
#
# The digits here have $8 \times 8$ pixels. With $F = 3$ and without padding: $8 \to 6 \to 3 \to 1$, and
# no window of $2 \times 2$ is left. With $P = 1$ a filter of $3 \times 3$ keeps the size:
# $8 \to 4 \to 2$.


# %%
def flat_features(height, width, filters, field, padding=0):
    """How many numbers two stages leave of an image: the inputs of the first linear layer.

    height, width: of the image; filters: K of the second stage; field: both stages have filters of
    field × field; padding ≥ 0, in both stages. Returns an int ≥ 1. Raises ValueError when a stage
    leaves nothing.
    """
    # BEGIN SOLUTION
    grows = 2 * padding - field + 1
    for _ in range(2):
        height = (height + grows) // 2
        width = (width + grows) // 2
    if height < 1 or width < 1:
        raise ValueError("nothing is left of the image")
    return filters * height * width
    # END SOLUTION


# %% [markdown]
# ## The head
#
# The maps $(N, K, H, W)$ become rows of $D = KHW$ numbers: map after map, in each map row after row,
#
# $$x^{\text{flat}}_{n,\,(kH + h)W + w} = x_{nkhw} .$$
#
# Any other order would do as well, for it only says which row of $W_1$ belongs to which place. But it
# must be *one* order: what is taken apart in the way back must be what was put together. The wrong
# order does no visible harm. All shapes fit, the loss falls, for the head learns all the same; only the
# filters are told about the wrong pixels.
#
# Then come a linear layer, ReLU, and a linear layer: the network of *Multi-layer perceptron*. It ends with
# logits, which may have either sign and are not probabilities. The softmax is in the loss. Who takes it
# here, too, takes it twice: probabilities between 0 and 1, taken for logits, can never say more than
# $e$ to $1$, so ten classes keep a loss of at least $\ln(1 + 9/e) = 1.46$, however sure the network is.


# %%
def head_forward(x, w1, b1, w2, b2):
    """Flatten (map after map, row after row), linear layer, ReLU, linear layer.

    x: (N, K, H, W), w1: (K · H · W, M), b1: (M,), w2: (M, C), b2: (C,). Returns (out, cache), out:
    (N, C), the logits.
    """
    # BEGIN SOLUTION
    flat = x.flatten(1)
    z, first = linear_forward(flat, w1, b1)
    h, relu_cache = relu_forward(z)
    logits, second = linear_forward(h, w2, b2)
    return logits, (x.shape, first, relu_cache, second)
    # END SOLUTION


def head_backward(dout, cache):
    """Gradients of the head.

    dout: (N, C). Returns (dx, dw1, db1, dw2, db2) of the shapes of x, w1, b1, w2, b2.
    """
    # BEGIN SOLUTION
    shape, first, relu_cache, second = cache
    dh, dw2, db2 = linear_backward(dout, second)
    dz = relu_backward(dh, relu_cache)
    dflat, dw1, db1 = linear_backward(dz, first)
    dx = dflat.reshape(shape)
    return dx, dw1, db1, dw2, db2
    # END SOLUTION


# %% [markdown]
# ## The network
#
# Two stages and the head. The parameters are a dict of pairs (weights, biases), and so are the
# gradients, under the same names:
#
# | name | weights | biases |
# |---|---|---|
# | `conv1` | $(K_1, C, F, F)$ | $(K_1)$ |
# | `conv2` | $(K_2, K_1, F, F)$ | $(K_2)$ |
# | `linear1` | $(D, M)$ | $(M)$ |
# | `linear2` | $(M, \text{classes})$ | $(\text{classes})$ |
#
# The way back begins at the head, goes through the second stage, then through the first. Every backward
# function returns the gradient of its input first, and that one goes on. The last of them is the
# gradient of the *image*. Training does not need it; it says which pixels, made brighter, would raise
# the loss. The figure and the extension use it.


# %%
def cnn_forward(x, params, padding=0):
    """Two stages and the head, with the same padding in both stages.

    x: (N, C, H, W), params: dict of "conv1", "conv2", "linear1", "linear2", in any order, each a pair
    (w, b). Returns (out, cache), out: (N, classes), the logits.
    """
    # BEGIN SOLUTION
    x, first = stage_forward(x, *params["conv1"], padding)
    x, second = stage_forward(x, *params["conv2"], padding)
    logits, head = head_forward(x, *params["linear1"], *params["linear2"])
    return logits, (first, second, head)
    # END SOLUTION


def cnn_backward(dout, cache):
    """Gradients of the network.

    dout: (N, classes). Returns (dx, dparams): dx the shape of x, dparams a dict with the names of
    params, each a pair (dw, db).
    """
    # BEGIN SOLUTION
    first, second, head = cache
    dx, dw1, db1, dw2, db2 = head_backward(dout, head)
    dx, *conv2 = stage_backward(dx, second)
    dx, *conv1 = stage_backward(dx, first)
    dparams = {"conv1": tuple(conv1), "conv2": tuple(conv2)}
    dparams["linear1"] = (dw1, db1)
    dparams["linear2"] = (dw2, db2)
    return dx, dparams
    # END SOLUTION


# %% [markdown]
# ## The loss, the step, the start, and batches
#
# They are given. The loss is the mean of $-\ln p_{n, y_n}$ over the batch, with the softmax inside; its
# gradient in the logits, $(p - \text{onehot}(y)) / N$, comes with it. So the $1/N$ is in there already.


# %%
def softmax_cross_entropy(logits, y):
    """Mean cross-entropy and its gradient. logits: (N, C), y: (N,) labels in 0 … C−1.

    Returns (loss, dlogits), loss: scalar, dlogits: (N, C).
    """
    rows = torch.arange(len(y), device=y.device)
    shifted = logits - logits.max(1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    dlogits = log_p.exp()
    dlogits[rows, y] -= 1
    return -log_p[rows, y].mean(), dlogits / len(y)


def sgd_step(params, dparams, lr):
    """New parameters, p − lr · gradient, for dicts of pairs (w, b)."""
    return {
        name: tuple(p - lr * g for p, g in zip(pair, dparams[name], strict=True))
        for name, pair in params.items()
    }


def he_init(shapes, seed):
    """Weights from N(0, 2 / fan_in), biases 0. shapes: dict of the weights' shapes, by name."""
    generator = torch.Generator().manual_seed(seed)
    params = {}
    for name, shape in shapes.items():
        fan_in, units = (
            (shape[0], shape[1]) if len(shape) == 2 else (math.prod(shape[1:]), shape[0])
        )
        w = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        params[name] = (w, torch.zeros(units))
    return params


def minibatches(x, y, size, epochs, seed):
    """A list of pairs (x, y): in each epoch every example once, in a new order."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(x), generator=generator) for _ in range(epochs)]
    return [(x[batch], y[batch]) for order in orders for batch in order.split(size)]


# %% [markdown]
# ## Training
#
# For each batch: forward, the loss and its gradient, backward, one step with *this* batch's gradient.
# The next batch meets the new parameters. The losses that you note are those before the steps: each is
# on examples that this step has not yet used.
#
# Batches need not be equally large. But a step on 3 examples is as long as one on 30, and has hardly an
# idea of the direction: 1,347 digits in batches of 32 leave such a last batch, in batches of 30 they
# leave one of 27.


# %%
def train(params, batches, lr, padding=0):
    """One step of gradient descent for each batch: p − lr · gradient of the batch's mean loss.

    params: as in cnn_forward; batches: list of (x, y), x: (N, C, H, W), y: (N,) labels, N may
    differ; lr ≥ 0. Returns (params, losses): the trained parameters, and the list of the batches'
    losses, each a float, before its step.
    """
    # BEGIN SOLUTION
    losses = []
    for x, y in batches:
        logits, cache = cnn_forward(x, params, padding)
        loss, dlogits = softmax_cross_entropy(logits, y)
        _, dparams = cnn_backward(dlogits, cache)
        params = sgd_step(params, dparams, lr)
        losses.append(loss.item())
    return params, losses
    # END SOLUTION


def predict(x, params, padding=0):
    """The most probable class of each image. x: (N, C, H, W). Returns (N,) labels."""
    return torch.cat([cnn_forward(part, params, padding)[0].argmax(1) for part in x.split(500)])


# %% [markdown]
# ## What is mistaken for what?
#
# An accuracy is one number. The *confusion matrix* counts every kind of answer:
#
# $$M_{ij} = \#\{\, n : y_n = i \text{ and the prediction is } j \,\} .$$
#
# Row $i$ holds all examples of class $i$: its sum is how many there are, its diagonal how many were
# right. A column holds all that were *called* $j$. The diagonal's share of the whole is the accuracy.


# %%
def confusion_matrix(y, predicted, classes):
    """How many examples of each class (row) were predicted as each class (column).

    y, predicted: (N,) integers in 0 … classes − 1. Returns (classes, classes), int64, also for
    classes that do not occur.
    """
    # BEGIN SOLUTION
    cell = y * classes + predicted
    counts = torch.bincount(cell, minlength=classes**2)
    return counts.reshape(classes, classes)
    # END SOLUTION


# %% [markdown]
# ## Why: shuffle the pixels
#
# Draw one random order of the pixels, and bring the pixels of *all* images, those of the training and
# those held out, into that same order. To the eye nothing is left of a digit. No pixel is lost, though,
# and each has a place of its own.
#
# Two networks with about as many parameters learn the digits as they are, and shuffled: yours, and an
# MLP. (The MLP is your head alone, put right on the image.) Write down before you run it: **how much
# accuracy does each of them lose by the shuffling? Which is the better one afterwards?**


# %%
def design(side):
    """The shapes of the weights for square images of that many pixels, the MLP's, and the padding.

    The MLP has as many hidden units as make its parameters no more than the other's.
    """
    field, padding = (3, 1) if side < 16 else (5, 2)
    flat = flat_features(side, side, 16, field, padding)
    cnn = {"conv1": (8, 1, field, field), "conv2": (16, 8, field, field)}
    cnn |= {"linear1": (flat, 64), "linear2": (64, 10)}
    hidden = (parameters(he_init(cnn, 0)) - 10) // (side**2 + 1 + 10)
    return cnn, {"linear1": (side**2, hidden), "linear2": (hidden, 10)}, padding


def parameters(params):
    """How many numbers are learnt."""
    return sum(p.numel() for pair in params.values() for p in pair)


def images(x):
    """Rows of pixels as square images with one channel. x: (N, D). Returns (N, 1, side, side)."""
    side = math.isqrt(x.shape[1])
    return x.reshape(len(x), 1, side, side)


def train_head(params, batches, lr):
    """As train, for the head alone. Returns the parameters."""
    for x, y in batches:
        logits, cache = head_forward(x, *params["linear1"], *params["linear2"])
        _, dlogits = softmax_cross_entropy(logits, y)
        _, *grads = head_backward(dlogits, cache)
        params = sgd_step(params, {"linear1": grads[:2], "linear2": grads[2:]}, lr)
    return params


def experiment(digits, quick=False):
    """Accuracy of the network and of an MLP of its size, on images as they are and shuffled.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head. Means
    over two starts, each with a shuffling of its own; at most 4,000 images are trained on.
    """
    x, y, x_test, y_test = (part[:4000] for part in digits)
    seeds, rates = (1, (0.2,)) if quick else (2, (0.2, 0.2, 0.2, 0.2, 0.04))
    right = {("network", False): [], ("network", True): [], ("MLP", False): [], ("MLP", True): []}
    cnn, mlp, padding = design(math.isqrt(x.shape[1]))
    for seed in range(seeds):
        order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(seed))
        for shuffled in (False, True):
            seen, new = (images(part[:, order] if shuffled else part) for part in (x, x_test))
            params, other = he_init(cnn, seed), he_init(mlp, seed)
            for epoch, lr in enumerate(rates):
                batches = minibatches(seen, y, 30, 1, len(rates) * seed + epoch)
                params, _ = train(params, batches, lr, padding)
                other = train_head(other, batches, lr)
            right["network", shuffled].append((predict(new, params, padding) == y_test).double())
            logits, _ = head_forward(new, *other["linear1"], *other["linear2"])
            right["MLP", shuffled].append((logits.argmax(1) == y_test).double())
    rows = [("", "parameters", "as they are", "shuffled")]
    for name, shapes in (("network", cnn), ("MLP", mlp)):
        means = [torch.stack(right[name, shuffled]).mean().item() for shuffled in (False, True)]
        rows.append((name, parameters(he_init(shapes, 0)), *means))
    return rows


# %% [markdown]
# The network falls from 0.953 to 0.907. The MLP has 0.943 before and 0.946 after: it loses nothing, and
# it, the worse one before, is the better one afterwards.
#
# *The MLP cannot tell the two apart.* Let the matrix $\Pi$ bring the pixels of a row $x$ into the new order,
# $x \Pi$. With the rows of its weights in the new order, too, the first layer gives
# $(x \Pi)(\Pi^\top W) = xW$: the same numbers, the same loss, and gradients in the new order, so that this
# stays so at each step. Only the start differs, and at the start the weights are independent random
# numbers: one order of them is as likely as another. Trained on shuffled images it is, start for
# start, a network that might have come of the others. What is left of a difference is chance.
#
# *The network assumes something.* A window holds pixels that belong together; a filter that is worth having
# in one corner is worth having in all others; and of four neighbours it is enough to know the largest
# answer, not whose it was. For pictures of things all this is so, and nobody has to learn it. In shuffled
# images none of it is: neighbours have nothing to do with each other, so the eight filters look for
# something that is everywhere something else, and the maximum throws away places that matter.
#
# Its parameters are no more than the MLP's. What it is ahead is what it need not find out. An assumption
# that holds is worth as much as many examples, and one that does not hold is worse than none.

# %% [markdown]
# ## Show: what it has learnt, and what it confuses
#
# Above, your network and the MLP of its size, as they learn; then the eight filters of the first stage
# (red positive, blue negative). Below a digit from the test set, its eight maps after the first stage,
# and the gradient of its loss in the image: what `cnn_backward` returns first. Red pixels would make the
# network less sure if they were brighter, blue ones if they were darker. Last, the confusion matrix of
# the test set. With `gradus show cnn --data mnist` all of it is drawn for MNIST, of which 4,000 images
# are trained on.


# %%
def figure(digits, quick=False):
    """Learning curves, filters, feature maps, the gradient of an image, and the confusion matrix.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    x, y, x_test, y_test = (part[:4000] for part in digits)
    x, x_test, epochs = images(x), images(x_test), 1 if quick else 12
    cnn, mlp, padding = design(x.shape[2])
    params, other = he_init(cnn, 0), he_init(mlp, 0)
    curves = {f"this network: {parameters(params)}": [], f"MLP: {parameters(other)}": []}
    for epoch in range(epochs):
        batches, lr = minibatches(x, y, 30, 1, epoch), 0.2 if epoch < 8 else 0.04
        params, _ = train(params, batches, lr, padding)
        other = train_head(other, batches, lr)
        predicted = predict(x_test, params, padding)
        logits, _ = head_forward(x_test, *other["linear1"], *other["linear2"])
        for values, guess in zip(curves.values(), (predicted, logits.argmax(1)), strict=True):
            values.append((guess == y_test).double().mean())

    drawn = plt.figure(figsize=(12, 8), layout="constrained")
    left, right = drawn.subfigures(1, 2, width_ratios=(1.25, 1))
    learning, filters, maps = left.subfigures(3, 1, height_ratios=(1.5, 1, 1.25))
    axes = learning.subplots()
    for name, values in curves.items():
        axes.plot(range(1, epochs + 1), values, marker=".", label=f"{name} parameters")
    axes.set(xlabel="epochs", ylabel="accuracy, held out", title="while they learn")
    axes.legend(loc="lower right")

    look = dict(xticks=[], yticks=[])
    filters.suptitle("the filters of the first stage, and the digit's maps behind it")
    w, b = params["conv1"]
    answers, _ = stage_forward(x_test[:1], w, b, padding)
    for column, weights, answer in zip(filters.subplots(2, 8).T, w, answers[0], strict=True):
        largest = w.abs().max()
        column[0].imshow(weights[0], cmap="RdBu_r", vmin=-largest, vmax=largest)
        column[1].imshow(answer, cmap="gray", vmin=0, vmax=answers.max())
        for panel in column:
            panel.set(**look)

    logits, cache = cnn_forward(x_test[:1], params, padding)
    dx, _ = cnn_backward(softmax_cross_entropy(logits, y_test[:1])[1], cache)
    p = torch.exp(logits[0] - torch.logsumexp(logits[0], 0))
    panels = maps.subplots(1, 3)
    panels[0].imshow(x_test[0, 0], cmap="gray")
    panels[0].set(title=f"a digit: {y_test[0]}", **look)
    largest = dx.abs().max()
    panels[1].imshow(dx[0, 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
    panels[1].set(title="gradient of its loss", **look)
    panels[2].bar(range(10), p)
    panels[2].set(title="probabilities", xticks=range(10), ylim=(0, 1))

    counts = confusion_matrix(y_test, predicted, 10)
    axes = right.subplots()
    axes.imshow(counts.double().sqrt(), cmap="Purples")
    for i, j in counts.nonzero().tolist():
        colour = "white" if i == j else "black"
        axes.text(j, i, counts[i, j].item(), ha="center", va="center", color=colour)
    axes.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="what it is")
    axes.set_title(f"{counts.sum() - counts.trace()} of {counts.sum()} test digits are wrong")
    return drawn


# %% [markdown]
# ## ★ Extension: a digit that is seen as another
#
# No points. The gradient of the image can be followed as well as that of the weights: leave the network
# as it is, and change the *picture*. Take a test digit that it is sure about, and a class $t$ that is
# not the digit's. The loss with $t$ as its label has a gradient $\bar x$ in the image. Move every pixel by
# $\varepsilon$ against its sign, $x \leftarrow x - \varepsilon \operatorname{sign} \bar x$, cut off below 0
# and above 1, and repeat with a small $\varepsilon$ until the network says $t$.
#
# Predict first how far the pixels will have to move: by a tenth of the range from black to white, or by
# half of it? Would *you* call the result a $t$? Try the same picture on a network with another seed, and
# on the MLP (Szegedy and others, 2013; Goodfellow and others, 2014).
#
# ## Read on
#
# - Y. LeCun et al.: Backpropagation applied to handwritten zip code recognition, *Neural Computation* 1,
#   1989, doi:10.1162/neco.1989.1.4.541. The first of these networks; its filters move by 2, without
#   pooling.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition,
#   *Proceedings of the IEEE* 86, 1998, doi:10.1109/5.726791. LeNet-5, and all that belongs to reading a
#   cheque.
# - A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet classification with deep convolutional neural
#   networks, 2012, again in *Communications of the ACM* 60, 2017, doi:10.1145/3065386. The same, larger,
#   with ReLU and the maximum.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals: Understanding deep learning requires rethinking
#   generalization, 2016, arXiv:1611.03530. Large networks with shuffled pixels, and with random labels.
# - M. Zeiler, R. Fergus: Visualizing and understanding convolutional networks, 2013, arXiv:1311.2901.
#   What the filters of the later stages answer to.
# - C. Szegedy et al.: Intriguing properties of neural networks, 2013, arXiv:1312.6199, and
#   I. Goodfellow, J. Shlens, C. Szegedy: Explaining and harnessing adversarial examples, 2014,
#   arXiv:1412.6572. The extension.

# %% [markdown] tags=["hints"]
# ## stage_forward
# 1. (N, C, H, W) becomes (N, K, OH, OW) by the convolution, stays so in ReLU, and is half as high and
#    half as wide after pooling.
# 2. $y = \operatorname{maxpool}(\operatorname{ReLU}(\operatorname{conv}(x; w, b)))$.
# 3. Call the three given forward functions one after the other, each on what the one before has
#    returned; the padding goes to the convolution. Keep all three caches.
#
# ## stage_backward
# 1. dout has the shape of the pooled maps; from pooling on backwards everything is (N, K, OH, OW); the
#    convolution gives back the three shapes of x, w and b.
# 2. $\bar y \to \bar a \to \bar z \to (\bar x, \bar w, \bar b)$: pooling, ReLU, convolution.
# 3. Call the three given backward functions in the opposite order of the forward, each with its own
#    cache, and each on the gradient that the one before has returned.
#
# ## flat_features
# 1. Height and width go through the same formula twice; one whole number comes out.
# 2. $H' = \lfloor (H + 2P - F + 1) / 2 \rfloor$, $H''$ the same of $H'$; the result is $K H'' W''$.
# 3. Twice: work out both sizes after convolution and pooling, with a division that rounds down. Refuse
#    if one of them is below 1 in the end; otherwise multiply both with the number of filters.
#
# ## head_forward
# 1. (N, K, H, W) becomes (N, K · H · W): only the first axis stays. Then (N, M), then (N, C).
# 2. $\text{logits} = \operatorname{ReLU}(x^{\text{flat}} W_1 + b_1)\, W_2 + b_2$.
# 3. Flatten all axes but the first, linear layer, ReLU, linear layer; nothing after it. Keep the shape of
#    x and the three caches.
#
# ## head_backward
# 1. dout is (N, C), the hidden gradients are (N, M), that of the flat rows (N, K · H · W), and dx has the
#    four axes again.
# 2. $\bar h = \bar y W_2^\top$, $\bar z = \bar h \cdot [z > 0]$, $\bar x^{\text{flat}} = \bar z W_1^\top$, and
#    $\bar x_{nkhw} = \bar x^{\text{flat}}_{n,\,(kH + h)W + w}$.
# 3. Backward through the second linear layer, ReLU, the first linear layer. Give the last gradient the
#    shape that x had. Return the gradients in the order of the forward's inputs: the first layer's before
#    the second's.
#
# ## cnn_forward
# 1. What a stage returns has as many channels as the next filters look at, and what the second returns
#    has as many numbers for an example as the first linear layer has rows.
# 2. $\text{logits} = \operatorname{head}(\operatorname{stage}_2(\operatorname{stage}_1(x)))$.
# 3. A stage with the pair of the first convolution, a stage with that of the second, and the head with
#    the four tensors of the linear layers. Both stages take the padding. Keep three caches.
#
# ## cnn_backward
# 1. dx has the shape of the image. Each gradient has the shape of its parameter, under its name.
# 2. $\bar x_2, \bar W_1, \bar b_1, \bar W_2, \bar b_2 \leftarrow \operatorname{head}'(\bar y)$;
#    $\bar x_1, \dots \leftarrow \operatorname{stage}_2'(\bar x_2)$;
#    $\bar x, \dots \leftarrow \operatorname{stage}_1'(\bar x_1)$, where a prime is the backward function.
# 3. Head, second stage, first stage, each with its own cache and with the first gradient that the one
#    before has returned. Sort the others into a dict, in pairs.
#
# ## train
# 1. The parameters keep their shapes; there are as many losses as batches.
# 2. $p \leftarrow p - \eta\, \partial L / \partial p$ with the loss $L$ of this batch at the parameters of
#    this moment.
# 3. For each batch: forward with the padding, the loss and its gradient from the logits as they are,
#    backward, one step, and the loss put on a list as a number of Python's. Return both.
#
# ## confusion_matrix
# 1. (classes, classes), whatever occurs in y; the entries sum to N.
# 2. $M_{ij} = \sum_n [\,y_n = i\,]\,[\,\hat y_n = j\,]$.
# 3. Give each pair of class and prediction a number of its own, row by row; count how often each of these
#    numbers occurs, also those that do not; bring the counts into rows and columns. (Or add 1 in a loop.)
