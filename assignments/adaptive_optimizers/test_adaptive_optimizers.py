"""Checks of the topic adaptive_optimizers."""

from functools import partial

import torch
from torch.optim.adadelta import adadelta as torch_adadelta
from torch.optim.adagrad import adagrad as torch_adagrad
from torch.optim.rmsprop import rmsprop as torch_rmsprop

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    WrongUpdate,
    call,
    check_raises,
    check_update,
    check_values,
    points,
    public,
    require,
)
from gradus.checks.failure import kind

SHAPES = ((3, 4), (5,), (3, 4))  # two alike, so that a state they share is seen
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


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def doubles(*rows):
    return [torch.tensor(row, dtype=torch.float64) for row in rows]


def plus(params, *steps):
    return [p + s for p, s in zip(params, doubles(*steps), strict=True)]


def wrong_sums(key, added, state, new, beta=None):
    """Mistakes in a sum or (with beta) an average of squares: (id, text, other new[key])."""
    triples = list(zip(state[key], added, new[key], strict=True))
    weight, what = (1.0, "adds up") if beta is None else (1 - beta, "averages")
    of = "steps" if key == "u" else "gradients"
    yield "unchanged", f"{key} is as it came: it {what} what is new, too", state[key]
    text = f"{key} {what} the {of} themselves: it {what} their squares"
    yield "not squared", text, [right + weight * (x - x * x) for _, x, right in triples]
    text = f"the root of {key} is kept: take roots in the step, {key} holds squares"
    yield "root kept", text, [right.sqrt() for right in new[key]]
    past, first, mine = 1.0 if beta is None else beta, new[key][0], state[key][-1]
    text = f"parameters of one shape share their {key}: each has its own"
    yield "shared", text, [*new[key][:-1], new[key][-1] + past * (first - mine)]
    if beta is None:
        text = "only this gradient counts: v adds up the squares of all of them"
        yield "not accumulated", text, [x * x for x in added]
        text = "v is an average that forgets, as in RMSProp: AdaGrad adds up"
        yield "average", text, [torch.lerp(old, x * x, 0.1) for old, x, _ in triples]
        return
    text = f"what is new enters {key} with weight 1: the weights of an average sum to 1"
    yield "factor missing", text, [right + beta * x * x for _, x, right in triples]
    text = f"{key} gives the past the weight of what is new, and the reverse"
    yield "weights swapped", text, [torch.lerp(old, x * x, beta) for old, x, _ in triples]
    for fixed in (0.9, 0.95):
        values = [torch.lerp(old, x * x, 1 - fixed) for old, x, _ in triples]
        yield "fixed", f"computed with {fixed}, whatever the weight of the past is", values
    text = f"{key} starts from zero in every update: go on from the one in state"
    yield "not kept", text, [weight * x * x for x in added]


def wrong_steps(rule, params, grads, state, lr, eps, **beta):
    """Mistakes of adagrad and rmsprop: in v, in what the step is divided by, in eps."""
    after, new = rule(params, grads, state, lr=lr, eps=eps, **beta)
    for id, text, v in wrong_sums("v", grads, state, new, **beta):
        yield WrongUpdate(f"v:{id}", text, (after, {"v": v}))

    def divided(id, text, v, divisor):
        triples = zip(params, grads, v, strict=True)
        return WrongUpdate(id, text, ([p - lr * g / divisor(x) for p, g, x in triples], new))

    text = "eps is added under the root: here it is added to the root, √v + eps"
    yield divided("eps:inside the root", text, new["v"], lambda v: (v + eps).sqrt())
    text = "eps is missing: it keeps 0 / 0 out of the step"
    yield divided("eps:missing", text, new["v"], torch.sqrt)
    text = "the step is divided by the v that came in: it needs the new one"
    yield divided("v:old in the step", text, state["v"], lambda v: v.sqrt() + eps)
    text = "the step is divided by v, which is a squared size: divide by its root"
    yield divided("v:no root", text, new["v"], lambda v: v + eps)


def wrong_deltas(params, grads, state, rho, eps):
    """Mistakes of adadelta: in the two averages, in their order, in eps."""
    after, new = adadelta(params, grads, state, rho, eps)
    deltas = [p - q for p, q in zip(params, after, strict=True)]
    pairs = zip(state["u"], grads, strict=True)
    of_g = {**new, "u": [torch.lerp(old, g * g, 1 - rho) for old, g in pairs]}
    text = "u averages the squares of the gradients: those of the steps Δ are asked for"
    yield WrongUpdate("u:of the gradients", text, (after, of_g))
    for key, added in (("v", grads), ("u", deltas)):
        for id, text, values in wrong_sums(key, added, state, new, rho):
            yield WrongUpdate(f"{key}:{id}", text, (after, {**new, key: values}))

    def moved(id, text, deltas, u=None):
        """The update by other steps, which go into u as well."""
        pairs = list(zip(state["u"], deltas, strict=True))
        u = u or [torch.lerp(old, d * d, 1 - rho) for old, d in pairs]
        values = [p - d for p, d in zip(params, deltas, strict=True)]
        return WrongUpdate(id, text, (values, {**new, "u": u}))

    def ratio(size, below=None, u=state["u"], v=new["v"]):
        triples = zip(u, v, grads, strict=True)
        return [size(a) / (below or size)(b) * g for a, b, g in triples]

    def rms(x):
        return (x + eps).sqrt()

    text = "Δ needs the new v: average the square of this gradient first, then step"
    yield moved("order:old v in the step", text, ratio(rms, v=state["v"]))
    text = "Δ needs the old u: the new one is made from Δ, after it"
    yield moved("order:new u in the step", text, ratio(rms, u=new["u"]), new["u"])
    text = "the root of u is missing above the fraction line: this is RMSProp with lr = 1"
    yield moved("u:unused", text, ratio(torch.ones_like, rms))
    text = "the fraction is upside down: √(u + eps) above, √(v + eps) below"
    yield moved("inverted", text, ratio(lambda u: 1 / rms(u)))
    text = "the roots are missing: u and v are squared sizes"
    yield moved("no root", text, ratio(lambda x: x + eps))
    text = "eps is added to the roots: here it is added to u and v, under the roots"
    yield moved("eps:outside the root", text, ratio(lambda x: x.sqrt() + eps))
    text = "there is no eps beside u: without it the first step is 0, and all that follow"
    yield moved("eps:missing", text, ratio(torch.sqrt, rms))
    text = "there is a learning rate in the step: AdaDelta has none"
    for lr in (1e-3, 0.01, 0.1):
        slower = [lr * d for d in deltas]
        yield moved("learning rate", text, slower)
        yield moved("learning rate", text, slower, new["u"])


WRONG = {"adagrad": partial(wrong_steps, adagrad), "rmsprop": partial(wrong_steps, rmsprop)}
WRONG["adadelta"] = wrong_deltas


def check_one(student, name, params, grads, state, right=None, options=None, **settings):
    """One update with `settings`, which are what `options` leave to the defaults."""
    return check_update(
        *(student, f"{name}_update", params, grads, state),
        right or RULES[name](params, grads, state, **settings),
        options=settings if options is None else options,
        wrong=partial(WRONG[name], params, grads, state, **settings),
    )


@public
@points(2, of="init_state")
def test_init_state(student, rng):
    """Zeros in the shapes and dtypes of the parameters; AdaDelta has two lists; other names."""
    params = [*tensors(rng), rng.normal(), rng.normal(2, 3, 1).float()]
    for name in RULES:
        state = call(student, "init_state", params, name)
        check_values(state, start(params, name), f"{name}'s state")
        for key, p, x in ((key, p, state[key][k]) for key in state for k, p in enumerate(params)):
            dtype = torch.as_tensor(x).dtype
            text = f"{name}'s state has {dtype} in '{key}' for a parameter of {p.dtype}"
            require(dtype == p.dtype, text, "Make it like the parameter.", diagnosis="dtype")
    check_raises(student, "init_state", params, "Adagrad", when="the optimiser is 'Adagrad'")


@public
@points(1, of="adagrad_update")
def test_adagrad_by_hand(student):
    """Gradients 3 and then 4: the steps are lr and 4/5 lr."""
    params, lr = doubles([1, 2, 3], [4, 5, 6]), 0.25
    first, second = doubles([3, 0, -8], [5, -15, 7]), doubles([4, 5, 6], [-12, 8, 24])
    steps = [-lr, 0, lr], [-lr, lr, -lr]
    right = plus(params, *steps), {"v": doubles([9, 0, 64], [25, 225, 49])}
    state = start(params, "adagrad")
    check_one(student, "adagrad", params, first, state, right, lr=lr, eps=1e-15)
    steps = [-lr * 4 / 5, -lr, -lr * 3 / 5], [lr * 12 / 13, -lr * 8 / 17, -lr * 24 / 25]
    then = plus(right[0], *steps), {"v": doubles([25, 25, 100], [169, 289, 625])}
    check_one(student, "adagrad", right[0], second, right[1], then, lr=lr, eps=1e-15)


@public
@points(1, of="adagrad_update")
def test_adagrad_eps_by_hand(student):
    """eps = 1e-8 outside the root, |g| = 1e-4: the first step is 0.9999 lr, not 0.7071 lr."""
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([1e-4, -1e-4, 0], [1, -1e-8, 0])
    first, state = 0.01 / 1.0001, start(params, "adagrad")
    expected = doubles([-first, first, 0], [-0.01 / (1 + 1e-8), 0.005, 0])
    right = expected, {"v": doubles([1e-8, 1e-8, 0], [1, 1e-16, 0])}
    check_one(student, "adagrad", params, grads, state, right, {}, lr=0.01, eps=1e-8)


@public
@points(1, of="rmsprop_update")
def test_rmsprop_by_hand(student):
    """From v = 12, a gradient 8 with beta = 3/4: v = 25 and the step is 8/5 lr."""
    params, lr = doubles([1, 2, 3], [4, 5, 6]), 0.25
    grads, state = doubles([-4, 8, 0], [2, 2, -10]), {"v": doubles([0, 12, 4], [0, 20, 32])}
    steps = [2 * lr, -1.6 * lr, 0], [-2 * lr, -0.5 * lr, lr * 10 / 7]
    right = plus(params, *steps), {"v": doubles([4, 25, 3], [1, 16, 49])}
    check_one(student, "rmsprop", params, grads, state, right, lr=lr, beta=0.75, eps=1e-15)


@public
@points(1, of="rmsprop_update")
def test_rmsprop_eps_by_hand(student):
    """eps = 1e-8 outside the root, |g| = √v = 1e-4: a step of 0.9999 lr, not 0.7071 lr."""
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([1e-4, -1e-4, 0], [1, -1e-8, 0])
    state = {"v": doubles([1e-8, 1e-8, 0], [0, 1e-16, 0])}
    settled, first = 1e-3 / 1.0001, 1e-3 / (0.1**0.5 + 1e-8)
    expected = doubles([-settled, settled, 0], [-first, 0.5e-3, 0])
    right = expected, {"v": doubles([1e-8, 1e-8, 0], [0.1, 1e-16, 0])}
    check_one(student, "rmsprop", params, grads, state, right, {}, lr=1e-3, beta=0.9, eps=1e-8)


@public
@points(2, of="adadelta_update")
def test_adadelta_by_hand(student):
    """From v = 12 and u = 25, a gradient 8 with rho = 3/4: a step of 8, and u = 34.75."""
    params, grads = doubles([1, 2, 3], [4, 5, 6]), doubles([-4, 8, 0], [2, 2, -10])
    state = {"v": doubles([0, 12, 4], [0, 20, 32]), "u": doubles([9, 25, 8], [4, 16, 49])}
    v, u = doubles([4, 25, 3], [1, 16, 49]), doubles([15.75, 34.75, 6], [7, 13, 61.75])
    right = plus(params, [6, -8, 0], [-4, -2, 10]), {"v": v, "u": u}
    check_one(student, "adadelta", params, grads, state, right, rho=0.75, eps=1e-15)


@public
@points(1, of="adadelta_update")
def test_adadelta_eps_by_hand(student):
    """eps = 1e-6 inside both roots: the first step is g / √2 where 0.05 g² = 1e-6."""
    root2, root10, root20 = (1e-3 * x**0.5 for x in (2, 10, 20))
    params, grads = doubles([0, 0, 0], [0, 0, 0]), doubles([-root20, 1e-3, 0], [root20, 1e-4, 0])
    state = {"v": doubles([0, 1e-6, 1e-6], [0, 0, 0]), "u": doubles([0, 3e-6, 0], [0, 0, 0])}
    v = doubles([1e-6, 1e-6, 0.95e-6], [1e-6, 5e-10, 0])
    u = doubles([5e-7, 2.95e-6, 0], [5e-7, 5e-10 / 1.0005, 0])
    after = doubles([root10, -root2, 0], [-root10, -1e-4 / 1.0005**0.5, 0])
    right = after, {"v": v, "u": u}
    check_one(student, "adadelta", params, grads, state, right, {}, rho=0.95, eps=1e-6)


def descend(epochs, params, name, settings, anew=None):
    """(params, losses) by autograd's gradients; `anew`: in each "update" or "epoch" a new state."""
    state, losses = start(params, name), []
    for batches in epochs:
        state = start(params, name) if anew == "epoch" else state
        for x, y in batches:
            leaves = [p.clone().requires_grad_() for p in params]
            w1, b1, w2, b2 = leaves
            logits = torch.addmm(b2, torch.addmm(b1, x, w1).relu(), w2)
            loss = torch.nn.functional.cross_entropy(logits, y)
            grads = torch.autograd.grad(loss, leaves)
            params, new = RULES[name](params, grads, state, **settings)
            state = state if anew == "update" else new
            losses.append(float(loss.detach()))
    return params, losses


def wrong_training(epochs, extra, params, name, settings):
    """Mistakes in the loop: (id, text, trained parameters)."""

    def run(epochs, name=name, settings=settings, anew=None):
        return descend(epochs, params, name, settings, anew)[0]

    yield "untrained", "the parameters are those that came in", params
    text = "every update starts from a new state: carry it to the next one"
    yield "state:not kept", text, run(epochs, anew="update")
    text = "every epoch starts from a new state: make it once"
    yield "state:new in each epoch", text, run(epochs, anew="epoch")
    text = "only the last epoch counts: are the parameters set anew in each?"
    yield "restarted", text, run(epochs[-1:])
    text = "every epoch has the order of the first: epoch k has the seed seed + k"
    yield "one order", text, run([epochs[0]] * len(epochs))
    yield "seed", "epoch 0 must have the seed itself", run([*epochs[1:], extra])
    text = "trained with the default settings: hand settings on to the update"
    yield "settings:default", text, run(epochs, settings={})
    rate = {key: settings[key] for key in settings if key == "lr"}
    yield "always AdaGrad", f"AdaGrad, where {name} was asked for", run(epochs, "adagrad", rate)


def trained(student, *arguments, **settings):
    """(params, losses), as the student's train returns them."""
    value = call(student, "train", *arguments, **settings)
    shaped = isinstance(value, tuple | list) and len(value) == 2
    text = f"train must return (params, losses), got {kind(value)}"
    require(shaped, text, diagnosis="structure")
    return value


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
        mine = trained(student, x, y, params, name, n, size, seed, **settings)
        *epochs, extra = [student.minibatches(x, y, size, seed + k) for k in range(n + 1)]
        right, losses = descend(epochs, params, name, settings)
        try:
            check_values(mine[0], right, "params")
        except CheckFailed:
            known = list(wrong_training(epochs, extra, params, name, settings))
            known = [[Wrong(id, text, p[k]) for id, text, p in known] for k in range(len(params))]
            clues = {f"params[{k}]": Clues(wrong=tuple(wrong)) for k, wrong in enumerate(known)}
            check_values(mine[0], right, "params", clues=clues)
        text = "this is the loss after the update: the one before it is asked for"
        later = torch.tensor(descend(epochs, right, name, settings)[1][0])
        after = Clues(wrong=(Wrong("loss:after the update", text, later),))
        check_values(mine[1], losses, "losses", clues={"losses[0]": after})
