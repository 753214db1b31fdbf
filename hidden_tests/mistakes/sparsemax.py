"""What goes wrong in sparsemax, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

ASCENDING = "sorted from the smallest up: the support holds the largest scores"
UNSORTED = "the row is not sorted: the condition is about the k largest scores"
COLUMNS = "taken down the columns: the classes of an example are a row, axis 1"
ALL = "threshold over all scores: only those of the support count, for the others get 0, not less"
ONE_MORE = "k is one too large: the next score is below the threshold and would get less than 0"
ONE_LESS = "k is one too small: count up to the last place that meets the condition"
TOTAL = "the total is taken for 1: it is an argument"
WITHIN = "all within the total of the largest are counted: the larger ones are taken together"
POSITIVE = "these are the scores above 0: it is those above τ"
NEGATIVE = "scores below 0 are never counted: τ may be below 0, too"

LAST = "inside.sum(1) -> (inside * k).amax(1)"

support_size = mistakes(
    change("z.sort(1, descending=True).values -> z", UNSORTED, also=LAST),
    change(("> ordered -> >= ordered", "total + k -> total + 1e-6 + k"), "a score at τ is counted"),
    change("descending=True -> descending=False", ASCENDING),
    change("z.sort(1, descending=True).values -> z", UNSORTED),
    change(("z.sort(1, -> z.sort(0,", "cumsum(1) -> cumsum(0)"), COLUMNS),
    change("torch.arange(1, z.shape[1] + 1 -> torch.arange(z.shape[1]", "places count from 0"),
    change("return inside.sum(1) -> return inside.sum(1) - 1", ONE_LESS),
    change("inside.sum(1) -> inside[:, :-1].sum(1)", "k ends at C − 1: all may be in the support"),
    change("inside.sum(1) -> inside.sum(1) * inside[:, -1]", "0 unless all are in: keep the count"),
    change("z.sort(1, -> z.abs().sort(1,", "|z| is sorted: a score far below 0 is a small one"),
    change("inside.sum(1) -> inside.long().argmin(1)", "0 where all are in: count what is inside"),
    change("return inside.sum(1) -> return inside.sum(1) + 1", ONE_MORE),
    change("total + k * ordered -> k * ordered", "the total is missing from the condition"),
    change("total + k * ordered -> k * (total + ordered)", "the total is multiplied by k, too"),
    change("cumsum(1) -> cumsum(1) - ordered", "the sum has one score too few: z_(k) is in it"),
    change("total + k * ordered > ordered.cumsum(1) -> ordered > 0", POSITIVE),
    change("ordered.cumsum(1) -> torch.where(ordered > 0, ordered.cumsum(1), torch.inf)", NEGATIVE),
    change("total + k * ordered > ordered.cumsum(1) -> ordered > ordered[:, :1] - total", WITHIN),
    change("ordered.cumsum(1) -> total + k * (z.sum(1, True) - total) / z.shape[1]", ALL),
    change("total + k -> 1 + k", TOTAL),
)

BY_C = "divided by all classes: the sum has k terms"
SUM = "all scores are summed: only those of the support are"
MANY = "the sum has one score too many"
EACH = "one k or τ for all rows: each has its own"
LARGEST = "the largest score less the total: that is so for k = 1 only"

threshold = mistakes(
    change("descending=True -> descending=False", ASCENDING),
    change("z.sort(1, descending=True).values -> z", UNSORTED),
    change("z.sort(1, -> z.sort(0,", COLUMNS),
    change("(sums - total) / k -> (z.sum(1, keepdim=True) - total) / z.shape[1]", ALL),
    change(("/ k -> / z.shape[1]", "/ z.shape[1] + ordered[:, :1] * (1 - k / z.shape[1])"), BY_C),
    change(("/ k -> / (k + 1)", "/ (k + 1) + ordered[:, :1] / (k + 1)"), "divided by k + 1: by k"),
    change("/ k -> / k - ordered[:, :1]", "the largest score, taken away, is not added again"),
    change(("sums - -> z.sum(1, True) -", "z.sum(1, True)+(k-z.shape[1])*z.amax(1, True) -"), SUM),
    change("sums - total -> sums", "the total is not subtracted: the excesses would sum to 0"),
    change("(sums - total) / k -> sums / k - total", "the total is not divided by k: it is shared"),
    change("(sums - total) / k -> z.max(1, keepdim=True).values - total", LARGEST),
    change("k - 1 -> (k - 2).clamp(min=0)", "the sum has one score too few"),
    change("(sums - total) / k -> ordered.gather(1, k - 1)", "this is z_(k), the last of the k"),
    change("k - 1 -> k.clamp(max=z.shape[1] - 1)", MANY),
    change("k - 1) -> k.clamp(max=z.shape[1] - 1)) - ordered[:, :1] * (k < z.shape[1])", MANY),
    change("[:, None] -> [:, None].add(1).clamp(max=z.shape[1])", ONE_MORE),
    change("[:, None] -> [:, None].sub(1).clamp(min=1)", ONE_LESS),
    change("size(z, total)[:, None] -> size(z, total)[:1, None].expand(len(z), 1)", EACH),
    change("size(z, total)[:, None] -> size(z, total).amax().expand(len(z), 1)", EACH),
    change(("/ k -> / k[:1]", "/ k[:1] + ordered[:, :1] * (1 - k / k[:1])"), EACH),
    change("support_size(z, total) -> support_size(z)", "the support is that of the total 1"),
    change("sums - total -> sums - 1", TOTAL),
)

UNSHIFTED = "digits are lost where a row is far from 0: subtract its largest score first"
MEAN = "digits are lost where one score is far below: subtract the largest, not the mean"
OF_COLUMNS = "the largest of each column is subtracted: that moves the scores of a row apart"
HALF = "only one of the row and its τ is shifted: shift both"
NO_ZERO = "this is softmax: it has no 0"
EQUAL = "all of the support are equal: it is z − τ there"
DIVIDED = "cut, and divided by the sum: the nearest point is reached by subtraction"
SOFTMAX = "this is softmax of the support: it is z − τ there"

sparsemax_forward = mistakes(
    change("z - z.max(1, keepdim=True).values -> z", UNSHIFTED),
    change("z.max(1, keepdim=True).values -> z.mean(1, keepdim=True)", MEAN),
    change("z.max(1, keepdim=True).values -> z.max()", "the batch's maximum is subtracted"),
    change("z.max(1, keepdim=True).values -> z.max(0).values", OF_COLUMNS),
    change(("threshold(shifted) -> threshold(z)", "shifted - tau -> z - tau"), HALF),
    change(".clamp(min=0) -> ", "negative entries are left: below the threshold p is 0"),
    change(".clamp(min=0) -> .abs()", "the sign is dropped: below the threshold p is 0"),
    change("threshold(shifted) -> (shifted.sum(1, keepdim=True) - 1) / z.shape[1]", ALL),
    change(
        "excess.clamp(min=0) -> (z - z.mean(1, True) + 1 / z.shape[1]).relu()"
        "\n    p /= p.sum(1, True)",
        DIVIDED,
    ),
    change("excess.clamp(min=0) -> z.relu() / z.relu().sum(1, True)", DIVIDED),
    change("excess.clamp(min=0) -> (shifted + 1).relu()\n    p /= p.sum(1, True)", DIVIDED),
    change("threshold(shifted) -> threshold(shifted.T).T", COLUMNS),
    change("threshold(shifted) -> threshold(shifted.T).T", COLUMNS, also="1, keepdim=True -> 0"),
    change("excess.clamp -> shifted.clamp", "cut at the largest score, not at τ"),
    change("threshold(shifted) -> threshold(shifted, 2.0)", "a row sums to 2: probabilities to 1"),
    change(("threshold(shifted) -> threshold(shifted).max()", "threshold(shifted)[0]"), EACH),
    change("excess.clamp(min=0) -> (excess > 0) / (excess > 0).sum(1, True)", EQUAL),
    change("excess.clamp(min=0) -> shifted.softmax(1)", NO_ZERO),
    change("excess.clamp(min=0) -> (shifted - 1e9 * (excess <= 0)).softmax(1)", SOFTMAX),
    change("shifted = z - -> shifted = z.sub_(z.max(1, keepdim=True).values) + 0 *"),
)


NO_MEAN = "the mean over the support is not subtracted: a larger score raises τ, and lowers all p"
PASSES = "the gradient passes outside of the support: p stays 0 there, whatever z does"
ALL_SUMMED = "the sum is over all classes: it is over those of the support"
DIAGONAL = "only the diagonal of the Jacobian is used: z_j moves every p of the support"
JACOBIAN = "this is the Jacobian of softmax: here p is gone, and only the support is left"
WEIGHTED = "the mean is weighted with p, as in softmax: all of the support weigh the same"

sparsemax_backward = mistakes(
    change("(dout - mean) -> dout", NO_MEAN),
    change("* inside).sum(1, keepdim=True) / size -> ).mean(1, True)", "the mean is over all"),
    change("(dout * inside).sum -> dout.sum", ALL_SUMMED),
    change("inside).sum(1 -> inside).sum(0", COLUMNS),
    change("inside * (dout - mean) -> dout - mean", PASSES),
    change("(dout - mean) -> (dout - mean) / size", "all is divided by k: only the sum of dout is"),
    change("inside * (dout - mean) -> inside * dout - mean", "the mean is subtracted outside, too"),
    change("/ size -> / size / dout.shape[1]", "divided by C as well: the mean has k terms"),
    change("/ size -> / dout.shape[1]", "divided by C: the mean is over the k of the support"),
    change(("inside.sum(1, keepdim=True) -> inside.sum() / len(inside)", "inside.sum()"), EACH),
    change(".sum(1, keepdim=True) / size -> .sum() / size.sum()", "one mean for all rows"),
    change("- mean -> - mean * (size > 1)", "dout is passed on where k = 1: p is 1, and stays so"),
    change("dout - mean -> dout + mean", "the mean is added: a larger τ makes p smaller"),
    change(" / size -> ", "the sum over the support is subtracted: its mean is, for τ has 1/k"),
    change("inside * (dout - mean) -> inside * dout * (1 - 1 / size)", DIAGONAL),
    change(("cache > 0 -> cache > 1e-6", "cache > 0.1"), "small p get no gradient: all above 0 do"),
    change("inside * (dout - mean) -> cache * (dout - (cache * dout).sum(1, True))", JACOBIAN),
    change("(dout * inside).sum(1, keepdim=True) / size -> (dout * cache).sum(1, True)", WEIGHTED),
    change("inside * (dout - mean) -> cache * (dout - mean)", "p is the factor: it is 1 or 0"),
)


@mistake("a score at the threshold has a gradient: it counts as outside", of="sparsemax_backward")
def sparsemax_forward(z):
    shifted = z - z.max(1, keepdim=True).values
    tau = threshold(shifted)
    return (shifted - tau).clamp(min=0), shifted >= tau


LOG = "this is −ln p_y, cross-entropy: where p is 0 it is infinite (or an ε decides)"
SQUARED = "this is the squared error of p: where p of the right class is 0 it has no gradient"
COSTLY = "the mean is over the examples that cost something: it is over all N"
OTHERS = "[:, y] takes the labels of all examples in every row"
NO_HALF = "the constant ½ is missing: a sure right answer costs 0"
FAR = "digits are lost where a row is far from 0: subtract z_y before weighting with p"

sparsemax_loss_forward = mistakes(
    change("losses.mean() -> losses.sum()"),
    change(("losses.mean() -> losses[-1] / n", "losses[0] / n"), "one loss, over N: sum them all"),
    change("p, _ = sparsemax_forward(z) -> p = z.softmax(1)", NO_ZERO),
    change("0.5 * p.square() -> 0.5 * z.square()", "‖z‖² for ‖p‖²"),
    change("+ (p * gap) -> + 0.5 * (p * gap)", "½ stands before the gap, too: only ‖p‖² has it"),
    change("z[rows, y] -> p[rows, y]", "p_y for z_y: the gap is one of scores"),
    change("z[rows, y][:, None] -> z[:, y].mean()", OTHERS),
    change("losses.mean() -> losses.mean() / c", "a mean over all N·C: it is over the N examples"),
    change("losses.mean() -> losses.sum() / (losses > 0).sum().clamp(min=1)", COSTLY),
    change("0.5 - 0.5 -> -0.5", NO_HALF),
    change("0.5 - 0.5 -> -0.5", NO_HALF, also="losses.mean() -> losses.relu().mean()"),
    change("0.5 * p.square() -> p.square()", "the ½ in front of ‖p‖² is missing"),
    change("p.square().sum(1) -> p.norm(dim=1)", "‖p‖ for ‖p‖²: the square is missing"),
    change(" + (p * gap).sum(1) -> ", "the right class plays no part: its score must count"),
    change("+ (p * gap) -> - (p * gap)", "the gap has the wrong sign: to be behind costs"),
    change(("losses.mean() -> -p[rows, y].log().mean()", "-(p[rows, y] + 1e-9).log().mean()"), LOG),
    change("losses.mean() -> -(p[rows, y] + 1e-12).log().mean()", LOG),
    change("losses.mean() -> (p - torch.eye(c)[y]).square().sum() / 2 / n", SQUARED),
    change("z[rows, y] -> z[rows, y - 1]", "the score before the right one: labels count from 0"),
    change(("(p * gap).sum(1) -> (p * z).sum(1) - z[rows, y]", "((p*z).sum(1) - z[rows, y])"), FAR),
    change(("y.min() < 0 or y.max() >= c -> y.max() >= c", "y.max() >= c -> y.max() > c")),
)

CUT = "cut outside of the support: where p of the right class is 0, the gradient is −1"
ADDED = "1 is added at the right class: there it is p − 1"

sparsemax_loss_backward = mistakes(
    change("return difference -> return -difference", "y − p for p − y"),
    change("difference[rows, y] -= 1 -> difference[rows, y] += 1", ADDED),
    change("p.clone() -> (p > 0) / (p > 0).sum(1, keepdim=True)", "1/k is on the support: it is p"),
    change("* dout  -> ", "dout is not used: the chain rule multiplies by what arrives from above"),
    change(" / len(y) -> "),
    change("/ len(y) -> / p.numel()", "divided by N · C: the mean is over the N examples"),
    change("/ len(y) -> / p.shape[1]", "divided by C: the mean is over the N examples"),
    change("p.clone() -> (p > 0).to(p)", "1 stands on the support: it is p"),
    change("[rows, y] -> [:, y]", OTHERS),
    change("[rows, y] -> [rows, y - 1]", "the entry before the right one: labels count from 0"),
    change("[rows, y] -= 1 -> [rows, y] = -1", "the right entry is set to −1: it is p − 1"),
    change("difference[rows, y] -= 1 -> ", "the 1 of the right class is not subtracted"),
    change("p.clone() -> p"),
    change("p.clone() -> p.round()", "p is rounded"),
    change(
        "return difference -> support = p > 0\n"
        "    mean = (difference * support).sum(1, keepdim=True) / support.sum(1, keepdim=True)\n"
        "    difference = support * (difference - mean)\n"
        "    return difference",
        "passed through the Jacobian as well: p − y is the gradient in the scores already",
    ),
    change("return difference -> return (p > 0) * difference", CUT),
)


@alternative("the threshold by bisection, the support counted afterwards")
class Bisection:
    def threshold(z, total=1.0):
        high = z.amax(1, keepdim=True)
        low = high - total
        for _ in range(60):
            middle = (low + high) / 2
            much = (z - middle).clamp(min=0).sum(1, keepdim=True) > total
            low, high = torch.where(much, middle, low), torch.where(much, high, middle)
        return high

    def sparsemax_forward(z):
        moved = z - z.amax(1, keepdim=True)
        p = torch.relu(moved - threshold(moved))
        return p, [row.nonzero()[:, 0] for row in torch.where(p > 1e-8, p, 0)]

    def sparsemax_backward(dout, cache):
        dz = torch.zeros_like(dout)
        for row, upstream, support in zip(dz, dout, cache, strict=True):
            row[support] = upstream[support] - upstream[support].mean()
        return dz


@alternative("τ is the largest of all τ_k; the support is what lies above it")
class Largest:
    def support_size(z, total=1.0):
        return (z > threshold(z, total)).sum(1)

    def threshold(z, total=1.0):
        k = torch.arange(1, z.size(1) + 1).to(z)
        sums = torch.sort(z, 1, True)[0].cumsum(1)
        return ((sums - total) / k).max(1)[0].unsqueeze(1)

    def sparsemax_loss_forward(z, y):
        if bool(((y < 0) | (y >= z.shape[1])).any()):
            raise ValueError("no such class")
        z = z - z.gather(1, y[:, None])
        p, tau = sparsemax_forward(z)[0], z.max(1).values - sparsemax_forward(z)[0].max(1).values
        return (0.5 + p.square().sum(1) / 2 + tau).sum().item() / len(y), dict(p=p, y=y)

    def sparsemax_loss_backward(dout, cache):
        target = torch.nn.functional.one_hot(cache["y"], cache["p"].shape[1])
        return [(cache["p"] - target) * (dout / len(target))]


@alternative("all scores first, then without those below the threshold; the Jacobian as a matrix")
class Repeated:
    def threshold(z, total=1.0):
        inside = torch.ones_like(z)
        while True:
            tau = ((z * inside).sum(1, keepdim=True) - total) / inside.sum(1, keepdim=True)
            smaller = inside * (z > tau)
            if bool((smaller == inside).all()):
                return tau
            inside = smaller

    def sparsemax_forward(z):
        z = z - z.amax(1, keepdim=True)
        p = torch.maximum(z - threshold(z), torch.zeros_like(z))
        s = (p > 0).to(z.dtype)
        outer = s[:, :, None] * s[:, None, :] / s.sum(1)[:, None, None]
        return p, torch.diag_embed(s) - outer

    def sparsemax_backward(dout, cache):
        return torch.einsum("nij,nj->ni", cache, dout)


equivalent("sparsemax_backward", "cache > 0 -> cache != 0", why="p is never below 0")
