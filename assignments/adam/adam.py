# %% [markdown]
# # Adam and its relatives
#
# Gradient descent takes one learning rate for all parameters. Adam gives each parameter a step of
# its own, from two running averages of its gradient. Adamax, NAdam and AdamW each change one thing
# about it. You have torch tensors and no `torch.optim`.
#
# **Afterwards you can** derive Adam's correction for averages that start at zero, say what Adamax,
# NAdam and AdamW each change, and predict which weights an $L^2$ penalty shrinks under Adam.
#
# Before: *Adaptive optimisers* derives RMSProp, which is half of Adam; momentum, from *Gradient
# descent*, is the other half. After: *Learning-rate schedules* lets the rate $\eta$ change.
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

# %% [markdown]
# ## By hand
#
# Two parameters, both 10, with $\eta = 3$, $\beta_1 = \frac12$, $\beta_2 = \frac{15}{16}$ and
# $\varepsilon = 0$. The first gets the same gradient twice, the second one that turns round. $m$ is
# a running average of $g$, $v$ one of $g^2$, and the step is $-\eta\, \hat m / \sqrt{\hat v}$:
#
# | | gradient stays | gradient turns |
# |---|---|---|
# | before: $\theta$, $m$, $v$ ($t = 0$) | $10$, $0$, $0$ | $10$, $0$, $0$ |
# | $g_1$ | $4$ | $-8$ |
# | $m_1 = \frac12 m_0 + \frac12 g_1$ | $2$ | $-4$ |
# | $v_1 = \frac{15}{16} v_0 + \frac1{16} g_1^2$ | $1$ | $4$ |
# | $\hat m_1 = m_1 / (1 - \frac12)$ | $4$ | $-8$ |
# | $\hat v_1 = v_1 / (1 - \frac{15}{16})$ | $16$ | $64$ |
# | step | $-3 \cdot 4 / 4 = -3$ | $+3 \cdot 8 / 8 = +3$ |
# | $\theta_1$ | $7$ | $13$ |
# | $g_2$ | $4$ | $8$ |
# | $m_2 = \frac12 m_1 + \frac12 g_2$ | $1 + 2 = 3$ | $-2 + 4 = 2$ |
# | $\hat m_2 = m_2 / (1 - \frac14)$ | $4$ | $\frac83$ |
# | $\hat v_2$: $g^2$ has not changed, nor has its average | $16$ | $64$ |
# | step | $-3 \cdot 4 / 4 = -3$ | $-3 \cdot \frac83 / 8 = -1$ |
# | $\theta_2$ | $4$ | $12$ |
#
# The first step is $\eta$ for both, though one gradient is twice the other: only its sign counts. The
# second tells them apart: the step is long where gradients agree and short where they do not. And in
# the first step $m$ and $v$ as they are would give $2 / \sqrt 1 = 2$ and $-4 / \sqrt 4 = -2$ in place
# of $\pm 1$, twice the step. The line *before* is the first that `gradus check` asks of you.

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
    raise NotImplementedError


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
# A published Adam divides by $1 - \beta_1$ and $1 - \beta_2$ in *every* step, where $1 - \beta_1^{\,t}$
# and $1 - \beta_2^{\,t}$ are meant. Its first step is right. With one gradient for ever its second has
# length $1.34\,\eta$, its twelfth $2.08\,\eta$; then the steps shrink, to
# $\eta$ again at $t = 105$ and at last to $\sqrt{1 - \beta_2} / (1 - \beta_1) = 0.316\,\eta$. It trains:
# an error of this kind hides behind the learning rate.
#
# The correction is for the step only: the recursions go on with $m_t$ and $v_t$ themselves. And
# $\beta^{\,t}$ needs $t \ge 1$: what would the correction divide by at $t = 0$?
#
# **Where $\varepsilon$ stands** matters once gradients are small. With $\varepsilon = 10^{-8}$ and
# $|g| = 10^{-4}$ the first step is $0.9999\,\eta$ when $\varepsilon$ is added to the root, and
# $0.707\,\eta$ when it is added under the root. Here it is added to the root of the *corrected*
# $\hat v_t$, as in the paper's algorithm and in PyTorch. Several libraries follow the end of the
# paper's section 2 instead, which saves divisions:
#
# $$\theta_t = \theta_{t-1} - \eta\, \frac{\sqrt{1 - \beta_2^{\,t}}}{1 - \beta_1^{\,t}} \cdot
#   \frac{m_t}{\sqrt{v_t} + \hat\varepsilon} .$$
#
# There $\hat\varepsilon$ is added *before* the correction. Divide both parts of the fraction by
# $\sqrt{1 - \beta_2^{\,t}}$ and compare: it is our $\varepsilon = \hat\varepsilon / \sqrt{1 -
# \beta_2^{\,t}}$, which is $31.6\, \hat\varepsilon$ in the first step and falls to $\hat\varepsilon$.


# %%
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """One update of Adam: p − lr · m̂ / (√v̂ + eps).

    params, grads: lists of tensors, grads[k] of the shape of params[k]; state: as from adam_init;
    lr > 0, beta1 and beta2 in [0, 1), eps > 0, added outside the root. Returns (params, state);
    the state holds m and v, not m̂ and v̂. Raises ValueError when there are more or fewer
    gradients than parameters (its relatives below need not look).
    Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980, algorithm 1.
    """
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
# large $\sqrt{\hat v}$. The experiment below measures it.


# %%
def adam_l2_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    """One update of Adam on the loss plus weight_decay / 2 · ‖p‖², summed over all params.

    grads: the gradients of the loss without the penalty; weight_decay ≥ 0. Otherwise arguments
    and result as for adam_update. (PyTorch's Adam with weight_decay.)
    """
    raise NotImplementedError


def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    """One update of AdamW: p − lr · (m̂ / (√v̂ + eps) + weight_decay · p), p before the update.

    The decay is multiplied by lr, as in PyTorch (in the paper by the schedule's multiplier alone),
    and leaves m and v as they are; weight_decay ≥ 0. Otherwise arguments and result as for
    adam_update. Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101, algorithm 2.
    """
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


# %% [markdown]
# This is all that is left of Muon. It is for the matrices of hidden layers; biases, embeddings and
# the last layer stay with Adam.
#
# The step has one more factor. An input of $d$ numbers of size about 1 has norm $\sqrt d$. A change of
# the weights whose singular values are 1 moves the output by at most that norm, which is $\sqrt{d / m}$
# for each of the $m$ outputs. With more outputs than inputs that is less than 1, and the factor
# $\sqrt{m / d}$ makes up for it: the step is multiplied by $\sqrt{\max(1, \text{out} / \text{in})}$.
# Mind which is which. The original's weights are (out, in), and it divides rows by columns; the weights
# of this course are (in, out). For $784 \times 64$ weights the factor is 1; whoever copies the
# original's formula takes $\sqrt{784 / 64} = 3.5$.


# %%
def muon_update(params, grads, state, lr=0.02, momentum=0.95):
    """One update of Muon with Nesterov momentum. params, grads: lists of (in, out) matrices.

    state: the list of momentum buffers, zeros before the first update. Returns (params, state).
    """
    state = [momentum * u + g for u, g in zip(state, grads, strict=True)]
    updated = []
    for p, g, u in zip(params, grads, state, strict=True):
        scale = max(1, p.shape[1] / p.shape[0]) ** 0.5
        updated.append(p - lr * scale * newton_schulz(g + momentum * u))
    return updated, state


# %% [markdown]
# ## Why: is $L^2$ the same as decay?
#
# Weights that are 1 at the start and have nothing to learn: their gradients are noise of size 3 and
# mean 0. One gets a gradient in every step, one in 1 of 10, one in 1 of 100, and one never, as weights
# of rare words or of pixels that are always dark. Every update has $\eta = 0.01$ and $\lambda = 0.1$,
# so that decay alone leaves $(1 - \eta\lambda)^{500} = 0.606$ of a weight after 500 steps. The table
# gives what is left of each, the mean of 1,000 copies: with plain descent on the loss with the
# penalty, with plain descent and decoupled decay, and with your `adam_l2_update` and `adamw_update`.
#
# Write down before you run it: **which rows are equal, and which weight does Adam with the penalty
# shrink most, the one that is used most or the one that is never used?** What it says is explained
# below the code.


# %%
def sgd_l2_update(params, grads, state, lr, weight_decay):
    """Plain descent on the loss plus weight_decay / 2 · ‖p‖²."""
    return [p - lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)], state


def sgd_decoupled_update(params, grads, state, lr, weight_decay):
    """Plain descent, and the weights shrink by lr · weight_decay of themselves."""
    return [p - lr * g - lr * weight_decay * p for p, g in zip(params, grads, strict=True)], state


def run(update, params, gradient, steps, **settings):
    """The parameters before each step and after the last; gradient(params, t) is that of step t."""
    state = adam_init(params)
    yield params
    for t in range(steps):
        params, state = update(params, gradient(params, t), state, **settings)
        yield params


def remaining(update, shares, steps, pairs):
    """What is left of weights of 1 that get noise in these shares of the steps. Returns (S,).

    The mean of 2 · pairs copies; each gradient has a copy with its negative, so that noise
    pushes no mean away.
    """
    generator, often = torch.Generator().manual_seed(0), torch.tensor(shares)

    def gradient(params, t):
        noise = 3 * torch.randn(pairs, len(shares), generator=generator)
        used = torch.rand(pairs, len(shares), generator=generator) < often
        return [torch.cat([noise * used, -noise * used])]

    start = [torch.ones(2 * pairs, len(shares))]
    *_, (last,) = run(update, start, gradient, steps, lr=0.01, weight_decay=0.1)
    return last.mean(0)


def experiment(quick=False):
    """What L2 and decoupled decay leave of weights, by how often these get a gradient.

    Returns the rows of a table, the first its head.
    """
    updates = {
        "descent, L2": sgd_l2_update,
        "descent, decoupled": sgd_decoupled_update,
        "Adam, L2": adam_l2_update,
        "AdamW": adamw_update,
    }
    rows = [("update", "in every step", "in 1 of 10", "in 1 of 100", "never")]
    for name, update in updates.items():
        steps, pairs = (20, 10) if quick else (500, 500)
        left = remaining(update, [1.0, 0.1, 0.01, 0.0], steps, pairs)
        rows.append((name, *(round(x, 3) for x in left.tolist())))
    return rows


# %% [markdown]
# | update | in every step | in 1 of 10 | in 1 of 100 | never |
# |---|---|---|---|---|
# | descent, $L^2$ | 0.606 | 0.606 | 0.606 | 0.606 |
# | descent, decoupled | 0.606 | 0.606 | 0.606 | 0.606 |
# | Adam, $L^2$ | 0.847 | 0.515 | 0.083 | 0.000 |
# | AdamW | 0.606 | 0.606 | 0.606 | 0.606 |
#
# For plain descent the two are one formula written in two ways. For Adam they are not: the penalty
# goes through $m$ and is divided by $\sqrt{\hat v}$, like all that a weight's gradient consists of.
#
# - A weight that is used in every step has $\sqrt{\hat v} \approx 3$, and a third of the decay:
#   $e^{-0.5 / 3} = 0.846$.
# - One that is used in 1 of 100 has $\sqrt{\hat v} \approx 3 \sqrt{0.01} = 0.3$ on average, and three
#   times the decay or more.
# - For one that is never used the penalty is the whole gradient. It is divided by its own size, and
#   the step is $\eta$, whatever $\lambda$ is: after $1 / \eta = 100$ steps nothing is left.
#
# So the penalty wipes out just what the network has seldom had a chance to learn, and hardly touches
# what it changes all the time. AdamW shrinks all by the same factor. A $\lambda$ that is right for one of
# the two is no setting for the other.

# %% [markdown]
# ## Show: five relatives on one slope
#
# Top left: the valley of *Gradient descent* with its minimum moved to $(10, -2)$, 120 steps of each
# from the origin, with $\eta = 0.3$ and, for two of them, $\lambda = 0.3$. Three arrive. The $L^2$
# penalty has its minimum elsewhere, at $w_d\, \lambda_d / (\lambda_d + \lambda)$ for curvature
# $\lambda_d$ (cross). AdamW stops where the decay balances the step. The step is at most about $\eta$,
# so no weight grows beyond about $1 / \lambda$ (dotted): a bound that plain descent does not have.
#
# Top right: the length of the steps while the gradient stays the same, of your Adam and your NAdam, and
# what the two mistakes with the correction make of it. Bottom left: the experiment for all shares of
# use. Bottom right: the five on the digits, 344 steps with $\eta = 0.02$ and $\lambda = 0.01$. AdamW can
# hardly be told from Adam there: both read 0.964 of what they have not seen, for decay leaves
# $(1 - 0.0002)^{344} = 0.93$. The same $\lambda$ as a penalty holds the loss near 0.45, and gives 0.944.
# Adamax, 0.936, is slow at this rate: it divides by the largest gradient so far, the others by a mean.


# %%
def figure(digits, quick=False):
    """Paths in a valley, lengths of steps, decay by use, and training on the digits.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    looks = {
        "Adam": (adam_update, dict(color="#0b4f9e", linestyle="-")),
        "Adamax": (adamax_update, dict(color="#1d8348", linestyle="--")),
        "NAdam": (nadam_update, dict(color="0.35", linestyle=":")),
        "Adam, $L^2$": (adam_l2_update, dict(color="#cf4a12", linestyle="-.")),
        "AdamW": (adamw_update, dict(color="#7d3c98", linestyle=(0, (4, 3)))),
    }
    drawn, grid = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")

    axes = grid[0, 0]
    curvature, minimum = torch.tensor([1.0, 25.0]), torch.tensor([10.0, -2.0])
    across, up = torch.linspace(-0.5, 13, 100), torch.linspace(-3.6, 0.4, 80)
    height = ((across - 10) ** 2 + 25 * (up[:, None] + 2) ** 2) / 2
    levels = [2.0**k for k in range(-2, 7)]
    axes.contour(across, up, height, levels=levels, colors="0.85", linewidths=0.8)
    for name, (update, look) in looks.items():
        decay = dict(weight_decay=0.3) if update in (adam_l2_update, adamw_update) else {}
        steps = run(
            update,
            [torch.zeros(2)],
            lambda params, t: [curvature * (params[0] - minimum)],
            10 if quick else 120,
            lr=0.3,
            **decay,
        )
        axes.plot(*torch.stack([w for (w,) in steps]).T, label=name, **look)
    axes.plot(*(minimum * curvature / (curvature + 0.3)), "x", color="#cf4a12", markersize=9)
    axes.plot(*minimum, "k+", markersize=12)
    axes.axvline(1 / 0.3, color="#7d3c98", linestyle=":", linewidth=1)
    axes.set(title="a valley, 120 steps from the origin", xlabel="$w_1$", ylabel="$w_2$")
    axes.legend(fontsize=9)

    axes = grid[0, 1]
    count = 20 if quick else 3000
    t = torch.arange(1, count + 1, dtype=torch.float64)
    for name in ("Adam", "NAdam"):
        update, look = looks[name]
        start = [torch.zeros((), dtype=torch.float64)]
        points = torch.stack([w for (w,) in run(update, start, gradient_of_one, count, lr=1.0)])
        axes.semilogx(t, -points.diff(), label=name, **look)
    m, v = 1 - 0.9**t, 1 - 0.999**t
    axes.semilogx(t, m / v.sqrt(), label="no correction", color="#cf4a12", linestyle="--")
    always = m / 0.1 / (v / 0.001).sqrt()
    axes.semilogx(t, always, label=r"$1 - \beta$ for $1 - \beta^{\,t}$", color="k", linestyle="-.")
    axes.set(
        title="one gradient for ever: how long are the steps?",
        xlabel="step $t$",
        ylabel=r"length of the step, in $\eta$",
        ylim=(0, 7),
    )
    axes.legend(fontsize=9)

    axes = grid[1, 0]
    shares = [10 ** (-k / 4) for k in range(0, 13, 6 if quick else 1)]
    for name in ("Adam, $L^2$", "AdamW"):
        update, look = looks[name]
        left = remaining(update, shares, 20 if quick else 500, 10 if quick else 500)
        axes.semilogx(shares, left, marker="o", label=name, **look)
    axes.axhline(0.999**500, color="black", linestyle=":", linewidth=1, label="decay alone, 0.606")
    axes.set(
        title="what is left of a weight of 1 after 500 steps",
        xlabel="share of the steps in which it gets a gradient",
        ylabel="mean of 1,000 copies",
        ylim=(-0.05, 1),
    )
    axes.legend(fontsize=9)

    axes = grid[1, 1]
    x, y, x_test, y_test = digits
    epochs = range(1 if quick else 8)
    batches = [batch for epoch in epochs for batch in minibatches(x, y, 32, epoch)]
    for name, (update, look) in looks.items():
        losses = []

        def gradient(params, t, losses=losses):
            loss, grads = softmax_regression(*batches[t], params)
            losses.append(float(loss))
            return grads

        start = [torch.zeros(x.shape[1], 10), torch.zeros(10)]
        *_, params = run(update, start, gradient, len(batches), lr=0.02)
        right = (predict(x_test, params) == y_test).double().mean()
        means = torch.tensor(losses).unfold(0, 15, 1).mean(1)
        axes.semilogy(means, label=f"{name}: {right:.3f} of the held-out ones", **look)
    axes.set(title="digits", xlabel="steps", ylabel="loss, mean of 15 mini-batches")
    axes.set_yticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
    axes.legend(fontsize=9)
    for axes in grid.flat:
        axes.minorticks_off()
    return drawn


def gradient_of_one(params, t):
    """A gradient of 1 in every step."""
    return [torch.ones_like(p) for p in params]


# %% [markdown]
# ## ★ Extension
#
# No points. Run the experiment with a tenth of $\lambda$. Which row of the table does not go nearer to
# 1 everywhere, in which of its columns does nothing change, and why? Or train the first two layers of a
# multi-layer perceptron with `muon_update` and the last one and the biases with Adam.
#
# ## Read on
#
# - D. Kingma, J. Ba: Adam: a method for stochastic optimization, 2015, arXiv:1412.6980: algorithm 1, the
#   other order of $\hat\varepsilon$ and Adamax (section 7.1).
# - I. Loshchilov, F. Hutter: Decoupled weight decay regularization, 2019, arXiv:1711.05101: where the two
#   were told apart.
# - S. Xie, Z. Li: Implicit bias of AdamW: $\ell_\infty$ norm constrained optimization, 2024,
#   arXiv:2404.04454: the bound $1 / \lambda$ of the figure.
# - S. Reddi, S. Kale, S. Kumar: On the convergence of Adam and beyond, 2018, arXiv:1904.09237: a problem
#   with one variable on which Adam goes the wrong way.
# - T. Dozat: Incorporating Nesterov momentum into Adam, 2016,
#   openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ: NAdam, with the schedule for $\beta_1$.
# - J. Bernstein, L. Newhouse: Old optimizer, new norm: an anthology, 2024, arXiv:2409.20325: Adam and
#   Muon without their averages are steepest descent, each in a norm of its own.
