"""What goes wrong in cnn, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistakes

AVERAGED = "averaged over the batch: the 1/N of a mean loss is in dout already"
FROM_ABOVE = "negative gradients are cut off: ReLU stops them where its *input* was not positive"
PROBABILITIES = "probabilities come back: the loss has the softmax inside, so it is taken twice"
LOGARITHMS = "logarithms of probabilities come back: the logits are asked for as they are"
SHIFTED = "the row's maximum is subtracted: the logits are asked for as they are"
MEAN = "the mean of a window is taken: the maximum is asked for"
PLACE = "the same pixel of each window is taken: the largest is asked for, wherever it is"
ONCE = "the padding counts in the first stage only: both stages have it"
TANH = "another activation than ReLU"
LATE = "the biases come after ReLU: they are to decide what it lets pass"
LEAKS = "negative values leak through: ReLU makes them 0"

stage_forward = mistakes(
    change("maxpool_forward(a) -> maxpool_forward(z)", "the ReLU is missing: nothing is below 0"),
    change("relu_forward(z) -> (z.abs(), z > 0)", "negative answers lose their sign: ReLU has 0"),
    change("relu_forward(z) -> (z.maximum(0.01 * z), z > 0)", LEAKS),
    change("relu_forward(z) -> (z.tanh(), z > 0)", TANH),
    change("w, b, padding -> w, b", "the padding is not handed on to the convolution"),
    change("w, b, padding -> w, 0 * b, padding", "the biases are missing: they come before ReLU"),
    change("x, w, b, -> x, w.flip(2, 3), b,", "the filters are flipped: take them as they are"),
    change("forward(x, -> forward(x.clamp(min=0),", "x is cut at 0: ReLU comes after the filters"),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)),", MEAN),
    change("return out, -> return z.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)).relu(),", MEAN),
    change(("return out, -> return a[:, :, :-1:2, :-1:2],", "return a[:, :, :-1:2, 1::2],"), PLACE),
    change(("return out, -> return a[:, :, 1::2, :-1:2],", "return a[:, :, 1::2, 1::2],"), PLACE),
    change("return out, -> return out + b[:, None, None],", LATE, also="w, b, -> w, 0 * b,"),
    change("return out, -> return out + b[:, None, None],", "the biases come twice: once is due"),
)

WINNERS = "the winners of one example or map are used for all: each map of each image has its own"
FIRST_PIXEL = "all goes to the first pixel"
ALL_FOUR = "all four pixels of a window get the gradient: only the largest does"

stage_backward = mistakes(
    change("conv2d_backward(dz, -> conv2d_backward(da,", "ReLU is left out of the way back"),
    change(("da, relu_cache) -> da, da > 0)", "(da, relu -> (da.clamp(min=0), relu"), FROM_ABOVE),
    change("pool_cache) -> (pool_cache[0], pool_cache[1][:1].expand_as(pool_cache[1])))", WINNERS),
    change("pool_cache) -> (pool_cache[0], pool_cache[1][:, :1].expand_as(dout)))", WINNERS),
    change("pool_cache) -> (pool_cache[0], 0 * pool_cache[1]))", FIRST_PIXEL),
    change(
        "(dz, -> (maxpool_backward(dout * maxpool_forward(1.0 * relu_cache)[0], "
        "(pool_cache[0], 0 * pool_cache[1])),",
        FIRST_PIXEL,
    ),
    change(
        "(dz, -> (sum(maxpool_backward(dout * maxpool_forward(1.0 * relu_cache)[0], "
        "(pool_cache[0], k + 0 * pool_cache[1])) for k in range(4)),",
        ALL_FOUR,
    ),
    change(
        "maxpool_backward(dout, pool_cache) -> sum(maxpool_backward(dout, "
        "(pool_cache[0], k + 0 * pool_cache[1])) for k in range(4))",
        ALL_FOUR,
    ),
    change("return dx, dw, db -> return dx, dw / len(dx), db / len(dx)", AVERAGED),
    change("return dx, dw, db -> return dx, dw, 0 * db", "the biases get no gradient"),
    change("return dx, dw, db -> return dx, dw, dz[0].sum((1, 2))", "db of the first example only"),
    change("= cache -> = cache\n    pool_cache = vars(stage_backward).setdefault(0, pool_cache)"),
    change("dz = -> relu_cache &= da != 0\n    dz ="),
)

ONE_SIDE = "on one axis the padding is counted once: it is on both sides"
FEWER = "on one axis one place too few: a filter fits H + 2P − F + 1 times"
NO_POOL = "the pooling is left out"

flat_features = mistakes(
    change("2 * padding -> padding", "the padding is counted once: it is on both sides of an axis"),
    change(("t + grows -> t + grows - padding", "h + grows -> h + grows - padding"), ONE_SIDE),
    change(("t + grows -> t + grows - 1", "h + grows -> h + grows - 1"), FEWER),
    change("range(2) -> range(1)", "only one stage is counted: there are two"),
    change("return filters * height -> return height", "the maps are not counted: there are K"),
    change("return filters -> return filters * filters", "the maps are counted twice"),
    change("h + grows) // 2 -> h + grows) // 2\n        grows = 1 - field", ONCE),
    change("- field + 1 -> - field", "one place too few: a filter fits H + 2P − F + 1 times"),
    change("= 2 * padding - field + 1 -> = 0", "only the pooling is counted: filters need room"),
    change("t + grows) // 2 -> t + grows)", NO_POOL, also="h + grows) // 2 -> h + grows)"),
    change("t + grows -> t + grows + 1", "not rounded down", also="h + grows -> h + grows + 1"),
    change("* height * width -> * height * height", "the width plays no part"),
    change(("height < 1 or width < 1 -> False", "height * width < 1")),
)

ORDER = "flattened in another order: it is map after map, in a map row after row"
APART = "taken apart in another order than the forward put together: map by map, row by row"

head_forward = mistakes(
    change(("x.flatten(1) -> x.movedim(1, 3).flatten(1)", "x.mT.flatten(1)"), ORDER),
    change("x.flatten(1) -> x.flatten(1).clamp(min=0)", "there is a ReLU before the first layer"),
    change("x.flatten(1) -> x.reshape(-1, len(x)).T", "the examples are mixed: a row is of one"),
    change(("relu_forward(z) -> (z.maximum(0.01 * z), z > 0)", "(z * (z > -0.1), z > 0)"), LEAKS),
    change(("relu_forward(z) -> (z.tanh(), z > 0)", "(z.sigmoid(), z > 0)"), TANH),
    change("linear_forward(h, -> linear_forward(z,", "the ReLU between the layers is missing"),
    change("return logits, -> return logits.clamp(min=0),", "there is a ReLU after the last layer"),
    change("return logits, -> return torch.softmax(logits, 1),", PROBABILITIES),
    change("return logits, -> return torch.log_softmax(logits, 1),", LOGARITHMS),
    change("return logits, -> return logits - logits.amax(1, keepdim=True),", SHIFTED),
    change("flat, w1, b1 -> flat, w1, 0 * b1", "the first bias is missing"),
    change("h, w2, b2 -> h, w2, 0 * b2", "the second bias is missing"),
)

head_backward = mistakes(
    change("(shape) -> (-1, *shape[2:], shape[1]).permute(0, 3, 1, 2)", APART),
    change("(shape) -> (*shape[:2], shape[3], shape[2]).mT", APART),
    change("relu_backward(dh, relu_cache) -> dh", "ReLU is left out of the way back"),
    change(("dh, relu_cache) -> dh, dh > 0)", "(dh, relu -> (dh.clamp(min=0), relu"), FROM_ABOVE),
    change("relu_backward(dh, relu_cache) -> dh * second[0]", "times h: ReLU's slope is 1 or 0"),
    change("linear_backward(dout, second) -> linear_backward(dout / len(dout), second)", AVERAGED),
    change(
        "= cache -> = cache\n    p = torch.softmax(linear_forward(*second, 0)[0], 1)\n"
        "    dout = p * (dout - (p * dout).sum(1, keepdim=True))",
        "the gradient goes through a softmax: the loss has brought it back to the logits already",
    ),
    change("db1, dw2, db2 -> dz[-1], dw2, dout[-1]", "b1 and b2 get the last example's only"),
    change("dx = dflat -> dx = (dflat * (first[0] > 0))", "the ReLU of the maps comes here, too"),
)

NO_BIAS = "a bias of the head is missing"
NAMES = "params come in any order: take them by name"
CACHES = "a stage gets the other's cache: in the cache each is once, and its own goes to each"

cnn_forward = mistakes(
    change("x, first -> params = dict(zip(sorted(params), params.values()))\n    x, first", NAMES),
    change('"linear1"], -> "linear1"][:1], 0 * params["linear1"][1],', NO_BIAS),
    change('"linear2"]) -> "linear2"][:1], 0 * params["linear2"][1])', NO_BIAS),
    change("return logits, -> return torch.softmax(logits, 1),", PROBABILITIES),
    change("return logits, -> return torch.log_softmax(logits, 1),", LOGARITHMS),
    change("return logits, -> return logits - logits.amax(1, keepdim=True),", SHIFTED),
)

SWAPPED = "conv1 and conv2 are swapped"
MASKED = "negative gradients are cut off between the parts: ReLU's mask is in each part already"

cnn_backward = mistakes(
    change("tuple(conv1) -> tuple(0 * g for g in conv1)", "the first filters get no gradient"),
    change("tuple(conv2) -> tuple(0 * g for g in conv2)", "the second filters get no gradient"),
    change("return dx, dparams -> return 0 * dx, dparams", "the image gets no gradient"),
    change("dx, *conv1 = -> _, *conv1 =", "this is the gradient of the first stage's output"),
    change("head_backward(dout, head) -> head_backward(dout / len(dout), head)", AVERAGED),
    change(("(dx, first -> (dx.clamp(min=0), first", "(dx, second -> (dx.relu(), second"), MASKED),
    change(("(dx, first) -> (dx, second)", "(dx, second) -> (dx, first)"), CACHES),
    change("= cache -> = cache\n    first, second = second, first", CACHES),
    change("return dx, dparams -> return dx, dparams | dict(conv1=conv2, conv2=conv1)", SWAPPED),
)

TWICE = "the softmax is taken twice: the loss takes logits, and has it inside"
STALE = "the cache of the first batch is used for all: winners and masks belong to their batch"
FROM_START = "each step starts from the first parameters: go on from where the last one has led"
AT_START = "every gradient is taken at the first parameters: the next batch meets the new ones"
NO_BIASES = "the biases are not learnt: weights and biases of all four pairs take the step"
AFTER = "the loss after the step is noted: the one before it is asked for"

train = mistakes(
    change("y(logits, y) -> y(torch.softmax(logits, 1), y)", TWICE),
    change("_, dparams -> first = cache = first if losses else cache\n        _, dparams", STALE),
    change("dparams, lr) -> dparams, -lr)", "the steps go uphill: against the gradient"),
    change("losses = [] -> losses, s = [], params", FROM_START, also="step(params, -> step(s,"),
    change("losses = [] -> losses, start = [], params", AT_START, also="(x, params, -> (x, start,"),
    change("params = sgd_step( -> sgd_step(", "the parameters stay: keep what the step returns"),
    change('lr) -> lr) | {"conv1": params["conv1"]}', "the first filters are not learnt"),
    change("dparams, lr) -> {n: (w, 0 * b) for n, (w, b) in dparams.items()}, lr)", NO_BIASES),
    change(
        "loss.item() -> softmax_cross_entropy(cnn_forward(x, params, padding)[0], y)[0].item()",
        AFTER,
    ),
    change("loss.item() -> round(loss.item(), 2)", "the losses are rounded"),
    change("in batches -> in batches[:-1]", "the last batch is left out"),
    change("loss.item() -> loss.item() * len(y)", "the sum of the losses is noted: a mean is due"),
    change("(dlogits, -> (dlogits * len(y),", "the batch's gradients are summed: a mean is due"),
    change(
        "params = sgd_step -> total = sgd_step(total, dparams, -1) if losses else dparams\n"
        "        dparams = total\n        params = sgd_step",
        "the gradients of the batches add up: each step takes that of its own batch",
    ),
)

SHARES = "shares come back: how many there are is asked for"

confusion_matrix = mistakes(
    change("y * classes + predicted -> predicted * classes + y", "transposed: a row is a class"),
    change("counts.reshape -> counts.clamp(max=1).reshape", "pairs count once: += does not add up"),
    change("bincount(cell, -> bincount(cell[y != predicted],", "the right answers are missing"),
    change("bincount(cell, -> bincount(cell[1:],", "the first example is not counted"),
    change("classes**2) -> classes**2) / len(y)", SHARES),
    change("s, classes) -> s, -1) / y.bincount(minlength=classes).clamp(1)[:, None]", SHARES),
    change("bincount(cell, -> bincount(cell[y > 0],", "class 0 is left out: labels count from 0"),
)


@alternative("pooling before ReLU, which is the same and less work")
class PoolFirst:
    def stage_forward(x, w, b, padding=0):
        z, conv = conv2d_forward(x, w, b, padding)
        m, pool = maxpool_forward(z)
        return torch.relu(m), {"conv": conv, "pool": pool, "on": m > 0}

    def stage_backward(dout, cache):
        dm = torch.where(cache["on"], dout, torch.zeros_like(dout))
        return list(conv2d_backward(maxpool_backward(dm, cache["pool"]), cache["conv"]))

    def flat_features(height, width, filters, field, padding=0):
        grows = 2 * padding - field + 1
        height, width = (height + 3 * grows) // 4, (width + 3 * grows) // 4
        if min(height, width) <= 0:
            raise ValueError("no pixels")
        return height * width * filters


@alternative("the head by einsum on the maps, without a flat row")
class Einsum:
    def head_forward(x, w1, b1, w2, b2):
        maps = w1.reshape(*x.shape[1:], -1)
        h = torch.relu(torch.einsum("nkhw,khwm->nm", x, maps) + b1)
        return h @ w2 + b2, (x, w1, maps, h, w2)

    def head_backward(dout, cache):
        x, w1, maps, h, w2 = cache
        dz = (dout @ w2.T) * (h > 0)
        dw1 = torch.einsum("nkhw,nm->khwm", x, dz).reshape(w1.shape)
        dx = torch.einsum("nm,khwm->nkhw", dz, maps)
        return [dx, dw1, dz.sum(0), h.T @ dout, dout.sum(0)]


@alternative("the whole network layer by layer, with lists, and loops that count")
class LayerByLayer:
    def cnn_forward(x, params, padding=0):
        caches = []
        for name in ("conv1", "conv2"):
            x, conv = conv2d_forward(x, *params[name], padding)
            x, relu = relu_forward(x)
            x, pool = maxpool_forward(x)
            caches.append((name, conv, relu, pool))
        out, head = head_forward(x, *params["linear1"], *params["linear2"])
        return out, (caches, head)

    def cnn_backward(dout, cache):
        found = {}
        dx, *grads = head_backward(dout, cache[1])
        for name, conv, relu, pool in reversed(cache[0]):
            dx = relu_backward(maxpool_backward(dx, pool), relu)
            dx, *found[name] = conv2d_backward(dx, conv)
        return [dx, dict(found, linear1=grads[:2], linear2=grads[2:])]

    def train(params, batches, lr, padding=0):
        params = {name: [p.clone() for p in pair] for name, pair in params.items()}
        losses = []
        for x, y in batches:
            out, cache = cnn_forward(x, params, padding)
            loss, gradient = softmax_cross_entropy(out, y)
            losses += [float(loss)]
            for name, pair in cnn_backward(gradient, cache)[1].items():
                for p, g in zip(params[name], pair, strict=True):
                    p.sub_(lr * g)
        return params, losses

    def confusion_matrix(y, predicted, classes):
        counts = torch.zeros(classes, classes, dtype=torch.long)
        for i, j in zip(y.tolist(), predicted.tolist(), strict=True):
            counts[i, j] += 1
        return counts
