"""`gradus site`: the course as a web site."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from gradus.course import Course, shown
from gradus.report.site import make_site


def site(course: Course, out: Path, quick: bool) -> None:
    """Make the site in `out`. Raises UsageError, with what to do, where it cannot."""
    console = Console(highlight=False)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("site", total=len(course.topics) + 1)

        def advance(title: str) -> None:
            progress.update(task, advance=1, description=title)

        make_site(course, out, advance, quick)
    console.print(f"wrote {shown(out)}/index.html", markup=False)
