"""The public checks of *Convolution*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(1, of="conv_output_size")
def test_conv_output_size(recorded):
    """Sizes agree with those worked out by hand, first with those of the example on paper."""
    recorded()


@public
@points(1, of="conv_parameters")
def test_conv_parameters(recorded):
    """Weights and biases are counted."""
    recorded()


@public
@points(1, of="receptive_field")
def test_receptive_field(recorded):
    """Fields agree with those worked out by hand."""
    recorded()


@public
@points(1, of="zero_pad")
def test_zero_pad(recorded):
    """P zeros on each of the four sides, and the image in the middle."""
    recorded()


@public
@points(1, of="conv2d_naive_forward")
def test_naive_edges_by_hand(recorded):
    """A filter for upright and one for level edges find those of a bright corner."""
    recorded()


@public
@points(1, of="im2col")
def test_im2col_by_hand(recorded):
    """The windows of a small image, written down by hand."""
    recorded()


@public
@points(1, of="col2im")
def test_col2im_counts_windows(recorded):
    """Columns of ones come back as the number of windows over each pixel, others as sums."""
    recorded()


@public
@points(1, of="conv2d_forward")
def test_conv2d_forward(recorded):
    """Values agree for stride 1 without padding."""
    recorded()


@public
@points(2, of="conv2d_backward")
def test_conv2d_backward(recorded):
    """The gradients agree with autograd's for stride 1 without padding."""
    recorded()
