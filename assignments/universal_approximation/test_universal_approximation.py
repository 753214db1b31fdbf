"""The public checks of *Universal approximation*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import math

import torch
from torch import Tensor

from gradus.checks import call, check_result, check_values, kind, points, public, require


def rise(x, at, k):
    return torch.special.expit(k * (x - at))


def box(x, left, right, height, k):
    return height * (rise(x, left, k) - rise(x, right, k))


def tensor(*numbers) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def grid(low, high, count) -> Tensor:
    """`count` numbers from low to high."""
    return torch.linspace(low, high, count, dtype=torch.float64)


def decimal(rng, low: float, high: float) -> float:
    """A random number with three decimals."""
    return round(float(rng.uniform(low=low, high=high)), 3)


def neurons(student, function, inputs, n, dtype=torch.float64):
    """(w1, b1, w2) from `function`: one input, one output, and at most 2n hidden neurons."""
    value = call(student, function, *inputs.values())
    three = isinstance(value, tuple | list) and len(value) == 3
    text = f"{function} must return (w1, b1, w2), got {kind(value)}"
    require(three, text, diagnosis="structure")
    hidden = value[1].numel() if isinstance(value[1], Tensor) else 2 * n
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
def test_step_neuron(student, rng):
    """½ at the position, ¾ and 0.9 where they belong, 0 and 1 far away."""
    odds = tensor(1, 1 / 3, 3, 1 / 9, 9, 1e-6)
    for p, k in ((0.5, 10), (decimal(rng, 1, 9), decimal(rng, 2, 9)), (-3.25, 1000), (0, 0.5)):
        inputs = dict(x=p + odds.log() / k, position=p, steepness=k)
        check_result(student, "step_neuron", inputs, odds / (1 + odds), "out")
    at = rng.normal(5)
    inputs = dict(x=at.repeat(3, 1), position=at, steepness=2.5)
    check_result(student, "step_neuron", inputs, torch.full((3, 5), 0.5).double(), "out")
    for dtype in (torch.float64, torch.float32):
        x = torch.tensor([[-1000, 1000], [-1.5, 2.5]], dtype=dtype)
        inputs = dict(x=x, position=0.5, steepness=1000)
        right = torch.tensor([[0, 1], [0, 1]], dtype=dtype)
        check_result(student, "step_neuron", inputs, right, "far away", same_dtype=True)


@public
@points(3, of="tower")
def test_tower(student, rng):
    """The height inside, half of it at the sides, 0 outside; less when the sides are gentle."""
    random = decimal(rng, -3, 0), decimal(rng, 1, 3), decimal(rng, 2, 5)
    inside = tensor(0, 0, 0, 1, 2, 2, 2, 1, 0, 0, 0) / 2
    for left, right, h in ((1.0, 2.0, 3.0), random, (*random[:2], -random[2])):
        w = right - left
        x = left + w * tensor(-1000, -1, -0.1, 0, 0.1, 0.5, 0.9, 1, 1.1, 2, 1000)
        inputs = dict(x=x, left=left, right=right, height=h, steepness=1000 / w)
        check_result(student, "tower", inputs, h * inside, "out")
        for share in (0.75, 0.9):  # the first neuron's value in the middle
            k = 2 * math.log(share / (1 - share)) / w
            inputs |= dict(x=tensor(left + w / 2), steepness=k)
            check_result(student, "tower", inputs, tensor(h * (2 * share - 1)), "out")
            inputs["x"] = grid(left - 3 * w, right + 3 * w, 24).reshape(6, 4)
            check_result(student, "tower", inputs, box(*inputs.values()), "out")


@public
@points(1, of="tower")
def test_tower_raises(recorded):
    """A tower whose sides are swapped, or in one place, is refused."""
    recorded()


@public
@points(3, of="tower_2d")
def test_tower_2d(student, rng):
    """The height inside the rectangle, half of it at the sides, 0 in the arms and the corners."""
    # In units of the rectangle: below it, on its lower side, inside, on its upper side, above it.
    places, wall = tensor(-1000, -1, 0, 0.5, 1, 2, 1000), tensor(0, 0, 0.5, 1, 0.5, 0, 0)
    total = torch.cartesian_prod(wall, wall).sum(1)
    # A strength of ln 9 makes 1/28, 1/4, 3/4 of the sums 0, 1, 2.
    for n, h, odds in ((49, 1.0, 1e90), (49, 3.0, 1e90), (49, -0.4, 1e90), (49, 2.5, 9), (1, 3, 9)):
        low, size = rng.normal(2), tensor(decimal(rng, 0.5, 1), decimal(rng, 1.5, 3))
        inputs = dict(x=(low + size * torch.cartesian_prod(places, places))[-n:])
        inputs |= dict(low=low, high=low + size, height=h)
        inputs |= dict(steepness=1000.0, strength=math.log(odds))
        right = h / (1 + odds ** (1.5 - total[-n:]))
        check_result(student, "tower_2d", inputs, right, "out")


@public
@points(2, of="network")
def test_network(recorded):
    """Values agree, for several inputs and outputs and for a single example."""
    recorded()


@public
@points(1, of="tower_network")
def test_tower_network_by_hand(student):
    """Two towers of known heights, at their middles, sides, and outside."""
    inputs = dict(left=tensor(1, 4), right=tensor(2, 7), height=tensor(3, -2), steepness=100.0)
    x = tensor(-1000, -5.5, -1.5, 0, 1, 1.5, 2, 3, 4, 5.5, 7, 8, 1000)
    right = tensor(0, 0, 0, 0, 1.5, 3, 1.5, 0, -1, -2, -1, 0, 0)
    check_by_hand(student, "tower_network", x, inputs, right, 2)


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
        inputs = dict(values=tensor(*values), low=low, high=high, sharpness=80.0)
        check_by_hand(student, "approximate", x, inputs, tensor(*right), n)


@public
@points(1, of="fit")
def test_fit_by_hand(student):
    """With sides that are nearly vertical, each height is the mean of its examples."""
    x, y = tensor(2.5, 0.2, 1.9, 0.5, 1.1, 2.2, 1.5), tensor(7, 1, -6, 4, 2, 9, -5)
    inputs = dict(x=x[:, None], y=y, n=3, low=0.0, high=3.0, sharpness=1000.0)
    right = tensor(8, 2.5, -3, 2.5, -3, 8, -3)
    check_by_hand(student, "fit", x, inputs, right, 3)
