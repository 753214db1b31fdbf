"""What goes wrong in ensembles, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

SQUARES = "not squared: it is squares that add up"
ROOT = "this is a standard deviation: it is variances that add up"
EACH = "one number for all points: each has its own"
ONCE = "who was drawn is taken for missing: only those drawn not even once are"

MEDIAN = "the median: it is the mean"
NOISE = "the bias has the noise in it: take it against the truth, or noise counts twice"
VARIANCE = "the bias has the variance in it: average the predictions first, then square"
AROUND = "taken around the mean of the targets: the truth is known here"
S_LESS = "divided by S − 1: the truth is known, and no mean was estimated"
VAR = "taken around the mean of the targets, and divided by S − 1: the truth is known here"
OBSERVED = "the bias is taken against observed targets: the truth, without noise, is known here"
R_LESS = "divided by R − 1: only with R, the number of training sets, do the parts add up"
OFF_TRUTH = "the variance is taken around the truth: it is around the mean, or the bias is in it"
OF_MODEL = "taken around each model's mean over the points: it is around each point's mean"
OTHER_ROWS = (
    "divided by the number of the other rows: there are R predictions and S targets of a point"
)
DIGITS = "digits are lost where values are large: subtract the mean first, then square"
FIRST_ROW = "the first row of the targets is left out of the noise"
ONE_SEEN = "one row of the targets is the noise: it is the mean over all of them"

decompose = mistakes(
    change(("mean - truth) -> mean - targets.mean(0))", "mean - targets[0])"), OBSERVED),
    change("(mean - truth).square() -> (mean - targets).square().mean(0)", NOISE),
    change("(mean - truth).square() -> (predictions - truth).square().mean(0)", VARIANCE),
    change("(mean - truth).square() -> mean - truth", SQUARES),
    change("(mean - truth).square() -> (mean - truth).abs()", SQUARES),
    change("- mean).square().mean(0) -> - mean).square().mean(0).sqrt()", ROOT),
    change("- mean).square() -> - mean).abs()", "this is the mean distance: squares add up"),
    change("variance = -> variance = len(predictions) / max(len(predictions) - 1, 1) *", R_LESS),
    change("(predictions - mean).square().mean(0) -> predictions.var(0)", R_LESS),
    change("- mean).square().mean(0) -> - mean).square().sum(0)", "summed: the variance is a mean"),
    change("predictions - mean -> predictions - truth", OFF_TRUTH),
    change("variance, noise -> variance + noise, noise", "the noise is in the variance, too"),
    change("predictions - mean -> predictions - predictions.mean(1, keepdim=True)", OF_MODEL),
    change("(predictions - mean).square().mean(0) -> (predictions**2).mean(0) - mean**2", DIGITS),
    change("truth).square().mean(0) -> truth).square().mean(0).sqrt()", ROOT),
    change("targets - truth -> targets - targets.mean(0)", AROUND),
    change("(targets - truth).square().mean(0) -> targets.var(0)", VAR),
    change("targets - truth -> targets - mean", "taken around the prediction: noise has no model"),
    change("truth).square().mean(0) -> truth).square().sum(0) / (len(targets) - 1)", S_LESS),
    change("truth).square().mean(0) -> truth).square().sum(0) / len(predictions)", OTHER_ROWS),
    change("- mean).square().mean(0) -> - mean).square().sum(0) / len(targets)", OTHER_ROWS),
    change("truth).square().mean(0) -> truth).square().mean().expand_as(truth)", EACH),
    change("truth).square().mean(0) -> truth)[1:].square().sum(0) / len(targets)", FIRST_ROW),
    change(("truth).square().mean(0) -> truth)[0].square()", "truth)[-1].square()"), ONE_SEEN),
    change("targets - truth).square() -> targets - truth)", SQUARES),
    change("return bias2, variance -> return variance, bias2", "bias² and variance are swapped"),
    change("predictions.mean(0) -> predictions.mean()", EACH),
    change("predictions.mean(0) -> predictions.median(0).values", MEDIAN),
    change("(mean - truth).square() -> (mean - truth).square().mean()"),
)

bootstrap_samples = mistakes(
    change("return samples -> return samples.argsort(1)"),
    change("randint(n, -> randint(n // n, n + 1,", "places are counted from 1: they are 0 … n − 1"),
    change("randint(n, -> randint(max(n - 1, 1),"),
    change("(count, n) -> (n, count)"),
    change("return samples -> return samples[:1].expand(count, n)"),
    change("manual_seed(seed) -> manual_seed(0)"),
    change("torch.Generator().manual_seed(seed) -> None"),
    change("return samples -> return (torch.rand(count, n).square() * n).long()"),
    change("return samples -> return (torch.rand(count, n) * (n - 1)).round().long()"),
    change("return samples -> return samples.double()"),
    change("return samples -> return samples.sort(1).values"),
    change("return samples -> return samples.flatten().argsort().reshape(count, n) % n"),
    change("return samples -> samples[:, -1] = samples[:, 0]\n    return samples"),
)


@mistake()
def bootstrap_samples(n, count, seed):
    seeds = [torch.Generator().manual_seed(seed + row) for row in range(count)]
    return torch.stack([torch.randint(n, (n,), generator=g) for g in seeds])


TORN = "an input and its target are torn apart: both come from the same place of the sample"
FEW = "of a sample only n draws are used: it may have more"
ALL_SEEN = "all models see all examples: each has its own sample, and only that"
ONE_SAMPLE = "all models have one sample: each has its own"
LAST = "the last model is missing: one row for each sample"

bagged_predictions = mistakes(
    change(("y[samples] -> y[samples.sort(1).values]", "y[samples.roll(1, 1)]"), TORN),
    change(("x[samples] -> x[samples.sort(1).values]", "x[samples.roll(1, 1)]"), TORN),
    change("y[samples] -> y[torch.arange(samples.shape[1]) % len(y)]", TORN),
    change("x[samples] -> x[(samples * 0 + torch.arange(samples.shape[1])) % len(x)]", TORN),
    change("y[samples] -> y.expand(len(samples), -1)[:, : samples.shape[1]]", TORN),
    change("x[samples] -> x.expand(len(samples), -1)[:, : samples.shape[1]]", TORN),
    change(
        "x[samples] -> x[samples[:, :len(x)]]", FEW, also="y[samples] -> y[samples[:, :len(x)]]"
    ),
    change("x_new, k) -> x[: len(x_new)], k)", "predicted at examples, not at the new points"),
    change("(x_bags, y_bags, x_new, k) -> (x, y, x_new, k).expand(len(samples), -1)", ALL_SEEN),
    change("x_new, k) -> x_new, k).mean(0)", "the models are averaged: each one's is asked for"),
    change("x_new, k) -> x_new, k).index_fill(0, torch.tensor(len(samples) - 1), 0)", LAST),
    change("x_new, k) -> x_new)", "k is not handed on"),
    change("x_new, k) -> x_new.sort().values, k)", "the new points are sorted: keep their order"),
    change("x_new, k) -> x_new, k).T", "a column is a model: it should be a row"),
    change("x_new, k) -> x_new, k)[:1].repeat(len(samples), 1)", ONE_SAMPLE),
    change("x_new, k) -> x_new, k)[-1:].repeat(len(samples), 1)", ONE_SAMPLE),
    change("nearest(x_bags, y_bags -> nearest(y_bags, x_bags", "x and y have changed places"),
)


@mistake("each example counts once: one that was drawn twice is there twice, and counts twice")
def bagged_predictions(x, y, samples, x_new, k=1):
    once = [sample.unique() for sample in samples]
    return torch.stack([nearest(x[i], y[i], x_new, k) for i in once])


FROM_ALL = "missing from all samples: each sample has its own answer"
NO_ZERO = "example 0 is always missing: places count from 0"

out_of_bag = mistakes(
    change("return outside -> return ~outside", "it says who is in: True is for those missing"),
    change("len(samples), n, -> len(samples), samples.shape[1],"),
    change("return outside -> return outside.any(0)"),
    change("return outside -> return outside.long()"),
    change("return outside -> return (samples[..., None] == torch.arange(n)).sum(1) != 1", ONCE),
    change("return outside -> return (samples[..., None] == torch.arange(n)).sum(1) <= 1", ONCE),
    change("return outside -> return outside.all(0).expand(len(samples), n)", FROM_ALL),
    change("scatter(1, samples, -> scatter(1, samples[:, :n],", FEW),
    change("return outside -> return outside.index_fill(1, samples[0, 0] * 0, True)", NO_ZERO),
    change("return outside -> outside[-1] = True\n    return outside", "a sample is not looked at"),
    change("scatter(1, samples, -> scatter(1, samples[:, 1:],", "the first draw is forgotten"),
    change("scatter(1, samples, -> scatter(1, samples[:, :-1],", "the last draw is forgotten"),
    change("torch.ones(len(samples), n, -> torch.ones(len(samples), samples.max() + 1,"),
    change("samples, False) -> (samples - 1) % n, False)", "off by one: indices count from 0"),
)

OTHERS = "the models that do not count are averaged"
AVERAGED_IN = "the other number is averaged in: it is for points where no model counts"

mean_prediction = mistakes(
    change("total / number -> predictions.mean(0)", "all models are averaged: only some count"),
    change("total / number -> total / len(predictions)", "divided by all models: only some count"),
    change("total / number -> predictions.where(counted, torch.nan).nanmedian(0)[0]", MEDIAN),
    change("predictions * counted -> predictions", "all models are summed: only some count"),
    change("predictions * counted -> predictions * ~counted", "those that do not count are summed"),
    change("total / number -> total", "the sum is returned: divide by how many count"),
    change("* counted -> * ~counted", OTHERS, also="counted.sum(0) -> (~counted).sum(0)"),
    change("number > 0 -> number >= 0", "0 / 0: where no model counts, otherwise is given"),
    change("mean, otherwise) -> mean, 0.0)", "0 where no model counts: otherwise is for that"),
    change("mean, otherwise) -> mean, int(otherwise))", "otherwise is rounded: keep its digits"),
    change("number > 0 -> number > 1", "one model is taken for none: its prediction is the mean"),
    change("number > 0 -> total != 0", "a sum of 0 is taken for nobody: ask how many count"),
    change("number > 0 -> counted.all(0)", "otherwise is given where only some count: they answer"),
    change("counted.sum(0) -> counted.sum()", "divided by the count of all points: each has one"),
    change("total / number -> (predictions * counted).sum() / counted.sum()", EACH),
    change("total / number -> torch.where(counted, predictions, otherwise).mean(0)", AVERAGED_IN),
    change("predictions * counted -> torch.where(counted, predictions, otherwise)", AVERAGED_IN),
    change("total / number -> (total + otherwise) / (number + 1)", AVERAGED_IN),
    change(("total / number -> total / number.max()", "total / counted.sum(1).max()"), EACH),
    change("otherwise) -> predictions.mean(0))", "all stand in where none counts: use otherwise"),
)

LARGEST = "of equally many the largest label wins: it is the smallest"
FIRST = "of equally many the one who voted first wins: it is the smallest label"
AVERAGED = "the labels are averaged: between class 0 and class 2 there is not class 1"
MAJORITY = "only a majority wins: the most votes do, however few"
BEST = "the last class with more votes than class 0 wins: compare with the best so far"
NOT_LAST = "the last class is not counted: it is classes − 1"

vote = mistakes(
    change("counts.argmax(1) -> counts.shape[1] - 1 - counts.flip(1).argmax(1)", LARGEST),
    change("counts.argmax(1) -> counts.flip(1).argmax(1)", "counted from the last class"),
    change(
        "counts.argmax(1) -> labels[counts.gather(1, labels.T).argmax(1), range(len(counts))]",
        FIRST,
    ),
    change("counts.argmax(1) -> labels.double().mean(0).round().long()", AVERAGED),
    change("counts.argmax(1) -> labels.median(0).values", "the median wins: labels have no order"),
    change("counts.argmax(1) -> counts.argmax(1) * (counts.amax(1) * 2 > len(labels))", MAJORITY),
    change("counts.argmax(1) -> labels[0]", "the first voter wins: the most votes do"),
    change("counts.argmax(1) -> (counts > counts[:, :1]).cumsum(1).argmax(1)", BEST),
    change(
        "counts.argmax(1) -> counts[:, [0, 0, *range(2, classes)]].argmax(1)", "class 1 never wins"
    ),
    change("ballots.sum(0) -> ballots.any(0).long()", "counted once at most: count all voters"),
    change("ballots.sum(0) -> ballots.sum(0) * (torch.arange(classes) < classes - 1)", NOT_LAST),
    change("ballots.sum(0) -> ballots.sum(0) * (torch.arange(classes) > 0)", "class 0 is skipped"),
    change("counts.argmax(1) -> counts.argmin(1)", "the fewest votes win"),
    change("counts.argmax(1) -> counts.amax(1)", "these are votes: it is their label that wins"),
    change("counts.argmax(1) -> counts.argmax(0)"),
    change("ballots.sum(0) -> ballots.sum(1)"),
    change("return winner, counts -> return winner, counts.T"),
    change("winner, counts -> winner, counts / len(labels)", "these are shares: count the votes"),
    change("winner, counts -> winner, counts.double()"),
    change("winner, counts -> winner.int(), counts"),
    change("arange(classes -> arange(1, classes + 1", "labels are counted from 1: they begin at 0"),
    change("torch.arange(classes -> torch.arange(int(labels.max()) + 1"),
)


@alternative("loops and lists")
class Loops:
    def decompose(predictions, truth, targets):
        r, s = len(predictions), len(targets)
        m = sum(predictions) / r
        variance = sum((p - m) ** 2 for p in predictions) / r
        return [(truth - m) ** 2, variance, sum((y - truth) ** 2 for y in targets) / s]

    def bootstrap_samples(n, count, seed):
        torch.manual_seed(seed)
        return torch.stack([torch.randint(0, n, (n,)) for _ in range(count)])

    def bagged_predictions(x, y, samples, x_new, k=1):
        return torch.stack([nearest(x[s], y[s], x_new, k) for s in samples])

    def out_of_bag(samples, n):
        return torch.tensor([[i not in row for i in range(n)] for row in samples.tolist()])

    def mean_prediction(predictions, counted, otherwise):
        columns = zip(predictions.T, counted.T, strict=True)
        out = [p[c].mean() if c.any() else p.new_tensor(otherwise) for p, c in columns]
        return torch.stack(out)

    def vote(labels, classes):
        counts = torch.stack([(labels == c).sum(0) for c in range(classes)], 1)
        winner = [max(range(classes), key=lambda c: (row[c], -c)) for row in counts.tolist()]
        return torch.tensor(winner), counts


@alternative("one-hot, weights, uniform numbers, sorted samples")
class OneHot:
    def decompose(predictions, truth, targets):
        variance, mean = torch.var_mean(predictions, 0, correction=0)
        return (mean - truth) ** 2, variance, ((targets - truth) ** 2).mean(0)

    def bootstrap_samples(n, count, seed):
        uniform = torch.rand(count, n, generator=torch.Generator().manual_seed(seed))
        return (uniform.double() * n).long()

    def bagged_predictions(x, y, samples, x_new, k=1):
        distance = (x_new[:, None] - x[samples][:, None]).abs()
        order = distance.sort(stable=True, dim=-1).indices[..., :k]
        rows = torch.arange(len(samples))[:, None, None]
        return y[samples][rows, order].mean(-1)

    def out_of_bag(samples, n):
        return torch.eye(n)[samples].sum(1) == 0

    def mean_prediction(predictions, counted, otherwise):
        held = predictions.masked_fill(~counted, torch.nan)
        return held.nanmean(0).nan_to_num(otherwise)

    def vote(labels, classes):
        counts = torch.eye(classes)[labels].sum(0).long()
        return counts.max(1).indices, counts


equivalent("mean_prediction", "number > 0 -> number != 0", why="a count is never below 0")
