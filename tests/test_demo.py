"""`gradus demo`, on a course of one small topic; and the class that the shipped course makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.commands.demo import demo, example_class
from gradus.course import UsageError, find_course, load_course
from gradus.results import Result

COURSE = """
title: A small course
isolation: namespaces
limits: {check_seconds: 2, submission_seconds: 10}
topics:
  - {id: bare, title: Without mistakes, points: 1}
  - {id: tiny, title: Tiny, points: 6}
"""
TESTS = '''
from gradus.checks import call, check_values, points, public


@public
@points(2, of="double_forward")
def test_double(student, rng):
    """Twice x."""
    x = rng.normal(3, 2)
    check_values(call(student, "double_forward", x)[0], 2 * x, "out")


@points(4, of="total")
def test_total(student, rng):
    """The sum of x."""
    x = rng.normal(3, 2)
    check_values(call(student, "total", x), x.sum(), "total")
'''
SOLUTION = '''# %% [markdown]
# # Two functions

# %%
def double_forward(x):
    """Twice x, of any shape. Returns (out, cache)."""
    # BEGIN SOLUTION
    return 2 * x, None
    # END SOLUTION


def total(x):
    """The sum of all of x, a scalar."""
    # BEGIN SOLUTION
    return x.sum()
    # END SOLUTION
'''
MISTAKES = """
from gradus.mistakes.written import change, mistakes

total = mistakes(change("x.sum() -> x.mean()"))
"""


def test_the_demo_builds_a_course_and_grades_its_class(tmp_path):
    """Also where the machine has less isolation than the course asks for: it says so."""
    for name, text in {
        "course.yaml": COURSE,
        "solutions/tiny.py": SOLUTION,
        "hidden_tests/test_tiny.py": TESTS,
        "hidden_tests/mistakes/tiny.py": MISTAKES,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [Path(sys.executable).parent / "gradus", "demo"]
    environment = {**os.environ, "PATH": ""}  # no bubblewrap
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "less than the course accepts (namespaces)" in done.stderr
    assert (tmp_path / "dist/student/tiny.zip").is_file()
    assert (tmp_path / "assignments/tiny/tiny.py").is_file()
    results = {}
    for file in (tmp_path / "results/example-class/tiny").glob("*.json"):
        result = Result.model_validate_json(file.read_bytes())
        results[result.submission] = (result.status.value, result.score)
    assert results == {
        "ada": ("graded", 6),  # the solution, as a notebook
        "emmy": ("graded", 0),  # the stub, as a notebook
        "carl": ("graded", 0),
        "sofia": ("graded", 2),
        "leonhard": ("graded", 6),
        "maryam": ("graded", 2),  # ends in the middle of a line
        "alan": ("crashed", 0),
        "grace": ("graded", 2),  # hangs in total
        "kurt": ("graded", 4),  # a segmentation fault in double_forward
        "hypatia": ("graded", 2),  # the mistake
    }
    assert "SOLUTION" not in (tmp_path / "dist/example-class/tiny/leonhard.py").read_text()


def test_a_course_without_mistakes_says_so(tmp_path):
    (tmp_path / "course.yaml").write_text(COURSE)
    with pytest.raises(UsageError, match="no mistakes to make a class of"):
        demo(load_course(tmp_path / "course.yaml"))


def test_the_shipped_class_is_a_class():
    course = load_course(find_course(Path(__file__).parent))
    files = example_class(course, course.topic(course.demo))
    assert len(files) >= 24
    assert len(set(files.values())) >= 24
    assert {Path(name).suffix for name in files} == {".py", ".ipynb"}
