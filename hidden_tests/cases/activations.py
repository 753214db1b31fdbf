"""What students hand in for activations: mistakes to be found, right answers to pass."""

import math

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("sigmoid by way of exp(x)", check="test_sigmoid_forward", diagnosis="nan")
def sigmoid_forward(x):
    out = x.exp() / (1 + x.exp())
    return out, out


@mistake(
    "sigmoid's slope from its input", check="test_sigmoid_backward", diagnosis="pre-activation"
)
class SigmoidFromInput:
    def sigmoid_forward(x):
        return 1 / (1 + (-x).exp()), x

    def sigmoid_backward(dout, cache):
        return dout * cache * (1 - cache)


@mistake("tanh's slope from its input", check="test_tanh_backward", diagnosis="pre-activation")
def tanh_backward(dout, cache):
    x, _ = cache
    return dout * (1 - x**2)


@mistake("tanh of the output", check="test_tanh_backward", diagnosis="applied twice")
def tanh_backward(dout, cache):
    _, y = cache
    return dout * (1 - torch.tanh(y) ** 2)


@mistake("the leaky mask from dout", check="test_leaky_relu_backward", diagnosis="mask:dout")
def leaky_relu_backward(dout, cache):
    _, slope = cache
    return torch.where(dout > 0, dout, slope * dout)


@mistake(
    "the slope is written into integers",
    check="test_leaky_relu_backward",
    diagnosis="mask:integer",
)
def leaky_relu_backward(dout, cache):
    x, slope = cache
    mask = (x > 0).int()
    mask[x <= 0] = slope
    return dout * mask


@mistake("λ on the right only", check="test_elu_forward", diagnosis="scale on one side")
def elu_forward(x, alpha=1.0, scale=1.0):
    return torch.where(x > 0, scale * x, alpha * torch.expm1(x)), (x, alpha, scale)


@mistake("ELU by masks", check="test_elu_forward", diagnosis="nan")
def elu_forward(x, alpha=1.0, scale=1.0):
    out = scale * ((x > 0) * x + (x <= 0) * alpha * (x.exp() - 1))
    return out, (x, alpha, scale)


@mistake("an ELU that is a ReLU", check="test_elu_forward", diagnosis="relu")
def elu_forward(x, alpha=1.0, scale=1.0):
    return scale * x.clamp(min=0), (x, alpha, scale)


@mistake("ELU's slope without αeˣ", check="test_elu_backward", diagnosis="no αeˣ")
def elu_backward(dout, cache):
    _, _, scale = cache
    return dout * scale


@mistake("y + α where y holds λ", check="test_elu_backward", diagnosis="output")
def elu_backward(dout, cache):
    x, alpha, scale = cache
    y = scale * torch.where(x > 0, x, alpha * torch.expm1(x))
    return dout * torch.where(x > 0, scale, y + alpha)


@mistake(
    "the tanh form for the exact one", check="test_gelu_forward", diagnosis="mixed up:gelu_tanh"
)
def gated_forward(x, gate):
    if gate not in ("gelu", "gelu_tanh", "swish"):
        raise ValueError
    g = torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)) / 2 + 0.5
    g = sigmoid_forward(x)[0] if gate == "swish" else g
    return x * g, (x, g, gate)


@mistake("Swish as a GELU", check="test_swish_forward", diagnosis="mixed up:gelu")
def gated_forward(x, gate):
    if gate not in ("gelu", "gelu_tanh", "swish"):
        raise ValueError
    g = (1 + torch.erf(x / math.sqrt(2))) / 2
    if gate == "gelu_tanh":
        g = torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)) / 2 + 0.5
    return x * g, (x, g, gate)


@mistake(
    "no product rule",
    check=("test_gelu_backward", "test_swish_backward"),
    diagnosis="product rule",
)
def gated_backward(dout, cache):
    _, g, _ = cache
    return dout * g


@mistake(
    "the exact slope for the tanh form",
    check="test_gelu_backward",
    diagnosis="mixed up:gelu",
)
def gated_backward(dout, cache):
    x, g, gate = cache
    if gate == "swish":
        return dout * (g + x * g * (1 - g))
    phi = (-x * x / 2).exp() / math.sqrt(2 * math.pi)
    return dout * ((1 + torch.erf(x / math.sqrt(2))) / 2 + x * phi)


@mistake("the chain rule stops at u", check="test_gelu_backward", diagnosis="chain rule")
def gated_backward(dout, cache):
    x, g, gate = cache
    if gate == "gelu":
        return dout * (g + x * (-x * x / 2).exp() / math.sqrt(2 * math.pi))
    return dout * (g + x * g * (1 - g) * (2 if gate == "gelu_tanh" else 1))


@mistake("all pieces get the gradient", check="test_maxout_backward", diagnosis="all pieces")
def maxout_backward(dout, cache):
    return dout[..., None].expand_as(cache)


@mistake("all of the largest get it", check="test_maxout_backward", diagnosis="tie")
def maxout_backward(dout, cache):
    return dout[..., None] * (cache == cache.amax(-1, keepdim=True))


@mistake("1/r only right of 0", check="test_bru_forward", diagnosis="shift")
def bru_forward(x, r=2.0):
    if r <= 0:
        raise ValueError
    return torch.where(x >= 0, (r * r * x + 1) ** (1 / r) - 1 / r, (r * x).exp()), (x, r)


@mistake("the inside is not differentiated", check="test_bru_backward", diagnosis="chain rule")
def bru_backward(dout, cache):
    x, r = cache
    root = (r * r * x + 1) ** (1 / r - 1) / r
    return dout * torch.where(x >= 0, root, r * (r * x).exp())


@mistake("flat once is dead", check="test_dead_and_saturated", diagnosis="any")
def dead_and_saturated(slopes, tol=0.0):
    if slopes.ndim != 2:
        raise ValueError
    flat = slopes.abs() <= tol
    return flat.any(0).double().mean(), flat.double().mean()


@mistake("examples for units", check="test_dead_and_saturated", diagnosis="axis")
def dead_and_saturated(slopes, tol=0.0):
    if slopes.ndim != 2:
        raise ValueError
    flat = slopes.abs() <= tol
    return flat.all(1).double().mean(), flat.double().mean()


@mistake("w2 changes too early", check="test_train_steps", diagnosis="updated weights")
def train(x, y, params, name, steps, lr):
    (f, b), (w1, b1, w2, b2), losses = activation(name), params, []
    for _ in range(steps):
        h, cache = f(x @ w1 + b1)
        loss, d = cross_entropy(h @ w2 + b2, y)
        w2, b2 = w2 - lr * h.T @ d, b2 - lr * d.sum(0)
        dz = b(d @ w2.T, cache)
        w1, b1 = w1 - lr * x.T @ dz, b1 - lr * dz.sum(0)
        losses.append(loss)
    return (w1, b1, w2, b2), losses


@mistake("f′ is left out", check="test_train_steps", diagnosis="no f′")
def train(x, y, params, name, steps, lr):
    (f, _), (w1, b1, w2, b2), losses = activation(name), params, []
    for _ in range(steps):
        h, _ = f(x @ w1 + b1)
        loss, d = cross_entropy(h @ w2 + b2, y)
        dz = d @ w2.T
        w2, b2 = w2 - lr * h.T @ d, b2 - lr * d.sum(0)
        w1, b1 = w1 - lr * x.T @ dz, b1 - lr * dz.sum(0)
        losses.append(loss)
    return (w1, b1, w2, b2), losses


@mistake(
    "the new parameters are dropped",
    check=("test_train_steps", "test_train_on_digits"),
    diagnosis="untrained",
)
def train(x, y, params, name, steps, lr):
    w1, b1, w2, b2 = params
    h, _ = activation(name)[0](x @ w1 + b1)
    return params, [cross_entropy(h @ w2 + b2, y)[0]] * steps


@alternative("sigmoid by tanh; slopes in the caches; masks where nothing overflows")
class SlopesInCaches:
    def sigmoid_forward(x):
        out = (torch.tanh(x / 2) + 1) / 2
        return out, {"slope": out - out * out}

    def sigmoid_backward(dout, cache):
        return cache["slope"] * dout

    def tanh_backward(dout, cache):
        return dout / torch.cosh(cache[0]) ** 2

    def leaky_relu_backward(dout, cache):
        x, slope = cache
        return dout * ((x > 0) + (x <= 0) * slope)

    def elu_forward(x, alpha=1.0, scale=1.0):
        left = alpha * (x.clamp(max=0).exp() - 1)
        return scale * (x.clamp(min=0) + left), [x > 0, scale, scale * (left + alpha)]

    def elu_backward(dout, cache):
        on, right, left = cache
        return dout * torch.where(on, right, left)

    def gated_forward(x, gate):
        if gate == "gelu":
            g, dg = torch.special.ndtr(x), torch.exp(-(x**2) / 2) / (2 * math.pi) ** 0.5
        elif gate in ("gelu_tanh", "swish"):
            c = math.sqrt(8 / math.pi) if gate == "gelu_tanh" else 1
            cube = 0.044715 if gate == "gelu_tanh" else 0
            g, _ = sigmoid_forward(c * (x + cube * x * x * x))
            dg = g * (1 - g) * c * (1 + 3 * cube * x * x)
        else:
            raise ValueError(gate)
        return x * g, x * dg + g

    def gated_backward(dout, cache):
        return cache * dout


@alternative("assignments through masks, and float32 inside")
class Masked:
    def elu_forward(x, alpha=1.0, scale=1.0):
        out, left = x.clone(), x <= 0
        out[left] = alpha * (x[left].exp() - 1)
        return scale * out, (out, left, alpha, scale)

    def elu_backward(dout, cache):
        out, left, alpha, scale = cache
        dx = scale * dout
        dx[left] *= out[left] + alpha
        return dx

    def bru_forward(x, r=2.0):
        if r <= 0:
            raise ValueError(r)
        out, on = x.clone(), x >= 0
        out[on] = (r**2 * x[on] + 1) ** (1 / r)
        out[~on] = torch.exp(r * x[~on])
        return out - 1 / r, (out, on, r)

    def bru_backward(dout, cache):
        root, on, r = cache
        return dout * r * torch.where(on, root ** (1 - r), root)

    def maxout_backward(dout, cache):
        winner = cache.max(-1).indices
        return torch.eye(cache.shape[-1], dtype=dout.dtype)[winner] * dout[:, :, None]

    def sigmoid_backward(dout, cache):
        return (dout.float() * cache.float() * (1 - cache.float())).to(dout.dtype)


@alternative("loops, tensors for numbers, and the published constants")
class Loops:
    def selu_constants():
        return [torch.tensor(1.6732632423543772, dtype=torch.float64), 1.0507009873554805]

    def maxout_backward(dout, cache):
        dx = torch.zeros_like(cache)
        for n in range(cache.shape[0]):
            for m in range(cache.shape[1]):
                dx[n, m, cache[n, m].tolist().index(cache[n, m].max())] = dout[n, m]
        return dx

    def dead_and_saturated(slopes, tol=0.0):
        n, m = slopes.shape
        flat = (slopes >= -tol) & (slopes <= tol)
        dead = [bool(flat[:, unit].all()) for unit in range(m)]
        return torch.tensor(sum(dead) / m), flat.sum() / (n * m)

    def train(x, y, params, name, steps, lr):
        params, losses = list(params), torch.zeros(steps, dtype=x.dtype)
        for k in range(steps):
            h, cache = activation(name)[0](torch.einsum("nd,dm->nm", x, params[0]) + params[1])
            losses[k], d = cross_entropy(h @ params[2] + params[3], y)
            dz = activation(name)[1](torch.einsum("nc,mc->nm", d, params[2]), cache)
            grads = [x.T @ dz, dz.sum(0), h.T @ d, d.sum(0)]
            params = [p - lr * g for p, g in zip(params, grads, strict=True)]
        return params, losses


equivalent(
    "sigmoid_forward",
    "out = torch.where(x >= 0, 1, e) / (1 + e)",
    "out = torch.where(x > 0, 1, e) / (1 + e)",
    why="at x = 0 both branches are 1: exp(0) is 1",
)
equivalent(
    "elu_forward",
    "return scale * torch.where(x > 0, x, alpha * torch.expm1(x)), (x, alpha, scale)",
    "return scale * torch.where(x >= 0, x, alpha * torch.expm1(x)), (x, alpha, scale)",
    why="at x = 0 both branches are 0",
)
equivalent(
    "bru_forward",
    "return torch.where(x >= 0, root, (r * x).exp()) - 1 / r, (x, r)",
    "return torch.where(x > 0, root, (r * x).exp()) - 1 / r, (x, r)",
    why="at x = 0 both branches are 1",
)
equivalent(
    "bru_backward",
    "return dout * r * torch.where(x >= 0, root, (r * x).exp())",
    "return dout * r * torch.where(x > 0, root, (r * x).exp())",
    why="at x = 0 both branches are 1",
)
equivalent(
    "train",
    "params = tuple(p - lr * g for p, g in zip(params, grads, strict=True))",
    "params = tuple(p - lr * g for p, g in zip(params, grads, strict=False))",
    why="both have four entries",
)
