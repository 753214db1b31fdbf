# %% [markdown]
# # Initialization
#
# Where should the weights start, and on what scale should the data come in? A network of twenty
# layers multiplies twenty times. A factor that is wrong by 2 in each layer is wrong by a million at
# the end, and nothing is learned. Two lines of probability say which factor is right.
#
# **Conventions.** Examples are rows. A layer computes $z = hW + b$, so its weights have the shape
# `(fan_in, fan_out)`: a unit reads `fan_in` numbers, and a layer has `fan_out` units.
# (`torch.nn.Linear` stores the transpose.) Every unit is a column. Randomness comes from an
# integer `seed` and from nothing else: equal seeds give equal weights. Nothing is modified in
# place.

# %%
import math

import torch

# %% [markdown]
# ## Scaling to a range
#
# A pixel is a byte, 0 … 255; the digits of scikit-learn have 0 … 16. Networks like numbers near 1.
# The straight line that takes $l \mapsto a$ and $h \mapsto b$ first asks how much of the way from
# $l$ to $h$ has been covered, and then goes the same share of the way from $a$ to $b$:
#
# $$s = \frac{x - l}{h - l}, \qquad x' = a + (b - a)\, s .$$
#
# From $[0, 255]$ to $[0, 1]$ this is $x / 255$, and to $[-1, 1]$ it is $(x - 127.5) / 127.5$:
# insert and see. By hand:
#
# | $x$ | 0 | 51 | 127.5 | 255 |
# |---|---|---|---|---|
# | to $[0, 1]$ | 0 | 0.2 | 0.5 | 1 |
# | to $[-1, 1]$ | −1 | −0.6 | 0 | 1 |
#
# The range is that of the *camera*, not of this batch: an image without a white pixel must not
# become brighter. And bytes count modulo 256: in `uint8`, $10 - 16$ is 250.


# %%
def rescale(x, source, target):
    """The straight line that takes the range source to the range target, on each element.

    out = a + (b − a)(x − l)/(h − l) for source (l, h), l < h, and target (a, b). x: any shape,
    floating point or integers (uint8 as well); values outside source land outside target. Returns
    the shape of x, in the dtype of x, or float32 for integers. Raises ValueError unless l < h.
    """
    # BEGIN SOLUTION
    (low, high), (a, b) = source, target
    if not low < high:
        raise ValueError(f"a range needs low < high, got {source}")
    if not x.is_floating_point():
        x = x.float()
    share = (x - low) / (high - low)
    return a + (b - a) * share
    # END SOLUTION


# %% [markdown]
# ## Standardising
#
# The gradient of a weight of the first layer is $\sum_n x_{nd}\, \delta_{nm}$. If one feature is in
# millimetres and the next in kilometres, no learning rate suits both. And if all inputs are
# positive, one example pushes all weights of a unit in the same direction, and it can only zigzag
# (LeCun et al., 1998). So give every feature the mean 0 and the variance 1:
#
# $$\mu_d = \frac1N \sum_n x_{nd}, \qquad \sigma_d^2 = \frac1N \sum_n (x_{nd} - \mu_d)^2, \qquad
#   x'_{nd} = \frac{x_{nd} - \mu_d}{\sigma_d} .$$
#
# By hand: 1, 3, 5 has $\mu = 3$ and $\sigma^2 = \tfrac83$. (With $N - 1$ it would be 4: that
# estimates the spread of a population from a sample. Here these very numbers are to get the
# variance 1, so $N$ is right.)
#
# **A feature that never changes** has $\sigma = 0$, and $0/0$ is NaN. The corner pixels of the
# digits are such features. Put $\sigma_d = 1$ there: what comes out is 0. A small $\varepsilon$ in
# the denominator is no remedy: if a *test* image has a speck in that corner, it is blown up to
# millions. Nor is asking whether the computed $\sigma$ is 0: the mean of a thousand times 0.1 is
# not exactly 0.1 in a computer, and $\sigma$ may come out as $10^{-17}$. What can be asked exactly
# is whether all values are equal.


# %%
def fit_standardiser(x):
    """Mean and standard deviation of each feature.

    x: (N, D), floating point, N ≥ 1. Returns (mean, std) of shapes (D,), (D,), std being the
    population's (divided by N, not N − 1), as in scikit-learn's StandardScaler. The std of a
    feature whose N values are all equal is 1 exactly; that of any other feature is what it is,
    however small.
    """
    # BEGIN SOLUTION
    std = x.std(0, correction=0)
    std[(x == x[0]).all(0)] = 1
    return x.mean(0), std
    # END SOLUTION


# %% [markdown]
# **Whose mean?** The test set stands for what the network will see one day, perhaps one example at
# a time (what is $\sigma$ then?). Its mean is not known while training, and to use it is to peek.
# It also answers the wrong question: on a day when all patients have fever, their temperatures
# would be standardised to normal. Fit on the training set, apply to both. The test set's mean is
# then not exactly 0, and should not be.


# %%
def standardise_split(x_train, x_test):
    """Both sets less the training set's mean, divided by the training set's std.

    x_train: (N, D), x_test: (M, D), M ≥ 1, floating point. mean and std as in fit_standardiser.
    Returns (x_train, x_test), new tensors. (LeCun et al., 1998.)
    """
    # BEGIN SOLUTION
    mean, std = fit_standardiser(x_train)
    return (x_train - mean) / std, (x_test - mean) / std
    # END SOLUTION


# %% [markdown]
# ## The right spread
#
# Take one unit: $z = \sum_{i=1}^{n} h_i w_i$ with $n = \mathrm{fan\_in}$, and $w_i$ independent, of
# mean 0 and variance $\sigma^2$. All cross terms have mean 0, so only the squares are left:
#
# $$\operatorname{Var}(z) = \sum_i \operatorname{E}[h_i^2]\, \sigma^2
#   = n\, \sigma^2\, \operatorname{E}[h^2] .$$
#
# Mind that this is the mean *square* of $h$, not its variance: $h$ may have a mean.
#
# **He** (2015), for ReLU. $z$ is symmetric about 0, and ReLU keeps one half of it:
# $\operatorname{E}[h^2] = \tfrac12 \operatorname{Var}(z)$. So one layer multiplies
# $\operatorname{Var}(z)$ by $\tfrac12 n \sigma^2$. It stays as it is for
#
# $$\sigma_{\text{He}}^2 = \frac{2}{\mathrm{fan\_in}} .$$
#
# You will read that He "keeps the variance of the activations". What it keeps is the variance of
# $z$, hence the mean square of $h$; the variance of $h$ is smaller, as ReLU's output has the mean
# $\sqrt{\operatorname{Var}(z) / 2\pi}$.
#
# **Glorot** (2010), for units that are the identity near 0, like tanh. There
# $\operatorname{E}[h^2] \approx \operatorname{Var}(z)$, and the way forward asks for
# $\mathrm{fan\_in} \cdot \sigma^2 = 1$.
# On the way back each $\bar h_i = \sum_j w_{ij} \bar z_j$ is a sum over the *units*, which asks for
# $\mathrm{fan\_out} \cdot \sigma^2 = 1$. Unless the layer is square both cannot be had. Add the two
# equations:
#
# $$\sigma_{\text{Glorot}}^2 = \frac{2}{\mathrm{fan\_in} + \mathrm{fan\_out}} .$$
#
# "Kept" is only nearly true here: tanh is below the identity. With
# $\tanh^2 z \approx z^2 - \tfrac23 z^4$ and $\operatorname{E}[z^4] = 3 q^2$ for a normal $z$ of
# variance $q$, a layer takes $q$ to $q - 2q^2$. That falls like $1 / (2k)$ with the layer $k$:
# twenty layers cost a factor of about forty, where a factor of ½ in each would cost a million.
#
# By hand: $(\mathrm{fan\_in}, \mathrm{fan\_out}) = (8, 24)$ gives
# $\sigma_{\text{He}} = \tfrac12$ and $\sigma_{\text{Glorot}} = \tfrac14$. Mind the root: the
# variance is $\sigma^2$.


# %%
def init_std(scheme, fan_in, fan_out):
    """The standard deviation (not the variance) of a layer's weights.

    scheme: "zeros": 0; "small": 0.01 whatever the layer (Krizhevsky et al., 2012);
    "glorot": √(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010);
    "he": √(2 / fan_in) (He et al., 2015, the forward form).
    fan_in, fan_out ≥ 1: inputs of a unit, units of the layer. Returns a number. Raises ValueError
    for any other scheme.
    """
    # BEGIN SOLUTION
    variances = {"zeros": 0, "small": 1e-4, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}
    if scheme not in variances:
        raise ValueError(f"scheme must be one of {list(variances)}, got {scheme!r}")
    return math.sqrt(variances[scheme])
    # END SOLUTION


# %% [markdown]
# ## Drawing
#
# The derivation asked for a mean of 0, a variance, and independence. It did not ask for a normal
# distribution: a uniform one on $[-c, c]$ is as good. Its density is $1 / 2c$, so
#
# $$\operatorname{Var}(w) = \int_{-c}^{c} \frac{w^2}{2c}\, \mathrm{d}w = \frac{c^2}{3} .$$
#
# Which bound $c$ has the standard deviation $\sigma$? Insert $\sigma_{\text{Glorot}}$: you should
# find the bound of "Glorot uniform" as it is printed everywhere,
# $\sqrt{6 / (\mathrm{fan\_in} + \mathrm{fan\_out})}$. For a layer of $(2, 4)$ it is 1.
#
# `torch.randn` draws from $N(0, 1)$ and `torch.rand` from $[0, 1)$. A generator of your own,
# `torch.Generator().manual_seed(seed)`, leaves everybody else's random numbers alone.


# %%
def draw_weights(fan_in, fan_out, std, distribution, seed):
    """Independent random weights of mean 0 and the given standard deviation.

    std ≥ 0: of the weights, for both distributions. distribution: "normal", N(0, std²), or
    "uniform", on an interval that is symmetric about 0. seed: an integer; equal seeds give equal
    weights, different seeds different ones. Returns (fan_in, fan_out), float32. Raises ValueError
    for any other distribution.
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    if distribution == "normal":
        return std * torch.randn(fan_in, fan_out, generator=generator)
    if distribution == "uniform":
        bound = math.sqrt(3) * std
        return bound * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)
    raise ValueError(f'distribution must be "normal" or "uniform", got {distribution!r}')
    # END SOLUTION


# %% [markdown]
# ## Why random at all?
#
# **Zeros.** Walk through the chain rule of a network in which everything is 0. With two layers or
# more, every hidden unit is 0, so $\bar W = h^\top \bar z$ is 0 in every layer but the first; and
# the way down is barred by $\bar z W^\top = 0$. One parameter moves: the bias of the *last* layer.
# The network learns how frequent the classes are, and nothing else, ever.
#
# **Identical.** Give all weights of a layer the same value $1 / \mathrm{fan\_in}$, so that each
# unit takes the mean of its inputs. The signal passes; but two hidden units of a layer compute the
# same, and are read with the same weight. So they get the same gradient and are still the same
# after the step. By induction: for ever. A thousand such units are one unit. (It takes both halves.
# If only the *columns* are alike, so that units compute the same but are read with different
# weights, they get different gradients and part at the first step.)
#
# Random weights break the symmetry. Only weights need it: biases start at 0.
#
# Each layer needs a draw of its own. If all layers use one seed, square layers are copies of each
# other, and if layer $k$ uses `seed + k`, then layer 1 of the network with seed 7 is layer 0 of the
# one with seed 8: two "independent" runs that share nearly all of their weights.


# %%
def init_params(sizes, scheme, distribution, seed):
    """The start of a network: weights by the scheme, biases 0.

    sizes: [D, H1, …, C], layer k having fan_in sizes[k] and fan_out sizes[k + 1]. scheme: as in
    init_std, or "identical": every weight of a layer is 1 / fan_in. distribution: as in
    draw_weights. No two layers share their draws, nor do networks of these sizes with the seeds
    seed and seed + 1. Returns a list of (w, b), w: (fan_in, fan_out), b: (fan_out,), float32.
    """
    # BEGIN SOLUTION
    params = []
    for k in range(len(sizes) - 1):
        fan_in, fan_out = sizes[k], sizes[k + 1]
        if scheme == "identical":
            w = torch.full((fan_in, fan_out), 1 / fan_in)
        else:
            std = init_std(scheme, fan_in, fan_out)
            own = len(sizes) * seed + k
            w = draw_weights(fan_in, fan_out, std, distribution, own)
        params.append((w, torch.zeros(fan_out)))
    return params
    # END SOLUTION


# %% [markdown]
# Once your functions work, call `plot_spread()` in a cell of its own: twenty layers, on the left
# with ReLU, on the right with tanh. Which curves are level? By how much does a layer multiply the
# others, and does that agree with $\tfrac12 n \sigma^2$? (Zeros cannot be drawn on a logarithmic
# axis: they are below everything.)


# %%
def layers(x, params, activation=torch.relu):
    """What each layer puts out: [x, h1, …, logits]. The last layer has no activation."""
    outputs = [x]
    for k, (w, b) in enumerate(params):
        z = outputs[-1] @ w + b
        outputs.append(activation(z) if k < len(params) - 1 else z)
    return outputs


def plot_spread(depth=20, width=256, seed=0):
    """Plot the root mean square of the activations in each layer, for each initialisation."""
    import matplotlib.pyplot as plt

    x = torch.randn(100, width, generator=torch.Generator().manual_seed(seed))
    _, axes = plt.subplots(1, 2, sharey=True, figsize=(11, 4), layout="constrained")
    for axis, activation in zip(axes, (torch.relu, torch.tanh), strict=True):
        for colour, scheme in enumerate(("he", "glorot", "small", "identical")):
            for distribution, line in (("normal", "-"), ("uniform", ":")):
                params = init_params([width] * (depth + 2), scheme, distribution, seed)
                spread = [h.square().mean().sqrt() for h in layers(x, params, activation)[:-1]]
                label = f"{scheme}, {distribution}"
                axis.semilogy(spread, line, color=f"C{colour}", label=label)
        axis.set_title(activation.__name__)
        axis.set_xlabel("layer (0 is the input)")
        axis.set_xticks(range(0, depth + 1, 5))
        axis.set_ylim(1e-12, 1e2)
    axes[0].set_ylabel("root mean square of the activations")
    axes[1].legend()
    plt.show()


# %% [markdown]
# ## Does it learn?
#
# The loss and its gradients are given: the topics *Softmax and cross-entropy* and *Multi-layer
# perceptron* derive them.


# %%
def loss_and_gradients(x, y, params):
    """Mean cross-entropy of a ReLU network and the gradients of its parameters.

    x: (N, D), y: (N,) labels, params: list of (w, b). Returns (loss, grads), loss: scalar, grads: a
    list of (dw, db) like params.
    """
    outputs = layers(x, params)
    rows = torch.arange(len(y), device=y.device)
    log_p = outputs[-1] - outputs[-1].logsumexp(1, keepdim=True)
    dz = log_p.exp()
    dz[rows, y] -= 1
    dz = dz / len(y)
    grads = []
    for k in reversed(range(len(params))):
        grads.append((outputs[k].T @ dz, dz.sum(0)))
        dz = (dz @ params[k][0].T) * (outputs[k] > 0)
    return -log_p[rows, y].mean(), grads[::-1]


# %% [markdown]
# Put the pieces together: standardise, start, and take gradient steps on all examples at once,
# $w \leftarrow w - \eta\, \partial L / \partial w$. Write the loss down before each step. Its first
# value with zeros you know without a computer.


# %%
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    """Train a ReLU network from a given start, by full-batch gradient descent, and use it.

    Standardises both sets with the training set's statistics, starts from init_params with normal
    draws in the dtype and on the device of x_train, takes `steps` ≥ 1 steps with the learning rate
    lr > 0, and labels the test set with what it has learned. x_train: (N, D), y_train: (N,) labels
    0 … C − 1, x_test: (M, D), sizes: [D, H1, …, C]; scheme, seed: as in init_params.
    Returns (params, losses, predictions): the trained list of (w, b), a list of `steps` scalars
    (the loss before each step), and (M,) labels.
    """
    # BEGIN SOLUTION
    x_train, x_test = standardise_split(x_train, x_test)
    start = init_params(sizes, scheme, "normal", seed)
    params = [(w.to(x_train), b.to(x_train)) for w, b in start]
    losses = []
    for _ in range(steps):
        loss, grads = loss_and_gradients(x_train, y_train, params)
        losses.append(loss)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
    return params, losses, layers(x_test, params)[-1].argmax(1)
    # END SOLUTION


# %% [markdown]
# **Handwritten digits.** The last check trains a network with four hidden layers of 64 units, from
# He's start, for 100 steps with the learning rate 0.15, and asks for an accuracy of 0.88 on 450
# digits that it has not seen. These are the accuracies of twenty seeds, each with a split of its
# own, and the loss of one of the runs:
#
# | start | accuracy, worst and best | loss, first and last |
# |---|---|---|
# | zeros | 0.064 … 0.091 | 2.303, 2.301 |
# | small | 0.064 … 0.091 | 2.303, 2.301 |
# | identical | 0.144 … 0.240 | 2.303, 1.896 |
# | Glorot | 0.940 … 0.964 | 2.394, 0.055 |
# | He | **0.924** … 0.971 | 3.237, 0.031 |
#
# From zeros, and from weights that are as good as zeros, the loss stalls at the entropy of the
# class frequencies. Identical units learn what *one* unit a layer can learn. Glorot's start does no
# worse than He's, although the units are ReLUs: four layers cost it a factor of $2^4$ in the mean
# square, and training makes up for that. Twenty layers cost a million. Call `plot_training()` in
# a cell of its own, and then `plot_training([64] + 20 * [64] + [10], lr=0.05)`: which of the five
# still gets away from $\ln 10$?


# %%
def plot_training(sizes=(64, 64, 64, 64, 64, 10), steps=100, lr=0.15, seed=0):
    """Plot the loss on the digits against the step, from each start; the legend has accuracies."""
    import matplotlib.pyplot as plt
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = torch.randperm(len(digits.data), generator=torch.Generator().manual_seed(seed))
    x = torch.tensor(digits.data, dtype=torch.float32)[order]
    y = torch.tensor(digits.target)[order]
    for scheme in ("zeros", "identical", "small", "glorot", "he"):
        _, losses, labels = train(x[450:], y[450:], x[:450], list(sizes), scheme, steps, lr, seed)
        accuracy = (labels == y[:450]).float().mean()
        plt.plot(losses, label=f"{scheme}: accuracy {accuracy:.2f}")
    plt.xlabel("step")
    plt.ylabel("mean cross-entropy (nats)")
    plt.title(f"Digits, {len(sizes) - 2} hidden layers")
    plt.legend()
    plt.show()
