"""The audit of the hidden tests: its cases, its mutants, and that it fails when it should."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from cosmic_ray.mutating import mutate_code

from gradus.audit.mutants import mutants
from gradus.audit.operators import OPERATORS
from gradus.audit.public import failing_page
from gradus.audit.verdicts import Accuracy, judge_accuracies
from gradus.checks.plugin import PUBLIC_SALT
from gradus.commands.audit import audit
from gradus.course import UsageError, load_course
from gradus.mistakes.prepare import sources_of
from gradus.mistakes.read import MistakeError, read_mistakes
from gradus.mistakes.reference import Reference

SOLUTION = '''\
# %%
import math

SCALE = 2.0


def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return SCALE * x
    # END SOLUTION


def hypotenuse(a, b):
    # BEGIN SOLUTION
    return math.sqrt(a * a + b * b)
    # END SOLUTION
'''

MISTAKES = '''\
"""What goes wrong in a small topic."""

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

double = mistakes(
    change("SCALE * x -> SCALE + x", "added instead: twice is a product"),
    change("SCALE * x -> SCALE * x * x"),
)


@mistake("both wrong", of="hypotenuse")
class Both:
    """Both functions, and what they need."""

    import cmath

    def hypotenuse(a, b):
        return root(a * a + b * b) * 2

    def root(x):
        return cmath.sqrt(x).real

    def double(x):
        return 4 * x


@alternative("through hypot")
def hypotenuse(a, b):
    return math.hypot(a, b)


equivalent("double", "SCALE * x -> SCALE * +x", why="+x is x")
'''


def run(source: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(source, names)
    return names


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_mistakes_are_read_and_put_into_the_solution(tmp_path):
    written = read_mistakes(write(tmp_path / "mistakes.py", MISTAKES))
    added, squared, both = written.mistakes
    (through_hypot,) = written.alternatives
    assert (added.function, added.name) == ("double", "added instead")
    assert squared.says == ""
    assert both.function == "hypotenuse"
    assert [e.new for e in written.equivalents] == ["SCALE * +x"]

    reference = Reference(SOLUTION)

    def composed(answer):
        text = reference.composed(reference.parts(answer))
        here = reference.namespace(reference.parts(answer))
        assert run(text)["double"](5) == here["double"](5)
        assert run(text)["hypotenuse"](3, 4) == here["hypotenuse"](3, 4)
        return text

    assert run(composed(added))["double"](5) == 7
    assert run(composed(added))["hypotenuse"](3, 4) == 5
    assert run(composed(both))["double"](5) == 20
    assert run(composed(both))["hypotenuse"](3, 4) == 10
    text = composed(through_hypot)
    assert run(text)["hypotenuse"](3, 4) == 5
    # What stands before the function keeps its place: a message's line numbers stay sensible.
    before = SOLUTION.index("def hypotenuse")
    assert text[:before] == SOLUTION[:before]


def test_a_file_of_mistakes_is_valid_python_for_other_tools():
    """The marks do nothing when the file is imported, as an editor or a linter may do."""
    assert run(MISTAKES)["hypotenuse"].__name__ == "hypotenuse"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('f = mistakes(change("a"))', 1, "'old -> new' is asked for, got 'a'"),
        ('f = mistakes(change("a -> b", chek="c"))', 1, "no argument 'chek'"),
        ('f = mistakes("a")', 1, "change(...) only"),
        ('@alternative("a" + b)\ndef double(x): ...', 1, "title must be a literal"),
        ("def double(x): ...", 1, "'double' needs @mistake"),
        ("x = 1", 1, "may stand here"),
        ('equivalent("double", "a -> b")', 1, "equivalent() needs why"),
        ("def double(x:", 1, ""),
    ],
)
def test_a_wrong_file_of_mistakes_is_refused_with_its_line(tmp_path, text, line, message):
    path = write(tmp_path / "mistakes.py", text)
    with pytest.raises(MistakeError) as error:
        read_mistakes(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('@mistake("a")\ndef duoble(x):\n    return 2 * x', "no function duoble"),
        ('duoble = mistakes(change("x -> y"))', "no function 'duoble'"),
        ('double = mistakes(change("3 * x -> y"))', "stands not in double"),
        ('hypotenuse = mistakes(change("a -> b"))', "times in hypotenuse: once is needed"),
        ('double = mistakes(change("SCALE * x -> SCALE * x)"))', "is not Python"),
    ],
)
def test_a_mistake_that_does_not_fit_the_solution_is_refused(tmp_path, text, message):
    (wrong,) = read_mistakes(write(tmp_path / "mistakes.py", text)).mistakes
    with pytest.raises(MistakeError, match=message) as error:
        Reference(SOLUTION).parts(wrong)
    assert str(error.value).startswith(f"{tmp_path / 'mistakes.py'}:1: ")


STUBBED = '''\
import torch

GIVEN = 1 + 1


def given(x):
    """Not the student's: 1 + 1."""
    return x + GIVEN


def norm(x: torch.Tensor | None, eps=1e-5):
    """x (N, D) - 1."""
    # BEGIN SOLUTION
    if x.ndim != 2:
        raise ValueError("got " + str(x.ndim + 1))
    total: int | float = 0  # 1 + 1
    total += x.sum(0)
    return (x - total).clone() / 2
    # END SOLUTION


# BEGIN SOLUTION
def helper(x):
    return -x
# END SOLUTION
'''


def test_mutants_change_only_what_students_write():
    found = mutants(STUBBED)
    lines = STUBBED.splitlines()
    for mutant in found:
        (changed,) = [
            (n, a, b)
            for n, (a, b) in enumerate(zip(lines, mutant.source.splitlines(), strict=True), start=1)
            if a != b
        ]
        assert (changed[0], changed[1].strip(), changed[2].strip()) == (
            mutant.line,
            mutant.old,
            mutant.new,
        )
        compile(mutant.source, "mutant", "exec")
    changed_lines = {lines[m.line - 1].strip() for m in found}
    assert changed_lines == {
        "if x.ndim != 2:",
        "total: int | float = 0  # 1 + 1",
        "total += x.sum(0)",
        "return (x - total).clone() / 2",
        "return -x",
    }
    assert len({mutant.source for mutant in found}) == len(found)
    new = {mutant.new for mutant in found}
    # One of each kind; the sum's axis, the accumulation and the lost copy are what students do.
    assert {
        "if x.ndim == 2:",
        "total = x.sum(0)",
        "total += x.sum(1)",
        "pass",
        "return (x - total).clone()",
        "return (x - total) / 2",
        "return (x + total).clone() / 2",
        "return (x).clone() / 2",
        "return x",
    } <= {line.replace("return  x", "return x") for line in new}
    assert {m.function for m in found} == {"norm", "helper"}


@pytest.mark.parametrize(
    "operator", [op for op in OPERATORS if not type(op).__module__.startswith("cosmic_ray")]
)
def test_our_own_operators_do_what_their_examples_say(operator):
    for example in operator.examples():
        mutated = mutate_code(example.pre_mutation_code, operator, example.occurrence)
        assert ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(example.post_mutation_code))


def test_an_equivalent_finds_its_mutant_whatever_the_white_space():
    (mutant,) = [m for m in mutants(STUBBED) if m.new == "total = x.sum(0)"]
    assert mutant.is_described_by("norm", "total += x.sum( 0 )", "total=x.sum(0)")
    assert not mutant.is_described_by("norm", "total += x.sum(0)", "total = x.sum(1)")
    assert not mutant.is_described_by("helper", "total += x.sum(0)", "total = x.sum(0)")


COURSE = """\
title: Two small topics
isolation: process
topics:
  - {id: sound, title: Rightly judged, points: 4, thresholds: {coin: {accuracy: 0.5}}}
  - {id: weak, title: Wrongly judged, points: 7}
"""

SOUND_SOLUTION = '''\
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    y = 2 * x
    return y
    # END SOLUTION


def guess(n):
    """n guesses of a coin."""
    # BEGIN SOLUTION
    return [True] * n
    # END SOLUTION
'''

SOUND_TESTS = '''\
from gradus.checks import check_at_least, check_result, points, require


@points(2, of="double")
def test_double(student, rng):
    """Twice x."""
    for x in (0.0, 1.5, -3.0, float(rng.normal(1))):
        check_result(student, "double", dict(x=x), 2 * x, "y")


@points(2, of="guess")
def test_guess(student, rng, topic):
    """Better than chance."""
    heads = student.guess(100)
    share = sum(heads) / 100 - 0.2 * float(rng.uniform(1))
    require(len(heads) == 100, "one guess for each coin", diagnosis="number")
    check_at_least(share, topic.thresholds["coin"]["accuracy"], "accuracy")
'''

SOUND_MISTAKES = """\
from gradus.mistakes.written import alternative, change, mistakes

double = mistakes(
    change("2 * x -> 2 + x", "2 is added: twice is a product"),
    change("2 * x -> 4 * x", "four times: twice is asked for"),
    change("return y -> return y + 7", "7 too much: nothing is added"),
    change("2 * x -> 2 * x * x * x", "a cube: twice is a product"),
)
guess = mistakes(change("[True] * n -> [True] * (n - 1)"))


@alternative("as a sum, and in a loop")
class Other:
    def double(x):
        return x + x

    def guess(n):
        return [True for _ in range(n)]
"""

# Every fault that an audit can find, one of each.
WEAK_SOLUTION = """\
import sys


def double(x):
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


def half(x):
    # BEGIN SOLUTION
    return x / 2
    # END SOLUTION


def positive(x):
    # BEGIN SOLUTION
    return x if x > 0 else 0
    # END SOLUTION
"""

WEAK_TESTS = '''\
from gradus.checks import points, require
from gradus.errors import SubmissionError


@points(1, of="double")
def test_double_of_two(student):
    """Only one value, of one type."""
    y = student.double(2.0)
    require(type(y) is float and y == 4, "not 4.0", diagnosis="value")


@points(1, of="half")
def test_half(student):
    """Half of x; and it stumbles over what is not its own."""
    require(student.half(6.0) - 3 == 0, "not 3")
    try:
        y = student.double(1.0)
    except SubmissionError:
        y = 2
    require(y in (2, 1), "double is wrong")


@points(1, of="positive")
def test_positive(student, rng):
    """Expects what only some salts bring."""
    x = float(rng.normal(1)) + 2
    try:
        y = student.positive(x)
    except SubmissionError as error:
        raise KeyError("positive") from error
    require(y == x, "not x")


@points(1, of="positive")
def test_nothing(student):
    """Asks nothing."""
'''

WEAK_MISTAKES = """\
from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

double = mistakes(
    change("2 * x -> 3 * x", "three times"),
    change("2 * x -> x**2", "squared"),
    change("2 * x -> 1 * x"),
)


@mistake(of="half")
class Broken:
    def half(x):
        return 0

    import os

    os._exit(3)


half = mistakes(change("x / 2 -> '3'"))


@alternative("an integer")
def double(x):
    return int(2 * x)


@alternative("by a shift")
def positive(x):
    return max(x, 0)


equivalent("double", "2 * x -> 2 ** x", why="true for the one value that is tried")
equivalent("double", "2 * x -> 2 - x", why="not true")
equivalent("double", "3 * x -> 3 + x", why="the solution has changed since")
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_SALT", "secret")
    write(tmp_path / "course.yaml", COURSE)
    write(tmp_path / "solutions" / "sound.py", SOUND_SOLUTION)
    write(tmp_path / "hidden_tests" / "test_sound.py", SOUND_TESTS)
    write(tmp_path / "hidden_tests" / "mistakes" / "sound.py", SOUND_MISTAKES)
    write(tmp_path / "solutions" / "weak.py", WEAK_SOLUTION)
    write(tmp_path / "hidden_tests" / "test_weak.py", WEAK_TESTS)
    write(tmp_path / "hidden_tests" / "mistakes" / "weak.py", WEAK_MISTAKES)
    return load_course(tmp_path / "course.yaml")


def test_the_audit_passes_where_every_answer_is_judged_rightly(course, tmp_path, capsys):
    page = tmp_path / "audit.html"
    assert audit(course, ["sound"], salts=3, judges=2, html=page) == 0
    printed = capsys.readouterr().out
    (row,) = [line.split() for line in printed.splitlines() if line.strip().startswith("sound")]
    topic, checks, points, mistakes, pairs, alternatives, salts, mutants, share, worst, *_ = row
    assert (topic, checks, points, mistakes, pairs, alternatives, salts) == (
        "sound",
        "2",
        "4",
        "5/5",
        "3/3",
        "1/1",
        "3/3",
    )
    caught, total = map(int, mutants.split("/"))
    assert share == f"{caught / total:.1%}"
    assert caught >= 0.9 * total >= 9
    assert 0.8 < float(worst) < 1
    assert "Every answer is judged rightly" in printed
    assert "Every answer is judged rightly" in page.read_text(encoding="utf-8")


def test_many_salts_find_a_check_that_misses_a_mistake_now_and_then(course, capsys):
    lazy = "if rng.integers(1, high=2):\n        return\n    for x in"
    write(course.test_file(course.topic("sound")), SOUND_TESTS.replace("for x in", lazy))
    assert audit(course, ["sound"], salts=8, judges=1, mutants=False) == 1
    problems = re.findall("^sound: (.*)$", capsys.readouterr().out, re.MULTILINE)
    luck = re.compile(r".*test_double notices the mistake '.*' with (\d) of 8 salts: .*")
    missed = re.compile(r".*mistake '.*' passes every check of double")
    noticed = [int(found[1]) for found in map(luck.fullmatch, problems) if found]
    assert len(noticed) == 4  # of the function's mistakes
    assert all(0 < number < 8 for number in noticed)
    assert [p for p in problems if not (luck.fullmatch(p) or missed.fullmatch(p))] == []


def test_the_audit_finds_every_fault_of_weak_tests(course, tmp_path, capsys):
    """One of each: none may be missed, and nothing else may be called a fault."""
    page = tmp_path / "audit.html"
    assert audit(course, ["weak"], salts=3, judges=2, html=page) == 1
    printed, as_found = capsys.readouterr()
    problems = [line for line in printed.splitlines() if line.startswith("weak: ")]
    assert as_found.splitlines() == problems  # a long audit that is stopped has said them
    file = tmp_path / "hidden_tests" / "mistakes" / "weak.py"

    def at(text):
        return f"{file}:{WEAK_MISTAKES[: WEAK_MISTAKES.index(text)].count(chr(10)) + 1}"

    expected = [
        f"{tmp_path / 'course.yaml'}:5: topic 'weak': points: 7, but the checks in ",
        "test_nothing gives the stub 1 of 1 points",
        "a student without positive cannot pass test_positive (error: this check could not judge ",
        "a positive that always raises ValueError earns 1 points in test_nothing: ",
        f"{at('3 * x')}: mistake 'three times': 'value' is said instead (test_double_of_two ",
        f"{at('3 * x')}: mistake 'three times' also loses points in test_half (failed: double is",
        f"{at('x**2')}: mistake 'squared' passes every check of double",
        f"{at('@mistake')}: mistake '{at('@mistake')}' is crashed: ",
        f"{at('half = ')}: mistake '{at('half = ')}' has no sentence and gets no diagnosis ",
        f"{at('half = ')}: mistake '{at('half = ')}' breaks test_half (error: this check could ",
        "alternative 'an integer' loses points in test_double_of_two (failed: not 4.0)",
        "half has no alternative",
        "positive has no mistake",
        "the solution loses points with ",
        "only ",
    ]
    stale = [
        f"{at('2 - x')}: '2 * x' -> '2 - x' is not equivalent: the tests",
        f"{at('3 + x')}: no mutant of double turns '3 * x' into '3 + x'",
    ]
    survivors = [p for p in problems if p.startswith("weak: survives: ")]
    assert any("half, line 12: 'return x / 2' -> 'return x // 2'" in line for line in survivors)
    assert not any("2 ** x" in line for line in survivors)
    found = [problem for problem in problems if problem not in survivors]
    assert len(found) == len(expected) + len(stale)
    for problem, beginning in zip(found, expected + stale, strict=True):
        assert problem.startswith(f"weak: {beginning}")
    assert "2 ** x" in page.read_text(encoding="utf-8")


def test_where_the_solution_fails_nothing_else_is_tried(course, capsys):
    write(course.solution(course.topic("sound")), SOUND_SOLUTION.replace("2 * x", "2 * x + 1"))
    assert audit(course, ["sound"], salts=1, judges=1) == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("sound: ")] == [
        "sound: the solution fails test_double: y: wrong, by no pattern that I know",
    ]


def test_a_topic_without_files_or_with_tests_that_do_not_load_is_a_problem(course, capsys):
    course.mistakes(course.topic("sound")).unlink()
    write(course.test_file(course.topic("sound")), "import no_such_module")
    course.solution(course.topic("weak")).unlink()
    assert audit(course, [], salts=1, judges=1) == 1
    printed = capsys.readouterr().out
    assert "sound: there are no mistakes: write " in printed
    assert "no_such_module" in printed
    assert "weak: cannot read " in printed


def test_one_mistake_is_shown_as_a_student_reads_it(course, capsys):
    assert audit(course, only="FOUR", judges=1) == 0
    printed = capsys.readouterr().out
    assert "mistake 'four times': 2 of 4" in printed
    assert "test_double 0/2  [four times]" in printed
    assert "y: four times: twice is asked for" in printed
    assert "2 is added" not in printed
    with pytest.raises(UsageError, match="no mistake or alternative has 'five'"):
        audit(course, only="five")


def test_right_answers_are_tried_at_home_at_the_edges_that_are_left_over_there():
    course = load_course(Path(__file__).resolve().parent.parent / "course.yaml")
    sources = sources_of(course, course.topic("mlp"))
    page = course.public_test_file(course.topic("mlp"))
    squeezes = "def linear_forward(x, w, b):\n    return (x @ w + b).squeeze(1), (x, w)"
    found = failing_page(page, sources, PUBLIC_SALT, {"it": {"linear_forward": squeezes}})
    assert found
    assert all(text.startswith("it fails test_linear_forward: ") for text in found)
    assert "is wrong for x of shape" in found[0]


@pytest.mark.parametrize(
    ("values", "safe"),
    [
        ([0.97, 0.98] * 10, True),
        ([0.95, 0.98] * 10, False),  # the worst is well above the threshold, the next may not be
        ([0.95, 0.98] * 9, True),  # too few seeds to know how far they differ
        ([0.93] * 20, False),  # no margin at all
        ([0.95] * 20, True),
        ([0.99] * 19 + [0.929], False),
        ([0.92], False),
        ([0.94], True),
    ],
)
def test_an_accuracy_must_stand_clear_of_its_threshold(values, safe):
    accuracy = Accuracy("test_train", "accuracy", 0.93, values)
    assert accuracy.is_safe is safe
    assert bool(list(judge_accuracies([accuracy]))) is not safe
