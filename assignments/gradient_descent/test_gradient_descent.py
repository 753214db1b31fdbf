"""The public checks of *Gradient descent*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

import math

import torch
from torch import Tensor

from gradus.checks import call, check_update, check_values, double, kind, points, public, require

CALLS = 200  # of an objective in one search: the right ones need 80 at most


class Objective:
    """(loss, gradients) of a list of tensors, for the submission to call."""

    __name__ = "objective"

    def __init__(self, loss, gradients):
        self.loss, self.gradients, self.calls, self.value = loss, gradients, 0, math.nan

    def __call__(self, params):
        self.calls += 1
        if self.calls > CALLS or not isinstance(params, list | tuple):
            raise ValueError(f"params must be a list of tensors, got {kind(params)}")
        self.value = self.loss(*params)
        return self.value, self.gradients(*params)


def bowl(k=1.0, lowest=0.0):
    """lowest + ½ k ‖p‖²."""
    return Objective(
        lambda *p: lowest + k / 2 * sum((x * x).sum() for x in p), lambda *p: [k * x for x in p]
    )


def one(x: float) -> list[Tensor]:
    return [double([x])]


@public
@points(3, of="sgd_update")
def test_sgd_update(recorded):
    """Each moves by −lr · (gradient + weight_decay · p), first with the example on paper."""
    recorded()


@public
@points(2, of="epoch_batches")
def test_epoch_batches_visit_every_example_once(student, rng):
    """An epoch holds each number 0 … n−1 once, in batches of the right sizes."""
    for n, size, sizes in ((9, 4, [4, 4, 1]), (8, 4, [4, 4]), (5, 1, 5 * [1]), (4, 9, [4])):
        given = f"epoch_batches({n}, {size}, seed)"
        batches = gather(call(student, "epoch_batches", n, size, rng.seed()))
        seen, mine = torch.cat(batches).tolist(), [len(b) for b in batches]
        holds = f"{len(seen)} numbers are in it, {len(set(seen))} of them different"
        text = f"{given} must hold each of 0 … {n - 1} once: {holds}"
        why = "The last batch may be smaller, and counts." if mine == sizes[:-1] else ""
        require(sorted(seen) == list(range(n)), text, why, diagnosis="not a partition")
        text = f"{given} must have batches of {sizes}, the short one last, and has {mine}"
        require(mine == sizes, text, "Each holds batch_size examples.", diagnosis="sizes")


def gather(batches) -> list[Tensor]:
    must = f"epoch_batches must return a list of one or more int64 tensors, got {kind(batches)}"
    require(isinstance(batches, list | tuple) and len(batches) > 0, must, diagnosis="structure")
    other = next((kind(b) for b in batches if not isinstance(b, Tensor) or b.ndim != 1), None)
    require(other is None, f"{must} that holds {other}", diagnosis="structure")
    dtype = next((b.dtype for b in batches if b.dtype != torch.int64), None)
    require(dtype is None, f"{must} of {dtype} tensors", diagnosis="structure")
    return list(batches)


def check_by_hand(student, function, grads, *table, **names):
    """The steps of the table, (velocity, position) each, from 1 with lr = 0.5 and beta = 0.8."""
    p, u, options = one(1.0), one(0.0), dict(lr=0.5, beta=0.8)
    for velocity, position in table:
        expected = one(position), one(velocity)
        check_update(student, function, p, grads or p, u, expected, options=options, **names)
        p, u = expected


@public
@points(1, of="momentum_update")
def test_momentum_by_hand(recorded):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, −0.15, −0.595."""
    recorded()


@public
@points(1, of="nesterov_update")
def test_nesterov_by_hand(student):
    """On ½w² from 1, with lr = 0.5 and beta = 0.8: 0.5, 0.05, −0.155."""
    steps = (1.0, 0.5), (0.9, 0.05), (0.41, -0.155)
    check_by_hand(student, "nesterov_update", bowl(), *steps, grads_name="objective")


def check_rates(student, params, objective, *cases):
    """line_search(params, objective, lr, shrink, c) returns the rate that stands last in a case."""
    for *case, right in cases:
        objective.calls, given = 0, "lr={:g}, shrink={:g}, c={:g}".format(*case)
        try:
            rate = call(student, "line_search", params, objective, *case)
        finally:  # the objective ends an endless search by an error: say what it means
            square = sum((g * g).sum() for g in objective.gradients(*params))
            how = (
                "The last trials are not at params: each is params − rate · g, from params itself."
            )
            if math.isclose(objective.value, objective.loss(*params), rel_tol=1e-5):
                how = "The last trials are at params: is c · rate · ‖g‖² (0 where g is 0) enough?"
            require_end(objective, f" for {given}, from a gradient with ‖g‖² = {square:g}", how)
        check_values(rate, float(right), f"rate for {given}")


def require_end(objective, given="", how=""):
    text = f"the search does not end{given}: it has called the objective hundreds of times"
    require(objective.calls <= CALLS, text, how, diagnosis="endless")


@public
@points(2, of="line_search")
def test_line_search_by_hand(student):
    """On 5w² from 1 a rate of 1 is halved four times for c = 1/2, and three times for c = 0.1."""
    cases = (1, 0.5, 0.1, 2**-3), (0.17, 0.5, 0.9, 0.17 / 16), (1, 0.5, 0.5, 2**-4)
    more = (0.1, 0.5, 0.1, 0.1), (2, 0.25, 0.9, 2**-7)
    check_rates(student, one(1.0), bowl(10.0), *cases, *more)


@public
@points(0.5, of="train")
def test_train_steps(recorded):
    """A step with momentum for each batch of each epoch: of all examples, and of equal ones."""
    recorded()
