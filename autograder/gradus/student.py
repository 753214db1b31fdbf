"""The judge's stand-in for a submission: calls its functions in another process, gets data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradus.clock import Allowance, Clock
from gradus.errors import (
    NOT_READ,
    NOT_YET,
    Forbidden,
    Killed,
    LoadError,
    Missing,
    NotData,
    NotImplementedYet,
    Raised,
    SubmissionError,
    TimedOut,
    one_line,
)
from gradus.link import GRACE, Link
from gradus.results import SubmissionStatus
from gradus.sandbox.launcher import Launcher
from gradus.uses import Uses
from gradus.wire.channel import Closed, Late
from gradus.wire.frames import Garbage, Handle, Refused

if TYPE_CHECKING:
    from torch import Tensor

ANSWERS = 4  # times what a check may compute, the judge computes for a submission in all of them


@dataclass
class Trace:
    """What happened between `begin` and `end`."""

    output: str = ""  # printed by the submission, cut to limits.output_kb
    calls: list[str] = field(default_factory=list)  # functions called, each once, in order
    notes: list[str] = field(default_factory=list)  # scratch code passed over, devices
    changed_inputs: list[str] = field(default_factory=list)  # "linear_forward: x"


class Student:
    """`student.linear_forward(x, w, b)` calls that function of the submission.

    Any public name is a callable that returns data (None, numbers, strings, bytes, lists, tuples,
    dicts, CPU tensors) and Handles for everything else; it raises a SubmissionError when there is
    no value. The arguments may be the same kinds, Handles, numpy arrays, and functions of the
    judge's, which the submission can then call. Element 1 of what a `*_forward` returns is its
    cache, always a Handle.
    """

    def __init__(
        self, launcher: Launcher, filename: str, source: bytes, forbid: Sequence[str] = ()
    ) -> None:
        self.filename = filename
        self.functions: dict[str, str] = {}
        self.notes: list[str] = []
        self.last_changed: list[str] = []
        self.last_notes: list[str] = []
        self._launcher = launcher
        self._source = source
        self._forbid = list(forbid)
        self._uses = Uses()
        self._link: Link | None = None
        self._generation = 0
        self._failure: LoadError | None = None
        self._check: tuple[Any, ...] = (0, {})  # seed and stand-ins
        self._answers: dict[str, Callable[..., Any]] = {}
        self._trace = Trace()
        limits = launcher.limits
        self._clock = Clock(limits.check_seconds, limits.submission_seconds)
        self._answering = Allowance(ANSWERS * limits.check_seconds)  # by all of its processes

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.call(name, *args, **kwargs)

    def load(self) -> None:
        """Loads the submission if it is not.

        Raises LoadError, the same one every time, and TimedOut when all its time is used up.
        """
        if self._failure is not None:
            raise self._failure
        if self._link is not None:
            return
        if self._clock.total.is_over:
            raise TimedOut(self._clock.exceeded)
        link = self._link = Link(self._launcher, self._clock, self._answering)
        self._generation += 1
        limits = self._launcher.limits
        try:
            with self._clock.apart(max(limits.check_seconds, limits.submission_seconds / 4)):
                self._load(link)
        except LoadError as error:
            self._end_process()
            if self._generation == 1:  # what has loaded once may fail later without being refused
                self._failure = error
            raise

    def begin(
        self,
        check_name: str,
        seed: int = 0,
        stand_ins: Mapping[str, Callable[..., Any]] | None = None,
        answers: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Starts a check: its clock, its output, its random numbers; raises as `load` does.

        `stand_ins` are functions of the judge's that take the place of the submission's own of
        those names until the next check; the submission can call them but not read them. `answers`
        are those that answer this Student's own calls, without the submission.
        """
        self._answers = dict(answers or {})
        self._trace = Trace()
        self._check = (seed, dict(stand_ins or {}))
        self._clock.begin(self._launcher.limits.check_seconds)
        if self._link is not None:
            self._link.begin()
            try:
                self._request("begin", *self._check)
            except SubmissionError:  # it died between two checks
                self._clock.begin(self._launcher.limits.check_seconds)
        self.load()
        self._trace.notes = list(self.notes)

    @contextmanager
    def apart(self, seconds: float) -> Iterator[None]:
        """Calls in it may compute so many seconds, whatever the check has computed."""
        with self._clock.apart(seconds):
            yield

    def exchange(self) -> bool:
        """Let the inputs that the last forward has modified be what they were, in its cache, too;
        when it comes again, what the forward has made of them. False where it has modified none."""
        return self._is_done("exchange")

    def unfinished(self) -> Any:
        """The cache that the last forward, which has raised, was to return, as far as its variables
        show; None where they do not."""
        reply = self._request("unfinished") if self._link is not None else ()
        return reply[1] if len(reply) == 2 and isinstance(reply[1], Handle) else None

    def mend(
        self, cache: Any, returned: Tensor, right: Tensor, kept: Sequence[Tensor], as_kept: bool
    ) -> bool:
        """Let what the last forward has `returned` be `right` in its cache, and what a right one
        would have `kept`, as far as that shows, in the cache's own shapes or `as_kept`. False where
        nothing does, or these are no others; `exchange` undoes it."""
        return self._is_done("mend", cache, returned, right, list(kept), as_kept)

    def end(self) -> Trace:
        """Ends the check."""
        if self._link is not None:
            self._trace.output += self._link.output.text()
            self._link.forget_callbacks()
        return self._trace

    def call(self, target: str | Handle, *args: Any, **kwargs: Any) -> Any:
        """Calls a function by name, or a Handle that can be called."""
        name = target if isinstance(target, str) else target.type_name
        self.last_changed, self.last_notes = [], []
        if name not in self._trace.calls:
            self._trace.calls.append(name)
        self.load()
        if isinstance(target, str):
            if name in self._answers:
                return self._answered(name, args, kwargs)
            if name not in self.functions:
                raise Missing(f"{name} is not defined", function=name)
            used = self._uses.first(name, self._check[1])
            if used is not None:
                raise self._forbidden(name, *used)
        cached = name.endswith("_forward")
        reply = self._request("call", target, args, kwargs, cached, function=name)
        try:
            return self._value(name, reply)
        except (LookupError, TypeError, ValueError):
            raise self._end_with(NotData("the reply is not a message", function=name)) from None

    def _answered(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        try:
            return self._answers[name](*args, **kwargs)
        except Exception as error:
            message = one_line(f"{type(error).__name__}: {error}", 300)
            raise Raised(message, function=name) from None

    def relies_on(self, function: str) -> list[str]:
        """The submission's functions that `function` calls, directly or not, nearest first."""
        names = self._uses.reached(function)[1:]
        return [name for name in names if name in self.functions]

    def close(self) -> None:
        """Ends the submission's process."""
        self._end_process()

    def _value(self, name: str, reply: tuple[Any, ...]) -> Any:
        match reply:
            case ("value", value, list(changed), list(notes)):
                self.last_changed = _texts(changed[:50], 100)
                self.last_notes = _texts(notes[:50], 200)
                self._trace.changed_inputs += [f"{name}: {c}" for c in self.last_changed]
                self._trace.notes += [n for n in self.last_notes if n not in self._trace.notes]
                return value
            case ("raised", str(kind), str(text), str(where)):
                where = one_line(where, 200)
                message = f"{kind}: {text}" if text else kind
                raise Raised(message, function=name, location=where or self.functions.get(name))
            case ("not_implemented", str(inner), str(text), str(where)):
                where = one_line(where, 200)
                message = text or f"{inner or name}{NOT_YET}"
                raise NotImplementedYet(message, function=name, location=where or None)
            case ("forbidden", str(used), str(where)):
                raise self._forbidden(name, used, where)
            case ("memory",):
                limit = self._launcher.limits.memory_mb
                raise self._end_with(Killed(f"out of memory (limit {limit} MB)", function=name))
            case ("stale",):
                message = "a value that it needs was lost when its process ended"
                raise Killed(message, function=name)
            case ("refused", str(why)):
                place = self.functions.get(name)
                raise NotData(f"returned {why}", function=name, location=place)
        raise ValueError

    def _forbidden(self, function: str, name: str, where: str) -> Forbidden:
        name, where = one_line(name, 100), one_line(where, 200)
        message = f"{name} may not be used in this topic: {self._instead(name)}"
        return Forbidden(message, name=name, function=function, location=where or None)

    def _instead(self, name: str) -> str:
        """What may be used in place of a forbidden name."""
        import torch

        last = name.rpartition(".")[2]
        own = f"torch.{last}"
        elsewhere = name.startswith(("torch.nn.", "torch.special.", "scipy.", "numpy."))
        if elsewhere and hasattr(torch, last) and own not in self._forbid:
            return f"{own} may"
        return "torch's plain operators may"

    def _load(self, link: Link) -> None:
        """One load in a fresh process; raises LoadError."""
        stage = SubmissionStatus.UNREADABLE
        try:
            device, first_handle = self._launcher.device, self._generation << 32
            request = (self.filename, self._source, self._forbid, device, first_handle)
            reply = link.exchange("load", *request)
            if reply[0] == "read":
                stage = SubmissionStatus.CRASHED
                _, found, calls = reply
                self._uses = _uses_of(found, calls)
                reply = link.receive()
            self._loaded(reply)
            link.exchange("begin", *self._check)
        except Late:
            message = f"while it was loaded it {self._clock.exceeded}"
            raise LoadError(message, SubmissionStatus.TIMEOUT) from None
        except (Garbage, LookupError, TypeError, ValueError):
            message = "its process sent something that is not a message"
            raise LoadError(message, SubmissionStatus.CRASHED) from None
        except Closed:
            why = self._end_process(GRACE) or "its process ended"
            if stage is SubmissionStatus.UNREADABLE:
                why = f"{NOT_READ} ({why})"
            else:
                why = f"{why} while it was loaded"
            raise LoadError(why, stage) from None

    def _loaded(self, reply: tuple[Any, ...]) -> None:
        match reply:
            case ("unreadable", str(why), where):
                location = one_line(where, 200) if type(where) is str and where else None
                raise LoadError(why, SubmissionStatus.UNREADABLE, location=location)
            case ("exited", str(why)):
                raise LoadError(why, SubmissionStatus.CRASHED)
            case ("memory",):
                limit = self._launcher.limits.memory_mb
                message = f"out of memory (limit {limit} MB) while it was loaded"
                raise LoadError(message, SubmissionStatus.CRASHED)
            case ("loaded", dict(functions), list(notes)):
                names, places = _texts(functions, 500), _texts(functions.values(), 200)
                self.functions = dict(zip(names, places, strict=True))
                self.notes = _texts(notes[:50], 300)
            case _:
                raise ValueError

    def _is_done(self, *request: Any) -> bool:
        reply = self._request(*request) if self._link is not None else ()
        return len(reply) == 2 and reply[1] is True

    def _request(self, name: str, *arguments: Any, function: str | None = None) -> tuple[Any, ...]:
        """Sends a request within the check's time and returns the reply, callbacks answered."""
        assert self._link is not None
        try:
            return self._link.exchange(name, *arguments)
        except Late:
            place = self.functions.get(function or "")
            error = TimedOut(self._clock.exceeded, function=function, location=place)
            raise self._end_with(error) from None
        except Refused as error:  # what is handed back is what it has returned
            raise NotData(f"returned {error}", function=function) from None
        except Garbage:
            message = "its process sent something that is not data"
            raise self._end_with(NotData(message, function=function)) from None
        except Closed:
            why = self._end_process(GRACE) or "its process ended"
            raise Killed(
                why, function=function, location=self.functions.get(function or "")
            ) from None

    def _end_with(self, error: SubmissionError) -> SubmissionError:
        self._end_process()
        return error

    def _end_process(self, grace: float = 0.0) -> str:
        """Ends the process and what it started; says how it had ended by itself, or ""."""
        link, self._link = self._link, None
        if link is None:
            return ""
        self._clock.release()
        self._trace.output += link.output.text()
        return link.kill(grace)


def _texts(values: Iterable[Any], length: int) -> list[str]:
    """What a submission says that must be text; ValueError where it is not. To write another value
    out may take minutes."""
    texts = list(values)
    if not all(type(text) is str for text in texts):
        raise ValueError
    return [one_line(text, length) for text in texts]


def _uses_of(found: Any, calls: Any) -> Uses:
    """What the source shows, as the submission's process has read it; ValueError where it is no
    such thing."""
    if type(found) is not dict or type(calls) is not dict:
        raise ValueError
    first = zip(_texts(found, 500), (_texts(use, 200) for use in found.values()), strict=True)
    used = zip(_texts(calls, 500), (_texts(names, 500) for names in calls.values()), strict=True)
    return Uses({name: (what, where) for name, (what, where) in first}, dict(used))
