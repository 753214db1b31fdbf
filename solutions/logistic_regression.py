# %% [markdown]
# # Logistic regression
#
# One neuron that says how sure it is. The perceptron answered yes or no; this unit gives a
# probability, and a probability has a smooth loss that gradient descent can lower. You have torch
# tensors, without their sigmoid and without automatic differentiation.
#
# **Afterwards you can** turn log-odds into probabilities and back, compute their cross-entropy and
# its gradient without overflow, and choose a measure and a threshold where one class is rare.
#
# Before: *Perceptron*, the same unit with a threshold in the place of the probability. After:
# *Softmax and cross-entropy* does for many classes what this topic does for two.
#
# **Conventions.** A batch $X \in \mathbb{R}^{N \times D}$ holds $N$ examples, one a row. Labels
# are 0 and 1 (the perceptron's were $\pm 1$). Logits $z$, probabilities $a$ and labels $y$ all have
# shape `(N,)`: vectors, not columns. The parameters are a pair `(w, b)` of shapes `(D,)` and `()`.
# A forward function returns `(out, cache)`, where `cache` is whatever the backward function needs;
# who calls the backward passes on the cache that the forward returned. Nothing is modified in
# place, and dtypes follow the inputs.

# %% [markdown]
# ## By hand
#
# Four examples with one feature, $x = -1, 0, 1, 2$; only the last has the label 1. The unit begins
# with $w = 0$ and $b = 0$, computes the log-odds $z = xw + b$ and from them the probability
# $a = 1 / (1 + e^{-z})$ that the label is 1. One step of gradient descent with the learning rate 4:
#
# | $x$ | $y$ | $z$ | $a$ | $a - y$ | $x\,(a - y)$ |
# |---|---|---|---|---|---|
# | $-1$ | $0$ | $0$ | $\tfrac12$ | $\tfrac12$ | $-\tfrac12$ |
# | $0$ | $0$ | $0$ | $\tfrac12$ | $\tfrac12$ | $0$ |
# | $1$ | $0$ | $0$ | $\tfrac12$ | $\tfrac12$ | $\tfrac12$ |
# | $2$ | $1$ | $0$ | $\tfrac12$ | $-\tfrac12$ | $-1$ |
# | mean | | | | $\partial L/\partial b = \tfrac14$ | $\partial L/\partial w = -\tfrac14$ |
# | $-4\, \cdot$ mean | | | | $b = -1$ | $w = 1$ |
#
# And the same examples after the step, with $e = 2.718281828\ldots$; the loss of an example is
# minus the logarithm of the probability that its own label was given:
#
# | $x$ | $y$ | $z = x - 1$ | odds | $a$ | loss |
# |---|---|---|---|---|---|
# | $-1$ | $0$ | $-2$ | $1 : e^2$ | $1/(1 + e^2) = 0.1192029220$ | $-\ln 0.8808 = 0.1269$ |
# | $0$ | $0$ | $-1$ | $1 : e$ | $1/(1 + e) = 0.2689414214$ | $-\ln 0.7311 = 0.3133$ |
# | $1$ | $0$ | $0$ | $1 : 1$ | $0.5$ | $-\ln 0.5 = 0.6931$ |
# | $2$ | $1$ | $1$ | $e : 1$ | $e/(1 + e) = 0.7310585786$ | $-\ln 0.7311 = 0.3133$ |
#
# Three zeros draw the bias down and a single one pulls the weight up: each by its error $a - y$,
# times its input. One unit more of $z$ makes the odds $e$ times as large; the mean loss has fallen
# from $\ln 2 = 0.6931$ to $0.3616$. If 1 is the answer where $a \ge \tfrac12$, three of four
# answers are right. So they would be if the answer were always 0, and then the only 1 would never
# be found. The logits and the probabilities of the second table are the first numbers that
# `gradus check` asks of you.

# %%
import torch

# %% [markdown]
# ## Log-odds
#
# Let $a$ be the probability that $y = 1$. The *odds* are $a / (1 - a)$: a probability of
# $\tfrac34$ means odds of $3 : 1$. The model (Cox, 1958) is linear in their logarithm:
#
# $$z = x \cdot w + b, \qquad \ln \frac{a}{1 - a} = z .$$
#
# So the *logit* $z$ has a meaning: it is the log-odds, not an "unnormalised probability" (those
# could not be negative, and dividing logits by their sum gives nothing of use). One unit more of
# feature $d$ multiplies the odds by $e^{w_d}$. Solve for $a$:
#
# $$a = \sigma(z) = \frac{1}{1 + e^{-z}} = \frac{e^{z}}{1 + e^{z}} .$$
#
# On paper: $z = 0$ gives $\tfrac12$, $z = \ln 3$ gives $\tfrac34$, and
# $\sigma(-z) = 1 - \sigma(z)$.
#
# Even in float64, $e^{1000}$ overflows to infinity. The two fractions are equal on paper, and in a
# computer they are not: put $z = 1000$ and $z = -1000$ into each. One of them ends in
# $\infty / \infty$, which is NaN. The other is saved by $1 / \infty = 0$, with an overflow on the
# way. Can you write $\sigma$ so that no exponent is ever positive?


# %%
def sigmoid(z):
    """Logistic sigmoid of each element: out = 1 / (1 + exp(−z)).

    z: any shape, floating point, of any size, ±1000 included. Returns the shape of z, in [0, 1],
    never NaN. (On its rounding: Mächler, 2012.)
    """
    # BEGIN SOLUTION
    e = (-z.abs()).exp()
    return torch.where(z >= 0, 1, e) / (1 + e)
    # END SOLUTION


# %% [markdown]
# ## Binary cross-entropy
#
# The model gives $y = 1$ the probability $a$ and $y = 0$ the probability $1 - a$; in one formula,
# $a^{y} (1 - a)^{1 - y}$. The loss is minus its logarithm, as a mean over the batch:
#
# $$L = -\frac1N \sum_n \bigl[\, y_n \ln a_n + (1 - y_n) \ln (1 - a_n) \,\bigr] .$$
#
# Mind the bracket: the sum and the minus reach over *both* terms. (Often it is printed without one,
# and what it then says is a number plus a vector.) A sure right answer costs nothing, not knowing
# costs $\ln 2 \approx 0.693$, and a sure wrong answer costs without bound.
#
# To go through $a$ is to meet a trap. In float64 $\sigma(40)$ is 1 exactly, so that
# $\ln(1 - a) = -\infty$; and $0 \cdot \infty$ is NaN. A small $\varepsilon$ inside the logarithm
# hides this behind a wrong number. Use the logarithm on paper instead: write
# $\ln \sigma(z)$ and $\ln(1 - \sigma(z))$ in terms of $z$, insert them, and what remains is
#
# $$\ell = \ln(1 + e^{z}) - y z .$$
#
# One exponential is left that can overflow. Read it as $\ln(e^{0} + e^{z})$ and pull the *larger*
# of the two out of the logarithm, whichever it is. (`torch.log1p(t)` is $\ln(1 + t)$, exact also
# for a tiny $t$.) On paper: $z = \ln 3$ costs $\ln \tfrac43$ for $y = 1$ and $\ln 4$ for $y = 0$.
#
# A column `(N, 1)` and a vector `(N,)` broadcast to a matrix `(N, N)`, whose mean is a number as
# good-looking as the right one. Labels $\pm 1$ too give a number that means nothing. Both are
# errors in what comes in, and must be reported.


# %%
def bce_with_logits_forward(z, y):
    """Mean binary cross-entropy of sigmoid(z), computed from the logits.

    out = −(1/N) sum over n of [y[n] ln a[n] + (1 − y[n]) ln(1 − a[n])], a = sigmoid(z).
    z: (N,) log-odds of any size, N ≥ 1, y: (N,) labels 0 and 1, integers too, or probabilities in
    [0, 1]. Returns (out, cache), out: scalar, finite, ≥ 0, in nats: z = −1000 with y = 1 costs
    1000. Raises ValueError when the shapes of z and y differ, or a target is outside [0, 1].
    """
    # BEGIN SOLUTION
    if z.shape != y.shape:
        raise ValueError(f"shapes differ: z {tuple(z.shape)}, y {tuple(y.shape)}")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"targets must lie in [0, 1], got {float(y.min())} … {float(y.max())}")
    softplus = z.clamp(min=0) + torch.log1p((-z.abs()).exp())
    losses = softplus - z * y
    return losses.mean(), (z, y)
    # END SOLUTION


# %% [markdown]
# ## The gradient of the loss
#
# Differentiate $\ell = \ln(1 + e^z) - yz$ on paper. The first term gives a function that you know,
# and the second one number. The result is the simplest that one could wish for: what the model
# says, less what is true. Nothing is divided by $a$ or by $1 - a$, so that nothing overflows, and
# a sure wrong answer has the gradient $\pm 1$, not 0. (Squared error on $a$ would keep a factor
# $\sigma'(z)$, and learn least where it is most wrong.)
#
# **Where is the 1/N?** The loss is a mean, $L = \frac1N \sum_n \ell_n$, and differentiating keeps
# the factor: $\partial L / \partial z_n = \frac1N\, \partial \ell_n / \partial z_n$.


# %%
def bce_with_logits_backward(dout, cache):
    """Gradient of the mean binary cross-entropy with respect to the logits.

    dout: scalar, the gradient with respect to the loss (1 if nothing follows it). Returns dz: (N,).
    Targets have no gradient here.
    """
    # BEGIN SOLUTION
    z, y = cache
    a = sigmoid(z)
    return dout * (a - y) / len(y)
    # END SOLUTION


# %% [markdown]
# ## The gradient of the parameters
#
# Every $z_n = \sum_d x_{nd} w_d + b$ depends on $w_d$ with the factor $x_{nd}$ and on $b$ with the
# factor 1. The chain rule sums over all paths, that is, over the examples. In the usual letters,
# and with shapes that leave only one way to multiply,
#
# $$\frac{\partial L}{\partial w} = \frac1N\, X^{\top} (a - y), \qquad
#   \frac{\partial L}{\partial b} = \frac1N \sum_n (a_n - y_n) .$$
#
# The $1/N$ stands there *once*, for both. If your $\partial L / \partial z$ holds it already, the
# sums over $n$ bring no second one.
#
# **What happens without it.** Take $N = 100$ examples, ten of them with $y = 1$, no features, only
# a bias, $b = 0$ and the learning rate 0.4. All $a_n$ are $\tfrac12$ and the loss is
# $\ln 2 = 0.69$. The gradient of the mean is $0.5 - 0.1 = 0.4$: the step leads to $b = -0.16$, and
# the loss falls to 0.63. The *sum* is a hundred times that, and the step leads to $b = -16$: now
# ninety examples cost nothing and ten cost 16 each. The loss is 1.6: it *rose*. The direction was
# right, and the step a hundred times too long. A sum is no crime if the loss is a sum as well; but
# then the learning rate that works depends on how many examples you happen to have. (The figure
# below shows what it does to the digits.)


# %%
def logits(x, params):
    """Log-odds of each row: x @ w + b. x: (N, D), params: (w, b) of (D,) and (). Returns (N,)."""
    w, b = params
    return x @ w + b


def logistic_gradients(x, y, params):
    """Gradients of the mean binary cross-entropy with respect to w and b.

    x: (N, D), y: (N,) labels 0 and 1 or probabilities, params: (w, b) of shapes (D,) and ().
    Returns (dw, db) of shapes (D,) and (): dw = Xᵀ(a − y)/N, db = mean of a − y.
    """
    # BEGIN SOLUTION
    a = sigmoid(logits(x, params))
    dz = (a - y) / len(y)
    return x.T @ dz, dz.sum()
    # END SOLUTION


# %% [markdown]
# ## Gradient descent
#
# $$w \leftarrow w - \eta\, \frac{\partial L}{\partial w}, \qquad
#   b \leftarrow b - \eta\, \frac{\partial L}{\partial b} .$$
#
# Differentiate once more. With the bias as the weight of an input that is always 1,
# $\tilde x = (x, 1)$, the Hessian is $\frac1N \sum_n s_n\, \tilde x_n \tilde x_n^{\top}$ with
# $s_n = a_n (1 - a_n)$ between 0 and $\tfrac14$. It has no negative eigenvalue: the loss is convex,
# every minimum is a global one, and so the start does not matter; zeros will do. (In a network with
# hidden units they would not. And where a hyperplane separates the classes there is no minimum at
# all: twice the weights that separate them cost less, so that $w$ grows for ever.)
#
# No eigenvalue of it is larger than $\lambda$, a quarter of the largest one of
# $\frac1N \sum_n \tilde x_n \tilde x_n^{\top}$, which knows nothing of $w$. With
# $\eta < 2 / \lambda$ the loss falls at every step. With a larger rate it may fall or not: the
# bound takes $s_n = \tfrac14$ everywhere, which is true only where all is undecided. For 9 or not 9
# (below) $2 / \lambda$ is 0.70.


# %%
def gd_update(params, grads, state, lr):
    """One step of gradient descent: p − lr · gradient.

    params, grads: (w, b) and (dw, db); lr > 0. Plain descent keeps no state: it is returned as it
    came. Returns (params, state) with new tensors; the arguments stay as they are.
    """
    # BEGIN SOLUTION
    w, b = params
    dw, db = grads
    return (w - lr * dw, b - lr * db), state
    # END SOLUTION


# %% [markdown]
# ## Deciding
#
# If both errors cost the same, answer 1 where $a \ge \tfrac12$. What does that say about the
# log-odds? Look at the formula that defines them: the threshold on $z$ is another number.


# %%
def predict(x, params):
    """The more probable label of each row: 1 where the probability is ≥ 0.5, else 0.

    x: (N, D), params: (w, b) of shapes (D,) and (). Returns (N,) integers or bool; a tie counts as 1.
    """
    # BEGIN SOLUTION
    return (logits(x, params) >= 0).long()
    # END SOLUTION


# %% [markdown]
# ## Training
#
# Start from zeros, and take steps with the gradient over *all* examples. Write the loss down before
# each step: a curve that falls is the cheapest test there is. Its first value you know without a
# computer.
#
# **9 or not 9.** Only a tenth of the handwritten digits are nines, so a unit that always answers
# "not a 9" is right nine times in ten: the baseline is an accuracy of 0.9, not of 0.5. A check on
# digits that you do not have therefore counts the *balanced* accuracy, the mean of the shares of
# nines and of other digits that are recognised. There the baseline is 0.5, whatever the share of
# nines.


# %%
def train(x, y, steps, lr):
    """Full-batch gradient descent on the mean binary cross-entropy, starting from zeros.

    x: (N, D), y: (N,) labels 0 and 1, steps ≥ 1, lr > 0. Returns (params, losses): params (w, b) of
    shapes (D,) and () in the dtype of x, losses a list of `steps` numbers or tensors of shape (),
    the loss before each step.
    """
    # BEGIN SOLUTION
    params, state, losses = (x.new_zeros(x.shape[1]), x.new_zeros(())), None, []
    for _ in range(steps):
        loss, _ = bce_with_logits_forward(logits(x, params), y)
        losses.append(loss)
        grads = logistic_gradients(x, y, params)
        params, state = gd_update(params, grads, state, lr)
    return params, losses
    # END SOLUTION


# %% [markdown]
# ## Why: what does accuracy say about the rare class?
#
# The unit learns to tell nines from the other digits, and is counted on 450 that it has not seen:
# 39 of them are nines. First with the threshold $\tfrac12$, after more and more steps. Then after
# 30 steps, with lower thresholds: 1 where $a \ge t$ is 1 where $z \ge \ln \frac{t}{1 - t}$, so it
# is your `predict` with another bias.
#
# Write down before you run it: **after ten steps the loss has fallen from 0.69 to a third of that,
# and the accuracy is 0.91. How many of the 39 nines are found? Can a unit with the same accuracy
# find nearly all of them?** What it says is explained below the code.


# %%
def experiment(digits, quick=False):
    """Nines found, accuracy and balanced accuracy, for several numbers of steps and thresholds.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    """
    x, y, x_test, y_test = digits
    nine, lr = y_test == 9, 64 / x.shape[1]

    def counted(steps, threshold):
        (w, b), _ = train(x, (y == 9).long(), steps, lr)
        loss, _ = bce_with_logits_forward(logits(x_test, (w, b)), nine.long())
        odds = torch.tensor(threshold / (1 - threshold))
        answers = predict(x_test, (w, b - odds.log())) == 1
        accuracy = (answers == nine).double().mean()
        balanced = (answers[nine].double().mean() + (~answers[~nine]).double().mean()) / 2
        found = f"{answers[nine].sum()} of {nine.sum()}"
        return steps, threshold, loss, found, accuracy, balanced

    rows = [("steps", "threshold", "loss", "nines found", "accuracy", "balanced accuracy")]
    rows += [counted(steps, 0.5) for steps in ((1, 10) if quick else (1, 10, 30, 100, 300, 1000))]
    rows += [counted(10 if quick else 30, threshold) for threshold in (0.3, 0.2, 0.1, 0.05)]
    return rows


# %% [markdown]
# After ten steps not a single nine is found: 0.9133 are the 411 other digits of 450, what a unit
# gets that never says 9. The balanced accuracy says so: 0.5. From there to 1,000 steps the accuracy
# rises by 7 points, to 0.98, and the balanced accuracy by 43, to 0.93. And accuracy cannot tell two
# units apart of which one finds no nine and the other 35 of 39: with the threshold 0.2 after 30
# steps it is 0.911, a digit *less* than for never saying 9. The 35 nines are paid for with 36 other
# digits.
#
# **Why no nine at first.** The quickest way to a lower loss is to learn how rare nines are. After
# five steps the mean probability is 0.11, and the share of nines in training 0.105. What they look
# like comes later: after ten steps nines have a probability of 0.28 on the mean and other digits
# 0.09, so the unit does tell them apart, and the loss sees it. But the largest of all is 0.42. The
# threshold $\tfrac12$ hides what has been learned.
#
# **Which threshold?** It depends on what is counted. Say $a$ is the true probability, and $\pi$ the
# share of nines. For accuracy, answer 1 where $a \ge \tfrac12$. The balanced accuracy divides what
# is found of each class by its share and by 2: answering 1 adds $a / 2 \pi$ on the mean, answering
# 0 adds $(1 - a) / 2 (1 - \pi)$. The first is larger where
#
# $$\frac{a}{\pi} \ge \frac{1 - a}{1 - \pi}, \qquad \text{that is, where } a \ge \pi .$$
#
# Here $\pi$ is about 0.1, but of the thresholds in the table 0.2 is better: 0.905 against 0.855.
# After 30 steps $a$ is not yet a true probability. Of the 64 unseen digits to which it gives
# between 0.1 and 0.2, two are nines, 3 in a hundred.

# %% [markdown]
# ## Show: log-odds, probabilities, and the nines that are missed
#
# Drawn by your functions. First row: the sigmoid, with the four examples by hand after their step;
# what a logit costs, for either label; the probabilities that the unit gives to the points of a
# plane, where two classes overlap; and the loss on 9 or not 9 for three learning rates, and once
# with the gradient summed instead of averaged, which is the same as a learning rate $N$ times as
# large. Which curves fall at every step? Where does each start, and why?
#
# Second row: of the nines among the unseen digits, those to which the unit gives the least
# probability of being one.


# %%
def figure(digits, quick=False):
    """The sigmoid and its cost, probabilities in a plane, loss curves, and the most mistaken nines.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 5.2), layout="constrained")
    above, below = drawn.subfigures(2, 1, height_ratios=(3, 1.4))
    curve, cost, plane, descent = above.subplots(1, 4)

    z = torch.linspace(-6, 6, 121)
    by_hand = torch.tensor([-2.0, -1.0, 0.0, 1.0])
    curve.plot(z, sigmoid(z), color="black")
    curve.scatter(by_hand, sigmoid(by_hand), color="#b5431f", zorder=3, label="by hand")
    curve.set(title="log-odds to probability", xlabel="log-odds z", ylabel="probability a")
    curve.legend(fontsize=8, loc="lower right")

    for label, style in ((1, "-"), (0, "--")):
        y = torch.tensor([label])
        losses = [bce_with_logits_forward(one, y)[0] for one in z.split(1)]
        cost.plot(z, losses, style, color="black", label=f"label {label}")
    cost.set(title="what a logit costs", xlabel="log-odds z", ylabel="loss (nats)")
    cost.legend(fontsize=8, loc="upper center")

    # Two clouds that overlap, and the probability that the unit gives to the points of the plane.
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 2
    x = torch.randn(120, 2, generator=generator) + torch.tensor([1.8, 1.0]) * (y[:, None] - 0.5)
    params, _ = train(x, y, 20 if quick else 500, 0.5)
    side = torch.linspace(-4.5, 4.5, 91)
    a = sigmoid(logits(torch.cartesian_prod(side, side), params)).reshape(91, 91).T
    plane.contourf(side, side, a, levels=torch.linspace(0, 1, 11), cmap="RdBu", alpha=0.4)
    plane.contour(side, side, a, levels=[0.1, 0.5, 0.9], colors="black", linewidths=1)
    for label, mark, colour in ((0, "v", "#b5431f"), (1, "o", "#1f5fa8")):
        plane.scatter(*x[y == label].T, marker=mark, color=colour, s=10, label=f"label {label}")
    plane.set(title="label 1: a = 0.1, 0.5, 0.9", xlabel="first feature", ylabel="second feature")
    plane.legend(fontsize=8, loc="lower left")

    x, y, x_test, y_test = digits
    unit, steps = 64 / x.shape[1], 3 if quick else 40
    for lr, style in ((0.05, "--"), (0.5, "-"), (2.0, "-.")):
        descent.semilogy(
            train(x, (y == 9).long(), steps, lr * unit)[1], style, label=f"mean, {lr * unit:.2g}"
        )
    summed = train(x, (y == 9).long(), steps, 0.5 * unit * len(x))[1]
    descent.semilogy(summed, ":", label=f"sum, {0.5 * unit:.2g}")
    descent.set(
        title="9 or not 9: the lost 1/N", xlabel="step", ylabel="mean loss (nats)", ylim=(0.08, 2e4)
    )
    descent.legend(fontsize=8, title="learning rate", title_fontsize=8)

    params, _ = train(x, (y == 9).long(), 3 if quick else 300, unit)
    nines = x_test[y_test == 9]
    a = sigmoid(logits(nines, params))
    missed = int((predict(nines, params) == 0).sum())
    below.suptitle(
        f"the nines with the least probability: {missed} of {len(nines)} are missed, a < 0.5",
        fontsize=10,
    )
    for axes, example in zip(below.subplots(1, 10), a.argsort()[:10].tolist(), strict=True):
        size = int(x.shape[1] ** 0.5)
        axes.imshow(nines[example].reshape(size, size), cmap="gray_r")
        axes.set(title=f"a = {a[example]:.2g}", xticks=[], yticks=[])
    for axes in drawn.axes:
        axes.title.set_fontsize(10)
    return drawn


# %% [markdown]
# ## ★ Extension: is 0.3 three in ten?
#
# Put the unseen digits into ten bins by their probability, and draw the share of nines in each bin
# against its mean probability (no points): a unit whose probabilities are true gives a diagonal. Do
# it after 30, 300 and 3,000 steps. With which of them is a probability too timid, with which too
# bold? How many digits are there in a bin, and how far can its share be trusted?
#
# ## Read on
#
# - D. Cox: The regression analysis of binary sequences, *Journal of the Royal Statistical Society
#   B* 20, 1958, doi:10.1111/j.2517-6161.1958.tb00292.x. The model.
# - M. Mächler: Accurately computing log(1 − exp(−|a|)), 2012, a vignette of the R package Rmpfr:
#   where each way to write such logarithms loses its digits.
# - K. Brodersen, C. Ong, K. Stephan, J. Buhmann: The balanced accuracy and its posterior
#   distribution, ICPR 2010, doi:10.1109/ICPR.2010.764. How sure 39 nines can make one of it.
# - C. Elkan: The foundations of cost-sensitive learning, IJCAI 2001: the threshold when errors
#   differ in cost.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On calibration of modern neural networks, 2017,
#   arXiv:1706.04599: the diagram of the extension, for large networks.

# %% [markdown] tags=["hints"]
# ## sigmoid
# 1. Every number of the result depends on one number of z only, so the shapes are the same.
# 2. $\sigma(z) = \dfrac{1}{1 + e^{-z}}$ for $z \ge 0$ and $\dfrac{e^{z}}{1 + e^{z}}$ for $z < 0$.
#    With $t = e^{-|z|}$ both have the denominator $1 + t$.
# 3. Take the exponential of minus the absolute value: it lies between 0 and 1 whatever z is. Divide
#    by one more than it: 1 where z is not negative, and it itself elsewhere. Choose element by
#    element, not with an if.
#
# ## bce_with_logits_forward
# 1. z and y have the same shape (N,), and the mean makes one number of N losses. Unequal shapes
#    have to be refused before anything is computed: later they would broadcast.
# 2. $\ell = \ln(1 + e^{z}) - yz$ with $\ln(1 + e^{z}) = \max(z, 0) + \ln(1 + e^{-|z|})$, and
#    $L = \frac1N \sum_n \ell_n$.
# 3. Check the shapes, then the range of y. Add the positive part of z and the logarithm of one plus
#    the exponential of minus its absolute value, take y times z away, and average. Keep z and y.
#
# ## bce_with_logits_backward
# 1. dz has the shape of z; dout is a single number that multiplies all of it.
# 2. $\partial L / \partial z_n = \bar L\, (\sigma(z_n) - y_n) / N$, where $\bar L$ is dout.
# 3. Probabilities less targets, with your own stable function; divide by the number of examples,
#    for the loss is a mean; multiply by dout.
#
# ## logistic_gradients
# 1. dw has D numbers: from x (N, D) and a − y (N,) there is one product with this shape. db is one
#    number.
# 2. $\partial L / \partial w = \frac1N X^\top (a - y)$,
#    $\partial L / \partial b = \frac1N \sum_n (a_n - y_n)$.
# 3. Log-odds, probabilities, errors; divide the errors by N once. Then the transposed x times them
#    for dw, and their sum for db.
#
# ## gd_update
# 1. Each gradient has the shape of its parameter, and so has the result: w and dw (D,), b and db
#    ().
# 2. $p \leftarrow p - \eta\, \partial L / \partial p$.
# 3. A new pair: each parameter less lr times its gradient. Nothing is changed in place, and the
#    state goes back as it came.
#
# ## predict
# 1. One whole number for each row of x: (N,), not a float.
# 2. $a \ge \tfrac12 \iff \dfrac{a}{1 - a} \ge 1 \iff z \ge \ln 1$.
# 3. Compute the log-odds, compare them with the number that the formula ends in, where equal counts
#    as 1, and turn true and false into integers. No sigmoid is needed.
#
# ## train
# 1. w has as many numbers as x has columns, and b none: a tensor of shape (). There are as many
#    losses as steps.
# 2. $w_0 = 0$, $b_0 = 0$; for $t = 0, \dots, \text{steps} - 1$: note $L(w_t, b_t)$, then
#    $(w_{t+1}, b_{t+1}) = (w_t, b_t) - \eta\, \nabla L(w_t, b_t)$.
# 3. Zeros in the dtype of x. Each step: the loss with the parameters as they are, onto the list;
#    their gradients over all examples; the update. The loss after the last step is not on the list.
