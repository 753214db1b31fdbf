"""Checks of the topic lr_schedules."""

import math

import torch
from torch import Tensor

from gradus.checks import CheckFailed, Clues, Wrong, call, check_values, points, public, require
from gradus.checks.failure import kind
from gradus.checks.tolerance import closeness

WHOLE = "only whole epochs count: a fraction of an epoch moves the rate as well"


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
