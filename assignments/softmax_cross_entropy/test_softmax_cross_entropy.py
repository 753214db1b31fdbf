"""The public checks of *Softmax and cross-entropy*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(1, of="softmax_forward")
def test_softmax_forward(recorded):
    """Each row is exp(x) divided by its own sum, first with those of the example on paper."""
    recorded()


@public
@points(1, of="softmax_forward")
def test_softmax_forward_extreme(recorded):
    """Logits of ±1000 give finite probabilities, row by row."""
    recorded()


@public
@points(2, of="softmax_jacobian")
def test_softmax_jacobian(recorded):
    """All C × C derivatives of each row agree, those off the diagonal too."""
    recorded()


@public
@points(3, of="softmax_backward")
def test_softmax_backward(recorded):
    """The vector-Jacobian product is that of each row, for ±1000 too, and the cache stays."""
    recorded()


@public
@points(1, of="log_softmax_forward")
def test_log_softmax_forward(recorded):
    """Each row is x minus the logarithm of its own sum of exponentials."""
    recorded()


@public
@points(2, of="log_softmax_backward")
def test_log_softmax_backward(recorded):
    """The gradient is that of each row's log-probabilities, for ±1000 too, and the cache stays."""
    recorded()


@public
@points(2, of="cross_entropy_forward")
def test_cross_entropy_forward(recorded):
    """Minus the mean of the log-probabilities of the right classes."""
    recorded()


@public
@points(2, of="cross_entropy_backward")
def test_cross_entropy_backward(recorded):
    """The gradient is that with respect to the log-probabilities, and the cache stays."""
    recorded()


@public
@points(1, of="softmax_cross_entropy_forward")
def test_softmax_cross_entropy_forward(recorded):
    """The loss of logits and labels agrees; a label outside 0 … C−1 raises ValueError."""
    recorded()


@public
@points(2, of="softmax_cross_entropy_backward")
def test_softmax_cross_entropy_backward(recorded):
    """The joint gradient agrees, is finite for (200, 0, 0), and the cache stays."""
    recorded()
