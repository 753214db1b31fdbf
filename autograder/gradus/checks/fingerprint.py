"""What a function returned in a check, as a few numbers that tell nobody the value.

Of each output a check keeps two random projections of its *relative errors*: a wrong value that
was seen before is recognised by them, at the check's own tolerance, and neither the value nor a
formula can be read from them. Where values have other shapes, are NaN or infinite, and what was
raised instead, is a pattern beside the projections.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from gradus.checks.tolerance import largest_magnitude

# How far two projections of the same mistake may lie apart, by the precision of the result: the
# errors are relative, and a value that is right may be off by `tolerance.RELATIVE`.
_CLOSE = {torch.float32: 2e-4, torch.float16: 5e-2, torch.bfloat16: 5e-2}
_CLOSE_IN_FLOAT64 = 3e-6
# To what projections are rounded where they are kept. The second only tells apart what the first
# does not, one wrong value in 100,000: of those it leaves one in a hundred.
_KEPT, _KEPT_SECOND = 5e-7, 1e-3
_CLOSE_SECOND = 5e-3  # beside that: of many outputs together the rounding adds up


@dataclass(frozen=True)
class Seen:
    """One output in one comparison, that is wrong: a pattern, and its errors.

    Of what is no value the pattern is what is said of it: that tells two mistakes apart only where
    it says a number that was seen.
    """

    path: str  # "gradient of b"
    pattern: str
    errors: Tensor | None = None
    precision: torch.dtype = torch.float64

    @property
    def tells(self) -> bool:
        """Whether it tells one mistake from another."""
        return self.errors is not None or any(c.isdigit() for c in self.pattern)


@dataclass(frozen=True)
class Fingerprint:
    """Of all that was seen at one path, or in a whole check."""

    pattern: str
    first: float = 0.0
    second: float = 0.0

    def matches(self, other: Fingerprint, close: float = _CLOSE_IN_FLOAT64) -> bool:
        """Whether both come from the same wrong values."""
        return (
            self.pattern == other.pattern
            and abs(self.first - other.first) <= close
            and abs(self.second - other.second) <= max(close, _CLOSE_SECOND)
        )

    def packed(self, numbers: list[int]) -> bytes:
        """As data; what no compression makes smaller is added to `numbers`."""
        numbers += (round(self.first / _KEPT), round(self.second / _KEPT_SECOND))
        return bytes.fromhex(self.pattern)

    @classmethod
    def unpacked(cls, data: bytes, numbers: Iterator[int]) -> Fingerprint:
        """What `packed` made, with the next of the numbers."""
        return cls(data.hex(), next(numbers) * _KEPT, next(numbers) * _KEPT_SECOND)


@dataclass(frozen=True)
class Transcript:
    """What a run of a check has seen: a fingerprint for each path that is wrong somewhere."""

    paths: dict[str, Fingerprint]
    close: float = _CLOSE_IN_FLOAT64
    tells: bool = True  # one mistake from another
    has_values: bool = True

    @cached_property
    def whole(self) -> Fingerprint:
        """One fingerprint for all paths together."""
        pattern = _digest(f"{path}\0{found.pattern}" for path, found in sorted(self.paths.items()))
        weights = {path: 1 + _number(path) for path in self.paths}
        first, second = (
            sum(weights[path] * getattr(found, which) for path, found in self.paths.items())
            / math.sqrt(max(1, len(self.paths)))
            for which in ("first", "second")
        )
        return Fingerprint(pattern, first, second)


def observe(path: str, mine: Tensor, right: Tensor) -> Seen:
    """A wrong value, of the right shape or of another one."""
    value, precision = mine.double(), mine.dtype
    alike = mine.shape == right.shape
    if alike:
        expected = right.double()
        size = expected.abs()
        errors = (value - expected).div_(size.add_(1e-3 * largest_magnitude(expected) + 1e-12))
        kind = "v"
    else:
        errors, kind = value, f"s{tuple(mine.shape)}"
    if not math.isfinite(float(errors.sum())):
        if alike:  # infinities that are right
            errors = errors.masked_fill(value == expected, 0.0)
        odd = ~errors.isfinite()
        classes = value.isnan().int() + 2 * value.isposinf().int() + 3 * value.isneginf().int()
        if bool(odd.any()):
            kind += _digest([classes[odd].tolist().__repr__(), odd.nonzero().tolist().__repr__()])
            errors = errors.masked_fill(odd, 0.0)
    # Linear for small errors, and no value is so large that it hides the others.
    return Seen(path, kind, torch.asinh(errors).flatten(), precision)


def transcript(comparisons: Iterable[Sequence[Seen]]) -> Transcript:
    """The fingerprints of what was seen, comparison by comparison."""
    patterns: dict[str, list[str]] = {}
    sums: dict[str, list[float]] = {}
    coarsest, tells, has_values = _CLOSE_IN_FLOAT64, False, False
    for at, seen in enumerate(comparisons):
        for one in seen:
            tells, has_values = tells or one.tells, has_values or one.errors is not None
            patterns.setdefault(one.path, []).append(f"{at}:{one.pattern}")
            sum_ = sums.setdefault(one.path, [0.0, 0.0, 0])
            if one.errors is not None and one.errors.numel():
                coarsest = max(coarsest, _CLOSE.get(one.precision, 0.0))
                n = one.errors.numel()
                projected = _directions(n, at % 64) @ one.errors
                sum_[0] += float(projected[0])
                sum_[1] += float(projected[1])
                sum_[2] += n
    paths = {
        path: Fingerprint(
            _digest(found), *(x / math.sqrt(max(1, sums[path][2])) for x in sums[path][:2])
        )
        for path, found in patterns.items()
    }
    return Transcript(paths, coarsest, tells, has_values)


@lru_cache(256)
def _directions(size: int, at: int) -> Tensor:
    generator = torch.Generator().manual_seed(1 + 64 * size + at)
    return torch.randn(2, size, generator=generator, dtype=torch.float64)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()


def _number(text: str) -> float:
    """A number in [0, 1) that depends on the text."""
    return int(hashlib.blake2b(text.encode(), digest_size=4).hexdigest(), 16) / 2**32
