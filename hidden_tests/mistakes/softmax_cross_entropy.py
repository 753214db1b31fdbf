"""What goes wrong in softmax_cross_entropy, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, mistake, mistakes

AXIS = "normalised down the columns: the classes of an example are a row, axis 1"
SUM_OF_BATCH = "one sum for the whole batch: every row has a sum of its own"
TWICE = "softmax is applied to what are probabilities already: once is enough"
HALF_SHIFTED = "the maximum is subtracted in one place only: it cancels when it goes from both"
NO_SUM = "the sum over the classes is missing: logit j moves every probability of its row"
SUM_OF_COLUMN = "the sum runs over the examples: it runs over the classes of each row"
SIGN_OF_SUM = "the sum is added: δ_ij − p_j subtracts it"
MEAN_FOR_SUM = "a mean over the classes stands where the chain rule sums over paths"
LOG_FOR_P = "ln p stands where p is needed"
EVERY_CLASS = "the labels play no part: of each row only the entry of the right class counts"
ALL_PAIRS = "[:, y] picks the labels of all examples in every row: of row n only y[n] is meant"
LABELS_FROM_1 = "the entry before the right one: labels count from 0"
LABELS_AS_ROWS = "[y] picks whole rows by their number: y[n] is the class (column) within row n"
ALL_ENTRIES = "a mean over all N·C entries: it is over the N examples"
DIVIDED_BY_C = "divided by the number of classes C: the loss is a mean over the N examples"
NO_LOG = "p of the right class: −ln p is asked for"
NO_DOUT = "dout is not used: the chain rule multiplies by what arrives from above"
OVERFLOW = "exp overflows at 1000 and is 0 at −1000: what may be subtracted from a row of logits?"
NOT_THE_ROWS = "the maximum of the whole batch is subtracted: of a row far below it, exp is 0"
OF_COLUMNS = "the maximum of each column is subtracted: that moves the logits of a row apart"
NOT_THE_MAXIMUM = "what is subtracted is not the row's maximum: exp of the rest overflows, or is 0"
CLAMPED = "the logits are clamped, which changes the answer: what could be subtracted does not"
LOG_OF_SOFTMAX = "a probability is rounded to 0, and log(0) is −∞: take the log of softmax on paper"
EPSILON = "a small number in the logarithm hides log(0) behind a wrong value: take the log on paper"

# What is subtracted from the row before its exponentials are taken, and their sum.
softmax_forward = log_softmax_forward = mistakes(
    change("x.amax(1, keepdim=True) -> x.max()", NOT_THE_ROWS),
    change("x.amax(1, keepdim=True) -> x.amax(0)", OF_COLUMNS),
    change(("x.amax -> x.amin", "x.abs().amax", "x.mean"), NOT_THE_MAXIMUM),
    change(".sum(1, keepdim=True) -> .sum(0)", AXIS),
    change("x.amax(1, keepdim=True) -> x.amax(0)", AXIS, also="sum(1, keepdim=True -> sum(0"),
    change(".sum(1, keepdim=True) -> .sum()", SUM_OF_BATCH),
)

DIVIDED = "the logits are divided by the maximum: softmax stays the same under sums, not factors"
UNDIVIDED = "the division by the row's sum is missing"
SIGMOID = "each value by itself: the values of a row share 1 out"
softmax_forward = mistakes(
    change("(x - m).exp() -> x.exp()", OVERFLOW),
    change("(x - m).exp() -> x.exp()", OVERFLOW, also="return -> p = p.nan_to_num()\n    return"),
    change(
        ("x.amax(1, keepdim=True) -> 10", "20", "30", "709"),  # what is between looks like 30
        CLAMPED,
        also="(x - m) -> x.clamp(-m, m)",
    ),
    change("e.sum(1, keepdim=True) -> (x - x.max()).exp().sum()", SUM_OF_BATCH),
    change("e / e.sum(1, keepdim=True) -> x.exp() / x.exp().sum()", SUM_OF_BATCH),
    change(("e.sum(1 -> x.exp().sum(1", "p = e -> p = x.exp()"), HALF_SHIFTED),
    change(
        ("e = -> d, e = 1e-4,", "d, e = 1e-5,", "d, e = 1e-6,"),
        "something is added to the sum: it is 1 at least, and the row must sum to 1",
        also="e.sum(1, keepdim=True) -> (e.sum(1, keepdim=True) + d)",
    ),
    change("return p, p -> return p.exp() / p.exp().sum(1, keepdim=True), p", TWICE),
    change("(x - m).exp() -> (x / m).exp()", DIVIDED),
    change(("e / e.sum(1, keepdim=True) -> e", "x.exp()"), UNDIVIDED),
    change("(x - m).exp() -> 2 ** (x - m)", "this is 2ˣ / Σ 2ˣ: the base is e"),
    change("return p -> return log_softmax_forward(x)[0]", "this is the logarithm of softmax"),
    change("m = x -> x = -x\n    m = x", "softmax of −x: the largest logit must get most"),
    change("return p -> return (x == m) * 1.0", "0 and 1: softmax is the smooth version"),
    change("return p, p -> return x.sigmoid(), p", SIGMOID),
    change("m = x.amax(1, keepdim=True) -> x -= x.amax(1, keepdim=True)\n    m = 0"),
)

DIAGONAL_ONLY = "only the diagonal is there: x_j stands in the denominator of every probability"
NO_DIAGONAL = "the case i = j is wrong: there, x_i stands in the numerator as well"
OF_BATCH = "p_i p_j is summed over the batch: every example has a matrix of its own"
ADDED = "p_i p_j is added: what a larger x_j gives to p_j, it takes from the other p_i"
BARE = "p_i multiplies the whole bracket δ_ij − p_j: here the δ goes without"
NO_P = "the factor p_i is missing: δ_ij − p_j is the derivative of ln p_i"
softmax_jacobian = mistakes(
    change(("diag_embed(p) - outer -> diag_embed(p * (1 - p))", "diag_embed(p)"), DIAGONAL_ONLY),
    change(("torch.diag_embed(p) -> 0", "torch.diag_embed(p * p)"), NO_DIAGONAL),
    change(("p[:, :, None] * p[:, None, :] -> p.T @ p", "(p.T @ p)[None] / len(p)"), OF_BATCH),
    change("- outer -> + outer", ADDED),
    change("- outer -> + outer - 2 * torch.diag_embed(p * p)", "off the diagonal it is −p_i p_j"),
    change("embed(p) - -> embed(p - p * p) -", "on the diagonal, p_i² is subtracted twice"),
    change("embed(p) - -> embed(p + p * p) -", "on the diagonal, p_i² is not subtracted"),
    change("torch.diag_embed(p) -> torch.eye(p.shape[1])", BARE),
    change("torch.diag_embed(p) - outer -> torch.eye(p.shape[1]) - outer / p[:, :, None]", NO_P),
    change("outer = -> p = softmax_forward(p)[0]\n    outer =", TWICE),
)

softmax_backward = log_softmax_backward = mistakes(
    change(".sum(1 -> .mean(1", MEAN_FOR_SUM),
    change(".sum(1, keepdim=True) -> .sum(0)", SUM_OF_COLUMN),
    change(".sum(1, keepdim=True) -> .sum()", SUM_OF_BATCH),
)

SIGMOIDS = "only the diagonal of the Jacobian is used: a logit moves every probability of its row"
DIAGONAL = "the diagonal of the Jacobian is wrong: p_j (1 − p_j), not −p_j p_j"
SUM_WITHOUT_P = "dout is summed as it is: J_ij = p_i (δ_ij − p_j) weights dout_i by p_i"
NO_P_IN_FRONT = "the factor p_j in front is missing: J_ij = p_i δ_ij − p_i p_j"
OF_LOG = "this is the gradient of log-softmax: the Jacobian here has one more p_i"
softmax_backward = mistakes(
    change("(dout - total) -> dout * (1 - p)", SIGMOIDS),
    change(("(dout - total) -> -total", "(p * dout - total)"), DIAGONAL),
    change("(dout - total) -> dout", NO_SUM),
    change("(p * dout) -> dout", SUM_WITHOUT_P),
    change("(p * dout) -> (p / p.amax(1, keepdim=True) * dout)", UNDIVIDED),
    change(("p * (dout - total) -> dout - total", "p * dout - total"), NO_P_IN_FRONT),
    change("p * (dout - total) -> dout - p * dout.sum(1, keepdim=True)", OF_LOG),
    change("p * (dout - -> dout - p * (", "p_j multiplies the sum alone: dout has it as well"),
    change("dout - total -> dout + total", SIGN_OF_SUM),
    change("p = cache -> p = softmax_forward(cache)[0]", TWICE),
    change("(dout - total) -> (dout - p * total)", "p_j multiplies the sum twice: once is due"),
)

NOT_ITS_LOG = "the sum is subtracted, not its logarithm"
BASE = "the logarithm is to base 2 or 10: it must undo exp"
log_softmax_forward = mistakes(
    change("x - m - total.log() -> softmax_forward(x)[0].log()", LOG_OF_SOFTMAX),
    change(
        # 1e-5, 1e-6, …
        ("x.amax(1, keepdim=True) -> 5", "6", "7", "8", "9", "10", "12", "15", "16", "20"),
        EPSILON,
        also="x - m - total.log() -> (softmax_forward(x)[0] + 10**-m).log()",
    ),
    change("x - m - total.log() -> softmax_forward(x)[0].clamp(min=1e-6).log()", EPSILON),
    change("x.amax(1, keepdim=True) -> 0", OVERFLOW),
    change("x - m - total.log() -> (x.exp() / x.exp().sum(1, keepdim=True)).log()", OVERFLOW),
    change(
        ("x.amax(1, keepdim=True) -> 10", "20", "30", "50", "80", "88", "100", "500", "700", "709"),
        CLAMPED,
        also=("(x - m) -> x.clamp(-m, m)", "x - m - -> x.clamp(-m, m) -"),
    ),
    change("x - m - total.log() -> x - x.exp().sum().log()", SUM_OF_BATCH),
    change(("x - m - total -> x - total", "(x - m).exp() -> x.exp()"), HALF_SHIFTED),
    change("total.log() -> (x - m).sum(1, keepdim=True)", "the logs are summed: sum, then log"),
    change("m = x -> x = softmax_forward(x)[0]\n    m = x", TWICE),
    change("return log_p -> return log_p.exp()", "this is softmax: its logarithm is asked for"),
    change(" - total.log() -> ", "the logarithm of the row's sum is missing"),
    change(("total.log() -> total", "x.exp().sum(1, keepdim=True) + m"), NOT_ITS_LOG),
    change(("total.log() -> total.log2()", "total.log10()"), BASE),
    change("x - m - total.log() -> x - x.exp().sum(1, keepdim=True).log2()", BASE),
    change(("return log_p -> return log_p.exp().log2()", "return log_p.exp().log10()"), BASE),
)

OF_SOFTMAX = "this is the gradient of softmax: ∂ ln p_i/∂x_j = δ_ij − p_j has no factor p_i"
P_INSIDE = "p stands inside the sum over i: δ_ij − p_j has the j of the result, not i"
ONE_HOT = "p is subtracted as it is: that is right only where a row of dout sums to 1"
log_softmax_backward = mistakes(
    change("dout - log_p.exp() * total -> softmax_backward(dout, log_p.exp())", OF_SOFTMAX),
    change("dout.sum -> (log_p.exp() * dout).sum", P_INSIDE),
    change("log_p.exp() * total -> (log_p.exp() * dout).sum(1, keepdim=True)", P_INSIDE),
    change("* total -> * dout", NO_SUM),
    change(" * total -> ", ONE_HOT),
    change("log_p.exp() * total -> total", "the sum is not multiplied by p_j"),
    change("log_p.exp() -> log_p", LOG_FOR_P),
    change(" - log_p.exp() * total -> ", "dout is returned as it came"),
    change("dout - log_p -> dout + log_p", SIGN_OF_SUM),
)

cross_entropy_forward = cross_entropy_backward = softmax_cross_entropy_backward = mistakes(
    change("[rows, y] -> [:, y]", ALL_PAIRS),
    change("[rows, y] -> [y]", LABELS_AS_ROWS),
    change("[rows, y] -> [rows, y - 1]", LABELS_FROM_1),
)

cross_entropy_backward = softmax_cross_entropy_backward = mistakes(
    change("/ len(y) -> / log_p.numel()", ALL_ENTRIES),
    change("/ len(y) -> / log_p.shape[1]", DIVIDED_BY_C),
)

LARGEST = "the largest log-probability of each row: the one of its label is meant"
EXCHANGED = "−ln of the mean of p: the mean of the logarithms is asked for"
CUT_OFF = "ln p is cut off below: the loss has no largest value"
BINARY = "the classes are treated as C yes-no questions: only the right class of a row has a term"
LOG_OF_LOG = "the loss is NaN: log_p holds logarithms already, and a negative number has none"
cross_entropy_forward = mistakes(
    change("-log_p -> log_p", "the minus is missing: ln p is negative"),
    change(".mean() -> .exp().mean().log()", EXCHANGED),
    change(("-log_p -> -log_p.clamp(min=-100)", "-log_p.clamp(-20)", "-log_p.clamp(-50)"), CUT_OFF),
    change("-log_p[rows -> -(log_p.exp() * log_p)[rows", "weighted with p, as in the entropy"),
    change("mean() -> sum() / c", DIVIDED_BY_C),
    change("mean() -> mean() / c", ALL_ENTRIES),
    change("log_p[rows, y] -> log_p.max(1).values", LARGEST),
    change(("[rows, y] -> ", ".sum(1)"), EVERY_CLASS),
    change("log_p[rows, y] -> (log_p.exp() * log_p).sum(1)", "the entropy of p: y plays no part"),
    change(("-log_p[rows, y] -> log_p.exp()[rows, y]", "-log_p.exp()[rows, y]"), NO_LOG),
    change(
        "log_p[rows, y] -> torch.where(torch.eye(c)[y] > 0, log_p, (1 - log_p.exp()).log()).sum(1)",
        BINARY,
    ),
    change("log_p[rows, y] -> log_p.log()[rows, y]", LOG_OF_LOG),
    change(("y.min() < 0 or y.max() >= c -> False", "y.max() >= c", "y.min() < 0", "y.max() > c")),
)

BY_P = "this is the gradient with respect to p, −1/p: the input is ln p, and the loss linear in it"
OTHERS = "p stands where the class is not the label: there is 0, for the loss is of the label only"
ONE_ROW = "only one row has a gradient: each has its own (does the loop end too early?)"
JOINT = "p − y is the gradient of the logits: stop at ln p, the rest is log_softmax_backward's"
cross_entropy_backward = mistakes(
    change("/ len(y) -> / len(y) / log_p.exp()[rows, y]", BY_P),
    change("return dlog_p -> return dlog_p + log_p.exp() * dout / len(y)", JOINT),
    change("zeros_like(log_p) -> zeros_like(log_p) + log_p.exp() * dout / len(y)", OTHERS),
    change(("[rows, y] -> [rows[:1], y[:1]]", "[rows[-1:], y[-1:]]"), ONE_ROW),
    change("[rows, y] -> [:]", EVERY_CLASS),
    change("-dout -> -dout * log_p[rows, y]", "ln p is still there: its derivative is 1"),
    change("-dout -> -1", NO_DOUT),
)

UNSHIFTED = "log_softmax_forward -> (lambda x: (x - x.exp().sum(1, True).log(), 0))"
softmax_cross_entropy_forward = mistakes(
    change("forward(logits) -> forward(softmax_forward(logits)[0])", TWICE),
    change("d(log_p -> d(logits", "the logits are used as if they were log-probabilities"),
    change(("d(log_p -> d(log_p.clamp(-20)", "d(log_p.clamp(-50)", "d(log_p.clamp(-100)"), CUT_OFF),
    change("forward(log_p -> forward(log_p.exp()", NO_LOG),
    change("log_softmax_forward(logits) -> log_softmax_forward(logits.T)[0].T, 0", AXIS),
    change("return loss -> return loss / logits.shape[1]", ALL_ENTRIES),
    change("return loss -> return -log_p[:, y].mean()", ALL_PAIRS),
    change("cross_entropy_forward(log_p, y) -> -log_p[range(len(y)), y].mean(), 0"),
    change("log_softmax_forward(logits) -> softmax_forward(logits)[0].log(), 0", LOG_OF_SOFTMAX),
    change(
        ("logits -> 5", "6", "7", "8", "9", "10", "12", "15", "16", "20"),
        EPSILON,
        also="log_softmax_forward -> (lambda n: ((softmax_forward(logits)[0] + 10**-n).log(), 0))",
    ),
    change(
        ("logits -> 10", "20", "30", "50", "80", "88", "100", "500", "700", "709"),
        CLAMPED,
        also="log_softmax_forward -> (lambda m: log_softmax_forward(logits.clamp(-m, m)))",
    ),
    change(UNSHIFTED, OVERFLOW),
    change("log_softmax_forward -> (lambda x: ((x.exp()/x.exp().sum(1,True)).log(), 0))", OVERFLOW),
    change("logits -> logits - logits.max()", NOT_THE_ROWS, also=UNSHIFTED),
    change("logits -> logits - logits.mean(1, True)", NOT_THE_MAXIMUM, also=UNSHIFTED),
)

Y_MINUS_P = "y − p for p − y: a larger logit of the right class must lower the loss"
ONE_STEP = "this is the gradient with respect to ln p: log-softmax is still to be passed"
ON_P_ONLY = "dout multiplies p only: the 1 that is subtracted needs it too"
AT_LARGEST = "the 1 is subtracted where p is largest: the entry of the label is meant"
THROUGH_P = "NaN where p is rounded to 0: −1/p makes infinity times zero, p − y divides by nothing"
softmax_cross_entropy_backward = mistakes(
    change("return difference -> return -difference", Y_MINUS_P),
    change("* dout  -> ", NO_DOUT),
    change("log_p.exp() -> softmax_forward(log_p.exp())[0]", TWICE),
    change("[rows, y] -= 1 ->  -= y[:, None]", "the target is one-hot, not y itself"),
    change("log_p.exp() -> log_p.exp() * dout", ON_P_ONLY, also="difference * dout -> difference"),
    change("[rows, y] -> [rows, difference.argmax(1)]", AT_LARGEST),
    change("-= 1 -> = 1 - difference[rows, y]", "1 − p at the right class: p − 1 is due there"),
    change("-= 1 -> = 0", "0 at the right class: p − 1 is due there"),
    change("return difference -> return difference.clamp(max=0)", "only the right class has one"),
    change("-= 1 -> -= len(y) / dout", "the 1 is subtracted last: dout and 1/N multiply it, too"),
    change("difference[rows, y] -= 1 -> ", "the 1 of the right class is not subtracted"),
    change("log_p.exp() -> torch.zeros_like(log_p)", ONE_STEP),
    change("log_p.exp() -> log_p.clone()", LOG_FOR_P),
    change("log_p.exp() -> (log_p - log_p.amax(1, keepdim=True)).exp()", UNDIVIDED),
    change(
        "difference * dout / len(y) -> softmax_backward(dp, difference)",
        THROUGH_P,
        also="difference[rows, y] -= 1 -> dp = cross_entropy_backward(dout, cache) / difference",
    ),
)


@mistake(OVERFLOW, of="softmax_backward")
def softmax_forward(x):
    return log_softmax_forward(x)[0].exp(), x.exp() / x.exp().sum(1, keepdim=True)


@mistake(OVERFLOW, of="log_softmax_backward")
def log_softmax_forward(x):
    p, m = x.exp() / x.exp().sum(1, keepdim=True), x.max(1, keepdim=True).values
    return x - m - (x - m).exp().sum(1, keepdim=True).log(), p.log()


@mistake(OVERFLOW, of="softmax_cross_entropy_backward")
def softmax_cross_entropy_forward(logits, y):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return cross_entropy_forward(log_softmax_forward(logits)[0], y)[0], (p.log(), y)


@mistake(AXIS, of="softmax_cross_entropy_backward")
def softmax_cross_entropy_forward(logits, y):
    log_p, columns = log_softmax_forward(logits)[0], log_softmax_forward(logits.T)[0].T
    return cross_entropy_forward(log_p, y)[0], (columns, y)


@mistake("the logits stand where p is needed", of="softmax_cross_entropy_backward")
class LogitsForP:
    def softmax_cross_entropy_forward(logits, y):
        return cross_entropy_forward(log_softmax_forward(logits)[0], y)[0], (logits, y)

    def softmax_cross_entropy_backward(dout, cache):
        return (cache[0] - torch.eye(cache[0].shape[1])[cache[1]]) * dout / len(cache[1])


@alternative("example by example in Python loops; one-hot rows in place of indices")
class LoopsAndOneHot:
    def softmax_forward(x):
        rows = []
        for row in x:
            e = torch.stack([(v - row.max()).exp() for v in row])
            rows.append(e / sum(e))
        return torch.stack(rows), rows

    def softmax_backward(dout, cache):
        return torch.stack([p * d - p * sum(p * d) for d, p in zip(dout, cache, strict=True)])


@alternative("softmax from log-softmax, gradients in float32 by einsum with the Jacobian, a print")
class Einsum:
    def softmax_forward(x):
        p = log_softmax_forward(x)[0].exp()
        return p, [p]

    def softmax_jacobian(p):
        return torch.einsum("ni,nij->nij", p, torch.eye(p.shape[1], dtype=p.dtype) - p[:, None, :])

    def softmax_backward(dout, cache):
        print("softmax_backward", dout.shape)
        return [torch.einsum("ni,nij->nj", dout.float(), softmax_jacobian(cache[0]).float())]

    def softmax_cross_entropy_forward(logits, y):
        if not bool(((y >= 0) & (y < logits.shape[1])).all()):
            raise ValueError("no such class")
        target = (y[:, None] == torch.arange(logits.shape[1])).to(logits.dtype)
        shifted = logits - logits.amax(1, keepdim=True)
        total = shifted.exp().sum(1, keepdim=True)
        return (total.log() - shifted).mul(target).sum() / len(y), (shifted.exp() / total, target)

    def softmax_cross_entropy_backward(dout, cache):
        p, target = cache
        return (p - target) * (dout / len(p))


@alternative("gather and scatter, log-sum-exp with the maximum added again, the joint by two steps")
class Gather:
    def log_softmax_forward(x):
        m = x.max(1, keepdim=True).values
        out = x - (m + torch.log(torch.exp(x - m).sum(1, keepdim=True)))
        return out, out.exp()

    def log_softmax_backward(dout, cache):
        return dout - cache * dout.sum(1)[:, None]

    def cross_entropy_forward(log_p, y):
        if y.lt(0).any() or y.ge(log_p.size(1)).any():
            raise ValueError("no such class")
        return -log_p.gather(1, y.unsqueeze(1)).mean().item(), (log_p.shape, y)

    def cross_entropy_backward(dout, cache):
        shape, y = cache
        zeros = torch.zeros(shape, dtype=dout.dtype)
        return zeros.scatter(1, y.unsqueeze(1), float(-dout / shape[0]))

    def softmax_cross_entropy_forward(logits, y):
        log_p, first = log_softmax_forward(logits)
        loss, second = cross_entropy_forward(log_p, y)
        return loss, (first, second)

    def softmax_cross_entropy_backward(dout, cache):
        return log_softmax_backward(cross_entropy_backward(dout, cache[1]), cache[0])
