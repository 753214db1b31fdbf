"""What goes wrong in transformer, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

AFTER_RELU = "the bias b1 is added after the ReLU: it shifts what the ReLU cuts off"
MASK = "the mask is taken from the gradient: it must say where the ReLU's *input* was positive"
AT_ZERO = "the gradient passes where the ReLU's input is exactly 0: by convention it does not"
FIRST = "the first mask is used for all: each sequence and each head has its own"
INVERTED = "the mask is used the wrong way round: True is for *may* attend"
NO_KEY = "NaN for a query that may attend to no key: its weights in the cache, too, are to be zero"
ONE_OF = "only one example or position counts: the sum runs over all"
NO_WEIGHTS = "the gradient of the weights stands where the weights belong: dv = Pᵀ dout"

feed_forward_forward = mistakes(
    change((".clamp(min=0) -> .abs()", ".clamp(max=0)"), "this is no ReLU: it keeps what is > 0"),
    change(".clamp(min=0) -> ", "the ReLU is missing: without it both layers are one linear layer"),
    change("out, ( -> out.relu(), (", "the second layer has a ReLU: what a block adds may be < 0"),
    change(' + params["b1"]).clamp(min=0) -> ).clamp(min=0) + params["b1"]', AFTER_RELU),
    change(
        "out =  -> hidden = hidden.where(hidden > 0, 0.01 * hidden)\n    out = ",
        "negative values leak through the ReLU: it makes them 0",
        also=".clamp(min=0) -> ",
    ),
    change(' + params["b1"] -> ', "the bias b1 is missing"),
    change(' + params["b2"] -> ', "the bias b2 is missing"),
)

feed_forward_backward = mistakes(
    change(" * (hidden > 0) -> ", "the ReLU is left out of the way back"),
    change("= cache -> = cache\n    x = x.relu()", "w1 met x itself: what is kept is max(x, 0)"),
    change("hidden > 0 -> dout @ params['w2'].T > 0", MASK),
    change("hidden > 0 -> x @ params['w1'] + params['b1'] >= 0", AT_ZERO),
    change(("dout.sum((0, 1)) -> dout.sum(1)[0]", "dout.sum(1)[-1]"), ONE_OF),
    change("x, dhidden), -> x[-1:], dhidden[-1:]),", ONE_OF),
    change(("dhidden.sum((0, 1)) -> dhidden[:, -1].sum(0)", "dhidden[:, 0].sum(0)"), ONE_OF),
    change("hidden, dout), -> x @ params['w1'] + params['b1'], dout),", "taken before the ReLU"),
    change("hidden.sum((0, 1)) -> hidden.sum(0)", also="dout.sum((0, 1)) -> dout.sum(0)"),
    change("hidden.sum( -> hidden.mean(", also="dout.sum( -> dout.mean("),
)

causal_mask = mistakes(
    change("() -> (-1)", "no position sees itself: what is left here for the first?"),
    change("() -> (1)", "off by one: position i sees i + 1, the token that it is to predict"),
    change("tril -> triu", "turned round: each position sees the *later* ones. Rows are queries"),
    change("tril() -> triu(1)", "inverted: True means that the query *may* attend to the key"),
    change("dtype=torch.bool -> ", "not boolean: what it does to the scores is attention's matter"),
)

attention_forward = mistakes(
    change("-0.5 -> 0", "the scores are not divided by √D: how large is a sum of D products?"),
    change("-0.5 -> -1", "the scores are divided by D, not √D: what is q·k's standard deviation?"),
    change("-0.5 -> 0.5", "the scores are multiplied by √D: divide them by it"),
    change("[-1] -> [-2]", "scaled by the number of queries: D counts a query's features"),
    change("[-1] -> [1]", "scaled by the number of queries or heads: D counts a query's features"),
    change("q.shape[-1 -> k.shape[-2", "scaled by the number of keys: D counts a query's features"),
    change("q.shape -> v.shape", "scaled by the number of a value's features: D counts a query's"),
    change(
        (
            "torch.softmax(scores, -1) -> torch.softmax(scores, -2)",
            "(e := (scores - scores.amax(-1, True)).exp()) / e.sum(-2, True).clamp(1e-300)",
        ),
        "softmax over the queries: each *query* shares one unit among the keys",
    ),
    change("weights @ v, -> scale * weights @ v,", "the output, too, is divided by √D: scores are"),
    change(
        (
            "torch.softmax(scores, -1) -> (e := (scores - scores.amax()).exp()) / e.sum(-1, True)",
            "(e := (scores - scores.amax()).exp()) / (e.sum(-1, True) + 1e-300)",
        ),
        "the largest of all scores is subtracted: take each query's own, or rows underflow",
    ),
    change(
        "torch.softmax(scores, -1) -> (e := (scores - (scale * (q @ k.mT)).amax(-1, True)).exp())"
        " / (e.sum(-1, True) + 1e-300)",
        "the largest score that is subtracted may be of a hidden key: mask first, or all underflow",
    ),
    change("torch.softmax(scores, -1) -> scores", "the softmax is missing: scores are no weights"),
    change("torch.softmax(scores, -1) -> scores.exp() / scores.exp().sum(-1, keepdim=True)"),
    change(
        "scale =  -> mask = causal_mask(k.shape[-2])[: q.shape[-2]] if mask is None else mask\n"
        "    scale = ",
        "a causal mask is applied that nobody asked for: the order of the keys must not matter",
    ),
    change("scale =  -> mask = None\n    scale = ", "the mask has no effect"),
    change(
        "weights.masked_fill(empty, 0) -> torch.softmax(scale * (q @ k.mT), -1) * mask",
        "the mask is applied after the softmax: the weights of a query do not sum to 1 any more",
    ),
    change(
        "weights.masked_fill(empty, 0) -> (scale * (q @ k.mT)).softmax(-1) * mask\n"
        "        weights /= weights.sum(-1, keepdim=True)",
        "the mask is applied after the softmax and the rest divided by its sum: it may be 0/0",
    ),
    change("-torch.inf -> 0", "hidden keys get the score 0, and e⁰ = 1: what makes a weight of 0?"),
    change(
        "scale =  -> mask = mask if mask is None or mask.ndim < 3 else mask[:1]\n    scale = ",
        FIRST,
    ),
    change(("~mask, -> mask,", "mask, -1e9)  # "), INVERTED),
    change("scale =  -> mask = None if mask is None else ~mask\n    scale = ", INVERTED),
    change(
        "~mask, -> ~(mask.mT if mask.shape[-2] == mask.shape[-1] else mask),",
        "the mask is used transposed: its rows are queries, its columns keys",
    ),
    change(".masked_fill(~mask, -torch.inf) ->  - 1e4 * ~mask", "too little is subtracted"),
    change(("-torch.inf -> -100", "-1e4", "-1e5", "-1e9"), "a finite score: what is below all?"),
    change("scale * (q @ k.mT) -> q.mul_(scale) @ k.mT"),
    change(
        "~mask.any( -> ~(mask & (scores != 0)).any(",
        "a score that happens to be 0 is taken for a hidden one: ask the mask, not the scores",
    ),
    change("empty, 0 -> empty, torch.nan", "NaN for a query that may see no key: it is to be zero"),
    change("empty, 0 -> empty, 1 / k.shape[-2]", "a query without a key gets the mean, not 0"),
    change(
        ".masked_fill(empty, 0) -> .where(~empty, torch.softmax(scale * (q @ k.mT), -1))",
        "a query that may attend to no key attends as if there were no mask: it is to give zero",
    ),
)

attention_backward = mistakes(
    change("scale * w -> w", "the 1/√D of the scores is lost on the way back"),
    change("scale * w -> scale**2 * w", "the 1/√D of the scores is there twice"),
    change(" - mean -> ", "the softmax's derivative is not diagonal: each score moves all weights"),
    change("- mean -> - weights * dweights", "p (1 − p) is the diagonal only: all weights move"),
    change("-1 -> -2", "the softmax's sum runs over the queries: it belongs to a row, over keys"),
    change(
        ("(weights * d -> (d", "(weights * dweights).sum( -> dweights.mean("),
        "a plain sum or mean of a row of dP is subtracted: weight it with P",
    ),
    change("weights.mT @ -> dweights.mT @", NO_WEIGHTS),
    change("weights.mT @ -> (scale * weights).mT @", "dv has a root: values meet no score"),
    change("scale * weights -> scale", "the softmax's factor P before the bracket is missing"),
    change("weights * (dweights - mean) -> dweights", "the softmax is left out of the way back"),
    change(
        "dweights =  -> weights = torch.softmax(scale * (q @ k.mT), -1)\n    dweights = ",
        "the mask is forgotten on the way back: use the weights of the forward",
    ),
    change("dscores @ k, -> scale * weights @ k,", "dq is made of P: its gradient belongs there"),
    change("dscores @ k, dscores.mT @ q -> dscores.mT @ q, dscores @ k", "dq and dk are swapped"),
    change("dweights =  -> weights = weights / weights.sum(-1, True)\n    dweights = ", NO_KEY),
)

split_heads = mistakes(
    change(
        ".transpose(1, 2) -> .reshape(b, heads, t, d // heads)",
        "a reshape alone cuts the *positions* into groups: a head must get features of all",
    ),
    change(
        "heads, d // heads).transpose(1, 2) -> d // heads, heads).permute(0, 3, 1, 2)",
        "a head gets every H-th feature: it must get a run of D/H that lie side by side",
    ),
    change(".transpose(1, 2) -> ", "the positions come before the heads: (B, heads, T, D / heads)"),
    change("ValueError -> RuntimeError"),
)

merge_heads = mistakes(
    change(
        ".transpose(1, 2).flatten(2) -> .reshape(len(x), x.shape[2], -1)",
        "a reshape alone puts features of *different positions* into one row",
    ),
    change("transpose(1, 2) -> permute(0, 2, 3, 1)", "the heads are interleaved, not side by side"),
    change("x.transpose -> x.flip(1).transpose", "the heads stand in reverse order"),
    change("flatten(2) -> view(len(x), x.shape[2], -1)"),
)

CUT = "(q, k, v, -> (*(merge_heads(z).reshape(z.shape) for z in (q, k, v)),"
JOIN = "merge_heads(attended) -> attended.reshape(len(x), x.shape[1], -1)"
ONE = "the heads are not used: all features attend as one"

multi_head_forward = mistakes(
    change(CUT, "the heads are cut by a reshape alone: use split_heads"),
    change(JOIN, "the heads are joined by a reshape alone: use merge_heads"),
    change(CUT, "the heads are cut and joined by a reshape alone: use both", also=JOIN),
    change("q =  -> heads = 1\n    q = ", ONE),
    change("q =  -> heads = 1\n    q = ", ONE, also="merge_heads(attended) -> attended.squeeze(1)"),
    change("(q, k -> (q / heads**0.5, k", "the root is of the whole width: D is that of one head"),
    change("v, mask -> v", "the mask has no effect: is it passed on?"),
    change(
        "v, mask -> v, mask if mask is None or mask.ndim != 3 else mask[:, None]",
        "an axis is put into a mask of three: it belongs to (heads, T, S), read from the right",
    ),
    change(' + params["bo"] -> ', "the bias bo is missing"),
    change(" + params -> + heads * params", "bo is added once for each head: it is for their sum"),
    change("v, mask -> v, mask if mask is None or mask.ndim < 4 else mask[:, :1]", FIRST),
)

multi_head_backward = mistakes(
    change(' + dv @ params["wv"].T -> ', "the values' share is missing: the context goes two ways"),
    change('dk @ params["wk"].T +  -> ', "the keys' share is missing: the context goes two ways"),
    change(
        "merge_heads(g) -> g.reshape(len(g), g.shape[2], -1)",
        "the gradients of the heads are joined by a reshape alone: use merge_heads",
    ),
    change(
        'split_heads(dout @ params["wo"].T, heads) -> '
        '(dout @ params["wo"].T).reshape(len(x), heads, x.shape[1], -1)',
        "the gradient is cut into heads by a reshape alone: use split_heads",
    ),
    change('dq @ params["wq"].T -> dq @ params["wk"].T', "x is reached through wk: it met wq"),
    change("merged, d -> dout @ params['wo'].T, d", "of two gradients: one is what wo was given"),
    change("return -> dparams = {n: g / len(x) for n, g in dparams.items()}\n    return"),
)

block_forward = mistakes(
    change("u = x -> u = normed", "the first residual is normed: it starts *before* the norm"),
    change("u + b -> normed + b", "the second residual is normed: it starts *before* the norm"),
    change("u = x -> u = normed", "both residuals are normed", also="u + b -> normed + b"),
    change("x + b -> b", "the first residual is missing: x is added to what the branch makes"),
    change("u + b -> b", "the second residual is missing: u is added to what the branch makes"),
    change(
        "(normed, normed, -> (x, x,",
        "the first norm comes after the sum: this is the post-norm block, and pre-norm is asked",
        also='u = x + branch -> u = layer_norm_forward(x + branch, **params["ln1"])[0]',
    ),
    change(
        "(normed, p -> (u, p",
        "the second norm comes after the sum: this is the post-norm block, and pre-norm is asked",
        also='u + branch -> layer_norm_forward(u + branch, **params["ln2"])[0]',
    ),
    change(
        "(normed, normed, -> (x, x,",
        "both norms come after the sums: this is the post-norm block, and pre-norm is asked",
        also=(
            'u = x + branch -> u = layer_norm_forward(x + branch, **params["ln1"])[0]',
            "(normed, p -> (u, p",
            'u + branch -> layer_norm_forward(u + branch, **params["ln2"])[0]',
        ),
    ),
    change(
        "(normed, normed, -> (x, x,",
        "the first norm stands at the branch's exit: it belongs at the entrance",
        also='x + branch -> x + layer_norm_forward(branch, **params["ln1"])[0]',
    ),
    change(
        "(normed, p -> (u, p",
        "the second norm stands at the branch's exit: it belongs at the entrance",
        also='u + branch -> u + layer_norm_forward(branch, **params["ln2"])[0]',
    ),
    change("(normed, normed, -> (x, x,", "the first norm is missing"),
    change("(normed, p -> (u, p", "the second norm is missing"),
    change("heads, mask -> heads", "the mask has no effect: is it passed on?"),
    change("return u -> return x", "the second residual carries x: it carries u, made of x before"),
    change("(u, -> (x,", "the feed-forward half norms x: it takes u, with the attention in it"),
    change(
        ('"ln1"]) -> "ln1"], eps=1e-6)', '"ln2"]) -> "ln2"], eps=1e-6)'),
        "a norm gets an eps that is not its own, 1e-5",
    ),
    change('"ln2" -> "ln1"', "the feed-forward half uses ln1: each half has a norm of its own"),
    change('"ln1" -> "ln2"', "the attention half uses ln2: each half has a norm of its own"),
    change('x, **params["ln1"] -> x, *[*params["ln1"].values()][::-1]', "gamma and beta swapped"),
    change('u, **params["ln2"] -> u, *[*params["ln2"].values()][::-1]', "ln2's γ and β swapped"),
    change("d, normed, -> d, x,", "keys and values are made from x: they, too, take the normed x"),
    change("(normed, n -> (x, n", "the queries are made from x: they, too, take the normed x"),
)

block_backward = mistakes(
    change("dout + d -> d", "the second residual is forgotten: dout goes back along two ways"),
    change("du +  -> ", "the first residual is forgotten: what reaches u goes two ways"),
    change("dout + d -> d", "both residuals are forgotten", also="du +  -> "),
    change("(du, -> (dout,", "dout enters the attention half: all of u's gradient has to"),
    change("return du -> return dout", "dout goes past the attention half: all of u's has to"),
    change(" + dcontext -> ", "the way through keys and values is missing: x is the context, too"),
    change("dqueries +  -> ", "the way through the queries is missing: x is their source, too"),
    change("dbranch, dgamma2 -> _, dgamma2", "ln2 is left out of the way back to x"),
    change("u + dbranch -> u + dqueries + dcontext", "ln1 is left out of the way back to x"),
    change('"ln1": -> "ln2" :', "ln1 and ln2 are swapped", also='"ln2": -> "ln1":'),
)


@alternative("einsum, a softmax of one's own, the weights computed again; heads by slices")
class Recomputed:
    def causal_mask(t):
        return torch.arange(t) <= torch.arange(t).unsqueeze(1)

    def split_heads(x, heads):
        width, rest = divmod(x.shape[-1], heads)
        if rest:
            raise ValueError("heads must divide the features")
        return torch.stack([x[..., h * width : (h + 1) * width] for h in range(heads)], dim=1)

    def merge_heads(x):
        return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)

    def weights_of(q, k, mask):
        scores = torch.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
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
        g = (g - p * g.sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
        return [
            torch.einsum("...ts,...sd->...td", g, k),
            torch.einsum("...ts,...td->...sd", g, q),
            torch.einsum("...ts,...te->...se", p, dout),
        ]


@alternative("float32 inside the feed-forward network; the softmax's Jacobian, NaN replaced")
class Jacobian:
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


@alternative("a loop over heads, each with its own columns; every way back by itself")
class OneByOne:
    def multi_head_forward(x, context, params, heads, mask=None):
        columns = [params[w].chunk(heads, -1) for w in ("wq", "wk", "wv")]
        pairs = []
        for h, (wq, wk, wv) in enumerate(zip(*columns, strict=True)):
            of_head = mask if mask is None or mask.ndim < 3 else mask.select(-3, h % mask.shape[-3])
            pairs.append(attention_forward(x @ wq, context @ wk, context @ wv, of_head))
        outs, caches = zip(*pairs, strict=True)
        merged = torch.cat(outs, -1)
        return merged @ params["wo"] + params["bo"], (x, context, params, merged, columns, caches)

    def multi_head_backward(dout, cache):
        x, context, params, merged, columns, caches = cache
        dx, dcontext, dcolumns = torch.zeros_like(x), torch.zeros_like(context), []
        dmerged = (dout @ params["wo"].mT).chunk(len(caches), -1)
        for dhead, own, wq, wk, wv in zip(dmerged, caches, *columns, strict=True):
            dq, dk, dv = attention_backward(dhead, own)
            dx += dq @ wq.mT
            dcontext += dk @ wk.mT + dv @ wv.mT
            dcolumns.append([(z.mT @ g).sum(0) for z, g in ((x, dq), (context, dk), (context, dv))])
        joined = (torch.cat(parts, -1) for parts in zip(*dcolumns, strict=True))
        dparams = dict(zip(("wq", "wk", "wv"), joined, strict=True))
        dparams["wo"] = merged.flatten(0, 1).T @ dout.flatten(0, 1)
        dparams["bo"] = dout.sum(0).sum(0)
        return [dx, dcontext, dparams]

    def block_forward(x, params, heads, mask=None):
        cache = {}
        z, cache["ln1"] = layer_norm_forward(x, *params["ln1"].values())
        a, cache["heads"] = multi_head_forward(z, z.clone(), params["attention"], heads, mask)
        z, cache["ln2"] = layer_norm_forward(a + x, *params["ln2"].values())
        f, cache["ffn"] = feed_forward_forward(z, params["ffn"])
        return f + a + x, cache

    def block_backward(dout, cache):
        z, ffn = feed_forward_backward(dout, cache["ffn"])
        z, *ln2 = layer_norm_backward(z, cache["ln2"])
        du = dout.clone().add_(z)
        *ways, attention = multi_head_backward(du, cache["heads"])
        dx, ln1 = du, [0, 0]
        for way in ways:
            z, *more = layer_norm_backward(way, cache["ln1"])
            dx, ln1 = dx + z, [a + b for a, b in zip(ln1, more, strict=True)]
        norms = {n: dict(gamma=g, beta=b) for n, (g, b) in (("ln1", ln1), ("ln2", ln2))}
        return [dx, {"attention": attention, "ffn": ffn, **norms}]


equivalent("feed_forward_backward", "> 0 -> != 0", why="a ReLU's output is never negative")
