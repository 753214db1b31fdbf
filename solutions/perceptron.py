# %% [markdown]
# # Perceptron
#
# A neuron that answers yes or no, and a rule by which it learns from its mistakes. It can do
# everything that one hyperplane can do, and nothing else; two layers of it can already do more.
#
# **Afterwards you can** run the perceptron rule on paper, prove that it ends where a hyperplane
# separates the classes, and build by hand a network of two layers for what no single unit can do.
#
# Before: nothing but vectors and their products. After: *Logistic regression* puts a probability in
# the place of the threshold, so that there is a gradient to follow.
#
# **Conventions.** True is $+1$ and false is $-1$, for labels, inputs and outputs alike. Where a
# function takes several examples, the first axis counts them. Nothing is modified in place, and
# dtypes follow the inputs. No gradient appears anywhere: the derivative of a threshold is 0
# wherever it exists, which is why later units are smooth.

# %% [markdown]
# ## By hand
#
# Four examples with two inputs each; the first, second and fourth have the label $+1$, the third
# has $-1$. The unit computes $z = w \cdot x + b$ and answers $+1$ where $z \ge 0$, else $-1$. It
# begins with $w = (0, 0)$ and $b = 0$. Where it is right, nothing happens; where it is wrong,
# $y\,x$ is added to $w$ and $y$ to $b$.
#
# | epoch | $x$ | $y$ | $z$ | answer | $w$ and $b$ afterwards |
# |---|---|---|---|---|---|
# | 1 | $(-1, -1)$ | $+1$ | $0$ | $+1$, right | $(0, 0)$, $0$ |
# | | $(1, -3)$ | $+1$ | $0$ | $+1$, right | $(0, 0)$, $0$ |
# | | $(-2, 2)$ | $-1$ | $0$ | $+1$, wrong | $(2, -2)$, $-1$ |
# | | $(2, 3)$ | $+1$ | $4 - 6 - 1 = -3$ | $-1$, wrong | $(4, 1)$, $0$ |
# | 2 | $(-1, -1)$ | $+1$ | $-4 - 1 + 0 = -5$ | $-1$, wrong | $(3, 0)$, $1$ |
# | | $(1, -3)$ | $+1$ | $3 + 0 + 1 = 4$ | $+1$, right | $(3, 0)$, $1$ |
# | | $(-2, 2)$ | $-1$ | $-6 + 0 + 1 = -5$ | $-1$, right | $(3, 0)$, $1$ |
# | | $(2, 3)$ | $+1$ | $6 + 0 + 1 = 7$ | $+1$, right | $(3, 0)$, $1$ |
# | 3 | $(-1, -1)$ | $+1$ | $-3 + 0 + 1 = -2$ | $-1$, wrong | $(2, -1)$, $2$ |
# | | | | $7$, $-4$, $3$ | the others are right | $(2, -1)$, $2$ |
# | 4 | $(-1, -1)$ | $+1$ | $-2 + 1 + 2 = 1$ | $+1$, right | $(2, -1)$, $2$ |
# | | $(1, -3)$ | $+1$ | $2 + 3 + 2 = 7$ | $+1$, right | $(2, -1)$, $2$ |
# | | $(-2, 2)$ | $-1$ | $-4 - 2 + 2 = -4$ | $-1$, right | $(2, -1)$, $2$ |
# | | $(2, 3)$ | $+1$ | $4 - 3 + 2 = 3$ | $+1$, right | $(2, -1)$, $2$ |
#
# Three things to see. At $z = 0$ the unit has an answer, so of the first three examples only the
# third is a mistake. What mends the fourth example breaks the first, which had been right. And the
# first needs two mistakes: each lifts its $z$ by $|x|^2 + 1 = 3$, from $-5$ to $-2$ to $1$. There
# are 2, 1, 1 and 0 mistakes in the four epochs, and only the epoch without a mistake says that the
# rule has ended. The four rows of the last epoch are the first numbers that `gradus check` asks of
# you.

# %%
import torch

# %% [markdown]
# ## The threshold unit
#
# A unit weighs its inputs, adds a bias and fires when the sum reaches 0:
#
# $$z = w \cdot x + b, \qquad
#   h(z) = \begin{cases} +1 & z \ge 0 \\ -1 & z < 0. \end{cases}$$
#
# Books differ at $z = 0$; here the unit fires, and every function below keeps to that. The points
# with $z = 0$ are a hyperplane: a line for two inputs. Its normal is $w$, and the bias moves it
# away from the origin. $M$ units side by side share their input: their weights are the columns of
# $W \in \mathbb{R}^{D \times M}$.
#
# The threshold is older than the weights. The neuron of McCulloch and Pitts (1943) has none: its
# inputs are 0 or 1, excitatory or inhibitory. It fires when the number of excitatory inputs that
# are 1 reaches a threshold $\theta \ge 1$, and a single inhibitory input that is 1 keeps it silent.
# The net does not change with time. The unit above can imitate it: with $n$ excitatory inputs,
# weights $1$ for those, $-n$ for the inhibitory ones, and $b = -\theta$. Weights that change with
# experience are what Rosenblatt's perceptron (1958) added.


# %%
def threshold_unit(x, w, b):
    """+1 where x @ w + b ≥ 0, else −1 (a threshold unit with weights; Rosenblatt, 1958).

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
# Rosenblatt (1958; with corrections only where the unit is wrong in his book of 1962): look at one
# example at a time. Where the unit is right, leave it alone. Where it is wrong, add the example to
# the weights if its label is $+1$, subtract it if it is $-1$. The bias is the weight of an input
# that is always 1:
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
# In the example by hand $R^2 = 2^2 + 3^2 + 1 = 14$. The weights that were found, $(2, -1)$ and bias
# $2$, have the length 3 and separate with $\gamma = \tfrac13$, the $z = 1$ of the first point
# divided by 3. So there can be no more than $14 \cdot 9 = 126$ mistakes; there were 4. It is a
# bound, not an estimate: what lies between is the subject of the experiment below.
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
# ## Why: how many mistakes?
#
# Halve the margin, and Novikoff's bound is four times as large. The experiment counts the mistakes
# until there are no more, on three kinds of data:
#
# - *cloud*: a hundred points drawn at random in a square and moved, by the same distance each, from
#   or to a line through its centre, so that the nearest has the distance $\gamma$. The numbers are
#   means over twenty clouds.
# - *four points*: $(\gamma, 1)$ and $(\gamma, -\tfrac12)$ with the label $+1$, their negatives with
#   $-1$. The first input alone decides: $w = (1, 0)$, $b = 0$.
# - *orthogonal*: $n$ examples of $n - 1$ inputs $\pm 1$, so chosen that any two of them have the
#   product 0 when the 1 of the bias is counted as an input. All labels are $-1$, so that no weights
#   are needed: $b = -1$ is right everywhere, with $\gamma = 1$.
#
# Write down before you run it: **when the margin is halved, by what factor do the mistakes grow on
# the cloud, and on the four points? Which of the three comes closest to its bound?** What it says
# is explained below the code.


# %%
def experiment(quick=False):
    """Mistakes until there are no more, and Novikoff's bound, on data of three kinds.

    Returns the rows of a table, the first its head.
    """
    generator = torch.Generator().manual_seed(0)
    margins, draws, sizes = (0.2, 0.1, 0.05, 0.025), 20, (4, 16, 64)
    if quick:
        margins, draws, sizes = (0.2,), 1, (4,)

    def counted(x, y, separator):
        """The margin of a separator, its bias last; the bound; the mistakes of perceptron_train."""
        inputs = torch.cat([x, torch.ones(len(x), 1)], 1)
        margin = (y * (inputs @ separator)).min() / separator.norm()
        bound = inputs.square().sum(1).max() / margin**2
        return torch.stack([margin, bound, torch.tensor(sum(perceptron_train(x, y, 1000)[2]))])

    def cloud(margin):
        x, normal = 2 * torch.rand(100, 2, generator=generator) - 1, torch.tensor([0.6, 0.8])
        z = x @ normal
        y, push = z.sign(), margin - z.abs().min()
        return counted(x + push * y[:, None] * normal, y, torch.tensor([0.6, 0.8, 0]))

    def four_points(margin):
        x = torch.tensor([[margin, 1], [margin, -0.5]])
        return counted(torch.cat([x, -x]), torch.tensor([1, 1, -1, -1]), torch.tensor([1.0, 0, 0]))

    def orthogonal(n):
        rows = torch.ones(1, 1)
        while len(rows) < n:
            rows = torch.cat([torch.cat([rows, rows], 1), torch.cat([-rows, rows], 1)])
        return counted(rows[:, :-1], -torch.ones(n), -torch.eye(n)[-1])

    clouds = [torch.stack([cloud(m) for _ in range(draws)]).mean(0) for m in margins]
    rows = [("data", "margin γ", "bound (R/γ)²", "mistakes")]
    rows += [("cloud", *counts.tolist()) for counts in clouds]
    rows += [("four points", *four_points(m).tolist()) for m in margins]
    rows += [(f"orthogonal, n = {n}", *orthogonal(n).tolist()) for n in sizes]
    return rows


# %% [markdown]
# Each time the margin is halved, the mistakes on the four points grow three- to fourfold, from 8 to
# 26, 104 and 404, as the bound does. On the cloud they go from 4.5 to 7.7, 9.5 and 21, which is 1.7,
# 1.2 and 2.2 times as many, and in the end two hundred times below the bound. The orthogonal
# examples have by far the widest margin, and reach the bound exactly: 4, 16 and 64 mistakes.
#
# The bound says what may happen to data of which nothing but $R$ and $\gamma$ is known. Look at the
# two inequalities of its proof.
#
# - *Orthogonal*: after $k$ mistakes $w$ and $b$ are minus the sum of the first $k$ examples, the
#   next one is orthogonal to each of them, so $z = 0$, and the unit says $+1$ again. Every mistake
#   adds exactly $\gamma$ to $w \cdot w^*$ and exactly $R^2$ to $|w|^2$: both inequalities are
#   equalities.
# - *Four points*: each mistake adds exactly $\gamma$ to $w_1$, and $1$ or $-\tfrac12$ to $w_2$,
#   which swings about 0 and should not be there. It is outvoted only when $\gamma w_1 = k \gamma^2$
#   has grown to a number that does not depend on $\gamma$: the counts above times $\gamma^2$ are
#   0.32, 0.26, 0.26 and 0.25.
# - *Cloud*: most points are much farther from the line than $\gamma$, so that a mistake adds more
#   than $\gamma$ to $w \cdot w^*$; and where $z$ is far on the wrong side, it adds less than $R^2$
#   to $|w|^2$. Both inequalities are loose.
#
# Neither the number of examples nor that of inputs stands in the bound.

# %% [markdown]
# ## Show: the line at each mistake, and what one line cannot do
#
# The first row is the example by hand, drawn by your functions: a picture for each of the four
# mistakes, with the line before and after it (before the first, all weights are 0 and there is none),
# and the example that was the mistake ringed.
#
# The second row begins with your network for XOR: its two lines, and the region between them.
# Beside it is the same network as its last unit sees it: a corner of the square for each pair of
# answers of the hidden units. Two of the four rows of the truth table have come to lie on the same
# corner, and one line is enough.
#
# A Boolean function is known in every row. Of handwriting there are only examples, and what counts
# are those not seen. An image of $8 \times 8$ pixels is a point in 64 dimensions, where a
# hyperplane often separates two classes of digits. The figure ends with one unit that tells a 4
# from a 9: its mistakes in each epoch, and its weights as an image. Which pixels speak for a 9, and
# why those? Change the two digits in the code: which pair takes longest?


# %%
def figure(digits, quick=False):
    """The line at each mistake of the example by hand; XOR; one unit for two digits.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 6.3), layout="constrained")
    panels = iter(drawn.subplots(2, 4).flat)

    def sign(label):
        return "label −1" if label < 0 else "label +1"

    def coloured(axes, side, answer):
        """The plane in two colours, by what answer says of its (N, 2) points."""
        across = torch.linspace(-side, side, 20 if quick else 300)
        plane = answer(torch.cartesian_prod(across, across)).reshape(len(across), -1).T
        axes.contourf(across, across, plane, levels=[-2, 0, 2], colors=["#f6d5c8", "#cfe0f3"])
        axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")

    def marked(axes, x, y):
        for label, mark, colour in ((-1, "v", "#b5431f"), (1, "o", "#1f5fa8")):
            axes.scatter(*x[y == label].T, marker=mark, color=colour, zorder=3, label=sign(label))

    def line(axes, w, b, **style):
        """The line w · x + b = 0, where there is one."""
        if w.norm() > 0:
            foot, along = -b * w / (w @ w), torch.stack([-w[1], w[0]])
            return axes.axline(foot.tolist(), (foot + along).tolist(), **style)

    def named(axes, places, x):
        """The rows of the truth table, each at its place; those that share one, side by side."""
        for place in places.unique(dim=0):
            rows = ["".join("FT"[int(v > 0)] for v in row) for row in x[(places == place).all(1)]]
            where = dict(xytext=(0, -15), textcoords="offset points", ha="center")
            axes.annotate(", ".join(rows), place.tolist(), **where)

    # The example by hand: three epochs, a picture for each mistake.
    x = torch.tensor([[-1.0, -1.0], [1.0, -3.0], [-2.0, 2.0], [2.0, 3.0]])
    y = torch.tensor([1.0, 1.0, -1.0, 1.0])
    w, b, moment = torch.zeros(2), torch.tensor(0.0), 0
    for at in 3 * [0, 1, 2, 3]:
        before = w, b
        w, b, mistake = perceptron_step(w, b, x[at], y[at])
        if mistake:
            moment, axes = moment + 1, next(panels)
            coloured(axes, 4, lambda points, w=w, b=b: threshold_unit(points, w, b))
            line(axes, *before, color="grey", linestyle="--", label="before")
            line(axes, w, b, color="black", label="after")
            marked(axes, x, y)
            axes.scatter(*x[at], s=160, facecolors="none", edgecolors="black", zorder=4)
            title = f"mistake {moment}: w = ({w[0]:.0f}, {w[1]:.0f}), b = {b:.0f}".replace("-", "−")
            axes.set(title=title, xlabel="first input", ylabel="second input")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)

    # XOR, as the plane has it and as the last unit sees it.
    x, (w, b, v, c) = boolean_inputs(2), xor_network(-1.0, 1.0)
    y, hidden = two_layer(x, w, b, v, c), threshold_unit(x, w, b)
    axes = next(panels)
    coloured(axes, 2.5, lambda points: two_layer(points, w, b, v, c))
    lines = [
        line(axes, w[:, unit], b[unit], color="black", linestyle=style, label=f"unit {unit + 1}")
        for unit, style in enumerate(("-", ":"))
    ]
    axes.legend(handles=lines, fontsize=8, loc="upper right")
    marked(axes, x, y)
    named(axes, x, x)
    axes.set(title="XOR: the region between two lines", xlabel="first input", ylabel="second input")

    axes = next(panels)
    coloured(axes, 2.5, lambda points: threshold_unit(points, v, torch.as_tensor(c)))
    line(axes, v, torch.as_tensor(c), color="black")
    marked(axes, hidden, y)
    named(axes, hidden, x)
    axes.set(
        title="XOR: what the last unit sees", xlabel="answer of unit 1", ylabel="answer of unit 2"
    )

    # One unit for two digits.
    negative, positive = 4, 9
    (x, y), (x_test, y_test) = (
        (x[kept][:1000], (labels[kept] == positive).float() * 2 - 1)
        for x, labels in (digits[:2], digits[2:])
        for kept in [(labels == negative) | (labels == positive)]
    )
    w, b, mistakes = perceptron_train(x, y, 2 if quick else 100)
    right = (threshold_unit(x_test, w, b) == y_test).double().mean()
    axes = next(panels)
    axes.plot(range(1, len(mistakes) + 1), mistakes, color="black", marker=".")
    axes.set(xlabel="epoch", ylabel=f"mistakes in {len(x)} examples", ylim=0, box_aspect=1)
    axes.set(title=f"{negative} or {positive}: {right:.1%} of {len(x_test)} unseen right")

    axes = next(panels)
    size, most = int(x.shape[1] ** 0.5), w.abs().max()
    shown = axes.imshow(w.reshape(size, -1), cmap="RdBu", vmin=-most, vmax=most)
    axes.set(title=f"weights: blue says {positive}, red {negative}", xticks=[], yticks=[])
    drawn.colorbar(shown, ax=axes, shrink=0.6)
    for axes in drawn.axes:
        axes.title.set_fontsize(10)
    return drawn


# %% [markdown]
# ## ★ Extension: an average
#
# The last weights are those after the last mistake, which may have mended one example and broken
# many. Add up $w$ and $b$ after every example, right or wrong, and decide with the sums (no
# points): this is nearly the averaged perceptron of Freund and Schapire. Tell a 4 from a 9, and an
# 8 from a 1, with both, after each of the first ten epochs, on digits that were not trained on.
# Which of the two curves is smoother? And what does the average do where no hyperplane separates
# the classes?
#
# ## Read on
#
# - W. McCulloch, W. Pitts: A logical calculus of the ideas immanent in nervous activity, *Bulletin
#   of Mathematical Biophysics* 5, 1943, doi:10.1007/BF02478259. Neurons as propositions, with
#   thresholds and without weights.
# - F. Rosenblatt: The perceptron: a probabilistic model for information storage and organization in
#   the brain, *Psychological Review* 65, 1958, doi:10.1037/h0042519. Connections that change. His
#   book of 1962 is *Principles of Neurodynamics*.
# - A. Novikoff: On convergence proofs on perceptrons, *Proceedings of the Symposium on the
#   Mathematical Theory of Automata*, 1962, pages 615–622. The three lines above.
# - M. Minsky, S. Papert: *Perceptrons*, 1969, expanded edition 1988, ISBN 978-0-262-63111-2. What
#   one unit cannot do, beyond XOR.
# - T. Cover: Geometrical and statistical properties of systems of linear inequalities with
#   applications in pattern recognition, *IEEE Transactions on Electronic Computers* EC-14, 1965,
#   doi:10.1109/PGEC.1965.264137. How many labellings of $N$ points a hyperplane can make.
# - Y. Freund, R. Schapire: Large margin classification using the perceptron algorithm, *Machine
#   Learning* 37, 1999, doi:10.1023/A:1007662407062. The extension, and why it works.

# %% [markdown] tags=["hints"]
# ## threshold_unit
# 1. The product of x with w drops D and keeps what is left: nothing, N, M, or N and M. The answer
#    has that shape, and the dtype of x.
# 2. $z = xw + b$ and $h(z) = 2\,[z \ge 0] - 1$, where $[\cdot]$ is 1 for true and 0 for false.
# 3. Compute z, compare it with 0, where equal counts as firing, and turn true and false into +1 and
#    −1 in the dtype of x. A function that gives the sign of a number says 0 at 0, so it is not
#    enough.
#
# ## perceptron_step
# 1. w and the step have the shape of x, b and y are single numbers: the step of w is x times a
#    number, and that of b a number.
# 2. $h(w \cdot x + b) \ne y \;\Rightarrow\; w \leftarrow w + y\,x,\ b \leftarrow b + y$.
# 3. First refuse a label that is neither −1 nor +1. Ask the unit for its answer, with your own
#    function, so that z = 0 is treated alike. Where the answer is y, hand back w and b as they came
#    and False; else new ones and True. Add to nothing in place.
#
# ## perceptron_epoch
# 1. A row of x has the shape that one step takes; w and b keep theirs from row to row.
# 2. For $n = 1, \dots, N$: $(w, b) \leftarrow \text{step}(w, b, x_n, y_n)$; the count is
#    $\sum_n [\text{mistake}_n]$.
# 3. Walk through rows and labels together. Each step begins with what the one before returned.
#    Count the mistakes as they are made: at the end it would be too late, for w has moved since.
#
# ## perceptron_train
# 1. w has as many entries as x has columns, b has none: a tensor of shape (). The list has an entry
#    for each epoch made, so between 1 and max_epochs of them.
# 2. $w = 0$, $b = 0$; then epochs until the newest count is $0$ or there have been as many as the
#    limit.
# 3. Make zeros in the dtype of x. Repeat at most max_epochs times: an epoch, its count onto the
#    list, and stop where the count is 0. That last 0 belongs on the list, too.
#
# ## boolean_inputs
# 1. $2^n$ rows and n columns, and no two rows alike.
# 2. Row $k$ is $k$ in binary: its column $j$ is $\lfloor k / 2^j \rfloor \bmod 2$, written as
#    $2 \cdot \text{bit} - 1$.
# 3. Count from 0 to $2^n - 1$, take each number apart into its n bits, and turn 0 and 1 into −1 and
#    +1. Or begin with one column and, for each further input, put the table under itself, once with
#    −1 and once with +1 in the new column.
#
# ## boolean_functions
# 1. A function is a row with an output for each of the $2^n$ rows of inputs; there are $2^{2^n}$ of
#    them.
# 2. The outputs are free: all of $\{-1, +1\}^{2^n}$.
# 3. Every row of −1 and +1 of a certain length, each once: a function that gives these is written
#    already. Which length has to be asked of it?
#
# ## is_separable
# 1. One answer for the whole data set, true or false, not one for each example.
# 2. Separable within the limit $\iff$ the count of the last epoch made is $0$.
# 3. Train, throw the weights away, and look at the last entry of the list of mistakes. How long the
#    list is does not matter: success may come in the very last epoch.
#
# ## two_layer
# 1. x is (N, D), the hidden answers are (N, H), and v has H entries: the same unit twice.
# 2. $\text{out} = \operatorname{sgn}(v \cdot \operatorname{sgn}(W^\top x + b) + c)$, with +1 at 0.
# 3. Ask the hidden units for their answers to x, thresholds included, and give those answers to the
#    last unit as its inputs.
#
# ## xor_network
# 1. Both columns of w look at the sum of the two inputs, so all four numbers of w can be equal. b
#    and v have an entry for each hidden unit.
# 2. The sums are $2f$, $f + t$ and $2t$; the cuts lie at $\tfrac12 (3f + t)$ and
#    $\tfrac12 (f + 3t)$. Out is true where $h_1 = +1$ and $h_2 = -1$: $h_1 - h_2$ is 2 there, and
#    else 0 or less.
# 3. Unit 1 fires where the sum is beyond the first cut, unit 2 where it is beyond the second;
#    beyond means towards t, so weights with the sign of t − f. Each bias is minus its cut times the
#    weight. The last unit takes unit 1 less unit 2, with a bias between −2 and 0.
