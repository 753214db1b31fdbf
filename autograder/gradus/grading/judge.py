"""A judge: one warm session over the submissions that arrive on its standard input.

Both directions are a stream of msgpack messages. In: the setup, then one message a job, until the
input ends. Out: one result for each job, in order.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgpack

from gradus.course import Topic
from gradus.jobs import Job
from gradus.results import Result
from gradus.sandbox.launcher import Launcher


def main() -> None:
    """Grade what comes in; end when the input ends, at once if in the middle of a submission."""
    inbox, outbox = _take_pipes()
    messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    unfinished = _Unfinished()
    threading.Thread(target=_receive, args=(inbox, messages, unfinished), daemon=True).start()
    setup = messages.get()
    if setup is None:
        return
    if setup["core"] is not None:
        os.sched_setaffinity(0, [setup["core"]])
    topic = Topic.model_validate(setup["topic"])
    closed = [Path(path) for path in setup["forbid_read"]]
    about = dict(fork=setup["fork"], forbid=topic.forbid)
    with Launcher(setup["level"], topic.limits, setup["device"], closed, **about) as launcher:
        try:
            launcher.prestart()  # both import torch for seconds: at the same time
        except OSError as error:  # of the machine; says what to do about it
            sys.exit(str(error))
        _grade(setup, topic, launcher, messages, outbox, unfinished)


def _grade(
    setup: dict[str, Any],
    topic: Topic,
    launcher: Launcher,
    messages: SimpleQueue[dict[str, Any] | None],
    outbox: BinaryIO,
    unfinished: _Unfinished,
) -> None:
    gc.disable()  # imports make many objects and no garbage: a quarter of their time
    from gradus.checks.session import run_session

    gc.enable()
    gc.freeze()

    def jobs() -> Iterator[Job]:
        while (message := messages.get()) is not None:
            checks = message.pop("checks")
            yield Job(**message, checks=None if checks is None else frozenset(checks))

    def emit(job: Job, result: Result) -> None:
        unfinished.add(-1)
        outbox.write(pack(result.model_dump(mode="json")))
        outbox.flush()

    test_file = Path(setup["test_file"])
    run_session(test_file, topic, jobs(), emit, launcher=launcher, salt=setup["salt"])


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes; text that is not Unicode arrives as escapes."""
    data: bytes = msgpack.packb(message, unicode_errors="backslashreplace")
    return data


class _Unfinished:
    """How many jobs have come in and have no result yet."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        with self._lock:
            self.count += n


def _receive(
    inbox: BinaryIO, messages: SimpleQueue[dict[str, Any] | None], unfinished: _Unfinished
) -> None:
    for number, message in enumerate(msgpack.Unpacker(inbox, read_size=65536)):
        if number:  # the first is the setup
            unfinished.add(1)
        messages.put(message)
    if unfinished.count:
        os._exit(1)  # nobody waits for the result: the parent was killed
    messages.put(None)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone: what else is printed goes to stderr."""
    inbox = os.fdopen(os.dup(0), "rb", buffering=0)
    outbox = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return inbox, outbox


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a thread still waits for input
