"""Checks of the topic adam."""

from functools import partial

import torch
from torch import Tensor
from torch.optim.adam import adam as torch_adam
from torch.optim.adamax import adamax as torch_adamax
from torch.optim.nadam import nadam as torch_nadam

from gradus.checks import (
    call,
    check_accuracy,
    check_raises,
    check_result,
    check_update,
    descend,
    double,
    points,
    public,
    require,
)
from gradus.checks.data import digits

SHAPES = ((3, 4), (5,), (3, 4))  # two alike, so that a state they share is seen
SETTINGS = dict(lr=0.23, beta1=0.7, beta2=0.95)
DIGITS = dict(epochs=8, lr=0.02, batch_size=32)


def step(optimiser, params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, **more):
    """(params, state) after one step of one of torch's optimisers, which change copies in place."""
    p, m, v = ([x.clone() for x in xs] for xs in (params, state["m"], state["v"]))
    t = [double(state["t"]) for _ in params]
    more = dict(state_steps=t, foreach=False, maximize=False, weight_decay=0.0) | more
    optimiser(p, list(grads), m, v, lr=lr, beta1=beta1, beta2=beta2, eps=eps, **more)
    return p, {"t": state["t"] + 1, "m": m, "v": v}


adam = partial(step, torch_adam, max_exp_avg_sqs=[], amsgrad=False)
adamw = partial(adam, decoupled_weight_decay=True)


def adamax(params, grads, state, lr, beta1, beta2, eps=1e-8):
    """Adamax, with eps added to the norm in the step; torch has it inside the maximum."""
    _, new = step(torch_adamax, params, grads, state, lr, beta1, beta2, eps=0.0)
    rate = lr / (1 - beta1 ** new["t"])
    averages = zip(params, new["m"], new["v"], strict=True)
    return [p - rate * m / (u + eps) for p, m, u in averages], new


def nadam(params, grads, state, beta1, **settings):
    """NAdam; torch's schedule for beta1 is over at once when its speed is 1e9."""
    products = [double(beta1 ** state["t"]) for _ in params]
    settings |= dict(beta1=beta1, mu_products=products, momentum_decay=1e9)
    return step(torch_nadam, params, grads, state, **settings)


def start(params):
    """The state before the first update."""
    zeros = [torch.zeros_like(p) for p in params]
    return {"t": 0, "m": zeros, "v": zeros}


# What checks of adam_l2_update, adamw_update and train use for functions that failed their own.
STAND_INS = {"adam_init": start, "adam_update": adam}


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def check_one(student, function, rule, params, grads, state, **settings):
    expected = rule(params, grads, state, **settings)
    return check_update(student, function, params, grads, state, expected, options=settings)


def check_seventh(student, function, rule, rng, **settings):
    """An update in the middle of training."""
    params, grads = tensors(rng), tensors(rng)
    state = {"t": 6, "m": tensors(rng, 0.5), "v": [0.1 + x.square() for x in tensors(rng)]}
    check_one(student, function, rule, params, grads, state, **SETTINGS, **settings)


def check_steps(student, function, rule, rng, **settings):
    """Updates with gradients of very different sizes, the student's own results handed on."""
    settings = dict(lr=0.23, beta1=0.4, beta2=0.45, eps=0.1, **settings)
    params = mine = tensors(rng)
    state = my_state = start(params)
    for scale in (1.0, 1000.0, 0.0, 1e-3):
        grads = tensors(rng, scale)
        expected = params, state = rule(params, grads, state, **settings)
        given = (student, function, mine, grads, my_state)
        mine, my_state = check_update(*given, expected, options=settings)


@public
@points(1, of="adam_init")
def test_adam_init(student, rng):
    """Zeros like the parameters, first those of the example on paper, and no update counted."""
    paper, zero = double([[10, 10], [0, 0]])
    params = [*tensors(rng), rng.normal(), rng.normal(2, 3, 1).float()]
    on_paper = [paper], {"t": 0, "m": [zero], "v": [zero]}
    for given, state in (on_paper, (params, start(params))):
        check_result(student, "adam_init", dict(params=given), state, "state", same_dtype=True)


@public
@points(1, of="adam_update")
def test_adam_first_step(student, rng):
    """The first step has length lr, however large or small the gradient."""
    params, grads = tensors(rng), [1000 * x for x in tensors(rng)]
    grads[1] = 1e-4 * rng.away_from_zero(5, gap=1.0)
    check_one(student, "adam_update", adam, params, grads, start(params), eps=1e-15, **SETTINGS)


@public
@points(2, of="adam_update")
def test_adam_update(student, rng):
    """The seventh update: parameters, averages and t."""
    check_seventh(student, "adam_update", adam, rng)


@points(2, of="adam_update")
def test_adam_steps(student, rng):
    """Four updates in a row, each going on from the state of the one before."""
    check_steps(student, "adam_update", adam, rng)


@points(1, of="adam_update")
def test_adam_tiny_gradients(student, rng):
    """Gradients of the size of eps, and none at all: what eps is added to matters."""
    params = tensors(rng)
    sizes = [10 ** rng.uniform(*shape, low=-7, high=-2) for shape in SHAPES]
    grads = [s * x.sign() for s, x in zip(sizes, tensors(rng), strict=True)]
    grads[0][1, 2] = 0.0
    check_one(student, "adam_update", adam, params, grads, start(params), eps=1e-6, **SETTINGS)


@points(1, of="adam_update")
def test_adam_counts_gradients(student, rng):
    """ValueError when there are more or fewer gradients than parameters."""
    params, grads = tensors(rng), tensors(rng)
    for given in (grads[:2], [*grads, grads[0]]):
        when = f"there are {len(params)} parameters and {len(given)} gradients"
        check_raises(student, "adam_update", params, given, start(params), when=when)
    late, settings = start(params) | {"t": 30}, SETTINGS | dict(beta1=0.9, eps=0.03)
    check_one(student, "adam_update", adam, params, grads, late, **settings)


@public
@points(2, of="adamax_update")
def test_adamax_update(student, rng):
    """The seventh update: parameters, averages, norms and t."""
    check_seventh(student, "adamax_update", adamax, rng)


@points(1, of="adamax_update")
def test_adamax_steps(student, rng):
    """Four updates in a row with eps = 0.1, one of them without any gradient."""
    check_steps(student, "adamax_update", adamax, rng)


@public
@points(1, of="nadam_update")
def test_nadam_update(student, rng):
    """The seventh update: parameters, averages and t."""
    check_seventh(student, "nadam_update", nadam, rng)


@points(1, of="nadam_update")
def test_nadam_steps(student, rng):
    """Four updates in a row with eps = 0.1, one of them without any gradient."""
    check_steps(student, "nadam_update", nadam, rng)


@public
@points(1, of="adam_l2_update")
def test_adam_l2_update(student, rng):
    """The gradient of the penalty, weight_decay · p, goes into both averages."""
    check_seventh(student, "adam_l2_update", adam, rng, weight_decay=0.35)


@points(1, of="adam_l2_update")
def test_adam_l2_steps(student, rng):
    """Four updates in a row with eps = 0.1, one of them by the penalty alone."""
    check_steps(student, "adam_l2_update", adam, rng, weight_decay=0.35)


@public
@points(1, of="adamw_update")
def test_adamw_without_gradient(student, rng):
    """Where the gradient has always been zero, p shrinks to (1 − lr · weight_decay) p."""
    params, state = tensors(rng), start(tensors(rng))
    shrunk = [(1 - 0.35 * SETTINGS["lr"]) * p for p in params]
    given = (student, "adamw_update", params, state["m"], state)
    check_update(*given, (shrunk, {**state, "t": 1}), options=dict(weight_decay=0.35, **SETTINGS))


@points(1, of="adamw_update")
def test_adamw_steps(student, rng):
    """Four updates in a row with eps = 0.1, one of them by decay and past gradients alone."""
    check_steps(student, "adamw_update", adamw, rng, weight_decay=0.35)


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
        data = x.double(), y
        # Of an epoch without a batch one is made, or no step would be asked for.
        batches = [b for s in seeds for b in student.minibatches(*data, size, s) or [data]]
        trained, _ = descend(cross_entropy, exact, batches, partial(adam, lr=lr), start(exact))
        inputs = dict(x=x, y=y, params=params, epochs=epochs, lr=lr, batch_size=size, seed=seed)
        check_result(student, "train", inputs, [p.float() for p in trained], "params")


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained classifier reads handwritten digits that it has not seen."""
    data = digits(rng)
    params = [torch.zeros(64, 10), torch.zeros(10)]
    trained = call(student, "train", data.x_train, data.y_train, params, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, trained)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])


@public
@points(0.5, of="newton_schulz")
def test_newton_schulz(student, rng):
    """Singular vectors stay, singular values go through the polynomial: wide, tall and square."""
    a, b, c = 3.4445, -4.7750, 2.0315
    for shape in ((3, 5), (6, 2), (4, 4)):
        g = 100 * rng.normal(*shape)
        u, s, vh = torch.linalg.svd(g, full_matrices=False)
        s = s / (s.norm() + 1e-7)
        for steps in range(6):
            if steps in (0, 1, 5):
                out = u @ s.diag() @ vh
                check_result(student, "newton_schulz", dict(g=g, steps=steps), out, "out")
            s = a * s + b * s**3 + c * s**5


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
