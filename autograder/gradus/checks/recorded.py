"""Files of recordings: the known mistakes of each check, and what public checks compare.

Plain msgpack, compressed by LZMA, tensors as raw bytes with dtype and shape; no pickle. A recording
is for one file of tests and one salt, and is passed over where it was made for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgpack
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from gradus.checks.comparison import Comparison
from gradus.checks.known import Recorded, packed, unpacked
from gradus.course import UsageError
from gradus.digests import recording_file, tests_digest
from gradus.wire.frames import Decoder, Encoder, Handle, flat_bytes

try:
    import lzma
except ImportError as error:  # one that was compiled where liblzma was not
    raise UsageError(
        "this Python has no lzma: install liblzma (liblzma-dev, xz), then Python again, or another"
    ) from error

FORMAT = 11
_LIMIT = 64 << 20  # bytes of the tensors in one file
# A number's bytes are told by their place among the eight.
_OF_NUMBERS = [dict(id=lzma.FILTER_LZMA2, preset=9 | lzma.PRESET_EXTREME, lc=0, lp=3, pb=3)]
_OF_WORDS = [dict(id=lzma.FILTER_LZMA2, preset=9 | lzma.PRESET_EXTREME, lc=4, pb=0)]
_RIGHT = ("expected", "also", "out")  # of a Comparison: what is right, at its tolerance


@dataclass(frozen=True)
class Recording:
    """What was recorded of a topic's checks, and of which sources.

    `edges` are the calls that are made when a check has passed, `small` those when nothing explains
    why it has not; `many` one of a backward, to be repeated; `float32` the part of float32's
    tolerance that each check allows; `parameters` the names of each function's, `defaults` what
    they are when left out; `caches` what the solution keeps for each backward of a check; `uses`
    the functions that each may be expected to call; `unnoticed` the arguments ("train: epochs")
    that no check of their function notices.
    """

    sources: str  # a digest of all that it depends on
    tests: str  # a digest of the file of tests
    known: Recorded
    comparisons: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    unnoticed: Sequence[str] = ()
    edges: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    small: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    many: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    float32: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caches: Mapping[str, Sequence[Sequence[Tensor]]] = field(default_factory=dict)
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def packed(self) -> bytes:
        """The file's bytes."""
        encoder, tensors = Encoder(_LIMIT), _Tensors()
        calls = [
            encoder.encode(
                {
                    name: [
                        {f.name: tensors.kept(getattr(c, f.name), f.name) for f in fields(c)}
                        for c in comparisons
                    ]
                    for name, comparisons in of_checks.items()
                }
            )
            for of_checks in (self.comparisons, self.edges, self.small, self.many)
        ]
        caches = {
            name: tensors.kept(list(map(list, of_check)), "kept")
            for name, of_check in self.caches.items()
        }
        known, numbers = packed(self.known)
        content = {
            "sources": self.sources,
            "tests": self.tests,
            "known": known,
            "unnoticed": list(self.unnoticed),
            "calls": calls,
            "caches": encoder.encode(caches),
            "values": encoder.encode([*tensors.all, torch.tensor(numbers, dtype=torch.int64)]),
            "float32": dict(self.float32),
            "parameters": {name: list(names) for name, names in self.parameters.items()},
            "defaults": {name: dict(values) for name, values in self.defaults.items()},
            "uses": {name: list(names) for name, names in self.uses.items()},
        }
        raw = b"".join(bytes(part) for part in encoder.parts)
        data: bytes = msgpack.packb(
            {
                "format": FORMAT,
                "content": lzma.compress(msgpack.packb(content), filters=_OF_WORDS),
                "tensors": lzma.compress(raw, filters=_OF_NUMBERS),
            }
        )
        return data

    @classmethod
    def unpacked(cls, data: bytes) -> Recording:
        """What `packed` made; raises ValueError where it is something else."""
        try:
            file = msgpack.unpackb(data)
            if file["format"] != FORMAT:
                raise ValueError("made by another version of Gradus")
            content = msgpack.unpackb(lzma.decompress(file["content"]), strict_map_key=False)
            values = Decoder(bytearray(lzma.decompress(file["tensors"])), _nothing_opaque)
            *tensors, numbers = values.decode(content["values"])
            decoder = Decoder(bytearray(), lambda kept: tensors[kept.id].clone())
            compared, edges, small, many = (
                {name: [Comparison(**c) for c in found] for name, found in of_checks.items()}
                for of_checks in map(decoder.decode, content["calls"])
            )
            return cls(
                content["sources"],
                content["tests"],
                unpacked(content["known"], numbers.tolist()),
                compared,
                content["unnoticed"],
                edges,
                small,
                many,
                content["float32"],
                content["parameters"],
                content["defaults"],
                decoder.decode(content["caches"]),
                content["uses"],
            )
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"not a recording: {error}") from None


class _Tensors:
    """Each value is kept once, however many calls it occurs in; a Handle stands for it there."""

    def __init__(self) -> None:
        self.all: list[Tensor] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def kept(self, tree: Any, name: str) -> Any:
        """A Comparison's field of this name with a Handle in place of each tensor."""
        tree = tree_map_only(Tensor, _rounded, tree) if name in _RIGHT else tree
        return tree_map_only(Tensor, self._keep, tree)

    def _keep(self, tensor: Tensor) -> Handle:
        raw = flat_bytes(tensor).numpy().tobytes() if tensor.numel() else b""
        place = self._places.setdefault((tensor.dtype, tensor.shape, raw), len(self.all))
        if place == len(self.all):
            self.all.append(tensor)
        return Handle(place, "Tensor")


def _rounded(x: Tensor) -> Tensor:
    """float64 to 28 binary digits: by a hundredth, at most, of what the tolerance allows."""
    if x.dtype is not torch.float64:
        return x
    bits = x.contiguous().view(torch.int64)
    rounded = ((bits + (1 << 23)) & -(1 << 24)).view(torch.float64)
    return torch.where(rounded.isfinite(), rounded, x)


def _nothing_opaque(reference: Any) -> Any:
    raise ValueError("a recording holds data only")


def public_file(test_file: Path) -> Path:
    """Where the recording of public checks lies."""
    return test_file.with_suffix(".msgpack")


def load_recording(test_file: Path, salt: str) -> Recording | None:
    """The public recording beside the tests, or the hidden one for this salt, if there is one."""
    public = read_recording(public_file(test_file))
    if public is not None:
        return public
    found = read_recording(recording_file(test_file, salt))
    return found if found is not None and found.tests == tests_digest(test_file) else None


def read_recording(path: Path) -> Recording | None:
    """The recording in a file; None where there is none that can be read."""
    try:
        return Recording.unpacked(path.read_bytes())
    except (OSError, ValueError):
        return None
