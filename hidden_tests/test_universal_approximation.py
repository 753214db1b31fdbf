"""Checks of the topic universal_approximation."""

import math

import torch
from torch import Tensor

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_at_least,
    check_raises,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.failure import kind
from gradus.checks.tolerance import closeness


def answers(x, w1, b1, w2):
    """What a hidden layer of sigmoids with a linear output makes of x."""
    return torch.addmm(b1, x, w1).sigmoid().mm(w2)


def rise(x, at, k):
    return torch.special.expit(k * (x - at))


def box(x, left, right, height, k):
    return height * (rise(x, left, k) - rise(x, right, k))


def boxes(x, left, right, height, k):
    return box(x[:, None], left, right, height, k).sum(1)


def box_parameters(left, right, height, k):
    at = torch.cat([left, right])
    return torch.full_like(at, k)[None], -k * at, torch.cat([height, -height])[:, None]


def ends(n, low, high):
    """Left and right sides of n towers on [low, high]; the outermost are far away."""
    inner, far = grid(low, high, n + 1)[1:-1], high - low
    return torch.cat([tensor(low - far), inner]), torch.cat([inner, tensor(high + far)])


def box_approximation(values, low, high, sharpness):
    k = sharpness * len(values) / (high - low)
    return box_parameters(*ends(len(values), low, high), values, k)


MIRRORED = "the towers stand at −left and −right: which bias puts a step at p?"
UNSCALED = "the bias is not −p: steepness · x + bias must be 0 at x = p"
BOTH_PLUS = "both neurons weigh +height: none comes down"
GENTLER = "the sides become gentler as the pieces become narrower: k δ is the sharpness"
FIXED = "the sides keep one steepness: it must grow as the pieces become narrower"
SAGGING = "the ends sag to half: the two outermost sides must be moved outwards"

# What checks of later functions use for functions that have failed their own check.
STAND_INS = dict(
    step_neuron=rise,
    tower=box,
    network=answers,
    tower_network=box_parameters,
    approximate=box_approximation,
)


def tensor(*numbers) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def grid(low, high, count) -> Tensor:
    """`count` numbers from low to high."""
    return torch.linspace(low, high, count, dtype=torch.float64)


def decimal(rng, low: float, high: float) -> float:
    """A random number with three decimals, which a message can show in full."""
    return round(float(rng.uniform(low=low, high=high)), 3)


def shown(value) -> str:
    """A number, or a short list of them, as a message shows it."""
    numbers = torch.as_tensor(value).flatten().tolist()
    text = ", ".join(f"{0 if abs(v) <= 1e-9 else v:.6g}" for v in numbers)
    return f"({text})" if len(numbers) > 1 else text


def check(student, function, x, inputs, right, *wrong, towers=0) -> None:
    """`function(x, *inputs)` is `right`; or, of a function that makes `towers`, their sum at x is.

    `wrong` are (id, text, value). As check_values, but a failure shows an x whose value is wrong.
    """
    given = inputs.values() if towers else (x, *inputs.values())
    mine = call(student, function, *given)
    if towers:
        mine = answers(x[:, None], *parameters(function, mine, towers))[:, 0]
    try:
        check_values(mine, right, "out", clues=Clues(wrong=tuple(Wrong(*w) for w in wrong)))
    except CheckFailed as failed:
        if not isinstance(mine, Tensor) or mine.shape != right.shape:
            raise
        i = tuple((~closeness(mine, right)).nonzero()[0])
        at = x[i] if x.shape == right.shape else x[i[0]]
        seen = f"at x = {shown(at)}: yours {shown(mine[i])}, expected {shown(right[i])}"
        short = {name: v for name, v in inputs.items() if torch.as_tensor(v).numel() < 4}
        given = ", ".join(f"{name} = {shown(v)}" for name, v in short.items())
        why = [line for line in failed.details if "yours" not in line]
        why += [seen, f"with {given}" if given else ""]
        raise CheckFailed(failed.summary, *why, diagnosis=failed.diagnosis) from None


def parameters(function, value, n, dtype=torch.float64):
    """`value` as (w1, b1, w2) of a network with one input, one output, and at most 2n neurons."""
    three = isinstance(value, tuple | list) and len(value) == 3
    text = f"{function} must return (w1, b1, w2), got {kind(value)}"
    require(three, text, diagnosis="structure")
    b1 = value[1]
    hidden = len(b1) if isinstance(b1, Tensor) and b1.ndim == 1 else 2 * n
    shapes = dict(w1=(1, hidden), b1=(hidden,), w2=(hidden, 1))
    for (name, shape), part in zip(shapes.items(), value, strict=True):
        fits = isinstance(part, Tensor) and part.shape == shape
        text = f"{name} must be a tensor of shape {shape}, got {kind(part)}"
        why = f"There are n = {n} towers, and {hidden} hidden neurons by the length of b1."
        require(fits, text, why, diagnosis="shape")
        text = f"{name} is {part.dtype}, expected {dtype} as in the inputs"
        require(part.dtype == dtype, text, diagnosis="dtype")
    require(hidden <= 2 * n, f"{hidden} neurons for {n} towers: two a tower must do")
    return value


@public
@points(2, of="step_neuron")
def test_step_neuron(student, rng):
    """½ at the position, ¾ and 0.9 where they belong, 0 and 1 far away."""
    odds = tensor(1, 1 / 3, 3, 1 / 9, 9, 1e-6)
    for p, k in ((0.5, 10), (decimal(rng, 1, 9), decimal(rng, 2, 9)), (-3.25, 1000), (0, 0.5)):
        x = p + odds.log() / k
        wrong = (
            ("position:sign", "the step is at −position", (k * (x + p)).sigmoid()),
            ("no brackets", "k x − p is not k (x − p): the bias is not −p", (k * x - p).sigmoid()),
            ("no brackets", "k x + p is not k (x − p): the bias is not p", (k * x + p).sigmoid()),
            ("steepness:inverse", "a larger steepness makes it gentler", ((x - p) / k).sigmoid()),
            ("no steepness", "the steepness is not used", (x - p).sigmoid()),
            ("hard", "a hard step: what is left of the steepness?", (x >= p).double()),
        )
        inputs = dict(position=p, steepness=k)
        check(student, "step_neuron", x, inputs, odds / (1 + odds), *wrong)
    at, half = rng.normal(5), torch.full((3, 5), 0.5)
    check(student, "step_neuron", at.expand(3, 5), dict(position=at, steepness=2.5), half)
    for dtype in (torch.float64, torch.float32):
        x = torch.tensor([[-1000, 1000], [-1.5, 2.5]], dtype=dtype)
        inputs = dict(position=0.5, steepness=1000)
        check(student, "step_neuron", x, inputs, torch.tensor([[0.0, 1], [0, 1]]))
        out = call(student, "step_neuron", x, 0.5, 1000)
        require(out.dtype == dtype, f"out is {out.dtype}, x is {dtype}", diagnosis="dtype")


@public
@points(3, of="tower")
def test_tower(student, rng):
    """The height inside, half of it at the sides, 0 outside; less when gentle; the right area."""
    random = decimal(rng, -3, 0), decimal(rng, 1, 3), decimal(rng, 2, 5)
    inside = tensor(0, 0, 0, 1, 2, 2, 2, 1, 0, 0, 0) / 2
    beyond = tensor(0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2) / 2
    gentle = "its sides are too gentle for its width: where is the steepness?"
    for left, right, h in ((1.0, 2.0, 3.0), random, (*random[:2], -random[2])):
        w = right - left
        x = left + w * tensor(-1000, -1, -0.1, 0, 0.1, 0.5, 0.9, 1, 1.1, 2, 1000)
        wrong = (
            ("upside down", "the tower hangs down: which neuron is subtracted?", -h * inside),
            ("sum", "the second neuron must take away again", h * (inside + 2 * beyond)),
            ("too gentle", gentle, h * ((x - left).sigmoid() - (x - right).sigmoid())),
            ("no height", "the height is 1, whatever height is given", inside),
        )
        inputs = dict(left=left, right=right, height=h, steepness=1000 / w)
        check(student, "tower", x, inputs, h * inside, *wrong)
        for share in (0.75, 0.9):  # the first neuron's value in the middle
            k = 2 * math.log(share / (1 - share)) / w
            fixed = "steepness fixed", "the sides are vertical, whatever the steepness", tensor(h)
            product = "product", "are they multiplied? A neuron only adds", tensor(h * share**2)
            inputs = dict(left=left, right=right, height=h, steepness=k)
            reached = tensor(h * (2 * share - 1))
            check(student, "tower", tensor(left + w / 2), inputs, reached, fixed, product)
            x = grid(left - 30 * w, right + 30 * w, 3001)
            out = call(student, "tower", x, left, right, h, k)
            area = float(torch.trapezoid(out.double(), x))
            text = f"the area is {area:.4g}, expected height · (right − left) = {h * w:.4g}"
            more = "Two equal curves, one moved by right − left: is this their difference?"
            given = f"with left = {left}, right = {right}, height = {h}, steepness = {k:.4g}"
            require(abs(area - h * w) < 1e-3 * abs(h * w), text, more, given, diagnosis="area")


@points(1, of="tower")
def test_tower_raises(student, rng):
    """A tower whose sides are swapped, or in one place, is refused."""
    left = decimal(rng, -2, 2)
    for right in (left - decimal(rng, 0.1, 2), left):
        check_raises(student, "tower", rng.normal(4), left, right, 1.0, 5.0, when="left ≥ right")


@public
@points(3, of="tower_2d")
def test_tower_2d(student, rng):
    """The height inside the rectangle, half of it at the sides, 0 in the arms and the corners."""
    # In units of the rectangle: below it, on its lower side, inside, on its upper side, above it.
    places, wall = tensor(-1000, -1, 0, 0.5, 1, 2, 1000), tensor(0, 0, 0.5, 1, 0.5, 0, 0)
    walls = torch.cartesian_prod(wall, wall)
    cross = "the arms of the cross remain: the sum of the walls must pass a threshold"
    arms = "the arms are left: the threshold must lie between 1, the arms, and 2"
    late = "the height must wait until after the threshold, which compares counts"
    own = "the threshold has a steepness of its own, strength: it compares counts, not lengths"
    weigh = "strength must weigh the 3/2 too"
    # A strength of ln 9 makes 1/28, 1/4, 3/4 of the sums 0, 1, 2.
    for n, h, odds in (
        (49, 1.0, 1e90),
        (49, 3.0, 1e90),
        (49, -0.4, 1e90),
        (49, 2.5, 9),
        (1, 3.0, 9),
    ):
        low, size = rng.normal(2), tensor(decimal(rng, 0.5, 1), decimal(rng, 1.5, 3))
        total, strength = walls.sum(1)[-n:], math.log(odds)
        early = (strength * (h * total - 1.5)).sigmoid()
        wrong = (
            ("no threshold", cross, h * total),
            ("height inside", late, early),
            ("height inside", late, h * early),
            ("threshold:1/2", arms, h * rise(total, 0.5, strength)),
            ("threshold:1", arms, h * rise(total, 1, strength)),
            ("product", "the walls are multiplied: neurons only add", h * walls.prod(1)[-n:]),
            ("minimum", "the lower wall is taken: neurons only add", h * walls.amin(1)[-n:]),
            ("strength", own, h * rise(total, 1.5, 1000)),
            ("strength", weigh, h * rise(strength * total, 1.5, 1)),
        )
        x = (low + size * torch.cartesian_prod(places, places))[-n:]
        inputs = dict(low=low, high=low + size, height=h, steepness=1000.0, strength=strength)
        check(student, "tower_2d", x, inputs, h / (1 + odds ** (1.5 - total)), *wrong)


@public
@points(2, of="network")
def test_network(student, rng):
    """Values agree, for several inputs and outputs and for a single example."""
    w1, b1, w2 = rng.normal(3, 5), rng.normal(5), rng.normal(5, 2)
    for n, size in ((7, 1), (1, 1), (4, 1000)):
        x = size * rng.normal(n, 3)
        z = torch.addmm(b1, x, w1)
        right = ((z / 2).tanh() + 1) / 2 @ w2  # a sigmoid is ½ + ½ tanh(z / 2)
        wrong = (
            ("no sigmoid", "the hidden layer is linear", z @ w2),
            ("no bias", "the hidden neurons have lost their bias", (x @ w1).sigmoid() @ w2),
            ("sigmoid at the output", "the output is linear: no sigmoid after w2", right.sigmoid()),
        )
        check(student, "network", x, dict(w1=w1, b1=b1, w2=w2), right, *wrong)


@public
@points(1, of="tower_network")
def test_tower_network_by_hand(student):
    """Two towers of known heights, at their middles, sides, and outside."""
    inputs = dict(left=tensor(1, 4), right=tensor(2, 7), height=tensor(3, -2), steepness=100.0)
    at, v = tensor(1, 4, 2, 7), tensor(3, -2, -3, 2)
    x = tensor(-1000, -5.5, -1.5, 0, 1, 1.5, 2, 3, 4, 5.5, 7, 8, 1000)
    by_hand = tensor(0, 0, 0, 0, 1.5, 3, 1.5, 0, -1, -2, -1, 0, 0)
    wrong = (
        ("sign", "the towers hang down: which neuron has the weight −height?", -by_hand),
        ("sum", BOTH_PLUS, rise(x[:, None], at, 100) @ v.abs().copysign(tensor(1, -1, 1, -1))),
        ("bias:sign", MIRRORED, tensor(0, 2, -3, *[0] * 10)),
        ("bias:no steepness", UNSCALED, (100 * x[:, None] - at).sigmoid() @ v),
    )
    check(student, "tower_network", x, inputs, by_hand, *wrong, towers=2)


@points(2, of="tower_network")
def test_tower_network(student, rng):
    """The network is the sum of the towers, with gentle sides too."""
    order = "the output weights belong to other neurons: in which order are they?"
    for n, k in ((5, 3.0), (1, 0.7), (4, 40.0)):
        left, height = 2 * rng.normal(n), rng.normal(n)
        right = left + rng.uniform(n, low=0.5, high=2)
        x = torch.cat([3 * rng.normal(30), tensor(-1000, 1000)])
        at, paired = torch.cat([left, right]), torch.stack([left, right], 1).flatten()
        v, both, column = torch.cat([height, -height]), torch.cat([height] * 2), x[:, None]
        wrong = (
            ("sum", BOTH_PLUS, rise(column, at, k) @ both),
            ("bias:sign", MIRRORED, rise(column, -at, k) @ v),
            ("bias:no steepness", UNSCALED, (k * column - at).sigmoid() @ v),
            ("order", order, rise(column, paired, k) @ v),
            ("order", order, rise(column, at, k) @ torch.stack([height, -height], 1).flatten()),
        )
        inputs = dict(left=left, right=right, height=height, steepness=k)
        check(student, "tower_network", x, inputs, boxes(x, *inputs.values()), *wrong, towers=n)
    single = call(student, "tower_network", left.float(), right.float(), height.float(), k)
    parameters("tower_network", single, n, torch.float32)


@public
@points(1, of="approximate")
def test_approximate_by_hand(student):
    """The values in the middles, their means between two pieces, and no sagging ends."""
    for values, low, high, right in (
        ((1, 4, 2), 0.0, 3.0, (1, 1, 1, 1, 2.5, 4, 4, 4, 3, 2, 2, 2, 2)),
        ((-3, 5), -1.0, 7.0, (-3, -3, -3, -3, 1, 5, 5, 5, 5)),
        ((2,), 0.0, 0.1, (2, 2, 2, 2, 2)),
    ):
        right, n = tensor(*right), len(values)
        x, sag = grid(low, high, 4 * n + 1), right.clone()
        sag[[0, -1]] /= 2
        inputs = dict(values=tensor(*values), low=low, high=high, sharpness=80.0)
        blunt, blunter = (box(x, -0.1, 0.2, 2, k) for k in (80, 8))  # one tower, 0.1 wide
        steepness = ("steepness", FIXED, blunt), ("steepness", GENTLER, blunter)
        wrong = ("ends sag", SAGGING, sag), *steepness
        check(student, "approximate", x, inputs, right, *wrong, towers=n)


@points(1, of="approximate")
def test_approximate(student, rng):
    """Equal pieces side by side, as steep as their width asks for."""
    apart = "the towers are in the wrong places: n pieces have n + 1 ends, from low to high"
    for n, sharpness in ((7, 4.0), (5, 30.0), (12, 2.0)):
        low, length, values = decimal(rng, -3, 3), decimal(rng, 2, 3), rng.normal(n)
        w, (left, right), k = length / n, ends(n, low, low + length), sharpness * n / length
        x, plain = grid(low, low + length, 97), grid(low, low + length, n + 1)[:-1]
        ends_as_middles = grid(low, low + length, n)
        wrong = (
            ("ends sag", SAGGING, plain, plain + w, k),
            ("steepness", FIXED, left, right, sharpness),
            ("steepness", FIXED, left, right, sharpness / length),
            ("steepness", GENTLER, left, right, sharpness * w),
            ("gaps", "there are gaps between the towers", plain + w / 4, plain + 3 * w / 4, k),
            ("overlap", "the towers overlap", plain - w / 2, plain + 3 * w / 2, k),
            ("pieces", apart, left - w / 2, right - w / 2, k),
            ("pieces", apart, ends_as_middles - w / 2, ends_as_middles + w / 2, k),
        )
        sums = [(*text, boxes(x, a, b, values, s)) for *text, a, b, s in wrong]
        inputs = dict(values=values, low=low, high=low + length, sharpness=sharpness)
        check(student, "approximate", x, inputs, boxes(x, left, right, values, k), *sums, towers=n)


def smooth(rng, low, high):
    """A random smooth function with mean 0 and standard deviation 1 on [low, high]."""
    rates = 2 * math.pi / (high - low) * torch.arange(1, 5)
    sizes, phases = rng.normal(4) / torch.arange(1, 5), rng.normal(4, std=9)
    sizes = sizes / sizes.norm() * 2**0.5
    return lambda x: (x[:, None] * rates + phases).sin() @ sizes


@points(1, of="approximate")
def test_approximate_error_falls(student, rng):
    """The largest error is at most L (high − low) / 2n, for a random function, up to n = 400."""
    low = decimal(rng, -1, 1)
    high = low + decimal(rng, 0.05, 0.1)
    curve, x = smooth(rng, low, high), grid(low, high, 8001)
    lift = 1 + curve(x).abs().max()  # towers that are missing must not be missing where f is 0

    def f(x):
        return curve(x) + lift

    slope = float((f(x).diff() / x.diff()).abs().max())
    for n in (10, 50, 400):
        middles = grid(low, high, 2 * n + 1)[1::2]
        value = call(student, "approximate", f(middles), low, high, 40.0)
        out = answers(x[:, None], *parameters("approximate", value, n))[:, 0]
        error, bound = float((out - f(x)).abs().max()), 1.01 * slope * (high - low) / (2 * n)
        text = f"the largest error with {n} towers is {error:.3g}, it must not exceed {bound:.3g}"
        more = "Twice the towers, half the error. What does not shrink as the pieces do?"
        require(error <= bound, text, more, diagnosis="does not fall")


@points(1, of="fit")
def test_fit(student, rng):
    """The heights are at the minimum of the squared error."""
    only = "the heights are the means of the pieces: right for vertical sides only"
    unsorted = "examples come in any order: on which piece one lies, its x says"
    for n, count, sharpness in ((3, 40, 2.0), (6, 80, 4.0), (4, 50, 40.0), (1, 9, 1.0)):
        low, length = decimal(rng, -3, 3), decimal(rng, 1, 3)
        share, y = (rng.permutation(count).double() + 0.5) / count, rng.normal(count) + 1
        x, sides, k = low + length * share, ends(n, low, low + length), sharpness * n / length
        towers = box(x[:, None], *sides, 1, k)
        piece = torch.nn.functional.one_hot((share * n).long(), n).double()
        parts = torch.stack([part.mean() for part in y.tensor_split(n)])
        wrong = (
            ("means", only, piece.T @ y / piece.sum(0)),
            ("one example", "a height is one example's, with its noise", y[piece.argmax(0)]),
            ("unsorted", unsorted, parts),
            ("not divided", "this is Φᵀy: where is (ΦᵀΦ)⁻¹?", towers.T @ y),
        )
        wrong = [(*text, towers @ heights) for *text, heights in wrong]
        inputs = dict(x=x[:, None], y=y, n=n, low=low, high=low + length, sharpness=sharpness)
        best = towers @ (torch.linalg.pinv(towers) @ y)
        net = parameters("fit", call(student, "fit", *inputs.values()), n)
        gain = (best - y).square().sum() - (answers(x[:, None], *net)[:, 0] - y).square().sum()
        more = "Has every neuron an output weight of its own? Only the n heights are fitted."
        text = "the squared error is lower than n towers can make it"
        require(gain < 1e-6, text, more, diagnosis="weights")
        check(student, "fit", x, inputs, best, *wrong, towers=n)


@points(2, of="fit")
def test_fit_noisy_function(student, rng, topic):
    """Thirty towers from 400 noisy examples come close to the function itself."""
    low, high = -decimal(rng, 1, 2), decimal(rng, 1, 2)
    f, x = smooth(rng, low, high), rng.uniform(400, low=low, high=high)
    value = call(student, "fit", x[:, None], f(x) + rng.normal(400, std=0.2), 30, low, high, 4.0)
    net, x = parameters("fit", value, 30), grid(low, high, 1000)
    error = (answers(x[:, None], *net)[:, 0] - f(x)).square().mean()
    check_at_least(1 - float(error / f(x).var()), topic.thresholds["noisy_function"]["r2"], "r2")
