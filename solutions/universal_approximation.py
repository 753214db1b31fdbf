# %% [markdown]
# # Universal approximation
#
# What can a network with one hidden layer compute? Nearly everything: for any continuous function,
# enough sigmoids come as close to it as you like. Here you prove it for functions of one number,
# and the proof is a construction: two neurons make a tower, and towers side by side make any
# function. Nothing is trained until the last section; you set every weight yourself.
#
# **Conventions.** The first axis of an input is the examples. Nothing is modified in place, dtypes
# follow the inputs, and arguments called steepness, sharpness and strength are positive numbers.
# You may use `torch.sigmoid`: you have built one in *Logistic regression*.

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
    # BEGIN SOLUTION
    z = steepness * (x - position)
    return torch.sigmoid(z)
    # END SOLUTION


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
    # BEGIN SOLUTION
    if left >= right:
        raise ValueError(f"left = {left} must lie below right = {right}")
    up = step_neuron(x, left, steepness)
    down = step_neuron(x, right, steepness)
    return height * (up - down)
    # END SOLUTION


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
    # BEGIN SOLUTION
    first, second = (tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))
    inside = step_neuron(first + second, 1.5, strength)
    return height * inside
    # END SOLUTION


# %% [markdown]
# Once these three work, call `plot_cross()` in a cell of its own: the sum of four neurons on the
# left, the same behind the threshold on the right.


# %%
def plot_cross(steepness=12, strength=12):
    """Draw two walls over the plane, before and after the threshold."""
    import matplotlib.pyplot as plt

    side = torch.linspace(-1, 2, 150)
    x = torch.cartesian_prod(side, side)
    walls = tower(x[:, 0], 0.0, 1.0, 1, steepness) + tower(x[:, 1], 0.2, 0.8, 1, steepness)
    low, high = torch.tensor([0.0, 0.2]), torch.tensor([1.0, 0.8])
    done = tower_2d(x, low, high, 1, steepness, strength)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axis, values, title in zip(
        axes, (walls, done), ("four neurons", "and a threshold"), strict=True
    ):
        image = axis.imshow(values.reshape(150, 150).T, origin="lower", extent=(-1, 2, -1, 2))
        axis.set_title(title)
        axis.set_xlabel("first input")
        axis.set_ylabel("second input")
        figure.colorbar(image, ax=axis)
    plt.show()


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
    # BEGIN SOLUTION
    hidden = torch.sigmoid(x @ w1 + b1)
    return hidden @ w2
    # END SOLUTION


def tower_network(left, right, height, steepness):
    """The parameters with which network adds up n towers.

    left, right, height: (n,), left < right; steepness > 0, a number, the same for all. Returns
    (w1, b1, w2) with H = 2n hidden neurons: w1 (1, 2n), b1 (2n,), w2 (2n, 1), in any order.
    """
    # BEGIN SOLUTION
    positions = torch.cat([left, right])
    weights = torch.cat([height, -height])
    w1 = torch.full_like(positions, steepness)[None, :]
    return w1, -steepness * positions, weights[:, None]
    # END SOLUTION


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
# $L |x - m_j|$. For steep sides only the towers next to $x$ count, and
#
# $$|f(x) - g(x)| \le \frac{L\, \delta}{2} = \frac{L\,(b - a)}{2n} :$$
#
# twice the towers, half the error. For a function that is only continuous it still goes to zero,
# more slowly perhaps, because on a closed interval it is uniformly continuous. That is the theorem,
# for one input.
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
    # BEGIN SOLUTION
    n, length = len(values), high - low
    sides = torch.linspace(low, high, n + 1, dtype=values.dtype, device=values.device)
    sides[0] -= length
    sides[-1] += length
    return tower_network(sides[:-1], sides[1:], values, sharpness * n / length)
    # END SOLUTION


# %% [markdown]
# Call `plot_errors()`. It draws 12 towers, and the largest error against $n$ on logarithmic axes,
# where $1/n$ is a line that falls by one decade a decade. Softer sides than the proof asks for do
# better: with sharpness 4 the towers melt into a smooth curve, and in the interior the error falls
# about as $1/n^2$. Why does it not at the ends? And what goes wrong when the steepness stays at 20
# while $n$ grows?


# %%
def plot_errors():
    """Plot a sum of towers, and how the largest error on [0, 1] and on its middle falls with n."""
    import matplotlib.pyplot as plt

    def f(x):
        return torch.sin(9 * x) * x + 0.3 * torch.cos(25 * x)

    def middles(n):
        return (torch.arange(n, dtype=torch.float64) + 0.5) / n

    x = torch.linspace(0, 1, 4001, dtype=torch.float64)
    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(x, f(x), "k:", label="the function")
    for sharpness in (40, 4):
        g = network(x[:, None], *approximate(f(middles(12)), 0.0, 1.0, sharpness))
        left.plot(x, g[:, 0], label=f"12 towers, sharpness {sharpness}")
    left.set_xlabel("x")
    left.legend()

    counts, inner = [8, 16, 32, 64, 128, 256], (x > 0.25) & (x < 0.75)
    for label, sharpness_of in (
        ("sharpness 40", lambda n: 40),
        ("sharpness 4", lambda n: 4),
        ("steepness 20 for all n", lambda n: 20 / n),
    ):
        gaps = [
            network(x[:, None], *approximate(f(middles(n)), 0.0, 1.0, sharpness_of(n)))[:, 0] - f(x)
            for n in counts
        ]
        (line,) = right.loglog(counts, [gap.abs().max() for gap in gaps], "o-", label=label)
        middle = [gap[inner].abs().max() for gap in gaps]
        right.loglog(counts, middle, "--", color=line.get_color())
    right.set_xlabel("number of towers n")
    right.set_ylabel("largest error (dashed: for 0.25 < x < 0.75)")
    right.legend()
    plt.show()


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
# 0.04 of it. The worst of 500 draws reached 0.9925; 0.99 is asked for.


# %%
def fit(x, y, n, low, high, sharpness):
    """The network of n towers on [low, high] whose heights fit examples best in squared error.

    x: (N, 1) in [low, high] in any order, y: (N,); 1 ≤ n ≤ N, with examples on every piece; low,
    high, sharpness and the towers as in approximate. Returns (w1, b1, w2) for network, with at most
    2n hidden neurons: (1, H), (H,), (H, 1), at the minimum of Σᵢ (network(xᵢ) − yᵢ)².
    """
    # BEGIN SOLUTION
    single = torch.eye(n, dtype=x.dtype, device=x.device)
    columns = [network(x, *approximate(height, low, high, sharpness)) for height in single]
    towers = torch.cat(columns, 1)
    heights = torch.linalg.lstsq(towers, y[:, None]).solution[:, 0]
    return approximate(heights, low, high, sharpness)
    # END SOLUTION
