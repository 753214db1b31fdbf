"""`gradus grade`: what is asked for on the command line, and what is shown of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gradus.course import (
    Course,
    Topic,
    UsageError,
    check_points,
    read_salt,
    shown,
    weakness,
)
from gradus.digests import keep_checks, known_checks, mistakes_digest
from gradus.grading.grade import Conditions, Graded, Run, grade_class
from gradus.grading.pool import run_jobs
from gradus.grading.store import Store
from gradus.inbox.downloads import gather
from gradus.inbox.found import Found, printable
from gradus.inbox.pieces import few
from gradus.inbox.topics import of_other_topics
from gradus.jobs import CheckInfo
from gradus.rendering import stdout
from gradus.report.graded import print_class
from gradus.report.load import read_adjusted, with_adjustment
from gradus.results import Result
from gradus.sandbox.levels import LEVELS, choose_level


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
        messages.print(printable(line), soft_wrap=True)

    found = gather(paths, chosen.id, due=due, handed_out=course.assignment(chosen), say=say)
    found = of_other_topics(found, course, chosen)
    level = choose_level(course.isolation, isolation)
    if LEVELS.index(level) < LEVELS.index(course.isolation):
        messages.print(f"isolation: {level}, less than the course accepts ({course.isolation})")

    store = Store(out / chosen.id)
    store.open()
    known = dict.fromkeys((item.name for item in found), float(chosen.points))
    by_hand = read_adjusted(store.folder, known)
    salt = read_salt(course)
    if weak := weakness(salt):
        say(weak)

    _check_device(device)
    checks = _checks(course, chosen, salt, messages)
    folders = dict.fromkeys(item.file.parent for item in found if not item.problem)
    judges = judges or len(os.sched_getaffinity(0))
    named = mistakes_digest(course, chosen)
    about = level, device, engine, named, course.hints
    conditions = Conditions(chosen, test_file, checks, salt, *about)
    if engine == "gradus":

        def run_with(judges: int) -> Run:
            return partial(
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

        def run_with(judges: int) -> Run:
            return other_engine(course, conditions, judges, given)

    run, alone = run_with(judges), run_with(1)
    outcomes = grade_class(found, conditions, store, run, alone, force=force, say=say)
    done: list[Graded] = []
    try:
        with closing(outcomes):
            for graded in _with_progress(outcomes, found, messages, jsonl):
                if isinstance(graded.result, Result):
                    result = with_adjustment(graded.result, by_hand)
                    graded = replace(graded, result=result)
                    if jsonl:
                        print(result.model_dump_json(), flush=True)
                done.append(graded)
    except (KeyboardInterrupt, UsageError) as error:
        saved = sum(isinstance(graded.result, Result) for graded in done)
        there = f"{saved} of {len(found)} results are in {shown(store.folder)}"
        on = "the same command goes on from there"
        if isinstance(error, UsageError):
            raise UsageError(f"{error}; {there}: {on}") from None
        messages.print(f"stopped: {there}; {on}")
        return 130
    gone = store.note([(item.name, item.file) for item in found], paths)
    if gone:
        say(f"no longer there, their results stay, marked as withdrawn: {few(gone)}")
    return print_class(done, level, store.folder, messages if jsonl else stdout(), messages)


def _checks(course: Course, topic: Topic, salt: str, messages: Console) -> list[CheckInfo]:
    """The checks, with the known mistakes ready that the judges name: looked at and recorded once
    for each state of the tests, for both import torch, which takes seconds."""
    if known := known_checks(course, topic, salt):
        check_points(course, topic, known)
        return known
    from gradus.checks.session import list_checks

    checks = list_checks(course.test_file(topic))
    check_points(course, topic, checks)
    if not course.solution(topic).is_file():  # what was recorded came with the tests
        return checks
    from gradus.mistakes.prepare import prepare

    with _bar(messages, "recording mistakes") as bar:
        task = bar.add_task("", total=None)
        prepare(course, topic, salt, lambda done, of: bar.update(task, completed=done, total=of))
    keep_checks(course, topic, salt, checks)
    return checks


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
