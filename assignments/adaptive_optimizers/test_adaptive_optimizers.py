"""The public checks of *Adaptive optimisers*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch.optim.adadelta import adadelta as torch_adadelta
from torch.optim.adagrad import adagrad as torch_adagrad
from torch.optim.rmsprop import rmsprop as torch_rmsprop

from gradus.checks import check_result, check_update, descend, points, public

TORCH = dict(weight_decay=0.0, foreach=False, maximize=False)


def adagrad(params, grads, state, lr=0.01, eps=1e-8):
    """torch's AdaGrad as a function: (params, state) after one step. So are the next two."""
    p, v, t = copies(params, state["v"])
    torch_adagrad(p, list(grads), v, t, lr=lr, lr_decay=0.0, eps=eps, **TORCH)
    return p, {"v": v}


def rmsprop(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
    p, v, t = copies(params, state["v"])
    plain = dict(momentum=0.0, centered=False, **TORCH)
    torch_rmsprop(p, list(grads), v, [], [], t, lr=lr, alpha=beta, eps=eps, **plain)
    return p, {"v": v}


def adadelta(params, grads, state, rho=0.95, eps=1e-6):
    p, v, u, t = copies(params, state["v"], state["u"])
    torch_adadelta(p, list(grads), v, u, t, lr=1.0, rho=rho, eps=eps, **TORCH)
    return p, {"v": v, "u": u}


def copies(*lists):
    """Copies of the tensors, which torch changes in place, and its count of steps."""
    return *([x.clone() for x in xs] for xs in lists), [torch.zeros(()) for _ in lists[0]]


def start(params, optimiser):
    """The state before the first update."""
    keys = "vu" if optimiser == "adadelta" else "v"
    return {key: [torch.zeros_like(p) for p in params] for key in keys}


RULES = {"adagrad": adagrad, "rmsprop": rmsprop, "adadelta": adadelta}

# What checks of train use for functions that have failed their own check.
STAND_INS = {"init_state": start, **{f"{name}_update": rule for name, rule in RULES.items()}}


def doubles(*rows):
    return [torch.tensor(row, dtype=torch.float64) for row in rows]


def plus(params, *steps):
    return [p + s for p, s in zip(params, doubles(*steps), strict=True)]


@public
@points(2, of="init_state")
def test_init_state(recorded):
    """Zeros in the shapes and dtypes of the parameters; AdaDelta has two lists; other names."""
    recorded()


@public
@points(1, of="adagrad_update")
def test_adagrad_by_hand(student):
    """Gradients 3 and then 4: the steps are lr and 4/5 lr."""
    params, lr = doubles([1, 2, 3], [4, 5, 6]), 0.25
    first, second = doubles([3, 0, -8], [5, -15, 7]), doubles([4, 5, 6], [-12, 8, 24])
    options, state = dict(lr=lr, eps=1e-15), start(params, "adagrad")
    steps = [-lr, 0, lr], [-lr, lr, -lr]
    right = plus(params, *steps), {"v": doubles([9, 0, 64], [25, 225, 49])}
    check_update(student, "adagrad_update", params, first, state, right, options=options)
    steps = [-lr * 4 / 5, -lr, -lr * 3 / 5], [lr * 12 / 13, -lr * 8 / 17, -lr * 24 / 25]
    then = plus(right[0], *steps), {"v": doubles([25, 25, 100], [169, 289, 625])}
    check_update(student, "adagrad_update", right[0], second, right[1], then, options=options)


@public
@points(1, of="adagrad_update")
def test_adagrad_eps_by_hand(recorded):
    """eps = 1e-8 outside the root, |g| = 1e-4: the first step is 0.9999 lr, not 0.7071 lr."""
    recorded()


@public
@points(1, of="rmsprop_update")
def test_rmsprop_by_hand(student):
    """From v = 12, a gradient 8 with beta = 3/4: v = 25 and the step is 8/5 lr."""
    params, lr = doubles([1, 2, 3], [4, 5, 6]), 0.25
    grads, state = doubles([-4, 8, 0], [2, 2, -10]), {"v": doubles([0, 12, 4], [0, 20, 32])}
    steps = [2 * lr, -1.6 * lr, 0], [-2 * lr, -0.5 * lr, lr * 10 / 7]
    right = plus(params, *steps), {"v": doubles([4, 25, 3], [1, 16, 49])}
    options = dict(lr=lr, beta=0.75, eps=1e-15)
    check_update(student, "rmsprop_update", params, grads, state, right, options=options)


@public
@points(1, of="rmsprop_update")
def test_rmsprop_eps_by_hand(recorded):
    """eps = 1e-8 outside the root, |g| = √v = 1e-4: a step of 0.9999 lr, not 0.7071 lr."""
    recorded()


@public
@points(2, of="adadelta_update")
def test_adadelta_by_hand(student):
    """From v = 12 and u = 25, a gradient 8 with rho = 3/4: a step of 8, and u = 34.75."""
    params, grads = doubles([1, 2, 3], [4, 5, 6]), doubles([-4, 8, 0], [2, 2, -10])
    state = {"v": doubles([0, 12, 4], [0, 20, 32]), "u": doubles([9, 25, 8], [4, 16, 49])}
    v, u = doubles([4, 25, 3], [1, 16, 49]), doubles([15.75, 34.75, 6], [7, 13, 61.75])
    right = plus(params, [6, -8, 0], [-4, -2, 10]), {"v": v, "u": u}
    options = dict(rho=0.75, eps=1e-15)
    check_update(student, "adadelta_update", params, grads, state, right, options=options)


@public
@points(1, of="adadelta_update")
def test_adadelta_eps_by_hand(recorded):
    """eps = 1e-6 inside both roots: the first step is g / √2 where 0.05 g² = 1e-6."""
    recorded()


def loss(params, x, y):
    w1, b1, w2, b2 = params
    logits = torch.addmm(b2, torch.addmm(b1, x, w1).relu(), w2)
    return torch.nn.functional.cross_entropy(logits, y)


@public
@points(2, of="train")
def test_train_steps(student, rng):
    """One update for every mini-batch of every epoch, by the optimiser and settings asked for."""
    x, y, seed = rng.normal(9, 6), rng.integers(9, high=4), rng.seed()
    params = [rng.normal(*shape) for shape in ((6, 5), (5,), (5, 4), (4,))]
    for name, n, size, settings in (
        ("adagrad", 1, 9, dict(lr=0.3)),
        ("adagrad", 3, 4, dict(lr=0.3, eps=0.1)),
        ("rmsprop", 2, 4, dict(lr=0.02, beta=0.7)),
        ("adadelta", 2, 3, dict(rho=0.8, eps=1e-2)),
    ):
        batches = [b for k in range(n) for b in student.minibatches(x, y, size, seed + k)]

        def update(p, grads, state, rule=RULES[name], settings=settings):
            return rule(p, grads, state, **settings)

        expected = descend(loss, params, batches, update, start(params, name))
        inputs = dict(x=x, y=y, params=params, optimiser=name, epochs=n, batch_size=size, seed=seed)
        outputs = "params", "losses"
        check_result(student, "train", inputs, expected, outputs, options=settings)
