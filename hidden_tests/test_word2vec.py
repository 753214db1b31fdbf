"""Checks of the topic word2vec.

Random draws must not fail a right answer: by the bounds of Hoeffding, 2 exp(−2nt²), and Chernoff,
2 exp(−nt²/3p) for t < p, a share of 40,000 is off its p by 0.0185 or √(84p/n) with 3e-12; Σ share²
then by 0.037, and the part of 20,000 disjoint pairs that agree by 0.0265. All of them: below 1e-10.
"""

import torch
from torch import Tensor
from torch.nn import functional

from gradus.checks import (
    call,
    check_at_least,
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    double,
    forward_backward,
    points,
    public,
    require,
    unpack,
)

# The worked example of the text: words, contexts; the vectors of the target, another, the negative.
WORDS = torch.tensor([3, 1, 4, 1, 5, 2])
ROWS = [[-1, -1, 1, 4], [-1, 3, 4, 1], [3, 1, 1, -1], [1, 4, -1, -1]]
CONTEXTS = torch.tensor([*ROWS, [-1, -1, 2, -1], [-1, 5, -1, -1]])
PAPER = dict(h=double([[2, 4]]), vectors=double([[4, -2], [5, 7], [-2, 1]]))
PAPER |= dict(targets=torch.tensor([0]), negatives=torch.tensor([[2, 2]]))
NOISE = [0.1, 0.4, 0, 0.3, 0.045, 0.15, 0.005]
EACH, DRAWS = 10_000, 4  # examples with the target 1, as many with 3; fewer draws than words
TARGETS = torch.tensor([1, 3]).repeat(EACH)
BOTH = ["h", "vectors"]


def windows(sentences, window):
    steps = [d for d in range(-window, window + 1) if d != 0]
    places = [(s.tolist(), i) for s in sentences for i in range(len(s))]
    rows = [[s[i + d] if 0 <= i + d < len(s) else -1 for d in steps] for s, i in places]
    return torch.cat(list(sentences)), torch.tensor(rows)


def examples(words, contexts, model):
    there = contexts != -1
    if model == "cbow":
        return contexts[there.sum(1) > 0], words[there.sum(1) > 0]
    row, place = there.nonzero().T
    return words[row].reshape(-1, 1), contexts[row, place]


def check_examples(student, words, contexts, model):
    inputs, names = dict(words=words, contexts=contexts, model=model), ("bags", "targets")
    check_result(student, "training_examples", inputs, examples(**inputs), names, same_dtype=True)


def bag(vectors, bags):
    """By torch's operator, for which a bag has as many words as it has."""
    there = bags >= 0
    starts = there.sum(1).cumsum(0) - there.sum(1)
    return functional.embedding_bag(bags[there], vectors, starts, mode="mean")


def full_softmax(h, vectors, targets):
    return functional.cross_entropy(functional.linear(h, vectors), targets)


def negative_sampling(h, vectors, targets, negatives):
    words = torch.cat([targets[:, None], negatives], 1)
    scores = torch.einsum("nd,nkd->nk", h, functional.embedding(words, vectors))
    right = torch.cat([scores[:, :1], -scores[:, 1:]], 1)
    return -functional.logsigmoid(right).sum(1).mean()


STAND_INS = forward_backward("bag", bag, wrt=[0])
STAND_INS |= forward_backward("full_softmax", full_softmax, wrt=[0, 1])
STAND_INS |= forward_backward("negative_sampling", negative_sampling, wrt=[0, 1])


@public
@points(1, of="context_windows")
def test_context_windows(student, rng):
    """Neighbours on both sides, and none beyond the end of a sentence; first those on paper."""
    inputs, right = dict(sentences=list(WORDS.split([4, 2])), window=2), (WORDS, CONTEXTS)
    check_result(student, "context_windows", inputs, right, ("words", "contexts"), same_dtype=True)
    for lengths, window in (((5, 4), 1), ((12,), 9), ((1, 3, 2), 4), ((1,), 2), ((2, 1, 1, 5), 1)):
        inputs = dict(sentences=[rng.integers(n, high=20) for n in lengths], window=window)
        check_result(student, "context_windows", inputs, windows(**inputs), ("words", "contexts"))


@public
@points(1, of="training_examples")
def test_training_examples(student, rng):
    """CBOW predicts a word from its context, skip-gram each word of the context from the word."""
    some, given = [rng.integers(n, high=2) for n in (9, 1, 3)], (WORDS, CONTEXTS)
    for words, contexts in (given, windows(some, 2), windows(some, 3)):
        for model in ("cbow", "skipgram"):
            check_examples(student, words, contexts, model)
    for model in ("bow", "skipgrams", "CBOW", "skip-gram"):
        check_raises(student, "training_examples", *given, model, when=f"model is {model!r}")


@public
@points(1, of="training_examples")
def test_training_examples_none(student):
    """Where no word has a neighbour there is no example: the bags have their width, as int64."""
    for model in ("cbow", "skipgram"):
        check_examples(student, WORDS[:2], torch.full((2, 4), -1), model)


@public
@points(1, of="noise_distribution")
def test_noise_distribution(student, rng):
    """256, 81, 16 and 1 become 0.64, 0.27, 0.08 and 0.01; other powers are taken as they are."""
    counts, right = double([256, 81, 16, 1]), double([0.64, 0.27, 0.08, 0.01])
    check_result(student, "noise_distribution", dict(counts=counts), right, "noise")
    cases = [(1.0, [6, 0, 3, 1]), (0.0, [9, 2, 1]), (0.5, [1, 4, 25, 0]), (0.3, [7])]
    cases += [(0.75, rng.integers(6, low=1, high=10_000).tolist()), (0.0, [9, 0, 1])]
    for power, numbers in [*cases, (4.0, [3e-3, 1e-3, 0]), (0.25, [1e9, 2, 0])]:
        inputs, options = dict(counts=double(numbers)), dict(power=power)
        right = functional.normalize(double(numbers).pow(power), p=1, dim=0)
        check_result(student, "noise_distribution", inputs, right, "noise", options=options)


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


@points(1, of="draw_negatives")
def test_draw_negatives_independent(student, rng):
    """Every negative is a draw of its own, and every seed has others."""
    seed = rng.seed()
    firsts, again, others = (drawn(student, s) for s in (seed, seed, seed + 1))
    require(all(map(torch.equal, firsts, again)), "equal seeds differ", diagnosis="not repeatable")
    for first, other in zip(firsts, others, strict=True):
        by_chance = float((first.flatten().bincount() / first.numel()).square().sum())
        parts = [("one example has", first.roll(by, 1)) for by in (1, 2)]
        parts += [("examples with one target have", first.roll(by, 0)) for by in (1, EACH // 2)]
        parts += [("the seeds s and s + 1 give", other.roll(by, 0)) for by in (-1, 0, 1)]
        for text, part in parts:
            agree = float((first == part).double().mean())
            seen = f"{agree:.2f} of them agree, of independent draws {by_chance:.2f} would"
            text = f"{text} negatives that are not independent: {seen}"
            require(abs(agree - by_chance) < 0.065, text, diagnosis=text.partition(":")[0])


def bags_of(rng, n, width, empty=False) -> dict[str, Tensor]:
    """Seven vectors, and bags in which words come twice; with `empty`, with empty places."""
    bags = rng.integers(n, width, high=7)
    for i, row in enumerate(bags):
        row[rng.permutation(width)[: empty * (1 + i % (width - 1))]] = -1
    bags[0, 0], bags[-1, -2:] = 0, 3  # a word like the others, and one that is there twice
    return dict(vectors=rng.normal(7, 3, std=10), bags=bags)


@public
@points(1, of="bag_forward")
def test_bag_forward(student, rng):
    """The mean of the vectors, a word that is there twice twice, and of one word its vector."""
    for inputs in (bags_of(rng, 5, 4), bags_of(rng, 1, 6), bags_of(rng, 4, 2)):
        check_forward(student, "bag", inputs, bag(**inputs))


@public
@points(1, of="bag_forward")
def test_bag_forward_empty_places(student, rng):
    """Where the sentence has ended, −1, there is no word: the mean is over those that are there."""
    for inputs in (bags_of(rng, 5, 4, empty=True), bags_of(rng, 1, 6, empty=True)):
        check_forward(student, "bag", inputs, bag(**inputs))


@public
@points(2, of="bag_backward")
def test_bag_backward(student, rng):
    """Each place of each bag gives its word a share, and they add up; an empty place gives none."""
    for n, width, empty in ((5, 4, 0), (5, 4, 1), (1, 6, 0), (1, 6, 1), (8, 2, 0), (8, 2, 1)):
        check_gradients(student, "bag", bags_of(rng, n, width, empty), bag, wrt=["vectors"])


def asked(rng, n, k=0, scale=1.0) -> dict[str, Tensor]:
    """h, the vectors of nine words, targets and k negatives, among which a target is."""
    h, vectors, targets = rng.normal(n, 3, std=scale), rng.normal(9, 3), rng.integers(n, high=9)
    targets[:2], targets[2:3] = targets[-1], (targets[-1] + 1) % 9
    sign = (h * vectors[targets]).sum(1).sign() * (-1) ** torch.arange(n)
    inputs = dict(h=h * sign[:, None], vectors=vectors, targets=targets)  # scores of both signs
    negatives = rng.integers(n, k, high=9)
    negatives[:1, :1] = targets[0]
    return inputs | dict(negatives=negatives) if k else inputs


@public
@points(1, of="full_softmax_forward")
def test_full_softmax_forward(student, rng):
    """The mean cross-entropy of the target among all words: ln V where all scores are 0."""
    for inputs in (asked(rng, 5, scale=0.4), asked(rng, 1), asked(rng, 4, scale=0.0)):
        check_forward(student, "full_softmax", inputs, full_softmax(**inputs))


@points(1, of="full_softmax_forward")
def test_full_softmax_forward_extreme(student, rng):
    """Scores in the thousands give a finite loss."""
    for inputs in (asked(rng, 5, scale=1000), asked(rng, 1, scale=1000)):
        check_forward(student, "full_softmax", inputs, full_softmax(**inputs))


@public
@points(1, of="full_softmax_backward")
def test_full_softmax_backward(student, rng):
    """The gradients of h and of all vectors, for any upstream gradient."""
    for inputs in (asked(rng, 5), asked(rng, 1)):
        given = dict(wrt=BOTH, dout=rng.uniform(low=1.3, high=1.9))
        check_gradients(student, "full_softmax", inputs, full_softmax, **given)


@public
@points(1, of="negative_sampling_forward")
def test_negative_sampling_forward(student, rng):
    """3 ln 2 as on paper; a sum over the questions of an example, and a mean over the examples."""
    check_forward(student, "negative_sampling", PAPER, 3 * double(2).log())
    for inputs in (asked(rng, 5, 6, 0.4), asked(rng, 1, 4, 0.4), asked(rng, 4, 1, 0.4)):
        check_forward(student, "negative_sampling", inputs, negative_sampling(**inputs))


@points(1, of="negative_sampling_forward")
def test_negative_sampling_forward_extreme(student, rng):
    """Scores in the thousands give a finite loss."""
    for inputs in (asked(rng, 5, 6, scale=1000), asked(rng, 1, 4, scale=1000)):
        check_forward(student, "negative_sampling", inputs, negative_sampling(**inputs))


@public
@points(2, of="negative_sampling_backward")
def test_negative_sampling_backward(student, rng):
    """The gradients, first those on paper: the word that was drawn twice is pushed twice."""
    given = dict(wrt=BOTH, dout=double(1))
    check_gradients(student, "negative_sampling", PAPER, negative_sampling, **given)
    for inputs in (asked(rng, 5, 6), asked(rng, 1, 4), asked(rng, 4, 1)):
        given["dout"] = rng.uniform(low=1.3, high=1.9)
        check_gradients(student, "negative_sampling", inputs, negative_sampling, **given)


@points(1, of="negative_sampling_backward")
def test_negative_sampling_backward_extreme(student, rng):
    """Scores in the thousands give gradients that are finite."""
    for inputs in (asked(rng, 5, 6, scale=1000), asked(rng, 1, 4, scale=1000)):
        check_gradients(student, "negative_sampling", inputs, negative_sampling, wrt=BOTH)


@public
@points(1, of="word2vec_step")
def test_word2vec_step(student, rng):
    """Two steps with negatives and two with the full softmax, each from the vectors before it."""
    for n, k, size in ((5, 6, 0.1), (1, 2, 0.1), (5, 0, 0.1), (2, 6, 3)):
        inputs, numbers = bags_of(rng, n, 4, empty=True), rng.integers(n, 1 + k, high=7)
        w_in, w_out = inputs["vectors"] * size, rng.normal(7, 3, std=max(1, 10 * size))
        for lr in (0.7, 0.2):
            given = dict(w_in=w_in, w_out=w_out, bags=inputs["bags"], targets=numbers[:, 0])
            given |= dict(negatives=numbers[:, 1:] if k else None)
            own = w_in.clone().requires_grad_(), w_out.clone().requires_grad_()
            asks = [bag(own[0], inputs["bags"]), own[1], numbers[:, 0]]
            loss = negative_sampling(*asks, numbers[:, 1:]) if k else full_softmax(*asks)
            dw_in, dw_out = torch.autograd.grad(loss, own)
            w_in, w_out = w_in - lr * dw_in, w_out - lr * dw_out
            right, names = (w_in, w_out, loss.detach()), ("w_in", "w_out", "loss")
            check_result(student, "word2vec_step", given | dict(lr=lr), right, names)


@points(1, of="word2vec_step")
def test_neighbours(student, rng, topic):
    """After training on a small language, words that can stand in for each other are near."""
    # The solution finds all of them, with each of 3,000 seeds.
    near, n = topic.thresholds["small_language"]["neighbours"], 600
    # In each place of three stands one of the four words of a group; group g is followed by g + 1.
    words = 4 * ((rng.integers(n, 1, high=6) + torch.arange(3)) % 6) + rng.integers(n, 3, high=4)
    w_in, w_out = rng.uniform(24, 12, low=-0.1, high=0.1), torch.zeros(24, 12).double()
    for rows in [rows for _ in range(10) for rows in rng.permutation(n).split(50)]:
        given = words[rows, ::2], words[rows, 1], rng.integers(50, 5, high=24), 4.0
        stepped = call(student, "word2vec_step", w_in, w_out, *given)
        w_in, w_out, _ = unpack("word2vec_step", stepped, "w_in", "w_out", "loss")
    right = isinstance(w_in, Tensor) and w_in.shape == (24, 12)
    require(right, "w_in must stay a tensor of shape (24, 12)", diagnosis="structure")
    unit = w_in / w_in.norm(dim=1, keepdim=True)
    found = (unit @ unit.T).fill_diagonal_(-2).topk(3).indices // 4
    same = found == torch.arange(24)[:, None] // 4
    check_at_least(float(same.double().mean()), near, "neighbours")
