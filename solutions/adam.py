# %% [markdown]
# # Adam and its relatives
#
# Gradient descent takes one learning rate for all parameters. Adam gives each parameter a step of
# its own, from two running averages of its gradient. Adamax, NAdam and AdamW each change one thing
# about it. You have torch tensors and no `torch.optim`.
#
# **Conventions.** `params` and `grads` are lists of tensors, `grads[k]` of the shape of
# `params[k]`. An update takes `(params, grads, state)` and returns `(params, state)` with new
# tensors, new lists and a new dict: nothing is modified in place, and dtypes and devices follow the
# parameters.
#
# The state of all optimisers here is a dict with three entries:
#
# | entry | what it holds |
# |---|---|
# | `"t"` | the number of updates made so far, an `int`, one for *all* parameters |
# | `"m"` | a list, for each parameter the running average of its gradient |
# | `"v"` | a list, for each parameter the running size of its gradient |
#
# Below, $g_t$ is the gradient that the $t$-th update receives, $t = 1, 2, \dots$ All operations on
# $g$, $m$ and $v$ are elementwise: each number in a tensor is a parameter on its own.

# %%
import torch

# %% [markdown]
# ## Where the averages start
#
# Before the first update nothing has been counted and nothing averaged: $t = 0$, $m_0 = v_0 = 0$.


# %%
def adam_init(params):
    """The state before the first update: {"t": 0, "m": [zeros, …], "v": [zeros, …]}.

    params: list of tensors of any shapes. m[k] and v[k] have the shape, dtype and device of
    params[k].
    """
    # BEGIN SOLUTION
    return {
        "t": 0,
        "m": [torch.zeros_like(p) for p in params],
        "v": [torch.zeros_like(p) for p in params],
    }
    # END SOLUTION


# %% [markdown]
# ## Adam
#
# Adam averages the gradient and its square, and forgets the past exponentially:
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
#   v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 .$$
#
# Both start at zero and are therefore too small at first. By how much? Unroll the recursion:
#
# $$m_t = (1 - \beta_1) \sum_{i=1}^{t} \beta_1^{\,t-i} g_i .$$
#
# If every $g_i$ were the same $g$, the geometric sum would give $m_t = (1 - \beta_1^{\,t})\, g$.
# The average of $t$ equal numbers should be that number, so divide by what is missing:
#
# $$\hat m_t = \frac{m_t}{1 - \beta_1^{\,t}}, \qquad
#   \hat v_t = \frac{v_t}{1 - \beta_2^{\,t}}, \qquad
#   \theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon} .$$
#
# The update uses the corrected $\hat m_t$. Some texts print $m_t$ there, which contradicts their
# own derivation: work out the first step with $\beta_1 = 0.9$, $\beta_2 = 0.999$, once as above,
# once with $m$ and $v$ as they are, and once with only one of them corrected. By which factor does
# the length of the step change? Note that the corrected first step does not depend on how large the
# gradient is.
#
# The correction is for the step only: the recursions go on with $m_t$ and $v_t$ themselves. And
# $\beta^{\,t}$ needs $t \ge 1$: what would the correction divide by at $t = 0$?
#
# **Where $\varepsilon$ stands** matters once gradients are small. With $\varepsilon = 10^{-8}$ and
# $|g| = 10^{-4}$ the first step is $0.9999\,\eta$ when $\varepsilon$ is added to the root, and
# $0.707\,\eta$ when it is added under the root. Here it is added to the root of the *corrected*
# $\hat v_t$, as in the paper's algorithm and in PyTorch.


# %%
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """One update of Adam: p − lr · m̂ / (√v̂ + eps).

    params, grads: lists of tensors, grads[k] of the shape of params[k]; state: as from adam_init;
    lr > 0, beta1 and beta2 in [0, 1), eps > 0, added outside the root. Returns (params, state);
    the state holds m and v, not m̂ and v̂. Raises ValueError when there are more or fewer
    gradients than parameters. Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980, algorithm 1.
    """
    # BEGIN SOLUTION
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        updated.append(p - lr * m_hat / (v_hat.sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}
    # END SOLUTION


# %% [markdown]
# ## Adamax
#
# Adam divides by a decayed $L^2$ norm of the gradients so far. Take an $L^p$ norm instead, with
# $\beta_2^{\,p}$ for the decay so that $\beta_2$ keeps its meaning, and let $p$ grow:
#
# $$u_t = \lim_{p \to \infty} \Big( (1 - \beta_2^{\,p}) \sum_{i=1}^{t} \beta_2^{\,p(t-i)} |g_i|^p
#   \Big)^{1/p} = \max_{1 \le i \le t} \beta_2^{\,t-i} |g_i| .$$
#
# (A sum of $p$-th powers is governed by its largest term, and $(1 - \beta_2^{\,p})^{1/p} \to 1$.)
# The maximum of the discounted history needs no history: write $u_t$ in terms of $u_{t-1}$ and
# $g_t$. It is elementwise, like everything here.
#
# This is not "the maximum of the recent few gradients": there is no window that a gradient drops
# out of. A large one counts for ever, a factor $\beta_2$ less with every step, until a newer one
# outweighs what is left of it.
#
# Which of the two running quantities is still too small at the start, and needs its correction?
# Look at $u_1$ and $m_1$.


# %%
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """One update of Adamax: p − lr · m̂ / (u + eps), u the decayed infinity norm of the gradients.

    Arguments and result as for adam_update; state["v"] holds u, which is not corrected. The paper
    has no eps; here it is added to u in the step and never gets into the state (PyTorch adds it to
    |g| inside the maximum). Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980, algorithm 2.
    """
    # BEGIN SOLUTION
    t = state["t"] + 1
    updated, ms, us = [], [], []
    for p, g, m, u in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        u = torch.maximum(beta2 * u, g.abs())
        m_hat = m / (1 - beta1**t)
        updated.append(p - lr * m_hat / (u + eps))
        ms.append(m)
        us.append(u)
    return updated, {"t": t, "m": ms, "v": us}
    # END SOLUTION


# %% [markdown]
# ## NAdam
#
# Nesterov's momentum looks ahead: it uses the momentum that the *next* step will have. Write Adam's
# numerator as momentum plus gradient,
#
# $$\hat m_t = \frac{\beta_1 m_{t-1}}{1 - \beta_1^{\,t}}
#   + \frac{(1 - \beta_1)\, g_t}{1 - \beta_1^{\,t}} ,$$
#
# and move the momentum, and only the momentum, one step forward in time: $m_{t-1}$ becomes $m_t$,
# and its correction becomes that of step $t + 1$:
#
# $$\bar m_t = \frac{\beta_1 m_t}{1 - \beta_1^{\,t+1}}
#   + \frac{(1 - \beta_1)\, g_t}{1 - \beta_1^{\,t}} , \qquad
#   \theta_t = \theta_{t-1} - \eta\, \frac{\bar m_t}{\sqrt{\hat v_t} + \varepsilon} .$$
#
# The running averages and $\hat v_t$ are Adam's. Two variants are about: some texts divide both
# terms by $1 - \beta_1^{\,t}$, and PyTorch lets $\beta_1$ grow over the first steps, as the paper
# proposes. Here $\beta_1$ is constant and the two divisors differ.


# %%
def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """One update of NAdam: p − lr · m̄ / (√v̂ + eps).

    m̄ = beta1 · m / (1 − beta1^(t+1)) + (1 − beta1) · g / (1 − beta1^t), m and t after this update;
    beta1 is constant (PyTorch's momentum_decay is a schedule for it). Arguments and result as for
    adam_update. Dozat, 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    """
    # BEGIN SOLUTION
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        ahead = beta1 * m / (1 - beta1 ** (t + 1))
        now = (1 - beta1) * g / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        updated.append(p - lr * (ahead + now) / (v_hat.sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}
    # END SOLUTION


# %% [markdown]
# ## Two ways to keep weights small
#
# An **$L^2$ penalty** is a part of the loss: $\tilde L = L + \frac{\lambda}{2}
# \lVert\theta\rVert^2$. Its gradient goes wherever the gradient goes, into $m$ and $v$ too:
#
# $$\tilde g_t = g_t + \lambda\, \theta_{t-1} .$$
#
# **Decoupled weight decay** leaves the loss alone and shrinks the weights in the step itself:
#
# $$\theta_t = \theta_{t-1} - \eta \Big( \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}
#   + \lambda\, \theta_{t-1} \Big) .$$
#
# *With pencil and paper:* put each into $\theta_t = \theta_{t-1} - \eta\, g_t$, plain gradient
# descent, and see that they are the same there. Then take Adam's first step with $g_1 = 0$ under
# both. One of them moves every weight by $\eta$ towards zero, whether $\lambda$ is large or small
# and whether the weight is. Why? This is what people noticed when weight decay did less for Adam
# than for gradient descent: a weight whose gradients are large has its penalty divided by that same
# large $\sqrt{\hat v}$.


# %%
def adam_l2_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    """One update of Adam on the loss plus weight_decay / 2 · ‖p‖², summed over all params.

    grads: the gradients of the loss without the penalty; weight_decay ≥ 0. Otherwise arguments
    and result as for adam_update. (PyTorch's Adam with weight_decay.)
    """
    # BEGIN SOLUTION
    penalised = [g + weight_decay * p for p, g in zip(params, grads, strict=True)]
    return adam_update(params, penalised, state, lr, beta1, beta2, eps)
    # END SOLUTION


def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    """One update of AdamW: p − lr · (m̂ / (√v̂ + eps) + weight_decay · p), p before the update.

    The decay is multiplied by lr, as in PyTorch (in the paper by the schedule's multiplier alone),
    and leaves m and v as they are; weight_decay ≥ 0. Otherwise arguments and result as for
    adam_update. Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101, algorithm 2.
    """
    # BEGIN SOLUTION
    updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
    shrunk = [q - lr * weight_decay * p for p, q in zip(params, updated, strict=True)]
    return shrunk, state
    # END SOLUTION


# %% [markdown]
# ## What to train
#
# Both are given: the topics *Softmax and cross-entropy* and *Multi-layer perceptron* derive them. A
# single linear layer is enough to read most handwritten digits.


# %%
def softmax_regression(x, y, params):
    """Mean cross-entropy of softmax(x @ w + b) and its gradients.

    x: (N, D), y: (N,) labels in 0 … C−1, params: [w (D, C), b (C,)]. Returns (loss, [dw, db]).
    """
    w, b = params
    rows = torch.arange(len(y), device=y.device)
    logits = x @ w + b
    shifted = logits - logits.max(1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    dlogits = log_p.exp()
    dlogits[rows, y] -= 1
    dlogits /= len(y)
    return -log_p[rows, y].mean(), [x.T @ dlogits, dlogits.sum(0)]


def minibatches(x, y, batch_size, seed):
    """One epoch in a random order. Returns a list of ceil(N / batch_size) pairs (x, y)."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator).to(x.device)
    return [(x[batch], y[batch]) for batch in order.split(batch_size)]


def predict(x, params):
    """The most probable class of each row. x: (N, D), params: [w, b]. Returns (N,) labels."""
    w, b = params
    return (x @ w + b).argmax(1)


# %% [markdown]
# ## Training
#
# For every epoch, for every mini-batch: gradients at the parameters as they are now, then an
# update. The averages are worth something only if they are carried from each update to the next,
# across epochs too. Ask yourself what Adam becomes when its state is new in every step.


# %%
def train(x, y, params, epochs, lr, batch_size, seed):
    """Train softmax regression from params by adam_update, its other settings at their defaults.

    x: (N, D), y: (N,), params: [w, b], lr > 0. Epoch k = 0, 1, … runs over
    minibatches(x, y, batch_size, seed + k). Returns the trained params.
    """
    # BEGIN SOLUTION
    state = adam_init(params)
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            _, grads = softmax_regression(x_batch, y_batch, params)
            params, state = adam_update(params, grads, state, lr)
    return params
    # END SOLUTION


# %% [markdown]
# ## If you want to go on: Muon
#
# One function, one point; nothing else builds on it.
#
# Adam treats a weight matrix as a bag of numbers. Muon treats it as a matrix: it replaces the
# momentum $G = U \Sigma V^\top$ by (nearly) $U V^\top$, all of whose singular values are 1, so that
# every direction learns at the same rate. A singular value decomposition in each step would cost
# too much, but a polynomial does it. For
#
# $$X \leftarrow aX + b\,(XX^\top) X + c\,(XX^\top)^2 X ,$$
#
# put $X = U \Sigma V^\top$ in and see that $U$ and $V$ stay while each singular value goes through
#
# $$\varphi(\sigma) = a\sigma + b\sigma^3 + c\sigma^5 .$$
#
# With the coefficients below, a few rounds lift every $\sigma$ in $(0, 1]$ that is not tiny into
# about $[0.7, 1.2]$. They have traded exactness for speed: the slope at 0 is $a = 3.44$, and 1 is
# no fixed point. Beyond $\sigma = 1.26$ the iteration diverges, so first divide $X$ by something
# that is at least its largest singular value and costs next to nothing: the Frobenius norm.

# %%
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # a, b, c


def newton_schulz(g, steps=5):
    """Nearly U Vᵀ for g = U Σ Vᵀ: `steps` rounds of the polynomial NEWTON_SCHULZ.

    g: (R, C) matrix of any proportions, divided by its Frobenius norm + 1e-7 before the first
    round; steps ≥ 0. Returns (R, C). Jordan et al., 2024, https://kellerjordan.github.io/posts/muon
    """
    # BEGIN SOLUTION
    a, b, c = NEWTON_SCHULZ
    x = g / (g.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
    # END SOLUTION


# %% [markdown]
# This is all that is left of Muon. It is for the matrices of hidden layers; biases, embeddings and
# the last layer stay with Adam. Try it on the weights of a multi-layer perceptron.


# %%
def muon_update(params, grads, state, lr=0.02, momentum=0.95):
    """One update of Muon with Nesterov momentum. params, grads: lists of (R, C) matrices.

    state: the list of momentum buffers, zeros before the first update. Returns (params, state).
    """
    state = [momentum * u + g for u, g in zip(state, grads, strict=True)]
    updated = []
    for p, g, u in zip(params, grads, state, strict=True):
        scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
        updated.append(p - lr * scale * newton_schulz(g + momentum * u))
    return updated, state
