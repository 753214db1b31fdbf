"""Checks of the topic mlp."""

import torch
from torch import Tensor

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_forward,
    check_gradients,
    check_values,
    kind,
    points,
    public,
    require,
)

SIZES = [6, 5, 4, 3]


def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, x, w)


def sgd(params, grads, state, lr):
    """One step of gradient descent."""
    pairs = zip(params, grads, strict=True)
    return [tuple(p - lr * g for p, g in zip(*pair, strict=True)) for pair in pairs], state


def network(rng, sizes=SIZES):
    return [(rng.normal(d, m), rng.normal(m)) for d, m in zip(sizes[:-1], sizes[1:], strict=True)]


@public
@points(2, of="linear_forward")
def test_linear_forward(student, rng):
    """Values agree with x @ w + b."""
    x, w, b = rng.normal(4, 5), rng.normal(5, 3), rng.normal(3)
    for rows in (x, x[:1], 1000 * x):
        inputs = dict(x=rows, w=w, b=b)
        check_forward(student, "linear", inputs, linear(rows, w, b))


@public
@points(3, of="linear_backward")
def test_linear_backward(student, rng):
    """The gradients of x, w and b agree with finite differences."""
    x, w, b, dout = rng.normal(4, 5), rng.normal(5, 3), rng.normal(3), rng.normal(4, 3)
    for n in (4, 1):
        inputs = dict(x=x[:n], w=w, b=b)
        check_gradients(
            student,
            "linear",
            inputs,
            linear,
            dout=dout[:n],
            clues={
                "b": Clues(
                    wrong=(
                        Wrong(
                            "axis:features",
                            "summed over the features (axis 1): the bias of unit m collects "
                            "dout[n, m] over the examples n",
                            lambda n=n: dout[:n].sum(1),
                        ),
                    )
                )
            },
        )


@public
@points(1, of="relu_forward")
def test_relu_forward(student, rng):
    """Negative values become 0, others stay."""
    for x in (rng.normal(4, 5), rng.normal(1, 3, 2), torch.tensor([[-1000.0, 0.0, 1000.0]])):
        check_forward(student, "relu", dict(x=x), x.relu())


@public
@points(2, of="relu_backward")
def test_relu_backward(student, rng):
    """The gradient passes where the input was positive."""
    x, dout = rng.away_from_zero(4, 5), rng.normal(4, 5)
    x[0, 0] = 0.0
    wrong = (
        Wrong(
            "mask:dout",
            "the mask is taken from dout: it must say where the *input* x was positive",
            dout * (dout > 0),
        ),
        Wrong(
            "mask:at zero",
            "the gradient passes where x is exactly 0: the convention here is that it does not",
            dout * (x >= 0),
        ),
        Wrong(
            "mask:not boolean",
            "dout is multiplied by the values of ReLU: the derivative is 1 or 0, not x",
            dout * x.relu(),
        ),
    )
    clues = Clues(wrong=wrong, tensors={"[x > 0]": (x > 0).double()})
    check_gradients(student, "relu", dict(x=x), torch.relu, dout=dout, clues=clues)


@public
@points(2, of="sgd_update")
def test_sgd_update(student, rng):
    """Every parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params, grads = network(rng), network(rng)
    for lr in (0.37, 2.5):
        result = call(student, "sgd_update", params, grads, None, lr)
        require(
            isinstance(result, (tuple, list)) and len(result) == 2,
            f"sgd_update must return (params, state), got {kind(result)}",
            diagnosis="structure",
        )
        check_values(
            result[0],
            sgd(params, grads, None, lr)[0],
            "params",
            clues={
                f"params[{k}][{j}]": Clues(
                    wrong=(
                        Wrong("uphill", "the step goes uphill: subtract lr · gradient", p + lr * g),
                        Wrong("no lr", "the learning rate is missing from the step", p - g),
                        Wrong("unchanged", "the parameter is returned as it came", p),
                    )
                )
                for k, pairs in enumerate(zip(params, grads, strict=True))
                for j, (p, g) in enumerate(zip(*pairs, strict=True))
            },
        )


@public
@points(1, of="minibatches")
def test_minibatches_visit_every_example_once(student, rng):
    """An epoch holds every example once, with its own label, the last partial batch included."""
    n, size = 23, 5
    x = rng.permutation(n).double().reshape(n, 1) + 100
    y = 2 * x[:, 0].long()
    batches = call(student, "minibatches", x, y, size, rng.seed())
    seen_x, seen_y = gather(batches)
    distinct = len(set(seen_x.tolist()))
    require(
        not distinct == len(seen_x) == n - n % size,
        f"{n % size} of {n} examples are missing: the last partial batch is lost",
        f"{n} examples in batches of {size} make {n // size} full ones and one of {n % size}.",
        diagnosis="last batch lost",
    )
    require(
        sorted(seen_x.tolist()) == sorted(x[:, 0].tolist()),
        "an epoch must hold every example exactly once",
        f"{n} went in; {len(seen_x)} came out, {distinct} of them distinct.",
        diagnosis="not a partition",
    )
    require(
        torch.equal(seen_y, 2 * seen_x.long()),
        "examples and labels do not belong together any more",
        "Draw one permutation and index both x and y with it.",
        diagnosis="different permutations",
    )
    sizes = [len(b[1]) for b in batches]
    require(
        sizes == [size] * (n // size) + [n % size],
        f"batches of sizes {sizes}, expected {[size] * (n // size) + [n % size]}",
        diagnosis="batch sizes",
    )


def gather(batches):
    """All examples and labels of an epoch, in their order."""
    well_formed = isinstance(batches, (list, tuple)) and all(
        isinstance(b, (list, tuple))
        and all(isinstance(t, Tensor) for t in b)
        and [t.ndim for t in b] == [2, 1]
        for b in batches
    )
    require(
        well_formed and len(batches) > 0,
        "minibatches must return a list of pairs (x_batch, y_batch)",
        "In a batch of B examples x_batch is (B, D) and y_batch (B,).",
        diagnosis="structure",
    )
    return torch.cat([b[0][:, 0] for b in batches]), torch.cat([b[1] for b in batches])
