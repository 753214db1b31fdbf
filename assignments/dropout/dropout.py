# %% [markdown]
# # Dropout
#
# In every training step each unit is left out with a certain probability (Srivastava et al., 2014). One
# set of weights is thus trained to work in a vast number of networks, and what is asked of it afterwards
# is their mean.
#
# **Afterwards you can** write dropout and DropBlock forward and backward, say for which networks one pass
# is exactly the mean over all masks, and use masks to ask a network how sure it is.
#
# Before: *Layer normalisation*, which does the same in training and afterwards; dropout does not. The
# network of *Multi-layer perceptron* returns. After: other ways to make a network generalise.
#
# **Conventions.** `drop` is the probability of being left out, as in PyTorch, and $p$ in formulas; many
# papers call the probability of being *kept* $p$. Randomness comes from an integer `seed` and from
# nothing else: a training loop gives each step a seed of its own. A forward function returns
# `(out, cache)`, a backward function receives `dout`, the gradient of the loss with respect to `out`.
# Nothing is modified in place, and dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# A unit has the inputs $x = (3, 6)$, the weights $w = (4, 8)$ and the bias 1. Each input is left out
# (set to 0) with the probability $p = \tfrac14$, so there are four networks:
#
# | kept | probability | $z = w \cdot x + 1$ | with the bias −41, and a ReLU |
# |---|---|---|---|
# | both | $\tfrac34 \cdot \tfrac34 = \tfrac{9}{16}$ | $12 + 48 + 1 = 61$ | 19 |
# | the first | $\tfrac34 \cdot \tfrac14 = \tfrac{3}{16}$ | $12 + 1 = 13$ | 0 |
# | the second | $\tfrac14 \cdot \tfrac34 = \tfrac{3}{16}$ | $48 + 1 = 49$ | 7 |
# | none | $\tfrac14 \cdot \tfrac14 = \tfrac{1}{16}$ | $1$ | 0 |
# | mean of the four | | $(549 + 39 + 147 + 1) / 16 = 46$ | $(171 + 21) / 16 = 12$ |
# | one pass, weights times $\tfrac34$: $(3, 6)$ | 1 | $9 + 36 + 1 = 46$ | $45 - 41 = 4$ |
#
# - Without the ReLU one pass with smaller weights *is* the mean of all four. With it, it is not: 4
#   instead of 12.
# - The bias is never left out, so it is not scaled.
# - Instead of making the weights smaller afterwards, one can make what is kept larger in training:
#   $x / \tfrac34 = (4, 8)$. The mean is then that of the plain unit, $12 + 48 + 1 = 61$.
#
# The weights $(4, 8)$, the bias 1 and $p = \tfrac14$ are the first call that `gradus check` makes.

# %%
from itertools import product

import torch

# %% [markdown]
# ## Weight scaling
#
# A layer $z = (m \circ x)\, W + b$ whose inputs are multiplied by a mask $m$ of independent zeros and
# ones, $\Pr(m_i = 0) = p$, has $2^D$ forms. Training has one of them at a time, so afterwards we would
# like their mean. With $\operatorname{E}[m_i] = 1 - p$ it is
#
# $$\operatorname{E}[z_j] = \sum_i \operatorname{E}[m_i]\, x_i W_{ij} + b_j
#   = \sum_i x_i\, (1 - p)\, W_{ij} + b_j :$$
#
# one pass with the weights $(1 - p)\, W$. This is the *weight-scaling rule*. Put a second layer on it,
# with a mask of its own. That mask is independent of $z$, so the mean of the product is the product of
# the means, and the rule is exact for as many linear layers as you like. A function between them breaks
# the chain: $\operatorname{E}[f(z)]$ is not $f(\operatorname{E}[z])$, as you have seen by hand. There
# the rule is a guess, and often a good one.


# %%
def scale_weights(params, drops):
    """Weights for one pass without masks, after training with masks of zeros and ones.

    params: a list of (w, b), one for each layer, w: (D, M), b: (M,). drops: a list of numbers; the
    inputs of layer k were left out with the probability drops[k]. Returns a new list of (w, b) whose
    network gives the mean over all masks, if no function stands between the layers.
    Srivastava et al., 2014.
    """
    raise NotImplementedError


# %% [markdown]
# ## The mask
#
# Each number of each example has a coin of its own, and it is thrown again in every step. One mask for
# the whole batch would be legal, but noisier: all examples would then agree on the same accident. A mask
# that stays for an epoch trains one small network at a time.
#
# `torch.rand` gives numbers in $[0, 1)$, evenly spread: a given share of the interval is hit with that
# probability. Mind the two ends: with $p = 0$ everything is kept, with $p = 1$ nothing.


# %%
def keep_mask(shape, drop, seed):
    """Which numbers are kept: True with the probability 1 − drop, each independent of all others.

    shape: a tuple of integers. drop: 0 ≤ drop ≤ 1; 0 keeps everything, 1 nothing. seed: an integer;
    equal seeds give equal masks, and neighbouring seeds share nothing. Returns bool, of this shape.
    Raises ValueError for any other drop.
    """
    raise NotImplementedError


# %% [markdown]
# ## Inverted dropout
#
# It is a nuisance to keep two sets of weights. If training divides by $1 - p$ what the mask has kept,
#
# $$y_i = \frac{m_i}{1 - p}\, x_i, \qquad \operatorname{E}[y_i] = x_i,$$
#
# the weights are right for the plain pass as they are: at inference the layer does nothing. This is
# *inverted* dropout, and what every library has.
#
# - The factor is $1 / (1 - p)$ whatever the coins say. If 6 of 10 are kept with $p = \tfrac12$, it is 2
#   and not $\tfrac{10}{6}$: with that, each output would depend on the coins of all others, and an
#   example of which nothing is kept would be $0/0$.
# - With $p = 1$ nothing is kept, and there is nothing to scale: the output is 0, not NaN.
# - The mean is kept, the spread is not: $\operatorname{Var}(y_i) = x_i^2\, p / (1 - p)$. What follows the
#   layer sees more variance in training than afterwards.
#
# **Backward.** With the mask fixed, the layer multiplies each number by a constant, so the gradient is
# multiplied by that constant: *the same* mask with *the same* factor. What was left out had no say in
# the loss. The mask is in the cache, and no coin is thrown in the backward pass. At inference all
# constants are 1.


# %%
def dropout_forward(x, drop, seed, train=True):
    """Inverted dropout: each number becomes 0 with the probability drop, else x / (1 − drop).

    x: any shape, with a mask of its own for each example. 0 ≤ drop ≤ 1; drop = 1 gives zeros. seed: an
    integer, as in keep_mask; each step of training has its own. train=False: out is x. Returns
    (out, cache), out: the shape of x.
    """
    raise NotImplementedError


def dropout_backward(dout, cache):
    """The gradient of x, through the mask that the forward pass has drawn.

    dout: the shape of x. Returns dx, the shape of x.
    """
    raise NotImplementedError


# %% [markdown]
# ## The mean of k masks
#
# A ReLU network with dropout before each of its layers is given. Srivastava et al. keep 0.8 of the inputs
# and 0.5 of the hidden units, so `drops` is `[0.2, 0.5]` for one hidden layer. Each layer needs coins of
# its own, hence a seed that no other layer has, of this pass or of the next.


# %%
def network(x, params, drops, seed, train=True):
    """A ReLU network with dropout on the inputs of every layer. Returns (out, caches).

    x: (N, D), params: a list of (w, b), drops: a list, one for each layer. The last layer is linear.
    """
    caches = []
    for k, (w, b) in enumerate(params):
        h, cache = dropout_forward(x, drops[k], len(params) * seed + k, train)
        x = h @ w + b
        if k < len(params) - 1:
            x = x.relu()
        caches.append((h, cache, x))
    return x, caches


def network_gradients(dout, params, caches):
    """The gradients of params, a list of (dw, db)."""
    grads = []
    for k in reversed(range(len(params))):
        h, cache, out = caches[k]
        if k < len(params) - 1:
            dout = dout * (out > 0)
        grads.append((h.T @ dout, dout.sum(0)))
        dout = dropout_backward(dout @ params[k][0].T, cache)
    return grads[::-1]


# %% [markdown]
# Where the plain pass is only a guess, the mean over all masks can be estimated: leave dropout on, take
# $k$ passes with independent masks, and average their *outputs*,
#
# $$\mu = \frac1k \sum_{j=1}^{k} f_{m_j}(x), \qquad
#   s^2 = \frac1k \sum_{j=1}^{k} \left( f_{m_j}(x) - \mu \right)^2 .$$
#
# $\mu$ is off by the spread of one pass divided by $\sqrt k$: four times the passes halve the error. And
# $s$, by how much the networks disagree, is a measure of how unsure they are (Gal and Ghahramani, 2015).
#
# Two passes with the same seed are one pass. So seed $s$ with $k$ passes takes $k$ seeds, and seed $s + 1$
# must not take any of them again, or two estimates are not independent.


# %%
def monte_carlo(x, params, drops, k, seed):
    """Mean and standard deviation of the outputs of k passes through `network`, in training mode.

    x: (N, D); params, drops: as in network. k: the number of passes, 1 to 1000, each with masks of its
    own; with the seed `seed + 1` and the same k, no pass is the same as one here. Returns (mean, std),
    each (N, C); std is divided by k, not k − 1. Gal and Ghahramani, 2015, arXiv:1506.02142.
    """
    raise NotImplementedError


# %% [markdown]
# ## DropBlock
#
# In a feature map (N, C, H, W) neighbours tell nearly the same: what one lacks, the next one still says.
# DropBlock (Ghiasi, Lin and Le, 2018) leaves out squares of $b \times b$. It throws a coin for each place
# where a whole square fits, $(H - b + 1)(W - b + 1)$ of them: the square's *corner*, upper left.
#
# **How likely is a corner?** A map has $HW$ numbers, and $pHW$ of them are to go. A corner takes $b^2$,
# and if corners have the probability $\gamma$, there are $\gamma\,(H - b + 1)(W - b + 1)$. If squares do
# not overlap, then
#
# $$\gamma\, b^2\, (H - b + 1)(W - b + 1) = p\, H W .$$
#
# On paper: $p = 0.3$, $H = 5$, $W = 4$, $b = 2$ give $\gamma = 0.3 \cdot 20 / (4 \cdot 12) = 0.125$.


# %%
def block_rate(drop, height, width, size):
    """The probability γ of a corner, so that a share `drop` of a map is left out (without overlaps).

    0 ≤ drop ≤ 1. height, width: of the map; 1 ≤ size ≤ both: the length of a block's side. Returns a
    number. Raises ValueError for any other size. Ghiasi, Lin and Le, 2018, arXiv:1810.12890.
    """
    raise NotImplementedError


# %% [markdown]
# Squares do overlap, so less than $p$ is left out, and how much less differs from example to example.
# Here the factor $1 / (1 - p)$ would be wrong, and what was wrong in dropout is right: count. The numbers
# of an example are multiplied by
#
# $$\frac{C\,H\,W}{\text{how many of them are kept}} ,$$
#
# so that its mask has the mean 1. The count is over the channels of one example; over the batch, as in
# the paper's pseudo-code, an example's output would depend on the others'. An example of which nothing
# is kept is 0.


# %%
def drop_blocks(x, corners, size):
    """Leave out a block of size × size below and to the right of each corner; scale up what is kept.

    x: (N, C, H, W). corners: bool, (N, C, H − size + 1, W − size + 1). Blocks may overlap. What is kept
    of an example is multiplied by C·H·W / (how many of its numbers are kept); if none is, all is 0.
    Returns (out, mask), each the shape and dtype of x, with out = x · mask.
    """
    raise NotImplementedError


def dropblock_forward(x, drop, size, seed, train=True):
    """DropBlock: corners drawn with the probability of block_rate, in every channel, then drop_blocks.

    x: (N, C, H, W). drop, size: as in block_rate. seed: as in dropout_forward. train=False: out is x.
    Returns (out, cache), out: the shape of x. With the mask as cache, dropout_backward is its backward.
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: when does dropout help?
#
# A network with 128 hidden units reads digits: 600 steps of 50 examples each, from 100 or from 1,300
# different ones; once plainly, once with 0.2 of its inputs and 0.5 of its hidden units left out. And all
# of this again with the labels of three training examples in ten replaced by any of the ten digits. Write
# down before you run it: **does dropout help with 100 examples, and with 1,300? And where labels are
# wrong?** It is said to prevent overfitting: in which of the eight cases is there something to prevent?


# %%
def train(x, y, sizes, drops, steps, lr, error, seed=0, momentum=0.0):
    """Train `network` on batches of 50. error(out, y): the loss's gradient for out. Returns params."""
    generator = torch.Generator().manual_seed(seed)
    params, velocity = [], []
    for n, m in zip(sizes, sizes[1:], strict=False):
        params += [(torch.randn(n, m, generator=generator) * (2 / n) ** 0.5, torch.zeros(m))]
        velocity += [(torch.zeros(n, m), torch.zeros(m))]
    for step in range(steps):
        batch = torch.randint(len(x), (50,), generator=generator)
        out, caches = network(x[batch], params, drops, steps * seed + step)
        grads = network_gradients(error(out, y[batch]), params, caches)
        velocity = [
            (momentum * u + dw, momentum * v + db)
            for (u, v), (dw, db) in zip(velocity, grads, strict=True)
        ]
        pairs = zip(params, velocity, strict=True)
        params = [(w - lr * u, b - lr * v) for (w, b), (u, v) in pairs]
    return params


def cross_entropy_error(out, y):
    """The gradient of the mean cross-entropy for the logits."""
    return (out.softmax(1) - torch.eye(out.shape[1])[y]) / len(y)


def experiment(digits, quick=False):
    """Accuracy with and without dropout, from few and many examples, with right and wrong labels.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    """
    x, y, x_test, y_test = digits
    runs, steps = (1, 5) if quick else (2, 600)
    sizes, generator = [x.shape[1], 128, 10], torch.Generator().manual_seed(0)
    wrong = torch.rand(len(y), generator=generator) < 0.3
    noisy = torch.where(wrong, torch.randint(10, y.shape, generator=generator), y)
    rows = [("examples", "labels replaced", "dropout", "accuracy in training", "in the test")]
    for n, (share, labels) in product((100, 1300), (("none", y), ("3 in 10", noisy))):
        for name, drops in (("no", [0.0, 0.0]), ("yes", [0.2, 0.5])):
            right = torch.zeros(2)
            for run in range(runs):
                chosen = torch.arange(200 * run, 200 * run + n) % len(x)
                mine = x[chosen], labels[chosen]
                params = train(*mine, sizes, drops, steps, 0.05, cross_entropy_error, run, 0.9)
                for at, (inputs, truth) in enumerate((mine, (x_test, y_test))):
                    out, _ = network(inputs, params, drops, 0, train=False)
                    right[at] += (out.argmax(1) == truth).float().mean() / runs
            rows.append((n, share, name, *(f"{part:.3f}" for part in right)))
    return rows


# %% [markdown]
# | examples | labels replaced | test, plain | test, dropout |
# |---|---|---|---|
# | 100 | none | 0.886 | 0.907 |
# | 100 | 3 in 10 | 0.638 | 0.701 |
# | 1,300 | none | 0.974 | 0.972 |
# | 1,300 | 3 in 10 | 0.917 | 0.953 |
#
# Where labels are right dropout changes little: with so few runs two hundredths are no proof, and with
# 1,300 examples there is nothing to gain. The plain network knows its 1,300 examples nearly by heart
# (0.997) and still reads others well (0.974). To know the training set by heart is not yet to overfit.
#
# Wrong labels are another matter. What can be learnt from them is of no use for any other digit, and
# what the network spends on them it takes from the rest: of 100 examples it has learnt all, wrong ones
# included (1.000), and it pays with a quarter of its accuracy in the test. With dropout no unit can rely
# on another one's being there, so an exception costs more to learn, and a rule that many units share is
# hardly harder: 0.701 for 0.638, and 0.953 for 0.917. Dropout is no gift of accuracy; it is a way to
# remember less.

# %% [markdown]
# ## Show: what masks are good for
#
# Above: masks of one map of 24 × 24, all with `drop = 0.3`. The share that is left out is 0.31 with single
# numbers, 0.23 with blocks of 2, 0.12 with blocks of 4 and 0.09 with blocks of 7. A larger block means
# fewer of them, so chance has more of a say, and overlaps take their part: this is why the mask is scaled
# by a count.
#
# Below, on the left: how far the mean of $k$ masks is from the plain pass, for a network that reads
# digits, and for the linear one that is the product of its two matrices, with dropout on its inputs.
# The dotted lines fall as $1 / \sqrt k$. The linear one follows its line for as long as you like, because
# its limit is 0. The other leaves it: what is left at $k = 256$, 0.2 of a logit, is mostly the error of the
# weight-scaling rule.
#
# On the right: 60 points on two stretches of a sine, and what 100 masks say. The band opens to the outside,
# where there are no data. Between the two stretches there are none, either, and there it is at its
# narrowest: the spread of masks measures how much units disagree, not how far the data are. Take it with
# care.


# %%
def figure(digits, quick=False):
    """Masks, the mean of k masks against the plain pass, and the band of 100 masks.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 8), layout="constrained")
    grid = drawn.add_gridspec(2, 4, height_ratios=(2, 3))
    ones = torch.ones(1, 1, 24, 24)
    for at, size in enumerate((0, 2, 4, 7)):
        axes = drawn.add_subplot(grid[0, at])
        out = dropblock_forward(ones, 0.3, size, 1)[0] if size else dropout_forward(ones, 0.3, 1)[0]
        axes.imshow(out[0, 0] > 0, cmap="gray", vmin=0, vmax=1)
        name = f"blocks of {size}" if size else "dropout"
        axes.set(title=f"{name}: {(out == 0).float().mean():.2f} left out", xticks=[], yticks=[])

    x, y, x_test, _ = digits
    drops, most, estimates = [0.2, 0.5], 4 if quick else 256, 2 if quick else 8
    sizes, steps = [x.shape[1], 256, 10], 5 if quick else 300
    params = train(x[:500], y[:500], sizes, drops, steps, 0.2, cross_entropy_error)
    axes = drawn.add_subplot(grid[1, :2])
    probes = x_test[:40]
    ks = [2**i for i in range(9) if 2**i <= most]
    curves = {"as it is": ("C0", params), "without its ReLU": ("C1", None)}
    for name, (colour, layers) in curves.items():
        if layers is None:  # one linear layer: the product of both, dropout on the inputs
            layers = [(params[0][0] @ params[1][0], params[1][1])]
        own = drops[: len(layers)]
        plain = network(probes, layers, own, 0, train=False)[0]
        apart = []
        for k in ks:
            means = [monte_carlo(probes, layers, own, k, seed)[0] for seed in range(estimates)]
            apart.append((torch.stack(means) - plain).square().mean().sqrt())
        axes.loglog(ks, apart, "o-", color=colour, label=name)
        axes.loglog(ks, [apart[0] / k**0.5 for k in ks], ":", color=colour)
    axes.set(xlabel="k, the number of masks", ylabel="root mean square distance of logits")
    axes.set_title("the mean of k masks, from the plain pass")
    axes.set_xticks(ks, ks)
    axes.legend(title="the network")

    generator = torch.Generator().manual_seed(3)
    place = torch.cat(
        [torch.rand(30, 1, generator=generator) - 1.5, torch.rand(30, 1, generator=generator) + 0.5]
    )
    value = (2 * place).sin() + 0.1 * torch.randn(60, 1, generator=generator)
    drops = [0.0, 0.1, 0.1]
    steps = 5 if quick else 1500
    params = train(
        place,
        value,
        [1, 100, 100, 1],
        drops,
        steps,
        0.01,
        lambda out, y: (out - y) / len(y),
        0,
        0.9,
    )
    line = torch.linspace(-3, 3, 121)[:, None]
    mean, std = monte_carlo(line, params, drops, 4 if quick else 100, 0)
    axes = drawn.add_subplot(grid[1, 2:])
    for wide in (2, 1):
        low, high = (mean - wide * std).flatten(), (mean + wide * std).flatten()
        label = f"± {wide} standard deviation{'s' * (wide > 1)}"
        axes.fill_between(line.flatten(), low, high, color="C0", alpha=0.2, label=label)
    axes.plot(line, mean, "C0", label="mean of 100 masks")
    axes.plot(line, network(line, params, drops, 0, train=False)[0], "k--", label="plain pass")
    axes.plot(place, value, "C3.", label="training data")
    axes.set(title="how sure is it?", xlabel="x", ylabel="y")
    axes.legend()
    return drawn


# %% [markdown]
# ## ★ Extension: what dropout adds to a loss
#
# No points. Take one linear unit without a bias and the loss $\tfrac12 (\hat y - t)^2$, where
# $\hat y = \sum_i m_i x_i w_i / (1 - p)$. Show on paper that the mean of the loss over all masks is
#
# $$\tfrac12 (x \cdot w - t)^2 + \tfrac12\, \frac{p}{1 - p} \sum_i x_i^2 w_i^2 .$$
#
# Dropout on the inputs of a linear model is a penalty on the weights, in which a weight counts as much
# as its input varies about 0 (Wager, Wang and Liang, 2013). Compare both sides for $x = (3, 6)$,
# $w = (4, 8)$, $t = 60$, $p = \tfrac14$ by hand, with the four networks of the table, and then for random
# numbers with `keep_mask` and ten thousand seeds.
#
# ## Read on
#
# - G. Hinton, N. Srivastava, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Improving neural networks by
#   preventing co-adaptation of feature detectors, 2012, arXiv:1207.0580: the idea, in a few pages.
# - N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout: a simple way to
#   prevent neural networks from overfitting, Journal of Machine Learning Research 15, 2014: the rates, the
#   mean of k masks against weight scaling, and the effect of the size of the training set.
# - I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio: Maxout networks, 2013,
#   arXiv:1302.4389: measures how good the weight-scaling rule is in deep networks.
# - S. Wager, S. Wang, P. Liang: Dropout training as adaptive regularization, 2013, arXiv:1307.1493: the
#   extension, and more.
# - Y. Gal, Z. Ghahramani: Dropout as a Bayesian approximation, 2015, arXiv:1506.02142: the band of the
#   figure.
# - G. Ghiasi, T.-Y. Lin, Q. Le: DropBlock: a regularization method for convolutional networks, 2018,
#   arXiv:1810.12890.
