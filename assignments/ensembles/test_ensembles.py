"""The public checks of *Ensembles*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, check_values, kind, points, public, require, unpack

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
    got = f"{found.dtype} of shape {tuple(found.shape)}" if tensor else kind(found)
    text = f"bootstrap_samples must return int64 of shape {(count, n)}, got {got}"
    right = tensor and (found.dtype, found.shape) == (torch.int64, (count, n))
    require(right, text, diagnosis="structure")
    return found


@public
@points(2.5, of="bootstrap_samples")
def test_bootstrap_samples(student, rng):
    """All examples are drawn equally often, with replacement: 37 % are missing from a sample."""
    found = samples_of(student, 100, 600, rng.seed())
    low, high = int(found.min()), int(found.max())
    text = f"with n = 100 the indices reach from {low} to {high}"
    require(low == 0 and high == 99, text, "They are 0 … n − 1, both included.", diagnosis="range")
    ordered = found.sort(1).values
    same = bool((ordered == ordered[:1]).all())
    text, why = "all samples hold the same examples", "Each row has draws of its own."
    require(not same, text, why, diagnosis="one sample")
    counts = torch.bincount(found.flatten(), minlength=100)
    text = "some examples are drawn far more often than others"
    even = int(counts.min()) > 400 and int(counts.max()) < 800
    require(even, text, "Each has the same chance at each draw.", diagnosis="uneven")
    share = 1 - sum(len(set(row)) for row in found.tolist()) / 60_000
    text = f"of 100 examples a sample misses {100 * share:.0f} on average, it should miss 37"
    why = "Each draw is one of all n examples: what has been drawn is put back."
    require(abs(share - 0.99**100) < 0.014, text, why, diagnosis="replacement")


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
