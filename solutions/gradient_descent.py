# %% [markdown]
# # Gradient descent
#
# How a network learns, once its gradient is known: go downhill, a step at a time. On how many
# examples do you look before a step, where do you look, and how far do you go? Each answer is a few
# lines. You have torch tensors and no `torch.optim`.
#
# **Conventions.** `params` and `grads` are lists of tensors, `grads[k]` of the shape of
# `params[k]`. An *objective* is a function `objective(params) -> (loss, grads)`: a scalar and its
# gradients at `params`. An update returns `(params, state)`. Nothing is modified in place: the
# tensors and lists that come in stay as they are. Dtypes and devices follow the parameters.

# %%
import math

import torch

# %% [markdown]
# ## On how many examples?
#
# The loss is a mean over $N$ examples, and so is its gradient. Take the mean over a part $B$ of
# them only:
#
# $$g = \frac1N \sum_{n=1}^{N} \nabla \ell_n, \qquad
#   g_B = \frac1m \sum_{n \in B} \nabla \ell_n, \qquad |B| = m .$$
#
# If every example is as likely as any other to be in $B$, then $\mathbb{E}[g_B] = g$: the estimate
# is noisy, and right on average. Its standard deviation falls like $1/\sqrt m$, and its cost grows
# like $m$: four times the work for half the noise. So it pays to take many steps on few examples
# each (Robbins and Monro, 1951). The three names are three values of $m$:
#
# | | $m$ | steps in an epoch |
# |---|---|---|
# | batch gradient descent | $N$ | 1 |
# | mini-batch gradient descent | for instance 32 | $\lceil N / m \rceil$ |
# | stochastic gradient descent (in the narrow sense) | 1 | $N$ |
#
# One function serves all three. An *epoch* visits every example exactly once, in a random order: a
# permutation, cut into pieces of $m$. With $N = 7$ and $m = 3$ the pieces have 3, 3 and 1 examples:
# the last one is smaller, and it counts, or some examples are never seen.


# %%
def epoch_batches(n, batch_size, seed):
    """One epoch: the numbers 0 … n−1, each once, in a random order that depends on seed only.

    n ≥ 1: examples; batch_size ≥ 1, n for batch descent, 1 for stochastic; it may be above n.
    Returns a list of ceil(n / batch_size) int64 tensors of shape (batch_size,); the last one holds
    the rest and may be shorter.
    """
    # BEGIN SOLUTION
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return list(order.split(batch_size))
    # END SOLUTION


# %% [markdown]
# ## One step
#
# For a small displacement $d$, $L(w + d) \approx L(w) + g \cdot d$. Of all $d$ of one length,
# $-g$ has the most negative product with $g$ (Cauchy and Schwarz): the steepest way down, *here*.
# Further away the curvature matters. Where $L = \tfrac12 \lambda w^2$ the gradient is $\lambda w$,
# and a step of rate $\eta$ leads to
#
# $$w \leftarrow w - \eta \lambda w = (1 - \eta\lambda)\, w .$$
#
# So the distance to the minimum shrinks if $0 < \eta < 2/\lambda$, and grows if $\eta > 2/\lambda$.
# A loss has many directions, each with a curvature, and *one* rate: the steepest forbids
# $\eta > 2/\lambda_{\max}$, and the flattest then creeps. With curvatures 1 and 100, at least
# one of the distances keeps $\frac{99}{101}$, 98 % of itself, in every step. (At which rate is it
# no more than that?)
#
# **Small weights, please.** Add a penalty to the loss, and derive the step from its gradient:
#
# $$\tilde L = L + \frac{\alpha}{2} \lVert w \rVert^2, \qquad
#   \nabla \tilde L = g + \alpha w .$$
#
# Insert it into the step and collect what stands with $w$: the weights shrink by a constant factor
# first, and then follow $g$. Hence the name *weight decay*. Note that the rate multiplies the
# decay, too. By hand: $w = 2$, $g = 3$, $\eta = 0.1$ and $\alpha = 0.5$ lead to $1.6$.


# %%
def sgd_update(params, grads, state, lr, weight_decay=0.0):
    """One step of gradient descent on L + weight_decay / 2 · ‖p‖²: p − lr · (g + weight_decay · p).

    params, grads: lists of tensors, grads[k] the gradient of L (without the penalty) with respect
    to params[k]; all params are penalised alike. lr > 0; weight_decay ≥ 0. Plain descent keeps no
    state: it is returned as it came. Returns (params, state). Raises ValueError when there are more
    or fewer gradients than parameters.
    """
    # BEGIN SOLUTION
    updated = []
    for p, g in zip(params, grads, strict=True):
        g = g + weight_decay * p
        updated.append(p - lr * g)
    return updated, state
    # END SOLUTION


# %% [markdown]
# ## Momentum
#
# A ball that rolls down a valley does not start anew at every point. Polyak (1964) gives the
# parameters a velocity, to which each gradient adds:
#
# $$u \leftarrow \beta u + g, \qquad w \leftarrow w - \eta\, u, \qquad u_0 = 0 .$$
#
# By hand on $L = \tfrac12 w^2$, where $g = w$, with $\eta = 0.5$ and $\beta = 0.8$ from $w = 1$:
#
# | step | $g$ | $u$ | $w$ |
# |---|---|---|---|
# | 1 | 1 | 1 | 0.5 |
# | 2 | 0.5 | 1.3 | −0.15 |
# | 3 | −0.15 | 0.89 | −0.595 |
#
# In the third step the gradient has turned round, and the ball rolls on all the same. To see what
# it does, unroll the recursion:
#
# $$u_t = g_t + \beta g_{t-1} + \beta^2 g_{t-2} + \dots$$
#
# A gradient that stays the same adds up to $g / (1 - \beta)$: with $\beta = 0.9$, to ten times
# itself. One that changes its sign in every step adds up to $\pm g / (1 + \beta)$: about half.
# Along a valley the ball gathers speed, across it the swings cancel. With curvatures 1 and
# $\kappa$ the best $\eta$ and $\beta$ shrink the distance by about
# $(\sqrt\kappa - 1) / (\sqrt\kappa + 1)$ a step, plain descent by $(\kappa - 1) / (\kappa + 1)$.
# For $\kappa = 100$ that is 0.82 against 0.98: the distance is a thousandth after 35 steps, or
# after 346.
#
# Three formulas go by this name, and they are not the same:
#
# - $u \leftarrow \beta u + (1 - \beta) g$ averages the gradients instead of adding them up. Its
#   steps are shorter by the factor $1 - \beta$, so that it wants another rate.
# - $u \leftarrow \beta u + \eta g$, $w \leftarrow w - u$ keeps the rate in the velocity. While
#   $\eta$ stays, the path is the same; when a schedule changes $\eta$, old gradients go on at their
#   old rate.
# - The one above, which is meant here (and in PyTorch): $u$ is a sum of gradients, and $\eta$
#   stands in the step, once.
#
# The penalty of *weight decay* is a part of the loss: its gradient goes where the gradient goes,
# into the velocity.


# %%
def zero_velocity(params):
    """The state before the first step: a list of zeros, one tensor like each parameter."""
    return [torch.zeros_like(p) for p in params]


def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    """One step with momentum: u = beta · u + (g + weight_decay · p), then p − lr · u.

    params, grads: lists of tensors, grads[k] the gradient without the penalty; state: the list of
    velocities u, as from zero_velocity; lr > 0, beta in [0, 1), weight_decay ≥ 0. Returns (params,
    state). Raises ValueError when there are not as many gradients or velocities as parameters.
    Polyak, 1964.
    """
    # BEGIN SOLUTION
    updated, velocities = [], []
    for p, g, u in zip(params, grads, state, strict=True):
        g = g + weight_decay * p
        u = beta * u + g
        updated.append(p - lr * u)
        velocities.append(u)
    return updated, velocities
    # END SOLUTION


# %% [markdown]
# ## Nesterov's momentum
#
# Insert the velocity into the step: $w \leftarrow w - \eta\beta u - \eta g$. The first part is
# known before any gradient is. So go there first, in thought, and take the gradient *there*, where
# it is news (Nesterov, 1983; in this form Sutskever et al., 2013):
#
# $$\tilde w = w - \eta\beta u, \qquad u \leftarrow \beta u + \nabla L(\tilde w), \qquad
#   w \leftarrow w - \eta\, u .$$
#
# The point $\tilde w$ is for looking only: the step starts at $w$, for $u$ contains $\beta u$
# already. The same by hand ($L = \tfrac12 w^2$, $\eta = 0.5$, $\beta = 0.8$, $w = 1$):
#
# | step | $\tilde w$ | $u$ | $w$ |
# |---|---|---|---|
# | 1 | 1 | 1 | 0.5 |
# | 2 | 0.1 | 0.9 | 0.05 |
# | 3 | −0.31 | 0.41 | −0.155 |
#
# About to roll up the other side, this ball is told so a step earlier, and brakes: compare the last
# number with the one above.
#
# You will find the look-ahead printed as $w - \beta u$, and a velocity to which $\tilde w$ itself
# is added. Units tell that this cannot be: $u$ is a sum of gradients, so it is measured in loss per
# weight, and it takes $\eta$ to make a change of weights of it; and what enters $u$ must be a
# gradient again. (With $\eta$ kept inside the velocity, $w - \beta u$ would be right: conventions
# must not be mixed.)
#
# The update has to choose where the gradient is taken. So it cannot be given gradients: it is given
# the objective, in their place. A penalty would be a part of that objective.


# %%
def nesterov_update(params, objective, state, lr, beta):
    """One step with Nesterov's momentum: momentum_update with the gradients at p − lr · beta · u.

    params: list of tensors; objective: function of such a list that returns (loss, grads); state:
    list of velocities u, as from zero_velocity; lr > 0, beta in [0, 1). Returns (params, state).
    Raises ValueError when there are not as many velocities as parameters. Nesterov, 1983; Sutskever
    et al., 2013. (PyTorch's nesterov=True keeps the look-ahead point in place of p.)
    """
    # BEGIN SOLUTION
    ahead, _ = sgd_update(params, state, None, lr * beta)
    _, grads = objective(ahead)
    updated, velocities = momentum_update(params, grads, state, lr, beta)
    return updated, velocities
    # END SOLUTION


# %% [markdown]
# ## How far? Ask the loss
#
# With all examples in the gradient there is no noise, and one can afford to *try* a rate. To first
# order, a step of rate $\eta$ along $-g$ changes the loss by
#
# $$L(w - \eta g) - L(w) \approx g \cdot (-\eta g) = -\eta \lVert g \rVert^2 ,$$
#
# where $\lVert g \rVert^2$ sums the squares of *all* parameters' gradients. Curvature takes a part
# of it back. Armijo (1966) accepts a rate if at least a share $c$ of the promise is kept:
#
# $$L(w - \eta g) \le L(w) - c\, \eta\, \lVert g \rVert^2, \qquad 0 < c < 1 .$$
#
# Why is *any* decrease not enough? Take $L = \tfrac12 w^2$, and steps that lead from $1$ to
# $-\tfrac34$, $\tfrac58$, $-\tfrac9{16}$, and so on. Each lowers the loss, for ever, and none gets
# below $|w| = \tfrac12$. With the condition, a step from one side to the other must buy a decrease
# that is worth its length.
#
# **Which rates does it accept?** Try $L = \tfrac12 \lambda w^2$. Insert $g = \lambda w$, divide by
# $\tfrac12 \lambda w^2$, and what remains is $(1 - \eta\lambda)^2 \le 1 - 2c\,\eta\lambda$, that is
#
# $$\eta \le \frac{2\,(1 - c)}{\lambda} .$$
#
# For $c \to 0$ this is every rate that lowers the loss at all; for $c = \tfrac12$, none beyond the
# minimum. In practice $c$ is small, $10^{-4}$.
#
# A rate that is much too large can make the loss infinite, or NaN. Neither is a decrease. NaN
# compares false with everything: with what does your condition say no to it?
#
# **Backtracking** starts with a large rate, and shrinks it by a factor $s$ until the condition
# holds: the candidates are $\eta,\ s\eta,\ s^2\eta, \dots$ Each is tried from the *same* point,
# with the same gradient; only the loss is new. It ends, for when $\eta$ is small enough the
# first-order term is all there is, and a share $c < 1$ of it is less than that.
#
# By hand: $L = \tfrac12 \cdot 10\, w^2$ at $w = 1$, so that $L = 5$ and $g = 10$; $c = \tfrac12$.
#
# | $\eta$ | $1 - 10\eta$ | loss after | needed | |
# |---|---|---|---|---|
# | 1 | −9 | 405 | −45 | no |
# | 0.5 | −4 | 80 | −20 | no |
# | 0.25 | −1.5 | 11.25 | −7.5 | no |
# | 0.125 | −0.25 | 0.3125 | −1.25 | no, though the loss falls |
# | 0.0625 | 0.375 | 0.7031 | 1.875 | yes |
#
# It would not end for $s \ge 1$, nor where the loss is infinite or NaN to start with: nothing is
# lower than NaN. A search that cannot end is an error, and must be reported.


# %%
def line_search(params, objective, lr, shrink, c):
    """Backtracking: the first rate of lr, shrink · lr, shrink² · lr, … with sufficient decrease.

    Accepted when objective(p − rate · gradient) ≤ objective(p) − c · rate · (sum of the squares of
    all gradients), the gradients at params; a loss of NaN is no decrease. params: list of tensors;
    objective: function of such a list that returns (loss, grads); lr > 0: the first rate to try;
    shrink and c in (0, 1). Returns the rate, a number. Raises ValueError when lr, shrink or c is
    out of its range, or the loss at params is not finite. Armijo, 1966.
    """
    # BEGIN SOLUTION
    if not (lr > 0 and 0 < shrink < 1 and 0 < c < 1):
        raise ValueError(f"need lr > 0, shrink and c in (0, 1), got {lr}, {shrink}, {c}")
    loss, grads = objective(params)
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {float(loss)} before any step")
    slope = sum(g.square().sum() for g in grads)
    while True:
        trial, _ = sgd_update(params, grads, None, lr)
        after, _ = objective(trial)
        if after <= loss - c * lr * slope:
            return lr
        lr *= shrink
    # END SOLUTION


# %% [markdown]
# ## Four ways down
#
# Once your functions work, call `plot_paths()` in a cell of its own. It shows a valley of
# curvatures 1 and 25, and thirty steps of each method. What happens to plain descent at
# `lr=0.079`, and at `lr=0.081`? Which `beta` is best? Why does the line search zigzag, although it
# chooses every step with care?


# %%
def quadratic(curvatures):
    """The objective ½ Σ λ_d w_d². curvatures: (D,) λ; its params are [w], w: (D,)."""

    def objective(params):
        (w,) = params
        return (curvatures * w * w).sum() / 2, [curvatures * w]

    return objective


def plot_paths(lr=0.03, beta=0.7, steps=30):
    """Draw the paths of four methods down an ill-conditioned quadratic, from (−10, 2)."""
    import matplotlib.pyplot as plt

    objective = quadratic(torch.tensor([1.0, 25.0]))

    def plain(params, state):
        return sgd_update(params, objective(params)[1], state, lr)

    def momentum(params, state):
        return momentum_update(params, objective(params)[1], state, lr, beta)

    def nesterov(params, state):
        return nesterov_update(params, objective, state, lr, beta)

    def searched(params, state):
        rate = line_search(params, objective, 1.0, 0.5, 1e-4)
        return sgd_update(params, objective(params)[1], state, rate)

    across, up = torch.meshgrid(
        torch.linspace(-11, 5, 200), torch.linspace(-3, 3, 150), indexing="xy"
    )
    height = (across**2 + 25 * up**2) / 2
    _, axes = plt.subplots(2, 2, sharex=True, sharey=True, figsize=(11, 6), layout="constrained")
    methods = (
        (f"gradient descent, rate {lr:g}", plain),
        (f"momentum, rate {lr:g}, beta {beta:g}", momentum),
        (f"Nesterov, rate {lr:g}, beta {beta:g}", nesterov),
        ("gradient descent with line search", searched),
    )
    for axis, (title, step) in zip(axes.flat, methods, strict=True):
        params = [torch.tensor([-10.0, 2.0])]
        state, path = zero_velocity(params), [params[0]]
        for _ in range(steps):
            params, state = step(params, state)
            path.append(params[0])
        axis.contour(across, up, height, levels=[2.0**k for k in range(-3, 9)], cmap="Greys_r")
        axis.plot(*torch.stack(path).T, ".-", color="#b5431f")
        axis.plot(0, 0, "+", color="black")
        axis.set_title(f"{title}: loss {float(objective(params)[0]):.2g}")
        axis.set(xlim=(-11, 5), ylim=(-3, 3), xlabel="$w_1$", ylabel="$w_2$")
    plt.show()


# %% [markdown]
# ## What to train
#
# Given: the topic *Softmax and cross-entropy* derives it. One linear layer reads most handwritten
# digits.


# %%
def softmax_regression(x, y):
    """The objective of softmax regression on these examples: mean cross-entropy of x @ w + b.

    x: (N, D), y: (N,) labels in 0 … C−1; its params are [w (D, C), b (C,)].
    """

    def objective(params):
        w, b = params
        rows = torch.arange(len(y), device=y.device)
        logits = x @ w + b
        shifted = logits - logits.max(1, keepdim=True).values
        log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
        dlogits = log_p.exp()
        dlogits[rows, y] -= 1
        dlogits /= len(y)
        return -log_p[rows, y].mean(), [x.T @ dlogits, dlogits.sum(0)]

    return objective


def predict(x, params):
    """The most probable class of each row. x: (N, D), params: [w, b]. Returns (N,) labels."""
    w, b = params
    return (x @ w + b).argmax(1)


# %% [markdown]
# ## Training
#
# For every epoch, for every mini-batch: the gradient of *this* mini-batch, at the parameters as
# they are now, then a step. What must last from step to step, across epochs too, is the velocity;
# what must not last is the gradient: it is the velocity's business to remember, and it forgets at
# the right speed.
#
# The last check trains on 1,347 of scikit-learn's digits, for 6 epochs, in batches
# of 30, with $\eta = 0.05$ and $\beta = 0.9$. Over 20 seeds the accuracy on 450 others was at least
# 0.911; the check asks for 0.88. (With $\beta = 0$, some seeds do not get there.)


# %%
def train(x, y, params, epochs, lr, beta, batch_size, seed):
    """Train softmax regression from params by mini-batch descent with momentum_update.

    x: (N, D), y: (N,) labels, params: [w (D, C), b (C,)]; velocities start at zero. Epoch
    k = 0, 1, … runs over epoch_batches(N, batch_size, seed + k); lr > 0, beta in [0, 1). No weight
    decay. Returns the trained params.
    """
    # BEGIN SOLUTION
    state = zero_velocity(params)
    for epoch in range(epochs):
        for batch in epoch_batches(len(x), batch_size, seed + epoch):
            _, grads = softmax_regression(x[batch], y[batch])(params)
            params, state = momentum_update(params, grads, state, lr, beta)
    return params
    # END SOLUTION
