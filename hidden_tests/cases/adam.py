"""What students hand in for adam: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("t starts at 1", check="test_adam_init", diagnosis="t:starts at 1")
def adam_init(params):
    zeros = [torch.zeros_like(p) for p in params]
    return {"t": 1, "m": zeros, "v": zeros}


@mistake("averages in the default dtype", check="test_adam_init", diagnosis="dtype")
def adam_init(params):
    return {
        "t": 0,
        "m": [torch.zeros(p.shape) for p in params],
        "v": [torch.zeros(p.shape) for p in params],
    }


@mistake("the sizes start at one", check="test_adam_init", diagnosis="constant")
def adam_init(params):
    return {
        "t": 0,
        "m": [torch.zeros_like(p) for p in params],
        "v": [torch.ones_like(p) for p in params],
    }


@mistake("one average for all parameters", check="test_adam_init", diagnosis="structure")
def adam_init(params):
    return {"t": 0, "m": torch.zeros_like(params[0]), "v": torch.zeros_like(params[0])}


@mistake(
    "no bias correction",
    check=("test_adam_first_step", "test_adam_update", "test_adam_steps"),
    diagnosis="no bias correction",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (v.sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": state["t"] + 1, "m": ms, "v": vs}


@mistake("m for its corrected value", check="test_adam_first_step", diagnosis="m:not corrected")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake("v for its corrected value", check="test_adam_update", diagnosis="v:not corrected")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / (v.sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake(
    "the correction after the root",
    check="test_adam_update",
    diagnosis="v:corrected after the root",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / (v.sqrt() / (1 - beta2**t) + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake("t counts from zero", check="test_adam_first_step", diagnosis="t:starts at 0")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"]
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t + 1, "m": ms, "v": vs}


@mistake("t counted after the correction", check="test_adam_update", diagnosis="t:not incremented")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = max(state["t"], 1)
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": state["t"] + 1, "m": ms, "v": vs}


@mistake(
    "t incremented for every parameter",
    check=("test_adam_first_step", "test_adam_update", "test_adam_steps"),
    diagnosis="t:per parameter",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"]
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        t += 1
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake(
    "t incremented for every parameter, and kept right in the state",
    check="test_adam_update",
    diagnosis="t:per parameter",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    updated, ms, vs = [], [], []
    triples = zip(params, grads, state["m"], state["v"], strict=True)
    for t, (p, g, m, v) in enumerate(triples, start=state["t"] + 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": state["t"] + 1, "m": ms, "v": vs}


@mistake("eps inside the root", check="test_adam_tiny_gradients", diagnosis="eps:inside the root")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps).sqrt())
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake(
    "eps added before the correction (the paper's faster form)",
    check="test_adam_tiny_gradients",
    diagnosis="eps:before the correction",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    rate = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [p - rate * m / (v.sqrt() + eps) for p, m, v in zip(params, m, v, strict=True)]
    return updated, {"t": t, "m": m, "v": v}


@mistake("no eps", check="test_adam_tiny_gradients", diagnosis="eps:missing")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / (v / (1 - beta2**t)).sqrt()
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("beta1 and beta2 swapped", check="test_adam_update", diagnosis="betas:swapped")
def adam_update(params, grads, state, lr=1e-3, beta2=0.999, beta1=0.9, eps=1e-8):
    beta1, beta2 = beta2, beta1
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("the weights in m swapped", check="test_adam_update", diagnosis="m:weights swapped")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [(1 - beta1) * m + beta1 * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("no factor 1 − beta2", check="test_adam_update", diagnosis="v:factor missing")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("no root", check="test_adam_update", diagnosis="v:no root")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("uphill", check="test_adam_first_step", diagnosis="sign")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p + lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake(
    "the corrected average goes into the state",
    check="test_adam_update",
    diagnosis="m:corrected in the state",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [
        (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
        for m, g in zip(state["m"], grads, strict=True)
    ]
    v = [
        (beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)
        for v, g in zip(state["v"], grads, strict=True)
    ]
    updated = [p - lr * m / (v.sqrt() + eps) for p, m, v in zip(params, m, v, strict=True)]
    return updated, {"t": t, "m": m, "v": v}


@mistake(
    "state not kept",
    check=("test_adam_update", "test_adam_steps"),
    diagnosis="state:not kept",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [(1 - beta1) * g for g in grads]
    v = [(1 - beta2) * g**2 for g in grads]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake(
    "the old state is returned",
    check=("test_adam_first_step", "test_adam_update", "test_adam_steps"),
    diagnosis="t:as it came",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, state


@mistake(
    "one average for all parameters of a shape",
    check=("test_adam_first_step", "test_adam_steps"),
    diagnosis="state:shared",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    pairs = zip(params, state["m"], state["v"], strict=True)
    averages = {p.shape: (m, v) for p, m, v in pairs}
    updated, ms, vs = [], [], []
    for p, g in zip(params, grads, strict=True):
        m, v = averages[p.shape]
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        averages[p.shape] = m, v
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake(
    "one tensor of zeros for all parameters, updated in place",
    check=("test_adam_first_step", "test_adam_update"),
    diagnosis="inplace:state['m'][0]",
)
class Aliased:
    def adam_init(params):
        zeros = [torch.zeros_like(p) for p in params]
        return {"t": 0, "m": zeros, "v": zeros}

    def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        t = state["t"] + 1
        updated = []
        for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
            m.mul_(beta1).add_((1 - beta1) * g)
            v.mul_(beta2).add_((1 - beta2) * g**2)
            updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        return updated, {"t": t, "m": state["m"], "v": state["v"]}


@mistake("the state's dict is changed", check="test_adam_update", diagnosis="inplace:state['t']")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    state["t"] += 1
    t = state["t"]
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("the step is returned", check="test_adam_update", diagnosis="step for params")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        -lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake(
    "the step follows the averages that came in",
    check="test_adam_update",
    diagnosis="state:old in the step",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, state["m"], state["v"], strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("v averages the squares of m", check="test_adam_update", diagnosis="v:of m")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], m, strict=True)]
    updated = [
        p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("corrected without the power t", check="test_adam_update", diagnosis="t:always 1")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr * m / (1 - beta1) / ((v / (1 - beta2)).sqrt() + eps)
        for p, m, v in zip(params, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake(
    "gradients too few are passed over",
    check="test_adam_counts_gradients",
    diagnosis="no error:ValueError",
)
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=False):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        updated.append(p - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


@mistake(
    "the largest gradient ever, not decayed",
    check="test_adamax_update",
    diagnosis="norm:not decayed",
)
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    u = [torch.maximum(u, g.abs()) for u, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr / (1 - beta1**t) * m / (u + eps) for p, m, u in zip(params, m, u, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": u}


@mistake(
    "a maximum over the tensor, not over time",
    check="test_adamax_update",
    diagnosis="norm:of all elements",
)
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    u = [torch.maximum(beta2 * u, g.abs().max()) for u, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr / (1 - beta1**t) * m / (u + eps) for p, m, u in zip(params, m, u, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": u}


@mistake("the norm is corrected", check="test_adamax_update", diagnosis="norm:corrected")
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    u = [torch.maximum(beta2 * u, g.abs()) for u, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr / (1 - beta1**t) * m / (u / (1 - beta2**t) + eps)
        for p, m, u in zip(params, m, u, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": u}


@mistake("Adamax without |·|", check="test_adamax_update", diagnosis="norm:not absolute")
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    u = [torch.maximum(beta2 * u, g) for u, g in zip(state["v"], grads, strict=True)]
    updated = [
        p - lr / (1 - beta1**t) * m / (u + eps) for p, m, u in zip(params, m, u, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": u}


@mistake("PyTorch's eps in Adamax", check="test_adamax_steps", diagnosis="eps:in the norm")
def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    u = [torch.maximum(beta2 * u, g.abs() + eps) for u, g in zip(state["v"], grads, strict=True)]
    updated = [p - lr / (1 - beta1**t) * m / u for p, m, u in zip(params, m, u, strict=True)]
    return updated, {"t": t, "m": m, "v": u}


@mistake(
    "both terms divided by 1 − beta1^t",
    check="test_nadam_update",
    diagnosis="nadam:same divisor",
)
def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p
        - lr * (beta1 * m + (1 - beta1) * g) / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, g, m, v in zip(params, grads, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("PyTorch's schedule", check="test_nadam_update", diagnosis="nadam:schedule")
def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    mu = [beta1 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in range(t + 2)]
    product = beta1 ** state["t"] * mu[t]
    m = [beta1 * m + (1 - beta1) * g for m, g in zip(state["m"], grads, strict=True)]
    v = [beta2 * v + (1 - beta2) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    updated = [
        p
        - lr
        * (mu[t + 1] * m / (1 - product * mu[t + 1]) + (1 - mu[t]) * g / (1 - product))
        / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, g, m, v in zip(params, grads, m, v, strict=True)
    ]
    return updated, {"t": t, "m": m, "v": v}


@mistake("NAdam that is Adam", check="test_nadam_update", diagnosis="nadam:adam")
def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    return adam_update(params, grads, state, lr, beta1, beta2, eps)


@mistake("decoupled where L2 is asked", check="test_adam_l2_update", diagnosis="decay:decoupled")
def adam_l2_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
    pairs = zip(params, updated, strict=True)
    return [q - lr * weight_decay * p for p, q in pairs], state


@mistake("the factor 2 of the penalty", check="test_adam_l2_update", diagnosis="decay:twice")
def adam_l2_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    grads = [g + 2 * weight_decay * p for p, g in zip(params, grads, strict=True)]
    return adam_update(params, grads, state, lr, beta1, beta2, eps)


@mistake(
    "the gradient is modified in place",
    check="test_adam_l2_update",
    diagnosis="inplace:grads[0]",
)
def adam_l2_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    for p, g in zip(params, grads, strict=True):
        g += weight_decay * p
    return adam_update(params, grads, state, lr, beta1, beta2, eps)


@mistake(
    "decay coupled in AdamW",
    check=("test_adamw_without_gradient", "test_adamw_steps"),
    diagnosis="decay:coupled",
)
def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    grads = [g + weight_decay * p for p, g in zip(params, grads, strict=True)]
    return adam_update(params, grads, state, lr, beta1, beta2, eps)


@mistake(
    "decay not multiplied by lr",
    check=("test_adamw_without_gradient", "test_adamw_steps"),
    diagnosis="decay:no lr",
)
def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
    return [q - weight_decay * p for p, q in zip(params, updated, strict=True)], state


@mistake(
    "decay applied to the averages",
    check="test_adamw_steps",
    diagnosis="decay:of the averages",
)
def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
    updated = [q - lr * weight_decay * p for p, q in zip(params, updated, strict=True)]
    m, v = ([(1 - lr * weight_decay) * x for x in state[key]] for key in ("m", "v"))
    return updated, {**state, "m": m, "v": v}


@mistake("decay after the step", check="test_adamw_steps", diagnosis="decay:after the step")
def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
    return [(1 - lr * weight_decay) * q for q in updated], state


@mistake("decay inside the fraction", check="test_adamw_steps", diagnosis="decay:divided")
def adamw_update(
    params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
):
    updated, new = adam_update(params, grads, state, lr, beta1, beta2, eps)
    t = new["t"]
    updated = [
        q - lr * weight_decay * p / ((v / (1 - beta2**t)).sqrt() + eps)
        for p, q, v in zip(params, updated, new["v"], strict=True)
    ]
    return updated, new


@mistake("a new state in every update", check="test_train_steps", diagnosis="state:not kept")
def train(x, y, params, epochs, lr, batch_size, seed):
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            _, grads = softmax_regression(x_batch, y_batch, params)
            params, _ = adam_update(params, grads, adam_init(params), lr)
    return params


@mistake("lr not passed on", check="test_train_steps", diagnosis="lr:default")
def train(x, y, params, epochs, lr, batch_size, seed):
    state = adam_init(params)
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            _, grads = softmax_regression(x_batch, y_batch, params)
            params, state = adam_update(params, grads, state)
    return params


@mistake(
    "a new state in every epoch", check="test_train_steps", diagnosis="state:new in each epoch"
)
def train(x, y, params, epochs, lr, batch_size, seed):
    for epoch in range(epochs):
        state = adam_init(params)
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            _, grads = softmax_regression(x_batch, y_batch, params)
            params, state = adam_update(params, grads, state, lr)
    return params


@mistake("one order for all epochs", check="test_train_steps", diagnosis="one order")
def train(x, y, params, epochs, lr, batch_size, seed):
    state = adam_init(params)
    for _ in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed):
            _, grads = softmax_regression(x_batch, y_batch, params)
            params, state = adam_update(params, grads, state, lr)
    return params


@mistake(
    "only the first batch of an epoch is used",
    check=("test_train_steps", "test_train_on_digits"),
    diagnosis="first batch",
)
def train(x, y, params, epochs, lr, batch_size, seed):
    state = adam_init(params)
    for epoch in range(epochs):
        x_batch, y_batch = minibatches(x, y, batch_size, seed + epoch)[0]
        _, grads = softmax_regression(x_batch, y_batch, params)
        params, state = adam_update(params, grads, state, lr)
    return params


@mistake("not divided by the norm", check="test_newton_schulz", diagnosis="norm:missing")
def newton_schulz(g, steps=5):
    a, b, c = NEWTON_SCHULZ
    for _ in range(steps):
        gram = g @ g.T
        g = a * g + (b * gram + c * gram @ gram) @ g
    return g


@mistake(
    "the spectral norm for the Frobenius norm",
    check="test_newton_schulz",
    diagnosis="norm:spectral",
)
def newton_schulz(g, steps=5):
    a, b, c = NEWTON_SCHULZ
    x = g / (torch.linalg.matrix_norm(g, 2) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@mistake("a zero matrix gives NaN", check="test_newton_schulz", diagnosis="eps:missing")
def newton_schulz(g, steps=5):
    a, b, c = NEWTON_SCHULZ
    x = g / g.norm()
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@alternative("lists of averages first, then the steps; lerp, and the rate outside the fraction")
class Lists:
    def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        if len(params) != len(grads):
            raise ValueError(f"{len(grads)} gradients for {len(params)} parameters")
        t = state["t"] + 1
        m = [torch.lerp(g, m, beta1) for g, m in zip(grads, state["m"], strict=True)]
        v = [torch.lerp(g * g, v, beta2) for g, v in zip(grads, state["v"], strict=True)]
        rate, size = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5
        updated = [
            p - rate * m / (v.sqrt() / size + eps) for p, m, v in zip(params, m, v, strict=True)
        ]
        return tuple(updated), {"v": tuple(v), "m": tuple(m), "t": t}

    def adamw_update(
        params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
    ):
        updated, state = adam_update(params, grads, state, lr, beta1, beta2, eps)
        zipped = zip(params, updated, strict=True)
        return tuple((1 - lr * weight_decay) * p + (q - p) for p, q in zipped), state


@alternative("copies updated in place, and t as a tensor")
class InPlaceOnCopies:
    def adam_init(params):
        m, v = ([p * 0 for p in params] for _ in range(2))
        return {"t": torch.tensor(0), "m": m, "v": v}

    def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        params = [p.clone() for p in params]
        m, v = ([x.clone() for x in state[key]] for key in ("m", "v"))
        t = state["t"] + 1
        if len(grads) != len(params):
            raise ValueError("as many gradients as parameters, please")
        for k in range(len(params)):
            m[k] *= beta1
            m[k] += (1 - beta1) * grads[k]
            v[k].mul_(beta2).addcmul_(grads[k], grads[k], value=1 - beta2)
            divisor = (v[k] / (1 - beta2**t)).sqrt_().add_(eps)
            params[k].addcdiv_(m[k] / (1 - beta1**t), divisor, value=-lr)
        return params, {"t": t, "m": m, "v": v}


@alternative("the norm with where, the look-ahead rearranged, AdamW from its own formula")
class Rearranged:
    def adamax_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        t = 1 + state["t"]
        updated, new = [], {"t": t, "m": [], "v": []}
        for p, g, m, u in zip(params, grads, state["m"], state["v"], strict=True):
            m = m + (1 - beta1) * (g - m)
            faded = beta2 * u
            u = torch.where(g.abs() > faded, g.abs(), faded)
            new["m"].append(m)
            new["v"].append(u)
            updated.append(p - (lr / (1 - beta1**t)) * (m / (u + eps)))
        return updated, new

    def nadam_update(params, grads, state, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        t = state["t"] + 1
        m_rate = lr * beta1 / (1 - beta1 ** (t + 1))
        g_rate = lr * (1 - beta1) / (1 - beta1**t)
        _, new = adam_update(params, grads, state, lr, beta1, beta2, eps)
        updated = []
        for p, g, m, v in zip(params, grads, new["m"], new["v"], strict=True):
            divisor = torch.sqrt(v / (1 - beta2**t)) + eps
            updated.append(p - m_rate * m / divisor - g_rate * g / divisor)
        return updated, new

    def adamw_update(
        params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2
    ):
        shrunk = [p * (1 - lr * weight_decay) for p in params]
        return adam_update(shrunk, grads, state, lr, beta1, beta2, eps)

    def newton_schulz(g, steps=5):
        if g.shape[0] > g.shape[1]:
            return newton_schulz(g.T, steps).T
        a, b, c = NEWTON_SCHULZ
        x = g / g.norm().clamp(min=1e-7)
        for _ in range(steps):
            x = a * x + b * (x @ x.T @ x) + c * (x @ x.T @ x @ x.T @ x)
        return x


@alternative("float32, whatever comes in")
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] + 1
    updated, ms, vs = [], [], []
    for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):
        g = g.float()
        m = beta1 * m.float() + (1 - beta1) * g
        v = beta2 * v.float() + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        updated.append(p.float() - lr * m_hat / (v_hat.sqrt() + eps))
        ms.append(m)
        vs.append(v)
    return updated, {"t": t, "m": ms, "v": vs}


equivalent(
    "adamax_update",
    'for p, g, m, u in zip(params, grads, state["m"], state["v"], strict=True):',
    'for p, g, m, u in zip(params, grads, state["m"], state["v"], strict=False):',
    why="lists of different lengths tell them apart; only adam_update is asked to refuse those",
)
equivalent(
    "nadam_update",
    'for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=True):',
    'for p, g, m, v in zip(params, grads, state["m"], state["v"], strict=False):',
    why="lists of different lengths tell them apart; only adam_update is asked to refuse those",
)
equivalent(
    "adam_l2_update",
    "penalised = [g + weight_decay * p for p, g in zip(params, grads, strict=True)]",
    "penalised = [g + weight_decay * p for p, g in zip(params, grads, strict=False)]",
    why="lists of different lengths tell them apart; only adam_update is asked to refuse those",
)
equivalent(
    "adamw_update",
    "shrunk = [q - lr * weight_decay * p for p, q in zip(params, updated, strict=True)]",
    "shrunk = [q - lr * weight_decay * p for p, q in zip(params, updated, strict=False)]",
    why="adam_update returns one tensor for each of params: the lengths are equal",
)
