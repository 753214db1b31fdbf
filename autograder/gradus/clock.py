"""How long a submission may compute: the time of its own processes, whatever else the machine does.

The same file must have the same score on a busy machine, and what the judge does costs a student
nothing. By the clock on the wall a submission may take far longer, but not sleep for ever.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from gradus.wire.channel import Late

ON_THE_WALL = 10.0  # times as long as it may compute a submission may take by the clock
EVERY = 0.25  # seconds between two looks at what it has computed


def until(moment: float) -> Callable[[], float]:
    """What a channel waits by that only a moment of time.monotonic() ends."""

    def wait() -> float:
        left = moment - time.monotonic()
        if left <= 0:
            raise Late
        return left

    return wait


class Interrupted(BaseException):
    """This process has computed for as long as it may: no `except Exception` catches it."""


class Allowance:
    """Seconds of the processor's that this process may spend on somebody's behalf.

    Counted in the main thread, where the system has such a timer; elsewhere there is no end.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Whatever is computed here; raises Interrupted when nothing is left."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            yield
            return
        if self.left <= 0:
            raise Interrupted
        _answer_alarms()
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, self.left)
        try:
            yield
        except Interrupted:
            self.left = 0.0  # the two clocks differ by a tick
            raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.left -= time.process_time() - started


@cache
def _answer_alarms() -> None:
    """Once a process: it takes longer than many a call, and no alarm comes when none is set."""
    signal.signal(signal.SIGPROF, _interrupt)


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted


@dataclass
class Limit:
    """Seconds that may be computed, and what was computed and waited so far."""

    seconds: float
    computed: float = 0.0
    waited: float = 0.0

    @property
    def waiting(self) -> float:
        """Seconds that are left by the clock."""
        return ON_THE_WALL * self.seconds - self.waited

    @property
    def is_over(self) -> bool:
        return self.computed >= self.seconds or self.waiting <= 0


class Clock:
    """Of one submission: seconds that it may compute in one check, and in all."""

    def __init__(self, check: float, total: float) -> None:
        self.check = Limit(check)
        self.total = Limit(total)
        self._cpu: Callable[[], float] = float
        self._seen = 0.0  # of what the process has computed
        self._since = 0.0  # seconds that it has run since then
        self._last = 0.0

    def attend(self, cpu: Callable[[], float]) -> None:
        """Of a new process, count what it computes from now on."""
        self._cpu, self._seen, self._since = cpu, cpu(), 0.0

    def release(self) -> None:
        """The process is about to end."""
        self._look()
        self._cpu = float

    def begin(self, check: float) -> None:
        """Start a check of so many seconds."""
        self._look()
        self.check = Limit(check)

    @contextmanager
    def apart(self, seconds: float) -> Iterator[None]:
        """Something that has so many seconds of its own, in the middle of a check."""
        check = self.check
        self.begin(seconds)
        try:
            yield
        finally:
            self._look()
            self.check = check

    @property
    def exceeded(self) -> str:
        """Which limit ended it, in a student's words."""
        limit, where = (self.total, " in all") if self.total.is_over else (self.check, "")
        if limit.computed < limit.seconds:
            return (
                f"took longer than {ON_THE_WALL * limit.seconds:g} s{where} and computed in little "
                "of it: does it wait for something?"
            )
        if limit is self.total:
            return f"computed for more than {limit.seconds:g} s in all its checks"
        return (
            f"computed for more than {limit.seconds:g} s: does a loop not end, or go through the "
            "examples one by one? One product, or one sum along an axis, does all at once."
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the judge waits for the submission."""
        self._last = time.monotonic()
        try:
            yield
        finally:
            self._tick()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the submission waits for the judge."""
        self._tick()
        try:
            yield
        finally:
            self._last = time.monotonic()

    def wait(self) -> float:
        """For how long a channel may wait before it asks again; raises Late when time is up."""
        self._tick()
        if self._since >= EVERY:
            self._look()
        if self.check.is_over or self.total.is_over:
            raise Late
        return min(EVERY, self.check.waiting, self.total.waiting)

    def _tick(self) -> None:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        self._since += passed
        for limit in (self.check, self.total):
            limit.waited += passed

    def _look(self) -> None:
        seen, self._since = self._cpu(), 0.0
        spent, self._seen = max(0.0, seen - self._seen), seen
        for limit in (self.check, self.total):
            limit.computed += spent
