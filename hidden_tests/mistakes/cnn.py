"""What goes wrong in cnn, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistakes

AVERAGED = "averaged over the batch: the 1/N of a mean loss is in dout already"
FROM_ABOVE = "negative gradients are cut off: ReLU stops them where its *input* was not positive"
PROBABILITIES = "probabilities come back: the loss has the softmax inside, so it is taken twice"
LOGARITHMS = "logarithms of probabilities come back: the logits are asked for as they are"
SHIFTED = "the row's maximum is subtracted: the logits are asked for as they are"
MEAN = "the mean of a window is taken: the maximum is asked for"
ONE_PLACE = "the same pixel of each window is taken: the largest is asked for, wherever it is"
ONCE = "the padding counts in the first stage only: both stages have it"
LEAKS = "negative values leak through: ReLU makes them 0"

stage_forward = mistakes(
    change("maxpool_forward(a) -> maxpool_forward(z)", "the ReLU is missing: nothing is below 0"),
    change("relu_forward(z) -> (z.abs(), z > 0)", "negative answers lose their sign: ReLU has 0"),
    change("relu_forward(z) -> (z.maximum(0.01 * z), z > 0)", LEAKS),
    change("w, b, padding -> w, b", "the padding is not handed on to the convolution"),
    change("w, b, padding -> w, 0 * b, padding", "the biases are missing: they come before ReLU"),
    change("x, w, b, -> x, w.flip(2, 3), b,", "the filters are flipped: take them as they are"),
    change("forward(x, -> forward(x.clamp(min=0),", "x is cut at 0: ReLU comes after the filters"),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)),", MEAN),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2)[..., 0, 0],", ONE_PLACE),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2)[..., 0, 1],", ONE_PLACE),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2)[..., 1, 0],", ONE_PLACE),
    change("return out, -> return a.unfold(2, 2, 2).unfold(3, 2, 2)[..., 1, 1],", ONE_PLACE),
    change(
        "w, b, padding -> w, 0 * b, padding",
        "the biases come after ReLU: they are to decide what it lets pass",
        also="return out, -> out = out + b[:, None, None]\n    return out,",
    ),
    change("return out, -> return out + b[:, None, None],", "the biases come twice: once is due"),
    change("return out, -> return a,"),
)

stage_backward = mistakes(
    change("conv2d_backward(dz, -> conv2d_backward(da,", "ReLU is left out of the way back"),
    change(("da, relu_cache) -> da, da > 0)", "(da, relu -> (da.clamp(min=0), relu"), FROM_ABOVE),
    change(
        (
            "pool_cache) -> (pool_cache[0], pool_cache[1][:1].expand_as(pool_cache[1])))",
            "(pool_cache[0], pool_cache[1][:, :1].expand_as(pool_cache[1])))",
        ),
        "the winners of one example or map are used for all: each map of each image has its own",
    ),
    change("pool_cache) -> (pool_cache[0], 0 * pool_cache[1]))", "all goes to the first pixel"),
    change("return dx, dw, db -> return dx, dw / len(dx), db / len(dx)", AVERAGED),
    change("return dx, dw, db -> return dw, db, dx"),
    change("return dx, dw, db -> return dx, dw, 0 * db", "the biases get no gradient"),
    change("return dx, dw, db -> return dx, dw, dz[0].sum((1, 2))", "db of the first example only"),
    change("= cache -> = cache\n    pool_cache = vars(stage_backward).setdefault(0, pool_cache)"),
    change("dz = -> relu_cache &= da != 0\n    dz ="),
)

flat_features = mistakes(
    change("2 * padding -> padding", "the padding is counted once: it is on both sides of an axis"),
    change("range(2) -> range(1)", "only one stage is counted: there are two"),
    change("return filters * height -> return height", "the maps are not counted: there are K"),
    change("(width + grows) // 2 -> (width + grows) // 2\n        grows = 1 - field", ONCE),
    change("- field + 1 -> - field", "one place too few: a filter fits H + 2P − F + 1 times"),
    change("= 2 * padding - field + 1 -> = 0", "only the pooling is counted: filters need room"),
    change(") // 2, (width + grows) // 2 -> ), (width + grows)", "the pooling is left out"),
    change(") // 2, (width + grows) -> + 1) // 2, (width + grows + 1)", "rounded up: round down"),
    change("* height * width -> * height * height", "the width plays no part"),
    change("height < 1 or width < 1 -> False"),
    change("height < 1 or width < 1 -> height * width < 1"),
)

head_forward = mistakes(
    change(
        ("x.flatten(1) -> x.movedim(1, 3).flatten(1)", "x.mT.flatten(1)"),
        "flattened in another order: it is map after map, in a map row after row",
    ),
    change("x.flatten(1) -> x.flatten(1).clamp(min=0)", "there is a ReLU before the first layer"),
    change("x.flatten(1) -> x.reshape(-1, len(x)).T", "the examples are mixed: a row is of one"),
    change("relu_forward(z) -> (z.maximum(0.01 * z), z > 0)", LEAKS),
    change("relu_forward(z) -> (torch.where(z > -0.1, z, 0 * z), z > 0)", LEAKS),
    change("linear_forward(h, -> linear_forward(z,", "the ReLU between the layers is missing"),
    change("return logits, -> return logits.clamp(min=0),", "there is a ReLU after the last layer"),
    change("return logits, -> return torch.softmax(logits, 1),", PROBABILITIES),
    change("return logits, -> return torch.log_softmax(logits, 1),", LOGARITHMS),
    change("return logits, -> return logits - logits.amax(1, keepdim=True),", SHIFTED),
    change("flat, w1, b1 -> flat, w1, 0 * b1", "the first bias is missing"),
    change("h, w2, b2 -> h, w2, 0 * b2", "the second bias is missing"),
)

head_backward = mistakes(
    change(
        (
            "dflat.reshape(shape) -> dflat.reshape(-1, *shape[2:], shape[1]).permute(0, 3, 1, 2)",
            "dflat.reshape(*shape[:2], shape[3], shape[2]).mT",
        ),
        "taken apart in another order than the forward put together: map after map, row after row",
    ),
    change("dflat.reshape(shape) -> dflat"),
    change("relu_backward(dh, relu_cache) -> dh", "ReLU is left out of the way back"),
    change(("dh, relu_cache) -> dh, dh > 0)", "(dh, relu -> (dh.clamp(min=0), relu"), FROM_ABOVE),
    change("relu_backward(dh, relu_cache) -> dh * second[0]", "times h: ReLU's slope is 1 or 0"),
    change("return dx, dw1, db1, dw2, db2 -> return dx, dw2, db2, dw1, db1"),
    change("linear_backward(dout, second) -> linear_backward(dout / len(dout), second)", AVERAGED),
    change(
        "= cache -> = cache\n    p = torch.softmax(linear_forward(*second, 0)[0], 1)\n"
        "    dout = p * (dout - (p * dout).sum(1, keepdim=True))",
        "the gradient goes through a softmax: the loss has brought it back to the logits already",
    ),
    change("dx = dflat -> dx = (dflat * (first[0] > 0))", "the ReLU of the maps comes here, too"),
)

cnn_forward = mistakes(
    change(
        '*params["conv1"], padding) -> *params["conv1"])',
        also='*params["conv2"], padding) -> *params["conv2"])',
    ),
    change("return logits, -> return torch.softmax(logits, 1),", PROBABILITIES),
    change("return logits, -> return torch.log_softmax(logits, 1),", LOGARITHMS),
    change("return logits, -> return logits - logits.amax(1, keepdim=True),", SHIFTED),
    change("x, second = stage_forward( -> _, second = stage_forward("),
)

cnn_backward = mistakes(
    change('{"conv1": tuple(conv1), -> {'),
    change("tuple(conv1) -> tuple(0 * g for g in conv1)", "the first filters get no gradient"),
    change("tuple(conv2) -> tuple(0 * g for g in conv2)", "the second filters get no gradient"),
    change("return dx, dparams -> return 0 * dx, dparams", "the image gets no gradient"),
    change("dx, *conv1 = -> _, *conv1 =", "this is the gradient of the first stage's output"),
    change("head_backward(dout, head) -> head_backward(dout / len(dout), head)", AVERAGED),
    change(
        ("(dx, first -> (dx.clamp(min=0), first", "(dx, second -> (dx.clamp(min=0), second"),
        "negative gradients are cut off between the parts: ReLU's mask is in each part already",
    ),
    change("return dx, dparams -> return dparams"),
)

train = mistakes(
    change(
        "softmax_cross_entropy(logits, y) -> softmax_cross_entropy(torch.softmax(logits, 1), y)",
        "the softmax is taken twice: the loss takes logits, and has it inside",
    ),
    change(
        "loss, dlogits -> first = cache = first if losses else cache\n        loss, dlogits",
        "the cache of the first batch is used for all: winners and masks belong to their batch",
    ),
    change("dparams, lr) -> dparams, -lr)", "the steps go uphill: against the gradient"),
    change("dparams, lr) -> dparams, 1)", "the learning rate is not used"),
    change(
        "losses = [] -> losses, start = [], params",
        "each step starts from the first parameters: go on from where the last one has led",
        also="sgd_step(params, -> sgd_step(start,",
    ),
    change(
        "losses = [] -> losses, start = [], params",
        "every gradient is taken at the first parameters: the next batch meets the new ones",
        also="cnn_forward(x, params, -> cnn_forward(x, start,",
    ),
    change("params = sgd_step( -> sgd_step(", "the parameters stay: keep what the step returns"),
    change('lr) -> lr) | {"conv1": params["conv1"]}', "the first filters are not learnt"),
    change(
        "dparams, lr) -> {n: (w, 0 * b) for n, (w, b) in dparams.items()}, lr)",
        "the biases are not learnt: weights and biases of all four pairs take the step",
    ),
    change(
        "loss.item() -> softmax_cross_entropy(cnn_forward(x, params, padding)[0], y)[0].item()",
        "the loss after the step is noted: the one before it is asked for",
    ),
    change("loss.item() -> loss.item() * len(y)", "the sum of the losses is noted: a mean is due"),
    change("(dlogits, -> (dlogits * len(y),", "the batch's gradients are summed: a mean is due"),
    change("x, params, padding -> x, params"),
    change(
        "params = sgd_step -> total = sgd_step(total, dparams, -1) if losses else dparams\n"
        "        dparams = total\n        params = sgd_step",
        "the gradients of the batches add up: each step takes that of its own batch",
    ),
    change("loss.item()) -> loss.item())\n        break"),
    change("loss.item()) -> loss)"),
    change("losses.append -> if loss > sum(losses) > 0:\n            break\n        losses.append"),
)

confusion_matrix = mistakes(
    change("y * classes + predicted -> predicted * classes + y", "transposed: a row is a class"),
    change("counts.reshape -> counts.clamp(max=1).reshape", "pairs count once: += does not add up"),
    change("bincount(cell, -> bincount(cell[y != predicted],", "the right answers are missing"),
    change("bincount(cell, -> bincount(cell[1:],", "the first example is not counted"),
    change(
        (
            "classes**2) -> classes**2) / len(y)",
            "reshape(classes, classes) -> reshape(classes, -1) / torch.bincount(y)[:, None]",
            "reshape(classes, -1) / torch.bincount(y, minlength=classes).clamp(1)[:, None]",
        ),
        "shares come back: how many there are is asked for",
    ),
    change(", minlength=classes**2 -> "),
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
