"""What goes wrong in dropout, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

scale_weights = mistakes(
    change("(1 - drop) * w -> drop * w", "scaled by drop: a weight is there with 1 − drop"),
    change("(1 - drop) * w -> w / (1 - drop)", "divided by 1 − drop: the sum is to get smaller"),
    change("* w, b -> * w, (1 - drop) * b", "the bias is scaled: it is never left out"),
    change(
        "(1 - drop) * w -> w", "the weights are as they were: in training part of them was missing"
    ),
)

keep_mask = mistakes(
    change(">= drop -> < drop", "keep and drop are swapped: drop is the probability of False"),
    change(
        "torch.rand(shape, generator=generator) -> "
        "torch.rand(shape[1:], generator=generator).expand(shape)"
    ),
    change(
        "torch.rand(shape, generator=generator) -> "
        "torch.rand(shape, generator=generator).argsort(-1).argsort(-1) / shape[-1]"
    ),
    change("torch.Generator().manual_seed(seed) -> None"),
    change("manual_seed(seed) -> manual_seed(0)"),
    change("if not 0 <= drop <= 1 -> if drop < 0"),
)

dropout_forward = mistakes(
    change("kept * factor -> kept", "what is kept is not scaled: divide it by 1 − drop"),
    change(
        "1 / (1 - drop) -> 1 / drop",
        "divided by drop: the probability of being kept is 1 − drop",
        also="drop < 1 -> drop > 0",
    ),
    change("1 / (1 - drop) -> 1 - drop", "multiplied by 1 − drop: the mean is x if you divide"),
    change(
        "return x, torch.ones_like(x) -> return x * (1 - drop), torch.ones_like(x)",
        "scaled at inference as well: training has done it",
    ),
    change("if not train: -> if drop < 0:", "the mask is active at inference"),
    change(
        "1 / (1 - drop) if drop < 1 else 0.0 -> 1 / (1 - torch.tensor(drop))",
        "0 / 0 where drop is 1: nothing is kept, and the output is 0",
    ),
    change(
        "1 / (1 - drop) if drop < 1 else 0.0 -> kept.numel() / kept.sum().clamp(min=1)",
    ),
    change(
        "keep_mask(x.shape, drop -> keep_mask(x.shape, 1 - drop",
        "keep and drop are swapped in the mask",
    ),
    change("keep_mask(x.shape, drop, seed) -> keep_mask(x.shape[1:], drop, seed).expand(x.shape)"),
    change("drop, seed) -> drop, 0)"),
    change("x * mask -> x.mul_(mask)"),
)

dropout_backward = mistakes(
    change("dout * mask -> dout", "the mask is not applied: what was left out has no gradient"),
    change(
        "dout * mask -> dout * (mask > 0)", "the factor is missing: the slope is 1 / (1 − drop)"
    ),
    change("dout * mask -> dout * mask * mask", "the factor is there twice"),
    change("dout * mask -> dout * keep_mask(mask.shape, 0.3, 99) / 0.7", "a new mask is drawn"),
)

monte_carlo = mistakes(
    change("own = k * seed + j -> own = seed"),
    change("own = k * seed + j -> own = seed + j"),
    change("drops, own) -> drops, own, False)", "dropout is off: then all passes are one"),
    change("std(0, correction=0) -> std(0)", "the spread is over k − 1: here it is over k"),
    change(
        "std(0, correction=0) -> var(0, correction=0)", "this is the variance: the root is missing"
    ),
    change("outs.mean(0) -> outs.sum(0)", "the passes are summed"),
)

block_rate = mistakes(
    change("size**2 * places -> size * places", "a block has size² numbers, not size"),
    change("return drop -> return (1 - drop)", "this is for 1 − drop: drop is the share that goes"),
    change(
        "height - size + 1 -> height - size",
        "one place too few: a block of 2 fits 4 times into 5",
        also="width - size + 1 -> width - size",
    ),
    change("size**2 * places -> places", "a corner takes size² numbers with it"),
    change("if not 1 <= size <= min(height, width) -> if size < 1"),
)

drop_blocks = mistakes(
    change(
        "kept * kept[0].numel() / count.clamp(min=1) -> kept",
        "the mask is not renormalised: its mean is to be 1",
    ),
    change("count.clamp(min=1) -> count", "0 / 0 where nothing is kept: such an example is 0"),
    change(
        "kept.sum((1, 2, 3), keepdim=True) -> kept.sum() / len(x)",
        "counted over the batch: each example has its own factor",
    ),
    change(
        "kept[0].numel() -> kept[0, 0].numel()",
        "counted in each map: the count is over all channels of an example",
        also="(1, 2, 3) -> (2, 3)",
    ),
    change(
        "kept * kept[0].numel() / count.clamp(min=1) -> kept * count / kept[0].numel()",
        "the factor is upside down: less that is kept is scaled up more",
    ),
    change("(~dropped).to(x) -> dropped.to(x)", "what should go is kept, and the rest is left out"),
    change(
        "i in range(size) -> i in range(1)",
        "only the corners are left out",
        also="j in range(size) -> j in range(1)",
    ),
    change("|= corners -> = corners", "a later shift overwrites an earlier one"),
    change("x * mask, mask -> x * mask, kept", "the mask lacks the factor: out is x · mask"),
)

dropblock_forward = mistakes(
    change("~keep_mask -> keep_mask", "corners and their opposite are swapped"),
    change(
        "(places, rate, -> (places, drop,", "drawn with drop: a corner takes size² numbers with it"
    ),
    change("if not train: -> if drop < 0:"),
    change("rate, seed) -> rate, 0)"),
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
        return out, (mask != 0, 1 / mask.max())


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
