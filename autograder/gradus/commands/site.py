"""`gradus site`: the course as a web site."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from gradus.course import Course, shown
from gradus.distribution import require
from gradus.report.site import make_site


def site(course: Course, out: Path, quick: bool) -> None:
    """Make the site in `out`. Raises UsageError, with what to do, where it cannot."""
    require("site", "instructor")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("site", total=len(course.topics) + 1)

        def advance(title: str) -> None:
            progress.update(task, advance=1, description=title)

        make_site(course, out, advance, quick)
    click.echo(f"wrote {shown(out)}/index.html")
