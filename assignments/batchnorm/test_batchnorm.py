"""The public checks of *Batch normalisation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(1, of="init_running")
def test_init_running(recorded):
    """The running mean starts at 0, the running variance at 1."""
    recorded()


@public
@points(1, of="batch_statistics")
def test_batch_statistics(recorded):
    """Mean and biased variance of each column, first of those of the example on paper."""
    recorded()


@public
@points(2, of="update_running")
def test_update_running(recorded):
    """Several steps move the running mean and variance by 1 − retention towards the batch's."""
    recorded()


@public
@points(2, of="batchnorm_forward")
def test_batchnorm_forward_in_training(recorded):
    """Training normalises with the batch's mean and biased variance, eps inside the root."""
    recorded()


@public
@points(1, of="batchnorm_forward")
def test_batchnorm_forward_collects(recorded):
    """In training the running statistics move with every batch; a batch of one is refused."""
    recorded()


@public
@points(1, of="batchnorm_forward")
def test_batchnorm_forward_at_inference(recorded):
    """Inference uses the running statistics and leaves them."""
    recorded()


@public
@points(3, of="batchnorm_backward")
def test_batchnorm_backward_in_training(recorded):
    """The gradients of x, gamma and beta, with the statistics as functions of x."""
    recorded()


@public
@points(1, of="batchnorm2d_forward")
def test_batchnorm2d_forward(recorded):
    """Each channel of images is normalised over the batch and all positions."""
    recorded()


@public
@points(1, of="batchnorm2d_backward")
def test_batchnorm2d_backward(recorded):
    """The gradients of images, and of each channel's gamma and beta."""
    recorded()


@public
@points(1, of="predict")
def test_predict(recorded):
    """Labels come from the running statistics: alone, a row gets the label it gets in company."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(recorded):
    """Parameters descend, running statistics are collected, and each epoch has its own order."""
    recorded()
