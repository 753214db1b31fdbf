"""The public checks of *Adam and its relatives*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, double, points, public, require


@public
@points(1, of="adam_init")
def test_adam_init(recorded):
    """Zeros like the parameters, first those of the example on paper, and no update counted."""
    recorded()


@public
@points(1, of="adam_update")
def test_adam_first_step(recorded):
    """The first step has length lr, however large or small the gradient."""
    recorded()


@public
@points(2, of="adam_update")
def test_adam_update(recorded):
    """The seventh update: parameters, averages and t."""
    recorded()


@public
@points(2, of="adamax_update")
def test_adamax_update(recorded):
    """The seventh update: parameters, averages, norms and t."""
    recorded()


@public
@points(1, of="nadam_update")
def test_nadam_update(recorded):
    """The seventh update: parameters, averages and t."""
    recorded()


@public
@points(1, of="adam_l2_update")
def test_adam_l2_update(recorded):
    """The gradient of the penalty, weight_decay · p, goes into both averages."""
    recorded()


@public
@points(1, of="adamw_update")
def test_adamw_without_gradient(recorded):
    """Where the gradient has always been zero, p shrinks to (1 − lr · weight_decay) p."""
    recorded()


@public
@points(1, of="train")
def test_train_steps(recorded):
    """One update by Adam for every mini-batch of every epoch."""
    recorded()


@public
@points(0.5, of="newton_schulz")
def test_newton_schulz(recorded):
    """Singular vectors stay, singular values go through the polynomial: wide, tall and square."""
    recorded()


@public
@points(0.5, of="newton_schulz")
def test_newton_schulz_of_almost_nothing(student, rng):
    """A matrix of zeros, and one of norm 1e-7, stay finite."""
    for norm in (0.0, 1e-7):
        g = double([[0.0, 0.0], [norm, 0.0], [0.0, 0.0]])
        out = call(student, "newton_schulz", g)
        finite = isinstance(out, Tensor) and bool(out.isfinite().all())
        require(finite, f"a matrix of norm {norm:g} gives NaN or infinity", diagnosis="not finite")
        near = out.shape == g.shape and torch.allclose(out.double(), g.sign(), rtol=0.4, atol=0)
        require(near, f"a matrix of norm {norm:g} is not nearly U Vᵀ", diagnosis="not U Vᵀ")
