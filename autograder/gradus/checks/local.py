"""A trusted submission in this very process: the reference, and what instructors changed in it.

It takes the place of a `Student` while mistakes are recorded and tried. No student's code comes
here.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gradus.checks.record import current
from gradus.clock import Allowance, Interrupted
from gradus.errors import Missing, NotData, NotImplementedYet, Raised, TimedOut, one_line
from gradus.inside import changes, values
from gradus.inside.loading import describe
from gradus.student import Trace
from gradus.wire.frames import Handle, Refused

LIMIT = 1 << 28  # bytes of what is returned


class LocalStudent:
    """Calls the functions of `names`, a module's, as a Student would.

    All calls of a check may take `seconds` of the processor's time: on a busy machine the clock
    would leave mistakes out. Where the system has no such timer, they take what they take.
    """

    def __init__(self, names: dict[str, Any], given: Collection[str] = (), *, seconds: float):
        self.names = names
        self.given = frozenset(given)  # not written by students
        self.functions = dict.fromkeys((n for n, f in names.items() if callable(f)), "")
        self.notes: list[str] = []
        self.last_changed: list[str] = []
        self.last_notes: list[str] = []
        self._kept: dict[int, Any] = {}
        self._changes = changes.Changes()
        self._replaced: dict[str, Any] = {}  # what the stand-ins of the check hide
        self._answers: Mapping[str, Any] = {}  # stand-ins that are called from here
        self._added: set[str] = set()  # stand-ins of what is missing
        self._seconds, self._allowance = seconds, Allowance(seconds)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.call(name, *args, **kwargs)

    def load(self) -> None:
        """Is loaded."""

    def begin(
        self,
        check: str,
        seed: int,
        stand_ins: Mapping[str, Any] | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        """As Student.begin."""
        self._answers = answers or {}
        self._kept.clear()
        self._allowance = Allowance(self._seconds)
        self.names.update(self._replaced)
        for name in self._added:
            self.names.pop(name, None)
        stand_ins = stand_ins or {}
        self._replaced = {name: self.names[name] for name in stand_ins if name in self.names}
        self._added = set(stand_ins) - set(self._replaced)
        self.names.update({name: _called_back(f) for name, f in stand_ins.items()})
        torch.default_generator.manual_seed(seed)  # torch.manual_seed asks for other devices
        random.seed(seed)

    @contextmanager
    def apart(self, seconds: float) -> Iterator[None]:
        """As Student.apart."""
        before, self._allowance = self._allowance, Allowance(seconds)
        try:
            yield
        finally:
            self._allowance = before

    def exchange(self) -> bool:
        """As Student.exchange."""
        return self._changes.exchange()

    def kept(self, handle: Handle) -> Any:
        """What a function has returned that is no data."""
        return self._kept[handle.id]

    def unfinished(self) -> Any:
        """As Student.unfinished."""
        try:
            return self._keep(self._changes.unfinished())
        except Exception:
            return None

    def mend(
        self, cache: Any, returned: Tensor, right: Tensor, kept: Sequence[Tensor], as_kept: bool
    ) -> bool:
        """As Student.mend."""
        if not isinstance(cache, Handle):  # over the wire it would be a copy that is mended
            return False
        return self._changes.mend(self.kept(cache), returned, right, list(kept), as_kept)

    def end(self) -> Trace:
        """Ends the check."""
        return Trace()

    def close(self) -> None:
        """Ends nothing."""

    def relies_on(self, function: str) -> list[str]:
        """Nothing is known of who calls whom."""
        return []

    def call(self, target: str | Handle, *args: Any, **kwargs: Any) -> Any:
        """As Student.call."""
        self.last_changed = []
        name = target if isinstance(target, str) else target.type_name
        inputs: list[tuple[Tensor, Tensor]] = []
        hands_a_function = False  # which is no data

        def own(value: Any) -> Any:
            nonlocal hands_a_function
            if type(value) in (list, tuple):
                return type(value)(map(own, value))
            if type(value) is dict:
                return {key: own(item) for key, item in value.items()}
            if isinstance(value, Handle):
                return self._kept[value.id]
            if isinstance(value, Tensor):
                copy = value.detach().clone()
                inputs.append((copy, value))
                return copy
            hands_a_function |= callable(value)
            return value

        args, kwargs = own(args), own(kwargs)
        if name not in self.given and (not current().inside or hands_a_function):
            current().properties = True
        if isinstance(target, str) and target not in {*self.names, *self._answers}:
            raise Missing(f"{name} is not defined", function=name)
        if name in self._answers:
            function = _called_back(self._answers[name])
        else:
            function = self.names[name] if isinstance(target, str) else self._kept[target.id]
        before = changes.snapshot(args, kwargs)
        try:
            with self._allowance.spent():
                value = function(*args, **kwargs)
            cache: Sequence[Any] = ()
            if name.endswith("_forward") and isinstance(value, tuple | list) and len(value) >= 2:
                cache = value[1:2]
                value = (value[0], self._keep(value[1]), *value[2:])
            data = self._data(value)
        except NotImplementedError as error:
            raise NotImplementedYet(str(error) or name, function=name) from None
        except Refused as error:
            raise NotData(f"returned {error}", function=name) from None
        except Interrupted:
            raise TimedOut("takes too long", function=name) from None
        except Exception as error:
            kind, text, _ = describe(error)
            if name.endswith("_forward"):
                self._changes.raised(function, before, inputs, error)
            raise Raised(f"{kind}: {text}" if text else kind, function=name) from None
        modified = self._changes.of(function, before, inputs, *cache)
        self.last_changed = [one_line(c, 100) for c in modified]
        return data

    def _data(self, value: Any) -> Any:
        """What would arrive over the wire."""
        if type(value) is Handle or value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) in (list, tuple):
            return type(value)(self._data(v) for v in value)
        if type(value) is dict:
            return {k: self._data(v) for k, v in value.items()}
        if type(value) is Tensor:
            return value.detach().clone()
        data = values.as_data(value, LIMIT)
        if data is values.NOT_DATA:
            return self._keep(value)
        return self._data(data)

    def _keep(self, value: Any) -> Handle:
        handle = Handle(len(self._kept), type(value).__name__)
        self._kept[handle.id] = value
        return handle


def _called_back(stand_in: Callable[..., Any]) -> Callable[..., Any]:
    """A stand-in as it is over the wire: whatever it raises is a ValueError there."""

    @functools.wraps(stand_in)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return stand_in(*args, **kwargs)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise ValueError(f"{stand_in.__name__}: {text}") from None

    return called
