"""What students hand in for gradient_descent: mistakes to be found, right answers to pass."""

import torch

from gradus.audit.cases import alternative, mistake


@mistake(
    "the last partial batch is lost",
    check="test_epoch_batches_visit_every_example_once",
    diagnosis="last batch lost",
)
def epoch_batches(n, batch_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    last = max(n - batch_size + 1, 1)
    return [order[i : i + batch_size] for i in range(0, last, batch_size)]


@mistake(
    "drawn with replacement",
    check="test_epoch_batches_visit_every_example_once",
    diagnosis="not a partition",
)
def epoch_batches(n, batch_size, seed):
    order = torch.randint(n, (n,), generator=torch.Generator().manual_seed(seed))
    return list(order.split(batch_size))


@mistake("no shuffle", check="test_epoch_batches_shuffle", diagnosis="no shuffle")
def epoch_batches(n, batch_size, seed):
    return list(torch.arange(n).split(batch_size))


@mistake("lr applied twice", check="test_sgd_update", diagnosis="scale:learning")
def sgd_update(params, grads, state, lr, weight_decay=0.0):
    steps = [lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)]
    return [p - lr * s for p, s in zip(params, steps, strict=True)], state


@mistake("the decay without lr", check="test_sgd_update", diagnosis="decay:no lr")
def sgd_update(params, grads, state, lr, weight_decay=0.0):
    pairs = zip(params, grads, strict=True)
    return [p * (1 - weight_decay) - lr * g for p, g in pairs], state


@mistake("αw² differentiated to 2αw", check="test_sgd_update", diagnosis="decay:twice")
def sgd_update(params, grads, state, lr, weight_decay=0.0):
    return [p - lr * (g + 2 * weight_decay * p) for p, g in zip(params, grads, strict=True)], state


@mistake("gradients are not counted", check="test_sgd_update", diagnosis="no error:ValueError")
def sgd_update(params, grads, state, lr, weight_decay=0.0):
    return [p - lr * (g + weight_decay * p) for p, g in zip(params, grads)], state  # noqa: B905


@mistake(
    "the velocity is not kept",
    check=("test_momentum_by_hand", "test_momentum_steps"),
    diagnosis="velocity:as it came",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    velocities = []
    for p, g, u in zip(params, grads, state, strict=True):
        velocities.append(beta * u + g + weight_decay * p)
    return [p - lr * u for p, u in zip(params, velocities, strict=True)], state


@mistake(
    "the velocity starts from zero in every call",
    check=("test_momentum_by_hand", "test_momentum_steps"),
    diagnosis="velocity:not kept",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    triples = zip(params, grads, zero_velocity(params), strict=True)
    velocities = [beta * u + g + weight_decay * p for p, g, u in triples]
    return [p - lr * u for p, u in zip(params, velocities, strict=True)], velocities


@mistake("(1 − β) mixed in", check="test_momentum_by_hand", diagnosis="velocity:1 - beta")
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    triples = zip(params, grads, state, strict=True)
    velocities = [beta * u + (1 - beta) * (g + weight_decay * p) for p, g, u in triples]
    return [p - lr * u for p, u in zip(params, velocities, strict=True)], velocities


@mistake("lr inside the velocity", check="test_momentum_by_hand", diagnosis="velocity:lr inside")
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    triples = zip(params, grads, state, strict=True)
    velocities = [beta * u + lr * (g + weight_decay * p) for p, g, u in triples]
    return [p - u for p, u in zip(params, velocities, strict=True)], velocities


@mistake(
    "lr in the velocity and in the step",
    check="test_momentum_by_hand",
    diagnosis="velocity:lr inside",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    triples = zip(params, grads, state, strict=True)
    velocities = [beta * u + lr * (g + weight_decay * p) for p, g, u in triples]
    return [p - lr * u for p, u in zip(params, velocities, strict=True)], velocities


@mistake(
    "the step is kept for the velocity",
    check="test_momentum_by_hand",
    diagnosis="velocity:lr inside",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    triples = zip(params, grads, state, strict=True)
    steps = [beta * u - lr * (g + weight_decay * p) for p, g, u in triples]
    return [p + s for p, s in zip(params, steps, strict=True)], steps


@mistake(
    "the penalty beside the velocity",
    check="test_momentum_steps",
    diagnosis="decay:not in the velocity",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    velocities = [beta * u + g for g, u in zip(grads, state, strict=True)]
    pairs = zip(params, velocities, strict=True)
    return [p - lr * (u + weight_decay * p) for p, u in pairs], velocities


@mistake(
    "the velocity is changed in place",
    check=("test_momentum_by_hand", "test_momentum_steps"),
    diagnosis="inplace:state[0]",
)
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    for p, g, u in zip(params, grads, state, strict=True):
        u.mul_(beta).add_(g + weight_decay * p)
    return [p - lr * u for p, u in zip(params, state, strict=True)], state


@mistake(
    "Nesterov's gradient at w",
    check=("test_nesterov_by_hand", "test_nesterov_steps"),
    diagnosis="look-ahead:at w",
)
def nesterov_update(params, objective, state, lr, beta):
    return momentum_update(params, objective(params)[1], state, lr, beta)


@mistake("the look-ahead without lr", check="test_nesterov_steps", diagnosis="look-ahead:no lr")
def nesterov_update(params, objective, state, lr, beta):
    ahead = [p - beta * u for p, u in zip(params, state, strict=True)]
    return momentum_update(params, objective(ahead)[1], state, lr, beta)


@mistake("PyTorch's step", check="test_nesterov_by_hand", diagnosis="step:nesterov")
def nesterov_update(params, objective, state, lr, beta):
    _, grads = objective(params)
    velocities = [beta * u + g for u, g in zip(state, grads, strict=True)]
    triples = zip(params, grads, velocities, strict=True)
    return [p - lr * (g + beta * u) for p, g, u in triples], velocities


@mistake(
    "the step starts at the look-ahead",
    check=("test_nesterov_by_hand", "test_nesterov_steps"),
    diagnosis="step:from look-ahead",
)
def nesterov_update(params, objective, state, lr, beta):
    ahead = [p - lr * beta * u for p, u in zip(params, state, strict=True)]
    return momentum_update(ahead, objective(ahead)[1], state, lr, beta)


@mistake(
    "the search never shrinks",
    check=("test_line_search_by_hand", "test_line_search"),
    diagnosis="rate:never shrinks",
)
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    if not (lr > 0 and 0 < shrink < 1 and 0 < c < 1 and loss.isfinite()):
        raise ValueError("settings")
    trial, _ = sgd_update(params, grads, None, lr)
    if objective(trial)[0] > loss - c * lr * sum((g**2).sum() for g in grads):
        shrink * lr
    return lr


@mistake(
    "the search tries one rate for ever", check="test_line_search_by_hand", diagnosis="endless"
)
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    slope, rate = sum((g**2).sum() for g in grads), lr
    while objective(sgd_update(params, grads, None, lr)[0])[0] > loss - c * lr * slope:
        rate = shrink * rate
    return rate


@mistake(
    "any decrease is accepted",
    check=("test_line_search_by_hand", "test_line_search"),
    diagnosis="rate:any decrease",
)
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    while not objective(sgd_update(params, grads, None, lr)[0])[0] < loss:
        lr *= shrink
    return lr


@mistake("NaN is accepted", check="test_line_search", diagnosis="rate:nan")
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    slope = sum((g**2).sum() for g in grads)
    while objective(sgd_update(params, grads, None, lr)[0])[0] > loss - c * lr * slope:
        lr *= shrink
    return lr


@mistake(
    "settings are not checked", check="test_line_search_raises", diagnosis="no error:ValueError"
)
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    slope = sum((g**2).sum() for g in grads)
    while not objective(sgd_update(params, grads, None, lr)[0])[0] <= loss - c * lr * slope:
        lr *= shrink
    return lr


@mistake("trials uphill", check="test_line_search_by_hand", diagnosis="rate:no decrease")
def line_search(params, objective, lr, shrink, c):
    loss, grads = objective(params)
    while True:
        trial = [p + lr * g for p, g in zip(params, grads, strict=True)]
        if objective(trial)[0] <= loss - c * lr * sum((g**2).sum() for g in grads):
            return lr
        lr *= shrink


@mistake("a start at NaN is not seen", check="test_line_search_raises", diagnosis="endless")
def line_search(params, objective, lr, shrink, c):
    if not (lr > 0 and 0 < shrink < 1 and 0 < c < 1):
        raise ValueError("settings")
    loss, grads = objective(params)
    slope = sum((g**2).sum() for g in grads)
    while not objective(sgd_update(params, grads, None, lr)[0])[0] <= loss - c * lr * slope:
        lr *= shrink
    return lr


@mistake(
    "the gradient accumulates over the batches",
    check="test_train_steps",
    diagnosis="gradient:accumulates",
)
def train(x, y, params, epochs, lr, beta, batch_size, seed):
    state, total = zero_velocity(params), zero_velocity(params)
    for epoch in range(epochs):
        for batch in epoch_batches(len(x), batch_size, seed + epoch):
            _, grads = softmax_regression(x[batch], y[batch])(params)
            total = [t + g for t, g in zip(total, grads, strict=True)]
            params, state = momentum_update(params, total, state, lr, beta)
    return params


@mistake("the state is not passed on", check="test_train_steps", diagnosis="velocity:not kept")
def train(x, y, params, epochs, lr, beta, batch_size, seed):
    state = zero_velocity(params)
    for epoch in range(epochs):
        for batch in epoch_batches(len(x), batch_size, seed + epoch):
            _, grads = softmax_regression(x[batch], y[batch])(params)
            params, _ = momentum_update(params, grads, state, lr, beta)
    return params


@mistake("every epoch in one order", check="test_train_steps", diagnosis="one order")
def train(x, y, params, epochs, lr, beta, batch_size, seed):
    state = zero_velocity(params)
    for _ in range(epochs):
        for batch in epoch_batches(len(x), batch_size, seed):
            _, grads = softmax_regression(x[batch], y[batch])(params)
            params, state = momentum_update(params, grads, state, lr, beta)
    return params


@alternative("batches by slicing; loops; the decay as a factor; the search as a for")
class Loops:
    def epoch_batches(n, batch_size, seed):
        generator = torch.Generator()
        generator.manual_seed(seed + 1)
        order, batches = torch.rand(n, generator=generator).argsort(), []
        for start in range(0, n, batch_size):
            batches.append(order[start : start + batch_size])
        return tuple(batches)

    def sgd_update(params, grads, state, lr, weight_decay=0.0):
        if len(params) != len(grads):
            raise ValueError("as many gradients as parameters")
        updated = []
        for i in range(len(params)):
            updated.append((1 - lr * weight_decay) * params[i] - lr * grads[i])
        return tuple(updated), state

    def line_search(params, objective, lr, shrink, c):
        if lr <= 0 or not 0 < shrink < 1 or not 0 < c < 1:
            raise ValueError("settings")
        loss, grads = objective(params)
        if loss.isnan() or loss.isinf():
            raise ValueError("loss")
        squares = torch.cat([g.flatten() for g in grads]).square().sum()
        for k in range(10000):
            rate = lr * shrink**k
            after, _ = objective([p - rate * g for p, g in zip(params, grads, strict=True)])
            if loss - after >= c * rate * squares:
                return torch.tensor(rate)


@alternative("copies changed in place, float32 inside")
def momentum_update(params, grads, state, lr, beta, weight_decay=0.0):
    if not len(params) == len(grads) == len(state):
        raise ValueError("lengths")
    updated, velocities = [], []
    for p, g, u in zip(params, grads, state, strict=True):
        v = u.float().clone()
        v.mul_(beta).add_(g.float()).add_(p.float(), alpha=weight_decay)
        updated.append((p.float() - lr * v).to(p.dtype))
        velocities.append(v.to(p.dtype))
    return updated, velocities


@alternative("Nesterov without the other updates; the training in one loop over all steps")
class Alone:
    def nesterov_update(params, objective, state, lr, beta):
        rolled = sgd_update(params, [beta * u for u in state], None, lr)[0]
        _, grads = objective(tuple(rolled))
        state = [beta * u + g for u, g in zip(state, grads, strict=True)]
        return [r - lr * g for r, g in zip(rolled, grads, strict=True)], state

    def train(x, y, params, epochs, lr, beta, batch_size, seed):
        w, b = params
        u = v = 0
        batches = [i for k in range(epochs) for i in epoch_batches(len(x), batch_size, seed + k)]
        for batch in batches:
            _, (dw, db) = softmax_regression(x[batch], y[batch])([w, b])
            u, v = beta * u + dw, beta * v + db
            w, b = w - lr * u, b - lr * v
        return [w, b]
