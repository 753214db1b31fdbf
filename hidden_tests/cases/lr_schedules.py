"""What students hand in for lr_schedules: mistakes to be found, right answers to pass."""

import math

from gradus.audit.cases import alternative, mistake


@mistake("a ramp for the staircase", check="test_step_decay", diagnosis="float step")
def step_decay(t, lr, period, factor):
    return lr * factor ** (t / period)


@mistake("the step comes after the boundary", check="test_step_decay", diagnosis="late step")
def step_decay(t, lr, period, factor):
    return lr * factor ** max(math.ceil(t / period) - 1, 0)


@mistake("steps an epoch early", check="test_step_decay", diagnosis="off by one")
def step_decay(t, lr, period, factor):
    return lr * factor ** ((t + 1) // period)


@mistake("the factor at every epoch", check="test_step_decay", diagnosis="every epoch")
def step_decay(t, lr, period, factor):
    return lr * factor**t


@mistake("grows", check="test_exponential_decay", diagnosis="growth")
def exponential_decay(t, lr, rate):
    return lr * math.exp(rate * t)


@mistake("the rate as the base", check="test_exponential_decay", diagnosis="base")
def exponential_decay(t, lr, rate):
    return lr * rate**t


@mistake(
    "divided by an exponential that overflows",
    check="test_exponential_decay",
    diagnosis="raised:OverflowError",
)
def exponential_decay(t, lr, rate):
    return lr / math.exp(rate * t)


@mistake("whole epochs only", check="test_exponential_decay", diagnosis="whole epochs")
def exponential_decay(t, lr, rate):
    return lr * math.exp(-rate * int(t))


@mistake("epochs from 1", check="test_inverse_time_decay", diagnosis="off by one")
def inverse_time_decay(t, lr, rate):
    return lr / (1 + rate * (t + 1))


@mistake("without the bracket", check="test_inverse_time_decay", diagnosis="bracket")
def inverse_time_decay(t, lr, rate):
    return lr / 1 + rate * t


@mistake("compounded", check="test_inverse_time_decay", diagnosis="compounded")
def inverse_time_decay(t, lr, rate):
    return lr / (1 + rate) ** t


@mistake("min and max swapped", check="test_triangular", diagnosis="swapped")
def triangular(t, lr_min, lr_max, half_cycle):
    if lr_min > lr_max:
        raise ValueError
    x = abs(t % (2 * half_cycle) / half_cycle - 1)
    return lr_max + (lr_min - lr_max) * (1 - x)


@mistake("half_cycle is the whole cycle", check="test_triangular", diagnosis="cycle length")
def triangular(t, lr_min, lr_max, half_cycle):
    if lr_min > lr_max:
        raise ValueError
    return lr_max - (lr_max - lr_min) * abs(2 * (t % half_cycle) / half_cycle - 1)


@mistake("an integer division", check="test_triangular", diagnosis="integer division")
def triangular(t, lr_min, lr_max, half_cycle):
    if lr_min > lr_max:
        raise ValueError
    return lr_max - (lr_max - lr_min) * abs(t % (2 * half_cycle) // half_cycle - 1)


@mistake("the cycle's number is not rounded", check="test_triangular", diagnosis="float cycle")
def triangular(t, lr_min, lr_max, half_cycle):
    if lr_min > lr_max:
        raise ValueError
    cycle = 1 + t / (2 * half_cycle)
    x = abs(t / half_cycle - 2 * cycle + 1)
    return lr_min + (lr_max - lr_min) * max(0, 1 - x)


@mistake(
    "swapped bounds go unnoticed", check="test_triangular_raises", diagnosis="no error:ValueError"
)
def triangular(t, lr_min, lr_max, half_cycle):
    return lr_max - (lr_max - lr_min) * abs(t % (2 * half_cycle) / half_cycle - 1)


@mistake("cycles do not grow", check="test_restart_cycle", diagnosis="not growing")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    return t % period, period


@mistake("the restart one late", check="test_restart_cycle", diagnosis="boundary")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    while t > period:
        t, period = t - period, period * mult
    return t, period


@mistake("the cycle by a logarithm", check="test_restart_cycle", diagnosis="log")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    if mult == 1:
        return t % period, period
    i = int(math.log(t / period * (mult - 1) + 1, mult))
    return t - period * (mult**i - 1) / (mult - 1), period * mult**i


@mistake("mult before the first cycle", check="test_restart_cycle", diagnosis="mult too early")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    while t >= period:
        t, period = t - period, period * mult
    return t, period * mult


@mistake("length before elapsed", check="test_restart_cycle", diagnosis="swapped")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    while t >= period:
        t, period = t - period, period * mult
    return period, t


@mistake("nothing is looked at", check="test_restart_cycle_raises", diagnosis="no error:ValueError")
def restart_cycle(t, period, mult):
    while t >= period:
        t, period = t - period, period * mult
    return t, period


@mistake("degrees for radians", check="test_cosine_restarts", diagnosis="degrees")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    elapsed, length = restart_cycle(t, period, mult)
    return lr_min + (lr_max - lr_min) * (1 + math.cos(180 * elapsed / length)) / 2


@mistake("a cosine that rises", check="test_cosine_restarts", diagnosis="swapped")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    elapsed, length = restart_cycle(t, period, mult)
    return lr_max + (lr_min - lr_max) * (1 + math.cos(math.pi * elapsed / length)) / 2


@mistake("mult is not used", check="test_cosine_restarts", diagnosis="not growing")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    return lr_min + (lr_max - lr_min) * (1 + math.cos(math.pi * (t % period) / period)) / 2


@mistake("divided by the first length", check="test_cosine_restarts", diagnosis="first length")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    elapsed, _ = restart_cycle(t, period, mult)
    return lr_min + (lr_max - lr_min) * (1 + math.cos(math.pi * elapsed / period)) / 2


@mistake("elapsed // length", check="test_cosine_restarts", diagnosis="integer division")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    elapsed, length = restart_cycle(t, period, mult)
    return lr_min + (lr_max - lr_min) * (1 + math.cos(math.pi * (elapsed // length))) / 2


@mistake("without the ½", check="test_cosine_restarts", diagnosis="no half")
def cosine_restarts(t, lr_min, lr_max, period, mult):
    elapsed, length = restart_cycle(t, period, mult)
    return lr_min + (lr_max - lr_min) * (1 + math.cos(math.pi * elapsed / length))


@mistake("the first update has the rate 0", check="test_linear_warmup", diagnosis="zero start")
def linear_warmup(t, lr, warmup):
    return lr * t / warmup if t < warmup else lr


@mistake("the full rate one update late", check="test_linear_warmup", diagnosis="late")
def linear_warmup(t, lr, warmup):
    return lr * min((t + 1) / (warmup + 1), 1)


@mistake("goes on rising", check="test_linear_warmup", diagnosis="no end")
def linear_warmup(t, lr, warmup):
    return lr * (t + 1) / max(warmup, 1)


@mistake("a warm-up rounded down", check="test_linear_warmup", diagnosis="integer division")
def linear_warmup(t, lr, warmup):
    return lr * ((t + 1) // warmup) if t < warmup else lr


@mistake(
    "no warm-up divides by zero",
    check="test_linear_warmup",
    diagnosis="raised:ZeroDivisionError",
)
def linear_warmup(t, lr, warmup):
    return lr * min(1, (t + 1) / warmup)


@alternative("loops over the steps, the cycles and the updates")
class Loops:
    def step_decay(t, lr, period, factor):
        while t >= period:
            t, lr = t - period, lr * factor
        return lr

    def restart_cycle(t, period, mult):
        if period <= 0 or mult < 1 or t < 0:
            raise ValueError("period, mult or t")
        start = 0
        while start + period <= t:
            start += period
            period *= mult
        return [t - start, period]

    def linear_warmup(t, lr, warmup):
        rate = lr / max(warmup, 1)
        for _ in range(min(t, warmup - 1)):
            rate += lr / warmup
        return rate


@alternative("formulas of the papers: Smith's triangle, a sine squared, γᵗ")
class Papers:
    def triangular(t, lr_min, lr_max, half_cycle):
        if not lr_min <= lr_max:
            raise ValueError("lr_min > lr_max")
        cycle = math.floor(1 + t / (2 * half_cycle))
        x = abs(t / half_cycle - 2 * cycle + 1)
        return lr_min + (lr_max - lr_min) * max(0, 1 - x)

    def cosine_restarts(t, lr_min, lr_max, period, mult):
        elapsed, length = restart_cycle(t, period, mult)
        return lr_max - (lr_max - lr_min) * math.sin(math.pi / 2 * elapsed / length) ** 2

    def exponential_decay(t, lr, rate):
        return lr * math.exp(-rate) ** t


@alternative("tensors of one element in float32")
class Tensors:
    def exponential_decay(t, lr, rate):
        import torch

        return lr * torch.exp(torch.tensor(-rate * t, dtype=torch.float32))

    def cosine_restarts(t, lr_min, lr_max, period, mult):
        import torch

        elapsed, length = restart_cycle(t, period, mult)
        angle = torch.tensor(math.pi * elapsed / length, dtype=torch.float32)
        return lr_min + (lr_max - lr_min) * (1 + torch.cos(angle)) / 2

    def linear_warmup(t, lr, warmup):
        import torch

        return lr * torch.tensor((t + 1) / max(warmup, 1)).clamp(max=1)
