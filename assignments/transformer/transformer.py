# %% [markdown]
# # Attention and the transformer block
#
# A layer in which every position of a sequence asks all the others for what it needs. You write
# attention and its gradient, several heads side by side, and the block that transformers are
# stacked from.
#
# **Afterwards you can** write attention with masks and heads and the block around it, derive all
# their gradients, and say what a transformer knows about order and what it does not.
#
# Before: *Softmax and cross-entropy* gives the softmax and its Jacobian; *Layer normalisation* gives
# the norm that stands twice in every block. This is the last topic so far. What it builds on is not
# *Convolution*, the topic before it, but the two are worth comparing: there a unit sees a fixed
# window, here it chooses.
#
# **Conventions.** $B$ sequences of $T$ positions with $D$ features are a tensor $(B, T, D)$: a
# position is a row. A forward function returns `(out, cache)`; a backward function receives
# `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the inputs
# in the order of the forward's arguments; masks and numbers of heads have none. Parameters are
# dicts, and their gradients are dicts with the same keys. Nothing is modified in place; dtypes
# follow the inputs. You have derived the softmax already: `torch.softmax` is allowed.

# %% [markdown]
# ## By hand
#
# A block does two things in turn: it mixes *positions*, and it transforms each position by itself.
# Here are both in a network of three layers, on a sequence of 3 positions with 3 features. Layer 1
# mixes with a fixed matrix $A$: each position adds its right neighbour to itself, and the last
# stays as it is. Layers 2 and 3 are the *feed-forward network*, $3 \to 4 \to 3$, the same for every
# position.
#
# $$X = \begin{pmatrix} 2 & 1 & 0 \\ 1 & 3 & 1 \\ 0 & 1 & 2 \end{pmatrix}, \quad
#   A = \begin{pmatrix} 1 & 1 & 0 \\ 0 & 1 & 1 \\ 0 & 0 & 1 \end{pmatrix}, \qquad
#   Z = AX, \quad H = \max(Z W_1 + b_1,\, 0), \quad Y = H W_2 + b_2 ,$$
#
# $$W_1 = \begin{pmatrix} 1 & -1 & 1 & 0 \\ 1 & 1 & 0 & 1 \\ -1 & 0 & 1 & 1 \end{pmatrix}, \quad
#   b_1 = (1, -2, 2, 1), \qquad
#   W_2 = \begin{pmatrix} 2 & -1 & 0 \\ 1 & 2 & -1 \\ -1 & 2 & 0 \\ 0 & 2 & 1 \end{pmatrix}, \quad
#   b_2 = (2, 0, -1) .$$
#
# | | position 1 | position 2 | position 3 |
# |---|---|---|---|
# | $x$ | $(2, 1, 0)$ | $(1, 3, 1)$ | $(0, 1, 2)$ |
# | layer 1: $z = x + \text{right neighbour}$ | $(3, 4, 1)$ | $(1, 4, 3)$ | $(0, 1, 2)$ |
# | $z W_1 + b_1$ | $(7, -1, 6, 6)$ | $(3, 1, 6, 8)$ | $(0, -1, 4, 4)$ |
# | layer 2: $h = \max(\cdot, 0)$ | $(7, 0, 6, 6)$ | $(3, 1, 6, 8)$ | $(0, 0, 4, 4)$ |
# | layer 3: $y = h W_2 + b_2$ | $(10, 17, 5)$ | $(3, 27, 6)$ | $(-2, 16, 3)$ |
#
# Read the table by columns and by rows. *By columns:* only the row of layer 1 looks into another
# column. Change $x_3$, and of $y_1, y_2, y_3$ the last two can change. *By rows:* no entry waits for
# another entry of its row. Three people with three pencils need the time of one.
#
# Now append two positions, $x_4 = (3, 0, 1)$ and $x_5 = (1, 2, 2)$. No parameter changes, for none
# of them knows how long the sequence is. $y_1$ and $y_2$ stay, but position 3 has got a neighbour:
# $z_3 = (3, 1, 3)$, and from there $y_3 = (-2, 24, 4)$. Do the last two, and keep the sheet: the
# numbers of the three positions, from $z$ to $y$, are the first that `gradus check` asks of you,
# and those of the five come second.
#
# This is a warm-up and not yet attention. In attention nobody fixes $A$: it is computed from the
# input, anew for every sequence, out of queries and keys; its rows are probabilities, by a softmax
# over scores divided by $\sqrt D$; and what is mixed are values, not the input itself.

# %%
import torch

# %% [markdown]
# ## All positions at once
#
# A recurrent network reads a sequence as one does: $h_t = f(h_{t-1}, x_t)$. Step $t$ has to wait
# for step $t - 1$, so $T$ positions are $T$ steps one after the other, however many processors
# there are, and what position 1 has to tell position $T$ passes through all the steps between. A
# block has no such chain: every row of $A$, and every row of $Y$, can be computed at the same time,
# and each position is one step away from every other. For one layer of width $D$:
#
# | | multiplications, about | one after the other | steps from position 1 to $T$ |
# |---|---|---|---|
# | recurrent | $T D^2$ | $T$ | $T - 1$ |
# | attention, without its projections | $T^2 D$ | $1$ | $1$ |
#
# (Vaswani et al., 2017, section 4.) The price is $T^2$: twice the text is four times the scores. And
# it is *training* that is parallel, when the whole text is known: with a mask that hides what comes
# later, one pass predicts all $T$ next letters. A network that *writes* has to wait for its own last
# letter like any other: $T$ letters are $T$ passes.
#
# ## The feed-forward network
#
# It is the multi-layer perceptron that you know, with positions in the place of examples. So a
# weight is shared by all examples *and* all positions, and its gradient collects them all:
#
# $$\frac{\partial L}{\partial w_{de}} = \sum_{b} \sum_{t} x_{btd}\, \bar y_{bte}, \qquad
#   \frac{\partial L}{\partial b_e} = \sum_b \sum_t \bar y_{bte} .$$


# %%
def feed_forward_forward(x, params):
    """Two linear layers with a ReLU between them, at every position: max(x W1 + b1, 0) W2 + b2.

    x: (B, T, D), params: dict of w1 (D, F), b1 (F,), w2 (F, O), b2 (O,). Returns (out, cache),
    out: (B, T, O). Vaswani et al., 2017, section 3.3.
    """
    raise NotImplementedError


def feed_forward_backward(dout, cache):
    """Gradients of the feed-forward network; ReLU's is 0 where its input was not positive.

    dout: (B, T, O). Returns (dx, dparams): dx (B, T, D), dparams with the keys and shapes of
    params.
    """
    raise NotImplementedError


# %% [markdown]
# ## Who may look at whom
#
# A *mask* says which positions a query may attend to: in this course **True means that it may**.
# (`torch.nn.functional.scaled_dot_product_attention` has the same convention;
# `torch.nn.MultiheadAttention` has the opposite one.) A model that predicts the next token must not
# see it: position $t$ may attend to the positions $s \le t$, itself included. For $t = 0$ that
# leaves one, so whatever the scores are, the first output of causal attention is $v_0$.


# %%
def causal_mask(t):
    """Position i may attend to the positions j ≤ i. t: number of positions, ≥ 1.

    Returns a boolean tensor (t, t), True where row i may attend to column j.
    """
    raise NotImplementedError


# %% [markdown]
# ## Attention
#
# Query $q_t$ asks, key $k_s$ answers how well it fits, and value $v_s$ is what there is to get:
#
# $$\ell_{ts} = \frac{q_t \cdot k_s}{\sqrt D}, \qquad
#   p_{ts} = \frac{e^{\ell_{ts}}}{\sum_{r} e^{\ell_{tr}}}, \qquad
#   o_t = \sum_s p_{ts}\, v_s .$$
#
# The $\ell_{ts}$ are the *scores*, the $p_{ts}$ the *weights*. The keys may belong to another
# sequence than the queries, so there are $T$ queries and $S$ keys. Each *query* shares out one unit
# of attention among the keys. The sum over $s$ does not know the order of the keys: permute keys
# and values together and nothing changes.
#
# **Why $\sqrt D$?** Let the entries of $q$ and $k$ be independent with mean $0$ and variance $1$. A
# product $q_d k_d$ then has variance $1$, so $q \cdot k$, a sum of $D$ of them, has variance $D$
# and standard deviation $\sqrt D$. Without the root the scores of wide heads are large, the softmax
# is close to one-hot, and almost no gradient gets through. Dividing by $D$ is too much: the scores
# would shrink to $1/\sqrt D$, and every query would attend to everything alike.
#
# **Masks.** A key that must not be seen gets the score $-\infty$, *before* the softmax, so that
# $e^{-\infty} = 0$ and the others share the whole unit. A score of $0$ is an ordinary score with
# $e^0 = 1$. Setting probabilities to $0$ *after* the softmax leaves rows that sum to less than $1$,
# by an amount that depends on the very keys that were to be hidden. Renormalising them afterwards
# is right on paper and $0/0$ in floating point, when a hidden key has the largest score by far.
#
# A query whose keys are *all* masked has nothing to share out: the formula says $0/0$. The
# convention here is that its output is zero, and that no gradient passes through it. (Padding
# makes such rows; one NaN in them reaches every weight in the next step.)
#
# **Backwards.** Two matrix products and a softmax, in the opposite order. With
# $\bar O = \partial L / \partial O$ for one sequence,
#
# $$O = PV \;\Rightarrow\; \bar P = \bar O V^\top, \quad \bar V = P^\top \bar O .$$
#
# For one query, $\partial p_s / \partial \ell_r = p_s ([s = r] - p_r)$, where $[s = r]$ is $1$ for
# $s = r$ and $0$ otherwise. Sum over the ways from $\ell_{tr}$ to the output:
#
# $$\bar \ell_{tr} = \sum_s \bar p_{ts}\, p_{ts} ([s = r] - p_{tr})
#   = p_{tr} \Big( \bar p_{tr} - \sum_s p_{ts}\, \bar p_{ts} \Big) .$$
#
# Where $p_{tr} = 0$ the gradient is $0$: a masked score needs no further care. What remains is
# $QK^\top / \sqrt D$, a product in which $Q$ and $K$ play the same part. Do not lose the root on
# the way back.


# %%
def attention_forward(q, k, v, mask=None):
    """Scaled dot-product attention: softmax(q kᵀ / √D) v, the softmax over the keys.

    q: (..., T, D), k: (..., S, D), v: (..., S, E), with the same leading axes: (B,) or (B, H).
    mask: boolean, broadcastable to (..., T, S), True: query t may attend to key s; None: all may.
    A query that may attend to no key gives zeros. Returns (out, cache), out: (..., T, E).
    Finite for any finite scores. Vaswani et al., 2017, section 3.2.1.
    """
    raise NotImplementedError


def attention_backward(dout, cache):
    """Gradients of attention. dout: (..., T, E). Returns (dq, dk, dv) in the shapes of q, k, v.

    A query that may attend to no key passes no gradient.
    """
    raise NotImplementedError


# %% [markdown]
# ## Heads
#
# One softmax can look at one thing at a time. So the features are cut into $H$ *heads*, and each
# attends for itself: head $h$ has the features $hD/H, \dots, (h+1)D/H - 1$ of every position,
#
# $$y_{b,h,t,j} = x_{b,\,t,\,hD/H + j}, \qquad 0 \le j < D/H .$$
#
# In memory the features of a position lie side by side, and the positions one after the other. A
# reshape never moves a number: it only counts them anew. Write down which index runs fastest in
# $x$ and which in $y$, for $T = 2$, $D = 4$, $H = 2$, and you see what a reshape straight to
# $(B, H, T, D/H)$ would put into the first head.


# %%
def split_heads(x, heads):
    """Cut the features into heads: head h gets the h-th run of D / heads features.

    x: (B, T, D), heads ≥ 1. Returns (B, heads, T, D / heads). Raises ValueError when heads does
    not divide D.
    """
    raise NotImplementedError


def merge_heads(x):
    """The inverse of split_heads: the heads' features side by side.

    x: (B, H, T, D). Returns (B, T, H · D).
    """
    raise NotImplementedError


# %% [markdown]
# ## Multi-head attention
#
# Queries come from $x$, keys and values from a *context* $c$: another sequence in
# cross-attention, $x$ itself in self-attention.
#
# $$Q = x W_Q, \qquad K = c W_K, \qquad V = c W_V, \qquad
#   \text{out} = \operatorname{merge}\big(\operatorname{attention}(Q_h, K_h, V_h)_{h}\big)\, W_O
#   + b_O .$$
#
# All heads are computed at once: their axis is one more axis like the batch's. Each head is as
# wide as its queries are, and that width is the $D$ under its root.
#
# Backwards, splitting and merging only move numbers, so that each is the other's gradient. The
# context goes two ways, through the keys and through the values: its gradient is the sum of both.


# %%
def multi_head_forward(x, context, params, heads, mask=None):
    """Attention in several heads: queries from x, keys and values from context.

    x: (B, T, D), context: (B, S, C), params: dict of wq (D, M), wk (C, M), wv (C, N), wo (N, O),
    bo (O,); heads divides M and N. mask: boolean, broadcastable to (B, heads, T, S), True: may
    attend: (T, S) holds for all, (B, 1, 1, S) hides each sequence's padding. Returns
    (out, cache), out: (B, T, O). Vaswani et al., 2017, section 3.2.2.
    """
    raise NotImplementedError


def multi_head_backward(dout, cache):
    """Gradients of multi-head attention.

    dout: (B, T, O). Returns (dx, dcontext, dparams): dx (B, T, D), dcontext (B, S, C), dparams
    with the keys and shapes of params.
    """
    raise NotImplementedError


# %% [markdown]
# ## Layer norm
#
# Given: it is the layer that you derived in *Layer normalisation*. Every position is normalised over
# its own features, so that the other positions and the rest of the batch have no say in it.


# %%
def layer_norm_forward(x, gamma, beta, eps=1e-5):
    """γ (x − mean) / √(variance + eps) + β over the last axis, the variance biased.

    x: (..., D), gamma, beta: (D,). Returns (out, cache), out: the shape of x. Ba et al., 2016.
    """
    centred = x - x.mean(-1, keepdim=True)
    inverse_std = (centred.square().mean(-1, keepdim=True) + eps).rsqrt()
    normed = centred * inverse_std
    return gamma * normed + beta, (normed, inverse_std, gamma)


def layer_norm_backward(dout, cache):
    """Gradients of layer norm. dout: (..., D). Returns (dx, dgamma, dbeta)."""
    normed, inverse_std, gamma = cache
    dnormed = dout * gamma
    mean = dnormed.mean(-1, keepdim=True)
    slope = (dnormed * normed).mean(-1, keepdim=True)
    rows = tuple(range(dout.ndim - 1))
    dx = inverse_std * (dnormed - mean - slope * normed)
    return dx, (dout * normed).sum(rows), dout.sum(rows)


# %% [markdown]
# ## The block
#
# $$u = x + \operatorname{MultiHead}\big(\operatorname{LN}_1(x)\big), \qquad
#   y = u + \operatorname{FFN}\big(\operatorname{LN}_2(u)\big) .$$
#
# In self-attention $\operatorname{LN}_1(x)$ is both the queries' source and the context. This is
# the *pre-norm* block: the norm stands at the entrance of each branch, and the residual carries
# $x$ past it, untouched. The original paper is *post-norm* and normalises the sum,
#
# $$u = \operatorname{LN}_1\big(x + \operatorname{MultiHead}(x)\big) .$$
#
# There every residual goes through a norm, and deep stacks need a warm-up of the learning rate
# (Xiong et al., 2020).
#
# Backwards, the sum $y = u + \operatorname{FFN}(\operatorname{LN}_2(u))$ hands $\bar y$ to both of
# its terms, and $u$ collects what comes back along both ways:
#
# $$\bar u = \bar y + \text{what the branch returns for } \bar y .$$
#
# The first summand is why deep stacks train: a path along which the gradient is not multiplied by
# anything. Count the ways from $x$ to $u$ in the same fashion; there are more than two.


# %%
def block_forward(x, params, heads, mask=None):
    """A pre-norm transformer block: u = x + multi_head(LN1(x)), out = u + feed_forward(LN2(u)).

    x: (B, T, D), params: dict of ln1, ln2 (dicts of gamma (D,), beta (D,)), attention (as
    multi_head_forward's, from D to D features), ffn (as feed_forward_forward's, from D to D);
    mask as in multi_head_forward. Returns (out, cache), out: (B, T, D). Xiong et al., 2020.
    """
    raise NotImplementedError


def block_backward(dout, cache):
    """Gradients of the block.

    dout: (B, T, D). Returns (dx, dparams): dx (B, T, D), dparams with the keys and shapes of
    params.
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: does it have to know where?
#
# Strings of 8 random letters are to be written backwards: position 1 writes the last letter,
# position 8 the first. The network is given, and small. Every letter has a vector of 32 numbers,
# and so has every *place*, 1 to 8; their sum enters one block with one head; a matrix makes 26
# scores for each position out of what the block returns. All of it is learnt, by your
# `block_backward` and Adam, from new random strings in every step. Four networks: with and without
# the vectors of the places, without a mask and with a causal one.
#
# Write down before you run it: **which of the four can reverse? What will the others get right: half
# of the letters, one in eight, one in twenty-six?**


# %%
def beginning(letters, places, width, seed=0):
    """Random parameters of a network: letters and places as vectors, one block, scores of letters."""
    generator = torch.Generator().manual_seed(seed)

    def normal(rows, columns, variance):
        return torch.randn(rows, columns, generator=generator) * variance**0.5

    d, hidden = width, 2 * width
    attention = {name: normal(d, d, 1 / d) for name in ("wq", "wk", "wv", "wo")}
    ffn = {"w1": normal(d, hidden, 2 / d), "w2": normal(hidden, d, 1 / hidden)}
    block = {
        "attention": {**attention, "bo": torch.zeros(d)},
        "ffn": {**ffn, "b1": torch.zeros(hidden), "b2": torch.zeros(d)},
        "ln1": {"gamma": torch.ones(d), "beta": torch.zeros(d)},
        "ln2": {"gamma": torch.ones(d), "beta": torch.zeros(d)},
    }
    params = {"letters": normal(letters, d, 1), "block": block, "out": normal(d, letters, 1 / d)}
    return {**params, "places": normal(places, d, 1)} if places else params


def embed(letters, params):
    """The vectors of letters (B, T), with those of their places if there are any: (B, T, D)."""
    x = params["letters"][letters]
    return x + params["places"][: x.shape[1]] if "places" in params else x


def network(letters, params, heads=1, mask=None):
    """Scores for what each position writes. letters: (B, T). Returns (logits (B, T, V), cache)."""
    y, cache = block_forward(embed(letters, params), params["block"], heads, mask)
    return y @ params["out"], (y, cache)


def loss_and_gradients(letters, wanted, params, heads=1, mask=None):
    """Mean cross-entropy of the letters wanted, (B, T), and its gradients in the form of params."""
    logits, (y, cache) = network(letters, params, heads, mask)
    log_p = torch.log_softmax(logits, -1)
    onehot = torch.eye(logits.shape[-1])
    dlogits = (log_p.exp() - onehot[wanted]) / wanted.numel()
    dx, dblock = block_backward(dlogits @ params["out"].T, cache)
    gradients = {
        "letters": torch.einsum("btv,btd->vd", onehot[letters], dx),
        "places": dx.sum(0),
        "block": dblock,
        "out": torch.einsum("btd,btv->dv", y, dlogits),
    }
    return -(onehot[wanted] * log_p).sum(-1).mean(), gradients


def adam(params, gradients, moments, step, lr):
    """One step of Adam on dicts of dicts. Returns (params, moments), moments a dict of pairs."""
    if isinstance(params, dict):
        new = {n: adam(params[n], gradients[n], moments.get(n, {}), step, lr) for n in params}
        return tuple({name: pair[part] for name, pair in new.items()} for part in (0, 1))
    m, v = moments or (0, 0)
    m, v = 0.9 * m + 0.1 * gradients, 0.99 * v + 0.01 * gradients**2
    descent = m / (1 - 0.9**step) / ((v / (1 - 0.99**step)).sqrt() + 1e-8)
    return params - lr * descent, (m, v)


def learn(params, batches, lr, heads=1, mask=None):
    """Train on pairs (letters, wanted). Yields the parameters before every step and the loss then."""
    moments = {}
    for step, (letters, wanted) in enumerate(batches, 1):
        loss, gradients = loss_and_gradients(letters, wanted, params, heads, mask)
        yield params, loss
        params, moments = adam(params, gradients, moments, step, lr)


def reversals(batches, size=32, seed=0):
    """Batches of random strings of 8 letters, and the same strings backwards."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(batches):
        strings = torch.randint(26, (size, 8), generator=generator)
        yield strings, strings.flip(1)


def experiment(quick=False):
    """Which networks learn to reverse a string: with and without places, with and without a mask.

    Returns the rows of a table, the first its head: how many of the letters are right, among those
    that positions 1–4 write and those of positions 5–8.
    """
    rows = [("vectors of places", "mask", "right, positions 1–4", "right, positions 5–8")]
    ((new, wanted),) = reversals(1, size=1000, seed=1)
    for places, mask in ((8, None), (0, None), (8, causal_mask(8)), (0, causal_mask(8))):
        batches = reversals(4 if quick else 150)
        *_, (params, _) = learn(beginning(26, places, 32), batches, lr=0.01, mask=mask)
        right = (network(new, params, mask=mask)[0].argmax(-1) == wanted).double().mean(0)
        named = ("yes" if places else "no", "none" if mask is None else "causal")
        rows.append((*named, right[:4].mean().item(), right[4:].mean().item()))
    return rows


# %% [markdown]
# Only the first: 1.00 of the letters of new strings are right. The others fail in three ways.
#
# **Without places** 0.21 and 0.23 are right, in the first and the second half. Exchange the
# positions of the input by a permutation, $X \to \Pi X$. Queries, keys and values are exchanged
# alike, the scores become $\Pi S \Pi^\top$, the weights $\Pi P \Pi^\top$, and attention returns
# $\Pi P \Pi^\top \Pi V = \Pi P V$. Norms, the feed-forward network and the sums treat every row by
# itself. So
#
# $$\operatorname{block}(\Pi X) = \Pi \operatorname{block}(X) ,$$
#
# for whatever parameters: no training helps. What a position writes depends on its own letter and
# on *which* the seven others are, and the one that it needs may be any of them. The best it can do
# is to name the one that occurs most often: right in 0.23 of all cases (counted in 20,000 random
# strings). That is better than one in eight, for letters occur twice, and much better than one in
# 26, for it does see which letters there are. A vector for each place ends it: the rows of $X$ are
# no longer the same rows in another order.
#
# **Causal, with places**, positions 5–8 get 1.00: the letters that they need, 4 to 1, lie before
# them. Positions 1–4 need the letters 8 to 5, which the mask hides: 0.04, and one in 26 is 0.038.
# **Causal, without**, positions 1–4 are as blind (0.04), and positions 5–8 can name the letter that
# is most frequent before them: 0.20, where 0.26 could be reached.

# %% [markdown]
# ## Show: an antidiagonal, and a nursery rhyme
#
# Above, the attention of the block with places for the word *backward*, after 0, 10, 20 and 100
# steps. A row is a position that writes: on the left stands the letter that it writes, below the
# letters that it can read. Attention is asked for its weights with a trick: with the identity in
# the place of $V$ it returns $PI = P$. The curves are those of the networks without a mask; every
# batch is new, so nothing can be learnt by heart.
#
# Then the same network predicts the next letter of a nursery rhyme: three heads, a causal mask, 24
# letters of context, and so 24 predictions in one pass. To write, it has to draw one letter after
# the other. The grey lines are the least that a table of the letters' frequencies can reach, and
# one of the pairs': 2.67 and 1.43 nats. The block comes to 0.23 on the ten verses that it trains
# on, and to 0.84 on the last, of which the first line is new to it and the rest is not.


# %%
def figure(quick=False):
    """Attention while a block learns to reverse, and a model of letters that writes a rhyme."""
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(11, 9.6), layout="constrained")
    top, middle, bottom = drawn.subfigures(3, 1, height_ratios=(3, 3, 2.6))
    left, right = middle.subplots(1, 2)
    draw_reversing(top, left, (0, 1, 2, 3) if quick else (0, 10, 20, 100))
    samples = draw_rhyme(right, 2 if quick else 500)
    bottom.text(0.02, 0.97, "\n\n".join(samples), family="monospace", fontsize=9.5, va="top")
    return drawn


def draw_reversing(area, curve, moments):
    """Attention for one word after some steps, and how many letters of each batch are right."""
    word = "backward"
    letters = torch.tensor([[ord(letter) - ord("a") for letter in word]])
    panels = dict(zip(moments, area.subplots(1, 4), strict=True))
    for name, places in (("with places", 8), ("without", 0)):
        batches, right = list(reversals(moments[-1] + 1)), []
        learning = learn(beginning(26, places, 32), batches, lr=0.01)
        for step, (params, _) in enumerate(learning):
            strings, wanted = batches[step]
            right.append((network(strings, params)[0].argmax(-1) == wanted).double().mean())
            if places and step in panels:
                weights = panels[step].imshow(attended(letters, params), cmap="Purples", vmax=1)
                written = network(letters, params)[0].argmax(-1)[0]
                panels[step].set(title=f"after {step} steps", xlabel="the letter read")
                panels[step].set_xticks(range(8), word)
                panels[step].set_yticks(range(8), [chr(ord("a") + letter) for letter in written])
        curve.plot(right, label=name)
    panels[0].set_ylabel("the letter written")
    area.colorbar(weights, ax=list(panels.values()), label="attention weight", shrink=0.8)
    curve.set(title="reversing random strings", xlabel="steps", ylabel="share of letters right")
    curve.legend(loc="center right")


def attended(letters, params):
    """The weights of the only head: what attention returns for the identity in place of values."""
    normed, _ = layer_norm_forward(embed(letters, params), **params["block"]["ln1"])
    q, k = (normed @ params["block"]["attention"][name] for name in ("wq", "wk"))
    return attention_forward(q, k, torch.eye(q.shape[1])[None])[0][0]


def draw_rhyme(curve, steps, context=24, heads=3):
    """The loss of a model that predicts the next letter. Returns what it writes as it learns."""
    import textwrap

    rhyme = house_that_jack_built()
    alphabet = sorted(set(rhyme))
    codes = torch.tensor([alphabet.index(letter) for letter in rhyme])
    last = rhyme.index("This is the farmer")  # the last verse is not trained on
    windows, unseen = codes[:last].unfold(0, context + 1, 1), codes[last:].unfold(0, context + 1, 1)
    generator = torch.Generator().manual_seed(0)

    def batches():
        for _ in range(steps + 1):
            batch = windows[torch.randint(len(windows), (16,), generator=generator)]
            yield batch[:, :-1], batch[:, 1:]

    def write(params):
        text = codes[:1]
        for _ in range(12 * min(steps, 25)):
            seen = text[-context:]
            logits, _ = network(seen[None], params, heads, causal_mask(len(seen)))
            p = torch.softmax(logits[0, -1], -1)
            text = torch.cat([text, torch.multinomial(p, 1, generator=generator)])
        return textwrap.fill("".join(alphabet[letter] for letter in text), 120)

    losses, at_last, samples, mask = [], {}, [], causal_mask(context)
    start = beginning(len(alphabet), context, width=48)
    for step, (params, loss) in enumerate(learn(start, batches(), 0.007, heads, mask)):
        losses.append(loss)
        if step in (0, steps // 5, steps):
            samples.append(f"after {step} steps:\n{write(params)}")
        if step % max(steps // 40, 1) == 0:
            pair = unseen[::context, :-1], unseen[::context, 1:]
            at_last[step], _ = loss_and_gradients(*pair, params, heads, mask)

    onehot = torch.eye(len(alphabet))[codes]
    single, pairs = onehot.mean(0), onehot[:-1].T @ onehot[1:] / (len(codes) - 1)
    entropy = -torch.xlogy(single, single).sum()
    of_next = -torch.xlogy(pairs, pairs / pairs.sum(1, keepdim=True)).sum()
    curve.plot(losses, label="ten verses", linewidth=1)
    curve.plot(at_last.keys(), at_last.values(), label="the last verse, not trained on")
    curve.axhline(entropy, color="grey", linestyle=":", label="frequencies of letters")
    curve.axhline(of_next, color="grey", linestyle="--", label="frequencies of pairs of letters")
    curve.set(title="the next letter of a rhyme", xlabel="steps", ylim=0)
    curve.set_ylabel("loss (nats per letter)")
    curve.legend()
    return samples


def house_that_jack_built():
    """The nursery rhyme, eleven verses, each with the one before it in its tail."""
    lines = (
        "the house that Jack built.",
        "the malt that lay in",
        "the rat that ate",
        "the cat that killed",
        "the dog that worried",
        "the cow with the crumpled horn that tossed",
        "the maiden all forlorn that milked",
        "the man all tattered and torn that kissed",
        "the priest all shaven and shorn that married",
        "the cock that crowed in the morn that waked",
        "the farmer sowing his corn that kept",
    )
    verses = (" ".join(["This is", *reversed(lines[:n])]) for n in range(1, len(lines) + 1))
    return " ".join(verses)


# %% [markdown]
# ## ★ Extension
#
# A causal network without vectors of places is not wholly blind to order (no points): position $t$
# shares its attention among $t$ letters. Let the first letter of every string be the same, so that
# its share tells $t$. Train the fourth network of the experiment on such strings; then give it a
# second block, with gradients for both. Measured once, with 2,000 steps at the rate 0.005:
# positions 5–7 get 0.3 of their letters right with one block, and 0.9 with two. What does the first
# block do for the second? (Haviv et al., 2022.)
#
# ## Read on
#
# - A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, Ł. Kaiser, I. Polosukhin:
#   Attention is all you need, 2017, arXiv:1706.03762. All of this topic, in fifteen pages.
# - D. Bahdanau, K. Cho, Y. Bengio: Neural machine translation by jointly learning to align and
#   translate, 2014, arXiv:1409.0473. Attention, before it stood alone.
# - R. Xiong et al.: On layer normalization in the transformer architecture, 2020, arXiv:2002.04745.
#   Why the norm stands at the entrance of a branch.
# - J. Ba, J. Kiros, G. Hinton: Layer normalization, 2016, arXiv:1607.06450.
# - A. Haviv, O. Ram, O. Press, P. Izsak, O. Levy: Transformer language models without positional
#   encodings still learn positional information, 2022, arXiv:2203.16634. The extension, on large
#   models.
# - J. Su et al.: RoFormer: Enhanced transformer with rotary position embedding, 2021,
#   arXiv:2104.09864. Places as rotations of queries and keys, in place of vectors that are added.
