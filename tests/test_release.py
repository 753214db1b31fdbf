"""What students get: stubs, notebooks, public checks, folders and archives."""

import ast
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.checks.session import list_checks
from gradus.course import UsageError, load_course
from gradus.release.build import TARGETS, build, stale
from gradus.release.formulas import plain
from gradus.release.public import public_tests
from gradus.solution import BEGIN, END, Solution
from gradus.tools.notebook import make_notebook

ROOT = Path(__file__).resolve().parent.parent

# ---------------------------------------------------------------------------------------- stubs

STATEMENTS = [
    "SECRET = x",
    "if x:\n    SECRET = 1\nelse:\n    SECRET = 2",
    "SECRET = (\n    x\n)",
    "def inner(y):\n    # why\n\n    return SECRET",
    f'SECRET = """\n{END}\n"""',
    "return SECRET",
    "for SECRET in x:\n    pass  # as it is",
]
GIVEN = ["given = 1", "if x:\n    given = 2", "# given comment\ngiven = 3"]


def indent(text: str, by: int) -> str:
    # Inside a string indentation would change the text, not the program: that is fine here.
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


def block(statements: list[str]) -> str:
    return "\n".join([BEGIN, *statements, END])


blocks = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3).map(block)
bodies = st.lists(st.one_of(blocks, st.sampled_from(GIVEN)), min_size=1, max_size=4)


@st.composite
def solutions(draw):
    """A solution's text and the number of blocks inside functions."""
    pieces, holes = ["# %% [markdown]\n# Text", "# %%\nimport torch"], 0
    for n in range(draw(st.integers(1, 4))):
        column = 0
        kind = draw(st.sampled_from(["function", "method", "helper"]))
        body = draw(bodies)
        source = f'def f{n}(x):\n    """Says {n}.\n\n    More.\n    """\n'
        source += indent("\n".join(body), 4)
        if kind == "helper":
            clean = [b.replace(BEGIN, "pass").replace(f"\n{END}", "") for b in body]
            helper = f"def SECRET{n}(x):\n" + indent("\n".join(clean), 4)
            source = block([helper])
        else:
            holes += sum(b.startswith(BEGIN) for b in body)
        if kind == "method":
            column = 4
            source = f'class C{n}:\n    """Class."""\n\n' + indent(source, column)
        pieces.append(draw(st.sampled_from(["# %%\n", "\n", ""])) + source)
    return "\n\n".join(pieces) + "\n", holes


def documentation(text: str) -> list[str]:
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    return [ast.get_docstring(n) for n in nodes if ast.get_docstring(n)]


def raises(text: str) -> int:
    return sum(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(text)))


@given(solutions())
def test_a_stub_compiles_keeps_docstrings_and_raises_once_for_each_block(made):
    solution, holes = made
    stub = Solution(solution).stub()
    assert raises(stub) == stub.count("raise NotImplementedError") == holes
    assert documentation(stub) == documentation(solution)
    assert "SECRET" not in stub
    assert "SOLUTION" not in stub
    assert stub.count("given") == solution_without_helpers(solution).count("given")
    assert Solution(stub).stub() == stub


def solution_without_helpers(solution: str) -> str:
    """The solution without the module-level blocks that the stub loses as a whole."""
    return "".join(piece.split(f"\n{END}\n")[-1] for piece in solution.split(f"\n{BEGIN}\ndef "))


@given(solutions(), st.data())
def test_a_lost_mark_is_named_by_file_and_line(made, data):
    lines = made[0].split("\n")
    marks = [i for i, line in enumerate(lines) if line.strip() == BEGIN]
    if not marks:
        return
    lost = data.draw(st.sampled_from(marks))
    with pytest.raises(UsageError, match=rf"^s\.py:\d+: '{END}' without '{BEGIN}'"):
        Solution("\n".join(lines[:lost] + lines[lost + 1 :]), "s.py").stub()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("BEGIN", "1: '# BEGIN SOLUTION' without '# END SOLUTION'"),
        ("END", "1: '# END SOLUTION' without '# BEGIN SOLUTION'"),
        ("BEGIN\nBEGIN\nx = 1\nEND", "2: '# BEGIN SOLUTION' inside the block of line 1"),
        ("BEGIN\nEND", "1: there is no statement in this block"),
        (
            "def f():\n    BEGIN\n    x = 1\nEND",
            "4: '# END SOLUTION' is not indented like line 2's",
        ),
        ("if x:\n    BEGIN\n    a\nelse:\n    b\n    END", "4: the block of line 2 cuts through"),
        ("if x:\n    a\nBEGIN\nelse:\n    b\nEND", "4: the block of line 3 cuts through"),
        ("x = [\n    BEGIN\n    1]", "2: '# BEGIN SOLUTION' must have a line of its own"),
        ("x = 1  BEGIN", "1: '# BEGIN SOLUTION' must have a line of its own"),
        ("##BEGIN", "1: '### BEGIN SOLUTION' is not a mark: write '# BEGIN SOLUTION' or"),
        ("# end of solution\nx = [", "2: not Python: '[' was never closed"),
        (
            'def f():\n    BEGIN\n    """Doc."""\n    END',
            "2: the docstring of f is inside the marks",
        ),
        (
            "class A:\n    BEGIN\n    x = 1\n    END",
            "2: without the solutions, expected an indented",
        ),
    ],
)
def test_marks_that_do_not_fit_are_errors(source, message):
    text = source.replace("BEGIN", BEGIN).replace("END", END) + "\n"
    with pytest.raises(UsageError) as error:
        Solution(text, "s.py").stub()
    assert str(error.value).startswith(f"s.py:{message}")


def test_a_cell_of_helpers_disappears_from_the_stub():
    solution = (
        f"# %%\nimport torch\n\n# %%\n{BEGIN}\ndef helper():\n    return 1\n{END}\n\n# %%\nA = 1\n"
    )
    assert Solution(solution).stub() == "# %%\nimport torch\n\n# %%\nA = 1\n"


def test_the_functions_that_students_write_are_listed_with_their_summaries():
    solution = (
        'def given():\n    """No."""\n    return 1\n\n'
        "class Net:\n    def step(self):\n"
        f'        """One\n        step. N: 3.\n\n        More."""\n'
        f"        {BEGIN}\n        return 1\n        {END}\n"
    )
    assert [(f.name, f.summary) for f in Solution(solution).functions()] == [
        ("Net.step", "One step")
    ]


# ------------------------------------------------------------------------------------ notebooks


def test_a_notebook_is_valid_has_no_outputs_and_is_the_same_every_time():
    text = "# %% [markdown]\n# $y = x$\n\n# %%\nx = 1\n\n# %%\nx = 1\n"
    notebook = nbformat.reads(make_notebook(text), as_version=4)
    nbformat.validate(notebook)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        ("markdown", "$y = x$"),
        ("code", "x = 1"),
        ("code", "x = 1"),
    ]
    assert all(not c.get("outputs") and not c.get("execution_count") for c in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert make_notebook(text) == make_notebook(text)


def test_changing_a_cell_leaves_the_ids_of_the_others():
    def ids(text):
        return [cell["id"] for cell in json.loads(make_notebook(text))["cells"]]

    before, after = ids("# %%\na\n\n# %%\nb\n"), ids("# %%\nchanged\n\n# %%\nb\n")
    assert before[0] != after[0]
    assert before[1] == after[1]


# -------------------------------------------------------------------------------- public checks

TESTS = '''"""Checks of the topic."""

from __future__ import annotations

import math
import os.path
from dataclasses import dataclass, field

import pytest
import torch as t

from gradus.checks import check_gradients, points, public

# A remark about what follows is not copied,

# how large the batches are
SIZE = 3
SECRET, OTHER = 4, 5
CASES = []
CASES.append(SIZE)
SECRETS = {}
SECRETS["a"] = SECRET
t.manual_seed(0)

if t.cuda.is_available():
    FAST = 1
else:
    FAST = 0


@dataclass
class Net:
    """A net."""

    n: int = FAST  # layers


@pytest.fixture
def data(rng):
    return helper(rng)


@pytest.fixture
def hidden_data(rng):
    return hidden(rng)


@pytest.fixture
def prepared():
    """Asked for by name only."""


def helper(r: Net, os=None):
    # why
    SECRET = SIZE * math.pi  # a local name: the constant is not needed
    return SECRET


def hidden(r):
    return SECRETS


@points(3, of="f")
@public
def test_a(student, data):
    """A."""
    check_gradients(student.f(data), CASES)


@points(2, of="f")
def test_b(student, hidden_data):
    os.path.join(OTHER)


# about c
@pytest.mark.usefixtures("prepared")
@pytest.mark.public
@points(1, of="f")
def test_c(student):
    """C."""
'''

HEAD = '"""The public checks of *Nets*: `gradus check` runs them, and so do pytest and your editor.'
PUBLIC = f'''{HEAD}

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch as t

from gradus.checks import check_gradients, points, public

# how large the batches are
SIZE = 3
CASES = []
CASES.append(SIZE)
t.manual_seed(0)

if t.cuda.is_available():
    FAST = 1
else:
    FAST = 0


@dataclass
class Net:
    """A net."""

    n: int = FAST  # layers


@pytest.fixture
def data(rng):
    return helper(rng)


@pytest.fixture
def prepared():
    """Asked for by name only."""


def helper(r: Net, os=None):
    # why
    SECRET = SIZE * math.pi  # a local name: the constant is not needed
    return SECRET


@points(3, of="f")
@public
def test_a(student, data):
    """A."""
    check_gradients(student.f(data), CASES)


# about c
@pytest.mark.usefixtures("prepared")
@pytest.mark.public
@points(1, of="f")
def test_c(student):
    """C."""
'''


def test_public_checks_bring_what_they_use_and_nothing_else():
    assert public_tests(TESTS, "Nets") == PUBLIC
    assert public_tests(PUBLIC, "Nets") == PUBLIC


def test_a_recorded_check_is_its_title_and_nothing_of_what_it_uses():
    page = public_tests(TESTS, "Nets", recorded=["test_a"])
    assert 'def test_a(recorded):\n    """A."""\n    recorded()\n' in page
    assert "check_gradients" not in page
    assert "helper" not in page


def test_a_topic_without_public_checks_is_refused():
    with pytest.raises(UsageError, match=r"t\.py: no check is marked public"):
        public_tests("def test_a(student):\n    pass\n", "T", filename="t.py")


OURS = load_course(Path(__file__).parents[1] / "course.yaml")
TOPICS = [topic for topic in OURS.topics if OURS.test_file(topic).exists()]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_the_courses_public_checks_are_whole(topic):
    """No name is undefined, and no import left over, in what is cut out of the hidden tests."""
    page = OURS.public_test_file(topic)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F401,F811,F821"]
    found = subprocess.run([*ruff, str(page)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_every_function_has_a_public_check(topic):
    checked = {c.function for c in list_checks(OURS.public_test_file(topic)) if c.public}
    solution = Solution(OURS.solution(topic).read_text())
    assert {function.name for function in solution.functions()} <= checked


# ------------------------------------------------------------------------------------ the build

COURSE = """\
title: A course
isolation: process
limits: {memory_mb: 2048}
topics:
  - id: double
    title: Doubling
    unit: numbers
    points: 4
    forbid: [torch.nn]
"""
SOLUTION = f'''\
# %% [markdown]
# # Doubling

# %%
def double(x):
    """2x | twice x."""
    {BEGIN}
    return x + x  # the secret
    {END}
'''
CHECKS = '''\
from gradus.checks import check_values, points, public


@public
@points(1, of="double")
def test_double(student, rng):
    """Twice the input."""
    x = rng.normal(3)
    check_values(student.double(x), 2 * x)


@points(3, of="double")
def test_hidden(student):
    """Zero stays."""
    check_values(student.double(0.0), 0.0)
'''


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "test_double", raising=False)  # pytest would not read it anew
    (tmp_path / "solutions").mkdir()
    (tmp_path / "hidden_tests").mkdir()
    (tmp_path / "course.yaml").write_text(COURSE)
    (tmp_path / "solutions" / "double.py").write_text(SOLUTION)
    (tmp_path / "hidden_tests" / "test_double.py").write_text(CHECKS)
    return load_course(tmp_path / "course.yaml")


def make(course, targets=TARGETS) -> list[str]:
    said: list[str] = []
    build(course, course.topics, list(targets), said.append)
    return said


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_student_gets_a_course_of_their_own_without_its_secrets(course):
    make(course, ["student"])
    archive = zipfile.ZipFile("dist/student/double.zip")
    assert set(archive.namelist()) == {
        "course.yaml",
        "double/README.md",
        "double/double.ipynb",
        "double/double.py",
        "double/test_double.msgpack",
        "double/test_double.py",
    }
    archive.extractall("home")
    assert files(Path("home")) == files(Path("assignments"))
    assert b"secret" not in b"".join(files(Path("home")).values())
    assert b"test_hidden" not in b"".join(files(Path("home")).values())

    theirs = load_course(Path("home/course.yaml"))
    topic = theirs.topic("double")
    assert topic.worth == {"double": 4}  # hidden checks included, as the README says
    assert topic.model_copy(update={"worth": {}}) == course.topic("double")
    assert theirs.public_test_file(topic) == Path("home/double/test_double.py").resolve()
    readme = Path("home/double/README.md").read_text()
    assert "| `double` | 4 | 2x \\| twice x |" in readme
    assert "gradus check double" in readme
    assert "`torch.nn`" in readme


def test_building_twice_gives_the_same_bytes(course):
    first = make(course)
    before = files(course.root)
    os.utime("solutions/double.py", (0, 0))
    assert [line.replace("as is", "wrote") for line in make(course)] == first
    assert files(course.root) == before
    for entry in zipfile.ZipFile(io.BytesIO(before["dist/student/double.zip"])).infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_stale_files_are_named_and_left_alone(course):
    assert len(stale(course, course.topics)) == 6
    assert not Path("assignments").exists()
    make(course, ["student"])
    assert stale(course, course.topics) == []
    Path("assignments/double/double.py").write_text("changed")
    Path("assignments/double/README.md").unlink()
    Path("assignments/double/notes.md").touch()
    Path("assignments/double/__pycache__").mkdir()
    Path("assignments/dropped").mkdir()
    assert sorted(stale(course, course.topics)) == [
        "assignments/double/README.md: missing: run `gradus build`",
        "assignments/double/double.py: differs: run `gradus build`",
        "assignments/double/notes.md: not made by `gradus build`: delete it",
        "assignments/dropped: not made by `gradus build`: delete it",
    ]
    assert Path("assignments/double/double.py").read_text() == "changed"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("solutions/double.py", f"    {END}\n", "", r"^solutions/double\.py:7: "),
        (
            "hidden_tests/test_double.py",
            "points(3",
            "points(2",
            r"^course\.yaml:8: .* add up to 3$",
        ),
        ("hidden_tests/test_double.py", "@public\n", "", "no check is marked public"),
        ("hidden_tests/test_double.py", "import check_values", "import nothing", "cannot be coll"),
    ],
)
def test_when_a_topic_cannot_be_built_nothing_is_written(course, file, old, new, message):
    Path(file).write_text(Path(file).read_text().replace(old, new))
    with pytest.raises(UsageError, match=message):
        make(course)
    assert not Path("assignments").exists()
    assert not Path("dist").exists()


def test_a_topic_without_its_files_says_which_one(course):
    Path("solutions/double.py").unlink()
    with pytest.raises(UsageError, match=r"topic 'double' has no solutions/double\.py: write it"):
        make(course)


# ---------------------------------------------------------------------------------------- hints


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"$\frac{1}{N} \sum_n (a_n - y_n)$", "1/N ∑_n(a_n - y_n)"),
        (r"$\dfrac{p\, H W}{b^2\, (H - b + 1)}$", "(p H W)/(b^2 (H - b + 1))"),
        (r"$H_{k-1} = e^{s_{nw}}$ or $x^{-2}$", "H_(k-1) = e^(s_nw) or x^(-2)"),
        (r"$\lfloor \ell / F \rfloor \bmod 2 \ne \lVert g \rVert$", "⌊ℓ/ F ⌋ mod 2 ≠ ‖ g ‖"),
        ("costs $5", "costs $5"),
    ],
)
def test_a_formula_of_a_hint_is_readable_in_a_terminal(formula, text):
    assert plain(formula) == text


def test_no_hint_of_the_course_shows_latex():
    for file in ROOT.glob("assignments/*/hints.json"):
        assert not re.search(r"\\|\$", file.read_text()), file.parent.name
