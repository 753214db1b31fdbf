"""The audit of the hidden tests: its cases, its mutants, and that it fails when it should."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from cosmic_ray.mutating import mutate_code

from gradus.audit.cases import CaseError, compose, load_cases
from gradus.audit.command import audit
from gradus.audit.mutants import mutants
from gradus.audit.operators import OPERATORS
from gradus.audit.verdicts import Accuracy, judge_accuracies
from gradus.course import UsageError, load_course

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

CASES = '''\
"""Cases of a small topic."""

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("added instead", check="test_double", diagnosis="scale")
def double(x):
    """Wrong."""
    return SCALE + x


@mistake(
    "both wrong",
    check=("test_double", "test_hypotenuse"),
    diagnosis="scale:2",
)
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


equivalent("double", "return SCALE * x", "return SCALE * +x", why="+x is x")
'''


def run(source: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(source, names)
    return names


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_cases_are_read_and_put_into_the_solution(tmp_path):
    cases = load_cases(write(tmp_path / "cases.py", CASES))
    added, both = cases.mistakes
    (through_hypot,) = cases.alternatives

    assert (added.title, added.checks, added.diagnosis) == (
        "added instead",
        ("test_double",),
        "scale",
    )
    assert both.checks == ("test_double", "test_hypotenuse")
    assert [e.new for e in cases.equivalents] == ["return SCALE * +x"]

    assert run(compose(SOLUTION, added))["double"](5) == 7
    assert run(compose(SOLUTION, added))["hypotenuse"](3, 4) == 5
    assert run(compose(SOLUTION, both))["double"](5) == 20
    assert run(compose(SOLUTION, both))["hypotenuse"](3, 4) == 10
    composed = compose(SOLUTION, through_hypot)
    assert run(composed)["hypotenuse"](3, 4) == 5
    # What stands before the function keeps its place: a message's line numbers stay sensible.
    before = SOLUTION.index("def hypotenuse")
    assert composed[:before] == SOLUTION[:before]


def test_a_file_of_cases_is_valid_python_for_other_tools():
    """The decorators do nothing when the file is imported, as an editor or a linter may do."""
    assert run(CASES)["hypotenuse"].__name__ == "hypotenuse"


def test_a_case_without_a_colon_accepts_every_diagnosis_of_its_kind(tmp_path):
    kind, exact = load_cases(write(tmp_path / "cases.py", CASES)).mistakes
    assert kind.explains("scale:2")
    assert kind.explains("scale")
    assert not kind.explains("scaled:2")
    assert not kind.explains(None)
    assert exact.explains("scale:2")
    assert not exact.explains("scale:3")
    assert not exact.explains("scale")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('@mistake("a")\ndef double(x): ...', 1, "mistake() needs check="),
        ('@mistake("a", check="", diagnosis="b")\ndef double(x): ...', 1, "check must be"),
        ('@mistake("a", chek="b")\ndef double(x): ...', 1, "no argument 'chek'"),
        ('@alternative("a" + b)\ndef double(x): ...', 1, "title must be a literal"),
        ("def double(x): ...", 1, "'double' needs one of @mistake"),
        ("x = 1", 1, "only imports, cases and equivalent"),
        ('equivalent("double", "a", "b")', 1, "equivalent() needs why="),
        (
            '@alternative("a")\ndef double(x): ...\n\n@alternative("a")\ndef double(x): ...',
            4,
            "there is another case called 'a'",
        ),
        ("def double(x:", 1, ""),
    ],
)
def test_a_wrong_file_of_cases_is_refused_with_its_line(tmp_path, text, line, message):
    path = write(tmp_path / "cases.py", text)
    with pytest.raises(CaseError) as error:
        load_cases(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('@alternative("a")\ndef duoble(x):\n    return 2 * x', "no function 'duoble'"),
        (
            '@alternative("a")\nclass A:\n'
            "    def double(x):\n        return 2 * x\n"
            "    def hypotenus(a, b):\n        return 1",
            "'hypotenus' is neither in the solution nor used",
        ),
    ],
)
def test_a_case_that_does_not_fit_the_solution_is_refused(tmp_path, text, message):
    (case,) = load_cases(write(tmp_path / "cases.py", text)).alternatives
    with pytest.raises(CaseError, match=message) as error:
        compose(SOLUTION, case)
    assert str(error.value).startswith(f"{tmp_path / 'cases.py'}:1: ")


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
from gradus.checks import check_at_least, points, require


@points(2, of="double")
def test_double(student, rng):
    """Twice x."""
    for x in (0.0, 1.5, -3.0, float(rng.normal(1))):
        y = student.double(x)
        require(y != x + 2, "2 was added", diagnosis="added")
        require(y != 4 * x or not x, "too large", diagnosis="scale:2")
        require(y == 2 * x, "not twice x")


@points(2, of="guess")
def test_guess(student, rng, topic):
    """Better than chance."""
    heads = student.guess(100)
    share = sum(heads) / 100 - 0.2 * float(rng.uniform(1))
    require(len(heads) == 100, "one guess for each coin")
    check_at_least(share, topic.thresholds["coin"]["accuracy"], "accuracy")
'''

SOUND_CASES = """\
from gradus.audit.cases import alternative, mistake


@mistake("2 added", check="test_double", diagnosis="added")
def double(x):
    return x + 2


@mistake("four times", check="test_double", diagnosis="scale")
def double(x):
    return 4 * x


@alternative("as a sum")
def double(x):
    return x + x
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

WEAK_CASES = """\
from gradus.audit.cases import alternative, equivalent, mistake


@mistake("squared", check="test_double_of_two")
def double(x):
    return x**2


@mistake("three", check="test_double_of_two", diagnosis="scale:3/2")
def double(x):
    return 3 * x


@mistake("about another check", check="test_doubel")
def double(x):
    return 0.0 * x + 2


@mistake("does not load", check="test_half")
class Broken:
    def half(x):
        return 0

    import os

    os._exit(3)


@mistake("text", check="test_half")
def half(x):
    return "3"


@alternative("an integer")
def double(x):
    return int(2 * x)


equivalent("double", "return 2 * x", "return 2 ** x", why="true for the one value that is tried")
equivalent("double", "return 2 * x", "return 2 - x", why="not true")
equivalent("double", "return 3 * x", "return 3 + x", why="the solution has changed since")
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_SALT", "secret")
    write(tmp_path / "course.yaml", COURSE)
    write(tmp_path / "solutions" / "sound.py", SOUND_SOLUTION)
    write(tmp_path / "hidden_tests" / "test_sound.py", SOUND_TESTS)
    write(tmp_path / "hidden_tests" / "cases" / "sound.py", SOUND_CASES)
    write(tmp_path / "solutions" / "weak.py", WEAK_SOLUTION)
    write(tmp_path / "hidden_tests" / "test_weak.py", WEAK_TESTS)
    write(tmp_path / "hidden_tests" / "cases" / "weak.py", WEAK_CASES)
    return load_course(tmp_path / "course.yaml")


def test_the_audit_passes_where_every_answer_is_judged_rightly(course, tmp_path, capsys):
    page = tmp_path / "audit.html"
    assert audit(course, ["sound"], salts=3, workers=2, html=page) == 0
    printed = capsys.readouterr().out
    (row,) = [line.split() for line in printed.splitlines() if line.strip().startswith("sound")]
    topic, checks, points, mistakes, alternatives, salts, mutants, share, worst, *_ = row
    assert (topic, checks, points, mistakes, alternatives, salts) == (
        "sound",
        "2",
        "4",
        "2/2",
        "1/1",
        "3/3",
    )
    caught, total = map(int, mutants.split("/"))
    assert share == f"{caught / total:.1%}"
    assert caught >= 0.9 * total >= 9
    assert 0.8 < float(worst) < 1
    assert "Every answer is judged rightly" in printed
    assert "Every answer is judged rightly" in page.read_text(encoding="utf-8")


def test_many_rounds_find_a_check_that_misses_a_mistake_now_and_then(course, capsys):
    lazy = "if rng.integers(1, high=2):\n        return\n    for x in"
    write(course.test_file(course.topic("sound")), SOUND_TESTS.replace("for x in", lazy))
    assert audit(course, ["sound"], salts=1, rounds=8, workers=1, mutants=False) == 1
    problems = re.findall("^sound: (.*)$", capsys.readouterr().out, re.MULTILINE)
    missed = re.compile(r"mistake '.*' passes test_double(, with the salt 'audit-\d')?")
    assert [problem for problem in problems if not missed.fullmatch(problem)] == []
    assert 2 <= len(problems) < 2 * 8  # two mistakes, with those secrets that end the check early
    assert any("with the salt" in problem for problem in problems)


def test_the_audit_finds_every_fault_of_weak_tests(course, tmp_path, capsys):
    """One of each: none may be missed, and nothing else may be called a fault."""
    page = tmp_path / "audit.html"
    assert audit(course, ["weak"], salts=3, workers=2, html=page) == 1
    printed = capsys.readouterr().out
    problems = [line for line in printed.splitlines() if line.startswith("weak: ")]
    cases = tmp_path / "hidden_tests" / "cases" / "weak.py"

    def at(text):
        return f"{cases}:{WEAK_CASES[: WEAK_CASES.index(text)].count(chr(10)) + 1}"

    expected = [
        f"{tmp_path / 'course.yaml'}:5: topic 'weak': points: 7, but the checks in ",
        "test_nothing gives the stub 1 of 1 points",
        "a student without positive cannot pass test_positive (error: this check could not judge ",
        "mistake 'squared' passes test_double_of_two",
        "mistake 'three': test_double_of_two gave 'value', expected 'scale:3/2' (failed: not 4.0)",
        "mistake 'three' also loses points in test_half (failed: double is wrong)",
        f"{at('about another')}: mistake 'about another check' is about test_doubel, which is",
        "mistake 'does not load' is crashed: ",
        "mistake 'text' breaks test_half (error: this check could not judge ",
        "alternative 'an integer' loses points in test_double_of_two (failed: not 4.0)",
        "the solution loses points with ",
        "only ",
    ]
    stale = [
        f"{at('2 - x')}: 'return 2 * x' -> 'return 2 - x' is not equivalent: the tests catch it",
        f"{at('3 + x')}: no mutant of double turns 'return 3 * x' into 'return 3 + x'",
    ]
    survivors = [p for p in problems if p.startswith("weak: survives: ")]
    assert any("half, line 12: 'return x / 2' -> 'return x // 2'" in line for line in survivors)
    assert not any("2 ** x" in line for line in survivors)
    found = [problem for problem in problems if problem not in survivors]
    assert len(found) == len(expected) + len(stale)
    for problem, beginning in zip(found, expected + stale, strict=True):
        assert problem.startswith(f"weak: {beginning}")
    assert "return 2 ** x" in page.read_text(encoding="utf-8")


def test_where_the_solution_fails_nothing_else_is_tried(course, capsys):
    write(course.solution(course.topic("sound")), SOUND_SOLUTION.replace("2 * x", "2 * x + 1"))
    assert audit(course, ["sound"], salts=1, workers=1) == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("sound: ")] == [
        "sound: the solution loses points in test_double (failed: not twice x)",
        "sound: without a solution that passes, nothing else is tried",
    ]


def test_a_topic_without_files_or_with_tests_that_do_not_load_is_a_problem(course, capsys):
    course.cases(course.topic("sound")).unlink()
    write(course.test_file(course.topic("sound")), "import no_such_module")
    course.solution(course.topic("weak")).unlink()
    assert audit(course, [], salts=1, workers=1) == 1
    printed = capsys.readouterr().out
    assert "sound: there are no cases: write " in printed
    assert "no_such_module" in printed
    assert "weak: there is no " in printed


def test_one_case_is_shown_as_a_student_reads_it(course, capsys):
    assert audit(course, only="FOUR", workers=1) == 0
    printed = capsys.readouterr().out
    assert "mistake 'four times': 2 of 4" in printed
    assert "test_double 0/2  [scale:2]" in printed
    assert "too large" in printed
    assert "2 added" not in printed
    with pytest.raises(UsageError, match="no case has 'five'"):
        audit(course, only="five")


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
