# %% [markdown]
# # Activation functions
#
# Layers of linear units without anything between them are one linear unit. What makes a network
# more than that is the function $f$ that each unit applies to its weighted sum $x$, and what
# makes it learn is the derivative $f'$: the chain rule multiplies by it at every layer. Here the
# activations that are in use are derived, and what they do to the gradient is measured.
#
# **Afterwards you can** derive the slope of any activation, write it so that nothing overflows, and
# tell which activation lets the first of ten layers learn, and why the others do not.
#
# Before: *Multi-layer perceptron* takes gradients through its layers, with a ReLU between them.
# After: *Initialization* sets the spread of the weights, by which the gradient is multiplied, too.
#
# **Conventions.** An activation works on each element, whatever the shape. `*_forward(x)` returns
# `(out, cache)`; `*_backward(dout, cache)` receives $\bar y = \partial L / \partial y$ and returns
#
# $$\bar x = \bar y \cdot f'(x).$$
#
# So a backward function called with ones returns $f'$ itself. The derivative may look at $x$ or at
# $y = f(x)$, whichever makes it short, but never at the values of $\bar y$. The cache holds
# whatever you want. All values and gradients are finite for $x$ between −1000 and 1000: a mask
# does not help against an overflow on the side that it hides, since $0 \cdot \infty$ is NaN
# (`torch.where` picks instead of multiplying). Nothing is modified in place, and dtypes follow the
# inputs.

# %% [markdown]
# ## By hand: two ReLUs make a ramp
#
# $\operatorname{ReLU}(x) = \max(x, 0)$ has slope 1 where $x > 0$ and slope 0 elsewhere; at 0, where
# there is no derivative, take 0. Subtract one that begins later:
#
# $$r(x) = \operatorname{ReLU}(x) - \operatorname{ReLU}(x - 2) .$$
#
# Five examples go through it, and the gradient $\bar y = (3, -4, 5, -6, 7)$ comes back.
#
# | | | | | | |
# |---|---|---|---|---|---|
# | $x$ | −2 | 0 | 1 | 2 | 5 |
# | $\operatorname{ReLU}(x)$ | 0 | 0 | 1 | 2 | 5 |
# | $\operatorname{ReLU}(x - 2)$ | 0 | 0 | 0 | 0 | 3 |
# | $r(x)$ | 0 | 0 | 1 | 2 | 2 |
# | slope of the first ReLU | 0 | 0 | 1 | 1 | 1 |
# | slope of the second | 0 | 0 | 0 | 0 | 1 |
# | $r'(x)$ | 0 | 0 | 1 | 1 | 0 |
# | $\bar y$ | 3 | −4 | 5 | −6 | 7 |
# | $\bar y$ times the slope of the first | 0 | 0 | 5 | −6 | 7 |
# | $\bar y \cdot r'(x)$ | 0 | 0 | 5 | −6 | 0 |
#
# Each of the two is flat on one side only. Together they climb from 0 to 2 and are flat on *both*
# sides, like a sigmoid with corners: the ramp is *saturated* for three of the five examples, and these
# teach it nothing, however large $\bar y$ is. It is the input that decides: the 3 on the far left is
# stopped, and the −6, although negative, passes. The row before the last is the first that
# `gradus check` asks of you, with the slope 0 for the left side.

# %%
import math

import torch

# %% [markdown]
# ## Two that saturate: sigmoid and tanh
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}}, \qquad
#   \tanh x = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}} = 2 \sigma(2x) - 1 .$$
#
# Differentiate $\sigma$ on paper, and look at the result until you see $\sigma$ and $1 - \sigma$ in
# it: the derivative needs no exponential, only the *output*. The same works for $\tanh$; from
# $\tanh = \sinh / \cosh$ and $\cosh^2 - \sinh^2 = 1$ it is two lines. Mind which one you have in
# hand: the formula in $y$ with $x$ put in for $y$ is no derivative at all. Where $\sigma = 0.8$ the
# slope is 0.16, and where $\tanh = 0.6$ it is 0.64.
#
# Both are flat at both ends: they *saturate*. The slope of $\sigma$ is at most $\tfrac14$: ten of them
# multiply a gradient by at most $4^{-10}$, a millionth, and only large weights could make up for it.
# The outputs of $\sigma$ are centred at 0.5 and all positive: for each example, all the weights of a
# unit in the next layer get gradients of one sign, and can only grow or shrink together. $\tanh$ is
# centred at 0 and has slope 1 there.


# %%
def sigmoid_forward(x):
    """Logistic sigmoid: out = 1 / (1 + exp(−x)), in [0, 1].

    x: any shape, floating point. Returns (out, cache), out: the shape of x.
    """
    raise NotImplementedError


def sigmoid_backward(dout, cache):
    """Gradient of the sigmoid. dout: any shape. Returns dx of that shape."""
    raise NotImplementedError


def tanh_forward(x):
    """Hyperbolic tangent, in [−1, 1]. x: any shape. Returns (out, cache), cache = (x, out)."""
    out = torch.tanh(x)
    return out, (x, out)


def tanh_backward(dout, cache):
    """Gradient of tanh. dout: any shape, cache: that of tanh_forward. Returns dx."""
    raise NotImplementedError


# %% [markdown]
# ## Kinks: ReLU and leaky ReLU
#
# $$f(x) = \begin{cases} x & x > 0 \\ s\,x & x \le 0 \end{cases}$$
#
# With $s = 0$ this is the ReLU (Nair and Hinton, 2010), with a small $s$ the leaky one (Maas et
# al., 2013). Where the unit is on, the gradient passes unchanged. Where it is off, a ReLU passes
# none: a unit that is off for *all* data gets no gradient for its own weights, it is *dead*. In the
# first layer that is for good, since its inputs never change; higher up a layer below may still wake
# it. The leak keeps it alive. There is no derivative at the kink; by convention the slope at 0 is
# $s$, that of the left side.
#
# Ramps like that of the example by hand, each with a place, a width and a height of its own, add up
# to any broken line, and so come as close as one likes to any continuous curve on an interval.


# %%
def leaky_relu_forward(x, slope=0.01):
    """x where x > 0, else slope · x; slope 0 is ReLU. x: any shape. cache = (x, slope)."""
    return torch.where(x > 0, x, slope * x), (x, slope)


def leaky_relu_backward(dout, cache):
    """Gradient of the leaky ReLU; at x = 0 it is that of the left side.

    dout: any shape, cache: that of leaky_relu_forward. Returns dx.
    """
    raise NotImplementedError


# %% [markdown]
# ## ELU and SELU
#
# The exponential linear unit (Clevert et al., 2016), with a scale in front:
#
# $$f(x) = \lambda \begin{cases} x & x > 0 \\ \alpha (e^{x} - 1) & x \le 0 \end{cases}$$
#
# ELU has $\lambda = 1$. It is not "a ReLU", as one can read: left of 0 it is not cut off but bends
# towards $-\alpha$, and keeps a slope. Differentiate the lower line: which of the constants stay?
# (`torch.expm1(x)` is $e^x - 1$, exact also for a tiny $x$.) In terms of the output the slope
# is short too, but mind where $\lambda$ goes. At 0 take the slope of the left side.
#
# **SELU** (Klambauer et al., 2017) asks for the $\alpha$ and $\lambda$ that keep a standard normal
# sum $z \sim N(0, 1)$ at mean 0 and variance 1, so that the numbers neither fade nor explode with
# depth. The published values are not magic; a page of paper gives them. With
# $\varphi(z) = e^{-z^2/2} / \sqrt{2\pi}$ and
# $\Phi(z) = \tfrac12 [1 + \operatorname{erf}(z / \sqrt{2})]$, complete the square to find
#
# $$\int_{-\infty}^{0} e^{tz} \varphi(z)\, dz = e^{t^2 / 2}\, \Phi(-t), \qquad
#   \int_{0}^{\infty} z\, \varphi(z)\, dz = \frac{1}{\sqrt{2\pi}}, \qquad
#   \int_{0}^{\infty} z^2 \varphi(z)\, dz = \frac12 .$$
#
# Now write $E[f(z)] = 0$: $\lambda$ drops out, and one equation for $\alpha$ remains. Then square,
# $(e^z - 1)^2 = e^{2z} - 2 e^{z} + 1$, and $E[f(z)^2] = 1$ gives $\lambda$. You should find
# $\alpha \approx 1.6733$ and $\lambda \approx 1.0507$; four decimals are too few to compute with.


# %%
def selu_constants():
    """α and λ for which SELU keeps mean 0 and variance 1 of a standard normal input.

    Returns (alpha, scale): two numbers, right to seven decimals. (Klambauer et al., 2017.)
    """

    raise NotImplementedError


def elu_forward(x, alpha=1.0, scale=1.0):
    """scale · x where x > 0, else scale · alpha · (exp(x) − 1).

    x: any shape; alpha, scale > 0. ELU has scale 1, SELU is elu_forward(x, *selu_constants()).
    Returns (out, cache), out: the shape of x. (Clevert et al., 2016.)
    """
    raise NotImplementedError


def elu_backward(dout, cache):
    """Gradient of elu_forward; at x = 0 it is that of the left side. Returns dx."""
    raise NotImplementedError


# %% [markdown]
# ## x times a gate: GELU and Swish
#
# A ReLU is $x \cdot [x > 0]$: a gate, open or shut. Make the gate $g$ smooth:
#
# $$f(x) = x\, g(x), \qquad
#   g(x) = \begin{cases}
#     \Phi(x) & \text{GELU} \\
#     \tfrac12 \bigl[1 + \tanh u\bigr], \;
#       u = \sqrt{2 / \pi}\,(x + 0.044715\, x^3) & \text{GELU, tanh form} \\
#     \sigma(x) & \text{Swish, also SiLU}
#   \end{cases}$$
#
# (Hendrycks and Gimpel, 2016; Ramachandran et al., 2017.)
#
# The three are relatives, not the same: Swish is $x\,\sigma(x)$ and no kind of GELU. The tanh form
# is an approximation from days when $\operatorname{erf}$ was slow; it is off by up to 0.0005,
# which is far more than rounding, so a network trained with one form must be run with it. On paper:
# $f(0) = 0$ and $f(x) - f(-x) = x$ for all three. Why?
#
# The product rule gives two terms. The gate alone is not the derivative; that the second term may
# be negative is why these functions dip below 0 and why the slope exceeds 1 at some places. Write
# down $g'$ for each gate; $\Phi' = \varphi$ by definition, and the tanh form needs the chain rule
# through $u$.


# %%
def gated_forward(x, gate):
    """x · g(x): "gelu" (exact, g = Φ), "gelu_tanh" (its tanh form) or "swish" (g = sigmoid).

    x: any shape. Returns (out, cache), out: the shape of x. Raises ValueError for another gate.
    (Hendrycks and Gimpel, 2016; Ramachandran et al., 2017.)
    """
    raise NotImplementedError


def gated_backward(dout, cache):
    """Gradient of x · g(x), for the same gate as in the forward. Returns dx."""
    raise NotImplementedError


# %% [markdown]
# ## Maxout
#
# Why choose $f$ at all? A maxout unit (Goodfellow et al., 2013) has $K$ linear pieces, each with
# weights of its own, and lets the largest through: $y_{nm} = \max_k x_{nmk}$. Such a maximum is
# convex in the inputs, and learnt: ReLU is the maximum of $x$ and 0, and the leaky ReLU, for
# $s < 1$, of which two?
#
# One piece decided the output. Nudge another one a little, and nothing happens: its derivative is
# 0. At a tie the *first* of the largest counts, so that the gradient is passed on once, whole.


# %%
def maxout_forward(x):
    """Largest of the K pieces of each unit. x: (N, M, K). Returns (out, cache), out: (N, M).

    cache = x. (Goodfellow et al., 2013.)
    """
    return x.amax(-1), x


def maxout_backward(dout, cache):
    """Gradient of maxout; the first of equal pieces gets it.

    dout: (N, M), cache: that of maxout_forward. Returns dx: (N, M, K).
    """
    raise NotImplementedError


# %% [markdown]
# ## From biology: BRU
#
# A neuron's firing rate grows with its input current neither like a sigmoid nor like a straight
# line, but like a root. The *bionodal root unit* (Bhumbra, 2018) models this, with a radix $r > 0$.
# It comes in two variants; here it is the exponential one (ERU):
#
# $$f(x) = \begin{cases} (r^2 x + 1)^{1/r} - \dfrac1r & x \ge 0 \\[4pt]
#   e^{r x} - \dfrac1r & x < 0 \end{cases}$$
#
# The $1/r$ is outside the root and outside the exponential. On paper, with $r = 2$: $f(0) = 0.5$,
# $f(2) = 2.5$, $f(6) = 4.5$, and far left it tends to $-0.5$. With $r = 1$ it is an activation that
# you have met. Differentiate both lines, with the chain rule: they meet at 0 with the same slope,
# which? A root of a negative number is NaN, also where a mask hides it.


# %%
def bru_forward(x, r=2.0):
    """Bionodal root unit, exponential variant: (r²x + 1)^(1/r) − 1/r, for x < 0 exp(rx) − 1/r.

    x: any shape; r > 0. Returns (out, cache), out: the shape of x. Raises ValueError unless r > 0.
    (Bhumbra, 2018.)
    """
    raise NotImplementedError


def bru_backward(dout, cache):
    """Gradient of bru_forward. dout: any shape. Returns dx of that shape."""
    raise NotImplementedError


# %% [markdown]
# ## Dead and saturated
#
# Let `slopes` hold $f'(x_{nm})$ for $N$ examples and $M$ units, one layer's worth. An entry is
# *saturated* if $|f'| \le \tau$: for that example, hardly any gradient passes. A unit is *dead* if
# it is saturated for **every** example: with $\tau = 0$ no gradient at all, from any of the data. A
# ReLU that is off for half of the examples is not dead: that it is on for some and off for others is
# its use. Count entries for the one and units for the other. A slope may be negative (GELU's is, in a
# stretch): steep downhill is not flat.


# %%
def dead_and_saturated(slopes, tol=0.0):
    """Share of units that are dead, and of all entries that are saturated.

    slopes: (N, M) values of f'(x) for N examples and M units, tol ≥ 0. An entry with |slope| ≤ tol
    is saturated, a unit all of whose N entries are is dead. Returns (dead, saturated): two numbers
    in [0, 1], or tensors of the dtype of slopes. Raises ValueError unless slopes has two axes.
    """
    raise NotImplementedError


# %% [markdown]
# ## A network of its own activation
#
# All elementwise activations by name, the start of a network, and the loss for ten classes are
# given (the loss is that of *Softmax and cross-entropy*). The network has one hidden layer:
#
# $$Z = X W_1 + b_1, \qquad H = f(Z), \qquad \text{logits} = H W_2 + b_2 .$$
#
# With $\bar{\ell} = \partial L / \partial\, \text{logits}$ the weights of the output get
# $H^{\top} \bar{\ell}$, just as in logistic regression, and the bias the sum of $\bar{\ell}$ over
# the examples. What comes down to the hidden layer is $\bar H = \bar{\ell}\, W_2^{\top}$; your
# backward function makes $\bar Z$ of it, and $W_1$, $b_1$ get theirs from $\bar Z$ in the same way.
# Compute all gradients before you change any weight. The $1/N$ of the mean is in $\bar{\ell}$.
#
# The last check trains 24 units for 100 steps with the learning rate 0.7 on the digits and asks for
# an accuracy of 0.9 on digits that they have not seen. Of 20 runs, each with a split of its own, the
# worst reached 0.935 with ReLU, 0.937 with Swish or SELU, and 0.938 with GELU, tanh or BRU. With the
# sigmoid 15 of the 20 fell short of 0.9. Two reasons stand above.


# %%
def activation(name):
    """The pair (forward, backward) of the elementwise activation `name`, forward(x)."""
    return {
        "sigmoid": (sigmoid_forward, sigmoid_backward),
        "tanh": (tanh_forward, tanh_backward),
        "relu": (lambda x: leaky_relu_forward(x, 0.0), leaky_relu_backward),
        "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
        "elu": (elu_forward, elu_backward),
        "selu": (lambda x: elu_forward(x, *selu_constants()), elu_backward),
        "gelu": (lambda x: gated_forward(x, "gelu"), gated_backward),
        "gelu_tanh": (lambda x: gated_forward(x, "gelu_tanh"), gated_backward),
        "swish": (lambda x: gated_forward(x, "swish"), gated_backward),
        "bru": (bru_forward, bru_backward),
    }[name]


def start(sizes, seed, dtype=torch.float32):
    """Weights from N(0, 1 / inputs) and zero biases: (w1, b1, w2, b2). sizes: [D, M, C]."""
    generator, params = torch.Generator().manual_seed(seed), []
    for d, m in zip(sizes[:-1], sizes[1:], strict=True):
        params.append(torch.randn(d, m, generator=generator, dtype=dtype) / d**0.5)
        params.append(torch.zeros(m, dtype=dtype))
    return tuple(params)


def cross_entropy(logits, y):
    """Mean cross-entropy and its gradient. logits: (N, C), y: (N,). Returns (loss, dlogits)."""
    shifted = logits - logits.amax(1, keepdim=True)
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    truth = (torch.arange(logits.shape[1]) == y[:, None]).to(logits.dtype)
    return -(log_p * truth).sum(1).mean(), (log_p.exp() - truth) / len(y)


def train(x, y, params, name, steps, lr):
    """Full-batch gradient descent on a network with one hidden layer of activation(name).

    x: (N, D), y: (N,) labels 0 … C − 1, params: (w1, b1, w2, b2) of shapes (D, M), (M,), (M, C),
    (C,); steps ≥ 1, lr > 0. Returns (params, losses): the new tensors, and a list of `steps`
    numbers or tensors of shape (), the loss before each step.
    """
    raise NotImplementedError


# %% [markdown]
# **Kill some units.** Take all 1,797 digits, 32 ReLUs from `start([64, 32, 10], 0)`, and a hundred
# steps. The learning rate 1 leaves none of them dead, and the loss is 0.10 at the end. With the
# learning rate 2 the loss jumps from 1.8 to 3.8 in the fourth step; two steps later 15 units are dead,
# in the end 29 of the 32, and the loss is 2.0, where guessing gives 2.3. (How many it is in the end
# hangs on rounding: another machine may count one more or less.) Try it: `slopes_of("relu", x @ w1 + b1)`
# goes into `dead_and_saturated`; it is given below. With `"leaky_relu"` none is dead, by definition. The
# loss is hardly better after the hundred steps, 1.6, but these units come back: 0.03 after a thousand.

# %% [markdown]
# ## Why: which activation lets the first layer learn?
#
# A network of ten hidden layers with 32 units each, on 400 digits, a hundred steps with the learning
# rate 0.1. The weights come from $N(0, g^2 / \text{inputs})$ with $g = 1$; for the ReLU also with
# $g = \sqrt2$, and for the sigmoid with $g = 4$, which takes back the factor $\tfrac14$ of its slope.
# The table has the norm of the gradient of the first and of the last layer's weights before the first
# step, by what share of its length the first layer has moved in the end, and what the network says
# about digits that it has not seen.
#
# Write down before you run it: **for which activations does the first layer hardly move, and is it
# because the gradient is lost on the way back?** One answer is the ReLU, which everybody uses; does it
# fail for the same reason as the sigmoid? What it says is explained below the code.


# %%
def slopes_of(name, x):
    """f'(x) of the activation `name`, from its backward function."""
    forward, backward = activation(name)
    return backward(torch.ones_like(x), forward(x)[1])


def deep_gradients(x, y, weights, name):
    """A network with activation(name) after every layer but the last, and no biases.

    Returns (logits, grads), grads: the gradients of the mean cross-entropy, like weights.
    """
    forward, backward = activation(name)
    inputs, caches = [x], []
    for w in weights[:-1]:
        h, cache = forward(inputs[-1] @ w)
        inputs.append(h)
        caches.append(cache)
    logits = inputs.pop() @ weights[-1]
    _, dz = cross_entropy(logits, y)
    grads = [h.T @ dz]
    for w, h, cache in zip(weights[:0:-1], inputs[::-1], caches[::-1], strict=True):
        dz = backward(dz @ w.T, cache)
        grads.append(h.T @ dz)
    return logits, grads[::-1]


def experiment(digits, quick=False):
    """Ten layers of each activation: gradients at the start, what moves, and what is learnt.

    digits: (x_train, y_train, x_test, y_test). Returns the rows of a table, the first its head.
    """
    x, y, x_test, y_test = digits
    n, steps, lr = (50, 2, 0.1) if quick else (400, 100, 0.1)
    shift, unit = x.mean(), x.std()
    x, y, x_test = (x[:n] - shift) / unit, y[:n], (x_test - shift) / unit
    sizes = [x.shape[1]] + 10 * [32] + [10]
    rows = [
        ("activation", "g", "gradient, first", "gradient, last", "first layer moved", "accuracy")
    ]
    plain = ["sigmoid", "tanh", "relu", "elu", "selu", "gelu", "swish", "bru"]
    for name, g in [(name, 1) for name in plain] + [("relu", 2**0.5), ("sigmoid", 4)]:
        generator = torch.Generator().manual_seed(0)
        weights = [
            torch.randn(d, m, generator=generator) * g / d**0.5
            for d, m in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        begin, (_, at_start) = weights, deep_gradients(x, y, weights, name)
        for _ in range(steps):
            _, grads = deep_gradients(x, y, weights, name)
            weights = [w - lr * dw for w, dw in zip(weights, grads, strict=True)]
        logits, _ = deep_gradients(x_test, y_test, weights, name)
        size, moved = begin[0].norm(), (weights[0] - begin[0]).norm()
        accuracy = (logits.argmax(1) == y_test).double().mean()
        numbers = at_start[0].norm(), at_start[-1].norm(), moved / size, accuracy
        rows.append((name, f"{g:.2f}", *(f"{float(v):.2g}" for v in numbers)))
    return rows


# %% [markdown]
# **The sigmoid** loses the gradient on the way back: $5 \cdot 10^{-7}$ in the first layer, two millionths
# of the last layer's 0.24. The last layer does learn, but from numbers that say nothing about the digit,
# and the network gives one answer to all of them: its accuracy, 0.087, is that class's share. Weights
# four times as large take back the $\tfrac14$ only where the sigmoid is steepest. The gradient becomes
# 0.01, 20,000 times larger, but now many units saturate: still 0.087.
#
# **The ReLU** with $g = 1$ fails, too, but its first gradient, 0.016, is *twice* its last. A layer's
# weights get its input times what comes back. The last layer's input has gone forward through ten
# ReLUs, and what comes back to the first has gone through ten; each halves the mean square, so both
# are made smaller by $2^{10/2} = 32$. No layer is worse off than another: all crawl. $g = \sqrt2$ makes
# up for the half exactly, and the accuracy is 0.84 (0.81 and 0.54 with the seeds 1 and 2 for the
# weights): the next topic derives that factor. The leaky ReLU hardly differs from the ReLU here.
#
# **GELU and Swish** are little more than $x / 2$ near 0, where their gate is at $\tfrac12$. A signal
# that is small already halves in each layer on the way forward, and the gradient on the way back. The
# two say what an untrained network says.
#
# **tanh, ELU, SELU and BRU** have a slope of 1 or more at 0, where the numbers are. The first layer
# moves by 19 to 29 percent of its length, and the accuracies are 0.86 to 0.93.

# %% [markdown]
# ## Show: every curve with its slope, and a gradient on its way down
#
# Above: the activations (blue) and their slopes (orange), drawn from your forward and your backward
# functions; maxout with the three pieces $-x - 2$, $x/4$ and $x - 1$. Which are flat on the left, and
# which on both sides? Which have a slope above 1, which a negative one, and where are the corners?
#
# Below: the digits go through ten layers of 64 units with weights from $N(0, 1/64)$, and random
# numbers of size 1 come back as a gradient. Read the left picture from right to left, as the gradient
# goes. Through sigmoids it shrinks from 0.24 to $4 \cdot 10^{-7}$, although hardly a slope is flat: in
# the right picture three in a thousand of the first layer are below 0.05, and none in the others. Ten
# factors of at most $\tfrac14$ are enough. Half of the ReLUs' slopes are 0, and three in ten ReLUs of
# the last layer are dead; still nearly 80,000 times as much arrives, since the other slopes are 1. With
# $g = \sqrt2$ (dashed) it stays near 1, and so it does through SELUs (up to 1.5), whose constants were
# made for the way forward.


# %%
def health(x, name, gain=1.0, layers=10, seed=0, tol=0.05):
    """What happens to x: (N, D) and to a gradient in `layers` layers of D units with weights from
    N(0, gain² / D). Returns three lists, by layer: dead and saturated shares, rms of the gradient.
    """
    generator, tape = torch.Generator().manual_seed(seed), []
    forward, backward = activation(name)
    for _ in range(layers):
        w = torch.randn(x.shape[1], x.shape[1], generator=generator) * gain / x.shape[1] ** 0.5
        z = x @ w
        x, cache = forward(z)
        tape.append((w, cache, dead_and_saturated(slopes_of(name, z), tol)))
    gradient, sizes = torch.randn(x.shape, generator=generator), []
    for w, cache, _ in reversed(tape):
        gradient = backward(gradient, cache) @ w.T
        sizes.append(float(gradient.square().mean().sqrt()))
    return [d for *_, (d, _) in tape], [s for *_, (_, s) in tape], sizes[::-1]


def figure(digits, quick=False):
    """All activations with their slopes; what ten layers of each do to a gradient.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 9), layout="constrained")
    grid = drawn.add_gridspec(3, 10, height_ratios=(1, 1, 2))

    x = torch.linspace(-4, 4, 41 if quick else 801, dtype=torch.float64)
    names = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "swish", "bru"]
    curves = [(name, activation(name)[0](x)[0], slopes_of(name, x)) for name in names]
    weight, bias = torch.tensor([[-1, 0.25, 1], [-2, 0, -1]], dtype=torch.float64)
    highest, cache = maxout_forward((x[:, None] * weight + bias)[:, None, :])
    passed = maxout_backward(torch.ones_like(highest), cache)
    curves.append(("maxout of three", highest[:, 0], (passed[:, 0] * weight).sum(1)))
    for at, (name, y, slope) in enumerate(curves):
        axes = drawn.add_subplot(grid[at // 5, at % 5 * 2 : at % 5 * 2 + 2])
        axes.axhline(0, color="0.75", linewidth=0.8)
        axes.axhline(1, color="0.75", linewidth=0.8, linestyle=":")
        axes.plot(x, y, label="f(x)")
        axes.plot(x, slope, "--", label="slope f′(x)")
        axes.set(title=name.replace("_", " "), ylim=(-2, 3), xticks=(-4, -2, 0, 2, 4))
        axes.set(xlabel="x" if at >= 5 else "")
        if at == 0:
            axes.legend(fontsize=8, loc="upper left", frameon=False)

    x = digits[0][: 50 if quick else 1500]
    x = (x - x.mean()) / x.std()
    left, right = drawn.add_subplot(grid[2, :5]), drawn.add_subplot(grid[2, 5:])
    layers = range(1, 11)
    shown = ["sigmoid", "tanh", "relu", "elu", "selu", "gelu", "swish", "bru"]
    for colour, (name, marker) in enumerate(zip(shown, "osD^vPX*", strict=True)):
        dead, saturated, gradient = health(x, name)
        style = dict(color=f"C{colour}", marker=marker, markersize=5, linewidth=1.3)
        left.semilogy(layers, gradient, label=name, **style)
        right.plot(layers, saturated, **style)
        if name == "relu":
            left.semilogy(layers, health(x, name, 2**0.5)[2], "--", label="relu, g = √2", **style)
            right.plot(layers, dead, ":", label="share of ReLUs that are dead", **style)
    left.set(title="the gradient that comes out below each layer", ylabel="root mean square")
    right.set(title="flat: slopes of at most 0.05 in size", ylabel="share of all slopes")
    for axes in (left, right):
        axes.set(xlabel="layer (the gradient comes from the right)", xticks=layers)
        axes.grid(alpha=0.3)
    right.set_ylim(-0.02, 0.8)
    left.legend(ncols=2, fontsize=9)
    right.legend(title="colours as on the left", loc="upper left")
    return drawn


# %% [markdown]
# ## ★ Extension
#
# In a later project, torch's automatic differentiation does all this, and a new activation tells it
# its slope like this (as text: in this course's submissions `torch.autograd` is not allowed):
#
# ```python
# class Ramp(torch.autograd.Function):
#     @staticmethod
#     def forward(ctx, x):
#         ctx.save_for_backward(x)
#         return x.clamp(0, 2)
#
#     @staticmethod
#     def backward(ctx, dout):
#         (x,) = ctx.saved_tensors
#         return dout * ((x > 0) & (x <= 2))
#
# x = torch.tensor([-2.0, 1.0, 5.0], dtype=torch.float64, requires_grad=True)
# Ramp.apply(x).sum().backward()  # x.grad is 0, 1, 0
# torch.autograd.gradcheck(Ramp.apply, x)  # compares with differences (f(x + h) − f(x − h)) / 2h
# ```
#
# It is the ramp of the example by hand: `forward` keeps what `backward` needs, as in your pairs of
# functions. Write the BRU in this form, outside your submission, and let `gradcheck` judge it. Then
# give the ramp an $x$ of exactly 0: `gradcheck` finds 0.5 there, and the class says 0. Who is right?
#
# ## Read on
#
# - Y. Bengio, P. Simard, P. Frasconi: Learning long-term dependencies with gradient descent is
#   difficult, *IEEE Transactions on Neural Networks* 5, 1994, doi:10.1109/72.279181: gradients that
#   vanish, as products of slopes and weights.
# - X. Glorot, A. Bordes, Y. Bengio: Deep sparse rectifier neural networks, AISTATS 2011: why a unit
#   that is off is a good thing to have.
# - D.-A. Clevert, T. Unterthiner, S. Hochreiter: Fast and accurate deep network learning by exponential
#   linear units (ELUs), 2016, arXiv:1511.07289.
# - G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter: Self-normalizing neural networks, 2017,
#   arXiv:1706.02515. The two constants, and a proof that their fixed point attracts.
# - D. Hendrycks, K. Gimpel: Gaussian error linear units (GELUs), 2016, arXiv:1606.08415: both forms.
# - P. Ramachandran, B. Zoph, Q. Le: Searching for activation functions, 2017, arXiv:1710.05941: Swish,
#   found by a search over formulas.
# - I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio: Maxout networks, 2013,
#   arXiv:1302.4389.
# - G. Bhumbra: Deep learning improved by biological activation functions, 2018, arXiv:1804.11237: the
#   BRU.
