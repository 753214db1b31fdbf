"""Returns a tensor that is enormous for next to nothing. Not data: too large."""

import torch


def f(x):
    return torch.zeros(1).expand(1 << 40)


def honest(x):
    return x + 1
