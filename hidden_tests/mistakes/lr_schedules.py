"""What goes wrong in lr_schedules, and right answers written differently."""

import math

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

WHOLE = "only whole epochs count: a fraction of an epoch moves the rate as well"
PERIOD = "the period is cut to whole epochs: it may be a fraction"
START = "while -> start = t\n    while"
SAME_LENGTH = "every cycle has the length of the first: each must be mult times as long"

step_decay = mistakes(
    change("t // -> t /", "a ramp, not a staircase: the exponent is the number of *whole* periods"),
    change(
        "t // period -> max(math.ceil(t / period) - 1, 0)",
        "the step comes too late: at t = period the rate is the smaller one already",
    ),
    change(
        "t // period -> (t + 1) // period",
        "the steps come too early: epochs count from 0, the first period is 0 … period − 1",
    ),
    change("t // period -> max((t - 1) // period, 0)", "the steps come late: epochs count from 0"),
    change("t // period -> int(t) // period", WHOLE),
    change("t // period -> t // max(int(period), 1)", PERIOD),
    change("t // period -> t", "the rate falls in every epoch: what is the period for?"),
    change("t // period -> min(t // period, 1)", "the rate falls only once: every period counts"),
    change(
        "t // period -> round(t / period)",
        "t / period is rounded to the nearest: only periods that are over count",
    ),
    change("t // period -> math.ceil(t / period)", "t / period is rounded up"),
    change("**steps -> ** max(steps - 1, 0)", "the first step is missed"),
    change("lr * factor**steps -> (lr * factor) ** steps", "lr is raised to the power, too"),
    change("**steps -> ** (steps + 1)", "the factor comes once too often: at t = 0 there is none"),
    change(
        ("factor**steps -> factor * steps", "(factor * steps or 1)", "max(0, 1 - factor * steps)"),
        "the factor counts once: the rate is multiplied by it as often as there were steps",
    ),
    change(
        "factor**steps -> (1 - factor) ** steps",
        "this is (1 − factor) to the number of steps: the rate is multiplied by factor itself",
    ),
)

exponential_decay = mistakes(
    change("-rate -> rate", "the rate grows: mind the sign in the exponent"),
    change("math.exp(-rate * t) -> rate**t", "this is lr · rateᵗ: the base is e"),
    change("math.exp -> 2 ** ", "this halves every 1 / rate epochs: the base is e"),
    change("math.exp(-rate * t) -> (1 - rate) ** t", "this is lr · (1 − rate)ᵗ: take e^(−rate)"),
    change("-rate * t) -> -rate) * t", "t stands outside of the exponent: it belongs inside"),
    change("lr * math.exp(-rate * t) -> lr / math.exp(rate * t)"),
)

inverse_time_decay = mistakes(
    change(("1 + rate * t -> rate * t or 1", "max(1, rate * t)"), "the 1 is not added to rate · t"),
    change("rate * t -> (t / rate if rate else 0)", "rate divides t: it is a factor of t"),
    change("rate * t -> t", "this is lr / (1 + t): where is rate?"),
    change("lr / (1 + rate * t) -> lr * (1 - rate * t)", "a straight line: it would fall below 0"),
    change("(1 + rate * t) -> 1 + rate * t", "this is lr / 1 + rate · t: mind the bracket"),
    change("rate * t) -> rate) * t", "this is lr / (1 + rate) · t: mind the bracket"),
    change("(1 + rate * t) -> (1 + rate) ** t", "lr / (1 + rate)ᵗ: that is exponential decay"),
    change("(1 + rate * t) -> math.sqrt(1 + rate * t)", "this is lr / √(1 + rate · t): no root"),
    change("rate * t) -> lr * rate * t)", "lr is a factor of rate · t, too: it stands above only"),
    change("lr / ( -> lr * (", "the rate grows: what grows with t stands below lr"),
)

exponential_decay = inverse_time_decay = mistakes(
    change("* t -> * int(t)", WHOLE),
    change("* t -> * (t + 1)", "t = 0 must have the full rate: epochs count from 0"),
)

step_decay = exponential_decay = inverse_time_decay = mistakes(
    change("return lr -> return 1", "the rate at t = 0 is lr, not 1"),
)

triangular = mistakes(
    change(
        "lr_min + (lr_max - lr_min) -> lr_max + (lr_min - lr_max)",
        "the cycle starts at lr_max: are the two swapped, or is it half a cycle off?",
    ),
    change(
        "t % (2 * half_cycle) -> 2 * (t % half_cycle)",
        "half_cycle is the way up alone: the whole cycle is twice as long",
    ),
    change(
        (
            "* share -> * (t / half_cycle % 1)",
            "* (1 if elapsed == half_cycle else t / half_cycle % 1)",
            "* elapsed / (2 * half_cycle)",
            "* elapsed / half_cycle * (elapsed <= half_cycle)",
        ),
        "the way down is missing: the rate falls at once",
    ),
    change(
        ("* share -> * (t // half_cycle % 2)", "* (1 - abs(elapsed - half_cycle) // half_cycle)"),
        "only whole half cycles count (//): between the corners lies a straight line",
    ),
    change("* share -> * 0", "lr_min for ever: was the number of the cycle not rounded down?"),
    change(("t % (2 * half_cycle) -> t", "min(t, 2 * half_cycle)"), "one cycle only: it repeats"),
    change(
        "* share -> * share * half_cycle",
        "too steep: the way from lr_min to lr_max takes half_cycle epochs, not one",
    ),
    change(
        "* share -> * share / 2 ** (t // (2 * half_cycle))",
        "the height is halved from cycle to cycle: each cycle is like the first",
    ),
    change(
        "lr_min + (lr_max - lr_min) * share -> max(lr_min, lr_max * share)",
        "this is a triangle from 0, cut off at lr_min: its foot is lr_min",
    ),
    change("t % -> int(t) %", WHOLE),
    change("t % -> (t + 1) %", "an epoch too early: t = 0 has lr_min"),
    change("half_cycle)\n -> half_cycle - 1 or 1)\n", "the cycle is an epoch short: no − 1"),
    change(("lr_min > lr_max -> lr_min >= lr_max", "False")),
)

restart_cycle = mistakes(
    change("period *= mult -> pass", SAME_LENGTH),
    change("t -= period -> t -= period * mult", "the length grows too early: subtract first"),
    change("while -> while mult > 1 and", "mult = 1 has no restarts: its cycles repeat, too"),
    change("while -> if", "only the first restart is looked for: repeat until t lies in the cycle"),
    change(
        "while -> later = period * mult\n    while",
        "all later cycles have the length mult · period: each is mult times the one *before*",
        also="period *= mult -> period = later",
    ),
    change("while -> t = int(t)\n    while", WHOLE),
    change("while -> period = int(period) or period\n    while", PERIOD),
    change(
        ("*= mult -> = int(period * mult)", "= round(period * mult)", "*= int(mult)"),
        "only whole numbers count: mult and the lengths may be fractions",
    ),
    change(
        "t >= period -> t > period",
        "a restart belongs to the cycle that it opens: elapsed is 0 there, never length",
    ),
    change("return t, -> return start,", "elapsed starts again at 0 at every restart", also=START),
    change(
        "return t, -> return start % period,",
        "not the remainder of t by the length: the cycles before were shorter",
        also=START,
    ),
    change(
        "return t, -> return start - t,",
        "this is the time of the last restart: how long ago was it?",
        also=START,
    ),
    change(
        "return t, period -> return t, period * mult",
        "mult comes too early: the first cycle has the length period",
    ),
    change(
        (
            "period *= mult -> period += first",
            "period += first * (mult - 1)",
            "period += mult",
            "period += mult if mult > 1 else 0",
            "k += 1\n        period = k * mult * first",
        ),
        "the lengths grow by the same amount: each is mult times the one *before*",
        also="while -> first, k = period, 0\n    while",
    ),
    change("return t, period -> return t, period / mult", "the length is that of the cycle before"),
    change("return t, -> return period - t,", "this is what is left of the cycle: what is over?"),
    change("return t, -> return t / period,", "asked for in epochs, not as a share of the cycle"),
    change("return t, period -> return period, t"),
    change(("t < 0 or  -> ", " or mult < 1 -> ", "t < 0 or period <= 0 or mult < 1 -> False")),
)


@mistake("right but for some restarts: a logarithm comes out just below a whole number there")
def restart_cycle(t, period, mult):
    if t < 0 or period <= 0 or mult < 1:
        raise ValueError
    if mult == 1:
        return t % period, period
    i = int(math.log(t / period * (mult - 1) + 1, mult))
    return t - period * (mult**i - 1) / (mult - 1), period * mult**i


cosine_restarts = mistakes(
    change("math.pi -> 180", "the angle is in degrees: math.cos takes radians, half a turn is π"),
    change(
        "lr_min + (lr_max - lr_min) -> lr_max + (lr_min - lr_max)",
        "it rises from lr_min to lr_max: min and max are swapped (or a sign is)",
    ),
    change("restart_cycle(t, period, mult) -> t % period, period", SAME_LENGTH),
    change(
        "angle = -> if elapsed == 0 < t:\n        elapsed = length\n    angle =",
        "at a restart the rate is lr_max already: the boundary belongs to the new cycle",
    ),
    change("elapsed / length -> t / period", "nothing restarts"),
    change(
        "elapsed / length -> elapsed / period",
        "elapsed is divided by the *first* cycle's length: the current one is longer",
    ),
    change(
        ("* elapsed / length -> * (elapsed // length)", "* elapsed // length"),
        "elapsed // length is 0 throughout a cycle: the fraction is wanted",
    ),
    change(
        "elapsed / length -> elapsed / max(length - 1, 1)",
        "the wave ends before the cycle does: divide by length, not by length − 1",
    ),
    change(("(t, period -> (int(t), period", "* elapsed -> * int(elapsed)"), WHOLE),
    change("math.pi -> 2 * math.pi", "a whole wave in a cycle: half leads from lr_max to lr_min"),
    change("math.pi -> math.pi / 2", "a quarter of a wave: it ends halfway, half a wave at lr_min"),
    change("1 + math.cos(angle)) / 2 -> 1 - elapsed / length)", "a straight line, not half a wave"),
    change("math.pi *  -> ", "the angle must go from 0 to π, not to 1"),
    change(
        ("(1 + math.cos(angle)) / 2 -> math.cos(angle) / 2", "math.cos(angle)"),
        "it dips below lr_min, for cos does below 0: 1 + cos never does",
    ),
    change(" / 2 -> ", "1 + cos is between 0 and 2: where is the ½?"),
)

triangular = cosine_restarts = mistakes(
    change(
        ("lr_min + (lr_max - lr_min) -> (lr_max - lr_min)", "lr_max"),
        "lr_min is missing: it is the floor that the curve stands on",
    ),
    change(
        "lr_min + (lr_max - lr_min) -> lr_min + lr_max",
        "the height of the curve is lr_max − lr_min: this one ends above lr_max",
    ),
)

linear_warmup = mistakes(
    change(
        (
            "(t + 1) / warmup -> t / warmup",
            "t / max(warmup - 1, 1)",
            "(t / (warmup - 1) if warmup > 1 else 1)",
        ),
        "the first update has the rate 0, and is wasted: it must have lr / warmup",
    ),
    change(
        "/ warmup -> / (warmup + 1)",
        "the full rate comes one update too late: t = warmup − 1 must have it",
    ),
    change(
        ("t >= warmup -> False", "warmup < 1"),
        "it goes on rising: after the warm-up the rate stays lr",
        also="/ warmup -> / max(warmup, 1)",
    ),
    change(
        ("t >= warmup -> t > warmup", "t > warmup or warmup < 1"),
        "t = warmup is above lr: the updates of the warm-up are 0 … warmup − 1",
    ),
    change(
        "lr * (t + 1) / warmup -> lr * ((t + 1) // warmup)",
        "the share is rounded down (//): the rate must grow at every update",
    ),
    change("t >= warmup -> t >= warmup - 2", "the full rate comes too early: at t = warmup − 1"),
    change("/ warmup -> / warmup * (t + 1) / warmup", "the share is squared: equal steps are due"),
    change("t >= warmup -> t >= warmup > 0"),
    change("return lr\n -> return lr * (warmup > 0)\n", "warmup = 0 gives 0: it gives lr at once"),
)


@alternative("loops; formulas of the papers: Smith's triangle, a sine squared, γᵗ")
class LoopsAndFormulas:
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

    def inverse_time_decay(t, lr, rate):
        return 1 / (1 / lr + rate / lr * t)


@alternative("tensors of one element in float32")
class Tensors:
    def exponential_decay(t, lr, rate):
        return lr * torch.exp(torch.tensor(-rate * t, dtype=torch.float32))

    def cosine_restarts(t, lr_min, lr_max, period, mult):
        elapsed, length = restart_cycle(t, period, mult)
        angle = torch.tensor(math.pi * elapsed / length, dtype=torch.float32)
        return lr_min + (lr_max - lr_min) * (1 + torch.cos(angle)) / 2

    def linear_warmup(t, lr, warmup):
        return lr * torch.tensor((t + 1) / max(warmup, 1)).clamp(max=1)
