# %% [markdown]
# # Softmax and cross-entropy
#
# How scores become probabilities, how probabilities become a loss, and why the gradient of the two
# together is simpler than either alone. Every function here is a few lines; each line follows from
# a formula that you can derive with pencil and paper. You have torch tensors, without their softmax
# and without automatic differentiation.
#
# **Conventions.** A batch holds $N$ examples with $C$ classes: one example is a row. A forward
# function returns `(out, cache)`, where `cache` is whatever the backward function needs. A backward
# function receives `dout`, the gradient of the loss with respect to `out`, and the cache that the
# forward returned, and returns the gradient of the forward's first argument (labels have none).
# Nothing is modified in place, neither the arguments nor a cache, and dtypes follow the inputs.

# %%
import torch

# %% [markdown]
# ## Softmax
#
# The *logits* $x_1, \dots, x_C$ of an example are any real numbers. Softmax (Bridle, 1990) turns
# them into probabilities:
#
# $$p_i = \frac{e^{x_i}}{\sum_k e^{x_k}} .$$
#
# Try $x = (0, \ln 2, \ln 5)$ by hand: $p = (\tfrac18, \tfrac14, \tfrac58)$.
#
# **What it softens.** In spite of its name, softmax does not approximate the maximum, which is one
# number. It approximates the *argmax* as a one-hot vector: $\operatorname{softmax}(x / T)$ tends to
# 1 at the largest logit and 0 elsewhere as $T \to 0$. The smooth maximum is its logarithmic
# neighbour, $\max_k x_k \le \ln \sum_k e^{x_k} \le \max_k x_k + \ln C$.
#
# **What it does not see.** Add $c$ to all logits of an example: $e^c$ cancels, and $p$ stays. On
# paper this is a curiosity. In a computer it saves the day: even in float64 $e^{1000}$ overflows to
# infinity and $e^{-1000}$ underflows to 0, so that a row of large logits ends in $\infty/\infty$
# and a row of very negative ones in $0/0$. Which $c$ makes the largest exponent of *each row* 0, so
# that nothing overflows and no sum is below 1?


# %%
def softmax_forward(x):
    """Softmax of each row: out[n, i] = exp(x[n, i]) / sum over k of exp(x[n, k]).

    x: (N, C) of any size, ±1000 included. Returns (out, cache), out: (N, C), in [0, 1], every row
    sums to 1. (Bridle, 1990; on its rounding: Blanchard, Higham & Higham, 2021.)
    """
    # BEGIN SOLUTION
    m = x.max(1, keepdim=True).values
    e = (x - m).exp()
    p = e / e.sum(1, keepdim=True)
    return p, p
    # END SOLUTION


# %% [markdown]
# ## The Jacobian of softmax
#
# Each logit stands in the denominator of every probability, so that every $x_j$ moves every $p_i$.
# Take the logarithm first, $\ln p_i = x_i - \ln \sum_k e^{x_k}$, and differentiate both sides:
#
# $$\frac{1}{p_i} \frac{\partial p_i}{\partial x_j} = \delta_{ij} - p_j
#   \qquad\Longrightarrow\qquad
#   J_{ij} = \frac{\partial p_i}{\partial x_j} = p_i\, (\delta_{ij} - p_j),$$
#
# with $\delta_{ij} = 1$ for $i = j$ and 0 otherwise. The diagonal is $p_i (1 - p_i)$, which looks
# like the sigmoid's derivative. That is not the whole answer: everything off the diagonal is
# $-p_i p_j$, and not zero. Two tests for paper: $J$ is symmetric, and each of its rows sums to 0.
# Why must it?


# %%
def softmax_jacobian(p):
    """Jacobian of softmax for each row: out[n, i, j] = ∂p[n, i] / ∂x[n, j], from p alone.

    p: (N, C), the probabilities softmax(x), not x. Returns (N, C, C).
    """
    # BEGIN SOLUTION
    outer = p[:, :, None] * p[:, None, :]
    return torch.diag_embed(p) - outer
    # END SOLUTION


# %% [markdown]
# ## The gradient through softmax
#
# Let $\bar p_i = \partial L / \partial p_i$ be what arrives from above. The chain rule sums over
# all paths from $x_j$ to the loss:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i \bar p_i\, J_{ij}
#   = \sum_i \bar p_i\, p_i\, (\delta_{ij} - p_j).$$
#
# This is a *vector-Jacobian product*. Multiply it out: the $\delta$ picks one term, and the other
# is $p_j$ times a number that is the same for all $j$ of the example. So the matrix need not exist:
# $O(C)$ operations per example do what $O(C^2)$ would. (With $\bar p = (1, \dots, 1)$ the result is
# 0, for the probabilities sum to 1 whatever the logits. A test with such a `dout` tests nothing.)


# %%
def softmax_backward(dout, cache):
    """Gradient of softmax, the vector-Jacobian product of each row, without the Jacobian.

    dout: (N, C), the gradient with respect to the probabilities. Returns dx: (N, C).
    """
    # BEGIN SOLUTION
    p = cache
    total = (p * dout).sum(1, keepdim=True)
    return p * (dout - total)
    # END SOLUTION


# %% [markdown]
# ## Log-softmax
#
# The loss needs $\ln p_i$. To take the logarithm of a softmax that has been computed already is too
# late: $e^0$ is 1 and harmless, but a small probability has been rounded to 0 by then, and it is
# $\ln 0$ that is $-\infty$. In float32 the logits $(200, 0, 0)$ are enough. (To add a small
# $\varepsilon$ inside the logarithm hides the infinity behind a wrong number: $-200$ becomes
# $\ln 10^{-8} \approx -18$.) Use the logarithm on paper instead. For every $c$,
#
# $$\ln p_i = x_i - \ln \sum_k e^{x_k} = (x_i - c) - \ln \sum_k e^{x_k - c},$$
#
# and with the $c$ from above no exponential overflows and no logarithm sees a number below 1.
#
# For the gradient, you had the derivative in your hands on the way to the Jacobian:
#
# $$\frac{\partial \ln p_i}{\partial x_j} = \delta_{ij} - p_j .$$
#
# Let $\bar\ell_i$ be the gradient with respect to $\ln p_i$, and sum over the paths once more. The
# sum comes out differently from that of softmax: look at what $p_j$ is multiplied by.


# %%
def log_softmax_forward(x):
    """Logarithm of softmax of each row: out[n, i] = x[n, i] − ln of sum over k of exp(x[n, k]).

    x: (N, C) of any size, ±1000 included. Returns (out, cache), out: (N, C), finite, ≤ 0; natural
    logarithm. (Blanchard, Higham & Higham, 2021.)
    """
    # BEGIN SOLUTION
    m = x.max(1, keepdim=True).values
    total = (x - m).exp().sum(1, keepdim=True)
    log_p = x - m - total.log()
    return log_p, log_p
    # END SOLUTION


def log_softmax_backward(dout, cache):
    """Gradient of log-softmax, without a Jacobian.

    dout: (N, C), the gradient with respect to the log-probabilities. Returns dx: (N, C).
    """
    # BEGIN SOLUTION
    log_p = cache
    total = dout.sum(1, keepdim=True)
    return dout - log_p.exp() * total
    # END SOLUTION


# %% [markdown]
# ## Cross-entropy
#
# The cross-entropy of a one-hot target with $p$ is the negative logarithm of the probability that
# the right class got. Over a batch with labels $y_1, \dots, y_N$ we take the mean:
#
# $$L = -\frac1N \sum_n \ln p_{n, y_n} .$$
#
# A sure right answer costs nothing, guessing costs $\ln C$, and a sure wrong answer costs without
# bound. The function takes $\ln p$, not $p$, for the reason above. Its gradient is short: of the
# $C$ numbers of a row, the loss reads one.
#
# A label outside $0, \dots, C-1$ is an error in the data and must be reported. Indexing does not do
# it for you: $-1$ means the last class, and the loss comes out as a number that means nothing.


# %%
def cross_entropy_forward(log_p, y):
    """Mean cross-entropy: out = −(1/N) sum over n of log_p[n, y[n]].

    log_p: (N, C) log-probabilities (natural logarithm), y: (N,) integer labels in 0 … C−1, N ≥ 1.
    Returns (out, cache), out: scalar, ≥ 0, in nats. Raises ValueError when a label is outside
    0 … C−1.
    """
    # BEGIN SOLUTION
    n, c = log_p.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError(f"labels must lie in 0 … {c - 1}, got {int(y.min())} … {int(y.max())}")
    rows = torch.arange(n, device=y.device)
    loss = -log_p[rows, y].mean()
    return loss, (log_p, y)
    # END SOLUTION


def cross_entropy_backward(dout, cache):
    """Gradient of the mean cross-entropy with respect to the log-probabilities.

    dout: scalar, the gradient with respect to the loss (1 if nothing follows it). The entries of
    log_p count as independent variables: that rows sum to 1 is log-softmax's business.
    Returns dlog_p: (N, C).
    """
    # BEGIN SOLUTION
    log_p, y = cache
    rows = torch.arange(len(y), device=y.device)
    dlog_p = torch.zeros_like(log_p)
    dlog_p[rows, y] = -dout / len(y)
    return dlog_p
    # END SOLUTION


# %% [markdown]
# ## Both at once
#
# Two steps lead from the loss back to the logits: through cross-entropy, then through log-softmax.
# (The route of many textbooks goes through $p$ itself and meets $-1/p_{y}$ on the way: where $p_y$
# was rounded to 0, infinity times zero makes a NaN.) Now write the loss in the logits and
# differentiate it as a whole:
#
# $$L = \frac1N \sum_n \Bigl( \ln \sum_k e^{x_{nk}} - x_{n, y_n} \Bigr)
#   \qquad\Longrightarrow\qquad
#   \frac{\partial L}{\partial x_{nj}} = \frac{1}{N} \bigl( p_{nj} - [\,j = y_n] \bigr).$$
#
# The derivative of the smooth maximum is softmax itself, and everything else cancels. Read it:
# probability minus target. Each row sums to 0, no entry is larger than $1/N$, and the gradient
# vanishes only when the answer is right and sure. Check on paper that the two steps give the same.
#
# Softmax is a part of this loss: what goes in are logits. Probabilities as input would pass through
# softmax twice, which trains, slowly, and never becomes sure.


# %%
def softmax_cross_entropy_forward(logits, y):
    """Mean cross-entropy of softmax(logits) with the labels y.

    logits: (N, C) of any size, y: (N,) integer labels in 0 … C−1, N ≥ 1. Returns (out, cache), out:
    scalar, finite also where a probability rounds to 0: the logits (200, 0, 0) with label 1 cost
    200. Raises ValueError when a label is outside 0 … C−1.
    """
    # BEGIN SOLUTION
    log_p, _ = log_softmax_forward(logits)
    loss, _ = cross_entropy_forward(log_p, y)
    return loss, (log_p, y)
    # END SOLUTION


def softmax_cross_entropy_backward(dout, cache):
    """Gradient of the loss with respect to the logits in one step: dout · (p − onehot(y)) / N.

    dout: scalar, the gradient with respect to the loss (1 if nothing follows it).
    Returns dlogits: (N, C).
    """
    # BEGIN SOLUTION
    log_p, y = cache
    rows = torch.arange(len(y), device=y.device)
    difference = log_p.exp()
    difference[rows, y] -= 1
    return difference * dout / len(y)
    # END SOLUTION


# %% [markdown]
# ## What the shortcut is worth
#
# One sometimes reads that the joint gradient is six to eight times faster. Faster than what? Once
# your functions work, call `compare_timings()` in a cell of its own. It computes one gradient along
# five routes, says how far they differ, prints the times and plots them against the number of
# classes. Which ratio grows with $C$, and which with $N$? What does that say about any single
# number that is given for "the" speed-up? And which routes would survive the logits $(200, 0, 0)$?


# %%
def compare_timings(n=64, classes=(4, 16, 64, 256), repeats=20):
    """Time five routes to the gradient of the loss, on n examples; print a table and plot it."""
    import time

    import matplotlib.pyplot as plt

    def median_time(route):
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            route()
            times.append(time.perf_counter() - start)
        return sorted(times)[repeats // 2]

    seconds = {}
    for c in classes:
        routes = gradient_routes(torch.randn(n, c), torch.randint(c, (n,)))
        joint = routes["joint"]()
        gap = max(float((route() - joint).abs().max()) for route in routes.values())
        print(f"{c} classes (the gradients differ by at most {gap:.0e})")
        for name, route in routes.items():
            seconds.setdefault(name, []).append(median_time(route))
            took, ratio = seconds[name][-1], seconds[name][-1] / seconds["joint"][-1]
            print(f"  {name:<26} {1e6 * took:8.0f} µs {ratio:7.1f} × joint")

    for name, values in seconds.items():
        plt.loglog(classes, values, marker="o", label=name)
    plt.xlabel("classes")
    plt.ylabel("seconds")
    plt.title(f"One gradient of {n} examples along five routes")
    plt.legend()
    plt.show()


def gradient_routes(x, y):
    """Five functions that compute the gradient of the loss with respect to the logits x.

    x: (N, C), y: (N,). Forward passes are done beforehand, they do not count.
    """
    n, one = len(x), torch.ones((), dtype=x.dtype)
    p, softmax_cache = softmax_forward(x)
    log_p, log_cache = log_softmax_forward(x)
    _, loss_cache = cross_entropy_forward(log_p, y)
    _, joint_cache = softmax_cross_entropy_forward(x, y)
    singles = [softmax_cross_entropy_forward(x[i : i + 1], y[i : i + 1])[1] for i in range(n)]

    def dp():
        return cross_entropy_backward(one, loss_cache) / p

    return {
        "joint": lambda: softmax_cross_entropy_backward(one, joint_cache),
        "through log-softmax": lambda: log_softmax_backward(
            cross_entropy_backward(one, loss_cache), log_cache
        ),
        "through softmax": lambda: softmax_backward(dp(), softmax_cache),
        "through softmax's Jacobian": lambda: torch.einsum("ni,nij->nj", dp(), softmax_jacobian(p)),
        "joint, one by one": lambda: torch.cat(
            [softmax_cross_entropy_backward(one / n, cache) for cache in singles]
        ),
    }
