"""The public checks of *Word2vec*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, check_result, double, points, public, require

NOISE = [0.1, 0.4, 0, 0.3, 0.045, 0.15, 0.005]
EACH, DRAWS = 10_000, 4  # examples with the target 1, as many with 3; fewer draws than words
TARGETS = torch.tensor([1, 3]).repeat(EACH)


@public
@points(1, of="context_windows")
def test_context_windows(recorded):
    """Neighbours on both sides, and none beyond the end of a sentence; first those on paper."""
    recorded()


@public
@points(1, of="training_examples")
def test_training_examples(recorded):
    """CBOW predicts a word from its context, skip-gram each word of the context from the word."""
    recorded()


@public
@points(1, of="training_examples")
def test_training_examples_none(recorded):
    """Where no word has a neighbour there is no example: the bags have their width, as int64."""
    recorded()


@public
@points(1, of="noise_distribution")
def test_noise_distribution(recorded):
    """256, 81, 16 and 1 become 0.64, 0.27, 0.08 and 0.01; other powers are taken as they are."""
    recorded()


def drawn(student, seed) -> list[Tensor]:
    """The negatives of each target in a batch of both, if they are other words."""
    shape = (2 * EACH, DRAWS)
    value = call(student, "draw_negatives", TARGETS, double(NOISE), DRAWS, seed)
    right = isinstance(value, Tensor) and (value.shape, value.dtype) == (shape, torch.int64)
    right = right and 0 <= int(value.min()) <= int(value.max()) < len(NOISE)
    text = f"draw_negatives must return words from 0 to 6, as torch.int64 of shape {shape}"
    require(right, text, diagnosis="structure")
    text = "the target itself is among its negatives: strike it out, row by row"
    require(not bool((value == TARGETS[:, None]).any()), text, diagnosis="positive drawn")
    text = "all examples with one target have the same negatives: draw for each of them"
    parts = [value[target == TARGETS] for target in (1, 3)]
    require(not any(bool((part == part[0]).all()) for part in parts), text, diagnosis="one draw")
    return parts


@public
@points(1, of="draw_negatives")
def test_draw_negatives_shares(student, rng):
    """Each other word is drawn as often as noise says, divided by 1 less the target's noise."""
    for target, part in zip((1, 3), drawn(student, rng.seed()), strict=True):
        shares = double(NOISE) / (1 - NOISE[target])
        shares[target] = 0
        seen = part.flatten().bincount(minlength=len(NOISE)) / part.numel()
        off = (seen - shares).abs() - (84 * shares / part.numel()).sqrt().clamp(max=0.0185)
        text = f"{4 - target}, the other rows' target, is never a negative of {target}"
        require(bool(seen[4 - target] > 0), text, "Strike out each row's own.", diagnosis="struck")
        word = int(off.argmax())
        step = 0.05 if shares[word] > 0.05 else 0.005  # no digits of chance
        about = f"is about {round(seen[word].item() / step) * step:.3f}, not {shares[word]:.3f}"
        about = about if NOISE[word] else "is not 0: without noise a word has no chance"
        text = f"noise {NOISE}: of the negatives of {target} the share of {word} {about}"
        require(bool((off <= 0).all()), text, diagnosis=f"share:{word}")
    noise, targets = double([0, 0.99, 0, 0.01]), torch.tensor([1, 3, 3])
    inputs = dict(targets=targets, noise=noise, k=5, seed=rng.seed())
    right = torch.stack([4 - targets] * 5, 1)  # one other word has any noise: it is drawn
    check_result(student, "draw_negatives", inputs, right, "negatives")


@public
@points(1, of="bag_forward")
def test_bag_forward(recorded):
    """The mean of the vectors, a word that is there twice twice, and of one word its vector."""
    recorded()


@public
@points(1, of="bag_forward")
def test_bag_forward_empty_places(recorded):
    """Where the sentence has ended, −1, there is no word: the mean is over those that are there."""
    recorded()


@public
@points(2, of="bag_backward")
def test_bag_backward(recorded):
    """Each place of each bag gives its word a share, and they add up; an empty place gives none."""
    recorded()


@public
@points(1, of="full_softmax_forward")
def test_full_softmax_forward(recorded):
    """The mean cross-entropy of the target among all words: ln V where all scores are 0."""
    recorded()


@public
@points(1, of="full_softmax_backward")
def test_full_softmax_backward(recorded):
    """The gradients of h and of all vectors, for any upstream gradient."""
    recorded()


@public
@points(1, of="negative_sampling_forward")
def test_negative_sampling_forward(recorded):
    """3 ln 2 as on paper; a sum over the questions of an example, and a mean over the examples."""
    recorded()


@public
@points(2, of="negative_sampling_backward")
def test_negative_sampling_backward(recorded):
    """The gradients, first those on paper: the word that was drawn twice is pushed twice."""
    recorded()


@public
@points(1, of="word2vec_step")
def test_word2vec_step(recorded):
    """Two steps with negatives and two with the full softmax, each from the vectors before it."""
    recorded()
