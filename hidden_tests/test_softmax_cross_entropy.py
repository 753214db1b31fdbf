"""Checks of the topic softmax_cross_entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    forward,
    forward_backward,
    points,
    public,
    require,
)
from gradus.checks.calls import unpack_forward
from gradus.checks.tolerance import agree

N, C = 5, 4


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, 1)


def log_softmax(x: Tensor) -> Tensor:
    return torch.log_softmax(x, 1)


def jacobian(p: Tensor) -> Tensor:
    """Autograd's, of softmax at the logits ln p: (N, C, C)."""
    of_row = torch.autograd.functional.jacobian
    return torch.stack([of_row(lambda x: torch.softmax(x, 0), row.log()) for row in p])


# What checks of composite functions use for parts that have failed their own check.
STAND_INS = {
    **forward_backward("softmax", softmax),
    "softmax_jacobian": jacobian,
    **forward_backward("log_softmax", log_softmax),
    **forward_backward("cross_entropy", F.nll_loss, wrt=[0]),
}

# What is said of a mistake that several functions share.
AXIS = "normalised down the columns: the classes of an example are a row, axis 1"
SUM_OF_BATCH = "one sum for the whole batch: every row has a sum of its own"
TWICE = "softmax is applied to what are probabilities already"
HALF_SHIFTED = (
    "the maximum is subtracted in one place only: x occurs twice in the formula, and the maximum "
    "cancels when it goes from both"
)
NO_SUM = (
    "the sum over the classes is missing: logit j moves every probability of its row, so that all "
    "of dout's row has a say in dx[n, j]"
)
SUM_OF_COLUMN = "the sum runs over the examples: it runs over the classes of each row"
SIGN_OF_SUM = "the sum is added: δ_ij − p_j subtracts it"
MEAN_FOR_SUM = "a mean over the classes stands where the chain rule sums over paths"
LOG_FOR_P = "ln p stands where p is needed"
EVERY_CLASS = "the labels play no part: of each row only the entry of the right class counts"
ALL_PAIRS = (
    "[:, y] picks, in every row, the labels of all examples: of row n only entry y[n] is meant, so "
    "that the rows need an index of their own"
)
LABELS_FROM_1 = "the entry before the right one: labels count from 0"
LABELS_AS_ROWS = "[y] picks whole rows by their number: y[n] is the class (column) within row n"
ALL_ENTRIES = "a mean over all N·C entries: it is over the N examples"
DIVIDED_BY_C = "divided by the number of classes C: the loss is a mean over the N examples"
NO_DOUT = "dout is not used: the chain rule multiplies by what arrives from above"
OVERFLOW = (
    "exp overflows at 1000 and is 0 at −1000: what can be subtracted from a row of logits without "
    "changing its softmax?"
)
NOT_THE_ROWS = (
    "the maximum of the whole batch is subtracted: a row far below it becomes exp(−2000) = 0. "
    "Every row has a maximum of its own"
)
OF_COLUMNS = (
    "the maximum of each column is subtracted: that moves the logits of a row apart. It takes one "
    "number for all classes of a row"
)
NOT_THE_MAXIMUM = "what is subtracted is not the row's maximum: some of what remains overflows"
CLAMPED = "the logits are clamped, which changes the answer: what could be subtracted does not"
LOG_OF_SOFTMAX = (
    "a probability is rounded to 0, and log(0) is −∞: take the logarithm of softmax on paper, "
    "before anything is computed"
)
EPSILON = (
    "a small number inside the logarithm (added, or as a lower limit) hides log(0) behind a wrong "
    "value: take the logarithm of softmax on paper, before anything is computed"
)
EPSILONS = [10.0**-k for k in range(5, 17)] + [1e-20, 1e-30, 1e-38]
BOUNDS = (10, 20, 30, 50, 80, 88, 100, 500, 700, 709)


def extreme_logits(rng) -> Tensor:
    """Rows near +1000, near −1000, ordinary, sure of one class, and from −1000 to 1000."""
    x = rng.normal(N, 3)
    x[0] += 1000
    x[1] -= 1000
    x[3] = torch.tensor([200.0, 0.0, 0.0])
    x[4] = torch.tensor([1000.0, -1000.0, 0.0])
    return x


def labels(rng, n=N, c=C) -> Tensor:
    """Random labels, the first and the last class among them."""
    y = rng.integers(n, high=c)
    y[0], y[-1] = c - 1, 0
    return y[rng.permutation(n)]


def row_sum(x: Tensor) -> Tensor:
    return x.sum(1, keepdim=True)


def one_hot(y: Tensor, like: Tensor) -> Tensor:
    return F.one_hot(y, like.shape[1]).to(like)


def wrong_shifts(x: Tensor) -> list[tuple[str, str, Tensor]]:
    """What is subtracted in place of the row's maximum: id, explanation, value."""
    rows = (x.min(1, keepdim=True).values, x.mean(1, keepdim=True), x.abs().amax(1, keepdim=True))
    return [
        ("overflow", OVERFLOW, torch.zeros(1)),
        ("not the row's maximum", NOT_THE_ROWS, x.max()),
        *(("not the maximum", NOT_THE_MAXIMUM, m) for m in (*rows, x.abs().max())),
    ]


def shifted_softmax(x: Tensor, m: Tensor) -> Tensor:
    return (x - m).exp() / row_sum((x - m).exp())


def lend(student, name, *inputs):
    """The student's own `(out, cache)`, not judged: the forward's own check does that."""
    return unpack_forward(name, getattr(student, f"{name}_forward")(*inputs))


def check_cache_kept(student, name, inputs, dout):
    """A second backward with the same cache gives the same gradient."""
    _, cache = lend(student, name, *inputs.values())
    first, second = (call(student, f"{name}_backward", dout, cache) for _ in range(2))
    if isinstance(first, (tuple, list)):
        first, second = first[0], second[0]
    require(
        torch.equal(first, second),
        f"{name}_backward changes its cache in place",
        "Called again with the same cache, it returns another gradient. What lies in the cache may "
        "be in use elsewhere: write to a new tensor.",
        diagnosis="cache changed",
    )


@public
@points(1, of="softmax_forward")
def test_softmax_forward(student, rng):
    """Each row is exp(x) divided by its own sum."""
    for x in (rng.normal(N, C), rng.normal(1, 3)):
        clues = Clues(wrong=wrong_softmaxes(x))
        check_forward(student, "softmax", dict(x=x), softmax(x), clues=clues)


@public
@points(1, of="softmax_forward")
def test_softmax_forward_extreme(student, rng):
    """Logits of ±1000 give finite probabilities, row by row."""
    x = extreme_logits(rng)
    wrong = (
        *wrong_softmaxes(x),
        *(Wrong(id, text, shifted_softmax(x, m)) for id, text, m in wrong_shifts(x)),
        *(Wrong("clamped", CLAMPED, softmax(x.clamp(-b, b))) for b in BOUNDS),
    )
    check_forward(student, "softmax", dict(x=x), softmax(x), clues=Clues(wrong=wrong))


def wrong_softmaxes(x: Tensor) -> tuple[Wrong, ...]:
    shifted = (x - x.max(1, keepdim=True).values).exp()
    not_normalised = "the division by the row's sum is missing"
    divided = (
        "the logits are divided by the maximum: softmax stays the same under sums, not factors"
    )
    return (
        Wrong("axis:0", AXIS, torch.softmax(x, 0)),
        Wrong("axis:0", AXIS, shifted / shifted.sum(0)),
        Wrong("maximum of the columns", OF_COLUMNS, shifted_softmax(x, x.max(0).values)),
        Wrong("divided by the maximum", divided, softmax(x / x.max(1, keepdim=True).values)),
        Wrong("sum of the batch", SUM_OF_BATCH, x.flatten().softmax(0).reshape(x.shape)),
        Wrong("sum of the batch", SUM_OF_BATCH, shifted / shifted.sum()),
        Wrong("twice", TWICE, softmax(softmax(x))),
        Wrong("not normalised", not_normalised, x.exp()),
        Wrong("not normalised", not_normalised, shifted),
        Wrong("log-softmax", "this is the logarithm of softmax", log_softmax(x)),
        Wrong("softmin", "softmax of −x: the largest logit must get most", softmax(-x)),
        Wrong("half shifted", HALF_SHIFTED, shifted / row_sum(x.exp())),
        Wrong("half shifted", HALF_SHIFTED, x.exp() / row_sum(shifted)),
        Wrong("argmax", "0 and 1: softmax is the smooth version", one_hot(x.argmax(1), x)),
        Wrong("sigmoid", "each value by itself: the values of a row share 1 out", x.sigmoid()),
    )


@points(2, of="softmax_jacobian")
def test_softmax_jacobian(student, rng):
    """All C × C derivatives of each row agree, those off the diagonal too."""
    for p in (softmax(rng.normal(N, C)), softmax(rng.normal(1, 3))):
        outer, identity = p[:, :, None] * p[:, None, :], torch.eye(p.shape[1])
        diagonal_only = (
            "only the diagonal is there: x_j stands in the denominator of every probability, so "
            "that ∂p_i/∂x_j is not 0 for i ≠ j"
        )
        no_diagonal = "the case i = j is wrong: there, x_i stands in the numerator as well"
        no_p = "the factor p_i is missing: δ_ij − p_j is the derivative of ln p_i"
        of_batch = "p_i p_j is summed over the batch: every example has a matrix of its own"
        bare = "p_i multiplies the whole bracket δ_ij − p_j: here the δ goes without"
        sign = "p_i p_j is added: what a larger x_j gives to p_j, it takes from the other p_i"
        wrong = (
            Wrong("diagonal only", diagonal_only, torch.diag_embed(p * (1 - p))),
            Wrong("diagonal only", diagonal_only, torch.diag_embed(p)),
            Wrong("no diagonal", no_diagonal, -outer),
            Wrong("no diagonal", no_diagonal, torch.diag_embed(p * p) - outer),
            Wrong("outer product of the batch", of_batch, torch.diag_embed(p) - p.T @ p),
            Wrong("sign of p_i p_j", sign, torch.diag_embed(p) + outer),
            Wrong("δ without p", bare, identity - outer),
            Wrong("log-softmax's", no_p, (identity - p[:, None, :]).expand(outer.shape)),
            Wrong("twice", TWICE, lambda p=p: jacobian(softmax(p))),
        )
        result = call(student, "softmax_jacobian", p)
        clues = Clues(wrong=wrong).with_tensors(dict(p=p))
        check_values(result, jacobian(p), "out", clues=clues)


@public
@points(3, of="softmax_backward")
def test_softmax_backward(student, rng):
    """The vector-Jacobian product agrees with finite differences, for ±1000 too."""
    for x in batches(student, "softmax", softmax, rng):
        p, dout = softmax(x), rng.normal(*x.shape)
        total, q = row_sum(p * dout), softmax(p)
        diagonal_only = (
            "only the diagonal of the Jacobian is used, p (1 − p): a logit moves every probability "
            "of its row"
        )
        no_diagonal = "the diagonal of the Jacobian is wrong: p_j (1 − p_j), not −p_j p_j"
        without_p = "dout is summed as it is: J_ij = p_i (δ_ij − p_j) weights dout_i by p_i"
        no_p = "the factor p_j in front is missing: J_ij = p_i δ_ij − p_i p_j"
        log_softmax_s = "this is the gradient of log-softmax: the Jacobian here has one more p_i"
        wrong = (
            Wrong("diagonal only", diagonal_only, dout * p * (1 - p)),
            Wrong("no diagonal", no_diagonal, p * (p * dout - total)),
            Wrong("no diagonal", no_diagonal, -p * total),
            Wrong("no sum", NO_SUM, p * dout),
            Wrong("sum without p", without_p, p * (dout - row_sum(dout))),
            Wrong("no p in front", no_p, dout - total),
            Wrong("no p in front", no_p, p * dout - total),
            Wrong("log-softmax's", log_softmax_s, dout - p * row_sum(dout)),
            Wrong("sign of the sum", SIGN_OF_SUM, p * (dout + total)),
            Wrong("mean for sum", MEAN_FOR_SUM, p * (dout - total / x.shape[1])),
            Wrong("axis:0", SUM_OF_COLUMN, p * (dout - (p * dout).sum(0))),
            Wrong("sum of the batch", SUM_OF_BATCH, p * (dout - (p * dout).sum())),
            Wrong("twice", TWICE, q * (dout - row_sum(q * dout))),
            *(Wrong(id, text, vjp(shifted_softmax(x, m), dout)) for id, text, m in wrong_shifts(x)),
        )
        check_backward(student, "softmax", x, dout, softmax, vjp, wrong)


def vjp(p: Tensor, dp: Tensor) -> Tensor:
    return p * (dp - row_sum(p * dp))


def batches(student, name, reference, rng) -> list[Tensor]:
    """Ordinary logits, a single row, and extreme ones where the student's forward masters them."""
    extreme = extreme_logits(rng)
    out, _ = lend(student, name, extreme)
    mastered = isinstance(out, Tensor) and agree(out, reference(extreme))
    return [rng.normal(N, C), rng.normal(1, 3), *([extreme] if mastered else [])]


def check_backward(student, name, x, dout, reference, formula, wrong):
    """check_gradients, and the cache is kept.

    The gradient is a `formula` of the forward's own output and dout, so that one which is right for
    a wrong output can be recognised: the forward's own check takes the points.
    """
    out, cache = lend(student, name, x)
    if isinstance(out, Tensor) and out.shape == x.shape and not agree(out, reference(x)):
        gradient = call(student, f"{name}_backward", dout, cache)
        if isinstance(gradient, Tensor) and agree(gradient, formula(out, dout)):
            return
    off = Wrong("axis:0", AXIS, reference(x.T).T)
    check_gradients(
        student,
        name,
        dict(x=x),
        reference,
        dout=dout,
        clues=Clues(wrong=wrong),
        forward_clues=Clues(wrong=(off,)),
    )
    check_cache_kept(student, name, dict(x=x), dout)


@public
@points(1, of="log_softmax_forward")
def test_log_softmax_forward(student, rng):
    """Each row is x minus the logarithm of its own sum of exponentials."""
    for x in (rng.normal(N, C), rng.normal(1, 3)):
        clues = Clues(wrong=wrong_log_softmaxes(x))
        check_forward(student, "log_softmax", dict(x=x), log_softmax(x), clues=clues)


@points(1, of="log_softmax_forward")
def test_log_softmax_forward_extreme(student, rng):
    """Logits of ±1000 give finite log-probabilities, however improbable the class."""
    x = extreme_logits(rng)
    p, unshifted = softmax(x), shifted_softmax(x, torch.zeros(1))
    wrong = (
        *wrong_log_softmaxes(x),
        Wrong("log of softmax", LOG_OF_SOFTMAX, p.log()),
        *(Wrong(id, text, x - m - row_sum((x - m).exp()).log()) for id, text, m in wrong_shifts(x)),
        Wrong("overflow", OVERFLOW, unshifted.log()),
        *(Wrong("overflow", OVERFLOW, (unshifted + eps).log()) for eps in EPSILONS),
        *(Wrong("log(p + eps)", EPSILON, (p + eps).log()) for eps in EPSILONS),
        *(Wrong("log(p + eps)", EPSILON, p.clamp(min=eps).log()) for eps in EPSILONS),
        *(Wrong("clamped", CLAMPED, log_softmax(x.clamp(-b, b))) for b in BOUNDS),
    )
    check_forward(student, "log_softmax", dict(x=x), log_softmax(x), clues=Clues(wrong=wrong))


def wrong_log_softmaxes(x: Tensor) -> tuple[Wrong, ...]:
    base = "the logarithm is to base 2 or 10: it must undo exp"
    no_log = "the sum is subtracted, not its logarithm"
    shifted = x - x.max(1, keepdim=True).values
    total, shifted_total = row_sum(x.exp()), row_sum(shifted.exp())
    of_batch, lowered = torch.logsumexp(x, (0, 1)), x - x.max(0).values
    return (
        Wrong("axis:0", AXIS, torch.log_softmax(x, 0)),
        Wrong("maximum of the columns", OF_COLUMNS, lowered - row_sum(lowered.exp()).log()),
        Wrong("sum of the batch", SUM_OF_BATCH, x - of_batch),
        Wrong("softmax", "this is softmax: its logarithm is asked for", softmax(x)),
        Wrong("twice", TWICE, log_softmax(softmax(x))),
        Wrong("not normalised", "the logarithm of the row's sum is missing", shifted),
        Wrong("half shifted", HALF_SHIFTED, x - shifted_total.log()),
        Wrong("half shifted", HALF_SHIFTED, shifted - torch.logsumexp(x, 1, keepdim=True)),
        Wrong("no log", no_log, x - total),
        Wrong("no log", no_log, shifted - shifted_total),
        Wrong("base", base, x - total.log2()),
        Wrong("base", base, shifted - shifted_total.log2()),
        Wrong("base", base, softmax(x).log2()),
        Wrong("base", base, softmax(x).log10()),
    )


@points(2, of="log_softmax_backward")
def test_log_softmax_backward(student, rng):
    """The gradient agrees with finite differences, for ±1000 too."""
    softmax_s = "this is the gradient of softmax: ∂ ln p_i/∂x_j = δ_ij − p_j has no factor p_i"
    inside = "p stands inside the sum over i: δ_ij − p_j has the j of the result, not i"
    one_hot_dout = "p is subtracted as it is: that is right only where a row of dout sums to 1"
    for x in batches(student, "log_softmax", log_softmax, rng):
        p, dout = softmax(x), rng.normal(*x.shape)
        total = row_sum(dout)
        wrong = (
            Wrong("softmax's", softmax_s, vjp(p, dout)),
            Wrong("p inside the sum", inside, dout - row_sum(p * dout)),
            Wrong("p inside the sum", inside, dout - p * row_sum(p * dout)),
            Wrong("no sum", NO_SUM, dout - p * dout),
            Wrong("dout taken for one-hot", one_hot_dout, dout - p),
            Wrong("no p", "the sum is not multiplied by p_j", dout - total),
            Wrong("mean for sum", MEAN_FOR_SUM, dout - p * total / x.shape[1]),
            Wrong("sign of the sum", SIGN_OF_SUM, dout + p * total),
            Wrong("axis:0", SUM_OF_COLUMN, dout - p * dout.sum(0)),
            Wrong("sum of the batch", SUM_OF_BATCH, dout - p * dout.sum()),
            Wrong("unchanged", "dout is returned as it came", dout),
            Wrong("ln p for p", LOG_FOR_P, dout - log_softmax(x) * total),
            *(
                Wrong(id, text, dout - shifted_softmax(x, m) * total)
                for id, text, m in wrong_shifts(x)
            ),
        )
        check_backward(student, "log_softmax", x, dout, log_softmax, log_softmax_vjp, wrong)


def log_softmax_vjp(log_p: Tensor, dlog_p: Tensor) -> Tensor:
    return dlog_p - log_p.exp() * row_sum(dlog_p)


@public
@points(2, of="cross_entropy_forward")
def test_cross_entropy_forward(student, rng):
    """Minus the mean of the log-probabilities of the right classes."""
    largest = "the largest log-probability of each row: the one of its label is meant"
    binary = (
        "the classes are treated as C separate yes-no questions: with one label an example, only "
        "the right class has a term"
    )
    for n, c in ((N, C), (1, 3), (1, 1)):
        log_p, y = log_softmax(rng.normal(n, c)), labels(rng, n, c)
        p, target = log_p.exp(), one_hot(y, log_p)
        wrong = (
            Wrong("sign", "the minus is missing: ln p is negative", -F.nll_loss(log_p, y)),
            Wrong("all pairs", ALL_PAIRS, -log_p[:, y].mean()),
            Wrong("divided by C", DIVIDED_BY_C, F.nll_loss(log_p, y) * n / c),
            Wrong("labels from 1", LABELS_FROM_1, F.nll_loss(log_p, (y - 1) % c)),
            Wrong("largest", largest, -log_p.max(1).values.mean()),
            Wrong("every class", EVERY_CLASS, -log_p.mean()),
            Wrong("every class", EVERY_CLASS, -log_p.sum(1).mean()),
            Wrong("mean over N·C", ALL_ENTRIES, -(target * log_p).mean()),
            Wrong("entropy", "the entropy of p: y plays no part", -(p * log_p).sum(1).mean()),
            Wrong("no log", "p of the right class: −ln p is asked for", F.nll_loss(p, y)),
            Wrong("no log", "p of the right class: −ln p is asked for", -F.nll_loss(p, y)),
            Wrong("binary", binary, F.binary_cross_entropy(p, target, reduction="sum") / n),
        )
        out, _ = forward(student, "cross_entropy", log_p, y)
        require(
            not (isinstance(out, Tensor) and bool(out.isnan().any())),
            "the loss is NaN although every log-probability is finite",
            "log_p holds logarithms already: the logarithm of a negative number is NaN.",
            diagnosis="nan",
        )
        clues = Clues(wrong=wrong).with_tensors(dict(log_p=log_p, y=y))
        check_values(out, F.nll_loss(log_p, y), "out", clues=clues)


@points(1, of="cross_entropy_forward")
def test_cross_entropy_forward_labels(student, rng):
    """A label outside 0 … C−1 raises ValueError, −1 included."""
    check_labels(student, "cross_entropy_forward", log_softmax(rng.normal(N, C)), labels(rng))


def check_labels(student, function, x, y):
    """Labels in range are taken, others raise ValueError."""
    call(student, function, x, y)
    for bad in (-1, C, C + 3, -C):
        some = y.clone()
        some[2] = bad
        when = f"a label is {bad}: with {C} classes, labels are 0 … {C - 1}"
        check_raises(student, function, x, some, when=when)


@public
@points(2, of="cross_entropy_backward")
def test_cross_entropy_backward(student, rng):
    """The gradient with respect to the log-probabilities agrees with finite differences."""
    by_p = (
        "this is the gradient with respect to p, −1/p: the input is ln p, and the loss linear in it"
    )
    joint = (
        "p − y is the gradient with respect to the logits: stop at ln p here, the rest of the way "
        "is log_softmax_backward's"
    )
    for x in (rng.normal(N, C), rng.normal(1, 3), extreme_logits(rng)):
        log_p, y, (n, c) = log_softmax(x), labels(rng, *x.shape), x.shape
        dout = rng.uniform(low=1.3, high=1.9)
        p, target, every_column = log_p.exp(), one_hot(y, log_p), torch.zeros_like(x)
        every_column[:, y] = 1
        of_rows = torch.zeros_like(x)
        of_rows[y] = 1
        wrong = (
            Wrong("with respect to p", by_p, (-dout / n / p).where(target == 1, 0)),
            Wrong("joint", joint, dout * (p - target) / n),
            Wrong("every class", EVERY_CLASS, torch.full_like(p, -dout / n)),
            Wrong("all pairs", ALL_PAIRS, -dout * every_column / n),
            Wrong("labels as rows", LABELS_AS_ROWS, -dout * of_rows / n),
            Wrong("labels from 1", LABELS_FROM_1, -dout * one_hot((y - 1) % c, p) / n),
            Wrong("mean over N·C", ALL_ENTRIES, -dout * target / (n * c)),
            Wrong("divided by C", DIVIDED_BY_C, -dout * target / c),
            Wrong(
                "ln p left", "ln p is still there: its derivative is 1", -dout * target * log_p / n
            ),
            Wrong("no dout", NO_DOUT, -target / n),
        )
        off = Wrong("all pairs", ALL_PAIRS, -log_p[:, y].mean())
        inputs = dict(log_p=log_p, y=y)
        check_gradients(
            student,
            "cross_entropy",
            inputs,
            F.nll_loss,
            wrt=["log_p"],
            dout=dout,
            clues=Clues(wrong=wrong),
            forward_clues=Clues(wrong=(off,)),
        )
        check_cache_kept(student, "cross_entropy", inputs, dout)


@points(1, of="softmax_cross_entropy_forward")
def test_softmax_cross_entropy_forward(student, rng):
    """The loss of logits and labels agrees; a label outside 0 … C−1 raises ValueError."""
    for n, c in ((N, C), (1, 3)):
        x, y = 2 * rng.normal(n, c), labels(rng, n, c)
        inputs, clues = dict(logits=x, y=y), Clues(wrong=wrong_losses(x, y))
        check_forward(student, "softmax_cross_entropy", inputs, F.cross_entropy(x, y), clues=clues)
    check_labels(student, "softmax_cross_entropy_forward", rng.normal(N, C), labels(rng))


def wrong_losses(x: Tensor, y: Tensor) -> tuple[Wrong, ...]:
    no_softmax = "the logits are used as if they were log-probabilities"
    return (
        Wrong("twice", TWICE, F.cross_entropy(softmax(x), y)),
        Wrong("no softmax", no_softmax, F.nll_loss(x, y)),
        Wrong("no log", "p of the right class: −ln p is asked for", F.nll_loss(softmax(x), y)),
        Wrong("axis:0", AXIS, F.nll_loss(torch.log_softmax(x, 0), y)),
        Wrong("mean over N·C", ALL_ENTRIES, F.cross_entropy(x, y) / x.shape[1]),
        Wrong("all pairs", ALL_PAIRS, -log_softmax(x)[:, y].mean()),
    )


@points(1, of="softmax_cross_entropy_forward")
def test_softmax_cross_entropy_forward_extreme(student, rng):
    """Logits such as (200, 0, 0) and ±1000 give a finite loss, in float32 as well."""
    x, sure = extreme_logits(rng), torch.tensor([[200.0, 0.0, 0.0]])
    for logits, label, diagnosis, why in (
        (x[:1], 1, "overflow", OVERFLOW),
        (x[:2], 1, "not the row's maximum", NOT_THE_ROWS),
        (sure, 1, "log of softmax", LOG_OF_SOFTMAX),
        (5 * sure.double(), 2, "log of softmax", LOG_OF_SOFTMAX),
        (x[3:], 1, "not the maximum", NOT_THE_MAXIMUM),
    ):
        y = torch.full((len(logits),), label)
        out, _ = forward(student, "softmax_cross_entropy", logits, y)
        rows = ", ".join(str(tuple(round(v) for v in row)) for row in logits.tolist())
        require(
            not isinstance(out, (Tensor, float)) or bool(torch.as_tensor(out).isfinite().all()),
            f"the loss of the logits {rows} with label {label} is not finite: {why}",
            diagnosis=diagnosis,
        )
        p = softmax(logits)[:, label]
        wrong = (
            *wrong_losses(logits, y),
            *(Wrong("log(p + eps)", EPSILON, -(p + eps).log().mean()) for eps in EPSILONS),
            *(Wrong("log(p + eps)", EPSILON, -p.clamp(min=eps).log().mean()) for eps in EPSILONS),
            *(Wrong("clamped", CLAMPED, F.cross_entropy(logits.clamp(-b, b), y)) for b in BOUNDS),
        )
        clues = Clues(wrong=wrong).with_tensors(dict(logits=logits))
        check_values(out, F.cross_entropy(logits, y), "out", clues=clues)


@points(2, of="softmax_cross_entropy_backward")
def test_softmax_cross_entropy_backward(student, rng):
    """The joint gradient agrees with finite differences, and is finite for (200, 0, 0)."""
    for x in (rng.normal(N, C), rng.normal(1, 3), extreme_logits(rng).float()):
        impossible = x.amax(1) - x.amin(1) > 100  # the probability of the right class is 0 there
        y = torch.where(impossible, x.argmin(1), labels(rng, *x.shape))
        dout = rng.uniform(low=1.3, high=1.9).to(x.dtype)
        off = Wrong("twice", TWICE, F.cross_entropy(softmax(x), y))
        inputs = dict(logits=x, y=y)
        check_gradients(
            student,
            "softmax_cross_entropy",
            inputs,
            F.cross_entropy,
            wrt=["logits"],
            dout=dout,
            clues=Clues(wrong=wrong_joint_gradients(x, y, dout)),
            forward_clues=Clues(wrong=(off,)),
        )
        check_cache_kept(student, "softmax_cross_entropy", inputs, dout)


def wrong_joint_gradients(x: Tensor, y: Tensor, dout: Tensor) -> tuple[Wrong, ...]:
    n, c = x.shape
    p, target, scaled = softmax(x), one_hot(y, x), dout / n
    every_column = p.clone()
    every_column[:, y] -= 1
    of_rows = p.clone()
    of_rows[y] -= 1
    y_minus_p = (
        "y − p for p − y: raising the logit of the right class lowers the loss, so that its "
        "gradient must be negative"
    )
    one_step = "this is the gradient with respect to ln p: log-softmax is still to be passed"
    through_p = (
        "NaN where a probability is rounded to 0: the way through −1/p makes infinity times zero. "
        "p − y divides by nothing"
    )
    return (
        Wrong("y − p", y_minus_p, scaled * (target - p)),
        Wrong("no dout", NO_DOUT, (p - target) / n),
        Wrong("twice", TWICE, scaled * (softmax(p) - target)),
        Wrong("label as number", "the target is one-hot, not y itself", scaled * (p - y[:, None])),
        Wrong("no one-hot", "the 1 of the right class is not subtracted", scaled * p),
        Wrong("one step", one_step, -scaled * target),
        Wrong("all pairs", ALL_PAIRS, scaled * every_column),
        Wrong("labels as rows", LABELS_AS_ROWS, scaled * of_rows),
        Wrong("labels from 1", LABELS_FROM_1, scaled * (p - one_hot((y - 1) % c, p))),
        Wrong("mean over N·C", ALL_ENTRIES, scaled * (p - target) / c),
        Wrong("divided by C", DIVIDED_BY_C, dout * (p - target) / c),
        Wrong("axis:0", AXIS, scaled * (torch.softmax(x, 0) - target)),
        Wrong("ln p for p", LOG_FOR_P, scaled * (log_softmax(x) - target)),
        Wrong("logits for p", "the logits stand where p is needed", scaled * (x - target)),
        Wrong("through p", through_p, vjp(p, -scaled * target / p)),
        Wrong("through p", through_p, vjp(p, (-scaled / p).where(target == 1, 0))),
        *(
            Wrong(id, text, scaled * (shifted_softmax(x, m) - target))
            for id, text, m in wrong_shifts(x)
        ),
    )
