"""What students hand in for logistic_regression: mistakes to be found, right answers to pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("the odds for the probability", check="test_sigmoid", diagnosis="odds")
def sigmoid(z):
    return z.exp()


@mistake("sigmoid of −z", check="test_sigmoid", diagnosis="other class")
def sigmoid(z):
    return 1 / (1 + z.exp())


@mistake("sigmoid by way of exp(z)", check="test_sigmoid_extreme", diagnosis="overflow")
def sigmoid(z):
    return z.exp() / (1 + z.exp())


@mistake("sigmoid multiplied by masks", check="test_sigmoid_extreme", diagnosis="overflow")
def sigmoid(z):
    return (z >= 0) / (1 + (-z).exp()) + (z < 0) * z.exp() / (1 + z.exp())


@mistake("sigmoid in float32 only", check="test_sigmoid_extreme", diagnosis="dtype")
def sigmoid(z):
    e = (-z.double().abs()).exp()
    return torch.where(z >= 0, 1, e) / (1 + e)


@mistake(
    "the loss from the probabilities", check="test_bce_with_logits_forward_extreme", diagnosis="nan"
)
class LogOfZero:
    def bce_with_logits_forward(z, y):
        if z.shape != y.shape or y.min() < 0 or y.max() > 1:
            raise ValueError
        a = sigmoid(z)
        return -(y * a.log() + (1 - y) * (1 - a).log()).mean(), (z, y)


@mistake(
    "a small number inside the logarithms",
    check="test_bce_with_logits_forward_extreme",
    diagnosis="log(0) hidden",
)
class Epsilon:
    def bce_with_logits_forward(z, y):
        if z.shape != y.shape or y.min() < 0 or y.max() > 1:
            raise ValueError
        a = sigmoid(z)
        return -(y * (a + 1e-12).log() + (1 - y) * (1 - a + 1e-12).log()).mean(), (z, y)


@mistake(
    "exp(z) inside the logarithm", check="test_bce_with_logits_forward_extreme", diagnosis="inf"
)
def bce_with_logits_forward(z, y):
    if z.shape != y.shape or y.min() < 0 or y.max() > 1:
        raise ValueError
    return ((1 + z.exp()).log() - z * y).mean(), (z, y)


@mistake("no bracket", check="test_bce_with_logits_forward", diagnosis="bracket")
def bce_with_logits_forward(z, y):
    if z.shape != y.shape or y.min() < 0 or y.max() > 1:
        raise ValueError
    a = sigmoid(z)
    return -(y * a.log()).mean() + (1 - y) * (1 - a).log(), (z, y)


@mistake("only the term of y = 1", check="test_bce_with_logits_forward", diagnosis="only y = 1")
def bce_with_logits_forward(z, y):
    if z.shape != y.shape or y.min() < 0 or y.max() > 1:
        raise ValueError
    return -(y * sigmoid(z).log()).mean(), (z, y)


@mistake("a sum for the mean", check="test_bce_with_logits_forward", diagnosis="scale:batch")
def bce_with_logits_forward(z, y):
    if z.shape != y.shape or y.min() < 0 or y.max() > 1:
        raise ValueError
    return (z.clamp(min=0) - z * y + torch.log1p((-z.abs()).exp())).sum(), (z, y)


@mistake("one loss for each example", check="test_bce_with_logits_forward", diagnosis="unreduced:0")
def bce_with_logits_forward(z, y):
    if z.shape != y.shape or y.min() < 0 or y.max() > 1:
        raise ValueError
    return z.clamp(min=0) - z * y + torch.log1p((-z.abs()).exp()), (z, y)


@mistake(
    "shapes are not compared", check="test_bce_with_logits_raises", diagnosis="no error:ValueError"
)
def bce_with_logits_forward(z, y):
    if y.min() < 0 or y.max() > 1:
        raise ValueError
    return (z.clamp(min=0) - z * y + torch.log1p((-z.abs()).exp())).mean(), (z, y)


@mistake(
    "labels are not looked at", check="test_bce_with_logits_raises", diagnosis="no error:ValueError"
)
def bce_with_logits_forward(z, y):
    if z.shape != y.shape:
        raise ValueError
    return (z.clamp(min=0) - z * y + torch.log1p((-z.abs()).exp())).mean(), (z, y)


@mistake("y − a", check="test_bce_with_logits_backward", diagnosis="sign")
def bce_with_logits_backward(dout, cache):
    z, y = cache
    return dout * (y - sigmoid(z)) / len(z)


@mistake("no 1/N in dz", check="test_bce_with_logits_backward", diagnosis="scale:batch")
def bce_with_logits_backward(dout, cache):
    z, y = cache
    return dout * (sigmoid(z) - y)


@mistake("dout is not used", check="test_bce_with_logits_backward", diagnosis="scale:1/dout")
def bce_with_logits_backward(dout, cache):
    z, y = cache
    return (sigmoid(z) - y) / len(z)


@mistake(
    "the sigmoid's derivative is left in",
    check="test_bce_with_logits_backward",
    diagnosis="extra factor:σ′(z)",
)
def bce_with_logits_backward(dout, cache):
    z, y = cache
    a = sigmoid(z)
    return dout * (a - y) * a * (1 - a) / len(z)


@mistake("dz by way of 1/a", check="test_bce_with_logits_backward", diagnosis="nan")
def bce_with_logits_backward(dout, cache):
    z, y = cache
    a = sigmoid(z)
    return dout * ((1 - y) / (1 - a) - y / a) * a * (1 - a) / len(z)


@mistake("no 1/N", check="test_logistic_gradients", diagnosis="scale:batch")
def logistic_gradients(x, y, params):
    dz = sigmoid(logits(x, params)) - y
    return x.T @ dz, dz.sum()


@mistake("no 1/N in db alone", check="test_logistic_gradients", diagnosis="scale:batch")
def logistic_gradients(x, y, params):
    dz = sigmoid(logits(x, params)) - y
    return x.T @ dz / len(x), dz.sum()


@mistake("1/N twice", check="test_logistic_gradients", diagnosis="scale:1/batch")
def logistic_gradients(x, y, params):
    _, cache = bce_with_logits_forward(logits(x, params), y)
    dz = bce_with_logits_backward(1.0, cache)
    return x.T @ dz / len(x), dz.mean()


@mistake("a column less a vector", check="test_logistic_gradients", diagnosis="broadcast")
def logistic_gradients(x, y, params):
    w, b = params
    difference = sigmoid(x @ w[:, None] + b) - y
    return (x.T @ difference).mean(1), difference.mean()


@mistake("the gradient of linear regression", check="test_logistic_gradients", diagnosis="linear")
def logistic_gradients(x, y, params):
    dz = (logits(x, params) - y) / len(y)
    return x.T @ dz, dz.sum()


@mistake("labels minus predictions", check="test_logistic_gradients", diagnosis="sign")
def logistic_gradients(x, y, params):
    dz = (y - sigmoid(logits(x, params))) / len(y)
    return x.T @ dz, dz.sum()


@mistake("uphill", check="test_gd_update", diagnosis="uphill")
def gd_update(params, grads, state, lr):
    return tuple(p + lr * g for p, g in zip(params, grads, strict=True)), state


@mistake("the caller's parameters change", check="test_gd_update", diagnosis="inplace:params[0]")
def gd_update(params, grads, state, lr):
    for p, g in zip(params, grads, strict=True):
        p -= lr * g
    return params, state


@mistake("the logit is compared with 0.5", check="test_predict", diagnosis="logit at 0.5")
def predict(x, params):
    return (logits(x, params) > 0.5).long()


@mistake("a tie counts as 0", check="test_predict", diagnosis="tie")
def predict(x, params):
    return (logits(x, params) > 0).long()


@mistake("probabilities for labels", check="test_predict", diagnosis="probabilities")
def predict(x, params):
    return sigmoid(logits(x, params))


@mistake("the loss after each step", check="test_train_steps", diagnosis="after the step")
def train(x, y, steps, lr):
    params, losses = (x.new_zeros(x.shape[1]), x.new_zeros(())), []
    for _ in range(steps):
        params, _ = gd_update(params, logistic_gradients(x, y, params), None, lr)
        losses.append(bce_with_logits_forward(logits(x, params), y)[0])
    return params, losses


@mistake(
    "the updated parameters are dropped",
    check=("test_train_steps", "test_train_on_digits"),
    diagnosis="untrained",
)
def train(x, y, steps, lr):
    params, losses = (x.new_zeros(x.shape[1]), x.new_zeros(())), []
    for _ in range(steps):
        losses.append(bce_with_logits_forward(logits(x, params), y)[0])
        gd_update(params, logistic_gradients(x, y, params), None, lr)
    return params, losses


@mistake(
    "training ends where the loss is small enough",
    check="test_train_on_digits",
    diagnosis="below threshold:balanced accuracy",
)
def train(x, y, steps, lr):
    params, losses = (x.new_zeros(x.shape[1]), x.new_zeros(())), []
    for _ in range(steps):
        losses.append(bce_with_logits_forward(logits(x, params), y)[0])
        params, _ = gd_update(params, logistic_gradients(x, y, params), None, lr)
        if losses[-1] < 0.3:
            break
    return params, losses


@alternative("one over one plus exp(−z): infinity, then 1/∞ = 0")
def sigmoid(z):
    return 1 / (1 + torch.exp(-z))


@alternative("sigmoid by tanh; the loss by maximum and a plain logarithm; probabilities decide")
class Tanh:
    def sigmoid(z):
        return (torch.tanh(z / 2) + 1) / 2

    def bce_with_logits_forward(z, y):
        if z.shape != y.shape:
            raise ValueError("shapes")
        if not ((y >= 0) & (y <= 1)).all():
            raise ValueError("labels")
        losses = torch.maximum(z, torch.zeros_like(z)) + torch.log(1 + torch.exp(-z.abs())) - y * z
        return losses.sum() / z.numel(), {"a": sigmoid(z), "y": y}

    def bce_with_logits_backward(dout, cache):
        return (cache["a"] - cache["y"]) * (dout / cache["y"].numel())

    def predict(x, params):
        return sigmoid(logits(x, params)) >= 0.5


@alternative("through the loss's backward; einsum; lists for tuples; losses as numbers")
class Composed:
    def logistic_gradients(x, y, params):
        z = torch.einsum("nd,d->n", x, params[0]) + params[1]
        dz = bce_with_logits_backward(torch.ones((), dtype=x.dtype), (z, y))
        return [torch.einsum("nd,n->d", x, dz), dz.sum()]

    def gd_update(params, grads, state, lr):
        return [torch.sub(p, g, alpha=lr) for p, g in zip(params, grads, strict=True)], state

    def train(x, y, steps, lr):
        params = [torch.zeros(x.shape[1], dtype=x.dtype), torch.tensor(0.0, dtype=x.dtype)]
        losses = torch.zeros(steps, dtype=x.dtype)
        for k in range(steps):
            losses[k] = bce_with_logits_forward(logits(x, params), y)[0].item()
            params, _ = gd_update(params, logistic_gradients(x, y, params), None, lr)
        return params, losses


@alternative("float32 inside, a column for w, sums one feature at a time")
def logistic_gradients(x, y, params):
    a = sigmoid(x.float() @ params[0].float()[:, None] + params[1].float())
    error = (a - y.float()[:, None]).squeeze(1)
    dw = torch.stack([(error * column).mean() for column in x.float().T])
    return dw, error.mean()


equivalent(
    "sigmoid",
    "return torch.where(z >= 0, 1, e) / (1 + e)",
    "return torch.where(z > 0, 1, e) / (1 + e)",
    why="at z = 0 both branches are 1: exp(0) is 1",
)
