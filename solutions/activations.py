# %% [markdown]
# # Activation functions
#
# Layers of linear units without anything between them are one linear unit. What makes a network
# more than that is the function $f$ that each unit applies to its weighted sum $x$, and what
# makes it learn is the derivative $f'$: the chain rule multiplies by it at every layer. Here you
# derive the activations that are in use, and measure what they do to the gradient.
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
# hand: the formula in $y$ with $x$ put in for $y$ is no derivative at all. By hand: where
# $\sigma = 0.8$ the slope is 0.16, and where $\tanh = 0.6$ it is 0.64.
#
# Both are flat at both ends: they *saturate*. The slope of $\sigma$ is at most $\tfrac14$, so that
# ten layers shrink a gradient by a million or more. The outputs of $\sigma$ are centred at 0.5 and
# all positive: for each example, all the weights of a unit in the next layer get gradients of one
# sign, and can only grow or shrink together. $\tanh$ is centred at 0 and has slope 1 there.


# %%
def sigmoid_forward(x):
    """Logistic sigmoid: out = 1 / (1 + exp(−x)), in [0, 1].

    x: any shape, floating point. Returns (out, cache), out: the shape of x.
    """
    # BEGIN SOLUTION
    out = 1 / (1 + (-x).exp())  # exp may be infinite here: 1 / ∞ is 0
    return out, out
    # END SOLUTION


def sigmoid_backward(dout, cache):
    """Gradient of the sigmoid. dout: any shape. Returns dx of that shape."""
    # BEGIN SOLUTION
    y = cache
    return dout * y * (1 - y)
    # END SOLUTION


def tanh_forward(x):
    """Hyperbolic tangent, in [−1, 1]. x: any shape. Returns (out, cache), cache = (x, out)."""
    out = torch.tanh(x)
    return out, (x, out)


def tanh_backward(dout, cache):
    """Gradient of tanh. dout: any shape, cache: that of tanh_forward. Returns dx."""
    # BEGIN SOLUTION
    _, y = cache
    return dout * (1 - y * y)
    # END SOLUTION


# %% [markdown]
# ## Kinks: ReLU and leaky ReLU
#
# $$f(x) = \begin{cases} x & x > 0 \\ s\,x & x \le 0 \end{cases}$$
#
# With $s = 0$ this is the ReLU (Nair and Hinton, 2010), with a small $s$ the leaky one (Maas et
# al., 2013). Where the unit is on, the gradient passes unchanged through any number of layers.
# Where it is off, a ReLU passes none: a unit that is off for *all* data never changes again, it is
# *dead*. The leak keeps it alive. Nothing is differentiable at the kink; by convention the slope at
# 0 is $s$, that of the left side.
#
# Two ReLUs make a clipped ramp: draw $\operatorname{ReLU}(x) - \operatorname{ReLU}(x - 1)$. Sums of
# such ramps can follow any curve.


# %%
def leaky_relu_forward(x, slope=0.01):
    """x where x > 0, else slope · x; slope 0 is ReLU. x: any shape. cache = (x, slope)."""
    return torch.where(x > 0, x, slope * x), (x, slope)


def leaky_relu_backward(dout, cache):
    """Gradient of the leaky ReLU; at x = 0 it is that of the left side.

    dout: any shape, cache: that of leaky_relu_forward. Returns dx.
    """
    # BEGIN SOLUTION
    x, slope = cache
    return torch.where(x > 0, dout, slope * dout)
    # END SOLUTION


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

    # BEGIN SOLUTION
    def below(t):  # E[exp(tz); z < 0]
        return math.exp(t * t / 2) * (1 + math.erf(-t / math.sqrt(2))) / 2

    alpha = 1 / math.sqrt(2 * math.pi) / (below(0) - below(1))
    square = below(0) + alpha**2 * (below(2) - 2 * below(1) + below(0))  # E[f²] / λ²
    scale = square**-0.5
    return alpha, scale
    # END SOLUTION


def elu_forward(x, alpha=1.0, scale=1.0):
    """scale · x where x > 0, else scale · alpha · (exp(x) − 1).

    x: any shape; alpha, scale > 0. ELU has scale 1, SELU is elu_forward(x, *selu_constants()).
    Returns (out, cache), out: the shape of x. (Clevert et al., 2016.)
    """
    # BEGIN SOLUTION
    on = x > 0
    left = alpha * torch.expm1(x)
    return scale * torch.where(on, x, left), (x, alpha, scale)
    # END SOLUTION


def elu_backward(dout, cache):
    """Gradient of elu_forward; at x = 0 it is that of the left side. Returns dx."""
    # BEGIN SOLUTION
    x, alpha, scale = cache
    on = x > 0
    left = alpha * x.exp()
    return dout * scale * torch.where(on, 1, left)
    # END SOLUTION


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
# which is far more than rounding, so a network trained with one form must be run with it. By hand:
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
    # BEGIN SOLUTION
    match gate:
        case "gelu":
            g = (1 + torch.erf(x / math.sqrt(2))) / 2
        case "gelu_tanh":
            g = (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
        case "swish":
            g, _ = sigmoid_forward(x)
        case _:
            raise ValueError(f"no gate {gate!r}: it is gelu, gelu_tanh or swish")
    return x * g, (x, g, gate)
    # END SOLUTION


def gated_backward(dout, cache):
    """Gradient of x · g(x), for the same gate as in the forward. Returns dx."""
    # BEGIN SOLUTION
    x, g, gate = cache
    match gate:
        case "gelu":
            dg = (-x * x / 2).exp() / math.sqrt(2 * math.pi)
        case "gelu_tanh":  # (1 + tanh u) / 2 is the sigmoid of 2u
            dg = g * (1 - g) * math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x)
        case "swish":
            dg = g * (1 - g)
    return dout * (g + x * dg)
    # END SOLUTION


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
    # BEGIN SOLUTION
    best = cache.amax(-1, keepdim=True)
    top = cache == best
    first = top & (top.cumsum(-1) < 2)
    return dout.unsqueeze(-1) * first
    # END SOLUTION


# %% [markdown]
# ## From biology: BRU
#
# A neuron's firing rate grows with its input current neither like a sigmoid nor like a straight
# line, but like a root. The *bionodal root unit* (Bhumbra, 2018, arXiv:1804.11237) models this,
# with a radix $r > 0$. It comes in two variants; courses mean the exponential one (ERU):
#
# $$f(x) = \begin{cases} (r^2 x + 1)^{1/r} - \dfrac1r & x \ge 0 \\[4pt]
#   e^{r x} - \dfrac1r & x < 0 \end{cases}$$
#
# The $1/r$ is outside the root and outside the exponential. By hand, with $r = 2$: $f(0) = 0.5$,
# $f(2) = 2.5$, $f(6) = 4.5$, and far left it tends to $-0.5$. With $r = 1$ it is an activation that
# you have met. Differentiate both lines, with the chain rule: they meet at 0 with the same slope,
# which? A root of a negative number is NaN, also where a mask hides it.


# %%
def bru_forward(x, r=2.0):
    """Bionodal root unit, exponential variant: (r²x + 1)^(1/r) − 1/r, for x < 0 exp(rx) − 1/r.

    x: any shape; r > 0. Returns (out, cache), out: the shape of x. Raises ValueError unless r > 0.
    (Bhumbra, 2018.)
    """
    # BEGIN SOLUTION
    if r <= 0:
        raise ValueError(f"the radix must be positive, got {r}")
    right = x >= 0
    root = (r * r * x + 1) ** (1 / r)
    left = (r * x).exp()
    return torch.where(right, root, left) - 1 / r, (x, r)
    # END SOLUTION


def bru_backward(dout, cache):
    """Gradient of bru_forward. dout: any shape. Returns dx of that shape."""
    # BEGIN SOLUTION
    x, r = cache
    right = x >= 0
    root = (r * r * x + 1) ** (1 / r - 1)
    left = (r * x).exp()
    return dout * r * torch.where(right, root, left)
    # END SOLUTION


# %% [markdown]
# ## Dead and saturated
#
# Let `slopes` hold $f'(x_{nm})$ for $N$ examples and $M$ units, one layer's worth. An entry is
# *saturated* if $|f'| \le \tau$: for that example, hardly any gradient passes. A unit is *dead* if
# it is saturated for **every** example: no gradient at all, from any data, and so no way back. A
# ReLU that is off for half of the examples is what makes it useful, not dead. Count examples for
# the one and units for the other. A slope may be negative (GELU's is, in a stretch): steep
# downhill is not flat.


# %%
def dead_and_saturated(slopes, tol=0.0):
    """Share of units that are dead, and of all entries that are saturated.

    slopes: (N, M) values of f'(x) for N examples and M units, tol ≥ 0. An entry with |slope| ≤ tol
    is saturated, a unit all of whose N entries are is dead. Returns (dead, saturated): two numbers
    in [0, 1]. Raises ValueError unless slopes has two axes.
    """
    # BEGIN SOLUTION
    if slopes.ndim != 2:
        raise ValueError(f"slopes must be (N, M), got {tuple(slopes.shape)}")
    flat = (slopes.abs() <= tol).double()
    return float(flat.amin(0).mean()), float(flat.mean())
    # END SOLUTION


# %% [markdown]
# ## A network of its own activation
#
# All elementwise activations by name, the start of a network, and the loss for ten classes are
# given (the loss is the next topic). The network has one hidden layer:
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
# an accuracy of 0.9 on digits that they have not seen. Of 20 runs the worst reached 0.935 with
# ReLU, 0.933 with Swish and 0.938 with SELU, GELU, tanh or BRU. With the sigmoid 18 of 20 runs fall
# short of it. You know two reasons.


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
    # BEGIN SOLUTION
    forward, backward = activation(name)
    losses = []
    for _ in range(steps):
        w1, b1, w2, b2 = params
        h, cache = forward(x @ w1 + b1)
        loss, dlogits = cross_entropy(h @ w2 + b2, y)
        dz = backward(dlogits @ w2.T, cache)
        grads = x.T @ dz, dz.sum(0), h.T @ dlogits, dlogits.sum(0)
        pairs = zip(params, grads, strict=True)
        params = tuple(p - lr * g for p, g in pairs)
        losses.append(loss)
    return params, losses
    # END SOLUTION


# %% [markdown]
# Once your functions work, call `plot_activations()` in a cell of its own: each activation and its
# derivative. Which are flat on the left, and which on both sides? Which have a slope above 1,
# which a negative one, and where is the corner of each of those that have one?
#
# Then call `plot_depth()`. It sends the digits through ten layers with random weights from
# $N(0, 1/64)$, and shows for each layer what share of the slopes is below 0.05, and how large the
# gradient is that arrives there from above. Read the second picture from right to left. Through
# sigmoids the gradient shrinks from 0.24 to $4 \cdot 10^{-7}$, although *no* slope is below 0.05:
# ten factors of at most $\tfrac14$ are enough. Through SELU it stays near 1, for which its two
# constants were made. And three in ten ReLUs of the last layer are off for all 1,797 digits.
#
# Last, kill some units. On all digits, divided by 16, a hundred steps with 32 ReLUs, from
# `start([64, 32, 10], 0)` and with the learning rate 1, leave none of them dead; with the learning
# rate 2, 28 of them die, and the loss stays at 2.0. Try it: `slopes_of("relu", x @ w1 + b1)` goes
# into `dead_and_saturated`. And `"leaky_relu"`?


# %%
def slopes_of(name, x):
    """f'(x) of the activation `name`, from its backward function."""
    forward, backward = activation(name)
    return backward(torch.ones_like(x), forward(x)[1])


def health(x, name, gain, layers=10, seed=0, tol=0.05):
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


def plot_activations():
    """Plot each activation (maxout with three given pieces) and its derivative."""
    import matplotlib.pyplot as plt

    x = torch.linspace(-4, 4, 801, dtype=torch.float64)
    _, axes = plt.subplots(2, 5, sharex=True, sharey=True, figsize=(12, 5), layout="constrained")
    names = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "swish", "bru"]
    curves = [(n, activation(n)[0](x)[0], slopes_of(n, x)) for n in names]
    piece = torch.tensor([-1.0, 0.25, 1.0], dtype=torch.float64)
    bias = torch.tensor([-2.0, 0.0, -1.0], dtype=torch.float64)
    out, cache = maxout_forward((x[:, None] * piece + bias)[:, None, :])
    of_x = (maxout_backward(torch.ones_like(out), cache) * piece).sum((1, 2))
    for axis, (name, y, slope) in zip(axes.flat, [*curves, ("maxout", out, of_x)], strict=True):
        axis.plot(x, y, label="f")
        axis.plot(x, slope, "--", label="f′")
        axis.set_title(name)
        axis.set_ylim(-2, 4)
        axis.grid(alpha=0.3)
    axes[0, 0].legend()
    plt.show()


def plot_depth(gain=1.0):
    """Plot the share of saturated slopes and the size of the gradient in ten layers on digits."""
    import matplotlib.pyplot as plt
    from sklearn.datasets import load_digits

    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    x = (x - x.mean()) / x.std()
    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name in ["sigmoid", "tanh", "relu", "elu", "selu", "gelu", "swish", "bru"]:
        _, saturated, gradient = health(x, name, gain)
        left.plot(range(1, 11), saturated, ".-", label=name)
        right.semilogy(range(1, 11), gradient, ".-", label=name)
    left.set_ylabel("share of slopes below 0.05")
    right.set_ylabel("rms of the gradient")
    for axis in (left, right):
        axis.set_xlabel("layer")
    right.legend()
    plt.show()
