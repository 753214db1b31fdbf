# %% [markdown]
# # Regularisation
#
# A network with more weights than examples can fit anything, the noise in the labels included. What
# keeps it from doing so is what we add to the training: a price for large weights, doubt about the
# labels, inputs that are never twice the same, and an end in good time.
#
# **Afterwards you can** derive and write penalties with their gradients, smooth labels, vary inputs, stop
# in time with the best weights, and say which of these suits which problem.
#
# Before: *Multi-layer perceptron* gives a network and its gradients; *Gradient descent* has the squared
# penalty inside its step. After: whatever you train, you have seldom more examples than weights.
#
# **Conventions.** `params` and `grads` are lists of pairs, $(W, b)$ and their gradients, one pair a
# layer. $\alpha$ is the strength of a penalty. Random functions take a `seed`: equal seeds give equal
# results. Nothing is modified in place, and dtypes and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# Four weights, $w = (1, -2, 0, 2)$, and two penalties of strength $\alpha = 6$:
#
# | | squares: $\frac{\alpha}{2} \sum_i w_i^2$ | absolute values: $\alpha \sum_i \lvert w_i \rvert$ |
# |---|---|---|
# | penalty | $\frac62\, (1 + 4 + 0 + 4) = 27$ | $6\, (1 + 2 + 0 + 2) = 30$ |
# | gradient | $6, -12, 0, 12$ | $6, -6, 0, 6$ |
# | a step with rate $\frac1{12}$ leads to | $\frac12, -1, 0, 1$ | $\frac12, -\frac32, 0, \frac32$ |
# | and the next to | $\frac14, -\frac12, 0, \frac12$ | $0, -1, 0, 1$ |
#
# - The squares halve every weight in each step: a large one loses much, a small one little, and none
#   ever gets to 0. The absolute values take $\frac12$ from each, large or small: the first is at 0 after
#   two steps.
# - At 0 the absolute value has a kink, and no slope. We take 0: a weight that is at 0 stays there.
# - The sum of the squares is 9, so the *length* of $w$, its $L^2$ norm, is 3. Neither is the penalty 27.
#
# These weights are the first call that `gradus check` makes.

# %%
import torch

# %% [markdown]
# ## A price for large weights
#
# Add a penalty $R$ to the loss, and training minimises the sum of both:
#
# $$\tilde L = L + R, \qquad \nabla \tilde L = \nabla L + \nabla R, \qquad
#   R_2 = \frac{\alpha}{2} \sum_i w_i^2, \qquad R_1 = \alpha \sum_i \lvert w_i \rvert .$$
#
# The $\frac12$ is there so that the derivative has no 2. What do they do to a weight that the data want
# at $w^*$? Take $L = \frac{\lambda}{2} (w - w^*)^2$, where $\lambda$ says how much the data care, and set
# the derivative to 0.
#
# - With $R_2$ it is $\lambda\, (w - w^*) + \alpha w = 0$, so $w = \frac{\lambda}{\lambda + \alpha}\, w^*$.
#   A weight that the data care about stays, others shrink; none becomes 0.
# - With $R_1$ it is $\lambda\, (w - w^*) + \alpha = 0$ as long as $w > 0$, so $w = w^* - \alpha / \lambda$.
#   If that is negative, no $w > 0$ will do, nor any $w < 0$: the minimum is at the kink, *exactly* at 0.
#
# So $L^1$ chooses weights (Tibshirani, 1996, called it the lasso), and $L^2$ shrinks them. The slope of
# $R_1$ where a weight is 0 may be any number from $-\alpha$ to $\alpha$; take 0.


# %%
def l2_penalty(w, alpha):
    """The penalty R = alpha / 2 · Σ w², and its gradient. w: any shape; alpha ≥ 0.

    Returns (penalty, gradient): a scalar tensor, and a tensor of the shape of w. Hoerl and Kennard, 1970.
    """
    # BEGIN SOLUTION
    penalty = alpha / 2 * w.square().sum()
    return penalty, alpha * w
    # END SOLUTION


def l1_penalty(w, alpha):
    """The penalty R = alpha · Σ |w|, and its gradient, 0 where w is 0. w: any shape; alpha ≥ 0.

    Returns (penalty, gradient): a scalar tensor, and a tensor of the shape of w. Tibshirani, 1996.
    """
    # BEGIN SOLUTION
    penalty = alpha * w.abs().sum()
    return penalty, alpha * w.sign()
    # END SOLUTION


# %% [markdown]
# ## The norms between and beyond
#
# Both belong to a family, the $L^p$ norms for $p \ge 1$:
#
# $$\lVert w \rVert_p = \Bigl( \sum_i \lvert w_i \rvert^p \Bigr)^{1/p} .$$
#
# Mind the root. It makes a length of the sum: $\lVert 3w \rVert = 3 \lVert w \rVert$ for each $p$, and what
# is called a norm must have this property. For the example by hand $p = 1$ gives 5 and $p = 2$ gives 3;
# the larger $p$, the more the largest weight counts, and in the limit nothing else does: 2.
#
# For the gradient let $S$ be the sum, so that the norm is $S^{1/p}$. By the chain rule
#
# $$\frac{\partial \lVert w \rVert_p}{\partial w_i}
#   = \frac1p\, S^{1/p - 1} \cdot p\, \lvert w_i \rvert^{p - 1} \operatorname{sign}(w_i) .$$
#
# Write $S^{1/p - 1}$ as a power of the norm, and the two powers become *one*, of a ratio. For $p = 2$ you
# must get $w / \lVert w \rVert$: $(\frac13, -\frac23, 0, \frac23)$ in the example. It has length 1, however
# long $w$ is. That is why penalties use the square: its slope fades as the weights do. At $w = 0$
# the norm has a kink, like the absolute value, and again we take 0.
#
# **The largest first.** $1000^{200}$ is $10^{600}$, and float64 ends at $1.8 \cdot 10^{308}$. With
# $m = \max_i \lvert w_i \rvert$, the property above says $\lVert w \rVert_p = m\, \lVert w / m \rVert_p$, and
# no power of a number up to 1 is too large.


# %%
def lp_norm(w, p):
    """The norm (Σ |w|^p)^(1/p) over all entries of w, and its gradient, 0 where w is 0.

    w: any shape; p ≥ 1, not necessarily whole. Neither may overflow where the norm itself does not.
    If all of w is 0, so are both. Returns (norm, gradient): a scalar tensor, and a tensor of the
    shape of w. Raises ValueError if p < 1.
    """
    # BEGIN SOLUTION
    if p < 1:
        raise ValueError(f"p must be 1 or more, got {p}")
    size = w.abs()
    largest = size.max()
    if largest == 0:
        return largest, torch.zeros_like(w)
    norm = largest * (size / largest).pow(p).sum().pow(1 / p)
    return norm, w.sign() * (size / norm).pow(p - 1)
    # END SOLUTION


# %% [markdown]
# ## In the loss and in the gradient
#
# A penalty that is added to the loss alone changes what is *printed*: the steps go where they went before.
# One that is added to the gradient alone works, but the loss that you watch is not what is minimised. It
# has to be in both, the penalties of all layers in the loss, and in each gradient that of its own $W$.
#
# The biases are left alone. A weight multiplies an input, so a large one makes the output change fast
# from example to example: that is what fitting noise takes. A bias moves the output of all examples
# alike. Penalised, it keeps a network that is to predict temperatures of about 300 kelvin from getting
# there, and in degrees Celsius it would do less harm: the choice of a zero would matter.
#
# Both kinds may be used together, each with its strength (the *elastic net*, Zou and Hastie, 2005).


# %%
def add_penalty(loss, grads, params, l1=0.0, l2=0.0):
    """Add the penalties of all weights to the loss and to their gradients: Σ l1 · |w| + l2 / 2 · w².

    params: list of pairs (w, b); grads: list of pairs (dw, db), the gradients of loss, a scalar; l1,
    l2 ≥ 0: the strengths. The biases b are not penalised. Returns (loss, grads), as they came in.
    """
    # BEGIN SOLUTION
    penalised = []
    for (w, _), (dw, db) in zip(params, grads, strict=True):
        first, dfirst = l1_penalty(w, l1)
        second, dsecond = l2_penalty(w, l2)
        loss = loss + first + second
        penalised.append((dw + dfirst + dsecond, db))
    return loss, penalised
    # END SOLUTION


# %% [markdown]
# ## Doubt about the labels
#
# The cross-entropy of a label is never 0: to get there, one logit would have to be infinitely far above the
# others, and so training pushes it on and on. Label smoothing sets an end (Szegedy et al., 2016). Of the
# label's probability a share $\varepsilon$ is taken and spread over *all* $K$ classes, the right one included:
#
# $$q_k = (1 - \varepsilon)\, [k = y] + \frac{\varepsilon}{K} .$$
#
# For $K = 5$, $\varepsilon = 0.4$ and $y = 3$ it is $(0.08, 0.08, 0.08, 0.68, 0.08)$. The gradient of the
# cross-entropy for the logits is still $p - q$, so it is 0 at $p = q$: with $K = 10$ and $\varepsilon = 0.1$ when
# the right logit is $\ln (0.91 / 0.01) = 4.5$ above the others, and no further.
#
# Targets are a distribution and must sum to 1. There are two ways to get there:
#
# | | right class | each other class | sum |
# |---|---|---|---|
# | spread over all $K$ (here) | $1 - \varepsilon + \varepsilon / K$ | $\varepsilon / K$ | $1$ |
# | spread over the others | $1 - \varepsilon$ | $\varepsilon / (K - 1)$ | $1$ |
# | mixed up, as one finds it printed | $1 - \varepsilon$ | $\varepsilon / K$ | $1 - \varepsilon / K$ |
#
# The last is 0.975 for $\varepsilon = 0.1$ and $K = 4$.


# %%
def smooth_labels(y, classes, eps):
    """Targets (1 − eps) · one-hot + eps / K: a share eps of the label is spread over all K classes.

    y: (N,) int64 labels in 0 … K−1; classes: K; eps in [0, 1]. Returns (N, K) float32, whose rows sum
    to 1. Raises ValueError if eps is outside [0, 1]. Szegedy et al., 2016, arXiv:1512.00567.
    """
    # BEGIN SOLUTION
    if not 0 <= eps <= 1:
        raise ValueError(f"eps must be in [0, 1], got {eps}")
    targets = torch.full((len(y), classes), eps / classes, device=y.device)
    rows = torch.arange(len(y), device=y.device)
    targets[rows, y] += 1 - eps
    return targets
    # END SOLUTION


# %% [markdown]
# ## Inputs that are never twice the same
#
# Give every entry of the inputs a normal number of its own, with mean 0 and standard deviation $\sigma$, and
# new ones in every step. What does it do? For a linear unit $\hat y = w \cdot x$ and half the squared error,
# noise $n$ turns the residual $r = w \cdot x - y$ into $r + w \cdot n$. Square it and take the mean over $n$.
# The mixed term has mean 0, and $w \cdot n$ has the variance $\sigma^2 \lVert w \rVert^2$:
#
# $$\mathbb{E}\, \tfrac12\, (r + w \cdot n)^2 = \tfrac12\, r^2 + \tfrac{\sigma^2}{2} \lVert w \rVert^2 .$$
#
# That is $R_2$ with $\alpha = \sigma^2$: noise *is* a penalty, paid in expectation (Bishop, 1995). It takes
# noise of its own for each entry: with one number for a whole row, the last term would be
# $(\sum_d w_d)^2$, and weights that cancel would cost nothing. In use, when the network is tested, there is none.


# %%
def add_noise(x, std, seed):
    """x plus normal noise with mean 0 and standard deviation std, drawn for each entry on its own.

    x: any shape, floating; std ≥ 0, in the units of x. Nothing is clipped. Equal seeds give equal
    noise. Returns a tensor like x.
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x.shape, generator=generator).to(x)
    return x + std * noise
    # END SOLUTION


# %% [markdown]
# ## Shifts
#
# Better than noise is what you know: a digit that is moved by two pixels is still that digit. So move the
# images, each by as much as chance wills, and anew in every step. What is moved is at $(i, j)$ what was at
# $(i - d_y, j - d_x)$:
#
# $$y_{ij} = x_{i - d_y,\, j - d_x}\ \text{ if that is inside the image, else } 0 .$$
#
# Positive $d_y$ is down, positive $d_x$ is to the right. What leaves on one side is gone: `torch.roll` brings it
# back in on the other, and a 4 with a piece of its foot above its head is not a 4. With $d_y = 1$ and $d_x = -1$:
#
# $$\begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix} \longrightarrow
#   \begin{pmatrix} 0 & 0 & 0 \\ 2 & 3 & 0 \end{pmatrix} .$$
#
# `shift_images` is given the offsets, and `jitter` draws them: of whole numbers from $-r$ to $r$ each is
# equally likely, $r$ itself too, for either direction and for each image on its own. With $r = 2$ there
# are 25 offsets.


# %%
def shift_images(x, dy, dx):
    """Move each image by its own offsets; what leaves is gone, what is uncovered is 0.

    x: (N, H, W); dy, dx: (N,) int64, rows down and columns to the right, of any size: an image may
    leave altogether. Returns a tensor like x.
    """
    # BEGIN SOLUTION
    n, h, w = x.shape
    rows = (torch.arange(h, device=x.device) - dy[:, None])[:, :, None]
    cols = (torch.arange(w, device=x.device) - dx[:, None])[:, None, :]
    inside = (rows >= 0) & (rows < h) & (cols >= 0) & (cols < w)
    image = torch.arange(n, device=x.device)[:, None, None]
    moved = x[image, rows.clamp(0, h - 1), cols.clamp(0, w - 1)]
    return torch.where(inside, moved, 0)
    # END SOLUTION


def jitter(x, reach, seed):
    """Shift each image by random offsets from −reach … reach, all equally likely, both ends included.

    x: (N, H, W); reach: a whole number ≥ 0. Both directions of each image are drawn on their own.
    Equal seeds give equal shifts. Returns a tensor like x.
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.randint(-reach, reach + 1, (2, len(x)), generator=generator).to(x.device)
    dy, dx = offsets
    return shift_images(x, dy, dx)
    # END SOLUTION


# %% [markdown]
# ## An end in good time
#
# Given: a linear model and its loss, half the squared error, summed over the outputs and averaged over
# the examples.


# %%
def squared_error(x, y, params):
    """Half the mean squared distance between x @ w + b and y, and its gradients.

    x: (N, D), y: (N, M), params: [(w (D, M), b (M,))]. Returns (loss, grads).
    """
    ((w, b),) = params
    residual = x @ w + b - y
    loss = residual.square().sum() / (2 * len(x))
    return loss, [(x.T @ residual / len(x), residual.mean(0))]


# %% [markdown]
# The training loss falls as long as you train. The loss on examples that are held out, the *validation*
# set, falls as well at first and then rises: from there on the network learns what is true of the training
# set only. So watch it, and keep the weights of its lowest point.
#
# Why should that help? For one weight, curvature $\lambda$ and a start at 0, $t$ steps lead to
# $w = (1 - (1 - \eta\lambda)^t)\, w^*$, while $R_2$ leads to $\frac{\lambda}{\lambda + \alpha}\, w^*$. Where the
# data care little, both are near 0: $\eta t \lambda\, w^*$ and $\frac{\lambda}{\alpha}\, w^*$. Few steps
# act like a penalty with $\alpha = 1 / (\eta t)$.
#
# The validation loss need not fall evenly, so one step uphill is no reason to stop. The *patience* says how
# many steps in a row may go by without a new lowest loss. Take a patience of 2:
#
# | step | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|---|---|
# | validation loss | 9 | 5 | 4 | 6 | 3 | 4 | 3 | 1 |
# | lowest so far | 9 | 5 | 4 | 4 | 3 | 3 | 3 | |
# | steps without a lower one | 0 | 0 | 0 | 1 | 0 | 1 | 2: stop | never seen |
#
# - What is returned are the weights of step 4, not those of step 6.
# - Equal is not lower, and 3 is lower than the 4 before it, but not than the 3 before that.
# - The 1 of step 7 is lost. A larger patience would have found it, and would cost more steps elsewhere.
#
# The validation loss has no penalty in it: you want to know how well the model predicts, not how large its
# weights are.


# %%
def train(x, y, x_val, y_val, params, lr, steps, patience, l1=0.0, l2=0.0):
    """Gradient descent on squared_error(x, y) plus penalties, stopped early; the best params.

    Each of at most `steps` steps uses all examples. After each, squared_error(x_val, y_val), without
    penalties, is compared with the lowest so far, the one before the first step included; training
    stops after `patience` ≥ 1 steps in a row without a lower one. params: [(w, b)]; l1, l2 as in
    add_penalty. Returns (params, losses): the params with the lowest validation loss, and the list of
    the validation losses, the first before any step. Prechelt, 1998.
    """
    # BEGIN SOLUTION
    lowest, _ = squared_error(x_val, y_val, params)
    best, losses, waited = params, [lowest], 0
    for _ in range(steps):
        loss, grads = squared_error(x, y, params)
        _, grads = add_penalty(loss, grads, params, l1, l2)
        ((w, b),), ((dw, db),) = params, grads
        params = [(w - lr * dw, b - lr * db)]
        loss, _ = squared_error(x_val, y_val, params)
        losses.append(loss)
        waited += 1
        if loss < lowest:
            best, lowest, waited = params, loss, 0
        if waited == patience:
            break
    return best, losses
    # END SOLUTION


# %% [markdown]
# ## Why: 100 examples, 500 weights: what helps most?
#
# There are 500 inputs and 100 examples $y = w \cdot x + \text{noise}$. The inputs are normal with variance 1,
# the true $w$ has length 1, the noise has a standard deviation of 0.5. In one world *five* of the true weights
# are not 0; in another all 500 are small. Five ways to train: no help at all; $R_2$ with $\alpha = 1$; input noise
# with $\sigma = 1$; early stopping; $R_1$ with $\alpha = 0.1$. The table has the mean squared error on 1,000
# other examples, averaged over three worlds of each kind. Whoever knows $w$ has 0.25; whoever always says 0 has
# 1.25.
#
# Write down before you run it: **which helps most in the first world, and is it the same in the second? Which
# two rows should be alike?**


# %%
def world(sparse, seed, weights=500):
    """True weights, and 100 training, 100 validation and 1,000 test examples (x, y)."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(weights, 1, generator=generator)
    if sparse:
        w[5:] = 0
    w = w / w.square().sum().sqrt()

    def draw(n):
        x = torch.randn(n, weights, generator=generator)
        return x, x @ w + 0.5 * torch.randn(n, 1, generator=generator)

    return w, draw(100), draw(100), draw(1000)


def start(weights=500):
    """Params that are 0."""
    return [(torch.zeros(weights, 1), torch.zeros(1))]


def train_to_the_end(x, y, steps, noise=0.0, l1=0.0, l2=0.0):
    """As train, with a rate of 0.05, but without a validation set: the last params."""
    params = start(x.shape[1])
    for step in range(steps):
        noisy = add_noise(x, noise, step) if noise else x
        loss, grads = squared_error(noisy, y, params)
        _, grads = add_penalty(loss, grads, params, l1, l2)
        ((w, b),), ((dw, db),) = params, grads
        params = [(w - 0.05 * dw, b - 0.05 * db)]
    return params


def experiment(quick=False):
    """The squared error on new examples, five ways to train, in two kinds of worlds."""
    steps, seeds = (5, 1) if quick else (500, 3)
    ways = {
        "nothing": {},
        "squares (L2)": dict(l2=1.0),
        "input noise": dict(noise=1.0),
        "early stopping": None,
        "absolute values (L1)": dict(l1=0.1),
    }
    rows = [("", "5 weights of 500", "all 500 weights")]
    for name, options in ways.items():
        errors = []
        for sparse in (True, False):
            total = 0.0
            for seed in range(seeds):
                _, (x, y), validation, test = world(sparse, seed)
                if options is None:
                    params, _ = train(x, y, *validation, start(), 0.05, steps, 20)
                else:
                    params = train_to_the_end(x, y, steps, **options)
                total += 2 * squared_error(*test, params)[0].item()
            errors.append(total / seeds)
        rows.append((name, *errors))
    return rows


# %% [markdown]
# With five true weights $R_1$ leaves an error of 0.42, and all others leave 1.12 to 1.19: hardly better
# than saying 0. With 500 true weights it is the other way round: $R_1$ has 1.26, no better than saying 0, and
# the others 1.08 to 1.12. A penalty is a guess about the truth. That few weights count is a good guess in
# the first world and a bad one in the second, and no penalty is good in both.
#
# Why do the others fail even in the first? The gradient of the loss, $X^\top r / N$, is a weighted sum of
# examples. $R_2$ adds a multiple of $w$, and early stopping adds nothing, so a $w$ that starts at 0 stays
# among the weighted sums of the 100 examples for ever. Of the true $w$ only its shadow on these 100 of 500
# dimensions can be found: on average $\frac{100}{500}$ of its squared length. The other $\frac45$ are lost,
# and with the noise of 0.25 the mean error is at least $0.8 + 0.25 = 1.05$. The signs in the gradient of
# $R_1$ are no sum of examples: they lead out.
#
# The squares and the input noise have 1.12 and 1.14, 1.08 and 1.12. The noise pays the same price in
# expectation. But each step has its own noise and not the expected one, so the weights keep rattling,
# also in directions of which no example tells.

# %% [markdown]
# ## Show: what becomes of the weights, and of a digit
#
# Above: a digit, four times jittered by up to two pixels, and once with noise. On 8 × 8 pixels two are a
# lot: it loses a part of its foot in some of the pictures.
#
# On the left: the 500 weights of the first world with seed 0 (mind the logarithmic axis). Squares make
# the heap of the small weights narrower, and pull in the large ones with it: of the true $-0.60$ nothing
# leaves $-0.12$, and squares leave $-0.09$. Absolute values leave 8 of the other 495 weights outside
# $\pm 0.01$, where squares leave 271. They find the three largest of the true five, each 0.12 to 0.30 too
# small, for the penalty pulls at a weight that is right as well. The two smallest are left at $-0.06$ and
# $-0.01$, about where chance has put one of the others, at 0.05.
#
# On the right: 100 weights, 100 examples, $\eta = 0.1$. The validation loss is lowest after 21 steps, at
# 0.29; after 150 it is 0.39, and the training loss has fallen all the time. With a patience of 20 training
# ends at step 41, and the weights of step 21 come back.


# %%
def figure(digits, quick=False):
    """A digit in its variants, the weights under both penalties, and early stopping on the curve.

    digits: (x_train, y_train, x_test, y_test). Returns a figure.
    """
    import matplotlib.pyplot as plt

    side = round(digits[0].shape[1] ** 0.5)
    picture = digits[0][:1].reshape(1, side, side)
    moved = jitter(picture.repeat(4, 1, 1), 2, 1)
    pictures = {"as it is": picture[0], **{f"jittered, {k}": moved[k] for k in range(4)}}
    pictures |= {"noise, σ = 0.2": add_noise(picture[0], 0.2, 0)}

    drawn = plt.figure(figsize=(11, 7), layout="constrained")
    grid = drawn.add_gridspec(2, 6, height_ratios=(1, 2.2))
    for at, (name, image) in enumerate(pictures.items()):
        axes = drawn.add_subplot(grid[0, at])
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axes.set(title=name, xticks=[], yticks=[])

    left, right = drawn.add_subplot(grid[1, :3]), drawn.add_subplot(grid[1, 3:])
    true, (x, y), *_ = world(True, 0)
    penalties = {
        "nothing": {},
        "squares, α = 1": dict(l2=1.0),
        "absolute values, α = 0.1": dict(l1=0.1),
    }
    for at, (name, options) in enumerate(penalties.items()):
        ((w, _),) = train_to_the_end(x, y, 5 if quick else 500, **options)
        edges = [0.02 * k - 0.81 for k in range(82)]
        left.hist(w.flatten(), edges, histtype="step", linewidth=1.5, color=f"C{at}", label=name)
    true = true[true != 0]
    left.plot(true, [0.7] * len(true), "k|", markersize=14, label="the true five")
    left.set_yscale("log")
    left.set(title="500 weights, five of which count", xlabel="weight", ylabel="how many")
    left.set_ylim(0.5, 900)
    left.legend()

    steps, (_, (x, y), validation, _) = 20 if quick else 150, world(False, 0, weights=100)
    _, held_out = train(x, y, *validation, start(100), 0.1, steps, steps)
    _, fitted = train(x, y, x, y, start(100), 0.1, steps, steps)
    best, seen = train(x, y, *validation, start(100), 0.1, steps, 20)
    right.plot(fitted, color="C0", label="training")
    right.plot(held_out, color="C1", label="validation")
    lowest = min(range(len(seen)), key=lambda step: seen[step])
    right.plot(lowest, squared_error(*validation, best)[0], "o", color="C3", label="returned")
    right.axvline(len(seen) - 1, color="C3", linestyle=":", label="stopped, patience 20")
    right.set(title="100 weights, 100 examples", xlabel="step", ylabel="loss", ylim=(0, None))
    right.set_xlim(-2, 150)
    right.legend()
    return drawn


# %% [markdown]
# ## ★ Extension: zeros that are zeros
#
# No points. Gradient descent does not give $L^1$ the exact zeros that it promises: near 0 a weight jumps
# from one side to the other, by $\eta\alpha$ a step. The remedy follows the example by hand. Make a step
# with the gradient of the *loss* alone, to $v = w - \eta \nabla L$, and then move each weight by
# $\eta\alpha$ towards 0, but not beyond it:
#
# $$w \leftarrow \operatorname{sign}(v)\, \max(\lvert v \rvert - \eta\alpha,\ 0) .$$
#
# (It is the minimum of $\frac12 (w - v)^2 + \eta\alpha \lvert w \rvert$, by the formula under *A price for
# large weights* with $\lambda = 1$. Beck and Teboulle, 2009, show that it converges, and how to make it
# faster.) Train so on `world(True, 0)`. How many of the 500 weights are exactly 0, and are the five among
# the others? From which $\alpha$ on are all 0? That can be read off the gradient at $w = 0$.
#
# ## Read on
#
# - A. Hoerl, R. Kennard: Ridge regression: biased estimation for nonorthogonal problems, *Technometrics*
#   12, 1970, doi:10.1080/00401706.1970.10488634: why it pays to shrink.
# - R. Tibshirani: Regression shrinkage and selection via the lasso, *Journal of the Royal Statistical
#   Society B* 58, 1996, doi:10.1111/j.2517-6161.1996.tb02080.x: why $L^1$ chooses.
# - H. Zou, T. Hastie: Regularization and variable selection via the elastic net, *Journal of the Royal
#   Statistical Society B* 67, 2005, doi:10.1111/j.1467-9868.2005.00503.x: both together.
# - C. Bishop: Training with noise is equivalent to Tikhonov regularization, *Neural Computation* 7, 1995,
#   doi:10.1162/neco.1995.7.1.108: noise for networks that are not linear.
# - C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna: Rethinking the Inception architecture for
#   computer vision, 2016, arXiv:1512.00567: label smoothing.
# - R. Müller, S. Kornblith, G. Hinton: When does label smoothing help?, 2019, arXiv:1906.02629: what it
#   does to the layer below, and to distillation.
# - L. Prechelt: Early stopping – but when?, 1998, doi:10.1007/3-540-49430-8_3: rules, and what they cost.
# - A. Beck, M. Teboulle: A fast iterative shrinkage-thresholding algorithm for linear inverse problems,
#   *SIAM Journal on Imaging Sciences* 2, 2009, doi:10.1137/080716542: the extension.

# %% [markdown] tags=["hints"]
# ## l2_penalty
# 1. The penalty is one number for all of w; the gradient has the shape of w.
# 2. $R = \frac{\alpha}{2} \sum_i w_i^2$, and $\partial R / \partial w_i = \alpha\, w_i$.
# 3. Square, sum over all entries, and multiply by half of alpha. For the gradient multiply w by alpha: the 2
#    of the derivative and the half cancel.
#
# ## l1_penalty
# 1. The penalty is one number for all of w; the gradient has the shape of w.
# 2. $R = \alpha \sum_i \lvert w_i \rvert$, and $\partial R / \partial w_i = \alpha \operatorname{sign}(w_i)$.
# 3. Sum the absolute values and multiply by alpha. For the gradient take the sign of each weight, which is 0
#    at 0, times alpha.
#
# ## lp_norm
# 1. The norm is one number for all of w, however many axes w has; the gradient has the shape of w.
# 2. $\lVert w \rVert_p = m\, (\sum_i (\lvert w_i \rvert / m)^p)^{1/p}$ with $m = \max_i \lvert w_i \rvert$, and
#    $\partial \lVert w \rVert_p / \partial w_i = \operatorname{sign}(w_i)\, (\lvert w_i \rvert / \lVert w \rVert_p)^{p-1}$.
# 3. Report a p below 1. Find the largest absolute value, and deal with the case that it is 0. Divide by it,
#    raise to the power p, sum, take the root, multiply by it again. For the gradient divide the absolute
#    values by the norm first, then raise to p − 1, and give them their signs.
#
# ## add_penalty
# 1. The loss stays one number, and the gradients stay a list of pairs, with the shapes of the parameters.
# 2. $\tilde L = L + \sum_W (R_1(W) + R_2(W))$, and the gradient of each $W$ gets those of its own two terms.
# 3. Go through parameters and gradients together. For each layer's weights ask both penalty functions. Add
#    their values to the loss, and their gradients to that of the weights; leave that of the bias as it is.
#    Build a new list.
#
# ## smooth_labels
# 1. There is a row for each label and a column for each class, (N, K).
# 2. $q_{nk} = (1 - \varepsilon)\, [k = y_n] + \varepsilon / K$.
# 3. Report an eps out of range. Fill the table with the share that every class gets. Then add one minus eps in
#    each row, in the column of its label.
#
# ## add_noise
# 1. The noise has the shape of x: one number for each entry.
# 2. $x + \sigma n$, with $n \sim N(0, 1)$.
# 3. Make a generator of your own and seed it. Draw standard normal numbers in the shape of x from it, bring
#    them to the dtype and device of x, and add std times these to x, as a new tensor.
#
# ## shift_images
# 1. x and the result are (N, H, W). With dy of shape (N, 1) and the rows 0 … H−1 you get an (N, H) table of
#    the rows to read from, and likewise (N, W) for the columns.
# 2. $y_{nij} = x_{n,\, i - d_{y,n},\, j - d_{x,n}}$ where both indices are inside, else 0.
# 3. Make the tables of rows and of columns to read from. Say where both are inside the image. Read, with
#    indices held inside, and put 0 where they were not. A loop over the images that copies what remains into
#    zeros is right, too.
#
# ## jitter
# 1. There are two offsets for each image: two tensors of shape (N,).
# 2. Each offset is from $\{-r, \dots, r\}$, $2r + 1$ numbers with equal probability.
# 3. Make a generator of your own and seed it. Draw whole numbers for the rows and for the columns; look up
#    whether the upper end that you give is included. Then shift with them.
#
# ## train
# 1. The parameters keep their shapes. The losses are single numbers, at most one more than there are steps.
# 2. $w \leftarrow w - \eta\, (\nabla_w L + \nabla R)$ and $b \leftarrow b - \eta\, \nabla_b L$; stop when the
#    lowest validation loss is as many steps old as the patience says.
# 3. Begin with the validation loss of the start: it is the lowest so far. In each step find the gradients on
#    the training set, add the penalties, and move. Then find the validation loss, without penalties. If it is
#    lower than the lowest, keep it with its parameters and begin to count anew; if not, count on. Return what
#    you have kept.
