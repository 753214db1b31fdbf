"""The public checks of *A convolutional network*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


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
@points(3, of="stage_backward")
def test_stage_backward(recorded):
    """The gradients of the worked example, then those of random images, filters and biases."""
    recorded()


@public
@points(1.5, of="flat_features")
def test_flat_features(recorded):
    """What two stages leave, also where one of them leaves a row or a column out."""
    recorded()


@public
@points(0.5, of="flat_features")
def test_flat_features_of_nothing(recorded):
    """It is an error if a stage leaves no row or no column, whichever stage it is."""
    recorded()


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
