"""Results as a student reads them: a terminal's, a cell's."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from gradus.course import Topic
from gradus.results import CheckResult, Result, Status


def stdout() -> Console:
    """Standard output; a file is wider than the 80 columns of a terminal."""
    width = None if sys.stdout.isatty() else 160
    return Console(highlight=False, markup=False, width=width)


def render(result: Result, topic: Topic, filename: str, whole: bool = True) -> RenderableType:
    """The result as a student reads it; not `whole`: of one function alone."""
    passed = sum(c.points == c.max_points for c in result.checks)
    total: float = topic.points
    if not whole and result.checks:
        total = topic.worth.get(result.checks[0].function, result.max_score)
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(
        f"[bold]{topic.id}[/] · {passed} of {len(result.checks)} checks · "
        f"{result.score:g} of {total:g} points",
        f"[dim]{result.seconds:.1f} s[/]",
    )
    parts: list[RenderableType] = [head]
    if result.message:
        parts.append(Text(f"  ✘ {filename}: {result.message}", style="red"))
    else:
        parts.append(_Table(result.checks))
    for check in result.checks:
        if check.calls:
            parts.append(Text(f"\n{check.title}\n{check.calls}"))
    parts += [Text(f"  note: {note}", style="dim") for note in result.notes]
    hidden = total - result.max_score
    if hidden > 0:
        are = "is" if hidden == 1 else "are"
        text = f"  {hidden:g} of the points {are} given by hidden checks"
        parts.append(Text(text, style="dim"))
    return Group(*parts)


def report(checks: Sequence[CheckResult]) -> str:
    """Some checks as plain text, for a cell's output; of those that are hidden only their points,
    and what was printed only while public ones ran."""
    shown = [check for check in checks if check.visibility != "hidden"]
    out = io.StringIO()
    Console(file=out, width=100, color_system=None, force_jupyter=False).print(_Table(shown))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    if hidden := sum(check.max_points for check in checks if check.visibility == "hidden"):
        lines.append(f"  {more_points(hidden)}")
    return "\n".join(lines)


def more_points(hidden: float) -> str:
    """What somebody reads who has passed the visible checks of a function."""
    return f"{hidden:g} more {'point is' if hidden == 1 else 'points are'} given by hidden checks"


def cell_points(checks: Sequence[CheckResult], points: float) -> float:
    """What a function's checks earn of the `points` that its cell is worth; 0 without checks."""
    possible = sum(check.max_points for check in checks)
    return round(points * sum(check.points for check in checks) / possible, 6) if possible else 0.0


@dataclass(frozen=True)
class _Table:
    """A row a check. Names stay whole: where they leave no room, messages stand below them."""

    checks: Sequence[CheckResult]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = [_row(check) for check in self.checks]
        widest = max(
            (cell_len(line) for _, name, _, _ in rows for line in name.plain.split("\n")), default=0
        )
        beside = options.max_width - widest - 12 >= 24
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=3, justify="right")
        if beside:
            table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", no_wrap=True)
        for mark, name, text, points in rows:
            told = (name, text) if beside else (Text("\n").join([name, text]),)
            table.add_row(mark, *told, points)
        yield table


def mark_of(check: CheckResult) -> tuple[str, str]:
    """A sign for what became of a check, and its style."""
    marks = {
        Status.PASSED: ("✔", "green"),
        Status.NOT_IMPLEMENTED: ("○", "dim"),
        Status.MISSING: ("○", "dim"),
        Status.PARTIAL: ("◐", "yellow"),
    }
    return marks.get(check.status, ("✘", "red"))


def _row(check: CheckResult) -> tuple[Text, Text, Text, str]:
    mark, style = mark_of(check)
    lines = check.message.splitlines()
    if check.status is Status.PASSED:
        lines.insert(0, check.title)
    text = Text(lines[0] if lines else check.title)
    for line in lines[1:]:
        text.append(f"\n{line}", style="dim")
    for line in check.shown_output.splitlines()[-5:]:
        text.append(f"\n│ {line}", style="dim")
    name = Text(check.function)
    if check.location and check.status is not Status.PASSED:
        name.append(f"\n{check.location}", style="cyan")
    points = f"{check.points:g}/{check.max_points:g}"
    return Text(mark, style=style), name, text, points


def block(text: str) -> str:
    """`text`, which may be anybody's, as Markdown: a block in which nothing is Markdown or HTML."""
    text = "".join(c for c in text if c.isprintable() or c in "\n\t")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"
