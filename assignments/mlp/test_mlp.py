"""The public checks of *Multi-layer perceptron*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import torch

from gradus.checks import call, check_values, points, public, require


@public
@points(2, of="linear_forward")
def test_linear_forward(recorded):
    """Values agree with x @ w + b, first with those of the example on paper."""
    recorded()


@public
@points(3, of="linear_backward")
def test_linear_backward(recorded):
    """The gradients of x, w and b are those of x @ w + b."""
    recorded()


@public
@points(1, of="relu_forward")
def test_relu_forward(recorded):
    """Negative values become 0, others stay."""
    recorded()


@public
@points(2, of="relu_backward")
def test_relu_backward(recorded):
    """The gradient passes where the input was positive."""
    recorded()


@public
@points(2, of="mlp_forward")
def test_mlp_forward(recorded):
    """Logits agree for networks of one, two and three layers, of equal widths as well."""
    recorded()


@public
@points(3, of="mlp_backward")
def test_mlp_backward(recorded):
    """The gradients of all weights and biases are those of the network."""
    recorded()


@public
@points(2, of="sgd_update")
def test_sgd_update(recorded):
    """Every parameter moves by −lr times its gradient, and the caller's stay as they were."""
    recorded()


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
def test_train_steps(recorded):
    """With one batch an epoch, training is plain gradient descent from he_init."""
    recorded()
