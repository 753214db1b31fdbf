"""What goes wrong in word2vec, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

LOST = "of a word that occurs again one share is left: `d[words] += …` does not add it up"
SHARED = "divided by how often the word is there: what arrives at it is summed"
AGAIN = "a word that is its own neighbour is left out: it counts like the others"
TURNED = "the neighbour predicts the word: in skip-gram the word predicts its neighbours"
TWICE = "a word that is there twice counts once: each time counts"
WIDTH = "divided by the width of the bag: only the words that are there count"
ALL_ROWS = "only the rows of targets move: with the full softmax each row has a gradient"
INF = "infinite for large scores: an exponential overflows, or is 0 and has the logarithm −∞"
EPSILON = "an ε in the logarithm bounds the loss: it hides log(0), so do the logarithm on paper"
ADDED = "an empty place adds the vector of word 0 or of the last: −1 is a valid index, too"
ONE = "one of several alone counts: all do"
HALF = "the target alone counts, or the negatives alone: both do"
LESS = "the target or the negatives lack dout or the 1/N: both have them"
TOO_FAR = "N times too large a step: no factor but lr"
NEW = "w_in moves by the gradient at the new w_out: take both gradients before either update"
LIMIT = "the scores have limits: the loss is to be exact"
LATE = "the loss after the step: the one before it is asked for"
SKIPPED = "a negative that is the target is left out: it counts like others"

context_windows = mistakes(
    change("in sentences: -> in [torch.cat(sentences)]:", "the window crosses ends of sentences"),
    change("window + 1 :] -> window:-1]", "the word itself is in its context: no distance is 0"),
    change("[before, after] -> [before.flip(1), after]", "those before are turned round"),
    change("-1) -> 0)", "0 where there is no word: 0 is a word, −1 is none"),
    change("1, 1) -> 1, 1)\n        around = around.where(around != sentence[:, None], -1)", AGAIN),
    change("t([beyond, s -> t([torch.cat([beyond, sentence])[-window:], s", "it wraps around"),
    change(("[before, -> [0 * before - 1,", "[before, -1 + 0 *"), "one side is missing"),
)
equivalent("context_windows", "unfold(0 -> unfold(-1", why="a sentence has one axis")

training_examples = mistakes(
    change("contexts[some], words[some] -> contexts, words", "an empty bag cannot predict"),
    change((".any(1) -> .all(1)", "[:, 0]", "[:, -1]"), "one neighbour is enough for a bag"),
    change("centres = -> present |= True\n        centres =", "−1 is taken for a word: it is none"),
    change("centres[present][:, None], contexts -> contexts[present][:, None], centres", TURNED),
    change("contexts >= 0 -> contexts > 0", "word 0 is taken for no word: only −1 is none"),
    change("contexts >= 0 -> (contexts >= 0) & (contexts != words[:, None])", AGAIN),
)

noise_distribution = mistakes(
    change("counts**power -> counts", "the power is missing: these are the shares of the words"),
    change((" / weights.sum() -> ", " / weights.max()"), "they do not sum to 1: divide by the sum"),
    change("weights.sum() -> counts.sum()", "divided by the sum of the counts: take the powers'"),
    change("weights / weights.sum() -> (counts / counts.sum()) ** power", "it does not sum to 1"),
    change("counts**power -> counts.clamp(min=1) ** power", "words that never occur have a chance"),
    change("counts**power -> (power * counts.log()).exp()", "0 · ln 0 is NaN: 0⁰ is 1"),
    change("counts**power -> counts**power * (counts > 0)", "a count of 0 gives 0: 0⁰ is 1"),
)

draw_negatives = mistakes(
    change("torch.arange(len(targets)), targets] -> :, targets.unique()]"),
    change("k, replacement=True, generator=generator) -> 1, generator=generator).repeat(1, k)"),
    change("= noise.repeat -> = (noise > 0).to(noise).repeat", "all are drawn alike: use noise"),
    change("replacement=True, gen -> gen", "no word comes twice: draw with replacement"),
    change("= noise.repeat -> = (noise**0.75).repeat", "the power again: noise has it already"),
)

bag_forward = mistakes(
    change(" / count -> ", "the vectors are summed: h is their mean"),
    change("/ count -> / bags.shape[1]", WIDTH),
    change("(bags >= 0).to( -> torch.ones_like(bags).to(", "−1 is taken for the last word"),
    change("out = ( -> out = vectors[bags.clamp(0)].mean(1) + 0 * (", "empty places are word 0"),
    change("out = ( -> out = vectors[bags.clamp(0)].sum(1) / count + 0 * (", ADDED),
    change("out = ( -> out = rows.sum(1) / count + 0 * (", ADDED),
    change(("out = ( -> out = rows[:, 0] + 0 * (", "out = rows[:, -1] + 0 * ("), ONE),
    change("bags >= 0 -> bags > 0", "word 0 is taken for no word: only −1 is none"),
    change("to(vectors.dtype) -> to(vectors) / (bags[..., None] == bags[:, None]).sum(2)", TWICE),
    change("present / -> present * ~(bags.unsqueeze(2) == bags[:, None]).tril(-1).any(2) /", TWICE),
)

bag_backward = negative_sampling_backward = mistakes(
    change("dv.i -> dv[words[words >= 0]] += shares[words >= 0]  # ", LOST),
    change("dv.i -> dv[words.clamp(0)] += shares  # ", LOST),
    change("dv.i -> for n, w in enumerate(words.T): dv[w[w >= 0]] += shares[w >= 0, n]  # ", LOST),
    change("dv. -> shares /= words[words >= 0].bincount()[words][..., None]\n    dv.", SHARED),
    change("dv. -> shares /= (words[..., None, None] == words).any(3).sum(2, True); dv.", SHARED),
)
bag_backward = mistakes(
    change(("dv = -> shares[:, 1:] = 0\n    dv =", "shares[:, :-1] = 0\n    dv ="), ONE),
    change("= weights[:, :, None] -> = (weights > 0)[:, :, None]", "each gets all of it, not 1/m"),
    change("= weights[:, :, None] -> = ((weights > 0) / words.shape[1])[:, :, None]", WIDTH),
    change("* dout[ -> / len(dout) * dout[", "divided by N: if the loss is a mean, it is in dout"),
)

full_softmax_forward = mistakes(
    change("-picked -> picked", "the sign is missing: a loss falls as ln p rises"),
    change("logsumexp(1, keepdim=True) -> exp().sum(1, keepdim=True).log()", INF),
    change("scores - scores.logsumexp(1, keepdim=True) -> scores.softmax(1).log()", INF),
    change(
        ("1, keepdim=True) -> 1).add(1e-9).log()", "1).add(1e-10).log()", "1).add(1e-12).log()"),
        EPSILON,
        also="scores - scores.logsumexp( -> scores.softmax(",
    ),
    change(("logsumexp(1 -> logsumexp(0", "exp().sum(0, True).log() #"), "softmax over examples"),
    change("log_p[rows, -> log_p[:,", "each example is given all targets: take them in pairs"),
    change("picked.mean() -> picked.sum() / len(vectors)", "divided by V: the mean is over N"),
    change("logsumexp(1 -> logsumexp((0, 1)", "softmax over all scores: it is over those of a row"),
)

full_softmax_backward = mistakes(
    change("/ len(h) -> / len(vectors)", "divided by V: the mean is over the N examples"),
    change("targets] -= 1 -> targets] -= 0", "the 1 of the target is not subtracted: p − [w = t]"),
    change("targets] -= 1 -> targets] += 1", "1 is added for the target: p − [w = t]"),
    change("[torch.arange(len(h), device=h.device) -> [:", "1 is subtracted from whole columns"),
    change("error.T @ h -> (error * torch.eye(len(vectors)).to(h)[targets]).T @ h", ALL_ROWS),
    change("error = error -> error = -error", "the sign is turned: p − [w = t], not the reverse"),
)

negative_sampling_forward = mistakes(
    change("wrong[:, 0] = -scores[:, 0] -> ", "the target is pushed: its term is ln(1 + e^−s)"),
    change("= scores.clone() -> = -scores", "the negatives are pulled: theirs is −ln σ(−s)"),
    change("each.mean() -> losses.mean()", "a mean over the 1 + k questions: sum them"),
    change("losses.sum(1) -> (losses[:, 0] + losses[:, 1:].mean(1))", "a mean over k: sum them"),
    change("scores.clone() -> scores.masked_fill(words == words[:, :1], -torch.inf)", SKIPPED),
    change(("losses.sum(1) -> losses[:, 1:].sum(1)", "losses[:, 0]"), HALF),
    change(("losses.sum(1) -> losses[:, :2].sum(1)", "(losses[:, 0] + losses[:, -1])"), ONE),
    change(("losses.s -> wrong.exp().log1p().s", "-(-wrong).sigmoid().log().s"), INF),
    change(("(2) -> (2).clamp(-6, 6)", "(2).clamp(-30, 30)", "(2).clamp(-50, 50)"), LIMIT),
    change(
        ("each = -> e = 1e-9\n    each =", "e = 1e-10\n    each =", "e = 1e-12\n    each ="),
        EPSILON,
        also="losses.sum -> -((-wrong).sigmoid() + e).log().sum",
    ),
)

negative_sampling_backward = mistakes(
    change("dv. -> dv[words[:, 0]] = shares[:, 0]\n    shares[:, 0] = 0\n    dv.", LOST),
    change("dv. -> dv[words[:, 1:]] = shares[:, 1:]\n    shares[:, 1:] = 0\n    dv.", LOST),
    change("error[:, 0] -= 1 -> error -= 1", "the negatives are pulled: their error is σ(s)"),
    change("error[:, 0] -= 1 -> ", "the target is pushed: its error is σ(s) − 1"),
    change("[:, 0] -= 1 -> [:, 0] = 1 - error[:, 0]", "the target's sign is turned: σ(s) − 1"),
    change("-= 1 -> -= 1\n    error[:, 1:] *= -1", "the sign of the negatives is turned: σ(s)"),
    change(("dv = -> shares[:, 0] = 0\n    dv =", "shares[:, 1:] = 0\n    dv ="), HALF),
    change("-= 1 -> -= 1\n    error[:, 1:] *= words[:, 1:] != words[:, :1]", SKIPPED),
    change("= error * dout -> = -error * dout", "the sign is turned: σ(s) less what is true"),
    change("/ len(h) -> / scores.numel()", "divided by 1 + k as well: the questions are summed"),
    change("scores.sigmoid() -> scores.exp() / (1 + scores.exp())", "∞ / ∞ for large scores"),
    change(("[words]).sum(1) -> [words])[:, 0]", "[words])[:, 1:].sum(1)"), HALF),
    change(("-= 1 -> -= 1\n    error[:, 1:] *= len(h)", "-= 1\n    error[:, 0] *= len(h)"), LESS),
    change(("-= 1 -> -= 1\n    error[:, 1:] /= dout", "-= 1\n    error[:, 0] /= dout"), LESS),
    change("-= 1 -> -= 1\n    error[:, 1:] /= error.shape[1] - 1", "a mean over k: sum them"),
    change(("-= 1 -> -= 1\n    error[:, 1:-1] = 0", "-= 1\n    error[:, 2:] = 0"), ONE),
)

word2vec_step = mistakes(
    change("forward(h, w_out -> forward(h, w_in", "one matrix for both: w_in asks, w_out answers"),
    change("dw_in = bag -> dw_in = dw_out = dw_out + bag", "both gradients move both matrices"),
    change(("w_in - lr -> w_in + lr", "w_out - lr -> w_out + lr"), "up the gradient, not down"),
    change(("w_in - lr * dw_in -> w_in", "w_out - lr * dw_out -> w_out"), "it is not trained"),
    change("backward(one, -> backward(loss,", "the loss is handed on, not a 1"),
    change("d(dh -> d(backward(one, forward(h, w_out - lr * dw_out, *asked)[1])[0]", NEW),
    change("return -> loss, _ = forward(bag_forward(w_in, bags)[0], w_out, *asked); return", LATE),
    change("ones(()) -> full((), len(h))", TOO_FAR),
    change(("w_in - lr -> w_in - len(h) * lr", "w_out - lr -> w_out - len(h) * lr"), TOO_FAR),
    change("ones(()) -> full((), 1 / len(h))", "divided by N again: the gradients have it already"),
)


@alternative("loops over sentences, a matrix of who is asked about, negatives that are drawn again")
class Otherwise:
    def context_windows(sentences, window):
        steps = [d for d in range(-window, window + 1) if d]
        all_of = [(s.tolist(), i) for s in sentences for i in range(len(s))]
        contexts = [[s[i + d] if 0 <= i + d < len(s) else -1 for d in steps] for s, i in all_of]
        return torch.cat(sentences), torch.tensor(contexts)

    def training_examples(words, contexts, model):
        n, j = (contexts > -1).nonzero().T
        if model == "skipgram":
            return words[n].unsqueeze(1), contexts[n, j]
        if model != "cbow":
            raise ValueError(model)
        return contexts[n.unique()], words[n.unique()]

    def bag_forward(vectors, bags):
        often = (bags[:, :, None] == torch.arange(len(vectors))).double().sum(1).to(vectors)
        often /= often.sum(1, keepdim=True)
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
        words = torch.cat([targets.unsqueeze(1), negatives], dim=1)
        s = (h @ vectors.T).gather(1, words)
        losses = s.relu() + (-s.abs()).exp().log1p()
        return (losses.sum() - s[:, 0].sum()) / len(h), (h, vectors, words, s)

    def negative_sampling_backward(dout, cache):
        h, vectors, words, s = cache
        error = torch.zeros(len(h), len(vectors)).to(h).scatter_add(1, words, s.sigmoid())
        error = (error - torch.eye(len(vectors)).to(h)[words[:, 0]]) * dout / len(h)
        return error @ vectors, error.T @ h

    def noise_distribution(counts, power=0.75):
        return counts.pow(power) / counts.pow(power).sum()

    def draw_negatives(targets, noise, k, seed):
        generator = torch.Generator().manual_seed(seed)
        drawn = targets[:, None].repeat(1, k)
        while (same := drawn == targets[:, None]).any():
            drawn[same] = torch.multinomial(noise, int(same.sum()), True, generator=generator)
        return drawn

    def word2vec_step(w_in, w_out, bags, targets, negatives, lr):
        h, asked = bag_forward(w_in, bags)
        forward, backward = full_softmax_forward, full_softmax_backward
        if negatives is not None:
            forward, backward = negative_sampling_forward, negative_sampling_backward
        loss, cache = forward(h, w_out, *[x for x in (targets, negatives) if x is not None])
        dh, dw_out = backward(torch.ones(()).to(h), cache)
        return torch.sub(w_in, bag_backward(dh, asked), alpha=lr), w_out - dw_out.mul(lr), loss
