"""`gradus export`: results into a gradebook, or a table that one takes."""

from __future__ import annotations

from pathlib import Path

import click

from gradus.course import Course, UsageError, shown
from gradus.files import write_whole
from gradus.inbox.found import printable
from gradus.inbox.pieces import few
from gradus.report.export import export_table
from gradus.report.load import read_topics
from gradus.report.roster import Roster
from gradus.results import Person, Result


def export(
    course: Course,
    folder: Path,
    to: str,
    out: str | None,
    roster: Path | None,
    mixed: bool,
    withdrawn: bool,
) -> None:
    """Write the results in a folder as a table to `out` or standard output, or into nbgrader's
    gradebook, by the names of the class list `roster`.

    Raises UsageError, also for results of one topic by different tests, unless `mixed`, and for
    those of files that are no longer there, unless `withdrawn`.
    """
    topics = read_topics(folder)
    for topic, results in topics.items():
        if not mixed:
            _refuse_mixed(topic, results)
        if not withdrawn:
            _refuse_withdrawn(topic, results)
    missing: list[Person] = []
    if roster:
        people = Roster.read(roster)
        matched = people.match([result for results in topics.values() for result in results])
        missing = matched.missing
        topics = {topic: people.match(results).results for topic, results in topics.items()}
        if matched.strangers:
            names = printable(", ".join(dict.fromkeys(matched.strangers)))
            click.echo(f"not in {shown(roster)}: {names}", err=True)
    if to == "nbgrader":
        _to_nbgrader(course, topics, out)
        return
    data, empty = export_table(course, topics, to, missing)
    if out is None:
        click.echo(data, nl=False)
    else:
        write_whole(Path(out), data)
    if empty:
        click.echo(f"empty columns: {', '.join(empty)}", err=True)


def _refuse_mixed(topic: str, results: list[Result]) -> None:
    """Two scores by different tests do not compare."""
    tests = [result.tests for result in results]
    most = max(tests, key=tests.count)
    others = [result.submission for result in results if result.tests != most]
    if others:
        raise UsageError(
            f"{topic}: {len(others)} of {len(results)} results were made by other tests, salt or "
            f"limits ({printable(few(others))}): grade them again, or take them so with --mixed"
        )


def _refuse_withdrawn(topic: str, results: list[Result]) -> None:
    gone = [result.submission for result in results if result.withdrawn]
    if gone:
        raise UsageError(
            f"{topic}: the files of {len(gone)} results are no longer where they were graded "
            f"({printable(few(gone))}): move the results elsewhere, or take them with --withdrawn"
        )


def _to_nbgrader(course: Course, topics: dict[str, list[Result]], out: str | None) -> None:
    from gradus.tools.nbgrader.gradebook import export_gradebook

    database = out or course.nbgrader.database
    if not database:
        raise UsageError("which gradebook? --out gradebook.db, or a URL in course.yaml")
    for topic, results in topics.items():
        click.echo(export_gradebook(results, course.topic(topic), database))
