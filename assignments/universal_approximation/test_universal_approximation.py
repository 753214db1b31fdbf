"""The public checks of *Universal approximation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, check_values, double, kind, points, public, require, unpack


SHARED = dict(sides=False)  # has the submission's approximate one neuron a side, n + 1 in all?


def grid(low, high, count) -> Tensor:
    """`count` numbers from low to high."""
    return torch.linspace(low, high, count, dtype=torch.float64)


def neurons(student, function, inputs, n, dtype=torch.float64):
    """(w1, b1, w2) from `function`: one input, one output, and at most 2n hidden neurons."""
    SHARED["sides"] &= function != "approximate"
    value = call(student, function, *inputs.values())
    unpack(function, value, "w1", "b1", "w2")
    hidden = value[1].numel() if isinstance(value[1], Tensor) else 2 * n
    SHARED["sides"] |= function == "approximate" and hidden == n + 1 < 2 * n
    shapes = dict(w1=(1, hidden), b1=(hidden,), w2=(hidden, 1))
    for (name, shape), part in zip(shapes.items(), value, strict=True):
        fits = isinstance(part, Tensor) and part.shape == shape
        text = f"{name} must be a tensor of shape {shape}, got {kind(part)}"
        require(fits, text, f"There are {n} towers, and {hidden} biases.", diagnosis="shape")
        text = f"{name} is {part.dtype}, expected {dtype} as in the inputs"
        require(part.dtype == dtype, text, diagnosis="dtype")
    require(hidden <= 2 * n, f"{hidden} neurons for {n} towers: two a tower must do")
    return value


def check_by_hand(student, function, x, inputs, right, n) -> None:
    """The submission's own network sums up n towers to `right` at x."""
    out = call(student, "network", x[:, None], *neurons(student, function, inputs, n))
    check_values(out, right[:, None], "out")


@public
@points(2, of="step_neuron")
def test_step_neuron(recorded):
    """½ at the position, ¾ and 0.9 where they belong; first with those of the example on paper."""
    recorded()


@public
@points(3, of="tower")
def test_tower(recorded):
    """The height inside, half of it at the sides, 0 outside; less when the sides are gentle."""
    recorded()


@public
@points(1, of="tower")
def test_tower_raises(recorded):
    """A tower whose sides are swapped, or in one place, is refused."""
    recorded()


@public
@points(3, of="tower_2d")
def test_tower_2d(recorded):
    """The height inside, half of it at the sides, 0 in the arms; less for gentle walls."""
    recorded()


@public
@points(2, of="network")
def test_network(recorded):
    """Values agree, for several inputs and outputs and for a single example."""
    recorded()


@public
@points(1, of="tower_network")
def test_tower_network_by_hand(student):
    """Three towers of known heights, two side by side, at their middles, sides, and outside."""
    left, right, height = double([1, 4, 7]), double([2, 7, 8]), double([3, -2, 4])
    inputs = dict(left=left, right=right, height=height, steepness=100.0)
    x = double([-1000, -5.5, -1.5, 0, 1, 1.5, 2, 3, 4, 5.5, 7, 7.5, 8, 9, 1000])
    right = double([0, 0, 0, 0, 1.5, 3, 1.5, 0, -1, -2, 1, 4, 2, 0, 0])
    check_by_hand(student, "tower_network", x, inputs, right, 3)


@public
@points(1, of="approximate")
def test_approximate_by_hand(student):
    """The values in the middles, their means between two pieces, and no sagging ends."""
    for values, low, high, right in (
        ((1, 4, 2), 0.0, 3.0, (1, 1, 1, 1, 2.5, 4, 4, 4, 3, 2, 2, 2, 2)),
        ((-3, 5), -1.0, 7.0, (-3, -3, -3, -3, 1, 5, 5, 5, 5)),
        ((2,), 0.0, 0.1, (2, 2, 2, 2, 2)),
    ):
        x, n = grid(low, high, len(right)), len(values)
        inputs = dict(values=double(values), low=low, high=high, sharpness=80.0)
        check_by_hand(student, "approximate", x, inputs, double(right), n)


@public
@points(1, of="fit")
def test_fit_by_hand(student):
    """With sides that are nearly vertical, each height is the mean of its examples."""
    x, y = double([2.5, 0.2, 1.9, 0.5, 1.1, 2.2, 1.5]), double([7, 1, -6, 4, 2, 9, -5])
    inputs = dict(x=x[:, None], y=y, n=3, low=0.0, high=3.0, sharpness=1000.0)
    right = double([8, 2.5, -3, 2.5, -3, 8, -3])
    check_by_hand(student, "fit", x, inputs, right, 3)
