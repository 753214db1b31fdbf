"""What goes wrong in adaptive_optimizers, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

SHARED = "parameters of one shape share their v: each has its own"
WEIGHT = "what is new enters v with weight 1: the weights of an average sum to 1"
REVERSED = "v gives the past the weight of what is new, and the reverse"
ANEW = "v starts from zero in every update: go on from the one in state"
NO_SQUARE = "v averages the gradients themselves: it averages their squares"
ROOT = "the root of v is kept: take roots in the step, v holds squares"
FOREVER = "the past does not fade: v is an average, AdaGrad's adds up"
SIZES = "v averages the sizes |g|: it averages their squares"
CORRECTED = "v is corrected for its start at zero, as in Adam: RMSProp leaves it"
SQUARED_WEIGHT = "the weight is squared, too: only the gradient is"
ADDS_UP = "the squares add up, as in AdaGrad: here is an average"
FADES = "v stays where the gradient is 0: the average fades there, too"
UNDER = "eps is added under the root: here it is added to the root, √v + eps"
OLD_V = "the step is divided by the v that came in: it needs the new one"
BOUND = "eps is a lower bound here: it is to be added"
WEIGHT_U = "what is new enters u with weight 1: the weights of an average sum to 1"
REVERSED_U = "u gives the past the weight of what is new, and the reverse"
ANEW_U = "u starts from zero in every update: go on from the one in state"
ROOT_U = "the root of u is kept: take roots in the step, u holds squares"
FADES_U = "u stays where the gradient is 0: the average fades there, too"
OF_GRADIENTS = "u averages the squares of the gradients: those of the steps Δ are asked for"
SHARED_U = "parameters of one shape share their u: each has its own"
NEW_V = "Δ needs the new v: average the square of this gradient first, then step"
ONE_WEIGHT = "the step is multiplied by 1 − rho: that is a weight of the averages"
NEW_U = "Δ needs the old u: the new one is made from Δ, after it"
NO_U = "the root of u is missing above the fraction line: this is RMSProp with lr = 1"
ROOTS = "a root is missing: u and v are squared sizes, divide √(u + eps) by √(v + eps)"
UPSIDE_DOWN = "the fraction is upside down: √(u + eps) above, √(v + eps) below"
EPS_OUTSIDE = "eps is added to a root: here it is added to u and v, under the roots"
RATE = "there is a learning rate in the step: AdaDelta has none"

init_state = mistakes(
    change("torch.zeros_like(p) -> torch.zeros(p.shape)"),
    change(
        ("zeros_like -> ones_like", "zeros_like(p) -> zeros_like(p) + 0.1"),
        "the sums do not start at 0: nothing has been seen yet",
    ),
    change(('"vu" -> "v"', '"rmsprop": "v" -> "rmsprop": "vu"')),
    change("if optimiser not in entries: -> if False:"),
    change('if optimiser -> entries.setdefault(optimiser, "v")\n    if optimiser'),
)

adagrad_update = rmsprop_update = mistakes(
    change("append(v) -> append(v.sqrt())", ROOT),
    change("v.sqrt() + eps -> (v + eps).sqrt()", UNDER),
    change(" + eps -> ", "eps is missing: it keeps 0 / 0 out of the step"),
    change("v.sqrt() + eps -> v.sqrt().clamp(min=eps)", BOUND),
    change("v.sqrt() + eps -> (v + eps**2).sqrt()", "eps is squared, and under the root: √v + eps"),
    change("v.sqrt() + eps -> v.sqrt() + eps * (v == 0)", "eps is added only where v is 0"),
    change(".sqrt() -> ", "the step is divided by v, which is a squared size: divide by its root"),
    change("lr * g / -> lr * g.clamp(-1, 1) /", "the gradient is cut off at ±1: take it as it is"),
    change("v =  -> old, v = v, ", OLD_V, also="(v.sqrt -> (old.sqrt"),
    change('{"v": vs} -> state', "v is as it came: it takes in what is new, too"),
    change('{"v": vs} -> vs'),
    change("p - lr -> p + lr"),
    change("p - lr * g -> p - g"),
    change("p - lr * g / ( -> p - lr * g.div_("),
    change("strict=True -> strict=False"),
)

adagrad_update = mistakes(
    change("v + g**2 -> g**2", "only this gradient counts: v adds up the squares of all of them"),
    change("v + g -> 0.9 * v + 0.1 * g", "v forgets, as RMSProp's average does: AdaGrad adds up"),
    change("g**2 -> g", "v adds up the gradients themselves: it adds up their squares"),
    change("g**2 -> g.abs()", "v adds up the sizes |g|: it adds up their squares"),
    change("v + g**2 -> (v.sqrt() + g.abs()) ** 2", "it adds, then squares: square, then add"),
    change("g**2 -> g**2 / 2", "half of each square is added: v adds up the squares themselves"),
    change("g**2 -> (lr * g) ** 2", "lr is in v: the squares are those of g alone"),
    change("= v -> = next((w for w in vs if w.shape == v.shape), v)", SHARED),
    change("v = v + g**2 -> v += g**2"),
)


@mistake()
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    params = [p.clone() for p in params]
    optimiser = torch.optim.Adagrad(params, lr=lr, eps=eps)
    for p, g, v in zip(params, grads, state["v"], strict=True):
        p.grad = g
        optimiser.state[p]["sum"] = v.clone()
    optimiser.step()
    return params, {"v": [optimiser.state[p]["sum"] for p in params]}


rmsprop_update = mistakes(
    change("(1 - beta) * -> ", WEIGHT),
    change("beta * v + (1 - beta) -> (1 - beta) * v + beta", REVERSED),
    change("beta * v + ( -> (", ANEW),
    change("beta * v -> v", FOREVER),
    change("g**2 -> g", NO_SQUARE),
    change("g**2 -> g.abs()", SIZES),
    change("beta * v + (1 - beta) * g**2 -> (beta * v.sqrt() + (1 - beta) * g.abs()) ** 2", SIZES),
    change("g**2 -> torch.where(g == 0, v, g**2)", FADES),
    change("g**2 -> (g**2).maximum(v)", "v never falls, as in AMSGrad: the average does"),
    change("beta * v -> beta * next((w for w in vs if w.shape == v.shape), v)", SHARED),
    change("v.sqrt() -> (v / (1 - beta)).sqrt()", CORRECTED),
    change("(1 - beta) * g**2 -> ((1 - beta) * g) ** 2", SQUARED_WEIGHT),
    change("v = beta * v + (1 - beta) -> v = 0.9 * v + 0.1"),
    change("* g / -> * (1 - beta) * g /", "the step is multiplied by 1 − beta: v has that weight"),
)

adadelta_update = mistakes(
    change("(1 - rho) * g -> g", WEIGHT),
    change("rho * v + (1 - rho) -> (1 - rho) * v + rho", REVERSED),
    change("rho * v + ( -> (", ANEW),
    change("rho * v -> v", FOREVER),
    change("g**2 -> g", NO_SQUARE),
    change("g**2 -> g.abs()", SIZES),
    change("* g**2 -> * torch.where(g == 0, v, g**2)", FADES),
    change("vs.append(v) -> vs.append(v.sqrt())", ROOT),
    change("rho * v -> rho * next((w for w in vs if w.shape == v.shape), v)", SHARED),
    change("(1 - rho) * g**2 -> ((1 - rho) * g) ** 2", SQUARED_WEIGHT),
    change(("rho * v + (1 - rho) * -> v + ", "rho * u + (1 - rho) * -> u + "), ADDS_UP),
    change("rho * v + (1 - rho) -> 0.95 * v + 0.05", "v is computed with 0.95, whatever rho is"),
    change('"v": vs -> "v": state["v"]', "v is as it came: it averages what is new, too"),
    change("(1 - rho) * delta -> delta", WEIGHT_U),
    change("rho * u + (1 - rho) -> (1 - rho) * u + rho", REVERSED_U),
    change("rho * u + ( -> (", ANEW_U),
    change("rho * u -> u", "the past of u does not fade: u is an average, too"),
    change("delta**2 -> delta", "u averages the steps themselves: it averages their squares"),
    change("delta**2 -> delta.abs()", "u averages the sizes |Δ|: it averages their squares"),
    change("* delta**2 -> * torch.where(g == 0, u, delta**2)", FADES_U),
    change("us.append(u) -> us.append(u.sqrt())", ROOT_U),
    change(
        "delta =  -> u = next((w for w in us if w.shape == u.shape), u)\n        delta = ", SHARED_U
    ),
    change("rho * u + (1 - rho) -> 0.95 * u + 0.05", "u is computed with 0.95, whatever rho is"),
    change('"u": us -> "u": state["u"]', "u is as it came: it averages what is new, too"),
    change("delta**2 -> g**2", OF_GRADIENTS),
    change("v = rho -> old, v = v, rho", NEW_V, also="(v + eps) -> (old + eps)"),
    change("p - delta -> p - ((u + eps) / (v + eps)).sqrt() * g", NEW_U),
    change("(u + eps) / -> 1 /", NO_U),
    change("(u + eps) / (v + eps) -> (v + eps) / (u + eps)", UPSIDE_DOWN),
    change(("(v + eps)).sqrt() -> (v + eps)).sqrt() / (v + eps).sqrt()", "(v + eps))"), ROOTS),
    change("(u + eps) / -> (u + eps) ** 2 /", ROOTS),
    change("((u + eps) / (v + eps)).sqrt() -> (u.sqrt() + eps) / (v.sqrt() + eps)", EPS_OUTSIDE),
    change("((u + eps) / (v + eps)).sqrt() -> (u + eps).sqrt() / (v.sqrt() + eps)", EPS_OUTSIDE),
    change("(u + eps) -> u", "there is no eps beside u: the first step is 0, and all after it"),
    change("(v + eps) -> v.clamp(min=eps)", BOUND),
    change("(v + eps) -> v", "there is no eps beside v: it keeps 0 / 0 out of the step"),
    change(("p - delta -> p - 0.001 * delta", "p - 0.01 * delta", "p - 0.1 * delta"), RATE),
    change("p - delta -> p - (1 - rho) * delta", ONE_WEIGHT),
    change("p - delta -> p + delta"),
    change("u = rho * u +  -> u *= rho\n        u += "),
    change("strict=True -> strict=False"),
)

EACH_EPOCH = "every epoch starts from a new state: make it once"
LR_ALONE = "of the settings lr alone is handed on: hand on all of them"
AFTER = "this is the loss after the update: the one before it is asked for"
NOT_GIVEN = "a setting that is not given has another default: it keeps the update's own"

train = mistakes(
    change("params, state = -> _, state =", "the parameters are those that came in"),
    change(", state = -> , _ =", "every update starts from a new state: carry it to the next one"),
    change("(epochs): -> (epochs):\n        state = init_state(params, optimiser)", EACH_EPOCH),
    change(
        "losses = [] -> losses, first = [], params",
        "only the last epoch counts: are the parameters set anew in each?",
        also="(epochs): -> (epochs):\n        params, state = first, init_state(first, optimiser)",
    ),
    change("seed + epoch -> seed", "every epoch has the first one's order: k's seed is seed + k"),
    change("seed + epoch -> seed + epoch + 1", "epoch 0 must have the seed itself"),
    change(", **settings -> ", "trained with the default settings: hand settings on to the update"),
    change(
        "updates[optimiser](params, grads, state, **settings) -> "
        'adagrad_update(params, grads, state, settings.get("lr", 0.01), settings.get("eps", 1e-8))',
        "AdaGrad is used, whatever the optimiser is",
    ),
    change("(x_batch, y_batch, -> (x, y,", "gradients of all data: take the mini-batch's"),
    change('**settings -> **{k: s for k, s in settings.items() if k == "lr"}', LR_ALONE),
    change('**settings -> **(settings or {"rmsprop": {"lr": 0.01}}.get(optimiser, {}))', NOT_GIVEN),
    change(
        "(x_batch, y_batch, params) -> (x_batch, y_batch, first)",
        "the gradients are those at the epoch's first parameters: take those of params as they are",
        also="(epochs): -> (epochs):\n        first = params",
    ),
    change("float(loss) -> float(network_gradient(x_batch, y_batch, params)[0])", AFTER),
    change(
        "grads, state, **settings) -> grads, state, **settings) if False else (params, state)",
        "one update in an epoch: every mini-batch has one",
        also="losses.append(float(loss)) -> losses.append(float(loss))\n"
        "        params, state = updates[optimiser](params, grads, state, **settings)",
    ),
    change("epoch): -> epoch)[: len(x) // batch_size]:", "a smaller last batch is left out"),
    change("seed + epoch): -> seed + epoch)[:-1]:", "the last batch is left out"),
    change(("range(epochs) -> range(1, epochs)", "range(epochs - 1)"), "an epoch is left out"),
    change("seed + epoch -> seed * epoch", "the seed is multiplied: epoch k's seed is seed + k"),
    change("    losses.a -> losses.a", "an epoch has one loss: every mini-batch has one"),
    change("    return ->         return", "only one epoch counts: is return in the loop?"),
)


@alternative("torch's fused operators; tuples for lists")
class Fused:
    def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
        vs = tuple(torch.addcmul(v, g, g) for v, g in zip(state["v"], grads, strict=True))
        triples = zip(params, grads, vs, strict=True)
        return [torch.addcdiv(p, g, v**0.5 + eps, value=-lr) for p, g, v in triples], {"v": vs}

    def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
        vs = tuple(v.lerp(g * g, 1 - beta) for v, g in zip(state["v"], grads, strict=True))
        triples = zip(params, grads, vs, strict=True)
        return tuple(p - lr / (eps + v.sqrt()) * g for p, g, v in triples), {"v": vs}


@alternative("copies changed in place, errors raised by hand")
class Loops:
    def init_state(params, optimiser):
        names = {"adagrad": ["v"], "rmsprop": ["v"], "adadelta": ["u", "v"]}
        if optimiser not in names:
            raise ValueError(optimiser)
        zeros = [torch.zeros(p.shape, dtype=p.dtype, device=p.device) for p in params]
        return {name: list(zeros) for name in names[optimiser]}

    def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
        if len(params) != len(grads):
            raise ValueError("one gradient for each parameter")
        params, v = [p.clone() for p in params], [v.clone() for v in state["v"]]
        for k in range(len(params)):
            v[k] += grads[k] * grads[k]
            params[k] -= lr * grads[k] / (torch.sqrt(v[k]) + eps)
        return [params, {"v": v}]

    def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
        if len(params) != len(grads):
            raise ValueError("one gradient for each parameter")
        params, new = [p.clone() for p in params], {"v": [], "u": []}
        for k, g in enumerate(grads):
            new["v"].append(rho * state["v"][k] + (1 - rho) * g.square())
            step = -torch.sqrt(state["u"][k] + eps) * torch.rsqrt(new["v"][k] + eps) * g
            new["u"].append(rho * state["u"][k] + (1 - rho) * step.square())
            params[k] += step
        return params, new


@alternative("float32 inside; losses as tensors; the optimiser by its name")
class Float32:
    def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
        updated, vs = [], []
        for p, g, v in zip(params, grads, state["v"], strict=True):
            g = g.float()
            vs.append(beta * v.float() + (1 - beta) * g**2)
            updated.append(p - lr * g / (vs[-1].sqrt() + eps))
        return updated, {"v": vs}

    def train(x, y, params, optimiser, epochs, batch_size, seed, **settings):
        state, losses = init_state(params, optimiser), []
        update = globals()[f"{optimiser}_update"]
        for k in range(epochs):
            for batch in minibatches(x, y, batch_size, seed + k):
                loss, grads = network_gradient(*batch, params)
                params, state = update(params, grads, state, **settings)
                losses += [loss]
        return [params, losses]
