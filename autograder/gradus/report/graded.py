"""A class that has just been graded, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradus.course import shown
from gradus.grading.grade import Graded, how_ended
from gradus.grading.pool import NoResult
from gradus.inbox.found import printable
from gradus.report.compare import Pair, as_adjusted, comparison
from gradus.results import Isolation, Result, SubmissionStatus


def print_class(
    done: Sequence[Graded], level: Isolation, folder: Path, output: Console, messages: Console
) -> int:
    """Print what each got (unless `output` is for messages too), who changed, and the whole in a
    line; what has no result goes to `messages`. Returns 0, or 1 where something has no result."""
    results = [graded.result for graded in done if isinstance(graded.result, Result)]
    results.sort(key=lambda result: result.submission)
    if results and output is not messages:
        output.print(_table(results, output.width * 2 // 5))
    changed = comparison(_regraded(done))
    if changed:
        output.print("\nchanged since the results that were here before:", changed, "", sep="\n")
    kept = sum(graded.kept for graded in done)
    parts = [f"{len(results)} graded" + (f" ({kept} as before)" if kept else "")]
    if results:
        mean = sum(result.score for result in results) / len(results)
        parts.append(f"mean {mean:.1f} of {results[0].max_score:g}")
    counts = {
        "crashed": sum(r.status is SubmissionStatus.CRASHED for r in results),
        "unreadable": sum(r.status is SubmissionStatus.UNREADABLE for r in results),
        "timed out": sum(r.status is SubmissionStatus.TIMEOUT for r in results),
        "ended twice": sum(r.alone and bool(how_ended(r)) for r in results),
        "late": sum(r.handed_in.late for r in results),
        "of another topic": sum(bool(r.handed_in.looks_like) for r in results),
        "noted": sum(bool(r.notes) for r in results),
        "set by hand": sum(r.adjusted is not None for r in results),
    }
    parts += [f"{count} {what}" for what, count in counts.items() if count]
    parts += [f"isolation {level}", f"results in {shown(folder)}"]
    output.print(" · ".join(parts), soft_wrap=True)
    failed: dict[str, list[str]] = {}  # names by reason: it is often the same for all
    for graded in done:
        if isinstance(graded.result, NoResult):
            failed.setdefault(graded.result.reason, []).append(graded.name)
    for reason, names in failed.items():
        lines = [printable(line) for line in reason.splitlines()]
        messages.print(
            f"no result: {', '.join(sorted(names))}:", *lines, sep="\n    ", soft_wrap=True
        )
    return 1 if failed else 0


def _regraded(done: Sequence[Graded]) -> list[Pair]:
    """The results that were there before, with what is there now."""
    return [
        Pair(as_adjusted(one.before, one.result), one.result, one.edited)
        for one in sorted(done, key=lambda one: one.name)
        if one.before is not None and isinstance(one.result, Result)
    ]


def _table(results: Sequence[Result], widest: int) -> Table:
    """A name is clipped at `widest` columns: none, however long, hides the others' scores."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", no_wrap=True, max_width=widest)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("main diagnosis")  # the first to give way
    table.add_column("seconds", justify="right", no_wrap=True)
    for result in results:
        said = " · ".join(filter(None, (result.by_hand, result.main_diagnosis())))
        table.add_row(
            Text(result.submission),
            f"{result.score:g}/{result.max_score:g}",
            str(result.status),
            Text(printable(said), no_wrap=True, overflow="ellipsis"),
            f"{result.seconds:.1f}",
        )
    return table
