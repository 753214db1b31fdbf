# %% [markdown]
# # Softmax and cross-entropy
#
# How scores become probabilities, how probabilities become a loss, and why the gradient of the two
# together is simpler than either alone. Every function here is a few lines; each line follows from
# a formula that you can derive with pencil and paper. You have torch tensors, without their softmax
# and without automatic differentiation.
#
# **Afterwards you can** compute a softmax, its logarithm and the cross-entropy without overflow for
# logits of any size, and derive their gradients one by one and all at once.
#
# Before: *Logistic regression* has the case of two classes. After: *Multi-layer perceptron* puts
# this loss, and its gradient, at the end of a network.
#
# **Conventions.** A batch holds $N$ examples with $C$ classes: one example is a row. A forward
# function returns `(out, cache)`, where `cache` is whatever the backward function needs. A backward
# function receives `dout`, the gradient of the loss with respect to `out`, and the cache that the
# forward returned, and returns the gradient of the forward's first argument (labels have none).
# Nothing is modified in place, neither the arguments nor a cache, and dtypes follow the inputs.

# %% [markdown]
# ## By hand
#
# One example with three classes, numbered from 0; the right one is class 1. The logits are whole
# numbers, the rest is rounded:
#
# | | class 0 | class 1 | class 2 | sum |
# |---|---|---|---|---|
# | logits $x$ | $2$ | $0$ | $1$ | |
# | $e^x$ | $7.389$ | $1$ | $2.718$ | $11.107$ |
# | $p$, each divided by the sum | $0.6652$ | $0.0900$ | $0.2447$ | $1$ |
# | $\ln p = x - \ln 11.107$ | $2 - 2.408 = -0.408$ | $-2.408$ | $-1.408$ | |
# | loss, $-\ln p$ of the right class | | $2.408$ | | |
# | gradient, $p$ minus 1 at the right class | $0.6652$ | $-0.9100$ | $0.2447$ | $0$ |
#
# The last row is derived below. A step against it raises the logit of the right class and lowers
# the others, most of all the one that got most. The three changes sum to 0.
#
# A second example has the logits $(5, 3, 4)$, which are 3 more. Each exponential is $e^3 = 20.09$
# times as large:
#
# | | class 0 | class 1 | class 2 | sum |
# |---|---|---|---|---|
# | $e^x$ | $148.41$ | $20.09$ | $54.60$ | $223.10$ |
# | $p$ | $0.6652$ | $0.0900$ | $0.2447$ | $1$ |
#
# The probabilities are the same: only differences of logits count, $x_i - x_j = \ln (p_i / p_j)$.
# Logits are logarithms of odds, up to a constant that nobody can see. To ten digits $p$ is
# $(0.6652409558, 0.0900305732, 0.2447284711)$. The softmax of these two rows is the first thing that
# `gradus check` asks of you.

# %%
import torch

# %% [markdown]
# ## Softmax
#
# The *logits* $x_1, \dots, x_C$ of an example are any real numbers. Softmax (Bridle, 1990) turns
# them into probabilities that sum to 1:
#
# $$p_i = \frac{e^{x_i}}{\sum_k e^{x_k}} .$$
#
# Try $x = (0, \ln 2, \ln 5)$: $p = (\tfrac18, \tfrac14, \tfrac58)$.
#
# **What it softens.** In spite of its name, softmax does not approximate the maximum, which is one
# number. It approximates the *argmax* as a one-hot vector: where one logit is the largest,
# $\operatorname{softmax}(x / T)$ tends to 1 there and to 0 elsewhere as the *temperature*
# $T \to 0$, and to $1/C$ everywhere as $T \to \infty$. The smooth maximum is its logarithmic
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
    m = x.amax(1, keepdim=True)
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
# $\ln 10^{-8} \approx -18$. What it does to the gradient is measured below.) Use the logarithm on
# paper instead. For every $c$,
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
    m = x.amax(1, keepdim=True)
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
# softmax twice, which trains, slowly, and never becomes sure: from numbers in $[0, 1]$ softmax makes
# at most $e / (e + C - 1)$, which is 0.23 for ten classes, so that the loss stays above 1.46.


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
# ## Two classes: the sigmoid
#
# Softmax of two logits divides $e^a$ by $e^a + e^b$; divide both by $e^a$:
#
# $$\operatorname{softmax}(a, b)_0 = \frac{1}{1 + e^{-(a - b)}} = \sigma(a - b) .$$
#
# So the binary case is softmax with the logits $(z, 0)$: class 0 gets $\sigma(z)$, class 1 the rest,
# $1 - \sigma(z) = \sigma(-z)$. One of two logits is superfluous, for only their difference counts; of
# $C$ logits, one is. Let $t = 1$ where class 0 is right and $t = 0$ where class 1 is. The *categorical*
# cross-entropy of one example is then
#
# $$-\ln p_{y} = -\bigl[\, t \ln \sigma(z) + (1 - t) \ln (1 - \sigma(z)) \bigr],$$
#
# the *binary* cross-entropy of *Logistic regression*, and the gradient with respect to $z$ is
# $\sigma(z) - t$, again probability minus target. Try it with your functions.
#
# With more classes the two differ, and the question decides which is meant. One softmax is for
# classes of which exactly one is right: raise a logit, and all other probabilities fall. $C$ sigmoids,
# with $C$ binary losses, are for $C$ questions with an answer each, such as what can be seen in a
# photograph: there is no sum to share. The logits $(2, 0, 1)$ have the sigmoids
# $(0.881, 0.500, 0.731)$, which sum to 2.112; the softmax of the same logits is in the table above.

# %% [markdown]
# ## Why: what does the naive form give?
#
# The logits are $(200, 0, 0)$, and the right class is class 1: a sure wrong answer. On paper the loss
# is 200 and the gradient $(1, -1, 0)$, to 86 decimals. Four routes to them:
#
# - $e^x / \sum e^x$ as it stands in the formula, then the logarithm, then back through $1/p_y$ and
#   the Jacobian;
# - the same with your `softmax_forward`, which does not overflow;
# - the same once more, with $10^{-8}$ added to $p$ inside the logarithm;
# - your log-softmax and the joint gradient.
#
# Write down before you run it: **which routes give the right loss in float32, and which in float64?
# And which of the wrong ones would you notice while a network is trained?**


# %%
def experiment(quick=False):
    """Loss and gradient at the logits (z, 0, 0) with label 1, along four routes.

    Returns the rows of a table, the first its head. It is as quick as it can be.
    """
    rows = [("z", "numbers", "route", "loss", "gradient")]
    y = torch.tensor([1])
    for z, dtype in ((200, torch.float32), (200, torch.float64), (1000, torch.float64)):
        x, one = torch.tensor([[z, 0, 0]], dtype=dtype), torch.ones((), dtype=dtype)
        naive = x.exp() / x.exp().sum(1, keepdim=True)
        stable, _ = softmax_forward(x)
        loss, cache = softmax_cross_entropy_forward(x, y)
        routes = {
            "naive p, log(p)": through_p(naive, y),
            "stable p, log(p)": through_p(stable, y),
            "stable p, log(p + 1e-8)": through_p(stable, y, 1e-8),
            "log-softmax, joint": (loss, softmax_cross_entropy_backward(one, cache)),
        }
        for route, (loss, gradient) in routes.items():
            numbers = ", ".join(f"{g:.2g}" for g in gradient[0].tolist())
            name = str(dtype).removeprefix("torch.")
            rows.append((z, name, route, float(loss), f"({numbers})"))
    return rows


def through_p(p, y, epsilon=0.0):
    """The mean of −log(p + epsilon) of the right classes, and its gradient in the logits, by 1/p."""
    rows = torch.arange(len(y))
    right = p[rows, y] + epsilon
    dp = torch.zeros_like(p)
    dp[rows, y] = -1 / (len(y) * right)
    return -right.log().mean(), torch.einsum("ni,nij->nj", dp, softmax_jacobian(p))


# %% [markdown]
# In float32 the naive form has the loss $\infty$ and a gradient of NaNs: $e^{200}$ is infinite, so
# that $p_0$ is $\infty / \infty$ and the others are 0. A softmax that does not overflow changes
# nothing about it: $p_1 = e^{-200} = 1.4 \cdot 10^{-87}$ lies below the smallest float32 above 0,
# $1.4 \cdot 10^{-45}$, and the way back is $1/0$ times $0$. In float64 both are right. A test in
# float64 with these logits finds nothing wrong, and the same code fails once it is trained in
# float32. At $(1000, 0, 0)$ float64 fails as well.
#
# With $\varepsilon = 10^{-8}$ nothing is infinite, and nothing is right: the loss is
# $-\ln 10^{-8} = 18.42$ in place of 200 or 1000, and the gradient is $(0, 0, 0)$ or of the order of
# $10^{-79}$. The derivative of $-\ln(p_y + \varepsilon)$ has $1 / (p_y + \varepsilon)$ for
# $1 / p_y$, so the right gradient is multiplied by
#
# $$\frac{p_y}{p_y + \varepsilon} .$$
#
# At $(18, 0, 0)$ this is 0.60, at $(25, 0, 0)$ it is 0.0014: an example that is wrong enough teaches
# nothing any more. NaNs are noticed. This is not, since the loss of all other examples still falls.
#
# The last route is right in all three cases, because no probability is computed before its
# logarithm, and nothing is divided by one.

# %% [markdown]
# ## Show: temperature, and what the shortcut is worth
#
# Above, one distribution at four temperatures: `softmax_forward` of five logits divided by $T$, with
# its entropy $-\sum_i p_i \ln p_i$. At $T = 0.1$ it is nearly the argmax, yet the logit 1.8 still gets
# 0.12; at $T = 5$ the entropy is 1.59, hardly below $\ln 5 = 1.61$, that of five equal numbers.
#
# Below, the time of one gradient along five routes. One sometimes reads that the joint gradient is
# six to eight times faster. Faster than what? Write down which ratio grows with the classes $C$ and
# which with the examples $N$, then draw. The forward passes are done beforehand, in all five.
#
# In three runs on two cores, the three routes without a matrix and without a loop took the same time:
# at the right ends, 0.7 to 1.3 times as long as the joint gradient. Each is a handful of passes over
# $N \cdot C$ numbers. The Jacobian took about twice as long with 4 classes, and 90 to 180 times with 64
# examples of 256 classes: it makes $C$ numbers for each one. The loop took 12 to 18 times as long with
# 16 examples, and 400 to 850 times with 1,024: it calls torch $N$ times. (On a machine that was busy
# with other work both were in the thousands: a busy machine interrupts long routes most.) So a
# speed-up says as much about what it is compared with, and where it was measured, as it does
# about the shortcut. What the shortcut gives is not time: it is one step in place of two, and no
# division by $p$.


# %%
def figure(quick=False):
    """One distribution at four temperatures, and the time of five routes to the gradient."""
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 9.5), layout="constrained")
    grid = drawn.add_gridspec(2, 4, height_ratios=(2, 3))
    logits = torch.tensor([[2.0, 0.0, 1.0, 1.8, -1.0]])
    for at, temperature in enumerate((0.1, 0.5, 1, 5)):
        p, log_p = (f(logits / temperature)[0][0] for f in (softmax_forward, log_softmax_forward))
        axes = drawn.add_subplot(grid[0, at])
        bars = axes.bar([f"{x:g}" for x in logits[0].tolist()], p.tolist())
        axes.bar_label(bars, fmt="%.2f", fontsize=9)
        axes.set(ylim=(0, 1.1), xlabel="logit")
        axes.set_title(f"T = {temperature:g}: entropy {-p @ log_p:.2f} nats", fontsize=10)
    drawn.axes[0].set_ylabel("probability")

    counts = (4, 16) if quick else (4, 16, 64, 256)
    panels = {
        ("classes", "64 examples"): [(64, c) for c in counts],
        ("examples", "16 classes"): [(4 * n, 16) for n in counts],
    }
    for at, ((varied, fixed), sizes) in enumerate(panels.items()):
        axes = drawn.add_subplot(grid[1, 2 * at : 2 * at + 2])
        along = [size[1 - at] for size in sizes]
        seconds = [route_times(n, c, repeats=3 if quick else 15) for n, c in sizes]
        for marker, route in zip("osD^v", seconds[0], strict=True):
            times = torch.tensor([taken[route] for taken in seconds])
            ratio = times[-1] / seconds[-1]["joint"]
            label = f"{route}: {ratio:,.1f} × joint"
            axes.loglog(along, 1e6 * times, marker=marker, label=label)
        axes.set(title=f"one gradient of {fixed}", xlabel=varied, ylabel="time in µs (median)")
        axes.set_xticks(along, along)
        axes.minorticks_off()
        axes.legend(title="at the right end", loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return drawn


def route_times(n, c, repeats):
    """The median time of each route of gradient_routes, in seconds, for n examples of c classes."""
    import time

    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(n, c, generator=generator), torch.randint(c, (n,), generator=generator)
    medians = {}
    for name, route in gradient_routes(x, y).items():
        route()  # the first call is slower, and does not count
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            route()
            times.append(time.perf_counter() - start)
        medians[name] = sorted(times)[repeats // 2]
    return medians


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
        "two steps, by log-softmax": lambda: log_softmax_backward(
            cross_entropy_backward(one, loss_cache), log_cache
        ),
        "two steps, by softmax": lambda: softmax_backward(dp(), softmax_cache),
        "two steps, by its Jacobian": lambda: torch.einsum("ni,nij->nj", dp(), softmax_jacobian(p)),
        "joint, one by one": lambda: torch.cat(
            [softmax_cross_entropy_backward(one / n, cache) for cache in singles]
        ),
    }


# %% [markdown]
# ## ★ Extension
#
# Change the cache (no points). Your joint gradient needs $p$: it either takes exponentials of what
# the forward pass kept, or the forward pass has kept $p$ itself. Write the other one of the two, and
# time both passes. With 64 examples of 4,096 classes, a backward that found $p$ in its cache took
# about half the time of one that found $\ln p$. What does the forward pass pay for it? And is the
# gradient still right where a probability is rounded to 0?
#
# ## Read on
#
# - J. Bridle: Probabilistic interpretation of feedforward classification network outputs, with
#   relationships to statistical pattern recognition, in *Neurocomputing*, 1990,
#   doi:10.1007/978-3-642-76153-9_28. Where softmax has its name, with this loss and its gradient.
# - P. Blanchard, D. Higham, N. Higham: Accurately computing the log-sum-exp and softmax functions,
#   *IMA Journal of Numerical Analysis* 41, 2021, doi:10.1093/imanum/draa038. What rounding does to
#   the formulas with and without the shift.
# - G. Hinton, O. Vinyals, J. Dean: Distilling the knowledge in a neural network, 2015,
#   arXiv:1503.02531. What a high temperature is good for.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On calibration of modern neural networks, 2017,
#   arXiv:1706.04599. One temperature, fitted afterwards, makes the probabilities of a network honest.

# %% [markdown] tags=["hints"]
# ## softmax_forward
# 1. out has the shape of x, (N, C). Whatever is subtracted from a row, or divides it, is one number
#    for each row: keep it as a column of shape (N, 1).
# 2. $p_{ni} = e^{x_{ni} - m_n} / \sum_k e^{x_{nk} - m_n}$ with $m_n = \max_k x_{nk}$.
# 3. Find the largest logit of each row and subtract it in a new tensor. Take exponentials, and divide
#    each row by its sum. Keep the probabilities: the backward pass needs nothing else.
#
# ## softmax_jacobian
# 1. From p of shape (N, C) comes (N, C, C), a matrix for each row: one copy of p runs down it, one
#    along it.
# 2. $J_{nij} = p_{ni}\, (\delta_{ij} - p_{nj})$.
# 3. Make the products of all pairs of a row's probabilities. Subtract them from a diagonal matrix
#    with the probabilities on its diagonal.
#
# ## softmax_backward
# 1. dx has the shape of dout and p, (N, C). Only one number a row joins the classes: shape (N, 1).
# 2. $\partial L / \partial x_j = p_j\, (\bar p_j - \sum_i \bar p_i\, p_i)$.
# 3. Multiply p by dout and sum over the classes. Subtract that sum from each entry of its row of
#    dout, and multiply by p. No entry of the cache changes.
#
# ## log_softmax_forward
# 1. out has the shape of x; the maximum and the logarithm are one number for each row.
# 2. $\ln p_i = (x_i - m) - \ln \sum_k e^{x_k - m}$ with $m$ the largest logit of the row.
# 3. Subtract the row's maximum, take exponentials, sum them over the classes, take the logarithm of
#    the sum, and subtract it from the shifted logits. No logarithm of a probability occurs.
#
# ## log_softmax_backward
# 1. dx has the shape of dout, (N, C). Again one number a row joins the classes, and here it is made
#    of dout alone.
# 2. $\partial L / \partial x_j = \bar\ell_j - p_j \sum_i \bar\ell_i$.
# 3. Sum dout over the classes. Multiply the probabilities by that sum, and subtract the result from
#    dout. If the cache holds logarithms, the probabilities are their exponentials.
#
# ## cross_entropy_forward
# 1. Of the N·C numbers the loss reads N: one in each row, in the column that the label names. What
#    is returned is a scalar.
# 2. $L = -\frac1N \sum_n \ln p_{n, y_n}$.
# 3. Look at the smallest and the largest label first, and raise the error if one is out of range.
#    Number the rows, index with row numbers and labels together, take the mean, change the sign.
#
# ## cross_entropy_backward
# 1. The gradient has the shape of log_p, (N, C), and in each row only one entry is not 0.
# 2. $\partial L / \partial \ln p_{ni} = -\frac1N\, [\, i = y_n ]$, times $\bar L$, which arrives from
#    above.
# 3. Begin with zeros in the shape of log_p. Put minus dout divided by the number of examples where
#    the labels point.
#
# ## softmax_cross_entropy_forward
# 1. Logits (N, C) and labels (N,) go in, a scalar comes out: two functions that you have do it.
# 2. $L = \frac1N \sum_n \bigl( \ln \sum_k e^{x_{nk}} - x_{n, y_n} \bigr)$.
# 3. Take log-softmax of the logits, and the cross-entropy of what it gives. Keep what the joint
#    gradient will ask for: something that gives the probabilities, and the labels.
#
# ## softmax_cross_entropy_backward
# 1. dlogits has the shape of the logits, (N, C): probabilities, of which one entry in each row is
#    changed.
# 2. $\partial L / \partial x_{nj} = \frac{\bar L}{N} \bigl( p_{nj} - [\, j = y_n ] \bigr)$.
# 3. Make the probabilities in a tensor of their own, subtract 1 at the right class of each row, then
#    multiply by dout and divide by the number of examples.
