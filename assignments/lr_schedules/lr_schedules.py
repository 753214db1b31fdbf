# %% [markdown]
# # Learning-rate schedules
#
# How long should a step be? Long at first, to get anywhere; short in the end, to settle. A
# *schedule* is the learning rate as a function of time. All of them here are functions of one
# number, and each is two or three lines that you can check with pencil and paper. You have Python's
# `math`; torch's own schedulers stay out of it.
#
# **Afterwards you can** write the common schedules without an error at any boundary, and say what a
# falling rate, a rising one and a restart do to training: to its noise, on a saddle, among valleys.
#
# Before: *Gradient descent* says which constant rates converge; *Adam and its relatives* scales each
# weight's step, and takes a schedule all the same. After: the networks of *Generalising* are trained
# with rates like these.
#
# **Conventions.** Time $t$ counts epochs **from 0**, and may be a fraction: $t = 2.25$ is a quarter
# through the third epoch. (Only the warm-up counts updates, in whole numbers.) A boundary belongs
# to what comes *after* it: "halve every 3 epochs" means that the epochs 0, 1, 2 have the full rate
# and $t = 3$ has half of it. Every schedule returns a number, the rate.

# %% [markdown]
# ## By hand
#
# The loss $L(w) = |w - 19|$ has the gradient $-1$ on the left of 19 and $1$ on the right of it, so
# a step of descent goes by exactly the rate, towards 19. Start at $w = 0$, with a rate that stays
# 8, with one that is halved every 3 steps, and with one that is halved in every step:
#
# | step $t$ | rate | $w$ after it | halved every 3 | $w$ after it | halved each step | $w$ after it |
# |---|---|---|---|---|---|---|
# | 0 | 8 | 8 | 8 | 8 | 8 | 8 |
# | 1 | 8 | 16 | 8 | 16 | 4 | 12 |
# | 2 | 8 | 24 | 8 | 24 | 2 | 14 |
# | 3 | 8 | 16 | 4 | 20 | 1 | 15 |
# | 4 | 8 | 24 | 4 | 16 | ½ | 15½ |
# | 5 | 8 | 16 | 4 | 20 | ¼ | 15¾ |
# | 6 | 8 | 24 | 2 | 18 | … | … |
# | 7 | 8 | 16 | 2 | 20 | | |
# | 8 | 8 | 24 | 2 | 18 | | |
# | 9 | 8 | 16 | 1 | 19 | | |
#
# The constant rate is near 19 first, and jumps over it for ever, between 16 and 24. The one that
# falls too fast never gets there: $8 + 4 + 2 + 1 + \dots = 16$, and no patience helps. The one in
# the middle arrives. A constant rate of 1 would, too, after 19 steps. The rates of the middle
# column at $t = 3$, 2 and 9 are the first that `gradus check` asks of you.

# %%
import math

import torch

# %% [markdown]
# ## How a schedule acts: the rate must fall, and not too fast
#
# **Noise.** The gradient of a mini-batch is noisy. Take one direction, $L = \tfrac12 \lambda w^2$,
# and a gradient $\lambda w + \xi$ with noise $\xi$ of variance $\sigma^2$, new in each step. A step
# multiplies $w$ by $1 - \eta\lambda$ and adds $-\eta\xi$, so the variance $v$ of $w$ becomes
# $(1 - \eta\lambda)^2 v + \eta^2 \sigma^2$. It settles where this is $v$ again:
#
# $$v = \frac{\eta\, \sigma^2}{\lambda\, (2 - \eta\lambda)}, \qquad
#   \mathbb{E}[L] = \tfrac12 \lambda v = \frac{\eta\, \sigma^2}{2\, (2 - \eta\lambda)}
#   \approx \tfrac14\, \eta\, \sigma^2 .$$
#
# The loss does not get below this floor, and the floor is proportional to the rate. That is why a
# training loss drops when the rate is cut: the weights have been around the minimum for a while, and
# are let down.
#
# **Distance.** So the rate $\eta_t$ has to fall to zero. But if it falls too fast, the weights get
# stuck on the way: with gradients no larger than $G$ they travel at most $G \sum_t \eta_t$ from
# where they started. In the example on paper that is 16, and the way was 19. Robbins and Monro
# (1951) ask for both:
#
# $$\sum_{t=0}^{\infty} \eta_t = \infty \quad \text{(any distance can be travelled)}, \qquad
#   \sum_{t=0}^{\infty} \eta_t^2 < \infty \quad \text{(the noise dies out)}.$$
#
# Put the next three schedules in. For which of them is the first sum finite? (Two are geometric
# series.) People use those two with great success all the same: nobody trains for ever.
#
# **Saddles.** On a saddle the gradient is small, and the weights stay for a while. Along a
# direction that leads down, $L = -\tfrac12 b w^2$, a step multiplies the distance $w$ by
# $1 + \eta_t b$, and all of them together by
#
# $$\prod_t (1 + \eta_t b) \approx e^{\,b \sum_t \eta_t} .$$
#
# To get away from a distance $\delta$ it takes $\sum_t \eta_t \approx \ln(1/\delta) / b$. It is the
# same sum as above: a rate that falls too fast stops on a saddle and looks as if it had arrived,
# and a rate that rises again gets the weights off.
#
# ## Step decay
#
# Every $k$ epochs the rate is multiplied by a factor $f$, most often $\tfrac12$ or $\tfrac1{10}$.
# In between it stays as it is: a staircase, not a ramp. With $\eta_0 = 0.8$,
# $f = \tfrac12$ and $k = 3$:
#
# | $t$ | 0 | 1 | 2 | 2.75 | 3 | 5 | 6 |
# |---|---|---|---|---|---|---|---|
# | $\eta$ | 0.8 | 0.8 | 0.8 | 0.8 | 0.4 | 0.4 | 0.2 |
#
# How often has the rate been multiplied by $f$ at time $t$? That count is a whole number.


# %%
def step_decay(t, lr, period, factor):
    """Step decay: lr · factor ** (number of whole periods that lie behind t).

    t: epochs since the start, ≥ 0, fractions too; lr > 0: the rate at t = 0; period > 0: epochs
    from step to step; factor in (0, 1]. The step falls exactly at t = period. Returns the rate.
    """
    raise NotImplementedError


# %% [markdown]
# ## Exponential decay
#
# The same loss in every instant: $\mathrm{d}\eta / \mathrm{d}t = -k\, \eta$. Separate the variables
# and integrate:
#
# $$\eta(t) = \eta_0\, e^{-k t} .$$
#
# The rate halves every $\ln 2 / k$ epochs. Elsewhere (in torch, too) the same curve is written
# $\eta_0 \gamma^t$; which $\gamma$ belongs to $k$? Here $k$ is asked for, so that $k = 0$ is a
# constant rate.


# %%
def exponential_decay(t, lr, rate):
    """Exponential decay: lr · exp(−rate · t).

    t: epochs since the start, ≥ 0, of any size (the rate is then 0, not an overflow); lr > 0: the
    learning rate at t = 0; rate ≥ 0, per epoch. Returns the learning rate.
    """
    raise NotImplementedError


# %% [markdown]
# ## 1/t decay
#
# $$\eta(t) = \frac{\eta_0}{1 + k t} .$$
#
# This one keeps both promises of Robbins and Monro: $\sum 1/t$ diverges, $\sum 1/t^2$ does not.
# It is also less strange than it looks. Estimate a number $w$ from samples $x_0, x_1, \dots$ by
# gradient descent on $\tfrac12 (w - x_t)^2$, one sample a step:
# $w \leftarrow w - \eta_t (w - x_t)$. Take $\eta_0 = k = 1$ and write out the first three steps.
# After step $t$, $w$ is the *mean* of all samples so far.
#
# With numbers: $\eta_0 = 0.6$ and $k = \tfrac12$ give 0.6, 0.4, 0.3 at $t = 0, 1, 2$.


# %%
def inverse_time_decay(t, lr, rate):
    """1/t decay: lr / (1 + rate · t).

    t: epochs since the start, ≥ 0, fractions too; lr > 0: the learning rate at t = 0; rate ≥ 0, per
    epoch. Returns the learning rate. (Robbins and Monro, 1951.)
    """
    raise NotImplementedError


# %% [markdown]
# ## A triangle that repeats
#
# Must it fall all the time? Smith (2017) lets the rate rise and fall again in straight lines,
# between bounds $\eta_{\min}$ and $\eta_{\max}$. His reason is that rising costs a little at once,
# and helps later: it gets the weights off a saddle, by the sum above, and out of narrow dips, for
# where the curvature $\lambda$ is above $2/\eta$ no step can stay (topic *Gradient descent*). A
# cycle starts at the *minimum*, is at the maximum after $h$ epochs and back after $2h$.
#
# Draw it for $h = 4$, $\eta_{\min} = 0.1$, $\eta_{\max} = 0.5$: the rates at
# $t = 0, 1, 2, 4, 7, 8, 9$ are 0.1, 0.2, 0.3, 0.5, 0.2, 0.1, 0.2. Three steps lead to a formula:
# where in its cycle is $t$? How far is that from the peak? And which share of the way from the peak
# to the foot is it?


# %%
def triangular(t, lr_min, lr_max, half_cycle):
    """Cyclic rate: from lr_min up to lr_max in half_cycle epochs, down again in as many, repeated.

    t: epochs since the start, ≥ 0, fractions too; 0 ≤ lr_min ≤ lr_max; half_cycle > 0: epochs, half
    of a whole cycle (Smith's *stepsize*). The rate is linear between its corners and lr_min at
    t = 0. Returns the rate. Raises ValueError when lr_min > lr_max. (Smith, 2017.)
    """
    raise NotImplementedError


# %% [markdown]
# ## Warm restarts: which cycle is it?
#
# SGDR (Loshchilov and Hutter, 2017) lets the rate fall in a cycle of $T_0$ epochs, and then starts
# again from the top. The weights stay: only the rate restarts, hence *warm*. Each cycle is
# $m$ times as long as the one before ($T_{\text{mult}}$ in the paper):
#
# $$T_i = m^i\, T_0, \qquad \text{cycle } i \text{ starts at } S_i = T_0 + T_1 + \dots + T_{i-1} .$$
#
# With $T_0 = 2$ and $m = 2$ the lengths are 2, 4, 8, … and the starts are 0, 2, 6, 14, …. What the
# schedule needs at time $t$ is the length of the cycle that $t$ lies in, and the time that has
# elapsed in it, $T_{\text{cur}} = t - S_i$, with $0 \le T_{\text{cur}} < T_i$.
# At $t = 6$ that is $(0, 8)$, not $(4, 4)$: a restart belongs to the cycle that it opens.
#
# **A trap.** For $m > 1$ the sum is geometric, so that on paper
#
# $$i = \left\lfloor \log_m \left( 1 + (m - 1)\, \frac{t}{T_0} \right) \right\rfloor .$$
#
# In a computer $\log_3 243$ is 4.999…, and rounding down turns the fifth restart into the end of
# the cycle before. Walk through the cycles instead; they are few.
#
# Measured with torch 2.13: `CosineAnnealingWarmRestarts` with `T_0=1, T_mult=3`, told `step(121)`,
# sets the rate to 0, the end of the cycle before; told `step()` 121 times it counts, and sets it to
# the maximum, as it should. Keras's `CosineDecayRestarts` rounds down a quotient of two logarithms,
# too. Which restart that hits depends on the numbers: in torch's float32 $\ln 243 / \ln 3$ comes
# out as 5, and $\ln 343 / \ln 7$ below 3.


# %%
def restart_cycle(t, period, mult):
    """Where t lies in the cycles of lengths period, mult · period, mult² · period, …

    t: epochs since the start, ≥ 0, fractions too; period > 0: epochs of the first cycle; mult ≥ 1;
    both may be fractions. Returns (elapsed, length): the epochs since the last restart,
    0 ≤ elapsed < length, and the length of the cycle that t is in. At a restart elapsed is 0,
    exactly, and length is that of the new cycle. Raises ValueError when t < 0, period ≤ 0 or
    mult < 1.
    """
    raise NotImplementedError


# %% [markdown]
# ## Warm restarts: the rate
#
# Within a cycle the rate follows half a wave of the cosine, from $\eta_{\max}$ down to
# $\eta_{\min}$:
#
# $$\eta = \eta_{\min} + \tfrac12 (\eta_{\max} - \eta_{\min})
#   \left( 1 + \cos \frac{\pi\, T_{\text{cur}}}{T_i} \right) .$$
#
# Check the ends: $T_{\text{cur}} = 0$ gives $\cos 0 = 1$ and the bracket is 2;
# $T_{\text{cur}} = T_i$ gives $\cos \pi = -1$ and the bracket is 0. The slope is zero at both, so
# that the rate stays high for a while, falls, and ends softly. The lower end is approached and
# never quite reached: at $T_{\text{cur}} = T_i$ the next cycle has begun. The angle is in radians,
# half a turn is $\pi$, and so it is for `math.cos`. With $\eta_{\min} = 0$, $\eta_{\max} = 1$, a
# first cycle of 2 epochs and $m = 2$:
#
# | $t$ | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 10 |
# |---|---|---|---|---|---|---|---|---|
# | $\eta$ | 1 | 0.5 | 1 | 0.854 | 0.5 | 0.146 | 1 | 0.5 |


# %%
def cosine_restarts(t, lr_min, lr_max, period, mult):
    """Cosine annealing with warm restarts (SGDR).

    Returns lr_min + ½ (lr_max − lr_min)(1 + cos(π · elapsed / length)), with elapsed and length of
    the cycle that t is in. t: epochs since the start, ≥ 0, fractions too; 0 ≤ lr_min ≤ lr_max;
    period, mult: as in restart_cycle. The rate is lr_max at every restart. (Loshchilov and Hutter,
    2017.)
    """
    raise NotImplementedError


# %% [markdown]
# ## Warm-up
#
# At the very start the weights are random, the gradients large, and the averages of an Adam or a
# batch norm still unsettled: the full rate can throw the weights far away. So let it grow in a
# straight line over the first $w$ *updates* (Goyal et al., 2017, do it over five epochs, for very
# large batches).
#
# This is where everybody is off by one. Updates are numbered $t = 0, 1, 2, \dots$, so there are
# exactly $w$ of them before $t = w$. Here the first one has the rate $\eta / w$, since a rate of 0
# would waste it, each has $\eta / w$ more than the one before, and the last of the $w$,
# $t = w - 1$, has the full rate. From there on the rate stays. With $\eta = 0.8$ and $w = 4$:
# 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, …. (Other libraries start at 0, or reach $\eta$ one update later:
# the docstring is what counts.) With $w = 0$ or 1 there is no warm-up.


# %%
def linear_warmup(t, lr, warmup):
    """Linear warm-up: lr / warmup at the first update, lr / warmup more at each one, then lr.

    t: updates made before this one, an integer ≥ 0; lr > 0: the rate that is reached at
    t = warmup − 1 and kept; warmup: number of updates, an integer ≥ 0, of which 0 means none.
    Returns the rate. (Goyal et al., 2017.)
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: when is a restart worth its bump?
#
# A thousand walkers go down each of three landscapes for 62 epochs of ten noisy steps, under four
# schedules that start with the same rate: constant, exponential, one cosine over all 62 epochs, and
# warm restarts with cycles of 2, 4, 8, 16 and 32. The landscapes: one valley; the same valley with
# ripples, so that there are many; and a saddle, without noise, with the start a millionth beside
# it. The table has the mean loss (the least possible is 0 everywhere) after epoch 30, where a cycle
# ends; after epoch 31, on the bump; after epoch 62, where all end; and of the *best* of five
# moments of each walker, those at which the cycles end. Write down before you run it: **on which of
# the three landscapes is the last loss of restarts below that of a single cosine? And on which the
# best of five?**


# %%
def experiment(quick=False):
    """Mean losses on three landscapes under four schedules. Returns the rows of a table."""
    walkers, steps, lr = (20, 2, 0.6) if quick else (1000, 10, 0.6)
    turn = 2 * math.pi
    generator = torch.Generator().manual_seed(0)
    start = 2 * torch.rand(walkers, generator=generator) - 1
    landscapes = {  # loss, slope, start, noise
        "one valley": (lambda w: w**2 / 10, lambda w: w / 5, 6 * start, 0.5),
        "many valleys": (
            lambda w: w**2 / 10 + 0.1 * (1 - torch.cos(turn * w)),
            lambda w: w / 5 + 0.1 * turn * torch.sin(turn * w),
            6 * start,
            0.5,
        ),
        "a saddle": (
            lambda w: (w**2 - 1) ** 2 / 40,
            lambda w: w * (w**2 - 1) / 10,
            1e-6 * start,
            0.0,
        ),
    }
    schedules = {
        "constant": lambda t: lr,
        "exponential": lambda t: exponential_decay(t, lr, 0.08),
        "one cosine": lambda t: cosine_restarts(t, 0, lr, 62, 1),
        "restarts": lambda t: cosine_restarts(t, 0, lr, 2, 2),
    }
    rows = [("landscape", "schedule", "epoch 30", "epoch 31", "epoch 62", "best of five")]
    for landscape, (loss, slope, w_start, noise) in landscapes.items():
        for name, schedule in schedules.items():
            w, losses = w_start, []
            for step in range(62 * steps):
                gradient = slope(w) + noise * torch.randn(walkers, generator=generator)
                w = w - schedule(step / steps) * gradient
                losses.append(loss(w))
            by_epoch = torch.stack(losses[steps - 1 :: steps])  # (62, walkers)
            best = by_epoch[[1, 5, 13, 29, 61]].amin(0)
            means = [by_epoch[epoch - 1].mean() for epoch in (30, 31, 62)]
            rows.append((landscape, name, *means, best.mean()))
    return rows


# %% [markdown]
# Never for the last loss. In one valley a single cosine ends at 0.0032 and restarts end at 0.0050;
# among many valleys at 0.025 and 0.033; on the saddle both at 0.0003. And the bump takes the loss
# back to where the constant rate has it: from 0.007 to 0.036, where that is at 0.040, and from
# 0.039 to 0.152, where that is at 0.156. The floor belongs to the present rate, not to the past. In
# the one valley, with $\lambda = \tfrac15$, $\sigma = \tfrac12$ and $\eta = 0.6$, the formula above
# gives 0.0399.
#
# **On the saddle** only the sum counts. With $\delta = 10^{-6}$ and $b = \tfrac1{10}$ it must reach
# about $13.8 / b = 138$. Either cosine has $620 \cdot 0.6 / 2 = 186$ in all, and gets off. After 30
# epochs the single one has 149 and restarts have 91, so one has left and the other has not.
# Exponential decay gets to 75, however long it runs, and stays at 0.025, the loss of the saddle
# itself.
#
# **Among many valleys** the dips have a curvature of 4.1 at the bottom, $2/\lambda = 0.48$ is below
# 0.6, and at the full rate no bottom holds a walker. As the rate falls, each is caught by some
# valley. The second best valleys have a loss of 0.095, so a mean of 0.025 says that about a quarter
# are caught next to the best one. The last cycle of restarts is shorter than the single cosine and
# cools faster: a third. But restarts have *five* settled candidates, and not all in one valley: the
# best of them has 0.0026. The single cosine has one; at its first four moments it is still in the
# noise, and the best of five has 0.013. In the one valley, where all candidates are the same, this
# gains next to nothing (0.0010 and 0.0012).
#
# So a restart is worth its bump if the weights at the ends of the cycles are *kept* (to take the
# best, or to let them vote) and if there is more than one valley. Two more reasons are heard. It
# has something good to show whenever a cycle ends: after epoch 30 restarts are at 0.0074 and 0.039,
# where a single cosine, half-way down, is at 0.023 and 0.080. True, but so has plain exponential
# decay, at 0.0047 and 0.033. And it gets off a saddle: so does any schedule whose sum is large
# enough.

# %% [markdown]
# ## Show: six schedules, and training under each
#
# Softmax regression on the digits, with one label in ten replaced by a random one: no rate can fit
# those, and they make the noise. Below each schedule the training loss of each epoch under it, and
# in grey that of the constant rate, which all of them start with or reach. All see the same
# batches.
#
# Look for the steps, the corners and the restarts: is each of them where it belongs? Then look at
# the losses. Each step of the staircase lets the loss down. The triangle and the restarts are on
# the grey line where their rate is high, and far below it where it is low: it is the present rate
# that counts, and little of what was before. The constant rate ends at 0.664, the six between 0.559
# and 0.607. (With all labels right the constant rate does best, 0.048, for the weights can fit them
# all: there is hardly any noise to settle.)


# %%
def figure(digits, quick=False):
    """Six schedules, and below each the training loss under it. Returns a figure.

    digits: (x_train, y_train, x_test, y_test), of which the first 1,347 for training are used.
    """
    import matplotlib.pyplot as plt

    epochs, lr, examples, batch_size = 6 if quick else 30, 1.0, 100 if quick else 1347, 10
    x, y = digits[0][:examples], digits[1][:examples]
    updates = math.ceil(len(x) / batch_size)  # in an epoch

    def warm_then_cosine(t):
        if t < 4:
            return linear_warmup(round(t * updates), lr, 4 * updates)
        return cosine_restarts(t - 4, 0, lr, epochs - 4, 1)

    schedules = {
        "step decay, halved every 6": lambda t: step_decay(t, lr, 6, 0.5),
        "exponential, rate 0.1": lambda t: exponential_decay(t, lr, 0.1),
        "1/t, rate 0.5": lambda t: inverse_time_decay(t, lr, 0.5),
        "triangular, half cycle 5": lambda t: triangular(t, lr / 100, lr, 5),
        "warm restarts: 2, 4, 8, 16": lambda t: cosine_restarts(t, 0, lr, 2, 2),
        "warm-up of 4, then one cosine": warm_then_cosine,
        "constant": lambda t: lr,
    }
    *losses, constant = losses_under(schedules.values(), x, y, epochs, batch_size).T
    lowest = min(loss.min() for loss in losses)
    drawn, axes = plt.subplots(4, 3, sharex=True, figsize=(11, 9), layout="constrained")
    times = [step / updates for step in range(epochs * updates)]
    centres = torch.arange(epochs) + 0.5
    for at, (name, loss) in enumerate(zip(schedules, losses, strict=False)):
        above, below = axes[2 * (at // 3) : 2 * (at // 3) + 2, at % 3]
        above.plot(times, [schedules[name](t) for t in times], color=f"C{at}")
        above.set(title=name, ylim=(0, 1.08 * lr))
        below.plot(centres, constant, color="0.65", label=f"constant rate: {constant[-1]:.3f}")
        below.plot(centres, loss, color=f"C{at}", label=f"this schedule: {loss[-1]:.3f}")
        below.set_ylim(0.95 * lowest, 1.2 * constant[1])
        below.legend(loc="upper right")
    for row, name in enumerate(("learning rate", "training loss") * 2):
        axes[row, 0].set_ylabel(name)
    for below in axes[3]:
        below.set_xlabel("epoch")
    return drawn


def losses_under(schedules, x, y, epochs, batch_size):
    """Training losses of softmax regression under S schedules at once, each by the epoch's mean.

    x: (N, D), y: (N,) labels in 0 … 9, of which one in ten is drawn anew. Returns (epochs, S).
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(10, y.shape, generator=generator)
    y = torch.where(torch.rand(len(y), generator=generator) < 0.1, drawn, y)
    target = (y[:, None] == torch.arange(10)).to(x.dtype)
    w, losses = torch.zeros(len(schedules), x.shape[1], 10), []
    for epoch in range(epochs):
        batches = torch.randperm(len(x), generator=generator).split(batch_size)
        for done, rows in enumerate(batches):
            rates = torch.tensor([schedule(epoch + done / len(batches)) for schedule in schedules])
            log_p = torch.log_softmax(x[rows] @ w, 2)  # (S, batch, 10)
            losses.append(-(log_p * target[rows]).sum(2).mean(1))
            gradient = x[rows].T @ (log_p.exp() - target[rows]) / len(rows)
            w = w - rates[:, None, None] * gradient
    return torch.stack(losses).reshape(epochs, -1, len(schedules)).mean(1)


# %% [markdown]
# ## ★ Extension
#
# Two schedules that are newer (no points). *One cycle*: a straight line up for 30 % of the epochs,
# then half a cosine down to nothing. *Warm-up, stay, decay*: up, constant, and down in a straight
# line in the last fifth. Write both as functions of $t$, with the functions above where they fit,
# put them into `figure`, and compare the last losses. Which of the two needs to know the number of
# epochs at the start?
#
# ## Read on
#
# - H. Robbins, S. Monro: A stochastic approximation method, *Annals of Mathematical Statistics* 22,
#   1951, doi:10.1214/aoms/1177729586: the two sums.
# - L. Smith: Cyclical learning rates for training neural networks, WACV 2017, arXiv:1506.01186: the
#   triangle, and a test that finds its bounds.
# - I. Loshchilov, F. Hutter: SGDR: stochastic gradient descent with warm restarts, ICLR 2017,
#   arXiv:1608.03983.
# - G. Huang, Y. Li, G. Pleiss, Z. Liu, J. Hopcroft, K. Weinberger: Snapshot ensembles: train 1, get
#   M for free, ICLR 2017, arXiv:1704.00109: keeps the weights of all cycles' ends, and lets them
#   vote.
# - P. Goyal et al.: Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017,
#   arXiv:1706.02677: warm-up, and why large batches need it.
# - Y. Dauphin, R. Pascanu, C. Gulcehre, K. Cho, S. Ganguli, Y. Bengio: Identifying and attacking the
#   saddle point problem in high-dimensional non-convex optimization, 2014, arXiv:1406.2572.
