"""Checks of the topic gradient_descent."""

from functools import partial

import torch
from torch import Tensor
from torch.optim.sgd import sgd as torch_sgd

from gradus.checks import (
    Clues,
    Wrong,
    WrongUpdate,
    call,
    check_accuracy,
    check_raises,
    check_update,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.data import digits
from gradus.checks.failure import kind

SHAPES = ((3, 4), (5,))
CALLS = 200  # of an objective in one search: the right ones need 20 at most
LESS = "too small a decrease is accepted: c · rate · ‖g‖² is needed, with c and the square"
DIGITS = dict(epochs=6, lr=0.05, beta=0.9, batch_size=30)


def torch_step(params, grads, state, lr, beta=0.0, weight_decay=0.0, **others):
    """(params, state) after one step of torch's own SGD."""
    p = [x.clone() for x in params]
    u = [x.clone() for x in state] if beta else [None] * len(p)
    options = dict(dampening=0, nesterov=False, maximize=False) | others
    torch_sgd(p, list(grads), u, lr=lr, momentum=beta, weight_decay=weight_decay, **options)
    return p, u if beta else state


def cut(n, batch_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


# What checks of functions that call others use for those that have failed their own check.
STAND_INS = {"epoch_batches": cut, "sgd_update": torch_step, "momentum_update": torch_step}


class Objective:
    """A loss of the judge's with autograd's gradients; the submission can call it."""

    __name__ = "objective"

    def __init__(self, loss):
        self.loss, self.calls = loss, 0

    def __call__(self, params):
        self.calls += 1
        if self.calls > CALLS or not isinstance(params, list | tuple):
            raise ValueError(f"params must be a list of tensors, got {kind(params)}")
        with torch.enable_grad():
            leaves = [p.detach().clone().requires_grad_() for p in params]
            loss = self.loss(*leaves)
        return loss.detach(), list(torch.autograd.grad(loss, leaves))


def parabola(curvature=1.0):
    """½ · curvature · w², of one number."""
    return Objective(lambda w: (curvature * w * w / 2).sum())


def number(x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def one(x: float) -> list[Tensor]:
    return [number([x])]


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def each(rule, *lists):
    return [rule(*items) for items in zip(*lists, strict=True)]


@public
@points(2, of="epoch_batches")
def test_epoch_batches_visit_every_example_once(student, rng):
    """An epoch holds each number 0 … n−1 once, in batches of the right sizes."""
    for n, size, sizes in ((7, 3, [3, 3, 1]), (8, 4, [4, 4]), (5, 1, 5 * [1]), (4, 9, [4])):
        given = f"epoch_batches({n}, {size}, seed)"
        batches = gather(call(student, "epoch_batches", n, size, rng.seed()))
        seen, mine = torch.cat(batches).tolist(), [len(b) for b in batches]
        lost = f"{given} has {len(seen)} of {n} examples: the last, smaller batch is lost"
        require(mine != sizes[:-1] or n % size == 0, lost, diagnosis="last batch lost")
        must = f"{given} must hold each of 0 … {n - 1} exactly once"
        once = sorted(seen) == list(range(n))
        require(once, must, f"It holds {sorted(seen)}.", diagnosis="not a partition")
        must = f"{given} makes batches of {mine}, expected {sizes}"
        require(mine == sizes, must, diagnosis="batch sizes")


@points(1, of="epoch_batches")
def test_epoch_batches_shuffle(student, rng):
    """The order is random, depends on the seed, and only on it."""
    seed = rng.seed()
    orders = [gather(call(student, "epoch_batches", 40, 8, s)) for s in (seed, seed, seed + 1)]
    first, again, other = (torch.cat(batches).tolist() for batches in orders)
    together = all(max(b) - min(b) == 7 for b in orders[0])
    same = "the same examples are together in every epoch: permute them, then cut"
    require(not together, same, diagnosis="no shuffle")
    why = "Use a torch.Generator seeded with seed, not the global one."
    require(first == again, "equal seeds must give equal orders", why, diagnosis="seed ignored")
    require(first != other, "two seeds give the same order", diagnosis="seed ignored")


def gather(batches) -> list[Tensor]:
    must = f"epoch_batches must return a list of tensors, got {kind(batches)}"
    require(isinstance(batches, list | tuple) and len(batches) > 0, must, diagnosis="structure")
    other = next((kind(b) for b in batches if not isinstance(b, Tensor)), None)
    require(other is None, f"{must} that holds {other}", diagnosis="structure")
    return list(batches)


def wrong_steps(params, grads, state, lr, weight_decay=0.0):
    """Mistakes in a step of plain descent."""
    d = weight_decay
    penalty = "the penalty itself is added to the gradient: add its derivative"
    for id, text, step in (
        ("uphill", "the step goes uphill", lambda p, g: p + lr * (g + d * p)),
        ("no lr", "the learning rate is missing", lambda p, g: p - g - d * p),
        ("decay:missing", "the weights are not decayed", lambda p, g: p - lr * g),
        ("decay:sign", "the decay makes weights grow", lambda p, g: p - lr * (g - d * p)),
        ("decay:no lr", "the decay is not multiplied by lr", lambda p, g: p - d * p - lr * g),
        ("decay:twice", "the derivative of ½αp² is αp", lambda p, g: p - lr * (g + 2 * d * p)),
        ("decay:penalty itself", penalty, lambda p, g: p - lr * (g + d / 2 * p * p)),
    ):
        yield WrongUpdate(id, text, (each(step, params, grads), state))


@public
@points(3, of="sgd_update")
def test_sgd_update(student, rng):
    """Each parameter moves by −lr · (gradient + weight_decay · parameter); 2 to 1.6 by hand."""
    params, grads = tensors(rng), tensors(rng)
    for options in (dict(lr=0.37), dict(lr=2.5, weight_decay=0.0), dict(lr=0.3, weight_decay=0.7)):
        given = params, grads, [params[0]]
        expected, wrong = torch_step(*given, **options), partial(wrong_steps, *given, **options)
        check_update(student, "sgd_update", *given, expected, options=options, wrong=wrong)
    given, options = (one(2.0), one(3.0), None), dict(lr=0.1, weight_decay=0.5)
    check_update(student, "sgd_update", *given, (one(1.6), None), options=options)
    for given in (grads[:1], [*grads, grads[0]]):
        when = f"there are {len(params)} parameters and {len(given)} gradients"
        check_raises(student, "sgd_update", params, given, None, 0.1, when=when)


def wrong_momentum(params, grads, state, lr, beta, weight_decay=0.0):
    """Mistakes in the velocity, and in what the step makes of it."""
    d, options = weight_decay, dict(lr=lr, beta=beta, weight_decay=weight_decay)
    after, new = torch_step(params, grads, state, **options)
    came = "the velocity is returned as it came: the next step needs the new one"
    yield WrongUpdate("velocity:as it came", came, (after, state))
    kept = "the past is forgotten: u is made of the u in state, too"
    mixed = "(1 − β) is mixed in: u is a sum of gradients here, not an average"
    inside = "lr is in the velocity: u is a sum of gradients, and lr stands once, in the step"
    sign = "the gradient is subtracted from u: u adds gradients up, the step subtracts lr · u"
    left = "the penalty is not in the velocity: its gradient goes where the gradient goes"
    for id, text, rate, u in (
        ("velocity:not kept", kept, lr, lambda u, g, p: g + d * p),
        ("velocity:1 - beta", mixed, lr, lambda u, g, p: beta * u + (1 - beta) * (g + d * p)),
        ("velocity:1 - beta", mixed, lr, lambda u, g, p: (1 - beta) * u + beta * (g + d * p)),
        ("velocity:lr inside", inside, 1, lambda u, g, p: beta * u + lr * (g + d * p)),
        ("velocity:lr inside", inside, -1, lambda u, g, p: beta * u - lr * (g + d * p)),
        ("velocity:sign", sign, -lr, lambda u, g, p: beta * u - g - d * p),
        ("velocity:no beta", "old gradients do not fade", lr, lambda u, g, p: u + g + d * p),
        ("decay:not in the velocity", left, lr, lambda u, g, p: beta * u + g),
        ("decay:sign", "the decay makes weights grow", lr, lambda u, g, p: beta * u + g - d * p),
    ):
        wrong = each(u, state, grads, params)
        yield WrongUpdate(id, text, (torch_step(params, wrong, None, rate)[0], wrong))
    alone = "the step follows the gradient alone: it must follow the velocity"
    stale = "the step follows the velocity that came in: first the velocity, then the step"
    ahead = "the step is lr · (g + βu), as in PyTorch's nesterov=True: here it is lr · u"
    for id, text, step in (
        ("gradient alone", alone, torch_step(params, grads, None, lr, 0, d)[0]),
        ("old velocity", stale, torch_step(params, state, None, lr)[0]),
        ("nesterov", ahead, torch_step(params, grads, state, **options, nesterov=True)[0]),
    ):
        yield WrongUpdate(f"step:{id}", text, (step, new))


def check_by_hand(student, function, grads, rule, table):
    """The steps of `table`, (velocity, position) each, from 1 with lr = 0.5 and beta = 0.8."""
    p, u, options = one(1.0), one(0.0), dict(lr=0.5, beta=0.8)
    for velocity, position in table:
        expected, given = (one(position), one(velocity)), (p, grads or p, u)
        wrong = partial(rule, *given, **options)
        check_update(student, function, *given, expected, options=options, wrong=wrong)
        p, u = expected


@public
@points(1, of="momentum_update")
def test_momentum_by_hand(student):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, −0.15, −0.595."""
    table = (1.0, 0.5), (1.3, -0.15), (0.89, -0.595)
    check_by_hand(student, "momentum_update", None, wrong_momentum, table)


@points(3, of="momentum_update")
def test_momentum_steps(student, rng):
    """Four steps whose rates and decays change, each going on from the one before."""
    mine = params = tensors(rng)
    my_state = state = each(torch.zeros_like, params)
    for scale, lr, decay in ((1, 0.3, 0.2), (1, 0.3, 0.0), (0, 1.7, 0.2), (30, 0.05, 0.9)):
        grads, options = tensors(rng, scale), dict(lr=lr, beta=0.7, weight_decay=decay)
        given = params, grads, state
        expected, wrong = torch_step(*given, **options), partial(wrong_momentum, *given, **options)
        given = mine, grads, my_state, expected
        how = dict(options=options, wrong=wrong)
        mine, my_state = check_update(student, "momentum_update", *given, **how)
        params, state = expected
    for g, u in ((grads[:1], state), (grads, state[:1]), (grads, [*state, state[0]])):
        when = f"there are {len(params)} parameters, {len(g)} gradients and {len(u)} velocities"
        check_raises(student, "momentum_update", params, g, u, 0.1, 0.5, when=when)


def wrong_nesterov(params, objective, state, lr, beta):
    """Mistakes in where the gradient is taken, and in what is done with it."""
    options = dict(lr=lr, beta=beta)
    ahead, _ = torch_step(params, state, None, lr * beta)
    grads = objective(ahead)[1]
    start = "the step starts at the look-ahead: it starts at w, for u contains βu already"
    _, new = torch_step(params, grads, state, **options)
    yield WrongUpdate("step:from look-ahead", start, (torch_step(ahead, new, None, lr)[0], new))
    at_w = "the gradient is taken at w, as in Polyak's momentum: look where the velocity leads"
    no_lr = "it looks at w − βu: a sum of gradients is no change of weights without lr"
    no_beta = "it looks at w − lr · u: the old velocity fades by β"
    for id, text, rate in (
        ("at w", at_w, 0),
        ("no lr", no_lr, beta),
        ("no beta", no_beta, lr),
        ("sign", "it looks back, to where the ball came from", -lr * beta),
    ):
        seen = objective(torch_step(params, state, None, rate)[0])[1]
        yield WrongUpdate(f"look-ahead:{id}", text, torch_step(params, seen, state, **options))
    yield from wrong_momentum(params, grads, state, **options)


@public
@points(1, of="nesterov_update")
def test_nesterov_by_hand(student):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, 0.05, −0.155."""
    table = (1.0, 0.5), (0.9, 0.05), (0.41, -0.155)
    check_by_hand(student, "nesterov_update", parabola(), wrong_nesterov, table)


@points(3, of="nesterov_update")
def test_nesterov_steps(student, rng):
    """Four steps; the look-ahead points are the parameters of PyTorch's SGD(nesterov=True)."""
    scale = rng.uniform(*SHAPES[0], low=0.5, high=2)
    objective = Objective(lambda w, b: (scale * w).cosh().log().sum() + (b**4).sum() / 4)
    mine = params = theirs = tensors(rng)
    my_state = state = each(torch.zeros_like, params)
    options = dict(lr=0.13, beta=0.7)
    for _ in range(4):
        wrong = partial(wrong_nesterov, params, objective, state, **options)
        grads = objective(theirs)[1]
        theirs, state = torch_step(theirs, grads, state, **options, nesterov=True)
        params, _ = torch_step(theirs, state, None, -0.13 * 0.7)
        given, objective.calls = (mine, objective, my_state, (params, state)), 0
        how = dict(options=options, wrong=wrong)
        mine, my_state = check_update(student, "nesterov_update", *given, **how)
    for u in (state[:1], [*state, state[0]]):
        when = f"there are {len(params)} parameters and {len(u)} velocities"
        check_raises(student, "nesterov_update", params, objective, u, 0.1, 0.5, when=when)


def check_rates(student, params, objective, cases, expected, wrong=()):
    """line_search(params, objective, *case) is as expected; `wrong` are (id, text, rates)."""
    for i, (case, right) in enumerate(zip(cases, expected, strict=True)):
        objective.calls, given = 0, "lr={:g}, shrink={:g}, c={:g}".format(*case)
        try:
            rate = call(student, "line_search", params, objective, *case)
        finally:  # the objective ends an endless search by an error: say what it means
            require_end(objective, given)
        known = [Wrong(f"rate:{id}", text, number(rates[i])) for id, text, rates in wrong]
        if isinstance(rate, float | Tensor) and float(rate) < 1e-9:
            no_trial = "no rate lowered the loss, until rounding did: is the trial at p − rate · g?"
            known.append(Wrong("rate:no decrease", no_trial, number(float(rate))))
        check_values(rate, number(right), f"rate for {given}", clues=Clues(wrong=tuple(known)))


def require_end(objective, given):
    no_end = f"with {given} the search has not ended after {CALLS} calls of the objective"
    why = "Each trial starts from params, at shrink times the rate before, and that rate is in the "
    why += "condition, too."
    require(objective.calls <= CALLS, no_end, why, diagnosis="endless")


@public
@points(2, of="line_search")
def test_line_search_by_hand(student):
    """On 5w² from 1 a rate of 1 is halved four times for c = 1/2, and three times for c = 0.1."""
    cases = (1, 0.5, 0.1), (1, 0.5, 0.5), (0.1, 0.5, 0.1), (2, 0.25, 0.9)
    wrong = (
        ("never shrinks", "the first rate is returned, good or not", [1, 1, 0.1, 2]),
        ("one too far", "shrunk once more than needed", [1 / 16, 1 / 32, 0.05, 1 / 512]),
        ("any decrease", LESS, [0.125, 0.125, 0.1, 0.125]),
        ("one too early", "the rate before the good one", [0.25, 0.125, 0.1, 1 / 32]),
        ("lr not tried", "the first rate to try is lr itself", [0.125, 1 / 16, 0.05, 1 / 128]),
        ("halved", "the rate is halved, whatever shrink is", [1 / 8, 1 / 16, 0.1, 1 / 64]),
    )
    check_rates(student, one(1.0), parabola(10.0), cases, [1 / 8, 1 / 16, 0.1, 1 / 128], wrong)


@points(1, of="line_search")
def test_line_search(student, rng):
    """Random parameters in a bowl, at its bottom, and where the loss becomes NaN."""
    params, k = tensors(rng), float(rng.uniform(low=5, high=30))
    objective = Objective(lambda *p: sum((k * x * x).sum() / 2 for x in p))
    cases = (3, 0.8, 0.3), (3, 0.9, 0.7), (1, 0.5, 0.9), (40, 0.7, 1e-4), (1e-3, 0.5, 0.5)

    def rates(share):
        """The first rates that keep share · c of what the gradient promises."""
        tried = [[lr * s**n for n in range(CALLS)] for lr, s, _ in cases]
        limits = [2 * (1 - share * c) / k for *_, c in cases]
        return each(lambda rates, limit: next(r for r in rates if r <= limit), tried, limits)

    part = float(params[0].square().sum() / sum(p.square().sum() for p in params))
    wrong = (
        ("never shrinks", "the first rate is returned", [lr for lr, *_ in cases]),
        ("any decrease", LESS, rates(0)),
        ("first tensor", "‖g‖² is over all parameters", rates(part)),
    )
    check_rates(student, params, objective, cases, rates(1), wrong)
    barrier = Objective(lambda w: (w * w / 2 - (1 - w * w).log()).sum())
    nan = "a loss of NaN is accepted: ask for what must hold, for NaN compares false"
    check_rates(student, one(0.5), barrier, [(8, 0.5, 0.05)], [0.5], [("nan", nan, [8])])
    check_rates(student, one(0.0), parabola(), [(8, 0.5, 0.05)], [8.0])


@points(1, of="line_search")
def test_line_search_raises(student):
    """Settings out of range, and a loss that is not finite at the start, are reported."""
    nan, infinite = (Objective(lambda w, x=x: w.sum() * x) for x in (torch.nan, torch.inf))
    for objective, case in (
        *((parabola(), (lr, 0.5, 0.1)) for lr in (0.0, -0.1)),
        *((parabola(), (0.1, shrink, 0.1)) for shrink in (0.0, -0.5, 1.0, 1.5)),
        *((parabola(), (0.1, 0.5, c)) for c in (0.0, -0.5, 1.0, 1.5)),
        *((o, (0.1, 0.5, 0.1)) for o in (nan, infinite)),
    ):
        loss = float(objective.loss(number(1.0)))
        given = "lr={:g}, shrink={:g}, c={:g} and the loss {:g} at params".format(*case, loss)
        check_raises(
            student, "line_search", one(1.0), objective, *case, when=f"called with {given}"
        )
        require_end(objective, given)


def descend(x, y, epochs, params, lr, beta, fresh="", summed=False):
    """The parameters after a step on each batch of each epoch; fresh and summed are mistakes."""
    state = total = zero = each(torch.zeros_like, params)
    for epoch in epochs:
        state = zero if fresh == "epoch" else state
        for i in epoch:
            w, b = (p.clone().requires_grad_() for p in params)
            loss = torch.nn.functional.cross_entropy(torch.addmm(b, x[i], w), y[i])
            grads = torch.autograd.grad(loss, [w, b])
            total = each(torch.add, total, grads)
            state = zero if fresh == "batch" else state
            params, state = torch_step(params, total if summed else grads, state, lr, beta)
    return params


def wrong_training(run, epochs, extra, lr, beta, params):
    """Mistakes in the loop: (id, text, trained parameters)."""
    lost = "every step starts from velocity zero: pass the state on to the next one"
    anew = "every epoch starts from velocity zero: make the state once"
    total = "the gradient accumulates over the batches: each step takes that of its own batch"
    order = "every epoch has the order of the first: epoch k has the seed seed + k"
    whole = [[torch.cat(epoch) for _ in epoch] for epoch in epochs]
    yield "untrained", "the parameters are those that came in", params
    yield "velocity:not kept", lost, run(epochs, fresh="batch")
    yield "velocity:new in each epoch", anew, run(epochs, fresh="epoch")
    yield "gradient:accumulates", total, run(epochs, summed=True)
    yield "gradient:all", "every step uses all examples, not its batch", run(whole)
    yield "gradient:one step", "take a step for each batch", run([e[:1] for e in whole])
    yield "restarted", "only the last epoch counts: are params set anew?", run(epochs[-1:])
    yield "one order", order, run(len(epochs) * epochs[:1])
    yield "seed", "epoch 0 must have the seed itself", run([*epochs[1:], extra])
    yield "one epoch", "only the first epoch counts: is return in the loop?", run(epochs[:1])
    swapped = "lr and beta are swapped in the call of momentum_update"
    yield "lr and beta swapped", swapped, run(epochs, lr=beta, beta=lr)
    yield "first batch", "only the first batch of an epoch is used", run([e[:1] for e in epochs])
    yield "last batch", "the last batch of an epoch is left out", run([e[:-1] for e in epochs])


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """One step with momentum for each mini-batch of each epoch."""
    x, y, lr, beta, seed = rng.normal(9, 6), rng.integers(9, high=4), 0.3, 0.6, rng.seed()
    params = [rng.normal(6, 4), rng.normal(4)]
    for n, size in ((1, 9), (3, 4)):
        trained = call(student, "train", x, y, params, n, lr, beta, size, seed)
        *epochs, extra = [student.epoch_batches(9, size, seed + k) for k in range(n + 1)]
        again = torch.cat(student.epoch_batches(9, size, seed))
        same = "epoch_batches must give the same order when it is called with the same seed again"
        require(torch.equal(again, torch.cat(epochs[0])), same, diagnosis="seed ignored")
        run = partial(descend, x, y, params=params, lr=lr, beta=beta)
        known = list(wrong_training(run, epochs, extra, lr, beta, params))
        clues = {
            f"params[{k}]": Clues(wrong=tuple(Wrong(id, text, p[k]) for id, text, p in known))
            for k in range(2)
        }
        check_values(trained, run(epochs), "params", clues=clues)


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained classifier reads handwritten digits that it has not seen."""
    data = digits(rng)
    params = [torch.zeros(64, 10), torch.zeros(10)]
    trained = call(student, "train", data.x_train, data.y_train, params, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, trained)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
