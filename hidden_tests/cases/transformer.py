"""What students hand in for transformer: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("no ReLU between the layers", check="test_feed_forward_by_hand", diagnosis="no relu")
def feed_forward_forward(x, params):
    hidden = x @ params["w1"] + params["b1"]
    return hidden @ params["w2"] + params["b2"], (x, hidden, params)


@mistake("b2 is left out", check="test_feed_forward_by_hand", diagnosis="missing term:b2")
def feed_forward_forward(x, params):
    hidden = (x @ params["w1"] + params["b1"]).clamp(min=0)
    return hidden @ params["w2"], (x, hidden, params)


@mistake("ReLU left out of the way back", check="test_feed_forward_backward", diagnosis="no relu")
def feed_forward_backward(dout, cache):
    x, hidden, params = cache
    dhidden = dout @ params["w2"].T
    dparams = {
        "w1": torch.einsum("btd,btf->df", x, dhidden),
        "b1": dhidden.sum((0, 1)),
        "w2": torch.einsum("btf,bto->fo", hidden, dout),
        "b2": dout.sum((0, 1)),
    }
    return dhidden @ params["w1"].T, dparams


@mistake(
    "bias gradients keep the positions", check="test_feed_forward_backward", diagnosis="unreduced:0"
)
def feed_forward_backward(dout, cache):
    x, hidden, params = cache
    dhidden = dout @ params["w2"].T * (hidden > 0)
    dparams = {
        "w1": torch.einsum("btd,btf->df", x, dhidden),
        "b1": dhidden.sum(0),
        "w2": torch.einsum("btf,bto->fo", hidden, dout),
        "b2": dout.sum(0),
    }
    return dhidden @ params["w1"].T, dparams


@mistake(
    "bias gradients averaged over all positions",
    check="test_feed_forward_backward",
    diagnosis="scale:1/batch",
)
def feed_forward_backward(dout, cache):
    x, hidden, params = cache
    dhidden = dout @ params["w2"].T * (hidden > 0)
    dparams = {
        "w1": torch.einsum("btd,btf->df", x, dhidden),
        "b1": dhidden.mean((0, 1)),
        "w2": torch.einsum("btf,bto->fo", hidden, dout),
        "b2": dout.mean((0, 1)),
    }
    return dhidden @ params["w1"].T, dparams


@mistake("the diagonal is masked", check="test_causal_mask", diagnosis="diagonal missing")
def causal_mask(t):
    return torch.ones(t, t, dtype=torch.bool).tril(-1)


@mistake("the next token is visible", check="test_causal_mask", diagnosis="diagonal above")
def causal_mask(t):
    return torch.ones(t, t, dtype=torch.bool).tril(1)


@mistake("rows and columns swapped", check="test_causal_mask", diagnosis="upper triangle")
def causal_mask(t):
    return torch.ones(t, t, dtype=torch.bool).triu()


@mistake("True where it is forbidden", check="test_causal_mask", diagnosis="inverted")
def causal_mask(t):
    return torch.ones(t, t, dtype=torch.bool).triu(1)


@mistake("0 and −∞ for True and False", check="test_causal_mask", diagnosis="not boolean")
def causal_mask(t):
    return torch.full((t, t), -torch.inf).triu(1)


@mistake("no 1/√D, neither way", check="test_attention_forward", diagnosis="no scale")
class NoScale:
    def attention_forward(q, k, v, mask=None):
        scores = q @ k.mT
        if mask is None:
            weights = torch.softmax(scores, -1)
        else:
            weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1)
            weights = weights.masked_fill(~mask, 0)
        return weights @ v, (q, k, v, weights, 1)


@mistake("1/D for 1/√D", check="test_attention_forward", diagnosis="scale:1/d")
def attention_forward(q, k, v, mask=None):
    scale = 1 / q.shape[-1]
    scores = scale * (q @ k.mT)
    if mask is None:
        weights = torch.softmax(scores, -1)
    else:
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1)
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "the root of the number of queries",
    check="test_attention_forward",
    diagnosis="scale:other size",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is None:
        weights = torch.softmax(scores, -1)
    else:
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1)
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, (q, k, v, weights, scale)


@mistake("softmax over the queries", check="test_attention_forward", diagnosis="softmax:axis")
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -2)
    return weights @ v, (q, k, v, weights, scale)


@mistake("no softmax", check="test_attention_forward", diagnosis="no softmax")
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    weights = scale * (q @ k.mT)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, (q, k, v, weights, scale)


@mistake("exp without the maximum", check="test_attention_forward", diagnosis="nan")
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    weights = (scale * (q @ k.mT)).exp()
    if mask is not None:
        weights = weights * mask
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "causal although nobody asked",
    check="test_attention_forward",
    diagnosis="property:order of keys",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    if mask is None:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    weights = torch.softmax((scale * (q @ k.mT)).masked_fill(~mask, -torch.inf), -1)
    weights = weights.masked_fill(~mask, 0)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "mask after the softmax",
    check=("test_attention_forward_causal", "test_attention_forward_masks"),
    diagnosis="mask after the softmax",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    weights = torch.softmax(scale * (q @ k.mT), -1)
    if mask is not None:
        weights = weights * mask
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "mask with 0 for −∞",
    check=("test_attention_forward_causal", "test_attention_forward_masks"),
    diagnosis="mask with zero",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores * mask
    weights = torch.softmax(scores, -1)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "True taken for forbidden",
    check=("test_attention_forward_causal", "test_attention_forward_masks"),
    diagnosis="mask inverted",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    weights = torch.softmax(scores, -1)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "the mask is transposed", check="test_attention_forward_causal", diagnosis="mask transposed"
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask.mT, -torch.inf)
    weights = torch.softmax(scores, -1)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "−1e4 is added to hidden scores",
    check="test_attention_forward_causal",
    diagnosis="property:future leaks",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores - 1e4 * ~mask
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = weights * mask.any(-1, keepdim=True)
    return weights @ v, (q, k, v, weights, scale)


@mistake("−100 for −∞", check="test_attention_forward_masks", diagnosis="mask:not low enough")
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask, -100)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = weights * mask.any(-1, keepdim=True)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "zeros by the mask, and then −∞ for zeros",
    check="test_attention_forward_masks",
    diagnosis="mask:zero scores",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores * mask
        scores = scores.masked_fill(scores == 0, -torch.inf)
    weights = torch.softmax(scores, -1).nan_to_num()
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "NaN where all keys are hidden",
    check="test_attention_forward_masks",
    diagnosis="hidden row:nan",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -1)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "−1e9, so that a row without keys gets the mean",
    check="test_attention_forward_masks",
    diagnosis="hidden row:mean",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = scale * (q @ k.mT)
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, -1)
    return weights @ v, (q, k, v, weights, scale)


@mistake(
    "masked after the softmax, then renormalised",
    check="test_attention_forward_masks",
    diagnosis="mask renormalised",
)
def attention_forward(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    weights = torch.softmax(scale * (q @ k.mT), -1)
    if mask is not None:
        weights = weights * mask
        weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, (q, k, v, weights, scale)


@mistake("the root is lost on the way back", check="test_attention_backward", diagnosis="no scale")
def attention_backward(dout, cache):
    q, k, v, weights, _ = cache
    dweights = dout @ v.mT
    dscores = weights * (dweights - (weights * dweights).sum(-1, keepdim=True))
    return dscores @ k, dscores.mT @ q, weights.mT @ dout


@mistake("the root twice on the way back", check="test_attention_backward", diagnosis="scale:twice")
def attention_backward(dout, cache):
    q, k, v, weights, scale = cache
    dweights = dout @ v.mT
    dscores = scale * weights * (dweights - (weights * dweights).sum(-1, keepdim=True))
    return scale * dscores @ k, scale * dscores.mT @ q, weights.mT @ dout


@mistake(
    "softmax's gradient p (1 − p)", check="test_attention_backward", diagnosis="softmax:diagonal"
)
def attention_backward(dout, cache):
    q, k, v, weights, scale = cache
    dscores = scale * weights * (1 - weights) * (dout @ v.mT)
    return dscores @ k, dscores.mT @ q, weights.mT @ dout


@mistake(
    "softmax's gradient summed over the queries",
    check="test_attention_backward",
    diagnosis="softmax:axis",
)
def attention_backward(dout, cache):
    q, k, v, weights, scale = cache
    dweights = dout @ v.mT
    dscores = scale * weights * (dweights - (weights * dweights).sum(-2, keepdim=True))
    return dscores @ k, dscores.mT @ q, weights.mT @ dout


@mistake(
    "the softmax is left out of the way back",
    check="test_attention_backward",
    diagnosis="no softmax",
)
def attention_backward(dout, cache):
    q, k, v, weights, scale = cache
    dscores = scale * (dout @ v.mT)
    return dscores @ k, dscores.mT @ q, weights.mT @ dout


@mistake("dq and dk swapped", check="test_attention_backward", diagnosis="swapped")
def attention_backward(dout, cache):
    q, k, v, weights, scale = cache
    dweights = dout @ v.mT
    dscores = scale * weights * (dweights - (weights * dweights).sum(-1, keepdim=True))
    return dscores.mT @ q, dscores @ k, weights.mT @ dout


@mistake("a reshape without the transpose", check="test_split_heads", diagnosis="no transpose")
def split_heads(x, heads):
    b, t, d = x.shape
    if d % heads:
        raise ValueError("heads must divide the features")
    return x.reshape(b, heads, t, d // heads)


@mistake("every H-th feature", check="test_split_heads", diagnosis="interleaved")
def split_heads(x, heads):
    b, t, d = x.shape
    if d % heads:
        raise ValueError("heads must divide the features")
    return x.reshape(b, t, d // heads, heads).permute(0, 3, 1, 2)


@mistake("positions before heads", check="test_split_heads", diagnosis="transpose")
def split_heads(x, heads):
    b, t, d = x.shape
    if d % heads:
        raise ValueError("heads must divide the features")
    return x.reshape(b, t, heads, d // heads)


@mistake(
    "torch's own error for heads that do not divide",
    check="test_split_heads",
    diagnosis="no error:ValueError",
)
def split_heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


@mistake("merged without the transpose", check="test_merge_heads", diagnosis="no transpose")
def merge_heads(x):
    b, heads, t, d = x.shape
    return x.reshape(b, t, heads * d)


@mistake("heads interleaved", check="test_merge_heads", diagnosis="interleaved")
def merge_heads(x):
    return x.permute(0, 2, 3, 1).flatten(2)


@mistake("view after transpose", check="test_merge_heads", diagnosis="raised:RuntimeError")
def merge_heads(x):
    b, heads, t, d = x.shape
    return x.transpose(1, 2).view(b, t, heads * d)


@mistake(
    "heads cut and joined by a reshape",
    check="test_multi_head_forward",
    diagnosis="no transpose",
)
def multi_head_forward(x, context, params, heads, mask=None):
    q, k, v = (
        (z @ params[w]).reshape(z.shape[0], heads, z.shape[1], -1)
        for z, w in ((x, "wq"), (context, "wk"), (context, "wv"))
    )
    attended, attention_cache = attention_forward(q, k, v, mask)
    merged = attended.reshape(x.shape[0], x.shape[1], -1)
    out = merged @ params["wo"] + params["bo"]
    return out, (x, context, params, heads, merged, attention_cache)


@mistake("all features in one head", check="test_multi_head_forward", diagnosis="one head")
def multi_head_forward(x, context, params, heads, mask=None):
    q, k, v = x @ params["wq"], context @ params["wk"], context @ params["wv"]
    q, k, v = q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)
    attended, attention_cache = attention_forward(q, k, v, mask)
    merged = attended.squeeze(1)
    out = merged @ params["wo"] + params["bo"]
    return out, (x, context, params, 1, merged, attention_cache)


@mistake(
    "scaled by the width of all heads",
    check="test_multi_head_forward",
    diagnosis="scale:whole width",
)
def multi_head_forward(x, context, params, heads, mask=None):
    q = split_heads(x @ params["wq"], heads) / heads**0.5
    k = split_heads(context @ params["wk"], heads)
    v = split_heads(context @ params["wv"], heads)
    attended, attention_cache = attention_forward(q, k, v, mask)
    merged = merge_heads(attended)
    out = merged @ params["wo"] + params["bo"]
    return out, (x, context, params, heads, merged, attention_cache)


@mistake("the mask is not passed on", check="test_multi_head_forward", diagnosis="mask ignored")
def multi_head_forward(x, context, params, heads, mask=None):
    q = split_heads(x @ params["wq"], heads)
    k = split_heads(context @ params["wk"], heads)
    v = split_heads(context @ params["wv"], heads)
    attended, attention_cache = attention_forward(q, k, v)
    merged = merge_heads(attended)
    out = merged @ params["wo"] + params["bo"]
    return out, (x, context, params, heads, merged, attention_cache)


@mistake("the bias is left out", check="test_multi_head_forward", diagnosis="missing term:bo")
def multi_head_forward(x, context, params, heads, mask=None):
    q = split_heads(x @ params["wq"], heads)
    k = split_heads(context @ params["wk"], heads)
    v = split_heads(context @ params["wv"], heads)
    attended, attention_cache = attention_forward(q, k, v, mask)
    merged = merge_heads(attended)
    return merged @ params["wo"], (x, context, params, heads, merged, attention_cache)


@mistake(
    "the context's gradient through the keys alone",
    check="test_multi_head_backward",
    diagnosis="context:keys only",
)
def multi_head_backward(dout, cache):
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
    return dq @ params["wq"].T, dk @ params["wk"].T, dparams


@mistake(
    "the heads' gradients joined by a reshape",
    check="test_multi_head_backward",
    diagnosis="no transpose",
)
def multi_head_backward(dout, cache):
    x, context, params, heads, merged, attention_cache = cache
    dattended = split_heads(dout @ params["wo"].T, heads)
    dq, dk, dv = (
        g.reshape(g.shape[0], g.shape[2], -1)
        for g in attention_backward(dattended, attention_cache)
    )
    dparams = {
        "wq": torch.einsum("btd,btm->dm", x, dq),
        "wk": torch.einsum("bsc,bsm->cm", context, dk),
        "wv": torch.einsum("bsc,bsn->cn", context, dv),
        "wo": torch.einsum("btn,bto->no", merged, dout),
        "bo": dout.sum((0, 1)),
    }
    return dq @ params["wq"].T, dk @ params["wk"].T + dv @ params["wv"].T, dparams


@mistake(
    "weight gradients averaged over the batch",
    check="test_multi_head_backward",
    diagnosis="scale:1/batch",
)
def multi_head_backward(dout, cache):
    x, context, params, heads, merged, attention_cache = cache
    dattended = split_heads(dout @ params["wo"].T, heads)
    dq, dk, dv = (merge_heads(g) for g in attention_backward(dattended, attention_cache))
    dparams = {
        "wq": (x.mT @ dq).mean(0),
        "wk": (context.mT @ dk).mean(0),
        "wv": (context.mT @ dv).mean(0),
        "wo": (merged.mT @ dout).mean(0),
        "bo": dout.sum((0, 1)),
    }
    return dq @ params["wq"].T, dk @ params["wk"].T + dv @ params["wv"].T, dparams


@mistake("the residual after the norm", check="test_block_forward", diagnosis="residual:normed")
def block_forward(x, params, heads, mask=None):
    x, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(x, x, params["attention"], heads, mask)
    x, ln2_cache = layer_norm_forward(x + branch, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(x, params["ffn"])
    return x + branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake("post-norm", check="test_block_forward", diagnosis="post-norm")
def block_forward(x, params, heads, mask=None):
    branch, attention_cache = multi_head_forward(x, x, params["attention"], heads, mask)
    u, ln1_cache = layer_norm_forward(x + branch, **params["ln1"])
    branch, ffn_cache = feed_forward_forward(u, params["ffn"])
    out, ln2_cache = layer_norm_forward(u + branch, **params["ln2"])
    return out, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake("no residual at the end", check="test_block_forward", diagnosis="residual:missing")
def block_forward(x, params, heads, mask=None):
    normed, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(normed, normed, params["attention"], heads, mask)
    normed, ln2_cache = layer_norm_forward(x + branch, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(normed, params["ffn"])
    return branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake("keys and values from x itself", check="test_block_forward", diagnosis="norm:context")
def block_forward(x, params, heads, mask=None):
    normed, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(normed, x, params["attention"], heads, mask)
    u = x + branch
    normed, ln2_cache = layer_norm_forward(u, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(normed, params["ffn"])
    return u + branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake("the second residual carries x", check="test_block_forward", diagnosis="residual:x twice")
def block_forward(x, params, heads, mask=None):
    normed, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(normed, normed, params["attention"], heads, mask)
    normed, ln2_cache = layer_norm_forward(x + branch, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(normed, params["ffn"])
    return x + branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake("the block loses the mask", check="test_block_forward", diagnosis="mask ignored")
def block_forward(x, params, heads, mask=None):
    normed, ln1_cache = layer_norm_forward(x, **params["ln1"])
    branch, attention_cache = multi_head_forward(normed, normed, params["attention"], heads)
    u = x + branch
    normed, ln2_cache = layer_norm_forward(u, **params["ln2"])
    branch, ffn_cache = feed_forward_forward(normed, params["ffn"])
    return u + branch, (ln1_cache, attention_cache, ln2_cache, ffn_cache)


@mistake(
    "the gradient through the residuals is dropped",
    check="test_block_backward",
    diagnosis="lost way:both residuals",
)
def block_backward(dout, cache):
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    du, dffn = feed_forward_backward(dout, ffn_cache)
    du, dgamma2, dbeta2 = layer_norm_backward(du, ln2_cache)
    dqueries, dcontext, dattention = multi_head_backward(du, attention_cache)
    dx, dgamma1, dbeta1 = layer_norm_backward(dqueries + dcontext, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma1, "beta": dbeta1},
        "attention": dattention,
        "ln2": {"gamma": dgamma2, "beta": dbeta2},
        "ffn": dffn,
    }
    return dx, dparams


@mistake(
    "the second residual is dropped on the way back",
    check="test_block_backward",
    diagnosis="lost way:second residual",
)
def block_backward(dout, cache):
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    dbranch, dffn = feed_forward_backward(dout, ffn_cache)
    du, dgamma2, dbeta2 = layer_norm_backward(dbranch, ln2_cache)
    dqueries, dcontext, dattention = multi_head_backward(du, attention_cache)
    dbranch, dgamma1, dbeta1 = layer_norm_backward(dqueries + dcontext, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma1, "beta": dbeta1},
        "attention": dattention,
        "ln2": {"gamma": dgamma2, "beta": dbeta2},
        "ffn": dffn,
    }
    return du + dbranch, dparams


@mistake(
    "dout for the gradient of u",
    check="test_block_backward",
    diagnosis="lost way:into attention",
)
def block_backward(dout, cache):
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    dbranch, dffn = feed_forward_backward(dout, ffn_cache)
    dbranch, dgamma2, dbeta2 = layer_norm_backward(dbranch, ln2_cache)
    du = dout + dbranch
    dqueries, dcontext, dattention = multi_head_backward(dout, attention_cache)
    dbranch, dgamma1, dbeta1 = layer_norm_backward(dqueries + dcontext, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma1, "beta": dbeta1},
        "attention": dattention,
        "ln2": {"gamma": dgamma2, "beta": dbeta2},
        "ffn": dffn,
    }
    return du + dbranch, dparams


@mistake(
    "the context's gradient is dropped", check="test_block_backward", diagnosis="lost way:context"
)
def block_backward(dout, cache):
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    dbranch, dffn = feed_forward_backward(dout, ffn_cache)
    dbranch, dgamma2, dbeta2 = layer_norm_backward(dbranch, ln2_cache)
    du = dout + dbranch
    dqueries, _, dattention = multi_head_backward(du, attention_cache)
    dbranch, dgamma1, dbeta1 = layer_norm_backward(dqueries, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma1, "beta": dbeta1},
        "attention": dattention,
        "ln2": {"gamma": dgamma2, "beta": dbeta2},
        "ffn": dffn,
    }
    return du + dbranch, dparams


@mistake("ln1 and ln2 swapped", check="test_block_backward", diagnosis="swapped")
def block_backward(dout, cache):
    ln1_cache, attention_cache, ln2_cache, ffn_cache = cache
    dbranch, dffn = feed_forward_backward(dout, ffn_cache)
    dbranch, dgamma2, dbeta2 = layer_norm_backward(dbranch, ln2_cache)
    du = dout + dbranch
    dqueries, dcontext, dattention = multi_head_backward(du, attention_cache)
    dbranch, dgamma1, dbeta1 = layer_norm_backward(dqueries + dcontext, ln1_cache)
    dparams = {
        "ln1": {"gamma": dgamma2, "beta": dbeta2},
        "attention": dattention,
        "ln2": {"gamma": dgamma1, "beta": dbeta1},
        "ffn": dffn,
    }
    return du + dbranch, dparams


@alternative("einsum, a softmax of one's own, the weights computed again on the way back")
class Recomputed:
    import math

    def weights_of(q, k, mask):
        scores = torch.einsum("...td,...sd->...ts", q, k) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        e = (scores - scores.amax(-1, keepdim=True)).exp()
        p = e / e.sum(-1, keepdim=True)
        return p if mask is None else p * mask.any(-1, keepdim=True)

    def attention_forward(q, k, v, mask=None):
        out = torch.einsum("...ts,...se->...te", weights_of(q, k, mask), v)
        return out, {"q": q, "k": k, "v": v, "mask": mask}

    def attention_backward(dout, cache):
        q, k, v = cache["q"], cache["k"], cache["v"]
        p = weights_of(q, k, cache["mask"])
        g = p * torch.einsum("...te,...se->...ts", dout, v)
        g = (g - p * g.sum(-1, keepdim=True)) / math.sqrt(q.shape[-1])
        return [
            torch.einsum("...ts,...sd->...td", g, k),
            torch.einsum("...ts,...td->...sd", g, q),
            torch.einsum("...ts,...te->...se", p, dout),
        ]


@alternative("the Jacobian of the softmax written out, NaN of empty rows replaced")
class Jacobian:
    def attention_forward(q, k, v, mask=None):
        if mask is None:
            mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
        scores = (q / q.shape[-1] ** 0.5) @ k.transpose(-2, -1)
        p = (scores + torch.zeros_like(scores).masked_fill(~mask, float("-inf"))).softmax(-1)
        p = p.nan_to_num(0.0)
        return p @ v, (q, k, v, p)

    def attention_backward(dout, cache):
        q, k, v, p = cache
        jacobian = torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
        dp = dout @ v.transpose(-2, -1)
        ds = (jacobian @ dp.unsqueeze(-1)).squeeze(-1) / q.shape[-1] ** 0.5
        return ds @ k, ds.transpose(-2, -1) @ q, p.transpose(-2, -1) @ dout


@alternative("a loop over heads, each with its own columns of the weights")
class LoopOverHeads:
    def multi_head_forward(x, context, params, heads, mask=None):
        columns = [params[w].chunk(heads, -1) for w in ("wq", "wk", "wv")]
        outs, caches = [], []
        for h, (wq, wk, wv) in enumerate(zip(*columns, strict=True)):
            of_head = mask
            if mask is not None and mask.ndim == 4:
                of_head = mask[:, h if mask.shape[1] > 1 else 0]
            out, cache = attention_forward(x @ wq, context @ wk, context @ wv, of_head)
            outs.append(out)
            caches.append(cache)
        merged = torch.cat(outs, -1)
        return merged @ params["wo"] + params["bo"], (x, context, params, merged, columns, caches)

    def multi_head_backward(dout, cache):
        x, context, params, merged, columns, caches = cache
        dx, dcontext = torch.zeros_like(x), torch.zeros_like(context)
        dmerged = (dout @ params["wo"].mT).chunk(len(caches), -1)
        found = {"wq": [], "wk": [], "wv": []}
        for h in range(len(caches)):
            dq, dk, dv = attention_backward(dmerged[h].contiguous(), caches[h])
            wq, wk, wv = (w[h] for w in columns)
            dx += dq @ wq.mT
            dcontext += dk @ wk.mT + dv @ wv.mT
            for name, z, g in (("wq", x, dq), ("wk", context, dk), ("wv", context, dv)):
                found[name].append((z.mT @ g).sum(0))
        dparams = {name: torch.cat(parts, -1) for name, parts in found.items()}
        dparams["wo"] = merged.flatten(0, 1).T @ dout.flatten(0, 1)
        dparams["bo"] = dout.sum(0).sum(0)
        return [dx, dcontext, dparams]


@alternative("heads by slices, the mask by comparing indices")
class Slices:
    def causal_mask(t):
        return torch.arange(t) <= torch.arange(t).unsqueeze(1)

    def split_heads(x, heads):
        width, rest = divmod(x.shape[-1], heads)
        if rest:
            raise ValueError("heads must divide the features")
        return torch.stack([x[..., h * width : (h + 1) * width] for h in range(heads)], dim=1)

    def merge_heads(x):
        return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


@alternative("float32 inside the feed-forward network, positions flattened")
class Flattened:
    def feed_forward_forward(x, params):
        rows = x.float().reshape(-1, x.shape[-1])
        before = rows @ params["w1"].float() + params["b1"].float()
        hidden = torch.maximum(before, torch.zeros_like(before))
        out = hidden @ params["w2"].float() + params["b2"].float()
        return out.reshape(*x.shape[:-1], -1), (x.shape, rows, before, params)

    def feed_forward_backward(dout, cache):
        shape, rows, before, params = cache
        dout = dout.float().reshape(-1, dout.shape[-1])
        dbefore = dout @ params["w2"].float().T
        dbefore[before <= 0] = 0
        grads = {"w2": before.clamp(min=0).T @ dout, "b2": dout.sum(0)}
        grads |= {"w1": rows.T @ dbefore, "b1": dbefore.sum(0)}
        return (dbefore @ params["w1"].float().T).reshape(shape), grads


equivalent(
    "feed_forward_backward",
    'dhidden = dout @ params["w2"].T * (hidden > 0)',
    'dhidden = dout @ params["w2"].T * (hidden != 0)',
    why="hidden is the output of the ReLU, which is never negative",
)
