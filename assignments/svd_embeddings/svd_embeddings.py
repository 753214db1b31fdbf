# %% [markdown]
# # Word vectors by counting
#
# Words that keep the same company mean much the same. So count who stands beside whom, ask which counts
# are higher than chance would make them, and keep the few directions in which the table varies most:
# the words have become short vectors, and neighbours among them are words of a kind.
#
# **Afterwards you can** turn a corpus into word vectors by co-occurrence counts, positive pointwise
# mutual information and a truncated singular value decomposition, find a word's neighbours by their
# cosines, and say what the axes of such vectors mean, and what they do not.
#
# Before: nothing but logarithms and matrix products; nothing is learnt by gradients here. After:
# *Word2vec* trains such vectors word by word, another way to the same end; *Read on* says how the two
# are related. *Sparsemax* turns scores, such as the similarities of vectors, into weights.
#
# **Conventions.** A word is its number in the vocabulary, $0 \dots V-1$. A corpus is two vectors of the
# same length $M$: `tokens`, the words in their order, and `sentence`, the number of the sentence that
# each belongs to. Logarithms are natural. Nothing is modified in place, and devices and the dtypes of
# floating-point numbers follow the inputs.

# %% [markdown]
# ## By hand
#
# Three words, hot (0), tea (1), ice (2), and three sentences: *hot tea hot*, *ice tea*, *hot ice*.
#
# | `tokens` | 0 | 1 | 0 | 2 | 1 | 0 | 2 |
# |---|---|---|---|---|---|---|---|
# | `sentence` | 0 | 0 | 0 | 1 | 1 | 2 | 2 |
#
# Two words *co-occur* when they stand in one sentence, at most two places apart: the *window* is 2.
# Each is then counted in the row of the other.
#
# | counts | hot | tea | ice | sum |
# |---|---|---|---|---|
# | hot | 2 | 2 | 1 | 5 |
# | tea | 2 | 0 | 1 | 3 |
# | ice | 1 | 1 | 0 | 2 |
#
# - In the first sentence the two *hot* see each other. That is a 2 on the diagonal: one for each of
#   them.
# - The second *hot* and *ice* are neighbours in `tokens`, but there a sentence ends. It counts for
#   nothing.
#
# All counts together are 10. If company were chance, hot would meet tea in $\frac{5}{10} \cdot
# \frac{3}{10}$ of all cases, that is 1.5 times. It did twice: $\frac43$ as often.
#
# | as often as by chance | hot | tea | ice |
# |---|---|---|---|
# | hot | $2 \cdot 10 / 25 = \frac45$ | $2 \cdot 10 / 15 = \frac43$ | $1 \cdot 10 / 10 = 1$ |
# | tea | $\frac43$ | $0$ | $1 \cdot 10 / 6 = \frac53$ |
# | ice | $1$ | $\frac53$ | $0$ |
#
# The logarithm is positive for two pairs only. All else becomes 0: what is rarer than chance
# ($\ln\frac45$), what is just chance ($\ln 1$), and what never happened ($\ln 0$).
#
# Say the two numbers that are left were 3 and 4 (they are $\ln\frac43$ and $\ln\frac53$), and look at
# the rows of
#
# $$X = \begin{pmatrix} 0 & 3 & 0 \\ 3 & 0 & 4 \\ 0 & 4 & 0 \end{pmatrix}, \qquad
#   X X^\top = \begin{pmatrix} 9 & 0 & 12 \\ 0 & 25 & 0 \\ 12 & 0 & 16 \end{pmatrix} .$$
#
# The cosine of hot and ice is $12 / (3 \cdot 4) = 1$, though their own entry in $X$ is 0: they are
# alike because both go with tea. Tea has the cosine 0 with either.
#
# The table of counts is the first thing that `gradus check` asks you for.

# %%
import random
import re
from collections import Counter

import torch

# %% [markdown]
# ## Counting company
#
# Word $i$ at the place $s$ and word $j$ at the place $t$ co-occur if both places are in the same
# sentence and $1 \le |s - t| \le w$. The count $n_{ij}$ is the number of such ordered pairs of places
# $(s, t)$. So the table is symmetric; on the diagonal stands twice the number of pairs in which a word
# meets itself.
#
# No loop over the words is needed. Hold the corpus against itself, shifted by $d$ places: all pairs at
# the distance $d$ lie one upon the other, and one comparison says which of them are in the same
# sentence. Many of these pairs are the same two words, and every one of them counts.


# %%
def cooccurrence(tokens, sentence, vocab, window):
    """How often each word stands near each other one: at most `window` places away, in one sentence.

    tokens: (M,) integers in 0 … vocab − 1, the words in their order. sentence: (M,) integers that
    never fall, the sentence of each. vocab ≥ 1. window ≥ 0. Returns (vocab, vocab) integers,
    symmetric: each pair of places counts once for either word, so a word near itself counts twice.
    """
    raise NotImplementedError


# %% [markdown]
# ## More than chance
#
# A high count says little: *the* stands near everything. Let $n = \sum_{ij} n_{ij}$, and take a pair at
# random. It is word $i$ beside word $j$ with probability $p_{ij} = n_{ij} / n$; its first word is $i$
# with probability $p_i = \sum_j n_{ij} / n$, its second one is $j$ with $q_j = \sum_i n_{ij} / n$. The
# *pointwise mutual information* compares what is with what chance would make of the same frequencies:
#
# $$\mathrm{PMI}_{ij} = \ln \frac{p_{ij}}{p_i\, q_j} .$$
#
# Put the counts in: how often does $n$ stand above, how often below? The number does not change when
# all counts are doubled.
#
# Where $n_{ij} = 0$ this is $-\infty$, and where it is small and negative, it says mostly that the
# corpus was short: to find that two rare words avoid each other takes very many pairs. *Positive* PMI
# keeps what can be trusted, $\max(\mathrm{PMI}_{ij}, 0)$, with 0 where there is no count. Think of a
# word of the vocabulary that does not occur at all: what are its $p_{ij}$ and $p_i$, and what does a
# computer make of their quotient?
#
# Rows and columns need not be the same words. So nothing below takes the table to be square.


# %%
def ppmi(counts):
    """Positive pointwise mutual information: max(0, ln(p_ij / (p_i q_j))), and 0 where n_ij = 0.

    counts: (V, C), floating point, ≥ 0: V words and C contexts, p_ij = n_ij / Σ n, p_i and q_j its
    sums over the contexts and over the words. Rows, columns and all of it may be 0. Returns (V, C).
    Church and Hanks, 1989; Bullinaria and Levy, 2007, doi:10.3758/BF03193020.
    """
    raise NotImplementedError


# %% [markdown]
# ## The few directions that matter
#
# Every matrix has a *singular value decomposition* $X = U \Sigma V^\top$: the columns $u_1, u_2, \dots$
# of $U$ are orthonormal, so are those of $V$, and $\Sigma$ is diagonal with $\sigma_1 \ge \sigma_2 \ge
# \dots \ge 0$. In other words $X$ is a sum of tables of rank 1, ordered by their size:
#
# $$X = \sum_i \sigma_i\, u_i v_i^\top, \qquad \lVert X \rVert^2 = \sum_i \sigma_i^2 .$$
#
# The norm is the root of the sum of squares; it is the same for $\Sigma$, as $U$ and $V$ only turn and
# mirror. Stop after $k$ terms: what is lost is $\sum_{i > k} \sigma_i^2$, and no other matrix of rank
# $k$ comes nearer to $X$ (Eckart and Young, 1936). `torch.linalg.svd` returns $U$, the vector of the
# $\sigma_i$ and $V^\top$, already transposed: its *rows* are the $v_i$.


# %%
def low_rank(x, k):
    """The matrix of rank k (at most) that is nearest to x in the sum of squares.

    x: (V, C). 1 ≤ k ≤ min(V, C). Returns (V, C). Unique where σ_k > σ_{k+1}. Eckart and Young, 1936,
    doi:10.1007/BF02288367.
    """
    raise NotImplementedError


# %% [markdown]
# A row of that matrix still has $C$ entries, but it is a combination of only $k$ vectors, the
# orthonormal $v_1, \dots, v_k$. Its $k$ coefficients are the word's vector. For two words $i$ and $j$
# their dot product, and so their length and their angle, is that of the two rows. Which matrix has
# these coefficients in its rows? Write it with $U$ and $\Sigma$, then multiply it with its own
# transpose.
#
# Raise the $\sigma_i$ in it to a power $p$, and the directions count for more or less. With $p = 1$ the
# geometry is that of the rows. With $p = \frac12$ words and contexts share the $\sigma_i$ equally; with
# $p = 0$ all directions that are kept count alike. For finding neighbours $p < 1$ is often better
# (Levy, Goldberg and Dagan, 2015).
#
# **What is determined?** Change the sign of $u_i$ and of $v_i$, and the product is the same. Where
# $\sigma_1 = \sigma_2$ any rotation of $u_1$ and $u_2$ (with the same one of $v_1$ and $v_2$) is as
# good. So two right programs may return different vectors. But lengths and angles of the vectors are
# the same in both, as long as $\sigma_k > \sigma_{k+1}$, and that is what the checks look at: $E
# E^\top$ for the matrix $E$ of all vectors. In the example above $\sigma_1 = \sigma_2 = 5$ and
# $\sigma_3 = 0$: the vectors may be turned, and their $E E^\top$ is $X X^\top$.


# %%
def embed(x, k, power=1.0):
    """One vector for each row of x: its coefficients in the first k directions, weighted by σ^power.

    x: (V, C). 1 ≤ k ≤ min(V, C), σ_k > σ_{k+1} and σ_k > 0. power ≥ 0: 1 keeps the lengths and the
    angles of the rows of the nearest matrix of rank k, 0 leaves the singular values out. Returns (V, k),
    determined up to a rotation or reflection of all rows together. Levy, Goldberg and Dagan, 2015,
    doi:10.1162/tacl_a_00134.
    """
    raise NotImplementedError


# %% [markdown]
# ## Neighbours
#
# Long vectors have large dot products with everybody. What two words have in common is the angle:
#
# $$\cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} .$$
#
# It is 1 for the same direction, 0 for a right angle, $-1$ for opposite directions, and does not care
# about lengths, however small they are. A row of zeros has no direction: we give it the cosine 0 with
# everything.
#
# The nearest neighbours of a word are those with the largest cosines, the word itself excepted. Two
# words may have exactly the same direction; so the word itself is told by its *place*, not by its
# cosine of 1.


# %%
def cosine(a, b):
    """Cosine of each row of a with each row of b: a·b / (‖a‖ ‖b‖), and 0 where one of them is 0.

    a: (N, D). b: (M, D). Returns (N, M), in [−1, 1]. Lengths do not matter, from 1e-100 to 1e100 in
    float64.
    """
    raise NotImplementedError


def nearest(vectors, k):
    """The k nearest neighbours of each word, the nearest first: the largest cosines.

    vectors: (V, D). 1 ≤ k ≤ V − 1. A word is no neighbour of itself. Equal cosines may come in any
    order. Returns (V, k), integers in 0 … V − 1.
    """
    raise NotImplementedError


# %% [markdown]
# ## Why: what do the first two axes mean?
#
# Here is a corpus whose neighbours are known, for we make it ourselves. A sentence is about one of
# three topics, and has the form *article (adjective) noun verb article (adjective) noun*, as in *the
# calm gull follows a boat*. Each topic has four nouns, four verbs and four adjectives, some more
# frequent than others. Words of the same topic and of the same part of speech can replace each other,
# and nothing else can: these three are what a word's three nearest neighbours should be.
#
# Two things tell words apart, then: topic and part of speech. We make vectors (of PPMI, window 2) and
# look at single axes, the columns of $U$. For each the table says how many of the 38 words lie on its
# larger side; how much of the variance of the 36 words with a topic is between the topics, and how much
# between the parts of speech; and the cosine of the axis with the same axis from *another* corpus of
# the same grammar, without its sign. The last two rows ask that of three axes together: the smallest
# cosine that a direction in the space of these three has with that space of the other corpus.
#
# Write down before you run it: **what do axis 1 and axis 2 tell apart?** And which axes will another
# corpus of 4,000 sentences have in common with this one?


# %%
GRAMMAR = {
    "sea": {
        "noun": "boat fish gull wave",
        "verb": "follows lifts passes rocks",
        "adjective": "calm deep salty wet",
    },
    "kitchen": {
        "noun": "cook knife pan soup",
        "verb": "cuts fills heats stirs",
        "adjective": "fresh hot sharp sweet",
    },
    "road": {
        "noun": "bicycle bus car truck",
        "verb": "hits meets overtakes stops",
        "adjective": "fast loud narrow red",
    },
}
ARTICLES = ["the", "a"]
CELLS = [(t, p) for t, parts in GRAMMAR.items() for p in parts]  # the topic and the part of speech
WORDS = ARTICLES + [word for t, p in CELLS for word in GRAMMAR[t][p].split()]
CELL = torch.tensor([-1, -1] + [at for at in range(len(CELLS)) for _ in range(4)])
TOPIC, PART = CELL.div(3, rounding_mode="floor"), CELL.where(CELL < 0, CELL % 3)


def make_corpus(count, seed):
    """Random sentences of the grammar. Returns (tokens, sentence), integers: (M,), (M,)."""
    draw = random.Random(seed)
    number = {word: at for at, word in enumerate(WORDS)}
    tokens, sentence = [], []
    for at in range(count):
        parts = draw.choice(list(GRAMMAR.values()))
        form = []
        for part in ("noun", "verb", "noun"):
            if part == "noun":
                form.append(draw.choices(ARTICLES, (2, 1))[0])
                if draw.random() < 0.5:
                    form.append(draw.choices(parts["adjective"].split(), (4, 3, 2, 1))[0])
            form.append(draw.choices(parts[part].split(), (4, 3, 2, 1))[0])
        tokens += [number[word] for word in form]
        sentence += [at] * len(form)
    return torch.tensor(tokens), torch.tensor(sentence)


def table_of(count, seed, window=2):
    """The PPMI of a random corpus, in float64: (38, 38)."""
    counts = cooccurrence(*make_corpus(count, seed), len(WORDS), window)
    return ppmi(counts.double())


def between(values, groups):
    """The part of the variance of the words with a topic that lies between groups: in [0, 1]."""
    values, groups = values[CELL >= 0], groups[CELL >= 0]
    means = torch.stack([values[groups == g].mean() for g in range(3)])[groups]
    return (means.var(correction=0) / values.var(correction=0)).item()


def recovered(vectors):
    """The part of the three nearest words (of those with a topic) that are the right three."""
    cells = CELL[CELL >= 0]
    found = nearest(vectors[CELL >= 0], 3)
    return (cells[found] == cells[:, None]).double().mean().item()


def experiment(quick=False):
    """What single axes tell apart. Returns the rows of a table, the first its head."""
    count = 400 if quick else 4000
    first, other = (embed(table_of(count, seed), 6, 0.0) for seed in (0, 1))
    strength = embed(table_of(count, 0), 6, 1.0).norm(dim=0)
    rows = [("axis", "σ", "on one side", "between topics", "between parts", "in another corpus")]
    for at in range(6):
        axis, same = first[:, at], abs((first[:, at] @ other[:, at]).item())
        side = max((axis > 0).sum().item(), (axis < 0).sum().item())
        shares = between(axis, TOPIC), between(axis, PART)
        rows.append((at + 1, strength[at].item(), side, *shares, same))
    for at in (slice(0, 3), slice(3, 6)):
        same = torch.linalg.svdvals(first[:, at].T @ other[:, at]).min().item()
        rows.append((f"{at.start + 1} to {at.stop} together", "", "", "", "", same))
    return rows


# %% [markdown]
# **Axis 1 tells nothing apart by its sign: all 38 words are on one side.** The table has no negative
# entry. If $u$ and $v$ are unit vectors, $u^\top X v$ can only grow when all their entries lose their
# signs, so the largest value, which is $\sigma_1$, is reached with entries $\ge 0$. And as any two
# words are linked by a chain of words of which each shares company with the next, it is reached in no
# other way, but for one sign (Perron and Frobenius). Axis 1 is $u_1 = X v_1 / \sigma_1$: a sum of all a
# word's associations, with positive weights. That it also differs between the topics is due to the next
# point.
#
# **Axis 2 sets topics against each other, but which ones is chance.** Words of two topics never meet.
# But for the articles the table would fall into three blocks, alike but for the words, and then the
# same $\sigma$ would be there three times: three axes of which any rotation is as good. Nearly so it
# is: 11.2, 10.7 and 10.4. What decides among the rotations is the noise of 4,000 sentences, and another
# corpus decides otherwise: the cosines are 0.53 and 0.46. Together the three axes are a property of the
# language: a direction in the space of one corpus has a cosine of at least 0.9992 with the space of the
# other. In that space the topics are apart, and nothing says that it has a coordinate axis for each.
#
# Axes 4 to 6 do the same for parts of speech, within one topic each (so parts make up only a third of
# the variance of such an axis). Axis 4 is the same in both corpora by luck; 5 and 6 have changed
# places, as they may: 6.16 and 5.92 are close. Together they are the same to 0.9975.
#
# So do not read single axes, and do not test them. Subspaces with a gap after them, lengths and angles
# are what a decomposition says.

# %% [markdown]
# ## Show: words on a plane
#
# Above: the first two coordinates of all 38 words, from two corpora of the same grammar; beside each
# heap its twelve words. A colour is a topic, a shape a part of speech, and the two crosses are the
# articles. Each topic lies along one ray from the origin: its words differ by less than two degrees,
# which is yet enough for five of six right neighbours (below, right, at $k = 2$). Everything is on one
# side of axis 1. The picture on the right is another one, though the language is the same.
#
# Below, left: all cosines in eight dimensions, the words in the order of their cells. Nothing of it
# depends on signs or rotations, and the cells are plain to see. Below, right: which part of the three
# nearest words are the right three, against the number of dimensions, for rows of PPMI and for plain
# counts. In a language this small and clean, counts do as well. With power 0 the directions that are
# only noise count like all others, and the more of them are kept, the more neighbours are lost.
#
# At the bottom: a language that nobody made for us, *Alice's Adventures in Wonderland*. Of its 27,000
# words those are kept that occur ten times or more; window 1, twenty dimensions, power ½. Of all words
# that occur twenty times those are shown whose nearest neighbour is nearest, with their four
# neighbours. Which kinds of words did your functions find? A novel is a short text for this: look
# further down the list (make `shown` larger), and company begins to count as kinship.


# %%
def read(text, least):
    """The words of a text that occur so often, by their frequency; (tokens, sentence), (M,) each."""
    parts = re.split(r"[.!?:;]|\n\n", text.lower())
    sentences = [re.findall(r"[a-z]+(?:'[a-z]+)?", part) for part in parts]
    counts = Counter(word for sentence in sentences for word in sentence)
    words = [word for word, count in counts.most_common() if count >= least]
    number = {word: at for at, word in enumerate(words)}
    kept = [(number[w], at) for at, s in enumerate(sentences) for w in s if w in number]
    return words, *torch.tensor(kept).T


def kinship(text, shown=14, often=20):
    """The words that have the nearest neighbours, the nearest first, each with four of them."""
    words, tokens, sentence = read(text, 10)
    counts = cooccurrence(tokens, sentence, len(words), 1)
    vectors = embed(ppmi(counts.double()), 20, 0.5)
    found = nearest(vectors, 4)
    first = cosine(vectors, vectors).gather(1, found[:, :1])[:, 0]
    first[tokens.bincount() < often] = -1
    return [(words[at], ", ".join(words[n] for n in found[at])) for at in first.topk(shown).indices]


def figure(text, quick=False):
    """Words on the first two axes for two corpora, their cosines, what is recovered; a novel."""
    import matplotlib.pyplot as plt

    count = 400 if quick else 4000
    drawn = plt.figure(figsize=(11, 12), layout="constrained")
    grid = drawn.add_gridspec(3, 2, height_ratios=(4, 4, 2))
    axes = [[drawn.add_subplot(grid[row, column]) for column in (0, 1)] for row in (0, 1)]
    tables = [table_of(count, seed) for seed in (0, 1)]
    for ax, table, name in zip(axes[0], tables, ("one corpus", "another"), strict=True):
        vectors = embed(table, 2)
        for at, (topic, part) in enumerate(CELLS):
            marker, colour = "o^s"[at % 3], f"C{at // 3}"
            here = vectors[at == CELL]
            label = f"{topic}, {part}"
            ax.scatter(*here.T, marker=marker, color=colour, s=36, alpha=0.7, label=label)
        for topic in range(3):
            place = vectors[topic == TOPIC].mean(0)
            words = [WORDS[2 + 12 * topic + at] for at in range(12)]
            heap = "\n".join(" ".join(words[at : at + 4]) for at in (0, 4, 8))
            ax.annotate(heap, place, (16, -12), textcoords="offset points", fontsize=8)
        ax.scatter(*vectors[CELL < 0].T, marker="x", color="k", label="article")
        ax.axhline(0, color="0.8", lw=0.8, zorder=0)
        ax.axvline(0, color="0.8", lw=0.8, zorder=0)
        ax.margins(0.12)
        ax.set(title=f"{name}: the first two axes", xlabel="axis 1", ylabel="axis 2")
    axes[0][0].legend(fontsize=7)

    vectors = embed(tables[0], 8, 0.5)[2:]
    ax = axes[1][0]
    similar = ax.imshow(cosine(vectors, vectors), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    drawn.colorbar(similar, ax=ax)
    ticks = [1.5 + 4 * at for at in range(len(CELLS))]
    names = [f"{topic}, {part}" for topic, part in CELLS]
    ax.set(title="cosines in eight dimensions", xticks=[], yticks=ticks, yticklabels=names)

    ax, sizes = axes[1][1], (1, 2, 3, 4, 6, 8, 12, 16, 24)
    counts = cooccurrence(*make_corpus(count, 0), len(WORDS), 2).double()
    for table, name in ((tables[0], "PPMI"), (counts, "counts")):
        for power, line in ((0.0, ":"), (0.5, "-"), (1.0, "--")):
            shares = [recovered(embed(table, k, power)) for k in sizes]
            colour = "C3" if name == "PPMI" else "0.4"
            ax.plot(sizes, shares, line, color=colour, label=f"{name}, power {power:g}")
    ax.set(title="neighbours recovered", xlabel="dimensions k", ylabel="share", ylim=(0, 1.03))
    ax.legend(fontsize=8)

    ax, rows = drawn.add_subplot(grid[2, :]), kinship(text)
    ax.set_title("a novel: words and their neighbours")
    ax.axis("off")
    half = len(rows) // 2
    cells = [[*left, *right] for left, right in zip(rows[:half], rows[half:], strict=True)]
    widths = (0.12, 0.38, 0.12, 0.38)
    table = ax.table(cells, colWidths=widths, cellLoc="left", loc="center", edges="horizontal")
    table.auto_set_font_size(False)
    return drawn


# %% [markdown]
# ## ★ Extension: a decomposition of your own
#
# - Write the truncated decomposition without `torch.linalg.svd`. Start with a random matrix $Q$ of $k$
#   columns, and repeat: multiply it by $X X^\top$, then make its columns orthonormal again
#   (`torch.linalg.qr`). The columns turn into the space of $u_1, \dots, u_k$, the faster, the smaller
#   $\sigma_{k+1} / \sigma_k$ is. What happens for $k = 2$ with the corpus above, and why not for $k =
#   3$?
# - Narrow the window of the corpus to 1. Fewer of the right three are found: which words that are not
#   of the same part of speech do now keep the same company?
# - Let the window run across the ends of sentences (all numbers in `sentence` 0). What becomes of the
#   three nearly equal $\sigma$, and why?

# %% [markdown]
# ## Read on
#
# - Kenneth Ward Church and Patrick Hanks, *Word association norms, mutual information, and
#   lexicography*, 1989, doi:10.3115/981623.981633: pointwise mutual information of words, for the
#   makers of dictionaries.
# - Scott Deerwester, Susan Dumais, George Furnas, Thomas Landauer and Richard Harshman, *Indexing by
#   latent semantic analysis*, 1990, doi:10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9:
#   the truncated decomposition, of a table of words and documents.
# - John Bullinaria and Joseph Levy, *Extracting semantic representations from word co-occurrence
#   statistics: a computational study*, 2007, doi:10.3758/BF03193020: positive PMI with cosines, against
#   the alternatives.
# - Peter Turney and Patrick Pantel, *From frequency to meaning: vector space models of semantics*,
#   2010, arXiv:1003.1141: a survey of what may stand in the rows and columns.
# - Omer Levy, Yoav Goldberg and Ido Dagan, *Improving distributional similarity with lessons learned
#   from word embeddings*, 2015, doi:10.1162/tacl_a_00134: what word2vec and this topic have in common,
#   and how much of their difference is settings, the power of $\Sigma$ among them.
# - Carl Eckart and Gale Young, *The approximation of one matrix by another of lower rank*, 1936,
#   doi:10.1007/BF02288367: the nearest matrix of rank $k$.
# - Nathan Halko, Per-Gunnar Martinsson and Joel Tropp, *Finding structure with randomness*, 2009,
#   arXiv:0909.4061: how it is computed for large tables, with proofs.
