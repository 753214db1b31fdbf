"""What students hand in for adaptive_optimizers: mistakes to be found, right answers to pass."""

import torch

from gradus.audit.cases import alternative, mistake


@mistake("sums in the default dtype", check="test_init_state", diagnosis="dtype")
def init_state(params, optimiser):
    if optimiser not in ("adagrad", "rmsprop", "adadelta"):
        raise ValueError(optimiser)
    state = {"v": [torch.zeros(p.shape) for p in params]}
    if optimiser == "adadelta":
        state["u"] = [torch.zeros(p.shape) for p in params]
    return state


@mistake("one state for all three", check="test_init_state", diagnosis="structure")
def init_state(params, optimiser):
    if optimiser not in ("adagrad", "rmsprop", "adadelta"):
        raise ValueError(optimiser)
    return {"v": [torch.zeros_like(p) for p in params]}


@mistake("any name will do", check="test_init_state", diagnosis="no error:ValueError")
def init_state(params, optimiser):
    state = {"v": [torch.zeros_like(p) for p in params]}
    if optimiser == "adadelta":
        state["u"] = [torch.zeros_like(p) for p in params]
    return state


@mistake(
    "AdaGrad without accumulation",
    check=("test_adagrad_by_hand", "test_adagrad_steps"),
    diagnosis="v:not accumulated",
)
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [g**2 for g in grads]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in triples], {"v": vs}


@mistake("AdaGrad that forgets", check="test_adagrad_by_hand", diagnosis="v:average")
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [0.9 * v + 0.1 * g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in triples], {"v": vs}


@mistake("AdaGrad returns the old state", check="test_adagrad_by_hand", diagnosis="v:unchanged")
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [v + g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in triples], state


@mistake(
    "AdaGrad steps before it adds",
    check=("test_adagrad_by_hand", "test_adagrad_steps"),
    diagnosis="v:old in the step",
)
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    triples = zip(params, grads, state["v"], strict=True)
    updated = [p - lr * g / (v.sqrt() + eps) for p, g, v in triples]
    return updated, {"v": [v + g**2 for v, g in zip(state["v"], grads, strict=True)]}


@mistake(
    "AdaGrad with eps inside the root",
    check=("test_adagrad_eps_by_hand", "test_adagrad_steps"),
    diagnosis="eps:inside the root",
)
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [v + g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v + eps).sqrt() for p, g, v in triples], {"v": vs}


@mistake("AdaGrad without eps", check="test_adagrad_eps_by_hand", diagnosis="eps:missing")
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [v + g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / v.sqrt() for p, g, v in triples], {"v": vs}


@mistake(
    "one sum for all parameters of a shape",
    check=("test_adagrad_by_hand", "test_adagrad_steps"),
    diagnosis="v:shared",
)
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    sums, updated, vs = {v.shape: v for v in reversed(state["v"])}, [], []
    for p, g in zip(params, grads, strict=True):
        sums[p.shape] = sums[p.shape] + g**2
        updated.append(p - lr * g / (sums[p.shape].sqrt() + eps))
        vs.append(sums[p.shape])
    return updated, {"v": vs}


@mistake(
    "the sum changed in place", check="test_adagrad_by_hand", diagnosis="inplace:state['v'][0]"
)
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    updated = []
    for p, g, v in zip(params, grads, state["v"], strict=True):
        v += g**2
        updated.append(p - lr * g / (v.sqrt() + eps))
    return updated, state


@mistake("gradients are not counted", check="test_adagrad_steps", diagnosis="no error")
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    vs = [v + g**2 for v, g in zip(state["v"], grads, strict=False)]
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in zip(params, grads, vs, strict=False)], {
        "v": vs
    }


@mistake("torch.optim does the work", check="test_adagrad_by_hand")
def adagrad_update(params, grads, state, lr=0.01, eps=1e-8):
    params = [p.clone() for p in params]
    optimiser = torch.optim.Adagrad(params, lr=lr, eps=eps)
    for p, g, v in zip(params, grads, state["v"], strict=True):
        p.grad = g
        optimiser.state[p]["sum"] = v.clone()
    optimiser.step()
    return params, {"v": [optimiser.state[p]["sum"] for p in params]}


@mistake(
    "RMSProp without 1 − beta",
    check=("test_rmsprop_by_hand", "test_rmsprop_eps_by_hand", "test_rmsprop_steps"),
    diagnosis="v:factor missing",
)
def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
    vs = [beta * v + g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in triples], {"v": vs}


@mistake("RMSProp's weights swapped", check="test_rmsprop_by_hand", diagnosis="v:weights swapped")
def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
    vs = [(1 - beta) * v + beta * g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v.sqrt() + eps) for p, g, v in triples], {"v": vs}


@mistake(
    "RMSProp with eps inside the root",
    check=("test_rmsprop_eps_by_hand", "test_rmsprop_steps"),
    diagnosis="eps:inside the root",
)
def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
    vs = [beta * v + (1 - beta) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    triples = zip(params, grads, vs, strict=True)
    return [p - lr * g / (v + eps).sqrt() for p, g, v in triples], {"v": vs}


@mistake("gradients changed in place", check="test_rmsprop_by_hand", diagnosis="inplace:grads[0]")
def rmsprop_update(params, grads, state, lr=1e-3, beta=0.9, eps=1e-8):
    vs = [beta * v + (1 - beta) * g**2 for v, g in zip(state["v"], grads, strict=True)]
    for g, v in zip(grads, vs, strict=True):
        g /= v.sqrt() + eps
    return [p - lr * g for p, g in zip(params, grads, strict=True)], {"v": vs}


@mistake(
    "AdaDelta divides by the old v",
    check=("test_adadelta_by_hand", "test_adadelta_steps"),
    diagnosis="order:old v in the step",
)
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        delta = (u + eps).sqrt() / (v + eps).sqrt() * g
        vs.append(rho * v + (1 - rho) * g**2)
        us.append(rho * u + (1 - rho) * delta**2)
        updated.append(p - delta)
    return updated, {"v": vs, "u": us}


@mistake(
    "AdaDelta steps by the new u",
    check=("test_adadelta_by_hand", "test_adadelta_steps"),
    diagnosis="order:new u in the step",
)
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        u = rho * u + (1 - rho) * (u + eps) / (v + eps) * g**2
        updated.append(p - (u + eps).sqrt() / (v + eps).sqrt() * g)
        vs.append(v)
        us.append(u)
    return updated, {"v": vs, "u": us}


@mistake(
    "AdaDelta without the RMS of the updates",
    check=("test_adadelta_by_hand", "test_adadelta_eps_by_hand", "test_adadelta_steps"),
    diagnosis="u:unused",
)
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        delta = g / (v + eps).sqrt()
        vs.append(v)
        us.append(rho * u + (1 - rho) * delta**2)
        updated.append(p - delta)
    return updated, {"v": vs, "u": us}


@mistake("u of the gradients", check="test_adadelta_by_hand", diagnosis="u:of the gradients")
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        updated.append(p - (u + eps).sqrt() / (v + eps).sqrt() * g)
        vs.append(v)
        us.append(rho * u + (1 - rho) * g**2)
    return updated, {"v": vs, "u": us}


@mistake(
    "AdaDelta with eps outside the roots",
    check=("test_adadelta_eps_by_hand", "test_adadelta_steps"),
    diagnosis="eps:outside the root",
)
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        delta = (u.sqrt() + eps) / (v.sqrt() + eps) * g
        vs.append(v)
        us.append(rho * u + (1 - rho) * delta**2)
        updated.append(p - delta)
    return updated, {"v": vs, "u": us}


@mistake("AdaDelta never starts", check="test_adadelta_eps_by_hand", diagnosis="eps:missing")
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        delta = u.sqrt() / (v + eps).sqrt() * g
        vs.append(v)
        us.append(rho * u + (1 - rho) * delta**2)
        updated.append(p - delta)
    return updated, {"v": vs, "u": us}


@mistake("a learning rate", check="test_adadelta_by_hand", diagnosis="learning rate")
def adadelta_update(params, grads, state, rho=0.95, eps=1e-6, lr=1e-3):
    updated, vs, us = [], [], []
    for p, g, v, u in zip(params, grads, state["v"], state["u"], strict=True):
        v = rho * v + (1 - rho) * g**2
        delta = ((u + eps) / (v + eps)).sqrt() * g
        vs.append(v)
        us.append(rho * u + (1 - rho) * delta**2)
        updated.append(p - lr * delta)
    return updated, {"v": vs, "u": us}


@mistake("a new state for every update", check="test_train_steps", diagnosis="state:not kept")
def train(x, y, params, optimiser, epochs, batch_size, seed, **settings):
    update, losses = globals()[f"{optimiser}_update"], []
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            loss, grads = network_gradient(x_batch, y_batch, params)
            params, _ = update(params, grads, init_state(params, optimiser), **settings)
            losses.append(float(loss))
    return params, losses


@mistake(
    "a new state for every epoch", check="test_train_steps", diagnosis="state:new in each epoch"
)
def train(x, y, params, optimiser, epochs, batch_size, seed, **settings):
    update, losses = globals()[f"{optimiser}_update"], []
    for epoch in range(epochs):
        state = init_state(params, optimiser)
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            loss, grads = network_gradient(x_batch, y_batch, params)
            params, state = update(params, grads, state, **settings)
            losses.append(float(loss))
    return params, losses


@mistake("the loss after the update", check="test_train_steps", diagnosis="loss:after the update")
def train(x, y, params, optimiser, epochs, batch_size, seed, **settings):
    update, state, losses = globals()[f"{optimiser}_update"], init_state(params, optimiser), []
    for epoch in range(epochs):
        for batch in minibatches(x, y, batch_size, seed + epoch):
            _, grads = network_gradient(*batch, params)
            params, state = update(params, grads, state, **settings)
            losses.append(float(network_gradient(*batch, params)[0]))
    return params, losses


@mistake("settings not handed on", check="test_train_steps", diagnosis="settings:default")
def train(x, y, params, optimiser, epochs, batch_size, seed, **settings):
    update, state, losses = globals()[f"{optimiser}_update"], init_state(params, optimiser), []
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            loss, grads = network_gradient(x_batch, y_batch, params)
            params, state = update(params, grads, state)
            losses.append(float(loss))
    return params, losses


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
        update, state, losses = globals()[f"{optimiser}_update"], init_state(params, optimiser), []
        for k in range(epochs):
            for batch in minibatches(x, y, batch_size, seed + k):
                loss, grads = network_gradient(*batch, params)
                params, state = update(params, grads, state, **settings)
                losses += [loss]
        return [params, losses]
