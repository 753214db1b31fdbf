"""What goes wrong in gradient_descent, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

GROW = "the decay makes weights grow: its gradient is added to g, and subtracted by the step"
KEPT = "the velocity is returned as it came: the next step needs the new one"
PAST = "the past is forgotten: u is made of the u in state, too"
FADE = "old gradients do not fade: u is multiplied by beta"
MIXED = "(1 − β) is mixed in: u is a sum of gradients here, not an average"
INSIDE = "lr is in the velocity: u is a sum of gradients, and lr stands once, in the step"
SIGN = "the gradient is subtracted from u: u adds gradients up, the step subtracts lr · u"
ALONE = "the step follows the gradient alone: it must follow the velocity"
STALE = "the step follows the velocity that came in: first the velocity, then the step"
AHEAD = "the step is lr · (g + βu), as in PyTorch's nesterov=True: here it is lr · u"
LESS = "too small a decrease is accepted: c · rate · ‖g‖² is needed, with c and the square"
SUM = "the gradient accumulates over the batches: each step takes that of its own batch"
ROUNDING = "only rounding ends the search: is the trial at p − rate · g, and is c not lost?"
ONE_STEP = "an epoch has one step only: take one for each batch, with its examples"
LAST_TRIAL = "compared with the trial before: the loss at params stays what it is"
FIRST_ONLY = "only the first parameter looks ahead: all do"
NESTEROV = "these are Nesterov's steps: momentum_update is asked for"
CUT = "the last batch of an epoch is left out"
POINT = "the look-ahead itself is added to the velocity: add the gradient there"
POLYAK = "the gradient is taken at w, as in Polyak's momentum: look where the velocity leads"
FACTOR = "the decay is not multiplied by lr: it is a part of the gradient"
STEPS = "no step knows of the one before: pass the state on to the next one, and beta"
EPOCHS = "every epoch starts from velocity zero: make the state once"
SHORT = "the gradient of a short batch is scaled: its mean is over its own examples"
PENALTY = "the penalty is not in the velocity: its gradient goes where the gradient goes"
START = "every gradient is taken at the first parameters: the next batch meets the new ones"
ONE_EPOCH = "only one epoch counts: is return in the loop, or are params set anew in each epoch?"

epoch_batches = mistakes(
    change("size)) -> size))[: max(n // batch_size, 1)]"),
    change("torch.randperm(n,  -> torch.randint(n, (n,), "),
    change("order. -> order.msort()."),
    change("generator=torch.Generator().manual_seed(seed) -> "),
    change(".manual_seed(seed) -> "),
    change("list(order.split(batch_size)) -> order"),
)

sgd_update = momentum_update = mistakes(
    change("g + weight -> g - weight", GROW),
    change("decay * p -> decay * 0", "the weights are not decayed"),
    change("weight_decay -> lr * weight_decay", "the decay has a factor lr too many"),
    change("decay * p -> decay * p * (p.ndim > 1)", "only matrices decay: all are penalised alike"),
    change("decay * p -> decay * p / p.norm()", "the penalty is ‖p‖: the gradient of ½α‖p‖² is αp"),
    change(("g = g + -> g +=", "strict=True -> strict=False")),
)

sgd_update = mistakes(
    change("p - lr * g -> p + lr * g", "the step goes uphill: subtract lr · gradient"),
    change("p - lr * g -> p - g", "the learning rate is missing"),
    change("p - lr * g -> -lr * g", "the step is returned: add it to the parameter"),
    change(
        "g = g + weight_decay * p -> q = p - g * lr",
        "the decay is that of the parameter after its step: take p as it was",
        also="p - lr * g -> q - lr * weight_decay * q",
    ),
    change("g = g + weight_decay * p -> p = (1 - weight_decay) * p", FACTOR),
    change("g + weight -> g + 2 * weight", "the decay is doubled: the derivative of ½αp² is αp"),
    change("decay * p -> decay / 2 * p * p", "the penalty is added to g: add its derivative"),
    change("decay * p -> decay * p.sign()", "the decay is that of α|p|: ½αp² is asked for"),
    change(("p - lr * g -> p - lr * lr * g", "p.sub_(lr * g)")),
)

momentum_update = mistakes(
    change("return updated, velocities -> return updated, state", KEPT),
    change("state, strict -> zero_velocity(params), strict", PAST),
    change("beta * u -> u", FADE),
    change("* u + g -> * (u + g)", "the new gradient fades at once: β is for the old u alone"),
    change(("beta * u + g -> beta * u + (1 - beta) * g", "(1 - beta) * u + beta * g"), MIXED),
    change("beta * u + g -> beta * u + lr * g", INSIDE),
    change("u + g -> u + lr * g", INSIDE, also="lr * u -> u"),
    change("u + g -> u - lr * g", INSIDE, also="- lr * u -> + u"),
    change("beta * u + g -> u + beta * g", "the new gradient fades: β is for the old u"),
    change("u + g -> u - g", SIGN),
    change("u + g -> u - g", SIGN, also="p - lr -> p + lr"),
    change("p - lr * u -> p + lr * u", "the step goes uphill: subtract lr · u"),
    change("lr * u -> lr * g", ALONE),
    change("u = beta * u + g -> new = beta * u + g", STALE, also="append(u) -> append(new)"),
    change("lr * u -> lr * (g + beta * u)", AHEAD),
    change("(u) -> (u - weight_decay * p)", PENALTY),
    change("lr * u -> lr * (u + weight_decay * p)", "the decay counts twice: u has it already"),
    change("beta * u + g -> u.mul_(beta).add_(g)"),
)

nesterov_update = mistakes(
    change("(ahead) -> (params)", POLYAK),
    change("lr * beta -> beta", "it looks at w − βu: without lr a sum of gradients is no step"),
    change("lr * beta -> lr", "it looks at w − lr · u: the old velocity fades by β"),
    change("lr * beta -> -lr * beta", "it looks back, to where the ball came from"),
    change("_, grads = objective(ahead) -> grads = ahead", POINT),
    change("n updated, velocities -> n updated, [beta*u + a for u, a in zip(state, ahead)]", POINT),
    change("objective(ahead) -> objective([ahead[0], *params[1:]])", FIRST_ONLY),
    change("(params, g -> (ahead, g", "the step starts at the look-ahead: start at w, u has βu"),
    change("return updated -> return ahead", "the step ends at the look-ahead, made for looking"),
    change("return updated, velocities -> return updated, state", KEPT),
    change(
        "_, grads = objective(ahead) -> grads = [objective([*params[:k], a, *params[k + 1 :]])[1]"
        "[k] for k, a in enumerate(ahead)]",
        "each parameter looks ahead alone: move all, then take the gradient once",
    ),
    change("grads, state -> grads, zero_velocity(params)", PAST),
    change("lr, beta) -> lr, 1.0)", FADE),
    change("grads, state -> [(1 - beta) * g for g in grads], state", MIXED),
    change("grads, state, lr, -> [lr * g for g in grads], state, 1.0,", INSIDE),
    change("grads, state, lr, -> [-g for g in grads], state, -lr,", SIGN),
    change("return updated -> return sgd_update(params, grads, None, lr)[0]", ALONE),
    change("return updated -> return sgd_update(params, state, None, lr)[0]", STALE),
)


@mistake(AHEAD)
def nesterov_update(params, objective, state, lr, beta):
    _, grads = objective(params)
    velocities = [beta * u + g for u, g in zip(state, grads, strict=True)]
    triples = zip(params, grads, velocities, strict=True)
    return [p - lr * (g + beta * u) for p, g, u in triples], velocities


line_search = mistakes(
    change("lr *= shrink -> return lr", "the first rate is returned, good or not"),
    change("return lr -> return shrink * lr", "the rate is shrunk once more than needed"),
    change("return lr -> return lr / shrink", "the rate before the good one is returned"),
    change("while -> lr *= shrink\n    while", "the first rate to try is lr itself"),
    change("lr *= shrink -> lr /= 2", "the rate is halved, whatever shrink is"),
    change(("loss - c * lr * slope -> loss", "loss - c -> loss + c", "square() -> abs()"), LESS),
    change(
        "after, _ = -> after, there =",
        "‖g‖² is that at the trial: take the gradient at params, once",
        also="if after -> slope = sum(g.square().sum() for g in there)\n        if after",
    ),
    change(
        ("while True -> for _ in range(20)", "for _ in range(50)"),
        "the search gives up after some trials: it goes on until the condition holds",
        also="lr *= shrink -> lr *= shrink\n    return lr",
    ),
    change("g.square().sum() -> g.square().mean()", "squares are averaged: ‖g‖² is their sum"),
    change("lr *= shrink -> lr *= shrink\n        loss = after", LAST_TRIAL),
    change("grads) -> grads[:1])", "‖g‖² is that of the first tensor: it is over all parameters"),
    change("after <= -> not after >", "a loss of NaN is accepted: no comparison with NaN is true"),
    change(("None, lr) -> None, -lr)", "c * lr -> lr"), ROUNDING),
    change("after <= -> after <"),
    change("c * lr -> c"),
    change("trial, _ = -> params, _ =", also="(trial) -> (params)"),
    change("while True: -> first = lr\n    while True:", also="None, lr) -> None, first)"),
    change("lr > 0 and  -> "),
    change(("0 < shrink < 1 and  -> ", "0 < shrink < 1 -> 0 < shrink <= 1")),
    change((" and 0 < c < 1 -> ", "0 < c < 1 -> 0 <= c < 1")),
    change(("math.isfinite(loss) -> loss < math.inf", "loss == loss", "abs(loss) != math.inf")),
)

train = mistakes(
    change("params, state = -> _, state =", "the parameters are those that came in"),
    change("params, state = -> params, _ =", STEPS),
    change("(epochs): -> (epochs):\n        state = zero_velocity(params)", EPOCHS),
    change(
        "grads, state, lr -> total := [t + g for t, g in zip(total, grads)], state, lr",
        SUM,
        also="state = z -> total = state = z",
    ),
    change(
        "grads, state, lr -> total := [t + g for t, g in zip(total, grads)], state, lr",
        SUM,
        also="(epochs): -> (epochs):\n        total = zero_velocity(params)",
    ),
    change("grads, state, lr -> [g * len(batch) / batch_size for g in grads], state, lr", SHORT),
    change("lr, beta) -> lr, beta, 1e-3)", "the weights decay: here nothing does"),
    change("lr, beta) -> lr, 0.9)", "beta is 0.9 throughout: hand on the one that is given"),
    change("(x[batch], y[batch]) -> (x, y)", "every step uses all examples, not its batch"),
    change("epoch_batches(len(x), batch_size, seed + epoch) -> [torch.arange(len(x))]", ONE_STEP),
    change("beta) -> beta)\n            break", ONE_STEP),
    change("[batch])(params) -> [batch])(w0)", START, also="state = z -> w0, state = params, z"),
    change(("epoch) -> epoch)[:-1]", "epoch)[: len(x) // batch_size]"), CUT),
    change("epoch) -> epoch)[: len(x) // batch_size or 1]", CUT),
    change("y[batch] -> y[batch.msort()]", "x and y are taken in different orders: a batch is one"),
    change(("    r ->         r", "(epochs) -> (epochs)[-1:]"), ONE_EPOCH),
    change("    r ->             r", "only the first step counts: is return in the inner loop?"),
    change("seed + epoch -> seed", "every epoch has the first one's order: k's seed is seed + k"),
    change("seed + epoch -> seed + epoch + 1", "epoch 0 must have the seed itself"),
    change(
        "[batch])(params) -> [batch]), softmax_regression(x[batch], y[batch])",
        NESTEROV,
        also="momentum -> nesterov",
    ),
    change("lr, beta) -> beta, lr)", "lr and beta are swapped in the call of momentum_update"),
)


@alternative("batches by slicing; loops; the decay as a factor; float32 inside")
class Loops:
    def epoch_batches(n, batch_size, seed):
        generator = torch.Generator().manual_seed(seed + 1)
        order = torch.rand(n, generator=generator).argsort()
        return tuple(order[start : start + batch_size] for start in range(0, n, batch_size))

    def sgd_update(params, grads, state, lr, weight_decay=0.0):
        if len(params) != len(grads):
            raise ValueError("as many gradients as parameters")
        shrunk = [(1 - lr * weight_decay) * p for p in params]
        return tuple(shrunk[i] - lr * grads[i] for i in range(len(params))), state

    def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
        if not len(params) == len(grads) == len(state):
            raise ValueError("lengths")
        updated, velocities = [], []
        for p, g, u in zip(params, grads, state, strict=True):
            v = u.float().mul(beta).add_(g.float()).add_(p.float(), alpha=weight_decay)
            updated.append((p.float() - lr * v).to(p.dtype))
            velocities.append(v.to(p.dtype))
        return updated, velocities

    def line_search(params, objective, lr, shrink, c):
        loss, grads = objective(params)
        if lr <= 0 or not 0 < shrink < 1 or not 0 < c < 1 or loss.isnan() or loss.isinf():
            raise ValueError("settings")
        squares = torch.cat([g.flatten() for g in grads]).square().sum()
        for k in range(10000):
            rate = lr * shrink**k
            after, _ = objective([p - rate * g for p, g in zip(params, grads, strict=True)])
            if loss - after >= c * rate * squares:
                return torch.tensor(rate)


@alternative("Nesterov without the other updates; the training in one loop over all steps")
class Alone:
    def nesterov_update(params, objective, state, lr, beta):
        rolled = sgd_update(params, [beta * u for u in state], None, lr)[0]
        _, grads = objective(tuple(rolled))
        state = [beta * u + g for u, g in zip(state, grads, strict=True)]
        return [r - lr * g for r, g in zip(rolled, grads, strict=True)], state

    def train(x, y, params, epochs, lr, beta, batch_size, seed):
        (w, b), u, v = params, 0, 0
        seeds = range(seed, seed + epochs)
        for batch in [i for k in seeds for i in epoch_batches(len(x), batch_size, k)]:
            _, (dw, db) = softmax_regression(x[batch], y[batch])([w, b])
            u, v = beta * u + dw, beta * v + db
            w, b = w - lr * u, b - lr * v
        return [w, b]
