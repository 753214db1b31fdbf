"""The audit of the hidden tests: its cases, its mutants, and that it fails when it should."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cosmic_ray.mutating import mutate_code
from gradus.audit.cases import CaseError, compose, load_cases
from gradus.audit.mutants import mutants
from gradus.audit.operators import OPERATORS

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
    assert str(error.value).startswith(f"{tmp_path / 'cases.py'}:2: ")


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
