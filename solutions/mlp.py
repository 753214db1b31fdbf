# %% [markdown]
# # Multi-layer perceptron
#
# A network of linear layers with a ReLU between them, trained by stochastic gradient descent.
# Every function here is a few lines; each line follows from a formula that you can derive with
# pencil and paper. You have torch tensors and no automatic differentiation.
#
# **Conventions.** The first axis of every input is the batch: $N$ examples. A forward function
# returns `(out, cache)`, where `cache` is whatever the backward function needs. A backward function
# receives `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the
# inputs in the order of the forward's arguments. Nothing is modified in place, and dtypes follow
# the inputs.

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
# Write the first two as matrix products: the shapes leave only one way to do it. The bias gradient
# is a *sum* over the batch. If the loss is a mean, its $1/N$ is already inside $\bar Y$.


# %%
def linear_forward(x, w, b):
    """Affine map of each row: out = x @ w + b.

    x: (N, D), w: (D, M), b: (M,). Returns (out, cache), out: (N, M).
    """
    # BEGIN SOLUTION
    return x @ w + b, (x, w)
    # END SOLUTION


def linear_backward(dout, cache):
    """Gradients of a linear layer.

    dout: (N, M). Returns (dx, dw, db) of shapes (N, D), (D, M), (M,).
    """
    # BEGIN SOLUTION
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)
    # END SOLUTION


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
    # BEGIN SOLUTION
    return x.clamp(min=0), x > 0
    # END SOLUTION


def relu_backward(dout, cache):
    """Gradient of ReLU, 0 where the input was 0. dout: any shape. Returns dx of that shape."""
    # BEGIN SOLUTION
    return dout * cache
    # END SOLUTION


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
    # BEGIN SOLUTION
    caches = []
    for w, b in params[:-1]:
        x, linear_cache = linear_forward(x, w, b)
        x, relu_cache = relu_forward(x)
        caches.append((linear_cache, relu_cache))
    logits, last_cache = linear_forward(x, *params[-1])
    return logits, (caches, last_cache)
    # END SOLUTION


def mlp_backward(dlogits, cache):
    """Gradients of all parameters.

    dlogits: (N, C). Returns a list of (dw, db) in the order and shapes of params.
    """
    # BEGIN SOLUTION
    caches, last_cache = cache
    dx, *last = linear_backward(dlogits, last_cache)
    grads = [tuple(last)]
    for linear_cache, relu_cache in reversed(caches):
        dx, dw, db = linear_backward(relu_backward(dx, relu_cache), linear_cache)
        grads.append((dw, db))
    return grads[::-1]
    # END SOLUTION


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
    # BEGIN SOLUTION
    pairs = zip(params, grads, strict=True)
    return [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs], state
    # END SOLUTION


def minibatches(x, y, batch_size, seed):
    """One epoch: every example once, in a random order that depends on seed.

    x: (N, D), y: (N,). Returns a list of ceil(N / batch_size) pairs (x_batch, y_batch); all have
    batch_size examples but the last, which holds the rest.
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator).to(x.device)
    return [(x[batch], y[batch]) for batch in order.split(batch_size)]
    # END SOLUTION


# %% [markdown]
# ## Training
#
# Start from `he_init(sizes, seed, x.dtype, x.device)`. For every epoch, for every mini-batch:
# forward, loss and its gradient, backward, update. Give each epoch a seed of its own, or all epochs
# see one order.
#
# With 784-512-128-10 units, learning rate 0.01 and batches of 32, thirty epochs on MNIST reach a
# validation accuracy of about 0.98.


# %%
def train(x, y, sizes, epochs, lr, batch_size, seed):
    """Train an MLP by mini-batch SGD, starting from he_init(sizes, seed, x.dtype, x.device).

    x: (N, D), y: (N,), sizes: [D, H1, …, C]. Returns the trained params.
    """
    # BEGIN SOLUTION
    params, state = he_init(sizes, seed, x.dtype, x.device), None
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache = mlp_forward(x_batch, params)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
    return params
    # END SOLUTION


def predict(x, params):
    """The most probable class of each row. x: (N, D). Returns (N,) labels."""
    return mlp_forward(x, params)[0].argmax(1)
