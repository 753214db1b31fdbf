"""`gradus grade`: what is asked for on the command line, and what is shown of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from gradus.course import (
    Course,
    Topic,
    UsageError,
    check_points,
    read_salt,
    shown,
)
from gradus.grading.pool import NoResult, run_jobs
from gradus.grading.store import Store
from gradus.inbox.downloads import gather
from gradus.inbox.found import Found, printable
from gradus.jobs import Job
from gradus.results import Isolation, Result
from gradus.sandbox.levels import LEVELS, choose_level

if TYPE_CHECKING:
    from gradus.grading.grade import Graded


def grade(
    course: Course,
    topic: str,
    paths: Sequence[Path],
    *,
    out: Path,
    jsonl: bool = False,
    judges: int | None = None,
    device: str = "cpu",
    force: bool = False,
    timeout: float | None = None,
    isolation: str | None = None,
    due: datetime | None = None,
    engine: str = "gradus",
) -> int:
    """Grade the submissions at `paths` into OUT/TOPIC/ and show how they did.

    `judges` is by default the number of processors. `timeout`, in seconds, takes the place of the
    topic's limit on one check, and the limit on a whole submission grows or shrinks with it. What
    was handed in after `due`, which has a time zone, is said to be late; its score stays. `engine`
    is gradus, or otter or nbgrader, which grade on the processor at the strongest isolation.
    Returns 0 when every submission has a result, 1 when one has none, 130 when interrupted; raises
    UsageError.
    """
    chosen = _with_timeout(course.topic(topic), timeout)
    test_file = course.test_file(chosen)
    if not test_file.is_file():
        raise UsageError(f"topic '{topic}' has no tests: {shown(test_file)} is not there")
    if judges is not None and judges < 1:
        raise UsageError("--workers must be at least 1")
    if engine != "gradus" and (isolation or device != "cpu"):
        raise UsageError(f"--isolation and --device are for --engine gradus, not for {engine}")
    messages = Console(stderr=True, highlight=False, markup=False)

    def say(line: str) -> None:
        messages.print(printable(line))

    found = gather(paths, chosen.id, due=due, handed_out=course.assignment(chosen), say=say)
    level = choose_level(course.isolation, isolation)
    if LEVELS.index(level) < LEVELS.index(course.isolation):
        messages.print(f"isolation: {level}, less than the course accepts ({course.isolation})")

    # Imports torch, which takes seconds: after all that can be wrong without it.
    from gradus.checks.session import list_checks
    from gradus.grading.grade import Conditions, grade_class

    _check_device(device)
    checks = list_checks(test_file)
    check_points(course, chosen, checks)
    store = Store(out / chosen.id)
    folders = dict.fromkeys(item.file.parent for item in found if not item.problem)
    judges = judges or len(os.sched_getaffinity(0))
    salt = read_salt(course)
    conditions = Conditions(chosen, test_file, checks, salt, level, device, engine)
    _record(course, chosen, salt, messages)
    if engine == "gradus":
        run: Callable[[Iterable[Job]], Iterator[tuple[Job, Result | NoResult]]] = partial(
            run_jobs,
            chosen,
            test_file,
            judges=judges,
            level=level,
            device=device,
            salt=salt,
            forbid_read=[course.solution(chosen).parent, store.folder, *folders],
        )
    else:
        from gradus.release.student import student_files
        from gradus.tools.engine import engine as other_engine

        given = partial(student_files, course, chosen, checks)
        run = other_engine(course, conditions, judges, given)
    outcomes = grade_class(
        found,
        conditions,
        store,
        run,
        force=force,
        say=say,
    )
    done: list[Graded] = []
    try:
        with closing(outcomes):
            for graded in _with_progress(outcomes, found, messages, jsonl):
                done.append(graded)
                if jsonl and isinstance(graded.result, Result):
                    print(graded.result.model_dump_json(), flush=True)
    except KeyboardInterrupt:
        saved = sum(isinstance(graded.result, Result) for graded in done)
        messages.print(
            f"stopped: {saved} of {len(found)} results are in {shown(store.folder)}; "
            "the same command goes on from there"
        )
        return 130
    return _report(done, level, store.folder, jsonl, messages)


def _record(course: Course, topic: Topic, salt: str, messages: Console) -> None:
    """Have the known mistakes ready that the judges name: once for each state of the tests."""
    from gradus.mistakes.prepare import prepare

    if not course.solution(topic).is_file():  # what was recorded came with the tests
        return
    with _bar(messages, "recording mistakes") as bar:
        task = bar.add_task("", total=None)
        prepare(course, topic, salt, lambda done, of: bar.update(task, completed=done, total=of))


def _with_timeout(topic: Topic, seconds: float | None) -> Topic:
    if seconds is None:
        return topic
    if not seconds > 0:
        raise UsageError("--timeout must be more than 0 seconds")
    total = topic.limits.submission_seconds * seconds / topic.limits.check_seconds
    limits = {"check_seconds": float(seconds), "submission_seconds": total}
    return topic.model_copy(update={"limits": topic.limits.model_copy(update=limits)})


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"--device {device} cannot be used here: {reason}") from None


def _with_progress(
    outcomes: Iterable[Graded], found: Sequence[Found], messages: Console, jsonl: bool
) -> Iterable[Graded]:
    """A bar on stderr, where that is a terminal and the results do not go to the same one."""
    hidden = jsonl and sys.stdout.isatty()
    with _bar(messages, "grading", hidden) as progress:
        task = progress.add_task("", total=len(found))
        for graded in outcomes:
            progress.update(task, advance=1)
            yield graded


def _bar(messages: Console, what: str, hidden: bool = False) -> Progress:
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        console=messages,
        transient=True,
        redirect_stdout=False,
        disable=hidden or not messages.is_terminal,
    )


def _report(
    done: Sequence[Graded], level: Isolation, folder: Path, jsonl: bool, messages: Console
) -> int:
    results = [graded.result for graded in done if isinstance(graded.result, Result)]
    results.sort(key=lambda result: result.submission)
    output = messages if jsonl else _stdout()
    if results and not jsonl:
        output.print(_table(results))
    kept = sum(graded.kept for graded in done)
    parts = [f"{len(results)} graded" + (f" ({kept} as before)" if kept else "")]
    if results:
        mean = sum(result.score for result in results) / len(results)
        parts.append(f"mean {mean:.1f} of {results[0].max_score:g}")
    if late := sum(result.handed_in.late for result in results):
        parts.append(f"{late} late")
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


def _stdout() -> Console:
    width = None if sys.stdout.isatty() else 160  # of a file: not the 80 columns of a terminal
    return Console(highlight=False, markup=False, width=width)


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("main diagnosis")  # the one column that gives way
    table.add_column("seconds", justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            Text(result.submission),
            f"{result.score:g}/{result.max_score:g}",
            str(result.status),
            Text(printable(result.main_diagnosis()), no_wrap=True, overflow="ellipsis"),
            f"{result.seconds:.1f}",
        )
    return table
