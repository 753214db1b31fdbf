"""The public checks of *Logistic regression*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(1, of="sigmoid")
def test_sigmoid(recorded):
    """Log-odds become probabilities, first those of the example on paper; ln 3 becomes 3/4."""
    recorded()


@public
@points(2, of="sigmoid")
def test_sigmoid_extreme(recorded):
    """Logits of ±1000 give 1 and 0, in float32 as well."""
    recorded()


@public
@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward(recorded):
    """The loss is the mean of both terms of the bracket, over the batch."""
    recorded()


@public
@points(1, of="bce_with_logits_forward")
def test_bce_with_logits_raises(recorded):
    """A column beside a vector, and labels outside [0, 1], are refused."""
    recorded()


@public
@points(3, of="bce_with_logits_backward")
def test_bce_with_logits_backward(recorded):
    """The gradient of the logits agrees with finite differences, at ±1000 too."""
    recorded()


@public
@points(3, of="logistic_gradients")
def test_logistic_gradients(recorded):
    """The gradients of w and b are those of the mean loss."""
    recorded()


@public
@points(1, of="gd_update")
def test_gd_update(recorded):
    """Each parameter moves by −lr times its gradient, and the caller's stay as they were."""
    recorded()


@public
@points(2, of="predict")
def test_predict(recorded):
    """1 where the probability is at least 0.5, and 0 elsewhere; a tie counts as 1."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(recorded):
    """From zeros, each step descends the gradient over all examples; losses are those before it."""
    recorded()
