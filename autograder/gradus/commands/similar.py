"""`gradus similar`: which submissions are more alike than independent answers are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from gradus.course import Course, UsageError, shown
from gradus.distribution import require
from gradus.files import write_whole
from gradus.inbox.downloads import gather
from gradus.inbox.found import Unreadable, printable
from gradus.report.answers import Answer, read_answer, read_task
from gradus.report.similar import Pair, Similarity, compare
from gradus.report.similar_page import details, legend, members, page, verdict, yardstick

MAX_GROUPS = 30  # in the terminal
MAX_MEMBERS = 6


def similar(course: Course, topic: str, paths: Sequence[Path], html: Path | None = None) -> None:
    """Show which of the submissions at `paths` are most alike, and write them side by side to
    `html`. Raises UsageError."""
    chosen = course.topic(topic)
    if html is not None:
        require("instructor")
    messages = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def say(line: str) -> None:
        messages.print(printable(line))

    found = gather(paths, chosen.id, handed_out=course.assignment(chosen), say=say)
    task = read_task(course, chosen)
    answers: list[Answer] = []
    left_out: list[str] = []
    hidden = not messages.is_terminal
    for one in track(found, "reading", console=messages, transient=True, disable=hidden):
        try:
            answers.append(read_answer(one, task))
        except Unreadable as error:
            left_out.append(f"{one.name}: {printable(str(error))}")
    for line in left_out:
        say(f"left out: {line}")
    if len(answers) < 2:
        raise UsageError(f"{len(answers)} of {len(found)} submissions can be read: two are needed")
    similarity = compare(task, answers)
    _print(Console(highlight=False, markup=False), similarity, chosen.id)
    if html is not None:
        write_whole(html, page(similarity, chosen.id, left_out).encode())
        messages.print(f"side by side in {shown(html)}")


def _print(console: Console, similarity: Similarity, topic: str) -> None:
    console.print(
        Text(f"{topic} · {len(similarity.answers)} submissions · {verdict(similarity)}\n", "bold")
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submissions", overflow="fold", max_width=26)
    table.add_column("alike", justify="right", no_wrap=True)
    table.add_column("rare", justify="right", no_wrap=True)
    table.add_column("what they share", overflow="fold")
    for group in similarity.groups[:MAX_GROUPS]:
        _add(table, similarity, group, "")
    table.add_row(*yardstick(similarity), style="cyan")
    for pair in similarity.others:
        _add(table, similarity, [pair], "dim")
    console.print(table)
    if (more := len(similarity.groups) - MAX_GROUPS) > 0:
        console.print(f"… and {more} groups more: --html shows all")
    console.print()
    for line in legend(similarity):
        console.print(Text(line, "dim"))
    console.print(Text("It says what is alike, not why.", "dim"))


def _add(table: Table, similarity: Similarity, group: Sequence[Pair], style: str) -> None:
    names = members(group)
    more = f" and {len(names) - MAX_MEMBERS} more" if len(names) > MAX_MEMBERS else ""
    pair = group[0]
    table.add_row(
        Text(", ".join(names[:MAX_MEMBERS]) + more),
        f"{pair.alike:.0%}",
        str(pair.rare),
        Text(details(similarity, pair).words),
        style=style,
    )
