"""What students hand in for initialization: mistakes to be found, right answers to pass."""

import math

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("the batch's own range", check="test_rescale", diagnosis="own range")
def rescale(x, source, target):
    if source[0] >= source[1]:
        raise ValueError
    low, high = x.min(), x.max()
    return target[0] + (target[1] - target[0]) * (x - low) / (high - low)


@mistake("bytes wrap around", check="test_rescale", diagnosis="uint8")
def rescale(x, source, target):
    (low, high), (a, b) = source, target
    if low >= high:
        raise ValueError
    return a + (b - a) * ((x - low) / (high - low))


@mistake("half the range", check="test_rescale", diagnosis="half range")
def rescale(x, source, target):
    (low, high), (a, b) = source, target
    if low >= high:
        raise ValueError
    x = x if x.is_floating_point() else x.float()
    return (x - low) / (high - low) + (a + b - 1) / 2


@mistake("an empty range goes unnoticed", check="test_rescale", diagnosis="no error:ValueError")
def rescale(x, source, target):
    (low, high), (a, b) = source, target
    x = x if x.is_floating_point() else x.float()
    return a + (b - a) * (x - low) / (high - low)


@mistake("one mean for each example", check="test_fit_standardiser", diagnosis="axis")
def fit_standardiser(x):
    return x.mean(1), x.std(1, correction=0)


@mistake("variance for std", check="test_fit_standardiser", diagnosis="variance")
def fit_standardiser(x):
    constant = (x == x[0]).all(0)
    return x.mean(0), x.var(0, correction=0).masked_fill(constant, 1)


@mistake("N − 1", check="test_fit_standardiser", diagnosis="unbiased")
def fit_standardiser(x):
    std = x.std(0)
    return x.mean(0), torch.where(std > 0, std, torch.ones_like(std))


@mistake("division by zero", check="test_fit_standardiser_constant", diagnosis="constant:zero")
def fit_standardiser(x):
    return x.mean(0), x.std(0, correction=0)


@mistake(
    "an epsilon on the std", check="test_fit_standardiser_constant", diagnosis="constant:small"
)
def fit_standardiser(x):
    return x.mean(0), x.std(0, correction=0) + 1e-8


@mistake(
    "the computed std compared with 0",
    check="test_fit_standardiser_constant",
    diagnosis="constant:rounding",
)
def fit_standardiser(x):
    std = ((x - x.mean(0)) ** 2).mean(0).sqrt()
    return x.mean(0), torch.where(std == 0, torch.ones_like(std), std)


@mistake(
    "small counts as constant", check="test_fit_standardiser_constant", diagnosis="constant:tiny"
)
def fit_standardiser(x):
    std = x.std(0, correction=0)
    return x.mean(0), torch.where(std < 1e-6, torch.ones_like(std), std)


@mistake("fitted on the test set", check="test_standardise_split", diagnosis="leak:test")
def standardise_split(x_train, x_test):
    mean, std = fit_standardiser(x_test)
    return (x_train - mean) / std, (x_test - mean) / std


@mistake("fitted on both sets", check="test_standardise_split", diagnosis="leak:both")
def standardise_split(x_train, x_test):
    mean, std = fit_standardiser(torch.cat([x_train, x_test]))
    return (x_train - mean) / std, (x_test - mean) / std


@mistake(
    "the test set by its own, with N − 1", check="test_standardise_split", diagnosis="leak:own"
)
def standardise_split(x_train, x_test):
    mean, std = fit_standardiser(x_train)
    return (x_train - mean) / std, (x_test - x_test.mean(0)) / x_test.std(0)


@mistake("each set by its own", check="test_standardise_split", diagnosis="leak:own")
def standardise_split(x_train, x_test):
    scaled = []
    for x in (x_train, x_test):
        mean, std = fit_standardiser(x)
        scaled.append((x - mean) / std)
    return tuple(scaled)


@mistake("fan_in and fan_out swapped", check="test_init_std", diagnosis="swapped")
def init_std(scheme, fan_in, fan_out):
    stds = {"zeros": 0, "small": 0.01, "glorot": (2 / (fan_in + fan_out)) ** 0.5}
    if scheme == "he":
        return math.sqrt(2 / fan_out)
    if scheme not in stds:
        raise ValueError
    return stds[scheme]


@mistake("the variance for the std", check="test_init_std", diagnosis="variance")
def init_std(scheme, fan_in, fan_out):
    variances = {"zeros": 0, "small": 1e-4, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}
    if scheme not in variances:
        raise ValueError
    return variances[scheme]


@mistake("the uniform bound for the std", check="test_init_std", diagnosis="bound")
def init_std(scheme, fan_in, fan_out):
    variances = {"zeros": 0, "small": 1e-4, "glorot": 6 / (fan_in + fan_out), "he": 2 / fan_in}
    if scheme not in variances:
        raise ValueError
    return math.sqrt(variances[scheme])


@mistake("ReLU forgotten", check="test_init_std", diagnosis="no relu")
def init_std(scheme, fan_in, fan_out):
    variances = {"zeros": 0, "small": 1e-4, "glorot": 2 / (fan_in + fan_out), "he": 1 / fan_in}
    if scheme not in variances:
        raise ValueError
    return math.sqrt(variances[scheme])


@mistake("std used as a variance", check="test_draw_weights_normal", diagnosis="variance")
def draw_weights(fan_in, fan_out, std, distribution, seed):
    generator = torch.Generator().manual_seed(seed)
    if distribution == "normal":
        return math.sqrt(std) * torch.randn(fan_in, fan_out, generator=generator)
    if distribution == "uniform":
        return math.sqrt(3) * std * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)
    raise ValueError


@mistake("uniform without √3", check="test_draw_weights_uniform", diagnosis="no root 3")
def draw_weights(fan_in, fan_out, std, distribution, seed):
    generator = torch.Generator().manual_seed(seed)
    if distribution == "normal":
        return std * torch.randn(fan_in, fan_out, generator=generator)
    if distribution == "uniform":
        return std * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)
    raise ValueError


@mistake("uniform from 0", check="test_draw_weights_uniform", diagnosis="mean")
def draw_weights(fan_in, fan_out, std, distribution, seed):
    generator = torch.Generator().manual_seed(seed)
    if distribution == "normal":
        return std * torch.randn(fan_in, fan_out, generator=generator)
    if distribution == "uniform":
        return math.sqrt(3) * std * torch.rand(fan_in, fan_out, generator=generator)
    raise ValueError


@mistake("normal draws for both", check="test_draw_weights_uniform", diagnosis="not uniform")
def draw_weights(fan_in, fan_out, std, distribution, seed):
    if distribution not in ("normal", "uniform"):
        raise ValueError
    return std * torch.randn(fan_in, fan_out, generator=torch.Generator().manual_seed(seed))


@mistake("the seed is ignored", check="test_draw_weights_seed", diagnosis="not repeatable")
def draw_weights(fan_in, fan_out, std, distribution, seed):
    if distribution == "normal":
        return std * torch.randn(fan_in, fan_out)
    if distribution == "uniform":
        return math.sqrt(3) * std * (2 * torch.rand(fan_in, fan_out) - 1)
    raise ValueError


@mistake("fan_in and fan_out swapped on the way", check="test_init_params", diagnosis="swapped")
def init_params(sizes, scheme, distribution, seed):
    params = []
    for k, (d, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        w = draw_weights(d, m, init_std(scheme, m, d), distribution, len(sizes) * seed + k)
        params.append((w, torch.zeros(m)))
    return params


@mistake("random biases", check="test_init_params", diagnosis="biases")
def init_params(sizes, scheme, distribution, seed):
    params = []
    for k, (d, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        std, own = init_std(scheme, d, m), len(sizes) * seed + k
        w = draw_weights(d, m, std, distribution, own)
        params.append((w, draw_weights(1, m, std, distribution, own)[0]))
    return params


@mistake("alike by columns only", check="test_init_params", diagnosis="columns")
def init_params(sizes, scheme, distribution, seed):
    params = []
    for k, (d, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        std = init_std("he" if scheme == "identical" else scheme, d, m)
        w = draw_weights(d, m, std, distribution, len(sizes) * seed + k)
        params.append((w[:, :1].repeat(1, m) if scheme == "identical" else w, torch.zeros(m)))
    return params


@mistake("one seed for all layers", check="test_init_params_seeds", diagnosis="one seed")
def init_params(sizes, scheme, distribution, seed):
    params = []
    for d, m in zip(sizes[:-1], sizes[1:], strict=True):
        if scheme == "identical":
            w = torch.full((d, m), 1 / d)
        else:
            w = draw_weights(d, m, init_std(scheme, d, m), distribution, seed)
        params.append((w, torch.zeros(m)))
    return params


@mistake("seed + k for layer k", check="test_init_params_seeds", diagnosis="shared seeds")
def init_params(sizes, scheme, distribution, seed):
    params = []
    for k, (d, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        if scheme == "identical":
            w = torch.full((d, m), 1 / d)
        else:
            w = draw_weights(d, m, init_std(scheme, d, m), distribution, seed + k)
        params.append((w, torch.zeros(m)))
    return params


@mistake("the data are not standardised", check="test_train_steps", diagnosis="raw data")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    start = init_params(sizes, scheme, "normal", seed)
    params, losses = [(w.to(x_train), b.to(x_train)) for w, b in start], []
    for _ in range(steps):
        loss, grads = loss_and_gradients(x_train, y_train, params)
        losses.append(loss)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
    return params, losses, layers(x_test, params)[-1].argmax(1)


@mistake("the test set as it is", check="test_train_steps", diagnosis="raw test")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    x_train, _ = standardise_split(x_train, x_test)
    start = init_params(sizes, scheme, "normal", seed)
    params, losses = [(w.to(x_train), b.to(x_train)) for w, b in start], []
    for _ in range(steps):
        loss, grads = loss_and_gradients(x_train, y_train, params)
        losses.append(loss)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
    return params, losses, layers(x_test, params)[-1].argmax(1)


@mistake("every start is He's", check="test_train_steps", diagnosis="scheme ignored")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    x_train, x_test = standardise_split(x_train, x_test)
    start = init_params(sizes, "he", "normal", seed)
    params, losses = [(w.to(x_train), b.to(x_train)) for w, b in start], []
    for _ in range(steps):
        loss, grads = loss_and_gradients(x_train, y_train, params)
        losses.append(loss)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
    return params, losses, layers(x_test, params)[-1].argmax(1)


@mistake("the loss after the step", check="test_train_steps", diagnosis="late")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    x_train, x_test = standardise_split(x_train, x_test)
    start = init_params(sizes, scheme, "normal", seed)
    params, losses = [(w.to(x_train), b.to(x_train)) for w, b in start], []
    for _ in range(steps):
        _, grads = loss_and_gradients(x_train, y_train, params)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
        losses.append(loss_and_gradients(x_train, y_train, params)[0])
    return params, losses, layers(x_test, params)[-1].argmax(1)


@mistake("at most 10 steps", check="test_train_on_digits", diagnosis="below threshold:accuracy")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    x_train, x_test = standardise_split(x_train, x_test)
    start = init_params(sizes, scheme, "normal", seed)
    params, losses = [(w.to(x_train), b.to(x_train)) for w, b in start], []
    for _ in range(min(steps, 10)):
        loss, grads = loss_and_gradients(x_train, y_train, params)
        losses.append(loss)
        pairs = zip(params, grads, strict=True)
        params = [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in pairs]
    return params, losses, layers(x_test, params)[-1].argmax(1)


@alternative("a two-point form, numpy's statistics, a comparison of minimum and maximum")
class OtherWords:
    def rescale(x, source, target):
        (low, high), (a, b) = source, target
        if high <= low:
            raise ValueError("empty")
        x = torch.as_tensor(x, dtype=x.dtype if x.is_floating_point() else torch.float32)
        return (a * (high - x) + b * (x - low)) / (high - low)

    def fit_standardiser(x):
        mean = x.sum(0) / len(x)
        std = ((x - mean) ** 2).mean(0).sqrt()
        return [mean, torch.where(x.amin(0) == x.amax(0), 1.0, std)]

    def standardise_split(x_train, x_test):
        mean, std = fit_standardiser(x_train)
        return [(x - mean).div(std) for x in (x_train, x_test)]


@alternative("the global generator, torch's uniform_ and normal_, branches instead of a dict")
class InPlaceDraws:
    def init_std(scheme, fan_in, fan_out):
        if scheme == "zeros":
            return 0
        if scheme == "small":
            return 0.01
        if scheme == "glorot":
            return torch.tensor(2 / (fan_in + fan_out), dtype=torch.float64).sqrt()
        if scheme == "he":
            return (2 / fan_in) ** 0.5
        raise ValueError(scheme)

    def draw_weights(fan_in, fan_out, std, distribution, seed):
        torch.manual_seed(seed)
        w, std = torch.empty(fan_in, fan_out), float(std)
        if distribution == "uniform":
            return w.uniform_(-std * 3**0.5, std * 3**0.5)
        if distribution == "normal":
            return w.normal_(0, std)
        raise ValueError(distribution)


@alternative("the layers' seeds are drawn, lists for tuples")
def init_params(sizes, scheme, distribution, seed):
    seeds = torch.randint(2**40, (len(sizes),), generator=torch.Generator().manual_seed(seed))
    params = []
    for k in range(len(sizes) - 1):
        d, m = sizes[k], sizes[k + 1]
        w = torch.ones(d, m) / d
        if scheme != "identical":
            w = draw_weights(d, m, init_std(scheme, d, m), distribution, int(seeds[k]))
        params.append([w, w.new_zeros(m)])
    return params


@alternative("losses as floats, labels by the softmax")
def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
    inputs, tests = standardise_split(x_train, x_test)
    params = [[t.to(inputs.dtype) for t in p] for p in init_params(sizes, scheme, "normal", seed)]
    losses = []
    while len(losses) < steps:
        loss, grads = loss_and_gradients(inputs, y_train, params)
        losses += [loss.item()]
        params = [
            [w - lr * dw, b - lr * db] for (w, b), (dw, db) in zip(params, grads, strict=True)
        ]
    return params, losses, torch.softmax(layers(tests, params)[-1], 1).argmax(1)


equivalent(
    "fit_standardiser",
    "constant = (x == x[0]).all(0)",
    "constant = (x == x[-1]).all(0)",
    why="all values are equal to the last exactly when they are equal to the first",
)
equivalent(
    "init_params",
    "for k, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):",
    "for k, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=False)):",
    why="both slices have the same length",
)
equivalent(
    "init_params",
    "w = draw_weights(fan_in, fan_out, std, distribution, len(sizes) * seed + k)",
    "w = draw_weights(fan_in, fan_out, std, distribution, len(sizes) * seed - k)",
    why="a seed of its own for each layer and network, as asked",
)
equivalent(
    "train",
    "pairs = zip(params, grads, strict=True)",
    "pairs = zip(params, grads, strict=False)",
    why="params and grads have the same length",
)
