"""Results -> tables that a gradebook takes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gradus.course import Course, UsageError
from gradus.inbox.found import printable
from gradus.report.people import pupils_of
from gradus.results import Person, Result

Row = list[str]
Topics = Mapping[str, Sequence[Result]]
_ABOUT = ("name", "email", "sid", "id")


def export_table(
    course: Course, topics: Topics, to: str, missing: Sequence[Person] = ()
) -> tuple[bytes, list[str]]:
    """Results by topic as a CSV file for `to`, a key of FORMATS, in UTF-8; and its empty columns.

    `missing` are those of a class list who have handed in nothing: the whole table names them.
    Raises UsageError where `to` takes one topic only, or one of the class has several results.
    """
    for topic in topics:
        course.topic(topic)  # raises where the course has no such topic
    rows = list(FORMATS[to](topics, course, missing))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    empty = [head for head, *cells in zip(*rows, strict=True) if not any(cells)]
    return out.getvalue().encode(errors="backslashreplace"), empty


def _csv(topics: Topics, course: Course, missing: Sequence[Person]) -> Iterator[Row]:
    """A row a submission, a column a check; of several topics a row a student, a column each."""
    if len(topics) > 1:
        yield [*_ABOUT, *topics, "total"]
        for person, _, scores in _each(topics):
            total = _number(sum(scores.values()))
            cells = [_number(scores[topic]) if topic in scores else "" for topic in topics]
            yield [*_who(person), *cells, total]
        yield from ([*_who(person), *("" for _ in topics), "0"] for person in missing)
        return
    (results,) = topics.values()
    names = list(dict.fromkeys(check.name for result in results for check in result.checks))
    about = ["score", "max_score", "status", "handed_in", "late", "notes", "message"]
    yield ["submission", *_ABOUT, *about, *names]
    for result in results:
        people = result.handed_in.people
        points = {check.name: _number(check.points) for check in result.checks}
        row = [result.submission]
        row += [_joined(getattr(p, field) for p in people) for field in _ABOUT]
        row += [_number(result.score), _number(result.max_score), str(result.status)]
        row += [result.handed_in.at, "late" if result.handed_in.late else ""]
        notes = [*filter(None, [result.by_hand]), *result.notes]
        row += ["; ".join(notes), result.main_diagnosis()]
        yield [*map(_inert, row), *(points.get(name, "") for name in names)]
    for person in missing:
        most = _number(results[0].max_score)
        yield ["", *_who(person), "", most, "missing", *("" for _ in (*about[3:], *names))]


def _canvas(topics: Topics, course: Course, missing: Sequence[Person]) -> Iterator[Row]:
    """What Canvas's gradebook imports: it matches by its own number, SIS ID, login, or name.

    Its own download gives its numbers; the student numbers of other downloads are taken as SIS IDs.
    """
    titles = [course.topic(topic).title for topic in topics]
    most = [_number(results[0].max_score) for results in topics.values()]
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
    yield ["    Points Possible", "", "", "", "", *most]
    for person, source, scores in _each(topics):
        id = person.id if source == "canvas" else ""  # another system's would be somebody else's
        login = person.email or (person.id if source == "nbgrader" else "")
        known = [person.name, id, person.sid, login, ""]
        cells = [_number(scores[topic]) if topic in scores else "" for topic in topics]
        yield [*map(_inert, known), *cells]


def _gradescope(topics: Topics, course: Course, missing: Sequence[Person]) -> Iterator[Row]:
    """The columns of Gradescope's own table of scores."""
    if len(topics) > 1:
        raise UsageError(f"Gradescope's table is of one topic: name one of {', '.join(topics)}")
    ((topic, results),) = topics.items()
    yield ["First Name", "Last Name", "SID", "Email", "Total Score", "Max Points", "Status"]
    for person, _, scores in _each(topics):
        first, _, last = person.name.rpartition(" ")
        known = [first or last, last if first else "", person.sid, person.email]
        points = [_number(scores[topic]), _number(results[0].max_score)]
        yield [*map(_inert, known), *points, "Graded"]


FORMATS: dict[str, Callable[[Topics, Course, Sequence[Person]], Iterator[Row]]] = {
    "csv": _csv,
    "canvas": _canvas,
    "gradescope": _gradescope,
}


def _each(topics: Topics) -> Iterator[tuple[Person, str, dict[str, float]]]:
    """Everyone, where they handed in, and their scores by topic; all of a group get the group's.

    Of one topic each submission has a row, whoever else the same person may be.
    """
    if len(topics) == 1:
        ((topic, results),) = topics.items()
        for result in results:
            for person in result.handed_in.people or [Person()]:
                yield (
                    _named(person, result.submission),
                    result.handed_in.source,
                    {topic: result.score},
                )
        return
    for pupil in pupils_of(topics):
        for topic, results in pupil.results.items():
            if len(results) > 1:
                names = printable(" and ".join(result.submission for result in results))
                raise UsageError(f"{printable(pupil.name)} has several results of {topic}: {names}")
        first = next(iter(pupil.results.values()))[0]
        scores = {topic: results[0].score for topic, results in pupil.results.items()}
        yield _named(pupil.person, first.submission), first.handed_in.source, scores


def _named(person: Person, submission: str) -> Person:
    return person if person.name else person.model_copy(update={"name": submission})


def _who(person: Person) -> Row:
    return [_inert(getattr(person, field)) for field in _ABOUT]


def _joined(values: Iterable[str]) -> str:
    return " + ".join(value for value in values if value)


def _number(value: float) -> str:
    return f"{round(value, 6):g}" if abs(value) < 1e5 else str(value)


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula, nor what follows a separator in it, which is a
    cell where commas are for decimals: students choose their files' names. Fullwidth signs count
    (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return re.sub(r"(^|[;\t\r\n])(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])", r"\1'", text)
