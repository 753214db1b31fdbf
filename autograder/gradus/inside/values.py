"""What a function returned, as data: exact built-in types and plain tensors, of bounded size."""

from __future__ import annotations

import io
import itertools
import sys
import types
from typing import Any

import torch

from gradus.wire.frames import DTYPES, Refused

ITERATORS = (types.GeneratorType, map, zip, filter, enumerate, range, reversed, itertools.chain)
MAX_GENERATED = 100_000
NOT_DATA = object()
PIXELS_PER_INCH = 150


def as_data(value: Any, limit: int) -> Any:
    """What stands for `value` on the wire, one level deep; NOT_DATA for an opaque object.

    Raises Refused for a tensor or iterator without values, or with more than `limit` bytes.
    """
    kind = type(value)
    mro = type.__dict__["__mro__"].__get__(kind)  # what it is, whatever it says it is
    if torch.Tensor in mro:
        return _plain_tensor(value, limit)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if numpy.ndarray in mro:
            name = value.dtype.name
            if name not in DTYPES or value.nbytes > limit:
                raise Refused(f"an array of dtype {name} and shape {value.shape}")
            return torch.from_numpy(numpy.array(value, dtype=name, subok=False))
        if numpy.generic in mro:
            return value.item()
    matplotlib = sys.modules.get("matplotlib.figure")
    if matplotlib is not None and matplotlib.Figure in mro:
        return as_png(value)
    if kind in ITERATORS:
        return consumed(value)
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
    return NOT_DATA


def consumed(iterator: Any) -> list[Any]:
    """The items of an iterator; Refused when there are too many."""
    items = list(itertools.islice(iterator, MAX_GENERATED + 1))
    if len(items) > MAX_GENERATED:
        raise Refused(f"an iterator of more than {MAX_GENERATED} items")
    return items


def as_png(figure: Any) -> bytes:
    """A figure of matplotlib's as a picture: what `gradus show` is sent."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=PIXELS_PER_INCH)
    return file.getvalue()


def _plain_tensor(value: torch.Tensor, limit: int) -> torch.Tensor:
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
