"""Checks of the topic adam."""

from functools import partial

import torch
from torch.optim.adam import adam as torch_adam
from torch.optim.adamax import adamax as torch_adamax
from torch.optim.nadam import nadam as torch_nadam

from gradus.checks import (
    CheckFailed,
    Clues,
    Wrong,
    WrongUpdate,
    call,
    check_update,
    check_values,
    points,
    public,
    require,
)

SHAPES = ((3, 4), (5,), (3, 4))  # two alike, so that a state they share is seen
SETTINGS = dict(lr=0.2, beta1=0.7, beta2=0.95)
ALWAYS = 10**9  # beta^t is 0 after so many updates: nothing is left to correct
TORCH = dict(foreach=False, maximize=False)


def adam(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0, after=False):
    """Adam, with L2 (decay) or, where `after` says so, with decoupled decay."""
    p, m, v, t = copies(params, state)
    torch_adam(
        *(p, list(grads), m, v, [], t),
        **dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps, amsgrad=False, **TORCH),
        **dict(weight_decay=decay, decoupled_weight_decay=after),
    )
    return p, {"t": int(t[-1]), "m": m, "v": v}


def adamax(params, grads, state, lr, beta1, beta2, eps=1e-8):
    """Adamax, with eps added to the norm in the step; torch has it inside the maximum."""
    _, new = torch_adamax_step(params, grads, state, lr, beta1, beta2, eps=0.0)
    rate = lr / (1 - beta1 ** new["t"])
    moments = zip(params, new["m"], new["v"], strict=True)
    return [p - rate * m / (u + eps) for p, m, u in moments], new


def torch_adamax_step(params, grads, state, lr, beta1, beta2, eps):
    p, m, u, t = copies(params, state)
    torch_adamax(
        *(p, list(grads), m, u, t),
        **dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0, **TORCH),
    )
    return p, {"t": int(t[-1]), "m": m, "v": u}


def nadam(params, grads, state, lr, beta1, beta2, eps=1e-8, schedule=1e9):
    """NAdam; torch's schedule for beta1 is over at once when its speed is 1e9."""
    p, m, v, t = copies(params, state)
    products = [beta1 ** n.double() for n in t]
    torch_nadam(
        *(p, list(grads), m, v, products, t),
        **dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0, **TORCH),
        momentum_decay=schedule,
    )
    return p, {"t": int(t[-1]), "m": m, "v": v}


def copies(params, state):
    """Copies of p, m and v, which torch changes in place, and t for each parameter."""
    ts = state["t"] if isinstance(state["t"], list) else [state["t"]] * len(params)
    tensors = ([x.clone() for x in xs] for xs in (params, state["m"], state["v"]))
    return *tensors, [torch.tensor(t, dtype=torch.float64) for t in ts]


def start(params):
    """The state before the first update."""
    zeros = [torch.zeros_like(p) for p in params]
    return {"t": 0, "m": zeros, "v": zeros}


def tensors(rng, scale=1.0):
    return [scale * rng.normal(*shape) for shape in SHAPES]


def wrong_updates(rule, params, grads, state, averages=("m", "v"), **settings):
    """Mistakes that an update by any of these rules can make."""
    before, beta1, beta2 = state["t"], settings["beta1"], settings["beta2"]
    after, new = rule(params, grads, state, **settings)

    def wrong(id, text, changed=None, **others):
        start_from = {**state, **(changed or {})}
        return WrongUpdate(id, text, rule(params, grads, start_from, **{**settings, **others}))

    yield WrongUpdate(
        "t:as it came",
        "t is as it came: the state that is returned counts this update",
        (after, {**new, "t": before}),
    )
    yield wrong(
        "t:per parameter",
        "t grows with every parameter: an update of all parameters counts once",
        {"t": [before + k for k in range(len(params))]},
    )
    if before:
        yield wrong(
            "t:not incremented",
            f"corrected for t = {before}, as it came: this is update {before + 1}",
            {"t": before - 1},
        )
        yield wrong(
            "t:always 1",
            f"corrected as if this were the first update: it is number {before + 1}, take beta^t",
            {"t": 0},
        )
    yield wrong(
        "no bias correction",
        "the averages are used as they are: having started at zero, they are too small still",
        {"t": ALWAYS},
    )
    yield wrong(
        "betas:swapped",
        "beta1 and beta2 are swapped: beta1 belongs to the gradient, beta2 to its size",
        beta1=beta2,
        beta2=beta1,
    )
    yield wrong(
        "betas:fixed",
        f"computed with 0.9 and 0.999: beta1 is {beta1} here, and beta2 {beta2}",
        beta1=0.9,
        beta2=0.999,
    )
    yield wrong(
        "state:not kept",
        "m and v start from zero in every update: go on from those in state",
        {key: start(params)[key] for key in ("m", "v")},
    )
    yield wrong(
        "state:shared",
        "parameters of one shape share their averages: each has an m and a v of its own",
        {key: [*state[key][:2], new[key][0]] for key in ("m", "v")},
    )
    yield wrong("eps:missing", "eps is missing: it keeps 0 / 0 out of the step", eps=0.0)
    for key in averages:
        beta = settings["beta1" if key == "m" else "beta2"]
        averaged = grads if key == "m" else [g * g for g in grads]
        for id, text, values in wrong_averages(key, beta, averaged, state, new):
            yield WrongUpdate(f"{key}:{id}", text, (after, {**new, key: values}))


def wrong_averages(key, beta, averaged, state, new):
    """Mistakes in a running average: (id, text, the list that replaces the right one)."""
    triples = list(zip(state[key], new[key], averaged, strict=True))
    yield (
        "weights swapped",
        f"{key} gives the past the weight of what is new, and the reverse",
        [(1 - beta) * old + beta * x for old, _, x in triples],
    )
    if state["t"] == 0:  # one number, two ways to it
        yield (
            "not weighted",
            f"what is new enters {key} with weight 1: its factor is missing, or {key} was "
            "corrected before it went into the state",
            averaged,
        )
    yield (
        "factor missing",
        f"what is new enters {key} with weight 1: the weights of an average sum to 1",
        [right + beta * x for _, right, x in triples],
    )
    yield (
        "corrected in the state",
        f"the state holds the corrected {key}: the next update goes on from {key} itself",
        [right / (1 - beta ** (state["t"] + 1)) for _, right, _ in triples],
    )


def wrong_adam(params, grads, state, rule=adam, **settings):
    """Mistakes of updates that divide by the root of the corrected v."""
    yield from wrong_updates(rule, params, grads, state, **settings)
    after, new = rule(params, grads, state, **settings)
    m_factor, v_factor = (1 - settings[beta] ** new["t"] for beta in ("beta1", "beta2"))

    def wrong(id, text, rate=1.0, t=state["t"], **others):
        """The step at another t, `rate` times as long."""
        changed = {**settings, "lr": rate * settings["lr"], **others}
        return WrongUpdate(id, text, rule(params, grads, {**state, "t": t}, **changed))

    yield wrong(
        "m:not corrected",
        "v is corrected and m is not: the step follows m / (1 − beta1^t)",
        rate=m_factor,
    )
    yield wrong(
        "v:not corrected",
        "m is corrected and v is not: the step is divided by the root of v / (1 − beta2^t)",
        rate=1 / m_factor,
        t=ALWAYS,
    )
    yield wrong(
        "v:corrected after the root",
        "correct v first, then take the root: √v̂",
        rate=v_factor / m_factor,
        t=ALWAYS,
    )
    yield wrong(
        "m:unused",
        "the step follows the gradient of this update alone: it must follow m̂",
        beta1=0.0,
    )
    moved = zip(params, after, new["v"], strict=True)
    yield WrongUpdate(
        "v:no root",
        "the step is divided by v̂: divide by its root",
        ([p + (q - p) / (v / v_factor).sqrt() for p, q, v in moved], new),
    )
    old_averages = zip(params, state["m"], state["v"], strict=True)
    lr, eps = settings["lr"], settings.get("eps", 1e-8)
    stale = [p - lr * m / m_factor / ((v / v_factor).sqrt() + eps) for p, m, v in old_averages]
    yield WrongUpdate(
        "state:old in the step",
        "the step follows the averages that came in: average first, then step",
        (stale, new),
    )
    past, weight = settings["beta2"], 1 - settings["beta2"]
    quadruples = list(zip(state["v"], new["v"], new["m"], grads, strict=True))
    for id, text, values in (
        (
            "not squared",
            "v averages the gradient: it must average the squares",
            [v + weight * (g - g * g) for _, v, _, g in quadruples],
        ),
        (
            "squared afterwards",
            "the whole average is squared: v averages the squares of the gradients",
            [(past * old + weight * g) ** 2 for old, _, _, g in quadruples],
        ),
        (
            "of m",
            "v averages the squares of m: it must average those of the gradients",
            [v + weight * (m * m - g * g) for _, v, m, g in quadruples],
        ),
    ):
        yield WrongUpdate(f"v:{id}", text, (after, {**new, "v": values}))


def check_one(student, function, rule, wrong, params, grads, state, **settings):
    """One update, whose right result is rule's and whose mistakes are those of `wrong`."""
    return check_update(
        *(student, function, params, grads, state),
        rule(params, grads, state, **settings),
        options=settings,
        wrong=partial(wrong, params, grads, state, **settings),
    )


def check_seventh(student, function, rule, wrong, rng, **settings):
    """An update in the middle of training."""
    params, grads = tensors(rng), tensors(rng)
    state = {"t": 6, "m": tensors(rng, 0.5), "v": [0.1 + x.square() for x in tensors(rng)]}
    check_one(student, function, rule, wrong, params, grads, state, **SETTINGS, **settings)


@public
@points(1, of="adam_init")
def test_adam_init(student, rng):
    """Averages of zeros in the shapes and dtypes of the parameters, and no update counted."""
    params = [*tensors(rng), rng.normal(), rng.normal(2, 3, 1).float()]
    state = call(student, "adam_init", params)
    counted = Wrong(
        "t:starts at 1",
        "t counts the updates made so far: none yet (an update counts itself)",
        torch.tensor(1),
    )
    check_values(state, start(params), "state", clues={"state['t']": Clues(wrong=(counted,))})
    for key in ("m", "v"):
        for k, (x, p) in enumerate(zip(state[key], params, strict=True)):
            require(
                torch.as_tensor(x).dtype == p.dtype,
                f"state['{key}'][{k}] is {x.dtype}, its parameter is {p.dtype}",
                "Make it like the parameter, not only of its shape.",
                diagnosis="dtype",
            )


@public
@points(1, of="adam_update")
def test_adam_first_step(student, rng):
    """The first step has length lr, however large the gradient."""
    params, grads = tensors(rng), [1000 * x for x in tensors(rng)]
    grads[1] = grads[1] / 1000
    settings = dict(eps=1e-15, **SETTINGS)
    try:
        check_one(
            student, "adam_update", adam, wrong_adam, params, grads, start(params), **settings
        )
    except CheckFailed as failure:
        if failure.diagnosis not in ("nan", "inf"):
            raise
        raise CheckFailed(
            failure.summary,
            "What is 1 − beta^t for t = 0? An update counts itself before it corrects.",
            diagnosis="t:starts at 0",
        ) from None


@public
@points(2, of="adam_update")
def test_adam_update(student, rng):
    """The seventh update: parameters, averages and t."""
    check_seventh(student, "adam_update", adam, wrong_adam, rng)


def wrong_adamax(params, grads, state, **settings):
    """Mistakes in the norm."""
    beta2 = settings["beta2"]
    after, new = adamax(params, grads, state, **settings)

    def norm(id, text, how):
        """Another u in the state, computed as how(old, gradient)."""
        values = [how(u, g) for u, g in zip(state["v"], grads, strict=True)]
        return WrongUpdate(f"norm:{id}", text, (after, {**new, "v": values}))

    def step(id, text, rescale):
        """Another step, rescale(u) times the right one."""
        moved = zip(params, after, new["v"], strict=True)
        moved = [p + (q - p) * rescale(u) for p, q, u in moved]
        return WrongUpdate(f"norm:{id}", text, (moved, new))

    yield norm(
        "not decayed",
        "the largest gradient so far keeps its full size: u fades by beta2 in every step",
        lambda u, g: torch.maximum(u, g.abs()),
    )
    yield norm(
        "not absolute",
        "g may be negative: its size is |g|",
        lambda u, g: torch.maximum(beta2 * u, g),
    )
    yield norm(
        "new gradient decayed",
        "|g| is multiplied by beta2 too: only what is old fades",
        lambda u, g: beta2 * torch.maximum(u, g.abs()),
    )
    yield norm(
        "new gradient weighted",
        "|g| has the weight 1 − beta2: this is a maximum, not an average",
        lambda u, g: torch.maximum(beta2 * u, (1 - beta2) * g.abs()),
    )
    yield norm(
        "of all elements",
        "one maximum over the whole tensor: each element has a norm of its own, over time",
        lambda u, g: torch.maximum(beta2 * u, g.abs().max()),
    )
    yield norm(
        "average",
        "u is a running average of |g|: take the larger of the two, not a mixture",
        lambda u, g: beta2 * u + (1 - beta2) * g.abs(),
    )
    yield norm(
        "Adam's",
        "u is the running average of g², as in Adam",
        lambda u, g: beta2 * u + (1 - beta2) * g * g,
    )
    yield norm(
        "past forgotten",
        "u is |g| of this update alone: the past counts, faded",
        lambda u, g: g.abs(),
    )
    yield step(
        "corrected",
        "u is divided by 1 − beta2^t: a maximum is not too small at the start",
        lambda u: 1 - beta2 ** new["t"],
    )
    yield step("root", "the step is divided by √u: u is a size already", lambda u: u.sqrt())
    yield WrongUpdate(
        "eps:in the norm",
        "eps is inside the maximum and gets into the state, as in PyTorch: add it to u",
        torch_adamax_step(params, grads, state, **{"eps": 1e-8, **settings}),
    )
    yield from wrong_updates(adamax, params, grads, state, averages=("m",), **settings)


@public
@points(2, of="adamax_update")
def test_adamax_update(student, rng):
    """The seventh update: parameters, averages, norms and t."""
    check_seventh(student, "adamax_update", adamax, wrong_adamax, rng)


def wrong_nadam(params, grads, state, **settings):
    """Mistakes in the numerator, put together from Adam's step and from that with beta1 = 0."""
    beta1 = settings["beta1"]
    _, new = nadam(params, grads, state, **settings)
    of_m, _ = adam(params, grads, state, **settings)
    of_g, _ = adam(params, grads, state, **{**settings, "beta1": 0.0})
    now, ahead = 1 - beta1 ** new["t"], 1 - beta1 ** (new["t"] + 1)

    def step(id, text, m_factor, g_factor):
        """The step that follows m_factor · m + g_factor · g."""
        triples = zip(params, of_m, of_g, strict=True)
        after = [p + m_factor * now * (a - p) + g_factor * (b - p) for p, a, b in triples]
        return WrongUpdate(f"nadam:{id}", text, (after, new))

    yield step("adam", "this is the step of Adam: nothing looks ahead", 1 / now, 0.0)
    yield step(
        "same divisor",
        "both terms are divided by 1 − beta1^t: the momentum is that of the next step, t + 1",
        beta1 / now,
        (1 - beta1) / now,
    )
    yield step(
        "both ahead",
        "both terms are divided by 1 − beta1^(t+1): the gradient is that of this step, t",
        beta1 / ahead,
        (1 - beta1) / ahead,
    )
    yield step(
        "divisors swapped",
        "the divisors are swapped: t + 1 goes with the momentum, t with the gradient",
        beta1 / now,
        (1 - beta1) / ahead,
    )
    bracket = "beta1 ** t + 1 is (beta1 ** t) + 1: t + 1 needs a bracket"
    yield step("exponent", bracket, beta1 / (2 - beta1 ** new["t"]), (1 - beta1) / now)
    yield step(
        "gradient not corrected",
        "the gradient's term is not divided by 1 − beta1^t",
        beta1 / ahead,
        1 - beta1,
    )
    yield step(
        "gradient not weighted",
        "the gradient's term lacks its factor 1 − beta1",
        beta1 / ahead,
        1 / now,
    )
    yield step(
        "momentum not weighted",
        "the momentum's term lacks its factor beta1",
        1 / ahead,
        (1 - beta1) / now,
    )
    yield step("gradient missing", "the gradient's own term is missing", beta1 / ahead, 0.0)
    yield WrongUpdate(
        "nadam:schedule",
        "beta1 changes with t, as in PyTorch: here it is constant",
        nadam(params, grads, state, **settings, schedule=4e-3),
    )
    yield from wrong_adam(params, grads, state, rule=nadam, **settings)


@public
@points(1, of="nadam_update")
def test_nadam_update(student, rng):
    """The seventh update: parameters, averages and t."""
    check_seventh(student, "nadam_update", nadam, wrong_nadam, rng)


def adam_l2(params, grads, state, weight_decay, **settings):
    return adam(params, grads, state, **settings, decay=weight_decay)


def adamw(params, grads, state, weight_decay, **settings):
    return adam(params, grads, state, **settings, decay=weight_decay, after=True)


def wrong_decay(rule, params, grads, state, weight_decay, **settings):
    """Mistakes of both kinds of decay: its factor and its sign."""

    def wrong(id, text, decay):
        result = rule(params, grads, state, weight_decay=decay, **settings)
        return WrongUpdate(f"decay:{id}", text, result)

    yield wrong("missing", "the weights are not decayed", 0.0)
    yield wrong("sign", "the weights grow: the decay has the wrong sign", -weight_decay)
    yield wrong("twice", "the decay is twice as strong as it should be", 2 * weight_decay)
    yield wrong("half", "the decay is half as strong as it should be", weight_decay / 2)
    yield wrong("lr", "the decay has a factor lr too many", weight_decay * settings["lr"])
    yield wrong("fixed", "computed with 0.01, whatever weight_decay is", 0.01)
    yield from wrong_updates(rule, params, grads, state, weight_decay=weight_decay, **settings)


def wrong_l2(params, grads, state, weight_decay, **settings):
    """L2 that does not go everywhere where the gradient goes."""
    decay = dict(weight_decay=weight_decay)
    after, new = adam_l2(params, grads, state, **decay, **settings)
    _, undecayed = adam(params, grads, state, **settings)
    yield WrongUpdate(
        "decay:decoupled",
        "the penalty is not in the averages: its gradient goes where the gradient goes",
        adamw(params, grads, state, **decay, **settings),
    )
    yield WrongUpdate(
        "decay:not in v",
        "m has the gradient of the penalty and v has not: both average one gradient",
        (after, {**new, "v": undecayed["v"]}),
    )
    pairs = zip(params, grads, strict=True)
    penalised = [g + weight_decay / 2 * p * p for p, g in pairs]
    yield WrongUpdate(
        "decay:penalty itself",
        "the penalty is added to the gradient: add the gradient of the penalty",
        adam(params, penalised, state, **settings),
    )
    yield from wrong_decay(adam_l2, params, grads, state, **decay, **settings)


@public
@points(1, of="adam_l2_update")
def test_adam_l2_update(student, rng):
    """The gradient of the penalty, weight_decay · p, goes into both averages."""
    check_seventh(student, "adam_l2_update", adam_l2, wrong_l2, rng, weight_decay=0.3)


def wrong_adamw(params, grads, state, weight_decay, **settings):
    """Decay in other places."""
    decay, strength = dict(weight_decay=weight_decay), settings["lr"] * weight_decay
    after, _ = adamw(params, grads, state, **decay, **settings)
    plain, new = adam(params, grads, state, **settings)

    def wrong(id, text, after, new=new):
        return WrongUpdate(f"decay:{id}", text, (after, new))

    yield WrongUpdate(
        "decay:coupled",
        "the decay is in the gradient, and so in m and v: that is L2, not AdamW",
        adam_l2(params, grads, state, **decay, **settings),
    )
    yield wrong(
        "of the averages",
        "m or v is decayed: only the parameters are",
        after,
        {**new, **{key: [(1 - strength) * x for x in new[key]] for key in ("m", "v")}},
    )
    yield wrong(
        "no lr",
        "the decay is not multiplied by lr: p shrinks by lr · weight_decay · p",
        [q - weight_decay * p for p, q in zip(params, plain, strict=True)],
    )
    yield wrong(
        "after the step",
        "the parameter is decayed after its step: decay what it was before",
        [(1 - strength) * q for q in plain],
    )
    corrected = [v / (1 - settings["beta2"] ** new["t"]) for v in new["v"]]
    triples = zip(params, plain, corrected, strict=True)
    eps = settings.get("eps", 1e-8)
    yield wrong(
        "divided",
        "the decay is divided by √v̂ + eps as well: it stands beside the fraction",
        [q - strength * p / (v.sqrt() + eps) for p, q, v in triples],
    )
    yield from wrong_decay(adamw, params, grads, state, **decay, **settings)


@public
@points(1, of="adamw_update")
def test_adamw_without_gradient(student, rng):
    """Where the gradient has always been zero, p shrinks to (1 − lr · weight_decay) p."""
    params, state = tensors(rng), start(tensors(rng))
    settings = dict(weight_decay=0.3, **SETTINGS)
    check_update(
        *(student, "adamw_update", params, state["m"], state),
        ([(1 - 0.3 * SETTINGS["lr"]) * p for p in params], {**state, "t": 1}),
        options=settings,
        wrong=partial(wrong_adamw, params, state["m"], state, **settings),
    )


def descend(batches, params, lr, rule=adam, keep=True, gradients_at=None):
    """The parameters after one update on each of the batches, with autograd's gradients."""
    state = start(params)
    for x, y in batches:
        w, b = (p.clone().requires_grad_() for p in gradients_at or params)
        loss = torch.nn.functional.cross_entropy(torch.addmm(b, x, w), y)
        grads = torch.autograd.grad(loss, [w, b])
        params, new = rule(params, grads, state, lr=lr)
        state = new if keep else state
    return params


def plain_descent(params, grads, state, lr):
    return [p - lr * g for p, g in zip(params, grads, strict=True)], state


def wrong_training(epochs, extra, params, lr):
    """Mistakes in the loop: (id, text, trained parameters)."""
    batches = [batch for epoch in epochs for batch in epoch]
    yield "untrained", "the parameters are those that came in", params
    yield (
        "state:not kept",
        "every update starts from a new state: carry it to the next one",
        descend(batches, params, lr, keep=False),
    )
    again = params
    for epoch in epochs:
        again = descend(epoch, again, lr)
    yield "state:new in each epoch", "every epoch starts from a new state: make it once", again
    yield (
        "restarted",
        "only the last epoch counts: are the parameters set anew in each?",
        descend(epochs[-1], params, lr),
    )
    yield (
        "one order",
        "every epoch has the order of the first: epoch k has the seed seed + k",
        descend(len(epochs) * epochs[0], params, lr),
    )
    shifted = [batch for epoch in [*epochs[1:], extra] for batch in epoch]
    yield "seed", "epoch 0 must have the seed itself", descend(shifted, params, lr)
    early = "only the first epoch counts: is return in the loop?"
    yield "one epoch", early, descend(epochs[0], params, lr)
    yield (
        "first batch",
        "only the first mini-batch of each epoch is used",
        descend([epoch[0] for epoch in epochs], params, lr),
    )
    yield (
        "gradient:stale",
        "the gradients are those at the first parameters: take them at the current ones",
        descend(batches, params, lr, gradients_at=params),
    )
    yield (
        "lr:default",
        "trained with Adam's default learning rate: pass lr on",
        descend(batches, params, 1e-3),
    )
    yield (
        "plain descent",
        "this is plain gradient descent: use adam_update",
        descend(batches, params, lr, rule=plain_descent),
    )


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """One update by Adam for every mini-batch of every epoch."""
    x, y, lr, seed = rng.normal(9, 6).float(), rng.integers(9, high=4), 0.3, rng.seed()
    params = [rng.normal(6, 4).float(), rng.normal(4).float()]
    for n, size in ((1, 9), (3, 4)):
        trained = call(student, "train", x, y, params, n, lr, size, seed)
        *epochs, extra = [student.minibatches(x.double(), y, size, seed + k) for k in range(n + 1)]
        exact = [p.double() for p in params]
        batches = [batch for epoch in epochs for batch in epoch]
        known = list(wrong_training(epochs, extra, exact, lr))
        check_values(
            trained,
            [p.float() for p in descend(batches, exact, lr)],
            "params",
            clues={
                f"params[{k}]": Clues(wrong=tuple(Wrong(id, text, p[k]) for id, text, p in known))
                for k in range(2)
            },
        )
