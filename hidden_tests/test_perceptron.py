"""Checks of the topic perceptron."""

from itertools import product

import torch
from torch import Tensor

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_accuracy,
    check_raises,
    check_values,
    kind,
    points,
    public,
    require,
)
from gradus.checks.data import digits


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


# What checks of later functions use for functions that have failed their own check.
STAND_INS = {
    "threshold_unit": unit,
    "perceptron_step": step,
    "perceptron_epoch": epoch,
    "perceptron_train": train,
    "boolean_inputs": truth_table,
    "two_layer": answers_of,
}


def unpack(function, value, *names):
    """The values that `function` returned: as many as there are names."""
    several = isinstance(value, (tuple, list))
    got = f"{len(value)} values" if several else kind(value)
    text = f"{function} must return ({', '.join(names)}), got {got}"
    require(several and len(value) == len(names), text, diagnosis="structure")
    return value


def count(value, name):
    """A number of mistakes, or a bool, also where it comes as a tensor."""
    value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    text = f"{name} must be a number or a bool, got {kind(value)}"
    require(isinstance(value, (int, float)), text, diagnosis="structure")
    return value


def known(*wrong):
    """Clues from triples (diagnosis, what to say, value)."""
    return Clues(wrong=tuple(Wrong(*w) for w in wrong))


@public
@points(2, of="threshold_unit")
def test_threshold_unit(student, rng):
    """+1 where x @ w + b ≥ 0, −1 elsewhere, for one unit and for several."""
    corners = torch.tensor([[2.0, 1.0], [1.0, 3.0], [-1.0, 1.0], [-2.0, -2.0]]).double()
    w, b = torch.tensor([1.0, -2.0]).double(), torch.tensor(0.0).double()
    cases = [(corners, w, b, torch.tensor([1.0, -1.0, -1.0, 1.0]).double())]
    for n, m, size in ((9, 5, 1), (1, 5, 1000), (6, 4, 1)):
        x, w, b = size * rng.normal(n, 3), rng.normal(3, m), rng.normal(m)
        right = torch.nn.functional.linear(x, w.T, b).sign()
        cases.append((x, w, b, right))
        cases.append((x, w[:, 0], b[0], right[:, 0]))
        cases.append((x[0], w[:, 0], b[0], right[0, 0]))
    for x, w, b, right in cases:
        z = torch.tensordot(x, w, dims=1) + b
        clues = known(
            ("labels:0 1", "answers are 0 and 1: false is −1 in this topic", (right + 1) / 2),
            ("at zero", "a unit whose z is exactly 0 fires: +1, not −1", 1 - 2.0 * (z <= 0)),
            ("at zero", "a unit whose z is exactly 0 fires: +1, not 0", z.sign()),
            ("not thresholded", "this is z: the threshold is missing", z),
            ("no bias", "the bias is left out of z", (z - b).sign()),
        )
        out = call(student, "threshold_unit", x, w, b)
        check_values(out, right, "out", clues=clues)
        text = "The next layer multiplies them with its weights: give them the dtype of x."
        dtypes = f"the answers are {out.dtype}, x is {x.dtype}"
        require(out.dtype == x.dtype, dtypes, text, diagnosis="dtype")


@public
@points(3, of="perceptron_step")
def test_perceptron_step(student, rng):
    """A mistake moves w by y · x and b by y; a right answer moves nothing."""
    w, b, x = rng.normal(5), rng.normal(1)[0], 1000 * rng.normal(5)
    z = float((torch.dot(w, x) + b).sign())
    for sign, y in ((-z, 1.0), (z, 1.0), (z, -1.0), (-z, -1.0), (0, -1.0), (0, 1.0)):
        start, bias, mistake = sign * w, sign * b, y * (sign * z or 1) < 0
        value = call(student, "perceptron_step", start, bias, x, torch.tensor(y).double())
        after = unpack("perceptron_step", value, "w", "b", "mistake")
        moved = torch.add(start, x, alpha=y)
        clues = known(
            ("no update", "the unit is wrong about this example and must move", start),
            ("no label", "x is added whatever the label: the step is y · x", start + x),
            ("sign", "it moves the wrong way: y · x is to be added", start - y * x),
            ("twice", "the step is 2 y · x: is it (y − answer) · x?", start + 2 * y * x),
        )
        if not mistake:
            text = "the unit is right about this example (at z = 0 it says +1): leave it alone"
            clues = known(("updates when right", text, moved))
        check_values(after[0], moved if mistake else start, "w", clues=clues)
        clues = known(
            ("bias not updated", "the bias is a weight too: its input is always 1", bias),
            ("updates when right", "the unit is right: b must stay too", bias + (not mistake) * y),
            ("bias:sign", "the bias moves the wrong way: it moves by y, up or down", bias - y),
        )
        check_values(after[1], bias + y if mistake else bias, "b", clues=clues)
        text = f"mistake: yours {after[2]}, expected {mistake}"
        more = "It says whether the unit was wrong before the step."
        require(count(after[2], "mistake") == mistake, text, more, diagnosis="mistake")


@public
@points(1, of="perceptron_step")
def test_perceptron_step_refuses_other_labels(student, rng):
    """Labels other than −1 and +1 are refused."""
    for y, x in product((0.0, 2.0), rng.normal(4, 3)):
        arguments = rng.normal(3), rng.normal(1)[0], x, torch.tensor(y).double()
        check_raises(student, "perceptron_step", *arguments, when=f"the label is {y:g}")


@points(2, of="perceptron_epoch")
def test_perceptron_epoch(student, rng):
    """Every example in turn, each with the newest weights; mistakes are counted on the way."""
    for n in (19, 1):
        # A small w, so that one step mends a single example; b ends away from 0, whatever is added.
        x, w = rng.normal(n, 3), rng.uniform(3, low=-0.6, high=0.6)
        b = rng.uniform(low=0.3, high=0.7)
        y = torch.where(rng.normal(n) < 0, -1.0, 1.0).double()
        if n == 1:
            y = -unit(x, w, b)
        value = call(student, "perceptron_epoch", w, b, x, y)
        after = unpack("perceptron_epoch", value, "w", "b", "mistakes")
        right, missed = epoch(w, b, x, y), (unit(x, w, b) != y) * y
        at_once = w + missed @ x, b + missed.sum()
        for i, name in enumerate(("w", "b")):
            clues = known(
                ("old weights", "every row is judged with the first w: use the newest", at_once[i]),
                ("from zero", "start from the w and b given", epoch(0 * w, 0 * b, x, y)[i]),
            )
            check_values(after[i], right[i], name, clues=clues)
        text = f"mistakes: yours {after[2]}, expected {right[2]}"
        more = "Count an example when the unit is wrong about it at its turn, not after the pass."
        require(count(after[2], "mistakes") == right[2], text, more, diagnosis="mistakes")


@public
@points(2, of="perceptron_train")
def test_perceptron_train_by_hand(student):
    """Four points in the plane: three epochs with mistakes and one without."""
    # Worth doing on paper: epoch 1 ends at w = (4, 1), b = 0; epoch 2 at (3, 0), 1.
    x = torch.tensor([[-1.0, -1.0], [1.0, -3.0], [-2.0, 2.0], [2.0, 3.0]]).double()
    y = torch.tensor([1.0, 1.0, -1.0, 1.0]).double()
    path = torch.tensor([[4.0, 1.0, 0.0], [3.0, 0.0, 1.0], [2.0, -1.0, 2.0], [2.0, -1.0, 2.0]])
    for limit, epochs in ((50, 4), (4, 4), (2, 2), (1, 1)):
        value = call(student, "perceptron_train", x, y, limit)
        w, b, mistakes = unpack("perceptron_train", value, "w", "b", "mistakes")
        text = "mistakes must be a list, one entry an epoch"
        require(isinstance(mistakes, (list, tuple)), text, diagnosis="structure")
        mine, right = [count(m, "mistakes") for m in mistakes], [2, 1, 1, 0][:epochs]
        evidence = f"mistakes: yours {mine}, expected {right}, with max_epochs = {limit}"
        last = "list the epoch without mistakes too" if limit > 4 else "it stops before max_epochs"
        for found, diagnosis, summary in (
            (mine == [2] and limit > 1, "one pass", "it stops after one pass with mistakes"),
            (0 in mine[:-1], "does not stop", "it goes on after an epoch without mistakes"),
            (len(mine) > limit, "limit", "it makes more than max_epochs epochs"),
            (mine == [2, 1, 1], "last epoch not listed", last),
            (mine[:1] == [1], "old weights", "in an epoch each row must meet the newest w and b"),
            (mine[1:] and set(mine) == {2}, "restarted", "do w and b pass from epoch to epoch?"),
        ):
            require(not found, summary, evidence, diagnosis=diagnosis)
        more = "Start at zero and do it on paper: the first epoch ends at w = (4, 1), b = 0."
        require(mine == right, evidence, more, diagnosis="mistakes")
        check_values(w, path[epochs - 1, :2].double(), "w")
        check_values(b, path[epochs - 1, 2].double(), "b")


def two_sides(rng):
    x, normal = rng.normal(40, 4), rng.normal(4)
    x = x[(x @ normal).abs() > 0.1 * normal.norm()]
    return x, (x @ normal).sign()


@points(1, of="perceptron_train")
def test_perceptron_train_separates(student, rng):
    """Separable classes in four dimensions end without mistakes."""
    x, y = two_sides(rng)
    value = call(student, "perceptron_train", x, y, 2000)
    unpack("perceptron_train", value, "w", "b", "mistakes")
    check_values(value[:2], train(x, y, 2000)[:2], "(w, b)")


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
    values, distinct = set(table.flatten().tolist()), len(table.unique(dim=0))
    require(values != {0, 1}, "0 and 1 where −1 and +1 are asked for", diagnosis="labels:0 1")
    require(values <= {-1, 1}, "there are values beside −1 and +1", diagnosis="values")
    dtypes = f"{name}: {table.dtype}, expected torch.float32"
    require(table.dtype == torch.float32, dtypes, diagnosis="dtype")
    missing = f"only {distinct} of {rows} rows are distinct: some are missing"
    require(distinct == rows, missing, diagnosis="missing rows")


@public
@points(1, of="boolean_inputs")
def test_boolean_inputs(student):
    """All 2ⁿ rows of −1 and +1, each once."""
    for n in (1, 2, 3, 5):
        check_table(call(student, "boolean_inputs", n), 2**n, n, f"boolean_inputs({n})")


@points(1, of="boolean_functions")
def test_boolean_functions(student):
    """All 2^(2ⁿ) functions, each once."""
    for n in (1, 2, 3):
        table = call(student, "boolean_functions", n)
        check_table(table, 2 ** (2**n), 2**n, f"boolean_functions({n})")


@points(2, of="is_separable")
def test_is_separable(student, rng):
    """14 of the 16 functions of two inputs; points in space; the limit of epochs."""

    def found(x, y, limit):
        return bool(count(call(student, "is_separable", x, y, limit), "is_separable"))

    table = truth_table(2)
    mine = [found(table, y, 10) for y in truth_table(4)]
    right = [abs(float((y * table.prod(1)).sum())) < 4 for y in truth_table(4)]  # all but ±XOR
    more = "Linearly separable means that a hyperplane does separate the classes."
    require(mine != [not r for r in right], "the wrong way round", more, diagnosis="inverted")
    text = f"{sum(mine)} of 16 functions of two inputs are found separable, expected 14"
    more = "Most need several epochs, up to 10; the answer is in the last of them."
    require(mine == right, text, more, diagnosis="count")
    text = "an example learned in the first of two epochs is called not separable"
    more = "What counts is that the last epoch made no mistake, not how many there were."
    learned = found(rng.normal(1, 4), torch.tensor([-1.0]).double(), 2)
    require(learned, text, more, diagnosis="limit")
    x = torch.cat([ends := rng.normal(2, 5), ends.mean(0, keepdim=True)])
    between = torch.tensor([1.0, 1.0, -1.0]).double()
    text = "a point halfway between two of the other class cannot be cut off"
    require(not found(x, between, 30), text, diagnosis="answer")
    text = "points on two sides of a hyperplane are called not separable"
    require(found(*two_sides(rng), 2000), text, diagnosis="answer")


@public
@points(1, of="two_layer")
def test_two_layer(student, rng):
    """The last unit reads the answers of the hidden ones."""
    for n in (20, 20, 20, 20, 20, 1):
        x, w, b, v = rng.normal(n, 3), rng.normal(3, 4), rng.normal(4), rng.normal(4)
        c = rng.normal(1)[0] / 9
        z = torch.nn.functional.linear(x, w.T, b)
        right = (torch.mv(z.sign(), v) + c).sign()
        clues = known(
            ("linear hidden", "the hidden units have no threshold", (torch.mv(z, v) + c).sign()),
            ("no output threshold", "the last unit has no threshold", torch.mv(z.sign(), v) + c),
        )
        out = call(student, "two_layer", x, w, b, v, c)
        check_values(out, right, "out", clues=clues)


@points(2, of="xor_network")
def test_xor_network(student, rng):
    """XOR for whatever numbers stand for false and true, and for inputs that are a little off."""
    low, gap = float(rng.uniform(1, low=0.5, high=2)), float(rng.uniform(1, low=0.3, high=0.9))
    written = [(-1.0, 1.0), (0.0, 1.0), (low, low + gap), (low + gap, low), (1000.0, 1001.0)]
    networks = [xor_weights(student, false, true) for false, true in written]
    for (false, true), network in zip(written, networks, strict=True):
        x = false + (true - false) * (truth_table(2).double() + 1) / 2
        answers = tuple(answers_of(x, *network).int().tolist())
        here = f"false = {false:.4g}, true = {true:.4g}"
        evidence = f"{here}: FF, FT, TF, TT give {answers}, expected (-1, 1, 1, -1)"
        summary, diagnosis = "wrong for other numbers than −1 and 1", "encoding"
        more = "Weights and biases must follow from the numbers that stand for false and true."
        if (false, true) == written[0]:
            names = {(-1, 1, 1, 1): "OR", (-1, -1, -1, 1): "AND", (1, -1, -1, 1): "XOR's negation"}
            summary = f"it computes {names.get(answers, 'another function than XOR')}"
            more, diagnosis = "Which rows does each hidden unit answer with +1?", "not xor"
        elif true < false:
            summary, diagnosis = "wrong when true is the smaller number", "true below false"
            more = "The cuts are in place: which of their sides must answer +1?"
        require(answers == (-1, 1, 1, -1), summary, more, evidence, diagnosis=diagnosis)
    for (false, true), network in zip(written, networks, strict=True):
        bits, noise = rng.integers(64, 2, high=2), 0.1 * rng.uniform(64, 2, low=-1, high=1)
        answers = answers_of(false + (true - false) * (bits + noise), *network)
        wrong = int((answers != 2.0 * (bits[:, 0] != bits[:, 1]) - 1).sum())
        text = f"wrong for {wrong} of 64 inputs that are off by less than a tenth"
        more = "A cut runs too close to a corner: put each halfway between two of the sums."
        here = f"false = {false:.4g}, true = {true:.4g}"
        require(wrong == 0, text, more, here, diagnosis="margin")


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
