"""What students hand in for perceptron: mistakes that must fail, alternatives that must pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("answers 0 and 1", check="test_threshold_unit", diagnosis="labels:0 1")
def threshold_unit(x, w, b):
    return (x @ w + b >= 0).to(x.dtype)


@mistake("> for ≥ at zero", check="test_threshold_unit", diagnosis="at zero")
def threshold_unit(x, w, b):
    return (x @ w + b > 0).to(x.dtype) * 2 - 1


@mistake("torch.sign, which is 0 at zero", check="test_threshold_unit", diagnosis="at zero")
def threshold_unit(x, w, b):
    return torch.sign(x @ w + b)


@mistake("float32 whatever x is", check="test_threshold_unit", diagnosis="dtype")
def threshold_unit(x, w, b):
    return torch.where(x @ w + b < 0, -1.0, 1.0)


@mistake("the bias is left out of z", check="test_threshold_unit", diagnosis="no bias")
def threshold_unit(x, w, b):
    return (x @ w >= 0).to(x.dtype) * 2 - 1


@mistake(
    "updates on correctly classified points",
    check="test_perceptron_step",
    diagnosis="updates when right",
)
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    return w + y * x, b + y, bool(threshold_unit(x, w, b) != y)


@mistake(
    "y z ≤ 0 counts as a mistake, also at zero with label +1",
    check="test_perceptron_step",
    diagnosis="updates when right",
)
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    if y * (x @ w + b) <= 0:
        return w + y * x, b + y, True
    return w, b, False


@mistake("bias not updated", check="test_perceptron_step", diagnosis="bias not updated")
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    if threshold_unit(x, w, b) == y:
        return w, b, False
    return w + y * x, b, True


@mistake("(y − answer) x: a step of 2", check="test_perceptron_step", diagnosis="twice")
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    error = y - threshold_unit(x, w, b)
    return w + error * x, b + error, bool(error != 0)


@mistake("the step is added in place", check="test_perceptron_step", diagnosis="inplace:w")
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    mistake = bool(threshold_unit(x, w, b) != y)
    if mistake:
        w += y * x
        b += y
    return w, b, mistake


@mistake("says right for wrong", check="test_perceptron_step", diagnosis="mistake")
def perceptron_step(w, b, x, y):
    if y not in (-1, 1):
        raise ValueError("label")
    if threshold_unit(x, w, b) == y:
        return w, b, True
    return w + y * x, b + y, False


@mistake(
    "labels 0 and 1 are taken",
    check="test_perceptron_step_refuses_other_labels",
    diagnosis="no error:ValueError",
)
def perceptron_step(w, b, x, y):
    if threshold_unit(x, w, b) == y:
        return w, b, False
    return w + y * x, b + y, True


@mistake(
    "all examples judged with the first weights",
    check="test_perceptron_epoch",
    diagnosis="old weights",
)
def perceptron_epoch(w, b, x, y):
    wrong = threshold_unit(x, w, b) != y
    return w + (y * wrong) @ x, b + (y * wrong).sum(), int(wrong.sum())


@mistake("mistakes counted after the pass", check="test_perceptron_epoch", diagnosis="mistakes")
def perceptron_epoch(w, b, x, y):
    for x_n, y_n in zip(x, y, strict=True):
        w, b, _ = perceptron_step(w, b, x_n, y_n)
    return w, b, int((threshold_unit(x, w, b) != y).sum())


@mistake("stops after one pass", check="test_perceptron_train_by_hand", diagnosis="one pass")
def perceptron_train(x, y, max_epochs):
    w, b, wrong = perceptron_epoch(x.new_zeros(x.shape[1]), x.new_zeros(()), x, y)
    return w, b, [wrong]


@mistake("goes on to the limit", check="test_perceptron_train_by_hand", diagnosis="does not stop")
def perceptron_train(x, y, max_epochs):
    w, b, mistakes = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(max_epochs):
        w, b, wrong = perceptron_epoch(w, b, x, y)
        mistakes.append(wrong)
    return w, b, mistakes


@mistake("a limit of its own", check="test_perceptron_train_by_hand", diagnosis="limit")
def perceptron_train(x, y, max_epochs):
    w, b, mistakes = x.new_zeros(x.shape[1]), x.new_zeros(()), [1]
    while mistakes[-1] and len(mistakes) <= 100:
        w, b, wrong = perceptron_epoch(w, b, x, y)
        mistakes.append(wrong)
    return w, b, mistakes[1:]


@mistake(
    "every epoch starts from zero", check="test_perceptron_train_by_hand", diagnosis="restarted"
)
def perceptron_train(x, y, max_epochs):
    mistakes = []
    for _ in range(max_epochs):
        w, b, wrong = perceptron_epoch(x.new_zeros(x.shape[1]), x.new_zeros(()), x, y)
        mistakes.append(wrong)
        if wrong == 0:
            break
    return w, b, mistakes


@mistake(
    "the clean epoch is not listed",
    check="test_perceptron_train_by_hand",
    diagnosis="last epoch not listed",
)
def perceptron_train(x, y, max_epochs):
    w, b, mistakes = x.new_zeros(x.shape[1]), x.new_zeros(()), []
    for _ in range(max_epochs):
        w, b, wrong = perceptron_epoch(w, b, x, y)
        if wrong == 0:
            break
        mistakes.append(wrong)
    return w, b, mistakes


@mistake("truth table of 0 and 1", check="test_boolean_inputs", diagnosis="labels:0 1")
def boolean_inputs(n):
    return torch.tensor([[row >> i & 1 for i in range(n)] for row in range(2**n)]).float()


@mistake("2ⁿ functions for 2^(2ⁿ)", check="test_boolean_functions", diagnosis="shape")
def boolean_functions(n):
    return boolean_inputs(n)


@mistake("separable inverted", check="test_is_separable", diagnosis="inverted")
def is_separable(x, y, max_epochs):
    return perceptron_train(x, y, max_epochs)[2][-1] > 0


@mistake("only the first epoch is looked at", check="test_is_separable", diagnosis="count")
def is_separable(x, y, max_epochs):
    return perceptron_train(x, y, max_epochs)[2][0] == 0


@mistake("success in the last epoch is overlooked", check="test_is_separable", diagnosis="limit")
def is_separable(x, y, max_epochs):
    return len(perceptron_train(x, y, max_epochs)[2]) < max_epochs


@mistake("hidden units without threshold", check="test_two_layer", diagnosis="linear hidden")
def two_layer(x, w, b, v, c):
    return threshold_unit(x @ w + b, v, c)


@mistake("XOR by a lookup of −1 and 1", check="test_xor_network", diagnosis="encoding")
def xor_network(false, true):
    w = torch.ones(2, 2)
    return w, torch.tensor([1.0, -1.0]), torch.tensor([1.0, -1.0]), torch.tensor(-1.0)


@mistake("OR for XOR", check="test_xor_network", diagnosis="not xor")
def xor_network(false, true):
    scale = 1 / (true - false)
    sums = torch.tensor([(3 * false + true) / 2, (false + 3 * true) / 2])
    return (
        torch.full((2, 2), scale),
        -scale * sums,
        torch.tensor([1.0, 0.0]),
        torch.tensor(0.0),
    )


@mistake("true below false forgotten", check="test_xor_network", diagnosis="true below false")
def xor_network(false, true):
    sums = torch.tensor([(3 * false + true) / 2, (false + 3 * true) / 2])
    return torch.ones(2, 2), -sums, torch.tensor([1.0, -1.0]), torch.tensor(-1.0)


@mistake("a cut close to a corner", check="test_xor_network", diagnosis="margin")
def xor_network(false, true):
    scale = 1 / (true - false)
    sums = torch.tensor([false + 0.95 * true + 0.05 * false, (false + 3 * true) / 2])
    return (
        torch.full((2, 2), scale),
        -scale * sums,
        torch.tensor([1.0, -1.0]),
        torch.tensor(-1.0),
    )


@alternative("where, a loop over rows and counts as tensors")
class Spelled:
    def threshold_unit(x, w, b):
        return torch.where(torch.tensordot(x, w, 1) + b < 0, -1.0, 1.0).to(x)

    def perceptron_epoch(w, b, x, y):
        mistakes = torch.tensor(0)
        w, b = w.clone(), b.clone()
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


@alternative("truth tables by product, XOR as one-but-not-the-other")
class OneNotTheOther:
    def boolean_inputs(n):
        from itertools import product

        return torch.tensor(list(product([True, False], repeat=n))) * 2.0 - 1

    def xor_network(false, true):
        a = 2 / (true - false)
        centre = (true + false) / 2
        w = a * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        return w, -w.T @ torch.full((2,), centre) - 1, torch.ones(2), 1.0


equivalent(
    "perceptron_epoch",
    "for x_n, y_n in zip(x, y, strict=True):",
    "for x_n, y_n in zip(x, y, strict=False):",
    why="x and y have the same length",
)
equivalent(
    "perceptron_train",
    "if wrong == 0:",
    "if wrong <= 0:",
    why="a number of mistakes is never negative",
)
equivalent(
    "is_separable",
    "return perceptron_train(x, y, max_epochs)[2][-1] == 0",
    "return perceptron_train(x, y, max_epochs)[2][-1] <= 0",
    why="a number of mistakes is never negative",
)
equivalent(
    "xor_network",
    "scale = 1 / (true - false)",
    "scale = 1 * (true - false)",
    why="a positive factor on a unit's weights and bias changes no answer: only the sign matters",
)
equivalent(
    "xor_network",
    "scale = 1 / (true - false)",
    "scale = 2 / (true - false)",
    why="a positive factor on a unit's weights and bias changes no answer",
)
equivalent(
    "xor_network",
    "return w, -scale * sums, torch.tensor([1.0, -1.0]), torch.tensor(-1.0)",
    "return w, -scale * sums, torch.tensor([1.0, -1.0]), torch.tensor(-2.0)",
    why="h1 − h2 is 2 where the answer is +1, and a unit fires at exactly 0",
)
