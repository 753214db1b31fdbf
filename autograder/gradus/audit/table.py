"""What an audit found, as a table for the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gradus.audit.audit import TopicAudit
from gradus.mistakes.read import Alternative, Mistake
from gradus.results import Result

COLUMNS = (
    *("topic", "checks", "points", "mistakes", "pairs", "alternatives", "salts", "mutants"),
    *("worst accuracy", "seconds"),
)


def row(audit: TopicAudit) -> tuple[str, ...]:
    """The cells of one topic, in the order of COLUMNS."""
    return (
        audit.topic,
        str(audit.checks),
        f"{audit.points:g}",
        _share(audit.mistakes),
        _share(audit.pairs),
        _share(audit.alternatives),
        _share(audit.salts),
        _mutants(audit),
        ", ".join(f"{a.worst:.4g} ({a.threshold:g})" for a in audit.accuracies) or "—",
        f"{audit.seconds:.0f}",
    )


def print_audits(console: Console, audits: Sequence[TopicAudit], topics: int) -> None:
    """Print the table, and below it every problem in a line of its own; fewer audits than `topics`
    are those of an audit that was stopped."""
    table = Table(*COLUMNS, box=SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for audit in audits:
        table.add_row(*map(Text, row(audit)), style="red" if audit.problems else "")
    if not console.is_terminal:
        console = Console(file=console.file, width=160)
    if Measurement.get(console, console.options.update(width=1000), table).maximum <= console.width:
        console.print(table)
    else:  # a line for each topic, in which no name is cut
        for audit in audits:
            cells = zip(COLUMNS[1:], row(audit)[1:], strict=True)
            line = " · ".join(f"{name} {value}" for name, value in cells)
            console.print(Text(f"{audit.topic}: {line}", "red" if audit.problems else ""))
    console.print(
        "Pairs: as it should be / all; = recorded as equivalent; (threshold).\n", style="dim"
    )
    print_problems(console, audits)
    count = sum(len(audit.problems) for audit in audits)
    if count:
        console.print(f"{count} problem{'s' if count > 1 else ''}", style="bold red")
    elif len(audits) == topics:
        console.print("Every answer is judged rightly.", style="green")
    if len(audits) < topics:
        console.print(f"Stopped: {len(audits)} of {topics} topics were audited.", style="bold red")


def print_problems(console: Console, audits: Sequence[TopicAudit]) -> None:
    """Print every problem in a line of its own."""
    for audit in audits:
        for problem in audit.problems:
            line = Text(f"{audit.topic}: {problem}")
            console.print(line, soft_wrap=True)  # whole, so that a file:line can be clicked


def page(audits: Sequence[TopicAudit]) -> str:
    """The same as a page of HTML that needs no other file, with the mutants that survive."""
    from jinja2 import Environment

    source = resources.files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(columns=COLUMNS, audits=audits, row=row)


def print_answer(console: Console, answer: Mistake | Alternative, result: Result) -> None:
    """One mistake or alternative with all that a student would read about it."""
    kind = "mistake" if isinstance(answer, Mistake) else "alternative"
    name = answer.name if isinstance(answer, Mistake) else answer.title
    head = f"{answer.where}: {kind} '{name}': {result.score:g} of {result.max_score:g}"
    console.print(Text(head, "bold"))
    if result.message:
        console.print(Text(f"  {result.status}: {result.message}", "red"))
    for check in result.checks:
        if check.points >= check.max_points:
            continue
        head = f"  ✘ {check.name} {check.points:g}/{check.max_points:g}"
        console.print(Text(f"{head}  [{check.diagnosis or 'no diagnosis'}]", "red"))
        for line in check.message.splitlines():
            console.print(Text(f"      {line}"), soft_wrap=True)


def _share(pair: tuple[int, int]) -> str:
    return f"{pair[0]}/{pair[1]}" if pair[1] else "—"


def _mutants(audit: TopicAudit) -> str:
    if audit.mutants is None or not audit.mutants[1]:
        return "—"
    caught, total = audit.mutants
    equivalent = f" ={audit.equivalent}" if audit.equivalent else ""
    return f"{caught}/{total}{equivalent} {caught / total:.1%}"
