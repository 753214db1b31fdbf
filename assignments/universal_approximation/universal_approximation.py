# %% [markdown]
# # Universal approximation
#
# What can a network with one hidden layer compute? Nearly everything: for any continuous function,
# enough sigmoids come as close to it as you like. Here you prove it for functions of one number,
# and the proof is a construction: two neurons make a tower, and towers side by side make any
# function. Nothing is trained until the last function; you set every weight yourself.
#
# **Afterwards you can** set the weights of a network by hand so that it follows a given function, say
# how the error falls with the number of neurons, and say what the theorem leaves open.
#
# Before: *Logistic regression* has the sigmoid, *Multi-layer perceptron* the network that learns its
# weights. After: *Gradient descent* asks how weights are found, of which this topic says nothing.
#
# **Conventions.** The first axis of an input is the examples. Nothing is modified in place, dtypes
# follow the inputs, and arguments called steepness, sharpness and strength are positive numbers.
# You may use `torch.sigmoid`: you have built one in *Logistic regression*.

# %% [markdown]
# ## By hand
#
# A neuron whose weight is large is a step: at $k = 100$ the sigmoid $\sigma(k (x - p))$ is 0 one unit
# before $p$, 1 one unit after it (both to 43 decimals), and $\tfrac12$ at $p$. Three steps, and two
# towers made of them: the first over $[0, 2]$ with height 4, the second over $[2, 4]$ with height 2.
#
# | $x$ | $-1$ | $0$ | $1$ | $2$ | $3$ | $4$ | $5$ |
# |---|---|---|---|---|---|---|---|
# | step at 0 | $0$ | $\tfrac12$ | $1$ | $1$ | $1$ | $1$ | $1$ |
# | step at 2 | $0$ | $0$ | $0$ | $\tfrac12$ | $1$ | $1$ | $1$ |
# | step at 4 | $0$ | $0$ | $0$ | $0$ | $0$ | $\tfrac12$ | $1$ |
# | tower: $4$ (step at 0) $- 4$ (step at 2) | $0$ | $2$ | $4$ | $2$ | $0$ | $0$ | $0$ |
# | tower: $2$ (step at 2) $- 2$ (step at 4) | $0$ | $0$ | $0$ | $1$ | $2$ | $1$ | $0$ |
# | sum | $0$ | $2$ | $4$ | $3$ | $2$ | $1$ | $0$ |
#
# Three things that the rest of this topic is about:
#
# - After 4 all three steps are 1, and nothing is left: the output weights $4, -4, 2, -2$ sum to 0.
# - At the shared side, $x = 2$, half of one tower and half of the other make the mean of the heights.
# - At the ends there is no neighbour, and the sum is half of what it should be.
#
# The step at 2 occurs in both towers. One neuron with the weight $-4 + 2 = -2$ does the same. The
# second row of the table is the first thing that `gradus check` asks of you.

# %%
import torch

# %% [markdown]
# ## A sigmoid that is nearly a step
#
# One input, one neuron: $\sigma(wx + b)$ with $\sigma(z) = 1 / (1 + e^{-z})$. Two numbers, but not
# the two that you want to think in. Write $z = wx + b = k\,(x - p)$: the curve passes $\tfrac12$ at
# the **position** $p$, and $k$ is its **steepness**. Compare coefficients: $w = k$, and what is
# $b$?
#
# How steep is steep? Solve $\sigma(z) = a / (1 + a)$: it gives $e^{z} = a$. So the neuron has
# climbed to $0.9$ at $x = p + \ln 9 / k$, and was at $0.1$ as far before $p$: the climb from one to
# the other takes
#
# $$\frac{2 \ln 9}{k} \approx \frac{4.4}{k} .$$
#
# A steepness means something only when compared with a length. Where towers are 0.01 wide, $k = 10$
# is a gentle slope. For $k \to \infty$ the curve becomes a step, 0 before $p$ and 1 after it.
#
# If you write the sigmoid yourself: $e^{z} / (1 + e^{z})$ is right on paper and infinity divided by
# infinity in the computer, when $z$ is large.


# %%
def step_neuron(x, position, steepness):
    """A sigmoid that climbs from 0 to 1 around position: σ(steepness · (x − position)).

    x: any shape; position: a number or a tensor that broadcasts to x; steepness > 0, per unit of x.
    Returns the shape and dtype of x, finite for every finite x. ½ at x = position.
    """
    raise NotImplementedError


# %% [markdown]
# ## A tower from two neurons
#
# One neuron steps up at $l$, another one at $r > l$. Give the first the output weight $h$, the
# second $-h$, and add:
#
# $$T(x) = h\, \sigma\big(k (x - l)\big) - h\, \sigma\big(k (x - r)\big) .$$
#
# Before $l$ both are 0. Between $l$ and $r$ only the first is 1. After $r$ both are 1, and what
# remains? Draw the three pieces. Now with steep, not vertical, sides: at $x = l$ the tower is at
# half its height.
#
# Its area is exact, however gentle the sides are:
#
# $$\int_{-\infty}^{\infty} T(x)\, \mathrm{d}x = h\,(r - l) .$$
#
# No integral is needed to see it. The second curve is the first one, moved to the right by $r - l$.
# Slice the area between the two horizontally: every slice, at any level between 0 and 1, is
# $r - l$ long. When the sides are too gentle for the width, though, the tower never reaches $h$: in
# its middle it has the height $h\,(2 \sigma(k (r - l) / 2) - 1)$. Insert $k (r - l) = 2$, then 20.


# %%
def tower(x, left, right, height, steepness):
    """A tower of the given height between left and right, the difference of two step neurons.

    x: any shape; left < right, height: numbers or tensors of shape (), the height may be negative;
    steepness > 0. Returns the shape of x: about height inside and 0 outside, height / 2 at both
    sides. Raises ValueError when left ≥ right, which would turn the tower upside down.
    """
    raise NotImplementedError


# %% [markdown]
# ## Two inputs: a threshold is needed
#
# For two inputs, a tower over the rectangle $l_1 < x_1 < r_1$, $l_2 < x_2 < r_2$. Two neurons that
# look at $x_1$ alone make a wall that runs along the whole of the other axis; two more make a wall
# across it. Let both have height 1 and add them:
#
# | | inside in $x_2$ | outside in $x_2$ |
# |---|---|---|
# | **inside in $x_1$** | 2 | 1 |
# | **outside in $x_1$** | 1 | 0 |
#
# That is a cross, whose middle is twice as high as its arms. Whatever weights the four neurons are
# given, a sum of walls keeps its arms. It takes one more neuron, an output threshold: a step from 0
# to 1 that happens when the sum passes $\tfrac32$, halfway between the arms and the middle. It
# sees numbers 0, 1 and 2, not lengths, so it has a steepness of its own, the *strength* $c$ (in
# Nielsen's drawing the weight between the layers):
#
# $$T(x_1, x_2) = h\, \sigma\Big( c\, \big( T_1(x_1) + T_2(x_2) - \tfrac32 \big) \Big) .$$
#
# The threshold compares *counts*: the height has to wait until it is done. What would a threshold
# at $\tfrac12$ build? Where would it lie for towers over boxes in three dimensions?


# %%
def tower_2d(x, low, high, height, steepness, strength):
    """A tower over a rectangle: 4 step neurons, and a threshold at 3/2 on the sum of two walls.

    x: (N, 2); low, high: (2,), opposite corners, low < high in both; height: a number; steepness of
    the four neurons, strength of the threshold, both > 0. The walls have height 1. Returns (N,):
    about height inside, height / 2 in the middle of a side, 0 outside and in the arms of the cross.
    """
    raise NotImplementedError


# %% [markdown]
# ## Towers are a network
#
# One hidden layer of $H$ sigmoids and a linear output, for a batch $X \in \mathbb{R}^{N \times D}$:
#
# $$\text{out} = \sigma(X W_1 + b_1)\, W_2, \qquad W_1 \in \mathbb{R}^{D \times H},\;
#   b_1 \in \mathbb{R}^{H},\; W_2 \in \mathbb{R}^{H \times M} .$$
#
# This is the sum that Cybenko (1989) writes, without a bias at the output. With $D = M = 1$ it is a
# sum over hidden neurons, $\sum_j v_j\, \sigma(w_j x + b_j)$. You know two neurons of it for each
# tower: their $w$ and $b$ from the first section, their $v$ from the second. So $n$ towers are
# $H = 2n$ neurons, and all that remains is to put the numbers in their places. By hand: a tower of
# height 3 between 1 and 2 with $k = 10$ needs the biases $-10$ and $-20$.


# %%
def network(x, w1, b1, w2):
    """One hidden layer of sigmoids, linear output without bias: σ(x @ w1 + b1) @ w2.

    x: (N, D), w1: (D, H), b1: (H,), w2: (H, M). Returns (N, M).
    """
    raise NotImplementedError


def tower_network(left, right, height, steepness):
    """The parameters with which network adds up n towers.

    left, right, height: (n,), left < right; steepness > 0, a number, the same for all. Returns
    (w1, b1, w2) with H = 2n hidden neurons: w1 (1, 2n), b1 (2n,), w2 (2n, 1), in any order.
    """
    raise NotImplementedError


# %% [markdown]
# ## Any function
#
# Cut $[a, b]$ into $n$ equal pieces of width $\delta = (b - a) / n$ and put a tower on each, as
# high as the function is in the middle $m_j$ of the piece. Three things to get right:
#
# 1. **No gaps, no overlaps.** Where one tower ends, the next begins: $n$ pieces have $n + 1$ ends.
#    At a shared side two half towers meet, and the sum is the mean of the two heights.
# 2. **Steepness.** The sides must be steep *compared with* $\delta$, so they must become steeper as
#    the pieces become narrower. Let the *sharpness* $s = k\, \delta$ be the constant, and find $k$.
# 3. **The ends.** At $a$ and $b$ there is no neighbour, and half a tower is all there is: the sum
#    would sag to half its value, for any $n$. So the two outermost sides move outwards, each by the
#    length $b - a$. What happens out there is nobody's concern.
#
# How good is it? Let $w_j(x) \ge 0$ be the tower on piece $j$ with height 1. In the sum of all of
# them, every inner side appears once with plus and once with minus. Only the outermost two are
# left, so $\sum_j w_j(x) = 1$ on $[a, b]$ (up to $e^{-sn}$). Hence
#
# $$|f(x) - g(x)| = \Big| \sum_j w_j(x)\, \big( f(x) - f(m_j) \big) \Big|
#   \le \sum_j w_j(x)\, |f(x) - f(m_j)| .$$
#
# If $f$ changes by at most $L$ per unit of $x$ (it is *Lipschitz*), each bracket is at most
# $L |x - m_j|$. For steep sides only the towers next to $x$ count, $m_j$ is nowhere farther away
# than half a piece, and
#
# $$|f(x) - g(x)| \le \frac{L\, \delta}{2} = \frac{L\,(b - a)}{2n} :$$
#
# twice the towers, half the error. For a function that is only continuous it still goes to zero,
# more slowly perhaps, because on a closed interval it is uniformly continuous. That is the theorem,
# for one input.
#
# Steps can do no better. On a piece of width $\delta$ the function $f(x) = x$ changes by $\delta$, and
# whichever height the piece is given, at one of its ends it is off by $\delta / 2$ or more. For
# $f(x) = x$ the bound is the error.
#
# The telescoping says something else: two neurons at a shared side are the same neuron twice. With
# one for each side, $n + 1$ neurons do the work of $2n$. Which output weights do they get? (Both
# are right answers here.)


# %%
def approximate(values, low, high, sharpness):
    """A network that follows a function on [low, high], a tower on each of n equal pieces.

    values: (n,), the function in the middles of the pieces, from low to high; low < high: numbers;
    sharpness > 0: the steepness times the width of a piece. Neighbours share their side; the two
    outermost sides are moved outwards by high − low. Returns (w1, b1, w2) for network, with at most
    2n hidden neurons: (1, H), (H,), (H, 1). (A construction for Cybenko's theorem, 1989.)
    """
    raise NotImplementedError


# %% [markdown]
# ## What the theorem says, and what it does not
#
# **Cybenko (1989).** Let $\sigma$ be continuous, with limits 0 and 1 to the left and right. For
# every continuous $f$ on $[0, 1]^D$ and every $\varepsilon > 0$ there are $H$, $w_j$, $b_j$, $v_j$
# with
#
# $$\Big| f(x) - \sum_{j=1}^{H} v_j\, \sigma(w_j \cdot x + b_j) \Big| < \varepsilon
#   \quad \text{for all } x \in [0, 1]^D .$$
#
# Hornik (1991) needs less of the activation: continuous, bounded, not constant. Leshno et al.
# (1993) say what is needed: a continuous activation will do exactly if it is **not a polynomial**.
# (A network of polynomials of degree $d$ is a polynomial of degree $d$, however wide it is.)
#
# One hidden layer is enough for any $D$, although your tower over a rectangle has two. Sums of
# waves $\cos(w \cdot x + \varphi)$ come as close as you like to any continuous function on the cube
# (a Fourier argument); each wave is a function of the *one* number $w \cdot x$, and that you can
# build from towers.
#
# "A network can learn any function" is *not* what it says:
#
# - **Any continuous function, on a closed and bounded set.** At a jump of height $J$ the largest
#   error of a network, which is continuous, is at least $J / 2$. Outside the set nothing is
#   promised: yours goes to 0 far away.
# - **How wide it gets.** There is an $H$ for every $\varepsilon$, and it grows: here as
#   $1 / \varepsilon$. Towers of side $\delta$ over a cube are $(1 / \delta)^D$ many; with
#   $\delta = 0.1$ and the 64 inputs of a small digit, $10^{64}$. The weights grow as well: $k$ as
#   $n$.
# - **How to find the weights.** They exist. That gradient descent finds them is another claim, and
#   no theorem of this kind makes it.
# - **What to do with data.** You were told $f$ in every middle. Examples are few and noisy, and a
#   network that fits them need not be near $f$ between them.
#
# ## Heights from data
#
# Now $f$ is unknown; there are examples $(x_i, y_i)$, noisy and anywhere in $[a, b]$. Keep the
# hidden layer of `approximate` as it is, and learn the heights $v$ alone. The output is linear in
# them: with $\Phi_{ij} = w_j(x_i)$, the tower on piece $j$ with height 1,
#
# $$g(x_i) = \sum_j \Phi_{ij} v_j, \qquad
#   E(v) = |\Phi v - y|^2, \qquad
#   \nabla E = 2\, \Phi^\top (\Phi v - y) = 0
#   \;\Longleftrightarrow\; \Phi^\top \Phi\, v = \Phi^\top y .$$
#
# $E$ is convex, so here, and because only the output layer learns, the best weights can be had for
# certain (`torch.linalg.lstsq` solves this without forming $\Phi^\top \Phi$). For vertical sides
# $\Phi^\top \Phi$ is diagonal: what are the heights then? For $\Phi$, ask your network what it
# answers to the heights $(1, 0, 0, \dots)$, then $(0, 1, 0, \dots)$.
#
# The last check draws a random smooth function and 400 examples with noise of a fifth of its
# standard deviation, and compares 30 towers with the function itself, without the noise. The score
# is $R^2 = 1 - \sum (f - g)^2 / \sum (f - \bar f)^2$. The noise alone, passed through, would cost
# 0.04 of it. The worst of 500 draws reached 0.9918; 0.99 is asked for.


# %%
def fit(x, y, n, low, high, sharpness):
    """The network of n towers on [low, high] whose heights fit examples best in squared error.

    x: (N, 1) in [low, high] in any order, y: (N,); 1 ≤ n ≤ N, with examples on every piece; low,
    high, sharpness and the towers as in approximate. Returns (w1, b1, w2) for network, with at most
    2n hidden neurons: (1, H), (H,), (H, 1), at the minimum of Σᵢ (network(xᵢ) − yᵢ)².
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: twice the towers
#
# Twice as many towers, on half the width: **is the largest error half of what it was, or a quarter?**
# Write down your answer for two ways to choose the sides:
#
# - at fixed *steepness*, $k = 80$ for any number of towers;
# - at fixed *sharpness*, $s = k \delta = 4$, so that the sides become steeper as the pieces become
#   narrower.
#
# Does it matter whether the ends of the interval are counted? The functions are $f(x) = x$ and
# $\sin 2 \pi x$ on $[0, 1]$. The experiment says what the largest error is with 8 towers, and by which
# factor it falls with each doubling, up to 16, 32, and so on, on the whole interval and on its middle
# half.


# %%
def experiment(quick=False):
    """The largest error of 8 towers, and the factor by which it falls at each doubling.

    Returns the rows of a table, the first its head.
    """
    counts = [8, 16, 32] if quick else [8, 16, 32, 64, 128, 256]
    x = torch.linspace(0, 1, 1001 if quick else 8001, dtype=torch.float64)
    parts = {"whole": x >= 0, "middle": (x > 0.25) & (x < 0.75)}
    functions = {"x": lambda x: x, "sine": lambda x: (2 * torch.pi * x).sin()}
    rows = [("f", "sides", "where", f"n = {counts[0]}", *(f"÷ {n}" for n in counts[1:]))]
    for name, sides, sharpness in (
        ("x", "s = 40", lambda n: 40),
        ("x", "s = 4", lambda n: 4),
        ("sine", "s = 4", lambda n: 4),
        ("sine", "s = 2", lambda n: 2),
        ("sine", "k = 80", lambda n: 80 / n),
    ):
        f = functions[name]
        gaps = [(sum_of_towers(f, x, n, sharpness(n)) - f(x)).abs() for n in counts]
        for part, points in parts.items():
            errors = torch.stack([gap[points].max() for gap in gaps])
            factors = [round(factor, 2) for factor in (errors[:-1] / errors[1:]).tolist()]
            rows.append((name, sides, part, errors[0].item(), *factors))
    return rows


def sum_of_towers(f, x, n, sharpness):
    """What the network with n towers under f on [0, 1] answers to each x. x: (N,), f: a function."""
    middles = (torch.arange(n, dtype=x.dtype) + 0.5) / n
    return network(x[:, None], *approximate(f(middles), 0.0, 1.0, sharpness))[:, 0]


# %% [markdown]
# **At fixed steepness: neither.** In the middle the first doubling makes the error 5.5 times smaller,
# the next 2.2 times, then 1.12, 1.03, 1.01: it has stopped, at 0.0101. A side climbs within
# $4.4 / 80 = 0.055$, so from about 18 towers on they are narrower than their own sides. The sum then
# no longer depends on $n$. It is a blurred $f$, averaged with the slope of the sigmoid as weights,
# and the blur takes from $\sin 2\pi x$ the share $1 - u / \sinh u = 0.0101$ with $u = 2 \pi^2 / k$.
# More towers do not make up for sides that are too gentle.
#
# **At fixed sharpness: half, in the end.** With $f(x) = x$ it is a factor of 2.00 from the first
# doubling on, steep or soft (2.01 once, where the far ends still show). Look at the sum of towers
# under $f(x) = x$ with a magnifying glass: with half the width it is the same picture at half the
# size. So the error is $c\, \delta$, and $c$ depends on the sharpness alone. For steep sides it is
# $\tfrac12$: a step of height $\delta$ is off by half of that, 0.0625 with 8 towers. For softer sides
# the stair becomes a wave, in the middle with the amplitude (Poisson's summation formula)
#
# $$c(s) = \frac{2 \pi}{s \sinh (2 \pi^2 / s)}, \qquad c(4) = 0.0226, \quad c(2) = 0.000325 .$$
#
# That is small, and it is still $1/n$: 0.0226 / 8 is the 0.00284 of the table. A curved $f$ is blurred
# besides. Together this makes, at its largest between two ends of a piece,
#
# $$|f - g| \approx c(s)\, |f'|\, \delta
#   + \Bigl( \frac{1}{24} + \frac{\pi^2}{6 s^2} \Bigr)\, |f''|\, \delta^2 .$$
#
# While the second term is the larger one the error seems to fall as $1/n^2$. For $\sin 2 \pi x$ and
# sharpness 4 both are equal at 40 towers, and the factors are 3.9, 3.4, 2.7, 2.3, 2.1. With sharpness
# 2 they would be equal at 8,756, and up to 256 towers the factor goes to 4.00. A few points on
# logarithmic axes do not tell such a line from one that falls as $1/n^2$ for ever.
#
# **The ends count.** On the whole interval every factor at fixed sharpness goes to 2.00. At $x = 0$ the
# towers stand on one side only, and their mean lies beside $f(0)$ by $0.52\, \delta f'$ for sharpness
# 4 and $0.64\, \delta f'$ for sharpness 2.
#
# What would make it a quarter for ever? In the middle, a sharpness that falls as $n$ grows, but
# slowly: with $s = 2 \pi^2 / \ln n$ both terms are $1/n^2$ up to logarithms (measured: 3.25 from 16 to
# 32 towers, 3.58 from 512 to 1,024). At the ends, values of $f$ beyond them, or $f' = 0$ there. And
# straight pieces in place of steps: see the extension.

# %% [markdown]
# ## Show: towers under a curve
#
# Everything is drawn by your functions. Ten towers under $1.5 + \sin 2 \pi x$, and what your network
# says: with sharpness 40 a stair, with sharpness 4 a curve that is closer on average and no closer at
# the ends. Beside it the largest error against the number of towers, on logarithmic axes: $n^{-1}$ is a
# line of slope $-1$. The slopes in the legend are measured, between 256 and 512 towers: $-1.00$ for
# both on the whole interval, and $-1.01$ for sharpness 4 in the middle half, where the line was twice
# as steep at first; $-2.00$ for sharpness 2 there, as far as is drawn; $-0.08$ at steepness 80.
#
# Below, the sum of four neurons over the plane, the same behind the threshold, and ten towers whose
# heights are fitted to 150 examples with noise of standard deviation 0.3.


# %%
def figure(quick=False):
    """Towers under a curve, the error against their number, a tower in 2-D, towers fitted to data."""
    import matplotlib.pyplot as plt

    def f(x):
        return 1.5 + (2 * torch.pi * x).sin()

    drawn, axes = plt.subplot_mosaic("AAABBB;CCDDEE", figsize=(11, 8.5), layout="constrained")
    x = torch.linspace(0, 1, 501 if quick else 4001, dtype=torch.float64)
    n = 10
    for left in range(n):
        height = f(torch.tensor((left + 0.5) / n, dtype=torch.float64))
        single = tower(x, left / n, (left + 1) / n, height, 40.0 * n)
        axes["A"].fill_between(x, single, alpha=0.35, color=f"C{left % 2}", linewidth=0)
    for sharpness, colour in ((40, "C3"), (4, "C2")):
        label = f"their sum, sharpness {sharpness}"
        axes["A"].plot(x, sum_of_towers(f, x, n, sharpness), color=colour, label=label)
    axes["A"].plot(x, f(x), "k:", label="the function")
    axes["A"].set(title=f"{n} towers under a curve", xlabel="x", ylabel="value")
    axes["A"].legend()

    counts = [8, 16, 32] if quick else [8, 16, 32, 64, 128, 256, 512]
    middle = (x > 0.25) & (x < 0.75)
    for marker, label, part, sharpness in (
        ("o-", "sharpness 40", x >= 0, lambda n: 40),
        ("s-", "sharpness 4", x >= 0, lambda n: 4),
        ("s--", "sharpness 4, middle half", middle, lambda n: 4),
        ("D--", "sharpness 2, middle half", middle, lambda n: 2),
        ("^-", "steepness 80", x >= 0, lambda n: 80 / n),
    ):
        gaps = [(sum_of_towers(f, x, n, sharpness(n)) - f(x))[part].abs().max() for n in counts]
        slope = torch.stack(gaps[-2:]).log2().diff().item()
        axes["B"].loglog(counts, gaps, marker, markersize=4, label=f"{label}: slope {slope:.2f}")
    axes["B"].set(title="largest error, slopes at the right end", xlabel="number of towers n")
    axes["B"].set_ylabel("largest error")
    axes["B"].set_xticks(counts, counts)
    axes["B"].minorticks_off()
    axes["B"].legend(fontsize=8)

    side = torch.linspace(-1, 2, 40 if quick else 150)
    plane, size = torch.cartesian_prod(side, side), (len(side), len(side))
    low, high = torch.tensor([0.0, 0.2]), torch.tensor([1.0, 0.8])
    walls = sum(tower(plane[:, d], low[d], high[d], 1, 12.0) for d in range(2))
    done = tower_2d(plane, low, high, 1, 12.0, 12.0)
    for key, values, title in (
        ("C", walls, "four neurons: a cross"),
        ("D", done, "and a threshold: a tower"),
    ):
        image = axes[key].pcolormesh(side, side, values.reshape(size).T, rasterized=True)
        axes[key].set(title=title, xlabel="first input", ylabel="second input")
        drawn.colorbar(image, ax=axes[key], location="bottom", label="value")

    generator = torch.Generator().manual_seed(0)
    at = torch.rand(150, dtype=torch.float64, generator=generator)
    seen = f(at) + 0.3 * torch.randn(150, dtype=torch.float64, generator=generator)
    fitted = network(x[:, None], *fit(at[:, None], seen, n, 0.0, 1.0, 4.0))
    axes["E"].plot(at, seen, ".", color="0.6", markersize=4, label="examples with noise")
    axes["E"].plot(x, f(x), "k:", label="the function")
    axes["E"].plot(x, fitted, color="C2", label=f"{n} towers, fitted")
    axes["E"].set(title="heights from data", xlabel="x", ylabel="value")
    axes["E"].legend(fontsize=8)
    return drawn


# %% [markdown]
# ## ★ Extension
#
# Straight pieces (no points). Put $\max(z, 0)$ in the place of $\sigma(z)$: a neuron is a bend, not a
# step. With one neuron at the left side $x_j$ of each piece, whose output weight is by how much the
# slope of the polygon through $f$ changes there, and $f(0)$ added to the output, the sum *is* that
# polygon. Its error is at most $\max |f''|\, \delta^2 / 8$, the ends included: for $\sin 2 \pi x$ it
# falls from 0.0704 with 8 pieces to 0.0000753 with 256, by a factor of 4.00 at the end. Draw its line
# into the figure. How many neurons does it take, and how many did the towers?
#
# ## Read on
#
# - G. Cybenko: Approximation by superpositions of a sigmoidal function, *Mathematics of Control,
#   Signals and Systems* 2, 1989, doi:10.1007/BF02551274. The theorem, for any number of inputs, by a
#   proof that constructs nothing.
# - K. Hornik: Approximation capabilities of multilayer feedforward networks, *Neural Networks* 4,
#   1991, doi:10.1016/0893-6080(91)90009-T. It is the network's form that does it, not the sigmoid.
# - M. Leshno, V. Lin, A. Pinkus, S. Schocken: Multilayer feedforward networks with a nonpolynomial
#   activation function can approximate any function, *Neural Networks* 6, 1993,
#   doi:10.1016/S0893-6080(05)80131-5. Which activations will do.
# - A. Barron: Universal approximation bounds for superpositions of a sigmoidal function, *IEEE
#   Transactions on Information Theory* 39, 1993, doi:10.1109/18.256500. For which functions the number
#   of neurons does not grow with the number of inputs as that of towers does.
# - M. Nielsen: *Neural networks and deep learning*, 2015, chapter 4. The towers, with pictures.
