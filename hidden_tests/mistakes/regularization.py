"""What goes wrong in regularization, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

WATCHED = "the training loss decides: it falls as long as you train; ask the validation set"
PENALTIES = "the validation loss has penalties: it says how well the model predicts, no more"
BIASES = "the biases are penalised: a bias moves all outputs alike and fits no noise"
OTHERS = "eps is spread over the others: here it is spread over all K"
LAST_ALONE = "only the last layer is in it: all weights are penalised"
LAST = "the last layer is not penalised: all weights are"
SIGNS = "signs cancel: the penalty is of absolute values"
ROLLED = "what leaves comes back in on the other side: it is gone, and what is uncovered is 0"
EDGE = "the edge is repeated in rows or columns: what is uncovered is 0 in both"
SMALL = "small weights are lost: is an ε added, or are they taken for zeros?"
OVERFLOW = "powers overflow: first divide, by the largest or the norm, then raise"
KINK = "the slope at 0 is not 0: at the kink we take 0, so that a weight at 0 stays"

l2_penalty = mistakes(
    change("penalty, alpha -> penalty, 2 * alpha", "twice: the ½ of the penalty cancels the 2"),
    change("alpha / 2 -> alpha", "the ½ is missing: it is what cancels the 2 of the derivative"),
    change("penalty, alpha -> penalty, alpha / 2", "the ½ is left: the derivative of w² is 2w"),
    change("sum() -> sum().sqrt()", "the root is taken: the penalty is of the squared length"),
    change("square().sum() -> square().mean()", "the squares are averaged: they are summed"),
    change("square().sum() -> sum().square()", "the sum is squared: sum the squares"),
    change("alpha / 2 * w -> 0.5 * (alpha * w)", "alpha is squared: it stands before the squares"),
    change("penalty, alpha * w -> penalty, w", "alpha is missing: it is in the penalty"),
)

l1_penalty = mistakes(
    change(("abs().sum() -> sum()", "sum().abs()"), SIGNS),
    change("abs().sum() -> abs().mean()", "the penalty is averaged: it is a sum"),
    change("alpha * w.abs() -> alpha / 2 * w.abs()", "a ½ too many: only squares need one"),
    change("w.sign() -> w", "it grows with w: the slope of |w| is 1 or −1, however large w is"),
    change(("w.sign() -> (2.0 * (w >= 0) - 1).to(w)", "(2.0 * (w > 0) - 1).to(w)"), KINK),
    change("alpha * w.sign() -> w.sign()", "alpha is missing: it is in the penalty"),
)

lp_norm = mistakes(
    change("return norm, -> norm **= p\n    return norm,", "the root is missing: it is a length"),
    change(".sum().pow(1 / p) -> .sum()", "the root is missing from the sum: a norm is a length"),
    change("sum().pow(1 -> mean().pow(1", "the powers are averaged: they are summed"),
    change("pow(1 / p) -> sqrt()", "the square root is taken: for other p it is the p-th"),
    change("= largest * (size / largest) -> = size", OVERFLOW),
    change("(size / norm).pow(p - 1) -> size.pow(p - 1) / norm.pow(p - 1)", OVERFLOW),
    change(("largest == 0 -> largest < 1e-6", "size / norm -> size / (norm + 1e-12)"), SMALL),
    change("largest * (size -> (size", "the largest is taken out: multiply by it again"),
    change("size = w.abs() -> size = w", "the signs are kept: it is |w| that is raised to p"),
    change("largest == 0 -> largest < 0", "0 / 0: where all of w is 0, norm and gradient are 0"),
    change("if largest == 0 -> if w.sum() == 0", "a sum of 0 is taken for zeros: numbers cancel"),
    change("pow(p - 1) -> pow(p)", "the ratio is raised to p: the derivative leaves p − 1"),
    change("(size / norm) -> size", "the outer derivative is missing: the root has one too"),
    change("w.sign() * (size -> (size", "the sign is missing: where w is negative, it falls"),
    change("w.sign() * -> p * w.sign() *", "a factor p is left: the 1/p of the root cancels it"),
    change("size / norm -> size / largest", "divided by the largest: it is the norm here"),
    change("w.sign() * (size / norm).pow(p - 1) -> w / norm", "this is for p = 2: p is not used"),
    change("w.sign() * -> (2.0 * (w >= 0) - 1).to(w) *", KINK),
)

add_penalty = mistakes(
    change("dw + dfirst + dsecond -> dw", "the penalty is in the loss alone: no step knows of it"),
    change("loss + first + second -> loss", "the penalty is in the gradient alone"),
    change("(w, _) -> (w, b)", BIASES, also="cond, db) -> cond, db + l1 * b.sign() + l2 * b)"),
    change("(w, _) -> (w, b)", BIASES, also="+ second\n -> + second + l2_penalty(b, l2)[0]\n"),
    change(" + dsecond -> ", "the gradient lacks the squares' part: it is in the loss"),
    change("dw + dfirst -> dw", "the gradient lacks the absolute values' part: the loss has it"),
    change("loss + first -> loss", "the loss lacks the absolute values: the gradient has them"),
    change("first + second -> (first + second) * (not penalised)", "the loss has the first alone"),
    change("first + second -> first", "the loss lacks the squares: they are in the gradient"),
    change("first + second -> (first + second) * (w is params[-1][0])", LAST_ALONE),
    change("dw + dfirst -> dfirst", "the gradient of the loss is lost: the penalty is added to it"),
    change("dw + dfirst + dsecond -> dw - dfirst - dsecond", "the penalty has the wrong sign"),
    change("(w, l2) -> (w, 0.0 if l1 else l2)", "only one of both is added: both may be given"),
    change("first, d -> if penalised and w is params[-1][0]: l1 = l2 = 0\n        first, d", LAST),
)

smooth_labels = mistakes(
    change("+= 1 - eps -> = 1 - eps", "the rows sum to 1 − eps / K: the label has its part, too"),
    change("rows = -> targets *= classes / (classes - 1)\n    rows =", OTHERS, also="+= -> ="),
    change("eps / classes -> eps / (classes - 1)", "divided by K − 1: the right class gets a part"),
    change("eps / classes -> eps / len(y)", "divided by N: the K classes share eps"),
    change("eps / classes -> eps", "eps is given to each class: they share it"),
    change("+= 1 - eps -> += 1", "the rows sum to 1 + eps: take from the label what is spread"),
    change("targets = -> eps = 1 - eps\n    targets =", "eps is spread: the label keeps 1 − eps"),
    change("targets[rows, y] -> targets[:, y]", "all rows get all labels: one for each row"),
    change("[rows, y] -> [rows, y - 1]", "labels are counted from 1: they begin with 0"),
)

add_noise = mistakes(
    change("std * noise -> std**2 * noise", "std is squared: it is a standard deviation already"),
    change("std * noise -> std**0.5 * noise", "std is taken for a variance: it is the root"),
    change("x + std -> std", "only the noise comes back: it is added to x"),
    change("x + std * noise -> x * (1 + std * noise)"),
    change("randn(x.shape -> rand(x.shape"),
    change("randn(x.shape -> randn(x.shape[:1] + (1,) * (x.ndim - 1)"),
    change("std * noise -> std * 3**0.5 * noise.erf()"),
    change("std * noise -> std * (noise - noise.mean()) / noise.std()"),
    change("x + std * noise -> (x + std * noise).clamp(0, 1)", "clipped: it may leave [0, 1]"),
    change("x + std * noise -> (x + std * noise).clamp(x.min(), x.max())", "clipped to x's range"),
    change("std * noise -> std * x.std() * noise", "multiplied by the std of x: it has x's unit"),
)

shift_images = mistakes(
    change("torch.where(inside, moved, 0) -> x[image, rows % h, cols % w]", ROLLED),
    change("torch.where(inside, moved, 0) -> moved", "the border is repeated: uncovered is 0"),
    change("moved, 0) -> moved, x.min())", "uncovered gets the least value of x: it is 0"),
    change("- dy -> + dy", "all moves the other way: out[i] was at i − dy", also="- dx -> + dx"),
    change("- dy -> + dy", "the rows move the other way: positive dy is down"),
    change("- dx -> + dx", "the columns move the other way: positive dx is to the right"),
    change("- dy[:, -> - dx[:,", "the rows move by dx, as the columns do: dy is theirs"),
    change("- dx[:, -> - dy[:,", "the columns move by dy, as the rows do: dx is theirs"),
    change("- dy[:, -> - dy.clamp(1 - h, h - 1)[:,", "no image leaves below or above"),
    change("- dx[:, -> - dx.clamp(1 - w, w - 1)[:,", "no image leaves on the left or right"),
    change("- dy[:, -> - dy[:1,", "all images move like the first", also="- dx[:, -> - dx[:1,"),
    change(("(rows >= 0) -> (rows > 0)", "(rows < h) -> (rows < h - 1)"), "an edge row is lost"),
    change(("(cols >= 0) -> (cols > 0)", "(cols < w) -> (cols < w - 1)"), "an edge column is lost"),
    change("(cols < w) -> (cols < h)", "columns are compared with the height"),
    change(("& (cols >= 0) & (cols < w) -> ", "(rows >= 0) & (rows < h) & -> "), EDGE),
    change("(rows < h) & (cols -> (rows < h) | (cols", "row or column: both must be inside"),
    change(("[:, :, None] -> [:, :, None] % h", "[:, None, :] -> [:, None, :] % w"), ROLLED),
    change("inside = -> inside = (dy * dx != 0)[:, None, None] &", "by 0 all is lost: see x[:-0]"),
)

jitter = mistakes(
    change("dy, dx = offsets -> dy = dx = offsets[0]"),
    change("dy, dx = offsets -> dy, dx = offsets[:, :1].expand(2, len(x))"),
)

train = mistakes(
    change("return best -> return params", "the last params come back: return the best ones"),
    change("waited == patience -> waited > patience", "stopped too late: count the steps in a row"),
    change("== patience -> == max(patience - 1, 1)", "stopped too early: count the steps in a row"),
    change("waited == patience -> False", "patience is not used: it ends training"),
    change("loss < lowest -> loss <= lowest", "equal counts as lower: it is no improvement"),
    change("loss < lowest -> loss < lowest - 1e-3", "a little lower does not count: it is lower"),
    change("loss, 0 -> loss, waited - 1", "the count goes on: a lower loss begins it anew"),
    change("if waited == -> lowest = loss\n        if waited ==", "compared with the loss before"),
    change("[lowest] -> []", "the loss before the first step is missing"),
    change("return best, -> del losses[len(losses) - waited :]\n    return best,", "they are cut"),
    change("[lowest], 0 -> [lowest], 0\n    lowest = torch.inf", "the start is not compared"),
    change("loss, 0 -> loss, 0\n            best = [(w, b)]", "the params before the best step"),
    change("lowest, _ = -> x_val, y_val = x, y\n    lowest, _ =", WATCHED),
    change("loss, _ = squared_error(x_val, y_val -> loss, _ = squared_error(x, y", WATCHED),
    change("grads = squared_error(x, y -> grads = squared_error(x_val, y_val", "trained on x_val"),
    change("_, grads = add_penalty -> _ = add_penalty", "the steps know nothing of the penalties"),
    change("b - lr * db -> b", "the biases are not trained: it is penalties that spare them"),
    change("w - lr * dw, b - lr * db -> w + lr * dw, b + lr * db", "the steps go uphill"),
    change("params, l1, l2) -> params, l1 / lr, l2 / lr)", "lr is missing in the penalty's step"),
    change("(loss) -> (loss := add_penalty(loss, grads, params, l1, l2)[0])", PENALTIES),
)


@alternative("other words, sums of all layers at once, masks")
class OtherWords:
    def l2_penalty(w, alpha):
        return alpha * (w * w).sum() / 2, w * alpha

    def l1_penalty(w, alpha):
        slope = alpha * (1.0 * (w > 0) - 1.0 * (w < 0)).to(w)
        return (w * slope).sum(), slope

    def lp_norm(w, p):
        if p < 1:
            raise ValueError(p)
        scale = w.abs().max()
        if not scale:
            return 0 * scale, 0 * w
        u = w / scale
        total = (u.abs() ** p).sum()
        return scale * total ** (1 / p), total ** (1 / p - 1) * u.abs() ** (p - 1) * torch.sign(u)

    def add_penalty(loss, grads, params, l1=0.0, l2=0.0):
        loss = loss + sum(l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w, _ in params)
        slopes = [l1 * w.sign() + l2 * w for w, _ in params]
        return loss, [[g[0] + s, g[1]] for g, s in zip(grads, slopes, strict=True)]

    def smooth_labels(y, classes, eps):
        if eps < 0 or eps > 1:
            raise ValueError(eps)
        one_hot = (y[:, None] == torch.arange(classes)).float()
        return one_hot * (1 - eps) + eps / classes


@alternative("the global generator, a loop over the images, one direction drawn after the other")
class Loops:
    def add_noise(x, std, seed):
        torch.manual_seed(seed)
        return x + torch.randn_like(x) * std

    def shift_images(x, dy, dx):
        _, h, w = x.shape
        tops, lefts = (h - dy.clamp(-h, h)).tolist(), (w - dx.clamp(-w, w)).tolist()
        wide = zip(torch.nn.functional.pad(x, (w, w, h, h)), tops, lefts, strict=True)
        return torch.stack([image[a : a + h, b : b + w] for image, a, b in wide])

    def jitter(x, reach, seed):
        torch.manual_seed(seed)
        dy = torch.randint(2 * reach + 1, (len(x),)) - reach
        dx = torch.randint(2 * reach + 1, (len(x),)) - reach
        return shift_images(x, dy, dx)

    def train(x, y, x_val, y_val, params, lr, steps, patience, l1=0.0, l2=0.0):
        path, losses = [params], [squared_error(x_val, y_val, params)[0].item()]
        while len(path) <= steps and len(losses) - losses.index(min(losses)) <= patience:
            ((w, b),) = path[-1]
            _, ((dw, db),) = squared_error(x, y, path[-1])
            path.append([[w - lr * (dw + l1 * w.sign() + l2 * w), b - lr * db]])
            losses.append(squared_error(x_val, y_val, path[-1])[0].item())
        return path[losses.index(min(losses))], losses


equivalent("lp_norm", "== 0 -> <= 0", why="absolute values are never below 0")
equivalent("add_penalty", "strict=True -> strict=False", why="equal lengths")
equivalent("add_noise", "x + std -> x - std", why="the normal distribution is symmetric")
equivalent("shift_images", "rows.clamp(0 -> rows.clamp(-1", why="what is outside is 0 in any case")
equivalent("shift_images", "cols.clamp(0 -> cols.clamp(-1", why="what is outside is 0 in any case")
equivalent("train", "waited == patience -> waited >= patience", why="the count goes up by one")
