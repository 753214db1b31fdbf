# %% [markdown]
# # Multi-layer perceptron
#
# A network of linear layers with a ReLU between them, trained by stochastic gradient descent.
# Every function here is a few lines; each line follows from a formula that you can derive with
# pencil and paper. You have torch tensors and no automatic differentiation.
#
# **Afterwards you can** derive the gradient of any chain of layers, write its forward and backward
# pass as matrix products, and say what the batch size does to training.
#
# Before: *Softmax and cross-entropy* gives the loss and its gradient. After: all that comes in
# *Descent* and *Generalising* trains a network like this one.
#
# **Conventions.** The first axis of every input is the batch: $N$ examples. A forward function
# returns `(out, cache)`, where `cache` is whatever the backward function needs. A backward function
# receives `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the
# inputs in the order of the forward's arguments. Nothing is modified in place, and dtypes follow
# the inputs.

# %% [markdown]
# ## By hand
#
# One example, $x = (1, 2)$, and two layers of two units each:
#
# $$W_1 = \begin{pmatrix} 1 & 1 \\ 2 & -1 \end{pmatrix},\ b_1 = (0, -1), \qquad
#   W_2 = \begin{pmatrix} 1 & 2 \\ 3 & 1 \end{pmatrix},\ b_2 = (1, 0).$$
#
# Forward, from left to right:
#
# | | unit 1 | unit 2 |
# |---|---|---|
# | $z = xW_1 + b_1$ | $1 \cdot 1 + 2 \cdot 2 + 0 = 5$ | $1 \cdot 1 - 2 \cdot 1 - 1 = -2$ |
# | $h = \operatorname{ReLU}(z)$ | $5$ | $0$ |
# | logits $= hW_2 + b_2$ | $5 \cdot 1 + 0 \cdot 3 + 1 = 6$ | $5 \cdot 2 + 0 \cdot 1 + 0 = 10$ |
#
# Say the loss arrives with $\partial L / \partial\,\text{logits} = (1, -1)$: it falls when the first
# logit falls and the second rises. Backward, from right to left, one question for each quantity:
# *if it grew by a little, by how much would the loss change?*
#
# | | | |
# |---|---|---|
# | $\partial L/\partial b_2$ | each bias moves its own logit | $(1, -1)$ |
# | $\partial L/\partial W_2$ | $w_{ij}$ moves logit $j$ by $h_i$ | $\begin{pmatrix} 5 & -5 \\ 0 & 0 \end{pmatrix}$ |
# | $\partial L/\partial h$ | $h_i$ moves both logits, by its row of $W_2$ | $(1 - 2,\ 3 - 1) = (-1, 2)$ |
# | $\partial L/\partial z$ | unit 2 is off: what it wants does not matter | $(-1, 0)$ |
# | $\partial L/\partial b_1$ | as above | $(-1, 0)$ |
# | $\partial L/\partial W_1$ | $w_{ij}$ moves $z_j$ by $x_i$ | $\begin{pmatrix} -1 & 0 \\ -2 & 0 \end{pmatrix}$ |
#
# A unit that is off learns nothing from this example, in either layer: its row of $W_2$ and its
# column of $W_1$ have gradient 0. The numbers of the first row above are the first that
# `gradus check` asks of you.

# %%
import torch

# %% [markdown]
# ## A linear layer
#
# For a batch $X \in \mathbb{R}^{N \times D}$, weights $W \in \mathbb{R}^{D \times M}$ and a bias
# $b \in \mathbb{R}^{M}$,
#
# $$Y = XW + b, \qquad y_{nm} = \sum_d x_{nd}\, w_{dm} + b_m .$$
#
# Let $\bar Y = \partial L / \partial Y$ be what arrives from above. Each $w_{dm}$ touches $y_{nm}$
# for every example $n$, and each $x_{nd}$ touches $y_{nm}$ for every output $m$. Sum over paths:
#
# $$\frac{\partial L}{\partial w_{dm}} = \sum_n x_{nd}\, \bar y_{nm}, \qquad
#   \frac{\partial L}{\partial x_{nd}} = \sum_m \bar y_{nm}\, w_{dm}, \qquad
#   \frac{\partial L}{\partial b_m} = \sum_n \bar y_{nm}.$$
#
# Write the first two as matrix products: the shapes leave only one way to do it. (Loops over single
# numbers are right and too slow: a check ends after ten seconds, and the last one trains a network.)
# The bias gradient is a *sum* over the batch. If the loss is a mean, its $1/N$ is already inside
# $\bar Y$.


# %%
def linear_forward(x, w, b):
    """Affine map of each row: out = x @ w + b.

    x: (N, D), w: (D, M), b: (M,). Returns (out, cache), out: (N, M).
    """
    raise NotImplementedError


def linear_backward(dout, cache):
    """Gradients of a linear layer.

    dout: (N, M). Returns (dx, dw, db) of shapes (N, D), (D, M), (M,).
    """
    raise NotImplementedError


# %% [markdown]
# ## ReLU
#
# $$y = \max(x, 0), \qquad \frac{\partial L}{\partial x} = \bar y \cdot [x > 0].$$
#
# The unit passes the gradient where its *input* was positive and stops it elsewhere. What the
# gradient $\bar y$ itself looks like has no say in it. At $x = 0$ the derivative does not exist; by
# convention it is 0 here.


# %%
def relu_forward(x):
    """Elementwise max(x, 0). x: any shape. Returns (out, cache), out: the shape of x."""
    raise NotImplementedError


def relu_backward(dout, cache):
    """Gradient of ReLU, 0 where the input was 0. dout: any shape. Returns dx of that shape."""
    raise NotImplementedError


# %% [markdown]
# ## The network
#
# The parameters are a list of pairs $(W_1, b_1), \dots, (W_K, b_K)$. With $H_0 = X$,
#
# $$H_k = \operatorname{ReLU}(H_{k-1} W_k + b_k) \quad (k < K), \qquad
#   \text{logits} = H_{K-1} W_K + b_K .$$
#
# The last layer has no ReLU: logits may be negative. The chain rule runs through the same steps in
# the opposite order, and each step is a backward function that you have written already. The
# gradient that leaves layer $k$ through its input is the one that enters layer $k-1$.


# %%
def mlp_forward(x, params):
    """Linear layers with ReLU between them and none after the last.

    x: (N, D), params: list of (w, b), w: (D, H1), (H1, H2), …, (Hk, C), b: the matching (H,).
    Returns (logits, cache), logits: (N, C).
    """
    raise NotImplementedError


def mlp_backward(dlogits, cache):
    """Gradients of all parameters.

    dlogits: (N, C). Returns a list of (dw, db) in the order and shapes of params.
    """
    raise NotImplementedError


# %% [markdown]
# ## The loss, and where to start
#
# Both are given: the topics *Softmax and cross-entropy* and *Initialization* derive them. The
# loss is the mean over the batch of $-\log p_{n, y_n}$; its gradient with respect to the logits is
# $(p - \text{onehot}(y)) / N$.


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


def he_init(sizes, seed, dtype=torch.float32, device="cpu"):
    """Weights from N(0, 2 / fan_in), biases 0 (He et al., 2015). sizes: [D, H1, …, C].

    Returns the list of (w, b) that mlp_forward takes.
    """
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            (torch.randn(d, m, generator=generator) * (2 / d) ** 0.5).to(device, dtype),
            torch.zeros(m, dtype=dtype, device=device),
        )
        for d, m in zip(sizes[:-1], sizes[1:], strict=True)
    ]


# %% [markdown]
# ## Stochastic gradient descent
#
# For a small enough step, $w \leftarrow w - \eta\, \partial L / \partial w$ lowers the loss. The
# negative gradient is the direction of steepest descent *here*: it does not point to the minimum,
# and how far it can be trusted depends on the curvature. The learning rate $\eta$ is any positive
# number; nothing stops it from being larger than 1.
#
# The gradient over a mini-batch is an unbiased estimate of the gradient over all data. An *epoch*
# visits every example once, in a new random order: shuffle, cut into batches, and keep the last one
# even when it is smaller.


# %%
def sgd_update(params, grads, state, lr):
    """One step of gradient descent: p − lr · gradient.

    params, grads: lists of (w, b) and (dw, db); lr > 0. Plain SGD keeps no state: it is returned
    as it came. Returns (params, state) with new tensors; the arguments stay as they are.
    """
    raise NotImplementedError


def minibatches(x, y, batch_size, seed):
    """One epoch: every example once, in a random order that depends on seed.

    x: (N, D), y: (N,). Returns a list of ceil(N / batch_size) pairs (x_batch, y_batch); all have
    batch_size examples but the last, which holds the rest.
    """
    raise NotImplementedError


# %% [markdown]
# ## Training
#
# Start from `he_init(sizes, seed, x.dtype, x.device)`. For every epoch, for every mini-batch:
# forward, loss and its gradient, backward, update. Give each epoch a seed of its own, or all epochs
# see one order.


# %%
def train(x, y, sizes, epochs, lr, batch_size, seed):
    """Train an MLP by mini-batch SGD, starting from he_init(sizes, seed, x.dtype, x.device).

    x: (N, D), y: (N,), sizes: [D, H1, …, C]. Returns the trained params.
    """
    raise NotImplementedError


def predict(x, params):
    """The most probable class of each row. x: (N, D). Returns (N,) labels."""
    return mlp_forward(x, params)[0].argmax(1)


# %% [markdown]
# ## Why: how large a batch?
#
# The same network is trained on the digits with batches of 1, of 30, and of all 1,347 examples, each
# with a learning rate that suits it. A larger batch has a better gradient; a smaller one makes more
# steps. Write down before you run it: **which of the three is best after four epochs, and which after
# the same time at the computer?** What it says is explained below the code.


# %%
def experiment(digits, quick=False):
    """What batch sizes 1, 30 and all reach after equal epochs, and after equal time.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    """
    import time

    x, y, x_test, y_test = digits
    epochs, seconds = (1, 0.05) if quick else (4, 0.5)
    rows = [("batch size", "learning rate", f"accuracy, {epochs} epochs", f"accuracy, {seconds} s")]
    for size, lr in ((1, 0.02), (30, 0.2), (len(x), 0.5)):
        params, state = he_init([x.shape[1], 48, 10], 0), None
        epoch, after_epochs, after_time, start = 0, None, None, time.perf_counter()
        while after_epochs is None or after_time is None:
            for x_batch, y_batch in minibatches(x, y, size, epoch):
                logits, cache = mlp_forward(x_batch, params)
                _, dlogits = softmax_cross_entropy(logits, y_batch)
                params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
                if after_time is None and time.perf_counter() - start > seconds:
                    after_time = (predict(x_test, params) == y_test).double().mean()
            epoch += 1
            if epoch == epochs:
                after_epochs = (predict(x_test, params) == y_test).double().mean()
        rows.append((size, lr, after_epochs.item(), after_time.item()))
    return rows


# %% [markdown]
# An epoch is 1,347 steps of the first, 45 of the second and one of the third: after equal epochs the
# smallest batch has moved most, and the batch of all examples, whose gradient is exact, has gone four
# steps. After equal time the order is turned round. A step on thirty examples takes hardly longer than
# one on a single example, and here, where the examples are few and small, even a step on all of them
# is only a few times as long: the same calls of torch. The single example comes last, and its accuracy
# jumps from one measurement to the next, for its gradient does. With more data a step on all examples
# grows in proportion, and one on thirty does not: that is why batches are small, and not of one.

# %% [markdown]
# ## Show: a boundary that bends while your network learns
#
# Two arms of a spiral, which no line separates. The figure is drawn by your functions: what the
# network says about every point of the plane after 0, 10, 40 and 150 epochs; then its learning curve
# on the digits, and test digits that it gets wrong.
#
# With `gradus show mlp --data mnist` the curve is that of the settings that a published course
# reports: 784-512-128-10 units, learning rate 0.01, batches of 32, thirty epochs. It gives a training
# accuracy of 0.9969 and 0.9794 on data not trained on; both are drawn beside yours. That takes some
# minutes.


# %%
def figure(digits, quick=False):
    """The boundary on a spiral as training goes on, and a learning curve with what is still wrong.

    digits: (x_train, y_train, x_test, y_test), 8×8 or 28×28 pixels. Returns a figure.
    """
    import matplotlib.pyplot as plt

    def trained(x, y, sizes, epochs, lr, batch_size):
        """The parameters after each epoch, those before the first included."""
        params, state = he_init(sizes, 1), None
        yield params
        for epoch in range(epochs):
            for x_batch, y_batch in minibatches(x, y, batch_size, epoch):
                logits, cache = mlp_forward(x_batch, params)
                _, dlogits = softmax_cross_entropy(logits, y_batch)
                params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
            yield params

    drawn = plt.figure(figsize=(11, 8.5), layout="constrained")
    grid = drawn.add_gridspec(3, 12, height_ratios=(3, 2.4, 1.2))

    points, arm = spiral(200)
    moments = (0, 1, 2, 3) if quick else (0, 10, 40, 150)
    side = torch.linspace(-1.2, 1.2, 30 if quick else 120)
    plane = torch.cartesian_prod(side, side)
    for epoch, params in enumerate(trained(points, arm, [2, 32, 32, 2], moments[-1], 0.3, 20)):
        if epoch in moments:
            at = 3 * moments.index(epoch)
            axes = drawn.add_subplot(grid[0, at : at + 3])
            logits = mlp_forward(plane, params)[0]
            margin = (logits[:, 1] - logits[:, 0]).reshape(len(side), -1).T
            axes.contourf(side, side, margin.tanh(), levels=20, cmap="RdBu", alpha=0.6)
            axes.scatter(*points.T, c=arm, cmap="RdBu", s=18, edgecolors="white", linewidths=0.5)
            axes.set(title=f"after {epoch} epochs", xticks=[], yticks=[], aspect="equal")

    x, y, x_test, y_test = digits
    published = x.shape[1] == 784
    sizes, lr, size, epochs = ([64, 48, 10], 0.15, 30, 30)
    if published:
        sizes, lr, size, epochs = ([784, 512, 128, 10], 0.01, 32, 30)
    right = []
    for params in trained(x, y, sizes, 1 if quick else epochs, lr, size):
        wrong = predict(x_test, params) != y_test
        right.append(((predict(x, params) == y).double().mean(), 1 - wrong.double().mean()))
    axes = drawn.add_subplot(grid[1, :])
    for name, values in zip(("training", "held out"), zip(*right, strict=True), strict=True):
        axes.plot(values, label=f"{name}: {values[-1]:.4f}", marker=".")
    if published:
        axes.axhline(0.9969, linestyle=":", color="C0", label="published, training: 0.9969")
        axes.axhline(0.9794, linestyle=":", color="C1", label="published, held out: 0.9794")
    axes.set(
        xlabel="epochs",
        ylabel="accuracy",
        ylim=(0.8, 1.01),
        title="the digits, and what is still wrong at the end",
    )
    axes.legend(loc="lower right")

    mistaken = wrong.nonzero().flatten()[:12]
    guesses = predict(x_test, params)
    for at, example in enumerate(mistaken.tolist()):
        axes = drawn.add_subplot(grid[2, at])
        pixels = x_test[example].reshape(int(x.shape[1] ** 0.5), -1)
        axes.imshow(pixels, cmap="gray_r")
        axes.set(title=f"{y_test[example]}, not {guesses[example]}", xticks=[], yticks=[])
        axes.title.set_fontsize(9)
    return drawn


def spiral(n):
    """Two arms of n / 2 points each around the origin. Returns (x, y), x: (n, 2), y: (n,)."""
    turn = torch.linspace(0.3, 1.0, n // 2)
    angle = 2 * torch.pi * 1.4 * turn
    arm = torch.stack([turn * angle.cos(), turn * angle.sin()], 1)
    return torch.cat([arm, -arm]), torch.arange(2).repeat_interleave(n // 2)


# %% [markdown]
# ## ★ Extension
#
# Replace ReLU by $\tanh$ in your network (no points): only two functions change. Draw the figure
# again. Which boundary is smoother, and why has it no corners?
#
# ## Read on
#
# - D. Rumelhart, G. Hinton, R. Williams: Learning representations by back-propagating errors, *Nature*
#   323, 1986, doi:10.1038/323533a0. The derivation above, in four pages.
# - X. Glorot, A. Bordes, Y. Bengio: Deep sparse rectifier neural networks, AISTATS 2011: why a unit
#   that is off is a good thing to have.
# - K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers, 2015, arXiv:1502.01852: the start of
#   the weights that is given above.
# - D. Masters, C. Luschi: Revisiting small batch training for deep neural networks, 2018,
#   arXiv:1804.07612: the experiment, on large networks.
