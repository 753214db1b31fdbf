"""Returns a wrapper subclass whose every operator is the submission's own. No value, no harm."""

import torch


class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (3,), dtype=torch.float32)

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return Wrapper()


def f(x):
    return Wrapper()


def honest(x):
    return x + 1
