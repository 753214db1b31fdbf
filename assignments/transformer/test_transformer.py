"""The public checks of *Attention and the transformer block*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(1, of="feed_forward_forward")
def test_feed_forward_by_hand(recorded):
    """The example on paper, first with three positions, then with five; and random inputs."""
    recorded()


@public
@points(1, of="feed_forward_backward")
def test_feed_forward_backward(recorded):
    """The gradients of x and of all parameters, also where an input of the ReLU is exactly 0."""
    recorded()


@public
@points(1, of="causal_mask")
def test_causal_mask(recorded):
    """A position may attend to itself and to those before it."""
    recorded()


@public
@points(2, of="attention_forward")
def test_attention_forward(recorded):
    """Values agree without a mask, and the order of the keys does not matter."""
    recorded()


@public
@points(1, of="attention_forward")
def test_attention_forward_causal(recorded):
    """With a causal mask nothing shows of later tokens, however large they are."""
    recorded()


@public
@points(3, of="attention_backward")
def test_attention_backward(recorded):
    """The gradients of q, k and v are those of attention."""
    recorded()


@public
@points(1, of="split_heads")
def test_split_heads(recorded):
    """Every head gets its own run of features of every position."""
    recorded()


@public
@points(1, of="merge_heads")
def test_merge_heads(recorded):
    """The heads' features come to lie side by side again."""
    recorded()


@public
@points(2, of="multi_head_forward")
def test_multi_head_forward(recorded):
    """Values agree where keys and values come from x, and where they come from another sequence."""
    recorded()


@public
@points(2, of="multi_head_backward")
def test_multi_head_backward(recorded):
    """The gradients of x, of the context and of all parameters are those of the layer."""
    recorded()


@public
@points(2, of="block_forward")
def test_block_forward(recorded):
    """Values agree, causal and not."""
    recorded()


@public
@points(2, of="block_backward")
def test_block_backward(recorded):
    """The gradients of x and of all parameters are those of the block."""
    recorded()
