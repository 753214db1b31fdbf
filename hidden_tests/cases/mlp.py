"""What students hand in for mlp: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("the bias is left out", check="test_linear_forward", diagnosis="missing term:b")
def linear_forward(x, w, b):
    return x @ w, (x, w)


@mistake("x + w instead of a product", check="test_linear_forward", diagnosis="raised:RuntimeError")
def linear_forward(x, w, b):
    return x + w + b, (x, w)


@mistake(
    "bias gradient summed over the features",
    check="test_linear_backward",
    diagnosis="axis:features",
)
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(1)


@mistake(
    "bias gradient averaged over the batch",
    check="test_linear_backward",
    diagnosis="scale:1/batch",
)
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.mean(0)


@mistake("bias gradient not summed", check="test_linear_backward", diagnosis="unreduced:0")
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout


@mistake("bias gradient keeps the batch axis", check="test_linear_backward", diagnosis="shape")
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0, keepdim=True)


@mistake("W for its transpose", check="test_linear_backward", diagnosis="raised:RuntimeError")
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w, x.T @ dout, dout.sum(0)


@mistake("weight gradient transposed", check="test_linear_backward", diagnosis="transpose")
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, dout.T @ x, dout.sum(0)


@mistake("1/N a second time", check="test_linear_backward", diagnosis="scale:1/batch")
def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout / len(x), dout.sum(0) / len(x)


@mistake("dw and dx swapped", check="test_linear_backward", diagnosis="swapped")
def linear_backward(dout, cache):
    x, w = cache
    return x.T @ dout, dout @ w.T, dout.sum(0)


@mistake("no gradient for x", check="test_linear_backward", diagnosis="structure")
def linear_backward(dout, cache):
    x, _ = cache
    return x.T @ dout, dout.sum(0)


@mistake("absolute value for ReLU", check="test_relu_forward", diagnosis="where:x negative")
def relu_forward(x):
    return x.abs(), x > 0


@mistake("ReLU in place", check="test_relu_forward", diagnosis="inplace:x")
def relu_forward(x):
    return x.clamp_(min=0), x > 0


@mistake("mask from dout", check="test_relu_backward", diagnosis="mask:dout")
def relu_backward(dout, cache):
    return dout * (dout > 0)


@mistake("no mask", check="test_relu_backward", diagnosis="missing factor:[x > 0]")
def relu_backward(dout, cache):
    return dout


@mistake("mask from the values after a later update", check="test_relu_backward", diagnosis="zeros")
class MaskAfterUpdate:
    def relu_forward(x):
        out = x.clone()
        cache = out  # the same memory, so what follows changes the cache as well
        out = out.clamp(min=0)
        cache.sub_(1e9)
        return out, cache

    def relu_backward(dout, cache):
        return dout * (cache > 0)


@mistake("the gradient passes at zero", check="test_relu_backward", diagnosis="mask:at zero")
class PassesAtZero:
    def relu_forward(x):
        return x.clamp(min=0), x >= 0


@mistake("the input instead of its sign", check="test_relu_backward", diagnosis="mask:not boolean")
class InputForMask:
    def relu_forward(x):
        return x.clamp(min=0), x.clamp(min=0)


@mistake(
    "ReLU after the last layer", check="test_mlp_forward", diagnosis="relu after the last layer"
)
def mlp_forward(x, params):
    caches = []
    for w, b in params:
        x, linear_cache = linear_forward(x, w, b)
        x, relu_cache = relu_forward(x)
        caches.append((linear_cache, relu_cache))
    return x, (caches[:-1], caches[-1][0])


@mistake("no ReLU between the layers", check="test_mlp_forward", diagnosis="no relu")
def mlp_forward(x, params):
    caches = []
    for w, b in params[:-1]:
        x, linear_cache = linear_forward(x, w, b)
        caches.append((linear_cache, torch.ones_like(x)))
    logits, last_cache = linear_forward(x, *params[-1])
    return logits, (caches, last_cache)


@mistake("the last hidden layer without ReLU", check="test_mlp_forward", diagnosis="last relu")
def mlp_forward(x, params):
    caches = []
    for k, (w, b) in enumerate(params):
        x, linear_cache = linear_forward(x, w, b)
        relu_cache = None
        if k < len(params) - 2:
            x, relu_cache = relu_forward(x)
        caches.append((linear_cache, relu_cache))
    return x, (caches[:-1], caches[-1][0])


@mistake("the gradients come last layer first", check="test_mlp_backward", diagnosis="swapped")
def mlp_backward(dlogits, cache):
    caches, last_cache = cache
    dx, *last = linear_backward(dlogits, last_cache)
    grads = [tuple(last)]
    for linear_cache, relu_cache in reversed(caches):
        dx, dw, db = linear_backward(relu_backward(dx, relu_cache), linear_cache)
        grads.append((dw, db))
    return grads


@mistake("one list for all gradients, overwritten", check="test_mlp_backward", diagnosis="swapped")
def mlp_backward(dlogits, cache):
    caches, last_cache = cache
    grads = [[None, None]] * (len(caches) + 1)
    dx, *grads[-1][:] = linear_backward(dlogits, last_cache)
    for k in reversed(range(len(caches))):
        linear_cache, relu_cache = caches[k]
        dx, *grads[k][:] = linear_backward(relu_backward(dx, relu_cache), linear_cache)
    return grads


@mistake("ReLU left out of the backward", check="test_mlp_backward", diagnosis="no relu")
def mlp_backward(dlogits, cache):
    caches, last_cache = cache
    dx, *last = linear_backward(dlogits, last_cache)
    grads = [tuple(last)]
    for linear_cache, _ in reversed(caches):
        dx, dw, db = linear_backward(dx, linear_cache)
        grads.append((dw, db))
    return grads[::-1]


@mistake("uphill", check="test_sgd_update", diagnosis="uphill")
def sgd_update(params, grads, state, lr):
    updated = [(w + lr * dw, b + lr * db) for (w, b), (dw, db) in zip(params, grads, strict=True)]
    return updated, state


@mistake("the learning rate is left out", check="test_sgd_update", diagnosis="no lr")
def sgd_update(params, grads, state, lr):
    return [(w - dw, b - db) for (w, b), (dw, db) in zip(params, grads, strict=True)], state


@mistake(
    "the update modifies the caller's parameters",
    check="test_sgd_update",
    diagnosis="inplace:params[0][0]",
)
def sgd_update(params, grads, state, lr):
    for (w, b), (dw, db) in zip(params, grads, strict=True):
        w -= lr * dw
        b -= lr * db
    return params, state


@mistake("biases are not updated", check="test_sgd_update", diagnosis="unchanged")
def sgd_update(params, grads, state, lr):
    return [(w - lr * dw, b) for (w, b), (dw, _) in zip(params, grads, strict=True)], state


@mistake(
    "the last partial batch is lost",
    check="test_minibatches_visit_every_example_once",
    diagnosis="last batch lost",
)
def minibatches(x, y, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    starts = range(0, len(x) - batch_size + 1, batch_size)
    return [(x[order[s : s + batch_size]], y[order[s : s + batch_size]]) for s in starts]


@mistake(
    "batches that start at 0, 1, 2 instead of 0, B, 2B",
    check="test_minibatches_visit_every_example_once",
    diagnosis="not a partition",
)
def minibatches(x, y, batch_size, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    starts = range(len(x) // batch_size)
    return [(x[order[s : s + batch_size]], y[order[s : s + batch_size]]) for s in starts]


@mistake(
    "examples one by one instead of batches",
    check="test_minibatches_visit_every_example_once",
    diagnosis="structure",
)
def minibatches(x, y, batch_size, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return [(x[n], y[n]) for n in order]


@mistake(
    "x and y are shuffled with different permutations",
    check="test_minibatches_visit_every_example_once",
    diagnosis="different permutations",
)
def minibatches(x, y, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    x = x[torch.randperm(len(x), generator=generator)]
    y = y[torch.randperm(len(y), generator=generator)]
    return list(zip(x.split(batch_size), y.split(batch_size), strict=True))


@mistake(
    "drawn with replacement",
    check="test_minibatches_visit_every_example_once",
    diagnosis="not a partition",
)
def minibatches(x, y, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randint(len(x), (len(x),), generator=generator)
    return [(x[batch], y[batch]) for batch in order.split(batch_size)]


@mistake("no shuffle", check="test_minibatches_shuffle", diagnosis="no shuffle")
def minibatches(x, y, batch_size, seed):
    return list(zip(x.split(batch_size), y.split(batch_size), strict=True))


@mistake("the seed is ignored", check="test_minibatches_shuffle", diagnosis="seed ignored")
def minibatches(x, y, batch_size, seed):
    return [(x[batch], y[batch]) for batch in torch.randperm(len(x)).split(batch_size)]


@mistake("parameters set anew in each epoch", check="test_train_steps", diagnosis="restarted")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    for epoch in range(epochs):
        params, state = he_init(sizes, seed, x.dtype, x.device), None
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache = mlp_forward(x_batch, params)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
    return params


@mistake("the updated parameters are dropped", check="test_train_steps", diagnosis="untrained")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = he_init(sizes, seed, x.dtype, x.device)
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache = mlp_forward(x_batch, params)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            sgd_update(params, mlp_backward(dlogits, cache), None, lr)
    return params


@mistake("one seed for all epochs", check="test_train_steps", diagnosis="same order")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params, state = he_init(sizes, seed, x.dtype, x.device), None
    for _ in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed):
            logits, cache = mlp_forward(x_batch, params)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
    return params


@mistake(
    "only the first batch of an epoch is used",
    check="test_train_on_digits",
    diagnosis="below threshold:accuracy",
)
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params, state = he_init(sizes, seed, x.dtype, x.device), None
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache = mlp_forward(x_batch, params)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params, state = sgd_update(params, mlp_backward(dlogits, cache), state, lr)
            break
    return params


@alternative("einsum, and a cache with names")
class Einsum:
    def linear_forward(x, w, b):
        return torch.einsum("nd,dm->nm", x, w) + b, {"x": x, "w": w}

    def linear_backward(dout, cache):
        return [
            torch.einsum("nm,dm->nd", dout, cache["w"]),
            torch.einsum("nd,nm->dm", cache["x"], dout),
            torch.ones(len(dout), dtype=dout.dtype) @ dout,
        ]


@alternative("ReLU by torch.where, the mask from the output")
class WhereRelu:
    def relu_forward(x):
        out = torch.where(x > 0, x, torch.zeros_like(x))
        return out, out

    def relu_backward(dout, cache):
        return torch.where(cache > 0, dout, torch.zeros_like(dout))


@alternative("the network without the layer functions, gradients as lists")
class OneLoop:
    def mlp_forward(x, params):
        inputs = []
        for k, (w, b) in enumerate(params):
            inputs.append(x)
            x = x @ w + b
            if k < len(params) - 1:
                x = x * (x > 0)
        return x, (inputs, params)

    def mlp_backward(dlogits, cache):
        inputs, params = cache
        grads = []
        for k in range(len(params) - 1, -1, -1):
            grads.insert(0, [inputs[k].T @ dlogits, dlogits.sum(0)])
            dlogits = (dlogits @ params[k][0].T) * (inputs[k] > 0)
        return grads


@alternative("batches from a generator, a loop of indices, and copies updated in place")
class Generators:
    def minibatches(x, y, batch_size, seed):
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).tolist()
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield x[chosen], y[chosen]

    def sgd_update(params, grads, state, lr):
        params = [[t.clone() for t in pair] for pair in params]
        for pair, gradient in zip(params, grads, strict=True):
            for t, g in zip(pair, gradient, strict=True):
                t.sub_(g, alpha=lr)
        return params, state


@alternative("float32 inside, and a print in every call")
def linear_backward(dout, cache):
    print("linear_backward", dout.shape)
    x, w = (t.float() for t in cache)
    return dout.float() @ w.T, x.T @ dout.float(), dout.float().sum(0)


equivalent(
    "sgd_update",
    "pairs = zip(params, grads, strict=True)",
    "pairs = zip(params, grads, strict=False)",
    why="params and grads have the same length",
)
equivalent(
    "train",
    "for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):",
    "for x_batch, y_batch in minibatches(x, y, batch_size, seed - epoch):",
    why="a seed of its own for each epoch, as asked",
)
equivalent(
    "train",
    "for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):",
    "for x_batch, y_batch in minibatches(x, y, batch_size, seed * epoch):",
    why="a seed of its own for each epoch, as asked",
)
equivalent(
    "train",
    "for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):",
    "for x_batch, y_batch in minibatches(x, y, batch_size, epoch):",
    why="a seed of its own for each epoch, as asked; the start still depends on seed",
)
