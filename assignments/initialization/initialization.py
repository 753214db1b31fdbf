# %% [markdown]
# # Initialization
#
# Where should the weights start, and on what scale should the data come in? A network of twenty
# layers multiplies twenty times. A factor that is wrong by 2 in each layer is wrong by a million at
# the end, and nothing is learned. Two lines of probability say which factor is right.
#
# **Afterwards you can** bring data to a scale without peeking at the test set, derive the spread that
# keeps a signal alive through any number of layers, and say why weights must differ.
#
# Before: *Activation functions* shows ten layers in which a signal fades. After: *Universal
# approximation* asks what a network can compute at all, and *Gradient descent* how to get there.
#
# **Conventions.** Examples are rows. A layer computes $z = hW + b$, so its weights have the shape
# `(fan_in, fan_out)`: a unit reads `fan_in` numbers, and a layer has `fan_out` units.
# (`torch.nn.Linear` stores the transpose.) Every unit is a column. A bar is the gradient of the loss
# $L$ with respect to what is under it, $\bar z = \partial L / \partial z$. Randomness comes from an
# integer `seed` and from nothing else: equal seeds give equal weights. Nothing is modified in place.

# %% [markdown]
# ## By hand
#
# Three pixels of a scan whose grey values go from 0 to 16. They are to come in between −1 and 1:
#
# | | | | |
# |---|---|---|---|
# | pixel | 8 | 12 | 16 |
# | share of the way from 0 to 16 | ½ | ¾ | 1 |
# | $x$: the same share of the way from −1 to 1 | 0 | ½ | 1 |
# | if the way went from 8 to 16, this scan's own range | −1 | 0 | 1 |
#
# The last row is another picture: the middle grey has become the end of the range. The numbers
# $x = (0, \tfrac12, 1)$ are read by two hidden ReLUs. All their weights are 2, both are read by the
# output with the weight 4, and there are no biases. Say the loss arrives with $\bar o = 1$ at the
# output $o$, and the learning rate is ½. Beside it, the same with the output weights 4 and 6.
#
# | | weights 4 and 4 | weights 4 and 6 |
# |---|---|---|
# | $z = h$, either unit | $2 \cdot 0 + 2 \cdot \tfrac12 + 2 \cdot 1 = 3$ | 3 |
# | output $o$ | $3 \cdot 4 + 3 \cdot 4 = 24$ | $3 \cdot 4 + 3 \cdot 6 = 30$ |
# | $\bar h$ of the two units | 4 and 4 | 4 and 6 |
# | gradient of their weights, $x \cdot \bar h$ | $(0, 2, 4)$ and $(0, 2, 4)$ | $(0, 2, 4)$ and $(0, 3, 6)$ |
# | their weights after the step | $(2, 1, 0)$ and $(2, 1, 0)$ | $(2, 1, 0)$ and $(2, \tfrac12, -1)$ |
# | output weights after the step | $2\tfrac12$ and $2\tfrac12$ | $2\tfrac12$ and $4\tfrac12$ |
#
# On the left the units are as alike as before, and what made them alike is so, too: the next step can
# do no more. Two units do the work of one. On the right one difference, above them, has parted them in
# a single step. The pixels of the first table are the first that `gradus check` asks of you.

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
# insert and see:
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
    raise NotImplementedError


# %% [markdown]
# ## Standardising
#
# The gradient of a weight of the first layer is $\sum_n x_{nd}\, \bar z_{nm}$. If one feature is in
# millimetres and the next in kilometres, no learning rate suits both. And if all inputs are
# positive, one example pushes all weights of a unit in the same direction, and they can only zigzag
# (LeCun et al., 1998). So give every feature the mean 0 and the variance 1:
#
# $$\mu_d = \frac1N \sum_n x_{nd}, \qquad \sigma_d^2 = \frac1N \sum_n (x_{nd} - \mu_d)^2, \qquad
#   x'_{nd} = \frac{x_{nd} - \mu_d}{\sigma_d} .$$
#
# On paper: 1, 3, 5 has $\mu = 3$ and $\sigma^2 = \tfrac83$. (With $N - 1$ it would be 4: that
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
    raise NotImplementedError


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
    raise NotImplementedError


# %% [markdown]
# ## The right spread
#
# Take one unit: $z = \sum_{i=1}^{n} h_i w_i$ with $n = \mathrm{fan\_in}$, and $w_i$ independent of each
# other and of $h$, of mean 0 and variance $\sigma^2$. All cross terms have mean 0, so only the squares
# are left:
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
# On paper: $(\mathrm{fan\_in}, \mathrm{fan\_out}) = (8, 24)$ gives
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
    raise NotImplementedError


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
    raise NotImplementedError


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
# after the step. By induction: for ever, as long as nobody rounds. A thousand such units are one unit.
# (It takes both halves. If only the *columns* are alike, so that units compute the same but are read
# with different weights, they get different gradients and part at the first step, as by hand.)
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
    raise NotImplementedError


# %% [markdown]
# ## Does it learn?
#
# What each layer puts out, the loss and its gradients are given: the topics *Softmax and cross-entropy*
# and *Multi-layer perceptron* derive them.


# %%
def layers(x, params, activation=torch.relu):
    """What each layer puts out: [x, h1, …, logits]. The last layer has no activation."""
    outputs = [x]
    for k, (w, b) in enumerate(params):
        z = outputs[-1] @ w + b
        outputs.append(activation(z) if k < len(params) - 1 else z)
    return outputs


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
    raise NotImplementedError


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
# square, and training makes up for that. Twenty layers cost a million. With twenty hidden layers,
# `[64] + 20 * [64] + [10]`, a hundred steps with the learning rate 0.05 take the loss from He's start to
# 1.08; from the other four it ends between 2.29 and 2.31, with $\ln 10 = 2.303$ being a guess.

# %% [markdown]
# ## Why: how much randomness does it take?
#
# One hidden layer of 32 ReLUs, on 450 digits, in float64, with the learning rate 0.3. Seven starts: all
# zeros; all weights of a layer equal, $1 / \mathrm{fan\_in}$; this with random numbers of standard
# deviation $10^{-6}$ or $10^{-2}$ added; this with He's numbers in the first layer only, or in the last
# layer only; and He's in both. Two units count as different when their weights differ by more than a
# thousandth of their length. Write down before you run it: **of 32 equal units, how many different ones
# are there after 100 steps, and after 300? Which of the other starts end with 32?** What the table says
# is explained below the code.


# %%
def different_units(w, tol=1e-3):
    """How many columns of w: (D, M) differ by more than tol times their mean length."""
    apart = torch.cdist(w.T, w.T) > tol * w.norm(dim=0).mean()
    return len(apart.unique(dim=0))


def experiment(digits, quick=False):
    """How many hidden units differ, before and after training, from seven starts.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    """
    x, y, x_test, y_test = digits
    n, moments = (50, (2, 4)) if quick else (450, (100, 300))
    x, x_test = standardise_split(x[:n].double(), x_test.double())
    sizes = [x.shape[1], 32, 10]
    zeros, same, small, he = (
        [(w.double(), b.double()) for w, b in init_params(sizes, scheme, "normal", 0)]
        for scheme in ("zeros", "identical", "small", "he")
    )

    def shaken(size):
        """The identical weights, with random ones of the standard deviation 0.01 · size added."""
        return [(w + size * noise, b) for (w, b), (noise, _) in zip(same, small, strict=True)]

    starts = {
        "zeros": zeros,
        "identical": same,
        "identical, 1e-6 added": shaken(1e-4),
        "identical, 1e-2 added": shaken(1),
        "first layer random": [he[0], same[1]],
        "last layer random": [same[0], he[1]],
        "He": he,
    }
    rows = [("start", "different units", *(f"after {k} steps" for k in moments), "accuracy")]
    for name, params in starts.items():
        counts = [different_units(params[0][0])]
        for step in range(1, moments[-1] + 1):
            _, grads = loss_and_gradients(x, y[:n], params)
            pairs = zip(params, grads, strict=True)
            params = [(w - 0.3 * dw, b - 0.3 * db) for (w, b), (dw, db) in pairs]
            if step in moments:
                counts.append(different_units(params[0][0]))
        right = layers(x_test, params)[-1].argmax(1) == y_test
        rows.append((name, *counts, f"{right.double().mean():.2f}"))
    return rows


# %% [markdown]
# After 100 steps the 32 equal units are still one, and after 300 they are two, with an accuracy of 0.44.
# By induction they should be one for ever; but two sums of the same products need not be added in the
# same order, and then differ by about $10^{-16}$. A difference that is exactly 0 stays 0, and one that
# is not *grows*, here by a factor of 18 in twenty steps: to be alike is a balance like that of a pencil
# on its tip. (Here they part between step 240 and step 260; in float32, with its coarser rounding,
# between 100 and 120. Another machine may count otherwise.)
#
# So it takes next to nothing. A random part of a millionth makes all 32 different within 100 steps; with
# 0.92 its accuracy is behind the others', for it has lost time until the difference was large. One layer
# of random weights is enough, and it may be the last one: the first then begins with 32 equal units, is
# read differently, parts at the first step, and ends with 0.97, before He's 0.94. Breaking the symmetry
# does not ask for a certain spread. The spread is for the signal, and in one hidden layer there is not
# much to lose. From zeros nothing moves but the last bias: 0.09.

# %% [markdown]
# ## Show: what becomes of a signal in twenty layers
#
# Above: random numbers of size 1 go through twenty layers of 256 units, with ReLU and with tanh; zeros
# give 0 at once. Which curves are level? The dotted lines are what was derived: a ReLU layer multiplies
# the size by $\sqrt{n \sigma^2 / 2}$, and with tanh and Glorot's start it is $1 / \sqrt{2k + 1}$ after $k$
# layers. After twenty
# ReLU layers He's start has 0.83 left, Glorot's 0.0008, and small weights $10^{-19}$. He's start is level
# with tanh, too, at 0.56: where the factor 2 in the square makes up for what tanh takes off.
#
# Below: the loss on the digits with four hidden layers, from each start; and what eight hidden units of
# a smaller network look for after training, as pictures of their 64 weights: blue where ink speaks for
# the unit, red where it speaks against it. The eight from the identical start are one.


# %%
def figure(digits, quick=False):
    """The spread of activations by layer from each start, the loss, and trained units as pictures.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 8.5), layout="constrained")
    grid = drawn.add_gridspec(2, 2, height_ratios=(1, 1))
    colours = {"he": "C0", "glorot": "C1", "small": "C2", "identical": "C3", "zeros": "0.3"}

    depth, width = 20, 32 if quick else 256
    x = torch.randn(100, width, generator=torch.Generator().manual_seed(0))
    k = torch.arange(depth + 1)
    for at, (f, name) in enumerate(((torch.relu, "ReLU"), (torch.tanh, "tanh"))):
        axes = drawn.add_subplot(grid[0, at])
        for scheme in ("he", "glorot", "small"):
            params = init_params((depth + 2) * [width], scheme, "normal", 0)
            spread = [h.square().mean().sqrt() for h in layers(x, params, f)[:-1]]
            axes.semilogy(spread, ".-", color=colours[scheme], label=scheme)
            if at == 0:
                factor = (width / 2) ** 0.5 * init_std(scheme, width, width)
                axes.semilogy(k, factor**k, "k:", label="derived" if scheme == "small" else None)
        if at == 1:
            axes.semilogy(k, (2 * k + 1) ** -0.5, "k:", label="derived, for glorot")
        axes.plot([], " ", label="(zeros: 0 from layer 1 on)")
        axes.set(ylim=(1e-8, 20), xticks=range(0, depth + 1, 5), title=f"twenty layers with {name}")
        axes.set(xlabel="layer (0 is the input)", ylabel="root mean square of the activations")
        axes.legend(loc="lower right")

    x, y, x_test, y_test = digits
    x, y = (x[:50], y[:50]) if quick else (x[:2000], y[:2000])
    axes = drawn.add_subplot(grid[1, 0])
    for scheme, colour in colours.items():
        given = [x.shape[1], 64, 64, 64, 64, 10], scheme, 2 if quick else 100, 0.15, 0
        _, losses, labels = train(x, y, x_test, *given)
        name = f"{scheme}: accuracy {(labels == y_test).double().mean():.2f}"
        axes.plot(losses, "--" if scheme == "zeros" else "-", color=colour, label=name)
    axes.set(xlabel="step", ylabel="mean cross-entropy (nats)", ylim=(0, 3.4))
    axes.set_title("the digits, four hidden layers")
    axes.legend(loc=(0.5, 0.22))

    halves = drawn.add_subfigure(grid[1, 1]).subfigures(2, 1)
    for half, scheme in zip(halves, ("identical", "he"), strict=True):
        given = [x.shape[1], 8, 10], scheme, 2 if quick else 150, 0.3, 0
        params, _, _ = train(x, y, x_test, *given)
        pictures = params[0][0].T.reshape(8, int(x.shape[1] ** 0.5), -1)
        for axes, picture in zip(half.subplots(2, 4).flat, pictures, strict=True):
            axes.imshow(picture, cmap="RdBu", vmin=-0.6, vmax=0.6)
            axes.set(xticks=[], yticks=[])
        half.suptitle(f"the weights of eight hidden units, trained from {scheme}", fontsize=11)
    return drawn


# %% [markdown]
# ## ★ Extension
#
# Instead of deriving the spread, one can measure it: send one batch through the network, and divide the
# weights of each layer by the root mean square of its $z$, layer by layer from the first to the last
# (Mishkin and Matas, no points). Do it to the twenty layers of the figure, for ReLU, for tanh, and for
# the Swish of *Activation functions*, and draw the curves again. Which of them are level now? And what
# goes wrong with it when all weights start at 0?
#
# ## Read on
#
# - Y. LeCun, L. Bottou, G. Orr, K.-R. Müller: Efficient BackProp, 1998, doi:10.1007/3-540-49430-8_2:
#   why inputs should be centred and scaled, in its section 4.
# - X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks,
#   AISTATS 2010: the compromise between the two directions, with histograms of every layer.
# - A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet classification with deep convolutional neural
#   networks, 2012, doi:10.1145/3065386: 0.01 for every layer.
# - K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers, 2015, arXiv:1502.01852: the half that
#   ReLU takes away.
# - A. Saxe, J. McClelland, S. Ganguli: Exact solutions to the nonlinear dynamics of learning in deep
#   linear neural networks, 2013, arXiv:1312.6120: why learning stays near a saddle before it leaves.
# - D. Mishkin, J. Matas: All you need is a good init, 2015, arXiv:1511.06422: the extension.
