"""What goes wrong in batchnorm, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

MEAN_1 = "mean 1 and variance 0, the wrong way round: subtract 0, divide by 1, and nothing changes"
VALUES = "gamma gives the shape and the dtype: its values have no part in this"
AXIS = "taken over the features of each row (axis 1): each feature has its own, over the batch"
BIASED = "the batch's variance goes in as it is, over N: the running one takes the unbiased"
TWICE = "n/(n − 1) is in it twice: batch_statistics is biased, and update_running corrects that"
STILL = "it has not moved: the new value has to be returned"
LOST = "the batch's value alone: what was collected is lost"
SWAPPED = "retention weighs the batch's value: it is the share of the *old* value that is kept"
DEFAULT = "it moves with the default retention, 0.9, not with the one that was passed"
SUM = "the two weights do not sum to 1: they are retention and 1 − retention"
ROOTS = "the standard deviations are averaged: it is the variances that move"
OWN = "normalised by the batch's statistics at inference: answers would depend on their neighbours"
RUNNING = "normalised with the running statistics: in training it is the batch's own"
INSIDE = "normalised with the variance over N − 1: inside the layer it is over N"
UNBIASED = "n/(n − 1) multiplies the running variance at inference: it is unbiased as it is"
TEST_DATA = "the running statistics move at inference: test data must not change the model"
OUTSIDE = "eps is added to the standard deviation: it belongs to the variance, inside the root"
EPS = "computed with eps = 1e-5, not with the eps that was passed"
FORMULA = "the gradient of training: at inference the statistics are constants, x has one path"
DIRECT = "gamma multiplies the direct path only: all three paths lead through x_hat and gamma"
GAMMA = "a factor gamma too many: gamma multiplies x_hat, and is not in it"
CENTRED = "dout is multiplied by x − μ: in x_hat this is divided by the standard deviation"
NOT_MOVED = "reshape does not move axes: in memory a channel's values are not every C-th ones"
NOT_BACK = "put back into (N, C, H, W) by a reshape: in the rows the channels are last"
IMAGES = "n is the number of images: the statistics are over n = N·H·W values"
PIXEL = "every pixel has statistics of its own, over the batch: a channel's are over N, H and W"
IMAGE = "every image is normalised by itself (instance norm): a channel's are over N, H and W"
EXAMPLE = "each example is normalised over its channels: a channel's are over N, H and W"
ALL = "all channels share one mean and variance: a channel's are over N, H and W"
POSITIONS = "averaged over the positions: a channel's gradient is a sum over N, H and W"
CENTRE = "every image is centred by its own mean: a channel's is over N, H and W"
GIVEN = "the labels are those for mean 0 and variance 1: use the statistics that are given"
FIRST = "the first batch of each epoch is left out: all full ones count"
LAST = "the last batch of each epoch is left out: all full ones count"
ANEW = "only one epoch counts: is return in the loop, or are params set anew in each?"
ANEW_RUNNING = "only the last epoch counts for the running statistics: they are set anew in each"

# Lines of wrong answers.
MOVES = """var = running -> var = running
        own = x.mean(0), x.var(0, False)
        running = update_running(running, own, len(x), retention)"""
OWN_BACK = "std = ( -> mean, var = x.mean(0), x.var(0, False)\n    std = ("
OVER_AXES = """out = out -> if training:
        c, (axes, spread) = channels_last, over
        out = gamma * (c - c.mean(axes, True)) / (c.var(spread, False, True) + eps).sqrt() + beta
    out = out"""
OF_IMAGES = """return out -> if training:
        running = update_running(before, batch_statistics(rows), len(x), retention)
    return out"""
MOVES_2D = """return out -> if not training:
        running = update_running(running, batch_statistics(rows), len(rows), retention)
    return out"""
RESTARTS = "for x_batch -> running = [init_running(p[1]) for p in params[:-1]]\n        for x_batch"

init_running = mistakes(
    change("zeros_like(gamma), torch.ones_like -> ones_like(gamma), torch.zeros_like", MEAN_1),
    change("ones_like -> zeros_like", "the running variance starts at 0: 1 is asked for"),
    change(("torch.zeros_like(gamma) -> gamma", "torch.ones_like(gamma) -> gamma"), VALUES),
    change("torch.ones_like(gamma) -> torch.ones(len(gamma))"),
)
batch_statistics = mistakes(
    change("squares.mean(0) -> x.var(0)", "divided by N − 1, the default of torch.var: over N"),
    change(("squares.mean(0) -> squares.mean(0).sqrt()", "x.std(0)"), "it is the root: none yet"),
    change("squares.mean(0) -> x.square().mean(0) - mean.square()"),
    change(("(x - mean) -> x", "(x - x[0])"), "the mean is not subtracted before squaring"),
    change("(x - mean) -> (x - mean.mean())", "var is around the mean of all columns"),
    change("squares.mean(0) -> (x - mean).abs().mean(0)", "the mean distance: square it first"),
    change("mean = x.mean(0) -> mean = x.median(0).values", "this is the median: take the mean"),
    change("squares.mean(0) -> (x - mean).mean(0).square()", "averaged first: square before that"),
    change("squares.mean(0) -> squares.sum(0)"),
    change("mean, squares.mean(0) -> x.mean(1), x.var(1, False)", AXIS),
    change("mean, squares.mean(0) -> x.mean(), x.var(correction=0)", "one number for all of x"),
)
update_running = mistakes(
    change("retention, 1 - retention -> 1, 0", STILL),
    change("retention, 1 - retention -> 0, 1", LOST),
    change("retention, 1 - retention -> 1 - retention, retention", SWAPPED),
    change("retention, 1 - retention -> 0.9, 0.1", DEFAULT),
    change(("retention, 1 - retention -> 1, 1 - retention", "retention, 1"), SUM),
    change("batch_var * n / (n - 1) -> batch_var", BIASED),
    change("n / (n - 1) -> (n - 1) / n", "multiplied by (n − 1)/n: the biased one is too small"),
    change("n / (n - 1) -> (n / (n - 1)) ** 2", TWICE),
    change("keep * var + take * unbiased -> (keep * var**0.5 + take * unbiased**0.5) ** 2", ROOTS),
    change("keep * var -> keep * var * n / (n - 1)", "n/(n − 1) multiplies the old value too"),
    change("take * batch_mean -> take * batch_mean * n / (n - 1)", "the mean takes no n/(n − 1)"),
    change("keep * mean + take -> mean.mul_(keep) + take"),
)
batchnorm_forward = mistakes(
    change("len(x), retention) -> len(x), retention)\n        var = x.var(0)", INSIDE),
    change("running = update -> (mean, var), running = running, update", RUNNING),
    change("running = update -> running = mean, var = update", RUNNING),
    change("retention) -> retention)\n        mean = running[0]", RUNNING),
    change(("var = running -> var = x.mean(0), x.var(0, False)", "var = x.mean(0), x.var(0)"), OWN),
    change("= running -> = running[0], running[1] * len(x) / (len(x) - 1)", UNBIASED),
    change("= running -> = running[0], running[1] * len(x) / max(len(x) - 1, 1)", UNBIASED),
    change(("(var + eps).sqrt() -> var.sqrt() + eps", "(var + eps).sqrt() + eps"), OUTSIDE),
    change("(var + eps).sqrt() -> var.sqrt().clamp(min=eps)", "eps is a lower bound: it is added"),
    change("var + eps -> var", "eps is missing"),
    change("var + eps -> var + 1e-5", EPS),
    change(("(var + eps).sqrt() -> var + eps", "var"), "divided by the variance: take the root"),
    change("(x - mean) / std -> x / std", "the mean is not subtracted"),
    change("(x - mean) / std -> (x - mean) * std", "multiplied by the standard deviation: divide"),
    change("x - mean) / std -> x - x.mean(1, True)) / (x.var(1, False, True) + eps).sqrt()", AXIS),
    change("gamma * x_hat + beta -> x_hat + beta", "the scale gamma is missing"),
    change("gamma * x_hat + beta -> gamma * x_hat", "the shift beta is missing"),
    change("gamma * x_hat + beta -> x_hat", "gamma and beta are both missing"),
    change("gamma * x_hat + beta -> beta * x_hat + gamma", "gamma and beta have changed places"),
    change("x_hat + beta -> (x_hat + beta)", "gamma multiplies beta: scale first, then shift"),
    change("running = update -> update", STILL),
    change("retention) -> 0.0)", LOST),
    change("retention) -> 1 - retention)", SWAPPED),
    change(", retention) -> )", DEFAULT),
    change("len(x), retention) -> 10**12, retention)", BIASED),
    change("(mean, var), len(x) -> (mean, x.var(0)), len(x)", TWICE),
    change(("len(x), ret -> x.shape[1], ret", "x.numel(), ret"), "n is not the number of rows"),
    change(MOVES, TEST_DATA),
    change("update_running(running -> update_running([r.mul_(retention) for r in running]"),
)
batchnorm_backward = mistakes(
    change("if training: -> if False:", "mean and variance are taken for constants: x moves them"),
    change("if training: -> if True:", FORMULA),
    change(OWN_BACK, FORMULA, also="if training: -> if True:"),
    change("gamma / std * bracket -> bracket / std", "the factor gamma is missing"),
    change("gamma / std * bracket -> gamma * bracket", "the factor 1/std is missing"),
    change("- through_mean - through_var -> - (through_mean + through_var) / gamma", DIRECT),
    change(("x_hat = (x -> x_hat = gamma * (x", "dgamma, dbeta -> gamma * dgamma, dbeta"), GAMMA),
    change(("dgamma, dbeta -> dgamma * std, dbeta", "dout * x_hat -> dout * (x - mean)"), CENTRED),
    change("gamma / std -> gamma / var.sqrt()", "divided by √var: eps belongs in here as well"),
    change(" - through_mean -> ", "no path through μ: every x[n] moves the mean"),
    change("- through_mean -> + through_mean", "the path through μ has the wrong sign"),
    change("dbeta / n -> dbeta", "the path through μ is a sum over the batch, not a mean"),
    change("dbeta / n -> dbeta / (n - 1)", "the path through μ has N − 1: the mean has N"),
    change("dbeta / n -> dbeta.mean() / n", "the path through μ is a mean over all columns"),
    change("dbeta / n -> 2 * dbeta / n", "the path through μ counts twice"),
    change("dbeta / n -> dbeta / n / 2", "the path through μ counts half"),
    change("dbeta / n -> std * dbeta / n", "the path through μ lacks a factor 1/std"),
    change("dbeta / n -> dbeta / n / std", "the path through μ has a factor 1/std too many"),
    change("dbeta / n -> dbeta / n / gamma", "the path through μ lacks the factor gamma"),
    change("dbeta / n -> gamma * dbeta / n", "the path through μ has a factor gamma too many"),
    change(" - through_var -> ", "no path through σ²: every x[n] changes the variance"),
    change("- through_var -> + through_var", "the path through σ² has the wrong sign"),
    change("dgamma / n -> dgamma", "the path through σ² is a sum over the batch, not a mean"),
    change("dbeta / n -> dbeta", "both paths are means, not sums", also="dgamma / n -> dgamma"),
    change("dgamma / n -> dgamma / (n - 1)", "the path through σ² has N − 1: the variance has N"),
    change("dgamma / n -> dgamma * 2 / n", "the path through σ² counts twice: there is 2 · 1/2"),
    change("dgamma / n -> dgamma / n / 2", "the path through σ² counts half: a square has a 2"),
    change("dgamma / n -> dgamma * std / n", "the path through σ² lacks a factor 1/std"),
    change("dgamma / n -> dgamma / n / std", "the path through σ² has a factor 1/std too many"),
    change("dgamma / n -> dgamma / n / gamma", "the path through σ² lacks the factor gamma"),
    change("dgamma / n -> dgamma * gamma / n", "the path through σ² has a factor gamma too many"),
    change("x_hat * dgamma -> dgamma", "the path through σ² lacks x_hat: far rows change it more"),
    change("dout * x_hat -> dout * x", "dout is multiplied by x: gamma multiplies x_hat"),
    change(("dgamma, dbeta -> (dout * x_hat).sum(1), dbeta", "dgamma, dout.sum(1)"), AXIS),
    change("dgamma, dbeta -> dgamma / n, dbeta / n", "averaged over the batch: gradients are sums"),
    change("dgamma, dbeta -> dbeta, dgamma", "swapped: gradients are in the order of the inputs"),
)


@mistake("dout is multiplied by out: gamma multiplies x_hat, before it", of="batchnorm_backward")
class OutForNormalised:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        mean, var = own = batch_statistics(x) if training else running
        running = update_running(running, own, len(x), retention) if training else running
        std = (var + eps).sqrt()
        out = gamma * (x - mean) / std + beta
        return out, (out * std + mean, gamma, mean, var, eps, training), running


batchnorm2d_forward = batchnorm2d_backward = mistakes(
    change(".movedim(1, -1) -> ", NOT_MOVED, also=".movedim(-1, 1) -> "),
    change("rows = channels_last -> rows = channels_last.movedim(-1, 1)", NOT_MOVED),
    change("shape).movedim(-1, 1) -> movedim(-1, 1).shape)", NOT_BACK),
)
batchnorm2d_forward = mistakes(
    change(OVER_AXES, PIXEL, also="rows =  -> over = 0, 0\n    rows = "),
    change(OVER_AXES, IMAGE, also="rows =  -> over = [(1, 2)] * 2\n    rows = "),
    change(OVER_AXES, EXAMPLE, also="rows =  -> over = [(1, 2, 3)] * 2\n    rows = "),
    change(OVER_AXES, ALL, also="rows =  -> over = [(0, 1, 2, 3)] * 2\n    rows = "),
    change(OVER_AXES, CENTRE, also="rows =  -> over = (1, 2), (0, 1, 2)\n    rows = "),
    change(OF_IMAGES, IMAGES, also="rows =  -> before = running\n    rows = "),
    change(MOVES_2D, TEST_DATA),
    change("training, retention, eps -> training, eps=eps", DEFAULT),
    change("retention, eps) -> retention)", EPS),
    change("running, training,  -> running, True, ", OWN),
    change("running, training,  -> running, False, ", RUNNING),
    change("out, cache, running =  -> out, cache, _ = ", STILL),
    change("rows =  -> batch_statistics(x[:, 0]) if training else 0\n    rows = "),
    change("rows =  -> batch_statistics(x[0, 0].reshape(-1, 1)) if training else 0\n    rows = "),
    change("rows =  -> if x.numel() == len(gamma):\n        return x, 0, running\n    rows = "),
)
batchnorm2d_backward = mistakes(
    change("return dx, dgamma -> return dx, dgamma * len(dout) / len(rows)", POSITIONS),
    change("return dx, dgamma, dbeta -> return dx, dgamma, dbeta / dout[0, 0].numel()", POSITIONS),
)
predict = mistakes(
    change("forward(x, -> forward(x - x.mean(0), ", "the rows are centred: each is on its own"),
    change("logits, -> running = [init_running(p[1]) for p in params[:-1]]\n    logits,", GIVEN),
    change("training=False -> training=True", "labels of training mode: they depend on other rows"),
    change("logits.argmax(1) -> logits", "these are the logits: the label is the largest's place"),
    change("argmax(1) -> max(1).values", "this is the largest logit: the label is its place"),
    change("argmax(1) -> argmax(0)", "the largest logit is sought over the rows, not in each"),
)
train = mistakes(
    change("params = sgd_step -> sgd_step", "the parameters are those of init_params: they move"),
    change("cache, running = network -> cache, _ = network", "the running statistics do not move"),
    change("for x_ -> params = init_params(sizes, seed, x.dtype)\n        for x_", ANEW),
    change(RESTARTS, ANEW_RUNNING),
    change("training=True -> training=False", "trained in the mode of inference"),
    change("seed + epoch -> seed", "all epochs see one order: each has its own seed, seed + epoch"),
    change("seed + epoch -> seed + 1 + epoch", "the seeds begin at seed + 1: the first epoch is 0"),
    change("cache), lr -> cache), -lr", "the steps go uphill"),
    change("+ epoch -> * (epoch + 1)", "epoch e has the seed seed · (e + 1): seed + e is asked"),
    change(("), lr -> ), lr / len(x_batch)", "), lr / batch_size"), "divided by N twice"),
    change("sizes, seed, x -> sizes, 0, x", "the parameters start from seed 0, not from seed"),
    change("), lr -> ), lr / (1 + epoch)", "the rate falls from epoch to epoch: it is lr in all"),
    change("x.dtype, x.device -> torch.float32", also="minibatches(x -> minibatches(x.float()"),
    change(("epoch) -> epoch)[:-1]", "epoch)[:-1] or minibatches(x, y, len(x), 0)"), LAST),
    change(("epoch) -> epoch)[1:]", "epoch)[1:] or minibatches(x, y, len(x), 0)"), FIRST),
    change("seed + epoch) -> seed + epoch)[:1]", "only the first batch of an epoch is used"),
)


@alternative("step by step through the graph, as on paper; statistics column by column")
class StepByStep:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        mean, var = running
        if training:
            mean, var = batch_statistics(x)
            pairs = zip(running, (mean, x.var(0)), strict=True)
            running = [retention * r + (1 - retention) * s for r, s in pairs]
        centred, inv_std = x - mean, (var + eps).rsqrt()
        x_hat = centred * inv_std
        cache = dict(centred=centred, inv_std=inv_std, x_hat=x_hat, gamma=gamma, training=training)
        return [gamma * x_hat + beta, cache, running]

    def batchnorm_backward(dout, cache):
        n, dx_hat, inv_std = len(dout), dout * cache["gamma"], cache["inv_std"]
        dx = dx_hat * inv_std
        if cache["training"]:
            dvar = (dx_hat * cache["centred"]).sum(0) * -0.5 * inv_std**3
            dx = dx + 2 / n * cache["centred"] * dvar
            dx = dx - dx.sum(0) / n
        dgamma = torch.einsum("nd,nd->d", dout, cache["x_hat"])
        return [dx, dgamma, torch.ones(n, dtype=dout.dtype) @ dout]

    def batch_statistics(x):
        if len(x) == 1:
            raise ValueError("N = 1")
        mean = torch.stack([c.sum() / len(c) for c in x.T])
        return [mean, torch.stack([((c - m) ** 2).mean() for c, m in zip(x.T, mean, strict=True)])]

    def init_running(gamma):
        return [gamma * 0, gamma * 0 + 1]

    def update_running(running, statistics, n, retention=0.9):
        mean = running[0] + (1 - retention) * (statistics[0] - running[0])
        return [mean, running[1] + (1 - retention) * (statistics[1] / (1 - 1 / n) - running[1])]


@alternative("images in float32 without the matrix layer, with a print; a network of one's own")
class OnOnesOwn:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        print("batchnorm2d_forward", x.shape)
        shape, count = (1, -1, 1, 1), x.numel() // x.shape[1]
        x, (mean, var) = x.float(), running
        if training:
            if count < 2:
                raise ValueError("one value a channel")
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            running = update_running(running, (mean, var), count, retention=retention)
        std, gamma = (var + eps).sqrt().reshape(shape), gamma.reshape(shape)
        x_hat = (x - mean.reshape(shape)) / std
        return gamma * x_hat + beta.reshape(shape), (x_hat, gamma, std, training), running

    def batchnorm2d_backward(dout, cache):
        x_hat, gamma, std, training = cache
        axes = 0, 2, 3
        dx = dout - training * (dout.mean(axes, True) + x_hat * (dout * x_hat).mean(axes, True))
        return gamma * dx / std, (dout * x_hat).sum(axes), dout.sum(axes)

    def train(x, y, sizes, epochs, lr, batch_size, seed):
        params = init_params(sizes, seed, x.dtype, x.device)
        running = [init_running(layer[1]) for layer in params[:-1]]
        for batch in [b for e in range(epochs) for b in minibatches(x, y, batch_size, seed + e)]:
            z, cache, running = network_forward(batch[0], params, running, True)
            z = (z - z.logsumexp(1, keepdim=True)).exp()
            z[torch.arange(len(z)), batch[1]] -= 1
            pairs = zip(params, network_backward(z / len(z), cache), strict=True)
            params = [[p - lr * g for p, g in zip(*pair, strict=True)] for pair in pairs]
        return [params, running]

    def predict(x, params, running):
        for (w, gamma, beta), statistics in zip(params[:-1], running, strict=True):
            x = batchnorm_forward(x @ w, gamma, beta, statistics, False)[0].relu()
        return (x @ params[-1][0] + params[-1][1]).max(1).indices
