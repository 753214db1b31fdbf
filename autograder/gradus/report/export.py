"""Results -> tables that a gradebook takes."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from gradus.course import Course, Topic, UsageError, shown
from gradus.results import Person, Result

Row = list[str]


def export_table(course: Course, path: Path, to: str) -> bytes:
    """The results in a folder as a CSV file for `to`, a key of FORMATS, in UTF-8.

    `path` is results/TOPIC, or results/ where it holds one topic. Raises UsageError for a folder
    without results, with those of several topics, and for a file that is no result.
    """
    results = read_results(path)
    topic = course.topic(results[0].topic)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows(FORMATS[to](results, topic))
    return out.getvalue().encode(errors="backslashreplace")


def read_results(path: Path) -> list[Result]:
    """The results of one topic in a folder, by submission; raises UsageError."""
    files = sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
    if not files:
        raise UsageError(f"no results in {shown(path)}: make some with `gradus grade`")
    results = []
    for file in files:
        try:
            results.append(Result.model_validate_json(file.read_bytes()))
        except ValidationError:
            raise UsageError(f"{shown(file)} is not a result: move it elsewhere") from None
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UsageError(f"cannot read {shown(file)}: {reason}") from None
    topics = sorted({result.topic for result in results})
    if len(topics) > 1:
        choice = " or ".join(shown(path / topic) for topic in topics)
        raise UsageError(f"{shown(path)} holds results of several topics: name one, {choice}")
    return sorted(results, key=lambda result: result.submission)


def _csv(results: Sequence[Result], topic: Topic) -> Iterable[Row]:
    """A row a submission, a column a check."""
    names = list(dict.fromkeys(check.name for result in results for check in result.checks))
    about = ["submission", "name", "email", "sid", "id"]
    yield [*about, "score", "max_score", "status", "handed_in", "late", "notes", "message", *names]
    for result in results:
        people = result.handed_in.people
        points = {check.name: _number(check.points) for check in result.checks}
        row = [result.submission]
        row += [_joined(getattr(p, field) for p in people) for field in about[1:]]
        row += [_number(result.score), _number(result.max_score), str(result.status)]
        row += [result.handed_in.at, "late" if result.handed_in.late else ""]
        row += ["; ".join(result.notes), result.main_diagnosis()]
        yield [*map(_inert, row), *(points.get(name, "") for name in names)]


def _canvas(results: Sequence[Result], topic: Topic) -> Iterable[Row]:
    """What Canvas's gradebook imports: it matches by its own number, SIS ID, login, or name.

    Its own download gives its numbers; the student numbers of other downloads are taken as SIS IDs.
    """
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", topic.title]
    yield ["    Points Possible", "", "", "", "", _number(results[0].max_score)]
    for result, person in _each(results):
        source = result.handed_in.source
        id = person.id if source == "canvas" else ""  # another system's would be somebody else's
        login = person.email or (person.id if source == "nbgrader" else "")
        known = [person.name or result.submission, id, person.sid, login, ""]
        yield [*map(_inert, known), _number(result.score)]


def _gradescope(results: Sequence[Result], topic: Topic) -> Iterable[Row]:
    """The columns of Gradescope's own table of scores."""
    yield ["First Name", "Last Name", "SID", "Email", "Total Score", "Max Points", "Status"]
    for result, person in _each(results):
        first, _, last = (person.name or result.submission).rpartition(" ")
        known = [first or last, last if first else "", person.sid, person.email]
        scores = [_number(result.score), _number(result.max_score)]
        yield [*map(_inert, known), *scores, "Graded"]


FORMATS: dict[str, Callable[[Sequence[Result], Topic], Iterable[Row]]] = {
    "csv": _csv,
    "canvas": _canvas,
    "gradescope": _gradescope,
}


def _each(results: Iterable[Result]) -> Iterable[tuple[Result, Person]]:
    """A row for each person: everyone of a group gets the group's score."""
    for result in results:
        people = result.handed_in.people
        yield from ((result, person) for person in people or [Person(name=result.submission)])


def _joined(values: Iterable[str]) -> str:
    return " + ".join(value for value in values if value)


def _number(value: float) -> str:
    return f"{round(value, 6):g}" if abs(value) < 1e5 else str(value)


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula, nor what follows a separator in it, which is a
    cell where commas are for decimals: students choose their files' names."""
    return re.sub(r"(^|[;\t\r\n])(?=[=+\-@\t\r])", r"\1'", text)
