"""Runs one check in this process, on the reference or on what instructors changed in it."""

from __future__ import annotations

import contextlib
import gc
import inspect
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from gradus.checks import record
from gradus.checks.conventions import call_again
from gradus.checks.local import LocalStudent
from gradus.checks.rng import Rng, derive_seed, submission_seed
from gradus.course import Topic
from gradus.mistakes.read import Mistakes
from gradus.student import Student


@dataclass(frozen=True)
class Sources:
    """A topic's hand-written parts."""

    topic: Topic
    solution: str
    functions: Sequence[str]  # that students write
    mistakes: Mistakes
    test_file: Path


def given(check: Callable[..., Any]) -> Callable[..., Any]:
    """The check, called with all fixtures."""
    wanted = inspect.signature(check).parameters
    return lambda **fixtures: check(**{name: fixtures[name] for name in wanted})


def perform(
    name: str,
    check: Callable[..., Any],
    names: dict[str, Any],
    sources: Sources,
    salt: str,
    seconds: float,
    *,
    keep: bool = False,
    stop: bool = False,
    **about: Any,
) -> tuple[record.Record, BaseException | None]:
    """Run a check on the module `names`, whose calls may take so many seconds of the processor's:
    what it has noted, and how it has ended. With `keep` the notes hold its calls; with `stop` it
    ends at the first failure and notes nothing else, and what passes is called again as in grading.
    `about` are other fields of a Record.
    """
    seed = derive_seed(salt, sources.topic.id, name)
    student = LocalStudent(names, given=set(names) - set(sources.functions), seconds=seconds)
    fixtures: Mapping[str, Any] = {
        "student": student,
        "rng": Rng(seed),
        "device": "cpu",
        "topic": sources.topic,
    }
    notes = record.start(seed, recording=not stop, keep=keep, stop=stop, **about)
    student.begin(name, submission_seed(salt, sources.topic.id, name))
    try:
        check(**fixtures)
        if stop:
            call_again(cast(Student, student))
    except Exception as error:
        return notes, error
    return notes, None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums come out the same wherever they are recorded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def processes(count: int, *begin: Any) -> ProcessPoolExecutor:
    """Processes for trusted answers, each begun with `begin`, a function and its arguments; torch
    is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gradus.mistakes.recorder"])
    return ProcessPoolExecutor(count, context, _begin, begin)


def _begin(*rest: Any) -> None:
    # A sixth of the time goes by in looking for garbage, most of it among torch's own objects.
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    if rest:
        begin, *arguments = rest
        begin(*arguments)
