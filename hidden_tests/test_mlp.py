"""Checks of the topic mlp."""

import torch
from torch import Tensor

from gradus.checks import (
    Clues,
    Wrong,
    call,
    check_accuracy,
    check_forward,
    check_gradients,
    check_values,
    forward_backward,
    kind,
    points,
    public,
    require,
)
from gradus.checks.data import digits

SIZES = [6, 5, 4, 3]
DIGITS = dict(sizes=[64, 48, 10], epochs=8, lr=0.15, batch_size=30)


def mlp(x: Tensor, params: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The network, from torch's own operators."""
    for w, b in params[:-1]:
        x = torch.relu(linear(x, w, b))
    return linear(x, *params[-1])


def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, x, w)


def sgd(params, grads, state, lr):
    """One step of gradient descent."""
    pairs = zip(params, grads, strict=True)
    return [tuple(p - lr * g for p, g in zip(*pair, strict=True)) for pair in pairs], state


def shuffled_batches(x, y, batch_size, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return [(x[batch], y[batch]) for batch in order.split(batch_size)]


# What checks of mlp_* and train use for functions that have failed their own check.
STAND_INS = {
    **forward_backward("linear", linear),
    **forward_backward("relu", torch.relu),
    **forward_backward("mlp", mlp, wrt=[1]),
    "sgd_update": sgd,
    "minibatches": shuffled_batches,
}


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


@points(2, of="mlp_forward")
def test_mlp_forward(student, rng):
    """Logits agree for networks of one, two and three layers."""
    x, params = rng.normal(7, 6), network(rng)
    relu_at_the_end = Wrong(
        "relu after the last layer",
        "there is a ReLU after the last layer: logits may be negative",
        mlp(x, params).relu(),
    )
    no_relu = Wrong("no relu", "the ReLU between the layers is missing", linear_only(x, params))
    one_too_few = Wrong(
        "last relu",
        "the last hidden layer has no ReLU: only the logits go without",
        linear(mlp(x, params[:-1]), *params[-1]),
    )
    check_forward(
        student,
        "mlp",
        dict(x=x, params=params),
        mlp(x, params),
        clues=Clues(wrong=(relu_at_the_end, no_relu, one_too_few)),
    )
    for shorter in (network(rng, [6, 3]), network(rng, [6, 5, 4])):
        check_forward(student, "mlp", dict(x=x[:1], params=shorter), mlp(x[:1], shorter))


def linear_only(x, params):
    for w, b in params:
        x = linear(x, w, b)
    return x


@points(3, of="mlp_backward")
def test_mlp_backward(student, rng):
    """The gradients of all weights and biases agree with finite differences."""
    for n, sizes in ((7, SIZES), (1, [6, 3]), (4, [6, 5, 4])):
        x, params, dout = rng.normal(n, 6), network(rng, sizes), rng.normal(n, sizes[-1])
        unmasked = backward_without_relu(x, params, dout)
        no_relu = {
            f"params[{k}][{j}]": Wrong("no relu", "the ReLU is left out of the way back", g)
            for k, pair in enumerate(unmasked)
            for j, g in enumerate(pair)
        }
        check_gradients(
            student,
            "mlp",
            dict(x=x, params=params),
            mlp,
            wrt=["params"],
            dout=dout,
            clues={path: Clues(wrong=(wrong,)) for path, wrong in no_relu.items()},
        )


def backward_without_relu(x, params, dout):
    """The gradients when the masks of ReLU are forgotten."""
    inputs = [x]
    for w, b in params[:-1]:
        inputs.append(linear(inputs[-1], w, b).relu())
    grads = []
    for h, (w, _) in zip(reversed(inputs), reversed(params), strict=True):
        grads.append((h.T @ dout, dout.sum(0)))
        dout = dout @ w.T
    return grads[::-1]


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


@points(1, of="minibatches")
def test_minibatches_shuffle(student, rng):
    """The order is random, depends on the seed, and only on it."""
    x = torch.arange(40).double().reshape(40, 1)
    seed = rng.seed()
    first, again, other = (
        gather(call(student, "minibatches", x, x[:, 0].long(), 8, s))[0]
        for s in (seed, seed, seed + 1)
    )
    require(
        not torch.equal(first, x[:, 0]),
        "the examples come in their original order",
        "Shuffle them, or every epoch sees the same batches.",
        diagnosis="no shuffle",
    )
    require(
        torch.equal(first, again),
        "equal seeds must give equal orders",
        "Use a torch.Generator seeded with seed, not the global one.",
        diagnosis="seed ignored",
    )
    require(
        not torch.equal(first, other), "two seeds give the same order", diagnosis="seed ignored"
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


@points(1, of="train")
def test_train_steps(student, rng):
    """One batch makes plain gradient descent from he_init; epochs differ in their order."""
    x, y, lr, seed = rng.normal(9, 6), rng.integers(9, high=3), 0.3, rng.seed()
    start = [(w.double(), b.double()) for w, b in student.he_init(SIZES, seed)]
    one, two = descend(x, y, start, lr, 1), descend(x, y, start, lr, 2)
    for epochs, expected in ((1, one), (2, two)):
        trained = call(student, "train", x, y, SIZES, epochs, lr, len(x), seed)
        check_values(
            trained,
            expected,
            "params",
            clues={
                f"params[{k}][{j}]": Clues(
                    wrong=(
                        Wrong("untrained", "the parameters are those of he_init", start[k][j]),
                        Wrong(
                            "restarted",
                            "only the last epoch counts: are the parameters set anew in each?",
                            one[k][j],
                        ),
                        Wrong("uphill", "the steps go uphill", 2 * start[k][j] - one[k][j]),
                    )
                )
                for k in range(len(expected))
                for j in range(2)
            },
        )

    single = call(student, "train", x, y, SIZES, 2, lr, 1, seed)
    order = torch.cat([b[1] for b in student.minibatches(x, torch.arange(9), 1, seed)])
    same_twice = start
    for n in torch.cat([order, order]).tolist():
        same_twice = descend(x[[n]], y[[n]], same_twice, lr, 1)
    bias, fixed = single[-1][1].double(), same_twice[-1][1]  # others may be behind dead units
    require(
        not torch.allclose(bias, fixed, rtol=1e-6),
        "every epoch sees the examples in the same order",
        "Give each epoch a seed of its own.",
        diagnosis="same order",
    )


def descend(x, y, params, lr, steps):
    """Gradient descent on the mean cross-entropy, with autograd's gradients."""
    for _ in range(steps):
        leaves = [t.clone().requires_grad_() for pair in params for t in pair]
        pairs = list(zip(leaves[::2], leaves[1::2], strict=True))
        loss = torch.nn.functional.cross_entropy(mlp(x, pairs), y)
        grads = torch.autograd.grad(loss, leaves)
        params, _ = sgd(params, list(zip(grads[::2], grads[1::2], strict=True)), None, lr)
    return params


@points(2, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained network reads handwritten digits that it has not seen."""
    data = digits(rng)
    params = call(student, "train", data.x_train, data.y_train, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, params)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
