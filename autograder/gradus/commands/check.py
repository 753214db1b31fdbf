"""`gradus check`: a student's own run of the public checks, once or whenever the file is saved."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gradus.course import Course, Topic, UsageError, find_course, load_course, shown
from gradus.files import CannotWrite
from gradus.inbox.topics import OtherTopics
from gradus.jobs import Job
from gradus.sandbox.launcher import Launcher

if TYPE_CHECKING:
    from gradus.results import Result


AT_ONCE = 10.0  # seconds apart are two files that nobody saved: a zip or a clone was unpacked


def check(topic_id: str, path: Path | None, watch: bool, function: str | None = None) -> int:
    """Check one topic, or one function of it, and print what works, what does not and why.

    Without `path` the file is T.py or T.ipynb in the assignment's folder, whichever was saved
    last. Returns 0 when every check passes, else 1; with `watch`, 0 when interrupted.
    """
    course = load_course(find_course())
    topic = course.topic(topic_id)
    tests = course.public_test_file(topic)
    if not tests.is_file():
        is_students = not course.solution(topic).is_file()
        what = "it is not in your folder yet" if is_students else f"`gradus build {topic.id}` first"
        raise UsageError(f"no {shown(tests)}: {what}")
    file = path or newest(course, topic)
    if not file.is_file():
        raise UsageError(f"no file {shown(file)}")
    if other := OtherTopics(course).of(topic, file.read_bytes(), file.name):
        print(f"{shown(file)} looks like {other}, not {topic.id}", file=sys.stderr)
    code = 0
    gc.disable()  # imports make many objects and no garbage: a quarter of their time
    with Launcher("process", topic.limits, fork=True) as launcher:
        launcher.prestart()  # first of all: torch is imported once, or in both processes at once

        from rich.console import Console

        from gradus.checks.plugin import PUBLIC_SALT
        from gradus.checks.session import run_session
        from gradus.progress import record_progress
        from gradus.rendering import render

        gc.enable()
        gc.freeze()
        console = Console(highlight=False)

        def emit(job: Job, result: Result) -> None:
            nonlocal code
            if function and not result.checks and not result.message:
                raise UsageError(f"no check of '{topic.id}' is about a function '{function}'")
            code = 0 if result.score == result.max_score else 1
            if watch and console.is_terminal:
                console.clear()
            console.print(render(result, topic, file.name, function is None))
            if function is None:
                try:
                    record_progress(course, topic, result.score, result.max_score)
                except (OSError, CannotWrite) as error:  # no fault of the work
                    reason = error.reason if isinstance(error, CannotWrite) else error.strerror
                    console.print(f"  progress is not kept: {reason}", style="dim")
                for line in _whats_next(course, topic) if not code else ():
                    console.print(f"  {line}", markup=False)
            if watch:
                console.print(
                    f"[dim]watching {shown(file)}: save it to check again, Ctrl-C ends[/]"
                )
                launcher.prestart()

        try:
            jobs = _jobs(file, watch, function)
            run_session(tests, topic, jobs, emit, launcher=launcher, salt=PUBLIC_SALT)
        except KeyboardInterrupt:
            if not watch:
                raise
            code = 0
    return code


def _whats_next(course: Course, topic: Topic) -> Iterator[str]:
    """What somebody reads whose checks all pass."""
    from gradus.progress import read_progress

    if topic.objectives:
        yield f"You can now {topic.objectives}"
    yield f"gradus show {topic.id}               the figure, drawn by your functions"
    yield f"gradus show {topic.id} experiment    write down first what you expect"
    done = {id for id, p in read_progress(course).items() if p.score >= p.max_score}
    at = course.topics.index(topic)
    for other in [*course.topics[at:], *course.topics[:at]]:
        if other.id not in done and done.issuperset(other.needs):
            there = course.public_test_file(other).is_file()
            how = f"gradus check {other.id}    " if there else ""
            yield f"{how}{other.title}, the next topic{'' if there else ': not in your folder yet'}"
            return


def newest(course: Course, topic: Topic) -> Path:
    """T.py or T.ipynb in the assignment's folder, whichever was saved last; else UsageError."""
    folder = course.assignment(topic)
    found = [folder / f"{topic.id}{suffix}" for suffix in (".ipynb", ".py")]
    found = [file for file in found if file.is_file()]
    if not found:
        raise UsageError(f"no {topic.id}.py or {topic.id}.ipynb in {shown(folder)}/")
    *others, latest = sorted(found, key=lambda file: file.stat().st_mtime)
    for other in others:
        if latest.stat().st_mtime - other.stat().st_mtime > AT_ONCE:
            print(f"{shown(latest)} (saved after {other.name})", file=sys.stderr)
    return latest


def _jobs(file: Path, watch: bool, function: str | None) -> Iterator[Job]:
    seen = file.read_bytes()
    yield Job(file.stem, file.name, seen, function=function)
    if not watch:
        return
    from watchfiles import watch as changes

    # The folder, for editors replace the file when they save; once a second without a change as
    # well, for the file may have been saved while it was being checked.
    for _ in changes(file.parent, yield_on_timeout=True, rust_timeout=1000):
        if file.is_file() and (now := file.read_bytes()) != seen:
            seen = now
            yield Job(file.stem, file.name, seen, function=function)
