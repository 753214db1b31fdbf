"""One warm pytest session that judges any number of submissions with a topic's tests."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import pytest

import gradus
from gradus.checks import record
from gradus.checks.explain import PENCIL, agree, conclude
from gradus.checks.failure import MEND_FIRST, SHORT, CheckFailed, hint
from gradus.checks.plugin import SUBJECT, Subject
from gradus.checks.recorded import Recording, load_recording
from gradus.checks.rng import derive_seed, submission_seed
from gradus.checks.show import show_calls
from gradus.checks.stand_ins import StandIns, choices, documented, usable
from gradus.course import Topic, UsageError
from gradus.digests import tests_version
from gradus.errors import NOT_YET, LoadError, Raised, SubmissionError, one_line
from gradus.jobs import CheckInfo, Job
from gradus.results import CheckResult, Isolation, Result, Status, SubmissionStatus
from gradus.sandbox.launcher import Launcher
from gradus.student import Student

SMALLEST = "The smallest call of this check that goes wrong:"
EDGE = 0.25  # of a function's points, at most, for what it should refuse, or for a dtype


def list_checks(test_file: Path) -> list[CheckInfo]:
    """The checks of a test file in their order. Raises UsageError when it cannot be collected."""
    found: list[CheckInfo] = []

    def loop(items: Sequence[pytest.Item]) -> None:
        found.extend(describe(item) for item in items)

    collect(test_file, loop)
    return found


def run_session(
    test_file: Path,
    topic: Topic,
    jobs: Iterable[Job],
    emit: Callable[[Job, Result], None],
    *,
    launcher: Launcher,
    salt: str,
) -> None:
    """Judge each job and pass its result to `emit` before the next job is asked for.

    `jobs` may block. Raises UsageError when the tests cannot be collected.
    """
    version = tests_version(test_file, topic, salt)

    def loop(items: Sequence[pytest.Item]) -> None:
        recorded: dict[str, Recording | None] = {}
        for job in jobs:
            of_job = job.salt or salt
            if of_job not in recorded:
                recorded[of_job] = load_recording(test_file, of_job)
            student = Student(launcher, job.filename, job.source, forbid=topic.forbid)
            subject = Subject(topic, launcher.device, of_job, student)
            subject.know(recorded[of_job])
            emit(job, judge(job, items, subject, launcher.level, version))

    collect(test_file, loop)


def collect(test_file: Path, loop: Callable[[Sequence[pytest.Item]], None]) -> None:
    """Run pytest on one file with `loop` in place of its own test loop."""
    hooks = _Hooks(loop)
    arguments = [
        str(test_file),
        *("-p", "gradus.checks.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"),
        *("-p", "no:logging", "-p", "no:warnings", "-p", "no:faulthandler"),
        *("-p", "no:unraisableexception", "-p", "no:threadexception"),  # collect garbage for long
        *("--capture=no", "--noconftest", "--import-mode=importlib"),
        *("-c", os.devnull, f"--rootdir={test_file.parent}"),
    ]
    with _environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS=""):
        code = pytest.main(arguments, plugins=[hooks])
    sys.modules.pop(test_file.stem, None)  # or a file of the same name would get this one's tests
    if hooks.error is not None:
        raise hooks.error
    if hooks.collection_errors or code not in (0, 5):
        reason = hooks.collection_errors[0] if hooks.collection_errors else f"pytest exit {code}"
        raise UsageError(f"{test_file}: the tests cannot be collected: {reason}")


class _Hooks:
    def __init__(self, loop: Callable[[Sequence[pytest.Item]], None]) -> None:
        self.loop = loop
        self.error: BaseException | None = None
        self.collection_errors: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            lines = str(report.longrepr).strip().splitlines() or ["unknown error"]
            self.collection_errors.append(lines[-1].removeprefix("E").strip())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not self.collection_errors:
            try:
                self.loop(session.items)
            except BaseException as error:  # carried past pytest, which would print it
                self.error = error
        return True


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@lru_cache(maxsize=64)  # of each submission all are asked, check by check
def describe(item: pytest.Item) -> CheckInfo:
    points = item.get_closest_marker("points")
    if points is None or not points.args or "of" not in points.kwargs:
        raise UsageError(f'{item.path}: {item.name} needs @points(N, of="function")')
    seen = item.get_closest_marker("visibility")
    check = cast(Any, item).obj
    documentation = check.__doc__ or item.name
    return CheckInfo(
        name=item.name,
        title=" ".join(documentation.split("\n\n")[0].split()),
        function=points.kwargs["of"],
        points=float(points.args[0]),
        public=item.get_closest_marker("public") is not None,
        visibility=seen.args[0] if seen else "visible",
        threshold="topic" in inspect.signature(check).parameters,
    )


def judge(
    job: Job, items: Sequence[pytest.Item], subject: Subject, level: Isolation, version: str
) -> Result:
    """Judge one submission, the subject's student, and close it; `items` are all checks."""
    started = time.perf_counter()
    student = subject.student
    assert student is not None
    subject.show = job.function is not None
    chosen = [i for i in items if job.checks is None or i.name in job.checks]
    if job.function is not None:
        chosen = [i for i in chosen if describe(i).function == job.function]
    if job.up_to is not None:
        last = [n for n, i in enumerate(chosen, 1) if describe(i).function == job.up_to]
        chosen = chosen[: last[-1] if last else 0]
    checks: list[CheckResult] = []
    attempts: list[_Attempt] = []
    status, message = SubmissionStatus.GRADED, ""
    try:
        student.load()
        for item in chosen:
            attempts.append(_run_check(item, subject, checks))
            checks.append(attempts[-1].result)
        checks = _agreed(attempts)
    except LoadError as error:
        status, message = error.submission_status, error.message
        checks = [describe(i).result(error.status, 0.0, message=message) for i in chosen]
    finally:
        student.close()
    return Result(
        submission=job.submission,
        topic=subject.topic.id,
        status=status,
        score=round(sum(c.points for c in checks), 6),
        max_score=sum(describe(i).points for i in chosen),
        isolation=level,
        device=subject.device,
        seconds=round(time.perf_counter() - started, 3),
        sha256=hashlib.sha256(job.source).hexdigest(),
        tests=version,
        environment=_environment_of_run(),
        message=message,
        notes=list(student.notes),
        checks=checks,
    )


def _environment_of_run() -> dict[str, str]:
    import torch

    return {
        "gradus": gradus.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(terse=True),
    }


@dataclass
class _Attempt:
    """One run of a check: its result, what it has noted, and how that was explained."""

    result: CheckResult
    notes: record.Record
    error: BaseException | None


def _agreed(attempts: Sequence[_Attempt]) -> list[CheckResult]:
    """The results, where the failed checks of a function name the same mistake if one fits all."""
    of_functions: dict[str, list[_Attempt]] = {}
    passed: dict[str, list[record.Record]] = {}
    for one in attempts:
        if one.result.status is Status.FAILED and one.notes.failures:
            of_functions.setdefault(one.result.function, []).append(one)
        elif one.result.status is Status.PASSED:
            passed.setdefault(one.result.function, []).append(one.notes)
    for function, failed in of_functions.items():
        beside = passed.get(function, [])
        if len(failed) == 1 and not (failed[0].notes.by_rule and beside):  # it agrees with itself
            continue
        agreed = agree([one.notes for one in failed], beside)
        for one, error in zip(failed, agreed, strict=True):
            if not isinstance(one.error, CheckFailed) or not isinstance(error, CheckFailed):
                continue
            known = error.diagnosis or one.error.diagnosis  # else the first has a call to follow
            now = str(error if known else one.error)
            message = now + one.result.message.removeprefix(str(one.error))
            changed = {"message": message, "diagnosis": error.diagnosis}
            one.result = one.result.model_copy(update=changed)
    return [one.result for one in attempts]


def _run_check(item: pytest.Item, subject: Subject, before: Sequence[CheckResult]) -> _Attempt:
    """The result with the first choice of stand-ins, or a better one with another."""
    offered: StandIns = getattr(cast(Any, item).module, "STAND_INS", {})
    takes = subject.parameters
    offered = {n: documented(f, takes[n]) if n in takes else f for n, f in offered.items()}
    functions = [describe(one).function for one in item.session.items]
    at = item.session.items.index(item)
    untried = set(functions[at:]) - set(functions[:at])
    first, *more = choices(offered, functions[at], before, untried)
    own = None
    if _may_do_without(item, first, before):
        own = _attempt(item, subject, before, {})
        if own.result.status is Status.PASSED:
            return own
        more.remove({})
    best = _attempt(item, subject, before, first)
    for replaced in more:
        if best.result.status in (Status.FAILED, Status.PARTIAL, Status.ERROR):
            again = _attempt(item, subject, before, replaced)
            best = max(best, again, key=_worth)
    return best if own is None else max(best, own, key=_worth)


def _worth(one: _Attempt) -> tuple[float, bool]:
    """An error may come of a stand-in's cache, which the submission has not made."""
    return one.result.points, not isinstance(one.error, Raised)


def _may_do_without(item: pytest.Item, needed: StandIns, before: Sequence[CheckResult]) -> bool:
    """A threshold may be reached with functions that are a little wrong, and without the thousands
    of calls in which stand-ins train; not with functions that hang or crash."""
    lost = [c.status for c in before if c.function in needed and c.points < c.max_points]
    wrong = all(status in (Status.FAILED, Status.PARTIAL) for status in lost)
    return bool(needed) and wrong and "topic" in cast(Any, item).fixturenames


def _attempt(
    item: pytest.Item, subject: Subject, before: Sequence[CheckResult], replaced: StandIns
) -> _Attempt:
    assert subject.student is not None
    info = describe(item)
    started = time.perf_counter()
    item.config.stash[SUBJECT] = subject
    seed = derive_seed(subject.salt, subject.topic.id, item.name)
    lost = frozenset(c.function for c in before if c.points < c.max_points)
    passed = frozenset(c.function for c in before if c.points == c.max_points)
    forward = info.function.removesuffix("backward") + "forward"
    said = "\n".join(c.message for c in before if c.function == forward)
    short = frozenset(c.function for c in before if SHORT in c.message)
    told = frozenset(c.function for c in before if c.diagnosis == "dtype")
    shown = any(PENCIL in c.message for c in before if c.function == info.function)
    notes = record.start(
        seed,
        keep=subject.show,
        known=subject.known.get(item.name, ()),
        edges=subject.edges.get(item.name, ()),
        small=() if shown else subject.small.get(item.name, ()),
        many=subject.many.get(item.name, ()),
        float32=subject.float32.get(item.name, 1.0),
        defaults=subject.defaults,
        caches=subject.caches.get(item.name, ()),
        lost=lost,
        passed=passed,
        short=short,
        told=told,
        said=said,
    )
    try:
        own_seed = submission_seed(subject.salt, subject.topic.id, item.name)
        lent = usable(replaced, info.function, subject.uses)
        subject.student.begin(item.name, own_seed, stand_ins=lent, answers=replaced)
        error = conclude(_run_item(item), notes, subject.student)
    except SubmissionError as refused:  # the submission could not be started again
        error = refused
    except Exception as fault:  # of ours, whatever has led to it: one check's loss and no judge's
        error = fault
    trace = subject.student.end()
    status, share, message, diagnosis, location = _verdict(error, notes)
    if status is Status.FAILED and notes.only_an_edge:
        of_function = [i for i in map(describe, item.session.items) if i.function == info.function]
        worth = sum(i.points for i in of_function)
        share = max(0.0, 1 - EDGE * worth / info.points)
        status = Status.PARTIAL if share else status
    calls = show_calls(notes.shown, SMALLEST) if subject.show else ""
    needed = message.removesuffix(NOT_YET)
    if status is Status.NOT_IMPLEMENTED and needed not in (message, info.function):
        message = f"it needs {needed}, which{NOT_YET}"
    elif share < 1 and status is not Status.NOT_IMPLEMENTED:
        lost -= {info.function, *replaced}
        vague = status is Status.FAILED and diagnosis in (None, "shape")
        unexplained = vague or isinstance(error, Raised)
        relied = [name for name in subject.student.relies_on(info.function) if name in lost]
        below = [name for name in subject.student.relies_on(forward) if name in lost]
        if relied:
            message += f"\nIt calls {relied[0]}, which fails its own check: {MEND_FIRST}"
        elif info.function.endswith("_backward") and forward in lost and MEND_FIRST not in message:
            message += f"\nThe cache is {forward}'s, which fails its own check: {MEND_FIRST}"
        elif info.function.endswith("_backward") and below and MEND_FIRST not in message:
            message += f"\nThe cache is {forward}'s, which calls {below[0]}, which fails its own "
            message += f"check: {MEND_FIRST}"
        elif info.function.endswith("_backward") and unexplained and MEND_FIRST not in message:
            message += f"\nIt is wrong, or else what {forward} keeps for it in the cache."
    raised_by = getattr(error, "function", None) or info.function
    result = info.result(
        status,
        round(info.points * share, 6),
        message=message,
        diagnosis=diagnosis,
        location=location or subject.student.functions.get(info.function),
        follows=raised_by != info.function or MEND_FIRST in message,
        metrics=notes.metrics,
        output=trace.output,
        calls=calls,
        seconds=round(time.perf_counter() - started, 4),
    )
    return _Attempt(result, notes, error)


def _run_item(item: pytest.Item) -> BaseException | None:
    """Run one item as pytest's own protocol does, and keep the exception instead of a report."""
    function = cast(Any, item)  # pytest.Function; re-run as pytest-rerunfailures does it
    if not getattr(function, "_request", False):
        function._initrequest()
    error: BaseException | None = None
    for phase in (item.ihook.pytest_runtest_setup, item.ihook.pytest_runtest_call):
        if error is None:
            outcome = pytest.CallInfo.from_call(partial(phase, item=item), when="call")
            error = outcome.excinfo.value if outcome.excinfo else None
    kept = item.parent  # the module stays set up for the next check
    outcome = pytest.CallInfo.from_call(
        lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=kept), when="teardown"
    )
    function._request = False
    function.funcargs = None
    return error or (outcome.excinfo.value if outcome.excinfo else None)


def _verdict(
    error: BaseException | None, notes: record.Record
) -> tuple[Status, float, str, str | None, str | None]:
    """Status, share of the points, message, diagnosis and location of a check."""
    if error is None:
        return Status.PASSED, 1.0, "\n".join(notes.remarks), None, None
    if isinstance(error, CheckFailed):
        status = Status.PARTIAL if error.credit > 0 else Status.FAILED
        return status, error.credit, str(error), error.diagnosis, None
    if isinstance(error, SubmissionError):
        if not isinstance(error, Raised):
            return error.status, 0.0, error.message, None, error.location
        kind, message = error.message.split(":")[0], f"{error.message}\n{hint(error.message)}"
        return error.status, 0.0, message.strip(), f"raised:{kind}", error.location
    why = one_line(f"{type(error).__name__}: {error}")
    reason = f"this check could not judge what was returned: {why}"
    return Status.ERROR, 0.0, reason, None, None
