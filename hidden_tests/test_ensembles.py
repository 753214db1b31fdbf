"""Checks of the topic ensembles.

Random draws must never fail a right answer. Of 60,000 independent draws of 100 indices
- each index comes Bin(60000, 1/100) times, 600 on average: by Chernoff 400 times or less with a
  probability below exp(−600 · (⅔ ln ⅔ + ⅓)) = 4e-17, 800 times or more below
  exp(−600 · (4/3 ln 4/3 − ⅓)) = 8e-14; for all 100 indices together below 1e-11;
- in 600 samples of 100 the share of examples left out is 0.99^100 = 0.36603 on average. One draw
  changes it by 1/60000 at most, so by McDiarmid it is off by 0.014 with a probability of at most
  2 exp(−2 · 60000 · 0.014²) = 1.2e-10;
- a mean of 600 draws is off by 16 with a probability below 2 exp(−1200 · 16² / 99²) = 5e-14
  (Hoeffding), one of 100 such means below 5e-12;
- two draws differ by d modulo 100 in Bin(600, 1/100) samples, 6 on average: by Chernoff in 40 or
  more with a probability below exp(−6 · (a ln a − a + 1)) = 7e-19, a = 40/6; for 100 values of d
  and 4950 + 100 pairs below 4e-13;
- all 100 counts lie within 10 of 600: let the first 50 be drawn one after the other. Given those
  before, each is binomial with a variance above 550: no value has a probability above 0.018, 21
  values together have one below 0.38, 50 times that is below 1e-20.
Two samples of 100 hold the same examples with a probability of 100! / 100^100 < 1e-42 at most, two
of 50 are equal with one of 50^-50.
"""

import torch
from torch import Tensor
from torch.nn import functional

from gradus.checks import call, check_result, check_values, double, points, public, require, unpack

PARTS = ("bias2", "variance", "noise")


def parts(predictions, truth, targets):
    """By torch.var and mse_loss."""
    mean, truth = torch.mean(predictions, 0), truth[None]
    bias2 = functional.mse_loss(mean[None], truth, reduction="none")[0]
    noise = functional.mse_loss(targets, truth.expand_as(targets), reduction="none")
    return bias2, torch.var(predictions, 0, correction=0), noise.mean(0)


def bag(x, y, samples, x_new, k=1):
    """Model by model and point by point, by sorting."""
    rows = []
    for sample in samples.tolist():
        pairs = [(float(x[i]), float(y[i])) for i in sample]
        near = [sorted(pairs, key=lambda p, at=at: abs(p[0] - at))[:k] for at in x_new.tolist()]
        rows.append([sum(target for _, target in found) / k for found in near])
    return torch.tensor(rows, dtype=y.dtype)


def missing(samples, n):
    return ~functional.one_hot(samples, n).bool().any(1)


def averaged(predictions, counted, otherwise):
    columns = zip(predictions.T, counted.T, strict=True)
    return torch.stack([p[c].mean() if c.any() else p.new_tensor(otherwise) for p, c in columns])


def voted(labels, classes):
    counts = torch.stack([torch.bincount(column, minlength=classes) for column in labels.T])
    return torch.tensor([row.index(max(row)) for row in counts.tolist()]), counts


@public
@points(3, of="decompose")
def test_decompose(student, rng):
    """Bias², variance and noise: first of the example on paper; of one training set, too."""
    by_hand = dict(predictions=double([[3, 5], [5, 5], [7, 5], [5, 5]]), truth=double([6, 2]))
    by_hand |= dict(targets=double([[4, 1], [8, 3]]))
    right = double([1, 9]), double([2, 0]), double([4, 1])
    check_result(student, "decompose", by_hand, right, PARTS)
    for sets, m, seen in ((6, 4, 3), (3, 1, 5), (1, 5, 2), (5, 3, 1)):
        predictions, targets = 2 * rng.normal(sets, m) + 1, 0.7 * rng.normal(seen, m)
        inputs = dict(predictions=predictions, truth=rng.normal(m), targets=targets)
        check_result(student, "decompose", inputs, parts(**inputs), PARTS)


@points(1, of="decompose")
def test_decompose_far(student, rng):
    """Where all values are near 10⁸ the parts keep their digits."""
    whole = [rng.integers(*shape, low=-9, high=10).double() for shape in ((8, 3), (3,), (4, 3))]
    near = dict(zip(("predictions", "truth", "targets"), whole, strict=True))
    far = {name: value + 1e8 for name, value in near.items()}
    check_result(student, "decompose", far, parts(**near), PARTS)


@public
@points(1, of="decompose")
def test_decompose_adds_up(student, rng):
    """The parts sum to the mean squared error, where the targets are on average the truth."""
    for sets, m, seen in ((5, 4, 3), (2, 3, 1), (1, 6, 2)):
        predictions, truth, noise = rng.normal(sets, m), rng.normal(m), rng.normal(seen, m)
        targets = torch.cat([truth + noise, truth - noise])
        found = unpack("decompose", call(student, "decompose", predictions, truth, targets), *PARTS)
        fits = all(isinstance(part, Tensor) and part.shape == (m,) for part in found)
        require(fits, f"each part must be a tensor of shape ({m},)", diagnosis="structure")
        error = (targets[:, None] - predictions).square().mean((0, 1))
        check_values(sum(part.double() for part in found), error, "bias2 + variance + noise")


def samples_of(student, n, count, seed) -> Tensor:
    """What bootstrap_samples returns, which must be indices in a table."""
    found = call(student, "bootstrap_samples", n, count, seed)
    tensor = isinstance(found, Tensor)
    got = f"{found.dtype} of shape {tuple(found.shape)}" if tensor else type(found).__name__
    text = f"bootstrap_samples must return int64 of shape {(count, n)}, got {got}"
    right = tensor and (found.dtype, found.shape) == (torch.int64, (count, n))
    require(right, text, diagnosis="structure")
    return found


@points(0.5, of="bootstrap_samples")
def test_bootstrap_samples_of_one(student, rng):
    """Of a single example, all samples consist of it."""
    high = int(samples_of(student, 1, 4, rng.seed()).max())
    text, why = f"with n = 1 and count = 4 the indices reach to {high}", "They are all 0."
    require(high == 0, text, why, diagnosis="range")
    inputs, expected = dict(n=1, count=1, seed=rng.seed()), torch.zeros(1, 1, dtype=torch.int64)
    check_result(student, "bootstrap_samples", inputs, expected, "samples", same_dtype=True)


@public
@points(2, of="bootstrap_samples")
def test_bootstrap_samples(student, rng):
    """All examples are drawn equally often, with replacement: 37 % are missing from a sample."""
    found = samples_of(student, 100, 600, rng.seed())
    low, high = int(found.min()), int(found.max())
    text = f"with n = 100 there are {len(found.unique())} indices, from {low} to {high}"
    require(low == 0 and high == 99, text, "All of 0 … n − 1 come, no other.", diagnosis="range")
    share = 1 - sum(len(set(row)) for row in found.tolist()) / 60_000
    misses = f"of 100 examples a sample misses {100 * share:.0f} on average, it should miss 37"
    back = "Each draw is one of all n examples: what has been drawn is put back."
    require(share > 0, misses, back, diagnosis="replacement")
    ordered = found.sort(1).values
    same = bool((ordered == ordered[:1]).all())
    text, why = "all samples hold the same examples", "Each row has draws of its own."
    require(not same, text, why, diagnosis="one sample")
    counts = torch.bincount(found.flatten(), minlength=100)
    few, little, *_, often = counts.argsort().tolist()
    text = f"of 60000 draws examples {few} and {little} get {counts[few]} and {counts[little]}, "
    text += f"example {often} gets {counts[often]}: some are drawn far more often than others"
    even = int(counts.min()) > 400 and int(counts.max()) < 800
    require(even, text, "Each has the same chance at each draw.", diagnosis="uneven")
    back = "Each draw is one of all n examples, whatever the others are, in all of the samples."
    require(abs(share - 0.99**100) < 0.014, misses, back, diagnosis="replacement")


@public
@points(0.5, of="bootstrap_samples")
def test_bootstrap_samples_independent(student, rng):
    """No draw depends on others, of the same sample or of another one."""
    found, why = samples_of(student, 100, 600, rng.seed()), "Each has the same chance at each draw."
    means = found.double().mean(0)
    at = int((means - 49.5).abs().argmax())
    text = f"entry {at} of a sample is {means[at]:.0f} on average, it should be near 50"
    require(abs(means[at] - 49.5) < 16, text, why, diagnosis="uneven")
    pairs = [(i, j) for j in range(100) for i in range(j)]
    names = [f"entries {i} and {j} of a sample" for i, j in pairs]
    names += [f"entry {j} of a sample and of the one before it" for j in range(100)]
    first, second = torch.tensor(pairs).T
    apart = torch.cat([found[1:, second] - found[1:, first], found[1:] - found[:-1]], 1) % 100
    cells = (apart + 100 * torch.arange(len(names))).flatten()
    often = torch.bincount(cells, minlength=100 * len(names))
    at, d = divmod(int(often.argmax()), 100)
    text = f"{names[at]} are {d} apart in {int(often.max())} of 599 cases, it should be near 6"
    require(often.max() < 40, text, "What one is says nothing about the other.", diagnosis="tied")
    counts = torch.bincount(found.flatten(), minlength=100)
    text = f"of 60000 draws each example gets {int(counts.min())} to {int(counts.max())}"
    why = "Chance alone spreads them further: a draw must not depend on how often others came."
    require(counts.max() - counts.min() > 10, text, why, diagnosis="balanced")


@points(1, of="bootstrap_samples")
def test_bootstrap_samples_seed(student, rng):
    """Equal seeds give equal samples, and different seeds different ones."""
    for seed in (rng.seed(), rng.seed()):
        first, again, other = (samples_of(student, 50, 7, s) for s in (seed, seed, seed + 1))
        text = f"two calls with seed = {seed} give different samples"
        require(torch.equal(first, again), text, diagnosis="not repeatable")
        shared = set(map(tuple, first.tolist())) & set(map(tuple, other.tolist()))
        text = f"seeds {seed} and {seed + 1} have {len(shared)} of 7 samples in common"
        why = "All draws depend on the seed, and on the whole of it."
        require(not shared, text, why, diagnosis="seeds share")
    drawn = {}
    for seed in (0, 1, 2, 3, 10, 42, 100, 123, 1234):  # of 0 a default may be made
        same = drawn.setdefault(str(samples_of(student, 50, 7, seed).tolist()), seed)
        text, why = f"seeds {same} and {seed} give the same samples", "Each seed has its own draws."
        require(same == seed, text, why, diagnosis="seeds share")


@public
@points(2, of="bagged_predictions")
def test_bagged_predictions(student, rng):
    """Each model looks up its neighbours in its own sample; first in the small bag on paper."""
    by_hand = dict(x=double([0, 2, 6]), y=double([2, 5, 8]))
    by_hand |= dict(samples=torch.tensor([[0, 0, 2], [1, 1, 2], [0, 1, 1]]), x_new=double([2, 5]))
    expected = double([[2, 8], [5, 8], [5, 5]])
    check_result(student, "bagged_predictions", by_hand, expected, "predictions")
    turned = by_hand | dict(x_new=double([5, 2]))
    check_result(student, "bagged_predictions", turned, expected.flip(1), "predictions")
    for n, bags, size, m in ((7, 4, 7, 5), (9, 1, 6, 3), (5, 6, 8, 1), (6, 3, 4, 2)):
        samples, x = rng.integers(bags, size, high=n - 1), rng.normal(n)
        x_new, samples[:, -1] = torch.cat((x[-1:], rng.normal(m - 1))), n - 1  # drawn last, once
        inputs = dict(x=x, y=rng.normal(n), samples=samples, x_new=x_new)
        check_result(student, "bagged_predictions", inputs, bag(**inputs), "predictions")


@public
@points(1, of="bagged_predictions")
def test_bagged_predictions_neighbours(student, rng):
    """With k neighbours, an example that was drawn twice counts twice."""
    for n, bags, size, m, k in ((6, 4, 6, 5, 2), (8, 3, 7, 2, 7), (4, 5, 9, 3, 4)):
        samples = rng.integers(bags, size, high=n)
        samples[:, 1], samples[:, 2] = samples[:, 0], (samples[:, 0] + 1) % n  # two at least
        x_new = rng.normal(m).msort().flip(0)  # never in their order
        inputs = dict(x=rng.normal(n), y=rng.normal(n), samples=samples, x_new=x_new)
        right, options = bag(**inputs, k=k), dict(k=k)
        check_result(student, "bagged_predictions", inputs, right, "predictions", options=options)


@public
@points(2, of="out_of_bag")
def test_out_of_bag(student, rng):
    """True where an example is missing; first in the small bag; also for samples of other sizes."""
    by_hand = torch.tensor([[0, 0, 2], [1, 1, 2], [0, 1, 1]])
    right = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 1]]).bool()
    check_result(student, "out_of_bag", dict(samples=by_hand, n=3), right, "outside")
    for bags, size, n in ((4, 6, 6), (3, 4, 7), (5, 9, 6), (1, 5, 5), (2, 1, 3)):
        samples = rng.integers(bags, size, high=n - (bags == 1))  # the last example not once
        inputs = dict(samples=samples, n=n)
        check_result(student, "out_of_bag", inputs, missing(**inputs), "outside", same_dtype=True)


@public
@points(2, of="mean_prediction")
def test_mean_prediction(student, rng):
    """The mean over the models that count at a point, each point with its own; one model, too."""
    by_hand = double([[2, 8], [5, 8], [5, 5]])
    counted = torch.tensor([[1, 0], [1, 0], [1, 1]]).bool()
    inputs = dict(predictions=by_hand, counted=counted, otherwise=9.0)
    check_result(student, "mean_prediction", inputs, double([4, 5]), "mean")
    counted = torch.tensor([[1, 1], [1, 1], [0, 1]]).bool()  # the first sum is 0
    inputs |= dict(predictions=double([[2, 1], [-2, 7], [4, 4]]), counted=counted)
    check_result(student, "mean_prediction", inputs, double([0, 4]), "mean")
    for bags, n in ((5, 4), (3, 7), (1, 3)):
        counted = rng.uniform(bags, n) < 0.5
        counted[0] |= ~counted.any(0)
        inputs = dict(predictions=rng.normal(bags, n) + 3, counted=counted, otherwise=-1.5)
        check_result(student, "mean_prediction", inputs, averaged(**inputs), "mean")


@public
@points(1, of="mean_prediction")
def test_mean_prediction_nobody(student, rng):
    """Where no model counts, the other number takes its place, and only there."""
    for bags, n, otherwise in ((4, 6, 2.25), (2, 5, -3.0)):
        counted = rng.uniform(bags, n) < 0.7
        counted[0], counted[1:, 1], counted[:, ::2] = True, False, False
        inputs = dict(predictions=rng.normal(bags, n), counted=counted, otherwise=otherwise)
        check_result(student, "mean_prediction", inputs, averaged(**inputs), "mean")


@public
@points(2, of="vote")
def test_vote(student, rng):
    """Votes are counted at each point; most win, with or without a majority; one voter, too."""
    by_hand = torch.tensor([[2, 0], [3, 0], [2, 1], [0, 3], [1, 3], [2, 3]])
    right = torch.tensor([2, 3]), torch.tensor([[1, 1, 3, 1, 0], [2, 1, 0, 3, 0]])
    check_result(student, "vote", dict(labels=by_hand, classes=5), right, ("winner", "counts"))
    for winners, classes in (([1, 3, 0, 4], 5), ([5, 0, 2], 6), ([2, 1, 0], 4)):
        each = torch.stack([rng.permutation(classes) for _ in winners], 1)
        labels = torch.cat([each, torch.tensor([winners, winners])])
        inputs = dict(labels=labels[rng.permutation(len(labels))], classes=classes)
        check_result(student, "vote", inputs, voted(**inputs), ("winner", "counts"))
    for voters, classes in ((1, 4), (3, 1)):
        labels = rng.integers(voters, 5, low=classes // 2, high=classes)
        inputs = dict(labels=labels, classes=classes)
        right, names = voted(**inputs), ("winner", "counts")
        check_result(student, "vote", inputs, right, names, same_dtype=True)


@public
@points(1, of="vote")
def test_vote_ties(student, rng):
    """Of classes with equally many votes the smallest label wins, in whatever order they voted."""
    ties = ([[3, 1], [0, 2], [2, 1]], 4), ([[4, 4, 1, 1, 0], [5, 2, 4, 3, 1]], 6)
    for columns, classes in ties:
        labels = torch.tensor(columns).T
        for order in (labels, labels.flip(0), labels[rng.permutation(len(labels))]):
            inputs = dict(labels=order, classes=classes)
            check_result(student, "vote", inputs, voted(**inputs), ("winner", "counts"))
