"""Checks of the topic transformer."""

import torch
import torch.nn.functional as F

from gradus.checks import (
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    double,
    forward_backward,
    points,
    public,
)

# The example by hand: Z = AX is each position plus its right neighbour, of three and of five.
BY_HAND = dict(
    w1=double([[1, -1, 1, 0], [1, 1, 0, 1], [-1, 0, 1, 1]]),
    b1=double([1, -2, 2, 1]),
    w2=double([[2, -1, 0], [1, 2, -1], [-1, 2, 0], [0, 2, 1]]),
    b2=double([2, 0, -1]),
)
Z3, Y3 = double([[[3, 4, 1], [1, 4, 3], [0, 1, 2]], [[10, 17, 5], [3, 27, 6], [-2, 16, 3]]])
Z5 = double([[3, 4, 1], [1, 4, 3], [3, 1, 3], [4, 2, 3], [1, 2, 2]])
Y5 = double([[10, 17, 5], [3, 27, 6], [-2, 24, 4], [1, 26, 5], [1, 18, 4]])

# The functions of the topic, from torch's own operators.


def feed_forward(x, params):
    hidden = torch.relu(F.linear(x, params["w1"].T, params["b1"]))
    return F.linear(hidden, params["w2"].T, params["b2"])


def causal(t):
    rows = torch.arange(t)
    return rows[:, None] >= rows


def attention(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def split(x, heads):
    return torch.stack(x.chunk(heads, -1), 1)


def merge(x):
    return torch.cat(x.unbind(1), -1)


def multi_head(x, context, params, heads, mask=None):
    q, k, v = x @ params["wq"], context @ params["wk"], context @ params["wv"]
    mixed = attention(split(q, heads), split(k, heads), split(v, heads), mask)
    return merge(mixed) @ params["wo"] + params["bo"]


def layer_norm(x, params):
    return F.layer_norm(x, x.shape[-1:], params["gamma"], params["beta"])


def block(x, params, heads, mask=None):
    normed = layer_norm(x, params["ln1"])
    u = x + multi_head(normed, normed, params["attention"], heads, mask)
    return u + feed_forward(layer_norm(u, params["ln2"]), params["ffn"])


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


@public
@points(1, of="feed_forward_forward")
def test_feed_forward_by_hand(student, rng):
    """The example on paper, first with three positions, then with five; and random inputs."""
    for z, y in ((Z3, Y3), (Z5, Y5)):
        check_forward(student, "feed_forward", dict(x=z[None], params=BY_HAND), y[None])
    params = ffn_params(rng, 5, 7, 6)
    for x in (rng.normal(2, 3, 5), rng.normal(1, 1, 5)):
        inputs = dict(x=x, params=params)
        check_forward(student, "feed_forward", inputs, feed_forward(**inputs))


@public
@points(1, of="feed_forward_backward")
def test_feed_forward_backward(student, rng):
    """The gradients of x and of all parameters, also where an input of the ReLU is exactly 0."""
    p = ffn_params(rng, 5, 7, 6)
    for x, params in ((rng.normal(2, 3, 5), p), (rng.normal(1, 1, 5), p), (Z3[None], BY_HAND)):
        sizes = {"batch × positions": x[..., 0].numel(), "number of positions": x.shape[1]}
        inputs = dict(x=x, params=params)
        check_gradients(student, "feed_forward", inputs, feed_forward, sizes=sizes)


@public
@points(1, of="causal_mask")
def test_causal_mask(student, rng):
    """A position may attend to itself and to those before it."""
    for t in (5, 1):
        check_result(student, "causal_mask", dict(t=t), causal(t), "causal_mask", same_dtype=True)


def masked(mask):
    return {} if mask is None else dict(mask=mask)


def check_attention(student, q, k, v, mask=None):
    inputs, expected = dict(q=q, k=k, v=v), attention(q, k, v, mask)
    check_forward(student, "attention", inputs, expected, options=masked(mask))


@public
@points(2, of="attention_forward")
def test_attention_forward(student, rng):
    """Values agree without a mask, and the order of the keys does not matter."""
    q, k, v = rng.normal(2, 4, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    order = [3, 0, 4, 2, 1]
    check_attention(student, q, k, v)
    check_attention(student, q, k[:, order], v[:, order])
    check_attention(student, q[:1, :1], k[:1], v[:1])
    check_attention(student, rng.normal(2, 3, 4, 6), rng.normal(2, 3, 5, 6), rng.normal(2, 3, 5, 7))
    check_attention(student, 1000 * q, k, v)


@public
@points(1, of="attention_forward")
def test_attention_forward_causal(student, rng):
    """With a causal mask nothing shows of later tokens, however large they are."""
    q, k, v = rng.normal(2, 5, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    louder = double([1, 1, 1, 1e5, 1e5])[:, None]
    check_attention(student, q, k, v, causal(5))
    check_attention(student, q.abs(), louder * k.abs(), louder * v, causal(5))


def some_hidden(rng, *shape):
    """A mask in which every query sees some of the keys and not all of them."""
    seen = rng.integers(*shape[:-1], 1, low=1, high=shape[-1])
    return rng.uniform(*shape).argsort(-1).argsort(-1) < seen


@points(1, of="attention_forward")
def test_attention_forward_masks(student, rng):
    """Masks of every shape, extreme scores, and queries that may attend to nothing."""
    q, k, v = rng.normal(2, 4, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    mask = some_hidden(rng, 2, 4, 5)
    check_attention(student, q, k, v, mask)
    silent = q * (torch.arange(4) != 1)[:, None]
    check_attention(student, silent, k, v, mask)
    heads = [rng.normal(2, 3, t, d) for t, d in ((4, 6), (5, 6), (5, 7))]
    check_attention(student, *heads, mask[:, None])
    for shape in ((2, 1, 1, 5), (3, 4, 5), (1, 5)):  # a shape is read from the right
        check_attention(student, *heads, some_hidden(rng, *shape))
    best = (q @ k.mT).argmax(-1, keepdim=True)
    check_attention(student, 1000 * q, k, v, torch.ones(2, 4, 5).bool().scatter(-1, best, False))
    check_attention(student, -1e12 * q.abs(), k.abs(), v, torch.eye(4, 5).bool())
    check_attention(student, q, k, v, mask & (torch.arange(8).reshape(2, 4, 1) != 2))


@public
@points(3, of="attention_backward")
def test_attention_backward(student, rng):
    """The gradients of q, k and v are those of attention."""
    q, k, v = rng.normal(2, 4, 6), rng.normal(2, 5, 6), rng.normal(2, 5, 7)
    heads = rng.normal(2, 3, 4, 6), rng.normal(2, 3, 5, 6), rng.normal(2, 3, 5, 7)
    mask = some_hidden(rng, 4, 5)
    for *inputs, seen in (
        (q, k, v, None),
        (q[:1, :1], k[:1], v[:1], None),
        (*heads, mask),
        (*heads, mask & (torch.arange(4) != 2)[:, None]),  # one that may attend to nothing
    ):
        named = dict(zip("qkv", inputs, strict=True))
        check_gradients(student, "attention", named, attention, options=masked(seen))


@public
@points(1, of="split_heads")
def test_split_heads(student, rng):
    """Every head gets its own run of features of every position."""
    for b, t, d, heads in ((2, 5, 12, 3), (1, 2, 4, 4), (1, 3, 2, 1)):
        x = rng.normal(b, t, d)
        check_result(student, "split_heads", dict(x=x, heads=heads), split(x, heads), "split_heads")
    x = rng.normal(2, 5, 6)
    check_raises(student, "split_heads", x, 4, when="4 heads do not divide 6 features")


@public
@points(1, of="merge_heads")
def test_merge_heads(student, rng):
    """The heads' features come to lie side by side again."""
    for shape in ((2, 3, 5, 4), (1, 4, 2, 1), (1, 1, 3, 2)):
        x = rng.normal(*shape)
        check_result(student, "merge_heads", dict(x=x), merge(x), "merge_heads")


def attention_params(rng, d, c, m, n, o):
    """As networks start: the scores are near 1, and no softmax in float32 looks like a mistake."""
    names = dict(wq=(d, m), wk=(c, m), wv=(c, n), wo=(n, o), bo=(o,))
    return {name: rng.normal(*shape, std=shape[0] ** -0.5) for name, shape in names.items()}


def multi_heads(rng):
    """Inputs of multi-head attention, with the heads and the mask: of one sequence and of two."""
    x, params = rng.normal(2, 4, 5), attention_params(rng, 5, 5, 6, 9, 8)
    yield dict(x=x, context=x, params=params), dict(heads=3)
    params = attention_params(rng, 5, 7, 6, 9, 8)  # all sizes different
    for b, t, s, heads, mask in (
        (2, 3, 4, 3, None),
        (2, 3, 4, 3, some_hidden(rng, 2, 3, 3, 4)),
        (3, 3, 4, 3, some_hidden(rng, 3, 3, 4)),  # read from the right: one for each head
        (1, 1, 2, 1, None),
    ):
        inputs = dict(x=rng.normal(b, t, 5), context=rng.normal(b, s, 7), params=params)
        yield inputs, dict(heads=heads, **masked(mask))


@public
@points(2, of="multi_head_forward")
def test_multi_head_forward(student, rng):
    """Values agree where keys and values come from x, and where they come from another sequence."""
    for inputs, options in multi_heads(rng):
        out = multi_head(**inputs, **options)
        check_forward(student, "multi_head", inputs, out, options=options)


@public
@points(2, of="multi_head_backward")
def test_multi_head_backward(student, rng):
    """The gradients of x, of the context and of all parameters are those of the layer."""
    for inputs, options in multi_heads(rng):
        more = dict(options=options, sizes={"batch × positions": inputs["x"][..., 0].numel()})
        check_gradients(student, "multi_head", inputs, multi_head, **more)


def blocks(rng):
    """Inputs of a block, and the heads and the mask."""
    params = {
        "ln1": dict(gamma=rng.normal(6, mean=1), beta=rng.normal(6)),
        "attention": attention_params(rng, 6, 6, 4, 8, 6),
        "ln2": dict(gamma=rng.normal(6, mean=1), beta=rng.normal(6)),
        "ffn": ffn_params(rng, 6, 7, 6),
    }
    for b, t, size, heads, mask in (
        (2, 5, 1, 2, causal(5)),
        (2, 3, 1, 4, None),
        (1, 1, 1e-3, 1, None),  # both norms see little but eps
    ):
        attention = {name: size * p for name, p in params["attention"].items()}
        inputs = dict(x=size * rng.normal(b, t, 6), params=dict(params, attention=attention))
        yield inputs, dict(heads=heads, **masked(mask))


@public
@points(2, of="block_forward")
def test_block_forward(student, rng):
    """Values agree, causal and not."""
    for inputs, options in blocks(rng):
        check_forward(student, "block", inputs, block(**inputs, **options), options=options)


@public
@points(2, of="block_backward")
def test_block_backward(student, rng):
    """The gradients of x and of all parameters are those of the block."""
    for inputs, options in blocks(rng):
        check_gradients(student, "block", inputs, block, options=options)
