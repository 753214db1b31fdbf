"""The submission's process: loads foreign code, calls its functions, answers with data.

Nothing here protects the judge: whatever this process sends is read as data of bounded size. It
only answers honestly for honest code, with the place and the reason of what went wrong.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import inspect
import itertools
import random
import socket
import sys
import types
from typing import Any

import torch

from gradus.submission import guard, loading, policy
from gradus.submission.wire import (
    DTYPES,
    Callback,
    Channel,
    Closed,
    Decoder,
    Handle,
    Refused,
    flat_bytes,
)

ITERATORS = (types.GeneratorType, map, zip, filter, enumerate, range, reversed, itertools.chain)
MAX_GENERATED = 100_000
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "bad_alloc", "bad allocation")


class Worker:
    """Answers the judge's requests, each a tuple that starts with its name and number."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.loaded: loading.Loaded | None = None
        self.handles: dict[int, Any] = {}
        self.count = itertools.count(1)
        self.device = torch.device("cpu")
        self.inputs: list[tuple[Any, Any, str]] = []
        self.replaced: dict[str, Any] = {}  # what the stand-ins of the check hide
        self.number = 0
        self.guard: guard.Guard | None = None

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
        uses = policy.inspect([(cell.tree, cell.file) for cell in read.cells], forbid)
        self._send(("read", uses.found, uses.calls))
        if forbid:
            self.guard = guard.Guard(forbid, device)
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
        self.replaced = {name: names[name] for name in stand_ins if name in names}
        names.update(stand_ins)
        torch.manual_seed(seed)
        random.seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed % 2**32)
        return ("begun",)

    def do_call(
        self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], cached: bool
    ) -> tuple[Any, ...]:
        """Calls a function by name, or a handle."""
        assert self.loaded is not None
        function = self.loaded.module.__dict__[target] if type(target) is str else target
        before = _snapshot(arguments, keywords)
        if self.guard is None:
            return self._called(function, arguments, keywords, cached, before)
        self.guard.uses.clear()
        reply = self._called(function, arguments, keywords, cached, before)
        return ("forbidden", *self.guard.uses[0]) if self.guard.uses else reply

    def _called(
        self, function: Any, arguments: Any, keywords: Any, cached: bool, before: Any
    ) -> tuple[Any, ...]:
        try:
            value = function(*arguments, **keywords)
            if cached and issubclass(type(value), (tuple, list)) and len(value) >= 2:
                value = (value[0], self._keep(value[1]), *value[2:])
            if type(value) in ITERATORS:
                value = _consumed(value)
            notes: list[str] = []
            if self.device.type == "cuda":
                notes = _devices(value, self.device)
            return ("value", value, _changed(function, before, self.inputs), notes)
        except MemoryError:
            return ("memory",)
        except Refused as error:
            return ("refused", str(error))
        except BaseException as error:
            kind, text, location = loading.describe(error)
            if isinstance(error, NotImplementedError):
                return ("not_implemented", _function_of(error), text, location)
            if isinstance(error, RuntimeError) and any(t in text for t in _OUT_OF_MEMORY):
                return ("memory",)
            return ("raised", kind, text, location)

    def _send(self, reply: tuple[Any, ...]) -> None:
        try:
            self.channel.send((self.number, *reply), self._tame)
        except Refused as error:
            self.channel.send((self.number, "refused", str(error)))
        except MemoryError:
            self.channel.send((self.number, "memory"))
        except Exception as error:
            kind, text, _ = loading.describe(error)
            self.channel.send((self.number, "refused", f"{kind}: {text}"))

    def _tame(self, value: Any) -> Any:
        """What stands for `value` on the wire: exact built-in types, plain tensors, handles."""
        kind = type(value)
        mro = type.__dict__["__mro__"].__get__(kind)  # what it is, whatever it says it is
        if torch.Tensor in mro:
            return _plain(value, self.channel.limit)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            if numpy.ndarray in mro:
                name = value.dtype.name
                if name not in DTYPES or value.nbytes > self.channel.limit:
                    raise Refused(f"an array of dtype {name} and shape {value.shape}")
                return torch.from_numpy(numpy.array(value, dtype=name, subok=False))
            if numpy.generic in mro:
                return value.item()
        if kind in ITERATORS:
            return _consumed(value)
        # the base class's own methods: a subclass may lie about its contents
        if str in mro:
            return str.__getitem__(value, slice(None))
        if int in mro:
            return int.__add__(value, 0)
        if float in mro:
            return float.__add__(value, 0.0)
        if tuple in mro:
            return tuple(tuple.__iter__(value))
        if list in mro:
            return list(list.__iter__(value))
        if dict in mro:
            return dict(dict.items(value))
        if bytes in mro or kind is bytearray or kind is memoryview:
            return bytes(value)
        return self._keep(value)

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
            reply = Decoder(payload, self._resolve, torch.Tensor.clone).decode(node)
            if reply[0] == "value":
                return reply[2]
            raise ValueError(f"{name}: {reply[2]}")

        callback.__name__ = name
        return callback

    def _own(self, received: torch.Tensor) -> torch.Tensor:
        """The student's copy of an argument; the received bytes stay for the comparison."""
        own = received.clone() if self.device.type == "cpu" else received.to(self.device)
        self.inputs.append((own, received, ""))
        return own


def _consumed(iterator: Any) -> list[Any]:
    items = list(itertools.islice(iterator, MAX_GENERATED + 1))
    if len(items) > MAX_GENERATED:
        raise Refused(f"an iterator of more than {MAX_GENERATED} items")
    return items


def _plain(value: torch.Tensor, limit: int) -> torch.Tensor:
    """A strided tensor of exactly torch.Tensor with the values of `value`."""
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        if type(value) is not torch.Tensor:
            value = torch.Tensor.as_subclass(value, torch.Tensor)
        if value.device.type == "meta":
            raise Refused("a tensor on the meta device has no values")
        if value.is_nested:
            raise Refused("a nested tensor")
        if value.numel() > limit:
            raise Refused(f"a tensor of shape {tuple(value.shape)} is more than {limit >> 20} MB")
        if value.is_quantized:
            value = value.dequantize()
        if value.layout is not torch.strided:
            value = value.to_dense()
        value = value.detach()
        if type(value) is not torch.Tensor or value.layout is not torch.strided:
            raise Refused(f"a tensor of type {type(value).__name__}")
        return value


def _snapshot(
    arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], list[tuple[Any, Any]]]:
    """The arguments and a shallow copy of every list and dict among them."""
    containers: list[tuple[Any, Any]] = []
    stack: list[Any] = [*arguments, *keywords.values()]
    while stack:
        value = stack.pop()
        if type(value) is list or type(value) is tuple:
            containers.append((value, tuple(value)))
            stack.extend(value)
        elif type(value) is dict:
            containers.append((value, dict(value)))
            stack.extend(value.values())
    return arguments, keywords, containers


def _changed(function: Any, before: Any, inputs: list[tuple[Any, Any, str]]) -> list[str]:
    """Paths of the arguments that were modified in place: "x", "params[0]", "params['w']"."""
    arguments, keywords, containers = before
    guilty = {id(own) for own, received, _ in inputs if not _same(own, received)}
    for value, copy in containers:
        if len(value) != len(copy):
            guilty.add(id(value))
    originals = {id(value): copy for value, copy in containers}
    moved = any(
        a is not b
        for value, copy in containers
        if type(value) is not tuple and len(value) == len(copy)
        for a, b in _pairs(value, copy)
    )
    if not guilty and not moved:
        return []
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {i}" for i in range(len(names), len(arguments))]
    found: list[str] = []

    def walk(path: str, value: Any) -> None:
        if id(value) in guilty:
            found.append(path)
        copy = originals.get(id(value))
        if copy is None:
            return
        items = copy.items() if type(copy) is dict else enumerate(copy)
        for key, item in items:
            now = value.get(key) if type(value) is dict else value[key : key + 1]
            now = now[0] if type(now) in (list, tuple) and type(value) is not dict and now else now
            if now is not item and id(value) not in guilty:
                found.append(f"{path}[{key!r}]")
            else:
                walk(f"{path}[{key!r}]", item)

    for name, value in [*zip(names, arguments, strict=False), *keywords.items()]:
        walk(name, value)
    return found[:50]


def _pairs(value: Any, copy: Any) -> Any:
    if type(value) is dict:
        missing = object()
        return ((value.get(k, missing), v) for k, v in copy.items())
    return zip(value, copy, strict=True)


def _same(own: torch.Tensor, received: torch.Tensor) -> bool:
    if own.shape != received.shape or own.dtype != received.dtype:
        return False
    return not received.numel() or torch.equal(flat_bytes(own), flat_bytes(received))


def _devices(value: Any, device: torch.device) -> list[str]:
    """A note when a tensor of the result is on another device than the inputs were."""
    values = value if isinstance(value, tuple | list) else [value]
    other = {v.device.type for v in values if isinstance(v, torch.Tensor)} - {device.type}
    return [f"the result is on {o}, the inputs were on {device.type}" for o in sorted(other)]


def _function_of(error: BaseException) -> str:
    """The submission's function that raised, as its traceback says."""
    name = ""
    trace = error.__traceback__
    while trace is not None:
        if loading.is_foreign(trace.tb_frame.f_code.co_filename):
            name = trace.tb_frame.f_code.co_name
        trace = trace.tb_next
    return name


def run(sock: socket.socket, message_bytes: int) -> None:
    """Serves on `sock` until the judge is gone."""
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    torch.set_num_threads(1)
    gc.freeze()
    with contextlib.suppress(Closed):
        Worker(Channel(sock, message_bytes)).serve()


def connect(number: str) -> socket.socket:
    """The judge's socket: an inherited descriptor, or shared through stdin on Windows."""
    if sys.platform == "win32":
        size = int.from_bytes(sys.stdin.buffer.read(4), "little")
        return socket.fromshare(sys.stdin.buffer.read(size))
    return socket.socket(fileno=int(number))


def warm_up() -> None:
    """Touches what every submission needs first, so that a fork finds it in place."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.ones(2, 2, dtype=torch.float64)
    _same(x @ x, x)
    loading.execute(loading.read("warm_up.py", b"def f(x):\n    return x\n"))


if __name__ == "__main__":
    if sys.platform != "win32":
        from gradus.submission.contain import limit_resources

        linux = sys.platform == "linux"  # elsewhere the address space says nothing about memory
        limit_resources(int(sys.argv[3]) if linux else 0, int(sys.argv[4]))
    run(connect(sys.argv[1]), int(sys.argv[2]))
