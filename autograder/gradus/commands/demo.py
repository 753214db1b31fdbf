"""`gradus demo`: build, and grade an example class made of the topic's own mistakes."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from itertools import chain

import click

from gradus.commands.grade import grade
from gradus.course import Course, Topic, UsageError, shown
from gradus.files import write_whole
from gradus.mistakes.read import read_mistakes
from gradus.mistakes.reference import Reference
from gradus.release.build import build, possible_targets
from gradus.sandbox.levels import best_level
from gradus.solution import Solution, without_marks
from gradus.tools.notebook import make_notebook

# fmt: off
_PEOPLE = [
    "ada", "emmy", "carl", "sofia", "leonhard", "maryam", "alan", "grace", "kurt", "hypatia",
    "evariste", "katherine", "srinivasa", "julia", "david", "amalie", "henri", "sophie", "georg",
    "mary", "paul", "olga", "john", "ingrid", "niels", "dorothy", "andrey", "rozsa", "blaise",
    "florence", "pierre", "cleo", "bernhard", "karen", "stefan", "joan", "felix", "vera",
    "hermann", "nina", "jacob", "lise", "augustin", "marjorie", "simeon", "irene", "ernst",
    "edith", "max", "thekla", "alonzo", "barbara", "stephen", "frances", "noam", "shafi",
    "edsger", "margaret", "donald", "radia", "tony", "adele", "robin", "anita",
]
# fmt: on


def demo(course: Course) -> int:
    """Build a topic and grade a class made for it; returns what `gradus grade` does.

    The topic is `course.demo`, or the first with mistakes. Leaves assignments/, dist/ and
    results/example-class/ in the course's folder. Raises UsageError where there are none.
    """
    having = (topic for topic in course.topics if course.mistakes(topic).is_file())
    topic = course.topic(course.demo) if course.demo else next(having, None)
    if topic is None or not course.mistakes(topic).is_file():
        where = f"{shown(course.root)}/hidden_tests/mistakes"
        raise UsageError(f"no mistakes to make a class of in {where}")
    click.echo(f"gradus build {topic.id}")
    build(course, [topic], possible_targets(click.echo), click.echo)
    folder = course.root / "dist" / "example-class" / topic.id
    files = example_class(course, topic)
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        write_whole(folder / name, data)
    results = course.root / "results" / "example-class"
    level = best_level()
    click.echo(
        f"\ngradus grade {topic.id} {shown(folder)} --out {shown(results)} --isolation {level}"
        f"\n{len(files)} submissions, among them every mistake of {shown(course.mistakes(topic))};"
        " one of them hangs, another crashes"
    )
    code = grade(course, topic.id, [folder], out=results, judges=2, isolation=level)
    click.echo(
        f"\nNow look at\n"
        f"  {shown(folder)}/   the class\n"
        f"  {shown(results / topic.id)}/   what each was told\n"
        f"  {shown(course.assignment(topic))}/   what students get\n"
        f"  gradus audit {topic.id}   whether the hidden tests judge rightly"
    )
    return code


def example_class(course: Course, topic: Topic) -> dict[str, bytes]:
    """A class's files by name: finished, unfinished, mistaken and broken submissions.

    Composed from the solution and the mistakes as they are now. Raises UsageError.
    """
    solution = Solution.read(course.solution(topic))
    written, reference = read_mistakes(course.mistakes(topic)), Reference(solution.text)
    mistaken = (reference.composed(reference.parts(m)) for m in written.mistakes)
    scripts = chain(_unfinished(solution), _broken(solution), mistaken)
    notebooks = [make_notebook(without_marks(t)) for t in (solution.text, solution.stub())]
    sources = [(".ipynb", text) for text in notebooks] + [(".py", text) for text in scripts]
    return {
        f"{name}{suffix}": without_marks(text).encode()
        for name, (suffix, text) in zip(_names(), sources, strict=False)
    }


def _names() -> Iterator[str]:
    """People's names; the second Ada is ada2."""
    number = 1
    while True:
        yield from (f"{name}{number}" if number > 1 else name for name in _PEOPLE)
        number += 1


def _unfinished(solution: Solution) -> Iterator[str]:
    """Nothing done, the first function, the first two, … and all."""
    stub = solution.stub()
    names = [function.name for function in solution.functions()]
    parts = {
        node.name: ast.get_source_segment(stub, node) or ""
        for node in ast.parse(stub).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names
    }
    for done in range(len(names)):
        yield solution.replaced({n: text for n, text in parts.items() if n in names[done:]})
    yield solution.text


def _broken(solution: Solution) -> Iterator[str]:
    """A syntax error, an exit on import, a hang, a segmentation fault."""
    names = [function.name for function in solution.functions() if "." not in function.name]
    yield solution.text[: solution.text.index(f"def {names[-1]}(") + 8]
    yield f"import os\n\nos._exit(0)\n\n{solution.text}"
    yield solution.replaced({names[-1]: _body(names[-1], "while True:\n        pass")})
    crash = "import ctypes\n    ctypes.string_at(0)"
    yield solution.replaced({names[0]: _body(names[0], crash)})


def _body(name: str, body: str) -> str:
    return f"def {name}(*args, **kwargs):\n    {body}"
