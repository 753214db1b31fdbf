"""The judge's exchange with one submission's process: requests, replies and callbacks, as data."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from gradus.clock import Allowance, Clock, Interrupted, until
from gradus.errors import one_line
from gradus.sandbox.launcher import Launcher
from gradus.sandbox.process import Output
from gradus.wire.channel import Closed, Late, Wait
from gradus.wire.frames import Callback, Garbage, Handle, Refused

START_SECONDS = 120.0  # of a process, before it sees the submission: torch from a cold disk
GRACE = 0.5  # a process that crashed is still on its way out when its socket closes


class Link:
    """A fresh process of `launcher`, whose time `clock` counts from when it is ready; what the
    judge computes for it is of `answering`.

    Raises OSError when it does not start.
    """

    def __init__(self, launcher: Launcher, clock: Clock, answering: Allowance) -> None:
        self._worker = launcher.start()
        self._clock = clock
        self._memory_mb = launcher.limits.memory_mb
        self._answering = answering
        self._number = 0
        self._callbacks: list[Callable[..., Any]] = []
        try:
            self._receive(until(time.monotonic() + START_SECONDS))
        except (Late, Closed, Garbage) as error:
            said = self.output.text()[-500:]
            why = f"{error!r} {self.kill(GRACE)} {said}"
            raise OSError(f"a submission's process does not start: {why}") from None
        clock.attend(self._worker.cpu_seconds)

    @property
    def output(self) -> Output:
        return self._worker.output

    def begin(self) -> None:
        """A check begins, and its output."""
        self.output.restart()

    def kill(self, grace: float = 0.0) -> str:
        """Ends the process and what it started; says how it had ended by itself, or ""."""
        return self._worker.kill(grace)

    def forget_callbacks(self) -> None:
        """Functions of the judge's that were passed so far can no longer be called."""
        self._callbacks.clear()

    def exchange(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """Sends a request and returns its (first) reply; runs callbacks meanwhile.

        Raises Late, Closed or Garbage, and TypeError when an argument is not data.
        """
        self._number += 1
        with self._clock.running():
            self._send((name, self._number, *arguments))
            while True:
                reply = self._receive(self._clock.wait)
                if reply[0] != "callback":
                    return reply
                with self._clock.paused():
                    answer = self._answer(reply)
                try:
                    self._send(answer)
                except Refused as error:
                    self._send(("raised", 0, f"ValueError: what the judge returns is {error}"))

    def receive(self) -> tuple[Any, ...]:
        """The next reply to the last request, without its number."""
        with self._clock.running():
            return self._receive(self._clock.wait)

    def _send(self, message: tuple[Any, ...]) -> None:
        self._worker.channel.send(message, self._as_data, self._clock.wait)

    def _receive(self, wait: Wait) -> tuple[Any, ...]:
        reply = self._worker.channel.receive(_no_callback, wait)
        if type(reply) is not tuple or len(reply) < 2:
            raise Garbage
        # A tensor is data too, and neither true nor equal to anything.
        if type(reply[0]) is not int or reply[0] != self._number or type(reply[1]) is not str:
            raise Garbage
        return reply[1:]

    def _answer(self, reply: tuple[Any, ...]) -> tuple[Any, ...]:
        """Runs a function of the judge's for the submission; its errors are the submission's."""
        match reply:
            case ("callback", int(ident), tuple(arguments), dict(keywords)) if (
                0 <= ident < len(self._callbacks)
            ):
                try:
                    with _bounded_memory(self._memory_mb), self._answering.spent():
                        return ("value", 0, self._callbacks[ident](*arguments, **keywords))
                except Interrupted:
                    return ("raised", 0, "TimeoutError: what the judge is asked for takes too long")
                except Exception as error:
                    return ("raised", 0, f"{type(error).__name__}: {error}"[:300])
        raise Garbage

    def _as_data(self, value: Any) -> Any:
        """What stands on the wire for an argument that is not plain data."""
        import numpy as np
        import torch

        if isinstance(value, torch.Tensor):
            return value.detach().as_subclass(torch.Tensor).to_dense()
        if isinstance(value, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(value))
        if isinstance(value, np.generic):
            return value.item()
        if callable(value):
            self._callbacks.append(value)
            return Callback(len(self._callbacks) - 1, getattr(value, "__name__", "function"))
        raise TypeError(f"a check passed a {type(value).__name__}, which is not data")


def _no_callback(reference: Handle | Callback) -> Handle:
    if isinstance(reference, Callback):
        raise Garbage
    return Handle(reference.id, one_line(reference.type_name, 100))


@functools.cache
def _statm(pid: int) -> int:
    """Where this process, `pid`, can read what it uses: to open it costs more than most answers."""
    return os.open("/proc/self/statm", os.O_RDONLY)


@contextlib.contextmanager
def _bounded_memory(megabytes: int) -> Iterator[None]:
    """The judge computes on a submission's numbers: shapes that explode must not take it along."""
    if sys.platform != "linux":
        yield
        return
    import resource

    used = int(os.pread(_statm(os.getpid()), 100, 0).split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
