"""A class of submissions -> results, graded anew only where something has changed."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gradus.checks.session import check_result, tests_version
from gradus.course import Topic, shown
from gradus.grading.pool import NoResult
from gradus.grading.store import Store
from gradus.inbox.found import Found, Unreadable
from gradus.jobs import CheckInfo, Job
from gradus.results import Isolation, Result, Status, SubmissionStatus


@dataclass(frozen=True)
class Graded:
    """What became of one submission; `kept` is a result that an earlier run had saved."""

    name: str
    result: Result | NoResult
    kept: bool = False


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

    @property
    def version(self) -> str:
        return tests_version(self.test_file, self.topic, self.salt)


def grade_class(
    found: Sequence[Found],
    conditions: Conditions,
    store: Store,
    run: Callable[[Iterable[Job]], Iterator[tuple[Job, Result | NoResult]]],
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Generator[Graded, None, None]:
    """Grade submissions, saving each result before it is yielded, in the order they are finished.

    A saved result stands when file, tests, isolation, device and engine are the same, unless
    `force`. `run` is what grades jobs, run_jobs or another engine's; a generator, which is closed.
    `say` is told, in one line each, of what else was found in the store.
    """
    version = conditions.version
    read: dict[str, Found] = {}
    settled: deque[Graded] = deque()  # without a judge
    other_tests = 0

    def jobs() -> Iterator[Job]:
        nonlocal other_tests
        for item in found:
            read[item.name] = item
            try:
                source = item.read()
            except Unreadable as error:
                result = unreadable(item, str(error), conditions, version)
                store.save(result)
                settled.append(Graded(item.name, result))
                continue
            saved = None if force else _saved(store, item.name, say)
            if saved and saved.tests != version:
                other_tests += 1
            elif saved and _same(saved, item, source, conditions):
                settled.append(Graded(item.name, saved, kept=True))
                continue
            yield Job(item.name, item.filename, source)

    with closing(run(jobs())) as outcomes:  # type: ignore[type-var]
        for job, result in outcomes:
            while settled:
                yield settled.popleft()
            if isinstance(result, Result):
                item = read[job.submission]
                notes = [*result.notes, item.note] if item.note else result.notes
                update = {
                    "sha256": hashlib.sha256(job.source).hexdigest(),  # nbgrader rewrites notebooks
                    "environment": {**result.environment, "engine": conditions.engine},
                    "notes": notes,
                    "handed_in": item.handed_in,
                }
                result = result.model_copy(update=update)
                store.save(result)
            yield Graded(job.submission, result)
    yield from settled
    if other_tests:
        say(f"{other_tests} saved results were of other tests or limits, and are graded again")


def _saved(store: Store, name: str, say: Callable[[str], None]) -> Result | None:
    try:
        return store.load(name)
    except ValueError as error:
        say(f"{error}: kept as {shown(store.set_aside(name))}, graded again")
        return None


def _same(saved: Result, item: Found, source: bytes, conditions: Conditions) -> bool:
    if item.note and item.note not in saved.notes:
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
        checks=[check_result(check, Status.ERROR, 0, message=why) for check in conditions.checks],
    )
