# %% [markdown]
# # Perceptron
#
# The oldest artificial neuron, and the first that learned. It can do everything that one
# hyperplane can do, and nothing else; two layers of it can already do more.
#
# **Conventions.** True is $+1$ and false is $-1$, for labels, inputs and outputs alike. Where a
# function takes several examples, the first axis counts them. Nothing is modified in place, and
# dtypes follow the inputs. No gradient appears anywhere: the derivative of a threshold is 0
# wherever it exists, which is why later units are smooth.

# %%
import torch

# %% [markdown]
# ## The threshold unit
#
# A unit weighs its inputs, adds a bias and fires when the sum reaches 0 (McCulloch and Pitts,
# 1943):
#
# $$z = w \cdot x + b, \qquad
#   h(z) = \begin{cases} +1 & z \ge 0 \\ -1 & z < 0. \end{cases}$$
#
# Books differ at $z = 0$; here the unit fires, and every function below keeps to that. The points
# with $z = 0$ are a hyperplane: a line for two inputs. Its normal is $w$, and the bias moves it
# away from the origin. $M$ units side by side share their input: their weights are the columns of
# $W \in \mathbb{R}^{D \times M}$.


# %%
def threshold_unit(x, w, b):
    """+1 where x @ w + b ≥ 0, else −1 (McCulloch and Pitts, 1943).

    x: (N, D), or one example (D,). One unit: w (D,), b (); M units: w (D, M), b (M,).
    Returns (N,) or (N, M), without N for one example: values −1 and +1 in the dtype of x.
    """
    # BEGIN SOLUTION
    z = x @ w + b
    return (z >= 0).to(x.dtype) * 2 - 1
    # END SOLUTION


# %% [markdown]
# ## The learning rule
#
# Rosenblatt (1958): look at one example at a time. Where the unit is right, leave it alone. Where
# it is wrong, add the example to the weights if its label is $+1$, subtract it if it is $-1$. The
# bias is the weight of an input that is always 1:
#
# $$h(w \cdot x + b) \ne y \quad\Longrightarrow\quad w \leftarrow w + y\,x, \qquad
#   b \leftarrow b + y .$$
#
# Why this helps: after the step, $y z$ is larger by $|x|^2 + 1$ (insert it and see, with
# $y^2 = 1$). That the example is right afterwards is not promised, and others may be wrong now. A
# learning rate would change nothing: from a start at zero it multiplies $w$ and $b$ alike, and
# $h(z)$ does not care.


# %%
def perceptron_step(w, b, x, y):
    """The perceptron learning rule for one example (Rosenblatt, 1958), without learning rate.

    w, x: (D,), b: (), y: −1 or +1, a number or a tensor of shape (). An example is a mistake when
    threshold_unit gives it another label than y. Returns (w, b, mistake): new tensors, or the
    same ones where the unit is right, and a bool.
    Raises ValueError for any other y: with labels 0 and 1 the rule would learn from one class only.
    """
    # BEGIN SOLUTION
    if y not in (-1, 1):
        raise ValueError(f"a label must be -1 or +1, got {y}")
    if threshold_unit(x, w, b) == y:
        return w, b, False
    return w + y * x, b + y, True
    # END SOLUTION


def perceptron_epoch(w, b, x, y):
    """One pass over all examples in the order of the rows, each seen with the newest w and b.

    w: (D,), b: (), x: (N, D), y: (N,) labels −1 and +1. Returns (w, b, mistakes), where mistakes
    counts the examples that were wrong when it was their turn.
    """
    # BEGIN SOLUTION
    mistakes = 0
    for x_n, y_n in zip(x, y, strict=True):
        w, b, mistake = perceptron_step(w, b, x_n, y_n)
        mistakes += mistake
    return w, b, mistakes
    # END SOLUTION


# %% [markdown]
# ## When does it end?
#
# Two classes are **linearly separable** when one hyperplane *does* separate them: some $w$ and $b$
# give $y_n (w \cdot x_n + b) > 0$ for every example. (You will find it printed the other way
# round, as if separable meant that no line can do it.) For such classes the rule ends, in whatever
# order the examples come (Novikoff, 1962). Write the bias as one more weight, so that
# $R^2 = \max_n |x_n|^2 + 1$, and let $w^*$ with $|w^*| = 1$ separate with margin
# $\gamma = \min_n y_n\, w^* \cdot x_n > 0$. Start at zero and make $k$ mistakes:
#
# 1. Each adds at least $\gamma$ to $w \cdot w^*$, so $w \cdot w^* \ge k \gamma$.
# 2. Each adds at most $R^2$ to $|w|^2$, for $|w + yx|^2 = |w|^2 + 2 y\, w \cdot x + |x|^2$ and the
#    middle term is not positive on a mistake. So $|w|^2 \le k R^2$.
# 3. $w \cdot w^* \le |w|$, hence $k \gamma \le \sqrt{k}\, R$:
#
# $$k \le R^2 / \gamma^2 .$$
#
# Where no hyperplane separates the classes there is always another mistake, so training needs a
# limit as well.


# %%
def perceptron_train(x, y, max_epochs):
    """Epochs from w = 0, b = 0 until one makes no mistake, or until max_epochs have been made.

    x: (N, D), y: (N,) labels −1 and +1, max_epochs ≥ 1. Returns (w, b, mistakes), w: (D,), b: (),
    tensors in the dtype of x, mistakes: list with the count of each epoch made; 0 can only be its
    last entry.
    """
    # BEGIN SOLUTION
    w, b, mistakes = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(max_epochs):
        w, b, wrong = perceptron_epoch(w, b, x, y)
        mistakes.append(wrong)
        if wrong == 0:
            break
    return w, b, mistakes
    # END SOLUTION


# %% [markdown]
# Draw what a unit, or later a network, has learned, for instance on random points in the plane:
#
#     x = torch.randn(60, 2)
#     y = threshold_unit(x, torch.tensor([1.0, 2.0]), torch.tensor(0.5))
#     w, b, mistakes = perceptron_train(x, y, 100)
#     plot_boundary(lambda points: threshold_unit(points, w, b), x, y)


# %%
def plot_boundary(predict, x, y):
    """Colour the plane by predict, a function from (N, 2) points to (N,) values −1 and +1.

    x: (N, 2) examples and y: (N,) their labels, drawn on top. Returns matplotlib's axes.
    """
    import matplotlib.pyplot as plt

    low, high = x.min(0).values - 0.5, x.max(0).values + 0.5
    across = torch.linspace(low[0], high[0], 300, dtype=x.dtype)
    up = torch.linspace(low[1], high[1], 300, dtype=x.dtype)
    side = predict(torch.cartesian_prod(across, up)).reshape(300, 300).T
    axes = plt.figure().gca()
    axes.contourf(across, up, side, levels=[-2, 0, 2], colors=["#f6d5c8", "#cfe0f3"])
    for label, mark, colour in ((-1, "v", "#b5431f"), (1, "o", "#1f5fa8")):
        axes.scatter(*x[y == label].T, marker=mark, color=colour, label=f"y = {label:+d}")
    axes.set_aspect("equal")
    axes.set_xlabel("first input")
    axes.set_ylabel("second input")
    axes.legend()
    return axes


# %% [markdown]
# ## Boolean functions
#
# $n$ inputs that are true or false make $2^n$ rows of a truth table. A Boolean function fills in
# one output for each row, each $\pm 1$ freely: there are $2^{2^n}$ functions. For $n = 2$ that is
# 16, for $n = 3$ 256, for $n = 6$ more than $10^{19}$.
#
# Which of the 16 are separable? The two constants are, and so are the four that copy or negate one
# input. In eight functions one row differs from the other three: a line cuts off that corner. Two
# are left, XOR and its negation. If a unit computed XOR, its four rows would say
#
# $$b + w_1 - w_2 \ge 0, \qquad b - w_1 + w_2 \ge 0, \qquad
#   b + w_1 + w_2 < 0, \qquad b - w_1 - w_2 < 0 .$$
#
# The first two add up to $b \ge 0$, the last two to $b < 0$. So 14 of 16 are separable.
#
# The perceptron can *decide* this. Inputs are $\pm 1$, so $R^2 = 3$. A corner is cut off by weights
# and bias of size 1, with all $|z| \ge 1$: scaled to length 1 the margin is $1 / \sqrt 3$, so there
# are at most 9 mistakes. Every epoch but the last makes one, so ten epochs are enough: what has not
# been learned by then cannot be. (For $n = 3$, weights of size 0, 1 and 2 are enough: find that 29
# epochs are.)


# %%
def boolean_inputs(n):
    """All rows of a truth table of n ≥ 1 inputs: each of the 2ⁿ rows of −1 and +1 once.

    Returns (2ⁿ, n), float32; the order of the rows is free.
    """
    # BEGIN SOLUTION
    bits = (torch.arange(2**n)[:, None] >> torch.arange(n)) % 2
    return bits.float() * 2 - 1
    # END SOLUTION


def boolean_functions(n):
    """All Boolean functions of n ≥ 1 inputs: each of the 2^(2ⁿ) once, in any order.

    Returns (2^(2ⁿ), 2ⁿ), float32: row k holds the outputs −1 and +1 of function k for the rows of
    boolean_inputs(n).
    """
    # BEGIN SOLUTION
    return boolean_inputs(2**n)
    # END SOLUTION


def is_separable(x, y, max_epochs):
    """Does perceptron_train find a hyperplane that separates the classes, within max_epochs?

    x: (N, D), y: (N,) labels −1 and +1, max_epochs ≥ 1. Returns a bool. True is a proof; False is
    one only if max_epochs is above R² / γ² for every separable labelling (Novikoff, 1962).
    """
    # BEGIN SOLUTION
    _, _, mistakes = perceptron_train(x, y, max_epochs)
    return mistakes[-1] == 0
    # END SOLUTION


def count_separable(n, max_epochs):
    """How many of the Boolean functions of n inputs are linearly separable."""
    x = boolean_inputs(n)
    return sum(is_separable(x, y, max_epochs) for y in boolean_functions(n))


# %% [markdown]
# Try `count_separable(2, 10)` and `count_separable(3, 29)`. The share of separable functions falls
# quickly with $n$: 14 of 16, 104 of 256, 1882 of 65536.
#
# ## Two layers
#
# Feed units with the outputs of units:
#
# $$h = \operatorname{sgn}(W^\top x + b), \qquad \text{out} = \operatorname{sgn}(v \cdot h + c),$$
#
# where $\operatorname{sgn}$ is the threshold from above, +1 at zero. Without the inner threshold it
# would collapse to one unit: a linear map of a linear map is linear. With it, the hidden units cut
# the plane into pieces, and the last one chooses among them. XOR is true where *at least one*
# input is true and *not both* are: each of the two is separable. Say false is written as the
# number $f$ and true as $t$: find the sums $x_1 + x_2$ of the four rows, put the two cuts halfway
# between them, and mind the case $t < f$. The cuts of two units are parallel lines: draw them.


# %%
def two_layer(x, w, b, v, c):
    """One threshold unit that reads H threshold units.

    x: (N, D), hidden units: w (D, H), b (H,); output unit: v (H,), c (). Returns (N,), −1 or +1.
    """
    # BEGIN SOLUTION
    hidden = threshold_unit(x, w, b)
    return threshold_unit(hidden, v, c)
    # END SOLUTION


def xor_network(false, true):
    """Weights with which two_layer computes XOR of inputs that are written as two given numbers.

    false, true: different numbers, true may be the smaller one. Returns (w, b, v, c) with two
    hidden units: w (2, 2), b (2,), v (2,), c (), float32. The network answers +1 when exactly one
    of its inputs is true, else −1, also when each input is off by a tenth of |true − false|.
    """
    # BEGIN SOLUTION
    scale = 1 / (true - false)
    w = torch.full((2, 2), scale)
    sums = torch.tensor([(3 * false + true) / 2, (false + 3 * true) / 2])
    v, c = torch.tensor([1.0, -1.0]), torch.tensor(-1.0)
    return w, -scale * sums, v, c
    # END SOLUTION


# %% [markdown]
# See its two cuts:
#
#     x, network = boolean_inputs(2), xor_network(-1.0, 1.0)
#     plot_boundary(lambda points: two_layer(points, *network), x, -x[:, 0] * x[:, 1])
#
# ## Handwritten digits
#
# A Boolean function is known in every row. Of handwriting we have examples, and care for those not
# seen. An image of $8 \times 8$ pixels is a point in 64 dimensions, where a hyperplane often
# separates two classes of digits. Which pairs take longest? And what do the weights look like, as
# an image?
#
#     x, y = two_digits(4, 9)
#     w, b, mistakes = perceptron_train(x[:250], y[:250], 100)
#     print(mistakes, (threshold_unit(x[250:], w, b) == y[250:]).float().mean())


# %%
def two_digits(negative, positive):
    """scikit-learn's 8×8 images of two digits. Returns x (N, 64) in [0, 1], y (N,) −1 and +1."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    kept = (y == negative) | (y == positive)
    return x[kept], (y[kept] == positive).float() * 2 - 1
