"""Checks of the topic logistic_regression."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_at_least,
    check_forward,
    check_gradients,
    check_raises,
    check_values,
    forward_backward,
    points,
    public,
    require,
)
from gradus.checks.compare import check_leaves
from gradus.checks.data import digits
from gradus.checks.failure import kind

N, D = 7, 4
HIDDEN = (
    "log(0) is hidden behind a wrong number (a small number added, or a limit to a, z or the "
    "logarithm): do the logarithm on paper, in terms of z"
)
DIGITS = dict(steps=300, lr=1.0)


def bce(z: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy, torch's own."""
    return F.binary_cross_entropy_with_logits(z, y.to(z.dtype))


def loss_and_gradients(x, y, params) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The loss and autograd's gradients of w and b."""
    w, b = (p.detach().clone().requires_grad_() for p in params)
    with torch.enable_grad():
        loss = bce(torch.addmv(b.expand(len(x)), x, w), y)
    return loss.detach(), torch.autograd.grad(loss, (w, b))


def descend(params, grads, state, lr):
    return tuple(p - lr * g for p, g in zip(params, grads, strict=True)), state


# What checks of functions that call others use for those that have failed their own check.
STAND_INS = {
    "sigmoid": torch.sigmoid,
    **forward_backward("bce_with_logits", bce, wrt=[0]),
    "logistic_gradients": lambda x, y, params: loss_and_gradients(x, y, params)[1],
    "gd_update": descend,
}


def model(rng, d=D):
    return rng.normal(d), rng.normal()


def labels(rng, n=N) -> Tensor:
    """Labels 0 and 1, both among them where there is room."""
    y = rng.integers(n, high=2)
    y[0], y[-1] = 0, 1
    return y[rng.permutation(n)]


def logits(x, params):
    return torch.addmv(params[1].expand(len(x)), x, params[0])


def pair(value, what: str):
    """`value` as a pair; `what` says of what."""
    require(
        isinstance(value, (tuple, list)) and len(value) == 2,
        f"{what}, got {f'{len(value)} values' if isinstance(value, list | tuple) else kind(value)}",
        diagnosis="structure",
    )
    return value


@public
@points(1, of="sigmoid")
def test_sigmoid(student, rng):
    """Log-odds become probabilities: ln 3 becomes 3/4."""
    by_hand = torch.tensor([0.0, math.log(3), -math.log(3), math.log(4), -math.log(9)]).double()
    by_hand_probabilities = torch.tensor([0.5, 0.75, 0.25, 0.8, 0.1]).double()
    for z, expected in (
        (by_hand, by_hand_probabilities),
        *((z, torch.sigmoid(z)) for z in (rng.normal(5, 3), rng.normal(1))),
    ):
        wrong = (
            Wrong("odds", "these are the odds, not the probability", z.exp()),
            Wrong("other class", "this is the probability of y = 0", torch.sigmoid(-z)),
        )
        clues = Clues(wrong=wrong, tensors={"z": z})
        check_values(call(student, "sigmoid", z), expected, "a", clues=clues)


@public
@points(2, of="sigmoid")
def test_sigmoid_extreme(student, rng):
    """Logits of ±1000 give 1 and 0, in float32 as well."""
    z = torch.tensor([1000.0, -1000.0, 710.0, -750.0, 90.0, -105.0, 0.0, 20.0, -20.0])
    for dtype in (torch.float64, torch.float32):
        own = z[rng.permutation(len(z))].to(dtype)
        a = call(student, "sigmoid", own)
        name = str(dtype).removeprefix("torch.")
        expected = torch.sigmoid(own)
        overflow = f"in {name} exp overflows, and ∞/∞ is NaN: write σ without positive exponents"
        nan = torch.where(own.exp().isinf(), torch.nan, expected)
        check_values(a, expected, "a", clues=Clues(wrong=(Wrong("overflow", overflow, nan),)))
        require(a.dtype == dtype, f"the result for {name} logits is {a.dtype}", diagnosis="dtype")


@public
@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward(student, rng):
    """The loss is the mean of both terms of the bracket, over the batch."""
    scores, of_class = rng.normal(N, std=2), labels(rng)
    ln3, one = torch.tensor([math.log(3)]).double(), torch.ones(1).double()
    for z, y, expected in (
        (scores, of_class.double(), bce(scores, of_class)),
        (scores, of_class, bce(scores, of_class)),
        (scores, soft := rng.uniform(N), bce(scores, soft)),
        (ln3, one, math.log(4 / 3)),
        (ln3, 0 * one, math.log(4)),
    ):
        clues = Clues(wrong=wrong_losses(z, y))
        check_forward(student, "bce_with_logits", dict(z=z, y=y), expected, clues=clues)


def wrong_losses(z: Tensor, y: Tensor) -> tuple[Wrong, ...]:
    of_1, of_0 = -y * F.logsigmoid(z), -(1 - y) * F.logsigmoid(-z)
    bracket = (
        "the mean reaches over the first term of the bracket only: it is over both, "
        "[y ln a + (1 − y) ln(1 − a)]"
    )
    return (
        Wrong("bracket", bracket, of_1.mean() + of_0),
        Wrong("bracket", bracket, of_1.mean() - of_0),
        Wrong("only y = 1", "the term of y = 0 is missing", of_1.mean()),
        Wrong("only y = 0", "the term of y = 1 is missing", of_0.mean()),
        Wrong("other class", "the labels 0 and 1 are mixed up", bce(-z, y)),
        Wrong("twice", "z goes through the sigmoid twice", bce(z.sigmoid(), y)),
        Wrong(
            "hard targets", "a target may lie between 0 and 1: it weighs both terms", bce(z, y == 1)
        ),
        Wrong("sign of yz", "the sign of y·z in ℓ is wrong", bce(z, y) + 2 * (y * z).mean()),
        Wrong("bits", "a loss in bits: ln is the natural logarithm", bce(z, y) / math.log(2)),
    )


@points(2, of="bce_with_logits_forward")
def test_bce_with_logits_forward_extreme(student):
    """Logits of ±1000 and ±40 have a finite loss: a sure wrong answer at −1000 costs 1000."""
    for z, y in (
        ([1000.0, -900.0, 0.5], [1.0, 0.0, 1.0]),
        ([-1000.0], [1.0]),
        ([1000.0], [0.0]),
        ([40.0, -40.0, 0.5], [0.0, 1.0, 1.0]),
        ([800.0, -800.0, 0.5], [0.25, 0.75, 1.0]),
    ):
        z, y = torch.tensor(z).double(), torch.tensor(y).double()
        a, values = torch.sigmoid(z), [F.binary_cross_entropy(torch.sigmoid(z), y)]
        for eps in (10.0**-k for k in range(5, 17)):
            values.append(-(y * (a + eps).log() + (1 - y) * (1 - a + eps).log()).mean())
            values.append(F.binary_cross_entropy(a.clamp(eps, 1 - eps), y))
        values += [bce(z.clamp(-limit, limit), y) for limit in (10, 20, 30, 50, 100, 500, 700)]
        hidden = (Wrong("log(0) hidden", HIDDEN, value) for value in values)
        clues = Clues(wrong=(*hidden, *wrong_losses(z, y)))
        check_forward(student, "bce_with_logits", dict(z=z, y=y), bce(z, y), clues=clues)


@public
@points(1, of="bce_with_logits_forward")
def test_bce_with_logits_raises(student, rng):
    """A column beside a vector, and labels outside [0, 1], are refused."""
    z, y = rng.normal(N), labels(rng).double()
    for bad_z, bad_y, when in (
        (z[:, None], y, "z is (N, 1) and y (N,)"),
        (z, y[:, None], "z is (N,) and y (N, 1)"),
        (z, 2 * y - 1, "labels are −1 and 1"),
        (z, y + 1, "labels are 1 and 2"),
    ):
        check_raises(student, "bce_with_logits_forward", bad_z, bad_y, when=when)


@public
@points(3, of="bce_with_logits_backward")
def test_bce_with_logits_backward(student, rng):
    """The gradient of the logits agrees with finite differences, at ±1000 too."""
    scores, of_class, dout = rng.normal(N, std=2), labels(rng).double(), rng.normal()
    sure = torch.tensor([1000.0, -1000.0, 1000.0, -1000.0, 40.0, -40.0, 0.3]).double()
    answers = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]).double()
    for z, y in (
        (scores, of_class),
        (scores, rng.uniform(N)),
        (scores[:1], of_class[:1]),
        (sure, answers),
    ):
        a = torch.sigmoid(z)
        clues = Clues(sizes={"dout": float(dout)}, tensors={"σ′(z)": a * (1 - a)})
        known = dict(wrt=["z"], dout=dout, clues={"z": clues})
        check_gradients(student, "bce_with_logits", dict(z=z, y=y), bce, **known)


@points(3, of="logistic_gradients")
def test_logistic_gradients(student, rng):
    """The gradients of w and b are those of the mean loss."""
    x, y, params = rng.normal(N, D), labels(rng), model(rng)
    for rows, targets in (
        (x, y),
        (x, rng.uniform(N)),
        (x[:1], y[:1]),
        (1000 * x, y.double()),
        (rng.normal(3, 1), y[:3]),
    ):
        params = params if rows.shape[1] == D else model(rng, 1)
        _, (dw, db) = loss_and_gradients(rows, targets, params)
        result = call(student, "logistic_gradients", rows, targets, params)
        mine_w, mine_b = pair(result, "logistic_gradients must return (dw, db)")
        of_w, of_b = wrong_gradients(rows, targets.double(), params)
        both = [("dw", mine_w, dw), ("db", mine_b, db)]
        check_leaves(both, {"dw": of_w, "db": of_b})


def wrong_gradients(x, y, params) -> tuple[Clues, Clues]:
    """What is known of dw and of db."""
    z = logits(x, params)
    a = torch.sigmoid(z)
    every_pair = "a column (N, 1) less a vector (N,) is a matrix (N, N): every a less every y"
    squares = "there is a factor σ′(z) too many: that is the gradient of the squared error"
    residuals = [
        ("linear", "z − y is linear regression's: the prediction is a probability", z - y),
        ("perceptron", "the prediction is rounded to 0 or 1: here it is a", (z >= 0) * 1.0 - y),
        ("squared error", squares, (a - y) * a * (1 - a)),
        ("labels ignored", "the labels play no part", a),
        ("no bias", "the logits are computed without b", torch.sigmoid(z - params[1]) - y),
    ]
    matrix = x.T @ (a[:, None] - y)
    mixed = (matrix.mean(1), matrix.sum(1), matrix / len(x), matrix, matrix.mean(1) / len(x))
    sizes = {"batch size": len(x), "number of features": x.shape[1]}
    of_w = [Wrong("broadcast", every_pair, m) for m in mixed]
    of_w += [Wrong(id, text, x.T @ r / len(x)) for id, text, r in residuals]
    of_b = [Wrong(id, text, r.mean()) for id, text, r in residuals]
    return Clues(sizes, {}, tuple(of_w)), Clues(sizes, {}, tuple(of_b))


@public
@points(1, of="gd_update")
def test_gd_update(student, rng):
    """Each parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params, grads = model(rng), model(rng)
    for lr in (0.37, 2.5):
        result = call(student, "gd_update", params, grads, None, lr)
        after, state = pair(result, "gd_update must return (params, state)")
        pair(after, "the first value that gd_update returns must be params, a pair (w, b)")
        clues = {
            f"params[{j}]": Clues(
                wrong=(
                    Wrong("uphill", "the step goes uphill", p + lr * g),
                    Wrong("no lr", "the learning rate is missing from the step", p - g),
                    Wrong("unchanged", "the parameter is returned as it came", p),
                )
            )
            for j, (p, g) in enumerate(zip(params, grads, strict=True))
        }
        check_values(after, descend(params, grads, None, lr)[0], "params", clues=clues)
        require(state is None, "the state must be returned as it came", diagnosis="state")


@points(2, of="predict")
def test_predict(student, rng):
    """1 where the probability is at least 0.5, and 0 elsewhere; a tie counts as 1."""
    w, b = torch.tensor([0.5, -0.25]).double(), torch.tensor(0.75).double()
    z = torch.tensor([0.0, 0.125, 0.375, -0.125, -0.375, 0.625, -0.625, 3, -3, 1000, -1000])
    z = z[rng.permutation(len(z))].double()
    second = rng.integers(len(z), low=-2, high=3).double()
    x = torch.stack([2 * (z - b + 0.25 * second), second], 1)  # exact, so that a tie is one
    more = rng.normal(20, D), model(rng)
    for rows, params, scores in ((x, (w, b), z), (x[:1], (w, b), z[:1]), (*more, logits(*more))):
        at_half = "0.5 is the threshold of the probability: which log-odds belong to it?"
        wrong = (
            Wrong("logit at 0.5", at_half, scores >= 0.5),
            Wrong("logit at 0.5", at_half, scores > 0.5),
            Wrong("tie", "a probability of exactly 0.5 counts as 1 here", scores > 0),
            Wrong("inverted", "0 and 1 are exchanged", scores < 0),
            Wrong("signs", "the labels are 0 and 1, not −1 and 1", scores.sign()),
            Wrong("probabilities", "labels are asked for, not probabilities", scores.sigmoid()),
            Wrong("no bias", "the bias is left out", scores - params[1] >= 0),
        )
        wrong = tuple(Wrong(w.id, w.explanation, w.value * 1.0) for w in wrong)
        expected = (scores >= 0).long()
        mine = call(student, "predict", rows, params)
        check_values(mine, expected, "labels", clues=Clues(wrong=wrong))


@points(1, of="train")
def test_train_steps(student, rng):
    """From zeros, each step descends the gradient over all examples; losses are those before it."""
    x, y, lr = rng.normal(9, D), labels(rng, 9), 0.7
    path, losses = [(torch.zeros(D).double(), torch.zeros(()).double())], []
    for _ in range(4):
        loss, grads = loss_and_gradients(x, y, path[-1])
        losses.append(loss)
        path.append(descend(path[-1], grads, None, lr)[0])
    must = "train must return (params, losses)"
    first = "training must start from zeros: after one step with lr = 1e-12, w is"
    w, _ = pair(pair(call(student, "train", x, y, 1, 1e-12), must)[0], "params must be (w, b)")
    at_zero = not isinstance(w, Tensor) or bool((w.abs() < 1e-9).all())
    require(at_zero, f"{first} {w}", diagnosis="start")
    for steps in (1, 3):
        params, mine = pair(call(student, "train", x, y, steps, lr), must)
        clues = {
            f"params[{j}]": Clues(
                sizes={"batch size": 9},
                wrong=(
                    Wrong("untrained", "the parameters are where they started", path[0][j]),
                    Wrong("steps", "one step too many", path[steps + 1][j]),
                    Wrong("steps", "one step too few", path[steps - 1][j]),
                ),
            )
            for j in range(2)
        }
        check_values(params, path[steps], "params", clues=clues)
        after = "this loss is the one after the step: losses[0] is that of the start, ln 2"
        known = {
            f"losses[{k}]": Clues(wrong=(Wrong("after the step", after, losses[k + 1]),))
            for k in range(steps)
        }
        mine = list(mine) if isinstance(mine, Tensor) and mine.ndim == 1 else mine
        check_values(mine, losses[:steps], "losses", clues=known)


@points(2, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained unit tells nines from other digits that it has not seen."""
    data = digits(rng, test=700)  # seventy nines: fewer make the accuracy swing
    result = call(student, "train", data.x_train, (data.y_train == 9).long(), **DIGITS)
    w, b = pair(pair(result, "train must return (params, losses)")[0], "params must be (w, b)")
    well_formed = isinstance(w, Tensor) and w.shape == (64,) and torch.as_tensor(b).numel() == 1
    require(well_formed, "params must be (w, b) of shapes (64,) and ()", diagnosis="structure")
    answers, nine = data.x_test.double() @ w.double() + b >= 0, data.y_test == 9
    recognised = [float((answers == nine)[group].double().mean()) for group in (nine, ~nine)]
    threshold = topic.thresholds["digits"]["balanced accuracy"]
    check_at_least(sum(recognised) / 2, threshold, "balanced accuracy")
