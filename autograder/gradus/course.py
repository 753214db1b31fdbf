"""course.yaml -> Course and its Topics; errors name the file, the line and the key."""

from __future__ import annotations

import difflib
import math
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gradus.results import Isolation

COURSE_FILE = "course.yaml"
MIN_SALT = 16  # characters: with fewer it is told that the salt can be guessed
# Of a topic: no score depends on them.
FOR_READERS = frozenset({"needs", "objectives", "worth", "minutes", "difficulty"})


class UsageError(Exception):
    """What the person at the keyboard can put right: one line that says what to do next."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limits(_Strict):
    """What one submission may use; a topic's own limits are laid over the course's."""

    check_seconds: float = Field(default=10.0, gt=0)  # all calls of one check
    submission_seconds: float = Field(default=120.0, gt=0)  # all checks of one submission
    memory_mb: int = Field(default=1024, gt=0)
    processes: int = Field(default=32, gt=0)
    disk_mb: int = Field(default=64, gt=0)
    output_kb: int = Field(default=64, gt=0)  # printed text that is kept
    message_mb: int = Field(default=64, gt=0)  # one answer from the student's process


class Topic(_Strict):
    """One topic's entry in course.yaml."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")  # names files and a Python module
    title: str
    unit: str = ""
    points: int = Field(gt=0)
    needs: list[str] = Field(default_factory=list)  # topics before it that it builds on
    objectives: str = ""  # what one can do afterwards; `gradus build` takes it from the text
    worth: dict[str, float] = Field(default_factory=dict)  # points by function; `gradus build`, too
    minutes: int = Field(default=60, gt=0)
    difficulty: int = Field(default=3, ge=1, le=5)
    forbid: list[str] = Field(default_factory=list)  # dotted names, each with all below it
    thresholds: dict[str, dict[str, float]] = Field(default_factory=dict)
    limits: Limits = Limits()

    def settings(self) -> str:
        """What of it scores depend on, as JSON."""
        return self.model_dump_json(exclude=set(FOR_READERS))


class Nbgrader(_Strict):
    """What `gradus build --target nbgrader` passes on."""

    database: str = ""  # of the gradebook, as SQLAlchemy writes it; default: gradebook.db there
    roster: str = ""  # a CSV file that `nbgrader db student import` takes, beside course.yaml


class Course(_Strict):
    """A course: its topics in order, and where the files of each one are."""

    title: str
    isolation: Isolation = "user"  # the least that grading accepts
    limits: Limits = Limits()
    assignments: str = "assignments"  # the folder of what students get; "." in their own copy
    hints: bool = True  # whether students get those that topics have
    nbgrader: Nbgrader = Nbgrader()
    demo: str = ""  # whose class `gradus demo` grades; by default the first topic with mistakes
    groups: dict[str, list[str]] = Field(default_factory=dict)  # of names, for topics to forbid
    topics: list[Topic] = Field(min_length=1)

    _file: Path = PrivateAttr()
    _lines: dict[str, int] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path:
        """The course.yaml that this course was read from."""
        return self._file

    @property
    def root(self) -> Path:
        """The folder that holds course.yaml."""
        return self._file.parent

    def topic(self, id: str) -> Topic:
        """The topic called `id`; UsageError with the nearest name where there is none."""
        for topic in self.topics:
            if topic.id == id:
                return topic
        names = [topic.id for topic in self.topics]
        hint = _did_you_mean(id, names) or f" (there are: {', '.join(names)})"
        raise UsageError(f"no topic '{id}' in {shown(self.file)}{hint}")

    def select(self, ids: Sequence[str]) -> list[Topic]:
        """The topics called `ids`, or all of them where `ids` is empty."""
        return [self.topic(id) for id in ids] if ids else list(self.topics)

    def solution(self, topic: Topic) -> Path:
        """solutions/T.py, the source of the topic."""
        return self.root / "solutions" / f"{topic.id}.py"

    def test_file(self, topic: Topic) -> Path:
        """hidden_tests/test_T.py, every check of the topic."""
        return self.root / "hidden_tests" / f"test_{topic.id}.py"

    def mistakes(self, topic: Topic) -> Path:
        """hidden_tests/mistakes/T.py, what goes wrong and what is right in another way."""
        return self.root / "hidden_tests" / "mistakes" / f"{topic.id}.py"

    def assignment(self, topic: Topic) -> Path:
        """assignments/T, the folder that a student gets (T beside a student's course.yaml)."""
        return self.root / self.assignments / topic.id

    def public_test_file(self, topic: Topic) -> Path:
        """assignments/T/test_T.py, the public checks, which students have too."""
        return self.assignment(topic) / f"test_{topic.id}.py"


class HasPoints(Protocol):
    """A check, as far as its points go."""

    @property
    def points(self) -> float: ...


def check_points(course: Course, topic: Topic, checks: Iterable[HasPoints]) -> None:
    """UsageError unless the points of all of a topic's checks add up to the topic's points."""
    total = math.fsum(check.points for check in checks)
    if not math.isclose(total, topic.points):
        where = f"{shown(course.file)}:{course._lines.get(topic.id, 1)}"
        tests = shown(course.test_file(topic))
        raise UsageError(
            f"{where}: topic '{topic.id}': points: {topic.points}, "
            f"but the checks in {tests} add up to {total:g}"
        )


def find_course(start: Path | None = None) -> Path:
    """The nearest course.yaml in `start` (the working directory) or above it; else UsageError."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / COURSE_FILE).is_file():
            return folder / COURSE_FILE
    raise UsageError(f"no {COURSE_FILE} in {here} or above it: go to the folder of the course")


def load_course(path: Path) -> Course:
    """Read course.yaml; UsageError names the file, the line and the key that is wrong."""
    path = path.resolve()
    tree = _read_yaml(path)
    if not isinstance(tree, CommentedMap):
        raise UsageError(f"{shown(path)}:1: a course is a mapping with the keys title and topics")
    data = _plain(tree)
    _overlay_limits(data)
    _expand_groups(path, tree, data)
    try:
        course = Course.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(_explain(path, tree, first["loc"], first["type"], first["msg"])) from None
    course._file = path
    seen: set[str] = set()
    for index, topic in enumerate(course.topics):
        line = _line(tree, ("topics", index, "id"))
        if topic.id in seen:
            raise UsageError(f"{shown(path)}:{line}: topic '{topic.id}' is there twice")
        for name in topic.needs:
            if name not in seen:
                line = _line(tree, ("topics", index, "needs"))
                raise UsageError(
                    f"{shown(path)}:{line}: topic '{topic.id}' needs '{name}', which is no topic "
                    "before it"
                )
        seen.add(topic.id)
        course._lines[topic.id] = _line(tree, ("topics", index, "points"))
    return course


def read_salt(course: Course) -> str:
    """The course's secret, from which every check's inputs are drawn.

    GRADUS_SALT, or else hidden_tests/.salt, which is made (mode 600) where it is missing. Raises
    UsageError where either is empty.
    """
    if "GRADUS_SALT" in os.environ:  # empty where a secret of that name is not set: not no secret
        if salt := os.environ["GRADUS_SALT"].strip():
            return salt
        raise UsageError("GRADUS_SALT is empty: put the course's salt in it, or unset it")
    file = course.root / "hidden_tests" / ".salt"
    if not file.parent.is_dir():
        raise UsageError(f"no {shown(file.parent)}/ to keep the course's salt in: set GRADUS_SALT")
    if not file.exists():
        # Written aside and linked, so that two graders that start together agree on one salt.
        draft = file.with_name(f".salt.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(32) + "\n")
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        salt = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError(f"{shown(file)} is not text: put a line of text in it") from None
    if salt:
        return salt
    raise UsageError(f"{shown(file)} is empty: delete it, and a new salt is made")


def weakness(salt: str) -> str:
    """What is wrong with a salt, in one line, or the empty string."""
    if len(salt) >= MIN_SALT:
        return ""
    return (
        f"the salt has {len(salt)} characters and can be guessed, and with it every hidden input: "
        "take a longer one for the next class (with another salt, scores change)"
    )


def shown(path: Path) -> str:
    """`path` as messages show it: relative to the working directory where it lies below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read_yaml(path: Path) -> Any:
    try:
        return YAML().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join((error.problem or error.context or "not YAML").split())
        raise UsageError(f"{shown(path)}:{line}: {problem}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)}:1: not YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {error.strerror}") from None


def _plain(node: Any) -> Any:
    """`node` without ruamel's own types, which strict validation would refuse."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _overlay_limits(data: dict[str, Any]) -> None:
    common = data.get("limits")
    topics = data.get("topics")
    if not isinstance(common, dict) or not isinstance(topics, list):
        return
    for entry in topics:
        if isinstance(entry, dict) and isinstance(entry.get("limits", {}), dict):
            entry["limits"] = {**common, **entry.get("limits", {})}


def _expand_groups(path: Path, tree: Any, data: dict[str, Any]) -> None:
    """The names of the groups that topics forbid, in place of the groups' own names."""
    groups, topics = data.get("groups"), data.get("topics")
    if not isinstance(groups, dict) or not isinstance(topics, list):
        return
    for index, entry in enumerate(topics):
        forbid = entry.get("forbid") if isinstance(entry, dict) else None
        if not isinstance(forbid, list):
            continue
        for at, name in enumerate(forbid):
            near = difflib.get_close_matches(str(name), list(groups), n=1, cutoff=0.8)
            if near and name not in groups:
                line = _line(tree, ("topics", index, "forbid", at))
                meant = f"(did you mean '{near[0]}'?)"
                raise UsageError(f"{shown(path)}:{line}: no group '{name}' {meant}")
        expanded = [groups.get(name, [name]) for name in forbid]
        entry["forbid"] = [name for names in expanded for name in names]


def _line(tree: Any, loc: Sequence[int | str]) -> int:
    """The 1-based line of the entry at `loc`, or of the nearest one around it."""
    line, node = 0, tree
    for key in loc:
        try:
            line = node.lc.key(key)[0] if isinstance(node, CommentedMap) else node.lc.item(key)[0]
            node = node[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1


def _explain(path: Path, tree: Any, loc: tuple[int | str, ...], kind: str, message: str) -> str:
    """One line for pydantic's first error: where it is, which key, and what is wrong with it."""
    where = f"{shown(path)}:{_line(tree, loc)}: "
    model: type[BaseModel] = Course
    keys = list(loc)
    if len(keys) > 1 and keys[0] == "topics":
        entry = tree["topics"][keys[1]]
        named = isinstance(entry, dict) and "id" in entry
        where += f"topic '{entry['id']}': " if named else f"topic {int(keys[1]) + 1}: "
        model, keys = Topic, keys[2:]
    if len(keys) > 1 and keys[0] == "limits":
        where += "limits: "
        model, keys = Limits, keys[1:]
    name = ".".join(str(key) for key in keys)
    if kind == "extra_forbidden":
        return f"{where}unknown key '{name}'{_did_you_mean(name, list(model.model_fields))}"
    if kind == "missing":
        return f"{where}the key '{name}' is missing"
    if not name:
        return f"{where}must be a mapping of keys to values"
    message = message.split(" or instance of")[0].replace("dictionary", "mapping")
    return f"{where}{name}: {message[0].lower()}{message[1:]}"


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
