# %% [markdown]
# # Layer normalisation
#
# Afterwards you can derive and write a normalisation layer that treats every example alone, forward
# and backward, and say where it takes the place of batch normalisation. This comes after *Batch
# normalisation*, whose derivation it turns by 90 degrees, and before *Attention and the transformer
# block*, which uses it twice a block.
#
# **Conventions.** A forward function returns `(out, cache)`, where `cache` is whatever the backward
# function needs. A backward function receives `dout`, the gradient of the loss with respect to
# `out`, and returns the gradients of `x`, `gamma` and `beta`. Nothing is modified in place, and
# dtypes and devices follow the inputs.

# %%
import torch

# %% [markdown]
# ## One row
#
# Take one example, a row $x_1, \dots, x_D$ of $D$ features. Its mean and its (biased) variance are
#
# $$\mu = \frac1D \sum_d x_d, \qquad \sigma^2 = \frac1D \sum_d (x_d - \mu)^2 ,$$
#
# and the layer gives (Ba, Kiros and Hinton, 2016)
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
#
# **With pencil and paper.** Let $x = (1, 3, 5, 7)$, $\gamma = (3, 6, 3, 4)$,
# $\beta = (2, 1, 0, -1)$ and $\varepsilon = 4$ (much too large, but the root comes out even). Then
# $\mu = 4$, $\sigma^2 = (9 + 1 + 1 + 9) / 4 = 5$, $s = 1 / \sqrt{5 + 4} = \frac13$,
#
# $$\hat x = (-1, -\tfrac13, \tfrac13, 1), \qquad
#   y = (-3, -2, 1, 4) + \beta = (-1, -1, 1, 3) .$$
#
# A second row $(2, 2, 2, 2)$ has no spread: $\hat x = 0$, and $y = \beta$.


# %%
def layernorm_forward(x, gamma, beta, eps=1e-5):
    """Normalise each row, then scale and shift: out = gamma · (x − μ) / √(σ² + eps) + beta.

    μ and σ² are the mean and the biased variance (over D, not D − 1) along the last axis.

    x: (..., D), often (N, D). gamma, beta: (D,). eps > 0, inside the root. Returns (out, cache),
    out: (..., D). Ba, Kiros and Hinton, 2016, arXiv:1607.06450.
    """
    raise NotImplementedError


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
# **With pencil and paper.** For the row above let $\bar y = (-3, 0, 3, 6)$. Then
# $g = (-9, 0, 9, 24)$, its average is 6, and that of $g\, \hat x = (9, 0, 3, 24)$ is 9. Your
# formula must give $(-2, -1, 0, 3)$, which sums to 0: why must it? From $\bar y = (2, 2, 2, 2)$ the
# second row, where $s = \frac12$, gets $(-1, 2, -1, 0)$. Together the gradient of $\gamma$ is
# $(3, 0, 1, 6)$ and that of $\beta$ is $(-1, 2, 5, 8)$.


# %%
def layernorm_backward(dout, cache):
    """Gradients of layer normalisation, through the mean and the variance of each row as well.

    dout: (..., D). Returns (dx, dgamma, dbeta) of shapes (..., D), (D,), (D,).
    """
    raise NotImplementedError


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
    raise NotImplementedError


def layernorm2d_backward(dout, cache):
    """Gradients of layernorm2d_forward.

    dout: (..., T, D). Returns (dx, dgamma, dbeta) of shapes (..., T, D), (T, D), (T, D).
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: predict, then run
#
# The function below is given. It puts one row into many random batches, of every size that you ask
# for, and measures how far its normalised values wander: once under batch normalisation, once under
# layer normalisation, without $\gamma$ and $\beta$. (Turned on its side, your layer *is* batch
# normalisation.)
#
# Before you run `wander(torch.randn(500, 5), [64, 16, 4, 2, 1])`, write down: which of the two
# columns is zero throughout, and why? Of a batch of *two* rows, which values can batch
# normalisation give at all, whatever the numbers are? And why does a batch of *one* row wander not
# at all? Two of the answers look alike in the table, and only one of them is good news.


# %%
def wander(x, sizes, draws=200):
    """How much a row's normalised values depend on the batch that it is in.

    x: (N, D), sizes: list of batch sizes ≤ N. Returns a list of (size, batch norm, layer norm): the
    standard deviations, averaged over the features, of the first row's values in random batches.
    """

    def normalise(rows):
        size = rows.shape[-1]
        return layernorm_forward(rows, torch.ones(size).to(x), torch.zeros(size).to(x))[0]

    table = []
    for size in sizes:
        others = [torch.randperm(len(x) - 1)[: size - 1] + 1 for _ in range(draws)]
        batches = [torch.cat([x[:1], x[chosen]]) for chosen in others]
        batch = torch.stack([normalise(rows.T).T[0] for rows in batches])
        layer = torch.stack([normalise(rows)[0] for rows in batches])
        table.append((size, batch.std(0).mean().item(), layer.std(0).mean().item()))
    return table


# %% [markdown]
# ## ★ RMSNorm
#
# No points, and most of today's large language models: leave the mean alone, and divide by the root
# of the mean square. There is no $\beta$ (Zhang and Sennrich, 2019).
#
# $$y_d = \gamma_d\, \frac{x_d}{\sqrt{\frac1D \sum_e x_e^2 + \varepsilon}}$$
#
# Write `rmsnorm_forward(x, gamma, eps=1e-5)` and `rmsnorm_backward(dout, cache)` in a cell of your
# own, and compare the latter with the slopes below, in float64. One of the three paths is gone.
# Which of the two properties is gone with it: that adding a constant to a row changes nothing, or
# that stretching it does not?


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
# - Ba, Kiros and Hinton, *Layer Normalization*, 2016, arXiv:1607.06450
# - Xu, Sun, Zhang, Zhao and Lin, *Understanding and Improving Layer Normalization*, 2019,
#   arXiv:1911.07013
# - Zhang and Sennrich, *Root Mean Square Layer Normalization*, 2019, arXiv:1910.07467
# - Xiong et al., *On Layer Normalization in the Transformer Architecture*, 2020, arXiv:2002.04745:
#   where in the block it stands decides whether a warm-up is needed
