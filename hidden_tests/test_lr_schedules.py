"""Checks of the topic lr_schedules."""

import math

import torch
from torch import Tensor

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    call,
    check_raises,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.failure import kind
from gradus.checks.tolerance import closeness

WHOLE = "only whole epochs count: a fraction of an epoch moves the rate as well"


def cycle_of(t, period, mult):
    """Elapsed time and length of the cycle that t is in."""
    starts, lengths = [0], [period]
    while starts[-1] + lengths[-1] <= t:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * mult)
    return t - starts[-1], lengths[-1]


# What checks of cosine_restarts use for a restart_cycle that has failed its own check.
STAND_INS = {"restart_cycle": cycle_of}


def decimal(rng, low: float, high: float) -> float:
    """A random number with three decimals, which a message can show in full."""
    return round(float(rng.uniform(low=low, high=high)), 3)


def tensor(numbers) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def number(value, what: str) -> float:
    """`value` as a float; a tensor of one element passes for a number."""
    is_number = isinstance(value, int | float) or (
        isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex()
    )
    require(is_number, f"{what} must be a number, got {kind(value)}", diagnosis="structure")
    return float(value)


def whole(t: float) -> float:
    """3 for 3.0: whole times are passed as integers."""
    return int(t) if t == int(t) else t


def check_rates(student, function: str, times, expected: Tensor, wrong=(), **inputs) -> None:
    """`function(t, *inputs)` is `expected` at all `times`; `wrong` are (id, text, rates)."""
    times = [whole(float(t)) for t in times]
    mine = [call(student, function, t, *inputs.values()) for t in times]
    judge(function, times, tensor([number(v, "the rate") for v in mine]), expected, wrong, inputs)


def judge(function, times, mine, expected, wrong, inputs, part="") -> None:
    """As check_values, but a failure shows the first call whose value is wrong."""
    clues = Clues(wrong=tuple(Wrong(*w) for w in wrong))
    try:
        check_values(mine, expected, part or "rate", clues=clues)
    except CheckFailed as failed:
        right = closeness(mine, expected)
        i = right.tolist().index(False)
        given = ", ".join(f"{name}={value:g}" for name, value in inputs.items())
        got = f"{function}({times[i]}, {given}){part and f', {part}'}: yours {mine[i]:.7g}"
        why = [line for line in failed.details if "yours" not in line]
        seen = f"{got}, expected {expected[i]:.7g}"
        raise CheckFailed(failed.summary, *why, seen, diagnosis=failed.diagnosis) from None


@public
@points(2, of="step_decay")
def test_step_decay(student, rng):
    """The rate is multiplied by the factor exactly at every whole period."""
    periods = tensor([0, 0.25, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 5, 7.75])
    behind = tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 5, 7])
    random = int(rng.integers(1, low=4, high=9)), decimal(rng, 0.1, 2), decimal(rng, 0.2, 0.9)
    ramp = "a ramp, not a staircase: the exponent is the number of *whole* periods"
    late = "the step comes too late: at t = period the rate is the smaller one already"
    early = "the steps come too early: epochs count from 0, the first period is 0 … period − 1"
    from_1 = "the steps come an epoch too late: epochs count from 0, not from 1"
    always = "the rate falls in every epoch: what is the period for?"
    once = "the rate falls once and never again: it falls after every period"
    rounded = "t / period is rounded to the nearest: only periods that are over count"
    for period, lr, factor in ((3, 0.8, 0.5), random, (1, 0.3, 0.1), (5, 0.2, 1.0)):
        t = period * periods
        wrong = (
            ("float step", ramp, lr * factor ** (t / period)),
            ("late step", late, lr * factor ** ((t / period).ceil() - 1).clamp(min=0)),
            ("off by one", early, lr * factor ** ((t + 1) / period).floor()),
            ("off by one", from_1, lr * factor ** ((t - 1) / period).floor().clamp(min=0)),
            ("every epoch", always, lr * factor**t),
            ("once", once, lr * factor ** behind.clamp(max=1)),
            ("rounded", rounded, lr * factor ** (t / period).round()),
            ("rounded", "t / period is rounded up", lr * factor ** (t / period).ceil()),
        )
        inputs = dict(lr=lr, period=period, factor=factor)
        check_rates(student, "step_decay", t, lr * factor**behind, wrong, **inputs)


@public
@points(2, of="exponential_decay")
def test_exponential_decay(student, rng):
    """The rate halves every ln 2 / rate epochs, and is 0 in the end."""
    t = tensor([0, 1, 0.5, 2.25, 7])
    for lr, rate in ((0.8, 0.7), (decimal(rng, 0.5, 2), decimal(rng, 0.1, 0.6)), (0.3, 0)):
        wrong = (
            ("growth", "the rate grows: mind the sign in the exponent", lr * (rate * t).exp()),
            ("base", "this is lr · rateᵗ: the base is e", lr * rate**t),
            ("base", "this halves every 1 / rate epochs: the base is e", lr * 2 ** (-rate * t)),
            ("base", "this is lr · (1 − rate)ᵗ: the base is e^(−rate)", lr * (1 - rate) ** t),
            ("whole epochs", WHOLE, lr * (-rate * t.floor()).exp()),
            ("off by one", "t = 0 must have the full rate", lr * (-rate * (t + 1)).exp()),
            ("no lr", "the rate at t = 0 is lr, not 1", (-rate * t).exp()),
        )
        expected = torch.exp(-rate * t).mul(lr)
        check_rates(student, "exponential_decay", t, expected, wrong, lr=lr, rate=rate)
    halves = dict(lr=0.8, rate=math.log(2) / 3)
    by_hand = tensor([0.8, 0.4, 0.2, 0.1])
    check_rates(student, "exponential_decay", [0, 3, 6, 9], by_hand, **halves)
    check_rates(student, "exponential_decay", [1000, 10**6], tensor([0, 0]), lr=0.5, rate=2)


@public
@points(2, of="inverse_time_decay")
def test_inverse_time_decay(student, rng):
    """The rates 0.6, 0.4, 0.3, …; half of the first after 1/rate epochs."""
    t = tensor([0, 1, 2, 3.5, 8, 1000])
    by_hand = dict(lr=0.6, rate=0.5), tensor([0.6, 0.4, 0.3, 0.6 / 2.75, 0.12, 0.6 / 501])
    lr, rate = decimal(rng, 0.5, 2), decimal(rng, 0.2, 0.8)
    more = dict(lr=lr, rate=rate), lr * torch.lerp(torch.ones(6).double(), 1 + t, rate).reciprocal()
    constant = dict(lr=0.3, rate=0), torch.full((6,), 0.3).double()
    for inputs, expected in (by_hand, more, constant):
        lr, rate = inputs.values()
        wrong = (
            ("rate ignored", "this is lr / (1 + t): where is rate?", lr / (1 + t)),
            ("whole epochs", WHOLE, lr / (1 + rate * t.floor())),
            ("off by one", "t = 0 must have the full rate", lr / (1 + rate * (t + 1))),
            ("bracket", "this is lr / 1 + rate · t: mind the bracket", lr + rate * t),
            ("bracket", "this is lr / (1 + rate) · t: mind the bracket", lr / (1 + rate) * t),
            ("compounded", "this is lr / (1 + rate)ᵗ: exponential decay", lr / (1 + rate) ** t),
        )
        check_rates(student, "inverse_time_decay", t, expected, wrong, **inputs)


@points(3, of="triangular")
def test_triangular(student, rng):
    """Up from lr_min in half a cycle, down in the other half, and again."""
    halves = tensor([0, 0.25, 0.5, 1, 1.25, 1.75, 2, 2.5, 3, 4, 7, 7.75])
    up = tensor([0, 0.25, 0.5, 1, 0.75, 0.25, 0, 0.5, 1, 0, 1, 0.25])
    half = int(rng.integers(1, low=3, high=9))
    low, high = decimal(rng, 0.01, 0.2), decimal(rng, 0.5, 2)
    swapped = "the cycle starts at lr_max: are the two swapped, or is it half a cycle off?"
    short = "half_cycle is the way up alone; the whole cycle is twice as long"
    falls = "the way down is missing: the rate falls at once"
    corners = "only whole half cycles count (//): between the corners lies a straight line"
    float_cycle = "lr_min for ever: was the number of the cycle not rounded down?"
    once = "there is only one cycle: it must repeat"
    slope = "too steep: the way from lr_min to lr_max takes half_cycle epochs, not one"
    floor = "lr_min is missing: the triangle stands on it"
    height = "the height of the triangle is lr_max − lr_min: this one ends above lr_max"
    for h, lo, hi in ((4, 0.1, 0.5), (half, low, high), (2.5, 0, 1), (1, 0.3, 0.3)):
        t = h * halves
        one = (1 - (t / h - 1).abs()).clamp(min=0)
        wrong = [
            (name, text, lo + (hi - lo) * share)
            for name, text, share in (
                ("swapped", swapped, 1 - up),
                ("cycle length", short, 1 - 2 * (t / h % 1 - 0.5).abs()),
                ("sawtooth", falls, t / h % 1),
                ("sawtooth", falls, t / h % 2 / 2),
                ("integer division", corners, (t / h).floor() % 2),
                ("float cycle", float_cycle, 0 * t),
                ("whole epochs", WHOLE, 1 - (t.floor() % (2 * h) / h - 1).abs()),
                ("slope", slope, h * up),
                ("one cycle", once, one),
                ("one cycle", once, 1 - (t / h - 1).abs()),
            )
        ]
        wrong += [("no lr_min", floor, (hi - lo) * up), ("no lr_min", floor, hi * up)]
        wrong += [("above lr_max", height, lo + hi * up)]
        inputs = dict(lr_min=lo, lr_max=hi, half_cycle=h)
        check_rates(student, "triangular", t, lo + (hi - lo) * up, wrong, **inputs)


@points(1, of="triangular")
def test_triangular_raises(student, rng):
    """lr_min above lr_max is reported; equal ones are not."""
    low = decimal(rng, 0.01, 0.2)
    check_raises(student, "triangular", 1, 2 * low, low, 4, when="lr_min is above lr_max")
    check_rates(student, "triangular", [1], tensor([low]), lr_min=low, lr_max=low, half_cycle=4)


@public
@points(3, of="restart_cycle")
def test_restart_cycle(student, rng):
    """Elapsed time and length of the cycle, also exactly at the restarts."""
    constant = [(0, 0, 1), (0.75, 0.75, 1), (1, 0, 1), (2.5, 0.5, 1), (3, 0, 1), (8.25, 0.25, 1)]
    double = [(0, 0, 1), (0.5, 0.5, 1), (1, 0, 2), (2.5, 1.5, 2), (3, 0, 4), (4, 1, 4)]
    double += [(6.75, 3.75, 4), (7, 0, 8), (14, 7, 8), (15, 0, 16), (16, 1, 16)]
    triple = [(0.25, 0.25, 1), (1, 0, 3), (3.5, 2.5, 3), (4, 0, 9), (13, 0, 27), (40, 0, 81)]
    triple += [(120, 80, 81), (121, 0, 243), (122, 1, 243)]
    same = "every cycle has the length of the first: each must be mult times as long"
    log = "right but for one restart, where a logarithm comes out just below a whole number"
    late = "a restart belongs to the cycle that it opens: elapsed is 0 there, never length"
    none = "elapsed must start again from 0 at every restart"
    modulo = "not the remainder of t by the length: the cycles before were shorter"
    start = "this is the time of the last restart: how long ago was it?"
    early = "mult comes too early: the first cycle has the length period"
    linear = "the lengths grow by the same amount: each is mult times the one *before*"
    for mult, table, period in (
        (2, double, 2),
        (1, constant, int(rng.integers(1, low=3, high=10))),
        (2, double, int(rng.integers(1, low=3, high=10))),
        (3, triple, 1),
        (3, triple, int(rng.integers(1, low=3, high=10))),
    ):
        t, elapsed, length = (period * tensor(table)).T.contiguous()
        before, restart = length / mult, (elapsed == 0) & (t > 0)
        rounded = restart & (t == 121 * period)
        sums = period * torch.arange(50).double().cumsum(0)  # cycles of 1, 2, 3, … periods
        of_elapsed = (
            ("not growing", same, t % period),
            ("log", log, torch.where(rounded, before, elapsed)),
            ("boundary", late, torch.where(restart, before, elapsed)),
            ("no restart", none, t),
            ("modulo", modulo, t % length),
            ("start", start, t - elapsed),
            *(
                ("linear growth", linear, t - starts[torch.searchsorted(starts, t, right=True) - 1])
                for starts in (sums, torch.cat([tensor([0]), period + mult * sums]))
            ),
            ("share", "asked for in epochs, not as a share of the cycle", elapsed / length),
        )
        of_length = (
            ("not growing", same, torch.full_like(t, period)),
            ("boundary", late, torch.where(restart, before, length)),
            ("mult too early", early, length * mult),
        )
        times, inputs = [whole(float(x)) for x in t], dict(period=period, mult=mult)
        mine = [call(student, "restart_cycle", x, period, mult) for x in times]
        for value in mine:
            shaped = isinstance(value, tuple | list) and len(value) == 2
            must = f"restart_cycle must return (elapsed, length), got {kind(value)}"
            require(shaped, must, diagnosis="structure")
        first, second = tensor([[number(v, "each of the two") for v in pair] for pair in mine]).T
        swapped = torch.equal(first, length) and torch.equal(second, elapsed)
        require(not swapped, "elapsed and length are swapped", diagnosis="swapped")
        judge("restart_cycle", times, first, elapsed, of_elapsed, inputs, "elapsed")
        judge("restart_cycle", times, second, length, of_length, inputs, "length")


@points(1, of="restart_cycle")
def test_restart_cycle_raises(student, rng):
    """Times before 0, cycles of no length and shrinking cycles are reported."""
    check_raises(student, "restart_cycle", -1, 4, 2, when="t is negative")
    check_raises(student, "restart_cycle", 1, 2, 0.5, when="mult is below 1")
    for period in (0, -decimal(rng, 1, 9)):
        check_raises(student, "restart_cycle", 0, period, 2, when="period is 0 or negative")
    value = call(student, "restart_cycle", 0, 0.5, 1)
    check_values(value, (0.0, 0.5), "(elapsed, length)")


@points(3, of="cosine_restarts")
def test_cosine_restarts(student, rng):
    """Half a cosine from lr_max towards lr_min in each cycle, each mult times as long."""
    single = [(0, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75), (1, 0), (2.25, 0.25), (3, 0)]
    double = [(0, 0), (0.25, 0.25), (0.75, 0.75), (1, 0), (1.5, 0.25), (2, 0.5), (2.5, 0.75)]
    double += [(3, 0), (4, 0.25), (6, 0.75), (7, 0), (9, 0.25)]
    triple = [(0.5, 0.5), (1, 0), (1.75, 0.25), (2.5, 0.5), (4, 0), (6.25, 0.25), (13, 0)]
    period = int(rng.integers(1, low=3, high=10))
    low, high = decimal(rng, 0.01, 0.2), decimal(rng, 0.5, 2)
    degrees = "the angle is in degrees: math.cos takes radians, half a turn is π"
    rises = "it rises from lr_min to lr_max: min and max are swapped (or a sign is)"
    same = "every cycle has the length of the first: each must be mult times as long"
    late = "at a restart the rate is lr_max already: the boundary belongs to the new cycle"
    first = "elapsed is divided by the *first* cycle's length: the current one is longer"
    integer = "elapsed // length is 0 throughout a cycle: the fraction is wanted"
    full = "a whole wave in each cycle: half of one leads from lr_max to lr_min"
    floor = "lr_min is missing: it is the floor that the curve stands on"
    for p, mult, table, lo, hi in (
        (4, 2, double, 0, 1),
        (period, 2, double, low, high),
        (period, 1, single, low, high),
        (period, 3, triple, 0, high),
        (4, 2, double, 0.3, 0.3),
    ):
        periods, share = tensor(table).T
        t, length = p * periods, tensor([cycle_of(float(s), 1, mult)[1] for s in periods])
        cos, top = torch.cos(math.pi * share), (1 - share.sign()) * (t > 0)
        wrong = [
            (name, text, lo + (hi - lo) * (1 + c) / 2)
            for name, text, c in (
                ("degrees", degrees, torch.cos(180 * share)),
                ("swapped", rises, -cos),
                ("not growing", same, torch.cos(math.pi * (periods % 1))),
                ("boundary", late, torch.where(top > 0, -1, cos)),
                ("no restart", "nothing restarts", torch.cos(math.pi * periods)),
                ("first length", first, torch.cos(math.pi * share * length)),
                ("integer division", integer, torch.ones_like(t)),
                ("full wave", full, torch.cos(2 * math.pi * share)),
                ("no pi", "the angle must go from 0 to π, not to 1", torch.cos(share)),
                ("no 1", "it dips below lr_min, for cos does below 0: 1 + cos never does", cos - 1),
                ("no half", "1 + cos is between 0 and 2: where is the ½?", 1 + 2 * cos),
            )
        ]
        right = lo + (hi - lo) * (1 + cos) / 2
        wrong += [("no lr_min", floor, r) for r in (right - lo, hi * (1 + cos) / 2)]
        inputs = dict(lr_min=lo, lr_max=hi, period=p, mult=mult)
        check_rates(student, "cosine_restarts", t, right, wrong, **inputs)


@points(3, of="linear_warmup")
def test_linear_warmup(student, rng):
    """From lr / warmup at the first update to lr at the last one of the warm-up, then constant."""
    random = int(rng.integers(1, low=5, high=12))
    zero = "the first update has the rate 0, and is wasted: it must have lr / warmup"
    late = "the full rate comes one update too late: t = warmup − 1 must have it"
    on = "it goes on rising: after the warm-up the rate stays lr"
    beyond = "t = warmup is above lr: the updates of the warm-up are 0 … warmup − 1"
    integer = "the share is rounded down (//): the rate must grow at every update"
    for warmup, lr in ((4, 0.8), (random, decimal(rng, 0.1, 2)), (1, 0.5), (0, 0.3)):
        t, length = torch.arange(warmup + 3.0).double(), max(warmup, 1)
        ramp = tensor([i / length for i in range(1, warmup + 1)] + [1, 1, 1])
        from_zero = torch.cat([torch.linspace(0, 1, warmup).double(), torch.ones(3)])
        wrong = (
            ("zero start", zero, lr * (t / length).clamp(max=1)),
            ("zero start", zero, lr * from_zero),
            ("late", late, lr * ((t + 1) / (warmup + 1)).clamp(max=1)),
            ("boundary", beyond, lr * torch.where(t == warmup, (t + 1) / length, ramp)),
            ("no end", on, lr * (t + 1) / length),
            ("integer division", integer, lr * ((t + 1) / length).floor().clamp(max=1)),
        )
        check_rates(student, "linear_warmup", t, lr * ramp, wrong, lr=lr, warmup=warmup)
    check_rates(student, "linear_warmup", [10**6], tensor([0.3]), lr=0.3, warmup=random)
