"""Checks of the topic cnn."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gradus.checks import (
    call,
    check_accuracy,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    descend,
    double,
    forward,
    forward_backward,
    kind,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

# The worked example of the text.
IMAGE = [[[[0, 2, 1, 3, 3], [0, 0, 1, 3, 0], [2, 0, 2, 1, 0], [1, 0, 3, 2, 0]]]]
FILTERS = [[[[-1, 1], [-1, 1]]], [[[-1, -1], [1, 1]]]]
STAGE = dict(x=double(IMAGE), w=double(FILTERS), b=double([0, -1]))
MAPS, DMAPS = double([[[[3, 4]], [[1, 0]]]]), double([[[[-2, 1]], [[-1, -3]]]])
HEAD = dict(x=MAPS, w1=double([[2, 0], [-1, -1], [1, 1], [3, 1]]), b1=double([0, 1]))
HEAD |= dict(w2=double([[1, 2], [3, 1]]), b2=double([1, 0]))


def stage(x: Tensor, w: Tensor, b: Tensor, padding: int = 0) -> Tensor:
    return F.max_pool2d(torch.relu(F.conv2d(x, w, b, padding=padding)), 2)


def head(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return torch.addmm(b2, torch.relu(torch.addmm(b1, x.flatten(1), w1)), w2)


def cnn(x, params, padding=0):
    for name in ("conv1", "conv2"):
        x = stage(x, *params[name], padding)
    return head(x, *params["linear1"], *params["linear2"])


STAND_INS = {
    **forward_backward("stage", stage, wrt=[0, 1, 2]),
    **forward_backward("head", head),
    **forward_backward("cnn", cnn, wrt=[0, 1]),
}


def stages(rng):
    """Inputs of a stage and its padding: sizes all different, odd ones on either axis, N = 1."""
    for (n, c, *size), (k, *field), padding in (
        ((7, 2, 8, 10), (5, 3, 4), 0),  # the maps: 6 × 7
        ((2, 3, 7, 6), (4, 2, 3), 1),  # 8 × 6
        ((1, 1, 5, 9), (2, 3, 2), 2),  # 7 × 12
        ((3, 2, 5, 4), (4, 2, 3), 0),  # 4 × 2
    ):
        x, w, b = rng.normal(n, c, *size), rng.normal(k, c, *field), rng.normal(k)
        yield dict(x=x, w=w, b=b), dict(padding=padding) if padding else {}


@public
@points(1, of="stage_forward")
def test_stage_by_hand(student):
    """The worked example comes out: 3 and 4 in the first map, 1 and 0 in the second."""
    check_forward(student, "stage", STAGE, MAPS)


@public
@points(1, of="stage_forward")
def test_stage(student, rng):
    """The maximum of the positive answers of each filter, for every size and padding."""
    for inputs, options in stages(rng):
        for name, factor in (("x", 1), ("b", 2**-8), ("x", 2**-8), ("x", 2**16)):
            inputs[name] = factor * inputs[name]
            check_forward(student, "stage", inputs, stage(**inputs, **options), options=options)


@public
@points(2.5, of="stage_backward")
def test_stage_backward(student, rng):
    """The gradients of the worked example, then those of random images, filters and biases."""
    check_gradients(student, "stage", STAGE, stage, dout=DMAPS)
    for inputs, options in stages(rng):
        inputs["b"] = inputs["b"] - 2  # so that in some windows nothing is positive
        check_gradients(student, "stage", inputs, stage, options=options)


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
def test_flat_features(student):
    """What two stages leave, also where one of them leaves a row or a column out."""
    for (height, width, filters, field, padding), expected in (
        ((32, 32, 16, 5, 0), 400),  # 28, 14, 10, 5: LeNet-5
        ((8, 8, 16, 3, 1), 64),  # 8, 4, 4, 2
        ((28, 28, 6, 5, 2), 294),  # 28, 14, 14, 7
        ((15, 22, 3, 4, 0), 9),  # 12, 6, 3, 1; 19, 9, 6, 3, of which one column is left out
        ((11, 4, 5, 2, 1), 15),  # 12, 6, 7, 3; 5, 2, 3, 1
        ((1, 9, 7, 3, 2), 21),  # 3, 1, 3, 1; 11, 5, 7, 3
    ):
        sizes = dict(height=height, width=width, filters=filters, field=field)
        more = dict(padding=padding) if padding else {}
        check_result(student, "flat_features", sizes, expected, "features", options=more)


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


def heads(rng):
    """Inputs of a head, sizes all different."""
    for n, k, height, width, hidden, classes in ((7, 4, 2, 3, 6, 5), (1, 2, 5, 3, 4, 3)):
        x, d = rng.normal(n, k, height, width), k * height * width
        w1, b1 = rng.normal(d, hidden), rng.normal(hidden)
        yield dict(x=x, w1=w1, b1=b1, w2=rng.normal(hidden, classes), b2=rng.normal(classes))


@public
@points(2, of="head_forward")
def test_head(student, rng):
    """The logits of the worked example, then those of random maps, large ones too."""
    check_forward(student, "head", HEAD, double([[4, 6]]))
    for inputs in heads(rng):
        for name, factor in (("x", 1), ("b1", 2**-8), ("x", 2**-8), ("x", 2**16)):
            inputs[name] = factor * inputs[name]
            check_forward(student, "head", inputs, head(**inputs))


@public
@points(3, of="head_backward")
def test_head_backward(student, rng):
    """The gradients of the worked example, then those of random maps, weights and biases."""
    check_gradients(student, "head", HEAD, head, dout=double([[1, -1]]))
    for inputs in heads(rng):
        check_gradients(student, "head", inputs, head, sizes={"batch size": len(inputs["x"])})


def network(rng, flat, scale=1.0, square=False):
    """Parameters for images of two channels; filters of 3 × 2 and 2 × 3, or square; 4 classes."""
    first, second = ((2, 2, 3, 3), (2, 2, 3, 3)) if square else ((5, 2, 3, 2), (3, 5, 2, 3))
    shapes = dict(conv1=first, conv2=second, linear1=(flat, 6), linear2=(6, 4))
    units = dict(conv1=first[0], conv2=second[0], linear1=6, linear2=4)
    return {n: (scale * rng.normal(*shapes[n]), scale * rng.normal(units[n])) for n in shapes}


def networks(rng):
    """Inputs of a network and its padding."""
    for n, height, width, flat, padding, scale in (
        (3, 4, 4, 32, 3, 0.4),  # both stages: 8 × 8, 4 × 4
        (7, 13, 18, 18, 0, 0.4),  # 11 × 17, 5 × 8, 4 × 6, 2 × 3; logits that are not large
        (2, 9, 11, 18, 1, 1.0),  # 9 × 12, 4 × 6, 5 × 6, 2 × 3
        (1, 12, 10, 6, 0, 1.0),  # 10 × 9, 5 × 4, 4 × 2, 2 × 1
    ):
        inputs = dict(
            x=rng.normal(n, 2, height, width), params=network(rng, flat, scale, padding == 3)
        )
        yield inputs, dict(padding=padding) if padding else {}


@public
@points(2, of="cnn_forward")
def test_cnn(student, rng):
    """The logits are those of two stages and the head."""
    for inputs, options in networks(rng):
        names = ("conv2", "conv1", "linear1", "linear2")  # not their order tells them apart
        inputs["params"] = {name: inputs["params"][name] for name in names}
        check_forward(student, "cnn", inputs, cnn(**inputs, **options), options=options)


@public
@points(3, of="cnn_backward")
def test_cnn_backward(student, rng):
    """The gradients of the images and of all eight parameters are those of the network."""
    for inputs, options in networks(rng):
        sizes = {"batch size": len(inputs["x"])}
        check_gradients(student, "cnn", inputs, cnn, options=options, sizes=sizes)


def trained(params, batches, lr, padding=0):
    """Gradient descent by autograd."""

    def loss(params, x, y):
        return F.cross_entropy(cnn(x, params, padding), y)

    def step(params, grads, state):
        moved = {n: (w - lr * grads[n][0], b - lr * grads[n][1]) for n, (w, b) in params.items()}
        return moved, state

    return descend(loss, params, batches, step)


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """Every batch makes one step, from where the one before has led, and its loss is noted."""
    for lr, padding, height, width, flat, examples in (
        (0.13, 0, 9, 13, 6, (5,)),
        (0.13, 0, 9, 13, 6, (5, 5)),
        (0.07, 1, 9, 11, 18, (3, 5, 1)),
    ):
        params, batches = network(rng, flat, 0.4), []
        for i, n in enumerate(examples):  # likely labels, then unlikely ones: the loss rises
            x = rng.normal(n, 2, height, width)
            batches.append((x, cnn(x, params, padding).argsort(1)[:, i - 1]))
        inputs = dict(params=params, batches=batches, lr=lr)
        more = dict(padding=padding) if padding else {}
        expected = trained(**inputs, **more)
        check_result(student, "train", inputs, expected, ("params", "losses"), options=more)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained network reads handwritten digits that it has not seen."""
    data = digits(rng)
    x = data.x_train.reshape(-1, 1, 8, 8)
    shapes = dict(conv1=(8, 1, 3, 3), conv2=(16, 8, 3, 3), linear1=(64, 64), linear2=(64, 10))
    params = call(student, "he_init", shapes, rng.seed())
    batches = call(student, "minibatches", x, data.y_train, 30, 5, rng.seed())
    for part, lr in ((batches[:180], 0.2), (batches[180:], 0.04)):
        trained = call(student, "train", params, part, lr, 1)
        params, losses = unpack("train", trained, "params", "losses")
        require(isinstance(losses, (list, tuple)), f"losses must be a list, got {kind(losses)}")
        text = f"train notes {len(losses)} losses for {len(part)} batches"
        require(len(losses) == len(part), text)
        text = f"each loss must be a float, got {kind(losses[0])}"
        require(not isinstance(losses[0], Tensor), text, diagnosis="dtype")
    images = data.x_test.reshape(-1, 1, 8, 8)
    predictions = call(student, "predict", images, params, 1)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])


@public
@points(1, of="confusion_matrix")
def test_confusion_matrix(student, rng):
    """Rows are the classes, columns the predictions, also where a class does not occur."""
    y, predicted = torch.tensor([0, 2, 2, 2, 0]), torch.tensor([0, 0, 2, 0, 1])
    counts = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]])
    inputs = dict(y=y, predicted=predicted, classes=4)
    check_result(student, "confusion_matrix", inputs, counts, "counts")
    for n, classes in ((60, 5), (1, 3)):
        y, predicted = rng.integers(n, high=classes), rng.integers(n, high=classes)
        counts = (F.one_hot(y, classes).T @ F.one_hot(predicted, classes)).long()
        inputs = dict(y=y, predicted=predicted, classes=classes)
        check_result(student, "confusion_matrix", inputs, counts, "counts", same_dtype=True)
