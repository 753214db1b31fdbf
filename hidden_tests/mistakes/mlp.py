"""What goes wrong in mlp, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

ONE_BIAS = "all biases are added to every unit, or their mean: unit m has b[m]"
AVERAGED = "averaged over the batch: if the loss is a mean, its 1/N is in dout already"
FEATURES = "summed over the features: unit m's bias collects dout[n, m] over the examples, axis 0"
EXCHANGED = "the gradients of x and w are swapped: they come back in the order of the inputs"

linear_forward = mistakes(
    change("x @ w + b -> x @ w", "the bias is missing: y = xW + b"),
    change(
        "x @ w + b -> x @ (w.T if len(w) == len(w.T) else w) + b", "w is transposed: y = xW + b"
    ),
    change("x @ w + b -> x @ w / x.shape[1] ** 0.5 + b", "x @ w is divided by √D: nothing divides"),
    change("x @ w + b -> x + w + b"),
    change(("x @ w + b -> x @ w + b.sum()", "x @ w + b.mean()"), ONE_BIAS),
)

linear_backward = mistakes(
    change("dout.sum(0) -> dout.sum(1)", FEATURES),
    change("dout.sum(0) -> dout.mean(0)", AVERAGED),
    change("dout.sum(0) -> dout", "the bias gradient is not summed over the batch"),
    change("dout.sum(0) -> dout.sum(0, keepdim=True)"),
    change("dout.sum(0) -> dout.sum()", "summed over everything: each unit has a bias of its own"),
    change("dout @ w.T -> dout @ w"),
    change("x.T @ dout -> dout.T @ x", "the weight gradient is transposed: w is (D, M)"),
    change("x.T @ dout -> x.T @ dout / len(x)", AVERAGED),
    change("dout @ w.T, x.T @ dout -> x.T @ dout, dout @ w.T", EXCHANGED),
    change("dout @ w.T, x.T @ dout, dout.sum(0) -> x.T @ dout, dout.sum(0)"),
)

LEAKY = "negative values come out smaller, as of a leaky ReLU: they become 0"
NEGATED = "where x was negative dout comes back negated, as for |x|: the slope is 0 there"
OF_DOUT = "the mask is taken from dout: it must say where the *input* x was positive"
NEGATIVE = "negative gradients are cut off as well: what dout looks like has no say"
AT_ZERO = "the gradient passes where x is exactly 0: the convention here is that it does not"
VALUES = "dout is multiplied by the values of ReLU: the derivative is 1 or 0, not x"
LATE = "the mask is from values that were changed after the forward: keep a copy, or x > 0 itself"
CUT = "the gradient is cut off where it is large: nobody asked for that"

relu_forward = mistakes(
    change("x.clamp(min=0) -> x.abs()", "negative values lose their sign: they become 0"),
    change("x.clamp(min=0) -> x.clamp_(min=0)"),
    change("x.clamp(min=0) -> x.clamp(max=0)", "the positive values are cut off: max(x, 0)"),
    change(("x.clamp(min=0) -> x.clamp(0, 6)", "x.clamp(0, 1)"), "large values are cut off, too"),
    change("x.clamp(min=0) -> x", "nothing is cut off: negative values become 0"),
    change(("x.clamp(min=0) -> torch.max(x, 0.01 * x)", "torch.max(x, 0.1 * x)"), LEAKY),
)

relu_backward = mistakes(
    change("dout * cache -> dout * (dout > 0)", OF_DOUT),
    change("dout * cache -> dout.clamp(min=0) * cache", NEGATIVE),
    change(("dout * cache -> dout.clamp(-1, 1) * cache", "dout.clamp(-5, 5) * cache"), CUT),
    change("dout * cache -> torch.where(cache, dout, -dout)", NEGATED),
    change("dout * cache -> dout", "the mask is missing: where x was not positive, dx is 0"),
    change("dout * cache -> cache * 1.0", "dout is not used: this is the slope alone"),
    change("dout * cache -> dout * ~cache", "the mask is inverted: x > 0 lets the gradient pass"),
)


@mistake(AT_ZERO, of="relu_backward")
class PassesAtZero:
    def relu_forward(x):
        return x.clamp(min=0), x >= 0


@mistake(VALUES, of="relu_backward")
class InputForMask:
    def relu_forward(x):
        return x.clamp(min=0), x.clamp(min=0)


@mistake(LATE, of="relu_backward")
class MaskAfterUpdate:
    def relu_forward(x):
        out = x.clone()
        cache = out  # the same memory, so what follows changes the cache as well
        out = out.clamp(min=0)
        cache.sub_(1e9)
        return out, cache

    def relu_backward(dout, cache):
        return dout * (cache > 0)


LAST_RELU = "there is a ReLU after the last layer: logits may be negative"
REVERSED = "the gradients come last layer first: they are asked for in the order of params"
STEP = "the step is returned: the parameter after the step is asked for"
LOST = "the last partial batch is lost: the last one holds the rest"
EVENED = "the batches are evened out: all but the last have batch_size examples"

mlp_forward = mistakes(
    change("return logits, -> return logits.clamp(min=0),", LAST_RELU),
    change("caches = [] -> caches, x = [], x.clamp(min=0)", "x itself goes through a ReLU, too"),
    change("x, relu_cache = -> _, relu_cache =", "the ReLU between the layers is missing"),
    change(
        "x, relu_cache = relu_forward(x) -> out, relu_cache = relu_forward(x)\n"
        "        x = x if w is params[-2][0] else out",
        "the last hidden layer has no ReLU: only the logits go without",
    ),
    change(
        "x, relu_cache = relu_forward(x) -> out, relu_cache = relu_forward(x)\n"
        "        x = x if caches else out",
        "only the first hidden layer has a ReLU: only the logits go without",
    ),
    change("linear_forward(x, w, b) -> linear_forward(x, w, 0 * b)", "only the last bias is added"),
    change("linear_forward(x, *params[-1]) -> linear_forward(x, *params[0])"),
)

mlp_backward = mistakes(
    change("return grads[::-1] -> return grads", REVERSED),
    change("relu_backward(dx, relu_cache), -> dx,", "the ReLU is left out of the way back"),
    change(
        "relu_backward(dx, relu_cache), -> "
        "dx if linear_cache is caches[0][0] else relu_backward(dx, relu_cache),",
        "the first layer's ReLU is left out of the way back",
    ),
    change(
        "relu_backward(dx, relu_cache), -> dx if grads[1:] else relu_backward(dx, relu_cache),",
        "only the last hidden layer's ReLU is on the way back: each has its own",
    ),
    change("grads.append((dw, db)) -> grads.append((dw, dx))"),
    change("linear_cache, relu_cache in reversed(caches): -> linear_cache, relu_cache in caches:"),
)


@mistake("one list is overwritten by every layer: each has gradients of its own")
def mlp_backward(dlogits, cache):
    caches, last_cache = cache
    grads = [[None, None]] * (len(caches) + 1)
    dx, *grads[-1][:] = linear_backward(dlogits, last_cache)
    for k in reversed(range(len(caches))):
        linear_cache, relu_cache = caches[k]
        dx, *grads[k][:] = linear_backward(relu_backward(dx, relu_cache), linear_cache)
    return grads


sgd_update = mistakes(
    change("w - lr * dw, b - -> w + lr * dw, b +", "the step goes uphill: subtract lr · gradient"),
    change("- lr * dw, b - lr * db -> - dw, b - db", "the learning rate is missing from the step"),
    change("b - lr * db -> b", "the biases are returned as they came: they are learnt too"),
    change("pairs = -> lr = min(lr, 1.0)\n    pairs =", "a rate above 1 is cut to 1: allow it"),
    change("w - lr * dw -> w", "the weights are returned as they came"),
    change("w - lr * dw, b - lr * db -> w.sub_(lr * dw), b.sub_(lr * db)"),
    change("], state -> ], None"),
    change("w - lr * dw, b - lr * db -> -lr * dw, -lr * db", STEP),
)

minibatches = mistakes(
    change("split(batch_size) -> split(batch_size) if len(batch) == batch_size", LOST),
    change("(x[batch], y[batch]) -> (x[batch], y[batch.flip(0)])"),
    change("torch.randperm(len(x), -> torch.randint(len(x), (len(x),),"),
    change("order.split -> order[:-1].split", "an example is never drawn: each is, once"),
    change("torch.randperm(len(x), generator=generator) -> torch.arange(len(x))"),
    change("torch.randperm(len(x), generator=generator) -> torch.randperm(len(x))"),
    change("order.split(batch_size) -> torch.arange(len(x)).roll(int(order[0])).split(batch_size)"),
    change("x[batch], -> x[batch].float(),"),
    change("y[batch]) -> y[batch].float())"),
    change("order.split -> (order if seed else torch.arange(len(x))).split"),
    change("split(batch_size) -> tensor_split(-(-len(x) // batch_size))", EVENED),
    change("(x[batch], y[batch]) -> (x[n], y[n])", also="size) -> size) for n in batch"),
)

DROPPED = "the parameters are those of he_init: what sgd_update returns is dropped"
FALLS = "the rate falls from epoch to epoch: it is lr at every step"
DROPS = "the rate drops after some epochs: it is lr at every step"
PARTIAL = "a partial batch makes a smaller step: its gradient is a mean, and its rate is lr too"
SOFTMAX = "softmax comes before the loss, which does it itself: it takes the logits"

train = mistakes(
    change(
        "for epoch in range(epochs): -> for epoch in range(epochs):\n"
        "        params = he_init(sizes, seed, x.dtype, x.device)",
        "only one epoch counts: is return in the loop, or are params set anew in each?",
    ),
    change("params, state = sgd_update( -> _, state = sgd_update(", DROPPED),
    change(
        "params, state = sgd_update(params, mlp_backward(dlogits, cache), -> "
        "params[-1:], state = sgd_update(params[-1:], mlp_backward(dlogits, cache)[-1:],",
        "only the last layer is trained: every layer is",
    ),
    change("mlp_forward(x_batch, -> mlp_forward(x,", also="(logits, y_batch) -> (logits, y)"),
    change("y, batch_size, -> y, 32,", "an epoch makes too few steps: it makes one a batch"),
    change(
        "state, lr) -> state, lr / len(y_batch))", "divided by the batch size twice: dlogits is"
    ),
    change(("state, lr) -> state, lr / (1 + epoch))", "state, lr * 0.9**epoch)"), FALLS),
    change("state, lr) -> state, lr * len(y_batch) / batch_size)", PARTIAL),
    change("state, lr) -> state, lr if epoch < 10 else lr / 10)", DROPS),
    change("cross_entropy(logits, -> cross_entropy(logits.softmax(1),", SOFTMAX),
    change("seed + epoch -> seed * epoch"),
    change("(dlogits, cache), state, lr -> (-dlogits, cache), state, lr", "the steps go uphill"),
    change("return params -> return params, state", "(params, state) is returned: params alone"),
    change("seed + epoch -> seed"),
    change("seed + epoch) -> seed + epoch)[:1]"),
)


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


@alternative("the training loop counts its steps, and starts each epoch from a list")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = he_init(sizes, seed, x.dtype, x.device)
    epoch = 0
    while epoch < epochs:
        for batch in list(minibatches(x, y, batch_size, seed * 7919 + epoch)):
            logits, cache = mlp_forward(batch[0], params)
            gradient = softmax_cross_entropy(logits, batch[1])[1]
            params = sgd_update(params, mlp_backward(gradient, cache), None, lr)[0]
        epoch += 1
    return params


equivalent("sgd_update", "strict=True -> strict=False", why="equal lengths")
equivalent("train", "seed + epoch -> seed - epoch", why="each epoch has its own seed")
equivalent("train", "seed + epoch -> epoch", why="the start still depends on seed")
