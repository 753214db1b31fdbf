"""Which arguments a function modified in place, and a backward those of its forward."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import operator
from collections.abc import Callable
from typing import Any

import torch

from gradus.inside.unfinished import unfinished_cache
from gradus.wire.frames import flat_bytes

MAX_PATHS = 50
MAX_PARTS = 100  # of a cache that are looked at
_ABSENT = object()

Snapshot = tuple[tuple[Any, ...], dict[str, Any], list[tuple[Any, Any]]]
Received = list[tuple[torch.Tensor, torch.Tensor]]  # a function's own tensors, as they came


def snapshot(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Snapshot:
    """The arguments, and a shallow copy of every list, tuple and dict among them."""
    copies: list[tuple[Any, Any]] = []
    waiting: list[Any] = [*arguments, *keywords.values()]
    known: set[int] = set()  # a list may hold itself, or another one very often
    while waiting:
        value = waiting.pop()
        if id(value) in known:
            continue
        known.add(id(value))
        if type(value) is dict:
            copies.append((value, dict(value)))
            waiting.extend(value.values())
        elif type(value) is list or type(value) is tuple:
            copies.append((value, tuple(value)))
            waiting.extend(value)
    return arguments, keywords, copies


def changed(
    function: Callable[..., Any],
    before: Snapshot,
    inputs: Received,
) -> list[str]:
    """Paths of what was modified, "x", "params[0]", "params['w']", by the parameters' names.

    `inputs` are the tensors among the arguments, each with the values it was received with.
    """
    arguments, keywords, copies = before
    modified = {id(own) for own, received in inputs if not same(own, received)}
    modified |= {id(value) for value, copy in copies if not _intact(value, copy)}
    if not modified:
        return []
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {i}" for i in range(len(names), len(arguments))]
    by_id = {id(value): copy for value, copy in copies}
    found: list[str] = []
    walked: set[int] = set()

    def walk(path: str, value: Any) -> None:
        copy = by_id.get(id(value))
        if copy is None:
            if id(value) in modified:
                found.append(path)
            return
        if id(value) in walked:
            return
        walked.add(id(value))
        if len(value) != len(copy):
            found.append(path)
            return
        for key, item in copy.items() if type(copy) is dict else enumerate(copy):
            now = value.get(key, _ABSENT) if type(copy) is dict else value[key]
            if now is not item:
                found.append(f"{path}[{key!r}]")
            else:
                walk(f"{path}[{key!r}]", item)

    for name, value in [*zip(names, arguments, strict=False), *keywords.items()]:
        walk(name, value)
    return found[:MAX_PATHS]


class Changes:
    """What one call after the other modifies. A backward must also leave as it is what the last
    forward was given, for its cache may hold it."""

    def __init__(self) -> None:
        self._forward: tuple[Any, Callable[..., Any], Snapshot, Received] | None = None
        # The inputs of a forward that modifies them, or what is wrong in its cache; and the other.
        self._spoilt: Received = []
        self._given: list[torch.Tensor] = []  # to the last forward
        self._raised: tuple[Callable[..., Any], Snapshot, Received, BaseException] | None = None

    def of(
        self,
        function: Callable[..., Any],
        before: Snapshot,
        inputs: Received,
        cache: Any = _ABSENT,
    ) -> list[str]:
        """As `changed`, when all of a call is over; `cache` is what a forward has returned."""
        found, forward = changed(function, before, inputs), self._forward
        if forward and any(x is forward[0] for x in before[0]):
            since = changed(*forward[1:])
            return found + [f"{path} of its forward, which the cache holds," for path in since]
        self._raised = None
        lends = cache is not _ABSENT
        self._forward = (cache, function, before, inputs) if lends and not found else None
        if lends:
            self._given = [own for own, _ in inputs]
            self._spoilt = [(own, received.clone()) for own, received in inputs] if found else []
        return found

    def raised(
        self,
        function: Callable[..., Any],
        before: Snapshot,
        inputs: Received,
        error: BaseException,
    ) -> None:
        """A forward has ended in an error."""
        self._raised = function, before, inputs, error

    def unfinished(self) -> Any:
        """The cache that it was to return, as it can be had, from now on that of the last forward.
        Raises an error where none can, or no forward has raised."""
        if self._raised is None:
            raise LookupError
        function, before, inputs, error = self._raised
        cache = unfinished_cache(function, error)
        self.of(function, before, inputs, cache)
        return cache

    def mend(
        self,
        cache: Any,
        returned: torch.Tensor,
        right: torch.Tensor,
        kept: list[torch.Tensor],
        as_kept: bool,
    ) -> bool:
        """Let what is wrong in the last forward's cache be right: what it has `returned`, and what
        is none of what a right forward has `kept`, where as many of its size are missing, or one,
        or as many of any; in its own shape, or `as_kept`, which is False where that is no other.
        Of numbers it may keep where they are positive. `exchange` undoes it."""
        given = {x.data_ptr() for x in self._given}
        own = _tensors_in(cache)
        masks = [x > 0 for x in kept if x.is_floating_point()]
        masks = [x for x in masks if not any(map(near(x), kept))]
        right_ones = [x for x in own if any(map(near(x), [*kept, *masks]))]
        wrong = [x for x in own if not _among(x, right_ones) and x.data_ptr() not in given]
        missing = [x for x in [*kept, *masks] if not any(map(near(x), own))]
        found = [(x, y) for y in missing for x in own if near(x.flatten())(y.flatten())]
        missing = [y for y in missing if not _among(y, [y for _, y in found])]
        if not as_kept:  # the numbers are there, in another shape
            found = []
        elif found:  # which the backward is not to be blamed for
            self._forward = None
        left = []
        for x in wrong:
            kind = _shape_of if any(_shape_of(x) == _shape_of(y) for y in missing) else _size_of
            alike, places = ([y for y in of if kind(x) == kind(y)] for of in (missing, wrong))
            # A mask of zeros is what it returns, too, by chance.
            if same(x, returned) and not (alike and bool((x == x.flatten()[:1]).all())):
                found.append((x, right))
            elif len(alike) in (1, len(places)):  # one in all places, or each, as they come
                at = next(n for n, y in enumerate(places) if y is x) % len(alike)
                found.append((x, alike[at]))
            else:
                left.append(x)
        unused = [y for y in missing if not _among(y, [*masks, *(y for _, y in found)])]
        if len(left) == len(unused):
            found += zip(left, unused, strict=True)
        else:
            for which in set(map(_kind_of, unused)):
                places, alike = ([x for x in of if _kind_of(x) == which] for of in (left, unused))
                if len(places) == len(alike):
                    found += zip(places, alike, strict=True)
        if not as_kept:
            found = [(x, y.reshape(x.shape) if x.numel() == y.numel() else y) for x, y in found]
        elif all(x.shape == y.shape for x, y in found):
            return False
        # What has no numbers stands for something that a forward did not come to.
        self._spoilt = [(x, y.to(x.dtype if x.numel() else None, copy=True)) for x, y in found]
        return self.exchange()

    def exchange(self) -> bool:
        """Of a forward that has modified its inputs, which its cache may hold: let them be as they
        were received, and when it comes again, as the forward left them. False if none has."""
        for own, other in self._spoilt:
            with contextlib.suppress(Exception):  # it may be anything by now
                left = own.clone()
                for one, values in ((own, other.clone()), (other, left)):
                    if one.shape == values.shape:  # what is a view of it changes, too
                        one.copy_(values)
                    else:
                        one.data = values
        self._spoilt.reverse()  # undone from the end, where one is a view of another
        return bool(self._spoilt)


def _kind_of(x: torch.Tensor) -> bool | torch.dtype:
    """A mask of ones is no number 1."""
    return x.is_floating_point() or x.dtype


def _shape_of(x: torch.Tensor) -> tuple[Any, ...]:
    """What two tensors have in common of which one may stand in the other's place."""
    return _kind_of(x), x.shape


def _size_of(x: torch.Tensor) -> tuple[Any, ...]:
    """The same for a tensor in another shape."""
    return _shape_of(x.flatten())


def _among(one: torch.Tensor, others: list[torch.Tensor]) -> bool:
    """Whether it is one of them itself."""
    return any(one is other for other in others)


def _tensors_in(cache: Any) -> list[torch.Tensor]:
    """The tensors in a cache, which may be anything."""
    found: list[torch.Tensor] = []
    waiting = [cache]
    for _ in range(MAX_PARTS):
        if not waiting:
            break
        value = waiting.pop(0)
        strided = type(value) is torch.Tensor and value.layout is torch.strided
        if strided and not value.is_complex():
            found.append(value)
        elif type(value) in (list, tuple, dict):
            waiting += itertools.islice(value.values() if type(value) is dict else value, MAX_PARTS)
    return found


def near(one: torch.Tensor) -> Callable[[torch.Tensor], bool]:
    """Whether another tensor has its shape, kind and values, at the precision of both."""

    def is_near(other: torch.Tensor) -> bool:
        exact = one.dtype == other.dtype == torch.float64
        close = dict(rtol=1e-10 if exact else 1e-5, atol=1e-12 if exact else 1e-7)
        return _shape_of(one) == _shape_of(other) and torch.allclose(
            one.double(), other.double(), equal_nan=True, **close
        )

    return is_near


def same(own: torch.Tensor, received: torch.Tensor) -> bool:
    """Whether two tensors have the same type, shape and values, NaN included."""
    if own.shape != received.shape or own.dtype != received.dtype:
        return False
    # NaN equals nothing: only its bytes do.
    return torch.equal(own, received) or torch.equal(flat_bytes(own), flat_bytes(received))


def _intact(value: Any, copy: Any) -> bool:
    if len(value) != len(copy):
        return False
    if type(copy) is dict:
        return all(value.get(key, _ABSENT) is item for key, item in copy.items())
    return all(map(operator.is_, value, copy))
