"""The public checks of *Activation functions*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(2, of="leaky_relu_backward")
def test_leaky_relu_backward(recorded):
    """The gradient passes where x > 0, elsewhere times the slope; first in the example on paper."""
    recorded()


@public
@points(1, of="sigmoid_forward")
def test_sigmoid_forward(recorded):
    """ln 4 gives 0.8, and ±1000 give 1 and 0."""
    recorded()


@public
@points(1, of="sigmoid_backward")
def test_sigmoid_backward(recorded):
    """The slope is that of the sigmoid: 0.16 where the output is 0.8."""
    recorded()


@public
@points(1, of="tanh_backward")
def test_tanh_backward(recorded):
    """The slope is that of tanh: 0.64 where the output is 0.6."""
    recorded()


@public
@points(0.5, of="selu_constants")
def test_selu_constants(recorded):
    """Alpha is about 1.6733 and the scale about 1.0507, to more digits than that."""
    recorded()


@public
@points(1, of="elu_forward")
def test_elu_forward(recorded):
    """Values agree with ELU's and SELU's, at ±1000 too."""
    recorded()


@public
@points(2, of="elu_backward")
def test_elu_backward(recorded):
    """The slopes are those of ELU and SELU, at ±1000 and at 0 too."""
    recorded()


@public
@points(1, of="gated_forward")
def test_gelu_forward(recorded):
    """GELU and its tanh form agree with torch's, each with its own; other gates are refused."""
    recorded()


@public
@points(1, of="gated_forward")
def test_swish_forward(recorded):
    """Swish is x times the sigmoid, at ±1000 too."""
    recorded()


@public
@points(1, of="gated_backward")
def test_gelu_backward(recorded):
    """The slopes are those of GELU's two forms, each its own."""
    recorded()


@public
@points(1, of="gated_backward")
def test_swish_backward(recorded):
    """The slope is that of Swish, by the product rule, at ±1000 too."""
    recorded()


@public
@points(2, of="maxout_backward")
def test_maxout_backward(recorded):
    """Only the largest piece gets the gradient; of equal ones, the first."""
    recorded()


@public
@points(1, of="bru_forward")
def test_bru_forward(recorded):
    """With r = 2, the inputs 0, 2 and 6 give 0.5, 2.5 and 4.5; r must be positive."""
    recorded()


@public
@points(1, of="bru_backward")
def test_bru_backward(recorded):
    """The slope is that of the bionodal root unit, at ±1000 too."""
    recorded()


@public
@points(1, of="dead_and_saturated")
def test_dead_and_saturated(recorded):
    """Dead units have no slope for any example; saturated entries are counted one by one."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(recorded):
    """Each step descends the gradient of all four tensors; losses are those before it."""
    recorded()
