"""A mistake is written once: proven by the audit, named in grading, and named at home."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.checks.fingerprint import observe, transcript
from gradus.checks.recorded import Recording
from gradus.checks.rng import Rng
from gradus.commands.audit import audit
from gradus.commands.grade import grade
from gradus.course import UsageError, load_course
from gradus.files import write_tree
from gradus.grading.store import Store
from gradus.mistakes.prepare import prepare_public
from gradus.mistakes.slips import slips

COURSE = """\
# A course with a comment, which stays.
title: A course
isolation: process
topics:
  - {id: other, title: Another topic, points: 1}
"""
GRADUS = [sys.executable, "-m", "gradus"]


def gradus(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GRADUS, *words], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course with a topic as `gradus new` writes it, built."""
    root = tmp_path_factory.mktemp("course")
    (root / "course.yaml").write_text(COURSE)
    (root / "hidden_tests").mkdir()
    (root / "hidden_tests" / ".salt").write_text("secret\n")
    done = gradus(root, "new", "tiny")
    assert done.returncode == 0, done.stderr
    done = gradus(root, "build", "tiny", "--target", "student")
    assert done.returncode == 0, done.stderr
    return root


def changed(course: Path, *changes: tuple[str, str]) -> str:
    text = (course / "solutions" / "tiny.py").read_text()
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def at_home(course: Path, text: str, *words: str) -> str:
    """What `gradus check` prints in the student's folder."""
    file = course / "assignments" / "tiny" / "tiny.py"
    stub = file.read_text()
    file.write_text(text)
    try:
        done = gradus(course / "assignments", "check", "tiny", *words, "tiny/tiny.py")
    finally:
        file.write_text(stub)
    return " ".join((done.stdout + done.stderr).split())


SUMMED = ("(dout * x).sum(0)", "(dout * x).mean(0)")
NO_W = ("dx = dout * w", "dx = dout")
ADDED = ("out = x * w", "out = x + w")
IDENTITY = (
    ("out = x * w", "out = x"),
    NO_W,
    ("dw = (dout * x).sum(0)", "dw = torch.zeros_like(w)"),
)


@pytest.fixture(scope="module")
def in_class(course: Path, tmp_path_factory) -> dict[str, dict[str, dict]]:
    """The checks by name of each submission, as they are graded."""
    changes = {"one": [SUMMED], "two": [SUMMED, NO_W], "added": [ADDED], "identity": IDENTITY}
    folder = tmp_path_factory.mktemp("class")
    for name, of_one in changes.items():
        (folder / f"{name}.py").write_text(changed(course, *of_one))
    out = str(tmp_path_factory.mktemp("results"))
    done = gradus(course, "grade", "tiny", str(folder), "--jsonl", "--out", out, "--workers", "1")
    assert done.returncode == 0, done.stderr
    results = map(json.loads, done.stdout.splitlines())
    return {r["submission"]: {c["name"]: c for c in r["checks"]} for r in results}


def test_what_new_writes_passes_the_audit(course, capsys):
    loaded = load_course(course / "course.yaml")
    assert audit(loaded, ["tiny"], salts=2, judges=2) == 0, capsys.readouterr().out
    assert (course / "course.yaml").read_text().startswith("# A course with a comment, which")
    done = gradus(course, "new", "tiny")
    assert done.returncode == 2
    assert "there is a topic 'tiny' already" in done.stderr


def test_a_mistake_and_two_at_once_are_named_at_home_and_in_class(course, in_class):
    one, two = changed(course, SUMMED), changed(course, SUMMED, NO_W)
    assert "gradient of w: averaged over the batch: each example adds" in at_home(course, one)
    said = at_home(course, two)
    assert "gradient of w: averaged over the batch" in said
    assert "gradient of x: w is missing" in said
    assert "averaged over the batch" in in_class["one"]["test_scale_backward"]["message"]
    message = in_class["two"]["test_scale_backward"]["message"]
    assert "gradient of w: averaged over the batch" in message
    assert "gradient of x: w is missing" in message


ALIKE_IN_ONE = {
    "course.yaml": COURSE.replace("other", "three").replace("points: 1", "points: 4"),
    "solutions/three.py": """# %%
import torch


# %%
def three(x):
    \"\"\"Three times x.\"\"\"
    # BEGIN SOLUTION
    return 3 * x
    # END SOLUTION
""",
    "hidden_tests/test_three.py": """
import torch

from gradus.checks import call, check_values, points


@points(2, of="three")
def test_three_of_two(student, rng):
    check_values(call(student, "three", torch.full((2,), 2.0)), torch.full((2,), 6.0), "out")


@points(2, of="three")
def test_three(student, rng):
    x = rng.normal(3)
    check_values(call(student, "three", x), 3 * x, "out")
""",
    "hidden_tests/mistakes/three.py": """
from gradus.mistakes.written import change, mistakes

three = mistakes(
    change("3 * x -> x * x", "the square"),
    change("3 * x -> x + x", "twice, not three times"),
)
""",
}


def test_of_mistakes_alike_in_one_check_the_one_that_fits_in_the_others_is_named(tmp_path):
    write_tree(tmp_path, {name: text.encode() for name, text in ALIKE_IN_ONE.items()})
    course = load_course(tmp_path / "course.yaml")
    right = ALIKE_IN_ONE["solutions/three.py"]
    texts = {"square": right.replace("3 * x", "x * x"), "twice": right.replace("3 * x", "x + x")}
    write_tree(tmp_path / "in", {f"{name}.py": text.encode() for name, text in texts.items()})
    assert grade(course, "three", [tmp_path / "in"], out=tmp_path / "out", judges=1) == 0
    for name, text in (("square", "the square"), ("twice", "twice, not three times")):
        result = Store(tmp_path / "out" / "three").load(name)
        assert [(c.points, c.diagnosis) for c in result.checks] == [(0, text)] * 2
        assert all(c.message.startswith(f"out: {text}") for c in result.checks)


def test_what_no_mistake_explains_is_not_called_one(course):
    said = at_home(course, changed(course, ("(dout * x).sum(0)", "(dout.exp() * x).sum(0)")))
    assert "gradient of w: wrong" in said
    assert "averaged" not in said
    assert "x is missing" not in said
    # A call that can be done by hand, once.
    _, _, shown = said.partition("A call with small numbers, to be followed with a pencil: ")
    assert re.match(r"scale_backward\(dout, cache\), .*?:( \w+ = [-\d. \[\]]+)+ gradient of", shown)
    assert "gradient of w, yours = " in shown
    assert "gradient of w, expected = " in shown
    assert said.count("with a pencil") == 1


def test_a_gradient_that_holds_one_row_is_told_by_a_rule(course):
    said = at_home(course, changed(course, ("(dout * x).sum(0)", "dout[-1] * x[-1]")))
    assert "gradient of w: only the last row of dout counts" in said


def test_a_backward_beside_a_forward_with_a_known_mistake_keeps_its_points(in_class):
    """A right one does; the identity with its own gradient earns nothing."""
    assert in_class["added"]["test_scale_forward"]["points"] == 0
    assert in_class["added"]["test_scale_backward"]["points"] == 4
    assert in_class["identity"]["test_scale_backward"]["points"] == 0


def test_one_function_is_shown_with_its_numbers(course):
    said = at_home(course, changed(course, ADDED), "scale_forward")
    assert "scale_forward(x, w): x = [[1 2]] w = [3 4]" in said
    assert "out, yours = [[4 6]] out, expected = [[3 8]]" in said
    assert "scale_backward" not in said
    assert "no check of 'tiny' is about a function 'skale'" in at_home(
        course, changed(course), "skale"
    )


def test_what_ships_holds_no_formula_and_no_answer(course):
    page = (course / "assignments" / "tiny" / "test_tiny.py").read_text()
    assert "einsum" not in page
    assert "def scale(" not in page
    assert "recorded()" in page
    folder = course / "assignments" / "tiny"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_tiny.py", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert "scale_forward is not implemented yet" in done.stdout
    assert "Traceback" not in done.stdout
    assert "plugin.py" not in done.stdout


def test_a_page_without_its_data_says_so(course, tmp_path):
    for name in ("tiny.py", "test_tiny.py"):
        (tmp_path / name).write_bytes((course / "assignments" / "tiny" / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_tiny.py", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "test_tiny.msgpack, which belongs beside test_tiny.py, is missing" in done.stdout


@pytest.mark.parametrize("name", ["Tiny", "2tiny", "ti-ny", "../tiny"])
def test_a_name_that_is_no_modules_is_refused(course, name):
    done = gradus(course, "new", name)
    assert done.returncode == 2
    assert "cannot be a topic" in done.stderr


@given(st.binary(max_size=200))
def test_what_is_no_recording_is_refused(data):
    with pytest.raises(ValueError):
        Recording.unpacked(data)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 30),
    scale=st.floats(-6, 6),
    noise=st.floats(-1e-8, 1e-8),
)
def test_a_wrong_value_is_recognised_by_its_fingerprint_and_no_other_is(seed, size, scale, noise):
    rng = Rng(seed)
    right = rng.normal(size) * 10**scale
    wrong, other = right * rng.normal(size), right * rng.normal(size)

    def seen(value: torch.Tensor):
        return transcript([[observe("out", value, right)]])

    known = seen(wrong)
    assert known.whole.matches(seen(wrong * (1 + noise)).whole, known.close)
    assert not known.whole.matches(seen(other).whole, known.close)
    assert not known.whole.matches(seen(wrong[None]).whole, known.close)


SLIPPERY = '''
def f(x, w):
    """x - w."""
    y = (x - w).sum(0)
    if len(y) > 2:
        y *= 3
    return y / 2
'''


def test_slips_change_one_place_that_is_written_by_students():
    found = list(slips(SLIPPERY, first_line=4))
    said = [says.removeprefix("what it should be ") for says, _ in found]
    for words in ("with + w for − w", "over all axes, not 0", "if nothing were divided by 2"):
        assert words in said
    assert {"with ≥ for > before 2", "without the case (len(y) > 2)"} <= set(said)
    assert {"with w taken twice", "with the mean of all of y in the place of each"} <= set(said)
    for _, text in found:
        assert '"""x - w."""' in text
        assert text != ast.unparse(ast.parse(SLIPPERY))
        compile(text, "slip", "exec")
    assert len({text for _, text in found}) == len(found)


MOVED = """
def step(w, u, x, y, batch, beta):
    g = x[batch].T @ y[batch]
    u = beta * u + g
    return w - u / len(batch), y[batch, 0]
"""


def test_slips_know_a_factor_an_index_and_a_transpose():
    found = {says.removeprefix("what it should be "): text for says, text in slips(MOVED)}
    assert "u = u + beta * g" in found["with the factor beta at g, not at u"]
    assert "g = x[...].T @ y[...]" in found["with all of x, y wherever it takes those at batch"]
    assert "y[:, 0]" in found["with all along axis 0, not those at batch"]
    assert "reshape" in found["with x[batch] reshaped, not transposed"]
    assert "u // len(batch)" in found["with u / len(batch) rounded down"]


def test_a_mistake_that_does_not_fit_is_an_error_with_its_line(course, tmp_path):
    file = course / "hidden_tests" / "mistakes" / "tiny.py"
    text = file.read_text()
    file.write_text(text.replace('change("x * w -> x + w"', 'change("x / w -> x + w"'))
    loaded = load_course(course / "course.yaml")
    try:
        with pytest.raises(UsageError, match=r"tiny\.py:8: 'x / w' stands not in scale_forward"):
            prepare_public(loaded, loaded.topic("tiny"))
    finally:
        file.write_text(text)
