"""`gradus build`: sources -> assignments/ and dist/, or a list of what is stale."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from gradus.checks.session import list_checks
from gradus.course import COURSE_FILE, Course, Topic, UsageError, check_points, shown
from gradus.distribution import lacking, require
from gradus.files import write_whole
from gradus.jobs import CheckInfo
from gradus.release.student import student_files, student_zip
from gradus.tools.course_yaml import student_course
from gradus.tools.gradescope.bundle import gradescope_zip
from gradus.tools.nbgrader.bundle import nbgrader_files
from gradus.tools.otter.bundle import otter_files
from gradus.tools.wheel import make_wheel


@dataclass(frozen=True)
class Release:
    """What students get of one topic, and its checks; every bundle is made from it."""

    course: Course
    topic: Topic
    checks: list[CheckInfo]
    files: dict[str, bytes]  # of assignments/T, by name
    course_file: bytes  # of assignments/


def _student(release: Release) -> dict[str, bytes]:
    wheel, data = make_wheel()  # what their README says to install
    return {
        f"{release.topic.id}.zip": student_zip(release.topic, release.files, release.course_file),
        wheel: data,
    }


def _gradescope(release: Release) -> dict[str, bytes]:
    data = gradescope_zip(release.course, release.topic, release.checks)
    return {f"{release.topic.id}.zip": data}


def _otter(release: Release) -> dict[str, bytes]:
    return otter_files(release.course, release.topic, release.checks, release.files)


def _nbgrader(release: Release) -> dict[str, bytes]:
    return nbgrader_files(release.course, release.topic, release.checks, release.files)


# A target makes the files of dist/TARGET/ for one topic.
TARGETS: dict[str, Callable[[Release], dict[str, bytes]]] = {
    "student": _student,
    "otter": _otter,
    "nbgrader": _nbgrader,
    "gradescope": _gradescope,
}
_EXTRAS = {"otter": ["otter"]}  # what a target needs beyond an instructor's own
_PRIVATE = (
    "otter",
    "nbgrader",
    "gradescope",
)  # they hold the hidden tests: closed to other users of this machine


def possible_targets(say: Callable[[str], None]) -> list[str]:
    """The targets that can be made here; `say` is told, in a line each, of the others."""
    found = []
    for target in TARGETS:
        if why := lacking(*_EXTRAS.get(target, ())):
            say(f"no dist/{target}: {why}")
        else:
            found.append(target)
    return found


def build(
    course: Course,
    topics: Sequence[Topic],
    targets: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Write assignments/ and dist/ for `topics`; nothing is written unless all can be made."""
    require("instructor", *(extra for target in targets for extra in _EXTRAS.get(target, ())))
    console = Console(stderr=True)
    course_file = student_course(course)
    releases = [
        _release(course, topic, course_file)
        for topic in track(topics, "checks", console=console, transient=True)
    ]
    assignments = _assignments(course, releases, course_file)
    bundles = {}
    todo = [(target, release) for target in targets for release in releases]
    for target, release in track(todo, "building", console=console, transient=True):
        for name, data in TARGETS[target](release).items():
            bundles[course.root / "dist" / target / name] = data
    for target in set(targets).intersection(_PRIVATE):
        (course.root / "dist").mkdir(exist_ok=True)
        (course.root / "dist" / target).mkdir(mode=0o700, exist_ok=True)
    for path, data in (assignments | bundles).items():
        if _differs(path, data):
            write_whole(path, data)
            say(f"wrote  {shown(path)}")
        else:
            say(f"as is  {shown(path)}")


def stale(course: Course, topics: Sequence[Topic]) -> list[str]:
    """What `build` would change in assignments/ and what it would not have made, one line each."""
    course_file = student_course(course)
    releases = [_release(course, topic, course_file) for topic in topics]
    assignments = _assignments(course, releases, course_file)
    lines = [
        f"{shown(path)}: {'differs' if path.exists() else 'missing'}: run `gradus build`"
        for path, data in assignments.items()
        if _differs(path, data)
    ]
    for topic in topics:
        known = {path.name for path in assignments}
        lines += _strangers(course.assignment(topic), known)
    if len(topics) == len(course.topics):
        known = {COURSE_FILE, *(topic.id for topic in topics)}
        lines += _strangers(course.root / course.assignments, known)
    return lines


def _release(course: Course, topic: Topic, course_file: bytes) -> Release:
    for path in (course.solution(topic), course.test_file(topic)):
        if not path.is_file():
            raise UsageError(
                f"topic '{topic.id}' has no {shown(path)}: write it, or take the topic out of "
                f"{shown(course.file)}"
            )
    checks = list_checks(course.test_file(topic))
    check_points(course, topic, checks)
    return Release(course, topic, checks, student_files(course, topic, checks), course_file)


def _assignments(
    course: Course, releases: Sequence[Release], course_file: bytes
) -> dict[Path, bytes]:
    files = {course.root / course.assignments / COURSE_FILE: course_file}
    for release in releases:
        folder = course.assignment(release.topic)
        files |= {folder / name: data for name, data in release.files.items()}
    return files


def _differs(path: Path, data: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != data


def _strangers(folder: Path, known: Collection[str]) -> Iterator[str]:
    """Entries that nothing generates; caches and hidden files do not count."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in known and not path.name.startswith((".", "__")):
            yield f"{shown(path)}: not made by `gradus build`: delete it"
