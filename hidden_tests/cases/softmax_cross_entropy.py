"""What students hand in for softmax_cross_entropy: mistakes that must fail, alternatives."""

import torch

from gradus.audit.cases import alternative, mistake


@mistake("no maximum subtracted", check="test_softmax_forward_extreme", diagnosis="overflow")
def softmax_forward(x):
    e = x.exp()
    p = e / e.sum(1, keepdim=True)
    return p, p


@mistake(
    "the maximum of the whole batch subtracted",
    check="test_softmax_forward_extreme",
    diagnosis="not the row's maximum",
)
def softmax_forward(x):
    e = (x - x.max()).exp()
    p = e / e.sum(1, keepdim=True)
    return p, p


@mistake("the mean subtracted", check="test_softmax_forward_extreme", diagnosis="not the maximum")
def softmax_forward(x):
    e = (x - x.mean(1, keepdim=True)).exp()
    p = e / e.sum(1, keepdim=True)
    return p, p


@mistake("the logits are clamped", check="test_softmax_forward_extreme", diagnosis="clamped")
def softmax_forward(x):
    e = x.clamp(-50, 50).exp()
    p = e / e.sum(1, keepdim=True)
    return p, p


@mistake("softmax down the columns", check="test_softmax_forward", diagnosis="axis:0")
def softmax_forward(x):
    e = (x - x.max(0).values).exp()
    p = e / e.sum(0)
    return p, p


@mistake("one sum for the whole batch", check="test_softmax_forward", diagnosis="sum of the batch")
def softmax_forward(x):
    e = (x - x.max()).exp()
    p = e / e.sum()
    return p, p


@mistake("logits modified in place", check="test_softmax_forward", diagnosis="inplace:x")
def softmax_forward(x):
    x -= x.max(1, keepdim=True).values
    e = x.exp()
    p = e / e.sum(1, keepdim=True)
    return p, p


@mistake(
    "the maximum subtracted in the numerator only",
    check="test_softmax_forward",
    diagnosis="half shifted",
)
def softmax_forward(x):
    e = (x - x.max(1, keepdim=True).values).exp()
    p = e / x.exp().sum(1, keepdim=True)
    return p, p


@mistake("sum without keepdim", check="test_softmax_forward", diagnosis="raised:RuntimeError")
def softmax_forward(x):
    e = (x - x.max(1, keepdim=True).values).exp()
    p = e / e.sum(1)
    return p, p


@mistake("Jacobian's diagonal only", check="test_softmax_jacobian", diagnosis="diagonal only")
def softmax_jacobian(p):
    return torch.diag_embed(p * (1 - p))


@mistake("p_i p_j added", check="test_softmax_jacobian", diagnosis="sign of p_i p_j")
def softmax_jacobian(p):
    return torch.diag_embed(p) + p[:, :, None] * p[:, None, :]


@mistake("identity for diag(p)", check="test_softmax_jacobian", diagnosis="δ without p")
def softmax_jacobian(p):
    return torch.eye(p.shape[1], dtype=p.dtype) - p[:, :, None] * p[:, None, :]


@mistake("softmax of the probabilities", check="test_softmax_jacobian", diagnosis="twice")
def softmax_jacobian(p):
    p, _ = softmax_forward(p)
    return torch.diag_embed(p) - p[:, :, None] * p[:, None, :]


@mistake("the backward of a sigmoid", check="test_softmax_backward", diagnosis="diagonal only")
def softmax_backward(dout, cache):
    p = cache
    return dout * p * (1 - p)


@mistake("the inner sum is missing", check="test_softmax_backward", diagnosis="no sum")
def softmax_backward(dout, cache):
    return cache * dout


@mistake("dout summed without p", check="test_softmax_backward", diagnosis="sum without p")
def softmax_backward(dout, cache):
    return cache * (dout - dout.sum(1, keepdim=True))


@mistake("the sum over the examples", check="test_softmax_backward", diagnosis="axis:0")
def softmax_backward(dout, cache):
    p = cache
    return p * (dout - (p * dout).sum(0))


@mistake("the backward writes to p", check="test_softmax_backward", diagnosis="cache changed")
def softmax_backward(dout, cache):
    p = cache
    total = (p * dout).sum(1, keepdim=True)
    p *= dout - total
    return p


@mistake(
    "the cache holds the logits, and the backward overflows",
    check="test_softmax_backward",
    diagnosis="overflow",
)
class CachedLogits:
    def softmax_forward(x):
        e = (x - x.max(1, keepdim=True).values).exp()
        return e / e.sum(1, keepdim=True), x

    def softmax_backward(dout, cache):
        p = cache.exp() / cache.exp().sum(1, keepdim=True)
        return p * (dout - (p * dout).sum(1, keepdim=True))


@mistake(
    "the logarithm of softmax",
    check="test_log_softmax_forward_extreme",
    diagnosis="log of softmax",
)
def log_softmax_forward(x):
    p, _ = softmax_forward(x)
    return p.log(), p.log()


@mistake(
    "an eps in the logarithm",
    check="test_log_softmax_forward_extreme",
    diagnosis="log(p + eps)",
)
def log_softmax_forward(x):
    log_p = (softmax_forward(x)[0] + 1e-12).log()
    return log_p, log_p


@mistake(
    "a lower limit in the logarithm",
    check="test_log_softmax_forward_extreme",
    diagnosis="log(p + eps)",
)
def log_softmax_forward(x):
    log_p = softmax_forward(x)[0].clamp(min=1e-15).log()
    return log_p, log_p


@mistake(
    "no maximum in the log-sum-exp",
    check="test_log_softmax_forward_extreme",
    diagnosis="overflow",
)
def log_softmax_forward(x):
    log_p = x - x.exp().sum(1, keepdim=True).log()
    return log_p, log_p


@mistake(
    "the maximum is not given back", check="test_log_softmax_forward", diagnosis="half shifted"
)
def log_softmax_forward(x):
    m = x.max(1, keepdim=True).values
    log_p = x - (x - m).exp().sum(1, keepdim=True).log()
    return log_p, log_p


@mistake(
    "the gradient of softmax for that of log-softmax",
    check="test_log_softmax_backward",
    diagnosis="softmax's",
)
def log_softmax_backward(dout, cache):
    p = cache.exp()
    return p * (dout - (p * dout).sum(1, keepdim=True))


@mistake(
    "p subtracted as if dout were one-hot",
    check="test_log_softmax_backward",
    diagnosis="dout taken for one-hot",
)
def log_softmax_backward(dout, cache):
    return dout - cache.exp()


@mistake("ln p for p", check="test_log_softmax_backward", diagnosis="ln p for p")
def log_softmax_backward(dout, cache):
    return dout - cache * dout.sum(1, keepdim=True)


@mistake("a sum for the mean", check="test_cross_entropy_forward", diagnosis="scale:batch")
def cross_entropy_forward(log_p, y):
    n, c = log_p.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return -log_p[torch.arange(n), y].sum(), (log_p, y)


@mistake("a mean over N·C", check="test_cross_entropy_forward", diagnosis="mean over N·C")
def cross_entropy_forward(log_p, y):
    c = log_p.shape[1]
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return -(torch.eye(c, dtype=log_p.dtype)[y] * log_p).mean(), (log_p, y)


@mistake("log_p[:, y]", check="test_cross_entropy_forward", diagnosis="all pairs")
def cross_entropy_forward(log_p, y):
    c = log_p.shape[1]
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return -log_p[:, y].mean(), (log_p, y)


@mistake("a second logarithm", check="test_cross_entropy_forward", diagnosis="nan")
def cross_entropy_forward(log_p, y):
    n, c = log_p.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return -log_p.log()[torch.arange(n), y].mean(), (log_p, y)


@mistake("no minus", check="test_cross_entropy_forward", diagnosis="sign")
def cross_entropy_forward(log_p, y):
    n, c = log_p.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return log_p[torch.arange(n), y].mean(), (log_p, y)


@mistake(
    "labels not looked at",
    check=("test_cross_entropy_forward_labels",),
    diagnosis="no error:ValueError",
)
def cross_entropy_forward(log_p, y):
    return -log_p[torch.arange(len(y)), y].mean(), (log_p, y)


@mistake(
    "only labels that are too large are refused",
    check="test_cross_entropy_forward_labels",
    diagnosis="no error:ValueError",
)
def cross_entropy_forward(log_p, y):
    n, c = log_p.shape
    if y.max() >= c:
        raise ValueError("labels")
    return -log_p[torch.arange(n), y].mean(), (log_p, y)


@mistake(
    "1/N missing in the backward", check="test_cross_entropy_backward", diagnosis="scale:batch"
)
def cross_entropy_backward(dout, cache):
    log_p, y = cache
    dlog_p = torch.zeros_like(log_p)
    dlog_p[torch.arange(len(y)), y] = -dout
    return dlog_p


@mistake(
    "the gradient with respect to p",
    check="test_cross_entropy_backward",
    diagnosis="with respect to p",
)
def cross_entropy_backward(dout, cache):
    log_p, y = cache
    rows = torch.arange(len(y))
    dp = torch.zeros_like(log_p)
    dp[rows, y] = -dout / len(y) / log_p.exp()[rows, y]
    return dp


@mistake(
    "the joint gradient where only half is asked",
    check="test_cross_entropy_backward",
    diagnosis="joint",
)
def cross_entropy_backward(dout, cache):
    log_p, y = cache
    return dout * (log_p.exp() - torch.eye(log_p.shape[1], dtype=log_p.dtype)[y]) / len(y)


@mistake("dout ignored", check="test_cross_entropy_backward", diagnosis="no dout")
def cross_entropy_backward(dout, cache):
    log_p, y = cache
    dlog_p = torch.zeros_like(log_p)
    dlog_p[torch.arange(len(y)), y] = -1 / len(y)
    return dlog_p


@mistake("softmax applied twice", check="test_softmax_cross_entropy_forward", diagnosis="twice")
def softmax_cross_entropy_forward(logits, y):
    p, _ = softmax_forward(logits)
    log_p, _ = log_softmax_forward(p)
    loss, _ = cross_entropy_forward(log_p, y)
    return loss, (log_p, y)


@mistake(
    "the logarithm of softmax in the loss",
    check="test_softmax_cross_entropy_forward_extreme",
    diagnosis="log of softmax",
)
def softmax_cross_entropy_forward(logits, y):
    log_p = softmax_forward(logits)[0].log()
    loss, _ = cross_entropy_forward(log_p, y)
    return loss, (log_p, y)


@mistake(
    "an eps in the logarithm of the loss",
    check="test_softmax_cross_entropy_forward_extreme",
    diagnosis="log(p + eps)",
)
def softmax_cross_entropy_forward(logits, y):
    p, _ = softmax_forward(logits)
    loss, _ = cross_entropy_forward((p + 1e-8).log(), y)
    return loss, (p.log(), y)


@mistake(
    "no log-softmax before the loss",
    check="test_softmax_cross_entropy_forward",
    diagnosis="no softmax",
)
def softmax_cross_entropy_forward(logits, y):
    loss, _ = cross_entropy_forward(logits, y)
    return loss, (log_softmax_forward(logits)[0], y)


@mistake("y − p", check="test_softmax_cross_entropy_backward", diagnosis="y − p")
def softmax_cross_entropy_backward(dout, cache):
    log_p, y = cache
    target = torch.eye(log_p.shape[1], dtype=log_p.dtype)[y]
    return (target - log_p.exp()) * dout / len(y)


@mistake(
    "1/N missing in the joint gradient",
    check="test_softmax_cross_entropy_backward",
    diagnosis="scale:batch",
)
def softmax_cross_entropy_backward(dout, cache):
    log_p, y = cache
    difference = log_p.exp()
    difference[torch.arange(len(y)), y] -= 1
    return difference * dout


@mistake(
    "p of the cache is changed",
    check="test_softmax_cross_entropy_backward",
    diagnosis="cache changed",
)
class CachedProbabilities:
    def softmax_cross_entropy_forward(logits, y):
        log_p, _ = log_softmax_forward(logits)
        loss, _ = cross_entropy_forward(log_p, y)
        return loss, (log_p.exp(), y)

    def softmax_cross_entropy_backward(dout, cache):
        p, y = cache
        p[torch.arange(len(y)), y] -= 1
        return p * dout / len(y)


@mistake(
    "the way through −1/p",
    check="test_softmax_cross_entropy_backward",
    diagnosis="through p",
)
def softmax_cross_entropy_backward(dout, cache):
    log_p, y = cache
    p, rows = log_p.exp(), torch.arange(len(y))
    dp = torch.zeros_like(p)
    dp[rows, y] = -dout.to(p.dtype) / (len(y) * p[rows, y])
    return p * (dp - (p * dp).sum(1, keepdim=True))


@mistake(
    "[:, y] in the joint gradient",
    check="test_softmax_cross_entropy_backward",
    diagnosis="all pairs",
)
def softmax_cross_entropy_backward(dout, cache):
    log_p, y = cache
    difference = log_p.exp()
    difference[:, y] -= 1
    return difference * dout / len(y)


@mistake(
    "[y] in the joint gradient",
    check="test_softmax_cross_entropy_backward",
    diagnosis="labels as rows",
)
def softmax_cross_entropy_backward(dout, cache):
    log_p, y = cache
    difference = log_p.exp()
    difference[y] -= 1
    return difference * dout / len(y)


@mistake("labels count from 1", check="test_cross_entropy_forward", diagnosis="labels from 1")
def cross_entropy_forward(log_p, y):
    n, c = log_p.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError("labels")
    return -log_p[torch.arange(n), y - 1].mean(), (log_p, y)


@mistake(
    "the outer product summed over the batch",
    check="test_softmax_jacobian",
    diagnosis="outer product of the batch",
)
def softmax_jacobian(p):
    return torch.diag_embed(p) - p.T @ p


@mistake(
    "the maximum of each column subtracted",
    check="test_log_softmax_forward",
    diagnosis="maximum of the columns",
)
def log_softmax_forward(x):
    shifted = x - x.max(0).values
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    return log_p, log_p


@alternative("example by example, in Python loops")
class Loops:
    def softmax_forward(x):
        rows = []
        for row in x:
            e = torch.stack([(v - row.max()).exp() for v in row])
            rows.append(e / sum(e))
        return torch.stack(rows), rows

    def softmax_backward(dout, cache):
        return torch.stack(
            [
                sum(d[i] * p[i] * ((torch.arange(len(p)) == i).to(p) - p) for i in range(len(p)))
                for d, p in zip(dout, cache, strict=True)
            ]
        )

    def cross_entropy_forward(log_p, y):
        total = 0
        for row, label in zip(log_p, y.tolist(), strict=True):
            if label not in range(len(row)):
                raise ValueError("no such class")
            total -= row[label].item()
        return total / len(y), {"log_p": log_p, "y": y}

    def cross_entropy_backward(dout, cache):
        gradient = torch.zeros_like(cache["log_p"])
        for n, label in enumerate(cache["y"]):
            gradient[n, label] -= dout / len(gradient)
        return gradient


@alternative("softmax from log-softmax, gradients by einsum with the Jacobian")
class Einsum:
    def softmax_forward(x):
        p = log_softmax_forward(x)[0].exp()
        return p, [p]

    def softmax_jacobian(p):
        return torch.einsum("ni,nij->nij", p, torch.eye(p.shape[1], dtype=p.dtype) - p[:, None, :])

    def softmax_backward(dout, cache):
        return [torch.einsum("ni,nij->nj", dout, softmax_jacobian(cache[0]))]


@alternative("one-hot rows in place of indices")
class OneHot:
    def cross_entropy_forward(log_p, y):
        if not bool(((y >= 0) & (y < log_p.shape[1])).all()):
            raise ValueError("no such class")
        target = (y[:, None] == torch.arange(log_p.shape[1])).to(log_p.dtype)
        return -(target * log_p).sum() / len(y), target

    def cross_entropy_backward(dout, cache):
        return -cache * dout / len(cache)

    def softmax_cross_entropy_forward(logits, y):
        shifted = logits - logits.amax(1, keepdim=True)
        total = shifted.exp().sum(1, keepdim=True)
        loss, target = cross_entropy_forward(shifted - total.log(), y)
        return loss, (shifted.exp() / total, target)

    def softmax_cross_entropy_backward(dout, cache):
        p, target = cache
        return (p - target) * (dout / len(p))


@alternative("the joint functions by the two steps")
class TwoSteps:
    def softmax_cross_entropy_forward(logits, y):
        log_p, first = log_softmax_forward(logits)
        loss, second = cross_entropy_forward(log_p, y)
        return loss, (first, second)

    def softmax_cross_entropy_backward(dout, cache):
        first, second = cache
        return log_softmax_backward(cross_entropy_backward(dout, second), first)


@alternative("gather and scatter, log-sum-exp with the maximum added again")
class Gather:
    def log_softmax_forward(x):
        m = x.max(1, keepdim=True).values
        out = x - (m + torch.log(torch.exp(x - m).sum(1, keepdim=True)))
        return out, out.exp()

    def log_softmax_backward(dout, cache):
        return dout - cache * dout.sum(1)[:, None]

    def cross_entropy_forward(log_p, y):
        if y.lt(0).any() or y.ge(log_p.size(1)).any():
            raise ValueError("no such class")
        return -log_p.gather(1, y.unsqueeze(1)).mean(), (log_p.shape, y)

    def cross_entropy_backward(dout, cache):
        shape, y = cache
        zeros = torch.zeros(shape, dtype=dout.dtype)
        return zeros.scatter(1, y.unsqueeze(1), float(-dout / shape[0]))


@alternative("float32 inside, and a print in every call")
class Float32:
    def softmax_forward(x):
        print("softmax_forward", x.shape)
        e = (x - x.max(1, keepdim=True).values).float().exp()
        p = e / e.sum(1, keepdim=True)
        return p, p

    def softmax_backward(dout, cache):
        print("softmax_backward", dout.shape)
        dout = dout.float()
        return cache * (dout - (cache * dout).sum(1, keepdim=True))

    def softmax_cross_entropy_backward(dout, cache):
        log_p, y = cache
        difference = log_p.float().exp()
        difference[torch.arange(len(y)), y] -= 1
        return difference * dout.float() / len(y)
