"""Checks of the topic perceptron."""

from itertools import product

import torch
from torch import Tensor

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_raises,
    check_values,
    kind,
    points,
    public,
    require,
)


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
