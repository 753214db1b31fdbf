"""A right backward keeps its points beside a forward that is wrong as nobody has foreseen."""

import pytest
import torch

from gradus.checks import Rng, check_gradients, record
from gradus.checks.explain import conclude
from gradus.checks.local import LocalStudent
from gradus.errors import NotImplementedYet, SubmissionError


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def right_backward(dout, cache):
    return dout * cache[0] * (1 - cache[0])


def failure_of(forward, backward, kept=(), out=sigmoid, lost=("f_forward",)):
    """What the backward's check says beside a forward that has failed its own."""
    caches = [list(k) if isinstance(k, tuple) else [k] for k in kept]
    notes = record.start(0, lost=frozenset(lost), caches=caches)
    student = LocalStudent({"f_forward": forward, "f_backward": backward}, seconds=60.0)
    x = Rng(4).normal(5, 3)
    check_gradients(student, "f", dict(x=x), out)
    check_gradients(student, "f", dict(x=x), out)
    return conclude(None, notes, student)


def judged(backward, right_at, out=sigmoid):
    """What the check of four calls says beside a forward that is right in some of them."""
    xs = [Rng(n).normal(5, 3) for n in range(4)]

    def forward(x):
        right = any(torch.equal(x, xs[n]) for n in right_at)
        return (out(x), x) if right else (0 * x, None)

    notes = record.start(0, lost=frozenset(["f_forward"]), passed=frozenset(["f_backward"]))
    student = LocalStudent({"f_forward": forward, "f_backward": backward}, seconds=60.0)
    error = None
    try:
        for x in xs:
            check_gradients(student, "f", dict(x=x), out)
    except SubmissionError as ended:
        error = ended
    return conclude(error, notes, student)


def where_it_can(dout, x):
    return dout if x is None else right_backward(dout, [sigmoid(x)])


def test_a_backward_is_right_where_most_calls_say_so():
    assert judged(where_it_can, (0, 1, 3)) is None
    assert judged(where_it_can, (0, 1)) is not None
    assert judged(where_it_can, (3,)) is not None
    # A gradient that is what comes from above says nothing.
    assert judged(lambda dout, x: dout if x is not None else 0 * dout, (0, 1, 3), lambda x: x + 1)


def ends(*arguments):
    raise NotImplementedError


def test_a_check_that_ended_before_its_time_has_not_passed():
    calls = []

    def late(dout, x):
        calls.append(x)
        return where_it_can(dout, x) if len(calls) < 6 else ends()

    assert isinstance(judged(late, (1, 2, 3)), NotImplementedYet)
    assert len(calls) == 6


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


X = Rng(4).normal(5, 3)


def shifted(x):
    return (x - 0.3).clamp(min=0)


def test_it_may_keep_where_the_numbers_are_positive_or_keep_them_twice():
    kept = [shifted(X)] * 2
    of_mask = lambda dout, cache: dout * cache[0]  # noqa: E731
    assert failure_of(lambda x: (x.relu(), (x > 0,)), of_mask, kept, shifted) is None
    of_two = lambda dout, cache: dout * (cache[0] > 0) * (cache[1] > 0)  # noqa: E731
    assert failure_of(lambda x: (x.relu(), (x + 0.1, x.relu())), of_two, kept, shifted) is None


def test_a_mask_of_zeros_is_not_what_was_returned():
    forward = lambda x: (0 * x, (0 * x,))  # noqa: E731
    backward = lambda dout, cache: dout * cache[0]  # noqa: E731
    assert failure_of(forward, backward, [X.cos()] * 2, torch.sin) is None


def test_a_mask_of_ones_is_no_right_number():
    kept = [shifted(X) + 2] * 2
    forward = lambda x: (0 * x, (torch.ones_like(x),))  # noqa: E731
    backward = lambda dout, cache: dout * (cache[0] > 2)  # noqa: E731
    assert failure_of(forward, backward, kept, lambda x: shifted(x) + 2) is None


def test_what_is_kept_twice_is_as_it_was_where_mending_does_not_help():
    held = []

    def forward(x):
        wrong = x.sin() + 1
        held.append((wrong, wrong.clone()))
        return 0 * x, (wrong, wrong)

    kept = [(X.sin(), X.cos())] * 2
    assert failure_of(forward, lambda dout, cache: 0 * dout, kept, torch.sin) is not None
    assert all(torch.equal(now, before) for now, before in held)


def test_several_of_one_shape_are_taken_as_they_come():
    kept = [(X.sin(), X.cos())] * 2
    out = lambda x: x.sin() * x.cos()  # noqa: E731
    forward = lambda x: (0 * x, (x.sin() + 1, x.cos() + 1))  # noqa: E731
    backward = lambda dout, cache: dout * (cache[1] ** 2 - cache[0] ** 2)  # noqa: E731
    assert failure_of(forward, backward, kept, out) is None
    assert failure_of(forward, lambda dout, cache: -backward(dout, cache), kept, out) is not None


def test_what_a_right_forward_keeps_wrong_is_said():
    keeps_exp = lambda x: (sigmoid(x), (x.exp(),))  # noqa: E731
    failure = failure_of(keeps_exp, right_backward, [sigmoid(X)] * 2, lost=())
    assert "right with what f_forward should keep in the cache: mend that first" in str(failure)
    wrong = failure_of(keeps_exp, lambda dout, cache: dout * cache[0], [sigmoid(X)] * 2, lost=())
    assert "mend that first" not in str(wrong)


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


@pytest.mark.parametrize("shape", [(15,), (5, 1)])
def test_what_is_kept_wrong_may_have_another_shape(shape):
    """Its own, with the right numbers in it, or the right one."""
    forward = lambda x: (x.new_zeros(2), (x, x.new_zeros(shape)))  # noqa: E731
    backward = lambda dout, cache: dout * cache[1].reshape(5, 3)  # noqa: E731
    assert failure_of(forward, backward, [X.cos()] * 2, torch.sin) is None
    wrong = lambda dout, cache: -backward(dout, cache)  # noqa: E731
    assert failure_of(forward, wrong, [X.cos()] * 2, torch.sin) is not None


def test_an_input_may_be_kept_in_another_shape():
    forward = lambda x: (x.new_zeros(2), (x, x.new_zeros(5, 1)))  # noqa: E731
    backward = lambda dout, cache: dout * (cache[0] * cache[1]).reshape(5, 3)  # noqa: E731
    kept = [(X.flatten(), X.cos().flatten())] * 2
    assert failure_of(forward, backward, kept, lambda x: x.cos() + x * x.sin()) is None


def raises_late(x):
    s = sigmoid(x)
    return s @ s, {0: s}


def raises_early(x):
    out = sigmoid(x @ x)
    s = sigmoid(x)
    cache = (s, len(x))
    return out, cache


def test_of_a_forward_that_raises_the_variables_are_its_cache():
    wrong = lambda dout, cache: dout * cache[0]  # noqa: E731
    assert failure_of(raises_late, right_backward) is None
    assert "mat1 and mat2" in str(failure_of(raises_late, wrong))
    assert failure_of(raises_early, right_backward, [sigmoid(X)] * 2) is None
    assert "mat1 and mat2" in str(failure_of(raises_early, right_backward))
    # Where its own check has found nothing, the error is told.
    assert "mat1 and mat2" in str(failure_of(raises_late, right_backward, lost=()))


def test_of_a_forward_without_a_cache_the_inputs_are():
    of_input = lambda dout, x: right_backward(dout, [sigmoid(x)])  # noqa: E731
    assert failure_of(lambda x: 2 * x, of_input) is None
    assert failure_of(lambda x: 2 * x, lambda dout, x: dout) is not None
    of_output = lambda dout, s: right_backward(dout, [s])  # noqa: E731
    assert failure_of(lambda x: 2 * x, of_output, [sigmoid(X)] * 2) is None
