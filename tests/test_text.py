"""Formulas of the course's text that were once wrong, and facts about other people's code."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch

from gradus.mistakes.reference import Reference
from gradus.solution import Solution

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"


@cache
def functions_of(topic):
    return Reference(Solution.read(SOLUTIONS / f"{topic}.py").text).namespace({})


@pytest.mark.parametrize(("inputs", "outputs"), [(784, 64), (64, 784), (5, 5)])
def test_muon_scales_by_outputs_over_inputs(inputs, outputs):
    """The original takes rows by columns of (out, in) weights; here they are (in, out)."""
    names = functions_of("adam")
    g = torch.randn(inputs, outputs, dtype=torch.float64)
    zeros = [torch.zeros_like(g)]
    (after,), _ = names["muon_update"](zeros, [g], zeros, lr=1.0, momentum=0.0)
    of_torch = g.T  # (out, in)
    scale = max(1, of_torch.shape[0] / of_torch.shape[1]) ** 0.5
    assert torch.allclose(after, -scale * names["newton_schulz"](g))


def f(x):
    return torch.sin(2 * math.pi * x)


def error_of_towers(n, s):
    """The largest error in the middle of [0, 1], and what the formula of the text makes of it."""
    approximate = functions_of("universal_approximation")["approximate"]
    width = 1 / n
    middles = (torch.arange(n, dtype=torch.float64) + 0.5) * width
    w1, b1, w2 = approximate(f(middles), 0.0, 1.0, s)
    x = torch.linspace(0.25, 0.75, 20_001, dtype=torch.float64)
    g = (torch.sigmoid(x[:, None] @ w1 + b1) @ w2).flatten()
    wave = 2 * math.pi / (s * math.sinh(2 * math.pi**2 / s))
    blur = 1 / 24 + math.pi**2 / (6 * s**2)
    slope = 2 * math.pi * torch.cos(2 * math.pi * x)
    curve = 4 * math.pi**2 * torch.sin(2 * math.pi * x)
    bound = wave * slope.abs() * width + blur * curve.abs() * width**2
    return float((f(x) - g).abs().max()), float(bound.max())


@pytest.mark.parametrize("sharpness", [2.0, 4.0])
def test_the_error_of_many_towers_is_the_sum_of_both_terms(sharpness):
    for n in (64, 128, 256):
        error, formula = error_of_towers(n, sharpness)
        assert error == pytest.approx(formula, rel=0.05)


def test_at_one_sharpness_the_error_falls_as_1_over_n_in_the_end():
    assert 2 * math.pi / (4 * math.sinh(math.pi**2 / 2)) == pytest.approx(0.0226, abs=5e-5)
    errors = [error_of_towers(n, 4.0)[0] for n in (256, 512, 1024)]
    ratios = [a / b for a, b in zip(errors, errors[1:], strict=False)]
    assert all(2.0 < ratio < 2.2 for ratio in ratios)
    assert error_of_towers(128, 2.0)[0] / error_of_towers(256, 2.0)[0] > 3.9


def test_torchs_restarts_miss_the_one_at_121():
    """243 = 3⁵, whose logarithm to the base 3 rounds below 5."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=1, T_mult=3)
    schedule.step(121)
    assert schedule.get_last_lr() == [pytest.approx(0.0, abs=1e-6)]
    assert functions_of("lr_schedules")["restart_cycle"](121, 1, 3) == (0, 243)


def test_the_tanh_form_of_gelu_is_off_by_up_to_5e_4():
    x = torch.linspace(-6, 6, 100_001, dtype=torch.float64)
    forward = functions_of("activations")["gated_forward"]
    off = (forward(x, "gelu")[0] - forward(x, "gelu_tanh")[0]).abs().max()
    assert 4e-4 < float(off) < 5e-4


def test_the_variance_of_two_numbers_by_the_identity_is_lost_in_float32():
    x = torch.tensor([4095.0, 4097.0])
    assert float(x.square().mean() - x.mean().square()) == 0.0
    mean, var = functions_of("batchnorm")["batch_statistics"](x[:, None])
    assert (float(mean), float(var)) == (4096.0, 1.0)
