"""A course of two functions, for the tests of the tools that grade it."""

from __future__ import annotations

from pathlib import Path

import nbformat

from gradus.checks.session import list_checks
from gradus.course import Course, load_course
from gradus.files import write_tree
from gradus.jobs import Job
from gradus.release.student import student_files
from gradus.solution import Solution

COURSE = """
title: Two functions
isolation: process
limits: {check_seconds: 4, submission_seconds: 20}
nbgrader: {roster: roster.csv}
topics:
  - {id: tiny, title: Tiny, points: 10, forbid: [torch.dot]}
"""
ROSTER = "id,first_name,last_name,email\nhonest,Ada,Lovelace,ada@example.org\n"
SOLUTION = '''# %% [markdown]
# # Two functions
#
# Seven times $x$, and the sum of products.

# %%
import torch


# %%
def times(x):
    """Seven times x, of any shape."""
    # BEGIN SOLUTION
    return factor() * x
    # END SOLUTION


def dot(x, y):
    """The sum of x · y, both (N,)."""
    # BEGIN SOLUTION
    return (x * y).sum()
    # END SOLUTION


def factor():
    return 7
'''
TESTS = '''
import pytest
import torch

from gradus.checks import CheckFailed, call, check_values, points


@pytest.mark.public
@points(3, of="times")
def test_times(student, rng):
    """The values agree."""
    x = rng.normal(3)
    check_values(call(student, "times", x), 7 * x, "out")


@pytest.mark.visibility("hidden")
@points(2, of="times")
def test_times_secretly(student, rng):
    """A title that no student should read."""
    x = rng.normal(2, 3)
    check_values(call(student, "times", x), 7 * x, "out")


@points(5, of="dot")
def test_dot(student, rng):
    """The sum, or two fifths for its opposite."""
    x, y = rng.normal(4), rng.normal(4)
    value = call(student, "dot", x, y)
    if torch.allclose(value, -(x @ y)):
        raise CheckFailed("the sign is wrong", diagnosis="sign", credit=0.4)
    check_values(value, x @ y, "out")
'''
MISTAKES = """
from gradus.mistakes.written import change, mistakes

times = mistakes(
    change("factor() * x -> x / factor()", "divided by seven"),
    change("factor() * x -> factor() + x", "seven is added: it is multiplied by"),
)
"""
STUB = Solution(SOLUTION).stub()
HALF = SOLUTION.replace("factor() * x", "x / factor()").replace("(x * y).sum()", "-(x * y).sum()")
FORBIDDEN = SOLUTION.replace("(x * y).sum()", "torch.dot(x, y)")


def make_course(root: Path) -> Course:
    files = {
        "course.yaml": COURSE,
        "roster.csv": ROSTER,
        "solutions/tiny.py": SOLUTION,
        "hidden_tests/test_tiny.py": TESTS,
        "hidden_tests/mistakes/tiny.py": MISTAKES,
    }
    write_tree(root, {name: text.encode() for name, text in files.items()})
    return load_course(root / "course.yaml")


def bundle(course: Course, make, **options) -> dict[str, bytes]:
    topic = course.topics[0]
    checks = list_checks(course.test_file(topic))
    return make(course, topic, checks, student_files(course, topic, checks), **options)


def notebook(*cells: str) -> bytes:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    return nbformat.writes(made).encode()


def job(name: str, source: str | bytes) -> Job:
    kind, data = ("py", source.encode()) if isinstance(source, str) else ("ipynb", source)
    return Job(name, f"{name}.{kind}", data)


def cells(text: str) -> list[str]:
    return text.split("# %%\n")[1:]
