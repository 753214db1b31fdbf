"""What goes wrong in svd_embeddings, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

SHORT = "the farthest distance is left out: places that are exactly `window` apart count"

cooccurrence = mistakes(
    change(
        "sentence[:-d] == sentence[d:] -> sentence[:-d] == sentence[:-d]",
        "counted across the ends of sentences: both places must be in the same one",
    ),
    change("counts + counts.T -> counts", "only the words after are counted: those before, too"),
    change("range(1, window + 1) -> range(1, window)", SHORT),
    change(
        "range(1, window + 1) -> range(1, window + 2)",
        "the window is one place too wide: at most `window` places lie between s and t",
    ),
    change(
        "range(1, window + 1) -> range(1, len(tokens))",
        "the whole sentence is counted: the window ends `window` places away",
    ),
    change(
        "counts += torch.bincount(pairs, minlength=vocab**2).reshape(vocab, vocab) -> "
        "counts[left[together], right[together]] += 1",
        "equal pairs overwrite each other: with an index that is there twice, += adds only once",
    ),
    change(
        "counts + counts.T -> ((counts + counts.T) > 0).long()",
        "only whether they meet is kept: it is how often that counts",
    ),
    change(
        "counts + counts.T -> counts + counts.T - torch.diag(2 * counts.diag())",
        "the diagonal is set to 0: a word may stand near itself",
    ),
    change(
        "counts + counts.T -> counts + counts.T - torch.diag(counts.diag())",
        "a word near itself is counted once: each of the two places sees the other",
    ),
    change(
        "vocab, vocab, dtype=torch.int64 -> vocab, vocab, dtype=torch.float64",
        "weighted by the distance: near or far, each pair counts as 1",
        also="counts += torch.bincount(pairs, minlength=vocab**2).reshape(vocab, vocab) -> "
        "counts += torch.bincount(pairs, minlength=vocab**2).reshape(vocab, vocab) / d",
    ),
)
equivalent("cooccurrence", "== sentence[d:] -> >= sentence[d:]", why="the numbers never fall")

ppmi = mistakes(
    change(
        "pmi.where(counts > 0, 0) -> pmi",
        "0/0 of a word that never occurs: where the count is 0, the result is 0",
    ),
    change(
        "(counts / chance).log() -> ((counts + 1) / (chance + 1)).log()",
        "one is added to all counts: pairs that never met have 0, and no PMI",
        also="pmi.where(counts > 0, 0) -> pmi",
    ),
    change(".clamp(min=0) -> ", "negative values are left: positive PMI cuts them off at 0"),
    change(
        "clamp(min=0) -> abs()",
        "the sign is dropped: what is negative becomes 0",
    ),
    change(
        "(counts / chance).log() -> counts / chance",
        "the logarithm is missing: this is the ratio itself",
    ),
    change(
        ".log() -> .log1p()",
        "the logarithm is of 1 + ratio: a ratio of 1 is chance, and gives 0",
    ),
    change(
        " / counts.sum() -> ",
        "the total is missing: counts are not probabilities, and n remains once",
    ),
    change(
        "by_word * by_context / counts.sum() -> by_word",
        "only the word's own frequency is divided out: the context's is missing",
    ),
    change("counts.sum(0) -> counts.sum(1)"),
    change("by_word * by_context -> by_word * by_word.T"),
)
equivalent("ppmi", "counts > 0 -> counts != 0", why="counts are not negative")
equivalent("ppmi", "counts > 0, 0) -> counts > 0, -1)", why="what is negative is cut to 0")

low_rank = mistakes(
    change(
        "u[:, :k] * s[:k] -> u[:, :k]", "the singular values are not applied: X_k = Σ σ_i u_i v_iᵀ"
    ),
    change("* s[:k] -> * s[:k] ** 2", "the singular values are applied twice: each term has one σ"),
    change(
        "u[:, :k] * s[:k] -> u[:, -k:] * s[-k:]",
        "the last terms are kept: the singular values fall, so the first are the largest",
        also="vt[:k] -> vt[-k:]",
    ),
    change(
        "torch.linalg.svd(x, -> torch.linalg.svd(x - x.mean(0),",
        "the mean was subtracted first: that is PCA, and the nearest matrix is nearest to x",
    ),
    change("return scaled @ vt[:k] -> return scaled"),
    change("vt[:k] -> vt[:, :k].T", "the columns of Vᵀ are used: its rows are the v_i"),
)
equivalent("low_rank", "matrices=False -> matrices=True", why="what is more is not used")

embed = mistakes(
    change(
        "u[:, :k] * weights -> u[:, :k]",
        "the singular values are not applied: each column has its σ to the power",
    ),
    change(
        "s[:k] ** power -> s[:k] ** (2 * power)",
        "the singular values are applied twice: E Eᵀ has σ^2p, E has σ^p",
    ),
    change("s[:k] ** power -> s[:k]", "the power is not used: it is an argument"),
    change("s[:k] ** power -> s[:k] * power", "σ is multiplied by the power: it is raised to it"),
    change("s[:k] ** power -> s[:k] ** -power", "divided by the singular values: multiply"),
    change(
        "u, s, _ -> _, s, vt",
        "V is taken for U: the rows of U are the words",
        also="u[:, :k] * -> vt[:k].T *",
    ),
    change(
        "s[:k] ** power -> s[1 : k + 1] ** power",
        "the first axis is left out: it carries the most",
        also="u[:, :k] * weights -> u[:, 1 : k + 1] * weights",
    ),
    change(
        "s[:k] ** power -> s[-k:] ** power",
        "the smallest singular values are kept: the largest come first",
        also="u[:, :k] * weights -> u[:, -k:] * weights",
    ),
    change(
        "torch.linalg.svd(x, -> torch.linalg.svd(x - x.mean(0),",
        "the mean of the rows was subtracted: lengths and angles are those from the origin",
    ),
    change("u[:, :k] * weights -> u * s**power"),
)
equivalent("embed", "matrices=False -> matrices=True", why="what is more is not used")

cosine = mistakes(
    change(
        "unit_a @ unit_b.T -> a @ b.T",
        "nothing is divided by the lengths: this is the dot product",
    ),
    change("unit_a @ unit_b.T -> unit_a @ b.T", "the length of b is not divided out: both are"),
    change(
        "(a / length_a).nan_to_num(0.0) -> a / length_a",
        "0/0 for a row of zeros: it has the cosine 0 with everything",
        also="(b / length_b).nan_to_num(0.0) -> b / length_b",
    ),
    change(
        "a / length_a -> a / (length_a + 1e-8)",
        "an eps is added to the lengths: tiny vectors have a direction, too",
        also="b / length_b -> b / (length_b + 1e-8)",
    ),
    change(
        "a.norm(dim=1, keepdim=True) -> a.norm(dim=0, keepdim=True)",
        "the lengths of the columns are divided out: a vector is a row",
        also="b.norm(dim=1, keepdim=True) -> b.norm(dim=0, keepdim=True)",
    ),
    change(
        "a.norm(dim=1, keepdim=True) -> a.norm()",
        "one length for all rows: each has its own",
        also="b.norm(dim=1, keepdim=True) -> b.norm()",
    ),
    change(
        "a.norm(dim=1, keepdim=True) -> a.square().sum(1, keepdim=True)",
        "the root is missing from the lengths: they are roots of sums of squares",
        also="b.norm(dim=1, keepdim=True) -> b.square().sum(1, keepdim=True)",
    ),
    change(
        "length_a = a.norm -> a = a - a.mean(1, keepdim=True)\n    length_a = a.norm",
        "the mean of each row is subtracted: that is the correlation",
        also="length_b = b.norm -> b = b - b.mean(1, keepdim=True)\n    length_b = b.norm",
    ),
    change("unit_a @ unit_b.T -> (unit_a @ unit_b.T).abs()", "the sign is dropped: −1 is opposite"),
    change(
        "unit_a @ unit_b.T -> 1 - unit_a @ unit_b.T",
        "this is the distance: the cosine is 1 less it",
    ),
    change("unit_a @ unit_b.T -> unit_b @ unit_a.T"),
    change("unit_a @ unit_b.T -> unit_a @ unit_b"),
)

nearest = mistakes(
    change(
        "similarity.masked_fill(itself, -torch.inf) -> similarity",
        "the word itself is among its neighbours: it is no neighbour of itself",
    ),
    change(
        "similarity.masked_fill(itself, -torch.inf) -> similarity.masked_fill(itself, 0)",
        "the word itself comes before those with negative cosines: 0 is not below them",
    ),
    change(
        "others.topk(k, dim=1).indices -> similarity.topk(k + 1, dim=1).indices[:, 1:]",
        "the first is taken for the word itself: another may have the same direction",
    ),
    change(
        "cosine(vectors, vectors) -> vectors @ vectors.T",
        "ordered by dot products: long vectors would be near to everybody",
    ),
    change(
        "cosine(vectors, vectors) -> -torch.cdist(vectors, vectors)",
        "ordered by distances: it is the angle that counts",
    ),
    change(
        "cosine(vectors, vectors) -> -cosine(vectors, vectors)",
        "the farthest are returned: large cosines are near",
    ),
    change(
        "cosine(vectors, vectors) -> cosine(vectors, vectors).abs()",
        "opposite words count as near: −1 is the farthest",
    ),
    change("indices -> indices.flip(1)", "the nearest come last: they come first"),
    change(
        "topk(k, dim=1).indices -> topk(k, dim=1).values",
        "the cosines are returned: the words are asked for",
    ),
    change("topk(k, dim=1).indices -> topk(k, dim=0).indices"),
    change("topk(k, dim=1).indices -> argmax(1)"),
)


@alternative("a table of which places see each other, between two one-hot codes")
class OneHot:
    def cooccurrence(tokens, sentence, vocab, window):
        place = torch.arange(len(tokens))
        apart = (place[:, None] - place).abs()
        seen = (apart > 0) & (apart <= window) & (sentence[:, None] == sentence)
        code = torch.eye(vocab)[tokens]
        return code.T @ seen.float() @ code

    def ppmi(counts):
        p = counts / counts.sum()
        pmi = p.log() - p.sum(1, keepdim=True).log() - p.sum(0).log()
        return torch.where(counts == 0, 0, pmi.clamp(min=0))

    def low_rank(x, k):
        u = torch.linalg.eigh(x @ x.T).eigenvectors[:, -k:] if k else x[:, :0]
        return u @ (u.T @ x)

    def embed(x, k, power=1.0):
        values, vectors = torch.linalg.eigh(x @ x.T)
        order = values.argsort(descending=True)[:k]
        return vectors[:, order] * values[order].clamp(min=0) ** (power / 2)

    def cosine(a, b):
        lengths = torch.outer((a * a).sum(1).sqrt(), (b * b).sum(1).sqrt())
        return torch.where(lengths > 0, a @ b.T / lengths, 0)

    def nearest(vectors, k):
        order = torch.argsort(cosine(vectors, vectors), dim=1, descending=True)
        itself = order == torch.arange(len(vectors))[:, None]
        return order[~itself].reshape(len(vectors), -1)[:, :k]


@alternative("word by word, as the definitions have it")
class Loops:
    def cooccurrence(tokens, sentence, vocab, window):
        counts = torch.zeros(vocab, vocab)
        for s in range(len(tokens)):
            for t in range(max(0, s - window), min(len(tokens), s + window + 1)):
                if s != t and sentence[s] == sentence[t]:
                    counts[tokens[s], tokens[t]] += 1
        return counts

    def ppmi(counts):
        out, total = torch.zeros_like(counts), counts.sum()
        words, contexts = counts.sum(1), counts.sum(0)
        for i, j in counts.nonzero().tolist():
            ratio = counts[i, j] * total / (words[i] * contexts[j])
            out[i, j] = max(0, torch.log(ratio))
        return out

    def cosine(a, b):
        rows = []
        for one in a:
            row = [one @ other / (one.norm() * other.norm()) for other in b]
            rows.append(torch.stack(row).nan_to_num(0.0))
        return torch.stack(rows)

    def nearest(vectors, k):
        found = cosine(vectors, vectors)
        found.fill_diagonal_(-torch.inf)
        return torch.stack([row.argsort(descending=True)[:k] for row in found])


@alternative("from the other side: x times V")
class OtherSide:
    def low_rank(x, k):
        u, s, vt = torch.linalg.svd(x)
        return sum((s[i] * torch.outer(u[:, i], vt[i]) for i in range(k)), torch.zeros_like(x))

    def embed(x, k, power=1.0):
        _, s, vt = torch.linalg.svd(x)
        return x @ vt[:k].T @ torch.diag(s[:k] ** (power - 1))

    def cooccurrence(tokens, sentence, vocab, window):
        counts = torch.zeros(vocab, vocab)
        for d in range(1, min(window + 1, len(tokens))):
            same = (sentence[d:] == sentence[: len(sentence) - d]).float()
            pair = tokens[: len(tokens) - d], tokens[d:]
            counts.index_put_(pair, same, accumulate=True)
            counts.index_put_(pair[::-1], same, accumulate=True)
        return counts
