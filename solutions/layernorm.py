# %% [markdown]
# # Layer normalisation
#
# A layer that gives the features of every single example mean 0 and variance 1, and then each feature a
# scale and a shift that are learnt (Ba, Kiros and Hinton, 2016). No example has a say in what becomes
# of another, so there is one mode, no state, and no smallest batch.
#
# **Afterwards you can** derive and write a normalisation layer that treats every example alone, forward
# and backward, and say where it takes the place of batch normalisation.
#
# Before: *Batch normalisation*, whose derivation is turned by 90 degrees here. After: *Attention and the
# transformer block* uses the layer twice a block.
#
# **Conventions.** A forward function returns `(out, cache)`, where `cache` is whatever the backward
# function needs. A backward function receives `dout`, the gradient of the loss with respect to
# `out`, and returns the gradients of `x`, `gamma` and `beta`. Nothing is modified in place, and
# dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# Two examples with four features, $\gamma = (3, 6, 3, 4)$, $\beta = (2, 1, 0, -1)$, and
# $\varepsilon = 4$, which is added to the variance. (That is much too large, but the roots come out
# even.)
#
# | | example 1 | example 2 |
# |---|---|---|
# | $x$ | $1,\ 3,\ 5,\ 7$ | $0,\ 8,\ 8,\ 8$ |
# | mean $\mu$ | $16 / 4 = 4$ | $24 / 4 = 6$ |
# | $x - \mu$ | $-3,\ -1,\ 1,\ 3$ | $-6,\ 2,\ 2,\ 2$ |
# | variance $\sigma^2$ | $(9 + 1 + 1 + 9) / 4 = 5$ | $(36 + 4 + 4 + 4) / 4 = 12$ |
# | $s = 1 / \sqrt{\sigma^2 + \varepsilon}$ | $1 / \sqrt{5 + 4} = \tfrac13$ | $1 / \sqrt{12 + 4} = \tfrac14$ |
# | $\hat x = s\,(x - \mu)$ | $-1,\ -\tfrac13,\ \tfrac13,\ 1$ | $-\tfrac32,\ \tfrac12,\ \tfrac12,\ \tfrac12$ |
# | $\gamma \hat x$ | $-3,\ -2,\ 1,\ 4$ | $-\tfrac92,\ 3,\ \tfrac32,\ 2$ |
# | $y = \gamma \hat x + \beta$ | $-1,\ -1,\ 1,\ 3$ | $-\tfrac52,\ 4,\ \tfrac32,\ 1$ |
#
# - Each column of the table was computed without a look at the other. Leave example 2 away, and
#   example 1 has the same $y$.
# - An example without any spread, $(2, 2, 2, 2)$ or $(7, 7, 7, 7)$, has $x - \mu = 0$, so all that is
#   left of it is $\beta$: what all features have in common is lost.
# - Example 1 plus 100 in every feature gives the same $y$, too. Plus 100 in one feature changes all
#   four outputs: that feature moves the mean and the variance of all.
#
# These two rows are the first call that `gradus check` makes.

# %%
import torch

# %% [markdown]
# ## One row
#
# Take one example, a row $x_1, \dots, x_D$ of $D$ features. Its mean and its (biased) variance are
#
# $$\mu = \frac1D \sum_d x_d, \qquad \sigma^2 = \frac1D \sum_d (x_d - \mu)^2 ,$$
#
# and the layer gives
#
# $$\hat x_d = s\,(x_d - \mu), \qquad s = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}, \qquad
#   y_d = \gamma_d\, \hat x_d + \beta_d .$$
#
# The statistics are over the features of *one* row; $\gamma_d$ and $\beta_d$ belong to *one*
# feature and are shared by all rows. These two directions are all that can go wrong in the forward,
# and most of what can in the backward.
#
# - $\varepsilon$ stands inside the root. It matters where a row hardly varies: with
#   $\sigma^2 = 10^{-8}$ and $\varepsilon = 10^{-5}$ the divisor is $3.2 \cdot 10^{-3}$; outside the
#   root it would be $1.1 \cdot 10^{-4}$.
# - $\overline{x^2} - \mu^2$ is $\sigma^2$ on paper. On a computer it subtracts two large numbers
#   that agree in most of their digits: subtract $\mu$ first, then square.
# - The axes in front of the last may be any: $(N, D)$, the positions of sequences $(N, T, D)$, or
#   none. Each row along the last axis is on its own.


# %%
def layernorm_forward(x, gamma, beta, eps=1e-5):
    """Normalise each row, then scale and shift: out = gamma · (x − μ) / √(σ² + eps) + beta.

    μ and σ² are the mean and the biased variance (over D, not D − 1) along the last axis.

    x: (..., D), often (N, D). gamma, beta: (D,). eps > 0, inside the root. Returns (out, cache),
    out: (..., D). Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """
    # BEGIN SOLUTION
    mean = x.mean(-1, keepdim=True)
    centred = x - mean
    var = centred.square().mean(-1, keepdim=True)
    inv_std = (var + eps).rsqrt()
    x_hat = centred * inv_std
    out = gamma * x_hat + beta
    return out, (x_hat, inv_std, gamma)
    # END SOLUTION


# %% [markdown]
# ## What differs from batch normalisation
#
# Batch normalisation takes the mean and the variance of a *column*, over the examples of the batch.
# Layer normalisation takes those of a *row*. Everything else follows:
#
# - An example's output does not depend on the other examples. So the layer computes the same in
#   training and at inference: it has no running statistics, no mode, no state.
# - One example is enough. Batch normalisation of a batch of one subtracts from every value its
#   mean, which is the value itself: $\beta$ is all that is left. Here the mean is over $D$
#   features, and $N = 1$ is a row like any other. (The layer's own limit is $D = 1$.)
# - Sequences of different lengths are no trouble: there is no statistic for position 500 that only
#   the longest sequences have contributed to.
# - Adding a constant to a *row* changes nothing, and stretching it next to nothing. How a feature's
#   size compares with that of the others is kept; batch normalisation takes that away, and keeps
#   how an example compares with the other examples.
#
# ## Backward
#
# $\beta$ and $\gamma$ are shared by all rows $n$, so their gradients are sums over these, as ever:
#
# $$\frac{\partial L}{\partial \beta_d} = \sum_n \bar y_{nd}, \qquad
#   \frac{\partial L}{\partial \gamma_d} = \sum_n \bar y_{nd}\, \hat x_{nd} .$$
#
# For $x$ look at one row, and let $g_d = \gamma_d\, \bar y_d = \partial L / \partial \hat x_d$.
# A single $x_d$ reaches the loss by three paths: through its own $\hat x_d$; through $\mu$, which
# is subtracted from *every* feature of the row; and through $s$, which multiplies every one. So
#
# $$\frac{\partial L}{\partial x_d} = s\, g_d
#   \;-\; s \sum_e g_e\, \frac{\partial \mu}{\partial x_d}
#   \;+\; \sum_e g_e\, (x_e - \mu)\, \frac{\partial s}{\partial x_d},$$
#
# $$\frac{\partial \mu}{\partial x_d} = \frac1D, \qquad
#   \frac{\partial s}{\partial \sigma^2} = -\tfrac12\, s^3, \qquad
#   \frac{\partial \sigma^2}{\partial x_d} = \frac2D\, (x_d - \mu) .$$
#
# Put the pieces in, write $s\,(x - \mu)$ as $\hat x$ wherever it appears, and factor out $s$: what
# is left in the bracket is $g_d$ and two averages over the row.
#
# One thing is new. In batch normalisation all values that are averaged have one $\gamma$, which may
# wait outside the bracket. Here each has its own: $\gamma$ is inside $g$, and stays there.
#
# The two averages are no detail: they re-centre and re-scale the gradients, and that matters more
# than what the layer does to the values (Xu et al., 2019, by experiment). *How not to test it:*
# with $\gamma = 1$ and $\bar y = 1$ everywhere, the gradient of $x$ is zero, and so is that of many
# a wrong formula.
#
# **The example by hand, backward.** For example 1 let $\bar y = (-3, 0, 3, 6)$. Then
# $g = (-9, 0, 9, 24)$, its average is 6, and that of $g\, \hat x = (9, 0, 3, 24)$ is 9. Your
# formula must give $(-2, -1, 0, 3)$, which sums to 0: why must it? From $\bar y = (4, -2, -4, -1)$ the
# second example, where $s = \frac14$ and the averages are $-4$ and $-8$, gets $(1, -1, -1, 1)$. Together
# the gradient of $\gamma$ is $(-3, -1, -1, \frac{11}2)$ and that of $\beta$ is $(1, -2, -1, 5)$.


# %%
def layernorm_backward(dout, cache):
    """Gradients of layer normalisation, through the mean and the variance of each row as well.

    dout: (..., D). Returns (dx, dgamma, dbeta) of shapes (..., D), (D,), (D,).
    """
    # BEGIN SOLUTION
    x_hat, inv_std, gamma = cache
    g = dout * gamma
    mean_g = g.mean(-1, keepdim=True)
    mean_gx = (g * x_hat).mean(-1, keepdim=True)
    dx = inv_std * (g - mean_g - x_hat * mean_gx)
    d = dout.shape[-1]
    dgamma = (dout * x_hat).reshape(-1, d).sum(0)
    dbeta = dout.reshape(-1, d).sum(0)
    return dx, dgamma, dbeta
    # END SOLUTION


# %% [markdown]
# ## Over the last two axes
#
# What is "one example"? A transformer normalises each position of $(N, T, D)$ alone: that is the
# function above. Where the $T$ rows belong together, like the rows of an image, the statistics can
# be those of all $T \cdot D$ values, and then $\gamma$ and $\beta$ have an entry for each:
# $\gamma, \beta \in \mathbb{R}^{T \times D}$. The names do not tell the two apart (PyTorch's
# `normalized_shape` does), and both work on the same shapes. So know which one you mean.
#
# A matrix of $T \cdot D$ values is a long row. You have all you need.


# %%
def layernorm2d_forward(x, gamma, beta, eps=1e-5):
    """Layer normalisation over the last two axes together: one μ, one σ² for all T·D values.

    As layernorm_forward, with x: (..., T, D), often (N, T, D), and gamma, beta: (T, D). Returns
    (out, cache), out: (..., T, D).
    """
    # BEGIN SOLUTION
    rows = x.flatten(-2)
    out, cache = layernorm_forward(rows, gamma.flatten(), beta.flatten(), eps)
    return out.reshape(x.shape), cache
    # END SOLUTION


def layernorm2d_backward(dout, cache):
    """Gradients of layernorm2d_forward.

    dout: (..., T, D). Returns (dx, dgamma, dbeta) of shapes (..., T, D), (T, D), (T, D).
    """
    # BEGIN SOLUTION
    dx, dgamma, dbeta = layernorm_backward(dout.flatten(-2), cache)
    shape = dout.shape[-2:]
    return dx.reshape(dout.shape), dgamma.reshape(shape), dbeta.reshape(shape)
    # END SOLUTION


# %% [markdown]
# ## Why: which still works with a batch of one?
#
# The function below puts one row into 200 random batches, of every size from 64 to 1, and measures two
# things: how far its normalised values wander from batch to batch (their standard deviation), and how
# large they are (their root mean square); once under batch normalisation, once under layer
# normalisation. Turned on its side, your layer *is* batch normalisation.
#
# Write down before you run it: **which of the two still works with a batch of one row, and why?** Which
# column is zero throughout? And of a batch of *two* rows, which values can batch normalisation give at
# all, whatever the numbers are?


# %%
SIZES = (64, 32, 16, 8, 4, 2, 1)


def normalise(x, over_batch):
    """Layer or batch normalisation, with γ = 1 and β = 0. x: (N, D). Returns (out, cache)."""
    rows = x.T if over_batch else x
    ones = torch.ones_like(rows[0])
    out, cache = layernorm_forward(rows, ones, 0 * ones)
    return (out.T if over_batch else out), cache


def experiment(quick=False):
    """How much a row's normalised values depend on the batch that it is in, and how large they are.

    Returns the rows of a table, the first its head.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 5, generator=generator)
    rows = [("batch size", "batch: wanders", "batch: size", "layer: wanders", "layer: size")]
    for size in SIZES:
        others = [torch.randperm(499, generator=generator) for _ in range(10 if quick else 200)]
        batches = [torch.cat([x[:1], x[1:][chosen[: size - 1]]]) for chosen in others]
        measured = []
        for over_batch in (True, False):
            first = torch.stack([normalise(batch, over_batch)[0][0] for batch in batches])
            measured += [first.std(0).mean().item(), first.square().mean().sqrt().item()]
        rows.append((size, *measured))
    return rows


# %% [markdown]
# Layer normalisation never wanders, whatever the batch: its statistics are those of the row alone.
# Under batch normalisation one and the same row wanders by 0.14 in batches of 64, by 0.57 in batches of 4
# and by 0.81 in pairs, though its size is never more than 1. In a pair the two values of a column lie
# $\frac12 |a - b|$ above and below their mean, and $\frac12 |a - b|$ is their standard deviation: what is
# left of them is $+1$ and $-1$. Which of the two is larger is all that a pair tells.
#
# Of a batch of one row the mean is the row itself, so $x - \mu = 0$: the row does not wander any more,
# because there is nothing left of it. Its size is 0, and nothing can be learnt from it but $\beta$. So
# the two zeros of the last row are of two kinds; that of layer normalisation comes with a size of 1. It
# works for $N = 1$ as for every $N$, for there is no $N$ in its formulas.

# %% [markdown]
# ## Show: as the batch shrinks
#
# Above: the digits, multiplied by random weights and normalised in batches. Batch normalisation of 64
# rows gives a bell; of 4 rows a box that ends at $\pm \sqrt 3$, for none of $N$ values is further than
# $\sqrt{N - 1}$ standard deviations from their mean; of 2 rows hardly anything but $\pm 1$. Layer
# normalisation gives what it always gives.
#
# Below, on the left, the experiment; on the right what comes of it: the accuracy of a small network
# after two epochs, its gradients through your backward pass. The learning rate is 0.01 times the batch
# size (in proportion to it, as in Goyal et al., 2017). Batch normalisation has one batch of all test
# digits when it is tested, so what it loses it has lost in training: with the reference it has 0.91 at
# $N = 64$, 0.78 at 2 and 0.10 at 1. Layer normalisation has 0.89, 0.90 and 0.90: it is no better where
# the batch is large.


# %%
def figure(digits, quick=False):
    """Batch and layer normalisation on the digits, from batches of 64 down to a single one.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    x, y, x_test, y_test = digits
    x, y = (x[:32], y[:32]) if quick else (x[:800], y[:800])
    generator = torch.Generator().manual_seed(0)
    w_start = torch.randn(x.shape[1], 32, generator=generator) / 4
    v_start = torch.randn(32, 10, generator=generator) / 4
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(2)])

    def accuracy(size, over_batch):
        """Train a network of 32 hidden units, normalised before their ReLU, for two epochs."""
        w, v, b = w_start, v_start, torch.zeros(10)
        for batch in order.split(size):
            z, cache = normalise(x[batch] @ w, over_batch)
            h = z.clamp(min=0)
            dlogits = (h @ v + b).softmax(1) - torch.eye(10)[y[batch]]  # of the sum of the losses
            dz = dlogits @ v.T * (z > 0)
            dz, *_ = layernorm_backward(dz.T if over_batch else dz, cache)
            w = w - 0.01 * x[batch].T @ (dz.T if over_batch else dz)
            v, b = v - 0.01 * h.T @ dlogits, b - 0.01 * dlogits.sum(0)
        logits = normalise(x_test @ w, over_batch)[0].clamp(min=0) @ v + b
        return (logits.argmax(1) == y_test).double().mean().item()

    drawn = plt.figure(figsize=(11, 7.5), layout="constrained")
    grid = drawn.add_gridspec(2, 4, height_ratios=(2, 3))
    for place, (size, over_batch) in enumerate(((64, True), (4, True), (2, True), (2, False))):
        axes = drawn.add_subplot(grid[0, place])
        batches = (x @ w_start).split(size)
        values = torch.cat([normalise(batch, over_batch)[0] for batch in batches]).flatten()
        name, colour = ("batch norm", "C3") if over_batch else ("layer norm", "C0")
        axes.hist(values, 61, range=(-3.05, 3.05), histtype="stepfilled", color=colour)
        axes.set(title=f"{name}, batches of {size}", xlabel="normalised value", yticks=[])
    drawn.axes[0].set_ylabel("how often")

    left, right = drawn.add_subplot(grid[1, :2]), drawn.add_subplot(grid[1, 2:])
    _, of_batch, _, of_layer, _ = zip(*experiment(quick)[1:], strict=True)
    for name, colour, over_batch in (("batch norm", "C3", True), ("layer norm", "C0", False)):
        style = dict(color=colour, marker="o", label=name)
        left.plot(SIZES, of_batch if over_batch else of_layer, **style)
        right.plot(SIZES, [accuracy(size, over_batch) for size in SIZES], **style)
    offset = dict(xytext=(-16, 12), textcoords="offset points", ha="right")
    left.annotate("batch norm: all values are 0", (1, 0), **offset)
    left.set(title="how far one row wanders from batch to batch", ylabel="standard deviation")
    right.set(title="digits held out, after two epochs", ylabel="accuracy", ylim=(0, 1.03))
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="batch size", xlim=(80, 0.8), xticks=SIZES, xticklabels=SIZES)
        axes.legend(loc="lower left" if axes is right else "upper left")
    return drawn


# %% [markdown]
# ## ★ Extension: two relatives
#
# No points. **RMSNorm**, which is in many large language models, leaves the mean alone and divides by
# the root of the mean square. There is no $\beta$ (Zhang and Sennrich, 2019).
#
# $$y_d = \gamma_d\, \frac{x_d}{\sqrt{\frac1D \sum_e x_e^2 + \varepsilon}}$$
#
# Write `rmsnorm_forward(x, gamma, eps=1e-5)` and `rmsnorm_backward(dout, cache)` in a cell of your
# own, and compare the latter with the slopes below, in float64. One of the three paths is gone.
# Which of the two properties is gone with it: that adding a constant to a row changes nothing, or
# that stretching it does not?
#
# **Group normalisation** splits the features of an example into $G$ groups and normalises each group by
# itself (Wu and He, 2018). For $\gamma = 1$ and $\beta = 0$ that is your function and two reshapes: from
# $(N, D)$ to $(N, G, D / G)$ and back. What is it for $G = 1$? What does it give for $G = D$, and which
# batch normalisation has that fate, too?


# %%
def numerical_gradient(f, x, dout, h=1e-5):
    """The gradient of (f(x) · dout).sum() for x, by central differences, in the shape of x.

    f: a function of x alone, such as lambda x: layernorm_forward(x, gamma, beta)[0]. x: float64.
    """
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] = h
        gradient.view(-1)[i] = ((f(x + step) - f(x - step)) * dout).sum() / (2 * h)
    return gradient


# %% [markdown]
# ## Read on
#
# - J. Ba, J. Kiros, G. Hinton: Layer normalization, 2016, arXiv:1607.06450. The layer.
# - J. Xu, X. Sun, Z. Zhang, G. Zhao, J. Lin: Understanding and improving layer normalization, 2019,
#   arXiv:1911.07013: that the gradients through mean and variance matter more than the forward.
# - B. Zhang, R. Sennrich: Root mean square layer normalization, 2019, arXiv:1910.07467: the extension.
# - Y. Wu, K. He: Group normalization, 2018, arXiv:1803.08494: what small batches cost on images, and
#   the other extension.
# - P. Goyal and others: Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017,
#   arXiv:1706.02677: the rate in proportion to the batch.
# - R. Xiong and others: On layer normalization in the transformer architecture, 2020, arXiv:2002.04745:
#   where in the block it stands decides whether a warm-up is needed.

# %% [markdown] tags=["hints"]
# ## layernorm_forward
# 1. Each row of x has one mean and one variance: keep the last axis, with length 1, so that they can be
#    taken from the row. gamma and beta have D numbers, and torch repeats them for all rows.
# 2. $y_d = \gamma_d\, (x_d - \mu) / \sqrt{\sigma^2 + \varepsilon} + \beta_d$, with
#    $\mu = \frac1D \sum_d x_d$ and $\sigma^2 = \frac1D \sum_d (x_d - \mu)^2$.
# 3. Take the mean along the last axis, subtract it, take the mean of the squares, add eps, and divide by
#    the root. Then scale and shift. Keep the normalised values, what they were divided by, and gamma.
#
# ## layernorm_backward
# 1. dx has the shape of x. dgamma and dbeta have D numbers: all axes but the last are summed over,
#    however many there are.
# 2. With $g_d = \gamma_d\, \bar y_d$ it is
#    $\partial L / \partial x_d = s\, (g_d - \frac1D \sum_e g_e - \hat x_d\, \frac1D \sum_e g_e\, \hat x_e)$.
# 3. Multiply dout by gamma first. Take two averages along each row, of this and of this times the
#    normalised values; take both from it, the second times the normalised values; divide as the
#    forward pass did. For gamma and beta join the axes in front into one, and sum over it.
#
# ## layernorm2d_forward
# 1. The last two axes, (T, D), become one of T·D numbers, in x and in gamma and in beta; the result has
#    the shape of x.
# 2. $\mu = \frac{1}{TD} \sum_{t, d} x_{td}$, and the variance likewise.
# 3. Flatten the last two axes of x, gamma and beta, all in the same order; call the function for rows
#    with eps; bring the result into the shape of x.
#
# ## layernorm2d_backward
# 1. dout is (…, T, D), and the function for rows wants (…, T·D). It gives dgamma and dbeta with T·D
#    numbers, which are due as (T, D).
# 2. The gradient of a reshape is the reshape back.
# 3. Flatten the last two axes of dout, call the backward pass for rows, and give all three results the
#    two axes again.
