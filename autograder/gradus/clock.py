"""How long a submission may compute: the time of its own processes, whatever else the machine does.

The same file must have the same score on a busy machine, and what the judge does costs a student
nothing. By the clock on the wall a submission may take far longer, but not sleep for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


class Clock:
    """Of one submission: seconds that it may compute in one check, and in all."""

    def __init__(self, check: float, total: float) -> None:
        self.check = check
        self.total = total
        self._computed = [0.0, 0.0]  # in this check, and in all
        self._waited = [0.0, 0.0]
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
        self.check = check
        self._computed[0] = self._waited[0] = 0.0

    @contextmanager
    def apart(self, seconds: float) -> Iterator[None]:
        """Something that has so many seconds of its own, in the middle of a check."""
        check, computed, waited = self.check, self._computed[0], self._waited[0]
        self.begin(seconds)
        try:
            yield
        finally:
            self.begin(check)
            self._computed[0], self._waited[0] = computed, waited

    @property
    def is_over(self) -> bool:
        """Whether the submission has had all its time."""
        over = self._computed[1] >= self.total
        return over or self._waited[1] >= ON_THE_WALL * self.total

    @property
    def exceeded(self) -> str:
        """Which limit ended it, in a student's words."""
        if self._computed[1] >= self.total:
            return f"the submission computed for more than {self.total:g} s in all"
        if self._computed[0] >= self.check:
            return (
                f"computed for more than {self.check:g} s: does a loop not end, or go through the "
                "examples one by one? One product, or one sum along an axis, does all at once."
            )
        return (
            f"took longer than {ON_THE_WALL * self.check:g} s and computed in little of it: "
            "does it wait for something?"
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
        limits = (self.check, self.total)
        computing = min(limit - had for limit, had in zip(limits, self._computed, strict=True))
        waiting = min(
            ON_THE_WALL * limit - had for limit, had in zip(limits, self._waited, strict=True)
        )
        if computing <= 0 or waiting <= 0:
            raise Late
        return min(EVERY, waiting)

    def _tick(self) -> None:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        self._since += passed
        self._waited = [had + passed for had in self._waited]

    def _look(self) -> None:
        seen, self._since = self._cpu(), 0.0
        spent, self._seen = max(0.0, seen - self._seen), seen
        self._computed = [had + spent for had in self._computed]
