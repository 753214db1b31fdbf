"""Checks of the topic mlp."""

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from gradus.checks import (
    call,
    check_accuracy,
    check_forward,
    check_gradients,
    check_result,
    check_update,
    check_values,
    double,
    forward_backward,
    kind,
    points,
    public,
    require,
)
from gradus.checks.data import digits

ONE_LAYER = [6, 3]
SIZES = [6, 5, 4, 3]
EQUAL = [3, 3, 3, 3]  # every layer looks like every other
DIGITS = dict(sizes=[64, 48, 10], epochs=8, lr=0.15, batch_size=30)


def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, x, w)


def mlp(x: Tensor, params: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The network, from torch's own operators."""
    for w, b in params[:-1]:
        x = torch.relu(linear(x, w, b))
    return linear(x, *params[-1])


def sgd(params, grads, state, lr):
    """One step of gradient descent."""
    pairs = zip(params, grads, strict=True)
    return [tuple(p - lr * g for p, g in zip(*pair, strict=True)) for pair in pairs], state


def shuffled_batches(x, y, batch_size, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return [(x[batch], y[batch]) for batch in order.split(batch_size)]


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
    """Values agree with x @ w + b, first with those of the example on paper."""
    x, w, b = double([[1, 2]]), double([[1, 1], [2, -1]]), double([0, -1])
    check_forward(student, "linear", dict(x=x, w=w, b=b), double([[5, -2]]))
    x, w, b = rng.normal(4, 5), rng.normal(5, 3), rng.normal(3)
    for rows in (x, x[:1], 1000 * x):
        check_forward(student, "linear", dict(x=rows, w=w, b=b), linear(rows, w, b))


@public
@points(3, of="linear_backward")
def test_linear_backward(student, rng):
    """The gradients of x, w and b are those of x @ w + b."""
    x, w, b, dout = rng.normal(4, 5), rng.normal(5, 3), rng.normal(3), rng.normal(4, 3)
    for n, size in ((4, 1), (1, 1000)):
        inputs = dict(x=x[:n], w=w, b=b)
        check_gradients(student, "linear", inputs, linear, dout=size * dout[:n])


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
    x[0, 0], x[1, 0], dout[1, 0] = 0.0, x[1, 0].abs(), -dout[1, 0].abs()
    for size in (1, 1000):
        check_gradients(student, "relu", dict(x=size * x), torch.relu, dout=size * dout)


@public
@points(2, of="mlp_forward")
def test_mlp_forward(student, rng):
    """Logits agree for networks of one, two and three layers, of equal widths as well."""
    for n, sizes in ((7, SIZES), (1, [6, 3]), (1, [6, 5, 4]), (3, EQUAL)):
        x, params = rng.normal(n, sizes[0]), network(rng, sizes)
        check_forward(student, "mlp", dict(x=x, params=params), mlp(x, params))


@public
@points(3, of="mlp_backward")
def test_mlp_backward(student, rng):
    """The gradients of all weights and biases are those of the network."""
    for n, sizes in ((7, SIZES), (1, [6, 3]), (4, [6, 5, 4]), (3, EQUAL)):
        inputs = dict(x=rng.normal(n, sizes[0]), params=network(rng, sizes))
        check_gradients(student, "mlp", inputs, mlp, wrt=["params"])


@public
@points(2, of="sgd_update")
def test_sgd_update(student, rng):
    """Every parameter moves by −lr times its gradient, and the caller's stay as they were."""
    params = network(rng)
    for lr, size, state in ((0.37, 1, None), (2.5, 1000, [rng.normal(2)])):
        grads = [(size * w, size * b) for w, b in network(rng)]
        expected = sgd(params, grads, state, lr)
        check_update(student, "sgd_update", params, grads, state, expected, options=dict(lr=lr))


@public
@points(1, of="minibatches")
def test_minibatches_visit_every_example_once(student, rng):
    """An epoch holds every example once, with its own label, the last partial batch included."""
    for n, size, sizes in ((10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 7, [3])):
        x = rng.permutation(n).double().reshape(n, 1) + 100
        y = 2 * x[:, 0].long()
        seen_x, seen_y, mine = gather(call(student, "minibatches", x, y, size, rng.seed()))
        given = f"of {n} examples in batches of {size}"
        distinct = len(set(seen_x.tolist()))
        for name, mine_is, due in (
            ("x_batch", seen_x.dtype, x.dtype),
            ("y_batch", seen_y.dtype, y.dtype),
        ):
            require(mine_is == due, f"{name} is {mine_is}, and comes from {due}", diagnosis="dtype")
        text = f"{given}, each is due once an epoch: it holds {len(seen_x)}, {distinct} different"
        require(distinct == len(seen_x) == n, text, diagnosis="not a partition")
        check_values(mine, sizes, f"{given}, the batches' sizes")
        together = torch.equal(seen_y, 2 * seen_x.long())
        text = "examples and labels do not belong together any more"
        why = "Draw one permutation and index both x and y with it."
        require(together, text, why, diagnosis="different permutations")


@public
@points(1, of="minibatches")
def test_minibatches_shuffle(student, rng):
    """The order is random, depends on the seed, and only on it."""
    x = torch.arange(60).double().reshape(60, 1)
    seeds = (0, 0, 1, 1)
    orders = [gather(call(student, "minibatches", x, x[:, 0].long(), 12, s))[0] for s in seeds]
    first, again, other, as_other = orders
    # By chance: 1 in C(60, 12) = 1.4e12.
    ordered = set(first[:12].tolist()) == set(range(12))
    text, why = "seed = 0: the first 12 examples are the first batch", "Shuffle all, at any seed."
    require(not ordered, text, why, diagnosis="no shuffle")
    # Of the 60! / 12!⁵ = 3e38 ways to deal 60 rows to 5 batches, Σ C(59, k) · 5 · 4ᵏ < 1e24 change
    # the batch from row to row in at most k = 15 places: less than 1e-14.
    batch = first.argsort() // 12
    pairs = int((batch[1:] == batch[:-1]).sum())
    text = f"in {pairs} of 59 cases two rows that are neighbours in x are in one batch"
    why = "Shuffle the examples, not the batches: any two may come together."
    require(pairs < 44, text, why, diagnosis="neighbours")
    same, why = torch.equal(other, as_other), "Use a torch.Generator seeded with seed."
    require(same, "equal seeds must give equal orders", why, diagnosis="seed ignored")
    text, why = "seed = 0 gives another order each time", "0 is a seed, like any other number."
    require(torch.equal(first, again), text, why, diagnosis="seed ignored")
    differ = not torch.equal(first, other)
    require(differ, "two seeds give the same order", diagnosis="seed ignored")


def gather(batches):
    """All examples and labels of an epoch in their order, and the batches' sizes."""
    listed = list(batches) if isinstance(batches, list | tuple) else []
    axes = [[getattr(t, "ndim", 0) for t in b] for b in listed if isinstance(b, list | tuple)]
    text = "minibatches must return a list of pairs (x_batch, y_batch)"
    how = "In a batch of B examples x_batch is (B, D) and y_batch (B,)."
    require(bool(listed) and axes == [[2, 1]] * len(listed), text, how, diagnosis="structure")
    sizes = [len(b[1]) for b in batches]
    return torch.cat([b[0][:, 0] for b in batches]), torch.cat([b[1] for b in batches]), sizes


@public
@points(1, of="train")
def test_train_steps(student, rng):
    """With one batch an epoch, training is plain gradient descent from he_init."""
    x, y, lr, seed = rng.normal(9, 6), rng.integers(9, high=3), 0.3, rng.seed()
    # he_init's are smaller; a step would be lost in numbers that are large.
    given = student.he_init(SIZES, seed)
    params = [tuple(t.double().clamp(-100, 100) for t in pair) for pair in given]
    for epochs in (1, 2):
        params = descend(x, y, params, lr)
        inputs = dict(x=x, y=y, sizes=SIZES, epochs=epochs, lr=lr, batch_size=8 + epochs, seed=seed)
        check_result(student, "train", inputs, params, "params")


@points(1, of="train")
def test_train_batches(student, rng):
    """Every batch of every epoch counts, and epochs differ in their order."""
    x, y, seed = rng.normal(14, 6), rng.integers(14, high=3), 1 + rng.seed()  # elsewhere it is 0
    start = [(w.double(), b.double()) for w, b in student.he_init(ONE_LAYER, seed)]
    # One layer: behind a layer that is dead, the next stands at the kink of its ReLU, exactly.
    # So small a rate that the order of the batches does not show: the steps add up.
    lr = 1e-8
    alone = torch.stack([steps(start, descend(x[[n]], y[[n]], start, lr), lr) for n in range(14)])
    once = alone.mean(0)
    # Batches of 13 and of 1: which example is alone, the seed says.
    trained = call(student, "train", x, y, ONE_LAYER, 1, lr, 13, seed)
    moved, rest = steps(start, trained, lr), (14 * once - alone) / 13
    one_step = any(torch.allclose(moved, each, rtol=1e-5, atol=1e-6) for each in (*alone, *rest))
    text = "an epoch has two batches, of 13 examples and of 1, and one of them makes no step"
    why = "The last one counts, too; and what stands after the loop over batches runs only once."
    require(not one_step, text, why, diagnosis="one batch")
    for epochs in (1, 2):
        trained = call(student, "train", x, y, ONE_LAYER, epochs, lr, 2, seed)
        name = f"sum of the steps, epochs = {epochs}"
        check_values(steps(start, trained, lr), 7 * epochs * once, name)

    both = any(torch.allclose(moved, each, rtol=1e-5, atol=1e-6) for each in alone + rest)
    text = "an epoch has two batches, of 13 examples and of 1: their two steps do not add up"
    why = "Each step goes by the mean gradient of the examples in its own batch."
    require(both, text, why, diagnosis="batches")

    for each in (seed, 0):  # seed * epoch is one order only where seed is 0
        epochs_differ(student, x, y, each)

    # A rate that drops later, an end before the last epoch: seen in forty; the loss falls to .005.
    x[torch.arange(14), y] += 6
    params = start
    for _ in range(40):
        params = descend(x, y, params, 0.3)
    trained = call(student, "train", x, y, ONE_LAYER, 40, 0.3, 14, seed)
    name = "sum of the steps, epochs = 40, one batch each"
    check_values(steps(start, trained, 0.3), steps(start, params, 0.3), name)


def epochs_differ(student, x, y, seed):
    """Two epochs of single examples: the same order by chance once in 14! = 8.7e10."""
    start = [(w.double(), b.double()) for w, b in student.he_init(ONE_LAYER, seed)]
    params, joint = start, descend(x, y, descend(x, y, start, 14 * 0.3), 14 * 0.3)
    order = torch.cat([b[1] for b in student.minibatches(x, torch.arange(14), 1, seed)]).tolist()
    for n in (*order, *order):
        params = descend(x[[n]], y[[n]], params, 0.3)
    trained = call(student, "train", x, y, ONE_LAYER, 2, 0.3, 1, seed)
    bias = start[-1][1] + steps(start, trained, 1)[-3:]
    once = torch.allclose(bias, joint[-1][1], rtol=1e-6)
    text = "the gradients of an epoch's batches are added, and the parameters move once"
    require(not once, text, "Each batch makes a step, and the next starts there.", diagnosis="once")
    same, how = torch.allclose(bias, params[-1][1], rtol=1e-6), "Give each epoch its own seed."
    text = "the two epochs see the examples in the same order"
    require(not same, text, how, f"seed = {seed}", diagnosis="order")


def steps(before, after, lr):
    """How far each parameter moved, in units of lr: one vector, for small moves are rounded."""
    old, new = tree_flatten(before)[0], tree_flatten(after)[0]
    well_formed = [t.shape for t in old] == [getattr(t, "shape", None) for t in new]
    must = f"train must return pairs (w, b) of he_init's shapes, got {kind(after)}"
    require(well_formed, must, diagnosis="structure")
    return torch.cat([(q.double() - p).flatten() for p, q in zip(old, new, strict=True)]) / lr


def descend(x, y, params, lr):
    """One step of gradient descent on the mean cross-entropy, with autograd's gradients."""
    leaves = [t.clone().requires_grad_() for pair in params for t in pair]
    pairs = list(zip(leaves[::2], leaves[1::2], strict=True))
    loss = torch.nn.functional.cross_entropy(mlp(x, pairs), y)
    grads = torch.autograd.grad(loss, leaves)
    return sgd(params, list(zip(grads[::2], grads[1::2], strict=True)), None, lr)[0]


@points(1, of="train")
def test_train_on_digits(student, rng, topic):
    """The trained network reads handwritten digits that it has not seen."""
    data = digits(rng)
    params = call(student, "train", data.x_train, data.y_train, seed=rng.seed(), **DIGITS)
    predictions = call(student, "predict", data.x_test, params)
    check_accuracy(predictions, data.y_test, topic.thresholds["digits"]["accuracy"])
