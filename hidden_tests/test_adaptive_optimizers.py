"""Checks of the topic adaptive_optimizers."""

from contextlib import contextmanager

import torch
from torch.optim.adadelta import adadelta as torch_adadelta
from torch.optim.adagrad import adagrad as torch_adagrad
from torch.optim.rmsprop import rmsprop as torch_rmsprop

from gradus.checks import (
    CheckFailed,
    call,
    check_accuracy,
    check_raises,
    check_result,
    check_update,
    descend,
    double,
    points,
    public,
    unpack,
)
from gradus.checks.data import digits

SHAPES = ((3, 4), (5,), (3, 4))  # two alike, so that a state they share is seen
DIGITS = {"adagrad": dict(lr=0.1), "rmsprop": dict(lr=0.01), "adadelta": {}}
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
    if optimiser not in RULES:
        raise ValueError(optimiser)
    keys = "vu" if optimiser == "adadelta" else "v"
    return {key: [torch.zeros_like(p) for p in params] for key in keys}


RULES = {"adagrad": adagrad, "rmsprop": rmsprop, "adadelta": adadelta}

STAND_INS = {"init_state": start, **{f"{name}_update": rule for name, rule in RULES.items()}}


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def doubles(*rows):
    return [double(row) for row in rows]


def plus(params, *steps):
    return [p + s for p, s in zip(params, doubles(*steps), strict=True)]


def check_steps(student, name, rng, **settings):
    """Updates with gradients of very different sizes."""
    params = tensors(rng)
    state = start(params, name)
    for scale in (0.0, 1e-3, 1.0, 1000.0, 1.0):
        grads = tensors(rng, scale)
        expected = RULES[name](params, grads, state, **settings)
        given = f"{name}_update", params, grads, state, expected
        check_update(student, *given, options=settings)
        params, state = expected


def check_count(student, name, rng, **settings):
    """An update, and ValueError for too few or too many gradients."""
    params, grads = tensors(rng), tensors(rng)
    state = {key: [x.square() for x in tensors(rng)] for key in start(params, name)}
    expected = RULES[name](params, grads, state, **settings)
    check_update(student, f"{name}_update", params, grads, state, expected, options=settings)
    for given in (grads[:2], [*grads, grads[0]]):
        when = f"there are {len(params)} parameters and {len(given)} gradients"
        check_raises(student, f"{name}_update", params, given, state, when=when)


@public
@points(2, of="init_state")
def test_init_state(student, rng):
    """Zeros like the parameters, first those of the example on paper; two lists; other names."""
    inputs, expected = dict(params=doubles([10, 10]), optimiser="adagrad"), {"v": doubles([0, 0])}
    check_result(student, "init_state", inputs, expected, "adagrad's state", same_dtype=True)
    params = [*tensors(rng), rng.normal(), rng.normal(2, 3, 1).float()]
    for name in RULES:
        inputs, expected = dict(params=params, optimiser=name), start(params, name)
        check_result(student, "init_state", inputs, expected, f"{name}'s state", same_dtype=True)
    check_raises(student, "init_state", params, "Adagrad", when="the optimiser is 'Adagrad'")


@public
@points(1, of="adagrad_update")
def test_adagrad_by_hand(student):
    """Gradients 3 and then 4, as in the example on paper: the steps are lr and 4/5 lr."""
    params, lr = doubles([10, 10, 3], [4, 5, 6]), 5.0
    first, second = doubles([3, 0, -8], [5, -15, 7]), doubles([4, 2, 6], [-12, 8, 24])
    options, state = dict(lr=lr, eps=1e-15), start(params, "adagrad")
    steps = [-lr, 0, lr], [-lr, lr, -lr]
    right = plus(params, *steps), {"v": doubles([9, 0, 64], [25, 225, 49])}
    check_update(student, "adagrad_update", params, first, state, right, options=options)
    steps = [-lr * 4 / 5, -lr, -lr * 3 / 5], [lr * 12 / 13, -lr * 8 / 17, -lr * 24 / 25]
    then = plus(right[0], *steps), {"v": doubles([25, 4, 100], [169, 289, 625])}
    check_update(student, "adagrad_update", right[0], second, right[1], then, options=options)


@public
@points(1, of="adagrad_update")
def test_adagrad_eps_by_hand(student):
    """eps = 1e-8 outside the root, |g| = 1e-4: the first step is 0.9999 lr, not 0.7071 lr."""
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([1e-4, -3e-9, 0], [1, -1e-4, 0])
    first, state = 0.01 / 1.0001, {"v": doubles([0, 0, 4e-8], [0, 0, 0])}
    expected = doubles([-first, 0.03 / 13, 0], [-0.01 / (1 + 1e-8), first, 0])
    right = expected, {"v": doubles([1e-8, 9e-18, 4e-8], [1, 1e-8, 0])}
    check_update(student, "adagrad_update", params, grads, state, right)


@points(1, of="adagrad_update")
def test_adagrad_steps(student, rng):
    """Small and large gradients in turn, eps = 0.1."""
    check_steps(student, "adagrad", rng, lr=0.2, eps=0.1)


@points(1, of="adagrad_update")
def test_adagrad_count(student, rng):
    """A right step, and ValueError for too few or too many gradients."""
    check_count(student, "adagrad", rng, lr=0.2, eps=0.1)


@public
@points(1, of="rmsprop_update")
def test_rmsprop_by_hand(student):
    """From v = 12, a gradient 8 with beta = 3/4: v = 25 and the step is 8/5 lr."""
    params, lr = doubles([1, 2, 3], [4, 5, 6]), 0.4
    grads, state = doubles([-4, 8, 0], [2, 2, -10]), {"v": doubles([0, 12, 4], [0, 20, 32])}
    steps = [2 * lr, -1.6 * lr, 0], [-2 * lr, -0.5 * lr, lr * 10 / 7]
    right = plus(params, *steps), {"v": doubles([4, 25, 3], [1, 16, 49])}
    options = dict(lr=lr, beta=0.75, eps=1e-15)
    check_update(student, "rmsprop_update", params, grads, state, right, options=options)


@public
@points(1, of="rmsprop_update")
def test_rmsprop_eps_by_hand(student):
    """eps = 1e-8 outside the root, |g| = √v = 1e-4: a step of 0.9999 lr, not 0.7071 lr."""
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([1e-4, -3e-9, 0], [1, -1e-4, 0])
    state = {"v": doubles([1e-8, 9e-18, 0], [4, 1e-8, 0])}
    settled, first = 1e-3 / 1.0001, 1e-3 / (3.7**0.5 + 1e-8)
    expected = doubles([-settled, 0.003 / 13, 0], [-first, settled, 0])
    right = expected, {"v": doubles([1e-8, 9e-18, 0], [3.7, 1e-8, 0])}
    check_update(student, "rmsprop_update", params, grads, state, right)


@points(1, of="rmsprop_update")
def test_rmsprop_steps(student, rng):
    """Small and large gradients in turn, eps = 0.1."""
    for beta in (0.45, 0.0):
        check_steps(student, "rmsprop", rng, lr=0.2, beta=beta, eps=0.1)


@points(1, of="rmsprop_update")
def test_rmsprop_count(student, rng):
    """A right step, and ValueError for too few or too many gradients."""
    check_count(student, "rmsprop", rng, lr=0.2, beta=0.45, eps=0.1)


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
def test_adadelta_eps_by_hand(student):
    """eps = 1e-6 inside both roots: the first step is g / 2 where 0.05 g² = 3e-6."""
    root42, root60 = 1e-3 * 42**0.5, 1e-3 * 60**0.5
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([-root42, 1e-3, 0], [root60, 1e-4, 0])
    state = {
        "v": doubles([2e-6, 1e-6, 1e-6], [0, 0, 2e-6]),
        "u": doubles([0, 8e-6, 0], [0, 3e-6, 0]),
    }
    v = doubles([4e-6, 1e-6, 0.95e-6], [3e-6, 5e-10, 1.9e-6])
    u = doubles([4.2e-7, 7.825e-6, 0], [7.5e-7, 2.85e-6 + 2e-9 / 1.0005, 0])
    after = [root42 / 5**0.5, -1e-3 * 4.5**0.5, 0], [-root60 / 2, -2e-4 / 1.0005**0.5, 0]
    right = doubles(*after), {"v": v, "u": u}
    check_update(student, "adadelta_update", params, grads, state, right)


@points(1, of="adadelta_update")
def test_adadelta_steps(student, rng):
    """Small and large gradients in turn, eps = 0.1."""
    for rho in (0.45, 0.0):
        check_steps(student, "adadelta", rng, rho=rho, eps=0.1)


@points(1, of="adadelta_update")
def test_adadelta_count(student, rng):
    """A right step, and ValueError for too few or too many gradients."""
    check_count(student, "adadelta", rng, rho=0.45, eps=0.1)


def loss(params, x, y):
    w1, b1, w2, b2 = params
    logits = torch.addmm(b2, torch.addmm(b1, x, w1).relu(), w2)
    return torch.nn.functional.cross_entropy(logits, y)


@public
@points(2, of="train")
def test_train_steps(student, rng):
    """One update for every mini-batch of every epoch, by the optimiser and settings asked for."""
    x, y = rng.normal(9, 6), rng.integers(9, high=4)
    params = [rng.normal(*shape) for shape in ((6, 5), (5,), (5, 4), (4,))]
    params[1] = -(x @ params[0]).mean(0)  # no hidden unit is dead
    for name, n, size, seed, settings in (
        ("adagrad", 1, 9, rng.seed(), dict(lr=0.3)),
        ("adagrad", 3, 4, rng.seed(), dict(lr=0.3, eps=0.1)),
        ("rmsprop", 2, 4, rng.seed(), dict(lr=0.02, beta=0.7)),
        ("adadelta", 2, 3, rng.seed(), dict(rho=0.8, eps=1e-2)),
        *((name, 2, 4, rng.seed(), {}) for name in RULES),
    ):
        batches = [b for k in range(n) for b in student.minibatches(x, y, size, seed + k)]

        def update(p, grads, state, rule=RULES[name], settings=settings):
            return rule(p, grads, state, **settings)

        expected = descend(loss, params, batches, update, start(params, name))
        inputs = dict(x=x, y=y, params=params, optimiser=name, epochs=n, batch_size=size, seed=seed)
        outputs = ("params" if settings else "params without settings", "losses")
        check_result(student, "train", inputs, expected, outputs, options=settings)
    check_raises(student, "train", x, y, params, "Adagrad", 1, 4, 0, when="asked for 'Adagrad'")


@points(3, of="train")
def test_train_on_digits(student, rng, topic):
    """Trained by each of the three, the network reads handwritten digits not seen before."""
    data, start_from, seed = digits(rng), student.initial_params(rng.seed()), rng.seed()
    for done, (name, settings) in enumerate(DIGITS.items()):
        inputs = data.x_train, data.y_train, start_from, name, 6, 50, seed
        trained = call(student, "train", *inputs, **settings)
        params, _ = unpack("train", trained, "params", "losses")
        predictions, accuracy = call(student, "predict", data.x_test, params), f"{name} accuracy"
        with credit(done / 3):
            check_accuracy(predictions, data.y_test, topic.thresholds["digits"][accuracy], accuracy)


@contextmanager
def credit(share):
    """What fails in here leaves that share of the points: it was earned before."""
    try:
        yield
    except CheckFailed as failed:
        failed.credit = share
        raise
