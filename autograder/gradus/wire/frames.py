"""Data between the judge and a submission's process, in a form that msgpack carries; no pickle.

A value becomes a header and the raw bytes of its tensors. In the header every container is an
array that starts with a tag, so decoding needs no extension types and its depth, its items and
its bytes are bounded. Whatever does not decode is `Garbage`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_HEADER = 2 << 20  # bytes; an empty dict takes 1 byte here and 64 in memory
MAX_ITEMS = 250_000
MAX_DEPTH = 32
MAX_INT_BYTES = 512
LARGEST = 1 << 28  # product of the sizes that are not 0: a sum over an axis of 0 has so many values
ALIGN = 16

LIST, TUPLE, DICT, TENSOR, HANDLE, CALLBACK, INTEGER, BYTES = range(8)
DTYPES = {
    name: size
    for size, names in {
        1: "bool uint8 int8",
        2: "int16 uint16 float16 bfloat16",
        4: "int32 uint32 float32",
        8: "int64 uint64 float64 complex64",
        16: "complex128",
    }.items()
    for name in names.split()
}
_PLAIN = (type(None), bool, float)
_KEYS = (str, bool, type(None))


class Refused(Exception):
    """A value that is not data, or too much of it; the message says why."""


class Garbage(Exception):
    """What came over the wire is not a message."""


@dataclass(frozen=True)
class Handle:
    """A value that stays in the submission's process (a cache, a model), to be passed back."""

    id: int
    type_name: str


@dataclass(frozen=True)
class Callback:
    """A function of the judge's that the submission may call."""

    id: int
    name: str


class Encoder:
    """Turns one value into a header and the raw bytes beside it.

    `other(value, depth)` gets what is not plain data and returns something that is, or raises
    Refused; `limit` bounds the bytes of all tensors, strings and bytes together.
    """

    def __init__(self, limit: int, other: Callable[[Any], Any] | None = None) -> None:
        self.limit = limit
        self.other = other
        self.parts: list[Any] = []
        self.size = 0  # of the payload, padding included
        self.items = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        self.items += 1
        if kind in _PLAIN:
            return value
        if kind is str:
            self._count(4 * len(value))
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else self._integer(value)
        if depth > MAX_DEPTH:
            raise Refused(f"nested deeper than {MAX_DEPTH}")
        if kind is list or kind is tuple:
            if self.items + len(value) > MAX_ITEMS:
                raise Refused(f"more than {MAX_ITEMS} items")
            return [LIST if kind is list else TUPLE, *(self.encode(v, depth + 1) for v in value)]
        if kind is dict:
            return self._dict(value, depth)
        if kind is bytes:
            self._add(value, len(value))
            return [BYTES, len(value)]
        if kind is Handle:
            return [HANDLE, value.id, value.type_name]
        if kind is Callback:
            return [CALLBACK, value.id, value.name]
        if _is_plain_tensor(value):
            return self._tensor(value)
        if self.other is None:
            raise Refused(f"a value of type {kind.__name__} is not data")
        return self.encode(self.other(value), depth + 1)

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if self.items + 2 * len(value) > MAX_ITEMS:
            raise Refused(f"more than {MAX_ITEMS} items")
        out: list[Any] = [DICT]
        for key, item in value.items():
            # floats, tuples and long integers can be made to collide, which stalls a dict
            if type(key) not in _KEYS and not (type(key) is int and -(2**63) <= key < 2**63):
                raise Refused(f"a dict with a key of type {type(key).__name__} is not data")
            out += (key, self.encode(item, depth + 1))
        return out

    def _integer(self, value: int) -> Any:
        if value.bit_length() >= 8 * MAX_INT_BYTES:
            raise Refused(f"an integer of {value.bit_length()} bits")
        return [INTEGER, value.to_bytes(MAX_INT_BYTES, "little", signed=True)]

    def _tensor(self, tensor: Any) -> Any:
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise Refused(f"a tensor of dtype {dtype}")
        shape = list(tensor.shape)
        if not all(n < 2**31 for n in shape):
            raise Refused(f"a tensor of shape {tuple(shape)}")
        nbytes = math.prod(shape) * DTYPES[dtype]
        # Before anything is copied: an expanded tensor is large for free, and so is one without
        # values whose sum over an axis has billions.
        largest = nbytes or math.prod(n for n in shape if n) * DTYPES[dtype]
        self._count(largest)
        self.size -= largest
        self._add(flat_bytes(tensor).numpy() if nbytes else b"", nbytes)
        return [TENSOR, dtype, shape]

    def _add(self, raw: Any, nbytes: int) -> None:
        self._count(nbytes + -nbytes % ALIGN)
        self.parts.append(raw)
        if nbytes % ALIGN:
            self.parts.append(bytes(-nbytes % ALIGN))

    def _count(self, nbytes: int) -> None:
        self.size += nbytes
        if self.size > self.limit:
            raise Refused(f"more than {self.limit >> 20} MB")


def flat_bytes(tensor: Any) -> Any:
    """The values of a tensor with at least one, as a CPU tensor of uint8."""
    import torch

    tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    # a dimension of size 1 may have any stride, which a view as bytes does not accept
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)


def _is_plain_tensor(value: Any) -> bool:
    kind = type(value)
    if kind.__module__ != "torch" or kind.__name__ != "Tensor":
        return False
    import torch

    strided = kind is torch.Tensor and value.layout is torch.strided
    return strided and not value.is_meta and not value.is_quantized and not value.is_nested


class Decoder:
    """Turns a header and a payload into a value; raises Garbage at the first oddity.

    `resolve` maps a Handle or Callback to what stands for it on this side. Tensors share the
    payload's memory; `on_tensor(tensor)` may replace each (the worker copies, the judge does not).
    """

    def __init__(
        self,
        payload: bytearray,
        resolve: Callable[[Handle | Callback], Any],
        on_tensor: Callable[[Any], Any] | None = None,
    ) -> None:
        self.payload = payload
        self.resolve = resolve
        self.on_tensor = on_tensor
        self.offset = 0

    def decode(self, node: Any, depth: int = 0) -> Any:
        kind = type(node)
        if kind in _PLAIN or kind is str or kind is int:
            return node
        if kind is not list or not node or type(node[0]) is not int or depth > MAX_DEPTH + 8:
            raise Garbage("a malformed node")
        tag = node[0]
        if tag == LIST:
            return [self.decode(n, depth + 1) for n in node[1:]]
        if tag == TUPLE:
            return tuple(self.decode(n, depth + 1) for n in node[1:])
        if tag == DICT:
            return self._dict(node, depth)
        match node:
            case [3, str(dtype), list(shape)]:
                return self._tensor(dtype, shape)
            case [4, int(ident), str(name)]:
                return self.resolve(Handle(ident, name))
            case [5, int(ident), str(name)]:
                return self.resolve(Callback(ident, name))
            case [6, bytes(raw)] if len(raw) <= MAX_INT_BYTES:
                return int.from_bytes(raw, "little", signed=True)
            case [7, int(nbytes)]:
                return bytes(self._take(nbytes))
        raise Garbage("an unknown tag")

    def _dict(self, node: list[Any], depth: int) -> dict[Any, Any]:
        keys = node[1::2]
        if len(node) % 2 == 0 or not all(type(k) in (*_KEYS, int) for k in keys):
            raise Garbage("a malformed dict")
        return {k: self.decode(n, depth + 1) for k, n in zip(keys, node[2::2], strict=True)}

    def _tensor(self, dtype: str, shape: list[Any]) -> Any:
        if dtype not in DTYPES or len(shape) > 64:
            raise Garbage("a malformed tensor")
        if not all(type(n) is int and 0 <= n < 2**31 for n in shape):
            raise Garbage("a malformed shape")
        count = math.prod(shape)
        if (count or math.prod(n for n in shape if n)) > LARGEST:
            raise Garbage("an impossible shape")
        import torch

        kind = getattr(torch, dtype)
        if not count:
            tensor = torch.empty(shape, dtype=kind)
        elif kind is torch.bool:  # a byte other than 0 and 1 is no bool
            tensor = torch.frombuffer(self._take(count), dtype=torch.uint8).reshape(shape) != 0
        else:
            raw = self._take(count * DTYPES[dtype])
            tensor = torch.frombuffer(raw, dtype=kind).reshape(shape)
        return self.on_tensor(tensor) if self.on_tensor else tensor

    def _take(self, nbytes: int) -> memoryview:
        start, end = self.offset, self.offset + nbytes
        if nbytes < 0 or end > len(self.payload):
            raise Garbage("more bytes announced than sent")
        self.offset = end + -nbytes % ALIGN
        return memoryview(self.payload)[start:end]
