"""`gradus export`: results into a gradebook, or a table that one takes."""

from __future__ import annotations

from pathlib import Path

import click

from gradus.course import Course, UsageError
from gradus.files import write_whole
from gradus.report.export import export_table, read_results


def export(course: Course, results: Path, to: str, out: str | None) -> None:
    """Write the results in a folder as a table to `out` or standard output, or into nbgrader's
    gradebook. Raises UsageError."""
    if to == "nbgrader":
        from gradus.tools.nbgrader.gradebook import export_gradebook

        database = out or course.nbgrader.database
        if not database:
            raise UsageError("which gradebook? --out gradebook.db, or a URL in course.yaml")
        found = read_results(results)
        click.echo(export_gradebook(found, course.topic(found[0].topic), database))
        return
    data = export_table(course, results, to)
    if out is None:
        click.echo(data, nl=False)
    else:
        write_whole(Path(out), data)
