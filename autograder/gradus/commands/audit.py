"""`gradus audit`: do the hidden tests judge rightly?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from gradus.audit.audit import Advance, CannotGrade, Options, TopicAudit, audit_topics, run_answers
from gradus.audit.table import page, print_answer, print_audits, print_problems
from gradus.course import Course, Topic, UsageError
from gradus.files import write_whole
from gradus.sandbox.levels import best_level


def audit(
    course: Course,
    topics: Sequence[str] = (),
    *,
    salts: int = 20,
    judges: int | None = None,
    html: Path | None = None,
    mutants: bool = True,
    only: str | None = None,
) -> int:
    """Audit the topics named, or all; prints a table and the problems, and returns an exit code.

    0: every answer is judged rightly, 1: some are not. The solution and every mistake are tried
    with so many `salts`, right answers with a quarter of them. `only` runs just the answers with
    that text in what they say, prints what a student reads, and judges nothing. Raises UsageError
    on wrong usage.
    """
    chosen = course.select(topics)
    options = Options(salts, judges or len(os.sched_getaffinity(0)), best_level(), mutants)
    console = Console()
    if only is not None:
        return _show_answers(console, course, chosen, only, options)
    audits: list[TopicAudit] = []
    try:
        with _progress() as bar:

            def ended_with(found: TopicAudit) -> None:
                audits.append(found)
                print_problems(bar.console, [found])

            audits = audit_topics(course, chosen, options, partial(_watched, bar), ended_with)
    finally:  # what is known when it is stopped is not lost
        print_audits(console, audits, len(chosen))
    if html is not None:
        write_whole(html, page(audits).encode())
    return 1 if any(a.problems for a in audits) else 0


def list_operators(course: Course, topics: Sequence[str]) -> int:
    """Print the operators of torch that answer in one call, function by function; returns 0."""
    from gradus.audit.ready import ready_answers
    from gradus.audit.trials import SALT

    console = Console()
    for topic in course.select(topics):
        with _progress() as bar, _watched(bar, topic) as advance:
            ready = ready_answers(course, topic, SALT, advance)
        console.print(topic.id if ready else f"{topic.id}: none", style="bold", markup=False)
        for function, answers in ready.items():
            for what, names in answers.items():
                line = f"  {function}, {what}: {', '.join(names)}"
                console.print(line, markup=False, soft_wrap=True)
    return 0


def _show_answers(
    console: Console, course: Course, topics: Sequence[Topic], text: str, options: Options
) -> int:
    found = 0
    for topic in topics:
        try:
            for answer, result in run_answers(course, topic, text, options):
                print_answer(console, answer, result)
                found += 1
        except CannotGrade as error:
            console.print(f"{topic.id}: {error}", style="red", markup=False, soft_wrap=True)
            return 1
    if not found:
        raise UsageError(f"no mistake or alternative has '{text}' in what it says")
    return 0


@contextmanager
def _watched(bar: Progress, topic: Topic) -> Iterator[Advance]:
    task = bar.add_task(topic.id, total=None)
    yield lambda done, total: bar.update(task, completed=done, total=total)
    bar.remove_task(task)


def _progress() -> Progress:
    """A bar on stderr, where that is a terminal; nothing otherwise."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
