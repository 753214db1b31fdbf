"""`gradus build`: assignments/ and dist/ are made, or what is stale is named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import click

from gradus.course import Course, shown
from gradus.distribution import require


def build(course: Course, topics: Sequence[str], targets: Collection[str], *, check: bool) -> int:
    """Make the topics named, or all, for `targets`, or all that can be made here; returns 0.

    With `check` nothing is written: 1 when assignments/ is stale. Raises UsageError.
    """
    chosen = course.select(topics)
    require("instructor")

    # Imports torch, which takes seconds: after what can be wrong without it.
    from gradus.release.build import build as write
    from gradus.release.build import possible_targets, stale

    if check:
        lines = [*stale(course, chosen), *_stale_site(course)]
        click.echo("\n".join(lines) if lines else "assignments/ is up to date")
        return 1 if lines else 0
    write(course, chosen, targets or possible_targets(click.echo), click.echo)
    return 0


def _stale_site(course: Course) -> Iterator[str]:
    """Where a site was made of other sources, how to make it again."""
    from gradus.report.site import SOURCES, sources_of

    made_of = course.root / "dist" / "site" / SOURCES
    if made_of.is_file() and made_of.read_text() != sources_of(course):
        yield f"{shown(made_of.parent)}: made of other sources: run `gradus site`"
