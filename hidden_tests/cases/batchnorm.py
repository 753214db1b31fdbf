"""What students hand in for batchnorm: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, mistake


@mistake("running mean 1 and variance 0", check="test_init_running", diagnosis="swapped")
def init_running(gamma):
    return torch.ones_like(gamma), torch.zeros_like(gamma)


@mistake("running variance starts at 0", check="test_init_running", diagnosis="zero variance")
def init_running(gamma):
    return torch.zeros_like(gamma), torch.zeros_like(gamma)


@mistake("variance over N − 1", check="test_batch_statistics", diagnosis="variance:N-1")
def batch_statistics(x):
    if len(x) < 2:
        raise ValueError("one row")
    return x.mean(0), x.var(0)


@mistake("statistics of each row", check="test_batch_statistics", diagnosis="axis:features")
def batch_statistics(x):
    if len(x) < 2:
        raise ValueError("one row")
    return x.mean(1), x.var(1, correction=0)


@mistake(
    "mean of squares minus square of the mean",
    check="test_batch_statistics_at_the_edges",
    diagnosis="cancellation",
)
def batch_statistics(x):
    if len(x) < 2:
        raise ValueError("one row")
    return x.mean(0), x.square().mean(0) - x.mean(0).square()


@mistake(
    "a single row is not refused",
    check="test_batch_statistics_at_the_edges",
    diagnosis="no error:ValueError",
)
def batch_statistics(x):
    return x.mean(0), x.var(0, correction=0)


@mistake("retention as update rate", check="test_update_running", diagnosis="retention:swapped")
def update_running(running, statistics, n, retention=0.9):
    fresh = statistics[0], statistics[1] * n / (n - 1)
    return [(1 - retention) * r + retention * s for r, s in zip(running, fresh, strict=True)]


@mistake("retention is always 0.9", check="test_update_running", diagnosis="retention:ignored")
def update_running(running, statistics, n, retention=0.9):
    fresh = statistics[0], statistics[1] * n / (n - 1)
    return [0.9 * r + 0.1 * s for r, s in zip(running, fresh, strict=True)]


@mistake("biased running variance", check="test_update_running", diagnosis="variance:biased")
def update_running(running, statistics, n, retention=0.9):
    return [retention * r + (1 - retention) * s for r, s in zip(running, statistics, strict=True)]


@mistake("moved in place", check="test_update_running", diagnosis="inplace:running[0]")
def update_running(running, statistics, n, retention=0.9):
    fresh = statistics[0], statistics[1] * n / (n - 1)
    for r, s in zip(running, fresh, strict=True):
        r.mul_(retention).add_((1 - retention) * s)
    return running


@mistake(
    "torch.var inside the layer",
    check="test_batchnorm_forward_in_training",
    diagnosis="variance:N-1",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training:
        running = update_running(running, batch_statistics(x), len(x), retention)
        mean, var = x.mean(0), x.var(0)
    else:
        mean, var = running
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "eps outside the root",
    check=("test_batchnorm_forward_in_training", "test_batchnorm_forward_at_inference"),
    diagnosis="eps:outside the root",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training:
        mean, var = batch_statistics(x)
        running = update_running(running, (mean, var), len(x), retention)
    else:
        mean, var = running
    inv_std = 1 / (var.sqrt() + eps)
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake("no eps", check="test_batchnorm_forward_in_training", diagnosis="eps:missing")
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training:
        mean, var = batch_statistics(x)
        running = update_running(running, (mean, var), len(x), retention)
    else:
        mean, var = running
    inv_std = var.rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "scale and shift forgotten",
    check="test_batchnorm_forward_in_training",
    diagnosis="missing factor:gamma",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training:
        mean, var = batch_statistics(x)
        running = update_running(running, (mean, var), len(x), retention)
    else:
        mean, var = running
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return x_hat, (x_hat, gamma * inv_std, training), running


@mistake(
    "normalised with the updated running statistics in training",
    check="test_batchnorm_forward_in_training",
    diagnosis="statistics:running",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training:
        running = update_running(running, batch_statistics(x), len(x), retention)
    mean, var = running
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "batch statistics at inference",
    check="test_batchnorm_forward_at_inference",
    diagnosis="statistics:batch",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training and len(x) < 2:
        raise ValueError("one row")
    mean, var = x.mean(0), x.var(0, correction=0)
    if training:
        running = update_running(running, (mean, var), len(x), retention)
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "running statistics move at inference",
    check="test_batchnorm_forward_at_inference",
    diagnosis="updated at inference",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    mean, var = batch_statistics(x) if training else running
    if len(x) > 1:
        updated = update_running(running, batch_statistics(x), len(x), retention)
    else:
        updated = running
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), updated


@mistake(
    "the layer's running statistics are changed in place",
    check="test_batchnorm_forward_collects",
    diagnosis="inplace:running[0]",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    mean, var = running
    if training:
        moved = update_running(running, batch_statistics(x), len(x), retention)
        mean.copy_(moved[0])
        var.copy_(moved[1])
        mean, var = batch_statistics(x)
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "the updated statistics are not returned",
    check="test_batchnorm_forward_collects",
    diagnosis="unchanged",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    mean, var = running
    if training:
        mean, var = batch_statistics(x)
        update_running(running, (mean, var), len(x), retention)
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "the retention that was passed is not passed on",
    check="test_batchnorm_forward_collects",
    diagnosis="retention:ignored",
)
def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    mean, var = running
    if training:
        mean, var = batch_statistics(x)
        running = update_running(running, (mean, var), len(x))
    inv_std = (var + eps).rsqrt()
    x_hat = (x - mean) * inv_std
    return gamma * x_hat + beta, (x_hat, gamma * inv_std, training), running


@mistake(
    "statistics as constants",
    check="test_batchnorm_backward_in_training",
    diagnosis="statistics:constant",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, _ = cache
    return scale * dout, (dout * x_hat).sum(0), dout.sum(0)


@mistake(
    "variance path dropped",
    check="test_batchnorm_backward_in_training",
    diagnosis="variance path:missing",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, training = cache
    dx = scale * (dout - dout.mean(0)) if training else scale * dout
    return dx, (dout * x_hat).sum(0), dout.sum(0)


@mistake(
    "mean path dropped",
    check="test_batchnorm_backward_in_training",
    diagnosis="mean path:missing",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, training = cache
    dx = scale * (dout - x_hat * (dout * x_hat).mean(0)) if training else scale * dout
    return dx, (dout * x_hat).sum(0), dout.sum(0)


@mistake(
    "N − 1 in the variance path",
    check="test_batchnorm_backward_in_training",
    diagnosis="variance path:N-1",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, training = cache
    dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
    if training:
        n = len(dout)
        dout = dout - dbeta / n - x_hat * dgamma / (n - 1)
    return scale * dout, dgamma, dbeta


@mistake(
    "sums where averages belong",
    check="test_batchnorm_backward_in_training",
    diagnosis="both paths:sum, sum",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, training = cache
    dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
    if training:
        dout = dout - dbeta - x_hat * dgamma
    return scale * dout, dgamma, dbeta


@mistake(
    "gamma missing in dx",
    check=("test_batchnorm_backward_in_training", "test_batchnorm_backward_at_inference"),
    diagnosis="missing factor:gamma",
)
class NoGamma:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        if training:
            mean, var = batch_statistics(x)
            running = update_running(running, (mean, var), len(x), retention)
        else:
            mean, var = running
        inv_std = (var + eps).rsqrt()
        x_hat = (x - mean) * inv_std
        return gamma * x_hat + beta, (x_hat, inv_std, training), running


@mistake(
    "1/std missing in dx",
    check="test_batchnorm_backward_in_training",
    diagnosis="missing factor:1/std",
)
class NoStd:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        if training:
            mean, var = batch_statistics(x)
            running = update_running(running, (mean, var), len(x), retention)
        else:
            mean, var = running
        x_hat = (x - mean) * (var + eps).rsqrt()
        return gamma * x_hat + beta, (x_hat, gamma, training), running


@mistake(
    "the gradient of gamma is averaged",
    check=("test_batchnorm_backward_in_training", "test_batchnorm_backward_at_inference"),
    diagnosis="scale:1/batch",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, training = cache
    dgamma, dbeta = (dout * x_hat).mean(0), dout.mean(0)
    if training:
        dout = dout - dbeta - dgamma * x_hat
    return scale * dout, dgamma, dbeta


@mistake(
    "x for x_hat in the gradient of gamma",
    check="test_batchnorm_backward_in_training",
    diagnosis="x for x_hat",
)
class InputForNormalised:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        if training:
            mean, var = batch_statistics(x)
            running = update_running(running, (mean, var), len(x), retention)
        else:
            mean, var = running
        inv_std = (var + eps).rsqrt()
        x_hat = (x - mean) * inv_std
        return gamma * x_hat + beta, (x, x_hat, gamma * inv_std, training), running

    def batchnorm_backward(dout, cache):
        x, x_hat, scale, training = cache
        dgamma, dbeta = (dout * x).sum(0), dout.sum(0)
        if training:
            dout = dout - (dbeta + x_hat * (dout * x_hat).sum(0)) / len(dout)
        return scale * dout, dgamma, dbeta


@mistake(
    "the gradient of training at inference",
    check="test_batchnorm_backward_at_inference",
    diagnosis="training formula",
)
def batchnorm_backward(dout, cache):
    x_hat, scale, _ = cache
    dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
    return scale * (dout - (dbeta + dgamma * x_hat) / len(dout)), dgamma, dbeta


@mistake(
    "reshape without moving axes", check="test_batchnorm2d_forward", diagnosis="axes:not moved"
)
class NotMoved:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        rows = x.reshape(-1, x.shape[1])
        out, cache, running = batchnorm_forward(
            rows, gamma, beta, running, training, retention, eps
        )
        return out.reshape(x.shape), cache, running

    def batchnorm2d_backward(dout, cache):
        dx, dgamma, dbeta = batchnorm_backward(dout.reshape(-1, dout.shape[1]), cache)
        return dx.reshape(dout.shape), dgamma, dbeta


@mistake(
    "reshaped back without moving axes",
    check="test_batchnorm2d_forward",
    diagnosis="axes:not moved back",
)
def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    out, cache, running = batchnorm_forward(rows, gamma, beta, running, training, retention, eps)
    return out.reshape(x.shape), cache, running


@mistake(
    "the way back is not moved",
    check="test_batchnorm2d_backward",
    diagnosis="axes:not moved back",
)
def batchnorm2d_backward(dout, cache):
    rows = dout.permute(0, 2, 3, 1).reshape(-1, dout.shape[1])
    dx, dgamma, dbeta = batchnorm_backward(rows, cache)
    return dx.reshape(dout.shape), dgamma, dbeta


@mistake(
    "the upstream gradient is reshaped without moving axes",
    check="test_batchnorm2d_backward",
    diagnosis="axes:not moved",
)
def batchnorm2d_backward(dout, cache):
    n, c, h, w = dout.shape
    dx, dgamma, dbeta = batchnorm_backward(dout.reshape(-1, c), cache)
    return dx.reshape(n, h, w, c).permute(0, 3, 1, 2), dgamma, dbeta


@mistake(
    "every pixel has its own statistics",
    check="test_batchnorm2d_forward",
    diagnosis="axis:batch",
)
class PerPixel:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        gamma, beta = gamma.reshape(-1, 1, 1), beta.reshape(-1, 1, 1)
        if training:
            mean, var = x.mean(0), x.var(0, correction=0)
            running = running[0] + mean.mean((1, 2)), running[1] + var.mean((1, 2))
        else:
            mean, var = (r.reshape(-1, 1, 1) for r in running)
        x_hat = (x - mean) * (var + eps).rsqrt()
        return gamma * x_hat + beta, (x_hat, gamma, training), running


@mistake("instance norm", check="test_batchnorm2d_forward", diagnosis="axis:image")
class InstanceNorm:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        gamma, beta = gamma.reshape(-1, 1, 1), beta.reshape(-1, 1, 1)
        if training:
            mean, var = x.mean((2, 3), True), x.var((2, 3), correction=0, keepdim=True)
        else:
            mean, var = (r.reshape(-1, 1, 1) for r in running)
        x_hat = (x - mean) * (var + eps).rsqrt()
        return gamma * x_hat + beta, (x_hat, gamma, training), running


@mistake(
    "the number of images as the number of values",
    check="test_batchnorm2d_forward",
    diagnosis="count:images",
)
def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    channels_last = x.movedim(1, -1)
    rows = channels_last.reshape(-1, x.shape[1])
    out, cache, after = batchnorm_forward(rows, gamma, beta, running, training, retention, eps)
    if training and len(x) > 1:
        after = update_running(running, batch_statistics(rows), len(x), retention)
    return out.reshape(channels_last.shape).movedim(-1, 1), cache, after


@mistake(
    "a single image is refused",
    check="test_batchnorm2d_forward",
    diagnosis="raised:ValueError",
)
def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
    if training and len(x) < 2:
        raise ValueError("a batch needs at least two images")
    channels_last = x.movedim(1, -1)
    rows = channels_last.reshape(-1, x.shape[1])
    out, cache, running = batchnorm_forward(rows, gamma, beta, running, training, retention, eps)
    return out.reshape(channels_last.shape).movedim(-1, 1), cache, running


@mistake("predicts in training mode", check="test_predict", diagnosis="statistics:batch")
def predict(x, params, running):
    return network_forward(x, params, running, True)[0].argmax(1)


@mistake("the running statistics are lost", check="test_train_steps", diagnosis="untrained")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = init_params(sizes, seed, x.dtype, x.device)
    running = [init_running(gamma) for _, gamma, _ in params[:-1]]
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache, _ = network_forward(x_batch, params, running, training=True)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params = sgd_step(params, network_backward(dlogits, cache), lr)
    return params, running


@mistake("the statistics start anew in each epoch", check="test_train_steps", diagnosis="restarted")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = init_params(sizes, seed, x.dtype, x.device)
    for epoch in range(epochs):
        running = [init_running(gamma) for _, gamma, _ in params[:-1]]
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache, running = network_forward(x_batch, params, running, training=True)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params = sgd_step(params, network_backward(dlogits, cache), lr)
    return params, running


@mistake("trained in inference mode", check="test_train_steps", diagnosis="inference mode")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = init_params(sizes, seed, x.dtype, x.device)
    running = [init_running(gamma) for _, gamma, _ in params[:-1]]
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch):
            logits, cache, running = network_forward(x_batch, params, running, training=False)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params = sgd_step(params, network_backward(dlogits, cache), lr)
    return params, running


@mistake("all epochs in one order", check="test_train_steps", diagnosis="same order")
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = init_params(sizes, seed, x.dtype, x.device)
    running = [init_running(gamma) for _, gamma, _ in params[:-1]]
    for _ in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed):
            logits, cache, running = network_forward(x_batch, params, running, training=True)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params = sgd_step(params, network_backward(dlogits, cache), lr)
    return params, running


@mistake(
    "only the first batch of an epoch is used",
    check="test_train_on_digits",
    diagnosis="below threshold:accuracy",
)
def train(x, y, sizes, epochs, lr, batch_size, seed):
    params = init_params(sizes, seed, x.dtype, x.device)
    running = [init_running(gamma) for _, gamma, _ in params[:-1]]
    for epoch in range(epochs):
        for x_batch, y_batch in minibatches(x, y, batch_size, seed + epoch)[:1]:
            logits, cache, running = network_forward(x_batch, params, running, training=True)
            _, dlogits = softmax_cross_entropy(logits, y_batch)
            params = sgd_step(params, network_backward(dlogits, cache), lr)
    return params, running


@alternative("step by step through the graph, as on paper, with everything cached")
class StepByStep:
    def batchnorm_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        if training:
            mean, var = batch_statistics(x)
            new_mean = retention * running[0] + (1 - retention) * mean
            new_var = retention * running[1] + (1 - retention) * x.var(0)
            running = [new_mean, new_var]
        else:
            mean, var = running
        centred = x - mean
        std = torch.sqrt(var + eps)
        x_hat = centred / std
        cache = dict(centred=centred, std=std, x_hat=x_hat, gamma=gamma, training=training)
        return [gamma * x_hat + beta, cache, running]

    def batchnorm_backward(dout, cache):
        n = dout.shape[0]
        centred, std, gamma = cache["centred"], cache["std"], cache["gamma"]
        dx_hat = dout * gamma
        dgamma = torch.einsum("nd,nd->d", dout, cache["x_hat"])
        dbeta = torch.ones(n, dtype=dout.dtype) @ dout
        if not cache["training"]:
            return [dx_hat / std, dgamma, dbeta]
        dstd = (dx_hat * centred).sum(0) * -(std**-2)
        dvar = 0.5 * dstd / std
        dcentred = dx_hat / std + 2 / n * centred * dvar
        dmean = -dcentred.sum(0)
        return [dcentred + dmean / n, dgamma, dbeta]


@alternative("a loop over columns, means by hand")
class Columns:
    def batch_statistics(x):
        n, d = x.shape
        if n == 1:
            raise ValueError("N = 1")
        mean = torch.stack([x[:, j].sum() / n for j in range(d)])
        var = torch.stack([((x[:, j] - mean[j]) ** 2).sum() / n for j in range(d)])
        return [mean, var]

    def init_running(gamma):
        return [gamma * 0, gamma * 0 + 1]

    def update_running(running, statistics, n, retention=0.9):
        mean = running[0] + (1 - retention) * (statistics[0] - running[0])
        var = running[1] + (1 - retention) * (statistics[1] / (1 - 1 / n) - running[1])
        return [mean, var]


@alternative("images without the matrix layer, sums over three axes")
class OverAxes:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        shape = (1, -1, 1, 1)
        count = x.numel() // x.shape[1]
        if training:
            if count < 2:
                raise ValueError("one value a channel")
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            running = update_running(running, (mean, var), count, retention=retention)
        else:
            mean, var = running
        std = (var + eps).sqrt().reshape(shape)
        x_hat = (x - mean.reshape(shape)) / std
        out = gamma.reshape(shape) * x_hat + beta.reshape(shape)
        return out, (x_hat, gamma.reshape(shape), std, training), running

    def batchnorm2d_backward(dout, cache):
        x_hat, gamma, std, training = cache
        dgamma = (dout * x_hat).sum((0, 2, 3))
        dx = dout
        if training:
            axes = (0, 2, 3)
            dx = dx - dout.mean(axes, True) - x_hat * (dout * x_hat).mean(axes, True)
        return gamma * dx / std, dgamma, dout.sum((0, 2, 3))


@alternative("channels first, then a transpose")
class ChannelsFirst:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        first = x.transpose(0, 1)
        out, cache, running = batchnorm_forward(
            first.flatten(1).T,
            gamma,
            beta,
            running,
            training=training,
            retention=retention,
            eps=eps,
        )
        return out.T.reshape(first.shape).transpose(0, 1), cache, running


@alternative("float32 inside, and a print in every call")
class Single:
    def batchnorm2d_forward(x, gamma, beta, running, training, retention=0.9, eps=1e-5):
        print("batchnorm2d_forward", x.shape)
        rows = x.movedim(1, -1).flatten(0, 2).float()
        out, cache, running = batchnorm_forward(
            rows,
            gamma.float(),
            beta.float(),
            [r.float() for r in running],
            training,
            retention,
            eps,
        )
        return out.unflatten(0, x.movedim(1, -1).shape[:3]).movedim(-1, 1), cache, running

    def batchnorm2d_backward(dout, cache):
        last = dout.movedim(1, -1)
        dx, dgamma, dbeta = batchnorm_backward(last.flatten(0, 2).float(), cache)
        return dx.reshape(last.shape).movedim(-1, 1).to(dout.dtype), dgamma, dbeta


@alternative("a network of one's own in train and predict")
class OwnNetwork:
    def train(x, y, sizes, epochs, lr, batch_size, seed):
        params = init_params(sizes, seed, x.dtype, x.device)
        running = [init_running(layer[1]) for layer in params[:-1]]
        step = 0
        while step < epochs:
            for rows, labels in minibatches(x, y, batch_size, seed + step):
                z, cache, running = network_forward(rows, params, running, True)
                z = (z - z.logsumexp(1, keepdim=True)).exp()
                z[torch.arange(len(labels)), labels] -= 1
                grads = network_backward(z / len(labels), cache)
                params = [
                    tuple(p - lr * g for p, g in zip(*pair, strict=True))
                    for pair in zip(params, grads, strict=True)
                ]
            step += 1
        return [params, running]

    def predict(x, params, running):
        for (w, gamma, beta), statistics in zip(params[:-1], running, strict=True):
            x = batchnorm_forward(x @ w, gamma, beta, statistics, False)[0].relu()
        return (x @ params[-1][0] + params[-1][1]).max(1).indices
