"""`gradus compare`: whose score a regrading changes."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from gradus.inbox.found import printable
from gradus.rendering import stdout
from gradus.report.compare import comparison, pairs_in, pairs_of


def compare(old: Path, new: Path | None) -> None:
    """Show who changes between two folders of results, or from what each result of one folder
    replaced last. Raises UsageError."""
    pairs, lines = pairs_of(old, new) if new else (pairs_in(old), [])
    output = stdout()
    if not pairs:
        nothing = "no submission is in both" if new else "no result has replaced another here"
        output.print(nothing)
    else:
        output.print(comparison(pairs) or Text(f"none of {len(pairs)} changes"))
    for line in lines:
        output.print(printable(line), soft_wrap=True)
