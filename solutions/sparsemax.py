# %% [markdown]
# # Sparsemax
#
# Softmax gives something to everyone: however low a score, its probability is not 0. Sparsemax
# (Martins and Astudillo, 2016) turns scores into probabilities, too, but takes the *nearest* ones. Most
# of them are then exactly 0, the derivative is a subtraction, and there is a loss that goes with it.
#
# **Afterwards you can** project scores onto the probability simplex, derive the gradient of that
# projection and the loss that belongs to it, and say when probabilities come out exactly 0.
#
# Before: *Softmax and cross-entropy*, whose place sparsemax takes. After: *Attention and the
# transformer block*, where every position shares its attention out; by softmax, or like this.
#
# **Conventions.** A batch holds $N$ examples with $C$ classes: one example is a row. A forward function
# returns `(out, cache)`, where `cache` is whatever the backward function needs. A backward function
# receives `dout`, the gradient of the loss with respect to `out`, and that cache, and returns the
# gradient of `z` (labels have none). Nothing is modified in place, and dtypes and devices follow the
# inputs.

# %% [markdown]
# ## By hand
#
# Two examples with four classes. The scores $z$ are counted in quarters, so $5$ means $\frac54$. In
# this unit probabilities sum to 4: that is the *total*.
#
# | in quarters | example 1 | example 2 |
# |---|---|---|
# | $z$ | $5,\ 0,\ 3,\ -4$ | $5,\ 6,\ 5,\ 3$ |
# | sorted | $5,\ 3,\ 0,\ -4$ | $6,\ 5,\ 5,\ 3$ |
# | the larger ones stand out above it by | $0,\ 2,\ 8,\ 20$ | $0,\ 1,\ 1,\ 7$ |
# | less than 4? | yes, yes, no, no | yes, yes, yes, no |
# | so the support has $k$ = | $2$ classes | $3$ classes |
# | $\tau$: their sum less 4, by $k$ | $(8 - 4) / 2 = 2$ | $(16 - 4) / 3 = 4$ |
# | $p$: what is above $\tau$ | $3,\ 0,\ 1,\ 0$ | $1,\ 2,\ 1,\ 0$ |
#
# So $p = (\frac34, 0, \frac14, 0)$ and $(\frac14, \frac12, \frac14, 0)$. The third row of the table sums
# over all larger ones: in example 1 the scores 5 and 3 stand out above 0 by $5 + 3 = 8$.
#
# - Add 100 to all scores of an example: the differences stay, $\tau$ moves along, and $p$ is the same.
# - Is $(\frac34, 0, \frac14, 0)$ really the nearest? It is $(2, 0, 2, -4)$ quarters away from $z$:
#   squared and summed $24$. For $(\frac44, 0, 0, 0)$ it would be $1 + 0 + 9 + 16 = 26$, for
#   $(\frac24, 0, \frac14, \frac14)$ already $9 + 0 + 4 + 25 = 38$.
# - Softmax of example 1 is $(0.500, 0.143, 0.304, 0.053)$: no zero.
#
# `gradus check` first asks you for $k = 2$ and $k = 3$, from these whole numbers and the total 4.

# %%
import torch

# %% [markdown]
# ## The nearest probabilities
#
# Probabilities of $C$ classes are the points of the *simplex*
# $\Delta = \{p : p_i \ge 0,\ \sum_i p_i = 1\}$. Sparsemax of a row $z$ is the point of it that is
# nearest to $z$:
#
# $$\operatorname{sparsemax}(z) = \operatorname*{argmin}_{p \in \Delta}\ \tfrac12 \lVert p - z \rVert^2 .$$
#
# This is a definition and no recipe yet. Let $\tau$ be the multiplier of $\sum_i p_i = 1$ and
# $\mu_i \ge 0$ that of $p_i \ge 0$. At the minimum
#
# $$p_i - z_i + \tau - \mu_i = 0, \qquad \mu_i\, p_i = 0 .$$
#
# - Where $p_i > 0$, $\mu_i = 0$, and $p_i = z_i - \tau$.
# - Where $p_i = 0$, $\mu_i = \tau - z_i$, and this must not be negative: $z_i \le \tau$.
#
# Both together are $p_i = \max(z_i - \tau, 0)$. As the problem is convex, these *optimality conditions*
# are all that is needed: a $p \in \Delta$ of this form is the nearest point, whatever way it was found.
# The sum $\sum_i \max(z_i - \tau, 0)$ falls as $\tau$ rises, so there is exactly one $\tau$ for which it
# is 1. It is one number for each row; all the rest is to find it.
#
# ## The support
#
# The *support* is the set of classes with $p_i > 0$, that is $z_i > \tau$. If it has $k$ classes, they
# are those with the $k$ largest scores. Sort them: $z_{(1)} \ge z_{(2)} \ge \dots \ge z_{(C)}$. The
# excesses over $\tau$ sum to 1, so *if* $k$ is the right number, then
#
# $$\sum_{j \le k} (z_{(j)} - \tau) = 1 \quad\Longrightarrow\quad
#   \tau = \frac{1}{k} \Bigl( \sum_{j \le k} z_{(j)} - 1 \Bigr).$$
#
# Which $k$ is it? The smallest of the $k$ must be above $\tau$, and $z_{(k)} > \tau$ means, multiplied
# by $k$,
#
# $$1 + k\, z_{(k)} > \sum_{j \le k} z_{(j)}
#   \qquad\Longleftrightarrow\qquad \sum_{j \le k} (z_{(j)} - z_{(k)}) < 1 .$$
#
# Read the right side: *the larger ones together stand out above it by less than 1*. As $k$ grows, the
# sum on the right can only grow. So the condition holds up to some $k$ and for none after it. This last
# $k$ is the right one: for the next score the sum is at least 1, which says $z_{(k+1)} \le \tau$, as
# the optimality conditions ask. For $k = 1$ the sum is 0, so at least one class is always in.
#
# Nothing in this is special about the 1. Where values are to sum to another total $r > 0$, such as the 4
# quarters above, $r$ stands in its place, in the condition and in $\tau$.
#
# A score that is exactly $\tau$ gets $p = 0$ and is *not* in the support. $z = (2, 1, 0)$ is such a
# case: $\tau = 1$ and $p = (1, 0, 0)$. Would another convention change $\tau$? Or $p$?


# %%
def support_size(z, total=1.0):
    """Size of the support of each row: the largest k with total + k z_(k) > Σ_{j≤k} z_(j).

    z_(1) ≥ z_(2) ≥ … are the scores of the row, sorted. A score that is exactly at the threshold
    does not count. z: (N, C). total > 0: what the excesses sum to. Returns (N,), integers in 1 … C.
    Martins and Astudillo, 2016, arXiv:1602.02068.
    """
    # BEGIN SOLUTION
    ordered = z.sort(1, descending=True).values
    k = torch.arange(1, z.shape[1] + 1, device=z.device)
    inside = total + k * ordered > ordered.cumsum(1)
    return inside.sum(1)
    # END SOLUTION


def threshold(z, total=1.0):
    """The threshold τ of each row: the excesses of the scores above it sum to total.

    z: (N, C). total > 0. Returns a column, (N, 1), so that it can be taken from the rows.
    """
    # BEGIN SOLUTION
    ordered = z.sort(1, descending=True).values
    k = support_size(z, total)[:, None]
    sums = ordered.cumsum(1).gather(1, k - 1)
    return (sums - total) / k
    # END SOLUTION


# %% [markdown]
# ## Sparsemax
#
# With $\tau$ the rest is $p_i = \max(z_i - \tau, 0)$. Two things are worth a thought.
#
# **Every condition is about differences.** Add $c$ to a row: $\tau$ grows by $c$, and $p$ stays. On
# paper, that is; in a computer a sum of scores near $10^{13}$ has hardly a digit left for a threshold,
# though the scores themselves do. Softmax has the same freedom, and uses it against overflow. Which
# number may you take from each row first, so that all scores of the support lie between $-1$ and 0?
#
# **Scale is another matter.** $p$ is one-hot as soon as the largest score leads by 1 or more, and
# nothing is 0 as soon as all scores together stand out above the smallest by less than 1. So
# $\operatorname{sparsemax}(z / T)$ *reaches* the one-hot vector at a small temperature $T$, where one
# score is the largest. Softmax only tends to it.


# %%
def sparsemax_forward(z):
    """The nearest point of the simplex for each row: out = max(z − τ, 0).

    z: (N, C) of any size; what the scores of a row have in common, such as 10¹³, costs no digits.
    Returns (out, cache), out: (N, C), in [0, 1], every row sums to 1. Martins and Astudillo, 2016,
    arXiv:1602.02068.
    """
    # BEGIN SOLUTION
    shifted = z - z.max(1, keepdim=True).values
    tau = threshold(shifted)
    excess = shifted - tau
    p = excess.clamp(min=0)
    return p, p
    # END SOLUTION


# %% [markdown]
# ## The Jacobian, and its product with a vector
#
# Let $S$ be the support of a row and $k$ its size. A small change of $z$ leaves $S$ as it is (unless a
# score is exactly at the threshold). Then $p_i = 0$ outside, and inside
#
# $$p_i = z_i - \frac1k \Bigl( \sum_{j \in S} z_j - 1 \Bigr) .$$
#
# This is *linear* in $z$: its derivative is $\delta_{ij} - \frac1k$ for $i$ and $j$ in $S$, and 0 as
# soon as one of them is not. With the numbers $s_i$, 1 inside and 0 outside,
#
# $$J_{ij} = \frac{\partial p_i}{\partial z_j} = s_i\, \delta_{ij} - \frac{s_i\, s_j}{k} .$$
#
# Compare softmax, $p_i\, \delta_{ij} - p_i\, p_j$: the probabilities are gone, only the support counts.
# $J$ is symmetric, so the Jacobian-vector product $J v$ (how $p$ changes when $z$ changes by $v$) and the
# vector-Jacobian product that a backward pass asks for are one and the same formula. Multiply
# $J \bar p$ out: what is subtracted from $\bar p_i$ inside the support, and what is left outside? The
# matrix need not exist.
#
# **The example by hand, backward.** From $\bar p = (4, 7, 2, 9)$ example 1 must get $(1, 0, -1, 0)$, and
# from $(3, 0, 6, 5)$ example 2 must get $(0, -3, 3, 0)$. Both sum to 0: why must they? And what is the
# gradient where one class has all?
#
# At a kink, where a score is exactly $\tau$, count it as outside, as above.


# %%
def sparsemax_backward(dout, cache):
    """Gradient of sparsemax, which is also its Jacobian times dout, without the Jacobian.

    A score that is exactly at the threshold counts as outside of the support.
    dout: (N, C). Returns dz: (N, C).
    """
    # BEGIN SOLUTION
    inside = cache > 0
    size = inside.sum(1, keepdim=True)
    mean = (dout * inside).sum(1, keepdim=True) / size
    return inside * (dout - mean)
    # END SOLUTION


# %% [markdown]
# ## A loss
#
# Cross-entropy takes $-\ln p_y$ of the right class $y$. Here this is infinite wherever $p_y = 0$, and a
# gradient cannot get out of there: outside the support $J$ is 0. What made cross-entropy work was its
# gradient in the scores, $p - e_y$, probability minus target ($e_y$ is the one-hot vector). So look
# for the loss that has this gradient with the $p$ of sparsemax. Expand the square in the definition;
# $\lVert z \rVert^2$ does not depend on $p$, so
#
# $$\operatorname{sparsemax}(z) = \operatorname*{argmax}_{p \in \Delta}\
#   \bigl( p \cdot z - \tfrac12 \lVert p \rVert^2 \bigr).$$
#
# Call the maximum $V(z)$. How does it change with $z$? Through $p$ not at all, to first order, for $p$
# is the best there is; what remains is the $z$ that one sees: $\nabla V = p$. So the loss is
# $V(z) - z_y$ up to a constant, and the constant $\frac12$ makes its smallest value 0:
#
# $$L = \tfrac12 - z_y + p \cdot z - \tfrac12 \lVert p \rVert^2 .$$
#
# - Since $\sum_i p_i = 1$, $p \cdot z - z_y = \sum_i p_i\, (z_i - z_y)$: differences again. The other two
#   terms, $\frac12 (1 - \lVert p \rVert^2)$, say how far $p$ is from being sure.
# - It is the same as $\frac12 \lVert z - e_y \rVert^2 - \frac12 \lVert z - p \rVert^2$ (multiply out): by
#   how much the right answer is farther from $z$ than the nearest point is. So it is never negative,
#   and 0 exactly where $p = e_y$, that is where $z_y$ leads by 1 or more.
# - Cross-entropy is never content. This loss has a *margin*: an example that is right by 1 costs
#   nothing and has no gradient.
#
# For a batch we take the mean, as before. **By hand:** with the right classes 2 and 1 the two examples
# cost $\frac{9}{16}$ and $\frac{3}{16}$, on average $\frac38$.


# %%
def sparsemax_loss_forward(z, y):
    """Mean sparsemax loss: (1/N) Σ_n (½ − ½‖p_n‖² + Σ_i p_ni (z_ni − z_{n,y_n})), p = sparsemax(z).

    z: (N, C) scores of any size, y: (N,) integer labels in 0 … C−1, N ≥ 1. Returns (out, cache),
    out: scalar, ≥ 0; what the scores of a row have in common costs no digits. Raises ValueError when
    a label is outside 0 … C−1. Martins and Astudillo, 2016, arXiv:1602.02068.
    """
    # BEGIN SOLUTION
    n, c = z.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError(f"labels must lie in 0 … {c - 1}, got {int(y.min())} … {int(y.max())}")
    rows = torch.arange(n, device=y.device)
    p, _ = sparsemax_forward(z)
    gap = z - z[rows, y][:, None]
    losses = 0.5 - 0.5 * p.square().sum(1) + (p * gap).sum(1)
    return losses.mean(), (p, y)
    # END SOLUTION


def sparsemax_loss_backward(dout, cache):
    """Gradient of the mean loss with respect to the scores: dout · (p − onehot(y)) / N.

    dout: scalar, the gradient with respect to the loss (1 if nothing follows it).
    Returns dz: (N, C).
    """
    # BEGIN SOLUTION
    p, y = cache
    rows = torch.arange(len(y), device=y.device)
    difference = p.clone()
    difference[rows, y] -= 1
    return difference * dout / len(y)
    # END SOLUTION


# %% [markdown]
# ## Why: how many exact zeros?
#
# Draw $C$ scores at random, take softmax and sparsemax of them, and count the probabilities that are
# exactly 0. The scores are uniform in $[0, 1]$, or normal with variance 1, or exponential with mean 1
# (density $e^{-z}$), and $C$ is 10, 100, 1,000 or 10,000.
#
# Write down before you run it: **with ten times as many classes, are there ten times as many that are
# *not* zero?** For which of the three kinds of scores does their number grow most, and for which
# least? The condition of the support is enough to find out: how close together are the largest scores?


# %%
KINDS = ("uniform", "normal", "exponential")


def draw(kind, n, c, generator):
    """n rows of c random scores of one kind, in float64."""
    z = torch.empty(n, c, dtype=torch.float64)
    if kind == "uniform":
        return z.uniform_(generator=generator)
    if kind == "normal":
        return z.normal_(generator=generator)
    return z.exponential_(generator=generator)


def softmax(z):
    """Softmax of each row. z: (N, C)."""
    e = (z - z.max(1, keepdim=True).values).exp()
    return e / e.sum(1, keepdim=True)


def experiment(quick=False):
    """How many probabilities are exactly 0, and how many are not: averages over 200 rows.

    Returns the rows of a table, the first its head.
    """
    generator = torch.Generator().manual_seed(0)
    rows = [("scores", "classes", "softmax: zeros", "sparsemax: zeros", "not zero")]
    for kind in KINDS:
        for c in (10, 100) if quick else (10, 100, 1000, 10000):
            z = draw(kind, 20 if quick else 200, c, generator)
            p, _ = sparsemax_forward(z)
            zeros = [(q == 0).double().sum(1).mean().item() for q in (softmax(z), p)]
            rows.append((kind, c, *zeros, (p > 0).double().sum(1).mean().item()))
    return rows


# %% [markdown]
# Softmax gives no zero here (it would where an exponential is rounded to 0). Sparsemax gives almost
# nothing else, and what is left grows far more slowly than the number of classes: with a thousand
# times as many, uniform scores have 142 that are not zero instead of 4.8, normal ones 4.8 instead of
# 2.6, and exponential ones 2, as ever.
#
# The $k$-th largest is in the support if the larger ones together stand out above it by less than 1.
# With the gaps $g_j = z_{(j)} - z_{(j+1)}$ that sum is $\sum_{j<k} j\, g_j$: only the gaps at the top
# count.
#
# - *Exponential.* The $j$ largest lie above $z_{(j+1)}$ by amounts that are again exponential with mean 1,
#   for that distribution has no memory; $g_j$ is the smallest of $j$ such amounts, with mean $1/j$. So
#   all $j\, g_j$ are alike, exponential with mean 1, and independent. How many of them fit into 1 is a
#   Poisson number with mean 1 (for $C$ large; it ends at $C - 1$). On average $k = 1 + 1 = 2$.
# - *Normal.* At the score $z^*$ that one in $C$ exceeds, the density falls like $e^{-z^* h}$ over a short
#   way $h$: exponential with mean $1/z^*$. So $k$ is about $1 + z^*$. For $C = 10$ to 10,000 this is 2.3,
#   3.3, 4.1 and 4.7; measured were 2.6, 3.5, 4.2 and 4.8 (200 rows leave an error of about 0.1).
# - *Uniform.* The gaps are $1/C$ on average, their sum $\sum_{j<k} j / C$ about $k^2 / 2C$, and $k$ about
#   $\sqrt{2C}$: 4.5, 14, 45 and 141. It grows most, and still far slower than $C$.
#
# And the scale decides: scores divided by $T$ have gaps divided by $T$, so that exponential ones have
# $1 + T$ classes that are not zero, on average. The temperature sets how many are looked at.

# %% [markdown]
# ## Show: over a triangle, and in attention
#
# Above, left: three scores that sum to 1 are a point of the plane; the triangle is the simplex. Each
# arrow leads from a point to its sparsemax, which is simply the nearest point of the triangle. Over
# the dark corners of the plane one class gets everything, over the strips two share, and only over the
# light triangle, where scores are probabilities already, all three have something. The arrows of a
# strip are parallel: of a change of $z$ only what lies along the edge counts. That is the Jacobian. Of
# softmax all arrows end inside the triangle, and only $(\frac13, \frac13, \frac13)$
# stays where it is.
#
# Above, right: the losses of two classes against the lead $t$ of the right one. Cross-entropy goes on
# falling; the sparsemax loss is $(1 - t)^2 / 4$ from $-1$ to $1$, then 0 (derive it: both classes are in
# the support where $|t| < 1$).
#
# Below: attention. One digit asks, 500 others are the keys, and the score of each is minus its squared
# distance. Softmax gives all 500 a share. Sparsemax (of the reference) looks at four, which are shown
# with their weights, and not at all at the other 496.


# %%
def figure(digits, quick=False):
    """Where points of the plane go in the triangle, the losses of two classes, and attention.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    x, _, x_test, _ = digits
    drawn = plt.figure(figsize=(12, 8), layout="constrained")
    grid = drawn.add_gridspec(3, 1, height_ratios=(6, 5, 2))
    top = grid[0].subgridspec(1, 3)

    corners = torch.tensor([[0, 0], [1, 0], [0.5, 0.75**0.5]], dtype=torch.float64)
    to_scores = torch.linalg.inv(torch.cat([corners, torch.ones(3, 1, dtype=torch.float64)], 1))

    def mesh(step):
        """Points of the plane, and the three scores of each, which sum to 1."""
        across, up = torch.arange(-0.6, 1.6, step), torch.arange(-0.55, 1.4, step)
        points = torch.cartesian_prod(across, up).double()
        return points, torch.cat([points, torch.ones(len(points), 1)], 1) @ to_scores

    for at, (name, f) in enumerate(
        (("sparsemax", lambda z: sparsemax_forward(z)[0]), ("softmax", softmax))
    ):
        axes = drawn.add_subplot(top[at])
        points, z = mesh(0.05 if quick else 0.0125)
        size = (f(z) > 0).sum(1)
        axes.scatter(*points.T, s=9, marker="s", lw=0, c=size, cmap="Blues_r", vmin=0.2, vmax=3.6)
        points, z = mesh(0.22)
        ends = f(z) @ corners
        axes.quiver(
            *points.T, *(ends - points).T, angles="xy", scale_units="xy", scale=1, width=0.004
        )
        axes.plot(*torch.cat([corners, corners[:1]]).T, color="C1", lw=2)
        axes.set(title=f"{name} of three scores", aspect="equal", xticks=[], yticks=[])

    axes = drawn.add_subplot(top[2])
    t = torch.linspace(-3, 3, 61, dtype=torch.float64)
    pairs = torch.stack([t, 0 * t], 1)
    right = torch.tensor([0])
    losses = [sparsemax_loss_forward(pair[None], right)[0] for pair in pairs]
    axes.plot(t, torch.stack([torch.as_tensor(loss) for loss in losses]), label="sparsemax loss")
    axes.plot(t, (-t).exp().log1p(), label="cross-entropy of softmax")
    axes.axvline(1, color="0.7", lw=0.8)
    axes.set(title="two classes", xlabel="lead of the right class", ylabel="loss")
    axes.legend()

    query, keys = x_test[:1].double(), x[:500].double()
    scores = -(keys - query).square().sum(1)[None]
    p, q = sparsemax_forward(scores)[0][0], softmax(scores)[0]
    order = scores[0].argsort(descending=True)
    axes = drawn.add_subplot(grid[1])
    shown = range(1, 41)
    for weights, name, shift in ((p, "sparsemax", -0.2), (q, "softmax", 0.2)):
        places = [place + shift for place in shown]
        label = f"{name}: {int((weights > 0).sum())} of 500 not zero"
        axes.bar(places, weights[order[:40]], width=0.4, label=label)
    rest = q[order[40:]].sum().item()
    axes.set(title="attention to 500 digits, the 40 nearest", ylabel="weight", xlim=(0, 41))
    axes.annotate(
        f"softmax, the other 460: {rest:.2f}", (0.99, 0.5), xycoords="axes fraction", ha="right"
    )
    axes.legend()

    kept = [i for i in order[:9].tolist() if p[i] > 0]
    row = grid[2].subgridspec(1, 10)
    pictures = [("asked for", query[0])] + [(f"{p[i]:.2f}", keys[i]) for i in kept]
    side = int(x.shape[1] ** 0.5)
    for place, (title, picture) in enumerate(pictures):
        axes = drawn.add_subplot(row[place])
        axes.imshow(picture.reshape(side, side), cmap="gray_r")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=10)
    return drawn


# %% [markdown]
# ## ★ Extension: without sorting
#
# No points. The threshold over *all* scores, $(\sum_j z_j - 1) / C$, is a popular mistake. Repeat it,
# and it becomes right: take the scores that are above it, compute the threshold over these alone, drop
# those that are not above the new one, and so on until none is dropped. Write it in a cell of your own.
# Why is no class ever dropped that belongs to the support? (Is the threshold over more classes than the
# support above $\tau$, or below?) How many rounds do 10,000 normal scores take? Condat compares this
# with sorting, and with something faster than both.
#
# ## Read on
#
# - A. Martins, R. Astudillo: From softmax to sparsemax: a sparse model of attention and multi-label
#   classification, 2016, arXiv:1602.02068. The projection as a layer, its Jacobian and its loss.
# - J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra: Efficient projections onto the ℓ1-ball for
#   learning in high dimensions, 2008, doi:10.1145/1390156.1390191. The projection by sorting, and how
#   to do without.
# - L. Condat: Fast projection onto the simplex and the ℓ1 ball, 2016, doi:10.1007/s10107-015-0946-6.
#   All ways to find the threshold, with their times.
# - M. Blondel, A. Martins, V. Niculae: Learning with Fenchel-Young losses, 2020, arXiv:1901.02324. How a
#   loss comes from any regulariser; cross-entropy and the one here are two of them.
# - B. Peters, V. Niculae, A. Martins: Sparse sequence-to-sequence models, 2019, arXiv:1905.05702. What
#   lies between softmax and sparsemax, in attention and at the output of a translator.

# %% [markdown] tags=["hints"]
# ## support_size
# 1. One whole number comes out for each row, (N,). On the way there is one yes or no for each place of
#    the sorted row, (N, C).
# 2. The place $k$ belongs to the support where $r + k\, z_{(k)} > \sum_{j \le k} z_{(j)}$,
#    with $r$ the total.
# 3. Sort each row from the largest down, number the places from 1, and sum up along the row as you go.
#    Compare at each place, and count how often the answer is yes: there is no yes after a no.
#
# ## threshold
# 1. One number for each row, kept as a column (N, 1). The sum that it needs is one of the running sums
#    of the sorted row: which of them differs from row to row.
# 2. $\tau = \frac1k \bigl( \sum_{j \le k} z_{(j)} - r \bigr)$ with $k$ the size of the row's support and
#    $r$ the total.
# 3. Sort each row, sum up along it, and pick the sum of the first k scores: it stands at the place
#    k − 1, counted from 0. Take the total from it, then divide by k.
#
# ## sparsemax_forward
# 1. out has the shape of z, (N, C). What is subtracted from a row is one number: a column (N, 1).
# 2. $p_{ni} = \max(z_{ni} - \tau_n, 0)$; and $p$ is the same for $z_{ni} - m_n$, whatever $m_n$ is.
# 3. Subtract each row's largest score in a new tensor. Find the threshold of what you have now, subtract
#    it as well, and replace what is negative by 0. Keep which entries are above 0.
#
# ## sparsemax_backward
# 1. dz has the shape of dout, (N, C). Two numbers a row are needed, the size of the support and a sum
#    over it: columns (N, 1).
# 2. $\partial L / \partial z_i = s_i\, \bigl( \bar p_i - \frac1k \sum_j s_j\, \bar p_j \bigr)$, with
#    $s_i = 1$ in the support and 0 outside.
# 3. Take the mean of dout over the support of each row, and subtract it from that row. Outside the
#    support put 0.
#
# ## sparsemax_loss_forward
# 1. Scores (N, C) and labels (N,) go in, a scalar comes out. The score of the right class is one number
#    a row; as a column it can be taken from the row.
# 2. $L = \frac1N \sum_n \bigl( \frac12 - \frac12 \sum_i p_{ni}^2 + \sum_i p_{ni}\, (z_{ni} - z_{n, y_n})
#    \bigr)$.
# 3. Look at the smallest and the largest label first, and raise the error if one is out of range. Project
#    the scores. Subtract from each row the score of its right class, weight with the probabilities and
#    sum; half of one minus the sum of squares comes on top. Take the mean over the rows.
#
# ## sparsemax_loss_backward
# 1. dz has the shape of the scores, (N, C): probabilities, of which one entry in each row is changed.
# 2. $\partial L / \partial z_{ni} = \frac{\bar L}{N} \bigl( p_{ni} - [\, i = y_n ] \bigr)$.
# 3. Copy the probabilities, subtract 1 at the right class of each row, multiply by dout and divide by
#    the number of examples. The projection is not passed a second time.
