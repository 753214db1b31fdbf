# %% [markdown]
# # Learning-rate schedules
#
# How long should a step be? Long at first, to get anywhere; short in the end, to settle. A
# *schedule* is the learning rate as a function of time. All of them here are functions of one
# number, and each is two or three lines that you can check with pencil and paper. You have Python's
# `math`; torch's own schedulers stay out of it.
#
# **Conventions.** Time $t$ counts epochs **from 0**, and may be a fraction: $t = 2.25$ is a quarter
# through the third epoch. (Only the warm-up counts updates, in whole numbers.) A boundary belongs
# to what comes *after* it: "halve every 3 epochs" means that the epochs 0, 1, 2 have the full rate
# and $t = 3$ has half of it. Every schedule returns a number, the rate.

# %%
import math

# %% [markdown]
# ## Why the rate must fall, and not too fast
#
# The gradient of a mini-batch is noisy. With a constant rate the noise never dies: the weights keep
# jumping around the minimum, in a cloud as wide as the rate lets it be. So the rate $\eta_t$ has to
# fall to zero. But if it falls too fast, the weights get stuck on the way: with gradients no larger
# than $G$ they travel at most $G \sum_t \eta_t$ from where they started. Robbins and Monro (1951)
# ask for both:
#
# $$\sum_{t=0}^{\infty} \eta_t = \infty \quad \text{(any distance can be travelled)}, \qquad
#   \sum_{t=0}^{\infty} \eta_t^2 < \infty \quad \text{(the noise dies out)}.$$
#
# Put the next three schedules in. For which of them is the first sum finite? (Two are geometric
# series.) People use those two with great success all the same: nobody trains for ever.
#
# ## Step decay
#
# Every $k$ epochs the rate is multiplied by a factor $f$, most often $\tfrac12$ or $\tfrac1{10}$.
# In between it stays as it is: a staircase, not a ramp. By hand, with $\eta_0 = 0.8$,
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
    # BEGIN SOLUTION
    steps = t // period
    return lr * factor**steps
    # END SOLUTION


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
    # BEGIN SOLUTION
    return lr * math.exp(-rate * t)
    # END SOLUTION


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
# By hand: $\eta_0 = 0.6$ and $k = \tfrac12$ give 0.6, 0.4, 0.3 at $t = 0, 1, 2$.


# %%
def inverse_time_decay(t, lr, rate):
    """1/t decay: lr / (1 + rate · t).

    t: epochs since the start, ≥ 0, fractions too; lr > 0: the learning rate at t = 0; rate ≥ 0, per
    epoch. Returns the learning rate. (Robbins and Monro, 1951.)
    """
    # BEGIN SOLUTION
    return lr / (1 + rate * t)
    # END SOLUTION


# %% [markdown]
# ## A triangle that repeats
#
# Must it fall all the time? Smith (2017) lets the rate rise and fall again in straight lines,
# between bounds $\eta_{\min}$ and $\eta_{\max}$. Rising costs a little at once, and carries the
# weights over saddle points and out of narrow dips. A cycle starts at the *minimum*, is at the
# maximum after $h$ epochs and back after $2h$.
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
    # BEGIN SOLUTION
    if lr_min > lr_max:
        raise ValueError(f"lr_min = {lr_min} lies above lr_max = {lr_max}: are they swapped?")
    elapsed = t % (2 * half_cycle)
    share = 1 - abs(elapsed - half_cycle) / half_cycle
    return lr_min + (lr_max - lr_min) * share
    # END SOLUTION


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


# %%
def restart_cycle(t, period, mult):
    """Where t lies in the cycles of lengths period, mult · period, mult² · period, …

    t: epochs since the start, ≥ 0, fractions too; period > 0: epochs of the first cycle; mult ≥ 1.
    Returns (elapsed, length): the epochs since the last restart, 0 ≤ elapsed < length, and the
    length of the cycle that t is in. At a restart elapsed is 0, exactly, and length is that of the
    new cycle. Raises ValueError when t < 0, period ≤ 0 or mult < 1.
    """
    # BEGIN SOLUTION
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError(f"need t ≥ 0, period > 0 and mult ≥ 1, got {t}, {period}, {mult}")
    while t >= period:
        t -= period
        period *= mult
    return t, period
    # END SOLUTION


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
    # BEGIN SOLUTION
    elapsed, length = restart_cycle(t, period, mult)
    angle = math.pi * elapsed / length
    return lr_min + (lr_max - lr_min) * (1 + math.cos(angle)) / 2
    # END SOLUTION


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
    # BEGIN SOLUTION
    if t >= warmup:
        return lr
    return lr * (t + 1) / warmup
    # END SOLUTION


# %% [markdown]
# Once your functions work, call `plot_schedules()` in a cell of its own. Look for the steps, the
# corners and the restarts: is each of them where it belongs? And which curves are the highest at
# the end?


# %%
def plot_schedules(epochs=30, lr=0.1):
    """Plot all schedules over `epochs` epochs; the last warms up for 4 of them and then anneals."""
    import matplotlib.pyplot as plt

    def warm_then_cosine(t):
        return linear_warmup(t, lr, 4) if t < 4 else cosine_restarts(t - 4, 0, lr, epochs - 4, 1)

    fine, whole = [epochs * i / 1000 for i in range(1000)], list(range(epochs))
    schedules = (
        ("step decay, halved every 6", fine, lambda t: step_decay(t, lr, 6, 0.5)),
        ("exponential, rate 0.1", fine, lambda t: exponential_decay(t, lr, 0.1)),
        ("1/t, rate 0.5", fine, lambda t: inverse_time_decay(t, lr, 0.5)),
        ("triangular, half cycle 5", fine, lambda t: triangular(t, lr / 10, lr, 5)),
        ("cosine, 4 epochs, doubling", fine, lambda t: cosine_restarts(t, 0, lr, 4, 2)),
        ("warm-up, then one cosine", whole, warm_then_cosine),
    )
    _, axes = plt.subplots(2, 3, sharex=True, sharey=True, figsize=(11, 5), layout="constrained")
    for axis, (title, times, schedule) in zip(axes.flat, schedules, strict=True):
        axis.plot(times, [schedule(t) for t in times], "-" if times is fine else ".-")
        axis.set_title(title)
        axis.set_xlabel("epoch" if times is fine else "update")
        axis.set_ylabel("learning rate")
    plt.show()
