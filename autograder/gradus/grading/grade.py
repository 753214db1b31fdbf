"""A class of submissions -> results, graded anew only where something has changed.

What a signal or a limit of the whole has ended is graded once more, alone: it may be the machine's
doing, which is no score.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gradus.course import Limits, Topic, shown
from gradus.digests import tests_version
from gradus.errors import NOT_READ
from gradus.grading.pool import NoResult
from gradus.grading.store import IN_ADJUSTED, Store
from gradus.inbox.found import Found, Unreadable
from gradus.jobs import CheckInfo, Job
from gradus.progress import hints_said
from gradus.results import Isolation, Result, Status, SubmissionStatus, first_line

Run = Callable[[Iterable[Job]], Iterator[tuple[Job, Result | NoResult]]]
# Of what a clock says of a limit that the machine may have a part in: on all checks, or of waiting.
# What one check computes is the submission's own doing, however busy the machine is.
_OF_THE_WHOLE = ("in all its checks", "computed in little of it")


@dataclass(frozen=True)
class Graded:
    """What became of one submission; `kept` is a result that an earlier run had saved, `before` the
    one that was there before, which somebody may have edited."""

    name: str
    result: Result | NoResult
    kept: bool = False
    before: Result | None = None
    edited: bool = False


@dataclass(frozen=True)
class Conditions:
    """What results depend on besides the submissions; equal conditions give equal results."""

    topic: Topic
    test_file: Path
    checks: Sequence[CheckInfo]  # of the test file
    salt: str
    level: Isolation
    device: str = "cpu"
    engine: str = "gradus"
    mistakes: str = ""  # a digest of what names them
    hints: bool = True  # whether the course gives any

    @property
    def version(self) -> str:
        return tests_version(self.test_file, self.topic, self.salt)

    @property
    def digests(self) -> dict[str, str]:
        """Of each that decides a result, by what people call it; none tells what it is of."""
        about = {
            "tests": self.test_file.read_bytes(),
            "course.yaml": self.topic.model_copy(update={"limits": Limits()}).settings().encode(),
            "limits": self.topic.limits.model_dump_json().encode(),
            "salt": f"conditions\0{self.salt}".encode(),
        }
        digests = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in about.items()}
        return {**digests, "mistakes": self.mistakes}


def grade_class(
    found: Sequence[Found],
    conditions: Conditions,
    store: Store,
    run: Run,
    alone: Run,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Generator[Graded, None, None]:
    """Grade submissions, saving each result before it is yielded, in the order they are finished.

    A saved result stands when file, tests, isolation, device and engine are the same, unless
    `force`. `run` is what grades jobs, run_jobs or another engine's; a generator, which is closed.
    `alone` does the same one after the other: what may be the machine's doing is graded once more
    by it, and only then saved. `say` is told, in one line each, of what else was found.
    """
    version, digests = conditions.version, conditions.digests
    read: dict[str, Found] = {}
    before: dict[str, tuple[Result | None, bool]] = {}
    settled: deque[Graded] = deque()  # without a judge
    ended: dict[str, tuple[Job, Result]] = {}
    other_tests = 0

    def jobs() -> Iterator[Job]:
        nonlocal other_tests
        for item in found:
            read[item.name] = item
            saved, edited = _saved(store, item.name, conditions, say)
            before[item.name] = saved, bool(edited)
            try:
                source = item.read()
            except Unreadable as error:
                result = unreadable(item, str(error), conditions, version)
                settled.append(finished(item.name, result))
                continue
            if saved and not force and not edited:
                other = saved.conditions and saved.conditions != digests
                if saved.tests != version or other:
                    other_tests += 1
                elif _same(saved, item, source, conditions):
                    settled.append(Graded(item.name, saved, kept=True))
                    continue
            yield Job(item.name, item.filename, source)

    def completed(job: Job, result: Result) -> Result:
        item = read[job.submission]
        update = {
            "sha256": hashlib.sha256(job.source).hexdigest(),  # nbgrader rewrites notebooks
            "environment": {**result.environment, "engine": conditions.engine},
            "notes": [*result.notes, item.note] if item.note else result.notes,
            "handed_in": item.handed_in,
        }
        if conditions.hints:
            functions = {check.function for check in conditions.checks}
            update["hints"] = hints_said(job.source, conditions.topic.id, functions)
        return result.model_copy(update=update)

    def finished(name: str, result: Result | NoResult) -> Graded:
        if isinstance(result, Result):
            result = store.save(result.model_copy(update={"conditions": digests}))
        return Graded(name, result, False, *before[name])

    with closing(run(jobs())) as outcomes:  # type: ignore[type-var]
        for job, result in outcomes:
            while settled:
                yield settled.popleft()
            if isinstance(result, Result):
                result = completed(job, result)
                if how_ended(result):
                    ended[job.submission] = job, result
                    continue
            yield finished(job.submission, result)
    yield from settled
    if ended:
        say(f"graded once more, alone, for a signal or a limit ended it: {', '.join(ended)}")
        with closing(alone(job for job, _ in ended.values())) as outcomes:  # type: ignore[type-var]
            for job, result in outcomes:
                if isinstance(result, Result):
                    result = _second(ended[job.submission][1], completed(job, result))
                yield finished(job.submission, result)
    if other_tests:
        say(f"{other_tests} saved results were of other tests or limits, and are graded again")


def how_ended(result: Result) -> str:
    """How a signal, an exit or a limit of the whole has ended a submission, or the empty string."""
    if result.status in (SubmissionStatus.CRASHED, SubmissionStatus.TIMEOUT):
        return first_line(result.message)
    if result.status is SubmissionStatus.UNREADABLE and result.message.startswith(NOT_READ):
        return first_line(result.message)
    for check in result.checks:
        of_whole = any(words in check.message for words in _OF_THE_WHOLE)
        if check.status is Status.KILLED or (check.status is Status.TIMEOUT and of_whole):
            return f"{check.function}: {first_line(check.message)}"
    return ""


def _second(first: Result, second: Result) -> Result:
    """The second result of what was graded twice, which says so."""
    again = how_ended(second)
    note = f"ended twice, the second time alone: {again}"
    if not again:
        note = f"graded twice, the second time alone; what ended the first: {how_ended(first)}"
    return second.model_copy(update={"alone": True, "notes": [*second.notes, note]})


def _saved(
    store: Store, name: str, conditions: Conditions, say: Callable[[str], None]
) -> tuple[Result | None, str]:
    """The saved result, and what shows that somebody has edited it."""
    try:
        result, edited = store.read(name)
        if result and result.topic != conditions.topic.id:
            raise ValueError(f"{shown(store.path(name))} is a result of the topic '{result.topic}'")
    except ValueError as error:
        say(f"{error}: kept as {shown(store.set_aside(name))}, graded again")
        return None, ""
    if edited:
        say(f"{shown(store.path(name))} {edited}: graded again; {IN_ADJUSTED}")
    return result, edited


def _same(saved: Result, item: Found, source: bytes, conditions: Conditions) -> bool:
    if item.note and item.note not in saved.notes:
        return False
    if how_ended(saved) and not saved.alone:
        return False
    before = (saved.handed_in, saved.sha256, saved.isolation, saved.device)
    now = (
        item.handed_in,
        hashlib.sha256(source).hexdigest(),
        conditions.level,
        conditions.device,
    )
    return before == now and saved.environment.get("engine") == conditions.engine


def unreadable(item: Found, why: str, conditions: Conditions, version: str) -> Result:
    """The result of a submission whose file cannot be taken; every check says `why`."""
    return Result(
        submission=item.name,
        topic=conditions.topic.id,
        status=SubmissionStatus.UNREADABLE,
        score=0,
        max_score=conditions.topic.points,
        isolation=conditions.level,
        device=conditions.device,
        seconds=0,
        sha256="",
        tests=version,
        message=why,
        notes=[item.note] if item.note else [],
        handed_in=item.handed_in,
        checks=[check.result(Status.ERROR, 0, message=why) for check in conditions.checks],
    )
