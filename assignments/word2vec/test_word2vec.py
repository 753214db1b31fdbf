"""The public checks of *Word2vec*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, double, points, public, require

NOISE = [0.1, 0.4, 0.05, 0.3, 0.15]
BATCH, DRAWS = 10_001, 8


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
@points(1, of="noise_distribution")
def test_noise_distribution(recorded):
    """256, 81, 16 and 1 become 0.64, 0.27, 0.08 and 0.01; other powers are taken as they are."""
    recorded()


@public
@points(1, of="draw_negatives")
def test_draw_negatives_certain(recorded):
    """Where one word other than the target has any noise, it is drawn, and nothing else."""
    recorded()


def drawn(student, target, seed) -> Tensor:
    """The negatives of a batch with one and the same target, if they are other words."""
    targets, shape = torch.full((BATCH,), target), (BATCH, DRAWS)
    value = call(student, "draw_negatives", targets, double(NOISE), DRAWS, seed)
    right = isinstance(value, Tensor) and (value.shape, value.dtype) == (shape, torch.int64)
    text = f"draw_negatives must return torch.int64 of shape {shape}"
    require(right, text, diagnosis="structure")
    text = "the target itself is among its negatives: strike it out, row by row"
    require(not bool((value == target).any()), text, diagnosis="positive drawn")
    return value


@public
@points(1, of="draw_negatives")
def test_draw_negatives_shares(student, rng):
    """Each other word is drawn as often as noise says, divided by 1 less the target's noise."""
    for target in (1, 3):
        value = drawn(student, target, rng.seed())
        for word, noise in enumerate(NOISE):
            share = 0.0 if word == target else noise / (1 - NOISE[target])
            seen = float((value == word).double().mean())
            text = f"noise {NOISE}, target {target}: word {word} is about "
            text += f"{round(seen / 0.05) * 0.05:.2f} of the negatives, it should be {share:.3f}"
            require(abs(seen - share) < 0.013, text, diagnosis=f"share:{word}")


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
