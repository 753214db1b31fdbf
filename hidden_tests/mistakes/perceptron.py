"""What goes wrong in perceptron, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

MOVES = "it moves where the unit is right about the example: leave w and b alone"
TIE = "z = 0 is taken for a mistake, whatever the label: the unit says +1 there"
AFTER = "mistakes are counted after the pass: each example counts as it was at its turn"
CONSTANT = "−1 throughout: which signs do b and v need, so that h₁ fires alone where out is +1?"

threshold_unit = mistakes(
    change(" * 2 - 1 -> ", "the answers are 0 and 1: false is −1 in this topic"),
    change("z >= 0 -> z > 0", "a unit whose z is exactly 0 answers −1: it fires, +1"),
    change("(z >= 0).to(x.dtype) * 2 - 1 -> z.sign()", "where z is 0 it answers 0: it fires, +1"),
    change("(z >= 0).to(x.dtype) * 2 - 1 -> z", "this is z: the threshold is missing"),
    change("z >= 0 -> z < 0", "the answers are the wrong way round: a unit fires where z ≥ 0"),
    change("z >= 0 -> z > -1e-6", "it fires where z is a little below 0: only from 0 on"),
    change("x @ w + b -> x @ w + b.flatten()[0]", "all units have the first one's bias: see b"),
    change("x @ w + b -> x @ w", "the bias is left out of z: the hyperplane goes through 0"),
)

perceptron_step = mistakes(
    change("return w, b, False -> return w + y * x, b + y, False", MOVES),
    change("threshold_unit(x, w, b) == y -> y * (x @ w + b) > 0", TIE),
    change("== y: -> == y or x @ w + b == 0:", "z = 0 is never a mistake: for the label −1 it is"),
    change("unit(x, w, b) -> unit(x, w, 0 * b)", "the bias is left out where the unit answers"),
    change("w, b, False -> w, b + y, False", "b moves where the unit is right: it must stay too"),
    change("w + y * x, b + y -> w, b", "nothing moves: the unit is wrong here and must"),
    change("b + y, True -> b, True", "b does not move: it is a weight too, its input is always 1"),
    change("b + y, True -> b + y * x.sum(), True", "b moves by y · sum(x): its input is always 1"),
    change("b + y, True -> b - y, True", "b moves the wrong way: it moves by y, up or down"),
    change("w + y * x -> w + x", "x is added whatever the label: the step is y · x"),
    change("w + y * x -> w - y * x", "w moves the wrong way: y · x is to be added"),
    change("* x, b + y -> * x * 2, b + 2 * y", "twice too long: is it (y − answer) · x?"),
    change(
        ("w + y * x, b + y -> w + 0.5 * y * x, b + 0.5 * y", "w + 0.1 * y * x, b + 0.1 * y"),
        "the step is too short: it is y · x and y, without a learning rate",
    ),
    change("w + y * x -> w + y * x / x.norm()", "the step of w has the length 1: it is y · x"),
    change("w + y * x -> w + 2 * y * x", "the step of w is twice too long: it is y · x"),
    change("y, True -> y, False", "mistake says whether the unit was wrong before the step"),
    change(
        "w, b, False -> w, b, True",
        "mistake is the wrong way round: it says whether the unit was wrong before the step",
        also="b + y, True -> b + y, False",
    ),
    change("return w + y * x -> w += y * x\n    return w"),
    change(("y not in (-1, 1) -> False", "y not in (-1, 0, 1)", "y not in (0, 1)")),
)

perceptron_epoch = mistakes(
    change("mistakes = 0 -> mistakes, w, b = 0, 0 * w, 0 * b", "it starts at 0: w and b are given"),
    change("w, b, mistake = -> _, _, mistake =", "w and b stay as they were: keep each step's"),
    change("b, mistakes -> b, int((threshold_unit(x, w, b) != y).sum())", AFTER),
    change(
        "+= mistake -> += mistake\n        if mistake:\n            break",
        "it stops at the first mistake: every row has its turn",
    ),
    change(
        "+= mistake -> += mistake\n        while mistake:\n"
        "            w, b, mistake = perceptron_step(w, b, x_n, y_n)\n"
        "            mistakes += mistake",
        "an example is repeated until it is right: each has one turn",
    ),
    change("zip(x, y -> zip(x.flip(0), y.flip(0)", "the rows' order is another: first to last"),
    change("+= mistake -> |= mistake", "mistakes says whether there was one: count them"),
    change("b, mistakes -> b, mistakes / len(x)", "mistakes is a share of the rows: count them"),
    change("+= mistake -> = int(mistake)", "only the last row counts: add up the mistakes of all"),
    change("+= mistake -> += 1", "every example is counted: only those that were wrong count"),
)


@mistake("every row is judged with the first w and b: each must meet the newest")
def perceptron_epoch(w, b, x, y):
    wrong = threshold_unit(x, w, b) != y
    return w + (y * wrong) @ x, b + (y * wrong).sum(), int(wrong.sum())


perceptron_train = mistakes(
    change("if wrong == 0: -> if True:", "it stops after one pass with mistakes: go on until none"),
    change("if wrong == 0: -> if False:", "it goes on after an epoch without mistakes: stop there"),
    change(
        ("(max_epochs) -> (200)", "(max_epochs + 1)"),
        "it makes more than max_epochs epochs: that is the limit",
    ),
    change(
        "if wrong == 0: -> if wrong == 0 or mistakes[-2:] == [wrong, wrong]:",
        "it stops where an epoch makes as many mistakes as the last: only 0 and max_epochs end it",
    ),
    change("range(max_epochs) -> range(max_epochs - 1)", "it stops one epoch before max_epochs"),
    change(
        ("perceptron_epoch(w, b, -> perceptron_epoch(0 * w, 0 * b,", "perceptron_epoch(w, 0 * b,"),
        "every epoch starts from zero, with both or with b: w and b pass from epoch to epoch",
    ),
    change("(wrong) -> (wrong + sum(mistakes[-1:]))", "a running total: each epoch counts anew"),
    change(
        "mistakes.append(wrong) -> mistakes += [wrong] if wrong else []",
        "the epoch without mistakes is missing: it is made, and listed too",
    ),
    change(
        "w, b, wrong = perceptron_epoch(w, b, x, y) -> "
        "wrongs = threshold_unit(x, w, b) != y\n"
        "        w, b, wrong = w + (y * wrongs) @ x, b + (y * wrongs).sum(), int(wrongs.sum())",
        "all rows of an epoch are judged with the same w and b: each must meet the newest",
    ),
    change(
        ("x.new_zeros(x.shape[1]) -> torch.ones_like(x[0])", "x.new_zeros(()) -> x.new_ones(())"),
        "w or b does not start at zero: on paper the first epoch ends at w = (4, 1), b = 0",
    ),
)

boolean_inputs = mistakes(
    change("bits.float() * 2 - 1 -> bits.float()", "false is written as 0: it is −1"),
    change("% 2 -> % 2 * 0", "false is the only value: a table holds −1 and +1"),
    change("torch.arange(2**n) -> torch.arange(2**n) % max(2, 2**n - 1)"),
    change("bits.float() -> bits"),
)

boolean_functions = mistakes(
    change("2**n -> n", "these are the inputs' rows: a function has an output for each of 2ⁿ"),
)

is_separable = mistakes(
    change("== 0 -> <= 1", "an epoch with one mistake is let through: there must be none"),
    change(
        ("mistakes[-1] == 0 -> bool((y * (x @ w + b) > 0).all())", "bool((y * (x @ w) > 0).all())"),
        "the rows are judged otherwise than the unit does, with its bias and +1 at z = 0",
        also="_, _, mistakes -> w, b, _",
    ),
    change("== 0 -> > 0", "the wrong way round: separable means that a hyperplane does separate"),
    change(
        "mistakes[-1] -> mistakes[0]",
        "the first epoch's mistakes count: most need several epochs, and the last one decides",
    ),
    change(
        "mistakes[-1] == 0 -> len(mistakes) < max_epochs",
        "success in the last of max_epochs is overlooked: what counts is that it made no mistake",
    ),
)

two_layer = mistakes(
    change("= threshold_unit(x, w, b) -> = x @ w + b", "the hidden units have no threshold"),
    change("x, w, b) -> x, w, b) / 2 + 0.5", "the hidden units answer 0 and 1: false is −1"),
    change(
        "= threshold_unit(x, w, b) -> = (x @ w + b).sign()",
        "a hidden unit whose z is exactly 0 answers 0: it fires, +1",
    ),
    change("= threshold_unit(x, w, b) -> = (x @ w + b).tanh()", "the hidden units are smooth"),
    change("v, c) -> v, 0 * c)", "c is left out: the last unit has a bias, too"),
    change("threshold_unit(hidden, v, c) -> hidden @ v + c", "the last unit has no threshold"),
)

xor_network = mistakes(
    change(
        "scale = 1 -> false, true = -1.0, 1.0\n    scale = 1",
        "wrong for other numbers than −1 and 1: weights and biases must follow from false and true",
    ),
    change(
        "[1.0, -1.0]), torch.tensor(-1.0) -> [1.0, 0.0]), torch.tensor(0.0)",
        "it computes OR: which rows does each hidden unit answer with +1?",
    ),
    change(
        "[1.0, -1.0]), torch.tensor(-1.0) -> [0.0, 1.0]), torch.tensor(0.0)",
        "it computes AND: which rows does each hidden unit answer with +1?",
    ),
    change(
        "[1.0, -1.0]), torch.tensor(-1.0) -> [-1.0, 1.0]), torch.tensor(1.0)",
        "it computes the negation of XOR: which rows does each hidden unit answer with +1?",
    ),
    change("tensor(-1.0) -> tensor(0.0)", "c is 0: so is h₁ − h₂ in two rows, and 0 fires"),
    change("-scale * sums -> -sums", "b is not minus its cut times the weight"),
    change(("-scale * sums -> scale * sums", "[1.0, -1.0]) -> [-1.0, 1.0])"), CONSTANT),
    change("-scale * sums, v -> v, -scale * sums", "b and v are swapped: return (w, b, v, c)"),
    change(
        "1 / (true - false) -> 1 / abs(true - false)",
        "wrong when true is the smaller number: which sides of the cuts must answer +1?",
    ),
    change(
        "(3 * false + true) / 2 -> 1.05 * false + 0.95 * true",
        "a cut runs too close to a corner: put each halfway between two of the sums",
    ),
)


@alternative("where, a loop over rows and counts as tensors")
class Spelled:
    def threshold_unit(x, w, b):
        return torch.where(torch.tensordot(x, w, 1) + b < 0, -1.0, 1.0).to(x)

    def perceptron_epoch(w, b, x, y):
        w, b, mistakes = w.clone(), b.clone(), torch.tensor(0)
        for n in range(len(x)):
            w, b, mistake = perceptron_step(w, b, x[n], y[n])
            mistakes += int(mistake)
        return [w, b, mistakes]

    def perceptron_train(x, y, max_epochs):
        w, b, mistakes = torch.zeros(x.shape[1]).to(x), torch.tensor(0.0).to(x), []
        while len(mistakes) < max_epochs and (not mistakes or mistakes[-1] > 0):
            w, b, wrong = perceptron_epoch(w, b, x, y)
            mistakes.append(wrong)
        return w, b, mistakes


@alternative("the rule in one line, float32 inside")
class Error:
    def perceptron_step(w, b, x, y):
        if abs(y) != 1:
            raise ValueError("labels are -1 and +1")
        error = (y - threshold_unit(x, w, b)) / 2
        return w + error * x, (b.float() + error.float()).to(b), bool(error)

    def is_separable(x, y, max_epochs):
        w, b, _ = perceptron_train(x, y, max_epochs)
        return bool((threshold_unit(x, w, b) == y).all())


@alternative("truth tables by product and a doubling loop, XOR as one-but-not-the-other")
class OneNotTheOther:
    def boolean_inputs(n):
        from itertools import product

        return torch.tensor(list(product([True, False], repeat=n))) * 2.0 - 1

    def boolean_functions(n):
        table = torch.ones(1, 0)
        for _ in range(2**n):
            one = torch.ones(len(table), 1)
            table = torch.cat([torch.cat([table, one], 1), torch.cat([table, -one], 1)])
        return table

    def two_layer(x, w, b, v, c):
        hidden = torch.stack([threshold_unit(x, w[:, k], b[k]) for k in range(len(b))], 1)
        return 1 - 2 * (hidden.mv(v) < -c).to(x.dtype)

    def xor_network(false, true):
        a = 2 / (true - false)
        centre = (true + false) / 2
        w = a * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        return w, -w.T @ torch.full((2,), centre) - 1, torch.ones(2), 1.0


equivalent("perceptron_epoch", "strict=True -> strict=False", why="equal lengths")
equivalent("perceptron_train", "wrong == -> wrong <=", why="a number of mistakes is never negative")
equivalent("is_separable", "-1] == 0 -> -1] <= 0", why="a number of mistakes is never negative")
equivalent("xor_network", "1 / (true -> 1 * (true", why="only the sign matters")
equivalent("xor_network", "scale = 1 / ( -> scale = 2 / (", why="only the sign matters")
equivalent("xor_network", "tensor(-1.0) -> tensor(-2.0)", why="h1 − h2 is 2 or 0")
