"""What goes wrong in dropout, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

BELOW = "the shares of the layers below are multiplied in: each layer has its own"

scale_weights = mistakes(
    change("(1 - drop) * w -> drop * w", "scaled by drop: a weight is there with 1 − drop"),
    change("(1 - drop) * w -> w / (1 - drop)", "divided by 1 − drop: the sum is to get smaller"),
    change("(1 - drop) * w -> (1 - drop) ** 0.5 * w", "the root keeps the spread: keep the mean"),
    change("* w, b -> * w, (1 - drop) * b", "the bias is scaled: it is never left out"),
    change("(1 - drop) * w -> w", "they are as they were: in training part of them was missing"),
    change("(1 - drop) -> (1 - drop * bool(scaled))", "the first layer is not scaled: all are"),
    change("(1 - drop) -> (1 - drops[0])", "all are scaled by drops[0]: each layer has its own"),
    change("params, drops -> params, 1 - (1 - torch.tensor(drops, dtype=float)).cumprod(0)", BELOW),
)

keep_mask = mistakes(
    change(">= drop -> < drop", "keep and drop are swapped: drop is the probability of False"),
    change("torch.rand( -> torch.randn(", "the numbers are normal: rand's are even on [0, 1)"),
    change("(shape, generator=generator) -> (shape[1:], generator=generator).expand(shape)"),
    change("=generator) -> =generator).argsort(-1).argsort(-1) / shape[-1]"),
    change("torch.rand(shape, -> torch.randint(100, shape,", also=">= drop -> >= 100 * drop"),
    change("torch.Generator().manual_seed(seed) -> None"),
)

dropout_forward = dropblock_forward = mistakes(
    change("return x, -> return x * (1 - drop),", "scaled at inference, too: training has done it"),
    change("if not train: -> if drop < 0:", "the mask is active at inference"),
)

dropout_forward = mistakes(
    change("kept * factor -> kept", "what is kept is not scaled: divide it by 1 − drop"),
    change("(1 - drop) if drop < 1 -> drop if drop > 0", "divided by drop: 1 − drop are kept"),
    change("1 / (1 - drop) -> 1 - drop", "multiplied by 1 − drop: the mean is x if you divide"),
    change("else 0.0 -> else torch.nan", "0 / 0 where drop is 1: nothing is kept, and out is 0"),
    change("if not train: -> if not train or drop == 1:", "with drop = 1 all is kept: nothing is"),
    change("mask = kept * factor -> mask = kept / kept.mean().clamp(min=1e-9)"),
    change("x.shape, drop -> x.shape, 1 - drop", "keep and drop are swapped in the mask"),
    change("keep_mask(x.shape, drop, seed) -> keep_mask(x.shape[1:], drop, seed).expand(x.shape)"),
    change("kept * factor -> kept * factor + (kept.sum(-1, True) == 0) * (drop < 1)"),
    change("drop, seed).to(x) -> drop, seed).double()"),
    change("x * mask -> x.mul_(mask)"),
)

dropout_backward = mistakes(
    change("dout * mask -> dout", "the mask is not applied: what was left out has no gradient"),
    change("* mask -> * (mask > 0)", "the factor is missing: the slope is 1 / (1 − drop)"),
    change("dout * mask -> dout * mask * mask", "the factor is there twice"),
    change("* mask -> * (mask > 0) / mask.clamp(min=1)", "divided by the factor: multiply by it"),
    change("dout * mask -> dout * keep_mask(mask.shape, 0.3, 99) / 0.7", "a new mask is drawn"),
)


@mistake("the mask is read from out: an x that is 0 is kept, too", of="dropout_backward")
def dropout_forward(x, drop, seed, train=True):
    if not train:
        return x, torch.ones_like(x)
    out = x * keep_mask(x.shape, drop, seed) / max(1 - drop, 1e-9)
    return out, (out != 0) / max(1 - drop, 1e-9)


DIGITS = "mean(f²) − μ² loses its digits where passes hardly differ: subtract μ, then square"
DISTANCE = "the mean distance is used: the standard deviation is the root of the mean square"

monte_carlo = mistakes(
    change("correction=0) -> correction=0) / k**0.5", "this is the error of the mean, std / √k"),
    change(("= k * seed + j -> = seed + j", "= 100 * seed + j", "= (seed + 1) * j")),
    change("drops, own) -> drops, own, False)", "dropout is off: then all passes are one"),
    change("drops, own -> drops[:1] + [0.0] * len(drops), own", "only the first layer has masks"),
    change("drops, own -> [0 * p for p in drops[1:]] + drops[-1:], own", "only the last has masks"),
    change("drops, own -> drops[::-1], own", "drops is used in reverse: the first is the inputs'"),
    change("append(out -> append(out.softmax(-1)", "probabilities are averaged: it is outputs"),
    change("outs.mean(0) -> outs.median(0).values"),
    change("std(0, correction=0) -> std(0)", "the spread is over k − 1: here it is over k"),
    change("std( -> var(", "this is the variance: the root is missing"),
    change("outs.std(0, correction=0) -> (outs - outs.mean(0)).abs().mean(0)", DISTANCE),
    change("std(0, correction=0) -> square().mean(0).sub(outs.mean(0) ** 2).relu().sqrt()", DIGITS),
)

ONE_LESS = "one place too few: a block of 2 fits 4 times into 5"
AREAS = "two areas are missing: a map has more numbers than places for a corner"

block_rate = mistakes(
    change("size**2 * places -> size * places", "a block has size² numbers, not size"),
    change("return drop -> return (1 - drop)", "this is for 1 − drop: drop is the share that goes"),
    change("height - size + 1 -> height - size", ONE_LESS, also="width - size + 1 -> width - size"),
    change("places = -> places = (height - size) * (width - size) or", ONE_LESS),
    change("size**2 * places -> places", "a corner takes size² numbers with it"),
    change("drop * height * width / (size**2 * places) -> drop / size**2", AREAS),
    change("* width / -> * height /", "the map is taken for square", also="(width - -> (height -"),
    change("(width - -> (height -", "the map is taken for square"),
)

OF_BATCH = "counted over the batch: each example has its own factor"
UPSIDE_DOWN = "the factor is upside down: less that is kept is scaled up more"

drop_blocks = mistakes(
    change("kept * kept[0].numel() / count.clamp(min=1) -> kept", "the mean of a mask is not 1"),
    change("count.clamp(min=1) -> count", "0 / 0 where nothing is kept: such an example is 0"),
    change("kept.sum((1, 2, 3), keepdim=True) -> kept.sum() / len(x)", OF_BATCH),
    change("kept[0].n -> kept[0, 0].n", "counted map by map: over all", also="(1, 2, 3) -> (2, 3)"),
    change("/ count.clamp( -> / (kept[0].numel() - count).clamp(", "divided by what is dropped"),
    change("= kept.sum( -> = kept[0].numel() - size**2 * corners.sum(", "overlaps count twice"),
    change("kept[0].numel() / count.clamp(min=1) -> count / kept[0].numel()", UPSIDE_DOWN),
    change("(~dropped).to(x) -> dropped.to(x)", "what should go is kept, and the rest is left out"),
    change("i in range(size) -> i in [0]", "only corners go", also="j in range(size) -> j in [0]"),
    change(("j in range(size) -> j in [0]", "i in range(size) -> i in [0]"), "blocks are one wide"),
    change("|= corners -> |= corners & (max(i, j) < max(1, size - 1))", "blocks are one too small"),
    change("|= corners -> |= corners & (i == j)", "of each block only the diagonal goes"),
    change("|= corners -> ^= corners", "numbers come back where two blocks overlap"),
    change("|= corners -> = corners", "a later shift overwrites an earlier one"),
    change("|= corners -> |= corners.any(1, True)", "a corner counts in all channels: in its own"),
    change(
        ("for i in -> a = size // 2\n    for i in", "a = size - 1\n    for i in"),
        "the block is around the corner or above it: it is below and to its right",
        also="(~dropped) -> (~torch.nn.functional.pad(dropped, 2 * (0, a))[:, :, a:, a:])",
    ),
    change("x * mask, mask -> x * mask, kept", "the mask lacks the factor: out is x · mask"),
)

dropblock_forward = mistakes(
    change("~keep_mask -> keep_mask", "corners and their opposite are swapped"),
    change("(places, rate, -> (places, drop,", "drawn with drop: a corner takes a block with it"),
    change("block_rate(drop, height, width -> block_rate(drop, height, height"),
    change("(n, c, height -> (n, 1, height", also=").to(x.device) -> ).expand(n, c, -1, -1)"),
    change("x, torch.ones_like(x) -> x, None"),
)


@alternative("bernoulli, and a cache with the coins and the share")
class Plain:
    def scale_weights(params, drops):
        return [[w - p * w, b] for (w, b), p in zip(params, drops, strict=True)]

    def keep_mask(shape, drop, seed):
        if drop < 0 or drop > 1:
            raise ValueError(drop)
        torch.manual_seed(seed)
        return torch.bernoulli(torch.full(shape, 1 - drop, dtype=torch.float64)).bool()

    def dropout_forward(x, drop, seed, train=True):
        if not train or drop == 0:
            return 1 * x, None
        kept, share = keep_mask(x.shape, drop, seed), max(1 - drop, 1e-30)
        return torch.where(kept, x / share, 0.0), (kept, share)

    def dropout_backward(dout, cache):
        if cache is None:
            return dout.clone()
        kept, share = cache
        dx = dout / share
        dx[~kept] = 0
        return dx

    def dropblock_forward(x, drop, size, seed, train=True):
        if not train:
            return x, None
        rate = block_rate(drop, *x.shape[2:], size)
        shape = (*x.shape[:2], x.shape[2] - size + 1, x.shape[3] - size + 1)
        corners = keep_mask(shape, 1 - rate, seed)
        out, mask = drop_blocks(x, corners, size)
        return out, (mask != 0, 1 / mask.amax((1, 2, 3), keepdim=True))


@alternative("running sums of differences")
class Slow:
    def monte_carlo(x, params, drops, k, seed):
        first, *others = (network(x, params, drops, 7919 * seed + j)[0] for j in range(k))
        total = sum(others, 0 * first) - (k - 1) * first
        squares = sum(((out - first) ** 2 for out in others), 0 * first)
        return first + total / k, (squares / k - (total / k) ** 2).clamp(min=0).sqrt()

    def block_rate(drop, height, width, size):
        if size < 1 or size > height or size > width:
            raise ValueError(size)
        return drop / size / size * height / (height - size + 1) * width / (width - size + 1)


@alternative("blocks by pooling")
class Pooled:
    def drop_blocks(x, corners, size):
        around = torch.nn.functional.pad(corners.to(x.dtype), (size - 1,) * 4)
        kept = 1 - torch.max_pool2d(around, size, 1)
        share = kept.mean((1, 2, 3), keepdim=True)
        mask = torch.where(share > 0, kept / share, kept)
        return x * mask, mask


equivalent("scale_weights", "strict=True -> strict=False", why="equal lengths")
equivalent("keep_mask", ">= drop -> > drop", why="a draw is drop itself once in 16 million")
equivalent("dropout_forward", "drop < 1 else -> drop != 1 else", why="drop is at most 1")
equivalent("dropout_forward", "else 0.0 -> else 1.0", why="nothing is kept there")
equivalent("dropout_forward", "else 0.0 -> else -1.0", why="nothing is kept there")
equivalent("monte_carlo", "seed + j -> seed - j", why="each pass has a seed of its own")
equivalent("drop_blocks", "shape[-2:] -> shape[2:]", why="there are four axes")
equivalent("drop_blocks", "kept[0] -> kept[-1]", why="all examples have one size")
