"""The public checks of *Adam and its relatives*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from functools import partial

import torch
from torch import Tensor
from torch.optim.adam import adam as torch_adam

from gradus.checks import call, check_result, descend, double, points, public, require


def step(optimiser, params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, **more):
    """(params, state) after one step of one of torch's optimisers, which change copies in place."""
    p, m, v = ([x.clone() for x in xs] for xs in (params, state["m"], state["v"]))
    t = [double(state["t"]) for _ in params]
    more = dict(state_steps=t, foreach=False, maximize=False, weight_decay=0.0) | more
    optimiser(p, list(grads), m, v, lr=lr, beta1=beta1, beta2=beta2, eps=eps, **more)
    return p, {"t": state["t"] + 1, "m": m, "v": v}


adam = partial(step, torch_adam, max_exp_avg_sqs=[], amsgrad=False)


def start(params):
    """The state before the first update."""
    zeros = [torch.zeros_like(p) for p in params]
    return {"t": 0, "m": zeros, "v": zeros}


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


def cross_entropy(params, x, y):
    return torch.nn.functional.cross_entropy(torch.addmm(params[1], x, params[0]), y)


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """One update by Adam for every mini-batch of every epoch."""
    x, y, lr = rng.normal(9, 6).float(), rng.integers(9, high=4), 0.3
    params = [rng.normal(6, 4).float(), rng.normal(4).float()]
    exact = [p.double() for p in params]
    for epochs, size, seed in ((1, 9, rng.seed()), (3, 4, rng.seed())):
        seeds = range(seed, seed + epochs)
        batches = [b for s in seeds for b in student.minibatches(x.double(), y, size, s)]
        whole = sum(len(labels) for _, labels in batches) == 9 * epochs
        require(whole, "minibatches is given, and returns each example once", diagnosis="given")
        trained, _ = descend(cross_entropy, exact, batches, partial(adam, lr=lr), start(exact))
        inputs = dict(x=x, y=y, params=params, epochs=epochs, lr=lr, batch_size=size, seed=seed)
        check_result(student, "train", inputs, [p.float() for p in trained], "params")


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
