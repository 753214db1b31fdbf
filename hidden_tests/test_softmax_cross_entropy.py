"""Checks of the topic softmax_cross_entropy."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    double,
    forward_backward,
    points,
    public,
)

N, C = 5, 4
softmax, log_softmax = partial(torch.softmax, dim=1), partial(torch.log_softmax, dim=1)


def jacobian(p: Tensor) -> Tensor:
    """Autograd's, of softmax at the logits ln p: (N, C, C)."""
    of_row = torch.autograd.functional.jacobian
    return torch.stack([of_row(lambda x: torch.softmax(x, 0), row.log()) for row in p])


STAND_INS = {
    **forward_backward("softmax", softmax),
    "softmax_jacobian": jacobian,
    **forward_backward("log_softmax", log_softmax),
    **forward_backward("cross_entropy", F.nll_loss, wrt=[0]),
}


def ordinary(rng) -> list[Tensor]:
    """Logits of a batch, of one example with another number of classes, and of a sure one."""
    return [rng.normal(N, C), rng.normal(1, 3), double([[-12.0, 0.0, 2.0]])]


def extreme(rng) -> Tensor:
    """Rows near +1000, near −1000, ordinary, sure of one class, and from −1000 to 1000."""
    x = rng.normal(N, 3)
    x[0] += 1000
    x[1] -= 1000
    x[3] = torch.tensor([200.0, 0.0, 0.0])
    x[4] = torch.tensor([1000.0, -1000.0, 0.0])
    return x


def labels(rng, n=N, c=C) -> Tensor:
    """Random labels, the first and the last class among them."""
    y = rng.integers(n, high=c)
    y[0], y[-1] = c - 1, 0
    return y[rng.permutation(n)]


def check_rows(student, rng, name, reference):
    """The gradient of x, for ±1000 and for a large `dout` too."""
    for x in (*ordinary(rng), extreme(rng)):
        size = 1000 if len(x) == 1 else 1
        check_gradients(student, name, dict(x=x), reference, dout=size * rng.normal(*x.shape))


@public
@points(1, of="softmax_forward")
def test_softmax_forward(student, rng):
    """Each row is exp(x) divided by its own sum, first with those of the example on paper."""
    x = double([[2, 0, 1], [5, 3, 4]])
    p = double([[0.6652409558, 0.0900305732, 0.2447284711]] * 2)
    check_forward(student, "softmax", dict(x=x), p)
    for x in ordinary(rng):
        check_forward(student, "softmax", dict(x=x), softmax(x))


@public
@points(1, of="softmax_forward")
def test_softmax_forward_extreme(student, rng):
    """Logits of ±1000 give finite probabilities, row by row."""
    x = extreme(rng)
    check_forward(student, "softmax", dict(x=x), softmax(x))


@public
@points(2, of="softmax_jacobian")
def test_softmax_jacobian(student, rng):
    """All C × C derivatives of each row agree, those off the diagonal too."""
    for x in ordinary(rng):
        p = softmax(x)
        check_result(student, "softmax_jacobian", dict(p=p), jacobian(p), "out")


@public
@points(3, of="softmax_backward")
def test_softmax_backward(student, rng):
    """The vector-Jacobian product is that of each row, for ±1000 too, and the cache stays."""
    check_rows(student, rng, "softmax", softmax)


@public
@points(1, of="log_softmax_forward")
def test_log_softmax_forward(student, rng):
    """Each row is x minus the logarithm of its own sum of exponentials."""
    for x in ordinary(rng):
        check_forward(student, "log_softmax", dict(x=x), log_softmax(x))


@points(1, of="log_softmax_forward")
def test_log_softmax_forward_extreme(student, rng):
    """Logits of ±1000 give finite log-probabilities, however improbable the class."""
    x = extreme(rng)
    check_forward(student, "log_softmax", dict(x=x), log_softmax(x))


@public
@points(2, of="log_softmax_backward")
def test_log_softmax_backward(student, rng):
    """The gradient is that of each row's log-probabilities, for ±1000 too, and the cache stays."""
    check_rows(student, rng, "log_softmax", log_softmax)


@public
@points(2, of="cross_entropy_forward")
def test_cross_entropy_forward(student, rng):
    """Minus the mean of the log-probabilities of the right classes."""
    sizes, improbable = ((N, C), (1, 3), (1, 1)), log_softmax(extreme(rng))
    pairs = [(log_softmax(rng.normal(n, c)), labels(rng, n, c)) for n, c in sizes]
    for log_p, y in (*pairs, (improbable, improbable.argmin(1))):  # down to ln p = −2000
        check_forward(student, "cross_entropy", dict(log_p=log_p, y=y), F.nll_loss(log_p, y))


@points(1, of="cross_entropy_forward")
def test_cross_entropy_forward_labels(student, rng):
    """A label outside 0 … C−1 raises ValueError, −1 included."""
    log_p, y = log_softmax(rng.normal(N, C)), labels(rng)
    call(student, "cross_entropy_forward", log_p, y)  # what is in range is taken
    check_labels(student, "cross_entropy_forward", log_p, y)


def check_labels(student, function, x, y):
    """Labels out of range raise ValueError."""
    for bad in (-1, C, C + 3, -C):
        some = y.clone()
        some[2] = bad
        when = f"y[2] is {bad}: with {C} classes, labels are 0 … {C - 1}"
        check_raises(student, function, x, some, when=when)


@public
@points(2, of="cross_entropy_backward")
def test_cross_entropy_backward(student, rng):
    """The gradient is that with respect to the log-probabilities, and the cache stays."""
    for x in (*ordinary(rng), extreme(rng)):
        inputs = dict(log_p=log_softmax(x), y=labels(rng, *x.shape))
        dout = rng.uniform(low=1.3, high=1.9)
        check_gradients(student, "cross_entropy", inputs, F.nll_loss, wrt=["log_p"], dout=dout)


@public
@points(1, of="softmax_cross_entropy_forward")
def test_softmax_cross_entropy_forward(student, rng):
    """The loss of logits and labels agrees; a label outside 0 … C−1 raises ValueError."""
    for x in ordinary(rng):
        inputs = dict(logits=2 * x, y=labels(rng, *x.shape))
        check_forward(student, "softmax_cross_entropy", inputs, F.cross_entropy(*inputs.values()))
    check_labels(student, "softmax_cross_entropy_forward", rng.normal(N, C), labels(rng))


@points(1, of="softmax_cross_entropy_forward")
def test_softmax_cross_entropy_forward_extreme(student, rng):
    """Logits such as (200, 0, 0) and ±1000 give a finite loss, in float32 as well."""
    x, sure = extreme(rng), torch.tensor([[200.0, 0.0, 0.0]])
    for logits, label in ((x[:1], 1), (x[:2], 1), (sure, 1), (5 * sure.double(), 2), (x[3:], 1)):
        inputs = dict(logits=logits, y=torch.full((len(logits),), label))
        check_forward(student, "softmax_cross_entropy", inputs, F.cross_entropy(*inputs.values()))


@public
@points(2, of="softmax_cross_entropy_backward")
def test_softmax_cross_entropy_backward(student, rng):
    """The joint gradient agrees, is finite for (200, 0, 0), and the cache stays."""
    for x in (*ordinary(rng), extreme(rng).float()):
        impossible = x.amax(1) - x.amin(1) > 100  # the probability of the right class is 0 there
        y = torch.where(impossible, x.argmin(1), labels(rng, *x.shape))
        inputs, dout = dict(logits=x, y=y), rng.uniform(low=-1.9, high=-1.3).to(x.dtype)
        check_gradients(
            student, "softmax_cross_entropy", inputs, F.cross_entropy, wrt=["logits"], dout=dout
        )
