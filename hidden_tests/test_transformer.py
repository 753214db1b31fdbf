"""Checks of the topic transformer."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    forward,
    forward_backward,
    points,
    public,
    require,
)

# Z = AX of the example by hand: each position plus its right neighbour.
BY_HAND_Z = [[3, 4, 1], [1, 4, 3], [3, 1, 3], [4, 2, 3], [1, 2, 2]]
BY_HAND_PARAMS = {
    "w1": [[1, -1, 1, 0], [1, 1, 0, 1], [-1, 0, 1, 1]],
    "b1": [1, -2, 2, 1],
    "w2": [[2, -1, 0], [1, 2, -1], [-1, 2, 0], [0, 2, 1]],
    "b2": [2, 0, -1],
}
BY_HAND_Y = [[10, 17, 5], [3, 27, 6], [-2, 24, 4], [1, 26, 5], [1, 18, 4]]

# Who may attend to whom among five positions; rows are queries.
CAUSAL = torch.tensor(
    [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
)


# The functions of the topic, from torch's own operators.


def feed_forward(x, params, *, activation=torch.relu):
    hidden = activation(F.linear(x, params["w1"].T, params["b1"]))
    return F.linear(hidden, params["w2"].T, params["b2"])


def causal(t):
    rows = torch.arange(t)
    return rows[:, None] >= rows


def attention(q, k, v, mask=None, *, scale=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def split(x, heads):
    if x.shape[-1] % heads:
        raise ValueError("heads must divide the features")
    return torch.stack(x.chunk(heads, -1), 1)


def merge(x):
    return torch.cat(x.unbind(1), -1)


def multi_head(
    x, context, params, heads, mask=None, *, attend=attention, split=split, merge=merge, values=None
):
    """`values` is the context that the values come from, where it is not the keys'."""
    values = context if values is None else values
    q, k, v = x @ params["wq"], context @ params["wk"], values @ params["wv"]
    mixed = attend(split(q, heads), split(k, heads), split(v, heads), mask)
    return merge(mixed) @ params["wo"] + params["bo"]


def layer_norm(x, params):
    return F.layer_norm(x, x.shape[-1:], params["gamma"], params["beta"])


def block(x, params, heads, mask=None, *, cut=()):
    """`cut` names the ways along which no gradient flows back."""

    def way(name, value):
        return value.detach() if name in cut else value

    normed = layer_norm(x, params["ln1"])
    queries, context = way("queries", normed), way("context", normed)
    branch = multi_head(queries, context, params["attention"], heads, mask)
    x = way("x", x)
    u, into_ffn = x + branch, way("ffn to x", x) + way("ffn to attention", branch)
    return way("u", u) + feed_forward(layer_norm(into_ffn, params["ln2"]), params["ffn"])


# What checks use for functions that have failed their own check.
STAND_INS = {
    **forward_backward("feed_forward", feed_forward),
    "causal_mask": causal,
    **forward_backward("attention", attention, wrt=[0, 1, 2]),
    "split_heads": split,
    "merge_heads": merge,
    **forward_backward("multi_head", multi_head, wrt=[0, 1, 2]),
}


def ffn_params(rng, d, f, o):
    return dict(w1=rng.normal(d, f), b1=rng.normal(f), w2=rng.normal(f, o), b2=rng.normal(o))


def ffn_clues(x, params):
    wrong = (
        Wrong(
            "no relu",
            "the ReLU between the two layers is missing: without it they are one linear layer",
            feed_forward(x, params, activation=lambda h: h),
        ),
        Wrong(
            "relu after the last layer",
            "there is a ReLU after the second layer: what a block adds may be negative",
            feed_forward(x, params).relu(),
        ),
        Wrong(
            "no b1",
            "the bias b1 is missing",
            feed_forward(x, params | {"b1": torch.zeros_like(params["b1"])}),
        ),
    )
    return Clues(wrong=wrong, tensors={"b2": params["b2"]})


@public
@points(1, of="feed_forward_forward")
def test_feed_forward_by_hand(student, rng):
    """The example by hand, and random inputs."""
    hand = {name: torch.tensor(value).double() for name, value in BY_HAND_PARAMS.items()}
    z, y = torch.tensor([BY_HAND_Z]).double(), torch.tensor([BY_HAND_Y]).double()
    check_forward(student, "feed_forward", dict(x=z, params=hand), y, clues=ffn_clues(z, hand))
    params = ffn_params(rng, 5, 7, 6)
    for x in sequences(rng, 5):
        inputs, expected = dict(x=x, params=params), feed_forward(x, params)
        check_forward(student, "feed_forward", inputs, expected, clues=ffn_clues(x, params))


def sequences(rng, d):
    """(B, T, d) for several and for a single one."""
    return rng.normal(2, 3, d), rng.normal(1, 1, d)


@public
@points(1, of="feed_forward_backward")
def test_feed_forward_backward(student, rng):
    """The gradients of x and of all parameters agree with finite differences."""
    params = ffn_params(rng, 5, 7, 6)
    for x in sequences(rng, 5):
        dout = rng.normal(*x.shape[:2], 6)
        linear = gradients(
            lambda x, p: feed_forward(
                x, p, activation=lambda h: h.relu().detach() + h - h.detach()
            ),
            [x, params],
            dout,
        )
        wrong = (Wrong("no relu", "the ReLU is left out of the way back", linear[0]),)
        clues = {
            "x": Clues(wrong=wrong),
            **{f"params[{n!r}]": Clues(sizes=positions(x)) for n in params},
        }
        inputs = dict(x=x, params=params)
        check_gradients(
            student,
            "feed_forward",
            inputs,
            feed_forward,
            dout=dout,
            clues=clues,
            forward_clues=ffn_clues(x, params),
        )


def positions(x):
    return {"batch × positions": x.shape[0] * x.shape[1]}


def gradients(function, inputs, dout):
    """Autograd's gradients of `function`, in the structure of `inputs`."""
    leaves, spec = tree_flatten(inputs)
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    out = function(*tree_unflatten(leaves, spec))
    found = torch.autograd.grad(out, leaves, dout, allow_unused=True, materialize_grads=True)
    return tree_unflatten(list(found), spec)


@public
@points(1, of="causal_mask")
def test_causal_mask(student, rng):
    """A position may attend to itself and to those before it."""
    for t in (5, 1):
        mask = call(student, "causal_mask", t)
        require(
            not isinstance(mask, Tensor) or mask.dtype == torch.bool,
            f"causal_mask must be boolean, got {getattr(mask, 'dtype', None)}",
            "It says who may attend to whom; what that does to the scores is attention's matter.",
            diagnosis="not boolean",
        )
        expected = CAUSAL[:t, :t].double()
        wrong = (
            Wrong(
                "diagonal missing",
                "off by one: a position may attend to itself. What is left here for the first?",
                expected - torch.eye(t),
            ),
            Wrong(
                "diagonal above",
                "off by one: position i sees i + 1, which is the token that it is to predict",
                torch.cat([expected[1:], expected[-1:]]),
            ),
            Wrong(
                "upper triangle",
                "turned round: each position sees itself and the *later* ones. Rows are queries",
                expected.T,
            ),
            Wrong(
                "inverted",
                "inverted: True means that the query *may* attend to the key",
                1 - expected,
            ),
        )
        mask = mask.double() if isinstance(mask, Tensor) else mask
        check_values(mask, expected, "causal_mask", clues=Clues(wrong=wrong))


def attention_clues(q, k, v, mask=None):
    """What students get wrong in the values of attention."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    width, (queries, keys) = q.shape[-1], scores.shape[-2:]
    others = {"queries": queries, "keys": keys, "features of a value": v.shape[-1]}
    if q.ndim == 4:
        others["heads"] = q.shape[1]
    unasked = CAUSAL[:queries, :keys].bool()
    wrong = (
        Wrong(
            "no scale",
            "the scores are not divided by √D: q·k is a sum of D products, how large does it get?",
            lambda: attention(q, k, v, mask, scale=1),
        ),
        Wrong(
            "scale:1/d",
            "the scores are divided by D, not by its root: what is the standard deviation of q·k?",
            lambda: attention(q, k, v, mask, scale=1 / width),
        ),
        *(
            Wrong(
                "scale:other size",
                f"the scores are divided by √{size}, the number of {name}: D = {width} is the "
                "number of features of a query",
                lambda size=size: attention(q, k, v, mask, scale=size**-0.5),
            )
            for name, size in others.items()
        ),
        Wrong(
            "softmax:axis",
            "the softmax runs over the queries: each *query* shares out one unit among the keys",
            (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-2) @ v,
        ),
        Wrong("no softmax", "the softmax is missing: the scores are used as weights", scores @ v),
        Wrong(
            "causal always",
            "a causal mask is applied that nobody asked for",
            lambda: attention(q, k, v, unasked) if mask is None else None,
        ),
    )
    return Clues(wrong=wrong if mask is None else wrong + mask_mistakes(scores, v, mask))


def mask_mistakes(scores, v, mask):
    def without(hidden):
        return scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v

    after = scores.softmax(-1) * mask
    return (
        Wrong(
            "mask:not low enough",
            "hidden keys show through: −100 is no low score where all the others are −1000. Which "
            "number is below every score?",
            scores.masked_fill(~mask, -100).softmax(-1) @ v,
        ),
        Wrong(
            "mask after the softmax",
            "the mask is applied after the softmax: the weights of a query do not sum to 1 any "
            "more, and how much is missing depends on the hidden keys",
            after @ v,
        ),
        Wrong(
            "mask with zero",
            "hidden keys get the score 0, and e⁰ is 1: which score makes a weight of 0?",
            (scores * mask).softmax(-1) @ v,
        ),
        Wrong(
            "mask inverted",
            "the mask is used the wrong way round: True means that the query may attend",
            without(mask),
        ),
        Wrong(
            "mask transposed",
            "the mask is used transposed: its rows are queries, its columns keys",
            lambda: without(~mask.mT),
        ),
        Wrong("mask ignored", "the mask has no effect", scores.softmax(-1) @ v),
        Wrong(
            "mask renormalised",
            "the mask is applied after the softmax and the rest divided by its sum: that is 0/0 "
            "where a hidden key has by far the largest score. Hide it before the exponential",
            after / after.sum(-1, keepdim=True) @ v,
        ),
    )


def hidden_row_mistakes(q, k, v, mask):
    """What goes wrong where a query may attend to nothing, or has scores of 0."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
    zero = scores.masked_fill(~mask | (scores == 0), -torch.inf).softmax(-1).nan_to_num()
    return (
        Wrong(
            "hidden row:nan",
            "NaN where a query may attend to no key: its softmax is 0/0. Its output is to be zero",
            weights @ v,
        ),
        Wrong(
            "hidden row:mean",
            "a query that may attend to no key gets the mean of all values: to hide all keys alike "
            "is to hide none. Its output is to be zero",
            torch.where(mask.any(-1, keepdim=True), weights, 1 / mask.shape[-1]) @ v,
        ),
        Wrong(
            "mask:zero scores",
            "a score that happens to be 0 is taken for a hidden one: ask the mask, not the scores",
            zero @ v,
        ),
    )


def check_attention(student, q, k, v, mask=None, wrong=()):
    clues = attention_clues(q, k, v, mask)
    check_forward(
        student,
        "attention",
        dict(q=q, k=k, v=v),
        attention(q, k, v, mask),
        options={} if mask is None else dict(mask=mask),
        clues=Clues(wrong=(*wrong, *clues.wrong)),
    )


def alike(a, b, positions=None):
    """Are the first outputs the same up to rounding? What cannot be compared is."""
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape):
        return True
    a, b = (out[..., :positions, :] for out in (a, b))
    return torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)


@public
@points(2, of="attention_forward")
def test_attention_forward(student, rng):
    """Values agree without a mask, and the order of the keys does not matter."""
    q, k, v = rng.normal(2, 4, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    order = [3, 0, 4, 2, 1]
    out, _ = forward(student, "attention", q, k, v)
    permuted, _ = forward(student, "attention", q, k[:, order], v[:, order])
    require(
        alike(out, permuted),
        "the order of the keys matters",
        "Without a mask, permuting keys and values together must change nothing: is there a causal "
        "mask that nobody asked for, or a position in the scores?",
        diagnosis="property:order of keys",
    )
    check_attention(student, q, k, v)
    check_attention(student, q[:1, :1], k[:1], v[:1])
    check_attention(student, rng.normal(2, 3, 4, 6), rng.normal(2, 3, 5, 6), rng.normal(2, 3, 5, 7))
    check_attention(student, 1000 * q, k, v)


@public
@points(1, of="attention_forward")
def test_attention_forward_causal(student, rng):
    """With a causal mask nothing shows of later tokens."""
    q, k, v = rng.normal(2, 5, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    mask, t = CAUSAL.bool(), 3
    louder = torch.ones(5, 1).double()
    louder[t:] = 1e5
    for loud in (False, True):
        keys, values = (louder * k, louder * v) if loud else (k, v)
        try:
            check_attention(student, q, keys, values, mask)
        except CheckFailed as failure:
            early, _ = forward(student, "attention", q, k, v, mask=mask)
            later, _ = forward(student, "attention", q, louder * k, louder * v, mask=mask)
            # What fails only with loud keys looks like no mask at all where these drown the others.
            named = failure.diagnosis is not None and not loud
            if named or alike(early, later, t):
                raise
            raise CheckFailed(
                f"the outputs of the first {t} tokens change when the tokens after them do",
                "Those are hidden from them: their weights must be exactly 0, however large their "
                "scores are.",
                diagnosis="property:future leaks",
            ) from None


def some_hidden(rng, *shape):
    """A mask in which every query sees some of the keys and not all of them."""
    *_, keys = shape
    seen = rng.integers(*shape[:-1], 1, low=1, high=keys)
    return rng.uniform(*shape).argsort(-1).argsort(-1) < seen


@points(1, of="attention_forward")
def test_attention_forward_masks(student, rng):
    """Masks of every shape, extreme scores, and queries that may attend to nothing."""
    q, k, v = rng.normal(2, 4, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    mask = some_hidden(rng, 2, 4, 5)
    check_attention(student, q, k, v, mask)
    silent = q * (torch.arange(4) != 1)[:, None]
    check_attention(student, silent, k, v, mask, hidden_row_mistakes(silent, k, v, mask))
    heads = [rng.normal(2, 3, t, d) for t, d in ((4, 6), (5, 6), (5, 7))]
    check_attention(student, *heads, mask[:, None])
    padding = some_hidden(rng, 2, 1, 1, 5)
    check_attention(student, *heads, padding)
    best = (q @ k.mT).argmax(-1, keepdim=True)
    check_attention(student, 1000 * q, k, v, torch.ones(2, 4, 5).bool().scatter(-1, best, False))
    check_attention(student, -1000 * q.abs(), k.abs(), v, mask)
    mask[0, 2] = False
    check_attention(student, q, k, v, mask, hidden_row_mistakes(q, k, v, mask))


# Mistakes in the gradient of the softmax, each as the change of p that it would be right for, when
# the scores change by ds. Autograd turns them into gradients.
SOFTMAX_MISTAKES = (
    (
        "softmax:diagonal",
        "the softmax's derivative is not diagonal: each score moves *all* weights of its row. A "
        "term is missing",
        lambda p, ds: p * ds,
    ),
    (
        "softmax:diagonal",
        "p (1 − p) is only the diagonal of the softmax's derivative: each score moves *all* "
        "weights of its row",
        lambda p, ds: p * (1 - p) * ds,
    ),
    (
        "softmax:axis",
        "the sum in the softmax's gradient runs over the queries: it belongs to a row, over the "
        "keys",
        lambda p, ds: p * ds - p * (p * ds).sum(-2, keepdim=True),
    ),
    (
        "softmax:plain sum",
        "what is subtracted is the plain sum of a row of dP: weight it with P",
        lambda p, ds: p * ds - (p * ds).sum(-1, keepdim=True),
    ),
    (
        "softmax:no factor",
        "the factor P before the bracket is missing in the softmax's gradient",
        lambda p, ds: ds - p * ds.sum(-1, keepdim=True),
    ),
    ("no softmax", "the softmax is left out of the way back", lambda p, ds: ds),
)


def attention_gradient_clues(q, k, v, mask, dout):
    def trusted():
        return gradients(lambda q, k, v: attention(q, k, v, mask), [q, k, v], dout)

    def with_softmax(change):
        def changed(q, k, v):
            scores = q @ k.mT / q.shape[-1] ** 0.5
            p = attention(q, k, torch.eye(k.shape[-2]).to(q).expand(*k.shape[:-1], -1), mask)
            return (p.detach() + change(p.detach(), scores - scores.detach())) @ v

        return gradients(changed, [q, k, v], dout)

    def clues(i):
        root = q.shape[-1] ** 0.5
        return Clues(
            wrong=(
                Wrong(
                    "no scale",
                    "the 1/√D of the scores is lost on the way back",
                    lambda: root * trusted()[i],
                ),
                Wrong(
                    "scale:twice",
                    "the 1/√D of the scores is there twice",
                    lambda: trusted()[i] / root,
                ),
                *(
                    Wrong(name, text, lambda change=change: with_softmax(change)[i])
                    for name, text, change in SOFTMAX_MISTAKES
                ),
            )
        )

    ignored = Wrong(
        "mask ignored",
        "the mask is forgotten on the way back: use the weights of the forward",
        lambda: gradients(attention, [q, k, v], dout)[2],
    )
    return {"q": clues(0), "k": clues(1), "v": Clues(wrong=(ignored,))}


@public
@points(3, of="attention_backward")
def test_attention_backward(student, rng):
    """The gradients of q, k and v agree with finite differences."""
    q, k, v, dout = (
        rng.normal(2, 4, 6),
        rng.normal(2, 5, 6),
        rng.normal(2, 5, 7),
        rng.normal(2, 4, 7),
    )
    check_attention_gradients(student, q, k, v, None, dout)
    check_attention_gradients(student, q[:1, :1], k[:1], v[:1], None, dout[:1, :1])
    q, k, v, dout = (rng.normal(2, 3, *s) for s in ((4, 6), (5, 6), (5, 7), (4, 7)))
    mask = some_hidden(rng, 4, 5)
    check_attention_gradients(student, q, k, v, mask, dout)
    mask[2] = False
    out, _ = forward(student, "attention", q, k, v, mask=mask)
    if isinstance(out, Tensor) and not out[:, :, 2].any():  # else the forward's own check says so
        check_attention_gradients(student, q, k, v, mask, dout)


def check_attention_gradients(student, q, k, v, mask, dout):
    check_gradients(
        student,
        "attention",
        dict(q=q, k=k, v=v),
        attention,
        options={} if mask is None else dict(mask=mask),
        dout=dout,
        clues=attention_gradient_clues(q, k, v, mask, dout),
        forward_clues=attention_clues(q, k, v, mask),
    )


def heads_by_definition(rng):
    """x (B, T, D), the number of heads, and y (B, H, T, D/H), by the definition, index by index."""
    for b, t, heads, width in ((2, 5, 3, 4), (1, 2, 4, 1), (1, 3, 1, 2)):
        x, y = rng.normal(b, t, heads * width), torch.empty(b, heads, t, width).double()
        for h, i, j in product(range(heads), range(t), range(width)):
            y[:, h, i, j] = x[:, i, h * width + j]
        yield x, heads, y


@public
@points(1, of="split_heads")
def test_split_heads(student, rng):
    """Every head gets its own run of features of every position."""
    for x, heads, y in heads_by_definition(rng):
        b, _, t, width = y.shape
        wrong = (
            Wrong(
                "no transpose",
                "a reshape alone cuts the *positions* into groups: a head must get some of the "
                "features of all positions. Which axes have to change places?",
                x.reshape(y.shape),
            ),
            Wrong(
                "interleaved",
                "a head gets every H-th feature: it must get a run of D/H that lie side by side",
                x.reshape(b, t, width, heads).permute(0, 3, 1, 2),
            ),
        )
        value = call(student, "split_heads", x, heads)
        check_values(value, y, "split_heads", clues=Clues(wrong=wrong))
    check_raises(student, "split_heads", x, 4, when="the heads do not divide the features")


@public
@points(1, of="merge_heads")
def test_merge_heads(student, rng):
    """The heads' features come to lie side by side again."""
    for x, _, y in heads_by_definition(rng):
        wrong = (
            Wrong(
                "no transpose",
                "a reshape alone puts features of *different positions* into one row. Which axes "
                "have to change places first?",
                y.reshape(x.shape),
            ),
            Wrong(
                "interleaved",
                "the heads are interleaved: the features of a head must lie side by side",
                y.permute(0, 2, 3, 1).reshape(x.shape),
            ),
        )
        value = call(student, "merge_heads", y)
        check_values(value, x, "merge_heads", clues=Clues(wrong=wrong))


def attention_params(rng, d, c, m, n, o):
    names = dict(wq=(d, m), wk=(c, m), wv=(c, n), wo=(n, o), bo=(o,))
    return {name: rng.normal(*shape) for name, shape in names.items()}


def cross_attentions(rng):
    """Inputs of multi-head attention, the number of heads and a mask, all sizes different."""
    params = attention_params(rng, 5, 7, 6, 9, 8)
    yield dict(x=rng.normal(2, 3, 5), context=rng.normal(2, 4, 7), params=params), 3, None
    mask = some_hidden(rng, 2, 1, 3, 4)
    yield dict(x=rng.normal(2, 3, 5), context=rng.normal(2, 4, 7), params=params), 3, mask
    yield dict(x=rng.normal(1, 1, 5), context=rng.normal(1, 2, 7), params=params), 1, None


def without_transpose(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def merged_without_transpose(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


def multi_head_clues(x, context, params, heads, mask):
    def value(**changed):
        return lambda: multi_head(x, context, params, heads, mask, **changed)

    def wider(q, k, v, mask):
        return attention(q / heads**0.5, k, v, mask)

    cut = (
        "no transpose",
        "the heads are cut by a reshape alone: a head must get some of the features of *all* "
        "positions. Use split_heads",
    )
    wrong = (
        Wrong(*cut, value(split=without_transpose)),
        Wrong(*cut, value(split=without_transpose, merge=merged_without_transpose)),
        Wrong(
            "no transpose",
            "the heads are joined by a reshape alone: use merge_heads",
            value(merge=merged_without_transpose),
        ),
        Wrong(
            "one head",
            "the heads are not used: all features attend as one head",
            value(split=lambda x, heads: x[:, None]),
        ),
        Wrong(
            "scale:whole width",
            "the scores are divided by the root of the whole width: each head attends for itself, "
            "and its D is the width of one head",
            value(attend=wider),
        ),
        Wrong(
            "mask ignored",
            "the mask has no effect: is it passed on?",
            value(attend=lambda q, k, v, mask: attention(q, k, v)),
        ),
    )
    return Clues(wrong=wrong, tensors={"bo": params["bo"]})


@points(2, of="multi_head_forward")
def test_multi_head_forward(student, rng):
    """Values agree for queries from one sequence and keys and values from another."""
    for inputs, heads, mask in cross_attentions(rng):
        check_forward(
            student,
            "multi_head",
            inputs,
            multi_head(*inputs.values(), heads, mask),
            options=options(heads, mask),
            clues=multi_head_clues(*inputs.values(), heads, mask),
        )


def options(heads, mask):
    return dict(heads=heads) if mask is None else dict(heads=heads, mask=mask)


def multi_head_gradient_clues(x, context, params, heads, mask, dout):
    def of_context(i):
        def two_ways(keys, values):
            return multi_head(x, keys, params, heads, mask, values=values)

        return lambda: gradients(two_ways, [context, context], dout)[i]

    def joined_by_reshape():
        def from_queries(q):
            k, v = split(context @ params["wk"], heads), split(context @ params["wv"], heads)
            return merge(attention(q, k, v, mask)) @ params["wo"] + params["bo"]

        dq = gradients(from_queries, [split(x @ params["wq"], heads)], dout)[0]
        return merged_without_transpose(dq) @ params["wq"].T

    no_transpose = Wrong(
        "no transpose",
        "the gradients of the heads are joined by a reshape alone: use merge_heads",
        joined_by_reshape,
    )
    keys_only = Wrong(
        "context:keys only",
        "what comes back through the values is missing: the context goes two ways",
        of_context(0),
    )
    values_only = Wrong(
        "context:values only",
        "what comes back through the keys is missing: the context goes two ways",
        of_context(1),
    )
    return {
        "x": Clues(wrong=(no_transpose,)),
        "context": Clues(wrong=(keys_only, values_only)),
        **{f"params[{n!r}]": Clues(sizes=positions(x)) for n in params},
    }


@points(2, of="multi_head_backward")
def test_multi_head_backward(student, rng):
    """The gradients of x, of the context and of all parameters agree with finite differences."""
    for inputs, heads, mask in cross_attentions(rng):
        dout = rng.normal(*inputs["x"].shape[:2], 8)
        check_gradients(
            student,
            "multi_head",
            inputs,
            multi_head,
            options=options(heads, mask),
            dout=dout,
            clues=multi_head_gradient_clues(*inputs.values(), heads, mask, dout),
            forward_clues=multi_head_clues(*inputs.values(), heads, mask),
        )


def blocks(rng):
    """Inputs of a block, the number of heads and a mask."""
    params = {
        "ln1": dict(gamma=rng.normal(6, mean=1), beta=rng.normal(6)),
        "attention": attention_params(rng, 6, 6, 4, 8, 6),
        "ln2": dict(gamma=rng.normal(6, mean=1), beta=rng.normal(6)),
        "ffn": ffn_params(rng, 6, 7, 6),
    }
    yield dict(x=rng.normal(2, 5, 6), params=params), 2, causal(5)
    yield dict(x=rng.normal(2, 3, 6), params=params), 4, None
    yield dict(x=rng.normal(1, 1, 6), params=params), 1, None


HALVES = {
    "residual:normed": (
        "the residual carries the normed values: it starts *before* the norm",
        lambda x, norm, branch: norm(x) + branch(norm(x)),
    ),
    "residual:missing": (
        "the residual is missing: what goes into the norm is also added to what the branch makes",
        lambda x, norm, branch: branch(norm(x)),
    ),
    "post-norm": (
        "the norm comes after the sum: this is the post-norm block, and pre-norm is asked",
        lambda x, norm, branch: norm(x + branch(x)),
    ),
    "norm:after the branch": (
        "the norm stands at the branch's exit: it belongs at the entrance",
        lambda x, norm, branch: x + norm(branch(x)),
    ),
    "norm:missing": (
        "the norm is missing",
        lambda x, norm, branch: x + branch(x),
    ),
}


def block_clues(x, params, heads, mask):
    """One mistake in the attention half, in the feed-forward half, or in both."""

    def right(x, norm, branch):
        return x + branch(norm(x))

    def attention_half(half, mask=mask):
        return half(
            x,
            lambda z: layer_norm(z, params["ln1"]),
            lambda z: multi_head(z, z, params["attention"], heads, mask),
        )

    def only_one_normed(queries, context):
        source = {"x": x, "normed": layer_norm(x, params["ln1"])}
        branch = multi_head(source[queries], source[context], params["attention"], heads, mask)
        return ffn_half(right, x + branch)

    def ffn_half(half, u, norm="ln2"):
        return half(
            u, lambda z: layer_norm(z, params[norm]), lambda z: feed_forward(z, params["ffn"])
        )

    wrong = [
        Wrong(name, f"{where}, {text}", lambda a=a, b=b: ffn_half(b, attention_half(a)))
        for name, (text, half) in HALVES.items()
        for where, a, b in (
            ("in both halves", half, half),
            ("in the attention half", half, right),
            ("in the feed-forward half", right, half),
        )
    ]
    wrong += [
        Wrong(
            "mask ignored",
            "the mask has no effect: is it passed on?",
            lambda: ffn_half(right, attention_half(right, None)),
        ),
        Wrong(
            "residual:x twice",
            "the second residual carries x: it carries u, which the attention half made of it",
            lambda: x + ffn_half(lambda u, norm, branch: branch(norm(u)), attention_half(right)),
        ),
        Wrong(
            "norm:first twice",
            "the feed-forward half uses ln1: each half has a norm of its own",
            lambda: ffn_half(right, attention_half(right), "ln1"),
        ),
        Wrong(
            "norm:context",
            "the context is x as it came: keys and values, too, are made from the normed x",
            lambda: only_one_normed("normed", "x"),
        ),
        Wrong(
            "norm:queries",
            "the queries come from x as it came: they, too, are made from the normed x",
            lambda: only_one_normed("x", "normed"),
        ),
    ]
    return Clues(wrong=tuple(wrong))


@points(2, of="block_forward")
def test_block_forward(student, rng):
    """Values agree, causal and not."""
    for inputs, heads, mask in blocks(rng):
        check_forward(
            student,
            "block",
            inputs,
            block(*inputs.values(), heads, mask),
            options=options(heads, mask),
            clues=block_clues(*inputs.values(), heads, mask),
        )


SELF_ATTENTION = "in self-attention the normed x is both the queries' source and the context"
LOST_WAYS = (
    (
        "lost way:second residual",
        ("u",),
        "the residual of the feed-forward half is forgotten: dout goes back along two ways",
    ),
    (
        "lost way:first residual",
        ("x",),
        "the residual of the attention half is forgotten: what reaches u goes back along two ways",
    ),
    (
        "lost way:both residuals",
        ("x", "u"),
        "both residuals are forgotten: each sum hands its gradient to both of its terms",
    ),
    (
        "lost way:into attention",
        ("ffn to attention",),
        "dout goes back into the attention half: what enters it is the whole gradient of u, the "
        "feed-forward half's share included",
    ),
    (
        "lost way:into the residual",
        ("ffn to x",),
        "dout goes past the attention half: what goes past it is the whole gradient of u",
    ),
    (
        "lost way:context",
        ("context",),
        f"what comes back through the keys and values is missing: {SELF_ATTENTION}",
    ),
    (
        "lost way:queries",
        ("queries",),
        f"what comes back through the queries is missing: {SELF_ATTENTION}",
    ),
)


@points(2, of="block_backward")
def test_block_backward(student, rng):
    """The gradients of x and of all parameters agree with finite differences."""
    for inputs, heads, mask in blocks(rng):
        dout = rng.normal(*inputs["x"].shape)
        check_gradients(
            student,
            "block",
            inputs,
            block,
            options=options(heads, mask),
            dout=dout,
            clues={"x": Clues(wrong=lost_ways(*inputs.values(), heads, mask, dout))},
            forward_clues=block_clues(*inputs.values(), heads, mask),
        )


def lost_ways(x, params, heads, mask, dout):
    """The gradient of x when some of the ways back are forgotten."""

    def gradient(cut):
        def cut_block(x):
            return block(x, params, heads, mask, cut=cut)

        return lambda: gradients(cut_block, [x], dout)[0]

    return tuple(Wrong(name, text, gradient(cut)) for name, cut, text in LOST_WAYS)
