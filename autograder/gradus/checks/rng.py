"""Inputs of checks: seeded random ones, and numbers from paper."""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import Any

import torch
from torch import Tensor


def derive_seed(*parts: str) -> int:
    """A seed in [0, 2⁶³) that depends on every part: salt, topic, test."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def submission_seed(salt: str, *parts: str) -> int:
    """The seed of a submission's own randomness, which tells nothing of the inputs' seed: to try
    one salt after the other takes a tenth of a second for each."""
    return derive_seed(_slow_key(salt), *parts) % 2**31


@cache
def _slow_key(salt: str) -> str:
    return hashlib.scrypt(
        salt.encode(), salt=b"submission", n=2**15, r=8, p=1, maxmem=1 << 26
    ).hex()


def double(numbers: Any) -> Tensor:
    """A number, or nested lists of numbers, as a float64 tensor."""
    return torch.tensor(numbers, dtype=torch.float64)


_DIGITS = 24  # that are binary and behind the point: float32 has no room for all, a recording has


class Rng:
    """Random float64 tensors on the CPU; equal seeds give equal tensors."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self._first = True  # of the seeds

    def normal(self, *shape: int, mean: float = 0.0, std: float = 1.0) -> Tensor:
        """Draws from N(mean, std²)."""
        noise = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        return mean + _short(std * noise, std)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draws from U[low, high)."""
        noise = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return _short(low + (high - low) * noise, high - low)

    def away_from_zero(self, *shape: int, gap: float = 1 / 16) -> Tensor:
        """Normal draws pushed outward by `gap`, so that finite differences meet no kink at 0."""
        x = self.normal(*shape)
        return x + gap * torch.where(x < 0, -1.0, 1.0)

    def integers(self, *shape: int, low: int = 0, high: int) -> Tensor:
        """Draws int64 from {low, …, high − 1}."""
        return torch.randint(low, high, shape, generator=self.generator)

    def permutation(self, n: int) -> Tensor:
        """A permutation of 0 … n − 1."""
        return torch.randperm(n, generator=self.generator)

    def distinct(self, *shape: int) -> Tensor:
        """Values at least ⅛ apart in random order: no ties, no kink of a maximum nearby."""
        size = int(torch.Size(shape).numel())
        return (self.permutation(size).double() / 8 - size / 16 + 1 / 16).reshape(shape)

    def seed(self) -> int:
        """An integer to pass to a function that asks for a seed, in [0, 2³¹); a check's first is
        0, which `seed or default` forgets."""
        first, self._first = self._first, False
        return 0 if first else int(self.integers(1, high=2**31))


def _short(noise: Tensor, size: float) -> Tensor:
    """The middle of the step that each number lies in: never 0, and hardly ever the same twice."""
    step = 2.0 ** (math.frexp(size)[1] - 1 - _DIGITS)
    return ((noise / step).floor() + 0.5) * step
