# %% [markdown]
# # Logistic regression
#
# One neuron that says how sure it is. The perceptron answered yes or no; this unit gives a
# probability, and a probability has a smooth loss that gradient descent can lower. You have torch
# tensors, without their sigmoid and without automatic differentiation.
#
# **Conventions.** A batch $X \in \mathbb{R}^{N \times D}$ holds $N$ examples, one a row. Labels
# are 0 and 1 (the perceptron's were $\pm 1$). Logits $z$, probabilities $a$ and labels $y$ all have
# shape `(N,)`: vectors, not columns. The parameters are a pair `(w, b)` of shapes `(D,)` and `()`.
# A forward function returns `(out, cache)`, where `cache` is whatever the backward function needs;
# who calls the backward passes on the cache that the forward returned. Nothing is modified in
# place, and dtypes follow the inputs.

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
# By hand: $z = 0$ gives $\tfrac12$, $z = \ln 3$ gives $\tfrac34$, and $\sigma(-z) = 1 - \sigma(z)$.
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
# for a tiny $t$.) By hand: $z = \ln 3$ costs $\ln \tfrac43$ for $y = 1$ and $\ln 4$ for $y = 0$.
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
    return dout * (sigmoid(z) - y) / len(z)
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
# right, and the step a hundred times too long. A widely read notebook does just this: its loss, a
# mean, goes from 0.69 to 1.57 in the first step. A sum is no crime if the loss is a sum as well;
# but then the learning rate that works depends on how many examples you happen to have.


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
# Differentiate once more: the Hessian with respect to $w$ is $\frac1N \sum_n s_n\, x_n x_n^{\top}$
# with $s_n = a_n (1 - a_n)$ between 0 and $\tfrac14$. It has no negative eigenvalue: the loss is
# convex, every minimum is a global one, and so the start does not matter; zeros will do. (In a
# network with hidden units they would not.) And its largest eigenvalue $\lambda$ has a bound that
# knows nothing of $w$; with $\eta < 2 / \lambda$ the loss falls at every step.


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

    x: (N, D), params: (w, b) of shapes (D,) and (). Returns (N,) integers; a tie counts as 1.
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
# "not a 9" is right nine times in ten: the baseline is an accuracy of 0.9, not of 0.5. The last
# check therefore counts the *balanced* accuracy, the mean of the shares of nines and of other
# digits that are recognised. There the baseline is 0.5, whatever the share of nines.


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
# Once your functions work, call `plot_lost_mean()` in a cell of its own. It trains on the digits
# with three learning rates, and once with the gradient summed instead of averaged, which is the
# same as a learning rate $N$ times as large. Which curves fall at every step? Where does each
# start, and why?


# %%
def plot_lost_mean(steps=40):
    """Plot the loss on 9-or-not-9 against the step, with and without the 1/N in the gradient."""
    import matplotlib.pyplot as plt
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16
    y = torch.tensor(digits.target == 9).long()
    for lr in (0.05, 0.5, 1.0):
        plt.semilogy(train(x, y, steps, lr)[1], label=f"mean, learning rate {lr:g}")
    plt.semilogy(train(x, y, steps, 0.5 * len(x))[1], ":", label="sum, learning rate 0.5")
    plt.xlabel("step")
    plt.ylabel("mean cross-entropy (nats)")
    plt.title("9 or not 9: what the lost 1/N does")
    plt.legend()
    plt.show()
