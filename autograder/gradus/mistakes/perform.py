"""Runs one check in this process, on the reference or on what instructors changed in it."""

from __future__ import annotations

import contextlib
import inspect
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradus.checks import record
from gradus.checks.local import Interrupted, LocalStudent
from gradus.checks.rng import Rng, derive_seed
from gradus.course import Topic
from gradus.mistakes.read import Mistakes


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
) -> tuple[record.Record, BaseException | None]:
    """Run a check on the module `names` for at most so many seconds of the processor's: what it
    has noted, and how it has ended. With `keep` the notes hold its calls."""
    seed = derive_seed(salt, sources.topic.id, name)
    student = LocalStudent(names, given=set(names) - set(sources.functions))
    fixtures: Mapping[str, Any] = {
        "student": student,
        "rng": Rng(seed),
        "device": "cpu",
        "topic": sources.topic,
    }
    notes = record.start(seed, recording=True, keep=keep)
    student.begin(name, seed % 2**31)
    try:
        with _at_most(seconds):
            check(**fixtures)
    except (Exception, Interrupted) as error:
        return notes, error
    return notes, None


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise Interrupted in what computes longer, where the system has such a timer.

    The processor's time counts: on a busy machine the clock would leave mistakes out.
    """
    if sys.platform == "win32":
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums come out the same wherever they are recorded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
