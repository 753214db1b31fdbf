"""What goes wrong in logistic regression, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

OVERFLOWS = "exp overflows, and ∞/∞ is NaN: write σ without positive exponents, in float32 too"
HIDDEN = (
    "log(0) is hidden behind a wrong number (a small number added, or a limit to a, z, the "
    "logarithm or the loss): do the logarithm on paper, in terms of z"
)
NO_N = "the 1/N is missing: the loss is a mean over the batch, and differentiating keeps the factor"
ONE_N = "1/N stands in it twice: it is in ∂L/∂z already, and the sums over n bring no second one"
SIGN = "the sign is the opposite: what the model says, less what is true"
SLOPE = (
    "there is a factor σ′(z) too many: that is the gradient of the squared error, which learns "
    "least where it is most wrong"
)
NO_LABELS = "the labels play no part: from what the model says, what is true is taken away"
NO_BIAS = "the bias is left out: z = x · w + b"
HARD = "targets are taken for hard ones: they may lie between 0 and 1, and weigh both terms"
ROUNDED = "the prediction is rounded to 0 or 1, as the perceptron's: here it is a"
LINEAR = "z − y is linear regression's: the prediction is a probability, σ(z)"
N_LESS = "divided by N − 1: the mean is over N"
TWICE = "what is a probability already goes through the sigmoid again: once is enough"
PLUS_MINUS = "the labels are turned into ±1, as the perceptron's: here they are 0 and 1"
HALF = "half of it: the squared error's ½ cancels a 2, and here there is neither"
CAME = "the parameters are returned as they came: the ones after the step are asked for"

ONES = "divided by the number of ones: the mean is over N"
ODDS = "these are the odds, not the probability: solve odds = a / (1 − a) for a"
NO_SIGN = "the sign of z is lost: with |z| in the exponent the numerator depends on the sign"
TANH = "this is the hyperbolic tangent: it lies between −1 and 1, a probability between 0 and 1"
LIMITED = "there is a limit to z or to a: σ comes as near to 0 and to 1 as z says"

sigmoid = mistakes(
    change("torch.where(z >= 0, 1, e) / (1 + e) -> z.exp()", ODDS),
    change(
        ("e =  -> d, e = 1e-5, ", "d, e = 1e-6, ", "d, e = 1e-7, "),
        LIMITED,
        also="torch.where(z >= 0, 1, e) / (1 + e) -> (1 / (1 + (-z).exp())).clamp(d, 1 - d)",
    ),
    change("z >= 0 -> z < 0", "this is the probability of y = 0: σ(−z) = 1 − σ(z)"),
    change(
        (
            "torch.where(z >= 0, 1, e) / (1 + e) -> z.exp() / (1 + z.exp())",
            "(z >= 0) / (1 + (-z).exp()) + (z < 0) * z.exp() / (1 + z.exp())",
            "(z.exp() / (1 + z.exp())).nan_to_num()",
        ),
        OVERFLOWS,
    ),
    change(("torch.where(z >= 0, 1, e) -> e", "torch.ones_like(e)"), NO_SIGN),
    change(("e =  -> z = z.clamp(-20, 20)\n    e = ", "z = z.clamp(-10, 10)\n    e = "), LIMITED),
    change("torch.where(z >= 0, 1, e) / (1 + e) -> torch.tanh(z)", TANH),
)

PULLED_OUT = "exp(z) overflows: pull the larger of exp(0) and exp(z) out of the logarithm"
LARGER = "|z| or the smaller is pulled out: the larger of 0 and z is asked for"

bce_with_logits_forward = mistakes(
    change(
        (
            "losses.mean() -> (y * (softplus - z)).mean() + (1 - y) * softplus",
            "(y * (softplus - z)).mean() - (1 - y) * softplus",
        ),
        "the mean reaches over the first term of the bracket only: it is over both, "
        "[y ln a + (1 − y) ln(1 − a)]",
    ),
    change(
        "losses.mean() -> (y * (softplus - z)).mean() - ((1 - y) * softplus).mean()",
        "the minus stands before the first term only: it is for the whole bracket",
    ),
    change("losses.mean() -> (y * (softplus - z)).mean()", "the term of y = 0 is missing"),
    change("losses.mean() -> ((1 - y) * softplus).mean()", "the term of y = 1 is missing"),
    change("z * y -> z * (1 - y)", "the labels 0 and 1 are mixed up: a is the probability of 1"),
    change("softplus =  -> z = sigmoid(z)\n    softplus = ", TWICE),
    change("softplus - z * y -> softplus - z * (2 * y - 1)", PLUS_MINUS),
    change(("z * y -> z * (y == 1)", "z * (y >= 0.5)"), HARD),
    change(("z.clamp(min=0) -> z.abs()", "z.clamp(max=0)"), LARGER),
    change(("-z.abs() -> -z", "z.abs()", "z"), "beside max(z, 0) goes ln(1 + e^−|z|): not z"),
    change("losses.mean() -> (sigmoid(z) - y).square().mean()", "this is the squared error"),
    change(".mean() -> .sum() / y.sum().clamp(min=1)", ONES),
    change(
        "softplus - z * y -> (-z * y).clamp(min=0) + (1 + (-(z * y).abs()).exp()).log()",
        "this loss is that of the labels ±1: here every 0 costs ln 2, whatever z is",
    ),
    change(".mean() -> .sum() / max(1, len(z) - 1)", N_LESS),
    change("- z * y -> + z * y", "the sign of y·z is wrong: ℓ = ln(1 + exp(z)) − y z"),
    change(".mean() -> .mean() / 0.6931471805599453", "in bits: ln is the natural logarithm"),
    change("losses.mean() -> -losses.mean()", "the minus is lost: a loss is positive"),
    change(
        "losses = softplus - z * y -> a = sigmoid(z)\n"
        "    losses = -(y * a.log() + (1 - y) * (1 - a).log())",
        "0 · log(0) is NaN: do the logarithm on paper, in terms of z",
    ),
    change("z.clamp(min=0) + torch.log1p((-z.abs()).exp()) -> (1 + z.exp()).log()", PULLED_OUT),
    change(
        (
            "softplus =  -> a, b = sigmoid(z) + 1e-5, 1 - sigmoid(z) + 1e-5\n    softplus = ",
            "a, b = sigmoid(z) + 1e-6, 1 - sigmoid(z) + 1e-6\n    softplus = ",
            "a, b = sigmoid(z) + 1e-7, 1 - sigmoid(z) + 1e-7\n    softplus = ",
            "a, b = sigmoid(z) + 1e-8, 1 - sigmoid(z) + 1e-8\n    softplus = ",
            "a, b = sigmoid(z) + 1e-9, 1 - sigmoid(z) + 1e-9\n    softplus = ",
            "a, b = sigmoid(z) + 1e-10, 1 - sigmoid(z) + 1e-10\n    softplus = ",
            "a, b = sigmoid(z) + 1e-12, 1 - sigmoid(z) + 1e-12\n    softplus = ",
            "a, b = sigmoid(z) + 1e-15, 1 - sigmoid(z) + 1e-15\n    softplus = ",
            "a = sigmoid(z).clamp(1e-5, 1 - 1e-5)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-6, 1 - 1e-6)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-7, 1 - 1e-7)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-8, 1 - 1e-8)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-10, 1 - 1e-10)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-12, 1 - 1e-12)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z).clamp(1e-15, 1 - 1e-15)\n    b = 1 - a\n    softplus = ",
            "a = sigmoid(z)\n    a, b = (p.clamp(torch.e**-100) for p in (a, 1 - a))\n"
            "    softplus = ",
        ),
        HIDDEN,
        also="softplus - z * y -> -(y * a.log() + (1 - y) * b.log())",
    ),
    change("losses.mean() -> losses.clamp(max=100).mean()", HIDDEN),
    change(
        (
            "softplus =  -> z = z.clamp(-10, 10)\n    softplus = ",
            "z = z.clamp(-20, 20)\n    softplus = ",
            "z = z.clamp(-30, 30)\n    softplus = ",
            "z = z.clamp(-50, 50)\n    softplus = ",
            "z = z.clamp(-100, 100)\n    softplus = ",
            "z = z.clamp(-500, 500)\n    softplus = ",
            "z = z.clamp(-700, 700)\n    softplus = ",
        ),
        HIDDEN,
    ),
)

# What is taken from the prediction a, and the 1/N.
bce_with_logits_backward = logistic_gradients = mistakes(
    change("(a - y) -> (y - a)", SIGN),
    change("(a - y) -> (a - y) * a * (1 - a)", SLOPE),
    change("(a - y) -> a", NO_LABELS),
    change(("(a - y) -> (a - y.long())", "(a - (y >= 0.5).long())", "(a - y.round())"), HARD),
    change("(a - y) -> (a - (2 * y - 1))", PLUS_MINUS),
    change("(a - y) -> (sigmoid(a) - y)", TWICE),
    change("(a - y) -> ((a >= 0.5).to(a.dtype) - y)", ROUNDED),
    change(" / len(y) -> ", NO_N),
    change("/ len(y) -> / max(1, len(y) - 1)", N_LESS),
    change("/ len(y) -> / len(y) / 2", HALF),
    change("/ len(y) -> / y.sum().clamp(min=1)", ONES),
)

CANCEL = "0/0 is NaN: a and 1 − a are 0 for sure answers, and on paper they cancel"
OF_A = "the gradient of a, not of z: the factor σ′(z) is missing, which cancels a and 1 − a"

bce_with_logits_backward = mistakes(
    change("dout *  -> ", "dout is not used: what follows the loss may scale it"),
    change("a = sigmoid(z) -> a = z", LINEAR),
    change("(a - y) -> ((1 - y) / (1 - a) - y / a) * a * (1 - a)", CANCEL),
    change(("(a - y) -> ((1 - y) / (1 - a) - y / a)", "(a - y) / (a - a * a).clamp(1e-12)"), OF_A),
    change("(a - y) -> (a - y * z)", "y z is left as it is: its derivative is y"),
)

logistic_gradients = mistakes(
    change(("dz.sum() -> dz.sum() * len(y)", "x.T @ dz -> x.T @ dz * len(y)"), NO_N),
    change(("dz.sum() -> dz.mean()", "x.T @ dz -> x.T @ dz / len(y)"), ONE_N),
    change("/ len(y) -> / x.shape[1]", "divided by D: the mean is over the N examples"),
    change(
        (
            "x.T @ dz -> x.T @ dz / 1",
            "x.T @ dz * len(y)",
            "(x.T @ dz).sum(1)",
            "(x.T @ dz).mean(1)",
            "(x.T @ dz).sum(1) * len(y)",
        ),
        "a column (N, 1) less a vector (N,) is a matrix (N, N): every a less every y",
        also="logits(x, params)) -> logits(x, params))[:, None]",
    ),
    change("sigmoid(logits(x, params)) -> logits(x, params)", LINEAR),
    change("x.T @ dz -> x.mean(0) * dz.sum()", "a product of means: take the mean of the products"),
    change("x.T @ dz, dz.sum() -> dz.sum(), x.T @ dz", "dw and db have changed places"),
)

logistic_gradients = predict = mistakes(change("logits(x, params) -> x @ params[0]", NO_BIAS))

gd_update = mistakes(
    change("- lr * dw, b - lr * db -> + lr * dw, b + lr * db", "the step goes uphill: subtract"),
    change("- lr * dw, b - lr * db -> - dw, b - db", "the learning rate is missing from the step"),
    change("w - lr * dw, b - lr * db -> w, b", CAME),
    change("b - lr * db -> b", "the bias is returned as it came: it is learnt too"),
    change("w - lr * dw, b - lr * db -> -lr * dw, -lr * db", "the step alone: add it to what was"),
)

PROBABILITIES = "these are probabilities: labels are asked for"

predict = mistakes(
    change(
        (">= 0 -> >= 0.5", "> 0.5"),
        "z is compared with 0.5, the threshold of the probability: which log-odds belong to it?",
    ),
    change(">= 0 -> > 0", "a tie counts as 0: a probability of exactly 0.5 counts as 1 here"),
    change(">= 0 -> < 0", "0 and 1 are exchanged: a is the probability of 1"),
    change(
        (
            "(logits(x, params) >= 0).long() -> logits(x, params).sign()",
            ".long() -> .long() * 2 - 1",
        ),
        "these are signs: the labels are 0 and 1, not −1 and 1",
    ),
    change("(logits(x, params) >= 0).long() -> sigmoid(logits(x, params))", PROBABILITIES),
    change("(logits(x, params) >= 0) -> sigmoid(logits(x, params))", "a probability is cut to 0"),
    change(
        "return (logits(x, params) -> odds = logits(x, params).exp()\n"
        "    return (odds / (1 + odds) - 0.5",
        "exp(z) overflows, and ∞/∞ is NaN: z itself can be compared",
    ),
)

DROPPED = "the parameters are where they started: what gd_update returns is dropped"
RATE = "the rate falls from step to step: it is lr at every step"

train = mistakes(
    change(
        "losses.append(loss)\n -> \n",
        "this loss is the one after the step: losses[0] is that of the start, ln 2",
        also="state, lr) -> state, lr)\n"
        "        losses.append(bce_with_logits_forward(logits(x, params), y)[0])",
    ),
    change("params, state = gd -> _, state = gd", DROPPED),
    change(("lr) -> lr / len(losses))", "lr / (1 + len(losses)))"), RATE),
    change("lr) -> lr / len(losses) ** 0.5)", RATE),
    change("x.new_zeros(x.shape[1]) -> x.new_ones(x.shape[1])", "training must start from zeros"),
    change("x.new_zeros(()) -> x.new_ones(())", "training must start from zeros"),
    change(
        "gradients(x, y, -> gradients(x[len(losses) - 1 :][:1], y[len(losses) - 1 :][:1],",
        "a step sees one example: its gradient is the mean over all of them",
    ),
    change(
        "return params, losses -> return gd_update(params, grads, state, lr)[0], losses",
        "one step too many: as many are asked for as there are losses",
    ),
    change(
        "params, state = gd -> if len(losses) == steps:\n            break\n"
        "        params, state = gd",
        "the last step is not taken: its loss is noted before it, and it counts",
    ),
    change(
        "for _ in -> grads = logistic_gradients(x, y, params)\n    for _ in",
        "every step takes the gradient of the start: it depends on the parameters",
        also="        grads = logistic_gradients(x, y, params)\n -> ",
    ),
    change("state, lr) -> state, -lr)", "the steps go uphill"),
    change("losses.append(loss) -> losses.append(loss)\n        if loss < 0.3:\n            break"),
)


@alternative("tanh; a plain logarithm; probabilities decide; gradients in float32, by column")
class Tanh:
    def sigmoid(z):
        return (torch.tanh(z / 2) + 1) / 2

    def bce_with_logits_forward(z, y):
        if z.shape != y.shape:
            raise ValueError("shapes")
        if not ((y >= 0) & (y <= 1)).all():
            raise ValueError("labels")
        losses = torch.maximum(z, torch.zeros_like(z)) + torch.log(1 + torch.exp(-z.abs())) - y * z
        return losses.sum() / z.numel(), {"a": sigmoid(z), "y": y}

    def bce_with_logits_backward(dout, cache):
        return (cache["a"] - cache["y"]) * (dout / cache["y"].numel())

    def predict(x, params):
        return sigmoid(logits(x, params)) >= 0.5

    def logistic_gradients(x, y, params):
        a = sigmoid(x.float() @ params[0].float()[:, None] + params[1].float())
        error = (a - y.float()[:, None]).squeeze(1)
        dw = torch.stack([(error * column).mean() for column in x.float().T])
        return dw, error.mean()


@alternative("sigmoid by 1 / ∞ = 0; the loss's backward; einsum; lists for tuples; float losses")
class Composed:
    def sigmoid(z):
        return 1 / (1 + torch.exp(-z))

    def logistic_gradients(x, y, params):
        z = torch.einsum("nd,d->n", x, params[0]) + params[1]
        dz = bce_with_logits_backward(torch.ones((), dtype=x.dtype), (z, y))
        return [torch.einsum("nd,n->d", x, dz), dz.sum()]

    def gd_update(params, grads, state, lr):
        return [torch.sub(p, g, alpha=lr) for p, g in zip(params, grads, strict=True)], state

    def train(x, y, steps, lr):
        params = [torch.zeros(x.shape[1], dtype=x.dtype), torch.tensor(0.0, dtype=x.dtype)]
        losses = torch.zeros(steps, dtype=x.dtype)
        for k in range(steps):
            losses[k] = bce_with_logits_forward(logits(x, params), y)[0].item()
            params, _ = gd_update(params, logistic_gradients(x, y, params), None, lr)
        return params, losses


equivalent("sigmoid", "(z >= 0, -> (z > 0,", why="at z = 0 both branches are 1: exp(0) is 1")
