# %% [markdown]
# # Ensembles
#
# Train a model on other examples of the same kind, and it predicts something else. What changes from one
# training set to the next is one part of its error, and it shrinks when many models are asked. Another
# part they all share, and no mean removes it; a third is noise in what is to be predicted. Bagging
# (Breiman, 1996) makes many models out of a single training set.
#
# **Afterwards you can** split a squared error into bias², variance and noise, draw bootstrap samples,
# bag a model, combine predictions by mean and by vote, and say which part of the error that lowers.
#
# Before: *Regularisation*, which pays with bias for less variance. *Dropout* is an ensemble, too: one of
# networks that share their weights. After: whatever you train twice, you can average.
#
# **Conventions.** There are $n$ training examples and $M$ new points. Predictions of several models are
# rows: one model a row, one point a column. Random functions take a `seed`: equal seeds give equal
# results. Nothing is modified in place, and dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# Four training sets give four models, and each predicts at two points. The truth is known here, and so is
# the noise: what is observed is the truth plus or minus something, both equally often.
#
# | | point 1 | point 2 |
# |---|---|---|
# | truth $t$ | $6$ | $2$ |
# | predictions $p$ of the four models | $3,\ 5,\ 7,\ 5$ | $5,\ 5,\ 5,\ 5$ |
# | their mean $m$ | $20 / 4 = 5$ | $5$ |
# | bias² $(m - t)^2$ | $1$ | $9$ |
# | variance: mean of $(p - m)^2$ | $(4 + 0 + 4 + 0) / 4 = 2$ | $0$ |
# | observed targets $y$ | $4,\ 8$ | $1,\ 3$ |
# | noise: mean of $(y - t)^2$ | $(4 + 4) / 2 = 4$ | $1$ |
# | sum | $7$ | $10$ |
#
# Now the error itself, from all pairs of a prediction and a target, without a look at the truth. At
# point 1 the target 4 leaves the squared errors $1, 1, 9, 1$ and the target 8 leaves $25, 9, 1, 9$:
# together 56, and $56 / 8 = 7$. At point 2 it is $(16 + 4) / 2 = 10$. The three parts add up, exactly.
#
# - Ask all four models and take their mean: at point 1 the error falls from 7 to $1 + 4 = 5$. At point 2
#   it stays 10: four models that agree are one.
# - Whoever knows $t$ has an error of 4 and of 1 left. No model gets below the noise.
#
# These numbers are the first call that `gradus check` makes.

# %%
import torch

# %% [markdown]
# ## Three parts of an error
#
# At one point let $t$ be the truth, and $y = t + e$ what is observed there, with $\mathbb{E}[e] = 0$. The
# prediction $p$ is random, too, for it depends on the training set; $m = \mathbb{E}[p]$ is its mean over
# all training sets. The new noise $e$ knows nothing of the training set. Write the error as three steps,
#
# $$y - p = \underbrace{e}_{\text{noise}} + \underbrace{(t - m)}_{\text{fixed}}
#   + \underbrace{(m - p)}_{\text{training set}},$$
#
# square it, and take the expectation. There are three squares and three products. In each of the products
# one factor has the mean 0 and is independent of the other: $e$ with whatever it meets, and $m - p$ with
# the fixed $t - m$. So the products are gone:
#
# $$\mathbb{E}\bigl[(y - p)^2\bigr] = \underbrace{(m - t)^2}_{\text{bias}^2}
#   + \underbrace{\mathbb{E}\bigl[(p - m)^2\bigr]}_{\text{variance}}
#   + \underbrace{\mathbb{E}\bigl[(y - t)^2\bigr]}_{\text{noise}} .$$
#
# - The bias is taken against the *noiseless* truth. Against what was observed, the noise would be in it
#   once more.
# - All three are squares, in the units of $y^2$. A standard deviation of 2 is a noise of 4.
# - With $R$ training sets, $m$ and the variance become means over *these* $R$: divide by $R$. The
#   products vanish for them as well, if the targets are on average the truth, and the sum is exact.
#   Divide by $R - 1$, and it is not.
# - In real data $t$ is not known, and one target is observed at each point. Then bias² and noise cannot
#   be told apart. That is why this is learnt where the truth is known.


# %%
def decompose(predictions, truth, targets):
    """The three parts of the mean squared error at each point: bias², variance and noise.

    bias² = (mean prediction − truth)², variance = mean of (prediction − mean prediction)², and noise =
    mean of (target − truth)². The means are over the rows: divide by R and S, not by R − 1.

    predictions: (R, M), one row a training set. truth: (M,), without noise. targets: (S, M), observed
    S times at each point. Returns (bias2, variance, noise), each (M,). Geman, Bienenstock, Doursat, 1992.
    """
    raise NotImplementedError


# %% [markdown]
# ## What a mean can do
#
# Let $B$ models be of the same kind: each has the expectation $m$ and the variance $v$, and any two
# have the correlation $\rho$. The expectation of their mean is $m$ again, so **their bias stays**. The
# variance of their sum has $B$ terms $v$ and $B(B-1)$ terms $\rho v$. Divided by $B^2$ that is
#
# $$\frac{v + (B - 1)\, \rho v}{B} \;=\; \rho\, v + \frac{1 - \rho}{B}\, v .$$
#
# Independent models, $\rho = 0$, leave $v / B$. Equal ones, $\rho = 1$, leave $v$. And however many you
# ask, $\rho v$ remains. So models should be good, and *different*.
#
# ## Many training sets from one
#
# There is one training set only. The *bootstrap* (Efron, 1979) takes it for the world: draw $n$ examples
# from it, each time one of all $n$ with equal probability, and **put it back**. Without putting back, all
# of them would be drawn, in another order, and all models would be the same.
#
# So some examples come twice or more, and others not at all. Each draw misses a given example with
# probability $1 - \frac1n$, and all $n$ draws do with
#
# $$\Bigl( 1 - \frac1n \Bigr)^n \longrightarrow \frac1e = 0.368 .$$
#
# Where $n$ is large, more than a third of the examples are missing from a sample, and those that are
# there come $1 / (1 - 0.368) = 1.58$ times on average.


# %%
def bootstrap_samples(n, count, seed):
    """Indices of bootstrap samples: each row holds n draws from 0 … n − 1, with replacement.

    All indices are equally likely at each draw, and all draws are independent, within a sample and between
    samples. Equal seeds give equal samples, and every seed, seed + 1 too, has draws of its own. n ≥ 1,
    count ≥ 1. Returns (count, n), int64. Efron, 1979.
    """
    raise NotImplementedError


# %% [markdown]
# ## Bagging
#
# *Bootstrap aggregating*: train the same kind of model on each sample, and combine. The model here
# needs no training: it looks up the $k$ nearest examples, and predicts the mean of their targets. An
# example that is in the sample twice is there twice, with its target, and counts twice.
#
# A small bag: $x = (0, 2, 6)$ with $y = (2, 5, 8)$, and the samples $(0, 0, 2)$, $(1, 1, 2)$ and
# $(0, 1, 1)$ of these examples, counted from 0. What does the one nearest neighbour predict?
#
# | sample | its $x$ | at $2$ | at $5$ |
# |---|---|---|---|
# | $0, 0, 2$ | $0, 0, 6$ | $2$ | $8$ |
# | $1, 1, 2$ | $2, 2, 6$ | $5$ | $8$ |
# | $0, 1, 1$ | $0, 2, 2$ | $5$ | $5$ |
# | mean | | $4$ | $7$ |
#
# All three examples together predict 5 and 8, and nothing between: a bag can say more than its models.


# %%
def nearest(x, y, x_new, k=1):
    """Predict the mean target of the k nearest examples. x, y: (..., n). x_new: (M,). Returns (..., M).

    Axes in front of the last are as many training sets, each on its own.
    """
    distance = (x[..., None, :] - x_new[:, None]).abs()
    places = distance.topk(k, largest=False).indices
    return y[..., None, :].expand(distance.shape).gather(-1, places).mean(-1)


def bagged_predictions(x, y, samples, x_new, k=1):
    """What each model of a bag predicts: `nearest`, with the examples of one sample, at the new points.

    x, y: (n,), the training set. samples: (B, m), indices into it; an example counts as often as it is
    there. x_new: (M,). k in 1 … m. Returns (B, M): the predictions of all B models, not combined yet.
    Breiman, 1996.
    """
    raise NotImplementedError


# %% [markdown]
# ## What was left out
#
# For every example there are models that have never seen it: more than a third of them. To these it is
# a new point. Their mean, compared with the example's target, gives an honest error without a test set:
# the *out-of-bag* error. In the small bag example 1 is missing from the first sample, 0 from the
# second, and 2 from the third.
#
# With few models some example may be in every sample. Then nobody may answer, and something else must
# stand in.


# %%
def out_of_bag(samples, n):
    """Which of the n examples are in which sample not even once. samples: (B, m), indices in 0 … n − 1.

    Returns (B, n), bool: True where the example is missing from the sample.
    """
    raise NotImplementedError


def mean_prediction(predictions, counted, otherwise):
    """The mean prediction at each point, over those models that count there.

    predictions: (B, N), one row a model. counted: (B, N), bool: whether the model counts at this point.
    otherwise: a number, the prediction at points where no model counts. Returns (N,).
    """
    raise NotImplementedError


# %% [markdown]
# ## Votes
#
# Labels have no mean: between class 0 and class 2 there is not class 1. So count. The class with most
# votes wins, whether or not it has more than half of them. Two classes may have equally many. Someone
# must decide, and decide the same each time: here the **smallest label** wins. (This favours the small
# labels; an odd number of voters avoids it where there are two classes.)
#
# Of two answers let one be right. Three *independent* voters who each find it in 60 % of the cases find it
# together with probability $0.6^3 + 3 \cdot 0.6^2 \cdot 0.4 = 0.648$. If each finds it in 40 %, it is
# $0.352$. A vote makes the good better and the bad worse, and all depends on the word *independent*.


# %%
def vote(labels, classes):
    """The class with most votes at each point; of equally many the smallest label wins.

    labels: (B, N), integers in 0 … classes − 1, one row a voter. Returns (winner, counts), both int64.
    winner: (N,). counts: (N, classes), how many votes each class has.
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: does bagging lower bias or variance?
#
# The truth is $t(x) = \sin 2\pi x$, and the noise is a coin: $+\frac12$ or $-\frac12$, so its part of
# the error is $\frac14$. There are 30 examples at fixed places, and each training set has new noise.
# (They come in pairs with opposite noise, so that on average there is none.) For the 1, 5 and 15
# nearest neighbours, alone and in a bag of 50, the experiment takes the error of 1,000 training sets
# apart. The targets are $t + \frac12$ and $t - \frac12$ at each new point. The last column is the mean
# squared error over all pairs of a prediction and a target.
#
# Write down before you run it: **does bagging lower the bias or the variance? For which $k$ does it
# help most, and does it ever do harm? One nearest neighbour alone has a variance of $\frac14$: to what
# do 50 of them lower it?**


# %%
def truth_at(x):
    """One wave."""
    return torch.sin(2 * torch.pi * x)


def coins(*shape, seed):
    """Noise: ½ or −½, equally likely."""
    return torch.randint(2, shape, generator=torch.Generator().manual_seed(seed)) - 0.5


PLACES = (torch.arange(30) + 0.5) / 30
NEW = (torch.arange(20) + 0.3) / 20


def many_predictions(k, pairs, bags):
    """Predictions at NEW from pairs of training sets; alone, or each the mean of a bag. (2 pairs, 20)."""
    found = []
    for seed in range(pairs):
        noise = coins(30, seed=seed)
        samples = bootstrap_samples(30, bags, seed) if bags else torch.arange(30)[None]
        for y in (truth_at(PLACES) + noise, truth_at(PLACES) - noise):
            found.append(bagged_predictions(PLACES, y, samples, NEW, k).mean(0))
    return torch.stack(found)


def experiment(quick=False):
    """Bias², variance and noise of k nearest neighbours, alone and bagged; averages over 20 points."""
    pairs, bags = (5, 3) if quick else (500, 50)
    truth = truth_at(NEW)
    targets = torch.stack([truth + 0.5, truth - 0.5])
    rows = [("k", "", "bias²", "variance", "noise", "sum", "error")]
    for k in (1, 5, 15):
        for name, size in (("alone", 0), ("bagged", bags)):
            predictions = many_predictions(k, pairs, size)
            parts = [part.mean().item() for part in decompose(predictions, truth, targets)]
            error = (targets[:, None] - predictions).square().mean().item()
            rows.append((k, name, *parts, sum(parts), error))
    return rows


# %% [markdown]
# Bagging lowers the variance: for the nearest neighbour from 0.250 to 0.121, about a half and by no
# means a fiftieth. Noise is noise, and bias² hardly changes for $k = 1$. For $k = 5$ and $k = 15$ it
# *rises*, by 0.003 and by 0.006; and with 15 neighbours, where there is hardly any variance to lose,
# the bag is worse than the single model: 0.351 for 0.347. Sum and error agree in every row.
#
# **Why a half?** Alone, the nearest neighbour hands on the target of one example, with all of its noise:
# $v = \frac14$. In a bag, the $j$-th nearest example answers if none of the $j - 1$ nearer ones is in the
# sample and it is there itself. So the mean of very many models gives its target the weight
#
# $$w_j = \Bigl( 1 - \frac{j-1}{n} \Bigr)^n - \Bigl( 1 - \frac{j}{n} \Bigr)^n \approx e^{-(j-1)} - e^{-j},$$
#
# which is 0.63, 0.23, 0.09 and so on. The examples' noise is independent, so the variance is $v$ times
#
# $$\sum_j w_j^2 \approx \frac{(1 - e^{-1})^2}{1 - e^{-2}} = \frac{e - 1}{e + 1} = 0.46 .$$
#
# This is the $\rho$ of two models of the bag, and by the formula above $\rho v$ remains, however many
# there are. For $n = 30$ the exact weights give $\rho = 0.471$, and 50 models
# $(0.471 + 0.529 / 50) \cdot \frac14 = 0.120$.
#
# **Why more bias?** The bias of a bag is that of a model trained on a *sample*. With a third of the
# examples missing it looks further for its $k$ neighbours, and further away $t$ is another. Against one
# model on all data bagging is a trade like any other: some bias for less variance. It pays where the
# variance is large.

# %% [markdown]
# ## Show: the parts against the complexity, and how many models
#
# Above: the three parts stacked, for $k$ from 15 (stiff: much bias) to 1 (pliable: much variance); alone on
# the left, bagged on the right, from 200 training sets each. The best single model is the middle one,
# $k = 5$, with 0.315; its bag has 0.308. Where the model is too pliable, bagging flattens the slope: at
# $k = 1$ from 0.502 to 0.372. Where it is too stiff, nothing gets better.
#
# Below, on the left, bags of nearest neighbours, averaged over 100 training sets with inputs at random
# places. The error at new points falls from 0.52 with one model to 0.38 with 50, and hardly any further.
# The out-of-bag error, which needs no new points, has 0.39 there. With fewer models it is too large: only
# about a third of them may answer for an example, and with a single one mostly nobody may, so that the mean
# of all targets stands in.
#
# On the right two classes, left and right of $\frac12$, and about a quarter of the labels is wrong. The
# nearest neighbour alone has an accuracy of 0.77, and 100 of them that *vote* have 0.77 as well. The nearest
# example is in 63 % of the samples, so in a large bag it wins every vote, whatever the others say: the mean
# does better than one model, and the vote does not. In samples of 15 it is in $1 - e^{-1/2} = 39\,\%$ and
# can be outvoted: 0.83. Samples of 6 have the worst voters, and the best vote: 0.88.


# %%
def figure(quick=False):
    """Stacked parts of the error alone and bagged; error and out-of-bag error; votes of small bags."""
    import matplotlib.pyplot as plt

    pairs, bags = (4, 3) if quick else (100, 50)
    drawn, grid = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    truth, ks = truth_at(NEW), (15, 11, 8, 5, 3, 2, 1)
    targets = torch.stack([truth + 0.5, truth - 0.5])
    for axes, name, size in zip(grid[0], ("alone", f"bags of {bags}"), (0, bags), strict=True):
        parts = [decompose(many_predictions(k, pairs, size), truth, targets) for k in ks]
        bias2, variance, noise = torch.tensor([[p.mean() for p in three] for three in parts]).T
        labels, colors = ("noise", "bias²", "variance"), ("0.8", "C0", "C1")
        axes.stackplot(range(len(ks)), noise, bias2, variance, labels=labels, colors=colors)
        axes.set_xticks(range(len(ks)), ks)
        axes.set(title=name, xlabel="k: from stiff to pliable", ylabel="squared error")
        axes.set(xlim=(0, len(ks) - 1), ylim=(0, 0.6))
        axes.legend(loc="upper center", ncols=3)

    sizes, worlds, most = ((1, 2), 2, 2) if quick else ((1, 2, 3, 5, 8, 13, 25, 50, 100), 100, 100)
    test, honest = torch.zeros(2, len(sizes))
    wins = {30: 0, 15: 0, 6: 0}
    alone = 0.0
    for seed in range(worlds):
        x = torch.rand(30, generator=torch.Generator().manual_seed(seed))
        y = truth_at(x) + coins(30, seed=seed)
        samples = bootstrap_samples(30, most, seed)
        outside = out_of_bag(samples, 30)
        new, seen = (bagged_predictions(x, y, samples, at) for at in (NEW, x))
        for place, size in enumerate(sizes):
            test[place] += (new[:size].mean(0) - truth).square().mean() + 0.25
            guess = mean_prediction(seen[:size], outside[:size], y.mean())
            honest[place] += (guess - y).square().mean()
        flipped = torch.rand(30, generator=torch.Generator().manual_seed(seed)) < 0.25
        label, right = ((x > 0.5) ^ flipped.flip(0)).double(), NEW > 0.5
        alone += ((nearest(x, label, NEW) > 0.5) == right).double().mean() / worlds
        for size, before in wins.items():
            labels = bagged_predictions(x, label, samples[:, :size], NEW).long()
            tops = torch.stack([vote(labels[:b], 2)[0] == right for b in sizes])
            wins[size] = before + tops.double().mean(1) / worlds
    left, right = grid[1]
    left.plot(sizes, test / worlds, "o-", label="error at new points")
    left.plot(sizes, honest / worlds, "s--", label="out-of-bag error")
    left.set(
        xscale="log", title="one nearest neighbour, bagged", xlabel="models", ylim=(0.25, None)
    )
    left.set_ylabel("squared error")
    left.legend()
    for size, share in wins.items():
        right.plot(sizes, share, "o-", label=f"samples of {size}")
    right.axhline(alone, color="0.5", linestyle=":", label="one model, all 30 examples")
    right.set(xscale="log", title="votes of nearest neighbours", xlabel="voters", ylabel="accuracy")
    right.legend()
    return drawn


# %% [markdown]
# ## ★ Extension: smaller bags
#
# No points. If the draws of a sample are independent, the first $m$ columns of `bootstrap_samples` are
# samples of size $m$. What changes? The nearest example is in such a sample with probability
# $1 - (1 - \frac1n)^m$, about $1 - e^{-c}$ with $c = m / n$. Do the calculation under *Why* with $c$:
# which multiple of $v$ remains? At which $c$ is it a tenth? What becomes of the bias? And below which
# $c$ may a large bag of nearest neighbours vote otherwise than the nearest one alone? (Hall and
# Samworth, 2005, say 69 %: which number is that?) Try it in `many_predictions`.
#
# ## Read on
#
# - L. Breiman: Bagging predictors, *Machine Learning* 24, 1996, doi:10.1007/BF00058655: the method; why
#   it helps learners that are unstable.
# - B. Efron: Bootstrap methods: another look at the jackknife, *Annals of Statistics* 7, 1979,
#   doi:10.1214/aos/1176344552: samples from the sample.
# - S. Geman, E. Bienenstock, R. Doursat: Neural networks and the bias/variance dilemma, *Neural
#   Computation* 4, 1992, doi:10.1162/neco.1992.4.1.1: the decomposition, and what it says about
#   networks.
# - L. Breiman: Random forests, *Machine Learning* 45, 2001, doi:10.1023/A:1010933404324: trees that are
#   made to differ, for the sake of a small $\rho$; out-of-bag estimates.
# - P. Hall, R. Samworth: Properties of bagged nearest neighbour classifiers, *Journal of the Royal
#   Statistical Society B* 67, 2005, doi:10.1111/j.1467-9868.2005.00506.x: the extension.
# - B. Lakshminarayanan, A. Pritzel, C. Blundell: Simple and scalable predictive uncertainty estimation
#   using deep ensembles, 2016, arXiv:1612.01474: networks differ by their random start alone.
