"""Returns containers that lie about their class, length and contents. Bounded, in any case."""

import torch


class LyingList(list):
    def __len__(self):
        return 1 << 60

    def __iter__(self):
        return iter(int, 1)

    def __getitem__(self, index):
        raise SystemExit


class LyingDict(dict):
    def items(self):
        return iter(lambda: ("k", "v"), None)


class Impostor:
    @property
    def __class__(self):
        return torch.Tensor

    def __getattr__(self, name):
        raise KeyboardInterrupt


class LyingText(str):
    def __len__(self):
        return 5

    def encode(self, *args):
        raise SystemExit


class LyingNumber(int):
    def __index__(self):
        return 1 << 100_000

    __int__ = __add__ = __index__


def f(x):
    return [LyingList([1, 2]), LyingDict(a=1), LyingText("text"), LyingNumber(3), Impostor()]


def honest(x):
    return x + 1
