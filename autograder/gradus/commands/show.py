"""`gradus show`: a topic's figure, or its experiment, made by a student's own functions."""

from __future__ import annotations

import base64
import html as markup
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradus.commands.check import newest
from gradus.course import Course, Topic, UsageError, shown
from gradus.drawing import Drawn, cells_of, draw, html_table
from gradus.files import write_whole

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: auto; padding: 1rem }}
img {{ max-width: 100%; background: white; border-radius: .4rem }}
td, th {{ padding: .2rem 1rem .2rem 0; text-align: left; border-bottom: 1px solid #8884 }}
</style>
<h1>{title}</h1>
<p>Made by the functions in {file}.</p>
{body}
</html>
"""


def show(
    course: Course, topic_id: str, path: Path | None, view: str, html: Path | None, data: str
) -> None:
    """Draw the figure and open it, or print the experiment's table; with `html` write a page.

    Raises UsageError where it cannot be made.
    """
    topic = course.topic(topic_id)
    file = path or newest(course, topic)
    if not file.is_file():
        raise UsageError(f"no file {shown(file)}")
    console = Console(highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Console(stderr=True)
    with Progress(*columns, console=bar, transient=True, disable=not bar.is_terminal) as progress:
        progress.add_task(f"{topic.id}: the {view}, by the functions in {file.name}")
        drawn = draw(topic, file.name, file.read_bytes(), view, data)
    if drawn.output:
        console.print(drawn.output.rstrip(), style="dim", markup=False)
    if drawn.rows:
        console.print(table_of(drawn.rows))
    if html:
        write_whole(html, page(topic, file.name, drawn).encode())
        console.print(f"wrote {shown(html)}", markup=False)
    elif drawn.picture:
        target = Path(tempfile.mkdtemp(prefix="gradus-show-")) / f"{topic.id}.html"
        write_whole(target, page(topic, file.name, drawn).encode())
        opened = webbrowser.open(target.as_uri())
        what = "opened" if opened else "no browser to open it in here:"
        console.print(f"{what} {target}", markup=False, soft_wrap=True)


def table_of(rows: Sequence[Sequence[object]]) -> Table:
    """An experiment's rows for a terminal."""
    head, *body = cells_of(rows)
    table = Table(box=SIMPLE_HEAD)
    for name in head:
        table.add_column(name)
    for row in body:
        table.add_row(*row)
    return table


def page(topic: Topic, filename: str, drawn: Drawn) -> str:
    """One file that opens from a disk, without a network."""
    parts = []
    if drawn.picture:
        picture = base64.b64encode(drawn.picture).decode()
        parts.append(f'<img alt="{topic.id}" src="data:image/png;base64,{picture}">')
    if drawn.rows:
        parts.append(html_table(drawn.rows))
    title, file = markup.escape(topic.title), markup.escape(filename)
    return _PAGE.format(title=title, file=file, body="\n".join(parts))
