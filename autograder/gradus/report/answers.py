"""What each submission, and the course itself, has written, as fingerprints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from gradus.course import Course, Topic, UsageError
from gradus.inbox.found import Found, Unreadable
from gradus.inside import loading
from gradus.inside.notebook import code_cells
from gradus.mistakes.read import read_mistakes
from gradus.progress import HINTS_LINE
from gradus.report.fingerprints import Block, Key, read_blocks
from gradus.results import Person
from gradus.solution import Definition, Solution, without_marks

MAX_CODE = 200_000  # characters; a topic's own file has a tenth of it
_MAGIC = re.compile(r"^[ \t]*[%!].*", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """What one has written, or some have together."""

    name: str
    blocks: tuple[Block, ...]
    people: tuple[Person, ...] = ()

    @cached_property
    def keys(self) -> frozenset[Key]:
        """All that it is found by."""
        return frozenset().union(*(block.keys for block in self.blocks))

    @cached_property
    def code(self) -> dict[str, tuple[str, ...]]:
        """The tokens of each function."""
        return {block.name: block.tokens for block in self.blocks if block.name}

    def function(self, name: str) -> frozenset[Key]:
        """The keys of one function."""
        return frozenset().union(*(block.keys for block in self.blocks if block.name == name))


@dataclass(frozen=True)
class Task:
    """What is known of a topic: the `functions` that students write, names that are `given`, the
    keys of the `stub`, and the course's right answers, written independently of each other."""

    functions: tuple[str, ...]
    given: frozenset[str]
    stub: frozenset[Key]
    right: tuple[Answer, ...]

    def alike(self, one: Answer, other: Answer, function: str) -> float | None:
        """The share of a function's code that two have in common; None where it is too short."""
        mine, theirs = (
            {key for key in answer.function(function) - self.stub if isinstance(key, int)}
            for answer in (one, other)
        )
        return 2 * len(mine & theirs) / (len(mine) + len(theirs)) if mine and theirs else None

    def nearest(self, one: Answer, function: str) -> float | None:
        """The same of one and the course's right answer that it is most like there."""
        return _largest(self.alike(one, right, function) for right in self.right)

    def right_alike(self) -> float | None:
        """How alike the course's right answers are: in each function the two that are most."""
        couples = list(combinations(self.right, 2))
        found = [_largest(self.alike(*two, name) for two in couples) for name in self.functions]
        shares = [share for share in found if share is not None]
        return sum(shares) / len(shares) if shares else None


def read_task(course: Course, topic: Topic) -> Task:
    """What the topic's solution, written alternatives and stubs say; raises UsageError."""
    solution = Solution.read(course.solution(topic))
    handed_out = [solution.stub()]
    file = course.assignment(topic) / f"{topic.id}.ipynb"  # has calls of the checks as well
    if file.is_file():
        try:
            handed_out.append(_code(file.name, file.read_bytes()))
        except Unreadable as error:
            raise UsageError(f"{error}: `gradus build {topic.id}` makes it anew") from None
    given = frozenset(_bound(handed_out[0]))
    stub = (block.keys for text in handed_out for block in read_blocks(text, given))
    right = [Answer("the solution", read_blocks(without_marks(solution.text), given))]
    if course.mistakes(topic).is_file():
        for written in read_mistakes(course.mistakes(topic)).alternatives:
            text = "\n\n".join([written.preamble, *written.parts.values()])
            right.append(Answer(written.title, read_blocks(text, given)))
    return Task(tuple(solution.parts()), given, frozenset().union(*stub), tuple(right))


def read_answer(found: Found, task: Task) -> Answer:
    """A submission's code, a notebook's from its cells; raises Unreadable."""
    text = _code(found.filename, found.read())
    return Answer(found.name, read_blocks(text, task.given), tuple(found.handed_in.people))


def _code(filename: str, data: bytes) -> str:
    """What a file says in Python; it is not parsed, and nothing here takes more than linear time,
    for it may be anything."""
    too_long = Unreadable(f"{filename}: more than {MAX_CODE // 1000} kB of code")
    try:
        if filename.lower().endswith(".ipynb"):
            text = _MAGIC.sub("", "\n\n".join(code_cells(data)))
        elif len(data) > 4 * MAX_CODE:  # no character takes more bytes
            raise too_long
        else:
            text = HINTS_LINE.sub("", loading.decode(data))
    except loading.Unreadable as error:
        raise Unreadable(f"{filename}: {error}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Unreadable(f"{filename}: not the JSON of a notebook") from None
    if len(text) > MAX_CODE:
        raise too_long
    return text


def _largest(shares: Iterable[float | None]) -> float | None:
    return max((share for share in shares if share is not None), default=None)


def _bound(code: str) -> Iterator[str]:
    """The names that the statements at the left margin define or import."""
    for node in ast.parse(code).body:
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
