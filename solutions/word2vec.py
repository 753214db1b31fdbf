# %% [markdown]
# # Word2vec
#
# A vector for every word, learnt from nothing but which words stand near each other (Mikolov et al.,
# 2013). One matrix of vectors reads, a second one answers, and between them there is no more than a mean.
# What makes it fast is to ask a smaller question: not *which of all words is it?*, but *is it this one,
# or one that I have drawn?*
#
# **Afterwards you can** turn sentences into training examples for CBOW and skip-gram, derive the
# gradients of the full softmax and of negative sampling, and say what the distribution of the
# negatives does to the vectors.
#
# Before: *Multi-layer perceptron*; this is one with two layers and no nonlinearity between them, and
# ends in *Softmax and cross-entropy* or in *Logistic regression*. After:
# *Attention and the transformer block* works on such vectors, and changes each by what stands around it.
#
# **Conventions.** Words are numbers $0 \dots V-1$; a sentence is a tensor of them. A matrix of vectors is
# $(V, D)$: row $w$ is the vector of word $w$. A forward function returns `(out, cache)`, where `cache` is
# whatever the backward function needs. A backward function receives `dout`, the gradient of the loss with
# respect to `out`, and returns the gradients of the vectors (bags, targets and negatives are numbers of
# words and have none). A loss is a mean over the $N$ examples. Nothing is modified in place, and dtypes
# and devices follow the inputs.

# %% [markdown]
# ## By hand
#
# **Windows.** Two sentences, $3, 1, 4, 1$ and $5, 2$, and a window of 2 words to each side. Where a
# sentence has ended there is no word, written as $-1$:
#
# | word | 2 before | 1 before | 1 after | 2 after |
# |---|---|---|---|---|
# | $3$ | $-1$ | $-1$ | $1$ | $4$ |
# | $1$ | $-1$ | $3$ | $4$ | $1$ |
# | $4$ | $3$ | $1$ | $1$ | $-1$ |
# | $1$ | $1$ | $4$ | $-1$ | $-1$ |
# | $5$ | $-1$ | $-1$ | $2$ | $-1$ |
# | $2$ | $-1$ | $5$ | $-1$ | $-1$ |
#
# The last word of the first sentence does not see the first one of the second. Word 1 stands
# in the first sentence twice: so it is its own neighbour, and 4 has it on both sides. CBOW makes 6 examples of this, one a row; skip-gram
# makes 12, one for each word that is there.
#
# **Noise.** Words that occur 256, 81, 16 and 1 times are drawn in proportion to their count to the power
# of $\frac34$: 64, 27, 8 and 1, together 100. So the last is drawn once in 100 times, and not once in
# 354.
#
# **One step.** $D = 2$. The bag holds one word, with the vector $h = (2, 4)$. Its target has
# $u_t = (4, -2)$, and one word with $u_n = (-2, 1)$ has been drawn *twice*. All scores $h \cdot u$ are 0:
# whether each is the target or a drawn word, the model says ½.
#
# | | target | drawn | drawn again | together |
# |---|---|---|---|---|
# | loss | $\ln 2$ | $\ln 2$ | $\ln 2$ | $3 \ln 2$ |
# | ∂loss/∂score: what it says less what is true | $\frac12 - 1 = -\frac12$ | $\frac12$ | $\frac12$ | |
# | gradient of $h$ | $-\frac12 (4, -2)$ | $\frac12 (-2, 1)$ | $\frac12 (-2, 1)$ | $(-4, 2)$ |
# | gradient of $u_t$ | $-\frac12 (2, 4)$ | | | $(-1, -2)$ |
# | gradient of $u_n$ | | $\frac12 (2, 4)$ | $\frac12 (2, 4)$ | $(2, 4)$ |
#
# A step against the gradient turns $h$ to $u_t$ and away from $u_n$. The word that was drawn twice is
# pushed twice: its row of the gradient is a *sum*. `gradus check` asks for the windows first.

# %%
import random

import torch

# %% [markdown]
# ## Windows, and what is predicted from what
#
# "You shall know a word by the company it keeps" (Firth, 1957): two words with the same neighbours shall get similar
# vectors. Neighbours are the words at most `window` places away, in the same sentence. Where the sentence
# has ended, $-1$ says that there is none. (Take care: in torch $-1$ is a valid index, too. Of what?)
#
# There are two ways to make training examples of a word $w$ and its neighbours. In both a *bag* of words
# has to predict one *target*:
#
# - **CBOW**, the continuous bag of words: the bag is all neighbours, the target is $w$.
# - **Skip-gram**: the bag holds $w$ alone, and each neighbour is the target of an example of its own.
#
# All that follows is the same for both. Skip-gram has more examples, and in each a word
# asks alone; in CBOW all words of a bag get the same gradient, and only other bags can tell them apart.


# %%
def context_windows(sentences, window):
    """Each word of the sentences, and the words at most `window` places before and after it.

    sentences: a list of int64 tensors (T,), each T ≥ 1. window ≥ 1. Returns (words, contexts), int64:
    words: (N,), all words in their order; contexts: (N, 2·window), the words at the distances
    −window, …, −1, 1, …, window, and −1 where the sentence has none there.
    """
    # BEGIN SOLUTION
    contexts = []
    for sentence in sentences:
        beyond = sentence.new_full((window,), -1)
        padded = torch.cat([beyond, sentence, beyond])
        around = padded.unfold(0, 2 * window + 1, 1)
        before, after = around[:, :window], around[:, window + 1 :]
        contexts.append(torch.cat([before, after], 1))
    return torch.cat(sentences), torch.cat(contexts)
    # END SOLUTION


def training_examples(words, contexts, model):
    """Which bag of words predicts which target.

    words: (N,), contexts: (N, K), −1 where there is no word. Returns (bags, targets), int64, in the
    order of the rows, and within a row from left to right; M examples, which may be 0:
    "cbow": bags: (M, K), the contexts as they are, targets: (M,), the words. A word whose
    context is empty gives no example.
    "skipgram": bags: (M, 1), the words, targets: (M,), the words of their contexts, each by itself.
    Raises ValueError for any other model. Mikolov, Chen, Corrado and Dean, 2013, arXiv:1301.3781.
    """
    # BEGIN SOLUTION
    present = contexts >= 0
    if model == "cbow":
        some = present.any(1)
        return contexts[some], words[some]
    if model == "skipgram":
        centres = words[:, None].expand_as(contexts)
        return centres[present][:, None], contexts[present]
    raise ValueError(f'model is "cbow" or "skipgram", not {model!r}')
    # END SOLUTION


# %% [markdown]
# ## The bag
#
# Every word has two vectors, which have nothing to do with each other: $v_w$, with which it *asks* as
# a word of a bag (a row of the matrix $V_\text{in}$), and $u_w$, with which it *answers* as a
# target (a row of $V_\text{out}$). With one for both, a word's score with itself, $v_w \cdot v_w$, could
# never be negative; but words rarely stand beside themselves.
#
# A bag $b_1, \dots, b_m$ asks with the mean of its vectors,
#
# $$h = \frac1m \sum_{j=1}^m v_{b_j},$$
#
# where $m$ is the number of words that are there, not the width of the window. A word that is there
# twice counts twice.
#
# Now backward. Think of $h$ as a product: $h_n = \sum_w a_{nw}\, v_w$, where $a_{nw}$ is how often $w$
# stands in bag $n$, divided by $m_n$. From here on it is a linear layer, whose gradient you know:
#
# $$\frac{\partial L}{\partial v_w} = \sum_n a_{nw}\, \bar h_n .$$
#
# The matrix $a$ has $N \cdot V$ entries, nearly all 0, so nobody writes it down: to row $w$ of a matrix
# of zeros one adds $\bar h_n / m_n$, for each place in each bag where $w$ stands. *Adds*: a word stands in
# many bags, and in one more than once. What does `d[rows] += values` do where a row occurs twice?
#
# (The authors' program divided by $m$ forward, but not backward. By experiment, this is why CBOW was long
# held to be the worse of the two: İrsoy et al., 2021.)


# %%
def bag_forward(vectors, bags):
    """The mean of the vectors of each bag's words: out_n = (1/m_n) Σ_j vectors[bags_nj].

    vectors: (V, D). bags: (N, K), words in 0 … V−1, or −1: no word. m_n ≥ 1 is how many words bag n
    has; one that is there twice counts twice. Returns (out, cache), out: (N, D).
    """
    # BEGIN SOLUTION
    present = (bags >= 0).to(vectors.dtype)
    count = present.sum(1, keepdim=True)
    weights = present / count
    rows = vectors[bags]  # for −1 the last, which the weights take away
    out = (weights[:, :, None] * rows).sum(1)
    return out, (bags, weights, len(vectors))
    # END SOLUTION


def bag_backward(dout, cache):
    """Gradient of the mean: for each word the sum over all places in the bags where it stands.

    dout: (N, D). Returns dvectors: (V, D), 0 for words that are in no bag.
    """
    # BEGIN SOLUTION
    words, weights, size = cache
    shares = weights[:, :, None] * dout[:, None, :]
    dv = dout.new_zeros(size, dout.shape[1])
    dv.index_add_(0, words.clamp(min=0).flatten(), shares.flatten(0, 1))
    return dv
    # END SOLUTION


# %% [markdown]
# ## The full softmax
#
# Which word is the target? The scores of all $V$ words are $s_w = h \cdot u_w$, and softmax makes
# probabilities of them:
#
# $$L = -\frac1N \sum_n \ln p_{n, t_n}, \qquad
#   p_{nw} = \frac{e^{h_n \cdot u_w}}{\sum_{w'} e^{h_n \cdot u_{w'}}} .$$
#
# The gradient in the scores is $(p_{nw} - [w = t_n]) / N$, as always with cross-entropy. And
# $S = H\, U^\top$ is a linear layer; transpose where the shapes ask for it. Keep the scores finite, as in
# *Softmax and cross-entropy*.
#
# Each example moves *every* row of $U$: with 100,000 words and $D = 300$ that is 30 million products
# forward, and twice as many backward, for one neighbour of one word.


# %%
def full_softmax_forward(h, vectors, targets):
    """Mean cross-entropy of the targets among all words: −(1/N) Σ_n ln softmax(h_n · vectorsᵀ)[t_n].

    h: (N, D), vectors: (V, D), targets: (N,), words in 0 … V−1. Scores of any size, such as
    ±1000. Returns (out, cache), out: scalar.
    """
    # BEGIN SOLUTION
    scores = h @ vectors.T
    log_p = scores - scores.logsumexp(1, keepdim=True)
    rows = torch.arange(len(h), device=h.device)
    picked = log_p[rows, targets]
    return -picked.mean(), (h, vectors, targets, log_p)
    # END SOLUTION


def full_softmax_backward(dout, cache):
    """Gradients of the mean cross-entropy.

    dout: scalar. Returns (dh, dvectors): (N, D) and (V, D).
    """
    # BEGIN SOLUTION
    h, vectors, targets, log_p = cache
    error = log_p.exp()
    error[torch.arange(len(h), device=h.device), targets] -= 1
    error = error * dout / len(h)
    return error @ vectors, error.T @ h
    # END SOLUTION


# %% [markdown]
# ## Negatives
#
# Ask less: here are the target and $k$ words drawn at random, the *negatives*. Is each the target?
# This needs $1 + k$ products, whatever $V$ is. From which distribution shall one draw? The authors
# tried some, and what did best in practice was the count of a word to the power of $\frac34$:
#
# $$q_w = \frac{c_w^{3/4}}{\sum_{w'} c_{w'}^{3/4}} .$$
#
# It lies between two that are easier to explain: the power 1 draws words as often as they occur, the
# power 0 all words alike. *Why* below asks what the vectors have of it.
#
# A negative should not be the target itself: one and the same row would be pulled and pushed for one
# example. So strike it out: given the target $t$, draw $w \neq t$ with the probability
# $q_w / (1 - q_t)$. Draws are independent; a word may come twice.


# %%
def noise_distribution(counts, power=0.75):
    """Probabilities in proportion to counts^power.

    counts: (V,), how often each word occurs, of a floating-point dtype; not all are 0. power ≥ 0: with
    0 all words are alike, as 0⁰ is 1. Returns (V,), which sum to 1. Mikolov, Sutskever, Chen, Corrado
    and Dean, 2013, arXiv:1310.4546.
    """
    # BEGIN SOLUTION
    weights = counts**power
    return weights / weights.sum()
    # END SOLUTION


def draw_negatives(targets, noise, k, seed):
    """k words for each target, drawn from noise, but never the target itself.

    Each is w ≠ t with the probability noise[w] / (1 − noise[t]), whatever the others are: a word may
    come twice. targets: (N,). noise: (V,), sums to 1; some word other than the target has noise
    > 0. k ≥ 1. seed: an integer; equal ones give equal draws. Returns (N, k), int64.
    """
    # BEGIN SOLUTION
    generator = torch.Generator(noise.device).manual_seed(seed)
    chances = noise.repeat(len(targets), 1)
    chances[torch.arange(len(targets)), targets] = 0
    return torch.multinomial(chances, k, replacement=True, generator=generator)
    # END SOLUTION


# %% [markdown]
# ## Negative sampling
#
# Each question has a yes or no, as in *Logistic regression*: the model says yes with probability
# $\sigma(h \cdot u)$. The right answer is yes for the target $t$ and no for the negatives
# $n_1, \dots, n_k$, and $1 - \sigma(s) = \sigma(-s)$:
#
# $$L = \frac1N \sum_n \Bigl( -\ln \sigma(h_n \cdot u_{t_n})
#   - \sum_{j=1}^k \ln \sigma(-h_n \cdot u_{n_j}) \Bigr) .$$
#
# A *sum* over the $k$ questions, a *mean* over the $N$ examples. Two things are left to you.
#
# **Stay finite.** $-\ln \sigma(s) = \ln(1 + e^{-s})$ is about $-s$ for $s \ll 0$; at $s = -1000$ it is
# 1000, and not infinite.
#
# **Differentiate.** The derivative of $-\ln \sigma(s)$ is $\sigma(s) - 1$; find that of
# $-\ln \sigma(-s)$. Both are what the model says less what is true. This error goes to $h$
# along $u$, and to $u$ along $h$. As in the bag, a row may be asked about many times: twice for one
# example, or as a target here and a negative there. All of it adds up.


# %%
def negative_sampling_forward(h, vectors, targets, negatives):
    """Mean over n of −ln σ(h_n · vectors[t_n]) − Σ_j ln σ(−h_n · vectors[negatives_nj]).

    h: (N, D), vectors: (V, D), targets: (N,), negatives: (N, k), words in 0 … V−1. Scores of any
    size, such as ±1000. Returns (out, cache), out: scalar. Mikolov, Sutskever, Chen, Corrado and
    Dean, 2013, arXiv:1310.4546.
    """
    # BEGIN SOLUTION
    words = torch.cat([targets[:, None], negatives], 1)
    scores = (vectors[words] * h[:, None, :]).sum(2)
    wrong = scores.clone()
    wrong[:, 0] = -scores[:, 0]
    losses = torch.logaddexp(wrong, torch.zeros_like(wrong))
    each = losses.sum(1)
    return each.mean(), (h, vectors, words, scores)
    # END SOLUTION


def negative_sampling_backward(dout, cache):
    """Gradients of the mean loss; what arrives at one row of the vectors more than once is summed.

    dout: scalar. Returns (dh, dvectors): (N, D) and (V, D), 0 for words that were not asked about.
    """
    # BEGIN SOLUTION
    h, vectors, words, scores = cache
    error = scores.sigmoid()
    error[:, 0] -= 1
    error = error * dout / len(h)
    dh = (error[:, :, None] * vectors[words]).sum(1)
    shares = error[:, :, None] * h[:, None, :]
    dv = torch.zeros_like(vectors)
    dv.index_add_(0, words.flatten(), shares.flatten(0, 1))
    return dh, dv
    # END SOLUTION


# %% [markdown]
# ## A step
#
# Forward through the bag and the loss, backward through both, and each matrix goes against its own
# gradient. Both gradients are those at the *old* vectors.


# %%
def word2vec_step(w_in, w_out, bags, targets, negatives, lr):
    """One step of gradient descent on both matrices.

    w_in: (V, D), the vectors of the words in bags; w_out: (V, D), those of targets and negatives.
    bags: (N, K), targets: (N,), negatives: (N, k), or None for the full softmax. Returns (w_in, w_out,
    loss), the loss before the step.
    """
    # BEGIN SOLUTION
    h, bag_cache = bag_forward(w_in, bags)
    one = h.new_ones(())
    if negatives is None:
        forward, backward, asked = full_softmax_forward, full_softmax_backward, [targets]
    else:
        forward, backward = negative_sampling_forward, negative_sampling_backward
        asked = [targets, negatives]
    loss, cache = forward(h, w_out, *asked)
    dh, dw_out = backward(one, cache)
    dw_in = bag_backward(dh, bag_cache)
    w_in, w_out = w_in - lr * dw_in, w_out - lr * dw_out
    return w_in, w_out, loss
    # END SOLUTION


# %% [markdown]
# ## A language whose neighbours are known
#
# Training needs a corpus, and to see whether it has worked one must know what should come out. So here
# is a language of 43 words. A sentence is one of the patterns; in place of a word in capitals comes a word of
# its group, the first with probability $\frac{16}{31}$, each next one half as often. Words of a
# group can stand in for each other, and only they: they are the known neighbours.
#
# The given `train` starts as the authors did, from small random vectors that ask and from zeros that
# answer, and draws new negatives in every epoch.


# %%
GROUPS = {
    "ANIMAL": ["cat", "dog", "horse", "cow", "mouse"],
    "FOOD": ["bread", "fish", "soup", "cheese", "apple"],
    "PERSON": ["king", "baker", "nurse", "farmer", "sailor"],
    "VEHICLE": ["car", "train", "ship", "bus", "bicycle"],
    "PLACE": ["city", "village", "castle", "harbour", "forest"],
    "EATS": ["eats", "likes", "smells", "finds", "tastes"],
    "DRIVES": ["drives", "repairs", "sells", "stops", "paints"],
}
PATTERNS = [
    pattern.split()
    for pattern in (
        "the ANIMAL EATS the FOOD",
        "the PERSON EATS some FOOD",
        "the PERSON DRIVES the VEHICLE",
        "a VEHICLE goes to the PLACE",
        "every ANIMAL sleeps in the PLACE",
    )
]
WORDS = sorted({word for pattern in PATTERNS for word in pattern if word not in GROUPS})
WORDS += [word for group in GROUPS.values() for word in group]
NUMBER = {word: number for number, word in enumerate(WORDS)}


def corpus(n, seed):
    """n sentences of the small language, as tensors of the words' numbers."""
    draw = random.Random(seed)
    sentences = []
    for pattern in draw.choices(PATTERNS, k=n):
        words = [
            draw.choices(GROUPS[word], (16, 8, 4, 2, 1))[0] if word in GROUPS else word
            for word in pattern
        ]
        sentences.append(torch.tensor([NUMBER[word] for word in words]))
    return sentences


def train(sentences, model, power=0.75, k=5, dim=10, epochs=5, lr=3.0, batch=64, seed=0):
    """Yields (w_in, w_out) before the first epoch and after each one. k = 0: the full softmax."""
    generator = torch.Generator().manual_seed(seed)
    bags, targets = training_examples(*context_windows(sentences, 2), model)
    counts = torch.cat(sentences).bincount(minlength=len(WORDS)).float()
    noise = noise_distribution(counts, power)
    w_in = (torch.rand(len(WORDS), dim, generator=generator) - 0.5) / dim
    w_out = torch.zeros(len(WORDS), dim)
    yield w_in, w_out
    for epoch in range(epochs):
        negatives = draw_negatives(targets, noise, max(k, 1), 1000 * seed + epoch)
        for i in torch.randperm(len(bags), generator=generator).split(batch):
            drawn = negatives[i] if k else None
            w_in, w_out, _ = word2vec_step(w_in, w_out, bags[i], targets[i], drawn, lr)
        yield w_in, w_out


def cosines(vectors):
    """The cosine of the angle between each two rows. vectors: (V, D). Returns (V, V)."""
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return unit @ unit.T


def found(vectors, place):
    """Of the four words nearest to each group's word at this place, the share that is of its group."""
    near = cosines(vectors).fill_diagonal_(-2.0)
    hits = 0
    for group in GROUPS.values():
        nearest = near[NUMBER[group[place]]].topk(len(group) - 1).indices
        hits += sum(WORDS[number] in group for number in nearest)
    return hits / 4 / len(GROUPS)


# %% [markdown]
# ## Why: what if negatives are drawn uniformly?
#
# Skip-gram is trained on 600 sentences, three times with other draws: with negatives as frequent as the
# words are (power 1), with the ¾ of the authors, and with all words alike (power 0). Each time it is
# asked whether the four nearest words, by the cosine, are the four of the same group; for the most frequent
# word of each group and for the rarest, by the vectors that ask, $v$, and by those that answer, $u$.
# The last column counts the words $w$ whose best answer, with the largest $v_w \cdot u_c$, is
# *the*.
#
# Write down before you run it: **with negatives drawn uniformly, are the neighbours still found? By the
# vectors $v$? By $u$?** For which words do you expect the difference?


# %%
def experiment(quick=False):
    """The share of known neighbours found, for three powers of the counts: means over three runs.

    Returns the rows of a table, the first its head.
    """
    rows = [("power", "v: frequent", "v: rarest", "u: frequent", "u: rarest", "best answer: the")]
    for power in (1.0, 0.75, 0.0):
        measured = []
        for seed in range(1 if quick else 3):
            sentences = corpus(60 if quick else 600, seed)
            *_, (w_in, w_out) = train(sentences, "skipgram", power, seed=seed)
            best = (w_in @ w_out.T).argmax(1) == NUMBER["the"]
            shares = [found(w, place) for w in (w_in, w_out) for place in (0, 4)]
            measured.append([*shares, best.double().mean().item()])
        rows.append((power, *torch.tensor(measured).mean(0).tolist()))
    return rows


# %% [markdown]
# By $v$ the neighbours are found whatever the negatives are: all those of the frequent words, and of the
# rarest words' 0.90, 0.94 and 0.89 for the powers 1, ¾ and 0. By $u$ the uniform negatives have their
# price: of the rarest words' neighbours 0.65 are found, and not 0.90 or 0.88. And *the* has become the
# best answer of 53 % of the words; it was that of 11 % and 16 %. (These shares of *the* differ much from
# corpus to corpus: by 0.2 is nothing unusual.)
#
# Take one word $w$ and one possible answer $c$. Of the examples in which $w$ asks, a share $P(c \mid w)$
# has $c$ as its target, and each has $c$ among its negatives $k\, q_c$ times on average (nearly: a
# target is never drawn against itself). If there are dimensions enough for every score to be free, the
# score $s$ minimises
#
# $$-P(c \mid w) \ln \sigma(s) - k\, q_c \ln \sigma(-s) .$$
#
# Its derivative, $-P(c \mid w)\,(1 - \sigma(s)) + k\, q_c\, \sigma(s)$, is 0 where
# $e^s = \sigma(s) / (1 - \sigma(s))$ is
#
# $$e^{s} = \frac{P(c \mid w)}{k\, q_c}, \qquad
#   v_w \cdot u_c = \ln \frac{P(c \mid w)}{P(c)} + \ln \frac{P(c)}{q_c} - \ln k .$$
#
# The first term is the *pointwise mutual information*: how much more often than elsewhere $c$ stands near
# $w$. With the power 1, $q_c = P(c)$ and the second term is 0 (Levy and Goldberg, 2014). With uniform
# negatives it is $\ln P(c)$ and a constant: the more frequent a word, the better an answer
# it is, to whatever.
#
# Now look at what this term does. It does not depend on $w$. A score that is the same for all $w$ needs one
# direction that all $v_w$ have in common: what tells them apart stays, so the neighbours by $v$ are
# still found. But along this direction each $u_c$ must go as far as its own frequency says. So
# words of one group, which are frequent and rare, come apart.

# %% [markdown]
# ## Show: the neighbours of five words as training goes on
#
# Skip-gram with 150 sentences. Each line is the cosine of one word with the word above the panel;
# the words of its group are coloured and named, the others grey. At the start the vectors are random.
# After the first epoch nearly all words are alike: the first thing that is learnt is the same for all of
# them. Then the others leave, and most of the group stays. The last panel shows the share of known neighbours, over all words, for skip-gram and CBOW with
# negative sampling, and for skip-gram with the full softmax.


# %%
def figure(quick=False):
    """Cosines of five words with all others, epoch by epoch, and known neighbours found by three ways.

    Returns a figure.
    """
    import matplotlib.pyplot as plt

    sentences, epochs = corpus(40 if quick else 150, 0), 3 if quick else 25
    ways = (
        ("skip-gram", "skipgram", 5),
        ("CBOW", "cbow", 5),
        ("skip-gram, full softmax", "skipgram", 0),
    )
    histories = {
        name: [w_in for w_in, _ in train(sentences, model, k=k, epochs=epochs)]
        for name, model, k in ways
    }
    drawn, panels = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    groups = ("ANIMAL", "FOOD", "PERSON", "VEHICLE", "PLACE")
    history = torch.stack([cosines(w_in) for w_in in histories["skip-gram"]])
    for axes, group in zip(panels.flat[:5], groups, strict=True):
        word, *_ = own = GROUPS[group]
        lines = history[:, NUMBER[word]]
        others = [NUMBER[w] for w in WORDS if w not in own]
        axes.plot(lines[:, others], color="0.8", lw=0.7)
        for neighbour in own[1:]:
            axes.plot(lines[:, NUMBER[neighbour]], lw=2, label=neighbour)
        axes.set(title=word, xlabel="epoch", ylabel="cosine", ylim=(-1.02, 1.02))
        axes.legend(loc="lower right")
    for name, steps in histories.items():
        shares = [sum(found(w_in, place) for place in range(5)) / 5 for w_in in steps]
        panels.flat[5].plot(shares, label=name)
    chance = 4 / (len(WORDS) - 1)
    panels.flat[5].axhline(chance, color="0.7", ls=":", label="by chance")
    panels.flat[5].set(title="known neighbours found", xlabel="epoch", ylim=(0, 1.02))
    panels.flat[5].legend(loc="lower right")
    return drawn


# %% [markdown]
# ## ★ Extension
#
# *the* is in every window, and says nothing. The authors leave each word out of the text before the windows
# are made, with the probability $1 - \sqrt{t / f_w}$, where $f_w$ is its share of all words and $t$ is
# about $10^{-5}$ in a large corpus (where $f_w < t$, it stays). Do so with the small language and a $t$ that
# you find sensible: how many examples are left, and how many of the known neighbours? Note what it does to
# the windows, too: the words that are left come closer together.
#
# Or cross the sentence ends on purpose: join all sentences to one, and see which neighbours are lost.

# %% [markdown]
# ## Read on
#
# - Mikolov, Chen, Corrado and Dean, *Efficient Estimation of Word Representations in Vector Space*, 2013,
#   arXiv:1301.3781. CBOW and skip-gram, and what the vectors know about Paris and France.
# - Mikolov, Sutskever, Chen, Corrado and Dean, *Distributed Representations of Words and Phrases and
#   their Compositionality*, 2013, arXiv:1310.4546. Negative sampling, the ¾, and leaving out frequent
#   words.
# - Goldberg and Levy, *word2vec Explained: Deriving Mikolov et al.'s Negative-Sampling Word-Embedding
#   Method*, 2014, arXiv:1402.3722. The loss, derived slowly.
# - Rong, *word2vec Parameter Learning Explained*, 2014, arXiv:1411.2738. All gradients, written out.
# - Levy and Goldberg, *Neural Word Embedding as Implicit Matrix Factorization*, 2014, in Advances in
#   Neural Information Processing Systems 27. The identity of dot products and mutual information above.
# - Levy, Goldberg and Dagan, *Improving Distributional Similarity with Lessons Learned from Word
#   Embeddings*, 2015, doi:10.1162/tacl_a_00134. Which of the details matter, and how all this is related
#   to counting.
# - İrsoy, Benton and Stratos, *Corrected CBOW Performs as well as Skip-gram*, 2021, arXiv:2012.15332. The
#   division by $m$ that was forgotten in the backward pass.

# %% [markdown] tags=["hints"]
# ## context_windows
# 1. One row for every word of every sentence, 2·window columns. The word itself is in none of them: there
#    is no distance 0.
# 2. Row of place $i$: the words at $i - w, \dots, i - 1$ and $i + 1, \dots, i + w$, where a place before
#    0 or after the last gives $-1$.
# 3. Take each sentence alone. Put `window` times −1 before and after it. Cut out all stretches of
#    2·window + 1 words, leave out the middle column, and join the rows of all sentences at the end.
#
# ## training_examples
# 1. CBOW has as many rows as there are words with any neighbour. Skip-gram has one row for each entry of
#    contexts that is not −1, and bags of one column.
# 2. CBOW: neighbours → word. Skip-gram: word → neighbour.
# 3. Find where contexts are not −1. CBOW: keep the rows with at least one such place. Skip-gram: repeat
#    each word along its row of contexts, and take both, words and contexts, at those places.
#
# ## bag_forward
# 1. Looked up, the bags are (N, K, D), and the mean is over the axis K. Whether a word is there is (N, K):
#    it needs a third axis before it can multiply vectors.
# 2. $h_n = \frac{1}{m_n} \sum_j v_{b_{nj}}$ over the places that are not $-1$; $m_n$ counts these.
# 3. Note which places hold a word. Look up all places, multiply by 0 what is found where there is no
#    word, sum over the places, divide by the number of words. Keep the bags, the weights and V.
#
# ## bag_backward
# 1. dvectors is (V, D). What a place of a bag gives to the vector of its word is (D,), so all that is given
#    is (N, K, D).
# 2. $\partial L / \partial v_w = \sum_{n, j} [b_{nj} = w]\; \bar h_n / m_n$.
# 3. Spread each row of dout over the K places with the weights of the forward pass (0 where there is
#    no word). Add all these rows to a matrix of zeros, at the rows of their words, with an operation that
#    sums where a row occurs more than once.
#
# ## full_softmax_forward
# 1. The scores are (N, V): every example with every word.
# 2. $L = \frac1N \sum_n (\ln \sum_w e^{s_{nw}} - s_{n, t_n})$, with $s_{nw} = h_n \cdot u_w$.
# 3. Multiply h by the vectors, transposed. Take the logarithm of softmax in each row so that it stays
#    finite, pick the target's entry of each row, take the mean, change the sign.
#
# ## full_softmax_backward
# 1. The error is (N, V), like the scores; dh is (N, D) and dvectors (V, D): both are products of the
#    error with what the other one was.
# 2. $E_{nw} = (p_{nw} - [w = t_n]) / N$; then $\bar H = E\, U$ and $\bar U = E^\top H$.
# 3. Take the probabilities, subtract 1 at the target of each row, divide by N, multiply by dout. Then two
#    matrix products.
#
# ## noise_distribution
# 1. One number for each word, as counts.
# 2. $q_w = c_w^{a} / \sum_{w'} c_{w'}^{a}$, where $a$ is power.
# 3. Raise the counts to the power, then divide by the sum of the results.
#
# ## draw_negatives
# 1. N targets, so N distributions over V words; from each k draws.
# 2. $P(w \mid t) = q_w / (1 - q_t)$ for $w \ne t$, and 0 for $w = t$.
# 3. Repeat the noise for every target, put 0 at the target of each row, and draw k from each row, with
#    replacement, from a generator that is seeded here. torch has a function that draws from the rows
#    of a matrix of weights.
#
# ## negative_sampling_forward
# 1. Target and negatives together are (N, 1 + k) words, their vectors (N, 1 + k, D), their scores
#    with h (N, 1 + k).
# 2. $\ln(1 + e^{-s})$ for the target, $\ln(1 + e^{s})$ for each negative; the sum over a row, the mean over
#    the rows.
# 3. Look up all vectors, multiply by h and sum over D. Turn the sign of the target's score. Take
#    $\ln(e^0 + e^{s})$ with a function that does not overflow, sum and average.
#
# ## negative_sampling_backward
# 1. The error is (N, 1 + k). dh sums over the 1 + k questions; dvectors collects N · (1 + k) rows of D.
# 2. $e_{nj} = (\sigma(s_{nj}) - y_{nj}) / N$ with $y = 1$ for the target and 0 for negatives;
#    $\bar h_n = \sum_j e_{nj}\, u_{w_{nj}}$ and $\bar u_w = \sum_{n, j} [w_{nj} = w]\; e_{nj}\, h_n$.
# 3. Take σ of the scores, subtract 1 in the target's column, divide by N, multiply by dout. Multiply by
#    the vectors and sum for dh. Multiply by h and add up at the rows of the words for dvectors, as in the
#    bag.
#
# ## word2vec_step
# 1. Both matrices keep their shape. h, (N, D), is all that the two halves of the step hand to each other;
#    back comes dh.
# 2. $V_\text{in} \leftarrow V_\text{in} - \text{lr}\, \partial L / \partial V_\text{in}$, and so for
#    $V_\text{out}$.
# 3. The bag's forward, the loss's forward (which one says negatives), the loss's backward with a 1, the
#    bag's backward with dh. Only then both updates.
