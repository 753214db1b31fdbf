"""A right backward keeps its points beside a forward that is wrong as nobody has foreseen."""

import pytest
import torch

from gradus.checks import Rng, check_gradients, record
from gradus.checks.explain import conclude
from gradus.checks.local import LocalStudent


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def right_backward(dout, cache):
    return dout * cache[0] * (1 - cache[0])


def failure_of(forward, backward, kept=(), out=sigmoid):
    """What the backward's check says beside a forward that has failed its own."""
    notes = record.start(0, lost=frozenset({"f_forward"}), caches=[[k] for k in kept])
    student = LocalStudent({"f_forward": forward, "f_backward": backward}, seconds=60.0)
    x = Rng(4).normal(5, 3)
    check_gradients(student, "f", dict(x=x), out)
    check_gradients(student, "f", dict(x=x), out)
    return conclude(None, notes, student)


def cut(x):
    """A forward that is off everywhere, and keeps what it returns."""
    out = sigmoid(x) + 0.01 * x.cos() ** 2
    return out, (out, x)


def doubled(x):
    """One that keeps something else that is off."""
    s = sigmoid(x) + 0.01 * x.cos() ** 2
    return 3 * s - 1, (s, x)


def test_what_it_gets_from_a_right_out_is_what_counts():
    assert failure_of(cut, right_backward) is None
    wrong = failure_of(cut, lambda dout, cache: dout * cache[0])
    assert "gradient of x" in str(wrong)


def test_so_does_what_a_right_forward_would_keep():
    kept = [sigmoid(Rng(4).normal(5, 3))] * 2
    out = lambda x: 3 * sigmoid(x) - 1  # noqa: E731
    backward = lambda dout, cache: 3 * right_backward(dout, cache)  # noqa: E731
    assert failure_of(doubled, backward, kept, out) is None
    assert failure_of(doubled, right_backward, kept, out) is not None
    assert failure_of(doubled, backward, (), out) is not None


@pytest.mark.parametrize("keeps", [lambda out, x: (out, x), lambda out, x: (out.expand(5, 3), x)])
def test_a_cache_that_was_mended_is_as_it_was_where_that_does_not_help(keeps):
    seen = []

    def forward(x):
        out = sigmoid(x) + 0.1
        return out, keeps(out, x)

    def backward(dout, cache):
        seen.append(cache[0].clone())
        return torch.zeros_like(dout)

    assert failure_of(forward, backward) is not None
    assert not torch.equal(seen[0], seen[1])
    assert all(torch.equal(seen[0], again) for again in seen[2::2])
