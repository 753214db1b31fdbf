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


def feed_forward(x, params, *, activation=torch.relu):
    hidden = activation(F.linear(x, params["w1"].T, params["b1"]))
    return F.linear(hidden, params["w2"].T, params["b2"])


def attention(q, k, v, mask=None, *, scale=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


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
