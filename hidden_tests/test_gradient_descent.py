"""Checks of the topic gradient_descent."""

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.optim.sgd import sgd as torch_sgd

from gradus.checks import (
    call,
    check_accuracy,
    check_raises,
    check_result,
    check_update,
    check_values,
    descend,
    double,
    kind,
    points,
    public,
    require,
)
from gradus.checks.data import digits

SHAPES = ((3, 4), (5,))
CALLS = 200  # of an objective in one search: the right ones need 80 at most
DIGITS = dict(epochs=6, lr=0.05, beta=0.9, batch_size=30)


def torch_step(params, grads, state, lr, beta=0.0, weight_decay=0.0, nesterov=False):
    """(params, state) after one step of torch's own SGD."""
    p = [x.clone() for x in params]
    u = [x.clone() for x in state] if beta else [None] * len(p)
    options = dict(momentum=beta, weight_decay=weight_decay, nesterov=nesterov)
    torch_sgd(p, list(grads), u, lr=lr, dampening=0, maximize=False, **options)
    return p, u if beta else state


def cut(n, batch_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


STAND_INS = {"epoch_batches": cut, "sgd_update": torch_step, "momentum_update": torch_step}


class Objective:
    """(loss, gradients) of a list of tensors, for the submission to call."""

    __name__ = "objective"

    def __init__(self, loss, gradients):
        self.loss, self.gradients, self.calls, self.value = loss, gradients, 0, math.nan

    def __call__(self, params):
        self.calls += 1
        if self.calls > CALLS or not isinstance(params, list | tuple):
            raise ValueError(f"params must be a list of tensors, got {kind(params)}")
        self.value = self.loss(*params)
        return self.value, self.gradients(*params)


def bowl(k=1.0, lowest=0.0):
    """lowest + ½ k ‖p‖²."""
    return Objective(
        lambda *p: lowest + k / 2 * sum((x * x).sum() for x in p), lambda *p: [k * x for x in p]
    )


def one(x: float) -> list[Tensor]:
    return [double([x])]


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def zeros(params):
    return [torch.zeros_like(p) for p in params]


@public
@points(3, of="sgd_update")
def test_sgd_update(student, rng):
    """Each moves by −lr · (gradient + weight_decay · p), first with the example on paper."""
    w, g, expected = ([double(values)] for values in ([8, 1], [8, 4], [4, -1]))
    check_update(student, "sgd_update", w, g, None, (expected, None), options=dict(lr=0.5))
    params, grads = tensors(rng), tensors(rng)
    for options in (dict(lr=0.37), dict(lr=2.5, weight_decay=0.0), dict(lr=0.3, weight_decay=0.7)):
        given = params, grads, [params[0]]
        check_update(student, "sgd_update", *given, torch_step(*given, **options), options=options)
    given, options = (one(2.0), one(3.0), None), dict(lr=0.1, weight_decay=0.5)
    check_update(student, "sgd_update", *given, (one(1.6), None), options=options)
    for given in (grads[:1], [*grads, grads[0]]):
        when = f"there are {len(params)} parameters and {len(given)} gradients"
        check_raises(student, "sgd_update", params, given, None, 0.1, when=when)


@public
@points(2, of="epoch_batches")
def test_epoch_batches_visit_every_example_once(student, rng):
    """An epoch holds each number 0 … n−1 once, in batches of the right sizes."""
    for n, size, sizes in ((9, 4, [4, 4, 1]), (8, 4, [4, 4]), (5, 1, 5 * [1]), (4, 9, [4])):
        given = f"epoch_batches({n}, {size}, seed)"
        batches = gather(call(student, "epoch_batches", n, size, rng.seed()))
        seen, mine = torch.cat(batches).tolist(), [len(b) for b in batches]
        holds = f"{len(seen)} numbers are in it, {len(set(seen))} of them different"
        text = f"{given} must hold each of 0 … {n - 1} once: {holds}"
        why = "The last batch may be smaller, and counts." if mine == sizes[:-1] else ""
        require(sorted(seen) == list(range(n)), text, why, diagnosis="not a partition")
        text = f"{given} must have batches of {sizes}, the short one last, and has {mine}"
        require(mine == sizes, text, "Each holds batch_size examples.", diagnosis="sizes")


@points(1, of="epoch_batches")
def test_epoch_batches_shuffle(student, rng):
    """The order is random, depends on the seed, and only on it."""
    given = (8, 0), (8, 0), (8, 1), (40, 0), (50, 0)
    epochs = [gather(call(student, "epoch_batches", 40, *sizes)) for sizes in given]
    first, again, other, *whole = orders = [torch.cat(batches).tolist() for batches in epochs]
    together = all(max(b) - min(b) == 7 for b in epochs[0])
    who = "the same examples are together in every epoch: who is in a batch must be random"
    require(not together, who, "Permute all numbers, then cut.", diagnosis="no shuffle")
    for (size, seed), order in zip(given, orders, strict=True):
        beside = sum(abs(a - b) == 1 for a, b in pairwise(order))  # 2; by chance 20: 1e-13
        text = f"epoch_batches(40, {size}, {seed}) has {beside} neighbours like 4, 5 or 5, 4"
        require(beside < 20, text, "The order must be random.", diagnosis="no shuffle")
    why = "Use a torch.Generator seeded with seed, not the global one; 0 is a seed, too."
    text = "two calls with seed = 0 give different orders"
    require(first == again, text, why, diagnosis="seed ignored")
    require(first != other, "seeds 0 and 1 give the same order", why, diagnosis="seed ignored")
    text = "with another batch_size the same seed gives another order"
    require(whole == [first, first], text, diagnosis="depends on batch_size")


def gather(batches) -> list[Tensor]:
    must = f"epoch_batches must return a list of one or more int64 tensors, got {kind(batches)}"
    require(isinstance(batches, list | tuple) and len(batches) > 0, must, diagnosis="structure")
    other = next((kind(b) for b in batches if not isinstance(b, Tensor) or b.ndim != 1), None)
    require(other is None, f"{must} that holds {other}", diagnosis="structure")
    dtype = next((b.dtype for b in batches if b.dtype != torch.int64), None)
    require(dtype is None, f"{must} of {dtype} tensors", diagnosis="structure")
    return list(batches)


def check_by_hand(student, function, grads, *table, **names):
    """The steps of the table, (velocity, position) each, from 1 with lr = 0.5 and beta = 0.8."""
    p, u, options = one(1.0), one(0.0), dict(lr=0.5, beta=0.8)
    for velocity, position in table:
        expected = one(position), one(velocity)
        check_update(student, function, p, grads or p, u, expected, options=options, **names)
        p, u = expected


@public
@points(1, of="momentum_update")
def test_momentum_by_hand(student):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, −0.15, −0.595."""
    check_by_hand(student, "momentum_update", None, (1.0, 0.5), (1.3, -0.15), (0.89, -0.595))


@points(3, of="momentum_update")
def test_momentum_steps(student, rng):
    """Four steps whose rates and decays change, each going on from the one before."""
    mine = params = tensors(rng)
    my_state = state = zeros(params)
    for scale, lr, decay in ((1, 0.3, 0.2), (1, 0.3, 0.0), (0, 1.7, 0.2), (30, 0.05, 0.9)):
        grads, options = tensors(rng, scale), dict(lr=lr, beta=0.7, weight_decay=decay)
        params, state = expected = torch_step(params, grads, state, **options)
        given = mine, grads, my_state
        mine, my_state = check_update(student, "momentum_update", *given, expected, options=options)
    for g, u in ((grads[:1], state), (grads, state[:1]), (grads, [*state, state[0]])):
        when = f"there are {len(params)} parameters, {len(g)} gradients and {len(u)} velocities"
        check_raises(student, "momentum_update", params, g, u, 0.1, 0.5, when=when)


@public
@points(1, of="nesterov_update")
def test_nesterov_by_hand(student):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, 0.05, −0.155."""
    steps = (1.0, 0.5), (0.9, 0.05), (0.41, -0.155)
    check_by_hand(student, "nesterov_update", bowl(), *steps, grads_name="objective")


@points(3, of="nesterov_update")
def test_nesterov_steps(student, rng):
    """Four steps; the look-ahead points are the parameters of PyTorch's SGD(nesterov=True)."""
    scale = rng.uniform(*SHAPES[0], low=0.5, high=2)
    objective = Objective(  # each gradient depends on both
        lambda w, b: (scale * w).cosh().log().sum() + (b**4).sum() / 4 + w.sum() * b.sum() / 9,
        lambda w, b: [scale * (scale * w).tanh() + b.sum() / 9, b**3 + w.sum() / 9],
    )
    mine = theirs = params = tensors(rng)
    my_state = state = zeros(params)
    how = dict(options=dict(lr=0.13, beta=0.7), grads_name="objective")
    for _ in range(4):
        theirs, state = torch_step(theirs, objective(theirs)[1], state, 0.13, 0.7, nesterov=True)
        params, _ = torch_step(theirs, state, None, -0.13 * 0.7)
        given, objective.calls = (mine, objective, my_state, (params, state)), 0
        mine, my_state = check_update(student, "nesterov_update", *given, **how)
    for u in (state[:1], [*state, state[0]]):
        when = f"there are {len(params)} parameters and {len(u)} velocities"
        check_raises(student, "nesterov_update", params, objective, u, 0.1, 0.5, when=when)


def check_rates(student, params, objective, *cases):
    """line_search(params, objective, lr, shrink, c) returns the rate that stands last in a case."""
    for *case, right in cases:
        objective.calls, given = 0, "lr={:g}, shrink={:g}, c={:g}".format(*case)
        try:
            rate = call(student, "line_search", params, objective, *case)
        finally:  # the objective ends an endless search by an error: say what it means
            square = sum((g * g).sum() for g in objective.gradients(*params))
            how = (
                "The last trials are not at params: each is params − rate · g, from params itself."
            )
            if math.isclose(objective.value, objective.loss(*params), rel_tol=1e-5):
                how = "The last trials are at params: is c · rate · ‖g‖² (0 where g is 0) enough?"
            require_end(objective, f" for {given}, from a gradient with ‖g‖² = {square:g}", how)
        check_values(rate, float(right), f"rate for {given}")


def require_end(objective, given="", how=""):
    text = f"the search does not end{given}: it has called the objective hundreds of times"
    require(objective.calls <= CALLS, text, how, diagnosis="endless")


@public
@points(2, of="line_search")
def test_line_search_by_hand(student):
    """On 5w² from 1 a rate of 1 is halved four times for c = 1/2, and three times for c = 0.1."""
    cases = (1, 0.5, 0.1, 2**-3), (0.17, 0.5, 0.9, 0.17 / 16), (1, 0.5, 0.5, 2**-4)
    more = (0.1, 0.5, 0.1, 0.1), (2, 0.25, 0.9, 2**-7)
    check_rates(student, one(1.0), bowl(10.0), *cases, *more)


@points(1, of="line_search")
def test_line_search(student, rng):
    """Random and tiny parameters in a bowl, losses below 0, its bottom, and a loss of NaN."""
    params, k = tensors(rng), float(rng.uniform(low=5, high=30))
    cases = (3, 0.9, 0.7, 1, 0), (3, 0.8, 0.3, 1, -1000), (1, 0.5, 0.9, 1e-3, 0)
    more = (40, 0.7, 1e-4, 1, 0), (1e-3, 0.5, 0.5, 1, -1000), (1e6, 0.8, 0.5, 1e-3, 0)
    for lr, s, c, scale, lowest in cases + more:
        right = next(lr * s**n for n in range(CALLS) if lr * s**n <= 2 * (1 - c) / k)
        check_rates(student, [scale * p for p in params], bowl(k, lowest), (lr, s, c, right))
    barrier = Objective(lambda w: -(1 - w * w).log().sum(), lambda w: [2 * w / (1 - w * w)])
    check_rates(student, one(0.5), barrier, (8, 0.5, 0.05, 0.5))
    check_rates(student, one(0.0), bowl(), (8, 0.5, 0.05, 8.0))
    check_rates(student, one(1.0), bowl(1e12), (1, 0.5, 0.5, 2**-40))


@points(1, of="line_search")
def test_line_search_raises(student):
    """Settings out of range, and a loss that is not finite at the start, are reported."""
    for k, *case in (
        *((1.0, lr, 0.5, 0.1) for lr in (0.0, -0.1)),
        *((1.0, 0.1, shrink, 0.1) for shrink in (0.0, -0.5, 1.0, 1.5)),
        *((1.0, 0.1, 0.5, c) for c in (0.0, -0.5, 1.0, 1.5)),
        *((k, 0.1, 0.5, 0.1) for k in (math.nan, math.inf, -math.inf)),
    ):
        objective = bowl(k)
        given = "lr={:g}, shrink={:g}, c={:g} and the loss {:g} at params".format(*case, k / 2)
        when = f"called with {given}"
        check_raises(student, "line_search", one(1.0), objective, *case, when=when)
        require_end(objective, f", with a loss of {k / 2:g} at params")
    check_rates(student, one(1.0), bowl(), (0.1, 0.5, 0.1, 0.1))


def check_train(student, params, x, y, batches, **options):
    """train makes a step with momentum on each of these batches."""

    def loss(params, x, y):
        return torch.nn.functional.cross_entropy(torch.addmm(params[1], x, params[0]), y)

    def update(p, g, u):
        return torch_step(p, g, u, options["lr"], options["beta"])

    expected, _ = descend(loss, params, batches, update, zeros(params))
    check_result(student, "train", dict(x=x, y=y, params=params, **options), expected, "params")


@public
@points(0.5, of="train")
def test_train_steps(student, rng):
    """A step with momentum for each batch of each epoch: of all examples, and of equal ones."""
    x, y, params = rng.normal(9, 6), rng.integers(9, high=4), [rng.normal(6, 4), rng.normal(4)]
    alike = x[:1].repeat(9, 1), y[:1].repeat(9)
    for data, epochs, size in (((x, y), 1, 9), ((x, y), 2, 20), (alike, 3, 4)):
        options = dict(epochs=epochs, lr=0.3, beta=0.6, batch_size=size, seed=rng.seed())
        check_train(student, params, *data, epochs * math.ceil(9 / size) * [data], **options)


@points(0.5, of="train")
def test_train_batches(student, rng):
    """Epoch k runs over the batches of the seed seed + k."""
    x, y, params = rng.normal(9, 6), rng.integers(9, high=4), [rng.normal(6, 4), rng.normal(4)]
    for n, size, seed in ((1, 9, rng.seed()), (3, 4, rng.seed())):
        *epochs, again = [student.epoch_batches(9, size, seed + k) for k in (*range(n), 0)]
        equal = torch.equal(torch.cat(again), torch.cat(epochs[0]))
        require(equal, "epoch_batches must depend on its seed only", diagnosis="seed ignored")
        whole = all(torch.cat(e).sort().values.tolist() == list(range(9)) for e in epochs)
        require(whole, "an epoch of epoch_batches has each example once", diagnosis="no epoch")
        options = dict(epochs=n, lr=0.3, beta=0.6, batch_size=size, seed=seed)
        check_train(student, params, x, y, [(x[i], y[i]) for e in epochs for i in e], **options)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained classifier reads handwritten digits that it has not seen."""
    data = digits(rng)
    params = [torch.zeros(64, 10), torch.zeros(10)]
    trained = call(student, "train", data.x_train, data.y_train, params, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, trained)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
