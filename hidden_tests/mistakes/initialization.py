"""What goes wrong in initialization, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

BATCH = "this batch's own minimum and maximum are used: the range is given, in source"
WIDTH = "the width is that of this batch: the range is given, in source"
BYTES = "bytes count modulo 256: make them floats before you calculate"
ONLY_BYTES = "only bytes are made floats: other integers may overflow as well"
FALL = "the target may fall: where a > b, so does the line"
SMALL = "small is not constant: the unit may be kilometres"
EPS = "an ε for equal values: divided by it, a speck in a test image becomes millions"
MORE_EPS = "an ε is added to the std: it is no 0, and a feature in small units is shrunk"
TEST = "the test set has its own statistics: use the training set's for both sets"
UNIFORM = "these are uniform draws: N(0, σ²) has tails, one draw in 700 lies beyond 3.2 σ"
BIASES = "the biases are not 0: weights break the symmetry"
DISTANCE = "the mean of |x − mean|: take the root of its mean square"
MEAN_0 = "the mean of equal values is set to 0: only their std is replaced"
BOTH = "statistics of both sets together: use the training set's for both sets"
OWN_STD = "the test set is divided by its own std: use the training set's for both sets"
PRODUCT = "this is the geometric mean of the fans: Glorot adds them"
ROWS = "all rows are alike: every weight is a draw of its own"
UNSEEDED = "the seed is not used: seed a generator of your own in each call, and draw from that"
LAST_SMALL = "the last layer is small: scheme is for every layer"
ONE = "only one step counts: is the start set anew?"
MEAN = "1/N once too often: the loss is a mean already"
START = "the start comes back: the trained parameters are asked for"
INTERVAL = "torch.rand draws from [0, 1): which interval do you make of it?"
CAST = "whole numbers come back as whole numbers: float32 is asked for"
COMPUTED = "the computed std is compared with 0: it is rounded; are the values themselves equal?"
SOME = "taken for constant, though only some of its values are equal"
AFTER = "this is the loss after the step: losses[0] is that of the start"

rescale = mistakes(
    change("(x - low) / (high - low) -> (x - x.min()) / (x.max() - x.min())", BATCH),
    change("(high - low) -> (x.max() - x.min())", WIDTH),
    change(
        "if not x -> t = x.dtype\n    if not x",
        CAST,
        also="a + (b - a) * share -> (a + (b - a) * share).to(t)",
    ),
    change("not x.is_floating_point() -> x.dtype == torch.uint8", ONLY_BYTES),
    change("x.float() -> x", BYTES),
    change(
        "x.float() -> x", BYTES, also=("= (x - low) -> = (b - a) * (x - low)", "(b - a) * s -> s")
    ),
    change(
        "(x - low) / (high - low) -> (b - a) * (x - x.min()) / (x.max() - x.min())",
        BATCH,
        also=("x.float() -> x", "(b - a) * share -> share"),
    ),
    change("a + (b -> (b", "the target begins at a: it is left out"),
    change("(b - a) * share -> share", "the range is b − a wide, not 1"),
    change("(b - a) * share -> b * share", "the range is b − a wide, not b"),
    change(("return -> a, b = min(a, b), max(a, b)\n    return", "(b - a) -> abs(b - a)"), FALL),
    change("a + (b - a) * share -> share - 0.5", "the range is 1 wide, not b − a"),
    change("a + (b - a) * share -> share + (a + b - 1) / 2", "the range is 1 wide, not b − a"),
    change("(x - low) / (high - low) -> x / high", "the source begins at l, not at 0"),
    change("(x - low) -> x", "l is not subtracted: the source begins there, not at 0"),
    change("/ (high - low) -> / high", "the source is h − l wide, not h"),
    change("* share -> * share.clamp(0, 1)", "values outside source land outside target"),
)

fit_standardiser = mistakes(
    change("x.mean(0) -> x.mean(1)", "one for each example: a feature's mean is over axis 0"),
    change(".mean(0) -> .mean()", "one for all features: each has a mean and a spread of its own"),
    change("x.std(0, -> 0 * x[0] + x.flatten().std(0,", "one for all features: each has its own"),
    change("return -> std = x.std(correction=0)\n    return", "one for all: each has its own"),
    change("std(0 -> var(0", "this is the variance: the root is missing"),
    change(", correction=0 -> ", "divided by N − 1: here it is N, so that the set has variance 1"),
    change("x.std(0, correction=0) -> (x - x.mean(0)).abs().mean(0)", DISTANCE),
    change("return x.mean(0), -> return x.mean(0) * (x != x[0]).any(0),", MEAN_0),
    change("std(0, correction=0) -> pow(2).mean(0)**0.5", "the squares are of x, not of x − mean"),
    change(("(x == x[0]).all(0) -> x[-1] == x[0]", "(x[1:] == x[:-1]).any(0)"), SOME),
    change("= 1 -> = 0", "0, or hardly more, for equal values: divided by it, a feature is NaN"),
    change("= 1 -> = 0\n    std = std + 1e-8", EPS),
    change("(x == x[0]).all(0) -> std == 0", COMPUTED),
    change(
        "x.std(0, correction=0) -> (x - x.mean(0)).square().mean(0).sqrt()",
        COMPUTED,
        also="(x == x[0]).all(0) -> std == 0",
    ),
    change(("(x == x[0]).all(0) -> std < 1e-6", "std < 1e-12"), SMALL),
    change("return -> std = std.clamp(min=1e-6)\n    return", SMALL),
)

standardise_split = mistakes(
    change("(x_train) -> (torch.cat([x_train, x_test]))", BOTH),
    change("(x_train) -> (x_test)", "statistics of the test set: use the training set's for both"),
    change("x_test - mean) / std -> x_test - x_test.mean(0)) / fit_standardiser(x_test)[1]", TEST),
    change("x_test - mean) / std -> x_test - x_test.mean(0)) / x_test.std(0)", TEST),
    change("x_test - mean -> x_test - x_test.mean(0)", "the test set's own mean is subtracted"),
    change("(x_test - mean) / std -> (x_test - mean) / fit_standardiser(x_test)[1]", OWN_STD),
    change("(x_test - mean) / std -> x_test / std - mean", "divided first: subtract, then divide"),
    change("(x_test - mean) / std -> (x_test - mean) * std", "multiplied by the std: divide by it"),
    change("(x_train) -> (x_train)\n    std = std + 1e-6", MORE_EPS),
    change("(x_test - mean) / std -> x_test", "it comes back as it went in"),
    change("(x_train - mean) / std -> x_train", "it comes back as it went in"),
    change("(x_train) -> (x_train)[0], 1", "the mean is subtracted and that is all"),
    change("(x_train) -> (x_train)\n    mean = 0", "divided by the std: the mean is still there"),
    change("(x_train) -> (x_train)\n    std = std * std", "divided by the variance"),
)

init_std = mistakes(
    change(
        ("math.sqrt( -> (", "2 / fan_in} -> 4 / fan_in**2}"), "the root is missing: σ is asked for"
    ),
    change("1e-4 -> 0.01", "the root of 0.01 is taken: 0.01 is the std itself"),
    change("2 / fan_in} -> 6 / fan_in}", "a uniform distribution's bound: its std is asked for"),
    change("2 / (fan -> 6 / (fan", "that is the bound of a uniform distribution: not its std"),
    change("2 / fan_in} -> 2 / fan_out}", "fan_in and fan_out are swapped: a unit reads fan_in"),
    change("2 / (fan_in + fan_out) -> 1 / fan_in", "fan_in alone: Glorot adds fan_out"),
    change("2 / (fan_in + fan_out) -> 1 / max(fan_in, fan_out)", "one fan alone: Glorot adds both"),
    change("2 / (fan_in + fan_out) -> (fan_in + fan_out) / 2", "upside down: 2 is divided by them"),
    change("2 / (fan_in + fan_out) -> 1 / fan_in + 1 / fan_out", "two fractions: add the fans"),
    change("2 / (fan_in + fan_out) -> 1 / (fan_in * fan_out) ** 0.5", PRODUCT),
    change("2 / (fan -> 1 / (fan", "the numerator is 2, not 1"),
    change("/ (fan_in + fan_out) -> / fan_in + fan_out", "2 / fan_in + fan_out lacks a bracket"),
    change("2 / fan_in} -> 1 / fan_in}", "the 2 is missing: ReLU keeps half of the mean square"),
    change("if scheme not in variances -> if not scheme"),
)

draw_weights = mistakes(
    change("std * t -> std**2 * t", "N(0, 1) times σ² has the variance σ⁴: scale it by σ itself"),
    change("std * t -> std**0.5 * t", "std is taken for a variance: it is the root already"),
    change("std * t -> t", "the std is not used"),
    change("randn(fan_in, fan_out -> randn(fan_out, fan_in", "transposed: w is (fan_in, fan_out)"),
    change("math.sqrt(3) * std -> std", "the interval ends at std: U(−c, c) has the variance c²/3"),
    change("math.sqrt(3) -> 3", "the bound is 3 · std: mind the root in √(c²/3)"),
    change("math.sqrt(3) -> 3**0.5 / 2", "c is the distance from 0 to the end, not the width"),
    change("math.sqrt(3) -> 12**0.5", "[−c, c] is 2c wide: your c is the whole width"),
    change("math.sqrt(3) * std -> 3**0.5 * std**2", "std is no variance: it is not squared"),
    change("math.sqrt(3) * std -> (3 * std) ** 0.5", "std is no variance: it is the root already"),
    change(("- 1) -> )", "/ 2)"), INTERVAL),
    change("std * torch.randn(fan_in, fan_out, -> std*torch.ones(fan_out)*torch.randn(fan_in, 1,"),
    change('== "normal" -> in ("normal", "uniform")', "these are normal draws, not uniform ones"),
    change('== "normal" -> == ""', UNIFORM, also='== "uniform" -> in ("normal", "uniform")'),
    change("std * torch.randn(fan_in, -> torch.full((fan_in, 1), std) * torch.randn(1,", ROWS),
    change("torch.Generator().manual_seed(seed) -> None", UNSEEDED),
    change("manual_seed(seed) -> manual_seed(0)"),
    change("raise ValueError( -> return torch.zeros(fan_in, fan_out) + len("),
)

init_params = mistakes(
    change("1 / fan_in -> fan_in**-0.5", "1/√fan_in: the mean of fan_in inputs has 1/fan_in"),
    change("1 / fan_in -> 1 / fan_out", "1 / fan_out: a unit takes the mean of its *inputs*"),
    change("1 / fan_in -> 1.0", "a unit takes the mean of its inputs: this is their sum"),
    change("1 / fan_in) -> 1 / fan_in).cumsum(0)", "only the columns are alike: rows must be, too"),
    change(("zeros(fan_out) -> ones(fan_out)", "full((fan_out,), 0.01)"), BIASES),
    change("torch.zeros(fan_out) -> w[0]", "the biases are random: the weights break the symmetry"),
    change("e, fan_in, fan_out -> e, fan_out, fan_in", "fan_in and fan_out are swapped"),
    change(", fan_in, fan_out -> , *sizes[:2]", "this is another layer's spread: each has its own"),
    change('init_std(scheme -> init_std("he"', "that is the spread of he: the scheme is ignored"),
    change('(scheme -> ("glorot"', "that is the spread of glorot, whatever scheme is"),
    change('std, distribution -> std, "normal"', "the draws are normal: distribution is ignored"),
    change('init_std(scheme -> init_std("small" if k == len(sizes) - 2 else scheme', LAST_SMALL),
    change(("len(sizes) * seed + k -> seed", "10 * seed + k", "seed + k", "seed * (k + 1)")),
)

train = mistakes(
    change("x_train, x_test = -> _ =", "trained on data that are not standardised"),
    change("x_train, x_test = -> x_train, _ =", "the test set is not standardised"),
    change("x_train, x_test) -> x_train, x_train)[0], standardise_split(x_test, x_test)[0]", TEST),
    change(('"normal", seed -> "uniform", seed', '"normal", 0')),
    change('sizes, scheme -> sizes, "he"', "the start is He's, whatever scheme says"),
    change("params = [(w - lr -> _ = [(w - lr", "the parameters are those of the start"),
    change("return -> params = [[t.to(x_test) for t in p] for p in start]\n    return", START),
    change("range(steps) -> range(1)", ONE, also="losses.append(loss) -> losses += steps * [loss]"),
    change("w - lr * dw, b - lr * db -> w + lr * dw, b + lr * db", "the steps go uphill"),
    change("b - lr * db -> b", "the biases are not trained"),
    change("losses = [] -> losses, lr = [], lr / len(x_train)", MEAN),
    change("losses, -> losses[1:] + [loss_and_gradients(x_train, y_train, params)[0]],", AFTER),
    change("range(steps) -> range(min(steps, 10))"),
    change(
        "range(steps) -> range(steps - 1)",
        "the last step is left out: its loss is on the list, what it changes is not",
        also="losses, -> losses + [loss_and_gradients(x_train, y_train, params)[0]],",
    ),
)


@alternative("a two-point form, sums for statistics, losses as floats, labels by the softmax")
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

    def train(x_train, y_train, x_test, sizes, scheme, steps, lr, seed):
        inputs, tests = standardise_split(x_train, x_test)
        start = init_params(sizes, scheme, "normal", seed)
        params = [[t.to(inputs.dtype) for t in pair] for pair in start]
        losses = []
        while len(losses) < steps:
            loss, grads = loss_and_gradients(inputs, y_train, params)
            losses += [loss.item()]
            pairs = zip(params, grads, strict=True)
            params = [[w - lr * dw, b - lr * db] for (w, b), (dw, db) in pairs]
        return params, losses, torch.softmax(layers(tests, params)[-1], 1).argmax(1)


@alternative("the global generator, torch's uniform_ and normal_, branches instead of a dict")
class InPlaceDraws:
    def init_std(scheme, fan_in, fan_out):
        if scheme in ("zeros", "small"):
            return 0 if scheme == "zeros" else 0.01
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

    def init_params(sizes, scheme, distribution, seed):
        seeds = torch.randint(2**40, (len(sizes),), generator=torch.Generator().manual_seed(seed))
        params = []
        for d, m, own in zip(sizes, sizes[1:], seeds, strict=False):
            w = torch.ones(d, m) / d
            if scheme != "identical":
                w = draw_weights(d, m, init_std(scheme, d, m), distribution, int(own))
            params.append([w, w.new_zeros(m)])
        return params


equivalent("fit_standardiser", "x[0] -> x[-1]", why="either way all are equal")
equivalent("init_params", "seed + k -> seed - k", why="each layer has a seed of its own")
equivalent("train", "strict=True -> strict=False", why="equal lengths")
