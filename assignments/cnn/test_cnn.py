"""The public checks of *A convolutional network*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_raises,
    check_result,
    double,
    forward,
    kind,
    points,
    public,
    require,
    unpack,
)


@public
@points(1, of="stage_forward")
def test_stage_by_hand(recorded):
    """The worked example comes out: 3 and 4 in the first map, 1 and 0 in the second."""
    recorded()


@public
@points(1, of="stage_forward")
def test_stage(recorded):
    """The maximum of the positive answers of each filter, for every size and padding."""
    recorded()


@public
@points(2.5, of="stage_backward")
def test_stage_backward(recorded):
    """The gradients of the worked example, then those of random images, filters and biases."""
    recorded()


@public
@points(0.5, of="stage_backward")
def test_stage_backward_caches(student, rng):
    """Each batch has winners of its own, and its cache serves for any number of gradients."""
    x, w, b = rng.permutation(24).reshape(1, 1, 4, 6) + 1.0, double([[[[1]]]]), double([0])
    x, dout, found = x.double(), double([[[[1, 2, 3], [1, 2, 3]]]]), []
    for image in (x, 25 - x):  # the least pixel of each window wins in the other one
        _, cache = forward(student, "stage", image, w, b)
        gradients = [call(student, "stage_backward", k * dout, cache) for k in (1, 0, 1)]
        dx, none, again = (unpack("stage_backward", g, "dx", "dw", "db")[0] for g in gradients)
        right = all(isinstance(g, Tensor) and g.shape == x.shape for g in (dx, none, again))
        require(right, f"dx must be a tensor of shape {tuple(x.shape)}, got {kind(dx)}")
        require(bool((none == 0).all()), "for dout = 0 dx is not 0", diagnosis="not zero")
        text = "after a call with dout = 0 the same cache gives another gradient"
        require(torch.equal(dx, again), text, diagnosis="cache changed")
        found.append(dx)
    text = "two images with other winners in all windows get the same gradient"
    why = "Which pixel wins depends on the image: the winners are in the cache of its own batch."
    require(not torch.equal(*found), text, why, diagnosis="winners")


@public
@points(1.5, of="flat_features")
def test_flat_features(recorded):
    """What two stages leave, also where one of them leaves a row or a column out."""
    recorded()


@public
@points(0.5, of="flat_features")
def test_flat_features_of_nothing(student):
    """It is an error if a stage leaves no row or no column, whichever stage it is."""
    sizes = dict(height=18, width=26, filters=9, field=5)
    found = check_result(student, "flat_features", sizes, 27, "features")
    text = f"flat_features must return an int, got {kind(found)}"
    require(not isinstance(found, Tensor), text, diagnosis="dtype")
    for size, when in (
        ((8, 8, 16, 3), "the second stage leaves no row and no column"),
        ((8, 20, 16, 3), "the second stage leaves no row"),
        ((3, 20, 16, 3), "the first stage leaves no row"),
        ((20, 9, 16, 3), "the second stage leaves no column"),
        ((4, 4, 2, 6), "the filters are larger than the image both ways"),
    ):
        check_raises(student, "flat_features", *size, when=when)


@public
@points(2, of="head_forward")
def test_head(recorded):
    """The logits of the worked example, then those of random maps, large ones too."""
    recorded()


@public
@points(3, of="head_backward")
def test_head_backward(recorded):
    """The gradients of the worked example, then those of random maps, weights and biases."""
    recorded()


@public
@points(2, of="cnn_forward")
def test_cnn(recorded):
    """The logits are those of two stages and the head."""
    recorded()


@public
@points(3, of="cnn_backward")
def test_cnn_backward(recorded):
    """The gradients of the images and of all eight parameters are those of the network."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(recorded):
    """Every batch makes one step, from where the one before has led, and its loss is noted."""
    recorded()


@public
@points(1, of="confusion_matrix")
def test_confusion_matrix(recorded):
    """Rows are the classes, columns the predictions, also where a class does not occur."""
    recorded()
