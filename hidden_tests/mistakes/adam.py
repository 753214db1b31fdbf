"""What goes wrong in adam, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

COUNT = '"t": t -> "t": state["t"] + 1'
DEFAULTS = "computed with 0.9 and 0.999: take, or pass on, the beta1 and beta2 that are given"
SWAPPED = "beta1 and beta2 are swapped: beta1 belongs to the gradient, beta2 to its size"

adam_init = mistakes(
    change('"t": 0 -> "t": 1', "t starts at 1: it counts the updates made so far, none yet"),
    change('v": [torch.zeros_like(p) -> v": [torch.ones_like(p)', "v starts at 1: 0 is asked for"),
    change('"m": [torch.zeros_like(p) for p in params] -> "m": torch.zeros_like(params[0])'),
    change('m": [torch.zeros_like(p) -> m": [p.clone()', "m starts at the parameters: 0 is due"),
    change(
        'm": [torch.zeros_like(p) -> m": [torch.zeros(p.shape)',
        "an average has torch's default dtype: make it like the parameter, not only of its shape",
    ),
)

REVERSED = "m gives the past the weight of what is new, and the reverse"
EVERY_PARAMETER = "t grows with every parameter: an update of all parameters counts once"
AS_IT_CAME = "corrected for t as it came: an update counts itself first, 1 − beta^0 would be 0"
TOO_SMALL = "the averages are used as they are: having started at zero, they are too small still"
CORRECTED = "the state holds the corrected m: keep m itself, from which the next update goes on"

# What all three count, correct, average and step alike.
adam_update = adamax_update = nadam_update = mistakes(
    change('"t": t -> "t": state["t"]', "t is as it came: the new state counts this update"),
    change("m = beta1 -> t += bool(ms)\n        m = beta1", EVERY_PARAMETER),
    change('"t"] + 1 -> "t"]', AS_IT_CAME, also=COUNT),
    change('state["t"] + 1 -> 1', "corrected as in the first update: take beta^t", also=COUNT),
    change(
        'state["t"] + 1 -> state["t"] + 2', "corrected for t + 1: t counts this one", also=COUNT
    ),
    change('state["t"] + 1 -> float("inf")', TOO_SMALL, also=COUNT),
    change("updated, ms -> beta1, beta2 = beta2, beta1\n    updated, ms", SWAPPED),
    change("updated, ms -> beta1, beta2 = 0.9, 0.999\n    updated, ms", DEFAULTS),
    change("beta1 * m + (1 - beta1) * -> (1 - beta1) * m + beta1 *", REVERSED),
    change("+ (1 - beta1) * -> +", "g enters m with weight 1: the weights of an average sum to 1"),
    change("beta1 * m +  -> ", "m starts from zero in every update: go on from the one in state"),
    change("append(m) -> append(m / (1 - beta1**t))", CORRECTED),
    change(
        'updated, ms -> of = {p.shape: m for p, m in zip(params, state["m"])}\n    updated, ms',
        "parameters of one shape share their averages: each has its own",
        also=("beta1 * m + -> beta1 * of[p.shape] +", "ms.app -> of[p.shape] = m; ms.app"),
    ),
    change('t = state["t"] + 1 -> state["t"] += 1\n    t = state["t"]'),
    change("m = beta1 * m + -> m *= beta1\n        m = m +"),
    change("p - lr * -> p + lr *", "the step goes uphill: subtract it"),
    change("p - lr * -> p - lr / t**0.5 *", "the rate is divided by √t: it stays lr"),
    change("p - lr * -> p -", "the learning rate is missing from the step"),
    change("p - lr * -> -lr *", "the step is returned: the parameter after the step is asked for"),
    change(" + eps -> ", "eps is missing: it keeps 0 / 0 out of the step"),
    change(" + eps -> .clamp(min=eps)", "eps is a lower bound: it is to be added"),
    change(" + eps -> * (1 + eps)", "eps is a share of what is there: it is to be added"),
)

REVERSED_V = "v gives the past the weight of what is new, and the reverse"
AMSGRAD = "v never falls, as in AMSGrad: it is an average, and no maximum"
SQUARED = "the whole average is squared: v averages the squares of the gradients"

# What the two have in common that average the squares and divide by the root.
adam_update = nadam_update = mistakes(
    change("beta2 * v +  -> ", "v starts from zero in every update: go on from the one in state"),
    change("+ (1 - beta2) * -> +", "g² enters v with weight 1: the weights of an average sum to 1"),
    change("beta2 * v + (1 - beta2) * -> (1 - beta2) * v + beta2 *", REVERSED_V),
    change("append(v) -> append(v_hat)", "the state holds the corrected v: keep v itself"),
    change("g**2 -> g", "v averages the gradient: it must average the squares"),
    change("g**2 -> g.abs()", "v averages |g|: it must average the squares"),
    change("g**2 -> (g - m) ** 2", "v averages (g − m)², as in AdaBelief: it must average g²"),
    change("append(v) -> append(g**2)", "v is the square of this gradient alone: it is an average"),
    change("g**2 -> m**2", "v averages the squares of m: it must average those of the gradients"),
    change("beta2 * v + (1 - beta2) * g**2 -> (beta2 * v + (1 - beta2) * g) ** 2", SQUARED),
    change("v_hat = v -> v = torch.maximum(v, state['v'][len(vs)])\n        v_hat = v", AMSGRAD),
    change(
        "m = beta1 -> if not g.any():\n            updated.append(p), ms.append(m), vs.append(v)\n"
        "            continue\n        m = beta1",
        "nothing is done where the gradient is zero: m and v fade, and the step goes on",
    ),
    change(" / (1 - beta2**t) -> ", "m is corrected and v is not: divide by the root of v̂"),
    change("beta2**t -> beta2 ** (t + 1)", "v is corrected for t + 1: it averages t squares"),
    change("beta2**t -> beta1**t", "v is corrected with beta1: its own is beta2"),
    change("beta2**t -> beta2 * t", "v is corrected with beta2 · t: beta2 to the power t"),
    change("v_hat.sqrt() -> v.sqrt() / (1 - beta2**t)", "correct v first, then take the root: √v̂"),
    change(".sqrt() -> ", "the step is divided by v̂: divide by its root"),
    change(".sqrt() + eps) ->  + eps).sqrt()", "eps is under the root: add it to the root instead"),
    change("eps) -> eps / (1 - beta2**t) ** 0.5)", "eps is added to √v: correct, then add it"),
)

adam_update = mistakes(
    change(" / (1 - beta1**t) -> ", "v is corrected and m is not: the step follows m̂"),
    change("beta1**t -> beta1 ** (t + 1)", "m is corrected for t + 1: it averages t gradients"),
    change("beta1**t -> beta2**t", "m is corrected with beta2: its own is beta1"),
    change("beta1**t -> beta1 * t", "m is corrected with beta1 · t: beta1 to the power t"),
    change("m / (1 - beta1**t) -> g", "the step follows the new gradient alone: it must follow m̂"),
    change("* m_hat -> * (m_hat + eps)", "eps is added to m̂ too: it belongs in the divisor only"),
    change(
        'm_hat = m / -> m_hat = state["m"][len(ms)] /',
        "the step follows the averages that came in: average first, then step",
        also='v_hat = v / -> v_hat = state["v"][len(vs)] /',
    ),
    change(" + eps ->  + 1e-8", "computed with eps = 1e-8, whatever eps is"),
)

AVERAGE = "u is a running average of |g|: take the larger of the two, not a mixture"
INSIDE = "eps is inside the maximum and gets into the state, as in PyTorch: add it to u"
AS_IN_ADAM = "u is the running average of g², as in Adam: it is a maximum of sizes"

adamax_update = mistakes(
    change("beta2 * u -> u", "the largest gradient keeps its full size: u fades by beta2"),
    change("beta2 * u -> 0 * u", "u is |g| of this update alone: the past counts, faded"),
    change("g.abs() -> g", "g may be negative: its size is |g|"),
    change("g.abs() -> g**2", "g² stands for |g|: u is a maximum of sizes, and takes no root"),
    change("g.abs() -> m.abs()", "u is a maximum of |m|: take that of the gradients, |g|"),
    change("g.abs() -> beta2 * g.abs()", "|g| is multiplied by beta2 too: only what is old fades"),
    change("g.abs() -> (1 - beta2) * g.abs()", "|g| has the weight 1 − beta2: a maximum has none"),
    change("g.abs() -> g.abs().max()", "one maximum of the whole tensor: each element has one"),
    change("torch.maximum(beta2 * u, g.abs()) -> beta2 * u + (1 - beta2) * g.abs()", AVERAGE),
    change("torch.maximum(beta2 * u, g.abs()) -> beta2 * u + (1 - beta2) * g**2", AS_IN_ADAM),
    change(" + eps ->  / (1 - beta2**t) + eps", "u is corrected: u_1 = |g_1| is right already"),
    change("u + eps -> u.sqrt() + eps", "the step is divided by √u: u is a size already"),
    change("g.abs() -> g.abs() + eps", INSIDE, also="(u + eps) -> u"),
)

BEHIND = "the momentum is not moved forward: m after this update goes with 1 − beta1^(t+1)"
DIVISORS = "the divisors are swapped: t + 1 goes with the momentum, t with the gradient"

nadam_update = mistakes(
    change("(ahead + now) -> m / (1 - beta1**t)", "this is the step of Adam: nothing looks ahead"),
    change("(ahead + now) -> g", "the step follows the new gradient alone: it must follow m̄"),
    change("(ahead + now) -> ahead", "the gradient's own term is missing"),
    change("(t + 1) -> t", "both terms are divided by 1 − beta1^t: the momentum by that of t + 1"),
    change("beta1**t -> beta1 ** (t + 1)", "both divisors have t + 1: the gradient's has t"),
    change("(t + 1) -> t", DIVISORS, also="beta1**t -> beta1 ** (t + 1)"),
    change("(t + 1) -> t + 1", "beta1 ** t + 1 is (beta1 ** t) + 1: t + 1 needs a bracket"),
    change("g / (1 - beta1**t) -> g", "the gradient's term is not divided by 1 − beta1^t"),
    change(" / (1 - beta1 ** (t + 1)) -> ", "the momentum's term lacks its 1 − beta1^(t+1)"),
    change("now = (1 - beta1) * -> now =", "the gradient's term lacks its factor 1 − beta1"),
    change("ahead = beta1 * -> ahead =", "the momentum's term lacks its factor beta1"),
    change(
        ("append(m) -> append(ahead + now)", "append(beta1 * m + (1 - beta1) * g)"),
        "the state holds m̄: keep m itself",
    ),
    change('ahead = beta1 * m -> ahead = beta1 * state["m"][len(ms)]', BEHIND),
    change(
        "beta1 * m / (1 - beta1 ** (t + 1)) -> mus[t] * m / (1 - math.prod(mus))",
        "beta1 changes with t, as in PyTorch: here it is constant",
        also=(
            "(1 - beta1) * g / (1 - beta1**t) -> (1 - mus[-2]) * g / (1 - math.prod(mus[:-1]))",
            "updated, ms -> import math\n    mus = [beta1 - beta1 / 2 * 0.96 ** (k / 250) "
            "for k in range(1, t + 2)]\n    updated, ms",
        ),
    ),
)

adam_l2_update = mistakes(
    change(
        'return -> v = adam_update(params, grads, state, beta2=beta2)[1]["v"]\n    updated, new =',
        "m has the gradient of the penalty and v has not: both average one gradient",
        also='eps) -> eps)\n    return updated, {**new, "v": v}',
    ),
    change(
        "adam_update(params, penalised -> adamw_update(params, grads",
        "the penalty is not in the averages: its gradient goes where the gradient goes",
        also="eps) -> eps, weight_decay)",
    ),
    change("* p  -> / 2 * p**2 ", "the penalty is added to the gradient: add its derivative"),
    change("* p  -> * p.sign() ", "this is the gradient of an L1 penalty: that of p² / 2 is p"),
    change("* p  -> * p / p.norm() ", "the penalty's gradient is divided by ‖p‖: it is p"),
    change("g + weight_decay * p -> g.add_(weight_decay * p)"),
)

adamw_update = mistakes(
    change(
        "updated, state = adam_update -> return adam_l2_update",
        "the decay is in the gradient, and so in m and v: that is L2, not AdamW",
        also="eps) -> eps, weight_decay)",
    ),
    change(
        "return shrunk, state -> "
        'm, v = ([(1 - lr * weight_decay) * x for x in state[key]] for key in "mv")\n'
        '    return shrunk, {**state, "m": m, "v": v}',
        "m or v is decayed: only the parameters are",
    ),
    change("lr * w -> w", "the decay is not multiplied by lr: p shrinks by lr · weight_decay · p"),
    change("* p  -> * q ", "the parameter is decayed after its step: decay what it was before"),
    change(
        "* p for p, q in zip(params, updated, -> "
        '* p / ((v / (1 - beta2 ** state["t"])).sqrt() + eps)\n'
        '        for p, q, v in zip(params, updated, state["v"],',
        "the decay is divided by √v̂ + eps as well: it stands beside the fraction",
    ),
    change("lr * weight_decay * p -> p.mul_(lr * weight_decay)"),
)

adam_l2_update = adamw_update = mistakes(
    change("* p  -> * p * (p.ndim > 1) ", "only matrices decay: all parameters do, alike"),
    change("* p  -> * p * (p is params[0]) ", "only the first parameter decays: all do, alike"),
    change("weight_decay * -> 0 *", "the weights are not decayed"),
    change("weight_decay * -> -weight_decay *", "the weights grow: the decay has the wrong sign"),
    change("weight_decay * -> 2 * weight_decay *", "the decay is twice as strong as it should be"),
    change("weight_decay * -> weight_decay / 2 *", "the decay is half as strong as it should be"),
    change("weight_decay * -> lr * weight_decay *", "the decay has a factor lr too many"),
    change("weight_decay * -> 0.01 *", "computed with 0.01, whatever weight_decay is"),
    change("lr, beta1, beta2, eps) -> lr)", DEFAULTS),
    change("beta1, beta2, -> beta2, beta1,", SWAPPED),
)

T_ALONE = "t starts from 0 in every epoch, and m and v do not: one state is for all of them"
NEW_STATE = "every epoch starts from a new state: make it once"
OTHER = "this is another of this topic's updates: use adam_update"

train = mistakes(
    change("params, state -> _, state", "the parameters are as they came: go on from the new ones"),
    change("params, state -> params, _", "every update has a new state: carry it to the next one"),
    change("(epochs): -> (epochs):\n        state = adam_init(params)", NEW_STATE),
    change("y, batch_size, -> y, 32,", "too few updates: each mini-batch of an epoch makes one"),
    change("epochs) -> epochs)[-1:]", "only the last epoch counts: are params set anew in each?"),
    change("seed + epoch -> seed", "every epoch has the order of the first: epoch k has seed + k"),
    change("seed + epoch -> seed + epoch + 1", "epoch 0 must have the seed itself"),
    change("return ->     return", "only the first epoch counts: is return in the loop?"),
    change("return ->         return", "only the first update counts: is return in the loop?"),
    change("+ epoch) -> + epoch)[:1]", "only the first mini-batch of each epoch is used"),
    change("state, lr) -> state)", "trained with Adam's default learning rate: pass lr on"),
    change("+ epoch) -> + epoch)[:len(x) // batch_size]", "batches that are not full are left out"),
    change(
        "y_batch, params) -> y_batch, first)",
        "the gradients are those at the first parameters: take them at the current ones",
        also="state = adam_init -> first, state = params, adam_init",
    ),
    change(
        "y_batch, params) -> y_batch, first)",
        "the gradients are those at the epoch's first parameters: take them at the current ones",
        also="(epochs): -> (epochs):\n        first = params",
    ),
    change('(epochs): -> (epochs):\n        state["t"] = 0', T_ALONE),
    change(
        "adam_update(params, grads, state, lr) -> [p - lr * g for p, g in zip(params, grads)], {}",
        "this is plain gradient descent: use adam_update",
    ),
    change(("= adam_up -> = adamax_up", "= nadam_up", "= adam_l2_up", "= adamw_up"), OTHER),
)

BF16 = "computed in bfloat16, as the original is: keep the dtype of g"
BACK = "return x -> return x.to(g.dtype)"
EACH_ROUND = "divided by the norm in every round: once is meant, before the first"
ELEMENTWISE = "powers of each number: the polynomial is one of matrices, X Xᵀ X and (X Xᵀ)² X"

newton_schulz = mistakes(
    change("= g / (g.norm() + 1e-7) -> = (g / (g.norm() + 1e-7)).bfloat16()", BF16, also=BACK),
    change("g / (g.norm() + 1e-7) -> g", "the matrix is not divided by its norm first"),
    change("norm() -> svd()[1].max()", "divided by the largest singular value: Frobenius is meant"),
    change("norm() -> abs().max()", "divided by the largest entry: Frobenius is meant"),
    change("gram = -> x = x / (x.norm() + 1e-7)\n        gram =", EACH_ROUND),
    change("(b * gram + c * gram @ gram) @ x -> b * x**3 + c * x**5", ELEMENTWISE),
    change("norm() -> norm() ** 2", "divided by the squared Frobenius norm: the root is missing"),
    change("norm() -> norm(dim=1, keepdim=True)", "each row is divided by its own norm"),
    change("a, b, c -> a, c, b", "b and c are swapped: b belongs to the third power"),
    change("gram @ gram -> gram * gram", "XXᵀ is squared elementwise: multiply the matrices"),
    change("gram @ gram) -> gram)", "c is at the third power: it belongs to the fifth, (XXᵀ)² X"),
    change("steps -> steps + 1", "a round too many"),
    change("steps -> 5", "five rounds, whatever steps is"),
    change(" + 1e-7 -> ", "0 / 0 for a matrix of zeros: add 1e-7 to the norm before you divide"),
)


@alternative("lists of averages, then the steps; other formulas")
class Rearranged:
    def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        t = state["t"] + 1
        m = [torch.lerp(g, m, beta1) for g, m in zip(grads, state["m"], strict=True)]
        v = [torch.lerp(g * g, v, beta2) for g, v in zip(grads, state["v"], strict=True)]
        rate, size = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5
        triples = zip(params, m, v, strict=True)
        updated = [p - rate * m / (v.sqrt() / size + eps) for p, m, v in triples]
        return tuple(updated), {"v": tuple(v), "m": tuple(m), "t": t}

    def train(x, y, params, epochs, lr, batch_size, seed):
        epochs, state = [seed + k for k in range(epochs)], adam_init(params)
        for batch in [b for k in epochs for b in minibatches(x, y, batch_size, k)]:
            params, state = adam_update(params, softmax_regression(*batch, params)[1], state, lr)
        return params

    def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        m = [m + (1 - beta1) * (g - m) for g, m in zip(grads, state["m"], strict=True)]
        sizes = [(g.abs(), beta2 * u) for g, u in zip(grads, state["v"], strict=True)]
        u = [torch.where(new > old, new, old) for new, old in sizes]
        t, triples = state["t"] + 1, zip(params, m, u, strict=True)
        updated = [p - (lr / (1 - beta1**t)) * (m / (u + eps)) for p, m, u in triples]
        return updated, {"t": t, "m": m, "v": u}

    def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        _, new = adam_update(params, grads, state, lr, beta1, beta2, eps)
        t, updated = new["t"], []
        for p, g, m, v in zip(params, grads, new["m"], new["v"], strict=True):
            rate = lr / (torch.sqrt(v / (1 - beta2**t)) + eps)
            p = p - rate * beta1 / (1 - beta1 ** (t + 1)) * m
            updated.append(p - rate * (1 - beta1) / (1 - beta1**t) * g)
        return updated, new

    def adamw_update(params, *rest, lr=1e-3, weight_decay=1e-2, **settings):
        shrunk = [p * (1 - lr * weight_decay) for p in params]
        return adam_update(shrunk, *rest, lr=lr, **settings)

    def newton_schulz(g, steps=5):
        if g.shape[0] > g.shape[1]:
            return newton_schulz(g.T, steps).T
        a, b, c = NEWTON_SCHULZ
        x = g / g.norm().clamp(min=1e-7)
        for _ in range(steps):
            x = a * x + b * (x @ x.T @ x) + c * (x @ x.T @ x @ x.T @ x)
        return x


@alternative("copies in float32 updated in place, and t as a tensor")
class InPlaceOnCopies:
    def adam_init(params):
        return {"t": torch.tensor(0), "m": [p * 0 for p in params], "v": [0 * p for p in params]}

    def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        if len(grads) != len(params):
            raise ValueError("as many gradients as parameters, please")
        t, lists = state["t"] + 1, (params, grads, state["m"], state["v"])
        params, grads, m, v = ([x.to(torch.float32, copy=True) for x in xs] for xs in lists)
        for k in range(len(params)):
            m[k].lerp_(grads[k], 1 - beta1)
            v[k].mul_(beta2).addcmul_(grads[k], grads[k], value=1 - beta2)
            divisor = (v[k] / (1 - beta2**t)).sqrt_().add_(eps)
            params[k].addcdiv_(m[k] / (1 - beta1**t), divisor, value=-lr)
        return params, {"t": t, "m": m, "v": v}

    def adam_l2_update(params, grads, *rest, weight_decay=1e-2, **settings):
        grads = [torch.add(g, p, alpha=weight_decay) for g, p in zip(grads, params, strict=True)]
        return adam_update(params, grads, *rest, **settings)


equivalent("adamax_update", "strict=True -> strict=False", why="only adam_update must refuse")
equivalent("nadam_update", "strict=True -> strict=False", why="only adam_update must refuse")
equivalent("adam_l2_update", "strict=True -> strict=False", why="adam_update refuses")
equivalent("adamw_update", "strict=True -> strict=False", why="adam_update returns one for each")
