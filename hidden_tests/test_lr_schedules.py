"""Checks of the topic lr_schedules."""

import math

import torch

from gradus.checks import check_raises, check_result, double, points, public


def cycle_of(t, period, mult):
    """Elapsed time and length of the cycle that t is in."""
    starts, lengths = [0], [period]
    while starts[-1] + lengths[-1] <= t:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * mult)
    return t - starts[-1], lengths[-1]


EARLY = 2**-10  # so much before a step or a restart, which a float says exactly

# What checks of cosine_restarts use for a restart_cycle that has failed its own check.
STAND_INS = {"restart_cycle": cycle_of}


def decimal(rng, low: float, high: float) -> float:
    """A random number with three decimals, which a message can show in full."""
    return round(float(rng.uniform(low=low, high=high)), 3)


def whole_number(rng, low: int, high: int) -> int:
    return int(rng.integers(1, low=low, high=high))


def check_rates(student, function: str, times, rates, **inputs) -> None:
    """`function(t, *inputs)` is as expected at all times; whole ones are passed as integers."""
    for t, rate in zip(map(float, times), map(float, rates), strict=True):
        given = dict(t=int(t) if t.is_integer() else t, **inputs)
        check_result(student, function, given, rate, "rate")


@public
@points(2, of="step_decay")
def test_step_decay(student, rng):
    """The factor comes in exactly at every whole period, first in the example on paper."""
    by_hand = dict(lr=8, period=3, factor=0.5)
    check_rates(student, "step_decay", [3, 2, 9], [4, 8, 1], **by_hand)
    periods = double([0, 0.25, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3 - EARLY, 3, 5, 400.75])
    random = whole_number(rng, 4, 9), decimal(rng, 0.1, 2), decimal(rng, 0.2, 0.9)
    for period, lr, factor in ((3, 0.8, 0.5), random, (2.5, 0.3, 0.1), (0.5, 0.2, 0.7), (2, 1, 1)):
        inputs = dict(lr=lr, period=period, factor=factor)
        rates = lr * factor ** periods.floor()
        check_rates(student, "step_decay", period * periods, rates, **inputs)


@public
@points(2, of="exponential_decay")
def test_exponential_decay(student, rng):
    """The rate halves every ln 2 / rate epochs, and is 0 in the end."""
    t = double([0, 1, 0.5, 2.25, 7])
    for lr, rate in ((0.8, 0.7), (decimal(rng, 0.5, 2), decimal(rng, 0.1, 0.6)), (0.3, 0)):
        expected = torch.exp(-rate * t).mul(lr)
        check_rates(student, "exponential_decay", t, expected, lr=lr, rate=rate)
    halves = dict(lr=0.8, rate=math.log(2) / 3)
    check_rates(student, "exponential_decay", [0, 3, 6, 9], [0.8, 0.4, 0.2, 0.1], **halves)
    check_rates(student, "exponential_decay", [1000, 10**6], [0, 0], lr=0.5, rate=2)


@public
@points(2, of="inverse_time_decay")
def test_inverse_time_decay(student, rng):
    """The rates 0.6, 0.4, 0.3, …; half of the first after 1/rate epochs."""
    t = double([0, 1, 2, 3.5, 8, 1000])
    by_hand = [0.6, 0.4, 0.3, 0.6 / 2.75, 0.12, 0.6 / 501]
    first, k = decimal(rng, 0.5, 2), decimal(rng, 0.2, 0.8)
    more = first * torch.lerp(torch.ones(6).double(), 1 + t, k).reciprocal()
    for lr, rate, expected in ((0.6, 0.5, by_hand), (first, k, more), (0.3, 0, [0.3] * 6)):
        check_rates(student, "inverse_time_decay", t, expected, lr=lr, rate=rate)


@public
@points(3, of="triangular")
def test_triangular(student, rng):
    """Up from lr_min in half a cycle, down in the other half, and again."""
    halves = double([0, 0.25, 0.5, 1, 1.25, 1.75, 2, 2.5, 3, 4, 7, 7.75, 100.25])
    up = double([0, 0.25, 0.5, 1, 0.75, 0.25, 0, 0.5, 1, 0, 1, 0.25, 0.25])
    half = whole_number(rng, 3, 9)
    low, high = decimal(rng, 0.01, 0.2), decimal(rng, 0.5, 2)
    for h, lo, hi in ((4, 0.1, 0.5), (half, low, high), (2.5, 0, 1), (1, 0.3, 0.3)):
        inputs = dict(lr_min=lo, lr_max=hi, half_cycle=h)
        check_rates(student, "triangular", h * halves, lo + (hi - lo) * up, **inputs)


@points(1, of="triangular")
def test_triangular_raises(student, rng):
    """lr_min above lr_max is reported; equal ones are not."""
    low = decimal(rng, 0.01, 0.2)
    check_raises(student, "triangular", 1, 2 * low, low, 4, when="lr_min is above lr_max")
    check_rates(student, "triangular", [1], [low], lr_min=low, lr_max=low, half_cycle=4)


@public
@points(3, of="restart_cycle")
def test_restart_cycle(student, rng):
    """Elapsed time and length of the cycle, also exactly at the restarts."""
    times = {1: [0, 0.75, 1, 2.5, 3, 50.25], 1.5: [0.75, 1, 2.25, 2.5, 4.5, 4.75, 9]}
    times[2] = [0, 0.5, 1, 2.5, 3, 4, 7, 6.75, 14, 15, 16, 3 - EARLY]
    times[3] = [0.25, 1, 3.5, 4, 13, 40, 120, 121, 122]
    whole = whole_number(rng, 3, 10)
    # A period that is a float is asked for 0 as well, whose cycles have no end with mult = 1.
    for mult, period in ((2, 2), (1, whole), (2, whole), (3, 1), (3, whole), (1.5, 4), (1.5, 2.5)):
        for t in times[mult]:
            t, elapsed, length = (float(period * x) for x in (t, *cycle_of(t, 1, mult)))
            inputs = dict(t=int(t) if t.is_integer() else t, period=period, mult=mult)
            check_result(student, "restart_cycle", inputs, (elapsed, length), ("elapsed", "length"))


@points(1, of="restart_cycle")
def test_restart_cycle_raises(student, rng):
    """Times before 0, cycles of no length and shrinking cycles are reported."""
    check_raises(student, "restart_cycle", -1, 4, 2, when="t is negative")
    check_raises(student, "restart_cycle", 1, 2, 0.5, when="mult is below 1")
    for period in (0, -decimal(rng, 1, 9)):
        check_raises(student, "restart_cycle", 0, period, 2, when="period is 0 or negative")
    inputs = dict(t=0, period=0.5, mult=1)
    check_result(student, "restart_cycle", inputs, (0.0, 0.5), ("elapsed", "length"))


@public
@points(3, of="cosine_restarts")
def test_cosine_restarts(student, rng):
    """Half a cosine from lr_max towards lr_min in each cycle, each mult times as long."""
    periods = [0, 0.25, 0.75, 1, 1.5, 2, 2.5, 3, 4, 4.75, 6.25, 7, 9, 13, 30.25]
    period = whole_number(rng, 3, 10)
    low, high = decimal(rng, 0.01, 0.2), decimal(rng, 0.5, 2)
    cases = [(4, 2, 0, 1), (period, 2, low, high), (period, 1, low, high), (period, 3, 0, high)]
    for p, mult, lo, hi in (*cases, (2.5, 1.5, low, high), (4, 2, 0.3, 0.3)):
        cycles = [cycle_of(t, 1, mult) for t in periods]
        share = double([elapsed / length for elapsed, length in cycles])
        expected = lo + (hi - lo) * (1 + torch.cos(math.pi * share)) / 2
        inputs = dict(lr_min=lo, lr_max=hi, period=p, mult=mult)
        check_rates(student, "cosine_restarts", p * double(periods), expected, **inputs)


@public
@points(3, of="linear_warmup")
def test_linear_warmup(student, rng):
    """From lr / warmup at the first update to lr at the last one of the warm-up, then constant."""
    random = whole_number(rng, 11, 18)
    for warmup, lr in ((4, 0.8), (random, decimal(rng, 0.1, 2)), (1, 0.5), (0, 0.3)):
        ramp = double([i / warmup for i in range(1, warmup + 1)] + [1, 1, 1])
        check_rates(student, "linear_warmup", range(warmup + 3), lr * ramp, lr=lr, warmup=warmup)
    check_rates(student, "linear_warmup", [0, 10**6], [0.001, 0.3], lr=0.3, warmup=300)
