# %% [markdown]
# # Attention and the transformer block
#
# A layer in which every position of a sequence asks all the others for what it needs. You write
# attention and its gradient, several heads side by side, and the block that transformers are
# stacked from.
#
# **Conventions.** $B$ sequences of $T$ positions with $D$ features are a tensor $(B, T, D)$: a
# position is a row. A forward function returns `(out, cache)`; a backward function receives
# `dout`, the gradient of the loss with respect to `out`, and returns the gradients of the inputs
# in the order of the forward's arguments; masks and numbers of heads have none. Parameters are
# dicts, and their gradients are dicts with the same keys. Nothing is modified in place; dtypes
# follow the inputs. You have derived the softmax already: `torch.softmax` is allowed.

# %%
import torch

# %% [markdown]
# ## A warm-up: mix the positions, then transform each
#
# A block does two things in turn: it mixes *positions*, and it transforms each position by itself.
# Here is one by hand, with $5$ positions of $3$ features. The mixing matrix is fixed: each position
# adds its right neighbour to itself, and the last stays as it is.
#
# $$X = \begin{pmatrix} 2 & 1 & 0 \\ 1 & 3 & 1 \\ 0 & 1 & 2 \\ 3 & 0 & 1 \\ 1 & 2 & 2
#   \end{pmatrix}, \qquad
#   A = \begin{pmatrix} 1 & 1 & 0 & 0 & 0 \\ 0 & 1 & 1 & 0 & 0 \\ 0 & 0 & 1 & 1 & 0 \\
#   0 & 0 & 0 & 1 & 1 \\ 0 & 0 & 0 & 0 & 1 \end{pmatrix}, \qquad Z = AX .$$
#
# Then the *feed-forward network*, $3 \to 4 \to 3$, the same for every position:
#
# $$H = \max(Z W_1 + b_1,\, 0), \qquad Y = H W_2 + b_2 ,$$
#
# $$W_1 = \begin{pmatrix} 1 & -1 & 1 & 0 \\ 1 & 1 & 0 & 1 \\ -1 & 0 & 1 & 1 \end{pmatrix}, \quad
#   b_1 = (1, -2, 2, 1), \qquad
#   W_2 = \begin{pmatrix} 2 & -1 & 0 \\ 1 & 2 & -1 \\ -1 & 2 & 0 \\ 0 & 2 & 1 \end{pmatrix}, \quad
#   b_2 = (2, 0, -1) .$$
#
# Pencil and paper: $z_1 = (3, 4, 1)$ and $y_1 = (10, 17, 5)$; where positions are drawn as columns,
# that is column 1. Do the other four, and keep the sheet: it is the first check of your function.
#
# This is a warm-up and not yet attention. In attention nobody fixes $A$: it is computed from the
# input, anew for every sequence, out of queries and keys; its rows are probabilities, by a softmax
# over scores divided by $\sqrt D$; and what is mixed are values, not the input itself.
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
    # BEGIN SOLUTION
    hidden = (x @ params["w1"] + params["b1"]).clamp(min=0)
    out = hidden @ params["w2"] + params["b2"]
    return out, (x, hidden, params)
    # END SOLUTION


def feed_forward_backward(dout, cache):
    """Gradients of the feed-forward network; ReLU's is 0 where its input was not positive.

    dout: (B, T, O). Returns (dx, dparams): dx (B, T, D), dparams with the keys and shapes of
    params.
    """
    # BEGIN SOLUTION
    x, hidden, params = cache
    dhidden = dout @ params["w2"].T * (hidden > 0)
    dparams = {
        "w1": torch.einsum("btd,btf->df", x, dhidden),
        "b1": dhidden.sum((0, 1)),
        "w2": torch.einsum("btf,bto->fo", hidden, dout),
        "b2": dout.sum((0, 1)),
    }
    return dhidden @ params["w1"].T, dparams
    # END SOLUTION


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
    # BEGIN SOLUTION
    return torch.ones(t, t, dtype=torch.bool).tril()
    # END SOLUTION


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
    # BEGIN SOLUTION
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        empty = ~mask.any(-1, keepdim=True)
        weights = weights.masked_fill(empty, 0)  # the softmax of no scores is 0/0
    return weights @ v, (q, k, v, weights, scale)
    # END SOLUTION


def attention_backward(dout, cache):
    """Gradients of attention. dout: (..., T, E). Returns (dq, dk, dv) in the shapes of q, k, v.

    A query that may attend to no key passes no gradient.
    """
    # BEGIN SOLUTION
    q, k, v, weights, scale = cache
    dweights = dout @ v.mT
    mean = (weights * dweights).sum(-1, keepdim=True)
    dscores = scale * weights * (dweights - mean)
    return dscores @ k, dscores.mT @ q, weights.mT @ dout
    # END SOLUTION


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
    # BEGIN SOLUTION
    b, t, d = x.shape
    if d % heads:
        raise ValueError(f"{d} features cannot be cut into {heads} heads")
    return x.reshape(b, t, heads, d // heads).transpose(1, 2)
    # END SOLUTION


def merge_heads(x):
    """The inverse of split_heads: the heads' features side by side.

    x: (B, H, T, D). Returns (B, T, H · D).
    """
    # BEGIN SOLUTION
    return x.transpose(1, 2).flatten(2)
    # END SOLUTION


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
    # BEGIN SOLUTION
    q = split_heads(x @ params["wq"], heads)
    k = split_heads(context @ params["wk"], heads)
    v = split_heads(context @ params["wv"], heads)
    attended, attention_cache = attention_forward(q, k, v, mask)
    merged = merge_heads(attended)
    out = merged @ params["wo"] + params["bo"]
    return out, (x, context, params, heads, merged, attention_cache)
    # END SOLUTION


def multi_head_backward(dout, cache):
    """Gradients of multi-head attention.

    dout: (B, T, O). Returns (dx, dcontext, dparams): dx (B, T, D), dcontext (B, S, C), dparams
    with the keys and shapes of params.
    """
    # BEGIN SOLUTION
    x, context, params, heads, merged, attention_cache = cache
    dattended = split_heads(dout @ params["wo"].T, heads)
    dq, dk, dv = (merge_heads(g) for g in attention_backward(dattended, attention_cache))
    dparams = {
        "wq": torch.einsum("btd,btm->dm", x, dq),
        "wk": torch.einsum("bsc,bsm->cm", context, dk),
        "wv": torch.einsum("bsc,bsn->cn", context, dv),
        "wo": torch.einsum("btn,bto->no", merged, dout),
        "bo": dout.sum((0, 1)),
    }
    return dq @ params["wq"].T, dk @ params["wk"].T + dv @ params["wv"].T, dparams
    # END SOLUTION


# %% [markdown]
# ## Layer norm
#
# Given: the topic *Layer normalisation* derives it. Every position is normalised over its own
# features, so that the other positions and the rest of the batch have no say in it.


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
    # BEGIN SOLUTION
    normed, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(normed, normed, params["attention"], heads, mask)
    u = x + branch
    normed, ln2_cache = layer_norm_forward(u, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(normed, params["ffn"])
    return u + branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)
    # END SOLUTION


def block_backward(dout, cache):
    """Gradients of the block.

    dout: (B, T, D). Returns (dx, dparams): dx (B, T, D), dparams with the keys and shapes of
    params.
    """
    # BEGIN SOLUTION
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    dbranch, dffn = feed_forward_backward(dout, ffn_cache)
    dbranch, dgamma2, dbeta2 = layer_norm_backward(dbranch, ln2_cache)
    du = dout + dbranch
    dqueries, dcontext, dattention = multi_head_backward(du, attention_cache)
    dbranch, dgamma1, dbeta1 = layer_norm_backward(dqueries + dcontext, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma1, "beta": dbeta1},
        "attention": dattention,
        "ln2": {"gamma": dgamma2, "beta": dbeta2},
        "ffn": dffn,
    }
    return du + dbranch, dparams
    # END SOLUTION
