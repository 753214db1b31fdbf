"""The public checks of *Perceptron*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from itertools import product

import torch
from torch import Tensor

from gradus.checks import (
    call,
    check_raises,
    check_values,
    double,
    kind,
    points,
    public,
    require,
    unpack,
)


@public
@points(2, of="threshold_unit")
def test_threshold_unit(recorded):
    """+1 where x @ w + b ≥ 0, first on the four points on paper; for one unit and for several."""
    recorded()


@public
@points(3, of="perceptron_step")
def test_perceptron_step(recorded):
    """A mistake moves w by y · x and b by y; a right answer moves nothing."""
    recorded()


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
def test_perceptron_epoch(recorded):
    """Every example in turn, each with the newest weights; mistakes are counted on the way."""
    recorded()


@public
@points(2, of="perceptron_train")
def test_perceptron_train_by_hand(recorded):
    """Four points in the plane: three epochs with mistakes and one without."""
    recorded()


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


@public
@points(1, of="is_separable")
def test_is_separable(recorded):
    """14 of the 16 functions of two inputs: all but XOR and its negation."""
    recorded()


@public
@points(1, of="two_layer")
def test_two_layer(recorded):
    """The last unit reads the answers of the hidden ones, and z = 0 fires in both layers."""
    recorded()


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
