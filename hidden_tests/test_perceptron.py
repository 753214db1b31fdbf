"""Checks of the topic perceptron."""

from itertools import product

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_accuracy,
    check_raises,
    check_result,
    check_values,
    double,
    kind,
    points,
    public,
    require,
    unpack,
)
from gradus.checks.data import digits

# The example on paper: epoch 1 ends at w = (4, 1), b = 0; epoch 2 at (3, 0), 1.
PAPER, LABELS = double([[-1, -1], [1, -3], [-2, 2], [2, 3]]), double([1, 1, -1, 1])
CORNERS = double([[2, 1], [1, 3], [-1, 1], [-2, -2]])
TINY = 2.0**-26


def unit(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """+1 where x @ w + b ≥ 0, else −1."""
    return torch.where(torch.matmul(x, w) + b < 0, -1.0, 1.0).to(x.dtype)


def step(w, b, x, y):
    wrong = bool(unit(x, w, b) != y)
    return w + wrong * y * x, b + wrong * y, wrong


def epoch(w, b, x, y):
    mistakes = 0
    for n in range(len(x)):
        w, b, wrong = step(w, b, x[n], y[n])
        mistakes += wrong
    return w, b, mistakes


def train(x, y, max_epochs):
    w, b, mistakes = torch.zeros_like(x[0]), torch.zeros_like(x[0, 0]), [-1]
    while mistakes[-1] != 0 and len(mistakes) <= max_epochs:
        w, b, wrong = epoch(w, b, x, y)
        mistakes.append(wrong)
    return w, b, mistakes[1:]


def answers_of(x, w, b, v, c):
    return unit(unit(x, w, b), v, c)


def truth_table(n):
    return torch.tensor(list(product((-1.0, 1.0), repeat=n)))


STAND_INS = {
    "threshold_unit": unit,
    "perceptron_step": step,
    "perceptron_epoch": epoch,
    "perceptron_train": train,
    "boolean_inputs": truth_table,
    "two_layer": answers_of,
}


@public
@points(2, of="threshold_unit")
def test_threshold_unit(student, rng):
    """+1 where x @ w + b ≥ 0, first on the four points on paper; for one unit and for several."""
    cases = [(PAPER, double([2, -1]), double(2), LABELS)]
    for size in (1, TINY):
        cases.append((size * CORNERS, double([1, -2]), double(0), double([1, -1, -1, 1])))
    for n, m, size in ((9, 5, 1), (1, 5, 1000), (6, 4, 1)):
        x, w, b = size * rng.normal(n, 3), rng.normal(3, m), rng.normal(m)
        right = torch.nn.functional.linear(x, w.T, b).sign()
        cases.append((x, w, b, right))
        cases += [(x[rows], w[:, 0], b[0], right[rows, 0]) for rows in (slice(None), 0)]
    for x, w, b, right in cases:
        check_result(student, "threshold_unit", dict(x=x, w=w, b=b), right, "out", same_dtype=True)


@public
@points(3, of="perceptron_step")
def test_perceptron_step(student, rng):
    """A mistake moves w by y · x and b by y; a right answer moves nothing."""
    w, x = rng.normal(5), 1000 * rng.normal(5)
    b = -2 * torch.dot(w, x)  # so that z has the sign of b
    z = float((torch.dot(w, x) + b).sign())
    for sign, y in ((-z, 1.0), (z, 1.0), (z, -1.0), (-z, -1.0), (0, -1.0), (0, 1.0)):
        start, bias, wrong = sign * w, sign * b, y * (sign * z or 1) < 0
        after = (torch.add(start, x, alpha=y), bias + y) if wrong else (start, bias)
        inputs = dict(w=start, b=bias, x=x, y=double(y))
        check_result(student, "perceptron_step", inputs, (*after, wrong), ("w", "b", "mistake"))


@public
@points(1, of="perceptron_step")
def test_perceptron_step_refuses_other_labels(student, rng):
    """Labels other than −1 and +1 are refused."""
    one = double(1.0)
    for y, x in product((0.0, 2.0, -1.5), rng.normal(4, 3)):
        w, b = rng.normal(3), rng.normal(1)[0]
        check_raises(student, "perceptron_step", w, b, x, y * one, when=f"the label is {y:g}")
    for y in (one, -one):  # what is a label is taken
        call(student, "perceptron_step", w, b, x, y)


@public
@points(2, of="perceptron_epoch")
def test_perceptron_epoch(student, rng):
    """Every example in turn, each with the newest weights; mistakes are counted on the way."""
    for n in (19, 1):
        # From the third on all are wrong at first: w and b that stay are told by the count. b ends
        # away from 0, whatever is added.
        x, w, b = rng.normal(n, 3), rng.uniform(3, low=-2, high=2), rng.uniform(low=0.3, high=0.7)
        y = -unit(x, w, b)
        y[: n // 9] *= -1
        *moved, mistakes = epoch(w, b, x, y)
        names, expected = ("w", "b", "mistakes"), (*moved, float(mistakes))
        check_result(student, "perceptron_epoch", dict(w=w, b=b, x=x, y=y), expected, names)
    # The second epoch on paper, whose mistake is still one after the step.
    inputs = dict(w=double([4, 1]), b=double(0), x=PAPER, y=LABELS)
    check_result(student, "perceptron_epoch", inputs, (double([3, 0]), double(1), 1.0), names)


def check_training(student, x, y, max_epochs, w, b, mistakes):
    inputs, expected = dict(x=x, y=y, max_epochs=max_epochs), (w, b, list(map(float, mistakes)))
    check_result(student, "perceptron_train", inputs, expected, ("w", "b", "mistakes"))


@public
@points(2, of="perceptron_train")
def test_perceptron_train_by_hand(student):
    """Four points in the plane: three epochs with mistakes and one without."""
    path = torch.tensor([[4.0, 1.0, 0.0], [3.0, 0.0, 1.0], [2.0, -1.0, 2.0], [2.0, -1.0, 2.0]])
    for limit, epochs in ((50, 4), (4, 4), (2, 2), (1, 1)):
        *w, b = path[epochs - 1].double()
        mistakes = [2, 1, 1, 0][:epochs]
        check_training(student, PAPER, LABELS, limit, torch.stack(w), b, mistakes)


def two_sides(rng):
    x, normal = rng.normal(40, 4), rng.normal(4)
    z = (x @ normal) / normal.norm() + 0.5  # the hyperplane misses 0
    return x[z.abs() > 0.1], z[z.abs() > 0.1].sign()


@points(1, of="perceptron_train")
def test_perceptron_train_separates(student, rng):
    """Separable classes in four dimensions end without mistakes, XOR with the last epoch."""
    x, y = two_sides(rng)
    check_training(student, x, y, 2000, *train(x, y, 2000))
    x = truth_table(2).double()
    check_training(student, x, -x.prod(1), 7, *train(x, -x.prod(1), 7))


@points(2, of="perceptron_train")
def test_train_on_digits(student, rng, topic):
    """Handwritten 4 and 9: right about those that it has not seen."""
    data = digits(rng, test=700)
    train_on, test_on = ((t == 4) | (t == 9) for t in (data.y_train, data.y_test))
    y, y_test = (t.float() * 2 - 1 for t in (data.y_train == 9, data.y_test == 9))
    value = call(student, "perceptron_train", data.x_train[train_on], y[train_on], 100)
    w, b, _ = unpack("perceptron_train", value, "w", "b", "mistakes")
    answers = call(student, "threshold_unit", data.x_test[test_on], w, b)
    check_accuracy(answers, y_test[test_on], topic.thresholds["digits"]["accuracy"])


def check_table(table, rows, columns, name):
    """`table` holds every row of −1 and +1 exactly once."""
    text = f"{name} must be a tensor of shape {(rows, columns)}, got {kind(table)}"
    right = isinstance(table, Tensor) and table.shape == (rows, columns)
    require(right, text, diagnosis="shape")
    values, distinct = sorted(set(table.flatten().tolist())), len(table.unique(dim=0))
    text = f"{name} must hold −1 and +1, it holds {', '.join(f'{v:g}' for v in values[:4])}"
    require(values == [-1, 1], text, diagnosis="values")
    dtypes = f"{name}: {table.dtype}, expected torch.float32"
    require(table.dtype == torch.float32, dtypes, diagnosis="dtype")
    missing = f"{name}: only {distinct} of {rows} rows are distinct, some are missing"
    require(distinct == rows, missing, diagnosis="missing rows")


@public
@points(1, of="boolean_inputs")
def test_boolean_inputs(student):
    """All 2ⁿ rows of −1 and +1, each once."""
    for n in (1, 2, 3, 5):
        check_table(call(student, "boolean_inputs", n), 2**n, n, f"boolean_inputs({n})")


@public
@points(1, of="boolean_functions")
def test_boolean_functions(student):
    """All 2^(2ⁿ) functions, each once."""
    for n in (3, 2, 1):
        table = call(student, "boolean_functions", n)
        check_table(table, 2 ** (2**n), 2**n, f"boolean_functions({n})")


def check_separable(student, x, y, limit, expected):
    check_result(student, "is_separable", dict(x=x, y=y, max_epochs=limit), expected, "separable")


@public
@points(1, of="is_separable")
def test_is_separable(student):
    """14 of the 16 functions of two inputs: all but XOR and its negation."""
    table = truth_table(2)
    for y in truth_table(4):
        check_separable(student, table, y, 10, abs(float((y * table.prod(1)).sum())) < 4)


@points(1, of="is_separable")
def test_is_separable_in_space(student, rng):
    """Points on two sides of a hyperplane, and a point between two others; the limit of epochs."""
    check_separable(student, rng.normal(1, 4), double([-1.0]), 2, True)
    x = torch.cat([ends := rng.normal(2, 5), ends.mean(0, keepdim=True)])
    check_separable(student, x, double([1.0, 1.0, -1.0]), 30, False)
    check_separable(student, *two_sides(rng), 2000, True)
    for limit in (1, 2, 4):
        check_separable(student, PAPER, LABELS, limit, limit == 4)


@public
@points(1, of="two_layer")
def test_two_layer(student, rng):
    """The last unit reads the answers of the hidden ones, and z = 0 fires in both layers."""
    for n in (20, 20, 20, 20, 20, 1):
        x, w, b, v = rng.normal(n, 3), rng.normal(3, 4), rng.normal(4), rng.normal(4)
        inputs = dict(x=x, w=w, b=b, v=v, c=2 * rng.normal(1)[0])
        check_result(student, "two_layer", inputs, answers_of(**inputs), "out")
    # Hidden: z = (1, −1), (−2, 2), (−2, 2), (0, 0). The last: 3 − 3 = 0 where both fire, else < 0.
    w, right = double([[1, -1], [-1, 1]]), double([-1, -1, -1, 1])
    for size, c in ((1, -3), (TINY, -3), (1, -1.5)):
        inputs = dict(x=size * CORNERS, w=w, b=double([0, 0]), v=double([2, 1]), c=double(c))
        check_result(student, "two_layer", inputs, right, "out")


def encodings(rng):
    """Pairs of numbers that stand for false and true."""
    low, gap = float(rng.uniform(1, low=0.5, high=2)), float(rng.uniform(1, low=0.3, high=0.9))
    return [(-1.0, 1.0), (0.0, 1.0), (low, low + gap), (low + gap, low), (1000.0, 1001.0)]


@public
@points(1, of="xor_network")
def test_xor_network(student, rng):
    """Your two_layer answers the rows FF, FT, TF, TT right, whatever numbers F and T are."""
    answers, pairs = [], encodings(rng)
    for pair in pairs:
        rows = double(list(product(pair, repeat=2)))
        answers.append(student.two_layer(rows, *xor_weights(student, *pair)))
    right = double([[-1.0, 1.0, 1.0, -1.0]]).expand(len(pairs), 4)
    names = ", ".join(f"({false:.4g}, {true:.4g})" for false, true in pairs)
    check_values(torch.stack(answers), right, f"answers, a row for each (F, T) = {names}")


@points(1, of="xor_network")
def test_xor_network_with_noise(student, rng):
    """XOR for inputs that are a tenth of the difference off."""
    bits, noise = double(list(product((0, 1), (0, 1), (-1, 1), (-1, 1)))).split(2, dim=1)
    for false, true in encodings(rng):
        network = xor_weights(student, false, true)
        answers = answers_of(false + (true - false) * (bits + 0.1 * noise), *network)
        wrong = int((answers != 2.0 * (bits[:, 0] != bits[:, 1]) - 1).sum())
        text = f"wrong for {wrong} of 16 inputs that are off by a tenth of T − F"
        how = "Cuts halfway between two of the sums bear the most noise."
        require(wrong == 0, text, how, f"F = {false:.4g}, T = {true:.4g}", diagnosis="margin")


def xor_weights(student, false, true):
    """The student's network in float64, with its shapes checked."""
    value = call(student, "xor_network", false, true)
    w, b, v, c = unpack("xor_network", value, "w", "b", "v", "c")
    for name, mine, shape in (("w", w, (2, 2)), ("b", b, (2,)), ("v", v, (2,)), ("c", c, ())):
        number = name == "c" and isinstance(mine, (int, float))
        fits = isinstance(mine, Tensor) and mine.shape == shape
        text = f"{name} must be a tensor of shape {shape}, got {kind(mine)}"
        require(number or fits, text, diagnosis="shape")
    return [torch.as_tensor(t).double() for t in (w, b, v, c)]
