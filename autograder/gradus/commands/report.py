"""`gradus report`: a class, in the terminal or as pages."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from gradus.course import Course, UsageError, shown
from gradus.distribution import require
from gradus.files import write_tree
from gradus.inbox.found import printable
from gradus.rendering import stdout
from gradus.report.load import read_topics
from gradus.report.people import names_of
from gradus.report.roster import Matched, Roster
from gradus.report.summary import Reason, Summary, summarise

_PAGE = "index.html"
_OURS = b'<meta name="generator" content="gradus report">'
_NAMES = 12  # named in a line; the pages name all


def report(course: Course, results: Path, roster: Path | None, html: Path | None) -> None:
    """Print how the class did in each topic whose results lie in a folder, or write pages.

    Raises UsageError where there are no results, the class list cannot be read, or the folder for
    the pages holds something else.
    """
    people = Roster.read(roster) if roster else None
    rosters: dict[str, Matched] = {}
    summaries: dict[str, Summary] = {}
    for id, found in read_topics(results).items():
        topic = course.topic(id)
        if people:
            rosters[id] = people.match(found)
            found = rosters[id].results
        summaries[id] = summarise(topic, found, course.isolation)
    console = stdout()
    if html is None:
        for id, summary in summaries.items():
            _print(console, summary, rosters.get(id))
        return
    html = html.absolute()  # "." has no name
    _write(course, summaries, rosters, html)
    console.print(
        f"wrote {shown(html / _PAGE)}; what students may see of their own: {shown(html)}/students/",
        soft_wrap=True,
    )


def _write(
    course: Course, summaries: dict[str, Summary], rosters: dict[str, Matched], html: Path
) -> None:
    require("instructor")
    from gradus.report.pages import report_pages

    if not _may_replace(html):
        raise UsageError(f"{shown(html)} holds something else than a report: name a new folder")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pages", total=None)
        files = report_pages(course.title, summaries, rosters, lambda: progress.advance(task))
    try:
        draft = html.with_name(f".{html.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)  # grades are not for everyone
        write_tree(draft, files)
        if html.exists():
            shutil.rmtree(html)  # a page of somebody who has withdrawn must not stay
        draft.rename(html)
    except OSError as error:
        raise UsageError(f"cannot write {shown(html)}: {error.strerror}") from None


def _may_replace(folder: Path) -> bool:
    """Whether there is nothing, or an earlier report."""
    if not folder.is_dir():
        return not folder.exists()
    if not any(folder.iterdir()):
        return True
    try:
        return _OURS in (folder / _PAGE).read_bytes()
    except OSError:
        return False


def _print(console: Console, summary: Summary, roster: Matched | None) -> None:
    low, middle, high = summary.quartiles
    console.print(Text(f"{summary.topic.id} · {summary.topic.title}", "bold"))
    console.print(
        f"{len(summary.results)} graded · mean {summary.mean:.1f} · median {middle:g} · "
        f"half of them between {low:g} and {high:g} · of {summary.max_score:g}\n"
    )
    most = max(count for _, count in summary.bins)
    for start, count in summary.bins:
        bar = "█" * round(40 * count / most) or ("▏" if count else "")
        console.print(f"  {start:>4g} {bar} {count or ''}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("check", overflow="fold", ratio=2)
    table.add_column("passed", justify="right", no_wrap=True)
    table.add_column("discr.", justify="right", no_wrap=True)
    table.add_column("most often", overflow="fold", ratio=3)
    for check in summary.checks:
        discrimination = "–" if check.discrimination is None else f"{check.discrimination:.2f}"
        often = f"{check.reasons[0].count} × {check.reasons[0].text}" if check.reasons else ""
        passed = f"{check.passed}/{check.of}"
        table.add_row(Text(check.name), passed, discrimination, Text(printable(often)))
    console.print(table)
    if summary.again:
        console.print("What is best explained again:", style="bold")
    for reason in summary.again:
        console.print(Text(_said(reason, len(summary.results))))
    for what, names in _who(summary, roster).items():
        console.print(Text(f"{len(names)} {what}: {_listed(names)}"))
    console.print()


def _said(reason: Reason, of: int) -> str:
    text = f"{reason.count} of {of}: {reason.function}: {reason.text} (−{reason.points:g} points)"
    return f"  {printable(text)}: {_listed(reason.names)}"


def _who(summary: Summary, roster: Matched | None) -> dict[str, Sequence[str]]:
    who: dict[str, Sequence[str]] = dict(summary.noteworthy)
    if roster:
        who["missing"] = [names_of(person) for person in roster.missing]
        who["not in the class list"] = roster.strangers
        for name, submissions in roster.several.items():
            who[f"submissions of {name}"] = submissions
    return {what: names for what, names in who.items() if names}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return printable(", ".join(names[:_NAMES])) + more
