"""What goes wrong in svd_embeddings, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

TOP = "length_a = -> a, b = (z / z.abs().amax(1, True).clamp(1e-300) for z in (a, b)); length_a ="
ROOTS = "the roots are missing: a length is the root of a sum of squares"
COLUMNS = "the lengths of the columns are divided out: a vector is a row"
AXIS = "unit_a = -> length_a, length_b = a.norm(2, 0), b.norm(2, 0); unit_a ="
BOTH = (
    "unit_a = -> a, b = (z / z.abs().amax(1, True).clamp(1e-300) for z in (a, b))\n"
    "    length_a, length_b = a.norm(2, 0), b.norm(2, 0)\n    unit_a ="
)
SQUARED = "unit_a = -> length_a, length_b = length_a**2, length_b**2; unit_a ="
AGAIN = "the mean was subtracted and added again: this has one more direction"
STRUCK = "words of the same direction are struck out, too: a word is told by its place"
LONG = "the length of b is not divided out: both are"
FAR = "the farthest place after a word is left out: a range ends before its end"

cooccurrence = mistakes(
    change("== sentence[d:] -> == sentence[:-d]", "counted across the ends of sentences"),
    change("== sentence[d:] -> >= sentence[d:] - 1", "the next sentence is counted, too"),
    change("counts + counts.T -> counts", "only the words after are counted: those before, too"),
    change(("window + 1) -> window)", "min(window, len(tokens) - 1))"), "the farthest is left out"),
    change(("1, -> window or 1, ", "min(window, len(tokens) - 1) or 1, "), "only d = w is counted"),
    change("counts.T -> counts.T - torch.bincount(pairs, minlength=vocab**2).view_as(counts)", FAR),
    change("window + 1) -> window + 2)", "the window is one place too wide"),
    change("window + 1) -> len(tokens))", "the whole sentence is counted: a window has an end"),
    change("range(1, window -> range(1, (window or 1)", "window 0 is taken for 1: nobody is near"),
    change("counts = -> vocab = int(tokens.max()) + 1\n    counts ="),
    change("vocab**2) -> vocab**2).clamp(max=1)", "equal pairs overwrite each other: += adds once"),
    change("counts + counts.T -> ((counts + counts.T) > 0).long()", "how often is not counted"),
    change("counts + counts.T -> (counts + counts.T).fill_diagonal_(0)", "the diagonal is all 0"),
    change("+ counts.T -> + counts.T.clone().fill_diagonal_(0)", "a word near itself counts once"),
    change(
        ("torch.bincount( -> 1 / d * torch.bincount(", "(window - d + 1) * torch.bincount("),
        "weighted by the distance: near or far, each pair counts as 1",
        also="torch.int64 -> torch.float64",
    ),
    change(
        (
            "counts.T -> counts.T + tokens.bincount(minlength=vocab).diag()",
            "counts.T + 2 * tokens.bincount(minlength=vocab).diag()",
        ),
        "each place is its own neighbour: only other places are near it",
    ),
    change(
        (
            "pairs = -> together &= sentence[d:] < sentence.max()\n        pairs =",
            "together &= sentence[d:] < len(sentence.unique())\n        pairs =",
        ),
        "whole sentences are left out: the last counts, and their numbers need not be 0, 1, 2, …",
    ),
)
equivalent("cooccurrence", "== sentence[d:] -> >= sentence[d:]", why="the numbers never fall")

ppmi = mistakes(
    change("pmi.where(counts > 0, 0) -> pmi", "0/0 of a word that never occurs: it has zeros"),
    change(
        (
            "pmi.where(counts > 0, 0) -> ((counts + 1) / (chance + 1)).log()",
            "((counts + 1) / chance).log().where(counts > 0, 0)",
            "by_word = counts.sum -> counts = counts + 1\n    by_word = counts.sum",
        ),
        "one is added to all counts: pairs that never met have 0, and no PMI",
    ),
    change(".clamp(min=0) -> ", "negative values are left: positive PMI cuts them off at 0"),
    change("clamp(min=0) -> abs()", "the sign is dropped: what is negative becomes 0"),
    change(("(counts / chance).log() -> counts / chance", "counts / chance - 1"), "no logarithm"),
    change(".log() -> .log2()", "the logarithm has the base 2: the natural one has e"),
    change(".log() -> .log1p()", "the logarithm is of 1 + ratio: a ratio of 1 is chance, gives 0"),
    change(" / counts.sum() -> ", "the total is missing: counts are not probabilities"),
    change("counts.sum() -> counts.sum() ** 2", "divided by the total twice: once is right"),
    change(" / counts.sum() -> / counts.numel()", "n counts the cells: it is the sum of counts"),
    change(" / counts.sum() -> * 2 / counts.sum()", "n is half the sum of counts: it is the whole"),
    change("(counts / -> counts / counts.sum() * (counts /", "p_ij is a factor: PMI has none"),
    change(("chance) -> (chance + 1))", "(chance + 1 / counts.sum()))"), "1 is added to chance"),
    change("pmi.where( -> pmi.fill_diagonal_(0).where(", "the diagonal is set to 0"),
    change("log() -> log() / -(counts / counts.sum()).log()", "normalised PMI: nothing divides it"),
    change("* by_context / counts.sum() -> ", "no pair is above chance: is q_j missing?"),
    change("counts.sum(0) -> counts.sum(1)"),
    change("by_word * by_context -> by_word * by_word.T"),
    change("sum(0) -> sum(int(len(counts) == len(counts.T)))", "q_j sums over the contexts"),
    change("sum(0) -> sum(0)**0.75", "q_j is raised to ¾", also="counts.sum() -> by_context.sum()"),
    change("_word * by_context -> _word.clamp(1) * by_context.clamp(1)", "sums below 1 count as 1"),
    change("counts > 0 -> counts >= 1", "counts below 1 are taken for none: only 0 is none"),
    change("/ chance) -> / chance.clamp(min=1))", "fewer than 1 by chance are taken for 1"),
)
equivalent("ppmi", "counts > 0 -> counts != 0", why="counts are not negative")
equivalent("ppmi", "counts > 0, 0) -> counts > 0, -1)", why="what is negative is cut to 0")

low_rank = mistakes(
    change(" * s[:k] -> ", "the singular values are not applied: each term has one"),
    change("scaled @ vt[:k] -> x - scaled @ vt[:k]", "what is lost, x − out, is returned"),
    change("* s[:k] -> * s[:k].sqrt()", "the roots of the singular values are applied"),
    change("* s[:k] -> * s[:k] ** 2", "the singular values are applied twice: each term has one σ"),
    change("scaled @ vt[:k] -> u[:, -k:] * s[-k:] @ vt[-k:]", "the last k terms are kept"),
    change("scaled @ vt[:k] -> s[k - 1] * u[:, k - 1].outer(vt[k - 1])", "only term k is kept"),
    change("vt[:k] -> u[:, :k].T", "U is taken for V: the rows of Vᵀ are the v_i"),
    change("svd(x, -> svd(x - x.mean(0),", "the mean was subtracted first: nearest to x is asked"),
    change("svd(x, -> svd(x - x.mean(0),", AGAIN, also="vt[:k] -> vt[:k] + x.mean(0)"),
    change("return scaled @ vt[:k] -> return scaled"),
    change(("vt[:k] -> vt[:, :k].T", "vt[:, :k].T + 0 * x"), "columns of Vᵀ: its rows are the v_i"),
)
equivalent("low_rank", "matrices=False -> matrices=True", why="what is more is not used")

embed = mistakes(
    change("u[:, :k] * weights -> u[:, :k]", "the singular values are not applied: σ to the power"),
    change("** power -> ** (2 * power)", "the singular values are applied twice: E Eᵀ has σ^2p"),
    change("** power -> ** (1 + power)", "σ is applied once too often: x times V has it already"),
    change(("s[:k] ** power -> s[:k]", "s[:k].sqrt()"), "the power is not used: it is an argument"),
    change("** power -> ** (power or 1.0)", "the power 0 is taken for 1: it leaves σ out"),
    change("s[:k] ** power -> s[:k] * power", "σ is multiplied by the power: it is raised to it"),
    change("s[:k] ** power -> s[:k] ** -power", "divided by the singular values: multiply"),
    change(("s[:k] ** -> (s[:k] / s[0]) **", "(s[:k] / s[:k].sum()) **"), "σ is scaled: keep it"),
    change("* weights -> * weights / (u[:, :k] * weights).norm(2, 1, True)", "all lengths are 1"),
    change("u, s, _ -> _, s, vt", "V is taken for U: the words are rows", also="u[:, -> vt.T[:,"),
    change("s[:k] ** -> s[1 : k + 1] **", "axis 1 is left out", also=":k] * -> 1 : k + 1] *"),
    change("s[:k] ** -> s[-k:] **", "the smallest σ are kept", also="u[:, :k] -> u[:, -k:]"),
    change("svd(x, -> svd(x - x.mean(0),", "the mean was subtracted: take lengths from the origin"),
    change("u[:, :k] -> u[:k].T", "rows of U: its columns are the u_i"),
    change("* weights -> * weights.flip(0)", "the σ are turned round: each has its own u_i"),
    change("u[:, :k] * weights -> u * s**power"),
)
equivalent("embed", "matrices=False -> matrices=True", why="what is more is not used")

cosine = mistakes(
    change("unit_a @ unit_b.T -> a @ b.T", "not divided by the lengths: this is the dot product"),
    change(("unit_a @ unit_b.T -> unit_a @ b.T", "(unit_a @ b.T).clamp(-1, 1)"), LONG),
    change("unit_a @ unit_b.T -> (a / length_a) @ (b / length_b).T", "0/0 of a zero row is NaN"),
    change(
        (
            "unit_a @ unit_b.T -> (a / (length_a + 1e-8)) @ (b / (length_b + 1e-8)).T",
            "a @ b.T / (length_a * length_b.T + 1e-8)",
        ),
        "an ε is added to the lengths, or is the least of them: tiny vectors have a direction, too",
    ),
    change(
        "unit_a @ unit_b.T -> (a @ b.T / ((length_a * length_b.T) **2) **0.5).nan_to_num(0, 0, 0)",
        "squares of lengths are multiplied: of tiny or huge ones nothing is left",
    ),
    change(AXIS, COLUMNS),
    change("unit_a @ unit_b.T -> (unit_a @ unit_b.T).clamp(-1, 1)", COLUMNS, also=BOTH),
    change("a.norm( -> a.norm(1, ", "the length of a is a sum of absolute values: a root it is"),
    change("b.norm( -> b.norm(1, ", "the length of b is a sum of absolute values: a root it is"),
    change("/ length_b) -> / length_b**2)", "the root is missing from the length of b"),
    change("unit_a @ unit_b.T -> (a / a.norm()) @ (b / b.norm()).T", "one length for all rows"),
    change(SQUARED, ROOTS),
    change(TOP, ROOTS, also=SQUARED),
    change(
        "unit_a @ unit_b.T -> torch.corrcoef(torch.cat([a, b]))[: len(a), len(a) :].nan_to_num()",
        "the mean of each row is subtracted: that is the correlation",
    ),
    change("unit_a @ unit_b.T -> (unit_a @ unit_b.T).abs()", "the sign is dropped: −1 is opposite"),
    change("unit_a @ unit_b.T -> 1 - unit_a @ unit_b.T", "this is the distance: 1 − cosine"),
    change("unit_a @ unit_b.T -> unit_b @ unit_a.T"),
    change("unit_a @ unit_b.T -> unit_a @ unit_b"),
)

nearest = mistakes(
    change("similarity.masked_fill(itself, -torch.inf) -> similarity", "the word itself is found"),
    change(
        (
            "-torch.inf) -> 0)",
            "topk(k, dim=1).indices -> masked_fill(itself, 0).argsort(1, descending=True)[:, :k]",
        ),
        "the word itself comes before negative cosines: 0 is not below them",
    ),
    change("-torch.inf) -> -1)", "the word itself is as near as an opposite one: −1 is a cosine"),
    change(
        (
            "others.topk(k, dim=1).indices -> similarity.topk(k + 1, dim=1).indices[:, 1:]",
            "similarity.argsort(dim=1, descending=True)[:, 1 : k + 1]",
        ),
        "the first is taken for the word itself: another may have the same direction",
    ),
    change("others = -> itself = itself | (similarity > 1 - 1e-9)\n    others =", STRUCK),
    change("cosine(vectors, vectors) -> vectors @ vectors.T", "ordered by dot products"),
    change("cosine(vectors, vectors) -> -torch.cdist(vectors, vectors)", "ordered by distances"),
    change(("-torch.inf -> -9", "9"), "the farthest are returned", also="= cosine -> = -cosine"),
    change("(k, -> (k + 1, ", "the nearest is skipped", also="indices -> indices[:, 1:]"),
    change("topk(k, dim=1).indices -> argsort(0, descending=True)[:, :k]", "sorted along axis 0"),
    change("cosine(vectors, vectors) -> cosine(vectors, vectors).abs()", "opposite counts as near"),
    change("cosine(vectors, -> cosine(vectors := vectors - vectors.mean(0),", "centred first"),
    change("indices -> indices.flip(1)", "the nearest come last: they come first"),
    change("(k, dim=1).indices -> (k, dim=1).values", "the cosines are returned, not the words"),
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
        return (code.T @ seen.float() @ code).long()

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
        counts = torch.zeros(vocab, vocab, dtype=torch.int64)
        for s in range(len(tokens)):
            for t in range(max(0, s - window), min(len(tokens), s + window + 1)):
                if s != t and sentence[s] == sentence[t]:
                    counts[tokens[s], tokens[t]] += 1
        return counts

    def ppmi(counts):
        out, words, contexts = torch.zeros_like(counts), counts.sum(1), counts.sum(0)
        for i, j in counts.nonzero().tolist():
            ratio = counts[i, j] * counts.sum() / (words[i] * contexts[j])
            out[i, j] = max(0, torch.log(ratio))
        return out

    def cosine(a, b):
        rows = [torch.stack([i @ j / (i.norm() * j.norm()) for j in b]) for i in a]
        return torch.stack(rows).nan_to_num(0.0)


@alternative("from the other side: x times V")
class OtherSide:
    def low_rank(x, k):
        u, s, vt = torch.linalg.svd(x)
        return sum((s[i] * torch.outer(u[:, i], vt[i]) for i in range(k)), torch.zeros_like(x))

    def embed(x, k, power=1.0):
        _, s, vt = torch.linalg.svd(x)
        return x @ vt[:k].T @ torch.diag(s[:k] ** (power - 1))
