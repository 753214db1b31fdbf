"""What goes wrong in word2vec, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

OVERWRITTEN = "of a word that occurs again one share is left: `d[words] += …` does not add there"
LAST = "−1 is taken for a word: as an index it is the last one"
WIDTH = "divided by the width of the bag: only the words that are there count"
DOUT = "dout is not used: the chain rule multiplies by what arrives from above"

context_windows = mistakes(
    change(
        "for sentence in sentences -> for sentence in [torch.cat(sentences)]",
        "the window crosses the ends of sentences: each sentence is alone",
    ),
    change("window + 1 :] -> window:-1]", "the word itself is in its context: no distance is 0"),
    change(
        "around[:, :window] -> around[:, :window].flip(1)",
        "the words before are in reverse order: the farthest comes first, at −window",
    ),
    change("-1) -> 0)", "0 where there is no word: 0 is a word, −1 is none"),
)

equivalent("context_windows", "unfold(0 -> unfold(-1", why="a sentence has one axis")

training_examples = mistakes(
    change("contexts[some], words[some] -> contexts, words", "an empty bag cannot predict"),
    change("any(1) -> all(1)", "words near the ends of a sentence are left out: some have a bag"),
    change(
        "[present][:, None], contexts[present] -> [present], contexts[present][:, None]",
        "the neighbour predicts the word: in skip-gram the word predicts its neighbours",
        also="return centres[present], contexts -> return contexts",
    ),
    change(
        'model == "cbow" -> model == "skip" "gram"',
        "the models are swapped: in CBOW the bag is the context",
        also='model == "skipgram" -> model == "cbow"',
    ),
    change("raise ValueError( -> return len("),
)

noise_distribution = mistakes(
    change("counts**power -> counts", "the power is missing: these are the shares of the words"),
    change(" / weights.sum() -> ", "not divided by the sum: these are no probabilities yet"),
    change("weights.sum() -> counts.sum()", "divided by the sum of the counts: take the powers'"),
)

draw_negatives = mistakes(
    change(
        "chances[torch.arange(len(targets)), targets] = 0 -> ",
        "the target is drawn as its own negative: strike it out",
    ),
    change("k, replacement=True, generator=generator) -> 1, generator=generator).repeat(1, k)"),
    change("replacement=True -> replacement=False"),
    change("= noise.repeat -> = (noise > 0).to(noise).repeat", "all are drawn alike: use noise"),
    change("= noise.repeat -> = (noise**0.75).repeat", "the power again: noise has it already"),
    change("manual_seed(seed) -> manual_seed(0)"),
    change("torch.Generator(noise.device).manual_seed(seed) -> None"),
)

bag_forward = mistakes(
    change(" / present.sum(1, keepdim=True) -> ", "the vectors are summed: h is their mean"),
    change("present.sum(1, keepdim=True) -> bags.shape[1]", WIDTH),
    change("(bags >= 0).to( -> torch.ones_like(bags).to(", LAST),
    change(
        "(bags >= 0).to( -> torch.ones_like(bags).to(",
        "an empty place counts as word 0",
        also="vectors[bags] -> vectors[bags.clamp(min=0)]",
    ),
    change("bags >= 0 -> bags > 0", "word 0 is taken for no word: only −1 is none"),
)

bag_backward = mistakes(
    change(
        (
            "dvectors.index_add_( -> dvectors[bags[bags >= 0]] += shares[bags >= 0]\n"
            "    dvectors.index_add(",
            "dvectors.index_add_( -> for n, bag in enumerate(bags):\n"
            "        dvectors[bag[bag >= 0]] += shares[n, bag >= 0]\n    dvectors.index_add(",
        ),
        OVERWRITTEN,
    ),
    change(
        "= weights[:, :, None] -> = (weights > 0)[:, :, None]",
        "each word gets all of it: it has 1/m of the mean, and gets 1/m of the gradient",
    ),
    change("= weights[:, :, None] -> = ((weights > 0) / bags.shape[1])[:, :, None]", WIDTH),
    change(
        "= weights[:, :, None] -> = weights.amax(1)[:, None, None].expand(*bags.shape, 1)",
        LAST,
        also="bags.clamp(min=0) -> (bags % size)",
    ),
    change("* dout[ -> / len(dout) * dout[", "divided by N: if the loss is a mean, it is in dout"),
)

full_softmax_forward = mistakes(
    change("-log_p[rows -> log_p[rows", "the sign is missing: a loss falls as ln p rises"),
    change(
        "scores.logsumexp(1, keepdim=True) -> scores.exp().sum(1, keepdim=True).log()",
        "overflows for large scores: subtract the largest of each row first",
    ),
    change("logsumexp(1 -> logsumexp(0", "softmax over the examples: it is over the words, axis 1"),
)

full_softmax_backward = mistakes(
    change("/ len(h) -> / len(vectors)", "divided by V: the mean is over the N examples"),
    change("error * dout / -> error / ", DOUT),
    change(" / len(h) -> "),
    change("targets] -= 1 -> targets] -= 0", "the 1 of the target is not subtracted: p − [w = t]"),
    change("error = error -> error = -error", "the sign is turned: p − [w = t], not the reverse"),
)

negative_sampling_forward = mistakes(
    change("wrong[:, 0] = -scores[:, 0] -> ", "the target is pushed: its term is ln(1 + e^−s)"),
    change("= scores.clone() -> = -scores", "the negatives are pulled: theirs is −ln σ(−s)"),
    change("losses.sum(1).mean() -> losses.mean()", "a mean over the 1 + k questions: sum them"),
    change(
        "torch.logaddexp(wrong, torch.zeros_like(wrong)) -> (1 + wrong.exp()).log()",
        "overflows for large scores: ln(1 + e^s) is about s there",
    ),
    change(
        "torch.logaddexp(wrong, torch.zeros_like(wrong)) -> -((-wrong).sigmoid() + 1e-10).log()",
        "an ε in the logarithm bounds the loss: ln(1 + e^s) needs none",
    ),
)

negative_sampling_backward = mistakes(
    change(
        (
            "dvectors.index_add_( -> dvectors[words] += pushes\n    dvectors.index_add(",
            "dvectors.index_add_( -> for n in range(len(h)):\n"
            "        dvectors[words[n]] += pushes[n]\n    dvectors.index_add(",
        ),
        OVERWRITTEN,
    ),
    change("error[:, 0] -= 1 -> error -= 1", "the negatives are pulled: their error is σ(s)"),
    change("error[:, 0] -= 1 -> ", "the target is pushed: its error is σ(s) − 1"),
    change("(error * dout -> (-error * dout", "the sign is turned: σ(s) less what is true"),
    change("(error * dout / -> (error / ", DOUT),
    change(" / len(h) -> "),
    change("/ len(h) -> / scores.numel()", "divided by 1 + k as well: the questions are summed"),
    change(
        "scores.sigmoid() -> scores.exp() / (1 + scores.exp())",
        "∞ / ∞ for large scores: use a sigmoid that stays finite",
    ),
    change("vectors[words]).sum(1) -> vectors[words])[:, 0]", "the negatives do not reach h"),
)

word2vec_step = mistakes(
    change(
        "full_softmax_forward(h, w_out -> full_softmax_forward(h, w_in",
        "one matrix for both: words ask with w_in and answer with w_out",
        also="negative_sampling_forward(h, w_out -> negative_sampling_forward(h, w_in",
    ),
    change("w_in - lr -> w_in + lr", "w_in goes up the gradient: the loss is to fall"),
    change("w_out - lr -> w_out + lr", "w_out goes up the gradient: the loss is to fall"),
    change("w_in - lr * dw_in -> w_in", "w_in is not trained: both matrices are"),
    change("w_out - lr * dw_out -> w_out", "w_out is not trained: both matrices are"),
    change("w_in - lr * dw_in -> w_in - dw_in", "w_in moves without lr"),
    change(
        "dw_in = bag_backward -> cache = (h, w_out - lr * dw_out, *cache[2:])\n"
        "    other = full_softmax_backward if negatives is None else negative_sampling_backward\n"
        "    dh, _ = other(one, cache)\n"
        "    dw_in = bag_backward",
        "w_in moves by the gradient at the new w_out: take both gradients before either update",
    ),
)


@alternative("loops over sentences, words and bags")
class Loops:
    def context_windows(sentences, window):
        contexts, steps = [], [d for d in range(-window, window + 1) if d]
        for s in sentences:
            for i in range(len(s)):
                contexts.append([int(s[i + d]) if 0 <= i + d < len(s) else -1 for d in steps])
        return torch.cat(sentences), torch.tensor(contexts)

    def training_examples(words, contexts, model):
        n, j = (contexts > -1).nonzero().T
        if model == "skipgram":
            return words[n].unsqueeze(1), contexts[n, j]
        if model != "cbow":
            raise ValueError(model)
        return contexts[n.unique()], words[n.unique()]


@alternative("how often each word is asked about as a matrix, and products with it")
class Matrices:
    def bag_forward(vectors, bags):
        often = (bags[:, :, None] == torch.arange(len(vectors))).sum(1).to(vectors)
        often = often / often.sum(1, keepdim=True)
        return often @ vectors, often

    def bag_backward(dout, cache):
        return cache.T @ dout

    def full_softmax_forward(h, vectors, targets):
        log_p = (h @ vectors.T).log_softmax(1)
        return -log_p.gather(1, targets[:, None]).sum() / len(h), (h, vectors, targets, log_p)

    def full_softmax_backward(dout, cache):
        h, vectors, targets, log_p = cache
        error = (log_p.exp() - torch.eye(len(vectors)).to(h)[targets]) * (dout / len(h))
        return torch.einsum("nv,vd->nd", error, vectors), torch.einsum("nv,nd->vd", error, h)

    def negative_sampling_forward(h, vectors, targets, negatives):
        signs = torch.tensor([1.0] + [-1.0] * negatives.shape[1]).to(h)
        words = torch.cat([targets.unsqueeze(1), negatives], dim=1)
        s = signs * (h @ vectors.T).gather(1, words)
        losses = (-s).clamp(min=0) + torch.log1p(torch.exp(-s.abs()))
        return losses.sum() / len(h), (h, vectors, words, s, signs)

    def negative_sampling_backward(dout, cache):
        h, vectors, words, s, signs = cache
        error = torch.zeros(len(h), len(vectors)).to(h)
        error.scatter_add_(1, words, -signs * torch.sigmoid(-s) * dout / len(h))
        return error @ vectors, error.T @ h


@alternative("negatives drawn again until they are other words; the update in place, on copies")
class Again:
    def noise_distribution(counts, power=0.75):
        return torch.exp(power * counts.log()) / counts.pow(power).sum()

    def draw_negatives(targets, noise, k, seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = targets[:, None].repeat(1, k)
        while (same := drawn == targets[:, None]).any():
            drawn[same] = torch.multinomial(noise, int(same.sum()), True, generator=generator)
        return drawn

    def word2vec_step(w_in, w_out, bags, targets, negatives, lr):
        h, asked = bag_forward(w_in, bags)
        w_in, w_out, one = w_in.clone(), w_out.clone(), torch.ones(()).to(h)
        if negatives is not None:
            loss, cache = negative_sampling_forward(h, w_out, targets, negatives)
            dh, dw_out = negative_sampling_backward(one, cache)
        else:
            loss, cache = full_softmax_forward(h, w_out, targets)
            dh, dw_out = full_softmax_backward(one, cache)
        w_out -= lr * dw_out
        w_in -= lr * bag_backward(dh, asked)
        return w_in, w_out, loss
