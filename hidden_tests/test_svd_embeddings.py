"""Checks of the topic svd_embeddings.

A decomposition is determined up to signs, and up to rotations where singular values are equal. So
vectors are judged by E Eᵀ, which is the same for all of them. What is right comes from matrices
made of their singular vectors (`planted`), and from numbers on paper. After the last singular value
that is kept there is a gap of 0.75 or more: rounding does not change what is kept.
"""

import math

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_at_least,
    check_result,
    check_values,
    double,
    kind,
    points,
    public,
    require,
)

# The worked example of the text: its corpus, its counts, and how often as by chance.
TOKENS, SENTENCE = [0, 1, 0, 2, 1, 0, 2], [0, 0, 0, 1, 1, 2, 2]
COUNTS = [[2, 2, 1], [2, 0, 1], [1, 1, 0]]
RATIOS = [[1, 4 / 3, 1], [4 / 3, 1, 5 / 3], [1, 5 / 3, 1]]  # 1 where the logarithm is cut
TABLE, GRAM = [[0, 3, 0], [3, 0, 4], [0, 4, 0]], [[9, 0, 12], [0, 25, 0], [12, 0, 16]]
# By hand, too: 20 · (1, 1, 1, 1)/2 · (3, 4)/5 + 10 · (1, 1, −1, −1)/2 · (−4, 3)/5.
TALL = [[2, 11], [2, 11], [10, 5], [10, 5]]


def co_occurring(tokens: Tensor, sentence: Tensor, vocab: int, window: int) -> Tensor:
    """Place by place, by the definition."""
    counts = torch.zeros(vocab, vocab, dtype=torch.int64)
    places = list(zip(tokens.tolist(), sentence.tolist(), strict=True))
    for s, (i, here) in enumerate(places):
        for t, (j, there) in enumerate(places[: s + window + 1]):
            if 1 <= abs(s - t) <= window and here == there:
                counts[i, j] += 1
    return counts


def positive_pmi(counts: Tensor) -> Tensor:
    """Entry by entry, by the definition, with probabilities."""
    p, out = counts / max(1e-300, counts.sum().item()), torch.zeros_like(counts)
    for i, j in counts.nonzero().tolist():
        chance = math.fsum(p[i].tolist()) * math.fsum(p[:, j].tolist())
        out[i, j] = max(0.0, math.log(p[i, j].item() / chance))
    return out


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """torch's own, whose eps is below all lengths."""
    return torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=2, eps=1e-150)


def neighbours(vectors: Tensor, k: int) -> Tensor:
    """Word by word: sorted by the angle, without the word itself."""
    rows = cosines(vectors, vectors).fill_diagonal_(-math.inf).tolist()
    return torch.tensor([sorted(range(len(row)), key=lambda j: -row[j])[:k] for row in rows])


def vectors_of(x: Tensor, k: int, power: float = 1.0) -> Tensor:
    """By the eigenvectors of x xᵀ."""
    values, vectors = torch.linalg.eigh(x @ x.T)
    return vectors[:, -k:] * values[-k:].clamp(min=0) ** (power / 2)


STAND_INS = {
    "cooccurrence": co_occurring,
    "ppmi": positive_pmi,
    "embed": vectors_of,
    "cosine": cosines,
    "nearest": neighbours,
}


def corpus(rng, lengths, vocab) -> tuple[Tensor, Tensor]:
    """Random words in sentences of these lengths, and at the end the last one."""
    sentence = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    words = rng.integers(len(sentence) - 1, high=vocab)
    return torch.cat([words, torch.tensor([vocab - 1])]), sentence


def planted(rng, v, c, values) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x, u, s, w) with x = u · diag(s) · wᵀ, where u and w have orthonormal columns."""
    u, w = (torch.linalg.qr(rng.normal(n, len(values)))[0] for n in (v, c))
    s = double(values)
    return u @ torch.diag(s) @ w.T, u, s, w


@public
@points(2, of="cooccurrence")
def test_cooccurrence(student, rng):
    """The counts, first of the example on paper, then of random sentences."""
    inputs = dict(tokens=torch.tensor(TOKENS), sentence=torch.tensor(SENTENCE), vocab=3, window=2)
    check_result(student, "cooccurrence", inputs, torch.tensor(COUNTS), "counts")
    for lengths, vocab, window in (((5, 7, 2, 6, 9), 4, 3), ((4, 3, 8), 7, 1)):
        tokens, sentence = corpus(rng, lengths, vocab)
        inputs = dict(tokens=tokens, sentence=sentence, vocab=vocab, window=window)
        check_result(student, "cooccurrence", inputs, co_occurring(**inputs), "counts")


@public
@points(1, of="cooccurrence")
def test_cooccurrence_short(student, rng):
    """Short sentences, one word, words that never occur, high counts, and no window at all."""
    short, long = (1, 2, 1, 1, 3, 4), (150, 40)
    for lengths, vocab, window in ((short, 3, 4), ((1,), 1, 2), ((4,), 6, 5), (long, 2, 7)):
        tokens, sentence = corpus(rng, lengths, vocab - (vocab > 2))  # without the last word
        tokens[-2:] = tokens[-4:][:2]  # a b a b: equal pairs, and words near themselves
        tokens[40:] = 1  # more than 255 times, where the sentence is long
        inputs = dict(tokens=tokens, sentence=3 * sentence + 5, vocab=vocab, window=window)
        check_result(student, "cooccurrence", inputs, co_occurring(**inputs), "counts")
    inputs |= dict(window=0)
    check_result(student, "cooccurrence", inputs, torch.zeros(2, 2).long(), "counts")


@public
@points(2, of="ppmi")
def test_ppmi(student, rng):
    """Positive PMI, first of the example on paper, then of tables that are not square."""
    check_result(student, "ppmi", dict(counts=double(COUNTS)), double(RATIOS).log(), "ppmi")
    for v, c, most in ((4, 6, 5), (7, 3, 40), (5, 5, 20), (1, 5, 9)):
        counts = rng.integers(v, c, low=1, high=most).double()
        counts[: v // 2, 1], counts[0, 0], counts[-1, -1] = 0, 9 * most, 1.5  # some never met
        for some in (counts, counts / 64):  # weighted pairs are no whole numbers
            check_result(student, "ppmi", dict(counts=some), positive_pmi(some), "ppmi")


@public
@points(1, of="ppmi")
def test_ppmi_never(student, rng):
    """A word or a context that never occurs has zeros; so has a table without any; rare words."""
    counts = rng.integers(5, 4, low=1, high=9).double()
    counts[2], counts[:, 1] = 0, 0
    rare = double([[3e8, 2, 5], [0, 1, 3], [5, 2, 4e3], [2, 0, 0]])
    for some in (counts, 1e6 * counts, double([[0, 0, 0], [0, 0, 0]]), rare):
        check_result(student, "ppmi", dict(counts=some), positive_pmi(some), "ppmi")


@public
@points(3, of="low_rank")
def test_low_rank(student, rng):
    """The nearest matrix of rank k, first by hand, then of matrices made of singular vectors."""
    for x, k, expected in ((TALL, 1, [[6, 8]] * 4), (TABLE, 2, TABLE)):
        check_result(student, "low_rank", dict(x=double(x), k=k), double(expected), "out")
    for v, c, k in ((6, 5, 2), (4, 7, 3), (1, 3, 1), (5, 1, 1)):
        x, u, s, w = planted(rng, v, c, [90, 6.5, 3, 1, 0.25][: min(v, c)])
        expected = sum(s[i] * torch.outer(u[:, i], w[:, i]) for i in range(k))
        for scale in (1, 1e-5, 1e5):
            inputs = dict(x=scale * x, k=k)
            check_result(student, "low_rank", inputs, scale * expected, "out")


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


@points(2, of="embed")
def test_embed_random(student, rng):
    """Lengths and angles for tables that are higher than wide, wider than high, and one row."""
    cases = [(6, 5, 2, 1.0), (4, 7, 3, 0.5), (5, 6, 4, 1.5), (7, 3, 2, 0.0), (1, 4, 1, 1.0)]
    for v, c, k, power in cases:
        x, u, s, _ = planted(rng, v, c, [90, 6.5, 3, 1, 0.25][: min(v, c)])
        expected = sum(s[i] ** (2 * power) * torch.outer(u[:, i], u[:, i]) for i in range(k))
        for scale in (1.0, 1e-4, 1e4):
            check_embedding(student, x, k, power, expected, scale)


@public
@points(1, of="cosine")
def test_cosine(student, rng):
    """The cosine of each row with each, first by hand."""
    inputs = dict(a=double(TABLE), b=double([[0, 3, 0], [6, 8, 0]]))
    check_result(student, "cosine", inputs, double([[1, 0.8], [0, 0.36], [1, 0.8]]), "cosine")
    for n, m, d in ((4, 6, 5), (1, 3, 2), (5, 2, 7)):
        a, b = rng.normal(n, d, mean=0.5), rng.normal(m, d, std=3)
        check_result(student, "cosine", dict(a=a, b=b), cosines(a, b), "cosine")


@public
@points(1, of="cosine")
def test_cosine_zero(student, rng):
    """A row of zeros has the cosine 0 with everything, itself included."""
    a, b = rng.normal(4, 3), rng.normal(5, 3)
    a[2], b[1], b[4], b[0] = 0, 0, 0, -2 * a[0]
    check_result(student, "cosine", dict(a=a, b=b), cosines(a, b), "cosine")


@points(1, of="cosine")
def test_cosine_lengths(student, rng):
    """Lengths do not matter, tiny and huge ones in one table."""
    for sizes in ([1e-99, 1e99, 1], [1e99, 1, 1e-99]):
        a, b = rng.normal(3, 4), rng.normal(5, 4)
        inputs = dict(a=a * double(sizes)[:, None], b=b * sizes[0])
        check_result(student, "cosine", inputs, cosines(a, b), "cosine")


def at_angles(rng, degrees) -> Tensor:
    """Vectors of two dimensions at these angles, of random lengths between 0.1 and 10."""
    angles = double(degrees).deg2rad()
    lengths = 10 ** rng.uniform(len(angles), 1, low=-1, high=1)
    return lengths * torch.stack([angles.cos(), angles.sin()], 1)


@public
@points(1, of="nearest")
def test_nearest(student, rng):
    """The nearest words in their order, for vectors of all lengths."""
    vectors = at_angles(rng, [0, 10, 30, 100])
    right = torch.tensor([[1, 2, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]])
    inputs = dict(vectors=vectors, k=3)
    check_result(student, "nearest", inputs, right, "neighbours", same_dtype=True)
    # A Golomb ruler times 5.1°: no two differences are alike, so no cosines are, nor their sizes.
    ruler = [5.1 * mark for mark in (0, 1, 4, 9, 15, 22, 32, 34)]
    for k, scale in ((1, 1.0), (3, 1.0), (7, 1.0), (7, 1e-9)):
        vectors = scale * at_angles(rng, ruler)[rng.permutation(8)]
        right = neighbours(vectors, k)
        check_result(student, "nearest", dict(vectors=vectors, k=k), right, "neighbours")


@public
@points(1, of="nearest")
def test_nearest_same_direction(student, rng):
    """Words of exactly the same direction are each other's nearest, and no word is its own."""
    vectors = at_angles(rng, [90, 90, 195, 195, 305, 325, 170, 150])
    vectors[1], vectors[3] = 2 * vectors[0], 0.5 * vectors[2]
    right = torch.tensor([[1], [0], [3], [2], [5], [4], [7], [6]])
    check_result(student, "nearest", dict(vectors=vectors, k=1), right, "neighbours")
    # All but itself; in the second one the first two words are opposite.
    for vectors in (at_angles(rng, [0, 25, 100]), double([[1, 0], [-2, 0], [1, 3]])):
        right = neighbours(vectors, 2)
        check_result(student, "nearest", dict(vectors=vectors, k=2), right, "neighbours")


@points(1, of="nearest")
def test_nearest_zero(student, rng):
    """A row of zeros has the cosine 0 with everything: nearer than opposite words, no nearer."""
    vectors = at_angles(rng, [0, 30, 70, 170, 200])
    vectors = torch.cat([vectors[:2], double([[0, 0]]), vectors[2:]])
    found = call(student, "nearest", vectors, 5)
    shape = found.shape if isinstance(found, Tensor) else kind(found)
    require(shape == (6, 5), f"nearest must return a tensor of shape (6, 5), got {shape}")
    rows = [0, 1, 3, 4, 5]  # for a row of zeros itself any order is right
    right = neighbours(vectors, 5)
    check_values(found[rows], right[rows], "neighbours of the rows that are not zero")


@points(1, of="nearest")
def test_neighbours(student, rng, topic):
    """Counted, weighed and cut to vectors, words that can stand in for each other are near.

    The share with the solution, by 400 seeds: mean 0.997, standard deviation 0.010, least 0.931:
    the threshold is 15 deviations below the mean, as a part of a cell may be found for another's.
    """
    least, n = topic.thresholds["small_language"]["neighbours"], 450
    # In each place of three stands one of the four words of a group; group g is followed by g + 1.
    words = 4 * ((rng.integers(n, 1, high=6) + torch.arange(3)) % 6) + rng.integers(n, 3, high=4)
    sentence = torch.arange(n).repeat_interleave(3)
    counts = call(student, "cooccurrence", words.flatten(), sentence, 24, 2)
    table = call(student, "ppmi", torch.as_tensor(counts).double())
    found = torch.as_tensor(call(student, "nearest", call(student, "embed", table, 6, 0.5), 3))
    require(found.shape == (24, 3), f"nearest must return (24, 3), got {tuple(found.shape)}")
    same = found // 4 == torch.arange(24)[:, None] // 4
    check_at_least(float(same.double().mean()), least, "neighbours")
