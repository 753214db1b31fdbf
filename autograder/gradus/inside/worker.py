"""The submission's process: loads foreign code, calls its functions, answers with data.

Nothing here protects the judge: whatever this process sends is read as data of bounded size. It
only answers honestly for honest code, with the place and the reason of what went wrong.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import itertools
import random
import socket
import sys
from collections.abc import Callable, Collection
from typing import Any

import torch

from gradus.inside import changes, guard, loading, policy, values
from gradus.wire.channel import Channel, Closed
from gradus.wire.frames import Callback, Decoder, Handle, Refused

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "bad_alloc", "bad allocation")


class Worker:
    """Answers the judge's requests, each a tuple that starts with its name and number."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.loaded: loading.Loaded | None = None
        self.handles: dict[int, Any] = {}
        self.count = itertools.count(1)
        self.device = torch.device("cpu")
        self.inputs: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.replaced: dict[str, Any] = {}  # what the stand-ins of the check hide
        self.added: set[str] = set()  # stand-ins of what is missing
        self.number = 0
        self.guard: guard.Guard | None = None
        self.changes = changes.Changes()

    def serve(self) -> None:
        """Until the judge closes the socket."""
        self._send(("ready",))
        while True:
            self.inputs = []
            node, payload = self.channel.receive_raw()
            name, self.number = node[1:3]
            try:
                _, _, *arguments = Decoder(payload, self._resolve, self._own).decode(node)
                reply = getattr(self, f"do_{name}")(*arguments)
            except LookupError:
                reply = ("stale",)
            except MemoryError:
                reply = ("memory",)
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                pass
            self._send(reply)

    def do_load(
        self, filename: str, source: bytes, forbid: list[str], device: str, first_handle: int
    ) -> tuple[Any, ...]:
        """Sends what the source alone shows before any of it runs, then runs it."""
        try:
            read = loading.read(filename, source)
        except loading.Unreadable as error:
            return ("unreadable", error.message, error.location)
        found, calls = policy.inspect([(cell.tree, cell.file) for cell in read.cells], forbid)
        self._send(("read", found, calls))
        if forbid:
            self.guard = guard.guard_for(tuple(forbid), device)
        self.count = itertools.count(first_handle)
        if device != "cpu":
            self.device = torch.device(device)
        try:
            self.loaded = loading.execute(read)
        except loading.Exited as error:
            return ("exited", str(error))
        return ("loaded", self.loaded.functions, self.loaded.notes)

    def do_begin(self, seed: int, stand_ins: dict[str, Any]) -> tuple[Any, ...]:
        """A new check: no handles, random numbers that can be repeated, stand-ins in place."""
        self.handles.clear()
        assert self.loaded is not None
        names = self.loaded.module.__dict__
        names.update(self.replaced)
        for name in self.added:
            names.pop(name, None)
        self.replaced = {name: names[name] for name in stand_ins if name in names}
        self.added = set(stand_ins) - set(self.replaced)
        names.update(stand_ins)
        _seed(seed, self.device)
        return ("begun",)

    def do_call(
        self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], cached: bool
    ) -> tuple[Any, ...]:
        """Calls a function by name, or a handle."""
        assert self.loaded is not None
        function = self.loaded.module.__dict__[target] if type(target) is str else target
        before = changes.snapshot(arguments, keywords)
        if self.guard is None:
            return self._called(function, arguments, keywords, cached, before)
        self.guard.uses.clear()
        reply = self._called(function, arguments, keywords, cached, before)
        return ("forbidden", *self.guard.uses[0]) if self.guard.uses else reply

    def do_exchange(self) -> tuple[Any, ...]:
        """As Changes.exchange."""
        return ("exchanged", _done(self.changes.exchange))

    def do_unfinished(self) -> tuple[Any, ...]:
        """As Changes.unfinished."""
        if self.guard is not None:
            self.guard.uses.clear()
        try:
            cache = self.changes.unfinished()
        except Exception:
            return ("unfinished", None)
        forbidden = self.guard is not None and self.guard.uses
        return ("unfinished", None if forbidden else self._keep(cache))

    def do_mend(self, cache: Any, *right: Any) -> tuple[Any, ...]:
        """As Changes.mend."""
        return ("mended", _done(self.changes.mend, cache, *right))

    def _called(
        self, function: Any, arguments: Any, keywords: Any, cached: bool, before: Any
    ) -> tuple[Any, ...]:
        try:
            value, cache = function(*arguments, **keywords), ()
            if cached and issubclass(type(value), (tuple, list)) and len(value) >= 2:
                cache = value[1:2]
                value = (value[0], self._keep(value[1]), *value[2:])
            if type(value) in values.ITERATORS:
                value = values.consumed(value)
            notes: list[str] = []
            if self.device.type == "cuda":
                notes = _devices(value, self.device)
            return ("value", value, self.changes.of(function, before, self.inputs, *cache), notes)
        except MemoryError:
            return ("memory",)
        except Refused as error:
            return ("refused", str(error))
        except BaseException as error:
            kind, text, location = loading.describe(error)
            through = loading.places(error)
            if isinstance(error, NotImplementedError):
                return ("not_implemented", through[-1][0] if through else "", text, location)
            if isinstance(error, RuntimeError) and any(t in text for t in _OUT_OF_MEMORY):
                return ("memory",)
            if len(through) > 1 and through[-1][0] != through[-2][0]:
                (caller, place), (raising, _) = through[-2:]
                text += f"\nin {raising}, which {caller} calls ({place})"
            if cached:
                self.changes.raised(function, before, self.inputs, error)
            return ("raised", kind, text, location)

    def _send(self, reply: tuple[Any, ...]) -> None:
        try:
            self.channel.send((self.number, *reply), self._tame)
        except Refused as error:
            self.channel.send((self.number, "refused", str(error)))
        except MemoryError:
            self.channel.send((self.number, "memory"))
        except Closed:
            raise
        except Exception as error:
            kind, text, _ = loading.describe(error)
            self.channel.send((self.number, "refused", f"{kind}: {text}"))

    def _tame(self, value: Any) -> Any:
        data = values.as_data(value, self.channel.limit)
        return self._keep(value) if data is values.NOT_DATA else data

    def _keep(self, value: Any) -> Handle:
        ident = next(self.count)
        self.handles[ident] = value
        return Handle(ident, loading.type_name(value))

    def _resolve(self, reference: Handle | Callback) -> Any:
        if isinstance(reference, Handle):
            return self.handles[reference.id]
        ident, name = reference.id, reference.name

        def callback(*arguments: Any, **keywords: Any) -> Any:
            self._send(("callback", ident, arguments, keywords))
            node, payload = self.channel.receive_raw()
            reply = Decoder(payload, self._resolve, self._moved).decode(node)
            if reply[0] == "value":
                return reply[2]
            raise ValueError(f"{name}: {reply[2]}")

        callback.__name__ = name
        return callback

    def _own(self, received: torch.Tensor) -> torch.Tensor:
        """The student's copy of an argument; the received bytes stay for the comparison."""
        own = self._moved(received)
        self.inputs.append((own, received))
        return own

    def _moved(self, received: torch.Tensor) -> torch.Tensor:
        """A copy of its own memory, where the student computes."""
        return received.clone() if self.device.type == "cpu" else received.to(self.device)


def _done(change: Callable[..., bool], *arguments: Any) -> bool:
    """What it returns; False where what the submission keeps does not bear it."""
    try:
        return change(*arguments)
    except Exception:
        return False


def _seed(seed: int, device: torch.device) -> None:
    # torch.manual_seed keeps a traceback for each kind of device that is not in use.
    (torch.default_generator if device.type == "cpu" else torch).manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def _devices(value: Any, device: torch.device) -> list[str]:
    """A note when a tensor of the result is on another device than the inputs were."""
    parts = value if isinstance(value, tuple | list) else [value]
    other = {v.device.type for v in parts if isinstance(v, torch.Tensor)} - {device.type}
    return [f"the result is on {o}, the inputs were on {device.type}" for o in sorted(other)]


def run(sock: socket.socket, message_bytes: int) -> None:
    """Serves on `sock` until the judge is gone."""
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    torch.set_num_threads(1)
    gc.freeze()
    with contextlib.suppress(Closed):
        Worker(Channel(sock, message_bytes)).serve()


def warm_up(forbid: Collection[str], device: str) -> None:
    """Touches what every submission needs first, so that a fork finds it in place."""
    torch.set_num_threads(1)
    if forbid:
        guard.guard_for(tuple(forbid), device)
    _seed(0, torch.device("cpu"))
    x = torch.ones(2, 2, dtype=torch.float64)
    changes.same(x @ x, x)
    loading.execute(loading.read("warm_up.py", b"def f(x):\n    return x\n"))
