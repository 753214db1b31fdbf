"""The public checks of *Ensembles*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, check_values, points, public, require, unpack

PARTS = ("bias2", "variance", "noise")


@public
@points(3, of="decompose")
def test_decompose(recorded):
    """Bias², variance and noise: first of the example on paper; of one training set, too."""
    recorded()


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


@public
@points(2, of="bagged_predictions")
def test_bagged_predictions(recorded):
    """Each model looks up its neighbours in its own sample; first in the small bag on paper."""
    recorded()


@public
@points(1, of="bagged_predictions")
def test_bagged_predictions_neighbours(recorded):
    """With k neighbours, an example that was drawn twice counts twice."""
    recorded()


@public
@points(2, of="out_of_bag")
def test_out_of_bag(recorded):
    """True where an example is missing; first in the small bag; also for samples of other sizes."""
    recorded()


@public
@points(2, of="mean_prediction")
def test_mean_prediction(recorded):
    """The mean over the models that count at a point, each point with its own; one model, too."""
    recorded()


@public
@points(1, of="mean_prediction")
def test_mean_prediction_nobody(recorded):
    """Where no model counts, the other number takes its place, and only there."""
    recorded()


@public
@points(2, of="vote")
def test_vote(recorded):
    """Votes are counted at each point; most win, with or without a majority; one voter, too."""
    recorded()


@public
@points(1, of="vote")
def test_vote_ties(recorded):
    """Of classes with equally many votes the smallest label wins, in whatever order they voted."""
    recorded()
