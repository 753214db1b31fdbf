"""The diagnosis: each mistake gets its name, whatever the numbers; what is no mistake gets none."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.checks import CheckFailed, Rng, check_result, double, record
from gradus.checks.diagnose import beside_others, diagnose
from gradus.checks.explain import agree, conclude, explain
from gradus.checks.failure import Leaf, hint
from gradus.checks.local import LocalStudent

seeds = st.integers(0, 2**31)
sizes = st.integers(3, 7)
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
dtypes = st.sampled_from([torch.bool, torch.int64, torch.uint8, torch.float32, torch.float64])

MISTAKES = {
    "scale:batch": lambda e, x: e * 32,
    "scale:1/batch": lambda e, x: e / 32,
    "scale:-batch": lambda e, x: e * -32,
    "scale:2": lambda e, x: 2 * e,
    "scale:√batch size": lambda e, x: e * math.sqrt(32),
    "scale:0.5": lambda e, x: e / 2,
    "scale": lambda e, x: 1.234 * e,
    "sign": lambda e, x: -e,
    "zeros": lambda e, x: 0 * e,
    "constant": lambda e, x: torch.full_like(e, 7.0),
    "offset": lambda e, x: e + 3,
    "unreduced:0": lambda e, x: torch.stack([e, 0 * e]),
    "reduced:1": lambda e, x: e.sum(1),
    "flip:0": lambda e, x: e.flip(0),
    "flip:0,1": lambda e, x: e.flip(0, 1),
    "roll:1": lambda e, x: e.roll(1, 1),
    "missing term:x": lambda e, x: e - x,
    "extra term:x": lambda e, x: e + x,
    "sign of term:x": lambda e, x: e - 2 * x,
    "term:x": lambda e, x: e + x / 100,
    "cut:more": lambda e, x: e.clamp(max=float(e.flatten().sort().values[-3])),
    "slices:wrong at the last index of axis 1 only": lambda e, x: torch.cat(
        [e[:, :-1], 3 + 2 * e[:, -1:]], 1
    ),
    "not zero": lambda e, x: e + (e == 0) * (1 + x.square()),
    "missing factor:x": lambda e, x: e / x,
    "extra factor:x": lambda e, x: e * x,
    "where:x is negative": lambda e, x: e + (x < 0) * (1 + e.square()),
    "scale along:1": lambda e, x: e * torch.arange(2, 2 + e.shape[1]),
    "nan": lambda e, x: e.index_fill(0, torch.tensor([1]), torch.nan),
    "inf": lambda e, x: e.index_fill(0, torch.tensor([1]), torch.inf),
    "transpose": lambda e, x: e.T,
    "integer": lambda e, x: e.trunc().long(),
    "input:x": lambda e, x: 3 * x,
    "function:square": lambda e, x: e.square(),
    "function:abs": lambda e, x: e.abs(),
    "function:complement": lambda e, x: 1 - e,
    "part:sign": lambda e, x: e.where(every_other(e), -e),
    "part:scale": lambda e, x: e.where(every_other(e), 1.234 * e),
    "part:constant:7": lambda e, x: e.where(every_other(e), 7),
    "part:input:x": lambda e, x: e.where(every_other(e), x / 100),
    "part:term:x": lambda e, x: e.where(every_other(e), e + x / 7),
}


def every_other(values):
    """A half of the places, in no order."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(values.shape, generator=generator) < 0.5


def verdict(actual, expected, x=None, sizes=None):
    """What a check says whose function returns `actual` for x, or None."""
    notes = record.start(0, recording=True)
    student = LocalStudent({"f": lambda x: actual}, seconds=60.0)
    check_result(student, "f", dict(x=x), expected, "out", sizes=sizes or {})
    failure = conclude(None, notes)
    assert failure is None or isinstance(failure, CheckFailed)
    return failure


@pytest.mark.parametrize("name", MISTAKES)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, rows=sizes, columns=sizes)
def test_a_mistake_gets_its_name(name, seed, rows, columns):
    rng = Rng(seed)
    expected = 5 * rng.away_from_zero(rows, columns + rows)  # never square
    x = rng.away_from_zero(*expected.shape)
    x[0, 0], x[0, 1] = 1.5, -1.5  # both signs, so that "where" can tell them apart
    if name == "not zero":
        expected[every_other(expected)] = 0
    failure = verdict(MISTAKES[name](expected, x), expected, x, {"batch size": 32})
    assert failure is not None
    assert failure.diagnosis == name


def verdict_of_calls(function, calls, student=False, sizes=None):
    """What a check says that compares what `function` returns for each of these (x, expected)."""
    notes = record.start(0)
    answering = LocalStudent({"f": function}, seconds=60.0)
    for x, expected in calls:
        check_result(answering, "f", dict(x=x), expected, "out", sizes=sizes or {})
    return conclude(None, notes, answering if student else None)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("zeros", lambda e: 0 * e),
        ("scale:2", lambda e: 2 * e),
        ("transpose", lambda e: e.T),
        ("near", lambda e: e * (1 + 1e-4 * torch.linspace(-1, 1, e.numel()).reshape(e.shape))),
    ],
)
def test_a_cause_is_named_only_where_all_calls_confirm_it(name, wrong):
    rng = Rng(3)
    calls = [(x := rng.normal(n, n), x.square() + 1) for n in (3, 5, 4)]
    assert verdict_of_calls(lambda x: wrong(x.square() + 1), calls).diagnosis == name
    # In one call by chance: the others are wrong in another way.
    noise = iter([0.0, 1.0, 2.0])
    failure = verdict_of_calls(lambda x: wrong(x.square() + 1) + next(noise) * x.cos(), calls)
    assert failure.diagnosis != name


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda y: 5 * y, "out: 5.0 times too large, everywhere"),
        (lambda y: y + 1.5, "out: off by 1.5 everywhere"),
        (lambda y: y.clamp(-0.4, 0.4), "out: -0.4 and 0.4 where less, or more, is expected"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_value_neither_shows_nor_refutes_what_many_do(wrong, said, first):
    small, large = (torch.full((1,), 0.9).double(),) * 2, (Rng(5).normal(8),) * 2
    calls = [small, large] if first else [large, small]
    assert str(verdict_of_calls(wrong, calls)).startswith(said)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (torch.rand(5).double(), torch.full((5,), 1e-13).double()),  # any factor fits
        (Rng(6).normal(4, 3), torch.full((4, 3), 0.5).double()),  # any value is a part of it
        (torch.eye(2).double(), 1 - torch.eye(2).double()),  # the other way round for any reason
        (torch.tensor([1.0, 2, 3, 3]).double(), torch.tensor([1.0, 2, 3, 7]).double()),
    ],
)
def test_what_fits_anything_is_not_said(wrong, right):
    said = str(verdict(wrong, right))
    assert not any(word in said for word in ("times too", "slice", "reverse", "cut off"))


def test_what_is_wrong_in_part_is_told_with_where_it_is():
    x = Rng(7).normal(30)
    leaky = verdict(x.where(x > 0, x / 100), x.clamp(min=0), x)
    assert str(leaky).startswith("out: wrong exactly where x is negative: it is 0.01 · x")
    few = verdict(
        torch.tensor([-100.0, 4, -100, 5, -100, -100]), torch.tensor([-1.0, 4, -1, 5, -1, -1])
    )
    assert str(few).startswith("out: wrong in 4 of 6 values: -100 where -1 is expected")
    right = Rng(7).normal(4, 3)
    last = verdict(torch.cat([0 * right[:3], right[3:]]), right)
    said = "out: right at the last index of axis 0 only; elsewhere: 0 whatever is expected"
    assert str(last).startswith(said)


def test_what_is_left_out_and_made_up_for_elsewhere_is_told():
    right = Rng(0).normal(6, 5)
    kept = Rng(1).uniform(6, 5) > 0.3
    found = diagnose(Leaf("out", right * kept / 0.7, right), vague=False)
    assert found.summary.startswith(f"0 in {int((~kept).sum())} of 30 places, and elsewhere 1.4286")
    assert diagnose(Leaf("out", right * kept, right), vague=False) is None  # no factor
    assert diagnose(Leaf("out", right.relu() / 0.7 + 1, right), vague=False) is None


def test_a_bare_factor_comes_with_a_call_that_has_another():
    alike = [
        Leaf("rate", double(value), double(1.0), call=call)
        for value, call in ((2.0, "of f(3)"), (1.5, "of f(7)"))
    ]
    found = beside_others(diagnose(alike[0], alike[1:], vague=False), alike, False)
    assert "another factor (1.5 times too large in f(7)): what is different" in found.explanation


def test_where_it_is_wrong_is_confirmed_by_a_call_with_fewer_values():
    gammas = [torch.tensor([-1.0, 2, -3]).double(), torch.tensor([-2.0]).double()]
    calls = [(g.expand(4, g.numel()), Rng(9).normal(4, g.numel())) for g in gammas]
    right = {x.shape: y for x, y in calls}
    failure = verdict_of_calls(lambda x: right[x.shape] + (x < 0) * (1 + x.exp()), calls)
    assert str(failure).startswith("out: wrong exactly where x is negative")


def test_a_factor_has_the_name_of_a_size_where_two_calls_show_which():
    calls = [(x := Rng(n).normal(4, n), x + 1) for n in (3, 5)]
    summed = verdict_of_calls(lambda x: (x + 1) * x.shape[1], calls)
    assert "3 is the length of axis 1 of x: is a mean taken as a sum?" in str(summed)
    assert "is the length" not in str(verdict_of_calls(lambda x: (x + 1) * 3, calls[:1]))


def test_two_numbers_that_a_factor_may_be_are_both_named():
    right = Rng(8).normal(9)
    said = str(verdict(right / 4, right, sizes={"lr": 0.25, "beta": 0.75}))
    assert "0.25 is the lr: one factor too many. Or: 0.25 is 1 − beta" in said


def test_a_factor_may_be_made_of_two_numbers():
    right, given = Rng(8).normal(9), {"lr": 0.3, "decay": 0.07, "beta": 0.8, "t": 3.0}
    shrunk = str(verdict(right * (1 - 0.3 * 0.07), right, sizes=given))
    assert "0.979 is 1 − decay · lr: one factor too many" in shrunk
    corrected = str(verdict(right / (1 - 0.8**3), right, sizes=given))
    assert "0.488 is 1 − beta^t: one factor is missing" in corrected


def test_what_one_check_shows_by_chance_another_refutes():
    def notes(mine, right):
        of_check = record.start(0)
        student = LocalStudent({"f": lambda x: mine}, seconds=60.0)
        check_result(student, "f", {"x": 1}, right, "out")
        return of_check

    by_hand = torch.tensor([[3.0, 9.0, 2.0], [5.0, 6.0, 7.0]])
    right = torch.tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    large = Rng(9).normal(6, 4)
    alone = notes(by_hand, right)
    assert "right at the last index of axis 0 only" in str(explain(alone))
    refuted, _ = agree([notes(by_hand, right), notes(large.cos(), large)], [])
    assert refuted.diagnosis is None
    few = right[:1, :2]  # which alone would say nothing
    for failure in agree([notes(few * 5, few), notes(5 * large, large)], []):
        assert str(failure).startswith("out: 5.0 times too large, everywhere")


@settings(max_examples=150, deadline=None)
@given(seed=seeds, right_dtype=dtypes, mine_dtype=dtypes, shapes=st.lists(shapes, min_size=6))
def test_whatever_is_returned_is_judged(seed, right_dtype, mine_dtype, shapes):
    def tensor(shape, dtype):
        values = 3 * torch.randn(shape, generator=generator)
        odd = torch.rand(shape, generator=generator) < 0.1
        return (values.masked_fill(odd, torch.nan) if dtype.is_floating_point else values).to(dtype)

    generator = torch.Generator().manual_seed(seed)
    leaves = [
        Leaf(
            "out",
            tensor(mine, mine_dtype),
            tensor(right, right_dtype),
            {"lr": 0.5, "n": 3.0},
            {"x": tensor(right, mine_dtype), "y": tensor(mine, right_dtype)},
        )
        for mine, right in zip(shapes[::2], shapes[1::2], strict=False)
    ]
    leaves += [replace(leaf, mine=tensor(leaf.right.shape, mine_dtype)) for leaf in leaves]
    for vague in (False, True):
        for leaf in leaves:
            diagnose(leaf, [other for other in leaves if other is not leaf], vague=vague)
            diagnose(leaf, vague=vague)


def test_a_list_of_another_length_says_up_to_where_it_is_right():
    right = [0.5, 0.25, 0.125]
    x = torch.zeros(1)
    short = verdict_of_calls(lambda x: right[:2], [(x, right)])
    assert str(short).splitlines() == ["out must hold 3 values, got 2", "The first 2 are right."]
    early = verdict_of_calls(lambda x: [0.5, 7.0], [(x, right)])
    assert str(early).splitlines()[1] == "out[1] is off already: yours 7, expected 0.25"


def test_what_differs_from_call_to_call_is_said():
    count = iter(range(9))
    failure = verdict_of_calls(
        lambda x: x.sin() + next(count), [(Rng(1).normal(4), torch.ones(4))], True
    )
    assert failure.diagnosis == "second call"


@pytest.mark.parametrize(("c", "given"), [(0.0, "k=2.0 is"), (1.0, "c=0.0, k=2.0 are")])
def test_defaults_that_are_not_the_stubs_are_named(c, given):
    notes = record.start(0, defaults={"f": {"k": 2.0, "c": 0.0}})
    student = LocalStudent({"f": lambda x, k=3.0, c=c: k * x + c}, seconds=60.0)
    x = Rng(2).normal(5)
    check_result(student, "f", dict(x=x), 2 * x, "out")
    said = str(conclude(None, notes, student))
    assert said.startswith(f"out: right where {given} given, and wrong without")


def test_whole_numbers_are_no_floats():
    counts = torch.tensor([3, 1, 2])
    failure = verdict_of_calls(lambda x: counts.double(), [(torch.zeros(2), counts)])
    assert str(failure) == "out is torch.float64, expected torch.int64"


@settings(max_examples=50, deadline=None)
@given(seed=seeds, rows=sizes, columns=sizes)
def test_what_nothing_explains_is_not_explained(seed, rows, columns):
    rng = Rng(seed)
    expected, other = rng.normal(rows, columns), rng.normal(rows, columns)
    failure = verdict(other, expected, rng.normal(rows, columns), {"batch size": rows})
    assert failure.diagnosis is None
    assert "no pattern" in str(failure)


@settings(max_examples=50, deadline=None)
@given(seed=seeds, rows=sizes, scale=st.floats(-200, 200))
def test_the_right_value_passes_at_any_magnitude(seed, rows, scale):
    expected = Rng(seed).normal(rows, 3) * 10.0 ** (scale / 10)
    assert verdict(expected * (1 + 1e-12), expected) is None
    assert verdict([expected, (2.0, {"a": expected})], (expected, [2.0, {"a": expected}])) is None


@settings(max_examples=50, deadline=None)
@given(seed=seeds, rows=sizes)
def test_float32_is_judged_at_its_own_precision(seed, rows):
    expected = Rng(seed).normal(rows, 4)
    assert verdict(expected.float(), expected) is None
    assert verdict((expected.float() + 1).double() - 1, expected) is None
    assert verdict(expected.float() * 1.01, expected) is not None


def test_a_mask_that_is_missing_is_named():
    rng = Rng(1)
    mask = (rng.normal(4, 5) > 0).double()
    dout = rng.normal(4, 5)
    assert verdict(dout, dout * mask, mask).diagnosis == "missing factor:x"


def test_labels_of_a_wrong_shape_are_judged():
    labels = torch.tensor([0, 2, 1, 2])
    assert verdict(torch.zeros(3), labels).diagnosis == "shape"
    assert verdict(torch.zeros(4, 3), labels).diagnosis == "shape"


def test_swapped_outputs_are_named():
    a, b = Rng(2).normal(3, 4), Rng(3).normal(3, 4)
    assert "are they swapped?" in verdict((b, a), (a, b)).summary
    assert "out[1], which is right itself" in verdict((b, b), (a, b)).summary


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p, g, lr: p + lr * g, "params[1]: its step goes the other way"),
        (lambda p, g, lr: p - g, "params[1]: its step is 4.0 times too large"),
        (lambda p, g, lr: p - lr * lr * g, "params[1]: its step is 4.0 times too small"),
    ],
)
def test_a_step_is_told_by_where_it_began(change, said):
    first, second, gradient = Rng(4).normal(3), Rng(5).normal(2, 3), Rng(6).normal(2, 3)
    notes = record.start(0)
    names = {"f": lambda params, lr: [params[0], change(params[1], gradient, lr)]}
    student = LocalStudent(names, seconds=60.0)
    inputs = dict(params=[first, second], lr=0.25)
    check_result(student, "f", inputs, [first, second - 0.25 * gradient], "params")
    assert str(explain(notes)).startswith(said)


def test_a_number_is_told_by_all_calls_that_show_it():
    notes = record.start(0)
    student = LocalStudent({"f": lambda t, k: 8 * k ** (t + 1)}, seconds=60.0)
    for t, k in ((1, 0.5), (2, 0.5), (1, 2.0)):
        check_result(student, "f", dict(t=t, k=k), 8 * k**t, "rate")
    assert "0.5 is k: one factor too many." in str(explain(notes))


@pytest.mark.parametrize(
    "value", [None, "text", object(), [1.0], {"a": 1}, torch.zeros(0), torch.zeros(3, 4) * 1j]
)
def test_what_is_no_tensor_of_the_shape_fails_with_a_reason(value):
    failure = verdict(value, Rng(4).normal(3, 4))
    assert failure.diagnosis in ("structure", "shape", "complex")
    assert "out" in str(failure)


@pytest.mark.parametrize(
    ("slip", "advice"),
    [
        (lambda x: x @ torch.zeros(2), "dtype=x.dtype"),
        (lambda x: x @ torch.zeros(2, 1), "dtype=x.dtype"),
        (lambda x: x @ torch.zeros(2, dtype=torch.int64), "integers"),
        (lambda x: 1 if x > 0 else 0, "torch.where"),
        (lambda x: None + x, "is None here"),
        (lambda x: torch.exp(2.0), "math"),
        (lambda x: math.exp(x), "torch's functions"),
        (lambda x: (x > 0).mean(), "floats"),
        (lambda x: x - x.max(1), "amax"),
        (lambda x: x - x.sum(1), "look at both"),
        (lambda x: x @ x, ""),
    ],
)
def test_what_torch_says_of_a_common_slip_comes_with_advice(slip, advice):
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        slip(torch.ones(3, 2).double())
    found = hint(str(caught.value))
    assert advice in found
    assert bool(advice) == bool(found)


@pytest.mark.parametrize("value", [1e300, -torch.inf, torch.nan])
def test_only_an_infinity_is_right_where_one_is_expected(value):
    right = torch.tensor([1.0, torch.inf], dtype=torch.float64)
    wrong = torch.tensor([1.0, value], dtype=torch.float64)
    assert verdict_of_calls(lambda x: right.clone(), [(right, right)]) is None
    assert verdict_of_calls(lambda x: wrong, [(right, right)]) is not None


ODD = ["uint16", "uint32", "uint64", "float8_e5m2", "float8_e4m3fn", "int8", "bool", "bfloat16"]


@pytest.mark.parametrize("dtype", ODD)
def test_a_value_of_any_type_is_judged(dtype):
    right = torch.tensor([2.0, 3.0, 4.0, 6.0], dtype=torch.float64)
    wrong = torch.ones(4).to(getattr(torch, dtype))
    assert "out" in str(verdict_of_calls(lambda x: wrong, [(right, right)]))


def test_what_is_far_too_large_is_not_looked_at():
    right = torch.tensor([2.0, 3.0], dtype=torch.float64)
    large = torch.ones(3_000_000, dtype=torch.uint8)
    failure = str(verdict_of_calls(lambda x: large, [(right, right)]))
    assert failure == "out: shape (3000000,), expected (2,)"
