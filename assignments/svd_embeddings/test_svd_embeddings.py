"""The public checks of *Word vectors by counting*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch
from torch import Tensor

from gradus.checks import call, check_values, double, kind, points, public, require

TABLE, GRAM = [[0, 3, 0], [3, 0, 4], [0, 4, 0]], [[9, 0, 12], [0, 25, 0], [12, 0, 16]]
# By hand, too: 20 · (1, 1, 1, 1)/2 · (3, 4)/5 + 10 · (1, 1, −1, −1)/2 · (−4, 3)/5.
TALL = [[2, 11], [2, 11], [10, 5], [10, 5]]


@public
@points(2, of="cooccurrence")
def test_cooccurrence(recorded):
    """The counts, first of the example on paper, then of random sentences."""
    recorded()


@public
@points(1, of="cooccurrence")
def test_cooccurrence_short(recorded):
    """Short sentences, one word, words that never occur, high counts, and no window at all."""
    recorded()


@public
@points(2, of="ppmi")
def test_ppmi(recorded):
    """Positive PMI, first of the example on paper, then of tables that are not square."""
    recorded()


@public
@points(1, of="ppmi")
def test_ppmi_never(recorded):
    """A word or a context that never occurs has zeros; so has a table without any; rare words."""
    recorded()


@public
@points(3, of="low_rank")
def test_low_rank(recorded):
    """The nearest matrix of rank k, first by hand, then of matrices made of singular vectors."""
    recorded()


def check_embedding(student, x, k, power, expected, scale=1.0):
    """E Eᵀ of what `embed` returns for scale · x, by that of x: all that is determined of it."""
    out = call(student, "embed", scale * x, k, power)
    given = f"embed, x: {tuple(x.shape)}, k = {k}, power = {power:g}"
    right = isinstance(out, Tensor) and (out.shape, out.dtype) == ((len(x), k), x.dtype)
    got = f"{out.dtype} of shape {tuple(out.shape)}" if isinstance(out, Tensor) else kind(out)
    text = f"{given}: out must be {x.dtype} of shape {(len(x), k)}, got {got}"
    require(right, text, "A row for each row of x, a column for each direction.", diagnosis="shape")
    out = out.double() / scale**power
    name = "out @ out.T" if scale == 1 else f"out @ out.T for x times {scale:g}, divided by that"
    check_values(out @ out.T, expected, name)


@public
@points(2, of="embed")
def test_embed(student):
    """Lengths and angles of the vectors, by hand: they say all but signs and rotations."""
    turned = double([[1.8, 0, 2.4], [0, 5, 0], [2.4, 0, 3.2]])
    both = double([[125, 125, 75, 75]] * 2 + [[75, 75, 125, 125]] * 2)
    ones = torch.ones(4, 4).double()
    cases = [(TABLE, 2, 1.0, double(GRAM)), (TABLE, 2, 0.5, turned), (TABLE, 2, 0.0, turned / 5)]
    cases += [(TALL, 1, 1.0, 100 * ones), (TALL, 2, 1.0, both), (TALL, 1, 0.5, 5 * ones)]
    for x, k, power, expected in cases:
        check_embedding(student, double(x), k, power, expected)
    plain, given = (call(student, "embed", double(TABLE), 2, *power) for power in ((), (1.0,)))
    text, why = "embed(x, k) must be embed(x, k, 1.0)", "1.0 is the stub's default of power."
    require(torch.allclose(plain @ plain.T, given @ given.T), text, why, diagnosis="default")


@public
@points(1, of="cosine")
def test_cosine(recorded):
    """The cosine of each row with each, first by hand."""
    recorded()


@public
@points(1, of="cosine")
def test_cosine_zero(recorded):
    """A row of zeros has the cosine 0 with everything, itself included."""
    recorded()


@public
@points(1, of="nearest")
def test_nearest(recorded):
    """The nearest words in their order, for vectors of all lengths."""
    recorded()


@public
@points(1, of="nearest")
def test_nearest_same_direction(recorded):
    """Words of exactly the same direction are each other's nearest, and no word is its own."""
    recorded()
