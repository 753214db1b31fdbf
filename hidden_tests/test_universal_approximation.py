"""Checks of the topic universal_approximation."""

import math

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_at_least,
    check_raises,
    check_result,
    check_values,
    double,
    kind,
    points,
    public,
    require,
    unpack,
)


def answers(x, w1, b1, w2):
    """What a hidden layer of sigmoids with a linear output makes of x."""
    return torch.addmm(b1, x, w1).sigmoid().mm(w2)


def rise(x, at, k):
    return torch.special.expit(k * (x - at))


def box(x, left, right, height, k):
    return height * (rise(x, left, k) - rise(x, right, k))


def box_2d(x, low, high, height, k, strength):
    return height * rise(box(x, low, high, 1, k).sum(1), 1.5, strength)


def box_parameters(left, right, height, k):
    at = torch.cat([left, right])
    return torch.full_like(at, k)[None], -k * at, torch.cat([height, -height])[:, None]


def ends(n, low, high):
    """Left and right sides of n towers on [low, high]; the outermost are far away."""
    inner, far = grid(low, high, n + 1)[1:-1], high - low
    return torch.cat([double([low - far]), inner]), torch.cat([inner, double([high + far])])


SHARED = dict(sides=False)  # has the submission's approximate one neuron a side, n + 1 in all?


def boxes(values, low, high, sharpness):
    """With as many neurons as the submission's own: its fit may ask the hidden layer."""
    k = sharpness * len(values) / (high - low)
    left, right = (side.to(values) for side in ends(len(values), low, high))
    if not SHARED["sides"]:
        return box_parameters(left, right, values, k)
    at, zero = torch.cat([left, right[-1:]]), values.new_zeros(1)
    return torch.full_like(at, k)[None], -k * at, values.diff(prepend=zero, append=zero)[:, None]


STAND_INS = dict(
    step_neuron=rise, tower=box, network=answers, tower_network=box_parameters, approximate=boxes
)


def grid(low, high, count) -> Tensor:
    """`count` numbers from low to high."""
    return torch.linspace(low, high, count, dtype=torch.float64)


def decimal(rng, low: float, high: float) -> float:
    """A random number with three decimals."""
    return round(float(rng.uniform(low=low, high=high)), 3)


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


def check_sum(student, function, x, inputs, right, n) -> None:
    """The towers that `function` makes are `right` in sum, at each x."""
    check_values(answers(x[:, None], *neurons(student, function, inputs, n))[:, 0], right, "out")


@public
@points(2, of="step_neuron")
def test_step_neuron(student, rng):
    """½ at the position, ¾ and 0.9 where they belong; first with those of the example on paper."""
    inputs = dict(x=double([-1, 0, 1, 2, 3, 4, 5]), position=2, steepness=100)
    check_result(student, "step_neuron", inputs, double([0, 0, 0, 0.5, 1, 1, 1]), "out")
    odds = double([1, 1 / 3, 3, 1 / 9, 9, 1e-6])
    numbers = (0.5, 10), (decimal(rng, 1, 9), decimal(rng, 2, 9)), (-3.25, 1000), (0, 0.5)
    for p, k in (*numbers, (rng.normal(6), 2.5), (rng.normal(3, 1), 2.5)):
        inputs = dict(x=p + odds.log() / k, position=p, steepness=k)
        right = (odds / (1 + odds)).expand_as(inputs["x"])
        check_result(student, "step_neuron", inputs, right, "out")
    for dtype in (torch.float64, torch.float32):
        x = torch.tensor([[-1000, -9, 1000], [2.5, -1.5, 9]], dtype=dtype)
        inputs = dict(x=x, position=0.5, steepness=1000)
        right = torch.tensor([[0, 0, 1], [1, 0, 1]], dtype=dtype)
        check_result(student, "step_neuron", inputs, right, "far away", same_dtype=True)


@public
@points(3, of="tower")
def test_tower(student, rng):
    """The height inside, half of it at the sides, 0 outside; less when the sides are gentle."""
    random = decimal(rng, -3, 0), decimal(rng, 1, 3), decimal(rng, 2, 5)
    inside = double([0, 0, 0, 1, 2, 2, 2, 1, 0, 0, 0]) / 2
    narrow = double(0.25), double(0.251), double(-2.5)
    for left, right, h in ((1.0, 2.0, 3.0), random, (*random[:2], -random[2]), narrow):
        w = float(right - left)
        x = left + w * double([-1000, -1, -0.1, 0, 0.1, 0.5, 0.9, 1, 1.1, 2, 1000])
        inputs = dict(x=x, left=left, right=right, height=h, steepness=1000 / w)
        check_result(student, "tower", inputs, h * inside, "out")
        for share in (0.75, 0.9, 0.55):  # the first neuron's value in the middle
            k = 2 * math.log(share / (1 - share)) / w
            inputs |= dict(x=(left + w * double([0.5])), steepness=k)
            check_result(student, "tower", inputs, double([h * (2 * share - 1)]), "out")
            inputs["x"] = left + w * grid(-3, 4, 24).reshape(6, 4)
            check_result(student, "tower", inputs, box(*inputs.values()), "out")


@public
@points(1, of="tower")
def test_tower_raises(student, rng):
    """A tower whose sides are swapped, or in one place, is refused."""
    left = decimal(rng, -2, 2)
    inputs = dict(x=double([left - 9, left + 1]))
    inputs |= dict(left=left, right=left + 2, height=3.0, steepness=99)
    check_result(student, "tower", inputs, double([0, 3]), "out")
    for right in (left - decimal(rng, 0.1, 2), left):
        check_raises(student, "tower", rng.normal(4), left, right, 1.0, 5.0, when="left ≥ right")


@public
@points(3, of="tower_2d")
def test_tower_2d(student, rng):
    """The height inside, half of it at the sides, 0 in the arms; less for gentle walls."""
    # In units of the rectangle: below it, on its lower side, inside, on its upper side, above it.
    places = double([-1000, -1, 0, 0.5, 1, 2, 1000])
    # A strength of ln 9 makes 1/28, 1/4, 3/4 of the sums 0, 1, 2.
    for h, k, odds in ((1, 1e3, 1e90), (3, 1e3, 1e90), (-0.4, 1e3, 1e90), (2.5, 1e3, 9), (2, 4, 9)):
        low, size = rng.normal(2), double([decimal(rng, 0.5, 1), decimal(rng, 1.5, 3)])
        x = low + size * torch.cartesian_prod(places, places)
        inputs = dict(x=x, low=low, high=low + size, height=h)
        inputs |= dict(steepness=k, strength=math.log(odds))
        for inputs["x"] in (x, x[-1:]):
            check_result(student, "tower_2d", inputs, box_2d(*inputs.values()), "out")


@public
@points(2, of="network")
def test_network(student, rng):
    """Values agree, for several inputs and outputs and for a single example."""
    w1, b1, w2 = rng.normal(3, 5), rng.normal(5), rng.normal(5, 2)
    for n, size in ((7, 1), (1, 1), (4, 1000)):
        inputs = dict(x=size * rng.normal(n, 3), w1=w1, b1=b1, w2=w2)
        check_result(student, "network", inputs, answers(*inputs.values()), "out")


@public
@points(1, of="tower_network")
def test_tower_network_by_hand(student):
    """Three towers of known heights, two side by side, at their middles, sides, and outside."""
    left, right, height = double([1, 4, 7]), double([2, 7, 8]), double([3, -2, 4])
    inputs = dict(left=left, right=right, height=height, steepness=100.0)
    x = double([-1000, -5.5, -1.5, 0, 1, 1.5, 2, 3, 4, 5.5, 7, 7.5, 8, 9, 1000])
    right = double([0, 0, 0, 0, 1.5, 3, 1.5, 0, -1, -2, 1, 4, 2, 0, 0])
    check_by_hand(student, "tower_network", x, inputs, right, 3)


@points(2, of="tower_network")
def test_tower_network(student, rng):
    """The network is the sum of the towers, with gentle sides too."""
    for n, k in ((5, 3.0), (1, 0.7), (4, 40.0)):
        left, height = 2 * rng.normal(n), rng.normal(n)
        right = left + rng.uniform(n, low=0.5, high=2)
        x = torch.cat([3 * rng.normal(30), double([-1000, 1000])])
        inputs = dict(left=left, right=right, height=height, steepness=k)
        total = box(x[:, None], *inputs.values()).sum(1)
        check_sum(student, "tower_network", x, inputs, total, n)
    single = dict(left=left.float(), right=right.float(), height=height.float(), steepness=k)
    neurons(student, "tower_network", single, n, torch.float32)


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


@points(1, of="approximate")
def test_approximate(student, rng):
    """Equal pieces side by side, as steep as their width asks for."""
    for n, sharpness in ((7, 4.0), (5, 30.0), (12, 2.0), (2, 1.0)):
        low, length, values = decimal(rng, -3, 3), decimal(rng, 2, 3), rng.normal(n)
        x, high = grid(low, low + length, 97), low + length
        total = box(x[:, None], *ends(n, low, high), values, sharpness * n / length).sum(1)
        inputs = dict(values=values, low=low, high=high, sharpness=sharpness)
        check_sum(student, "approximate", x, inputs, total, n)
    neurons(student, "approximate", inputs | dict(values=values.float()), n, torch.float32)


def smooth(rng, low, high):
    """A random smooth function with mean 0 and standard deviation 1 on [low, high]."""
    rates = 2 * math.pi / (high - low) * torch.arange(1, 5)
    sizes, phases = rng.normal(4) / torch.arange(1, 5), rng.normal(4, std=9)
    sizes = sizes / sizes.norm() * 2**0.5
    return lambda x: (x[:, None] * rates + phases).sin() @ sizes


@points(1, of="approximate")
def test_approximate_error_falls(student, rng):
    """The largest error is at most L (high − low) / 2n, for a random function, up to n = 400."""
    low = decimal(rng, -0.5, -0.2)
    high = low + decimal(rng, 0.01, 0.02)
    curve, x = smooth(rng, low, high), grid(low, high, 8001)
    lift = 1 + curve(x).abs().max()  # towers that are missing must not be missing where f is 0
    slope = float((curve(x).diff() / x.diff()).abs().max())
    for n in (10, 50, 400):
        values = lift + curve(grid(low, high, 2 * n + 1)[1::2])
        inputs = dict(values=values, low=low, high=high, sharpness=40.0)
        out = answers(x[:, None], *neurons(student, "approximate", inputs, n))[:, 0]
        errors, bound = (out - lift - curve(x)).abs(), 1.01 * slope * (high - low) / (2 * n)
        text = f"the largest error with {n} towers is {errors.max():.3g}, it must not exceed "
        text += f"{bound:.3g}, as it does at {int((errors > bound).sum())} of {len(x)} places"
        require(errors.max() <= bound, text, diagnosis="does not fall")


@public
@points(1, of="fit")
def test_fit_by_hand(student):
    """With sides that are nearly vertical, each height is the mean of its examples."""
    x, y = double([2.5, 0.2, 1.9, 0.5, 1.1, 2.2, 1.5]), double([7, 1, -6, 4, 2, 9, -5])
    inputs = dict(x=x[:, None], y=y, n=3, low=0.0, high=3.0, sharpness=1000.0)
    right = double([8, 2.5, -3, 2.5, -3, 8, -3])
    check_by_hand(student, "fit", x, inputs, right, 3)


@points(1, of="fit")
def test_fit(student, rng):
    """The heights are at the minimum of the squared error."""
    for n, count, s in ((3, 40, 2.0), (6, 80, 1.5), (4, 50, 40.0), (4, 4, 40.0), (1, 9, 1.0)):
        low, length = decimal(rng, -3, 3), decimal(rng, 1, 3)
        inset = 0 if n == 4 else 0.5  # four towers have examples at both ends
        x = low + length * (rng.permutation(count).double() + inset) / (count - 1 + 2 * inset)
        x[1 : count // 10] = x[0]
        y, k = rng.normal(count) + 1, s * n / length
        y[-1] += 20
        towers = box(x[:, None], *ends(n, low, low + length), 1, k)
        best = towers @ (torch.linalg.pinv(towers) @ y)
        inputs = dict(x=x[:, None], y=y, n=n, low=low, high=low + length, sharpness=s)
        out = answers(x[:, None], *neurons(student, "fit", inputs, n))[:, 0]
        gain = (best - y).square().sum() - (out - y).square().sum()
        text = "the squared error is lower than n towers can make it"
        why = "Has every neuron an output weight of its own? Only the n heights are fitted."
        require(gain < 1e-6, text, why, diagnosis="weights")
        check_values(out, best, "out")
    neurons(student, "fit", inputs | dict(x=x[:, None].float(), y=y.float()), n, torch.float32)


@points(1, of="fit")
def test_fit_noisy_function(student, rng, topic):
    """Thirty towers from 400 noisy examples come close to the function itself."""
    low, high = -decimal(rng, 1, 2), decimal(rng, 1, 2)
    f, x = smooth(rng, low, high), rng.uniform(400, low=low, high=high)
    inputs = dict(x=x[:, None], y=f(x) + rng.normal(400, std=0.2), n=30, low=low, high=high)
    net = neurons(student, "fit", inputs | dict(sharpness=4.0), 30)
    x = grid(low, high, 1000)
    error = (answers(x[:, None], *net)[:, 0] - f(x)).square().mean()
    check_at_least(1 - float(error / f(x).var()), topic.thresholds["noisy_function"]["r2"], "r2")
